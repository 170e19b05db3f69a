/**
 * Turns the issues of the schema into sentences: the path, what is wrong, and what to write instead. Must never repeat a
 * refused value (see fields.ts).
 */
import { type z } from 'zod'
import { Trouble } from '../domain/trouble.ts'

/** Keys and list positions that lead to a value. */
export type ValuePath = readonly (string | number)[]

/** One thing to correct, with its place in the file. */
export type Problem = { readonly path: ValuePath; readonly text: string }

/** A configuration or policy that cannot be used: the message has a line for each problem. */
export function refusedConfig(...problems: readonly string[]): Trouble {
  return new Trouble('config', problems.join('\n'))
}

/** Decodes `value`. Throws `Trouble` `config` with all problems when it is not valid. */
export async function decode<S extends z.ZodType>(
  schema: S,
  value: unknown,
  say: (problems: readonly Problem[]) => readonly string[]
): Promise<z.output<S>> {
  const result = await schema.safeParseAsync(value, { reportInput: true })
  if (result.success) return result.data
  throw refusedConfig(...say(result.error.issues.flatMap(problemsOf)))
}

/** `maintainers[1].key (line 3)`: a path as people write it, with its line if that is known. */
export function formatPath(path: ValuePath, line: number | null = null): string {
  const written = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`))
  return `${written.join('').replace(/^\./, '')}${line === null ? '' : ` (line ${line})`}`
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const text = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? '') : issue.message
  const path = issue.path.filter((key) => typeof key !== 'symbol')
  // The writer meant the form whose keys are all there: the mistake lies in their values.
  const forms = issue.code === 'invalid_union' ? issue.errors : []
  const meant = forms.find((form) =>
    form.every((one) => one.path.length > 0 && one.input !== undefined)
  )
  if (meant !== undefined)
    return meant.flatMap((inner) => problemsOf({ ...inner, path: [...path, ...inner.path] }))
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], text }))
  const isMissing = issue.code !== 'custom' && issue.input === undefined
  return [{ path, text: isMissing ? `is missing: it ${text}` : text }]
}

/** The value at `path` of plain data; undefined when there is none. */
export function valueAt(value: unknown, path: ValuePath): unknown {
  return path.reduce(
    (place, key) => (place as Partial<Record<string, unknown>> | null)?.[key],
    value
  )
}

/** `value` as a record; null when it is not one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
}
