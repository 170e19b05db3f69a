/**
 * What crosses between the pool and a worker thread. Types only, so that the pool's thread loads neither the crypto nor
 * the parsers. Everything here must be plain data that structured cloning keeps.
 */
import { type Address } from '../domain/address.ts'
import { type TroubleCode } from '../domain/trouble.ts'
import { type Workers } from '../effects/effects.ts'

/** What every worker is given when it starts. Holds the passphrase: never log it, never store it. */
export type WorkerStart = {
  /** Armored, passphrase-protected private keys of the desk: the first signs, all open mail. Only a reader may have none. */
  readonly deskKeys: readonly string[]
  readonly passphrase: string
  readonly deskName: string
  readonly deskAddress: Address
  /** Binary certificates of the maintainers: every opened mail is verified against them. */
  readonly maintainerKeys: readonly Uint8Array[]
  /** Whether mail is opened only, and nothing sealed or signed; default false. */
  readonly isReader?: boolean
}

/** Every task by name. */
export type Tasks = Omit<Workers, 'close'>
export type TaskName = keyof Tasks
/** What one task resolves to. */
export type TaskResult<Name extends TaskName> =
  ReturnType<Tasks[Name]> extends Promise<infer Result> ? Result : never
/** One call of one task, as it crosses to a worker. */
export type TaskCall = {
  readonly [Name in TaskName]: { readonly name: Name; readonly args: Parameters<Tasks[Name]> }
}[TaskName]

/** What goes to a worker and what comes back; the first word of a thread answers call 0. */
export type Numbered<T> = { readonly number: number; readonly what: T }

/** What comes back from a worker. `bug` is an error's class, or the text of an Invariant: never content. */
export type TaskAnswer =
  | { readonly kind: 'done'; readonly value: unknown }
  | {
      readonly kind: 'trouble'
      readonly code: TroubleCode
      readonly hint: string
      readonly retryable: boolean
    }
  | { readonly kind: 'bug'; readonly error: string }
