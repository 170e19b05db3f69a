/** Ciphertext under an attacker's hands: taken apart, changed, put together again. */
import { constants, createPublicKey, publicEncrypt } from 'node:crypto'
import { encryptSessionKey, readKey } from 'openpgp'
import { TAG } from '../../src/openpgp/packets.ts'
import { encryptedData, joined, type Packet, splitPackets } from '../fuzz/packets.ts'
import { deskCertificate } from '../support/world.ts'

/** Bytes as an armored message. */
export function armor(data: Uint8Array, label = 'MESSAGE'): string {
  const base64 = Buffer.from(data).toString('base64').replaceAll(/.{64}/g, '$&\r\n')
  return `-----BEGIN PGP ${label}-----\r\n\r\n${base64}\r\n-----END PGP ${label}-----`
}

/** The binary inside of one armored block as gpg and sq write it. */
export function dearmor(armored: string): Buffer {
  const [, body = ''] = armored.replaceAll('\r', '').split(/\n\n|\n=[A-Za-z0-9+/]{4}\n/)
  return Buffer.from(body.replace(/-----END[^]*$/, ''), 'base64')
}

/** The same message with its packets changed. */
export function changed(armored: string, change: (packet: Packet) => Packet[]): string {
  return armor(joined(splitPackets(dearmor(armored)).flatMap(change)))
}

/** Any stream of packets, encrypted to the desk as everybody can who has its public key. */
export async function sealedPackets(stream: Uint8Array): Promise<string> {
  const data = Buffer.alloc(32, 7)
  const encryptionKeys = await readKey({ armoredKey: await deskCertificate() })
  const format = 'binary'
  const key = await encryptSessionKey({ data, algorithm: 'aes256', encryptionKeys, format })
  return armor(Buffer.concat([key, joined([encryptedData(data, stream)])]))
}

/**
 * A session key packet of version 3 for an RSA key (RFC 9580 §5.1.3), with anything inside: `content` is the cipher, its key and the
 * sum of that, or whatever else; `raw` leaves out the padding of PKCS #1.
 */
export async function rsaSessionKey(
  certificate: string,
  content: Uint8Array,
  padding: 'padded' | 'raw' = 'padded'
): Promise<Packet> {
  const { keyPacket } = await (await readKey({ armoredKey: certificate })).getEncryptionKey()
  const number = (name: string): string =>
    Buffer.from(Object(keyPacket.publicParams)[name]).toString('base64url')
  const key = createPublicKey({
    key: { kty: 'RSA', n: number('n'), e: number('e') },
    format: 'jwk'
  })
  const encrypted = publicEncrypt(
    { key, padding: padding === 'raw' ? constants.RSA_NO_PADDING : constants.RSA_PKCS1_PADDING },
    content
  )
  const head = Buffer.concat([
    Buffer.of(3),
    Buffer.from(keyPacket.getKeyID().toHex(), 'hex'),
    Buffer.of(1)
  ])
  return { tag: TAG.publicKeySession, body: Buffer.concat([head, numberOf(encrypted)]) }
}

/** A number as OpenPGP writes it (RFC 9580 §3.2). */
export function numberOf(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const plain = start < 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start))
  const bits = plain.length === 0 ? 0 : plain.length * 8 - Math.clz32(plain[0] ?? 0) + 24
  return Buffer.concat([Buffer.of(bits >> 8, bits & 255), plain])
}
