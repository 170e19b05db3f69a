/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Each takes a built-in policy or a file; offline and without a configuration.
 */
import { readLines, readPolicy } from '../config/policy-file.ts'
import { type Policy, promisedAnswer } from '../domain/settings.ts'
import { type Call } from './context.ts'
import { print, printVerdict, unlessRefused } from './output.ts'
import { page } from './page.ts'

/** Returns the exit status: 0 when the policy is valid. */
export async function checkPolicy(call: Call): Promise<number> {
  const valid = await unlessRefused(call, readPolicy(call.argument, process.cwd()))
  if (valid === null) return 1
  const { policy, calendar } = valid
  const advice = policyAdvice(policy, calendar.holidays.dates)
  return printVerdict(call, [], advice, `The policy ${policy.id} is valid.`)
}

/** What is probably a mistake in a valid policy (M-38), one sentence each. */
export function policyAdvice(policy: Policy, holidays: readonly string[]): string[] {
  const { notice } = policy
  const advice = linksOf(policy).map(
    (link) => `its texts link to ${link}; make sure that this is a page about the same product`
  )
  const spans = JSON.stringify([promisedAnswer(policy)?.due, notice])
  if (spans.includes('"business_days"') && holidays.length === 0)
    advice.push('it counts business days, but its calendar has no holidays')
  if (notice !== null && !notice.required.includes('disclosure_at'))
    advice.push('notice.required does not name disclosure_at, but no notice is sent without it')
  if (notice?.approvals === 0)
    advice.push('notice.approvals is 0, so a single approver can release a notice, even its author')
  return advice
}

/** Every link in the texts that reporters read. */
function linksOf(policy: Policy): string[] {
  const texts = [
    policy.title,
    policy.answer_includes,
    ...policy.reporter_rules,
    ...policy.report_checklist,
    ...Object.values(policy.reject.codes)
  ]
  return texts.flatMap((text) => text.match(/https?:\/\/[^\s<>"')\]]*[^\s<>"')\].,;:]/g) ?? [])
}

/** Prints a policy line by line of its source. */
export async function showPolicy(call: Call): Promise<void> {
  const { policy, preset } = await readPolicy(call.argument, process.cwd())
  const lines = preset === null ? {} : readLines(preset)
  const value = { policy, extends: preset, lines }
  print(call, value, page('show-policy', value, 'UTC'))
}
