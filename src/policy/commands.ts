/**
 * The grammar of command mails (DESIGN §6): `/verb` lines at the top of the text, `case:` lines, `<<` … `>>` blocks,
 * `key: value` fields under `/notice draft`. Text in, commands out: nothing here knows a case or runs anything, and a
 * quoted line is never a command.
 */
import { type CaseTag, parseCaseTag } from '../domain/ids.ts'
import { NOTICE_TEXT_FIELDS } from '../domain/notice.ts'
import { type Command } from './draft.ts'
import { doubtfulLine, newText, quotingText } from './new-text.ts'
import { beginsQuotation } from './quotation-heading.ts'
import { synopsis, type Verb, verbsUnder } from './verbs/verb.ts'

/** What the grammar asks of a verb. */
type Grammar = Pick<Verb, 'name' | 'arguments' | 'text'>

export type Problem = { readonly line: string; readonly says: string }

/** A mail's text taken apart. */
export type ParsedCommands = {
  /** The case a `case:` line names; `conflict` when two differ. */
  readonly caseLine: CaseTag | 'conflict' | null
  readonly commands: readonly Command[]
  readonly problems: readonly Problem[]
  /** The author's own text below the commands that belongs to no command: an internal note. */
  readonly rest: string
}

const VERB_LINE = /^\/[a-z]+(?:\s+(?:\S.*)?)?$/i
const CASE_LINE = /^case:\s*(\S+)\s*$/i
/** `key: value`; an address such as `https://…` that a client wrapped onto a line of its own is none. */
const FIELD_LINE = /^([a-z][a-z_]{1,30}):(?!\/\/)\s?(.*)$/i
const FIELD_KEYS: readonly string[] = NOTICE_TEXT_FIELDS

type Reader = {
  readonly lines: readonly string[]
  readonly verbs: readonly Grammar[]
  at: number
  readonly problems: Problem[]
}
type Open = {
  line: string
  verb: string
  takes: Grammar['text']
  words: string[]
  text: string | null
  fields: { key: string; value: string }[]
}

/** Takes the text of a mail apart. Bad lines become problems; the caller runs nothing if there is any. */
export function parseCommands(text: string, verbs: readonly Grammar[]): ParsedCommands {
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const reader: Reader = { lines, verbs, at: 0, problems: [] }
  const commands: Open[] = []
  let caseLine: CaseTag | 'conflict' | null = null
  while (reader.at < reader.lines.length) {
    const line = (reader.lines[reader.at] ?? '').trim()
    const named = CASE_LINE.exec(line)
    const verb = VERB_LINE.exec(line)
    if (line === '') reader.at += 1
    else if (named !== null) {
      reader.at += 1
      const tag = parseCaseTag(named[1] ?? '')
      if (tag === null)
        reader.problems.push({ line: clip(line), says: 'This is not the number of a case.' })
      else caseLine = caseLine === null || caseLine === tag ? tag : 'conflict'
    } else if (verb === null) break
    else readCommand(reader, line, commands)
  }
  const below = reader.lines.slice(reader.at).join('\n')
  return { caseLine, ...giveRest(commands, below, reader.problems) }
}

/** Whether a `/reply` sends the quoted text along: `/reply quote`. */
export function quotes({ verb, words }: Pick<Command, 'verb' | 'words'>): boolean {
  return verb === 'reply' && words.length === 1 && words[0]?.toLowerCase() === 'quote'
}

function readCommand(reader: Reader, line: string, commands: Open[]): void {
  reader.at += 1
  const { head, text } = readBlock(reader, line)
  const [name = '', ...words] = head.slice(1).split(/\s+/)
  const verb = verbOf(reader.verbs, name.toLowerCase(), words)
  if (verb === null) {
    reader.problems.push({ line: clip(head), says: unknownVerb(reader.verbs, name.toLowerCase()) })
    return
  }
  const command: Open = {
    line: clip(head),
    verb: verb.name,
    takes: verb.text,
    words: verb.name.includes(' ') ? words.slice(1) : words,
    text,
    fields: []
  }
  if (verb.text?.goesTo === 'fields') readFields(reader, command, text)
  if (verb.text?.goesTo === 'reporter') reader.problems.push(...doubtsAbout(text ?? ''))
  commands.push(command)
}

function verbOf(
  verbs: readonly Grammar[],
  name: string,
  [second = '']: readonly string[]
): Grammar | null {
  const both = `${name} ${second.toLowerCase()}`
  return verbs.find((verb) => verb.name === name || verb.name === both) ?? null
}

function unknownVerb(verbs: readonly Grammar[], name: string): string {
  const known = verbsUnder(verbs, name).map(synopsis)
  return known.length === 0
    ? `There is no command /${clip(name)}; /help lists them all.`
    : `There is no such command; I know ${known.join(', ')}.`
}

