/**
 * How the desk's loops meet trouble: they pause longer each time and continue. Tells temporary trouble from trouble that
 * waiting cannot solve; must never hide the latter.
 */
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { type Desk } from './desk.ts'
import { createBell } from './wake.ts'

const BACKOFF_MS_MAX = 60_000

/**
 * Repeats `step`. Logs temporary trouble and bugs and pauses longer each time, so that one loop's bug does not stop the others
 * (G9); throws trouble that waiting cannot solve.
 */
export async function persist(
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

/** The pause after this many failures in a row, at least 1: doubled each time up to a minute, half of it random. */
export function backoffMs(desk: Desk, failures: number): number {
  const ceiling = Math.min(1000 * 2 ** Math.min(failures - 1, 16), BACKOFF_MS_MAX)
  return Math.trunc(ceiling / 2) + desk.randomness.below(Math.trunc(ceiling / 2) + 1)
}

/** Read again after every wait, because the compiler would assume the first answer. */
export function isStopped(signal: AbortSignal): boolean {
  return signal.aborted
}
