/**
 * Decryption. Any exception anywhere means no plaintext at all: nothing is streamed, nothing partial is kept
 * (mail.md §2.2), and every failure becomes one code of a closed union. Must never be given a locked key (the library
 * would fail the whole message) and never tells the library's own words to anybody.
 */
import {
  type DecryptedSessionKey,
  decryptSessionKeys,
  type Message,
  readMessage,
  SignaturePacket,
  verify
} from 'openpgp'

import { type Sha256 } from '../domain/ids.ts'
import { type OpenFailure } from '../domain/mail.ts'
import { msOf } from '../domain/time.ts'
import { DECOMPRESSED_BYTES_MAX, fullPgpConfig, pgpConfig } from './config.ts'
import { fingerprintsOf, keyIdOf } from './key-packets.ts'
import { type SecretKey } from './keyring.ts'
import { TOO_MANY_PACKETS, withPacketLimit } from './packet-limit.ts'
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
  const { marks, ...plain } = await decryptPlain(scan.message, scan.isNamed, context)
  const sealing = { ...scan.sealing, marks: [...new Set([...scan.sealing.marks, ...marks])] }
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

/** Marks of every session key that could be read, also where the data behind them could not be. */
type Marked = { readonly marks: readonly Sha256[] }

async function decryptPlain(
  binary: Uint8Array,
  isNamed: boolean,
  context: OpenContext
): Promise<Plain & Marked> {
  const isRsa = context.secretKeys.some((key) => key.isRsa)
  const date = new Date(msOf(context.now))
  let message: Message<Uint8Array>
  let sessionKeys: readonly DecryptedSessionKey[]
  let marks: readonly Sha256[]
  try {
    const tried = await trySessionKeys(binary, isRsa, context)
    message = tried.message
    sessionKeys = tried.sessionKeys
    marks = await marksOfRead(binary, sessionKeys, isRsa, context)
  } catch (error) {
    return { kind: 'failed', because: isNamed ? failureOf(error) : 'not-for-us', marks: [] }
  }
  try {
    const keys = sessionKeys.map(({ data, algorithm }) => ({
      data,
      // The library takes null for SEIPD version 2, where the packet itself names the cipher.
      algorithm: algorithm ?? 'aes256'
    }))
    const config = withPacketLimit(fullPgpConfig(isRsa))
    const inner = await message.decrypt(undefined, undefined, keys, date, config)
    return { ...(await readPlain(inner, date)), marks }
  } catch (error) {
    const because = failureOf(error)
    const isOther = because === 'damaged' && isRsa && hasUnopenedRsa(binary, context.secretKeys)
    if (isOther) return { kind: 'failed', because: 'unsupported', marks }
    // Sealed to people who are not named, and not one session key came out of it: the desk is none of them.
    const isForeign = !isNamed && marks.length === 0
    return { kind: 'failed', because: isForeign ? 'not-for-us' : because, marks }
  }
}

async function trySessionKeys(
  binary: Uint8Array,
  isRsa: boolean,
  context: OpenContext
): Promise<{
  readonly message: Message<Uint8Array>
  readonly sessionKeys: readonly DecryptedSessionKey[]
}> {
  const config = pgpConfig(isRsa)
  const date = new Date(msOf(context.now))
  const message = await readMessage({ binaryMessage: binary, config })
  const decryptionKeys = context.secretKeys.map((key) => key.privateKey)
  const sessionKeys = await decryptSessionKeys({ message, decryptionKeys, date, config })
  return { message, sessionKeys }
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
  const repeated = new Set(again.sessionKeys.flatMap(({ data }) => sessionKeyMark(data)))
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
