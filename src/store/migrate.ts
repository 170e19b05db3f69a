/**
 * Brings a database to the schema of this program, and prepares the files that a database needs (permissions, folders).
 * Migrations are numbered SQL files applied in order, each in its own transaction, each remembered with its checksum:
 * a released file never changes. Must never guess: a gap, a changed file or a newer database is refused with one clear
 * sentence, and nothing is altered.
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
import { assert } from '../domain/assert.ts'
import { type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'

/** One file of the migrations folder. */
export type Migration = {
  readonly number: number
  readonly name: string
  readonly sha256: string
  readonly sql: string
}

/** One row of the table `migrations`. */
export type AppliedMigration = Omit<Migration, 'sql'>

/** What a migration needs of a connection; database.ts provides it. */
export type MigrationTarget = {
  exec(sql: string): void
  applied(): AppliedMigration[]
  record(migration: AppliedMigration, appliedAt: Instant): void
  /** Runs `work` in one write transaction that is rolled back when it throws. */
  transact(work: () => boolean): boolean
  isInTransaction(): boolean
}

/** What the first bytes of a file say before any key is tried. */
export type FileKind = 'absent' | 'empty' | 'plain' | 'opaque'

const FILE_NAME = /^(\d{4})-([a-z0-9-]+)\.sql$/
const PLAIN_HEADER = 'SQLite format 3\0'
const BOOKKEEPING = `
  -- Which migrations this database has seen. Written by the program alone.
  CREATE TABLE IF NOT EXISTS migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    applied_at TEXT NOT NULL CHECK (length(applied_at) = 24)
  ) STRICT`

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
 * Applies what `target` lacks of `migrations`, each in one transaction with its bookkeeping row; returns how many were
 * applied. Throws {@link Trouble} `database-newer` when the database was made by a newer program, and `database` when an
 * applied migration is not the one in the folder.
 */
export function applyMigrations(
  target: MigrationTarget,
  migrations: readonly Migration[],
  now: Instant
): number {
  // The check comes first and writes nothing, so a refused database is left exactly as it was.
  nextMigration(target.applied(), migrations)
  let count = 0
  const applyOne = (): boolean => {
    target.exec(BOOKKEEPING)
    // Read inside the transaction: another process may have migrated since.
    const next = nextMigration(target.applied(), migrations)
    if (next === null) return false
    target.exec(next.sql)
    assert(target.isInTransaction(), `migration ${next.number} ended its own transaction`)
    target.record(next, now)
    return true
  }
  if (nextMigration(target.applied(), migrations) === null) return 0
  while (target.transact(applyOne)) count += 1
  return count
}

/** Throws {@link Trouble} when `target` lacks any of `migrations`, or has others; writes nothing. */
export function requireMigrated(target: MigrationTarget, migrations: readonly Migration[]): void {
  if (nextMigration(target.applied(), migrations) === null) return
  throw broken(
    'the database has the schema of an older version of Postern: start the daemon once to migrate it'
  )
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
    onDisk(() => {
      linkUnlessThere(draft, target)
    }, `the database file ${target} cannot be made`)
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
  onDisk(() => {
    mkdirSync(folder, { mode: 0o700 })
  }, `the folder ${folder} cannot be created`)
}

/** Creates the empty file for a copy of the database, mode 0600. Throws {@link Trouble} when something is there already. */
export function createBackupFile(path: string): string {
  const absolute = resolve(path)
  onDisk(() => {
    closeSync(openSync(absolute, 'wx', 0o600))
  }, `the backup file ${absolute} cannot be created (it must not exist yet)`)
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

/** The first migration that is not applied, or null. Throws when what is applied is no prefix of what we have. */
function nextMigration(
  applied: readonly AppliedMigration[],
  migrations: readonly Migration[]
): Migration | null {
  if ((applied.at(-1)?.number ?? 0) > migrations.length) {
    throw new Trouble(
      'database-newer',
      'The database was made by a newer version of Postern: install that version, or restore an older backup.',
      { retryable: false }
    )
  }
  for (const [index, row] of applied.entries()) {
    const ours = migrations[index]
    if (row.number !== ours?.number || row.sha256 !== ours.sha256) {
      throw broken(
        `database migration ${row.number} is not the one that this database was made with: reinstall Postern`
      )
    }
  }
  return migrations[applied.length] ?? null
}

function broken(sentence: string, cause?: unknown): Trouble {
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
