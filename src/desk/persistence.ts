/**
 * How the desk's loops sleep and how they meet trouble. They sleep on bells, which carry no work: each loop reads its work from
 * the database, so a repeated or lost ring changes nothing. After trouble they pause longer each time and continue. Tells
 * temporary trouble from trouble that waiting cannot solve; must never hide the latter.
 */
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { type Desk } from './desk.ts'

export type Bell = {
  readonly ring: () => void
  /** Sleeps until rung, aborted or `timeoutMs` have passed; a ring from before counts once. */
  readonly wait: (timeoutMs: number, signal: AbortSignal) => Promise<void>
}

export function createBell(): Bell {
  let isRung = false
  let wakers: (() => void)[] = []
  return {
    ring: () => {
      isRung = true
      for (const wake of wakers) wake()
    },
    wait: (timeoutMs, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          signal.removeEventListener('abort', done)
          wakers = wakers.filter((wake) => wake !== done)
          isRung = false
          resolve()
        }
        const timer = setTimeout(done, Math.max(timeoutMs, 0))
        signal.addEventListener('abort', done, { once: true })
        wakers.push(done)
        if (isRung || signal.aborted) done()
      })
  }
}

/** Where the daemon's loops wake each other. */
export type Bells = {
  /** The whole inbox must be listed. */
  readonly intake: Bell
  /** Messages were processed and can be moved. */
  readonly handled: Bell
  readonly work: Bell
  readonly dispatch: Bell
}

export function createBells(): Bells {
  const [intake, handled] = [createBell(), createBell()]
  return { intake, handled, work: createBell(), dispatch: createBell() }
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

/** What loops do about an error. A mail server is waited for, whatever it says. */
export function judgeError(desk: Desk, where: string): Judge {
  return (error, retryInMs) => {
    if (!(error instanceof Trouble)) {
      desk.log({ event: 'bug', where, error: errorName(error) })
      return retryInMs
    }
    const { code, message: says, retryable } = error
    if (!code.startsWith('imap')) {
      if (!retryable) throw error
      desk.log({ event: 'trouble', code, where, retryInMs })
    } else if (where === 'intake') desk.log({ event: 'imap.lost', code, says, retryInMs })
    else desk.log({ event: 'trouble', code, where, says, retryInMs })
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
