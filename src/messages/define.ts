/**
 * How a message is defined: everything about one kind of message in one object, its wording beside it in KIND.liquid, and samples
 * of its parameters in samples.yaml. A message whose type forbids leaving unencrypted must never look like one that may (G3).
 */
import { type Audience, type Message, type Secrecy } from '../domain/message.ts'

/** One kind of message: a function from its parameters to the message, and what is known of all of its kind. */
export type Definition<K extends string, P extends object, S extends Secrecy> = {
  (params: P): Message<S>
  readonly kind: K
  readonly noun: string
  readonly inClear: S
}

/** A definition whose parameters are not known. */
export type AnyDefinition = Definition<string, never, Secrecy>

/**
 * A family of messages: to whom they go, whether they may leave unencrypted (to members never, G5), and whether a person wrote
 * them (RFC 3834: `no`). Defines one kind with parameters `P`: `kind` names it everywhere, and its wording, KIND.liquid; `noun`
 * is what people call it, to be used after "the"; its subject is neutral words without the case number.
 */
export function family<S extends Secrecy>(
  audience: S extends 'never' ? Audience : Exclude<Audience, 'member'>,
  inClear: S,
  autoSubmitted: Message['autoSubmitted']
) {
  return <P extends object>() =>
    <const K extends string>(
      kind: K,
      noun: string,
      subject: string | ((params: P) => string)
    ): Definition<K, P, S> => {
      const make = (params: P): Message<S> =>
        branded({
          ...{ kind, audience, inClear, autoSubmitted, params },
          subject: typeof subject === 'string' ? subject : subject(params)
        })
      return Object.assign(make, { kind, noun, inClear })
    }
}

/** The one place that makes a message. */
function branded<S extends Secrecy>(
  message: { readonly [K in Exclude<keyof Message<S>, symbol>]: Message<S>[K] }
): Message<S> {
  return message as Message<S>
}
