/**
 * What a message is before it is rendered and sent. Only a definition in src/messages makes one, so whether it may ever
 * leave unencrypted is decided there, by its type, and nowhere else (G3).
 */

/** The rule line around everything that the desk puts beside another person's words; replies are cut at it. */
export const DESK_RULE = '-----8<----- postern -----8<-----'

/** One line `label: value`. */
export type FactLine = { readonly label: string; readonly value: string }

/** What everybody on the way could see of a message's encryption (G6). */
export type VisibleEncryption = 'desk' | 'other' | 'hidden' | 'nobody' | 'unknown'

export type Audience = 'reporter' | 'maintainer' | 'member' | 'outsider'

/**
 * Whose conversation a message to maintainers belongs to: that of a reporter or list member, whom an answer may reach, or ''
 * for the maintainers' own.
 */
export type Conversation = '' | `reporter:${string}` | `member:${string}`

/** Name of a message's definition, for the outbox, the log and the record. */
export type MessageKind = string

/**
 * Whether a message may leave unencrypted: `never`; `content-free`, because its parameters hold nothing of any report or
 * notice; `own-words`, a maintainer's words to a reporter who began unencrypted.
 */
export type Secrecy = 'never' | 'content-free' | 'own-words'

declare const made: unique symbol

/** One message with its parameters. Made by its definition only. */
export type Message<S extends Secrecy = Secrecy> = {
  readonly kind: MessageKind
  readonly audience: Audience
  readonly inClear: S
  readonly autoSubmitted: 'no' | 'auto-replied' | 'auto-generated'
  /** Neutral words, without the case number that goes in front: common clients repeat them unencrypted when they answer. */
  readonly subject: string
  readonly params: object
  readonly [made]: true
}

/** The wording of one kind of message: its file, for complaints, its Liquid text, and samples of its parameters by title. */
export type Wording = {
  readonly file: string
  readonly source: string
  readonly samples: Readonly<Record<string, object>>
}
