/**
 * Keeps a second daemon off one database: two would send the same outbox. The lock is held by the operating system on a
 * file beside the database, so it ends with the process, `kill -9` included, and needs no cleaning up. Must never lock
 * the database itself: commands read and write it while the daemon runs.
 */
import { Trouble } from '../domain/trouble.ts'
import { lockFile } from './database.ts'
import { resolveFile } from './migrate.ts'

/** The right to be the one daemon of a database, until disposed of or the process ends. */
export type DaemonLock = { [Symbol.dispose](): void }

/**
 * Takes the lock of the database at `databasePath` (file `<database>.lock`, links resolved). Throws {@link Trouble}
 * `database-locked` when another daemon runs on it.
 */
export function acquireDaemonLock(databasePath: string): DaemonLock {
  const lock = lockFile(`${resolveFile(databasePath)}.lock`)
  if (lock !== 'held') return lock
  throw new Trouble(
    'database-locked',
    'Another Postern daemon is running on this database: stop it first, or use another storage.path.',
    { retryable: false }
  )
}
