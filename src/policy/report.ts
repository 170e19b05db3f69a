/**
 * What a report or an answer to one becomes: a new case or a message of an open one, the keys and words that it settles, the
 * copies for the maintainers, and the acknowledgement of a new report. What comes in is never refused.
 */
import { addressKey } from '../domain/address.ts'
import * as cases from '../domain/case.ts'
import { historyOf, moveCase } from '../domain/case-machine.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { aboutCase, BY_DESK, BY_SOMEBODY, event, type NewEvent } from '../domain/event.ts'
import { type CaseTag, findCaseTags, type MessageId } from '../domain/ids.ts'
import { isByProgram, isDesks, isFrom, type OpenedMail, subjectOf } from '../domain/mail.ts'
import { type Product, productNamed } from '../domain/settings.ts'
import { count, listed } from '../domain/words.ts'
import {
  acknowledgeReport,
  isAnswerable,
  productOf,
  productsOutside,
  promisedBy
} from './acknowledgement.ts'
import { senderDoubt } from './authentication.ts'
import { dueOf } from './clocks.ts'
import { answerToDate } from './date-talk.ts'
import { dropWords, happening, tellsEnd } from './draft.ts'
import { newText } from './new-text.ts'
import {
  claimWarnings,
  contradictionOf,
  earlierCopy,
  explainContradiction,
  otherKeys,
  withholdContent
} from './ownership.ts'
import { type RelayInput, relay } from './relay.ts'
import { decideReporterKey, type KeyDecision, NO_KEY } from './reporter-key.ts'
import { type BoundCase, type Situation } from './situation.ts'
import { stateWords, waitingName } from './status.ts'
import { strangersMail } from './strangers.ts'
import { decideThread, type JoinedThread, type Sender, type Thread } from './threading.ts'
import { eventsOf, releasedBy } from './waiting-words.ts'

/** The case of a message with what the message does to it. */
type Entry = Writing & {
  readonly sender: Sender
  readonly product: Product
  /** The case as the message leaves it. */
  readonly record: cases.CaseRecord
  /** Opens or changes the case. */
  readonly decisions: readonly Decision[]
}

/** Who wrote, as the messages and the record of the case say it, and what to warn the maintainers of. */
type Writing = {
  readonly writer: Pick<cases.CaseMessage, 'author' | 'authorId'>
  readonly happened: NewEvent
  readonly warnings: readonly string[]
}

/**
 * A message whose inside was judged: `withheld` says why its content was taken out; null where it stays. `brings` as in the event
 * `reporter-wrote`.
 */
type Judged = Situation & {
  readonly withheld: string | null
  /** The keys that it brings, withheld or not. */
  readonly brought: Pick<OpenedMail, 'candidateKeys' | 'unusableKeys'>
  readonly brings?: 'key'
}

/** Judges the inside of a message and takes it into the case that it opens or continues. */
export function decideReport(received: Situation): Decision[] {
  const again = sameReport(received)
  if (again !== null) return again
  const inside = judged(received)
  const situation = inside.withheld === null ? inside : { ...inside, mergedKey: null }
  const thread = decideThread(situation)
  const { joined } = thread
  // An automatic answer is kept on the record of the case and shown to nobody. One that belongs to no case is read like any
  // report: no message stays unread because of its form (G1).
  if (joined !== null && isByProgram(situation.opened, 'auto-replied')) {
    const { tag } = joined.case
    return [
      message(situation, tag, SOMEBODY),
      dispose('done', 'auto-reply', 'an automatic answer', tag)
    ]
  }
  return takeIn(situation, thread)
}

/**
 * The same report over another path, as an alias or a list brings it, is no second one, unless it brings another key. If only
 * this copy may be answered, as it proves its sender or came through no list, it is acknowledged now.
 */
function sameReport(situation: Situation): Decision[] | null {
  const { opened, senderKey: key, earlierLacks } = situation
  const copy = earlierCopy(situation)
  if (copy === null || copy.tag === null || otherKeys(situation).length > 0) return null
  const { tag } = copy
  const late: readonly Decision[] =
    earlierLacks === null || !isAnswerable(situation)
      ? []
      : earlierLacks === 'release'
        ? [recorded('acknowledgement-released', aboutCase(tag), BY_DESK, {})]
        : acknowledgeReport(situation, { record: { tag }, key, brought: opened }).decisions
  return [...late, dispose('done', 'duplicate', 'the same message came over another path', tag)]
}

