/**
 * From a body and a recipient to a finished message, encrypted to its one key or refused (G3, G5); also the signed message
 * that everybody may read. Defines the layout: RFC 3156 outside, RFC 9788 header protection inside. Outside an encrypted
 * message stand the desk under its own name, the recipient's bare address, the date, the ids and a neutral subject; names of
 * people stay inside. Must never write Cc or Bcc, never put two recipients into one message and never return an unencrypted
 * body. RFC 3834 §5 (Auto-Submitted), RFC 5322 §3.6; Autocrypt level 1.
 */
import { createHash } from 'node:crypto'
import { type Contact } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import {
  type OutgoingBody,
  type OutgoingHeaders,
  type Sealed,
  type SealTo
} from '../domain/outgoing.ts'
import { formatMailDate, type Instant } from '../domain/time.ts'
import {
  bodyEntity,
  encryptedEntity,
  fileEntities,
  piecesOf,
  signedEntity,
  textEntity,
  writeEntity
} from '../mime/write.ts'
import * as header from '../mime/write-header.ts'
import { type Pieces } from '../openpgp/encrypt.ts'
import { type SecretKey } from '../openpgp/keyring.ts'
import { sealMessage, sealOnce, signDetached } from '../openpgp/seal.ts'
import { armorAround, armorLines, armorMessage } from './armor.ts'

/** The signing desk: what every message says about it, and its unlocked key. */
export type DeskIdentity = Contact & {
  /** The desk's binary certificate, stripped, for the Autocrypt header. */
  readonly publicKey: Uint8Array
  readonly signer: SecretKey
}

/** RFC 9788 §2.1, and the older `protected-headers` for programs that know only that. */
const CONFIDENTIAL = '; protected-headers="v1"; hp="cipher"'
const SIGNED_ONLY = '; protected-headers="v1"; hp="clear"'
/** Stands where the armor is written. */
const NOTHING = new Uint8Array()

/**
 * The finished message to each recipient, signed and encrypted as of `now`, or why the key was refused; one after the other,
 * because each needs several times its size in memory. Copies of a shared body all end in the same line. Throws Trouble
 * `desk-key` when the desk cannot sign, Invariant on unclean headers.
 */
export async function sealCopies(
  body: OutgoingBody,
  copies: readonly SealTo[],
  desk: DeskIdentity,
  now: Instant
): Promise<Sealed[]> {
  if (body.isShared === true) return sealShared(body, copies, desk, now)
  const files = fileEntities(body)
  const sealed: Sealed[] = []
  for (const to of copies) {
    const { inner } = sealedBlocks(to.headers, desk)
    const payload = piecesOf(bodyEntity(body, to.lastLine, files), inner, CONFIDENTIAL)
    sealed.push(await sealAlone(payload, to, desk, now))
  }
  return sealed
}

async function sealAlone(
  payload: Pieces,
  to: SealTo,
  desk: DeskIdentity,
  now: Instant
): Promise<Sealed> {
  const message = await sealMessage(payload, to, desk.signer, now)
  if (message.kind === 'refused') return message
  return { kind: 'sealed', raw: armorMessage(message.ciphertext, ...outside(to, desk)) }
}

/** Fields of one copy alone: a shared content does not have them. */
const OWN_FIELDS: readonly string[] = ['To', 'Message-ID']

/** Copies with one encrypted content, which is made and kept once, however many there are. */
async function sealShared(
  body: OutgoingBody,
  copies: readonly SealTo[],
  desk: DeskIdentity,
  now: Instant
): Promise<Sealed[]> {
  const [first] = copies
  if (first === undefined) return []
  const { lastLine } = first
  assert(
    copies.every((copy) => copy.lastLine === lastLine),
    'copies with one content differ'
  )
  const { inner } = sealedBlocks(first.headers, desk, OWN_FIELDS)
  const payload = piecesOf(bodyEntity(body, lastLine), inner, CONFIDENTIAL)
  const { packet, keys } = await sealOnce(payload, copies, desk.signer, now)
  const common = packet && armorLines(packet)
  const id = createHash('sha256')
    .update(common?.lines ?? '')
    .digest('hex')
  const sealed: Sealed[] = []
  for (const [index, to] of copies.entries()) {
    const own = keys[index] ?? { kind: 'alone' }
    if (own.kind === 'refused') sealed.push(own)
    else if (own.kind === 'alone' || common === null)
      sealed.push(await sealAlone(payload, to, desk, now))
    else {
      const { raw, at } = armorAround(own.key, common, ...outside(to, desk))
      sealed.push({ kind: 'sealed', raw, shared: { id, bytes: common.lines, at } })
    }
  }
  return sealed
}

