/**
 * ASCII armor (RFC 9580 §6.2), read strictly: exactly one block, returned with the text around it. A reader that skips to "the
 * first block anywhere" lets text only look signed or encrypted (mail.md §1.3). Ignores the optional CRC-24 on reading, as RFC
 * 9580 §6.1 demands; the packets protect integrity.
 */
import { TAG, walkPackets } from './packets.ts'

/** What a block claims to hold. */
export type ArmorKind = 'message' | 'public-key' | 'private-key' | 'signature'

/** One block and the text around it. `before` and `after` are trimmed. */
export type ArmorBlock = {
  readonly kind: ArmorKind
  readonly data: Uint8Array
  /** The single `Charset:` header (RFC 9580 §6.2.2.3) as sent: the declared charset of the text; '' when absent or repeated. */
  readonly charset: string
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
/** The first line and the armor headers, up to the mandatory empty line. */
const HEAD =
  /-----BEGIN PGP ([A-Z ]+)-----[^\S\n]*\n((?:[A-Za-z0-9-]{1,40}:.*\r?\n){0,49})[^\S\n]*\n/y
/** A message of the desk has a session key for its one recipient, and the encrypted data. */
const PACKETS_MAX = 4
const BODY = /^[A-Za-z0-9+/\s]*(?:=\s*){0,2}$/
const CHECKSUM = /=[A-Za-z0-9+/]{4}$/

/** The single armored block in `text`; null when there is none, when there are several, or when it is malformed. */
export function readArmor(text: string): ArmorBlock | null {
  const begin = findLine(text, BEGIN, 0)
  if (begin < 0) return null
  HEAD.lastIndex = begin
  const [head = '', label = '', headers = ''] = HEAD.exec(text) ?? []
  const kind = LABELS[label]
  if (kind === undefined) return null
  const bodyStart = begin + head.length
  const endLine = `-----END PGP ${label}-----`
  const end = findLine(text, endLine, bodyStart)
  if (end < 0 || findLine(text, BEGIN, bodyStart) >= 0) return null
  const data = decodeBody(text.slice(bodyStart, end))
  if (data === null) return null
  const after = text.slice(end + endLine.length).trim()
  const before = text.slice(0, begin).trim()
  return { kind, data, charset: charsetIn(headers), before, after }
}

/** Binary packets from bytes that are either packets already (RFC 9580 §4.2: first bit set) or one armored block. */
export function toBinary(
  data: Uint8Array | string
): (Pick<ArmorBlock, 'data' | 'charset'> & { readonly kind: ArmorKind | 'binary' }) | null {
  if (typeof data !== 'string' && ((data[0] ?? 0) & 0x80) !== 0) {
    return { kind: 'binary', data, charset: '' }
  }
  return typeof data === 'string' ? readArmor(data) : readArmorIn(data)
}

/** Like {@link readArmor}, for a file. Makes a string only when it may contain a block: files are large and rarely armored. */
export function readArmorIn(file: Uint8Array): ArmorBlock | null {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  return bytes.includes(BEGIN) ? readArmor(bytes.toString('latin1')) : null
}

/**
 * The CRC-24 line of an encrypted message, for readers that reject armor without one; null for SEIPD version 2, where RFC 9580
 * §6.1 forbids it. The library's own code takes longer than encrypting.
 */
export function armorChecksum(packets: Uint8Array): string | null {
  const sealed = walkPackets(packets, PACKETS_MAX).spans.find(
    ({ tag }) => tag === TAG.encryptedIntegrity
  )
  if (sealed === undefined || packets[sealed.body] !== 1) return null
  let crc = CRC24_START
  for (const byte of packets) {
    crc = ((crc << 8) ^ (CRC24_TABLE[((crc >> 16) ^ byte) & 0xff] ?? 0)) & 0xffffff
  }
  const bytes = [crc >> 16, crc >> 8, crc].map((part) => part & 0xff)
  return `=${Buffer.from(bytes).toString('base64')}`
}

/** RFC 9580 §6.1.1. */
const CRC24_START = 0xb704ce
const CRC24_POLYNOMIAL = 0x864cfb
const CRC24_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 16
  for (let bit = 0; bit < 8; bit += 1) {
    crc <<= 1
    if ((crc & 0x1000000) !== 0) crc ^= 0x1000000 | CRC24_POLYNOMIAL
  }
  return crc
})

function charsetIn(headers: string): string {
  const found = headers.match(/^charset:.*$/gim) ?? []
  return found.length === 1 ? found.join('').slice('charset:'.length).trim() : ''
}

function findLine(text: string, start: string, from: number): number {
  for (let at = text.indexOf(start, from); at >= 0; at = text.indexOf(start, at + 1)) {
    if (at === 0 || text[at - 1] === '\n') return at
  }
  return -1
}

/** Some mail programs append the checksum to the last line, so only its form counts: `=` and four characters at the end. */
function decodeBody(body: string): Uint8Array | null {
  const base64 = body.trimEnd().replace(CHECKSUM, '')
  return BODY.test(base64) ? new Uint8Array(Buffer.from(base64, 'base64')) : null
}
