/**
 * The grammar of commands by mail: `/verb` lines at the top of the text, `to:` and `case:` lines, `<<` … `>>` blocks,
 * `key: value` fields under `/notice draft`. Text in, commands out: nothing here knows a case or runs anything, and a quoted line is
 * never a command.
 */
import { type CaseTag, parseCaseTag } from '../domain/ids.ts'
import { CASE_LINE, TO_LINE } from './conversation.ts'
import { type Command } from './draft.ts'
import { beginsQuotation, doubtfulLine, isQuoted, newText, unquotedLines } from './new-text.ts'
import { synopsis, type Verb, type VerbText, verbsUnder } from './verbs/verb.ts'

type Grammar = Pick<Verb, 'name' | 'arguments' | 'text'>

/** What is wrong with a line. */
export type Problem = {
  /** Number of the line in the text, from 1. A problem with the text of a command has the number of the command. */
  readonly at: number
  readonly line: string
  readonly says: string
}

/** A `case:` line: its number in the text, and the case that it names; `conflict` when an earlier one differs. */
export type CaseLine = Pick<Problem, 'at' | 'line'> & { readonly tag: CaseTag | 'conflict' }

/** A message's text taken apart. */
export type ParsedCommands = {
  readonly caseLine: CaseLine | null
  readonly commands: readonly Command[]
  readonly problems: readonly Problem[]
  /** The author's own text below the commands that belongs to no command: an internal note. */
  readonly rest: string
}

