/**
 * Chooses which leaves of a payload are its text and which are attachments (RFC 2046 §5.1, RFC 2183). Must never
 * choose to open an encrypted part.
 */
import { type WarningCode } from '../domain/mail.ts'
import { textOfHtml } from './html.ts'
import { contentOf, decodeText } from './leaf.ts'
import { type Part, partsBelow } from './tree.ts'

/** One leaf and its use. */
export type Piece = { readonly kind: 'text' | 'html' | 'attachment'; readonly part: Part }

const READ_AS_TEXT = new Set(['text/plain', 'text/markdown', 'text/x-markdown'])
const SMIME = /^application\/(?:x-)?pkcs7-mime$/
/** Gateways send S/MIME under this name (RFC 8551 §3.2.1), or as a file without a type. Any other .p7m is a signed file. */
const SMIME_NAME = /^smime\.p7m\s*$/i
const SMIME_ENDING = /\.p7m\s*$/i
const OF_NO_TYPE = 'application/octet-stream'
/** Stands beside what it signs, which everybody can read. */
const SMIME_SIGNATURE = /^application\/(?:x-)?pkcs7-signature$/
/** Microsoft's rights management. */
const RIGHTS_MANAGED = /^application\/x-microsoft-rpmsg-message$/
const TNEF = /^application\/(?:vnd\.)?ms-tnef$/
const ENCRYPTED = /^(?:application\/pgp-|multipart\/)encrypted$/
const CRYPTO = /^multipart\/(?:encrypted|signed)$/
/** How an armored OpenPGP message begins. */
export const ARMORED_MESSAGE = '-----BEGIN PGP MESSAGE-----'
/** How a file of the program age begins, armored and not. */
const AGE = ['-----BEGIN AGE ENCRYPTED FILE-----', 'age-encryption.org/v1\n']
const LOOK_AHEAD_BYTES = 200_000

/** Sealed parts that somebody else reads: what of a leaf is left to read here, '' for nothing, and leaves that are no riddle. */
export type Handled = {
  readonly instead: ReadonlyMap<Part, string>
  readonly known: ReadonlySet<Part>
}

export const NOTHING_HANDLED: Handled = { instead: new Map(), known: new Set() }

