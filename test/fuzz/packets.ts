/**
 * OpenPGP packets as the fuzzer writes and breaks them: framing (RFC 9580 §4.2), streams, nesting, encryption with a
 * session key it knows, armor. Must never be used to write mail for anybody.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { deflateRawSync, deflateSync } from 'node:zlib'
import { enums } from 'openpgp'
import { bodyOf, TAG, walkPackets } from '../../src/openpgp/packets.ts'
import { type Random } from './random.ts'

/** One packet: its tag and its body without framing. */
export type Packet = { readonly tag: number; readonly body: Buffer }

/** The packets of a sound stream. */
export function splitPackets(stream: Uint8Array): Packet[] {
  return walkPackets(stream, 10_000).spans.map((span) => ({
    tag: span.tag,
    body: Buffer.from(bodyOf(stream, span))
  }))
}

/** One packet in the framing that every program writes: new format, five-octet length. */
export function framed({ tag, body }: Packet): Buffer {
  const head = Buffer.alloc(6)
  head.writeUInt8(0xc0 | tag, 0)
  head.writeUInt8(255, 1)
  head.writeUInt32BE(body.length, 2)
  return Buffer.concat([head, body])
}

/** A stream in sound framing. */
export function joined(packets: readonly Packet[]): Buffer {
  return Buffer.concat(packets.map(framed))
}

/** A stream in which each packet is framed in one of the ways there are, now and then a wrong one. */
export function reframed(random: Random, packets: readonly Packet[]): Buffer {
  const pieces = packets.map((packet, index) =>
    frameSomehow(random, packet, index === packets.length - 1)
  )
  const stream = Buffer.concat(pieces)
  if (random.chance(0.1) && stream.length > 6) stream[random.int(6)] = random.int(256)
  return stream
}

function frameSomehow(random: Random, packet: Packet, isLast: boolean): Buffer {
  const { tag, body } = packet
  switch (random.int(6)) {
    case 0:
      return tag < 16 ? oldFormat(tag, body) : framed(packet)
    case 1:
      return tag < 16 && isLast
        ? Buffer.concat([Buffer.of(0x80 | (tag << 2) | 3), body])
        : framed(packet)
    case 2:
      return chunked(random, packet)
    case 3: {
      const wrong = framed(packet)
      wrong.writeUInt32BE(random.pick([0, 1, body.length + 1, 0x7fffffff, 0xffffffff]), 2)
      return random.chance(0.2) ? wrong : framed(packet)
    }
    default:
      return framed(packet)
  }
}

function oldFormat(tag: number, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt8(0x80 | (tag << 2) | 2, 0)
  head.writeUInt32BE(body.length, 1)
  return Buffer.concat([head, body])
}

/** Partial lengths (RFC 9580 §4.2.1.4), also ones that are shorter than allowed. */
function chunked(random: Random, { tag, body }: Packet): Buffer {
  const pieces: Buffer[] = [Buffer.of(0xc0 | tag)]
  let at = 0
  for (let count = 0; count < 40; count += 1) {
    const power = random.pick([0, 1, 3, 9, 10])
    if (at + 2 ** power > body.length) break
    pieces.push(Buffer.of(224 + power), body.subarray(at, at + 2 ** power))
    at += 2 ** power
  }
  const last = Buffer.alloc(5, 255)
  last.writeUInt32BE(body.length - at, 1)
  return Buffer.concat([...pieces, last, body.subarray(at)])
}

/** Breaks a list of packets in up to three places. */
export function mutatePackets(random: Random, packets: readonly Packet[]): Packet[] {
  let mutated = [...packets]
  for (let count = random.int(3) + 1; count > 0; count -= 1) mutated = mutateOnce(random, mutated)
  return mutated
}

function mutateOnce(random: Random, packets: Packet[]): Packet[] {
  const at = random.int(Math.max(packets.length, 1))
  const chosen = packets[at]
  if (chosen === undefined) return [junkPacket(random)]
  switch (random.int(9)) {
    case 0:
      return packets.filter((_, index) => index !== at)
    case 1:
      return packets.toSpliced(at, 0, chosen)
    case 2:
      return [...packets.filter((_, index) => index !== at), chosen]
    case 3:
      return packets.toSpliced(at, 0, junkPacket(random))
    case 4:
      return packets.with(at, compressed(random, [chosen]))
    case 5:
      return [compressed(random, packets)]
    case 6:
      return Array.from({ length: random.pick([5, 9, 65, 201]) }, () => chosen)
    case 7:
      return packets.with(at, { tag: random.int(64), body: chosen.body })
    default:
      return packets.with(at, { tag: chosen.tag, body: mutateBytes(random, chosen.body) })
  }
}

