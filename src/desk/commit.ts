/**
 * The *commit* step: decisions and prepared messages become rows in one synchronous transaction. The only writer of case
 * state. Sends nothing; what it queues is final, byte for byte.
 */
import { domainOf } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type CaseRecord, isOpen, numbersOf, underOneNumber } from '../domain/case.ts'
import { concernsState, historyOf, moveCase } from '../domain/case-machine.ts'
import { type Decision, type DecisionOf, type Disposition } from '../domain/decision.ts'
import {
  aboutCase,
  BY_DESK,
  DESK,
  type EventKind,
  type Evidence,
  event,
  type NewEvent,
  type Particulars,
  type Recipient,
  type Subject
} from '../domain/event.ts'
import { type CaseTag, parseCaseTag, type Sha256 } from '../domain/ids.ts'
import { type Conversation } from '../domain/message.ts'
import { outdates } from '../domain/notice-history.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { MESSAGES } from '../messages/catalogue.ts'
import { alert, digest, relay, reportList } from '../messages/to-maintainers.ts'
import { DATE_MAIL } from '../policy/date-talk.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import * as people from '../store/correspondents.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import { forgetJunk } from '../store/junk.ts'
import * as looks from '../store/looks.ts'
import * as notices from '../store/notices.ts'
import * as outbox from '../store/outbox.ts'
import { type Read, type Tx } from '../store/sql.ts'
import * as strangers from '../store/strangers.ts'
import { type Desk } from './desk.ts'
import { type Prepared, type PreparedMail, type RefusedCopy } from './prepare.ts'

/** Messages that tell a reporter something: a maintainer's words or decision, or the date. */
const ANSWERS = MESSAGES.filter((one) => one.inClear === 'own-words').map(({ kind }) => kind)
/** When an alarm that did not arrive rings again, if nothing else happens before. */
const RING_AGAIN_MS = 6 * HOUR_MS

/** The time of one unit of work, and the message that caused it, if one did. */
export type Work = {
  readonly now: Instant
  readonly arrivalId?: number
  readonly mailSha256?: Sha256 | null
}

export type Committed = { readonly disposition: Disposition | null; readonly tag: CaseTag | null }

/** A unit of work with its messages, and the signature that gives what a maintainer does its authority (G4). */
type Job = Work & { readonly prepared: Prepared; readonly signature: Sha256 | null }

/** Writes everything inside the caller's transaction. Throws `Trouble` `conflict` when somebody else wrote first. */
export function commit(
  tx: Tx,
  decisions: readonly Decision[],
  prepared: Prepared,
  work: Work
): Committed {
  const signature = decisions.find((decision) => decision.kind === 'remember-signature')
  const job = { ...work, prepared, signature: signature?.sha256 ?? null }
  for (const decision of decisions) {
    const write = WRITERS[decision.kind] as (tx: Tx, decision: Decision, job: Job) => void
    write(tx, decision, job)
  }
  for (const mail of prepared.messages) queue(tx, mail, work)
  for (const copy of prepared.refused) recordRefusal(tx, copy, work)
  recordForwarded(tx, job)
  const end = decisions.findLast((decision) => decision.kind === 'dispose')
  return { disposition: end?.disposition ?? null, tag: end?.tag ?? null }
}

