/**
 * Signatures and certificates as an attacker makes them: packets written by hand, with whatever they say of their issuer, and signed
 * with an Ed25519 key that the attacker has (RFC 9580 §5.2). Must never be used to write mail for anybody.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto'
import { type PrivateKey } from 'openpgp'
import { TAG } from '../../src/openpgp/packets.ts'
import { joined, type Packet } from '../fuzz/packets.ts'
import { numberOf } from './ciphertext.ts'

const EDDSA = 22
const SHA512 = 10
/** What a signature is for (RFC 9580 §5.2.1). */
const TYPE = { binary: 0, subkeyBinding: 0x18, primaryKeyBinding: 0x19 } as const

/** One subpacket (RFC 9580 §5.2.3.7), its length in five octets. */
function subpacket(type: number, body: Uint8Array): Buffer {
  const head = Buffer.alloc(6, 255)
  head.writeUInt32BE(body.length + 1, 1)
  head.writeUInt8(type, 5)
  return Buffer.concat([head, body])
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** What a signature says of its issuer: a fingerprint (signed or not), a key id. */
export type Issuer = {
  readonly fingerprint?: string
  readonly unhashedFingerprint?: string
  readonly keyId?: string
}

/** An armored signature over `data`, made with the primary key of `by` at `at`, that names `issuer`. */
export function signatureBy(
  by: PrivateKey,
  data: Uint8Array | string,
  issuer: Issuer,
  at: Date
): Packet {
  const hashed = issuer.fingerprint === undefined ? [] : [fingerprintOf(33, issuer.fingerprint)]
  return made(by, TYPE.binary, Buffer.from(data), { hashed, unhashed: unhashedOf(issuer), at })
}

/** The same in version 3 (RFC 4880 §5.2.2), which has room for a key id and for nothing else. */
export function oldSignatureBy(by: PrivateKey, data: string, keyId: string, at: Date): Packet {
  const trailer = Buffer.concat([Buffer.of(TYPE.binary), secondsOf(at)])
  const digest = createHash('sha512').update(data, 'latin1').update(trailer).digest()
  const head = Buffer.concat([Buffer.of(3, 5), trailer, hex(keyId), Buffer.of(EDDSA, SHA512)])
  const body = Buffer.concat([head, digest.subarray(0, 2), numbersOf(by, digest)])
  return { tag: TAG.signature, body }
}

/** How a stolen key is bound to the key of its thief. */
export type Binding = 'bare' | 'signed back by the thief' | Uint8Array

/** The certificate of the thief with another person's key below it: `stolen` is the body of that key's packet. */
export function withStolenSubkey(
  thief: PrivateKey,
  certificate: readonly Packet[],
  stolen: Buffer,
  binding: Binding,
  at: Date
): Buffer {
  const [primary] = certificate
  if (primary?.tag !== TAG.publicKey) throw new Error('not a certificate')
  const signed = Buffer.concat([keyOf(primary.body), keyOf(stolen)])
  const fingerprint = thief.getFingerprint()
  const issuer = { hashed: [fingerprintOf(33, fingerprint)], at }
  const back =
    binding === 'signed back by the thief'
      ? made(thief, TYPE.primaryKeyBinding, signed, { ...issuer, unhashed: [] }).body
      : binding
  const embedded = back === 'bare' ? [] : [subpacket(32, back)]
  const flags = subpacket(27, Buffer.of(2))
  const bound = made(thief, TYPE.subkeyBinding, signed, {
    hashed: [flags, ...issuer.hashed],
    unhashed: [...embedded, ...unhashedOf({ keyId: thief.getKeyID().toHex() })],
    at
  })
  return joined([...certificate, { tag: TAG.publicSubkey, body: stolen }, bound])
}

function unhashedOf({ unhashedFingerprint, keyId }: Issuer): Buffer[] {
  return [
    ...(unhashedFingerprint === undefined ? [] : [fingerprintOf(33, unhashedFingerprint)]),
    ...(keyId === undefined ? [] : [subpacket(16, hex(keyId))])
  ]
}

function fingerprintOf(type: number, fingerprint: string): Buffer {
  return subpacket(type, Buffer.concat([Buffer.of(4), hex(fingerprint)]))
}

/** A key as signatures over keys cover it (RFC 9580 §5.2.4). */
function keyOf(body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x99, body.length >> 8, body.length & 255), body])
}

function made(
  by: PrivateKey,
  type: number,
  data: Buffer,
  parts: {
    readonly hashed: readonly Buffer[]
    readonly unhashed: readonly Buffer[]
    readonly at: Date
  }
): Packet {
  const area = (all: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(all)
    return Buffer.concat([Buffer.of(body.length >> 8, body.length & 255), body])
  }
  const hashed = area([subpacket(2, secondsOf(parts.at)), ...parts.hashed])
  const own = Buffer.concat([Buffer.of(4, type, EDDSA, SHA512), hashed])
  const trailer = Buffer.alloc(6, 255)
  trailer[0] = 4
  trailer.writeUInt32BE(own.length, 2)
  const digest = createHash('sha512').update(data).update(own).update(trailer).digest()
  const tail = [area(parts.unhashed), digest.subarray(0, 2), numbersOf(by, digest)]
  return { tag: TAG.signature, body: Buffer.concat([own, ...tail]) }
}

function secondsOf(at: Date): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(at.getTime() / 1000)
  return bytes
}

/** The two numbers of a signature with EdDSA in its older form (RFC 9580 §5.2.3.3). */
function numbersOf({ keyPacket }: PrivateKey, digest: Buffer): Buffer {
  const params = {
    ...Object(keyPacket.publicParams),
    ...Object(Reflect.get(keyPacket, 'privateParams'))
  }
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  // The point has an octet in front that says that it has one coordinate.
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: text(params.Q.subarray(1)), d: text(params.seed) }
  const bytes = sign(null, digest, createPrivateKey({ key: jwk, format: 'jwk' }))
  return Buffer.concat([numberOf(bytes.subarray(0, 32)), numberOf(bytes.subarray(32))])
}
