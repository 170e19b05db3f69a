/**
 * The self-signatures of a certificate, each verified once. Limits the work that one key file may cause: anybody can write
 * thousands of signatures that claim to be the key's own (mail.md §2.13). Must never keep an unverified one, and never continue
 * with a key that is full of forged ones.
 */
import { enums, type Key, type SignaturePacket, type Subkey } from 'openpgp'

import { fullPgpConfig } from './config.ts'

/** Signatures verified of one key, valid or not, unless its message allows fewer. Ed448, the slowest, takes some 4 ms each. */
const VERIFIED_MAX = 300

/**
 * How many more signatures may be verified, of one key or of all keys in one message; counts down. Back signatures are not
 * counted: there is at most one for each verified binding.
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

/**
 * Removes from `key` all signatures but its own, verified ones, each of them once. False when it has more that claim to be its own than `effort`
 * allows: then the key must not be used, because a revocation may be among those that are not looked at.
 */
export async function keepOwnSignatures(
  key: WithDirect,
  effort: Effort = { left: VERIFIED_MAX }
): Promise<boolean> {
  const places = placesOf(key).map((place) => ({
    ...place,
    claimed: place.signatures.filter((signature) => isPossible(key, signature))
  }))
  const count = places.reduce((sum, { claimed }) => sum + claimed.length, 0)
  if (count > effort.left) return false
  effort.left -= count
  for (const { claimed, check, put } of places) {
    const kept: SignaturePacket[] = []
    for (const signature of claimed) {
      const isCopy = kept.some((other) => isSame(other, signature))
      if (!isCopy && (await check(signature))) kept.push(signature)
    }
    put(kept)
  }
  for (const user of key.users) user.otherCertifications = []
  return true
}

/** Whether both sign the same data. Anybody can copy a signature as often as they like, each time with other unsigned bytes. */
function isSame(one: SignaturePacket, other: SignaturePacket): boolean {
  const [a, b] = [one.signatureData, other.signatureData]
  return a !== null && b !== null && Buffer.from(a).equals(b)
}

/** Signatures of one kind on one part of a key. */
type Place = {
  readonly signatures: readonly SignaturePacket[]
  readonly check: Check
  /** Replaces the signatures by these. */
  readonly put: (signatures: SignaturePacket[]) => void
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
    signatures: part[name],
    check: madeBy(primary, type, signed),
    put: (signatures) => {
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
