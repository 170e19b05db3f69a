/**
 * Writes the packets of a signed and encrypted message (RFC 9580 §10.3), in pieces, with Node's own crypto for the keys that
 * nearly everybody has: Ed25519 signs, Curve25519 takes the session key. OpenPGP.js makes them through WebCrypto, which takes
 * three times as long for a notice and copies a large file several times; it serves for all other keys. Must never judge a key:
 * seal.ts does.
 */
import {
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign as signWith
} from 'node:crypto'
import * as openpgp from 'openpgp'
import { CONFIG } from './config.ts'
import { TAG } from './packets.ts'

/** Bytes one after the other. */
export type Pieces = readonly Uint8Array[]
/** An encrypted message of so many bytes, made as it is read: it can be read once. */
export type Ciphertext = { readonly size: number; readonly chunks: Iterable<Uint8Array> }
/** The part of a key that signs or decrypts. */
export type Part = openpgp.Key | openpgp.Subkey

const { enums } = openpgp
const VERSION_3 = 3
const VERSION_4 = 4

/** To which part of which key it is encrypted. */
export type Target = { readonly key: openpgp.PublicKey; readonly part: Part }
/** Who signs, and to whom it is encrypted. */
export type Sealing = {
  readonly signer: { readonly key: openpgp.PrivateKey; readonly part: Part }
  readonly to: Target
  readonly date: Date
  readonly hash: 'sha256' | 'sha512'
}

/** The payload signed and encrypted with a new session key. */
export async function encryptSigned(payload: Pieces, sealing: Sealing): Promise<Ciphertext> {
  const { signer, to, date } = sealing
  const options = { encryptionKeys: to.key, date, config: CONFIG }
  const session = await openpgp.generateSessionKey(options)
  if (session.aeadAlgorithm !== undefined) {
    // A key that asks for SEIPD version 2.
    const message = await messageOf(payload, date)
    const keys = { ...options, sessionKey: session, signingKeys: signer.key }
    const whole = await openpgp.encrypt({ ...keys, message, format: 'binary' })
    return { size: whole.length, chunks: [whole] }
  }
  const wrapped = await sessionKeyFor(to, session, date)
  const packets = await signedPackets(payload, sealing)
  const { size, chunks } = encryptedPacket(packets, session)
  return { size: sizeOf(wrapped) + size, chunks: inOrder(wrapped, chunks) }
}

/** One encrypted packet, and for each of the targets the packets that bring it the session key: they stand in front. */
export async function encryptOnce(
  payload: Pieces,
  { to, ...sealing }: Omit<Sealing, 'to'> & { readonly to: readonly Target[] }
): Promise<{ readonly packet: Ciphertext; readonly keys: readonly (Uint8Array | null)[] }> {
  const { date } = sealing
  const encryptionKeys = to.map(({ key }) => key)
  const session = await openpgp.generateSessionKey({ encryptionKeys, date, config: CONFIG })
  const keys: (Uint8Array | null)[] = []
  for (const target of to) {
    // Null for key material that takes no session key, for example a bad curve point.
    const wrapped = await sessionKeyFor(target, session, date).catch(() => null)
    keys.push(wrapped && Buffer.concat([...markersFor(sizeOf(wrapped)), ...wrapped]))
  }
  return { packet: encryptedPacket(await signedPackets(payload, sealing), session), keys }
}

/** Whether the packet of {@link encryptOnce} is of a form that this key asks for: SEIPD version 1. */
export async function takesVersion1({ key }: Target, date: Date): Promise<boolean> {
  const options = { encryptionKeys: key, date, config: CONFIG }
  const { aeadAlgorithm } = await openpgp.generateSessionKey(options)
  return aeadAlgorithm === undefined && key.keyPacket.version === VERSION_4
}

/** RFC 9580 §5.8: every program ignores it. */
const MARKER = Buffer.from('\xca\x03PGP', 'latin1')

/** What makes so many bytes whole groups of three, so that base64 of what follows does not depend on them. RNP wants it first. */
function markersFor(size: number): Pieces {
  return Array.from({ length: size % 3 }, () => MARKER)
}

async function sessionKeyFor(
  { key, part }: Target,
  session: openpgp.SessionKey,
  date: Date
): Promise<Pieces> {
  const options = { ...session, encryptionKeys: key, date, config: CONFIG }
  return (
    forCurve25519(part, session) ?? [
      await openpgp.encryptSessionKey({ ...options, format: 'binary' })
    ]
  )
}

