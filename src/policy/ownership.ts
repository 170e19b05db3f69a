/**
 * Decides whether encrypted content comes from the sender of the message (G6). Somebody may send as their own what another
 * person encrypted to the desk, and an answer would tell them what is in it. If the inside contradicts the outside, the message
 * is taken in without its content, like one that cannot be opened. So is one whose ciphertext others sent before, unless its
 * inside shows that it is of this sender.
 */
import { type Address, isSameAddress } from '../domain/address.ts'
import { type Decision } from '../domain/decision.ts'
import { type CaseTag, type Fingerprint, formatFingerprint, isNamedBy } from '../domain/ids.ts'
import {
  ciphertextMarksOf,
  type EarlierContent,
  type HeaderFacts,
  isFrom,
  type OpenedMail
} from '../domain/mail.ts'
import { listed } from '../domain/words.ts'
import { type Situation } from './situation.ts'

type InsideFacts = Pick<Situation, 'opened' | 'settings' | 'senderKey' | 'member'>

/** What speaks against the sender: the protected From or To, the form of the message, its signer, or an earlier message. */
export type Contradiction = keyof typeof SAYS
const SAYS = {
  from: 'the sender inside its protected part is not the sender outside',
  to: 'its protected part is addressed to others and not to the desk',
  form: 'its encrypted part was cut out of a whole message and put into another form',
  signer: 'it is signed with a key that is not the key of its sender'
} as const

/** Tells the maintainers why the content is withheld. */
export function explainContradiction(contradiction: Contradiction): string {
  return `The content of this message is WITHHELD, because ${SAYS[contradiction]}. Somebody may have sent on what another person had encrypted, to learn of it from your answer. The message is in the held folder. If you trust the sender, ask them to encrypt it anew, signed with the key that is known for them or not at all.`
}

/** What one opened ciphertext says of its author. */
type Inside = Pick<OpenedMail, 'signatures' | 'namesInside'> & {
  /** The header that says who wrote it. */
  readonly outer: HeaderFacts
  /** Even headers that may not be shown say who wrote what somebody put into another wrapper. */
  readonly inner: HeaderFacts | null
  readonly isOldForm: boolean
}

/**
 * The contradiction of an opened encrypted message, or null; every sealed part of it counts. A message in clear tells nobody
 * anything and is shown as it is.
 */
export function contradictionOf(situation: InsideFacts): Contradiction | null {
  for (const inside of insidesOf(situation.opened)) {
    const found = contradicts(inside, situation)
    if (found !== null) return found
  }
  return null
}

/**
 * A message that was attached whole says itself who wrote it: whoever sends it on does not claim to be that person. But they may
 * have written its header, too: where that names an author, it must be the one that its inside names.
 */
function insidesOf({ sealedParts, ...opened }: OpenedMail): Inside[] {
  const { encrypted, decrypted, structure, innerFacts } = opened
  const isOldForm = structure === 'inline' || structure === 'attachment'
  const whole = { ...opened, inner: opened.protected ?? innerFacts, isOldForm }
  const parts = sealedParts
    .filter(({ decrypted, header }) => {
      return decrypted && (header === null || header.from !== null || header.unreadableFrom !== '')
    })
    .map((part) => ({
      ...part,
      inner: part.innerFacts,
      outer: part.header ?? opened.outer,
      isOldForm: !['part', 'message'].includes(part.place)
    }))
  return encrypted && decrypted ? [whole, ...parts] : parts
}

function contradicts(inside: Inside, situation: InsideFacts): Contradiction | null {
  const { inner, namesInside, outer, isOldForm } = inside
  const { opened, settings } = situation
  const named = [inner, namesInside].filter((facts) => facts !== null)
  if (named.some((facts) => namesWriter(facts, outer) === 'another')) return 'from'
  if (named.some((facts) => isToOthers(facts, outer, settings.desk))) return 'to'
  // Inline PGP and an encrypted file have no protected headers: these were cut out of a PGP/MIME message.
  if (inner !== null && isOldForm) return 'form'
  const isSentOn = outer.from !== null && !isFrom(opened.outer, outer.from.address)
  return !isSentOn && isSignedByAnother(inside, situation) ? 'signer' : null
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
    sealedParts: [],
    // Whose key it was is for nobody who may not read the content (G5).
    signatures: opened.signatures.map((each) => ({ ...each, signer: '' })),
    // Anybody could read the Autocrypt header; an attached key came out of the encryption.
    candidateKeys: opened.candidateKeys.filter(({ source }) => source !== 'attached'),
    unusableKeys: [],
    warnings: []
  }
}

