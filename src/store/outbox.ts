/**
 * Finished outgoing messages, one recipient each. Every attempt is recorded before the network is touched, so a
 * crash never resends more than the one message whose fate is unknown (G2), and nothing leaves before its instant (G7).
 * Must never change the bytes of a message, and never send: dispatch does.
 */
import { createHash } from 'node:crypto'
import { type Address, addressKey } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type CaseTag, type MessageId } from '../domain/ids.ts'
import { type MessageKind, type NamedMessage } from '../domain/message.ts'
import {
  bytesOnWay,
  nextAttemptMs,
  RETRY_DELAY_MS_MAX,
  type SendOutcome,
  type SharedBytes,
  SMALL_BYTES
} from '../domain/outgoing.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { assignments, blocksOf, insert, type Read, type Tx } from './sql.ts'

export type OutboxState = 'queued' | 'sending' | 'sent' | 'given-up' | 'held'

/** A finished message to be sent once. */
export type NewOutbox = Omit<NamedMessage, 'tag' | 'createdAt' | 'bouncedAt'> & {
  /** Names the decision; the same again is not queued again. */
  readonly once: string
  readonly caseId: number | null
  readonly noticeId: number | null
  readonly envelopeFrom: Address | ''
  readonly raw: Uint8Array
  /** The same message without its files, for a server that takes no message of that size; null where there is none. */
  readonly smaller: Uint8Array | null
  /** What stands within `raw` and is stored once for all messages that have it. */
  readonly shared?: SharedBytes
  readonly notBefore: Instant
  /** It must not leave from this instant on (G7), or was overtaken then; null where it always may. */
  readonly notAfter: Instant | null
  /** Whether it waits for a human, who lets it go with {@link retry}. */
  readonly isHeld: boolean
  /** Whether it answers a sender who is proved; limits count these apart. */
  readonly isProved?: boolean
  /** The received message that it forwards to a maintainer. */
  readonly forwards?: number | null
}

/** One row without the bytes. */
export type OutboxRow = Omit<NewOutbox, 'raw' | 'smaller' | 'shared' | 'isHeld' | 'isProved'> & {
  readonly forwards: number | null
  readonly id: number
  /** Bytes. */
  readonly size: number
  readonly state: OutboxState
  /** Which bytes are sent; `spare`: it left whole, and the small ones are kept for a while. */
  readonly form: 'whole' | 'small' | 'spare' | 'gone'
  readonly attempts: number
  /** How many of them count: its place on the ladder. */
  readonly rung: number
  readonly nextAttemptAt: Instant
  /** Latest SMTP reply code, 0 when the server gave none; null before the first attempt. */
  readonly lastCode: number | null
  readonly lastOutcome: SendResult['kind'] | null
  readonly createdAt: Instant
  readonly sentAt: Instant | null
  readonly bouncedAt: Instant | null
}

/** A row with the case whose record tells of it: its own, or the one that this was merged into. */
export type RowInCase = OutboxRow & {
  readonly caseNow: CaseTag | null
}

const IN_CASE = `*, (SELECT now.tag FROM cases AS own JOIN case_reporters ON case_reporters.id = own.tag
  JOIN cases AS now ON now.id = case_reporters.case_id WHERE own.id = outbox.case_id) AS case_now`

/**
 * A row whose attempt has been recorded: send it now, exactly once, then record the outcome. `raw` are its own bytes; what is
 * shared stands before one of them ({@link readShared}).
 */
export type Claimed = OutboxRow & {
  readonly raw: Uint8Array
  readonly shared: Omit<SharedBytes, 'bytes'> | null
}

/** The outcome of one attempt. */
export type SendResult = SendOutcome & { readonly id: number }

/**
 * The condition, for a row of `outbox`, that its reader may have it: nothing has overtaken it. A list member has to be on the list now, with the address
 * that it was made for (G5); for a copy of a notice with the key too, and it says what was released last and not held since (G7).
 */
const IS_APPROVED = `iif(notice_id IS NULL, not_after IS NULL AND (audience <> 'member' OR EXISTS (SELECT 1 FROM members
    WHERE id = recipient_id AND state = 'active' AND address = envelope_to)),
  EXISTS (SELECT 1 FROM copies
    WHERE outbox_id = outbox.id AND is_listed AND is_addressed AND content_digest = released_digest))`
