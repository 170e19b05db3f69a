/**
 * Lets the clocks ring: reads the subjects that are due for a look, tells whom their clocks tell, and writes what was told and
 * when to look again in the transaction that queues the messages. Must never count as told what no message tells: what could
 * not be encrypted to somebody rings again.
 */
import { reporterWith, underOneNumber } from '../domain/case.ts'
import { type Clock, kindsOf, type Ring, shownDue } from '../domain/clock.ts'
import { type Decision } from '../domain/decision.ts'
import { BY_DESK, CLOCK_KINDS, DESK, type DeskEvent, event, type Subject } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { listReports } from '../policy/acknowledgement.ts'
import { calendarOf, clocksOf, standingOf, type Telling, whomToTell } from '../policy/clocks.ts'
import { nextListAt } from '../policy/strangers.ts'
import * as cases from '../store/cases.ts'
import * as people from '../store/correspondents.ts'
import * as events from '../store/events.ts'
import * as looks from '../store/looks.ts'
import { type Read, type Tx } from '../store/sql.ts'
import * as strangers from '../store/strangers.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { compose, type Occasion } from './reminders.ts'
import { lookAtClock, trustNow } from './watch.ts'

/** Subjects looked at before other work has its turn. */
const PAGE = 50
/** When what could not be encrypted to somebody is tried again. */
const RETRY_MS = 10 * 60_000

/** Looks at the clocks of the subjects that are due, and returns whether one was. */
export async function tick(desk: Desk): Promise<boolean> {
  const subjects = desk.db.read((read) => looks.listDue(read, desk.clock.now(), PAGE))
  for (const subject of subjects) {
    const at = `reminders ${subject.id}`.trimEnd()
    const looked = await attempt(desk, { where: 'clock', at }, () => lookAt(desk, subject))
    if (looked === null)
      desk.db.transact((tx) => looks.mark(tx, subject, addMs(desk.clock.now(), RETRY_MS)))
  }
  return subjects.length > 0
}

/**
 * At the start: what the configuration says of keys is put on the record, and everything is looked at anew. Clocks, people and
 * keys may be others than before, and the clock of the machine may have been set.
 */
export function adoptClocks(desk: Desk): void {
  lookAtClock(desk)
  const now = desk.clock.now()
  const { fingerprint, keyExpiresAt } = desk.settings.desk
  desk.db.transact((tx) => {
    seeCertificate(tx, DESK, { fingerprint, expiresAt: keyExpiresAt }, now)
    for (const { id, fingerprint: key, keyExpiresAt: expiresAt } of desk.settings.maintainers)
      seeCertificate(tx, { kind: 'maintainer', id }, { fingerprint: key, expiresAt }, now)
    planDigest(desk, tx, now)
    trustNow(tx, now)
  })
}

function seeCertificate(
  tx: Tx,
  subject: Subject,
  seen: DeskEvent<'certificate-seen'>['about'],
  now: Instant
): void {
  const last = events.lastOfKinds(tx, subject, ['certificate-seen'])?.about
  if (last?.fingerprint === seen.fingerprint && last.expiresAt === seen.expiresAt) return
  record(tx, event('certificate-seen', subject, BY_DESK, seen), { now })
}

/**
 * Puts on the record when the next digest comes: when the last one was told, at the first start, after a change of the
 * schedule, and when the clock was set back. An instant that was told is not planned again.
 */
function planDigest(desk: Desk, tx: Tx, now: Instant): void {
  const planned = events.latestOfKinds(tx, DESK, ['digest-planned'], PLANNED_MAX)
  const date = planned[0]?.about.date ?? null
  const nexts = desk.nextDigestsAt()
  // In the usual case, what was told need not be read.
  if (date !== null && date > now && date === nexts[0]) return
  const told = looks.listRings(tx, DESK).map(({ generation }) => generation)
  const isTold = (at: Instant): boolean =>
    planned.some(({ id, about }) => about.date === at && told.includes(id))
  if (date !== null && date <= now && !isTold(date)) return
  const next = nexts.find((at) => !isTold(at)) ?? nexts[0] ?? null
  if (next === date) return
  record(tx, event('digest-planned', DESK, BY_DESK, { date: next }), { now })
  const kept = planned.map(({ id }) => id)
  looks.keepDigests(tx, kept)
}

/**
 * Puts on the record when the next list of strangers' reports comes, if one waits for it. A list is made of all that wait when
 * its time has come; what comes while it is told stands in the next one.
 */
