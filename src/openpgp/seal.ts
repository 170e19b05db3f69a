/**
 * Signs and encrypts to exactly one pinned certificate, or refuses. The lowest level of G3: no path through this file returns
 * plaintext, and none adds a second key. Must never look a key up, choose between certificates or fall back to another. RFC
 * 3156 §6.2 (combined method), RFC 9580 §10.3.
 */
import { createMessage, enums, type PrivateKey, type PublicKey, readSignature, sign } from 'openpgp'
import { type KeyRefusal, type PinnedCertificate } from '../domain/outgoing.ts'
import { type Instant, msOf } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { CONFIG } from './config.ts'
import { encryptSigned, type Part, type Pieces } from './encrypt.ts'
import { knownCertificate, type SecretKey, stateOf, valueOf } from './keyring.ts'

/**
 * `payload` signed by the desk and encrypted only to the target, in binary, both as of `now`. Refuses a recipient's key that
 * cannot be used. Throws {@link Trouble} `desk-key` when the desk's own key cannot sign.
 */
export async function sealMessage(
  payload: Pieces,
  target: PinnedCertificate,
  { privateKey }: SecretKey,
  now: Instant
) {
  const date = new Date(msOf(now))
  const signer = { key: privateKey, part: await requireSigner(privateKey, date) }
  const key = await certificate(target, now)
  if (typeof key === 'string') return { kind: 'refused', because: key } as const
  try {
    const to = { key, part: await key.getEncryptionKey(undefined, date, undefined, CONFIG) }
    const hash = await hashFor(key, date)
    const ciphertext = await encryptSigned(payload, { signer, to, date, hash })
    return { kind: 'sealed', ciphertext } as const
  } catch {
    // The signer was checked above, so the cause is the recipient's key material, for example a bad curve point.
    return { kind: 'refused', because: 'cannot-encrypt' } as const
  }
}

/**
 * Signs `signed` exactly as given (binary signature); `micalg` is the RFC 3156 §5 name of the hash. Throws {@link Trouble}
 * `desk-key` when the desk key cannot sign.
 */
export async function signDetached(signed: Uint8Array, signer: SecretKey, now: Instant) {
  const date = new Date(msOf(now))
  await requireSigner(signer.privateKey, date)
  const message = await createMessage({ binary: signed, date, format: 'binary' })
  const options = { message, signingKeys: signer.privateKey, date, config: CONFIG }
  const armored = await sign({ ...options, detached: true, format: 'armored' })
  const { packets } = await readSignature({ armoredSignature: armored, config: CONFIG })
  return { armored, micalg: micalgOf(packets[0]?.hashAlgorithm ?? null) }
}

/** The part of the desk's key that signs. */
async function requireSigner(key: PrivateKey, date: Date): Promise<Part> {
  const part = await valueOf(key.getSigningKey(undefined, date, undefined, CONFIG))
  if (part !== null) return part
  throw new Trouble(
    'desk-key',
    'the desk key cannot sign: it is expired, revoked or has no signing part'
  )
}

/** SHA-512 where the recipient's key names it, otherwise what every program reads (RFC 9580 §5.2.3.16). */
async function hashFor(key: PublicKey, date: Date): Promise<'sha256' | 'sha512'> {
  const { selfCertification } = await key.getPrimaryUser(date, undefined, CONFIG)
  const known = selfCertification.preferredHashAlgorithms ?? []
  return known.includes(enums.hash.sha512) ? 'sha512' : 'sha256'
}

async function certificate(
  target: PinnedCertificate,
  now: Instant
): Promise<PublicKey | KeyRefusal> {
  if (target.keyData.byteLength === 0) return 'no-key'
  const found = await knownCertificate(target.keyData)
  if (found === null) return 'unreadable'
  if (found.fingerprint !== target.fingerprint) return 'wrong-fingerprint'
  const state = await stateOf(found.key, now)
  return state === 'usable' ? found.key : state
}

function micalgOf(hash: enums.hash | null): string {
  if (hash === null) throw new Trouble('desk-key', 'the desk key made a signature without a hash')
  return `pgp-${enums.read(enums.hash, hash).replace('_', '-')}`
}
