/**
 * Turns the issues of the schema into sentences: the path, what is wrong, and what to write instead. Must never repeat a
 * refused value (see fields.ts).
 */
import { z } from 'zod'
import { Trouble } from '../domain/trouble.ts'
import { type ValuePath } from './yaml.ts'

/** One thing to correct, with its place in the file. */
export type Problem = { readonly path: ValuePath; readonly text: string }

/** A configuration or policy that cannot be used: the message has a line for each problem. */
export function refusedConfig(...problems: readonly string[]): Trouble {
  return new Trouble('config', problems.join('\n'), { retryable: false })
}

/** Decodes `value`. When it is not valid, adds all problems; the descriptions of the schema say what a missing key is for. */
export async function decode<S extends z.ZodType>(
  schema: S,
  value: unknown,
  problems: Problem[]
): Promise<z.output<S> | null> {
  const result = await schema.safeParseAsync(value)
  if (result.success) return result.data
  const shape: unknown = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  problems.push(...result.error.issues.flatMap((issue) => problemsOf(issue, { value, shape })))
  return null
}

/** `maintainers[1].key`: a path as people write it. */
export function formatPath(path: ValuePath): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`,
    ''
  )
}

function problemsOf(
  issue: z.core.$ZodIssue,
  { value, shape }: { readonly value: unknown; readonly shape: unknown }
): Problem[] {
  const path = issue.path.filter((key) => typeof key !== 'symbol')
  if (issue.code === 'custom') return [{ path, text: issue.message }]
  const place = schemaAt(shape, path)
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(recordOf(recordOf(place)?.['properties']) ?? {}).join(', ')
    return issue.keys.map((key) => ({
      path: [...path, key],
      text: `is not a known key: correct or remove it (known here: ${known})`
    }))
  }
  const description = recordOf(place)?.['description']
  const meaning = typeof description === 'string' ? description : ''
  if (valueAt(value, path) === undefined) {
    return [{ path, text: meaning === '' ? 'is missing' : `is missing. ${meaning}` }]
  }
  return [{ path, text: sentenceOf(issue) }]
}

function sentenceOf(issue: z.core.$ZodIssue): string {
  return /^must /.test(issue.message) ? issue.message : `must be a ${expectedOf(issue)}`
}

function expectedOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return 'value of another type'
  return issue.expected === 'object' ? 'block of keys' : issue.expected
}

/** The part of a JSON Schema that describes the value at `path`, as far as it can be followed. */
function schemaAt(shape: unknown, path: ValuePath): unknown {
  let place = shape
  for (const key of path) {
    const record = recordOf(place)
    place = typeof key === 'number' ? record?.['items'] : recordOf(record?.['properties'])?.[key]
  }
  return place
}

/** The value at `path` of plain data; undefined when there is none. */
export function valueAt(value: unknown, path: ValuePath): unknown {
  let place = value
  for (const key of path) {
    place = Array.isArray(place) ? (place as unknown[])[Number(key)] : recordOf(place)?.[key]
  }
  return place
}

/** `value` as a record; null when it is not one. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : null
}
