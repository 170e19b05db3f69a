/**
 * Every message ever received in the inbox: its bytes, its disposition, and whether IMAP has moved it (G1). Must never store
 * one message twice and never change a completed arrival. Lists omit the bytes; they are read one at a time.
 */
import { createHash } from 'node:crypto'
import { assert } from '../domain/assert.ts'
import { type Disposition } from '../domain/decision.ts'
import { type Sha256 } from '../domain/ids.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { insert, type Read, type Sql, type Tx } from './sql.ts'

/** A mailbox in one UIDVALIDITY generation: UIDs have meaning only inside it (RFC 9051 §2.3.1.1). */
export type Generation = { readonly mailbox: string; readonly uidValidity: string }

export type ArrivalState = 'pending' | 'done' | 'held'

/** A message as fetched. */
export type NewArrival = Generation & {
  readonly uid: number
  /** INTERNALDATE. */
  readonly receivedAt: Instant
  /** RFC822.SIZE in bytes. */
  readonly size: number
  /** The whole message, or its header block when `part` is `header`. */
  readonly raw: Uint8Array
  readonly part: 'whole' | 'header'
}

/** One stored arrival without its bytes. */
export type Arrival = Generation & {
  readonly id: number
  readonly uid: number
  readonly receivedAt: Instant
  readonly size: number
  /** Null when only the header block was fetched. */
  readonly sha256: Sha256 | null
  readonly part: 'whole' | 'header'
  readonly state: ArrivalState
  readonly disposition: Disposition | null
  readonly reason: string | null
  readonly caseId: number | null
  /** How often opening began, crashes included. */
  readonly starts: number
  /** How often handling failed. */
  readonly tries: number
  readonly nextTryAt: Instant | null
  readonly duplicateOf: number | null
  readonly moved: boolean
}

/** The outcome of storing. `known` is the same UID again, `duplicate` the same bytes under another UID. */
export type Stored = {
  readonly kind: 'stored' | 'known' | 'duplicate'
  readonly arrival: Arrival
}

/** The disposition of an arrival. `reason` is a code, never content. */
export type Outcome = {
  readonly state: 'done' | 'held'
  readonly disposition: Disposition
  readonly reason: string | null
  readonly caseId: number | null
}

/** A processed message that is still in the inbox. */
export type Unmoved = {
  readonly id: number
  readonly uid: number
  readonly to: 'processed' | 'held'
}

type Row = Omit<Arrival, 'part' | 'moved'> & { readonly headerOnly: number; readonly moved: number }

const COLUMNS = `id, mailbox, uid_validity AS uidValidity, uid, received_at AS receivedAt, size, sha256,
  header_only AS headerOnly, state, disposition, reason, case_id AS caseId, starts, tries, next_try_at AS nextTryAt,
  duplicate_of AS duplicateOf, moved`

/**
 * Stores a message before anything is decided about it. The same UID again returns the existing row; bytes that are already
 * stored become a completed row with disposition `duplicate`, so that a mailbox renumbered by its server causes no second
 * answers.
 */
export function insertArrival(tx: Tx, arrival: NewArrival, now: Instant): Stored {
  const existing = findByUid(tx, arrival, arrival.uid)
  if (existing) return { kind: 'known', arrival: existing }
  const sha256 =
    arrival.part === 'whole' ? createHash('sha256').update(arrival.raw).digest('hex') : null
  const duplicateOf = findOriginal(tx, arrival, sha256)
  const isDuplicate = duplicateOf !== null
  const { raw, part, ...columns } = arrival
  const { id } = insert(tx, 'arrivals', {
    ...columns,
    sha256,
    headerOnly: part === 'header' ? 1 : 0,
    // The copy of a held message is held, too: people are told to look in the held folder.
    state: isDuplicate ? (isHeld(tx, duplicateOf) ? 'held' : 'done') : 'pending',
    disposition: isDuplicate ? 'duplicate' : null,
    duplicateOf,
    storedAt: now,
    doneAt: isDuplicate ? now : null
  })
  if (!isDuplicate) insert(tx, 'arrival_bytes', { arrivalId: id, raw })
  const stored = findArrival(tx, id)
  assert(stored !== null, 'an arrival just stored is gone')
  return { kind: isDuplicate ? 'duplicate' : 'stored', arrival: stored }
}

/** Counts the start of opening these *before* the work, so that a message that crashes the process is counted too. */
export function countStarts(tx: Tx, ids: readonly number[]): void {
  for (const id of ids) {
    const { changes } = tx.run(
      "UPDATE arrivals SET starts = starts + 1 WHERE id = ? AND state = 'pending'",
      [id]
    )
    assert(changes === 1, 'a start of an arrival that is not pending')
  }
}

/** Reverts {@link countStarts} for messages that were not completed and did not crash the process. */
export function uncountStarts(tx: Tx, ids: readonly number[]): void {
  for (const id of ids)
    tx.run(
      "UPDATE arrivals SET starts = starts - 1 WHERE id = ? AND state = 'pending' AND starts > 0",
      [id]
    )
}

/** Counts a failed attempt and sets the time of the next. Returns the attempts so far. */
export function countTry(tx: Tx, id: number, nextTryAt: Instant): number {
  const sql: Sql<{ tries: number }> = `
    UPDATE arrivals SET tries = tries + 1, next_try_at = ? WHERE id = ? AND state = 'pending' RETURNING tries`
  const row = tx.get(sql, [nextTryAt, id])
  assert(row !== undefined, 'a try of an arrival that is not pending')
  return row.tries
}

