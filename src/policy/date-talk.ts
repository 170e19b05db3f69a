/**
 * Talking with the reporter about the date (M-22, M-30, B19): they are asked when it is proposed, and the maintainers see their
 * answer as a suggestion. Never decides anything by an answer: a reporter has no commands.
 */
import * as cases from '../domain/case.ts'
import { type Decision, recorded } from '../domain/decision.ts'
import {
  type Actor,
  aboutCase,
  byMaintainer,
  type DeskEvent,
  type EventKind,
  type Particulars
} from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type MessageKind } from '../domain/message.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { dateOfList, wordsWith } from '../domain/notice-history.ts'
import { type Product, productNamed, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { listed } from '../domain/words.ts'
import { dateNotice, dateProposed } from '../messages/to-reporters.ts'
import { type Draft, hasHappened, recordAfter, tellsEnd } from './draft.ts'
import { newText } from './new-text.ts'
import { noticeParams } from './notice-content.ts'
import { reporterPath, WAYS } from './recipients.ts'
import { askFor } from './reporter-mail.ts'
import { toReporter } from './send.ts'
import { type BoundCase, type DatedCase, type Situation } from './situation.ts'
import { type Sender } from './threading.ts'

/** Messages that ask a reporter about a date or tell it. */
export const DATE_MAIL: readonly MessageKind[] = [dateProposed.kind, dateNotice.kind]

/** A case, what happened to it, and the moment. */
export type Facts = DatedCase & { readonly now: Instant }

/** A case, and what is known of its reporters. */
export type DateAbout = Facts & {
  readonly keys: cases.ReporterKeys
  readonly product: Product
  readonly settings: Settings
  /** The number of the message, or the revision of the notice, that causes what is written. */
  readonly arrivalId: number | string
  /** The other cases, and this one, in which a key that comes into use opens a way to them. */
  readonly dated?: readonly DatedCase[]
}

/**
 * What a reporter is to read: whether the date suits them, the date by which the list goes, what else changed in the notice, that
 * the date came before they were told, or that the issue is public.
 */
type Word = {
  readonly word: 'question' | 'date' | 'change' | 'over' | 'public'
  readonly date: Instant
  /** Names of what else changed in the notice. */
  readonly changed?: readonly string[]
  /** When it became owed, where a key or another cause brings the word later: it answers nothing that came since. */
  readonly writtenAt?: Instant
}
export type Owed = Word & { readonly reporter: cases.Reporter }

/** Who writes, and on the record of which case. */
type Act = { readonly by: Actor; readonly tag: CaseTag }

/** Writes to one reporter, or records why that cannot be. */
export function tell(owed: Owed, about: DateAbout, { by, tag }: Act) {
  const { reporter, word, date, changed = [], writtenAt = about.now } = owed
  const { record, keys, product, settings } = about
  const { disclosureZone: zone } = record
  const isQuestion = word === 'question'
  const did = isQuestion ? 'asked' : 'told'
  const to = cases.addressed(reporter)
  if (to === null) {
    const says = `The reporter was not ${did}: the report names no address.`
    return { to, isReached: false, says, decisions: [] }
  }
  const say = (instant: Instant, written: string | null): string =>
    formatInstant(instant, settings.desk.timezone, written)
  const disclosure = say(date, zone)
  const { address } = to.contact
  const what =
    word === 'public' ? 'that it is public' : `${isQuestion ? 'about ' : ''}the date ${disclosure}`
  const path = reporterPath(to, keys, product)
  if (path.kind === 'no-key') {
    const says = `${address} is ${did} ${what} when a key of theirs is in use.`
    return { to, isReached: false, says, decisions: untold(owed, about, 'no-key', { by, tag }) }
  }
  const known = lastTold(about.events, reporter, word)
  const before = known === null || known.date === date ? '' : say(known.date, known.zone)
  const told = { product: product.name, disclosure, before, changed: listed(changed) }
  const message = isQuestion
    ? dateProposed({ date: disclosure, before })
    : dateNotice({ ...told, word })
  const sending = { once: `${about.arrivalId}:${date}`, tag: record.tag }
  const kind = isQuestion ? 'date-asked' : 'date-told'
  const event = { reporter: reporter.id, date, zone, how: path.kind, writtenAt }
  const said = recorded(kind, aboutCase(tag), by, event)
  const says = `We ${did} ${address} ${what}, ${WAYS[path.kind]}.`
  return { to, isReached: true, says, decisions: [toReporter(path, message, sending), said] }
}

/** That a reporter is not told what they are owed: a clock tells the maintainers at once. */
export function untold(
  { word, date, changed = [], reporter: { id } }: Owed,
  { product }: Pick<DateAbout, 'product'>,
  because: Particulars['date-untold']['because'],
  { by, tag }: Act
): Decision[] {
  if (word === 'question' || (word !== 'public' && !isDatePromised(product))) return []
  const ofDate = word === 'change' ? 'change-untold' : 'date-untold'
  const kind = word === 'public' ? 'disclosure-untold' : ofDate
  return [recorded(kind, aboutCase(tag), by, { reporter: id, date, because, changed })]
}

/** A reporter knows a date from either. */
const TOLD = ['date-asked', 'date-told'] as const
const UNTOLD = ['date-untold', 'change-untold', 'disclosure-untold'] as const

/** The date that they were told last, or asked about where the word goes by a plan, too; null for none. */
function lastTold(
  events: readonly DeskEvent[],
  reporter: cases.Reporter,
  word: Word['word']
): Particulars['date-told'] | null {
  const kinds = word === 'question' || word === 'public' ? TOLD : (['date-told'] as const)
  return wordsWith(events, reporter, ...kinds).at(-1)?.about ?? null
}

/** What was written to a reporter about dates, what they answered, and what came back or did not leave. */
export function wordsAboutDate(events: readonly DeskEvent[], reporter: cases.Reporter) {
  const kinds = [...TOLD, 'date-answered', 'date-unreached', 'retried'] as const
  // The operator may have sent another message again.
  return wordsWith(events, reporter, ...kinds).filter(
    ({ about }) => !('message' in about) || DATE_MAIL.includes(about.message)
  )
}

/** Whether reporters learn a date together with the list. */
function isDatePromised({ policy }: Product): boolean {
  return policy.notice?.reporter_date_mail === 'with-notice'
}

/** What each reporter who named an address is owed when the list is told a date, or reads what changed (M-30). */
export function owedWithNotice(
  notice: NoticeRecord,
  about: Omit<DateAbout, 'keys'>
): readonly Owed[] {
  const { record, product } = about
  const { disclosureAt: date, state } = record
  // What left before and goes to members who came later is no news to the reporter.
  const isNews = notice.releasedAt === null && state !== 'disclosed'
  if (!isNews || date === null || !isDatePromised(product)) return []
  // The name of a file is not for the reporter.
  const parts = noticeParams(notice, { ...about, case: record }).changes.map(({ what }) =>
    what.replace(/^Patch (?!available$).+/u, 'Patches')
  )
  const changes = parts.filter((part) => part !== 'Disclosure')
  return cases.addresseesOf(record).flatMap((reporter) => {
    const word = wordOfList(about, reporter, date, changes)
    return word === null ? [] : { ...word, reporter }
  })
}

/** What a reporter is owed once the list has this date, and reads that this changed; null for nothing. */
function wordOfList(
  { events, now }: Facts,
  reporter: cases.Reporter,
  date: Instant,
  changes: readonly string[]
): Word | null {
  const last = wordsWith(events, reporter, ...TOLD, ...UNTOLD).at(-1)
  const unheard = last !== undefined && 'changed' in last.about ? last.about.changed : []
  const changed = [...new Set([...unheard, ...changes])]
  const known = wordsWith(events, reporter, ...TOLD).at(-1)
  const isDateNew = known?.kind !== 'date-told' || known.about.date !== date
  const isOver = date <= now
  if (!isDateNew && (changed.length === 0 || isOver)) return null
  const word = isOver ? 'over' : isDateNew ? 'date' : 'change'
  return { word, date, changed }
}

type Said = Draft['asked']

/** Makes the desk write to all reporters of a case. */
const NEWS: readonly EventKind[] = ['embargo-set', 'accepted', 'disclosed']

/**
 * What reporters are asked or told of a date because of this message, as it leaves the case, and what is said of that. Beside
 * news for all of them: a maintainer's word about the key of some may have opened a way to them (B19).
 */
export function dateTalk(draft: Draft): Said {
  const { case: record, reporterKeys: keys, settled, author, bound } = draft
  const owed = cases.everybodyOf(record).flatMap((reporter): Owed | [] => {
    const word = hasHappened(draft, ...NEWS) ? newsFor(reporter, draft) : null
    return word === null ? [] : { ...word, reporter }
  })
  const news = tellEach(owed, draft)
  const events = recordAfter(draft, news.decisions)
  const people = cases.addresseesOf(record).filter(({ id }) => settled.includes(id))
  const about = { ...draft, record, keys, events, dated: bound.dated }
  return together([news, tellOwing(people, about, byMaintainer(author.id)), draft.asked])
}

/** That it is public is for whoever waits for a date to come, or was told none or in vain, unless another message says so. */
function newsFor(reporter: cases.Reporter, draft: Draft): Word | null {
  const { case: record, now, words } = draft
  const events = recordAfter(draft)
  const disclosed = events.findLast((one) => one.kind === 'disclosed')
  if (disclosed === undefined || !hasHappened(draft, 'disclosed'))
    return owedWord({ record, events, now }, reporter)
  const { disclosureAt: planned } = record
  const isSaid = words.some((one) => one.reporter.id === reporter.id && tellsEnd(one))
  if (planned === null || isSaid) return null
  const isLost = wordsAboutDate(events, reporter).at(-1)?.kind === 'date-unreached'
  const isKnown = !isLost && lastTold(events, reporter, 'public')?.date === planned
  return planned > now || !isKnown ? { word: 'public', date: disclosed.about.date } : null
}

/**
 * Writes to these reporters, on the record of the case `tag`. Who has no key is asked for one, and is told as soon as it comes.
 */
export function tellEach(owed: readonly Owed[], draft: Draft, tag = draft.case.tag): Said {
  const { case: record, reporterKeys: keys, author } = draft
  const about = { ...draft, record, keys, events: recordAfter(draft) }
  const told = owed.map((one): Said => {
    const { to, isReached, ...said } = tell(one, about, { by: byMaintainer(author.id), tag })
    if (isReached || to === null) return said
    const asking = askFor(to, draft, 'key-request')
    const decisions = [...asking.decisions, ...said.decisions]
    return { decisions, says: `${said.says} ${asking.says}` }
  })
  return together(told)
}

function together(all: readonly Said[]): Said {
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    says: all.flatMap(({ says }) => (says === '' ? [] : says)).join(' ')
  }
}

