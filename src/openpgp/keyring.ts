/**
 * Certificates and secret keys: parsing within limits, facts at an instant, unlocking. Must never accept a private key where a
 * public key is expected, never keep a signature that the key did not make (key poisoning), and never trust the library's guess
 * at a user id's address.
 */
import * as openpgp from 'openpgp'

import { type Address, type Contact, parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type Fingerprint, parseFingerprint } from '../domain/ids.ts'
import { type KeyFacts, type KeyMaterial } from '../domain/outgoing.ts'
import { type Instant, instantFromMs, msOf } from '../domain/time.ts'
import { toBinary } from './armor.ts'
import { CONFIG } from './config.ts'
import { type PacketSpan, sha256, TAG, walkPackets } from './packets.ts'
import {
  ANY_TIME,
  isSigning,
  keepOwnSignatures,
  trustSignatures,
  type WithDirect
} from './self-signatures.ts'

const KEY_BYTES_MAX = 256 * 1024
const ARMORED_BYTES_MAX = 400 * 1024
const USER_IDS_MAX = 20
const SUBKEYS_MAX = 20
const PACKETS_MAX = 5000

/** A parsed public certificate with only its own, verified signatures. */
export type Certificate = KeyMaterial & { readonly key: openpgp.PublicKey }

/** An unlocked secret key, ready to decrypt and sign. Stays inside the process that unlocked it. */
export type SecretKey = {
  readonly privateKey: openpgp.PrivateKey
  /** Fingerprint of the primary key. */
  readonly fingerprint: Fingerprint
  /** Whether any of its keys is RSA, which decrypts slowly: the operator is told. */
  readonly isRsa: boolean
  /** Whether a passphrase protected the file. */
  readonly wasLocked: boolean
}

/**
 * Facts at `now` of the one public key in `data` (armored or binary), merged with what its owner signed in those of `copies`
 * that are copies of it: renewals, revocations, new subkeys, and user ids with an address that it already has. Null when it is
 * not exactly one readable key. For a key found in a message, only the user ids that name exactly `address` are kept, and it is
 * null when none is valid.
 */
export async function inspectKey(
  data: Uint8Array | string,
  now: Instant,
  address: Address | null = null,
  copies: readonly Uint8Array[] = []
): Promise<KeyFacts | null> {
  const asked = [now, address, ...[data, ...copies].map((part) => sha256(part))].join(' ')
  const known = inspected.get(asked)
  if (known !== undefined) return known
  const facts = await inspect(data, now, address, copies)
  if (inspected.size >= INSPECTED_MAX) inspected.clear()
  inspected.set(asked, facts)
  return facts
}

/** A message is often opened twice as of one moment: a key that it brings is not judged and tried again. */
const inspected = new Map<string, KeyFacts | null>()
const INSPECTED_MAX = 16

async function inspect(
  data: Uint8Array | string,
  now: Instant,
  address: Address | null,
  copies: readonly Uint8Array[]
): Promise<KeyFacts | null> {
  let certificate = await readCertificate(data, address)
  for (const copy of copies) {
    if (certificate !== null) certificate = await merged(certificate, copy, now)
  }
  if (certificate === null) return null
  const { key, fingerprint, keyData, signingKeys } = certificate
  const algorithm = algorithmOf(key)
  if (isUnsupported(key)) {
    // Nothing of it can be verified, and nothing is done with it.
    const addresses = address === null ? [] : [address]
    const unusable = { fingerprint, addresses, algorithm, keyData, signingKeys }
    return { ...unusable, expiresAt: null, state: 'unsupported' }
  }
  const addresses = await validAddresses(key, now)
  if (address !== null && addresses.length === 0) return null
  const [judged, expiresAt] = [await stateOf(key, now), await expiryOf(key, new Date(msOf(now)))]
  const isUsable = judged !== 'usable' || (await holds(tryToEncrypt(key, now)))
  const state = isUsable ? judged : 'cannot-encrypt'
  return { fingerprint, addresses, expiresAt, algorithm, state, keyData, signingKeys }
}

/**
 * The one public key in `data` (armored or binary), whenever it is valid; null when it is not exactly one. With an address, only
 * its user ids that name exactly that one; null when none does.
 */
