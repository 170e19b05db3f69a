/**
 * The worker threads behind {@link Workers}: first come, first served, one task a thread. A thread whose task exceeds its time or
 * memory is terminated, and another is started for the next task (G9). Loads neither the crypto nor the parsers, and must never
 * look into what it passes on: hostile bytes never meet the main thread. What crosses is plain data.
 */
import { Worker } from 'node:worker_threads'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Log, type Workers } from '../effects/effects.ts'
import type * as tasks from './tasks.ts'

const LIMITS = {
  /** Most tasks at a time, each in its own thread. */
  maxThreads: 2,
  /** JavaScript heap of one thread in MiB. Buffers are outside the heap; the message size limits them. */
  memoryMegabytes: 768,
  /** Time limit for one task in milliseconds, without waiting. */
  taskMs: 60_000,
  /** Milliseconds until an idle thread is terminated to free its memory. Starting one again takes up to a second. */
  idleMs: 30_000,
  /** The worker's entry file. */
  workerFile: new URL('./worker.js', import.meta.url)
}

export type WorkerOptions = Partial<typeof LIMITS> & {
  readonly start: tasks.WorkerStart
  /** Called for every worker that was terminated or died. */
  readonly onEvent: Log
}

/** Shortest time limit for a thread to start and unlock the keys: this does not depend on any message. */
const START_MS_MIN = 60_000

/**
 * Starts the pool and waits until a first worker has unlocked the desk's keys. Throws {@link Trouble} `desk-key` when they
 * cannot be unlocked, `worker-start` when no worker can be started; after `close`, every task throws `stopping`.
 */
export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const closing = new AbortController()
  const settings: Settings = { ...LIMITS, ...options, closing: closing.signal }
  const lanes = Array.from({ length: settings.maxThreads }, () => new Lane(settings))
  /** The lane that was used last is the first to be used again. */
  const free = [...lanes]
  const waiting: ((lane: Lane) => void)[] = []

  async function inLane<T>(use: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = free.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)))
    try {
      return await use(lane)
    } finally {
      const next = waiting.shift()
      if (next === undefined) free.push(lane)
      else next(lane)
    }
  }
  // The worker runs the task of exactly this name, so its answer has the type of that task.
  const task = <Name extends tasks.TaskName>(name: Name): tasks.Tasks[Name] =>
    ((...args: unknown[]) =>
      inLane((lane) => lane.run({ name, args } as tasks.TaskCall))) as tasks.Tasks[Name]

  await inLane((lane) => lane.run(null))
  return {
    open: task('open'),
    openHeaders: task('openHeaders'),
    seal: task('seal'),
    signClear: task('signClear'),
    inspectKey: task('inspectKey'),
    close: async () => {
      closing.abort()
      await Promise.all(lanes.map((lane) => lane.end()))
    }
  }
}

type Settings = Required<WorkerOptions> & { readonly closing: AbortSignal }
type Killed = 'worker-limit' | 'worker-crash'

/** A place for one thread, empty until a task needs it. Its owner gives it one task at a time. */
class Lane {
  private readonly settings: Settings
  private worker: Worker | null = null
  private settle: ((answer: tasks.TaskAnswer | Killed) => void) | null = null
  private idle?: NodeJS.Timeout

  constructor(settings: Settings) {
    this.settings = settings
  }

  /** The result of `call`; without one, only starts the thread. */
  async run(call: tasks.TaskCall | null): Promise<unknown> {
    clearTimeout(this.idle)
    try {
      const worker = this.worker ?? (await this.start())
      return call === null ? null : await this.ask(worker, call)
    } finally {
      this.idle = setTimeout(() => void this.end(), this.settings.idleMs).unref()
    }
  }

  async end(): Promise<void> {
    const { worker } = this
    this.worker = null
    this.settle?.('worker-crash')
    await worker?.terminate()
  }

  private async start(): Promise<Worker> {
    const worker = this.newWorker()
    // A thread that cannot unlock the keys is of no use.
    await this.ask(worker, null).catch((error: unknown) => {
      void this.end()
      throw error
    })
    return worker
  }

  private newWorker(): Worker {
    const { workerFile, start, memoryMegabytes, closing, onEvent } = this.settings
    if (closing.aborted) throw ended('stopping')
    const worker = new Worker(workerFile, {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
      stdout: true,
      stderr: true
    })
    // A library may write content there (G10).
    worker.stdout.resume()
    worker.stderr.resume()
    worker.on('message', (answer: tasks.TaskAnswer) => {
      // A thread that was ended may still answer; another task may be waiting by then.
      if (this.worker === worker) this.settle?.(answer)
    })
    // An uncaught error is followed by the exit.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.worker !== worker) return
      this.worker = null
      if (this.settle === null)
        onEvent({ event: 'worker.killed', task: 'idle', code: 'worker-crash' })
      else this.settle('worker-crash')
    })
    this.worker = worker
    return worker
  }

  /** The thread's answer to `call`, or to its start. Terminates a thread that exceeds its time. */
  private async ask(worker: Worker, call: tasks.TaskCall | null): Promise<unknown> {
    const { taskMs, closing, onEvent } = this.settings
    const ms = call === null ? Math.max(taskMs, START_MS_MIN) : taskMs
    let timer: NodeJS.Timeout | undefined
    // Keeps the process alive while a task runs, but not for an idle thread.
    worker.ref()
    try {
      const answer = await new Promise<tasks.TaskAnswer | Killed>((resolve) => {
        this.settle = resolve
        timer = setTimeout(() => resolve('worker-limit'), ms)
        if (call !== null) worker.postMessage(call)
      })
      if (typeof answer !== 'string') return valueOf(answer)
      void this.end()
      if (closing.aborted) throw ended('stopping')
      onEvent({ event: 'worker.killed', task: call?.name ?? 'start', code: answer })
      // A thread that did not start says nothing of the task that waits for it.
      throw ended(call === null ? 'worker-start' : answer)
    } finally {
      clearTimeout(timer)
      this.settle = null
      worker.unref()
    }
  }
}

function valueOf(answer: tasks.TaskAnswer): unknown {
  if (answer.kind === 'done') return answer.value
  if (answer.kind === 'bug') throw new Invariant(`a worker task failed: ${answer.error}`)
  throw new Trouble(answer.code, answer.message, { retryable: answer.retryable })
}

const HINTS = {
  stopping: 'the workers are being stopped',
  'worker-limit': 'a worker thread was ended: a task took longer than limits.open_seconds allows',
  'worker-crash': 'a worker thread died, for example for lack of memory',
  'worker-start': 'a worker thread did not start, for example for lack of memory'
}

function ended(code: keyof typeof HINTS): Trouble {
  return new Trouble(code, HINTS[code], { retryable: true })
}
