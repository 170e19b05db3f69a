/**
 * The one record (G8): everything that happened at the desk, as typed events. History, audit, clocks and statistics are queries
 * over them. An event must never hold the content of a report or notice, a subject, or an address: it outlives a purge.
 */
import { type CaseTag, type Fingerprint, type MessageId, type Sha256 } from './ids.ts'
import { type Audience, type MessageKind } from './message.ts'
import { type HoldBecause, type NoticeCopies, type NoticeTextField } from './notice.ts'
import { type KeyRefusal } from './outgoing.ts'
import { type Instant } from './time.ts'
import { type TroubleCode } from './trouble.ts'

/** What an event is about. A case's notice and its reporters belong to the case, a certificate to its owner. */
export type Subject =
  | { readonly kind: 'case'; readonly id: CaseTag }
  | { readonly kind: 'member' | 'maintainer'; readonly id: string }
  | { readonly kind: 'desk'; readonly id: '' }

export const DESK: Subject = { kind: 'desk', id: '' }

export function aboutCase(tag: CaseTag): Subject {
  return { kind: 'case', id: tag }
}

/** Who did it. `operator` used the command line; `somebody` wrote under a name that nothing proves. People are named by id. */
export type Actor =
  | { readonly kind: 'desk' | 'operator' | 'somebody'; readonly id: '' }
  | { readonly kind: 'maintainer' | 'member' | 'reporter'; readonly id: string }

export const BY_DESK: Actor = { kind: 'desk', id: '' }
export const BY_OPERATOR: Actor = { kind: 'operator', id: '' }
export const BY_SOMEBODY: Actor = { kind: 'somebody', id: '' }

export function byMaintainer(id: string): Actor {
  return { kind: 'maintainer', id }
}

/** The message that made it happen: its bytes as fetched, and the signature that gave it authority (G4). */
export type Evidence = {
  readonly arrivalId: number | null
  readonly messageSha256: Sha256 | null
  readonly signatureSha256: Sha256 | null
}

export const NO_EVIDENCE: Evidence = { arrivalId: null, messageSha256: null, signatureSha256: null }

/** Who gets a message: a reporter, maintainer or member by id, or an outsider who is none of them. */
export type Recipient = { readonly audience: Audience; readonly recipient: string }

/** How a message left (G3): encrypted, or in clear under the one exception. */
export type Way = 'encrypted' | 'in-clear'

/** Whether the reporter learns of an end of the case, or the recorded reason why not. */
export type ReporterTold =
  | 'told'
  | 'waits-for-key'
  | 'no-address'
  | 'unverified'
  | 'silent-by-policy'

/** A line that was refused: its verb, '' where it is no command, and the reason in our words, without what they quote. */
export type RefusedLine = { readonly verb: string; readonly says: string }

/** `zone`: in which the date was written, null for none. `writtenAt`: when a maintainer caused it; it answers nothing that came since. */
type DateTold = {
  reporter: string
  date: Instant
  zone: string | null
  how: Way
  writtenAt: Instant
}

/** `queuedAt`: when the message, and what it told, came on the record. */
type Unreached = { reporter: string; message: MessageKind; outbox: number; queuedAt: Instant }

type Nothing = Readonly<Record<string, never>>
/** `failed`: the message could not be made; the log says why. `changed`: names of what else changed in the notice. */
type Untold = {
  reporter: string
  date: Instant
  because: 'no-key' | 'failed'
  changed: readonly string[]
}

/** When each promise to the reporter is due, by its clock; null: kept, or nobody can be answered. No later policy puts it off. */
export type Promised = Readonly<Record<string, Instant | null>> | null

/** What a reporter's message did to an ended case: opened it; or brought the key with which its end leaves only now. */
type WroteEffect = 'reopens' | 'brings-key' | 'none'

/**
 * Every kind of event with the type of its particulars; the values stand for nothing. A new fact is one entry here and a sentence
 * in messages/history.yaml. `reason` is what a maintainer wrote after `because`; what a reporter reads is content and not here.
 */