/** Judges the inside of a message, and takes what is withheld out of the facts. */
export function judged<Facts extends InsideFacts>(
  received: Facts
): Facts & Pick<Judged, 'withheld' | 'brought'> {
  const contradiction = contradictionOf(received)
  const { opened: brought } = received
  if (contradiction === null) return { ...received, withheld: null, brought }
  const opened = withholdContent(received.opened)
  const { answers, ownThread, member } = received
  return {
    ...received,
    opened,
    answers: answers && { ...answers, isConfirmed: false },
    answersInside: null,
    // What a list member signed speaks for nobody else who sends it on.
    member: member !== null && isFrom(opened.outer, member.record.address) ? member : null,
    ownThread: ownThread?.by === 'message-id' ? ownThread : null,
    withheld: explainContradiction(contradiction),
    brought
  }
}

type InsideFacts = Parameters<typeof contradictionOf>[0] &
  Pick<Situation, 'answers' | 'answersInside' | 'ownThread' | 'member'>

function takeIn(situation: Judged, thread: Thread): Decision[] {
  const { withheld, settings, now } = situation
  const { joined } = thread
  const entry = joined === null ? openedBy(situation, thread.warnings) : joinedBy(situation, joined)
  const { sender, product, writer, happened } = entry
  const bound = joined === null ? null : situation.bound
  const { events, reporterKeys } = bound ?? { events: [], reporterKeys: new Map() }
  const key = keyOf(situation, entry)
  const { record, keys } = withKey(entry.record, reporterKeys, situation, key)
  const { tag } = record
  const about = { ...situation, record, keys, events, product }
  const answer =
    joined === null
      ? {
          ...acknowledgeReport(situation, { record, key: key.key, brought: situation.brought }),
          isOnlyYes: false
        }
      : answerToDate(sender, about)
  // A mere yes to the date needs no answer; it is on the record as an answer to the date.
  const isYes = answer.isOnlyYes && joined?.case.state === record.state
  const wrote = isYes ? [] : [happened, ...lackOf(happened)]
  const released = releasedBy(situation, withheld === null ? sender : null, key.key, about)
  if (isBeforeEnd(situation, released.decisions, tag))
    return takeIn({ ...situation, brings: 'key' }, thread)
  const untrue = untrueWords(situation, thread, record, released.decisions)
  const again = { because: 'reopened', reason: '' } as const
  const dropped = untrue.flatMap((words) => dropWords(words, BY_DESK, again))
  const left = eventsOf(released.decisions, tag)
  const happens = [...wrote, ...left, ...happening({ case: record, decisions: dropped })]
  return [
    ...entry.decisions,
    message(situation, tag, writer),
    ...wrote.map((event) => ({ kind: 'record', event }) as const),
    ...key.decisions,
    ...forwardOrList(situation, {
      ...about,
      record: left.reduce(
        (known, one) =>
          one.kind === 'answered' ? cases.withAnswer(known, one.about.reporter, now) : known,
        record
      ),
      due: dueOf(record, events, happens, about),
      reporterKeys: keys,
      isReport: joined === null,
      isWithheld: withheld !== null,
      writer,
      facts: [...answer.facts, ...released.facts],
      warnings: [
        ...key.warnings,
        ...released.warnings,
        ...entry.warnings,
        ...untrue.map((words) => `Never sent: ${waitingName(words, settings)}.`),
        ...(withheld === null ? claimWarnings(situation) : [withheld])
      ]
    }),
    ...answer.decisions,
    ...released.decisions,
    ...dropped,
    end(situation, tag, sender)
  ]
}