function planList(tx: Tx, now: Instant): void {
  const last = events.lastOfKinds(tx, DESK, ['list-planned'])
  const isNext = last !== null && !strangers.isMade(tx, last.id)
  const date = last?.about.date ?? null
  if (isNext && last.about.date <= now) strangers.makeList(tx, last.id)
  else if (strangers.hasUnlisted(tx) && !(isNext && last.about.date <= addMs(now, HOUR_MS)))
    record(tx, event('list-planned', DESK, BY_DESK, { date: nextListAt(now, date) }), { now })
}

/** Digests that are remembered as told, for when the clock was set back. */
const PLANNED_MAX = 10

async function lookAt(desk: Desk, subject: Subject): Promise<void> {
  const now = desk.clock.now()
  if (subject.kind === 'desk')
    desk.db.transact((tx) => {
      planList(tx, now)
    })
  const known = desk.db.read((read) => know(desk, read, subject, now))
  const made: Made[] = []
  for (const [name, tellings] of groupBy(known.standing.tellings, nameOf)) {
    const at = `reminder ${tellings[0].clock.id} ${subject.id}`.trimEnd()
    // A bug at one alarm silences no other (G9).
    const one = await attempt(desk, { where: 'clock', at }, async () => {
      const occasion = occasionOf(desk, known, name, tellings)
      const decisions = desk.db.read((read) => compose({ ...occasion, read }))
      return { tellings, decisions, prepared: await prepare(desk, decisions, now) }
    })
    if (one !== null) made.push(one)
  }
  // At each start, everything is looked at anew.
  const onDisk = made.length === 0 && subject.kind !== 'desk' ? 'later' : 'now'
  desk.db.transact((tx) => {
    // An event that came meanwhile has made the subject due again.
    if (events.lastOf(tx, subject) !== known.last) return
    for (const one of made) write(tx, known, one)
    if (subject.kind === 'desk') {
      planDigest(desk, tx, now)
      planList(tx, now)
    }
    const isAsBefore = made.length === 0 && events.lastOf(tx, subject) === known.last
    const { standing } = isAsBefore ? known : know(desk, tx, subject, now)
    const again = standing.tellings.length === 0 ? [] : [addMs(now, RETRY_MS)]
    const [nextLookAt = null] = [...again, standing.nextLookAt ?? []].flat().sort()
    looks.write(tx, subject, { ...standing, nextLookAt })
  }, onDisk)
}

type Known = ReturnType<typeof know>

/** Reads what the clocks of one subject depend on; `last` is the newest event that they go by. */
function know(desk: Desk, read: Read, subject: Subject, now: Instant) {
  const { settings } = desk
  const found = subject.kind === 'case' ? cases.find(read, subject.id) : null
  const product = settings.products.find(({ id }) => id === found?.product) ?? null
  const isGone =
    subject.kind === 'maintainer' && settings.maintainers.every(({ id }) => id !== subject.id)
  const clocks = isGone ? [] : clocksOf(subject.kind, product, settings)
  const reporters = found?.reporters ?? []
  // A reporter may have another first number since a merge. Only the rings of a clock that is kept by reporter name it.
  const byReporter = clocks.filter(({ key }) => key?.startsWith('reporter')).map(({ id }) => id)
  const told = looks.listRings(read, subject).map((ring) => {
    const [id = '', ...more] = byReporter.includes(ring.clock) ? ring.key.split(' ') : []
    const reporter = reporterWith({ reporters }, id)
    return reporter === null ? ring : { ...ring, key: [reporter.id, ...more].join(' ') }
  })
  const last = events.lastOf(read, subject)
  const { maintainers } = settings
  const owner = found?.owner ?? null
  const standing = standingOf({
    clocks,
    events: eventsOf(read, subject, clocks).map((one) => underOneNumber({ reporters }, one)),
    told,
    eachFrom: looks.findEachFrom(read, subject),
    calendar: calendarOf(product, settings),
    last,
    whom: ({ tell, run }) => whomToTell(tell, { maintainers, owner, start: run.start }),
    now
  })
  // One message a day tells of all reports that nobody was sent and nobody has acted on, and of the promises to their reporters.
  const isQuiet = found !== null && strangers.isUntouched(read, found.tag)
  const tellings = isQuiet
    ? standing.tellings.filter(({ clock }) => clock.id === FORWARDED)
    : standing.tellings
  return { subject, record: found, product, last, standing: { ...standing, tellings }, now }
}

/** What was forwarded of a case in a list all the same and reached nobody (A2). */
const FORWARDED = 'unseen'

