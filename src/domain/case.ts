/** A case: the desk's unit of work for one report, its states and who speaks in it. Types and total functions only. */
import { addressKey, type Contact, isSameAddress } from './address.ts'
import { type Due } from './clock.ts'
import { type CaseTag, type Fingerprint, type MessageId } from './ids.ts'
import { type KeySource } from './mail.ts'
import { type KeyMaterial, type PinnedCertificate } from './outgoing.ts'
import { type Instant } from './time.ts'

/** Where a case stands. `planned`: it has a disclosure date; `noticed`: the list was told. */
export type CaseState =
  | 'received'
  | 'triaging'
  | 'needs-info'
  | 'accepted'
  | 'planned'
  | 'noticed'
  | 'disclosed'
  | 'rejected'
  | 'merged'
  | 'closed'

/** Whether the case still waits for the project to act. */
export function isOpen(state: CaseState): boolean {
  return state !== 'rejected' && state !== 'merged' && state !== 'closed'
}

/** Somebody who reported: who sent the message that opened the case, or one that was merged into it. */
export type Reporter = {
  /** The number that their report got: it stays when that case is merged into another one. */
  readonly id: string
  readonly openedAt: Instant
  /** Answers go here and nowhere else; null when the report named no usable address. */
  readonly contact: Contact | null
  /** Whether the report came in clear, for the one exception of G3. */
  readonly beganInClear: boolean
  /** Keys that came for their address, neither in use nor refused, newest first. With one, nothing goes in clear (G3). */
  readonly unusedKeys: readonly Fingerprint[]
  /** First Message-ID of the thread with them: their own, or one the desk made. */
  readonly root: MessageId
  /** Message-ID of their latest message, to answer to; null when they sent none. */
  readonly latest: MessageId | null
  /** When a person wrote the first answer that did not get lost. */
  readonly answeredAt: Instant | null
}

/** What a maintainer last decided about where a case goes: the code of a rejection, and the reason; '' where there is none. */
export type LastDecision = {
  readonly kind: 'accepted' | 'rejected' | 'disclosed' | 'closed' | 'reopened'
  readonly code: string
  readonly reason: string
}

/** One case as stored. */
export type CaseRecord = {
  readonly id: number
  readonly tag: CaseTag
  readonly product: string
  readonly state: CaseState
  readonly decided: LastDecision | null
  /** The first reporter, then those whose cases were merged into this one. A merged case has none left. */
  readonly reporters: readonly Reporter[]
  /** The report's subject as protected (else outer): content, shown to maintainers only. */
  readonly subject: string
  readonly receivedAt: Instant
  readonly openedAt: Instant
  readonly owner: string | null
  readonly disclosureAt: Instant | null
  /** The zone or offset in which a maintainer wrote the date; messages show it in that, too. */
  readonly disclosureZone: string | null
  /** Why it is that date; '' where nobody said so. */
  readonly disclosureReason: string
  readonly mergedInto: CaseTag | null
  /** First Message-ID of the maintainers' thread: never sent itself, heads every References. */
  readonly maintainerRoot: MessageId
  /** Grows with every change; a commit over an older version is refused as a conflict. */
  readonly version: number
}

/** The reporter with this number; the first one where several are the same person. */
export function reporterWith(
  { reporters }: Pick<CaseRecord, 'reporters'>,
  id: string
): Reporter | null {
  const named = reporters.find((one) => one.id === id) ?? null
  return reporters.find((one) => named !== null && isSamePerson(one, named)) ?? null
}

/** The address of the reporter with this number; '' where the case has no other. */
export function addressAmong(record: Pick<CaseRecord, 'reporters'>, id: string): string {
  return record.reporters.length < 2 ? '' : (reporterWith(record, id)?.contact?.address ?? '')
}

/** What happened, with the reporter's number replaced by the first number of the same person. */
export function underOneNumber<Happened extends { readonly about: object }>(
  record: Pick<CaseRecord, 'reporters'>,
  happened: Happened
): Happened {
  const { about } = happened
  if (!('reporter' in about) || typeof about.reporter !== 'string') return happened
  const reporter = reporterWith(record, about.reporter)?.id ?? about.reporter
  return { ...happened, about: { ...about, reporter } }
}

/** Whether both are one person, as far as an address tells. */
export function isSamePerson(one: Reporter, other: Reporter): boolean {
  if (one.contact === null || other.contact === null) return one.id === other.id
  return isSameAddress(one.contact.address, other.contact.address)
}

/** The date of the disclosure, if it is still to come. */
export function comingDate(record: CaseRecord, now: Instant): Instant | null {
  const { disclosureAt: date, state } = record
  return !isOpen(state) || state === 'disclosed' || date === null || date <= now ? null : date
}

