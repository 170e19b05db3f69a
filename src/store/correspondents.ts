/**
 * The desk's memory of people who write to it: keys in use and offered, used signatures, ciphertexts, and reports that wait for
 * the sender's daily list. Must never reveal whose a signing key is (G5), only whether it is somebody else's.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type KeyToPin, type PinnedKey, type WaitingKey } from '../domain/case.ts'
import { type DecisionOf } from '../domain/decision.ts'
import { type CaseTag, type Fingerprint, type Sha256 } from '../domain/ids.ts'
import { type EarlierContent } from '../domain/mail.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { insert, type Read, type Tx, upsert } from './sql.ts'

/** The key that encrypts answers to this address, or null. */
export function findReporterKey(read: Read, address: Address) {
  return read.get<Omit<KeyToPin, 'signingKeys'>>(
    `SELECT fingerprint, key_data, source, first_seen_at, is_proved FROM reporter_keys
     WHERE address = ? AND is_used = 1`,
    [addressKey(address)]
  )
}

/** How many offered keys wait under an address at most, and how many former ones are kept. */
const WAITING_MAX = 8

/**
 * Uses this key for an address from now on. The one before is kept, so that a change can be reverted.
 * policy/reporter-key.ts and policy/verbs/keys.ts decide whether it may change.
 */
export function saveReporterKey(tx: Tx, address: Address, key: KeyToPin): void {
  const { fingerprint, keyData, source, firstSeenAt, isProved } = key
  const owner = addressKey(address)
  const used = { isUsed: true, wasInUse: true, refusedAt: null, refusedBy: null }
  tx.run('UPDATE reporter_keys SET is_used = 0 WHERE address = ?', [owner])
  const values = { keyData, source, firstSeenAt, isProved, ...used }
  upsert(tx, 'reporter_keys', { address: owner, fingerprint }, values)
  dropOldest(tx, owner, true)
  if (isProved) saveSigningKeys(tx, address, key.signingKeys)
}

function dropOldest(tx: Tx, owner: string, wasInUse: boolean): void {
  tx.run(
    `DELETE FROM reporter_keys WHERE address = @owner AND fingerprint IN (
       SELECT fingerprint FROM reporter_keys
       WHERE address = @owner AND was_in_use = @wasInUse AND is_used = 0 AND refused_at IS NULL
       ORDER BY first_seen_at DESC, fingerprint LIMIT -1 OFFSET @kept)`,
    { owner, wasInUse, kept: WAITING_MAX }
  )
}

/** Keys of an address that are not in use, newest first. */
export function listOfferedKeys(read: Read, address: Address): WaitingKey[] {
  return read.all<WaitingKey>(
    `SELECT fingerprint, key_data, source, first_seen_at, was_in_use, refused_at, refused_by
     FROM reporter_keys WHERE address = ? AND is_used = 0 ORDER BY first_seen_at DESC, fingerprint`,
    [addressKey(address)]
  )
}

/**
 * Keeps a key that was offered for an address, in place of an older copy of the same key; one that was refused stays so, and is
 * not in use any more. Only the newest {@link WAITING_MAX} keys that were never used wait: a forger can offer keys without end.
 */
export function saveOfferedKey(
  tx: Tx,
  address: Address,
  { fingerprint, keyData, source, firstSeenAt }: PinnedKey,
  refused: Pick<WaitingKey, 'refusedAt' | 'refusedBy'>
): void {
  const owner = addressKey(address)
  const row = { address: owner, fingerprint, keyData, source, firstSeenAt, ...refused }
  insert(
    tx,
    'reporter_keys',
    row,
    `ON CONFLICT (address, fingerprint) DO UPDATE SET key_data = excluded.key_data, is_used = 0,
       refused_at = ifnull(refused_at, excluded.refused_at), refused_by = ifnull(refused_by, excluded.refused_by)
     WHERE is_used = 0 OR excluded.refused_at IS NOT NULL`
  )
  dropOldest(tx, owner, false)
}

/** Remembers for good that these keys sign for the person who writes from `address`. */
export function saveSigningKeys(tx: Tx, address: Address, keys: readonly Fingerprint[]): void {
  for (const fingerprint of keys) {
    const row = { fingerprint, address: addressKey(address) }
    insert(tx, 'signing_keys', row, 'ON CONFLICT DO NOTHING')
  }
}

/**
 * The certificates of people who may have made a signature that claims this issuer: a fingerprint or a key id, lower-case hex.
 * They only verify: whose key it is must not be told (G5).
 */
