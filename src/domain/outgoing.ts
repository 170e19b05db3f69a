/**
 * Mail that leaves the desk, before and after it is sealed. Three kinds and no fourth: sealed to one key, content-free
 * in clear, and the one exception of DESIGN G3 (a maintainer's own words to a reporter who wrote in clear).
 * A body that needs sealing has no type that could be sent without a fingerprint.
 */
import { type Address, type Contact } from './address.ts'
import { type Fingerprint, type MessageId } from './ids.ts'
import { type Instant } from './time.ts'

/** Header fields of one outgoing mail. There is exactly one To; Cc and Bcc do not exist. */
export type OutgoingHeaders = {
  readonly messageId: MessageId
  readonly date: Instant
  /** Display name beside the desk's address inside what is encrypted; outside stands the desk's own name. */
  readonly fromName: string
  readonly to: Contact
  readonly subject: string
  /** What takes its place outside an encrypted mail (RFC 9788): the case number alone, or nothing of it. */
  readonly outerSubject: string
  readonly inReplyTo: MessageId | null
  /** Oldest first. */
  readonly references: readonly MessageId[]
  /** RFC 3834: `no` only where a human wrote the words. */
  readonly autoSubmitted: 'no' | 'auto-replied' | 'auto-generated'
}

/** A file that goes along, byte for byte. */
export type OutgoingAttachment = {
  readonly filename: string
  readonly contentType: string
  readonly content: Uint8Array
}

/** The body of a mail: one text/plain part, files, and optionally the original mail as message/rfc822. */
export type OutgoingBody = {
  readonly text: string
  readonly attachments: readonly OutgoingAttachment[]
  readonly original: Uint8Array | null
}

/** One recipient's copy of a sealed mail. */
export type SealTo = {
  readonly headers: OutgoingHeaders
  readonly fingerprint: Fingerprint
  /** The recipient's binary certificate; its primary fingerprint must equal `fingerprint`. */
  readonly keyData: Uint8Array
}

/** The outcome of sealing one copy: finished RFC 5322 bytes, or a refusal. Never a clear fallback (G3). */
export type Sealed =
  | { readonly kind: 'sealed'; readonly raw: Uint8Array }
  | { readonly kind: 'refused'; readonly because: KeyRefusal }

/** Why a key is not used. */
export type KeyRefusal =
  | 'no-key'
  | 'wrong-fingerprint'
  | 'expired'
  | 'revoked'
  | 'cannot-encrypt'
  | 'unreadable'

/** What is known of a public key at an instant. */
export type KeyFacts = {
  readonly fingerprint: Fingerprint
  /** Addresses of its valid user ids, strict form only. */
  readonly addresses: readonly Address[]
  readonly expiresAt: Instant | null
  readonly algorithm: string
  /** `usable` when it can encrypt at the instant asked. */
  readonly state: 'usable' | Exclude<KeyRefusal, 'no-key' | 'wrong-fingerprint' | 'unreadable'>
  /** Binary certificate, stripped of third-party certifications. */
  readonly keyData: Uint8Array
  /** The primary key and every subkey that signed back that it signs for it, whatever has expired since. */
  readonly signingKeys: readonly Fingerprint[]
}
