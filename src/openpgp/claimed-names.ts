/**
 * What the keys in a text or a file claim, unverified: their fingerprints and the addresses in their user ids. Good for
 * doubting a message, never for trusting a key: only openpgp/keyring.ts does that.
 */
import { type Address } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { readArmor } from './armor.ts'
import { fingerprintsOf } from './key-packets.ts'
import { TAG, walkPackets } from './packets.ts'
import { addressOfUserId } from './user-id.ts'

/** One public key as received, with its subkeys in order. */
export type ClaimedKey = {
  readonly fingerprints: readonly Fingerprint[]
  /** Strict addresses of its user ids. */
  readonly addresses: readonly Address[]
}

const BYTES_MAX = 400 * 1024
const PACKETS_MAX = 5000
const BLOCKS_MAX = 10
/** How many blocks are read, including broken ones. */
const TRIES_MAX = 1000
const BEGIN = '-----BEGIN PGP PUBLIC KEY BLOCK-----'
const END = '-----END PGP PUBLIC KEY BLOCK-----'

/**
 * The public keys in `data`: binary, also several in one file, or armored blocks anywhere in a text; at most ten. Empty for
 * anything else; a broken block ends where it breaks. Never throws.
 */
export function readClaimedKeys(data: Uint8Array): ClaimedKey[] {
  if (((data[0] ?? 0) & 0x80) !== 0) return data.length > BYTES_MAX ? [] : keysOf(data)
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return armoredBlocks(bytes).flatMap((block) => keysOf(block))
}

function armoredBlocks(bytes: Buffer): Uint8Array[] {
  if (!bytes.includes(BEGIN)) return []
  const pieces = bytes.toString('latin1').split(END, TRIES_MAX).slice(0, -1)
  const blocks = pieces.flatMap((piece) => {
    // When two blocks begin before one ends, the later one counts.
    const start = piece.lastIndexOf(BEGIN)
    const isSmall = start >= 0 && piece.length - start <= BYTES_MAX
    return (isSmall ? readArmor(piece.slice(start) + END)?.data : null) ?? []
  })
  return blocks.slice(0, BLOCKS_MAX)
}

function keysOf(packets: Uint8Array): ClaimedKey[] {
  const { spans } = walkPackets(packets, PACKETS_MAX)
  const starts = spans.filter(({ tag }) => tag === TAG.publicKey).map(({ start }) => start)
  return starts.map((start, index) => {
    const key = packets.subarray(start, starts[index + 1] ?? packets.length)
    return { fingerprints: fingerprintsOf(key), addresses: addressesOf(key) }
  })
}

function addressesOf(key: Uint8Array): Address[] {
  return walkPackets(key, PACKETS_MAX)
    .spans.filter(({ tag, chunked }) => tag === TAG.userId && !chunked)
    .flatMap(
      ({ body, end }) => addressOfUserId(Buffer.from(key.subarray(body, end)).toString()) ?? []
    )
}
