/**
 * The entry of one worker thread: unlocks the desk's keys once and reports that, then answers calls until it is terminated.
 * Turns every failure into a {@link TaskAnswer}, so that no library text leaves the thread. Must never write to disk or to the
 * console: it holds plaintext.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  type Numbered,
  type TaskAnswer,
  type TaskCall,
  type Tasks,
  type WorkerStart
} from './calls.ts'
import { tasksWith, unlockDesk, unlockKeys } from './tasks.ts'

const port = parentPort
assert(port !== null, 'the entry of a worker thread was run as a program')
await start()

async function start(): Promise<void> {
  try {
    const tasks = await tasksOf(workerData as WorkerStart)
    port?.on('message', ({ number, what }: Numbered<TaskCall>) => {
      void answer(tasks, what, number)
    })
    post({ kind: 'done', value: null }, 0)
  } catch (error) {
    post(answerOf(error), 0)
  }
}

async function tasksOf(start: WorkerStart): Promise<Tasks> {
  const isReader = start.isReader === true
  const keys = isReader ? { ...(await unlockKeys(start)), desk: null } : await unlockDesk(start)
  return tasksWith(keys, start.deskAddress)
}

async function answer(tasks: Tasks, call: TaskCall, number: number): Promise<void> {
  // `TaskCall` ties the arguments to the name.
  const task = tasks[call.name] as (...args: readonly unknown[]) => Promise<unknown>
  try {
    post({ kind: 'done', value: await task(...call.args) }, number)
  } catch (error) {
    post(answerOf(error), number)
  }
}

function post(what: TaskAnswer, number: number): void {
  port?.postMessage({ number, what } satisfies Numbered<TaskAnswer>)
}

function answerOf(error: unknown): TaskAnswer {
  if (error instanceof Trouble) {
    const { code, message, retryable } = error
    return { kind: 'trouble', code, hint: message, retryable }
  }
  if (error instanceof Invariant) return { kind: 'bug', error: error.message }
  return { kind: 'bug', error: error instanceof Error ? error.name : typeof error }
}
