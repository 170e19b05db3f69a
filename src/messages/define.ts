/**
 * How a message is defined: everything about one kind of message in one object, its wording beside it in KIND.liquid, and
 * samples of its parameters in samples.yaml. Must never make a message that its type does not allow to leave unencrypted look
 * like one that may (G3).
 */
import { type Audience, type Message, type Secrecy } from '../domain/message.ts'

/** Everything about one kind of message but its wording. */
export type What<K extends string, P extends object, S extends Secrecy> = {
  /** Names the message in the outbox and on the record, and its wording: KIND.liquid. */
  readonly kind: K
  /** What people call it, to be used after "the". */
  readonly noun: string
  /** What goes to members of the list is always encrypted (G5). */
  readonly audience: S extends 'never' ? Audience : Exclude<Audience, 'member'>
  readonly inClear: S
  /** RFC 3834: `no` only where a person wrote the words. */
  readonly autoSubmitted: Message['autoSubmitted']
  /** Neutral words without the case number. */
  readonly subject: string | ((params: P) => string)
}

/** One kind of message: a function from its parameters to the message, and what is known of all of its kind. */
export type Definition<K extends string, P extends object, S extends Secrecy> = {
  (params: P): Message<S>
  readonly kind: K
  readonly noun: string
  /** Whether a message is of this kind. */
  is(message: Message): message is Message<S> & { readonly params: P }
}

/** A definition whose parameters are not known. */
export type AnyDefinition = {
  (params: never): Message
  readonly kind: string
  readonly noun: string
}

/** Defines one kind of message with parameters `P`. */
export function define<P extends object>() {
  return <const K extends string, S extends Secrecy>(what: What<K, P, S>): Definition<K, P, S> => {
    const { kind, noun, audience, inClear, autoSubmitted, subject } = what
    const make = (params: P): Message<S> =>
      branded({
        ...{ kind, audience, inClear, autoSubmitted, params },
        subject: typeof subject === 'string' ? subject : subject(params)
      })
    const is = (message: Message): message is Message<S> & { readonly params: P } =>
      message.kind === kind
    return Object.assign(make, { kind, noun, is })
  }
}

/** The one place that makes a message. */
function branded<S extends Secrecy>(message: Unmade<S>): Message<S> {
  return message as Message<S>
}

type Unmade<S extends Secrecy> = {
  readonly [K in Exclude<keyof Message<S>, symbol>]: Message<S>[K]
}
