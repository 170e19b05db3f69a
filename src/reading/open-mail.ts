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
  type WarningCode
} from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { readSenderTrace } from '../mime/authentication-results.ts'
import { readAutomatic, readBounce, readReceipt } from '../mime/automatic.ts'
import { type Content, readContent } from '../mime/content.ts'
import { firstValue, HEADER_BYTES_MAX } from '../mime/fields.ts'
import { type HeaderReading, readHeader, readProtectedHeader } from '../mime/header.ts'
import { capText, DECODED_BYTES_MAX, textOf } from '../mime/leaf.ts'
import { type MimeTree, type Part, parseTree } from '../mime/tree.ts'
import { type SecretKey } from '../openpgp/keyring.ts'
import { type OpenContext } from '../openpgp/open.ts'
import { type Candidates, findCandidateKeys } from './candidate-keys.ts'
import { findForeignSigners, NOTHING_INSIDE } from './keys-inside.ts'
import { type Peeled, peel } from './layers.ts'
import { readNamesInside } from './names-inside.ts'
import { type Reading, UNREAD, unwrap } from './unwrapped.ts'

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
export function openHeadersOnly(raw: Uint8Array, deskAddress: string): OpenedMail {
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
  const reading = unwrapped ?? (await readPeeled(mail, peeled))
  // Answers go to the outer sender, who must not get the key of a sender named inside (mail.md §2.12).
  const candidates = await findCandidateKeys(
    mail.root.fields,
    reading.attachments,
    outer.facts.from,
    options.now
  )
  return complete(mail, { outer, reading, candidates }, options.deskAddress)
}

async function readPeeled(mail: MimeTree, peeled: Peeled): Promise<Reading> {
  const { text: outsideText, isTruncated } = await readOutside(mail, peeled.outside)
  const inner = protectedHeader(peeled)
  const header = peeled.isRewrapped ? null : inner
  // When the header inside does not apply, a copy of it is kept: its words may be shown nowhere else.
  const content = await contentOfPayload(peeled, header !== null && isProtected(peeled))
  const isEmptied = looksEmptied(mail, peeled, content)
  const warnings: WarningCode[] = peeled.structure === 'pgp-mime-mangled' ? ['mangled'] : []
  warnings.push(...content.warnings)
  if (outsideText !== '') warnings.push('outside-text')
  if (isTruncated) warnings.push('text-truncated')
  const { encrypted, decrypted, sealing, signatures } = peeled
  return {
    structure: isEmptied ? 'pgp-mime-mangled' : peeled.structure,
    encrypted: encrypted || isEmptied,
    decrypted,
    failure: isEmptied ? 'empty' : peeled.failure,
    sealing,
    signatures,
    text: content.text,
    outsideText,
    attachments: content.attachments,
    warnings,
    header,
    innerFacts: peeled.isRewrapped ? (inner?.facts ?? null) : null,
    ...readInside(peeled, content)
  }
}

function readInside(
  { decrypted, payload }: Peeled,
  { text, attachments }: Content
): Pick<Reading, 'namesInside' | 'inside'> {
  if (!decrypted || payload === null) return { namesInside: null, inside: NOTHING_INSIDE }
  const files = attachments.map((file) => file.content)
  return { namesInside: readNamesInside(payload.tree), inside: { text, files } }
}

/** The text beside the envelope. Does not read parts beyond the limits. */
async function readOutside(
  mail: MimeTree,
  parts: readonly Part[]
): Promise<ReturnType<typeof capText>> {
  const texts: string[] = []
  let bytesLeft = DECODED_BYTES_MAX
  for (const part of parts) {
    if (bytesLeft < 0) break
    const leaf = await textOf(mail, part)
    texts.push(leaf.text.trim())
    bytesLeft -= leaf.decodedBytes
  }
  const capped = capText(texts.filter((text) => text !== '').join('\n\n'))
  return { ...capped, isTruncated: capped.isTruncated || bytesLeft < 0 }
}

async function contentOfPayload({ payload }: Peeled, hasLegacyDisplay: boolean): Promise<Content> {
  return payload === null
    ? { text: '', attachments: [], warnings: new Set() }
    : readContent(payload.tree, payload.part, hasLegacyDisplay)
}

/** Whether the content was encrypted or validly signed, so nobody on the way can have written it into a clear message. */
function isProtected({ decrypted, signatures }: Pick<Peeled, 'decrypted' | 'signatures'>): boolean {
  const isProved = signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  return decrypted || isProved
}

/** The protected header block, only from the root of the cryptographic payload. */
function protectedHeader(peeled: Peeled): HeaderReading | null {
  const { payload } = peeled
  if (payload === null || (!peeled.decrypted && peeled.signatures.length === 0)) return null
  return readProtectedHeader(payload.part)
}

/** Exchange at its worst drops the encrypted parts and delivers an empty message (mail.md §1.4). */
function looksEmptied(mail: MimeTree, peeled: Peeled, content: Content): boolean {
  if (peeled.structure !== 'clear' || peeled.failure !== null) return false
  if (content.text.trim() !== '' || content.attachments.length > 0) return false
  const field = (name: string): string => firstValue(mail.root.fields, name).toLowerCase()
  const isNeutral = ['...', '[...]', 'encrypted message'].includes(field('subject'))
  const hadAttachment = field('x-ms-has-attach') === 'yes'
  return mail.root.type.startsWith('multipart/') && (isNeutral || hadAttachment)
}

