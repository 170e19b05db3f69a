/** UTF-7 (RFC 2152): what of it is decoded, and that nothing can be hidden by it (mail.md §2.23). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readUtf7 } from '../../../src/mime/charset.ts'
import { decodeWords } from '../../../src/mime/encoded-words.ts'
import { decodeText } from '../../../src/mime/leaf.ts'

/** Everything outside of these is written in base64, each run by itself. */
const DIRECT = /[A-Za-z0-9'(),\-./:?<>[\] ]/

function written(text: string): string {
  let all = ''
  let run = ''
  const end = (): void => {
    if (run === '') return
    const bytes = Buffer.from(run, 'utf16le').swap16()
    all += `+${bytes.toString('base64').replaceAll('=', '')}-`
    run = ''
  }
  for (const unit of text) {
    if (DIRECT.test(unit)) {
      end()
      all += unit
    } else run += unit
  }
  end()
  return all
}

describe('UTF-7', () => {
  it.each([
    ['A+ImIDkQ.', 'A\u2262\u0391.'],
    ['Hi Mom -+Jjo--!', 'Hi Mom -\u263a-!'],
    ['+ZeVnLIqe-', '\u65e5\u672c\u8a9e'],
    ['Item 3 is +AKM-1.', 'Item 3 is \u00a31.'],
    ['1 +- 1 +AD0- 2', '1 + 1 = 2'],
    ['+2D3eAA-', '\u{1f600}']
  ])('is decoded as RFC 2152 says: %s', (text, expected) => {
    expect(readUtf7(text)).toBe(expected)
  })

  it.each([
    ['a slash', '+AC8-close fixed'],
    ['a letter', 'cl+AG8-se'],
    ['a letter among others', '+APwAbw-'],
    ['a digit', 'ACME-2026-000+ADE-'],
    ['a line break', 'x+AA0ACg-Bcc: evil@x.example'],
    ['a blank', '+ACA-/close fixed'],
    ['a blank that does not break', '+AKA-/close fixed'],
    ['a line separator', 'x+ICg-/close fixed'],
    ['a byte order mark', '+/v8-/close fixed'],
    ['a quotation', '+AD4- /close fixed'],
    ['the end of a block', '+AD4APg-'],
    ['a tag', '+AFs-ACME-2026-0001+AF0-'],
    ['a change of direction', 'a+IC4-b'],
    ['a NUL', '+AAA-'],
    ['a control character of C1', '+AIU-'],
    ['half a character', '+2D0-'],
    ['bits left over', '+AP0A-'],
    ['bits that are not zero', '+AP/-'],
    ['too few bits', '+A-'],
    ['nothing', 'a + b']
  ])('is not decoded when it encodes %s', (_, text) => {
    expect(readUtf7(text)).toBe(text)
  })

  it('decodes to the text that was encoded (property)', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((each) => !/(?! )[\p{Z}\p{C}]/u.test(each))
    fc.assert(
      fc.property(text, (each) => {
        expect(readUtf7(written(each))).toBe(each)
      })
    )
  })

  it('never makes a letter, digit, slash, bracket, blank or control character that is not in the bytes', () => {
    const unit = fc.constantFrom(...'+-/ABCDEFabcgkw0189<>[]= \n')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 40 }), (text) => {
        const words = (of: string): string =>
          of.replaceAll(/[^A-Za-z0-9/<>[\]\s\u0000-\u001f]/g, '')
        expect(isWithin(words(readUtf7(text)), words(text))).toBe(true)
      }),
      { numRuns: 5000 }
    )
  })

  it('is not decoded when the text contains armor, whose base64 is not UTF-7', async () => {
    const armor = '-----BEGIN PGP MESSAGE-----\n\n+APw-+APwA/A\n-----END PGP MESSAGE-----\n'
    for (const text of [armor, `gr+APw-n\n${armor}`])
      expect(await decodeText(Buffer.from(text), 'utf-7')).toMatchObject({ text, isDamaged: true })
  })

  it('with bytes beyond ASCII is not UTF-7, and is reported', async () => {
    const bytes = Buffer.concat([Buffer.from('Gr+APw-n '), Buffer.from([0xfc])])
    expect(await decodeText(bytes, 'utf-7')).toMatchObject({ text: 'Gr+APw-n ü', isDamaged: true })
    expect(await decodeText(Buffer.from('Gr+APw-n ü'), 'utf-7')).toMatchObject({
      text: 'Gr+APw-n ü',
      isDamaged: true
    })
  })

  it('is decoded in encoded words, too', () => {
    expect(decodeWords('=?utf-7?Q?Gr+APw-n?=')).toBe('Grün')
    expect(decodeWords('=?utf-7?Q?x+AA0ACg-Bcc:_y?=')).toBe('x+AA0ACg-Bcc: y')
  })
})

/** Whether the characters of `part` stand in `whole` in this order. */
function isWithin(part: string, whole: string): boolean {
  let at = 0
  for (const each of part) {
    at = whole.indexOf(each, at) + 1
    if (at === 0) return false
  }
  return true
}
