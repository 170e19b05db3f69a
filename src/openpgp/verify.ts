/**
 * Verdicts on signatures. Checks one signature against exactly one certificate at a time, as a detached signature over bytes
 * that we hold: no "any of" semantics and no text chosen by the library. `bad` is the default. The key is judged at the
 * signature's time and at `now`.
 */
import * as openpgp from 'openpgp'
import { isNamedBy, type Sha256 } from '../domain/ids.ts'
import { type Signature, type SignatureState } from '../domain/mail.ts'
import { type Instant, instantFromMs, msOf } from '../domain/time.ts'
import { CONFIG } from './config.ts'
import {
  addressOfUserId,
  type Certificate,
  endMs,
  holds,
  isUnsupported,
  knownCertificate,
  merged
} from './keyring.ts'
import { bodyOf, sha256, TAG, walkPackets } from './packets.ts'
import { ANY_TIME, type WithDirect } from './self-signatures.ts'
import { type SignedBytes, signedBytes } from './signed-bytes.ts'

/** More signatures than this in one message, all layers together, are refused as a flood. */
export const SIGNATURES_MAX = 8
const CERTIFICATES_TRIED_MAX = 4

/** The certificates and the time for verifying signatures. */
export type VerifyContext = {
  /** Binary certificates, maintainers first. */
  readonly certificates: readonly Uint8Array[]
  readonly now: Instant
  /** How many signatures may still be judged; {@link SIGNATURES_MAX} for a fresh message. */
  readonly signaturesMax?: number
}

/** A verdict without the place of the signature, which depends on the structure of the message. */
export type Verdict = Omit<Signature, 'coversWhole' | 'isInside'>

type States = Pick<Signature, 'state' | 'stateThen'>

const BAD: States = { state: 'bad', stateThen: 'bad' }

/**
 * Judges the binary detached signature packets in `signature` over exactly `data` with CRLF line ends (RFC 3156 §5), in their
 * order; null when there are too many.
 */
export async function verifyDetached(
  data: Uint8Array,
  signature: Uint8Array,
  context: VerifyContext
): Promise<Verdict[] | null> {
  const walk = walkPackets(signature, SIGNATURES_MAX + 2)
  if (walk.end === 'too-many') return null
  const spans = walk.spans.filter((span) => span.tag === TAG.signature)
  const packets = await Promise.all(
    spans.map(({ start, end }) => readPacket(signature.subarray(start, end)))
  )
  const all = packets.length === 0 ? [signature] : packets
  return verifyAll(signedBytes(data, { allCrlf: true }), all, context)
}

/** Judges signature packets that came with `data` inside one OpenPGP message; null when there are too many. */
export function verifyPackets(
  data: Uint8Array,
  packets: readonly openpgp.SignaturePacket[],
  context: VerifyContext
): Promise<Verdict[] | null> {
  return verifyAll(signedBytes(data, { allCrlf: false }), packets, context)
}

/** One that could not be read is given as bytes. */
async function verifyAll(
  signed: SignedBytes,
  packets: readonly (openpgp.SignaturePacket | Uint8Array)[],
  context: VerifyContext
): Promise<Verdict[] | null> {
  if (packets.length > (context.signaturesMax ?? SIGNATURES_MAX)) return null
  const verdicts: Verdict[] = []
  for (const packet of packets) {
    const isRead = packet instanceof openpgp.SignaturePacket
    verdicts.push(isRead ? await judge(packet, signed, context) : unreadable(packet))
  }
  return verdicts
}

async function readPacket(bytes: Uint8Array): Promise<openpgp.SignaturePacket | Uint8Array> {
  try {
    const { packets } = await openpgp.readSignature({ binarySignature: bytes, config: CONFIG })
    const [first] = packets
    return first instanceof openpgp.SignaturePacket ? first : bytes
  } catch {
    return bytes
  }
}

type Found = States & Pick<Verdict, 'fingerprint' | 'signer'>

function ownerOf({ fingerprint, key }: Certificate): Pick<Verdict, 'fingerprint' | 'signer'> {
  const addresses = key.getUserIDs().flatMap((userId) => addressOfUserId(userId) ?? [])
  return { fingerprint, signer: addresses[0] ?? '' }
}

async function judge(
  packet: openpgp.SignaturePacket,
  signed: SignedBytes,
  context: VerifyContext
): Promise<Verdict> {
  const issuer = issuerOf(packet)
  const candidates = await findCertificates(issuer, context)
  const unproved = candidates.length === 0 ? 'unknown-key' : 'bad'
  let best: Found = { state: unproved, stateThen: unproved, fingerprint: null, signer: '' }
  for (const certificate of candidates) {
    const states = await statesUnder(certificate, packet, signed, context.now)
    if (states.state === 'bad') continue
    const isMade = states.state !== 'unsupported'
    best = isMade ? { ...states, ...ownerOf(certificate) } : { ...best, ...states }
    if (states.state === 'valid') break
  }
  return {
    ...best,
    issuer,
    createdAt: packet.created === null ? null : instantFromMs(packet.created.getTime()),
    sha256: identityOf(packet, signed),
    intendedRecipients: intendedRecipientsOf(packet)
  }
}

