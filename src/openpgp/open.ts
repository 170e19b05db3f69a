/**
 * Decryption. Any exception anywhere means no plaintext at all: nothing is streamed, nothing partial is kept
 * (mail.md §2.2), and every failure becomes one code of a closed union. Must never be given a locked key (the library
 * would fail the whole message) and never tells the library's own words to anybody.
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
import { hasUnopenedRsa } from './rsa-cipher.ts'
import { type Verdict, type VerifyContext, verifyPackets } from './verify.ts'

/** Keys to open with and to verify against. */
export type OpenContext = VerifyContext & { readonly secretKeys: readonly SecretKey[] }

/** What came out of one encrypted OpenPGP message. */
export type Opening =
  | {
      readonly kind: 'opened'
      readonly data: Uint8Array
      /** Verdicts on the signatures inside the same OpenPGP message; they cover all of `data`. */
      readonly verdicts: readonly Verdict[]
      readonly sealing: Sealing
    }
  | { readonly kind: 'failed'; readonly because: OpenFailure; readonly sealing: Sealing }

/** Opens binary packets with the desk's keys and judges the signatures inside. Never throws for content. */
export async function openMessage(data: Uint8Array, context: OpenContext): Promise<Opening> {
  const scan = prescan(data, ownKeyIds(context.secretKeys))
  if (scan.kind === 'refused') {
    return { kind: 'failed', because: scan.because, sealing: scan.sealing }
  }
  const { marks, opener, ...plain } = await decryptPlain(scan.message, scan.isNamed, context)
  const sealing: Sealing = {
    ...scan.sealing,
    marks: [...scan.sealing.marks, ...(opener === null ? [] : [opener])],
    strayMarks: [...new Set(marks)].filter((mark) => mark !== opener)
  }
  if (plain.kind === 'failed') return { ...plain, sealing }
  const judged = await verifyPackets(plain.data, plain.packets, context)
  if (judged.kind === 'limit') return { kind: 'failed', because: 'limit', sealing }
  return { kind: 'opened', data: plain.data, verdicts: judged.verdicts, sealing }
}

/** Key ids (lower-case hex) under which session keys for these keys can come. */
export function ownKeyIds(secretKeys: readonly SecretKey[]): Set<string> {
  const ids = new Set<string>()
  for (const { privateKey } of secretKeys) {
    for (const fingerprint of fingerprintsOf(privateKey.toPublic().write())) {
      ids.add(keyIdOf(fingerprint))
    }
  }
  return ids
}

type Plain =
  | {
      readonly kind: 'plain'
      readonly data: Uint8Array
      readonly packets: readonly SignaturePacket[]
    }
  | { readonly kind: 'failed'; readonly because: OpenFailure }

/** Marks of every session key that could be read, and of the one that opened the data; null where none did. */
type Marked = { readonly marks: readonly Sha256[]; readonly opener: Sha256 | null }

async function decryptPlain(
  binary: Uint8Array,
  isNamed: boolean,
  context: OpenContext
): Promise<Plain & Marked> {
  const isRsa = context.secretKeys.some((key) => key.isRsa)
  let sessionKeys: readonly DecryptedSessionKey[]
  let marks: readonly Sha256[]
  try {
    sessionKeys = await trySessionKeys(binary, isRsa, context)
    marks = await marksOfRead(binary, sessionKeys, isRsa, context)
  } catch (error) {
    const because = isNamed ? failureOf(error) : 'not-for-us'
    return { kind: 'failed', because, marks: [], opener: null }
  }
  const { opener, ...plain } = await openWith(binary, sessionKeys, marks, context)
  if (plain.kind === 'plain') return { ...plain, marks, opener }
  const isOther = plain.because === 'damaged' && isRsa && hasUnopenedRsa(binary, context.secretKeys)
  if (isOther) return { kind: 'failed', because: 'unsupported', marks, opener }
  // Sealed to people who are not named, and not one session key came out of it: the desk is none of them.
  const isForeign = !isNamed && marks.length === 0
  return { kind: 'failed', because: isForeign ? 'not-for-us' : plain.because, marks, opener }
}

/**
 * Opens the data with the session keys that were read, one after the other, so that it is known which one it was: others may
 * have been put there from another ciphertext. Where none was read, all that the library handed out are tried at once.
 */
