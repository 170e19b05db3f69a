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
  instantFromMs,
  msBetween,
  type Span,
  spanMs,
  startBefore
} from './time.ts'

/** When a step comes: on the way to the due instant, before it (`every`: until then), or after it (`every`: until a stop). */
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
   * Which starts count. `first`: one while it runs changes nothing, unless it is due earlier (a promise). `latest`: each that is
   * due at another instant begins it anew (a date that moved). `each`: every start is a run of its own (an alarm about one thing).
   */
  readonly counts: 'first' | 'latest' | 'each'
  /** Particulars that a stop shares with the run that it ends, blanks between them; null: a stop ends every run. */
  readonly key: string | null
  /** A start does not count if a stop came after the latest event of these kinds: the draft was written before its date. */
  readonly since: readonly EventKind[]
  /** The clock whose due instant ends this one, which is of no use from then on. */
  readonly until: string | null
  /** It counts from this instant of the starting event; a start that says there is none ends the run. */
  readonly from: InstantName
  /** Due so long after that instant, or so long before it; or when the start promises, if it promises anything. */
  readonly due: { readonly within: Span } | { readonly before: Span } | { readonly promised: true }
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

/** A promise of a subject, the clock that says what it takes now, and the number of the reporter to whom it was made. */
export type Due = { readonly at: Instant; readonly clock: string; readonly reporter?: string }

/** One moment of a run at which somebody is told. `step` is its time as JSON, so it is stable across edits of the policy. */
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

/** A step that reached `recipient`: a maintainer, or '' for the member that the clock is about. `at` is null if it had nothing to say. */
export type Told = Rung & { readonly recipient: string; readonly at: Instant | null }

/** What a look at the clocks of a subject found. */
export type Look = {
  /** Null: nothing rings any more until the next event. */
  readonly nextLookAt: Instant | null
  /** The promise that is due first; null when none is. */
  readonly due: Due | null
  /** Everything before this event has been told by the clocks whose every start is a run of its own. */
  readonly eachFrom: number
}

const LATE_MS = 15 * 60_000

/** Events that end a case, and those that take an end back: then the runs that only the end had stopped go on. */
const ENDS: readonly EventKind[] = ['rejected', 'closed']
const TAKES_BACK: readonly EventKind[] = ['reopened', 'accepted', 'reporter-wrote']

/** The runs that go on at `now` after these events of one subject, oldest event first. */
export function openRuns(
  clocks: readonly Clock[],
  events: readonly DeskEvent[],
  calendar: Calendar,
  now: Instant
): ClockRun[] {
  const lost = lostPlans(events)
  const placed = events.filter((one) => lost.every(({ plan }) => plan !== one)).reduce(place, [])
  // Most messages of a reporter find the case open, and take nothing back.
  const back = placed.findLastIndex(
    ({ kind, about }) =>
      TAKES_BACK.includes(kind) && (kind !== 'reporter-wrote' || about.effect === 'reopens')
  )
  const lasting = placed.filter(({ kind }, at) => at > back || !ENDS.includes(kind))
  const takenBack = lasting.length < placed.length ? (placed[back] ?? []) : []
  const wentOn = [takenBack, lost].flat().map(({ at }) => at)
  const wentOnAt = wentOn.sort().at(-1)
  const runsAfter = (some: readonly DeskEvent[]): ClockRun[] =>
    clocks.flatMap((clock) => runsOf(clock, some, calendar, wentOnAt))
  const going = runsAfter(lasting)
  const untold = runsAfter(placed.filter(({ kind }) => !ENDS.includes(kind))).filter(
    (run) =>
      isAnswerWaiting(run, going) &&
      going.every(({ clock, key }) => clock !== run.clock || key !== run.key)
  )
  const runs = [...going, ...untold]
  const passed = runs.flatMap(({ clock, dueAt }) => (dueAt <= now ? clock.id : []))
  return runs.filter(({ clock: { until } }) => until === null || !passed.includes(until))
}