/** The copies for the maintainers. Where strangers write too much, a list tells of the message instead (A5). */
function forwardOrList(situation: Judged, input: RelayInput): Decision[] {
  const { isReport, writer, record } = input
  const { tag } = record
  const counted = writer.author === 'member' ? null : strangersMail(situation, { tag, isReport })
  if (counted === null) return relay(input)
  if (counted.isForwarded) return [counted, ...relay(input)]
  return [counted, recorded('listed', aboutCase(tag), BY_DESK, { reporter: tag })]
}

/** Whether the end of the case leaves only because of this message, which cannot be about it; false once that is known of it. */
function isBeforeEnd({ brings }: Judged, leaving: readonly Decision[], tag: CaseTag): boolean {
  if (brings !== undefined) return false
  const leaves = leaving.flatMap((one) => (one.kind === 'words-leave' ? one.words : []))
  return leaves.some((words) => words.tag === tag && tellsEnd(words))
}

/** Words that say that the case has ended and do not leave now, once a message of its reporter has opened it again. */
function untrueWords(
  { bound }: Situation,
  { joined }: Thread,
  { tag, state }: cases.CaseRecord,
  leaving: readonly Decision[]
): BoundCase['waitingWords'] {
  if (bound === null || joined === null || cases.isOpen(joined.case.state) || !cases.isOpen(state))
    return []
  const left = leaving.flatMap((one) => (one.kind === 'words-leave' ? one.words.id : []))
  return bound.waitingWords.filter(
    (one) => one.tag === tag && tellsEnd(one) && !left.includes(one.id)
  )
}

/** So many other open cases of its sender are named with a new one; all are counted. */
const NAMED_MAX = 3

function openedBy(situation: Situation, remarks: readonly string[]): Entry {
  const { receivedAt, opened, senderCases, settings } = situation
  const product = productOf(opened, settings)
  const record = newCase(situation, product)
  const { tag, reporters } = record
  const [reporter] = reporters
  const promises = promisedBy(productsOutside(opened, settings), receivedAt)
  const promised = reporter.contact === null ? null : promises
  const about = { product: product.id, reporter: tag, receivedAt, promised }
  const doubt = senderDoubt(opened, settings)
  const isNamed = reporter.contact !== null && doubt === null
  const by = isNamed ? ({ kind: 'reporter', id: tag } as const) : BY_SOMEBODY
  const [newest] = senderCases
  // It may belong to a case that is open already; a remark, where there is one, has said how to merge it.
  const merge = ` If this message belongs to ${newest}, reply with /merge ${newest}.`
  const named = listed(senderCases.slice(0, NAMED_MAX))
  const all = count(senderCases.length, 'open case', 'open cases')
  const others = `This sender also reported ${named} (${all} in all).${remarks.length > 0 ? '' : merge}`
  return {
    sender: { kind: 'reporter', reporter, doubt },
    product,
    record,
    writer: { author: 'reporter', authorId: tag },
    happened: event('opened', aboutCase(tag), by, about),
    decisions: [{ kind: 'open-case', case: record }],
    warnings: newest === undefined ? remarks : [...remarks, others]
  }
}

/** The case that this message opens, as the maintainers see it already. */
function newCase(
  situation: Situation,
  product: Product
): cases.CaseRecord & { readonly reporters: readonly [cases.Reporter] } {
  const { opened, nextTag, receivedAt, waitingKeys, settings, now } = situation
  const { messageId, from } = opened.outer
  // Only the commit can fill these in; the relay shows none of it.
  const unstored = { id: 0, version: 0, maintainerRoot: '' as MessageId }
  const undecided = { owner: null, decided: null }
  const undated = { disclosureAt: null, disclosureZone: null, disclosureReason: '' }
  const reporter: cases.Reporter = {
    id: nextTag,
    openedAt: now,
    // A web form may write in the name of the desk, which answers nobody there.
    contact: from === null || isDesks(from.address, settings.desk) ? null : from,
    // It was read to its end, and none of it was encrypted (G3).
    beganInClear: opened.sealedTo === 'nobody',
    unusedKeys: waitingKeys.flatMap((key) => (key.refusedAt === null ? key.fingerprint : [])),
    root: messageId ?? unstored.maintainerRoot,
    latest: messageId,
    answeredAt: null
  }
  return {
    ...unstored,
    ...undecided,
    ...undated,
    mergedInto: null,
    tag: nextTag,
    product: product.id,
    state: 'received',
    reporters: [reporter],
    subject: subjectOf(opened),
    receivedAt,
    openedAt: now
  }
}

