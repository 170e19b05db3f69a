/** Messages that `npm run fuzz` found, each built anew: what broke once must hold from then on. */
import { createMessage, encrypt, readKey } from 'openpgp'
import { expect, it } from 'vitest'
import { printable, printJson } from '../../../src/cli/output.ts'
import { encryptedMail, givenCorrespondence, HEAD, lines, mixed, textPart } from './material.ts'

const alice = await givenCorrespondence()

it('a signature does not cover the whole message when somebody added a third part to the encryption (G2)', async () => {
  const armored = await alice.seal(textPart('I signed this.'))
  const third = encryptedMail(armored).replace(/--e--\s*$/, lines('--e', '', 'foreign', '--e--'))
  for (const [raw, structure, outsideText] of [
    [encryptedMail(armored), 'pgp-mime', ''],
    [third, 'pgp-mime-mangled', 'foreign']
  ] as const) {
    const opened = await alice.open(raw)
    expect(opened).toMatchObject({ structure, outsideText, text: 'I signed this.\n' })
  }
})

it('an encrypted file beside another file of the same size: the other file is kept', async () => {
  const message = await createMessage({ binary: Buffer.from([0, 1, 2, 3]) })
  const encryptionKeys = await readKey({ armoredKey: alice.desk.publicArmored })
  const cipher = await encrypt({ message, encryptionKeys, format: 'binary' })
  const base64 = (name: string, data: Uint8Array, type: string): string =>
    lines(
      `Content-Type: ${type}; name=${name}`,
      'Content-Transfer-Encoding: base64',
      `Content-Disposition: attachment; filename=${name}`,
      '',
      Buffer.from(data).toString('base64')
    )
  const other = Buffer.alloc(cipher.length, 65)
  const raw = lines(
    ...HEAD,
    mixed([
      base64('key.asc', other, 'application/pgp-keys'),
      base64('poc.bin.pgp', cipher, 'application/octet-stream')
    ])
  )
  const opened = await alice.open(raw)
  expect(opened.decrypted).toBe(true)
  expect(opened.attachments.map(({ filename, size }) => [filename, size])).toEqual([
    ['poc.bin', 4],
    ['key.asc', other.length]
  ])
})

it('JSON for a terminal escapes bidirectional characters, and loses none', () => {
  let out = ''
  const text = 'a\u202eb\u2066c\u0085d \u{1f41b} \u05d0\u200f'
  printJson({ out: (piece) => (out += piece), err: () => undefined }, { text })
  expect(out).not.toMatch(/[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/)
  expect(JSON.parse(out)).toEqual({ text })
})

it('a page for a terminal shows control and bidirectional characters as code points', () => {
  const text = 'a\u202eb\u2066c\u0085d\u061ce\u200ff\ng'
  expect(printable(text)).toBe('a<U+202E>b<U+2066>c<U+0085>d<U+061C>e<U+200F>f\ng')
})
