/**
 * Inline PGP: as large as any other it is opened, and what begins like an encrypted message is never taken for a text that was
 * sent in clear (G6); its charset is that of the text inside.
 */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toOpenPage } from '../../../src/cli/open-page.ts'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { givenCorrespondence, HEAD, headWith, lines, testNow } from './material.ts'

const UTF8 = Buffer.from('grün: pay 10 €')
const LATIN1 = Buffer.from('grün', 'latin1')
const KOI8 = Buffer.from([0xf0, 0xf2, 0xe9, 0xf7, 0xe5, 0xf4])
const NEUTRAL = headWith('Subject', '...')

const alice = await givenCorrespondence()
const armored = await alice.seal(`The first words.\n${randomBytes(1_200_000).toString('hex')}`, 0)

describe('an inline message of more than 1 MiB', () => {
  const openAs = (text: string | Buffer, ...fields: readonly string[]): Promise<OpenedMail> =>
    alice.open(Buffer.concat([Buffer.from(lines(...HEAD, ...fields, '')), Buffer.from(text)]))

  it.each([
    '',
    'Content-Type: text/plain; charset=iso-8859-1',
    'Content-Type: text/plain; charset=utf-8'
  ])('is decrypted, and recognised by its mark: %s', async (type) => {
    const opened = await openAs(armored, ...(type === '' ? [] : [type]))
    expect(opened).toMatchObject({ structure: 'inline', encrypted: true, decrypted: true })
    expect(opened.text.slice(0, 17)).toBe('The first words.\n')
    expect(opened.warnings).toContain('text-truncated')
    expect(opened.sealedTo).toBe('desk')
    expect(opened.ciphertextMark).not.toBeNull()
  })

  it('is decrypted from base64 with text after it, which is read in its charset', async () => {
    const body = Buffer.concat([Buffer.from(`${armored}\r\n`), Buffer.from('grün', 'latin1')])
    const opened = await openAs(
      lines(body.toString('base64')),
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: base64'
    )
    expect(opened).toMatchObject({ decrypted: true, outsideText: 'grün' })
  })

  it.each<[string, (armor: string) => string | Buffer, string]>([
    ['without its end', (armor) => armor.slice(0, -60), ''],
    ['in two blocks', (armor) => lines(armor, armor), ''],
    [
      'in a charset that is not like ASCII',
      (armor) => Buffer.from(armor, 'utf16le'),
      'Content-Type: text/plain; charset=utf-16le'
    ]
  ])('is not reported as unencrypted: %s', async (_, change, type) => {
    const opened = await openAs(change(armored), ...(type === '' ? [] : [type]))
    expect(opened).toMatchObject({ encrypted: true, decrypted: false, failure: 'limit', text: '' })
    expect(opened.sealedTo).toBe('unknown')
    const page = toOpenPage(opened, testNow())
    expect(page).toContain('Not opened: It is larger')
    expect(page).not.toContain('anybody on the way could read it')
  })

  it('is damaged like a small one, and the content is kept as text', async () => {
    const small =
      '-----BEGIN PGP MESSAGE-----\r\n\r\n?\r\n-----END PGP MESSAGE-----\r\nmy words\r\n'
    const opened = await openAs(small)
    expect(opened).toMatchObject({ encrypted: true, failure: 'damaged', text: '' })
    expect(opened.outsideText).toContain('my words')
    expect(opened.warnings).toContain('outside-text')
  })
})

/** Nobody on the way can turn signed bytes into other words. */
describe('the charset of a decrypted text', () => {
  const openInline = async (text: Uint8Array, outer: string): Promise<OpenedMail> => {
    const type = `Content-Type: text/plain${outer === '' ? '' : `; charset=${outer}`}`
    const raw = lines(...NEUTRAL, type, '', await alice.seal(text))
    const opened = await alice.open(raw)
    expect(opened.signatures).toMatchObject([{ state: 'valid', coversWhole: true }])
    return opened
  }

  it.each(['iso-8859-1', 'windows-1251', 'utf-7', 'us-ascii'])(
    'is not what a part around UTF-8 says: %s',
    async (outer) => {
      expect((await openInline(UTF8, outer)).text).toBe(`${UTF8.toString()}\n`)
    }
  )

  it.each<[string, Buffer, string, string, readonly string[]]>([
    ['a part around it, where it is no UTF-8', KOI8, 'koi8-r', 'ПРИВЕТ\n', []],
    ['nobody', LATIN1, '', 'grün\n', ['undecodable-text']]
  ])('is taken from %s', async (_, text, outer, expected, warnings) => {
    expect(await openInline(text, outer)).toMatchObject({ text: expected, warnings })
  })
})
