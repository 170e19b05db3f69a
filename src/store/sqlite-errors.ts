/**
 * What the SQLite driver throws, as `Trouble` with one sentence and its remedy. Must never put row content or the passphrase
 * into an error.
 */
import { Invariant } from '../domain/assert.ts'
import { Trouble, type TroubleCode } from '../domain/trouble.ts'

const BUSY = 'Another program is writing to the database: try again in a moment.'
const DISK = 'The database cannot be read or written: check the disk and the memory.'
const PERMISSIONS =
  'The database cannot be written: check the owner and permissions of the file and of its folder.'
const FULL = 'The disk of the database is full: make room.'
/** Result codes, primary or extended, that blame the outside, with what to tell and whether trying again can help. */
const OUTSIDE: ReadonlyMap<string, readonly [TroubleCode, string, boolean]> = new Map([
  ['SQLITE_FULL', ['disk-full', FULL, true]],
  // No room for the shared memory beside the WAL, which every connection needs.
  ['SQLITE_IOERR_SHMSIZE', ['disk-full', FULL, true]],
  ['SQLITE_BUSY', ['database-busy', BUSY, true]],
  ['SQLITE_LOCKED', ['database-busy', BUSY, true]],
  ['SQLITE_IOERR', ['database', DISK, true]],
  ['SQLITE_NOMEM', ['database', DISK, true]],
  ['SQLITE_CANTOPEN', ['database', PERMISSIONS, false]],
  ['SQLITE_READONLY', ['database', PERMISSIONS, false]],
  ['SQLITE_PERM', ['database', PERMISSIONS, false]]
])

/** An error of the driver: `code` is SQLite's result code by name. */
export type SqliteError = Error & { readonly code: string }

/** Whether the driver threw it. */
export function isSqliteError(error: unknown): error is SqliteError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('SQLITE_')
  )
}

/** Trouble that waiting cannot solve. */
export function refused(code: TroubleCode, hint: string, cause?: unknown): Trouble {
  return new Trouble(code, hint, { cause })
}

/** The trouble of a damaged database. */
export function corrupt(cause: unknown): Trouble {
  const hint =
    'The database is damaged: stop Postern, keep the file, and restore the latest backup.'
  return refused('database-corrupt', hint, cause)
}

/** Runs `work`; what the driver throws becomes `Trouble`, or an `Invariant` where nothing outside is to blame. */
export function mapErrors<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw isSqliteError(error) ? translate(error) : error
  }
}

/** Driver messages name tables and columns, never values, so they may travel in an `Invariant`. */
function translate(error: SqliteError): Error {
  const primary = /^SQLITE_[A-Z]+/.exec(error.code)?.[0] ?? ''
  if (primary === 'SQLITE_NOTADB' || primary === 'SQLITE_CORRUPT') return corrupt(error)
  const trouble = OUTSIDE.get(error.code) ?? OUTSIDE.get(primary)
  if (trouble === undefined) return new Invariant(`${error.code}: ${error.message}`)
  const [code, hint, retryable] = trouble
  return new Trouble(code, hint, { retryable, cause: error })
}
