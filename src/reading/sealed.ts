/**
 * Finds what is sealed anywhere in a message: armor in a text or in HTML, encrypted files, PGP/MIME that a mail system took
 * apart, and messages attached whole. Only the desk holds the key, so nobody else can open them. The form proves nothing of who
 * wrote what. Must never decrypt or verify.
 */
import { isUtf8 } from 'node:buffer'
import { type SealedPlace } from '../domain/mail.ts'
import { textOfHtml } from '../mime/html.ts'
import { contentOf, keepsAscii, textOf } from '../mime/leaf.ts'
import {
  ARMORED_MESSAGE,
  isClosedForm,
  isOtherProtocol,
  type Piece,
  selectPieces
} from '../mime/pieces.ts'
import { bareLeaf, type Part, parseTree, partsBelow } from '../mime/tree.ts'
import { type FoundArmor, findArmor, toBinary } from '../openpgp/armor.ts'
import { isEncrypted, looksEncrypted, looksSigned } from '../openpgp/prescan.ts'
import { ciphertextOf, type Envelope } from './envelope.ts'

type Encryption = Extract<Envelope, { readonly cipher: unknown }>

/** A sealed part: its ciphertext, or an attached message, in which there may be one. */
export type Found = Pick<Encryption, 'cipher' | 'read'> & {
  readonly place: SealedPlace
  readonly part: Part
  readonly filename: string
  /** The leaves that it takes up, and what is left to read of each: with the other sealed parts in it, and without them. */
  readonly instead: readonly (readonly [Part, string])[]
  readonly without: readonly (readonly [Part, string])[]
  readonly message: Part | null
  /** It stands among other words of an attached file: never what the message is. */
  readonly isBeside?: boolean
}

/** Most sealed parts that are looked for in one entity. */
const FOUND_MAX = 16

/** The sealed parts below these parts, in the order of the message. */
export function findSealed(
  roots: readonly Part[],
  taken: ReadonlyMap<Part, string> = new Map()
): Found[] {
  const found: Found[] = []
  for (const root of roots) {
    const { pieces } = selectPieces(root)
    for (const [index, piece] of pieces.entries()) {
      if (found.length >= FOUND_MAX) break
      const left = taken.get(piece.part)
      if (left !== '') found.push(...sealedIn(piece, pieces[index - 1]?.part ?? null, left))
    }
    found.push(...partsBelow(root).flatMap(closedLayer))
  }
  return found.slice(0, FOUND_MAX)
}

/** A multipart/encrypted that is not OpenPGP. */
function closedLayer(part: Part): Found[] {
  return part.type === 'multipart/encrypted' && isOtherProtocol(part)
    ? [foundFile('part', part, part.children, 'unsupported')]
    : []
}

function sealedIn({ kind, part }: Piece, before: Part | null, left: string | undefined): Found[] {
  if (kind === 'text') return sealedInText('text', part, left ?? textOf(part).text)
  if (kind === 'html') return sealedInText('html', part, left ?? textOfHtml(part) ?? '')
  if (isClosedForm(part)) return [foundFile('file', part, [part], 'unsupported')]
  if (part.children.length > 0 || part.isOpaque) return []
  if (isMessage(part)) return [attachedMessage(part)]
  const files = sealedFile(part, before)
  return files.length === 0 && part.type.startsWith('text/') ? sealedInFile(part) : files
}

/** The armored messages among the words of an attached text, which stays a file as it is (D17). */
function sealedInFile(part: Part): Found[] {
  const { filename } = part
  // A file without a type counts as a text: to decode a large one takes ten times as long as all else that is done with it.
  if (!contentOf(part).includes(ARMORED_MESSAGE)) return []
  return sealedInText('text', part, textOf(part).text)
    .filter(({ cipher }) => cipher !== 'damaged')
    .map((found) => ({
      ...found,
      place: 'file',
      filename,
      instead: [],
      without: [],
      isBeside: true
    }))
}

function sealedFile(part: Part, before: Part | null): Found[] {
  const version = before !== null && isVersion(before) ? [before] : []
  const cipher = cipherIn(part, version[0]?.type === VERSION_TYPE)
  const isNamed = part.type === VERSION_TYPE || PGP_MIME_NAME.test(part.filename)
  const place = version.length > 0 || isNamed ? 'part' : 'file'
  return cipher === null ? [] : [foundFile(place, part, [...version, part], cipher)]
}

/** The ciphertext in a file; of one that is said to be one (`isDeclared`), or why there is none. */
function cipherIn(part: Part, isDeclared: boolean): Found['cipher'] | null {
  if (isCipherFile(part)) return toBinary(contentOf(part))?.data ?? 'damaged'
  return isDeclared && !isVersion(part) ? ciphertextOf(part) : null
}

