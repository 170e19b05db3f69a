/**
 * Reads and writes mail for the people of the tests, by hand and without any of Postern's code, so that a mistake in
 * Postern cannot hide behind the same mistake here (RFC 2045–2047, RFC 5322). Trusting: for mail of the tests only.
 */
import { randomBytes } from 'node:crypto'
import { decodeWords } from 'postal-mime'

export { decodeWords }

export type Attachment = {
  readonly filename: string
  readonly contentType: string
  readonly content: Uint8Array
}

/** One entity. `headers` has lower-case names, values unfolded but not decoded, in order. */
export type Part = {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** The whole entity as it stood. */
  readonly raw: Buffer
}

export type ContentType = {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
}

/** A header block and body; the body is empty when there is no blank line. */
export function splitPart(raw: Uint8Array): Part {
  const bytes = Buffer.from(raw)
  const crlf = bytes.indexOf('\r\n\r\n')
  const lf = bytes.indexOf('\n\n')
  const useCrlf = crlf !== -1 && (lf === -1 || crlf < lf)
  const end = useCrlf ? crlf : lf
  const head = bytes.subarray(0, end === -1 ? bytes.length : end).toString('utf8')
  const headers: (readonly [string, string])[] = []
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.push([line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()])
  }
  return {
    headers,
    body: end === -1 ? Buffer.alloc(0) : bytes.subarray(end + (useCrlf ? 4 : 2)),
    raw: bytes
  }
}

/** The first value of a header, '' when absent. */
export function headerOf(part: Part, name: string): string {
  return part.headers.find(([key]) => key === name.toLowerCase())?.[1] ?? ''
}

/** Content-Type with its parameters; quotes removed; `text/plain` when absent. */
export function contentTypeOf(part: Part): ContentType {
  return parseParameters(headerOf(part, 'content-type') || 'text/plain')
}

/** The direct children of a multipart, exact bytes between the boundary lines; [] for anything else. */
export function childrenOf(part: Part): Part[] {
  const { type, parameters } = contentTypeOf(part)
  const boundary = parameters['boundary']
  if (!type.startsWith('multipart/') || boundary === undefined) return []
  const text = `\r\n${part.body.toString('latin1')}`
  const pieces = text.split(
    new RegExp(`\\r?\\n--${boundary.replaceAll(/[^A-Za-z0-9]/g, '\\$&')}(?=--|[ \\t]*\\r?\\n|$)`)
  )
  const children: Part[] = []
  for (const piece of pieces.slice(1)) {
    if (piece.startsWith('--')) break
    children.push(splitPart(Buffer.from(piece.replace(/^[ \t]*\r?\n/, ''), 'latin1')))
  }
  return children
}

/** The body with its transfer encoding undone. */
export function decodedBody(part: Part): Buffer {
  const encoding = headerOf(part, 'content-transfer-encoding').toLowerCase()
  if (encoding === 'base64') return Buffer.from(part.body.toString('latin1'), 'base64')
  if (encoding !== 'quoted-printable') return part.body
  const text = part.body.toString('latin1').replaceAll(/=[ \t]*\r?\n/g, '')
  return Buffer.from(
    text.replaceAll(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16))
    ),
    'latin1'
  )
}

/** First text/plain leaf (LF line ends) and every other leaf as an attachment; message/rfc822 is not descended. */
export function contentOf(part: Part): { text: string; attachments: Attachment[] } {
  const attachments: Attachment[] = []
  let text: string | null = null
  const queue = [part]
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { type, parameters } = contentTypeOf(next)
    const disposition = parseParameters(headerOf(next, 'content-disposition'))
    if (type.startsWith('multipart/')) {
      queue.unshift(...childrenOf(next))
    } else if (type === 'text/plain' && text === null && disposition.type !== 'attachment') {
      const decoder = new TextDecoder(parameters['charset'] ?? 'utf-8')
      text = decoder.decode(decodedBody(next)).replaceAll('\r\n', '\n')
    } else {
      attachments.push({
        filename: decodeWords(disposition.parameters['filename'] ?? parameters['name'] ?? ''),
        contentType: type,
        content: decodedBody(next)
      })
    }
  }
  return { text: text ?? '', attachments }
}

/** A header value that may hold any text: ASCII stays, the rest becomes base64 encoded words (RFC 2047). */
export function encodeWords(value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value
  const words: string[] = []
  let chunk = ''
  for (const character of value) {
    if (Buffer.byteLength(chunk + character) > 42) {
      words.push(chunk)
      chunk = ''
    }
    chunk += character
  }
  words.push(chunk)
  return words.map((word) => `=?UTF-8?B?${Buffer.from(word).toString('base64')}?=`).join('\r\n ')
}

/** Bytes as base64 lines of 76 characters, CRLF. */
export function base64Lines(content: Uint8Array): string {
  return (
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\r\n')
}

/** A boundary of the shape Thunderbird writes. */
export function newBoundary(): string {
  return `------------${randomBytes(18).toString('base64').replaceAll(/[+/=]/g, 'x')}`
}

/** The bare address in a From, To or Reply-To value. */
export function addressIn(value: string): string {
  return /<([^<>]+)>\s*$/.exec(value)?.[1] ?? value.trim()
}

function parseParameters(value: string): ContentType {
  const parameters: Record<string, string> = {}
  const [type = '', ...rest] = value.match(/(?:"(?:\\.|[^"\\])*"|[^;"])+/g) ?? []
  for (const item of rest) {
    const equals = item.indexOf('=')
    if (equals === -1) continue
    const raw = item.slice(equals + 1).trim()
    parameters[item.slice(0, equals).trim().toLowerCase()] = raw.startsWith('"')
      ? raw.slice(1, -1).replaceAll(/\\(.)/g, '$1')
      : raw
  }
  return { type: type.trim().toLowerCase(), parameters }
}

/** A delivery status notification about the message with this Message-ID; it did not arrive, unless said otherwise. */
export function bounceOf(id: string, status = '5.1.1', action = 'failed'): string {
  return [
    'Return-Path: <>',
    'From: MAILER-DAEMON <mailer-daemon@people.example>',
    'To: security@acme.example',
    'Subject: Undelivered Mail',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    '',
    '--b\r\nContent-Type: text/plain\r\n\r\nIt failed.',
    '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n',
    `Final-Recipient: rfc822; x@people.example\r\nAction: ${action}\r\nStatus: ${status}\r\n`,
    `--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <${id}>\r\n`,
    '--b--\r\n'
  ].join('\r\n')
}