async function openWith(
  binary: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[],
  marks: readonly Sha256[],
  context: OpenContext
): Promise<Plain & Pick<Marked, 'opener'>> {
  let failure: OpenFailure = 'damaged'
  for (const mark of marks.length === 0 ? [null] : new Set(marks)) {
    const keys =
      mark === null
        ? sessionKeys
        : sessionKeys.filter(({ data }) => sessionKeyMark(data).includes(mark))
    const plain = await decryptWith(binary, keys, context)
    if (plain.kind === 'plain') return { ...plain, opener: mark }
    if (failure === 'damaged') failure = plain.because
  }
  return { kind: 'failed', because: failure, opener: null }
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
    // Read anew each time: the library lets go of the data when it tries to open them.
    const message = await readMessage({ binaryMessage: binary, config: pgpConfig(isRsa) })
    const config = withPacketLimit(fullPgpConfig(isRsa))
    const inner = await message.decrypt(undefined, undefined, keys, date, config)
    return await readPlain(inner, date)
  } catch (error) {
    return { kind: 'failed', because: failureOf(error) }
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
 * Marks of the session keys that were read. For an RSA key the library hands out random ones where it could read none, and must
 * not say so (mail.md §0): those are other ones at every try, so what comes out a second time as well was really there.
 */
async function marksOfRead(
  binary: Uint8Array,
  sessionKeys: readonly DecryptedSessionKey[],
  isRsa: boolean,
  context: OpenContext
): Promise<readonly Sha256[]> {
  const marks = sessionKeys.flatMap(({ data }) => sessionKeyMark(data))
  if (!isRsa) return marks
  const again = await trySessionKeys(binary, isRsa, context)
  const repeated = new Set(again.flatMap(({ data }) => sessionKeyMark(data)))
  return marks.filter((mark) => repeated.has(mark))
}

/** Takes the literal data and the signature packets out of a decrypted message, without verifying yet. */
async function readPlain(message: Message<Uint8Array | string>, date: Date): Promise<Plain> {
  const config = pgpConfig(false)
  const result = await verify({ message, verificationKeys: [], format: 'binary', date, config })
  if (!(result.data instanceof Uint8Array)) return { kind: 'failed', because: 'damaged' }
  if (result.data.length > DECOMPRESSED_BYTES_MAX) return { kind: 'failed', because: 'limit' }
  const packets: SignaturePacket[] = []
  for (const signature of result.signatures) {
    for (const packet of (await signature.signature).packets) {
      if (packet instanceof SignaturePacket) packets.push(packet)
    }
  }
  return { kind: 'plain', data: result.data, packets }
}

// A limit on the packets inside an encryption. They can be counted only after the library decrypted or decompressed them and
// before it parses them, and it has no limit of its own: two bytes of a packet cost it as much time as a thousand of a text,
// and compressed they cost the sender nothing (mail.md §2.14, §2.15). Must never let a list pass that was not counted.

/** Packets of all layers inside one encryption; a message of others' programs has fewer than ten. */
const PACKETS_INSIDE_MAX = 200
/** By which {@link failureOf} tells it from the library's errors. */
const TOO_MANY_PACKETS = 'more packets inside than the desk reads'

/** Where a configuration carries what may still be parsed under it. */
const LEFT = Symbol('left')
type Left = { packets: number }

/** The configuration for one decryption: what is parsed under it counts against the limit. */
function withPacketLimit(config: Config): Config {
  const left: Left = { packets: PACKETS_INSIDE_MAX }
  return Object.assign({ ...config }, { [LEFT]: left })
}

type Parse = (bytes: unknown, allowed: object, config?: object, ...rest: unknown[]) => unknown
const lists = PacketList as unknown as { fromBinary: Parse }
const parse = lists.fromBinary

// Every layer is parsed by this one function of the library, which therefore is where the counting stands.
lists.fromBinary = async function fromBinary(bytes, allowed, config, ...rest) {
  const left = leftOf(config)
  if (left === undefined) return parse.call(PacketList, bytes, allowed, config, ...rest)
  const whole = await readWhole(bytes)
  spend(left, whole)
  return parse.call(PacketList, whole, allowed, config, ...rest)
}

/** All bytes: authenticated chunks come as a list of the library's own that is read like a stream. */
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
 * The one place that reads the library's words: it gives no codes. A wording that changes turns into `damaged`, which
 * is safe; the tests pin each row.
 */
const FAILURES: readonly (readonly [RegExp, OpenFailure])[] = [
  [/Maximum decompressed/, 'limit'],
  [new RegExp(TOO_MANY_PACKETS), 'limit'],
  // What Node says of a wrong GCM tag: "Unsupported state or unable to authenticate data".
  [/unable to authenticate/i, 'damaged'],
  [/not authenticated/, 'no-integrity'],
  [/unsupported|not supported|non-preferred symmetric|key flags|invalid enum/i, 'unsupported']
]

function failureOf(error: unknown): OpenFailure {
  if (!(error instanceof Error)) return 'damaged'
  if (error.name === 'UnsupportedError') return 'unsupported'
  return FAILURES.find(([words]) => words.test(error.message))?.[1] ?? 'damaged'
}
