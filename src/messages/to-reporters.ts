/**
 * Every message to reporters: what it is made from, and its subject. What may go in clear holds nothing of a report, or a
 * maintainer's own words (G3, G6).
 */
import { type VisibleEncryption } from '../domain/message.ts'
import { type Policy } from '../domain/settings.ts'
import { family } from './define.ts'

const automaticAnswer = family('reporter', 'content-free', 'auto-replied')
const request = family('reporter', 'content-free', 'auto-generated')
/** A maintainer's words and decisions: in clear only where the policy allows it (G3). */
const ownWords = family('reporter', 'own-words', 'no')
const aboutDate = family('reporter', 'own-words', 'auto-generated')

/** The first answer, by a program: the same whether opening succeeded, failed or was not tried (G6). */
export const acknowledgement = automaticAnswer<{
  readonly received: string
  /** '' when no time is promised. */
  readonly answerBy: string
  /** Whether that time has passed: the desk was down. */
  readonly isLate: boolean
  /** Whether it leaves more than an hour after the report came. */
  readonly isDelayed: boolean
  readonly isFirm: boolean
  /** The parts of the policy that are the same for all products that the message may be about; '' for those that differ. */
  readonly policy: Pick<Policy, 'title' | 'answer_includes' | 'reporter_rules' | 'report_checklist'>
  readonly sealedTo: VisibleEncryption
  readonly keyIds: string
  /** Whether an unencrypted report may be answered unencrypted. */
  readonly isClearAllowed: boolean
  /** The fingerprint of the key that answers are encrypted to; '' for none. */
  readonly yourKey: string
}>()('acknowledgement', 'acknowledgement', 'We received your report')

/** One message a day to somebody who sends many reports: the numbers of those that were not acknowledged one by one (B11). */
export const furtherReports = automaticAnswer<{
  readonly tags: readonly string[]
  /** Reports within 24 hours that are each acknowledged. */
  readonly reportsADay: number
}>()('further-reports', 'list of further reports', 'Your further reports')

type Words = { readonly author: string; readonly text: string }
type Decision = Words & { readonly decision: string }

/** A maintainer's words. */
export const reply = ownWords<Words>()('reply', 'answer', 'About your report')

/** The report is confirmed. */
export const accepted = ownWords<Decision>()('accepted', 'acceptance', 'Your report is accepted')

/** The report is not treated as a security issue. */
export const rejected = ownWords<Decision>()('rejected', 'rejection', 'Our decision on your report')

/** The case is closed. */
export const closed = ownWords<Decision>()(
  'closed',
  'message about the closed case',
  'We have closed your case'
)

/** The case is open again; for reporters who were told that it had ended. */
export const reopened = ownWords<Decision>()(
  'reopened',
  'message about the reopened case',
  'Your case is open again'
)

/** The report is handled together with another one (B14). */
export const merged = ownWords<Decision>()(
  'merged',
  'message about the merged case',
  'How we go on with your report'
)

/** Asks for a key, because an answer waits. */
export const keyRequest = request<object>()(
  'key-request',
  'request for a key',
  'Please send us your OpenPGP key'
)

/** Asks for the report once more. */
export const resendRequest = request<object>()(
  'resend-request',
  'request to send the report again',
  'Please send your message again'
)

/** Asks the reporter about a date when it is proposed (M-22). */
export const dateProposed = aboutDate<{
  readonly date: string
  /** The date that stood before; '' for the first one. */
  readonly before: string
}>()('date-proposed', 'proposed date', 'Does this date suit you?')

/** Tells the reporter the date on which the issue becomes public, and later what changes in it or in the notice (B16). */
export const dateNotice = aboutDate<{
  readonly product: string
  readonly disclosure: string
  /** `change`: the date stays. `over`: it came while the list was told. `public`: it is when the issue became public. */
  readonly word: 'date' | 'change' | 'over' | 'public'
  /** The date that the reporter was told before; '' for none or the same. */
  readonly before: string
  /** Names of what else changed in the notice; '' for nothing, and for who knew no date. */
  readonly changed: string
}>()('date-notice', 'message about the disclosure', 'About the disclosure')
