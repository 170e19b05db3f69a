/**
 * Looks at an encrypted OpenPGP message before anything decrypts it: how many session keys, for which recipients, which kind of
 * encryption. Enforces limits and drops foreign session keys, because the library would try them all (mail.md §2.15). Must
 * never need a secret key: anybody on the way could compute the same.
 */
import { type Sha256 } from '../domain/ids.ts'
import { type OpenedMail, type OpenFailure } from '../domain/mail.ts'
import { bodyOf, type PacketSpan, sha256, TAG, walkPackets } from './packets.ts'

const MESSAGE_BYTES_MAX = 64 * 2 ** 20
const SESSION_KEYS_MAX = 64
const OWN_SESSION_KEYS_MAX = 4
const PACKETS_MAX = 200
const KEY_IDS_SHOWN_MAX = 8
/** Programs make chunks of 256 KiB and more; 25 MiB in chunks of 4 KiB still pass. */
const AEAD_CHUNKS_MAX = 10_000
const WILDCARD = '0000000000000000'

/** The recipients of a message, as anybody can see them. */
export type Sealing = {
  readonly sealedTo: OpenedMail['sealedTo']
  /** Upper-case hex, at most 8; hidden recipients are all zeros. */
  readonly keyIds: readonly string[]
  /** Marks of the ciphertext and of the session key that opened it; a second message with one of them reuses this one. */
  readonly marks: readonly Sha256[]
  /** Marks of session keys that were decrypted but did not open the data: they may come from another ciphertext. */
  readonly strayMarks: readonly Sha256[]
}

/** Either a message reduced to the session keys worth trying, or the reason why nothing is tried. */
export type Prescan =
  | { readonly kind: 'refused'; readonly because: OpenFailure; readonly sealing: Sealing }
  | {
      readonly kind: 'ready'
      /** The message with only our session keys and a few hidden ones. */
      readonly message: Uint8Array
      /** Whether it names one of our keys; otherwise only hidden recipients are left to try. */
      readonly isNamed: boolean
      readonly sealing: Sealing
    }

type SessionKey = { readonly span: PacketSpan; readonly keyId: string }

/** Examines binary packets. `ownKeyIds` are the lower-case 64-bit key ids of all keys of the desk. */
export function prescan(data: Uint8Array, ownKeyIds: ReadonlySet<string>): Prescan {
  const walk = walkPackets(data, PACKETS_MAX)
  const sessionKeys = walk.spans
    .filter((span) => span.tag === TAG.publicKeySession)
    .map((span) => ({ span, keyId: keyIdOfSessionKey(data, span) }))
  const sealing = describeSealing(sessionKeys, ownKeyIds, marksOf(data, walk.spans))
  const problem = findProblem(data, walk, sessionKeys.length)
  if (problem !== null) return { kind: 'refused', because: problem, sealing }
  const own = sessionKeys.filter((key) => ownKeyIds.has(key.keyId)).slice(0, OWN_SESSION_KEYS_MAX)
  const hidden = sessionKeys.filter((key) => key.keyId === WILDCARD).slice(0, OWN_SESSION_KEYS_MAX)
  const kept = own.length > 0 ? own : hidden
  if (kept.length === 0) return { kind: 'refused', because: 'not-for-us', sealing }
  const rest = walk.spans.filter((span) => !isSessionKey(span.tag))
  const pieces = [...kept.map((key) => key.span), ...rest]
  const message = Buffer.concat(pieces.map((span) => data.subarray(span.start, span.end)))
  return { kind: 'ready', message, isNamed: own.length > 0, sealing }
}

/** Whether binary packets begin like an encrypted message (RFC 9580 §10.3). */
export function looksEncrypted(data: Uint8Array): boolean {
  const tag = walkPackets(data, 1).spans[0]?.tag
  return tag !== undefined && (isSessionKey(tag) || isEncryptedData(tag))
}

