/**
 * The clocks of a subject: whom a step tells, how all clocks of one subject stand, and when to look again. Pure;
 * desk/reminders.ts makes what a clock tells. One alarm a cause, person and day; nothing is told twice.
 */
import { addressAmong, type CaseRecord, type CaseState, underOneNumber } from '../domain/case.ts'
import { UNDECIDED } from '../domain/case-machine.ts'
import {
  type Clock,
  type ClockRun,
  type Due,
  firstDue,
  isAnswerWaiting,
  isTold,
  type Look,
  lookAtRun,
  openRuns,
  type Ring,
  type Told
} from '../domain/clock.ts'
import { type DeskEvent, type NewEvent, NO_EVIDENCE, type Subject } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import * as time from '../domain/time.ts'

/** The clocks of a kind of subject. `product` is that of a case; null where the configuration no longer has it. */
export function clocksOf(
  kind: Subject['kind'],
  product: Product | null,
  settings: Pick<Settings, 'clocks' | 'products'>
): readonly Clock[] {
  const { clocks } = product?.policy ?? settings
  const own = clocks.filter(({ subjects }) => subjects.includes(kind))
  return kind === 'case' ? [...own, ...keptPromises(own, settings)] : own
}

/** A promise that another policy gave is kept, also where the present one has no such promise (`/product`, `/merge`). */
function keptPromises(
  own: readonly Clock[],
  { products }: Pick<Settings, 'products'>
): readonly Clock[] {
  const others = products
    .flatMap(({ policy }) => policy.clocks)
    .filter(({ id }) => own.every((one) => one.id !== id))
    .map((clock) => [clock.id, { ...clock, due: { promised: true } } as const] as const)
  return [...new Map(others).values()]
}

/** The calendar in which a subject's clocks count. */
export function calendarOf(product: Product | null, { desk }: Settings): time.Calendar {
  return product?.calendar ?? { timezone: desk.timezone, weekend: [6, 7], holidays: [] }
}

/** The ids of the maintainers whom a step tells; '' stands for the list member that the clock is about. */
export function whomToTell(
  tell: Clock['steps'][number]['tell'],
  about: {
    readonly maintainers: Settings['maintainers']
    readonly owner: string | null
    readonly start: DeskEvent | null
  }
): readonly string[] {
  const { maintainers, owner, start } = about
  const everybody = maintainers.map(({ id }) => id)
  const told = tell.flatMap((who) => {
    if (who === 'everybody') return everybody
    if (who === 'member') return ['']
    if (who === 'recipient') return everybody.filter((id) => id === addressee(start))
    if (who === 'others') {
      const others = everybody.filter((id) => id !== addressee(start))
      return others.length > 0 ? others : everybody
    }
    if (who === 'owner') return owner !== null && everybody.includes(owner) ? [owner] : everybody
    const holders = maintainers.filter(({ id, roles }) =>
      typeof who === 'object' ? id === who.maintainer : roles.includes(who)
    )
    // If nobody has the role or the id, somebody must still be told.
    return holders.length > 0 ? holders.map(({ id }) => id) : everybody
  })
  return [...new Set(told)]
}

/** The maintainer whom an event's message was for; null when it was for somebody else. */
function addressee(event: DeskEvent | null): string | null {
  const isAbout = event?.kind === 'not-encrypted' || event?.kind === 'undelivered'
  return isAbout && event.about.audience === 'maintainer' ? event.about.recipient : null
}

/** What is due first in a case that has these events on its record, if `more` happen now. */
export function dueOf(...about: Parameters<typeof promisesOpen>): Due | null {
  return firstDue(promisesOpen(...about))
}

/** The promises of a case that are still to be kept. */
export function promisesOpen(
  record: Pick<CaseRecord, 'product' | 'reporters'>,
  events: readonly DeskEvent[],
  more: readonly NewEvent[],
  { settings, now }: { readonly settings: Settings; readonly now: time.Instant }
): ClockRun[] {
  const product = settings.products.find(({ id }) => id === record.product) ?? null
  const id = (events.at(-1)?.id ?? 0) + 1
  const happening = more.map((one) => ({ ...one, id, at: now, evidence: NO_EVIDENCE }))
  return openRuns(
    clocksOf('case', product, settings).filter(({ counts }) => counts !== 'each'),
    [...events, ...happening].map((one) => underOneNumber(record, one)),
    calendarOf(product, settings),
    now
  )
}

/** When something is due in a case, and what, in one line: what to do, or once that is late, what is at risk. */
export function promiseWords(
  { at, clock, reporter = '' }: Due,
  about: {
    readonly case: Pick<CaseRecord, 'product' | 'reporters' | 'state'>
    readonly settings: Pick<Settings, 'clocks' | 'products'> & {
      readonly desk: Pick<Settings['desk'], 'timezone'>
    }
    readonly now: time.Instant
  }
): string {
  const { settings, now } = about
  const product = settings.products.find(({ id }) => id === about.case.product) ?? null
  const found = clocksOf('case', product, settings).find(({ id }) => id === clock)
  const remedy = found && remedyOf(found, about.case.state)
  const [late, says] = at < now ? [' (OVERDUE)', found?.risk] : ['', remedy]
  const address = addressAmong(about.case, reporter)
  const whose = address === '' ? '' : ` (reporter ${address})`
  return `${time.formatInstant(at, settings.desk.timezone)}${whose}${late}: ${says ?? clock}`
}

