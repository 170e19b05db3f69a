/**
 * What the clocks say: one composer for each message that a clock can name, a reminder for all others. Reads what it needs and
 * changes nothing. A composer that makes no message for somebody has nothing to say to them.
 */
import { type CaseRecord, isOpen } from '../domain/case.ts'
import { type Clock, type Ring } from '../domain/clock.ts'
import { type SealedRecipient, type SendClear, type SendSealed } from '../domain/decision.ts'
import { type DeskEvent, type Recipient, type Subject } from '../domain/event.ts'
import { type FactLine } from '../domain/message.ts'
import { type NoticeCopies } from '../domain/notice.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { alert, keyProblem } from '../messages/to-maintainers.ts'
import { digestMessage } from '../policy/digest.ts'
import { HOLD_SENTENCES } from '../policy/embargo.ts'
import { caseFacts } from '../policy/relay.ts'
import { inClearTo, sealedTo } from '../policy/send.ts'
import { listEvents, openDoubt } from '../store/events.ts'
import { findMember, listMembers } from '../store/members.ts'
import { findNotice, hasUnreleasedNotice, listActiveNotices } from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { disclosureFacts } from './about-notice.ts'
import { type Desk } from './desk.ts'
import { digestFacts } from './digest.ts'

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

type Words = {
  readonly title: string
  readonly what: string
  readonly doNext: string
  readonly facts: readonly FactLine[]
}
type Telling = SendSealed | SendClear
type Composer = (desk: Desk, read: Read, occasion: Occasion) => readonly Telling[]

/** The messages of one telling. */
export function compose(desk: Desk, read: Read, occasion: Occasion): readonly Telling[] {
  return (COMPOSERS[occasion.clock.message] ?? reminder)(desk, read, occasion)
}

const COMPOSERS: Readonly<Record<string, Composer>> = {
  preflight,
  certificate,
  undelivered,
  missed,
  digest,
  'notice-held': noticeHeld,
  'clock-jumped': clockJumped
}

/** What the clock itself says: what is at risk and by when, what to do, the facts. */
function reminder(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { title, risk, remedy } = occasion.clock
  const what = [risk, dueSentence(desk, occasion), ...repeated(desk, occasion), ...late(occasion)]
  const facts = factsOf(desk, occasion)
  return [message(occasion, { title, what: what.join(' '), doNext: remedy, facts })]
}

function message(occasion: Occasion, words: Words): SendSealed {
  const { recipients, record, once, now } = occasion
  return sealedTo(recipients, now, alert(words), { once, tag: record?.tag ?? null })
}

/** By when: the due instant of what rings. */
function dueSentence(desk: Desk, { rings, now }: Occasion): string {
  const [ring] = rings
  if (ring === undefined) return ''
  const { dueAt } = ring.run
  const when = formatInstant(dueAt, desk.settings.desk.timezone)
  return dueAt > now ? `It is due by ${when}.` : `It was due by ${when}.`
}

function repeated(desk: Desk, { starts }: Occasion): string[] {
  const [first] = starts
  if (first === undefined || starts.length < 2) return []
  const since = formatInstant(first.at, desk.settings.desk.timezone)
  return [`This happened ${starts.length} times since ${since}.`]
}

function late({ rings }: Occasion): string[] {
  return rings.some(({ isLate }) => isLate)
    ? ['This message is late: the desk could not send it in time.']
    : []
}

/** Who owns it and who is told, so that everybody knows whose turn it is. */
function factsOf(desk: Desk, { record, recipients, clock }: Occasion): FactLine[] {
  const { maintainers } = desk.settings
  const owner = maintainers.find(({ id }) => id === record?.owner)
  const names = recipients.map(({ name }) => name).join(', ')
  return [
    ...(record === null
      ? []
      : [{ label: 'Owner', value: owner?.name ?? 'nobody; /take makes it yours' }]),
    { label: 'Told', value: names },
    ...(clock.quote === '' ? [] : [{ label: 'Our policy says', value: clock.quote }])
  ]
}

