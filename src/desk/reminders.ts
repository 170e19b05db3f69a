/**
 * What the clocks say. An alarm is made of its clock, the facts of what it is about and, for some, more that
 * messages/alert.liquid says. Reads what it needs and changes nothing. Where there is nothing to say to somebody, no message is
 * made for them.
 */
import { type CaseRecord, isOpen, type Reporter, reporterWith } from '../domain/case.ts'
import { type Clock, type Ring } from '../domain/clock.ts'
import { type SealedRecipient, type SendClear, type SendSealed } from '../domain/decision.ts'
import {
  type DeskEvent,
  type EventKind,
  type Particulars,
  type Recipient,
  type Subject
} from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type FactLine } from '../domain/message.ts'
import { HOLD_SENTENCES } from '../domain/notice.ts'
import { KEY_PROBLEMS, UNDELIVERED } from '../domain/outgoing.ts'
import { promisedAnswer } from '../domain/policy.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { nounOf } from '../messages/catalogue.ts'
import { alert, keyProblem } from '../messages/to-maintainers.ts'
import { memberKeyExpires } from '../messages/to-members.ts'
import { noticeParams } from '../policy/notice-content.ts'
import { inClearTo, sealedTo } from '../policy/send.ts'
import { waitingName } from '../policy/status.ts'
import * as cases from '../store/cases.ts'
import * as events from '../store/events.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'
import { digestMessage } from './digest.ts'

