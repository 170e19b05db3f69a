/**
 * Composes what the clocks tell. A clock names its message. An alarm is made of the clock, the events that it tells of and, for
 * some, what `DETAILS` adds; messages/alert.liquid has the words. Reads what it needs and changes nothing. Makes no message for
 * somebody to whom there is nothing to say.
 */
import {
  addressAmong,
  type CaseRecord,
  isOpen,
  type Reporter,
  reporterWith,
  type WaitingWords
} from '../domain/case.ts'
import { UNDECIDED } from '../domain/case-machine.ts'
import { type Clock, type ClockRun, type Ring, shownDue } from '../domain/clock.ts'
import { type Decision, type SealedRecipient } from '../domain/decision.ts'
import {
  type DeskEvent,
  type EventKind,
  instantOf,
  type Particulars,
  type Subject
} from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type Audience, type Conversation } from '../domain/message.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { addMs, formatInstant, HOUR_MS, type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { nounOf } from '../messages/catalogue.ts'
import {
  alert,
  digest as digestMessage,
  keyProblem,
  reportList
} from '../messages/to-maintainers.ts'
import { memberKeyExpires } from '../messages/to-members.ts'
import { remedyOf, whomToTell } from '../policy/clocks.ts'
import { whoApproves } from '../policy/embargo.ts'
import { approving, dateWords, noticeParams } from '../policy/notice-content.ts'
import { NOBODY_LISTED, noticeLacks } from '../policy/notice-lint.ts'
import { nameOf } from '../policy/recipients.ts'
import { inClearTo, sealedTo } from '../policy/send.ts'
import { caseLines, waitingName } from '../policy/status.ts'
import * as cases from '../store/cases.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import { listJunk } from '../store/junk.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import * as strangers from '../store/strangers.ts'

/** One telling: a clock, what of it rings, and whom it reaches. */
export type Occasion = {
  readonly read: Read
  readonly settings: Settings
  readonly subject: Subject
  readonly clock: Clock
  readonly rings: readonly Ring[]
  /** The events that started these runs, oldest first. */
  readonly starts: readonly DeskEvent[]
  readonly record: CaseRecord | null
  readonly product: Product | null
  readonly recipients: readonly SealedRecipient[]
  /** The member that the clock is about is told, too. */
  readonly isMemberTold: boolean
  /** Names the telling: one made twice is sent once (G2). */
  readonly once: string
  readonly now: Instant
}

/** The messages of one telling, and what is forgotten once it was told. */
export function compose(occasion: Occasion): readonly Decision[] {
  const { clock, isMemberTold, read, record } = occasion
  if (clock.message === 'digest') return digest(occasion)
  if (clock.message === 'own-key') return ownKey(occasion)
  if (clock.message === 'report-list') return listReports(occasion)
  const notice = record === null ? null : notices.find(read, record.tag)
  return [...(isMemberTold ? keyExpires(occasion) : []), ...alarms({ ...occasion, notice })]
}

function alarms(occasion: Detailed): Decision[] {
  const { settings, clock, rings, starts, record, recipients, once } = occasion
  const details = DETAILS[clock.message]?.(occasion)
  const [first, ...also] = promisesOf(occasion)
  if (details === null || first === undefined) return []
  const { names = '', ...about } = details ?? { names: '' }
  const waiting = rings
    .flatMap(({ run }) => waitingAnswers(occasion, run))
    .map((words) => waitingName(words, settings))
  const params = {
    ...first,
    // The clocks that share another message have its words in common.
    also: clock.message === 'reminder' ? also : [],
    ...wordsOf(occasion),
    about,
    waiting: [...new Set(waiting)],
    offered: waitingReporters(starts, record).flatMap(({ unusedKeys }) => unusedKeys)
  }
  const admins = whomToTell(['list-admin'], { ...settings, owner: null, start: null })
  const groups = groupBy(recipients, ({ id }) => (admins.includes(id) ? names : ''))
  const [reporter, ...others] = new Set(
    starts.flatMap(({ about }) => ('reporter' in about ? about.reporter : []))
  )
  // What answers an alarm about one reporter is for that reporter; a decision that a new report waits for is for all of them.
  const isAboutOne =
    reporter !== undefined && others.length === 0 && !clock.starts.includes('opened')
  const conversation: Conversation = isAboutOne ? `reporter:${reporter}` : ''
  const sending = { once, tag: record?.tag ?? null, conversation }
  return [...groups].map(([told, to]) => sealedTo(to, alert({ ...params, names: told }), sending))
}

