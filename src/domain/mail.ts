/**
 * Facts of one opened inbound message: plain data that crosses the worker boundary. Outer and protected headers are never
 * merged (RFC 9788). The sentence of a code must never quote the message. Decides nothing: policy/authority.ts judges.
 */
import { type Address, type Contact, isSameAddress } from './address.ts'
import { type CaseTag, type Fingerprint, type MessageId, type Sha256 } from './ids.ts'
import { type VisibleEncryption } from './message.ts'
import { type KeyMaterial, type KeyProblem, type OutgoingAttachment } from './outgoing.ts'
import { type Instant } from './time.ts'

/** One message in a watched folder, as listed and not yet downloaded. */
export type Listed = {
  readonly uid: number
  /** RFC822.SIZE in bytes. */
  readonly size: number
  /** INTERNALDATE: when the server received it; null where the server does not say. */
  readonly receivedAt: Instant | null
}

/** The bytes of one message: whole, or only the beginning, of which nothing but the header is read. */
export type Fetched = { readonly raw: Uint8Array; readonly part: 'whole' | 'header' }

/** Why a message could not be decrypted or read. */
export const FAILURES = {
  'not-for-us':
    'No key of the desk opens it. It is probably encrypted to another one, perhaps to an old one, so nobody here can read it.',
  damaged:
    'Its encrypted or signed part is damaged, was changed on the way or uses a method that the desk does not support, so nothing of it is shown.',
  unsupported: 'It is encrypted, or signed as a whole, in a form that the desk cannot open.',
  'no-integrity':
    'It is encrypted without protection against changes, which could be misused to steal its content; it was not opened.',
  limit: 'It is larger, more deeply nested or in more pieces than the desk opens.',
  empty: 'It was sent encrypted, but a mail system on the way removed the encrypted part.'
} as const
export type OpenFailure = keyof typeof FAILURES

/** State of one signature. `bad` is the default: everything else must be proved. */
export type SignatureState = keyof typeof STATES
const STATES = {
  valid: 'The signature is valid.',
  'expired-key': 'The signature was made with a key that has expired.',
  'revoked-key': 'The signature was made with a key that has been revoked.',
  'unknown-key': 'The signature was made with a key that is not known here, so it proves nothing.',
  'weak-digest':
    'The signature was made with a digest that can be forged today, such as SHA-1, so it proves nothing.',
  'weak-key': 'The signature was made with a key that is too weak today, so it proves nothing.',
  'old-version': 'The signature has an outdated form that the desk does not check.',
  unsupported: 'The signature was made with a method that the desk cannot check.',
  bad: 'The signature does not match the text, or is malformed or dated wrongly; it may have been changed on the way.'
} as const

/** Added when the key was valid at the date that the signature states. */
const WAS_GOOD = 'At the date that the signature states, the key was still valid.'

/** The verdict on one signature. */
export type Signature = {
  /** Judged by the key as it is now; everything that relies on the signature uses this. */
  readonly state: SignatureState
  /** Judged by the key as it was at the stated date. For people only: the holder of an old key can write any date. */
  readonly stateThen: SignatureState
  /** Fingerprint of the *primary* key of the certificate that verified it; null unless a known key verified it. */
  readonly fingerprint: Fingerprint | null
  /** The first address among the user ids of that certificate; '' unless a known key verified it. */
  readonly signer: string
  /** Issuer claimed by the signature (lower-case hex key id or fingerprint); a lookup hint that proves nothing. */
  readonly issuer: string
  /** When the signature says it was made; null when unreadable. */
  readonly createdAt: Instant | null
  /** SHA-256 over the signature packet, for the replay check. */
  readonly sha256: Sha256
  /** Whether it covers the whole cryptographic payload, and so all text shown. */
  readonly coversWhole: boolean
  /** Whether it was made inside the encryption: only then it identifies the author of what is encrypted. */
  readonly isInside: boolean
  /** Primary fingerprints, lower case, that the signature names as its intended recipients (RFC 9580 §5.2.3.36). */
  readonly intendedRecipients: readonly string[]
}