/** Flips, cuts or lengthens bytes, more often near the beginning, where versions and algorithms stand. */
export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const near = Math.min(copy.length, random.chance(0.6) ? 24 : copy.length)
  switch (random.int(4)) {
    case 0:
      return copy.subarray(0, random.int(copy.length + 1))
    case 1:
      return Buffer.concat([copy, random.bytes(random.int(20))])
    case 2:
      if (near > 0) copy[random.int(near)] = random.pick([0, 1, 2, 3, 4, 5, 6, 255])
      return copy
    default:
      if (near > 0) {
        const at = random.int(near)
        copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8))
      }
      return copy
  }
}

function junkPacket(random: Random): Packet {
  const tag = random.pick([
    enums.packet.marker,
    enums.packet.padding,
    enums.packet.trust,
    enums.packet.literalData,
    enums.packet.compressedData,
    enums.packet.onePassSignature,
    TAG.signature,
    TAG.userId,
    TAG.encryptedNoIntegrity,
    TAG.symmetricKeySession,
    0,
    39,
    60
  ])
  return {
    tag,
    body: tag === enums.packet.marker ? Buffer.from('PGP') : random.bytes(random.int(40))
  }
}

/** A compressed data packet (RFC 9580 §5.6) around a stream. */
export function compressed(random: Random, packets: readonly Packet[]): Packet {
  const inner = joined(packets)
  const isZip = random.chance(0.5)
  const data = isZip ? deflateRawSync(inner) : deflateSync(inner)
  return { tag: enums.packet.compressedData, body: Buffer.concat([Buffer.of(isZip ? 1 : 2), data]) }
}

/** A literal data packet (RFC 9580 §5.9), binary, without a file name. */
export function literal(data: Uint8Array): Packet {
  return { tag: enums.packet.literalData, body: Buffer.concat([Buffer.from('b\0\0\0\0\0'), data]) }
}

/** Encrypted, integrity-protected data version 1 (RFC 9580 §5.13.1) under an AES-256 session key. */
export function encryptedData(sessionKey: Uint8Array, stream: Uint8Array): Packet {
  const prefix = Buffer.from('0123456789abcdefef')
  const plain = Buffer.concat([prefix, stream, Buffer.of(0xd3, 0x14)])
  const check = createHash('sha1').update(plain).digest()
  const cipher = createCipheriv('aes-256-cfb', sessionKey, Buffer.alloc(16))
  const data = Buffer.concat([cipher.update(plain), cipher.update(check), cipher.final()])
  return { tag: TAG.encryptedIntegrity, body: Buffer.concat([Buffer.of(1), data]) }
}

/** Armor in one of the ways that programs write it. */
export function armored(random: Random, label: string, data: Uint8Array): string {
  const width = random.pick([64, 64, 76, 60])
  const lines =
    Buffer.from(data)
      .toString('base64')
      .match(new RegExp(`.{1,${width}}`, 'g')) ?? []
  const heads = random.chance(0.7) ? [] : [random.pick(['Version: 1', 'Comment: x', 'Hash: SHA1'])]
  const sum = random.chance(0.3) ? [random.pick(['=AAAA', '=twTO'])] : []
  const all = [
    `-----BEGIN PGP ${label}-----`,
    ...heads,
    '',
    ...lines,
    ...sum,
    `-----END PGP ${label}-----`
  ]
  return all.join('\r\n')
}

/** Armor with a mistake in it, of the kinds attackers and mail systems make. */
export function brokenArmor(random: Random, text: string): string {
  const lines = text.split('\r\n')
  const at = random.int(lines.length)
  const line = lines[at] ?? ''
  switch (random.int(6)) {
    case 0:
      return lines.toSpliced(at, 1).join('\r\n')
    case 1:
      return lines.toSpliced(at, 0, line).join('\r\n')
    case 2:
      return lines.with(at, ` ${line}\t`).join('\r\n')
    case 3:
      return `${text}\r\n${text}`
    case 4:
      return lines.with(at, line.replace(/[A-Za-z]/, '\u00e9')).join('\r\n')
    default:
      return lines
        .toSpliced(at, 0, random.pick(['', 'X: y', '-----BEGIN PGP MESSAGE-----']))
        .join('\r\n')
  }
}
