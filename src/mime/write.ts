/**
 * Writes MIME entities: the body of an outgoing message and the multiparts for signatures and ciphertext. Responsible for
 * structure and boundaries; write-header.ts checks the values. Must never write Cc, Bcc or HTML. RFC 2045, RFC 2046; RFC 3156
 * §4 and §5 for the OpenPGP multiparts.
 */
import { randomBytes } from 'node:crypto'
import * as base64 from 'nodemailer/lib/base64'
import { encode, wrap } from 'nodemailer/lib/qp'
import { type OutgoingAttachment, type OutgoingBody } from '../domain/outgoing.ts'
import { type HeaderField, headerField, parameter } from './write-header.ts'

/** A MIME entity before it is written: its type stands apart, so that a root can take further parameters. */
export type Entity = {
  /** `type/subtype` in lower case. */
  readonly mediaType: string
  /** Formatted parameters, each beginning with `; `. */
  readonly parameters: string
  /** Further structural fields: Content-Transfer-Encoding, Content-Disposition, Content-Description. */
  readonly fields: readonly HeaderField[]
  /** The content in order, byte for byte. */
  readonly content: readonly Uint8Array[]
}

const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/
const CRLF = Buffer.from('\r\n')

/**
 * The body as one entity: a single text part, or multipart/mixed of the text, the files (base64, byte for byte) and the
 * original as message/rfc822 in 8bit. With an original, only for the inside of an encrypted message.
 */
export function bodyEntity(body: OutgoingBody, lastLine: string): Entity {
  const files = [
    ...body.attachments.map(attachmentEntity),
    ...(body.original === null ? [] : [originalEntity(body.original)])
  ]
  const text = textEntity(lastLine === '' ? body.text : `${body.text}\n${lastLine}\n`)
  return files.length === 0 ? text : multipart('mixed', '', [text, ...files])
}

/** A text/plain part in UTF-8. */
export function textEntity(text: string): Entity {
  const { encoding, lines } = encodeText(text)
  return {
    mediaType: 'text/plain',
    parameters: '; charset=utf-8',
    fields: [headerField('Content-Transfer-Encoding', encoding)],
    content: [Buffer.from(lines, 'latin1')]
  }
}

/** The two parts of RFC 3156 §4 around an armored OpenPGP message. */
export function encryptedEntity(armored: string): Entity {
  const version: Entity = {
    mediaType: 'application/pgp-encrypted',
    parameters: '',
    fields: [headerField('Content-Description', 'PGP/MIME version identification')],
    content: [Buffer.from('Version: 1\r\n')]
  }
  const data: Entity = {
    mediaType: 'application/octet-stream',
    parameters: parameter('name', 'encrypted.asc'),
    fields: [
      headerField('Content-Description', 'OpenPGP encrypted message'),
      headerField('Content-Disposition', `inline${parameter('filename', 'encrypted.asc')}`)
    ],
    content: [armorBytes(armored)]
  }
  return multipart('encrypted', parameter('protocol', 'application/pgp-encrypted'), [version, data])
}

/**
 * RFC 3156 §5: `signed` exactly as it was hashed (headers included, no CRLF at the end) and its armored detached signature.
 * `micalg` is `pgp-` and the hash algorithm of the signature packet.
 */
export function signedEntity(signed: Uint8Array, armored: string, micalg: string): Entity {
  const signature: Entity = {
    mediaType: 'application/pgp-signature',
    parameters: parameter('name', 'signature.asc'),
    fields: [
      headerField('Content-Description', 'OpenPGP digital signature'),
      headerField('Content-Disposition', `attachment${parameter('filename', 'signature.asc')}`)
    ],
    content: [armorBytes(armored)]
  }
  const parameters = parameter('micalg', micalg) + parameter('protocol', signature.mediaType)
  return joined('signed', parameters, [[signed], entityChunks(signature, [], '')])
}

/**
 * The entity as bytes, with the `leading` fields first. `rootParameters` (each beginning with `; `) stand between the type and
 * the entity's own parameters.
 */
export function writeEntity(
  entity: Entity,
  leading: readonly HeaderField[],
  rootParameters: string
): Uint8Array {
  return Buffer.concat(entityChunks(entity, leading, rootParameters))
}

