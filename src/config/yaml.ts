/**
 * Reads one YAML 1.2 document of a configuration or policy: unique keys, the core schema, no custom tags, a size limit.
 * Must never repeat text of the file in a message: it may hold a secret by mistake.
 */
import { isNode, LineCounter, parseDocument, visit } from 'yaml'
import { refusedConfig, type ValuePath } from './problems.ts'
import { readLimited } from './secrets.ts'

/** A document as plain values, with the line of each value. */
export type YamlFile = {
  readonly value: unknown
  /** Line of the value or, when it is missing, of what should hold it; counted from 1, null when unknown. */
  readonly lineOf: (path: ValuePath) => number | null
}

const BYTES_MAX = 1024 * 1024
const ALIASES_MAX = 50

const SENTENCES: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is there twice: remove one',
  TAG_RESOLVE_FAILED: 'tags like !name are not allowed: write the plain value',
  MULTIPLE_DOCS: 'a second document begins here: remove the --- line',
  TAB_AS_INDENT: 'this line is indented with a tab: use spaces',
  BAD_INDENT: 'this line is indented differently from the lines around it: line them up',
  MISSING_CHAR: 'a closing quote, bracket or colon is missing: add it',
  NON_STRING_KEY: 'this key is not text: put it in quotes',
  PROTO: 'this key is not known: correct or remove it',
  BAD_ALIAS: 'this alias (*name) has no anchor (&name): write the value'
}

/** Reads `path`. Throws `Trouble` `config` with all that is wrong with it, each with its line. */
export async function readYaml(path: string): Promise<YamlFile> {
  const lines = new LineCounter()
  const document = parseDocument((await readLimited(path, BYTES_MAX)).toString('utf8'), {
    stringKeys: true,
    prettyErrors: false,
    lineCounter: lines,
    resolveKnownTags: false,
    // Any quieter level would silently take the first of several documents.
    logLevel: 'error'
  })
  // An unknown tag is only a warning to the parser.
  const found = [...document.errors, ...document.warnings]
  const faults = found.map(({ code, pos }): [code: string, at: number] => [code, pos[0]])
  visit(document, {
    // An object of JavaScript takes it for something else, and the schema would not see it.
    Scalar: (place, { value, range }) => {
      if (place === 'key' && value === '__proto__') faults.push(['PROTO', range?.[0] ?? 0])
    }
  })
  if (faults.length > 0)
    throw refusedConfig(
      ...faults.map(([code, at]) => {
        const sentence =
          SENTENCES[code] ??
          `this line is not valid YAML (${code}): compare it with postern.example.yaml`
        return `${path}: line ${lines.linePos(at).line}: ${sentence}`
      })
    )
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
    throw refusedConfig(`${path}: too many aliases (*name): write the values out`)
  }
}
