/**
 * How a maintainer's words reach the reporter of a case (G3, G6): encrypted; unencrypted under the one exception; or later, after
 * a request for a key that says nothing of the case (B10). They go to the reporter on record and to nobody else.
 */
import { type Addressed, addresseesOf, type KeptWords } from '../domain/case.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import { aboutCase, byMaintainer, type ReporterTold, type Way } from '../domain/event.ts'
import { type Message } from '../domain/message.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import {
  accepted as acceptedMessage,
  closed as closedMessage,
  keyRequest,
  merged as mergedMessage,
  rejected as rejectedMessage,
  reopened as reopenedMessage,
  reply as replyMessage,
  resendRequest
} from '../messages/to-reporters.ts'
import { reporterIn } from './conversation.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  Refusal,
  type SpokenWords,
  type Step,
  type Words,
  withActivity
} from './draft.ts'
import { namesReporter } from './new-text.ts'
import { keyChoice, type ReporterPath, reporterPath, WAYS } from './recipients.ts'
import { inClearTo, toReporter as sendToReporter } from './send.ts'

type Decided = Exclude<KeptWords['mail'], 'reply'>

const DONE = {
  accepted: 'Accepted',
  rejected: 'Rejected',
  merged: 'The case is merged',
  closed: 'The case is closed',
  reopened: 'The case is open again'
} as const

/**
 * Accept, reject, close, reopen and merge are told to every reporter of the case who can be reached, with the author's text in
 * the same message. For the others the decision stands, and the text stays with the maintainers.
 */
export function decisionMail(
  draft: Draft,
  context: CommandContext,
  decide: (draft: Draft, told: ReporterTold) => Draft,
  words: Words & {
    readonly mail: Decided
    readonly why?: string
    /** All of them unless given. */
    readonly to?: readonly Addressed[]
  }
): Step {
  const { mail, why = '', to = addresseesOf(draft.case) } = words
  if (isForOne(draft, context, words)) throw new Refusal(forOne(draft, context))
  const did = withActivity(decide(draft, reporterTold(draft, context)), `${mail} the case${why}`)
  const done = `${DONE[mail]}${why}.`
  if (to.length > 0) {
    const told = toEach(to, did, context, words)
    return accepted(told.draft, `${done} ${told.says}`)
  }
  const untold = withActivity(did, 'the reporter could not be told')
  const says = `${done} ${NO_ADDRESS}`
  return words.text === ''
    ? accepted(untold, says)
    : accepted(withNote(untold, words.text, context), `${says} Your text was kept as a note.`)
}

/** Whether these words answer one reporter, where all of several would read them. */
function isForOne(
  { case: record }: Draft,
  { conversation }: CommandContext,
  { text }: Words
): boolean {
  const isAnswer = conversation.kind === 'one' && conversation.with !== ''
  return isAnswer && text !== '' && addresseesOf(record).length > 1
}

function forOne({ case: { tag } }: Draft, { settings }: CommandContext): string {
  return `Not done: every reporter of this case would read the text, and your message answers one of them. To send the text to that reporter alone, write a line /reply above it. To send it to all of them, please write a new message that begins with the lines "to: ${settings.desk.address}" and "case: ${tag}".`
}

/** Whether a decision that is made now reaches every reporter; if not, why. */
export function reporterTold(
  { case: record, reporterKeys }: Draft,
  { product }: CommandContext
): ReporterTold {
  const ways = record.reporters.map((one) => reporterPath(one, reporterKeys, product).kind)
  if (ways.includes('no-key')) return 'waits-for-key'
  return ways.length === 0 || ways.includes('no-address') ? 'no-address' : 'told'
}

/** How words for the reporter of this conversation can leave. */
export function pathIn(
  { case: record, reporterKeys }: Draft,
  { conversation, product }: Pick<CommandContext, 'conversation' | 'product'>
): ReporterPath {
  return reporterPath(reporterIn(record, conversation), reporterKeys, product)
}

/**
 * Sends a maintainer's words to the reporter of the conversation and to nobody else, or says why that cannot be; `remarks` follow
 * for the author.
 */
export function toReporter(
  before: Draft,
  context: CommandContext,
  words: Words,
  remarks = ''
): Step {
  const { draft, says } = toEach([reporterMeant(before, context)], before, context, words)
  return accepted(draft, `${says} ${remarks}`.trim())
}

/** The reporter of the conversation. */
export function reporterMeant(
  { case: record }: Draft,
  { conversation }: Pick<CommandContext, 'conversation'>
): Addressed {
  const reporter = reporterIn(record, conversation)
  if (reporter === 'several') throw new Refusal(SEVERAL)
  if (reporter === null) throw new Refusal(NO_ADDRESS)
  return reporter
}

