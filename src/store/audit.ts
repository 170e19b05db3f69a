/**
 * The permanent record (G8): who did what when, on which signed mail. Rows are appended and chained by SHA-256, so a
 * changed, removed or inserted row shows. Must never hold mail content, subjects or members' addresses: it outlives a purge.
 */
import { createHash } from 'node:crypto'
import { type CaseTag, type Sha256 } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

/** One entry to record. */
export type AuditEntry = {
  readonly at: Instant
  /** Maintainer id, `desk` or `operator`. */
  readonly actor: string
  readonly action: string
  readonly caseTag: CaseTag | null
  /** Codes, ids and counts; never content. */
  readonly detail: Readonly<Record<string, string | number | boolean | null>>
  /** SHA-256 of the signed mail that made it happen. */
  readonly mailSha256: Sha256 | null
}

/** One entry as stored; `detail` is the JSON text that was hashed. */
export type AuditRow = Omit<AuditEntry, 'detail'> & {
  readonly id: number
  readonly detail: string
  readonly previousHash: Sha256
  readonly hash: Sha256
}

/** The newest entry. Kept elsewhere (printed, mailed), it proves later that nothing before it was changed. */
export type AuditHead = { readonly id: number; readonly hash: Sha256 }

/** `firstBad` is the id of the first entry that is changed, missing or inserted; null when `ok`. */
export type AuditVerdict = {
  readonly ok: boolean
  readonly count: number
  readonly firstBad: number | null
}

const GENESIS = '0'.repeat(64) as Sha256
const COLUMNS = `id, at, actor, action, case_tag AS caseTag, detail, mail_sha256 AS mailSha256,
  previous_hash AS previousHash, hash`

/** Appends one entry and returns the new head. */
export function appendAudit(tx: Tx, entry: AuditEntry): AuditHead {
  const head = auditHead(tx)
  const row = {
    id: head.id + 1,
    at: entry.at,
    actor: entry.actor,
    action: entry.action,
    caseTag: entry.caseTag,
    detail: JSON.stringify(entry.detail),
    mailSha256: entry.mailSha256,
    previousHash: head.hash
  }
  const hash = hashOf(row)
  tx.run(
    `INSERT INTO audit (id, at, actor, action, case_tag, detail, mail_sha256, previous_hash, hash)
     VALUES (@id, @at, @actor, @action, @caseTag, @detail, @mailSha256, @previousHash, @hash)`,
    { ...row, hash }
  )
  return { id: row.id, hash }
}

/** The newest entry; id 0 and 64 zeros when there is none. */
export function auditHead(read: Read): AuditHead {
  const sql: Sql<AuditHead> = 'SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1'
  return read.get(sql) ?? { id: 0, hash: GENESIS }
}

/**
 * Checks the whole chain in constant memory. `expected` is a head kept from an earlier time: the chain must contain it,
 * or somebody rewrote or cut it.
 */
export function verifyAudit(read: Read, expected: AuditHead | null = null): AuditVerdict {
  let last: AuditHead = { id: 0, hash: GENESIS }
  for (const row of iterateAudit(read)) {
    const isExpected = row.id !== expected?.id || row.hash === expected.hash
    if (!isExpected || !follows(row, last)) return brokenAfter(last)
    last = { id: row.id, hash: row.hash }
  }
  // SQLite remembers the highest id ever given, so entries cut off at the end show as well.
  const sequence: Sql<{ seq: number }> = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'"
  const highest = Math.max(read.get(sequence)?.seq ?? 0, expected?.id ?? 0)
  return highest > last.id ? brokenAfter(last) : { ok: true, count: last.id, firstBad: null }
}

/** All entries, oldest first, one at a time; of one case when `caseTag` is given. */
export function iterateAudit(
  read: Read,
  caseTag: CaseTag | null = null
): IterableIterator<AuditRow> {
  const all: Sql<AuditRow> = `SELECT ${COLUMNS} FROM audit ORDER BY id`
  const ofCase: Sql<AuditRow> = `SELECT ${COLUMNS} FROM audit WHERE case_tag = ? ORDER BY id`
  return caseTag === null ? read.iterate(all) : read.iterate(ofCase, [caseTag])
}

function follows(row: AuditRow, last: AuditHead): boolean {
  return row.id === last.id + 1 && row.previousHash === last.hash && row.hash === hashOf(row)
}

function brokenAfter(last: AuditHead): AuditVerdict {
  return { ok: false, count: last.id, firstBad: last.id + 1 }
}

/** SHA-256 over the JSON array of all other columns in table order: no two different rows have one encoding. */
function hashOf(row: Omit<AuditRow, 'hash'>): Sha256 {
  const encoded = JSON.stringify([
    row.id,
    row.at,
    row.actor,
    row.action,
    row.caseTag,
    row.detail,
    row.mailSha256,
    row.previousHash
  ])
  return createHash('sha256').update(encoded).digest('hex') as Sha256
}
