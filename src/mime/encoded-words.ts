/**
 * Encoded words (RFC 2047) and the one place where header text becomes safe to show: no control, bidirectional or
 * line-separating characters survive, because an encoded word may decode to CR LF and a forged field.
 */
import { isUtf8 } from 'node:buffer'

/** Longest header text that is kept, in characters. */
const HEADER_TEXT_MAX = 200
/** Most encoded words of one value that are decoded, as many as a header text has characters; further ones stay as written. */
export const WORDS_MAX = HEADER_TEXT_MAX
// Some senders leave raw bytes above ASCII in a word, which RFC 2047 §5 does not allow.
const WORD = /=\?([A-Za-z0-9_.:*-]{1,60})\?([BbQq])\?([!->@-~\u00a0-\uffff]*)\?=/g
const LONE_SURROGATE = /\p{Surrogate}/gu
// C0, C1, soft hyphen, Arabic letter mark, zero-width and bidirectional controls, line separators, BOM, tags.
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Text that is safe to show and to write into a header: unsafe characters become spaces, runs collapse, at most `max` long. */
export function sanitizeHeaderText(text: string, max: number = HEADER_TEXT_MAX): string {
  const clean = text
    .replaceAll(LONE_SURROGATE, '\ufffd')
    .replaceAll(UNSAFE, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return Array.from(clean.slice(0, max * 2))
    .slice(0, max)
    .join('')
    .trim()
}

/**
 * `value` with its encoded words decoded. Joins adjacent words of one charset before decoding, because mailers split characters
 * across words. Not sanitized: callers pass the result through {@link sanitizeHeaderText}.
 */
export function decodeWords(value: string): string {
  const pieces: (string | { readonly charset: string; readonly chunks: Buffer[] })[] = []
  let [at, words] = [0, 0]
  for (const match of value.matchAll(WORD)) {
    words += 1
    if (words > WORDS_MAX) break
    const between = value.slice(at, match.index)
    at = match.index + match[0].length
    const charset = (match[1] ?? '').replace(/\*.*$/, '').toLowerCase()
    const payload = match[3] ?? ''
    const isBase64 = (match[2] ?? '').toUpperCase() === 'B'
    const bytes = isBase64 ? Buffer.from(payload, 'base64') : decodeQ(payload, charset)
    const last = pieces.at(-1)
    const isAdjacent = typeof last === 'object' && between.trim() === ''
    if (isAdjacent && last.charset === charset) last.chunks.push(bytes)
    else pieces.push(isAdjacent ? '' : between, { charset, chunks: [bytes] })
  }
  return [...pieces, value.slice(at)]
    .map((piece) =>
      typeof piece === 'string' ? piece : decodeCharset(Buffer.concat(piece.chunks), piece.charset)
    )
    .join('')
}

/** The labels of the encodings of browsers that Node decodes (WHATWG Encoding §4.2): it tells that it knows one by throwing. */
const LABELS: ReadonlySet<string> = new Set(
  `
  unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf8 utf-8 x-unicode20utf8 866 cp866 csibm866 ibm866 csisolatin2 iso-8859-2
  iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2 csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593
  iso_8859-3 iso_8859-3:1988 l3 latin3 csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4
  latin4 csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988 arabic asmo-708
  csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596
  iso_8859-6 iso_8859-6:1987 csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597
  iso_8859-7 iso_8859-7:1987 sun_eu_greek csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8
  iso88598 iso_8859-8 iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical csisolatin6 iso-8859-10 iso-ir-157 iso8859-10
  iso885910 l6 latin6 iso-8859-13 iso8859-13 iso885913 iso-8859-14 iso8859-14 iso885914 csisolatin9 iso-8859-15 iso8859-15
  iso885915 iso_8859-15 l9 cskoi8r koi koi8 koi8-r koi8_r koi8-ru koi8-u csmacintosh mac macintosh x-mac-roman dos-874
  iso-8859-11 iso8859-11 iso885911 tis-620 windows-874 cp1250 windows-1250 x-cp1250 cp1251 windows-1251 x-cp1251 cp1252
  cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 windows-1252
  x-cp1252 cp1253 windows-1253 x-cp1253 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9
  iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254 cp1255 windows-1255 x-cp1255 cp1256 windows-1256 x-cp1256 cp1257
  windows-1257 x-cp1257 cp1258 windows-1258 x-cp1258 x-mac-cyrillic x-mac-ukrainian chinese csgb2312 csiso58gb231280 gb2312
  gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030 big5 big5-hkscs cn-big5 csbig5 x-x-big5 cseucpkdfmtjapanese euc-jp x-euc-jp
  csiso2022jp iso-2022-jp csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cseuckr csksc56011987 euc-kr
  iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 unicodefffe utf-16be csunicode
  iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16le utf-16
`.split(/\s+/)
)
const ASCII = /^(?:(?:us-)?ascii|ansi_x3\.4-1968)?$/

/** One decoder an encoding: making one takes longer than decoding a word. Null where this Node was built without it. */
const decoders = new Map<string, TextDecoder | null>()

function decoderFor(label: string): TextDecoder | null {
  let known = decoders.get(label)
  if (known !== undefined) return known
  try {
    const { encoding } = new TextDecoder(label)
    known = decoders.get(encoding) ?? new TextDecoder(encoding)
    decoders.set(encoding, known)
  } catch {
    known = null
  }
  decoders.set(label, known)
  return known
}

/**
 * The encoding that `declared` names among those of browsers (WHATWG Encoding §4.2), `utf-8` for '' and ASCII; null for any
 * other. Only its result may be given to a decoder: some know more than charsets, so that `hex` would be decoded too, and UTF-7
 * is not among them, because it hides words.
 */
export function charsetNamed(declared: string): string | null {
  const label = declared.trim().toLowerCase()
  if (ASCII.test(label)) return 'utf-8'
  return LABELS.has(label) ? (decoderFor(label)?.encoding ?? null) : null
}

/** Bytes in a named charset as text; see {@link looseText} for one that is unknown. */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const known = charsetNamed(charset)
  const decoder = known === null ? null : decoderFor(known)
  if (decoder === null) return looseText(bytes)
  return decode(known === 'iso-2022-jp' ? withoutIdleSwitches(bytes) : bytes, decoder)
}

/** Encoded words return to ASCII at their end and leave it at the start of the next: an error between two that are joined. */
function withoutIdleSwitches(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1')
  return Buffer.from(text.replaceAll(/\u001b\([BJ](?=\u001b)/g, ''), 'latin1')
}

// Created once: a message can have two hundred thousand fields.
const UTF_8 = new TextDecoder('utf-8')
const WINDOWS_1252 = new TextDecoder('windows-1252')

/** Bytes whose charset nobody names: UTF-8 where they are valid, else windows-1252. */
export function looseText(bytes: Uint8Array): string {
  return decode(bytes, isUtf8(bytes) ? UTF_8 : WINDOWS_1252)
}

/** In two steps, because Node 20 reads windows-1252 as Latin-1 where it is told that nothing follows. */
function decode(bytes: Uint8Array, decoder: TextDecoder): string {
  return decoder.decode(bytes, { stream: true }) + decoder.decode()
}

/** RFC 2047 §4.2. A raw character above ASCII is read as its bytes in the charset of the word. */
function decodeQ(payload: string, charset: string): Buffer {
  const unit = charset === 'utf-8' ? 'utf8' : 'latin1'
  const bytes = payload
    .replaceAll(/[^\u0000-\u007f]+/g, (bare) => Buffer.from(bare, unit).toString('latin1'))
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1')
}
