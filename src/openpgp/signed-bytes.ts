/**
 * Digests of what the signatures of a message are made over (RFC 9580 §5.2.4). However many there are, the bytes are read once
 * for each digest and never copied: eight signatures over 60 MiB, compressed, cost their sender a kilobyte (A4).
 */
import { createHash, getHashes, type Hash } from 'node:crypto'
import { enums, type SignaturePacket } from 'openpgp'
import { type Sha256 } from '../domain/ids.ts'

/** Bytes as they came. Signatures over text, and all those of RFC 3156 §5, cover the form of it with CRLF line ends. */
export type SignedBytes = {
  /** The digest that `packet` has to match; null where nobody makes a signature in this way. */
  readonly digestFor: (packet: SignaturePacket) => Uint8Array | null
  /** SHA-256 of the bytes in the form that `packet` covers. */
  readonly contentFor: (packet: SignaturePacket) => Sha256
}

/** The library passes the salt of a version 6 signature over in silence. */
type WithSalt = SignaturePacket & { readonly salt?: Uint8Array | null }

/** The digests of OpenPGP by number: their names in Node, and the size of the salt of a version 6 signature. */
const DIGESTS: ReadonlyMap<number | null, readonly [name: string, saltBytes: number]> = new Map([
  [enums.hash.md5, ['md5', -1]],
  [enums.hash.sha1, ['sha1', -1]],
  [enums.hash.ripemd, ['ripemd160', -1]],
  [enums.hash.sha224, ['sha224', 16]],
  [enums.hash.sha256, ['sha256', 16]],
  [enums.hash.sha384, ['sha384', 24]],
  [enums.hash.sha512, ['sha512', 32]],
  [enums.hash.sha3_256, ['sha3-256', 16]],
  [enums.hash.sha3_512, ['sha3-512', 32]]
])

/** `data` as it came; `allCrlf` where every signature covers the form with CRLF line ends. */
export function signedBytes(
  data: Uint8Array,
  { allCrlf }: { readonly allCrlf: boolean }
): SignedBytes {
  const begun = new Map<string, Hash>()
  const hashOf = ({ signatureType }: SignaturePacket, name: string, salt: Uint8Array): Hash => {
    const isCrlf = allCrlf || signatureType === enums.signature.text
    const key = `${name} ${isCrlf} ${Buffer.from(salt).toString('hex')}`
    const hash = begun.get(key) ?? hashed(createHash(name).update(salt), data, isCrlf)
    begun.set(key, hash)
    return hash.copy()
  }
  return {
    digestFor: (packet) => {
      const { version, hashAlgorithm, signatureData } = packet
      const [name, saltBytes] = DIGESTS.get(hashAlgorithm) ?? ['', 0]
      const salt = (packet as WithSalt).salt ?? NOTHING
      const isRight = version === 6 ? salt.length === saltBytes : salt.length === 0
      if (!isRight || signatureData === null || !getHashes().includes(name)) return null
      const trailer = Buffer.of(version, 0xff, 0, 0, 0, 0)
      trailer.writeUInt32BE(signatureData.length, 2)
      return hashOf(packet, name, salt).update(signatureData).update(trailer).digest()
    },
    contentFor: (packet) => hashOf(packet, 'sha256', NOTHING).digest('hex') as Sha256
  }
}

const NOTHING = new Uint8Array(0)

function hashed(hash: Hash, data: Uint8Array, isCrlf: boolean): Hash {
  if (!isCrlf) return hash.update(data)
  for (const piece of withCrlf(data)) hash.update(piece)
  return hash
}

const PIECE_BYTES = 2 ** 16
const [LF, CR] = [10, 13]

/** The bytes with CRLF line ends, piece by piece: each is overwritten by the next. */
function* withCrlf(data: Uint8Array): Generator<Uint8Array> {
  const piece = new Uint8Array(2 * PIECE_BYTES)
  let before = 0
  for (let start = 0; start < data.length; start += PIECE_BYTES) {
    const end = Math.min(start + PIECE_BYTES, data.length)
    let size = 0
    // By index: a search for each line end takes longer where lines are short.
    for (let at = start; at < end; at += 1) {
      const byte = data[at] ?? 0
      if (byte === LF && before !== CR) {
        piece[size] = CR
        size += 1
      }
      piece[size] = byte
      size += 1
      before = byte
    }
    yield piece.subarray(0, size)
  }
}
