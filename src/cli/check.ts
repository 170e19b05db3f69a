/**
 * `postern check`: reports everything that can be known offline, at once. Touches no network and no database.
 */
import { statSync } from 'node:fs'
import { type Config, loadConfig } from '../config/load.ts'
import { formatFingerprint } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { wordingProblems } from '../messages/render.ts'
import { judgeKeys } from '../settings.ts'
import { type Call, scheduleProblems } from './context.ts'
import { PASSPHRASE_LENGTH_MIN } from './keys.ts'
import { printVerdict, unlessRefused } from './output.ts'
import { policyAdvice } from './policy.ts'

/** Returns the exit status: 0 when there is no problem. */
export async function check(call: Call): Promise<number> {
  const config = await unlessRefused(call, loadConfig(call.config, process.env))
  if (config === null) return 1
  const { desk, maintainers, products } = config
  const now = systemClock.now()
  const { settings, findings } = await judgeKeys(config, now)
  const approvers = maintainers.filter(({ roles }) => roles.includes('approver')).length
  const found = [
    ...findings.filter(({ is }) => is !== 'remark').map(({ text }) => text),
    ...scheduleProblems(config),
    ...products.flatMap((product) => approvalProblems(product, approvers)),
    ...wordingProblems(config.texts)
  ]
  const advice = [
    ...findings.filter(({ is }) => is === 'remark').map(({ text }) => text),
    ...adviceOnFiles(config),
    ...products.flatMap((product) =>
      adviceOnProduct(product, approvers, now).map((text) => `products ${product.id}: ${text}`)
    ),
    ...REMARKS.filter(([when]) => when(config)).map(([, text]) => text)
  ]
  const people = count(maintainers.length, 'maintainer', 'maintainers')
  const key = settings === null ? 'unknown' : formatFingerprint(settings.desk.fingerprint)
  const valid = `desk ${desk.address}, key ${key}
${people}, ${count(products.length, 'product', 'products')}. Configuration is valid.`
  return printVerdict(call, found, advice, valid)
}

function adviceOnFiles({ desk, imap, smtp }: Config): string[] {
  const files = [
    ['desk.key', desk.key.path],
    ...desk.retired_keys.map(({ path }, index) => [`desk.retired_keys[${index}]`, path] as const),
    ['desk.passphrase', desk.passphrase.path],
    ['imap.password', imap.password.path],
    ['smtp.password', smtp.password?.path ?? null]
  ] as const
  return files.flatMap(([name, path]) =>
    path !== null && (statSync(path).mode & 0o077) !== 0
      ? [`${name}: other users of this machine may read ${path}; run: chmod 600 ${path}`]
      : []
  )
}

type Product = Config['products'][number]

function adviceOnProduct(
  { policy, calendar, holidaysEnd }: Product,
  approvers: number,
  now: Instant
): string[] {
  const advice = policyAdvice(policy, { dates: calendar.holidays, end: holidaysEnd }, now)
  const others = policy.notice?.approvals ?? 0
  if (others === approvers && others > 0)
    advice.push(
      `a notice needs ${count(others, 'approver', 'approvers')} besides its author, exactly as many as there are; a notice that an approver wrote could never be sent`
    )
  return advice
}

/** A notice that could never be sent. */
function approvalProblems({ id, policy }: Product, approvers: number): string[] {
  const needed = Math.max(policy.notice?.approvals ?? 1, 1)
  if (policy.notice === null || approvers >= needed) return []
  const besides = policy.notice.approvals === 0 ? '' : ' besides its author'
  return [
    `products ${id}: a notice needs ${count(needed, 'approver', 'approvers')}${besides}, more than there are; give more maintainers the role approver, or extend ${policy.id} with fewer approvals`
  ]
}

const REMARKS: readonly (readonly [when: (config: Config) => boolean, text: string])[] = [
  [
    ({ desk }) => desk.passphrase.reveal().length < PASSPHRASE_LENGTH_MIN,
    `desk.passphrase: it is shorter than ${PASSPHRASE_LENGTH_MIN} characters, so somebody who steals the disk can guess it`
  ],
  [
    ({ maintainers, products }) =>
      products.some(({ policy }) => policy.notice !== null) &&
      !maintainers.some(({ roles }) => roles.includes('list-admin')),
    'maintainers: nobody has the role list-admin, so everybody learns by id when the key of a list member expires or a notice names a member'
  ],
  [
    ({ imap }) => imap.authserv_ids.length === 0,
    'imap.authserv_ids: no mail server is named, so no sender is verified; forged senders get acknowledgements, too'
  ],
  [
    ({ acknowledgement }) => acknowledgement.jitter === 0,
    'acknowledgement.jitter: it is 0, so the time of an acknowledgement tells outsiders how long their message took to open; 30 hides that'
  ]
]
