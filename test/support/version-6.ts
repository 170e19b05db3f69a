/**
 * Opens a message sealed to a version 6 X25519 key by the letter of RFC 9580, with Node's ciphers alone: no OpenPGP program of
 * a present distribution holds such a key, and Postern's own library must not be its own witness. Throws at anything but the
 * one form that the desk writes: one session key, SEIPD version 2, one version 4 Ed25519 signature over the whole.
 */
import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type KeyObject,
  verify
} from 'node:crypto'

/** The encryption subkey. `fingerprint` in hexadecimal, the others 32 bytes each. */
export type Version6Key = {
  readonly fingerprint: string
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

type Packet = { readonly tag: number; readonly body: Buffer }

const TAGS = { sessionKey: 1, signature: 2, onePass: 4, key: 6, literal: 11, sealed: 18 } as const
/** Octets of the AES keys (RFC 9580 §9.3), name and nonce of the modes (§9.6). */
const KEY_BYTES: Readonly<Record<number, number>> = { 7: 16, 8: 24, 9: 32 }
const MODES: Readonly<Record<number, { readonly name: 'ocb' | 'gcm'; readonly nonce: number }>> = {
  2: { name: 'ocb', nonce: 15 },
  3: { name: 'gcm', nonce: 12 }
}
const HASHES: Readonly<Record<number, string>> = { 8: 'sha256', 9: 'sha384', 10: 'sha512' }
const TAG_BYTES = 16

/** What was sealed, once the signature by the primary key of `signer` (armored) is found good. */
export function openVersion6(armored: string, key: Version6Key, signer: string): Buffer {
  const outer = packetsOf(dearmor(armored))
  const [session, sealed] = bodies(outer, [TAGS.sessionKey, TAGS.sealed])
  if (session === undefined || sealed === undefined) throw new Error('two packets are missing')
  const inner = packetsOf(decrypt(sealed, sessionKey(session, key)))
  const [, literal, signature] = bodies(inner, [TAGS.onePass, TAGS.literal, TAGS.signature])
  if (literal === undefined || signature === undefined) throw new Error('nothing is signed')
  // Format, file name, date, and then what is signed (RFC 9580 §5.9).
  const data = literal.subarray(2 + literal.readUInt8(1) + 4)
  requireGood(signature, data, primaryKey(signer))
  return data
}

function bodies(packets: readonly Packet[], tags: readonly number[]): Buffer[] {
  const found = packets.map(({ tag }) => tag)
  if (found.join() !== tags.join()) throw new Error(`the packets are ${found.join()}`)
  return packets.map(({ body }) => body)
}

/** The session key of a version 6 packet for X25519 (RFC 9580 §5.1.2, §5.1.6). */
function sessionKey(body: Buffer, key: Version6Key): Buffer {
  const isForKey =
    body.subarray(0, 3).equals(Buffer.from([6, 33, 6])) &&
    body.subarray(3, 35).toString('hex') === key.fingerprint &&
    body.readUInt8(35) === 25
  if (!isForKey) throw new Error('it is sealed to another key')
  const ephemeral = body.subarray(36, 68)
  const wrapped = body.subarray(69, 69 + body.readUInt8(68))
  const shared = diffieHellman({
    privateKey: createPrivateKey({
      key: { ...jwk('X25519', key.publicKey), d: base64url(key.secretKey) },
      format: 'jwk'
    }),
    publicKey: createPublicKey({ key: jwk('X25519', ephemeral), format: 'jwk' })
  })
  const secret = Buffer.concat([ephemeral, key.publicKey, shared])
  const wrapping = Buffer.from(hkdfSync('sha256', secret, '', 'OpenPGP X25519', 16))
  const unwrap = createDecipheriv('id-aes128-wrap', wrapping, Buffer.alloc(8, 0xa6))
  return Buffer.concat([unwrap.update(wrapped), unwrap.final()])
}

/** SEIPD version 2 (RFC 9580 §5.13.2): chunks, each with its tag, and a tag over their whole length. */
function decrypt(body: Buffer, session: Buffer): Buffer {
  const [version, cipher, mode, size] = [...body.subarray(0, 4)]
  const { name, nonce } = MODES[mode ?? 0] ?? { name: 'none', nonce: 0 }
  const keyBytes = KEY_BYTES[cipher ?? 0] ?? 0
  if (version !== 2 || name === 'none' || session.length !== keyBytes) {
    throw new Error('another version, cipher or mode')
  }
  const info = Buffer.from([0xc0 | TAGS.sealed, version, cipher ?? 0, mode ?? 0, size ?? 0])
  const salt = body.subarray(4, 36)
  const derived = Buffer.from(hkdfSync('sha256', session, salt, info, keyBytes + nonce - 8))
  const [key, iv] = [derived.subarray(0, keyBytes), derived.subarray(keyBytes)]
  const open = (piece: Buffer, index: number, extra: Buffer): Buffer => {
    const algorithm = `aes-${keyBytes * 8}-${name}` as 'aes-256-ocb'
    const whole = Buffer.concat([iv, eightOctets(index)])
    const chunk = createDecipheriv(algorithm, key, whole, { authTagLength: TAG_BYTES })
    const end = piece.length - TAG_BYTES
    chunk.setAAD(Buffer.concat([info, extra]), { plaintextLength: end })
    chunk.setAuthTag(piece.subarray(end))
    return Buffer.concat([chunk.update(piece.subarray(0, end)), chunk.final()])
  }
  const [data, last] = [body.subarray(36, -TAG_BYTES), body.subarray(-TAG_BYTES)]
  const step = 2 ** ((size ?? 0) + 6) + TAG_BYTES
  const chunks: Buffer[] = []
  for (let at = 0; at < data.length; at += step) {
    chunks.push(open(data.subarray(at, at + step), chunks.length, Buffer.alloc(0)))
  }
  const plain = Buffer.concat(chunks)
  open(last, chunks.length, eightOctets(plain.length))
  return plain
}

/** Checks a version 4 signature over binary data by EdDSA (RFC 9580 §5.2.3, §5.2.4). */
function requireGood(signature: Buffer, data: Buffer, key: KeyObject): void {
  const [version, type, algorithm, hash] = [...signature.subarray(0, 4)]
  if (version !== 4 || type !== 0 || algorithm !== 22) throw new Error('another signature')
  const end = 6 + signature.readUInt16BE(4)
  const trailer = Buffer.from([4, 0xff, 0, 0, 0, 0])
  trailer.writeUInt32BE(end, 2)
  const digest = createHash(HASHES[hash ?? 0] ?? 'none')
    .update(Buffer.concat([data, signature.subarray(0, end), trailer]))
    .digest()
  const numbers = end + 2 + signature.readUInt16BE(end) + 2
  const first = integer(signature, numbers)
  const second = integer(signature, first.end)
  if (!verify(null, digest, key, Buffer.concat([first.octets, second.octets]))) {
    throw new Error('the signature is wrong')
  }
}

/** A multiprecision integer (RFC 9580 §3.2) as 32 octets. */
function integer(from: Buffer, at: number): { readonly octets: Buffer; readonly end: number } {
  const length = Math.ceil(from.readUInt16BE(at) / 8)
  const end = at + 2 + length
  return {
    octets: Buffer.concat([Buffer.alloc(32 - length), from.subarray(at + 2, end)]),
    end
  }
}

/** The Ed25519 key of a version 4 certificate (RFC 9580 §5.5.5.5): after the curve's name one integer, 0x40 and 32 octets. */
function primaryKey(armored: string): KeyObject {
  const [first] = packetsOf(dearmor(armored))
  if (first?.tag !== TAGS.key || first.body.readUInt8(5) !== 22) throw new Error('another key')
  const at = 7 + first.body.readUInt8(6) + 3
  return createPublicKey({ key: jwk('Ed25519', first.body.subarray(at, at + 32)), format: 'jwk' })
}

function jwk(curve: string, key: Uint8Array): { kty: string; crv: string; x: string } {
  return { kty: 'OKP', crv: curve, x: base64url(key) }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function eightOctets(value: number): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(BigInt(value))
  return octets
}

/** Packets with lengths of the present format (RFC 9580 §4.2.1), partial ones joined. */
function packetsOf(data: Buffer): Packet[] {
  const packets: Packet[] = []
  for (let at = 0; at < data.length; ) {
    const head = data.readUInt8(at)
    if (head < 0xc0) throw new Error('no packet of the present format')
    at += 1
    const pieces: Buffer[] = []
    for (let isPartial = true; isPartial; ) {
      const { length, start, partial } = lengthAt(data, at)
      if (start + length > data.length) throw new Error('a packet is cut off')
      pieces.push(data.subarray(start, start + length))
      at = start + length
      isPartial = partial
    }
    packets.push({ tag: head & 0x3f, body: Buffer.concat(pieces) })
  }
  return packets
}

function lengthAt(
  data: Buffer,
  at: number
): { readonly length: number; readonly start: number; readonly partial: boolean } {
  const first = data.readUInt8(at)
  if (first < 192) return { length: first, start: at + 1, partial: false }
  if (first < 224) {
    const length = ((first - 192) << 8) + data.readUInt8(at + 1) + 192
    return { length, start: at + 2, partial: false }
  }
  if (first < 255) return { length: 2 ** (first & 0x1f), start: at + 1, partial: true }
  return { length: data.readUInt32BE(at + 1), start: at + 5, partial: false }
}

function dearmor(armored: string): Buffer {
  const body = armored
    .replaceAll('\r', '')
    .replace(/^[^]*?\n\n/, '')
    .replace(/\n(?:=[^\n]{4}\n)?-----END[^]*$/, '')
  return Buffer.from(body, 'base64')
}
