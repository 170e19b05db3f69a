/**
 * Whether lines of a text are nothing but a copy of protected fields, made for old mail programs (Legacy Display, RFC 9788 §5.2):
 * only then are they left out. Must never call a copy what is shown nowhere else: a sender would hide words from the desk that
 * other readers see.
 */
import { decodeWords, sanitizeHeaderText } from './encoded-words.ts'
import { type Field } from './fields.ts'
import { readMailboxes } from './mailboxes.ts'

/** Fields of addresses that are shown, and how many mailboxes of each. */
const ADDRESSES: ReadonlyMap<string, number> = new Map([
  ['from', 1],
  ['reply-to', 1],
  ['to', Number.POSITIVE_INFINITY],
  ['cc', Number.POSITIVE_INFINITY]
])
/** A date that holds no words (RFC 5322 §3.3): it is not shown, and nothing can be hidden in it. */
const DATE = /^(?:[a-z]{3}, ?)?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UT)$/i

/**
 * Whether `lines` say nothing but what these fields say: each one a field of them by name and value, folded or not (blank
 * lines apart). A sentence that only looks like a field is somebody's text, and so is a field that is not shown, not shown
 * whole, or there twice, so that only one of them is.
 */
export function isCopyOf(fields: readonly Field[], lines: readonly string[]): boolean {
  const shown = fields.filter(({ name, value }) => occursOnce(fields, name) && isShown(name, value))
  const known = new Set(
    shown.flatMap(({ name, value }) =>
      [value, decodeWords(value)].map((each) => `${name}:${onOneLine(each)}`)
    )
  )
  const unfolded = lines
    .filter((line) => line.trim() !== '')
    .join('\n')
    .replaceAll(/\n(?=[ \t])/g, '')
    .split('\n')
  return unfolded.every((line) => {
    const colon = Math.max(line.indexOf(':'), 0)
    return known.has(`${line.slice(0, colon).toLowerCase()}:${onOneLine(line.slice(colon + 1))}`)
  })
}

function occursOnce(fields: readonly Field[], name: string): boolean {
  return fields.filter((each) => each.name === name).length === 1
}

/** Whether every word of a field stands among the facts that are shown of its header. */
function isShown(name: string, value: string): boolean {
  const words = onOneLine(decodeWords(value))
  if (name === 'subject') return words === sanitizeHeaderText(words)
  if (name === 'date') return DATE.test(words)
  const most = ADDRESSES.get(name)
  if (most === undefined) return false
  const { contacts, count } = readMailboxes(value)
  const seen = contacts.map(({ name: called, address }) => `${called} ${address}`).join(', ')
  return count === contacts.length && count <= most && withoutMarks(words) === withoutMarks(seen)
}

/** Mailboxes without what only separates a name from an address, in lower case as domains are read. */
function withoutMarks(mailboxes: string): string {
  return onOneLine(mailboxes.replaceAll(/[<>"]/g, ' ')).replaceAll(' ,', ',').toLowerCase()
}

/** A value as a reader sees it in one line. */
function onOneLine(value: string): string {
  return value.replaceAll(/[\s\u0000-\u001f\u007f-\u009f]+/g, ' ').trim()
}
