/**
 * Recognises forms without PGP/MIME: inline PGP, cleartext signatures, one encrypted file attached to plain text. They are read
 * so that no report is lost, told apart by their structure, and can never carry commands. Must never decrypt or verify.
 */
import { isUtf8 } from 'node:buffer'
import { readContent } from '../mime/content.ts'
import { contentOf, decodeText, keepsAscii, type LeafText, textOf } from '../mime/leaf.ts'
import { ARMORED_MESSAGE, selectPieces } from '../mime/pieces.ts'
import { bareLeaf, type Part } from '../mime/tree.ts'
import { type ArmorBlock, readArmor, toBinary } from '../openpgp/armor.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'
import { besideOf, type Envelope } from './envelope.ts'

/** Inline PGP, a cleartext signature or an encrypted file; null for a message in another form. */
export function recogniseOldForm(mail: Part): Envelope | null {
  const leaf = findOnlyText(mail)
  if (leaf === null) return recogniseFile(mail)
  const read = textOf(leaf)
  const armor = inlineArmor(leaf, read)
  return (
    recogniseInline(mail, leaf, armor) ??
    recogniseCleartext(mail, leaf, read.text) ??
    recogniseFile(mail) ??
    (armor === null ? recogniseClosed(mail, leaf, read) : null)
  )
}

/** The single text leaf that is all people would read of this message; else null. */
function findOnlyText(mail: Part): Part | null {
  const readable = selectPieces(mail).pieces.filter(({ kind }) => kind !== 'attachment')
  const [only] = readable
  return only?.kind === 'text' && readable.length === 1 ? only.part : null
}

/** The single block of a text; of a text that was cut, read from its bytes. */
function inlineArmor(leaf: Part, read: LeafText): ArmorBlock | null {
  if (!read.isTruncated) return readArmor(read.text)
  const armor = readArmor(contentOf(leaf))
  if (armor === null) return null
  const after = Buffer.from(armor.after, 'latin1')
  return { ...armor, after: decodeText(after, charsetOf(leaf)).text }
}

function recogniseInline(mail: Part, leaf: Part, armor: ArmorBlock | null): Envelope | null {
  if (armor?.kind !== 'message' || armor.before !== '' || !looksEncrypted(armor.data)) return null
  return {
    ...around(mail, leaf, armor.after),
    structure: 'inline',
    cipher: armor.data,
    read: (data) =>
      bareLeaf(data, mail.tree.budget, 'text/plain', {
        charset: charsetFor(data, charsetOf(leaf))
      }),
    isRewrapped: true
  }
}

/**
 * A text that begins like an encrypted message but holds no readable one: it was not sent in clear, so it is not reported as
 * clear. A complete text is shown as somebody's text, so that nothing is lost.
 */
function recogniseClosed(mail: Part, leaf: Part, { text, isTruncated }: LeafText): Envelope | null {
  if (!text.trimStart().startsWith(ARMORED_MESSAGE)) return null
  return {
    ...around(mail, leaf, isTruncated ? '' : text),
    structure: 'inline',
    cipher: isTruncated ? 'limit' : 'damaged',
    read: (data) => bareLeaf(data, mail.tree.budget),
    isRewrapped: true
  }
}

function recogniseCleartext(mail: Part, leaf: Part, text: string): Envelope | null {
  const cleartext = readCleartext(text)
  if (cleartext === null) return null
  const { beside, coversWhole } = around(mail, leaf, cleartext.after)
  return {
    structure: 'inline',
    beside: { ...beside, warnings: ['cleartext-signature', ...beside.warnings] },
    coversWhole,
    signed: cleartext.signedBytes,
    signature: cleartext.signature,
    payload: bareLeaf(Buffer.from(cleartext.text), mail.tree.budget, 'text/plain', {
      charset: 'utf-8'
    })
  }
}

/**
 * The single ciphertext file of a message with only plain text beside it: somebody encrypted a file and attached it. Null for
 * every other shape, above all with HTML (EFAIL).
 */
function recogniseFile(mail: Part): Envelope | null {
  const { pieces } = selectPieces(mail)
  const ciphers = pieces.filter(({ kind, part }) => kind === 'attachment' && isCipherFile(part))
  const [only, ...more] = ciphers
  const isAlone = pieces.every(
    (piece) => piece === only || piece.kind === 'text' || piece.part.type === 'application/pgp-keys'
  )
  const isPlain = ['multipart/mixed', only?.part.type].includes(mail.type)
  if (only === undefined || more.length > 0 || !isAlone || !isPlain) return null
  const name = only.part.filename.replace(/\.(?:asc|gpg|pgp)$/i, '')
  return {
    ...around(mail, only.part, ''),
    structure: 'attachment',
    cipher: toBinary(contentOf(only.part))?.data ?? 'damaged',
    read: (data) =>
      isText(data)
        ? bareLeaf(data, mail.tree.budget, 'text/plain', { charset: 'utf-8' })
        : bareLeaf(data, mail.tree.budget, 'application/octet-stream', { name }),
    isRewrapped: true
  }
}

function isCipherFile(part: Part): boolean {
  if (part.children.length > 0 || part.isOpaque || part.type.startsWith('message/')) return false
  const content = contentOf(part)
  if (((content[0] ?? 0) & 0x80) !== 0) {
    const isNamed = /\.(?:gpg|pgp)$/i.test(part.filename) || part.type.startsWith('application/pgp')
    return isNamed && looksEncrypted(content)
  }
  const armor = readArmor(content)
  return armor?.kind === 'message' && armor.before === '' && looksEncrypted(armor.data)
}

/** What stands around the block in `leaf`. A signature in the block covers the whole message only when nothing does. */
function around(mail: Part, leaf: Part, after: string): Pick<Envelope, 'beside' | 'coversWhole'> {
  const { text, attachments, warnings } = readContent(mail, false, leaf)
  const beside = besideOf(after === '' ? text.trim() : after, attachments, warnings)
  return { beside, coversWhole: beside.text === '' && attachments.length === 0 }
}

function charsetOf(leaf: Part): string {
  return leaf.params.get('charset') ?? ''
}

/**
 * The charset of a decrypted text. `outer`, the charset of the surrounding part, is not protected: any mail program on the way
 * can change it and turn signed bytes into other words. So UTF-8 if the bytes are valid, else `outer` if it keeps ASCII.
 */
function charsetFor(data: Uint8Array, outer: string): string {
  return isText(data) ? 'utf-8' : keepsAscii(outer) ? outer : ''
}

function isText(data: Uint8Array): boolean {
  return isUtf8(data) && !data.includes(0)
}

// Cleartext signatures (RFC 9580 §7), parsed by our own strict rule: nothing before, nothing unusual in the armor headers, one
// signature. They never carry commands; the text is shown and the signature named.

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'
/** The first line and the armor headers, of which only `Hash:` is allowed, with the empty line behind them. */
const HEAD = new RegExp(
  `^${BEGIN}\\n(?:[ \\t]*Hash: [A-Za-z0-9, -]{1,100}[ \\t\\r]*\\n){0,9}[ \\t\\r]*\\n`
)
const SIGNATURE = '\n-----BEGIN PGP SIGNATURE-----'

/** Text (LF line ends) that is exactly one cleartext-signed message, and the exact bytes signed, or null; a footer may follow. */
function readCleartext(text: string) {
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
