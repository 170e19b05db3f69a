/**
 * Facts of one inbound mail after it was opened: what arrived, what was protected, who signed what. Plain data that
 * crosses the worker boundary. Outer and protected headers are two different objects and are never merged
 * (RFC 9788, mail.md §1.5). Nothing here decides anything: authority is judged in policy/authority.ts.
 */
import { type Address, type Contact, isSameAddress } from './address.ts'
import { type Fingerprint, type MessageId, type Sha256 } from './ids.ts'
import { type Instant } from './time.ts'

/** How the mail's cryptographic envelope is built. Only `pgp-mime` can carry commands. */
export type Structure = 'pgp-mime' | 'pgp-mime-mangled' | 'inline' | 'attachment' | 'clear'

/** Why an encrypted mail could not be opened, or a mail not read. One plain sentence per code: domain/explain.ts. */
export type OpenFailure =
  | 'not-for-us' // no session key packet for one of our keys
  | 'damaged' // armor, packets or MIME broken, or wrong integrity code
  | 'unsupported' // an algorithm or packet version that we do not do
  | 'no-integrity' // encrypted without modification detection (tag 9)
  | 'limit' // above a limit: size, parts, depth, packets, decompressed size, time
  | 'empty' // an encrypted mail whose ciphertext was lost on the way

/** State of one signature. `bad` is the default: everything else has to be proved. */
export type SignatureState = 'valid' | 'expired-key' | 'revoked-key' | 'unknown-key' | 'bad'

/** The verdict on one signature. */
export type Signature = {
  /** Judged by the key as it is now: what counts for everything that the signature is to prove. */
  readonly state: SignatureState
  /**
   * Judged by the key as it was when the signature says that it was made: `valid` also where the key has expired, or was
   * replaced or retired, only since. For people: whoever holds an old key can write any date.
   */
  readonly stateThen: SignatureState
  /** Fingerprint of the *primary* key of the certificate that verified it; null unless a known key verified it. */
  readonly fingerprint: Fingerprint | null
  /** Issuer as the signature itself claims it (lower-case hex key id or fingerprint); a lookup hint, proves nothing. */
  readonly issuer: string
  /** When the signature says it was made; null when unreadable. */
  readonly createdAt: Instant | null
  /** SHA-256 over the signature packet, for the replay check. */
  readonly sha256: Sha256
  /** Whether it covers the whole cryptographic payload, so that all text shown is covered. */
  readonly coversWhole: boolean
  /**
   * Whether it was made inside the encryption that was opened: then it speaks for who wrote what was encrypted, whatever
   * stands beside it in the mail. One around a ciphertext, or on a mail in clear, is not.
   */
  readonly isInside: boolean
  /** Primary fingerprints of those whom the signature itself names as its readers (RFC 9580 §5.2.3.36), lower case. */
  readonly intendedRecipients: readonly string[]
}

/** The header fields Postern looks at, sanitized for display (no control or bidi characters, capped). */
export type HeaderFacts = {
  /** The single From mailbox; null when absent, unparsable or more than one. */
  readonly from: Contact | null
  /** What stands in From where it is no single readable mailbox, at most 200 characters; '' otherwise. */
  readonly unreadableFrom: string
  readonly replyTo: Contact | null
  readonly to: readonly Contact[]
  readonly cc: readonly Contact[]
  /** Whether To or Cc name mailboxes that cannot be read, and so are left out. */
  readonly hasUnreadableRecipient: boolean
  /** Decoded subject, at most 200 characters; '' when absent. */
  readonly subject: string
  readonly messageId: MessageId | null
  readonly date: Instant | null
  /** In-Reply-To and References, oldest first, at most 100, without duplicates. */
  readonly references: readonly MessageId[]
}

/** Whether To or Cc of this header name `address`. */
export function isAddressee(header: HeaderFacts | null, address: Address): boolean {
  const named = header === null ? [] : [...header.to, ...header.cc]
  return named.some((each) => isSameAddress(each.address, address))
}