function findProblem(
  data: Uint8Array,
  walk: ReturnType<typeof walkPackets>,
  sessionKeyCount: number
): OpenFailure | null {
  if (data.length > MESSAGE_BYTES_MAX || walk.end === 'too-many') return 'limit'
  const skeskCount = walk.spans.filter((span) => span.tag === TAG.symmetricKeySession).length
  if (sessionKeyCount + skeskCount > SESSION_KEYS_MAX) return 'limit'
  if (walk.end === 'broken') return 'damaged'
  const encrypted = walk.spans.filter((span) => isEncryptedData(span.tag))
  const [only] = encrypted
  if (only === undefined || encrypted.length > 1) return 'damaged'
  if (only.tag === TAG.encryptedNoIntegrity) return 'no-integrity'
  if (hasTooManyAeadChunks(data, only)) return 'limit'
  const version = data[only.body]
  const isKnown = version === 1 || (version === 2 && only.tag === TAG.encryptedIntegrity)
  return isKnown ? null : 'unsupported'
}

/**
 * Whether its authenticated chunks are so small that the library, which decrypts each one separately, would be busy for long.
 * Both packets give the chunk size in their fourth byte as a power of two (RFC 9580 §5.13.2).
 */
function hasTooManyAeadChunks(data: Uint8Array, span: PacketSpan): boolean {
  const isAead =
    span.tag === TAG.encryptedAead || (span.tag === TAG.encryptedIntegrity && data[span.body] === 2)
  if (!isAead) return false
  const sizeByte = bodyOf(data, span)[3] ?? 0
  return (span.end - span.body) / 2 ** (sizeByte + 6) > AEAD_CHUNKS_MAX
}

function isSessionKey(tag: number): boolean {
  return tag === TAG.publicKeySession || tag === TAG.symmetricKeySession
}

function isEncryptedData(tag: number): boolean {
  return (
    tag === TAG.encryptedNoIntegrity || tag === TAG.encryptedIntegrity || tag === TAG.encryptedAead
  )
}

/** The key id in a session key packet (RFC 9580 §5.1.1, §5.1.2); zeros when hidden, '' when unreadable. */
function keyIdOfSessionKey(data: Uint8Array, span: PacketSpan): string {
  const body = data.subarray(span.body, span.end)
  const hex = (from: number, to: number): string =>
    Buffer.from(body.subarray(from, to)).toString('hex')
  if (span.chunked || body.length < 10) return ''
  if (body[0] === 3) return hex(1, 9)
  if (body[0] !== 6) return ''
  if (body[1] === 0) return WILDCARD
  return body[2] === 4 ? hex(15, 23) : hex(3, 11)
}

/**
 * The mark of a ciphertext that a thief cannot change without breaking it (mail.md §2.4): the encrypted data with its chunks
 * joined. Encrypted session keys have no marks, because anybody can change their bit counts and trailing bytes; {@link
 * sessionKeyMark} stands for them.
 */
function marksOf(data: Uint8Array, spans: readonly PacketSpan[]): Sha256[] {
  const encrypted = spans.filter((span) => isEncryptedData(span.tag)).slice(0, 1)
  return encrypted.map((span) => sha256(bodyOf(data, span)))
}

/**
 * The mark of a decrypted session key, which no other framing, key id or recipient changes. A hash with its own domain
 * separation: the mark leaves the worker and is stored, the session key never.
 */
export function sessionKeyMark(sessionKey: Uint8Array): Sha256 {
  return sha256('postern session key mark 1\0', sessionKey)
}

function describeSealing(
  sessionKeys: readonly SessionKey[],
  ownKeyIds: ReadonlySet<string>,
  marks: readonly Sha256[]
): Sealing {
  const ids = [...new Set(sessionKeys.map((key) => key.keyId).filter((id) => id !== ''))]
  const keyIds = ids.slice(0, KEY_IDS_SHOWN_MAX).map((id) => id.toUpperCase())
  const known = { keyIds, marks, strayMarks: [] }
  if (ids.some((id) => ownKeyIds.has(id))) return { sealedTo: 'desk', ...known }
  if (ids.includes(WILDCARD)) return { sealedTo: 'hidden', ...known }
  return { sealedTo: sessionKeys.length > 0 ? 'other' : 'nobody', ...known }
}
