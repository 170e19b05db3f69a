/**
 * Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231). A small tokenizer without
 * backtracking; the first of repeated parameters wins, and unreadable ones are left out.
 */
import { decodeCharset, decodeWords } from './encoded-words.ts'

/** The leading value in lower case and the parameters by lower-case name. */
export type Parameterized = {
  readonly value: string
  readonly params: ReadonlyMap<string, string>
}

const PARAMS_MAX = 60
const SECTIONS_MAX = 40
const NAME = /^[!#$&+.0-9A-Z^_`a-z{|}~-]+(?:\*\d{1,2})?\*?$/

/** Reads `text/plain; charset="utf-8"`. Never throws; an unreadable value comes back as ''. */
export function readParameterized(text: string): Parameterized {
  const { pieces } = splitOutsideQuotes(text, '')
  const value = unquote(pieces[0] ?? '').toLowerCase()
  const plain = new Map<string, string>()
  const sections = new Map<string, Map<number, Section>>()
  for (const piece of pieces.slice(1, PARAMS_MAX)) {
    const equals = piece.indexOf('=')
    if (equals < 1) continue
    const name = piece.slice(0, equals).trim().toLowerCase()
    if (!NAME.test(name)) continue
    const star = name.indexOf('*')
    const content = unquote(piece.slice(equals + 1), isFileName(name))
    if (star < 0) {
      if (!plain.has(name)) plain.set(name, content)
      continue
    }
    const base = name.slice(0, star)
    const number = Number(/\*(\d+)/.exec(name)?.[1] ?? '0')
    const known = sections.get(base) ?? new Map<number, Section>()
    if (!known.has(number)) known.set(number, { text: content, isEncoded: name.endsWith('*') })
    sections.set(base, known)
  }
  const params = new Map([...plain].map(([name, content]) => [name, decodeWords(content)]))
  for (const [name, parts] of sections) params.set(name, joinSections(parts))
  return { value, params }
}

type Section = { readonly text: string; readonly isEncoded: boolean }

/** RFC 2231 §3 and §4: numbered sections, the first of which may name a charset. */
function joinSections(parts: ReadonlyMap<number, Section>): string {
  let charset = 'utf-8'
  const chunks: Buffer[] = []
  for (let number = 0; number < SECTIONS_MAX; number += 1) {
    const part = parts.get(number)
    if (part === undefined) break
    let content = part.text
    const prefix = number === 0 && part.isEncoded ? /^([^']*)'[^']*'/.exec(content) : null
    if (prefix !== null) {
      charset = prefix[1] || charset
      content = content.slice(prefix[0].length)
    }
    chunks.push(part.isEncoded ? percentDecoded(content) : Buffer.from(content, 'utf8'))
  }
  // Some senders put encoded words into sections, which RFC 2231 does not allow.
  return decodeWords(decodeCharset(Buffer.concat(chunks), charset))
}

function percentDecoded(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const decoded = bytes.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16))
  )
  return Buffer.from(decoded, 'latin1')
}

/** A quoted string, a comment, or what stands outside of both: one separator, or a run without any. */
export type Token = {
  readonly kind: 'quoted' | 'comment' | 'other'
  /** As written. */
  readonly raw: string
  /** Without quotation marks, parentheses and the backslashes that quote. */
  readonly text: string
  readonly isClosed: boolean
}

const QUOTED = /"((?:[^"\\]|\\[^]?)*)("?)/y
const COMMENT = /\\[^]?|[()]|[^()\\]+/y
const OTHER = /[,;:<>]|[^"(,;:<>]+/y

/** The tokens of a structured field value (RFC 5322 §3.2), in one pass. */
export function* lex(value: string): Generator<Token> {
  for (let at = 0; at < value.length; ) {
    const token = tokenAt(value, at)
    yield token
    at += token.raw.length
  }
}

function tokenAt(value: string, at: number): Token {
  if (value[at] === '(') return commentAt(value, at)
  const isQuoted = value[at] === '"'
  const pattern = isQuoted ? QUOTED : OTHER
  pattern.lastIndex = at
  const [raw = '', inside = '', end = ''] = pattern.exec(value) ?? []
  return isQuoted
    ? { kind: 'quoted', raw, text: unescaped(inside), isClosed: end !== '' }
    : { kind: 'other', raw, text: raw, isClosed: true }
}

function commentAt(value: string, at: number): Token {
  let [text, depth, end] = ['', 0, at]
  do {
    COMMENT.lastIndex = end
    const [piece = ''] = COMMENT.exec(value) ?? []
    end += piece.length
    if (piece === '(') depth += 1
    else if (piece === ')') depth -= 1
    else text += unescaped(piece)
  } while (depth > 0 && end < value.length)
  return { kind: 'comment', raw: value.slice(at, end), text, isClosed: depth === 0 }
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([^]?)/g, '$1')
}

type Split = { readonly pieces: readonly string[]; readonly isClosed: boolean }

/** Splits at semicolons outside quoted strings and comments; writes `blank` for each comment. */
export function splitOutsideQuotes(text: string, blank: '' | ' '): Split {
  const pieces: string[] = []
  let piece = ''
  let isClosed = true
  for (const token of lex(text)) {
    isClosed &&= token.isClosed
    if (token.raw === ';') {
      pieces.push(piece)
      piece = ''
    } else piece += token.kind === 'comment' ? blank : token.raw
  }
  return { pieces: [...pieces, piece], isClosed }
}

/** File names with a Windows path, whose backslashes quote nothing. */
function isFileName(name: string): boolean {
  return name === 'filename' || name === 'name'
}

/** RFC 5322 §3.2.4: a backslash quotes any character; in `isLiteral` text, only a quotation mark and itself. */
export function unquote(text: string, isLiteral: boolean = false): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('"')) return trimmed
  const inner =
    trimmed.endsWith('"') && trimmed.length > 1 ? trimmed.slice(1, -1) : trimmed.slice(1)
  return inner.replaceAll(isLiteral ? /\\(["\\])/g : /\\(.)/gs, '$1')
}
