/**
 * Mails that a maintainer missed because of a key: one row each until it is told. Must never hold content: the mail itself
 * was not kept.
 */
import { type MailKind, type MissedMails } from '../domain/decision.ts'
import { type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

/** What one maintainer missed of one case, and which rows say so. */
export type StoredMissed = MissedMails & { readonly caseId: number | null; readonly lastId: number }

export function insertMissed(
  tx: Tx,
  mail: {
    readonly maintainerId: string
    readonly caseId: number | null
    readonly kind: MailKind
    readonly at: Instant
  }
): void {
  tx.run(
    'INSERT INTO missed_mails (maintainer_id, case_id, kind, at) VALUES (@maintainerId, @caseId, @kind, @at)',
    mail
  )
}

/** Ids of the maintainers who missed something. */
export function listMissing(read: Read): string[] {
  const sql: Sql<{ id: string }> =
    'SELECT DISTINCT maintainer_id AS id FROM missed_mails ORDER BY maintainer_id'
  return read.all(sql).map(({ id }) => id)
}

/** What a maintainer missed, case by case; what was about no case comes first. */
export function listMissed(read: Read, maintainerId: string): StoredMissed[] {
  const sql: Sql<{
    caseId: number | null
    kind: MailKind
    count: number
    from: Instant
    to: Instant
    lastId: number
  }> =
    `SELECT case_id AS caseId, kind, count(*) AS count, min(at) AS "from", max(at) AS "to", max(id) AS lastId
    FROM missed_mails WHERE maintainer_id = ?
    GROUP BY case_id, kind ORDER BY case_id, kind`
  const found = new Map<number | null, StoredMissed>()
  for (const { kind, count, ...row } of read.all(sql, [maintainerId])) {
    const before = found.get(row.caseId) ?? { ...row, kinds: [] }
    found.set(row.caseId, {
      ...row,
      from: before.from < row.from ? before.from : row.from,
      to: before.to > row.to ? before.to : row.to,
      lastId: Math.max(before.lastId, row.lastId),
      kinds: [...before.kinds, { kind, count }]
    })
  }
  return [...found.values()]
}

/** Forgets what was told; what was missed meanwhile stays. */
export function clearMissed(
  tx: Tx,
  maintainerId: string,
  { caseId, lastId }: Pick<StoredMissed, 'caseId' | 'lastId'>
): void {
  tx.run('DELETE FROM missed_mails WHERE maintainer_id = ? AND case_id IS ? AND id <= ?', [
    maintainerId,
    caseId,
    lastId
  ])
}
