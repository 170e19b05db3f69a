/**
 * The files of a database: the migrations that the program brings, and the database's own file with its folder and permissions.
 * Must never guess: refuses what is not as expected with one clear sentence, and alters nothing.
 */
import * as fs from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Trouble } from '../domain/trouble.ts'

export const DISK_FULL = 'The disk of the database is full: make room.'

/** The SQL of the migrations in `dir` (files `NNNN-name.sql`), in order. */
export function readMigrations(dir: string): string[] {
  const files = onDisk(() => fs.readdirSync(dir), `the folder of database migrations ${dir}`)
  return files
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => onDisk(() => fs.readFileSync(join(dir, file), 'utf8'), `the migration ${file}`))
}

/** The real path of the file at `path`, links resolved, also where there is none yet; its folder is there afterwards. */
export function realPath(path: string): string {
  const absolute = resolve(path)
  const folder = dirname(absolute)
  // Makes one folder and no more: a mistyped path must not make a tree.
  if (!fs.existsSync(folder))
    onDisk(() => fs.mkdirSync(folder, { mode: 0o700 }), `the folder ${folder}`)
  return onDisk(
    () =>
      fs.existsSync(absolute)
        ? fs.realpathSync(absolute)
        : join(fs.realpathSync(folder), basename(absolute)),
    `the database file ${absolute}`
  )
}

/** Bytes of the disk that holds the file at `path`: what is free for this process, and all of it. */
export function diskOf(path: string): { readonly free: number; readonly total: number } {
  const { bavail, blocks, bsize } = onDisk(
    () => fs.statfsSync(dirname(path)),
    `the disk of ${path}`
  )
  return { free: bavail * bsize, total: blocks * bsize }
}

/** Makes a file readable by its owner alone, and an empty one where there is none. */
export function secureFile(path: string): void {
  onDisk(() => {
    // An existing file is never opened here: closing any descriptor of a file drops the POSIX locks that SQLite holds
    // on it elsewhere in this process.
    if (!fs.existsSync(path)) fs.closeSync(fs.openSync(path, 'wx', 0o600))
    else if ((fs.statSync(path).mode & 0o077) !== 0) fs.chmodSync(path, 0o600)
  }, `the database file ${path}`)
}

/**
 * Makes sure that there is a database file at `path`. Refuses an empty one: a database never is, so something emptied it. Where there
 * is none and one may be made, `make` fills a new file beside it, which is put there in one step: a process that dies in between
 * leaves no empty or half database, and what another process has put there meanwhile stays.
 */
export function requireFile(
  path: string,
  ifMissing: 'create' | 'refuse',
  make: (path: string) => void
): void {
  if (!fs.existsSync(path) && ifMissing === 'create') {
    // SQLite would replay them into the new database.
    const rest = [`${path}-wal`, `${path}-shm`].find((file) => fs.existsSync(file))
    if (rest !== undefined)
      throw new Trouble(
        'database',
        `There is no database at ${path}, but ${rest} is beside it: put the database back, or remove that file if this desk is new.`
      )
    const draft = `${path}.new-${process.pid}`
    secureFile(draft)
    try {
      make(draft)
      onDisk(() => putInPlace(draft, path), `the database file ${path}`, PLACE_REMEDY)
    } finally {
      fs.rmSync(draft, { force: true })
    }
  }
  if (!fs.existsSync(path))
    throw new Trouble(
      'database',
      `There is no database at ${path}: check storage.path; "postern run" makes one.`
    )
  if (onDisk(() => fs.statSync(path).size, `the database file ${path}`) === 0)
    throw new Trouble(
      'database-corrupt',
      `The database file ${path} is empty: restore a backup, or remove it if this desk is new.`
    )
  secureFile(path)
}

const PLACE_REMEDY =
  'check that it is no broken link, that its folder may be written and that its file system has hard links'

/** A hard link appears in one step, and never replaces a file. */
function putInPlace(draft: string, path: string): void {
  try {
    fs.linkSync(draft, path)
  } catch (error) {
    if (!fs.existsSync(path)) throw error
  }
}

/** Waits for the disk of one file while this thread goes on. Never for a file on which SQLite holds locks: `close` drops them. */
export function createFlush(path: string) {
  let file: FileHandle | undefined
  let running: Promise<boolean> = Promise.resolve(true)
  let next: Promise<boolean> | null = null
  const start = async (): Promise<boolean> => {
    // From here on, who asks may have written what this wait does not see.
    next = null
    try {
      file ??= await open(path, 'r+')
      await file.datasync()
      return true
    } catch {
      return false
    }
  }
  return {
    /** Resolves when all that was written to the file before this call is on the disk; false where the system cannot say so. */
    flush: (): Promise<boolean> => (next ??= running.then(() => (running = start()))),
    close: (): void => {
      void file?.close().catch(() => undefined)
    }
  }
}

const REMEDY = 'check its folder, owner and permissions'

function onDisk<T>(work: () => T, what: string, remedy = REMEDY): T {
  try {
    return work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    if (code !== 'ENOSPC' && code !== 'EDQUOT')
      throw new Trouble('database', `We cannot read or make ${what} (${code}): ${remedy}.`, {
        cause
      })
    throw new Trouble('disk-full', DISK_FULL, {
      retryable: true,
      cause
    })
  }
}
