/**
 * Every message ever received in the inbox: its bytes, its disposition, and whether IMAP has moved it (G1). Must never store
 * one message twice and never change a completed arrival. Lists omit the bytes; they are read one at a time.
 */
import { createHash } from 'node:crypto'
import { assert } from '../domain/assert.ts'
import { type DecisionOf, type Disposition } from '../domain/decision.ts'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import { type Fetched, type Listed } from '../domain/mail.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { blocksOf, insert, type Read, type Sql, type Tx } from './sql.ts'

/** The share of the room in the database against which a message counts (policy/turn.ts). */
export type Share = 'free' | 'claimed' | 'proved' | 'unproved'

/** A mailbox in one UIDVALIDITY generation: UIDs have meaning only inside it (RFC 9051 §2.3.1.1). */
export type Generation = { readonly mailbox: string; readonly uidValidity: string }

/**
 * A message as fetched. `arrivedAt`: when it came at the earliest, which whoever puts an old message into the mailbox cannot set;
 * the age of a signature counts up to then.
 */
export type NewArrival = Generation &
  Omit<Listed, 'receivedAt'> &
  Fetched & { readonly receivedAt: Instant; readonly arrivedAt: Instant }

/** One stored arrival without its bytes. */
export type Arrival = Omit<NewArrival, 'raw'> & {
  readonly id: number
  /** Of the bytes as fetched. */
  readonly sha256: Sha256
  readonly state: 'pending' | 'done' | 'held' | 'left'
  readonly disposition: Disposition | null
  readonly reason: string | null
  readonly caseId: number | null
  /** How often opening began, crashes included. */
  readonly starts: number
  /** How often handling failed. */
  readonly tries: number
  readonly nextTryAt: Instant | null
  readonly duplicateOf: number | null
  /** Bytes. */
  readonly grown: number
  readonly moved: 0 | 1
} & Place

/** The place in the order, the lowest first, and the share of the room; the address in From, lower case, '' for none. */
export type Place = { readonly turn: number; readonly sender: string; readonly share: Share }
export type TurnRange = { readonly from: number; readonly to: number }

export type Outcome = Omit<DecisionOf<'dispose'>, 'kind' | 'tag'> & Pick<Arrival, 'caseId'>

type Unmoved = Pick<Arrival, 'id' | 'uid'> & { readonly to: 'processed' | 'held' }

/**
 * Stores a message before anything is decided about it. The same UID again returns the existing row; bytes that are stored
 * already become a completed row, `duplicate`, so that a mailbox renumbered by its server causes no second answers.
 */
export function add(tx: Tx, arrival: NewArrival, now: Instant): Arrival {
  const existing = findByUid(tx, arrival, arrival.uid)
  if (existing !== null && existing.state !== 'left') return existing
  const before = existing === null ? {} : takeBack(tx, existing)
  const sha256 = createHash('sha256').update(arrival.raw).digest('hex')
  const original = findOriginal(tx, arrival, sha256)
  const { raw, ...columns } = arrival
  const duplicate = original && {
    disposition: 'duplicate',
    duplicateOf: original.id,
    // The copy of a held message is held, too: people are told to look in the held folder.
    state: original.state === 'held' ? 'held' : 'done',
    doneAt: now
  }
  const grown = original === null ? raw.length : 0
  const row = {
    ...columns,
    ...before,
    sha256,
    grown,
    state: 'pending',
    storedAt: now,
    ...duplicate
  }
  const { id } = insert(tx, 'arrivals', row)
  for (const block of original === null ? blocksOf(raw) : [])
    insert(tx, 'arrival_bytes', { arrivalId: id, ...block })
  const stored = find(tx, id)
  assert(stored !== null, 'an arrival just stored is gone')
  return stored
}

/** One that was left in the mailbox comes in: it keeps its number and its age, and the turn that the operator gave it. */
function takeBack(tx: Tx, { id, receivedAt, arrivedAt, turn, sender, share }: Arrival) {
  tx.run("DELETE FROM arrivals WHERE id = ? AND state = 'left'", [id])
  return { id, receivedAt, arrivedAt, ...(share === 'free' ? { turn, sender, share } : {}) }
}

/** The turn of a message that the operator wants, whoever sent it: that of known senders (policy/turn.ts). */
const WANTED = 1

