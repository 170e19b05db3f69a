/**
 * Decryption. Any exception means no plaintext at all: nothing is streamed, nothing partial is kept (mail.md §2.2), and every
 * failure becomes one code of a closed union. Must never be given a locked key (the library would fail the whole message) and
 * never passes on the library's own messages.
 */
import {
  type Config,
  type DecryptedSessionKey,
  decryptSessionKeys,
  type Message,
  PacketList,
  readMessage,
  SignaturePacket,
  verify
} from 'openpgp'
import { keyIdOf, type Sha256 } from '../domain/ids.ts'
import { type OpenFailure } from '../domain/mail.ts'
import { msOf } from '../domain/time.ts'
import { DECOMPRESSED_BYTES_MAX, fullPgpConfig, pgpConfig } from './config.ts'
import { fingerprintsOf } from './key-packets.ts'
import { type SecretKey } from './keyring.ts'
import { walkPackets } from './packets.ts'
import { prescan, type Sealing, sessionKeyMark } from './prescan.ts'
import { type Verdict, type VerifyContext, verifyPackets } from './verify.ts'

/** The keys to decrypt with and to verify against. */
export type OpenContext = VerifyContext & { readonly secretKeys: readonly SecretKey[] }

/** The result of decrypting one OpenPGP message. */
export type Opening =
  | {
      readonly kind: 'opened'
      readonly data: Uint8Array
      /** Verdicts on the signatures inside the same OpenPGP message; they cover all of `data`. */
      readonly verdicts: readonly Verdict[]
      readonly sealing: Sealing
    }
  | { readonly kind: 'failed'; readonly because: OpenFailure; readonly sealing: Sealing }

/** Decrypts binary packets with the desk's keys and verifies the signatures inside. Never throws for content. */
export async function openMessage(data: Uint8Array, context: OpenContext): Promise<Opening> {
  const scan = prescan(data, ownKeyIds(context.secretKeys))
  if (scan.kind === 'refused') {
    return { kind: 'failed', because: scan.because, sealing: scan.sealing }
  }
  const { plain, marks, opener } = await decryptPlain(scan.message, scan.isNamed, context)
  const sealing: Sealing = {
    ...scan.sealing,
    marks: [...scan.sealing.marks, ...(opener === null ? [] : [opener])],
    strayMarks: [...new Set(marks)].filter((mark) => mark !== opener)
  }
  if (typeof plain === 'string') return { kind: 'failed', because: plain, sealing }
  const judged = await verifyPackets(plain.data, plain.packets, context)
  if (judged.kind === 'limit') return { kind: 'failed', because: 'limit', sealing }
  return { kind: 'opened', data: plain.data, verdicts: judged.verdicts, sealing }
}

/** Key ids (lower-case hex) in session key packets for these keys. */
export function ownKeyIds(secretKeys: readonly SecretKey[]): Set<string> {
  const ids = new Set<string>()
  for (const { privateKey } of secretKeys) {
    for (const fingerprint of fingerprintsOf(privateKey.toPublic().write())) {
      ids.add(keyIdOf(fingerprint))
    }
  }
  return ids
}

/** The literal data and its signatures, not verified yet, or why there is none. */
type Plain =
  | { readonly data: Uint8Array; readonly packets: readonly SignaturePacket[] }
  | OpenFailure

/** Also the marks of every session key that was decrypted, and of the one that opened the data; null when none did. */
type Tried = {
  readonly plain: Plain
  readonly marks: readonly Sha256[]
  readonly opener: Sha256 | null
}

async function decryptPlain(
  binary: Uint8Array,
  isNamed: boolean,
  context: OpenContext
): Promise<Tried> {
  const isRsa = context.secretKeys.some((key) => key.isRsa)
  let sessionKeys: readonly DecryptedSessionKey[]
  let marks: readonly Sha256[]
  try {
    sessionKeys = await trySessionKeys(binary, isRsa, context)
    marks = await marksOfRead(binary, sessionKeys, isRsa, context)
  } catch (error) {
    return { plain: isNamed ? failureOf(error) : 'not-for-us', marks: [], opener: null }
  }
  const tried = await openWith(binary, sessionKeys, marks, context)
  if (typeof tried.plain !== 'string') return tried
  // Encrypted to hidden recipients, and no session key could be decrypted: the desk is not a recipient.
  return !isNamed && marks.length === 0 ? { ...tried, plain: 'not-for-us' } : tried
}

/**
 * Tries the decrypted session keys one by one, to learn which of them opened the data: others may have been copied from another
 * ciphertext. When none was decrypted, tries all that the library returned at once.
 */
async function openWith(
  binary: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[],
  marks: readonly Sha256[],
  context: OpenContext
): Promise<Tried> {
  let failure: OpenFailure = 'damaged'
  for (const mark of marks.length === 0 ? [null] : new Set(marks)) {
    const keys = sessionKeys.filter(({ data }) => mark === null || sessionKeyMark(data) === mark)
    const plain = await decryptWith(binary, keys, context)
    if (typeof plain !== 'string') return { plain, marks, opener: mark }
    if (failure === 'damaged') failure = plain
  }
  return { plain: failure, marks, opener: null }
}

