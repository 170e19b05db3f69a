/**
 * Finds the owner of a claimed signing key: knows every key and signing subkey of reporters and list members. Must never
 * reveal the owner (G5), only whether it is somebody else.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** Remembers for good that signatures by these keys are of whoever writes from `address`. */
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
