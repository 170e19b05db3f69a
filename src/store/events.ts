/**
 * The record (G8): typed events, appended and chained by SHA-256, so a changed, removed or inserted one shows. Must never
 * hold content, subjects or addresses: it outlives a purge.
 */
import { createHash } from 'node:crypto'
import { type CaseRecord, reporterWith } from '../domain/case.ts'
import { type CaseHistory, HISTORY_KINDS, historyOf } from '../domain/case-machine.ts'
import {
  aboutCase,
  DESK,
  type DeskEvent,
  type EventKind,
  type Evidence,
  type NewEvent,
  type Subject
} from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { markLook } from './looks.ts'
import { insert, type Read, type Sql, type Tx } from './sql.ts'

/** One event as stored; `about` is the JSON text that was hashed. */
type Row = {
  readonly id: number
  readonly at: Instant
  readonly kind: string
  readonly subjectKind: string
  readonly subjectId: string
  readonly actorKind: string
  readonly actorId: string
  readonly about: string
  readonly arrivalId: number | null
  readonly messageSha256: Sha256 | null
  readonly signatureSha256: Sha256 | null
  readonly previousHash: Sha256
  readonly hash: Sha256
}

/** The newest event. Kept elsewhere (printed, mailed), it proves later that nothing before it was changed. */
export type RecordHead = { readonly id: number; readonly hash: Sha256 }

/** `firstBad` is the id of the first event that is changed, missing or inserted; null when `ok`. */
export type RecordVerdict = {
  readonly ok: boolean
  readonly count: number
  readonly firstBad: number | null
}

const GENESIS = '0'.repeat(64) as Sha256
const COLUMNS = `id, at, kind, subject_kind AS subjectKind, subject_id AS subjectId, actor_kind AS actorKind,
  actor_id AS actorId, about, arrival_id AS arrivalId, message_sha256 AS messageSha256,
  signature_sha256 AS signatureSha256, previous_hash AS previousHash, hash`

/** Appends one event, makes its subject due for a look at its clocks, and returns the new head. */
export function appendEvent(
  tx: Tx,
  event: NewEvent,
  work: { readonly at: Instant; readonly evidence: Evidence }
): RecordHead {
  const head = recordHead(tx)
  const row = {
    id: head.id + 1,
    at: work.at,
    kind: event.kind,
    subjectKind: event.subject.kind,
    subjectId: event.subject.id,
    actorKind: event.actor.kind,
    actorId: event.actor.id,
    about: JSON.stringify(event.about),
    ...work.evidence,
    previousHash: head.hash
  }
  const hash = hashOf(row)
  insert(tx, 'events', { ...row, hash })
  markLook(tx, event.subject, work.at)
  return { id: row.id, hash }
}

/** The newest event of a subject; 0 when there is none. */
export function lastEventOf(read: Read, { kind, id }: Subject): number {
  const sql: Sql<{ last: number | null }> =
    'SELECT max(id) AS last FROM events WHERE subject_kind = ? AND subject_id = ?'
  return read.get(sql, [kind, id])?.last ?? 0
}

/** When the newest event of all was recorded; null when there is none. */
export function newestEventAt(read: Read): Instant | null {
  const sql: Sql<{ at: Instant }> = 'SELECT at FROM events ORDER BY id DESC LIMIT 1'
  return read.get(sql)?.at ?? null
}

/** The doubt about the wall clock that nothing has settled; null when there is none. */
export function openDoubt(read: Read): number | null {
  const last = lastOfKinds(read, DESK, ['clock-doubted', 'clock-trusted'])
  return last?.kind === 'clock-doubted' ? last.id : null
}

/** The newest event of these kinds of a subject, or null. */
export function lastOfKinds<K extends EventKind>(
  read: Read,
  subject: Subject,
  kinds: readonly K[]
): DeskEvent<K> | null {
  return latestOfKinds(read, subject, kinds, 1)[0] ?? null
}

/** The newest events of these kinds of a subject, newest first. */
export function latestOfKinds<K extends EventKind>(
  read: Read,
  { kind, id }: Subject,
  kinds: readonly K[],
  limit: number
): DeskEvent<K>[] {
  const sql: Sql<Row> = `
    SELECT ${COLUMNS} FROM events WHERE subject_kind = ? AND subject_id = ?
      AND kind IN (SELECT value FROM json_each(?))
    ORDER BY id DESC LIMIT ?`
  return read.all(sql, [kind, id, JSON.stringify(kinds), limit]).map(eventOf) as DeskEvent<K>[]
}

