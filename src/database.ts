/**
 * Opens the database that a configuration names. Apart from `app.ts`, so that a command that only looks does not load the mail
 * libraries for it.
 */
import { fileURLToPath } from 'node:url'
import { type Config } from './config/load.ts'
import { type Database, openDatabase } from './store/database.ts'

/** Where the migrations are: beside `src` and beside `dist`. */
const MIGRATIONS_DIR = fileURLToPath(new URL('../migrations', import.meta.url))

/** Opens the database of a configuration. Commands that only look refuse to make a new one. */
export function openConfiguredDatabase(
  { storage, desk }: Config,
  ifMissing: 'create' | 'refuse'
): Database {
  return openDatabase({
    path: storage.path,
    passphrase: desk.passphrase.reveal(),
    migrationsDir: MIGRATIONS_DIR,
    ifMissing
  })
}