/** Records that a message stays in the mailbox, because there is no room for it. */
export function leave(tx: Tx, { raw, ...arrival }: NewArrival & Place, now: Instant): void {
  const sha256 = createHash('sha256').update(raw).digest('hex')
  const why = { disposition: 'no-room', reason: 'strangers have no room left today' }
  const row = { ...arrival, sha256, ...why, state: 'left', storedAt: now, doneAt: now }
  insert(tx, 'arrivals', row, 'ON CONFLICT (mailbox, uid_validity, uid) DO NOTHING')
}

/** Those among these UIDs that were left, with their places; 'free' are those that the operator wants. */
export function listLeft(
  read: Read,
  { mailbox, uidValidity }: Generation,
  uids: readonly number[]
): ReadonlyMap<number, Place> {
  const rows = read.all<Place & Pick<Arrival, 'uid'>>(
    `SELECT uid, turn, sender, share FROM arrivals WHERE state = 'left' AND mailbox = ? AND uid_validity = ?
       AND uid IN (SELECT value FROM json_each(?))`,
    [mailbox, uidValidity, uids]
  )
  return new Map(rows.map(({ uid, ...place }) => [uid, place]))
}

export function hasLeft(read: Read): boolean {
  return read.value("SELECT 1 FROM arrivals WHERE state = 'left' LIMIT 1") !== null
}

/** Forgets those that were left in a mailbox and are not there any more: a person took them out, or they have other UIDs now. */
export function forgetLeft(
  tx: Tx,
  { mailbox, uidValidity }: Generation,
  there: readonly number[]
): void {
  tx.run(
    `DELETE FROM arrivals WHERE state = 'left' AND mailbox = @mailbox
       AND NOT (uid_validity = @uidValidity AND uid IN (SELECT value FROM json_each(@there)))`,
    { mailbox, uidValidity, there }
  )
}

/** How many messages are left in the mailbox or wait from this turn on, how many are left, and their bytes. */
export function countWaiting(read: Read, turn: number) {
  const sql = `SELECT count(*) AS messages, coalesce(sum(is_left), 0) AS left, coalesce(sum(size), 0) AS bytes FROM (
    SELECT size, 1 AS is_left FROM arrivals WHERE state = 'left' UNION ALL
    SELECT size, 0 FROM arrivals WHERE state = 'pending' AND turn >= ?)`
  const none = { messages: 0, left: 0, bytes: 0 }
  return read.get<typeof none>(sql, [turn]) ?? none
}

/** Counts what else the database keeps of a message for good. */
export function countGrowth(tx: Tx, id: number, bytes: number): void {
  tx.run('UPDATE arrivals SET grown = grown + ? WHERE id = ?', [bytes, id])
}

/** What was not looked at yet counts as unproved. */
const BY_STRANGERS = "share <> 'free'"

type Span = { readonly since: Instant; readonly until: Instant }

/**
 * The bytes that the database grew by for good for what strangers sent in this time, pending or `handled` alone; or those of the
 * forwarded copies of this time that have not left, where these are more: they give their room back when they leave. Older ones
 * count no more: a maintainer's mailbox that takes nothing must not keep all new reports out.
 */
export function grownByStrangers(
  read: Read,
  {
    which,
    by,
    ...span
  }: Span & { readonly which: 'all' | 'handled'; readonly by: 'all' | 'unproved' }
): number {
  const states = which === 'all' ? '' : "AND state <> 'pending'"
  const whose = by === 'all' ? BY_STRANGERS : `${BY_STRANGERS} AND share <> 'proved'`
  const sql: Sql<number> = `SELECT max(
    coalesce((SELECT sum(grown) FROM arrivals
      WHERE ${whose} AND grown > 0 AND stored_at > @since AND stored_at <= @until ${states}), 0),
    coalesce((SELECT sum(outbox.size) FROM outbox JOIN arrivals ON arrivals.id = files_of
      WHERE files_of IS NOT NULL AND outbox.state <> 'sent' AND outbox.form <> 'gone' AND created_at > @since
        AND ${whose}), 0))`
  return read.value(sql, span) ?? 0
}

/** The bytes that the database grew by for good for strangers who are proved, by the domain of the sender. */
export function grownByDomain(read: Read, span: Span) {
  return read.all<{ readonly domain: string; readonly bytes: number }>(
    `SELECT substr(sender, instr(sender, '@') + 1) AS domain, sum(grown) AS bytes FROM arrivals
     WHERE share = 'proved' AND ${BY_STRANGERS} AND grown > 0 AND stored_at > @since AND stored_at <= @until GROUP BY 1`,
    span
  )
}

