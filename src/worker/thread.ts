/**
 * One worker thread, which runs one call at a time. Terminates it when it exceeds its time or memory; when the thread ends for
 * any reason, its pending call is rejected. Must never look into what it passes on.
 */
import { Worker } from 'node:worker_threads'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Numbered, type TaskAnswer, type TaskCall, type WorkerStart } from './calls.ts'

export type ThreadOptions = {
  readonly file: URL
  readonly start: WorkerStart
  /** JavaScript heap in MiB. */
  readonly memoryMegabytes: number
}

type Pending = {
  readonly resolve: (answer: TaskAnswer) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

export class Thread {
  /** Called once, when the thread ends for any reason. */
  onEnd: () => void = () => undefined
  /** Call 0 is the start. */
  private number = 0
  private isAlive = true
  private pending: Pending | null = null
  private readonly worker: Worker

  constructor(options: ThreadOptions) {
    this.worker = newWorker(options)
    // A library may write content there (G10).
    this.worker.stdout.resume()
    this.worker.stderr.resume()
    this.worker.on('message', ({ number, what }: Numbered<TaskAnswer>) => {
      if (number === this.number) this.settled()?.resolve(what)
    })
    for (const event of ['messageerror', 'error', 'exit'])
      this.worker.on(event, () => {
        this.die(crashed())
      })
  }

  /**
   * The first answer, within `ms` milliseconds: the keys are unlocked, or why not. Throws as {@link Thread.call}.
   */
  started(ms: number): Promise<TaskAnswer> {
    return this.answerWithin(ms)
  }

  /**
   * The answer to `call`, within `ms` milliseconds. Throws {@link Trouble} `worker-limit` or `worker-crash` when the thread
   * ended instead, {@link Invariant} for a call that is not plain data or that comes before the previous answer.
   */
  async call(call: TaskCall, ms: number): Promise<TaskAnswer> {
    assert(this.pending === null, 'a worker thread was given a second call')
    if (!this.isAlive) throw crashed()
    const answer = this.answerWithin(ms)
    this.number += 1
    try {
      this.worker.postMessage({ number: this.number, what: call } satisfies Numbered<TaskCall>)
    } catch {
      const what = 'a worker task was given something that is not plain data'
      this.settled()?.reject(new Invariant(what))
    }
    return answer
  }

  /** Terminates the thread at once and rejects its pending call. */
  async end(): Promise<void> {
    this.die(crashed())
    await this.worker.terminate()
  }

  /** The next message of the thread. Keeps the process alive while it waits, but not for an idle thread. */
  private answerWithin(ms: number): Promise<TaskAnswer> {
    this.worker.ref()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.die(overLimit(ms))
      }, ms)
      this.pending = { resolve, reject, timer }
    })
  }

  /** Takes the pending call, which then waits no longer. */
  private settled(): Pending | null {
    const was = this.pending
    this.pending = null
    if (was !== null) clearTimeout(was.timer)
    this.worker.unref()
    return was
  }

  private die(error: Error): void {
    if (!this.isAlive) return
    this.isAlive = false
    this.settled()?.reject(error)
    this.onEnd()
    void this.worker.terminate()
  }
}

function newWorker({ file, start, memoryMegabytes }: ThreadOptions): Worker {
  try {
    return new Worker(file, {
      workerData: start,
      resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
      stdout: true,
      stderr: true
    })
  } catch {
    throw crashed()
  }
}

function overLimit(ms: number): Trouble {
  const hint = `a worker thread was ended because a task took longer than ${ms} ms`
  return new Trouble('worker-limit', hint, { retryable: true })
}

function crashed(): Trouble {
  return new Trouble('worker-crash', 'a worker thread died, for example for lack of memory', {
    retryable: true
  })
}
