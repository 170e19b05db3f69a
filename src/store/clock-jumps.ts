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
  const sql: Sql<{ id: number | null }> =
    'SELECT max(audit_id) AS id FROM clock_jumps WHERE left_ms > 0'
  return read.get(sql)?.id ?? null
}

export function setLeftOfJump(tx: Tx, { auditId, leftMs }: StoredJump): void {
  tx.run('UPDATE clock_jumps SET left_ms = ? WHERE audit_id = ?', [leftMs, auditId])
}

/** Jumps that the maintainers are to be told of: how many milliseconds in all, and up to which entry; null when none. */
export function findUntoldJumps(
  read: Read
): { readonly ms: number; readonly auditId: number } | null {
  const sql: Sql<{ ms: number | null; auditId: number | null }> =
    'SELECT sum(ms) AS ms, max(audit_id) AS auditId FROM clock_jumps WHERE told = 0'
  const { ms = null, auditId = null } = read.get(sql) ?? {}
  return ms === null || auditId === null ? null : { ms, auditId }
}

/** The jumps up to this entry are told. */
export function markJumpsTold(tx: Tx, auditId: number): void {
  tx.run('UPDATE clock_jumps SET told = 1 WHERE told = 0 AND audit_id <= ?', [auditId])
}
