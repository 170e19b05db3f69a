/**
 * What lists, providers and attackers put around a whole signed or encrypted body, in the exact shapes that readers know. Chance
 * rarely makes such a shape, and each of them can make foreign words look signed.
 */
import { FOREIGN_MARK, lines, multipart } from './mime.ts'
import { type Random } from './random.ts'

/** `entity` with a foreign text before it, behind it or among its parts. */
export function wrapped(random: Random, entity: string): string {
  const foreign = lines('Content-Type: text/plain', '', FOREIGN_MARK)
  const whole = entity.trimEnd()
  const mixed = (...parts: readonly string[]): string =>
    multipart('multipart/mixed; boundary=m', 'm', parts)
  switch (random.int(6)) {
    case 0:
    case 3:
      return mixed(whole, foreign)
    case 1:
      return mixed(foreign, whole)
    case 2:
      // The parts of the envelope beside a text, as Exchange leaves them.
      return entity.replace(
        /^Content-Type: multipart\/\w+;[^\r\n]*boundary=(\w)\r\n\r\n/,
        (_, name) =>
          lines(
            `Content-Type: multipart/mixed; boundary=${String(name)}`,
            '',
            `--${String(name)}`,
            foreign,
            ''
          )
      )
    default:
      // One part too many.
      return whole.replace(/--(\w)--$/, (_, name) =>
        lines(`--${String(name)}`, foreign, `--${String(name)}--`, '')
      )
  }
}

/** The same signature packet with a note in its unhashed part, which anybody can put there (RFC 9580 §5.2.3). */
export function withNote(packet: Buffer): Buffer {
  const at = 6 + packet.readUInt16BE(4)
  const note = Buffer.of(2, 100, 120)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(packet.readUInt16BE(at) + note.length)
  return Buffer.concat([packet.subarray(0, at), length, note, packet.subarray(at + 2)])
}
