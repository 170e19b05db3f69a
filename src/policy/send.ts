/**
 * Makes the decisions that send. In charge of who may get what: nothing goes out unencrypted but a message whose definition
 * allows it (G3).
 */
import {
  type Addressee,
  type SealedRecipient,
  type SendClear,
  type Sending,
  type SendSealed
} from '../domain/decision.ts'
import { type Message } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { type DeskContext } from './draft.ts'
import { type OpenPath } from './recipients.ts'

/** One encrypted copy for each recipient. */
export function sealedTo(
  recipients: readonly SealedRecipient[],
  message: Message,
  sending: Sending & Pick<SendSealed, 'files' | 'noticeId'>
): SendSealed {
  return { kind: 'send-sealed', ...once(message, sending), message, recipients }
}

/** To all maintainers, or to all but the one named. */
export function toMaintainers(
  settings: Settings,
  message: Message,
  { except, ...sending }: Parameters<typeof sealedTo>[2] & { readonly except?: string }
): SendSealed {
  const readers = settings.maintainers.filter(({ id }) => id !== except)
  return sealedTo(readers, message, sending)
}

/** To the maintainer whose message this answers. */
export function toAuthor(
  { author, arrivalId, message }: Pick<DeskContext, 'author' | 'arrivalId' | 'message'>,
  answer: Message,
  sending: Partial<Sending> & Pick<Sending, 'tag'>
): SendSealed {
  const usual = { once: String(arrivalId), inReplyTo: message.id }
  return sealedTo([author], answer, { ...usual, ...sending })
}

/** Readable by everybody on the way. */
export function inClearTo(
  to: Addressee,
  message: Message<'content-free' | 'own-words'>,
  sending: Sending
): SendClear {
  return { kind: 'send-clear', ...once(message, sending), message, to }
}

/** To the reporter on the way that is open: files go along encrypted only (G3). */
export function toReporter(
  path: OpenPath,
  message: Message<'content-free' | 'own-words'>,
  { files = null, ...sending }: Parameters<typeof sealedTo>[2]
): SendSealed | SendClear {
  return path.kind === 'encrypted'
    ? sealedTo([path.recipient], message, { ...sending, files })
    : inClearTo(path.to, message, sending)
}

function once<S extends Sending>({ kind }: Message, sending: S): S {
  return { ...sending, once: `${kind}:${sending.once}` }
}
