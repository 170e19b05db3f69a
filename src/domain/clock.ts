/**
 * The one kind of clock: a promise, deadline or alarm as data, started and stopped by events of the record. Pure: how all
 * clocks of one subject stand, what rings now and when to look again are functions of its events and of what has rung.
 */
import {
  type DeskEvent,
  type EventKind,
  type InstantName,
  instantOf,
  type Promised,
  type Subject
} from './event.ts'
import { type Role } from './role.ts'
import {
  addMs,
  type Calendar,
  dueAt,
  type Instant,
  msBetween,
  type Span,
  startBefore
} from './time.ts'

/**
 * When a step of a clock comes: on the way to its due instant, before it, or after it (`{ after: { hours: 0 } }`: at it).
 * With `every` it comes again and again: before, until the due instant; after, until the clock stops.
 */
export type StepTime =
  | { readonly percent: number }
  | { readonly before: Span; readonly every?: Span }
  | { readonly after: Span; readonly every?: Span }

/**
 * Who is told by a step. While a case has no owner, `owner` is everybody; a role is all who have it; `recipient` is the
 * maintainer named by the starting event, and `others` is everybody else. Reporters are written to by people, never by a clock.
 */
export type Tell =
  | 'owner'
  | 'everybody'
  | 'member'
  | 'recipient'
  | 'others'
  | Role
  | { readonly maintainer: string }

export type Step = { readonly at: StepTime; readonly tell: readonly Tell[] }

/** One clock, as a policy or the built-in set states it. */
export type Clock = {
  readonly id: string
  /** What it runs for: a clock of a policy runs for cases. */
  readonly subjects: readonly Subject['kind'][]
  readonly starts: readonly EventKind[]
  readonly stops: readonly EventKind[]
  /**
   * Which starts count. `first`: one while it runs changes nothing, unless it is due earlier (a promise). `latest`: each begins
   * it anew (a date that moved). `each`: every start is a run of its own (an alarm about one thing).
   */
  readonly counts: 'first' | 'latest' | 'each'
  /**
   * Particular by which a stop finds the run that it ends, for example `member`; null: a stop ends every run. Several, with
   * blanks between them, tell causes of alarms apart.
   */
  readonly key: string | null
  /** A start does not count if a stop came after the latest event of these kinds: the draft was written before its date. */
  readonly since: readonly EventKind[]
  /** It counts from this instant of the starting event; a start that says there is none ends the run. */
  readonly from: InstantName
  /** Due so long after that instant, or so long before it. */
  readonly due: { readonly within: Span } | { readonly before: Span }
  readonly firmness: 'hard' | 'soft'
  readonly steps: readonly Step[]
  /** The message that a step sends: `reminder`, made of `title`, `risk` and `remedy`, or one that is composed for it. */
  readonly message: string
  readonly title: string
  readonly risk: string
  readonly remedy: string
  /** The promise, as the reminder states it; '' when there is none. */
  readonly quote: string
}

/** One run of a clock, from the event that started it. */
export type ClockRun = {
  readonly clock: Clock
  readonly start: DeskEvent
  /** When the start was recorded, or the end that had stopped the run was taken back. Steps before that were not missed. */
  readonly goesOnSince: Instant
  /** The particular by which its cause is told from others; '' for none. */
  readonly key: string
  readonly startedAt: Instant
  readonly dueAt: Instant
}

/** A promise of a subject, by its clock. */
export type Due = { readonly at: Instant; readonly clock: string }

/** One moment of a run at which somebody is told. `step` is stable across edits of the policy: `50%`, `-P7D`, `+PT0S`. */
export type Ring = {
  readonly run: ClockRun
  readonly step: string
  readonly repeat: number
  readonly at: Instant
  readonly tell: readonly Tell[]
  /** The desk was not running when it should have rung. */
  readonly isLate: boolean
}

/** A step that was told. Where a clock counts `each` start, it stands for all runs of its cause up to `generation`. */
export type Rung = {
  readonly clock: string
  readonly key: string
  /** Id of the event that started the run. */
  readonly generation: number
  readonly step: string
  readonly repeat: number
}

