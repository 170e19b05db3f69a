/**
 * An opened message for `postern open`, as the contract JSON (DESIGN §5) and as a page for a terminal: what was received, what
 * was protected, who signed, what to distrust and why, and last the text. Every byte of the message is foreign: nothing may act
 * on the terminal, and none of its lines may look like a line of the page.
 */
import { type Contact } from '../domain/address.ts'
import { formatFingerprint } from '../domain/ids.ts'
import {
  type Attachment,
  type CandidateKey,
  explainSignature,
  FAILURES,
  type HeaderFacts,
  type OpenedMail,
  type Signature,
  type Structure,
  UNUSABLE,
  type UnusableKey,
  WARNINGS
} from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'

/**
 * The contract JSON of an opened message: addresses are addr-specs, the subject is the protected one if there is one, and
 * `failure` is absent when the message was read. From, To, Message-ID and date are the outer ones; compare `from-mismatch`.
 */
export function toOpenJson(opened: OpenedMail): Readonly<Record<string, unknown>> {
  const { outer } = opened
  return {
    structure: opened.structure,
    encrypted: opened.encrypted,
    decrypted: opened.decrypted,
    ...(opened.failure === null ? {} : { failure: opened.failure }),
    signatures: opened.signatures.map(({ state, stateThen, fingerprint, coversWhole }) => ({
      state,
      stateThen,
      fingerprint,
      coversWhole
    })),
    from: outer.from?.address ?? null,
    to: outer.to.map((contact) => contact.address),
    subject: subjectOf(opened),
    subjectProtected: opened.subjectProtected,
    messageId: outer.messageId,
    date: outer.date,
    text: opened.text,
    attachments: opened.attachments.map(({ filename, contentType, size, sha256 }) => ({
      filename,
      contentType,
      size,
      sha256
    })),
    autoSubmitted: isAutomatic(opened),
    bounce: opened.bounce !== null,
    warnings: opened.warnings
  }
}

function subjectOf(opened: OpenedMail): string {
  return opened.subjectProtected && opened.protected !== null
    ? opened.protected.subject
    : opened.outer.subject
}

function isAutomatic(opened: OpenedMail): boolean {
  const robots = ['auto-replied', 'auto-generated', 'bounce', 'receipt', 'loop'] as const
  return robots.some((kind) => opened.automatic.includes(kind))
}

/** `width` in columns, at least 40; `now` is the time at which keys were judged. */
type PageOptions = { readonly width: number; readonly now: Instant }

const LABEL_COLUMNS = 12
/** Deeper than the line with the hash of a file, so that a long file name cannot imitate one. */
const FILE_COLUMNS = 5
const CLAIMS_MAX = 10
const FORMS: Readonly<Record<Structure, string>> = {
  'pgp-mime': 'PGP/MIME (RFC 3156)',
  'pgp-mime-mangled': 'PGP/MIME, rearranged by a mail system',
  inline: 'inline PGP, the old form that protects only the text',
  attachment: 'plain text with one encrypted file attached',
  clear: 'ordinary message without OpenPGP'
}
const SEALED: Readonly<Record<OpenedMail['sealedTo'], string>> = {
  desk: 'a key of the desk',
  other: 'keys that the desk does not have',
  hidden: 'hidden recipients',
  nobody: 'nobody',
  unknown: 'not known'
}