function* inOrder(...parts: readonly Iterable<Uint8Array>[]): Generator<Uint8Array> {
  for (const part of parts) yield* part
}

function messageOf(payload: Pieces, date: Date) {
  return openpgp.createMessage({ binary: Buffer.concat(payload), date, format: 'binary' })
}

/** The payload as a literal with its signature (RFC 9580 §5.2.3, §5.4, §5.9). */
async function signedPackets(
  payload: Pieces,
  { signer, date, hash }: Omit<Sealing, 'to'>
): Promise<Pieces> {
  const key = ed25519(signer.part)
  if (key === null) {
    const message = await messageOf(payload, date)
    const options = { message, signingKeys: signer.key, date, config: CONFIG }
    return [await openpgp.sign({ ...options, format: 'binary' })]
  }
  const { fingerprint, keyId } = idsOf(signer.part)
  const { algorithm } = signer.part.keyPacket
  const [type, hashId] = [enums.signature.binary, enums.hash[hash]]
  const made = time(date)
  // When it was made, and by whom.
  const about = [Buffer.of(5, 2), made, Buffer.of(22, 33, VERSION_4), fingerprint]
  const begin = Buffer.of(VERSION_4, type, algorithm, hashId, 0, sizeOf(about))
  const head = Buffer.concat([begin, ...about])
  const digest = createHash(hash)
  for (const piece of [...payload, head]) digest.update(piece)
  const hashed = digest.update(Buffer.of(VERSION_4, 0xff, ...uint32(head.length))).digest()
  const bytes = signWith(null, hashed, key)
  const halves = [bytes.subarray(0, 32), bytes.subarray(32)]
  const signature = algorithm === enums.publicKey.ed25519 ? halves : halves.flatMap(number)
  const end = [Buffer.of(0, 10, 9, 16, ...keyId), hashed.subarray(0, 2), ...signature]
  return [
    ...packet(TAG.onePassSignature, [Buffer.of(VERSION_3, type, hashId, algorithm, ...keyId, 1)]),
    ...packet(TAG.literal, [Buffer.from('b\0'), made, ...payload]),
    ...packet(TAG.signature, [head, ...end])
  ]
}

/** Encrypted at a time, so that a large file has no second copy. */
const CHUNK = 64 * 1024

/** SEIPD version 1 (RFC 9580 §5.13.1): a random block with its end twice, the packets, and the SHA-1 of all of it. */
function encryptedPacket(packets: Pieces, { algorithm, data }: openpgp.SessionKey): Ciphertext {
  const name = `${algorithm.replace('aes', 'aes-')}-cfb`
  const cipher = createCipheriv(name, data, Buffer.alloc(16))
  const random = randomBytes(16)
  const plain = [random, random.subarray(-2), ...packets, Buffer.of(0xd3, 20)]
  const digest = createHash('sha1')
  for (const piece of plain) digest.update(piece)
  const all = [...plain, digest.digest()]
  const begin = [...packetHead(TAG.encryptedIntegrity, 1 + sizeOf(all)), Buffer.of(1)]
  return {
    size: sizeOf(begin) + sizeOf(all),
    chunks: (function* () {
      yield* begin
      for (const piece of all)
        for (let at = 0; at < piece.length; at += CHUNK)
          yield cipher.update(piece.subarray(at, at + CHUNK))
    })()
  }
}

type EcdhParams = { Q: Uint8Array; kdfParams: { hash: openpgp.enums.hash; cipher: number } }
/** RFC 9580 §11.2.1. */
const NATIVE_POINT = 0x40
const OID = Buffer.from('2b060104019755010501', 'hex')
/** How a session key is wrapped, by the cipher that the recipient's key names (RFC 3394). */
const WRAPS = new Map<number, readonly [name: string, bytes: number]>([
  [enums.symmetric.aes128, ['id-aes128-wrap', 16]],
  [enums.symmetric.aes192, ['id-aes192-wrap', 24]],
  [enums.symmetric.aes256, ['id-aes256-wrap', 32]]
])
const WRAP_IV = Buffer.alloc(8, 0xa6)