const LATE_MS = 15 * 60_000

/** The runs that go on after these events of one subject, oldest event first. */
export function openRuns(
  clocks: readonly Clock[],
  events: readonly DeskEvent[],
  calendar: Calendar
): ClockRun[] {
  return clocks.flatMap((clock) => runsOf(clock, events, calendar))
}

function runsOf(clock: Clock, events: readonly DeskEvent[], calendar: Calendar): ClockRun[] {
  const open = new Map<string, ClockRun>()
  const ended = new Map<string, ClockRun>()
  const stopped = new Set<string>()
  for (const event of events) {
    const key = keyOf(clock, event)
    if (TAKES_BACK.includes(event.kind)) resume(open, ended, event.at)
    if (clock.since.includes(event.kind)) stopped.clear()
    if (clock.stops.includes(event.kind)) {
      const runs = [...stopRuns(open, key), ...stopRuns(ended, key)]
      if (ENDS.includes(event.kind)) for (const [name, run] of runs) ended.set(name, run)
      stopped.add(key)
    }
    const isStart = clock.starts.includes(event.kind)
    if (!isStart || (clock.since.length > 0 && stopped.has(key))) continue
    startRun(open, { clock, start: event, key, goesOnSince: event.at }, calendar)
  }
  return [...open.values()]
}

/** Events that end a case, and those that take an end back: then the runs that only the end had stopped go on. */
const ENDS: readonly EventKind[] = ['rejected', 'closed']
const TAKES_BACK: readonly EventKind[] = ['reopened', 'accepted']

function resume(open: Map<string, ClockRun>, ended: Map<string, ClockRun>, at: Instant): void {
  for (const [name, run] of ended) if (!open.has(name)) open.set(name, { ...run, goesOnSince: at })
  ended.clear()
}

/** A stop ends the runs of its own key, or all of them where it names none. */
function stopRuns(runs: Map<string, ClockRun>, key: string): (readonly [string, ClockRun])[] {
  const mine = [...runs].filter(
    ([name]) => key === '' || name === key || name.startsWith(`${key} `)
  )
  for (const [name] of mine) runs.delete(name)
  return mine
}

type Started = Omit<ClockRun, 'startedAt' | 'dueAt'>

function startRun(open: Map<string, ClockRun>, started: Started, calendar: Calendar): void {
  const { clock, start, key } = started
  const name = clock.counts === 'each' ? `${key} ${start.id}` : key
  const before = clock.counts === 'first' ? open.get(name) : undefined
  const from = instantOf(start, clock.from)
  if (from === null) {
    if (before === undefined) open.delete(name)
    return
  }
  const run = runFrom(started, from, calendar)
  if (before === undefined || run.dueAt < before.dueAt) open.set(name, run)
}

function keyOf({ key }: Clock, { about }: DeskEvent): string {
  const values = about as Readonly<Record<string, unknown>>
  const named = (key ?? '').split(' ').map((name) => values[name])
  return named.filter((value) => typeof value === 'string' || typeof value === 'number').join(' ')
}

function runFrom(run: Started, from: Instant, calendar: Calendar): ClockRun {
  const { due, id } = run.clock
  const { promised } = run.start.about as { readonly promised?: Promised }
  const earliest = (at: Instant): Instant => [at, promised?.[id] ?? at].sort()[0] ?? at
  return 'within' in due
    ? { ...run, startedAt: from, dueAt: earliest(dueAt(from, due.within, calendar)) }
    : { ...run, startedAt: run.start.at, dueAt: startBefore(from, due.before, calendar) }
}

/** The promise that is due first. A clock that counts `each` start only tells of something. */
export function firstDue(runs: readonly ClockRun[]): Due | null {
  const dues = runs.flatMap(({ clock: { id, counts }, dueAt: at }) =>
    counts === 'each' ? [] : [{ at, clock: id }]
  )
  return dues.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0))[0] ?? null
}

/** Kinds of events that decide about these clocks. */
export function kindsOf(clocks: readonly Clock[]): EventKind[] {
  const kinds = clocks.flatMap(({ starts, stops, since }) => [...starts, ...stops, ...since])
  return [...new Set([...kinds, ...TAKES_BACK])]
}

