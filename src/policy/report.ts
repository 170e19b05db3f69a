/**
 * What a report or an answer to one becomes: a new case or a message of an open one, the keys and words that it settles, the
 * copies for the maintainers, and the acknowledgement of a new report. What comes in is never refused.
 */
import { addressKey, isSameAddress } from '../domain/address.ts'
import {
  type CaseMessage,
  type CaseRecord,
  type ReporterKey,
  type ReporterKeys
} from '../domain/case.ts'
import { historyOf, moveCase } from '../domain/case-machine.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { aboutCase, BY_SOMEBODY, event, type NewEvent } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type FactLine } from '../domain/message.ts'
import { type Product, productNamed, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { acknowledgeReport, promisedAnswer } from './acknowledgement.ts'
import { senderDoubt } from './authentication.ts'
import { claimCiphertext, quarantineReused } from './ciphertext.ts'
import { dueOf } from './clocks.ts'
import {
  type Contradiction,
  contradictionOf,
  explainContradiction,
  withholdContent
} from './contradiction.ts'
import { dateAnswer, owedDate } from './date-talk.ts'
import { newCase, productOf, productOutside, subjectOf } from './new-case.ts'
import { relay } from './relay.ts'
import { decideReporterKey, type KeyDecision } from './reporter-key.ts'
import { type BoundCase, type Moment, type Situation } from './situation.ts'
import { stateWords } from './status.ts'
import { decideThread, type Thread, type ThreadSender, writerAmong } from './threading.ts'
import { releasedWords, sealedWith, showsKey, wordsLeave, wordsStay } from './waiting-words.ts'

/** A message whose inside was judged: its content is its sender's, or was taken out. */
type Judged = Situation & { readonly contradiction: Contradiction | null }

/** The case of a message with what the message does to it. */
type Entry = {
  readonly sender: ThreadSender
  readonly product: Product
  /** The case as the message leaves it. */
  readonly record: CaseRecord
  readonly happened: NewEvent
  /** Opens or changes the case. */
  readonly decisions: readonly Decision[]
  readonly warnings: readonly string[]
}

/** Judges the inside of a message and takes it into the case that it opens or continues. */
export function decideReport(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const contradiction = contradictionOf(situation, settings)
  const judged: Judged =
    contradiction === null
      ? { ...situation, contradiction }
      : {
          ...situation,
          contradiction,
          opened: withholdContent(situation.opened),
          mergedKey: null
        }
  const thread = decideThread(judged, settings)
  const joined = thread.kind === 'new' ? null : thread.case.tag
  if (situation.ciphertextCases.some((tag) => tag !== joined)) {
    return quarantineReused(settings, judged)
  }
  // An automatic answer is shown to nobody, so it claims no ciphertext either.
  if (thread.kind !== 'new' && situation.opened.automatic.includes('auto-replied')) {
    return recordOnly(judged, thread.case, moment)
  }
  const claimed = contradiction === null ? claimCiphertext(judged, settings) : []
  return [...claimed, ...takeIn(judged, thread, settings, moment)]
}

function takeIn(received: Judged, thread: Thread, settings: Settings, moment: Moment): Decision[] {
  const isNew = thread.kind === 'new'
  const situation = asReporter(received, thread)
  const { now } = moment
  const entry = isNew
    ? openedBy(situation, thread.warnings, settings, now)
    : joinedBy(situation, thread, settings, now)
  const { sender, product, happened } = entry
  const { tag } = entry.record
  const isReporter = sender.kind === 'reporter'
  const { events, reporterKeys } = isNew ? NOTHING_KNOWN : (situation.bound ?? NOTHING_KNOWN)
  const key = keyOf(situation, entry, settings, now)
  const record = withOffers(entry.record, key)
  const unusedKeys = record.reporters.flatMap((one) => one.unusedKeys)
  const answer = isNew
    ? acknowledgeReport(situation, { tag, key: key.key, unusedKeys }, settings, moment)
    : aboutDate(situation, thread)
  const released = isReporter ? releasedWords(situation, key.key, settings, isNew ? null : tag) : []
  const keys = withSender(reporterKeys, key, situation)
  const about = { record, keys, events, product, settings, arrivalId: situation.arrivalId, now }
  const leaving = [
    ...wordsLeave(released, sealedWith(key.key)),
    ...(isReporter && bringsKey(situation, key.key) ? owedDate(sender.reporter, about) : [])
  ]
  const writer = authorOf(situation, sender)
  return [
    ...entry.decisions,
    message(situation, tag, writer, now),
    ...key.decisions,
    ...relay({
      ...situation,
      ...about,
      due: dueOf(record, events, [happened], about),
      reporterKeys: keys,
      isWithheld: situation.contradiction !== null,
      writer,
      keyWarnings: [...key.warnings, ...wordsStay(situation, key.key, released)],
      facts: [...answer.facts, ...leftFacts(leaving)],
      warnings: [...entry.warnings, ...quarantineWarnings(situation)]
    }),
    { kind: 'record', event: happened },
    ...answer.decisions,
    ...leaving,
    end(situation, tag)
  ]
}

/** A list member who reports, or who answers what the desk wrote to them as a reporter, writes as the reporter. */
function asReporter(situation: Judged, thread: Thread): Judged {
  const isReporters =
    thread.kind === 'new' ||
    (thread.sender.kind === 'reporter' && situation.answers?.audience === 'reporter')
  return isReporters ? { ...situation, member: null } : situation
}

const NOTHING_KNOWN: Pick<BoundCase, 'events' | 'reporterKeys'> = {
  events: [],
  reporterKeys: new Map()
}

function openedBy(
  situation: Judged,
  remarks: readonly string[],
  settings: Settings,
  now: Instant
): Entry {
  const product = productOf(situation.opened, settings)
  const { opening, record, reporter } = newCase(situation, product, now)
  const { tag } = record
  const { receivedAt, opened } = situation
  const answer = promisedAnswer(productOutside(opened, settings), receivedAt)
  const promised = answer === null ? {} : { promised: { answer } }
  const about = { product: product.id, reporter: tag, receivedAt, ...promised }
  return {
    sender: { kind: 'reporter', reporter },
    product,
    record,
    happened: event('opened', aboutCase(tag), BY_SOMEBODY, about),
    decisions: [opening],
    warnings: [...remarks, ...otherCases(situation)]
  }
}

function joinedBy(
  situation: Judged,
  { case: before, sender }: JoinedThread,
  settings: Settings,
  now: Instant
): Entry {
  const { tag, version } = before
  const happened = joinedEvent(tag, authorOf(situation, sender), situation)
  const record = moved(before, happened, situation, now)
  const { state } = record
  const latest = situation.opened.outer.messageId
  // The reporter's newest message is the one that answers refer to.
  const isLatest = sender.kind === 'reporter' && situation.contradiction === null && latest !== null
  return {
    sender,
    product: productNamed(before.product, settings),
    record,
    happened,
    decisions: [
      ...(state === before.state
        ? []
        : [{ kind: 'update-case', tag, version, set: { state } } as const]),
      ...(isLatest ? [{ kind: 'update-reporter', id: sender.reporter.id, latest } as const] : [])
    ],
    warnings: [...endedWarnings(before, record), ...senderWarnings(situation, sender)]
  }
}

/** Whether the report may belong to a case that is open already, for the maintainers to merge it. */
function otherCases({ senderCases }: Judged): string[] {
  const [newest] = senderCases
  if (newest === undefined) return []
  return [
    `This sender also reported ${listed(senderCases)}. If this message belongs to ${newest}, reply with /merge ${newest}.`
  ]
}

/** The key to use for the sender, if that is the reporter, with the doubt that keeps an unproved key out of use. */
function keyOf(
  situation: Judged,
  { sender, record }: Entry,
  settings: Settings,
  now: Instant
): KeyDecision {
  if (sender.kind === 'other') return { key: null, decisions: [], warnings: [] }
  const { tag } = record
  const isNew = tag === situation.nextTag
  const ofReport = isNew ? senderDoubt(situation.opened, settings) : null
  const doubt = sender.kind === 'unproved' ? sender.doubt : ofReport
  const reporter = writerAmong(situation.opened, record)?.id ?? ''
  return decideReporterKey(situation, { tag, reporter, doubt }, settings, now)
}

/** Whether the message shows the key that answers are encrypted to: a question about the date may have waited for it (B19). */
function bringsKey(situation: Judged, key: ReporterKey | null): boolean {
  return situation.contradiction === null && key?.isUsable === true && showsKey(situation, key)
}

/** A message too large or quarantined stays visible in the held folder; its case goes on like any other. */
function end(situation: Judged, tag: CaseTag): Decision {
  if (situation.contradiction !== null)
    return dispose('held', 'contradicts-sender', 'its inside contradicts its sender', tag)
  if (situation.quarantined)
    return dispose('held', 'quarantined', 'it could not be opened in three tries', tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose('held', 'too-large', 'larger than the size limit', tag)
  if (tag === situation.nextTag) return dispose('done', 'case-opened', '', tag)
  return dispose('done', situation.member !== null ? 'member-reply' : 'case-joined', '', tag)
}

/** The keys of reporters with the one that this message leaves in use for its sender. */
function withSender(
  keys: ReporterKeys,
  { key }: KeyDecision,
  { opened: { outer } }: Situation
): ReporterKeys {
  return key === null || outer.from === null
    ? keys
    : new Map([...keys, [addressKey(outer.from.address), key]])
}

/** The case as its maintainers see it once the keys of this message are kept (G3). */
function withOffers(record: CaseRecord, { decisions }: KeyDecision): CaseRecord {
  const offers = decisions.flatMap((one) => (one.kind === 'offer-reporter-key' ? [one] : []))
  const reporters = record.reporters.map((one) => {
    const { contact } = one
    const offered = offers.flatMap(({ address, key: { fingerprint } }) =>
      contact !== null && isSameAddress(address, contact.address) ? [fingerprint] : []
    )
    return { ...one, unusedKeys: [...new Set([...offered, ...one.unusedKeys])] }
  })
  return { ...record, reporters }
}

/** Tells the maintainers which words have left because this message brings the key that they waited for. */
function leftFacts(leaving: readonly Decision[]): FactLine[] {
  const tags = leaving.flatMap((one) => {
    if (one.kind === 'words-leave') return [one.words.tag]
    if (one.kind !== 'send-sealed') return []
    return dateProposed.is(one.message) || dateNotice.is(one.message) ? [one.tag] : []
  })
  if (tags.length === 0) return []
  const messages = count(tags.length, 'message', 'messages')
  const value = `${messages} to the reporter, encrypted (${[...new Set(tags)].join(', ')})`
  return [{ label: 'Sent now, after waiting for a key', value }]
}

/** What the reporter says about the date, so that the maintainers can decide (B19). Nothing if the message is withheld. */
function aboutDate(
  { opened, contradiction, bound }: Judged,
  { case: record, sender }: JoinedThread
): { readonly facts: readonly FactLine[]; readonly decisions: readonly Decision[] } {
  const date = record.disclosureAt
  const nothing = { facts: [], decisions: [] }
  if (sender.kind !== 'reporter' || contradiction !== null || date === null) return nothing
  const answer = dateAnswer(opened.text, bound?.events ?? [], record, sender.reporter)
  if (answer === null) return nothing
  const reporter = sender.reporter.id
  const answered = recorded(
    'date-answered',
    aboutCase(record.tag),
    { kind: 'reporter', id: reporter },
    { reporter, date, answer }
  )
  return {
    facts: [
      {
        label: 'About the date',
        value:
          answer === 'agree'
            ? 'the reporter AGREES'
            : 'the reporter OBJECTS; please read why, then answer with /reply or set another date with /embargo'
      }
    ],
    decisions: [answered]
  }
}

type JoinedThread = Extract<Thread, { kind: 'case' }>

const MEMBER_IN_CLEAR =
  'It came unencrypted: anybody on the way could read it, and what it quotes of the notice.'

function senderWarnings(situation: Situation, sender: ThreadSender): string[] {
  const { member, opened } = situation
  if (member !== null) {
    const unsigned = `This message says that it comes from list member ${member.record.id}, but no signature proves that they meant it for this desk.`
    return [
      ...(member.signed ? [] : [unsigned]),
      ...(opened.sealedTo === 'nobody' ? [MEMBER_IN_CLEAR] : [])
    ]
  }
  switch (sender.kind) {
    case 'reporter':
      return []
    case 'unproved':
      return [
        `The message says that it comes from the reporter of this case, but the sender is ${sender.doubt}. It is on the record as another person's. Answers go to the reporter's address, never to another.`
      ]
    case 'other':
      return [
        'The sender is not the reporter of this case. Answers go to the reporter, never to this sender.'
      ]
  }
}

function quarantineWarnings(situation: Judged): string[] {
  if (situation.contradiction !== null) return [explainContradiction(situation.contradiction)]
  return situation.quarantined
    ? [
        'Opening this message failed three times (time or memory). It is in the held folder; please look at it with care.'
      ]
    : []
}

/** Automatic answers on a case are kept on its record and bother nobody. */
function recordOnly(situation: Situation, record: CaseRecord, moment: Moment): Decision[] {
  return [
    message(situation, record.tag, { author: 'other', authorId: '' }, moment.now),
    dispose('done', 'auto-reply', 'an automatic answer', record.tag)
  ]
}

function authorOf({ member }: Situation, sender: ThreadSender): Writer {
  if (member !== null) return { author: 'member', authorId: member.record.id }
  return sender.kind === 'reporter'
    ? { author: 'reporter', authorId: sender.reporter.id }
    : { author: 'other', authorId: '' }
}

function message(
  { opened, arrivalId }: Situation,
  tag: CaseTag,
  writer: Writer,
  now: Instant
): Decision {
  return {
    kind: 'add-message',
    tag,
    message: {
      at: now,
      ...writer,
      audience: writer.author === 'reporter' ? 'reporter' : 'internal',
      subject: subjectOf(opened),
      text: opened.text,
      messageId: opened.outer.messageId,
      arrivalId
    }
  }
}

type Writer = Pick<CaseMessage, 'author' | 'authorId'>

function joinedEvent(
  tag: CaseTag,
  { author, authorId: id }: Writer,
  { receivedAt, member }: Situation
): NewEvent {
  const subject = aboutCase(tag)
  if (author === 'reporter') {
    const by = { kind: 'reporter', id } as const
    const about = { reporter: by.id, receivedAt }
    return event('reporter-wrote', subject, by, about)
  }
  if (author === 'other' || member === null) {
    return event('other-wrote', subject, BY_SOMEBODY, {})
  }
  const { record, signed } = member
  const by = signed ? ({ kind: 'member', id: record.id } as const) : BY_SOMEBODY
  const about = { member: record.id, isSigned: signed }
  return event('member-wrote', subject, by, about)
}

function moved(
  record: CaseRecord,
  joined: NewEvent,
  { bound }: Pick<Situation, 'bound'>,
  now: Instant
): CaseRecord {
  const move = moveCase(record.state, joined, {
    ...(bound?.history ?? historyOf([])),
    notice: bound?.notice?.state ?? null,
    disclosureAt: record.disclosureAt,
    mayEndInternally: false,
    now
  })
  // What comes in is never refused: it happened.
  return move.kind === 'moved' ? { ...record, state: move.to } : record
}

/** A reporter who writes into an ended case is heard, and the maintainers learn that it stands open again (M-10). */
function endedWarnings({ state: before }: CaseRecord, { tag, state }: CaseRecord): string[] {
  if (before === 'merged')
    return [`The case ${tag} was merged into another one. Please answer in that case.`]
  return before === state || (before !== 'rejected' && before !== 'closed')
    ? []
    : [
        `The case was ${stateWords(before)}, and the reporter wrote again. It is open again (${stateWords(state)}). Please answer, or close it again with /close because REASON.`
      ]
}
