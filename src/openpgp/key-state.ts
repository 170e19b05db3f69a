/**
 * What a signing key was worth at a time. A signature is judged by its key as it is now, and as it was when the signature says
 * that it was made (mail.md §2.8). Must never take a key for good because only one of its parts is: primary key and subkey
 * both count.
 */
import { type KeyID, type PublicKey, type Subkey } from 'openpgp'

import { type SignatureState } from '../domain/mail.ts'
import { fullPgpConfig } from './config.ts'
import { bindingEndMs, endMs } from './keyring.ts'

/** Whether the key with this id could make signatures at `date`. */
export async function isSigningKey(key: PublicKey, id: KeyID, date: Date): Promise<boolean> {
  try {
    await key.getSigningKey(id, date, undefined, fullPgpConfig(false))
    return true
  } catch {
    return false
  }
}

/**
 * Judges the signing key at `date`, also one in the past: then a revocation made later counts only where it is not soft. A key
 * that was replaced or retired had been good until then, one that was stolen proves nothing about any time. `otherwise` is
 * the answer when neither revocation nor expiry speaks against the key.
 */
export async function keyStateAt(
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

async function isSubkeyRevoked(subkey: Subkey, date: Date): Promise<boolean> {
  for (const binding of subkey.bindingSignatures) {
    if (await subkey.isRevoked(binding, subkey.keyPacket, date, fullPgpConfig(false))) return true
  }
  return false
}
