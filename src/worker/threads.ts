/**
 * Schedules tasks over worker threads: first come, first served, one task a thread. A task over its time or memory loses that
 * thread and nothing else, and another thread is started for the next task (G9). Must never look into a task.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Log } from '../effects/effects.ts'
import { type TaskAnswer, type TaskCall, type TaskName } from './calls.ts'
import { Thread, type ThreadOptions } from './thread.ts'

/** How many, how large, how long. */
export type ThreadsOptions = ThreadOptions & {
  /** Told of every thread that was ended or died. */
  readonly onEvent: Log
  /** Threads, and so tasks at a time, at most. */
  readonly most: number
  /** Time for one task in milliseconds, waiting not counted. */
  readonly taskMs: number
  /** Milliseconds after which a thread without work is ended and its memory given back. */
  readonly idleMs: number
}

type Waiting = {
  readonly take: (thread: Thread) => void
  readonly refuse: (error: unknown) => void
}

/** Time for a thread to start and unlock the keys, at least: no message has a part in it. */
const START_MS_MIN = 60_000
/** Where no thread runs, those who wait are refused after this many starts that died. */
const START_TRIES = 3
const START_PAUSE_MS = 500

export class Threads {
  private readonly options: ThreadsOptions
  private readonly waiting: Waiting[] = []
  /** Those that have started. */
  private readonly running = new Set<Thread>()
  /** Those of them without work, the one that worked last at the end. */
  private readonly idle = new Map<Thread, NodeJS.Timeout>()
  private readonly starts = new Set<Promise<void>>()
  private readonly closing = new AbortController()

  constructor(options: ThreadsOptions) {
    this.options = options
  }

  /** Resolves when a first thread runs. Throws the reason when none can be started. */
  async begin(): Promise<void> {
    this.rest(await this.take())
  }

  /** What `call` answers. Throws its trouble; `worker-limit` or `worker-crash` when its thread came to an end. */
  async run(call: TaskCall): Promise<unknown> {
    const thread = await this.take()
    try {
      return valueOf(await this.told(call.name, () => thread.call(call, this.options.taskMs)))
    } finally {
      this.rest(thread)
    }
  }

  /** Ends all threads. Tasks that run, wait or come later are refused with {@link Trouble} `stopping`. */
  async close(): Promise<void> {
    this.closing.abort()
    for (const { refuse } of this.waiting.splice(0)) refuse(stopping())
    await Promise.all([...this.running].map((thread) => thread.end()))
    await Promise.all(this.starts)
  }

  private take(): Promise<Thread> {
    return new Promise((take, refuse) => {
      if (this.closing.signal.aborted) refuse(stopping())
      else this.waiting.push({ take, refuse })
      this.serve()
    })
  }

  /** After each change: hands out threads without work, and starts one for a task that still waits. */
  private serve(): void {
    for (const thread of [...this.idle.keys()].reverse()) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.wake(thread)
      next.take(thread)
    }
    const isRoom = this.running.size + this.starts.size < this.options.most
    if (isRoom && this.waiting.length > this.starts.size) this.startOne()
  }

  /** Its task has ended; a thread that ended with it is not running any more. */
  private rest(thread: Thread): void {
    if (!this.running.has(thread)) return
    const timer = setTimeout(() => {
      this.wake(thread)
      void thread.end()
    }, this.options.idleMs)
    this.idle.set(thread, timer.unref())
    this.serve()
  }

  private wake(thread: Thread): void {
    clearTimeout(this.idle.get(thread))
    this.idle.delete(thread)
  }

  private startOne(): void {
    const start = this.started().then(
      async (thread) => {
        this.starts.delete(start)
        if (this.closing.signal.aborted) return thread.end()
        this.running.add(thread)
        thread.onEnd = () => {
          this.ended(thread)
        }
        this.rest(thread)
      },
      (error: unknown) => {
        this.starts.delete(start)
        // Nobody else could serve them.
        if (this.running.size === 0) for (const { refuse } of this.waiting.splice(0)) refuse(error)
      }
    )
    this.starts.add(start)
    this.serve()
  }

  private ended(thread: Thread): void {
    const { onEvent } = this.options
    if (this.idle.has(thread) && !this.closing.signal.aborted)
      onEvent({ event: 'worker.killed', task: 'idle', code: 'worker-crash' })
    this.wake(thread)
    this.running.delete(thread)
    this.serve()
  }

  /** Starts a thread; one that dies of its start is tried again after a pause. */
  private async started(): Promise<Thread> {
    const { signal } = this.closing
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.told('start', () => this.tryStart(signal))
      } catch (error) {
        const isHopeless = tries >= START_TRIES || !isWorkerEnd(error)
        if (this.waiting.length === 0 || (isHopeless && this.running.size === 0)) throw error
        await delay(START_PAUSE_MS, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  private async tryStart(signal: AbortSignal): Promise<Thread> {
    if (signal.aborted) throw stopping()
    const thread = new Thread(this.options)
    const stop = (): void => void thread.end()
    signal.addEventListener('abort', stop)
    try {
      const answer = await thread.started(Math.max(this.options.taskMs, START_MS_MIN))
      if (answer.kind !== 'done') await thread.end()
      valueOf(answer)
      return thread
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** The end of one thread is logged; the end of all of them is the fault of none. */
  private async told<T>(task: TaskName | 'start', work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (this.closing.signal.aborted) throw stopping()
      if (isWorkerEnd(error))
        this.options.onEvent({ event: 'worker.killed', task, code: error.code })
      throw error
    }
  }
}

function valueOf(answer: TaskAnswer): unknown {
  switch (answer.kind) {
    case 'done':
      return answer.value
    case 'trouble':
      throw new Trouble(answer.code, answer.hint, { retryable: answer.retryable })
    case 'bug':
      throw new Invariant(`a worker task failed: ${answer.error}`)
  }
}

function stopping(): Trouble {
  return new Trouble('stopping', 'the workers are being stopped', { retryable: true })
}

function isWorkerEnd(
  error: unknown
): error is Trouble & { readonly code: 'worker-limit' | 'worker-crash' } {
  return (
    error instanceof Trouble && (error.code === 'worker-limit' || error.code === 'worker-crash')
  )
}