/** The page. Every line of the message's own text stands behind a bar, every line of unprotected text behind question marks. */
export function toOpenPage(opened: OpenedMail, { width, now }: PageOptions): string {
  const columns = Math.max(width, 40)
  const text = gutter(opened.text, '│ ', columns)
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['RECEIVED', folded(arrived(opened), columns, LABEL_COLUMNS)],
    ['HEADER', folded(headerRows(opened), columns, LABEL_COLUMNS)],
    ['SIGNATURES', folded(signatureRows(opened, now), columns, LABEL_COLUMNS)],
    ['WHAT TO DISTRUST', folded(distrustLines(opened), columns, 1)],
    ['TEXT', text.length === 0 ? ['  None.'] : text],
    ['ATTACHMENTS', folded(opened.attachments.flatMap(fileLines), columns, FILE_COLUMNS)],
    [
      'TEXT OUTSIDE THE PROTECTED PART (author unverified)',
      gutter(opened.outsideText, '? ', columns)
    ]
  ]
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}\n${lines.join('\n')}\n`)
    .join('\n')
}

/** One line of a table; none when it would be empty. */
function row(label: string, value: string): string[] {
  return value === '' ? [] : [`${label.padEnd(LABEL_COLUMNS)} ${safe(value)}`]
}

/** Lines of the page, indented; continuation lines are indented by `hanging` columns more. */
function folded(lines: readonly string[], columns: number, hanging: number): string[] {
  return lines.flatMap((line) => wrap(`  ${line}`, columns, hanging + 2))
}

function arrived(opened: OpenedMail): string[] {
  const keys = opened.sealedToKeyIds.map((id) => (/^0+$/.test(id) ? 'hidden' : id))
  const named = keys.length === 0 ? '' : `: ${keys.join(', ')}`
  return [
    row('Form', FORMS[opened.structure]),
    row('Encryption', encryptionOf(opened)),
    row('Encrypted to', opened.encrypted ? `${SEALED[opened.sealedTo]}${named}` : ''),
    row('Automatic', opened.automatic.join(', ')),
    row('Delivery', opened.bounce === null ? '' : `it reports ${opened.bounce.action}`),
    ...opened.trace.results
      .slice(0, CLAIMS_MAX)
      .map(({ server, method, result, domain }) =>
        row('Claim', `${server} says ${method}=${result} ${domain}`.trimEnd())
      ),
    ...[...opened.candidateKeys, ...opened.unusableKeys].map((key) =>
      row('Key included', `${formatFingerprint(key.fingerprint)}${useOf(key)}`)
    )
  ].flat()
}

function useOf(key: CandidateKey | UnusableKey): string {
  return 'because' in key
    ? `, which cannot be used: ${UNUSABLE[key.because]}`
    : ` (${key.source}, for the sender’s address)`
}

function encryptionOf(opened: OpenedMail): string {
  if (opened.failure !== null) {
    return `Not opened: ${FAILURES[opened.failure]} [${opened.failure}]`
  }
  if (opened.decrypted) return 'It was encrypted, and it was decrypted here.'
  if (opened.warnings.includes('smime')) {
    return 'Not opened: S/MIME, which the desk does not read; it is not known whether it is encrypted.'
  }
  return opened.warnings.includes('errant-crypto')
    ? 'Not encrypted as a whole: it contains encrypted or signed parts, which were not opened; anybody on the way could read the rest.'
    : 'Not encrypted: anybody on the way could read it.'
}

/** Each field outside and inside, never merged (RFC 9788 §4). */
function headerRows(opened: OpenedMail): string[] {
  const { outer, protected: inner } = opened
  const insides = inner === null ? [] : fieldsOf(inner)
  const fields = fieldsOf(outer).map(([name, outside], index) => {
    const inside = insides[index]?.[1] ?? ''
    if (inside === '') return row(name, outside && `${outside} (outside)`)
    if (inside === outside) return row(name, `${inside} (outside and inside)`)
    return [row(name, `${inside} (inside)`), row('', `${outside || 'nothing'} (outside)`)].flat()
  })
  return [
    ...fields,
    row('Date', outer.date ?? 'unknown'),
    row('Message-ID', outer.messageId === null ? 'none' : `<${outer.messageId}>`),
    ...outer.references.slice(-1).map((id) => row('Answers', `<${id}>`)),
    row('Protection', protectionOf(opened))
  ].flat()
}

function protectionOf(opened: OpenedMail): string {
  if (opened.protected === null) {
    return 'none of these fields: anybody on the way could read and change all of them'
  }
  return opened.subjectProtected
    ? 'the fields inside were protected together with the text'
    : 'the fields inside are neither encrypted nor validly signed, so they prove no more than the fields outside'
}

function fieldsOf(facts: HeaderFacts): readonly (readonly [string, string])[] {
  return [
    ['Subject', facts.subject],
    ['From', senderOf(facts)],
    ['Reply-To', contactOf(facts.replyTo)],
    ['To', facts.to.map(contactOf).join(', ')],
    ['Cc', facts.cc.map(contactOf).join(', ')]
  ]
}

function senderOf({ from, unreadableFrom }: HeaderFacts): string {
  return from === null && unreadableFrom !== ''
    ? `${unreadableFrom} [not one readable address]`
    : contactOf(from)
}

function contactOf(contact: Contact | null): string {
  if (contact === null) return ''
  return contact.name === '' ? contact.address : `${contact.name} <${contact.address}>`
}

function signatureRows(opened: OpenedMail, now: Instant): string[] {
  if (opened.signatures.length === 0) return ['None: nothing proves who wrote it.']
  return opened.signatures.flatMap((signature, index) => {
    const made = signature.createdAt ?? 'not known'
    return [
      row(`${index + 1}.`, `${explainSignature(signature)} [${signature.state}]`),
      row('  Key', signerOf(signature)),
      row('  Made', `${made}, as the signature states; checked at ${now}`),
      row('  Covers', reachOf(signature, opened))
    ].flat()
  })
}

/** What a signature covers. Text beside the covered part is shown too, but nobody signed it. */
function reachOf({ coversWhole }: Signature, { outsideText }: OpenedMail): string {
  if (!coversWhole) return 'not the whole message'
  return outsideText === '' ? 'everything shown' : 'the text and the files, not the text outside'
}

function signerOf({ fingerprint, issuer }: Signature): string {
  if (fingerprint !== null) return formatFingerprint(fingerprint)
  return issuer === '' ? 'not named' : `unknown; the signature names ${issuer.toUpperCase()}`
}

function distrustLines(opened: OpenedMail): string[] {
  return [authorOf(opened), ...opened.warnings.map((code) => `${WARNINGS[code]} [${code}]`)].map(
    (line) => `! ${line}`
  )
}

function authorOf({ signatures, outsideText }: OpenedMail): string {
  const isProved = signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole)
  if (!isProved) {
    return 'No valid signature covers all of it, so anybody may have written it, whatever From says.'
  }
  const key =
    'A valid signature proves which key signed, not that its owner has the address in From: compare the fingerprint.'
  return outsideText === '' ? key : `${key} It proves nothing about the text outside.`
}

function fileLines({ filename, contentType, size, sha256 }: Attachment): string[] {
  return [`${safe(filename)}  ${safe(contentType)}  ${size} bytes`, `  sha256 ${sha256}`]
}

// Foreign text for a terminal: makes visible everything that could act on it, hide in it or reverse it, and keeps every line
// within its columns, so that no line of a message begins where a line of the page does. Must never drop a character.

/**
 * Control, format and separator characters, lone surrogates, characters that Unicode calls ignorable, and the blank Braille
 * cell: none of them is visible, and many of them have effects.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu
const TAB = ' '.repeat(8)

/** One line of text with every invisible character as its code point, `<U+202E>`. */
export function safe(text: string): string {
  return text.replaceAll(
    UNSEEN,
    (char) => `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
  )
}