export async function readCertificate(
  data: Uint8Array | string,
  address: Address | null = null
): Promise<Certificate | null> {
  const packets = readKeyPackets(data)
  if (packets?.kind !== 'public') return null
  try {
    const key = await openpgp.readKey({ binaryKey: packets.data, config: CONFIG })
    const name = address?.toLowerCase()
    key.users = key.users.filter(
      (user) => user.userID !== null && (name === undefined || addressOf(user) === name)
    )
    // Before any verification, so that a key of somebody else costs nothing.
    if ((name !== undefined && key.users.length === 0) || hasGiantNumbers(key)) return null
    return (await keepOwnSignatures(key as WithDirect)) ? certificateOf(key) : null
  } catch {
    return null // whatever the library stumbles over, it is not a key we use
  }
}

function certificateOf(key: openpgp.PublicKey, keyData = key.write()): Certificate | null {
  const signing = key.subkeys.filter(({ bindingSignatures }) => bindingSignatures.some(isSigning))
  const [fingerprint, ...others] = [key, ...signing].flatMap(
    (part) => parseFingerprint(part.getFingerprint()) ?? []
  )
  if (fingerprint === undefined) return null
  return { key, fingerprint, keyData, signingKeys: [fingerprint, ...others] }
}

/** How many certificates stay parsed. */
const CACHE_MAX = 1024
const cache = new Map<string, Certificate>()

/**
 * A certificate that the desk knows, from the bytes that {@link readCertificate} gave for it, which hold verified signatures
 * only; parsed and cached: nobody may change the result.
 */
export async function knownCertificate(keyData: Uint8Array): Promise<Certificate | null> {
  const id = sha256(keyData)
  const certificate = cache.get(id) ?? (await parsedAgain(keyData))
  if (certificate === null) return null
  // What is used again is parsed again.
  if (cache.size >= CACHE_MAX && !cache.has(id)) cache.clear()
  cache.set(id, certificate)
  return certificate
}

/** Its signatures were verified when it was first read, which costs more than using it. */
async function parsedAgain(keyData: Uint8Array): Promise<Certificate | null> {
  if (readKeyPackets(keyData)?.kind !== 'public') return null
  const key = await valueOf(openpgp.readKey({ binaryKey: keyData, config: CONFIG }))
  if (key === null) return null
  trustSignatures(key as WithDirect)
  return certificateOf(key, keyData)
}

/**
 * The certificate with what a copy adds, or as it was. A copy removes nothing, because anybody may have altered it. When both
 * together are too large, a copy that revokes the key replaces the known one, which only the holder of the primary key can have
 * filled. A copy that only revokes a subkey does not: it would not stop a thief, who can make another subkey.
 */
export async function merged(
  known: Certificate,
  copy: Uint8Array,
  now: Instant
): Promise<Certificate> {
  const other = await readCertificate(copy)
  if (other?.fingerprint !== known.fingerprint) return known
  const date = new Date(msOf(now))
  const addresses = known.key.users.map(addressOf)
  other.key.users = other.key.users.filter((user) => addresses.includes(addressOf(user)))
  const both = await known.key.update(other.key, date, CONFIG)
  const isRevoked = await other.key.isRevoked(undefined, undefined, date, CONFIG)
  return (await readCertificate(both.write())) ?? (isRevoked ? other : known)
}

/** Whether `data` (armored or binary) is exactly one public key, exactly one private key, or neither. */
export function classifyKey(data: Uint8Array | string): 'public' | 'private' | 'unreadable' {
  return readKeyPackets(data)?.kind ?? 'unreadable'
}

/**
 * The packets of exactly one key within the limits, and its class, or null. Runs before the library parses anything, so that a
 * poisoned or giant key costs nothing.
 */
function readKeyPackets(data: Uint8Array | string) {
  if (data.length > ARMORED_BYTES_MAX) return null
  const binary = toBinary(data)
  if (binary === null || binary.data.length > KEY_BYTES_MAX) return null
  const walk = walkPackets(binary.data, PACKETS_MAX)
  const kind = walk.end === 'complete' ? kindOf(walk.spans) : null
  const isArmorRight = binary.kind === 'binary' || binary.kind === `${kind}-key`
  return kind !== null && isArmorRight ? { kind, data: binary.data } : null
}

