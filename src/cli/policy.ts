/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Each takes a built-in policy or a file; offline and without a configuration.
 */
import { readPolicy } from '../config/policy-file.ts'
import { type PolicyLines, policyAdvice, readLines } from '../config/policy-lines.ts'
import { type Policy } from '../domain/policy.ts'
import { type Call } from './context.ts'
import { print, printVerdict, unlessRefused } from './output.ts'
import { page } from './page.ts'

/** Returns the exit status: 0 when the policy is valid. */
export async function checkPolicy(call: Call): Promise<number> {
  const read = readPolicy(call.argument, process.cwd())
  const valid = await unlessRefused(call, read)
  if (valid === null) return 1
  const { policy, calendar } = valid
  return printVerdict(call, [], policyAdvice(policy, calendar), `The policy ${policy.id} is valid.`)
}

const DOES: Readonly<Record<PolicyLines[string]['does'], string>> = {
  'carried-out': 'carried out',
  reminds: 'reminds people',
  'not-yet': 'not covered yet'
}

/** Prints a policy line by line of its source. */
export async function showPolicy(call: Call): Promise<void> {
  const { policy, preset } = await readPolicy(call.argument, process.cwd())
  const lines = preset === null ? {} : await readLines(preset)
  const changed = preset === null || preset === policy.id ? [] : await changedKeys(policy, preset)
  const value = { policy, extends: preset, changed, lines }
  const does = (code: PolicyLines[string]['does']): string => DOES[code]
  const number = (all: PolicyLines, code?: string): number =>
    Object.values(all).filter((line) => code === undefined || line.does === code).length
  print(call, value, page('show-policy', value, 'UTC', { does, number }))
}

async function changedKeys(policy: Policy, preset: string): Promise<string[]> {
  const base = await readPolicy(preset, process.cwd())
  const before = new Map(Object.entries(base.policy))
  return Object.entries(policy)
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before.get(key)))
    .map(([key]) => key)
    .filter((key) => key !== 'id' && key !== 'title')
}
