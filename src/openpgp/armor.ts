/**
 * ASCII armor (RFC 9580 §6.2), read strictly: exactly one block, returned with the text around it. A reader that skips to "the
 * first block anywhere" lets text only look signed or encrypted. Ignores the optional CRC-24 on reading, as RFC 9580 §6.1
 * demands; the packets protect integrity.
 */

import { decodeLines, groupAt } from '../domain/base64.ts'

/** What a block claims to hold. */
export type ArmorKind = 'message' | 'public-key' | 'private-key' | 'signature'

/** One block and the text around it. `before` and `after` are trimmed. */
export type ArmorBlock = {
  readonly kind: ArmorKind
  readonly data: Uint8Array
  readonly before: string
  readonly after: string
}

const BEGIN = '-----BEGIN PGP '
const LABELS: Readonly<Record<string, ArmorKind>> = {
  MESSAGE: 'message',
  'PUBLIC KEY BLOCK': 'public-key',
  'PRIVATE KEY BLOCK': 'private-key',
  SIGNATURE: 'signature'
}
/** The first line and the armor headers, up to the mandatory empty line. */
const HEAD =
  /^-----BEGIN PGP ([A-Z ]+)-----[^\S\n]*\n(?:[A-Za-z0-9-]{1,40}:.*\r?\n){0,49}[^\S\n]*\n/
const BODY = /^[A-Za-z0-9+/\s]*(?:=\s*){0,2}$/
const CHECKSUM = /=[A-Za-z0-9+/]{4}$/

/** Room for all lines of a head that anybody writes. */
const HEAD_CHARS_MAX = 64 * 1024

/**
 * The single armored block in a text or file; null when there is none, when there are several, or when it is malformed. Makes no
 * string of a whole file: files are large.
 */
export function readArmor(source: Uint8Array | string): ArmorBlock | null {
  const text = typeof source === 'string' ? source : bufferOf(source)
  const begin = findLine(text, BEGIN, 0)
  if (begin < 0) return null
  const [head = '', label = ''] = HEAD.exec(slice(text, begin, begin + HEAD_CHARS_MAX)) ?? []
  const kind = LABELS[label]
  if (kind === undefined) return null
  const bodyStart = begin + head.length
  const endLine = `-----END PGP ${label}-----`
  const end = findLine(text, endLine, bodyStart)
  if (end < 0 || findLine(text, BEGIN, bodyStart) >= 0) return null
  const data =
    typeof text === 'string'
      ? decodeBody(text.slice(bodyStart, end))
      : decodeBytes(text.subarray(bodyStart, end))
  if (data === null) return null
  const after = slice(text, end + endLine.length).trim()
  const before = slice(text, 0, begin).trim()
  return { kind, data, before, after }
}

/** One armored message among other words: its place in the text, and its packets, or null when it is damaged. */
export type FoundArmor = {
  readonly start: number
  readonly end: number
  readonly data: Uint8Array | null
}

const MESSAGE_BEGIN = '-----BEGIN PGP MESSAGE-----'
const MESSAGE_END = '-----END PGP MESSAGE-----'
const ARMOR_HEADER = /^[A-Za-z0-9-]{1,40}: /

/**
 * The armored messages in a text, at most `max`. Reads leniently, because mail programs indent lines and lose the empty one:
 * nothing of it proves anything about the text around. A quoted message is not the sender's.
 */
export function findArmor(text: string, max: number): FoundArmor[] {
  const found: FoundArmor[] = []
  let from = 0
  while (found.length < max) {
    const begin = text.indexOf(MESSAGE_BEGIN, from)
    if (begin < 0) break
    const start = startOfBlanks(text, from, begin)
    from = begin + MESSAGE_BEGIN.length
    if (start === null) continue
    // Only now: each search for the end looks through the rest of the text.
    const end = text.indexOf(MESSAGE_END, from)
    if (end < 0) break
    from = end + MESSAGE_END.length
    const lines = text
      .slice(begin + MESSAGE_BEGIN.length, end)
      .split('\n')
      .map((line) => line.trim())
    const body = lines.filter((line) => line !== '' && !ARMOR_HEADER.test(line))
    found.push({ start, end: from, data: decodeBody(body.join('\n')) })
  }
  return found
}

/** Where the blanks begin between the start of a line, or `from`, and `to`; null where anything else stands there. */
function startOfBlanks(text: string, from: number, to: number): number | null {
  let at = to
  while (at > from && text[at - 1] !== '\n') {
    if (/\S/.test(text[at - 1] ?? '')) return null
    at -= 1
  }
  return at
}

/** Binary packets from bytes that are either packets already (RFC 9580 §4.2: first bit set) or one armored block. */
export function toBinary(
  data: Uint8Array | string
): (Pick<ArmorBlock, 'data'> & { readonly kind: ArmorKind | 'binary' }) | null {
  const isBinary = typeof data !== 'string' && ((data[0] ?? 0) & 0x80) !== 0
  return isBinary ? { kind: 'binary', data } : readArmor(data)
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** Part of a text, or of a file as a text. */
function slice(text: string | Buffer, from: number, to = text.length): string {
  return typeof text === 'string' ? text.slice(from, to) : text.toString('latin1', from, to)
}

function findLine(text: string | Buffer, start: string, from: number): number {
  for (let at = text.indexOf(start, from); at >= 0; at = text.indexOf(start, at + 1)) {
    if (at === 0 || slice(text, at - 1, at) === '\n') return at
  }
  return -1
}

const [LF, CR] = [10, 13]
/** What stands behind the last whole group: padding and a checksum. */
const TAIL_BYTES_MAX = 1024

/** As {@link decodeBody}, which decides about all that is not in whole groups of four. */
function decodeBytes(body: Buffer): Uint8Array | null {
  const decoded = new Uint8Array(Math.ceil((body.length * 3) / 4))
  let [at, size] = decodeLines(body, bufferOf(decoded))
  for (;;) {
    const group = groupAt(body, at)
    if (group >= 0) {
      decoded[size] = group >> 16
      decoded[size + 1] = group >> 8
      decoded[size + 2] = group
      size += 3
      at += 4
    } else if (body[at] === LF || body[at] === CR) at += 1
    else break
  }
  if (body.length - at > TAIL_BYTES_MAX) return decodeBody(body.toString('latin1'))
  const tail = decodeBody(body.toString('latin1', at))
  if (tail === null) return null
  decoded.set(tail, size)
  return decoded.subarray(0, size + tail.length)
}

/** Some mail programs append the checksum to the last line, so only its form counts: `=` and four characters at the end. */
function decodeBody(body: string): Uint8Array | null {
  const base64 = body.trimEnd().replace(CHECKSUM, '')
  if (!BODY.test(base64)) return null
  // The library needs a plain array; the view costs no second copy.
  const { buffer, byteOffset, length } = Buffer.from(base64, 'base64')
  return new Uint8Array(buffer, byteOffset, length)
}
