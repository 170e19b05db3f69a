/**
 * Decides which key answers to a reporter are encrypted to (mail.md §1.7, §2.12). The first one seen under exactly the sender's
 * address is pinned and its first use shown, unless our mail server says that the sender is not proved. A different one takes
 * its place only if a message signed with the pinned key brings it to this desk; any other waits for `/key accept`
 * (policy/verbs/keys.ts), even if the pinned one cannot be used any more.
 */
import { type Address } from '../domain/address.ts'
import { type KeyToPin, type ReporterKey } from '../domain/case.ts'
import { type Decision, recorded, spend } from '../domain/decision.ts'
import { aboutCase, BY_DESK } from '../domain/event.ts'
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
  readonly decisions: readonly Decision[]
  /** For the relay's first lines. */
  readonly warnings: readonly string[]
}

type About = {
  readonly situation: Situation
  readonly address: Address
  readonly tag: CaseTag
  /** Number of the reporter with this address. */
  readonly reporter: string
  /** Why its sender may be another than the reporter; null where nothing says so. */
  readonly doubt: string | null
  readonly settings: Settings
  readonly now: Instant
}

/** The key to use for the sender of this message, and what to record and to say about it. */
export function decideReporterKey(
  situation: Situation,
  whose: Pick<About, 'tag' | 'reporter' | 'doubt'>,
  settings: Settings,
  now: Instant
): KeyDecision {
  const { senderKey, opened } = situation
  const { from } = opened.outer
  if (from === null) return { key: senderKey, decisions: [], warnings: [] }
  const about: About = { situation, address: from.address, ...whose, settings, now }
  if (senderKey?.source === 'registered') return registered(opened, senderKey)
  const others = opened.unusableKeys.filter(
    (key) => key.fingerprint !== senderKey?.fingerprint && !isRefused(situation, key)
  )
  // Kept, too: a key of theirs is known then, and nothing goes in clear (G3).
  const unusable = offer(about, senderKey, others, unusableWords(others))
  const renewal = senderKey === null ? null : renewed(about, senderKey)
  const { key, ...used } = renewal === null ? firstUse(about) : besideKnown(about, renewal.key)
  const steps = [unusable, ...(renewal === null ? [] : [renewal]), used]
  return {
    key,
    decisions: steps.flatMap(({ decisions }) => decisions),
    warnings: [...steps.flatMap(({ warnings }) => warnings), ...refusedWords(about, key)]
  }
}

function isRefused({ waitingKeys }: Situation, { fingerprint: named }: OfferedKey): boolean {
  return waitingKeys.some((key) => key.refusedAt !== null && key.fingerprint === named)
}

/** Warns of keys that were refused and come again: they are not used. */
function refusedWords({ situation }: About, key: ReporterKey | null): string[] {
  const { candidateKeys, unusableKeys } = situation.opened
  return [...candidateKeys, ...unusableKeys]
    .filter((one) => one.fingerprint !== key?.fingerprint && isRefused(situation, one))
    .map(
      ({ fingerprint }) =>
        `The message brings the key ${formatFingerprint(fingerprint)}, which a maintainer refused for this reporter. It is not used.`
    )
}

/** Keys of maintainers come from the configuration, those of members from the list: a key in a message is only mentioned. */
function registered({ candidateKeys }: OpenedMail, known: ReporterKey): KeyDecision {
  const others = candidateKeys.filter(({ fingerprint }) => fingerprint !== known.fingerprint)
  const names = others.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
  const warnings =
    others.length === 0
      ? []
      : [
          `The message brings a key (${names}) that is not the one in use for its sender. It is not used: the operator decides about keys of this sender.`
        ]
  return { key: known, decisions: [], warnings }
}

/** Warns of keys other than the known one; a copy of that is judged where it is merged. */
function unusableWords(keys: readonly UnusableKey[]): string[] {
  return keys.map(
    ({ fingerprint, because }) =>
      `The key ${formatFingerprint(fingerprint)} that the message brings cannot be used, because ${UNUSABLE[because]}. Please ask the sender for a current key.`
  )
}