/** Plans that did not arrive and were neither sent again nor told another way, each with the time when the desk learned of it. */
function lostPlans(events: readonly DeskEvent[]) {
  return events.flatMap((lost) => {
    if (lost.kind !== 'reporter-unreached') return []
    const { reporter, outbox, queuedAt } = lost.about
    const isMadeUp = events.some(
      ({ id, kind, about }) =>
        id > lost.id &&
        ((kind === 'told-otherwise' && about.reporter === reporter) ||
          (kind === 'retried' && about.outbox === outbox))
    )
    const left = events.filter(
      (one) => one.at === queuedAt && 'reporter' in one.about && one.about.reporter === reporter
    )
    const plan = left.find(({ kind }) => kind === 'plan-told')
    // Of several messages that left at once, nobody can tell which held the plan.
    const isAlone = left.filter(({ kind }) => kind === 'answered').length < 2
    return isMadeUp || plan === undefined || !isAlone ? [] : { plan, at: lost.at }
  })
}

/** Adds an event. Words that waited for a key come before what their reporter wrote after them: they do not answer it. */
function place(events: DeskEvent[], next: DeskEvent): DeskEvent[] {
  const { writtenAt, reporter } = next.about as { writtenAt?: Instant; reporter?: string }
  const newer =
    writtenAt === undefined
      ? -1
      : events.findIndex(
          ({ kind, at, about }) =>
            kind === 'reporter-wrote' && about.reporter === reporter && at > writtenAt
        )
  events.splice(newer === -1 ? events.length : newer, 0, next)
  return events
}

function runsOf(
  clock: Clock,
  events: readonly DeskEvent[],
  calendar: Calendar,
  wentOnAt = instantFromMs(0)
): ClockRun[] {
  const open = new Map<string, ClockRun>()
  const stopped = new Set<string>()
  for (const event of events) {
    const key = keyOf(clock, event)
    if (clock.since.includes(event.kind)) stopped.clear()
    if (clock.stops.includes(event.kind)) {
      // A stop ends the runs of its own key, or all of them where it names none.
      for (const name of open.keys())
        if (key === '' || `${name} `.startsWith(`${key} `)) open.delete(name)
      stopped.add(key)
    }
    const isStart = clock.starts.includes(event.kind)
    if (!isStart || (clock.since.length > 0 && stopped.has(key))) continue
    const goesOnSince = event.at > wentOnAt ? event.at : wentOnAt
    startRun(open, { clock, start: event, key, goesOnSince }, calendar)
  }
  return [...open.values()]
}

type Started = Omit<ClockRun, 'startedAt' | 'dueAt'>

/** Whether the message about a merge, which tells a person of both their reports, answers them in this case, too. */
function isAnsweredBy({ kind, about }: DeskEvent, { stops }: Clock): boolean {
  return kind === 'merged-in' && about.isAnswered && stops.includes('answered')
}

function startRun(open: Map<string, ClockRun>, started: Started, calendar: Calendar): void {
  const { clock, start, key } = started
  const name = clock.counts === 'each' ? `${key} ${start.id}` : key
  if (isAnsweredBy(start, clock)) open.delete(name)
  const from = instantOf(start, clock.from)
  if (from === null) {
    if (clock.counts !== 'first') open.delete(name)
    return
  }
  const run = runFrom(started, from, calendar)
  if (run === null) return
  const before = open.get(name)?.dueAt
  const isEarlier = before === undefined || run.dueAt < before
  if (isEarlier || (clock.counts === 'latest' && run.dueAt > before)) open.set(name, run)
}

function keyOf({ key }: Clock, { about }: DeskEvent): string {
  const values = about as Readonly<Record<string, unknown>>
  const named = (key ?? '').split(' ').map((name) => values[name])
  return named.filter((value) => typeof value === 'string' || typeof value === 'number').join(' ')
}

function runFrom(run: Started, from: Instant, calendar: Calendar): ClockRun | null {
  const { due, id } = run.clock
  if ('before' in due)
    return { ...run, startedAt: run.start.at, dueAt: startBefore(from, due.before, calendar) }
  const { promised } = run.start.about as { readonly promised?: Promised }
  // Kept before the case was merged, or made to a reporter who cannot be answered.
  if (promised?.[id] === null || (promised === null && run.clock.key === 'reporter')) return null
  const within = 'within' in due ? [dueAt(from, due.within, calendar)] : []
  const [earliest] = [...within, promised?.[id] ?? []].flat().sort()
  return earliest === undefined ? null : { ...run, startedAt: from, dueAt: earliest }
}