/**
 * Whether the From inside names the sender outside. A From that cannot be read proves nothing if it is the same outside, and
 * counts as another person's if it is not.
 */
function namesWriter(inner: HeaderFacts, outer: HeaderFacts): 'sender' | 'another' | 'nobody' {
  if (inner.from !== null) return isFrom(outer, inner.from.address) ? 'sender' : 'another'
  const isSame = inner.unreadableFrom === '' || inner.unreadableFrom === outer.unreadableFrom
  return isSame ? 'nobody' : 'another'
}

/** Whether the inside names recipients, but neither the desk nor anybody whom the outside names. An unreadable one counts. */
function isToOthers(
  inner: HeaderFacts,
  outer: HeaderFacts,
  desk: Situation['settings']['desk']
): boolean {
  const named = [...inner.to, ...inner.cc]
  const expected = [
    desk.address,
    ...desk.aliases,
    ...[...outer.to, ...outer.cc].map(({ address }) => address)
  ]
  return (
    (named.length > 0 || inner.hasUnreadableRecipient) &&
    !named.some(({ address }) => expected.some((other) => isSameAddress(other, address)))
  )
}

/**
 * Whether a signature inside the encryption is not the sender's. That is so if it was made with somebody else's key; if it was
 * made with an unknown key, although keys of the sender are proved or come with the message; if it claims the key of a
 * maintainer, even if it is broken; or if a key of another person came with it, because people attach the key that they use.
 * What it claims of anybody else counts only if their key verified it: a stranger could ask in this way who is known here
 * (B7). Each signature is judged by itself, whatever it covers: words beside a ciphertext do not change who signed the inside,
 * and a signature of the sender beside it excuses nothing. One around the ciphertext does not show who wrote the inside.
 */
function isSignedByAnother({ signatures }: Inside, situation: InsideFacts): boolean {
  const { opened, senderKey, member } = situation
  const { maintainers } = situation.settings
  const { outer, candidateKeys, warnings } = opened
  const isTheirs = ({ address }: { readonly address: Address }): boolean => isFrom(outer, address)
  const isPinned = senderKey?.isProved === true
  // The address of a list member is only a claim, and what becomes of it must not show who is on the list (G5).
  const proved = [
    ...[isPinned ? senderKey : [], candidateKeys].flat(),
    ...maintainers.filter(isTheirs)
  ].map(({ fingerprint }) => fingerprint)
  const members = [member?.record ?? []].flat().filter(isTheirs)
  const theirs = [senderKey, ...members].map((one) => one?.fingerprint)
  const strangers = maintainers.filter((one) => !isTheirs(one))
  const foreign = strangers.flatMap(({ signingKeys }) => signingKeys)
  return signatures.some(({ isInside, fingerprint, state, issuer }) => {
    if (!isInside) return false
    if (fingerprint !== null) return ![...theirs, ...proved].includes(fingerprint)
    return (
      (state === 'unknown-key' && proved.length > 0) ||
      warnings.includes('fake-key') ||
      foreign.some((key) => isNamedBy(issuer, key))
    )
  })
}

/** Whether all of the content is its sender's; nothing proves the sender of a message that was attached whole. */
function isAllProved(situation: InsideFacts): boolean {
  const { opened } = situation
  const inner = opened.decrypted ? (opened.protected ?? opened.innerFacts) : null
  const parts = opened.sealedParts.filter((part) => part.decrypted)
  const isWhole = opened.decrypted || parts.length === 0
  return (
    (!isWhole || isProved({ inner, signatures: opened.signatures }, situation)) &&
    parts.every(
      ({ place, innerFacts, signatures }) =>
        place !== 'message' && isProved({ inner: innerFacts, signatures }, situation)
    )
  )
}

