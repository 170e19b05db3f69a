/**
 * Who owns a ciphertext (G6, mail.md §2.4): the first sender from whom it was taken in. The same ciphertext from anybody else is
 * quarantined, unless the inside of the message shows that it is theirs: it names them as its writer or is signed with their key,
 * which nobody else could have put there. A message that had no effect, or that could not be opened, claims nothing, so that a
 * thief who is quicker does not lock out the victim. Each is remembered all the same, because what a maintainer encrypted and
 * the desk refused is as worth stealing as a report.
 */
import { type Address, isSameAddress } from '../domain/address.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK } from '../domain/event.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { type Situation } from './situation.ts'

/** Whether the ciphertext of the message belongs to another sender. */
export function isReused(situation: Situation, settings: Settings): boolean {
  return situation.ciphertextReused && !isProved(situation, settings)
}

/** Whether another sender sent the ciphertext before, with effect or not, and nothing inside shows that it is this sender's. */
export function isCopy(situation: Situation, settings: Settings): boolean {
  return situation.ciphertextSeen && !isProved(situation, settings)
}

/**
 * Remembers the ciphertext of a message that was taken in as its sender's own. A message that could not be opened claims
 * nothing: anybody can put a ciphertext into one.
 */
export function claimCiphertext(situation: Situation, settings: Settings): Decision[] {
  if (!situation.opened.decrypted) return remember(situation, 'seen')
  return remember(situation, isProved(situation, settings) ? 'proved' : 'claimed')
}

/** Remembers who sent the ciphertext of a message without effect, unless `decided` remembers it already; claims it for nobody. */
export function noteCiphertext(situation: Situation, decided: readonly Decision[]): Decision[] {
  const isNoted = decided.some(({ kind }) => kind === 'remember-ciphertext')
  return isNoted ? [] : remember(situation, 'seen')
}

function remember(
  { opened }: Situation,
  standing: Extract<Decision, { readonly kind: 'remember-ciphertext' }>['standing']
): Decision[] {
  const { ciphertextMark: mark, outer } = opened
  const sender = outer.from?.address ?? null
  return mark === null ? [] : [{ kind: 'remember-ciphertext', mark, sender, standing }]
}

/** Whether what was encrypted names the sender outside as its writer, or is signed with a key of theirs. */
function isProved(situation: Situation, settings: Settings): boolean {
  const { encrypted, decrypted, outer, ...opened } = situation.opened
  if (!encrypted || !decrypted || outer.from === null) return false
  const { address } = outer.from
  const inner = opened.protected ?? opened.innerFacts
  if (inner !== null && (inner.from !== null || inner.unreadableFrom !== '')) {
    return inner.from !== null && isSameAddress(inner.from.address, address)
  }
  const keys = keysOf(address, situation, settings)
  return opened.signatures.some(
    ({ state, fingerprint, isInside }) =>
      isInside && state === 'valid' && fingerprint !== null && keys.includes(fingerprint)
  )
}

/** Every key that is known for an address, or that names it and came with the message. */
function keysOf(
  address: Address,
  { opened, senderKey, member }: Situation,
  settings: Settings
): Fingerprint[] {
  const registered = [...settings.maintainers, ...(member === null ? [] : [member.record])].filter(
    (person) => isSameAddress(person.address, address)
  )
  const known = [...registered, ...opened.candidateKeys, ...(senderKey === null ? [] : [senderKey])]
  return known.map(({ fingerprint }) => fingerprint)
}

/**
 * Somebody sends as theirs what another person had encrypted to the desk. An answer would tell the thief what is in it, so it
 * becomes no case, is shown to nobody and gets no answer (G6, mail.md §2.4).
 */
export function quarantineReused(settings: Settings, situation: Situation): Decision[] {
  const whence = isReused(situation, settings) ? 'from another sender' : 'into another case'
  const about = { cases: situation.ciphertextCases }
  return [
    recorded('ciphertext-reused', DESK, BY_SOMEBODY, about),
    dispose('held', 'reused-ciphertext', `its ciphertext came before ${whence}`)
  ]
}
