/**
 * How a maintainer's words reach the reporter of a case (G3, G6): encrypted; unencrypted under the one exception; or later, after
 * a request for a key that says nothing of the case (B10). They go to the reporter on record and to nobody else.
 */
import { type Address } from '../domain/address.ts'
import * as cases from '../domain/case.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import { aboutCase, byMaintainer, type ReporterTold, type Way } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import * as toReporters from '../messages/to-reporters.ts'
import { firstLines, reporterIn } from './conversation.ts'
import {
  type CommandContext,
  type Draft,
  decided,
  Refusal,
  type SpokenWords,
  type Words
} from './draft.ts'
import { keyChoice, type ReporterPath, reporterPath, WAYS } from './recipients.ts'
import { inClearTo, toReporter as sendToReporter } from './send.ts'

type Decided = Exclude<cases.KeptWords['mail'], 'reply'>

const DONE: Readonly<Record<Decided, string>> = {
  accepted: 'Accepted',
  rejected: 'Rejected',
  merged: 'The case is merged',
  closed: 'The case is closed',
  reopened: 'The case is open again'
}

/**
 * Accept, reject, close, reopen and merge are told to every reporter of the case who can be reached, with the author's text in
 * the same message. For the others the decision stands, and the text stays with the maintainers.
 */
export function decisionMail(
  draft: Draft,
  decide: (told: ReporterTold) => void,
  words: Omit<Words, 'decision'> & {
    readonly mail: Decided
    /** What the desk says of it; a function where that depends on the reporter. */
    readonly decision: string | ((to: cases.Addressed) => string)
    readonly why?: string
    /** All of them unless given. */
    readonly to?: readonly cases.Addressed[]
  }
): string {
  const all = cases.addresseesOf(draft.case)
  const { mail, text, decision, why = '' } = words
  const { conversation, known, bound } = draft
  // An address that is only claimed gets no mail that nobody meant for it alone: a flood would make the desk its amplifier.
  const to = draft.isUnverified === true ? [] : (words.to ?? all)
  const answersOne = conversation.kind === 'one' && conversation.with !== ''
  if (answersOne && text !== '' && all.length > 1) throw new Refusal(forOne(draft))
  const isOther = known.wasRejected && (mail === 'accepted' || mail === 'merged')
  const wasRejected = bound.events.flatMap(({ kind, about }) =>
    isOther && kind === 'answered' && about.with === 'rejected' ? about.reporter : []
  )
  refuseBoth(draft, mail)
  decide(reporterTold(draft))
  draft.activity.push(`${mail} the case${why}`)
  const done = `${DONE[mail]}${why}.`
  const saysTo = (one: cases.Addressed): string =>
    `${wasRejected.includes(one.id) ? AGAIN : ''}${typeof decision === 'string' ? decision : decision(one)}`
  const each = to.map((one) => toOne(one, draft, { ...words, decision: saysTo(one) }))
  if (each.length > 0) return `${done} ${each.join(' ')}`
  const { did, because } = nobodyTold(draft, all)
  draft.activity.push(did)
  const says = `${done} ${because}`
  if (text === '') return says
  keepNote(draft, text)
  return `${says} Your text was kept as a note.`
}

/** That a decision is told to nobody, for the other maintainers and for its author. */
function nobodyTold({ bound }: Draft, all: readonly cases.Addressed[]) {
  if (all.length === 0)
    return {
      did: 'the reporter could not be told',
      because: 'The reporter was not told, because the report names no address.'
    }
  const addresses = all.map(({ contact }) => contact.address)
  return {
    did: 'did not write to the sender, whose address is not verified',
    because: `No message went to ${listed(addresses)}: the address is not verified.${droppedFor(bound.heldAnswerTo, { bound })}`
  }
}

/** Only to those who read the rejection. */
const AGAIN = 'We have looked at your report again. '

function refuseBoth({ words, known }: Draft, mail: Decided): void {
  const ends = mail === 'rejected' || (mail === 'closed' && !known.wasDisclosed)
  if (!ends || !words.some((one) => one.mail === 'accepted')) return
  throw new Refusal(
    'The reporter would read in one message that the report is accepted and that its case has ended. Please send one of the two.'
  )
}

