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
  type NewEvent,
  type Particulars
} from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type MessageKind } from '../domain/message.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Product, productNamed, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { listed } from '../domain/words.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft, happening } from './draft.ts'
import { newText } from './new-text.ts'
import { noticeParams } from './notice-content.ts'
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
  /** The number of the message, or the revision of the notice, that causes what is written. */
  readonly arrivalId: number | string
  readonly now: Instant
  /** The other cases, and this one, in which a key that comes into use opens a way to them. */
  readonly dated?: readonly DatedCase[]
}

/**
 * What a reporter is to read: whether the date suits them, the date by which the list goes, what else changed in the notice, that
 * the date came before they were told, or that the issue is public before it.
 */
type Word = {
  readonly word: 'question' | 'date' | 'change' | 'over' | 'early'
  readonly date: Instant
  /** Names of what else changed in the notice. */
  readonly changed?: string
  readonly isListTold?: boolean
  /** When the date was set, where a key or another cause brings the word later: it answers nothing that came since. */
  readonly writtenAt?: Instant
}
export type Owed = Word & { readonly reporter: Reporter }

/** Who writes, and on the record of which case. */
type Act = { readonly by: Actor; readonly tag: CaseTag }

/** Writes to one reporter, or records why that cannot be. */
export function tell(owed: Owed, about: DateAbout, { by, tag }: Act) {
  const usual = { changed: '', isListTold: true, writtenAt: about.now }
  const { reporter, word, date, changed, isListTold, writtenAt } = { ...usual, ...owed }
  const { record, keys, product, settings } = about
  const { disclosureZone: zone } = record
  const isQuestion = word === 'question'
  const did = isQuestion ? 'asked' : 'told'
  const to = addressed(reporter)
  if (to === null) {
    const says = `The reporter was not ${did}: the report names no address.`
    return { to, isReached: false, says, decisions: untold(owed, about, 'no-address', { by, tag }) }
  }
  const say = (instant: Instant, written: string | null): string =>
    formatInstant(instant, settings.desk.timezone, written)
  const disclosure = say(date, zone)
  const { address } = to.contact
  const what =
    word === 'early' ? 'that it is public' : `${isQuestion ? 'about ' : ''}the date ${disclosure}`
  const path = reporterPath(to, keys, product)
  if (path.kind === 'no-key') {
    const says = `${address} is ${did} ${what} when a key of theirs is in use.`
    return { to, isReached: false, says, decisions: untold(owed, about, 'no-key', { by, tag }) }
  }
  const known = lastTold(about, reporter, isQuestion)
  const before = known === null || known.date === date ? '' : say(known.date, known.zone)
  const message = isQuestion
    ? dateProposed({ date: disclosure, before })
    : dateNotice({ product: product.name, disclosure, word, before, changed, isListTold })
  const sending = { once: `${about.arrivalId}:${date}`, tag: record.tag }
  const kind = isQuestion ? 'date-asked' : 'date-told'
  const event = { reporter: reporter.id, date, zone, how: path.kind, writtenAt }
  const told = recorded(kind, aboutCase(tag), by, event)
  const says = `We ${did} ${address} ${what}, ${WAYS[path.kind]}.`
  return { to, isReached: true, says, decisions: [toReporter(path, message, sending), told] }
}

/** That a reporter is not told what they are owed: a clock tells the maintainers at once. */
export function untold(
  { word, date, reporter: { id } }: Owed,
  { product }: Pick<DateAbout, 'product'>,
  because: Particulars['date-untold']['because'],
  { by, tag }: Act
): Decision[] {
  const isPromised = word === 'early' ? because !== 'no-address' : isDatePromised(product)
  if (word === 'question' || !isPromised) return []
  const ofDate = word === 'change' ? 'change-untold' : 'date-untold'
  const kind = word === 'early' ? 'disclosure-untold' : ofDate
  return [recorded(kind, aboutCase(tag), by, { reporter: id, date, because })]
}

/** A reporter knows a date from either. */
const TOLD = ['date-asked', 'date-told'] as const

/** The date that they were told last, or also asked about; null for none. */
function lastTold(
  { record, events }: Pick<DateAbout, 'record' | 'events'>,
  reporter: Reporter,
  isAskedToo: boolean
): Particulars['date-told'] | null {
  const kinds = isAskedToo ? TOLD : (['date-told'] as const)
  return wordsWith(events, record, reporter, ...kinds).at(-1)?.about ?? null
}

/** Everybody who reported, each person once. */
function everybodyOf({ reporters }: Pick<CaseRecord, 'reporters'>): readonly Reporter[] {
  return [...addresseesOf({ reporters }), ...reporters.filter(({ contact }) => contact === null)]
}

/** Whether reporters learn a date together with the list. */
function isDatePromised({ policy }: Product): boolean {
  return policy.notice?.reporter_date_mail === 'with-notice'
}

