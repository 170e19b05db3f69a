/**
 * From raw bytes to `OpenedMail`: the only entry to reading. Never throws for the content of a message; the worst case is a
 * failure code, the outer header facts and no text. Decides and trusts nothing: keeps outer and protected header facts apart
 * (RFC 9788) and text outside the envelope apart, and reports the rest as warnings.
 */
import { isSameAddress } from '../domain/address.ts'
import {
  type HeaderFacts,
  type OpenedMail,
  type OpenFailure,
  type Signature,
  type WarningCode
} from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { readSenderTrace } from '../mime/authentication-results.ts'
import { readAutomatic } from '../mime/automatic.ts'
import { readBounce } from '../mime/bounce.ts'
import { type Content, readContent } from '../mime/content.ts'
import { HEADER_BYTES_MAX } from '../mime/fields.ts'
import { type HeaderReading, readHeader, readProtectedHeader } from '../mime/header.ts'
import { capText, DECODED_BYTES_MAX, TEXT_BYTES_MAX, textOf } from '../mime/leaf.ts'
import { readReceipt } from '../mime/receipt.ts'
import { type MimeTree, type Part, parseTree } from '../mime/tree.ts'
import { type SecretKey } from '../openpgp/keyring.ts'
import { type OpenContext } from '../openpgp/open.ts'
import { findCandidateKeys } from './candidate-keys.ts'
import { findForeignSigners, NOTHING_INSIDE } from './keys-inside.ts'
import { type Peeled, peel } from './layers.ts'
import { readNamesInside } from './names-inside.ts'
import { type Unwrapped, unwrap } from './unwrapped.ts'

/** The keys to decrypt with and to verify against. */
export type ReadingKeys = {
  /** Unlocked keys of the desk, current and retired. */
  readonly secretKeys: readonly SecretKey[]
  /** Binary certificates: the maintainers' first, then the other known ones. */
  readonly certificates: readonly Uint8Array[]
}

/** The time, and the desk's address, which is only compared with loop marks. */
type ReadingOptions = { readonly now: Instant; readonly deskAddress: string }

/** Opens one raw message (RFC 5322, LF or CRLF). */
export async function openMail(
  raw: Uint8Array,
  keys: ReadingKeys,
  options: ReadingOptions
): Promise<OpenedMail> {
  const tree = parseTree(raw)
  const context: OpenContext = { ...keys, now: options.now }
  try {
    return await readMail(tree, context, options)
  } catch {
    // A library failed on this message. Its error text stays here, because it may quote content; the message is kept and shown.
    return withoutContent(tree, options.deskAddress, 'damaged', [])
  }
}

/**
 * Facts of the outer header alone, for a message that is too large or too dangerous to open; `raw` may be just a header block.
 * The failure is always `limit`.
 */
export function openHeadersOnly(raw: Uint8Array, _now: Instant, deskAddress: string): OpenedMail {
  const tree = parseTree(headerBlockOf(raw))
  return withoutContent(tree, deskAddress, 'limit', ['too-large'])
}

async function readMail(
  mail: MimeTree,
  context: OpenContext,
  options: ReadingOptions
): Promise<OpenedMail> {
  const outer = readHeader(mail.root.fields)
  const peeled = await peel(mail, context)
  const isBare = peeled.structure === 'clear' && peeled.signatures.length === 0
  const unwrapped = isBare && peeled.failure === null ? await unwrap(mail, context) : null
  const reading =
    unwrapped === null
      ? await readPeeled(mail, peeled)
      : { ...unwrapped, header: null, isMangled: false }
  return complete(mail, outer, reading, options)
}

/** Everything read of a message before its facts are combined. */
type Reading = Unwrapped & { readonly header: HeaderReading | null; readonly isMangled: boolean }

async function readPeeled(mail: MimeTree, peeled: Peeled): Promise<Reading> {
  const { text: outsideText, isTruncated } = await readOutside(mail, peeled.outside)
  const inner = protectedHeader(peeled)
  const header = peeled.isRewrapped ? null : inner
  // When the header inside does not apply, a copy of it is kept: its words may be shown nowhere else.
  const content = await contentOfPayload(peeled, header !== null && isProtected(peeled))
  const isEmptied = looksEmptied(mail, peeled, content)
  const warnings: WarningCode[] = [...content.warnings]
  if (outsideText !== '') warnings.push('outside-text')
  if (isTruncated) warnings.push('text-truncated')
  const { isDecrypted, sealing, signatures } = peeled
  return {
    structure: isEmptied ? 'pgp-mime-mangled' : peeled.structure,
    isEncrypted: peeled.isEncrypted || isEmptied,
    isDecrypted,
    failure: isEmptied ? 'empty' : peeled.failure,
    sealing,
    signatures,
    text: content.text,
    outsideText,
    attachments: content.attachments,
    warnings,
    header,
    innerFacts: peeled.isRewrapped ? (inner?.facts ?? null) : null,
    namesInside: namesIn(peeled),
    inside: isDecrypted
      ? { text: content.text, files: content.attachments.map((file) => file.content) }
      : NOTHING_INSIDE,
    isMangled: peeled.structure === 'pgp-mime-mangled'
  }
}

