/**
 * The closed union of everything a policy may decide. Decisions are data: desk/prepare.ts renders and seals those that
 * send, desk/commit.ts writes all of them in one transaction. Nothing here has happened yet.
 */
import { type Address, type Contact } from './address.ts'
import type * as cases from './case.ts'
import {
  type Actor,
  type EventKind,
  event,
  type NewEvent,
  type Particulars,
  type Subject,
  type Way
} from './event.ts'
import { type CaseTag, type MessageId, type Sha256 } from './ids.ts'
import { type Signature } from './mail.ts'
import { type Conversation, type Message } from './message.ts'
import { type NoticeRecord } from './notice.ts'
import { type OutgoingAttachment, type PinnedCertificate } from './outgoing.ts'
import { type Instant } from './time.ts'

/** One person to write to; the id is that of a reporter, maintainer or member, '' for others. */
export type Addressee = Contact & { readonly id: string }

/** One person to seal to; the fingerprint is pinned before the message is rendered. */
export type SealedRecipient = Addressee & PinnedCertificate

/** Files that go along with a sealed message. `arrival` means: the message being handled, or its files at these positions. */
export type Files =
  | {
      readonly from: 'arrival'
      readonly original: boolean
      readonly parts: 'all' | readonly number[]
      /** Whether files that name its sender stay out. */
      readonly isSenderHidden: boolean
    }
  | { readonly from: 'list'; readonly files: readonly OutgoingAttachment[] }

/** What a message is about and how it leaves, beside what its definition says. */
export type Sending = {
  /** Idempotency key: unique in the outbox, so that a decision taken twice sends once (G2). */
  readonly once: string
  readonly tag: CaseTag | null
  /** The person for whom the desk speaks, if not for itself: shown before its own name inside the encryption, never outside. */
  readonly via?: string | null
  /** It leaves at once unless given. */
  readonly notBefore?: Instant | null
  /** It must not leave at or after this instant. */
  readonly notAfter?: Instant | null
  /** Finished, but a human has to let it go. */
  readonly isHeld?: boolean
  /** It answers a sender who is proved. */
  readonly isProved?: boolean
  /** The time of its Date field and its signature: that of the preparation unless given. */
  readonly madeAt?: Instant
  /** The message that it answers: the reporter's latest one unless given. */
  readonly inReplyTo?: MessageId | null
  /** That of the maintainers themselves unless given. */
  readonly conversation?: Conversation
}

/** A message encrypted to each recipient apart; `once` gets `:<recipient id>` appended. Made in policy/send.ts only. */
export type SendSealed = Sending & {
  readonly kind: 'send-sealed'
  readonly message: Message
  readonly noticeId?: number
  readonly recipients: readonly SealedRecipient[]
  readonly files?: Files | null
  /** The same message without its files, for a server that takes no message of that size. */
  readonly smaller?: Message
}

/** A message that everybody may read: only one whose definition allows it (G3). Made in policy/send.ts only. */
export type SendClear = Sending & {
  readonly kind: 'send-clear'
  readonly message: Message<'content-free' | 'own-words'>
  readonly to: Addressee
}

/** Only the fields named change; the commit checks `version`. */
export type UpdateCase = {
  readonly kind: 'update-case'
  readonly tag: CaseTag
  readonly version: number
  readonly set: {
    readonly state?: cases.CaseState
    readonly owner?: string
    readonly product?: string
    readonly disclosureAt?: Instant
    readonly disclosureZone?: string
  }
}

/** The whole next content of a notice; version 0 where it does not exist yet. A patch list of null leaves the stored patches. */
export type SaveNotice = Omit<
  NoticeRecord,
  'id' | 'patches' | 'authors' | 'previews' | 'approvals' | 'hasLeft'
> & {
  readonly kind: 'save-notice'
  readonly patches: readonly (OutgoingAttachment & { readonly sha256: Sha256 })[] | null
  /** Copies of a released revision that have not left: a hold takes them back, an edit lets them go on. */
  readonly copies: 'go-on' | 'withdraw'
}

