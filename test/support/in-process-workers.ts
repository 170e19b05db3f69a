/**
 * The workers without threads: the same task functions run where they are called. For desk tests, where a thread would
 * only add waiting; the pool itself is tested in test/unit/worker.
 */
import { type Workers } from '../../src/effects/effects.ts'
import { type ReadingKeys } from '../../src/reading/open-mail.ts'
import { type Tasks, tasksWith, unlockKeys, type WorkerStart } from '../../src/worker/tasks.ts'

/** Unlocks the keys and runs every task in this thread. */
export async function createInProcessWorkers(start: WorkerStart): Promise<Workers> {
  return inProcessWorkers(await unlockKeys(start), start)
}

/** Runs every task in this thread. Bytes are copied on the way in and out, as between threads. */
export function inProcessWorkers(keys: ReadingKeys, start: WorkerStart): Workers {
  const tasks = tasksWith(keys, start)
  const copied = <Name extends keyof Tasks>(name: Name): Tasks[Name] => {
    const task = tasks[name] as (...args: readonly unknown[]) => Promise<unknown>
    return (async (...args: readonly unknown[]) =>
      structuredClone(await task(...structuredClone(args)))) as Tasks[Name]
  }
  const workers: Workers = {
    inTurn: () => workers,
    open: copied('open'),
    openHeaders: copied('openHeaders'),
    seal: copied('seal'),
    signClear: copied('signClear'),
    inspectKey: copied('inspectKey'),
    close: () => Promise.resolve()
  }
  return workers
}