const EVENTS = {
  // What came in.
  opened: {} as { product: string; reporter: string; receivedAt: Instant; promised?: Promised },
  /** Nobody can answer the report, so no promise to its reporter reminds of it. */
  'address-missing': {} as { receivedAt: Instant },
  'reporter-wrote': {} as { reporter: string; receivedAt: Instant; effect: WroteEffect },
  'member-wrote': {} as { member: string; isSigned: boolean },
  'other-wrote': {} as { receivedAt: Instant | null },
  'message-refused': {} as { because: string },
  /** Too many were refused lately: nobody was answered, and a clock tells the maintainers. */
  'refused-unanswered': {} as { because: string },
  /** On hold: a delivery report about no message of the desk. */
  'bounce-unmatched': {} as Nothing,
  /** On hold, because not even its header could be read. */
  'message-unread': {} as { bytes: number },
  /** A message that was on hold is handled as a new one. */
  'handled-again': {} as { number: number; again: number },
  'commands-ran': {} as { verbs: readonly string[] },
  'commands-refused': {} as { refused: readonly RefusedLine[] },

  // What people decided about a case.
  taken: {} as { from: string | null },
  noted: {} as Nothing,
  'moved-product': {} as {
    from: string
    to: string
    /** As in `embargo-set`, by the policy of the new product. */
    leaveBy: Instant | null
  },
  /** `writtenAt`: the words waited for a key of the reporter; what came after that is not answered. */
  answered: {} as { reporter: string; with: MessageKind; how: Way; writtenAt?: Instant },
  'plan-told': {} as { reporter: string; how: Way; writtenAt?: Instant },
  'info-asked': {} as { reporter: string; how: Way; writtenAt?: Instant },
  /** A person's words wait for a key of the reporter; they leave when it comes, and until then nobody was answered. */
  'words-wait': {} as { reporter: string; with: MessageKind; writtenAt: Instant },
  /** They do not leave any more: withdrawn by hand (`unsent`), or a later decision made them untrue. */
  'words-dropped': {} as {
    reporter: string
    with: MessageKind
    author: string
    writtenAt: Instant
    because: 'unsent' | 'reopened' | 'accepted' | 'rejected'
    reason: string
  },
  'member-answered': {} as { member: string },
  'acknowledgement-released': {} as Nothing,
  accepted: {} as Nothing,
  rejected: {} as { code: string; reason: string; told: ReporterTold },
  merged: {} as { into: CaseTag; told: ReporterTold },
  /** A reporter of another case belongs to this one now, and waits for a person since `receivedAt`; null: does not wait. */
  'merged-in': {} as {
    from: CaseTag
    reporter: string
    receivedAt: Instant | null
    promised?: Promised
    /** Whether the message about the merge answers this person. */
    isAnswered: boolean
  },
  reopened: {} as { reason: string },
  /** `date` is when it became public; `reason` says why before its date, '' otherwise. */
  disclosed: {} as { date: Instant; reason: string },
  closed: {} as {
    disposition: 'disclosed' | 'internal' | 'rejected'
    reason: string
    told: ReporterTold
  },

  // Dates.
  'embargo-set': {} as {
    oldDate: Instant | null
    date: Instant
    /** As the maintainer wrote it, zone included. */
    written: string
    reason: string
    /** When the notice has to leave by the policy's lead; null where there is none or it has left. */
    leaveBy: Instant | null
  },
  /** The list learned the date, and the desk could not write it to the reporter. */
  'date-untold': {} as Untold,
  /** The list learned what else changed in the notice, and the desk could not write that to the reporter. */
  'change-untold': {} as Untold,
  /** It is public, and the desk could not write that to the reporter. */
  'disclosure-untold': {} as Untold,
  /** They were asked whether it suits them. */
  'date-asked': {} as DateTold,
  'date-told': {} as DateTold,
  'date-answered': {} as { reporter: string; date: Instant; answer: 'agree' | 'object' },

  // The notice of a case.
  'notice-drafted': {} as {
    revision: number
    fields: readonly NoticeTextField[]
    patches: readonly Sha256[]
  },
  'notice-previewed': {} as { revision: number; digest: Sha256; code: string; members: number },
  'notice-approved': {} as { revision: number; digest: Sha256; code: string; members: number },
  /** A change of the notice made these maintainers' approvals void before the notice left. */
  'approvals-voided': {} as { of: readonly string[] },
  'notice-scheduled': {} as { revision: number; leavesAt: Instant },
  'notice-held': {} as {
    revision: number
    because: HoldBecause | 'maintainer' | 'operator'
    reason: string
    copies: NoticeCopies
    /** Null where this revision had not begun to leave. */
    withheldSince: Instant | null
  },
  'notice-leaving': {} as {
    revision: number
    digest: Sha256
    lateMs: number
    /** Whether a reporter is owed the date that the list is told. */
    isDateOwed: boolean
  },
  /** The first copy of a release has left. `dateOwed`: since when a reporter is owed the date; null where none is. */
  'list-told': {} as { revision: number; dateOwed: Instant | null },
  'notice-left': {} as { revision: number; sent: number; held: number },
  /** A new date or content for a list that was told has to be approved in time; null: it is again what the list has. */
  'change-proposed': {} as { oldDate: Instant; date: Instant; approveBy: Instant | null },
  'copy-waits': {} as { member: string; revision: number; leavesAt: Instant },
  'copy-left': {} as { member: string },
  /** The member came on the list, or came back, after the notice had left. */
  'copy-missing': {} as { member: string; revision: number },
  /** It will not leave any more: its date has come (`date-moved`: there is a later one now), or its member is gone. */
  'copy-dropped': {} as { member: string; because: 'public' | 'date-moved' | 'not-listed' },

  // Messages of the desk. `message` is the kind, `id` the Message-ID.
  /** The mail server took it. */
  told: {} as Recipient & { message: MessageKind; id: MessageId },
  /** Strangers wrote too much: a list for the maintainers tells of the report or further message, and nobody was sent it (A5). */
  listed: {} as { reporter: string },
  /**
   * A report, or a further message in its case, is on its way to the maintainers. `to`: the one who asked for it, '' for all;
   * `message`: its number, 0 for the report; `reporter` is '' for a message of somebody else.
   */
  forwarded: {} as { reporter: string; to: string; message: number },
  /** A maintainer's mail server took the first copy of it: before that, nobody has seen it. */
  shown: {} as { reporter: string; message: number },
  /** The same for a message about the date, which asked or told a reporter something only now. */
  'date-left': {} as Recipient & { message: MessageKind; id: MessageId; reporter: string },
  'not-encrypted': {} as Recipient & { message: MessageKind; because: KeyRefusal },
  undelivered: {} as Recipient & {
    message: MessageKind
    outbox: number
    because: 'rejected' | 'unreachable' | 'no-utf8' | 'bounced'
    /** SMTP reply code, 0 for none. */
    code: number
    attempts: number
  },
  /** A message that answers the reporter did not arrive: they still wait. */
  'reporter-unreached': {} as Unreached,
  /** A message about the date of the disclosure did not arrive. */
  'date-unreached': {} as Unreached,
  /** What did not arrive is owed no more: they were told another way, or cannot be told. */
  'told-otherwise': {} as { reporter: string; reason: string },
  /** On the record of the case that the message is about, else of the desk; `reporter`: '' where it is for somebody else. */
  retried: {} as Recipient & { message: MessageKind; outbox: number; reporter: string },
  /** `to`: the maintainers who were told, '' for the list member; `dueAt`: null for what merely happened. */
  rang: {} as {
    clock: string
    title: string
    to: readonly string[]
    generation: number
    step: string
    dueAt: Instant | null
    isLate: boolean
  },

  // Keys and the list.
  'key-asked': {} as { reporter: string },
  'key-pinned': {} as {
    reporter: string
    fingerprint: Fingerprint
    source: string
    replaced: Fingerprint | null
    isUsable: boolean
    isProved: boolean
  },
  'key-refused': {} as { reporter: string; fingerprint: Fingerprint; reason: string },
  'key-offered': {} as { reporter: string; fingerprint: Fingerprint },
  /** The desk saw a certificate for the first time, or with another end. No fingerprint for a member: it would name them. */
  'certificate-seen': {} as { fingerprint: Fingerprint | null; expiresAt: Instant | null },
  'member-added': {} as { products: readonly string[] },
  'member-removed': {} as Nothing,

  // The desk itself.
  /** The mail server does not let the desk move handled mail out of the inbox; and it does again. */
  'mail-stays': {} as Nothing,
  'mail-moves': {} as Nothing,
  /** The inbox could not be opened; and it was again. */
  'inbox-closed': {} as { because: TroubleCode | 'bug' },
  'inbox-opened': {} as Nothing,
  /** Once more in a row; `says`: what the server answered, and what to do. */
  'login-refused': {} as { says: string },
  /** It failed at one thing, a bug, and went on with the others. */
  'desk-failed': {} as { at: string; error: string },
  /** The mail server refuses our account or our sender: messages wait. At most once a day. */
  /** `isCertain`: it is about us, and not perhaps about some recipients. */
  'sending-refused': {} as { code: number; isCertain: boolean },
  /** The disk of the database is nearly full: so many bytes are free. At most once a day. */
  'disk-low': {} as { free: number },
  /** Messages of strangers wait in the mailbox, because there is no room for more of them today. At most once a day. */
  'strangers-wait': {} as { messages: number; bytes: number },
  'clock-doubted': {} as { ms: number },
  'clock-trusted': {} as Nothing,
  /** When the next list of strangers' reports comes; and a maintainer's mail server took the first copy of it. */
  'list-planned': {} as { date: Instant },
  'list-taken': {} as { date: Instant },
  /** When the next digest comes, in place of what was planned before; null for never. */
  'digest-planned': {} as { date: Instant | null }
}