/**
 * Known certificates of the issuing key: by full fingerprint if the signature names one, else by key id. Excludes a
 * certificate to which the key was merely attached: the signature would look broken instead of somebody else's. A copy that has
 * the issuing key counts with what the others say, which may be that the whole was revoked.
 */
async function findCertificates(issuer: string, context: VerifyContext): Promise<Certificate[]> {
  const [found, others] = [new Map<string, Certificate>(), new Map<string, Certificate>()]
  for (const keyData of context.certificates) {
    const certificate = await knownCertificate(keyData)
    if (certificate === null || found.has(certificate.fingerprint)) continue
    const { fingerprint, signingKeys } = certificate
    const other = others.get(fingerprint)
    const isIssuer = signingKeys.some((key) => isNamedBy(issuer, key))
    if (!isIssuer) others.set(fingerprint, other ?? certificate)
    else found.set(fingerprint, other ? await merged(other, keyData, context.now) : certificate)
  }
  return [...found.values()].slice(0, CERTIFICATES_TRIED_MAX)
}

/** The library's own verification refuses a key that was not valid at the time, for which its state is the better answer. */
async function statesUnder(
  { key }: Certificate,
  packet: openpgp.SignaturePacket,
  bytes: SignedBytes,
  now: Instant
): Promise<States> {
  const date = new Date(msOf(now))
  const { created } = packet
  if (created === null) return BAD
  if (isUnsupported(key)) return { state: 'unsupported', stateThen: 'unsupported' }
  const signed = { packet, bytes, date }
  if (!(await isMathRight(key, signed, CONFIG))) {
    const isWeak = isWeakDigest(packet.hashAlgorithm)
    return isWeak && (await isMathRight(key, signed, ANY_DIGEST))
      ? { state: 'weak-digest', stateThen: 'weak-digest' }
      : BAD
  }
  const state = await keyStateAt(key, packet.issuerKeyID, date)
  const stateThen = await keyStateThen(key, packet, created)
  return { state: state === 'valid' ? stateThen : state, stateThen }
}

/** Only those are verified once more: a mismatch over a large text takes long enough as it is. */
function isWeakDigest(digest: openpgp.enums.hash | null): boolean {
  const { rejectHashAlgorithms, rejectMessageHashAlgorithms } = CONFIG
  return (
    digest !== null && (rejectHashAlgorithms.has(digest) || rejectMessageHashAlgorithms.has(digest))
  )
}

/** To tell a weak digest from a mismatch; what it lets pass proves nothing. */
const ANY_DIGEST: openpgp.Config = {
  ...CONFIG,
  rejectHashAlgorithms: new Set(),
  rejectMessageHashAlgorithms: new Set()
}

/**
 * The state of the key at the date of the signature. Where its owner has replaced the self-signatures of that time since, as
 * whoever extends a key does, it is judged by the first that is left. A key that did not exist then made nothing.
 */
async function keyStateThen(
  key: openpgp.PublicKey,
  { issuerKeyID }: openpgp.SignaturePacket,
  created: Date
): Promise<SignatureState> {
  const state = await keyStateAt(key, issuerKeyID, created)
  if (state !== 'bad') return state
  const [subkey] = key.getSubkeys(issuerKeyID)
  const ofUsers = key.users.flatMap(({ selfCertifications }) => selfCertifications)
  const primary = firstMs([...ofUsers, ...(key as WithDirect).directSignatures])
  const first = Math.max(primary, subkey === undefined ? 0 : firstMs(subkey.bindingSignatures))
  const parts = [key.keyPacket, ...(subkey === undefined ? [] : [subkey.keyPacket])]
  const existed = parts.every((part) => part.created <= created)
  if (!existed || !Number.isFinite(first) || created.getTime() >= first) return 'bad'
  // What is left of the primary key from that time still counts.
  const isLeft = primary <= created.getTime()
  if (isLeft && !(await holds(key.verifyPrimaryKey(created, undefined, CONFIG))))
    return 'expired-key'
  return keyStateAt(key, issuerKeyID, new Date(first))
}

function firstMs(signatures: readonly openpgp.SignaturePacket[]): number {
  return Math.min(...signatures.map(({ created }) => created?.getTime() ?? 0))
}

/** The library takes a digest that is known already for the one to match. */
type WithDigest = openpgp.SignaturePacket & { hashed?: Uint8Array }