const VERB_LINE = /^\/[a-z]+:?(?:\s+(?:\S.*)?)?$/i
/** `key: value`; an address such as `https://…` that a client wrapped onto a line of its own is none. */
const FIELD_LINE = /^([a-z][a-z_]{1,30})\s?[:：](?!\/\/)\s?(.*)$/i
/** A line that could pass for a command at a glance: with a list mark, a dash or a quote in front, or another slash. */
const LIKE_COMMAND =
  /^[\s\p{Cf}]*(?:[-–—―*•·"'“”„‘’«‹([|_`#+]{1,3}[\s\p{Cf}]*|\d{1,2}[.)]\s+)?[/／⁄∕]\s?([a-z]{1,30})(?=$|[\s\p{Cf},.;:!?"'”’»›)\]*_|`])/iu
const QUOTES = /^["'“”„‟‘’‚‛«‹](.+)["'“”„‟‘’‚‛»›]$/u
const HYPHENS = /[‐‑‒–—―−]/gu

type Reader = {
  readonly lines: readonly string[]
  /** Number of the first of them in the text. */
  readonly first: number
  readonly verbs: readonly Grammar[]
  at: number
  readonly problems: Problem[]
}
/** A command that is being read, and what text it takes. */
type Open = { -readonly [K in keyof Command]: Command[K] } & {
  readonly takes: VerbText | null
  readonly fields: Field[]
}
type Field = { readonly key: string; value: string }
/** What stands before a text on its line, and the text; null for none. */
type Line = { readonly head: string; readonly text: string | null }

/** Takes the text of a message apart. Bad lines become problems; the caller runs nothing if there is any. */
export function parseCommands(text: string, verbs: readonly Grammar[]): ParsedCommands {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const reader: Reader = { lines, first: 1, verbs, at: 0, problems: [] }
  const commands: Open[] = []
  let caseLine: CaseLine | null = null
  while (reader.at < reader.lines.length) {
    const line = (reader.lines[reader.at] ?? '').trim()
    // Below a command that takes a text, it may be the first line of that text.
    const isHead = commands.every(({ takes }) => takes === null)
    const named = isHead ? CASE_LINE.exec(line) : null
    if (line === '' || (isHead && TO_LINE.test(line))) reader.at += 1
    else if (named !== null) caseLine = readCaseLine(reader, line, named[1] ?? '', caseLine)
    else if (VERB_LINE.test(line)) readCommand(reader, line, commands)
    else break
  }
  findStrays(reader, commands)
  return { caseLine, ...giveRest(reader, commands) }
}

function readCaseLine(
  reader: Reader,
  line: string,
  number: string,
  earlier: CaseLine | null
): CaseLine | null {
  reader.at += 1
  const tag = parseCaseTag(number)
  if (tag !== null)
    return { at: reader.at, line, tag: earlier && earlier.tag !== tag ? 'conflict' : tag }
  complain(
    reader,
    reader.at,
    line,
    'This is not the whole number of a case. Please write its prefix and year, too.'
  )
  return earlier
}

/** `above` counts the lines of the reader up to the one that is wrong. */
function complain(reader: Reader, above: number, line: string, says: string): void {
  const { first, problems } = reader
  problems.push({ at: first + above - 1, line: clip(line), says })
}

/** The first word of the command that a line holds, if there is one of that name; else ''. */
export function verbIn(line: string, verbs: readonly Grammar[]): string {
  const word = LIKE_COMMAND.exec(line)?.[1]?.toLowerCase() ?? ''
  return verbsUnder(verbs, word).length > 0 ? word : ''
}

/**
 * Complains of commands and fields below other text or below a quotation, where none is read. Their author meant them and must
 * not believe that they were carried out.
 */
function findStrays(reader: Reader, commands: readonly Open[]): void {
  const keys = commands.flatMap(({ takes }) => takes?.keys ?? [])
  const below = reader.lines.slice(reader.at)
  const [first = ''] = below
  if (TO_LINE.test(first.trim())) complain(reader, reader.at + 1, first, STRAY)
  if (commands.every(({ takes }) => takes === null)) findForgotten(reader, below)
  for (const index of unquotedLines(below)) {
    const line = (below[index] ?? '').trim()
    const field = FIELD_LINE.exec(line)?.[1]?.toLowerCase() ?? ''
    const above = reader.at + index + 1
    if (isMarked(line, reader.verbs)) complain(reader, above, line, MARKED)
    else if (isCommand(line, reader.verbs)) complain(reader, above, line, STRAY)
    else if (keys.includes(field)) complain(reader, above, line, strayField(below))
  }
}

/** Complains of a note that begins with a field as a form has it: its author forgot the command that takes it. */
function findForgotten(reader: Reader, [first = '']: readonly string[]): void {
  const key = FIELD_LINE.exec(first.trim())?.[1] ?? ''
  const taker = reader.verbs.find(({ text }) => text?.keys?.includes(key))?.name
  const says = `This is a field of /${taker}. Please write that command on the line above it, or /note if it is a note.`
  if (taker !== undefined) complain(reader, reader.at + 1, `${key}:`, says)
}

function isCommand(line: string, verbs: readonly Grammar[]): boolean {
  return verbIn(line, verbs) !== '' || parseCaseTag(CASE_LINE.exec(line)?.[1] ?? '') !== null
}

/** Whether something beside the command keeps it from being read. */
function isMarked(line: string, verbs: readonly Grammar[]): boolean {
  return verbIn(line, verbs) !== '' && !VERB_LINE.test(line)
}

const MARKED =
  'This line looks like a command and is none: nothing may stand in front of its slash, between the slash and the name, or directly behind the name. Please write it so at the top of the message. If it is part of a text, put that text between << and >>.'
const STRAY =
  'Commands are read only at the top of a message. Please move this line above your own text and above what you quote. If it is part of a text, put that text between << and >>.'

/** The first line below the commands is the one that ended them. */
function strayField([first = '']: readonly string[]): string {
  return `This field stands below "${clip(first.trim())}", which is no field. If that line belongs to the field above it, put the whole text of that field between << and >>.`
}

/** An argument as it was meant: without quotes around it, with plain hyphens inside. */
function plainWord(word: string): string {
  return (QUOTES.exec(word)?.[1] ?? word).replaceAll(HYPHENS, '-')
}

function readCommand(reader: Reader, line: string, commands: Open[]): void {
  reader.at += 1
  const { at: above } = reader
  const { head, text } = readBlock(reader, line)
  const [, ...words] = head.split(/\s+/)
  // People write a colon behind the name of a command.
  const [, name = '', second = ''] = head.toLowerCase().split(/[\s:/]+/)
  const verb = verbOf(reader.verbs, name, second)
  if (verb === null) {
    complain(reader, above, head, unknownVerb(reader.verbs, name))
    return
  }
  const own = (verb.name.includes(' ') ? words.slice(1) : words).map(plainWord)
  const place = { at: reader.first + above - 1, line: clip(head), verb: verb.name }
  const command: Open = { ...place, takes: verb.text ?? null, words: own, text, fields: [] }
  const says = misuse(verb, command)
  if (says !== null) complain(reader, above, head, says)
  if (LEAVES.includes(verb.text?.goesTo)) reader.problems.push(...doubtsAbout(text ?? '', command))
  if (verb.text?.goesTo === 'fields') readFields(reader, command)
  commands.push(command)
}

function readFields(reader: Reader, command: Open): void {
  const { text, at } = command
  const block = { ...reader, lines: (text ?? '').split('\n'), first: at + 1, at: 0 }
  collectFields(text === null ? reader : block, command)
  const stray = text === null ? undefined : block.lines[block.at]
  if (stray !== undefined) complain(block, block.at + 1, stray.trim(), BELOW_FIELDS)
}

function misuse(verb: Grammar, { line, words, text }: Open): string | null {
  if (hasOtherMark(line)) return OTHER_MARK
  if (verb.text === undefined && text !== null) return `/${verb.name} takes no text.`
  if (verb.arguments !== undefined || words.length === 0) return null
  const [other] = words
  if (other?.startsWith('/') === true) return `Please write "${other}" on a line of its own.`
  const what = verb.text?.keys?.map((key) => `${key}: ...`).join(' and ') ?? 'the text'
  const instead = verb.text === undefined ? '' : `; put ${what} below it, or between << and >>`
  return `Nothing may stand after /${verb.name} on its line${instead}.`
}

function verbOf(verbs: readonly Grammar[], name: string, second: string): Grammar | null {
  return verbs.find((verb) => [name, `${name} ${second}`].includes(verb.name)) ?? null
}

function unknownVerb(verbs: readonly Grammar[], name: string): string {
  const known = verbsUnder(verbs, name).map(synopsis)
  if (known.length > 0) return `Please write the whole command: ${known.join(', ')}.`
  return `There is no command "/${clip(name)}"; /help lists the commands.`
}

/** Whether a guillemet is open at the end of a line: a mail client may have made it of `<<`, or the author quotes. */
function hasOtherMark(line: string): boolean {
  return marks(line, /[«≪‹]/gu) > marks(line, /[»≫›]/gu)
}

function marks(line: string, mark: RegExp): number {
  return (line.match(mark) ?? []).length
}

/** Whether a line ends with a guillemet that the text did not open: a mail client may have made it of the `>>` that ends the text. */
function hasOtherEnd(lines: readonly string[]): boolean {
  let open = 0
  return lines.some((line) => {
    open += marks(line, /[«≪‹]/gu) - marks(line, /[»≫›]/gu)
    return open < 0 && /[»≫›]\s*$/u.test(line)
  })
}

/** Whether the `>>` behind a line may be of its own words, as in `vector<vector<int>>` or `std::cin >>`. */
function mayGoOn({ lines, at }: Reader, end: string, size: number): boolean {
  if (end.trim() === '>>') return false
  const below = (lines[at] ?? '').trim()
  const isText =
    below !== '' && !isQuoted(below) && !VERB_LINE.test(below) && !FIELD_LINE.test(below)
  return end.includes('<') || (size > 1 && isText)
}

const DOUBTFUL_END =
  'I cannot tell whether the >> or guillemet at the end of a line ends this text. Please write >> below it, on a line of its own.'

const OTHER_MARK =
  'I cannot tell whether this line opens a text. Please write << before the text and >> below it, and no guillemet on this line.'

/** Splits `<<text>>` on one line, or collects the lines up to the one that ends the block. It may begin on the next line. */
function readBlock(reader: Reader, line: string): Line {
  const opened = line.indexOf('<<')
  if (opened < 0) {
    const below = opensBelow(reader)
    if (below === null) return { head: line, text: null }
    reader.at = below + 1
    return readBlock(reader, `${line} ${reader.lines[below]}`)
  }
  const head = line.slice(0, opened).trim()
  const { at: above } = reader
  const collected: string[] = []
  let next = line.slice(opened + 2)
  while (!endsBlock(reader, next)) {
    collected.push(next)
    next = reader.lines[reader.at] ?? ''
    // Where another command opens a text, somebody forgot the end of this one: nothing of the other goes along with it.
    const isOther = VERB_LINE.test(next.trim()) && next.includes('<<')
    if (isOther || reader.at >= reader.lines.length) {
      complain(reader, above, head, UNCLOSED)
      return { head, text: null }
    }
    reader.at += 1
  }
  collected.push(next.trimEnd().slice(0, -2))
  if (hasOtherEnd(collected) || mayGoOn(reader, next, collected.length) || isQuotedEnd(reader))
    complain(reader, above, head, DOUBTFUL_END)
  return { head, text: collected.join('\n').trim() }
}

/**
 * Whether the `>>` just read may be an empty line of a quotation: it stands below a quoted line, and another one below it could
 * end the text (B9).
 */
function isQuotedEnd({ lines, at }: Reader): boolean {
  if (lines[at - 1]?.trim() !== '>>' || !isQuoted(lines[at - 2])) return false
  const next = lines.slice(at).find((line) => line.includes('<<') || line.trim() === '>>')
  return next?.trim() === '>>'
}

/** Where the next line that is not empty opens a text; null where it does not. */
function opensBelow({ lines, at }: Reader): number | null {
  let below = at
  while (lines[below]?.trim() === '') below += 1
  return lines[below]?.trim().startsWith('<<') === true ? below : null
}

const UNCLOSED =
  'The text that << opens is not closed. Please write >> at its end or on a line of its own.'

/** Whether `line`, the last one read, ends a block. Its `>>` may belong to a quotation: in front, or alone among quoted lines. */
function endsBlock({ lines, at }: Reader, line: string): boolean {
  if (!line.trimEnd().endsWith('>>')) return false
  const [above = '', below = ''] = [lines[at - 2], lines[at]]
  if (line.trim() !== '>>') return !isQuoted(line)
  return !/^\s*>\s*>/.test(above) && (!isQuoted(below) || below.trim() === '>>')
}

function collectFields(reader: Reader, command: Open): void {
  let wrapped: Field | null = null
  while (!endsFields(reader)) {
    const line = (reader.lines[reader.at] ?? '').trim()
    const [, key, value = ''] = FIELD_LINE.exec(line) ?? []
    if (line !== '' && key === undefined && wrapped === null) return
    reader.at += 1
    if (key !== undefined) wrapped = readField(reader, command, { key: key.toLowerCase(), value })
    else if (line === '') wrapped = null
    // A mail client wrapped the line: it belongs to the field above. Appending it copies none of the text there (G9).
    else if (wrapped !== null) wrapped.value += wrapped.value === '' ? line : ` ${line}`
  }
}

/** Whether the fields end above this line: the end of the text, a command, a quotation, a signature. */
function endsFields(reader: Reader): boolean {
  const raw = reader.lines[reader.at] ?? ''
  const line = raw.trim()
  if (reader.at >= reader.lines.length) return true
  if (VERB_LINE.test(line) || line.startsWith('>') || raw === '-- ' || line === '--') return true
  return beginsQuotation(reader.lines, reader.at)
}

/** Reads one field; null where its text stood in a block, so that no line below belongs to it. */
function readField(reader: Reader, command: Open, { key, value: written }: Field): Field | null {
  const value = written.trim()
  const { at: above } = reader
  const isBlock = value === '' || value.startsWith('<<')
  const { text } = isBlock ? readBlock(reader, `${key}: ${value}`) : { text: null }
  const keys = command.takes?.keys ?? []
  const isTwice = command.fields.some((field) => field.key === key)
  if (!keys.includes(key)) {
    const says = `There is no field "${key}" here. Put longer text between << and >>; the fields are: ${keys.join(', ')}.`
    complain(reader, above, `${key}:`, says)
  } else if (text === null && hasOtherMark(value)) complain(reader, above, `${key}:`, OTHER_MARK)
  else if (isTwice) complain(reader, above, `${key}:`, 'This field is given twice.')
  const field = { key, value: text ?? value }
  command.fields.push(field)
  return text === null ? field : null
}

/** The text below the commands belongs to the last one if that takes a text and has none yet; otherwise it is a note. */
function giveRest({ lines, at, problems, verbs }: Reader, commands: Open[]) {
  const below = lines.slice(at).join('\n')
  const rest = newText(below)
  const last = commands.at(-1)
  if (rest === '' || last === undefined) return { commands, problems, rest }
  const waiting = commands.filter(
    ({ takes, text }) => takes !== null && takes.goesTo !== 'fields' && text === null
  )
  const isRight = lines[at - 1]?.trim() !== ''
  const hasReason = verbs.some(
    (verb) => verb.name === last.verb && verb.arguments?.includes('because') === true
  )
  const says = doubtBelow(last, waiting, { rest, isRight, hasReason })
  if (says !== null && problems.length === 0) problems.push({ at: last.at, line: last.line, says })
  if (!waiting.includes(last)) return { commands, problems, rest }
  last.text = rest
  if (LEAVES.includes(last.takes?.goesTo)) problems.push(...doubtsAbout(below, last))
  return { commands, problems, rest: '' }
}

/** Why the text below the `last` command, perhaps right below it, may not belong to it; null for no doubt. */
function doubtBelow(
  last: Open,
  waiting: readonly Open[],
  { rest, isRight, hasReason }: Record<'isRight' | 'hasReason', boolean> & { readonly rest: string }
): string | null {
  const { takes, words, text } = last
  if (text === null && takes?.goesTo === 'fields') return BELOW_FIELDS
  const mayGoOn = isRight && words.some((word) => BECAUSE.test(word))
  const mayBegin = BECAUSE.test(rest.split(/\s/)[0] ?? '')
  if (text === null && hasReason && (mayGoOn || mayBegin)) return BELOW_REASON
  const isTaker = waiting.includes(last)
  const other = waiting.find((one) => one !== last && !(isTaker && one.takes?.isOptional === true))
  if (other === undefined) return null
  return `The text below could belong to "${other.line}" or ${isTaker ? 'to this command' : 'be a note'}. Please put each text between << and >>, right behind its command.`
}

const BECAUSE = /^because:?$/i
const BELOW_FIELDS =
  'The text below the fields belongs to none of them. If it goes on with the field above it, put the whole text of that field between << and >>. If it is the text of another command, put it between << and >> behind that command; send a note in a message of its own.'
const BELOW_REASON =
  'I cannot tell whether the text below belongs to the reason. Please write the whole reason on the line of the command, and a text below it between << and >>.'

/** Where people other than the maintainers read a text. */
const LEAVES: readonly (VerbText['goesTo'] | undefined)[] = ['reporter', 'member']

/** Why `text` must not leave yet: only its author knows whether a line is theirs or heads a quotation. */
export function doubtsAbout(text: string, { at, line }: Pick<Command, 'at' | 'line'>): Problem[] {
  const doubtful = doubtfulLine(text)
  if (doubtful === null) return []
  const says = `I cannot tell whether the line "${clip(doubtful.trim())}" is yours or belongs to what you quote. Please delete what you quote around it, or the line.`
  return [{ at, line, says }]
}

function clip(line: string): string {
  return line.length > 120 ? `${line.slice(0, 117)}...` : line
}
