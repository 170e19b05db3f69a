/**
 * `postern check`: everything that can be known offline, all of it at once. Touches no network and no database.
 */
import { loadRender } from '../app.ts'
import { loadConfig } from '../config/load.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { isCronExpression, systemClock } from '../effects/system.ts'
import { judgeKeys } from '../settings.ts'
import { type Call } from './context.ts'
import { printable, printJson } from './output.ts'

/** Returns the exit status: 0 when nothing is wrong. */
export async function check(call: Call): Promise<number> {
  const loaded = await loadConfig(call.config, process.env)
  const { settings, problems, remarks } = await judgeKeys(loaded, systemClock.now())
  loadRender()
  const found = [
    ...problems.map(({ text }) => text),
    ...Object.entries(loaded.config.schedule)
      .filter(([, expression]) => !isCronExpression(expression))
      .map(([name]) => `schedule.${name}: is no cron expression; "* * * * *" means every minute`)
  ]
  const advice = [...remarks, ...(settings === null ? [] : adviceOn(settings))]
  if (call.json)
    printJson(call.streams, { ok: found.length === 0, problems: found, remarks: advice })
  else print(call, settings, found, advice)
  return found.length === 0 ? 0 : 1
}

function adviceOn(settings: Settings): string[] {
  const approvers = settings.maintainers.filter(({ roles }) => roles.includes('approver'))
  const needed = Math.max(
    0,
    ...settings.products.map(({ policy }) => policy.notice?.approvals ?? 0)
  )
  return needed > 0 && approvers.length < needed + 1
    ? [
        `maintainers: a notice needs ${needed} approval(s) by others than its author, and only ${approvers.length} maintainer(s) have the role approver`
      ]
    : []
}

function print(
  call: Call,
  settings: Settings | null,
  problems: readonly string[],
  remarks: readonly string[]
): void {
  const { out, err } = call.streams
  for (const problem of problems) err(`postern: ${printable(problem)}\n`)
  for (const line of remarks) out(`note: ${printable(line)}\n`)
  if (problems.length > 0 || settings === null) return
  out(`desk ${settings.desk.address}, key ${formatFingerprint(settings.desk.fingerprint)}\n`)
  out(
    `${settings.maintainers.length} maintainers, ${settings.products.length} products; nothing is wrong\n`
  )
}