/** Why a mail must not be answered automatically, or is no report (RFC 3834, RFC 3464, mail.md §1.9). */
export type AutomaticKind =
  | 'bounce' // delivery status notification
  | 'auto-replied' // vacation and other automatic answers
  | 'auto-generated' // robots, platforms, ARF (RFC 5965)
  | 'list' // List-* header fields
  | 'bulk' // Precedence: bulk|list|junk
  | 'null-path' // Return-Path: <>
  | 'receipt' // has the form of an MDN (RFC 8098), or has one among its parts
  | 'no-reply-address' // mailer-daemon, owner-*, *-request, noreply …
  | 'asks-for-silence' // X-Auto-Response-Suppress
  | 'loop' // our own loop mark or more than 30 Received fields

/** One verdict of an Authentication-Results field (RFC 8601). Whoever wrote the field may have made it up. */
export type AuthenticationResult = {
  /** Who claims to have checked (authserv-id), lower case. */
  readonly server: string
  /** How many Received fields stand above the field. */
  readonly below: number
  readonly method: 'dmarc' | 'spf' | 'dkim'
  /** `pass`, `fail`, `none` …, lower case. */
  readonly result: string
  /** Of `smtp.mailfrom`, where it is a whole address. */
  readonly address: Address | null
  /** Of `header.from`, `smtp.mailfrom` or `header.d`, lower case; '' when the field names none. */
  readonly domain: string
}

/** What stands on top of a mail about its sender; whose word counts is decided in policy/authentication.ts. */
export type SenderTrace = {
  /** Number of Received fields. */
  readonly received: number
  /** Return-Path fields; the address is null where it is empty or not strict. */
  readonly returnPaths: readonly { readonly address: Address | null; readonly below: number }[]
  readonly results: readonly AuthenticationResult[]
}

/**
 * Facts of a delivery status notification, or of what looks like one: all of it attacker-controlled text (mail.md §1.10).
 * Where `automatic` does not say `bounce`, it is one only if it returns a mail of the desk.
 */
export type BounceFacts = {
  /** Message-IDs found in the returned headers: only those that the desk issued mean anything. */
  readonly returnedMessageIds: readonly MessageId[]
  readonly action: 'failed' | 'delayed' | 'delivered' | 'other'
  /** Enhanced status code `5.1.1`, or '' */
  readonly status: string
}

/**
 * Facts of a reading receipt (RFC 8098). It is taken for one only if it returns a mail of the desk: anybody can attach a
 * notification to a report.
 */
export type ReceiptFacts = {
  /** Original-Message-ID; null where it is absent or no Message-ID. */
  readonly returnedMessageId: MessageId | null
}

/** One attachment, byte for byte as sent (transfer encoding removed). */
export type Attachment = {
  /** Sanitized for display and for writing into a header: no path, no control characters, at most 120 characters. */
  readonly filename: string
  /** `type/subtype` in lower case; `application/octet-stream` when missing or malformed. */
  readonly contentType: string
  readonly size: number
  readonly sha256: Sha256
  readonly content: Uint8Array
}

/** The files without those whose bytes are the same: what comes ten times is looked at once. */
export function distinctFiles(files: readonly Attachment[]): Attachment[] {
  return [...new Map(files.map((file) => [file.sha256, file])).values()]
}

/**
 * Where a key came from: the mail itself, a directory that was asked for its sender, or what the operator registered for a
 * maintainer or a member, which no mail changes.
 */
export type KeySource = 'autocrypt' | 'attached' | 'wkd' | 'vks' | 'registered'

/** Whether a file says that it is a key, by its type or its name; what it holds is not looked at. */
export function isDeclaredKey({
  filename,
  contentType
}: Pick<Attachment, 'filename' | 'contentType'>): boolean {
  return contentType === 'application/pgp-keys' || /\.(?:asc|gpg|pgp|key)$/i.test(filename)
}

/** A certificate found in the mail whose user id is exactly the sender's address: a candidate, not yet anybody's key. */
export type CandidateKey = {
  readonly fingerprint: Fingerprint
  readonly source: KeySource
  /** As `KeyFacts.signingKeys`. */
  readonly signingKeys: readonly Fingerprint[]
  /** Binary certificate, stripped of third-party certifications and foreign user ids. */
  readonly keyData: Uint8Array
}

/** A certificate found in the mail that names the sender, but that nothing can be sealed to. */
export type UnusableKey = {
  readonly fingerprint: Fingerprint
  readonly because: 'expired' | 'revoked' | 'cannot-encrypt'
}

