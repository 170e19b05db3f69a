/**
 * Splits a header block into fields (RFC 5322 §2.2), with LF or CRLF, within limits. Only unfolds values and decodes nothing.
 * Must never throw for any message.
 */

import { isUtf8 } from 'node:buffer'

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
const LF = 10
const CR = 13
const SPACE = 32
const TAB = 9
// Created once: a message can have two hundred thousand fields.
const UTF_8 = new TextDecoder('utf-8')
const WINDOWS_1252 = new TextDecoder('windows-1252')
const FIELD = /^([!-9;-~]+)[ \t]*:([^]*)$/

/** Reads the header block that begins at `start`; stops at the first empty line, at `end` or at the size limit. */
export function readFields(raw: Buffer, start: number, end: number): FieldBlock {
  const limit = Math.min(end, start + HEADER_BYTES_MAX)
  const { groups, isOver, isClosed, bodyStart } = groupLines(raw, start, limit)
  const isCut = !isClosed && limit < end
  const { fields, isBroken } = readGroups(raw, groups)
  return { fields, bodyStart, isBroken: isBroken || isCut || isOver }
}

/** Values of every field called `name` (lower case), in order. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value)
}

/** Value of the first field called `name` (lower case), or ''. */
export function firstValue(fields: readonly Field[], name: string): string {
  return fields.find((field) => field.name === name)?.value ?? ''
}

/** Bytes as text: UTF-8 if valid, otherwise windows-1252. */
function looseText(bytes: Buffer): string {
  return (isUtf8(bytes) ? UTF_8 : WINDOWS_1252).decode(bytes)
}

type Joined = { readonly fields: readonly Field[]; readonly isBroken: boolean }

function readGroups(raw: Buffer, groups: readonly Group[]): Joined {
  const fields: Field[] = []
  let isBroken = false
  for (const [index, group] of groups.entries()) {
    const lines = looseText(raw.subarray(group.start, group.end))
    const text = group.isFolded ? lines.replaceAll(/\r?\n/g, '') : lines
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

/** The lines of one field, as offsets, without the last line break. */
type Group = { readonly start: number; end: number; isFolded: boolean }

type Groups = {
  /** At most {@link FIELDS_MAX}. */
  readonly groups: readonly Group[]
  /** Whether there are more. */
  readonly isOver: boolean
  /** Whether an empty line ended the block. */
  readonly isClosed: boolean
  readonly bodyStart: number
}

/** Lines of one field: a line that begins with a blank continues the line before (RFC 5322 §2.2.3). */
function groupLines(raw: Buffer, start: number, limit: number): Groups {
  const groups: Group[] = []
  let isOver = false
  let at = start
  while (at < limit) {
    const { textEnd, next, isEmpty } = lineAt(raw, at, limit)
    if (isEmpty) return { groups, isOver, isClosed: true, bodyStart: next }
    const last = groups.at(-1)
    if (last === undefined || (raw[at] !== SPACE && raw[at] !== TAB)) {
      isOver ||= groups.length === FIELDS_MAX
      if (!isOver) groups.push({ start: at, end: textEnd, isFolded: false })
    } else if (!isOver) {
      last.end = textEnd
      last.isFolded = true
    }
    at = next
  }
  return { groups, isOver, isClosed: false, bodyStart: at }
}

type Line = { readonly textEnd: number; readonly next: number; readonly isEmpty: boolean }

/** The line that begins at `start`, without its line break; a line cut off by `limit` is not empty. */
function lineAt(raw: Buffer, start: number, limit: number): Line {
  let end = start
  // Byte by byte: a header can consist of one-byte lines, for which a function call costs more than the scan.
  while (end < limit && raw[end] !== LF) end += 1
  const textEnd = end > start && raw[end - 1] === CR ? end - 1 : end
  const isEmpty = textEnd === start && end < limit
  return { textEnd, next: Math.min(end + 1, limit), isEmpty }
}