/** What was being sent escapes a hold and a removal from the list until its outcome is known. */
const AFTER_ATTEMPT = `iif(${IS_APPROVED}, 'queued', 'held')`

/** Nothing has overtaken it; a copy leaves before both its own date and that which the case has now (G7). */
const MAY_LEAVE = `(not_after IS NULL
  OR min(not_after, coalesce((SELECT disclosure_at FROM cases WHERE cases.id = case_id), not_after)) > @now)`

/** Queues a message; `already` when its decision was carried out before, whatever became of that message. */
export function queue(tx: Tx, row: NewOutbox, now: Instant): 'queued' | 'already' {
  const { raw, smaller, shared, isHeld, isProved = false, forwards = null, ...columns } = row
  const values = {
    ...columns,
    isProved,
    forwards,
    state: isHeld ? 'held' : 'queued',
    ...about(raw, shared),
    ...(shared === undefined ? {} : { sharedId: shared.id, sharedAt: shared.at }),
    nextAttemptAt: row.notBefore,
    createdAt: now
  }
  const { changes, id } = insert(tx, 'outbox', values, 'ON CONFLICT (once) DO NOTHING')
  if (changes === 0) return 'already'
  insert(tx, 'outbox_bytes', { outboxId: id, form: 'whole', raw })
  if (smaller !== null) insert(tx, 'outbox_bytes', { outboxId: id, form: 'small', raw: smaller })
  if (shared !== undefined) storeShared(tx, shared)
  return 'queued'
}

function storeShared(tx: Tx, { id, bytes }: SharedBytes): void {
  if (tx.value('SELECT 1 FROM outbox_shared WHERE id = ? LIMIT 1', [id]) !== null) return
  for (const block of blocksOf(bytes)) insert(tx, 'outbox_shared', { id, ...block })
}

/** What is shared counts by its id: it would be hashed anew for each message. */
function about(raw: Uint8Array, shared?: SharedBytes) {
  const digest = createHash('sha256').update(raw)
  const rawSha256 = digest.update(shared?.id ?? '').digest('hex')
  return { rawSha256, size: raw.length + (shared?.bytes.length ?? 0) }
}

/** What this reporter was sent of these kinds is not true any more: what has not left never leaves. */
export function overtake(
  tx: Tx,
  reporter: string,
  kinds: readonly MessageKind[],
  now: Instant
): void {
  tx.run(
    `UPDATE outbox SET not_after = @now, state = iif(state = 'queued', 'held', state)
     WHERE audience = 'reporter' AND recipient_id = @reporter
       AND kind IN (SELECT value FROM json_each(@kinds))`,
    { reporter, kinds, now }
  )
}

/**
 * What a process that died left `sending` is due again, or held: only what is on its way in this process is `sending`. It may have
 * left, and that it was lost costs it no place on the ladder.
 */
export function takeUpLost(tx: Tx, now: Instant): void {
  tx.run(
    `UPDATE outbox SET state = ${AFTER_ATTEMPT}, rung = rung - 1, is_last_attempt = 0, last_outcome = 'uncertain',
       next_attempt_at = max(@now, not_before)
     WHERE state = 'sending'`,
    { now }
  )
}

/** What may be claimed: so many messages, so many bytes (`bytesOnWay`), and none to these addresses, which are being written to. */
export type Room = {
  readonly messages: number
  readonly bytes: number
  readonly busy: readonly Address[]
}

/** In this order. The last is for what a large message without room would keep waiting: an acknowledgement behind its report. */
const CLAIMED = [
  { isMember: true, sizeMax: Number.MAX_SAFE_INTEGER },
  { isMember: false, sizeMax: Number.MAX_SAFE_INTEGER },
  { isMember: false, sizeMax: SMALL_BYTES }
]

/**
 * Takes the messages that are due, those to the list first, then longest due first; call {@link recordOutcome} with what became
 * of each. One to an address at a time, so that a recipient at whom the server is slow takes one connection.
 */
export function claimDue(tx: Tx, now: Instant, room: Room): Claimed[] {
  const claimed: Claimed[] = []
  const busy = new Set(room.busy)
  let [left, isFull] = [room.bytes, false]
  for (const which of CLAIMED) {
    if (isFull !== which.sizeMax <= SMALL_BYTES) continue
    // Of several to one address the first is taken; the next call finds those to others behind them.
    const wanted = { ...which, busy: [...busy], limit: room.messages - claimed.length }
    for (const row of listDue(tx, now, wanted)) {
      if (claimed.length === room.messages) return claimed
      if (busy.has(row.envelopeTo)) continue
      isFull = bytesOnWay(row.size) > left
      if (isFull) break
      left -= bytesOnWay(row.size)
      busy.add(row.envelopeTo)
      claimed.push(claim(tx, row, now))
    }
  }
  return claimed
}