/** The particulars of each kind. */
export type Particulars = {
  readonly [K in keyof typeof EVENTS]: Readonly<(typeof EVENTS)[K]>
}
export type EventKind = keyof Particulars
/** Every kind of event, for what reads them from a file. */
export const EVENT_KINDS = Object.keys(EVENTS) as EventKind[]
/** Kinds that clocks go by. Not `told`: the clocks of a case must not wait while its notice leaves for hundreds. */
export const CLOCK_KINDS: EventKind[] = EVENT_KINDS.filter((kind) => kind !== 'told')
/** Kinds that decisions about a case go by. Not what becomes of each member's copy: that grows with the list. */
export const CASE_KINDS: EventKind[] = CLOCK_KINDS.filter(
  (kind) => !kind.startsWith('copy-') && kind !== 'undelivered'
)

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
  // The compiler does not see that `kind` and `about` belong together.
  return { kind, subject, actor, about } as NewEvent
}

/** The kinds whose particulars hold an instant of that name. Clocks count from it, or from `at`, when the event was recorded. */
export const KINDS_WITH = {
  receivedAt: ['opened', 'address-missing', 'reporter-wrote', 'other-wrote', 'merged-in'],
  date: [
    ...(['embargo-set', 'change-proposed', 'disclosed'] as const),
    ...(['digest-planned', 'list-planned', 'list-taken'] as const),
    ...(['date-asked', 'date-told', 'date-answered'] as const),
    ...(['date-untold', 'change-untold', 'disclosure-untold'] as const)
  ],
  leaveBy: ['embargo-set', 'moved-product'],
  withheldSince: ['notice-held'],
  dateOwed: ['list-told'],
  approveBy: ['change-proposed'],
  expiresAt: ['certificate-seen']
} satisfies Record<string, EventKind[]>
export type InstantName = 'at' | keyof typeof KINDS_WITH

/** The instant of that name that an event speaks of; null where it says there is none, `at` where it does not know the name. */
export function instantOf(event: DeskEvent, name: InstantName): Instant | null {
  const about: Readonly<Record<string, unknown>> = event.about
  if (name === 'at' || !Object.hasOwn(about, name)) return event.at
  const value = about[name]
  return typeof value === 'string' ? (value as Instant) : null
}
