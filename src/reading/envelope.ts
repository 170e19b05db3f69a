/**
 * Recognises the cryptographic envelope of a message by its exact shape (RFC 1847, RFC 3156, mail.md §1.1-1.4, §1.6). Only an
 * unbroken chain from the root counts; a crypto layer elsewhere does not. Must never decrypt or verify.
 */

import { contentOf } from '../mime/leaf.ts'
import { isInlineText, selectPieces } from '../mime/pieces.ts'
import { type MimeTree, type Part } from '../mime/tree.ts'
import { readArmorIn } from '../openpgp/armor.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'

/** The outermost crypto layer of a part, or its absence. `outside` are parts that it does not cover. */
export type Envelope =
  | {
      readonly kind: 'encrypted'
      readonly cipher: Part
      readonly outside: readonly Part[]
      readonly isMangled: boolean
      /** Whether a mailing list wrapped the whole encrypted message and added a footer. */
      readonly isRewrapped: boolean
    }
  | {
      readonly kind: 'signed'
      readonly content: Part
      readonly signature: Part
      readonly outside: readonly Part[]
    }
  /** A multipart/encrypted that lost its ciphertext. */
  | { readonly kind: 'emptied' }
  | { readonly kind: 'none' }

/** The layer at `part`. Repairs and list footers are recognised only at the root of the message. */
export function recogniseLayer(part: Part, place: 'root' | 'inside'): Envelope {
  const proper = recogniseProper(part)
  if (proper !== null) return proper
  if (place === 'inside' || part.type !== 'multipart/mixed') return { kind: 'none' }
  // mail.md §1.4: exactly these shapes, and only at the root.
  return (
    recogniseMixedUp(part.children) ??
    recogniseFooter(part.children) ??
    recogniseListWrapped(part.children) ?? { kind: 'none' }
  )
}

/**
 * The single ciphertext file of a message with only plain text beside it: somebody encrypted a file and attached it. Null for
 * every other shape, above all with HTML (EFAIL).
 */
export function findCipherAttachment(tree: MimeTree): Part | null {
  const { pieces } = selectPieces(tree, tree.root)
  const ciphers = pieces.filter(
    (piece) => piece.kind === 'attachment' && isCipherFile(tree, piece.part)
  )
  const [only] = ciphers
  const isAlone = pieces.every(
    (piece) => piece === only || piece.kind === 'text' || piece.part.type === 'application/pgp-keys'
  )
  const isPlain = ['multipart/mixed', only?.part.type].includes(tree.root.type)
  return only !== undefined && ciphers.length === 1 && isAlone && isPlain ? only.part : null
}

/** The single text leaf that is all people would read of this message; else null. */
export function findOnlyText(tree: MimeTree): Part | null {
  const { pieces } = selectPieces(tree, tree.root)
  const readable = pieces.filter((piece) => piece.kind !== 'attachment')
  const [only] = readable
  return only?.kind === 'text' && readable.length === 1 ? only.part : null
}

function recogniseProper(part: Part): Envelope | null {
  const [first, second] = part.children
  const protocol = (part.params.get('protocol') ?? '').toLowerCase()
  if (part.type === 'multipart/encrypted' && !protocol.includes('pkcs7')) {
    if (first?.type !== 'application/pgp-encrypted' || second === undefined) {
      return { kind: 'emptied' }
    }
    return {
      kind: 'encrypted',
      cipher: second,
      outside: part.children.slice(2),
      // RFC 3156 §4 allows two parts. A message with a third one is opened, but is no longer as its sender made it.
      isMangled: part.children.length > 2,
      isRewrapped: false
    }
  }
  if (part.type !== 'multipart/signed' || part.children.length !== 2) return null
  if (first === undefined || second?.type !== 'application/pgp-signature') return null
  return { kind: 'signed', content: first, signature: second, outside: [] }
}

/** Exchange and Proton turn multipart/encrypted into multipart/mixed with a text in front. */
function recogniseMixedUp(children: readonly Part[]): Envelope | null {
  const [text, version, cipher] = children
  const isShape =
    children.length === 3 &&
    text?.type === 'text/plain' &&
    version?.type === 'application/pgp-encrypted' &&
    cipher?.type === 'application/octet-stream'
  return isShape
    ? { kind: 'encrypted', cipher, outside: [text], isMangled: true, isRewrapped: false }
    : null
}

/** Google Workspace puts a text before the whole multipart/encrypted; mailing lists append one. */
function recogniseFooter(children: readonly Part[]): Envelope | null {
  const [first, second] = children
  if (first === undefined || second === undefined || children.length !== 2) return null
  const [inner, footer] = first.type === 'multipart/encrypted' ? [first, second] : [second, first]
  const proper = isInlineText(footer) ? recogniseProper(inner) : null
  return proper?.kind === 'encrypted'
    ? {
        ...proper,
        outside: [...proper.outside, footer],
        isMangled: true,
        isRewrapped: inner === first
      }
    : null
}

/** `mixed[signed, footers]`: what mailing list programs make of a signed message. */
function recogniseListWrapped(children: readonly Part[]): Envelope | null {
  const [first, ...footers] = children
  if (first === undefined || footers.length === 0) return null
  const proper = recogniseProper(first)
  return proper?.kind === 'signed' && footers.every((footer) => isInlineText(footer))
    ? { ...proper, outside: footers }
    : null
}

function isCipherFile(tree: MimeTree, part: Part): boolean {
  if (part.children.length > 0 || part.isOpaque || part.type.startsWith('message/')) return false
  const content = contentOf(tree, part)
  if (((content[0] ?? 0) & 0x80) !== 0) {
    const isNamed = /\.(?:gpg|pgp)$/i.test(part.filename) || part.type.startsWith('application/pgp')
    return isNamed && looksEncrypted(content)
  }
  const armor = readArmorIn(content)
  return armor?.kind === 'message' && armor.before === '' && looksEncrypted(armor.data)
}
