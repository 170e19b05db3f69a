/**
 * Forms without PGP/MIME: inline PGP, cleartext signatures, one encrypted file attached to plain text (mail.md §1.3). They are
 * read so that no report is lost, told apart by their structure, and can never carry commands.
 */
import { isUtf8 } from 'node:buffer'
import {
  type Attachment,
  type OpenedMail,
  type Structure,
  type WarningCode
} from '../domain/mail.ts'
import { makeAttachment, readContent, toAttachment } from '../mime/content.ts'
import { type HeaderReading } from '../mime/header.ts'
import { capText, contentOf, decodeText, keepsAscii, type LeafText, textOf } from '../mime/leaf.ts'
import { selectPieces } from '../mime/pieces.ts'
import { type MimeTree, type Part } from '../mime/tree.ts'
import { type ArmorBlock, readArmor, readArmorIn, toBinary } from '../openpgp/armor.ts'
import { type OpenContext, openMessage } from '../openpgp/open.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'
import { verifyDetached } from '../openpgp/verify.ts'
import { findCipherAttachment, findOnlyText } from './envelope.ts'
import { type Inside, NOTHING_INSIDE } from './keys-inside.ts'
import { CLEAR, parsePayload, placed } from './layers.ts'
import { readMarkedInside, readNamesInside } from './names-inside.ts'

/** What was read of a message, before its facts are combined. */
export type Reading = typeof CLEAR &
  Pick<
    OpenedMail,
    'text' | 'outsideText' | 'attachments' | 'warnings' | 'innerFacts' | 'namesInside'
  > & {
    /** The protected header, which only PGP/MIME has. */
    readonly header: HeaderReading | null
    /** What was encrypted together with a signature, read as a MIME entity; empty when there is none. */
    readonly inside: Inside
  }

/** The reading of a message of which nothing was read. */
export const UNREAD: Reading = {
  ...CLEAR,
  text: '',
  outsideText: '',
  attachments: [],
  warnings: [],
  header: null,
  innerFacts: null,
  namesInside: null,
  inside: NOTHING_INSIDE
}

const ARMORED_MESSAGE = '-----BEGIN PGP MESSAGE-----'

/** Reads the message as inline PGP, cleartext-signed or file-encrypted; null when it has another form. */
export async function unwrap(mail: MimeTree, context: OpenContext): Promise<Reading | null> {
  const leaf = findOnlyText(mail)
  if (leaf === null) return unwrapFile(mail, context)
  const read = await textOf(mail, leaf)
  const armor = await inlineArmor(mail, leaf, read)
  return (
    (armor === null ? null : await unwrapInline(mail, leaf, armor, context)) ??
    (await unwrapCleartext(mail, read.text, context)) ??
    (await unwrapFile(mail, context)) ??
    (armor === null ? closedInline(mail, read) : null)
  )
}

async function unwrapFile(mail: MimeTree, context: OpenContext): Promise<Reading | null> {
  const cipher = findCipherAttachment(mail)
  return cipher === null ? null : unwrapAttachment(mail, cipher, context)
}

async function unwrapInline(
  mail: MimeTree,
  leaf: Part,
  armor: ArmorBlock,
  context: OpenContext
): Promise<Reading | null> {
  if (armor.kind !== 'message' || armor.before !== '' || !looksEncrypted(armor.data)) return null
  const beside = { text: armor.after, ...readBeside(mail) }
  const { reading, data } = await openCipher('inline', armor.data, beside, context)
  if (data === null) return reading
  return withText(reading, data, charsetFor(data, leaf.params.get('charset') ?? ''))
}

async function withText(reading: Reading, data: Uint8Array, charset: string): Promise<Reading> {
  const decoded = await decodeText(data, charset)
  const { text, isTruncated } = capText(decoded.text)
  const warnings = [...reading.warnings]
  if (decoded.isDamaged) warnings.push('undecodable-text')
  if (decoded.isTruncated || isTruncated) warnings.push('text-truncated')
  return { ...reading, text, warnings }
}

/** The single block of a text; of a text that was cut, read from its bytes. */
async function inlineArmor(mail: MimeTree, leaf: Part, read: LeafText): Promise<ArmorBlock | null> {
  if (!read.isTruncated) return readArmor(read.text)
  const armor = readArmorIn(contentOf(mail, leaf))
  if (armor === null) return null
  const after = Buffer.from(armor.after, 'latin1')
  return { ...armor, after: (await decodeText(after, leaf.params.get('charset') ?? '')).text }
}

