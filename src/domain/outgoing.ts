/**
 * Outgoing messages, before and after encryption: encrypted to one key, without content in clear, or the one exception of G3. A
 * body that needs encryption has no type that could be sent without a fingerprint.
 */
import { type Address, type Contact } from './address.ts'
import { type Fingerprint, type MessageId } from './ids.ts'
import { type Instant } from './time.ts'

/** Header fields of one outgoing message. There is exactly one To; Cc and Bcc do not exist. */
export type OutgoingHeaders = {
  readonly messageId: MessageId
  readonly date: Instant
  /** Display name for the desk's address inside the encryption; outside stands the desk's own name. */
  readonly fromName: string
  readonly to: Contact
  readonly subject: string
  /** The subject outside an encrypted message (RFC 9788): the case number alone, or a neutral one. */
  readonly outerSubject: string
  readonly inReplyTo: MessageId | null
  /** Oldest first. */
  readonly references: readonly MessageId[]
  /** RFC 3834: `no` only when a human wrote the text. */
  readonly autoSubmitted: 'no' | 'auto-replied' | 'auto-generated'
}

/** An attached file, byte for byte. */
export type OutgoingAttachment = {
  /** Sanitized for display and for writing into a header: no path, no control characters, at most 120 characters. */
  readonly filename: string
  /** `type/subtype` in lower case; `application/octet-stream` when missing or malformed. */
  readonly contentType: string
  readonly content: Uint8Array
}

/**
 * The body of a message: one text/plain part, files, and optionally the original message as message/rfc822. One that is
 * `isShared` is encrypted once, under one session key, which each copy brings to its recipient alone.
 */
export type OutgoingBody = {
  readonly isShared?: boolean
  readonly text: string
  readonly attachments: readonly OutgoingAttachment[]
  readonly original: Uint8Array | null
}

/** One recipient's copy of an encrypted message. */
export type SealTo = PinnedCertificate & {
  readonly headers: OutgoingHeaders
  /** The last line of the text, of this copy alone. */
  readonly lastLine: string
}

/** What a copy has in common with others, with its SHA-256 as its id: it stands at this place of the copy's own bytes. */
export type SharedBytes = { readonly id: string; readonly bytes: Uint8Array; readonly at: number }

/** The outcome of encrypting one copy: finished RFC 5322 bytes, or a refusal. Never falls back to clear text (G3). */
export type Sealed =
  | { readonly kind: 'sealed'; readonly raw: Uint8Array; readonly shared?: SharedBytes }
  | { readonly kind: 'refused'; readonly because: KeyRefusal }

/** Why a key was refused, in words for people; no key and no address. */
export const KEY_PROBLEMS = {
  'no-key': 'no key is known',
  'wrong-fingerprint': 'the key is not the one that was pinned',
  expired: 'the key has expired',
  revoked: 'the key is revoked',
  'cannot-encrypt': 'the key cannot be used to encrypt',
  unsupported: 'the key uses a brainpool curve, which Postern does not support',
  unreadable: 'the key cannot be read'
} as const
export type KeyRefusal = keyof typeof KEY_PROBLEMS
/** What can be wrong with a certificate that was read. */
export type KeyProblem = 'expired' | 'revoked' | 'cannot-encrypt' | 'unsupported'

/**
 * Result of one SMTP transaction, with its reply code (RFC 5321 §4.2.1), 0 for none. `deferred`: 4xx, or no answer. `rejected`: 5xx
 * about this message or recipient. `too-large`: for the server or the mailbox. `ours`: refused because of our account or our limits.
 * `unclear`: by a rule or a state of the server, which may concern us or this recipient; how others fare tells which.
 * `no-utf8`: the server takes no such address (RFC 6531). `uncertain`: the connection was lost after DATA. `untried`: there was no
 * transaction, so it cost no try.
 */
export type SendOutcome = {
  readonly kind:
    | 'accepted'
    | 'deferred'
    | 'rejected'
    | 'too-large'
    | 'ours'
    | 'unclear'
    | 'no-utf8'
    | 'uncertain'
    | 'untried'
  readonly code: number
  /** It is about a mailbox that is full, which may pass whatever the code says. */
  readonly passes?: boolean
}

/** Why a message did not arrive, in words for people. */
export const UNDELIVERED = {
  rejected: 'the mail server refused it',
  unreachable: 'the mail server could not be reached, and the desk has stopped trying',
  'no-utf8': 'the mail server takes no address with letters beyond US-ASCII (SMTPUTF8)',
  bounced: 'it came back'
} as const

/** A binary certificate, stripped of third-party certifications, and the fingerprint that its primary key must have. */
export type PinnedCertificate = {
  readonly fingerprint: Fingerprint
  readonly keyData: Uint8Array
}

/** What a certificate is used for: to encrypt to it, and to know the signatures of its owner. */
export type KeyMaterial = PinnedCertificate & {
  /** The primary key and every subkey with a valid back signature, even if it has expired since. */
  readonly signingKeys: readonly Fingerprint[]
}

/** Facts of a public key at an instant. */
export type KeyFacts = KeyMaterial & {
  /** Addresses of its valid user ids, strict form only. */
  readonly addresses: readonly Address[]
  readonly expiresAt: Instant | null
  readonly algorithm: string
  /** `usable` when it can encrypt at the given instant. */
  readonly state: 'usable' | KeyProblem
}

/** No mail server in use refuses a message of so few bytes for its size. */
export const SMALL_BYTES = 256 * 1024

const MINUTE = 60_000

/** Minutes after the n-th attempt. The sum is just below 48 hours; then a human is told. */
const LADDER = [1, 5, 15, 30, 60, 120, 240, 480, 480, 480, 480, 480]

/** No attempt is ever planned further ahead than this. */
export const RETRY_DELAY_MS_MAX = 480 * MINUTE

/** Milliseconds from attempt `attempts` (1…) to the next one; null when it was the last. */
export function nextAttemptMs(attempts: number): number | null {
  const minutes = LADDER[attempts - 1]
  return minutes === undefined ? null : minutes * MINUTE
}

/** The messages that are being sent have so many bytes together, unless one alone has more (A1). */
export const ON_WAY_BYTES_MAX = 64 * 2 ** 20

/** What a message of this size takes of the room: a small one never waits for it. There is one for each connection at most. */
export function bytesOnWay(size: number): number {
  return size <= SMALL_BYTES ? 0 : Math.min(size, ON_WAY_BYTES_MAX)
}