/** What each reporter is owed when the list is told a date, or reads what changed (M-30). */
export function owedWithNotice(
  notice: NoticeRecord,
  about: Omit<DateAbout, 'keys'>,
  isListTold: boolean
): readonly Owed[] {
  const { record, product, now } = about
  const { disclosureAt: date, state } = record
  // What left before and goes to members who came later is no news to the reporter.
  const isNews = notice.releasedAt === null && state !== 'disclosed'
  if (!isNews || date === null || !isDatePromised(product)) return []
  // The name of a file is not for the reporter.
  const parts = noticeParams(notice, { ...about, case: record }).changes.map(({ what }) =>
    what.replace(/^Patch (?!available$).+/u, 'Patches')
  )
  const changes = listed([...new Set(parts)].filter((part) => part !== 'Disclosure'))
  return everybodyOf(record).flatMap((reporter) => {
    const known = lastTold(about, reporter, false)
    const isDateNew = known?.date !== date
    const isOver = date <= now
    if (!isDateNew && (changes === '' || isOver)) return []
    const word = isOver ? 'over' : isDateNew ? 'date' : 'change'
    return { reporter, word, date, changed: known === null ? '' : changes, isListTold }
  })
}

/**
 * Writes the same word to every reporter of the draft, on the record of the case `tag`, in place of what an earlier line would say
 * about the date. Who has no key is asked for one, and is told as soon as it comes.
 */
export function tellAll(draft: Draft, word: Word, tag = draft.case.tag): void {
  const about = aboutDraft({ ...draft, question: null })
  const act = { by: byMaintainer(draft.author.id), tag }
  const told = everybodyOf(draft.case).map((reporter): Said => {
    const { to, isReached, ...said } = tell({ ...word, reporter }, about, act)
    if (isReached || to === null) return said
    const asking = askFor(to, draft, 'key-request')
    draft.decisions.push(...asking.decisions)
    return { ...said, says: `${said.says} ${asking.says}` }
  })
  draft.question = together(told)
}

type Said = NonNullable<Draft['question']>

function together(all: readonly Said[]): Said {
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    says: all.flatMap(({ says }) => (says === '' ? [] : says)).join(' ')
  }
}

/** Writes to those who are owed a word, here and in their other cases. Questions are not stored, so none can be out of date. */
function tellOwing(people: readonly Addressed[], about: DateAbout, by: Actor): Said {
  const { record, settings, dated = [] } = about
  const others = dated
    .filter((one) => one.record.tag !== record.tag)
    .map((one) => ({ ...about, ...one, product: productNamed(one.record.product, settings) }))
  const told = [about, ...others].flatMap((one) => {
    const { tag } = one.record
    const all = owedIn(one, people).map((owed) => tell(owed, one, { by, tag }))
    const reached = all.filter(({ isReached }) => isReached)
    return one === about
      ? reached
      : reached.map((said) => ({ ...said, says: `${tag}: ${said.says}` }))
  })
  return together(told)
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

/** Asks reporters about the date if a maintainer's word about their key has opened a way to them (B19). */
export function askOwed(draft: Draft): void {
  const { question, settled, author } = draft
  const reporters = addresseesOf(draft.case).filter(({ id }) => settled.includes(id))
  const asked = tellOwing(reporters, aboutDraft(draft), byMaintainer(author.id))
  draft.question = together([...(question === null ? [] : [question]), asked])
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
  const untold = ['date-untold', 'disclosure-untold'] as const
  const last = wordsWith(events, record, reporter, ...TOLD, ...untold).at(-1)
  const isTold = TOLD.some((kind) => kind === last?.kind)
  if (record.state === 'disclosed')
    return last?.kind === 'disclosure-untold' ? { word: 'early', date: last.about.date } : null
  const date = comingDate(record, now)
  if (date === null || (isTold && last?.about.date === date)) return null
  const left = events.findLastIndex(({ kind }) => kind === 'notice-left')
  const known = events.slice(0, left + 1).findLast((one) => one.kind === 'embargo-set')
  const set = events.findLast(({ kind }) => kind === 'embargo-set')
  const writtenAt = set !== undefined && 'at' in set ? (set.at as Instant) : now
  return { word: known?.about.date === date ? 'date' : 'question', date, writtenAt }
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
): DeskEvent<'date-answered' | (typeof TOLD)[number]> | null {
  const date = comingDate(record, now)
  const said = wordsWith(bound.events, record, reporter, ...TOLD, 'date-answered').filter(
    ({ about }) => about.date === date
  )
  return said.findLast(({ kind }) => kind === 'date-answered') ?? said.at(-1) ?? null
}

/** Whether the last message about the date did not reach them. */
export function isDateLost(about: Pick<DateAbout, 'record' | 'events'>, reporter: Reporter) {
  const kinds = [...TOLD, 'date-unreached', 'retried'] as const
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
  const told = wordsWith(events, record, sender.reporter, ...TOLD)
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
  told: readonly DeskEvent<(typeof TOLD)[number]>[],
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
