/**
 * Turns a payload into what people read: one text and the attachments. Never concatenates parts with anything outside the
 * payload, only ever converts HTML, and keeps encrypted parts inside as closed attachments (EFAIL, mail.md §2.1; RFC 9787
 * "errant" layers). What exceeds a limit is not dropped: it becomes an attachment.
 */
import { createHash } from 'node:crypto'
import { parseSha256 } from '../domain/ids.ts'
import { type Attachment, type WarningCode } from '../domain/mail.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { type Field } from './fields.ts'
import { unflow } from './flowed.ts'
import { HTML_PLACEHOLDER, type HtmlText, textOfHtml } from './html.ts'
import {
  capText,
  contentOf,
  DECODED_BYTES_MAX,
  type LeafText,
  TEXT_BYTES_MAX,
  textOf
} from './leaf.ts'
import { readMailboxes } from './mailboxes.ts'
import { type Piece, selectPieces } from './pieces.ts'
import { bodyOf, entityOf, type MimeTree, type Part } from './tree.ts'

/** The readable content of a payload. */
export type Content = {
  /** LF line ends, at most 256 KiB. */
  readonly text: string
  readonly attachments: readonly Attachment[]
  readonly warnings: ReadonlySet<WarningCode>
}

/** Most HTML converted for one message, in characters: parts have their own limit, but there may be 200 of them. */
const HTML_CHARS_MAX = 1_000_000

type Spent = { htmlChars: number; textBytes: number; decodedBytes: number; isFull: boolean }

/**
 * Reads everything below `start`. `hasLegacyDisplay` is true when the payload has protected headers: then the copy of them for
 * old mail programs is left out (RFC 9788 §5.2), if it is nothing but a copy.
 */
export async function readContent(
  tree: MimeTree,
  start: Part,
  hasLegacyDisplay: boolean
): Promise<Content> {
  const { pieces, warnings } = selectPieces(tree, start)
  const texts: string[] = []
  const attachments: Attachment[] = []
  const spent: Spent = { htmlChars: 0, textBytes: 0, decodedBytes: 0, isFull: false }
  for (const piece of pieces) {
    const isLegacy = hasLegacyDisplay && isLegacyDisplay(start, piece.part)
    if (piece.kind === 'attachment') {
      const isCopy = isLegacy && (await isCopiedPart(tree, piece.part, start.fields, spent))
      if (!isCopy) attachments.push(toAttachment(tree, piece.part, attachments.length + 1))
      continue
    }
    // Nothing beyond the limit is shown, so it is not decoded.
    if (isFull(spent, warnings)) continue
    const text = await readText(tree, piece, warnings, spent)
    // Whatever its mark says: a part with more than copied fields is somebody's text, so it is shown.
    if (isLegacy && isCopyOf(start.fields, text.split('\n'))) continue
    const shown = trimmed(hasLegacyDisplay ? withoutLegacyLines(piece, text, start.fields) : text)
    texts.push(shown)
    spent.textBytes += Buffer.byteLength(shown)
    if (spent.textBytes > TEXT_BYTES_MAX) spent.isFull = true
  }
  const capped = capText(joinTexts(texts))
  if (capped.isTruncated) warnings.add('text-truncated')
  return { text: capped.text, attachments, warnings }
}

/** Whether to stop reading text; what is left out to save work is recorded nowhere else. */
function isFull(spent: Spent, warnings: Set<WarningCode>): boolean {
  if (spent.decodedBytes > DECODED_BYTES_MAX) warnings.add('text-truncated')
  return spent.isFull
}

/** Bytes as an attachment with a safe name. `number` numbers files without a name. */
export function makeAttachment(
  content: Uint8Array,
  sent: { readonly filename: string; readonly type: string },
  number: number
): Attachment {
  const sha256 = parseSha256(createHash('sha256').update(content).digest('hex'))
  if (sha256 === null) throw new TypeError('node:crypto returned no SHA-256')
  return {
    filename: safeFilename(sent.filename, sent.type, number),
    contentType: sent.type,
    size: content.length,
    sha256,
    // A view, not a copy: data that leaves the thread is copied then, and most of it never leaves.
    content: new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
  }
}

