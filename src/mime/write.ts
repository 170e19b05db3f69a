/**
 * Writes MIME entities: the body of an outgoing message and the multiparts for signatures and ciphertext. Responsible for
 * structure and boundaries; write-header.ts checks the values. Must never write Cc, Bcc or HTML. RFC 2045, RFC 2046; RFC 3156
 * §4 and §5 for the OpenPGP multiparts.
 */
import { randomBytes } from 'node:crypto'
import { encode, wrap } from 'nodemailer/lib/qp'
import { type OutgoingAttachment, type OutgoingBody } from '../domain/outgoing.ts'
import { type HeaderField, headerField, parameter } from './write-header.ts'

/** A MIME entity before it is written. */
export type Entity = {
  /** The value of Content-Type, to which a root may add parameters. */
  readonly type: string
  /** Further structural fields: Content-Transfer-Encoding, Content-Disposition, Content-Description. */
  readonly fields: readonly HeaderField[]
  /** The content in order, byte for byte: in pieces, so that a large file is copied only when the whole message is written. */
  readonly content: readonly Uint8Array[]
}

/**
 * The body as one entity: a single text part, or multipart/mixed of the text, the files (base64, byte for byte) and the
 * original as message/rfc822 in 8bit. With an original, only for the inside of an encrypted message.
 */
export function bodyEntity(
  body: OutgoingBody,
  lastLine: string,
  files: readonly Entity[] = fileEntities(body)
): Entity {
  const text = textEntity(lastLine === '' ? body.text : `${body.text}\n${lastLine}\n`)
  return files.length === 0
    ? text
    : multipart(
        'mixed',
        '',
        [text, ...files].map((part) => piecesOf(part))
      )
}

/** The files of a body, encoded: once for all copies of it. */
export function fileEntities({ attachments, original }: OutgoingBody): readonly Entity[] {
  const files = attachments.map(attachmentEntity)
  return original === null
    ? files
    : [...files, file('message/rfc822', original, '8bit', 'original.eml')]
}

/** A text/plain part in UTF-8. */
export function textEntity(text: string): Entity {
  const { encoding, lines } = encodeText(text)
  return leaf('text/plain; charset=utf-8', Buffer.from(lines, 'latin1'), {
    'Transfer-Encoding': encoding
  })
}

/** The two parts of RFC 3156 §4 around an armored OpenPGP message. */
export function encryptedEntity(armored: Uint8Array): Entity {
  const protocol = 'application/pgp-encrypted'
  const version = leaf(protocol, Buffer.from('Version: 1\r\n'), {
    Description: 'PGP/MIME version identification'
  })
  const data = leaf('application/octet-stream; name="encrypted.asc"', armored, {
    Description: 'OpenPGP encrypted message',
    Disposition: 'inline; filename="encrypted.asc"'
  })
  return multipart(
    'encrypted',
    parameter('protocol', protocol),
    [version, data].map((part) => piecesOf(part))
  )
}

/**
 * RFC 3156 §5: `signed` exactly as it was hashed (headers included, no CRLF at the end) and its armored detached signature.
 * `micalg` is `pgp-` and the hash algorithm of the signature packet.
 */
export function signedEntity(signed: Uint8Array, armored: string, micalg: string): Entity {
  const protocol = 'application/pgp-signature'
  const lines = armored.trimEnd().replaceAll(/\r?\n/g, '\r\n')
  const signature = leaf(`${protocol}; name="signature.asc"`, Buffer.from(lines, 'latin1'), {
    Description: 'OpenPGP digital signature',
    Disposition: 'attachment; filename="signature.asc"'
  })
  const parameters = parameter('micalg', micalg) + parameter('protocol', protocol)
  return multipart('signed', parameters, [[signed], piecesOf(signature)])
}

/** The entity as bytes, with the `leading` fields first. `rootParameters` (each beginning with `; `) follow the entity's own. */
export function writeEntity(
  entity: Entity,
  leading: readonly HeaderField[],
  rootParameters: string
): Uint8Array {
  return Buffer.concat(piecesOf(entity, leading, rootParameters))
}

/** The same in pieces: a large file is not copied. */
export function piecesOf(
  { type, fields, content }: Entity,
  leading: readonly HeaderField[] = [],
  rootParameters = ''
): readonly Uint8Array[] {
  const head = [...leading, headerField('Content-Type', `${type}${rootParameters}`), ...fields]
  return [Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'utf8'), ...content]
}

function leaf(type: string, content: Uint8Array, fields: Readonly<Record<string, string>>): Entity {
  const written = Object.entries(fields).map(([name, value]) =>
    headerField(`Content-${name}`, value)
  )
  return { type, fields: written, content: [content] }
}

