/**
 * The real clock, randomness and ticks: the only file that reads the time and the boot id of the machine. A tick only
 * wakes; due work is found by a query on rows, so nothing here has state and a missed tick loses nothing.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { createTask } from 'node-cron'
import { type Instant, instantFromMs, msOf } from '../domain/time.ts'
import { type Clock, type Randomness } from './effects.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/** Stands for the boot id where the machine has none, so that every process counts as another start of it. */
const PROCESS = randomBytes(16).toString('hex')
const CLOCK_LOOK_MS = 10_000

/** Wall clock of the machine and a monotonic clock. */
export const systemClock: Clock = {
  now: () => instantFromMs(Date.now()),
  monotonicMs: () => performance.now(),
  // CLOCK_BOOTTIME.
  bootMs: () => uptime() * 1000,
  bootId
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return `process ${PROCESS}`
  }
}

/** Randomness of the operating system. `below` takes limits from 1 to 2^48 - 1. */
export const systemRandomness: Randomness = {
  token: (length) => Array.from(randomBytes(length), (byte) => ALPHABET.charAt(byte & 31)).join(''),
  below: (limit) => randomInt(limit)
}

/**
 * Calls `onTick` at every match of `expression` in the IANA zone `timezone` until disposed. One call makes up for all matches
 * missed while the event loop was blocked, the machine slept or the clock was set forward; setting the clock back also causes a
 * call. `onTick` must not throw: it only wakes a loop.
 */
export function startTicks(expression: string, timezone: string, onTick: () => void): Disposable {
  // node-cron computes the times; its own timers would be silent for an hour after the clock is set back, and would visit every
  // minute of a year after it is set forward.
  const nextMs = (): number => nextTicks(expression, timezone).map(msOf)[0] ?? Infinity
  const stop = new AbortController()
  void tick()
  return { [Symbol.dispose]: () => stop.abort() }

  async function tick(): Promise<void> {
    for (let [next, last] = [nextMs(), Date.now()]; ; ) {
      const ms = Math.min(next - Date.now(), CLOCK_LOOK_MS)
      await delay(ms, undefined, { signal: stop.signal }).catch(() => undefined)
      if (stop.signal.aborted) return
      const now = Date.now()
      const isDue = now >= next || now < last
      last = now
      if (!isDue) continue
      next = nextMs()
      onTick()
    }
  }
}

/** The first matches of `expression` after now, in the IANA zone `timezone`; none when it never matches. */
export function nextTicks(expression: string, timezone: string): Instant[] {
  const plan = createTask(expression, () => undefined, { timezone })
  const next = plan.getNextRuns(3)
  void plan.destroy()
  return next.map((date) => instantFromMs(date.getTime()))
}
