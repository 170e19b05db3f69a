/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Offline; needs a configuration only to find the policy of a product.
 */
import { existsSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import { type ReadPolicy, readPolicy } from '../config/policy-file.ts'
import { type PolicyLines, policyAdvice, readLines } from '../config/policy-lines.ts'
import { builtInPoliciesDir, listPresets } from '../config/policy-sources.ts'
import { type Policy } from '../domain/policy.ts'
import { type Call } from './context.ts'
import { print, printVerdict, unlessRefused } from './output.ts'

/** Returns the exit status: 0 when the policy is valid. */
export async function checkPolicy(call: Call): Promise<number> {
  const read = readPolicy(call.argument, process.cwd(), builtInPoliciesDir())
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

/** Prints the policy of a product, a built-in one, or a file, line by line of its source. */
export async function showPolicy(call: Call): Promise<void> {
  const { policy, preset } = await find(call)
  const lines = preset === null ? {} : await readLines(preset, builtInPoliciesDir())
  const changed = preset === null || preset === policy.id ? [] : await changedKeys(policy, preset)
  const head = `${policy.id}: ${policy.title}`
  const value = { policy, extends: preset, changed, lines }
  if (preset === null) {
    const says =
      'This policy does not extend a built-in policy, so there are no numbered lines to show.'
    print(call, value, `${head}\n${says}`)
    return
  }
  const all = Object.entries(lines)
  const count = (does: string): number => all.filter(([, line]) => line.does === does).length
  const text = [
    head,
    ...(preset === policy.id ? [] : [`These are the lines of ${preset}, which it extends.`]),
    ...(changed.length === 0
      ? []
      : [
          `It differs from ${preset} in: ${changed.join(', ')}. Lines about these keys may say otherwise.`
        ]),
    ...all.map(
      ([id, { text: source, does, says }]) =>
        `\n${id}  ${DOES[does]}: ${says}\n       The policy: ${source}`
    ),
    `\n${all.length} lines: ${count('carried-out')} carried out, ${count('reminds')} with reminders only, ${count('not-yet')} not covered yet.`
  ]
  print(call, value, text.join('\n'))
}

/** Looks for a built-in policy, then for a product of the configuration, then for a file. */
async function find({
  config: file,
  argument: name
}: Call): Promise<Pick<ReadPolicy, 'policy' | 'preset'>> {
  const policiesDir = builtInPoliciesDir()
  const isPreset = listPresets(policiesDir).includes(name)
  if (!isPreset && /^[a-z][a-z0-9-]*$/.test(name) && existsSync(file)) {
    const { products } = await loadConfig(file, process.env)
    const product = products.find(({ id }) => id === name)
    if (product !== undefined) return product
  }
  return await readPolicy(name, process.cwd(), policiesDir)
}

async function changedKeys(policy: Policy, preset: string): Promise<string[]> {
  const base = await readPolicy(preset, process.cwd(), builtInPoliciesDir())
  const before = new Map(Object.entries(base.policy))
  return Object.entries(policy)
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before.get(key)))
    .map(([key]) => key)
    .filter((key) => key !== 'id' && key !== 'title')
}
