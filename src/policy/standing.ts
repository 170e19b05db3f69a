/**
 * How all clocks of one subject stand: what they tell whom now, and when to look again. Pure. One alarm a cause, person and
 * day; what came meanwhile is counted in the next one. Nothing is told twice.
 */
import {
  type Clock,
  type ClockRun,
  nextRingAt,
  openRuns,
  type Ring,
  type Rung,
  ringNow
} from '../domain/clock.ts'
import { type DeskEvent } from '../domain/event.ts'
import { addMs, type Calendar, type Instant, msBetween } from '../domain/time.ts'

/** What one clock tells one person now, by one message. */
export type Telling = {
  readonly clock: Clock
  readonly recipient: string
  readonly rings: readonly Ring[]
}

export type Standing = {
  readonly tellings: readonly Telling[]
  /** When something may ring next, what is told now left out; null when nothing will before the next event. */
  readonly nextLookAt: Instant | null
  readonly due: { readonly at: Instant; readonly clock: string } | null
  readonly eachFrom: number
}

/** What was told before, with the cause that it was about. */
export type Told = Rung & {
  readonly recipient: string
  readonly key: string
  readonly at: Instant
}

export type StandingFacts = {
  readonly clocks: readonly Clock[]
  /** Of the kinds that the clocks name, oldest first. */
  readonly events: readonly DeskEvent[]
  readonly told: readonly Told[]
  readonly calendar: Calendar
  /** The newest event of the subject. */
  readonly last: number
  readonly whom: (ring: Ring) => readonly string[]
  /** Tellings that turned out to have nothing to say. */
  readonly isSilent: (clock: Clock, recipient: string) => boolean
  readonly now: Instant
}

const DAY_MS = 86_400_000

/** A look at all clocks of one subject. */
export function standingOf(known: StandingFacts): Standing {
  const { clocks, calendar, now } = known
  // What was recorded on a clock that was ahead has happened all the same.
  const events = known.events.map((event) => (event.at > now ? { ...event, at: now } : event))
  const facts = { ...known, events }
  const runs = openRuns(clocks, events, calendar)
  const looks = runs.map((run) => lookAt(run, facts))
  const promises = runs.filter(({ clock }) => clock.counts !== 'each')
  const [first] = promises.sort((a, b) => compare(a.dueAt, b.dueAt))
  const waiting = looks.filter(({ run, next, rings }) => {
    const goesOn = next !== null || rings.length > 0
    return run.clock.counts === 'each' && goesOn
  })
  return {
    tellings: gather(looks.flatMap(({ rings }) => rings)),
    nextLookAt: earliest(looks.flatMap(({ next }) => next ?? [])),
    due: first === undefined ? null : { at: first.dueAt, clock: first.clock.id },
    eachFrom: Math.min(facts.last + 1, ...waiting.map(({ run }) => run.generation))
  }

  function lookAt(run: ClockRun, { told, whom, isSilent }: StandingFacts) {
    const rings: { readonly recipient: string; readonly ring: Ring }[] = []
    const next = [nextRingAt(run, calendar, now)]
    const highest = ringNow(run, [], calendar, now)
    for (const recipient of highest === null ? [] : whom(highest)) {
      const mine = told.filter((one) => one.recipient === recipient && one.clock === run.clock.id)
      const ring = ringNow(run, mine, calendar, now)
      if (ring === null || isSilent(run.clock, recipient)) continue
      const again = toldToday(run, mine, keyOfRun(run, events), now)
      if (again === null) rings.push({ recipient, ring })
      else next.push(again)
    }
    return { run, rings, next: earliest(next.flatMap((at) => at ?? [])) }
  }
}

/** When a cause of which this person was told today may be told again; null when it was not. */
function toldToday(
  { clock }: ClockRun,
  mine: readonly Told[],
  key: string,
  now: Instant
): Instant | null {
  if (clock.counts !== 'each' || clock.firmness === 'hard') return null
  const latest = mine.filter((one) => one.key === key).map(({ at }) => at)
  const [last] = latest.sort((a, b) => compare(b, a))
  // A clock that was set back makes no alarm wait.
  return last === undefined || last > now || msBetween(last, now) >= DAY_MS
    ? null
    : addMs(last, DAY_MS)
}

/** The particular by which the cause of a run is told from others. */
export function keyOfRun({ clock, generation }: ClockRun, events: readonly DeskEvent[]): string {
  if (clock.key === null) return ''
  const about = events.find(({ id }) => id === generation)?.about as
    | Readonly<Record<string, unknown>>
    | undefined
  const value = about?.[clock.key]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** One message for all that one clock tells one person. */
function gather(
  rings: readonly { readonly recipient: string; readonly ring: Ring }[]
): readonly Telling[] {
  const found = new Map<string, { clock: Clock; recipient: string; rings: Ring[] }>()
  for (const { recipient, ring } of rings) {
    const { clock } = ring.run
    const name = `${clock.id} ${recipient}`
    const telling = found.get(name) ?? { clock, recipient, rings: [] }
    telling.rings.push(ring)
    found.set(name, telling)
  }
  return [...found.values()]
}

function earliest(instants: readonly Instant[]): Instant | null {
  return [...instants].sort(compare)[0] ?? null
}

function compare(a: Instant, b: Instant): number {
  return a < b ? -1 : a > b ? 1 : 0
}
