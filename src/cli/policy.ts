/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Each takes a built-in policy or a file; offline and without a configuration.
 */
import { isDeepStrictEqual } from 'node:util'
import { type Config } from '../config/load.ts'
import { readLines, readPolicy } from '../config/policy-file.ts'
import { type Clock } from '../domain/clock.ts'
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
  const { holidays } = valid.calendar
  const advice = policyAdvice({ ...valid, holidays }, systemClock.now())
  return printVerdict(call, [], advice, `The policy ${valid.policy.id} is valid.`)
}

type Advised = Pick<Config['products'][number], 'policy' | 'base' | 'holidays'>

/** What is probably a mistake in a valid policy (M-38), one sentence each. */
export function policyAdvice({ policy, base, holidays }: Advised, now: Instant): string[] {
  const { notice, clocks } = policy
  const { dates, end } = holidays
  return linesOf('policy-advice', {
    notice,
    doubtful: clocks.filter((clock) => isDoubtful(clock, base)),
    links: JSON.stringify(policy).match(/https?:\/\/[^\s<>"')\]\\]*[^\s<>"')\]\\.,;:]/g) ?? [],
    countsDays: JSON.stringify([clocks, notice]).includes('"business_days"'),
    dates,
    // Without its holidays, next year's promises would be silently wrong.
    end: end !== null && end < addMs(now, 365 * DAY_MS).slice(0, 10) ? end : ''
  })
}

/** Whether its quote may not say what the clock promises: it is missing, of another due, or of a clock that only tells. */
function isDoubtful({ id, quote, counts, due }: Clock, base: Policy | null): boolean {
  const before = base?.clocks.find((clock) => clock.id === id)
  const promised = before?.quote ?? ''
  if (quote === '') return id === 'answer' || promised !== ''
  return counts === 'each' || (quote === promised && !isDeepStrictEqual(due, before?.due))
}

/** Prints a policy line by line of its source. */
export async function showPolicy(call: Call): Promise<void> {
  const { policy, preset, base } = await readPolicy(call.argument, process.cwd())
  // The lines say what is done under the built-in policy; the page says what differs from it here.
  const lines = preset === null ? {} : readLines(preset)
  const value = { policy, extends: preset, base, lines }
  print(call, value, page('show-policy', value, 'UTC'))
}
