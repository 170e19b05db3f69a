/**
 * The real clock, randomness, ticks and sleep: the only file that reads the time. A tick only wakes; what is due is a
 * query on rows, so nothing here remembers anything and a missed tick loses nothing.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { schedule, validate } from 'node-cron'
import { instantFromMs } from '../domain/time.ts'
import { type Clock, type Randomness } from './effects.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const LONGEST_TIMER_MS = 2_147_483_647
/** How often the ticks look whether the wall clock was set back. */
const CLOCK_LOOK_MS = 10_000
const SILENT = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  debug: () => undefined
}

/** Wall clock of the machine and a monotonic clock. */
export const systemClock: Clock = {
  now: () => instantFromMs(Date.now()),
  monotonicMs: () => performance.now()
}

/** Randomness of the operating system. `below` takes limits from 1 to 2^48 - 1. */
export const systemRandomness: Randomness = {
  token: (length) => Array.from(randomBytes(length), (byte) => ALPHABET.charAt(byte & 31)).join(''),
  below: (limit) => randomInt(limit)
}

/** Whether `text` is a five- or six-field cron expression that {@link startTicks} takes. */
export function isCronExpression(text: string): boolean {
  return validate(text)
}

/**
 * Calls `onTick` at every match of `expression` in the IANA zone `timezone` until disposed. A tick that fell while the
 * event loop was blocked is made up for by one call. `onTick` must not throw: it only wakes a loop.
 */
export function startTicks(expression: string, timezone: string, onTick: () => void): Disposable {
  const begin = (): ReturnType<typeof schedule> => {
    const task = schedule(expression, onTick, {
      timezone,
      noOverlap: true,
      logger: SILENT,
      suppressMissedWarning: true
    })
    task.on('execution:missed', onTick)
    return task
  }
  let task = begin()
  let last = Date.now()
  // node-cron plans from the wall clock: set back by an hour, it would stay silent for that hour.
  const watch = setInterval(() => {
    const now = Date.now()
    const isSetBack = now < last
    last = now
    if (!isSetBack) return
    void task.destroy()
    task = begin()
    onTick()
  }, CLOCK_LOOK_MS)
  watch.unref()
  return {
    [Symbol.dispose]() {
      clearInterval(watch)
      void task.destroy()
    }
  }
}

/** Resolves after `ms` milliseconds (at most 24.8 days) or as soon as `signal` is aborted; never rejects. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    signal.addEventListener('abort', done)
  })
}