/** One telling: a clock, what of it rings, and whom it reaches. */
export type Occasion = {
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

/** The messages of one telling. */
export function compose(
  desk: Desk,
  read: Read,
  occasion: Occasion
): readonly (SendSealed | SendClear)[] {
  const { clock, isMemberTold } = occasion
  if (clock.message === 'digest') return digest(desk, read, occasion)
  if (clock.message === 'own-key') return ownKey(occasion)
  return [
    ...(isMemberTold ? keyExpires(desk, read, occasion) : []),
    ...alarms(desk, read, occasion)
  ]
}

function alarms(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { clock, record, recipients, once } = occasion
  const find = MATTERS[clock.message]
  const matter: Matter | null = find === undefined ? {} : find(desk, read, occasion)
  if (matter === null) return []
  const waiting = waitingFacts(desk, read, occasion)
  const words = {
    ...wordsOf(desk, occasion, matter),
    remedy: waiting.length === 0 ? clock.remedy : KEY_COMES
  }
  const facts = [...waiting, ...(matter.facts ?? []), ...factsOf(desk, occasion)]
  const { maintainers } = desk.settings
  const isAdmin = ({ id }: SealedRecipient): boolean =>
    maintainers.some((one) => one.id === id && one.roles.includes('list-admin'))
  const secret = matter.adminFacts ?? []
  const groups = groupBy(recipients, (one) => String(secret.length > 0 && isAdmin(one)))
  return [...groups].map(([isTold, to]) => {
    const message = alert({ ...words, facts: isTold === 'true' ? [...facts, ...secret] : facts })
    return sealedTo(to, message, { once, tag: record?.tag ?? null })
  })
}

function wordsOf(desk: Desk, { clock, rings, starts, now }: Occasion, matter: Matter) {
  const dueAt = rings[0]?.run.dueAt
  const isCounted = clock.counts === 'each' && matter.isUncounted !== true
  return {
    alarm: clock.message,
    title: matter.title ?? clock.title,
    risk: clock.risk,
    due: clock.counts === 'each' ? '' : timeOf(desk, dueAt),
    isOver: dueAt !== undefined && dueAt <= now,
    times: isCounted ? starts.length : 1,
    since: timeOf(desk, starts[0]?.at),
    isLate: rings.some((ring) => ring.isLate),
    about: matter.about ?? {}
  }
}

function timeOf({ settings }: Desk, at: Instant | undefined): string {
  return at === undefined ? '' : formatInstant(at, settings.desk.timezone)
}

const KEY_COMES =
  'What waits leaves, encrypted, when a key of the reporter is in use. We have asked for one. Please reach the reporter another way; /unsend because REASON withdraws what waits.'

/** The answers that wait for a reporter's key, so that nobody writes them again. */
function waitingFacts(desk: Desk, read: Read, { clock, starts, record }: Occasion): FactLine[] {
  if (record === null || !clock.stops.includes('answered')) return []
  const contacts = waitingReporters(starts, record).flatMap(({ contact }) => contact ?? [])
  return cases
    .listKeptWords(
      read,
      contacts.map(({ address }) => address)
    )
    .filter(({ tag }) => tag === record.tag)
    .map((words) => ({ label: 'Waiting for a key', value: waitingName(words, desk.settings) }))
}

function waitingReporters(starts: Occasion['starts'], record: CaseRecord): Reporter[] {
  return starts.flatMap(({ about }) =>
    'reporter' in about ? (reporterWith(record, about.reporter) ?? []) : []
  )
}

/** What an alarm says beside its clock. */
type Matter = {
  /** In place of the clock's. Must name nobody: it stands outside the encryption, too (B5, G5). */
  readonly title?: string
  /** What messages/alert.liquid knows as `about`. */
  readonly about?: object
  /** They come before the facts that every alarm has. */
  readonly facts?: readonly FactLine[]
  /** Only list admins learn these: they name members of the list (G5). */
  readonly adminFacts?: readonly FactLine[]
  /** The alarm names each of its causes, so it does not say how many they are. */
  readonly isUncounted?: boolean
}

/** By the message that a clock names; null where there is nothing to say after all. */
const MATTERS: Readonly<
  Record<string, (desk: Desk, read: Read, occasion: Occasion) => Matter | null>
> = {
  /** How many members the notice would reach at its instant. */
  preflight: (_desk, read, { record, product, rings }) => {
    const leavesAt = rings[0]?.run.dueAt
    if (record === null || product === null || leavesAt === undefined) return null
    const listed = members.listActive(read, product.id)
    const blocked = listed
      .filter(({ keyExpiresAt: end }) => end !== null && end <= leavesAt)
      .map(({ id }) => id)
    const about = {
      all: listed.length,
      ready: listed.length - blocked.length,
      blocked,
      notice: notices.find(read, record.tag)?.state ?? 'none'
    }
    const named = { label: 'Blocked', value: blocked.join(', ') }
    return { about, adminFacts: blocked.length === 0 ? [] : [named] }
  },
  /** What the list does not know: both dates, and which fields and files. */
  change: ({ settings }, read, { record, product, now }) => {
    const notice = record === null ? null : notices.find(read, record.tag)
    const isPublic = (record?.disclosureAt ?? now) <= now
    if (record === null || notice === null || product === null)
      return { about: { isPublic, changes: [] } }
    const { changes } = noticeParams(notice, { case: record, product, settings })
    return { about: { isPublic, changes } }
  },
  certificate: ({ settings }, _read, { subject, rings, now }) => {
    const expiresAt = rings[0]?.run.dueAt
    const maintainer = settings.maintainers.find(({ id }) => id === subject.id)
    const whose = {
      desk: 'the desk',
      maintainer: maintainer?.name ?? subject.id,
      member: `list member ${subject.id}`,
      case: ''
    }[subject.kind]
    const isExpired = expiresAt !== undefined && expiresAt <= now
    return { title: isExpired ? 'A key has expired' : 'A key expires soon', about: { whose } }
  },
  undelivered: (desk, _read, occasion) => {
    const lost = abouts(occasion, 'undelivered').map(({ message, because, code, ...whom }) => ({
      who: whoIs(desk, whom),
      noun: nounOf(message),
      because: UNDELIVERED[because],
      code
    }))
    const outbox = String(abouts(occasion, 'undelivered')[0]?.outbox)
    return { about: { lost: distinct(lost), outbox } }
  },
  'key-refused': (desk, _read, occasion) => {
    const refused = abouts(occasion, 'not-encrypted')
    const lost = refused.map(({ message, because, ...whom }) => ({
      who: whoIs(desk, whom),
      noun: nounOf(message),
      because: KEY_PROBLEMS[because]
    }))
    const audiences = distinct(refused.map(({ audience }) => audience))
    return { about: { lost: distinct(lost), audiences } }
  },
  /** What could not be encrypted to one maintainer, who can be reached again; nothing when the case is over. */
  missed: (desk, _read, occasion) => {
    const { record, starts } = occasion
    if (record !== null && !isOpen(record.state)) return null
    const nouns = abouts(occasion, 'not-encrypted').map(({ message }) => nounOf(message))
    const counts = distinct(nouns).map(
      (noun) => `${noun} (${nouns.filter((one) => one === noun).length})`
    )
    const facts = [
      { label: 'Not sent', value: counts.join(', ') },
      { label: 'First', value: timeOf(desk, starts[0]?.at) },
      { label: 'Last', value: timeOf(desk, starts.at(-1)?.at) }
    ]
    return { about: { count: nouns.length }, facts, isUncounted: true }
  },
  'notice-late': (desk, _read, occasion) => {
    const lateMs = abouts(occasion, 'notice-leaving').at(-1)?.lateMs ?? 0
    const lateAfter = occasion.product?.policy.notice?.late_after_minutes
    if (lateAfter === undefined || lateMs <= lateAfter * 60_000) return null
    return { about: { late: timeWords(lateMs) }, facts: disclosureFacts(desk, occasion) }
  },
  'notice-left': (desk, _read, occasion) => ({
    about: abouts(occasion, 'notice-left').at(-1) ?? {},
    facts: disclosureFacts(desk, occasion)
  }),
  'copy-waits': (_desk, _read, occasion) => ({
    about: { members: membersOf(abouts(occasion, 'copy-waits')) },
    isUncounted: true
  }),
  /** A member's removal from the list makes no alarm alone; beside others, the alarm says that nobody tells that member. */
  'copy-late': (desk, _read, occasion) => {
    const dropped = abouts(occasion, 'copy-dropped')
    const those = (why: (typeof dropped)[number]['because']): string =>
      membersOf(dropped.filter(({ because }) => because === why))
    const about = {
      members: membersOf(dropped),
      public: those('public'),
      moved: those('date-moved'),
      gone: those('not-listed')
    }
    if (about.public === '' && about.moved === '') return null
    return { about, facts: disclosureFacts(desk, occasion), isUncounted: true }
  },
  /** Only a hold by the desk itself: a person who holds a notice tells the others. */
  'notice-held': (desk, read, occasion) => {
    const start = occasion.starts.at(-1)
    if (start?.kind !== 'notice-held') return null
    const { because, copies, revision } = start.about
    if (because === 'maintainer' || because === 'operator') return null
    const kinds = ['notice-leaving', 'notice-left', 'notice-held'] as const
    const before = events
      .list(read, occasion.subject, { kinds })
      .findLast(({ id }) => id < start.id)
    const isLeaving = before?.kind === 'notice-leaving'
    const about = {
      revision,
      because: HOLD_SENTENCES[because],
      isLeaving,
      isAgain: copies.revision === revision,
      // A hold of what has not begun to leave stops no copy of what was released before.
      goingOn: isLeaving ? 0 : copies.here + copies.onTheWay,
      released: copies.revision
    }
    const facts = [...disclosureFacts(desk, occasion), timeFact(desk, occasion)]
    return { about, facts }
  },
  /** A wall clock that nobody can vouch for matters while a notice has not left. */
  'clock-jumped': (desk, read, occasion) => {
    if (!notices.hasUnreleased(read)) return null
    const ms = abouts(occasion, 'clock-doubted').at(-1)?.ms ?? 0
    const far = `${timeWords(Math.abs(ms))} ${ms > 0 ? 'forward' : 'back'}`
    const scheduled = notices.listActive(read).flatMap(({ state, caseTag: label, releaseAt }) => {
      if (state !== 'scheduled' || releaseAt === null) return []
      return [{ label, value: `leaves ${formatInstant(releaseAt, desk.settings.desk.timezone)}` }]
    })
    return {
      about: { far, isOpen: events.openDoubt(read) !== null },
      facts: [timeFact(desk, occasion), ...scheduled]
    }
  },
  /** Null while all these reporters wait for their first answer: the clock of that promise tells it. */
  'words-wait': (_desk, _read, { starts, record, product }) => {
    if (record === null) return null
    const isPromised =
      isOpen(record.state) && (product === null || promisedAnswer(product.policy) !== null)
    const others = waitingReporters(starts, record).filter(({ answeredAt }) => answeredAt !== null)
    return isPromised && others.length === 0 ? null : {}
  }
}

/** The particulars of the starts of one kind. */
function abouts<K extends EventKind>({ starts }: Occasion, kind: K): Particulars[K][] {
  return starts.flatMap((one) => (one.kind === kind ? [one.about as Particulars[K]] : []))
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()]
}

