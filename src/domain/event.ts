/**
 * The one record (G8): everything that happened at the desk, as typed events. History of a case, audit, facts that clocks
 * start and stop on, and statistics are queries over them. Types and total functions only. An event must never hold the
 * content of a report or notice, a subject, or an address: it outlives a purge. People are named by id.
 */
import { type CaseTag, type Fingerprint, type MessageId, type Sha256 } from './ids.ts'
import { type Audience, type MessageKind } from './message.ts'
import { type HoldBecause, type NoticeCopies, type NoticeTextField } from './notice.ts'
import { type KeyRefusal } from './outgoing.ts'
import { type Instant } from './time.ts'

/** What an event is about. A case's notice and its reporters belong to the case; a certificate to whose it is. */
export type Subject =
  | { readonly kind: 'case'; readonly id: CaseTag }
  | { readonly kind: 'member' | 'maintainer'; readonly id: string }
  | { readonly kind: 'desk'; readonly id: '' }

export const DESK: Subject = { kind: 'desk', id: '' }

export function aboutCase(tag: CaseTag): Subject {
  return { kind: 'case', id: tag }
}

/**
 * Who did it. `operator` used the command line; `somebody` wrote under a name that nothing proves. The id of a reporter is
 * the number that their report got, the id of a maintainer or member its short name.
 */
export type Actor =
  | { readonly kind: 'desk' | 'operator' | 'somebody'; readonly id: '' }
  | { readonly kind: 'maintainer' | 'member' | 'reporter'; readonly id: string }

export const BY_DESK: Actor = { kind: 'desk', id: '' }
export const BY_OPERATOR: Actor = { kind: 'operator', id: '' }
export const BY_SOMEBODY: Actor = { kind: 'somebody', id: '' }

export function byMaintainer(id: string): Actor {
  return { kind: 'maintainer', id }
}

/** The message that made it happen: its bytes, and the signature that gave it authority (G4). */
export type Evidence = {
  readonly arrivalId: number | null
  readonly messageSha256: Sha256 | null
  readonly signatureSha256: Sha256 | null
}

export const NO_EVIDENCE: Evidence = {
  arrivalId: null,
  messageSha256: null,
  signatureSha256: null
}

/** Who gets a message: a reporter, maintainer or member by id, or an outsider who is none of them. */
export type Recipient = { readonly audience: Audience; readonly recipient: string }

/**
 * How sure it is that a refused message is by the maintainer that it names: `proved` by our mail servers, `signed` with the
 * registered key by a signature that was never seen before, or `unproved`: anybody can have written it.
 */
export type RefusalStanding = 'proved' | 'signed' | 'unproved'

/** How a message left (G3): encrypted, or in clear under the one exception. */
export type Way = 'encrypted' | 'in-clear'

/** Whether the reporter learns of an end of the case, or the recorded reason why not. */
export type ReporterTold = 'told' | 'waits-for-key' | 'no-address' | 'silent-by-policy'

type Nothing = Readonly<Record<string, never>>

/** By when the reporter was promised something, by the clock that watches it: another policy makes that no later. */
export type Promised = Readonly<Record<string, Instant>>

/**
 * Every kind of event with its particulars. A new fact is one entry here. `reason` is what a maintainer wrote after `because`
 * for the record; the text that a reporter gets is content and stands in the messages of the case alone.
 */
