/**
 * The answer to a command message: the outcome first, every line in the order of the message, where the case stood and stands,
 * what is missing, and what could come next. Says only what happened; never offers a command that the
 * machine for cases refuses or that its author has no role for.
 */
import { type Decision } from '../domain/decision.ts'
import { formatInstant } from '../domain/time.ts'
import {
  type Block,
  type TranscriptLine,
  transcript as transcriptMessage
} from '../messages/to-maintainers.ts'
import { conversationAbout } from './conversation.ts'
import { type DeskContext, type Draft, moveBy } from './draft.ts'
import { isNoticeOpen, missingFields } from './notice-content.ts'
import { toAuthor } from './send.ts'
import { standing } from './status.ts'
import { missingRoles, needsNoCase, type Verb } from './verbs/verb.ts'

/** What became of the lines of one message. */
export type Outcome = {
  readonly lines: readonly TranscriptLine[]
  readonly blocks: readonly Block[]
  /** What left for the reporters because of these lines, if no line says so itself; '' for nothing. */
  readonly sent?: string
}

/** What a transcript says of the case, before and after. */
export type CaseOutcome = {
  readonly before: Draft
  readonly after: Draft
  readonly verbs: readonly Verb[]
}

/** Whether every line was carried out. */
export function isDone({ lines }: Pick<Outcome, 'lines'>): boolean {
  return lines.every(({ outcome }) => outcome === 'done')
}

/** The message to the author; `about` is null where the commands needed no case. */
export function transcript(
  { lines, blocks, sent = '' }: Outcome,
  context: DeskContext,
  about: CaseOutcome | null
): Decision {
  const { settings, message } = context
  // If one line is refused, no line is carried out.
  const isWhole = isDone({ lines })
  const words = transcriptMessage({
    about: `Your message of ${formatInstant(message.date, settings.desk.timezone)}`,
    lines: lines.map((line) =>
      isWhole || line.outcome === 'refused' ? line : { ...line, outcome: 'not run', says: '' }
    ),
    blocks: isWhole ? blocks : [],
    sent,
    ...(about === null ? NO_CASE : caseParams(about))
  })
  const tag = about?.after.case.tag ?? null
  const conversation = about === null ? '' : conversationAbout(about.after.conversation)
  return toAuthor(context, words, { tag, conversation })
}

const NO_CASE = { before: '', after: '', missing: [], next: [] }

function caseParams({ before, after, verbs }: CaseOutcome) {
  const hasNotice = after.notice !== null && isNoticeOpen(after)
  return {
    before: standing(before),
    after: standing(after),
    // The answer to /status names them.
    missing: hasNotice && !after.blocks.includes('status') ? missingFields(after) : [],
    next: nextCommands(after, verbs)
  }
}

const NEXT_MAX = 2

function nextCommands(draft: Draft, verbs: readonly Verb[]) {
  return verbs
    .flatMap((verb) => {
      if (needsNoCase(verb) || verb.next === undefined) return []
      if (missingRoles(draft.author, verb.roles).length > 0) return []
      const command = verb.next.writes(draft)
      if (command === null) return []
      const move = moveBy(draft, verb.next.happens, { told: 'told', reason: '' })
      return move.kind === 'moved' ? [{ command, help: verb.help }] : []
    })
    .slice(0, NEXT_MAX)
}