function membersOf(abouts: readonly { readonly member: string }[]): string {
  return distinct(abouts.map(({ member }) => member))
    .sort()
    .join(', ')
}

function whoIs({ settings }: Desk, { audience, recipient }: Recipient): string {
  if (audience === 'reporter') return 'The reporter'
  if (audience === 'member') return `List member ${recipient}`
  return settings.maintainers.find(({ id }) => id === recipient)?.name ?? 'Somebody outside'
}

/** A length of time as people say it. */
function timeWords(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}

/** To the member alone, encrypted to the key that is still valid (G5). */
function keyExpires(
  { settings }: Desk,
  read: Read,
  { subject, rings, once }: Occasion
): SendSealed[] {
  const found = subject.kind === 'member' ? members.find(read, subject.id) : null
  const member = found === null ? null : members.findByFingerprint(read, found.fingerprint)
  const at = rings[0]?.run.dueAt
  if (member === null || at === undefined) return []
  const message = memberKeyExpires({ expiresAt: formatInstant(at, settings.desk.timezone) })
  return [sealedTo([member], message, { once, tag: null })]
}

/** To the maintainer whose key refused a message: in clear, at most once a day however many cases there are (G3). */
function ownKey(occasion: Occasion): SendClear[] {
  const { recipients, now } = occasion
  const refused = abouts(occasion, 'not-encrypted').at(-1)
  if (refused === undefined) return []
  const problem = `Your key cannot be used: ${KEY_PROBLEMS[refused.because]}.`
  const sending = { once: now.slice(0, 10), tag: null }
  return recipients.map((to) => inClearTo(to, keyProblem({ problem }), sending))
}

