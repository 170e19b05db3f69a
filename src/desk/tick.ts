/**
 * Lets the clocks ring: reads the subjects that are due for a look, tells whom their clocks tell, and writes what was told and
 * when to look again in the transaction that queues the messages. Must never count as told what no message tells: what could
 * not be encrypted to somebody rings again.
 */
import { type CaseRecord, reporterWith, underOneNumber } from '../domain/case.ts'
import { type Clock, isToldTogether, kindsOf, type Ring } from '../domain/clock.ts'
import { type SendClear, type SendSealed } from '../domain/decision.ts'
import { BY_DESK, DESK, type DeskEvent, event, type Subject } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type Product } from '../domain/settings.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  calendarOf,
  clocksOf,
  type Standing,
  standingOf,
  type Telling,
  whomToTell
} from '../policy/clocks.ts'
import * as cases from '../store/cases.ts'
import * as events from '../store/events.ts'
import { forgetJunk, listJunk } from '../store/junk.ts'
import * as looks from '../store/looks.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { planDigest } from './digest.ts'
import { attempt } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { compose, type Occasion } from './reminders.ts'
import { lookAtClock, trustNow } from './watch.ts'

/** Subjects looked at before other work has its turn. */
const PAGE = 50
/** When what could not be encrypted to somebody is tried again. */
const RETRY_MS = 10 * 60_000

/** What is known of one subject when its clocks are looked at. */
type Known = {
  readonly subject: Subject
  readonly record: CaseRecord | null
  readonly product: Product | null
  /** Its newest event. */
  readonly last: number
  readonly standing: Standing
  readonly now: Instant
}

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

async function lookAt(desk: Desk, subject: Subject): Promise<void> {
  const now = desk.clock.now()
  if (subject.kind === 'desk') desk.db.transact((tx) => planDigest(desk, tx, now))
  const known = desk.db.read((read) => know(desk, read, { subject, now }))
  const made: Made[] = []
  // Which clock has something to say to whom. Includes messages at which the desk failed: they are tried again.
  const asked = new Set<string>()
  for (const [name, tellings] of groupBy(known.standing.tellings, nameOf)) {
    const [telling] = tellings
    const { id } = telling.clock
    const about = { where: 'clock', at: `reminder ${id} ${subject.id}`.trimEnd() }
    // A bug at one alarm silences no other (G9).
    const composed = await attempt(desk, about, () =>
      desk.db.read((read) => ({
        decisions: compose(desk, read, occasionOf(desk, known, name, tellings)),
        junkTo: listJunk(read, 0).lastId
      }))
    )
    if (composed === null) for (const { recipient } of tellings) asked.add(`${id} ${recipient}`)
    for (const decision of composed?.decisions ?? []) {
      for (const recipient of idsOf(decision)) asked.add(`${id} ${recipient}`)
      const prepared = await attempt(desk, about, () => prepareOne(desk, decision, now))
      if (prepared !== null)
        made.push({ telling, decision, prepared, junkTo: composed?.junkTo ?? 0 })
    }
  }
  desk.db.transact((tx) => {
    // An event that came meanwhile has made the subject due again.
    if (events.lastOf(tx, subject) !== known.last) return
    if (known.standing.tellings.length === 0) {
      // No clock was asked for its message, so none is known to have nothing to say.
      looks.write(tx, subject, known.standing)
      return
    }
    for (const one of made) write(tx, subject, one, now)
    const isSilent = (clock: Clock, recipient: string): boolean =>
      !asked.has(`${clock.id} ${recipient}`)
    const { standing } = know(desk, tx, { subject, now, isSilent })
    const isKept = standing.tellings.length > 0
    const again = isKept ? earlier(addMs(now, RETRY_MS), standing.nextLookAt) : standing.nextLookAt
    looks.write(tx, subject, { ...standing, nextLookAt: again })
  })
}

/** The recipients as clocks name them: '' is the member that the clock is about, because its id may also be a maintainer's. */
function idsOf(decision: SendSealed | SendClear): string[] {
  if (decision.message.audience === 'member') return ['']
  return decision.kind === 'send-clear' ? [decision.to.id] : decision.recipients.map(({ id }) => id)
}

function earlier(a: Instant, b: Instant | null): Instant {
  return b === null || a < b ? a : b
}

