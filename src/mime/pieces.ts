/**
 * Chooses which leaves of a payload are its text and which are attachments (RFC 2046 §5.1, RFC 2183). Uses a stack, not
 * recursion. Must never choose to open an encrypted part.
 */
import { type WarningCode } from '../domain/mail.ts'
import { contentOf, isBlank } from './leaf.ts'
import { type MimeTree, type Part, partsBelow } from './tree.ts'

/** One leaf and its use. */
export type Piece = { readonly kind: 'text' | 'html' | 'attachment'; readonly part: Part }

/** The leaves in document order, with warnings about them and about the whole tree. */
export type Selection = { readonly pieces: readonly Piece[]; readonly warnings: Set<WarningCode> }

const READ_AS_TEXT = new Set(['text/plain', 'text/markdown', 'text/x-markdown'])
const SMIME = new Set([
  'application/pkcs7-mime',
  'application/x-pkcs7-mime',
  'application/pkcs7-signature',
  'application/x-pkcs7-signature'
])
const TNEF = new Set(['application/ms-tnef', 'application/vnd.ms-tnef'])
const ARMORED_MESSAGE = '-----BEGIN PGP MESSAGE-----'
const LOOK_AHEAD_BYTES = 200_000

/** Selects the pieces below `start`. */
export function selectPieces(tree: MimeTree, start: Part): Selection {
  const pieces: Piece[] = []
  const warnings = new Set<WarningCode>()
  const stack: (Part | Piece)[] = [start]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if ('kind' in next) {
      notice(tree, next, warnings)
      pieces.push(next)
      continue
    }
    const inside = open(tree, next, next === start)
    if (inside.some((item) => 'kind' in item && item.part.type === 'multipart/encrypted')) {
      warnings.add('errant-crypto')
    }
    if (next.type === 'multipart/signed' && !isSmimeSigned(next)) warnings.add('errant-crypto')
    stack.push(...inside.toReversed())
  }
  if (tree.hasTooManyParts) warnings.add('too-many-parts')
  if (tree.isBroken) warnings.add('broken-mime')
  return { pieces, warnings }
}

/** Whether a leaf should be shown inline. */
export function isInlineText(part: Part): boolean {
  return READ_AS_TEXT.has(part.type) && part.disposition !== 'attachment' && part.filename === ''
}

/** What one part contains: more parts to look at, or finished pieces. */
function open(tree: MimeTree, part: Part, isStart: boolean): (Part | Piece)[] {
  if (part.isOpaque) return [{ kind: 'attachment', part }]
  if (part.type === 'multipart/alternative') return chooseAlternative(tree, part)
  if (part.type === 'multipart/encrypted' && part.children.length > 0) {
    return part.children.map((child) => ({ kind: 'attachment', part: child }))
  }
  if (part.children.length > 0) return [...part.children]
  return [{ kind: kindOf(part, isStart), part }]
}

function kindOf(part: Part, isStart: boolean): Piece['kind'] {
  const isNamed = part.filename !== '' && !isStart
  if (part.disposition === 'attachment' || isNamed) return 'attachment'
  if (READ_AS_TEXT.has(part.type)) return 'text'
  if (part.type === 'text/html') return 'html'
  // A multipart without any delimiter: its body is all there is to read.
  return part.type.startsWith('multipart/') ? 'text' : 'attachment'
}

/**
 * Prefers plain text over HTML (RFC 2046 §5.1.4 leaves the choice to the reader). Keeps files inside an alternative that was
 * not chosen, because some mail programs put them there.
 */
function chooseAlternative(tree: MimeTree, part: Part): (Part | Piece)[] {
  const { children } = part
  const chosen =
    children.find((child) => isInlineText(child) && hasText(tree, child)) ??
    children.find((child) => child.children.length > 0 && child.type !== 'multipart/related') ??
    children.findLast((child) => child.children.length > 0 || child.type === 'text/html') ??
    children[0]
  if (chosen === undefined) return [{ kind: 'text', part }]
  const result: (Part | Piece)[] = [chosen]
  for (const child of children) {
    if (child === chosen) continue
    for (const leaf of partsBelow(child)) {
      const isVersion =
        leaf.disposition !== 'attachment' && (isInlineText(leaf) || leaf.type === 'text/html')
      if (leaf.children.length === 0 && !isVersion) result.push({ kind: 'attachment', part: leaf })
    }
  }
  return result
}

function hasText(tree: MimeTree, part: Part): boolean {
  return !isBlank(contentOf(tree, part).subarray(0, LOOK_AHEAD_BYTES))
}

function notice(tree: MimeTree, piece: Piece, warnings: Set<WarningCode>): void {
  const { type, filename } = piece.part
  if (SMIME.has(type)) warnings.add('smime')
  if (TNEF.has(type) || filename.toLowerCase() === 'winmail.dat') warnings.add('tnef')
  if (type === 'application/pgp-encrypted') warnings.add('errant-crypto')
  if (piece.part.isOpaque) return
  const head = contentOf(tree, piece.part).subarray(0, LOOK_AHEAD_BYTES)
  if (head.includes(ARMORED_MESSAGE)) warnings.add('errant-crypto')
}

function isSmimeSigned(part: Part): boolean {
  return (part.params.get('protocol') ?? '').toLowerCase().includes('pkcs7')
}
