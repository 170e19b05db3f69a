/**
 * Decides which key answers to a reporter are encrypted to (mail.md §1.7, §2.12). The first one seen under exactly the sender's
 * address is pinned and its first use shown, unless our mail server says that the sender is not proved. A different one takes
 * its place only if a message signed with the pinned key brings it to this desk; any other waits for `/key accept`
 * (policy/verbs/keys.ts), even if the pinned one cannot be used any more.
 */
import { type Address } from '../domain/address.ts'
import { type PinnedKey, type ReporterKey } from '../domain/case.ts'
import { type Decision, recorded, spend } from '../domain/decision.ts'
import { type Actor, aboutCase, BY_DESK } from '../domain/event.ts'
import { type CaseTag, type Fingerprint, formatFingerprint } from '../domain/ids.ts'
import {
  type CandidateKey,
  type OpenedMail,
  UNUSABLE,
  type UnusableKey,
  type WarningCode
} from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'
import { HOUR_MS, type Instant, msBetween } from '../domain/time.ts'
import { lackOfProof } from './authentication.ts'
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
  readonly settings: Settings
  readonly now: Instant
}

/** Takes a key into use, on the record. */
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
  whose: Pick<About, 'tag' | 'reporter' | 'doubt'>,
  settings: Settings,
  now: Instant
): KeyDecision {
  const { senderKey: known, opened, waitingKeys } = situation
  const { from } = opened.outer
  if (from === null) return { ...NO_KEY, key: known }
  const about: About = { situation, address: from.address, ...whose, settings, now }
  const isOther = ({ fingerprint }: Named): boolean => fingerprint !== known?.fingerprint
  const isRefused = ({ fingerprint }: Named): boolean =>
    waitingKeys.some((key) => key.refusedAt !== null && key.fingerprint === fingerprint)
  const candidates = opened.candidateKeys.filter(isOther)
  if (known?.source === 'registered')
    return { ...NO_KEY, key: known, warnings: registeredWords(candidates) }
  const unusable = opened.unusableKeys.filter(isOther)
  const fresh = candidates.filter((key) => !isRefused(key))
  const broken = unusable.filter((key) => !isRefused(key))
  const before = renewed(about, known)
  const choice = chosen(about, before.key, fresh)
  const offered = choice.uses === undefined ? [...broken, ...fresh] : broken
  const { key, decisions } = used(about, before.key, choice)
  return {
    key,
    offered: offered.map(({ fingerprint }) => fingerprint),
    decisions: [...offered.flatMap((one) => offer(about, one)), ...before.decisions, ...decisions],
    warnings: [
      ...broken.map(unusableWords),
      ...before.warnings,
      ...choice.says,
      ...[...candidates, ...unusable].filter(isRefused).map(refusedWords)
    ]
  }
}

function used(
  about: About,
  known: ReporterKey | null,
  { uses }: Choice
): Pick<KeyDecision, 'key' | 'decisions'> {
  if (uses === undefined) return { key: known, decisions: [] }
  const { now, situation } = about
  const key = { ...uses, firstSeenAt: now, isUsable: true }
  if (known === null) return { key, decisions: pinKey(about, BY_DESK, key, null) }
  // A signature hands a key over once: replayed after a further change, it would bring the old state back.
  const spent = situation.opened.signatures.map(spend)
  return { key, decisions: [...pinKey(about, BY_DESK, key, known.fingerprint), ...spent] }
}

type Named = Pick<CandidateKey, 'fingerprint'>

/** The key that a message brings into use. Without one, all keys that it brings wait for a maintainer. */
type Choice = {
  readonly uses?: CandidateKey & { readonly isProved: boolean }
  readonly says: readonly string[]
}

function chosen(
  about: About,
  known: ReporterKey | null,
  candidates: readonly CandidateKey[]
): Choice {
  const [candidate, ...others] = candidates
  if (candidate === undefined) return { says: [] }
  if (known !== null) return besideKnown(about, known, candidate, others)
  if (others.length > 0)
    return {
      says: [
        `There are ${candidates.length} keys for this reporter (${namesOf(candidates)}). None is used until one is accepted: ${acceptWords(candidates)}.`
      ]
    }
  const name = formatFingerprint(candidate.fingerprint)
  // A key taken from a forged message would make every later message of the real owner look like another person's.
  const doubt = firstUseDoubt(about)
  if (doubt !== null)
    return {
      says: [
        `A key came for the reporter, ${name} (${candidate.source}), but the sender is ${doubt}. It is not used until you accept it. Please compare the fingerprint with the person another way, then write ${acceptWords(candidates)}.`
      ]
    }
  const isProved = isSignedWith(about.situation.opened, candidate.fingerprint)
  const held = isProved ? 'The message is signed with it' : 'The message is not signed with it'
  return {
    uses: { ...candidate, isProved },
    says: [
      `First use of the key ${name} (${candidate.source}): answers to the reporter are encrypted to it from now on. ${held}; nobody has verified whose key it is.`
    ]
  }
}

/**
 * Why a first key is not taken into use at once; null when it is. A new report that nobody proves must not turn the answers in
 * the sender's other cases to its key (G3).
 */
