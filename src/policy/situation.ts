/**
 * Everything that the decision about one message may depend on, read beforehand: the opened message and what the database
 * knows around it. Plain data; the hash is passed in as a function because the core may not import it.
 */
import { type Address } from '../domain/address.ts'
import type * as cases from '../domain/case.ts'
import { type CaseHistory } from '../domain/case-machine.ts'
import { type SealedRecipient } from '../domain/decision.ts'
import { type DeskEvent } from '../domain/event.ts'
import { type CaseTag, type MessageId, type Sha256 } from '../domain/ids.ts'
import { type EarlierContent, type OpenedMail } from '../domain/mail.ts'
import { type NamedMessage } from '../domain/message.ts'
import { type MemberRecord, type NoticeCopies, type NoticeRecord } from '../domain/notice.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { type ConversationOf } from './conversation.ts'

export type Situation = Moment & {
  readonly arrivalId: number
  readonly receivedAt: Instant
  /** When it came at the earliest: the age of its signature counts up to here. */
  readonly arrivedAt: Instant
  /** Where the mail server has it. */
  readonly place: { readonly mailbox: string; readonly uid: number }
  readonly size: number
  readonly opened: OpenedMail
  /** Set when opening was given up: the worker died or ran out of time three times (G9). */
  readonly quarantined: boolean
  /** The message of the desk that its In-Reply-To or References name. Anybody on the way can write these. */
  readonly answers: Issued | null
  /** The same of its protected header. */
  readonly answersInside: Issued | null
  /** A case of the same sender that it goes on with, by the Message-ID of a message of theirs, or by its subject. */
  readonly ownThread: OwnThread | null
  /** Whether they name any message of the desk: it may belong to no case. */
  readonly isAnswer: boolean
  /** Messages of the desk to the sender, a maintainer or reporter, that it quotes by their reference lines. */
  readonly quoted: readonly NamedMessage[]
  /** Whose conversation a maintainer's message continues. */
  readonly conversation: ConversationOf
  /** The list member whose message it answers, while on the list. */
  readonly answeredMember: (MemberRecord & { readonly keyData: Uint8Array }) | null
  /** The case that its protected subject or, if a list member signed it, its text names. */
  readonly tagged: cases.CaseRecord | null
  /** The case that its subject names, protected or not. */
  readonly subjectCase: cases.CaseRecord | null
  /** For a bounce: the outgoing message it returns. */
  readonly bounced: Issued | null
  /** The list member whose key validly signed the message, or else whose address it came from. */
  readonly member: { readonly record: MemberRecord; readonly signed: boolean } | null
  readonly signatureSeen: boolean
  /**
   * Marks of its body, with its Message-ID and with its date: whoever sends both again sends the same message over another path.
   * Everybody on the way can compute them, so they show nothing of what the desk found inside (G6).
   */
  readonly bodyMarks: readonly Sha256[]
  /** Messages in which its ciphertext or its body came before, perhaps without effect, oldest first. */
  readonly earlier: readonly EarlierContent[]
  /** Of the case of an earlier message of this sender: its acknowledgement is on hold, or none was ever made. */
  readonly earlierLacks: 'release' | 'acknowledgement' | null
  /** The pinned key of the message's sender. */
  readonly senderKey: cases.ReporterKey | null
  /** Keys of the sender's address that are not in use: offered and not accepted, or replaced. */
  readonly waitingKeys: readonly Pick<cases.WaitingKey, 'fingerprint' | 'refusedAt'>[]
  /** What was written to the sender and waits for a key of theirs, in all their cases. */
  readonly waitingWords: readonly cases.WaitingWords[]
  /** All open cases of the sender that have a date. */
  readonly dated: readonly DatedCase[]
  /** The sender's pinned key together with what this message brings of that same key; null when it brings nothing new. */
  readonly mergedKey: cases.ReporterKey | null
  /** Which automatic answers left lately. */
  readonly history: {
    /** Acknowledgements to proved senders and to all others apart: nobody who forges uses up what proved senders have. */
    readonly proved: AnswersLeaving
    readonly unproved: AnswersLeaving
    /** Refusals sent in the last hour to the maintainer whom the message names. */
    readonly refusalsLastHour: number
  }
  /**
   * What was forwarded of strangers one by one lately; whether a maintainer ever answered this sender; and whether no maintainer
   * has acted in the bound case.
   */
  readonly strangers: Record<'proved' | 'unproved', DomainShare> &
    Record<'wasAnswered' | 'isUntouched', boolean>
  /** The tag that a case opened now will get. */
  readonly nextTag: CaseTag
  /** The open cases of the same sender address, proved or not, newest first. */
  readonly senderCases: readonly CaseTag[]
  /** Whether a report came from the same address before; its case may have ended. */
  readonly hasReported: boolean
  /** All open cases, and ended ones in which something is due, where a maintainer's command asks for them; else empty. */
  readonly openCases: readonly cases.ListedCase[]
  /** The cases that a maintainer's /show names, where they exist. */
  readonly shown: readonly cases.CaseRecord[]
  /** The cases in which a maintainer's commands are to run, one line for all, where they exist. */
  readonly listed: readonly ListedBound[]
  /** The further messages under these numbers that only a list told of, oldest first. */
  readonly unforwarded: readonly { readonly tag: CaseTag; readonly arrivalId: number }[]
  /** What a maintainer's commands act on; null when the message names no known case. */
  readonly bound: BoundCase | null
}

