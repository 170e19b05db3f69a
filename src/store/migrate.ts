/**
 * Reads the numbered migration files, and prepares the files that a database needs (permissions, folders). Must never guess:
 * what is not as expected is refused with one clear sentence, and nothing is altered.
 */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  rmSync,
  statSync
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { Trouble } from '../domain/trouble.ts'

/** One file of the migrations folder. */
export type Migration = {
  readonly number: number
  readonly name: string
  readonly sha256: string
  readonly sql: string
}

/** What the first bytes of a file say before any key is tried. */
export type FileKind = 'absent' | 'empty' | 'plain' | 'opaque'

const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/
const PLAIN_HEADER = 'SQLite format 3\0'
/**
 * The migrations in `dir` (files `NNNN-name.sql`), in order. Throws {@link Trouble} `database` when the folder cannot be
 * read, holds no migration, or has a gap or a double number.
 */
export function readMigrations(dir: string): Migration[] {
  const names = onDisk(() => readdirSync(dir), 'the folder of database migrations cannot be read')
  const found: Migration[] = []
  for (const file of names.filter((name) => name.endsWith('.sql')).sort()) {
    const match = FILE_NAME.exec(file)
    if (match === null) throw broken(`the migration file ${file} has no NNNN-name.sql name`)
    const bytes = onDisk(() => readFileSync(join(dir, file)), `migration ${file} cannot be read`)
    found.push({
      number: Number(match[1]),
      name: match[2] ?? '',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sql: bytes.toString('utf8')
    })
  }
  if (found.length === 0) throw broken('the folder of database migrations is empty')
  const gap = found.find((migration, index) => migration.number !== index + 1)
  if (gap) throw broken(`the database migrations have a gap before number ${gap.number}`)
  return found
}

/**
 * Whether there is a file at `path`. Throws {@link Trouble} `database-corrupt` for an empty one: a database is never empty, so
 * something has emptied it, and a new desk in its place would hide that.
 */
export function isThere(path: string): boolean {
  const absolute = resolve(path)
  if (!existsSync(absolute)) return false
  const size = onDisk(() => statSync(absolute).size, `the file ${absolute} cannot be read`)
  if (size > 0) return true
  throw new Trouble(
    'database-corrupt',
    `The database file ${absolute} is empty: restore a backup, or remove it if this desk is new.`,
    { retryable: false }
  )
}

/**
 * Has `make` fill a new file beside `path` and puts it there in one step, so that a process that dies in between leaves no
 * empty or half database. Leaves what another process has put there meanwhile.
 */
export function createWhole(path: string, make: (path: string) => void): void {
  const target = resolveFile(path)
  const draft = prepareFile(`${target}.new-${process.pid}`, 'create')
  try {
    make(draft)
    onDisk(() => linkUnlessThere(draft, target), `the database file ${target} cannot be made`)
  } finally {
    rmSync(draft, { force: true })
  }
}

function linkUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}

/**
 * Makes sure that a database file can live at `path`: its folder exists (created with 0700 when only the last part is
 * missing) and the file, created empty when `ifMissing` is `create`, is readable by its owner alone. Returns the real
 * path with links resolved. Throws {@link Trouble} `database` or `disk-full`.
 */
export function prepareFile(path: string, ifMissing: 'create' | 'refuse'): string {
  const absolute = resolve(path)
  if (ifMissing === 'refuse' && !existsSync(absolute)) {
    throw broken(`there is no database at ${absolute}: check storage.path; "postern run" makes one`)
  }
  makeFolder(dirname(absolute))
  return onDisk(() => {
    // An existing file is never opened here: closing any descriptor of a file drops the POSIX locks that SQLite holds
    // on it elsewhere in this process.
    if (!existsSync(absolute)) closeSync(openSync(absolute, 'wx', 0o600))
    else if ((statSync(absolute).mode & 0o077) !== 0) chmodSync(absolute, 0o600)
    return realpathSync(absolute)
  }, `the database file ${absolute} cannot be prepared`)
}

/**
 * The path at which a database lies or is to be made, links resolved, also where there is none yet. Makes its folder when only
 * the last part is missing, and never the file.
 */
export function resolveFile(path: string): string {
  const absolute = resolve(path)
  makeFolder(dirname(absolute))
  return onDisk(() => followLinks(absolute), `the database file ${absolute} cannot be prepared`)
}

function followLinks(path: string): string {
  if (existsSync(path)) return realpathSync(path)
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  return isLink
    ? followLinks(resolve(dirname(path), readlinkSync(path)))
    : join(realpathSync(dirname(path)), basename(path))
}

function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  onDisk(() => mkdirSync(folder, { mode: 0o700 }), `the folder ${folder} cannot be created`)
}

/** Creates the empty file for a copy of the database, mode 0600. Throws {@link Trouble} when something is there already. */
export function createBackupFile(path: string): string {
  const absolute = resolve(path)
  onDisk(
    () => closeSync(openSync(absolute, 'wx', 0o600)),
    `the backup file ${absolute} cannot be created (it must not exist yet)`
  )
  return absolute
}

/**
 * What is at `path`, told from its first bytes: `plain` is an unencrypted SQLite file, `opaque` anything else. Only for a
 * file that no connection of this process has open (see {@link prepareFile}).
 */
export function fileKind(path: string): FileKind {
  if (!existsSync(path)) return 'absent'
  return onDisk(() => {
    const descriptor = openSync(path, 'r')
    try {
      const head = Buffer.alloc(PLAIN_HEADER.length)
      const count = readSync(descriptor, head, 0, head.length, 0)
      if (count === 0) return 'empty'
      return head.toString('latin1') === PLAIN_HEADER ? 'plain' : 'opaque'
    } finally {
      closeSync(descriptor)
    }
  }, `the database file ${path} cannot be read`)
}

/** A database that cannot be used as it is, with one sentence that says what to do. */
export function broken(sentence: string, cause?: unknown): Trouble {
  const hint = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`
  return new Trouble('database', hint, { retryable: false, cause })
}

function onDisk<T>(work: () => T, sentence: string): T {
  try {
    return work()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new Trouble('disk-full', 'The disk of the database is full: make room.', {
        retryable: true,
        cause
      })
    }
    throw broken(`${sentence} (${code})`, cause)
  }
}
