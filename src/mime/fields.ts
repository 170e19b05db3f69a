/**
 * Splits a header block into fields (RFC 5322 §2.2), LF and CRLF alike, within limits. Values stay as sent apart from
 * unfolding; nothing is decoded here. Must never throw on what a mail contains.
 */

/** One header field. `name` is lower case; `value` is unfolded, not decoded, at most 64 Ki characters. */
export type Field = { readonly name: string; readonly value: string }

/** A header block and where it ends. */
export type FieldBlock = {
  readonly fields: readonly Field[]
  /** Index of the first body byte. */
  readonly bodyStart: number
  /** Whether a limit was hit or a line was no header field. */
  readonly isBroken: boolean
}

/** Largest header block of the mail or of one part, in bytes. */
export const HEADER_BYTES_MAX = 128 * 1024
const FIELDS_MAX = 1000
const VALUE_CHARS_MAX = 64 * 1024
const LF = 10
const CR = 13
const FIELD = /^([!-9;-~]+)[ \t]*:([^]*)$/

/** Reads the header block that begins at `start`; ends at the first empty line, at `end` or at the size limit. */
export function readFields(raw: Buffer, start: number, end: number): FieldBlock {
  const limit = Math.min(end, start + HEADER_BYTES_MAX)
  const lines: Buffer[] = []
  let at = start
  let isClosed = false
  while (at < limit && !isClosed) {
    const newline = raw.indexOf(LF, at)
    const lineEnd = newline < 0 || newline >= limit ? limit : newline
    const textEnd = lineEnd > at && raw[lineEnd - 1] === CR ? lineEnd - 1 : lineEnd
    if (textEnd === at && lineEnd < limit) isClosed = true
    else lines.push(raw.subarray(at, textEnd))
    at = Math.min(lineEnd + 1, limit)
  }
  const isCut = !isClosed && limit < end
  const { fields, isBroken } = joinLines(lines)
  return { fields, bodyStart: at, isBroken: isBroken || isCut }
}

/** Values of every field called `name` (lower case), in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value)
}

/** Value of the first field called `name` (lower case), or ''. */
export function firstValue(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name === name)?.value ?? ''
}

/** Bytes as text: UTF-8 where it is valid, otherwise one character a byte (windows-1252). */
function looseText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

type Joined = { readonly fields: readonly Field[]; readonly isBroken: boolean }

function joinLines(lines: readonly Buffer[]): Joined {
  const groups = groupLines(lines)
  const fields: Field[] = []
  let isBroken = groups.length > FIELDS_MAX
  for (const [index, group] of groups.slice(0, FIELDS_MAX).entries()) {
    const text = looseText(Buffer.concat(group))
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

/** Lines of one field together: a line that begins with a blank continues the one before (RFC 5322 §2.2.3). */
function groupLines(lines: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = []
  for (const line of lines) {
    const isContinuation = line[0] === 32 || line[0] === 9
    const last = groups.at(-1)
    if (isContinuation && last !== undefined) last.push(line)
    else groups.push([line])
  }
  return groups
}
