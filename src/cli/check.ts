/**
 * `postern check`: reports everything that can be known offline, at once. Touches no network and no database.
 */
import { statSync } from 'node:fs'
import { ConfigError } from '../config/config-error.ts'
import { type Config, loadConfig } from '../config/load.ts'
import { linksOf } from '../config/policy-lines.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { wordingProblems } from '../messages/render.ts'
import { judgeKeys } from '../settings.ts'
import { type Call, scheduleProblems } from './context.ts'
import { PASSPHRASE_LENGTH_MIN } from './keys.ts'
import { printVerdict } from './output.ts'

/** Returns the exit status: 0 when there is no problem. */
export async function check(call: Call): Promise<number> {
  const config = await loadConfig(call.config, process.env).catch((error: unknown) => {
    if (error instanceof ConfigError) return error
    throw error
  })
  if (config instanceof ConfigError) return printVerdict(call, config.problems, [])
  const { settings, problems, remarks } = await judgeKeys(config, systemClock.now())
  const found = [
    ...problems.map(({ text }) => text),
    ...scheduleProblems(config),
    ...approvalProblems(config),
    ...wordingProblems(config.texts)
  ]
  const advice = [
    ...remarks,
    ...adviceOnSecrets(config),
    ...adviceOnPolicies(config),
    ...adviceOnHolidays(config, systemClock.now()),
    ...(settings === null ? [] : adviceOn(settings))
  ]
  return printVerdict(call, found, advice, settings === null ? '' : validWords(settings))
}

function validWords({ desk, maintainers, products }: Settings): string {
  const people = count(maintainers.length, 'maintainer', 'maintainers')
  return `desk ${desk.address}, key ${formatFingerprint(desk.fingerprint)}
${people}, ${count(products.length, 'product', 'products')}. Configuration is valid.`
}

function adviceOnSecrets({ desk, imap, smtp }: Config): string[] {
  const files = [
    ['desk.key', desk.key.path],
    ...desk.retired_keys.map(({ path }, index) => [`desk.retired_keys[${index}]`, path] as const),
    ['desk.passphrase', desk.passphrase.path],
    ['imap.password', imap.password.path],
    ['smtp.password', smtp.password?.path ?? null]
  ] as const
  const open = files.flatMap(([name, path]) =>
    path !== null && (statSync(path).mode & 0o077) !== 0
      ? [`${name}: other users of this machine may read ${path}; run: chmod 600 ${path}`]
      : []
  )
  const isShort = desk.passphrase.reveal().length < PASSPHRASE_LENGTH_MIN
  return isShort
    ? [
        ...open,
        `desk.passphrase: it is shorter than ${PASSPHRASE_LENGTH_MIN} characters, so somebody who steals the disk can guess it`
      ]
    : open
}

/** Links in the texts of a policy that seem to lead to another product of this desk (M-38). */
function adviceOnPolicies({ products }: Config): string[] {
  return products.flatMap(({ id, policy }) =>
    linksOf(policy).flatMap((link) =>
      products
        .filter((other) => other.id !== id && link.toLowerCase().includes(other.id))
        .map(
          (other) =>
            `products ${id}: the texts of its policy link to ${link}, which looks like a page of ${other.id}`
        )
    )
  )
}

/** Warns of a calendar that ends soon: without its holidays, next year's promises would be silently wrong. */
function adviceOnHolidays({ products }: Config, now: Instant): string[] {
  const nextYear = addMs(now, 365 * 86_400_000).slice(0, 10)
  return products.flatMap(({ id, holidaysEnd: end }) =>
    end !== null && end < nextYear
      ? [
          `products ${id}: the last holiday in the calendar is ${end}; add those of next year, or Postern counts them as business days`
        ]
      : []
  )
}

function adviceOn(settings: Settings): string[] {
  const advice: string[] = approvalAdvice(settings)
  if (settings.authentication.servers.length === 0) {
    advice.push(
      'imap.authserv_ids: no mail server is named, so no sender is verified; forged senders get acknowledgements, too'
    )
  }
  if (settings.acknowledgement.jitterMsMax === 0) {
    advice.push(
      'acknowledgement.jitter: it is 0, so the time of an acknowledgement tells outsiders how long their message took to open; 30s hides that'
    )
  }
  return advice
}

/** What `approvals` of each policy means with the configured approvers. */
function approvalAdvice({ products, maintainers }: Settings): string[] {
  const approvers = maintainers.filter(({ roles }) => roles.includes('approver')).length
  return products.flatMap(({ id, policy }) => {
    const others = policy.notice?.approvals ?? null
    if (others === 0 && approvers > 0)
      return [
        `products ${id}: the policy ${policy.id} has approvals: 0, so a single approver can release a notice, even its author`
      ]
    return others !== null && others > 0 && others === approvers
      ? [
          `products ${id}: a notice needs ${count(others, 'approver', 'approvers')} besides its author, and there ${others === 1 ? 'is' : 'are'} no more; a notice that an approver wrote could never be sent`
        ]
      : []
  })
}

/** Policies whose notices could never be sent. */
function approvalProblems({ products, maintainers }: Config): string[] {
  const approvers = maintainers.filter(({ roles }) => roles.includes('approver')).length
  return products.flatMap(({ id, policy }) => {
    const needed = Math.max(policy.notice?.approvals ?? 1, 1)
    if (policy.notice === null || approvers >= needed) return []
    const others = policy.notice.approvals === 0 ? '' : ' besides its author'
    return [
      `products ${id}: a notice needs ${count(needed, 'approver', 'approvers')}${others}, and ${approvers === 0 ? 'no maintainer has' : `only ${count(approvers, 'maintainer', 'maintainers')} ${approvers === 1 ? 'has' : 'have'}`} the role approver; add the role, or extend ${policy.id} with fewer approvals`
    ]
  })
}
