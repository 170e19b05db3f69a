/**
 * The options of the pool, and what crosses between it and a worker thread. Types only, so that the pool's thread loads
 * neither the crypto nor the parsers. What crosses must be plain data that structured cloning keeps.
 */
import { type Address } from '../domain/address.ts'
import { type TroubleCode } from '../domain/trouble.ts'
import { type Log, type Workers } from '../effects/effects.ts'

/** What every worker gets at its start. Holds the passphrase: never log or store it. */
export type WorkerStart = {
  /** Armored, passphrase-protected private keys of the desk: the first signs, all decrypt. Only a reader may have none. */
  readonly deskKeys: readonly string[]
  readonly passphrase: string
  readonly deskName: string
  readonly deskAddress: Address
  /** Binary certificates of the maintainers: every opened message is verified against them. */
  readonly maintainerKeys: readonly Uint8Array[]
  /** Whether the worker only opens messages, and never encrypts or signs; default false. */
  readonly isReader?: boolean
}

/** Limits of the pool. */
export type WorkerOptions = {
  readonly start: WorkerStart
  /** Called for every worker that was terminated or died. */
  readonly onEvent: Log
  /** Most tasks at a time, each in its own thread; default the number of processors, at most 2. */
  readonly maxThreads?: number
  /** JavaScript heap of one thread in MiB; default 768. Buffers are outside the heap; the message size limits them. */
  readonly memoryMegabytes?: number
  /** Time limit for one task in milliseconds, without waiting; default 60,000. A long list of recipients takes many tasks. */
  readonly taskMs?: number
  /** Milliseconds until an idle thread is terminated to free its memory; default 60,000. */
  readonly idleMs?: number
  /** The worker's entry file; default beside this file. */
  readonly workerFile?: URL
}

/** Every task by name. */
export type Tasks = Omit<Workers, 'close'>
export type TaskName = keyof Tasks
/** What one task resolves to. */
export type TaskResult<Name extends TaskName> =
  ReturnType<Tasks[Name]> extends Promise<infer Result> ? Result : never
/** One call of one task. */
export type TaskCall = {
  readonly [Name in TaskName]: { readonly name: Name; readonly args: Parameters<Tasks[Name]> }
}[TaskName]

/** What goes to a worker and what comes back, numbered; a thread's start is call 0. */
export type Numbered<T> = { readonly number: number; readonly what: T }

/** The answer of a worker. `bug` is the class of an error, or the text of an Invariant: never content. */
export type TaskAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | {
      readonly kind: 'trouble'
      readonly code: TroubleCode
      readonly hint: string
      readonly retryable: boolean
    }
  | { readonly kind: 'bug'; readonly error: string }
