/**
 * An opened message for `postern open`, as JSON and as a page for a terminal. Every byte of the message is foreign:
 * nothing may act on the terminal, and none of its lines may look like a line of the page.
 */
import {
  explainSignature,
  FAILURES,
  type OpenedMail,
  type SealedPart,
  type Signature,
  WARNINGS
} from '../domain/mail.ts'
import { KEY_PROBLEMS } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { columns } from '../domain/words.ts'
import { codePoint, printable } from './output.ts'
import { page } from './page.ts'

/**
 * The JSON of an opened message: addresses are addr-specs, the subject is the protected one if there is one, and
 * `failure` is absent when the message was read. From, To, Message-ID and date are the outer ones; compare `from-mismatch`.
 */
export function toOpenJson(opened: OpenedMail): object {
  const { structure, encrypted, decrypted, failure, outer, subjectProtected, text } = opened
  const robots = ['auto-replied', 'auto-generated', 'bounce', 'receipt', 'loop'] as const
  return {
    structure,
    encrypted,
    decrypted,
    ...(failure === null ? {} : { failure }),
    signatures: opened.signatures.map(signatureJson),
    from: outer.from?.address ?? null,
    to: outer.to.map(({ address }) => address),
    subject: (subjectProtected ? opened.protected : null)?.subject ?? outer.subject,
    subjectProtected,
    messageId: outer.messageId,
    date: outer.date,
    text,
    outsideText: opened.outsideText,
    attachments: opened.attachments.map(({ content: _, ...file }) => file),
    sealedParts: opened.sealedParts.map(partJson),
    autoSubmitted: robots.some((kind) => opened.automatic.includes(kind)),
    bounce: opened.automatic.includes('bounce'),
    warnings: opened.warnings
  }
}

function signatureJson({ state, stateThen, fingerprint, signer, coversWhole }: Signature): object {
  return { state, stateThen, fingerprint, ...(signer === '' ? {} : { signer }), coversWhole }
}

function partJson(part: SealedPart): object {
  const { place, filename, encrypted, decrypted, failure, header, text } = part
  return {
    ...{ place, filename, encrypted, decrypted },
    ...(failure === null ? {} : { failure }),
    signatures: part.signatures.map(signatureJson),
    ...(header === null
      ? {}
      : { from: header.from?.address ?? null, subject: header.subject, date: header.date }),
    text,
    attachments: part.attachments.map(({ content: _, ...file }) => file)
  }
}

/**
 * The page; `now` is the time at which keys were judged. Every line of the message's own text stands behind a bar, every line of
 * unprotected text behind a question mark, and the rest of a long line is indented.
 */
export function toOpenPage(opened: OpenedMail, now: Instant): string {
  const { outer, protected: inner, signatures } = opened
  const shown = {
    ...opened,
    ...{ now, sentences: { ...FAILURES, ...WARNINGS, ...KEY_PROBLEMS } },
    attachments: opened.attachments.map(({ content: _, ...file }) => file),
    sealedParts: opened.sealedParts.map((part) => ({
      ...part,
      signatures: part.signatures.map((each) => ({ ...each, meaning: explainSignature(each) })),
      attachments: part.attachments.map(({ content: _, ...file }) => file)
    })),
    headers: (inner === null ? [outer] : [outer, inner]).map((one) => ({ sentBy: null, ...one })),
    signatures: signatures.map((each) => ({ ...each, meaning: explainSignature(each) })),
    isProved: signatures.some(({ state, coversWhole }) => state === 'valid' && coversWhole),
    keys: [...opened.candidateKeys, ...opened.unusableKeys].map((key) => {
      return { because: null, ...key, keyData: null }
    })
  }
  const isText = (name: string): boolean => name === 'text' || name === 'outsideText'
  // Safe as a whole, so that the template cannot forget it for one value.
  const value = JSON.stringify(shown, (name, each: unknown) =>
    typeof each === 'string' && !isText(name) ? printable(each).replaceAll('\n', codePoint) : each
  )
  return page('show-message', JSON.parse(value) as object, 'UTC', { behind })
    .split('\n')
    .flatMap(folded)
    .join('\n')
}

/** A text of many lines, each behind `mark`; '' for an empty text. */
function behind(text: string, mark: string): string {
  const lines = printable(text.trimEnd()).split('\n')
  return text.trim() === '' ? '' : lines.map((line) => `${mark}${line}`).join('\n')
}

/** Columns of the page without the indent. */
const COLUMNS = 65

/** A long line as several, broken at blanks if possible; none begins in the column where a line of ours begins. */
function folded(line: string): string[] {
  const bar = /^[│?] /.exec(line)?.[0] ?? ''
  const content = line.slice(bar.length)
  const most = columns(content) > content.length ? Math.floor(COLUMNS / 2) : COLUMNS
  const pieces = content.match(new RegExp(`.{1,${most}}(?= |$)|.{1,${most}}`, 'gu')) ?? ['']
  return pieces.map((piece, at) => (bar === '' && at > 0 ? ' '.repeat(14) : bar) + piece)
}
