/**
 * The working copy that the commands of one message change: a case, its notice and what has been decided so far. Each command
 * gets a copy of its own, which is kept if it does not refuse; nothing is stored unless every line was accepted (all or nothing).
 */
import * as cases from '../domain/case.ts'
import { type CaseHistory, historyAfter, type Move, moveCase } from '../domain/case-machine.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import {
  type Actor,
  aboutCase,
  byMaintainer,
  type DeskEvent,
  type EventKind,
  event,
  type NewEvent,
  NO_EVIDENCE,
  type Particulars
} from '../domain/event.ts'
import { type Attachment } from '../domain/mail.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { noticeAfter } from '../domain/notice-history.ts'
import { type OutgoingAttachment } from '../domain/outgoing.ts'
import { type Maintainer, type Product } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { type Block } from '../messages/to-maintainers.ts'
import { type ReporterPath } from './recipients.ts'
import { type AnsweredMessage, type BoundCase, type Situation } from './situation.ts'

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
export type DeskContext = Pick<
  Situation,
  'arrivalId' | 'openCases' | 'shown' | 'listed' | 'unforwarded' | 'now' | 'settings' | 'tools'
> & {
  readonly author: Maintainer
  /** The message that holds the commands, so that the answer can name it. */
  readonly message: AnsweredMessage
}

/** What all commands of one message about a case share. */
export type CommandContext = DeskContext &
  Pick<Situation, 'conversation' | 'answeredMember' | 'answers' | 'quoted'> & {
    readonly product: Product
    readonly bound: BoundCase
    /** Attachments of the message itself, but for keys and visiting cards. */
    readonly files: readonly Attachment[]
    readonly hasClientFiles: boolean
    /** One of several cases that a line names by their numbers, whose sender nothing proves: nobody is written to there. */
    readonly isUnverified?: boolean
  }

/** A maintainer's words to the reporter. `question` asks for something, and the case may wait for the answer. */
export type Words = {
  readonly mail: 'reply' | 'question' | 'accepted' | 'rejected' | 'merged' | 'closed' | 'reopened'
  readonly text: string
  readonly decision?: string
  /** Files that go along; encrypted only. */
  readonly files?: readonly OutgoingAttachment[]
}

/** Words, the reporter whom they reach, and the way on which they can leave; without a key they wait for one. */
export type SpokenWords = Words & {
  readonly reporter: cases.Addressed
  readonly path: ReporterPath
}

/** What the commands of one message share and change. */
export type Draft = CommandContext & {
  /** Follows `/product`. */
  product: Product
  /** `state` is moved by {@link happen} alone. */
  case: cases.CaseRecord
  notice: NoticeRecord | null
  known: CaseHistory
  /** What this message says to reporters; it leaves as one message to each (B13). */
  readonly words: SpokenWords[]
  /** What reporters who are moved into another case are asked or told of its date. */
  asked: { readonly decisions: readonly Decision[]; readonly says: string }
  /** The keys that answers to reporters are sealed to. */
  reporterKeys: cases.ReporterKeys
  /** Ids of reporters whose key this message accepts or refuses. What waited leaves for these alone. */
  readonly settled: string[]
  /** What waits for a key of its reporters, in all their cases. */
  waitingWords: readonly cases.WaitingWords[]
  /** Files of the notice; null where the stored ones stay. */
  newPatches: readonly Attachment[] | null
  decisions: Decision[]
  /** One line each for the other maintainers: `accepted the case`. */
  readonly activity: string[]
  readonly texts: { readonly title: string; readonly text: string }[]
  /** Longer answers for the transcript: help, status. */
  readonly blocks: (Block | 'status')[]
  /** Whether lines of the command's text stay out of what is sent. */
  isCut: boolean
}

/**
 * Ends a command that cannot be carried out, with the reason; then nothing of its message is carried out (all or nothing). The
 * reason goes on the record: what it repeats of the message must stand between double quotes, or be a line to copy, which keeps
 * it out (G8).
 */
export class Refusal extends Error {}

export function refuseIf(complaint: string | null): void {
  if (complaint !== null) throw new Refusal(complaint)
}

/** Changes the draft and returns the answer to the command. */
export type Handler = (draft: Draft, command: Command) => string