/**
 * Records the disposition of an arrival. Throws `Invariant` when it is already completed; a held one may still be completed.
 */
export function markDone(tx: Tx, id: number, outcome: Outcome, now: Instant): void {
  const { changes } = tx.run(
    `UPDATE arrivals
     SET state = @state, disposition = @disposition, reason = @reason, case_id = @caseId, done_at = @now,
         next_try_at = NULL
     WHERE id = @id AND (state = 'pending' OR (state = 'held' AND @state = 'done'))`,
    { id, now, ...outcome }
  )
  assert(changes === 1, 'an arrival was handled twice')
}

/** Records that IMAP has moved these arrivals out of the inbox. */
export function markMoved(tx: Tx, ids: readonly number[]): void {
  for (const id of ids) tx.run('UPDATE arrivals SET moved = 1 WHERE id = ?', [id])
}

/**
 * After the clock was set back: pending arrivals whose next attempt is further ahead than the longest wait `maxMs` become due
 * at once. Returns how many.
 */
export function pullBackArrivals(tx: Tx, now: Instant, maxMs: number): number {
  return tx.run("UPDATE arrivals SET next_try_at = ? WHERE state = 'pending' AND next_try_at > ?", [
    now,
    addMs(now, maxMs)
  ]).changes
}

/** Arrivals to handle now, oldest first, without their bytes. */
export function listPending(read: Read, now: Instant, limit: number): Arrival[] {
  const sql: Sql<Row> = `
    SELECT ${COLUMNS} FROM arrivals
    WHERE state = 'pending' AND (next_try_at IS NULL OR next_try_at <= ?) ORDER BY id LIMIT ?`
  return read.all(sql, [now, limit]).map(arrivalOf)
}

/** When the next pending arrival may be handled, possibly in the past; null when none is pending. */
export function nextTryAt(read: Read): Instant | null {
  const sql: Sql<{ at: Instant | null }> = `
    SELECT min(coalesce(next_try_at, stored_at)) AS at FROM arrivals WHERE state = 'pending'`
  return read.get(sql)?.at ?? null
}

/** One arrival without its bytes, or null. */
export function findArrival(read: Read, id: number): Arrival | null {
  const sql: Sql<Row> = `SELECT ${COLUMNS} FROM arrivals WHERE id = ?`
  const row = read.get(sql, [id])
  return row ? arrivalOf(row) : null
}

/** The bytes as fetched; null for a duplicate (read its `duplicateOf`), a purged or an unknown arrival. */
export function readRaw(read: Read, id: number): Uint8Array | null {
  const sql: Sql<{ raw: Uint8Array }> = 'SELECT raw FROM arrival_bytes WHERE arrival_id = ?'
  return read.get(sql, [id])?.raw ?? null
}

/** Those of `uids` that are stored, in any state. */
export function storedUids(
  read: Read,
  generation: Generation,
  uids: readonly number[]
): ReadonlySet<number> {
  const sql: Sql<{ uid: number }> = `
    SELECT uid FROM arrivals
    WHERE mailbox = ? AND uid_validity = ? AND uid IN (SELECT value FROM json_each(?))`
  const { mailbox, uidValidity } = generation
  const rows = read.all(sql, [mailbox, uidValidity, JSON.stringify(uids)])
  return new Set(rows.map(({ uid }) => uid))
}

/** Processed arrivals of this generation that are still in the inbox, oldest first. */
export function listUnmoved(read: Read, generation: Generation, limit: number): Unmoved[] {
  const sql: Sql<{ id: number; uid: number; state: ArrivalState }> = `
    SELECT id, uid, state FROM arrivals
    WHERE moved = 0 AND state <> 'pending' AND mailbox = ? AND uid_validity = ? ORDER BY id LIMIT ?`
  return read
    .all(sql, [generation.mailbox, generation.uidValidity, limit])
    .map(({ id, uid, state }) => ({ id, uid, to: state === 'held' ? 'held' : 'processed' }))
}

function isHeld(read: Read, id: number): boolean {
  return findArrival(read, id)?.state === 'held'
}

/**
 * The arrival that already holds these bytes. A message of which only the header is known must also have the same size. A
 * message of which nothing could be fetched never equals another: nobody knows what is in either (G1).
 */
function findOriginal(read: Read, arrival: NewArrival, sha256: string | null): number | null {
  if (arrival.raw.length === 0) return null
  const whole: Sql<{ id: number }> =
    'SELECT id FROM arrivals WHERE sha256 = ? AND duplicate_of IS NULL ORDER BY id LIMIT 1'
  const header: Sql<{ id: number }> = `
    SELECT id FROM arrivals JOIN arrival_bytes ON arrival_id = id
    WHERE header_only = 1 AND size = ? AND raw = ? AND duplicate_of IS NULL ORDER BY id LIMIT 1`
  const row =
    sha256 === null ? read.get(header, [arrival.size, arrival.raw]) : read.get(whole, [sha256])
  return row?.id ?? null
}

function findByUid(read: Read, generation: Generation, uid: number): Arrival | null {
  const sql: Sql<Row> = `
    SELECT ${COLUMNS} FROM arrivals WHERE mailbox = ? AND uid_validity = ? AND uid = ?`
  const row = read.get(sql, [generation.mailbox, generation.uidValidity, uid])
  return row ? arrivalOf(row) : null
}

function arrivalOf({ headerOnly, moved, ...row }: Row): Arrival {
  return { ...row, part: headerOnly === 1 ? 'header' : 'whole', moved: moved === 1 }
}