/** Whether something of this sender waits to be handled. */
export function hasPending(read: Read, sender: string): boolean {
  const sql =
    "SELECT 1 FROM arrivals WHERE state = 'pending' AND (sender = ? OR turn IS NULL) LIMIT 1"
  return read.value(sql, [sender]) !== null
}

/**
 * Has a message that is on hold handled anew, as one that comes now and was received then; its bytes and its case go along, and a
 * signature that it spent counts again. Returns it, or why that cannot be.
 */
export function retry(
  tx: Tx,
  id: number,
  now: Instant
): Pick<Arrival, 'id'> | 'not-held' | 'in-part' | 'elsewhere' {
  const row = find(tx, id)
  if (row?.state === 'left') {
    tx.run("UPDATE arrivals SET turn = ?, share = 'free' WHERE id = ?", [WANTED, id])
    return { id }
  }
  if (row?.state !== 'held') return 'not-held'
  if (row.duplicateOf !== null) return 'elsewhere'
  if (row.part !== 'whole') return 'in-part'
  const { size, sha256, part, receivedAt, arrivedAt, caseId } = row
  const place = { mailbox: AGAIN, uidValidity: String(id), uid: 1 }
  // 0 while the folder for held mail has it: what was not moved there yet will be moved as handled mail.
  const moved = row.mailbox === AGAIN ? row.moved : 1 - row.moved
  const kept = { size, sha256, part, receivedAt, arrivedAt, caseId, moved }
  const { id: again } = insert(tx, 'arrivals', {
    ...place,
    ...kept,
    state: 'pending',
    storedAt: now
  })
  const copy =
    'INSERT INTO arrival_bytes SELECT ?, block, raw FROM arrival_bytes WHERE arrival_id = ?'
  tx.run(copy, [again, id])
  tx.run('DELETE FROM arrival_bytes WHERE arrival_id = ?', [id])
  tx.run('DELETE FROM used_signatures WHERE arrival_id = ?', [id])
  tx.run("UPDATE arrivals SET state = 'done', duplicate_of = ? WHERE id = ?", [again, id])
  return { id: again }
}

/**
 * Counts the start of opening it *before* the work, so that a message that crashes the process is counted too; `by` -1 takes
 * that back for a message that was not completed and did not crash the process.
 */
export function countStart(tx: Tx, id: number, by: 1 | -1 = 1): void {
  const sql = "UPDATE arrivals SET starts = max(starts + ?, 0) WHERE id = ? AND state = 'pending'"
  tx.run(sql, [by, id])
}

/** Counts a failed attempt and sets the time of the next. Returns the attempts so far. */
export function countTry(tx: Tx, id: number, nextTryAt: Instant): number {
  const tries = tx.value<number>(
    "UPDATE arrivals SET tries = tries + 1, next_try_at = ? WHERE id = ? AND state = 'pending' RETURNING tries",
    [nextTryAt, id]
  )
  assert(tries !== null, 'a try of an arrival that is not pending')
  return tries
}

/** Sets the time of the next attempt without counting the one that failed: the message was not its cause. */
export function putOff(tx: Tx, id: number, nextTryAt: Instant): void {
  countStart(tx, id, -1)
  tx.run("UPDATE arrivals SET next_try_at = ? WHERE id = ? AND state = 'pending'", [nextTryAt, id])
}

/** Records the disposition of an arrival. Throws `Invariant` when it is already completed; a held one may still be completed. */
export function markDone(tx: Tx, id: number, outcome: Outcome, now: Instant): void {
  const { changes } = tx.run(
    `UPDATE arrivals
     SET state = @state, disposition = @disposition, reason = nullif(@reason, ''), case_id = @caseId, done_at = @now,
         next_try_at = NULL
     WHERE id = @id AND (state = 'pending' OR (state = 'held' AND @state = 'done'))`,
    { id, now, ...outcome }
  )
  assert(changes === 1, 'an arrival was handled twice')
}

/** Records that IMAP has moved these arrivals out of the inbox. */
export function markMoved(tx: Tx, ids: readonly number[]): void {
  tx.run('UPDATE arrivals SET moved = 1 WHERE id IN (SELECT value FROM json_each(?))', [ids])
}

/** After the clock was set back: what would be tried later than the longest wait `maxMs` from now is due at once. */
export function pullBack(tx: Tx, now: Instant, maxMs: number): void {
  const sql = "UPDATE arrivals SET next_try_at = ? WHERE state = 'pending' AND next_try_at > ?"
  tx.run(sql, [now, addMs(now, maxMs)])
}

