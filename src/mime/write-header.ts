/**
 * Writes header fields. Makes it impossible that a value becomes a second field, a second recipient or a body: refuses every
 * value with a C0 control character or DEL, and writes only US-ASCII, but for the recipient's address (RFC 6532). Must never
 * repair a bad value silently: foreign text is cleaned where it enters (mime/header.ts). RFC 5322 §2.2.3 (folding), RFC 2047
 * (encoded words), RFC 2231 (parameters).
 */
import { buildHeaderValue, encodeWord, foldLines, quoteString } from 'nodemailer/lib/mime-funcs'

import { type Address, type Contact } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type MessageId } from '../domain/ids.ts'

declare const fieldBrand: unique symbol
/** One finished header field, folded, without its last CRLF. Only {@link headerField} makes one. */
export type HeaderField = string & { readonly [fieldBrand]: 'HeaderField' }

const NAME = /^[A-Za-z][A-Za-z0-9-]{0,70}$/
const CONTROL = /[\u0000-\u001f\u007f]/
const PRINTABLE = /^[\x20-\x7e]*$/
/** The recipient, and what records inside a message who that is outside. */
const OF_RECIPIENT = ['To', 'HP-Outer']
const LETTERS = /^[\x20-\x7e\p{L}\p{M}\p{Nd}]*$/u
const TOKEN = /^[A-Za-z0-9!#$&+.^_`{|}~-]+$/
const ATOMS = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/
/** RFC 5322 §2.1.1. */
const LINE_WANTED = 78
const LINE_LIMIT = 998
/** Longest run without a space in unstructured text; a longer one is encoded so that it can be folded. */
const LONGEST_RUN = 72
/** Blanks that folding or a relay could change. */
const UNSTABLE_SPACE = /^ | {2}| $/

/**
 * The field `name: value`, folded at spaces to 78 columns where possible.
 * Throws Invariant for a bad name, a control character, anything but US-ASCII where no recipient stands, or a line that cannot be
 * kept to 998.
 */
export function headerField(name: string, value: string): HeaderField {
  assert(NAME.test(name), 'header field name is not a token')
  const isAllowed = PRINTABLE.test(value) || (OF_RECIPIENT.includes(name) && LETTERS.test(value))
  assert(isAllowed, 'header value is not printable US-ASCII')
  const line = `${name}: ${value}`
  const folded = (line.length < LINE_WANTED ? line : foldLines(line, LINE_WANTED)).trimEnd()
  const isWritable = folded.split('\r\n').every((line) => line.length <= LINE_LIMIT)
  assert(isWritable, 'header line longer than 998 characters')
  return folded as HeaderField
}

/** Human text for an unstructured field (Subject), with encoded words when it is not US-ASCII (RFC 2047 §5 (1)). */
export function unstructured(text: string): string {
  const isShort = text.split(' ').every((run) => run.length <= LONGEST_RUN)
  return isPlain(text) && isShort ? text : encodedWords(text)
}

/** `Name <address>`; the name is left out when it is empty (RFC 5322 §3.4). */
export function mailbox({ name, address }: Contact): string {
  return name.trim() === '' ? address : `${phrase(name.trim())} ${angled(address)}`
}

/** Message-IDs for References, oldest first. */
export function messageIdList(ids: readonly MessageId[]): string {
  return ids.map(angled).join(' ')
}

/**
 * `; name=value` for Content-Type and Content-Disposition: a token or a quoted string for US-ASCII, otherwise the extended form
 * in UTF-8, in numbered sections when it is long (RFC 2231 §3, §4).
 */
export function parameter(name: string, value: string): string {
  assert(TOKEN.test(name), 'parameter name is not a token')
  assert(!CONTROL.test(value), 'control character in a parameter')
  return buildHeaderValue({ value: '', params: { [name]: value } })
}

function angled(text: Address | MessageId): string {
  assert(!/[<>\s]/.test(text), 'angle bracket or space in an identifier')
  return `<${text}>`
}

/** RFC 2047 §5 (3): encoded words in a phrase stand alone, never inside a quoted string. */
function phrase(name: string): string {
  if (!isPlain(name) || name.length > LONGEST_RUN) return encodedWords(name)
  return ATOMS.test(name) ? name : quoteString(name)
}

/** Whether readers show it as it stands, and folding cannot change it. */
function isPlain(text: string): boolean {
  return PRINTABLE.test(text) && !text.includes('=?') && !UNSTABLE_SPACE.test(text)
}

/** In words of at most 75 characters (RFC 2047 §2). */
function encodedWords(text: string): string {
  assert(!CONTROL.test(text), 'control character in a header value')
  return encodeWord(text, 'B', 75)
}
