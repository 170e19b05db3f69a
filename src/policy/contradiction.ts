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
  // Put into another wrapper, a message keeps its inside: what may not be shown of it can still give the lie to its sender.
  const inner = opened.protected ?? opened.innerFacts
  const named = [inner, opened.namesInside].filter((facts) => facts !== null)
  if (named.some((facts) => isFromAnother(opened.outer, facts))) return 'from'
  if (named.some((facts) => isToOthers(opened.outer, facts, settings.desk.address))) return 'to'
  // Whoever writes inline PGP or encrypts a file writes no protected header: it was cut out of a PGP/MIME mail.
  if (inner !== null && ['inline', 'attachment'].includes(opened.structure)) return 'form'
  if (isSignedByAnother(situation, settings)) return 'signer'
  return isCopy(situation, settings) ? 'copy' : null
}

/** Whether From inside is another than outside. What cannot be read names somebody too: the same only where both say the same. */
function isFromAnother(outer: HeaderFacts, inner: HeaderFacts): boolean {
  if (inner.from !== null) return !isFrom(outer, inner.from.address)
  return inner.unreadableFrom !== '' && inner.unreadableFrom !== outer.unreadableFrom
}

function isFrom(outer: HeaderFacts, address: Address): boolean {
  return outer.from !== null && isSameAddress(outer.from.address, address)
}

/** Addressed inside to others alone, readable or not: not to the desk, and to nobody whom the outside names. */
function isToOthers(outer: HeaderFacts, inner: HeaderFacts, desk: Address): boolean {
  const named = [...inner.to, ...inner.cc]
  const expected = [desk, ...[...outer.to, ...outer.cc].map(({ address }) => address)]
  return (
    (named.length > 0 || inner.hasUnreadableRecipient) &&
    !named.some(({ address }) => expected.some((other) => isSameAddress(other, address)))
  )
}

/**
 * Whether a signature inside the encryption is not the sender's: made with a key that is somebody else's, or with an unknown
 * key although keys are proved the sender's or come with the message, or one that claims to be another person's, even if it is
 * broken: of a key that the desk knows, or that was encrypted together with it and does not name the sender. Every one is
 * judged for itself, whatever of the message it covers: words put beside a ciphertext change nothing about who signed what is in
 * it, and a signature of the sender's own beside it excuses nothing. One around the ciphertext says nothing about who wrote
 * what is inside.
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
        opened.foreignSigners.includes(issuer) ||
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
    foreignSigners: [],
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

/** For the relay's first lines, and for the record. */
export function explainContradiction(contradiction: Contradiction): string {
  return `The content of this message is WITHHELD, because ${SAYS[contradiction]}. Somebody may have sent on what another person had encrypted, to learn of it from your answer. The message is in the held folder. If you trust the sender, ask them to encrypt it anew, signed with the key that is known for them or not at all.`
}
