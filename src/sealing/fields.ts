/**
 * The header fields of one outgoing message, inside and outside its encryption. Controls what others on the way can read:
 * outside an encrypted message stand the desk under its own name, the recipient's bare address, the date, the ids and a neutral
 * subject; names of people stay inside. Must never write Cc or Bcc. RFC 9788 (header protection), RFC 3834 §5 (Auto-Submitted),
 * RFC 5322 §3.6; Autocrypt level 1.
 */
import { type Address } from '../domain/address.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { type OutgoingHeaders } from '../domain/outgoing.ts'
import { formatMailDate } from '../domain/time.ts'
import {
  type HeaderField,
  type HeaderValue,
  headerField,
  headerValue,
  mailbox,
  messageIdList,
  unstructured
} from '../mime/write-header.ts'

/** What every message says about the desk. */
export type DeskFace = {
  /** Display name of the desk itself. */
  readonly name: string
  readonly address: Address
  readonly fingerprint: Fingerprint
  /** The desk's binary certificate, stripped, for the Autocrypt header. */
  readonly publicKey: Uint8Array
}

/** The two header blocks of a message. `outer` lacks only the Content-* fields; `inner` goes into the payload. */
export type HeaderBlocks = {
  readonly outer: readonly HeaderField[]
  readonly inner: readonly HeaderField[]
}

type Field = readonly [name: string, value: HeaderValue]

/** Autocrypt level 1 allows 10 KiB for the whole header; a larger certificate is omitted. */
const AUTOCRYPT_BYTES_MAX = 7000

/**
 * Blocks for an encrypted message: all fields inside, neutral ones outside, and each outer field recorded inside as HP-Outer
 * (RFC 9788 §2.2). Throws Invariant for a control character in any value.
 */
export function sealedBlocks(headers: OutgoingHeaders, desk: DeskFace): HeaderBlocks {
  const hidden: OutgoingHeaders = {
    ...headers,
    fromName: desk.name,
    subject: headers.outerSubject,
    to: { name: '', address: headers.to.address }
  }
  const shown = fields(hidden, desk)
  const record = shown.map(([name, value]) => headerField('HP-Outer', `${name}: ${value}`))
  const real = fields(headers, desk)
  return { outer: [...written(shown), ...unprotected(desk)], inner: [...written(real), ...record] }
}

/** Blocks for a message that is signed but readable by everybody: the same fields inside and outside. */
export function clearBlocks(headers: OutgoingHeaders, desk: DeskFace): HeaderBlocks {
  const both = written(fields(headers, desk))
  return { outer: [...both, ...unprotected(desk)], inner: both }
}

function fields(headers: OutgoingHeaders, desk: DeskFace): Field[] {
  const { inReplyTo, references, autoSubmitted } = headers
  const list: Field[] = [
    ['From', mailbox({ name: headers.fromName, address: desk.address })],
    ['Reply-To', headerValue(desk.address)],
    ['To', mailbox(headers.to)],
    ['Date', headerValue(formatMailDate(headers.date))],
    ['Message-ID', messageIdList([headers.messageId])],
    ['Subject', unstructured(headers.subject)]
  ]
  if (inReplyTo !== null) list.push(['In-Reply-To', messageIdList([inReplyTo])])
  if (references.length > 0) list.push(['References', messageIdList(references)])
  if (autoSubmitted !== 'no') {
    list.push(['Auto-Submitted', headerValue(autoSubmitted)])
    list.push(['X-Auto-Response-Suppress', headerValue('All')])
  }
  list.push(['X-Postern-Loop', headerValue(desk.address)])
  list.push([
    'OpenPGP',
    headerValue(`id=${desk.fingerprint.toUpperCase()}; preference=signencrypt`)
  ])
  return list
}

/** Programs read the Autocrypt header only from outside, so it is not repeated inside; MIME-Version is structural. */
function unprotected(desk: DeskFace): HeaderField[] {
  const version = headerField('MIME-Version', '1.0')
  if (desk.publicKey.byteLength === 0 || desk.publicKey.byteLength > AUTOCRYPT_BYTES_MAX) {
    return [version]
  }
  const digits =
    Buffer.from(desk.publicKey)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  const value = `addr=${desk.address}; keydata= ${digits.join(' ')}`
  return [headerField('Autocrypt', value), version]
}

function written(list: readonly Field[]): HeaderField[] {
  return list.map(([name, value]) => headerField(name, value))
}
