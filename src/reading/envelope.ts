/**
 * Recognises the cryptographic envelope of a message by its exact shape (RFC 1847, RFC 3156). Only an unbroken chain from the
 * root counts; a crypto layer elsewhere does not. Must never decrypt or verify.
 */
import { type OpenedMail, type OpenFailure, type WarningCode } from '../domain/mail.ts'
import { type Content, readContent } from '../mime/content.ts'
import { contentOf, isBlank } from '../mime/leaf.ts'
import { type Handled, isInlineText, isOtherProtocol, NOTHING_HANDLED } from '../mime/pieces.ts'
import { type Budget, bareLeaf, entityOf, type Part, parseTree } from '../mime/tree.ts'
import { toBinary } from '../openpgp/armor.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'

/** What stands around a protected part: everything below `roots`, but for what the envelope takes up of a leaf. */
export type Region = Pick<Handled, 'instead'> & { readonly roots: readonly Part[] }

/** The outermost layer of a part: what is encrypted or signed, and what people read of the message once it is removed. */
export type Envelope = {
  readonly structure: OpenedMail['structure']
  /** Foreign text and files beside the protected part. */
  readonly outside: Region
  readonly warnings: readonly WarningCode[]
  /** Whether a signature in this layer covers everything that people read of the message. */
  readonly coversWhole: boolean
} & (
  | {
      /** Binary packets, or why there are none to open. */
      readonly cipher: Uint8Array | OpenFailure
      /** Reads the decrypted bytes, given also as the MIME entity `inside`. */
      readonly read: (data: Uint8Array, inside: Part) => Part
      /** Whether somebody may have put the ciphertext here: then headers inside do not apply to the message. */
      readonly isRewrapped: boolean
    }
  | { readonly signed: Uint8Array; readonly signature: Uint8Array; readonly payload: Part }
)

/** The layer at `part` in PGP/MIME, or null. Repairs and list footers are recognised only at the root of the message. */
export function recogniseLayer(part: Part, place: 'root' | 'inside'): Envelope | null {
  const shape = recogniseProper(part) ?? (place === 'root' ? recogniseRepaired(part) : null)
  if (shape === null) return null
  return 'cipher' in shape ? encryption(shape) : signing(shape)
}

function encryption({ cipher, outside, isMangled, isRewrapped }: Encrypted): Envelope {
  return {
    structure: isMangled ? 'pgp-mime-mangled' : 'pgp-mime',
    outside: { roots: outside, instead: new Map() },
    warnings: isMangled ? ['mangled'] : [],
    // Words beside it are shown apart; a file stands among those inside.
    coversWhole: readRegions([{ roots: outside, instead: new Map() }]).attachments.length === 0,
    cipher: cipher === null ? 'empty' : ciphertextOf(cipher),
    read: (_data, inside) => inside,
    isRewrapped
  }
}

function signing({ content, signature, outside }: Signed): Envelope {
  const coversWhole = outside.length === 0
  const binary = toBinary(contentOf(signature))
  const isSignature = binary?.kind === 'binary' || binary?.kind === 'signature'
  return {
    structure: coversWhole ? 'pgp-mime' : 'clear',
    outside: { roots: outside, instead: new Map() },
    warnings: [],
    coversWhole,
    signed: entityOf(content),
    // An unreadable signature still counts as one, with the state `bad`.
    signature: isSignature ? binary.data : new Uint8Array(0),
    payload: content
  }
}

/** Untrusted text and files in these regions; cuts the text like any other. */
export function readRegions(
  regions: readonly Region[],
  { instead, known }: Handled = NOTHING_HANDLED
): Content {
  const roots = regions.flatMap((region) => region.roots)
  const taken = regions.flatMap((region) => [...region.instead])
  const content = readContent(roots, false, { instead: new Map([...taken, ...instead]), known })
  const text = content.text.trim()
  const outside: WarningCode[] = text === '' ? [] : ['outside-text']
  return { ...content, text, warnings: [...content.warnings, ...outside] }
}

/** A decrypted payload: a MIME entity if it has MIME fields, otherwise plain text (RFC 3156 §4). */
export function parsePayload(data: Uint8Array, budget: Budget): Part {
  const root = parseTree(data, budget)
  const isMime = root.fields.some(
    (field) => field.name.startsWith('content-') || field.name === 'mime-version'
  )
  const isHeaderless = data[0] === 10 || data[0] === 13
  return isMime ? root : bareLeaf(data.subarray(isHeaderless ? root.bodyStart : 0), budget)
}

