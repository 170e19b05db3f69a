/**
 * The worker threads behind {@link Workers}: which task answers which method, and how a long list of recipients is sealed in
 * pieces. Must never look into what it passes on, so that hostile bytes never meet the main thread (G9).
 */
import { availableParallelism } from 'node:os'
import { type OutgoingBody, type Sealed, type SealTo } from '../domain/outgoing.ts'
import { type Log, type Workers } from '../effects/effects.ts'
import {
  type TaskCall,
  type TaskName,
  type TaskResult,
  type Tasks,
  type WorkerStart
} from './calls.ts'
import { Threads } from './threads.ts'

export { type WorkerStart } from './calls.ts'

/** How many, how large, how long. */
export type WorkerOptions = {
  readonly start: WorkerStart
  /** Told of every worker that was ended or died. */
  readonly onEvent: Log
  /** Tasks at a time at most, each in a thread; default the processors of this machine, at most 2. */
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

/** Copies sealed in one task: small enough that another task soon gets a thread. */
const COPIES_PER_TASK = 32
/** Bytes that one sealing task may bring forth, so that a large mail is sealed copy by copy. */
const BYTES_PER_TASK = 8 * 2 ** 20

/**
 * Starts the pool and waits until a first worker has unlocked the desk's keys. Throws {@link Trouble} `desk-key` when
 * they cannot be unlocked, `worker-crash` or `worker-limit` when no worker can be started.
 */
export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const most = options.maxThreads ?? Math.min(2, availableParallelism())
  const threads = new Threads({
    start: options.start,
    onEvent: options.onEvent,
    most,
    memoryMegabytes: options.memoryMegabytes ?? 768,
    taskMs: options.taskMs ?? 60_000,
    idleMs: options.idleMs ?? 60_000,
    file: options.workerFile ?? new URL('./worker.js', import.meta.url)
  })

  // The one place where an answer gets its type back: the worker runs the task of exactly this name.
  async function run<Name extends TaskName>(
    name: Name,
    ...args: Parameters<Tasks[Name]>
  ): Promise<TaskResult<Name>> {
    return (await threads.run({ name, args } as TaskCall)) as TaskResult<Name>
  }

  try {
    await threads.begin()
  } catch (error) {
    await threads.close()
    throw error
  }
  return {
    open: (...args) => run('open', ...args),
    openHeaders: (...args) => run('openHeaders', ...args),
    seal: (body, to, now) => sealInPieces(body, to, most, (some) => run('seal', body, some, now)),
    signClear: (...args) => run('signClear', ...args),
    inspectKey: (...args) => run('inspectKey', ...args),
    mergeKey: (...args) => run('mergeKey', ...args),
    close: () => threads.close()
  }
}

/**
 * Splits the recipients over `most` threads and joins the results in order. No more pieces than that wait at a time, so that
 * a message which arrives meanwhile waits for one of them and not for all.
 */
async function sealInPieces(
  body: OutgoingBody,
  to: readonly SealTo[],
  most: number,
  seal: (some: readonly SealTo[]) => Promise<Sealed[]>
): Promise<Sealed[]> {
  const size = copiesPerTask(body)
  const sealed: Sealed[][] = []
  let next = 0
  const sealRest = async (): Promise<void> => {
    while (next * size < to.length) {
      const piece = next++
      sealed[piece] = await seal(to.slice(piece * size, (piece + 1) * size))
    }
  }
  await Promise.all(Array.from({ length: most }, sealRest))
  return sealed.flat()
}

function copiesPerTask(body: OutgoingBody): number {
  const files = body.attachments.reduce((sum, { content }) => sum + content.byteLength, 0)
  const bytes = body.text.length + files + (body.original?.byteLength ?? 0)
  // Two layers of base64 make about twice the size.
  return Math.min(Math.max(Math.floor(BYTES_PER_TASK / (2 * bytes + 4096)), 1), COPIES_PER_TASK)
}
