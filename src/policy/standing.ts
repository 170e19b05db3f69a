/**
 * How all clocks of one subject stand: what they tell whom now, and when to look again. Pure. One alarm a cause, person and
 * day; what came meanwhile is counted in the next one. Nothing is told twice.
 */
import {
  type Clock,
  type ClockRun,
  type Due,
  firstDue,
  nextRingAt,
  openRuns,
  type Ring,
  type Rung,
  ringNow
} from '../domain/clock.ts'
import { type DeskEvent } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
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
  readonly due: Due | null
  readonly eachFrom: number
}

/** What was told before, with the cause that it was about. */
export type Told = Rung & { readonly recipient: string; readonly at: Instant }

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
  const { clocks, calendar, whom, isSilent, last, now } = known
  const told = groupBy(known.told, toldKey)
  // What was recorded on a clock that was ahead has happened all the same.
  const events = known.events.map((event) => (event.at > now ? { ...event, at: now } : event))
  const runs = openRuns(clocks, events, calendar)
  const looks = runs.map(lookAt)
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
    const rings: { readonly recipient: string; readonly ring: Ring }[] = []
    const next = [nextRingAt(run, calendar, now)]
    const highest = ringNow(run, [], calendar, now)
    for (const recipient of highest === null ? [] : whom(highest)) {
      const mine = told.get(toldKey({ clock: run.clock.id, key: run.key, recipient })) ?? []
      const ring = ringNow(run, mine, calendar, now)
      if (ring === null || isSilent(run.clock, recipient)) continue
      const again = toldToday(run, mine, now)
      if (again === null) rings.push({ recipient, ring })
      else next.push(again)
    }
    return { run, rings, next: earliest(next.flatMap((at) => at ?? [])) }
  }
}

/** When a cause of which this person was told today may be told again; null when it was not. */
function toldToday({ clock }: ClockRun, mine: readonly Told[], now: Instant): Instant | null {
  if (clock.counts !== 'each' || clock.firmness === 'hard') return null
  const last = mine
    .map(({ at }) => at)
    .sort()
    .at(-1)
  // A clock that was set back makes no alarm wait.
  return last === undefined || last > now || msBetween(last, now) >= DAY_MS
    ? null
    : addMs(last, DAY_MS)
}

function toldKey({ clock, key, recipient }: Pick<Told, 'clock' | 'key' | 'recipient'>): string {
  return JSON.stringify([clock, recipient, key])
}

/** One message for all that one clock tells one person. */
function gather(
  rings: readonly { readonly recipient: string; readonly ring: Ring }[]
): readonly Telling[] {
  const named = groupBy(rings, ({ recipient, ring }) => `${ring.run.clock.id} ${recipient}`)
  return [...named.values()].flatMap((all) => {
    const [first] = all
    if (first === undefined) return []
    const { recipient, ring } = first
    return [{ clock: ring.run.clock, recipient, rings: all.map((one) => one.ring) }]
  })
}

function earliest(instants: readonly Instant[]): Instant | null {
  return [...instants].sort()[0] ?? null
}
