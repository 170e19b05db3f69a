/**
 * The workers without threads: the same task functions run where they are called. For desk tests, where a thread would
 * only add waiting; the pool itself is tested in test/unit/worker.
 */
import { type Workers } from '../../src/effects/effects.ts'
import { type WorkerStart } from '../../src/worker/calls.ts'
import { type Keys, tasksWith, unlockDesk } from '../../src/worker/tasks.ts'

/** Unlocks the keys and runs every task in this thread. */
export async function createInProcessWorkers(start: WorkerStart): Promise<Workers> {
  return inProcessWorkers(await unlockDesk(start))
}

/** Runs every task in this thread. Bytes are copied on the way in and out, as between threads. */
export function inProcessWorkers(keys: Keys): Workers {
  const tasks = tasksWith(keys, keys.desk.address)
  return {
    open: async (raw, options) => structuredClone(await tasks.open(structuredClone(raw), options)),
    openHeaders: async (raw, now) => structuredClone(await tasks.openHeaders(raw, now)),
    seal: async (body, to, now) =>
      structuredClone(await tasks.seal(structuredClone(body), to, now)),
    signClear: (text, headers, now) => tasks.signClear(text, headers, now),
    inspectKey: async (...args) => structuredClone(await tasks.inspectKey(...args)),
    mergeKey: async (...args) => structuredClone(await tasks.mergeKey(...args)),
    close: () => Promise.resolve()
  }
}