function wordsOf(occasion: Occasion) {
  const { settings, clock, rings, starts, record, subject, recipients, now } = occasion
  const { title, counts, message: alarm } = clock
  const says = (at: Instant = now): string => formatInstant(at, settings.desk.timezone)
  // What is due at once was asked of nobody before.
  const over = rings.filter(({ run }) => run.startedAt < run.dueAt && run.dueAt <= now)
  const asked = over.flatMap(({ tell, run: { start } }) =>
    whomToTell(tell, { ...settings, owner: record?.owner ?? null, start })
  )
  return {
    alarm,
    title,
    asked: listed([...new Set(asked)].map((id) => nameOf(id, settings))),
    whose: whoIs(occasion, subject.kind, subject.id),
    isLate: rings.some(({ isLate }) => isLate),
    times: counts === 'each' ? starts.length : 1,
    starts: starts.map((start) => inWords(occasion, start)),
    since: says(starts[0]?.at),
    until: says(starts.at(-1)?.at),
    now: says(),
    owner: nameOf(record?.owner ?? '', settings),
    disclosure: record === null ? '' : dateWords(record, settings.desk.timezone),
    // A maintainer whose key has expired does not get it.
    readers: recipients.map(({ name }) => name).join(', ')
  }
}

/** What is at risk by when: once, however many runs say the same of it. */
function promisesOf(occasion: Occasion) {
  const { settings, clock, rings, record, now } = occasion
  const isAlarm = clock.counts === 'each'
  const said = rings.map(({ run }) => ({
    ...{ risk: run.clock.risk, remedy: remedyOf(run.clock, record?.state), quote: run.clock.quote },
    due: isAlarm ? '' : formatInstant(shownDue(run), settings.desk.timezone),
    isOver: run.dueAt <= now,
    isWritten: waitingAnswers(occasion, run).length > 0,
    address: isAlarm ? '' : addressIn(run.start.about, record)
  }))
  return [...groupBy(said, (one) => JSON.stringify(one)).values()].map(([one]) => one)
}

/** An event as the wordings read it: its particulars, and people, messages and reasons in words. */
function inWords(occasion: Occasion, { kind, at, about }: DeskEvent): object {
  const isOfMessage = 'audience' in about
  const address = addressIn(about, occasion.record)
  const who = isOfMessage ? whoIs(occasion, about.audience, about.recipient) : ''
  return {
    ...about,
    kind,
    received: formatInstant(at, occasion.settings.desk.timezone),
    who: address === '' ? who : `reporter ${address}`,
    noun: isOfMessage ? nounOf(about.message) : '',
    address
  }
}

/** The address of the reporter that an event is about; '' where the case has only one. */
function addressIn(about: DeskEvent['about'], record: CaseRecord | null): string {
  const id = 'reporter' in about ? about.reporter : 'recipient' in about ? about.recipient : ''
  return record === null ? '' : addressAmong(record, id)
}

function whoIs({ settings }: Occasion, kind: Audience | Subject['kind'], id: string): string {
  if (kind === 'maintainer') return nameOf(id, settings)
  return kind === 'member' ? `list member ${id}` : OTHERS[kind]
}

const OTHERS = {
  desk: 'the desk',
  case: '',
  reporter: 'the reporter',
  outsider: 'somebody outside'
}

