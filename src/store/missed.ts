/**
 * Mails that a maintainer missed because of a key: one row each until it is told. Must never hold content: the mail itself
 * was not kept.
 */
import { type Address } from '../domain/address.ts'
import { type MissedMails } from '../domain/decision.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type MessageKind } from '../domain/message.ts'
import { type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

/** What one maintainer missed of one case. */
export type StoredMissed = MissedMails & { readonly caseId: number | null }

/** Whom a mail could not be sealed to, as the configuration had it then. The address in lower case. */
export type MissedBy = {
  readonly maintainerId: string
  readonly address: string
  readonly fingerprint: Fingerprint
}

/** Remembers one mail. `already` when a mail of the same cause is remembered. */
export function insertMissed(
  tx: Tx,
  mail: {
    readonly maintainerId: string
    readonly address: Address
    readonly fingerprint: Fingerprint
    readonly caseId: number | null
    readonly once: string
    readonly kind: MessageKind
    readonly at: Instant
  }
): 'new' | 'already' {
  const { changes } = tx.run(
    `INSERT INTO missed_mails (maintainer_id, address, fingerprint, case_id, once, kind, at)
    VALUES (@maintainerId, @address, @fingerprint, @caseId, @once, @kind, @at)
    ON CONFLICT (maintainer_id, once) DO NOTHING`,
    { ...mail, address: mail.address.toLowerCase() }
  )
  return changes === 0 ? 'already' : 'new'
}

/** Everybody who missed something. */
export function listMissedBy(read: Read): MissedBy[] {
  const sql: Sql<MissedBy> =
    'SELECT DISTINCT maintainer_id AS maintainerId, address, fingerprint FROM missed_mails'
  return read.all(sql)
}

/** Forgets what somebody missed who is told nothing any more. */
export function forgetMissedBy(tx: Tx, { maintainerId, address, fingerprint }: MissedBy): void {
  tx.run('DELETE FROM missed_mails WHERE maintainer_id = ? AND address = ? AND fingerprint = ?', [
    maintainerId,
    address,
    fingerprint
  ])
}

/**
 * Cases of which a maintainer missed something, null for what was about none: those after the case `after` first, then from
 * the beginning.
 */
export function listMissedCases(
  read: Read,
  maintainerId: string,
  { after, limit }: { readonly after: number; readonly limit: number }
): (number | null)[] {
  const sql: Sql<{ caseId: number | null }> = `SELECT DISTINCT case_id AS caseId
    FROM missed_mails WHERE maintainer_id = ?
    ORDER BY ifnull(case_id, 0) <= ?, case_id LIMIT ?`
  return read.all(sql, [maintainerId, after, limit]).map(({ caseId }) => caseId)
}

/** What a maintainer missed of one case, or of none; null when there is nothing. */
export function findMissed(
  read: Read,
  maintainerId: string,
  caseId: number | null
): StoredMissed | null {
  const sql: Sql<{
    kind: MessageKind
    count: number
    from: Instant
    to: Instant
    lastId: number
  }> = `SELECT kind, count(*) AS count, min(at) AS "from", max(at) AS "to", max(id) AS lastId
    FROM missed_mails WHERE maintainer_id = ? AND case_id IS ?
    GROUP BY kind ORDER BY kind`
  const rows = read.all(sql, [maintainerId, caseId])
  const [first] = rows
  if (first === undefined) return null
  return {
    caseId,
    from: rows.reduce((least, { from }) => (from < least ? from : least), first.from),
    to: rows.reduce((most, { to }) => (to > most ? to : most), first.to),
    lastId: Math.max(...rows.map(({ lastId }) => lastId)),
    kinds: rows.map(({ kind, count }) => ({ kind, count }))
  }
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
