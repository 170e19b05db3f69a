/** Entities with keys that are work for who looks at them: floods and numbers beyond measure, as files of a message. */
import { readKey } from 'openpgp'
import { lines, multipart } from '../fuzz/mime.ts'
import { joined, splitPackets } from '../fuzz/packets.ts'
import { withForgedSignatures } from '../support/forged-signatures.ts'
import { type BenchKey } from './keys.ts'

/** One's own certificate with 20,000 more user ids, attached. */
export async function giantKey(from: BenchKey): Promise<string> {
  const key = (await readKey({ armoredKey: from.publicArmored })).write()
  const packets = splitPackets(key)
  const ids = Array.from({ length: 20_000 }, (_, index) => ({
    tag: 13,
    body: Buffer.from(`${'x'.repeat(200)} ${index} <${from.address}>`)
  }))
  const binary = joined([...packets.slice(0, 3), ...ids, ...packets.slice(3)])
  const text = 'Content-Type: text/plain\r\n\r\nmy key'
  return multipart('multipart/mixed; boundary=m', 'm', [text, keyFile(binary)])
}

/** Ten copies of one's own certificate, each with its own 2,000 signatures that only claim to be by it. */
export async function forgedKeys(from: BenchKey): Promise<string> {
  const key = (await readKey({ armoredKey: from.publicArmored })).write()
  const files = Array.from({ length: 10 }, (_, index) => {
    return keyFile(withForgedSignatures(key, 2000 + index))
  })
  return multipart('multipart/mixed; boundary=m', 'm', files)
}

/** Ten DSA keys of 16,384 bits, each with 100 signatures that only claim to be by it: each check takes most of a second. */
export function giantNumbers(): string {
  const number = (bits: number): Buffer =>
    Buffer.concat([Buffer.of(bits >> 8, bits & 0xff), Buffer.alloc(bits / 8, 0xa5)])
  const files = Array.from({ length: 10 }, (_, index) => {
    const numbers = [number(16_384), number(512), number(16_384), number(16_384)]
    const certificate = joined([
      { tag: 6, body: Buffer.concat([Buffer.of(4, 0x60, 0, 0, index, 17), ...numbers]) },
      { tag: 13, body: Buffer.from('Eve <eve@bench.example>') },
      {
        tag: 2,
        body: Buffer.concat([
          Buffer.of(4, 0x13, 17, 10, 0, 0, 0, 0, 0, 0),
          number(512),
          number(512)
        ])
      }
    ])
    return keyFile(withForgedSignatures(certificate, 100))
  })
  return multipart('multipart/mixed; boundary=m', 'm', files)
}

function keyFile(binary: Buffer): string {
  return lines(
    'Content-Type: application/pgp-keys; name=key.pgp',
    'Content-Transfer-Encoding: base64',
    '',
    wrapped(binary)
  )
}

/** Base64 in lines. */
export function wrapped(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n')
}
