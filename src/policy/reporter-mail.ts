/**
 * How a maintainer's words reach the reporter of a case (G3, G6): sealed, in clear under the one exception, or not at all with
 * a content-free stub instead. To the reporter on record and to nobody else.
 */
import { contactOf, reporterOf } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type ReporterTold, type Way } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import {
  accepted as acceptedMessage,
  closed as closedMessage,
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
  type Refused,
  type Step,
  type Words,
  withActivity
} from './draft.ts'
import { reporterPath } from './recipients.ts'
import { inClearTo, toReporter as sendToReporter } from './send.ts'

/** What a maintainer decided about a case. */
type Decided = 'accepted' | 'rejected' | 'closed'

const DONE = {
  accepted: 'Accepted.',
  rejected: 'Rejected.',
  closed: 'The case is closed.'
} as const

/**
 * Accept, reject and close reach the reporter where they can, with the author's text in the same message; where they cannot, the
 * decision stands, and the text stays with the maintainers.
 */
export function decisionMail(
  draft: Draft,
  context: CommandContext,
  decide: (draft: Draft, told: ReporterTold) => Happened,
  words: Words & { readonly mail: Decided; readonly why?: string }
): Step {
  const { mail, why = '' } = words
  const step = decide(draft, reporterTold(draft, context))
  if (step.kind === 'refused') return step
  const did = withActivity(step.draft, `${mail} the case${why}`)
  const told = toReporter(did, context, words)
  if (told.kind === 'accepted') return accepted(told.draft, `${DONE[mail]} ${told.says}`)
  const decisions = [...did.decisions, ...(told.anyway ?? [])]
  const untold = withActivity({ ...did, decisions }, 'the reporter could not be told')
  const says = `${DONE[mail]} ${told.says}`
  return words.text === ''
    ? accepted(untold, says)
    : accepted(withNote(untold, words.text, context), `${says} Your text was kept as a note.`)
}

/** Whether a decision that is made now reaches the reporter. */
export function reporterTold(
  { case: record, reporterKey }: Draft,
  { product }: CommandContext
): ReporterTold {
  return TOLD[reporterPath(record, reporterKey, product).kind]
}

const TOLD = {
  sealed: 'told',
  clear: 'told',
  'no-key': 'waits-for-key',
  'no-address': 'no-address'
} as const

/** Sends a maintainer's words to the reporter and to nobody else, or says why that cannot be; `remarks` follow for the author. */
export function toReporter(
  before: Draft,
  context: CommandContext,
  words: Words,
  remarks = ''
): Step {
  const path = reporterPath(before.case, before.reporterKey, context.product)
  if (path.kind === 'no-address' || path.kind === 'no-key') return notSent(before, context)
  const way: Way = path.kind === 'clear' ? 'in-clear' : 'encrypted'
  const step = spoken(before, context, words, way)
  if (step.kind === 'refused') return step
  const { text, decision, title, mail } = words
  const { draft } = step
  const next: Draft = {
    ...draft,
    case: { ...draft.case, answeredAt: draft.case.answeredAt ?? context.now },
    texts: [...draft.texts, { title: title || 'To the reporter', text: text || decision }],
    words: [...draft.words, { ...words, path }]
  }
  const how = path.kind === 'clear' ? 'NOT encrypted' : 'encrypted'
  return accepted(active(next, mail, how), `Sent to ${addressOf(next)}, ${how}. ${remarks}`.trim())
}

function addressOf(draft: Draft): string {
  return contactOf(draft.case)?.address ?? ''
}

/** A decision is told to the other maintainers as such; an answer or a question here. */
function active(draft: Draft, mail: Words['mail'], how: string): Draft {
  return mail === 'reply' || mail === 'question'
    ? withActivity(draft, `${DID[mail]} the reporter (${how})`)
    : draft
}

/** Why nothing reached the reporter, who is asked for a key where one is missing. */
function notSent(draft: Draft, context: CommandContext): Refused {
  const to = contactOf(draft.case)
  if (to === null) {
    const says = 'Not sent: the report names no address, so nobody can be answered.'
    return { kind: 'refused', says }
  }
  const asked = askFor(draft, context, 'key-request')
  const says = `Not sent to ${to.address}: we have no key to encrypt to. ${asked.says ?? ''}`
  return { kind: 'refused', says, anyway: asked.decisions }
}