function know(
  desk: Desk,
  read: Read,
  look: {
    readonly subject: Subject
    readonly now: Instant
    readonly isSilent?: (clock: Clock, recipient: string) => boolean
  }
): Known {
  const { subject, now, isSilent = () => false } = look
  const { settings } = desk
  const found = subject.kind === 'case' ? cases.find(read, subject.id) : null
  const product = settings.products.find(({ id }) => id === found?.product) ?? null
  const isGone =
    subject.kind === 'maintainer' && settings.maintainers.every(({ id }) => id !== subject.id)
  const clocks = isGone ? [] : clocksOf(subject.kind, product, settings)
  const reporters = found?.reporters ?? []
  const happened = eventsOf(read, subject, clocks).map((one) => underOneNumber({ reporters }, one))
  // As with the events: after a merge, only what a clock keeps by reporter goes by another number.
  const byReporter = clocks.filter(({ key }) => key === 'reporter').map(({ id }) => id)
  const told = looks.listRings(read, subject).map((ring) => {
    const reporter = byReporter.includes(ring.clock) ? reporterWith({ reporters }, ring.key) : null
    return { ...ring, key: reporter?.id ?? ring.key }
  })
  const last = events.lastOf(read, subject)
  const { maintainers } = settings
  const owner = found?.owner ?? null
  const standing = standingOf({
    clocks,
    events: happened,
    told,
    calendar: calendarOf(product, settings),
    last,
    whom: ({ tell, run }) => whomToTell(tell, { maintainers, owner, start: run.start }),
    isSilent,
    now
  })
  return { subject, record: found, product, last, standing, now }
}

/** The events that the clocks name; for clocks whose every start is a run of its own, those that may still be told. */
function eventsOf(read: Read, subject: Subject, clocks: readonly Clock[]): DeskEvent[] {
  const each = clocks.filter(({ counts }) => counts === 'each')
  const others = clocks.filter(({ counts }) => counts !== 'each')
  const from = looks.findEachFrom(read, subject)
  const kinds = kindsOf(others)
  const more = kindsOf(each).filter((kind) => !kinds.includes(kind))
  return [
    ...events.list(read, subject, { kinds }),
    ...events.list(read, subject, { kinds: more, from })
  ].sort((a, b) => a.id - b.id)
}

/** A message that tells something. */
type Made = {
  readonly telling: Telling
  readonly decision: SendSealed | SendClear
  readonly prepared: Prepared
  /** The last row of the junk list when it was composed. */
  readonly junkTo: number
}

/** What one message tells to all who are told the same. */
function occasionOf(
  { settings, sha256 }: Desk,
  { subject, record: found, product, last, now }: Known,
  name: string,
  tellings: readonly [Telling, ...Telling[]]
): Occasion {
  const [{ clock, rings }] = tellings
  const isTold = (id: string): boolean => tellings.some(({ recipient }) => recipient === id)
  return {
    subject,
    clock,
    rings,
    starts: rings.map(({ run }) => run.start),
    record: found,
    product,
    recipients: settings.maintainers.filter(({ id }) => isTold(id)),
    isMemberTold: isTold(''),
    // A telling that failed is repeated after a later event, and so has another name.
    once: `${clock.id}:${subject.kind}:${subject.id}:${sha256(name).slice(0, 16)}:${last}`,
    now
  }
}

function nameOf({ clock, rings }: Telling): string {
  const told = rings.map(({ run, step, repeat }) => `${run.start.id} ${step} ${repeat}`)
  return [clock.id, ...told].join('\n')
}

/** Null while the desk's own key looks expired, as on a clock far ahead: if that ended the desk, nobody watched the clock. */
async function prepareOne(
  desk: Desk,
  decision: SendSealed | SendClear,
  now: Instant
): Promise<Prepared | null> {
  try {
    return await prepare(desk, [decision], now)
  } catch (error) {
    if (!(error instanceof Trouble) || error.code !== 'desk-key') throw error
    desk.log({ event: 'trouble', code: error.code, where: 'clock' })
    return null
  }
}

/** Queues a message and remembers what it tells. */
function write(
  tx: Tx,
  subject: Subject,
  { telling, prepared, decision, junkTo }: Made,
  now: Instant
): void {
  const { messages } = prepared
  // A refused copy is not put on the record here: its ring is not saved, so the clock rings again.
  commit(tx, [], { ...prepared, refused: [] }, { now })
  if (messages.length === 0) return
  if (telling.clock.message === 'digest') forgetJunk(tx, junkTo)
  const before = events.lastOfKinds(tx, subject, ['rang'])
  for (const { ring, first } of together(telling)) {
    const { run, step, repeat, isLate } = ring
    const { key, start, clock, dueAt } = run
    const saved = { clock: clock.id, first, generation: start.id, step, repeat, key, at: now }
    for (const { recipientId, messageId } of messages) {
      const recipient = decision.message.audience === 'member' ? '' : recipientId
      looks.saveRing(tx, subject, { ...saved, recipient, messageId })
    }
    const about = { clock: clock.id, generation: start.id, step, dueAt, isLate }
    // Once for all recipients, however many messages there are.
    if (before?.at === now && JSON.stringify(before.about) === JSON.stringify(about)) continue
    record(tx, event('rang', subject, BY_DESK, about), { now })
  }
}

/** What rings. Of runs that are told together it is the newest one, with the first one that it stands for. */
function together({ rings }: Telling): { readonly ring: Ring; readonly first: number }[] {
  const groups = groupBy(rings, ({ run, step, repeat }) =>
    JSON.stringify([isToldTogether(run.clock) ? run.key : run.start.id, step, repeat])
  )
  return [...groups.values()].map((group) => {
    const [first] = group
    return { ring: group.at(-1) ?? first, first: first.run.start.id }
  })
}
