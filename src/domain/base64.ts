/** Base64 (RFC 4648 §4) read from bytes, for large files: a string of one takes as much memory as the file. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const SEXTETS = Int8Array.from({ length: 256 }, (_, byte) =>
  DIGITS.indexOf(String.fromCharCode(byte))
)

/** The value of one character; -1 for what is none. */
export function sextetAt(bytes: Uint8Array, at: number): number {
  return SEXTETS[bytes[at] ?? 0] ?? -1
}

/** The 24 bits of four characters; negative where one of them is none, or is missing. */
export function groupAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) return -1
  return (
    (sextetAt(bytes, at) << 18) |
    (sextetAt(bytes, at + 1) << 12) |
    (sextetAt(bytes, at + 2) << 6) |
    sextetAt(bytes, at + 3)
  )
}