/** The leaves below `start` that are left, in document order, with warnings about them and about the whole tree. */
export function selectPieces(start: Part, handled: Handled = NOTHING_HANDLED) {
  const { instead, known } = handled
  const warnings = new Set<WarningCode>()
  const pieces = piecesOf(start, start, warnings).filter(({ part }) => instead.get(part) !== '')
  const isKnown = (part: Part): boolean => known.has(part) || instead.has(part)
  for (const { part } of pieces) {
    if (!isKnown(part)) notice(part, warnings)
  }
  const layers = partsBelow(start).filter((part) => CRYPTO.test(part.type) && !isSmime(part))
  if (layers.some(({ children }) => !children.some(isKnown))) warnings.add('errant-crypto')
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

// Versions of one text (RFC 2046 §5.1.4 leaves the choice to the reader).

/** What becomes of each version: shown as text, or kept as a file because it says more; the others repeat what is shown. */
type Choice = { readonly shown: readonly Part[]; readonly kept: readonly Part[] }

/** Made once: each looks through the text of every version. */
const choices = new WeakMap<Part, Choice>()

/**
 * Prefers plain text over HTML, but not a version that shows nothing, or little of what another one says. Shows each plain
 * version with words of its own, and keeps files of every version, because some mail programs put them there.
 */
function chooseAlternative(part: Part, start: Part, warnings: Set<WarningCode>): Piece[] {
  const { children } = part
  if (children.length === 0) return [{ kind: 'text', part }]
  const versions = children.map((child) => ({ child, pieces: piecesOf(child, start, warnings) }))
  const choice = choices.get(part) ?? choose(versions)
  choices.set(part, choice)
  if (choice.kept.length > 0) warnings.add('other-version')
  return versions.flatMap(({ child, pieces }) => {
    if (choice.shown.includes(child)) return pieces
    const files = pieces.filter(({ kind }) => kind === 'attachment')
    return choice.kept.includes(child) ? pieces.map((piece) => asFile(piece.part)) : files
  })
}

type Version = { readonly child: Part; readonly pieces: readonly Piece[] }

type ReadVersion = Version & { readonly words: ReadonlySet<string>; readonly isPlain: boolean }

function choose(versions: readonly Version[]): Choice {
  const read: ReadVersion[] = versions
    .map((version) => ({
      ...version,
      words: wordsOf(version),
      isPlain: version.pieces.every(({ kind }) => kind !== 'html')
    }))
    .filter(({ pieces }) => pieces.some(({ kind }) => kind !== 'attachment'))
  const [fullest] = read.toSorted((one, other) => other.words.size - one.words.size)
  const most = fullest?.words ?? new Set()
  const isFull = ({ words }: ReadVersion): boolean => words.size === most.size
  const chosen =
    read.find((version) => version.isPlain && !isStub(version, most)) ??
    read.find((version) => version.child.children.length > 0 && isFull(version)) ??
    read.findLast(isFull)
  const said = chosen?.words ?? new Set()
  const own = read.filter(({ child, words, isPlain }) => {
    const unsaid = [...words].filter((word) => !said.has(word)).length
    // HTML that was converted has words of its layout.
    return child !== chosen?.child && unsaid > (isPlain ? 0 : Math.max(4, said.size / 8))
  })
  const shown = [chosen, ...own.filter(({ isPlain }) => isPlain)]
  return {
    shown: shown.flatMap((version) => version?.child ?? []),
    kept: own.flatMap(({ isPlain, child }) => (isPlain ? [] : child))
  }
}

/** A version that has so many times fewer words than another one, and so many fewer, only says that there is another. */
const STUB = { times: 4, fewer: 15, wordsMax: 40 }
const OF_STUBS = ['html', 'browser', 'viewer']

/** Whether a version shows nothing, or says no more than that `most`, the words of the fullest one, stand elsewhere. */
function isStub({ words, child }: ReadVersion, most: ReadonlySet<string>): boolean {
  if (child.tree.budget.comparedBytes <= 0) return false
  const { size } = words
  if (size === 0 || (size * STUB.times < most.size && size + STUB.fewer < most.size)) return true
  const isAboutIt = size <= STUB.wordsMax && OF_STUBS.some((word) => words.has(word))
  const shared = [...words].filter((word) => most.has(word)).length
  return isAboutIt && size < most.size && shared * 2 < size
}

/** The words that a version shows, as far as the budget reaches; those of links count as layout. */
function wordsOf({ pieces }: Version): ReadonlySet<string> {
  const texts = pieces.map(({ kind, part }) => {
    const { budget } = part.tree
    if (kind === 'attachment' || budget.comparedBytes <= 0) return ''
    const content = contentOf(part).subarray(0, LOOK_AHEAD_BYTES)
    budget.comparedBytes -= content.length
    if (kind === 'html') return textOfHtml(part) ?? ''
    return decodeText(content, part.params.get('charset') ?? '').text
  })
  const plain = texts.join('\n').replaceAll(/\S+/g, withoutLinks)
  return new Set(plain.toLowerCase().match(WORD))
}

/** What stands between blanks, without an address of the Web or what looks like one in brackets. */
function withoutLinks(written: string): string {
  if (written.includes('://')) return ' '
  const [start, end] = [written.indexOf('['), written.lastIndexOf(']')]
  const isLink = start >= 0 && written.slice(start, Math.max(start, end)).includes(':')
  return isLink ? `${written.slice(0, start)} ${written.slice(end + 1)}` : written
}

/** A word; in scripts that write no blanks between words, one character. */
const WORD =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]|(?:(?![\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}])[\p{L}\p{N}])+/gu

function notice(part: Part, warnings: Set<WarningCode>): void {
  const { type, filename, isOpaque } = part
  if (isCms(part)) warnings.add('smime')
  if (SMIME_SIGNATURE.test(type)) warnings.add('smime-signature')
  if (TNEF.test(type) || filename.toLowerCase() === 'winmail.dat') warnings.add('tnef')
  const head = isOpaque ? '' : contentOf(part).subarray(0, LOOK_AHEAD_BYTES)
  const isSealed = [ARMORED_MESSAGE, ...AGE].some((mark) => head.includes(mark))
  if (ENCRYPTED.test(type) || isSealed) warnings.add('errant-crypto')
}

function isCms({ type, filename }: Part): boolean {
  const isNamed = type === OF_NO_TYPE ? SMIME_ENDING.test(filename) : SMIME_NAME.test(filename)
  return SMIME.test(type) || isNamed
}

/** Whether a leaf is encrypted, or may be, in a form that is not OpenPGP. */
export function isClosedForm(part: Part): boolean {
  const { type, params, children } = part
  const isOpaqueSigned = params.get('smime-type')?.toLowerCase() === 'signed-data'
  const isOther = isCms(part) || RIGHTS_MANAGED.test(type)
  return children.length === 0 && isOther && !isOpaqueSigned
}

/** Whether a multipart/encrypted says that it is of another kind than OpenPGP. */
export function isOtherProtocol({ params }: Part): boolean {
  return !['', 'application/pgp-encrypted'].includes((params.get('protocol') ?? '').toLowerCase())
}

/** Whether a multipart/signed or multipart/encrypted is S/MIME. */
export function isSmime({ params }: Part): boolean {
  return (params.get('protocol') ?? '').toLowerCase().includes('pkcs7')
}
