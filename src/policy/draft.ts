/**
 * The working copy that a command mail changes: a case, its notice and what has been decided so far. Commands take a draft
 * and return a new one or a refusal; nothing is kept unless every line was accepted (all or nothing).
 */
import {
  type Addressed,
  type CaseRecord,
  type ReporterKeys,
  type WaitingWords,
  withAnswer
} from '../domain/case.ts'
import { type CaseFacts, historyAfter, type Move, moveCase } from '../domain/case-machine.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import {
  type Actor,
  aboutCase,
  byMaintainer,
  type EventKind,
  event,
  type NewEvent,
  type Particulars
} from '../domain/event.ts'
import { type Attachment } from '../domain/mail.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { noticeAfter } from '../domain/notice-history.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Maintainer, type Product, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { type ReporterPath } from './recipients.ts'
import { type AnsweredMessage, type BoundCase, type Situation, type Tools } from './situation.ts'

/** One command as written. */
export type Command = {
  /** Number of its line in the text of the message, from 1. */
  readonly at: number
  /** As typed, one line, without any block: what the transcript repeats. */
  readonly line: string
  /** Name of the verb: `notice draft`. */
  readonly verb: string
  /** Words after the verb, without the block. */
  readonly words: readonly string[]
  /**
   * Text of a `<<` block as it stands, or the author's own text below for a verb that takes it and has no block; null when
   * neither.
   */
  readonly text: string | null
  /** `key: value` fields of a notice, in order. */
  readonly fields: readonly { readonly key: string; readonly value: string }[]
}

/** What a command may read that needs no case. */
export type DeskContext = Pick<Situation, 'arrivalId' | 'openCases'> & {
  readonly now: Instant
  readonly settings: Settings
  readonly author: Maintainer
  /** The message that holds the commands, so that the answer can name it. */
  readonly message: AnsweredMessage
}

/** What all commands of one message about a case share. */
export type CommandContext = DeskContext &
  Pick<Situation, 'conversation' | 'answeredMember'> & {
    readonly product: Product
    readonly bound: BoundCase
    /** Attachments of the message itself. */
    readonly files: readonly Attachment[]
    readonly tools: Tools
  }

/** A maintainer's words to the reporter. `question` asks for something, and the case may wait for the answer. */
export type Words = {
  readonly mail: 'reply' | 'question' | 'accepted' | 'rejected' | 'merged' | 'closed' | 'reopened'
  readonly text: string
  readonly decision?: string
  readonly title?: string
  /** Whether the text is a plan with workarounds (M-08). */
  readonly isPlan?: boolean
  /** Files that go along; encrypted only. */
  readonly files?: readonly OutgoingAttachment[]
}

/** Words, the reporter whom they reach, and the way on which they can leave; without a key they wait for one. */
export type SpokenWords = Words & {
  readonly reporter: Addressed
  readonly path: ReporterPath
}

export type Draft = {
  /** `state` is moved by {@link happen} alone. */
  readonly case: CaseRecord
  readonly notice: NoticeRecord | null
  /** What the machine for cases may know beside case and notice, as this message leaves it. */
  readonly known: Omit<CaseFacts, 'notice' | 'disclosureAt'>
  /** What this message says to reporters; it leaves as one message to each (B13). */
  readonly words: readonly SpokenWords[]
  /** The question to the reporters about the date that this message sets; one, whichever line set it last (B19). */
  readonly question: { readonly decisions: readonly Decision[]; readonly says: string } | null
  /** The keys that answers to reporters are sealed to, as this message leaves them. */
  readonly reporterKeys: ReporterKeys
  /** Ids of reporters whose key this message accepts or refuses. What waited leaves for these alone. */
  readonly settled: readonly string[]
  /** What waits for a key of its reporters, in all their cases, as this message leaves it. */
  readonly waitingWords: readonly WaitingWords[]
  /** Files of the notice as this message leaves them; null where the stored ones stay. */
  readonly newPatches: readonly Attachment[] | null
  readonly decisions: readonly Decision[]
  /** One line each for the other maintainers: `accepted the case`. */
  readonly activity: readonly string[]
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  /** Longer answers for the transcript: help, status. */
  readonly blocks: readonly string[]
}

/** Ends a command that cannot be carried out, with the reason; then nothing of its message is carried out (all or nothing). */
export class Refusal extends Error {}

export function refuseIf(complaint: string | null): void {
  if (complaint !== null) throw new Refusal(complaint)
}

/** What a command leaves, and the answer to it. */
export type Step = { readonly draft: Draft; readonly says: string }

export type Handler = (draft: Draft, command: Command, context: CommandContext) => Step

/** The case as it is stored, before anything was decided. */
export function startDraft({
  bound,
  product,
  now
}: Pick<CommandContext, 'bound' | 'product' | 'now'>): Draft {
  const mayEndInternally = product.policy.close.internal === 'allow'
  return {
    case: bound.case,
    notice: bound.notice,
    known: { ...bound.history, mayEndInternally, now },
    words: [],
    question: null,
    reporterKeys: bound.reporterKeys,
    settled: [],
    waitingWords: bound.waitingWords,
    newPatches: null,
    decisions: [],
    activity: [],
    texts: [],
    blocks: []
  }
}

