/**
 * The files of a database: the migrations that the program brings, and the database's own file with its folder and permissions.
 * Must never guess: refuses what is not as expected with one clear sentence, and alters nothing.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Trouble } from '../domain/trouble.ts'

/** The SQL of the migrations in `dir` (files `NNNN-name.sql`), in order. */
export function readMigrations(dir: string): string[] {
  const files = onDisk(() => readdirSync(dir), `the folder of database migrations ${dir}`)
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => onDisk(() => readFileSync(join(dir, file), 'utf8'), `the migration ${file}`))
}

/** The real path of the file at `path`, links resolved, also where there is none yet; its folder is there afterwards. */
export function realPath(path: string): string {
  const absolute = resolve(path)
  const folder = dirname(absolute)
  // Makes one folder and no more: a mistyped path must not make a tree.
  if (!existsSync(folder)) onDisk(() => mkdirSync(folder, { mode: 0o700 }), `the folder ${folder}`)
  return onDisk(
    () =>
      existsSync(absolute)
        ? realpathSync(absolute)
        : join(realpathSync(folder), basename(absolute)),
    `the database file ${absolute}`
  )
}

/** Makes a file readable by its owner alone, and an empty one where there is none. */
export function secureFile(path: string): void {
  onDisk(() => {
    // An existing file is never opened here: closing any descriptor of a file drops the POSIX locks that SQLite holds
    // on it elsewhere in this process.
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600))
    else if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
  }, `the database file ${path}`)
}

/**
 * What `open` opens at `path`. Refuses where there is no file, unless it may be made, and an empty one: a database never is, so
 * something emptied it. A file that was made does not outlive a failure to open it.
 */
export function openFile<T>(path: string, ifMissing: 'create' | 'refuse', open: () => T): T {
  const isNew = !existsSync(path)
  if (isNew && ifMissing === 'refuse')
    throw new Trouble(
      'database',
      `There is no database at ${path}: check storage.path; "postern run" makes one.`
    )
  if (!isNew && onDisk(() => statSync(path).size, `the database file ${path}`) === 0)
    throw new Trouble(
      'database-corrupt',
      `The database file ${path} is empty: restore a backup, or remove it if this desk is new.`
    )
  secureFile(path)
  try {
    return open()
  } catch (error) {
    if (isNew) rmSync(path, { force: true })
    throw error
  }
}

function onDisk<T>(work: () => T, what: string): T {
  try {
    return work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    if (code !== 'ENOSPC' && code !== 'EDQUOT')
      throw new Trouble(
        'database',
        `We cannot read or make ${what} (${code}): check its folder, owner and permissions.`,
        { cause }
      )
    throw new Trouble('disk-full', 'The disk of the database is full: make room.', {
      retryable: true,
      cause
    })
  }
}
