/**
 * The MIME structure of a message as byte offsets into the original bytes (RFC 2045, RFC 2046 §5.1). This is the security
 * boundary: signatures are checked over exactly the slices it names. Within limits on depth and count; what exceeds a limit
 * stays one opaque part and is never lost. Does not open attached messages (message/rfc822). Must never throw for any message.
 */
import { type Field, firstValue, HEADER_BYTES_MAX, readFields } from './fields.ts'
import { readParameterized } from './parameters.ts'

/** One part. `start…end` is the whole entity, `bodyStart…end` its body; both exclude the delimiter's line break. */
export type Part = {
  readonly tree: MimeTree
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

/** The bytes into which the parts of one entity point, and what is wrong with it. */
export type MimeTree = {
  readonly raw: Buffer
  /** A limit on depth or count was hit. */
  readonly hasTooManyParts: boolean
  /** A header block or a multipart was malformed. */
  readonly isBroken: boolean
  readonly budget: Budget
}

/** What may still be done for one message, all entities inside it together: compressed, their bytes cost the sender nothing. */
export type Budget = {
  /** Bytes that are searched for delimiters, in all multiparts together: each looks through those inside it again. */
  searchedBytes: number
  /** Characters of HTML that are converted, or of what they become where that is more. */
  htmlChars: number
  /** Bytes of text versions that are compared with each other. */
  comparedBytes: number
}

/** The budget of a fresh message. */
export function freshBudget(): Budget {
  return { searchedBytes: 2 ** 28, htmlChars: 1_000_000, comparedBytes: 2 ** 21 }
}

const DEPTH_MAX = 20
const PARTS_MAX = 200
/** Longest header of a part below the root: there may be two hundred of them. */
const PART_HEADER_BYTES_MAX = 16 * 1024
const BOUNDARY_CHARS_MAX = 200
const [TAB, LF, CR, SPACE] = [9, 10, 13, 32]
const TYPE = /^[a-z0-9!#$&^_.+-]{1,127}\/[a-z0-9!#$&^_.+-]{1,127}$/

type Growing = {
  readonly raw: Buffer
  readonly budget: Budget
  count: number
  hasTooManyParts: boolean
  isBroken: boolean
}

/** The root of one entity: of a message, or, with the budget of the message, of a part or a decrypted payload. */
export function parseTree(bytes: Uint8Array, budget: Budget = freshBudget()): Part {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const tree: Growing = {
    raw,
    budget,
    count: 1,
    hasTooManyParts: false,
    isBroken: false
  }
  return readPart(tree, { start: 0, end: raw.length, isRest: false }, 'text/plain', 0)
}

/** One leaf without a header: all of `bytes` is its body. A parameter `name` is its file name. */
export function bareLeaf(
  bytes: Uint8Array,
  budget: Budget,
  type = 'text/plain',
  parameters: Readonly<Record<string, string>> = {}
): Part {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { tree, ...empty } = parseTree(new Uint8Array(0), budget)
  const { name: filename = '' } = parameters
  const params = new Map(Object.entries(parameters))
  return { ...empty, tree: { ...tree, raw }, end: raw.length, type, params, filename }
}

function readPart(tree: Growing, span: Span, fallbackType: string, depth: number): Part {
  const headerMax = depth === 0 ? HEADER_BYTES_MAX : PART_HEADER_BYTES_MAX
  const part = readHead(tree, span, fallbackType, headerMax)
  if (span.isRest || !part.type.startsWith('multipart/'))
    return { ...part, children: [], isOpaque: span.isRest }
  tree.budget.searchedBytes -= part.end - part.bodyStart
  const isOpaque = depth >= DEPTH_MAX || tree.budget.searchedBytes < 0
  if (isOpaque) tree.hasTooManyParts = true
  return { ...part, children: isOpaque ? [] : readChildren(tree, part, depth), isOpaque }
}

type Head = Omit<Part, 'children' | 'isOpaque'>

function readHead(
  tree: Growing,
  { start, end }: Span,
  fallbackType: string,
  headerMax: number
): Head {
  const { fields, bodyStart, isBroken } = readFields(tree.raw, start, end, headerMax)
  if (isBroken) tree.isBroken = true
  const parameterized = (name: string) => readParameterized(firstValue(fields, name))
  const { value: type, params } = parameterized('content-type')
  const disposition = parameterized('content-disposition')
  const kind = disposition.value
  return {
    tree,
    start,
    // Without a single field there is no header: all of it is body (RFC 2046 §5.1 requires an empty line here).
    bodyStart: isBroken && fields.length === 0 ? start : bodyStart,
    end,
    fields,
    type: TYPE.test(type) ? type : fallbackType,
    params,
    disposition: kind === '' || kind === 'inline' ? kind : 'attachment',
    filename: disposition.params.get('filename') ?? params.get('name') ?? '',
    encoding: parameterized('content-transfer-encoding').value
  }
}

function readChildren(tree: Growing, part: Head, depth: number): Part[] {
  const { spans, isClosed } = splitBody(tree.raw, part, PARTS_MAX - tree.count)
  if (spans.at(-1)?.isRest === true) tree.hasTooManyParts = true
  else if (spans.length === 0 || !isClosed) tree.isBroken = true
  tree.count += spans.length
  const fallback = part.type === 'multipart/digest' ? 'message/rfc822' : 'text/plain'
  return spans.map((span) => readPart(tree, span, fallback, depth + 1))
}

/** One child of a multipart, headers included; without the line break that belongs to the delimiter. */
type Span = {
  readonly start: number
  readonly end: number
  /** Whether there are more parts than allowed, and this is all the rest. */
  readonly isRest: boolean
}

/** Splits a multipart at its delimiter lines (RFC 2046 §5.1.1) into at most `countMax` spans, but at least one. */
function splitBody(raw: Buffer, part: Head, countMax: number) {
  const boundary = (part.params.get('boundary') ?? '').trimEnd()
  const spans: Span[] = []
  if (boundary === '' || boundary.length > BOUNDARY_CHARS_MAX) return { spans, isClosed: false }
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
    if (open >= 0) spans.push({ start: open, end: Math.max(open, end), isRest: false })
    if (isClosing) return { spans, isClosed: true }
    open = after
    if (spans.length >= countMax - 1) {
      spans.push({ start: open, end: part.end, isRest: true })
      return { spans, isClosed: true }
    }
  }
  if (open >= 0) spans.push({ start: open, end: part.end, isRest: false })
  return { spans, isClosed: false }
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
export function entityOf({ tree, start, end }: Part): Buffer {
  return tree.raw.subarray(start, end)
}

/** The body as sent, transfer encoding included. */
export function bodyOf({ tree, bodyStart, end }: Part): Buffer {
  return tree.raw.subarray(bodyStart, end)
}

/** `part` and every part below it, in document order; opaque parts have no children. */
export function partsBelow(part: Part): Part[] {
  return [part, ...part.children.flatMap(partsBelow)]
}