function firstUse(about: About): KeyDecision {
  const { opened } = about.situation
  const candidates = opened.candidateKeys.filter((key) => !isRefused(about.situation, key))
  const [candidate, ...others] = candidates
  if (candidate === undefined) return { key: null, decisions: [], warnings: [] }
  if (others.length > 0) {
    const names = candidates.map(({ fingerprint }) => formatFingerprint(fingerprint))
    return offer(about, null, candidates, [
      `There are ${names.length} keys for this reporter (${names.join('; ')}). None is used until one is accepted: ${acceptWords(about, candidates)}.`
    ])
  }
  const name = formatFingerprint(candidate.fingerprint)
  // A key taken from a forged message would make every later message of the real owner look like another person's.
  const doubt = firstUseDoubt(about)
  if (doubt !== null) {
    return offer(
      about,
      null,
      [candidate],
      [
        `A key came for the reporter, ${name} (${candidate.source}), but the sender is ${doubt}. It is not used until you accept it. Please compare the fingerprint with the person another way, then write ${acceptWords(about, [candidate])}.`
      ]
    )
  }
  const held = isSignedWith(opened, candidate.fingerprint)
    ? 'The message is signed with it'
    : 'The message is not signed with it'
  return pin(about, candidate, isSignedWith(opened, candidate.fingerprint), [
    `First use of the key ${name} (${candidate.source}): answers to the reporter are encrypted to it from now on. ${held}; nobody has verified whose key it is.`
  ])
}

/**
 * Why a first key is not taken into use at once; null when it is. A new report that nobody proves must not turn the answers in
 * the sender's other cases to its key (G3).
 */
function firstUseDoubt({ situation, tag, doubt, settings }: About): string | null {
  const isNewReport = tag === situation.nextTag && situation.senderCases.length > 0
  return doubt ?? (isNewReport ? lackOfProof(situation.opened, settings) : null)
}

function besideKnown(about: About, known: ReporterKey): KeyDecision {
  const { situation } = about
  const others = situation.opened.candidateKeys.filter(
    (key) => key.fingerprint !== known.fingerprint && !isRefused(situation, key)
  )
  const before = formatFingerprint(known.fingerprint)
  const [other, ...more] = others
  if (other !== undefined && more.length === 0 && isHandedOver(about, known, other)) {
    return pin(about, other, true, [
      `This reporter's key has changed from ${before} to ${formatFingerprint(other.fingerprint)}: the message that brings the new one is signed with the old one. Answers are encrypted to the new one from now on. If you doubt it, ask the person another way; /key accept ${known.fingerprint.toUpperCase()} takes the old one back.`
    ])
  }
  if (others.length === 0) return { key: known, decisions: [], warnings: [] }
  const names = others.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
  const stays = known.isUsable
    ? 'The known one stays in use'
    : 'The known one cannot be used any more, so nothing can be encrypted to this reporter'
  return offer(about, known, others, [
    `The message brings a different key (${names}) than the one known for this reporter (${before}), and no fresh signature by the known key over the whole message, with this desk in its protected To or Cc, proves that its owner sent it. ${stays} until you accept the other. Please compare the fingerprint with the person another way, then write ${acceptWords(about, others)}.`
  ])
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
    ageMs <= about.settings.limits.signatureAgeHours * HOUR_MS
  )
}

/** Whether a valid signature by this key covers all of the message. */
export function isSignedWith(opened: OpenedMail, key: Fingerprint): boolean {
  return opened.signatures.some(
    ({ state, fingerprint, coversWhole }) => state === 'valid' && coversWhole && fingerprint === key
  )
}

/**
 * How many keys that were never used wait under one address. A forger can offer keys without end: the newest is refused, so
 * that none goes unseen.
 */
const OFFERS_MAX = 8

type OfferedKey = Omit<CandidateKey, 'signingKeys'>

/** Those of `keys` that wait for a maintainer from now on; the others are shown and not kept. */
function keptOf({ situation }: About, keys: readonly OfferedKey[]): readonly OfferedKey[] {
  const { waitingKeys } = situation
  const isWaiting = (key: OfferedKey): boolean =>
    waitingKeys.some(({ fingerprint }) => fingerprint === key.fingerprint)
  const room =
    OFFERS_MAX - waitingKeys.filter((key) => !key.wasInUse && key.refusedAt === null).length
  const added = keys.filter((key) => !isWaiting(key)).slice(0, Math.max(0, room))
  return keys.filter((key) => isWaiting(key) || added.includes(key))
}

