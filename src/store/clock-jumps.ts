/**
 * Jumps of the clock forward: what of each was not set back since, and which the maintainers are still to be told of. Must
 * never order anything by what a clock showed.
 */
import { type Read, type Sql, type Tx } from './sql.ts'

/** A jump by the number of its entry in the record, and what of it was not set back since. */
export type StoredJump = { readonly auditId: number; readonly leftMs: number }

export function insertClockJump(
  tx: Tx,
  jump: { readonly auditId: number; readonly ms: number; readonly isTold: boolean }
): void {
  tx.run(
    'INSERT INTO clock_jumps (audit_id, ms, left_ms, told) VALUES (@auditId, @ms, @ms, @told)',
    { auditId: jump.auditId, ms: jump.ms, told: jump.isTold ? 1 : 0 }
  )
}

/** Jumps that are not undone, oldest first. */
export function listOpenJumps(read: Read): StoredJump[] {
  const sql: Sql<StoredJump> =
    'SELECT audit_id AS auditId, left_ms AS leftMs FROM clock_jumps WHERE left_ms > 0 ORDER BY audit_id'
  return read.all(sql)
}

/** The entry of the newest jump that is not undone; null when none is. */
export function lastOpenJump(read: Read): number | null {
  return sumOpenJumps(read)?.auditId ?? null
}

/** By how much the clock would have to be set back to undo all jumps, and the entry of the newest; null when none is open. */
export function sumOpenJumps(read: Read): StoredJump | null {
  const sql: Sql<{ auditId: number | null; leftMs: number | null }> =
    'SELECT max(audit_id) AS auditId, sum(left_ms) AS leftMs FROM clock_jumps WHERE left_ms > 0'
  const { auditId = null, leftMs = null } = read.get(sql) ?? {}
  return auditId === null || leftMs === null ? null : { auditId, leftMs }
}

export function setLeftOfJump(tx: Tx, { auditId, leftMs }: StoredJump): void {
  tx.run('UPDATE clock_jumps SET left_ms = ? WHERE audit_id = ?', [leftMs, auditId])
}

/** Jumps that the maintainers are to be told of: the entry of the newest and the length of the longest; null when none. */
export function findUntoldJumps(
  read: Read
): { readonly auditId: number; readonly longestMs: number } | null {
  const sql: Sql<{ auditId: number | null; longestMs: number | null }> =
    'SELECT max(audit_id) AS auditId, max(ms) AS longestMs FROM clock_jumps WHERE told = 0'
  const { auditId = null, longestMs = null } = read.get(sql) ?? {}
  return auditId === null || longestMs === null ? null : { auditId, longestMs }
}

/** The jumps up to this entry are told. */
export function markJumpsTold(tx: Tx, auditId: number): void {
  tx.run('UPDATE clock_jumps SET told = 1 WHERE told = 0 AND audit_id <= ?', [auditId])
}
