/** Decodes leaves: removes the transfer encoding and decodes charsets. Must never throw. */
import { isAscii, isUtf8 } from 'node:buffer'
import { decode } from 'libqp'
import { decodeLines, groupAt, sextetAt } from '../domain/base64.ts'
import { charsetNamed, decodeCharset } from './encoded-words.ts'
import { bodyOf, type Part } from './tree.ts'

/** Most text that is shown of one message, in bytes of UTF-8. */
export const TEXT_BYTES_MAX = 256 * 1024
/** Most bytes of one leaf that are decoded as text: room for four-byte charsets and markup. */
const LEAF_BYTES_MAX = 4 * TEXT_BYTES_MAX
/** Tab, line breaks, space and no-break space. */
const BLANKS = new Set([9, 10, 11, 12, 13, 32, 0xa0])
/** All of C0 and C1 except tab and line feed: a terminal or a mail program must never obey a report. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * Most bytes of leaves that are decoded for one text, however little text results; the leaf that exceeds it is the last. Blanks
 * take as long to decode as words, and compressed inside an encryption they cost the sender nothing.
 */
export const DECODED_BYTES_MAX = 2 * LEAF_BYTES_MAX
/** Contents without their transfer encoding, cached for several readers. */
const contents = new WeakMap<Part, Buffer>()

/** Decoded text, and whether characters were replaced or the end was cut off. */
export type LeafText = {
  readonly text: string
  readonly isDamaged: boolean
  readonly isTruncated: boolean
}

/**
 * The content of a leaf, byte for byte, without its transfer encoding. Unknown encodings stay as they are. May be a view of the
 * tree's own bytes, which nobody changes; decoded once and cached.
 */
export function contentOf(part: Part): Buffer {
  const known = contents.get(part)
  if (known !== undefined) return known
  const [body, encoding] = [bodyOf(part), part.encoding]
  const decoded = encoding === 'quoted-printable' ? decodeQuotedPrintable(body) : body
  const content = encoding === 'base64' ? decodeBase64(body) : decoded
  contents.set(part, content)
  return content
}

/** Whether these bytes contain nothing but blanks. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => BLANKS.has(byte))
}

/** The text of a text leaf, LF line ends, control characters replaced by their pictures. */
export function textOf(part: Part): LeafText {
  return decodeText(contentOf(part), part.params.get('charset') ?? '')
}

/** Bytes in `charset` ('' when not declared) as text. */
export function decodeText(bytes: Uint8Array, charset: string): LeafText {
  const slice = bytes.subarray(0, LEAF_BYTES_MAX)
  // A slice may end inside a character: its last one does not count.
  const last = slice.findLastIndex((byte) => byte < 0x80 || byte > 0xbf)
  const isValid = isUtf8(bytes.length > slice.length ? slice.subarray(0, last) : slice)
  const chosen = chooseCharset(slice, charset, isValid)
  const decoded = decodeBytes(slice, chosen.charset)
  const text = decoded.replaceAll(/\r\n?/g, '\n').replaceAll(CONTROLS, pictureOf)
  const isDamaged = chosen.isGuess || text.includes('\ufffd')
  const isTruncated = bytes.length > LEAF_BYTES_MAX
  return { text, isDamaged, isTruncated }
}

/**
 * Whether the encoding `charset` writes ASCII as ASCII. Somebody who can choose among such charsets can garble non-ASCII
 * characters, but cannot turn a text into other words.
 */
export function keepsAscii(charset: string): boolean {
  return charset !== '' && charsetNamed(charset)?.startsWith('utf-16') === false
}

/** U+241B for an escape and so on, so that a report about terminals stays readable; U+FFFD when there is no picture. */
function pictureOf(control: string): string {
  const code = control.charCodeAt(0)
  if (code === 0x7f) return '\u2421'
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd'
}

/** `text` cut to {@link TEXT_BYTES_MAX}, at a character boundary. */
export function capText(text: string): { readonly text: string; readonly isTruncated: boolean } {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= TEXT_BYTES_MAX) return { text, isTruncated: false }
  // In streaming mode a character that is not whole yet is left out.
  const cut = new TextDecoder().decode(bytes.subarray(0, TEXT_BYTES_MAX), { stream: true })
  return { text: cut, isTruncated: true }
}

