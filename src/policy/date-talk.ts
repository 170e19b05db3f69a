/**
 * Talking with the reporter about the date (M-22, M-30, B19): they are asked when it is proposed, and the maintainers see their
 * answer as a suggestion. Never decides anything by an answer: a reporter has no commands.
 */
import {
  type Addressed,
  addresseesOf,
  type CaseRecord,
  isOpen,
  type Reporter,
  type ReporterKeys,
  reporterWith
} from '../domain/case.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import {
  type Actor,
  aboutCase,
  BY_DESK,
  byMaintainer,
  type DeskEvent,
  type EventKind,
  type NewEvent
} from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft, happening } from './draft.ts'
import { newText } from './new-text.ts'
import { isOpenPath, reporterPath, WAYS } from './recipients.ts'
import { toReporter } from './send.ts'

/** The events by which it is known what each reporter was told of the date and said of it. */
export const DATE_KINDS: readonly EventKind[] = [
  'date-told',
  'date-untold',
  'date-answered',
  'embargo-set',
  'notice-left'
]

type About = {
  readonly record: CaseRecord
  readonly keys: ReporterKeys
  readonly events: readonly NewEvent[]
  /** In which zone the date was said before. */
  readonly zoneBefore: string | null
  readonly product: Product
  readonly settings: Settings
  readonly by: Actor
  readonly tag: CaseTag
  readonly arrivalId: number
  readonly now: Instant
}

type Asked = {
  readonly decisions: readonly Decision[]
  readonly asked: readonly string[]
  readonly unasked: readonly Addressed[]
}

function ask(reporters: readonly Addressed[], date: Instant, about: About): Asked {
  const { record, keys, events, product, settings, by, tag } = about
  const says = (at: Instant | null, zone: string | null): string =>
    at === null ? '' : formatInstant(at, settings.desk.timezone, zone)
  const now = says(date, record.disclosureZone)
  const sending = { once: `${about.arrivalId}:${date}`, tag: record.tag }
  const decisions: Decision[] = []
  const asked: string[] = []
  const unasked: Addressed[] = []
  for (const reporter of reporters) {
    const { address } = reporter.contact
    const path = reporterPath(reporter, keys, product)
    if (!isOpenPath(path)) {
      unasked.push(reporter)
      continue
    }
    const { kind: how } = path
    const told = recorded('date-told', aboutCase(tag), by, { reporter: reporter.id, date, how })
    const last = toldDate(events, record, reporter)
    const before = last === date ? '' : says(last, about.zoneBefore)
    const isTold = owedWord(about, reporter) === 'message'
    const message = isTold
      ? dateNotice({ product: product.name, disclosure: now, before })
      : dateProposed({ date: now, before })
    decisions.push(toReporter(path, message, sending), told)
    const did = isTold ? `told ${address} the date` : `asked ${address} about the date`
    asked.push(`We ${did} ${now}, ${WAYS[how]}.`)
  }
  return { decisions, asked, unasked }
}

function aboutDraft(
  draft: Draft,
  { product, bound, settings, arrivalId, now, author }: CommandContext
): About {
  const { case: record, reporterKeys: keys } = draft
  const events = [...bound.events, ...happening(draft)]
  const { case: before } = bound
  const by = byMaintainer(author.id)
  const zoneBefore = before.disclosureZone
  const { tag } = record
  return { record, keys, events, zoneBefore, product, settings, by, tag, arrivalId, now }
}

/**
 * Asks every reporter about the date of this draft, which is that of the case `tag`; the question about a date that an earlier
 * line of the message set is dropped. `unasked` are the reporters who are not asked; `says`, in the answer to the command, why.
 */
export function proposeDate(
  draft: Draft,
  context: CommandContext,
  tag = draft.case.tag
): { readonly draft: Draft; readonly says: string; readonly unasked: readonly Addressed[] } {
  const date = draft.case.disclosureAt
  if (date === null) return { draft, says: '', unasked: [] }
  const reporters = addresseesOf(draft.case)
  if (reporters.length === 0)
    return {
      draft,
      says: ' The reporter was not asked: the report names no address.',
      unasked: []
    }
  const { decisions, asked, unasked } = ask(reporters, date, { ...aboutDraft(draft, context), tag })
  const question = asked.length === 0 ? null : { decisions, says: asked.join(' ') }
  const says = unasked.map(
    ({ contact: { address } }) =>
      ` ${address} is asked when a key of theirs is in use: we have none. /ask asks for one.`
  )
  return {
    draft: { ...draft, question: question ?? draft.question },
    says: says.join(''),
    unasked
  }
}

