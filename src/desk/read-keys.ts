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
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'

/** Judges a certificate, merged with these copies of it; null when it cannot be read or does not name the address. */
async function inspect(
  { workers }: Desk,
  key: Uint8Array,
  now: Instant,
  more: { readonly address?: Address; readonly copies?: readonly Uint8Array[] } = {}
) {
  const { address = null, copies = [] } = more
  const facts = await workers.inspectKey(key, now, address, copies)
  if (facts === null) return null
  const { fingerprint, keyData, signingKeys, state } = facts
  const stands = { isUsable: state === 'usable', hasExpired: state === 'expired' }
  return { fingerprint, keyData, signingKeys, ...stands }
}

/**
 * The key of an address, and whether anything can be sealed to it now (G3): the registered one of a maintainer, else the pinned
 * one. For a list member who reports, their key on the list counts no more than for anybody: whether an answer leaves encrypted,
 * and what maintainers read of that, must not show who is on the list (G5, G6).
 */
export async function knownKey(
  desk: Desk,
  address: Address,
  now: Instant
): Promise<ReporterKey | null> {
  const found =
    registeredKey(desk, address, now) ??
    desk.db.read((read) => people.findReporterKey(read, address))
  if (found === null) return null
  const inspected = await inspect(desk, found.keyData, now)
  return { signingKeys: [], isUsable: false, ...inspected, ...found }
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

function registeredKey({ settings }: Desk, address: Address, now: Instant) {
  const owner = settings.maintainers.find((one) => isSameAddress(one.address, address))
  if (owner === undefined) return null
  const { fingerprint, keyData } = owner
  return { fingerprint, keyData, source: 'registered', firstSeenAt: now, isProved: true } as const
}

/**
 * The keys that verify a message in the name of this address: the pinned one, that of the list member at this address, and those
 * of others whom its signatures name as their makers. What a signature only claims shows nothing: that is verified, or counts for
 * nothing (G5).
 */
export function keysOf(
  read: Read,
  address: Address | null,
  issuers: readonly string[]
): Uint8Array[] {
  const owners =
    address === null
      ? []
      : [people.findReporterKey(read, address), members.findByAddress(read, address)]
  const named = issuers.slice(0, ISSUERS_MAX).flatMap((issuer) => people.keysNamed(read, issuer))
  return [...owners.flatMap((owner) => owner?.keyData ?? []), ...named]
}

const ISSUERS_MAX = 8

/**
 * The pinned key merged with every copy of it in the message, wherever it stands, and whether it can still be used; null when
 * they add nothing. Also merges what is no candidate, because a revoked copy is none.
 */
export async function mergedCopies(
  desk: Desk,
  pinned: ReporterKey,
  opened: OpenedMail,
  now: Instant
): Promise<ReporterKey | null> {
  // Only the configuration and the list change a registered key.
  if (pinned.source === 'registered') return null
  const brought = [...opened.candidateKeys, ...opened.unusableKeys]
  const copies = [...brought.map(({ keyData }) => keyData), ...keyFiles(opened)]
  const merged = await inspect(desk, pinned.keyData, now, { copies })
  if (merged === null || Buffer.from(merged.keyData).equals(pinned.keyData)) return null
  return { ...pinned, ...merged }
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
    const merged =
      before && (await inspect(desk, before.keyData, now, { copies: [candidate.keyData] }))
    if (merged?.isUsable !== false) found.push({ ...candidate, ...merged })
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
  const unproved = { signingKeys: [], isUsable: false, isProved: false }
  for (const kept of desk.db.read((read) => people.listOfferedKeys(read, address))) {
    const inspected = await inspect(desk, kept.keyData, now, { address, copies: brought })
    found.set(kept.fingerprint, { ...kept, ...unproved, ...inspected })
  }
  for (const file of brought) {
    const inspected = await inspect(desk, file, now, { address, copies: brought })
    if (inspected === null) continue
    const own = { ...inspected, isProved: false, firstSeenAt: now }
    const kept = found.get(own.fingerprint) ?? own
    found.set(own.fingerprint, { ...kept, source: 'attached' })
  }
  return [...found.values()]
}