function firstUseDoubt({ situation, tag, doubt, settings }: About): string | null {
  const isNewReport = tag === situation.nextTag && situation.senderCases.length > 0
  return doubt ?? (isNewReport ? lackOfProof(situation.opened, settings) : null)
}

function besideKnown(
  about: About,
  known: ReporterKey,
  other: CandidateKey,
  more: readonly CandidateKey[]
): Choice {
  const others = [other, ...more]
  const before = formatFingerprint(known.fingerprint)
  if (more.length === 0 && isHandedOver(about, known, other))
    return {
      uses: { ...other, isProved: true },
      says: [
        `This reporter's key has changed from ${before} to ${formatFingerprint(other.fingerprint)}: the message that brings the new one is signed with the old one. Answers are encrypted to the new one from now on. If you doubt it, ask the person another way; /key accept ${known.fingerprint.toUpperCase()} takes the old one back.`
      ]
    }
  const stays = known.isUsable
    ? 'The known one stays in use'
    : 'The known one cannot be used any more, so nothing can be encrypted to this reporter'
  return {
    says: [
      `The message brings a different key (${namesOf(others)}) than the one known for this reporter (${before}). The known key has not signed this message as one to this desk, so nothing proves that its owner sent it. ${stays} until you accept the other. Please compare the fingerprint with the person another way, then write ${acceptWords(others)}.`
    ]
  }
}

/** Warnings about a message whose signature does not cover all parts and headers. */
const LOOSE: readonly WarningCode[] = ['repeated-header', 'from-mismatch', 'outside-text']

/**
 * Whether the owner of the known key brings the other one to this desk: attached, under one fresh signature over the whole
 * message, including the protected To or Cc. Anybody can encrypt to the desk what the owner signed for somebody else.
 */
function isHandedOver(about: About, known: ReporterKey, other: CandidateKey): boolean {
  const { opened, signatureSeen, mergedKey, quoted } = about.situation
  // The signature was judged by the copy that was known before: a key that this message revokes hands nothing over.
  if (mergedKey !== null && !mergedKey.isUsable) return false
  const [signature, ...more] = opened.signatures
  if (signature === undefined || more.length > 0 || signatureSeen) return false
  // The Autocrypt header stands outside of every signature.
  if (other.source !== 'attached' || opened.structure !== 'pgp-mime') return false
  if (opened.warnings.some((code) => LOOSE.includes(code)) || signature.createdAt === null) {
    return false
  }
  const ageMs = Math.abs(msBetween(signature.createdAt, about.now))
  return (
    isSignedWith(opened, known.fingerprint) &&
    isMeantForDesk(opened, quoted, about.settings) &&
    ageMs <= about.settings.limits.signature_age_hours * HOUR_MS
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
function renewed(
  about: About,
  known: ReporterKey | null
): Pick<KeyDecision, 'key' | 'decisions' | 'warnings'> {
  if (known === null) return NO_KEY
  const { opened, mergedKey } = about.situation
  const { signatures } = opened
  const isProved =
    known.isProved || (isSignedWith(opened, known.fingerprint) && about.doubt === null)
  const isSame = mergedKey === null && isProved === known.isProved
  const key = isSame ? known : { ...(mergedKey ?? known), isProved }
  const name = formatFingerprint(key.fingerprint)
  const isByAnother = signatures.some(
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
  return { key, decisions: isSame ? [] : pinKey(about, BY_DESK, key, null), warnings }
}

/** Keeps a key until a maintainer accepts or refuses it; the key in use stays in use. */
function offer({ address, tag, reporter, now }: About, offered: Offered): Decision[] {
  const { fingerprint, source, keyData } = offered
  const key = { fingerprint, source, keyData, firstSeenAt: now }
  return [
    { kind: 'offer-reporter-key', address, key, refusedBy: null },
    recorded('key-offered', aboutCase(tag), BY_DESK, { reporter, fingerprint })
  ]
}

type Offered = Omit<PinnedKey, 'firstSeenAt'>

function namesOf(keys: readonly Named[]): string {
  return keys.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
}

function acceptWords(keys: readonly Named[]): string {
  return keys
    .map(({ fingerprint }) => fingerprint.toUpperCase())
    .map((name) => `/key accept ${name} (or /key refuse ${name} if it is not theirs)`)
    .join(', or ')
}

/** Keys of maintainers come from the configuration, those of members from the list: a key in a message is only mentioned. */
function registeredWords(others: readonly Named[]): string[] {
  if (others.length === 0) return []
  return [
    `The message brings a key (${namesOf(others)}) that is not the one in use for its sender. It is not used: the operator decides about keys of this sender.`
  ]
}

function refusedWords({ fingerprint }: Named): string {
  return `The message brings the key ${formatFingerprint(fingerprint)}, which a maintainer refused for this reporter. It is not used.`
}

function unusableWords({ fingerprint, because }: UnusableKey): string {
  return `The key ${formatFingerprint(fingerprint)} that the message brings cannot be used, because ${UNUSABLE[because]}. Please ask the sender for a current key.`
}
