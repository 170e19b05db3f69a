/**
 * The answer to a command message: the outcome first, every line in the order of the message, where the case stood and stands,
 * what is missing, and what could come next. Says only what happened.
 */
import { isOpen } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { formatInstant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { type TranscriptLine, transcript as transcriptMessage } from '../messages/to-maintainers.ts'
import { type CommandContext, type DeskContext, type Draft } from './draft.ts'
import { nextCommands } from './next.ts'
import { missingFields } from './notice-content.ts'
import { maintainerRecipient } from './recipients.ts'
import { sealedTo } from './send.ts'
import { standing } from './status.ts'
import { type Verb } from './verbs/verb.ts'

/** More lines than this are counted, not shown: the text of a message is as long as its author likes. */
const LINES_MAX = 40

/** What became of the lines of one message. */
export type Outcome = {
  readonly lines: readonly TranscriptLine[]
  readonly blocks: readonly string[]
  /** What left for the reporters because of these lines and none of them says; '' for nothing. */
  readonly sent?: string
}

/** What a transcript says of the case, before and after. */
export type CaseOutcome = {
  readonly before: Draft
  readonly after: Draft
  readonly context: CommandContext
  readonly verbs: readonly Verb[]
}

/** Whether every line was carried out. */
export function isDone({ lines }: Pick<Outcome, 'lines'>): boolean {
  return lines.every(({ outcome }) => outcome === 'done')
}

/** The message to the author; `about` is null where the commands needed no case. */
export function transcript(
  outcome: Outcome,
  context: DeskContext,
  about: CaseOutcome | null
): Decision {
  const { settings, author, now, message } = context
  const tag = about?.after.case.tag ?? null
  const { lines } = outcome
  const words = transcriptMessage({
    outcome: outcomeWords(outcome),
    about: `Your message of ${formatInstant(message.date, settings.desk.timezone)}`,
    lines: lines.slice(0, LINES_MAX),
    more:
      lines.length > LINES_MAX ? count(lines.length - LINES_MAX, 'more line', 'more lines') : '',
    blocks: outcome.blocks,
    sent: outcome.sent ?? '',
    ...(about === null ? NO_CASE : caseParams(about))
  })
  return sealedTo([maintainerRecipient(author)], now, words, {
    once: String(context.arrivalId),
    tag,
    inReplyTo: message.id
  })
}

const NO_CASE = { before: '', after: '', missing: [], next: [] }

function caseParams({ before, after, context, verbs }: CaseOutcome) {
  return {
    before: standing(before, context),
    after: standing(after, context),
    missing: isUnfinished(after) ? missingFields(after, context) : [],
    next: nextCommands(after, context, verbs)
  }
}

/** Whether somebody still writes the notice. */
function isUnfinished({ case: record, notice }: Draft): boolean {
  return isOpen(record.state) && (notice?.state === 'drafting' || notice?.state === 'held')
}

function outcomeWords({ lines }: Outcome): string {
  const bad = lines.filter(({ outcome }) => outcome === 'refused').map(({ at }) => at)
  if (bad.length === 0) return `Done: ${count(lines.length, 'command', 'commands')}.`
  const named = bad.length > LINES_MAX ? [...bad.slice(0, 3), 'more'] : bad
  const which =
    bad.length === 1 ? `line ${listed(bad)} has a problem` : `lines ${listed(named)} have problems`
  return `Nothing was done: ${which}.`
}
