/**
 * Inline PGP as large as any other: it is opened, and what begins like an encrypted message is never taken for a text that was
 * sent in clear (G6, mail.md §1.3).
 */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toOpenPage } from '../../../src/cli/open-page.ts'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { givenCorrespondence, HEAD, lines, testNow } from './material.ts'

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
