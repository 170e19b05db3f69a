/**
 * Lets the clocks ring: reads the subjects that are due for a look, tells whom their clocks tell, and writes what was told and
 * when to look again in the transaction that queues the messages. Must never count as told what no message tells: what could
 * not be encrypted to somebody rings again.
 */

import { type CaseRecord } from '../domain/case.ts'
import { type Clock } from '../domain/clock.ts'
import { type SealedRecipient, type SendClear, type SendSealed } from '../domain/decision.ts'
import {
  BY_DESK,
  DESK,
  type DeskEvent,
  type EventKind,
  event,
  type Subject
} from '../domain/event.ts'
import { type Product } from '../domain/settings.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { calendarOf, clocksFingerprint, clocksOf, whomToTell } from '../policy/clocks.ts'
import { maintainerRecipient } from '../policy/recipients.ts'
import { keyOfRun, type Standing, standingOf, type Telling } from '../policy/standing.ts'
import { findCase } from '../store/cases.ts'
import { lastEventOf, lastOfKinds, listEvents } from '../store/events.ts'
import {
  findEachFrom,
  listDueLooks,
  listRings,
  markAllLooks,
  markLook,
  saveRing,
  writeLook
} from '../store/looks.ts'
import { readMeta, writeMeta } from '../store/meta.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { forgetToldJunk, lastJunk, planDigest } from './digest.ts'
import { isOfOneThing } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { compose } from './reminders.ts'

/** Subjects looked at before other work has its turn. */
const PAGE = 50
/** When what could not be encrypted to somebody is tried again. */
const RETRY_MS = 10 * 60_000
const NOTHING = { attachments: [], original: null }

/** What is known of one subject when its clocks are looked at. */
type Known = {
  readonly subject: Subject
  readonly record: CaseRecord | null
  readonly product: Product | null
  readonly events: readonly DeskEvent[]
  readonly last: number
  readonly standing: Standing
}

/** Looks at the subjects that are due. Returns whether there was any. */
export async function tick(desk: Desk): Promise<boolean> {
  const subjects = desk.db.read((read) => listDueLooks(read, desk.clock.now(), PAGE))
  for (const subject of subjects) {
    try {
      await lookAt(desk, subject)
    } catch (error) {
      // What one subject does to the desk keeps no other from being looked at (G9).
      if (!isOfOneThing(error)) throw error
      desk.log({ event: 'bug', where: 'clock', error: errorName(error) })
      desk.db.transact((tx) => {
        markLook(tx, subject, addMs(desk.clock.now(), RETRY_MS))
      })
    }
  }
  return subjects.length > 0
}

/**
 * At the start: what the configuration says of keys is put on the record, and if clocks, people or keys are others than
 * before, everything is looked at anew.
 */
export function adoptClocks(desk: Desk): void {
  const now = desk.clock.now()
  const { fingerprint, keyExpiresAt } = desk.settings.desk
  const digest = desk.sha256(clocksFingerprint(desk.settings))
  desk.db.transact((tx) => {
    seeCertificate(tx, DESK, { fingerprint, expiresAt: keyExpiresAt }, now)
    for (const { id, fingerprint: key, keyExpiresAt: expiresAt } of desk.settings.maintainers)
      seeCertificate(tx, { kind: 'maintainer', id }, { fingerprint: key, expiresAt }, now)
    planDigest(desk, tx, now)
    if (readMeta(tx, 'clocks') === digest) return
    markAllLooks(tx, now)
    writeMeta(tx, 'clocks', digest)
  })
}

function seeCertificate(
  tx: Tx,
  subject: Subject,
  seen: DeskEvent<'certificate-seen'>['about'],
  now: Instant
): void {
  const last = lastOfKinds(tx, subject, ['certificate-seen'])?.about
  if (last?.fingerprint === seen.fingerprint && last.expiresAt === seen.expiresAt) return
  const work = { arrivalId: null, mailSha256: null, now }
  record(tx, event('certificate-seen', subject, BY_DESK, seen), work)
}

async function lookAt(desk: Desk, subject: Subject): Promise<void> {
  const now = desk.clock.now()
  if (subject.kind === 'desk')
    desk.db.transact((tx) => {
      planDigest(desk, tx, now)
    })
  const known = desk.db.read((read) => know(desk, read, { subject, now, isSilent: () => false }))
  const { tellings } = known.standing
  if (tellings.length === 0) {
    desk.db.transact((tx) => {
      // An event that came meanwhile has made the subject due again.
      if (lastEventOf(tx, subject) === known.last) writeLook(tx, subject, known.standing)
    })
    return
  }
  const { messages, junkTo } = desk.db.read((read) => ({
    messages: composeAll(desk, read, known, now),
    junkTo: lastJunk(read)
  }))
  const prepared = await prepareOrKeep(
    desk,
    messages.map(({ decision }) => decision),
    now
  )
  const asked = new Set(
    messages.flatMap(({ telling, decision }) =>
      idsOf(decision).map((id) => `${telling.clock.id} ${id}`)
    )
  )
  desk.db.transact((tx) => {
    if (lastEventOf(tx, subject) !== known.last) return
    if (prepared !== null) write(tx, known, { messages, prepared, junkTo, now })
    const isSilent = (clock: Clock, recipient: string): boolean =>
      !asked.has(`${clock.id} ${recipient}`)
    const { standing } = know(desk, tx, { subject, now, isSilent })
    const isKept = standing.tellings.length > 0
    const again = isKept ? earlier(addMs(now, RETRY_MS), standing.nextLookAt) : standing.nextLookAt
    writeLook(tx, subject, { ...standing, nextLookAt: again })
  })
}