/** One message to each: what one of them reads names none of the others. */
export function toEach(
  reporters: readonly Addressed[],
  before: Draft,
  context: CommandContext,
  words: Words
): Step {
  if (reporters.length === 0) throw new Refusal(NO_ADDRESS)
  let draft = before
  const says: string[] = []
  for (const reporter of reporters) {
    const step = toOne(reporter, draft, context, words)
    draft = step.draft
    says.push(step.says)
  }
  const spoken = draft.words.slice(before.words.length)
  const waits = spoken.every(({ path }) => path.kind === 'no-key') ? ' (waits for a key)' : ''
  const to = reporters.map(({ contact }) => contact.address).join(', ')
  const title = `${words.title === '' ? 'To' : `${words.title}, to`} ${to}${waits}`
  const texts = [...draft.texts, { title, text: words.text || words.decision }]
  return accepted({ ...draft, texts }, says.join(' '))
}

function toOne(reporter: Addressed, before: Draft, context: CommandContext, words: Words): Step {
  const path = reporterPath(reporter, before.reporterKeys, context.product)
  if (path.kind === 'no-address' || path.kind === 'several') throw new Refusal(NO_ADDRESS)
  const named = [...before.case.reporters, ...(words.beside ?? [])]
    .map((other) => namesReporter(words.text, other, reporter))
    .find((name) => name !== null)
  if (named !== undefined) throw new Refusal(strangerNamed(named, reporter))
  // All of it leaves as one message: what was written for one way must not take another.
  if (said(before, reporter).some((one) => one.path.kind !== path.kind)) throw new Refusal(TWO_WAYS)
  if (path.kind === 'no-key')
    return kept(before, context, { ...words, reporter, path }, keyChoice(path))
  const { mail } = words
  const draft = spoken(reporter, before, context, { mail, how: path.kind })
  const how = WAYS[path.kind]
  const next: Draft = {
    ...draft,
    words: [...draft.words, { ...words, reporter, path }],
    activity: [...draft.activity, ...activityOf(reporter, words, how)]
  }
  return accepted(next, `Sent to ${reporter.contact.address}, ${how}.`)
}

function said({ words }: Draft, { id }: Addressed): readonly SpokenWords[] {
  return words.filter(({ reporter }) => reporter.id === id)
}

/** The line for the other maintainers about a reply or a question; a decision has a line of its own. */
function activityOf({ contact }: Addressed, { mail, files = [] }: Words, how: string): string[] {
  if (mail !== 'reply' && mail !== 'question') return []
  const along = files.length === 0 ? '' : `, with ${count(files.length, 'file', 'files')}`
  return [`${DID[mail]} ${contact.address} (${how}${along})`]
}

function strangerNamed(named: string, { contact }: Addressed): string {
  return `Not sent: your text contains "${named}" and would reach ${contact.address}. Reporters of one case must not learn of each other. Please leave it out.`
}

const TWO_WAYS =
  'Parts of what this message says to the reporter would leave in different ways (encrypted, unencrypted, or waiting for a key). Please send them in two messages.'
const SEVERAL =
  'Not done: this case has several reporters, and your message does not show which of them you mean. Please reply to a message of that reporter and keep its last line (Ref: …) in your text.'
const NO_ADDRESS = 'Not done: the report names no address, so nobody can be answered.'

/** The words wait, and the reporter is asked for a key; nobody is answered until it comes. */
function kept(before: Draft, context: CommandContext, words: SpokenWords, choice: string): Step {
  const { reporter } = words
  const about = { reporter: reporter.id, with: words.mail }
  const draft = decided(before, context, 'words-wait', about)
  const asked = askFor(reporter, draft, context, 'key-request')
  const next: Draft = {
    ...draft,
    decisions: [...draft.decisions, ...asked.decisions],
    words: [...draft.words, words]
  }
  const says = `${reporter.contact.address} cannot be answered yet: we have no usable key of theirs. What you sent waits and leaves, encrypted, when a key of theirs is in use.${choice} ${asked.says}`
  return accepted(
    withActivity(next, `wrote to ${reporter.contact.address}; the words wait for a key of theirs`),
    says
  )
}

const DID = { reply: 'answered', question: 'asked' } as const

function spoken(
  to: Addressed,
  draft: Draft,
  context: CommandContext,
  { mail, how }: Pick<Words, 'mail'> & { readonly how: Way }
): Draft {
  const reporter = to.id
  if (mail === 'question') return decided(draft, context, 'info-asked', { reporter, how })
  const done = decided(draft, context, 'answered', { reporter, with: mail, how })
  // One message answers a reporter once, however many commands it is made of.
  const isAnswered = said(draft, to).some((one) => one.mail !== 'question')
  return isAnswered ? { ...done, decisions: draft.decisions } : done
}

