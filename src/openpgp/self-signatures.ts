/**
 * The self-signatures of a certificate, each verified once. Limits the work that one key file may cause: anybody can write
 * thousands of signatures that claim to be the key's own. Must never keep an unverified one, and never continue with a key that
 * is full of forged ones.
 */
import { enums, type Key, type SignaturePacket, type Subkey } from 'openpgp'

import { CONFIG } from './config.ts'

/** Signatures verified of one key, valid or not. Ed448, the slowest, takes some 4 ms each. */
const VERIFIED_MAX = 300

/** A key with its direct-key signatures, which the library's types omit. */
export type WithDirect = Key & { directSignatures: SignaturePacket[] }

/** Whether a signature is genuine, regardless of when it was made; it is judged at the time of use. */
type Check = (signature: SignaturePacket) => Promise<boolean>

type Place = { readonly signatures: SignaturePacket[]; readonly isGenuine: Check }

/** The library accepts null for "at any time"; its types do not say so. */
export const ANY_TIME = null as unknown as Date

/**
 * Keeps only the verified signatures that `key` made itself, each once, and removes the parts that have none left. False when too
 * many claim to be its own: then the key must not be used, because a revocation may be among those that were not verified.
 */
export async function keepOwnSignatures(key: WithDirect): Promise<boolean> {
  const places = placesOf(key)
  for (const { signatures } of places)
    keep(
      signatures,
      signatures.filter((signature) => isPossible(key, signature))
    )
  if (places.reduce((sum, { signatures }) => sum + signatures.length, 0) > VERIFIED_MAX)
    return false
  for (const { signatures, isGenuine } of places) {
    const kept: SignaturePacket[] = []
    for (const signature of signatures) {
      const isCopy = kept.some((other) => isSame(other, signature))
      if (!isCopy && (await isGenuine(signature))) kept.push(signature)
    }
    keep(signatures, kept)
  }
  for (const user of key.users) user.otherCertifications = []
  key.users = key.users.filter(({ selfCertifications }) => selfCertifications.length > 0)
  key.subkeys = key.subkeys.filter(({ bindingSignatures }) => bindingSignatures.length > 0)
  return true
}

/**
 * Tells the library that all signatures of a certificate are verified, because only those were kept when it was first read: it
 * goes on to judge their time, their digests and what they say. Where the library keeps that in another place, it verifies them.
 */
export function trustSignatures(key: WithDirect): void {
  const signatures = placesOf(key).flatMap((place) => place.signatures)
  const inside = signatures.flatMap(({ embeddedSignature }) => embeddedSignature ?? [])
  for (const signature of [...signatures, ...inside]) {
    const marks = Object.getOwnPropertySymbols(signature)
    const mark = marks.find(({ description }) => description === 'verified')
    if (mark !== undefined) Object.assign(signature, { [mark]: true })
  }
}

/** Whether a binding says that its subkey signs. */
export function isSigning({ keyFlags }: SignaturePacket): boolean {
  return ((keyFlags?.[0] ?? 0) & enums.keyFlags.signData) !== 0
}

function keep(signatures: SignaturePacket[], kept: readonly SignaturePacket[]): void {
  signatures.splice(0, signatures.length, ...kept)
}

/** Whether both sign the same data. Anybody can copy a signature as often as they like, each time with other unsigned bytes. */
function isSame(one: SignaturePacket, other: SignaturePacket): boolean {
  const [a, b] = [one.signatureData, other.signatureData]
  return a !== null && b !== null && Buffer.from(a).equals(b)
}

function placesOf(key: WithDirect): Place[] {
  const primary = key.keyPacket
  const { signature: types } = enums
  const place = (
    signatures: SignaturePacket[],
    type: enums.signature,
    signed: object = { key: primary }
  ): Place => ({ signatures, isGenuine: madeBy(primary, type, signed) })
  return [
    place(key.revocationSignatures, types.keyRevocation),
    place(key.directSignatures, types.key),
    ...key.users.flatMap((user) => {
      const signed = { userID: user.userID, userAttribute: user.userAttribute, key: primary }
      return [
        place(user.revocationSignatures, types.certRevocation, signed),
        place(user.selfCertifications, types.certGeneric, signed)
      ]
    }),
    ...key.subkeys.flatMap((subkey) => {
      const { revocationSignatures, bindingSignatures: signatures, keyPacket } = subkey
      const signed = { key: primary, bind: keyPacket }
      return [
        place(revocationSignatures, types.subkeyRevocation, signed),
        { signatures, isGenuine: isBinding(primary, subkey, signed) }
      ]
    })
  ]
}

/**
 * Whether `primary` bound a subkey, and a signing one bound it back (RFC 9580 §5.2.1.9): without that, anybody can attach
 * another person's key to their own. The back signature is not among the signed bytes of the binding, so anybody can remove
 * it; such a half binding must not replace a whole one.
 */
function isBinding(primary: Key['keyPacket'], { keyPacket }: Subkey, signed: object): Check {
  const isBound = madeBy(primary, enums.signature.subkeyBinding, signed)
  const isBoundBack = madeBy(keyPacket, enums.signature.keyBinding, signed)
  const isRefused = CONFIG.rejectPublicKeyAlgorithms.has(keyPacket.algorithm)
  return async (binding) => {
    const back = isRefused ? null : binding.embeddedSignature
    if (isSigning(binding) && (back === null || !(await isBoundBack(back)))) return false
    return isBound(binding)
  }
}

/** Whether `signer` made a signature of this type over exactly these packets. */
function madeBy(signer: (Key | Subkey)['keyPacket'], type: enums.signature, signed: object): Check {
  return async (signature) => {
    try {
      await signature.verify(signer, type, signed, ANY_TIME, false, CONFIG)
      return true
    } catch {
      return false // forged, or made in a way that we do not accept
    }
  }
}

/** False for third-party signatures and for those never accepted; needs no verification. */
function isPossible(key: Key, signature: SignaturePacket): boolean {
  const { hashAlgorithm, issuerKeyID, publicKeyAlgorithm } = signature
  const { rejectHashAlgorithms, rejectPublicKeyAlgorithms } = CONFIG
  return (
    issuerKeyID.equals(key.getKeyID()) &&
    publicKeyAlgorithm === key.keyPacket.algorithm &&
    !rejectPublicKeyAlgorithms.has(publicKeyAlgorithm) &&
    hashAlgorithm !== null &&
    !rejectHashAlgorithms.has(hashAlgorithm)
  )
}
