/**
 * Whether the inside of an encrypted mail contradicts its outside (mail.md §2.4): somebody may have sent on as theirs what
 * another person had sealed to the desk. Such a message is withheld: a case like that of a message that cannot be opened, with
 * nothing of its content, so that neither the maintainers' answer nor the desk's own tells the sender what was inside (G6).
 */
import { type Address, isSameAddress } from '../domain/address.ts'
import { type Fingerprint, isNamedBy } from '../domain/ids.ts'
import { type HeaderFacts, type OpenedMail } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { isCopy } from './ciphertext.ts'
import { type Situation } from './situation.ts'

/** What contradicts: the protected From or To, whose key signed, the form it came in, or that another sent it before. */
export type Contradiction = 'from' | 'to' | 'signer' | 'form' | 'copy'

/** The contradiction of an opened encrypted mail, or null. A message in clear tells nobody anything and is shown as it is. */
export function contradictionOf(situation: Situation, settings: Settings): Contradiction | null {
  const { opened } = situation
  if (!opened.encrypted || !opened.decrypted) return null
  // A message put into another wrapper keeps its inside: headers that may not be shown can still contradict the claimed sender.
  const inner = opened.protected ?? opened.innerFacts
  const named = [inner, opened.namesInside].filter((facts) => facts !== null)
  if (named.some((facts) => isFromAnother(opened.outer, facts))) return 'from'
  if (named.some((facts) => isToOthers(opened.outer, facts, settings.desk.address))) return 'to'
  // Inline PGP and an encrypted file have no protected headers: these were cut out of a PGP/MIME message.
  if (inner !== null && ['inline', 'attachment'].includes(opened.structure)) return 'form'
  if (isSignedByAnother(situation, settings)) return 'signer'
  return isCopy(situation, settings) ? 'copy' : null
}

/** Whether From inside names another person than outside. A From that cannot be read must be the same on both sides. */
function isFromAnother(outer: HeaderFacts, inner: HeaderFacts): boolean {
  if (inner.from !== null) return !isFrom(outer, inner.from.address)
  return inner.unreadableFrom !== '' && inner.unreadableFrom !== outer.unreadableFrom
}

function isFrom(outer: HeaderFacts, address: Address): boolean {
  return outer.from !== null && isSameAddress(outer.from.address, address)
}

/** Whether the inside is addressed, readably or not, only to others: not to the desk, nor to anybody whom the outside names. */
function isToOthers(outer: HeaderFacts, inner: HeaderFacts, desk: Address): boolean {
  const named = [...inner.to, ...inner.cc]
  const expected = [desk, ...[...outer.to, ...outer.cc].map(({ address }) => address)]
  return (
    (named.length > 0 || inner.hasUnreadableRecipient) &&
    !named.some(({ address }) => expected.some((other) => isSameAddress(other, address)))
  )
}

/**
 * Whether a signature inside the encryption is not the sender's. It is not when it was made with somebody else's key; with an
 * unknown key, although keys of the sender are proved or come with the message; or, even if it is broken, when it claims a key of
 * another person that the desk knows, or when a key of another person came with it: people attach the key they sign with. Each signature is judged by itself, whatever it
 * covers: words put beside a ciphertext change nothing about who signed the inside, and a signature of the sender beside it
 * excuses nothing. A signature around the ciphertext says nothing about who wrote the inside.
 */
function isSignedByAnother(situation: Situation, settings: Settings): boolean {
  const { opened, signedByAnother, senderKey } = situation
  const proved = provedKeys(situation, settings)
  const own = senderKey === null ? proved : [...proved, senderKey.fingerprint]
  const others = opened.signatures.filter(
    ({ fingerprint, isInside }) => isInside && (fingerprint === null || !own.includes(fingerprint))
  )
  return (
    signedByAnother ||
    others.some(
      ({ state, fingerprint, issuer }) =>
        fingerprint !== null ||
        (state === 'unknown-key' && proved.length > 0) ||
        opened.warnings.includes('fake-key') ||
        isOfOtherMaintainer(issuer, opened.outer, settings)
    )
  )
}

function isOfOtherMaintainer(
  issuer: string,
  outer: HeaderFacts,
  { maintainers }: Settings
): boolean {
  return maintainers.some(
    ({ address, signingKeys }) =>
      !isFrom(outer, address) && signingKeys.some((key) => isNamedBy(issuer, key))
  )
}

/** The keys that are known to be the sender's, or that the message itself says are. */
function provedKeys(situation: Situation, settings: Settings): readonly Fingerprint[] {
  const { opened, senderKey, member } = situation
  return [
    senderKey?.isProved === true ? senderKey.fingerprint : undefined,
    member?.record.fingerprint,
    ...opened.candidateKeys.map(({ fingerprint }) => fingerprint),
    ...settings.maintainers
      .filter(({ address }) => isFrom(opened.outer, address))
      .map(({ fingerprint }) => fingerprint)
  ].filter((fingerprint) => fingerprint !== undefined)
}

/** The same message with nothing of its inside but the state of its signatures. */
export function withholdContent(opened: OpenedMail): OpenedMail {
  return {
    ...opened,
    protected: null,
    innerFacts: null,
    namesInside: null,
    subjectProtected: false,
    text: '',
    outsideText: '',
    attachments: [],
    // Anybody could read the Autocrypt header; an attached key came out of the encryption.
    candidateKeys: opened.candidateKeys.filter(({ source }) => source !== 'attached'),
    unusableKeys: [],
    warnings: []
  }
}

const SAYS: Readonly<Record<Contradiction, string>> = {
  from: 'the sender inside its protected part is not the sender outside',
  to: 'its protected part is addressed to others and not to the desk',
  form: 'its encrypted part was cut out of a whole message and put into another form',
  signer: 'it is signed with a key that is not the key of its sender',
  copy: 'another sender sent the same encrypted content before and nothing inside says that it is of this one'
}

/** The sentence for the maintainers that says why. */
export function explainContradiction(contradiction: Contradiction): string {
  return `The content of this message is WITHHELD, because ${SAYS[contradiction]}. Somebody may have sent on what another person had encrypted, to learn of it from your answer. The message is in the held folder. If you trust the sender, ask them to encrypt it anew, signed with the key that is known for them or not at all.`
}
