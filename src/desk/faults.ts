/**
 * How the desk meets trouble and how its loops sleep. Tells the cause of an error: the outside world (database, disk,
 * network, stopping), after which a loop pauses longer each time and goes on, unless waiting mends nothing; or the item at
 * hand (a bug that it triggers, a worker that dies of it), which is put on the record and never stops the others. Loops
 * sleep on bells, which carry no work: each reads its work from the database, so a repeated or lost ring changes nothing.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { DAY_MS, msBetween } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { latestOfKinds } from '../store/events.ts'
import { record } from './commit.ts'
import { type Desk } from './desk.ts'

/** At most this many failures a day are put on the record: one bug can affect every case. */
const FAILURES_A_DAY = 20

const OF_ONE_THING = ['worker-limit', 'worker-crash', 'desk-fault']

/** Whether the error is about the item at hand, whoever caused it, so that the next one may well succeed (G9). */
export function isOfOneThing(error: unknown): boolean {
  return !(error instanceof Trouble) || OF_ONE_THING.includes(error.code)
}

/**
 * Does what concerns one thing. A bug at it stops nothing else (G9): it is in the log each time, and on the record once a
 * day. Null when it failed.
 */
export async function attempt<T>(
  desk: Desk,
  { where, at }: { readonly where: string; readonly at: string },
  work: () => T | Promise<T>
): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    noteFailure(desk, where, at, error)
    return null
  }
}

/** Puts an error at one thing into the log, and on the record once a day; throws any other. */
export function noteFailure(desk: Desk, where: string, at: string, error: unknown): void {
  if (!isOfOneThing(error)) throw error
  const name = errorName(error)
  desk.log({ event: 'bug', where, error: name })
  const now = desk.clock.now()
  desk.db.transact((tx) => {
    const today = latestOfKinds(tx, DESK, ['desk-failed'], FAILURES_A_DAY).filter(
      (one) => Math.abs(msBetween(one.at, now)) < DAY_MS
    )
    if (today.length >= FAILURES_A_DAY || today.some(({ about }) => about.at === at)) return
    record(tx, event('desk-failed', DESK, BY_DESK, { at, error: name }), { now })
  })
}

export function createBell() {
  let isRung = false
  const sleepers = new Set<() => void>()
  return {
    ring: (): void => {
      isRung = sleepers.size === 0
      for (const wake of sleepers) wake()
    },
    /** Sleeps until rung, aborted or `timeoutMs` have passed; a ring from before counts once. */
    wait: (timeoutMs: number, signal: AbortSignal): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(wake, timeoutMs)
        function wake(): void {
          clearTimeout(timer)
          signal.removeEventListener('abort', wake)
          sleepers.delete(wake)
          resolve()
        }
        signal.addEventListener('abort', wake, { once: true })
        sleepers.add(wake)
        if (signal.aborted || isRung) wake()
        if (!signal.aborted) isRung = false
      })
  }
}

export type Bells = ReturnType<typeof createBells>

/**
 * Where the loops wake each other. `intake`: the whole inbox must be listed. `handled`: processed messages can be moved.
 * `duties`: something may be due. `work` rings in both lanes.
 */
export function createBells() {
  const [intake, handled, duties] = [createBell(), createBell(), createBell()]
  const lanes = { known: createBell(), strangers: createBell() }
  const work = {
    ring: (): void => {
      for (const lane of Object.values(lanes)) lane.ring()
    }
  }
  return { intake, handled, duties, lanes, work, dispatch: createBell() }
}

const BACKOFF_MS_MAX = 60_000

/** Logs an error and returns for how many milliseconds to pause; throws trouble that waiting cannot solve. */
export type Judge = (error: unknown, retryInMs: number) => number

/**
 * Repeats `step` until `signal` is aborted, and pauses longer after each failure in a row, so that one loop's bug does not stop
 * the others (G9). A step that goes on for long calls `worked` when it did something; then the count begins anew.
 */
export async function persist(
  desk: Desk,
  signal: AbortSignal,
  step: (worked: () => void) => Promise<void>,
  judge: Judge
): Promise<void> {
  let failures = 0
  const worked = (): void => {
    failures = 0
  }
  while (!signal.aborted) {
    try {
      await step(worked)
      worked()
    } catch (error) {
      const isFinal = error instanceof Trouble && !error.retryable
      if (isStopped(signal) && !isFinal) return
      failures += 1
      // Not on a bell of the loop: work rings those all the time, and a server that is down would be flooded.
      await createBell().wait(judge(error, backoffMs(desk, failures)), signal)
    }
  }
}

/** Logs an error of a loop and lets the loop go on. Waits for the IMAP server whatever it says; other final trouble is thrown. */
export function judgeError(desk: Desk, where: string): Judge {
  return (error, retryInMs) => {
    if (!(error instanceof Trouble)) {
      desk.log({ event: 'bug', where, error: errorName(error) })
      return retryInMs
    }
    const { code, message: says, retryable } = error
    if (!retryable && !code.startsWith('imap')) throw error
    desk.log({ event: 'trouble', code, where, says, retryInMs })
    return retryInMs
  }
}

/** The pause after this many failures in a row, at least 1: doubled each time up to a minute, half of it random. */
function backoffMs(desk: Desk, failures: number): number {
  const ceiling = Math.min(1000 * 2 ** Math.min(failures - 1, 16), BACKOFF_MS_MAX)
  return Math.trunc(ceiling / 2) + desk.randomness.below(Math.trunc(ceiling / 2) + 1)
}

/** Read again after every wait, because the compiler would assume the first answer. */
export function isStopped(signal: AbortSignal): boolean {
  return signal.aborted
}
