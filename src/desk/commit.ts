/**
 * The *commit* step: decisions and prepared mails become rows in one synchronous transaction. The only writer of case
 * state. Sends nothing; what it queues is final, byte for byte.
 */
import { assert, assertNever } from '../domain/assert.ts'
import { type CaseRecord } from '../domain/case.ts'
import { concernsState, moveCase } from '../domain/case-machine.ts'
import { type Decision, type Disposition } from '../domain/decision.ts'
import {
  aboutCase,
  BY_DESK,
  DESK,
  event,
  type NewEvent,
  type Recipient,
  type Subject
} from '../domain/event.ts'
import { type CaseTag, type MessageId, type Sha256 } from '../domain/ids.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { alert, digest } from '../messages/to-maintainers.ts'
import { markDone } from '../store/arrivals.ts'
import {
  findCase,
  findCaseById,
  followMerges,
  insertCase,
  insertMessage,
  mergeCase,
  updateCase,
  updateReporter
} from '../store/cases.ts'
import {
  deleteFurtherReports,
  insertAnswer,
  insertFurtherReport,
  insertUsedSignature,
  saveCiphertexts,
  saveOfferedKey,
  saveReporterKey
} from '../store/correspondents.ts'
import { waitingCopyOf } from '../store/deliveries.ts'
import { appendEvent, caseHistory } from '../store/events.ts'
import { forgetRings } from '../store/looks.ts'
import {
  findNotice,
  insertApproval,
  insertPreview,
  saveNotice,
  withdrawCopies
} from '../store/notices.ts'
import {
  findByMessageId,
  findHeldAnswer,
  insertOutbox,
  markBounced,
  type OutboxRow,
  retryOutbox
} from '../store/outbox.ts'
import { type Tx } from '../store/sql.ts'
import { insertWaiting, takeWaiting } from '../store/waiting.ts'
import { type Prepared, type PreparedMail, type RefusedCopy } from './prepare.ts'

/** When an alarm that did not arrive rings again, if nothing else happens before. */
const RING_AGAIN_MS = 6 * 3_600_000

/** What one unit of work is about. `arrivalId` and `mailSha256` are null for work that no mail caused. */
export type Work = {
  readonly arrivalId: number | null
  readonly mailSha256: Sha256 | null
  readonly now: Instant
}

/** Work that no mail caused. */
export function ofNoMail(now: Instant): Work {
  return { arrivalId: null, mailSha256: null, now }
}

export type Committed = { readonly disposition: Disposition | null; readonly tag: CaseTag | null }

/** Writes everything inside the caller's transaction. Throws `Trouble` `conflict` when somebody else wrote first. */
export function commit(
  tx: Tx,
  decisions: readonly Decision[],
  prepared: Prepared,
  work: Work
): Committed {
  let committed: Committed = { disposition: null, tag: null }
  const signature = decisions.find((decision) => decision.kind === 'remember-signature')
  for (const decision of decisions) {
    const end =
      decision.kind === 'record'
        ? put(tx, decision.event, work, signature?.sha256 ?? null)
        : decision.kind === 'keep-words'
          ? keep(tx, decision, work, signature?.sha256 ?? null)
          : write(tx, decision, prepared, work)
    if (end !== null) committed = end
  }
  for (const mail of prepared.mails) queue(tx, mail, work)
  for (const copy of prepared.refused) recordRefusal(tx, copy, work)
  return committed
}

/** A copy that was not encrypted is on the record: a clock tells a maintainer what was missed once the key works. */
function recordRefusal(tx: Tx, { recipient, because, decision }: RefusedCopy, work: Work): void {
  const whom = { audience: decision.message.audience, recipient: recipient.id }
  const about = { ...whom, message: decision.message.kind, because }
  const subject = subjectOf(decision.caseTag, whom)
  record(tx, event('not-encrypted', subject, BY_DESK, about), work)
}

/** Whose history a message belongs to: its case's, else its recipient's. */
function subjectOf(tag: CaseTag | null, { audience, recipient }: Recipient): Subject {
  if (tag !== null) return aboutCase(tag)
  const isKnown = (audience === 'maintainer' || audience === 'member') && recipient !== ''
  return isKnown ? { kind: audience, id: recipient } : DESK
}

/** Queues one finished mail and puts it on the record. */
export function queue(tx: Tx, mail: PreparedMail, work: Work): 'queued' | 'already' {
  const { caseTag, ...row } = mail
  const queued = insertOutbox(tx, { ...row, caseId: caseId(tx, caseTag) }, work.now)
  if (queued === 'already') return queued
  const whom = { audience: mail.audience, recipient: mail.recipientId }
  const about = { ...whom, message: mail.kind, id: mail.messageId }
  record(tx, event('told', subjectOf(caseTag, whom), BY_DESK, about), work)
  return queued
}

