/**
 * Makes the desk's own key, readable by every OpenPGP program in use: version 4, Ed25519 for signatures and Cv25519 for
 * encryption, no AEAD feature bit. Must never return unprotected secret key material. RFC 9580 §5.5, §12.
 */
import { generateKey } from 'openpgp'
import { type Address } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type Fingerprint, parseFingerprint } from '../domain/ids.ts'
import { type Instant, msOf } from '../domain/time.ts'
import { CONFIG } from './config.ts'

/** Parameters of the new key. */
export type DeskKeyRequest = {
  /** Display name in the user id; may be ''. */
  readonly name: string
  readonly address: Address
  /** Protects the secret key; not empty. */
  readonly passphrase: string
  /** Lifetime in whole seconds from `now`; null for a key that does not expire. */
  readonly lifetimeSeconds: number | null
}

/** A new desk key. The private key is protected by the passphrase. */
export type DeskKeyPair = {
  readonly fingerprint: Fingerprint
  readonly privateArmored: string
  readonly publicArmored: string
}

/**
 * A new desk key, created at `now`, with the user id `Name <address>`. Throws Invariant on an empty passphrase, a
 * lifetime that is not a positive whole number, or a name with control characters or angle brackets.
 */
export async function generateDeskKey(request: DeskKeyRequest, now: Instant): Promise<DeskKeyPair> {
  const { name, address, passphrase, lifetimeSeconds } = request
  assert(passphrase !== '', 'a desk key needs a passphrase')
  assert(!/[\u0000-\u001f\u007f-\u009f<>]/.test(name), 'a user id name with control characters')
  assert(
    lifetimeSeconds === null || (Number.isSafeInteger(lifetimeSeconds) && lifetimeSeconds > 0),
    'a key lifetime is a positive number of seconds'
  )
  const { privateKey, publicKey } = await generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [name.trim() === '' ? { email: address } : { name: name.trim(), email: address }],
    passphrase,
    keyExpirationTime: lifetimeSeconds ?? 0,
    date: new Date(msOf(now)),
    format: 'object',
    config: CONFIG
  })
  const fingerprint = parseFingerprint(publicKey.getFingerprint())
  assert(fingerprint !== null, 'a new key has a fingerprint')
  const [privateArmored, publicArmored] = [privateKey.armor(CONFIG), publicKey.armor(CONFIG)]
  return { fingerprint, privateArmored, publicArmored }
}
