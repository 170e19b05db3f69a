/**
 * Tells a maintainer why a message in their name had no effect, and what to do, in constant words without content (DESIGN §6).
 * Goes to the registered address under the registered key, never to the sender of the message.
 */
import { isSameAddress } from '../domain/address.ts'
import { type Decision, recorded, type SendSealed } from '../domain/decision.ts'
import { BY_SOMEBODY, type RefusalStanding } from '../domain/event.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { refusal } from '../messages/to-maintainers.ts'
import { lackOfProof } from './authentication.ts'
import { type DeskContext } from './draft.ts'
import { maintainerRecipient } from './recipients.ts'
import { sealedTo } from './send.ts'
import { type AnsweredMessage, answeredMessage, type Situation } from './situation.ts'

/**
 * More refusals than this to one maintainer in an hour are recorded but not answered. Messages that are surely the maintainer's
 * are counted apart from those that anybody can have written, so that forged ones do not use up the answers to real ones.
 */
const REFUSALS_PER_HOUR_MAX = 10

/**
 * How sure it is that a refused message is the maintainer's. A signature counts only once, because anybody may send it again. A
 * key that has expired is still its owner's; one that was revoked may be a thief's.
 */
export function refusalStanding(
  { opened, signatureSeen }: Pick<Situation, 'opened' | 'signatureSeen'>,
  maintainer: Maintainer,
  settings: Settings
): RefusalStanding {
  const { from } = opened.outer
  const isFromThem = from !== null && isSameAddress(from.address, maintainer.address)
  if (isFromThem && lackOfProof(opened, settings) === null) return 'proved'
  const isSigned = opened.signatures.some(
    ({ state, fingerprint }) =>
      (state === 'valid' || state === 'expired-key') && fingerprint === maintainer.fingerprint
  )
  return isSigned && !signatureSeen ? 'signed' : 'unproved'
}

/** Puts a message without authority on the record, and says why it had no effect, unless too many were answered lately. */
export function refuseMail(
  situation: Situation,
  { maintainer, because }: { readonly maintainer: Maintainer; readonly because: Refusal },
  settings: Settings,
  now: Instant
): Decision[] {
  const subject = { kind: 'maintainer', id: maintainer.id } as const
  const refused = recorded('message-refused', subject, BY_SOMEBODY, { because })
  // Nobody wrote the receipt of a maintainer's mail program, so nobody is told that it had no effect.
  if (situation.opened.automatic.includes('receipt')) return [refused]
  const standing = refusalStanding(situation, maintainer, settings)
  if (situation.history.refusalsLastHour[standing] >= REFUSALS_PER_HOUR_MAX)
    return [recorded('refused-unanswered', subject, BY_SOMEBODY, { because, standing })]
  const [why, remedy = SIGN_AGAIN]: Words = REFUSALS[because]
  const message = answeredMessage(situation)
  const words = {
    about: `We received a message in your name, dated ${dateOf(message, settings)}, and did not act on it.`,
    because: why,
    remedy: remedy.replace('DESK', settings.desk.address)
  }
  return [
    refused,
    toOne({ ...situation, author: maintainer, now, message }, words),
    { kind: 'count-answer', address: maintainer.address, answer: `refusal-${standing}`, at: now }
  ]
}

/** A validly signed message that names no case: tells the author why nothing was done. */
export function unboundMail(context: DeskContext, says: string): Decision {
  return toOne(context, {
    about: `We did not act on your message of ${dateOf(context.message, context.settings)}.`,
    because: says,
    remedy: 'Please send it again, signed and encrypted.'
  })
}

function dateOf({ date }: AnsweredMessage, { desk }: Settings): string {
  return formatInstant(date, desk.timezone)
}

function toOne(
  {
    author,
    now,
    arrivalId,
    message
  }: Pick<DeskContext, 'author' | 'now' | 'arrivalId' | 'message'>,
  words: Parameters<typeof refusal>[0]
): SendSealed {
  return sealedTo([maintainerRecipient(author)], now, refusal(words), {
    once: String(arrivalId),
    tag: null,
    inReplyTo: message.id
  })
}

const SIGN_AGAIN =
  'If you wrote it, send it again, signed with your registered key and encrypted to the desk.'
const OR_NOT_YOU = `${SIGN_AGAIN} If you did not write it, somebody used your name, and nothing happened.`

type Words = readonly [because: string, remedy?: string]

export type Refusal = keyof typeof REFUSALS

/** Why the message had no effect, and what to do unless that is {@link SIGN_AGAIN}. */
const REFUSALS = {
  'not-opened': ['We could not open it.'],
  'not-encrypted': ['It was not encrypted.'],
  'not-pgp-mime': ['Its encryption or signature is not PGP/MIME.'],
  unsigned: ['It was not signed.'],
  'several-signatures': ['It carried more than one signature.'],
  'not-covered': ['The signature does not cover the whole message.'],
  'bad-signature': ['The signature is wrong.', OR_NOT_YOU],
  'unknown-key': ['It was signed by a key that is not registered for you.', OR_NOT_YOU],
  'expired-key': [
    'Your key has expired.',
    'Extend your key and give the operator the new public key.'
  ],
  'revoked-key': ['Your key is revoked.', 'Give the operator your new public key.'],
  'repeated-header': ['It repeats header fields that may occur only once.'],
  stale: ['Its signature is too old.'],
  'from-the-future': ['Its signature is dated in the future.', 'Set your clock and send it again.'],
  'for-another': [
    'Nothing in its signed part says that it is meant for this desk.',
    'If you wrote it for the desk, reply to any message of the desk and keep its last line (Ref: …) in your text, or begin your message with the line "to: DESK", above the commands. If you wrote it to somebody else, that person has sent it on; nothing happened.'
  ],
  replayed: ['Its signature was used before.', OR_NOT_YOU]
} satisfies Readonly<Record<string, Words>>
