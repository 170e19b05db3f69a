/**
 * Decodes Content-Transfer-Encoding: base64 and quoted-printable (RFC 2045 §6.7, §6.8). In bounded memory,
 * because a message can have millions of lines. Must never throw and never lose a byte that it cannot decode.
 */
import { decode } from 'libqp'

/** `body` without its transfer encoding (`encoding` in lower case); `body` itself when there is none or it is unknown. */
export function undoTransferEncoding(body: Buffer, encoding: string): Buffer {
  if (encoding === 'base64') return decodeBase64(body)
  return encoding === 'quoted-printable' ? decodeQuotedPrintable(body) : body
}

const LF = 10
const EQUALS = 61
/** The library's lists of matches take many times the space of the text, so it gets little at a time. */
const CHUNK_BYTES = 2 ** 18

const BASE64_CHARS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** The six bits that a base64 byte encodes; -1 for any other byte. */
const SIX_BITS = Int8Array.from({ length: 256 }, (_, byte) =>
  BASE64_CHARS.indexOf(String.fromCharCode(byte))
)

/**
 * RFC 2045 §6.8: ignores bytes outside the alphabet. Padding ends a group, not the part: some senders encode a file in pieces,
 * and what follows a pad belongs to it; Node's own decoder stops there.
 */
function decodeBase64(body: Buffer): Buffer {
  const decoded = Buffer.alloc(Math.ceil((body.length * 3) / 4))
  let size = 0
  let bits = 0
  let count = 0
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at] ?? 0
    const value = SIX_BITS[byte] ?? -1
    if (byte === EQUALS) count = 0
    if (value < 0) continue
    bits = ((bits << 6) | value) & 0xffff
    count += 6
    if (count < 8) continue
    count -= 8
    decoded[size++] = (bits >> count) & 0xff
  }
  return decoded.subarray(0, size)
}

function decodeQuotedPrintable(body: Buffer): Buffer {
  const decoded: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf(LF, at + CHUNK_BYTES)
    const end = lineEnd < 0 ? body.length : lineEnd + 1
    decoded.push(decode(body.subarray(at, end)))
    at = end
  }
  return Buffer.concat(decoded)
}
