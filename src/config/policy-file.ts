/**
 * Reads disclosure policies: the built-in ones by name, an operator's own by path. An own file may start from built-in and
 * other own files with `extends` and state what differs. Must never fill in a promise that a policy does not make: what a
 * file and its bases leave out is refused, not guessed.
 */
import { readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { NOTICE_FIELDS } from '../domain/notice.ts'
import { type Policy } from '../domain/policy.ts'
import { type Span } from '../domain/time.ts'
import { calendarKeys, type ReadCalendar, readHolidays } from './calendar.ts'
import { line, shortName, whole } from './fields.ts'
import { decodeAt, formatPath, type Problem, recordOf, valueAt } from './problems.ts'
import { readYaml, type ValuePath, type YamlFile } from './yaml.ts'

/** A decoded policy, or the sentences that say what is wrong with its files. */
export type PolicyResult =
  | {
      readonly kind: 'policy'
      readonly policy: Policy
      readonly calendar: ReadCalendar
      /** The built-in policy that it is or, at any distance, extends; null for one that stands alone. */
      readonly preset: string | null
    }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }

/** A file of the chain of bases, with its own values before those under it were merged in. */
type Source = { readonly path: string; readonly own: unknown; readonly lineOf: YamlFile['lineOf'] }
type Merged = { readonly value: unknown; readonly sources: readonly Source[] }

/** More files than this in a row are a mistake. */
const EXTENDS_MAX = 8
const BASES_MAX = 8
/** Maps by id: a file that extends another changes entries one by one and takes one away with null. */
const MAPS_BY_ID = ['reject.codes']
const PRESET_NAME = /^[a-z][a-z0-9-]*$/

const span = z.union(
  [
    z.strictObject({ hours: whole(0, 87_600) }),
    z.strictObject({ days: whole(0, 3650) }),
    z.strictObject({ business_days: whole(0, 2500) })
  ],
  'must be one of { hours: N }, { days: N } and { business_days: N }'
)
const sentence = z
  .string('must be text')
  .min(1, 'must not be empty')
  .max(1000, 'must have at most 1000 characters')

const answer = z.strictObject({
  within: span.describe('Until when a person answers.'),
  firmness: z.enum(['hard', 'soft'], 'must be hard or soft').describe('A promise, or a target.'),
  includes: z
    .string('must be text')
    .max(1000, 'must have at most 1000 characters')
    .describe('What the answer holds; "" when unstated.')
})

const notice = z
  .strictObject({
    lead: span.describe('How long before disclosure the list is told.'),
    tolerance: z
      .strictObject({ min: span, max: span })
      .describe('Leads between min and max need no reason.'),
    required: z
      .array(z.enum(NOTICE_FIELDS, `must be one of ${NOTICE_FIELDS.join(', ')}`), 'must be a list')
      .refine((fields) => new Set(fields).size === fields.length, 'must not name a field twice')
      .describe('Fields without which no notice leaves.'),
    approvals: whole(0, 10).describe('Signatures of other maintainers.'),
    late: z.enum(['send', 'hold'], 'must be send or hold').describe('What a missed instant means.'),
    late_after_minutes: whole(1, 10_080).describe('When a release counts as late.'),
    reporter_date_mail: z
      .enum(['with-notice', 'none'], 'must be with-notice or none')
      .describe('Whether the reporter is told the date in the same step.'),
    tlp: line.describe('Traffic Light Protocol label.')
  })
  .refine(
    ({ lead, tolerance }) =>
      roughHours(tolerance.min) <= roughHours(lead) &&
      roughHours(lead) <= roughHours(tolerance.max),
    { error: 'must have a lead between tolerance.min and tolerance.max' }
  )