/** The answers that keep a promise as soon as a key of its reporter comes, so that nobody writes them again. */
function waitingAnswers({ read, record }: Occasion, { clock, start }: ClockRun): WaitingWords[] {
  if (record === null || !clock.stops.includes('answered')) return []
  const contacts = waitingReporters([start], record).flatMap(({ contact }) => contact ?? [])
  const addresses = contacts.map(({ address }) => address)
  return cases.listKeptWords(read, addresses).filter(({ tag }) => tag === record.tag)
}

function waitingReporters(starts: Occasion['starts'], record: CaseRecord | null): Reporter[] {
  return starts.flatMap(({ about }) =>
    record !== null && 'reporter' in about ? (reporterWith(record, about.reporter) ?? []) : []
  )
}

/** Goes to messages/alert.liquid as `about`. Only list admins read the `names`, which are those of members of the list (G5). */
type Details = { readonly names?: string }

type Detailed = Occasion & { readonly notice: NoticeRecord | null }

/** What the notice lacks and who can approve it, or that nobody can and what to do; and what the list does not know of it. */
function noticeFacts({ read, record, product, notice, settings, now }: Detailed) {
  const isPublic = (record?.disclosureAt ?? now) <= now
  if (record === null || product === null || notice === null)
    return { isPublic, lacks: [], approvers: '', changes: [] }
  const about = { case: record, notice, product, settings, now }
  const reported = cases.listReported(read, record.id)
  const bound = { members: members.listActive(read, product.id), reported }
  return {
    isPublic,
    // An alarm says itself that nobody is on the list.
    lacks: noticeLacks({ ...about, bound }).filter((says) => says !== NOBODY_LISTED),
    approvers: whoApproves(approving(notice, about)),
    changes: noticeParams(notice, about).changes
  }
}

