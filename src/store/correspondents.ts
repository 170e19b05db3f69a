/**
 * What the desk remembers about people who write to it: keys in use and offered, used signatures, ciphertexts, automatic
 * answers, and reports that wait for the sender's daily list. Must never reveal whose a signing key is (G5), only whether it is
 * somebody else's.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type KeyToPin, type WaitingKey } from '../domain/case.ts'
import { type AnswerKind, type DecisionOf } from '../domain/decision.ts'
import { type CaseTag, type Fingerprint, type Sha256 } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { insert, type Read, type Tx, upsert } from './sql.ts'

/** The key that encrypts answers to this address, or null. */
export function findReporterKey(
  read: Read,
  address: Address
): Omit<KeyToPin, 'signingKeys'> | null {
  return read.get<Omit<KeyToPin, 'signingKeys'>>(
    'SELECT fingerprint, key_data, source, first_seen_at, is_proved FROM reporter_keys WHERE address = ?',
    [addressKey(address)]
  )
}

/**
 * Pins the key of an address. Keeps a different earlier key among the offered keys, so that a change can be reverted.
 * policy/reporter-key.ts and policy/verbs/keys.ts decide whether it may change.
 */
export function saveReporterKey(tx: Tx, address: Address, key: KeyToPin): void {
  const { fingerprint, keyData, source, firstSeenAt, isProved } = key
  const owner = addressKey(address)
  tx.run(
    `INSERT INTO offered_keys (address, fingerprint, key_data, source, first_seen_at, was_in_use)
     SELECT address, fingerprint, key_data, source, first_seen_at, 1 FROM reporter_keys
     WHERE address = ? AND fingerprint <> ?
     ON CONFLICT (address, fingerprint) DO UPDATE SET key_data = excluded.key_data, was_in_use = 1`,
    [owner, fingerprint]
  )
  tx.run('DELETE FROM offered_keys WHERE address = ? AND fingerprint = ?', [owner, fingerprint])
  dropOldest(tx, address, true)
  const columns = { fingerprint, keyData, source, firstSeenAt, isProved }
  upsert(tx, 'reporter_keys', { address: owner }, columns)
  if (isProved) saveSigningKeys(tx, address, key.signingKeys)
}

/** So many keys wait under an address, and so many former ones are kept. */
const WAITING_MAX = 8

function dropOldest(tx: Tx, address: Address, wasInUse: boolean): void {
  tx.run(
    `DELETE FROM offered_keys WHERE address = @owner AND fingerprint IN (
       SELECT fingerprint FROM offered_keys
       WHERE address = @owner AND was_in_use = @wasInUse AND refused_at IS NULL
       ORDER BY first_seen_at DESC, fingerprint LIMIT -1 OFFSET @kept)`,
    { owner: addressKey(address), wasInUse, kept: WAITING_MAX }
  )
}

/** Keys offered for an address, newest first. */
export function listOfferedKeys(read: Read, address: Address): WaitingKey[] {
  return read.all<WaitingKey>(
    `SELECT fingerprint, key_data, source, first_seen_at, was_in_use, refused_at, refused_by
     FROM offered_keys WHERE address = ? ORDER BY first_seen_at DESC, fingerprint`,
    [addressKey(address)]
  )
}

/**
 * Keeps a key that was offered for an address, in place of an older copy of the same key; one that was refused stays so, and is
 * not in use any more. Of keys that were never used, the newest {@link WAITING_MAX} wait: a forger can offer keys without end.
 */
export function saveOfferedKey(tx: Tx, address: Address, key: Omit<WaitingKey, 'wasInUse'>): void {
  const { fingerprint, keyData, source, firstSeenAt, refusedAt, refusedBy } = key
  const offered = {
    fingerprint,
    keyData,
    source,
    firstSeenAt,
    wasInUse: false,
    refusedAt,
    refusedBy
  }
  insert(
    tx,
    'offered_keys',
    { address: addressKey(address), ...offered },
    `ON CONFLICT (address, fingerprint) DO UPDATE SET key_data = excluded.key_data,
       refused_at = ifnull(refused_at, excluded.refused_at), refused_by = ifnull(refused_by, excluded.refused_by)`
  )
  dropOldest(tx, address, false)
  if (refusedAt === null) return
  tx.run('DELETE FROM reporter_keys WHERE address = ? AND fingerprint = ?', [
    addressKey(address),
    fingerprint
  ])
}

/** Remembers for good that these keys sign for the person who writes from `address`. */
export function saveSigningKeys(tx: Tx, address: Address, keys: readonly Fingerprint[]): void {
  for (const fingerprint of keys) {
    const row = { fingerprint, address: addressKey(address) }
    insert(tx, 'signing_keys', row, 'ON CONFLICT DO NOTHING')
  }
}

/**
 * Whether a key is known for another address and not for this one. `issuer` is what a signature claims: a fingerprint or a
 * key id, lower-case hex. False for somebody who uses one key from two addresses.
 */
export function isKeyOfAnother(read: Read, issuer: string, address: Address): boolean {
  const sql = 'SELECT address FROM signing_keys WHERE fingerprint = @issuer OR key_id = @issuer'
  const owners = read.column<string>(sql, { issuer })
  return owners.length > 0 && !owners.includes(addressKey(address))
}

/** Whether a signature was already used with authority. */
export function isSignatureUsed(read: Read, sha256: Sha256): boolean {
  return read.value('SELECT 1 FROM used_signatures WHERE sha256 = ?', [sha256]) !== null
}

/** Remembers a signature for good; a second use breaks the constraint and the whole commit. */
export function insertUsedSignature(
  tx: Tx,
  sha256: Sha256,
  createdAt: Instant,
  arrivalId: number
): void {
  insert(tx, 'used_signatures', { sha256, createdAt, arrivalId })
}