export function keysNamed(read: Read, issuer: string): Uint8Array[] {
  return read.column<Uint8Array>(
    `WITH owners AS (SELECT address FROM signing_keys WHERE fingerprint = @issuer OR key_id = @issuer)
     SELECT key_data FROM reporter_keys WHERE address IN owners AND refused_at IS NULL
     UNION SELECT key_data FROM members WHERE address_key IN owners LIMIT @most`,
    { issuer, most: NAMED_KEYS_MAX }
  )
}

const NAMED_KEYS_MAX = 20

/** Whether a signature was already used with authority. */
export function isSignatureUsed(read: Read, sha256: Sha256): boolean {
  return read.value('SELECT 1 FROM used_signatures WHERE sha256 = ?', [sha256]) !== null
}

/** Remembers a signature for good; a second use breaks the constraint and the whole commit. */
export function insertUsedSignature(tx: Tx, sha256: Sha256, arrivalId: number): void {
  insert(tx, 'used_signatures', { sha256, arrivalId })
}

/** Remembers who sent a content first. */
export function saveContent(
  tx: Tx,
  { marks, sender }: Omit<DecisionOf<'remember-content'>, 'kind'>,
  arrivalId: number
): void {
  for (const mark of marks)
    insert(
      tx,
      'contents',
      { mark, address: senderKey(sender), arrivalId },
      'ON CONFLICT DO NOTHING'
    )
}

function senderKey(sender: Address | null): string {
  return sender === null ? '' : addressKey(sender)
}

/** The messages in which content with one of these marks came before, oldest first, and their cases. */
export function listEarlier(
  read: Read,
  marks: readonly Sha256[],
  { sender, arrivalId }: { readonly sender: Address | null; readonly arrivalId: number }
): EarlierContent[] {
  return read.all<EarlierContent>(
    `SELECT mark, address = @sender AS is_same_sender, tag FROM contents
       LEFT JOIN messages USING (arrival_id) LEFT JOIN cases ON cases.id = messages.case_id
     WHERE mark IN (SELECT value FROM json_each(@marks))
       -- What it was before it was put on hold and handled again, however often, is no other message.
       AND contents.arrival_id NOT IN (WITH RECURSIVE before (id) AS (VALUES (@arrivalId)
           UNION SELECT arrivals.id FROM arrivals JOIN before ON duplicate_of = before.id) SELECT id FROM before)
     ORDER BY contents.arrival_id`,
    { marks, sender: senderKey(sender), arrivalId }
  )
}

/** Whether an acknowledgement of the report that opened this case was made, or a daily list names it. */
export function isAcknowledged(read: Read, tag: CaseTag): boolean {
  const sql = `SELECT EXISTS (SELECT 1 FROM outbox WHERE once = @once)
    OR EXISTS (SELECT 1 FROM further_reports JOIN cases ON cases.id = case_id WHERE tag = @tag)`
  return read.value(sql, { tag, once: `acknowledgement:${tag}:${tag}` }) === 1
}

/** A report that no acknowledgement of its own answers: the sender's next daily list names it. */
export function insertFurtherReport(
  tx: Tx,
  caseId: number,
  { address, from: listFrom }: { readonly address: Address; readonly from: Instant }
): void {
  insert(tx, 'further_reports', { caseId, address, addressKey: addressKey(address), listFrom })
}

/** The reports that the next daily list of one sender names, oldest first; null when none is due. Nobody gets two after `since`. */
export function dueFurtherReports(
  read: Read,
  { since, until }: { readonly since: Instant; readonly until: Instant },
  limit: number
): { readonly address: Address; readonly tags: readonly CaseTag[] } | null {
  const address = read.value<Address>(
    `SELECT address FROM further_reports WHERE list_from <= @until AND NOT EXISTS (
       SELECT 1 FROM outbox WHERE kind = 'further-reports' AND lower(envelope_to) = address_key
         AND created_at > @since AND created_at <= @until)
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

/** After the clock was set back: a list further ahead than `maxMs` is due now. */
export function pullBack(tx: Tx, now: Instant, maxMs: number): void {
  const sql = 'UPDATE further_reports SET list_from = ? WHERE list_from > ?'
  tx.run(sql, [now, addMs(now, maxMs)])
}

/** Forgets what a daily list has named. */
export function deleteFurtherReports(tx: Tx, tags: readonly CaseTag[]): void {
  tx.run(
    `DELETE FROM further_reports
     WHERE case_id IN (SELECT id FROM cases WHERE tag IN (SELECT value FROM json_each(?)))`,
    [tags]
  )
}