type Due = Pick<OutboxRow, 'id' | 'size' | 'rung' | 'envelopeTo'>

function listDue(
  read: Read,
  now: Instant,
  wanted: (typeof CLAIMED)[number] & { readonly busy: readonly Address[]; readonly limit: number }
): Due[] {
  return read.all<Due>(
    `SELECT id, size, rung, envelope_to FROM outbox
     WHERE state = 'queued' AND (audience = 'member') = @isMember AND next_attempt_at <= @now AND size <= @sizeMax
       AND ${MAY_LEAVE} AND envelope_to NOT IN (SELECT value FROM json_each(@busy))
     ORDER BY next_attempt_at, id LIMIT @limit`,
    { now, ...wanted }
  )
}

function claim(tx: Tx, { id, rung }: Due, now: Instant): Claimed {
  const delay = nextAttemptMs(rung + 1)
  const row = tx.get<OutboxRow & Shares>(
    `UPDATE outbox
     SET state = 'sending', attempts = attempts + 1, rung = rung + 1, is_last_attempt = @isLast,
         next_attempt_at = max(@nextAttemptAt, not_before)
     WHERE id = @id RETURNING *`,
    { id, isLast: delay === null, nextAttemptAt: addMs(now, delay ?? RETRY_DELAY_MS_MAX) }
  )
  assert(row !== null, 'a message that is due is gone')
  const raw = bytesOf(tx, id, row.form)
  // A trigger keeps the bytes of what was not sent.
  assert(raw !== null, 'a message that is due has no bytes')
  const { sharedId, sharedAt: at, ...columns } = row
  const isWhole = row.form === 'whole' && sharedId !== null
  return { ...columns, raw, shared: isWhole ? { id: sharedId, at } : null }
}

/** A block of what messages share, by its number. */
export function readShared(read: Read, id: string, block: number): Uint8Array {
  const sql = 'SELECT raw FROM outbox_shared WHERE id = ? AND block = ?'
  const raw = read.value<Uint8Array>(sql, [id, block])
  assert(raw !== null, 'a message that is being sent lacks what it shares')
  return raw
}

type Shares = { readonly sharedId: string | null; readonly sharedAt: number }

function bytesOf(read: Read, id: number, form: OutboxRow['form']): Uint8Array | null {
  const sql = 'SELECT raw FROM outbox_bytes WHERE outbox_id = ? AND form = ?'
  return read.value<Uint8Array>(sql, [id, form])
}

/**
 * The server does not take a message of this size: the same message without its files takes its place and is tried at once, so
 * that its text arrives (A2). Null where there is no smaller one.
 */
function takeSmaller(tx: Tx, { id, code }: SendResult, now: Instant): RowInCase | null {
  const raw = bytesOf(tx, id, 'small')
  if (raw === null) return null
  return tx.get<RowInCase>(
    `UPDATE outbox
     SET state = ${AFTER_ATTEMPT}, form = 'small', size = @size, raw_sha256 = @rawSha256, rung = rung - 1, is_last_attempt = 0,
         next_attempt_at = max(@now, not_before), last_outcome = 'too-large', last_code = @code, outcome_at = @now
     WHERE id = @id AND state = 'sending' AND form = 'whole' RETURNING ${IN_CASE}`,
    { id, code, now, ...about(raw) }
  )
}

/**
 * A server behind the first one took no message of this size, and sent it back (A2): the same message without its files takes
 * its place, once. False where there is none, and where the message came back or was received before.
 */
export function sendSpare(tx: Tx, messageId: MessageId, now: Instant): boolean {
  const sql = "SELECT id FROM outbox WHERE message_id = ? AND form = 'spare' AND bounced_at IS NULL"
  const id = tx.value<number>(sql, [messageId])
  if (id === null) return false
  const raw = bytesOf(tx, id, 'small')
  assert(raw !== null, 'a spare message has no bytes')
  tx.run(
    `UPDATE outbox
     SET state = ${AFTER_ATTEMPT}, form = 'small', size = @size, raw_sha256 = @rawSha256, rung = 0, is_last_attempt = 0,
         sent_at = NULL, next_attempt_at = max(@now, not_before), last_outcome = 'too-large', last_code = 0, outcome_at = @now
     WHERE id = @id`,
    { id, now, ...about(raw) }
  )
  return true
}

