/** Text and files beside inline PGP, a cleartext signature or an encrypted file: none is lost, and none counts as covered. */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { givenCorrespondence, HEAD, lines, makeDesk, mixed, open, textPart } from './material.ts'

const HIDDEN = 'words that nobody signed'
const FILE = 'Content-Disposition: attachment; filename=poc.c\r\n\r\nint main;'
const KEY_FILE = 'Content-Type: application/pgp-keys\r\n\r\nno key'
const SMIME = 'Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nAAEC'
const SEALED = `Content-Disposition: attachment; filename=b.asc\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n0gEB\r\n-----END PGP MESSAGE-----`

/** A part so deep that its inside is not looked at. */
const DEEP = Array.from({ length: 30 }).reduce<string>(
  (inside, _, depth) => mixed([inside], `deep${depth}`),
  textPart(HIDDEN)
)

const alice = await givenCorrespondence()
const forms: readonly (readonly [string, string])[] = [
  ['a cleartext signature', textPart(await alice.cleartext('I signed this.'))],
  ['inline PGP', textPart(await alice.seal('I signed this.'))],
  ['an encrypted text', asFile(await alice.seal('I signed this.'))],
  ['an encrypted file', asFile(await alice.seal(Buffer.from([0, 1])))]
]

describe('beside a block', () => {
  const openBeside = (block: string, ...parts: readonly string[]): Promise<OpenedMail> =>
    alice.open(lines(...HEAD) + mixed([block, ...parts]))
  const reachOf = (opened: OpenedMail): string =>
    opened.signatures.map((each) => `${each.state} ${each.coversWhole}`).join()

  it('there is nothing: then its signature covers the whole message', async () => {
    for (const [name, block] of forms) {
      const opened = await openBeside(block)
      expect([name, reachOf(opened)]).toEqual([name, 'valid true'])
      expect(opened.warnings).not.toContain('errant-crypto')
    }
  })

  it('a file or a key is not covered by its signature (G2)', async () => {
    for (const [name, block] of forms) {
      const isText = forms.slice(0, 2).some(([each]) => each === name)
      for (const file of isText ? [FILE, KEY_FILE] : [KEY_FILE]) {
        expect([name, reachOf(await openBeside(block, file))]).toEqual([name, 'valid false'])
        const before = await alice.open(lines(...HEAD) + mixed([file, block]))
        expect([name, reachOf(before)]).toEqual([name, 'valid false'])
      }
    }
  })

  it('a part beyond the limits stays an attachment, is not covered and causes a warning', async () => {
    for (const [, block] of forms) {
      const opened = await openBeside(block, DEEP)
      expect(opened.decrypted || opened.signatures.length > 0).toBe(true)
      expect(reachOf(opened)).toBe('valid false')
      expect(Buffer.from(opened.attachments.at(-1)?.content ?? []).toString()).toContain(HIDDEN)
      expect(opened.warnings).toContain('too-many-parts')
    }
  })

  it('broken MIME causes a warning', async () => {
    for (const [name, block] of forms) {
      const raw = lines(...HEAD) + mixed([block, KEY_FILE]).replace(/--m--\r\n$/, '')
      const { structure, warnings } = await alice.open(raw)
      expect(structure).not.toBe('clear')
      expect([name, warnings.includes('broken-mime')]).toEqual([name, true])
    }
  })

  it('S/MIME and further encrypted files cause warnings', async () => {
    for (const [, block] of forms.slice(0, 2)) {
      expect((await openBeside(block, SMIME)).warnings).toContain('smime-signature')
      expect((await openBeside(block, FILE)).warnings).not.toContain('errant-crypto')
      expect((await openBeside(block, SEALED)).warnings).toContain('errant-crypto')
    }
  })

  it('a report in encrypted files that are not opened did not come in clear (G3)', async () => {
    const file = (name: string): string =>
      `Content-Disposition: attachment; filename=${name}\r\nContent-Transfer-Encoding: base64\r\n\r\nwQEA0gIBAA==`
    const html = 'Content-Type: text/html\r\n\r\n<p>The details are in the files.</p>'
    for (const parts of [
      [html, file('report.pdf.gpg')],
      [textPart('See the files.'), file('a.gpg'), file('b')]
    ]) {
      const opened = await open(lines(...HEAD) + mixed(parts), [])
      expect([opened.encrypted, opened.failure]).toEqual([true, 'not-for-us'])
      expect(opened.sealedTo).not.toBe('nobody')
    }
  })

  it('the unsigned name of a signed file is not used, because anybody can change it on the way', async () => {
    const [, block = ''] = forms[3] ?? []
    for (const name of ['fix.exe.asc', 'fix.asc', 'x".gpg']) {
      const opened = await openBeside(block.replace('poc.bin.asc', name))
      expect(reachOf(opened)).toBe('valid true')
      expect(opened.attachments.map(({ filename }) => filename)).toEqual(['attachment-1.bin'])
      expect(opened.warnings).toContain('unsigned-filename')
    }
    const nameless = await openBeside(block.replace('attachment; filename=poc.bin.asc', 'inline'))
    expect(nameless.warnings).not.toContain('unsigned-filename')
  })

  it('the name of a file is kept when nothing is signed', async () => {
    const block = asFile(await alice.seal(Buffer.from([0, 1]), 0))
    const opened = await openBeside(block)
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['poc.bin'])
    expect(opened.warnings).not.toContain('unsigned-filename')
  })

  it('a file is kept when the block itself cannot be opened', async () => {
    const stranger = await makeDesk()
    const [, block = ''] = forms[1] ?? []
    const opened = await open(lines(...HEAD) + mixed([block, FILE]), [stranger.secret])
    expect(opened).toMatchObject({ structure: 'inline', failure: 'not-for-us', text: '' })
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['poc.c'])
  })
})

function asFile(armored: string): string {
  return `Content-Disposition: attachment; filename=poc.bin.asc\r\n\r\n${armored}`
}
