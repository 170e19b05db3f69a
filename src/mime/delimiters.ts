/** Splits multiparts at their delimiter lines (RFC 2046 §5.1.1). Must never take anything but a whole line for a delimiter. */

/** One child of a multipart, headers included; without the line break that belongs to the delimiter. */
export type Span = { readonly start: number; readonly end: number }

/** The children of one multipart. */
export type Split = {
  readonly spans: readonly Span[]
  /** Whether the closing delimiter was found. */
  readonly isClosed: boolean
  /** Whether there are more than allowed: the last span then holds the rest. */
  readonly isCut: boolean
}

/** The body of a multipart as offsets into `raw`, with its declared boundary. */
export type Body = { readonly start: number; readonly end: number; readonly boundary: string }

const BOUNDARY_CHARS_MAX = 200
const LF = 10
const CR = 13
const DASH = 45
const SPACE = 32
const TAB = 9

/** Splits `body` at its delimiter lines into at most `countMax` spans, but at least one. */
export function splitBody(raw: Buffer, body: Body, countMax: number): Split {
  const boundary = body.boundary.trimEnd()
  const spans: Span[] = []
  if (boundary === '' || boundary.length > BOUNDARY_CHARS_MAX) {
    return { spans, isClosed: false, isCut: false }
  }
  const bytes = raw.subarray(0, body.end)
  // Matches of a needle with a line feed at its start alone cannot overlap, so the search is linear.
  const needle = Buffer.from(`\n--${boundary}`, 'utf8')
  let open = -1
  // The line feed before the first line of the body belongs to its header.
  let at = bytes.indexOf(needle, body.start - 1)
  for (; at >= 0; at = bytes.indexOf(needle, at + needle.length)) {
    const tail = at + needle.length
    const isClosing = bytes[tail] === DASH && bytes[tail + 1] === DASH
    const after = endOfBlankLine(bytes, isClosing ? tail + 2 : tail)
    if (after === null) continue
    const end = bytes[at - 1] === CR ? at - 1 : at
    if (open >= 0) spans.push({ start: open, end: Math.max(open, end) })
    if (isClosing) return { spans, isClosed: true, isCut: false }
    open = after
    if (spans.length >= countMax - 1) {
      spans.push({ start: open, end: body.end })
      return { spans, isClosed: true, isCut: true }
    }
  }
  if (open >= 0) spans.push({ start: open, end: body.end })
  return { spans, isClosed: false, isCut: false }
}

/** Start of the next line when only transport padding stands before it; else null. */
function endOfBlankLine(bytes: Buffer, from: number): number | null {
  let at = from
  while (bytes[at] === SPACE || bytes[at] === TAB) at += 1
  if (bytes[at] === CR) at += 1
  if (at >= bytes.length) return bytes.length
  return bytes[at] === LF ? at + 1 : null
}