function write(
  tx: Tx,
  decision: Exclude<Decision, { readonly kind: 'record' | 'keep-words' }>,
  prepared: Prepared,
  work: Work
): Committed | null {
  if (decision.kind === 'dispose') return dispose(tx, decision, work)
  // Mails were prepared beforehand and are queued below.
  if (decision.kind === 'send-sealed' || decision.kind === 'send-clear') return null
  if (decision.kind === 'words-leave') letWordsLeave(tx, decision, prepared, work)
  else if (isCaseDecision(decision)) writeCase(tx, decision, prepared)
  else writeOther(tx, decision, work)
  return null
}

type CaseDecision = Extract<
  Decision,
  { readonly kind: 'open-case' | 'update-case' | 'update-reporter' | 'merge-case' | 'add-message' }
>

function isCaseDecision(decision: { readonly kind: string }): decision is CaseDecision {
  return ['open-case', 'update-case', 'update-reporter', 'merge-case', 'add-message'].includes(
    decision.kind
  )
}

function writeCase(tx: Tx, decision: CaseDecision, prepared: Prepared): void {
  switch (decision.kind) {
    case 'open-case':
      insertCase(tx, decision, prepared.roots)
      return
    case 'update-case':
      updateCase(tx, decision)
      return
    case 'update-reporter':
      updateReporter(tx, decision.id, decision.latest)
      return
    case 'merge-case':
      mergeCase(tx, requireCase(tx, decision.tag), requireCase(tx, decision.into))
      return
    case 'add-message':
      insertMessage(tx, followMerges(tx, requireCase(tx, decision.tag)).id, decision.message)
      return
  }
}

type Other = Exclude<
  Decision,
  {
    readonly kind:
      | 'record'
      | 'keep-words'
      | 'words-leave'
      | 'send-sealed'
      | 'send-clear'
      | 'open-case'
      | 'update-case'
      | 'update-reporter'
      | 'merge-case'
      | 'add-message'
      | 'dispose'
  }
>

function writeOther(tx: Tx, decision: Other, work: Work): void {
  switch (decision.kind) {
    case 'save-notice':
      saveNoticeAndHolds(tx, decision, work)
      return
    case 'issue-preview': {
      const { code, digest } = decision
      insertPreview(tx, requiredNotice(tx, decision.caseTag), { code, digest, issuedAt: work.now })
      return
    }
    case 'approve-notice': {
      const { maintainerId, digest, code } = decision
      insertApproval(tx, requiredNotice(tx, decision.caseTag), {
        maintainerId,
        digest,
        code,
        at: work.now
      })
      return
    }
    case 'pin-reporter-key':
      saveReporterKey(tx, decision.address, decision.key)
      return
    case 'offer-reporter-key':
      saveOfferedKey(tx, decision.address, decision.key)
      return
    case 'remember-signature':
      assert(work.arrivalId !== null, 'a signature without a mail')
      insertUsedSignature(tx, decision.sha256, decision.createdAt, work.arrivalId)
      return
    case 'remember-ciphertext':
      assert(work.arrivalId !== null, 'a ciphertext without a mail')
      saveCiphertexts(tx, decision, work.arrivalId)
      return
    case 'count-answer':
      insertAnswer(tx, decision.address, decision.answer, decision.at)
      return
    case 'list-report':
      insertFurtherReport(tx, requiredCase(tx, decision.tag), decision)
      return
    case 'forget-listed':
      deleteFurtherReports(tx, decision.tags)
      return
    case 'release-answer':
      releaseAnswer(tx, decision.tag, work.now)
      return
    case 'bounce':
      takeBounce(tx, decision.messageId, work)
      return
    default:
      assertNever(decision)
  }
}

/** A message that came back did not reach anybody; what is said of it twice is one thing. */
function takeBounce(tx: Tx, messageId: MessageId, work: Work): void {
  if (!markBounced(tx, messageId, work.now)) return
  const row = findByMessageId(tx, messageId)
  if (row !== null) recordUndelivered(tx, row, { because: 'bounced', code: 0 }, work)
}

/**
 * A message that its recipient does not get is on the record; what an alarm told counts as told no more. An alarm belongs to
 * its recipient: an alarm about an alarm would ring for ever.
 */
export function recordUndelivered(
  tx: Tx,
  row: OutboxRow,
  how: Pick<NewEvent<'undelivered'>['about'], 'because' | 'code'>,
  work: Work
): void {
  const { id: outbox, kind: message, audience, recipientId: recipient, attempts } = row
  const isAlarm = message === alert.kind || message === digest.kind
  const tag = row.caseId === null ? null : (findCaseById(tx, row.caseId)?.tag ?? null)
  const subject = isAlarm
    ? subjectOf(null, { audience, recipient })
    : tag === null
      ? DESK
      : aboutCase(tag)
  const about = { audience, recipient, message, outbox, attempts, ...how }
  record(tx, event('undelivered', subject, BY_DESK, about), work)
  forgetRings(tx, row.messageId, addMs(work.now, RING_AGAIN_MS))
}

