/**
 * Turns a payload into what people read: one text and the attachments. Never concatenates parts with anything outside the
 * payload, only ever converts HTML, and keeps encrypted parts inside as closed attachments (EFAIL; RFC 9787 "errant" layers).
 * What exceeds a limit is not dropped: it becomes an attachment.
 */
import { createHash } from 'node:crypto'
import { type Sha256 } from '../domain/ids.ts'
import { type Attachment, type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { type Field, valuesOf } from './fields.ts'
import { textOfHtml } from './html.ts'
import { capText, contentOf, DECODED_BYTES_MAX, TEXT_BYTES_MAX, textOf } from './leaf.ts'
import { type Handled, NOTHING_HANDLED, type Piece, selectPieces } from './pieces.ts'
import { bodyOf, entityOf, type Part } from './tree.ts'

/** What people read of a payload, or beside one; the text has LF line ends and at most 256 KiB. */
export type Content = Pick<OpenedMail, 'text' | 'attachments' | 'warnings'>

export const NO_CONTENT: Content = { text: '', attachments: [], warnings: [] }

/**
 * Reads everything below these parts but for what is `handled` elsewhere. `hasLegacyDisplay` is true when the payload has
 * protected headers: then the copy of their subject for old mail programs is left out (RFC 9788 §5.2), if it is nothing but a
 * copy.
 */
export function readContent(
  starts: readonly Part[],
  hasLegacyDisplay: boolean,
  handled: Handled = NOTHING_HANDLED
): Content {
  const selected = starts.map((start) => ({ start, ...selectPieces(start, handled) }))
  const warnings = new Set(selected.flatMap((each) => [...each.warnings]))
  const pieces = selected.flatMap(({ start, pieces }) => pieces.map((piece) => ({ start, piece })))
  const texts: string[] = []
  const attachments: Attachment[] = []
  let [textLeft, decodedLeft] = [TEXT_BYTES_MAX, DECODED_BYTES_MAX]
  for (const { start, piece } of pieces) {
    const { kind, part } = piece
    const left = handled.instead.get(part)
    if (left !== undefined || kind === 'attachment') {
      if (left === undefined) attachments.push(toAttachment(part, attachments.length + 1))
      else texts.push(`${left.trimEnd()}\n`)
      continue
    }
    // Nothing beyond the limit is shown, so it is not decoded.
    if (textLeft < 0 || decodedLeft < 0) {
      warnings.add('text-truncated')
      continue
    }
    decodedLeft -= contentOf(part).length
    const text = textOfPiece(piece, warnings)
    const whole = hasLegacyDisplay ? withoutLegacyDisplay(start, part, text) : text
    texts.push(`${whole.replace(/^\n+/, '').trimEnd()}\n`)
    textLeft -= Buffer.byteLength(texts.at(-1) ?? '')
  }
  const capped = capText(texts.filter((text) => text !== '\n').join('\n'))
  if (capped.isTruncated) warnings.add('text-truncated')
  return { text: capped.text, attachments, warnings: [...warnings] }
}

/**
 * A part as an attachment with a safe name, made from `number` if the part has none. A part that was not parsed because it
 * exceeds a limit stays as sent.
 */
function toAttachment(part: Part, number: number): Attachment {
  const { isOpaque, filename, type } = part
  const isMultipart = type.startsWith('multipart/')
  const content = isOpaque ? entityOf(part) : isMultipart ? bodyOf(part) : contentOf(part)
  const contentType = isOpaque || isMultipart ? 'application/octet-stream' : type
  const sha256 = createHash('sha256').update(content).digest('hex') as Sha256
  return {
    filename: safeFilename(isOpaque ? '' : filename, contentType, number),
    contentType,
    size: content.length,
    sha256,
    // A view, not a copy: data that leaves the thread is copied then, and most of it never leaves.
    content: new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
  }
}

/** The text of one piece as it is read: HTML converted, flowed lines joined. */
function textOfPiece({ kind, part }: Piece, warnings: Set<WarningCode>): string {
  const { params } = part
  const { text, isDamaged, isTruncated } = textOf(part)
  if (isDamaged) warnings.add('undecodable-text')
  if (isTruncated) warnings.add('text-truncated')
  if (kind === 'html') {
    const converted = textOfHtml(part)
    warnings.add(converted === null ? 'html-not-converted' : 'html-only')
    return converted ?? '[HTML part not converted]'
  }
  const isFlowed = params.get('format')?.toLowerCase() === 'flowed'
  return isFlowed ? unflow(text, params.get('delsp')?.toLowerCase() === 'yes') : text
}

/**
 * `text` of a leaf below `start` without the copy of the subject that some programs show on top for older ones: a first part of
 * its own, or the lines above the first empty one of a leaf that is marked so (RFC 9788 §5.2).
 */
function withoutLegacyDisplay(start: Part, part: Part, text: string): string {
  const isOwnPart =
    start.children[0] === part &&
    start.type === 'multipart/mixed' &&
    part.params.get('protected-headers')?.toLowerCase() === 'v1'
  if (isOwnPart && isCopyOfSubject(start.fields, text)) return ''
  const end = text.indexOf('\n\n')
  const isHead =
    part.params.get('hp-legacy-display') === '1' &&
    isCopyOfSubject(start.fields, text.slice(0, Math.max(end, 0)))
  return isHead ? text.slice(end) : text
}

/**
 * Whether `text` only repeats the protected subject, as sent or decoded, folded or not. Must never take for a copy what is
 * shown nowhere else: a sender could hide words from the desk that others see.
 */
function isCopyOfSubject(fields: readonly Field[], text: string): boolean {
  const [subject = '', ...more] = valuesOf(fields, 'subject').map(readable)
  const copy = /^\s*subject:([^]*)$/i.exec(text)?.[1]
  const isShown = more.length === 0 && subject === sanitizeHeaderText(subject)
  return isShown && copy !== undefined && readable(copy) === subject
}

function readable(value: string): string {
  return decodeWords(value)
    .replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
}

/**
 * `text` (LF line ends) with its soft line breaks joined, for each quote depth (format=flowed, RFC 3676 §4); `isDelSp` is the
 * DelSp=yes parameter.
 */
export function unflow(text: string, isDelSp: boolean): string {
  const result: string[] = []
  // Joined only when all of its lines are known: repeated concatenation would be quadratic.
  let paragraph: string[] = []
  let depth = 0
  const close = (): void => {
    const mark = depth === 0 ? '' : `${'>'.repeat(depth)} `
    if (paragraph.length > 0) result.push(mark + paragraph.join(''))
    paragraph = []
  }
  for (const raw of text.split('\n')) {
    // One blank behind the quotation marks is space-stuffing.
    const [, quotes = '', line = ''] = /^(>*) ?([^]*)$/.exec(raw) ?? []
    const isSignatureMark = line === '-- '
    const isSoft = line.endsWith(' ') && !isSignatureMark
    // RFC 3676 §4.5: a change of quote depth or the signature separator ends a paragraph.
    if (isSignatureMark || quotes.length !== depth) close()
    depth = quotes.length
    paragraph.push(isSoft && isDelSp ? line.slice(0, -1) : line)
    if (!isSoft) close()
  }
  close()
  return result.join('\n')
}

// File names of attachments, made safe to show, to write into a header and to save.

const FILENAME_CHARS_MAX = 120

/**
 * `sent` without path, control characters and what a shell expands, beginning with no mark, at most 120 characters. When
 * nothing usable is left, a name made from `number` and the type.
 */
export function safeFilename(sent: string, type: string, number: number): string {
  const base = sanitizeHeaderText(sent, 2000).split(/[/\\]/).at(-1) ?? ''
  const clean = base
    .replaceAll(/[^\p{L}\p{N}\p{M}\p{So}\p{Emoji_Modifier} ._+@()[\]{}=,~'!#%&-]/gu, '_')
    .replace(/^[\p{M}\s._+@=,~'!#%&-]+/u, '')
  const short = shorten(clean.trim())
  return short === '' ? `attachment-${number}.${extensionOf(type)}` : short
}

/** Keeps the extension, because people and programs rely on it. */
function shorten(name: string): string {
  const chars = Array.from(name)
  if (chars.length <= FILENAME_CHARS_MAX) return name
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  return chars.slice(0, FILENAME_CHARS_MAX - extension.length).join('') + extension
}

function extensionOf(type: string): string {
  if (/^message\/(?:rfc822|global)$/.test(type)) return 'eml'
  if (/^(?:text|message)\//.test(type)) return 'txt'
  if (type.startsWith('application/pgp-')) return 'asc'
  return /^(?:application|image)\/([a-z]{3,4})$/.exec(type)?.[1] ?? 'bin'
}
