/** The secret list (G5). Must never be joined into anything that is logged; callers outside the notice flow get counts. */
import { type Address, addressKey } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type MemberRecord } from '../domain/notice.ts'
import { type Instant } from '../domain/time.ts'
import * as people from './correspondents.ts'
import * as deliveries from './deliveries.ts'
import { type Read, type Tx, upsert } from './sql.ts'

/** A member with the certificate that notices are sealed to. */
export type MemberWithKey = MemberRecord & { readonly keyData: Uint8Array }

/** A member to put on the list; by these keys their signatures are told (`KeyFacts.signingKeys`). */
export type MemberToAdd = MemberWithKey & { readonly signingKeys: readonly Fingerprint[] }

const COLUMNS =
  'id, name, address, state, fingerprint, key_expires_at, added_at, products AS products_json'

/** Adds a member; `taken` names what another member has already. A removed member's id or address may come back. */
export function add(tx: Tx, member: MemberToAdd): 'added' | 'id-taken' | 'address-taken' {
  const existing = find(tx, member.id)
  if (existing !== null && existing.state !== 'removed') return 'id-taken'
  const other = findByAddress(tx, member.address)
  if (other !== null && other.id !== member.id) return 'address-taken'
  const { id, signingKeys, ...columns } = member
  upsert(tx, 'members', { id }, { ...columns, addressKey: addressKey(member.address) })
  people.saveSigningKeys(tx, member.address, signingKeys)
  return 'added'
}

/**
 * Takes a member off the list; null when there is none active under this id. The row stays for the record, the address is
 * free again, and what has not left for this member does not leave any more: returns how many messages that are.
 */
export function remove(tx: Tx, id: string, now: Instant): number | null {
  const { changes } = tx.run(
    "UPDATE members SET state = 'removed', address_key = 'removed:' || id WHERE id = ? AND state <> 'removed'",
    [id]
  )
  if (changes !== 1) return null
  const waiting = deliveries.holdWaiting(tx, { memberId: id }, 'removed', now)
  const queued = tx.run(
    "UPDATE outbox SET state = 'held' WHERE audience = 'member' AND recipient_id = ? AND state = 'queued'",
    [id]
  )
  return waiting + queued.changes
}

export function find(read: Read, id: string): MemberWithKey | null {
  return read.get<MemberWithKey>(`SELECT ${COLUMNS}, key_data FROM members WHERE id = ?`, [id])
}

/** The member with this address who was not removed. */
export function findByAddress(read: Read, address: Address): MemberWithKey | null {
  const sql = `SELECT ${COLUMNS}, key_data FROM members WHERE address_key = ?`
  return read.get<MemberWithKey>(sql, [addressKey(address)])
}

/** The active member with this primary key. */
export function findByFingerprint(read: Read, fingerprint: Fingerprint): MemberWithKey | null {
  const sql = `SELECT ${COLUMNS}, key_data FROM members WHERE fingerprint = ? AND state = 'active'`
  return read.get<MemberWithKey>(sql, [fingerprint])
}

/** All members that were not removed, by id. */
export function list(read: Read): MemberRecord[] {
  return read.all<MemberRecord>(
    `SELECT ${COLUMNS} FROM members WHERE state <> 'removed' ORDER BY id`
  )
}

/** Active members of a product, by id, without their certificates. */
export function listActive(read: Read, product: string): MemberRecord[] {
  const sql = `SELECT ${COLUMNS} FROM members WHERE ${deliveries.isOnListOf('?')} ORDER BY id`
  return read.all<MemberRecord>(sql, [product])
}
