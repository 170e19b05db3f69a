/**
 * Chooses which leaves of a payload are its text and which are attachments (RFC 2046 §5.1, RFC 2183). Must never
 * choose to open an encrypted part.
 */
import { type WarningCode } from '../domain/mail.ts'
import { contentOf, isBlank } from './leaf.ts'
import { type Part, partsBelow } from './tree.ts'

/** One leaf and its use. */
export type Piece = { readonly kind: 'text' | 'html' | 'attachment'; readonly part: Part }

const READ_AS_TEXT = new Set(['text/plain', 'text/markdown', 'text/x-markdown'])
const SMIME = /^application\/(?:x-)?pkcs7-mime$/
/** Gateways send S/MIME as a file of no type under this name (RFC 8551 §3.2.1). Any other .p7m may be a signed file. */
const SMIME_NAME = /^smime\.p7m\s*$/i
/** Stands beside what it signs, which everybody can read. */
const SMIME_SIGNATURE = /^application\/(?:x-)?pkcs7-signature$/
const TNEF = /^application\/(?:vnd\.)?ms-tnef$/
const ENCRYPTED = /^(?:application\/pgp-|multipart\/)encrypted$/
/** How an armored OpenPGP message begins. */
export const ARMORED_MESSAGE = '-----BEGIN PGP MESSAGE-----'
const LOOK_AHEAD_BYTES = 200_000

/** The leaves below `start` but for `except`, in document order, with warnings about them and about the whole tree. */
export function selectPieces(start: Part, except: Part | null = null) {
  const warnings = new Set<WarningCode>()
  const pieces = piecesOf(start, start, warnings).filter(({ part }) => part !== except)
  for (const { part } of pieces) notice(part, warnings)
  if (start.tree.hasTooManyParts) warnings.add('too-many-parts')
  if (start.tree.isBroken) warnings.add('broken-mime')
  return { pieces, warnings }
}

/** Whether a leaf should be shown inline. */
export function isInlineText(part: Part): boolean {
  return READ_AS_TEXT.has(part.type) && part.disposition !== 'attachment' && part.filename === ''
}

function piecesOf(part: Part, start: Part, warnings: Set<WarningCode>): Piece[] {
  const { type, children } = part
  const isSigned = type === 'multipart/signed' && !isSmime(part)
  if (isSigned || type === 'multipart/encrypted') warnings.add('errant-crypto')
  if (part.isOpaque) return [asFile(part)]
  if (type === 'multipart/encrypted' && children.length > 0) return children.map(asFile)
  if (type === 'multipart/alternative') return chooseAlternative(part, start, warnings)
  return children.length > 0
    ? children.flatMap((child) => piecesOf(child, start, warnings))
    : [{ kind: kindOf(part, part === start), part }]
}

function asFile(part: Part): Piece {
  return { kind: 'attachment', part }
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
function chooseAlternative(part: Part, start: Part, warnings: Set<WarningCode>): Piece[] {
  const { children } = part
  const isEmpty = (one: Part): boolean => isBlank(contentOf(one).subarray(0, LOOK_AHEAD_BYTES))
  const chosen =
    children.find((child) => isInlineText(child) && !isEmpty(child)) ??
    children.find((child) => child.children.length > 0 && child.type !== 'multipart/related') ??
    children.findLast((child) => child.children.length > 0 || child.type === 'text/html') ??
    children[0]
  if (chosen === undefined) return [{ kind: 'text', part }]
  const files = children
    .filter((child) => child !== chosen)
    .flatMap(partsBelow)
    .filter((leaf) => leaf.children.length === 0 && !isVersion(leaf))
  return [...piecesOf(chosen, start, warnings), ...files.map(asFile)]
}

function isVersion(leaf: Part): boolean {
  return leaf.disposition !== 'attachment' && (isInlineText(leaf) || leaf.type === 'text/html')
}

function notice(part: Part, warnings: Set<WarningCode>): void {
  const { type, filename, isOpaque } = part
  if (SMIME.test(type) || SMIME_NAME.test(filename)) warnings.add('smime')
  if (SMIME_SIGNATURE.test(type)) warnings.add('smime-signature')
  if (TNEF.test(type) || filename.toLowerCase() === 'winmail.dat') warnings.add('tnef')
  const head = isOpaque ? '' : contentOf(part).subarray(0, LOOK_AHEAD_BYTES)
  if (ENCRYPTED.test(type) || head.includes(ARMORED_MESSAGE)) warnings.add('errant-crypto')
}

/** Whether a multipart/signed or multipart/encrypted is S/MIME. */
export function isSmime({ params }: Part): boolean {
  return (params.get('protocol') ?? '').toLowerCase().includes('pkcs7')
}
