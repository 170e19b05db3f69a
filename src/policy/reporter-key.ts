/**
 * Decides which key answers to a reporter are encrypted to. The first one seen under exactly the sender's address is pinned and
 * its first use shown, unless our mail server says that the sender is not proved. A different one takes its place only if a
 * message signed with both brings it to this desk; any other waits for `/key accept` (policy/verbs/keys.ts), even if
 * the pinned one cannot be used any more.
 */
import { type Address } from '../domain/address.ts'
import { type PinnedKey, type ReporterKey } from '../domain/case.ts'
import { type Decision, recorded, spend } from '../domain/decision.ts'
import { type Actor, aboutCase, BY_DESK } from '../domain/event.ts'
import { type CaseTag, type Fingerprint, formatFingerprint } from '../domain/ids.ts'
import { type CandidateKey, type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { lackOfProof } from './authentication.ts'
import { freshness } from './authority.ts'
import { isMeantForDesk } from './conversation.ts'
import { type Situation } from './situation.ts'

export type KeyDecision = {
  readonly key: ReporterKey | null
  /** Keys that wait for a maintainer from now on: a key of theirs is known then, and nothing goes in clear (G3). */
  readonly offered: readonly Fingerprint[]
  readonly decisions: readonly Decision[]
  /** For the relay's first lines. */
  readonly warnings: readonly string[]
}

export const NO_KEY: KeyDecision = { key: null, offered: [], decisions: [], warnings: [] }

/** The reporter whose key it is, by their number, and the case in which the key came or is decided about. */
type Whose = { readonly tag: CaseTag; readonly reporter: string; readonly address: Address }

type About = Whose & {
  readonly situation: Situation
  /** Why the sender may be somebody else than the reporter; null where nothing says so. */
  readonly doubt: string | null
}

/** Takes a key into use, on the record. One in use, of which more is known now, replaces itself. */
export function pinKey(
  { tag, reporter, address }: Whose,
  by: Actor,
  key: ReporterKey,
  replaced: Fingerprint | null
): Decision[] {
  const { fingerprint, source, isUsable, isProved } = key
  const about = { reporter, fingerprint, source, replaced, isUsable, isProved }
  return [
    { kind: 'pin-reporter-key', address, key },
    recorded('key-pinned', aboutCase(tag), by, about)
  ]
}

/** The key to use for the sender of this message, and what to record and to say about it. */
export function decideReporterKey(
  situation: Situation,
  whose: Pick<About, 'tag' | 'reporter' | 'doubt'>
): KeyDecision {
  const { senderKey, opened, waitingKeys } = situation
  const { from } = opened.outer
  // Keys of maintainers come from the configuration.
  if (from === null || senderKey?.source === 'registered') return { ...NO_KEY, key: senderKey }
  const about: About = { situation, address: from.address, ...whose }
  // A key that a maintainer refused counts for nothing when it comes again.
  const isNew = ({ fingerprint }: Named): boolean =>
    fingerprint !== senderKey?.fingerprint &&
    !waitingKeys.some((key) => key.refusedAt !== null && key.fingerprint === fingerprint)
  const fresh = opened.candidateKeys.filter(isNew)
  const broken = opened.unusableKeys.filter(isNew)
  const before = renewed(about, senderKey)
  const taken = takenUp(about, before.key, fresh)
  const unusable = broken.map(
    (key) =>
      `The key ${formatFingerprint(key.fingerprint)} that the message brings cannot be used, because ${KEY_PROBLEMS[key.because]}. Please ask the sender for a current key.`
  )
  return {
    key: taken.key,
    offered: [...broken.map(({ fingerprint }) => fingerprint), ...taken.offered],
    decisions: [
      ...broken.flatMap((one) => offer(about, one)),
      ...before.decisions,
      ...taken.decisions
    ],
    warnings: [...unusable, ...before.warnings, ...taken.warnings]
  }
}

/** Takes the one new key into use, or keeps the new ones for a maintainer. */
function takenUp(
  about: About,
  known: ReporterKey | null,
  fresh: readonly CandidateKey[]
): KeyDecision {
  const [candidate] = fresh
  if (candidate === undefined) return { ...NO_KEY, key: known }
  const waits = whyWaiting(about, known, candidate, fresh)
  if (waits === null) return inUse(about, known, candidate)
  return {
    key: known,
    offered: fresh.map(({ fingerprint }) => fingerprint),
    decisions: fresh.flatMap((one) => offer(about, one)),
    warnings: [keysWait(known, fresh, waits)]
  }
}

type Named = Pick<CandidateKey, 'fingerprint'>

/** Why the new keys of a message wait for a maintainer; null when the only one comes into use at once. */
function whyWaiting(
  about: About,
  known: ReporterKey | null,
  candidate: CandidateKey,
  fresh: readonly CandidateKey[]
): string | null {
  if (known === null) return fresh.length > 1 ? 'several came at once' : firstUseDoubt(about)
  if (fresh.length === 1 && isHandedOver(about, known, candidate)) return null
  return `a different key is known for this reporter (${formatFingerprint(known.fingerprint)}), and this message does not prove that one person has both (for that, both keys sign a fresh message to this desk that brings the new one)`
}

/**
 * Why a first key is not taken into use at once; null when it is. A key taken from a forged message would make every later
 * message of the real owner look like another person's, and a new report that nobody proves must not turn the answers in the
 * sender's other cases, ended ones included, to its key (G3).
 */
function firstUseDoubt({ situation, tag, doubt }: About): string | null {
  const { opened, settings } = situation
  const isNewReport = tag === situation.nextTag && situation.hasReported
  const because = doubt ?? (isNewReport ? lackOfProof(opened, settings) : null)
  return because === null ? null : `the sender is ${because}`
}

function inUse(about: About, known: ReporterKey | null, candidate: CandidateKey): KeyDecision {
  const { opened, now } = about.situation
  const isSigned = isSignedWith(opened, candidate.fingerprint)
  const used = { ...candidate, firstSeenAt: now, isUsable: true }
  const name = formatFingerprint(candidate.fingerprint)
  if (known === null) {
    const key = { ...used, isProved: isSigned }
    const held = isSigned ? 'The message is signed with it' : 'The message is not signed with it'
    const says = `First use of the key ${name} (${candidate.source}): answers to the reporter are encrypted to it from now on. ${held}; nobody has verified whose key it is.`
    return { ...NO_KEY, key, decisions: pinKey(about, BY_DESK, key, null), warnings: [says] }
  }
  const key = { ...used, isProved: true }
  const { fingerprint: old } = known
  const says = `This reporter's key has changed from ${formatFingerprint(old)} to ${name}: the message that brings the new one is signed with both. Answers are encrypted to the new one from now on. If you doubt it, ask the person another way; /key accept ${old.toUpperCase()} takes the old one back.`
  // A signature hands a key over once: replayed after a further change, it would bring the old state back.
  const decisions = [...pinKey(about, BY_DESK, key, old), ...opened.signatures.map(spend)]
  return { ...NO_KEY, key, decisions, warnings: [says] }
}

/** Warnings about a message whose signature does not cover all parts and headers. */
const LOOSE: readonly WarningCode[] = ['repeated-header', 'from-mismatch', 'outside-text']

/**
 * Whether one person holds both keys and changes to the other one at this desk: it comes attached, and both sign the whole
 * message freshly, including the protected To or Cc. Whoever shows somebody else's key, as evidence that it is forged, does not
 * sign with it (B8), and anybody can encrypt to the desk what the owner signed for somebody else.
 */
function isHandedOver(about: About, known: ReporterKey, other: CandidateKey): boolean {
  const { opened, signatureSeen, mergedKey, quoted, settings } = about.situation
  // The signature was judged by the copy that was known before: a key that this message revokes hands nothing over.
  if (mergedKey !== null && !mergedKey.isUsable) return false
  const { signatures } = opened
  if (signatures.length !== 2 || signatureSeen) return false
  // The Autocrypt header stands outside of every signature.
  if (other.source !== 'attached' || opened.structure !== 'pgp-mime') return false
  if (opened.warnings.some((code) => LOOSE.includes(code))) return false
  return (
    [known, other].every(({ fingerprint }) => isSignedWith(opened, fingerprint)) &&
    isMeantForDesk(opened, quoted, settings) &&
    signatures.every((signature) => freshness(signature, settings, about.situation) === null)
  )
}

/** Whether a valid signature by this key covers all of the message. */
export function isSignedWith(opened: OpenedMail, key: Fingerprint): boolean {
  return opened.signatures.some(
    ({ state, fingerprint, coversWhole }) => state === 'valid' && coversWhole && fingerprint === key
  )
}

/**
 * Adds to the known key what is new in the copy that the message brings, whoever sent it: the read step took only what the owner
 * of the key had signed, and removed nothing. So a revocation counts at once. The first message signed with the key proves it.
 */
function renewed(about: About, known: ReporterKey | null): KeyDecision {
  if (known === null) return NO_KEY
  const { opened, mergedKey } = about.situation
  const isProved =
    known.isProved || (isSignedWith(opened, known.fingerprint) && about.doubt === null)
  const isSame = mergedKey === null && isProved === known.isProved
  const key = isSame ? known : { ...(mergedKey ?? known), isProved }
  const name = formatFingerprint(key.fingerprint)
  const isByAnother = opened.signatures.some(
    ({ state, fingerprint, isInside, coversWhole }) =>
      (isInside || coversWhole) && state !== 'bad' && fingerprint !== known.fingerprint
  )
  const warnings: string[] = []
  if (!isProved && isByAnother)
    warnings.push(
      `The message is signed with another key than the one that answers are encrypted to (${name}), and that one has never signed a message: it may be a forger's. Please ask the person another way before you answer.`
    )
  if (known.isUsable && !key.isUsable)
    warnings.push(
      `This reporter's key ${name} cannot be used any more: the message brings a copy of it that its owner revoked or let end. Nothing can be encrypted to this reporter until another key comes and is accepted.`
    )
  const decisions = isSame ? [] : pinKey(about, BY_DESK, key, key.fingerprint)
  return { ...NO_KEY, key, decisions, warnings }
}

/** Keeps a key until a maintainer accepts or refuses it; the key in use stays in use. */
function offer(
  { address, tag, reporter, situation: { now } }: About,
  offered: Omit<PinnedKey, 'firstSeenAt'>
): Decision[] {
  const { fingerprint, source, keyData } = offered
  const key = { fingerprint, source, keyData, firstSeenAt: now }
  return [
    { kind: 'offer-reporter-key', address, key, refusedBy: null },
    recorded('key-offered', aboutCase(tag), BY_DESK, { reporter, fingerprint })
  ]
}

/** Where nothing can be encrypted to the reporter, the sentence about replies names the commands. */
function keysWait(known: ReporterKey | null, fresh: readonly Named[], because: string): string {
  const isOne = fresh.length === 1
  const came = isOne ? 'A new key' : `${fresh.length} new keys`
  const names = fresh.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
  const commands = fresh
    .map(({ fingerprint }) => fingerprint.toUpperCase())
    .map((name) => `/key accept ${name} (or /key refuse ${name} if it is not theirs)`)
  const then = known?.isUsable === true ? `, then write ${commands.join(', or ')}` : ''
  return `${came} came for the reporter (${names}), not used until you accept ${isOne ? 'it' : 'one'}, because ${because}. Please compare the fingerprint with the person another way${then}.`
}
