/**
 * An opened mail for `postern open`: as the contract JSON (DESIGN §5) and as a page for a terminal. The page shows
 * foreign text, so nothing in it may act on the terminal.
 */
import { type Contact } from '../domain/address.ts'
import { explainFailure, explainSignature, explainWarning } from '../domain/explain.ts'
import { formatFingerprint } from '../domain/ids.ts'
import {
  type OpenedMail,
  type OpenFailure,
  type SignatureState,
  type Structure
} from '../domain/mail.ts'

/** The contract of `postern open --json`. Addresses are addr-specs; the subject is the protected one where there is one. */
export type OpenJson = {
  readonly structure: Structure
  readonly encrypted: boolean
  readonly decrypted: boolean
  /** Absent when the mail was read. */
  readonly failure?: OpenFailure
  readonly signatures: readonly {
    readonly state: SignatureState
    readonly fingerprint: string | null
    readonly coversWhole: boolean
  }[]
  readonly from: string | null
  readonly to: readonly string[]
  readonly subject: string
  readonly subjectProtected: boolean
  readonly messageId: string | null
  readonly date: string | null
  readonly text: string
  readonly attachments: readonly {
    readonly filename: string
    readonly contentType: string
    readonly size: number
    readonly sha256: string
  }[]
  readonly autoSubmitted: boolean
  readonly bounce: boolean
  readonly warnings: readonly string[]
}

/** The contract JSON of an opened mail. From, To, Message-ID and date are the outer ones; compare `from-mismatch`. */
export function toOpenJson(opened: OpenedMail): OpenJson {
  const { outer } = opened
  return {
    structure: opened.structure,
    encrypted: opened.encrypted,
    decrypted: opened.decrypted,
    ...(opened.failure === null ? {} : { failure: opened.failure }),
    signatures: opened.signatures.map(({ state, fingerprint, coversWhole }) => ({
      state,
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

/** A page of at most `width` columns, except where the mail's own text is wider. */
export function toOpenPage(opened: OpenedMail, width: number): string {
  const columns = Math.max(width, 40)
  const rule = '─'.repeat(columns)
  const facts = [
    row('From', showContact(opened.outer.from)),
    row('To', opened.outer.to.map(showContact).join(', ')),
    row('Subject', subjectOf(opened)),
    row('Date', opened.outer.date ?? 'unknown'),
    row('Message-ID', opened.outer.messageId ?? 'none')
  ]
  const verdict = verdictLines(opened).flatMap((line) => wrap(line, columns))
  const files = opened.attachments.map(
    (file) => `  ${file.filename}  ${file.contentType}  ${file.size} bytes  sha256 ${file.sha256}`
  )
  const sections = [
    facts.flatMap((line) => wrap(line, columns)),
    verdict,
    opened.text === '' ? [] : [safe(opened.text).trimEnd()],
    opened.outsideText === ''
      ? []
      : ['Outside the protected part, by an unknown hand:', safe(opened.outsideText).trimEnd()],
    files.length === 0 ? [] : ['Attachments:', ...files]
  ]
  const shown = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'))
  return `${shown.join(`\n${rule}\n`)}\n`
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

function verdictLines(opened: OpenedMail): string[] {
  const lines = [encryptionLine(opened)]
  for (const signature of opened.signatures) {
    const who =
      signature.fingerprint === null
        ? `issuer ${signature.issuer === '' ? 'unknown' : signature.issuer}`
        : formatFingerprint(signature.fingerprint)
    const reach = signature.coversWhole ? '' : ' It does not cover the whole mail.'
    lines.push(`Signature: ${explainSignature(signature.state)}${reach} (${who})`)
  }
  if (opened.signatures.length === 0) lines.push('Signature: none.')
  for (const code of opened.warnings) lines.push(`! ${explainWarning(code)} [${code}]`)
  if (opened.automatic.length > 0) lines.push(`Automatic: ${opened.automatic.join(', ')}`)
  return lines
}

function encryptionLine(opened: OpenedMail): string {
  if (opened.failure !== null) {
    return `Not opened: ${explainFailure(opened.failure)} [${opened.failure}]`
  }
  if (opened.decrypted) return `Encrypted, and opened (${opened.structure}).`
  if (opened.warnings.includes('smime'))
    return 'Not opened: S/MIME, which is not read here; whether it is encrypted is not known.'
  return opened.warnings.includes('errant-crypto')
    ? 'Not encrypted as a whole: it holds encrypted or signed pieces, which were left closed; anybody on the way could read the rest.'
    : 'Not encrypted: anybody on the way could read it.'
}

function row(label: string, value: string): string {
  return `${label.padEnd(11)} ${value}`
}

function showContact(contact: Contact | null): string {
  if (contact === null) return 'nobody in particular'
  return contact.name === '' ? contact.address : `${contact.name} <${contact.address}>`
}

/** Control and bidirectional characters as visible code points, so that text cannot act on or lie to a terminal. */
function safe(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `<U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
  )
}

function wrap(line: string, columns: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    const isFull = current !== '' && current.length + 1 + word.length > columns
    if (isFull) lines.push(current)
    current = isFull || current === '' ? `${isFull ? '  ' : ''}${word}` : `${current} ${word}`
  }
  return [...lines, current]
}
