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
import { type OpenedMail } from '../domain/mail.ts'
import { type FactLine } from '../domain/message.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft, happening } from './draft.ts'
import { newText } from './new-text.ts'
import { reporterPath, WAYS } from './recipients.ts'
import { askFor } from './reporter-mail.ts'
import { toReporter } from './send.ts'
import { type Sender } from './threading.ts'

/** The events that show what each reporter was told about the date and what they answered. */
export const DATE_KINDS: readonly EventKind[] = [
  'date-told',
  'date-untold',
  'date-answered',
  'embargo-set',
  'notice-left'
]

/** A case, and what is known of its reporters. */
export type DateAbout = {
  readonly record: CaseRecord
  readonly keys: ReporterKeys
  readonly events: readonly NewEvent[]
  readonly product: Product
  readonly settings: Settings
  readonly arrivalId: number
  readonly now: Instant
}

/** Asks them, on the record of the case `tag`. `says` has one sentence for each reporter who was asked. */
function ask(
  reporters: readonly Addressed[],
  about: DateAbout,
  by: Actor,
  tag: CaseTag = about.record.tag
) {
  const { record, events, product, settings } = about
  const { disclosureAt: date, disclosureZone } = record
  const asked = { decisions: [] as Decision[], says: [] as string[], unasked: [] as Addressed[] }
  if (date === null) return asked
  const say = (instant: Instant): string =>
    formatInstant(instant, settings.desk.timezone, disclosureZone)
  const sending = { once: `${about.arrivalId}:${date}`, tag: record.tag }
  for (const reporter of reporters) {
    const { address } = reporter.contact
    const path = reporterPath(reporter, about.keys, product)
    if (path.kind === 'no-key') {
      asked.unasked.push(reporter)
      continue
    }
    const last = toldDate(events, record, reporter)
    const before = last === null || last === date ? '' : say(last)
    const isTold = owedWord(about, reporter) === 'message'
    const message = isTold
      ? dateNotice({ ...OF_DATE, product: product.name, disclosure: say(date), before })
      : dateProposed({ date: say(date), before })
    const told = { reporter: reporter.id, date, how: path.kind, isQuestion: !isTold }
    asked.decisions.push(
      toReporter(path, message, sending),
      recorded('date-told', aboutCase(tag), by, told)
    )
    const did = isTold ? `told ${address} the date` : `asked ${address} about the date`
    asked.says.push(`We ${did} ${say(date)}, ${WAYS[path.kind]}.`)
  }
  return asked
}

const OF_DATE = { before: '', changed: '', isPublic: false, isListTold: true } as const

/** Tells every reporter that the issue became public before the date of the case. */
export function tellEarly(draft: Draft, date: Instant, disclosure: string): void {
  const { case: record, product, arrivalId, author } = draft
  const message = dateNotice({ ...OF_DATE, product: product.name, disclosure, isPublic: true })
  const told = { decisions: [] as Decision[], says: [] as string[] }
  for (const reporter of addresseesOf(record)) {
    const { id, contact } = reporter
    const path = reporterPath(reporter, draft.reporterKeys, product)
    if (path.kind === 'no-key') {
      told.says.push(`${contact.address} is not told that it is public: we have no usable key.`)
      continue
    }
    const about = { reporter: id, date, how: path.kind, isQuestion: false }
    told.decisions.push(
      toReporter(path, message, { once: String(arrivalId), tag: record.tag }),
      recorded('date-told', aboutCase(record.tag), byMaintainer(author.id), about)
    )
    told.says.push(`We tell ${contact.address} that it is public, ${WAYS[path.kind]}.`)
  }
  draft.question = { decisions: told.decisions, says: told.says.join(' ') }
}

/** Asks those who have not been told the present date. Questions are not stored, so none can be out of date. */
function askOwing(reporters: readonly Addressed[], about: DateAbout, by: Actor) {
  const owing = reporters.filter((one) => owedWord(about, one) !== null)
  return ask(owing, about, by)
}

function aboutDraft(draft: Draft): DateAbout {
  const { case: record, reporterKeys: keys, question, bound } = draft
  const decisions = [...draft.decisions, ...(question?.decisions ?? [])]
  const events = [...bound.events, ...happening({ case: record, decisions })]
  return { ...draft, record, keys, events }
}

/** Asks every reporter about the date, for the case `tag`, in place of an earlier question. `says` is why somebody is not asked. */
export function proposeDate(
  draft: Draft,
  tag = draft.case.tag
): { readonly says: string; readonly unasked: readonly Addressed[] } {
  if (draft.case.disclosureAt === null) return { says: '', unasked: [] }
  const reporters = addresseesOf(draft.case)
  if (reporters.length === 0) {
    const says = ' The reporter was not asked: the report names no address.'
    return { says, unasked: [] }
  }
  const about = aboutDraft({ ...draft, question: null })
  const { decisions, says, unasked } = ask(reporters, about, byMaintainer(draft.author.id), tag)
  if (says.length > 0) draft.question = { decisions, says: says.join(' ') }
  const why = unasked.map((one) => {
    const asking = askFor(one, draft, 'key-request')
    const key = asking.decisions.length === 0 ? asking.says : '/ask asks for one.'
    return ` ${one.contact.address} is asked when a key of theirs is in use: we have none. ${key}`
  })
  return { says: why.join(''), unasked }
}