const READINESS = {
  none: 'The notice is not written yet: please write it with /notice draft.',
  drafting: 'The notice is not approved yet: /notice preview, then /notice approve CODE.',
  held: 'The notice is on hold: /notice preview, then /notice approve CODE let it go on.',
  scheduled: 'The notice is approved.',
  releasing: 'The notice is leaving.',
  released: 'The notice has left.'
} as const

/** How many members the notice would reach at its instant; who they are, list admins alone learn (G5). */
function preflight(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { record, product, recipients, clock } = occasion
  const leavesAt = occasion.rings[0]?.run.dueAt
  if (record === null || product === null || leavesAt === undefined) return []
  const members = listMembers(read).filter(({ products }) => products.includes(product.id))
  const frozen = members.filter(({ state }) => state !== 'active')
  const ending = members.filter(
    ({ state, keyExpiresAt }) =>
      state === 'active' && keyExpiresAt !== null && keyExpiresAt <= leavesAt
  )
  const blocked = frozen.length + ending.length
  const counts = `${members.length - blocked} ready, ${blocked} blocked`
  const why = [
    ...reason(frozen.length, 'is frozen', 'are frozen'),
    ...reason(ending.length, 'has a key that ends before', 'have keys that end before')
  ]
  const notice = READINESS[findNotice(read, record.tag)?.state ?? 'none']
  const next = [
    notice,
    ...(ending.length === 0 ? [] : ['Please get current keys from the blocked members.']),
    ...(frozen.length === 0 ? [] : ['Please decide whether the frozen members get it.'])
  ]
  const words = {
    title: clock.title,
    what: [
      `The advance notice must leave by ${formatInstant(leavesAt, desk.settings.desk.timezone)}.`,
      `List: ${counts}${why.length === 0 ? '' : ` (${why.join(', ')})`}.`,
      ...late(occasion)
    ].join(' '),
    doNext: next.join(' ')
  }
  const admins = new Set(
    desk.settings.maintainers.flatMap(({ id, roles }) => (roles.includes('list-admin') ? id : []))
  )
  const ids = [...frozen, ...ending].map(({ id }) => id)
  const facts = factsOf(desk, occasion)
  const named = ids.length === 0 ? [] : [{ label: 'Blocked', value: ids.join(', ') }]
  return [
    { to: recipients.filter(({ id }) => admins.has(id)), facts: [...facts, ...named] },
    { to: recipients.filter(({ id }) => !admins.has(id)), facts }
  ].flatMap(({ to, facts: shown }) =>
    to.length === 0 ? [] : [message({ ...occasion, recipients: to }, { ...words, facts: shown })]
  )
}

