/**
 * Walks OpenPGP packet headers (RFC 9580 §4.2) in old and new format, with partial lengths. Runs before any parsing, to enforce
 * limits on counts and sizes; never recurses and never looks inside a packet.
 */

import { createHash } from 'node:crypto'
import { type Sha256 } from '../domain/ids.ts'

/** The position of one packet. `end` is past its last byte; `body` is its first body byte. */
export type PacketSpan = {
  readonly tag: number
  readonly start: number
  readonly body: number
  readonly end: number
  /** Whether the body has partial lengths or no length, so that `body…end` also holds length bytes. */
  readonly chunked: boolean
}

/** Tags of RFC 9580 §5 that callers use. */
export const TAG = {
  publicKeySession: 1,
  signature: 2,
  symmetricKeySession: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  compressed: 8,
  encryptedNoIntegrity: 9,
  literal: 11,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  encryptedIntegrity: 18,
  encryptedAead: 20
} as const

/** The packets found, and how the walk ended: at the end of the data, at broken framing, or at the limit. */
export type PacketWalk = {
  readonly spans: readonly PacketSpan[]
  readonly end: 'complete' | 'broken' | 'too-many'
}

/** The packets of `data` in order, at most `countMax`. Never throws. */
export function walkPackets(data: Uint8Array, countMax: number): PacketWalk {
  const spans: PacketSpan[] = []
  for (let at = 0; at < data.length; ) {
    if (spans.length === countMax) return { spans, end: 'too-many' }
    const span = readSpan(data, at)
    if (span === null || span.end > data.length) return { spans, end: 'broken' }
    spans.push(span)
    at = span.end
  }
  return { spans, end: 'complete' }
}

function readSpan(data: Uint8Array, start: number): PacketSpan | null {
  const first = data[start] ?? 0
  if ((first & 0x80) === 0) return null
  if ((first & 0x40) === 0) return readOldFormat(data, start, first)
  let chunk = readLength(data, start + 1)
  if (chunk === null) return null
  const { body, partial: chunked } = chunk
  while (chunk.partial) {
    chunk = readLength(data, chunk.body + chunk.length)
    if (chunk === null) return null
  }
  return { tag: first & 0x3f, start, body, end: chunk.body + chunk.length, chunked }
}

function readOldFormat(data: Uint8Array, start: number, first: number): PacketSpan | null {
  const lengthType = first & 3
  const octets = lengthType === 3 ? 0 : 1 << lengthType
  const body = start + 1 + octets
  if (body > data.length) return null
  const end = lengthType === 3 ? data.length : body + bigEndian(data, start + 1, octets)
  return { tag: (first >> 2) & 0x0f, start, body, end, chunked: lengthType === 3 }
}

/** The body of a packet with its chunks joined: the same bytes for any framing. */
export function bodyOf(data: Uint8Array, span: PacketSpan): Uint8Array {
  const isNewFormat = ((data[span.start] ?? 0) & 0x40) !== 0
  if (!span.chunked || !isNewFormat) return data.subarray(span.body, span.end)
  const body = new Uint8Array(span.end - span.body)
  let size = 0
  let chunk = readLength(data, span.start + 1)
  while (chunk !== null) {
    body.set(data.subarray(chunk.body, chunk.body + chunk.length), size)
    size += chunk.length
    chunk = chunk.partial ? readLength(data, chunk.body + chunk.length) : null
  }
  return body.subarray(0, size)
}

type Chunk = { readonly body: number; readonly length: number; readonly partial: boolean }

function readLength(data: Uint8Array, at: number): Chunk | null {
  const first = data[at]
  if (first === undefined) return null
  if (first < 192) return { body: at + 1, length: first, partial: false }
  if (first < 224) {
    const second = data[at + 1]
    if (second === undefined) return null
    return { body: at + 2, length: ((first - 192) << 8) + second + 192, partial: false }
  }
  if (first < 255) return { body: at + 1, length: 2 ** (first & 0x1f), partial: true }
  if (at + 5 > data.length) return null
  return { body: at + 5, length: bigEndian(data, at + 1, 4), partial: false }
}

function bigEndian(data: Uint8Array, at: number, octets: number): number {
  let value = 0
  for (let i = 0; i < octets; i += 1) value = value * 256 + (data[at + i] ?? 0)
  return value
}

/** SHA-256 of the pieces, one after the other. */
export function sha256(...pieces: readonly (Uint8Array | string)[]): Sha256 {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex') as Sha256
}
