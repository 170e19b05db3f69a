/**
 * The worker threads behind {@link Workers}: maps methods to tasks, and encrypts a long list of recipients in pieces. Must
 * never look into what it passes on, so that hostile bytes never meet the main thread (G9).
 */
import { availableParallelism } from 'node:os'
import { type OutgoingBody, type Sealed, type SealTo } from '../domain/outgoing.ts'
import { type Workers } from '../effects/effects.ts'
import {
  type TaskCall,
  type TaskName,
  type TaskResult,
  type Tasks,
  type WorkerOptions
} from './calls.ts'
import { Threads } from './threads.ts'

export { type WorkerOptions, type WorkerStart } from './calls.ts'

/** Copies encrypted in one task: few enough that another task soon gets a thread. */
const COPIES_PER_TASK = 32
/** Bytes that one encrypting task may produce, so that a large message is encrypted copy by copy. */
const BYTES_PER_TASK = 8 * 2 ** 20

/**
 * Starts the pool and waits until a first worker has unlocked the desk's keys. Throws {@link Trouble} `desk-key` when they
 * cannot be unlocked, `worker-crash` or `worker-limit` when no worker can be started.
 */
export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const maxThreads = options.maxThreads ?? Math.min(2, availableParallelism())
  const threads = new Threads({
    memoryMegabytes: 768,
    taskMs: 60_000,
    idleMs: 60_000,
    workerFile: new URL('./worker.js', import.meta.url),
    ...options,
    maxThreads
  })

  // The only place where an answer gets its type back: the worker runs the task of exactly this name.
  async function run<Name extends TaskName>(
    name: Name,
    ...args: Parameters<Tasks[Name]>
  ): Promise<TaskResult<Name>> {
    return (await threads.run({ name, args } as TaskCall)) as TaskResult<Name>
  }

  await threads.run(null)
  return {
    open: (...args) => run('open', ...args),
    openHeaders: (...args) => run('openHeaders', ...args),
    seal: (body, to, now) =>
      sealInPieces(body, to, maxThreads, (some) => run('seal', body, some, now)),
    signClear: (...args) => run('signClear', ...args),
    inspectKey: (...args) => run('inspectKey', ...args),
    mergeKey: (...args) => run('mergeKey', ...args),
    close: () => threads.close()
  }
}

/**
 * Splits the recipients over `most` threads and joins the results in order. Never queues more pieces than that, so that a
 * message received meanwhile waits for one piece and not for all.
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
  // Two layers of base64 roughly double the size.
  return Math.min(Math.max(Math.floor(BYTES_PER_TASK / (2 * bytes + 4096)), 1), COPIES_PER_TASK)
}