/** As clocks name whom they tell: '' is the member that the clock is about. */
function idsOf(decision: SendSealed | SendClear): string[] {
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
    readonly isSilent: (clock: Clock, recipient: string) => boolean
  }
): Known {
  const { subject, now, isSilent } = look
  const { settings } = desk
  const found = subject.kind === 'case' ? findCase(read, subject.id) : null
  const product = settings.products.find(({ id }) => id === found?.product) ?? null
  const isGone =
    subject.kind === 'maintainer' && settings.maintainers.every(({ id }) => id !== subject.id)
  const clocks = isGone ? [] : clocksOf(subject, product)
  const events = eventsOf(read, subject, clocks)
  const last = lastEventOf(read, subject)
  const { maintainers } = settings
  const owner = found?.owner ?? null
  const standing = standingOf({
    clocks,
    events,
    told: listRings(read, subject),
    calendar: calendarOf(product, settings),
    last,
    whom: ({ tell, run }) => {
      const start = events.find(({ id }) => id === run.generation) ?? null
      return whomToTell(tell, { maintainers, owner, start })
    },
    isSilent,
    now
  })
  return { subject, record: found, product, events, last, standing }
}

/** The events that the clocks name; of those whose every start is a run of its own only what may still be told. */
function eventsOf(read: Read, subject: Subject, clocks: readonly Clock[]): DeskEvent[] {
  const each = clocks.filter(({ counts }) => counts === 'each')
  const others = clocks.filter(({ counts }) => counts !== 'each')
  const from = findEachFrom(read, subject)
  const kinds = kindsOf(others)
  const more = kindsOf(each).filter((kind) => !kinds.includes(kind))
  return [
    ...listEvents(read, subject, { kinds }),
    ...listEvents(read, subject, { kinds: more, from })
  ].sort((a, b) => a.id - b.id)
}

function kindsOf(clocks: readonly Clock[]): EventKind[] {
  return [...new Set(clocks.flatMap(({ starts, stops, since }) => [...starts, ...stops, ...since]))]
}

type Message = { readonly telling: Telling; readonly decision: SendSealed | SendClear }

/** One message for all who are told the same. */
function composeAll(desk: Desk, read: Read, known: Known, now: Instant): Message[] {
  const { subject, record: found, product, events, standing } = known
  const groups = new Map<string, Telling[]>()
  for (const telling of standing.tellings) {
    const name = nameOf(telling)
    groups.set(name, [...(groups.get(name) ?? []), telling])
  }
  return [...groups].flatMap(([name, tellings]) => {
    const [telling] = tellings
    if (telling === undefined) return []
    const generations = telling.rings.map(({ run }) => run.generation)
    const occasion = {
      subject,
      clock: telling.clock,
      rings: telling.rings,
      starts: events.filter(({ id }) => generations.includes(id)),
      record: found,
      product,
      recipients: tellings.flatMap(({ recipient }) => recipientsOf(desk, recipient)),
      isMemberTold: tellings.some(({ recipient }) => recipient === ''),
      // What is told again after it failed is told at a later event.
      once: `${telling.clock.id}:${subject.kind}:${subject.id}:${desk.sha256(name).slice(0, 16)}:${known.last}`,
      now
    }
    return compose(desk, read, occasion).map((decision) => ({ telling, decision }))
  })
}

function nameOf({ clock, rings }: Telling): string {
  const told = rings.map(({ run, step, repeat }) => `${run.generation} ${step} ${repeat}`)
  return [clock.id, ...told].join('\n')
}

function recipientsOf(desk: Desk, recipient: string): SealedRecipient[] {
  return desk.settings.maintainers.filter(({ id }) => id === recipient).map(maintainerRecipient)
}

/** On a clock that is far ahead the desk's own key looks expired: no reason to end, for then nobody watches the clock. */
async function prepareOrKeep(
  desk: Desk,
  decisions: readonly (SendSealed | SendClear)[],
  now: Instant
): Promise<Prepared | null> {
  try {
    return await prepare(desk, decisions, NOTHING, now)
  } catch (error) {
    if (!(error instanceof Trouble && error.code === 'desk-key')) throw error
    desk.log({ event: 'trouble', code: error.code, where: 'clock' })
    return null
  }
}

/** Queues the messages and remembers what they tell. */
function write(
  tx: Tx,
  { subject, events }: Known,
  told: {
    readonly messages: readonly Message[]
    readonly prepared: Prepared
    /** The last row of the junk list when the messages were made. */
    readonly junkTo: number
    readonly now: Instant
  }
): void {
  const work = { arrivalId: null, mailSha256: null, now: told.now }
  const rang = new Set<string>()
  // What could not be encrypted is no news: the ring is kept, and rings again.
  commit(tx, [], { ...told.prepared, refused: [] }, work)
  for (const { telling, decision } of told.messages) {
    const mails = told.prepared.mails.filter(
      ({ once }) => once === decision.once || once.startsWith(`${decision.once}:`)
    )
    if (telling.clock.message === 'digest' && mails.length > 0) forgetToldJunk(tx, told.junkTo)
    for (const { recipientId: recipient, messageId } of mails) {
      for (const { run, step, repeat, isLate } of telling.rings) {
        const { generation, clock } = run
        const key = keyOfRun(run, events)
        const ring = { clock: clock.id, generation, step, repeat, recipient, key }
        saveRing(tx, subject, { ...ring, at: told.now, messageId })
        const name = `${clock.id} ${generation} ${step}`
        if (rang.has(name)) continue
        rang.add(name)
        const about = { clock: clock.id, generation, step, dueAt: run.dueAt, isLate }
        record(tx, event('rang', subject, BY_DESK, about), work)
      }
    }
  }
}
