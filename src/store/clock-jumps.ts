/**
 * Jumps of the clock forward: what of each was not set back since, and which the maintainers are still to be told of. Must
 * never order anything by what a clock showed.
 */
import { type Read, type Sql, type Tx } from './sql.ts'

/** A jump by the number of its entry in the record, and what of it was not set back since. */
export type StoredJump = { readonly eventId: number; readonly leftMs: number }

export function insertClockJump(
  tx: Tx,
  jump: { readonly eventId: number; readonly ms: number; readonly isTold: boolean }
): void {
  tx.run(
    'INSERT INTO clock_jumps (event_id, ms, left_ms, told) VALUES (@eventId, @ms, @ms, @told)',
    { eventId: jump.eventId, ms: jump.ms, told: jump.isTold ? 1 : 0 }
  )
}

/** Jumps that are not undone, oldest first. */
export function listOpenJumps(read: Read): StoredJump[] {
  const sql: Sql<StoredJump> =
    'SELECT event_id AS eventId, left_ms AS leftMs FROM clock_jumps WHERE left_ms > 0 ORDER BY event_id'
  return read.all(sql)
}

/** The entry of the newest jump that is not undone; null when none is. */
export function lastOpenJump(read: Read): number | null {
  return sumOpenJumps(read)?.eventId ?? null
}

/** By how much the clock would have to be set back to undo all jumps, and the entry of the newest; null when none is open. */
export function sumOpenJumps(read: Read): StoredJump | null {
  const sql: Sql<{ eventId: number | null; leftMs: number | null }> =
    'SELECT max(event_id) AS eventId, sum(left_ms) AS leftMs FROM clock_jumps WHERE left_ms > 0'
  const { eventId = null, leftMs = null } = read.get(sql) ?? {}
  return eventId === null || leftMs === null ? null : { eventId, leftMs }
}

export function setLeftOfJump(tx: Tx, { eventId, leftMs }: StoredJump): void {
  tx.run('UPDATE clock_jumps SET left_ms = ? WHERE event_id = ?', [leftMs, eventId])
}

/** Jumps that the maintainers are to be told of: the entry of the newest and the length of the longest; null when none. */
export function findUntoldJumps(
  read: Read
): { readonly eventId: number; readonly longestMs: number } | null {
  const sql: Sql<{ eventId: number | null; longestMs: number | null }> =
    'SELECT max(event_id) AS eventId, max(ms) AS longestMs FROM clock_jumps WHERE told = 0'
  const { eventId = null, longestMs = null } = read.get(sql) ?? {}
  return eventId === null || longestMs === null ? null : { eventId, longestMs }
}

/** The jumps up to this entry are told. */
export function markJumpsTold(tx: Tx, eventId: number): void {
  tx.run('UPDATE clock_jumps SET told = 1 WHERE told = 0 AND event_id <= ?', [eventId])
}
