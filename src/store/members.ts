/**
 * The secret list (G5). Must never be joined into anything that is logged; callers outside the notice flow get counts.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type MemberRecord } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import { holdWaiting } from './deliveries.ts'
import { saveSigningKeys } from './signing-keys.ts'
import { insert, type Read, type Sql, type Tx, upsert } from './sql.ts'

/** A member with the certificate that notices are sealed to. */
export type MemberWithKey = MemberRecord & { readonly keyData: Uint8Array }

/** A member to put on the list; by these keys their signatures are told (`KeyFacts.signingKeys`). */
export type MemberToAdd = MemberWithKey & { readonly signingKeys: readonly Fingerprint[] }

type Row = Omit<MemberRecord, 'products'> & { readonly products: string }

const COLUMNS = `id, name, address, state, fingerprint, key_expires_at AS keyExpiresAt, added_at AS addedAt,
  (SELECT coalesce(json_group_array(product), '[]') FROM member_products WHERE member_id = members.id) AS products`

/** Adds a member; `taken` names what another member has already. A removed member's id or address may come back. */
export function insertMember(tx: Tx, member: MemberToAdd): 'added' | 'id-taken' | 'address-taken' {
  const existing = findMember(tx, member.id)
  if (existing !== null && existing.state !== 'removed') return 'id-taken'
  const other = findMemberByAddress(tx, member.address)
  if (other !== null && other.id !== member.id) return 'address-taken'
  const { id, products, signingKeys, ...columns } = member
  upsert(tx, 'members', { id }, { ...columns, addressKey: addressKey(member.address) })
  tx.run('DELETE FROM member_products WHERE member_id = ?', [id])
  for (const product of products) insert(tx, 'member_products', { memberId: id, product })
  saveSigningKeys(tx, member.address, signingKeys)
  return 'added'
}

/**
 * Takes a member off the list; false when there is none active under this id. The row stays for the record, the address is
 * free again, and what has not left for this member does not leave any more.
 */
export function removeMember(tx: Tx, id: string, now: Instant): boolean {
  const { changes } = tx.run(
    "UPDATE members SET state = 'removed', address_key = 'removed:' || id WHERE id = ? AND state <> 'removed'",
    [id]
  )
  if (changes !== 1) return false
  holdWaiting(tx, { memberId: id }, 'removed', now)
  tx.run(
    "UPDATE outbox SET state = 'held' WHERE audience = 'member' AND recipient_id = ? AND state = 'queued'",
    [id]
  )
  return true
}

export function findMember(read: Read, id: string): MemberRecord | null {
  const sql: Sql<Row> = `SELECT ${COLUMNS} FROM members WHERE id = ?`
  return recordOf(read.get(sql, [id]))
}

export function findMemberByAddress(read: Read, address: Address): MemberRecord | null {
  const sql: Sql<Row> = `SELECT ${COLUMNS} FROM members WHERE address_key = ?`
  return recordOf(read.get(sql, [addressKey(address)]))
}

/** The active member with this primary key, with the certificate. */
export function findMemberByFingerprint(
  read: Read,
  fingerprint: Fingerprint
): MemberWithKey | null {
  const sql: Sql<Row & { keyData: Uint8Array }> = `
    SELECT ${COLUMNS}, key_data AS keyData FROM members WHERE fingerprint = ? AND state = 'active'`
  const row = read.get(sql, [fingerprint])
  const record = recordOf(row)
  return row === undefined || record === null ? null : { ...record, keyData: row.keyData }
}

/** The certificate of the active member at this address, to verify what claims to come from there; null when none. */
export function findMemberKeyByAddress(read: Read, address: Address): Uint8Array | null {
  const sql: Sql<{ keyData: Uint8Array }> = `
    SELECT key_data AS keyData FROM members WHERE address_key = ? AND state = 'active'`
  return read.get(sql, [addressKey(address)])?.keyData ?? null
}

/** All members that were not removed, by id. */
export function listMembers(read: Read): MemberRecord[] {
  const sql: Sql<Row> = `SELECT ${COLUMNS} FROM members WHERE state <> 'removed' ORDER BY id`
  return read.all(sql).flatMap((row) => recordOf(row) ?? [])
}

/** Active members of a product, by id, without their certificates. */
export function listRecipients(read: Read, product: string): MemberRecord[] {
  const sql: Sql<Row> = `
    SELECT ${COLUMNS} FROM members JOIN member_products ON member_products.member_id = members.id
    WHERE member_products.product = ? AND members.state = 'active' ORDER BY members.id`
  return read.all(sql, [product]).flatMap((row) => recordOf(row) ?? [])
}

function recordOf(row: Row | undefined): MemberRecord | null {
  if (row === undefined) return null
  const { id, name, address, state, fingerprint, keyExpiresAt, addedAt } = row
  const parsed: unknown = JSON.parse(row.products)
  const products = Array.isArray(parsed) ? parsed.filter((entry) => typeof entry === 'string') : []
  return { id, name, address, state, fingerprint, keyExpiresAt, addedAt, products }
}
