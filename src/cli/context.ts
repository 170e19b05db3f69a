/**
 * What the commands share: reading the configuration, opening the database, parsing arguments, naming people. A command that
 * only reads never creates a database; only `postern members` prints more of a list member than the id (G5).
 */
import { type Config, loadConfig } from '../config/load.ts'
import { type Address, parseAddress } from '../domain/address.ts'
import { type NewEvent, NO_EVIDENCE } from '../domain/event.ts'
import { type CaseTag, parseCaseTag } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type Database, openDatabase, type Tx } from '../store/database.ts'
import * as events from '../store/events.ts'
import { type OutboxRow } from '../store/outbox.ts'
import { type Streams, UsageError } from './output.ts'

/** How a command was called: with its one argument, '' where it takes none, and the options of its own. */
export type Call<O = object> = {
  readonly streams: Streams
  readonly config: string
  readonly isConfigNamed: boolean
  readonly json: boolean
  readonly argument: string
  readonly options: O
}

/** Runs a command, which declares its options in program.ts; returns an exit status other than 0, if it has one. */
export type Run = (call: Call<never>) => Promise<number | undefined> | Promise<void>

/** A command waits for the daemon's turn to end: a hold must not fail because a large message is being written (A3). */
const WAIT_MS = 60_000

/** Reads the configuration and runs `work` on its database, which is closed afterwards. */
export async function withDatabase<T>(
  call: Call<unknown>,
  work: (db: Database, config: Config) => T | Promise<T>,
  ifMissing: 'create' | 'refuse' = 'refuse'
): Promise<T> {
  const config = await loadConfig(call.config, process.env)
  const { desk, storage } = config
  const opening = { path: storage.path, passphrase: desk.passphrase.reveal(), ifMissing }
  using db = openDatabase({ ...opening, waitMs: WAIT_MS })
  return await work(db, config)
}

/** Puts on the record what the operator does, without a message. */
export function record(tx: Tx, what: NewEvent, at: Instant): void {
  events.append(tx, what, { at, evidence: NO_EVIDENCE })
}

/** The case number on the command line; throws a {@link UsageError} otherwise. */
export function requireCaseTag({ argument: text }: Call): CaseTag {
  const tag = parseCaseTag(text)
  if (tag === null)
    throw new UsageError(`"${text}" is not a case number; a case number looks like ACME-2026-0001.`)
  return tag
}

/** The number on the command line; `where` says where to find it. Throws a {@link UsageError} otherwise. */
export function requireNumber({ argument }: Call<unknown>, where: string): number {
  const number = Number(argument)
  if (!Number.isSafeInteger(number) || number < 1)
    throw new UsageError(`"${argument}" is not the number of a message; ${where}`)
  return number
}

/** The value of `--address`; throws a {@link UsageError} unless it is an address. */
export function requireAddress(text: string): Address {
  const address = parseAddress(text)
  if (address === null)
    throw new UsageError(
      '--address: this is not a plain mail address such as security@example.org.'
    )
  return address
}

/** The value of `--name`; throws a {@link UsageError} when it cannot stand in a header field or a user id. */
export function requireName(text: string): string {
  const name = text.trim()
  if (name === '') throw new UsageError('--name is empty; give a name after it.')
  if (/[\p{Cc}<>]/u.test(name))
    throw new UsageError('--name must not contain control characters, "<" or ">".')
  return name
}

/** A message of the outbox as commands print it: without the address of a list member. */
export function withoutMemberAddress(row: OutboxRow) {
  return row.audience === 'member' ? { ...row, envelopeTo: null } : row
}
