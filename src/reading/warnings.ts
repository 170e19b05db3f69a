/** Warnings that follow from comparing what was read: headers with each other, signatures with their reach. */
import { isSameAddress } from '../domain/address.ts'
import { type HeaderFacts, type Signature, type WarningCode } from '../domain/mail.ts'
import { type HeaderReading } from '../mime/header.ts'

/** What the comparison needs. `header` is the protected one; `innerFacts` one that was found inside and does not speak for the mail. */
export type Compared = {
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
export function judgeWarnings(compared: Compared): WarningCode[] {
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
