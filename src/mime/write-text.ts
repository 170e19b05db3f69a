/**
 * Transfer encodings of what the desk writes: text as 7bit or quoted-printable, files as base64. In charge of lines that
 * no mail system on the way has a reason to touch: at most 76 columns, CRLF, no blank at a line's end, no line that
 * begins with `From `, US-ASCII only. RFC 2045 §6.7 and §6.8, RFC 3156 §3.
 */

/** One encoded leaf. `lines` are US-ASCII with CRLF between them and no CRLF added at the end. */
export type EncodedText = {
  readonly encoding: '7bit' | 'quoted-printable'
  readonly lines: string
}

const LINE = 76
const PLAIN_LINE = /^(?!From )(?:[\t\x20-\x7e]{0,75}[\x21-\x7e])?$/

/** `text` (any line ends) for a text/plain part in UTF-8. A lone surrogate becomes U+FFFD. */
export function encodeText(text: string): EncodedText {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n')
  return lines.every((line) => PLAIN_LINE.test(line))
    ? { encoding: '7bit', lines: lines.join('\r\n') }
    : { encoding: 'quoted-printable', lines: lines.map(quotedPrintable).join('\r\n') }
}

/** `content` in base64, 76 columns a line, CRLF after every line but the last. */
export function encodeBase64(content: Uint8Array): Uint8Array {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const digits = Buffer.from(bytes.toString('base64'), 'latin1')
  const breaks = Math.max(Math.ceil(digits.length / LINE) - 1, 0)
  const out = Buffer.allocUnsafe(digits.length + breaks * 2)
  let at = 0
  for (let from = 0; from < digits.length; from += LINE) {
    if (from > 0) {
      out[at] = 0x0d
      out[at + 1] = 0x0a
      at += 2
    }
    at += digits.copy(out, at, from, from + LINE)
  }
  return out
}

/** One line without its line end, in one or more physical lines. */
function quotedPrintable(line: string): string {
  const bytes = Buffer.from(line, 'utf8')
  let done = ''
  let physical = ''
  for (const [index, byte] of bytes.entries()) {
    const isLast = index === bytes.length - 1
    let unit = quotedByte(byte, isLast)
    // The last unit may fill the line; any other must leave room for the soft break.
    if (physical.length + unit.length > (isLast ? LINE : LINE - 1)) {
      done += `${physical}=\r\n`
      physical = ''
    }
    if (physical === '' && isProtected(bytes, index)) unit = hex(byte)
    physical += unit
  }
  return done + physical
}

function quotedByte(byte: number, isLast: boolean): string {
  if (byte === 0x3d) return hex(byte)
  if (byte === 0x20 || byte === 0x09) return isLast ? hex(byte) : String.fromCharCode(byte)
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : hex(byte)
}

/** `From ` and a lone dot at the start of a physical line are altered by some mail systems. */
function isProtected(bytes: Buffer, index: number): boolean {
  if (bytes[index] === 0x2e) return index === bytes.length - 1
  return bytes[index] === 0x46 && bytes.subarray(index, index + 5).toString('latin1') === 'From '
}

function hex(byte: number): string {
  return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
}