type Parts = {
  readonly outer: HeaderReading
  readonly reading: Reading
  readonly candidates: Candidates
}

function complete(
  mail: MimeTree,
  { outer, reading, candidates }: Parts,
  deskAddress: string
): OpenedMail {
  const { sealing, inside, header, ...shown } = reading
  const inner = header?.facts ?? null
  const subjectProtected = inner !== null && inner.subject !== '' && isProtected(reading)
  const judged = judgeWarnings(outer, reading, subjectProtected)
  const warnings = [...new Set([...judged, ...reading.warnings, ...candidates.warnings])]
  return {
    ...shown,
    outer: outer.facts,
    trace: readSenderTrace(mail.root.fields),
    automatic: readAutomatic(mail, outer.facts, deskAddress),
    bounce: readBounce(mail, outer.facts),
    receipt: readReceipt(mail),
    ...sealing,
    sealedTo: visibleSealing(reading, warnings),
    protected: inner,
    subjectProtected,
    candidateKeys: candidates.keys,
    unusableKeys: candidates.unusable,
    foreignSigners: findForeignSigners(reading.signatures, inside, outer.facts.from),
    warnings
  }
}

/** `nobody` claims that the message came in clear, so only when every part of it was opened and read. */
function visibleSealing(
  { encrypted, failure, sealing }: Reading,
  warnings: readonly WarningCode[]
): OpenedMail['sealedTo'] {
  if (sealing.sealedTo !== 'nobody') return sealing.sealedTo
  const hasClosed = warnings.includes('smime') || warnings.includes('errant-crypto')
  return encrypted || failure !== null || hasClosed ? 'unknown' : 'nobody'
}

function withoutContent(
  mail: MimeTree,
  deskAddress: string,
  failure: OpenFailure,
  warnings: readonly WarningCode[]
): OpenedMail {
  const outer = readHeader(mail.root.fields)
  const isSealed = mail.root.type === 'multipart/encrypted'
  const form = isSealed ? ({ structure: 'pgp-mime', encrypted: true } as const) : {}
  const candidates = { keys: [], unusable: [], warnings }
  return complete(
    mail,
    { outer, reading: { ...UNREAD, ...form, failure }, candidates },
    deskAddress
  )
}

/** The header block alone, so that a huge body is not even split. */
function headerBlockOf(raw: Uint8Array): Uint8Array {
  const head = Buffer.from(raw.subarray(0, HEADER_BYTES_MAX))
  const ends = [head.indexOf('\r\n\r\n'), head.indexOf('\n\n')].filter((end) => end >= 0)
  return ends.length === 0 ? head : head.subarray(0, Math.min(...ends) + 2)
}

// Warnings from comparing what was read: headers with each other, signatures with what they cover.

/** Neutral subjects that mail programs put outside (RFC 9788 §3, and the older custom). */
const NEUTRAL_SUBJECTS = new Set(['', '...', '[...]', 'encrypted message', '…', 're: ...'])

function judgeWarnings(
  outer: HeaderReading,
  reading: Reading,
  subjectProtected: boolean
): WarningCode[] {
  const { header, signatures } = reading
  const codes = [...outer.warnings]
  if (header?.warnings.includes('repeated-header') === true) codes.push('repeated-header')
  if (isFromDifferent(outer.facts, reading)) codes.push('from-mismatch')
  if (reading.encrypted && wasSubjectReadable(outer.facts, header, subjectProtected)) {
    codes.push('unprotected-subject')
  }
  if (signatures.length > 1) codes.push('several-signatures')
  if (signatures.some((signature) => !signature.coversWhole)) {
    codes.push('signature-does-not-cover-all')
  }
  return codes
}

/**
 * Also by a header that does not apply to this message: when somebody rewraps another person's message, only that header names
 * its author.
 */
function isFromDifferent(
  { from }: HeaderFacts,
  { header, innerFacts, namesInside }: Reading
): boolean {
  const inner = header?.facts ?? innerFacts ?? namesInside
  if (inner === null) return false
  // An unreadable name cannot be shown to equal the outer one.
  if (inner.from === null) return inner.unreadableFrom !== ''
  return from === null || !isSameAddress(inner.from.address, from.address)
}

/**
 * The outer subject says something, and no better one is known. The current outer subject may have been changed on the way, for
 * example by a mailing list, so the one that the writer recorded counts as well.
 */
function wasSubjectReadable(
  { subject }: HeaderFacts,
  header: HeaderReading | null,
  subjectProtected: boolean
): boolean {
  const real = header?.facts.subject.toLowerCase() ?? ''
  const arrived = subject.toLowerCase()
  const isTold = (shown: string): boolean => !NEUTRAL_SUBJECTS.has(shown) && shown === real
  if (!subjectProtected) return !NEUTRAL_SUBJECTS.has(arrived)
  return isTold(arrived) || isTold(header?.subjectShown.toLowerCase() ?? '')
}