const WAITING_IN = "state = 'pending' AND turn BETWEEN @from AND @to"
const HAS_ROOM = 'share NOT IN (SELECT value FROM json_each(@full))'

/** Messages of these turns, but for those whose shares are full. */
export type Wanted = TurnRange & { readonly full: readonly Share[] }

/** The arrival to handle now, without its bytes: of the lowest turn the oldest, `but` this one. Null when none is due. */
export function nextPending(
  read: Read,
  wanted: Wanted & { readonly but: number },
  now: Instant
): Arrival | null {
  return read.get<Arrival>(
    `SELECT * FROM arrivals WHERE ${WAITING_IN} AND id <> @but AND ${HAS_ROOM} AND (next_try_at IS NULL OR next_try_at <= @now)
     ORDER BY turn, id LIMIT 1`,
    { ...wanted, now }
  )
}

/** When the next of these turns, or of those that have none yet, may be handled, possibly in the past; null for none. */
export function nextTryIn(read: Read, wanted: Wanted): Instant | null {
  const at = 'SELECT coalesce(next_try_at, stored_at) AS at FROM arrivals WHERE'
  const sql: Sql<Instant> = `SELECT min(at) FROM
    (${at} ${WAITING_IN} AND ${HAS_ROOM} UNION ALL ${at} state = 'pending' AND turn IS NULL)`
  return read.value(sql, wanted)
}

/** Pending arrivals that have no turn yet, oldest first. */
export function listUnsorted(read: Read, limit: number): number[] {
  const sql = "SELECT id FROM arrivals WHERE state = 'pending' AND turn IS NULL ORDER BY id LIMIT ?"
  return read.column<number>(sql, [limit])
}

export function setTurn(tx: Tx, id: number, { turn, sender, share }: Place): void {
  const sql = 'UPDATE arrivals SET turn = ?, sender = ?, share = ? WHERE id = ?'
  tx.run(sql, [turn, sender, share, id])
}

/** Gives what waits of a sender in these turns a later one, but for the one that is being handled. It claims nothing any more. */
export function moveTurns(
  tx: Tx,
  sender: string,
  { but = 0, turn, ...range }: TurnRange & { readonly turn: number; readonly but?: number }
): void {
  const sql = `UPDATE arrivals SET turn = @turn, share = iif(share = 'claimed', 'unproved', share)
    WHERE sender = @sender AND id <> @but AND ${WAITING_IN}`
  tx.run(sql, { sender, turn, but, ...range })
}

/** What was being handled when the process died, more than once, waits behind the others: it may be the cause. */
export function putBackCrashed(tx: Tx, turn: number): void {
  const sql = "UPDATE arrivals SET turn = ? WHERE state = 'pending' AND starts > 1 AND turn < ?"
  tx.run(sql, [turn, turn])
}

/** The last turn in which something of this sender waits; 0 when nothing does. */
export function lastTurnOf(read: Read, sender: string): number {
  const sql = "SELECT max(turn) FROM arrivals WHERE state = 'pending' AND sender = ?"
  return read.value<number>(sql, [sender]) ?? 0
}

/** The newest arrivals in this state, without their bytes, each with the number of its case. */
export function listIn(
  read: Read,
  state: Arrival['state'],
  limit = 1000
): (Arrival & { readonly caseTag: CaseTag | null })[] {
  return read.all<Arrival & { readonly caseTag: CaseTag | null }>(
    `SELECT arrivals.*, tag AS case_tag FROM arrivals LEFT JOIN cases ON cases.id = case_id
     WHERE arrivals.state = ? ORDER BY arrivals.id DESC LIMIT ?`,
    [state, limit]
  )
}

const AGAIN = 'retry'

/** Where the mailbox has it: one that is handled again is where the one before is. */
export function inMailbox(read: Read, row: Arrival): Arrival {
  const before = row.mailbox === AGAIN ? find(read, Number(row.uidValidity)) : null
  return before === null ? row : inMailbox(read, before)
}

/** The folder into which the mailbox has moved it; null while it is where it came. */
export function movedTo(read: Read, row: Arrival): Unmoved['to'] | null {
  const first = inMailbox(read, row)
  if (first.moved === 0) return null
  let last = first
  while (last.duplicateOf !== null && last.disposition !== 'duplicate')
    last = find(read, last.duplicateOf) ?? { ...last, duplicateOf: null }
  const isOut = last.mailbox === AGAIN ? last.moved === 1 : last.state !== 'held'
  return isOut ? 'processed' : 'held'
}

