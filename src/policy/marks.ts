/**
 * What mail clients make of the marks of a command message: guillemets for `<<` and `>>`, curly quotes, long dashes, blanks that
 * do not break. Says what is surely a mark and what only looks like a command; the caller refuses what is in doubt.
 */
import { isQuoted } from './new-text.ts'

const OPEN = /<<|‹‹|[«≪‹]/u
const CLOSE = /(?:>>|››|[»≫›])$/u
const GUILLEMETS = /‹‹|››|[«»≪≫‹›]/gu
const OPENING: readonly string[] = ['‹‹', '«', '≪', '‹']
const QUOTES = /^["'“”„‟‘’‚‛«‹](.+)["'“”„‟‘’‚‛»›]$/u
const HYPHENS = /[‐‑‒–—―−]/gu
/** A line that could pass for a command at a glance: with a list mark, a dash or a quote in front, or another slash. */
const LIKE_COMMAND =
  /^[\s\p{Cf}]*(?:[-–—―*•·"'“”„‘’«‹(]{1,3}[\s\p{Cf}]*|\d{1,2}[.)]\s+)?[/／⁄∕]\s?([a-z]{1,30})(?=$|[\s\p{Cf},.;:!?"'”’»›)])/iu

/** A line of a block: its text, and whether it ends the block. `depth` counts guillemets still open. */
export type BlockLine = { readonly text: string; readonly ends: boolean; readonly depth: number }

/**
 * The part of a line before a mark that opens a block, and the part behind it; null where none does. A guillemet that is
 * closed before the line ends only quotes.
 */
export function openBlock(line: string): { readonly head: string; readonly first: string } | null {
  const found = OPEN.exec(line)
  if (found === null) return null
  const first = line.slice(found.index + found[0].length)
  const isGuillemet = found[0] !== '<<'
  if (isGuillemet && !readBlockLine(first, 0).ends && depthAfter(first, 0) < 0) return null
  return { head: line.slice(0, found.index).trim(), first }
}

/** Reads one line of a block. A guillemet ends it only if it closes none that was opened inside. */
export function readBlockLine(line: string, depth: number): BlockLine {
  const after = depthAfter(line, depth)
  const trimmed = line.trimEnd()
  const mark = isQuoted(line) && trimmed.trim() !== '>>' ? null : CLOSE.exec(trimmed)
  const ends = mark !== null && (mark[0] === '>>' || after < 0)
  return { text: ends ? trimmed.slice(0, mark.index) : line, ends, depth: after }
}

function depthAfter(line: string, depth: number): number {
  return (line.match(GUILLEMETS) ?? []).reduce(
    (count, mark) => count + (OPENING.includes(mark) ? 1 : -1),
    depth
  )
}

/** Whether `>>` alone on a line may be a line of a quotation: it stands among quoted ones. */
export function isAmongQuoted(above: string | undefined, below: string | undefined): boolean {
  return /^\s*>\s*>/.test(above ?? '') || (isQuoted(below) && (below ?? '').trim() !== '>>')
}

/** An argument as it was meant: without quotes around it, with plain hyphens inside. */
export function plainWord(word: string): string {
  return (QUOTES.exec(word)?.[1] ?? word).replaceAll(HYPHENS, '-')
}

/** The word behind the slash of a line that looks like a command; null for any other line. */
export function commandWord(line: string): string | null {
  return LIKE_COMMAND.exec(line)?.[1]?.toLowerCase() ?? null
}
