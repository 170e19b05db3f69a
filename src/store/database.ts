/**
 * The one place that talks to the SQLite driver: opens the encrypted database (SQLite3 Multiple Ciphers, AEGIS-256),
 * migrates it and runs transactions. Migrations are applied in order, each in its own transaction, each remembered with its
 * checksum: a released file never changes. Must never hand out an unencrypted or half-migrated database, never guess about a
 * gap, a changed file or a newer database, and never await inside a transaction.
 */
import Sqlite from 'better-sqlite3'
import { assert } from '../domain/assert.ts'
import { type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  broken,
  createBackupFile,
  createWhole,
  type FileKind,
  fileKind,
  isThere,
  type Migration,
  prepareFile,
  readMigrations
} from './migrate.ts'
import { type Read, type Sql, type SqlParams, type Tx } from './sql.ts'
import { corrupt, isSqliteError, mapErrors } from './sqlite-errors.ts'

export { type Read, type Tx } from './sql.ts'

/** An open, keyed and migrated database. */
export type Database = {
  /** Runs `work` on one consistent snapshot. Inside a transaction it reads that transaction's own state. */
  read<T>(work: (read: Read) => T): T
  /**
   * Runs `work` in one write transaction (BEGIN IMMEDIATE): all of it or nothing. Synchronous: a promise is refused and
   * rolled back. Throws `Trouble` for disk, lock and damage; `Invariant` for a broken constraint or a nested call.
   */
  transact<T>(work: (tx: Tx) => T): T
  /** Writes an encrypted copy under the same passphrase to a new file `path`, mode 0600. */
  backupTo(path: string): void
  /** Whether every page and index reads correctly. Takes time in proportion to the file. */
  isIntact(): boolean
  close(): void
  [Symbol.dispose](): void
}

/** An exclusive lock on a file; ends with the process, however that dies. */
export type FileLock = { [Symbol.dispose](): void }

/** How a database is opened. `now` is recorded with the migrations that are applied. */
export type OpenOptions = {
  readonly path: string
  readonly passphrase: string
  readonly migrationsDir: string
  readonly now: Instant
  /**
   * What to do when there is no file or an older schema: make and migrate it (the default) or refuse, for commands that only
   * look.
   */
  readonly ifMissing?: 'create' | 'refuse'
}

/** Where handles get their statements: kept ones from `prepare`, single ones from the connection. */
type Source = {
  readonly connection: Sqlite.Database
  readonly prepare: (sql: string) => Sqlite.Statement
}

const BUSY_TIMEOUT_MS = 5000
const JOURNAL_BYTES_MAX = 64 * 1024 * 1024
/** Pages kept in clear in this process's memory: each that is not has to be decrypted and authenticated to be read. */
const CACHE_KIB = 16 * 1024
/** Pages of 4 KiB in the WAL before they are copied into the database, which waits for the disk twice. */
const CHECKPOINT_PAGES = 4000
/** Files up to this size are checked whole at every start; larger ones by `audit verify` and `restore`. */
const CHECKED_AT_START_BYTES_MAX = 64 * 1024 * 1024
const STATEMENTS_MAX = 256

const BOOKKEEPING = `
  -- Which migrations this database has seen. Written by the program alone.
  CREATE TABLE IF NOT EXISTS migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    applied_at TEXT NOT NULL CHECK (length(applied_at) = 24)
  ) STRICT`

type AppliedMigration = Pick<Migration, 'number' | 'sha256'>

/**
 * Opens (and creates, when missing) the database and brings it to the present schema. Throws {@link Trouble}
 * `database-key` (wrong passphrase or not our file), `database-corrupt`, `database-newer`, `database-busy`, `disk-full`
 * or `database`, each with one sentence and its remedy.
 */
export function openDatabase(options: OpenOptions): Database {
  const migrations = readMigrations(options.migrationsDir)
  const ifMissing = options.ifMissing ?? 'create'
  const { passphrase } = options
  if (!isThere(options.path) && ifMissing === 'create') {
    createWhole(options.path, (draft) => {
      connect(draft, passphrase, () => undefined).close()
    })
  }
  const path = prepareFile(options.path, 'refuse')
  const connection = connect(path, passphrase, (opened) => {
    if (ifMissing === 'create') applyMigrations(opened, migrations, options.now)
    else requireMigrated(opened, migrations)
  })
  return databaseOn(connection)
}