/** The parts of an envelope. `outside` are parts that it does not cover. */
type Encrypted = {
  /** Null when a mail system on the way removed the ciphertext. */
  readonly cipher: Part | null
  readonly outside: readonly Part[]
  readonly isMangled: boolean
  readonly isRewrapped: boolean
}
type Signed = {
  readonly content: Part
  readonly signature: Part
  readonly outside: readonly Part[]
}

function recogniseProper(part: Part): Encrypted | Signed | null {
  if (part.type === 'multipart/encrypted') return recogniseEncrypted(part)
  const [first, second, ...more] = part.children
  const isSigned = part.type === 'multipart/signed' && second?.type === 'application/pgp-signature'
  return isSigned && first !== undefined && more.length === 0
    ? { content: first, signature: second, outside: [] }
    : null
}

function recogniseEncrypted(part: Part): Encrypted | null {
  if (isOtherProtocol(part)) return null
  const { children } = part
  const [version, cipher, ...more] = children
  if (version?.type !== 'application/pgp-encrypted' || cipher === undefined) {
    // Where a ciphertext still stands in it, in whatever order and under whatever name, it is found like any other.
    const isThere = (children.length === 0 ? [part] : children).some(holdsCiphertext)
    return isThere ? null : { cipher: null, outside: [], isMangled: false, isRewrapped: false }
  }
  // RFC 3156 §4 allows two parts. A message with a third one is opened, but is no longer as its sender made it.
  return { cipher, outside: more, isMangled: more.length > 0, isRewrapped: false }
}

function recogniseExchanged(children: readonly Part[]): Encrypted | null {
  const filled = children.filter((child) => child.children.length > 0 || !isBlank(contentOf(child)))
  const version = filled.findIndex(({ type }) => type === 'application/pgp-encrypted')
  const cipher = filled[version + 1]
  const before = filled.slice(0, Math.max(version, 0))
  const isBanner = before.every((part) => isInlineText(part) || part.type === 'text/html')
  const isWhole = version >= 0 && version <= 1 && filled.length === version + 2 && isBanner
  const isCipher = cipher?.type === 'application/octet-stream'
  return isWhole && isCipher
    ? { cipher, outside: before, isMangled: true, isRewrapped: false }
    : null
}

/** What mail systems and list programs make of an envelope: exactly these shapes, and only at the root. */
function recogniseRepaired({ type, children }: Part): Encrypted | Signed | null {
  if (type !== 'multipart/mixed') return null
  const [first, second] = children
  // Exchange and Proton turn multipart/encrypted into multipart/mixed, with a text in front, or a banner in HTML, or nothing.
  const exchanged = recogniseExchanged(children)
  if (exchanged !== null) return exchanged
  const inner = [first, second].find((each) => each !== undefined && recogniseProper(each) !== null)
  const shape = inner === undefined ? null : recogniseProper(inner)
  const texts = children.filter((child) => child !== inner)
  const isFooter = (text: Part): boolean =>
    isInlineText(text) || (text.type === 'text/html' && shape !== null && 'cipher' in shape)
  if (shape === null || texts.length === 0 || !texts.every(isFooter)) return null
  const outside = [...shape.outside, ...texts]
  // Google Workspace puts a text before the whole multipart/encrypted; mailing lists append one.
  if ('cipher' in shape) {
    const isRewrapped = inner === first
    // An envelope that lost its ciphertext is read like any other part: the block may stand in a text beside it.
    const isWhole = shape.cipher !== null && texts.length === 1
    return isWhole ? { ...shape, outside, isMangled: true, isRewrapped } : null
  }
  return inner === first ? { ...shape, outside } : null
}

function holdsCiphertext(part: Part): boolean {
  const cipher = ciphertextOf(part)
  return typeof cipher !== 'string' && looksEncrypted(cipher)
}

/** The packets of a ciphertext, or why there are none. */
export function ciphertextOf(part: Part): Uint8Array | OpenFailure {
  const content = contentOf(part)
  if (isBlank(content)) return 'empty'
  const binary = toBinary(content)
  return binary?.kind === 'binary' || binary?.kind === 'message' ? binary.data : 'damaged'
}
