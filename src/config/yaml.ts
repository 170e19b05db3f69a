/**
 * Reads one YAML 1.2 document of a configuration or policy: unique keys, the core schema, no custom tags, a size limit.
 * Must never repeat text of the file in a message: a secret may stand in it by mistake.
 */
import { isNode, LineCounter, parseDocument } from 'yaml'
import { readLimited } from './secrets.ts'

/** Keys and list positions that lead to a value. */
export type ValuePath = readonly (string | number)[]

/** A document as plain values, and where each value stands. */
export type YamlFile = {
  readonly value: unknown
  /** Line of the value or, when it is missing, of what should hold it; counted from 1, null when unknown. */
  lineOf(path: ValuePath): number | null
}

const BYTES_MAX = 1024 * 1024
const ALIASES_MAX = 50

const SENTENCES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'the same key stands twice: remove one',
  TAG_RESOLVE_FAILED: 'tags like !name are not allowed: write the plain value',
  MULTIPLE_DOCS: 'there is more than one document: remove the --- line',
  TAB_AS_INDENT: 'a tab indents the line: use spaces',
  BAD_INDENT: 'the indentation does not fit the lines around it',
  MISSING_CHAR: 'a closing quote, bracket or colon is missing',
  NON_STRING_KEY: 'keys must be text',
  BAD_ALIAS: 'an alias (*name) has no anchor (&name)'
}

/** Reads `path`. Returns the document, or the sentences that say why it is none, each with its line. */
export async function readYaml(path: string): Promise<YamlFile | readonly string[]> {
  const bytes = await readLimited(path, BYTES_MAX)
  return typeof bytes === 'string' ? [bytes] : parseYaml(bytes.toString('utf8'))
}

/** The document in `text`, or the sentences that say why it is none, each with its line. */
export function parseYaml(text: string): YamlFile | readonly string[] {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    customTags: [],
    uniqueKeys: true,
    stringKeys: true,
    prettyErrors: false,
    lineCounter: lines,
    resolveKnownTags: false,
    // Anything quieter would take the first of several documents without a word.
    logLevel: 'error'
  })
  // An unknown tag is only a warning to the parser.
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    return faults.map(({ code, pos }) => {
      const sentence = SENTENCES[code] ?? `this is not YAML (${code})`
      return `line ${lines.linePos(pos[0]).line}: ${sentence}`
    })
  }
  try {
    return {
      value: document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown,
      lineOf: (path) => {
        for (let depth = path.length; depth > 0; depth -= 1) {
          const node = document.getIn(path.slice(0, depth), true)
          const start = isNode(node) ? node.range?.[0] : undefined
          if (start !== undefined) return lines.linePos(start).line
        }
        return null
      }
    }
  } catch {
    return ['too many aliases (*name): write the values out']
  }
}
