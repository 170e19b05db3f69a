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
  const sections = new Map<string, Map<number, { text: string; isEncoded: boolean }>>()
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
    const known = sections.get(base) ?? new Map<number, { text: string; isEncoded: boolean }>()
    if (!known.has(number)) known.set(number, { text: content, isEncoded: name.endsWith('*') })
    sections.set(base, known)
  }
  const params = new Map([...plain].map(([name, content]) => [name, decodeWords(content)]))
  for (const [name, parts] of sections) params.set(name, joinSections(parts))
  return { value, params }
}

/** RFC 2231 §3 and §4: numbered sections, the first of which may name a charset. */
function joinSections(parts: ReadonlyMap<number, { text: string; isEncoded: boolean }>): string {
  let charset = 'utf-8'
  const chunks: Buffer[] = []
  for (let number = 0; number < SECTIONS_MAX; number += 1) {
    const part = parts.get(number)
    if (part === undefined) break
    let content = part.text
    const prefix = number === 0 && part.isEncoded ? /^([^']*)'[^']*'/.exec(content) : null
    if (prefix !== null) {
      charset = prefix[1] === undefined || prefix[1] === '' ? charset : prefix[1]
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

/** The pieces of a value, and whether every quoted string and comment in it is closed. */
type Split = { readonly pieces: readonly string[]; readonly isClosed: boolean }

type Cutter = { pieces: string[]; piece: string; isQuoted: boolean; comments: number }

/** Splits at semicolons outside quoted strings and comments; writes `blank` for each comment. */
export function splitOutsideQuotes(text: string, blank: '' | ' '): Split {
  const cutter: Cutter = { pieces: [], piece: '', isQuoted: false, comments: 0 }
  for (let at = 0; at < text.length; at += 1) {
    const isEscape = text[at] === '\\' && (cutter.isQuoted || cutter.comments > 0)
    step(cutter, text.slice(at, at + (isEscape ? 2 : 1)), blank)
    if (isEscape) at += 1
  }
  const { pieces, piece, isQuoted, comments } = cutter
  return { pieces: [...pieces, piece], isClosed: !isQuoted && comments === 0 }
}

function step(cutter: Cutter, char: string, blank: '' | ' '): void {
  if (cutter.comments > 0) cutter.comments += char === '(' ? 1 : char === ')' ? -1 : 0
  else if (char === '(' && !cutter.isQuoted) {
    cutter.comments = 1
    cutter.piece += blank
  } else if (char === ';' && !cutter.isQuoted) {
    cutter.pieces.push(cutter.piece)
    cutter.piece = ''
  } else {
    if (char === '"') cutter.isQuoted = !cutter.isQuoted
    cutter.piece += char
  }
}

/** File names with a Windows path, whose backslashes quote nothing. */
function isFileName(name: string): boolean {
  return name === 'filename' || name === 'name'
}

/** RFC 5322 §3.2.4: a backslash quotes any character; in `isLiteral` text, only a quotation mark and itself. */
function unquote(text: string, isLiteral: boolean = false): string {
  const trimmed = text.trim()
  if (!trimmed.startsWith('"')) return trimmed
  const inner =
    trimmed.endsWith('"') && trimmed.length > 1 ? trimmed.slice(1, -1) : trimmed.slice(1)
  return inner.replaceAll(isLiteral ? /\\(["\\])/g : /\\(.)/gs, '$1')
}
