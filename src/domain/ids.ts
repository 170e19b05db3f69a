/**
 * Branded identifiers and their text forms. Text from outside becomes an identifier only here, so a raw string from a message can
 * never stand where a checked identifier is expected. Must never generate randomness: tokens come from the effects.
 */

declare const brand: unique symbol
type Branded<B extends string> = string & { readonly [brand]: B }

/** Public number of a case, `PREFIX-YEAR-NNNN`, for example `ACME-2026-0007`. Proves nothing about who uses it. */
export type CaseTag = Branded<'CaseTag'>
/** Full OpenPGP fingerprint, lower-case hexadecimal: 40 digits (v4) or 64 (v6). Never a 64-bit key id. */
export type Fingerprint = Branded<'Fingerprint'>
/** A Message-ID without its angle brackets (RFC 5322 §3.6.4), at most 250 printable ASCII characters. */
export type MessageId = Branded<'MessageId'>
/** SHA-256, lower-case hexadecimal: only what node:crypto computed. */
export type Sha256 = Branded<'Sha256'>

const CASE_PREFIX = /^[A-Z][A-Z0-9]{0,11}$/
const CASE_TAG = /^[A-Z][A-Z0-9]{0,11}-\d{4}-\d{4,7}$/
const FINGERPRINT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const MESSAGE_ID = /^[\x21-\x3b\x3d\x3f-\x7e]{1,250}$/

/** Whether `text` can be a case prefix: 1 to 12 capital letters and digits, a letter first. */
export function isCasePrefix(text: string): boolean {
  return CASE_PREFIX.test(text)
}

/** The number of case `number` (1…) of `year`; at least four digits. */
export function caseTag(prefix: string, year: number, number: number): CaseTag {
  return `${prefix}-${year}-${String(number).padStart(4, '0')}` as CaseTag
}

/** `text` as a case number (upper-cased), or null. */
export function parseCaseTag(text: string): CaseTag | null {
  const upper = text.trim().toUpperCase()
  return CASE_TAG.test(upper) ? (upper as CaseTag) : null
}

/** All different case numbers of this prefix in `text`, as `PREFIX-YEAR-NUMBER`, in order, at most 20. */
export function findCaseTags(text: string, prefix: string): CaseTag[] {
  if (!isCasePrefix(prefix)) return []
  const found = new Set<string>()
  const pattern = new RegExp(`(?<![A-Z0-9])${prefix}-\\d{4}-\\d{4,7}(?![0-9])`, 'gi')
  for (const match of text.matchAll(pattern)) {
    found.add(match[0].toUpperCase())
    if (found.size === 20) break
  }
  return [...found] as CaseTag[]
}

/** `text` (spaces allowed, any case) as a fingerprint, or null. */
export function parseFingerprint(text: string): Fingerprint | null {
  const hex = text.replaceAll(/\s/g, '').toLowerCase()
  return FINGERPRINT.test(hex) ? (hex as Fingerprint) : null
}

/** Whether `issuer`, as a signature claims it (a fingerprint or a key id, lower-case hex), is this key. */
export function isNamedBy(issuer: string, fingerprint: Fingerprint): boolean {
  // The key id is the end of a fingerprint of version 4, and the start of one of version 6 (RFC 9580 §5.5.4).
  const keyId = fingerprint.length === 40 ? fingerprint.slice(24) : fingerprint.slice(0, 16)
  return issuer === fingerprint || issuer === keyId
}

/** A fingerprint in groups of four, as people read it aloud. */
export function formatFingerprint(fingerprint: Fingerprint): string {
  return fingerprint.toUpperCase().replaceAll(/.{4}(?=.)/g, '$& ')
}

/** `text`, with or without angle brackets, as a Message-ID; null unless it can be stored and quoted. */
export function parseMessageId(text: string): MessageId | null {
  const bare = text.trim().replace(/^<(.*)>$/s, '$1')
  return MESSAGE_ID.test(bare) && bare.includes('@') ? (bare as MessageId) : null
}
