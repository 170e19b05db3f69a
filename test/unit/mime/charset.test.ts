/** Names of charsets: what is decoded, what is only guessed, and that no spelling reaches more of the decoder. */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { charsetNamed, decodeCharset, decodeWords } from '../../../src/mime/encoded-words.ts'
import { decodeText } from '../../../src/mime/leaf.ts'

const HIDDEN = 'Hi +AC8-reply 48656c6c6f SGVsbG8='

describe('a charset', () => {
  it.each([
    ...['utf-7', 'UTF_7', 'u.tf:7', 'unicode-1-1-utf-7', 'utf-7-imap', 'utf-32', 'cp437'],
    ...['hex', 'base64', 'binary', 'b.ase64', 'he-x', 'internal', '_internal', 'ucs2; x=hex'],
    ...['cp037', 'ebcdic-us', 'hz-gb-2312', 'iso-2022-kr', 'iso-2022-cn', 'replacement'],
    ...['x-user-defined', 'no such', '__proto__', 'constructor', '日本', '-', '\r\nX-Field: x']
  ])('%j is not decoded: its bytes are shown, with a warning', (name) => {
    expect(charsetNamed(name)).toBeNull()
    expect(decodeText(Buffer.from(HIDDEN), name)).toMatchObject({
      text: HIDDEN,
      isDamaged: true
    })
  })

  it('that is unknown is read as UTF-8 if the text is valid, with a warning', () => {
    const bytes = [Buffer.from('grün'), Buffer.from('grün', 'latin1')]
    for (const each of bytes) {
      expect(decodeText(each, 'uft-8')).toMatchObject({ text: 'grün', isDamaged: true })
    }
  })

  it.each<[string, readonly number[], string]>([
    ['ISO-8859-1', [0xfc], 'ü'],
    ['Windows-1252', [0x80, 0x93], '€“'],
    ['iso8859-15', [0xa4], '€'],
    ['iso-8859-8-i', [0xe0], 'א'],
    ['cp1251', [0xcf], 'П'],
    ['KOI8-R', [0xf0], 'П'],
    ['x-mac-cyrillic', [0x8f], 'П'],
    ['cp866', [0x8f], 'П'],
    ['GB2312', [0xc4, 0xe3], '你'],
    ['gb18030', [0xc4, 0xe3], '你'],
    ['Big5', [0xa7, 0x41], '你'],
    ['euc-jp', [0xa4, 0xa2], 'あ'],
    ['x-sjis', [0x82, 0xa0], 'あ'],
    ['csISO2022JP', [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42], 'あ'],
    ['ks_c_5601-1987', [0xb0, 0xa1], '가'],
    ['unicode-1-1-utf-8', [0xc3, 0xbc], 'ü'],
    ['ansi_x3.4-1968', [0x61], 'a'],
    ['', [0xc3, 0xbc], 'ü']
  ])('%j, which mail programs write, is decoded', (name, bytes, expected) => {
    expect(decodeText(Uint8Array.from(bytes), name)).toMatchObject({
      text: expected,
      isDamaged: false
    })
    expect(decodeCharset(Uint8Array.from(bytes), name)).toBe(expected)
  })

  it.each(['utf-8', '', 'x-unknown'])(
    '%j is judged by what is shown, and not by what is cut off',
    (name) => {
      const shown = Buffer.from('Größe '.repeat(2 ** 17))
      const text = decodeText(Buffer.concat([shown, Buffer.from([0xff])]), name)
      expect(text.text.startsWith('Größe')).toBe(true)
      expect(text.isDamaged).toBe(name === 'x-unknown')
    }
  )

  it('of two byte orders needs a mark, or is reported', () => {
    const words = Buffer.from('plain words', 'utf16le')
    const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), words])
    expect(decodeText(words, 'utf-16')).toMatchObject({ isDamaged: true })
    for (const bytes of [marked, Buffer.from(marked).swap16()]) {
      expect(decodeText(bytes, 'utf-16')).toMatchObject({
        text: 'plain words',
        isDamaged: false
      })
    }
  })
})

describe('text in ISO-2022-JP', () => {
  const read = (text: string) => decodeText(Buffer.from(text, 'latin1'), 'iso-2022-jp')
  const KANJI = '\u001b$B'
  const ASCII = '\u001b(B'

  it.each([
    ['kanji', `${KANJI}%F%9%H${ASCII} ok\r\nnext\r\n`, 'テスト ok\nnext\n'],
    ['the Roman alphabet at the end of a line', `${KANJI}%F\u001b(J\r\nnext`, 'テ\nnext']
  ])('is read unchanged: %s', (_name, written, shown) => {
    expect(read(written)).toMatchObject({ text: shown, isDamaged: false })
  })

  it('is decoded at once, however many lines it has (G9)', () => {
    let made = 0
    class Counted extends TextDecoder {
      override decode(...given: Parameters<TextDecoder['decode']>): string {
        made += 1
        return super.decode(...given)
      }
    }
    vi.stubGlobal('TextDecoder', Counted)
    read(`${KANJI}\n`.repeat(1000))
    vi.unstubAllGlobals()
    expect(made).toBeLessThan(10)
  })

  it.each([
    ['kanji to the end of a line', `a\r\n${KANJI}%F\r\nnext line\r\n`, 'a\nテ\nnext line\n'],
    ['kanji before an empty line', `${KANJI}\r\nnext line`, '\nnext line'],
    ['katakana to the end of a line', '\u001b(I1\r\nnext line', 'ｱ\nnext line'],
    ['a sequence of a terminal', 'a\u001b[8mb', 'a\ufffd[8mb']
  ])('is reported as damaged, and hides no line: %s', (_name, written, shown) => {
    expect(read(written)).toMatchObject({ text: shown, isDamaged: true })
  })

  it('never hides a line of ASCII, whatever stands in the others (property)', () => {
    const unit = fc.constantFrom('\u001b', '$', '(', 'B', 'I', 'D', '@', ' ', '%F', KANJI, '\u00e9')
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 20 }), (written) => {
        const { text } = read(`${written.join('')}\r\nthe line\r\n${written.join('')}`)
        expect(text.split('\n')[1]).toBe('the line')
      })
    )
  })

  it('(D19) of several encoded words in ISO-2022-JP shows no error where they are joined', () => {
    const word = (text: string): string =>
      `=?ISO-2022-JP?B?${Buffer.from(`\u001b$B${text}\u001b(B`, 'latin1').toString('base64')}?=`
    expect(decodeWords(`${word('@H<e@-$N')} ${word('Js9p$G$9')}`)).toBe('脆弱性の報告です')
  })
})
