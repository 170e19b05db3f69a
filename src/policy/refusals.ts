/**
 * The content-free words to a maintainer whose mail did nothing (DESIGN §6): why, and what to do, from constant texts. Goes to
 * the registered address under the registered key, never to the sender of the mail.
 */
import { type Decision, type SendSealed } from '../domain/decision.ts'
import { type Maintainer, type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { alertMaintainers } from './alerts.ts'
import { type Refusal } from './authority.ts'
import { maintainerRecipient } from './recipients.ts'

/** More refusals than this to one maintainer in an hour are recorded but not mailed: somebody is forging. */
const REFUSALS_PER_HOUR_MAX = 10

/** The mail that says why a mail without authority did nothing; none when too many were sent lately. */
export function refusalMail(
  about: { readonly maintainer: Maintainer; readonly because: Refusal; readonly arrivalId: number },
  lastHour: number,
  settings: Settings,
  now: Instant
): Decision[] {
  const { maintainer, because, arrivalId } = about
  if (lastHour >= REFUSALS_PER_HOUR_MAX) {
    return [
      alertMaintainers(settings, now, {
        once: `refusals:${maintainer.id}:${now.slice(0, 10)}`,
        tag: null,
        title: "Many mails without authority in a maintainer's name",
        what: `More than ${REFUSALS_PER_HOUR_MAX} mails in an hour claimed to come from ${maintainer.name} and did nothing. They are in the held folder, and further ones of today are put there without a word.`,
        doNext:
          'Somebody may be forging the name. Real mails must be signed and encrypted; look for them in the held folder.',
        facts: []
      })
    ]
  }
  return [
    {
      ...constantMail(maintainer, settings, now, {
        ...REFUSALS[because],
        once: `refusal:${arrivalId}`
      }),
      mail: 'refusal',
      subject: 'A mail in your name did nothing'
    },
    { kind: 'count-answer', address: maintainer.address, answer: 'refusal', at: now }
  ]
}

/** Validly signed, but for no case: nothing runs, and the author learns why. */
export function unboundMail(
  about: { readonly maintainer: Maintainer; readonly says: string; readonly arrivalId: number },
  settings: Settings,
  now: Instant
): Decision {
  const words = {
    because: about.says,
    remedy: 'Send it again, signed and encrypted.',
    once: `transcript:${about.arrivalId}`
  }
  return {
    ...constantMail(about.maintainer, settings, now, words),
    mail: 'transcript',
    subject: 'Nothing was done'
  }
}

function constantMail(
  maintainer: Maintainer,
  settings: Settings,
  now: Instant,
  words: { readonly because: string; readonly remedy: string; readonly once: string }
): Omit<SendSealed, 'mail' | 'subject'> {
  return {
    kind: 'send-sealed',
    once: words.once,
    caseTag: null,
    audience: 'maintainer',
    noticeId: null,
    autoSubmitted: 'auto-replied',
    via: null,
    notBefore: now,
    recipients: [maintainerRecipient(maintainer)],
    files: { from: 'nothing' },
    template: {
      name: 'refusal',
      params: { desk: settings.desk.name, because: words.because, remedy: words.remedy }
    }
  }
}

const SIGN_AGAIN =
  'If you wrote it, send it again, signed with your registered key and encrypted to the desk.'
const NOT_YOU = 'If you did not write it, somebody used your name; nothing happened.'

const REFUSALS: Readonly<Record<Refusal, { readonly because: string; readonly remedy: string }>> = {
  'not-opened': { because: 'The desk could not open it.', remedy: SIGN_AGAIN },
  'not-encrypted': { because: 'It was not encrypted.', remedy: SIGN_AGAIN },
  'not-pgp-mime': { because: 'It was not PGP/MIME from end to end.', remedy: SIGN_AGAIN },
  unsigned: { because: 'It was not signed.', remedy: SIGN_AGAIN },
  'several-signatures': { because: 'It carried more than one signature.', remedy: SIGN_AGAIN },
  'not-covered': { because: 'The signature does not cover the whole mail.', remedy: SIGN_AGAIN },
  'bad-signature': { because: 'The signature is wrong.', remedy: `${SIGN_AGAIN} ${NOT_YOU}` },
  'unknown-key': {
    because: 'It was signed by a key that is not registered for you.',
    remedy: `${SIGN_AGAIN} ${NOT_YOU}`
  },
  'expired-key': {
    because: 'Your key has expired.',
    remedy: 'Extend your key and give the operator the new public key.'
  },
  'revoked-key': {
    because: 'Your key is revoked.',
    remedy: 'Give the operator your new public key.'
  },
  'repeated-header': {
    because: 'It repeats header fields that may stand only once.',
    remedy: SIGN_AGAIN
  },
  stale: { because: 'Its signature is too old.', remedy: SIGN_AGAIN },
  'from-the-future': {
    because: 'Its signature is dated in the future.',
    remedy: 'Set your clock and send it again.'
  },
  replayed: { because: 'This very signature was used before.', remedy: `${SIGN_AGAIN} ${NOT_YOU}` }
}