const MESSAGE = /^message\/(?:rfc822|global)$/
/** Some mail programs attach a message as a file of no type. */
const MESSAGE_NAME = /\.eml$/i
/** How mail programs call the second part of PGP/MIME. */
const PGP_MIME_NAME =
  /^(?:encrypted|openpgp[ _]encrypted[ _]message|msg|message)\.(?:asc|pgp|gpg)$/i
const VERSION = /^\s*Version:\s*1\s*$/
const VERSION_TYPE = 'application/pgp-encrypted'
const VERSION_BYTES_MAX = 64

/** The first part of PGP/MIME, whatever it is called by now. */
function isVersion(part: Part): boolean {
  if (part.children.length > 0) return false
  const content = contentOf(part)
  return content.length <= VERSION_BYTES_MAX && VERSION.test(content.toString('latin1'))
}

function isCipherFile(part: Part): boolean {
  if (part.children.length > 0 || part.isOpaque || part.type.startsWith('message/')) return false
  const content = contentOf(part)
  const binary = toBinary(content)
  if (binary?.kind === 'message')
    return 'before' in binary && binary.before === '' && looksEncrypted(binary.data)
  const isNamed = /\.(?:gpg|pgp)$/i.test(part.filename) || part.type.startsWith('application/pgp')
  return binary?.kind === 'binary' && (isNamed ? looksEncrypted(content) : isEncrypted(content))
}

function foundFile(
  place: SealedPlace,
  part: Part,
  parts: readonly Part[],
  cipher: Found['cipher']
): Found {
  const name = part.filename.replace(/\.(?:asc|gpg|pgp)$/i, '')
  return {
    place,
    part,
    filename: part.filename,
    cipher,
    // What nobody here can open is left as a file.
    instead: cipher === 'unsupported' ? [] : parts.map((each) => [each, '']),
    without: parts.map((each) => [each, '']),
    message: null,
    read: (data, inside) => {
      if (place === 'part' || isEntity(inside)) return inside
      return isText(data)
        ? bareLeaf(data, inside.tree.budget, 'text/plain', { charset: 'utf-8' })
        : bareLeaf(data, inside.tree.budget, 'application/octet-stream', { name })
    }
  }
}

function isMessage({ type, filename }: Part): boolean {
  return MESSAGE.test(type) || MESSAGE_NAME.test(filename)
}

function attachedMessage(part: Part): Found {
  const message = parseTree(contentOf(part), part.tree.budget)
  return { ...foundFile('message', part, [part], 'empty'), message }
}

/** The armored messages in a text. */
function sealedInText(place: 'text' | 'html', part: Part, text: string): Found[] {
  const blocks = findArmor(text, FOUND_MAX)
  return blocks.map((block) => {
    const { data } = block
    const isMessage = data !== null && (looksEncrypted(data) || looksSigned(data))
    return {
      ...{ place, part, filename: '', message: null, read: readInline(part) },
      cipher: isMessage ? data : 'damaged',
      instead: [[part, textWithout(text, [block])]],
      without: [[part, textWithout(text, blocks)]]
    }
  })
}

function textWithout(text: string, blocks: readonly FoundArmor[]): string {
  const starts = [0, ...blocks.map(({ end }) => end)]
  const ends = [...blocks.map(({ start }) => start), text.length]
  return starts.map((start, index) => text.slice(start, ends[index]).trim()).join('\n\n')
}

/** Reads what was armored in a text: a MIME entity where it is one, else a text like the one around it. */
export function readInline(leaf: Part): Encryption['read'] {
  return (data, inside) => {
    const charset = charsetFor(data, charsetOf(leaf))
    return isEntity(inside) ? inside : bareLeaf(data, leaf.tree.budget, 'text/plain', { charset })
  }
}

/** Whether it begins with the header of a MIME entity, and not just with a line that looks like one. */
function isEntity({ fields, tree, bodyStart }: Part): boolean {
  return !tree.isBroken && bodyStart > 0 && fields.some(({ name }) => name === 'content-type')
}

/** The charset that a leaf declares; '' for none. */
export function charsetOf(leaf: Part): string {
  return leaf.params.get('charset') ?? ''
}

/**
 * The charset of a decrypted text. `outer`, the charset of the surrounding part, is not protected: any mail program on the way
 * can change it and turn signed bytes into other words. So UTF-8 if the bytes are valid, else `outer` if it keeps ASCII.
 */
export function charsetFor(data: Uint8Array, outer: string): string {
  return isText(data) ? 'utf-8' : keepsAscii(outer) ? outer : ''
}

function isText(data: Uint8Array): boolean {
  return isUtf8(data) && !data.includes(0)
}