/** What the state of a signature means now, and at its own date when that differs. */
export function explainSignature({
  state,
  stateThen
}: Pick<Signature, 'state' | 'stateThen'>): string {
  const hasChanged = state !== 'valid' && stateThen === 'valid'
  return hasChanged ? `${STATES[state]} ${WAS_GOOD}` : STATES[state]
}

/** The header fields Postern looks at, sanitized for display (no control or bidi characters, capped). */
export type HeaderFacts = {
  /** What From says where it stands in for the writer, who is `from` then (mime/writer.ts). */
  readonly sentBy?: Contact
  /** The single From mailbox; null when absent, unparsable or more than one. */
  readonly from: Contact | null
  /** The content of From when it is not a single readable mailbox, at most 200 characters; '' otherwise. */
  readonly unreadableFrom: string
  readonly replyTo: Contact | null
  readonly to: readonly Contact[]
  readonly cc: readonly Contact[]
  /** Whether To or Cc name unreadable mailboxes, which are left out. */
  readonly hasUnreadableRecipient: boolean
  /** Decoded subject, at most 200 characters; '' when absent. */
  readonly subject: string
  readonly messageId: MessageId | null
  readonly date: Instant | null
  /** In-Reply-To and References, oldest first, at most 100, without duplicates. */
  readonly references: readonly MessageId[]
}

/** The addresses of the desk: its own, and those under which mail for it comes in. */
type Desk = { readonly address: Address; readonly aliases: readonly Address[] }

/** Whether this is an address of the desk, to which no answer ever goes. */
export function isDesks(address: Address, desk: Desk): boolean {
  return [desk.address, ...desk.aliases].some((own) => isSameAddress(own, address))
}

/** Whether To or Cc of this header name the desk. */
export function isToDesk(header: HeaderFacts | null, desk: Desk): boolean {
  const named = header === null ? [] : [...header.to, ...header.cc]
  return named.some(({ address }) => isDesks(address, desk))
}

/** Whether From of this header names `address`, whoever really wrote. */
export function isFrom(header: HeaderFacts | null, address: Address): boolean {
  const from = header?.from ?? null
  return from !== null && isSameAddress(from.address, address)
}

/** Why a message must not be answered automatically, or is not a report (RFC 3834, RFC 3464). */
export type AutomaticKind =
  | 'bounce' // delivery status notification
  | 'auto-replied' // vacation and other automatic answers
  | 'auto-generated' // robots, platforms, ARF (RFC 5965)
  | 'list' // List-* header fields
  | 'bulk' // Precedence: bulk|list|junk
  | 'null-path' // Return-Path: <>
  | 'receipt' // has the form of an MDN (RFC 8098)
  | 'no-reply-address' // mailer-daemon, owner-*, *-request, noreply …
  | 'asks-for-silence' // X-Auto-Response-Suppress
  | 'loop' // our own loop mark or more than 30 Received fields

/**
 * Whether a program sent it, as one of these marks says. Marks stand in the header outside, where anybody may write them, and no
 * program encrypts or signs: what is protected, a person wrote.
 */
export function isByProgram(
  { automatic, encrypted, signatures }: OpenedMail,
  ...marks: readonly AutomaticKind[]
): boolean {
  return !encrypted && signatures.length === 0 && marks.some((mark) => automatic.includes(mark))
}

/** One verdict of an Authentication-Results field (RFC 8601). Anybody may have written the field. */
export type AuthenticationResult = {
  /** The server that claims to have checked (authserv-id), lower case. */
  readonly server: string
  /** How many Received fields stand above the field. */
  readonly below: number
  readonly method: 'dmarc' | 'spf' | 'dkim'
  /** `pass`, `fail`, `none` …, lower case. */
  readonly result: string
  /** The address in `smtp.mailfrom`, if it is a whole address. */
  readonly address: Address | null
  /** The domain in `header.from`, `smtp.mailfrom` or `header.d`, lower case; '' when the field names none. */
  readonly domain: string
}

/** Trace fields about the sender of a message; policy/authentication.ts decides which are trusted. */
export type SenderTrace = {
  readonly received: number
  /** Return-Path fields; the address is null when it is empty or not strict. */
  readonly returnPaths: readonly { readonly address: Address | null; readonly below: number }[]
  readonly results: readonly AuthenticationResult[]
}

