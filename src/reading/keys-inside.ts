/**
 * Keys that were encrypted together with a signature: a person who attaches their own key says whose signature it is. Good for
 * telling that a signer is not the sender (mail.md §2.4); that a key is the sender's is for reading/candidate-keys.ts to find.
 */
import { isSameAddress } from '../domain/address.ts'
import { isNamedBy } from '../domain/ids.ts'
import { type HeaderFacts, type Signature } from '../domain/mail.ts'
import { type ClaimedKey, readClaimedKeys } from '../openpgp/claimed-names.ts'

/** What came out of the encryption. */
export type Inside = { readonly text: string; readonly files: readonly Uint8Array[] }

export const NOTHING_INSIDE: Inside = { text: '', files: [] }

const KEYS_MAX = 100

/**
 * Issuers, as signatures inside the encryption claim them, whose key stands in `inside` and names others than `from`. A key of
 * which any copy names the sender is theirs, and one that names nobody is another's.
 */
export function findIssuersOfOthers(
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
  const sources = [...files, Buffer.from(text)]
  const keys: ClaimedKey[] = []
  for (const source of sources) {
    if (keys.length < KEYS_MAX) keys.push(...readClaimedKeys(source))
  }
  return keys
}

function isIssuer({ fingerprints }: ClaimedKey, issuer: string): boolean {
  return fingerprints.some((fingerprint) => isNamedBy(issuer, fingerprint))
}
