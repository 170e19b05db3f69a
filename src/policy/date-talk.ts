/**
 * Talking with the reporter about the date (M-22, M-30, B19): they are asked when it is proposed, and the maintainers see their
 * answer as a suggestion. Never decides anything by an answer: a reporter has no commands.
 */
import {
  type Addressed,
  addressed,
  addresseesOf,
  type CaseRecord,
  isOpen,
  isSamePerson,
  type ListedCase,
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
  type NewEvent
} from '../domain/event.ts'
import { type MessageKind } from '../domain/message.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Product, productNamed, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { listed } from '../domain/words.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft, happening } from './draft.ts'
import { newText } from './new-text.ts'
import { dateWords, type NoticeSetting, noticeParams } from './notice-content.ts'
import { reporterPath, WAYS } from './recipients.ts'
import { askFor } from './reporter-mail.ts'
import { toReporter } from './send.ts'
import { type BoundCase, type DatedCase, type Situation } from './situation.ts'
import { type Sender } from './threading.ts'

/** Messages that ask a reporter about a date or tell it. */
export const DATE_MAIL: readonly MessageKind[] = [dateProposed.kind, dateNotice.kind]

/** A case, and what is known of its reporters. */
export type DateAbout = {
  readonly record: CaseRecord
  readonly keys: ReporterKeys
  readonly events: readonly NewEvent[]
  readonly product: Product
  readonly settings: Settings
  readonly arrivalId: number
  readonly now: Instant
  /** The other cases, and this one, in which a key that comes into use opens a way to them. */
  readonly dated: readonly DatedCase[]
}

/** What a reporter is to read: whether the date suits them, the date by which the list goes, or that the issue is public. */
type Word = { readonly word: 'question' | 'date' | 'public'; readonly date: Instant }
type Owed = Word & { readonly reporter: Addressed }

/** Writes to them, on the record of the case `tag`. `says` has one sentence for each reporter who can be reached. */
function tell(owed: readonly Owed[], about: DateAbout, by: Actor, tag = about.record.tag) {
  const { record, events, product, settings } = about
  const told = { decisions: [] as Decision[], says: [] as string[], unreached: [] as Addressed[] }
  const say = (instant: Instant): string =>
    formatInstant(instant, settings.desk.timezone, record.disclosureZone)
  for (const { reporter, word, date } of owed) {
    const { address } = reporter.contact
    const path = reporterPath(reporter, about.keys, product)
    if (path.kind === 'no-key') {
      told.unreached.push(reporter)
      continue
    }
    const known = wordsWith(events, record, reporter, 'date-told').at(-1)?.about.date ?? date
    const before = word === 'public' || known === date ? '' : say(known)
    const isPublic = word === 'public'
    const names = { product: product.name, disclosure: say(date) }
    const said = { ...names, before, isPublic, changed: '', isListTold: true }
    const isQuestion = word === 'question'
    const message = isQuestion ? dateProposed({ date: say(date), before }) : dateNotice(said)
    const sending = { once: `${about.arrivalId}:${date}`, tag: record.tag }
    const event = { reporter: reporter.id, date, how: path.kind, isQuestion }
    told.decisions.push(
      toReporter(path, message, sending),
      recorded('date-told', aboutCase(tag), by, event)
    )
    const did = {
      question: `asked ${address} about the date ${say(date)}`,
      date: `told ${address} the date ${say(date)}`,
      public: `told ${address} that it is public`
    }
    told.says.push(`We ${did[word]}, ${WAYS[path.kind]}.`)
  }
  return told
}

/** Whether reporters learn a date together with the list. */
export function isDatePromised({ policy }: Product): boolean {
  return policy.notice?.reporter_date_mail === 'with-notice'
}

/** Whether the list learns a date from it that the reporter is to learn, too (M-30). */
export function owesDate(
  { told, releasedAt }: NoticeRecord,
  { case: { disclosureAt }, product }: NoticeSetting
): boolean {
  return isDatePromised(product) && releasedAt === null && told?.disclosureAt !== disclosureAt
}

