/**
 * The MIME structure of a message as byte offsets into the original bytes (RFC 2045, RFC 2046 §5.1). This is the security
 * boundary: signatures are checked over exactly the slices it names. Uses a list, not recursion, within limits on depth and
 * count; what exceeds a limit stays one opaque part and is never lost. Does not open attached messages (message/rfc822). Must
 * never throw for any message.
 */
import { type Field, firstValue, readFields } from './fields.ts'
import { readParameterized } from './parameters.ts'

/** One part. `start…end` is the whole entity, `bodyStart…end` its body; both exclude the delimiter's line break. */
export type Part = {
  readonly start: number
  readonly bodyStart: number
  readonly end: number
  readonly fields: readonly Field[]
  /** `type/subtype`, lower case. */
  readonly type: string
  readonly params: ReadonlyMap<string, string>
  readonly disposition: 'inline' | 'attachment' | ''
  /** As sent, decoded but not sanitized; '' when absent. */
  readonly filename: string
  /** Content-Transfer-Encoding, lower case. */
  readonly encoding: string
  readonly children: readonly Part[]
  /** Beyond a limit: not parsed further. */
  readonly isOpaque: boolean
}

/** A parsed entity and the bytes it points into. */
export type MimeTree = {
  readonly raw: Buffer
  readonly root: Part
  /** A limit on depth or count was hit. */
  readonly hasTooManyParts: boolean
  /** A header block or a multipart was malformed. */
  readonly isBroken: boolean
}

const DEPTH_MAX = 20
const PARTS_MAX = 200
/** Bytes that are searched for delimiters, in all multiparts together: each looks through those inside it again. */
const SEARCHED_BYTES_MAX = 2 ** 28
const BOUNDARY_CHARS_MAX = 200
const [TAB, LF, CR, SPACE] = [9, 10, 13, 32]
const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/

type Draft = Omit<Part, 'children' | 'isOpaque'> & { children: Draft[]; isOpaque: boolean }
type Work = { readonly part: Draft; readonly depth: number }

/** Parses one entity: a message, a part or a decrypted payload. */
export function parseTree(bytes: Uint8Array): MimeTree {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const state: State = {
    count: 1,
    bytesLeft: SEARCHED_BYTES_MAX,
    hasTooManyParts: false,
    isBroken: false
  }
  const root = readPart(raw, { start: 0, end: raw.length }, 'text/plain', state)
  const queue: Work[] = [{ part: root, depth: 0 }]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { part, depth } = next
    if (!part.type.startsWith('multipart/')) continue
    state.bytesLeft -= part.end - part.bodyStart
    if (depth >= DEPTH_MAX || state.bytesLeft < 0) {
      part.isOpaque = true
      state.hasTooManyParts = true
      continue
    }
    addChildren(raw, part, state)
    for (const child of part.children) {
      if (!child.isOpaque) queue.push({ part: child, depth: depth + 1 })
    }
  }
  const { hasTooManyParts, isBroken } = state
  return { raw, root, hasTooManyParts, isBroken }
}

type State = { count: number; bytesLeft: number; hasTooManyParts: boolean; isBroken: boolean }

function addChildren(raw: Buffer, part: Draft, state: State): void {
  const { spans, isClosed, isCut } = splitBody(raw, part, PARTS_MAX - state.count)
  if (isCut) state.hasTooManyParts = true
  else if (spans.length === 0 || !isClosed) state.isBroken = true
  const fallback = part.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
  part.children = spans.map((span) => readPart(raw, span, fallback, state))
  state.count += spans.length
  const rest = part.children.at(-1)
  if (isCut && rest !== undefined) rest.isOpaque = true
}

/** One child of a multipart, headers included; without the line break that belongs to the delimiter. */
type Span = { readonly start: number; readonly end: number }

/** The children of one multipart. */
type Split = {
  readonly spans: readonly Span[]
  /** Whether the closing delimiter was found. */
  readonly isClosed: boolean
  /** Whether there are more than allowed: the last span then holds the rest. */
  readonly isCut: boolean
}

/** Splits a multipart at its delimiter lines (RFC 2046 §5.1.1) into at most `countMax` spans, but at least one. */
function splitBody(raw: Buffer, part: Draft, countMax: number): Split {
  const boundary = (part.params.get('boundary') ?? '').trimEnd()
  const spans: Span[] = []
  if (boundary === '' || boundary.length > BOUNDARY_CHARS_MAX) {
    return { spans, isClosed: false, isCut: false }
  }
  const bytes = raw.subarray(0, part.end)
  // Matches of a needle with a line feed at its start alone cannot overlap, so the search is linear.
  const needle = Buffer.from(`\n--${boundary}`, 'utf8')
  let open = -1
  // The line feed before the first line of the body belongs to its header.
  let at = bytes.indexOf(needle, part.bodyStart - 1)
  for (; at >= 0; at = bytes.indexOf(needle, at + needle.length)) {
    const tail = at + needle.length
    const isClosing = bytes.toString('latin1', tail, tail + 2) === '--'
    const after = endOfBlankLine(bytes, isClosing ? tail + 2 : tail)
    if (after === null) continue
    const end = bytes[at - 1] === CR ? at - 1 : at
    if (open >= 0) spans.push({ start: open, end: Math.max(open, end) })
    if (isClosing) return { spans, isClosed: true, isCut: false }
    open = after
    if (spans.length >= countMax - 1) {
      spans.push({ start: open, end: part.end })
      return { spans, isClosed: true, isCut: true }
    }
  }
  if (open >= 0) spans.push({ start: open, end: part.end })
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

/** The whole entity, headers included. */
export function entityOf(tree: MimeTree, part: Part): Buffer {
  return tree.raw.subarray(part.start, part.end)
}

/** The body as sent, transfer encoding included. */
export function bodyOf(tree: MimeTree, part: Part): Buffer {
  return tree.raw.subarray(part.bodyStart, part.end)
}

/** `part` and every part below it, in document order; opaque parts have no children. */
export function partsBelow(part: Part): Part[] {
  const found: Part[] = []
  const stack: Part[] = [part]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    found.push(next)
    for (const child of next.children.toReversed()) stack.push(child)
  }
  return found
}

function readPart(
  raw: Buffer,
  span: Span,
  fallbackType: string,
  state: { isBroken: boolean }
): Draft {
  const block = readFields(raw, span.start, span.end)
  if (block.isBroken) state.isBroken = true
  const contentType = readParameterized(firstValue(block.fields, 'content-type'))
  const disposition = readParameterized(firstValue(block.fields, 'content-disposition'))
  const name = disposition.params.get('filename') ?? contentType.params.get('name') ?? ''
  const kind = disposition.value
  return {
    start: span.start,
    // Without a single field there is no header: all of it is body (RFC 2046 §5.1 requires an empty line here).
    bodyStart: block.isBroken && block.fields.length === 0 ? span.start : block.bodyStart,
    end: span.end,
    fields: block.fields,
    type: TYPE.test(contentType.value) ? contentType.value : fallbackType,
    params: contentType.params,
    disposition: kind === '' ? '' : kind === 'inline' ? 'inline' : 'attachment',
    filename: name,
    encoding: readParameterized(firstValue(block.fields, 'content-transfer-encoding')).value,
    children: [],
    isOpaque: false
  }
}
