/**
 * When one more automatic answer may leave: the earliest instant at which no hour holds more than its allowance, for all
 * limits at once (RFC 3834 §2, mail.md §2.20). Answers put off count in the hour that they leave in. Pure arithmetic.
 */
import { addMs, type Instant, msBetween } from '../domain/time.ts'

/** One limit: when its answers left or will leave, in any order, and how many of them an hour may hold. */
export type Allowance = { readonly taken: readonly Instant[]; readonly perHour: number }

const HOUR_MS = 3_600_000

/** So many are looked at. Where more wait, there is no room in time. */
export const TAKEN_MAX = 10_000

/** The earliest instant from `from` to `until` that all allowances have room at; null when there is none. */
export function earliestRoom(
  allowances: readonly Allowance[],
  from: Instant,
  until: Instant
): Instant | null {
  if (allowances.some(({ taken }) => taken.length >= TAKEN_MAX)) return null
  const limits = allowances.map(({ taken, perHour }) => ({
    perHour,
    // Milliseconds after `from`, in order.
    at: taken.map((instant) => msBetween(from, instant)).toSorted((a, b) => a - b)
  }))
  // Room only ever appears when an answer is an hour past.
  const candidates = [0, ...limits.flatMap(({ at }) => at.map((one) => one + HOUR_MS))]
  const lastMs = msBetween(from, until)
  for (const ms of candidates.toSorted((a, b) => a - b)) {
    if (ms < 0 || ms > lastMs) continue
    if (limits.every(({ at, perHour }) => hasRoom(at, perHour, ms))) return addMs(from, ms)
  }
  return null
}

/** Whether no hour around `ms` would hold more than `most` with one more in it. `at` is in order. */
function hasRoom(at: readonly number[], most: number, ms: number): boolean {
  const before = firstAbove(at, ms)
  // Every hour that could become too full has `ms` in it, so begins with one of the `most` before it.
  for (let begin = Math.max(0, before - most); begin <= before; begin += 1) {
    const first = begin === before ? ms : (at[begin] ?? ms)
    // One of the others is `ms` itself.
    const last = at[begin + most - 1] ?? Infinity
    if (Math.max(last, ms) - first < HOUR_MS) return false
  }
  return true
}

function firstAbove(at: readonly number[], ms: number): number {
  let [low, high] = [0, at.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((at[middle] ?? Infinity) <= ms) low = middle + 1
    else high = middle
  }
  return low
}
