/**
 * What a signing key was worth at a time. A signature is judged by its key as it is now, and as it was when the signature says
 * that it was made (mail.md §2.8). Must never take a key for good because only one of its parts is: primary key and subkey
 * both count.
 */
import {
  enums,
  type KeyID,
  type PublicKey,
  readKey,
  type SignaturePacket,
  type Subkey
} from 'openpgp'

import { parseFingerprint } from '../domain/ids.ts'
import { type SignatureState } from '../domain/mail.ts'
import { fullPgpConfig } from './config.ts'
import { keyIdOf } from './key-packets.ts'
import { bindingEndMs, endMs } from './keyring.ts'
import { madeBy } from './self-signatures.ts'

/** Revocations that speak of the future only (RFC 9580 §5.2.3.31): every other one says that the key may be in wrong hands. */
const SOFT_REASONS: readonly (number | null)[] = [
  enums.reasonForRevocation.keySuperseded,
  enums.reasonForRevocation.keyRetired
]

/**
 * Whether the key that a signature names as its issuer, by fingerprint or key id in lower-case hex, signs for this certificate,
 * now or at another time: its primary key, or a subkey that signed back (RFC 9580 §5.2.1.9). Anybody can hang another person's
 * key below a key of theirs, and what that person signed is none of theirs for it (mail.md §2.12).
 */
export async function signsFor(key: PublicKey, issuer: string): Promise<boolean> {
  if (isNamed(key.getFingerprint(), issuer)) return true
  for (const subkey of key.getSubkeys()) {
    if (!isNamed(subkey.getFingerprint(), issuer)) continue
    const signed = { key: key.keyPacket, bind: subkey.keyPacket }
    const isBack = madeBy(subkey.keyPacket, enums.signature.keyBinding, signed)
    for (const { embeddedSignature } of subkey.bindingSignatures) {
      if (embeddedSignature !== null && (await isBack(embeddedSignature))) return true
    }
  }
  return false
}

function isNamed(text: string, issuer: string): boolean {
  const fingerprint = parseFingerprint(text)
  return fingerprint !== null && (fingerprint === issuer || keyIdOf(fingerprint) === issuer)
}

/** Whether the key with this id could make signatures at `date`. */
export async function isSigningKey(key: PublicKey, id: KeyID, date: Date): Promise<boolean> {
  try {
    await key.getSigningKey(id, date, undefined, fullPgpConfig(false))
    return true
  } catch {
    return false
  }
}

/** Judges the signing key at `date`; `otherwise` is the answer when neither revocation nor expiry speaks against it. */
export async function keyStateNow(
  key: PublicKey,
  id: KeyID,
  date: Date,
  otherwise: 'valid' | 'bad'
): Promise<SignatureState> {
  const [subkey] = key.getSubkeys(id)
  if (await key.isRevoked(undefined, undefined, date, fullPgpConfig(false))) return 'revoked-key'
  if (subkey !== undefined && (await isSubkeyRevoked(subkey, date))) return 'revoked-key'
  if (await isSigningKey(key, id, date)) return otherwise
  const primaryEnd = await key.getExpirationTime(undefined, fullPgpConfig(false))
  const ends = [endMs(primaryEnd), subkey === undefined ? Infinity : bindingEndMs(subkey)]
  return Math.min(...ends) <= date.getTime() ? 'expired-key' : 'bad'
}

/**
 * Judges the signing key as it was at `date`, a time in the past. A revocation made later counts only where it is not soft: a
 * key that was replaced or retired had been good until then, one that was stolen proves nothing about any time.
 */
export async function keyStateThen(key: PublicKey, id: KeyID, date: Date): Promise<SignatureState> {
  const asItWas = await readKey({ binaryKey: key.write(), config: fullPgpConfig(false) })
  const wasMade = (revocation: SignaturePacket): boolean =>
    !SOFT_REASONS.includes(revocation.reasonForRevocationFlag) ||
    revocation.created === null ||
    revocation.created <= date
  asItWas.revocationSignatures = asItWas.revocationSignatures.filter((each) => wasMade(each))
  for (const subkey of asItWas.subkeys) {
    subkey.revocationSignatures = subkey.revocationSignatures.filter((each) => wasMade(each))
  }
  return keyStateNow(asItWas, id, date, 'valid')
}

async function isSubkeyRevoked(subkey: Subkey, date: Date): Promise<boolean> {
  for (const binding of subkey.bindingSignatures) {
    if (await subkey.isRevoked(binding, subkey.keyPacket, date, fullPgpConfig(false))) return true
  }
  return false
}