/** A keyed and configured connection for which `prepare` has been done; a new file has its first page afterwards. */
function connect(
  path: string,
  passphrase: string,
  prepare: (connection: Sqlite.Database) => void
): Sqlite.Database {
  return mapErrors(() => {
    const connection = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS })
    try {
      unlock(connection, passphrase, path)
      configure(connection)
      checkWhenSmall(connection)
      prepare(connection)
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  })
}

/**
 * Takes the exclusive lock on `path`, a file made for this purpose alone; `held` when another connection has it. The
 * operating system drops it when the process ends.
 */
export function lockFile(path: string): FileLock | 'held' {
  const file = prepareFile(path, 'create')
  return mapErrors(() => {
    const connection = new Sqlite(file, { timeout: 0 })
    try {
      connection.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      connection.close()
      if (isSqliteError(error) && error.code.startsWith('SQLITE_BUSY')) return 'held'
      throw error
    }
    return {
      [Symbol.dispose]: () => {
        connection.close()
      }
    }
  })
}

function unlock(connection: Sqlite.Database, passphrase: string, path: string): void {
  // NUL would end the key text early, and so weaken it without anybody noticing.
  if (passphrase === '' || passphrase.includes('\0')) {
    throw new Trouble(
      'database-key',
      'The desk passphrase is empty or contains a NUL: set another desk.passphrase.',
      { retryable: false }
    )
  }
  connection.pragma("cipher = 'aegis'")
  connection.pragma(`key = '${passphrase.replaceAll("'", "''")}'`)
  try {
    connection.pragma('schema_version')
  } catch (cause) {
    if (!isSqliteError(cause) || cause.code !== 'SQLITE_NOTADB') throw cause
    throw new Trouble('database-key', keyHint(fileKind(path)), { retryable: false, cause })
  }
}

function keyHint(kind: FileKind): string {
  return kind === 'plain'
    ? 'The file at storage.path is an unencrypted SQLite database, not one of Postern: check storage.path.'
    : 'The database cannot be opened: check desk.passphrase and storage.path; if both are right, the file is damaged and must be restored from a backup.'
}

function configure(connection: Sqlite.Database): void {
  const mode = connection.pragma('journal_mode = WAL', { simple: true })
  assert(mode === 'wal', 'the database is not in WAL mode')
  // The driver is built with synchronous=NORMAL for WAL, which may lose the last commits at a power cut.
  connection.pragma('synchronous = FULL')
  connection.pragma('foreign_keys = ON')
  // Deleted bytes are ciphertext on the disk anyway; FAST spares writing zeros over every page of a large mail.
  connection.pragma('secure_delete = FAST')
  // Sorting must not spill rows in clear into the system's temporary folder (G10).
  connection.pragma('temp_store = MEMORY')
  connection.pragma('trusted_schema = OFF')
  connection.pragma(`journal_size_limit = ${JOURNAL_BYTES_MAX}`)
  connection.pragma(`cache_size = -${CACHE_KIB}`)
  connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
}

function checkWhenSmall(connection: Sqlite.Database): void {
  const pages = Number(connection.pragma('page_count', { simple: true }))
  const bytes = pages * Number(connection.pragma('page_size', { simple: true }))
  if (bytes > CHECKED_AT_START_BYTES_MAX) return
  if (connection.pragma('quick_check(1)', { simple: true }) !== 'ok') throw corrupt(undefined)
}

/**
 * Applies what the database lacks of `migrations`, each in one transaction with its bookkeeping row. Throws {@link Trouble}
 * `database-newer` when the database was made by a newer program, and `database` when an applied migration is not the one in
 * the folder.
 */
function applyMigrations(
  connection: Sqlite.Database,
  migrations: readonly Migration[],
  now: Instant
): void {
  // Read inside the transaction: another process may have migrated since.
  const applyOne = connection.transaction(() => {
    const next = nextMigration(connection, migrations)
    if (next === null) return
    connection.exec(BOOKKEEPING)
    connection.exec(next.sql)
    assert(connection.inTransaction, `migration ${next.number} ended its own transaction`)
    connection
      .prepare('INSERT INTO migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)')
      .run(next.number, next.name, next.sha256, now)
  })
  // The check comes first and writes nothing, so a refused database is left exactly as it was.
  while (nextMigration(connection, migrations) !== null) applyOne.immediate()
}