/** What each kind of decision changes. */
const WRITERS: {
  readonly [K in Decision['kind']]: (tx: Tx, decision: DecisionOf<K>, job: Job) => void
} = {
  // Prepared beforehand, and queued when everything else is written.
  'send-sealed': () => undefined,
  'send-clear': () => undefined,
  // Messages have taken its place.
  'send-files': () => undefined,
  'show-report': () => undefined,
  'count-stranger': countStranger,
  record: (tx, { event: decided }, job) => {
    // Only `merged-in` is about a case that no decision has moved: the one that takes the other in.
    if (decided.kind === 'merged-in') move(tx, decided, job.now)
    const signature = decided.actor.kind === 'maintainer' ? job.signature : null
    put(tx, decided, job.now, evidenceOf(job, signature))
  },
  'open-case': (tx, { case: record }, { prepared }) => {
    cases.open(tx, record, prepared.roots)
  },
  'update-case': cases.update,
  'update-reporter': (tx, { id, latest }) => cases.updateReporter(tx, id, latest),
  'merge-case': (tx, { tag, into }) => cases.merge(tx, requireCase(tx, tag), requireCase(tx, into)),
  'add-message': (tx, { tag, message }, { arrivalId }) => {
    cases.insertMessage(tx, requireCase(tx, tag, cases.findNow).id, message)
    if (arrivalId !== undefined)
      arrivals.countGrowth(tx, arrivalId, Buffer.byteLength(message.text))
  },
  'keep-words': (tx, words, job) =>
    cases.keepWords(tx, words, { at: job.now, evidence: evidenceOf(job, job.signature) }),
  'words-leave': letWordsLeave,
  'drop-words': (tx, { words }) =>
    assert(cases.takeWords(tx, words.id) !== null, 'words that left already'),
  'save-notice': (tx, decision, { now }) => {
    const id = notices.save(tx, caseId(tx, decision.caseTag), decision)
    if (decision.copies === 'withdraw') notices.withdrawCopies(tx, id, now)
  },
  'pin-reporter-key': (tx, { address, key }) => people.saveReporterKey(tx, address, key),
  'offer-reporter-key': (tx, { address, key, refusedBy }, { now }) =>
    people.saveOfferedKey(tx, address, key, {
      refusedBy,
      refusedAt: refusedBy === null ? null : now
    }),
  'remember-signature': (tx, { sha256 }, { arrivalId }) => {
    assert(arrivalId !== undefined, 'a signature without a message')
    people.insertUsedSignature(tx, sha256, arrivalId)
  },
  'remember-content': (tx, decision, { arrivalId }) => {
    assert(arrivalId !== undefined, 'a content without a message')
    people.saveContent(tx, decision, arrivalId)
  },
  'list-report': (tx, decision) =>
    people.insertFurtherReport(tx, caseId(tx, decision.tag), decision),
  'forget-listed': (tx, { tags }) => people.deleteFurtherReports(tx, tags),
  'forget-junk': (tx, { lastId }) => forgetJunk(tx, lastId),
  bounce: takeBounce,
  received: (tx, { messageId }) => outbox.dropSpare(tx, messageId),
  dispose: (tx, { state, disposition, reason, tag }, { arrivalId, now }) => {
    if (arrivalId === undefined) return
    const outcome = { state, disposition, reason, caseId: tag && caseId(tx, tag) }
    arrivals.markDone(tx, arrivalId, outcome, now)
  }
}

/** A clock reminds of a message that is forwarded until the mail server of one maintainer has taken it (A2). */
function recordForwarded(tx: Tx, job: Job): void {
  const { messages } = job.prepared
  const copy = messages.find(({ forwards }) => forwards != null && forwards === job.arrivalId)
  if (copy?.forwards == null || copy.caseTag === null) return
  const about = { ...forwardedIn(tx, copy.conversation, copy.forwards), to: '' }
  record(tx, event('forwarded', aboutCase(copy.caseTag), BY_DESK, about), job)
}

/** What the record says of a forwarded message: its reporter, '' for somebody else, and its number, 0 for the report itself. */
function forwardedIn(tx: Tx, conversation: Conversation, forwards: number) {
  const [of, who = ''] = conversation.split(':')
  const number = of === 'reporter' ? parseCaseTag(who) : null
  const report = number === null ? null : cases.findReport(tx, number)
  return { reporter: number ?? '', message: report === forwards ? 0 : forwards }
}

/** What waits for a list has that planned at the next look (tick.ts). */
function countStranger(
  tx: Tx,
  { tag, sender, ...mail }: DecisionOf<'count-stranger'>,
  { arrivalId, now }: Job
): void {
  assert(arrivalId !== undefined, 'a stranger without a message')
  const { isReport, isProved, isForwarded } = mail
  const domain = sender === null ? '' : domainOf(sender)
  strangers.add(tx, {
    arrivalId,
    caseId: caseId(tx, tag),
    isReport,
    domain,
    isProved,
    isForwarded,
    at: now
  })
  if (!isForwarded) looks.mark(tx, DESK, now)
}

