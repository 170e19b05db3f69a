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
import { inspectKey, readCertificate } from './keyring.ts'
import { type Check, hasSignedBack, isSame, madeBy, type WithDirect } from './self-signatures.ts'
import { addressOfUserId } from './user-id.ts'

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
  const added =
    (await addToPrimary(into.key as WithDirect, from.key as WithDirect)) +
    (await addUsers(into.key, from.key)) +
    (await addSubkeys(into.key, from.key))
  return added === 0 ? null : inspectKey(into.key.write(), now)
}

function primaryOf(keyData: Uint8Array): Fingerprint | undefined {
  return fingerprintsOf(keyData)[0]
}

/** A signing subkey must have a back signature. */
function binds(primary: Key['keyPacket'], subkey: Subkey): Check {
  const signed = { key: primary, bind: subkey.keyPacket }
  const isBound = madeBy(primary, enums.signature.subkeyBinding, signed)
  return async (signature) => {
    if (!(await isBound(signature))) return false
    const flags = signature.keyFlags?.[0] ?? 0
    if ((flags & enums.keyFlags.signData) === 0) return true
    return hasSignedBack(primary, subkey, [signature])
  }
}

/**
 * Adds to `into` the valid signatures of `from` that it does not have yet, and returns how many. An intact copy replaces a
 * broken copy of the same signature.
 */
async function addSignatures(
  into: SignaturePacket[],
  from: readonly SignaturePacket[],
  passes: Check
): Promise<number> {
  let added = 0
  for (const signature of from) {
    const place = into.findIndex((other) => isSame(other, signature))
    const present = into[place]
    if (present !== undefined && (await passes(present))) continue
    if (!(await passes(signature))) continue
    if (present === undefined) into.push(signature)
    else into[place] = signature
    added += 1
  }
  return added
}

async function addToPrimary(into: WithDirect, from: WithDirect): Promise<number> {
  const primary = into.keyPacket
  const check = (type: enums.signature) => madeBy(primary, type, { key: primary })
  return (
    (await addSignatures(
      into.revocationSignatures,
      from.revocationSignatures,
      check(enums.signature.keyRevocation)
    )) +
    (await addSignatures(into.directSignatures, from.directSignatures, check(enums.signature.key)))
  )
}

async function addUsers(into: Key, from: Key): Promise<number> {
  const primary = into.keyPacket
  const addresses = new Set(into.users.map(addressOf))
  let added = 0
  for (const user of from.users) {
    const present = into.users.find(({ userID }) => userID?.userID === user.userID?.userID)
    if (present === undefined && !addresses.has(addressOf(user))) continue
    const signed = { userID: user.userID, userAttribute: null, key: primary }
    const certifies = madeBy(primary, enums.signature.certGeneric, signed)
    const revokes = madeBy(primary, enums.signature.certRevocation, signed)
    const { selfCertifications, revocationSignatures } = user
    const target = present ?? emptied(user, { selfCertifications: [], revocationSignatures: [] })
    const certified = await addSignatures(target.selfCertifications, selfCertifications, certifies)
    if (present === undefined && certified === 0) continue
    if (present === undefined) into.users.push(target)
    added += certified
    added += await addSignatures(target.revocationSignatures, revocationSignatures, revokes)
  }
  return added
}

async function addSubkeys(into: Key, from: Key): Promise<number> {
  const primary = into.keyPacket
  let added = 0
  for (const subkey of from.subkeys) {
    const present = into.subkeys.find((own) => own.getFingerprint() === subkey.getFingerprint())
    const signed = { key: primary, bind: subkey.keyPacket }
    const revokes = madeBy(primary, enums.signature.subkeyRevocation, signed)
    const { bindingSignatures, revocationSignatures } = subkey
    const target = present ?? emptied(subkey, { bindingSignatures: [], revocationSignatures: [] })
    const passes = binds(primary, subkey)
    const bound = await addSignatures(target.bindingSignatures, bindingSignatures, passes)
    if (present === undefined && bound === 0) continue
    if (present === undefined) into.subkeys.push(target)
    added += bound
    added += await addSignatures(target.revocationSignatures, revocationSignatures, revokes)
  }
  return added
}

/** The part itself without its signatures, which are added one by one. */
function emptied<T extends User | Subkey>(part: T, signatures: Partial<T>): T {
  return Object.assign(part, signatures)
}

function addressOf(user: User): string | null {
  return addressOfUserId(user.userID?.userID ?? '')?.toLowerCase() ?? null
}