/** Whether telling one run tells all earlier ones of its cause, which have come at least as far. */
export function isToldTogether({ counts, from }: Clock): boolean {
  return counts === 'each' && from === 'at'
}

/**
 * What a run has to tell now: the highest step that has passed, unless it or a higher one was told already. After downtime
 * the steps below are not told any more.
 */
export function ringNow(
  run: ClockRun,
  rung: readonly Rung[],
  calendar: Calendar,
  now: Instant
): Ring | null {
  const steps = stepsInOrder(run, calendar)
  const highest = steps.findLast(({ first }) => first <= now)
  if (highest === undefined) return null
  const { at, repeat } = latestOf(highest, now)
  const place = (key: string): number => steps.findIndex((step) => step.key === key)
  const isTold = rung.some(
    (told) =>
      told.clock === run.clock.id &&
      told.key === run.key &&
      (isToldTogether(run.clock)
        ? told.generation >= run.start.id
        : told.generation === run.start.id) &&
      (place(told.step) > place(highest.key) ||
        (told.step === highest.key && told.repeat >= repeat))
  )
  if (isTold) return null
  const isLate = at >= run.goesOnSince && msBetween(at, now) > LATE_MS
  return { run, step: highest.key, repeat, at, tell: highest.tell, isLate }
}

/** The next instant after `now` at which the run may ring; null when it has no more steps. */
export function nextRingAt(run: ClockRun, calendar: Calendar, now: Instant): Instant | null {
  const next = stepsInOrder(run, calendar).flatMap((step) => {
    if (step.first > now) return [step.first]
    if (step.every === null) return []
    const at = addMs(latestOf(step, now).at, step.every)
    return step.last !== null && at > step.last ? [] : [at]
  })
  return next.sort()[0] ?? null
}

/** A step of a run: when it comes first, again after how many milliseconds, and until when. */
type TimedStep = {
  readonly key: string
  readonly tell: Step['tell']
  readonly first: Instant
  readonly every: number | null
  readonly last: Instant | null
}

function stepsInOrder(run: ClockRun, calendar: Calendar): TimedStep[] {
  return run.clock.steps
    .map(({ at, tell }) => {
      const first = firstAt(run, at, calendar)
      const last = 'before' in at ? run.dueAt : null
      return { key: stepKey(at), tell, first, every: everyMs(at, first, calendar), last }
    })
    .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
}

function firstAt({ startedAt, dueAt: due }: ClockRun, at: StepTime, calendar: Calendar): Instant {
  if ('percent' in at) return addMs(startedAt, (msBetween(startedAt, due) * at.percent) / 100)
  return 'before' in at ? startBefore(due, at.before, calendar) : dueAt(due, at.after, calendar)
}

/** The last time up to `now` of a step that has come. */
function latestOf({ first, every, last }: TimedStep, now: Instant) {
  const end = last !== null && last < now ? last : now
  const repeat = every === null ? 0 : Math.floor(msBetween(first, end) / every)
  return { repeat, at: addMs(first, repeat * (every ?? 0)) }
}

/** Repetitions are wall clock: a day is 24 hours, a business day one day. */
function everyMs(at: StepTime, first: Instant, calendar: Calendar): number | null {
  const every = 'percent' in at ? undefined : at.every
  if (every === undefined) return null
  const span = 'business_days' in every ? { days: every.business_days } : every
  return Math.max(msBetween(first, dueAt(first, span, calendar)), 60_000)
}

/** A name of a step that says when it comes and does not depend on its place in the list. */
export function stepKey(at: StepTime): string {
  if ('percent' in at) return `${at.percent}%`
  const repeated = at.every === undefined ? '' : `/${spanKey(at.every)}`
  return 'before' in at ? `-${spanKey(at.before)}${repeated}` : `+${spanKey(at.after)}${repeated}`
}

function spanKey(span: Span): string {
  if ('minutes' in span) return `PT${span.minutes}M`
  if ('hours' in span) return `PT${span.hours}H`
  return 'days' in span ? `P${span.days}D` : `P${span.business_days}B`
}