/** What was handled again to the end while the folder for held mail still has it. */
export function listToTakeOut(read: Read): Pick<Arrival, 'id' | 'size' | 'sha256'>[] {
  return read.all<Pick<Arrival, 'id' | 'size' | 'sha256'>>(
    `SELECT id, size, sha256 FROM arrivals
     WHERE mailbox = ? AND moved = 0 AND state = 'done' AND duplicate_of IS NULL`,
    [AGAIN]
  )
}

/** One arrival without its bytes, or null. */
export function find(read: Read, id: number): Arrival | null {
  return read.get<Arrival>('SELECT * FROM arrivals WHERE id = ?', [id])
}

/** The bytes as fetched, or those of the message that it is a copy of; null for an unknown arrival. */
export function readRaw(read: Read, id: number): Uint8Array | null {
  const stored = read.get<{ arrivalId: number; bytes: number }>(STORED, { id })
  if (stored === null) return null
  const whole = Buffer.allocUnsafe(stored.bytes)
  for (let [at, block] = [0, 0]; at < whole.length; block += 1) {
    const sql = 'SELECT raw FROM arrival_bytes WHERE arrival_id = ? AND block = ?'
    const raw = read.value<Uint8Array>(sql, [stored.arrivalId, block])
    assert(raw !== null, 'a block of a stored message is missing')
    whole.set(raw, at)
    at += raw.length
  }
  return whole
}

/** Whether {@link readRaw} gives anything. */
export function hasRaw(read: Read, id: number): boolean {
  return read.get(STORED, { id }) !== null
}

/** Where the bytes are, and how many, without reading them. */
const STORED = `WITH RECURSIVE copies (id) AS (SELECT @id UNION
    SELECT duplicate_of FROM arrivals JOIN copies USING (id) WHERE duplicate_of IS NOT NULL)
  SELECT arrival_id, sum(length(raw)) AS bytes FROM arrival_bytes WHERE arrival_id IN copies GROUP BY 1 LIMIT 1`

/** So much of a message is read for its turn; a mailbox gives as much of it as its header. */
export const HEAD_BYTES = 128 * 1024

/** The beginning of the bytes, with the header. */
export function readHead(read: Read, id: number): Uint8Array {
  const sql = 'SELECT substr(raw, 1, ?) FROM arrival_bytes WHERE arrival_id = ? AND block = 0'
  return read.value<Uint8Array>(sql, [HEAD_BYTES, id]) ?? new Uint8Array()
}

/** The UIDs among these that are stored, or left in the mailbox. */
export function storedUids(
  read: Read,
  { mailbox, uidValidity }: Generation,
  uids: readonly number[]
): ReadonlySet<number> {
  const stored = read.column<number>(
    `SELECT uid FROM arrivals
     WHERE mailbox = ? AND uid_validity = ? AND uid IN (SELECT value FROM json_each(?))`,
    [mailbox, uidValidity, uids]
  )
  return new Set(stored)
}

/** Processed arrivals of this generation that are still in the inbox, oldest first. */
export function listUnmoved(
  read: Read,
  { mailbox, uidValidity }: Generation,
  { after, limit }: { readonly after: number; readonly limit: number }
): Unmoved[] {
  return read.all<Unmoved>(
    `SELECT id, uid, CASE state WHEN 'held' THEN 'held' ELSE 'processed' END AS "to" FROM arrivals
     WHERE moved = 0 AND state IN ('done', 'held') AND mailbox = ? AND uid_validity = ? AND id > ? ORDER BY id LIMIT ?`,
    [mailbox, uidValidity, after, limit]
  )
}

/**
 * The arrival that already holds these bytes; where they are only a header, of a message of the same size. Two messages of which
 * nothing could be fetched are never the same: nobody knows what is in either (G1).
 */
function findOriginal(read: Read, { raw, part, size }: NewArrival, sha256: string) {
  const sql = `SELECT id, state FROM arrivals
    WHERE sha256 = ? AND part = ? AND (part = 'whole' OR size = ?) AND duplicate_of IS NULL ORDER BY id LIMIT 1`
  return raw.length === 0 ? null : read.get<Arrival>(sql, [sha256, part, size])
}

function findByUid(read: Read, { mailbox, uidValidity }: Generation, uid: number): Arrival | null {
  return read.get<Arrival>(
    'SELECT * FROM arrivals WHERE mailbox = ? AND uid_validity = ? AND uid = ?',
    [mailbox, uidValidity, uid]
  )
}