/** What reporters read when the list was told a date, or has read what changed. */
export function dateWithNotice(
  notice: NoticeRecord,
  known: NoticeSetting,
  { keys, isListTold }: { readonly keys: ReporterKeys; readonly isListTold: boolean }
): Decision[] {
  const { case: found, product, settings } = known
  const { tag, disclosureAt: date } = found
  const { told, releasedAt } = notice
  const isDateNew = owesDate(notice, known)
  // The name of a file is not for the reporter.
  const parts = noticeParams(notice, known).changes.map(({ what }) =>
    what.replace(/^Patch (?!available$).+/u, 'Patches')
  )
  const changed = listed([...new Set(parts)].filter((part) => part !== 'Disclosure'))
  if (!isDatePromised(product) || date === null) return []
  // What left before and goes to members who came later is no news to the reporter.
  if (releasedAt !== null || (!isDateNew && changed === '')) return []
  const { timezone } = settings.desk
  const message = dateNotice({
    product: product.name,
    disclosure: dateWords(found, timezone),
    isPublic: false,
    before: told === null || !isDateNew ? '' : dateWords(told, timezone),
    changed,
    isListTold
  })
  const sending = { once: `${notice.id}:${notice.revision}`, tag }
  const others = found.reporters.filter(({ contact }) => contact === null)
  return [...addresseesOf(found), ...others].flatMap((one) => {
    const { id: reporter } = one
    const to = addressed(one)
    const path = to === null ? null : reporterPath(to, keys, product)
    if (path !== null && path.kind !== 'no-key') {
      const event = { reporter, date, how: path.kind, isQuestion: false }
      const told = recorded('date-told', aboutCase(tag), BY_DESK, event)
      return [toReporter(path, message, sending), told]
    }
    // Whether they know the date is on the record already.
    if (!isDateNew) return []
    // A clock tells the maintainers at once.
    const because = path === null ? 'no-address' : 'no-key'
    return recorded('date-untold', aboutCase(tag), BY_DESK, { reporter, because })
  })
}

/** Tells every reporter that the issue became public before the date of the case; those without a key as soon as one comes. */
export function tellEarly(draft: Draft, date: Instant): void {
  const { case: record, author } = draft
  const by = byMaintainer(author.id)
  const owed = addresseesOf(record).map((reporter) => ({ reporter, word: 'public', date }) as const)
  const { decisions, says, unreached } = tell(owed, aboutDraft({ ...draft, question: null }), by)
  for (const one of unreached) {
    const untold = { reporter: one.id, date }
    decisions.push(recorded('disclosure-untold', aboutCase(record.tag), by, untold))
    const asking = askFor(one, draft, 'key-request')
    draft.decisions.push(...asking.decisions)
    const { address } = one.contact
    says.push(`${address} is told that it is public when a key of theirs is in use. ${asking.says}`)
  }
  draft.question = { decisions, says: says.join(' ') }
}

/** Writes to those who are owed a word, here and in their other cases. Questions are not stored, so none can be out of date. */
function tellOwing(reporters: readonly Addressed[], about: DateAbout, by: Actor) {
  const { record, settings, dated } = about
  const others = dated
    .filter((one) => one.record.tag !== record.tag)
    .map((one) => ({ ...about, ...one, product: productNamed(one.record.product, settings) }))
  const told = [about, ...others].map((one) => {
    const { decisions, says } = tell(owedIn(one, reporters), one, by)
    const where = one === about ? '' : `${one.record.tag}: `
    return { decisions, says: says.map((said) => `${where}${said}`) }
  })
  return {
    decisions: told.flatMap(({ decisions }) => decisions),
    says: told.flatMap(({ says }) => says)
  }
}

function owedIn(about: DateAbout, people: readonly Addressed[]): readonly Owed[] {
  return addresseesOf(about.record).flatMap((reporter) => {
    const person = people.find((one) => isSamePerson(one, reporter))
    const word = owedWord(about, reporter)
    if (person === undefined || word === null) return []
    return { reporter: { ...reporter, unusedKeys: person.unusedKeys }, ...word }
  })
}

function aboutDraft(draft: Draft): DateAbout {
  const { case: record, reporterKeys: keys, question, bound } = draft
  const decisions = [...draft.decisions, ...(question?.decisions ?? [])]
  const events = [...bound.events, ...happening({ case: record, decisions })]
  return { ...draft, record, keys, events, dated: bound.dated }
}

/**
 * Asks every reporter about the date, or tells it if the list goes by it, for the case `tag`, in place of an earlier question.
 * `says` is why somebody is not reached.
 */
