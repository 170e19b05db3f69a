/**
 * Tells a session key for a cipher that an RSA desk key does not support from a damaged one. The library decrypts RSA in
 * constant time, for AES only, and must not say which it was (mail.md §0); this finds out afterwards, for a message that stays
 * closed, and only for the maintainers. Must never reveal the session key or any plaintext.
 */
import { constants, createPrivateKey, type KeyObject, privateDecrypt } from 'node:crypto'
import { enums } from 'openpgp'
import { type SecretKey } from './keyring.ts'
import { TAG, walkPackets } from './packets.ts'

const PACKETS_MAX = 200
const RSA: readonly number[] = [enums.publicKey.rsaEncryptSign, enums.publicKey.rsaEncrypt]
/** Key lengths in bytes of ciphers other than AES (RFC 9580 §9.3): IDEA, 3DES, CAST5, Blowfish, Twofish and Camellia. */
const OTHER_CIPHERS: Readonly<Record<number, number>> = {
  1: 16,
  2: 24,
  3: 16,
  4: 16,
  10: 32,
  11: 16,
  12: 24,
  13: 32
}

/**
 * Whether one session key of a message is validly encrypted with RSA but not supported here: for a cipher other than AES, or in
 * version 6, which the library cannot decrypt in constant time. `message` is in binary packets.
 */
export function hasUnopenedRsa(message: Uint8Array, secretKeys: readonly SecretKey[]): boolean {
  const rsaKeys = secretKeys.flatMap(rsaKeysOf)
  if (rsaKeys.length === 0) return false
  return walkPackets(message, PACKETS_MAX)
    .spans.filter((span) => span.tag === TAG.publicKeySession)
    .some((span) => {
      const body = message.subarray(span.body, span.end)
      if (body[0] === 6) return RSA.includes(body[2 + (body[1] ?? 0)] ?? 0)
      if (body[0] !== 3 || !RSA.includes(body[9] ?? 0)) return false
      return rsaKeys.some((key) => isForOtherCipher(key, body.subarray(12)))
    })
}

/** RFC 9580 §5.1.3: the cipher, its key and a checksum, in PKCS #1 padding. */
function isForOtherCipher(key: KeyObject, encrypted: Uint8Array): boolean {
  const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  if (encrypted.length > size) return false
  const padded = Buffer.concat([Buffer.alloc(size - encrypted.length), encrypted])
  let block: Buffer
  try {
    block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, padded)
  } catch {
    return false // a number that is larger than the modulus
  }
  const start = block.indexOf(0, 2) + 1
  if (block[0] !== 0 || block[1] !== 2 || start < 11) return false
  const content = block.subarray(start, -2)
  const sum = content.subarray(1).reduce((total, byte) => (total + byte) & 0xffff, 0)
  return (
    content.length - 1 === OTHER_CIPHERS[content[0] ?? 0] &&
    block.readUInt16BE(block.length - 2) === sum
  )
}

/** The RSA keys of a certificate as node:crypto keys, without those that node:crypto refuses. */
function rsaKeysOf({ privateKey }: SecretKey): KeyObject[] {
  return privateKey.getKeys().flatMap(({ keyPacket }) => {
    if (!RSA.includes(keyPacket.algorithm) || !('privateParams' in keyPacket)) return []
    const [n, e] = numbersOf(keyPacket.publicParams, ['n', 'e'])
    // OpenPGP stores the inverse of the first prime, JWK (RFC 7518 §6.3.2) of the second, so the primes are swapped.
    const [d, q, p, qi] = numbersOf(keyPacket.privateParams, ['d', 'p', 'q', 'u'])
    if (n === undefined || qi === undefined) return []
    try {
      const [dp, dq] = [p, q].map((prime) => asBytes(asNumber(d) % (asNumber(prime) - 1n)))
      const jwk: Record<string, string> = { kty: 'RSA' }
      for (const [name, bytes] of Object.entries({ n, e, d, p, q, dp, dq, qi })) {
        jwk[name] = bytes?.toString('base64url') ?? ''
      }
      return [createPrivateKey({ key: jwk, format: 'jwk' })]
    } catch {
      return [] // otherwise a message that is merely closed would lose its marks as well
    }
  })
}

function numbersOf(params: object | null, names: readonly string[]): Buffer[] {
  const found = new Map<string, unknown>(Object.entries(params ?? {}))
  const numbers = names.map((name) => found.get(name))
  return numbers.every((each) => each instanceof Uint8Array)
    ? numbers.map((each) => Buffer.from(each))
    : []
}

function asNumber(bytes: Buffer | undefined): bigint {
  return BigInt(`0x${bytes?.toString('hex') ?? '0'}`)
}

function asBytes(number: bigint): Buffer {
  const hex = number.toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}
