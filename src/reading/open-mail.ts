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
import { readSenderTrace } from '../mime/authentication-results.ts'
import { readAutomatic } from '../mime/automatic.ts'
import { type Content, NO_CONTENT, readContent } from '../mime/content.ts'
import { firstValue, HEADER_BYTES_MAX } from '../mime/fields.ts'
import { type HeaderReading, readHeader, readProtectedHeader } from '../mime/header.ts'
import { contentOf } from '../mime/leaf.ts'
import { NOTHING_HANDLED } from '../mime/pieces.ts'
import { type Part, parseTree } from '../mime/tree.ts'
import { isIn, withWriter } from '../mime/writer.ts'
import { type OpenContext, workFor } from '../openpgp/open.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'
import { bodyMarksOf } from './body-marks.ts'
import { type Candidates, findCandidateKeys } from './candidate-keys.ts'
import { readRegions } from './envelope.ts'
import { type Further, openFurther } from './further.ts'
import { readMarkedInside, readNamesInside } from './inner-names.ts'
import { type Peeled, peel, unpeeled } from './layers.ts'

/** The keys to decrypt with, current and retired, and the certificates to verify against. */
export type ReadingKeys = Pick<OpenContext, 'secretKeys' | 'certificates'>

/** Opens one raw message (RFC 5322, LF or CRLF). `own` are the desk's address and then its aliases: nobody writes from there. */
export async function openMail(
  raw: Uint8Array,
  context: OpenContext,
  ...own: readonly string[]
): Promise<OpenedMail> {
  const tree = parseTree(raw)
  // Where a library fails on a message, its error text stays here, because it may quote content; the message is kept and shown.
  const opened = await readMail(tree, context, own).catch(() =>
    withoutContent(tree, own, 'damaged', [])
  )
  return marked(raw, opened)
}

/**
 * Facts of the outer header, and of the delivery report that begins below it, for a message that is too large or too dangerous to
 * open; `raw` may be just a header block. The failure is always `limit`.
 */
export function openHeadersOnly(raw: Uint8Array, ...own: readonly string[]): OpenedMail {
  const root = parseTree(raw.subarray(0, HEADER_BYTES_MAX))
  return marked(raw, withoutContent(root, own, 'limit', ['too-large']))
}

type Unmarked = Omit<OpenedMail, 'bodyMarks'>

function marked(raw: Uint8Array, opened: Unmarked): OpenedMail {
  return { ...opened, bodyMarks: bodyMarksOf(raw, opened.outer) }
}

async function readMail(
  mail: Part,
  context: OpenContext,
  own: readonly string[]
): Promise<Unmarked> {
  const outer = readOuter(mail, own)
  // Answers go to the outer sender, who must not get the key of a sender named inside.
  const { from } = outer.facts
  // The key in the header serves at once: what has to be opened again for it may be large.
  const announced = await findCandidateKeys(mail.fields, [], from, context.now)
  const certificates = [...context.certificates, ...announced.keys.map(({ keyData }) => keyData)]
  const { budget } = mail.tree
  const reading = { ...context, certificates, work: workFor(mail.end), budget }
  const peeled = await peel(mail, reading)
  const { payload, isRewrapped } = peeled
  const further = await openFurther(peeled, reading)
  const isCovered = payload !== null && payload !== mail && !isRewrapped
  const header = isCovered ? readProtectedHeader(payload) : null
  // When the header inside does not apply, a copy of it is kept: its words may be shown nowhere else.
  const content =
    payload === null
      ? NO_CONTENT
      : readContent([payload], header !== null && isProtected(peeled), {
          ...further,
          instead: new Map()
        })
  const beside = readRegions(peeled.outside, further)
  const attachments = [...content.attachments, ...beside.attachments]
  const candidates = await findCandidateKeys(mail.fields, attachments, from, context.now)
  const isEmptied = looksEmptied(mail, peeled, content)
  const read: Reading = {
    ...peeled,
    ...(isEmptied ? EMPTIED : {}),
    header,
    content: { ...content, attachments },
    beside,
    further,
    candidates
  }
  return complete(mail, outer, read, own)
}

