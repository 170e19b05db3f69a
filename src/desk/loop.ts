/**
 * The life of the daemon: loops that sleep on bells and read their work from the database. Intake talks to IMAP, another loop
 * reads the junk folder, work handles messages, duties does what is due (releases before all), dispatch talks to SMTP; none
 * waits for another. Must never keep in memory what a crash would lose.
 */
import { setMaxListeners } from 'node:events'
import { type Instant, msBetween } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { count } from '../domain/words.ts'
import { type Mailbox } from '../effects/effects.ts'
import * as events from '../store/events.ts'
import * as looks from '../store/looks.ts'
import * as notices from '../store/notices.ts'
import * as outbox from '../store/outbox.ts'
import { type Desk, type Edges } from './desk.ts'
import { createDispatcher, type Dispatcher } from './dispatch.ts'
import { type Bells, createBell, createBells, judgeError, persist } from './faults.ts'
import { type FetchFailures, intakeLoop, type Taken, takeIn, wakeResting } from './intake.ts'
import { junkLoop, lookAtJunkOnce } from './junk.ts'
import { moveHandled } from './moves.ts'
import { releaseDue } from './release.ts'
import { lookAtRoom } from './room.ts'
import { adoptClocks, listFurtherReports, tick } from './tick.ts'
import { LANES, type Lane } from './turns.ts'
import { lookAtClock, lookAtDisk } from './watch.ts'
import { createHandler, type Handler, handlePending } from './work.ts'

const WAIT_MS_MAX = 60_000
/** So often `--once` goes over the inbox: two passes a try of a message at which the connection breaks. */
const PASSES_MAX = 100
/** How often it is looked whether a connection is free. */
const FULL_MS = 500
/** What messages ring for within this time is looked at together. */
const GATHERED_MS = 100
/** Loops and messages that are being sent all listen for the end; from eleven on Node takes them for a leak and says so. */
const LISTENERS_MAX = 100

/** What the loops that work and send share. */
type Run = {
  readonly desk: Desk
  readonly bells: Bells
  /** See {@link releaseDue}. */
  readonly failures: Map<number, number>
  readonly handler: Handler
  readonly signal: AbortSignal
}

/** Runs until `signal` is aborted, then stops after the current step. Throws trouble that waiting cannot solve. */
export async function runLoops(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  signal: AbortSignal
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  setMaxListeners(LISTENERS_MAX, either)
  const handler = createHandler(desk)
  const run: Run = { desk, bells, failures: new Map(), handler, signal: either }
  adoptClocks(desk)
  const dispatcher = createDispatcher(desk, edges.sender, {
    signal: either,
    ended: bells.dispatch.ring,
    // A clock tells of a message that was given up.
    failed: bells.duties.ring
  })
  const duties = (): Promise<void> => dutiesOnce(run)
  const dispatch = (): Promise<void> => dispatchOnce(run, dispatcher)
  const loops = [
    intakeLoop(desk, edges, { bells, placeOf: handler.placeOf }, either),
    junkLoop(desk, edges, either, bells.duties.ring),
    ...LANES.map((lane) =>
      persist(desk, either, () => workOnce(run, lane), judgeError(desk, 'work'))
    ),
    persist(desk, either, duties, judgeError(desk, 'duties')),
    // Not after the other loops: what the server has accepted is recorded whatever else hangs (G2).
    persist(desk, either, dispatch, judgeError(desk, 'dispatch')).finally(() => dispatcher.end())
  ]
  try {
    // Together, so that its failure is met while another loop still ends.
    await Promise.all(loops)
  } finally {
    failed.abort()
    await Promise.allSettled(loops)
  }
}

/**
 * Processes all waiting mail and everything that is due, sends it and returns (`postern run --once`). An unreachable inbox, or a
 * message at which its connection breaks each time, does not stop other work; that trouble is thrown at the end.
 */
export async function runOnce(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  await lookAtJunkOnce(desk, edges, signal)
  const handler = createHandler(desk)
  const { mailbox, place, failed } = await takeInOnce(desk, edges, handler, signal)
  try {
    await settleOnce(desk, edges, handler, signal)
    if (mailbox !== null && place !== null)
      await moveHandled(desk, mailbox, { ...place, mailbox: edges.inbox })
  } finally {
    await mailbox?.close()
  }
  // A connection closed by stopping is not trouble.
  if (failed !== null && !signal.aborted) throw failed
}

/**
 * Each message that is still listed is stored at last, if only as one that could not be fetched, which is told like any other
 * and at the end; or the next run looks again.
 */
async function takeInOnce(
  desk: Desk,
  { inbox, openMailbox }: Edges,
  { placeOf }: Handler,
  signal: AbortSignal
) {
  const failures: FetchFailures = new Map()
  const taking = { inbox, signal, failures, from: null, placeOf }
  let mailbox: Mailbox | null = null
  let place: Taken | null = null
  let failed: Trouble | null = null
  for (let passes = 0; passes < PASSES_MAX; passes += 1)
    try {
      mailbox ??= await openMailbox(signal)
      place = await takeIn(desk, mailbox, taking)
      const unread = wakeResting(failures)
      if (!place.isPartial) failed &&= unreadTrouble(inbox, unread)
      if (!place.isPartial || signal.aborted) break
    } catch (error) {
      if (!(error instanceof Trouble && error.code.startsWith('imap'))) throw error
      failed = error
      if (mailbox === null) break
      desk.log({ event: 'trouble', code: error.code, where: 'intake', says: error.message })
      await mailbox.close()
      mailbox = null
      place = null
    }
  return { mailbox, place, failed }
}

