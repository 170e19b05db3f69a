/**
 * What the commands share: reading the configuration, opening the database, arguments from text. A command that only looks
 * never makes a database.
 */
import { type LoadedConfig, loadConfig } from '../config/load.ts'
import { openConfiguredDatabase } from '../database.ts'
import { type Address, parseAddress } from '../domain/address.ts'
import { type CaseTag, parseCaseTag } from '../domain/ids.ts'
import { isCronExpression } from '../effects/system.ts'
import { type Database } from '../store/database.ts'
import { type Streams, UsageError } from './output.ts'

/** How a command was called. */
export type Call = { readonly streams: Streams; readonly config: string; readonly json: boolean }

/** Reads the configuration and runs `work` on its database, which is closed afterwards. */
export async function withDatabase<T>(
  call: Call,
  work: (db: Database, loaded: LoadedConfig) => T | Promise<T>,
  ifMissing: 'create' | 'refuse' = 'refuse'
): Promise<T> {
  const loaded = await loadConfig(call.config, process.env)
  using db = openConfiguredDatabase(loaded, ifMissing)
  return await work(db, loaded)
}

/** Schedules of the right shape that never come, such as minute 61: a sentence each. */
export function scheduleProblems({ config }: LoadedConfig): string[] {
  return Object.entries(config.schedule)
    .filter(([, expression]) => !isCronExpression(expression))
    .map(([name]) => `schedule.${name}: is no cron expression; "* * * * *" means every minute`)
}

/** A case tag from the command line; throws a clear line when it is none. */
export function requireCaseTag(text: string): CaseTag {
  const tag = parseCaseTag(text)
  if (tag === null)
    throw new UsageError(`"${text}" is not the number of a case; cases look like ACME-2026-0001.`)
  return tag
}

/** The value of `--address`; throws a clear line when it is none. */
export function requireAddress(text: string): Address {
  const address = parseAddress(text)
  if (address === null)
    throw new UsageError('--address is not a plain mail address such as security@example.org.')
  return address
}

/** The value of `--name`; throws a clear line when it cannot stand in a mail or in a user id. */
export function requireName(text: string): string {
  const name = text.trim()
  if (name === '') throw new UsageError('--name is empty.')
  if (/[\p{Cc}<>]/u.test(name))
    throw new UsageError('--name must not hold control characters or "<" and ">".')
  return name
}