function forOne({ case: { tag }, settings }: Draft): string {
  return `Every reporter of this case would read the text, but your message answers only one of them. To send the text to that reporter alone, write a line /reply above it. To send it to all of them, please write a new message that ${firstLines(settings, tag)}`
}

/** Whether a decision that is made now reaches every reporter; if not, why. */
function reporterTold(draft: Draft): ReporterTold {
  const { reporters } = draft.case
  const { reporterKeys, product, isUnverified = false } = draft
  const known = reporters.flatMap((one) => cases.addressed(one) ?? [])
  if (isUnverified && known.length > 0) return 'unverified'
  if (known.some((one) => reporterPath(one, reporterKeys, product).kind === 'no-key'))
    return 'waits-for-key'
  return known.length === 0 || known.length < reporters.length ? 'no-address' : 'told'
}

/** How words for the reporter of this conversation can leave; null where there is none to reach, or nothing says which. */
export function pathIn(draft: Draft): ReporterPath['kind'] | null {
  const { case: record, reporterKeys, conversation, product } = draft
  const reporter = reporterIn(record, conversation)
  if (reporter === null || reporter === 'several') return null
  return reporterPath(reporter, reporterKeys, product).kind
}

/** Sends a maintainer's words to the reporter of the conversation and to nobody else, or says why that cannot be. */
export function toReporter(draft: Draft, words: Words): string {
  return toEach([reporterMeant(draft)], draft, words)
}

/** The reporter of the conversation. */
export function reporterMeant(draft: Draft): cases.Addressed {
  const { case: record, conversation } = draft
  const { named } = draft.bound
  // The number of a merged case means its own reporter, who may have no address.
  const isGone = named !== record.tag && cases.reporterWith(record, named)?.contact === null
  const reporter = isGone ? null : reporterIn(record, conversation)
  if (reporter === 'several') throw new Refusal(SEVERAL)
  if (reporter === null) throw new Refusal(NO_ADDRESS)
  return reporter
}

/** One message to each: what one of them reads names none of the others. */
export function toEach(reporters: readonly cases.Addressed[], draft: Draft, words: Words): string {
  return reporters.map((reporter) => toOne(reporter, draft, words)).join(' ')
}

function toOne(reporter: cases.Addressed, draft: Draft, words: Words): string {
  const { mail, text, files = [] } = words
  const { address } = reporter.contact
  const path = reporterPath(reporter, draft.reporterKeys, draft.product)
  // All of it leaves as one message (B13): what was written for one way must not take another.
  const others = said(draft, reporter)
  if (others.some((one) => one.path.kind !== path.kind)) throw new Refusal(TWO_WAYS)
  draft.words.push({ ...words, reporter, path })
  if (path.kind === 'no-key') {
    // The words wait, and the reporter is asked for a key; nobody is answered until it comes.
    decided(draft, 'words-wait', { reporter: reporter.id, with: mail, writtenAt: draft.now })
    if (others.length > 0) return `It waits in the same message to ${address}.`
    const asked = askFor(reporter, draft, 'key-request')
    draft.decisions.push(...asked.decisions)
    draft.activity.push(`wrote to ${address}; the text waits for a key of theirs`)
    return `${address} cannot be answered yet: ${path.lack}. ${text === '' ? 'The decision' : 'Your text'} waits and leaves, encrypted, when a key of theirs is in use. ${asked.says}${droppedFor(address, draft)}`
  }
  const how = WAYS[path.kind]
  spoken(reporter, draft, { ...words, how: path.kind })
  const along = files.length === 0 ? '' : `, with ${count(files.length, 'file', 'files')}`
  // A decision has a line of its own for the other maintainers.
  if (mail === 'reply' || mail === 'question') {
    const done = holdsPlan(text) ? 'sent the plan and the workarounds to' : DID[mail]
    draft.activity.push(`${done} ${address} (${how}${along})`)
  }
  return others.length > 0
    ? `It goes along in the same message to ${address}.`
    : `On its way to ${address}, ${how}.${droppedFor(address, draft)}`
}

/** What words to this address, or the end of the case, make untrue: that nobody has read the report, and a person will answer. */
export function droppedFor(address: Address | null, { bound }: Pick<Draft, 'bound'>): string {
  const isHeld = address !== null && bound.heldAnswerTo === address
  return isHeld ? ' The acknowledgement that was on hold will not leave.' : ''
}