function joinedBy(situation: Judged, { case: before, sender: named }: JoinedThread): Entry {
  const { tag, version } = before
  // A receipt speaks for no reporter, and no program opens an ended case again. People still read the message (G1).
  const isReceipt = situation.opened.automatic.includes('receipt')
  const isMute =
    (isReceipt || !cases.isOpen(before.state)) && isByProgram(situation.opened, ...ROBOTS)
  const sender = isMute && named.kind === 'reporter' ? ({ kind: 'other' } as const) : named
  const writing = writingOf(situation, tag, sender)
  const state = stateAfter(situation, before, writing.happened)
  const latest = situation.opened.outer.messageId
  const decisions: Decision[] = []
  if (state !== before.state) decisions.push({ kind: 'update-case', tag, version, set: { state } })
  // The reporter's newest message is the one that answers refer to.
  if (sender.kind === 'reporter' && situation.withheld === null && latest !== null)
    decisions.push({ kind: 'update-reporter', id: sender.reporter.id, latest })
  const { happened } = writing
  const isReopened =
    !cases.isOpen(before.state) && cases.isOpen(state) && happened.kind === 'reporter-wrote'
  return {
    ...writing,
    happened: isReopened
      ? { ...happened, about: { ...happened.about, effect: 'reopens' } }
      : happened,
    sender,
    product: productNamed(before.product, situation.settings),
    record: { ...before, state },
    decisions,
    warnings: [...endedWarnings(before, state), ...writing.warnings]
  }
}

/** The key to use for the sender, if that is the reporter, with the doubt that keeps an unproved key out of use. */
function keyOf(situation: Situation, { sender, record: { tag } }: Entry): KeyDecision {
  if (sender.kind === 'other' || sender.kind === 'member') return NO_KEY
  const { reporter, doubt } = sender
  return decideReporterKey(situation, { tag, reporter: reporter.id, doubt })
}

