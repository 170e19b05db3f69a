/**
 * The self-signatures of a certificate, each verified once. Limits the work that one key file may cause: anybody can write
 * thousands of signatures that claim to be the key's own (mail.md §2.13). Must never keep an unverified one, and never continue
 * with a key that is full of forged ones.
 */
import { enums, type Key, type SignaturePacket, type Subkey } from 'openpgp'

import { fullPgpConfig } from './config.ts'

/** Signatures kept of one kind on one user id or key, the newest first. An owner seldom makes more than one a year. */
const PER_PART_MAX = 16
/** Signatures verified of one key, valid or not. The slowest algorithm takes some 25 ms each. */
const VERIFIED_MAX = 100
/** A key with more invalid signatures is refused: skipping unchecked ones could skip a revocation. */
const FORGED_MAX = 8

/**
 * How many more signatures may be verified for all keys of one message; counts down. Back signatures are not counted: there is
 * at most one for each verified binding.
 */
export type Effort = { left: number }

/** A key with its direct-key signatures, which the library's types omit. */
export type WithDirect = Key & { directSignatures: SignaturePacket[] }

/** Whether a signature is genuine, regardless of when it was made; it is judged at the time of use. */
type Check = (signature: SignaturePacket) => Promise<boolean>

/** The library accepts null for "at any time"; its types do not say so. */
const ANY_TIME = null as unknown as Date

/** Whether `signer` made a signature of this type over exactly these packets. */
function madeBy(signer: (Key | Subkey)['keyPacket'], type: enums.signature, signed: object): Check {
  return async (signature) => {
    try {
      await signature.verify(signer, type, signed, ANY_TIME, false, fullPgpConfig(false))
      return true
    } catch {
      return false // forged, or made in a way that we do not accept
    }
  }
}

/**
 * Whether a subkey has a back signature for `primary`, at any time (RFC 9580 §5.2.1.9): without one, anybody can attach another
 * person's key to their own. It is stored in the binding signatures, from which anybody can remove it.
 */
export async function hasSignedBack(
  primary: Key['keyPacket'],
  { keyPacket }: Subkey,
  bindings: readonly SignaturePacket[]
): Promise<boolean> {
  const signed = { key: primary, bind: keyPacket }
  const isBackSigned = madeBy(keyPacket, enums.signature.keyBinding, signed)
  for (const { embeddedSignature } of bindings) {
    if (embeddedSignature !== null && (await isBackSigned(embeddedSignature))) return true
  }
  return false
}

/** Whether both sign the same data: anybody can change what stands outside the signed bytes. */
export function isSame(one: SignaturePacket, other: SignaturePacket): boolean {
  const [a, b] = [one.signatureData, other.signatureData]
  return a !== null && b !== null && Buffer.from(a).equals(b)
}

/** Revocation reasons that apply only from then on (RFC 9580 §5.2.3.31); all other reasons apply to all times. */
const SOFT_REASONS: readonly (number | null)[] = [
  enums.reasonForRevocation.keySuperseded,
  enums.reasonForRevocation.keyRetired,
  enums.reasonForRevocation.userIDInvalid
]

/**
 * Removes from `key` all signatures but its own, verified ones: revocations, then the newest 16 of each other kind on each
 * part, 100 in total. False when more than eight are invalid, when a revocation would be dropped that could say more than the
 * kept ones, or when `effort` is spent: then the key must not be used, and its signatures stay unchanged.
 */
export async function keepOwnSignatures(
  key: WithDirect,
  effort: Effort = { left: VERIFIED_MAX }
): Promise<boolean> {
  const places = placesOf(key)
  let verified = 0
  let forged = 0
  for (const { place, signature } of inTurn(key, places)) {
    if (isWithoutEffect(place, signature)) continue
    if (place.kept.length === PER_PART_MAX || verified === VERIFIED_MAX) {
      if (place.isRevocation) return false
      continue
    }
    if (effort.left === 0) return false
    effort.left -= 1
    verified += 1
    if (await place.check(signature)) place.kept.push(signature)
    else forged += 1
    if (forged > FORGED_MAX) return false
  }
  for (const place of places) {
    place.put(place.signatures.filter((signature) => place.kept.includes(signature)))
  }
  for (const user of key.users) user.otherCertifications = []
  return true
}

