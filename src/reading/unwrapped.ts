/**
 * Forms without PGP/MIME: inline PGP, cleartext signatures, one encrypted file attached to plain words (mail.md §1.3).
 * They are read so that nobody is unheard, told apart by their structure, and can never carry commands.
 */
import { type Attachment, type Structure, type WarningCode } from '../domain/mail.ts'
import { makeAttachment, readContent } from '../mime/content.ts'
import { capText, contentOf, decodeText, textOf } from '../mime/leaf.ts'
import { selectPieces } from '../mime/pieces.ts'
import { type MimeTree, type Part } from '../mime/tree.ts'
import { readArmor, toBinary } from '../openpgp/armor.ts'
import { type OpenContext, openMessage } from '../openpgp/open.ts'
import { looksEncrypted } from '../openpgp/prescan.ts'
import { verifyDetached } from '../openpgp/verify.ts'
import { readCleartext } from './cleartext.ts'
import { findCipherAttachment, findOnlyText } from './envelope.ts'
import { NOT_SEALED, type Peeled, withReach } from './layers.ts'

/** A mail read from one of these forms, text and all. */
export type Unwrapped = Pick<
  Peeled,
  'structure' | 'isEncrypted' | 'isDecrypted' | 'failure' | 'sealing' | 'signatures'
> & {
  readonly text: string
  readonly outsideText: string
  readonly attachments: readonly Attachment[]
  readonly warnings: readonly WarningCode[]
}

/** Reads `mail` as inline PGP, cleartext-signed or file-encrypted; null when it is none of them. */
export async function unwrap(mail: MimeTree, context: OpenContext): Promise<Unwrapped | null> {
  const leaf = findOnlyText(mail)
  const text = leaf === null ? '' : (await textOf(mail, leaf)).text
  if (leaf !== null) {
    const found =
      (await unwrapInline(mail, leaf, text, context)) ??
      (await unwrapCleartext(mail, text, context))
    if (found !== null) return found
  }
  const cipher = findCipherAttachment(mail)
  return cipher === null ? null : unwrapAttachment(mail, cipher, context)
}

async function unwrapInline(
  mail: MimeTree,
  leaf: Part,
  text: string,
  context: OpenContext
): Promise<Unwrapped | null> {
  const armor = readArmor(text)
  if (armor?.kind !== 'message' || armor.before !== '' || !looksEncrypted(armor.data)) return null
  const attachments = attachmentsOf(mail)
  const isAlone = armor.after === '' && attachments.length === 0
  const outside = { text: armor.after, isAlone }
  const opened = await openCipher('inline', armor.data, outside, context)
  if (opened.data === null) return { ...opened.reading, attachments: [] }
  const decoded = await decodeText(opened.data, charsetFor(opened.data, leaf))
  const capped = capText(decoded.text)
  const warnings: WarningCode[] = []
  if (decoded.isDamaged) warnings.push('undecodable-text')
  if (decoded.isTruncated || capped.isTruncated) warnings.push('text-truncated')
  const all = [...opened.reading.warnings, ...selectPieces(mail, mail.root).warnings, ...warnings]
  const isErrant = attachments.some((attachment) => looksEncrypted(attachment.content))
  return {
    ...opened.reading,
    text: capped.text,
    attachments,
    // The block itself is the one encrypted text there is; only further ones are errant.
    warnings: all.filter((code) => code !== 'errant-crypto' || isErrant)
  }
}

async function unwrapCleartext(
  mail: MimeTree,
  text: string,
  context: OpenContext
): Promise<Unwrapped | null> {
  const cleartext = readCleartext(text)
  if (cleartext === null) return null
  const judged = await verifyDetached(cleartext.signedBytes, cleartext.signature, context)
  const attachments = attachmentsOf(mail)
  const coversWhole = cleartext.after === '' && attachments.length === 0
  const isLimit = judged.kind === 'limit'
  const capped = capText(`${cleartext.text.trimEnd()}\n`)
  const outside: WarningCode[] = cleartext.after === '' ? [] : ['outside-text']
  const truncated: WarningCode[] = capped.isTruncated ? ['text-truncated'] : []
  return {
    structure: 'inline',
    isEncrypted: false,
    isDecrypted: false,
    failure: isLimit ? 'limit' : null,
    sealing: NOT_SEALED,
    signatures: isLimit ? [] : withReach(judged.verdicts, coversWhole),
    text: capped.text,
    outsideText: capText(cleartext.after).text,
    attachments,
    warnings: ['cleartext-signature', ...outside, ...truncated]
  }
}

async function unwrapAttachment(
  mail: MimeTree,
  cipher: Part,
  context: OpenContext
): Promise<Unwrapped | null> {
  const closed = contentOf(mail, cipher)
  const binary = toBinary(closed)
  if (binary === null) return null
  const content = await readContent(mail, mail.root, false)
  const cipherIndex = content.attachments.findIndex((attachment) =>
    closed.equals(attachment.content)
  )
  const others = content.attachments.filter((_, index) => index !== cipherIndex)
  const text = content.text.trim()
  const outside = { text, isAlone: text === '' && others.length === 0 }
  const opened = await openCipher('attachment', binary.data, outside, context)
  if (opened.data === null) return { ...opened.reading, attachments: others }
  const name = cipher.filename.replace(/\.(?:asc|gpg|pgp)$/i, '')
  if (isText(opened.data)) {
    const capped = capText((await decodeText(opened.data, 'utf-8')).text)
    const truncated: WarningCode[] = capped.isTruncated ? ['text-truncated'] : []
    const warnings = [...opened.reading.warnings, ...truncated]
    return { ...opened.reading, text: capped.text, attachments: others, warnings }
  }
  const sent = { filename: name, type: 'application/octet-stream' }
  return { ...opened.reading, attachments: [makeAttachment(opened.data, sent, 1), ...others] }
}

type OpenedCipher = { readonly reading: Unwrapped; readonly data: Uint8Array | null }

/** What stands beside a block: readable text, and whether that is empty and no file is there either. */
type Outside = { readonly text: string; readonly isAlone: boolean }

/** Opens one block; everything but the text is filled in. Its signatures cover the whole only where it stands alone. */
async function openCipher(
  structure: Structure,
  data: Uint8Array,
  outside: Outside,
  context: OpenContext
): Promise<OpenedCipher> {
  const opening = await openMessage(data, context)
  const isOpen = opening.kind === 'opened'
  const warnings: WarningCode[] = outside.text === '' ? [] : ['outside-text']
  const reading: Unwrapped = {
    structure,
    isEncrypted: true,
    isDecrypted: isOpen,
    failure: isOpen ? null : opening.because,
    sealing: opening.sealing,
    signatures: isOpen ? withReach(opening.verdicts, outside.isAlone) : [],
    text: '',
    outsideText: capText(outside.text).text,
    attachments: [],
    warnings
  }
  return { reading, data: isOpen ? opening.data : null }
}

function attachmentsOf(mail: MimeTree): Attachment[] {
  return selectPieces(mail, mail.root)
    .pieces.filter((piece) => piece.kind === 'attachment' && !piece.part.isOpaque)
    .map(({ part }, index) => makeAttachment(contentOf(mail, part), part, index + 1))
}

/** Inline PGP does not say its charset: UTF-8 where it can be, else what the leaf around it declares. */
function charsetFor(data: Uint8Array, leaf: Part): string {
  return isText(data) ? 'utf-8' : (leaf.params.get('charset') ?? '')
}

function isText(data: Uint8Array): boolean {
  if (data.includes(0)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(data)
    return true
  } catch {
    return false
  }
}
