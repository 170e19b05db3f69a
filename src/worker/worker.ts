/**
 * The entry of one worker thread: unlocks the desk's keys once and reports that, then answers calls until it is terminated. A
 * thread that was started ahead (pool.ts) gets all but the keys in a first message.
 * Turns every failure into a {@link TaskAnswer}, so that no library text leaves the thread. Must never write to disk or to the
 * console: it holds plaintext.
 */
import { once } from 'node:events'
import { parentPort, workerData } from 'node:worker_threads'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  type LockedKeys,
  type TaskAnswer,
  type TaskCall,
  tasksWith,
  unlockKeys,
  type WorkerStart
} from './tasks.ts'

const port = parentPort
assert(port !== null, 'the entry of a worker thread was run as a program')
await answer(async () => {
  const given = workerData as WorkerStart | LockedKeys
  const { secretKeys } = await unlockKeys(given)
  const start = isWhole(given) ? given : ((await once(port, 'message'))[0] as WorkerStart)
  const tasks = tasksWith({ secretKeys, certificates: start.maintainerKeys }, start)
  port.on('message', ({ name, args }: TaskCall) => {
    // `TaskCall` ties the arguments to the name.
    const task = tasks[name] as (...args: readonly unknown[]) => Promise<unknown>
    void answer(() => task(...args))
  })
})

function isWhole(given: WorkerStart | LockedKeys): given is WorkerStart {
  return 'deskAddress' in given
}

async function answer(work: () => Promise<unknown>): Promise<void> {
  let what: TaskAnswer
  try {
    what = { kind: 'done', value: await work() }
  } catch (error) {
    what = failureOf(error)
  }
  port?.postMessage(what, largeBuffersIn(what))
}

/** More than any key: nothing of this size is used again here. */
const LARGE_BYTES = 2 ** 20

/** Large files and finished messages are handed over to the main thread, not copied. */
function largeBuffersIn(value: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  const collect = (part: unknown): void => {
    if (part instanceof Uint8Array) {
      const { buffer } = part
      if (buffer instanceof ArrayBuffer && part.length >= LARGE_BYTES) buffers.add(buffer)
    } else if (typeof part === 'object' && part !== null) Object.values(part).forEach(collect)
  }
  collect(value)
  return [...buffers]
}

function failureOf(error: unknown): TaskAnswer {
  if (error instanceof Trouble) {
    const { code, message, retryable } = error
    return { kind: 'trouble', code, message, retryable }
  }
  if (error instanceof Invariant) return { kind: 'bug', error: error.message }
  return { kind: 'bug', error: error instanceof Error ? error.name : typeof error }
}
