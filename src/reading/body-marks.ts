/**
 * Marks by which a message is known again that comes over another path: what its reader sees, with its Message-ID and with its
 * date. Services replace the one or the other, and every server on the way adds to the header. Everybody on the way can compute
 * them, so they show nothing of what is encrypted (G6).
 */
import { type Sha256 } from '../domain/ids.ts'
import { type HeaderFacts } from '../domain/mail.ts'
import { HEADER_BYTES_MAX } from '../mime/fields.ts'
import { sha256 } from '../openpgp/packets.ts'

/** The marks of a message with this outer header; of a header alone they say nothing. */
export function bodyMarksOf(raw: Uint8Array, { messageId, date }: HeaderFacts): Sha256[] {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength)
  const begin = [bytes.indexOf('\r\n\r\n'), bytes.indexOf('\n\n')].filter((at) => at >= 0)
  let end = bytes.length
  while (end > 0 && ' \r\n'.includes(String.fromCharCode(bytes[end - 1] ?? 0))) end -= 1
  const at = Math.min(HEADER_BYTES_MAX, ...begin)
  const body = sha256(bytes.subarray(at, Math.max(at, end)))
  const fields = bytes.toString('latin1', 0, at).split(/\r?\n(?![ \t])/)
  const shown = fields.filter((field) => /^(?:content-[\w-]+|subject):/i.test(field))
  const digest = sha256([...shown, body].join('\n'))
  return [messageId, date].flatMap((one) => (one === null ? [] : sha256(`${one}\n${digest}`)))
}
