/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Each takes a built-in policy or a file; offline and without a configuration.
 */
import { type Holidays } from '../config/calendar.ts'
import { readLines, readPolicy } from '../config/policy-file.ts'
import { type Policy } from '../domain/settings.ts'
import { addMs, DAY_MS, type Instant } from '../domain/time.ts'
import { systemClock } from '../effects/system.ts'
import { type Call } from './context.ts'
import { print, printVerdict, unlessRefused } from './output.ts'
import { linesOf, page } from './page.ts'

/** Returns the exit status: 0 when the policy is valid. */
export async function checkPolicy(call: Call): Promise<number> {
  const valid = await unlessRefused(call, readPolicy(call.argument, process.cwd()))
  if (valid === null) return 1
  const { policy, calendar } = valid
  const advice = policyAdvice(policy, calendar.holidays, systemClock.now())
  return printVerdict(call, [], advice, `The policy ${policy.id} is valid.`)
}

/** What is probably a mistake in a valid policy (M-38), one sentence each. */
export function policyAdvice(policy: Policy, { dates, end }: Holidays, now: Instant): string[] {
  const { notice, clocks } = policy
  return linesOf('policy-advice', {
    notice,
    clocks,
    links: JSON.stringify(policy).match(/https?:\/\/[^\s<>"')\]\\]*[^\s<>"')\]\\.,;:]/g) ?? [],
    countsDays: JSON.stringify([clocks, notice]).includes('"business_days"'),
    dates,
    // Without its holidays, next year's promises would be silently wrong.
    end: end !== null && end < addMs(now, 365 * DAY_MS).slice(0, 10) ? end : ''
  })
}

/** Prints a policy line by line of its source. */
export async function showPolicy(call: Call): Promise<void> {
  const { policy, preset } = await readPolicy(call.argument, process.cwd())
  const lines = preset === null ? {} : readLines(preset)
  // The lines say what is done under the built-in policy; the page says what differs here.
  const base = preset === null ? null : (await readPolicy(preset, '')).policy
  const value = { policy, extends: preset, base, lines }
  print(call, value, page('show-policy', value, 'UTC'))
}
