/**
 * What the desk remembers of people who are not maintainers: pinned reporter keys, used signatures,
 * ciphertexts and automatic answers.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type PinnedKey } from '../domain/case.ts'
import { type Sha256 } from '../domain/ids.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

type AnswerKind = 'acknowledgement' | 'refusal'

/** The key that answers to this address are sealed to, or null. */
export function findReporterKey(read: Read, address: Address): PinnedKey | null {
  const sql: Sql<PinnedKey> = `
    SELECT fingerprint, key_data AS keyData, source, first_seen_at AS firstSeenAt FROM reporter_keys WHERE address = ?`
  return read.get(sql, [addressKey(address)]) ?? null
}

/** Pins the key of an address in place of what was there; whether it may is decided in policy/reporter-key.ts. */
export function saveReporterKey(tx: Tx, address: Address, key: PinnedKey): void {
  const { fingerprint, keyData, source, firstSeenAt } = key
  tx.run(
    `INSERT INTO reporter_keys (address, fingerprint, key_data, source, first_seen_at)
     VALUES (@address, @fingerprint, @keyData, @source, @firstSeenAt)
     ON CONFLICT (address) DO UPDATE SET fingerprint = excluded.fingerprint, key_data = excluded.key_data,
       source = excluded.source, first_seen_at = excluded.first_seen_at`,
    { address: addressKey(address), fingerprint, keyData, source, firstSeenAt }
  )
}

/** Whether a signature had authority before. */
export function isSignatureUsed(read: Read, sha256: Sha256): boolean {
  const sql: Sql<{ one: number }> = 'SELECT 1 AS one FROM used_signatures WHERE sha256 = ?'
  return read.get(sql, [sha256]) !== undefined
}

/** Remembers a signature for good; a second time breaks the constraint and the whole commit. */
export function insertUsedSignature(
  tx: Tx,
  sha256: Sha256,
  createdAt: Instant,
  arrivalId: number
): void {
  tx.run('INSERT INTO used_signatures (sha256, created_at, arrival_id) VALUES (?, ?, ?)', [
    sha256,
    createdAt,
    arrivalId
  ])
}

/** Remembers from whom a ciphertext came first. */
export function insertCiphertexts(
  tx: Tx,
  marks: readonly Sha256[],
  sender: Address | null,
  arrivalId: number
): void {
  for (const mark of marks) {
    tx.run(
      'INSERT INTO ciphertexts (mark, address, arrival_id) VALUES (?, ?, ?) ON CONFLICT (mark) DO NOTHING',
      [mark, sender === null ? '' : addressKey(sender), arrivalId]
    )
  }
}

/** Whether any of these came first from another sender. */
export function isCiphertextReused(
  read: Read,
  marks: readonly Sha256[],
  sender: Address | null
): boolean {
  const sql: Sql<{ one: number }> = `
    SELECT 1 AS one FROM ciphertexts
    WHERE mark IN (SELECT value FROM json_each(?)) AND address <> ? LIMIT 1`
  return (
    read.get(sql, [JSON.stringify(marks), sender === null ? '' : addressKey(sender)]) !== undefined
  )
}

/** Counts an automatic answer. */
export function insertAnswer(tx: Tx, address: Address, kind: AnswerKind, at: Instant): void {
  tx.run('INSERT INTO automatic_answers (address, kind, at) VALUES (?, ?, ?)', [
    addressKey(address),
    kind,
    at
  ])
}

/** When the latest answer of a kind left to this address after `since`, or null. */
export function latestAnswerAt(
  read: Read,
  address: Address,
  kind: AnswerKind,
  since: Instant
): Instant | null {
  const sql: Sql<{ at: Instant | null }> = `
    SELECT max(at) AS at FROM automatic_answers WHERE kind = ? AND address = ? AND at > ?`
  return read.get(sql, [kind, addressKey(address), since])?.at ?? null
}

/** How many answers of a kind left to this address after `since`. */
export function countAnswers(
  read: Read,
  address: Address,
  kind: AnswerKind,
  since: Instant
): number {
  const sql: Sql<{ count: number }> = `
    SELECT count(*) AS count FROM automatic_answers WHERE kind = ? AND address = ? AND at > ?`
  return read.get(sql, [kind, addressKey(address), since])?.count ?? 0
}

/** When fewer than `perHour` answers of a kind fall into the hour before: null for now, else the instant. */
export function answersFreeAt(
  read: Read,
  kind: AnswerKind,
  perHour: number,
  now: Instant
): Instant | null {
  const sql: Sql<{ at: Instant }> = `
    SELECT at FROM automatic_answers WHERE kind = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?`
  const row = read.get(sql, [kind, addMs(now, -3_600_000), perHour - 1])
  return row === undefined ? null : addMs(row.at, 3_600_000)
}