/** Everything to distrust about the mail, as codes; the sentences are in domain/explain.ts. */
export type WarningCode =
  | 'repeated-header' // more than one From, Subject, Message-ID, Date …
  | 'no-from'
  | 'no-message-id'
  | 'from-mismatch' // protected From differs from outer From
  | 'unprotected-subject' // encrypted, but the subject was readable on the way
  | 'several-signatures'
  | 'signature-does-not-cover-all'
  | 'unsigned-filename' // a file's name stood outside of the encryption, so it was replaced
  | 'outside-text' // text outside the encrypted part, shown apart
  | 'mangled' // repaired from a form that a mail system broke
  | 'cleartext-signature'
  | 'errant-crypto' // encrypted or signed parts inside that were left as attachments
  | 'html-only' // text was converted from HTML
  | 'html-not-converted'
  | 'undecodable-text' // a charset problem: some characters replaced, or read by guess
  | 'text-truncated'
  | 'too-many-parts'
  | 'broken-mime'
  | 'several-keys' // more than one candidate key
  | 'fake-key' // an attached key that does not name the sender
  | 'smime' // S/MIME, which the desk does not read
  | 'tnef' // a file in the format of Outlook, which the desk does not unpack
  | 'too-large' // only the header block was fetched

/** What the worker reports of one mail. Everything is data; content that could not be opened is simply absent. */
export type OpenedMail = {
  readonly structure: Structure
  /** Whether any part of the cryptographic envelope was encrypted. */
  readonly encrypted: boolean
  readonly decrypted: boolean
  readonly failure: OpenFailure | null
  /**
   * What anybody on the way could compute from the session key packets (G6): never whether opening succeeded. `nobody`
   * only of a mail read through and through; `unknown` where only the header was read, and for forms the desk does not read.
   */
  readonly sealedTo: 'desk' | 'other' | 'hidden' | 'nobody' | 'unknown'
  /** Key ids of the session key packets, upper-case hex, at most 8; empty when not encrypted. */
  readonly sealedToKeyIds: readonly string[]
  /** Marks of the ciphertext; the same one in another sender's mail means that somebody reuses it (G6). */
  readonly ciphertextMarks: readonly Sha256[]
  /** Marks of session keys that came with it and did not open it: whoever put them there may have taken them from another. */
  readonly strayMarks: readonly Sha256[]
  readonly signatures: readonly Signature[]
  readonly outer: HeaderFacts
  /** The protected header block of the cryptographic payload; null when there is none. */
  readonly protected: HeaderFacts | null
  /**
   * The protected header block of a payload for which it does not speak: because the encrypted mail was wrapped anew, or
   * is no PGP/MIME. For policy/contradiction.ts alone, never shown; null in all other cases.
   */
  readonly innerFacts: HeaderFacts | null
  /**
   * The header of a whole mail that was encrypted as it was, which nothing marks as protected. Only for telling that the
   * mail is not its sender's: it proves nothing and is never shown. Null where there is none, and of an encrypted file.
   */
  readonly namesInside: HeaderFacts | null
  /** Whether `protected` carries the Subject and the mail was encrypted or signed over it. */
  readonly subjectProtected: boolean
  /** The text of the payload, LF line ends, at most 256 KiB; '' when nothing could be read. */
  readonly text: string
  /** Foreign text outside the cryptographic envelope (list footer, wrapper); untrusted, '' when none. */
  readonly outsideText: string
  readonly attachments: readonly Attachment[]
  readonly trace: SenderTrace
  readonly automatic: readonly AutomaticKind[]
  readonly bounce: BounceFacts | null
  readonly receipt: ReceiptFacts | null
  readonly candidateKeys: readonly CandidateKey[]
  /** Keys of the sender that came and cannot be used. */
  readonly unusableKeys: readonly UnusableKey[]
  /**
   * Issuers that signatures inside the encryption claim, as in `Signature.issuer`, whose key came inside too and names
   * other people only. Nothing of it was verified: whoever encrypted the mail put both there.
   */
  readonly issuersOfOthers: readonly string[]
  readonly warnings: readonly WarningCode[]
}