/**
 * Whether it could add nothing to the kept signatures: a copy, whose unsigned bytes anybody can change, or another revocation
 * beside one for all times. A thief can date any other revocation before the owner's.
 */
function isWithoutEffect({ isRevocation, kept }: Place, signature: SignaturePacket): boolean {
  return (
    kept.some((other) => isSame(other, signature)) ||
    (isRevocation && kept.some((other) => isHard(other)))
  )
}

/** Signatures of one kind on one part of a key. */
type Place = {
  readonly isRevocation: boolean
  readonly signatures: readonly SignaturePacket[]
  /** The verified ones, which stay. */
  readonly kept: SignaturePacket[]
  readonly check: Check
  /** Replaces the signatures by these. */
  put(signatures: SignaturePacket[]): void
}

function placesOf(key: WithDirect): Place[] {
  const primary = key.keyPacket
  const { signature: types } = enums
  const place = <Name extends string>(
    part: Record<Name, SignaturePacket[]>,
    name: Name,
    type: enums.signature,
    signed: object
  ): Place => ({
    isRevocation: name === 'revocationSignatures',
    signatures: part[name],
    kept: [],
    check: madeBy(primary, type, signed),
    put(signatures) {
      part[name] = signatures
    }
  })
  return [
    place(key, 'revocationSignatures', types.keyRevocation, { key: primary }),
    place(key, 'directSignatures', types.key, { key: primary }),
    ...key.users.flatMap((user) => {
      const signed = { userID: user.userID, userAttribute: user.userAttribute, key: primary }
      return [
        place(user, 'revocationSignatures', types.certRevocation, signed),
        place(user, 'selfCertifications', types.certGeneric, signed)
      ]
    }),
    ...key.subkeys.flatMap((subkey) => {
      const signed = { key: primary, bind: subkey.keyPacket }
      return [
        place(subkey, 'revocationSignatures', types.subkeyRevocation, signed),
        place(subkey, 'bindingSignatures', types.subkeyBinding, signed)
      ]
    })
  ]
}

/**
 * The signatures that the key may have made: revocations first, those for all times in front; then the newest of each place,
 * then the second newest of each, and so on.
 */
function inTurn(
  key: Key,
  places: readonly Place[]
): { readonly place: Place; readonly signature: SignaturePacket }[] {
  const turns = places.flatMap((place) =>
    place.signatures
      .filter((signature) => isPossible(key, signature))
      .sort((a, b) => madeAt(b) - madeAt(a))
      .map((signature, rank) => ({ place, signature, turn: turnOf(place, signature, rank) }))
  )
  return turns.sort((a, b) => a.turn - b.turn)
}

function turnOf({ isRevocation }: Place, signature: SignaturePacket, rank: number): number {
  if (!isRevocation) return rank
  return isHard(signature) ? -2 : -1
}

function isHard({ reasonForRevocationFlag }: SignaturePacket): boolean {
  return !SOFT_REASONS.includes(reasonForRevocationFlag)
}

/** False for third-party signatures and for those never accepted; needs no verification. */
function isPossible(key: Key, signature: SignaturePacket): boolean {
  const { hashAlgorithm, issuerKeyID, publicKeyAlgorithm } = signature
  const { rejectHashAlgorithms, rejectPublicKeyAlgorithms } = fullPgpConfig(false)
  return (
    issuerKeyID.equals(key.getKeyID()) &&
    publicKeyAlgorithm === key.keyPacket.algorithm &&
    !rejectPublicKeyAlgorithms.has(publicKeyAlgorithm) &&
    hashAlgorithm !== null &&
    !rejectHashAlgorithms.has(hashAlgorithm)
  )
}

function madeAt({ created }: SignaturePacket): number {
  return created?.getTime() ?? 0
}
