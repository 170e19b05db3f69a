/**
 * Splits multiparts at their delimiter lines (RFC 2046 §5.1.1). Finds all candidate lines in one pass over the whole entity,
 * however deeply containers are nested. Must never scan the bytes of a body twice.
 */

/** Where the lines of an entity that start with two dashes begin. */
export type DashLines = {
  /** Offsets into the bytes, ascending. */
  readonly starts: Uint32Array
  /** How far the scan went: to the end, or behind the last of {@link DASH_LINES_MAX} lines. */
  readonly end: number
}

/** One child of a multipart, headers included; without the line break that belongs to the delimiter. */
export type Span = { readonly start: number; readonly end: number }

/** The children of one multipart. */
export type Split = {
  readonly spans: readonly Span[]
  /** Whether the closing delimiter was found. */
  readonly isClosed: boolean
  /** Whether a limit was hit: the last span then holds the rest, or the whole body when there is no delimiter. */
  readonly isCut: boolean
}

/** The body of a multipart as offsets into `raw`, with its declared boundary. */
export type Body = { readonly start: number; readonly end: number; readonly boundary: string }

/** Every container looks at each such line inside it. No person writes a text with more. */
export const DASH_LINES_MAX = 2 ** 20
const FIRST_ROOM = 1024
const BOUNDARY_CHARS_MAX = 200
const LF = 10
const CR = 13
const DASH = 45
const SPACE = 32
const TAB = 9

/** The lines of `raw` that start with two dashes, from offset `from`, where a body begins. */
export function findDashLines(raw: Buffer, from: number): DashLines {
  let starts = new Uint32Array(FIRST_ROOM)
  let count = 0
  const isFirst = raw[from] === DASH && raw[from + 1] === DASH
  for (let at = isFirst ? from : nextDashLine(raw, from); at >= 0; at = nextDashLine(raw, at)) {
    if (count === DASH_LINES_MAX) return { starts, end: at }
    if (count === starts.length) starts = withRoom(starts)
    starts[count] = at
    count += 1
  }
  return { starts: starts.subarray(0, count), end: raw.length }
}

/** Splits `body` at its delimiter lines into at most `countMax` spans, but at least one. */
export function splitBody(raw: Buffer, body: Body, lines: DashLines, countMax: number): Split {
  const boundary = body.boundary.trimEnd()
  if (boundary === '' || boundary.length > BOUNDARY_CHARS_MAX) {
    return { spans: [], isClosed: false, isCut: false }
  }
  const spans: Span[] = []
  const bytes = raw.subarray(0, body.end)
  const needle = Buffer.from(`--${boundary}`, 'utf8')
  let open = -1
  for (let index = firstFrom(lines, body.start); index < lines.starts.length; index += 1) {
    const at = lines.starts[index] ?? body.end
    if (at >= body.end) break
    const delimiter = delimiterAt(bytes, needle, at, body.start)
    if (delimiter === null) continue
    if (open >= 0) spans.push({ start: open, end: Math.max(open, delimiter.before) })
    if (delimiter.isClosing) return { spans, isClosed: true, isCut: false }
    open = delimiter.after
    if (spans.length >= countMax - 1) {
      spans.push({ start: open, end: body.end })
      return { spans, isClosed: true, isCut: true }
    }
  }
  if (open >= 0) spans.push({ start: open, end: body.end })
  return { spans, isClosed: false, isCut: lines.end < body.end }
}

type Delimiter = {
  /** End of the content before the delimiter, without the line break that belongs to the delimiter. */
  readonly before: number
  /** Start of the line after the delimiter. */
  readonly after: number
  readonly isClosing: boolean
}

/** The delimiter line that begins at `at`, which must be the beginning of a line; null when there is none. */
function delimiterAt(
  bytes: Buffer,
  needle: Buffer,
  at: number,
  bodyStart: number
): Delimiter | null {
  const tail = at + needle.length
  const isClosing = bytes[tail] === DASH && bytes[tail + 1] === DASH
  const end = isClosing ? tail + 2 : tail
  // Checks what must follow first: that is one byte, while a delimiter may have hundreds.
  if (!mayFollow(bytes[end]) || !startsAt(bytes, needle, at)) return null
  const after = endOfBlankLine(bytes, end)
  if (after === null) return null
  const isAfterCrlf = at - 2 >= bodyStart && bytes[at - 2] === CR
  const before = at === bodyStart ? at : at - (isAfterCrlf ? 2 : 1)
  return { before, after, isClosing }
}

/** Whether this byte, or the end, may follow a delimiter directly. */
function mayFollow(byte: number | undefined): boolean {
  return byte === undefined || byte === LF || byte === CR || byte === SPACE || byte === TAB
}

/**
 * Start of the next line after `from` that begins with two dashes; -1 when there is none. A search for the three bytes would
 * stop at every line feed.
 */
function nextDashLine(bytes: Buffer, from: number): number {
  let at = from
  while (at + 2 < bytes.length) {
    const third = bytes[at + 2]
    if (third === DASH && bytes[at + 1] === DASH && bytes[at] === LF) return at + 1
    // As far as the next possible position of the line feed.
    at += bytes[at + 1] === LF ? 1 : third === LF ? 2 : 3
  }
  return -1
}

function startsAt(bytes: Buffer, needle: Buffer, at: number): boolean {
  for (let index = 0; index < needle.length; index += 1) {
    if (bytes[at + index] !== needle[index]) return false
  }
  return true
}

/** Start of the next line when only transport padding stands before it (RFC 2046 §5.1.1); else null. */
function endOfBlankLine(bytes: Buffer, from: number): number | null {
  let at = from
  while (bytes[at] === SPACE || bytes[at] === TAB) at += 1
  if (bytes[at] === CR) at += 1
  if (at >= bytes.length) return bytes.length
  return bytes[at] === LF ? at + 1 : null
}

/** Index of the first line at or after `offset`. */
function firstFrom({ starts }: DashLines, offset: number): number {
  let low = 0
  let high = starts.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((starts[middle] ?? 0) < offset) low = middle + 1
    else high = middle
  }
  return low
}

function withRoom(starts: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(starts.length * 2)
  larger.set(starts)
  return larger
}