/** A copy of a notice left that was on the record as waiting: nobody is told of it any more. */
export function recordLeft(
  tx: Tx,
  { id, noticeId, recipientId: member }: OutboxRow,
  work: Work
): void {
  const tag = noticeId === null ? null : waitingCopyOf(tx, id)
  if (tag !== null) record(tx, event('copy-left', aboutCase(tag), BY_DESK, { member }), work)
}

/** The acknowledgement of a case leaves now, if it is held still. */
function releaseAnswer(tx: Tx, tag: CaseTag, now: Instant): void {
  const held = findHeldAnswer(tx, tag)
  if (held !== null) retryOutbox(tx, held.id, now)
}

function saveNoticeAndHolds(
  tx: Tx,
  decision: Extract<Decision, { readonly kind: 'save-notice' }>,
  work: Work
): void {
  const id = saveNotice(tx, requiredCase(tx, decision.caseTag), decision)
  if (decision.copies === 'withdraw') withdrawCopies(tx, id, 'notice-held', work.now)
}

function dispose(
  tx: Tx,
  decision: Extract<Decision, { readonly kind: 'dispose' }>,
  work: Work
): Committed {
  const { state, disposition, reason, tag } = decision
  if (work.arrivalId !== null) {
    markDone(
      tx,
      work.arrivalId,
      { state, disposition, reason: reason === '' ? null : reason, caseId: caseId(tx, tag) },
      work.now
    )
  }
  return { disposition, tag }
}

function caseId(tx: Tx, tag: CaseTag | null): number | null {
  return tag === null ? null : requiredCase(tx, tag)
}

function requiredCase(tx: Tx, tag: CaseTag): number {
  return requireCase(tx, tag).id
}

function requireCase(tx: Tx, tag: CaseTag): CaseRecord {
  const found = findCase(tx, tag)
  assert(found !== null, 'a decision about a case that does not exist')
  return found
}

function requiredNotice(tx: Tx, tag: CaseTag): number {
  const found = findNotice(tx, tag)
  assert(found !== null, 'a decision about a notice that does not exist')
  return found.id
}

/** Records a decision's event; the signature is evidence for what its maintainer did. */
function put(tx: Tx, decided: NewEvent, work: Work, signature: Sha256 | null): null {
  append(tx, decided, work, decided.actor.kind === 'maintainer' ? signature : null)
  return null
}

/** Keeps a maintainer's words with the message and the signature that make them theirs. */
function keep(
  tx: Tx,
  words: Extract<Decision, { readonly kind: 'keep-words' }>,
  work: Work,
  signatureSha256: Sha256 | null
): null {
  const { arrivalId, mailSha256: messageSha256, now: at } = work
  insertWaiting(tx, words, { at, evidence: { arrivalId, messageSha256, signatureSha256 } })
  return null
}

/** Words that waited leave: only now the reporter is answered, by the maintainer who wrote them. */
function letWordsLeave(
  tx: Tx,
  { words, events, once }: Extract<Decision, { readonly kind: 'words-leave' }>,
  prepared: Prepared,
  { now }: Work
): void {
  // What could not be encrypted goes on waiting.
  if (prepared.refused.some(({ decision }) => decision.once === once)) return
  const { id, tag, authorId, arrivalId, params } = words
  const evidence = takeWaiting(tx, id)
  assert(evidence !== null, 'words that left already')
  for (const left of events) if (move(tx, left, now)) appendEvent(tx, left, { at: now, evidence })
  const { id: caseId, version, answeredAt } = requireCase(tx, tag)
  if (answeredAt === null)
    updateCase(tx, { kind: 'update-case', tag, version, set: { answeredAt: now } })
  insertMessage(tx, caseId, {
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
export function record(tx: Tx, decided: NewEvent, work: Work): number {
  assert(move(tx, decided, work.now), `an event that the case does not allow: ${decided.kind}`)
  return append(tx, decided, work, null)
}

/** Moves the case of an event as the machine says; false where the machine refuses it. */
function move(tx: Tx, decided: NewEvent, now: Instant): boolean {
  if (decided.subject.kind === 'case' && concernsState(decided.kind)) {
    const { state: from, tag, version, disclosureAt } = requireCase(tx, decided.subject.id)
    const notice = findNotice(tx, tag)?.state ?? null
    // The desk itself ends no case.
    const facts = {
      ...caseHistory(tx, tag),
      notice,
      disclosureAt,
      mayEndInternally: false,
      now
    }
    const moved = moveCase(from, decided, facts)
    if (moved.kind === 'refused') return false
    if (moved.to !== from)
      updateCase(tx, { kind: 'update-case', tag, version, set: { state: moved.to } })
  }
  return true
}

/** With the message that made it happen. */
function append(tx: Tx, decided: NewEvent, work: Work, signatureSha256: Sha256 | null): number {
  const { arrivalId, mailSha256: messageSha256, now: at } = work
  return appendEvent(tx, decided, { at, evidence: { arrivalId, messageSha256, signatureSha256 } })
    .id
}