/** Writes to those of these people who are owed a word, here and in their other cases. Questions are worked out anew. */
export function tellOwing(people: readonly cases.Reporter[], about: DateAbout, by: Actor): Said {
  const { record, settings, dated = [] } = about
  const others = dated
    .filter((one) => one.record.tag !== record.tag)
    .map((one) => ({ ...about, ...one, product: productNamed(one.record.product, settings) }))
  const told = [about, ...others].flatMap((one) =>
    cases.addresseesOf(one.record).flatMap((reporter): Said | [] => {
      const { tag } = one.record
      const { unusedKeys } = people.find((other) => cases.isSamePerson(other, reporter)) ?? {}
      const word = unusedKeys && owedWord(one, reporter)
      if (!word) return []
      const owed = { ...word, reporter: { ...reporter, unusedKeys } }
      const { isReached, says, decisions } = tell(owed, one, { by, tag })
      if (!isReached) return []
      return { decisions, says: one === about ? says : `${tag}: ${says}` }
    })
  )
  return together(told)
}

/** What a reporter is still owed; null for nothing. */
export function owedWord(about: Facts, reporter: cases.Reporter): Word | null {
  const { events, now } = about
  const last = wordsWith(events, reporter, ...TOLD, ...UNTOLD).at(-1)
  const since = events.findLast((one) => one === last || NEWS.includes(one.kind))
  const word = wordAfter(last, about, reporter)
  return word && { ...word, writtenAt: since?.at ?? now }
}

