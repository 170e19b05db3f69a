/**
 * Fills the wordings: Liquid files apart from code, with strict variables and filters, so that a wording that names a
 * parameter which does not exist fails at start and not in a message. Pure text in, text out: no files, no clock.
 */
import { Liquid, type Template, type Variable } from 'liquidjs'
import { type Address } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type CaseTag, type Fingerprint, formatFingerprint } from '../domain/ids.ts'
import { REFUSED } from '../domain/mail.ts'
import { DESK_RULE, type Message, type Wording, withoutRefs } from '../domain/message.ts'
import { HOLD_REASONS } from '../domain/notice.ts'
import { KEY_PROBLEMS, UNDELIVERED } from '../domain/outgoing.ts'
import { type Settings } from '../domain/settings.ts'
import { Trouble } from '../domain/trouble.ts'
import { sizeWords, spanWords } from '../domain/words.ts'
import { MESSAGES } from './catalogue.ts'
import { type AnyDefinition } from './define.ts'

const WIDTH = 76

/** The case that a message is about, and whether it leaves in clear; known only to the sender of the message. */
export type Occasion = {
  readonly tag: CaseTag | null
  readonly inClear: boolean
}

/** Renders one message to text with LF line ends, ending in one line end. */
export type Render = (message: Message, occasion: Occasion) => string

/** What every wording may say of the desk. */
export type DeskWords = Pick<Settings['desk'], 'name' | 'address' | 'fingerprint'>

/** Stands on top of every message that could be encrypted and is not, whatever its wording says (G3). */
const IN_CLEAR = '[This message is not encrypted, because we have no key of yours.]\n\n'

/** Compiles all wordings. Throws when one is missing or does not parse. */
export function createRender(
  wordings: ReadonlyMap<string, Wording>,
  desk: DeskWords,
  messages: readonly AnyDefinition[] = MESSAGES
): Render {
  const engine = liquid()
  const parsed = new Map<string, Template[]>(
    messages.map(({ kind }) => {
      const source = wordings.get(kind)?.source
      assert(source !== undefined, `the wording ${kind}.liquid is missing`)
      return [kind, engine.parse(source)]
    })
  )
  return (message, occasion) => {
    const compiled = parsed.get(message.kind)
    assert(compiled !== undefined, `there is no message ${message.kind}`)
    const common = commonWords(desk, occasion)
    const fill = (template: Template[], params: object): string => {
      try {
        return tidied(asText(engine.renderSync(template, { ...common, ...params })))
      } catch (cause) {
        const says = `The wording ${message.kind}.liquid cannot be filled in. If it is one of yours, see "postern check".`
        throw new Trouble('desk-fault', says, { retryable: true, cause })
      }
    }
    // A message inside a message is shown as its recipient reads it.
    const mark = occasion.inClear && message.inClear === 'own-words' ? IN_CLEAR : ''
    const params = Object.entries(message.params).map(([name, value]: [string, unknown]) => {
      const inner = isMessage(value) ? parsed.get(value.kind) : undefined
      return [name, inner === undefined ? value : fill(inner, (value as Message).params)] as const
    })
    return `${mark}${fill(compiled, Object.fromEntries(params))}`
  }
}

/**
 * The problems of the wordings that replace a built-in one, each with file and line: Liquid that does not parse, variables that
 * a message does not have (also in branches that no sample reaches), what fails when the samples are filled in, and what the
 * message is for and the wording leaves out.
 */
export function wordingProblems(
  wordings: ReadonlyMap<string, Wording>,
  messages: readonly AnyDefinition[] = MESSAGES
): string[] {
  const own = [...wordings].filter(([, { source, builtIn }]) => source !== builtIn)
  if (own.length === 0) return []
  const builtIn = new Map(
    [...wordings].map(([kind, one]) => [kind, { ...one, source: one.builtIn }] as const)
  )
  const readable = new Map(wordings)
  const unread = own.flatMap(([kind, wording]) => {
    const found = complaints(wording.file, () => unknownVariables(kind, wording))
    // The built-in one stands in, so that a wording that cannot be read hides no mistake in another.
    if (found.length > 0) readable.set(kind, { ...wording, source: wording.builtIn })
    return found
  })
  const readsBy = (all: typeof wordings) => {
    const render = createRender(all, SAMPLE_DESK, messages)
    return (message: Message, inClear: boolean): string =>
      render(message, { ...SAMPLE, inClear }).replaceAll(/\s+/gu, ' ')
  }
  const [says, known] = [readsBy(readable), readsBy(builtIn)]
  const failing = own.flatMap(([kind, { file, samples }]) => {
    const definition = messages.find((one) => one.kind === kind)
    return complaints(file, () =>
      Object.values(samples).flatMap((params) =>
        [true, false].flatMap((inClear) => {
          if (definition === undefined) return []
          const message = definition(params as never)
          const text = says(message, inClear)
          const lost = essentials(params).filter(
            ([, said]) => !text.includes(said) && known(message, inClear).includes(said)
          )
          return lost.map(
            ([name]) =>
              `it leaves out "${name}", which this message is for; the built-in wording shows it`
          )
        })
      )
    )
  })
  return [...unread, ...failing]
}

/** What no wording may leave out, wherever it stands in the parameters: by its name, with blanks as one. */
const ESSENTIAL = 'text decision code date disclosure said reach remedy answerBy'.split(' ')

function essentials(params: object): [name: string, said: string][] {
  return Object.entries(params).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === 'object' && value !== null) return essentials(value)
    const said = typeof value === 'string' ? value.replaceAll(/\s+/gu, ' ').trim() : ''
    return ESSENTIAL.includes(name) && said !== '' ? [[name, said]] : []
  })
}