/** The text beside the envelope. Does not read parts beyond the limits. */
async function readOutside(
  mail: MimeTree,
  parts: readonly Part[]
): Promise<ReturnType<typeof capText>> {
  const texts: string[] = []
  let size = 0
  let decodedBytes = 0
  let isCut = false
  for (const [index, part] of parts.entries()) {
    const leaf = await textOf(mail, part)
    const text = leaf.text.trim()
    if (text !== '') texts.push(text)
    size += Buffer.byteLength(text)
    decodedBytes += leaf.decodedBytes
    const isFull = size > TEXT_BYTES_MAX || decodedBytes > DECODED_BYTES_MAX
    isCut = leaf.isTruncated || (isFull && index < parts.length - 1)
    if (isCut) break
  }
  const capped = capText(texts.join('\n\n'))
  return { ...capped, isTruncated: capped.isTruncated || isCut }
}

async function contentOfPayload(peeled: Peeled, hasLegacyDisplay: boolean): Promise<Content> {
  return peeled.payload === null
    ? { text: '', attachments: [], warnings: new Set() }
    : readContent(peeled.payload.tree, peeled.payload.part, hasLegacyDisplay)
}

/** Whether the content was encrypted or validly signed, so nobody on the way can have written it into a clear message. */
function isProtected({
  isDecrypted,
  signatures
}: Pick<Peeled, 'isDecrypted' | 'signatures'>): boolean {
  const isProved = signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  return isDecrypted || isProved
}

/** The protected header block, only from the root of the cryptographic payload. */
function protectedHeader(peeled: Peeled): HeaderReading | null {
  const { payload } = peeled
  if (payload === null || (!peeled.isDecrypted && peeled.signatures.length === 0)) return null
  return readProtectedHeader(payload.part)
}

function namesIn({ isDecrypted, payload }: Peeled): HeaderFacts | null {
  return isDecrypted && payload !== null ? readNamesInside(payload.tree) : null
}

/** Exchange at its worst drops the encrypted parts and delivers an empty message (mail.md §1.4). */
function looksEmptied(mail: MimeTree, peeled: Peeled, content: Content): boolean {
  if (peeled.structure !== 'clear' || peeled.failure !== null) return false
  if (content.text.trim() !== '' || content.attachments.length > 0) return false
  const field = (name: string): string =>
    mail.root.fields
      .find((each) => each.name === name)
      ?.value.trim()
      .toLowerCase() ?? ''
  const isNeutral = ['...', '[...]', 'encrypted message'].includes(field('subject'))
  const hadAttachment = field('x-ms-has-attach') === 'yes'
  return mail.root.type.startsWith('multipart/') && (isNeutral || hadAttachment)
}

async function complete(
  mail: MimeTree,
  outer: HeaderReading,
  reading: Reading,
  options: ReadingOptions
): Promise<OpenedMail> {
  const inner = reading.header?.facts ?? null
  const hasSubject = inner !== null && inner.subject !== ''
  const subjectProtected = hasSubject && isProtected(reading)
  // Answers go to the outer sender, who must not get the key of a sender named inside (mail.md §2.12).
  const candidates = await findCandidateKeys(
    mail.root.fields,
    reading.attachments,
    outer.facts.from,
    options.now
  )
  const judged = judgeWarnings({
    outer,
    header: reading.header,
    innerFacts: reading.innerFacts,
    namesInside: reading.namesInside,
    isEncrypted: reading.isEncrypted,
    isMangled: reading.isMangled,
    subjectProtected,
    signatures: reading.signatures
  })
  const warnings = [...new Set([...judged, ...reading.warnings, ...candidates.warnings])]
  return {
    ...headFacts(mail, outer.facts, options.deskAddress),
    structure: reading.structure,
    encrypted: reading.isEncrypted,
    decrypted: reading.isDecrypted,
    failure: reading.failure,
    sealedTo: visibleSealing(reading, warnings),
    sealedToKeyIds: reading.sealing.keyIds,
    ciphertextMarks: reading.sealing.marks,
    strayMarks: reading.sealing.strayMarks,
    signatures: reading.signatures,
    protected: inner,
    innerFacts: reading.innerFacts,
    namesInside: reading.namesInside,
    subjectProtected,
    text: reading.text,
    outsideText: reading.outsideText,
    attachments: reading.attachments,
    candidateKeys: candidates.keys,
    unusableKeys: candidates.unusable,
    foreignSigners: findForeignSigners(reading.signatures, reading.inside, outer.facts.from),
    warnings
  }
}