/** ISO-2022-JP that ends a line in another alphabet than a Latin one, which RFC 1468 forbids. */
const OPEN_LINE = /\u001b(?!\([BJ])[^\u001b\n]*$/m
/** The end of any line that does not end in ASCII. */
const UNCLOSED = /\u001b(?!\(B)[^\u001b\n]*$/gm

/**
 * Undeclared text is UTF-8 if it can be, and declared UTF-8 without a single valid character is read as windows-1252. Text with
 * an unknown charset is read like undeclared text and reported as a guess; so is what programs read in two ways.
 */
function chooseCharset(bytes: Uint8Array, declared: string, isValid: boolean) {
  const named = charsetNamed(declared)
  // ISO-2022-JP is written in ASCII; anything else only says so.
  const charset = named === 'iso-2022-jp' && !isAscii(bytes) ? null : named
  if (charset === null || charset === 'utf-8') {
    if (isValid) return { charset: 'utf-8', isGuess: charset === null }
    const isMeant =
      charset !== null && /[^\u0000-\u007f\ufffd]/.test(new TextDecoder('utf-8').decode(bytes))
    return { charset: isMeant ? 'utf-8' : 'windows-1252', isGuess: true }
  }
  if (charset.startsWith('utf-16')) {
    const mark = Buffer.from(bytes.subarray(0, 2)).toString('hex')
    const isMarked = mark === 'feff' || mark === 'fffe'
    return { charset: mark === 'feff' ? 'utf-16be' : charset, isGuess: !isMarked }
  }
  const isOpen = charset === 'iso-2022-jp' && OPEN_LINE.test(Buffer.from(bytes).toString('latin1'))
  return { charset, isGuess: isOpen }
}

/** `charset` is a result of {@link charsetNamed}. Closes each line of ISO-2022-JP: an alphabet left open hides what follows. */
function decodeBytes(bytes: Uint8Array, charset: string): string {
  if (charset !== 'iso-2022-jp') return decodeCharset(bytes, charset)
  const text = Buffer.from(bytes).toString('latin1').replaceAll(UNCLOSED, '$&\u001b(B')
  return decodeCharset(Buffer.from(text, 'latin1'), charset)
}

// Transfer encodings (RFC 2045 §6.7, §6.8), in bounded memory, because a message can have millions of lines. Never lose a byte
// that cannot be decoded.

const [LF, EQUALS] = [10, 61]
/**
 * One pass that takes as long for any bytes. Padding ends a group, not the part: some senders encode a file in pieces, at which
 * Node's own decoder stops.
 */
function decodeBase64(body: Buffer): Buffer {
  const decoded = Buffer.alloc(Math.ceil((body.length * 3) / 4))
  const [from, written] = decodeLines(body, decoded)
  let size = written
  let bits = 0
  let width = 0
  // By index: an iterator takes several times as long.
  for (let at = from; at < body.length; at += 1) {
    for (; width === 0; at += 4, size += 3) {
      const group = groupAt(body, at)
      if (group < 0) break
      decoded[size] = group >> 16
      decoded[size + 1] = group >> 8
      decoded[size + 2] = group
    }
    const sextet = sextetAt(body, at)
    if (sextet >= 0) {
      bits = ((bits << 6) | sextet) & 0xffff
      width += 6
      if (width < 8) continue
      width -= 8
      decoded[size] = bits >> width
      size += 1
    } else if (body[at] === EQUALS) width = 0
  }
  return decoded.subarray(0, size)
}

/** The library's lists of matches take many times the space of the text, so it gets little at a time. */
const CHUNK_BYTES = 2 ** 18

function decodeQuotedPrintable(body: Buffer): Buffer {
  const decoded: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf(LF, at + CHUNK_BYTES)
    const end = lineEnd < 0 ? body.length : lineEnd + 1
    decoded.push(decode(body.subarray(at, end)))
    at = end
  }
  return Buffer.concat(decoded)
}
