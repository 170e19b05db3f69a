/** Certificates with signatures that only claim to be their own, as an attacker makes them by the thousand. */
import { createHash } from 'node:crypto'
import { joined, type Packet, splitPackets } from '../fuzz/packets.ts'

const HASHES: Readonly<Record<number, string>> = { 8: 'sha256', 9: 'sha384', 10: 'sha512' }
/** 2026-01-01 in seconds: each signature is one second newer than the one before. */
const FIRST_SECOND = 1_767_225_600

/**
 * The certificate with `count` more certifications of its first user id, which must be the second packet and the real
 * certification the third. Issuer and digest are right and the numbers are not, so that only verifying tells.
 */
export function withForgedSignatures(certificate: Uint8Array, count: number): Buffer {
  const [primary, userId, certification, ...rest] = splitPackets(certificate)
  if (primary === undefined || userId === undefined || certification?.tag !== 2) {
    throw new Error('not a certificate of this form')
  }
  const forged = Array.from({ length: count }, (_, index) =>
    forge(primary, userId, certification, FIRST_SECOND + index)
  )
  return joined([primary, userId, certification, ...forged, ...rest])
}

/** A certification of version 4 (RFC 9580 §5.2.3) with the numbers of another one. */
function forge(primary: Packet, userId: Packet, real: Packet, seconds: number): Packet {
  const time = Buffer.of(5, 2, 0, 0, 0, 0)
  time.writeUInt32BE(seconds, 2)
  const signed = Buffer.concat([real.body.subarray(0, 4), Buffer.of(0, time.length), time])
  const digest = createHash(HASHES[real.body[3] ?? 0] ?? 'unknown')
    .update(Buffer.concat([withLength(0x99, 2, primary.body), withLength(0xb4, 4, userId.body)]))
    .update(Buffer.concat([signed, withLength(4, 0, Buffer.of(255)), length(4, signed.length)]))
    .digest()
  const keyId = createHash('sha1')
    .update(withLength(0x99, 2, primary.body))
    .digest()
    .subarray(12)
  const unhashed = Buffer.concat([Buffer.of(0, 10, 9, 16), keyId])
  return {
    tag: 2,
    body: Buffer.concat([signed, unhashed, digest.subarray(0, 2), numbersOf(real.body)])
  }
}

function numbersOf(body: Buffer): Buffer {
  const unhashedAt = 6 + body.readUInt16BE(4)
  return body.subarray(unhashedAt + 2 + body.readUInt16BE(unhashedAt) + 2)
}

function withLength(first: number, octets: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first), length(octets, body.length), body])
}

function length(octets: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes.subarray(4 - octets)
}
