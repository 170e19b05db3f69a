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
  /** Told when it dies without a call. */
  readonly onIdleDeath: () => void
}

/** A thread that has started. */
export type Thread = {
  /** False once it was ended or died. */
  isAlive(): boolean
  /**
   * What it answers within `ms` milliseconds. Throws {@link Trouble} `worker-limit` or `worker-crash` when the thread is gone
   * instead, {@link Invariant} for what is no plain data and for a second call before the first was answered.
   */
  call(call: TaskCall, ms: number): Promise<TaskAnswer>
  /** Ends it, whatever it does. */
  end(): Promise<void>
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<void>
}

type Pending = {
  readonly resolve: (answer: TaskAnswer) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

/**
 * Starts one and waits at most `ms` for its first word: that it has unlocked the keys, or why it cannot, which is returned as
 * it came. Throws as {@link Thread.call}, also when `signal` is aborted.
 */
export async function startThread(
  options: ThreadOptions,
  ms: number,
  signal: AbortSignal
): Promise<{ readonly thread: Thread; readonly answer: TaskAnswer }> {
  const thread = new WorkerThread(options)
  const stop = (): void => void thread.end()
  signal.addEventListener('abort', stop)
  try {
    return { thread, answer: await thread.answerWithin(ms) }
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

class WorkerThread implements Thread {
  private readonly worker: Worker
  private readonly onIdleDeath: () => void
  private alive = true
  private pending: Pending | null = null
  /** Of the last call. */
  private number = 0
  readonly ended: Promise<void>

  constructor(options: ThreadOptions) {
    this.onIdleDeath = options.onIdleDeath
    this.worker = newWorker(options)
    // What a library may write there could be content (G10).
    this.worker.stdout.resume()
    this.worker.stderr.resume()
    this.worker.on('message', ({ number, what }: Numbered<TaskAnswer>) => {
      if (number === this.number) this.settled()?.resolve(what)
    })
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', () => {
        resolve()
      })
    })
    for (const event of ['messageerror', 'error', 'exit'])
      this.worker.on(event, () => {
        this.die(crashed())
      })
  }

  isAlive(): boolean {
    return this.alive
  }

  async call(call: TaskCall, ms: number): Promise<TaskAnswer> {
    assert(this.pending === null, 'a worker thread was given a second call')
    if (!this.alive) throw crashed()
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

  async end(): Promise<void> {
    const was = this.settled()
    this.alive = false
    was?.reject(crashed())
    await this.worker.terminate()
  }

  /** Its next message. The process stays for as long as one is awaited, and for no idle thread. */
  answerWithin(ms: number): Promise<TaskAnswer> {
    this.worker.ref()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.die(overLimit(ms))
      }, ms)
      this.pending = { resolve, reject, timer }
    })
  }

  /** Who waited for an answer, and does not any more. */
  private settled(): Pending | null {
    const was = this.pending
    this.pending = null
    if (was !== null) clearTimeout(was.timer)
    this.worker.unref()
    return was
  }

  private die(error: Error): void {
    if (!this.alive) return
    this.alive = false
    const was = this.settled()
    if (was === null) this.onIdleDeath()
    else was.reject(error)
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
