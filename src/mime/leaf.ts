/**
 * Decodes leaves: their bytes without the transfer encoding, and charsets through mailparser on a synthetic one-part mail
 * in which every HTML and link option is off. Must never see HTML as HTML and never a mail's own structure (mail.md §2.17).
 */
import { isAscii } from 'node:buffer'
import { simpleParser } from 'mailparser'

import { charsetNamed } from './charset.ts'
import { decodeCharset } from './encoded-words.ts'
import { makeSound } from './iso-2022-jp.ts'
import { undoTransferEncoding } from './transfer-encoding.ts'
import { bodyOf, type MimeTree, type Part } from './tree.ts'
import { readUtf7 } from './utf-7.ts'

/** Most text that is shown of one mail, in bytes of UTF-8. */
export const TEXT_BYTES_MAX = 256 * 1024
/** Bytes of one leaf that are looked at for text: room for four-byte charsets and markup. */
const LEAF_BYTES_MAX = 4 * TEXT_BYTES_MAX
const PRINTABLE = Buffer.from(Array.from({ length: 95 }, (_, index) => index + 32))
/** Tab, line breaks, the space and the no-break space. */
const BLANKS = new Set([9, 10, 11, 12, 13, 32, 0xa0])
/** Everything of C0 and C1 except tab and line feed: a terminal or a mail program must never obey a report. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * Most bytes of leaves that are decoded for one text, however little comes out of them; the leaf that goes beyond it is the last.
 * A leaf of blanks takes as long as one of words, and compressed inside an encryption it costs its sender nothing.
 */
export const DECODED_BYTES_MAX = 2 * LEAF_BYTES_MAX
/** Contents without their transfer encoding, which several readers ask for. */
const contents = new WeakMap<Part, Buffer>()

/** Decoded text and whether characters had to be replaced or the end cut off. */
export type LeafText = {
  readonly text: string
  /** How many bytes were decoded for it. */
  readonly decodedBytes: number
  readonly isDamaged: boolean
  readonly isTruncated: boolean
}

/**
 * The content of a leaf, byte for byte, without its transfer encoding. Unknown encodings are left as they are. It may be a view
 * of the tree's own bytes, which nobody changes, and is decoded once, however often it is asked for.
 */
export function contentOf(tree: MimeTree, part: Part): Buffer {
  const known = contents.get(part)
  if (known !== undefined) return known
  const content = undoTransferEncoding(bodyOf(tree, part), part.encoding)
  contents.set(part, content)
  return content
}

/** Whether there is nothing but blanks in these bytes. */
export function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => BLANKS.has(byte))
}

/** The text of a text leaf, LF line ends, control characters replaced by their pictures. */
export async function textOf(tree: MimeTree, part: Part): Promise<LeafText> {
  return decodeText(contentOf(tree, part), part.params.get('charset') ?? '')
}

/** Bytes in `charset` ('' when not declared) as text. */
export async function decodeText(bytes: Uint8Array, charset: string): Promise<LeafText> {
  const slice = bytes.subarray(0, LEAF_BYTES_MAX)
  const chosen = chooseCharset(slice, charset)
  const decoded = await decodeWithParser(chosen.bytes ?? slice, chosen.charset)
  const text = decoded.replaceAll(/\r\n?/g, '\n').replaceAll(CONTROLS, pictureOf)
  const isDamaged = chosen.isGuess || decoded.includes('\ufffd')
  const isTruncated = bytes.length > LEAF_BYTES_MAX
  return { text, decodedBytes: slice.length, isDamaged, isTruncated }
}

/**
 * Whether `charset` is the name of an encoding in which ASCII is written as ASCII. Whoever may choose among these can garble
 * what lies beyond ASCII, but cannot make other words of a text.
 */
export function keepsAscii(charset: string): boolean {
  try {
    return (
      new TextDecoder(charset, { fatal: true }).decode(PRINTABLE) === PRINTABLE.toString('latin1')
    )
  } catch {
    return false
  }
}

