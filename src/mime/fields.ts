/**
 * Splits a header block into fields (RFC 5322 §2.2), with LF or CRLF, within limits. Only unfolds values and decodes nothing.
 * Must never throw for any message.
 */
import { looseText } from './encoded-words.ts'

/** One header field. `name` is lower case; `value` is unfolded, not decoded, at most 64 Ki characters. */
export type Field = { readonly name: string; readonly value: string }

/** A header block and where it ends. */
export type FieldBlock = {
  readonly fields: readonly Field[]
  /** Index of the first body byte. */
  readonly bodyStart: number
  /** Whether a limit was hit or a line was not a header field. */
  readonly isBroken: boolean
}

/** Largest header block of a message or a part, in bytes. */
export const HEADER_BYTES_MAX = 128 * 1024
const FIELDS_MAX = 1000
const VALUE_CHARS_MAX = 64 * 1024
const FIELD = /^([!-9;-~]+)[ \t]*:([^]*)$/
const EMPTY_LINE = /(?<![^\n])\r?\n/
/** A line that begins with a blank continues the line before (RFC 5322 §2.2.3). */
const FIELD_END = /\r?\n(?![ \t])/

/**
 * Reads the header block that begins at `start`; stops at the first empty line, at `end` or after `bytesMax`. Where no empty line
 * ends it, at the line that belongs to no header.
 */
export function readFields(
  raw: Buffer,
  start: number,
  end: number,
  bytesMax: number = HEADER_BYTES_MAX
): FieldBlock {
  const limit = Math.min(end, start + bytesMax)
  const block = raw.toString('latin1', start, limit)
  const empty = EMPTY_LINE.exec(block)
  const head = block.slice(0, empty?.index)
  // Two more than allowed: one shows that there are more, the last may be empty.
  const lines = head.split(FIELD_END, FIELDS_MAX + 2)
  if (lines.at(-1) === '') lines.pop()
  const { fields, isBroken } = parseFields(lines.slice(0, FIELDS_MAX))
  const isCut = (empty === null && limit < end) || lines.length > FIELDS_MAX
  const swallowed = isCut ? null : startOfSwallowed(head, lines, empty !== null)
  if (swallowed !== null) {
    const before = head.slice(0, swallowed).split(FIELD_END)
    const { fields: kept } = parseFields(before.filter((line) => line !== ''))
    return { fields: kept, bodyStart: start + swallowed, isBroken: true }
  }
  const size = empty === null ? block.length : empty.index + empty[0].length
  return { fields, bodyStart: start + size, isBroken: isBroken || isCut }
}

/** A line of blanks, which somebody took for the empty one. */
const BLANK_LINE = /\n[ \t]+\r?(?=\n|$)/

/**
 * Where text begins that stands in the header because no empty line is above it: below a line of blanks, or at a line that is no
 * field. Null when the header goes on: nothing but fields stands between that line and the empty one (`isEnded`).
 */
function startOfSwallowed(head: string, lines: readonly string[], isEnded: boolean): number | null {
  const isOdd = lines.map((line, index) => !FIELD.test(line) && !isMailboxLine(line, index))
  const lastOdd = isOdd.lastIndexOf(true)
  const end = head.trimEnd().length
  let at = 0
  for (const [index, line] of lines.entries()) {
    const blank = BLANK_LINE.exec(line)
    const below =
      blank === null ? end : head.indexOf('\n', at + blank.index + blank[0].length) + 1 || end
    const goesOn = isEnded && index < lines.length - 1 && lastOdd <= index
    if (!goesOn && (isOdd[index] === true || below < end)) return isOdd[index] === true ? at : below
    at += line.length + (head[at + line.length] === '\r' ? 2 : 1)
  }
  return null
}

/** Values of every field called `name` (lower case), in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value)
}

/** Value of the first field called `name` (lower case), or ''. */
export function firstValue(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name === name)?.value ?? ''
}

/** `lines` holds the lines of one field each, as Latin-1. */
function parseFields(lines: readonly string[]): Omit<FieldBlock, 'bodyStart'> {
  const fields: Field[] = []
  let isBroken = false
  for (const [index, line] of lines.entries()) {
    const text = looseText(Buffer.from(line, 'latin1')).replaceAll(/\r?\n/g, '')
    const match = FIELD.exec(text)
    if (match === null) {
      isBroken ||= !isMailboxLine(text, index)
      continue
    }
    const [, name = '', content = ''] = match
    const value = content.trim()
    isBroken ||= value.length > VALUE_CHARS_MAX
    fields.push({ name: name.toLowerCase(), value: value.slice(0, VALUE_CHARS_MAX) })
  }
  return { fields, isBroken }
}

/** Left over from an mbox file. */
function isMailboxLine(line: string, index: number): boolean {
  return index === 0 && line.startsWith('From ')
}
