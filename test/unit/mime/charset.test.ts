/** Names of charsets: what is decoded, what is only guessed, and that no spelling reaches more of the decoder (mail.md §2.23). */
import { describe, expect, it } from 'vitest'
import { charsetNamed } from '../../../src/mime/charset.ts'
import { decodeText } from '../../../src/mime/leaf.ts'

const HIDDEN = 'Hi +AC8-reply 48656c6c6f SGVsbG8='

describe('a charset', () => {
  it.each([
    ...['x-utf_7', 'utf-7-imap', 'utf_7_imap', 'utf-7:1987'],
    ...['hex', 'base64', 'binary', 'b.ase64', 'he-x', 'internal', '_internal', 'ucs2; x=hex'],
    ...['cp037', 'ebcdic-us', 'hz-gb-2312', 'iso-2022-kr', 'iso-2022-cn', 'replacement'],
    ...['x-user-defined', 'no such', '__proto__', 'constructor', '日本', '-', '\r\nX-Field: x']
  ])('%j is not decoded: its bytes are shown, with a warning', async (name) => {
    expect(charsetNamed(name)).toBeNull()
    expect(await decodeText(Buffer.from(HIDDEN), name)).toMatchObject({
      text: HIDDEN,
      isDamaged: true
    })
  })

  it.each([
    ...['utf-7', 'UTF7', 'utf_7', 'utf.7', 'u+tf7'],
    ...['unicode-1-1-utf-7', 'unicode_1_1_utf_7', 'csUnicode11UTF7']
  ])('%j is decoded only where that hides nothing, with a warning', async (name) => {
    expect(await decodeText(Buffer.from(`Gr+APw-n. ${HIDDEN}`), name)).toMatchObject({
      text: `Grün. ${HIDDEN}`,
      isDamaged: true
    })
    expect(await decodeText(Buffer.from('plain'), name)).toMatchObject({ isDamaged: false })
  })

  it('that is unknown is read as UTF-8 if the text is valid, with a warning', async () => {
    const bytes = [Buffer.from('grün'), Buffer.from('grün', 'latin1')]
    for (const each of bytes) {
      expect(await decodeText(each, 'uft-8')).toMatchObject({ text: 'grün', isDamaged: true })
    }
  })

  it.each<[string, readonly number[], string]>([
    ['ISO-8859-1', [0xfc], 'ü'],
    ['ISO_8859-1:1987', [0xfc], 'ü'],
    ['iso8859_15', [0xa4], '€'],
    ['latin-9', [0xa4], '€'],
    ['iso-8859-8-i', [0xe0], 'א'],
    ['iso-8859-16', [0xa4], '€'],
    ['windows_1252', [0x80], '€'],
    ['cp1251', [0xcf], 'П'],
    ['win-1251', [0xcf], 'П'],
    ['KOI8R', [0xf0], 'П'],
    ['x-mac-cyrillic', [0x8f], 'П'],
    ['ibm850', [0x81], 'ü'],
    ['cp866', [0x8f], 'П'],
    ['GB2312', [0xc4, 0xe3], '你'],
    ['cp936', [0xc4, 0xe3], '你'],
    ['gb18030', [0xc4, 0xe3], '你'],
    ['Big5', [0xa7, 0x41], '你'],
    ['euc-jp', [0xa4, 0xa2], 'あ'],
    ['cp932', [0x82, 0xa0], 'あ'],
    ['x-sjis', [0x82, 0xa0], 'あ'],
    ['csISO2022JP', [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42], 'あ'],
    ['ks_c_5601-1987', [0xb0, 0xa1], '가'],
    ['utf-16be', [0x30, 0x42], 'あ'],
    ['utf-32le', [0x42, 0x30, 0, 0], 'あ'],
    ['unicode-1-1-utf-8', [0xc3, 0xbc], 'ü'],
    ['ansi_x3.4-1968', [0x61], 'a'],
    ['', [0xc3, 0xbc], 'ü']
  ])('%j, which mail programs write, is decoded', async (name, bytes, expected) => {
    expect(await decodeText(Uint8Array.from(bytes), name)).toMatchObject({
      text: expected,
      isDamaged: false
    })
  })
})
