/**
 * What another MIME reader (postal-mime) makes of a message, part by part, in the words of ours. Its tree is not in its types but
 * is there; the version is pinned, and a tree of another shape stops the tests instead of comparing nothing.
 */
import PostalMime from 'postal-mime'

/** One part as a reader sees it. */
export type SeenPart = {
  /** Place in the tree: `0`, `0.1`, `0.1.2` … */
  readonly place: string
  readonly type: string
  readonly filename: string
  /** The decoded bytes of a leaf; null for a multipart. */
  readonly content: Uint8Array | null
  /** The text of a leaf that is shown in place (see {@link isShownText}); null for everything else. */
  readonly text: string | null
}

type Structured = { readonly value: string; readonly params: Readonly<Record<string, string>> }
type Node = {
  readonly contentType: { readonly parsed: Structured; readonly multipart: string | false }
  readonly contentDisposition: { readonly parsed: Structured }
  readonly childNodes: readonly unknown[]
  readonly content: ArrayBuffer | null
  readonly getTextContent: () => string
}

/** Whether a leaf is text to read and no file. */
export function isShownText(type: string, disposition: string): boolean {
  return ['text/plain', 'text/html'].includes(type) && disposition !== 'attachment'
}

/** The parts that postal-mime finds, in document order. Rejects where it rejects the message. */
export async function readWithPostal(raw: Uint8Array): Promise<SeenPart[]> {
  const parser = new PostalMime({ forceRfc822Attachments: true })
  await parser.parse(raw)
  const root: unknown = 'root' in parser ? parser.root : null
  return seen(root, '0')
}

function seen(node: unknown, place: string): SeenPart[] {
  if (!isNode(node)) throw new TypeError('postal-mime has no tree of the known shape')
  const { parsed, multipart } = node.contentType
  const filename = node.contentDisposition.parsed.params['filename'] ?? parsed.params['name'] ?? ''
  const type = parsed.value
  const isShown = isShownText(type, node.contentDisposition.parsed.value)
  const content = multipart === false ? new Uint8Array(node.content ?? new ArrayBuffer(0)) : null
  const text = isShown ? node.getTextContent() : null
  const part = { place, type, filename, content, text }
  return [part, ...node.childNodes.flatMap((child, index) => seen(child, `${place}.${index}`))]
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' &&
    value !== null &&
    'contentType' in value &&
    'contentDisposition' in value &&
    'content' in value &&
    'childNodes' in value &&
    Array.isArray(value.childNodes) &&
    'getTextContent' in value &&
    typeof value.getTextContent === 'function'
  )
}
