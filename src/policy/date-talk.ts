/**
 * Talking with the reporter about the date (M-22, M-30, B19): it is put to them when it is proposed, and what they answer is
 * shown to the maintainers as a suggestion. Never decides anything by an answer: a reporter has no commands.
 */
import { addresseesOf, type CaseRecord, type Reporter, reporterWith } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { aboutCase, byMaintainer, type DeskEvent, event } from '../domain/event.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { reporterPath } from './recipients.ts'
import { toReporter } from './send.ts'

/**
 * Asks every reporter about the date of this draft, which is that of the case `tag`; a date that an earlier line of the message
 * set is not asked about any more. `says` is for the answer to the command: why a reporter is not asked.
 */
export function proposeDate(
  draft: Draft,
  { product, bound, settings, ...context }: CommandContext,
  tag = draft.case.tag
): { readonly draft: Draft; readonly says: string } {
  const { case: record } = draft
  const date = record.disclosureAt
  if (date === null) return { draft, says: '' }
  const reporters = addresseesOf(record)
  if (reporters.length === 0)
    return { draft, says: ' The reporter was not asked: the report names no address.' }
  const says = (at: Instant | null, { disclosureZone: zone }: CaseRecord): string =>
    at === null ? '' : formatInstant(at, settings.desk.timezone, zone)
  const now = says(date, record)
  const sending = { once: `${context.arrivalId}:${date}`, tag: record.tag }
  const decisions: Decision[] = []
  const asked: string[] = []
  const unasked: string[] = []
  for (const reporter of reporters) {
    const { address } = reporter.contact
    const path = reporterPath(reporter, draft.reporterKeys, product)
    if (path.kind !== 'sealed' && path.kind !== 'clear') {
      unasked.push(` ${address} was not asked: we have no usable key. /ask asks for one.`)
      continue
    }
    const how = path.kind === 'sealed' ? 'encrypted' : 'in-clear'
    const about = { reporter: reporter.id, date, how } as const
    const by = byMaintainer(context.author.id)
    const told = event('date-told', aboutCase(tag), by, about)
    const way = how === 'encrypted' ? 'encrypted' : 'not encrypted'
    const before = says(toldDate(bound.events, record, reporter), bound.case)
    const message = dateProposed({ date: now, before })
    decisions.push(toReporter(path, context.now, message, sending), { kind: 'record', event: told })
    asked.push(`We asked ${address} about the date ${now}, ${way}.`)
  }
  const question = asked.length === 0 ? null : { decisions, says: asked.join(' ') }
  return { draft: { ...draft, question: question ?? draft.question }, says: unasked.join('') }
}

/** The date that a reporter was told last; null when they were told none. */
function toldDate(
  events: readonly DeskEvent[],
  record: CaseRecord,
  { id }: Reporter
): Instant | null {
  const dates = events.flatMap(({ kind, about }) =>
    kind === 'date-told' && reporterWith(record, about.reporter)?.id === id ? about.date : []
  )
  return dates.at(-1) ?? null
}

/**
 * What a reporter says of the date of the case: a line that begins with the word, above any quotation. Null when there is none,
 * or when it is not the date that they were told.
 */
export function dateAnswer(
  text: string,
  events: readonly DeskEvent[],
  record: CaseRecord,
  reporter: Reporter
): 'agree' | 'object' | null {
  const told = toldDate(events, record, reporter)
  if (told === null || told !== record.disclosureAt) return null
  for (const line of text.split('\n')) {
    if (line.startsWith('>')) return null
    const word = /^\s*(agree|object)(?![\p{L}\p{N}-])/iu.exec(line)?.[1]
    if (word !== undefined) return word.toLowerCase() === 'agree' ? 'agree' : 'object'
  }
  return null
}