/** Null where all came in the end. */
function unreadTrouble(inbox: string, unread: number): Trouble | null {
  const says = `${count(unread, 'message', 'messages')} in ${inbox} could not be fetched whole: the connection to the IMAP server broke each time. Please see "postern received list".`
  return unread === 0 ? null : new Trouble('imap', says, { retryable: true })
}

/** Works and sends until `--once` has nothing left to wait for. */
async function settleOnce(
  desk: Desk,
  edges: Edges,
  handler: Handler,
  signal: AbortSignal
): Promise<void> {
  const bells = createBells()
  const ended = createBell()
  const run: Run = { desk, bells, failures: new Map(), handler, signal }
  adoptClocks(desk)
  const dispatcher = createDispatcher(desk, edges.sender, { signal, ended: ended.ring })
  try {
    while (!signal.aborted) {
      const worked = await workAndDuties(run)
      const sent = await dispatcher.step()
      if (worked || sent) continue
      const wait = dispatcher.inFlight() > 0 ? FULL_MS : firstAttemptsMs(run, dispatcher)
      if (wait === null) break
      await ended.wait(wait, signal)
    }
  } finally {
    await dispatcher.end()
  }
}

/** Milliseconds until the next thing that `--once` still waits for: a delayed acknowledgement or a retried arrival. */
function firstAttemptsMs({ desk, handler }: Run, dispatcher: Dispatcher): number | null {
  const now = desk.clock.now()
  // Where the server cannot be reached, the next run sends what is due.
  const after = dispatcher.isFull() ? now : ''
  const due = desk.db.read((read) => outbox.nextDueAt(read, now, after))
  const jitterEnd = (desk.settings.acknowledgement.jitter + 1) * 1000
  const waits = [due, ...LANES.map((lane) => handler.nextAt(lane))].flatMap((at) => {
    const ms = at === null ? null : msBetween(now, at)
    return ms !== null && ms <= jitterEnd ? [Math.max(ms, 1)] : []
  })
  return waits.length === 0 ? null : Math.min(...waits)
}

/** One round of both, side by side: a release does not wait for what is being read (A3). */
async function workAndDuties(run: Run): Promise<boolean> {
  const { desk, handler, signal } = run
  const handling = handlePending(desk, signal, () => ringDone(run), handler)
  const ends = await Promise.allSettled([doDuties(run), handling.then((handled) => handled > 0)])
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return ends.some((end) => end.status === 'fulfilled' && end.value)
}

/** Looks at the clock, then does what is due. What it asks of the workers goes before all that is read (A3). */
async function doDuties({ desk: own, bells, failures, signal }: Run): Promise<boolean> {
  const desk = { ...own, workers: own.workers.inTurn('release') }
  lookAtClock(desk)
  const released = await releaseDue(desk, { failures, signal, queued: bells.dispatch.ring })
  lookAtDisk(desk)
  lookAtRoom(desk)
  const listed = await listFurtherReports(desk)
  const rang = await tick(desk)
  const isNews = released || listed || rang
  if (isNews) bells.dispatch.ring()
  return isNews
}

function ringDone({ bells }: Run): void {
  bells.dispatch.ring()
  bells.handled.ring()
  bells.duties.ring()
}

async function workOnce(run: Run, lane: Lane): Promise<void> {
  const { desk, bells, handler, signal } = run
  const done = (): void => ringDone(run)
  if ((await patiently(desk, () => handler.handle(lane, signal, done))) > 0) return
  await bells.lanes[lane].wait(waitMs(desk, [handler.nextAt(lane)]), signal)
}

async function dutiesOnce(run: Run): Promise<void> {
  const { desk, bells, signal } = run
  if (await patiently(desk, () => doDuties(run))) return
  const next = desk.db.read((read) => [notices.nextReleaseAt(read), looks.nextAt(read)])
  const ms = waitMs(desk, next)
  await createBell().wait(Math.min(ms, GATHERED_MS), signal)
  await bells.duties.wait(ms - GATHERED_MS, signal)
}

/** On a clock that is far ahead the desk's own key looks expired. It must run on, to see the clock set right (G7, G9). */
async function patiently<T>(desk: Desk, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isClocks = error instanceof Trouble && error.code === 'desk-key'
    if (!isClocks || desk.db.read(events.openDoubt) === null) throw error
    throw new Trouble(error.code, error.message, { retryable: true, cause: error })
  }
}

async function dispatchOnce({ desk, bells, signal }: Run, dispatcher: Dispatcher): Promise<void> {
  if (await dispatcher.step()) {
    // Not at each message: a round of duties looks at all copies of a release.
    if (dispatcher.inFlight() === 0) bells.duties.ring()
    return
  }
  const now = desk.clock.now()
  // What is due and was not claimed waits for what is being sent, or for the server.
  const isWaiting = dispatcher.inFlight() > 0 || dispatcher.isFull()
  const next = desk.db.read((read) => outbox.nextDueAt(read, now, isWaiting ? now : ''))
  const ms = waitMs(desk, [next])
  await bells.dispatch.wait(dispatcher.isFull() ? Math.min(ms, FULL_MS) : ms, signal)
}

/** Until the earliest of these instants, at most a minute: the clock may be set while we sleep. */
function waitMs(desk: Desk, instants: readonly (Instant | null)[]): number {
  const now = desk.clock.now()
  const waits = instants.flatMap((at) => (at === null ? [] : [Math.max(msBetween(now, at), 0)]))
  // Due work that is not done has failed; it is tried again a little later, not at once.
  return Math.min(WAIT_MS_MAX, ...waits.map((ms) => Math.max(ms, 20)))
}
