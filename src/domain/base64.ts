/** Base64 (RFC 4648 §4) read from bytes, for large files: a string of one takes as much memory as the file. */

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const SEXTETS = Int8Array.from({ length: 256 }, (_, byte) =>
  DIGITS.indexOf(String.fromCharCode(byte))
)

const [LF, CR] = [10, 13]
const BLOCK = 64 * 1024

/**
 * Decodes whole lines of one length from the beginning, as most programs write them, into `decoded`; returns how many bytes it has
 * read and written. Stops before the first lines that are not of base64 alone. Node is twice as fast as a loop, but skips what is
 * no base64: then it writes too little.
 */
export function decodeLines(body: Buffer, decoded: Buffer): [read: number, written: number] {
  const length = body.indexOf(LF) + 1
  if (length === 0) return [0, 0]
  const ends = body[length - 2] === CR ? 2 : 1
  const bytes = ((length - ends) * 3) / 4
  let [at, size] = [0, 0]
  for (;;) {
    const lines = Math.floor(Math.min(BLOCK, body.length - at) / length)
    const end = at + lines * length
    for (let next = at + length; next <= end; next += length)
      if (body[next - 1] !== LF || (ends === 2 && body[next - 2] !== CR)) return [at, size]
    const text = body.toString('latin1', at, end)
    const isWhole = decoded.write(text, size, 'base64') === lines * bytes
    if (!isWhole || lines === 0 || isOfUrls(text)) return [at, size]
    at = end
    size += lines * bytes
  }
}

/** Node reads that, too. */
function isOfUrls(text: string): boolean {
  return text.includes('-') || text.includes('_')
}

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