/** Asks reporters about the date if a maintainer's word about their key has opened a way to them (B19). */
export function askOwed(draft: Draft): void {
  const { question, settled, author } = draft
  const reporters = addresseesOf(draft.case).filter(({ id }) => settled.includes(id))
  const { decisions, says } = askOwing(reporters, aboutDraft(draft), byMaintainer(author.id))
  if (says.length === 0) return
  draft.question = {
    decisions: [...(question?.decisions ?? []), ...decisions],
    says: [question?.says ?? '', ...says].join(' ').trim()
  }
}

/** Asks a reporter whose message brings the key that was missing. */
export function owedDate(reporter: Reporter, about: DateAbout): readonly Decision[] {
  return askOwing(addresseesOf({ reporters: [reporter] }), about, BY_DESK).decisions
}

/** What a reporter is still owed about the present date: the question, or the message if the list goes by it. */
export function owedWord(
  { record, events, now }: Pick<DateAbout, 'record' | 'events' | 'now'>,
  reporter: Reporter
): 'question' | 'message' | null {
  const date = comingDate(record, now)
  if (date === null) return null
  const last = wordsWith(events, record, reporter).findLast(({ kind }) => kind !== 'date-answered')
  if (last?.kind === 'date-told' && last.about.date === date) return null
  const set = events.findLast(({ kind }) => kind === 'embargo-set' || kind === 'notice-left')
  return last?.kind === 'date-untold' && set?.kind === 'notice-left' ? 'message' : 'question'
}

function comingDate({ disclosureAt: date, state }: CaseRecord, now: Instant): Instant | null {
  return !isOpen(state) || state === 'disclosed' || date === null || date <= now ? null : date
}

/** What a reporter answered about the present date, or else when they were told it; null for neither. */
export function answerOf(
  record: CaseRecord,
  reporter: Reporter,
  { bound, now }: Pick<CommandContext, 'bound' | 'now'>
): DeskEvent<'date-answered' | 'date-told'> | null {
  const date = comingDate(record, now)
  const said = wordsWith(bound.events, record, reporter)
    .filter((one) => one.kind !== 'date-untold')
    .filter(({ about }) => about.date === date)
  return said.findLast(({ kind }) => kind === 'date-answered') ?? said.at(-1) ?? null
}

type AboutDate = NewEvent<'date-told' | 'date-untold' | 'date-answered'>

/** What was said about dates to this reporter and by them, under whichever of their numbers. */
function wordsWith<E extends NewEvent>(
  events: readonly E[],
  record: CaseRecord,
  { id }: Reporter
): Extract<E, AboutDate>[] {
  return events
    .filter(
      (one): one is Extract<E, AboutDate> =>
        one.kind === 'date-told' || one.kind === 'date-untold' || one.kind === 'date-answered'
    )
    .filter(({ about }) => reporterWith(record, about.reporter)?.id === id)
}

function toldDate(events: readonly NewEvent[], record: CaseRecord, to: Reporter): Instant | null {
  const words = wordsWith(events, record, to)
  return words.findLast((one) => one.kind === 'date-told')?.about.date ?? null
}

/**
 * Reads AGREE on a line of its own, or else OBJECT at the start of one (B19), if they were told the present date. `isOnlyYes`:
 * nothing else came with it, so it needs no reply.
 */
export function answerToDate(
  sender: Sender,
  { text, outsideText, attachments, warnings }: OpenedMail,
  { record, events }: Pick<DateAbout, 'record' | 'events'>
): {
  readonly facts: readonly FactLine[]
  readonly decisions: readonly Decision[]
  readonly isOnlyYes: boolean
} {
  const { tag, disclosureAt: date } = record
  const nothing = { facts: [], decisions: [], isOnlyYes: false }
  if (sender.kind !== 'reporter' || date === null) return nothing
  const { reporter } = sender
  if (toldDate(events, record, reporter) !== date) return nothing
  const own = newText(text)
  const isNo = /^[^\S\n]*object(?![\p{L}\p{N}-])/imu.test(own)
  if (!isNo && !/^[^\S\n]*agree[^\S\n]*[.!]?[^\S\n]*$/imu.test(own)) return nothing
  const answer = isNo ? 'object' : 'agree'
  const { id } = reporter
  const about = { reporter: id, date, answer } as const
  return {
    facts: [{ label: 'About the date', value: SAID[answer] }],
    decisions: [recorded('date-answered', aboutCase(tag), { kind: 'reporter', id }, about)],
    isOnlyYes:
      /^\W*agree\W*$/iu.test(own) &&
      outsideText === '' &&
      warnings.length === 0 &&
      // Mail clients add the sender's key.
      attachments.every(({ contentType }) => contentType === 'application/pgp-keys')
  }
}

const SAID = {
  agree: 'the reporter AGREES',
  object:
    'the reporter OBJECTS; please read why, then answer with /reply or set another date with /embargo'
} as const