/** Facts of a delivery status notification or a receipt: all of it is attacker-controlled text. */
export type BounceFacts = {
  /** Message-IDs in the returned headers: only those that the desk issued mean anything. */
  readonly returnedMessageIds: readonly MessageId[]
  /** Whether the message did not arrive; false for a delay, a relay and a receipt. */
  readonly hasFailed: boolean
  /** Whether that is because it is too large for a server on the way or for the mailbox (RFC 3463: 5.3.4, 5.2.3). */
  readonly isTooLarge: boolean
  /** Whether the message is where its recipient reads it. */
  readonly hasArrived: boolean
}

/** One attachment, byte for byte as sent (transfer encoding removed). */
export type Attachment = OutgoingAttachment & { readonly size: number; readonly sha256: Sha256 }

/** The files without duplicates by content: what comes ten times is processed once. */
export function distinctFiles(files: readonly Attachment[]): Attachment[] {
  return [...new Map(files.map((file) => [file.sha256, file])).values()]
}

/** Where a key came from: a message, or the operator, whose registration no message changes. */
export type KeySource = 'autocrypt' | 'attached' | 'registered'

/** Whether a file is declared a key by its type or its name; does not look at its content. */
export function isDeclaredKey({
  filename,
  contentType
}: Pick<Attachment, 'filename' | 'contentType'>): boolean {
  return contentType === 'application/pgp-keys' || /\.(?:asc|gpg|pgp|key)$/i.test(filename)
}

/** Types of the files that mail clients add by themselves: keys, signatures and visiting cards. */
export const CLIENT_FILES: readonly string[] = [
  'application/pgp-keys',
  'application/pgp-signature',
  'text/vcard',
  'text/x-vcard'
]

/** Whether a file says who sent it, by its type or its name; does not look at its content. */
export function namesSender(file: Pick<Attachment, 'filename' | 'contentType'>): boolean {
  const isOfClient = CLIENT_FILES.includes(file.contentType) || /\.vcf$/i.test(file.filename)
  return isOfClient || isDeclaredKey(file)
}

/** A certificate from the message whose user id is exactly the sender's address: a candidate, not yet accepted. */
export type CandidateKey = KeyMaterial & { readonly source: KeySource }

/** A certificate from the message that names the sender but cannot be encrypted to. */
export type UnusableKey = Omit<CandidateKey, 'signingKeys'> & {
  readonly because: KeyProblem
}

/** Everything to distrust about a message. */
export const WARNINGS = {
  'repeated-header':
    'A header field that may occur once occurs more than once, or it names several senders.',
  'no-from': 'It has no single readable sender address.',
  'no-message-id': 'It has no usable Message-ID.',
  'from-mismatch': 'The sender inside the protected part differs from the sender outside.',
  'unprotected-subject': 'It was encrypted, but its subject was readable on the way.',
  'several-signatures': 'It carries more than one signature.',
  'signature-does-not-cover-all': 'A signature does not cover the whole message.',
  'unsigned-filename':
    'The name of a file stands outside the signed part, where anybody could change it; the name is not used.',
  'outside-text': 'There is text outside the protected part; anybody may have added it.',
  mangled: 'A mail system had rearranged its parts; the desk put them back in order.',
  'cleartext-signature': 'It is signed in the old inline form, which protects only the text.',
  'errant-crypto': 'It contains further encrypted or signed parts, which were left closed.',
  'sealed-parts':
    'It contains further encrypted or signed parts, which the desk opened; nothing proves that they belong to the rest.',
  'html-only': 'Its text was converted from HTML.',
  'html-not-converted': 'Its HTML could not be converted to text.',
  'other-version':
    'It has a version in HTML that says more than the text shown; that version is attached as a file.',
  'undecodable-text':
    'Some characters could not be decoded, or other programs may show them differently.',
  'text-truncated': 'The text is too long and was cut off.',
  'too-many-parts': 'It has more parts than the desk opens; the rest is attached as received.',
  'broken-mime': 'Its structure is malformed, so parts may be missing or wrongly divided.',
  'several-keys': 'It carries several different keys for the sender.',
  'fake-key':
    'It carries a key that does not name the sender or is not valid; the key is not used.',
  smime: 'It uses S/MIME, which the desk does not read.',
  'smime-signature': 'It has an S/MIME signature, which the desk does not check.',
  tnef: 'It has a file in the format of Outlook (TNEF, winmail.dat), which the desk does not unpack; the file is attached as received.',
  'too-large':
    'It is larger than the desk downloads, or the mail server did not give it whole; only its header was read, if that.'
} as const
export type WarningCode = keyof typeof WARNINGS