/** By the message that a clock names; null where there is nothing to say after all. */
const DETAILS: Readonly<Record<string, (occasion: Detailed) => (Details & object) | null>> = {
  /** When it leaves, '' where the lead of the policy is missed, and how many members it would reach then. */
  preflight: (occasion) => {
    const { read, settings, record, notice, starts, subject, now } = occasion
    const leaveBy = starts.map((one) => instantOf(one, 'leaveBy')).at(-1) ?? null
    if (record === null || leaveBy === null) return null
    const isAhead = leaveBy > now
    const leavesAt = isAhead ? leaveBy : now
    const all = members.listActive(read, record.product)
    const blocked = all.filter(({ keyExpiresAt: end }) => end !== null && end <= leavesAt)
    return {
      leaves: isAhead ? formatInstant(leaveBy, settings.desk.timezone) : '',
      all: all.length,
      ready: all.length - blocked.length,
      blocked: blocked.length,
      notice: UNDECIDED.includes(record.state) ? 'undecided' : (notice?.state ?? 'none'),
      ...noticeFacts(occasion),
      held:
        notice?.state === 'held' ? events.lastOfKinds(read, subject, ['notice-held'])?.about : null,
      names: blocked.map(({ id }) => id).join(', ')
    }
  },
  /** The changes that the list does not know: both dates, and which fields and files. Nothing while copies are on their way. */
  change: (occasion) => {
    const isLeaving = ['releasing', 'released'].includes(occasion.notice?.state ?? '')
    return isLeaving ? null : noticeFacts(occasion)
  },
  /** Whether no copy of the notice may be sent again. */
  undelivered: ({ notice }) => ({ isVoid: notice?.state === 'held' || notice?.hasLeft === false }),
  /** Messages could not be encrypted to somebody who can be reached again: nothing is said once the case is over. */
  missed: ({ record }) => (record === null || isOpen(record.state) ? {} : null),
  'notice-late': (occasion) => {
    const lateMs = abouts(occasion, 'notice-leaving').at(-1)?.lateMs ?? 0
    const minutes = occasion.product?.policy.notice?.late_after_minutes ?? Infinity
    return lateMs > minutes * 60_000 ? {} : null
  },
  /** How many copies are where, which reporters were told the date with them, and what a change changed. */
  'notice-left': ({ read, settings, record, product, notice, subject, starts }) => {
    const left = starts.at(-1)
    if (record === null || notice === null || left?.kind !== 'notice-left') return null
    const kinds = ['notice-leaving', 'date-told', 'notice-left'] as const
    const before = events.list(read, subject, { kinds }).filter(({ id }) => id < left.id)
    const since = before.slice(before.findLastIndex(({ kind }) => kind === 'notice-leaving'))
    const told = since.flatMap(({ kind, about }) =>
      kind === 'date-told' ? (reporterWith(record, about.reporter)?.contact?.address ?? []) : []
    )
    const isPresent = product !== null && notice.revision === left.about.revision
    return {
      changes: isPresent ? noticeParams(notice, { case: record, product, settings }).changes : [],
      copies: deliveries.count(read, notice.id, left.about.revision),
      told: listed([...new Set(told)])
    }
  },
  /** A member's removal from the list makes no alarm alone; beside others, the alarm says that nobody tells that member. */
  'copy-late': (occasion) => {
    const dropped = abouts(occasion, 'copy-dropped')
    return dropped.some(({ because }) => because !== 'not-listed') ? {} : null
  },
  /** Only a hold by the desk itself: a person who holds a notice tells the others. */
  'notice-held': (occasion) => {
    const { read, starts, subject, record } = occasion
    const start = starts.at(-1)
    if (start?.kind !== 'notice-held' || start.actor.kind !== 'desk') return null
    const kinds = ['notice-leaving', 'notice-left', 'notice-held'] as const
    const before = events.list(read, subject, { kinds }).findLast(({ id }) => id < start.id)
    return {
      isLeaving: before?.kind === 'notice-leaving',
      isTold: record?.state === 'noticed',
      ...noticeFacts(occasion)
    }
  },
  /** A wall clock that nobody can vouch for matters while a notice, or a copy of one, has not left. */
  'clock-jumped': ({ read, settings }) => {
    if (!notices.hasUnsent(read)) return null
    const scheduled = notices.listActive(read).flatMap(({ state, caseTag, releaseAt }) => {
      if (state !== 'scheduled' || releaseAt === null) return []
      return `${caseTag}: leaves ${formatInstant(releaseAt, settings.desk.timezone)}`
    })
    return { isOpen: events.openDoubt(read) !== null, scheduled }
  }
}

function abouts<K extends EventKind>({ starts }: Occasion, kind: K): Particulars[K][] {
  return starts.flatMap((one) => (one.kind === kind ? [one.about as Particulars[K]] : []))
}

function keyExpires({ read, settings, subject, rings, once }: Occasion): Decision[] {
  const member = members.find(read, subject.id)
  const at = rings[0]?.run.dueAt
  if (member?.state !== 'active' || at === undefined) return []
  const message = memberKeyExpires({ expiresAt: formatInstant(at, settings.desk.timezone) })
  return [sealedTo([member], message, { once, tag: null })]
}

/** To the maintainer whose key refused a message: in clear, at most once a day however many cases there are (G3). */
function ownKey(occasion: Occasion): Decision[] {
  const { recipients, now } = occasion
  const refused = abouts(occasion, 'not-encrypted').at(-1)
  if (refused === undefined) return []
  const problem = `Your key cannot be used: ${KEY_PROBLEMS[refused.because]}.`
  const sending = { once: now.slice(0, 10), tag: null }
  return recipients.map((to) => inClearTo(to, keyProblem({ problem }), sending))
}

/** At most this many are listed one by one; the others are counted. */
const LISTED_MAX = 100

