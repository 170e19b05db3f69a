/**
 * Which key answers to a reporter are sealed to (mail.md §1.7, §2.12): the first one seen under exactly the sender's address
 * is pinned and its first use shown; a different one later never replaces it by itself.
 */
import { type PinnedKey } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type CaseTag, formatFingerprint } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'

export type KeyDecision = {
  readonly key: PinnedKey | null
  readonly decisions: readonly Decision[]
  /** For the relay's first lines. */
  readonly warnings: readonly string[]
}

/** The key to use for the sender of this mail, and what to record and to say about it. */
export function decideReporterKey(situation: Situation, tag: CaseTag, now: Instant): KeyDecision {
  const { senderKey, opened } = situation
  const from = opened.outer.from
  const [candidate, ...others] = opened.candidateKeys
  if (candidate === undefined || others.length > 0 || from === null) {
    return { key: senderKey, decisions: [], warnings: [] }
  }
  if (senderKey === null) {
    const { fingerprint, keyData, source } = candidate
    const key: PinnedKey = { fingerprint, keyData, source, firstSeenAt: now }
    return {
      key,
      decisions: [
        { kind: 'pin-reporter-key', address: from.address, tag, key },
        {
          kind: 'audit',
          actor: 'desk',
          action: 'reporter-key.pinned',
          tag,
          detail: { fingerprint, source }
        }
      ],
      warnings: [
        `First use of key ${formatFingerprint(fingerprint)} (${source}) for this reporter: answers are sealed to it. Nobody has verified whose it is.`
      ]
    }
  }
  if (candidate.fingerprint === senderKey.fingerprint)
    return { key: senderKey, decisions: [], warnings: [] }
  const { fingerprint } = candidate
  return {
    key: senderKey,
    decisions: [
      { kind: 'audit', actor: 'desk', action: 'reporter-key.differs', tag, detail: { fingerprint } }
    ],
    warnings: [
      `The mail carries a DIFFERENT key (${formatFingerprint(fingerprint)}) than the one known for this reporter (${formatFingerprint(senderKey.fingerprint)}). The known one stays in use. Ask the person another way.`
    ]
  }
}
