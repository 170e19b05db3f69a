/**
 * Merges two copies of one certificate without losing anything: keeps every packet of the known copy, and adds from the other
 * copy only what the primary key itself signed. Must never let a copy that anybody may have altered remove something: an older
 * or stripped copy changes nothing, and forged signatures are dropped. Does not use the library's update, which replaces a
 * binding signature by any that claims to be newer, unverified.
 */
import { enums, type Key, type SignaturePacket, type Subkey, type User } from 'openpgp'

import { type Fingerprint } from '../domain/ids.ts'
import { type KeyFacts } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { fingerprintsOf, readKeyPackets } from './key-packets.ts'
import { addressOf, inspectKey, readCertificate } from './keyring.ts'
import { hasSignedBack, isSame, type WithDirect } from './self-signatures.ts'

/**
 * Facts at `now` of the certificate `known`, merged with what its owner signed in `brought` (armored or binary): renewals,
 * revocations, new subkeys, and user ids with an address that it already has. Null when `brought` is not one readable
 * certificate of the same primary key, adds nothing, or would make the result too large to read again.
 */
export async function mergeKey(
  known: Uint8Array,
  brought: Uint8Array,
  now: Instant
): Promise<KeyFacts | null> {
  const packets = readKeyPackets(brought)
  // Another key is detected before any work.
  if (packets === null || primaryOf(packets.data) !== primaryOf(known)) return null
  const into = await readCertificate(known, now)
  const from = await readCertificate(packets.data, now)
  if (into === null || from?.fingerprint !== into.fingerprint) return null
  const [own, other] = [into.key as WithDirect, from.key as WithDirect]
  const added =
    addSignatures(own.revocationSignatures, other.revocationSignatures) +
    addSignatures(own.directSignatures, other.directSignatures) +
    addUsers(own, other) +
    (await addSubkeys(own, other))
  return added === 0 ? null : inspectKey(into.key.write(), now)
}

function primaryOf(keyData: Uint8Array): Fingerprint | undefined {
  return fingerprintsOf(keyData)[0]
}

/**
 * Adds to `into` the signatures of `from` that it does not have yet, and returns how many. Both copies were reduced to verified
 * signatures when they were read.
 */
function addSignatures(into: SignaturePacket[], from: readonly SignaturePacket[]): number {
  const added = from.filter((signature) => !into.some((other) => isSame(other, signature)))
  into.push(...added)
  return added.length
}

function addUsers(into: Key, from: Key): number {
  const addresses = new Set(into.users.map(addressOf))
  let added = 0
  for (const user of from.users) {
    const present = into.users.find(({ userID }) => userID?.userID === user.userID?.userID)
    if (present === undefined && !addresses.has(addressOf(user))) continue
    const { selfCertifications, revocationSignatures } = user
    const target = present ?? emptied(user, { selfCertifications: [], revocationSignatures: [] })
    const certified = addSignatures(target.selfCertifications, selfCertifications)
    if (present === undefined && certified === 0) continue
    if (present === undefined) into.users.push(target)
    added += certified + addSignatures(target.revocationSignatures, revocationSignatures)
  }
  return added
}

async function addSubkeys(into: Key, from: Key): Promise<number> {
  let added = 0
  for (const subkey of from.subkeys) {
    const present = into.subkeys.find((own) => own.getFingerprint() === subkey.getFingerprint())
    const whole = await wholeBindings(into.keyPacket, subkey)
    const { revocationSignatures } = subkey
    const target = present ?? emptied(subkey, { bindingSignatures: [], revocationSignatures: [] })
    // An intact copy replaces a copy of the same binding that lost its back signature.
    const known = await wholeBindings(into.keyPacket, target)
    target.bindingSignatures = target.bindingSignatures.filter(
      (binding) => known.includes(binding) || !whole.some((other) => isSame(other, binding))
    )
    const bound = addSignatures(target.bindingSignatures, whole)
    if (present === undefined && bound === 0) continue
    if (present === undefined) into.subkeys.push(target)
    added += bound + addSignatures(target.revocationSignatures, revocationSignatures)
  }
  return added
}

/** The binding signatures of a subkey, without those of a signing key that have no back signature. */
async function wholeBindings(
  primary: Key['keyPacket'],
  subkey: Subkey
): Promise<SignaturePacket[]> {
  const whole: SignaturePacket[] = []
  for (const binding of subkey.bindingSignatures) {
    const isSigning = ((binding.keyFlags?.[0] ?? 0) & enums.keyFlags.signData) !== 0
    if (!isSigning || (await hasSignedBack(primary, subkey, [binding]))) whole.push(binding)
  }
  return whole
}

function emptied<T extends User | Subkey>(part: T, signatures: Partial<T>): T {
  return Object.assign(part, signatures)
}