export type Particulars = {
  // What came in.
  readonly opened: {
    readonly product: string
    readonly reporter: string
    readonly receivedAt: Instant
    readonly promised?: Promised
  }
  readonly 'reporter-wrote': { readonly reporter: string; readonly receivedAt: Instant }
  readonly 'member-wrote': { readonly member: string; readonly isSigned: boolean }
  readonly 'other-wrote': Nothing
  readonly 'message-refused': { readonly because: string }
  /** Too many were refused lately: nobody was answered, and a clock tells the maintainers. */
  readonly 'refused-unanswered': {
    readonly because: string
    readonly standing: RefusalStanding
  }
  /** On hold, because its encrypted content came before: from another sender, or into these cases. */
  readonly 'ciphertext-reused': { readonly cases: readonly CaseTag[] }
  /** On hold: a delivery report about no message of the desk. */
  readonly 'bounce-unmatched': Nothing
  /** On hold, because not even its header could be read. */
  readonly 'message-unread': { readonly bytes: number }
  /** Verbs by their names in the vocabulary; `unknown` for what is none. */
  readonly 'commands-ran': { readonly verbs: readonly string[] }
  readonly 'commands-refused': { readonly verbs: readonly string[] }

  // What people decided about a case.
  readonly taken: { readonly from: string | null }
  readonly noted: Nothing
  readonly 'moved-product': {
    readonly from: string
    readonly to: string
    /** As in `embargo-set`, by the policy of the new product. */
    readonly leaveBy: Instant | null
  }
  /** A person's words left for the reporter. */
  readonly answered: {
    readonly reporter: string
    readonly with: MessageKind
    readonly how: Way
  }
  /** A plan and workarounds left for the reporter (M-08). */
  readonly 'plan-told': { readonly reporter: string; readonly how: Way }
  readonly 'info-asked': { readonly reporter: string; readonly how: Way }
  /** A person's words wait for a key of the reporter; they leave when it comes, and until then nobody was answered. */
  readonly 'words-wait': { readonly reporter: string; readonly with: MessageKind }
  /** They do not leave any more: withdrawn by hand (`unsent`), or a later decision made them untrue. */
  readonly 'words-dropped': {
    readonly reporter: string
    readonly with: MessageKind
    readonly author: string
    /** When they were written. */
    readonly date: Instant
    readonly because: 'unsent' | 'reopened' | 'accepted'
    readonly reason: string
  }
  readonly 'member-answered': { readonly member: string }
  readonly 'acknowledgement-released': Nothing
  readonly accepted: Nothing
  readonly rejected: { readonly code: string; readonly told: ReporterTold }
  readonly merged: { readonly into: CaseTag; readonly told: ReporterTold }
  /** A reporter of another case belongs to this one now. `receivedAt` says since when they wait for a person; null: they do not. */
  readonly 'merged-in': {
    readonly from: CaseTag
    readonly reporter: string
    readonly receivedAt: Instant | null
    readonly promised?: Promised
  }
  readonly reopened: { readonly reason: string }
  /** `date` is when it became public; `reason` says why before its date, '' otherwise. */
  readonly disclosed: { readonly date: Instant; readonly reason: string }
  readonly closed: {
    readonly disposition: 'disclosed' | 'internal' | 'rejected'
    readonly reason: string
    readonly told: ReporterTold
  }

  // Dates.
  readonly 'embargo-set': {
    readonly oldDate: Instant | null
    readonly date: Instant
    /** As the maintainer wrote it, zone included. */
    readonly written: string
    readonly reason: string
    /** When the notice has to leave by the policy's lead; null where there is none or it has left. */
    readonly leaveBy: Instant | null
  }
  /** The list learned the date, and nobody could write it to the reporter. */
  readonly 'date-untold': {
    readonly reporter: string
    readonly because: 'no-key' | 'no-address'
  }
  readonly 'date-told': { readonly reporter: string; readonly date: Instant; readonly how: Way }
  readonly 'date-answered': {
    readonly reporter: string
    readonly date: Instant
    readonly answer: 'agree' | 'object'
  }

  // The notice of a case.
  readonly 'notice-drafted': {
    readonly revision: number
    readonly fields: readonly NoticeTextField[]
    readonly patches: readonly Sha256[]
  }
  readonly 'notice-previewed': {
    readonly revision: number
    readonly digest: Sha256
    readonly code: string
  }
  readonly 'notice-approved': {
    readonly revision: number
    readonly digest: Sha256
    readonly code: string
  }
  readonly 'notice-scheduled': { readonly revision: number; readonly leavesAt: Instant }
  readonly 'notice-held': {
    readonly revision: number
    readonly because: HoldBecause | 'maintainer' | 'operator'
    readonly copies: NoticeCopies
    /** Null where this revision had not begun to leave. */
    readonly withheldSince: Instant | null
  }
  readonly 'notice-leaving': {
    readonly revision: number
    readonly digest: Sha256
    readonly lateMs: number
  }
  readonly 'notice-left': {
    readonly revision: number
    readonly sent: number
    readonly held: number
  }
  /** The list was told before; a new date or content is written and has to be approved. */
  readonly 'change-proposed': { readonly oldDate: Instant; readonly date: Instant }
  /** One member's copy is not delivered yet. */
  readonly 'copy-waits': {
    readonly member: string
    readonly revision: number
    readonly leavesAt: Instant
  }
  readonly 'copy-left': { readonly member: string }
  /**
   * The copy will not leave any more: the date that it names has come (`date-moved`: the disclosure has a later one now), or its
   * member is not active on the list any more.
   */
  readonly 'copy-dropped': {
    readonly member: string
    readonly because: 'public' | 'date-moved' | 'not-listed'
  }

  // Messages of the desk. `message` is the kind, `id` the Message-ID.
  readonly told: Recipient & {
    readonly message: MessageKind
    readonly id: MessageId
  }
  readonly 'not-encrypted': Recipient & {
    readonly message: MessageKind
    readonly because: KeyRefusal
  }
  readonly undelivered: Recipient & {
    readonly message: MessageKind
    readonly outbox: number
    readonly because: 'rejected' | 'unreachable' | 'bounced'
    /** SMTP reply code, 0 for none. */
    readonly code: number
    readonly attempts: number
  }
  readonly retried: { readonly outbox: number }
  /** A clock told somebody. */
  readonly rang: {
    readonly clock: string
    readonly generation: number
    readonly step: string
    readonly dueAt: Instant
    readonly isLate: boolean
  }

  // Keys and the list.
  readonly 'key-asked': { readonly reporter: string }
  readonly 'key-pinned': {
    readonly reporter: string
    readonly fingerprint: Fingerprint
    readonly source: string
    readonly replaced: Fingerprint | null
    readonly isUsable: boolean
    readonly isProved: boolean
  }
  /** A maintainer said that it is not this reporter's. */
  readonly 'key-refused': {
    readonly reporter: string
    readonly fingerprint: Fingerprint
    readonly reason: string
  }
  readonly 'key-offered': {
    readonly reporter: string
    readonly fingerprint: Fingerprint
    readonly isKept: boolean
  }
  /** The desk saw a certificate for the first time, or with another end. No fingerprint for a member: it would name them. */
  readonly 'certificate-seen': {
    readonly fingerprint: Fingerprint | null
    readonly expiresAt: Instant | null
  }
  readonly 'member-added': { readonly products: readonly string[] }
  readonly 'member-removed': Nothing

  // The desk itself.
  /** It failed at one thing, a bug, and went on with the others. */
  readonly 'desk-failed': { readonly at: string; readonly error: string }
  readonly 'clock-doubted': { readonly ms: number }
  readonly 'clock-trusted': Nothing
  /** When the next digest comes; the other one says that it does not come then after all. */
  readonly 'digest-planned': { readonly date: Instant }
  readonly 'digest-dropped': { readonly date: Instant }
}

