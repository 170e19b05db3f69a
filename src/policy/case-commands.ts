/**
 * The commands that move a case and talk to its reporter (practice.md §6, M-10, M-13, M-16). Pure: each takes a draft and
 * returns a new one with its decisions, or the reason why not.
 */

import { type CaseState, isOpen } from '../domain/case.ts'
import { type UpdateCase } from '../domain/decision.ts'
import { formatInstant } from '../domain/time.ts'
import { countAnswer } from './acknowledgement.ts'
import { quotes } from './commands.ts'
import { accepted, type CommandContext, type Draft, type Handler, refused } from './draft.ts'
import { hasQuotation, namesDesk, newText, quotingText } from './new-text.ts'
import { reporterPath } from './recipients.ts'
import { contentFree, decisionMail, message, toReporter, withActivity } from './reporter-mail.ts'
import { statusBlock } from './status.ts'

const HELP = `Commands stand at the top of a signed and encrypted mail, one a line:
  /status                  where the case stands and what is missing
  /reply                   the text below goes to the reporter, sealed, without what it quotes
  /reply quote             the same with the text that it quotes
  /note                    the text below stays among the maintainers (so does a plain reply)
  /ask                     asks the reporter to send the report again, or the text below as a question
  /take                    makes the case yours
  /acknowledge             sends the acknowledgement that the desk holds back
  /accept                  accepts the report and tells the reporter
  /reject CODE <<reason>>  rejects it and tells the reporter why
  /close [reason]          closes the case
  /key accept FINGERPRINT  answers to the reporter are sealed to this key from now on
  /embargo INSTANT         sets the disclosure, for example 2026-12-01T13:00:00Z [because REASON]
  /notice draft            the lines below are its fields (key: value, or key: << ... >>); attach patches
  /notice preview          sends every maintainer exactly what the list would read, with a code
  /notice approve CODE     approves exactly that; not by the one who wrote it
  /notice hold             stops it
A line  case: TAG  names the case where the subject does not. One wrong line, and none runs.`

export const help: Handler = (draft) =>
  accepted({ ...draft, blocks: [...draft.blocks, HELP] }, 'See below.')

export const status: Handler = (draft, _command, context) =>
  accepted({ ...draft, blocks: [...draft.blocks, statusBlock(draft, context)] }, 'See below.')

export const take: Handler = (draft, _command, context) => {
  if (draft.case.owner === context.author.id) return accepted(draft, 'The case was yours already.')
  const state: CaseState = draft.case.state === 'received' ? 'triaging' : draft.case.state
  const next = { ...draft, case: { ...draft.case, owner: context.author.id, state } }
  return accepted(withActivity(next, 'took the case'), 'The case is yours.')
}

/** Lets the acknowledgement go that was held, because nobody could tell whether the sender's address is forged or otherwise. */
export const acknowledge: Handler = (draft, _command, context) => {
  const to = context.bound.heldAnswerTo
  if (to === null) return refused('No acknowledgement of this case is held.')
  if (draft.decisions.some(({ kind }) => kind === 'release-answer')) {
    return accepted(draft, 'It is on its way already.')
  }
  const { answeredLatelyAt } = context.bound
  if (answeredLatelyAt !== null) {
    const { limits, desk } = context.settings
    return refused(
      `${to} got an acknowledgement at ${formatInstant(answeredLatelyAt, desk.timezone)}, and nobody gets two within ${limits.acknowledgementWindowHours} hours. Write to the reporter with /reply or /ask.`
    )
  }
  const released = [
    { kind: 'release-answer', tag: draft.case.tag } as const,
    countAnswer(to, context.now)
  ]
  const next = { ...draft, decisions: [...draft.decisions, ...released] }
  return accepted(withActivity(next, 'sent the acknowledgement'), `It goes to ${to}.`)
}

export const note: Handler = (draft, command, context) => {
  const text = command.text ?? command.words.join(' ')
  if (text === '') return refused('A note needs text below it or between << and >>.')
  return accepted(withNote(draft, text, context), 'Noted for the maintainers.')
}

export const reply: Handler = (draft, command, context) => {
  const given = command.text ?? ''
  const own = newText(given)
  const isQuoting = quotes(command)
  if (command.words.length > 0 && !isQuoting) {
    return refused(
      'After /reply comes nothing, or the word quote; the text stands below it or between << and >>.'
    )
  }
  const complaint = textComplaint(own, context)
  if (complaint !== null) return refused(complaint)
  const text = isQuoting ? quotingText(given) : own
  if (isQuoting && !hasQuotation(text)) {
    return refused(
      'No quoted text could go along: quote the mail of the desk from its first line on, or copy the lines into your own text.'
    )
  }
  const path = reporterPath(draft.case, draft.reporterKey, context.product)
  if (isQuoting && path.kind === 'clear') {
    return refused('A quotation leaves only sealed, and no key of the reporter is known.')
  }
  const files =
    context.files.length === 0 ? '' : '; the attachments were NOT: /reply sends text only'
  return toReporter(draft, context, {
    text,
    decision: '',
    title: 'To the reporter',
    says: `Sent to the reporter${isQuoting ? ' with what it quotes' : leftOut(given, own)}${files}`
  })
}

/** Why these words must not go to the reporter; null when they may. */
function textComplaint(own: string, context: CommandContext): string | null {
  if (own === '') return 'There is no text to send: write it below /reply or between << and >>.'
  return namesDesk(own, context.settings.desk) ? NAMES_DESK : null
}

const NAMES_DESK =
  'Not sent: the text names the desk, as the head of a quoted mail does. Delete what your client copied of the mail that you answer, and the address or name of the desk.'

