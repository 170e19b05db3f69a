/**
 * Reads one YAML 1.2 document of a configuration or policy: unique keys, the core schema, no custom tags, a size limit.
 * Must never repeat text of the file in a message: it may hold a secret by mistake.
 */
import { isAlias, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { readBuiltIn } from './built-in.ts'
import { refusedConfig, type ValuePath } from './problems.ts'
import { readLimited } from './secrets.ts'

/** A document as plain values, with the line of each value. */
export type YamlFile = {
  readonly value: unknown
  /** Line of the value or, when it is missing, of what should hold it; counted from 1, null when unknown. */
  readonly lineOf: (path: ValuePath) => number | null
}

/** A mistake by the library's code and message, and where it is. */
type Fault = { readonly name: string; readonly at: number }

const BYTES_MAX = 1024 * 1024
const ALIASES_MAX = 50

const SENTENCES = Object.entries(
  readBuiltIn('config/yaml-mistakes.yaml') as Readonly<Record<string, string>>
)

/** Reads `path`. Throws `Trouble` `config` with its first mistake: what follows that one may be read wrongly. */
export async function readYaml(path: string): Promise<YamlFile> {
  const lines = new LineCounter()
  const source = (await readLimited(path, BYTES_MAX)).toString('utf8')
  const document = parseDocument(source, {
    stringKeys: true,
    prettyErrors: false,
    lineCounter: lines,
    resolveKnownTags: false,
    // Any quieter level would silently take the first of several documents.
    logLevel: 'error'
  })
  // An unknown tag is only a warning to the parser.
  const faults = [...document.errors, ...document.warnings].map((fault): Fault => {
    return { name: `${fault.code} ${fault.message}`, at: fault.pos[0] }
  })
  const anchors = new Set<string | undefined>()
  visit(document, (place, node) => {
    if (!isNode(node)) return
    const at = node.range?.[0] ?? 0
    if (!isAlias(node)) anchors.add(node.anchor)
    else if (!anchors.has(node.source)) faults.push({ name: 'BAD_ALIAS', at })
    // An object of JavaScript takes it for something else, and the schema would not see it.
    if (place === 'key' && isScalar(node) && node.value === '__proto__')
      faults.push({ name: 'PROTO', at })
  })
  const [first] = faults.sort((a, b) => a.at - b.at)
  if (first !== undefined) {
    const sentence = SENTENCES.find(([begin]) => first.name.startsWith(begin))?.[1] ?? ''
    throw refusedConfig(`${path}: line ${lines.linePos(placeOf(first, source)).line}: ${sentence}`)
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
    throw refusedConfig(`${path}: too many aliases (*name): write the values out`)
  }
}

/** Where a mistake is. Of a quote or bracket that is not closed the library says only where it gave up. */
function placeOf({ name, at }: Fault, source: string): number {
  const missing = /(?:closing |end with a )(["'}\]])/.exec(name)?.[1]
  const opening = missing?.replace('}', '{').replace(']', '[')
  return opening === undefined ? at : source.lastIndexOf(opening, at - 1)
}
