/**
 * Runs tasks in worker threads: first come, first served, one task a thread. A thread whose task exceeds its time or memory is
 * terminated, and another is started for the next task (G9). Must never look into a task.
 */
import { on } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  type Numbered,
  type TaskAnswer,
  type TaskCall,
  type TaskName,
  type WorkerOptions
} from './calls.ts'

/** Shortest time limit for a thread to start and unlock the keys: this does not depend on any message. */
const START_MS_MIN = 60_000
const START_TRIES = 3
const START_PAUSE_MS = 500

/** A place for one thread, empty until a task needs it. */
type Lane = { worker: Worker | null; isBusy: boolean; idle?: NodeJS.Timeout }
/** A task that waits for a thread; without a call it waits only until one has started. */
type Waiting = {
  readonly call: TaskCall | null
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export class Threads {
  private readonly lanes: Lane[]
  private readonly waiting: Waiting[] = []
  private readonly closing = new AbortController()
  private readonly options: Required<WorkerOptions>
  private number = 0

  constructor(options: Required<WorkerOptions>) {
    this.options = options
    this.lanes = Array.from({ length: options.maxThreads }, () => ({ worker: null, isBusy: false }))
  }

  /**
   * The result of `call`; without one, waits only until a thread has started. Throws the task's own trouble, `worker-limit` or
   * `worker-crash` when its thread ended, and `stopping` once all are closed.
   */
  run(call: TaskCall | null): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.closing.signal.aborted) reject(stopping())
      else this.waiting.push({ call, resolve, reject })
      const free = this.lanes.filter(({ isBusy }) => !isBusy)
      const lane = free.find(({ worker }) => worker !== null) ?? free[0]
      if (lane !== undefined) void this.serve(lane)
    })
  }

  /** Terminates all threads, and refuses all tasks. */
  async close(): Promise<void> {
    this.closing.abort()
    this.refuse(stopping())
    for (const { worker } of this.lanes) await worker?.terminate()
  }

  private refuse(error: unknown): void {
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }

  /** Runs waiting tasks until there are none. Takes a task only when a thread is ready for it. */
  private async serve(lane: Lane): Promise<void> {
    lane.isBusy = true
    clearTimeout(lane.idle)
    try {
      while (this.waiting.length > 0) {
        const worker = lane.worker ?? (await this.start(lane))
        const next = this.waiting.shift()
        if (next?.call === null) next.resolve(null)
        else if (next !== undefined)
          await this.perform(lane, worker, next.call).then(next.resolve, next.reject)
      }
    } catch (error) {
      const reason = error instanceof Trouble ? error : crashed()
      // Another lane that is busy serves what waits, or fails as well.
      if (this.lanes.every((other) => other === lane || !other.isBusy)) this.refuse(reason)
    }
    lane.isBusy = false
    lane.idle = setTimeout(() => drop(lane), this.options.idleMs).unref()
  }

  private async perform(lane: Lane, worker: Worker, call: TaskCall): Promise<unknown> {
    const number = ++this.number
    try {
      worker.postMessage({ number, what: call } satisfies Numbered<TaskCall>)
    } catch {
      throw new Invariant('a worker task was given something that is not plain data')
    }
    return valueOf(await this.answer(lane, worker, call.name, number))
  }

  /** Starts a thread; when it dies during its start, tries again after a pause. */
  private async start(lane: Lane): Promise<Worker> {
    for (let tries = 1; ; tries += 1) {
      const worker = this.newWorker(lane)
      const answer = await this.answer(lane, worker, 'start', 0)
      if (!(answer instanceof Trouble) && answer.kind === 'done') return worker
      drop(lane)
      if (!(answer instanceof Trouble) || tries === START_TRIES) valueOf(answer)
      await delay(START_PAUSE_MS, undefined, { signal: this.closing.signal })
    }
  }

  private newWorker(lane: Lane): Worker {
    const { workerFile, start, memoryMegabytes } = this.options
    const worker = new Worker(workerFile, {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
      stdout: true,
      stderr: true
    })
    // A library may write content there (G10).
    worker.stdout.resume()
    worker.stderr.resume()
    // An uncaught error is followed by the exit.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (lane.worker !== worker) return
      lane.worker = null
      if (!lane.isBusy) this.report('idle', 'worker-crash')
    })
    lane.worker = worker
    return worker
  }

  /** The thread's answer to call `number`; a start is call 0. Drops a thread that ends or exceeds its time. */
  private async answer(
    lane: Lane,
    worker: Worker,
    task: TaskName | 'start',
    number: number
  ): Promise<TaskAnswer | Trouble> {
    const { taskMs } = this.options
    const ms = task === 'start' ? Math.max(taskMs, START_MS_MIN) : taskMs
    const signal = AbortSignal.timeout(ms)
    // Keeps the process alive while a task runs, but not for an idle thread.
    worker.ref()
    try {
      const messages = on(worker, 'message', { signal, close: ['exit', 'messageerror'] })
      for await (const [message] of messages as AsyncIterable<[Numbered<TaskAnswer>]>)
        if (message.number === number) return message.what
    } catch {
      // Over its time, or ended by an error.
    } finally {
      worker.unref()
    }
    drop(lane)
    if (this.closing.signal.aborted) throw stopping()
    this.report(task, signal.aborted ? 'worker-limit' : 'worker-crash')
    return signal.aborted ? overLimit(ms) : crashed()
  }

  private report(task: TaskName | 'start' | 'idle', code: 'worker-limit' | 'worker-crash'): void {
    if (!this.closing.signal.aborted) this.options.onEvent({ event: 'worker.killed', task, code })
  }
}

/** Terminates the thread of a lane; nothing waits for its end. */
function drop(lane: Lane): void {
  const { worker } = lane
  lane.worker = null
  void worker?.terminate()
}

function valueOf(answer: TaskAnswer | Trouble): unknown {
  if (answer instanceof Trouble) throw answer
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

function crashed(): Trouble {
  const hint = 'a worker thread died, for example for lack of memory'
  return new Trouble('worker-crash', hint, { retryable: true })
}

function overLimit(ms: number): Trouble {
  const hint = `a worker thread was ended because a task took longer than ${ms} ms`
  return new Trouble('worker-limit', hint, { retryable: true })
}