const NOTHING_OWN =
  'Nothing of the text is your own: it only quotes, and what it quotes stays here.'

/** Said where lines of a `<<` block stayed here, so that nobody takes them for sent. */
function leftOut(given: string, own: string): string {
  const count = (text: string): number =>
    text.split('\n').filter((line) => line.trim() !== '').length
  return count(own) < count(given)
    ? '; quoted lines with what stood above them, and lines below a signature or a forward mark, were left out'
    : ''
}

export const ask: Handler = (draft, command, context) => {
  const text = newText(command.text ?? '')
  if (text === '' && (command.text ?? '') !== '') return refused(NOTHING_OWN)
  if (namesDesk(text, context.settings.desk)) return refused(NAMES_DESK)
  const state: CaseState =
    isOpen(draft.case.state) && draft.case.state !== 'noticed' ? 'needs-info' : draft.case.state
  const next = { ...draft, case: { ...draft.case, state } }
  if (text !== '') {
    return toReporter(next, context, {
      text,
      decision: '',
      title: 'Question to the reporter',
      says: 'Asked the reporter'
    })
  }
  const stub = contentFree(next, context, 'resend-request')
  if (stub === null) return refused('The report names no address that could be asked.')
  const asked = { ...next, decisions: [...next.decisions, stub] }
  return accepted(
    withActivity(asked, 'asked the reporter to send the report again'),
    'Asked the reporter to send it again.'
  )
}

export const accept: Handler = (draft, _command, context) => {
  if (
    draft.case.state === 'accepted' ||
    draft.case.state === 'planned' ||
    draft.case.state === 'noticed'
  ) {
    return refused(`The case is ${draft.case.state} already.`)
  }
  const state: CaseState = draft.case.disclosureAt === null ? 'accepted' : 'planned'
  const next = {
    ...draft,
    case: { ...draft.case, state, owner: draft.case.owner ?? context.author.id }
  }
  return decisionMail(next, context, 'accepted', {
    text: '',
    decision: 'We have confirmed your report and accepted it as a security issue.',
    title: '',
    says: 'Accepted; the reporter is told'
  })
}

export const reject: Handler = (draft, command, context) => {
  if (draft.case.state === 'rejected') return refused('The case is rejected already.')
  if (draft.case.state === 'noticed')
    return refused('The list has been told of this case; it cannot be rejected any more.')
  if (isOnItsWay(draft)) return refused(STOP_FIRST)
  const { reject: rule } = context.product.policy
  const [code = ''] = command.words
  const reason = rule.codes.find((candidate) => candidate.code === code.toLowerCase())
  if (reason === undefined) {
    return refused(
      `Which reason? One of: ${rule.codes.map((candidate) => candidate.code).join(', ')}.`
    )
  }
  const text = newText(command.text ?? command.words.slice(1).join(' '))
  if (text === '' && (command.text ?? '') !== '') return refused(NOTHING_OWN)
  if (namesDesk(text, context.settings.desk)) return refused(NAMES_DESK)
  if (text.length < rule.reason_length) {
    return refused(
      `The policy wants the reason in detail: at least ${rule.reason_length} characters between << and >>.`
    )
  }
  const next = { ...draft, case: { ...draft.case, state: 'rejected' as const } }
  return decisionMail(next, context, 'rejected', {
    text,
    decision: `We have decided not to treat your report as a security issue: ${reason.says}`,
    title: `Reason (${reason.code})`,
    says: 'Rejected; the reporter is told why'
  })
}

export const close: Handler = (draft, command, context) => {
  if (draft.case.state === 'closed') return refused('The case is closed already.')
  const [first = ''] = command.words
  if (first.toLowerCase() === 'internal' && context.product.policy.close.internal === 'deny') {
    return refused(
      'The policy of this product does not allow to close a case without telling anybody.'
    )
  }
  if (isOnItsWay(draft)) return refused(STOP_FIRST)
  const reason = command.text ?? command.words.join(' ')
  const next = { ...draft, case: { ...draft.case, state: 'closed' as const } }
  return accepted(
    withActivity(next, reason === '' ? 'closed the case' : `closed the case: ${reason}`),
    'The case is closed.'
  )
}

const STOP_FIRST = 'A notice is on its way; stop it with /notice hold first.'

function isOnItsWay({ notice }: Draft): boolean {
  return notice !== null && (notice.state === 'scheduled' || notice.state === 'releasing')
}

/** Adds an internal note to the record and to what the other maintainers are told. */
export function withNote(draft: Draft, text: string, context: CommandContext): Draft {
  const { tag } = draft.case
  return {
    ...draft,
    texts: [...draft.texts, { title: 'Note', text }],
    decisions: [...draft.decisions, message(draft, context, 'internal', text)],
    activity: [...draft.activity, `wrote a note on ${tag}`]
  }
}

/** The changed fields of the case, or null when nothing changed. */
export function caseChanges(before: Draft['case'], after: Draft['case']): UpdateCase | null {
  const set: UpdateCase['set'] = {
    ...(before.state === after.state ? {} : { state: after.state }),
    ...(before.owner === after.owner || after.owner === null ? {} : { owner: after.owner }),
    ...(before.answeredAt === after.answeredAt || after.answeredAt === null
      ? {}
      : { answeredAt: after.answeredAt }),
    ...(before.disclosureAt === after.disclosureAt || after.disclosureAt === null
      ? {}
      : { disclosureAt: after.disclosureAt })
  }
  return Object.keys(set).length === 0
    ? null
    : { kind: 'update-case', tag: before.tag, version: before.version, set }
}
