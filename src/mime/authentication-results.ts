/**
 * What mail servers wrote on top of a mail about its sender: Authentication-Results (RFC 8601) and Return-Path, each with
 * its place among the Received fields. Facts only: anybody can write such fields, so whose word counts is decided in
 * policy/authentication.ts. A field that cannot be read to its end says nothing at all. Must never throw.
 */
import { type AuthenticationResult, type SenderTrace } from '../domain/mail.ts'
import { type Field } from './fields.ts'
import { toStrictAddress } from './mailboxes.ts'

const FIELDS_MAX = 30
const FIELD_CHARS_MAX = 8 * 1024
const RESULTS_MAX = 200
/** RFC 8601 §2.2 authserv-id and what may follow it: a version. A quoted one has no need of characters outside of these. */
const SERVER = /^"?([A-Za-z0-9][A-Za-z0-9._-]{0,252})"?(?: \d{1,9})?$/
/** `method/1=result`; blanks around the signs are gone. */
const METHOD = /^([a-z][a-z0-9-]{0,31})(?:\/\d{1,9})?=([a-z][a-z0-9-]{0,31})$/i
/** `ptype.property=value`, or `reason=value`. */
const PROPERTY = /^([a-z][a-z0-9-]{0,31}(?:\.[a-z][a-z0-9_-]{0,63})?)=(.+)$/i
/** Which property names whom a method speaks of (RFC 8601 §2.7). */
const IDENTITIES: Readonly<Record<AuthenticationResult['method'], string>> = {
  dmarc: 'header.from',
  spf: 'smtp.mailfrom',
  dkim: 'header.d'
}

/** Reads the outer header block of a mail as it arrived, the topmost field first. */
export function readSenderTrace(fields: readonly Field[]): SenderTrace {
  const results: AuthenticationResult[] = []
  const returnPaths: { address: SenderTrace['returnPaths'][number]['address']; below: number }[] =
    []
  let received = 0
  let read = 0
  for (const { name, value } of fields) {
    if (name === 'received') received += 1
    if (name === 'return-path' && returnPaths.length < FIELDS_MAX) {
      const path = value.trim().replace(/^<([^<>]*)>$/, '$1')
      returnPaths.push({ address: toStrictAddress(path), below: received })
    }
    if (name !== 'authentication-results' || read >= FIELDS_MAX) continue
    read += 1
    if (results.length < RESULTS_MAX) results.push(...readAuthenticationResults(value, received))
  }
  return { received, returnPaths, results: results.slice(0, RESULTS_MAX) }
}

/** The results of one field that stands below so many Received fields; none when any of it is malformed. */
export function readAuthenticationResults(value: string, below: number): AuthenticationResult[] {
  const pieces = value.length > FIELD_CHARS_MAX ? null : cut(value)
  const [head = '', ...infos] = pieces ?? []
  const server = SERVER.exec(head)?.[1]?.toLowerCase()
  if (server === undefined) return []
  const results: AuthenticationResult[] = []
  for (const info of infos) {
    // A semicolon at the end, or the word for "nothing was checked" (RFC 8601 §2.2 no-result).
    if (info === '' || info.toLowerCase() === 'none') continue
    const result = readInfo(info, server, below)
    if (result === null) return []
    if (result !== 'other') results.push(result)
  }
  return results
}

/** One method with its properties; null when it is malformed, `other` for a method that nobody here asks about. */
function readInfo(
  info: string,
  server: string,
  below: number
): AuthenticationResult | 'other' | null {
  const [first = '', ...properties] = wordsOf(info)
  const [, name = '', result = ''] = METHOD.exec(first) ?? []
  const pairs = properties.map((property) => PROPERTY.exec(property))
  if (name === '' || pairs.includes(null)) return null
  const method = (Object.keys(IDENTITIES) as AuthenticationResult['method'][]).find(
    (known) => known === name.toLowerCase()
  )
  if (method === undefined) return 'other'
  const wanted = IDENTITIES[method]
  const values = pairs.filter((pair) => (pair?.[1] ?? '').toLowerCase() === wanted)
  // Two answers to the question of whom it speaks of are none.
  const identity = values.length === 1 ? readIdentity(values[0]?.[2] ?? '') : null
  return { server, below, method, result: result.toLowerCase(), ...(identity ?? NOBODY) }
}

const NOBODY = { address: null, domain: '' }

/** `user@domain`, `@domain` or `domain` (RFC 8601 §2.2 pvalue); null for anything else. */
function readIdentity(text: string): Pick<AuthenticationResult, 'address' | 'domain'> | null {
  const bare = text.startsWith('"') ? text.slice(1, -1) : text.replace(/^<([^<>]*)>$/, '$1')
  const address = toStrictAddress(bare)
  if (address !== null) return { address, domain: address.slice(address.lastIndexOf('@') + 1) }
  // The domain alone is checked as the domain of any address.
  const probe = toStrictAddress(`x@${bare.replace(/^@/, '')}`)
  return probe === null ? null : { address: null, domain: probe.slice(2) }
}

/** Words apart by blanks that stand outside of quotes. */
function wordsOf(piece: string): string[] {
  return [...piece.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^\s"])+/g)].map(([word]) => word)
}

type Cutter = { pieces: string[]; piece: string; isQuoted: boolean; comments: number }

/**
 * Cuts a value at the semicolons outside of quotes and comments, drops the comments, and the blanks around `=` and `/`.
 * Null where a quotation or a comment is not closed.
 */
function cut(value: string): string[] | null {
  const cutter: Cutter = { pieces: [], piece: '', isQuoted: false, comments: 0 }
  for (let at = 0; at < value.length; at += 1) {
    const char = value[at] ?? ''
    const isEscape = char === '\\' && (cutter.isQuoted || cutter.comments > 0)
    if (isEscape) at += 1
    step(cutter, isEscape ? char + (value[at] ?? '') : char)
  }
  if (cutter.isQuoted || cutter.comments > 0) return null
  return [...cutter.pieces, cutter.piece].map(tidied)
}

function step(cutter: Cutter, char: string): void {
  if (cutter.comments > 0) {
    cutter.comments += char === '(' ? 1 : char === ')' ? -1 : 0
  } else if (cutter.isQuoted) {
    cutter.isQuoted = char !== '"'
    cutter.piece += char
  } else if (char === '(') {
    cutter.comments = 1
    cutter.piece += ' '
  } else if (char === ';') {
    cutter.pieces.push(cutter.piece)
    cutter.piece = ''
  } else {
    cutter.isQuoted = char === '"'
    cutter.piece += char
  }
}

/** One blank between words, none around the signs, and quotations as they are. */
function tidied(piece: string): string {
  return piece
    .split(/("(?:[^"\\]|\\.)*")/)
    .map((text, index) =>
      index % 2 === 1 ? text : text.replaceAll(/\s+/g, ' ').replaceAll(/ ?([=/]) ?/g, '$1')
    )
    .join('')
    .trim()
}
