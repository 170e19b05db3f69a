/**
 * Decryption. Any exception means no plaintext at all: nothing is streamed, nothing partial is kept, and every failure becomes
 * one code of a closed union. Must never be given a locked key (the library would fail the whole message) and never passes on
 * the library's own messages.
 */
import { decrypt, type MaybeStream, PacketList, readMessage, SignaturePacket } from 'openpgp'
import { type OpenFailure } from '../domain/mail.ts'
import { msOf } from '../domain/time.ts'
import { CONFIG, DECOMPRESSED_BYTES_MAX } from './config.ts'
import { type SecretKey } from './keyring.ts'
import { walkPackets } from './packets.ts'
import { prescan, type Sealing } from './prescan.ts'
import { type Verdict, type VerifyContext, verifyPackets } from './verify.ts'

/** The keys to decrypt with and to verify against. */
export type OpenContext = VerifyContext & { readonly secretKeys: readonly SecretKey[] }

/** The result of decrypting one OpenPGP message. */
export type Opening = { readonly sealing: Sealing } & (
  | { readonly because: OpenFailure }
  /** `verdicts` on the signatures inside the same OpenPGP message, which cover all of `data`. */
  | { readonly data: Uint8Array; readonly verdicts: readonly Verdict[] }
)

/** Decrypts binary packets with the desk's keys and verifies the signatures inside. Never throws for content. */
export async function openMessage(data: Uint8Array, context: OpenContext): Promise<Opening> {
  const { sealing, ...scan } = prescan(data, ownKeyIds(context.secretKeys))
  const failed = (because: OpenFailure): Opening => ({ because, sealing })
  if ('because' in scan) return failed(scan.because)
  try {
    const bytesMax = expandedMax(data.length)
    const plain = await decryptPlain(scan.message, context, bytesMax)
    if (plain.data.length > bytesMax) return failed('limit')
    const verdicts = await verifyPackets(plain.data, plain.packets, context)
    return verdicts === null ? failed('limit') : { data: plain.data, verdicts, sealing }
  } catch (error) {
    return failed(failureOf(error, sealing.sealedTo === 'hidden'))
  }
}

/** Text shrinks to a tenth, logs to a fiftieth; what expands further was made to, or is asked for again in another form (A1). */
const EXPANSION_MAX = 100
const EXPANDED_ALWAYS_BYTES = 4 * 2 ** 20

function expandedMax(bytes: number): number {
  const expanded = Math.max(EXPANSION_MAX * bytes, EXPANDED_ALWAYS_BYTES)
  return Math.min(expanded, DECOMPRESSED_BYTES_MAX)
}

/** The key ids (lower-case hex) by which session key packets name these keys. */
export function ownKeyIds(secretKeys: readonly SecretKey[]): Set<string> {
  const parts = secretKeys.flatMap(({ privateKey }) => privateKey.getKeys())
  return new Set(parts.map((part) => part.getKeyID().toHex()))
}

/** The literal data and its signatures, not verified yet. */
async function decryptPlain(
  binaryMessage: Uint8Array,
  { secretKeys, now }: OpenContext,
  maxDecompressedMessageSize: number
) {
  const config = { ...CONFIG, maxDecompressedMessageSize }
  const { data, signatures } = await decrypt({
    message: await readMessage({ binaryMessage, config }),
    decryptionKeys: secretKeys.map(({ privateKey }) => privateKey),
    format: 'binary',
    date: new Date(msOf(now)),
    config
  })
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
  [new RegExp(TOO_MANY_PACKETS), 'limit'],
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