/** Where a sealed part stands that is not the envelope of its message. */
export type SealedPlace = 'part' | 'text' | 'html' | 'file' | 'message'

/**
 * A sealed part that is not the envelope of the message: below, beside or inside it, or in an attached message. Nothing proves
 * that its author wrote the rest, or sent it: it carries no commands and goes to maintainers alone.
 */
export type SealedPart = Pick<
  OpenedMail,
  | 'encrypted'
  | 'decrypted'
  | 'failure'
  | 'sealedTo'
  | 'sealedToKeyIds'
  | 'ciphertextMark'
  | 'signatures'
  | 'innerFacts'
  | 'namesInside'
  | 'text'
  | 'attachments'
> & {
  readonly place: SealedPlace
  /** '' when it stands in no file. */
  readonly filename: string
  /** The header of the attached message that it is, or in which it stands; null for any other part. Proves nothing. */
  readonly header: HeaderFacts | null
}

/** The worker's result for one message. Everything is data; content that could not be opened is absent. */
export type OpenedMail = {
  /** How its cryptographic envelope is built. Only `pgp-mime` can carry commands. */
  readonly structure: 'pgp-mime' | 'pgp-mime-mangled' | 'inline' | 'attachment' | 'clear'
  /** Whether any part of the cryptographic envelope was encrypted, or may be: of what stays closed, nobody can tell. */
  readonly encrypted: boolean
  readonly decrypted: boolean
  readonly failure: OpenFailure | null
  /**
   * What anybody on the way could compute from the session key packets (G6): never whether decryption succeeded. `nobody` only
   * for a message that was read completely; `unknown` when only the header was read, and for forms that the desk does not read.
   */
  readonly sealedTo: VisibleEncryption
  /** Key ids of the session key packets, upper-case hex, at most 8; empty when not encrypted. */
  readonly sealedToKeyIds: readonly string[]
  /** Marks of the body, with its Message-ID and with its date; of a header alone they say nothing (reading/body-marks.ts). */
  readonly bodyMarks: readonly Sha256[]
  /** Mark of the ciphertext; when another sender's message has the same mark, one of the two has copied it. Null without one. */
  readonly ciphertextMark: Sha256 | null
  readonly signatures: readonly Signature[]
  readonly outer: HeaderFacts
  /** The protected header block of the cryptographic payload; null when there is none. */
  readonly protected: HeaderFacts | null
  /** A protected header that does not apply: an encrypted message was wrapped again. For policy/ownership.ts, never shown. */
  readonly innerFacts: HeaderFacts | null
  /** The unprotected header inside the encryption, to detect another author. Proves nothing, never shown. */
  readonly namesInside: HeaderFacts | null
  /** Whether `protected` has the Subject and it was encrypted or signed. */
  readonly subjectProtected: boolean
  /** The text of the payload, LF line ends, at most 256 KiB; '' when nothing could be read. */
  readonly text: string
  /** Foreign text outside the cryptographic envelope (list footer, wrapper); untrusted, '' when none. */
  readonly outsideText: string
  readonly attachments: readonly Attachment[]
  /** Further sealed parts, opened or not, in the order of the message. */
  readonly sealedParts: readonly SealedPart[]
  readonly trace: SenderTrace
  readonly automatic: readonly AutomaticKind[]
  /** Null unless it is marked as a bounce or receipt, or looks like a bounce from an address that takes no mail. */
  readonly bounce: BounceFacts | null
  readonly candidateKeys: readonly CandidateKey[]
  readonly unusableKeys: readonly UnusableKey[]
  readonly warnings: readonly WarningCode[]
}