/** The text of one piece, converted if it is HTML; notes what was done to it. When it is cut, no further text is read. */
async function readText(
  tree: MimeTree,
  piece: Piece,
  warnings: Set<WarningCode>,
  spent: Spent
): Promise<string> {
  const leaf = await decodeLeaf(tree, piece.part, spent)
  const html = piece.kind === 'html' ? readHtml(leaf.text, spent) : null
  if (leaf.isDamaged) warnings.add('undecodable-text')
  if (leaf.isTruncated || html?.isTruncated === true) {
    warnings.add('text-truncated')
    spent.isFull = true
  }
  if (html !== null) {
    warnings.add(html.isConverted ? 'html-only' : 'html-not-converted')
    return html.text
  }
  const { params } = piece.part
  const isFlowed = params.get('format')?.toLowerCase() === 'flowed'
  return isFlowed ? unflow(leaf.text, params.get('delsp')?.toLowerCase() === 'yes') : leaf.text
}

/** The text of a leaf. When it uses up the decoding limit, no further text is read. */
async function decodeLeaf(tree: MimeTree, part: Part, spent: Spent): Promise<LeafText> {
  const leaf = await textOf(tree, part)
  spent.decodedBytes += leaf.decodedBytes
  if (spent.decodedBytes > DECODED_BYTES_MAX) spent.isFull = true
  return leaf
}

function readHtml(html: string, spent: Spent): HtmlText {
  spent.htmlChars += html.length
  return spent.htmlChars > HTML_CHARS_MAX && spent.htmlChars > html.length
    ? { text: HTML_PLACEHOLDER, isConverted: false, isTruncated: false }
    : textOfHtml(html)
}

/**
 * A part as an attachment; a part that was not parsed (beyond a limit) stays as sent. `number` numbers files without a name.
 */
export function toAttachment(tree: MimeTree, part: Part, number: number): Attachment {
  if (part.isOpaque) {
    const sent = { filename: '', type: 'application/octet-stream' }
    return makeAttachment(entityOf(tree, part), sent, number)
  }
  const isMultipart = part.type.startsWith('multipart/')
  const content = isMultipart ? bodyOf(tree, part) : contentOf(tree, part)
  const type = isMultipart ? 'application/octet-stream' : part.type
  return makeAttachment(content, { filename: part.filename, type }, number)
}

/** The separate part with copied fields that older senders put first. A named file never is one, whatever its mark says. */
function isLegacyDisplay(start: Part, part: Part): boolean {
  return (
    start.children[0] === part &&
    start.type === 'multipart/mixed' &&
    !part.isOpaque &&
    part.disposition !== 'attachment' &&
    part.filename === '' &&
    ['text/plain', 'text/rfc822-headers'].includes(part.type) &&
    part.params.get('protected-headers')?.toLowerCase() === 'v1'
  )
}

async function isCopiedPart(
  tree: MimeTree,
  part: Part,
  fields: readonly Field[],
  spent: Spent
): Promise<boolean> {
  const leaf = await decodeLeaf(tree, part, spent)
  return !leaf.isDamaged && !leaf.isTruncated && isCopyOf(fields, leaf.text.split('\n'))
}

/** RFC 9788 §5.2.2 and §5.2.3: field lines at the top of a marked leaf, up to the first empty line. */
function withoutLegacyLines(piece: Piece, text: string, fields: readonly Field[]): string {
  if (piece.part.params.get('hp-legacy-display') !== '1') return text
  const lines = text.split('\n')
  const end = lines.findIndex((line) => line.trim() === '')
  return end > 0 && isCopyOf(fields, lines.slice(0, end)) ? lines.slice(end + 1).join('\n') : text
}

function trimmed(text: string): string {
  return text.replace(/^\n+/, '').trimEnd()
}

function joinTexts(texts: readonly string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => `${text}\n`)
    .join('\n')
}

// Detects lines that only copy protected fields for old mail programs (Legacy Display, RFC 9788 §5.2), which are left out. Must
// never take text for a copy that is shown nowhere else: a sender could hide words from the desk that others see.

