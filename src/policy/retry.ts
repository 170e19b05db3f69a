/**
 * When a deferred mail is tried again and when the desk gives up (RFC 5321 §4.5.4.1). Pure: attempts in, delay out.
 */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Delay after the n-th attempt. The sum is just below 48 hours; then a human is told. */
const LADDER_MS = [
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  8 * HOUR,
  8 * HOUR,
  8 * HOUR,
  8 * HOUR
] as const

/** No attempt is ever planned further ahead than this. */
export const RETRY_DELAY_MS_MAX = 8 * HOUR

/** Milliseconds from attempt `attempts` (1…) to the next one; null when it was the last. */
export function nextAttemptMs(attempts: number): number | null {
  return LADDER_MS[attempts - 1] ?? null
}