/** The session key for a version 4 ECDH key on Curve25519 (RFC 9580 §5.1.5 and §11.4); null for every other key. */
function forCurve25519(part: Part, { algorithm, data }: openpgp.SessionKey): Pieces | null {
  const { curve } = part.getAlgorithmInfo()
  if (part.keyPacket.version !== VERSION_4 || curve !== 'curve25519Legacy') return null
  const { Q, kdfParams } = part.keyPacket.publicParams as EcdhParams
  const wrap = WRAPS.get(kdfParams.cipher)
  // What is no such point the library refuses.
  if (wrap === undefined || Q.length !== 33 || Q[0] !== NATIVE_POINT) return null
  const { fingerprint, keyId } = idsOf(part)
  const ephemeral = generateKeyPairSync('x25519')
  const publicKey = createPublicKey({ key: okp('X25519', Q.subarray(1)), format: 'jwk' })
  const { ecdh } = enums.publicKey
  const kek = createHash(enums.read(enums.hash, kdfParams.hash).replace('_', '-'))
    .update(Buffer.of(0, 0, 0, 1))
    .update(diffieHellman({ privateKey: ephemeral.privateKey, publicKey }))
    .update(Buffer.of(OID.length, ...OID, ecdh, 3, 1, kdfParams.hash, kdfParams.cipher))
    .update('Anonymous Sender    ')
    .update(fingerprint)
    .digest()
  const sum = data.reduce((all, byte) => all + byte, 0)
  const plain = [enums.symmetric[algorithm], ...data, (sum >> 8) & 0xff, sum & 0xff]
  const padding = 8 - (plain.length % 8)
  const padded = Buffer.of(...plain, ...Buffer.alloc(padding, padding))
  const wrapped = createCipheriv(wrap[0], kek.subarray(0, wrap[1]), WRAP_IV).update(padded)
  // As JWK, Node waits for itself for ever if it collects garbage meanwhile: what made the key wants the lock of the export.
  const point = ephemeral.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  return packet(TAG.publicKeySession, [
    Buffer.of(VERSION_3, ...keyId, ecdh),
    ...number(Buffer.of(NATIVE_POINT, ...point)),
    Buffer.of(wrapped.length, ...wrapped)
  ])
}

type EdParams = { seed?: Uint8Array; Q?: Uint8Array; A?: Uint8Array }
const signers = new WeakMap<Part['keyPacket'], KeyObject>()

/** The unlocked version 4 Ed25519 key of this part, in either of its two forms; null for every other key. */
function ed25519({ keyPacket }: Part): KeyObject | null {
  const { algorithm, version } = keyPacket
  const isLegacy = algorithm === enums.publicKey.eddsaLegacy
  if (version !== VERSION_4 || (!isLegacy && algorithm !== enums.publicKey.ed25519)) return null
  const known = signers.get(keyPacket)
  if (known !== undefined || !('privateParams' in keyPacket)) return known ?? null
  const { Q, A = Q?.subarray(1) } = keyPacket.publicParams as EdParams
  const { seed } = keyPacket.privateParams as EdParams
  if (seed === undefined || A === undefined) return null
  const d = Buffer.from(seed).toString('base64url')
  const key = createPrivateKey({ key: { ...okp('Ed25519', A), d }, format: 'jwk' })
  signers.set(keyPacket, key)
  return key
}

function okp(crv: 'Ed25519' | 'X25519', point: Uint8Array) {
  return { kty: 'OKP', crv, x: Buffer.from(point).toString('base64url') }
}

function idsOf(part: Part) {
  const fingerprint = Buffer.from(part.getFingerprint(), 'hex')
  return { fingerprint, keyId: fingerprint.subarray(-8) }
}

function packet(tag: number, body: Pieces): Pieces {
  return [...packetHead(tag, sizeOf(body)), ...body]
}

/** RFC 9580 §4.2.1. */
function packetHead(tag: number, size: number): Pieces {
  const short = size < 192 ? [size] : [((size - 192) >> 8) + 192, (size - 192) & 0xff]
  return [Buffer.of(0xc0 | tag, ...(size < 8384 ? short : [0xff, ...uint32(size)]))]
}

/** RFC 9580 §3.2: the bits, and the bytes from the first that is not zero. */
function number(bytes: Uint8Array): Pieces {
  const from = bytes.findIndex((byte) => byte !== 0)
  const digits = from < 0 ? bytes.subarray(bytes.length) : bytes.subarray(from)
  const bits = digits.length === 0 ? 0 : digits.length * 8 - Math.clz32((digits[0] ?? 0) << 24)
  return [Buffer.of(bits >> 8, bits & 0xff), digits]
}

function time(date: Date): Uint8Array {
  return Buffer.from(uint32(Math.floor(date.getTime() / 1000)))
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** The bytes of all pieces together. */
function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
