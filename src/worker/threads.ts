/**
 * Which threads have started and unlocked the keys, and who has a turn on one. A thread takes up to a second to start, so
 * no task is given to one that has not while another will be free sooner, and behind a task that takes long one is kept
 * ready: if the thread of that task has to be ended, the next mail finds one (G9). Must never look into a task.
 */
import { createLanes, type Lane } from './lanes.ts'

/** What is known of a thread. */
type Thread = { readonly destroyed: boolean }
/** What the pool tells: `workerCreate` when a thread has started, `workerDestroy` when one ends, started or not. */
type PoolEvents = {
  on(event: 'workerCreate' | 'workerDestroy', listener: (thread: Thread) => void): unknown
}

/** Turns on threads that have started. */
export type Threads = {
  /**
   * Resolves with the function that ends the turn, to be called once. Rejects when they are closed, or with the reason
   * why no thread could be started.
   */
  enter(lane: Lane): Promise<() => void>
  /** Refuses everybody who waits and everybody who comes later, with an error made by `refusal`. */
  close(refusal: () => Error): void
}

/** A single mail is many short tasks: another thread is worth its start only to whom waits longer than this. */
const WAIT_MS = 100
/** Whoever takes longer than this may come to a bad end. No limit of time is below a second. */
const LONG_MS = 300

/** Turns for `most` tasks at a time. `start` resolves when some thread is idle, a new one where all others have work. */
export function createThreads(
  pool: PoolEvents,
  { most, start }: { readonly most: number; readonly start: () => Promise<unknown> }
): Threads {
  const lanes = createLanes(1)
  let started: Thread[] = []
  let starting: Promise<void> | null = null

  function resize(): void {
    // With none at all, whoever comes first starts one.
    lanes.resize(Math.min(most, Math.max(1, started.length)))
  }

  function startOne(): Promise<void> {
    starting ??= start()
      .then(() => undefined)
      .finally(() => {
        starting = null
        resize()
      })
    return starting
  }

  /** Only where all have work, and `atMost` so many. */
  function startAnother(atMost: number): void {
    if (lanes.taken() < started.length || started.length >= atMost) return
    // Whoever needs a thread and finds none meets the reason.
    startOne().catch(() => undefined)
  }

  pool.on('workerCreate', (thread) => {
    started.push(thread)
    // One that was just asked for has to answer first; a task given to it now would bring about another.
    if (starting === null) resize()
  })
  pool.on('workerDestroy', () => {
    started = started.filter(({ destroyed }) => !destroyed)
    resize()
  })

  async function turn(lane: Lane): Promise<() => void> {
    if (lane === 'bulk') startAnother(most)
    const waiting = setInterval(startAnother, WAIT_MS, most)
    try {
      return await lanes.enter(lane)
    } finally {
      clearInterval(waiting)
    }
  }

  return {
    enter: async (lane) => {
      const leave = await turn(lane)
      try {
        if (started.length === 0) await startOne()
      } catch (error) {
        leave()
        throw error
      }
      // Pieces of a large job are the desk's own work; the processors have better to do than to expect their end.
      const spare = lane === 'quick' ? setInterval(startAnother, LONG_MS, most + 1) : undefined
      return () => {
        clearInterval(spare)
        leave()
      }
    },
    close: (refusal) => {
      lanes.close(refusal)
    }
  }
}
