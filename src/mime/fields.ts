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

/** Reads the header block that begins at `start`; stops at the first empty line, at `end` or at the size limit. */
export function readFields(raw: Buffer, start: number, end: number): FieldBlock {
  const limit = Math.min(end, start + HEADER_BYTES_MAX)
  const block = raw.toString('latin1', start, limit)
  const empty = EMPTY_LINE.exec(block)
  const size = empty === null ? block.length : empty.index + empty[0].length
  // Two more than allowed: one shows that there are more, the last may be empty.
  const lines = block.slice(0, empty?.index).split(FIELD_END, FIELDS_MAX + 2)
  if (lines.at(-1) === '') lines.pop()
  const { fields, isBroken } = parseFields(lines.slice(0, FIELDS_MAX))
  const isCut = (empty === null && limit < end) || lines.length > FIELDS_MAX
  return { fields, bodyStart: start + size, isBroken: isBroken || isCut }
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
      const isMailboxLine = index === 0 && text.startsWith('From ') // left over from an mbox file
      isBroken ||= !isMailboxLine
      continue
    }
    const [, name = '', content = ''] = match
    const value = content.trim()
    isBroken ||= value.length > VALUE_CHARS_MAX
    fields.push({ name: name.toLowerCase(), value: value.slice(0, VALUE_CHARS_MAX) })
  }
  return { fields, isBroken }
}
