/**
 * The one place that talks to the SQLite driver: opens the encrypted database (SQLite3 Multiple Ciphers, AEGIS-256),
 * migrates it and runs transactions. Migrations are applied in order, each in its own transaction; `user_version` counts them.
 * Must never hand out an unencrypted or half-migrated database, never touch a newer one, and never await inside a transaction.
 */
import Sqlite from 'better-sqlite3'
import { assert } from '../domain/assert.ts'
import { createWhole, readMigrations, realPath, requireFile, secureFile } from './files.ts'
import { type Read, type Sql, type SqlParams, type Tx } from './sql.ts'
import { corrupt, isSqliteError, mapErrors, refused } from './sqlite-errors.ts'

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

/** A compiled statement; `names` are the columns of its rows as the program names them. */
type Prepared = {
  readonly statement: Sqlite.Statement<unknown[], unknown[]>
  readonly names: readonly string[]
}

const BUSY_TIMEOUT_MS = 5000
const JOURNAL_BYTES_MAX = 64 * 1024 * 1024
/** Pages kept in clear in this process's memory: each that is not has to be decrypted and authenticated to be read. */
const CACHE_KIB = 16 * 1024
/** Pages of 4 KiB in the WAL before they are copied into the database, which waits for the disk twice. */
const CHECKPOINT_PAGES = 4000
/** Files up to this size are checked whole at every start; of larger ones each page as it is read. */
const CHECKED_AT_START_BYTES_MAX = 64 * 1024 * 1024

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
      throw refused(
        'database',
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
      unlock(connection, passphrase)
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
      throw refused(
        'database-locked',
        'Another Postern daemon is running on this database: stop it first, or use another storage.path.'
      )
    }
    return { [Symbol.dispose]: () => connection.close() }
  })
}

function unlock(connection: Sqlite.Database, passphrase: string): void {
  // NUL would end the key text early, and so weaken it without anybody noticing.
  if (passphrase === '' || passphrase.includes('\0')) {
    throw refused(
      'database-key',
      'The desk passphrase is empty or contains a NUL: set another desk.passphrase.'
    )
  }
  connection.pragma("cipher = 'aegis'")
  connection.pragma(`key = '${passphrase.replaceAll("'", "''")}'`)
  try {
    connection.pragma('schema_version')
  } catch (cause) {
    if (!isSqliteError(cause) || cause.code !== 'SQLITE_NOTADB') throw cause
    throw refused(
      'database-key',
      'The database cannot be opened: check desk.passphrase and storage.path; if both are right, the file is damaged and must be restored from a backup.',
      cause
    )
  }
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
  throw refused(
    'database-newer',
    'The database was made by a newer version of Postern: install that version, or restore an older backup.'
  )
}

function versionOf(connection: Sqlite.Database): number {
  return Number(connection.pragma('user_version', { simple: true }))
}

function databaseOn(connection: Sqlite.Database): Database {
  const prepare = statementCache(connection)
  const close = (): void => {
    if (connection.open) connection.close()
  }
  return {
    read: (work) =>
      mapErrors(() => {
        if (connection.inTransaction) return withHandle(prepare, 'read', work)
        return inTransaction(connection, 'deferred', () => withHandle(prepare, 'read', work))
      }),
    transact: (work) =>
      mapErrors(() => {
        assert(!connection.inTransaction, 'a transaction inside a transaction')
        return inTransaction(connection, 'immediate', () => withHandle(prepare, 'write', work))
      }),
    close,
    [Symbol.dispose]: close
  }
}

/** Statements compiled once and kept: the program has a few hundred. */
function statementCache(connection: Sqlite.Database): (sql: string) => Prepared {
  const cache = new Map<string, Prepared>()
  return (sql) => {
    const prepared = cache.get(sql) ?? compile(connection, sql)
    cache.set(sql, prepared)
    return prepared
  }
}

function compile(connection: Sqlite.Database, sql: string): Prepared {
  const statement = connection.prepare<unknown[], unknown[]>(sql)
  if (!statement.reader) return { statement, names: [] }
  const names = statement
    .raw()
    .columns()
    .map(({ name }) => name)
  return {
    statement,
    names: names.map((name) =>
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    )
  }
}

function inTransaction<T>(
  connection: Sqlite.Database,
  mode: 'deferred' | 'immediate',
  work: () => T
): T {
  const transaction = connection.transaction(() => {
    const result = work()
    // The types allow an async function; awaiting here would commit before its writes happen.
    assert(!(result instanceof Promise), 'a transaction function returned a promise')
    return result
  })
  return transaction[mode]()
}

/** Calls `work` with a handle that stops working when `work` returns. A `read` handle refuses statements that write. */
function withHandle<T>(
  prepare: (sql: string) => Prepared,
  access: 'read' | 'write',
  work: (handle: Tx) => T
): T {
  let isLive = true
  const checked = (sql: string): Prepared => {
    assert(isLive, 'a database handle was used after its transaction')
    const prepared = prepare(sql)
    const mayRun = access === 'write' || prepared.statement.readonly
    assert(mayRun, 'a reading function tried to write')
    return prepared
  }
  const all = <Row>(sql: Sql<Row>, params: SqlParams = []): Row[] => {
    const { statement, names } = checked(sql)
    return statement.all(bound(params)).map((values) => rowOf(names, values) as Row)
  }
  const column = <Value>(sql: Sql<Value>, params: SqlParams = []): Value[] =>
    checked(sql)
      .statement.all(bound(params))
      .map(([first]) => first as Value)
  const handle: Tx = {
    all,
    column,
    get: (sql, params) => all(sql, params)[0] ?? null,
    value: (sql, params) => column(sql, params)[0] ?? null,
    run: (sql, params = []) => {
      const { changes, lastInsertRowid } = checked(sql).statement.run(bound(params))
      return { changes, id: Number(lastInsertRowid) }
    }
  }
  try {
    return work(handle)
  } finally {
    isLive = false
  }
}

const FLAG = /^(?:is|was|has|had|began)[A-Z]/

function rowOf(names: readonly string[], values: readonly unknown[]): object {
  return Object.fromEntries(names.map((name, column) => cellOf(name, values[column])))
}

function cellOf(name: string, value: unknown): [string, unknown] {
  if (name.endsWith('Json'))
    return [name.slice(0, -'Json'.length), typeof value === 'string' ? JSON.parse(value) : null]
  return [name, FLAG.test(name) && value !== null ? value === 1 : value]
}

function bound(params: SqlParams): unknown {
  if (Array.isArray(params)) return params.map(sqlValue)
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, sqlValue(value)]))
}

function sqlValue(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value)
  const isPlain = typeof value !== 'object' || value === null || value instanceof Uint8Array
  return isPlain ? value : JSON.stringify(value)
}