const DID = { reply: 'answered', question: 'asked' } as const

function spoken(draft: Draft, context: CommandContext, { mail }: Words, how: Way): Happened {
  const reporter = reporterOf(draft.case)?.id ?? ''
  if (mail === 'question') return decided(draft, context, 'info-asked', { reporter, how })
  const step = decided(draft, context, 'answered', { reporter, with: mail, how })
  // One message answers the reporter once, however many commands it is made of.
  const isAnswered = draft.words.some((said) => said.mail !== 'question')
  return step.kind === 'happened' && isAnswered
    ? { ...step, draft: { ...step.draft, decisions: draft.decisions } }
    : step
}

/** The one message to the reporter that these commands make together, and its place on the record of the case. */
export function spokenWords(draft: Draft, context: CommandContext): Decision[] {
  const path = draft.words.at(-1)?.path
  if (path === undefined) return []
  const joined = (parts: readonly string[]): string =>
    parts.filter((part) => part !== '').join('\n\n')
  const decision = joined(draft.words.map((said) => said.decision))
  const text = joined(draft.words.map((said) => said.text))
  const params = { author: context.author.name, text }
  const decided = draft.words.flatMap(({ mail }) =>
    mail === 'reply' || mail === 'question' ? [] : [mail]
  )
  const last = decided.at(-1)
  const spoken = last === undefined ? replyMessage(params) : DECIDED[last]({ ...params, decision })
  const files = draft.words.flatMap((said) => said.files ?? [])
  return [
    message(draft, context, 'reporter', joined([decision, text])),
    sendToReporter(path, context.now, spoken, {
      once: String(context.arrivalId),
      tag: draft.case.tag,
      files: files.length === 0 ? { from: 'nothing' } : { from: 'list', files }
    })
  ]
}

const DECIDED = { accepted: acceptedMessage, rejected: rejectedMessage, closed: closedMessage }

type ContentFreeName = 'key-request' | 'resend-request'

const ASKS = {
  'key-request': { done: 'for a key', before: 'for a key earlier today' },
  'resend-request': {
    done: 'to send the report again',
    before: 'to send the report again earlier today'
  }
} as const

/** What keeps the desk from asking the same thing twice on one day. */
export function askedKey(name: ContentFreeName, tag: CaseTag, now: Instant): string {
  return `${name}:${tag}:${now.slice(0, 10)}`
}

/** Asks the reporter, once a day, in words that say nothing of the case; `says` is null where no address is known. */
export function askFor(
  draft: Draft,
  context: CommandContext,
  name: ContentFreeName
): { readonly says: string | null; readonly decisions: readonly Decision[] } {
  const { tag } = draft.case
  const reporter = reporterOf(draft.case)
  if (reporter === null || reporter.contact === null) return { says: null, decisions: [] }
  const { address } = reporter.contact
  const once = askedKey(name, tag, context.now)
  const isAsked =
    context.bound.askedToday.includes(name) ||
    draft.decisions.some((decision) => 'once' in decision && decision.once === once)
  if (isAsked) return { says: `${address} was asked ${ASKS[name].before}.`, decisions: [] }
  // The display name is text that the sender chose; in clear it would go to whoever owns the address.
  const to = { name: '', address, id: reporter.id }
  const message = name === 'key-request' ? keyRequest({}) : resendRequest({})
  const sending = { once: `${tag}:${context.now.slice(0, 10)}`, tag }
  const decision = inClearTo(to, context.now, message, sending)
  return {
    says: `We asked ${address} ${ASKS[name].done}, in a message that says nothing of the case.`,
    decisions: [decision]
  }
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

/** The draft with one more message of its author for the record of the case. */
export function withMessage(
  draft: Draft,
  context: CommandContext,
  audience: 'internal' | 'reporter',
  text: string
): Draft {
  return { ...draft, decisions: [...draft.decisions, message(draft, context, audience, text)] }
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