async function decryptWith(
  binary: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[],
  { secretKeys, now }: OpenContext
): Promise<Plain> {
  const isRsa = secretKeys.some((key) => key.isRsa)
  const date = new Date(msOf(now))
  // The library takes null for SEIPD version 2, where the packet itself names the cipher.
  const keys = sessionKeys.map(({ data, algorithm }) => ({
    data,
    algorithm: algorithm ?? 'aes256'
  }))
  try {
    // Parsed again for each try, because the library consumes the data.
    const message = await readMessage({ binaryMessage: binary, config: pgpConfig(isRsa) })
    const config = withPacketLimit(fullPgpConfig(isRsa))
    const inner = await message.decrypt(undefined, undefined, keys, date, config)
    return await readPlain(inner, date)
  } catch (error) {
    return failureOf(error)
  }
}

async function trySessionKeys(
  binary: Uint8Array,
  isRsa: boolean,
  context: OpenContext
): Promise<readonly DecryptedSessionKey[]> {
  const config = pgpConfig(isRsa)
  const date = new Date(msOf(context.now))
  const message = await readMessage({ binaryMessage: binary, config })
  const decryptionKeys = context.secretKeys.map((key) => key.privateKey)
  return decryptSessionKeys({ message, decryptionKeys, date, config })
}

/**
 * Marks of the session keys that were decrypted. When it cannot decrypt an RSA session key, the library returns random ones and
 * must not say so (mail.md §0). Those differ at every try, so a key that appears twice is real.
 */
async function marksOfRead(
  binary: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[],
  isRsa: boolean,
  context: OpenContext
): Promise<readonly Sha256[]> {
  const marks = sessionKeys.map(({ data }) => sessionKeyMark(data))
  if (!isRsa) return marks
  const again = await trySessionKeys(binary, isRsa, context)
  const repeated = new Set(again.map(({ data }) => sessionKeyMark(data)))
  return marks.filter((mark) => repeated.has(mark))
}

async function readPlain(message: Message<Uint8Array | string>, date: Date): Promise<Plain> {
  const config = pgpConfig(false)
  const result = await verify({ message, verificationKeys: [], format: 'binary', date, config })
  if (!(result.data instanceof Uint8Array)) return 'damaged'
  if (result.data.length > DECOMPRESSED_BYTES_MAX) return 'limit'
  const packets: SignaturePacket[] = []
  for (const signature of result.signatures) {
    for (const packet of (await signature.signature).packets) {
      if (packet instanceof SignaturePacket) packets.push(packet)
    }
  }
  return { data: result.data, packets }
}

// Limits the packets inside an encryption. They can be counted only after the library decrypted or decompressed them and before
// it parses them, and the library has no limit of its own: two bytes of a packet cost it as much time as a thousand bytes of
// text, and compressed they cost the sender nothing (mail.md §2.14, §2.15). Must never let an uncounted list pass.

/** Packets of all layers inside one encryption; ordinary messages have fewer than ten. */
const PACKETS_INSIDE_MAX = 200
/** Lets {@link failureOf} tell it from the library's errors. */
const TOO_MANY_PACKETS = 'more packets inside than the desk reads'

/** The configuration field with the number of packets that may still be parsed. */
const LEFT = Symbol('left')
type Left = { packets: number }

/** The configuration for one decryption: every packet parsed with it counts against the limit. */
function withPacketLimit(config: Config): Config {
  const left: Left = { packets: PACKETS_INSIDE_MAX }
  return Object.assign({ ...config }, { [LEFT]: left })
}

type Parse = (bytes: unknown, allowed: object, config?: object, ...rest: unknown[]) => unknown
const lists = PacketList as unknown as { fromBinary: Parse }
const parse = lists.fromBinary

// The library parses every layer with this one function, so the counting is here.
lists.fromBinary = async function fromBinary(bytes, allowed, config, ...rest) {
  const left = leftOf(config)
  if (left === undefined) return parse.call(PacketList, bytes, allowed, config, ...rest)
  const whole = await readWhole(bytes)
  spend(left, whole)
  return parse.call(PacketList, whole, allowed, config, ...rest)
}

/** Reads all bytes: authenticated chunks come as the library's own list, which is read like a stream. */
async function readWhole(bytes: unknown): Promise<Uint8Array> {
  if (bytes instanceof Uint8Array) return bytes
  const reader = (bytes as ReadableStream<Uint8Array>).getReader()
  const chunks: Uint8Array[] = []
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    chunks.push(value)
  }
  const all = Buffer.concat(chunks)
  return new Uint8Array(all.buffer, all.byteOffset, all.byteLength)
}

function leftOf(config: object | undefined): Left | undefined {
  return config === undefined ? undefined : (config as { [LEFT]?: Left })[LEFT]
}

function spend(left: Left, bytes: Uint8Array): void {
  const walk = walkPackets(bytes, left.packets)
  left.packets -= walk.spans.length
  if (walk.end === 'too-many') throw new Error(TOO_MANY_PACKETS)
}

/**
 * The only place that reads the library's error messages, because it gives no codes. A changed message turns into `damaged`,
 * which is safe; the tests pin each row.
 */
const FAILURES: readonly (readonly [RegExp, OpenFailure])[] = [
  [/Maximum decompressed/, 'limit'],
  [new RegExp(TOO_MANY_PACKETS), 'limit'],
  // Node's message for a wrong GCM tag: "Unsupported state or unable to authenticate data".
  [/unable to authenticate/i, 'damaged'],
  [/not authenticated/, 'no-integrity'],
  [/unsupported|not supported|non-preferred symmetric|key flags|invalid enum/i, 'unsupported']
]

function failureOf(error: unknown): OpenFailure {
  if (!(error instanceof Error)) return 'damaged'
  if (error.name === 'UnsupportedError') return 'unsupported'
  return FAILURES.find(([words]) => words.test(error.message))?.[1] ?? 'damaged'
}
