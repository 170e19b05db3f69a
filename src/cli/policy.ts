/**
 * `postern policy check|show`: judges a policy file, and prints a policy line by line with what Postern does about each line.
 * Offline; needs a configuration only to find the policy of a product.
 */
import { existsSync } from 'node:fs'
import { loadConfig } from '../config/load.ts'
import { type PolicyResult, readPolicy } from '../config/policy-file.ts'
import { type PolicyLines, policyAdvice, readLines } from '../config/policy-lines.ts'
import { builtInPoliciesDir, listPresets } from '../config/policy-sources.ts'
import { type Policy } from '../domain/policy.ts'
import { type Call } from './context.ts'
import { CommandError, printable, printJson } from './output.ts'

type Read = Pick<Extract<PolicyResult, { readonly kind: 'policy' }>, 'policy' | 'preset'>

/** Returns the exit status: 0 when the policy is valid. */
export async function checkPolicy(call: Call, name: string): Promise<number> {
  const { out, err } = call.streams
  const result = await readPolicy(name, process.cwd(), builtInPoliciesDir())
  const problems = result.kind === 'policy' ? [] : result.problems
  const remarks = result.kind === 'policy' ? policyAdvice(result.policy, result.calendar) : []
  if (call.json) printJson(call.streams, { ok: problems.length === 0, problems, remarks })
  else {
    for (const problem of problems) err(`postern: ${printable(problem)}\n`)
    for (const remark of remarks) out(`note: ${printable(remark)}\n`)
    if (result.kind === 'policy') out(`The policy ${result.policy.id} is valid.\n`)
  }
  return problems.length === 0 ? 0 : 1
}

const DOES: Readonly<Record<PolicyLines[string]['does'], string>> = {
  'carried-out': 'carried out',
  reminds: 'reminds people',
  'not-yet': 'not covered yet'
}

/** Prints the policy of a product, a built-in one, or a file, line by line of its source. */
export async function showPolicy(call: Call, name: string): Promise<void> {
  const { policy, preset } = await find(call, name)
  const lines = preset === null ? {} : await readLines(preset, builtInPoliciesDir())
  const changed = preset === null || preset === policy.id ? [] : await changedKeys(policy, preset)
  if (call.json) {
    printJson(call.streams, { policy, extends: preset, changed, lines })
    return
  }
  const out = (text: string): void => call.streams.out(`${printable(text)}\n`)
  out(`${policy.id}: ${policy.title}`)
  if (preset === null) {
    out('This policy does not extend a built-in policy, so there are no numbered lines to show.')
    return
  }
  if (preset !== policy.id) out(`These are the lines of ${preset}, which it extends.`)
  if (changed.length > 0)
    out(
      `It differs from ${preset} in: ${changed.join(', ')}. Lines about these keys may say otherwise.`
    )
  for (const [id, { text, does, says }] of Object.entries(lines))
    out(`\n${id}  ${DOES[does]}: ${says}\n       The policy: ${text}`)
  const count = (does: string): number =>
    Object.values(lines).filter((line) => line.does === does).length
  out(
    `\n${Object.keys(lines).length} lines: ${count('carried-out')} carried out, ${count('reminds')} with reminders only, ${count('not-yet')} not covered yet.`
  )
}

/** Looks for a built-in policy, then for a product of the configuration, then for a file. */
async function find(call: Call, name: string): Promise<Read> {
  const policiesDir = builtInPoliciesDir()
  const isPreset = listPresets(policiesDir).includes(name)
  if (!isPreset && /^[a-z][a-z0-9-]*$/.test(name) && existsSync(call.config)) {
    const { config } = await loadConfig(call.config, process.env)
    const product = config.products.find(({ id }) => id === name)
    if (product !== undefined) return product
  }
  const result = await readPolicy(name, process.cwd(), policiesDir)
  if (result.kind === 'policy') return result
  throw new CommandError(result.problems.join('\n'))
}

async function changedKeys(policy: Policy, preset: string): Promise<string[]> {
  const base = await readPolicy(preset, process.cwd(), builtInPoliciesDir())
  if (base.kind === 'refused') return []
  const before = new Map(Object.entries(base.policy))
  return Object.entries(policy)
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before.get(key)))
    .map(([key]) => key)
    .filter((key) => key !== 'id' && key !== 'title')
}
