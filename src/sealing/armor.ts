/**
 * Writes ASCII armor (RFC 9580 §6.2) straight into bytes: the library makes strings of a large message, which cost more time and
 * memory than its encryption. Must never be used to read: openpgp/armor.ts does, strictly.
 */
import { encodeBase64 } from '../mime/write.ts'

const COLUMNS = 64

/** An encrypted message in armor, with CRLF line ends and none at the end. */
export function armorMessage(ciphertext: Uint8Array): Uint8Array {
  const checksum = encodeBase64(crc24(ciphertext))
  return Buffer.concat([
    Buffer.from('-----BEGIN PGP MESSAGE-----\r\n\r\n'),
    encodeBase64(ciphertext, COLUMNS),
    Buffer.from('\r\n='),
    checksum,
    Buffer.from('\r\n-----END PGP MESSAGE-----')
  ])
}

const CRC24_INIT = 0xb704ce
const CRC24_POLY = 0x1864cfb
/** For each byte, in the upper 24 bits. */
const CRC24 = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 16
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x800000 ? CRC24_POLY : 0)
  return crc << 8
})

/** RFC 9580 §6.1.1. It protects nothing; without it, GnuPG does not read base64 that ends without padding (its bug T7071). */
function crc24(data: Uint8Array): Uint8Array {
  let crc = CRC24_INIT << 8
  // By index: an iterator takes four times as long over a large file.
  for (let at = 0; at < data.length; at += 1)
    crc = (crc << 8) ^ (CRC24[(crc >>> 24) ^ (data[at] ?? 0)] ?? 0)
  return Uint8Array.of(crc >>> 24, crc >>> 16, crc >>> 8)
}
