/** Ciphertext under an attacker's hands: taken apart, changed, put together again. */
import { encryptSessionKey, readKey } from 'openpgp'
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
