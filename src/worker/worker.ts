/**
 * The entry of one worker thread: unlocks the desk's keys once and reports that, then answers calls until it is terminated.
 * Turns every failure into a {@link TaskAnswer}, so that no library text leaves the thread. Must never write to disk or to the
 * console: it holds plaintext.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type TaskAnswer, type TaskCall, tasksWith, unlockKeys, type WorkerStart } from './tasks.ts'

const port = parentPort
assert(port !== null, 'the entry of a worker thread was run as a program')
await answer(async () => {
  const start = workerData as WorkerStart
  const tasks = tasksWith(await unlockKeys(start), start)
  port.on('message', ({ name, args }: TaskCall) => {
    // `TaskCall` ties the arguments to the name.
    const task = tasks[name] as (...args: readonly unknown[]) => Promise<unknown>
    void answer(() => task(...args))
  })
})

async function answer(work: () => Promise<unknown>): Promise<void> {
  let what: TaskAnswer
  try {
    what = { kind: 'done', value: await work() }
  } catch (error) {
    what = failureOf(error)
  }
  port?.postMessage(what)
}

function failureOf(error: unknown): TaskAnswer {
  if (error instanceof Trouble) {
    const { code, message, retryable } = error
    return { kind: 'trouble', code, message, retryable }
  }
  if (error instanceof Invariant) return { kind: 'bug', error: error.message }
  return { kind: 'bug', error: error instanceof Error ? error.name : typeof error }
}