const DID = { reply: 'answered', question: 'asked' } as const

function said({ words }: Draft, { id }: cases.Addressed): readonly SpokenWords[] {
  return words.filter(({ reporter }) => reporter.id === id)
}

const TWO_WAYS =
  'Parts of what this message says to the reporter would leave in different ways (encrypted, unencrypted, or waiting for a key). Please send them in two messages.'
const SEVERAL =
  'This case has several reporters, and your message does not show which of them you mean; the number of a report is not enough. Please reply to a message of that reporter and keep its last line (Ref: …) in your text. To write to all of them, put the text below a decision such as /accept, or send a plan with /plan, in a message that answers no reporter.'
const NO_ADDRESS = 'The report names no address, so nobody can be answered.'

function spoken(
  to: cases.Addressed,
  draft: Draft,
  { mail, text, how }: Words & { readonly how: Way }
): void {
  const reporter = to.id
  // One message answers a reporter once, however many commands it is made of.
  draft.decisions = draft.decisions.filter(
    (one) =>
      one.kind !== 'record' ||
      one.event.kind !== 'answered' ||
      one.event.about.reporter !== reporter
  )
  decided(draft, 'answered', { reporter, with: mailOf(said(draft, to)), how })
  if (mail === 'question') decided(draft, 'info-asked', { reporter, how })
  if (holdsPlan(text)) decided(draft, 'plan-told', { reporter, how })
}