function file(type: string, content: Uint8Array, encoding: string, filename: string): Entity {
  return leaf(type, content, {
    'Transfer-Encoding': encoding,
    Disposition: `attachment${parameter('filename', filename)}`
  })
}

function attachmentEntity({ contentType, filename, content }: OutgoingAttachment): Entity {
  // Base64 is not allowed for message/* and multipart/* (RFC 2045 §6.4).
  const isComposite = /^(?:message|multipart)\//.test(contentType)
  const type = isComposite ? 'application/octet-stream' : contentType
  return file(type, encodeBase64(content), 'base64', filename)
}

function multipart(
  subtype: string,
  parameters: string,
  parts: readonly (readonly Uint8Array[])[]
): Entity {
  // 160 random bits after `=_`, which neither base64 nor quoted-printable can contain.
  const boundary = `=_${randomBytes(20).toString('hex')}`
  const delimiter = Buffer.from(`--${boundary}\r\n`)
  const content = parts.flatMap((part) => [delimiter, ...part, Buffer.from('\r\n')])
  return {
    type: `multipart/${subtype}${parameters}${parameter('boundary', boundary)}`,
    fields: [],
    content: [...content, Buffer.from(`--${boundary}--\r\n`)]
  }
}

// Transfer encodings of what the desk writes: text as 7bit or quoted-printable, files as base64. Writes only lines that no
// relay has a reason to change: at most 76 columns, CRLF, no blank at the end, no line that begins with `From `, US-ASCII only.
// RFC 2045 §6.7 and §6.8, RFC 3156 §3.

const LINE = 76
const PLAIN_LINE = /^(?!From )(?:[\t\x20-\x7e]{0,75}[\x21-\x7e])?$/

/** `text` (any line ends) for a text/plain part in UTF-8, without a CRLF added at the end. A lone surrogate becomes U+FFFD. */
export function encodeText(text: string): { readonly encoding: string; readonly lines: string } {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n')
  return lines.every((line) => PLAIN_LINE.test(line))
    ? { encoding: '7bit', lines: lines.join('\r\n') }
    : { encoding: 'quoted-printable', lines: quotedPrintable(lines.join('\r\n')) }
}

/** `content` in base64, so many columns a line (a multiple of 4), CRLF after every line but the last. */
export function encodeBase64(content: Uint8Array, columns = LINE): Uint8Array {
  const encoded = Buffer.allocUnsafe(base64Size(content.length, columns))
  writeBase64(encoded, 0, content, columns)
  return encoded.subarray(2)
}

/** What {@link writeBase64} writes for so many bytes; the two bytes of a CRLF for none. */
export function base64Size(bytes: number, columns: number): number {
  const digits = Math.ceil(bytes / 3) * 4
  return digits + 2 * Math.max(Math.ceil(digits / columns), 1)
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** The two digits of each 12 bits, the first in the lower byte. */
const PAIRS = Uint16Array.from(
  { length: 4096 },
  (_, bits) => DIGITS.charCodeAt(bits >> 6) | (DIGITS.charCodeAt(bits & 63) << 8)
)

/**
 * Writes `block` in base64 from `at` on, each line after a CRLF, and returns where it ends. By hand: to break the lines of what
 * Node encodes takes ten times as long.
 */
export function writeBase64(
  target: Uint8Array,
  at: number,
  block: Uint8Array,
  columns: number
): number {
  let to = at
  for (let from = 0; from < block.length; ) {
    target[to] = 0x0d
    target[to + 1] = 0x0a
    to += 2
    const end = Math.min(from + (columns * 3) / 4, block.length)
    for (; from + 3 <= end; from += 3) {
      const middle = block[from + 1] ?? 0
      const high = PAIRS[((block[from] ?? 0) << 4) | (middle >> 4)] ?? 0
      const low = PAIRS[((middle & 15) << 8) | (block[from + 2] ?? 0)] ?? 0
      target[to] = high
      target[to + 1] = high >> 8
      target[to + 2] = low
      target[to + 3] = low >> 8
      to += 4
    }
    if (from === end) continue
    const last = Buffer.from(Buffer.from(block.subarray(from, end)).toString('base64'))
    target.set(last, to)
    to += last.length
    from = end
  }
  return to
}

/** Some mail systems alter `From ` and a lone dot at the start of a line; each of the two escapes takes two columns more. */
function quotedPrintable(text: string): string {
  return wrap(encode(text), LINE - 2)
    .replaceAll(/^From /gm, '=46rom ')
    .replaceAll(/^\.(?=\r?$)/gm, '=2E')
}