function attachmentEntity(file: OutgoingAttachment): Entity {
  // Base64 is not allowed for message/* and multipart/* (RFC 2045 §6.4), and a malformed type must not lose the file.
  const usable =
    MEDIA_TYPE.test(file.contentType) && !/^(?:message|multipart)\//.test(file.contentType)
  return {
    mediaType: usable ? file.contentType : 'application/octet-stream',
    parameters: '',
    fields: [
      headerField('Content-Transfer-Encoding', 'base64'),
      headerField(
        'Content-Disposition',
        `attachment${parameter('filename', safeFilename(file.filename))}`
      )
    ],
    content: [encodeBase64(file.content)]
  }
}

function originalEntity(original: Uint8Array): Entity {
  return {
    mediaType: 'message/rfc822',
    parameters: '',
    fields: [
      headerField('Content-Transfer-Encoding', '8bit'),
      headerField('Content-Disposition', `attachment${parameter('filename', 'original.eml')}`)
    ],
    content: [original]
  }
}

/** No path, no control character, never empty. Foreign names were cleaned on reading; this is a second check. */
function safeFilename(filename: string): string {
  const cleaned = filename
    .replaceAll(/[\u0000-\u001f\u007f-\u009f/\\]/g, '_')
    .trim()
    .slice(0, 200)
  return cleaned === '' || cleaned === '.' || cleaned === '..' ? 'attachment' : cleaned
}

function multipart(subtype: string, parameters: string, parts: readonly Entity[]): Entity {
  return joined(
    subtype,
    parameters,
    parts.map((part) => entityChunks(part, [], ''))
  )
}

/** Parts stay lists of chunks, so that a large file is copied only when the whole message is written. */
function joined(
  subtype: string,
  parameters: string,
  parts: readonly (readonly Uint8Array[])[]
): Entity {
  const boundary = unusedBoundary(parts.flat())
  const content: Uint8Array[] = []
  for (const part of parts) {
    content.push(Buffer.from(`--${boundary}\r\n`), ...part, CRLF)
  }
  content.push(Buffer.from(`--${boundary}--\r\n`))
  const full = `${parameters}${parameter('boundary', boundary)}`
  return { mediaType: `multipart/${subtype}`, parameters: full, fields: [], content }
}

/**
 * 160 random bits after `=_`, which neither base64 nor quoted-printable can contain; checked anyway. It cannot span two chunks,
 * because every chunk ends with a line or is followed by CRLF.
 */
function unusedBoundary(chunks: readonly Uint8Array[]): string {
  for (;;) {
    const boundary = `=_${randomBytes(20).toString('hex')}`
    const occurs = chunks.some((chunk) =>
      Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).includes(boundary)
    )
    if (!occurs) return boundary
  }
}

function entityChunks(
  entity: Entity,
  leading: readonly HeaderField[],
  rootParameters: string
): Uint8Array[] {
  const type = headerField(
    'Content-Type',
    `${entity.mediaType}${rootParameters}${entity.parameters}`
  )
  const head = [...leading, type, ...entity.fields].join('\r\n')
  return [Buffer.from(`${head}\r\n\r\n`, 'latin1'), ...entity.content]
}

/** With CRLF line ends and none at the end. */
function armorBytes(armored: string): Uint8Array {
  return Buffer.from(armored.trimEnd().replaceAll(/\r?\n/g, '\r\n'), 'latin1')
}

// Transfer encodings of what the desk writes: text as 7bit or quoted-printable, files as base64. Writes only lines that no
// relay has a reason to change: at most 76 columns, CRLF, no blank at the end, no line that begins with `From `, US-ASCII only.
// RFC 2045 §6.7 and §6.8, RFC 3156 §3.

/** One encoded leaf. `lines` are US-ASCII with CRLF between them and no CRLF added at the end. */
type EncodedText = {
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
    : { encoding: 'quoted-printable', lines: quotedPrintable(lines.join('\r\n')) }
}

/** `content` in base64, 76 columns a line, CRLF after every line but the last. */
export function encodeBase64(content: Uint8Array): Uint8Array {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  return Buffer.from(base64.wrap(bytes.toString('base64'), LINE), 'latin1')
}

/** Some mail systems alter `From ` and a lone dot at the start of a line; each of the two escapes takes two columns more. */
function quotedPrintable(text: string): string {
  return wrap(encode(text), LINE - 2)
    .replaceAll(/^From /gm, '=46rom ')
    .replaceAll(/^\.(?=\r?$)/gm, '=2E')
}
