/**
 * The entry of one worker thread: unlocks the desk's keys once, then answers calls until the pool ends it. In charge of
 * turning every failure into a {@link TaskAnswer}, so that no library text leaves the thread. Must never write to disk
 * or to the console: what it holds is plaintext.
 */
import { workerData } from 'node:worker_threads'
import { move, transferableSymbol, valueSymbol } from 'piscina'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { detachable } from './buffers.ts'
import { type TaskAnswer, type TaskCall, type Tasks, type WorkerStart } from './calls.ts'
import { deskTasks, readerTasks, runTask } from './tasks.ts'
import { unlockDesk, unlockKeys } from './unlock.ts'

type Ready = { readonly tasks: Tasks } | { readonly failure: TaskAnswer }

/** The function the pool calls. A promise, so that the pool does not use the thread before the keys are unlocked. */
export const handle: Promise<(call: TaskCall | 'ready') => Promise<object>> = start()

async function start(): Promise<(call: TaskCall | 'ready') => Promise<object>> {
  const ready = await unlocked()
  return async (call) => {
    if ('failure' in ready) return ready.failure
    if (call === 'ready') return { kind: 'done', value: null } satisfies TaskAnswer
    try {
      return handedOver({ kind: 'done', value: await runTask(ready.tasks, call) })
    } catch (error) {
      return answerOf(error)
    }
  }
}

async function unlocked(): Promise<Ready> {
  try {
    return { tasks: await tasksOf(workerData as WorkerStart) }
  } catch (error) {
    return { failure: answerOf(error) }
  }
}

async function tasksOf(start: WorkerStart): Promise<Tasks> {
  if (start.isReader !== true) return deskTasks(await unlockDesk(start))
  const keys = { secretKeys: await unlockKeys(start), certificates: start.maintainerKeys }
  return readerTasks(keys, start.deskAddress)
}

/** Large results leave the thread without being copied. */
function handedOver(answer: TaskAnswer): object {
  const { value, transfer } = detachable(answer)
  const wrapped = { [transferableSymbol]: transfer, [valueSymbol]: value }
  return transfer.length === 0 ? value : move(wrapped)
}

function answerOf(error: unknown): TaskAnswer {
  if (error instanceof Trouble) {
    const { code, message, retryable } = error
    return { kind: 'trouble', code, hint: message, retryable }
  }
  if (error instanceof Invariant) return { kind: 'bug', error: error.message }
  return { kind: 'bug', error: error instanceof Error ? error.name : typeof error }
}