/** Whether a content names the sender outside as its writer, or is signed with a key known for their address. */
function isProved(
  { inner, signatures }: Pick<Inside, 'inner' | 'signatures'>,
  { opened, senderKey, member, settings }: InsideFacts
): boolean {
  const { outer, candidateKeys } = opened
  if (outer.from === null) return false
  if (inner !== null && (inner.from !== null || inner.unreadableFrom !== ''))
    return namesWriter(inner, outer) === 'sender'
  const registered = [...settings.maintainers, member?.record ?? []].flat()
  const theirs = registered.filter(({ address }) => isFrom(outer, address))
  const keys: readonly Fingerprint[] = [...theirs, ...candidateKeys, senderKey ?? []]
    .flat()
    .map(({ fingerprint }) => fingerprint)
  return signatures.some(
    ({ state, fingerprint, isInside }) =>
      (isInside || !opened.encrypted) &&
      state === 'valid' &&
      fingerprint !== null &&
      keys.includes(fingerprint)
  )
}

/**
 * What to tell the maintainers of a content that another sender sent before, where nothing inside shows whose it is. Whoever came
 * first may be a thief, so both are heard, as two claims.
 */
export function claimWarnings(situation: Situation): string[] {
  return [...contentClaims(situation), ...keyClaims(situation)]
}

function contentClaims(situation: Situation): string[] {
  const { earlier, opened } = situation
  const others = [...new Set(earlier.flatMap((one) => (one.isSameSender ? [] : (one.tag ?? []))))]
  if (earlier.every(({ isSameSender }) => isSameSender) || isAllProved(situation)) return []
  const where = others.length === 0 ? '' : ` (${listed(others)})`
  const what = ciphertextMarksOf(opened).length > 0 ? 'encrypted content' : 'content'
  return [
    `Another sender sent the same ${what} before${where}, and nothing inside shows whose it is: one of the two may have copied the other. Please tell neither of them anything about it until you know who wrote it.`
  ]
}

/** The same message with another key: whoever read it on the way may have sent it first, with a key of their own. */
function keyClaims(situation: Situation): string[] {
  const copy = earlierCopy(situation)
  const keys = otherKeys(situation).map(formatFingerprint)
  if (copy === null || keys.length === 0) return []
  const where = copy.tag === null ? '' : ` (${copy.tag})`
  return [
    `The same message came before${where} with another key. This copy brings the key ${listed(keys)}: ${TWO_KEYS}`
  ]
}

const TWO_KEYS =
  'one of the two senders may be somebody who read the message on the way. Please encrypt nothing to either key until you have compared the fingerprint with the person another way.'

/** The same, of the later copy when it is read once more: only one with another key is in a case of its own. */
export function copyElsewhere({ earlier, bodyMarks }: Situation, tag: CaseTag): string[] {
  const others = earlier.flatMap((one) =>
    one.isSameSender && bodyMarks.includes(one.mark) && one.tag !== tag ? (one.tag ?? []) : []
  )
  if (others.length === 0) return []
  return [
    `The same message came with another key, too (${listed([...new Set(others)])}): ${TWO_KEYS}`
  ]
}

/**
 * Keys in the header of a message that are not known for its sender, of whom others are. Only what everybody on the way can read
 * counts: whether a copy is answered must not show what the desk found inside (G6).
 */
export function otherKeys({
  opened,
  senderKey,
  waitingKeys
}: Pick<Situation, 'opened' | 'senderKey' | 'waitingKeys'>): Fingerprint[] {
  const known = [senderKey ?? [], waitingKeys].flat().map(({ fingerprint }) => fingerprint)
  const brought = opened.candidateKeys.filter(({ source }) => source !== 'attached')
  if (known.length === 0) return []
  return brought.flatMap(({ fingerprint }) => (known.includes(fingerprint) ? [] : fingerprint))
}

/** Remembers who sent the content, whatever became of the message: what the desk refused is as worth stealing as a report. */
export function rememberContent({ opened, bodyMarks }: Situation): Decision[] {
  const sender = opened.outer.from?.address ?? null
  const marks = [...ciphertextMarksOf(opened), ...bodyMarks]
  return marks.length === 0 ? [] : [{ kind: 'remember-content', marks, sender }]
}

/** The same message of the same sender came before; null where it did not. */
export function earlierCopy({ earlier, bodyMarks }: Situation): EarlierContent | null {
  return earlier.find((one) => one.isSameSender && bodyMarks.includes(one.mark)) ?? null
}
