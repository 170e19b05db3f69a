/**
 * Decodes Content-Transfer-Encoding: base64 and quoted-printable (RFC 2045 §6.7, §6.8), and uuencode of older mail programs.
 * One pass each and no allocation per line, because a message can have millions of lines. Must never throw and never lose a
 * byte that it cannot decode.
 */

/** `body` without its transfer encoding (`encoding` in lower case); `body` itself when there is none or it is unknown. */
export function undoTransferEncoding(body: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return decodeBase64(body)
  if (encoding === 'quoted-printable') return decodeQuotedPrintable(body)
  if (UUENCODE.has(encoding)) return decodeUuencode(body) ?? body
  return body
}

const CR = 13
const LF = 10
const SPACE = 32
const EQUALS = 61
const BACKTICK = 96
const PAD_BYTES_MAX = 1000

const BASE64_CHARS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** The six bits that a base64 byte encodes; -1 for any other byte. */
const SIX_BITS = Int8Array.from({ length: 256 }, (_, byte) =>
  BASE64_CHARS.indexOf(String.fromCharCode(byte))
)

/**
 * RFC 2045 §6.8: ignores bytes outside the alphabet. Padding ends a group, not the part: some senders encode a file in pieces,
 * and what follows a pad belongs to it.
 */
function decodeBase64(body: Buffer): Buffer {
  if (isPlainBase64(body)) return Buffer.from(body.toString('latin1'), 'base64')
  const decoded = Buffer.alloc(Math.ceil((body.length * 3) / 4))
  let size = 0
  let bits = 0
  let count = 0
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0
    const value = SIX_BITS[byte] ?? -1
    if (byte === EQUALS) count = 0
    if (value < 0) continue
    bits = ((bits << 6) | value) & 0xffff
    count += 6
    if (count < 8) continue
    count -= 8
    decoded[size++] = (bits >> count) & 0xff
  }
  return decoded.subarray(0, size)
}

/**
 * Whether Node's faster decoder gives the same result: it stops at the first pad and also accepts the alphabet of RFC 4648 §5.
 */
function isPlainBase64(body: Buffer): boolean {
  if (body.includes('-') || body.includes('_')) return false
  const pad = body.indexOf(EQUALS)
  if (pad < 0) return true
  return body.length - pad < PAD_BYTES_MAX && /^[=\s]*$/.test(body.toString('latin1', pad))
}

/** Bytes that are ignored at the end of a line: tab, vertical tab, form feed, CR and space. */
const BLANKS = new Set([9, 11, 12, CR, SPACE])
/** The value of a hexadecimal digit; -1 for any other byte. */
const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte)
  return /^[0-9A-Fa-f]$/.test(char) ? parseInt(char, 16) : -1
})

/** RFC 2045 §6.7; malformed escapes stay, trailing blanks of a line are dropped. */
function decodeQuotedPrintable(body: Buffer): Buffer {
  const decoded = Buffer.alloc(body.length)
  let size = 0
  // Where the line ends without trailing blanks, and without a final `=`.
  let lineEnd = 0
  let softEnd = -1
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0
    if (byte === LF) {
      size = softEnd >= 0 ? softEnd : writeLineEnd(decoded, lineEnd, body[at - 1] === CR)
      lineEnd = size
      softEnd = -1
      continue
    }
    const escaped = byte === EQUALS ? escapeAt(body, at) : -1
    decoded[size++] = escaped < 0 ? byte : escaped
    if (escaped >= 0) at += 2
    else if (BLANKS.has(byte)) continue
    lineEnd = size
    softEnd = byte === EQUALS && escaped < 0 ? size - 1 : -1
  }
  return decoded.subarray(0, softEnd >= 0 ? softEnd : lineEnd)
}

/** Ends a line the way it ended in the message; returns where the next line begins. */
function writeLineEnd(to: Buffer, at: number, isCrLf: boolean): number {
  let size = at
  if (isCrLf) to[size++] = CR
  to[size++] = LF
  return size
}

function escapeAt(body: Buffer, at: number): number {
  const high = HEX[body[at + 1] ?? 0] ?? -1
  const low = HEX[body[at + 2] ?? 0] ?? -1
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

const UUENCODE = new Set(['x-uuencode', 'uuencode', 'x-uue'])
const UU_HEAD_BYTES_MAX = 2000
const UU_BEGIN = /^\s*begin [0-7]{3,4} [^\r\n]*\r?\n/
/** How many short lines are allowed beyond one for every 16: a file does not consist of millions of them. */
const UU_SHORT_LINES_MAX = 1000
const UU_LINE_BYTES = 16
const UU_END = /^[` \t]*\r?\n?end[ \t]*[\r\n]*$/

/**
 * One uuencoded file (POSIX uuencode, without its name); null unless the body is exactly one such file, because anything beside
 * it would be lost.
 */
function decodeUuencode(body: Buffer): Buffer | null {
  const head = UU_BEGIN.exec(body.toString('latin1', 0, UU_HEAD_BYTES_MAX))
  if (head === null) return null
  const decoded = Buffer.alloc(body.length)
  let size = 0
  let at = head[0].length
  let linesLeft = UU_SHORT_LINES_MAX + body.length / UU_LINE_BYTES
  for (;;) {
    const count = uuValue(body[at])
    if (count <= 0) break
    linesLeft -= 1
    let lineEnd = at + 1
    while (lineEnd < body.length && body[lineEnd] !== LF) lineEnd += 1
    const isWhole = lineEnd < body.length
    const line = { start: at + 1, end: lineEnd, count }
    if (!isWhole || linesLeft <= 0 || !decodeUuLine(body, line, decoded, size)) return null
    size += count
    at = lineEnd + 1
  }
  const rest = body.length - at > UU_HEAD_BYTES_MAX ? 'more' : body.toString('latin1', at)
  return UU_END.test(rest) ? decoded.subarray(0, size) : null
}

type UuLine = { readonly start: number; readonly end: number; readonly count: number }

/** Writes the `count` bytes of one line; false when the line is malformed. Blanks cut off its end count as blanks. */
function decodeUuLine(body: Buffer, line: UuLine, to: Buffer, size: number): boolean {
  const { start, end, count } = line
  const charAt = (place: number): number => (place < end ? uuValue(body[place]) : 0)
  for (let at = start + Math.ceil(count / 3) * 4; at < end; at += 1) {
    if (!BLANKS.has(body[at] ?? 0)) return false
  }
  for (let index = 0; index < count; index += 1) {
    const place = start + Math.floor(index / 3) * 4 + (index % 3)
    const high = charAt(place)
    const low = charAt(place + 1)
    if (high < 0 || low < 0) return false
    const shift = 2 * (index % 3) + 2
    to[size + index] = ((high << shift) | (low >> (6 - shift))) & 0xff
  }
  return true
}

/** The six bits of a uuencoded byte; those of a blank past the end; -1 for an invalid byte. */
function uuValue(byte: number | undefined): number {
  if (byte === undefined || byte === CR) return 0
  return byte < SPACE || byte > BACKTICK ? -1 : (byte - SPACE) & 0x3f
}