/** A copy that was not encrypted is on the record: a clock tells a maintainer what was missed once the key works. */
function recordRefusal(tx: Tx, { recipient, because, decision }: RefusedCopy, work: Work): void {
  const whom = { audience: decision.message.audience, recipient: recipient.id }
  const about = { ...whom, message: decision.message.kind, because }
  record(tx, event('not-encrypted', subjectOf(decision.tag, whom), BY_DESK, about), work)
}

/** The history that a message belongs to: that of its case, else that of its recipient. */
function subjectOf(tag: CaseTag | null, { audience, recipient }: Recipient): Subject {
  if (tag !== null) return aboutCase(tag)
  const isKnown = (audience === 'maintainer' || audience === 'member') && recipient !== ''
  return isKnown ? { kind: audience, id: recipient } : DESK
}

/** Queues one finished message, unless that was done before. It comes on the record when it has left. */
export function queue(tx: Tx, { caseTag, ...row }: PreparedMail, { now }: Work) {
  return outbox.queue(tx, { ...row, caseId: caseTag && caseId(tx, caseTag) }, now)
}

/**
 * A message that came back did not reach anybody; a second bounce of it says nothing new. One that a server on the way does not
 * take for its size is sent once more, without its files (A2).
 */
function takeBounce(tx: Tx, { messageId, isTooLarge }: DecisionOf<'bounce'>, work: Work): void {
  if (isTooLarge && outbox.sendSpare(tx, messageId, work.now)) return
  const row = outbox.markBounced(tx, messageId, work.now)
  if (row !== null) recordUndelivered(tx, row, work)
}

/**
 * A message that its recipient does not get is on the record; what an alarm told no longer counts as told. An alarm belongs to
 * its recipient: an alarm about an alarm would ring for ever.
 */
export function recordUndelivered(tx: Tx, row: outbox.RowInCase, work: Work): void {
  const { id: outbox, kind: message, audience, recipientId: recipient, attempts } = row
  const isAlarm = [alert, digest, reportList].some(({ kind }) => kind === message)
  const ofCase = row.caseNow === null ? DESK : aboutCase(row.caseNow)
  const subject = isAlarm ? subjectOf(null, { audience, recipient }) : ofCase
  const isRefused = ['rejected', 'too-large', 'unclear'].includes(row.lastOutcome ?? '')
  const isForeign = row.lastOutcome === 'no-utf8'
  const refusal = isForeign ? 'no-utf8' : isRefused ? 'rejected' : 'unreachable'
  const because = row.bouncedAt === null ? refusal : 'bounced'
  const code = row.bouncedAt === null ? (row.lastCode ?? 0) : 0
  const about = { audience, recipient, message, outbox, attempts, because, code } as const
  record(tx, event('undelivered', subject, BY_DESK, about), work)
  recordOwed(tx, row, work)
  looks.forgetRings(tx, row.messageId, addMs(work.now, RING_AGAIN_MS))
}

/** The mail server refuses our account or sender: on the record once a day, so that an alarm tells of it once. */
export function recordSendingRefused(
  tx: Tx,
  about: Particulars['sending-refused'],
  work: Work
): void {
  if (!hasHappenedToday(tx, 'sending-refused', work.now))
    record(tx, event('sending-refused', DESK, BY_DESK, about), work)
}

/** Whether the record has an event of this kind about the desk from within a day. */
export function hasHappenedToday(read: Read, kind: EventKind, now: Instant): boolean {
  const [last] = events.latestOfKinds(read, DESK, [kind], 1)
  return last !== undefined && last.at > addMs(now, -DAY_MS) && last.at <= now
}

/** Puts on the record whether something of the desk is as usual, the first of `kinds`, or not, when that has changed. */
export function noteChange(
  { db, clock }: Pick<Desk, 'db' | 'clock'>,
  news: NewEvent,
  kinds: readonly [usual: EventKind, other: EventKind]
): void {
  const before = db.read((read) => events.lastOfKinds(read, DESK, kinds))?.kind ?? kinds[0]
  if (before !== news.kind) db.transact((tx) => record(tx, news, { now: clock.now() }))
}