/** Whether a text holds a plan and workarounds under their headings (M-08); "none known" is an answer, too. */
export function holdsPlan(text: string): boolean {
  const found = { plan: '', workarounds: '' }
  let under: keyof typeof found | null = null
  for (const line of text.split('\n')) {
    const [, name = '', rest = ''] =
      /^[\s#*_]*(plan|workarounds?)[*_]*:[*_]*(.*)$/i.exec(line) ?? []
    if (name !== '') under = name.toLowerCase() === 'plan' ? 'plan' : 'workarounds'
    if (under !== null) found[under] += name === '' ? `\n${line}` : rest
  }
  return found.plan.trim() !== '' && found.workarounds.trim() !== ''
}

/**
 * The one message to each reporter that these commands make together, their place on the record of the case, and as they read
 * them for the other maintainers.
 */
export function spokenWords(draft: Draft) {
  const reporters = new Map(draft.words.map(({ reporter }) => [reporter.id, reporter]))
  const leaving = [...reporters.values()].map((reporter) => wordsTo(reporter, draft))
  // What several of them read in the same words is one message of the case.
  const written = [...groupBy(leaving, ({ text }) => text).values()]
  const decisions = [
    ...written.map(([{ text }]) => message(draft, 'reporter', text)),
    ...leaving.map(({ leaves }) => leaves)
  ]
  const texts = written.map((all) => {
    return { title: `To ${all.map(({ to }) => to).join(', ')}`, text: all[0].text }
  })
  return { decisions, texts }
}

function wordsTo(to: cases.Addressed, draft: Draft) {
  const words = said(draft, to)
  const { address } = to.contact
  const joined = (parts: readonly string[]): string =>
    parts.filter((part) => part !== '').join('\n\n')
  const { author, arrivalId } = draft
  const decision = joined(words.map((one) => one.decision ?? ''))
  const params = { author: author.name, text: joined(words.map(({ text }) => text)), decision }
  const text = joined([decision, params.text])
  const mail = mailOf(words)
  const path = words.at(-1)?.path
  if (path === undefined || path.kind === 'no-key') {
    const kept: cases.KeptWords = { mail, params, events: keptEvents(words) }
    const waits = { reporter: to.id, authorId: author.id, words: kept }
    const leaves: Decision = { kind: 'keep-words', ...waits }
    return { to: `${address} (waits for a key)`, text, leaves }
  }
  const files = words.flatMap((one) => one.files ?? [])
  const smaller = { ...params, text: joined([params.text, withoutFiles(files)]) }
  const along =
    files.length === 0
      ? { files: null }
      : ({ files: { from: 'list', files }, smaller: toReporters[mail](smaller) } as const)
  const leaves = sendToReporter(path, toReporters[mail](params), {
    once: String(arrivalId),
    tag: draft.case.tag,
    ...along
  })
  return { to: `${address} (${WAYS[path.kind]})`, text, leaves }
}

/** What the reporter reads in place of the files, where their mail server takes no message of that size. */
function withoutFiles(files: readonly OutgoingAttachment[]): string {
  const named = files.map(({ filename, content }) => `${filename} (${content.byteLength} bytes)`)
  return `[Not attached, because a mail server takes no message of that size: ${listed(named)}. Please tell us how we can send it to you.]`
}

function mailOf(words: readonly SpokenWords[]): cases.KeptWords['mail'] {
  const kinds = words.map(({ mail }) => mail)
  return kinds.findLast((mail) => mail !== 'reply' && mail !== 'question') ?? 'reply'
}

function keptEvents(words: readonly SpokenWords[]): cases.KeptWords['events'] {
  return [
    'answered',
    ...(words.some(({ text }) => holdsPlan(text)) ? (['plan-told'] as const) : []),
    ...(words.some(({ mail }) => mail === 'question') ? (['info-asked'] as const) : [])
  ]
}

const ASKS = {
  'key-request': { make: toReporters.keyRequest, what: 'for a key' },
  'resend-request': { make: toReporters.resendRequest, what: 'to send the report again' }
} as const

/** The key by which the desk asks one reporter the same thing only once a day. */
export function askedKey(name: keyof typeof ASKS, reporter: string, now: Instant): string {
  return `${name}:${reporter}:${now.slice(0, 10)}`
}

/**
 * Asks a reporter, once a day, in words that say nothing of the case. Nobody is asked for a key while one of theirs that can be
 * used waits for a maintainer's word.
 */
export function askFor(
  reporter: cases.Addressed,
  { bound, now, author, case: { tag }, decisions, reporterKeys, product }: Draft,
  name: keyof typeof ASKS
): { readonly says: string; readonly decisions: readonly Decision[] } {
  const { make, what } = ASKS[name]
  const path = reporterPath(reporter, reporterKeys, product)
  const isOffered = bound.offeredKeys.some(
    ({ isUsable, fingerprint }) => isUsable && reporter.unusedKeys.includes(fingerprint)
  )
  if (isOffered && path.kind === 'no-key' && name === 'key-request')
    return { says: keyChoice(path).trim(), decisions: [] }
  const { id } = reporter
  const { address } = reporter.contact
  const once = askedKey(name, id, now)
  const isAskedNow = decisions.some((one) => 'once' in one && one.once === once)
  if (isAskedNow) return { says: `This message asks ${address} ${what} already.`, decisions: [] }
  const isAskedToday = bound.askedToday.includes(once)
  const earlier = `${address} was asked ${what} earlier today. The desk asks once a day.`
  if (isAskedToday) return { says: earlier, decisions: [] }
  // The display name is text that the sender chose; in clear it would go to whoever owns the address.
  const to = { name: '', address, id }
  const decision = inClearTo(to, make({}), { once: `${id}:${now.slice(0, 10)}`, tag })
  const asked = recorded('key-asked', aboutCase(tag), byMaintainer(author.id), { reporter: id })
  return {
    says: `We asked ${address} ${what}, in a message that says nothing about the report.`,
    decisions: name === 'key-request' ? [decision, asked] : [decision]
  }
}

/** What a maintainer wrote, for the record of the case. */
export function message(
  { now, author, message: { id: messageId }, arrivalId, bound }: CommandContext,
  audience: cases.CaseMessage['audience'],
  text: string
): Decision {
  const wrote = { at: now, author: 'maintainer', authorId: author.id, audience } as const
  const said = { ...wrote, subject: '', text, messageId, arrivalId }
  return { kind: 'add-message', tag: bound.case.tag, message: said }
}

/** Adds an internal note to the record and to what the other maintainers are told. */
export function addNote(draft: Draft, text: string): void {
  keepNote(draft, text)
  draft.activity.push(`wrote a note on ${draft.case.tag}`)
}

function keepNote(draft: Draft, text: string): void {
  draft.texts.push({ title: 'Note', text })
  draft.decisions.push(message(draft, 'internal', text))
  decided(draft, 'noted', {})
}
