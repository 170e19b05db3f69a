/**
 * What packet framing alone tells about a key file: public or private, size, fingerprints. Runs before the library parses
 * anything, so that a poisoned or giant key costs nothing (mail.md §2.13).
 */
import { createHash } from 'node:crypto'

import { type Fingerprint, parseFingerprint } from '../domain/ids.ts'
import { toBinary } from './armor.ts'
import { bodyOf, type PacketSpan, TAG, walkPackets } from './packets.ts'

const KEY_BYTES_MAX = 256 * 1024
const ARMORED_BYTES_MAX = 400 * 1024
const USER_IDS_MAX = 20
const SUBKEYS_MAX = 20
const PACKETS_MAX = 5000
/** RSA in its three forms (RFC 9580 §9.1). Larger moduli and exponents add cost, not security. */
const RSA: readonly number[] = [1, 2, 3]
const MODULUS_BITS_MAX = 8192
const EXPONENT_BITS_MAX = 32
const KEY_TAGS: readonly number[] = [TAG.publicKey, TAG.publicSubkey]

/** The class of a key file by its packets. */
export type KeyClass = 'public' | 'private' | 'unreadable'

/** Whether `data` (armored or binary) is exactly one public key, exactly one private key, or neither. */
export function classifyKey(data: Uint8Array | string): KeyClass {
  return readKeyPackets(data)?.kind ?? 'unreadable'
}

/** A key file within all limits: its binary form and its class. */
export type KeyPackets = { readonly kind: 'public' | 'private'; readonly data: Uint8Array }

/** The packets of exactly one key within the limits, or null. */
export function readKeyPackets(data: Uint8Array | string): KeyPackets | null {
  if (data.length > ARMORED_BYTES_MAX) return null
  const binary = toBinary(data)
  if (binary === null || binary.data.length > KEY_BYTES_MAX) return null
  const walk = walkPackets(binary.data, PACKETS_MAX)
  const kind = walk.end === 'complete' ? kindOf(walk.spans) : null
  if (kind === null || walk.spans.some((span) => hasGiantNumbers(binary.data, span))) return null
  const isArmorRight =
    binary.kind === 'binary' || binary.kind === (kind === 'public' ? 'public-key' : 'private-key')
  return isArmorRight ? { kind, data: binary.data } : null
}

/** Fingerprints of the primary key (first) and the subkeys of a binary certificate; empty when it is not one. */
export function fingerprintsOf(keyData: Uint8Array): Fingerprint[] {
  const { spans } = walkPackets(keyData, PACKETS_MAX)
  const found: Fingerprint[] = []
  for (const span of spans) {
    if ((span.tag !== TAG.publicKey && span.tag !== TAG.publicSubkey) || span.chunked) continue
    const fingerprint = fingerprintOfBody(keyData.subarray(span.body, span.end))
    if (fingerprint !== null) found.push(fingerprint)
  }
  return found
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

/** Whether an RSA key's numbers are so large that verifying its signatures would take minutes. */
function hasGiantNumbers(data: Uint8Array, span: PacketSpan): boolean {
  if (!KEY_TAGS.includes(span.tag)) return false
  const body = bodyOf(data, span)
  if (!RSA.includes(body[5] ?? 0)) return false
  // Version, four bytes of time, the algorithm; version 6 has four bytes of length more (RFC 9580 §5.5.2).
  const at = body[0] === 6 ? 10 : 6
  const bits = bitsAt(body, at)
  const exponentAt = at + 2 + Math.ceil(bits / 8)
  return bits > MODULUS_BITS_MAX || bitsAt(body, exponentAt) > EXPONENT_BITS_MAX
}

/** The length that a number declares (RFC 9580 §3.2); 0 past the end. */
function bitsAt(body: Uint8Array, at: number): number {
  return ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0)
}

function fingerprintOfBody(body: Uint8Array): Fingerprint | null {
  if (body[0] === 4 && body.length < 65_536) {
    const head = Uint8Array.of(0x99, body.length >> 8, body.length & 0xff)
    return parseFingerprint(createHash('sha1').update(head).update(body).digest('hex'))
  }
  if (body[0] === 6) {
    const head = Buffer.alloc(5, 0x9b)
    head.writeUInt32BE(body.length, 1)
    return parseFingerprint(createHash('sha256').update(head).update(body).digest('hex'))
  }
  return null
}