/** The case as it is stored, before anything was decided. */
export function startDraft(context: CommandContext): Draft {
  const { bound } = context
  return {
    ...context,
    case: bound.case,
    notice: bound.notice,
    known: bound.history,
    words: [],
    asked: { decisions: [], says: '' },
    reporterKeys: bound.reporterKeys,
    settled: [],
    waitingWords: bound.waitingWords,
    newPatches: null,
    decisions: [],
    activity: [],
    texts: [],
    blocks: [],
    isCut: false
  }
}

/** For one command, which may still refuse when it has changed something: with every list of its own. */
export function copyOf(draft: Draft): Draft {
  const own = Object.entries(draft).map(([name, value]) => {
    return [name, Array.isArray(value) ? [...(value as unknown[])] : value] as const
  })
  return { ...(Object.fromEntries(own) as Draft), isCut: false }
}

/**
 * Lets one event happen to the working copy. The only way in which a command moves a case: handlers name events, the machine
 * says where that leads or why not.
 */
export function happen<K extends EventKind>(draft: Draft, happening: NewEvent<K>): void {
  const { known, now, notice } = draft
  const event = happening as NewEvent
  const move = moveOf(draft, happening)
  if (move.kind === 'refused') throw new Refusal(move.says)
  draft.case = { ...caseAfter(draft.case, event, now), state: move.to }
  const latest = { ...event, at: now, id: Number.MAX_SAFE_INTEGER }
  const after = notice && noticeAfter(notice, latest)
  // What concerns no notice leaves it the same object: only a changed one is stored.
  if (notice !== null && after !== notice) draft.notice = { ...notice, ...after }
  draft.known = { ...known, ...historyAfter(known, event) }
  draft.decisions.push({ kind: 'record', event })
  withdrawUntrue(draft, event)
}

/** The case as an event leaves it, but for its state. */
export function caseAfter(
  record: cases.CaseRecord,
  happened: NewEvent,
  now: Instant
): cases.CaseRecord {
  const { kind, about } = happened
  const answered = kind === 'answered' ? cases.withAnswer(record, about.reporter, now) : record
  return { ...answered, decided: decisionIn(happened) ?? record.decided }
}

function decisionIn({ kind, about }: NewEvent): cases.LastDecision | null {
  if (kind === 'accepted') return { kind, code: '', reason: '' }
  if (kind === 'rejected') return { kind, code: about.code, reason: about.reason }
  if (kind !== 'disclosed' && kind !== 'closed' && kind !== 'reopened') return null
  return { kind, code: '', reason: about.reason }
}

/** Where an event would take the case, or why it cannot happen. */
export function moveOf<K extends EventKind>(draft: Draft, happening: NewEvent<K>): Move {
  const { notice, known, now, product } = draft
  const { state, disclosureAt } = draft.case
  const mayEndInternally = product.policy.close.internal === 'allow'
  const facts = { ...known, now, mayEndInternally, notice: notice?.state ?? null, disclosureAt }
  return moveCase(state, happening, facts)
}

const SAID: object = { told: 'told', reason: 'given' }

/** Where a decision of the author would take the case, or why it cannot be made. `about` holds only what the machine reads. */
export function moveBy(draft: Draft, kind: EventKind, about: object): Move {
  return moveOf(draft, decision(draft, kind, about as never))
}

/** Refuses what the machine would refuse anyway, before the command asks its author for more. */
export function requireLegal(draft: Draft, kind: EventKind, about = SAID): void {
  const move = moveBy(draft, kind, about)
  if (move.kind === 'refused') throw new Refusal(move.says)
}

/** Withdraws words that wait for the reporters of the case and that this event makes untrue. */
function withdrawUntrue(draft: Draft, { kind, actor }: NewEvent): void {
  if (kind !== 'reopened' && kind !== 'accepted' && kind !== 'rejected') return
  const isUntrue = (words: cases.WaitingWords): boolean =>
    kind === 'reopened' || (kind === 'accepted' ? tellsEnd(words) : words.mail === 'accepted')
  const untrue = draft.waitingWords.filter(
    (words) => words.tag === draft.case.tag && isUntrue(words)
  )
  withdrawWords(draft, untrue, actor, { because: kind, reason: '' })
}

