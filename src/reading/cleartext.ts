/**
 * Cleartext signatures (RFC 9580 §7) taken apart by our own strict rule: nothing before, nothing odd in the armor
 * header, one signature. They never carry commands (mail.md §1.3); the text is shown and the signature named.
 */
import { readArmor } from '../openpgp/armor.ts'

/** The signed text and nothing more, the exact bytes that were signed, the signature and what follows it. */
export type Cleartext = {
  readonly text: string
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  readonly after: string
}

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'
const SIGNATURE = '\n-----BEGIN PGP SIGNATURE-----'

/** Reads text (LF line ends) that is exactly one cleartext-signed message, possibly with a footer; null otherwise. */
export function readCleartext(text: string): Cleartext | null {
  const trimmed = text.trimStart()
  if (!trimmed.startsWith(`${BEGIN}\n`)) return null
  const start = skipHeaders(trimmed, BEGIN.length + 1)
  const end = trimmed.indexOf(SIGNATURE, Math.max(start - 1, 0))
  if (start < 0 || end < 0 || trimmed.indexOf(BEGIN, start) >= 0) return null
  const armor = readArmor(trimmed.slice(end + 1))
  if (armor?.kind !== 'signature' || armor.before !== '') return null
  const body = trimmed.slice(start, Math.max(start, end))
  if (/^-(?! )/m.test(body)) return null // every line that begins with a dash must be escaped
  // RFC 9580 §7.2: trailing blanks are not signed, so they are not shown either; line ends are CRLF.
  const lines = body.split('\n').map((line) => trimBlanks(line.replace(/^- /, '')))
  return {
    text: lines.join('\n'),
    signedBytes: Buffer.from(lines.join('\r\n'), 'utf8'),
    signature: armor.data,
    after: armor.after
  }
}

/** Index after the empty line; -1 unless every armor header is `Hash:`. */
function skipHeaders(text: string, from: number): number {
  let at = from
  for (let count = 0; count < 10; count += 1) {
    const newline = text.indexOf('\n', at)
    if (newline < 0) return -1
    const line = text.slice(at, newline).trim()
    if (line === '') return newline + 1
    if (!/^Hash: [A-Za-z0-9, -]{1,100}$/.test(line)) return -1
    at = newline + 1
  }
  return -1
}

function trimBlanks(line: string): string {
  let end = line.length
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end -= 1
  return line.slice(0, end)
}
