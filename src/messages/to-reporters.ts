/**
 * Every message to reporters: what it is made from, and its subject. What may go in clear holds nothing of a report, or a
 * maintainer's own words (G3, G6).
 */
import { type VisibleEncryption } from '../domain/message.ts'
import { type Definition, define, type What } from './define.ts'

/** The first answer, by a program: the same whether opening succeeded, failed or was not tried (G6). */
export const acknowledgement = define<{
  readonly received: string
  /** '' when the policy promises no time. */
  readonly answerBy: string
  readonly answerIncludes: string
  readonly isFirm: boolean
  readonly policy: string
  readonly rules: readonly string[]
  readonly checklist: readonly string[]
  readonly sealedTo: VisibleEncryption
  readonly keyIds: string
  /** Whether the policy answers unencrypted who began so. */
  readonly isClearAllowed: boolean
}>()({
  kind: 'acknowledgement',
  noun: 'acknowledgement',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-replied',
  subject: 'We received your report'
})

/** One message a day to somebody who sends many reports: the numbers of those that got no acknowledgement of their own (B11). */
export const furtherReports = define<{
  readonly tags: readonly string[]
  /** Reports within 24 hours that are each acknowledged. */
  readonly reportsADay: number
}>()({
  kind: 'further-reports',
  noun: 'list of further reports',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-replied',
  subject: 'Your further reports'
})

type Words = { readonly author: string; readonly text: string }
type Decision = Words & { readonly decision: string }

/** What a maintainer writes or decides: in clear only where the policy allows it (G3). */
function ownWords<P extends object>() {
  return <const K extends string>(
    what: Pick<What<K, P, 'own-words'>, 'kind' | 'noun' | 'subject'> &
      Partial<Pick<What<K, P, 'own-words'>, 'autoSubmitted'>>
  ): Definition<K, P, 'own-words'> =>
    define<P>()({ audience: 'reporter', inClear: 'own-words', autoSubmitted: 'no', ...what })
}

/** A maintainer's words. */
export const reply = ownWords<Words>()({
  kind: 'reply',
  noun: 'answer',
  subject: 'About your report'
})

/** The report is confirmed. */
export const accepted = ownWords<Decision>()({
  kind: 'accepted',
  noun: 'acceptance',
  subject: 'Your report is accepted'
})

/** The report is not treated as a security issue. */
export const rejected = ownWords<Decision>()({
  kind: 'rejected',
  noun: 'rejection',
  subject: 'Our decision on your report'
})

/** The case is closed. */
export const closed = ownWords<Decision>()({
  kind: 'closed',
  noun: 'message about the closed case',
  subject: 'We have closed your report'
})

/** The case is open again, for whom was told that it had ended. */
export const reopened = ownWords<Decision>()({
  kind: 'reopened',
  noun: 'message about the reopened case',
  subject: 'We have opened your report again'
})

/** The report is handled together with another one (B14). */
export const merged = ownWords<Decision>()({
  kind: 'merged',
  noun: 'message about the merged case',
  subject: 'How we go on with your report'
})

/** Asks for a key, because an answer waits. */
export const keyRequest = define<object>()({
  kind: 'key-request',
  noun: 'request for a key',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-generated',
  subject: 'We need something from you'
})

/** Asks for the report once more. */
export const resendRequest = define<object>()({
  kind: 'resend-request',
  noun: 'request to send the report again',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-generated',
  subject: 'We need something from you'
})

/** Puts a date to the reporter when it is proposed (M-22). */
export const dateProposed = ownWords<{
  readonly date: string
  /** The date that stood before; '' for the first one. */
  readonly before: string
}>()({
  kind: 'date-proposed',
  noun: 'proposed date',
  autoSubmitted: 'auto-generated',
  subject: 'Does this date suit you?'
})

/** The date on which it becomes public. */
export const dateNotice = ownWords<{
  readonly product: string
  readonly disclosure: string
  /** The date that stood before; '' when the list is told for the first time. */
  readonly before: string
}>()({
  kind: 'date-notice',
  noun: 'date of disclosure',
  autoSubmitted: 'auto-generated',
  subject: 'Date of disclosure'
})
