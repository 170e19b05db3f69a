/**
 * Reads disclosure policies: the built-in ones by name, an operator's own by path. An own file may start from built-in and
 * other own files with `extends` and state what differs. Must never fill in a promise that a policy does not make: it
 * refuses a policy that leaves something out, and guesses nothing.
 */
import { basename, dirname } from 'node:path'
import { z } from 'zod'
import { NOTICE_FIELDS } from '../domain/notice.ts'
import { type Policy } from '../domain/policy.ts'
import { type Span } from '../domain/time.ts'
import { calendarKeys, type ReadCalendar } from './calendar.ts'
import { clocks } from './clock-schema.ts'
import { line, list, oneOf, shortName, span, textUpTo, whole } from './fields.ts'
import { overBuiltIn, pathOf, readMerged, sentenceAt } from './policy-sources.ts'
import { decode, type Problem, recordOf, refusedConfig } from './problems.ts'

/** A decoded policy. */
export type ReadPolicy = {
  readonly policy: Policy
  readonly calendar: ReadCalendar
  /** The built-in policy that it is or extends, directly or not; null when it extends none. */
  readonly preset: string | null
}

const sentence = textUpTo(1000).min(1, 'must not be empty')

const answer = z.strictObject({
  within: span.describe('How soon a person answers.'),
  firmness: oneOf('hard', 'soft').describe('A promise, or a target.'),
  includes: textUpTo(1000).describe('What the answer contains; "" when the policy does not say.')
})

const notice = z
  .strictObject({
    lead: span.describe('How long before disclosure the list gets the notice.'),
    tolerance: z
      .strictObject({ min: span, max: span })
      .describe('A lead between min and max needs no reason.'),
    required: list(oneOf(...NOTICE_FIELDS))
      .refine((fields) => new Set(fields).size === fields.length, 'must not name a field twice')
      .describe('Fields that every notice must have.'),
    approvals: whole(0, 10).describe('How many approvers other than the author must approve.'),
    late: oneOf('send', 'hold').describe(
      'What to do with a notice whose time has passed: send or hold it.'
    ),
    late_after_minutes: whole(1, 10_080).describe(
      'After how many minutes a release counts as late.'
    ),
    reporter_date_mail: oneOf('with-notice', 'none').describe(
      'Whether the reporter gets the date together with the notice.'
    ),
    tlp: line.describe('Traffic Light Protocol label.'),
    links: list(textUpTo(253).regex(/^[a-z0-9.-]+$/, 'must be the name of a host, in lower case'))
      .default([])
      .describe('Hosts that a notice may link to.')
  })
  .refine(
    ({ lead, tolerance }) =>
      roughHours(tolerance.min) <= roughHours(lead) &&
      roughHours(lead) <= roughHours(tolerance.max),
    { error: 'must have a lead between tolerance.min and tolerance.max' }
  )

const policySchema = z.strictObject({
  id: shortName.describe('Short name of the policy.'),
  title: line.describe('Full name of the policy.'),
  answer: answer.nullable().describe('The promise of a first answer, or null.'),
  clocks: clocks.describe('Deadlines that Postern watches, by id.'),
  reporter_rules: list(sentence).describe('Rules that every acknowledgement repeats.'),
  report_checklist: list(sentence).describe('What a complete report contains.'),
  replies: oneOf('internal', 'reporter').describe('Who gets a plain reply to a forwarded report.'),
  reporters: z
    .strictObject({
      cleartext: oneOf('allow', 'deny').describe('Whether answers may be sent unencrypted.')
    })
    .describe('How to write to reporters.'),
  // Paths in the file are absolute by now.
  calendar: z.strictObject(calendarKeys('/')).describe('Working days of the project.'),
  reject: z
    .strictObject({
      codes: z
        .record(shortName, sentence, 'must be a block of codes, each with what the reporter reads')
        .refine((codes) => Object.keys(codes).length > 0, 'must have at least one code')
        .describe('Reasons for rejecting a report, each with what the reporter reads.'),
      reason_length: whole(0, 1000).describe('Fewest characters of an explanation.')
    })
    .describe('What a rejection must have.'),
  close: z
    .strictObject({
      internal: oneOf('allow', 'deny').describe('Whether a case may be closed without disclosure.')
    })
    .describe('How a case may end.'),
  notice: notice.nullable().describe('The advance notice, or null for a policy without a list.')
})

/**
 * Reads the policy that a product names: a preset of `policiesDir` by its plain name, anything else as a path relative to
 * `baseDir`. Throws `Trouble` `config` with all problems of its files.
 */
export async function readPolicy(
  name: string,
  baseDir: string,
  policiesDir: string
): Promise<ReadPolicy> {
  const merged = await readMerged(pathOf(name, baseDir, policiesDir), policiesDir)
  const value = withAnswerClock(overBuiltIn(merged.value))
  const problems: Problem[] = []
  const decoded = await decode(policySchema, value, problems)
  if (decoded === null)
    throw refusedConfig(...problems.map((problem) => sentenceAt(merged.sources, problem)))
  const { calendar, ...policy } = decoded
  // A file in a subfolder is part of presets, not a preset.
  const preset = merged.sources.find((source) => dirname(source.path) === policiesDir)
  return { policy, calendar, preset: preset === undefined ? null : basename(preset.path, '.yaml') }
}

/** The clock `answer` takes its `due` from the promise `answer`, unless it has its own; without a promise it is removed. */
function withAnswerClock(value: unknown): unknown {
  const policy = recordOf(value) ?? {}
  const all = recordOf(policy['clocks'])
  const watched = recordOf(all?.['answer'])
  if (all === null || watched === null || Object.hasOwn(watched, 'due')) return value
  const { answer: _, ...others } = all
  const promise = recordOf(policy['answer'])
  if (promise === null) return { ...policy, clocks: others }
  const { within, firmness } = promise
  return { ...policy, clocks: { ...all, answer: { firmness, ...watched, due: { within } } } }
}

/** For comparing spans of one policy: five business days count as seven days. */
function roughHours(value: Span): number {
  if ('minutes' in value) return value.minutes / 60
  if ('hours' in value) return value.hours
  return 'days' in value ? value.days * 24 : value.business_days * 33.6
}