/**
 * Asks reporters about the date that holds now if they were not told it while no way to them was open: a maintainer's word
 * about their key may have opened one (B19). No question is stored, so that none is ever out of date.
 */
export function askOwed(draft: Draft, context: CommandContext): Draft {
  const { question, settled } = draft
  const now = question?.decisions ?? []
  const isAsked = (id: string): boolean =>
    now.some(
      (one) =>
        one.kind === 'record' && one.event.kind === 'date-told' && one.event.about.reporter === id
    )
  const reporters = addresseesOf(draft.case).filter(
    ({ id }) => settled.includes(id) && !isAsked(id)
  )
  const { decisions, asked } = owed(reporters, aboutDraft(draft, context))
  if (asked.length === 0) return draft
  const says = [question?.says ?? '', ...asked].join(' ').trim()
  return { ...draft, question: { decisions: [...now, ...decisions], says } }
}

/** Asks a reporter whose message brings the key that was missing. */
export function owedDate(
  reporter: Reporter,
  about: Omit<About, 'zoneBefore' | 'by' | 'tag'>
): readonly Decision[] {
  const { tag, disclosureZone: zoneBefore } = about.record
  return owed(addresseesOf({ reporters: [reporter] }), { ...about, zoneBefore, tag, by: BY_DESK })
    .decisions
}

function owed(reporters: readonly Addressed[], about: About): Asked {
  const date = about.record.disclosureAt
  const untold = reporters.filter((one) => owedWord(about, one) !== null)
  return date === null ? { decisions: [], asked: [], unasked: [] } : ask(untold, date, about)
}

/**
 * What a reporter was not told yet of the date that holds: the question about it, or the message that says it where the list
 * goes by it already. Null for nothing.
 */
export function owedWord(
  { record, events, now }: Pick<About, 'record' | 'events' | 'now'>,
  reporter: Reporter
): 'question' | 'message' | null {
  const date = comingDate(record, now)
  if (date === null) return null
  const last = lastWord(events, record, reporter)
  if (last?.kind === 'date-told' && last.about.date === date) return null
  const set = events.findLast(({ kind }) => kind === 'embargo-set' || kind === 'notice-left')
  return last?.kind === 'date-untold' && set?.kind === 'notice-left' ? 'message' : 'question'
}

function comingDate({ disclosureAt: date, state }: CaseRecord, now: Instant): Instant | null {
  return !isOpen(state) || state === 'disclosed' || date === null || date <= now ? null : date
}

/** What a reporter answered to the date that holds, else when they were told it; null for neither. */
export function answerOf(
  record: CaseRecord,
  { id }: Reporter,
  { bound, now }: Pick<CommandContext, 'bound' | 'now'>
): DeskEvent<'date-answered' | 'date-told'> | null {
  const date = comingDate(record, now)
  const said = bound.events
    .filter((one) => one.kind === 'date-answered' || one.kind === 'date-told')
    .filter(({ about }) => about.date === date && reporterWith(record, about.reporter)?.id === id)
  return said.findLast(({ kind }) => kind === 'date-answered') ?? said.at(-1) ?? null
}

function lastWord(
  events: readonly NewEvent[],
  record: CaseRecord,
  { id }: Reporter
): NewEvent<'date-told' | 'date-untold'> | undefined {
  return events
    .filter((one) => one.kind === 'date-told' || one.kind === 'date-untold')
    .findLast(({ about }) => reporterWith(record, about.reporter)?.id === id)
}

function toldDate(
  events: readonly NewEvent[],
  record: CaseRecord,
  reporter: Reporter
): Instant | null {
  const told = events.filter(({ kind }) => kind === 'date-told')
  const last = lastWord(told, record, reporter)
  return last?.kind === 'date-told' ? last.about.date : null
}

/**
 * What a reporter says of the date of the case: a line of their own that begins with the word. Null when there is none,
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
  for (const line of newText(text).split('\n')) {
    const word = /^\s*(agree|object)(?![\p{L}\p{N}-])/iu.exec(line)?.[1]
    if (word !== undefined) return word.toLowerCase() === 'agree' ? 'agree' : 'object'
  }
  return null
}
