/**
 * What a message is before it is rendered and sent, and the reference line that ends an encrypted one. Only a definition in
 * src/messages makes a message, so whether it may ever leave unencrypted is decided there, by its type, and nowhere else (G3).
 */
import { type Address } from './address.ts'
import { type CaseTag, type MessageId } from './ids.ts'
import { type Instant } from './time.ts'

/** The rule line around everything that the desk puts beside another person's words; replies are cut at it. */
export const DESK_RULE = '-----8<----- postern -----8<-----'

/** One line `label: value`. */
export type FactLine = { readonly label: string; readonly value: string }

/** What everybody on the way could see of a message's encryption (G6). */
export type VisibleEncryption = 'desk' | 'other' | 'hidden' | 'nobody' | 'unknown'

export type Audience = 'reporter' | 'maintainer' | 'member' | 'outsider'

/** The person whom an answer to a message to maintainers may reach, too; '' where it stays among them. */
export type Conversation = '' | `reporter:${string}` | `member:${string}`

/** Name of a message's definition, for the outbox, the log and the record. */
export type MessageKind = string

/** Whether it may leave unencrypted: never, as it holds no content, or as own words to a reporter who began so. */
export type Secrecy = 'never' | 'content-free' | 'own-words'

/** A message of the desk that another one names or quotes; `tag` is the case in which it left, null for none. */
export type NamedMessage = {
  readonly messageId: MessageId
  readonly kind: MessageKind
  readonly tag: CaseTag | null
  /** The one to which an answer belongs. */
  readonly conversation: Conversation
  readonly audience: Audience
  /** Id of the reporter, maintainer or member, '' for others. */
  readonly recipientId: string
  readonly envelopeTo: Address
  readonly createdAt: Instant
  /** When a server said that it did not arrive; null where none did. */
  readonly bouncedAt: Instant | null
  /** The message that it forwards, whose files its reader may have; null for none. */
  readonly filesOf: number | null
  /** Whether files that name the sender of that message stay out. */
  readonly isSenderHidden: boolean
}

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
  /** The Liquid text that comes with the program. */
  readonly builtIn: string
  readonly samples: Readonly<Record<string, object>>
}

// The last line of an encrypted message: only its recipient can read the code in it, so whoever quotes it answers that message
// (B20).

/** Length of a reference code in characters of `a`-`z` and `2`-`7`: too many to guess. */
export const CODE_CHARS = 32
/** At most so many reference lines of one message are looked up. */
const QUOTED_MAX = 20
/** The number of the case is for people; the code counts. */
const REF_LINE = /^[>\s]*Ref: (?:\S{1,40} )?([a-z2-7]{32})\s*$/u
/** Also in the middle of a line, which a client may break when it quotes. */
const REF = /Ref:\s{1,80}(?:\S{1,40}\s{1,80})?[a-z2-7]{32}(?!\S)/giu

export function refLine(tag: CaseTag | null, code: string): string {
  return `Ref: ${tag === null ? '' : `${tag} `}${code}`
}

/** The codes of the reference lines in a text, quoted or not. */
export function quotedCodes(text: string): string[] {
  // Line by line: `^` of a multi-line pattern also matches after characters that a reporter can put inside a line.
  const codes = text.split('\n').flatMap((line) => REF_LINE.exec(line)?.[1] ?? [])
  return [...new Set(codes)].slice(0, QUOTED_MAX)
}

export function holdsRef(text: string): boolean {
  return text.search(REF) >= 0
}

/** Another person's text, in which nothing can become a reference line of the desk. */
export function withoutRefs(text: string): string {
  return text.replaceAll(REF, '[reference line removed]')
}