export function proposeDate(
  draft: Draft,
  { tag, isListTold = false }: Pick<ListedCase, 'tag' | 'isListTold'> = draft.case
): { readonly says: string; readonly unreached: readonly Addressed[] } {
  const { disclosureAt: date } = draft.case
  if (date === null) return { says: '', unreached: [] }
  const reporters = addresseesOf(draft.case)
  const word = isListTold ? 'date' : 'question'
  const owed = reporters.map((reporter) => ({ reporter, word, date }) as const)
  const about = aboutDraft({ ...draft, question: null })
  const { decisions, says, unreached } = tell(owed, about, byMaintainer(draft.author.id), tag)
  if (says.length > 0) draft.question = { decisions, says: says.join(' ') }
  const why = unreached.map((one) => {
    const asking = askFor(one, draft, 'key-request')
    const key = asking.decisions.length === 0 ? asking.says : '/ask asks for one.'
    const is = isListTold ? 'told the date' : 'asked'
    return ` ${one.contact.address} is ${is} when a key of theirs is in use. ${key}`
  })
  if (reporters.length === 0) why.push(' The reporter was not asked: the report names no address.')
  return { says: why.join(''), unreached }
}

/** Asks reporters about the date if a maintainer's word about their key has opened a way to them (B19). */
export function askOwed(draft: Draft): void {
  const { question, settled, author } = draft
  const reporters = addresseesOf(draft.case).filter(({ id }) => settled.includes(id))
  const { decisions, says } = tellOwing(reporters, aboutDraft(draft), byMaintainer(author.id))
  if (says.length === 0) return
  draft.question = {
    decisions: [...(question?.decisions ?? []), ...decisions],
    says: [question?.says ?? '', ...says].join(' ').trim()
  }
}

/** Asks a reporter whose message brings the key that was missing. */
export function owedDate(reporter: Reporter, about: DateAbout): readonly Decision[] {
  return tellOwing(addresseesOf({ reporters: [reporter] }), about, BY_DESK).decisions
}

/** What a reporter is still owed; null for nothing. */
export function owedWord(
  { record, events, now }: Pick<DateAbout, 'record' | 'events' | 'now'>,
  reporter: Reporter
): Word | null {
  const kinds = ['date-told', 'date-untold', 'disclosure-untold'] as const
  const last = wordsWith(events, record, reporter, ...kinds).at(-1)
  if (record.state === 'disclosed')
    return last?.kind === 'disclosure-untold' ? { word: 'public', date: last.about.date } : null
  const date = comingDate(record, now)
  if (date === null || (last?.kind === 'date-told' && last.about.date === date)) return null
  const set = events.findLast(({ kind }) => kind === 'embargo-set' || kind === 'notice-left')
  return { word: set?.kind === 'notice-left' ? 'date' : 'question', date }
}

/** The date of the case, if it is still to come. */
export function comingDate(record: CaseRecord, now: Instant): Instant | null {
  const { disclosureAt: date, state } = record
  return !isOpen(state) || state === 'disclosed' || date === null || date <= now ? null : date
}

/** What a reporter answered about the present date, or else when they were told it; null for neither. */
export function answerOf(
  record: CaseRecord,
  reporter: Reporter,
  { bound, now }: Pick<CommandContext, 'bound' | 'now'>
): DeskEvent<'date-answered' | 'date-told'> | null {
  const date = comingDate(record, now)
  const said = wordsWith(bound.events, record, reporter, 'date-told', 'date-answered').filter(
    ({ about }) => about.date === date
  )
  return said.findLast(({ kind }) => kind === 'date-answered') ?? said.at(-1) ?? null
}

/** Whether the last message about the date did not reach them. */
export function isDateLost(about: Pick<DateAbout, 'record' | 'events'>, reporter: Reporter) {
  const kinds = ['date-told', 'date-unreached', 'retried'] as const
  return wordsWith(about.events, about.record, reporter, ...kinds).at(-1)?.kind === 'date-unreached'
}

type AboutReporter = Extract<NewEvent, { readonly about: { readonly reporter: string } }>['kind']

/** The events of these kinds that concern this reporter, under any of their case numbers. */
function wordsWith<E extends NewEvent, K extends AboutReporter>(
  events: readonly E[],
  record: CaseRecord,
  { id }: Reporter,
  ...kinds: readonly K[]
) {
  return events
    .filter((one): one is Extract<E, { readonly kind: K }> => kinds.includes(one.kind as K))
    .filter(({ about }) => reporterWith(record, about.reporter)?.id === id)
}

