/**
 * Decryption. Any exception means no plaintext at all: nothing is streamed, nothing partial is kept, and every failure becomes
 * one code of a closed union. Must never be given a locked key (the library would fail the whole message) and never passes on
 * the library's own messages.
 */
import { createDecipheriv, createHash } from 'node:crypto'
import {
  type Config,
  type DecryptedSessionKey,
  type DecryptMessageResult,
  decrypt,
  decryptSessionKeys,
  type MaybeStream,
  PacketList,
  readMessage,
  SignaturePacket,
  verify
} from 'openpgp'
import { type OpenFailure } from '../domain/mail.ts'
import { msOf } from '../domain/time.ts'
import { CONFIG, DECOMPRESSED_BYTES_MAX } from './config.ts'
import { type SecretKey } from './keyring.ts'
import { TAG, walkPackets } from './packets.ts'
import { type Prescanned, prescan, type Sealing } from './prescan.ts'
import { SIGNATURES_MAX, type Verdict, type VerifyContext, verifyPackets } from './verify.ts'

/** The keys to decrypt with and to verify against. */
export type OpenContext = Omit<VerifyContext, 'signaturesMax'> & {
  readonly secretKeys: readonly SecretKey[]
  /** What may still be done; a fresh budget for a message alone. */
  readonly work?: Work
}

/** What may still be done for one message, for all of its layers and sealed parts together. */
export type Work = {
  /** Bytes after decryption and decompression. */
  bytes: number
  /** Session keys that are decrypted. */
  sessionKeys: number
  /** Signatures that are judged. */
  signatures: number
}

const SESSION_KEYS_MAX = 16
/** Text shrinks to a tenth, logs to a fiftieth; what expands further was made to, or is asked for again in another form (A1). */
const EXPANSION_MAX = 100
const EXPANDED_ALWAYS_BYTES = 4 * 2 ** 20

/** The budget of a message of `size` bytes. */
export function workFor(size: number): Work {
  const bytes = Math.min(
    DECOMPRESSED_BYTES_MAX,
    Math.max(EXPANDED_ALWAYS_BYTES, size * EXPANSION_MAX)
  )
  return { bytes, sessionKeys: SESSION_KEYS_MAX, signatures: SIGNATURES_MAX }
}

/** The result of decrypting one OpenPGP message. */
export type Opening = { readonly sealing: Sealing } & (
  | { readonly because: OpenFailure }
  /** `verdicts` on the signatures inside the same OpenPGP message, which cover all of `data`. */
  | { readonly data: Uint8Array; readonly verdicts: readonly Verdict[] }
)

/** Decrypts binary packets with the desk's keys and verifies the signatures inside. Never throws for content. */
export async function openMessage(data: Uint8Array, context: OpenContext): Promise<Opening> {
  const { work = workFor(data.length) } = context
  const { sealing, ...scan } = prescan(data, ownKeyIds(context.secretKeys), work.sessionKeys)
  if ('because' in scan) return { because: scan.because, sealing }
  work.sessionKeys -= scan.sessionKeys
  const opened = await read({ ...context, work }, (config) => decryptPlain(scan, context, config))
  if (!('error' in opened)) return { ...opened, sealing }
  return { because: failureOf(opened.error, sealing.sealedTo === 'hidden'), sealing }
}

/** Reads binary packets that are signed or compressed but not encrypted, and verifies the signatures. Never throws. */
export async function openSigned(data: Uint8Array, context: OpenContext): Promise<Opening> {
  const { work = workFor(data.length) } = context
  const sealing = { sealedTo: 'nobody', sealedToKeyIds: [], ciphertextMark: null } as const
  const opened = await read({ ...context, work }, (config) => readPlain(data, context, config))
  return 'error' in opened
    ? { because: failureOf(opened.error, false), sealing }
    : { ...opened, sealing }
}

/** What a message says, with verdicts on its signatures, within the budget, which it uses up. */
async function read(
  { work, ...context }: OpenContext & { readonly work: Work },
  plainOf: (config: Config) => Promise<Plain>
): Promise<{ data: Uint8Array; verdicts: Verdict[] } | { error: unknown }> {
  const { bytes } = work
  // Until it is known what it came to, it may have been all.
  work.bytes = 0
  try {
    const plain = await plainOf({ ...CONFIG, maxDecompressedMessageSize: bytes })
    if (plain.data.length > bytes) return { error: new Error(TOO_MUCH) }
    work.bytes = bytes - plain.data.length
    const { data, packets } = plain
    const verdicts = await verifyPackets(data, packets, {
      ...context,
      signaturesMax: work.signatures
    })
    if (verdicts === null) return { error: new Error(TOO_MUCH) }
    work.signatures -= verdicts.length
    return { data, verdicts }
  } catch (error) {
    // It may have failed behind a bomb, so it has cost something.
    if (!isTooMuch(error)) work.bytes = Math.floor(bytes / 2)
    return { error }
  }
}

/** The key ids (lower-case hex) by which session key packets name these keys. */
export function ownKeyIds(secretKeys: readonly SecretKey[]): Set<string> {
  const parts = secretKeys.flatMap(({ privateKey }) => privateKey.getKeys())
  return new Set(parts.map((part) => part.getKeyID().toHex()))
}

/** The literal data and its signatures, not verified yet. */
type Plain = { readonly data: Uint8Array; readonly packets: readonly SignaturePacket[] }