/** Splits `<<text>>` on one line, or collects the lines up to one that ends with `>>`. */
function readBlock(reader: Reader, line: string): { head: string; text: string | null } {
  const open = line.indexOf('<<')
  if (open < 0) return { head: line, text: null }
  const head = line.slice(0, open).trim()
  const first = line.slice(open + 2)
  if (first.trimEnd().endsWith('>>')) return { head, text: first.trimEnd().slice(0, -2).trim() }
  const collected = [first]
  while (reader.at < reader.lines.length) {
    const next = reader.lines[reader.at] ?? ''
    reader.at += 1
    if (next.trim() === '>>') return { head, text: collected.join('\n').trim() }
    if (next.trimEnd().endsWith('>>') && !next.startsWith('>')) {
      return { head, text: [...collected, next.trimEnd().slice(0, -2)].join('\n').trim() }
    }
    collected.push(next)
  }
  reader.problems.push({
    line: clip(head),
    says: 'The text that << opens has no closing >> on a line of its own.'
  })
  return { head, text: null }
}

/** Fields of `/notice draft`: from its block if it has one, else from the lines below it. */
function readFields(reader: Reader, command: Open, block: string | null): void {
  if (block !== null) {
    const inner: Reader = { ...reader, lines: block.split('\n'), at: 0 }
    collectFields(inner, command)
    command.text = null
    return
  }
  collectFields(reader, command)
}

function collectFields(reader: Reader, command: Open): void {
  let wrapped: { readonly field: { value: string }; readonly parts: string[] } | null = null
  const settle = (): void => {
    if (wrapped !== null) wrapped.field.value = wrapped.parts.join(' ').trim()
    wrapped = null
  }
  while (reader.at < reader.lines.length && !endsFields(reader)) {
    const line = (reader.lines[reader.at] ?? '').trim()
    const found = FIELD_LINE.exec(line)
    if (line === '') {
      settle()
      reader.at += 1
    } else if (found !== null) {
      settle()
      const field = readField(reader, command, { key: (found[1] ?? '').toLowerCase(), line })
      wrapped = field === null ? null : { field, parts: [field.value] }
    } else if (wrapped !== null) {
      // A mail client wrapped the line: it belongs to the field above.
      wrapped.parts.push(line)
      reader.at += 1
    } else break
  }
  settle()
}

/** Whether the fields end above this line: a command, a quotation, a signature. */
function endsFields(reader: Reader): boolean {
  const raw = reader.lines[reader.at] ?? ''
  const line = raw.trim()
  if (VERB_LINE.test(line) || line.startsWith('>') || raw === '-- ' || line === '--') return true
  return beginsQuotation(reader.lines, reader.at)
}

function readField(
  reader: Reader,
  command: Open,
  found: { key: string; line: string }
): { key: string; value: string } | null {
  reader.at += 1
  const { head, text } = readBlock(reader, found.line)
  const value = text ?? head.slice(found.key.length + 1).trim()
  if (!FIELD_KEYS.includes(found.key)) {
    const says = `A notice has no field ${found.key}. Put longer text between << and >>; the fields are: ${FIELD_KEYS.join(', ')}.`
    reader.problems.push({ line: clip(`${found.key}:`), says })
    return null
  }
  if (command.fields.some((field) => field.key === found.key)) {
    reader.problems.push({ line: clip(`${found.key}:`), says: 'This field is given twice.' })
    return null
  }
  const field = { key: found.key, value }
  command.fields.push(field)
  return text === null ? field : null
}

/** The text below the commands belongs to the one text verb that has none yet; otherwise it is a note. */
function giveRest(
  commands: Open[],
  below: string,
  problems: Problem[]
): Omit<ParsedCommands, 'caseLine'> {
  const rest = newText(below)
  const waiting = commands.filter(
    ({ takes, text }) => takes !== null && takes.goesTo !== 'fields' && text === null
  )
  const wanting = waiting.filter(({ takes }) => takes?.isOptional === false)
  const first = wanting[0] ?? waiting[0]
  if (wanting.length > 1) {
    problems.push({
      line: clip(first?.line ?? ''),
      says: 'Two commands want the text below; put each text between << and >>.'
    })
  }
  if (first === undefined || rest === '') return { commands, problems, rest }
  first.text = quotes(first) ? quotingText(below) : rest
  if (first.takes?.goesTo === 'reporter') problems.push(...doubtsAbout(below))
  return { commands, problems, rest: '' }
}

/** Why `text` must not go to the reporter as it stands: a line that only its author can tell from the head of a quotation. */
export function doubtsAbout(text: string): Problem[] {
  const line = doubtfulLine(text)
  return line === null ? [] : [{ line: clip(line.trim()), says: DOUBTFUL }]
}

const DOUBTFUL =
  'I cannot tell whether this line is yours or belongs to what you quote, so nothing was sent: delete the quotation below it, or the line.'

function clip(line: string): string {
  return line.length > 120 ? `${line.slice(0, 117)}...` : line
}
