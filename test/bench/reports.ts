/**
 * Writes the reports that a benchmark delivers: signed and encrypted PGP/MIME with the sender's key in an Autocrypt header,
 * as mail clients write them. Made beforehand, so that writing them costs the measured time nothing.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { createMessage, encrypt, readKey, readPrivateKey } from 'openpgp'
import { wrapped } from '../fuzz/entities.ts'
import { encryptedMail } from '../unit/reading/material.ts'
import { type BenchKey } from './keys.ts'

/** The text of every report: about two screens, as reports are. */
const TEXT = [
  'Hello,',
  '',
  'the parser reads one byte beyond its buffer when a chunk header announces a negative length.',
  ...Array.from({ length: 40 }, (_, line) => `${line}: ==4242==ERROR: heap-buffer-overflow READ`),
  ''
].join('\r\n')

/** One report of `from` to the desk. `attachmentBytes` of random data go along, base64 inside of the encryption. */
export async function writeReport(
  from: BenchKey,
  desk: { readonly address: string; readonly publicArmored: string },
  attachmentBytes = 2048
): Promise<Buffer> {
  const message = await createMessage({ binary: entity(attachmentBytes), format: 'binary' })
  const armored = await encrypt({
    message,
    encryptionKeys: await readKey({ armoredKey: desk.publicArmored }),
    signingKeys: await readPrivateKey({ armoredKey: from.privateArmored }),
    format: 'armored'
  })
  const head = [
    `Message-ID: <${randomUUID()}@bench.example>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    `From: ${from.name} <${from.address}>`,
    `To: <${desk.address}>`,
    'Subject: ...',
    autocrypt(from),
    'MIME-Version: 1.0'
  ]
  return Buffer.from(encryptedMail(armored, head))
}

function entity(attachmentBytes: number): Buffer {
  const boundary = `=-${randomUUID()}`
  const head = [
    `Content-Type: multipart/mixed; boundary="${boundary}"; protected-headers="v1"`,
    'Subject: Heap overflow in the parser',
    '',
    `--${boundary}`,
    'Content-Type: text/plain; charset=UTF-8',
    '',
    TEXT,
    `--${boundary}`,
    'Content-Type: application/octet-stream; name="poc.bin"',
    'Content-Disposition: attachment; filename="poc.bin"',
    'Content-Transfer-Encoding: base64',
    '',
    ''
  ].join('\r\n')
  const file = wrapped(randomBytes(attachmentBytes))
  return Buffer.from(`${head}${file}\r\n--${boundary}--\r\n`, 'latin1')
}

function autocrypt({ address, publicArmored }: BenchKey): string {
  const keydata = publicArmored
    .replaceAll('\r', '')
    .replace(/^[\s\S]*?\n\n/, '')
    .replace(/\n(=[^\n]*\n)?-----END[\s\S]*$/, '')
    .replaceAll('\n', '\r\n ')
  return `Autocrypt: addr=${address}; prefer-encrypt=mutual; keydata=\r\n ${keydata}`
}