/**
 * Lines of at most `columns`, broken at blanks if possible. Every line but the first is indented by `indent` blanks, even
 * inside a word that is longer than a line: otherwise the author of the word could write from column 0. `line` is safe.
 */
export function wrap(line: string, columns: number, indent: number): string[] {
  const lines: string[] = []
  let [current, left] = ['', columns]
  const next = (): void => {
    lines.push(current)
    current = ' '.repeat(indent)
    left = columns - indent
  }
  for (const word of line.split(/(?<=\S)(?= )/)) {
    const chars = Array.from(word)
    const width = chars.reduce((sum, char) => sum + columnsOf(char), 0)
    if (width > left && current.trim() !== '') next()
    for (const char of chars) {
      if (columnsOf(char) > left) next()
      current += char
      left -= columnsOf(char)
    }
  }
  return [...lines, current]
}

/** A text of many lines, each behind `mark` and cut to `columns`; no lines for an empty text. */
export function gutter(text: string, mark: string, columns: number): string[] {
  if (text.trim() === '') return []
  return text
    .replace(/(?<!\n)\n+$/, '')
    .split('\n')
    .flatMap((line) => wrap(safe(line.replaceAll('\t', TAB)), columns - mark.length, 0))
    .map((line) => `${mark}${line}`)
}

/** Never less than the terminal uses: from the Hangul letters on, a character may be two columns wide. */
function columnsOf(char: string): number {
  return (char.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2
}