/** A message in which the same content came before. */
export type EarlierContent = {
  readonly mark: Sha256
  readonly isSameSender: boolean
  /** Its case; null where it belongs to none. */
  readonly tag: CaseTag | null
}

/** The subject as its author meant it: the protected one where there is one. */
export function subjectOf(opened: OpenedMail): string {
  return opened.subjectProtected ? (opened.protected?.subject ?? '') : opened.outer.subject
}

const ANSWER_MARK =
  /^\s*(?:re|aw|antw|sv|vs|odp|ref|rif|res|tr|wg|fwd?)\s{0,3}(?:\[\d{1,3}\]|\(\d{1,3}\))?\s{0,3}[:：]\s*/i
const MARKS_MAX = 8
/** Subjects that say nothing of what they are about. */
const NEUTRAL = /^(?:[\s.…[\]]*|encrypted (?:message|email)|\(?no subject\)?)$/i

/** Whether the message answers another one, as its header or its subject says. */
export function isReply(opened: OpenedMail): boolean {
  return opened.outer.references.length > 0 || ANSWER_MARK.test(subjectOf(opened))
}

/** What a subject is about, without the marks of an answer and what stands in brackets in front; '' where it says nothing. */
export function topicOf(subject: string): string {
  let rest = subject
  for (let marks = 0; marks < MARKS_MAX; marks += 1)
    rest = rest.replace(ANSWER_MARK, '').replace(/^\s*\[[^\]]{0,60}\]\s*/, '')
  const topic = rest.replaceAll(/\s+/g, ' ').trim().toLowerCase()
  return NEUTRAL.test(topic) ? '' : topic
}

/** The signatures of the message and of its sealed parts, but not of messages attached whole: those have authors of their own. */
export function signaturesIn({ signatures, sealedParts }: OpenedMail): Signature[] {
  const parts = sealedParts.filter(({ place }) => place !== 'message')
  return [...signatures, ...parts.flatMap((part) => part.signatures)]
}

/** The marks of every ciphertext in the message. */
export function ciphertextMarksOf({ ciphertextMark, sealedParts }: OpenedMail): Sha256[] {
  const marks = [ciphertextMark, ...sealedParts.map((part) => part.ciphertextMark)]
  return [...new Set(marks.filter((mark) => mark !== null))]
}

/** All files that the message brings, those in further sealed parts included. */
export function allFilesOf({ attachments, sealedParts }: OpenedMail): Attachment[] {
  return [...attachments, ...sealedParts.flatMap((part) => part.attachments)]
}

/** Whether a junk message is handled: it is or may be encrypted to the desk, or it answers in a case. */
export function isForDesk(opened: OpenedMail, answersCase: boolean): boolean {
  const isSealedToDesk = [opened, ...opened.sealedParts].some(({ sealedTo }) => sealedTo === 'desk')
  if (answersCase || isSealedToDesk) return true
  if (opened.sealedTo === 'hidden') return opened.failure !== 'not-for-us'
  return opened.sealedTo === 'unknown' && opened.encrypted
}

/** Why a message in a maintainer's name has no effect, in words for people. */
export const REFUSED = {
  'not-opened': 'we could not open it',
  'not-encrypted': 'it was not encrypted',
  'not-pgp-mime': 'its encryption or signature is not PGP/MIME',
  unsigned: 'it was not signed',
  'several-signatures': 'it carried more than one signature',
  'not-covered': 'the signature does not cover the whole message',
  'bad-signature': 'the signature is wrong',
  'unknown-key': 'it was signed by a key that is not registered',
  'expired-key': 'the key that signed it has expired',
  'revoked-key': 'the key that signed it is revoked',
  'unchecked-signature': 'its signature is too weak, or of a form that the desk does not check',
  'repeated-header': 'it repeats header fields that may occur only once',
  'too-long': 'its text is longer than 256 KiB',
  stale: 'its signature is too old',
  'from-the-future': 'its signature is dated in the future',
  'for-another': 'nothing in its signed part says that it is meant for this desk',
  replayed: 'its signature was used before'
} as const
export type Refused = keyof typeof REFUSED