/**
 * A text that begins like an encrypted message but holds no readable one: it was not sent in clear, so it is not reported as
 * clear. A complete text is shown as somebody's text, so that nothing is lost.
 */
function closedInline(mail: MimeTree, { text, isTruncated }: LeafText): Reading | null {
  if (!text.trimStart().startsWith(ARMORED_MESSAGE)) return null
  const { attachments, warnings } = readBeside(mail)
  const outside: WarningCode[] = isTruncated ? [] : ['outside-text']
  return {
    ...UNREAD,
    structure: 'inline',
    encrypted: true,
    failure: isTruncated ? 'limit' : 'damaged',
    outsideText: isTruncated ? '' : capText(text).text,
    attachments,
    warnings: [...outside, ...warnings]
  }
}

async function unwrapCleartext(
  mail: MimeTree,
  text: string,
  context: OpenContext
): Promise<Reading | null> {
  const cleartext = readCleartext(text)
  if (cleartext === null) return null
  const judged = await verifyDetached(cleartext.signedBytes, cleartext.signature, context)
  const { attachments, warnings } = readBeside(mail)
  const coversWhole = cleartext.after === '' && attachments.length === 0
  const isLimit = judged.kind === 'limit'
  const capped = capText(`${cleartext.text.trimEnd()}\n`)
  const outside: WarningCode[] = cleartext.after === '' ? [] : ['outside-text']
  const truncated: WarningCode[] = capped.isTruncated ? ['text-truncated'] : []
  return {
    ...UNREAD,
    structure: 'inline',
    failure: isLimit ? 'limit' : null,
    signatures: isLimit ? [] : placed(judged.verdicts, { coversWhole, isInside: false }),
    text: capped.text,
    outsideText: capText(cleartext.after).text,
    attachments,
    warnings: ['cleartext-signature', ...outside, ...warnings, ...truncated]
  }
}

async function unwrapAttachment(
  mail: MimeTree,
  cipher: Part,
  context: OpenContext
): Promise<Reading | null> {
  const closed = contentOf(mail, cipher)
  const binary = toBinary(closed)
  if (binary === null) return null
  const content = await readContent(mail, mail.root, false)
  const cipherIndex = content.attachments.findIndex((attachment) =>
    closed.equals(attachment.content)
  )
  const attachments = content.attachments.filter((_, index) => index !== cipherIndex)
  const warnings = withoutOwn(content.warnings, attachments, content.text)
  const beside = { text: content.text.trim(), attachments, warnings }
  const { reading, data } = await openCipher('attachment', binary.data, beside, context)
  if (data === null) return reading
  if (isText(data)) return withText(reading, data, 'utf-8')
  // The given name stands outside the encryption: beside a signature it would look signed although anybody on the way can
  // change it, so it is not used then.
  const given = cipher.filename.replace(/\.(?:asc|gpg|pgp)$/i, '')
  const isDropped = reading.signatures.length > 0 && given !== ''
  const sent = { filename: isDropped ? '' : given, type: 'application/octet-stream' }
  return {
    ...reading,
    attachments: [makeAttachment(data, sent, 1), ...attachments],
    warnings: isDropped ? [...reading.warnings, 'unsigned-filename'] : reading.warnings
  }
}

type OpenedCipher = { readonly reading: Reading; readonly data: Uint8Array | null }

/** The text and the files beside a block, and the problems of the message around it. */
type Beside = Pick<Reading, 'text' | 'attachments' | 'warnings'>

/** Opens one block and fills in all but the text. Its signatures cover the whole only if it stands alone. */
async function openCipher(
  structure: Structure,
  data: Uint8Array,
  beside: Beside,
  context: OpenContext
): Promise<OpenedCipher> {
  const opening = await openMessage(data, context)
  const closed: Reading = {
    ...UNREAD,
    structure,
    encrypted: true,
    sealing: opening.sealing,
    outsideText: capText(beside.text).text,
    attachments: beside.attachments,
    warnings: [...(beside.text === '' ? [] : (['outside-text'] as const)), ...beside.warnings]
  }
  if (opening.kind === 'failed') {
    return { reading: { ...closed, failure: opening.because }, data: null }
  }
  const { verdicts } = opening
  const coversWhole = beside.text === '' && beside.attachments.length === 0
  const payload = parsePayload(opening.data)
  const reading: Reading = {
    ...closed,
    decrypted: true,
    signatures: placed(verdicts, { coversWhole, isInside: true }),
    innerFacts: readMarkedInside(payload),
    // In a file, a header more often belongs to a patch or a sample than to another sender's message.
    namesInside: structure === 'attachment' ? null : readNamesInside(payload),
    inside: verdicts.length === 0 ? NOTHING_INSIDE : await readInside(payload)
  }
  return { reading, data: opening.data }
}

