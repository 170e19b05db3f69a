/**
 * Whose a ciphertext is (G6, mail.md §2.4): the first sender's whose mail with it was taken in. Whoever sends the same one
 * afterwards is quarantined, unless the inside of their mail names them as its writer: nobody else could have put that there.
 * A mail that had no effect claims nothing, so that a thief who is quicker does not lock out the person who was robbed.
 */
import { isSameAddress } from '../domain/address.ts'
import { type Decision } from '../domain/decision.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { alertMaintainers } from './alerts.ts'
import { dispose } from './dispose.ts'
import { type Moment, type Situation } from './situation.ts'

/** Whether its ciphertext is another sender's. */
export function isReused({ ciphertextReused, opened }: Situation): boolean {
  return ciphertextReused && !isProved(opened)
}

/** Remembers whose the ciphertext of a mail is that was taken in as its sender's own. */
export function claimCiphertext({ opened }: Situation): Decision[] {
  if (opened.ciphertextMarks.length === 0) return []
  return [
    {
      kind: 'remember-ciphertext',
      marks: opened.ciphertextMarks,
      sender: opened.outer.from?.address ?? null,
      isProved: isProved(opened)
    }
  ]
}

/** Whether what was encrypted names the sender outside as its writer. */
function isProved({ encrypted, decrypted, outer, ...opened }: OpenedMail): boolean {
  const inner = (opened.protected ?? opened.innerFacts)?.from ?? null
  return (
    encrypted &&
    decrypted &&
    inner !== null &&
    outer.from !== null &&
    isSameAddress(inner.address, outer.from.address)
  )
}

/**
 * Somebody sends as theirs what another person had encrypted to the desk. Whoever answered such a mail would tell the thief
 * what is in it, so it becomes no case, is shown to nobody and is answered by nobody (G6, mail.md §2.4).
 */
export function quarantineReused(
  settings: Settings,
  situation: Situation,
  moment: Moment
): Decision[] {
  const whence = isReused(situation) ? 'from another sender' : 'into another case'
  return [
    alertMaintainers(settings, moment.now, {
      once: `reused:${situation.arrivalId}`,
      tag: null,
      title: 'A mail was quarantined: reused ciphertext',
      what: `A mail carries encrypted content that came to the desk before, ${whence}. It may be an attempt to learn what is in it from your answer. Its content was not passed on and nobody was answered.`,
      doNext:
        'Look at the sender in the held folder. If it is the same person, ask them to encrypt the mail anew; a mail that a server delivered twice needs nothing.',
      facts: situation.ciphertextCases.map((tag) => ({ label: 'Came before into', value: tag }))
    }),
    dispose('held', 'reused-ciphertext', `its ciphertext came before ${whence}`)
  ]
}