function acceptWords(about: About, keys: readonly CandidateKey[]): string {
  const kept = keptOf(about, keys)
  const words = keys.map((key) => {
    const name = key.fingerprint.toUpperCase()
    return kept.includes(key)
      ? `/key accept ${name} (or /key refuse ${name} if it is not theirs)`
      : `/key accept ${name} with that key attached to your message, because it is NOT KEPT: ${OFFERS_MAX} keys wait under this address already`
  })
  return words.join(', or ')
}

/**
 * Adds to the known key what the message brings of it, whoever sent it: the read step took only what the owner had signed and
 * removed nothing. So a revocation counts at once. The first message that is signed with the key proves it.
 */
function renewed(about: About, known: ReporterKey): KeyDecision & { readonly key: ReporterKey } {
  const { address, tag, reporter, situation, doubt } = about
  const { opened, mergedKey } = situation
  const isProved = known.isProved || (isSignedWith(opened, known.fingerprint) && doubt === null)
  const key = { ...(mergedKey ?? known), isProved }
  if (mergedKey === null && isProved === known.isProved) {
    return { key: known, decisions: [], warnings: doubts(opened, known) }
  }
  const { isUsable, ...toPin } = key
  const { fingerprint, source } = key
  const pinned = { reporter, fingerprint, source, replaced: null, isUsable, isProved }
  return {
    key,
    decisions: [
      { kind: 'pin-reporter-key', address, key: toPin },
      recorded('key-pinned', aboutCase(tag), BY_DESK, pinned)
    ],
    warnings: [
      ...doubts(opened, key),
      ...(isUsable || !known.isUsable
        ? []
        : [
            `This reporter's key ${formatFingerprint(key.fingerprint)} cannot be used any more: the message brings a copy of it that its owner revoked or let end. Nothing can be encrypted to this reporter until another key comes and is accepted.`
          ])
    ]
  }
}

/** Warns where another key signed than the known one, which nothing proves: either may be a forger's. */
function doubts({ signatures }: OpenedMail, known: ReporterKey): string[] {
  const isByAnother = signatures.some(
    ({ state, fingerprint, isInside, coversWhole }) =>
      (isInside || coversWhole) && state !== 'bad' && fingerprint !== known.fingerprint
  )
  return known.isProved || !isByAnother
    ? []
    : [
        `The message is signed with another key than the one that answers are encrypted to (${formatFingerprint(known.fingerprint)}), and that one has never signed a message: it may be a forger's. Please ask the person another way before you answer.`
      ]
}

function pin(
  about: About,
  candidate: CandidateKey,
  isProved: boolean,
  warnings: readonly string[]
): KeyDecision {
  const { address, tag, reporter, now, situation } = about
  const { fingerprint, source } = candidate
  const key: KeyToPin = { ...candidate, firstSeenAt: now, isProved }
  const replaced = situation.senderKey?.fingerprint ?? null
  const pinned = { reporter, fingerprint, source, replaced, isUsable: true, isProved }
  return {
    key: { ...key, isUsable: true },
    decisions: [
      { kind: 'pin-reporter-key', address, key },
      // A signature hands a key over once: replayed after a further change, it would bring the old state back.
      ...(replaced === null ? [] : situation.opened.signatures.map((one) => spend(one, now))),
      recorded('key-pinned', aboutCase(tag), BY_DESK, pinned)
    ],
    warnings
  }
}

/** Keeps these keys for a maintainer to choose from, as far as there is room; what is used stays as it was. */
function offer(
  about: About,
  key: ReporterKey | null,
  keys: readonly OfferedKey[],
  warnings: readonly string[]
): KeyDecision {
  const { address, tag, reporter, now } = about
  const kept = keptOf(about, keys)
  return {
    key,
    decisions: [
      ...kept.map(({ fingerprint, source, keyData }): Decision => {
        const kept = { fingerprint, source, keyData, firstSeenAt: now }
        return { kind: 'offer-reporter-key', address, key: kept, refusedBy: null }
      }),
      ...keys.map((candidate): Decision => {
        const { fingerprint } = candidate
        const offered = { reporter, fingerprint, isKept: kept.includes(candidate) }
        return recorded('key-offered', aboutCase(tag), BY_DESK, offered)
      })
    ],
    warnings
  }
}