/** Takes these words, which waited, out of the draft. */
export function withdrawWords(
  draft: Draft,
  withdrawn: readonly cases.WaitingWords[],
  by: Actor,
  why: Pick<Particulars['words-dropped'], 'because' | 'reason'>
): void {
  if (withdrawn.length === 0) return
  const messages = count(withdrawn.length, 'message', 'messages')
  draft.activity.push(`withdrew ${messages} to the reporter that waited for a key`)
  draft.waitingWords = draft.waitingWords.filter((words) => !withdrawn.includes(words))
  draft.decisions.push(...withdrawn.flatMap((words) => dropWords(words, by, why)))
}

/** Whether words to a reporter say that the case has ended. */
export function tellsEnd({ mail }: Pick<Words, 'mail'>): boolean {
  return mail === 'rejected' || mail === 'closed'
}

/** Words that wait never leave, and the record says why. */
export function dropWords(
  words: cases.WaitingWords,
  by: Actor,
  why: Pick<Particulars['words-dropped'], 'because' | 'reason'>
): Decision[] {
  const { tag, reporter, mail, authorId: author, at: writtenAt } = words
  const about = { reporter: reporter.id, with: mail, author, writtenAt, ...why }
  return [{ kind: 'drop-words', words }, recorded('words-dropped', aboutCase(tag), by, about)]
}

/** Why this message may neither change nor preview the notice any more; null when it may. A hold always may stop it. */
export function changeComplaint(draft: Draft): string | null {
  const { here, onTheWay, left } = draft.bound.copies
  // Until the first copy has left, nobody on the list has what an edit would change.
  if (draft.notice?.state === 'releasing' || (left === 0 && here + onTheWay > 0))
    return 'The notice is leaving at this moment. Please try again later, or stop it first with /notice hold in a separate message.'
  return hasHappened(draft, 'notice-previewed', 'notice-approved')
    ? 'An earlier line of this message previews or approves the notice. Please send this command in a separate message.'
    : null
}

/** Lets happen what the author of the message decided about the case. */
export function decided<K extends EventKind>(draft: Draft, kind: K, about: Particulars[K]): void {
  happen(draft, decision(draft, kind, about))
}

function decision<K extends EventKind>(draft: Draft, kind: K, about: Particulars[K]): NewEvent {
  return event(kind, aboutCase(draft.case.tag), byMaintainer(draft.author.id), about)
}

/** Words before `because`, and the reason behind it: null without the word. `why` says it behind what was done. */
export function splitReason(words: readonly string[]) {
  const at = words.findIndex((word) => /^because:?$/i.test(word))
  if (at < 0) return { before: words.join(' '), reason: null, why: '' }
  // The sentences that quote it have a full stop of their own.
  const reason = words
    .slice(at + 1)
    .join(' ')
    .replace(/\.$/, '')
  if (reason === '') throw new Refusal('Please give the reason after "because".')
  // The placeholder of `/help`.
  if (reason === 'REASON') throw new Refusal('Please write your own reason in place of REASON.')
  // People set a dash or a comma in front of it.
  const before = words
    .slice(0, at)
    .join(' ')
    .replace(/(?<![\s,;–—-])[\s,;–—-]+$/u, '')
  return { before, reason, why: `, because: ${reason}` }
}

/** Whether this message puts one of these on the record of the case. */
export function hasHappened(draft: Draft, ...kinds: readonly EventKind[]): boolean {
  return happening(draft).some(({ kind }) => kinds.includes(kind))
}

/** The record of the case as this message and these decisions leave it. */
export function recordAfter(draft: Draft, last: readonly Decision[] = []): DeskEvent[] {
  const { bound, case: record, decisions, now } = draft
  const id = Number.MAX_SAFE_INTEGER
  const more = happening({ case: record, decisions: [...decisions, ...last] })
  return [...bound.events, ...more.map((one) => ({ ...one, id, at: now, evidence: NO_EVIDENCE }))]
}

/** What this message puts on the record of the case. */
export function happening({
  case: record,
  decisions
}: Pick<Draft, 'case'> & { readonly decisions: readonly Decision[] }): NewEvent[] {
  return decisions.flatMap((one) =>
    one.kind === 'record' && one.event.subject.id === record.tag ? one.event : []
  )
}
