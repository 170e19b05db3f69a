/**
 * The life of the daemon: three loops that sleep on bells and read from the database what there is to do. Intake talks to
 * IMAP, work decides and commits, dispatch talks to SMTP; none waits for another. Trouble is met with backoff here and
 * nowhere else.
 */

import { type Instant, msBetween } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Mailbox } from '../effects/effects.ts'
import { errorName } from '../effects/events.ts'
import { type Generation, nextTryAt } from '../store/arrivals.ts'
import { nextReleaseAt } from '../store/notices.ts'
import { nextDueAt } from '../store/outbox.ts'
import { type Desk, type Edges } from './desk.ts'
import { createDispatcher, type Dispatcher } from './dispatch.ts'
import { type FetchFailures, moveHandled, takeIn } from './intake.ts'
import { releaseDue } from './release.ts'
import { type Bell, createBell } from './wake.ts'
import { type ClockWatch, tellGivenUp, watchClock } from './watch.ts'
import { handlePending } from './work.ts'

/** IDLE wakes the intake; without any news it lists again at least this often. */
const LIST_AGAIN_MS = 5 * 60_000
const BACKOFF_MS_MAX = 60_000
const WAIT_MS_MAX = 60_000

export type Bells = {
  readonly intake: Bell
  readonly work: Bell
  readonly dispatch: Bell
  readonly all: () => void
}

/** Where the daemon's loops wake each other; `all` is what node-cron rings. */
export function createBells(): Bells {
  const [intake, work, dispatch] = [createBell(), createBell(), createBell()]
  const all = (): void => {
    for (const bell of [intake, work, dispatch]) bell.ring()
  }
  return { intake, work, dispatch, all }
}

/** What the work remembers between its rounds. */
type Watches = { readonly clock: ClockWatch; readonly failures: Map<number, number> }

function watch(desk: Desk): Watches {
  return { clock: watchClock(desk), failures: new Map() }
}

/** Runs until `signal` is aborted, then ends after the step at hand. Throws trouble that no waiting can mend. */
export async function runLoops(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  signal: AbortSignal
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const watches = watch(desk)
  const dispatcher = createDispatcher(desk, edges.sender, {
    signal: either,
    ended: bells.dispatch.ring
  })
  const loops = [
    intakeLoop(desk, edges, bells, either),
    persist(desk, 'work', either, () => workOnce(desk, bells, watches, either)),
    persist(desk, 'dispatch', either, () => dispatchOnce(desk, dispatcher, bells, either))
  ]
  try {
    await Promise.all(loops)
  } finally {
    failed.abort()
    await Promise.allSettled(loops)
    await dispatcher.end()
  }
}

/**
 * Handles all that waits and all that is due, sends it and returns (`postern run --once`). An inbox that cannot be reached
 * keeps nothing else from being done; it is thrown at the end.
 */
export async function runOnce(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  const inbox = await edges.openMailbox().catch((error: unknown) => ({ error }))
  const mailbox = 'error' in inbox ? null : inbox
  try {
    const generation =
      mailbox === null
        ? null
        : await takeIn(desk, mailbox, {
            inbox: edges.inbox,
            signal,
            stored: nothing,
            failures: new Map()
          })
    await settleOnce(desk, edges, signal)
    if (mailbox !== null && generation !== null) await moveHandled(desk, mailbox, generation)
  } finally {
    await mailbox?.close()
  }
  if ('error' in inbox) throw inbox.error
}

/** Works and sends until nothing is left that `--once` waits for. */
async function settleOnce(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  const bells = createBells()
  const watches = watch(desk)
  const dispatcher = createDispatcher(desk, edges.sender, { signal, ended: bells.work.ring })
  try {
    while (!signal.aborted) {
      const worked = await workAll(desk, bells, watches, signal)
      const sent = dispatcher.step()
      if (worked || sent) continue
      const wait = dispatcher.inFlight() > 0 ? WAIT_MS_MAX : firstAttemptsMs(desk)
      if (wait === null) break
      await bells.work.wait(wait, signal)
    }
  } finally {
    await dispatcher.end()
  }
}

/** Milliseconds until the next thing that `--once` still waits for: a delayed acknowledgement or a retried arrival. */
function firstAttemptsMs(desk: Desk): number | null {
  const now = desk.clock.now()
  const { due, retry } = desk.db.read((read) => ({ due: nextDueAt(read), retry: nextTryAt(read) }))
  const jitterEnd = desk.settings.acknowledgement.jitterMsMax + 1000
  const waits = [due, retry].flatMap((at) => {
    const ms = at === null ? null : msBetween(now, at)
    return ms !== null && ms <= jitterEnd ? [Math.max(ms, 1)] : []
  })
  return waits.length === 0 ? null : Math.min(...waits)
}

async function workAll(
  desk: Desk,
  bells: Bells,
  watches: Watches,
  signal: AbortSignal
): Promise<boolean> {
  watches.clock.look()
  const released = await releaseDue(desk, {
    isClockTrusted: () => {
      watches.clock.look()
      return watches.clock.isTrusted()
    },
    failures: watches.failures,
    signal,
    queued: bells.dispatch.ring
  })
  const told = await tellGivenUp(desk)
  const handled = await handlePending(desk, signal, () => {
    bells.dispatch.ring()
    bells.intake.ring()
  })
  if (released || told) bells.dispatch.ring()
  return released || told || handled > 0
}

