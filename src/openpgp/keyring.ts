/**
 * Certificates and secret keys: parsing within limits, facts at an instant, unlocking. Must never accept a private key where a
 * public key is expected, never keep a signature that the key did not make (key poisoning, mail.md §2.13), and never trust the
 * library's guess at a user id's address.
 */
import {
  decryptKey,
  type Key,
  type PrivateKey,
  type PublicKey,
  readKey,
  readPrivateKey,
  type Subkey,
  type User
} from 'openpgp'

import { type Address } from '../domain/address.ts'
import { type Fingerprint, parseFingerprint } from '../domain/ids.ts'
import { type KeyFacts } from '../domain/outgoing.ts'
import { type Instant, instantFromMs, msOf } from '../domain/time.ts'
import { fullPgpConfig, pgpConfig } from './config.ts'
import { readKeyPackets } from './key-packets.ts'
import {
  type Effort,
  hasSignedBack,
  keepOwnSignatures,
  type WithDirect
} from './self-signatures.ts'
import { addressOfUserId } from './user-id.ts'

export { classifyKey } from './key-packets.ts'

/** A parsed public certificate with only its own, verified signatures. */
export type CertificateFacts = {
  readonly key: PublicKey
  /** Fingerprint of the primary key. */
  readonly fingerprint: Fingerprint
  /** Strict addresses of the user ids that are valid at the given instant, without duplicates. */
  readonly addresses: readonly Address[]
  /** The binary certificate, stripped. */
  readonly keyData: Uint8Array
}

/** An unlocked secret key, ready to decrypt and sign. Stays inside the process that unlocked it. */
export type SecretKey = {
  readonly privateKey: PrivateKey
  /** Fingerprint of the primary key. */
  readonly fingerprint: Fingerprint
  /** Whether any of its keys is RSA, which needs constant-time decryption. */
  readonly isRsa: boolean
  /** Whether a passphrase protected the file. */
  readonly wasLocked: boolean
}

/** The outcome of unlocking: a closed union, so that a caller can name the exact problem of a key file. */
export type Unlocked =
  | { readonly kind: 'unlocked'; readonly key: SecretKey }
  | { readonly kind: 'wrong-passphrase' }
  | { readonly kind: 'public' }
  | { readonly kind: 'unreadable' }

/** Facts of the one public key in `data` (armored or binary) at `now`, as {@link readCertificate} reads it; else null. */
export async function inspectKey(
  data: Uint8Array | string,
  now: Instant,
  address: Address | null = null,
  effort?: Effort
): Promise<KeyFacts | null> {
  const certificate = await readCertificate(data, now, address, effort)
  if (certificate === null) return null
  const { fingerprint, addresses, keyData, key } = certificate
  const { state, expiresAt } = await judge(key, now)
  const signingKeys = [fingerprint, ...(await signingSubkeys(key))]
  return {
    fingerprint,
    addresses,
    expiresAt,
    algorithm: algorithmOf(key),
    state,
    keyData,
    signingKeys
  }
}

/**
 * The one public key in `data` (armored or binary) as it is valid at `now`; null when it is not exactly one. For a key
 * found in a message, only the user ids that name exactly `address` are kept (mail.md §2.12), and it is null when none does.
 */
export async function readCertificate(
  data: Uint8Array | string,
  now: Instant,
  address: Address | null = null,
  effort?: Effort
): Promise<CertificateFacts | null> {
  const packets = readKeyPackets(data)
  if (packets?.kind !== 'public') return null
  try {
    const key = await readKey({ binaryKey: packets.data, config: pgpConfig(false) })
    const name = address?.toLowerCase()
    key.users = key.users.filter(
      (user) => user.userID !== null && (name === undefined || addressOf(user) === name)
    )
    // A key other than the wanted one costs nothing.
    if (name !== undefined && key.users.length === 0) return null
    if (!(await keepOwnSignatures(key as WithDirect, effort))) return null
    const fingerprint = parseFingerprint(key.getFingerprint())
    const addresses = await validAddresses(key, now)
    if (fingerprint === null || (name !== undefined && addresses.length === 0)) return null
    return { key, fingerprint, addresses, keyData: key.write() }
  } catch {
    return null // whatever the library stumbles over, it is not a key we use
  }
}

/** The strict address that a user id names, in lower case. */
export function addressOf(user: User): string | null {
  return addressOfUserId(user.userID?.userID ?? '')?.toLowerCase() ?? null
}

/** Why the file of a private key is of no use, with the remedy. */
export const UNLOCK_PROBLEMS = {
  'wrong-passphrase': 'the passphrase does not unlock this key; correct the passphrase or the file',
  public: 'the file holds a public key; give the private key',
  unreadable: 'the file is not exactly one readable OpenPGP private key'
} as const

/**
 * Unlocks one private key. Accepts a file without a passphrase and reports that in `wasLocked`. Never says which byte was
 * wrong.
 */
