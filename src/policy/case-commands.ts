/**
 * The commands that move a case and talk to its reporter (practice.md §6, M-10, M-13, M-16). Pure: each takes a draft and
 * returns a new one with its decisions, or the reason why not.
 */

import { type CaseState, isOpen } from '../domain/case.ts'
import { type Decision, type UpdateCase } from '../domain/decision.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type PersonalReply } from '../domain/template.ts'
import { formatInstant } from '../domain/time.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  type Handler,
  refused,
  type Step
} from './draft.ts'
import { reporterPath } from './recipients.ts'
import { statusBlock } from './status.ts'

const HELP = `Commands stand at the top of a signed and encrypted mail, one a line:
  /status                  where the case stands and what is missing
  /reply                   the text below goes to the reporter, sealed
  /note                    the text below stays among the maintainers (so does a plain reply)
  /ask                     asks the reporter to send the report again, or the text below as a question
  /take                    makes the case yours
  /accept                  accepts the report and tells the reporter
  /reject CODE <<reason>>  rejects it and tells the reporter why
  /close [reason]          closes the case
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

export const note: Handler = (draft, command, context) => {
  const text = command.text ?? command.words.join(' ')
  if (text === '') return refused('A note needs text below it or between << and >>.')
  return accepted(withNote(draft, text, context), 'Noted for the maintainers.')
}

export const reply: Handler = (draft, command, context) => {
  const text = command.text ?? ''
  if (text === '')
    return refused('There is no text to send: write it below /reply or between << and >>.')
  return toReporter(draft, context, {
    text,
    decision: '',
    title: 'To the reporter',
    says: 'Sent to the reporter'
  })
}

export const ask: Handler = (draft, command, context) => {
  const text = command.text ?? ''
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
  const { reject: rule } = context.product.policy
  const [code = ''] = command.words
  const reason = rule.codes.find((candidate) => candidate.code === code.toLowerCase())
  if (reason === undefined) {
    return refused(
      `Which reason? One of: ${rule.codes.map((candidate) => candidate.code).join(', ')}.`
    )
  }
  const text = command.text ?? command.words.slice(1).join(' ')
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
  if (
    draft.notice !== null &&
    (draft.notice.state === 'scheduled' || draft.notice.state === 'releasing')
  ) {
    return refused('A notice is on its way; stop it with /notice hold first.')
  }
  const reason = command.text ?? command.words.join(' ')
  const next = { ...draft, case: { ...draft.case, state: 'closed' as const } }
  return accepted(
    withActivity(next, reason === '' ? 'closed the case' : `closed the case: ${reason}`),
    'The case is closed.'
  )
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

type Words = {
  readonly text: string
  readonly decision: string
  readonly title: string
  readonly says: string
}

/** Accept and reject reach the reporter where they can; where they cannot, the decision stands and a human is told. */
function decisionMail(
  draft: Draft,
  context: CommandContext,
  mail: 'accepted' | 'rejected',
  words: Words
): Step {
  const told = toReporter(draft, context, words, mail)
  if (told.kind === 'accepted')
    return accepted(withActivity(told.draft, `${mail} the case`), told.says)
  const untold = withActivity(
    { ...draft, decisions: [...draft.decisions, ...(told.anyway ?? [])] },
    `${mail} the case; the reporter could not be told`
  )
  const asked =
    told.anyway === undefined
      ? ''
      : ' I have asked for a key without saying anything; /reply when it comes.'
  return accepted(
    untold,
    `${mail === 'accepted' ? 'Accepted' : 'Rejected'}. The reporter could NOT be told.${asked}`
  )
}

/** Sends a maintainer's words to the reporter and to nobody else, or says why that cannot be. */
function toReporter(
  draft: Draft,
  context: CommandContext,
  words: Words,
  mail: 'reply' | 'accepted' | 'rejected' = 'reply'
): Step {
  const path = reporterPath(draft.case, context.bound.reporterKey, context.product)
  if (path.kind === 'no-address')
    return refused('The report names no address, so nobody can be answered.')
  if (path.kind === 'no-key') {
    const stub = contentFree(draft, context, 'key-request')
    const says =
      'Not sent: no usable key of the reporter is known. I have asked for one, without saying anything.'
    return { kind: 'refused', says, anyway: stub === null ? [] : [stub] }
  }
  const spoken = words.text === '' ? words.decision : words.text
  const next: Draft = {
    ...draft,
    case: { ...draft.case, answeredAt: draft.case.answeredAt ?? context.now },
    texts: [
      ...draft.texts,
      { title: words.title === '' ? 'To the reporter' : words.title, text: spoken }
    ],
    decisions: [
      ...draft.decisions,
      message(
        draft,
        context,
        'reporter',
        words.decision === '' ? words.text : `${words.decision}\n\n${words.text}`.trim()
      ),
      reporterMail(draft, context, { words, mail, path })
    ]
  }
  const how = path.kind === 'clear' ? 'in clear' : 'sealed'
  const active = mail === 'reply' ? withActivity(next, `answered the reporter (${how})`) : next
  return accepted(active, `${words.says} (${how}).`)
}

function reporterMail(
  draft: Draft,
  context: CommandContext,
  options: {
    readonly words: Words
    readonly mail: 'reply' | 'accepted' | 'rejected'
    readonly path: Extract<ReturnType<typeof reporterPath>, { kind: 'sealed' | 'clear' }>
  }
): Decision {
  const { words, mail, path } = options
  const params = {
    desk: context.settings.desk.name,
    tag: draft.case.tag,
    author: context.author.name,
    text: words.text,
    decision: words.decision,
    fingerprint: formatFingerprint(context.settings.desk.fingerprint)
  }
  const common = {
    once: `${mail}:${context.arrivalId}:${draft.decisions.length}`,
    mail,
    caseTag: draft.case.tag,
    subject: `[${draft.case.tag}] ${SUBJECTS[mail]}`,
    autoSubmitted: 'no',
    // The maintainer's name stands in the sealed text, not on the envelope.
    via: null,
    notBefore: context.now,
    audience: 'reporter'
  } as const
  if (path.kind === 'sealed') {
    const template: PersonalReply = { name: 'reply', params: { ...params, inClear: false } }
    return {
      kind: 'send-sealed',
      ...common,
      template,
      noticeId: null,
      recipients: [path.recipient],
      files: { from: 'nothing' }
    }
  }
  const { reporter } = draft.case
  if (reporter === null) throw new RangeError('a clear path without a reporter')
  return {
    kind: 'send-clear',
    ...common,
    template: { name: 'reply', params: { ...params, inClear: true } },
    recipientId: '',
    to: reporter,
    inReplyTo: null
  }
}

const SUBJECTS = {
  reply: 'About your report',
  accepted: 'Your report is accepted',
  rejected: 'Our decision on your report'
} as const

/** A constant text to the reporter that says nothing of the case, at most one of a kind per day. */
export function contentFree(
  draft: Draft,
  context: CommandContext,
  name: 'key-request' | 'resend-request'
): Decision | null {
  const { reporter, tag } = draft.case
  if (reporter === null) return null
  const { desk } = context.settings
  return {
    kind: 'send-clear',
    once: `${name}:${tag}:${context.now.slice(0, 10)}`,
    mail: name,
    caseTag: tag,
    audience: 'reporter',
    recipientId: '',
    to: reporter,
    inReplyTo: null,
    subject: `[${tag}] We need something from you`,
    autoSubmitted: 'auto-generated',
    via: null,
    notBefore: context.now,
    template: {
      name,
      params: { desk: desk.name, tag, fingerprint: formatFingerprint(desk.fingerprint) }
    }
  }
}

function message(
  draft: Draft,
  context: CommandContext,
  audience: 'internal' | 'reporter',
  text: string
): Decision {
  return {
    kind: 'add-message',
    tag: draft.case.tag,
    message: {
      at: context.now,
      author: 'maintainer',
      authorId: context.author.id,
      audience,
      subject: '',
      text,
      messageId: null,
      arrivalId: context.arrivalId
    }
  }
}

function withActivity(draft: Draft, line: string): Draft {
  return { ...draft, activity: [...draft.activity, line] }
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

/** The answer deadline in words for a status. */
export function answerWords(draft: Draft, context: CommandContext): string {
  const { answeredAt, answerDueAt } = draft.case
  const { timezone } = context.settings.desk
  if (answeredAt !== null) return `answered by a person ${formatInstant(answeredAt, timezone)}`
  return answerDueAt === null
    ? 'the policy promises no time'
    : `a person answers by ${formatInstant(answerDueAt, timezone)}`
}