/** What stands before and behind the armor. */
function outside({ headers }: SealTo, desk: DeskIdentity): [before: Pieces, after: Pieces] {
  const around = piecesOf(encryptedEntity(NOTHING), sealedBlocks(headers, desk).outer)
  const at = around.indexOf(NOTHING)
  return [around.slice(0, at), around.slice(at + 1)]
}

/**
 * A message signed by the desk and readable by everybody (RFC 3156 §5). Throws Trouble `desk-key` when the desk cannot sign,
 * Invariant on unclean headers.
 */
export async function signClearMail(
  text: string,
  headers: OutgoingHeaders,
  desk: DeskIdentity,
  now: Instant
): Promise<Uint8Array> {
  const both = written(fields(headers, desk))
  const signed = writeEntity(textEntity(text), both, SIGNED_ONLY)
  const { armored, micalg } = await signDetached(signed, desk.signer, now)
  return writeEntity(signedEntity(signed, armored, micalg), [...both, ...unprotected(desk)], '')
}

type Field = readonly [name: string, value: string]

/** Autocrypt level 1 allows 10 KiB for the whole header; a larger certificate is omitted. */
const AUTOCRYPT_BYTES_MAX = 7000

/**
 * The two header blocks of an encrypted message: all fields inside, neutral ones outside but the Content-* fields, and each outer
 * field recorded inside as HP-Outer (RFC 9788 §2.2). Those in `but` stand outside alone. Throws Invariant for a control character
 * in any value.
 */
function sealedBlocks(headers: OutgoingHeaders, desk: DeskIdentity, but: readonly string[] = []) {
  const hidden: OutgoingHeaders = {
    ...headers,
    fromName: desk.name,
    subject: headers.outerSubject,
    to: { name: '', address: headers.to.address }
  }
  const shown = fields(hidden, desk)
  const isInside = ([name]: Field): boolean => !but.includes(name)
  const record = shown
    .filter(isInside)
    .map(([name, value]) => header.headerField('HP-Outer', `${name}: ${value}`))
  const real = fields(headers, desk).filter(isInside)
  return { outer: [...written(shown), ...unprotected(desk)], inner: [...written(real), ...record] }
}

function fields(headers: OutgoingHeaders, desk: DeskIdentity): Field[] {
  const { inReplyTo, references, autoSubmitted } = headers
  const id = desk.signer.fingerprint.toUpperCase()
  const list: Field[] = [
    ['From', header.mailbox({ name: headers.fromName, address: desk.address })],
    ['Reply-To', desk.address],
    ['To', header.mailbox(headers.to)],
    ['Date', formatMailDate(headers.date)],
    ['Message-ID', header.messageIdList([headers.messageId])],
    ['Subject', header.unstructured(headers.subject)]
  ]
  if (inReplyTo !== null) list.push(['In-Reply-To', header.messageIdList([inReplyTo])])
  if (references.length > 0) list.push(['References', header.messageIdList(references)])
  if (autoSubmitted !== 'no') {
    list.push(['Auto-Submitted', autoSubmitted])
    list.push(['X-Auto-Response-Suppress', 'All'])
  }
  list.push(['X-Postern-Loop', desk.address])
  list.push(['OpenPGP', `id=${id}; preference=signencrypt`])
  return list
}

/** Programs read the Autocrypt header only from outside, so it is not repeated inside; MIME-Version is structural. */
function unprotected(desk: DeskIdentity): readonly header.HeaderField[] {
  const known = unprotectedOf.get(desk) ?? writeUnprotected(desk)
  unprotectedOf.set(desk, known)
  return known
}

/** They are the same in every message of a desk, and the key is long. */
const unprotectedOf = new WeakMap<DeskIdentity, readonly header.HeaderField[]>()

function writeUnprotected(desk: DeskIdentity): header.HeaderField[] {
  const version = header.headerField('MIME-Version', '1.0')
  if (desk.publicKey.byteLength === 0 || desk.publicKey.byteLength > AUTOCRYPT_BYTES_MAX)
    return [version]
  const digits = Buffer.from(desk.publicKey).toString('base64').replaceAll(/.{76}/g, '$& ').trim()
  const value = `addr=${desk.address}; keydata= ${digits}`
  return [header.headerField('Autocrypt', value), version]
}

function written(list: readonly Field[]): header.HeaderField[] {
  return list.map(([name, value]) => header.headerField(name, value))
}
