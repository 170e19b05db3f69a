/**
 * The bells that loops sleep on. Events only ring them: each loop reads its work from the database, so a repeated or lost ring
 * changes nothing. Must never carry work.
 */

export type Bell = {
  readonly ring: () => void
  /** Sleeps until rung, aborted or `timeoutMs` have passed; a ring from before counts once. */
  readonly wait: (timeoutMs: number, signal: AbortSignal) => Promise<void>
}

/** Longest sleep: setTimeout overflows above 2^31 ms, and no loop may rely on one ring. */
const SLEEP_MS_MAX = 10 * 60_000

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
        const timer = setTimeout(done, Math.min(Math.max(timeoutMs, 0), SLEEP_MS_MAX))
        signal.addEventListener('abort', done, { once: true })
        wakers.push(done)
        if (isRung || signal.aborted) done()
      })
  }
}

export type Bells = {
  /** The whole inbox must be listed. */
  readonly intake: Bell
  /** Messages were processed and can be moved. */
  readonly handled: Bell
  readonly work: Bell
  readonly dispatch: Bell
  readonly all: () => void
}

/** Where the daemon's loops wake each other; `all` is what node-cron rings. */
export function createBells(): Bells {
  const [intake, handled] = [createBell(), createBell()]
  const [work, dispatch] = [createBell(), createBell()]
  const all = (): void => {
    for (const bell of [intake, work, dispatch]) bell.ring()
  }
  return { intake, handled, work, dispatch, all }
}

/** Resolves when `signal` is aborted, at once if it is. */
export function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve()
    if (signal.aborted) done()
    else signal.addEventListener('abort', done, { once: true })
  })
}