/** The header outside, with the person as the sender where From stands in for one. */
function readOuter({ fields }: Part, own: readonly string[]): HeaderReading {
  const outer = readHeader(fields)
  return { ...outer, facts: withWriter(outer.facts, fields, own) }
}

/** A group that hands on what is written to the desk's own address is no mailing list to keep silent on. */
function readMarks(mail: Part, outer: HeaderFacts, own: readonly string[]) {
  const { automatic, bounce } = readAutomatic(mail, outer, own[0] ?? '')
  const isOwnGroup = outer.sentBy !== undefined && isIn(own, outer.sentBy.address)
  const silent: readonly string[] = isOwnGroup ? ['list', 'bulk'] : []
  return { automatic: automatic.filter((mark) => !silent.includes(mark)), bounce }
}

/** Whether the content was encrypted or validly signed, so nobody on the way can have written it into a clear message. */
function isProtected({ decrypted, signatures }: Pick<Peeled, 'decrypted' | 'signatures'>): boolean {
  const isProved = signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  return decrypted || isProved
}

const EMPTIED = { structure: 'pgp-mime-mangled', encrypted: true, failure: 'empty' } as const

/** Exchange at its worst drops the encrypted parts and delivers an empty message. */
function looksEmptied(mail: Part, { payload }: Peeled, content: Content): boolean {
  if (payload !== mail || content.text.trim() !== '' || content.attachments.length > 0) return false
  const field = (name: string): string => firstValue(mail.fields, name).toLowerCase()
  const isNeutral = ['...', '[...]', 'encrypted message'].includes(field('subject'))
  const hadAttachment = field('x-ms-has-attach') === 'yes'
  return mail.type.startsWith('multipart/') && (isNeutral || hadAttachment)
}

/** What was read of a message, before its facts are combined. */
type Reading = Peeled & {
  /** The protected header, only from the root of the cryptographic payload. */
  readonly header: HeaderReading | null
  readonly content: Content
  readonly beside: Content
  readonly further: Further
  readonly candidates: Candidates
}

function complete(
  mail: Part,
  outer: HeaderReading,
  { header, content, candidates, beside, further, ...peeled }: Reading,
  own: readonly string[]
): Unmarked {
  const { structure, encrypted, decrypted, failure, sealedToKeyIds, ciphertextMark } = peeled
  const { signatures } = peeled
  const names = namesOf(peeled, header)
  const warnings = new Set([
    ...outer.warnings,
    ...judgeHeaders(outer.facts, header, names, encrypted),
    ...judgeSignatures(signatures),
    ...peeled.warnings,
    ...content.warnings,
    ...judgeParts(further, content),
    ...beside.warnings,
    ...candidates.warnings
  ])
  return {
    ...{ structure, encrypted, decrypted, failure, sealedToKeyIds, ciphertextMark, signatures },
    ...names,
    outer: outer.facts,
    trace: readSenderTrace(mail.fields),
    ...readMarks(mail, outer.facts, own),
    sealedTo: visibleSealing(peeled, further, warnings),
    text: content.text,
    outsideText: beside.text,
    attachments: content.attachments,
    sealedParts: further.parts,
    candidateKeys: candidates.keys,
    unusableKeys: candidates.unusable,
    warnings: [...warnings]
  }
}

/** What is said of further sealed parts: that some were opened, and that some are closed. */
function judgeParts({ parts, known }: Further, { attachments }: Content): WarningCode[] {
  const open = [...known].map((part) => contentOf(part))
  const isOpen = ({ buffer, byteOffset }: Uint8Array): boolean =>
    open.some((one) => one.buffer === buffer && one.byteOffset === byteOffset)
  const isClosed =
    parts.some(({ failure }) => failure !== null) ||
    attachments.some(({ content }) => looksEncrypted(content) && !isOpen(content))
  const codes: WarningCode[] = isClosed ? ['errant-crypto'] : []
  return parts.some(({ failure }) => failure === null) ? [...codes, 'sealed-parts'] : codes
}

type Names = Pick<OpenedMail, 'protected' | 'innerFacts' | 'namesInside' | 'subjectProtected'>

