/**
 * What commands print: plain lines for people, JSON with `--json`, and one clear line on standard error when they fail.
 * Control characters never reach the terminal.
 */
import { readFileSync } from 'node:fs'
import { Trouble } from '../domain/trouble.ts'

/** Standard output and error of a command; tests pass their own. */
export type Streams = { readonly out: (text: string) => void; readonly err: (text: string) => void }

type Output = { readonly streams: Streams; readonly json: boolean }

export const processStreams: Streams = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text)
}

/** The input has a mistake, or something does not exist: one line, exit status 1. */
export class CommandError extends Error {
  override readonly name: string = 'CommandError'
}

/** An argument whose value has the wrong form: one line, exit status 2. */
export class UsageError extends CommandError {
  override readonly name = 'UsageError'
}

/**
 * Survives a reader that closes the output early (`postern show … | head -1`): the work goes on to its end, silently. Output
 * that is lost for another reason, such as a full disk, is reported once and ends with status 1.
 */
export function outliveReaders(): void {
  const { stdout, stderr } = process
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    if (process.exitCode !== 1)
      stderr.write(
        'postern: the output could not be written; please check that its disk has room.\n'
      )
    process.exitCode = 1
  })
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1
  })
}

/** What Node ends with when nothing can settle what the program waits for. */
const UNSETTLED = 13

/**
 * No end without a sentence and a status of ours: neither an error that nobody caught, whose text may hold content, nor a process
 * that ends because nothing is left that could wake it. Returns what says that the work has come to its end.
 */
export function endWithWords(streams: Streams): () => void {
  let isOver = false
  process.on('uncaughtException', (error: unknown) => process.exit(fail(streams, error)))
  process.on('exit', () => {
    if (isOver || ![undefined, UNSETTLED].includes(process.exitCode as number | undefined)) return
    streams.err('postern: this is a bug in Postern (it stopped waiting); please report it\n')
    process.exitCode = 1
  })
  return () => {
    isOver = true
  }
}

/**
 * Control, format and separator characters but line ends, lone surrogates, characters that Unicode calls ignorable, and the blank
 * Braille cell: none of them is visible, and many of them have effects.
 */
const UNSEEN = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu

/** `text` for a terminal: tabs as blanks, every other invisible character but line ends as its code point, `<U+202E>`. */
export function printable(text: string): string {
  return text.replaceAll('\t', ' '.repeat(8)).replaceAll(UNSEEN, codePoint)
}

/** `<U+202E>` for that character. */
export function codePoint(character: string): string {
  return `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
}

/** JSON with control and bidirectional characters escaped; a JSON parser gets them back unchanged. */
export function printJson(streams: Streams, value: unknown): void {
  const json = JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
  streams.out(`${json}\n`)
}

/** Rows with aligned columns, by the head of each column; only the head when there are no rows. */
export function tableOf<T>(
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => string | number>>
): string {
  const cells = Object.values(columns)
  const all = [Object.keys(columns), ...rows.map((row) => cells.map((cell) => `${cell(row)}`))].map(
    (row) => row.map((cell) => printable(cell).replaceAll('\n', ' '))
  )
  const widths = cells.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)))
  const padded = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  return padded.map((row) => row.join('  ').trimEnd()).join('\n')
}

/** One answer: `text` for people, and `value` with `--json`. */
export function print({ streams, json }: Output, value: unknown, text: string): void {
  if (json) printJson(streams, value)
  else streams.out(`${printable(text)}\n`)
}

/** A list: a table for people, and the rows with `--json`. */
export function printRows<T>(output: Output, ...table: Parameters<typeof tableOf<T>>): void {
  print(output, table[0], tableOf(...table))
}

/** What `read` resolves to; null where a configuration or policy is refused, after printing what is wrong with it. */
export async function unlessRefused<T>(output: Output, read: Promise<T>): Promise<T | null> {
  return await read.catch((error: unknown) => {
    if (!(error instanceof Trouble) || error.code !== 'config') throw error
    printVerdict(output, error.message.split('\n'), [])
    return null
  })
}

/** What a check found; returns the exit status. `valid` is said when there is no problem. */
export function printVerdict(
  { streams, json }: Output,
  problems: readonly string[],
  remarks: readonly string[],
  valid = ''
): number {
  if (json) printJson(streams, { ok: problems.length === 0, problems, remarks })
  else {
    for (const problem of problems) streams.err(`postern: ${printable(problem)}\n`)
    for (const remark of remarks) streams.out(`note: ${printable(remark)}\n`)
    if (problems.length === 0) streams.out(`${printable(valid)}\n`)
  }
  return problems.length === 0 ? 0 : 1
}

/** The version in package.json, which stands beside `src` and `dist`. */
export function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { readonly version: string }).version
}

/** Prints why a command failed and returns its exit status. Library messages and stacks never reach the terminal. */
export function fail(streams: Streams, error: unknown): number {
  if (error instanceof Trouble || error instanceof CommandError) {
    for (const line of error.message.split('\n')) streams.err(`postern: ${printable(line)}\n`)
  } else {
    const name = error instanceof Error ? `${error.name} ${placeOf(error)}`.trim() : 'unknown error'
    streams.err(`postern: this is a bug in Postern (${name}); please report it\n`)
  }
  return error instanceof UsageError ? 2 : 1
}

/** The code line that threw: no message, because messages of libraries can hold content. */
function placeOf(error: Error): string {
  return (
    /\((?:file:\/\/)?[^()]*\/((?:src|dist|node_modules)\/[^()]+)\)/.exec(error.stack ?? '')?.[1] ??
    ''
  )
}