/**
 * Reads AGREE or OBJECT at the start of a line (B19) from whoever was told a date. What does not surely answer the present one is
 * shown and nothing more. `isOnlyYes`: nothing else came with the answer, so it needs no reply.
 */
export function answerToDate(
  sender: Sender,
  about: Pick<Situation, 'opened' | 'answers' | 'quoted'> &
    Pick<BoundCase, 'events'> & { readonly record: CaseRecord }
) {
  const { record, events, opened } = about
  const { tag, disclosureAt: date } = record
  const nothing = { facts: [], decisions: [], isOnlyYes: false }
  if (sender.kind !== 'reporter' || date === null) return nothing
  const { text, outsideText, attachments, warnings } = opened
  const told = wordsWith(events, record, sender.reporter, 'date-told')
  const own = newText(text)
  const answer = readAnswer(own)
  if (told.length === 0 || answer === null) return nothing
  const { id } = sender.reporter
  const which = whichDate(date, told, about, sender.reporter)
  const value =
    answer === 'unread'
      ? UNREAD
      : `the reporter ${answer.toUpperCase()}S${TO[which]}${answer === 'agree' ? '' : OBJECTED}`
  const facts = [{ label: 'About the date', value }]
  if (answer === 'unread' || which !== 'present') return { ...nothing, facts }
  const answered = { reporter: id, date, answer } as const
  return {
    facts,
    decisions: [recorded('date-answered', aboutCase(tag), { kind: 'reporter', id }, answered)],
    isOnlyYes:
      /^agree[\s.!]*$/iu.test(own) &&
      outsideText === '' &&
      warnings.length === 0 &&
      // Mail clients add the sender's key.
      attachments.every(({ contentType }) => contentType === 'application/pgp-keys')
  }
}

/** The word alone on its line, or with a mark behind it. */
const ANSWER = /^(?:agree|(object))(?:\s*(?:$|[,.:;!…]+(?:\s|$)|[–—―])|\s+-+(?:\s|$))/iu
/** A line above it that leaves no sentence open: an empty one, the end of a sentence, or a greeting. */
const ABOVE = /^$|[.!?:;…]$|^(?:dear|hello|hey|hi)(?: [^\s,]+){0,4},$/iu

/** What the reporter's own text answers; null where nothing in it looks like an answer. */
function readAnswer(own: string): 'agree' | 'object' | 'unread' | null {
  const lines = own.split('\n').map((line) => line.trim())
  const found = lines.flatMap((line, at) => {
    const read = ANSWER.exec(line)
    if (read === null) return []
    if (!ABOVE.test(lines[at - 1] ?? '')) return 'unread'
    return read[1] === undefined ? 'agree' : 'object'
  })
  const [first] = found
  if (first !== undefined) return found.every((one) => one === first) ? first : 'unread'
  return /(?<!\p{L})(?:AGREE|OBJECT)(?!\p{L})/u.test(own) ? 'unread' : null
}

/** Which date it is about, by the messages that it names; by those that they were told, where it names none. */
function whichDate(
  date: Instant,
  told: readonly DeskEvent<'date-told'>[],
  about: Pick<Situation, 'answers' | 'quoted'> & { readonly record: CaseRecord },
  reporter: Reporter
): keyof typeof TO {
  const { answers, quoted, record } = about
  const other = told.findLastIndex(({ about }) => about.date !== date)
  const first = told[other + 1]
  if (first === undefined) return 'earlier'
  const named = [...quoted, ...(answers === null ? [] : [answers])]
  const ofDate = named.filter(({ kind }) => DATE_MAIL.includes(kind))
  const old = ofDate.filter(({ createdAt }) => createdAt < first.at)
  // In a merged case they may have been told another date.
  const isMerged = record.reporters.some(
    (one) => isSamePerson(one, reporter) && one.id !== record.tag
  )
  if (ofDate.length === 0) return other === -1 && !isMerged ? 'present' : 'unclear'
  if (old.length === 0) return 'present'
  return old.length === ofDate.length ? 'earlier' : 'unclear'
}

const UNREAD =
  'we cannot tell what the reporter answers: AGREE or OBJECT stands in the text, but not clearly as the answer; please read it'
const TO = {
  present: '',
  earlier: ' to an earlier date; this is no answer about the present one',
  unclear: ', but nothing tells to which date; this is no answer about the present one'
} as const
const OBJECTED = '; please read why, then answer with /reply or set another date with /embargo'