/** The reader of this message has it: its small form never leaves. */
export function dropSpare(tx: Tx, messageId: MessageId): void {
  tx.run("UPDATE outbox SET form = 'gone' WHERE message_id = ? AND form = 'spare'", [messageId])
}

/** While our account is refused, no message climbs higher: it is tried every hour, and not given up. */
const RUNG_WHILE_REFUSED = 4

/** Who is refused: our account, or the recipient. `perhaps-us`: neither the words of the refusal nor other messages tell. */
type Whom = 'us' | 'perhaps-us' | 'others'

/** A message after a try, and whom its refusal is about. */
export type Outcome = RowInCase & { readonly whom: Whom }

/** A server that has taken nothing for so long refuses us: our daily alarm about it is among what it does not take. */
const NOTHING_TAKEN_MS = 30 * HOUR_MS

/**
 * Who is refused (15). Where the words do not tell, our account is, once the server has taken no message for long; perhaps it is,
 * if the server has taken none since the last try of this one, or refuses other recipients with the same code. A full mailbox is
 * the recipient's (RFC 3463), unless others are refused with the same code. The server last took a message at `takenAt`.
 */
function whomOf(
  read: Read,
  { id, kind, code, passes }: SendResult,
  { now, takenAt }: { readonly now: Instant; readonly takenAt: Instant | null }
): Whom {
  if (kind !== 'unclear') return kind === 'ours' ? 'us' : 'others'
  // One state each, as the indexes have them.
  const alike = ['queued', 'sending'].map(
    (
      state
    ) => `EXISTS (SELECT 1 FROM outbox AS other WHERE other.state = '${state}' AND other.last_outcome = 'unclear'
      AND other.last_code = @code AND other.envelope_to <> outbox.envelope_to)`
  )
  const sql = `SELECT ${alike.join(' OR ')} FROM outbox WHERE id = @id`
  const isAlike = read.value<number>(sql, { id, code }) === 1
  const lastTry = read.value<Instant>('SELECT outcome_at FROM outbox WHERE id = ?', [id])
  if (passes === true && !isAlike) return 'others'
  if (lastTry !== null && (takenAt === null || takenAt <= addMs(now, -NOTHING_TAKEN_MS)))
    return 'us'
  const isQuiet = lastTry !== null && takenAt !== null && takenAt <= lastTry
  return isQuiet || isAlike ? 'perhaps-us' : 'others'
}

/**
 * Records the outcome of a claimed message, and returns how it stands now: sent (a trigger drops the bytes, but for a spare
 * form); given up, with the bytes kept for `outbox retry`; waiting for the next attempt; or held, because it may not leave any
 * more (G5, G7). A refusal that is about us uses up no try; one that may be ends with the ladder. `takenAt` is when the server last
 * took a message.
 */
export function recordOutcome(
  tx: Tx,
  result: SendResult,
  now: Instant,
  takenAt: Instant | null = null
): Outcome {
  const { id, kind, code, passes = false } = result
  const smaller = kind === 'too-large' ? takeSmaller(tx, result, now) : null
  if (smaller !== null) return { ...smaller, whom: 'others' }
  const whom = whomOf(tx, result, { now, takenAt })
  const isOurs = whom === 'us'
  // One recipient alone whom the server refuses for good by a rule: a human is told within the hour.
  const isFinal =
    ['rejected', 'too-large', 'no-utf8'].includes(kind) ||
    (kind === 'unclear' && code >= 500 && !passes && whom === 'others')
  const fromRung = kind === 'unclear' ? RUNG_WHILE_REFUSED : 0
  const row = tx.get<RowInCase>(
    kind === 'untried'
      ? `UPDATE outbox
         SET state = ${AFTER_ATTEMPT}, attempts = attempts - 1, rung = rung - 1, is_last_attempt = 0,
             next_attempt_at = max(@now, not_before)
         WHERE id = @id AND state = 'sending' RETURNING ${IN_CASE}`
      : `UPDATE outbox
         SET state = CASE WHEN @kind = 'accepted' THEN 'sent'
                          WHEN @isFinal AND rung > @fromRung THEN 'given-up'
                          WHEN is_last_attempt = 1 AND NOT @isOurs THEN 'given-up'
                          ELSE ${AFTER_ATTEMPT} END,
             rung = iif(@isOurs, min(rung, ${RUNG_WHILE_REFUSED}), rung),
             sent_at = CASE WHEN @kind = 'accepted' THEN @now END,
             form = CASE WHEN @kind = 'accepted' AND form = 'whole' AND ${HAS_SMALL} THEN 'spare' ELSE form END,
             last_outcome = @kind, last_code = @code, outcome_at = @now
         WHERE id = @id AND state = 'sending' RETURNING ${IN_CASE}`,
    kind === 'untried' ? { id, now } : { id, kind, code, now, isOurs, isFinal, fromRung }
  )
  assert(row !== null, 'an outcome of a message that was not claimed')
  return { ...row, whom }
}