/** Address fields that are shown, and how many mailboxes of each. */
const ADDRESSES: ReadonlyMap<string, number> = new Map([
  ['from', 1],
  ['reply-to', 1],
  ['to', Number.POSITIVE_INFINITY],
  ['cc', Number.POSITIVE_INFINITY]
])
/** A date without words (RFC 5322 §3.3): it is not shown, and nothing can be hidden in it. */
const DATE = /^(?:[a-z]{3}, ?)?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UT)$/i

/**
 * Whether `lines` only repeat these fields: each line is one of them by name and value, folded or not; blank lines are ignored.
 * A sentence that looks like a field is somebody's text, and so is a field that is not shown, not shown in full, or repeated.
 */
function isCopyOf(fields: readonly Field[], lines: readonly string[]): boolean {
  const shown = fields.filter(({ name, value }) => occursOnce(fields, name) && isShown(name, value))
  const known = new Set(
    shown.flatMap(({ name, value }) =>
      [value, decodeWords(value)].map((each) => `${name}:${onOneLine(each)}`)
    )
  )
  const unfolded = lines
    .filter((line) => line.trim() !== '')
    .join('\n')
    .replaceAll(/\n(?=[ \t])/g, '')
    .split('\n')
  return unfolded.every((line) => {
    const colon = Math.max(line.indexOf(':'), 0)
    return known.has(`${line.slice(0, colon).toLowerCase()}:${onOneLine(line.slice(colon + 1))}`)
  })
}

function occursOnce(fields: readonly Field[], name: string): boolean {
  return fields.filter((each) => each.name === name).length === 1
}

/** Whether every word of a field is shown among the facts of its header. */
function isShown(name: string, value: string): boolean {
  const words = onOneLine(decodeWords(value))
  if (name === 'subject') return words === sanitizeHeaderText(words)
  if (name === 'date') return DATE.test(words)
  const most = ADDRESSES.get(name)
  if (most === undefined) return false
  const { contacts, count } = readMailboxes(value)
  const seen = contacts.map(({ name: called, address }) => `${called} ${address}`).join(', ')
  return count === contacts.length && count <= most && withoutMarks(words) === withoutMarks(seen)
}

/** Mailboxes without the punctuation between name and address, in lower case as domains are compared. */
function withoutMarks(mailboxes: string): string {
  return onOneLine(mailboxes.replaceAll(/[<>"]/g, ' ')).replaceAll(' ,', ',').toLowerCase()
}

function onOneLine(value: string): string {
  return value.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
}

// File names of attachments, made safe to show, to write into a header and to save (mail.md §2.18).

const FILENAME_CHARS_MAX = 120
const EXTENSIONS: Readonly<Record<string, string>> = {
  'text/plain': 'txt',
  'text/html': 'html',
  'text/calendar': 'ics',
  'text/csv': 'csv',
  'text/x-patch': 'patch',
  'text/x-diff': 'diff',
  'text/rfc822-headers': 'txt',
  'message/rfc822': 'eml',
  'message/global': 'eml',
  'message/delivery-status': 'txt',
  'application/pgp-encrypted': 'asc',
  'application/pgp-keys': 'asc',
  'application/pgp-signature': 'asc',
  'application/pdf': 'pdf',
  'application/zip': 'zip',
  'image/png': 'png',
  'image/jpeg': 'jpg'
}

/**
 * `sent` without path, control and shell characters, beginning with a letter or digit, at most 120 characters. When nothing
 * usable is left, a name made from `number` and the type.
 */
export function safeFilename(sent: string, type: string, number: number): string {
  const base = sanitizeHeaderText(sent, 2000).split(/[/\\]/).at(-1) ?? ''
  const clean = base
    .replaceAll(/[^\p{L}\p{N}\p{M} ._+@()=,~-]/gu, '_')
    .replace(/^[^\p{L}\p{N}]+/u, '')
  const short = shorten(clean.trim())
  return short === '' ? `attachment-${number}.${EXTENSIONS[type] ?? 'bin'}` : short
}

/** Keeps the extension, because people and programs rely on it. */
function shorten(name: string): string {
  const chars = Array.from(name)
  if (chars.length <= FILENAME_CHARS_MAX) return name
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  return chars.slice(0, FILENAME_CHARS_MAX - extension.length).join('') + extension
}
