/**
 * Which key answers to a reporter are sealed to (mail.md §1.7, §2.12): the first one seen under exactly the sender's address
 * is pinned and its first use shown. A different one never replaces a usable key; where the known key has expired or was
 * revoked, the new one takes its place and everybody is told.
 */
import { type Address } from '../domain/address.ts'
import { type ReporterKey } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type CaseTag, formatFingerprint } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'

export type KeyDecision = {
  readonly key: ReporterKey | null
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
  const { fingerprint, keyData, source } = candidate
  const offered: ReporterKey = { fingerprint, keyData, source, firstSeenAt: now, isUsable: true }
  const name = formatFingerprint(fingerprint)
  if (senderKey === null) {
    return pin(offered, from.address, tag, [
      `First use of key ${name} (${source}) for this reporter: answers are sealed to it. Nobody has verified whose it is.`
    ])
  }
  if (fingerprint === senderKey.fingerprint) return renewed(senderKey, offered, from.address, tag)
  const known = formatFingerprint(senderKey.fingerprint)
  if (!senderKey.isUsable) {
    return pin(offered, from.address, tag, [
      `The key known for this reporter (${known}) cannot be used any more. The mail brings ANOTHER one, ${name} (${source}); answers are sealed to it from now on. Nobody has verified whose it is: ask the person another way if you doubt it.`
    ])
  }
  return {
    key: senderKey,
    decisions: [
      { kind: 'audit', actor: 'desk', action: 'reporter-key.differs', tag, detail: { fingerprint } }
    ],
    warnings: [
      `The mail carries a DIFFERENT key (${name}) than the one known for this reporter (${known}). The known one stays in use. Ask the person another way.`
    ]
  }
}

/**
 * Another copy of the known key. One that can be used stays as it is: anybody can send an older or stripped copy, which would
 * bring retired subkeys back. One that came to its end gives way, because nothing could be sealed with it.
 */
function renewed(
  known: ReporterKey,
  offered: ReporterKey,
  address: Address,
  tag: CaseTag
): KeyDecision {
  if (known.isUsable) return { key: known, decisions: [], warnings: [] }
  const key = { ...offered, firstSeenAt: known.firstSeenAt }
  const { fingerprint, source } = key
  const detail = { fingerprint, source }
  return {
    key,
    decisions: [
      { kind: 'pin-reporter-key', address, tag, key },
      { kind: 'audit', actor: 'desk', action: 'reporter-key.renewed', tag, detail }
    ],
    warnings: [
      `The key known for this reporter (${formatFingerprint(fingerprint)}) had come to its end; the mail brings a copy of it that can be used, and answers are sealed to that from now on.`
    ]
  }
}

function pin(
  key: ReporterKey,
  address: Address,
  tag: CaseTag,
  warnings: readonly string[]
): KeyDecision {
  const { fingerprint, source } = key
  return {
    key,
    decisions: [
      { kind: 'pin-reporter-key', address, tag, key },
      {
        kind: 'audit',
        actor: 'desk',
        action: 'reporter-key.pinned',
        tag,
        detail: { fingerprint, source }
      }
    ],
    warnings
  }
}