/** The text and the files of a decrypted block, whether it is a MIME entity, plain text or a file. */
async function readInside(payload: MimeTree): Promise<Inside> {
  const { text, attachments } = await readContent(payload, payload.root, false)
  return { text, files: [...attachments.map(({ content }) => content), payload.raw] }
}

function readBeside(mail: MimeTree): Pick<Reading, 'attachments' | 'warnings'> {
  const { pieces, warnings } = selectPieces(mail, mail.root)
  const attachments = pieces
    .filter((piece) => piece.kind === 'attachment')
    .map(({ part }, index) => toAttachment(mail, part, index + 1))
  return { attachments, warnings: withoutOwn(warnings, attachments, '') }
}

/** The block is the one encrypted text; only further ones, in files or in the text beside it, are errant. */
function withoutOwn(
  warnings: ReadonlySet<WarningCode>,
  attachments: readonly Attachment[],
  text: string
): WarningCode[] {
  const isErrant =
    text.includes(ARMORED_MESSAGE) ||
    attachments.some(({ content }) => {
      const binary = toBinary(content)
      return binary !== null && looksEncrypted(binary.data)
    })
  return [...warnings].filter((code) => code !== 'errant-crypto' || isErrant)
}

/**
 * The charset of a decrypted text. `outer`, the charset of the surrounding part, is not protected: any mail program on the way
 * can change it and turn signed bytes into other words (mail.md §1.3, §2.23). So UTF-8 if the bytes are valid, else `outer` if
 * it keeps ASCII.
 */
function charsetFor(data: Uint8Array, outer: string): string {
  return isText(data) ? 'utf-8' : keepsAscii(outer) ? outer : ''
}

function isText(data: Uint8Array): boolean {
  return isUtf8(data) && !data.includes(0)
}

// Cleartext signatures (RFC 9580 §7), parsed by our own strict rule: nothing before, nothing unusual in the armor headers, one
// signature. They never carry commands (mail.md §1.3); the text is shown and the signature named.

/** The signed text alone, the exact bytes that were signed, the signature and the text after it. */
type Cleartext = {
  readonly text: string
  readonly signedBytes: Uint8Array
  readonly signature: Uint8Array
  readonly after: string
}

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'
/** The first line and the armor headers, of which only `Hash:` is allowed, with the empty line behind them. */
const HEAD = new RegExp(
  `^${BEGIN}\\n(?:[ \\t]*Hash: [A-Za-z0-9, -]{1,100}[ \\t\\r]*\\n){0,9}[ \\t\\r]*\\n`
)
const SIGNATURE = '\n-----BEGIN PGP SIGNATURE-----'

/** Parses text (LF line ends) that is exactly one cleartext-signed message, possibly with a footer; null otherwise. */
function readCleartext(text: string): Cleartext | null {
  const trimmed = text.trimStart()
  const start = HEAD.exec(trimmed)?.[0].length ?? 0
  const end = trimmed.indexOf(SIGNATURE, start - 1)
  if (start === 0 || end < 0 || trimmed.indexOf(BEGIN, start) >= 0) return null
  const armor = readArmor(trimmed.slice(end + 1))
  if (armor?.kind !== 'signature' || armor.before !== '') return null
  const body = trimmed.slice(start, Math.max(start, end))
  if (/^-(?! )/m.test(body)) return null // every line that begins with a dash must be escaped
  // RFC 9580 §7.2: trailing blanks are not signed, so they are not shown; line ends are CRLF.
  const lines = body
    .split('\n')
    .map((line) => line.replace(/^- /, '').replace(/(?<![ \t])[ \t]+$/, ''))
  return {
    text: lines.join('\n'),
    signedBytes: Buffer.from(lines.join('\r\n'), 'utf8'),
    signature: armor.data,
    after: armor.after
  }
}
