/**
 * From raw bytes to `OpenedMail`: the one entry to reading. It never throws for what a mail contains; the worst case is
 * a mail with a failure code, its outer header facts and no text. It decides nothing and trusts nothing: outer and
 * protected header facts stay apart (RFC 9788), text outside the envelope stays apart, and warnings say the rest.
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
import { findIssuersOfOthers, NOTHING_INSIDE } from './keys-inside.ts'
import { type Peeled, peel } from './layers.ts'
import { readNamesInside } from './names-inside.ts'
import { type Unwrapped, unwrap } from './unwrapped.ts'

/** What to open with and verify against. */
export type ReadingKeys = {
  /** Unlocked keys of the desk, current and retired. */
  readonly secretKeys: readonly SecretKey[]
  /** Binary certificates: maintainers first, then the others that are known. */
  readonly certificates: readonly Uint8Array[]
}

/** When, and for whom. `deskAddress` is only compared with loop marks. */
type ReadingOptions = { readonly now: Instant; readonly deskAddress: string }

/** Opens one raw mail (RFC 5322, LF or CRLF). */
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
    // A library gave way under this mail. Its words stay here (they may quote content); the mail is kept and shown.
    return withoutContent(tree, options.deskAddress, 'damaged', [])
  }
}

/**
 * Facts of the outer header alone, for a mail that is too large or too dangerous to open; `raw` may be just a header
 * block. The failure is always `limit`.
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

/** Everything read of a mail before the facts are put together. */
type Reading = Unwrapped & { readonly header: HeaderReading | null; readonly isMangled: boolean }

async function readPeeled(mail: MimeTree, peeled: Peeled): Promise<Reading> {
  const { text: outsideText, isTruncated } = await readOutside(mail, peeled.outside)
  const inner = protectedHeader(peeled)
  const header = peeled.isRewrapped ? null : inner
  // Where the header inside counts for nothing, a copy of it is not left out: its words may be shown nowhere else.
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

/** The text beside the envelope. Parts behind the limits of what is shown or decoded are not read. */
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

/** Whether what stands inside was encrypted or is proved: nobody on the way wrote it into a mail in clear. */
function isProtected({
  isDecrypted,
  signatures
}: Pick<Peeled, 'isDecrypted' | 'signatures'>): boolean {
  const isProved = signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  return isDecrypted || isProved
}

/** The protected header block: only of the root of the cryptographic payload. */
function protectedHeader(peeled: Peeled): HeaderReading | null {
  const { payload } = peeled
  if (payload === null || (!peeled.isDecrypted && peeled.signatures.length === 0)) return null
  return readProtectedHeader(payload.part)
}

function namesIn({ isDecrypted, payload }: Peeled): HeaderFacts | null {
  return isDecrypted && payload !== null ? readNamesInside(payload.tree) : null
}

/** Exchange at its worst: the encrypted parts are gone and an empty mail arrives (mail.md §1.4). */
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
  // Answers go to the outer sender: a key of whoever stands inside must not become theirs (mail.md §2.12).
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
    issuersOfOthers: findIssuersOfOthers(reading.signatures, reading.inside, outer.facts.from),
    warnings
  }
}

/** `nobody` is a claim that the mail came in clear: only where nothing of it stayed closed or unread. */
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
    issuersOfOthers: [],
    warnings: [...new Set([...outer.warnings, ...extra])]
  }
}

/** The header block alone, so that nothing of a huge body is even split. */
function headerBlockOf(raw: Uint8Array): Uint8Array {
  const head = Buffer.from(raw.subarray(0, HEADER_BYTES_MAX))
  const ends = [head.indexOf('\r\n\r\n'), head.indexOf('\n\n')].filter((end) => end >= 0)
  return ends.length === 0 ? head : head.subarray(0, Math.min(...ends) + 2)
}

// Warnings that follow from comparing what was read: headers with each other, signatures with their reach.

/** What the comparison needs. `header` is the protected one; `innerFacts` one that was found inside and does not speak for the mail. */
type Compared = {
  readonly outer: HeaderReading
  readonly header: HeaderReading | null
  readonly innerFacts: HeaderFacts | null
  /** As `OpenedMail.namesInside`. */
  readonly namesInside: HeaderFacts | null
  readonly isEncrypted: boolean
  readonly isMangled: boolean
  readonly subjectProtected: boolean
  readonly signatures: readonly Signature[]
}

/** Subjects that say nothing: what mail programs put outside (RFC 9788 §3, and the older habit). */
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

/** Also by a header that does not speak for this mail: whoever wrapped the words of somebody else anew is named nowhere else. */
function isFromDifferent({ outer, header, innerFacts, namesInside }: Compared): boolean {
  const inner = header?.facts ?? innerFacts ?? namesInside
  if (inner === null) return false
  // A name that is there and cannot be read is not known to be the outer one.
  if (inner.from === null) return inner.unreadableFrom !== ''
  const { from } = outer.facts
  return from === null || !isSameAddress(inner.from.address, from.address)
}

/**
 * The outer subject says something, and nothing better is known to be the real one. What stands outside now may have been
 * changed on the way, by a mailing list for one: what the writer says to have put there counts as much.
 */
function wasSubjectReadable({ outer, header, subjectProtected }: Compared): boolean {
  const real = header?.facts.subject.toLowerCase() ?? ''
  const arrived = outer.facts.subject.toLowerCase()
  const isTold = (shown: string): boolean => !NEUTRAL_SUBJECTS.has(shown) && shown === real
  if (!subjectProtected) return !NEUTRAL_SUBJECTS.has(arrived)
  return isTold(arrived) || isTold(header?.subjectShown.toLowerCase() ?? '')
}
