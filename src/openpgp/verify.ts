/**
 * Verdicts on message signatures. One signature is checked against exactly one certificate at a time, as a detached
 * signature over bytes that we hold: no "any of" semantics and no text that the library chose (mail.md §2.7, §2.9).
 * `bad` is the default. The key is judged at the signature's time (by the library) and at `now` (by us, §2.8).
 */
import { createHash } from 'node:crypto'

import {
  createMessage,
  enums,
  PacketList,
  readSignature,
  Signature as SignatureList,
  SignaturePacket,
  type Subkey,
  verify
} from 'openpgp'

import { type Fingerprint, parseSha256, type Sha256 } from '../domain/ids.ts'
import { type Signature, type SignatureState } from '../domain/mail.ts'
import { type Instant, instantFromMs, msOf } from '../domain/time.ts'
import { fullPgpConfig, pgpConfig } from './config.ts'
import { fingerprintsOf, keyIdOf } from './key-packets.ts'
import { bindingEndMs, type CertificateFacts, endMs, readCertificate } from './keyring.ts'
import { TAG, walkPackets } from './packets.ts'

/** More signatures than this on one mail are refused as a flood (mail.md §2.15). */
const SIGNATURES_MAX = 8
const CERTIFICATES_TRIED_MAX = 4

/** Against what, and when, signatures are judged. */
export type VerifyContext = {
  /** Binary certificates, maintainers first. */
  readonly certificates: readonly Uint8Array[]
  readonly now: Instant
}

/** A verdict without the place of the signature, which only the mail's structure can tell. */
export type Verdict = Omit<Signature, 'coversWhole' | 'isInside'>

/** Verdicts in the order of the packets, or that there are too many to look at. */
export type Verdicts =
  | { readonly kind: 'judged'; readonly verdicts: readonly Verdict[] }
  | { readonly kind: 'limit' }

/** Judges the binary detached signature packets in `signature` over exactly `data` (RFC 3156 §5: CRLF line ends). */
export async function verifyDetached(
  data: Uint8Array,
  signature: Uint8Array,
  context: VerifyContext
): Promise<Verdicts> {
  const walk = walkPackets(signature, SIGNATURES_MAX + 2)
  const spans = walk.spans.filter((span) => span.tag === TAG.signature)
  if (walk.end === 'too-many' || spans.length > SIGNATURES_MAX) return { kind: 'limit' }
  const verdicts: Verdict[] = []
  for (const span of spans) {
    const bytes = signature.subarray(span.start, span.end)
    const packet = await readPacket(bytes)
    verdicts.push(packet === null ? unreadable(bytes) : await judge(packet, data, context))
  }
  if (verdicts.length === 0) verdicts.push(unreadable(signature))
  return { kind: 'judged', verdicts }
}

/** Judges signature packets that came with `data` inside one OpenPGP message. */
export async function verifyPackets(
  data: Uint8Array,
  packets: readonly SignaturePacket[],
  context: VerifyContext
): Promise<Verdicts> {
  if (packets.length > SIGNATURES_MAX) return { kind: 'limit' }
  const verdicts: Verdict[] = []
  for (const packet of packets) verdicts.push(await judge(packet, data, context))
  return { kind: 'judged', verdicts }
}

async function readPacket(bytes: Uint8Array): Promise<SignaturePacket | null> {
  try {
    const { packets } = await readSignature({ binarySignature: bytes, config: pgpConfig(false) })
    const [first] = packets
    return first instanceof SignaturePacket ? first : null
  } catch {
    return null
  }
}

async function judge(
  packet: SignaturePacket,
  data: Uint8Array,
  context: VerifyContext
): Promise<Verdict> {
  const base = {
    issuer: issuerOf(packet),
    createdAt: packet.created === null ? null : instantFromMs(packet.created.getTime()),
    sha256: identityOf(packet, data)
  }
  const candidates = await findCertificates(packet, context)
  let best: { state: SignatureState; fingerprint: Fingerprint | null } = {
    state: candidates.length === 0 ? 'unknown-key' : 'bad',
    fingerprint: null
  }
  for (const certificate of candidates) {
    const state = await stateUnder(certificate, packet, data, context.now)
    if (state === 'bad') continue
    best = { state, fingerprint: certificate.fingerprint }
    if (state === 'valid') break
  }
  return { ...best, ...base }
}