function kindOf(spans: readonly PacketSpan[]): 'public' | 'private' | null {
  const count = (...tags: readonly number[]): number =>
    spans.filter((span) => tags.includes(span.tag)).length
  const publicCount = count(TAG.publicKey)
  const secretCount = count(TAG.secretKey)
  const first = spans[0]?.tag
  if (publicCount + secretCount !== 1) return null
  if (first !== TAG.publicKey && first !== TAG.secretKey) return null
  if (count(TAG.userId, TAG.userAttribute) > USER_IDS_MAX) return null
  if (count(TAG.publicSubkey, TAG.secretSubkey) > SUBKEYS_MAX) return null
  return secretCount === 1 ? 'private' : 'public'
}

/** With larger numbers, of RSA or DSA, verifying signatures would take minutes. They add cost, not security. */
const NUMBER_BYTES_MAX = 1024
const EXPONENT_BYTES_MAX = 4

function hasGiantNumbers(key: openpgp.Key): boolean {
  return key.getKeys().some(({ keyPacket }) =>
    Object.entries(keyPacket.publicParams).some(([name, number]: [string, unknown]) => {
      const bytesMax = name === 'e' ? EXPONENT_BYTES_MAX : NUMBER_BYTES_MAX
      return number instanceof Uint8Array && number.length > bytesMax
    })
  )
}

// Control characters, line separators and bidirectional overrides never belong in a user id.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

/**
 * The strict address in a user id (`Name <a@b>` or exactly `a@b`, RFC 9580 §5.11); null for every other form, at which the
 * library guesses: a guessed address would let a key speak for somebody else.
 */
export function addressOfUserId(userId: string): Address | null {
  const [, inside, bare = ''] = /^[^<>]*<([^<> ]+)>$|^([^<> ]+)$/.exec(userId) ?? []
  return FORBIDDEN.test(userId) ? null : parseAddress(inside ?? bare)
}

/** The strict address that a user id names, in lower case. */
function addressOf(user: openpgp.User): string | null {
  return addressOfUserId(user.userID?.userID ?? '')?.toLowerCase() ?? null
}

/**
 * Whether a key uses a curve that the library hands to a package which is no part of Postern (brainpool): then nothing that it
 * makes can be verified.
 */
export function isUnsupported(key: openpgp.Key): boolean {
  return key.getKeys().some((part) => part.getAlgorithmInfo().curve?.startsWith('brainpool'))
}

/** Why the file of a private key is of no use, with the remedy. */
export const UNLOCK_PROBLEMS = {
  'wrong-passphrase': 'the passphrase does not unlock this key; correct the passphrase or the file',
  public: 'the file holds a public key; give the private key',
  unreadable: 'the file is not exactly one readable OpenPGP private key',
  unsupported:
    'the key uses a brainpool curve, which Postern does not support; make a key with another algorithm, for example Ed25519'
} as const

/** Unlocks one private key; `wasLocked` tells whether a passphrase protected it. Never says which byte was wrong. */
export async function unlockSecretKey(
  data: Uint8Array | string,
  passphrase: string
): Promise<SecretKey | keyof typeof UNLOCK_PROBLEMS> {
  const packets = readKeyPackets(data)
  if (packets === null) return 'unreadable'
  if (packets.kind === 'public') return 'public'
  let locked: openpgp.PrivateKey
  try {
    locked = await openpgp.readPrivateKey({ binaryKey: packets.data, config: CONFIG })
  } catch {
    return 'unreadable'
  }
  if (isUnsupported(locked)) return 'unsupported'
  const wasLocked = locked.getKeys().some((part) => !isOpen(part))
  try {
    const privateKey = wasLocked
      ? await openpgp.decryptKey({ privateKey: locked, passphrase, config: CONFIG })
      : locked
    return describe(privateKey, wasLocked)
  } catch {
    return 'wrong-passphrase'
  }
}

/**
 * A new key of the desk, made at `now`, which every OpenPGP program in use can read: version 4, Ed25519 and Cv25519, no AEAD
 * (RFC 9580 §12). Throws Invariant without a passphrase to lock it, and for a name that would break its user id.
 */
export async function generateDeskKey(
  { name, address, passphrase }: Contact & { readonly passphrase: string },
  now: Instant
) {
  assert(passphrase !== '', 'a desk key needs a passphrase')
  assert(!/[\u0000-\u001f\u007f-\u009f<>]/.test(name), 'a user id name with control characters')
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: name.trim(), email: address }],
    passphrase,
    date: new Date(msOf(now)),
    format: 'object',
    config: CONFIG
  })
  const [privateArmored, publicArmored] = [privateKey.armor(CONFIG), publicKey.armor(CONFIG)]
  return { fingerprint: describe(privateKey, true).fingerprint, privateArmored, publicArmored }
}

