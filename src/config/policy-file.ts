/**
 * Reads disclosure policies: the built-in ones by name, an operator's own by path. An own file may start from built-in and
 * other own files with `extends` and state what differs. Must never fill in a promise that a policy does not make: it
 * refuses a policy that leaves something out, and guesses nothing.
 */
import { readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { REQUIRABLE_FIELDS } from '../domain/notice.ts'
import { type Policy } from '../domain/settings.ts'
import { HOUR_MS, spanMs, spanWords } from '../domain/time.ts'
import { readBuiltIn } from './built-in.ts'
import { calendarKeys, type ReadCalendar } from './calendar.ts'
import { CASE_CLOCKS, clocks } from './clock-schema.ts'
import { block, line, list, oneOf, shortName, span, textUpTo, whole } from './fields.ts'
import {
  decode,
  formatPath,
  type Problem,
  recordOf,
  refusedConfig,
  type ValuePath,
  valueAt
} from './problems.ts'
import { refuseChangeable } from './writable.ts'
import { readYaml, type YamlFile } from './yaml.ts'

/** A decoded policy. */
export type ReadPolicy = {
  readonly policy: Policy
  readonly calendar: ReadCalendar
  /** The built-in policy that it is or extends, directly or not; null when it extends none. */
  readonly preset: string | null
  /** That policy without the changes; null when there are none. */
  readonly base: Policy | null
}

type Source = {
  readonly path: string
  readonly own: Readonly<Record<string, unknown>>
  readonly lineOf: YamlFile['lineOf']
}

/** The folder of the built-in policies, beside the program: `src/policies` or, built, `dist/policies`. */
const POLICIES_DIR = fileURLToPath(new URL('../policies', import.meta.url))
/** Maps by id: a file that extends another changes entries one by one, and removes one with null. */
const MAPS_BY_ID = ['reject.codes', 'clocks']
const PRESET_NAME = /^[a-z][a-z0-9-]*$/

const sentence = textUpTo(1000).min(1, 'must not be empty')

const notice = block({
  lead: span.refine(
    (lead) => spanMs(lead) >= HOUR_MS,
    'must be an hour at least: a notice that does not leave before the disclosure does not leave at all'
  ),
  tolerance: block({ min: span, max: span }),
  required: list(oneOf(...REQUIRABLE_FIELDS)),
  approvals: whole(0, 10),
  late: oneOf('send', 'hold'),
  late_after_minutes: whole(1, 10_080),
  reporter_date_mail: oneOf('with-notice', 'none'),
  tlp: line,
  links: list(
    textUpTo(253).regex(/^[a-z0-9.-]+$/, 'must be the name of a host, in lower case')
  ).default([])
}).refine(
  ({ lead, tolerance }) =>
    spanMs(tolerance.min) <= spanMs(lead) && spanMs(lead) <= spanMs(tolerance.max),
  {
    error: ({ input }) => {
      const { lead, tolerance } = input as NonNullable<Policy['notice']>
      const said = [lead, tolerance.min, tolerance.max].map(spanWords)
      return `must have a lead between tolerance.min and tolerance.max: the lead is ${said[0]}, and the tolerance is ${said[1]} to ${said[2]}`
    }
  }
)

const policySchema = block({
  id: shortName,
  title: line,
  clocks,
  answer_includes: textUpTo(1000),
  reporter_rules: list(sentence),
  report_checklist: list(sentence),
  replies: oneOf('internal', 'reporter'),
  reporters: block({
    cleartext: oneOf('allow', 'deny')
  }),
  // Paths in the file are absolute by now.
  calendar: block(calendarKeys('/')),
  reject: block({
    codes: z
      .record(shortName, sentence, 'must be a block of codes, each with what the reporter reads')
      .refine((codes) => Object.keys(codes).length > 0, 'must have at least one code'),
    reason_length: whole(0, 1000)
  }),
  close: block({
    internal: oneOf('allow', 'deny')
  }),
  notice: notice.nullable()
})

/**
 * Reads the policy that a product names: a built-in one by its plain name, anything else as a path relative to
 * `baseDir`. Throws `Trouble` `config` with all problems of its files.
 */
export async function readPolicy(name: string, baseDir: string): Promise<ReadPolicy> {
  const sources = await readSources(pathOf(name, baseDir))
  const start: unknown = { clocks: CASE_CLOCKS }
  const value = sources.reduce((under, { own }) => mergeOver(under, own, []), start)
  const { calendar, ...policy } = await decode(policySchema, value, (problems) =>
    problems.map((problem) => sentenceAt(sources, value, problem))
  )
  // A file in a subfolder is part of presets, not a preset.
  const preset = sources.findLast(({ path }) => dirname(path) === POLICIES_DIR)
  if (preset === undefined) return { policy, calendar, preset: null, base: null }
  const base = preset === sources.at(-1) ? null : (await readPolicy(preset.path, '')).policy
  return { policy, calendar, preset: basename(preset.path, '.yaml'), base }
}

/** The numbered lines of the source of a built-in policy: what each says, in our words, and what Postern does about it. */
export function readLines(preset: string): Readonly<Record<string, Record<string, string>>> {
  return readBuiltIn(`policies/lines/${preset}.yaml`) as Record<string, Record<string, string>>
}

/** Names of the built-in policies, sorted. */
export function listPresets(): string[] {
  return readdirSync(POLICIES_DIR)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort()
}

/** The file for a policy's name: a preset, or a path relative to `baseDir`. `where` begins the sentence if there is none. */
function pathOf(name: string, baseDir: string, where = ''): string {
  if (!PRESET_NAME.test(name)) return resolve(baseDir, name)
  const presets = listPresets()
  if (presets.includes(name)) return join(POLICIES_DIR, `${name}.yaml`)
  throw refusedConfig(
    `${where}there is no built-in policy of this name: use one of ${presets.join(', ')}, or a path like ./policy.yaml; postern.yaml names the policy of each product`
  )
}

/** A problem with the name of the file that gives the value, or of the last file when none does. */
function sentenceAt(sources: readonly Source[], value: unknown, { path, text }: Problem): string {
  const source = sources.findLast(({ own }) => valueAt(own, path) !== undefined) ?? sources.at(-1)
  const map = path.slice(0, -1)
  const entries = Object.entries(recordOf(valueAt(value, map)) ?? {})
  const ids = entries.flatMap(([id, entry]) => (entry === null ? [] : id)).join(', ')
  const isRemoval = MAPS_BY_ID.includes(formatPath(map)) && valueAt(value, path) === null
  const says = isRemoval
    ? `is null to remove an entry, but there is none of this name: use one of ${ids}`
    : text
  return `${source?.path ?? ''}: ${formatPath(path, source?.lineOf(path))} ${says}`
}

/** Reads a file after the files that it extends, each once: a base that came again would undo what another file changed. */
async function readSources(
  path: string,
  above: readonly string[] = [],
  sources: Source[] = []
): Promise<readonly Source[]> {
  if (above.includes(path)) {
    const chain = [...above, path].map((file) => basename(file)).join(' extends ')
    throw refusedConfig(`${above[0] ?? path}: policies extend each other in a circle: ${chain}`)
  }
  if (dirname(path) !== POLICIES_DIR) refuseChangeable([path])
  const { value, lineOf } = await readYaml(path)
  const root = recordOf(value)
  if (root === null) throw refusedConfig(`${path}: must be a block of keys`)
  const { extends: extended, ...own } = root
  const bases = basesOf(extended, path)
  if (above.length === 0 && bases.length > 0 && typeof own['id'] !== 'string')
    throw refusedConfig(
      `${path}: id is missing: a policy that extends another has its own short name`
    )
  for (const base of bases) {
    const basePath = pathOf(base, dirname(path), `${path}: extends: `)
    if (sources.every((source) => source.path !== basePath))
      await readSources(basePath, [...above, path], sources)
  }
  sources.push({ path, own: withAbsolutePaths(own, dirname(path)), lineOf })
  return sources
}

function basesOf(extended: unknown, path: string): readonly string[] {
  const read = z.array(z.string().min(1)).safeParse([extended ?? []].flat())
  if (read.success) return read.data
  throw refusedConfig(
    `${path}: extends must be the name of a built-in policy, a path like ./policy.yaml, or a list of them`
  )
}

/** Paths in a policy are relative to that policy, also when another file extends it. */
function withAbsolutePaths(own: Source['own'], folder: string): Source['own'] {
  const calendar = recordOf(own['calendar'])
  const holidays = calendar?.['holidays']
  return typeof holidays === 'string'
    ? { ...own, calendar: { ...calendar, holidays: resolve(folder, holidays) } }
    : own
}

/** The policy `base` with what `change` states: blocks are merged key by key; lists, spans and null replace. */
function mergeOver(base: unknown, change: unknown, path: ValuePath): unknown {
  const [under, over] = [recordOf(base), recordOf(change)]
  if (under === null || over === null) return change
  const isMap = MAPS_BY_ID.includes(formatPath(path))
  if (!isMap && (isOneValue(under) || isOneValue(over))) return change
  const merged = new Map<string, unknown>(Object.entries(under))
  // The words of a promise name when it is due: whoever states that states them, too.
  if (!isMap && Object.hasOwn(over, 'due')) merged.delete('quote')
  for (const [key, value] of Object.entries(over)) {
    // A null that removes nothing stays, and is refused.
    if (isMap && value === null && merged.delete(key)) continue
    merged.set(key, mergeOver(merged.get(key), value, [...path, key]))
  }
  return Object.fromEntries(merged)
}

/** A span is one value: `within: { days: 2 }` replaces `within: { hours: 48 }` as a whole. So is `due`. */
function isOneValue(value: Readonly<Record<string, unknown>>): boolean {
  const keys = ['minutes', 'hours', 'days', 'business_days', 'within', 'before']
  return keys.some((key) => Object.hasOwn(value, key))
}