/** Throws {@link Trouble} when the database lacks any of `migrations`, or has others; writes nothing. */
function requireMigrated(connection: Sqlite.Database, migrations: readonly Migration[]): void {
  if (nextMigration(connection, migrations) === null) return
  throw broken(
    'the database has the schema of an older version of Postern: start the daemon once to migrate it'
  )
}

/** The first migration that is not applied, or null. Throws when what is applied is no prefix of what we have. */
function nextMigration(
  connection: Sqlite.Database,
  migrations: readonly Migration[]
): Migration | null {
  const applied = appliedMigrations(connection)
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

function appliedMigrations(connection: Sqlite.Database): AppliedMigration[] {
  const tableQuery = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"
  if (connection.prepare(tableQuery).get() === undefined) return []
  return connection
    .prepare<[], AppliedMigration>('SELECT number, sha256 FROM migrations ORDER BY number')
    .all()
}

function databaseOn(connection: Sqlite.Database): Database {
  const source = { connection, prepare: statementCache(connection) }
  const close = (): void => {
    if (connection.open) connection.close()
  }
  return {
    read: (work) =>
      mapErrors(() => {
        if (connection.inTransaction) return withHandle(source, 'read', work)
        return inTransaction(connection, 'deferred', () => withHandle(source, 'read', work))
      }),
    transact: (work) =>
      mapErrors(() => {
        assert(!connection.inTransaction, 'a transaction inside a transaction')
        return inTransaction(connection, 'immediate', () => withHandle(source, 'write', work))
      }),
    backupTo: (path) => {
      const file = createBackupFile(path)
      mapErrors(() => connection.prepare('VACUUM INTO ?').run(file))
    },
    isIntact: () =>
      mapErrors(() => {
        try {
          return connection.pragma('integrity_check(1)', { simple: true }) === 'ok'
        } catch (error) {
          if (isSqliteError(error) && error.code.startsWith('SQLITE_CORRUPT')) return false
          throw error
        }
      }),
    close,
    [Symbol.dispose]: close
  }
}

/** Statements compiled once and kept, the least recently used dropped first. */
function statementCache(connection: Sqlite.Database): (sql: string) => Sqlite.Statement {
  const statements = new Map<string, Sqlite.Statement>()
  return (sql) => {
    const statement = statements.get(sql) ?? connection.prepare(sql)
    statements.delete(sql)
    statements.set(sql, statement)
    const [oldest] = statements.keys()
    if (statements.size > STATEMENTS_MAX && oldest !== undefined) statements.delete(oldest)
    return statement
  }
}

function inTransaction<T>(
  connection: Sqlite.Database,
  mode: 'deferred' | 'immediate',
  work: () => T
): T {
  return connection
    .transaction(() => {
      const result = work()
      // The types allow an async function; awaiting here would commit before its writes happen.
      assert(!(result instanceof Promise), 'a transaction function returned a promise')
      return result
    })
    [mode]()
}

/** Calls `work` with a handle that stops working when `work` returns. A `read` handle refuses statements that write. */
function withHandle<T>(source: Source, access: 'read' | 'write', work: (handle: Tx) => T): T {
  const loops: IterableIterator<unknown>[] = []
  let isLive = true
  const checked = (statement: Sqlite.Statement): Sqlite.Statement => {
    assert(isLive, 'a database handle was used after its transaction')
    assert(access === 'write' || statement.readonly, 'a reading function tried to write')
    return statement
  }
  const handle = {
    get: <Row>(sql: Sql<Row>, params: SqlParams = []) =>
      checked(source.prepare(sql)).get(params) as Row | undefined,
    all: <Row>(sql: Sql<Row>, params: SqlParams = []) =>
      checked(source.prepare(sql)).all(params) as Row[],
    iterate: <Row>(sql: Sql<Row>, params: SqlParams = []) => {
      // A statement of its own: a cached one could be asked again while this loop still runs.
      const rows = checked(source.connection.prepare(sql)).iterate(params)
      loops.push(rows)
      return rows as IterableIterator<Row>
    },
    run: (sql: string, params: SqlParams = []) => {
      const result = checked(source.prepare(sql)).run(params)
      return { changes: result.changes, id: Number(result.lastInsertRowid) }
    }
  }
  try {
    return work(handle as Tx)
  } finally {
    isLive = false
    // A loop that was left open would keep the connection busy, and COMMIT and ROLLBACK from running.
    for (const rows of loops) rows.return?.()
  }
}
