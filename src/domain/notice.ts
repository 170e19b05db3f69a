/**
 * An advance notice: what the secret list is told, under which approvals, and how each delivery stands. Types, their names and
 * total functions only.
 */
import { type Contact } from './address.ts'
import { type CaseTag, type Fingerprint, type Sha256 } from './ids.ts'
import { type Attachment } from './mail.ts'
import { type Instant } from './time.ts'
import { count } from './words.ts'

/** `drafting` and `held` never leave; `scheduled` is approved and waits; `releasing` is partly queued. */
export type NoticeState = 'drafting' | 'scheduled' | 'releasing' | 'released' | 'held'

/** Why the desk holds a notice by its own judgement, in words for people. */
export const HOLD_REASONS = {
  'approval-void':
    'its content, wording, date or list of recipients is no longer what was approved',
  'too-late': 'its instant was missed while the desk was down, and the policy says to ask a person',
  disclosed: 'the disclosure instant passed before it could leave',
  clock:
    'the clock of this machine jumped after its approved preview, so nobody knows whether its instant has really come',
  'no-product': 'the configuration has no product of this name any more',
  'no-notice': 'the policy of the product has no advance notice',
  failed: 'the desk failed at it three times; the log says where',
  unreached: 'no copy of it could be sent to any member of the list'
} as const
export type HoldBecause = keyof typeof HOLD_REASONS

/** What a notice may state, in its order, each with its heading. messages/transcript.liquid says what the form asks for. */
export const NOTICE_FIELDS = {
  title: 'Title',
  description: 'Description',
  scope: 'Scope',
  affected_versions: 'Affected versions',
  not_affected: 'Not affected',
  remedy_steps: 'Steps to remedy',
  patches: 'Patches',
  no_patches: 'Patches',
  disclosure_at: 'Disclosure',
  patch_available_at: 'Patch available',
  release_at: 'Release',
  mitigations: 'Mitigations',
  severity: 'Severity',
  cvss_vector: 'CVSS vector',
  cve: 'CVE',
  deploy_permission: 'Deployment before disclosure',
  exploited: 'Exploited',
  credit: 'Credit',
  usage_changes: 'Changes of usage',
  how_to_check: 'How to check',
  detection: 'Detection'
} as const

/** What a policy may require; `no_patches` says why there are no patches. */
export type NoticeField = Exclude<keyof typeof NOTICE_FIELDS, 'no_patches'>

/** A key that `/notice draft` takes. Patches are files, and the disclosure has a command of its own. */
export type NoticeTextField = Exclude<keyof typeof NOTICE_FIELDS, 'patches' | 'disclosure_at'>

const FIELDS = Object.keys(NOTICE_FIELDS) as (keyof typeof NOTICE_FIELDS)[]
export const REQUIRABLE_FIELDS = FIELDS.filter((key) => key !== 'no_patches')
export const NOTICE_TEXT_FIELDS: readonly NoticeTextField[] = FIELDS.filter(
  (key) => key !== 'patches' && key !== 'disclosure_at'
)

/** Fields written by a maintainer, by their key. */
export type NoticeFields = Readonly<Partial<Record<NoticeTextField, string>>>

/** A patch that goes along, byte for byte. */
export type Patch = Omit<Attachment, 'content'>

/** What the list read of an earlier revision: a later one says what changed since. */
export type ToldNotice = Pick<NoticeRecord, 'revision' | 'fields' | 'patches'> & {
  readonly disclosureAt: Instant | null
  /** The zone in which that date was written; null for none. */
  readonly disclosureZone: string | null
  /** When the list was first told. */
  readonly at: Instant
}

/** Whether the list, or a part of it, had a copy of any revision: whatever comes now is a change (B16). */
export function isListTold(notice: NoticeRecord | null): notice is NoticeRecord {
  return notice !== null && (notice.told !== null || notice.hasLeft)
}

/** One notice as stored; a case has at most one, in revisions. */
export type NoticeRecord = {
  readonly id: number
  readonly caseTag: CaseTag
  readonly product: string
  readonly state: NoticeState
  readonly revision: number
  readonly fields: NoticeFields
  readonly patches: readonly Patch[]
  /** None of them may approve it; `edits` is what each of them did since it was scheduled last. */
  readonly authors: {
    readonly ids: readonly string[]
    readonly edits: readonly { readonly id: string; readonly kind: string }[]
  }
  /** Codes that were issued for the present content, newest first. */
  readonly previews: readonly Preview[]
  /** Approvals over `digest`; void as soon as the digest of the present content differs. */
  readonly approvals: readonly {
    readonly maintainerId: string
    readonly digest: Sha256
    readonly at: Instant
    /** That of its preview. */
    readonly eventId: number
  }[]
  /** When the deliveries become due; null until scheduled. */
  readonly releaseAt: Instant | null
  readonly releasedAt: Instant | null
  /** Whether a copy of this revision left, is on its way or may have left; an edit then makes a new revision. */
  readonly hasLeft: boolean
  /** The revision that the list had before this one; null for the first notice. */
  readonly told: ToldNotice | null
  readonly version: number
}

/** Where the copies of a notice are. */
export type NoticeCopies = {
  /** The one that was released last; 0 when none was. */
  readonly revision: number
  /** Not sealed yet, or queued here; of any revision. */
  readonly here: number
  /** Being handed over at this moment, or when the process died; of any revision. */
  readonly onTheWay: number
  /** Refused for good or too often, of the last revision; the operator may send them again. */
  readonly givenUp: number
  /** Sent, of the last revision. */
  readonly left: number
}

/** Whether a hold could still stop a copy. */
export function isAnyHere({ here, onTheWay, givenUp }: NoticeCopies): boolean {
  return here + onTheWay + givenUp > 0
}

/** Whether a hold stops what was leaving: some members have it, or nobody has it and no earlier revision reached the list. */
export function isWithheld({ hasLeft, told, state }: NoticeRecord, copies: NoticeCopies): boolean {
  if (told === null) return hasLeft || state === 'releasing' || state === 'released'
  return hasLeft && copies.left + copies.onTheWay > 0
}

/** What a hold did, in words for people. */
export function copiesHeld({ left, here, onTheWay, givenUp }: NoticeCopies): string {
  const did: readonly (readonly [number, string])[] = [
    [left, 'had left already.'],
    [here, 'had not left and will not leave.'],
    [givenUp, 'could not be delivered and will not be tried again.'],
    [onTheWay, 'may be leaving at this moment, and will not be tried again.']
  ]
  return did
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${count(number, 'copy', 'copies')} ${what}`)
    .join(' ')
}

/** A code that the desk issued with a preview of exactly one content. */
export type Preview = {
  readonly code: string
  readonly digest: Sha256
  readonly issuedAt: Instant
  /** Its place on the record, which says whether the clock has jumped since. */
  readonly eventId: number
}

/** A member of the secret list, as far as decisions need to know. */
export type MemberRecord = Contact & {
  readonly id: string
  readonly products: readonly string[]
  readonly state: 'active' | 'removed'
  readonly fingerprint: Fingerprint
  readonly keyExpiresAt: Instant | null
  readonly addedAt: Instant
}

/** How one member's copy stands. */
export type DeliveryState = 'waiting' | 'queued' | 'sent' | 'held' | 'bounced' | 'given-up'
