/**
 * Recognises the cryptographic envelope of a message by its exact shape (RFC 1847, RFC 3156). Only an unbroken chain from the
 * root counts; a crypto layer elsewhere does not. Must never decrypt or verify.
 */
import { type OpenedMail, type OpenFailure, type WarningCode } from '../domain/mail.ts'
import { type Content } from '../mime/content.ts'
import { capText, contentOf, DECODED_BYTES_MAX, isBlank, textOf } from '../mime/leaf.ts'
import { isInlineText, isSmime } from '../mime/pieces.ts'
import { type Budget, bareLeaf, entityOf, type Part, parseTree } from '../mime/tree.ts'
import { toBinary } from '../openpgp/armor.ts'
import { withCrlf } from '../openpgp/verify.ts'

/** The outermost layer of a part: what is encrypted or signed, and what people read of the message once it is removed. */
export type Envelope = {
  readonly structure: OpenedMail['structure']
  /** Foreign text and files beside the protected part, and the problems of the message around it. */
  readonly beside: Content
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
  const beside = readOutside(shape.outside)
  return 'cipher' in shape ? encryption(shape, beside) : signing(shape, beside)
}

function encryption({ cipher, isMangled, isRewrapped }: Encrypted, beside: Content): Envelope {
  return {
    structure: isMangled ? 'pgp-mime-mangled' : 'pgp-mime',
    beside: isMangled ? { ...beside, warnings: ['mangled', ...beside.warnings] } : beside,
    coversWhole: true,
    cipher: cipher === null ? 'empty' : ciphertextOf(cipher),
    read: (_data, inside) => inside,
    isRewrapped
  }
}

function signing({ content, signature, outside }: Signed, beside: Content): Envelope {
  const coversWhole = outside.length === 0
  const binary = toBinary(contentOf(signature))
  const isSignature = binary?.kind === 'binary' || binary?.kind === 'signature'
  return {
    structure: coversWhole ? 'pgp-mime' : 'clear',
    beside,
    coversWhole,
    signed: withCrlf(entityOf(content)),
    // An unreadable signature still counts as one, with the state `bad`.
    signature: isSignature ? binary.data : new Uint8Array(0),
    payload: content
  }
}

/** Untrusted text and files beside the protected part; cuts the text like any other. */
export function besideOf(
  text: string,
  attachments: Content['attachments'],
  warnings: Content['warnings']
): Content {
  const capped = capText(text)
  const outside: WarningCode[] = text === '' ? [] : ['outside-text']
  const truncated: WarningCode[] = capped.isTruncated ? ['text-truncated'] : []
  return { text: capped.text, attachments, warnings: [...warnings, ...outside, ...truncated] }
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
  if (isSmime(part)) return null
  const [version, cipher, ...more] = part.children
  if (version?.type !== 'application/pgp-encrypted' || cipher === undefined)
    return { cipher: null, outside: [], isMangled: false, isRewrapped: false }
  // RFC 3156 §4 allows two parts. A message with a third one is opened, but is no longer as its sender made it.
  return { cipher, outside: more, isMangled: more.length > 0, isRewrapped: false }
}

/** What mail systems and list programs make of an envelope: exactly these shapes, and only at the root. */
function recogniseRepaired({ type, children }: Part): Encrypted | Signed | null {
  if (type !== 'multipart/mixed') return null
  const [first, second, third] = children
  const types = children.map((child) => child.type).join()
  // Exchange and Proton turn multipart/encrypted into multipart/mixed with a text in front.
  if (types === 'text/plain,application/pgp-encrypted,application/octet-stream') {
    const outside = children.slice(0, 1)
    return { cipher: third ?? null, outside, isMangled: true, isRewrapped: false }
  }
  const inner = [first, second].find((each) => each !== undefined && recogniseProper(each) !== null)
  const shape = inner === undefined ? null : recogniseProper(inner)
  const texts = children.filter((child) => child !== inner)
  if (shape === null || texts.length === 0 || !texts.every(isInlineText)) return null
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

/** The text beside the envelope. Does not read parts beyond the limits. */
function readOutside(parts: readonly Part[]): Content {
  const texts: string[] = []
  let bytesLeft = DECODED_BYTES_MAX
  for (const part of parts) {
    if (bytesLeft < 0) break
    const leaf = textOf(part)
    texts.push(leaf.text.trim())
    bytesLeft -= contentOf(part).length
  }
  const text = texts.filter((each) => each !== '').join('\n\n')
  return besideOf(text, [], bytesLeft < 0 ? ['text-truncated'] : [])
}

function ciphertextOf(part: Part): Uint8Array | OpenFailure {
  const content = contentOf(part)
  if (isBlank(content)) return 'empty'
  const binary = toBinary(content)
  return binary?.kind === 'binary' || binary?.kind === 'message' ? binary.data : 'damaged'
}
