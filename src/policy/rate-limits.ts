/**
 * When one more automatic answer may leave: the earliest instant at which no hour holds more than its allowance, for all
 * limits at once (RFC 3834 §2, mail.md §2.20). A delayed answer counts in the hour in which it leaves. Pure arithmetic.
 */
import { addMs, HOUR_MS, type Instant, msBetween } from '../domain/time.ts'

/** One limit: when its answers left or will leave, in any order, and how many of them an hour may hold. */
export type Allowance = { readonly taken: readonly Instant[]; readonly perHour: number }

/** How many answers of a limit are looked at. If more wait, none has room in time. */
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
    // Milliseconds after `from`.
    at: taken.map((instant) => msBetween(from, instant))
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

/** Whether one more at `ms` leaves every hour around it with at most `most`. */
function hasRoom(at: readonly number[], most: number, ms: number): boolean {
  const near = at.filter((one) => Math.abs(one - ms) < HOUR_MS)
  return [...near, ms]
    .toSorted((a, b) => a - b)
    .every((first, index, all) => (all[index + most] ?? Infinity) - first >= HOUR_MS)
}
