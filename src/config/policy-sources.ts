/**
 * Reads a policy file and the files that it extends, and merges them; knows where the built-in policies are. Must never check
 * what a policy says: policy-file.ts does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { assert } from '../domain/assert.ts'
import { type Clock } from '../domain/clock.ts'
import { formatPath, type Problem, recordOf, refusedConfig, valueAt } from './problems.ts'
import { parseYaml, readYaml, type ValuePath, type YamlFile } from './yaml.ts'

/** A file with its own values. */
export type Source = {
  readonly path: string
  readonly own: Readonly<Record<string, unknown>>
  readonly lineOf: YamlFile['lineOf']
}

/** Maps by id: a file that extends another changes entries one by one, and removes one with null. */
const MAPS_BY_ID = ['reject.codes', 'clocks']
/** The folder of the built-in policies, beside the program: `src/policies` or, built, `dist/policies`. */
export const POLICIES_DIR = fileURLToPath(new URL('../policies', import.meta.url))
/** The clocks that every desk has, by id, as written. */
export const BUILT_IN = builtInClocks()
const CASE_CLOCKS = Object.fromEntries(
  Object.entries(BUILT_IN).flatMap(([id, { subjects, ...clock }]) =>
    subjects?.includes('case') === false ? [] : [[id, clock]]
  )
)
const CLOCK_DUE = /^clocks\.[^.]+\.due$/
const PRESET_NAME = /^[a-z][a-z0-9-]*$/

/** Names of the built-in policies, sorted. */
export function listPresets(): string[] {
  return readdirSync(POLICIES_DIR)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort()
}

/** The file for a policy's name: a preset, or a path relative to `baseDir`. `where` begins the sentence if there is none. */
export function pathOf(name: string, baseDir: string, where = ''): string {
  if (!PRESET_NAME.test(name)) return resolve(baseDir, name)
  const presets = listPresets()
  if (presets.includes(name)) return join(POLICIES_DIR, `${name}.yaml`)
  throw refusedConfig(
    `${where}there is no built-in policy of this name: use one of ${presets.join(', ')}, or a path like ./policy.yaml`
  )
}

/** A problem with the name of the file that gives the value, or of the last file when none does. */
export function sentenceAt(sources: readonly Source[], { path, text }: Problem): string {
  const source = sources.findLast(({ own }) => valueAt(own, path) !== undefined) ?? sources.at(-1)
  const at = source?.lineOf(path) ?? null
  return `${source?.path ?? ''}: ${formatPath(path)}${at === null ? '' : ` (line ${at})`} ${text}`
}

/** Reads a file and the files that it extends, which come first. */
export async function readSources(
  path: string,
  above: readonly string[] = []
): Promise<readonly Source[]> {
  if (above.includes(path)) {
    const chain = [...above, path].map((file) => basename(file)).join(' extends ')
    throw refusedConfig(`${above[0] ?? path}: policies extend each other in a circle: ${chain}`)
  }
  const file = await readYaml(path)
  if (!('value' in file)) throw refusedConfig(...file.map((text) => `${path}: ${text}`))
  const root = recordOf(file.value)
  if (root === null) throw refusedConfig(`${path}: must be a block of keys`)
  const { extends: extended, ...own } = root
  const bases = basesOf(extended, path)
  if (above.length === 0 && bases.length > 0 && typeof own['id'] !== 'string')
    throw refusedConfig(
      `${path}: id is missing: a policy that extends another has its own short name`
    )
  const sources: Source[] = []
  for (const base of bases) {
    const basePath = pathOf(base, dirname(path), `${path}: extends: `)
    sources.push(...(await readSources(basePath, [...above, path])))
  }
  const lineOf: Source['lineOf'] = (at) => file.lineOf(at)
  return [...sources, { path, own: withAbsolutePaths(own, dirname(path)), lineOf }]
}

/**
 * The policy that the files state, each over those before it and all over the clocks that every policy has. Blocks are merged
 * key by key; lists, spans and null replace.
 */
export function mergeSources(sources: readonly Source[]): Readonly<Record<string, unknown>> {
  const problems: Problem[] = []
  const value = sources.reduce<unknown>((under, { own }) => mergeOver(under, own, [], problems), {
    clocks: CASE_CLOCKS
  })
  if (problems.length === 0) return recordOf(value) ?? {}
  throw refusedConfig(...problems.map((problem) => sentenceAt(sources, problem)))
}

function basesOf(extended: unknown, path: string): readonly string[] {
  const bases = z.array(z.string().min(1)).min(1)
  const read = bases.safeParse(extended === undefined ? [] : [extended].flat())
  if (read.success || extended === undefined) return read.data ?? []
  throw refusedConfig(
    `${path}: extends must be the name of a built-in policy, a path like ./policy.yaml, or a list of them`
  )
}

/** Paths in a policy are relative to that policy, also when another file extends it. */
function withAbsolutePaths(
  own: Readonly<Record<string, unknown>>,
  folder: string
): Readonly<Record<string, unknown>> {
  const calendar = recordOf(own['calendar'])
  const holidays = calendar?.['holidays']
  return typeof holidays === 'string'
    ? { ...own, calendar: { ...calendar, holidays: resolve(folder, holidays) } }
    : own
}

function mergeOver(base: unknown, change: unknown, path: ValuePath, problems: Problem[]): unknown {
  const [under, over] = [recordOf(base), recordOf(change)]
  if (under === null || over === null) return change
  // A span is one value: `within: { days: 2 }` replaces `within: { hours: 48 }` as a whole. So is `due`.
  if (isSpan(under) || isSpan(over) || CLOCK_DUE.test(formatPath(path))) return change
  const merged = new Map<string, unknown>(Object.entries(under))
  const removes = MAPS_BY_ID.includes(formatPath(path))
  for (const [key, value] of Object.entries(over)) {
    const at = [...path, key]
    if (!removes || value !== null) merged.set(key, mergeOver(merged.get(key), value, at, problems))
    else if (!merged.delete(key))
      problems.push({ path: at, text: 'is null, but there is no such entry to remove' })
  }
  return Object.fromEntries(merged)
}

function isSpan(value: Readonly<Record<string, unknown>>): boolean {
  return ['minutes', 'hours', 'days', 'business_days'].some((key) => Object.hasOwn(value, key))
}

type WrittenClock = Readonly<Record<string, unknown>> & { readonly subjects?: Clock['subjects'] }

function builtInClocks(): Readonly<Record<string, WrittenClock>> {
  const file = join(POLICIES_DIR, 'shared/built-in-clocks.yaml')
  const read = parseYaml(readFileSync(file, 'utf8'))
  assert('value' in read, 'the built-in clocks are no YAML')
  return (read.value as { readonly clocks: Readonly<Record<string, WrittenClock>> }).clocks
}