/** A message too large or quarantined stays visible in the held folder; its case goes on like any other. */
function end(situation: Judged, tag: CaseTag, sender: Sender): Decision {
  if (situation.withheld !== null)
    return dispose('held', 'contradicts-sender', 'its inside contradicts its sender', tag)
  if (situation.quarantined)
    return dispose('held', 'quarantined', 'Postern failed at it three times', tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose(
      'held',
      'too-large',
      'larger than the size limit, or not given whole by the mail server',
      tag
    )
  if (tag === situation.nextTag) return dispose('done', 'case-opened', '', tag)
  return dispose('done', sender.kind === 'member' ? 'member-reply' : 'case-joined', '', tag)
}

/** The case and the keys of its reporters as this message leaves them (G3). */
function withKey(
  before: cases.CaseRecord,
  known: cases.ReporterKeys,
  { opened: { outer } }: Situation,
  { key, offered }: KeyDecision
): { readonly record: cases.CaseRecord; readonly keys: cases.ReporterKeys } {
  const { from } = outer
  if (from === null) return { record: before, keys: known }
  const reporters = before.reporters.map((one) =>
    one.contact !== null && isFrom(outer, one.contact.address)
      ? { ...one, unusedKeys: [...new Set([...offered, ...one.unusedKeys])] }
      : one
  )
  const keys = key === null ? known : new Map([...known, [addressKey(from.address), key]])
  return { record: { ...before, reporters }, keys }
}

const ROBOTS = ['auto-generated', 'receipt'] as const
const SOMEBODY: Writing['writer'] = { author: 'other', authorId: '' }
const IN_CLEAR = 'It came unencrypted: anybody on the way could read it, and what it quotes.'
const BY_ANOTHER =
  'The sender is not the reporter of this case. Answers go to the reporter, never to this sender.'
const BY_PROGRAM =
  'A program sent this message, as its header says. It does not count as an answer of the reporter: the case stays as it is, and nobody is reminded to answer. If a person wrote it, please answer the reporter with /reply.'

/** Who wrote a further message in a case. */
export function writingOf(situation: Judged, tag: CaseTag, sender: Sender): Writing {
  const { opened, receivedAt, brings } = situation
  const subject = aboutCase(tag)
  const inClear = opened.sealedTo === 'nobody' ? [IN_CLEAR] : []
  if (sender.kind === 'reporter') {
    const by = { kind: 'reporter', id: sender.reporter.id } as const
    const effect = brings === undefined ? 'none' : 'brings-key'
    const about = { reporter: by.id, receivedAt, effect } as const
    return {
      writer: { author: 'reporter', authorId: by.id },
      happened: event('reporter-wrote', subject, by, about),
      warnings: [...(sender.reporter.beganInClear ? [] : inClear), ...otherCases(situation, tag)]
    }
  }
  if (sender.kind === 'member') {
    const { isSigned, id } = sender
    const by = isSigned ? ({ kind: 'member', id } as const) : BY_SOMEBODY
    const unsigned = `No signature proves that list member ${id} wrote this message and meant it for this desk.`
    return {
      writer: { author: 'member', authorId: id },
      happened: event('member-wrote', subject, by, { member: id, isSigned }),
      warnings: [...(isSigned ? [] : [unsigned]), ...inClear]
    }
  }
  const waitsSince = isByProgram(opened, ...ROBOTS) ? null : receivedAt
  const another = waitsSince === null ? BY_PROGRAM : BY_ANOTHER
  const warning =
    sender.kind === 'other'
      ? another
      : `The message says that it comes from the reporter of this case, but the sender is ${sender.doubt}. It is on the record as another person's. Answers go to the reporter's address, never to another.`
  const happened = event('other-wrote', subject, BY_SOMEBODY, { receivedAt: waitsSince })
  return { writer: SOMEBODY, happened, warnings: [warning] }
}

/** That a report names no address. */
function lackOf({ kind, about, subject, actor }: NewEvent): NewEvent[] {
  if (kind !== 'opened' || about.promised !== null) return []
  return [event('address-missing', subject, actor, { receivedAt: about.receivedAt })]
}

/** The number that words name does not move them into its case: people also name a case in passing. */
function otherCases({ opened, senderCases, settings }: Judged, tag: CaseTag): string[] {
  const named = findCaseTags(newText(opened.text), settings.desk.casePrefix)
  const others = listed(senderCases.filter((one) => one !== tag && named.includes(one)))
  const says = `The text names ${others}, which this sender reported, too. It is on the record of ${tag} because it answers a message of that case. If it is about the other report, please answer it there.`
  return others === '' ? [] : [says]
}

function message(situation: Situation, tag: CaseTag, writer: Writing['writer']): Decision {
  const { opened, arrivalId, now } = situation
  const { author } = writer
  const audience = author === 'reporter' || author === 'member' ? author : 'internal'
  const { text, outer } = opened
  const said = { ...writer, audience, subject: subjectOf(opened), text } as const
  const { messageId } = outer
  return { kind: 'add-message', tag, message: { at: now, ...said, messageId, arrivalId } }
}

function stateAfter(
  { bound, now }: Situation,
  { state, disclosureAt }: cases.CaseRecord,
  joined: NewEvent
): cases.CaseRecord['state'] {
  const history = bound?.history ?? historyOf([])
  const notice = bound?.notice?.state ?? null
  const facts = { ...history, notice, disclosureAt, mayEndInternally: false, now }
  const move = moveCase(state, joined, facts)
  // What comes in is never refused: it happened.
  return move.kind === 'moved' ? move.to : state
}

/** A reporter who writes into an ended case is heard, and the maintainers learn that it stands open again (M-10). */
function endedWarnings(record: cases.CaseRecord, state: cases.CaseRecord['state']): string[] {
  if (record.state === state || cases.isOpen(record.state)) return []
  return [
    `The case was ${stateWords(record)}, and the reporter wrote again. It is open again (${stateWords({ ...record, state })}). Please answer with /reply, or close it again with two commands: /reply with its text between << and >>, and below it /close because REASON.`
  ]
}
