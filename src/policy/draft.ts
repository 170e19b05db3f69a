/**
 * The working copy that a command mail changes: a case, its notice and what has been decided so far. Commands take a draft
 * and return a new one or a refusal; nothing is kept unless every line was accepted (all or nothing).
 */
import { type CaseRecord, type ReporterKey } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import {
  aboutCase,
  byMaintainer,
  type EventKind,
  event,
  type Particulars
} from '../domain/event.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Maintainer, type Product, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { preview as previewMessage } from '../messages/to-maintainers.ts'
import { type BoundCase, type Tools } from './situation.ts'

/** A file of the command mail, hashed. */
export type HashedFile = OutgoingAttachment & { readonly sha256: Sha256 }

/** One command as written. */
export type Command = {
  /** As typed, one line, without any block: what the transcript repeats. */
  readonly line: string
  /** Name of the verb: `notice draft`. */
  readonly verb: string
  /** Words after the verb, without the block. */
  readonly words: readonly string[]
  /**
   * Text of a `<<` block as it stands, or the author's own text below for a verb that takes it and has no block (with its
   * quotations for `/reply quote`); null when neither.
   */
  readonly text: string | null
  /** `key: value` fields of a notice, in order. */
  readonly fields: readonly { readonly key: string; readonly value: string }[]
}

/** What a command may read that needs no case. */
export type DeskContext = {
  readonly arrivalId: number
  readonly now: Instant
  readonly settings: Settings
  readonly author: Maintainer
}

/** What all commands of one mail about a case share. */
export type CommandContext = DeskContext & {
  readonly product: Product
  readonly bound: BoundCase
  /** Attachments of the mail itself. */
  readonly files: readonly HashedFile[]
  readonly tools: Tools
}

export type Draft = {
  readonly case: CaseRecord
  readonly notice: NoticeRecord | null
  /** The key that answers to the reporter are sealed to, as this mail leaves it. */
  readonly reporterKey: ReporterKey | null
  /** Files of the notice as this mail leaves them; null where the stored ones stay. */
  readonly newPatches: readonly HashedFile[] | null
  /** Approvals of the stored notice no longer stand for the content. */
  readonly voided: boolean
  /** This mail previews or approves the notice; whatever comes later in it, people read it as it was then. */
  readonly shown: boolean
  /** Copies of a released revision that have not left are to stay here. */
  readonly withdrawn: boolean
  readonly decisions: readonly Decision[]
  /** One line each for the other maintainers: `accepted the case`. */
  readonly activity: readonly string[]
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  /** Longer answers for the transcript: help, status. */
  readonly blocks: readonly string[]
}

export type Step =
  | { readonly kind: 'accepted'; readonly draft: Draft; readonly says: string }
  | { readonly kind: 'refused'; readonly says: string; readonly anyway?: readonly Decision[] }

export type Handler = (draft: Draft, command: Command, context: CommandContext) => Step

export function startDraft(bound: BoundCase): Draft {
  return {
    case: bound.case,
    notice: bound.notice,
    reporterKey: bound.reporterKey,
    newPatches: null,
    voided: false,
    shown: false,
    withdrawn: false,
    decisions: [],
    activity: [],
    texts: [],
    blocks: []
  }
}

export function accepted(draft: Draft, says: string): Step {
  return { kind: 'accepted', draft, says }
}

export function refused(says: string): Step {
  return { kind: 'refused', says }
}

const VOID: readonly EventKind[] = ['notice-previewed', 'notice-approved', 'notice-scheduled']

/**
 * The draft with an edited notice: whoever approved the old content has approved nothing now, and a preview or an approval
 * that an earlier line of this mail gave is void with the rest.
 */
export function withNotice(draft: Draft, notice: NoticeRecord): Draft {
  const decisions = draft.decisions.filter(
    (decision) =>
      decision.kind !== 'issue-preview' &&
      decision.kind !== 'approve-notice' &&
      !(decision.kind === 'send-sealed' && previewMessage.is(decision.message)) &&
      !(decision.kind === 'record' && VOID.includes(decision.event.kind))
  )
  return { ...draft, decisions, notice: { ...notice, approvals: [] }, voided: true }
}

/** Why this mail may not change the notice any more; null when it may. A hold always may. */
export function changeComplaint(draft: Draft): string | null {
  if (draft.notice?.state === 'releasing')
    return 'The notice is leaving at this moment; try again in a minute.'
  return draft.shown
    ? 'This mail has previewed or approved the notice as it was; write what changes it into a mail of its own.'
    : null
}

/** The draft with one more event for the record, by its author. */
export function withEvent<K extends EventKind>(
  draft: Draft,
  context: DeskContext,
  kind: K,
  about: Particulars[K]
): Draft {
  const happened = event(kind, aboutCase(draft.case.tag), byMaintainer(context.author.id), about)
  return { ...draft, decisions: [...draft.decisions, { kind: 'record', event: happened }] }
}

/** The draft with one more line for the other maintainers. */
export function withActivity(draft: Draft, line: string): Draft {
  return { ...draft, activity: [...draft.activity, line] }
}