/** What nobody was told of when it happened; nothing when there is nothing. */
function digest(desk: Desk, read: Read, { recipients, rings, once, now }: Occasion): SendSealed[] {
  const isLate = rings.some((ring) => ring.isLate)
  const said = digestMessage(read, { now, settings: desk.settings, isLate })
  return said === null ? [] : [sealedTo(recipients, said, { once, tag: null })]
}

/** What the clock of this machine says. */
function timeFact({ settings }: Desk, { now }: Occasion): FactLine {
  return { label: 'Time of this machine', value: formatInstant(now, settings.desk.timezone) }
}

/** The disclosure instant. */
function disclosureFacts({ settings }: Desk, { record }: Occasion): FactLine[] {
  const at = record?.disclosureAt ?? null
  if (at === null) return []
  const value = formatInstant(at, settings.desk.timezone, record?.disclosureZone)
  return [{ label: 'Disclosure', value }]
}

/** At most this many starts are shown; the others are counted. */
const FACTS_MAX = 5

/** Who owns it and who is told, so that everybody knows whose turn it is. */
function factsOf(desk: Desk, { record, recipients, clock, starts }: Occasion): FactLine[] {
  const owner = desk.settings.maintainers.find(({ id }) => id === record?.owner)
  const shown = starts
    .map((start) => [...whoWaits(start, record), ...factsOfStart(desk, start)])
    .filter(({ length }) => length > 0)
  return [
    ...(record === null
      ? []
      : [{ label: 'Owner', value: owner?.name ?? 'nobody; /take makes it yours' }]),
    ...shown.slice(0, FACTS_MAX).flat(),
    ...(shown.length > FACTS_MAX
      ? [{ label: 'Not shown here', value: `${shown.length - FACTS_MAX} more like these` }]
      : []),
    // A maintainer whose key has expired does not get it.
    { label: 'For', value: recipients.map(({ name }) => name).join(', ') },
    ...(clock.quote === '' ? [] : [{ label: 'Our policy says', value: clock.quote }])
  ]
}

/** The reporter that it is about, where the case has several. */
function whoWaits({ about }: DeskEvent, record: CaseRecord | null): FactLine[] {
  const isToReporter = 'recipient' in about && about.audience === 'reporter'
  const id = 'reporter' in about ? about.reporter : isToReporter ? about.recipient : null
  if (record === null || record.reporters.length < 2 || id === null) return []
  return [{ label: 'Reporter', value: reporterWith(record, id)?.contact?.address ?? '' }]
}

/** What one event adds to its alarm: how to find the message that it is about. */
function factsOfStart({ settings }: Desk, { kind, at, subject, about }: DeskEvent): FactLine[] {
  const received = { label: 'Received', value: formatInstant(at, settings.desk.timezone) }
  if (kind === 'bounce-unmatched') return [received]
  if (kind === 'message-unread') return [received, { label: 'Size', value: `${about.bytes} bytes` }]
  if (kind === 'date-untold') return [{ label: 'Because', value: UNTOLD[about.because] }]
  if (kind === 'desk-failed') return [{ label: 'Failed at', value: `${about.at} (${about.error})` }]
  if (kind !== 'refused-unanswered') return []
  const name = settings.maintainers.find(({ id }) => id === subject.id)?.name ?? subject.id
  return [{ label: 'In the name of', value: name }]
}

const UNTOLD = {
  'no-key': 'we have no usable key of the reporter',
  'no-address': 'the report names no address'
} as const
