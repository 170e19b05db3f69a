/**
 * Keys that were encrypted together with a signature: people who attach their own key show whose signature it is. Used to
 * detect that a signer is not the sender (mail.md §2.4); finding the sender's own key is up to reading/candidate-keys.ts.
 */
import { isSameAddress } from '../domain/address.ts'
import { isNamedBy } from '../domain/ids.ts'
import { type HeaderFacts, type Signature } from '../domain/mail.ts'
import { type ClaimedKey, readClaimedKeys } from '../openpgp/claimed-names.ts'

/** The decrypted text and files. */
export type Inside = { readonly text: string; readonly files: readonly Uint8Array[] }

export const NOTHING_INSIDE: Inside = { text: '', files: [] }

/** When as many keys were found, no further file is read. */
const KEYS_MAX = 100

/**
 * Issuers claimed by signatures inside the encryption whose key is in `inside` and does not name `from`. A key belongs to the
 * sender if any copy names them; a key that names nobody belongs to somebody else.
 */
export function findForeignSigners(
  signatures: readonly Signature[],
  inside: Inside,
  from: HeaderFacts['from']
): string[] {
  const issuers = signatures.filter(({ isInside }) => isInside).map(({ issuer }) => issuer)
  if (issuers.every((issuer) => issuer === '')) return []
  const keys = keysIn(inside)
  const isOfSender = (key: ClaimedKey): boolean =>
    from !== null && key.addresses.some((address) => isSameAddress(address, from.address))
  const found = issuers.filter((issuer) => {
    const issuing = keys.filter((key) => isIssuer(key, issuer))
    return issuing.length > 0 && !issuing.some((key) => isOfSender(key))
  })
  return [...new Set(found)]
}

function keysIn({ text, files }: Inside): ClaimedKey[] {
  const keys: ClaimedKey[] = []
  for (const source of [...files, Buffer.from(text)]) {
    if (keys.length < KEYS_MAX) keys.push(...readClaimedKeys(source))
  }
  return keys
}

function isIssuer({ fingerprints }: ClaimedKey, issuer: string): boolean {
  return fingerprints.some((fingerprint) => isNamedBy(issuer, fingerprint))
}
