/**
 * How a maintainer's words reach the reporter of a case (G3, G6): sealed, in clear under the one exception, or not at all with
 * a content-free stub instead. To the reporter on record and to nobody else.
 */
import { reporterOf } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type ReporterTold, type Way } from '../domain/event.ts'
import {
  accepted as acceptedMessage,
  keyRequest,
  rejected as rejectedMessage,
  reply as replyMessage,
  resendRequest
} from '../messages/to-reporters.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Happened,
  refused,
  type Step,
  withActivity
} from './draft.ts'
import { reporterPath } from './recipients.ts'
import { inClearTo, toReporter as sendToReporter } from './send.ts'

/** `question` asks for something, and the case may wait for the answer. */
type WordsKind = 'reply' | 'question' | 'accepted' | 'rejected'

export type Words = {
  readonly mail: WordsKind
  readonly text: string
  readonly decision: string
  readonly title: string
  readonly says: string
}

/** Accept and reject reach the reporter where they can; where they cannot, the decision stands and a human is told. */
export function decisionMail(
  draft: Draft,
  context: CommandContext,
  decide: (draft: Draft, told: ReporterTold) => Happened,
  words: Words & { readonly mail: 'accepted' | 'rejected' }
): Step {
  const { mail } = words
  const path = reporterPath(draft.case, draft.reporterKey, context.product)
  const step = decide(draft, TOLD[path.kind])
  if (step.kind === 'refused') return step
  const told = toReporter(step.draft, context, words)
  if (told.kind === 'accepted')
    return accepted(withActivity(told.draft, `${mail} the case`), told.says)
  const untold = withActivity(
    { ...step.draft, decisions: [...step.draft.decisions, ...(told.anyway ?? [])] },
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

const TOLD = {
  sealed: 'told',
  clear: 'told',
  'no-key': 'waits-for-key',
  'no-address': 'no-address'
} as const

/** Sends a maintainer's words to the reporter and to nobody else, or says why that cannot be. */
export function toReporter(before: Draft, context: CommandContext, words: Words): Step {
  const path = reporterPath(before.case, before.reporterKey, context.product)
  if (path.kind === 'no-address')
    return refused('The report names no address, so nobody can be answered.')
  if (path.kind === 'no-key') {
    const stub = contentFree(before, context, 'key-request')
    const says =
      'Not sent: no usable key of the reporter is known. I have asked for one, without saying anything.'
    return { kind: 'refused', says, anyway: stub === null ? [] : [stub] }
  }
  const how: Way = path.kind === 'clear' ? 'in-clear' : 'encrypted'
  const step = spoken(before, context, words, how)
  if (step.kind === 'refused') return step
  const { draft } = step
  const whole = [words.decision, words.text].filter((part) => part !== '').join('\n\n')
  const next: Draft = {
    ...draft,
    case: { ...draft.case, answeredAt: draft.case.answeredAt ?? context.now },
    texts: [
      ...draft.texts,
      {
        title: words.title === '' ? 'To the reporter' : words.title,
        text: words.text || words.decision
      }
    ],
    decisions: [
      ...draft.decisions,
      message(draft, context, 'reporter', whole),
      reporterMail(draft, context, { words, path })
    ]
  }
  const way = path.kind === 'clear' ? 'in clear' : 'sealed'
  const isTalk = words.mail === 'reply' || words.mail === 'question'
  const active = isTalk ? withActivity(next, `answered the reporter (${way})`) : next
  return accepted(active, `${words.says} (${way}).`)
}

function spoken(draft: Draft, context: CommandContext, { mail }: Words, how: Way): Happened {
  const reporter = reporterOf(draft.case)?.id ?? ''
  return mail === 'question'
    ? decided(draft, context, 'info-asked', { reporter, how })
    : decided(draft, context, 'answered', { reporter, with: mail, how })
}

function reporterMail(
  draft: Draft,
  context: CommandContext,
  options: {
    readonly words: Words
    readonly path: Extract<ReturnType<typeof reporterPath>, { kind: 'sealed' | 'clear' }>
  }
): Decision {
  const { words, path } = options
  const params = { author: context.author.name, text: words.text }
  const message =
    words.mail === 'accepted' || words.mail === 'rejected'
      ? DECIDED[words.mail]({ ...params, decision: words.decision })
      : replyMessage(params)
  return sendToReporter(path, context.now, message, {
    once: `${context.arrivalId}:${draft.decisions.length}`,
    tag: draft.case.tag
  })
}

const DECIDED = { accepted: acceptedMessage, rejected: rejectedMessage }

/** A constant text to the reporter that says nothing of the case, at most one of a kind per day. */
export function contentFree(
  draft: Draft,
  context: CommandContext,
  name: 'key-request' | 'resend-request'
): Decision | null {
  const { tag } = draft.case
  const reporter = reporterOf(draft.case)
  if (reporter === null || reporter.contact === null) return null
  // The display name is text that the sender chose; in clear it would go to whoever owns the address.
  const to = { name: '', address: reporter.contact.address, id: reporter.id }
  const message = name === 'key-request' ? keyRequest({}) : resendRequest({})
  return inClearTo(to, context.now, message, { once: `${tag}:${context.now.slice(0, 10)}`, tag })
}

/** A message for the record of the case. */
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