/** Remembers who sent a ciphertext and, unless it was only seen, whose it is. */
export function saveCiphertext(
  tx: Tx,
  { mark, sender, standing }: Omit<DecisionOf<'remember-ciphertext'>, 'kind'>,
  arrivalId: number
): void {
  const owner = ownerKey(sender)
  if (standing === 'proved') {
    tx.run('UPDATE ciphertexts SET is_owner = 0 WHERE mark = ? AND address <> ? AND is_owner = 1', [
      mark,
      owner
    ])
  }
  tx.run(
    `INSERT INTO ciphertexts (mark, address, arrival_id, is_owner)
     VALUES (@mark, @owner, @arrivalId, @claims
       AND NOT EXISTS (SELECT 1 FROM ciphertexts WHERE mark = @mark AND is_owner = 1))
     ON CONFLICT (mark, address) DO UPDATE SET arrival_id = excluded.arrival_id, is_owner = 1
       WHERE excluded.is_owner = 1`,
    { mark, owner, arrivalId, claims: standing !== 'seen' }
  )
}

function ownerKey(sender: Address | null): string {
  return sender === null ? '' : addressKey(sender)
}

/** The strongest standing of a ciphertext with other senders. */
export function ciphertextOfOthers(
  read: Read,
  mark: Sha256 | null,
  sender: Address | null
): 'unseen' | 'seen' | 'claimed' {
  const standing = read.value<'unseen' | 'seen' | 'claimed'>(
    `SELECT CASE max(is_owner) WHEN 1 THEN 'claimed' WHEN 0 THEN 'seen' END FROM ciphertexts
     WHERE mark = ? AND address <> ?`,
    [mark, ownerKey(sender)]
  )
  return standing ?? 'unseen'
}

/** The cases that already hold messages of this sender with this ciphertext, if it is this sender's. */
export function casesOfCiphertext(
  read: Read,
  mark: Sha256 | null,
  sender: Address | null
): CaseTag[] {
  return read.column<CaseTag>(
    `SELECT DISTINCT cases.tag FROM ciphertexts
     JOIN arrivals ON arrivals.id = ciphertexts.arrival_id JOIN cases ON cases.id = arrivals.case_id
     WHERE ciphertexts.mark = ? AND ciphertexts.address = ?
       AND ciphertexts.is_owner = 1`,
    [mark, ownerKey(sender)]
  )
}

/** Counts an automatic answer. */
export function insertAnswer(tx: Tx, address: Address, kind: AnswerKind, at: Instant): void {
  insert(tx, 'automatic_answers', { address: addressKey(address), kind, at })
}

/** From after `since` to `until`. */
export type Span = { readonly since: Instant; readonly until: Instant }

/** How many answers of a kind were sent to this address after `since`. */
export function countAnswers(
  read: Read,
  address: Address,
  kind: AnswerKind,
  { since, until }: Span
): number {
  const count = read.value<number>(
    'SELECT count(*) FROM automatic_answers WHERE kind = ? AND address = ? AND at > ? AND at <= ?',
    [kind, addressKey(address), since, until]
  )
  return count ?? 0
}

/** How many answers of a kind were or will be sent in each hour since then: all of them, and those to one domain. */
export function countAnswersByHour(
  read: Read,
  kind: AnswerKind,
  since: Instant,
  domain: string
): ReadonlyMap<string, { readonly desk: number; readonly domain: number }> {
  const rows = read.all<{ hour: string; desk: number; domain: number }>(
    `SELECT substr(at, 1, 13) AS hour, count(*) AS desk,
       sum(substr(address, instr(address, '@') + 1) = @domain) AS domain
     FROM automatic_answers WHERE kind = @kind AND at > @since GROUP BY hour`,
    { kind, since, domain }
  )
  return new Map(rows.map(({ hour, ...counts }) => [hour, counts]))
}

/** A report that no acknowledgement of its own answers: the sender's next daily list names it. */
export function insertFurtherReport(
  tx: Tx,
  caseId: number,
  { address, from: listFrom }: { readonly address: Address; readonly from: Instant }
): void {
  insert(tx, 'further_reports', { caseId, address, addressKey: addressKey(address), listFrom })
}

/** What the next daily list of one sender names, oldest first; null when none is due. Nobody gets two after `since`. */
export function dueFurtherReports(
  read: Read,
  { since, until }: Span,
  limit: number
): { readonly address: Address; readonly tags: readonly CaseTag[] } | null {
  const address = read.value<Address>(
    `SELECT address FROM further_reports WHERE list_from <= @until AND NOT EXISTS (
       SELECT 1 FROM automatic_answers AS sent WHERE sent.kind = 'further-reports'
         AND sent.address = address_key AND sent.at > @since AND sent.at <= @until)
     ORDER BY case_id LIMIT 1`,
    { since, until }
  )
  if (address === null) return null
  const tags = read.column<CaseTag>(
    `SELECT tag FROM further_reports JOIN cases ON cases.id = case_id
     WHERE address_key = ? AND list_from <= ? ORDER BY case_id LIMIT ?`,
    [addressKey(address), until, limit]
  )
  return { address, tags }
}

/** Tries the list of one sender again at `at`. */
export function putOffFurtherReports(tx: Tx, address: Address, at: Instant): void {
  tx.run('UPDATE further_reports SET list_from = ? WHERE address_key = ?', [
    at,
    addressKey(address)
  ])
}

/** Forgets what a daily list has named. */
export function deleteFurtherReports(tx: Tx, tags: readonly CaseTag[]): void {
  tx.run(
    `DELETE FROM further_reports
     WHERE case_id IN (SELECT id FROM cases WHERE tag IN (SELECT value FROM json_each(?)))`,
    [tags]
  )
}