function unknownVariables(kind: string, { source, samples }: Wording): string[] {
  const common = commonWords(SAMPLE_DESK, SAMPLE)
  const known = Object.values(samples).map((params) => ({ ...common, ...params }))
  const { globals } = liquid().parseAndAnalyzeSync(source, undefined, { partials: false })
  return Object.values(globals)
    .flat()
    .flatMap(({ segments, location: { row } }) => {
      const unknown = unknownIn(segments, known)
      if (unknown === null) return []
      const { path, has } = unknown
      const names = [...new Set(has)].sort().join(', ')
      return `line ${row}: the message ${kind} has no variable "${path}"; it has ${names}`
    })
}

/** The first part of a path that none of these values has, and what they have in its place; null where all of it is there. */
function unknownIn(segments: Variable['segments'], known: readonly unknown[]) {
  let values = known
  for (const [at, name] of segments.entries()) {
    const blocks = values.filter(isBlock)
    // A computed name, or what Liquid says of a list or a text: `size`.
    if (typeof name !== 'string' || blocks.length === 0) return null
    const has = blocks.flatMap(Object.keys)
    if (!has.includes(name)) return { path: segments.slice(0, at + 1).join('.'), has }
    values = blocks.map((one) => one[name])
  }
  return null
}

function isBlock(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The problems that `find` finds, or the complaint of the library, with the file in front. */
function complaints(file: string, find: () => string[]): string[] {
  try {
    return [...new Set(find())].map((text) => `${file}: ${text}`)
  } catch (error) {
    const isWrapped = error instanceof Trouble
    return [`${file}: ${liquidComplaint(isWrapped ? error.cause : error)}`]
  }
}

/** The library's words, with the line in front: "undefined filter: x, line:3, col:4". */
function liquidComplaint(error: unknown): string {
  const text = error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'cannot be used'
  const line = /, line:(\d+), col:\d+/.exec(text)
  return line === null ? text : `line ${line[1]}: ${text.replace(line[0], '')}`
}

/** A desk and a case for the samples. */
export const SAMPLE_DESK = {
  name: 'ACME Security Team',
  address: 'security@acme.example' as Address,
  fingerprint: '0123456789abcdef0123456789abcdef01234567' as Fingerprint
}
export const SAMPLE: Occasion = { tag: 'ACME-2026-0007' as CaseTag, inClear: false }

const WORDS: Readonly<Record<string, string>> = {
  ...KEY_PROBLEMS,
  ...UNDELIVERED,
  ...HOLD_REASONS,
  ...REFUSED,
  'in-clear': 'unencrypted',
  told: 'a message to the reporter was on its way',
  'waits-for-key': 'the reporter will be told when a key comes',
  'no-address': 'the reporter could not be told, because the report names no address',
  unverified: 'the reporter was not told, because their address is not verified',
  'silent-by-policy': 'the reporter was not told, as the policy allows'
}

/** The strict engine of every wording. */
export function liquid(): Liquid {
  const engine = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    cache: false,
    // Wordings include nothing from the disk.
    templates: {}
  })
  engine.registerFilter('wrap', (text: unknown, indent: unknown) =>
    wrap(asText(text), asText(indent))
  )
  engine.registerFilter('span', spanWords)
  engine.registerFilter('size', sizeWords)
  engine.registerFilter('words', (code: string) => WORDS[code] ?? code)
  engine.registerFilter('guard', (text: unknown) => guard(asText(text)))
  return engine
}

function commonWords({ name, address, fingerprint }: DeskWords, { tag, inClear }: Occasion) {
  return {
    desk: name,
    address,
    fingerprint: formatFingerprint(fingerprint),
    tag: tag ?? '',
    inClear,
    rule: DESK_RULE
  }
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && 'kind' in value && 'inClear' in value

function tidied(text: string): string {
  return `${text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/**
 * Breaks long lines at blanks; lines that fit stay as they are. A sender's name in a line must not pass for one of the desk's
 * rules.
 */
function wrap(text: string, indent: string): string {
  return withoutRefs(text)
    .split('\n')
    .flatMap((line) => wrapLine(line, indent))
    .map((line) => (line.includes(DESK_RULE) ? `| ${line}` : line))
    .join('\n')
}

function wrapLine(line: string, indent: string): string[] {
  if (line.length <= WIDTH) return [line]
  const lines: string[] = []
  const lead = /^ */.exec(line)?.[0] ?? ''
  const more = lead.length > indent.length ? lead : indent
  let current = ''
  for (const word of line.slice(lead.length).split(' ')) {
    const next = current === '' ? `${lead}${word}` : `${current} ${word}`
    if (next.trimStart() !== '' && next.length > WIDTH && current.trim() !== '') {
      lines.push(current)
      // A wrapped line must not look like one of the desk's own (see guard).
      current = DESK_LINE.test(word) ? `${more}| ${word}` : `${more}${word}`
    } else current = next
  }
  return [...lines, current]
}

const DESK_LINE = /^[>\s]*(?:ref|case)\s*:/i
/** Whatever a mail client may turn into a line end when it quotes. */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/

/** Another person's text must not contain lines that the desk would take for its own. */
function guard(text: string): string {
  return withoutRefs(text.split(LINE_END).join('\n'))
    .split('\n')
    .map((line) => (DESK_LINE.test(line) || line.includes(DESK_RULE) ? `| ${line}` : line))
    .join('\n')
}