const policySchema = z.strictObject({
  id: shortName.describe('Short name of the policy.'),
  title: line.describe('What people call it.'),
  answer: answer.nullable().describe('The promise of a first answer, or null.'),
  reporter_rules: z
    .array(sentence, 'must be a list')
    .describe('Rules that every acknowledgement repeats.'),
  report_checklist: z.array(sentence, 'must be a list').describe('What a complete report holds.'),
  replies: z
    .enum(['internal', 'reporter'], 'must be internal or reporter')
    .describe('Where a plain reply to a relayed mail goes.'),
  reporters: z
    .strictObject({
      cleartext: z
        .enum(['allow', 'deny'], 'must be allow or deny')
        .describe('Whether answers may leave in clear.')
    })
    .describe('How reporters are written to.'),
  calendar: z.strictObject(calendarKeys).describe('When the project works.'),
  reject: z
    .strictObject({
      codes: z
        .record(shortName, sentence, 'must be a block of codes, each with what the reporter reads')
        .refine((codes) => Object.keys(codes).length > 0, 'must have at least one code')
        .describe('Reasons for rejecting a report, each with what the reporter reads.'),
      reason_length: whole(0, 1000).describe('Fewest characters of an explanation.')
    })
    .describe('What a rejection needs.'),
  close: z
    .strictObject({
      internal: z
        .enum(['allow', 'deny'], 'must be allow or deny')
        .describe('Whether a case may end undisclosed.')
    })
    .describe('How a case may end.'),
  notice: notice.nullable().describe('The advance notice, or null for a policy without a list.')
})

/** The folder of the built-in policies, beside the program: `src/policies` or, built, `dist/policies`. */
export function builtInPoliciesDir(): string {
  return fileURLToPath(new URL('../policies', import.meta.url))
}

/** Names of the built-in policies in `policiesDir`, sorted. */
export function listPresets(policiesDir: string): string[] {
  return readdirSync(policiesDir)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort()
}

/**
 * Reads the policy that a product names: a preset of `policiesDir` by its plain name, anything else as a path relative to
 * `baseDir`. Never throws for a bad file.
 */
export async function readPolicy(
  name: string,
  baseDir: string,
  policiesDir: string
): Promise<PolicyResult> {
  const path = pathOf(name, baseDir, policiesDir)
  if (path === null) return refused([unknownPreset(policiesDir)])
  const merged = await readMerged(path, policiesDir, [])
  if ('problems' in merged) return refused(merged.problems)
  const problems: Problem[] = []
  const decoded = decodeAt(policySchema, merged.value, [], problems)
  if (decoded !== null) {
    const { calendar, ...policy } = decoded
    const holidays = await readHolidays(calendar.holidays)
    const presets = listPresets(policiesDir).map((preset) => join(policiesDir, `${preset}.yaml`))
    const preset = merged.sources.find((source) => presets.includes(source.path))
    if (typeof holidays !== 'string')
      return {
        kind: 'policy',
        policy,
        calendar: { timezone: calendar.zone, weekend: calendar.weekend, holidays },
        preset: preset === undefined ? null : basename(preset.path, '.yaml')
      }
    problems.push({ path: ['calendar', 'holidays'], text: holidays })
  }
  return refused(problems.map((problem) => sentenceAt(merged.sources, problem)))
}

/** The file of a policy's name: a preset, or a path relative to `baseDir`; null for an unknown plain name. */
function pathOf(name: string, baseDir: string, policiesDir: string): string | null {
  if (!PRESET_NAME.test(name)) return resolve(baseDir, name)
  return listPresets(policiesDir).includes(name) ? join(policiesDir, `${name}.yaml`) : null
}

/** A problem under the name of the file that states the value; where none does, under the first. */
function sentenceAt(sources: readonly Source[], { path, text }: Problem): string {
  const source = sources.find(({ own }) => valueAt(own, path) !== undefined) ?? sources[0]
  const at = source?.lineOf(path) ?? null
  return `${source?.path ?? ''}: ${formatPath(path)}${at === null ? '' : ` (line ${at})`} ${text}`
}

