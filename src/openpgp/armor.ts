/**
 * ASCII armor (RFC 9580 §6.2) read strictly: exactly one block, with the text around it handed back, because a reader
 * that skips to "the first block anywhere" is how text gets signed or encrypted by appearance only (mail.md §1.3).
 * The optional CRC-24 is ignored, as RFC 9580 §6.1 demands; integrity comes from the packets.
 */

/** What a block claims to hold. */
export type ArmorKind = 'message' | 'public-key' | 'private-key' | 'signature'

/** One block and what stands around it. `before` and `after` are trimmed. */
export type ArmorBlock = {
  readonly kind: ArmorKind
  readonly data: Uint8Array
  readonly before: string
  readonly after: string
}

const BEGIN = '-----BEGIN PGP '
const LABELS: Readonly<Record<string, ArmorKind>> = {
  MESSAGE: 'message',
  'PUBLIC KEY BLOCK': 'public-key',
  'PRIVATE KEY BLOCK': 'private-key',
  SIGNATURE: 'signature'
}
const ARMOR_HEADER_LINES_MAX = 50
const BODY = /^[A-Za-z0-9+/\s]*(?:=\s*){0,2}$/
const CHECKSUM = /=[A-Za-z0-9+/]{4}$/

/** The only armored block in `text`, or null when there is none, more than one, or it is malformed. */
export function readArmor(text: string): ArmorBlock | null {
  const begin = findLine(text, BEGIN, 0)
  if (begin < 0) return null
  const firstLine = lineAt(text, begin)
  const label = /^-----BEGIN PGP ([A-Z ]+)-----$/.exec(firstLine.text.trimEnd())?.[1] ?? ''
  const kind = LABELS[label]
  if (kind === undefined) return null
  const bodyStart = skipArmorHeaders(text, firstLine.next)
  if (bodyStart < 0) return null
  const endLine = `-----END PGP ${label}-----`
  const end = findLine(text, endLine, bodyStart)
  if (end < 0 || findLine(text, BEGIN, bodyStart) >= 0) return null
  const data = decodeBody(text.slice(bodyStart, end))
  if (data === null) return null
  const after = text.slice(end + endLine.length).trim()
  return { kind, data, before: text.slice(0, begin).trim(), after }
}

/** Binary packets from bytes that are either packets already (RFC 9580 §4.2: first bit set) or one armored block. */
export function toBinary(
  data: Uint8Array | string
): { readonly kind: ArmorKind | 'binary'; readonly data: Uint8Array } | null {
  if (typeof data !== 'string' && ((data[0] ?? 0) & 0x80) !== 0) return { kind: 'binary', data }
  if (typeof data === 'string') return readArmor(data)
  const { buffer, byteOffset, byteLength } = data
  return readArmor(Buffer.from(buffer, byteOffset, byteLength).toString('latin1'))
}

function findLine(text: string, start: string, from: number): number {
  for (let at = text.indexOf(start, from); at >= 0; at = text.indexOf(start, at + 1)) {
    if (at === 0 || text[at - 1] === '\n') return at
  }
  return -1
}

function lineAt(text: string, start: number): { readonly text: string; readonly next: number } {
  const end = text.indexOf('\n', start)
  return end < 0
    ? { text: text.slice(start), next: text.length }
    : { text: text.slice(start, end), next: end + 1 }
}

/** Index of the first base64 line, or -1 when the mandatory empty line is missing. */
function skipArmorHeaders(text: string, from: number): number {
  let at = from
  for (let count = 0; count < ARMOR_HEADER_LINES_MAX && at < text.length; count += 1) {
    const line = lineAt(text, at)
    if (line.text.trim() === '') return line.next
    if (!/^[A-Za-z0-9-]{1,40}:/.test(line.text)) return -1
    at = line.next
  }
  return -1
}

/** Some mail programs glue the checksum to the last line, so only its form counts: `=` and four characters at the end. */
function decodeBody(body: string): Uint8Array | null {
  const base64 = body.trimEnd().replace(CHECKSUM, '')
  return BODY.test(base64) ? new Uint8Array(Buffer.from(base64, 'base64')) : null
}
