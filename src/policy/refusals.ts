/**
 * The content-free words to a maintainer whose message did nothing (DESIGN §6): why, and what to do, from constant texts. Goes to
 * the registered address under the registered key, never to the sender of the message.
 */
import { isSameAddress } from '../domain/address.ts'
import { type Decision, type RefusalStanding, type SendSealed } from '../domain/decision.ts'
import { BY_SOMEBODY, event } from '../domain/event.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { refusal } from '../messages/to-maintainers.ts'
import { lackOfProof } from './authentication.ts'
import { type Refusal } from './authority.ts'
import { maintainerRecipient } from './recipients.ts'
import { sealedTo } from './send.ts'
import { type AnsweredMessage, answeredMessage, type Situation } from './situation.ts'

/**
 * More refusals than this to one maintainer in an hour are recorded but not answered. What is surely the maintainer's is counted
 * apart from what anybody can have written, so that no forger keeps from a maintainer that a message of their own did nothing.
 */
const REFUSALS_PER_HOUR_MAX = 10

/** A message in the name of `maintainer` that did nothing, and why. */
export type RefusedMail = {
  readonly maintainer: Maintainer
  readonly because: Refusal
  readonly standing: RefusalStanding
  readonly arrivalId: number
  readonly message: AnsweredMessage
}

/**
 * How sure it is that a refused message is the maintainer's. A signature counts once: whoever sends it again may be anybody. A
 * key that ended is its owner's still; one that was revoked may be a thief's.
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

/** Puts a message without authority on the record, and says why it did nothing, unless too many were answered lately. */
export function refuseMail(
  { maintainer, because, standing, arrivalId, message }: RefusedMail,
  lastHour: Readonly<Record<RefusalStanding, number>>,
  settings: Settings,
  now: Instant
): Decision[] {
  const subject = { kind: 'maintainer', id: maintainer.id } as const
  if (lastHour[standing] >= REFUSALS_PER_HOUR_MAX) {
    const about = { because, standing }
    return [{ kind: 'record', event: event('refused-unanswered', subject, BY_SOMEBODY, about) }]
  }
  const { remedy, ...why } = REFUSALS[because]
  const words = {
    about: `We received a message in your name, dated ${dateOf(message, settings)}, and did not act on it.`,
    ...why,
    remedy: remedy.replace('DESK', settings.desk.address)
  }
  return [
    { kind: 'record', event: event('message-refused', subject, BY_SOMEBODY, { because }) },
    toOne(maintainer, words, { arrivalId, message, now }),
    { kind: 'count-answer', address: maintainer.address, answer: `refusal-${standing}`, at: now }
  ]
}

/** Validly signed, but for no case: nothing runs, and the author learns why. */
export function unboundMail(
  maintainer: Maintainer,
  says: string,
  situation: Situation,
  { settings, now }: { readonly settings: Settings; readonly now: Instant }
): Decision {
  const message = answeredMessage(situation)
  const words = {
    about: `We did not act on your message of ${dateOf(message, settings)}.`,
    because: says,
    remedy: 'Please send it again, signed and encrypted.'
  }
  return toOne(maintainer, words, { arrivalId: situation.arrivalId, message, now })
}

function dateOf({ date }: AnsweredMessage, { desk }: Settings): string {
  return formatInstant(date, desk.timezone)
}

function toOne(
  maintainer: Maintainer,
  words: Parameters<typeof refusal>[0],
  {
    arrivalId,
    message,
    now
  }: Pick<RefusedMail, 'arrivalId' | 'message'> & { readonly now: Instant }
): SendSealed {
  return sealedTo([maintainerRecipient(maintainer)], now, refusal(words), {
    once: String(arrivalId),
    tag: null,
    inReplyTo: message.id
  })
}

const SIGN_AGAIN =
  'If you wrote it, send it again, signed with your registered key and encrypted to the desk.'
const OR_NOT_YOU = `${SIGN_AGAIN} If you did not write it, somebody used your name, and nothing happened.`

type Words = { readonly because: string; readonly remedy: string }

function said(because: string, remedy = SIGN_AGAIN): Words {
  return { because, remedy }
}

const REFUSALS: Readonly<Record<Refusal, Words>> = {
  'not-opened': said('We could not open it.'),
  'not-encrypted': said('It was not encrypted.'),
  'not-pgp-mime': said('Its encryption or signature is not PGP/MIME.'),
  unsigned: said('It was not signed.'),
  'several-signatures': said('It carried more than one signature.'),
  'not-covered': said('The signature does not cover the whole message.'),
  'bad-signature': said('The signature is wrong.', OR_NOT_YOU),
  'unknown-key': said('It was signed by a key that is not registered for you.', OR_NOT_YOU),
  'expired-key': said(
    'Your key has expired.',
    'Extend your key and give the operator the new public key.'
  ),
  'revoked-key': said('Your key is revoked.', 'Give the operator your new public key.'),
  'repeated-header': said('It repeats header fields that may occur only once.'),
  stale: said('Its signature is too old.'),
  'from-the-future': said(
    'Its signature is dated in the future.',
    'Set your clock and send it again.'
  ),
  'for-another': said(
    'Nothing in its signed part says that it is meant for this desk.',
    'If you wrote it for the desk, reply to any message of the desk and keep its last line (Ref: …) in your text, or begin your message with the line "to: DESK", above the commands. If you wrote it to somebody else, that person has sent it on; nothing happened.'
  ),
  replayed: said('Its signature was used before.', OR_NOT_YOU)
}