/**
 * Lets one event happen to the working copy. The only way in which a command moves a case: handlers name events, the machine
 * says where that leads or why not.
 */
export function happen<K extends EventKind>(draft: Draft, happening: NewEvent<K>): Draft {
  const { known } = draft
  const event = happening as NewEvent
  const move = moveOf(draft, happening)
  if (move.kind === 'refused') throw new Refusal(move.says)
  const record =
    event.kind === 'answered' ? withAnswer(draft.case, event.about.reporter, known.now) : draft.case
  const { notice: before } = draft
  const latest = { ...event, at: known.now, id: Number.MAX_SAFE_INTEGER }
  const after = before && noticeAfter(before, latest)
  // What concerns no notice leaves it the same object: only a changed one is stored.
  const notice = after === before ? before : before && { ...before, ...after }
  const next: Draft = {
    ...draft,
    case: { ...record, state: move.to, rejectedAs: codeAfter(record, event) },
    notice,
    known: { ...known, ...historyAfter(known, event) },
    decisions: [...draft.decisions, { kind: 'record', event }]
  }
  return overtaken(next, event)
}

/** The code of the rejection, if that is how an event leaves the case. */
function codeAfter({ rejectedAs }: CaseRecord, { kind, about }: NewEvent): string | null {
  return kind === 'rejected' ? about.code : rejectedAs
}

/** Where an event would take the case, or why it cannot happen. */
export function moveOf<K extends EventKind>(draft: Draft, happening: NewEvent<K>): Move {
  const { notice, known, case: record } = draft
  const facts = { ...known, notice: notice?.state ?? null, disclosureAt: record.disclosureAt }
  return moveCase(record.state, happening, facts)
}

/** Withdraws words that wait for the reporters of the case and that this event makes untrue. */
function overtaken(draft: Draft, { kind, actor }: NewEvent): Draft {
  if (kind !== 'reopened' && kind !== 'accepted') return draft
  const untrue = draft.waitingWords.filter(
    ({ tag, mail }) =>
      tag === draft.case.tag && (kind === 'reopened' || mail === 'rejected' || mail === 'closed')
  )
  return withoutWords(draft, untrue, actor, { because: kind, reason: '' })
}

/** The draft without these words that waited. */
export function withoutWords(
  draft: Draft,
  dropped: readonly WaitingWords[],
  by: Actor,
  why: Pick<Particulars['words-dropped'], 'because' | 'reason'>
): Draft {
  if (dropped.length === 0) return draft
  const messages = count(dropped.length, 'message', 'messages')
  return {
    ...withActivity(draft, `withdrew ${messages} to the reporter that waited for a key`),
    waitingWords: draft.waitingWords.filter((words) => !dropped.includes(words)),
    decisions: [
      ...draft.decisions,
      ...dropped.flatMap((words): Decision[] => {
        const { reporter, mail, authorId: author, at: date } = words
        const about = { reporter: reporter.id, with: mail, author, date, ...why }
        return [
          { kind: 'drop-words', words },
          recorded('words-dropped', aboutCase(words.tag), by, about)
        ]
      })
    ]
  }
}

export function accepted(draft: Draft, says: string): Step {
  return { draft, says }
}

/** Whether this message previews or approves the notice, so that no later line may change what people read. */
export function isShown(draft: Draft): boolean {
  return hasHappened(draft, 'notice-previewed', 'notice-approved')
}

/** Why this message may not change the notice any more; null when it may. A hold always may. */
export function changeComplaint(draft: Draft): string | null {
  if (draft.notice?.state === 'releasing')
    return 'The notice is leaving at this moment; try again in a minute.'
  return isShown(draft)
    ? 'An earlier line of this message previews or approves the notice. Please send the change in a separate message.'
    : null
}

/** Lets happen what the author of the message decided about the case. */
export function decided<K extends EventKind>(
  draft: Draft,
  context: DeskContext,
  kind: K,
  about: Particulars[K]
): Draft {
  return happen(
    draft,
    event(kind, aboutCase(draft.case.tag), byMaintainer(context.author.id), about)
  )
}

/** Words before `because`, and the reason behind it: null without the word. */
export function splitReason(words: readonly string[]): {
  readonly before: string
  readonly reason: string | null
} {
  const at = words.findIndex((word) => word.toLowerCase() === 'because')
  return at < 0
    ? { before: words.join(' '), reason: null }
    : { before: words.slice(0, at).join(' '), reason: words.slice(at + 1).join(' ') }
}

/** The draft with one more line for the other maintainers. */
export function withActivity(draft: Draft, line: string): Draft {
  return { ...draft, activity: [...draft.activity, line] }
}

/** Whether this message puts one of these on the record of the case. */
export function hasHappened(draft: Draft, ...kinds: readonly EventKind[]): boolean {
  return happening(draft).some(({ kind }) => kinds.includes(kind))
}

/** What this message puts on the record of the case. */
export function happening({ case: record, decisions }: Draft): NewEvent[] {
  return decisions.flatMap((one) =>
    one.kind === 'record' && one.event.subject.id === record.tag ? one.event : []
  )
}
