/**
 * The keys of people who write to the desk, for the *read* step: what is known of a sender, together with what a message brings
 * of it. Reads only. Must never let a copy that came by mail take anything away from one that is known: they are merged in
 * a worker.
 */
import { type Address, addressKey, isSameAddress } from '../domain/address.ts'
import {
  addresseesOf,
  type CaseRecord,
  type ReporterKey,
  type ReporterKeys
} from '../domain/case.ts'
import { type CandidateKey, distinctFiles, isDeclaredKey, type OpenedMail } from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import * as people from '../store/correspondents.ts'
import * as members from '../store/members.ts'
import { type Desk } from './desk.ts'

/**
 * The key of an address, and whether anything can be sealed to it now (G3): the registered one of a maintainer or an active
 * member, else the pinned one.
 */
export async function knownKey(
  desk: Desk,
  address: Address,
  now: Instant
): Promise<ReporterKey | null> {
  const registered = registeredKey(desk, address)
  if (registered !== null) {
    const facts = await desk.workers.inspectKey(registered, now, null)
    if (facts === null) return null
    const { fingerprint, signingKeys, state } = facts
    const common = { fingerprint, signingKeys, keyData: registered, firstSeenAt: now }
    return { ...common, source: 'registered', isProved: true, isUsable: state === 'usable' }
  }
  const pinned = desk.db.read((read) => people.findReporterKey(read, address))
  if (pinned === null) return null
  const facts = await desk.workers.inspectKey(pinned.keyData, now, null)
  return { ...pinned, isUsable: facts?.state === 'usable', signingKeys: facts?.signingKeys ?? [] }
}

/** The known keys of all reporters of a case, by address. */
export async function knownKeys(
  desk: Desk,
  record: CaseRecord,
  now: Instant
): Promise<ReporterKeys> {
  const found = await Promise.all(
    addresseesOf(record).map(async ({ contact: { address } }) => {
      const key = await knownKey(desk, address, now)
      return key === null ? [] : [[addressKey(address), key] as const]
    })
  )
  return new Map(found.flat())
}

function registeredKey({ settings, db }: Desk, address: Address): Uint8Array | null {
  const maintainer = settings.maintainers.find((one) => isSameAddress(one.address, address))
  return maintainer?.keyData ?? db.read((read) => members.findKeyByAddress(read, address))
}

/**
 * The pinned key merged with every copy of it in the message, and whether it can still be used; null when they add nothing. Also
 * merges files that are no candidates, because a revoked copy is no candidate.
 */
export async function mergedCopies(
  desk: Desk,
  pinned: ReporterKey,
  opened: OpenedMail,
  now: Instant
): Promise<ReporterKey | null> {
  // Only the configuration and the list change a registered key.
  if (pinned.source === 'registered') return null
  const copies = [...opened.candidateKeys.map(({ keyData }) => keyData), ...keyFiles(opened)]
  const facts = await desk.workers.inspectKey(pinned.keyData, now, null, copies)
  if (facts === null || Buffer.from(facts.keyData).equals(pinned.keyData)) return null
  const { keyData, signingKeys, state } = facts
  return { ...pinned, keyData, signingKeys, isUsable: state === 'usable' }
}

/**
 * The candidates of a message, each merged with its copy from earlier messages: an older copy takes nothing away, and a key that
 * is known to be revoked is no candidate any more.
 */
export async function candidatesOf(
  desk: Desk,
  { outer: { from }, candidateKeys }: Pick<OpenedMail, 'outer' | 'candidateKeys'>,
  now: Instant
): Promise<CandidateKey[]> {
  const kept =
    from === null ? [] : desk.db.read((read) => people.listOfferedKeys(read, from.address))
  const found: CandidateKey[] = []
  for (const candidate of candidateKeys) {
    const before = kept.find(({ fingerprint }) => fingerprint === candidate.fingerprint)
    const facts =
      before === undefined
        ? null
        : await desk.workers.inspectKey(before.keyData, now, null, [candidate.keyData])
    if (facts === null) found.push(candidate)
    else if (facts.state === 'usable') {
      const { keyData, signingKeys } = facts
      found.push({ ...candidate, keyData, signingKeys })
    }
  }
  return found
}

const KEY_FILES_MAX = 5

/** Files of a message that may be keys, at most {@link KEY_FILES_MAX}, each once. */
function keyFiles(opened: OpenedMail): Uint8Array[] {
  return distinctFiles(opened.attachments.filter(isDeclaredKey))
    .slice(0, KEY_FILES_MAX)
    .map(({ content }) => content)
}

/** Keys that name `address` and could be accepted or refused for it: from earlier messages and from this one. */
export async function offeredKeys(
  desk: Desk,
  address: Address,
  opened: OpenedMail,
  now: Instant
): Promise<ReporterKey[]> {
  const brought = keyFiles(opened)
  const found = new Map<string, ReporterKey>()
  for (const kept of desk.db.read((read) => people.listOfferedKeys(read, address))) {
    const facts = await desk.workers.inspectKey(kept.keyData, now, address, brought)
    const { keyData, signingKeys } = facts ?? { keyData: kept.keyData, signingKeys: [] }
    const isUsable = facts?.state === 'usable'
    found.set(kept.fingerprint, { ...kept, keyData, signingKeys, isUsable, isProved: false })
  }
  for (const file of brought) {
    const facts = await desk.workers.inspectKey(file, now, address, brought)
    if (facts === null) continue
    const { fingerprint, keyData, signingKeys, state } = facts
    const own = { fingerprint, keyData, signingKeys, isUsable: state === 'usable', isProved: false }
    const kept = found.get(fingerprint) ?? { ...own, firstSeenAt: now }
    found.set(fingerprint, { ...kept, source: 'attached' })
  }
  return [...found.values()]
}
