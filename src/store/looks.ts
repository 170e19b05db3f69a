/**
 * When the clocks of each subject are looked at again, and what they have told. Every event but `told` makes its subject due for a look
 * (store/events.ts). Must never count as told what no message tells.
 */
import { type Due, type Look, type Told } from '../domain/clock.ts'
import { DESK, type Subject } from '../domain/event.ts'
import { type MessageId } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { insert, type Read, type Tx, upsert } from './sql.ts'

/** Makes a subject due for a look. */
export function mark(tx: Tx, { kind, id }: Subject, at: Instant): void {
  upsert(tx, 'looks', { subjectKind: kind, subjectId: id }, { nextLookAt: at })
}

/** Makes every subject due for a look: other clocks, other keys, or a wall clock that was set. */
export function markAll(tx: Tx, now: Instant): void {
  mark(tx, DESK, now)
  tx.run('UPDATE looks SET next_look_at = ?', [now])
}

/** Subjects that are due for a look, longest due first. */
export function listDue(read: Read, now: Instant, limit: number): Subject[] {
  return read.all<Subject>(
    `SELECT subject_kind AS kind, subject_id AS id FROM looks
     WHERE next_look_at <= ? ORDER BY next_look_at LIMIT ?`,
    [now, limit]
  )
}

/** When the next subject is due for a look; null when none will be. */
export function nextAt(read: Read): Instant | null {
  const sql = 'SELECT min(next_look_at) FROM looks WHERE next_look_at IS NOT NULL'
  return read.value<Instant>(sql)
}

/** The promise that is due first; null when none is. */
export function findDue(read: Read, { kind, id }: Subject): Due | null {
  const sql = 'SELECT due_json FROM looks WHERE subject_kind = ? AND subject_id = ?'
  return read.get<Pick<Look, 'due'>>(sql, [kind, id])?.due ?? null
}

/** The first event of which a subject's clocks that count `each` start may still have something to tell. */
export function findEachFrom(read: Read, { kind, id }: Subject): number {
  const sql = 'SELECT each_from FROM looks WHERE subject_kind = ? AND subject_id = ?'
  return read.value<number>(sql, [kind, id]) ?? 0
}

/** Stores what a look found. */
export function write(tx: Tx, { kind, id }: Subject, look: Look): void {
  const { nextLookAt, due, eachFrom } = look
  const values = { nextLookAt, dueJson: due, eachFrom }
  upsert(tx, 'looks', { subjectKind: kind, subjectId: id }, values)
}

/** What the clocks of a subject have told, to whom. */
export function listRings(read: Read, { kind, id }: Subject): Told[] {
  return read.all<Told>(
    `SELECT clock, generation, step, recipient, "repeat", "key", at FROM rings
     WHERE subject_kind = ? AND subject_id = ?`,
    [kind, id]
  )
}

/** Remembers a telling, in the transaction that queues its message. `eachFrom` comes from the look at which it was told. */
export function saveRing(
  tx: Tx,
  { kind, id }: Subject,
  ring: Told & { readonly messageId: MessageId | null; readonly eachFrom: number }
): void {
  insert(
    tx,
    'rings',
    { subjectKind: kind, subjectId: id, ...ring },
    `ON CONFLICT (subject_kind, subject_id, clock, generation, step, recipient) DO UPDATE SET
       "repeat" = excluded."repeat", at = excluded.at, message_id = excluded.message_id`
  )
}

/** Forgets the digests that were told, but for those that these events had planned. */
export function keepDigests(tx: Tx, planned: readonly number[]): void {
  tx.run(
    `DELETE FROM rings WHERE subject_kind = 'desk' AND clock = 'digest'
       AND generation NOT IN (SELECT value FROM json_each(?))`,
    [planned]
  )
}

/** The message did not arrive: what it told is told again, at `lookAt` if nothing happens before. */
export function forgetRings(tx: Tx, messageId: MessageId, lookAt: Instant): void {
  tx.run(
    `UPDATE looks SET each_from = min(each_from, earliest), next_look_at = min(coalesce(next_look_at, @lookAt), @lookAt)
     FROM (SELECT subject_kind AS kind, subject_id AS id, min(each_from) AS earliest FROM rings
       WHERE message_id = @messageId GROUP BY subject_kind, subject_id) AS told
     WHERE subject_kind = told.kind AND subject_id = told.id`,
    { messageId, lookAt }
  )
  tx.run('DELETE FROM rings WHERE message_id = ?', [messageId])
}
