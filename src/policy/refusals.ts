/**
 * Tells a maintainer why a message in their name had no effect, and what to do, in constant words without content (DESIGN §6).
 * Goes to the registered address under the registered key, never to the sender of the message.
 */
import { type Decision, recorded, type SendSealed } from '../domain/decision.ts'
import { BY_SOMEBODY } from '../domain/event.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { formatInstant } from '../domain/time.ts'
import { type Refusal, refusal } from '../messages/to-maintainers.ts'
import { type DeskContext } from './draft.ts'
import { maintainerRecipient } from './recipients.ts'
import { sealedTo } from './send.ts'
import { answeredMessage, type Situation } from './situation.ts'

/** More refusals than this to one maintainer in an hour are recorded but not answered; an alarm tells of them. */
const REFUSALS_PER_HOUR_MAX = 10

/** Puts a message without authority on the record, and says why it had no effect, unless too many were answered lately. */
export function refuseMail(
  situation: Situation,
  { maintainer, because }: { readonly maintainer: Maintainer; readonly because: Refusal },
  settings: Settings
): Decision[] {
  const subject = { kind: 'maintainer', id: maintainer.id } as const
  const refused = recorded('message-refused', subject, BY_SOMEBODY, { because })
  // Nobody wrote the receipt of a maintainer's mail program, so nobody is told that it had no effect.
  if (situation.opened.automatic.includes('receipt')) return [refused]
  if (situation.history.refusalsLastHour >= REFUSALS_PER_HOUR_MAX)
    return [recorded('refused-unanswered', subject, BY_SOMEBODY, { because })]
  const message = answeredMessage(situation)
  return [
    refused,
    toOne({ ...situation, author: maintainer, settings, message }, { because, says: '' })
  ]
}

/** A validly signed message that names no case: tells the author why nothing was done. */
export function unboundMail(context: DeskContext, says: string): Decision {
  return toOne(context, { because: '', says })
}

function toOne(
  {
    author,
    settings,
    arrivalId,
    message
  }: Pick<DeskContext, 'author' | 'settings' | 'arrivalId' | 'message'>,
  words: Omit<Parameters<typeof refusal>[0], 'date'>
): SendSealed {
  const date = formatInstant(message.date, settings.desk.timezone)
  return sealedTo([maintainerRecipient(author)], refusal({ ...words, date }), {
    once: String(arrivalId),
    tag: null,
    inReplyTo: message.id
  })
}