async function workOnce(
  desk: Desk,
  bells: Bells,
  watches: Watches,
  signal: AbortSignal
): Promise<void> {
  if (await workAll(desk, bells, watches, signal)) return
  const next = desk.db.read((read) => [nextReleaseAt(read), nextTryAt(read)])
  await bells.work.wait(waitMs(desk, next), signal)
}

async function dispatchOnce(
  desk: Desk,
  dispatcher: Dispatcher,
  bells: Bells,
  signal: AbortSignal
): Promise<void> {
  if (dispatcher.step()) {
    // A mail given up is told by the worker.
    bells.work.ring()
    return
  }
  const next = dispatcher.inFlight() > 0 ? [] : [desk.db.read(nextDueAt)]
  await bells.dispatch.wait(waitMs(desk, next), signal)
}

/** Until the earliest of these instants, at most a minute: the clock may be set while we sleep. */
function waitMs(desk: Desk, instants: readonly (Instant | null)[]): number {
  const now = desk.clock.now()
  const waits = instants.flatMap((at) => (at === null ? [] : [Math.max(msBetween(now, at), 0)]))
  // What is due and was not done has failed; it is tried again a little later, not at once.
  return Math.min(WAIT_MS_MAX, ...waits.map((ms) => Math.max(ms, 20)))
}

async function intakeLoop(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  signal: AbortSignal
): Promise<void> {
  let losses = 0
  const failures: FetchFailures = new Map()
  while (!signal.aborted) {
    try {
      const mailbox = await edges.openMailbox()
      try {
        await useMailbox(desk, edges, bells, {
          mailbox,
          failures,
          signal,
          worked: () => (losses = 0)
        })
      } finally {
        await mailbox.close()
      }
    } catch (error) {
      if (isStopped(signal)) return
      losses += 1
      const retryInMs = backoffMs(desk, losses)
      reportLoss(desk, error, retryInMs)
      // Not on the bell of the intake: every handled mail rings it, and the server would be hammered.
      await createBell().wait(retryInMs, signal)
    }
  }
}

/** A lost connection is everyday life; trouble with the database or a bug is said by its own name. */
function reportLoss(desk: Desk, error: unknown, retryInMs: number): void {
  if (!(error instanceof Trouble)) {
    desk.log({ event: 'bug', where: 'intake', error: errorName(error) })
  } else if (error.code.startsWith('imap')) {
    desk.log({ event: 'imap.lost', code: error.code, retryInMs })
  } else {
    if (!error.retryable) throw error
    desk.log({ event: 'trouble', code: error.code, where: 'intake', retryInMs })
  }
}

/** Lists, stores, moves and waits on one connection until it breaks or the desk stops. */
async function useMailbox(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  use: {
    readonly mailbox: Mailbox
    readonly failures: FetchFailures
    readonly signal: AbortSignal
    readonly worked: () => void
  }
): Promise<void> {
  const { mailbox, signal } = use
  while (!signal.aborted) {
    const generation = await takeIn(desk, mailbox, {
      inbox: edges.inbox,
      signal,
      stored: bells.work.ring,
      failures: use.failures
    })
    await moveHandled(desk, mailbox, generation)
    use.worked()
    await waitForMail(desk, bells, mailbox, { generation, signal })
  }
}

/** Sleeps until the server announces mail, a handled mail has to be moved, or it is time to list again. */
async function waitForMail(
  desk: Desk,
  bells: Bells,
  mailbox: Mailbox,
  options: { readonly generation: Generation; readonly signal: AbortSignal }
): Promise<void> {
  const rung = new AbortController()
  const either = AbortSignal.any([options.signal, rung.signal])
  const bell = bells.intake.wait(LIST_AGAIN_MS, either)
  const news = mailbox.waitForChange(LIST_AGAIN_MS, either)
  try {
    await Promise.race([bell, news])
  } finally {
    rung.abort()
    await Promise.allSettled([bell, news])
  }
  await news
  await moveHandled(desk, mailbox, options.generation)
}

/**
 * Repeats `step`. Trouble that may pass, and a bug, are logged and met with a growing pause, so that one loop's bug does not
 * stop the others (G9); trouble that no waiting mends is thrown.
 */
async function persist(
  desk: Desk,
  where: string,
  signal: AbortSignal,
  step: () => Promise<void>
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    try {
      await step()
      failures = 0
    } catch (error) {
      if (error instanceof Trouble && !error.retryable) throw error
      if (isStopped(signal)) return
      failures += 1
      const retryInMs = backoffMs(desk, failures)
      if (error instanceof Trouble)
        desk.log({ event: 'trouble', code: error.code, where, retryInMs })
      else desk.log({ event: 'bug', where, error: errorName(error) })
      await createBell().wait(retryInMs, signal)
    }
  }
}

function backoffMs(desk: Desk, failures: number): number {
  const ceiling = Math.min(1000 * 2 ** Math.min(failures - 1, 16), BACKOFF_MS_MAX)
  return Math.trunc(ceiling / 2) + desk.randomness.below(Math.trunc(ceiling / 2) + 1)
}

function nothing(): void {
  // `--once` has nobody to wake.
}

/** Asked anew after every wait: the compiler would take the first answer for the last. */
function isStopped(signal: AbortSignal): boolean {
  return signal.aborted
}
