/**
 * The single effects boundary: everything the desk needs from outside that a test may want to fake. Types only.
 * Expected failures of the outside are thrown as `Trouble` (domain/trouble.ts).
 * Folders inside the boundary (desk, policy, store) import this file and nothing else of effects or transport.
 */
import { type Address } from '../domain/address.ts'
import { type MessageId } from '../domain/ids.ts'
import { type OpenedMail } from '../domain/mail.ts'
import {
  type KeyFacts,
  type OutgoingBody,
  type OutgoingHeaders,
  type Sealed,
  type SealTo
} from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { type LogEvent } from './events.ts'

/** Wall clock and monotonic clock. `now` is read once per unit of work and passed down. */
export type Clock = {
  now(): Instant
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number
  /** Milliseconds since the machine was started, sleep included; never jumps. */
  bootMs(): number
  /** Another one after every start of the machine; '' where that cannot be told. */
  bootId(): string
}

/** Unguessable text. */
export type Randomness = {
  /** `length` characters of `a-z2-7`, 5 random bits each. */
  token(length: number): string
  /** A random integer `0 ≤ n < limit`. */
  below(limit: number): number
}

export type Log = (event: LogEvent) => void

/** One mail waiting in a watched mailbox, as listed, not yet downloaded. */
export type Listed = {
  readonly uid: number
  /** RFC822.SIZE in bytes. */
  readonly size: number
  /** INTERNALDATE: when the server received it. */
  readonly receivedAt: Instant
}

/** Which mailbox generation a UID belongs to (RFC 9051 §2.3.1.1). */
export type MailboxState = {
  readonly uidValidity: string
  readonly waiting: readonly Listed[]
  readonly more: boolean
}

/** Bytes of one mail, and how much of it they are. */
export type Fetched = { readonly raw: Uint8Array; readonly part: 'whole' | 'header' }

/** The watched IMAP inbox. Every method may throw {@link Trouble}; the caller starts again later. */
export type Mailbox = {
  /** Mails in the folder with a UID above `afterUid`, oldest first, at most `limit`; flags play no part. */
  list(options: { readonly afterUid: number; readonly limit: number }): Promise<MailboxState>
  /**
   * The whole mail without touching \Seen; null when it is gone. Only the header block, and said so, when the mail proves
   * larger than what may be downloaded, whatever size the server announced.
   */
  fetch(uid: number): Promise<Fetched | null>
  /** The header block only, cut at 128 KiB, without touching \Seen; null when it is gone. */
  fetchHeaders(uid: number): Promise<Uint8Array | null>
  /** Moves mails out of the inbox. UIDs that are gone are no error. */
  move(uids: readonly number[], to: 'processed' | 'held'): Promise<void>
  /** Resolves true when the server announced something new, false after `timeoutMs` or when aborted. */
  waitForChange(timeoutMs: number, signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

/** The folder where the server puts what it takes for spam. Its methods are those of {@link Mailbox}. */
export type JunkFolder = Omit<Mailbox, 'move'> & {
  /** Moves mails into the watched inbox. UIDs that are gone are no error. */
  moveToInbox(uids: readonly number[]): Promise<void>
}

/** Result of one SMTP transaction (RFC 5321 §4.2.1). `uncertain`: the connection was lost after DATA. */
export type SendOutcome =
  | { readonly kind: 'accepted'; readonly code: number }
  | { readonly kind: 'deferred'; readonly code: number } // 4xx, or the server could not be reached (code 0)
  | { readonly kind: 'rejected'; readonly code: number } // 5xx about this mail or recipient
  | { readonly kind: 'uncertain' }

/** One mail ready to leave. */
export type Envelope = {
  readonly messageId: MessageId
  readonly from: Address | ''
  readonly to: Address
  readonly raw: Uint8Array
}

export type Sender = {
  /** Never throws for what the network or the server did; that is the outcome. */
  send(mail: Envelope, signal: AbortSignal): Promise<SendOutcome>
  close(): Promise<void>
}

/** A certificate as a directory of keys gave it: armored or binary, not looked at. */
export type FoundKey = { readonly source: 'wkd' | 'vks'; readonly data: Uint8Array }

/** Directories where the owners of addresses publish their keys. */
export type KeyDirectory = {
  /** What they have for `address`. Never rejects: what goes wrong on the way is nothing found. */
  find(address: Address): Promise<readonly FoundKey[]>
}

/** The crypto and parsing workers. A task over its limit kills its worker and throws {@link Trouble} `worker-limit`. */
export type Workers = {
  /** Opens one mail. `knownKeys` are binary certificates to verify against beside the maintainers'. */
  open(raw: Uint8Array, options: OpenOptions): Promise<OpenedMail>
  /** Reads the header block alone: for mails too large or too dangerous to open. `failure` is always `limit`. */
  openHeaders(raw: Uint8Array, now: Instant): Promise<OpenedMail>
  /** Seals one body to each recipient apart, in the order given. */
  seal(body: OutgoingBody, to: readonly SealTo[], now: Instant): Promise<Sealed[]>
  /** Signs a content-free or clear mail (RFC 3156 §5). The subject is readable by everybody. */
  signClear(text: string, headers: OutgoingHeaders, now: Instant): Promise<Uint8Array>
  /**
   * Facts of a certificate (armored or binary) at `now`; null when it is not exactly one readable public key. With an
   * address, of what is left of it without user ids that name anybody else; null when none names that address.
   */
  inspectKey(key: Uint8Array, now: Instant, address: Address | null): Promise<KeyFacts | null>
  /**
   * Facts at `now` of the binary certificate `known` with everything that its owner signed of `brought` (armored or
   * binary); nothing of `known` is lost. Null when `brought` is no copy of the same key or adds nothing.
   */
  mergeKey(known: Uint8Array, brought: Uint8Array, now: Instant): Promise<KeyFacts | null>
  close(): Promise<void>
}

export type OpenOptions = {
  readonly now: Instant
  readonly knownKeys: readonly Uint8Array[]
}
