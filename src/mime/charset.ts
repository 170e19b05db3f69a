/**
 * The charset names that are accepted, and the name under which each is decoded. Must never pass a declared name to the
 * decoder: it drops everything but letters and digits and knows more than charsets, so that `hex` would be decoded too (mail.md
 * §2.23).
 */

/** Names the decoder is asked for, compared by letters and digits only. */
const NAMES = [
  'utf-7 utf-8 utf-16 utf-16le utf-16be utf-32 utf-32le utf-32be koi8-r koi8-u macintosh ibm866 gbk gb2312 gb18030 big5 euc-kr',
  'euc-jp shift_jis iso-2022-jp windows-874 cp437 cp737 cp850 cp852 cp857 cp858 cp932 cp936 cp949 cp950',
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16].map((part) => `iso-8859-${part}`),
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `windows-${page}`)
].flatMap((names) => names.split(' '))
/** Names used by old mail programs that no registry lists, by their letters and digits, behind the name that they mean. */
const OTHER_NAMES = [
  'us-ascii ansix341968 ascii iso646us usascii',
  'iso-2022-jp cp50220 jis jisencoding iso2022jp1 iso2022jp2 iso2022jp3 iso2022jp2004 iso2022jpms',
  'utf-7 unicode11utf7 csunicode11utf7',
  'windows-1250 win1250,windows-1251 win1251,windows-1252 win1252,windows-874 cp874',
  'cp437 ibm437,cp850 ibm850,cp852 ibm852,cp949 ms949',
  'iso-8859-8 iso88598i,iso-8859-15 latin9,maccyrillic xmaccyrillic'
].flatMap((line) => line.split(','))
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...NAMES.map((name) => [spelled(name), name] as const),
  ...OTHER_NAMES.flatMap((line) => {
    const [name = '', ...others] = line.split(' ')
    return others.map((other) => [other, name] as const)
  })
])

/**
 * The charset that `declared` names, in the decoder's spelling; `us-ascii` for '', null for an unknown name.
 */
export function charsetNamed(declared: string): string | null {
  const name = declared.trim().toLowerCase()
  if (name === '') return 'us-ascii'
  const known = KNOWN.get(spelled(name))
  if (known !== undefined) return known
  return KNOWN.get(spelled(labelled(name))) ?? KNOWN.get(spelled(labelled(spelled(name)))) ?? null
}

function spelled(name: string): string {
  return name.replaceAll(/[^a-z0-9]/g, '')
}

/** The name for one of the many labels that browsers know (WHATWG Encoding §4.2); '' for any other label. */
function labelled(label: string): string {
  try {
    return new TextDecoder(label).encoding
  } catch {
    return ''
  }
}

// UTF-7 (RFC 2152) is decoded only where it hides nothing: an encoded letter, digit, slash, bracket or blank of ASCII, or an
// invisible character, stays as written, so that no word or line appears that was not readable in the bytes (mail.md §2.23).

/** `+`, modified base64 of UTF-16 in big-endian order, and the `-` that ends it unless another character does. */
const SHIFTED = /\+([A-Za-z0-9+/]*)(-?)/g
/**
 * Characters that are decoded: ASCII punctuation that forms no word, quotation, tag or blank, and visible characters beyond
 * ASCII. None of them begins or ends a line, a command or a block.
 */
const SHOWN = /^(?:[!"#$%&*+;=@\\^_`{|}~]|(?![\u0000-\u00a0])[\p{L}\p{M}\p{N}\p{P}\p{S}])*$/u

/** Armor is base64, in which `+` shifts nothing: a program encrypted it and declared UTF-7 regardless (RFC 9580 §6.2). */
const ARMOR = /^-----BEGIN PGP /m

/** `text`, which is ASCII, with all sequences decoded that are valid and hide nothing; unchanged when it contains armor. */
export function readUtf7(text: string): string {
  if (ARMOR.test(text)) return text
  return text.replaceAll(SHIFTED, (written, base64: string, end: string) => {
    if (base64 === '') return end === '' ? written : '+'
    const meant = utf16Of(base64)
    return meant !== null && SHOWN.test(meant) ? meant : written
  })
}

/** Null when bits are missing or left over. */
function utf16Of(base64: string): string | null {
  const bytes = Buffer.from(base64, 'base64')
  const isExact = bytes.toString('base64').replaceAll('=', '') === base64
  if (!isExact || bytes.length % 2 !== 0) return null
  return bytes.swap16().toString('utf16le')
}

// ISO-2022-JP (RFC 1468) is normalised before it is decoded: its escape sequences switch alphabets, and somebody who omits or
// invents one makes different programs show different words (mail.md §2.23). Must never drop a byte.

const ASCII = '\u001b(B'
/** Escapes to ASCII, JIS X 0201 Roman or katakana; and to kanji, with two bytes each. */
const SWITCH = /(\u001b(?:\([BIJ]|\$[@B]|\$\(D))/
const LINE_END = /(\r\n|\r|\n)/
/** Pairs of bytes that may be kanji, and bytes between them that cannot be. */
const KANJI = /((?:[!-~]{2})+)|[!-~]|[^!-~]+/g
const ESCAPES = /\u001b/g
/** SUBSTITUTE, which readers see as its picture. */
const SUBSTITUTE = '\u001a'

/** The same text in a form that every program reads alike, and whether it already had that form. */
export type SoundText = { readonly bytes: Uint8Array; readonly isSound: boolean }

/**
 * Each line begins and ends in ASCII, as RFC 1468 requires: the next line is never read as kanji. Every other escape sequence
 * is shown, not obeyed, and so are bytes in kanji mode that cannot be kanji.
 */
export function makeSound(bytes: Uint8Array): SoundText {
  const text = Buffer.from(bytes).toString('latin1')
  const sound = text
    .split(LINE_END)
    .map((line, index) => (index % 2 === 1 ? line : soundLine(line)))
    .join('')
  return { bytes: Buffer.from(sound, 'latin1'), isSound: sound === text }
}

function soundLine(line: string): string {
  let alphabet = ASCII
  const runs = line.split(SWITCH).map((piece, index) => {
    if (index % 2 === 0) return soundRun(piece, alphabet)
    alphabet = piece
    return piece
  })
  return isLatin(alphabet) ? runs.join('') : runs.join('') + ASCII
}

function soundRun(run: string, alphabet: string): string {
  if (!alphabet.includes('$')) return run.replaceAll(ESCAPES, SUBSTITUTE)
  return run.replaceAll(KANJI, (rest: string, kanji: string | undefined) =>
    kanji === undefined ? ASCII + rest.replaceAll(ESCAPES, SUBSTITUTE) + alphabet : rest
  )
}

/** Only in these two alphabets are line ends line ends. */
function isLatin(alphabet: string): boolean {
  return alphabet === ASCII || alphabet.endsWith('(J')
}