/** U+241B for an escape and so on, so that what a report says of terminals can be read; U+FFFD where there is no picture. */
function pictureOf(control: string): string {
  const code = control.charCodeAt(0)
  if (code === 0x7f) return '\u2421'
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : '\ufffd'
}

/** `text` cut to the limit of {@link TEXT_BYTES_MAX}, at a character. */
export function capText(text: string): { readonly text: string; readonly isTruncated: boolean } {
  const bytes = Buffer.from(text, 'utf8')
  if (bytes.length <= TEXT_BYTES_MAX) return { text, isTruncated: false }
  const cut = bytes
    .subarray(0, TEXT_BYTES_MAX)
    .toString('utf8')
    .replace(/\ufffd$/, '')
  return { text: cut, isTruncated: true }
}

type ChosenCharset = {
  readonly charset: string
  readonly isGuess: boolean
  /** What is decoded, where that is not the text as it came. */
  readonly bytes?: Uint8Array
}

/** Two ways to read them, and the first bytes are to say which. */
const NEEDS_MARK: readonly string[] = ['utf-16', 'utf-32']
const MARKS = ['fffe', 'feff', '0000feff'] as const

/**
 * Undeclared text is UTF-8 when it can be, and declared UTF-8 that does not hold a single character of it is read as
 * windows-1252. What declares a charset that is not known is read like undeclared text, and said to be a guess; so is UTF-7,
 * which few programs know and others show as it was written (mail.md §2.23).
 */
function chooseCharset(bytes: Uint8Array, declared: string): ChosenCharset {
  const charset = charsetNamed(declared)
  if (charset === 'iso-2022-jp') {
    const { bytes: sound, isSound } = makeSound(bytes)
    return { charset, isGuess: !isSound, bytes: sound }
  }
  if (charset === 'utf-7') return chooseUtf7(bytes)
  if (charset === 'utf-16' && bytes[0] === 0xfe && bytes[1] === 0xff) {
    return { charset: 'utf-16be', isGuess: false }
  }
  if (charset !== null && !['us-ascii', 'utf-8'].includes(charset)) {
    return { charset, isGuess: NEEDS_MARK.includes(charset) && !hasMark(bytes) }
  }
  if (isUtf8(bytes)) return { charset: 'utf-8', isGuess: charset === null }
  const isMeant = charset === 'utf-8' && holdsUtf8(bytes)
  return { charset: isMeant ? 'utf-8' : 'windows-1252', isGuess: true }
}

/** Only ASCII may be UTF-7; anything else is not what it says it is. */
function chooseUtf7(bytes: Uint8Array): ChosenCharset {
  if (!isAscii(bytes)) return { charset: isUtf8(bytes) ? 'utf-8' : 'windows-1252', isGuess: true }
  const text = Buffer.from(bytes).toString('latin1')
  return { charset: 'utf-8', isGuess: text.includes('+'), bytes: Buffer.from(readUtf7(text)) }
}

/** Whether a text begins with the mark that says in which order the bytes of a character stand (RFC 2781 §3.2). */
function hasMark(bytes: Uint8Array): boolean {
  const first = Buffer.from(bytes.subarray(0, 4)).toString('hex')
  return MARKS.some((mark) => first.startsWith(mark))
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    // A slice may end inside a character, hence the streaming mode.
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

/** Whether at least one character beyond ASCII can be read as UTF-8. */
function holdsUtf8(bytes: Uint8Array): boolean {
  return /[^\u0000-\u007f\ufffd]/.test(new TextDecoder('utf-8').decode(bytes))
}

async function decodeWithParser(bytes: Uint8Array, charset: string): Promise<string> {
  if (bytes.length === 0) return ''
  const head = `Content-Type: text/plain; charset=${charset}\r\nContent-Transfer-Encoding: base64\r\n\r\n`
  const mail = head + Buffer.from(bytes).toString('base64')
  try {
    const parsed = await simpleParser(mail, {
      skipHtmlToText: true,
      skipTextToHtml: true,
      skipTextLinks: true,
      skipImageLinks: true
    })
    return parsed.text ?? ''
  } catch {
    return decodeCharset(bytes, charset)
  }
}