/** The events that the clocks name; for clocks whose every start is a run of its own, all since one may still be told. */
function eventsOf(read: Read, subject: Subject, clocks: readonly Clock[]): DeskEvent[] {
  const kinds = kindsOf(clocks.filter(({ counts }) => counts !== 'each'))
  const from = looks.findEachFrom(read, subject)
  const untold = events.list(read, subject, { from, kinds: CLOCK_KINDS })
  return [
    ...events.list(read, subject, { kinds }),
    ...untold.filter(({ kind }) => !kinds.includes(kind))
  ].sort((a, b) => a.id - b.id)
}

/** The messages of one telling, for all recipients who are told the same. */
type Made = {
  readonly tellings: readonly [Telling, ...Telling[]]
  readonly decisions: readonly Decision[]
  readonly prepared: Prepared
}

function occasionOf(
  { settings, sha256 }: Desk,
  known: Known,
  name: string,
  tellings: Made['tellings']
): Omit<Occasion, 'read'> {
  const { subject, last } = known
  const [{ clock, rings }] = tellings
  const isTold = (id: string): boolean => tellings.some(({ recipient }) => recipient === id)
  return {
    ...known,
    settings,
    clock,
    rings,
    starts: [...new Set(rings.map(({ run }) => run.start))].sort((a, b) => a.id - b.id),
    recipients: settings.maintainers.filter(({ id }) => isTold(id)),
    isMemberTold: isTold(''),
    // A telling that failed is repeated after a later event, and so has another name.
    once: `${clock.id}:${subject.kind}:${subject.id}:${sha256(name).slice(0, 16)}:${last}`
  }
}

function nameOf({ clock, rings }: Telling): string {
  const told = rings.map(
    ({ run, step, repeat }) => `${run.clock.id} ${run.start.id} ${step} ${repeat}`
  )
  return [clock.id, ...told].join('\n')
}

/** Queues the messages of a telling and remembers what they tell, or that there is nothing to tell. */
function write(tx: Tx, { subject, standing, now }: Known, { tellings, ...made }: Made): void {
  const { messages } = made.prepared
  const isSilent = made.decisions.length === 0
  if (messages.length === 0 && !isSilent) return
  // A refused copy is not put on the record here: its ring is not saved, so the clock rings again.
  commit(tx, made.decisions, { ...made.prepared, refused: [] }, { now })
  const told = isSilent
    ? tellings.map(({ recipient }) => ({ recipient, messageId: null, at: null }))
    : messages.map(({ audience, recipientId, messageId }) => ({
        // As clocks name them: the id of a member may also be a maintainer's.
        recipient: audience === 'member' ? '' : recipientId,
        ...{ messageId, at: now }
      }))
  const to = told.map(({ recipient }) => recipient)
  for (const { run, step, repeat, isLate } of newest(tellings[0])) {
    const { id: clock, title, counts } = run.clock
    const ringing = { clock, generation: run.start.id, step }
    const ring = { ...ringing, repeat, key: run.key, eachFrom: standing.eachFrom }
    for (const one of told) looks.saveRing(tx, subject, { ...ring, ...one })
    const dueAt = counts === 'each' ? null : shownDue(run)
    const about = { ...ringing, title, to, dueAt, isLate }
    if (!isSilent) record(tx, event('rang', subject, BY_DESK, about), { now })
  }
}

/** The rings of a telling; where it tells of several runs with one cause, the newest of these. */
function newest({ rings }: Telling): Ring[] {
  const named = rings.map((ring) => {
    const { run, step, repeat } = ring
    const cause = run.clock.counts === 'each' ? run.key : run.start.id
    return [JSON.stringify([run.clock.id, cause, step, repeat]), ring] as const
  })
  return [...new Map(named).values()]
}

/** Named in one daily list; more wait for the next. */
const LISTED_MAX = 1000
/** When a list at which the desk failed is tried again. */
const LIST_AGAIN_MS = HOUR_MS

/**
 * Sends the daily list to somebody whose reports are too many for an acknowledgement each (B11), never two in a day. What it
 * names stands in the database until it is queued. Returns whether one was made.
 */
export async function listFurtherReports(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const span = { since: addMs(now, -DAY_MS), until: now }
  const due = desk.db.read((read) => people.dueFurtherReports(read, span, LISTED_MAX))
  if (due === null) return false
  const at = `list of the further reports of one sender (${due.tags[0] ?? ''})`
  const sent = await attempt(desk, { where: 'further-reports', at }, async () => {
    const decisions = listReports(due.tags, due.address)
    const prepared = await prepare(desk, decisions, now)
    return desk.db.transact((tx) => commit(tx, decisions, prepared, { now }))
  })
  // The other senders do not wait for this one.
  if (sent === null)
    desk.db.transact((tx) =>
      people.putOffFurtherReports(tx, due.address, addMs(now, LIST_AGAIN_MS))
    )
  return true
}
