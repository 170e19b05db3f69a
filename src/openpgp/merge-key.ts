/**
 * Merges two copies of one certificate: adds to the known copy what the primary key itself signed in the other. Must never let
 * a copy that anybody may have altered remove something: an older or stripped copy changes nothing, and forged signatures are
 * dropped before the library, which verifies not all of them, puts the copies together.
 */
import { enums, type Key, type SignaturePacket } from 'openpgp'

import { type KeyFacts } from '../domain/outgoing.ts'
import { type Instant, msOf } from '../domain/time.ts'
import { fullPgpConfig } from './config.ts'
import { fingerprintsOf, readKeyPackets } from './key-packets.ts'
import { addressOf, inspectKey, readCertificate } from './keyring.ts'
import { hasSignedBack } from './self-signatures.ts'

/**
 * Facts at `now` of the certificate `known`, merged with what its owner signed in `brought` (armored or binary): renewals,
 * revocations, new subkeys, and user ids with an address that it already has. Null when `brought` is not one readable
 * certificate of the same primary key, adds nothing, or would make the result too large to read again; a copy that revokes the
 * key then stands alone.
 */
export async function mergeKey(
  known: Uint8Array,
  brought: Uint8Array,
  now: Instant
): Promise<KeyFacts | null> {
  const packets = readKeyPackets(brought)
  // Another key is detected before any work.
  if (packets === null || fingerprintsOf(packets.data)[0] !== fingerprintsOf(known)[0]) return null
  const own = (await readCertificate(known, now))?.key
  const other = (await readCertificate(packets.data, now))?.key
  if (own === undefined || other === undefined) return null
  await dropHalfBindings(own)
  await dropHalfBindings(other)
  other.subkeys = other.subkeys.filter(({ bindingSignatures }) => bindingSignatures.length > 0)
  const addresses = new Set(own.users.map(addressOf))
  other.users = other.users.filter(
    (user) => user.selfCertifications.length > 0 && addresses.has(addressOf(user))
  )
  const merged = await own.update(other, new Date(msOf(now)), fullPgpConfig(false))
  const keyData = merged.write()
  if (Buffer.from(keyData).equals(own.write())) return null
  const facts = await inspectKey(keyData, now)
  if (facts !== null) return facts
  // Only who holds the primary key can fill the known copy. Its revocation counts all the same; one of a subkey alone would not
  // stop a thief, who can make another subkey.
  const revoked = await inspectKey(other.write(), now)
  return revoked?.state === 'revoked' ? revoked : null
}

/**
 * Removes the bindings of signing keys without a back signature. It is not among the signed bytes, so anybody can remove it; a
 * newer binding without it must not replace a whole one.
 */
async function dropHalfBindings(key: Key): Promise<void> {
  for (const subkey of key.subkeys) {
    const whole: SignaturePacket[] = []
    for (const binding of subkey.bindingSignatures) {
      const isSigning = ((binding.keyFlags?.[0] ?? 0) & enums.keyFlags.signData) !== 0
      if (!isSigning || (await hasSignedBack(key.keyPacket, subkey, [binding]))) whole.push(binding)
    }
    subkey.bindingSignatures = whole
  }
}
