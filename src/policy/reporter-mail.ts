/**
 * How a maintainer's words reach the reporter of a case (G3, G6): sealed, in clear under the one exception, or, once a key
 * comes, after a content-free request for one (B10). To the reporter on record and to nobody else.
 */
import {
  contactOf,
  type KeptWords,
  type ReporterKey,
  reporterOf,
  type WaitingWords
} from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, byMaintainer, event, type ReporterTold, type Way } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Message } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import {
  accepted as acceptedMessage,
  closed as closedMessage,
  keyRequest,
  merged as mergedMessage,
  rejected as rejectedMessage,
  reply as replyMessage,
  resendRequest
} from '../messages/to-reporters.ts'
import { lackOfProof } from './authentication.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Happened,
  happen,
  type SpokenWords,
  type Step,
  type Words,
  withActivity
} from './draft.ts'
import { reporterPath } from './recipients.ts'
import { isSignedWith } from './reporter-key.ts'
import { inClearTo, sealedTo, toReporter as sendToReporter } from './send.ts'
import { type Situation } from './situation.ts'

/** What a maintainer decided about a case. */
type Decided = 'accepted' | 'rejected' | 'merged' | 'closed'

const DONE = {
  accepted: 'Accepted.',
  rejected: 'Rejected.',
  merged: 'The case is merged.',
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
  const untold = withActivity(did, 'the reporter could not be told')
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
  const { mergedInto } = before.case
  if (mergedInto !== null)
    return {
      kind: 'refused',
      says: `Not sent: this case was merged into ${mergedInto}. Please write it in answer to a message of that case.`
    }
  if (path.kind === 'no-address') return { kind: 'refused', says: NO_ADDRESS }
  // All of it leaves as one message: what was written for one way must not take another.
  if (before.words.some((said) => said.path.kind !== path.kind))
    return { kind: 'refused', says: TWO_WAYS }
  if (path.kind === 'no-key') return kept(before, context, { ...words, path }, remarks)
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

const TWO_WAYS =
  'Parts of what this message says to the reporter would leave in different ways (encrypted, unencrypted, or waiting for a key). Please send them in two messages.'
const NO_ADDRESS = 'Not sent: the report names no address, so nobody can be answered.'

/** The words wait, and the reporter is asked for a key; nobody is answered until it comes. */
function kept(before: Draft, context: CommandContext, words: SpokenWords, remarks: string): Step {
  const reporter = reporterOf(before.case)?.id ?? ''
  const step = decided(before, context, 'words-wait', { reporter, with: words.mail })
  if (step.kind === 'refused') return step
  const { draft } = step
  const asked = askFor(draft, context, 'key-request')
  const title = `${words.title || 'To the reporter'} (waits for a key)`
  const next: Draft = {
    ...draft,
    decisions: [...draft.decisions, ...asked.decisions],
    texts: [...draft.texts, { title, text: words.text || words.decision }],
    words: [...draft.words, words]
  }
  const says = `${addressOf(next)} cannot be answered yet: we have no usable key of theirs. Your words wait and leave, encrypted, when a key comes. ${asked.says ?? ''} ${remarks}`
  return accepted(
    withActivity(next, 'wrote to the reporter; the words wait for a key of theirs'),
    says.trim()
  )
}

const DID = { reply: 'answered', question: 'asked' } as const

function spoken(draft: Draft, context: CommandContext, { mail }: Words, how: Way): Happened {
  const reporter = reporterOf(draft.case)?.id ?? ''
  if (mail === 'question') return decided(draft, context, 'info-asked', { reporter, how })
  // A merged case takes no more events; that the reporter was told is part of the merge.
  if (mail === 'merged') return { kind: 'happened', draft }
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
  const mail = last ?? 'reply'
  if (path.kind === 'no-key') {
    const events = keptEvents(draft.words)
    return [
      message(draft, context, 'internal', joined([decision, text])),
      {
        kind: 'keep-words',
        reporter: reporterOf(draft.case)?.id ?? '',
        authorId: context.author.id,
        words: { mail, params: { ...params, decision }, events }
      }
    ]
  }
  const spoken = messageOf(mail, { ...params, decision })
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

/** What is on the record once all of these have left in one message. */
function keptEvents(words: readonly SpokenWords[]): KeptWords['events'] {
  return [
    ...(words.some(({ mail }) => mail !== 'question') ? (['answered'] as const) : []),
    ...(words.some(({ isPlan }) => isPlan === true) ? (['plan-told'] as const) : []),
    ...(words.some(({ mail }) => mail === 'question') ? (['info-asked'] as const) : [])
  ]
}

const DECIDED = {
  accepted: acceptedMessage,
  rejected: rejectedMessage,
  merged: mergedMessage,
  closed: closedMessage
}

function messageOf(
  mail: KeptWords['mail'],
  { author, text, decision }: KeptWords['params']
): Message<'own-words'> {
  return mail === 'reply'
    ? replyMessage({ author, text })
    : DECIDED[mail]({ author, text, decision })
}

/**
 * What may leave by a received message: it has to show the key itself, signed with it or with it inside. Where our mail servers
 * prove the sender, that is all that waits; else what waits in the case whose thread it answers, for a key that came with a
 * forged report must get nothing. `/key accept` releases the rest.
 */
export function releasedWords(
  { opened, waitingWords, mergedKey }: Situation,
  key: ReporterKey | null,
  settings: Settings,
  joined: CaseTag | null
): readonly WaitingWords[] {
  const isShown =
    mergedKey !== null ||
    opened.candidateKeys.some(({ fingerprint }) => fingerprint === key?.fingerprint) ||
    (key !== null && isSignedWith(opened, key.fingerprint))
  if (!isShown) return []
  return lackOfProof(opened, settings) === null
    ? waitingWords
    : waitingWords.filter(({ tag }) => tag === joined)
}

/** Tells the maintainers that words go on waiting though a key is in use, and what releases them. */
export function wordsStay(
  { waitingWords }: Situation,
  key: ReporterKey | null,
  released: readonly WaitingWords[]
): string[] {
  const staying = waitingWords.filter((words) => !released.includes(words))
  if (key?.isUsable !== true || staying.length === 0) return []
  const tags = [...new Set(staying.map(({ tag }) => tag))].join(', ')
  return [
    `${count(staying.length, 'message', 'messages')} to this reporter (${tags}) still ${staying.length === 1 ? 'waits' : 'wait'}: nothing proves that the reporter sent this key. Compare the fingerprint with the person another way, then write /key accept ${key.fingerprint.toUpperCase()}.`
  ]
}

/** What waited for this key leaves, encrypted, one message each, in the order in which it was written (B10). */
export function wordsLeave(
  waiting: readonly WaitingWords[],
  key: ReporterKey | null,
  now: Instant
): Decision[] {
  if (key?.isUsable !== true) return []
  const { fingerprint, keyData } = key
  return waiting.flatMap((words): Decision[] => {
    const { reporter, mail, params, arrivalId, tag } = words
    const recipient = { ...reporter, fingerprint, keyData }
    const sending = { once: String(arrivalId), tag }
    const sent = sealedTo([recipient], now, messageOf(mail, params), sending)
    return [sent, { kind: 'words-leave', words, events: leftEvents(words), once: sent.once }]
  })
}

function leftEvents({ events, tag, reporter: { id: reporter }, mail, authorId }: WaitingWords) {
  const by = byMaintainer(authorId)
  const how = 'encrypted'
  return events.map((kind) =>
    kind === 'answered'
      ? event(kind, aboutCase(tag), by, { reporter, with: mail, how })
      : event(kind, aboutCase(tag), by, { reporter, how })
  )
}

/** The draft as it stands once these have left, for what is said of it; the commit puts them on the record. */
export function withWordsLeft(draft: Draft, leaving: readonly Decision[], now: Instant): Draft {
  const left = leaving.filter((one) => one.kind === 'words-leave')
  if (left.length === 0) return draft
  const messages = count(left.length, 'message', 'messages')
  const says = `sent ${messages} to the reporter, encrypted, that had waited for a key`
  const here = left.filter(({ words }) => words.tag === draft.case.tag)
  const told = withActivity(draft, says)
  if (here.length === 0) return told
  const answeredAt = draft.case.answeredAt ?? now
  const answered = { ...told, case: { ...told.case, answeredAt } }
  return here
    .flatMap(({ events }) => events)
    .reduce<Draft>((before, happened) => {
      const step = happen(before, happened)
      return step.kind === 'refused' ? before : { ...step.draft, decisions: before.decisions }
    }, answered)
}

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
  const by = byMaintainer(context.author.id)
  const asked = event('key-asked', aboutCase(tag), by, { reporter: reporter.id })
  const isForKey = name === 'key-request'
  return {
    says: `We asked ${address} ${ASKS[name].done}, in a message that says nothing of the case.`,
    decisions: [decision, ...(isForKey ? [{ kind: 'record', event: asked } as const] : [])]
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
