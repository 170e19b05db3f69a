/**
 * Looks at an encrypted OpenPGP message before anything decrypts it: how many session keys, for which recipients, which kind of
 * encryption. Enforces limits and drops foreign session keys, because the library would try them all. Must never need a secret
 * key: anybody on the way could compute the same.
 */
import { type Sha256 } from '../domain/ids.ts'
import { type OpenedMail, type OpenFailure } from '../domain/mail.ts'
import { bodyOf, type PacketSpan, sha256, TAG, walkPackets } from './packets.ts'

const MESSAGE_BYTES_MAX = 64 * 2 ** 20
const SESSION_KEYS_MAX = 64
const OWN_SESSION_KEYS_MAX = 4
const PACKETS_MAX = 200
const KEY_IDS_SHOWN_MAX = 8
const WILDCARD = '0000000000000000'

/** What anybody can see of an encrypted message. */
export type Sealing = Pick<OpenedMail, 'sealedTo' | 'sealedToKeyIds' | 'ciphertextMark'>

type SessionKey = { readonly span: PacketSpan; readonly keyId: string }

/**
 * Examines binary packets: the message with only our session keys and a few hidden ones, or the reason why nothing is tried.
 * `ownKeyIds` are the lower-case 64-bit key ids of all keys of the desk.
 */
export function prescan(
  data: Uint8Array,
  ownKeyIds: ReadonlySet<string>,
  sessionKeysMax: number = OWN_SESSION_KEYS_MAX
) {
  const walk = walkPackets(data, PACKETS_MAX)
  const sessionKeys = walk.spans
    .filter((span) => span.tag === TAG.publicKeySession)
    .map((span) => ({ span, keyId: keyIdOfSessionKey(data, span) }))
  const encrypted = walk.spans.find((span) => isEncryptedData(span.tag))
  const body = encrypted === undefined ? NOTHING : bodyOf(data, encrypted)
  const sealing = describeSealing(
    sessionKeys,
    ownKeyIds,
    encrypted === undefined ? null : sha256(body)
  )
  const problem = findProblem(data, walk, sessionKeys.length)
  if (problem !== null) return { because: problem, sealing }
  const own = sessionKeys.filter((key) => ownKeyIds.has(key.keyId))
  const hidden = sessionKeys.filter((key) => key.keyId === WILDCARD)
  const kept = (own.length > 0 ? own : hidden).slice(0, OWN_SESSION_KEYS_MAX)
  if (kept.length > sessionKeysMax) return { because: 'limit' as const, sealing }
  if (kept.length === 0) return { because: 'not-for-us' as const, sealing }
  const spans = kept.map((key) => key.span)
  const rest = walk.spans.filter((span) => !isSessionKey(span.tag))
  return {
    sealing,
    sessionKeys: kept.length,
    /** The session keys alone. */
    keys: joined(data, spans),
    /** What is encrypted; null where it is of another form than SEIPD version 1, or anything else stands beside it. */
    version1: isVersion1(rest, body) ? body.subarray(1) : null,
    message: () => joined(data, [...spans, ...rest])
  }
}

export type Prescanned = Omit<Extract<ReturnType<typeof prescan>, { message: unknown }>, 'sealing'>

const NOTHING = new Uint8Array()

function isVersion1([first, second]: readonly PacketSpan[], body: Uint8Array): boolean {
  return first?.tag === TAG.encryptedIntegrity && second === undefined && body[0] === 1
}

/** These packets; those that stand one behind the other as they are, because they may be large. */
function joined(data: Uint8Array, spans: readonly PacketSpan[]): Buffer {
  const isWhole = spans.every(({ start }, index) => index === 0 || start === spans[index - 1]?.end)
  const [from = 0, to = 0] = [spans[0]?.start, spans.at(-1)?.end]
  return isWhole
    ? Buffer.from(data.buffer, data.byteOffset + from, to - from)
    : Buffer.concat(spans.map(({ start, end }) => data.subarray(start, end)))
}

/** Whether binary packets begin like an encrypted message (RFC 9580 §10.3). */
export function looksEncrypted(data: Uint8Array): boolean {
  const tag = walkPackets(data, 1).spans[0]?.tag
  return tag !== undefined && (isSessionKey(tag) || isEncryptedData(tag))
}

/** Whether all of `data` is one encrypted message: what other bytes are not by chance. */
export function isEncrypted(data: Uint8Array): boolean {
  const { spans, end } = walkPackets(data, PACKETS_MAX)
  const tags = spans.map(({ tag }) => tag)
  const last = tags.pop() ?? 0
  return end === 'complete' && isEncryptedData(last) && tags.length > 0 && tags.every(isSessionKey)
}

/** Whether binary packets begin like a message that is signed or compressed but not encrypted (RFC 9580 §10.3). */
export function looksSigned(data: Uint8Array): boolean {
  const tag = walkPackets(data, 1).spans[0]?.tag ?? 0
  return [TAG.compressed, TAG.onePassSignature, TAG.signature, TAG.literal].some(
    (each) => each === tag
  )
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
  const version = data[only.body]
  const isKnown = version === 1 || (version === 2 && only.tag === TAG.encryptedIntegrity)
  return isKnown ? null : 'unsupported'
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
 * The mark of a ciphertext is that of the encrypted data with its chunks joined: a thief cannot change it without breaking it.
 * Encrypted session keys have none, because anybody can change their framing.
 */
function describeSealing(
  sessionKeys: readonly SessionKey[],
  ownKeyIds: ReadonlySet<string>,
  ciphertextMark: Sha256 | null
): Sealing {
  const ids = [...new Set(sessionKeys.map((key) => key.keyId).filter((id) => id !== ''))]
  const sealedToKeyIds = ids.slice(0, KEY_IDS_SHOWN_MAX).map((id) => id.toUpperCase())
  const known = { sealedToKeyIds, ciphertextMark }
  if (ids.some((id) => ownKeyIds.has(id))) return { sealedTo: 'desk', ...known }
  if (ids.includes(WILDCARD)) return { sealedTo: 'hidden', ...known }
  return { sealedTo: sessionKeys.length > 0 ? 'other' : 'nobody', ...known }
}