export async function unlockSecretKey(
  data: Uint8Array | string,
  passphrase: string
): Promise<Unlocked> {
  const packets = readKeyPackets(data)
  if (packets === null) return { kind: 'unreadable' }
  if (packets.kind === 'public') return { kind: 'public' }
  const config = pgpConfig(false)
  let locked: PrivateKey
  try {
    locked = await readPrivateKey({ binaryKey: packets.data, config })
  } catch {
    return { kind: 'unreadable' }
  }
  const wasLocked = locked.getKeys().some((part) => !isOpen(part))
  try {
    const privateKey = wasLocked
      ? await decryptKey({ privateKey: locked, passphrase, config })
      : locked
    return { kind: 'unlocked', key: describe(privateKey, wasLocked) }
  } catch {
    return { kind: 'wrong-passphrase' }
  }
}

/**
 * When the newest binding signature expires, in milliseconds, also when that is past and the library answers "invalid".
 * Infinity without one.
 */
export function bindingEndMs(subkey: Subkey): number {
  let newest = subkey.bindingSignatures[0]
  for (const binding of subkey.bindingSignatures) {
    if ((binding.created?.getTime() ?? 0) > (newest?.created?.getTime() ?? 0)) newest = binding
  }
  const seconds = newest?.keyNeverExpires === false ? newest.keyExpirationTime : null
  return seconds === null ? Infinity : subkey.getCreationTime().getTime() + seconds * 1000
}

/** Milliseconds of an expiry as the library gives it; infinity for "never" and "unknown". */
export function endMs(end: Date | number | null): number {
  return end instanceof Date ? end.getTime() : Infinity
}

async function validAddresses(key: Key, now: Instant): Promise<Address[]> {
  const config = fullPgpConfig(false)
  const found = new Map<string, Address>()
  for (const user of key.users) {
    const address = addressOfUserId(user.userID?.userID ?? '')
    if (address === null || found.has(address.toLowerCase())) continue
    if (await holds(user.verify(new Date(msOf(now)), config))) {
      found.set(address.toLowerCase(), address)
    }
  }
  return [...found.values()]
}

type Judgement = Pick<KeyFacts, 'state' | 'expiresAt'>

async function judge(key: Key, now: Instant): Promise<Judgement> {
  const config = fullPgpConfig(false)
  const date = new Date(msOf(now))
  const expiresAt = await expiryOf(key, date)
  if (await key.isRevoked(undefined, undefined, date, config)) {
    return { state: 'revoked', expiresAt }
  }
  if (await holds(key.getEncryptionKey(undefined, date, undefined, config))) {
    return { state: 'usable', expiresAt }
  }
  const isPast = expiresAt !== null && msOf(expiresAt) <= msOf(now)
  return { state: isPast ? 'expired' : 'cannot-encrypt', expiresAt }
}

/** When the key can no longer encrypt: the expiry of the primary key or of its last encryption key. */
async function expiryOf(key: Key, date: Date): Promise<Instant | null> {
  const config = fullPgpConfig(false)
  const ends = [endMs(await key.getExpirationTime(undefined, config))]
  const encryption =
    (await valueOf(key.getEncryptionKey(undefined, date, undefined, config))) ??
    (await valueOf(key.getEncryptionKey(undefined, null, undefined, config)))
  if (encryption !== null && 'mainKey' in encryption) {
    ends.push(endMs(await encryption.getExpirationTime(date, config)))
    ends.push(bindingEndMs(encryption))
  }
  const end = Math.min(...ends)
  return Number.isFinite(end) ? instantFromMs(end) : null
}

function describe(privateKey: PrivateKey, wasLocked: boolean): SecretKey {
  const fingerprint = parseFingerprint(privateKey.getFingerprint())
  if (fingerprint === null) throw new TypeError('a key without a fingerprint')
  const isRsa = privateKey
    .getKeys()
    .some((part) => part.getAlgorithmInfo().algorithm.startsWith('rsa'))
  return { privateKey, fingerprint, isRsa, wasLocked }
}

/** Only keys with a valid back signature, even if key or subkey expired or was revoked since. */
async function signingSubkeys(key: Key): Promise<Fingerprint[]> {
  const found: Fingerprint[] = []
  for (const subkey of key.getSubkeys()) {
    const fingerprint = parseFingerprint(subkey.getFingerprint())
    const isOwn = await hasSignedBack(key.keyPacket, subkey, subkey.bindingSignatures)
    if (fingerprint !== null && isOwn) found.push(fingerprint)
  }
  return found
}

/** Unlocked, or without secret material (a stripped primary key), which nothing can unlock. */
function isOpen(part: PrivateKey | Subkey): boolean {
  const packet = part.keyPacket
  return packet.isDecrypted() || ('isDummy' in packet && packet.isDummy())
}

/** `ed25519`, `rsa4096`, `nistP256`: the primary key's algorithm as people name it. */
function algorithmOf(key: Key): string {
  const info = key.getAlgorithmInfo()
  if (info.bits !== undefined) {
    return `${info.algorithm.startsWith('rsa') ? 'rsa' : info.algorithm}${info.bits}`
  }
  return (info.curve ?? info.algorithm).replace('Legacy', '')
}

/** Whether the library does not throw, its way to say that there is no such valid key. */
export async function holds(check: Promise<unknown>): Promise<boolean> {
  return (await valueOf(check.then(() => true))) ?? false
}

async function valueOf<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch {
    return null
  }
}
