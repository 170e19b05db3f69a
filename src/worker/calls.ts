/**
 * What crosses between the pool and a worker thread. Types only, so that the pool's thread loads neither the crypto nor the
 * parsers. Must contain only plain data that structured cloning keeps.
 */
import { type Address } from '../domain/address.ts'
import { type TroubleCode } from '../domain/trouble.ts'
import { type Workers } from '../effects/effects.ts'

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