/** The newest event; id 0 and 64 zeros when there is none. */
export function recordHead(read: Read): RecordHead {
  const sql: Sql<RecordHead> = 'SELECT id, hash FROM events ORDER BY id DESC LIMIT 1'
  return read.get(sql) ?? { id: 0, hash: GENESIS }
}

/**
 * Checks the whole chain in constant memory. `expected` is a head kept from an earlier time: the chain must contain it,
 * or somebody rewrote or cut it.
 */
export function verifyRecord(read: Read, expected: RecordHead | null = null): RecordVerdict {
  const all: Sql<Row> = `SELECT ${COLUMNS} FROM events ORDER BY id`
  let last: RecordHead = { id: 0, hash: GENESIS }
  for (const row of read.iterate(all)) {
    const isExpected = row.id !== expected?.id || row.hash === expected.hash
    if (!isExpected || !follows(row, last)) return brokenAfter(last)
    last = { id: row.id, hash: row.hash }
  }
  // SQLite remembers the highest id ever given, so events cut off at the end show as well.
  const sequence: Sql<{ seq: number }> = "SELECT seq FROM sqlite_sequence WHERE name = 'events'"
  const highest = Math.max(read.get(sequence)?.seq ?? 0, expected?.id ?? 0)
  return highest > last.id ? brokenAfter(last) : { ok: true, count: last.id, firstBad: null }
}

/** All events, oldest first, one at a time. */
export function* iterateEvents(read: Read): IterableIterator<DeskEvent> {
  const sql: Sql<Row> = `SELECT ${COLUMNS} FROM events ORDER BY id`
  for (const row of read.iterate(sql)) yield eventOf(row)
}

/** The events of one subject from `from` on, oldest first; only of these kinds when `kinds` is given. */
export function listEvents(
  read: Read,
  subject: Subject,
  options: { readonly from?: number; readonly kinds?: readonly DeskEvent['kind'][] } = {}
): DeskEvent[] {
  const sql: Sql<Row> = `
    SELECT ${COLUMNS} FROM events WHERE subject_kind = @kind AND subject_id = @id AND id >= @from
      AND (@kinds IS NULL OR kind IN (SELECT value FROM json_each(@kinds)))
    ORDER BY id`
  const kinds = options.kinds === undefined ? null : JSON.stringify(options.kinds)
  return read
    .all(sql, { kind: subject.kind, id: subject.id, from: options.from ?? 0, kinds })
    .map(eventOf)
}

/** What the record says of a case for good. A reporter with several numbers has the first one in it. */
export function caseHistory(read: Read, record: CaseRecord): CaseHistory {
  const events = listEvents(read, aboutCase(record.tag), { kinds: HISTORY_KINDS })
  return historyOf(
    events.map(({ kind, about }) => {
      if (!('reporter' in about)) return { kind, about }
      const reporter = reporterWith(record, about.reporter)?.id ?? about.reporter
      return { kind, about: { ...about, reporter } }
    })
  )
}

function eventOf(row: Row): DeskEvent {
  // Only appendEvent writes rows, and the chain shows whoever else did.
  return {
    id: row.id,
    at: row.at,
    kind: row.kind,
    subject: { kind: row.subjectKind, id: row.subjectId },
    actor: { kind: row.actorKind, id: row.actorId },
    about: JSON.parse(row.about) as unknown,
    evidence: {
      arrivalId: row.arrivalId,
      messageSha256: row.messageSha256,
      signatureSha256: row.signatureSha256
    }
  } as DeskEvent
}

function follows(row: Row, last: RecordHead): boolean {
  return row.id === last.id + 1 && row.previousHash === last.hash && row.hash === hashOf(row)
}

function brokenAfter(last: RecordHead): RecordVerdict {
  return { ok: false, count: last.id, firstBad: last.id + 1 }
}

/** SHA-256 over the JSON array of all other columns in table order: no two different rows have one encoding. */
function hashOf(row: Omit<Row, 'hash'>): Sha256 {
  const encoded = JSON.stringify([
    row.id,
    row.at,
    row.kind,
    row.subjectKind,
    row.subjectId,
    row.actorKind,
    row.actorId,
    row.about,
    row.arrivalId,
    row.messageSha256,
    row.signatureSha256,
    row.previousHash
  ])
  return createHash('sha256').update(encoded).digest('hex') as Sha256
}