/** Lists what needs a look and makes no alarm when it happens; no message where the list is empty. */
function digest({ read, settings, recipients, rings, once, now }: Occasion): Decision[] {
  const { messages, total, lastId } = listJunk(read, LISTED_MAX)
  // Those that nobody was sent are reminded of in a message of their own.
  const others = new Set(strangers.untouchedTags(read))
  const unanswered = cases.list(read, 'unanswered').filter(({ tag }) => !others.has(tag))
  if (unanswered.length === 0 && total === 0) return []
  const message = digestMessage({
    isLate: rings.some(({ isLate }) => isLate),
    unanswered: unanswered.slice(0, LISTED_MAX).map((one) => caseLines(one, { settings, now })),
    moreUnanswered: Math.max(0, unanswered.length - LISTED_MAX),
    junk: messages.map(({ receivedAt, ...mail }) => ({
      ...mail,
      received: formatInstant(receivedAt, settings.desk.timezone)
    })),
    moreJunk: total - messages.length
  })
  return [sealedTo(recipients, message, { once, tag: null }), { kind: 'forget-junk', lastId }]
}

/** A list names at most so many cases: each takes a line or two. */
const REPORTS_MAX = 500

/** The new list of what strangers wrote; without one, a reminder of those on which nobody has acted. */
function listReports({ read, settings, recipients, rings, once, now }: Occasion): Decision[] {
  const lists = rings.flatMap(({ run }) => (run.clock.id === 'new-list' ? run.start.id : []))
  const { reports, cases: all, total, totalFurther } = strangers.listIn(read, lists, REPORTS_MAX)
  const waiting = strangers.listUntouched(read, lists, all > 0 ? 0 : LISTED_MAX)
  if (all + waiting.total === 0) return []
  const message = reportList({
    isLate: rings.some(({ isLate }) => isLate),
    reports: reports.map(listedLine),
    more: all - reports.length,
    total,
    totalFurther,
    waiting: waiting.reports.map((one) => {
      if (one.due === null) return listedLine(one)
      const due = one.due.at <= now ? 'OVERDUE since' : 'due'
      return `${listedLine(one)}\n    ${due} ${formatInstant(one.due.at, settings.desk.timezone)}`
    }),
    totalWaiting: waiting.total,
    ...promisesIn(strangers.listDues(read), now, settings.desk.timezone)
  })
  return [sealedTo(recipients, message, { once, tag: null })]
}

/** A little longer than the time to the next reminder. */
const SOON_MS = 25 * HOUR_MS

/**
 * How many of these promises are broken, and how many are due before the next reminder, so that none passes without a word: the
 * clocks of these cases ring for nobody.
 */
function promisesIn(dues: ReturnType<typeof strangers.listDues>, now: Instant, timezone: string) {
  const overdue = dues.filter(({ at }) => at <= now)
  const soon = dues.filter(({ at }) => at > now && at <= addMs(now, SOON_MS))
  const [next] = soon
  const nextDue = next === undefined ? '' : `${next.tag}, ${formatInstant(next.at, timezone)}`
  return { overdue: overdue.length, dueSoon: soon.length, nextDue }
}

/** As its sender wrote it; a long subject or address is cut, so that no list grows beyond bounds. */
function listedLine(listedCase: strangers.ListedReport) {
  const { tag, subject, reporters, isReport, further, isProved, isEncrypted } = listedCase
  const cut = (text: string): string => {
    const line = text.replaceAll(/\s+/gu, ' ').trim()
    return line.length > CUT_CHARS ? `${line.slice(0, CUT_CHARS)}…` : line
  }
  const from = reporters.find(({ id }) => id === tag)?.contact?.address ?? 'no address'
  const marks = `${isProved ? ' (verified)' : ''}${isEncrypted ? ', encrypted' : ''}`
  const others = further === 0 ? '' : count(further, 'further message', 'further messages')
  const what = others === '' ? tag : isReport ? `${tag} and ${others}` : `${others} in ${tag}`
  return `${what}  ${cut(from)}${marks}: ${cut(subject) || '(no subject)'}`
}

const CUT_CHARS = 100
