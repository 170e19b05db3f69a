/**
 * Recognises forms without PGP/MIME: inline PGP, cleartext signatures, encrypted files and whatever else is sealed. They are read
 * so that no report is lost, told apart by their structure, and can never carry commands. Must never decrypt or verify.
 */
import { isAscii } from 'node:buffer'
import { contentOf, decodeText, keepsAscii, type LeafText, textOf } from '../mime/leaf.ts'
import { ARMORED_MESSAGE, selectPieces } from '../mime/pieces.ts'
import { bareLeaf, type Part } from '../mime/tree.ts'
import { type ArmorBlock, readArmor } from '../openpgp/armor.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'
import { type Envelope, readRegions } from './envelope.ts'
import { charsetFor, charsetOf, type Found, findSealed, readInline } from './sealed.ts'

/**
 * Inline PGP, a cleartext signature, or what else in the message is sealed: the first part of it, wherever it stands. Null for a
 * message in another form.
 */
export function recogniseOldForm(mail: Part): Envelope | null {
  const leaf = findOnlyText(mail)
  const read = leaf === null ? null : textOf(leaf)
  const whole =
    leaf === null || read === null
      ? null
      : (recogniseInline(mail, leaf, inlineArmor(leaf, read)) ??
        recogniseCleartext(mail, leaf, read))
  return whole ?? recogniseSealed(mail) ?? (leaf && read && recogniseClosed(mail, leaf, read))
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
    ...around(mail, new Map([[leaf, armor.after]])),
    structure: 'inline',
    cipher: armor.data,
    read: readInline(leaf),
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
    ...around(mail, new Map([[leaf, isTruncated ? '' : text]])),
    structure: 'inline',
    cipher: isTruncated ? 'limit' : 'damaged',
    read: (data) => bareLeaf(data, mail.tree.budget),
    isRewrapped: true
  }
}

/** What is signed are the bytes as they came: decoded they are others, in any charset but UTF-8. */
function recogniseCleartext(mail: Part, leaf: Part, read: LeafText): Envelope | null {
  const sent = read.isTruncated ? null : cleartextIn(mail, leaf, contentOf(leaf), charsetOf(leaf))
  // In a charset that writes ASCII in another way, the block is seen only when it is decoded.
  return sent ?? cleartextIn(mail, leaf, Buffer.from(read.text), 'utf-8')
}

function cleartextIn(mail: Part, leaf: Part, bytes: Buffer, charset: string): Envelope | null {
  const text = bytes.toString('latin1').replaceAll(/\r\n?/g, '\n')
  // Below a greeting, which it does not cover. A quoted one is not at the start of a line.
  const start = text.startsWith(BEGIN) ? 0 : text.indexOf(`\n${BEGIN}`) + 1
  const before = text.slice(0, start).trim()
  const cleartext = readCleartext(text.slice(start))
  if (cleartext === null) return null
  const rest = [before, cleartext.after].filter((part) => part !== '').join('\n\n')
  const said = Buffer.from(cleartext.text, 'latin1')
  // ISO-2022-JP is written in ASCII.
  const isDeclared = isAscii(said) && keepsAscii(charset)
  return {
    ...around(mail, new Map([[leaf, decodeText(Buffer.from(rest, 'latin1'), charset).text]])),
    structure: 'inline',
    warnings: ['cleartext-signature'],
    signed: cleartext.signedBytes,
    signature: cleartext.signature,
    payload: bareLeaf(said, mail.tree.budget, 'text/plain', {
      charset: isDeclared ? charset : charsetFor(said, charset)
    })
  }
}

const STRUCTURES = {
  part: 'pgp-mime-mangled',
  text: 'inline',
  html: 'inline',
  file: 'attachment',
  message: 'clear'
} as const

/** The first sealed part of a message, with everything else outside of it. */
function recogniseSealed(mail: Part): Envelope | null {
  const found = findSealed([mail]).find(
    (each) => each.place !== 'message' && each.isBeside !== true && isMain(mail, each)
  )
  return found === undefined ? null : envelopeOf(mail, found)
}

/** A part in a form that the desk cannot open is the message only where people read nothing else of it. */
function isMain(mail: Part, { cipher, instead }: Found): boolean {
  if (cipher !== 'unsupported') return true
  return readRegions([{ roots: [mail], instead: new Map(instead) }]).text === ''
}

/** A sealed part as an envelope of its own. */
function envelopeOf(mail: Part, { place, cipher, instead, read }: Found): Envelope {
  return {
    ...around(mail, new Map(instead)),
    structure: cipher === 'unsupported' ? 'clear' : STRUCTURES[place],
    warnings: place === 'part' ? ['mangled'] : [],
    cipher,
    read,
    isRewrapped: true
  }
}

/** What stands around what is taken. A signature inside covers the whole message only when nothing does. */
function around(
  mail: Part,
  instead: ReadonlyMap<Part, string>
): Pick<Envelope, 'outside' | 'warnings' | 'coversWhole'> {
  const outside = { roots: [mail], instead }
  const { text, attachments } = readRegions([outside])
  return { outside, warnings: [], coversWhole: text === '' && attachments.length === 0 }
}

// Cleartext signatures (RFC 9580 §7), parsed by our own strict rule: nothing before, nothing unusual in the armor headers, one
// signature. They never carry commands; the text is shown and the signature named.

const BEGIN = '-----BEGIN PGP SIGNED MESSAGE-----'
/** The first line and the armor headers, of which only `Hash:` is allowed, with the empty line behind them. */
const HEAD = new RegExp(
  `^${BEGIN}\\n(?:[ \\t]*Hash: [A-Za-z0-9, -]{1,100}[ \\t\\r]*\\n){0,9}[ \\t\\r]*\\n`
)
const SIGNATURE = '\n-----BEGIN PGP SIGNATURE-----'

/** Bytes as Latin-1 (LF line ends) that are one cleartext-signed message, and the bytes signed, or null; a footer may follow. */
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
    signedBytes: Buffer.from(lines.join('\r\n'), 'latin1'),
    signature: armor.data,
    after: armor.after
  }
}
