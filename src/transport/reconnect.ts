/** When to try a lost connection again: exponential backoff with full jitter. Pure; the caller sleeps. */
import { type Randomness } from '../effects/effects.ts'

const FIRST_MS = 1000
const LONGEST_MS = 300_000

/**
 * Milliseconds to wait after `attempts` failures in a row (1…): a random time up to a ceiling that starts at 1 s, doubles,
 * and ends at 5 min; never under 1 s, so that a server that refuses at once is not hammered.
 */
export function reconnectDelayMs(attempts: number, randomness: Pick<Randomness, 'below'>): number {
  const doublings = Math.min(Math.max(Math.trunc(attempts) - 1, 0), 16)
  const ceiling = Math.min(FIRST_MS * 2 ** doublings, LONGEST_MS)
  return Math.max(FIRST_MS, randomness.below(ceiling + 1))
}