async function decryptPlain(
  { version1, keys, message }: Prescanned,
  context: OpenContext,
  config: Config
): Promise<Plain> {
  const decryptionKeys = context.secretKeys.map(({ privateKey }) => privateKey)
  const options = { decryptionKeys, date: new Date(msOf(context.now)), config }
  if (version1 !== null) {
    const only = await readMessage({
      binaryMessage: Buffer.concat([keys, EMPTY_VERSION_1]),
      config
    })
    const sessionKeys = await decryptSessionKeys({ ...options, message: only })
    const isAes = sessionKeys.every(({ algorithm }) => algorithm?.startsWith('aes'))
    if (isAes) return readPlain(decryptVersion1(version1, sessionKeys), context, config)
  }
  const whole = await readMessage({ binaryMessage: message(), config })
  return plainOf(await decrypt({ ...options, message: whole, format: 'binary' }))
}

/** The library decrypts the session keys of a whole message alone. */
const EMPTY_VERSION_1 = Buffer.of(0xc0 | TAG.encryptedIntegrity, 1, 1)
const CHUNK = 64 * 1024

/**
 * SEIPD version 1 (RFC 9580 §5.13.1), as the library decrypts it, which holds a large message four times. With RSA, all session
 * keys but one are random, so that nobody can tell which is right but by the digest.
 */
function decryptVersion1(
  encrypted: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[]
): Uint8Array {
  const plain = new Uint8Array(encrypted.length)
  for (const { algorithm, data } of sessionKeys) {
    const name = `${algorithm?.replace('aes', 'aes-')}-cfb`
    const decipher = createDecipheriv(name, data, Buffer.alloc(16))
    for (let at = 0; at < plain.length; at += CHUNK)
      plain.set(decipher.update(encrypted.subarray(at, at + CHUNK)), at)
    const digest = createHash('sha1').update(plain.subarray(0, -DIGEST)).digest()
    if (digest.equals(plain.subarray(-DIGEST))) return plain.subarray(PREFIX, -MDC)
  }
  throw new Error('the encrypted data is damaged')
}

/** A random block with its end twice, and a packet of two bytes and the digest. */
const [PREFIX, DIGEST, MDC] = [18, 20, 22]

async function readPlain(
  binaryMessage: Uint8Array,
  { now }: OpenContext,
  config: Config
): Promise<Plain> {
  const message = await readMessage({ binaryMessage, config })
  const date = new Date(msOf(now))
  // Without a key the library verifies nothing, and hands out the signatures.
  return plainOf(await verify({ message, verificationKeys: [], format: 'binary', date, config }))
}

async function plainOf({
  data,
  signatures
}: {
  readonly data: Uint8Array
  readonly signatures: DecryptMessageResult['signatures']
}): Promise<Plain> {
  for (const { verified } of signatures) verified.catch(() => false)
  const read = await Promise.all(signatures.map(({ signature }) => signature))
  const packets = read.flatMap((signature) => signature.packets)
  return { data, packets: packets.filter((packet) => packet instanceof SignaturePacket) }
}

/**
 * Packets in one layer of a message or key; ordinary messages have fewer than ten. Those inside an encryption can be counted
 * only after the library decrypted or decompressed them and before it parses them. It has no limit of its own: two bytes of a
 * packet cost it as much time as a thousand bytes of text, and compressed they cost the sender nothing.
 */
const PACKETS_MAX = 5000
const TOO_MANY_PACKETS = 'more packets than the desk reads'
const TOO_MUCH = 'more than the desk reads'

// The library parses every layer with this one function.
const parse = PacketList.fromBinary.bind(PacketList)
PacketList.fromBinary = async (bytes, ...rest) => {
  const whole = await readWhole(bytes)
  if (walkPackets(whole, PACKETS_MAX).end === 'too-many') throw new Error(TOO_MANY_PACKETS)
  return parse(whole, ...rest)
}

/** Reads all bytes: authenticated chunks come as the library's own list, which is read like a stream. */
async function readWhole(bytes: MaybeStream<Uint8Array>): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const reader = (bytes as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  for (let read = await reader.read(); !read.done; read = await reader.read())
    chunks.push(read.value)
  // The library needs a plain array; the view costs no second copy.
  const { buffer, byteOffset, length } = Buffer.concat(chunks)
  return new Uint8Array(buffer, byteOffset, length)
}

/**
 * The only place that reads the library's error messages, because it gives no codes. A changed message turns into `damaged`,
 * which is safe; the tests pin each row.
 */
const FAILURES: readonly (readonly [RegExp, OpenFailure])[] = [
  [/Maximum decompressed/, 'limit'],
  [new RegExp(`${TOO_MANY_PACKETS}|${TOO_MUCH}`), 'limit'],
  // Node's message for a wrong GCM tag: "Unsupported state or unable to authenticate data".
  [/unable to authenticate/i, 'damaged'],
  [/not authenticated/, 'no-integrity'],
  [/unsupported|not supported|non-preferred symmetric|key flags|invalid enum/i, 'unsupported']
]

/** A message to hidden recipients that no key of the desk decrypts is probably not for the desk. */
function failureOf(error: unknown, isHidden: boolean): OpenFailure {
  const unknown = isHidden ? 'not-for-us' : 'damaged'
  if (!(error instanceof Error)) return unknown
  if (error.name === 'UnsupportedError') return 'unsupported'
  return FAILURES.find(([words]) => words.test(error.message))?.[1] ?? unknown
}

function isTooMuch(error: unknown): boolean {
  return failureOf(error, false) === 'limit'
}
