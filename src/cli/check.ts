/**
 * `postern check`: reports everything that can be known offline, at once. Touches no network and no database.
 */
import { statSync } from 'node:fs'
import { type Config, loadConfig } from '../config/load.ts'
import { systemClock } from '../effects/system.ts'
import { wordingProblems } from '../messages/render.ts'
import { judgeKeys } from '../settings.ts'
import { type Call } from './context.ts'
import { PASSPHRASE_LENGTH_MIN } from './keys.ts'
import { printVerdict, unlessRefused } from './output.ts'
import { linesOf, page } from './page.ts'
import { policyAdvice } from './policy.ts'

/** Returns the exit status: 0 when there is no problem. */
export async function check(call: Call): Promise<number> {
  const config = await unlessRefused(call, loadConfig(call.config, process.env))
  if (config === null) return 1
  const now = systemClock.now()
  const { settings, faults, keys } = await judgeKeys(config, now)
  const said = faults.map(([, , code, about]) => page('faults', { code, about }, 'UTC'))
  const advice = [
    ...linesOf('check', { ...factsOf(config), deskKey: keys.desk }, config.desk.timezone),
    ...config.products.flatMap((product) =>
      policyAdvice(product, now).map((text) => `products ${product.id}: ${text}`)
    )
  ]
  const problems = [...said, ...wordingProblems(config.texts)]
  return printVerdict(call, problems, advice, page('valid', { ...config, settings }, 'UTC'))
}

function factsOf(config: Config): object {
  const { desk, imap, smtp } = config
  const files = [
    ['desk.key', desk.key.path],
    ...desk.retired_keys.map(({ path }, index) => [`desk.retired_keys[${index}]`, path] as const),
    ['desk.passphrase', desk.passphrase.path],
    ['imap.password', imap.password.path],
    ['smtp.password', smtp.password?.path ?? null]
  ] as const
  return {
    ...config,
    open: files.filter(([, path]) => path !== null && (statSync(path).mode & 0o077) !== 0),
    isShort: desk.passphrase.reveal().length < PASSPHRASE_LENGTH_MIN,
    shortest: PASSPHRASE_LENGTH_MIN
  }
}
