/**
 * The numbered lines of the source policies with what Postern does about each, and advice about a valid policy. Must never
 * change a policy.
 */
import { join } from 'node:path'
import { z } from 'zod'
import { type Policy, promisedAnswer } from '../domain/policy.ts'
import { type ReadCalendar } from './calendar.ts'
import { line } from './fields.ts'
import { POLICIES_DIR } from './policy-sources.ts'
import { readYaml } from './yaml.ts'

const lines = z.record(
  z.string().regex(/^S\d-\d\d$/),
  z.strictObject({
    text: z.string(),
    does: z.enum(['carried-out', 'reminds', 'not-yet']),
    says: line
  })
)

/** A line of a source policy by its id: what it says, in our words, and what Postern does about it. */
export type PolicyLines = z.output<typeof lines>

/** The lines of a built-in policy; throws if its own file is damaged. */
export async function readLines(preset: string): Promise<PolicyLines> {
  const path = join(POLICIES_DIR, 'lines', `${preset}.yaml`)
  const file = await readYaml(path)
  if (!('value' in file)) throw new Error(`damaged: ${path}`)
  return lines.parse(file.value)
}

/** What is probably a mistake in a valid policy (M-38), one sentence each. */
export function policyAdvice(policy: Policy, calendar: Pick<ReadCalendar, 'holidays'>): string[] {
  const { notice } = policy
  const advice = linksOf(policy).map(
    (link) => `its texts link to ${link}; make sure that this is a page about the same product`
  )
  const spans = JSON.stringify([promisedAnswer(policy)?.due, notice])
  const isInBusinessDays = spans.includes('"business_days"')
  if (isInBusinessDays && calendar.holidays.dates.length === 0)
    advice.push('it counts business days, but its calendar has no holidays')
  if (notice !== null && !notice.required.includes('disclosure_at'))
    advice.push('notice.required does not name disclosure_at, but no notice is sent without it')
  if (notice?.approvals === 0)
    advice.push('approvals is 0, so a single approver can release a notice, even its author')
  return advice
}

/** Every link in the texts that reporters read. */
export function linksOf(policy: Policy): string[] {
  const texts = [
    policy.title,
    policy.answer_includes,
    ...policy.reporter_rules,
    ...policy.report_checklist,
    ...Object.values(policy.reject.codes)
  ]
  return texts.flatMap((text) => text.match(/https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:]/g) ?? [])
}