function namesOf(peeled: Peeled, header: HeaderReading | null): Names {
  const { structure, inside, isRewrapped } = peeled
  return {
    protected: header?.facts ?? null,
    subjectProtected: (header?.facts.subject ?? '') !== '' && isProtected(peeled),
    innerFacts: inside === null || !isRewrapped ? null : readMarkedInside(inside),
    // In a file, a header more often belongs to a patch or a sample than to another sender's message.
    namesInside: inside === null || structure === 'attachment' ? null : readNamesInside(inside)
  }
}

/** `nobody` claims that the message came in clear, so only when every part of it was opened and read. */
function visibleSealing(
  { encrypted, failure, sealedTo }: Peeled,
  { parts }: Further,
  warnings: ReadonlySet<WarningCode>
): OpenedMail['sealedTo'] {
  if (sealedTo !== 'nobody') return sealedTo
  const hasClosed =
    warnings.has('smime') || warnings.has('errant-crypto') || parts.some((part) => part.encrypted)
  return encrypted || failure !== null || hasClosed ? 'unknown' : 'nobody'
}

function withoutContent(
  mail: Part,
  own: readonly string[],
  failure: OpenFailure,
  warnings: readonly WarningCode[]
): Unmarked {
  const isSealed = mail.type === 'multipart/encrypted'
  const reading: Reading = {
    ...unpeeled(mail),
    ...(isSealed ? { structure: 'pgp-mime', encrypted: true } : {}),
    failure,
    header: null,
    content: NO_CONTENT,
    beside: NO_CONTENT,
    further: { parts: [], ...NOTHING_HANDLED },
    candidates: { keys: [], unusable: [], warnings }
  }
  return complete(mail, readOuter(mail, own), reading, own)
}

// Warnings from comparing what was read: headers with each other, signatures with what they cover.

/** Neutral subjects that mail programs put outside (RFC 9788 §3, and the older custom). */
const NEUTRAL_SUBJECTS = new Set(['', '...', '[...]', 'encrypted message', '…', 're: ...'])

function judgeHeaders(
  outer: HeaderFacts,
  header: HeaderReading | null,
  names: Names,
  encrypted: boolean
): WarningCode[] {
  const codes: WarningCode[] = header?.warnings.filter((code) => code === 'repeated-header') ?? []
  if (isFromDifferent(outer, names)) codes.push('from-mismatch')
  if (encrypted && wasSubjectReadable(outer, header, names)) codes.push('unprotected-subject')
  return codes
}

function judgeSignatures(signatures: OpenedMail['signatures']): WarningCode[] {
  const codes: WarningCode[] = signatures.length > 1 ? ['several-signatures'] : []
  if (signatures.some((signature) => !signature.coversWhole)) {
    codes.push('signature-does-not-cover-all')
  }
  return codes
}

/**
 * Whether a header inside names another sender. One that does not apply to this message counts, too: when somebody rewraps
 * another person's message, only that header names its author.
 */
function isFromDifferent({ from }: HeaderFacts, names: Names): boolean {
  return [names.protected ?? names.innerFacts, names.namesInside].some((inner) => {
    if (inner === null) return false
    // An unreadable name cannot be shown to equal the outer one.
    if (inner.from === null) return inner.unreadableFrom !== ''
    return from === null || !isSameAddress(inner.from.address, from.address)
  })
}

/**
 * Whether the real subject stood outside. Something on the way, for example a mailing list, may have changed the outer one since,
 * so the one that the writer recorded counts as well.
 */
function wasSubjectReadable(
  { subject }: HeaderFacts,
  header: HeaderReading | null,
  { subjectProtected }: Names
): boolean {
  const real = header?.facts.subject.toLowerCase() ?? ''
  const arrived = subject.toLowerCase()
  const isTold = (shown: string): boolean => !NEUTRAL_SUBJECTS.has(shown) && shown === real
  if (!subjectProtected) return !NEUTRAL_SUBJECTS.has(arrived)
  return isTold(arrived) || isTold(header?.subjectShown.toLowerCase() ?? '')
}
