/**
 * Writes ASCII armor (RFC 9580 §6.2) straight into bytes, block by block: the library makes strings of a large message, which
 * cost more time and memory than its encryption. Must never be used to read: openpgp/armor.ts does, strictly.
 */
import { base64Size, encodeBase64, writeBase64 } from '../mime/write.ts'
import { type Ciphertext, type Pieces } from '../openpgp/encrypt.ts'

const COLUMNS = 64
/** Whole lines, and whole steps of the checksum. */
const BLOCK = 48 * 1024
const BEGIN = Buffer.from('-----BEGIN PGP MESSAGE-----\r\n')
const END = Buffer.from('\r\n-----END PGP MESSAGE-----')
const CHECKSUM = Buffer.from('\r\n=xxxx')

/**
 * An encrypted message in armor, with CRLF line ends and none at the end, between what stands around it: a large one is written
 * to its place at once.
 */
export function armorMessage(
  { size, chunks }: Ciphertext,
  before: Pieces = [],
  after: Pieces = []
): Uint8Array {
  const head = Buffer.concat([...before, BEGIN])
  const rest = CHECKSUM.length + END.length + sizeOf(after)
  const armored = Buffer.allocUnsafe(head.length + base64Size(size, COLUMNS) + rest)
  const { at, crc } = writeLines(armored, head.copy(armored), chunks, CRC24_INIT)
  endOf(crc, after).copy(armored, at)
  return armored
}

/** The lines of a packet that several messages end with, and its part of their checksums. */
export type SharedLines = {
  readonly lines: Uint8Array
  readonly size: number
  readonly crc: number
}

export function armorLines({ size, chunks }: Ciphertext): SharedLines {
  const lines = Buffer.allocUnsafe(base64Size(size, COLUMNS))
  return { lines, size, crc: writeLines(lines, 0, chunks, 0).crc }
}

/**
 * The message of `packets`, whole groups of three bytes, and the packet of these lines, without the lines: they stand at the
 * place `at`.
 */
export function armorAround(
  packets: Uint8Array,
  { size, crc }: SharedLines,
  before: Pieces,
  after: Pieces
): { readonly raw: Uint8Array; readonly at: number } {
  const own = encodeBase64(packets, COLUMNS)
  const head = Buffer.concat([...before, BEGIN, Buffer.from('\r\n'), own])
  // A checksum is linear: that of both is that of the first, moved by the bytes of the second, and that of the second.
  const both = moved(crc24(CRC24_INIT << 8, packets) >>> 8, size) ^ crc
  return { raw: Buffer.concat([head, endOf(both, after)]), at: head.length }
}

function endOf(crc: number, after: Pieces): Buffer {
  const checksum = encodeBase64(Uint8Array.of(crc >>> 16, crc >>> 8, crc))
  return Buffer.concat([Buffer.from('\r\n='), checksum, END, ...after])
}

function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}

/** Writes the bytes in lines from `at` on; where they end, and the checksum that continues `crc`. */
function writeLines(
  target: Uint8Array,
  at: number,
  chunks: Iterable<Uint8Array>,
  crc: number
): { readonly at: number; readonly crc: number } {
  let [end, sum] = [at, crc << 8]
  for (const block of blocksOf(chunks)) {
    sum = crc24(sum, block)
    end = writeBase64(target, end, block, COLUMNS)
  }
  return { at: end, crc: sum >>> 8 }
}

/** The same bytes in blocks of one size, the last one excepted. A block is valid until the next one. */
function* blocksOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  const block = Buffer.allocUnsafe(BLOCK)
  let filled = 0
  for (const chunk of chunks) {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + BLOCK - filled)
      block.set(part, filled)
      from += part.length
      filled += part.length
      if (filled < BLOCK) continue
      yield block
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
}

const CRC24_INIT = 0xb704ce
const CRC24_POLY = 0x1864cfb
/** For each byte, in the upper 24 bits: with no byte behind it, with one, and so on. */
const ALONE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 16
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x800000 ? CRC24_POLY : 0)
  return crc << 8
})
const BEFORE_ONE = ALONE.map((crc) => next(crc, 0))
const BEFORE_TWO = BEFORE_ONE.map((crc) => next(crc, 0))
const BEFORE_THREE = BEFORE_TWO.map((crc) => next(crc, 0))
const BEFORE_FOUR = BEFORE_THREE.map((crc) => next(crc, 0))
const BEFORE_FIVE = BEFORE_FOUR.map((crc) => next(crc, 0))

/** The checksum as it is after so many zero bytes: times x^8 for each, modulo the polynomial. */
function moved(crc: number, bytes: number): number {
  let [result, power] = [crc, 0x100]
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = times(result, power)
    power = times(power, power)
  }
  return result
}

function times(left: number, right: number): number {
  let product = 0
  for (let bit = 23; bit >= 0; bit -= 1) {
    product = (product << 1) ^ (product & 0x800000 ? CRC24_POLY : 0)
    if ((right >> bit) & 1) product ^= left
  }
  return product
}

function next(crc: number, byte: number): number {
  return (crc << 8) ^ of(ALONE, (crc >>> 24) ^ byte)
}

function of(table: Int32Array, index: number): number {
  return table[index] ?? 0
}

/**
 * RFC 9580 §6.1.1, in the upper 24 bits, six bytes at a time. It protects nothing; without it, GnuPG does not read base64 that
 * ends without padding (its bug T7071).
 */
function crc24(before: number, data: Uint8Array): number {
  let crc = before
  const whole = data.length - (data.length % 6)
  // By index: an iterator takes four times as long over a large file.
  for (let at = 0; at < whole; at += 6)
    crc =
      of(BEFORE_FIVE, (crc >>> 24) ^ (data[at] ?? 0)) ^
      of(BEFORE_FOUR, ((crc >>> 16) & 0xff) ^ (data[at + 1] ?? 0)) ^
      of(BEFORE_THREE, ((crc >>> 8) & 0xff) ^ (data[at + 2] ?? 0)) ^
      of(BEFORE_TWO, data[at + 3] ?? 0) ^
      of(BEFORE_ONE, data[at + 4] ?? 0) ^
      of(ALONE, data[at + 5] ?? 0)
  for (let at = whole; at < data.length; at += 1) crc = next(crc, data[at] ?? 0)
  return crc
}
