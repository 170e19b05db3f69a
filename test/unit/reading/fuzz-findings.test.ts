/** Mails that `npm run fuzz` found, each built anew: what broke once must hold from then on. */
import {
  createCleartextMessage,
  createMessage,
  encrypt,
  generateKey,
  type PrivateKey,
  readKey,
  readPrivateKey,
  sign
} from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { printJson } from '../../../src/cli/output.ts'
import {
  certificateOf,
  type Desk,
  encryptedMail,
  HEAD,
  lines,
  makeDesk,
  mixed,
  open,
  textPart
} from './material.ts'

const FOREIGN_FILE = lines(
  'Content-Type: application/pgp-keys; name=key.asc',
  'Content-Disposition: attachment; filename=key.asc',
  '',
  'a file that nobody signed'
)

describe('a signature inside a text (G2)', () => {
  let desk: Desk
  let signer: PrivateKey
  let certificates: Uint8Array[]
  beforeAll(async () => {
    desk = await makeDesk()
    const { privateKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: 'Alice', email: 'alice@reporter.example' }],
      date: new Date(Date.now() - 86_400_000),
      format: 'armored'
    })
    signer = await readPrivateKey({ armoredKey: privateKey })
    certificates = [await certificateOf(signer.toPublic().write())]
  })
  const cleartext = async (): Promise<string> => {
    const message = await createCleartextMessage({ text: 'I signed this.' })
    return (await sign({ message, signingKeys: signer })).replaceAll(/\r?\n/g, '\r\n')
  }
  const inline = async (): Promise<string> => {
    const armored = await encrypt({
      message: await createMessage({ binary: Buffer.from('I signed this.') }),
      encryptionKeys: await readKey({ armoredKey: desk.publicArmored }),
      signingKeys: signer
    })
    return armored.replaceAll(/\r?\n/g, '\r\n')
  }
  const reachOf = async (entity: string): Promise<readonly boolean[]> => {
    const opened = await open(lines(...HEAD, entity), [desk.secret], certificates)
    expect(opened.signatures.map(({ state }) => state)).toEqual(['valid'])
    return opened.signatures.map(({ coversWhole }) => coversWhole)
  }

  it('covers the whole message when it contains only the cleartext-signed text', async () => {
    expect(await reachOf(textPart(await cleartext()))).toEqual([true])
  })

  it('does not cover a file beside the cleartext-signed text', async () => {
    const parts = [textPart(await cleartext()), FOREIGN_FILE]
    expect(await reachOf(mixed(parts))).toEqual([false])
    expect(await reachOf(mixed(parts.toReversed()))).toEqual([false])
  })

  it('covers the whole message when it contains only the encrypted text', async () => {
    expect(await reachOf(textPart(await inline()))).toEqual([true])
  })

  it('does not cover the whole message when somebody added a third part to the encryption', async () => {
    const payload = textPart('I signed this.')
    const armored = await encrypt({
      message: await createMessage({ binary: Buffer.from(payload) }),
      encryptionKeys: await readKey({ armoredKey: desk.publicArmored }),
      signingKeys: signer
    })
    const third = encryptedMail(armored).replace(/--e--\s*$/, lines('--e', '', 'foreign', '--e--'))
    for (const [raw, structure, outsideText] of [
      [encryptedMail(armored), 'pgp-mime', ''],
      [third, 'pgp-mime-mangled', 'foreign']
    ] as const) {
      const opened = await open(raw, [desk.secret], certificates)
      expect(opened).toMatchObject({ structure, outsideText, text: 'I signed this.\n' })
    }
  })

  it('does not cover a file beside the encrypted text', async () => {
    expect(await reachOf(mixed([textPart(await inline()), FOREIGN_FILE]))).toEqual([false])
  })

  it('does not cover a key beside an encrypted file', async () => {
    const file = lines(
      'Content-Type: application/octet-stream; name=report.txt.asc',
      'Content-Disposition: attachment; filename=report.txt.asc',
      '',
      await inline()
    )
    expect(await reachOf(mixed([file, FOREIGN_FILE]))).toEqual([false])
    expect(await reachOf(mixed([file]))).toEqual([true])
  })
})

it('text marked as a copy of protected fields is shown when it is more than a copy', async () => {
  const desk = await makeDesk()
  const encryptionKeys = await readKey({ armoredKey: desk.publicArmored })
  const textOfPayload = async (first: string): Promise<string> => {
    const payload = lines(
      'Subject: a report',
      'Content-Type: multipart/mixed; boundary=m; protected-headers="v1"',
      '',
      '--m',
      'Content-Type: text/plain; protected-headers="v1"',
      '',
      first,
      '--m',
      '',
      'the rest',
      '--m--'
    )
    const message = await createMessage({ binary: Buffer.from(payload) })
    return (await open(encryptedMail(await encrypt({ message, encryptionKeys })), [desk.secret]))
      .text
  }
  expect(await textOfPayload('Subject: a report')).toBe('the rest\n')
  expect(await textOfPayload('Subject: a report\r\n\r\nIt overflows.')).toBe(
    'Subject: a report\n\nIt overflows.\n\nthe rest\n'
  )
})

it('quoted-printable is decoded line by line, and a broken escape stays as it is', async () => {
  const body = ['=41 =4=', '1=\t', 'x =zz =', '', 'end= \n=C3=AD']
  const head =
    'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable'
  const opened = await open(lines(...HEAD, head, '', ...body), [])
  expect(opened.text).toBe('A =41x =zz \nend\u00ed\n')
})

it('an encrypted file beside another file of the same size: the other file is kept', async () => {
  const desk = await makeDesk()
  const message = await createMessage({ binary: Buffer.from([0, 1, 2, 3]) })
  const encryptionKeys = await readKey({ armoredKey: desk.publicArmored })
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
  const opened = await open(raw, [desk.secret])
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
