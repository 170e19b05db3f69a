/**
 * Structured field values: values with parameters like Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231), which
 * nodemailer reads, and a small tokenizer without backtracking for address lists and verdicts.
 */
import { parseHeaderValue } from 'nodemailer/lib/mime-funcs'
import { decodeWords } from './encoded-words.ts'

/** Most characters of a value that are read: a key in an Autocrypt field takes most. */
const VALUE_CHARS_MAX = 16 * 1024
/** Most parameters of one value whose encoded words are decoded; further ones stay as written. */
const DECODED_MAX = 32

/**
 * Reads `text/plain; charset="utf-8"`, names and value in lower case; the first of repeated parameters wins. Never throws. The
 * library turns the extended form of RFC 2231 into encoded words.
 */
export function readParameterized(text: string) {
  const { value, params } = parseHeaderValue(text.slice(0, VALUE_CHARS_MAX), {
    stripComments: true
  })
  const read = new Map(Object.entries(params))
  const encoded = [...read].filter(([, each]) => each.includes('=?')).slice(0, DECODED_MAX)
  for (const [name, each] of encoded) read.set(name, decodeWords(each))
  return { value: value.trim().toLowerCase(), params: read }
}

/** Control characters, which no structured field value may have; a tab is none here. */
export const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/

/** A quoted string, a comment, or what stands outside of both: one separator, or a run without any; each as written. */
export type Token = {
  readonly kind: 'quoted' | 'comment' | 'other'
  readonly raw: string
  readonly isClosed: boolean
}

const QUOTED = /"(?:[^"\\]|\\[^]?)*("?)/y
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
  const [raw = '', end = ''] = pattern.exec(value) ?? []
  return isQuoted
    ? { kind: 'quoted', raw, isClosed: end !== '' }
    : { kind: 'other', raw, isClosed: true }
}

function commentAt(value: string, at: number): Token {
  let [depth, end] = [0, at]
  do {
    COMMENT.lastIndex = end
    const [piece = ''] = COMMENT.exec(value) ?? []
    end += piece.length
    if (piece === '(') depth += 1
    else if (piece === ')') depth -= 1
  } while (depth > 0 && end < value.length)
  return { kind: 'comment', raw: value.slice(at, end), isClosed: depth === 0 }
}
