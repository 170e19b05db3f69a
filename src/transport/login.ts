/**
 * How often a refused login is tried again: soon, because a server may refuse for a moment, and then ever more rarely, because
 * servers ban who knocks with a wrong password. All connections to one account take turns, so that they count as one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Trouble } from '../domain/trouble.ts'

const SECOND = 1000
/** After the first refusal, the second, and so on; the last one for all that follow. */
const AGAIN_MS = [10, 300, 900, 3600].map((seconds) => seconds * SECOND)

/** Runs `connect`, one at a time, and not before it is time for another try. Throws what `connect` throws. */
export function patientLogin({
  monotonicMs,
  sleep = sleepFor
}: {
  readonly monotonicMs: () => number
  readonly sleep?: typeof sleepFor
}) {
  let refusals = 0
  let notBefore = 0
  let last: Promise<unknown> = Promise.resolve()

  async function attempt<T>(connect: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const ms = notBefore - monotonicMs()
    if (ms > 0 && refusals > 0) await sleep(ms, signal)
    try {
      const connected = await connect()
      refusals = 0
      return connected
    } catch (error) {
      if (error instanceof Trouble && error.code === 'imap-auth') {
        notBefore = monotonicMs() + (AGAIN_MS[refusals] ?? AGAIN_MS.at(-1) ?? 0)
        refusals = Math.min(refusals + 1, AGAIN_MS.length)
      }
      throw error
    }
  }
  return <T>(connect: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const mine = last.then(() => attempt(connect, signal))
    last = mine.catch(() => undefined)
    return mine
  }
}

/** Ends early when `signal` is aborted. */
async function sleepFor(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
