/**
 * The MIME structure of a mail as byte offsets into the original bytes (RFC 2045, RFC 2046 §5.1). This is the security
 * boundary: signatures are checked over exactly the slices it names. It works with a list, not with recursion, within
 * limits of depth and count; what lies beyond a limit stays one opaque part and is never lost. Attached messages
 * (message/rfc822) are not opened. Must never throw on what a mail contains.
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
  /** As sent, decoded but not sanitized; '' when there is none. */
  readonly filename: string
  /** Content-Transfer-Encoding, lower case. */
  readonly encoding: string
  readonly children: readonly Part[]
  /** Beyond a limit: its inside was not looked at. */
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
const BOUNDARY_CHARS_MAX = 200
const LF = 10
const CR = 13
const DASH = 45
/** What may stand directly behind a delimiter. */
const LINE_ENDS = new Set([32, 9, CR, LF])
const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/

type Draft = Omit<Part, 'children' | 'isOpaque'> & { children: Draft[]; isOpaque: boolean }
type Work = { readonly part: Draft; readonly depth: number }
type Span = { readonly start: number; readonly end: number }

/** Parses one entity: a mail, a part or a decrypted payload. */
export function parseTree(bytes: Uint8Array): MimeTree {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const state = { count: 1, hasTooManyParts: false, isBroken: false }
  const root = readPart(raw, { start: 0, end: raw.length }, 'text/plain', state)
  const queue: Work[] = [{ part: root, depth: 0 }]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { part, depth } = next
    if (!part.type.startsWith('multipart/')) continue
    if (depth >= DEPTH_MAX) {
      part.isOpaque = true
      state.hasTooManyParts = true
      continue
    }
    const { spans, isClosed } = splitBody(raw, part, PARTS_MAX - state.count)
    if (spans.length === 0 || !isClosed) state.isBroken = true
    const fallback = part.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
    for (const span of spans) {
      const child = readPart(raw, span, fallback, state)
      state.count += 1
      part.children.push(child)
      if (span.isRest) {
        child.isOpaque = true
        state.hasTooManyParts = true
      } else queue.push({ part: child, depth: depth + 1 })
    }
  }
  return {
    raw,
    root,
    hasTooManyParts: state.hasTooManyParts,
    isBroken: state.isBroken
  }
}

/** The whole entity, headers included. */
export function entityOf(tree: MimeTree, part: Part): Buffer {
  return tree.raw.subarray(part.start, part.end)
}

/** The body as sent, transfer encoding included. */
export function bodyOf(tree: MimeTree, part: Part): Buffer {
  return tree.raw.subarray(part.bodyStart, part.end)
}

/** Every part below and including `part`, in document order; children of opaque parts do not exist. */
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
    // Without a single field there is no header: all of it is what somebody wrote (RFC 2046 §5.1 needs an empty line here).
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

type Split = {
  readonly spans: readonly (Span & { readonly isRest: boolean })[]
  /** Whether the closing delimiter was found. */
  readonly isClosed: boolean
}

/** Cuts a multipart body at its delimiter lines. The last span is the rest when there are more than `countMax`. */
function splitBody(raw: Buffer, part: Draft, countMax: number): Split {
  const boundary = (part.params.get('boundary') ?? '').trimEnd()
  if (boundary === '' || boundary.length > BOUNDARY_CHARS_MAX) return { spans: [], isClosed: false }
  const spans: { start: number; end: number; isRest: boolean }[] = []
  const body = raw.subarray(0, part.end)
  const needle = Buffer.from(`--${boundary}`, 'utf8')
  let open = -1
  let from = part.bodyStart
  for (;;) {
    const delimiter = findDelimiter(body, needle, from, part.bodyStart)
    if (delimiter === null) break
    if (open >= 0) spans.push({ start: open, end: Math.max(open, delimiter.before), isRest: false })
    if (delimiter.isClosing) return { spans, isClosed: true }
    open = delimiter.after
    from = delimiter.after
    if (spans.length >= countMax - 1) {
      spans.push({ start: open, end: part.end, isRest: true })
      return { spans, isClosed: true }
    }
  }
  if (open >= 0) spans.push({ start: open, end: part.end, isRest: false })
  return { spans, isClosed: false }
}

type Delimiter = {
  /** End of the content before it, without the line break that belongs to the delimiter. */
  readonly before: number
  /** Start of the line after it. */
  readonly after: number
  readonly isClosing: boolean
}

/** The first delimiter line at or after `from`, which must be the beginning of a line. */
function findDelimiter(
  body: Buffer,
  needle: Buffer,
  from: number,
  bodyStart: number
): Delimiter | null {
  for (let at = from; at >= 0; at = nextDashLine(body, at)) {
    const tail = at + needle.length
    const isClosing = body[tail] === DASH && body[tail + 1] === DASH
    const end = isClosing ? tail + 2 : tail
    // What must follow is looked at first: it is one byte, and a delimiter may be hundreds.
    if (!LINE_ENDS.has(body[end] ?? LF) || !startsAt(body, needle, at)) continue
    const lineEnd = endOfBlankLine(body, end)
    if (lineEnd === null) continue
    const isAfterCrlf = at - 2 >= bodyStart && body[at - 2] === CR
    const before = at === bodyStart ? at : at - (isAfterCrlf ? 2 : 1)
    return { before, after: lineEnd, isClosing }
  }
  return null
}

/**
 * Where the next line after `from` begins that starts with two dashes; -1 when there is none. A search for the whole delimiter
 * would also stop in the middle of lines, and at every byte of a body that is made of dashes.
 */
function nextDashLine(body: Buffer, from: number): number {
  let at = from
  while (at + 2 < body.length) {
    const third = body[at + 2]
    if (third === DASH && body[at + 1] === DASH && body[at] === LF) return at + 1
    // As far as the next place where the line feed can be.
    at += body[at + 1] === LF ? 1 : third === LF ? 2 : 3
  }
  return -1
}

function startsAt(body: Buffer, needle: Buffer, at: number): boolean {
  for (let index = 0; index < needle.length; index += 1) {
    if (body[at + index] !== needle[index]) return false
  }
  return true
}

/** Start of the next line when only transport padding stands before it (RFC 2046 §5.1.1), else null. */
function endOfBlankLine(body: Buffer, from: number): number | null {
  let at = from
  while (body[at] === 32 || body[at] === 9) at += 1
  if (body[at] === CR) at += 1
  if (at >= body.length) return body.length
  return body[at] === LF ? at + 1 : null
}
