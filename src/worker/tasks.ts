/**
 * The tasks of a worker: plain functions over the unlocked desk keys, independent of threads. Maps each call to its function;
 * worker threads and in-process use run the same ones. Must never write plaintext or keys anywhere.
 */
import { type Address } from '../domain/address.ts'
import { Invariant } from '../domain/assert.ts'
import { inspectKey, inspectKeyFor } from '../openpgp/keyring.ts'
import { mergeKey } from '../openpgp/merge-key.ts'
import { openHeadersOnly, openMail, type ReadingKeys } from '../reading/open-mail.ts'
import { sealCopies, signClearMail } from '../sealing/seal-copies.ts'
import { type TaskCall, type Tasks } from './calls.ts'
import { type Keys } from './unlock.ts'

/** The tasks with these keys, run in the caller's thread. */
export function deskTasks(keys: Keys): Tasks {
  const { desk, secretKeys, certificates } = keys
  return {
    ...readingTasks({ secretKeys, certificates }, desk.address),
    seal: (body, to, now) => sealCopies(body, to, desk, now),
    signClear: (text, headers, now) => signClearMail(text, headers, desk, now)
  }
}

/** The tasks of a reader, which encrypts and signs nothing. */
export function readerTasks(keys: ReadingKeys, deskAddress: Address): Tasks {
  const refuse = (): Promise<never> =>
    Promise.reject(new Invariant('a reader was asked to seal or sign'))
  return { ...readingTasks(keys, deskAddress), seal: refuse, signClear: refuse }
}

function readingTasks(keys: ReadingKeys, deskAddress: Address): Omit<Tasks, 'seal' | 'signClear'> {
  return {
    open: (raw, { now, knownKeys }) => {
      const certificates = [...keys.certificates, ...knownKeys]
      return openMail(raw, { ...keys, certificates }, { now, deskAddress })
    },
    openHeaders: (raw, now) => Promise.resolve(openHeadersOnly(raw, now, deskAddress)),
    inspectKey: (key, now, address) =>
      address === null ? inspectKey(key, now) : inspectKeyFor(key, address, now),
    mergeKey
  }
}

/** Runs one call. */
export function runTask(tasks: Tasks, call: TaskCall): Promise<unknown> {
  switch (call.name) {
    case 'open':
      return tasks.open(...call.args)
    case 'openHeaders':
      return tasks.openHeaders(...call.args)
    case 'seal':
      return tasks.seal(...call.args)
    case 'signClear':
      return tasks.signClear(...call.args)
    case 'inspectKey':
      return tasks.inspectKey(...call.args)
    case 'mergeKey':
      return tasks.mergeKey(...call.args)
  }
}
