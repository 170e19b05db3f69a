/**
 * The effects boundary: everything the desk needs from outside that a test may want to fake. Types only. Expected failures of
 * the outside are thrown as `Trouble` (domain/trouble.ts). Code inside the boundary (desk, policy, store) imports only this
 * file of effects and transport.
 */
import { type Address } from '../domain/address.ts'
import { type MessageId, type Sha256 } from '../domain/ids.ts'
import { type Fetched, type Listed, type OpenedMail } from '../domain/mail.ts'
import type * as outgoing from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { type LogEvent } from './events.ts'

/** Wall clock and monotonic clock. `now` is read once per unit of work and passed down. */
export type Clock = {
  now(): Instant
  /** Milliseconds from an arbitrary start; never jumps. */
  monotonicMs(): number
  /** Milliseconds since the machine was started, sleep included; never jumps. */
  bootMs(): number
  /** Changes with every start of the machine; if the system does not tell that, with every start of the process. */
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

/** The generation of a mailbox that a UID belongs to (RFC 9051 §2.3.1.1). */
export type MailboxState = {
  readonly uidValidity: string
  readonly waiting: readonly Listed[]
  readonly more: boolean
}

/** A watched IMAP folder: the inbox, or that for spam. Every method may throw {@link Trouble}; the caller tries again later. */
export type Mailbox = {
  /** Messages in the folder with a UID above `afterUid`, oldest first, at most `limit`, regardless of flags. */
  list(options: { readonly afterUid: number; readonly limit: number }): Promise<MailboxState>
  /**
   * The message without touching \Seen; null when the server gives nothing, or less than it has, which never means that it is
   * gone: that, only another list tells. Only its first 128 KiB, for its header and marked as such, when that is asked for or
   * the message is larger than what may be downloaded, whatever size the server announced.
   */
  fetch(uid: number, part: Fetched['part']): Promise<Fetched | null>
  /** Moves messages out of the folder. Ignores UIDs that are gone. Trouble `imap-moves`: the server refuses, and may for long. */
  move(uids: readonly number[], to: 'inbox' | 'processed' | 'held'): Promise<void>
  /** Moves the message of these bytes from the folder for held mail to that for processed mail, where it is there. */
  takeOut(held: { readonly size: number; readonly sha256: Sha256 }): Promise<void>
  /** Marks for people what cannot be moved, if the server allows that. */
  mark(uids: readonly number[], as: 'processed' | 'held'): Promise<void>
  /** Resolves true when the server announced something new, false after `timeoutMs` or when aborted. */
  waitForChange(timeoutMs: number, signal: AbortSignal): Promise<boolean>
  close(): Promise<void>
}

/** One message ready to be sent. */
export type Envelope = {
  readonly messageId: MessageId
  readonly from: Address | ''
  readonly to: Address
  /** Of all pieces, in bytes. */
  readonly size: number
  /** The bytes in order, read as the server takes them. */
  readonly pieces: () => Iterable<Uint8Array>
}

export type Sender = {
  /** How many messages it takes now, each on a connection of its own; none while it waits to try the server again. */
  room(): number
  /** Never throws for failures of the network or the server; those are outcomes. */
  send(mail: Envelope, signal: AbortSignal): Promise<outgoing.SendOutcome>
  /** When every `send` has ended. */
  close(): void
}

/** For whom a task is done, the most urgent first: a notice, a maintainer, a known sender, a stranger. */
export type Turn = 'release' | 'maintainer' | 'known' | 'stranger'

/** The crypto and parsing workers. A task over its limit loses its worker and throws {@link Trouble} `worker-limit`. */
export type Workers = {
  /** The same workers, for tasks of this turn; they are `known` otherwise. */
  inTurn(turn: Turn): Workers
  /**
   * Opens one message. `knownKeys` are binary certificates to verify against, besides the maintainers' and that in its header. The
   * bytes of a large one are handed over: they are gone here.
   */
  open(
    raw: Uint8Array,
    options: { readonly now: Instant; readonly knownKeys: readonly Uint8Array[] }
  ): Promise<OpenedMail>
  /** Reads only the header block, for messages too large or too dangerous to open. `failure` is always `limit`. */
  openHeaders(raw: Uint8Array): Promise<OpenedMail>
  /** Signs a body and encrypts it to each recipient by itself; the results are in the order of `copies`. */
  seal(
    body: outgoing.OutgoingBody,
    copies: readonly outgoing.SealTo[],
    now: Instant
  ): Promise<readonly outgoing.Sealed[]>
  /** Signs a message without content or in clear (RFC 3156 §5). Everybody can read its subject. */
  signClear(text: string, headers: outgoing.OutgoingHeaders, now: Instant): Promise<Uint8Array>
  /** Facts at `now` of a certificate, merged with what its owner signed in copies of it (openpgp/keyring.ts). */
  inspectKey(
    key: Uint8Array,
    now: Instant,
    address: Address | null,
    copies?: readonly Uint8Array[]
  ): Promise<outgoing.KeyFacts | null>
  close(): Promise<void>
}
