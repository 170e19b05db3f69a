/**
 * One worker thread, which is given one call at a time. In charge of its end: over its time or memory it is ended, and
 * whatever ends it rejects the call that it had. Must never look into what it passes on.
 */
import { Worker } from 'node:worker_threads'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Numbered, type TaskAnswer, type TaskCall, type WorkerStart } from './calls.ts'

export type ThreadOptions = {
  /** The worker's entry. */
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
  /** Called once, when it has come to its end for whatever reason. */
  onEnd: () => void = () => undefined
  /** Call 0 is its start. */
  private number = 0
  private isAlive = true
  private pending: Pending | null = null
  private readonly worker: Worker

  constructor(options: ThreadOptions) {
    this.worker = newWorker(options)
    // What a library may write there could be content (G10).
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
   * Its first word within `ms` milliseconds: that it has unlocked the keys, or why it cannot. Throws as {@link Thread.call}.
   */
  started(ms: number): Promise<TaskAnswer> {
    return this.answerWithin(ms)
  }

  /**
   * What it answers within `ms` milliseconds. Throws {@link Trouble} `worker-limit` or `worker-crash` when the thread is gone
   * instead, {@link Invariant} for what is no plain data and for a second call before the first was answered.
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

  /** Ends it, whatever it does, and rejects its call. */
  async end(): Promise<void> {
    this.die(crashed())
    await this.worker.terminate()
  }

  /** Its next message. The process stays for as long as one is awaited, and for no idle thread. */
  private answerWithin(ms: number): Promise<TaskAnswer> {
    this.worker.ref()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.die(overLimit(ms))
      }, ms)
      this.pending = { resolve, reject, timer }
    })
  }

  /** The call that waits for an answer, which it does no longer. */
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