/** Whether the key made this signature over these bytes, as binary or as text, in a way that `config` accepts. */
async function isMathRight(
  certificate: openpgp.PublicKey,
  { packet, bytes, date }: { packet: WithDigest; bytes: SignedBytes; date: Date },
  config: openpgp.Config
): Promise<boolean> {
  const { signatureType } = packet
  const [key] = certificate.getKeys(packet.issuerKeyID)
  const { binary, text } = openpgp.enums.signature
  if (key === undefined || (signatureType !== binary && signatureType !== text)) return false
  const digest = bytes.digestFor(packet)
  if (digest === null) return false
  packet.hashed = digest
  return holds(packet.verify(key.keyPacket, signatureType, {}, date, true, config))
}

function issuerOf(packet: openpgp.SignaturePacket): string {
  return packet.issuerFingerprint === null
    ? packet.issuerKeyID.toHex()
    : Buffer.from(packet.issuerFingerprint).toString('hex')
}

const INTENDED_RECIPIENT = 35

/** Reads only signed subpackets; the library keeps unknown ones. The first octet is the version of the key. */
function intendedRecipientsOf(packet: openpgp.SignaturePacket): string[] {
  return packet.unknownSubpackets
    .filter(({ type }) => type === INTENDED_RECIPIENT)
    .map(({ body }) => Buffer.from(body.subarray(1)).toString('hex'))
}

/**
 * The identity of a signature: the bytes it signs about itself (version to hashed subpackets) and the content. Excludes unhashed
 * subpackets and number encodings, because anybody can change those without breaking the signature, and a replay would look new.
 */
function identityOf(packet: openpgp.SignaturePacket, signed: SignedBytes): Sha256 {
  return sha256(packet.signatureData ?? packet.write(), signed.contentFor(packet))
}

/** A signature packet that the library does not read: of another version or algorithm, or malformed. */
function unreadable(bytes: Uint8Array): Verdict {
  const state = stateOfUnread(bytes)
  return {
    ...{ state, stateThen: state },
    fingerprint: null,
    signer: '',
    issuer: '',
    createdAt: null,
    intendedRecipients: [],
    sha256: sha256(bytes)
  }
}

const VERSIONS = [4, 6]
const OLD_VERSIONS = [2, 3]

function stateOfUnread(bytes: Uint8Array): SignatureState {
  const [span] = walkPackets(bytes, 1).spans
  if (span?.tag !== TAG.signature) return 'bad'
  const [version = 0, , algorithm = 0, digest = 0] = bodyOf(bytes, span)
  if (OLD_VERSIONS.includes(version)) return 'old-version'
  if (!VERSIONS.includes(version)) return 'unsupported'
  const isKnown = (numbers: object, number: number): boolean =>
    Object.values(numbers).some((each) => each === number)
  const { publicKey, hash } = openpgp.enums
  return isKnown(publicKey, algorithm) && isKnown(hash, digest) ? 'bad' : 'unsupported'
}

// Validity of a signing key at a time. A signature is judged by its key now, and at the time the signature states. Must never
// accept a key because only one of its parts is valid: primary key and subkey both count.

/** To tell a weak key from one that may not sign; what it lets pass proves nothing. */
const ANY_KEY: openpgp.Config = {
  ...CONFIG,
  minRSABits: 0,
  rejectPublicKeyAlgorithms: new Set(),
  rejectCurves: new Set()
}

/**
 * Judges the signing key at `date`, also in the past: then a later revocation counts only if it is a hard one. A replaced or
 * retired key was valid until then; a stolen one proves nothing about any time.
 */
async function keyStateAt(
  key: openpgp.PublicKey,
  id: openpgp.KeyID,
  date: Date
): Promise<SignatureState> {
  const [subkey] = key.getSubkeys(id)
  if (await key.isRevoked(undefined, undefined, date, CONFIG)) return 'revoked-key'
  if (subkey !== undefined && (await isSubkeyRevoked(key, subkey, date))) return 'revoked-key'
  if (await holds(key.getSigningKey(id, date, undefined, CONFIG))) return 'valid'
  if (await holds(key.getSigningKey(id, date, undefined, ANY_KEY))) return 'weak-key'
  const ends = [
    endMs(await key.getExpirationTime(undefined, CONFIG)),
    endMs((await subkey?.getExpirationTime(ANY_TIME, CONFIG)) ?? null)
  ]
  return Math.min(...ends) <= date.getTime() ? 'expired-key' : 'bad'
}

async function isSubkeyRevoked(
  { keyPacket }: openpgp.PublicKey,
  subkey: openpgp.Subkey,
  date: Date
): Promise<boolean> {
  for (const binding of subkey.bindingSignatures) {
    // The library remembers what it found at another date.
    binding.revoked = null
    if (await subkey.isRevoked(binding, keyPacket, date, CONFIG)) return true
  }
  return false
}