/** What stopped the clocks of a case when it was queued, or told its end, has not reached the reporter. */
function recordOwed(tx: Tx, row: outbox.RowInCase, work: Work): void {
  const { id: outbox, kind: message, audience, recipientId: reporter, caseNow } = row
  if (audience !== 'reporter' || caseNow === null || !ANSWERS.includes(message)) return
  // A newer message has taken its place.
  if (row.notAfter !== null) return
  const lost = DATE_MAIL.includes(message) ? 'date-unreached' : 'reporter-unreached'
  // After the end of the case, the date matters to nobody.
  if (lost === 'date-unreached' && !isOpen(requireCase(tx, caseNow).state)) return
  const about = { reporter, message, outbox, queuedAt: row.createdAt }
  record(tx, event(lost, aboutCase(caseNow), BY_DESK, about), work)
}

/**
 * A message that the mail server took is on the record. If it is a copy that the record calls waiting, it does not wait any
 * more: no clock tells of it.
 */
export function recordLeft(tx: Tx, row: outbox.RowInCase, work: Work): void {
  const { id, noticeId, audience, recipientId: recipient, kind: message, messageId, caseNow } = row
  const whom = { audience, recipient }
  const about = { ...whom, message, id: messageId }
  const subject = subjectOf(caseNow, whom)
  if (message === relay.kind) recordShown(tx, row, work)
  if (message === reportList.kind)
    for (const date of strangers.newlyTaken(tx, messageId))
      record(tx, event('list-taken', DESK, BY_DESK, { date }), work)
  if (DATE_MAIL.includes(message))
    record(tx, event('date-left', subject, BY_DESK, { ...about, reporter: recipient }), work)
  else record(tx, event('told', subject, BY_DESK, about), work)
  const copy = noticeId === null ? null : deliveries.copyIn(tx, id)
  if (copy === null || caseNow === null) return
  recordListTold(tx, caseNow, copy.revision, work)
  if (copy.isOnRecord)
    record(tx, event('copy-left', aboutCase(copy.caseTag), BY_DESK, { member: recipient }), work)
}

/** A forwarded message counts as seen once the mail server of one maintainer has taken it (A2). */
function recordShown(tx: Tx, { conversation, caseNow, forwards }: outbox.RowInCase, work: Work) {
  if (caseNow === null || forwards === null) return
  const subject = aboutCase(caseNow)
  const which = forwardedIn(tx, conversation, forwards)
  const isOf = ({ about }: { readonly about: object }): boolean =>
    Object.entries(which).every(([name, value]) => Reflect.get(about, name) === value)
  const kinds = ['forwarded', 'shown'] as const
  const known = events.list(tx, subject, { kinds }).filter(isOf)
  if (known.at(-1)?.kind === 'forwarded') record(tx, event('shown', subject, BY_DESK, which), work)
}

/** The list is told once the first copy of a release has left. A copy of an earlier revision does not count. */
function recordListTold(tx: Tx, tag: CaseTag, revision: number, work: Work): void {
  const last = events.lastOfKinds(tx, aboutCase(tag), ['notice-leaving', 'list-told'])
  if (last?.kind !== 'notice-leaving' || last.about.revision !== revision) return
  const about = { revision, dateOwed: last.about.isDateOwed ? work.now : null }
  record(tx, event('list-told', aboutCase(tag), BY_DESK, about), work)
}

function caseId(tx: Tx, tag: CaseTag): number {
  const id = cases.findId(tx, tag)
  assert(id !== null, NO_CASE)
  return id
}

const NO_CASE = 'a decision about a case that does not exist'

function requireCase(tx: Tx, tag: CaseTag, find = cases.find): CaseRecord {
  const found = find(tx, tag)
  assert(found !== null, NO_CASE)
  return found
}

