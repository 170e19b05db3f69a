/**
 * Makes the decisions that send. In charge of who may get what: nothing goes out unencrypted but a message whose definition
 * allows it (G3).
 */
import type * as decisions from '../domain/decision.ts'
import { type Message } from '../domain/message.ts'
import { conversationAbout } from './conversation.ts'
import { type CommandContext, type DeskContext } from './draft.ts'
import { type OpenPath } from './recipients.ts'

/** One encrypted copy for each recipient. */
export function sealedTo(
  recipients: readonly decisions.SealedRecipient[],
  message: Message,
  sending: decisions.Sending & Pick<decisions.SendSealed, 'files' | 'noticeId' | 'smaller'>
): decisions.SendSealed {
  return { kind: 'send-sealed', ...once(message, sending), message, recipients }
}

/** What one maintainer wrote or did in a case, to the others: in the conversation that it answers. */
export function toOthers(
  context: CommandContext,
  message: Message,
  { files = null, smaller = message }: Partial<Pick<decisions.SendSealed, 'files' | 'smaller'>> = {}
) {
  const { author, settings, arrivalId, bound } = context
  const others = settings.maintainers.filter(({ id }) => id !== author.id)
  const conversation = conversationAbout(context.conversation)
  const sending = { once: String(arrivalId), tag: bound.case.tag, via: author.name, conversation }
  return sealedTo(others, message, { ...sending, files, smaller })
}

/** To the maintainer whose message this answers. */
export function toAuthor(
  { author, arrivalId, message }: Pick<DeskContext, 'author' | 'arrivalId' | 'message'>,
  answer: Message,
  sending: Partial<decisions.Sending> & Pick<decisions.Sending, 'tag'>
): decisions.SendSealed {
  const usual = { once: String(arrivalId), inReplyTo: message.id }
  return sealedTo([author], answer, { ...usual, ...sending })
}

/** Readable by everybody on the way. */
export function inClearTo(
  to: decisions.Addressee,
  message: Message<'content-free' | 'own-words'>,
  sending: decisions.Sending
): decisions.SendClear {
  return { kind: 'send-clear', ...once(message, sending), message, to }
}

/** To the reporter on the way that is open: files go along encrypted only (G3). */
export function toReporter(
  path: OpenPath,
  message: Message<'content-free' | 'own-words'>,
  { files = null, smaller = message, ...sending }: Parameters<typeof sealedTo>[2]
): decisions.SendSealed | decisions.SendClear {
  return path.kind === 'encrypted'
    ? sealedTo([path.recipient], message, { ...sending, files, smaller })
    : inClearTo(path.to, message, sending)
}

function once<S extends decisions.Sending>({ kind }: Message, sending: S): S {
  return { ...sending, once: `${kind}:${sending.once}` }
}
