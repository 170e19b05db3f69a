/**
 * The record (G8): typed events, appended and chained by SHA-256, so a changed, removed or inserted one shows. Must never
 * hold content, subjects or addresses: it outlives a purge.
 */
import { createHash } from 'node:crypto'
import { type CaseRecord, underOneNumber } from '../domain/case.ts'
import * as domain from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import * as looks from './looks.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** One event as stored; `about` is the JSON text that was hashed. */
type Row = Pick<domain.DeskEvent, 'id' | 'at' | 'kind'> &
  Readonly<Record<'subjectKind' | 'subjectId' | 'actorKind' | 'actorId' | 'about', string>> &
  domain.Evidence &
  Readonly<Record<'previousHash' | 'hash', Sha256>>

type Head = Pick<Row, 'id' | 'hash'>

const GENESIS = '0'.repeat(64) as Sha256

/** Appends one event, and makes its subject due for a look if clocks go by it. */
export function append(
  tx: Tx,
  event: domain.NewEvent,
  work: { readonly at: Instant; readonly evidence: domain.Evidence }
): void {
  const head = newest(tx)
  const { arrivalId, messageSha256, signatureSha256 } = work.evidence
  // In the order of the table, as hashOf has it.
  const row = {
    id: head.id + 1,
    at: work.at,
    kind: event.kind,
    subjectKind: event.subject.kind,
    subjectId: event.subject.id,
    actorKind: event.actor.kind,
    actorId: event.actor.id,
    about: JSON.stringify(event.about),
    ...{ arrivalId, messageSha256, signatureSha256 },
    previousHash: head.hash
  }
  insert(tx, 'events', { ...row, hash: hashOf(row) })
  if (domain.CLOCK_KINDS.includes(event.kind)) looks.mark(tx, event.subject, work.at)
}

/** The newest event of a subject that clocks go by; 0 when there is none. */
export function lastOf(read: Read, { kind, id }: domain.Subject): number {
  const sql =
    "SELECT id FROM events WHERE subject_kind = ? AND subject_id = ? AND kind <> 'told' ORDER BY id DESC LIMIT 1"
  return read.value<number>(sql, [kind, id]) ?? 0
}

/** When the newest event of all was recorded; null when there is none. */
export function newestAt(read: Read): Instant | null {
  return read.value<Instant>('SELECT at FROM events ORDER BY id DESC LIMIT 1')
}

/** The doubt about the wall clock that nothing has settled; null when there is none. */
export function openDoubt(read: Read): number | null {
  const last = lastOfKinds(read, domain.DESK, ['clock-doubted', 'clock-trusted'])
  return last?.kind === 'clock-doubted' ? last.id : null
}

/** The newest event of these kinds of a subject, or null. */
export function lastOfKinds<K extends domain.EventKind>(
  read: Read,
  subject: domain.Subject,
  kinds: readonly K[]
): domain.DeskEvent<K> | null {
  return latestOfKinds(read, subject, kinds, 1)[0] ?? null
}

const OF_KINDS = 'AND kind IN (SELECT value FROM json_each(@kinds))'

/** The newest events of these kinds of a subject, newest first. */
export function latestOfKinds<K extends domain.EventKind>(
  read: Read,
  { kind, id }: domain.Subject,
  kinds: readonly K[],
  limit: number
): domain.DeskEvent<K>[] {
  const rows = read.all<Row>(
    `SELECT * FROM events WHERE subject_kind = @kind AND subject_id = @id ${OF_KINDS} ORDER BY id DESC LIMIT @limit`,
    { kind, id, kinds, limit }
  )
  return rows.map(eventOf) as domain.DeskEvent<K>[]
}

function newest(read: Read): Head {
  const sql = 'SELECT id, hash FROM events ORDER BY id DESC LIMIT 1'
  return read.get<Head>(sql) ?? { id: 0, hash: GENESIS }
}

/** Checks the whole chain in constant memory; `firstBad` is the first event that is changed, missing or inserted, null for none. */
export function verify(read: Read) {
  let last: Head = { id: 0, hash: GENESIS }
  for (const row of allRows(read)) {
    const follows = row.id === last.id + 1 && row.previousHash === last.hash
    if (!follows || row.hash !== hashOf(row)) break
    last = { id: row.id, hash: row.hash }
  }
  // SQLite remembers the highest id ever given, so events cut off at the end show as well.
  const given = read.value<number>("SELECT seq FROM sqlite_sequence WHERE name = 'events'") ?? 0
  const ok = given <= last.id
  return { ok, count: last.id, firstBad: ok ? null : last.id + 1 }
}

/** All events, oldest first, one at a time. */
export function* iterate(read: Read): IterableIterator<domain.DeskEvent> {
  for (const row of allRows(read)) yield eventOf(row)
}

const PAGE = 1000

function* allRows(read: Read): IterableIterator<Row> {
  for (let last = -Infinity, more = true; more; ) {
    const rows = read.all<Row>('SELECT * FROM events WHERE id > ? ORDER BY id LIMIT ?', [
      last,
      PAGE
    ])
    yield* rows
    last = rows.at(-1)?.id ?? last
    more = rows.length === PAGE
  }
}

/** The events of one subject from `from` on, oldest first: those that decisions go by, unless other kinds are named. */
export function list(
  read: Read,
  subject: domain.Subject,
  options: { readonly from?: number; readonly kinds?: readonly domain.EventKind[] } = {}
): domain.DeskEvent[] {
  const { from = 0, kinds = domain.CASE_KINDS } = options
  const rows = read.all<Row>(
    `SELECT * FROM events WHERE subject_kind = @kind AND subject_id = @id AND id >= @from
       ${OF_KINDS} ORDER BY id`,
    { ...subject, from, kinds }
  )
  return rows.map(eventOf)
}

/** What decisions about a case go by. A reporter with several numbers has the first one in it. */
export function ofCase(read: Read, record: CaseRecord): domain.DeskEvent[] {
  return list(read, domain.aboutCase(record.tag)).map((one) => underOneNumber(record, one))
}

function eventOf(row: Row): domain.DeskEvent {
  const { id, at, kind, arrivalId, messageSha256, signatureSha256 } = row
  // Only append writes rows; the chain shows where somebody else did.
  return {
    ...{ id, at, kind },
    subject: { kind: row.subjectKind, id: row.subjectId },
    actor: { kind: row.actorKind, id: row.actorId },
    about: JSON.parse(row.about) as unknown,
    evidence: { arrivalId, messageSha256, signatureSha256 }
  } as domain.DeskEvent
}

/** SHA-256 over the JSON array of all other columns in table order: no two different rows have one encoding. */
function hashOf({ hash: _, ...columns }: Omit<Row, 'hash'> & { readonly hash?: Sha256 }): Sha256 {
  const encoded = JSON.stringify(Object.values(columns))
  return createHash('sha256').update(encoded).digest('hex') as Sha256
}