/** Words that waited leave: only now the reporter is answered, by the maintainer who wrote them. */
function letWordsLeave(
  tx: Tx,
  { words, events, once }: DecisionOf<'words-leave'>,
  { prepared, now }: Job
): void {
  // Words that could not be encrypted go on waiting.
  const isRefused = prepared.refused.some(
    ({ decision, recipient }) => decision.once === once && recipient.id === words.reporter.id
  )
  if (isRefused) return
  const { id, tag, authorId, arrivalId, params } = words
  const evidence = cases.takeWords(tx, id)
  assert(evidence !== null, 'words that left already')
  for (const left of events) if (move(tx, left, now)) put(tx, left, now, evidence)
  cases.insertMessage(tx, caseId(tx, tag), {
    at: now,
    author: 'maintainer',
    authorId,
    audience: 'reporter',
    subject: '',
    text: [params.decision, params.text].filter((part) => part !== '').join('\n\n'),
    messageId: null,
    arrivalId
  })
}

/** Puts one event that the desk itself made on the record, and moves its case as the machine says. */
export function record(tx: Tx, decided: NewEvent, work: Work): void {
  assert(move(tx, decided, work.now), `an event that the case does not allow: ${decided.kind}`)
  put(tx, decided, work.now, evidenceOf(work, null))
}

/** Moves the case of an event as the machine says; false where the machine refuses it. */
function move(tx: Tx, decided: NewEvent, now: Instant): boolean {
  if (decided.subject.kind !== 'case' || !concernsState(decided.kind)) return true
  const found = requireCase(tx, decided.subject.id)
  const { state: from, tag, version, disclosureAt } = found
  const happened = events.ofCase(tx, found)
  const notice = notices.find(tx, tag, happened)?.state ?? null
  // The desk itself ends no case.
  const facts = { ...historyOf(happened), notice, disclosureAt, mayEndInternally: false, now }
  const moved = moveCase(from, underOneNumber(found, decided), facts)
  if (moved.kind === 'refused') return false
  if (moved.to !== from)
    cases.update(tx, { kind: 'update-case', tag, version, set: { state: moved.to } })
  return true
}

/** Puts an event on the record, with the message that made it happen, and writes what it changes beside the state. */
function put(tx: Tx, decided: NewEvent, at: Instant, evidence: Evidence): void {
  events.append(tx, decided, { at, evidence })
  const { kind, about, subject } = decided
  const answered = kind === 'answered' || kind === 'words-wait' ? [about.reporter] : []
  // An acknowledgement says that nobody has read the report, and that a person will answer.
  const isEnd = kind === 'closed' || kind === 'rejected'
  for (const reporter of isEnd ? numbersIn(tx, subject) : answered)
    outbox.overtake(tx, reporter, ['acknowledgement'], at)
  for (const reporter of outdatedFor(tx, decided)) outbox.overtake(tx, reporter, DATE_MAIL, at)
  if (kind === 'disclosed') deliveries.endEmbargo(tx, subject.id, at)
  if (kind === 'acknowledgement-released') releaseAnswer(tx, subject, at)
}

/** The reporters to whom no earlier message about the date may leave. Most events outdate none, and read no case for it. */
function outdatedFor(tx: Tx, decided: NewEvent): readonly string[] {
  const { kind, about, subject } = decided
  if (kind === 'date-asked' || kind === 'date-told') return [about.reporter]
  return outdates(decided, '') ? numbersIn(tx, subject) : []
}

/** The acknowledgement of a case that was on hold may leave. */
function releaseAnswer(tx: Tx, subject: Subject, now: Instant): void {
  const held = outbox.findHeldAnswer(tx, numbersIn(tx, subject))
  if (held !== null) outbox.retry(tx, held.id, now)
}

function numbersIn(tx: Tx, { kind, id }: Subject): readonly string[] {
  return kind === 'case' ? numbersOf(requireCase(tx, id)) : []
}

function evidenceOf(work: Work, signatureSha256: Sha256 | null): Evidence {
  const { arrivalId = null, mailSha256: messageSha256 = null } = work
  return { arrivalId, messageSha256, signatureSha256 }
}