const HAS_SMALL =
  "EXISTS (SELECT 1 FROM outbox_bytes WHERE outbox_id = outbox.id AND outbox_bytes.form = 'small')"

/** How long the bytes of a message that was given up are kept for another try; it stays on the record. */
const GIVEN_UP_DAYS = 30
/** Servers try for about five days before they send a message back (RFC 5321 §4.5.4.1). */
const SPARE_DAYS = 7

/** The bytes of what was given up, or left, long ago go (A1). */
export function dropOld(tx: Tx, now: Instant): void {
  tx.run(
    "UPDATE outbox SET form = 'gone' WHERE state = 'given-up' AND form <> 'gone' AND outcome_at < ?",
    [addMs(now, -GIVEN_UP_DAYS * DAY_MS)]
  )
  const spare = "UPDATE outbox SET form = 'gone' WHERE form = 'spare' AND sent_at < ?"
  tx.run(spare, [addMs(now, -SPARE_DAYS * DAY_MS)])
}

/**
 * Puts a given-up or held message back at the start of its ladder, due now but never before its instant. `not-waiting` for one
 * that is queued, being sent or sent, `not-approved` for what its reader may not have any more (G5, G7), `gone` where its bytes
 * were not kept so long.
 */
export function retry(
  tx: Tx,
  id: number,
  now: Instant
): 'queued' | 'not-waiting' | 'not-approved' | 'gone' | 'unknown' {
  const row = find(tx, id)
  if (row === null) return 'unknown'
  if (row.state !== 'given-up' && row.state !== 'held') return 'not-waiting'
  if (row.form === 'gone') return 'gone'
  const { changes } = tx.run(
    `UPDATE outbox
     SET state = 'queued', attempts = 0, rung = 0, is_last_attempt = 0, next_attempt_at = max(@now, not_before)
     WHERE id = @id AND ${IS_APPROVED}`,
    { id, now }
  )
  return changes === 1 ? 'queued' : 'not-approved'
}

/**
 * After the clock was set back: a retry further ahead than the ladder's longest wait `maxMs` is due now, and so is what was
 * queued in what is now the future; a message of a notice never before its instant.
 */
export function pullBack(tx: Tx, now: Instant, maxMs: number): void {
  // First attempts wait for their own instant (a random delay, an embargo), not for the ladder.
  tx.run(
    `UPDATE outbox SET not_before = @now, next_attempt_at = @now
     WHERE state IN ('queued', 'sending') AND notice_id IS NULL AND not_before > @now AND created_at > @now`,
    { now }
  )
  tx.run(
    `UPDATE outbox SET next_attempt_at = max(@now, not_before)
     WHERE state IN ('queued', 'sending') AND attempts > 0 AND next_attempt_at > max(@latest, not_before)`,
    { now, latest: addMs(now, maxMs) }
  )
}

/** Records that a sent message came back; null when none has this Message-ID or it came back before. */
export function markBounced(tx: Tx, messageId: MessageId, now: Instant): RowInCase | null {
  return tx.get<RowInCase>(
    `UPDATE outbox SET bounced_at = ? WHERE message_id = ? AND bounced_at IS NULL RETURNING ${IN_CASE}`,
    [now, messageId]
  )
}