/** Milliseconds of an expiry as the library gives it; infinity for "never" and "unknown". */
export function endMs(end: Date | number | null): number {
  return end instanceof Date ? end.getTime() : Infinity
}

async function validAddresses(key: openpgp.Key, now: Instant): Promise<Address[]> {
  const found = new Map<string, Address>()
  for (const user of key.users) {
    const address = addressOfUserId(user.userID?.userID ?? '')
    if (address === null || found.has(address.toLowerCase())) continue
    if (await holds(user.verify(new Date(msOf(now)), CONFIG))) {
      found.set(address.toLowerCase(), address)
    }
  }
  return [...found.values()]
}

/** Whether the key says that it can be used to encrypt at `now`. */
export async function stateOf(key: openpgp.Key, now: Instant): Promise<KeyFacts['state']> {
  const date = new Date(msOf(now))
  if (await key.isRevoked(undefined, undefined, date, CONFIG)) return 'revoked'
  if (await holds(key.getEncryptionKey(undefined, date, undefined, CONFIG))) return 'usable'
  const expiresAt = await expiryOf(key, date)
  return expiresAt !== null && msOf(expiresAt) <= msOf(now) ? 'expired' : 'cannot-encrypt'
}

/** Only trying tells: nothing can be encrypted to a bad curve point, however well the certificate is signed. */
function tryToEncrypt(encryptionKeys: openpgp.Key, now: Instant): Promise<unknown> {
  const session = { data: new Uint8Array(32), algorithm: 'aes256' } as const
  return openpgp.encryptSessionKey({
    ...session,
    encryptionKeys,
    date: new Date(msOf(now)),
    format: 'object',
    config: CONFIG
  })
}

/** When the key can no longer encrypt: the expiry of the primary key or of its last encryption key. */
async function expiryOf(key: openpgp.Key, date: Date): Promise<Instant | null> {
  const ends = [endMs(await key.getExpirationTime(undefined, CONFIG))]
  const encryption =
    (await valueOf(key.getEncryptionKey(undefined, date, undefined, CONFIG))) ??
    (await valueOf(key.getEncryptionKey(undefined, null, undefined, CONFIG)))
  if (encryption !== null && 'mainKey' in encryption) {
    // By the binding that counts at `date`, and by the newest one, also when that is past.
    for (const at of [date, ANY_TIME])
      ends.push(endMs(await encryption.getExpirationTime(at, CONFIG)))
  }
  const end = Math.min(...ends)
  return Number.isFinite(end) ? instantFromMs(end) : null
}

function describe(privateKey: openpgp.PrivateKey, wasLocked: boolean): SecretKey {
  const fingerprint = parseFingerprint(privateKey.getFingerprint())
  if (fingerprint === null) throw new TypeError('a key without a fingerprint')
  const isRsa = privateKey
    .getKeys()
    .some((part) => part.getAlgorithmInfo().algorithm.startsWith('rsa'))
  return { privateKey, fingerprint, isRsa, wasLocked }
}

/** Unlocked, or without secret material (a stripped primary key), which nothing can unlock. */
function isOpen(part: openpgp.PrivateKey | openpgp.Subkey): boolean {
  const packet = part.keyPacket
  return packet.isDecrypted() || ('isDummy' in packet && packet.isDummy())
}

/** `ed25519`, `rsa4096`, `nistP256`: the primary key's algorithm as people name it. */
function algorithmOf(key: openpgp.Key): string {
  const info = key.getAlgorithmInfo()
  if (info.bits !== undefined)
    return `${info.algorithm.startsWith('rsa') ? 'rsa' : info.algorithm}${info.bits}`
  return (info.curve ?? info.algorithm).replace('Legacy', '')
}

/** Whether the library finds it valid: it throws when there is no such valid key or signature. */
export async function holds(check: Promise<unknown>): Promise<boolean> {
  return (await valueOf(check.then(() => true))) ?? false
}

/** What the promise gives, or null where it fails. */
export async function valueOf<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise
  } catch {
    return null
  }
}
