/**
 * Reads disclosure policies: the built-in ones by name, an operator's own by path. An own file may start from a built-in
 * policy with `extends: NAME` and state what differs. Must never fill in a promise that a policy does not make: what a
 * file and its base leave out is refused, not guessed.
 */
import { readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { NOTICE_FIELDS } from '../domain/notice.ts'
import { type Policy } from '../domain/policy.ts'
import { type Span } from '../domain/time.ts'
import { line, shortName, whole } from './fields.ts'
import { decodeAt, formatPath, type Problem, recordOf } from './problems.ts'
import { readYaml, type YamlFile } from './yaml.ts'

/** A decoded policy, or the sentences that say what is wrong with its file. */
export type PolicyResult =
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }

type Merged = { readonly value: unknown; readonly lineOf: YamlFile['lineOf'] }

const EXTENDS_MAX = 4
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

const policySchema: z.ZodType<Policy> = z.strictObject({
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
  calendar: z
    .strictObject({
      weekend: z
        .array(whole(1, 7), 'must be a list')
        .max(6, 'must leave a working day')
        .describe('Days off, 1 is Monday.'),
      holidays: z
        .array(z.iso.date('must be a date in quotes like "2026-12-25"'), 'must be a list')
        .describe('Dates off.')
    })
    .describe('When the project works.'),
  reject: z
    .strictObject({
      codes: z
        .array(z.strictObject({ code: shortName, says: sentence }), 'must be a list')
        .min(1, 'must have at least one code')
        .refine(
          (codes) => new Set(codes.map(({ code }) => code)).size === codes.length,
          'must not have a code twice'
        )
        .describe('Reasons for rejecting a report, with what the reporter reads.'),
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
  if (PRESET_NAME.test(name) && !listPresets(policiesDir).includes(name)) {
    return refused([unknownPreset(policiesDir)])
  }
  const path = PRESET_NAME.test(name) ? join(policiesDir, `${name}.yaml`) : resolve(baseDir, name)
  const merged = await readMerged(path, policiesDir, EXTENDS_MAX)
  if ('problems' in merged) return refused(merged.problems.map((text) => `${path}: ${text}`))
  const problems: Problem[] = []
  const policy = decodeAt(policySchema, merged.value, [], problems)
  if (policy !== null) return { kind: 'policy', policy }
  return refused(
    problems.map((problem) => {
      const at = merged.lineOf(problem.path)
      const place = formatPath(problem.path) + (at === null ? '' : ` (line ${at})`)
      return `${path}: ${place} ${problem.text}`
    })
  )
}

/** Reads a file over the built-in policy that it extends. Blocks are merged key by key; lists and null replace. */
async function readMerged(
  path: string,
  policiesDir: string,
  depthLeft: number
): Promise<Merged | { readonly problems: readonly string[] }> {
  const file = await readYaml(path)
  if (!('value' in file)) return { problems: file }
  const own = recordOf(file.value)
  if (own === null) return { problems: ['must be a block of keys'] }
  const { extends: base, ...rest } = own
  if (base === undefined) return { value: own, lineOf: (at) => file.lineOf(at) }
  if (typeof base !== 'string' || !listPresets(policiesDir).includes(base)) {
    return { problems: [`extends: ${unknownPreset(policiesDir)}`] }
  }
  if (typeof rest['id'] !== 'string') {
    return { problems: ['id is missing: a policy that extends another has its own short name'] }
  }
  const basePath = join(policiesDir, `${base}.yaml`)
  if (depthLeft === 0 || (dirname(path) === policiesDir && basePath === path)) {
    return { problems: ['extends: policies extend each other in a circle'] }
  }
  const parent = await readMerged(basePath, policiesDir, depthLeft - 1)
  if ('problems' in parent) return parent
  return { value: mergeOver(parent.value, rest), lineOf: (at) => file.lineOf(at) }
}

function mergeOver(base: unknown, change: unknown): unknown {
  const [under, over] = [recordOf(base), recordOf(change)]
  if (under === null || over === null) return change
  // A span is one value in three spellings: `within: { days: 2 }` replaces `within: { hours: 48 }` whole.
  if (isSpan(under) || isSpan(over)) return change
  const merged = new Map<string, unknown>(Object.entries(under))
  for (const [key, value] of Object.entries(over))
    merged.set(key, mergeOver(merged.get(key), value))
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