/** How many messages since an hour ago are for the sender's registrable domain, and for each of the other domains. */
export type DomainShare = { readonly toDomain: number; readonly toOthers: readonly number[] }

/** Which acknowledgements left lately or will leave; to this sender, since 24 hours ago. */
export type AnswersLeaving = DomainShare & { readonly toSender: number }

/** Which message is answered: its Message-ID, and the date that it bears, or else when it came. */
export type AnsweredMessage = { readonly id: MessageId | null; readonly date: Instant }

export function answeredMessage({
  opened,
  receivedAt
}: Pick<Situation, 'opened' | 'receivedAt'>): AnsweredMessage {
  const { outer } = opened
  return { id: outer.messageId, date: opened.protected?.date ?? outer.date ?? receivedAt }
}

/** A message of the desk that somebody refers to, with its case. `isConfirmed`: what is protected inside names the case, too. */
export type Issued = NamedMessage & {
  readonly case: cases.CaseRecord
  readonly isConfirmed?: boolean
}

/** `subject`: also where the message is a copy of an earlier one with the same Message-ID. */
export type OwnThread = {
  readonly case: cases.CaseRecord
  /** `again`: this very message opened it, or joined it, and was put on hold. */
  readonly by: 'message-id' | 'subject' | 'again'
}

/** A case, and what was said of its date. */
export type DatedCase = { readonly record: cases.CaseRecord; readonly events: readonly DeskEvent[] }

/** A case with all that commands may read or change. */
export type BoundCase = {
  readonly case: cases.CaseRecord
  readonly history: CaseHistory
  /** All that happened to it, but for the messages that the mail server took. */
  readonly events: readonly DeskEvent[]
  /** The number that the message names: that of the case, or of one that was merged into it. */
  readonly named: CaseTag
  readonly reporterKeys: cases.ReporterKeys
  /** Keys that name a reporter and are not in use: sent before, or attached to this message of a maintainer. */
  readonly offeredKeys: readonly (cases.ReporterKey & {
    readonly address: Address
    readonly wasInUse?: boolean
  })[]
  /** What was written to its reporters and waits for a key of theirs, in all their cases. */
  readonly waitingWords: readonly cases.WaitingWords[]
  /** All other open cases of its reporters that have a date. */
  readonly dated: readonly DatedCase[]
  readonly notice: NoticeRecord | null
  /** Patches stored with the notice, for the preview; empty when the message brings its own. */
  readonly patchFiles: readonly OutgoingAttachment[]
  /** The entry in the record of the newest jump of the clock that was not undone; null when there is none. */
  readonly clockJump: number | null
  readonly copies: NoticeCopies
  /** Active members whom its last revision has not reached and would reach if it were released once more. */
  readonly unreached: number
  /** Active members who had a copy of any revision. */
  readonly noticed: readonly SealedRecipient[]
  /** Active members of the case's product. */
  readonly members: readonly MemberRecord[]
  /** What its reporters wrote, where a maintainer may command; else empty. */
  readonly reported: readonly string[]
  /** What its reporters were asked for today already, as `askedKey` names it. */
  readonly askedToday: readonly string[]
  /** The address to which its acknowledgement goes with /acknowledge, if it is on hold; else null. */
  readonly heldAnswerTo: Address | null
}

/**
 * `isUntouched`: no maintainer has done anything in it but look. `isVerified`: our mail servers or their key proved the sender of
 * its report.
 */
export type ListedBound = { readonly bound: BoundCase } & Readonly<
  Record<'isUntouched' | 'isVerified', boolean>
>

/** What is fixed at the moment of deciding. */
export type Moment = {
  readonly settings: Settings
  readonly now: Instant
  /** When the desk began to open the message: nothing that its sender sees may tell how long that took. */
  readonly begunAt: Instant
  /** 0 ≤ jitter < 1, for the acknowledgement's delay. */
  readonly jitter: number
  /** What the core may not make itself: a hash, and one fresh code for a preview. */
  readonly tools: {
    readonly sha256: (data: string | Uint8Array) => Sha256
    readonly code: string
  }
}