function wordAfter(
  last: DeskEvent<(typeof TOLD)[number] | (typeof UNTOLD)[number]> | undefined,
  about: Facts,
  reporter: cases.Reporter
): Word | null {
  const { disclosureAt: date, state } = about.record
  if (last?.kind === 'disclosure-untold' && state === 'disclosed')
    return { word: 'public', date: last.about.date }
  const isTold = last?.about.date === date && !UNTOLD.some((kind) => kind === last.kind)
  // Nobody is asked about the date of what is not decided.
  if (!['planned', 'noticed'].includes(state) || date === null || isTold) return null
  if (dateOfList(about.events) === date) return wordOfList(about, reporter, date, [])
  return date > about.now ? { word: 'question', date } : null
}

/**
 * Reads AGREE or OBJECT at the start of a line (B19) from whoever was told a date. What does not surely answer the present one is
 * shown and nothing more. `isOnlyYes`: nothing else came with the answer, so it needs no reply.
 */
export function answerToDate(
  sender: Sender,
  about: Pick<Situation, 'opened' | 'answers' | 'quoted'> &
    Pick<BoundCase, 'events'> & { readonly record: cases.CaseRecord }
) {
  const { record, events, opened } = about
  const { tag, disclosureAt: date } = record
  const nothing = { facts: [], decisions: [], isOnlyYes: false }
  if (sender.kind !== 'reporter' || date === null) return nothing
  const { text, outsideText, attachments, warnings } = opened
  const told = wordsWith(events, sender.reporter, ...TOLD)
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
  about: Pick<Situation, 'answers' | 'quoted'> & { readonly record: cases.CaseRecord },
  reporter: cases.Reporter
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
    (one) => cases.isSamePerson(one, reporter) && one.id !== record.tag
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
