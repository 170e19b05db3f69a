/**
 * The worker threads behind {@link Workers}. In charge of limits: one task holds one thread, a task over its time or
 * memory loses that thread and nothing else, and hostile bytes never meet the main thread (G9). Must never look into
 * what it passes on.
 */
import { availableParallelism } from 'node:os'
import { Invariant } from '../domain/assert.ts'
import { type OutgoingBody, type Sealed, type SealTo } from '../domain/outgoing.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Log, type Workers } from '../effects/effects.ts'
import { shareable } from './buffers.ts'
import {
  type TaskAnswer,
  type TaskCall,
  type TaskName,
  type TaskResult,
  type Tasks,
  type WorkerStart
} from './calls.ts'
import { type Lane } from './lanes.ts'
import { startThread, type Thread } from './thread.ts'
import { createThreads } from './threads.ts'

export { type WorkerStart } from './calls.ts'

/** How many, how large, how long. */
export type WorkerOptions = {
  readonly start: WorkerStart
  /** Told of every worker that was ended or died. */
  readonly onEvent: Log
  /** Tasks at a time at most; default the processors of this machine, at most 2. One more thread may stand by. */
  readonly maxThreads?: number
  /** JavaScript heap of one thread in MiB; default 768. Buffers are outside of it and bounded by the mail size. */
  readonly memoryMegabytes?: number
  /** Time for one task in milliseconds, waiting not counted; default 60,000. A long list is sealed in many tasks. */
  readonly taskMs?: number
  /** Milliseconds after which an idle thread is ended and its memory given back; default 60,000. */
  readonly idleMs?: number
  /** The worker's entry; default beside this file. */
  readonly workerFile?: URL
}

/** Time for a thread to start and unlock the keys, at least: no mail has a part in it. */
const START_MS_MIN = 60_000
/** Copies sealed in one task: small enough that a quick task soon gets a thread. */
const COPIES_PER_TASK = 32
/** Bytes that one sealing task may bring forth, so that a large mail is sealed copy by copy. */
const BYTES_PER_TASK = 8 * 2 ** 20

/**
 * Starts the pool and waits until a first worker has unlocked the desk's keys. Throws {@link Trouble} `desk-key` when
 * they cannot be unlocked, `worker-crash` or `worker-limit` when no worker can be started.
 */
export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const taskMs = options.taskMs ?? 60_000
  const startMs = Math.max(taskMs, START_MS_MIN)
  let isClosing = false
  const threads = createThreads({
    most: options.maxThreads ?? Math.min(2, availableParallelism()),
    idleMs: options.idleMs ?? 60_000,
    start: (signal) => told('start', () => startDesk(options, startMs, signal))
  })

  /** What ends a worker is logged; what ends all of them is no fault of theirs. */
  async function told<T>(task: TaskName | 'start', work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isClosing) throw stopping()
      if (error instanceof Trouble && isWorkerEnd(error.code))
        options.onEvent({ event: 'worker.killed', task, code: error.code })
      throw error
    }
  }

  // The one place where an answer gets its type back: the worker runs the task of exactly this name.
  async function run<Name extends TaskName>(
    name: Name,
    args: Parameters<Tasks[Name]>,
    lane: Lane
  ): Promise<TaskResult<Name>> {
    const { thread, leave } = await threads.enter(lane)
    try {
      const answer = await told(name, () => thread.call({ name, args } as TaskCall, taskMs))
      return valueOf(answer) as TaskResult<Name>
    } finally {
      leave()
    }
  }

  async function close(): Promise<void> {
    isClosing = true
    await threads.close(stopping)
  }

  try {
    const { leave } = await threads.enter('quick')
    leave()
  } catch (error) {
    await close()
    throw error
  }
  return {
    open: (raw, opening) => run('open', [raw, opening], 'quick'),
    openHeaders: (raw, now) => run('openHeaders', [raw, now], 'quick'),
    seal: (body, to, now) =>
      sealInPieces(body, to, (part, some, lane) => run('seal', [part, some, now], lane)),
    signClear: (text, headers, now) => run('signClear', [text, headers, now], 'quick'),
    inspectKey: (...args) => run('inspectKey', args, 'quick'),
    mergeKey: (...args) => run('mergeKey', args, 'quick'),
    close
  }
}

/** A thread whose keys are unlocked. */
async function startDesk(options: WorkerOptions, ms: number, signal: AbortSignal): Promise<Thread> {
  const { thread, answer } = await startThread(
    {
      file: options.workerFile ?? new URL('./worker.js', import.meta.url),
      start: options.start,
      memoryMegabytes: options.memoryMegabytes ?? 768,
      onIdleDeath: () => {
        options.onEvent({ event: 'worker.killed', task: 'idle', code: 'worker-crash' })
      }
    },
    ms,
    signal
  )
  if (answer.kind === 'done') return thread
  await thread.end()
  return valueOf(answer)
}

function valueOf(answer: Exclude<TaskAnswer, { kind: 'done' }>): never
function valueOf(answer: TaskAnswer): unknown
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

function isWorkerEnd(code: Trouble['code']): code is 'worker-limit' | 'worker-crash' {
  return code === 'worker-limit' || code === 'worker-crash'
}

/** Splits the recipients over the threads and joins the results in order. */
async function sealInPieces(
  body: OutgoingBody,
  to: readonly SealTo[],
  seal: (body: OutgoingBody, some: readonly SealTo[], lane: Lane) => Promise<Sealed[]>
): Promise<Sealed[]> {
  const size = copiesPerTask(body)
  if (to.length <= size) return to.length === 0 ? [] : seal(body, to, 'quick')
  const shared: OutgoingBody = {
    text: body.text,
    attachments: body.attachments.map((file) => ({ ...file, content: shareable(file.content) })),
    original: body.original === null ? null : shareable(body.original)
  }
  const pieces: Promise<Sealed[]>[] = []
  for (let from = 0; from < to.length; from += size) {
    pieces.push(seal(shared, to.slice(from, from + size), 'bulk'))
  }
  return (await Promise.all(pieces)).flat()
}

function copiesPerTask(body: OutgoingBody): number {
  const files = body.attachments.reduce((sum, { content }) => sum + content.byteLength, 0)
  const bytes = body.text.length + files + (body.original?.byteLength ?? 0)
  // Two layers of base64 make about twice the size.
  return Math.min(Math.max(Math.floor(BYTES_PER_TASK / (2 * bytes + 4096)), 1), COPIES_PER_TASK)
}