/** `nobody` claims that the message came in clear, so only when every part of it was opened and read. */
function visibleSealing(
  { isEncrypted, failure, sealing }: Reading,
  warnings: readonly WarningCode[]
): OpenedMail['sealedTo'] {
  if (sealing.sealedTo !== 'nobody') return sealing.sealedTo
  const hasClosed = warnings.includes('smime') || warnings.includes('errant-crypto')
  return isEncrypted || failure !== null || hasClosed ? 'unknown' : 'nobody'
}

function headFacts(
  mail: MimeTree,
  outer: HeaderFacts,
  deskAddress: string
): Pick<OpenedMail, 'outer' | 'trace' | 'automatic' | 'bounce' | 'receipt'> {
  return {
    outer,
    trace: readSenderTrace(mail.root.fields),
    automatic: readAutomatic(mail, outer, deskAddress),
    bounce: readBounce(mail, outer),
    receipt: readReceipt(mail)
  }
}

function withoutContent(
  mail: MimeTree,
  deskAddress: string,
  failure: OpenFailure,
  extra: readonly WarningCode[]
): OpenedMail {
  const outer = readHeader(mail.root.fields)
  const isSealed = mail.root.type === 'multipart/encrypted'
  return {
    ...headFacts(mail, outer.facts, deskAddress),
    structure: isSealed ? 'pgp-mime' : 'clear',
    encrypted: isSealed,
    decrypted: false,
    failure,
    sealedTo: 'unknown',
    sealedToKeyIds: [],
    ciphertextMarks: [],
    strayMarks: [],
    signatures: [],
    protected: null,
    innerFacts: null,
    namesInside: null,
    subjectProtected: false,
    text: '',
    outsideText: '',
    attachments: [],
    candidateKeys: [],
    unusableKeys: [],
    foreignSigners: [],
    warnings: [...new Set([...outer.warnings, ...extra])]
  }
}

/** The header block alone, so that a huge body is not even split. */
function headerBlockOf(raw: Uint8Array): Uint8Array {
  const head = Buffer.from(raw.subarray(0, HEADER_BYTES_MAX))
  const ends = [head.indexOf('\r\n\r\n'), head.indexOf('\n\n')].filter((end) => end >= 0)
  return ends.length === 0 ? head : head.subarray(0, Math.min(...ends) + 2)
}

// Warnings from comparing what was read: headers with each other, signatures with what they cover.

/**
 * The input of the comparison. `header` is the protected one; `innerFacts` was found inside and does not apply to the message.
 */
type Compared = {
  readonly outer: HeaderReading
  readonly header: HeaderReading | null
  readonly innerFacts: HeaderFacts | null
  /** Like `OpenedMail.namesInside`. */
  readonly namesInside: HeaderFacts | null
  readonly isEncrypted: boolean
  readonly isMangled: boolean
  readonly subjectProtected: boolean
  readonly signatures: readonly Signature[]
}

/** Neutral subjects that mail programs put outside (RFC 9788 §3, and the older custom). */
const NEUTRAL_SUBJECTS = new Set(['', '...', '[...]', 'encrypted message', '…', 're: ...'])

/** The warnings, without duplicates. */
function judgeWarnings(compared: Compared): WarningCode[] {
  const { outer, header, signatures } = compared
  const codes = new Set<WarningCode>(outer.warnings)
  if (header?.warnings.includes('repeated-header') === true) codes.add('repeated-header')
  if (isFromDifferent(compared)) codes.add('from-mismatch')
  if (compared.isEncrypted && wasSubjectReadable(compared)) codes.add('unprotected-subject')
  if (signatures.length > 1) codes.add('several-signatures')
  if (signatures.some((signature) => !signature.coversWhole)) {
    codes.add('signature-does-not-cover-all')
  }
  if (compared.isMangled) codes.add('mangled')
  return [...codes]
}

/**
 * Also by a header that does not apply to this message: when somebody rewraps another person's message, only that header names
 * its author.
 */
function isFromDifferent({ outer, header, innerFacts, namesInside }: Compared): boolean {
  const inner = header?.facts ?? innerFacts ?? namesInside
  if (inner === null) return false
  // An unreadable name cannot be shown to equal the outer one.
  if (inner.from === null) return inner.unreadableFrom !== ''
  const { from } = outer.facts
  return from === null || !isSameAddress(inner.from.address, from.address)
}

/**
 * The outer subject says something, and no better one is known. The current outer subject may have been changed on the way, for
 * example by a mailing list, so the one that the writer recorded counts as well.
 */
function wasSubjectReadable({ outer, header, subjectProtected }: Compared): boolean {
  const real = header?.facts.subject.toLowerCase() ?? ''
  const arrived = outer.facts.subject.toLowerCase()
  const isTold = (shown: string): boolean => !NEUTRAL_SUBJECTS.has(shown) && shown === real
  if (!subjectProtected) return !NEUTRAL_SUBJECTS.has(arrived)
  return isTold(arrived) || isTold(header?.subjectShown.toLowerCase() ?? '')
}
