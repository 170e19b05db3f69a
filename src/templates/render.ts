/**
 * Fills the mail texts: Liquid files apart from code, with strict variables and filters, so that a wording that names a
 * parameter which does not exist fails at start and not in a mail. Pure text in, text out: no files, no clock.
 */
import { Liquid } from 'liquidjs'
import { assert } from '../domain/assert.ts'
import {
  DESK_RULE,
  type NoticeParams,
  type Template,
  type TemplateName
} from '../domain/template.ts'

const WIDTH = 76

/** Every text there is. Each must exist as NAME.liquid. */
export const TEMPLATE_NAMES = [
  'acknowledgement',
  'refusal',
  'key-request',
  'resend-request',
  'key-problem',
  'relay',
  'note',
  'activity',
  'transcript',
  'preview',
  'alert',
  'digest',
  'notice',
  'date-notice',
  'reply'
] as const satisfies readonly TemplateName[]

/** Renders one template to text with LF line ends, ending in one line end. */
export type Render = (template: Template) => string

/** Compiles all templates. Throws when one is missing or does not parse; `sources` maps names to Liquid text. */
export function createRender(sources: ReadonlyMap<string, string>): Render {
  const engine = new Liquid({
    strictVariables: true,
    strictFilters: true,
    ownPropertyOnly: true,
    cache: false
  })
  engine.registerFilter('wrap', (text: unknown, indent: unknown) =>
    wrap(asText(text), asText(indent))
  )
  engine.registerFilter('guard', (text: unknown) => guard(asText(text)))
  const parsed = new Map(
    TEMPLATE_NAMES.map((name) => {
      const source = sources.get(name)
      assert(source !== undefined, `the template ${name} is missing`)
      return [name, engine.parse(source)] as const
    })
  )
  const render = (name: TemplateName, params: object): string => {
    const compiled = parsed.get(name)
    assert(compiled !== undefined, `there is no template ${name}`)
    const text: unknown = engine.renderSync(compiled, { ...params, rule: DESK_RULE })
    return `${asText(text)
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
      .replaceAll(/\n{3,}/g, '\n\n')
      .trim()}\n`
  }
  return (template) => {
    if (template.name !== 'preview') return render(template.name, template.params)
    const specimen = render('notice', noticeOf(template.params))
    return render('preview', { ...template.params, specimen })
  }
}

function noticeOf(params: { readonly notice: NoticeParams }): NoticeParams {
  return params.notice
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/**
 * Breaks long lines at blanks; lines that fit stay as they are. A sender's name among them must not pass for one of the desk's
 * rules.
 */
function wrap(text: string, indent: string): string {
  return text
    .split('\n')
    .flatMap((line) => wrapLine(line, indent))
    .map((line) => (line.includes(DESK_RULE) ? `| ${line}` : line))
    .join('\n')
}

function wrapLine(line: string, indent: string): string[] {
  if (line.length <= WIDTH) return [line]
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    const next = current === '' ? word : `${current} ${word}`
    if (next.trimStart() !== '' && next.length > WIDTH && current.trim() !== '') {
      lines.push(current)
      // A wrapped line must not look like one of the desk's own (see guard).
      current = DESK_LINE.test(word) ? `${indent}| ${word}` : `${indent}${word}`
    } else current = next
  }
  return [...lines, current]
}

const DESK_LINE = /^[>\s]*(?:ref|case)\s*:/i
/** Whatever a mail client may turn into a line end when it quotes. */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/

/** Another person's text must not contain lines that the desk would take for its own. */
function guard(text: string): string {
  return text
    .split(LINE_END)
    .map((line) => (DESK_LINE.test(line) || line.includes(DESK_RULE) ? `| ${line}` : line))
    .join('\n')
}
