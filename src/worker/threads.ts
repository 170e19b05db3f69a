/**
 * Schedules tasks over worker threads: first come, first served, one task a thread. A task that exceeds its time or memory
 * loses only its own thread, and another thread is started for the next task (G9). Must never look into a task.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Log } from '../effects/effects.ts'
import { type TaskAnswer, type TaskCall, type TaskName } from './calls.ts'
import { Thread, type ThreadOptions } from './thread.ts'

/** Limits of the threads. */
export type ThreadsOptions = ThreadOptions & {
  /** Called for every thread that was terminated or died. */
  readonly onEvent: Log
  /** Most threads, and so most tasks at a time. */
  readonly most: number
  /** Time limit for one task in milliseconds, without waiting. */
  readonly taskMs: number
  /** Milliseconds until an idle thread is terminated to free its memory. */
  readonly idleMs: number
}

type Waiting = {
  readonly take: (thread: Thread) => void
  readonly refuse: (error: unknown) => void
}

/** Shortest time limit for a thread to start and unlock the keys: this does not depend on any message. */
const START_MS_MIN = 60_000
/** When no thread runs, waiting tasks are refused after this many failed starts. */
const START_TRIES = 3
const START_PAUSE_MS = 500

export class Threads {
  private readonly options: ThreadsOptions
  private readonly waiting: Waiting[] = []
  /** Threads that have started. */
  private readonly running = new Set<Thread>()
  /** Threads without work, the most recently used one last. */
  private readonly idle = new Map<Thread, NodeJS.Timeout>()
  private readonly starts = new Set<Promise<void>>()
  private readonly closing = new AbortController()

  constructor(options: ThreadsOptions) {
    this.options = options
  }

  /** Resolves when a first thread runs. Throws the reason when none can be started. */
  async begin(): Promise<void> {
    this.release(await this.take())
  }

  /** The result of `call`. Throws its trouble; `worker-limit` or `worker-crash` when its thread ended. */
  async run(call: TaskCall): Promise<unknown> {
    const thread = await this.take()
    try {
      return valueOf(await this.reported(call.name, () => thread.call(call, this.options.taskMs)))
    } finally {
      this.release(thread)
    }
  }

  /** Terminates all threads. Refuses running, waiting and later tasks with {@link Trouble} `stopping`. */
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
      this.dispatch()
    })
  }

  /** After each change: gives idle threads to waiting tasks, and starts a thread for a task that still waits. */
  private dispatch(): void {
    for (const thread of [...this.idle.keys()].reverse()) {
      const next = this.waiting.shift()
      if (next === undefined) return
      this.wake(thread)
      next.take(thread)
    }
    const isRoom = this.running.size + this.starts.size < this.options.most
    if (isRoom && this.waiting.length > this.starts.size) this.startOne()
  }

  /** Returns a thread whose task has ended; a terminated thread is no longer in `running`. */
  private release(thread: Thread): void {
    if (!this.running.has(thread)) return
    const timer = setTimeout(() => {
      this.wake(thread)
      void thread.end()
    }, this.options.idleMs)
    this.idle.set(thread, timer.unref())
    this.dispatch()
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
        this.release(thread)
      },
      (error: unknown) => {
        this.starts.delete(start)
        // No other thread could run them.
        if (this.running.size === 0) for (const { refuse } of this.waiting.splice(0)) refuse(error)
      }
    )
    this.starts.add(start)
    this.dispatch()
  }

  private ended(thread: Thread): void {
    const { onEvent } = this.options
    if (this.idle.has(thread) && !this.closing.signal.aborted)
      onEvent({ event: 'worker.killed', task: 'idle', code: 'worker-crash' })
    this.wake(thread)
    this.running.delete(thread)
    this.dispatch()
  }

  /** Starts a thread; when it dies during its start, tries again after a pause. */
  private async started(): Promise<Thread> {
    const { signal } = this.closing
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.reported('start', () => this.tryStart(signal))
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

  /** Logs the end of one thread; when all are being closed, no task is blamed. */
  private async reported<T>(task: TaskName | 'start', work: () => Promise<T>): Promise<T> {
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