/** The promise that is due first. A clock that counts `each` start only tells of something. */
export function firstDue(runs: readonly ClockRun[]): Due | null {
  const dues = runs.flatMap((run) => {
    const { clock } = wordsThatKeep(run, runs) ?? run
    const due = { at: shownDue(run), clock: clock.id, reporter: reporterOf(run) }
    return run.clock.counts === 'each' ? [] : due
  })
  return dues.sort((a, b) => msBetween(b.at, a.at))[0] ?? null
}

/** The words that wait for a key and keep this promise once they leave: until then it takes the key, and no other answer. */
function wordsThatKeep(run: ClockRun, runs: readonly ClockRun[]): ClockRun | undefined {
  return runs.find(
    (words) =>
      words.start.kind === 'words-wait' &&
      run.clock.stops.includes('answered') &&
      reporterOf(words) === reporterOf(run) &&
      words.startedAt >= run.startedAt
  )
}

/** Whether a reporter waits for an answer that waits for a key: an end of their case is no answer before it has left (B10). */
export function isAnswerWaiting(run: ClockRun, runs: readonly ClockRun[]): boolean {
  return run.clock.from === 'receivedAt' && wordsThatKeep(run, runs) !== undefined
}

function reporterOf({ start: { about } }: ClockRun): string {
  return 'reporter' in about ? about.reporter : ''
}

/** When it is due, as people read it: nothing was due before it began, though a date may leave less time than its clock wants. */
export function shownDue({ startedAt, dueAt }: ClockRun): Instant {
  return dueAt < startedAt ? startedAt : dueAt
}

/** Kinds of events that decide about these clocks. */
export function kindsOf(clocks: readonly Clock[]): EventKind[] {
  const kinds = clocks.flatMap(({ starts, stops, since }) => [...starts, ...stops, ...since])
  return [...new Set([...kinds, ...TAKES_BACK])]
}

/** The highest step of a run that has passed, after downtime without those below it, and when the run may ring next. */
export function lookAtRun(run: ClockRun, calendar: Calendar, now: Instant) {
  const steps = run.clock.steps.map((step) => timesOf(run, step, calendar, now))
  const passed = steps.filter(({ first }) => first <= now)
  const highest = passed.sort((a, b) => msBetween(b.first, a.first)).at(-1)
  const next = steps.flatMap((step) => step.next ?? []).sort()[0] ?? null
  if (highest === undefined) return { ring: null, next }
  const { step, repeat, at, tell } = highest
  const isLate = at >= run.goesOnSince && msBetween(at, now) > LATE_MS
  return { ring: { run, step, repeat, at, tell, isLate }, next }
}

/** Whether this was told by one of these, or overtaken. */
export function isTold({ run, step, repeat }: Ring, rung: readonly Rung[]): boolean {
  return rung.some(
    (told) =>
      told.clock === run.clock.id &&
      told.key === run.key &&
      (run.clock.counts === 'each'
        ? told.generation >= run.start.id
        : told.generation === run.start.id) &&
      told.step === step &&
      told.repeat >= repeat
  )
}

/** When a step comes first, when it came last up to `now` and when it comes next. Its name does not depend on its place. */
function timesOf(run: ClockRun, { at: time, tell }: Step, calendar: Calendar, now: Instant) {
  const first = firstAt(run, time, calendar)
  const every = 'percent' in time || time.every === undefined ? 0 : spanMs(time.every)
  const end = 'before' in time && run.dueAt < now ? run.dueAt : now
  const repeat = every === 0 ? 0 : Math.floor(msBetween(first, end) / every)
  const at = addMs(first, repeat * every)
  const again = addMs(at, every)
  const isOver = every === 0 || ('before' in time && again > run.dueAt)
  const next = isOver ? null : again
  return { step: JSON.stringify(time), tell, first, repeat, at, next: first > now ? first : next }
}

function firstAt({ startedAt, dueAt: due }: ClockRun, at: StepTime, calendar: Calendar): Instant {
  if ('percent' in at) return addMs(startedAt, (msBetween(startedAt, due) * at.percent) / 100)
  return 'before' in at ? startBefore(due, at.before, calendar) : dueAt(due, at.after, calendar)
}
