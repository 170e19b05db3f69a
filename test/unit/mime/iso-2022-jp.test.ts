/** Text in ISO-2022-JP is the same in every program, or is made so and said to be damaged (RFC 1468, mail.md §2.23). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeSound } from '../../../src/mime/charset.ts'
import { decodeText } from '../../../src/mime/leaf.ts'

const KANJI = '\u001b$B'
const ASCII = '\u001b(B'
const read = (text: string, charset = 'iso-2022-jp') =>
  decodeText(Buffer.from(text, 'latin1'), charset)

describe('text in ISO-2022-JP', () => {
  it.each([
    ['ASCII alone', 'a line\r\nanother\r\n', 'a line\nanother\n'],
    ['kanji', `${KANJI}%F%9%H${ASCII} ok\r\n`, 'テスト ok\n'],
    ['kanji of the older set', `\u001b$@%F${ASCII}`, 'テ'],
    ['kanji of the second set', `\u001b$(D0!${ASCII}`, '丂'],
    ['the Roman alphabet at the end of a line', `${KANJI}%F\u001b(J\r\nnext`, 'テ\nnext'],
    ['katakana', `\u001b(I1${ASCII}`, 'ｱ']
  ])('is read unchanged: %s', async (_name, written, shown) => {
    expect(await read(written)).toMatchObject({ text: shown, isDamaged: false })
    expect(makeSound(Buffer.from(written, 'latin1')).isSound).toBe(true)
  })

  it.each([
    ['kanji to the end of a line', `a\r\n${KANJI}%F\r\nnext line\r\n`, 'a\nテ\nnext line\n'],
    ['kanji before an empty line', `${KANJI}\r\nnext line`, '\nnext line'],
    ['katakana to the end of a line', '\u001b(I1\r\nnext line', 'ｱ\nnext line'],
    ['half a kanji', `${KANJI}%F%${ASCII}x`, 'テ%x'],
    ['a blank among kanji', `${KANJI}%F %9${ASCII}`, 'テ ス'],
    ['an escape sequence that there is not', 'do \u001bnot\u001b it', 'do ␚not␚ it'],
    ['one of a terminal', 'a\u001b[8mb', 'a␚[8mb'],
    ['one that is not whole', `a\u001b$`, 'a␚$'],
    ['one among kanji', `${KANJI}%F\u001b!%9${ASCII}`, 'テ␚．9']
  ])('is reported as damaged, and hides nothing: %s', async (_name, written, shown) => {
    expect(await read(written)).toMatchObject({ text: shown, isDamaged: true })
  })

  it('is recognised by all its names, but not by similar ones', async () => {
    for (const name of [
      'ISO-2022-JP',
      'iso-2022-jp-2',
      'iso_2022_jp',
      'csISO2022JP',
      'jis',
      'JIS_Encoding'
    ]) {
      expect(await read(`${KANJI}%F\r\nnext`, name)).toMatchObject({
        text: 'テ\nnext',
        isDamaged: true
      })
    }
  })

  it('never drops a byte, and normalised text is sound (property)', () => {
    const pieces = fc.constantFrom(
      '\u001b',
      '$',
      '(',
      'B',
      'I',
      'J',
      'D',
      '@',
      '\r',
      '\n',
      ' ',
      'a',
      '%F',
      KANJI,
      ASCII,
      '\u00e9'
    )
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (written) => {
        const text = written.join('')
        const { bytes, isSound } = makeSound(Buffer.from(text, 'latin1'))
        const sound = Buffer.from(bytes).toString('latin1')
        const bare = (each: string): string =>
          each.replaceAll(/\u001b(?:\([BIJ]|\$[@B]|\$\(D)/g, '').replaceAll('\u001b', '\u001a')
        expect(bare(sound)).toBe(bare(text))
        expect(isSound).toBe(sound === text)
        expect(makeSound(bytes).isSound).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })

  it.each([
    ['utf-7', '+AC8-close'],
    ['UTF_7', '+AC8-close'],
    ['u.t.f:7', '+AC8-close'],
    ['unicode-1-1-utf_7', '+AC8-close'],
    ['utf-7-imap', '&AC8-close'],
    ['hz-gb-2312', '~{#/~}close'],
    ['HZ', '~{#/~}close'],
    ['iso-2022-kr', '\u000e#/\u000fclose'],
    ['base64', 'a plain line'],
    ['hex', 'a plain line']
  ])('is not assumed for a charset that is never decoded: %s', async (charset, written) => {
    const shown = written.replaceAll('\u000e', '␎').replaceAll('\u000f', '␏')
    expect(await read(written, charset)).toMatchObject({ text: shown, isDamaged: true })
  })

  it('is like UTF-16 and UTF-32 without a byte order mark: decoded, with a warning', async () => {
    const words = Buffer.from('plain words', 'utf16le')
    const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), words])
    expect((await decodeText(words, 'utf-16')).isDamaged).toBe(true)
    expect((await decodeText(Buffer.from('\0\0\0A', 'latin1'), 'UTF_32')).isDamaged).toBe(true)
    expect(await decodeText(marked, 'utf-16')).toMatchObject({
      text: 'plain words',
      isDamaged: false
    })
    const swapped = Buffer.from(marked).swap16()
    expect(await decodeText(swapped, 'utf-16')).toMatchObject({
      text: 'plain words',
      isDamaged: false
    })
    expect(await decodeText(words, 'utf-16le')).toMatchObject({
      text: 'plain words',
      isDamaged: false
    })
  })
})