export type Decision =
  /** It has one reporter; the commit makes its numbers and the roots of its threads. */
  | { readonly kind: 'open-case'; readonly case: cases.CaseRecord }
  | UpdateCase
  | SaveNotice
  | SendSealed
  | SendClear
  /** The files of a stored message, to a maintainer who asks for them: the desk opens it once more and makes messages of this. */
  | {
      readonly kind: 'send-files'
      readonly of: number
      readonly isSenderHidden: boolean
      readonly to: SealedRecipient
      readonly tag: CaseTag
      readonly once: string
      readonly inReplyTo: MessageId | null
    }
  /**
   * The report with this number, in full, and these further messages, to a maintainer who asks for it: the desk opens each once
   * more and forwards it.
   */
  | {
      readonly kind: 'show-report'
      readonly number: CaseTag
      readonly further: readonly number[]
      readonly to: SealedRecipient
      readonly once: string
    }
  /** A stranger wrote: it counts against a limit, or waits for the next list. */
  | {
      readonly kind: 'count-stranger'
      readonly tag: CaseTag
      readonly isReport: boolean
      readonly sender: Address | null
      readonly isProved: boolean
      readonly isForwarded: boolean
    }
  /** The newest message of a reporter is the one that answers refer to. */
  | { readonly kind: 'update-reporter'; readonly id: string; readonly latest: MessageId }
  /** Messages and reporters of `tag` belong to `into` from now on. */
  | { readonly kind: 'merge-case'; readonly tag: CaseTag; readonly into: CaseTag }
  | { readonly kind: 'add-message'; readonly tag: CaseTag; readonly message: cases.CaseMessage }
  /** A maintainer's words stay until a key of the reporter comes. */
  | {
      readonly kind: 'keep-words'
      readonly reporter: string
      readonly authorId: string
      readonly words: cases.KeptWords
    }
  /** Words that waited leave with the message of this `once`: they are on the record now, and wait no more. */
  | {
      readonly kind: 'words-leave'
      readonly words: cases.WaitingWords
      readonly how: Way
      readonly events: readonly NewEvent[]
      readonly once: string
    }
  | { readonly kind: 'drop-words'; readonly words: cases.WaitingWords }
  | { readonly kind: 'pin-reporter-key'; readonly address: Address; readonly key: cases.KeyToPin }
  | {
      /** Keeps a key that came, out of use, until a maintainer accepts it; for good where one refuses it. */
      readonly kind: 'offer-reporter-key'
      readonly address: Address
      readonly key: cases.PinnedKey
      readonly refusedBy: string | null
    }
  | { readonly kind: 'remember-signature'; readonly sha256: Sha256 }
  | {
      readonly kind: 'remember-content'
      readonly marks: readonly Sha256[]
      readonly sender: Address | null
    }
  | {
      /** The sender's next daily list names this case, and leaves no earlier than `from`. */
      readonly kind: 'list-report'
      readonly tag: CaseTag
      readonly address: Address
      readonly from: Instant
    }
  | { readonly kind: 'forget-listed'; readonly tags: readonly CaseTag[] }
  /** A digest has listed the messages in the junk folder up to this one. */
  | { readonly kind: 'forget-junk'; readonly lastId: number }
  | { readonly kind: 'bounce'; readonly messageId: MessageId; readonly isTooLarge: boolean }
  /** The reader of this message of the desk has it. */
  | { readonly kind: 'received'; readonly messageId: MessageId }
  | { readonly kind: 'record'; readonly event: NewEvent }
  | {
      readonly kind: 'dispose'
      readonly state: 'done' | 'held'
      readonly disposition: Disposition
      readonly reason: string
      readonly tag: CaseTag | null
    }

export type DecisionOf<K extends Decision['kind']> = Extract<Decision, { readonly kind: K }>

/** What became of an arrival: every message gets exactly one (G1). */
export type Disposition =
  | 'case-opened'
  | 'case-joined'
  | 'note'
  | 'commands'
  | 'commands-refused'
  | 'refused'
  | 'member-reply'
  | 'bounce'
  | 'bounce-unmatched'
  | 'auto-reply'
  | 'own'
  | 'duplicate'
  | 'too-large'
  | 'no-room'
  | 'quarantined'
  | 'contradicts-sender'

/** `reason` is a constant sentence or code, never content. */
export function dispose(
  state: 'done' | 'held',
  disposition: Disposition,
  reason: string,
  tag: CaseTag | null = null
): Decision {
  return { kind: 'dispose', state, disposition, reason, tag }
}

/** Lets no message act by this signature again. */
export function spend({ sha256 }: Pick<Signature, 'sha256'>): Decision {
  return { kind: 'remember-signature', sha256 }
}

/** Puts an event on the record, checked by its kind. */
export function recorded<K extends EventKind>(
  kind: K,
  subject: Subject,
  by: Actor,
  about: Particulars[K]
): Decision {
  return { kind: 'record', event: event(kind, subject, by, about) }
}