/** Known certificates that hold the issuing key: by full fingerprint where the signature names one, else by key id. */
async function findCertificates(
  packet: SignaturePacket,
  context: VerifyContext
): Promise<CertificateFacts[]> {
  const issuer = issuerOf(packet)
  const found = new Map<string, CertificateFacts>()
  for (const keyData of context.certificates) {
    const isMatch = fingerprintsOf(keyData).some(
      (fingerprint) => fingerprint === issuer || keyIdOf(fingerprint) === issuer
    )
    if (!isMatch) continue
    const certificate = await readCertificate(keyData, context.now)
    if (certificate !== null && !found.has(certificate.fingerprint)) {
      found.set(certificate.fingerprint, certificate)
    }
    if (found.size === CERTIFICATES_TRIED_MAX) break
  }
  return [...found.values()]
}

async function stateUnder(
  certificate: CertificateFacts,
  packet: SignaturePacket,
  data: Uint8Array,
  now: Instant
): Promise<SignatureState> {
  const date = new Date(msOf(now))
  const message = await createMessage({ binary: data, date })
  const list = new PacketList<SignaturePacket>()
  list.push(packet)
  try {
    const { signatures } = await verify({
      message,
      signature: new SignatureList(list),
      verificationKeys: certificate.key,
      format: 'binary',
      date,
      config: pgpConfig(false)
    })
    const [only] = signatures
    if (only === undefined || signatures.length !== 1) return 'bad'
    await only.verified
  } catch {
    const holds = await isMathRight(certificate, packet, message.packets[0], date)
    return holds ? await keyStateNow(certificate, packet, date, 'bad') : 'bad'
  }
  return keyStateNow(certificate, packet, date, 'valid')
}

/** Whether the numbers fit although the key was not good at the time: then the key's state is the better answer. */
async function isMathRight(
  certificate: CertificateFacts,
  packet: SignaturePacket,
  literal: object | undefined,
  date: Date
): Promise<boolean> {
  const [key] = certificate.key.getKeys(packet.issuerKeyID)
  if (key === undefined || literal === undefined || packet.signatureType === null) return false
  if (
    packet.signatureType !== enums.signature.binary &&
    packet.signatureType !== enums.signature.text
  )
    return false
  try {
    const config = fullPgpConfig(false)
    await packet.verify(key.keyPacket, packet.signatureType, literal, date, true, config)
    return true
  } catch {
    return false
  }
}

/** Judges the signing key at `date`; `otherwise` is the answer when neither revocation nor expiry speaks against it. */
async function keyStateNow(
  certificate: CertificateFacts,
  packet: SignaturePacket,
  date: Date,
  otherwise: 'valid' | 'bad'
): Promise<SignatureState> {
  const { key } = certificate
  const config = fullPgpConfig(false)
  const [subkey] = key.getSubkeys(packet.issuerKeyID)
  if (await key.isRevoked(undefined, undefined, date, config)) return 'revoked-key'
  if (subkey !== undefined && (await isSubkeyRevoked(subkey, date))) return 'revoked-key'
  try {
    await key.getSigningKey(packet.issuerKeyID, date, undefined, config)
    return otherwise
  } catch {
    const primaryEnd = await key.getExpirationTime(undefined, config)
    const ends = [endMs(primaryEnd), subkey === undefined ? Infinity : bindingEndMs(subkey)]
    return Math.min(...ends) <= date.getTime() ? 'expired-key' : 'bad'
  }
}

async function isSubkeyRevoked(subkey: Subkey, date: Date): Promise<boolean> {
  for (const binding of subkey.bindingSignatures) {
    if (await subkey.isRevoked(binding, subkey.keyPacket, date, fullPgpConfig(false))) return true
  }
  return false
}

function issuerOf(packet: SignaturePacket): string {
  return packet.issuerFingerprint === null
    ? packet.issuerKeyID.toHex()
    : Buffer.from(packet.issuerFingerprint).toString('hex')
}

/**
 * What makes a signature the same signature: the bytes it signs over itself (version to hashed subpackets) and the
 * content. The unhashed subpackets and the number encodings are left out, because anybody can change those without
 * breaking the signature, and a replay would then look new.
 */
function identityOf(packet: SignaturePacket, data: Uint8Array): Sha256 {
  const isText = packet.signatureType === enums.signature.text
  const content = createHash('sha256')
    .update(isText ? withCrlf(data) : data)
    .digest()
  const own = packet.signatureData ?? packet.write()
  return asSha256(createHash('sha256').update(own).update(content).digest('hex'))
}

function unreadable(bytes: Uint8Array): Verdict {
  return {
    state: 'bad',
    fingerprint: null,
    issuer: '',
    createdAt: null,
    sha256: asSha256(createHash('sha256').update(bytes).digest('hex'))
  }
}

function asSha256(hex: string): Sha256 {
  const parsed = parseSha256(hex)
  if (parsed === null) throw new TypeError('node:crypto returned no SHA-256')
  return parsed
}

function withCrlf(data: Uint8Array): Buffer {
  const text = Buffer.from(data).toString('latin1').replaceAll('\r\n', '\n')
  return Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1')
}
