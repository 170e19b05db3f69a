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
import {
  type Ciphertext,
  encryptOnce,
  encryptSigned,
  type Part,
  type Pieces,
  type Target,
  takesVersion1
} from './encrypt.ts'
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
  const to = await targetOf(target, now)
  if (typeof to === 'string') return { kind: 'refused', because: to } as const
  try {
    const hash = await hashFor([to], date)
    const ciphertext = await encryptSigned(payload, { signer, to, date, hash })
    return { kind: 'sealed', ciphertext } as const
  } catch {
    // The signer was checked above, so the cause is the recipient's key material, for example a bad curve point.
    return { kind: 'refused', because: 'cannot-encrypt' } as const
  }
}

/** The session key of a shared packet for one recipient; `alone` where the key asks for another form. */
export type SealedKey =
  | { readonly kind: 'sealed'; readonly key: Uint8Array }
  | { readonly kind: 'refused'; readonly because: KeyRefusal }
  | { readonly kind: 'alone' }

/**
 * `payload` signed by the desk and encrypted once; `keys`, in the order of the targets, bring each of them alone what opens it.
 * Only for people who know of each other: who sees two of the messages sees that they say the same. Otherwise as
 * {@link sealMessage}; `packet` is null where it has no reader.
 */
export async function sealOnce(
  payload: Pieces,
  targets: readonly PinnedCertificate[],
  { privateKey }: SecretKey,
  now: Instant
): Promise<{ readonly packet: Ciphertext | null; readonly keys: readonly SealedKey[] }> {
  const date = new Date(msOf(now))
  const signer = { key: privateKey, part: await requireSigner(privateKey, date) }
  const keys: SealedKey[] = []
  const to: Target[] = []
  for (const target of targets) {
    const found = await targetOf(target, now)
    if (typeof found === 'string') keys.push({ kind: 'refused', because: found })
    else if (!(await takesVersion1(found, date).catch(() => false))) keys.push({ kind: 'alone' })
    else {
      keys.push(PLACE)
      to.push(found)
    }
  }
  if (to.length === 0) return { packet: null, keys }
  const made = await encryptOnce(payload, { signer, to, date, hash: await hashFor(to, date) })
  const own = made.keys.values()
  const filled = keys.map((one): SealedKey => {
    if (one !== PLACE) return one
    const key = own.next().value ?? null
    return key === null ? { kind: 'refused', because: 'cannot-encrypt' } : { kind: 'sealed', key }
  })
  return { packet: made.packet, keys: filled }
}

const PLACE: SealedKey = { kind: 'sealed', key: new Uint8Array() }

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

/** SHA-512 where the recipients' keys name it, otherwise what every program reads (RFC 9580 §5.2.3.16). */
async function hashFor(to: readonly Target[], date: Date): Promise<'sha256' | 'sha512'> {
  for (const { key } of to) {
    const { selfCertification } = await key.getPrimaryUser(date, undefined, CONFIG)
    const known = selfCertification.preferredHashAlgorithms ?? []
    if (!known.includes(enums.hash.sha512)) return 'sha256'
  }
  return 'sha512'
}

async function targetOf(target: PinnedCertificate, now: Instant): Promise<Target | KeyRefusal> {
  const key = await certificate(target, now)
  if (typeof key === 'string') return key
  const date = new Date(msOf(now))
  const part = await valueOf(key.getEncryptionKey(undefined, date, undefined, CONFIG))
  return part === null ? 'cannot-encrypt' : { key, part }
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