function reason(count: number, one: string, more: string): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : more}`]
}

/** Whose key ends when, and what stops working with it. */
function certificate(desk: Desk, read: Read, occasion: Occasion): readonly Telling[] {
  const { subject, rings, now } = occasion
  const endsAt = rings[0]?.run.dueAt
  if (endsAt === undefined) return []
  const maintainer = desk.settings.maintainers.find(({ id }) => id === subject.id)
  const whose = {
    desk: 'the desk',
    maintainer: maintainer?.name ?? subject.id,
    member: `list member ${subject.id}`,
    case: ''
  }[subject.kind]
  const when = formatInstant(endsAt, desk.settings.desk.timezone)
  const ended = endsAt <= now
  const toMember = occasion.isMemberTold ? keyEnds(read, occasion, when) : []
  if (occasion.recipients.length === 0) return toMember
  return [
    ...toMember,
    message(occasion, {
      title: `The key of ${whose} ${ended ? 'has ended' : 'ends soon'}`,
      what: [
        `The key of ${whose} ${ended ? 'ended' : 'ends'} on ${when}.`,
        ...CERTIFICATE_RISK[subject.kind],
        ...late(occasion)
      ].join(' '),
      doNext: CERTIFICATE_REMEDY[subject.kind],
      facts: factsOf(desk, occasion)
    })
  ]
}

/** To the member alone: it names neither product nor case, and its audience on the record is nobody's (G3, G5). */
function keyEnds(read: Read, { subject, once, now }: Occasion, endsAt: string): readonly Telling[] {
  const member = findMember(read, subject.id)
  if (subject.kind !== 'member' || member === null || member.state === 'removed') return []
  const to = { id: '', name: member.name, address: member.address }
  return [inClearTo(to, now, keyProblem({ problem: '', endsAt }), { once, tag: null })]
}

const CERTIFICATE_RISK = {
  desk: ['From then on the desk can neither sign nor send anything.'],
  maintainer: ['From then on nothing can be encrypted to this person.'],
  member: ['From then on this member gets no advance notice.'],
  case: []
}
const CERTIFICATE_REMEDY = {
  desk: 'Please have the operator extend the key and publish it again.',
  maintainer:
    'Please extend the key, and give the operator the new public key for keys/maintainers.',
  member: 'Please get a current key from the member; the operator adds it with "postern members".',
  case: ''
}

/** What did not arrive, person by person; whoever could not be reached is told only if there is nobody else. */
function undelivered(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const lost = occasion.starts.flatMap((start) => (start.kind === 'undelivered' ? [start] : []))
  const [first] = lost
  if (first === undefined) return []
  const { clock, record } = occasion
  const about = record === null ? '' : ` about ${record.tag}`
  const whats = [
    ...new Set(
      lost.map(({ about: { message: kind, because, code, ...whom } }) => {
        const server = code === 0 ? '' : ` (code ${code})`
        return `${whoIs(desk, whom)} did not get a message (${kind})${about}: ${UNDELIVERED[because]}${server}.`
      })
    )
  ]
  const unreachable = new Set(
    lost.flatMap(({ about: { audience, recipient } }) =>
      audience === 'maintainer' ? recipient : []
    )
  )
  const others = occasion.recipients.filter(({ id }) => !unreachable.has(id))
  const recipients = others.length > 0 ? others : occasion.recipients
  const shown = { ...occasion, recipients }
  return [
    message(shown, {
      title: clock.title,
      what: [...whats, ...repeated(desk, occasion), ...late(occasion)].join(' '),
      doNext: clock.remedy.replace('ID', String(first.about.outbox)),
      facts: factsOf(desk, shown)
    })
  ]
}

const UNDELIVERED = {
  rejected: 'the mail server refused it',
  unreachable: 'the mail server could not be reached, and the desk has stopped trying',
  bounced: 'it came back'
} as const

function whoIs(desk: Desk, { audience, recipient }: Recipient): string {
  if (audience === 'reporter') return 'The reporter'
  if (audience === 'member') return `List member ${recipient}`
  const maintainer = desk.settings.maintainers.find(({ id }) => id === recipient)
  return maintainer?.name ?? 'Somebody outside'
}

/** What could not be encrypted to one maintainer, who can be reached again; nothing when the case is over. */
function missed(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { clock, record, starts } = occasion
  if (record !== null && !isOpen(record.state)) return []
  const kinds = starts.flatMap((start) =>
    start.kind === 'not-encrypted' ? start.about.message : []
  )
  const [first, last] = [starts[0], starts.at(-1)]
  if (first === undefined || last === undefined) return []
  const { timezone } = desk.settings.desk
  const counts = [...new Set(kinds)].map(
    (kind) => `${kinds.filter((one) => one === kind).length} ${kind}`
  )
  const many = kinds.length === 1 ? 'One message' : `${kinds.length} messages`
  const about = record === null ? 'about no case' : `about ${record.tag}`
  return [
    message(occasion, {
      title: clock.title,
      what: `Your key works again. ${many} ${about} could not be encrypted to you before, and the desk cannot send ${kinds.length === 1 ? 'it' : 'them'} any more.`,
      doNext:
        record === null
          ? clock.remedy
          : `Reply with /status to see where the case stands. To see what you missed, ask another maintainer; the operator reads it with "postern show ${record.tag}".`,
      facts: [
        ...(record === null || occasion.product === null
          ? []
          : caseFacts(record, occasion.product, desk.settings)),
        { label: 'Not sent', value: counts.join(', ') },
        { label: 'First', value: formatInstant(first.at, timezone) },
        { label: 'Last', value: formatInstant(last.at, timezone) }
      ]
    })
  ]
}

/** What nobody was told of when it happened; nothing when there is nothing. */
function digest(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { recipients, rings, once, now } = occasion
  const { timezone } = desk.settings.desk
  const isLate = rings.some((ring) => ring.isLate)
  const said = digestMessage(digestFacts(read), { now, timezone, isLate })
  return said === null ? [] : [sealedTo(recipients, now, said, { once, tag: null })]
}

/** A hold by the desk itself; what a person held, the others know from that person's message. */
function noticeHeld(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { subject, record, now } = occasion
  const start = occasion.starts.findLast(({ kind }) => kind === 'notice-held')
  if (start?.kind !== 'notice-held' || record === null) return []
  const { because, copies, revision } = start.about
  if (because === 'maintainer' || because === 'operator') return []
  const kinds = ['notice-leaving', 'notice-left', 'notice-held'] as const
  const before = listEvents(read, subject, { kinds }).findLast(({ id }) => id < start.id)
  const isLeaving = before?.kind === 'notice-leaving'
  const { timezone } = desk.settings.desk
  const { title, remedy } = occasion.clock
  const what = `${happened(isLeaving, revision, copies)}, because ${HOLD_SENTENCES[because]}.${goingOn(isLeaving, copies)}`
  return [
    message(occasion, {
      title,
      what: [what, ...late(occasion)].join(' '),
      doNext: remedy,
      facts: [
        ...disclosureFacts(desk, record),
        { label: 'Time of this machine', value: formatInstant(now, timezone) },
        ...factsOf(desk, occasion)
      ]
    })
  ]
}

function happened(isLeaving: boolean, revision: number, copies: NoticeCopies): string {
  const what = `Revision ${revision} of the advance notice`
  if (isLeaving) return `${what} was stopped while it was leaving`
  return copies.revision === revision
    ? `${what} did not leave again for those who lack it`
    : `${what} was not sent`
}

/** A hold of what has not begun to leave stops no copy of what was released before. */
function goingOn(isLeaving: boolean, { revision, here, onTheWay }: NoticeCopies): string {
  return isLeaving || here + onTheWay === 0
    ? ''
    : ` ${count(here + onTheWay, 'copy', 'copies')} of revision ${revision}, released before, will still leave; /notice hold stops that.`
}

/** A wall clock that nobody can vouch for matters while a notice has not left. */
function clockJumped(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  if (!hasUnreleasedNotice(read)) return []
  const jumps = occasion.starts.flatMap((start) =>
    start.kind === 'clock-doubted' ? start.about.ms : []
  )
  const ms = jumps.at(-1) ?? 0
  const isOpen = openDoubt(read) !== null
  const { timezone } = desk.settings.desk
  const far = `${timeWords(Math.abs(ms))} ${ms > 0 ? 'further forward' : 'further back'} than time has passed`
  const scheduled = listActiveNotices(read).filter(({ state }) => state === 'scheduled')
  return [
    message(occasion, {
      title: occasion.clock.title,
      what: isOpen
        ? `The clock of this machine is ${far}. Nobody knows yet whether it was wrong before or is wrong now. Until it is set right, no notice leaves on a preview from before that: one that comes due is held.`
        : `The clock of this machine was ${far} and was set back since. Notices that came due meanwhile are held; the others stand as they were approved.`,
      doNext: isOpen
        ? `${occasion.clock.remedy} If it is wrong, have the operator set it right: then the approvals count again. If it is right, give each notice a new approval before it is due: /notice hold and /notice preview, then /notice approve CODE.`
        : `${occasion.clock.remedy} Have the operator find out why the clock jumped.`,
      facts: [
        { label: 'Time of this machine', value: formatInstant(occasion.now, timezone) },
        ...scheduled.flatMap(({ caseTag, releaseAt }) =>
          releaseAt === null
            ? []
            : [{ label: caseTag, value: `leaves ${formatInstant(releaseAt, timezone)}` }]
        )
      ]
    })
  ]
}

/** A length of time as people say it. */
function timeWords(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