/** Rows of the outbox, newest first, without their bytes; all of them, or those of one state or case. */
export function list(
  read: Read,
  wanted: Partial<Pick<OutboxRow, 'state' | 'caseId'>> = {}
): OutboxRow[] {
  const where = Object.keys(wanted).length === 0 ? '' : `WHERE ${assignments(wanted)}`
  return read.all<OutboxRow>(`SELECT * FROM outbox ${where} ORDER BY id DESC`, wanted)
}

/** One row without its bytes, or null. */
export function find(read: Read, id: number): RowInCase | null {
  return read.get<RowInCase>(`SELECT ${IN_CASE} FROM outbox WHERE id = ?`, [id])
}

/** The desk's messages with these Message-IDs, in their order. */
export function listNamed(read: Read, ids: readonly MessageId[]): NamedMessage[] {
  return read.all<NamedMessage>(
    `SELECT kind, audience, recipient_id, envelope_to, message_id, conversation, tag, created_at, bounced_at, files_of,
       is_sender_hidden
     FROM json_each(?) AS named
       JOIN outbox ON message_id = named.value LEFT JOIN cases ON cases.id = case_id ORDER BY named.key`,
    [ids]
  )
}

/** Messages of a kind by when they left or will leave; one that a human has to let go does not count. */
const LEAVING = `(SELECT coalesce(sent_at, next_attempt_at) AS at, lower(envelope_to) AS address, is_proved FROM outbox
  WHERE kind = @kind AND state <> 'held')`

/** How many automatic answers of a kind, of those to proved senders or the others, left or will leave in a span of time. */
export function countAnswers(
  read: Read,
  { kind, to, isProved = false }: { kind: MessageKind; to: Address; isProved?: boolean },
  span: { readonly since: Instant; readonly until: Instant }
): number {
  const sql = `SELECT count(*) FROM ${LEAVING}
    WHERE address = @address AND is_proved = @isProved AND at > @since AND at <= @until`
  return read.value<number>(sql, { kind, address: addressKey(to), isProved, ...span }) ?? 0
}

/** How many of a kind left since then or will leave, to proved senders and to the others, by the domain of the address. */
export function countLeaving(read: Read, kind: MessageKind, since: Instant): DomainCount[] {
  return read.all<DomainCount>(
    `SELECT substr(address, instr(address, '@') + 1) AS domain, is_proved, count(*) AS count
     FROM ${LEAVING} WHERE at > @since GROUP BY 1, 2 ORDER BY 1, 2`,
    { kind, since }
  )
}

export type DomainCount = {
  readonly domain: string
  readonly isProved: boolean
  readonly count: number
}

/** The first message of a case to a member of the list: the root of their thread; null when none was made. */
export function firstToMember(read: Read, tag: CaseTag, id: string): MessageId | null {
  return read.value<MessageId>(
    `SELECT message_id FROM outbox
     WHERE case_id = (SELECT id FROM cases WHERE tag = ?) AND audience = 'member' AND recipient_id = ? ORDER BY id LIMIT 1`,
    [tag, id]
  )
}

/** The first acknowledgement of reports with these numbers that is held and not overtaken; null where none is. */
export function findHeldAnswer(read: Read, numbers: readonly string[]): OutboxRow | null {
  const onces = numbers.map((number) => `acknowledgement:${number}:${number}`)
  return read.get<OutboxRow>(
    `SELECT * FROM outbox
     WHERE once IN (SELECT value FROM json_each(?)) AND state = 'held' AND not_after IS NULL ORDER BY id LIMIT 1`,
    [onces]
  )
}

/** When the next message is due that may still leave, after `after` if given; null when none waits. */
export function nextDueAt(read: Read, now: Instant, after = ''): Instant | null {
  const dues = [true, false].flatMap((isMember) => {
    const sql = `SELECT next_attempt_at FROM outbox
      WHERE state = 'queued' AND (audience = 'member') = @isMember AND next_attempt_at > @after AND ${MAY_LEAVE}
      ORDER BY next_attempt_at LIMIT 1`
    return read.value<Instant>(sql, { now, isMember, after }) ?? []
  })
  return dues.sort()[0] ?? null
}

/** Whether any decision whose `once` starts with `prefix:` was ever queued. */
export function hasOnce(read: Read, prefix: string): boolean {
  const sql = 'SELECT 1 FROM outbox WHERE once >= ? AND once < ? LIMIT 1'
  // ';' is the character after ':', so the range holds exactly the keys that continue the prefix.
  return read.value(sql, [`${prefix}:`, `${prefix};`]) !== null
}
