/**
 * What the clocks say of advance notices: whether everything is ready, how the release went, whose copies wait or came too late,
 * what holds one. Reads what it needs and changes nothing.
 */
import { type SendSealed } from '../domain/decision.ts'
import { type Particulars } from '../domain/event.ts'
import { HOLD_SENTENCES, type NoticeCopies } from '../domain/notice.ts'
import { formatInstant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { listEvents, openDoubt } from '../store/events.ts'
import { listMembers } from '../store/members.ts'
import { findNotice, hasUnreleasedNotice, listActiveNotices } from '../store/notices.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'
import { disclosureFacts, factsOf, late, message, type Occasion } from './occasion.ts'

const READINESS = {
  none: 'The notice is not written yet: please write it with /notice draft.',
  drafting: 'The notice is not approved yet: /notice preview, then /notice approve CODE.',
  held: 'The notice is on hold: /notice preview, then /notice approve CODE let it go on.',
  scheduled: 'The notice is approved and leaves by itself.',
  releasing: 'The notice is leaving.',
  released: 'The notice has left.'
} as const

/** How many members the notice would reach at its instant; who they are, list admins alone learn (G5). */
export function preflight(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
  const { record, product, recipients, clock } = occasion
  const leavesAt = occasion.rings[0]?.run.dueAt
  if (record === null || product === null || leavesAt === undefined) return []
  const members = listMembers(read).filter(({ products }) => products.includes(product.id))
  const frozen = members.filter(({ state }) => state !== 'active')
  const ending = members.filter(
    ({ state, keyExpiresAt }) =>
      state === 'active' && keyExpiresAt !== null && keyExpiresAt <= leavesAt
  )
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
      listSentence(members.length, frozen.length, ending.length),
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

/** How many are ready, how many are not, and why. */
function listSentence(all: number, frozen: number, ending: number): string {
  if (all === 0) return 'Nobody is on the list of this product.'
  const blocked = frozen + ending
  const counts = [
    ...reason(all - blocked, 'ready', 'ready'),
    ...reason(blocked, 'blocked', 'blocked')
  ].join(', ')
  const why = [
    ...reason(frozen, 'is frozen', 'are frozen'),
    ...reason(ending, 'has a key that expires before', 'have keys that expire before')
  ].join(', ')
  return `Members of the list: ${counts}${why === '' ? '' : ` (${why})`}.`
}

function reason(count: number, one: string, more: string): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? one : more}`]
}

/** Nothing where it leaves in time. */
export function noticeLate(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { record, product, clock } = occasion
  const start = occasion.starts.at(-1)
  const lateAfter = product?.policy.notice?.late_after_minutes
  if (start?.kind !== 'notice-leaving' || record === null || lateAfter === undefined) return []
  const { lateMs } = start.about
  if (lateMs <= lateAfter * 60_000) return []
  const { title, risk, remedy } = clock
  const what = `The advance notice leaves ${timeWords(lateMs)} after its time. ${risk}`
  const facts = disclosureFacts(desk, record)
  return [message(occasion, { title, what, doNext: remedy, facts })]
}

/** How many copies left, and how many did not. */
export function noticeLeft(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { record, clock } = occasion
  const start = occasion.starts.at(-1)
  if (start?.kind !== 'notice-left' || record === null) return []
  const { sent, held } = start.about
  const isWhole = held === 0
  return [
    message(occasion, {
      title: isWhole ? clock.title : `${clock.title}; ${held} of its copies did not`,
      what: `${sent === 1 ? 'One member has' : `${sent} members have`} a copy of their own, encrypted, sent or on its way.${isWhole ? '' : ` ${held === 1 ? 'One copy' : `${held} copies`} did not leave, because the key cannot be used.`}`,
      doNext: isWhole ? clock.remedy : 'Please read the messages about these keys.',
      facts: disclosureFacts(desk, record)
    })
  ]
}

/** Which members' copies wait, by their ids (G5). */
export function copyWaits(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { title, risk, remedy } = occasion.clock
  const what = [`${risk}: ${membersOf(occasion)}.`, ...late(occasion)].join(' ')
  return [message(occasion, { title, what, doNext: remedy, facts: factsOf(desk, occasion) })]
}

/**
 * Whose copies do not leave any more, and what each of these members is told. That a member left the list is no news to people,
 * but beside others it is said that nobody tells them.
 */
export function copyLate(desk: Desk, _read: Read, occasion: Occasion): readonly SendSealed[] {
  const { clock, record, starts } = occasion
  if (record === null) return []
  const dropped = (because: Particulars['copy-dropped']['because']): string =>
    membersOf({
      starts: starts.filter((one) => one.kind === 'copy-dropped' && one.about.because === because)
    })
  const [isPublic, moved, gone] = [dropped('public'), dropped('date-moved'), dropped('not-listed')]
  if (isPublic === '' && moved === '') return []
  const what = [
    `${clock.risk}: ${membersOf(occasion)}. Their copies do not leave any more.`,
    ...(isPublic === '' ? [] : [`Told that the embargo is over: ${isPublic}.`]),
    ...(moved === '' ? [] : [`Told nothing, because the new date is not approved yet: ${moved}.`]),
    ...(gone === '' ? [] : [`Told nothing, because not active on the list any more: ${gone}.`])
  ]
  const doNext = [
    ...(moved === ''
      ? []
      : [`Please approve the change of the date now: it reaches ${moved} as their first notice.`]),
    ...(isPublic === '' ? [] : [clock.remedy])
  ]
  return [
    message(occasion, {
      title: clock.title,
      what: what.join(' '),
      doNext: doNext.join(' '),
      facts: [...disclosureFacts(desk, record), ...factsOf(desk, occasion)]
    })
  ]
}

function membersOf({ starts }: Pick<Occasion, 'starts'>): string {
  const members = starts.flatMap(({ about }) => ('member' in about ? about.member : []))
  return [...new Set(members)].sort().join(', ')
}

/** A hold by the desk itself; what a person held, the others know from that person's message. */
export function noticeHeld(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
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
export function clockJumped(desk: Desk, read: Read, occasion: Occasion): readonly SendSealed[] {
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
