/**
 * Encoded words (RFC 2047) and the one place where header text becomes safe to show: no control, bidirectional or
 * line-separating characters survive, because an encoded word may decode to CR LF and a forged field.
 */
import { isUtf8 } from 'node:buffer'

/** Longest header text that is kept, in characters. */
const HEADER_TEXT_MAX = 200
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
  let at = 0
  for (const match of value.matchAll(WORD)) {
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

/**
 * The encoding that `declared` names among those of browsers (WHATWG Encoding §4.2), `utf-8` for '' and ASCII; null for any
 * other. Only its result may be given to a decoder: some know more than charsets, so that `hex` would be decoded too, and UTF-7
 * is not among them, because it hides words.
 */
export function charsetNamed(declared: string): string | null {
  if (/^\s*(?:(?:us-)?ascii|ansi_x3\.4-1968)?\s*$/i.test(declared)) return 'utf-8'
  try {
    return new TextDecoder(declared).encoding
  } catch {
    return null
  }
}

/** Bytes in a named charset as text; see {@link looseText} for one that is unknown. */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const known = charsetNamed(charset)
  return known === null ? looseText(bytes) : decode(bytes, new TextDecoder(known))
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
