/**
 * The one place that talks to the SQLite driver: opens the encrypted database (SQLite3 Multiple Ciphers, AEGIS-256),
 * migrates it and runs transactions. Migrations are applied in order, each in its own transaction; `user_version` counts them.
 * Must never hand out an unencrypted or half-migrated database, never touch a newer one, and never await inside a transaction.
 */
import Sqlite from 'better-sqlite3'
import { assert } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  broken,
  createWhole,
  isPlain,
  readMigrations,
  realPath,
  requireFile,
  secureFile
} from './files.ts'
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
  close(): void
  [Symbol.dispose](): void
}

/** How a database is opened. */
export type OpenOptions = {
  readonly path: string
  readonly passphrase: string
  readonly migrationsDir: string
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
/** Files up to this size are checked whole at every start; of larger ones each page as it is read. */
const CHECKED_AT_START_BYTES_MAX = 64 * 1024 * 1024
const STATEMENTS_MAX = 256

/**
 * Opens (and creates, when missing) the database and brings it to the present schema. Throws {@link Trouble}
 * `database-key` (wrong passphrase or not our file), `database-corrupt`, `database-newer`, `database-busy`, `disk-full`
 * or `database`, each with one sentence and its remedy.
 */
export function openDatabase(options: OpenOptions): Database {
  const { passphrase, ifMissing = 'create' } = options
  const migrations = readMigrations(options.migrationsDir)
  const path = realPath(options.path)
  if (ifMissing === 'create')
    createWhole(path, (draft) => connect(draft, passphrase, () => undefined).close())
  requireFile(path)
  secureFile(path)
  const connection = connect(path, passphrase, (opened) => {
    if (ifMissing === 'create') applyMigrations(opened, migrations)
    else if (missingMigrations(opened, migrations).length > 0)
      throw broken(
        'The database has the schema of an older version of Postern: start the daemon once to migrate it.'
      )
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
 * Takes the right to be the one daemon of the database at `databasePath`, until disposed of: two would send the same outbox. The
 * operating system holds the lock, on a file beside the database, so it ends with the process, `kill -9` included; the database
 * itself stays open to commands. Throws {@link Trouble} `database-locked` when another daemon has it.
 */
export function acquireDaemonLock(databasePath: string): Disposable {
  const path = `${realPath(databasePath)}.lock`
  secureFile(path)
  return mapErrors(() => {
    const connection = new Sqlite(path, { timeout: 0 })
    try {
      connection.exec('BEGIN EXCLUSIVE')
    } catch (error) {
      connection.close()
      if (!isSqliteError(error) || !error.code.startsWith('SQLITE_BUSY')) throw error
      throw new Trouble(
        'database-locked',
        'Another Postern daemon is running on this database: stop it first, or use another storage.path.',
        { retryable: false }
      )
    }
    return { [Symbol.dispose]: () => connection.close() }
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
    throw new Trouble('database-key', keyHint(path), { retryable: false, cause })
  }
}

function keyHint(path: string): string {
  return isPlain(path)
    ? 'The file at storage.path is an unencrypted SQLite database, not one of Postern: check storage.path.'
    : 'The database cannot be opened: check desk.passphrase and storage.path; if both are right, the file is damaged and must be restored from a backup.'
}

function configure(connection: Sqlite.Database): void {
  const mode = connection.pragma('journal_mode = WAL', { simple: true })
  assert(mode === 'wal', 'the database is not in WAL mode')
  // The driver is built with synchronous=NORMAL for WAL, which may lose the last commits at a power cut.
  connection.pragma('synchronous = FULL')
  connection.pragma('foreign_keys = ON')
  // Deleted bytes are ciphertext on the disk anyway; FAST spares writing zeros over every page of a large message.
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

/** Applies what the database lacks of `migrations`, each in one transaction with its count. */
function applyMigrations(connection: Sqlite.Database, migrations: readonly string[]): void {
  // Read inside the transaction: another process may have migrated since.
  const applyOne = connection.transaction(() => {
    const [next] = missingMigrations(connection, migrations)
    if (next === undefined) return
    connection.exec(next)
    assert(connection.inTransaction, 'a migration ended its own transaction')
    connection.pragma(`user_version = ${versionOf(connection) + 1}`)
  })
  while (missingMigrations(connection, migrations).length > 0) applyOne.immediate()
}

/** Those that are not applied yet. Writes nothing, so a refused database is left exactly as it was. */
function missingMigrations(
  connection: Sqlite.Database,
  migrations: readonly string[]
): readonly string[] {
  const version = versionOf(connection)
  if (version <= migrations.length) return migrations.slice(version)
  throw new Trouble(
    'database-newer',
    'The database was made by a newer version of Postern: install that version, or restore an older backup.',
    { retryable: false }
  )
}

function versionOf(connection: Sqlite.Database): number {
  return Number(connection.pragma('user_version', { simple: true }))
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