/** The case after a person has answered the reporter with this number. */
export function withAnswer(record: CaseRecord, id: string, at: Instant): CaseRecord {
  const to = reporterWith(record, id)
  const reporters = record.reporters.map((one) =>
    to !== null && isSamePerson(one, to) ? { ...one, answeredAt: one.answeredAt ?? at } : one
  )
  return { ...record, reporters }
}

/** The reporters who learn of a decision about the case: those who named an address, each address once. */
export function addresseesOf({ reporters }: Pick<CaseRecord, 'reporters'>): readonly Addressed[] {
  const all = reporters.flatMap((one) => addressed(one) ?? [])
  return all.filter((one) => all.find((other) => isSamePerson(one, other)) === one)
}

/** Everybody who reported, each person once. */
export function everybodyOf({ reporters }: Pick<CaseRecord, 'reporters'>): readonly Reporter[] {
  return [...addresseesOf({ reporters }), ...reporters.filter(({ contact }) => contact === null)]
}

/** A reporter who named an address. */
export type Addressed = Reporter & { readonly contact: Contact }

/** This reporter; null where they named no address. */
export function addressed(reporter: Reporter): Addressed | null {
  const { contact } = reporter
  return contact === null ? null : { ...reporter, contact }
}

/** Every number under which the case is known: its own, and those of the cases that were merged into it. */
export function numbersOf(record: Pick<CaseRecord, 'tag' | 'reporters'>): readonly string[] {
  return [record.tag, ...record.reporters.map(({ id }) => id)]
}

/** The known keys of reporters, by {@link addressKey}. */
export type ReporterKeys = ReadonlyMap<string, ReporterKey>

/** The known key of a reporter; null when there is none. */
export function reporterKeyOf(
  reporter: Pick<Reporter, 'contact'> | null,
  keys: ReporterKeys
): ReporterKey | null {
  const contact = reporter?.contact ?? null
  return contact === null ? null : (keys.get(addressKey(contact.address)) ?? null)
}

/** A maintainer's words to a reporter of whom no usable key is known (G3). */
export type KeptWords = {
  readonly mail: 'reply' | 'accepted' | 'rejected' | 'merged' | 'closed' | 'reopened'
  readonly params: { readonly author: string; readonly text: string; readonly decision: string }
  /** What is on the record once they have left. */
  readonly events: readonly ('answered' | 'plan-told' | 'info-asked')[]
}

/** Kept words as stored, with the case that their reporter belongs to now. */
export type WaitingWords = KeptWords & {
  readonly id: number
  readonly tag: CaseTag
  readonly product: string
  readonly reporter: Pick<Addressed, 'id' | 'contact' | 'beganInClear'>
  /** Id of the maintainer who wrote them, and their message. */
  readonly authorId: string
  readonly arrivalId: number
  readonly at: Instant
}

/** One message on the record of a case. */
export type CaseMessage = {
  readonly at: Instant
  readonly author: 'reporter' | 'maintainer' | 'member' | 'other'
  /** Reporter, maintainer or member id; '' for others. */
  readonly authorId: string
  /** `internal` stays among the maintainers; the others are shared with a reporter or a list member. */
  readonly audience: 'internal' | 'reporter' | 'member'
  readonly subject: string
  readonly text: string
  readonly messageId: MessageId | null
  readonly arrivalId: number
}

/** A key that came under an address, or that the operator registered for it. */
export type PinnedKey = PinnedCertificate & {
  readonly source: KeySource
  readonly firstSeenAt: Instant
}

/** A key that waits under an address. `wasInUse`: answers were sealed to it. `refusedAt`: when a maintainer refused it. */
export type WaitingKey = PinnedKey & {
  readonly wasInUse: boolean
  readonly refusedAt: Instant | null
  readonly refusedBy: string | null
}

/** A key to pin. A signature by any of `signingKeys` is one of its owner (see `KeyFacts`). */
export type KeyToPin = PinnedKey &
  KeyMaterial & {
    /** Whether its owner signed with it, or a maintainer accepted it. Any other may be anybody's and contradicts nobody. */
    readonly isProved: boolean
  }

/** A pinned key as it is now: one that expired or was revoked is still the known one, but nothing can be sealed to it. */
export type ReporterKey = KeyToPin & { readonly isUsable: boolean; readonly hasExpired?: boolean }

/** One case in a list, with the promise that is due first; null where nothing is. */
export type ListedCase = CaseRecord & {
  readonly due: Due | null
  /** Whether the list goes by its date. */
  readonly isListTold?: boolean
  /** Whether its date holds, or it is public: a case that ended without disclosure has none. */
  readonly hasDate?: boolean
}