/** What to do about a clock. Until the report is decided, the commands that a disclosure date or a hold asks for are refused. */
export function remedyOf({ starts, remedy }: Clock, state?: CaseState): string {
  const isOfNotice = starts.includes('embargo-set') || starts.includes('notice-held')
  const isRefused = isOfNotice && UNDECIDED.some((one) => one === state)
  return isRefused ? 'Please decide first with /accept or /reject.' : remedy
}

/** What one message tells one person now. */
export type Telling = {
  /** The clock of the ring that is due first. */
  readonly clock: Clock
  readonly recipient: string
  readonly rings: readonly Ring[]
}

export type StandingFacts = {
  readonly clocks: readonly Clock[]
  /** The events that the clocks go by, oldest first. */
  readonly events: readonly DeskEvent[]
  readonly told: readonly Told[]
  readonly calendar: time.Calendar
  /** The first event that clocks whose every start is a run of its own may still have to tell. */
  readonly eachFrom: number
  /** The newest event of the subject that clocks go by. */
  readonly last: number
  readonly whom: (ring: Ring) => readonly string[]
  readonly now: time.Instant
}

/** A look at all clocks of one subject. `nextLookAt` is when something may ring beside what is told now. */
export function standingOf(known: StandingFacts): Look & { readonly tellings: readonly Telling[] } {
  const { clocks, calendar, whom, last, eachFrom, now } = known
  const told = groupBy(known.told, toldKey)
  // An event that was recorded while the clock was ahead counts as happening now.
  const events = known.events.map((event) => (event.at > now ? { ...event, at: now } : event))
  // Other clocks need older events. These would begin runs again that were told, whose stops may not be among the events.
  const untold = events.filter(({ id }) => id >= eachFrom)
  const each = clocks.filter(({ counts }) => counts === 'each')
  const others = clocks.filter(({ counts }) => counts !== 'each')
  const runs = [
    ...openRuns(others, events, calendar, now),
    ...openRuns(each, untold, calendar, now)
  ]
  // Where the reporter waits for the words that wait, the clock of that promise tells it.
  const ringing = runs.filter((words) => !runs.some((run) => isAnswerWaiting(run, [words])))
  const looks = ringing.map(lookAt)
  const waiting = looks.filter(({ run, next, rings }) => {
    const goesOn = next !== null || rings.length > 0
    return run.clock.counts === 'each' && goesOn
  })
  return {
    tellings: gather(looks.flatMap(({ rings }) => rings)),
    nextLookAt: earliest(looks.flatMap(({ next }) => next ?? [])),
    due: firstDue(runs),
    eachFrom: waiting.reduce((from, { run }) => Math.min(from, run.start.id), last + 1)
  }

  function lookAt(run: ClockRun) {
    const { ring, next } = lookAtRun(run, calendar, now)
    const rings: { readonly recipient: string; readonly ring: Ring }[] = []
    const nexts = [next]
    for (const recipient of ring === null ? [] : whom(ring)) {
      const all = told.get(toldKey({ clock: run.clock.id, key: run.key, recipient })) ?? []
      // What was told while the clock was days ahead keeps no promise from ringing at its true time.
      const isHeard = ({ at }: Told): boolean =>
        at === null || time.msBetween(now, at) < time.DAY_MS
      const mine = run.clock.counts === 'each' ? all : all.filter(isHeard)
      if (ring === null || isTold(ring, mine)) continue
      const again = toldToday(ring, mine, now)
      if (again === null) rings.push({ recipient, ring })
      else nexts.push(again)
    }
    return { run, rings, next: earliest(nexts.flatMap((at) => at ?? [])) }
  }
}

/**
 * When this person may hear of the cause again; null when they may hear of it now. An alarm comes again after a day at the
 * earliest, and so does a step of a promise that had passed before the date moved. What is hard does not wait.
 */
function toldToday({ run, step, at: due }: Ring, mine: readonly Told[], now: time.Instant) {
  const { counts, firmness } = run.clock
  const isAlarm = counts === 'each'
  if (firmness === 'hard' || (!isAlarm && due >= run.goesOnSince)) return null
  const last = mine
    .flatMap(({ at, step: told }) => (isAlarm || told === step ? (at ?? []) : []))
    .sort()
    .at(-1)
  // If the clock was set back, no alarm waits for it.
  return last === undefined || last > now || time.msBetween(last, now) >= time.DAY_MS
    ? null
    : time.addMs(last, time.DAY_MS)
}

function toldKey({ clock, key, recipient }: Pick<Told, 'clock' | 'key' | 'recipient'>): string {
  return JSON.stringify([clock, recipient, key])
}

function gather(
  rings: readonly { readonly recipient: string; readonly ring: Ring }[]
): readonly Telling[] {
  // Clocks with the same message speak together: what is due stands in one reminder (B9). An alarm about one thing stands alone.
  const sorted = [...rings].sort((a, b) => time.msBetween(b.ring.run.dueAt, a.ring.run.dueAt))
  const named = groupBy(sorted, ({ recipient, ring: { run } }) => {
    const { id, message, counts } = run.clock
    return `${message === 'reminder' && counts === 'each' ? id : message} ${recipient}`
  })
  return [...named.values()].map((all) => {
    const [{ recipient, ring }] = all
    return { clock: ring.run.clock, recipient, rings: all.map((one) => one.ring) }
  })
}

function earliest(instants: readonly time.Instant[]): time.Instant | null {
  return [...instants].sort()[0] ?? null
}