/** Reads a file over the files that it extends. Blocks are merged key by key; lists, spans and null replace. */
async function readMerged(
  path: string,
  policiesDir: string,
  above: readonly string[]
): Promise<Merged | { readonly problems: readonly string[] }> {
  const chain = [...above, path].map((file) => basename(file)).join(' extends ')
  if (above.includes(path))
    return { problems: [`${above[0] ?? path}: policies extend each other in a circle: ${chain}`] }
  if (above.length > EXTENDS_MAX)
    return { problems: [`${above[0] ?? path}: more than ${EXTENDS_MAX} files in a row: ${chain}`] }
  const file = await readYaml(path)
  if (!('value' in file)) return { problems: file.map((text) => `${path}: ${text}`) }
  const own = recordOf(file.value)
  if (own === null) return { problems: [`${path}: must be a block of keys`] }
  const { extends: extended, ...rest } = own
  const bases = basesOf(extended)
  if (typeof bases === 'string') return { problems: [`${path}: extends ${bases}`] }
  if (above.length === 0 && bases.length > 0 && typeof rest['id'] !== 'string')
    return {
      problems: [`${path}: id is missing: a policy that extends another has its own short name`]
    }
  const sources: Source[] = [{ path, own: rest, lineOf: (at) => file.lineOf(at) }]
  const problems: Problem[] = []
  let under: unknown
  for (const base of bases) {
    const basePath = pathOf(base, dirname(path), policiesDir)
    if (basePath === null) return { problems: [`${path}: extends: ${unknownPreset(policiesDir)}`] }
    const parent = await readMerged(basePath, policiesDir, [...above, path])
    if ('problems' in parent) return parent
    under = under === undefined ? parent.value : mergeOver(under, parent.value, [], problems)
    sources.push(...parent.sources)
  }
  const value = mergeOver(under ?? {}, withAbsolutePaths(rest, dirname(path)), [], problems)
  if (problems.length > 0)
    return { problems: problems.map((problem) => sentenceAt(sources, problem)) }
  return { value, sources }
}

function basesOf(extended: unknown): readonly string[] | string {
  if (extended === undefined) return []
  const list: unknown[] = Array.isArray(extended) ? extended : [extended]
  const names = list.filter((name) => typeof name === 'string' && name !== '')
  return names.length === list.length && names.length > 0 && names.length <= BASES_MAX
    ? (names as string[])
    : `must be the name of a built-in policy, a path like ./policy.yaml, or a list of up to ${BASES_MAX} of them`
}

/** A file that a policy names lies beside that policy, whoever extends it. */
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
  // A span is one value in three spellings: `within: { days: 2 }` replaces `within: { hours: 48 }` whole.
  if (isSpan(under) || isSpan(over)) return change
  const merged = new Map<string, unknown>(Object.entries(under))
  const removes = MAPS_BY_ID.includes(formatPath(path))
  for (const [key, value] of Object.entries(over)) {
    const at = [...path, key]
    if (removes && value === null) {
      if (!merged.delete(key))
        problems.push({ path: at, text: 'is null, but there is no such entry to take away' })
    } else merged.set(key, mergeOver(merged.get(key), value, at, problems))
  }
  return Object.fromEntries(merged)
}

function isSpan(value: Readonly<Record<string, unknown>>): boolean {
  return ['hours', 'days', 'business_days'].some((key) => Object.hasOwn(value, key))
}

/** For comparing spans of one policy: a business day counts as a day and two fifths, the week being seven for five. */
function roughHours(value: Span): number {
  if ('hours' in value) return value.hours
  return 'days' in value ? value.days * 24 : value.business_days * 33.6
}

function unknownPreset(policiesDir: string): string {
  return `there is no built-in policy of this name: use one of ${listPresets(policiesDir).join(', ')}, or a path like ./policy.yaml`
}

function refused(problems: readonly string[]): PolicyResult {
  return { kind: 'refused', problems }
}