export type EventKind = keyof Particulars

/** One thing that is to be put on the record. */
export type NewEvent<K extends EventKind = EventKind> = {
  [Kind in K]: {
    readonly kind: Kind
    readonly subject: Subject
    readonly actor: Actor
    readonly about: Particulars[Kind]
  }
}[K]

/** One entry of the record. */
export type DeskEvent<K extends EventKind = EventKind> = NewEvent<K> & {
  readonly id: number
  readonly at: Instant
  readonly evidence: Evidence
}

/** A new event, checked by its kind. */
export function event<K extends EventKind>(
  kind: K,
  subject: Subject,
  actor: Actor,
  about: Particulars[K]
): NewEvent {
  // The compiler cannot see that one K is at the same time all of the union's members.
  return { kind, subject, actor, about } as NewEvent
}

/** Names of the particulars that hold an instant; `at` is when the event was recorded. */
export const INSTANT_NAMES = [
  'at',
  'receivedAt',
  'date',
  'oldDate',
  'leaveBy',
  'leavesAt',
  'withheldSince',
  'expiresAt'
] as const
export type InstantName = (typeof INSTANT_NAMES)[number]

/** The instant of that name that an event speaks of; null where it says there is none, `at` where it does not know the name. */
export function instantOf(event: DeskEvent, name: InstantName): Instant | null {
  const about: Readonly<Record<string, unknown>> = event.about
  if (name === 'at' || !Object.hasOwn(about, name)) return event.at
  const value = about[name]
  return typeof value === 'string' ? (value as Instant) : null
}
