/**
 * Reads disclosure policies: the built-in ones by name, an operator's own by path. An own file may start from built-in and
 * other own files with `extends` and state what differs. Must never fill in a promise that a policy does not make: it
 * refuses a policy that leaves something out, and guesses nothing.
 */
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { REQUIRABLE_FIELDS } from '../domain/notice.ts'
import { type Policy } from '../domain/policy.ts'
import { type Span } from '../domain/time.ts'
import { calendarKeys, type ReadCalendar } from './calendar.ts'
import { clocks } from './clock-schema.ts'
import { block, line, list, oneOf, shortName, span, textUpTo, whole } from './fields.ts'
import { mergeSources, POLICIES_DIR, pathOf, readSources, sentenceAt } from './policy-sources.ts'
import { decode, type Problem, refusedConfig } from './problems.ts'

/** A decoded policy. */
export type ReadPolicy = {
  readonly policy: Policy
  readonly calendar: ReadCalendar
  /** The built-in policy that it is or extends, directly or not; null when it extends none. */
  readonly preset: string | null
}

const sentence = textUpTo(1000).min(1, 'must not be empty')

const notice = block({
  lead: span,
  tolerance: block({ min: span, max: span }),
  required: list(oneOf(...REQUIRABLE_FIELDS)).refine(
    (fields) => new Set(fields).size === fields.length,
    'must not name a field twice'
  ),
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
    roughHours(tolerance.min) <= roughHours(lead) && roughHours(lead) <= roughHours(tolerance.max),
  { error: 'must have a lead between tolerance.min and tolerance.max' }
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
  const problems: Problem[] = []
  const decoded = await decode(policySchema, mergeSources(sources), problems)
  if (decoded === null)
    throw refusedConfig(...problems.map((problem) => sentenceAt(sources, problem)))
  const { calendar, ...policy } = decoded
  // A file in a subfolder is part of presets, not a preset.
  const preset = sources.findLast(({ path }) => dirname(path) === POLICIES_DIR)
  return { policy, calendar, preset: preset === undefined ? null : basename(preset.path, '.yaml') }
}

/** For comparing spans of one policy: five business days count as seven days. */
function roughHours(value: Span): number {
  if ('minutes' in value) return value.minutes / 60
  if ('hours' in value) return value.hours
  return 'days' in value ? value.days * 24 : value.business_days * 33.6
}