/** The one message to each reporter that these commands make together, and their place on the record of the case. */
export function spokenWords(draft: Draft, context: CommandContext): Decision[] {
  const reporters = new Map(draft.words.map(({ reporter }) => [reporter.id, reporter]))
  const spoken = [...reporters.values()].map((reporter) =>
    wordsTo(reporter, said(draft, reporter), draft, context)
  )
  // What several of them read in the same words is one message of the case.
  const written = new Map(spoken.map((one) => [`${one.audience} ${one.text}`, one]))
  return [
    ...[...written.values()].map(({ audience, text }) => message(draft, context, audience, text)),
    ...spoken.map(({ leaves }) => leaves)
  ]
}

function wordsTo(
  reporter: Addressed,
  words: readonly SpokenWords[],
  draft: Draft,
  context: CommandContext
): {
  readonly audience: 'internal' | 'reporter'
  readonly text: string
  readonly leaves: Decision
} {
  const joined = (parts: readonly string[]): string =>
    parts.filter((part) => part !== '').join('\n\n')
  const decision = joined(words.map((one) => one.decision))
  const text = joined(words.map((one) => one.text))
  const params = { author: context.author.name, text, decision }
  const decided = words.flatMap(({ mail }) =>
    mail === 'reply' || mail === 'question' ? [] : [mail]
  )
  const mail = decided.at(-1) ?? 'reply'
  const whole = joined([decision, text])
  const path = words.at(-1)?.path
  if (path === undefined || path.kind === 'no-key') {
    const leaves: Decision = {
      kind: 'keep-words',
      reporter: reporter.id,
      authorId: context.author.id,
      words: { mail, params, events: keptEvents(words) }
    }
    return { audience: 'internal', text: whole, leaves }
  }
  const files = words.flatMap((one) => one.files ?? [])
  const leaves = sendToReporter(path, messageOf(mail, params), {
    once: String(context.arrivalId),
    tag: draft.case.tag,
    files: files.length === 0 ? null : { from: 'list', files }
  })
  return { audience: 'reporter', text: whole, leaves }
}

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
  closed: closedMessage,
  reopened: reopenedMessage
}

export function messageOf(
  mail: KeptWords['mail'],
  { author, text, decision }: KeptWords['params']
): Message<'own-words'> {
  return mail === 'reply'
    ? replyMessage({ author, text })
    : DECIDED[mail]({ author, text, decision })
}

type ContentFreeName = 'key-request' | 'resend-request'

const ASKS = {
  'key-request': { done: 'for a key', before: 'for a key earlier today' },
  'resend-request': {
    done: 'to send the report again',
    before: 'to send the report again earlier today'
  }
} as const

/** The key by which the desk asks one reporter the same thing only once a day. */
export function askedKey(name: ContentFreeName, reporter: string, now: Instant): string {
  return `${name}:${reporter}:${now.slice(0, 10)}`
}

/** Asks a reporter, once a day, in words that say nothing of the case. */
export function askFor(
  { id, contact: { address } }: Addressed,
  draft: Draft,
  context: CommandContext,
  name: ContentFreeName
): { readonly says: string; readonly decisions: readonly Decision[] } {
  const { tag } = draft.case
  const once = askedKey(name, id, context.now)
  const isAsked =
    context.bound.askedToday.includes(once) ||
    draft.decisions.some((decision) => 'once' in decision && decision.once === once)
  if (isAsked) return { says: `${address} was asked ${ASKS[name].before}.`, decisions: [] }
  // The display name is text that the sender chose; in clear it would go to whoever owns the address.
  const to = { name: '', address, id }
  const message = name === 'key-request' ? keyRequest({}) : resendRequest({})
  const sending = { once: `${id}:${context.now.slice(0, 10)}`, tag }
  const decision = inClearTo(to, message, sending)
  const by = byMaintainer(context.author.id)
  const asked = recorded('key-asked', aboutCase(tag), by, { reporter: id })
  return {
    says: `We asked ${address} ${ASKS[name].done}, in a message that says nothing about the report.`,
    decisions: name === 'key-request' ? [decision, asked] : [decision]
  }
}

/** What a maintainer wrote, for the record of the case. */
export function message(
  { case: { tag } }: Pick<Draft, 'case'>,
  context: CommandContext,
  audience: 'internal' | 'reporter',
  text: string
): Decision {
  return {
    kind: 'add-message',
    tag,
    message: {
      at: context.now,
      author: 'maintainer',
      authorId: context.author.id,
      audience,
      subject: '',
      text,
      messageId: context.message.id,
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
