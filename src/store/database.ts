/**
 * The one place that talks to the SQLite driver: opens the encrypted database (SQLite3 Multiple Ciphers, AEGIS-256),
 * migrates it and runs transactions. Migrations are applied in order, each in its own transaction; `user_version` counts them.
 * Must never hand out an unencrypted or half-migrated database, never touch a newer one, never await inside a transaction, and
 * never put row content or the passphrase into an error.
 */
import { fileURLToPath } from 'node:url'
import Sqlite from 'better-sqlite3'
import { assert, Invariant } from '../domain/assert.ts'
import { Trouble, type TroubleCode } from '../domain/trouble.ts'
import {
  createFlush,
  DISK_FULL,
  diskOf,
  readMigrations,
  realPath,
  requireFile,
  secureFile
} from './files.ts'
import { type Read, type Sql, type SqlParams, type Tx } from './sql.ts'

export { type Read, type Tx } from './sql.ts'

/** An open, keyed and migrated database. */
export type Database = Disposable & {
  /** Runs `work` on one consistent snapshot. Inside a transaction it reads that transaction's own state. */
  read<T>(work: (read: Read) => T): T
  /**
   * Runs `work` in one write transaction (BEGIN IMMEDIATE): all of it or nothing. Synchronous: a promise is refused and
   * rolled back. Throws `Trouble` for disk, lock and damage; `Invariant` for a broken constraint or a nested call. It is on the
   * disk when this returns, with all that was written before; or, where it says `later`, after the next `flush` or transaction
   * that waits for the disk: until then a power cut may undo it, as if it had never been. The end of the process undoes none.
   */
  transact<T>(work: (tx: Tx) => T, onDisk?: OnDisk): T
  /**
   * Resolves when all that was written before is on the disk; this thread goes on meanwhile. Where the disk fails, what was
   * written goes into the database itself, for which this thread waits; rejects as `transact` throws where that fails, too.
   */
  flush(): Promise<void>
  /** Bytes of the disk that it is on. */
  disk(): { readonly free: number; readonly total: number }
  close(): void
}

/** Whether a transaction waits for the disk. `later` is for what is done again where it is missing, or flushed afterwards. */
type OnDisk = 'now' | 'later'

/** How a database is opened. */
export type OpenOptions = {
  readonly path: string
  readonly passphrase: string
  /** The program's own unless given: beside `src` and beside `dist`. */
  readonly migrationsDir?: string
  /**
   * What to do when there is no file or an older schema: make and migrate it (the default) or refuse, for commands that only
   * look.
   */
  readonly ifMissing?: 'create' | 'refuse'
  /** How long to wait for another program that is writing. */
  readonly waitMs?: number
}

/** A compiled statement, with the columns of its rows as the program reads them. */
type Prepared = {
  readonly statement: Sqlite.Statement<unknown[], unknown[]>
  readonly columns: readonly Column[]
}

const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url))
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
  const { passphrase, migrationsDir = MIGRATIONS_DIR, ifMissing = 'create' } = options
  const { waitMs = BUSY_TIMEOUT_MS } = options
  const migrations = readMigrations(migrationsDir)
  const path = realPath(options.path)
  const prepare = (connection: Sqlite.Database): void => {
    unlock(connection, passphrase)
    configure(connection)
    checkWhenSmall(connection)
    migrate(connection, migrations, ifMissing)
  }
  const open = (file: string): Sqlite.Database => connect(file, waitMs, prepare)
  requireFile(path, ifMissing, (draft) => open(draft).close())
  return databaseOn(open(path))
}

/**
 * Takes the right to be the one daemon of the database at `databasePath`, until disposed of: two would send the same outbox. The
 * operating system holds the lock, on a file beside the database, so it ends with the process, `kill -9` included; the database
 * itself stays open to commands. Throws {@link Trouble} `database-locked` when another daemon has it.
 */
export function acquireDaemonLock(databasePath: string): Disposable {
  const path = `${realPath(databasePath)}.lock`
  secureFile(path)
  try {
    const connection = connect(path, 0, (opened) => opened.exec('BEGIN EXCLUSIVE'))
    return { [Symbol.dispose]: () => connection.close() }
  } catch (error) {
    if (!(error instanceof Trouble) || error.code !== 'database-busy') throw error
    throw new Trouble(
      'database-locked',
      'Another Postern daemon is running on this database: stop it first, or use another storage.path.'
    )
  }
}

function connect(
  path: string,
  timeout: number,
  prepare: (connection: Sqlite.Database) => void
): Sqlite.Database {
  return mapErrors(() => {
    const connection = new Sqlite(path, { timeout })
    try {
      prepare(connection)
    } catch (error) {
      connection.close()
      throw error
    }
    return connection
  })
}

function unlock(connection: Sqlite.Database, passphrase: string): void {
  // NUL would end the key text early, and so weaken it without anybody noticing.
  if (passphrase === '' || passphrase.includes('\0')) {
    throw new Trouble(
      'database-key',
      'The desk passphrase is empty or contains a NUL: set another desk.passphrase.'
    )
  }
  connection.pragma("cipher = 'aegis'")
  connection.pragma(`key = '${passphrase.replaceAll("'", "''")}'`)
  try {
    connection.pragma('schema_version')
  } catch (cause) {
    if (!(cause instanceof Sqlite.SqliteError) || cause.code !== 'SQLITE_NOTADB') throw cause
    throw new Trouble(
      'database-key',
      'The database cannot be opened: check desk.passphrase and storage.path; if both are right, the file is damaged and must be restored from a backup.',
      { cause }
    )
  }
}

function configure(connection: Sqlite.Database): void {
  const mode = connection.pragma('journal_mode = WAL', { simple: true })
  assert(mode === 'wal', 'the database is not in WAL mode')
  // The driver is built with that of `later` for WAL, which may lose the last commits at a power cut.
  connection.pragma(SYNCHRONOUS.now)
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

const SYNCHRONOUS: Readonly<Record<OnDisk, string>> = {
  now: 'synchronous = FULL',
  later: 'synchronous = NORMAL'
}

function checkWhenSmall(connection: Sqlite.Database): void {
  const pages = Number(connection.pragma('page_count', { simple: true }))
  const bytes = pages * Number(connection.pragma('page_size', { simple: true }))
  if (bytes > CHECKED_AT_START_BYTES_MAX) return
  if (connection.pragma('quick_check(1)', { simple: true }) !== 'ok')
    throw new Trouble('database-corrupt', DAMAGED)
}

/**
 * Applies the migrations that the database lacks, each in one transaction with its count. A database that is refused is left
 * exactly as it was.
 */
function migrate(
  connection: Sqlite.Database,
  migrations: readonly string[],
  ifMissing: 'create' | 'refuse'
): void {
  const version = (): number => Number(connection.pragma('user_version', { simple: true }))
  if (version() > migrations.length)
    throw new Trouble(
      'database-newer',
      'The database was made by a newer version of Postern: install that version, or restore an older backup.'
    )
  if (version() < migrations.length && ifMissing === 'refuse')
    throw new Trouble(
      'database',
      'The database has the schema of an older version of Postern: start the daemon once to migrate it.'
    )
  const inTransaction = transactionsOn(connection)
  for (const [index, sql] of migrations.entries()) {
    // A command that only looks must not wait for the write lock.
    if (version() > index) continue
    inTransaction('immediate', () => {
      // Read inside the transaction: another process may have migrated since.
      if (version() > index) return
      connection.exec(sql)
      assert(connection.inTransaction, 'a migration ended its own transaction')
      connection.pragma(`user_version = ${index + 1}`)
    })
  }
}

function databaseOn(connection: Sqlite.Database): Database {
  const prepare = statementCache(connection)
  const inTransaction = transactionsOn(connection)
  let last: OnDisk = 'now'
  const reading = handleOn(connection, prepare, 'read')
  const writing = handleOn(connection, prepare, 'write')
  // What is written stands here first; SQLite holds no lock on this file.
  let isDoubted = false
  const wal = createFlush(`${connection.name}-wal`)
  const close = (): void => {
    wal.close()
    if (connection.open) connection.close()
  }
  return {
    read: (work) =>
      mapErrors(() =>
        connection.inTransaction ? work(reading) : inTransaction('deferred', () => work(reading))
      ),
    transact: (work, onDisk = 'now') =>
      mapErrors(() => {
        assert(!connection.inTransaction, 'a transaction inside a transaction')
        if (onDisk !== last) connection.pragma(SYNCHRONOUS[onDisk])
        last = onDisk
        return inTransaction('immediate', () => work(writing))
      }),
    flush: async () => {
      isDoubted ||= !(await wal.flush())
      if (isDoubted) mapErrors(() => checkpointWhole(connection))
      isDoubted = false
    },
    disk: () => diskOf(connection.name),
    close,
    [Symbol.dispose]: close
  }
}

/**
 * After a failed wait for the disk the system may have dropped what it could not write, and say so only once: what has to be on
 * the disk is written into the database itself, from what can still be read of it.
 */
function checkpointWhole(connection: Sqlite.Database): void {
  const isBusy = connection.pragma('wal_checkpoint(TRUNCATE)', { simple: true }) !== 0
  if (isBusy) throw new Trouble('database-busy', BUSY, { retryable: true })
}

function statementCache(connection: Sqlite.Database): (sql: string) => Prepared {
  const cache = new Map<string, Prepared>()
  return (sql) => {
    const prepared = cache.get(sql) ?? compile(connection, sql)
    cache.set(sql, prepared)
    return prepared
  }
}

function compile(connection: Sqlite.Database, sql: string): Prepared {
  // SQLite plans with the value of a limit that is a parameter alone, and would prepare the statement anew at each call.
  const planned = sql.replaceAll(/\bLIMIT (\?|@\w+)/g, 'LIMIT ($1 + 0)')
  const statement = connection.prepare<unknown[], unknown[]>(planned)
  const columns = statement.reader ? statement.raw().columns() : []
  return { statement, columns: columns.map(({ name }) => columnOf(name)) }
}

type Mode = 'deferred' | 'immediate'
type InTransaction = <T>(mode: Mode, work: () => T) => T

/** Made once a connection: the driver makes several functions of each. */
function transactionsOn(connection: Sqlite.Database): InTransaction {
  const transaction = connection.transaction((work: () => unknown) => {
    const result = work()
    // The types allow an async function; awaiting here would commit before its writes happen.
    assert(!(result instanceof Promise), 'a transaction function returned a promise')
    return result
  })
  return <T>(mode: Mode, work: () => T) => transaction[mode](work) as T
}

/** A handle that works in transactions only. A `read` handle refuses statements that write. */
function handleOn(
  connection: Sqlite.Database,
  prepare: (sql: string) => Prepared,
  access: 'read' | 'write'
): Tx {
  const checked = (sql: string): Prepared => {
    assert(connection.inTransaction, 'a database handle was used after its transaction')
    const prepared = prepare(sql)
    const mayRun = access === 'write' || prepared.statement.readonly
    assert(mayRun, 'a reading function tried to write')
    return prepared
  }
  const all = <Row>(sql: Sql<Row>, params: SqlParams = []): Row[] => {
    const { statement, columns } = checked(sql)
    return statement.all(bound(params)).map((values) => rowOf(columns, values) as Row)
  }
  const column = <Value>(sql: Sql<Value>, params: SqlParams = []): Value[] =>
    checked(sql)
      .statement.all(bound(params))
      .map(([first]) => first as Value)
  return {
    all,
    column,
    get: (sql, params) => all(sql, params)[0] ?? null,
    value: (sql, params) => column(sql, params)[0] ?? null,
    run: (sql, params = []) => {
      const { changes, lastInsertRowid } = checked(sql).statement.run(bound(params))
      return { changes, id: Number(lastInsertRowid) }
    }
  }
}

/** What a row has by this name, and how it is read. */
type Column = { readonly name: string; readonly read: (value: unknown) => unknown }

const FLAG = /^(?:is|was|has|had|began)[A-Z]/

function columnOf(column: string): Column {
  const name = column.replaceAll(/_[a-z]/g, ([, letter = '']) => letter.toUpperCase())
  if (name.endsWith('Json')) return { name: name.slice(0, -'Json'.length), read: fromJson }
  return { name, read: FLAG.test(name) ? (value) => (value === null ? null : value === 1) : same }
}

const fromJson = (value: unknown): unknown =>
  typeof value === 'string' ? (JSON.parse(value) as unknown) : null
const same = (value: unknown): unknown => value

function rowOf(columns: readonly Column[], values: readonly unknown[]): object {
  const row: Record<string, unknown> = {}
  for (const [index, { name, read }] of columns.entries()) row[name] = read(values[index])
  return row
}

function bound(params: SqlParams): unknown {
  if (Array.isArray(params)) return params.map(sqlValue)
  const named: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(params)) named[name] = sqlValue(value)
  return named
}

function sqlValue(value: unknown): unknown {
  if (typeof value === 'boolean') return Number(value)
  const isPlain = typeof value !== 'object' || value === null || value instanceof Uint8Array
  return isPlain ? value : JSON.stringify(value)
}

const BUSY = 'Another program is writing to the database: try again in a moment.'
const DISK = 'The database cannot be read or written: check the disk and the memory.'
const PERMISSIONS =
  'The database cannot be written: check the owner and permissions of the file and of its folder.'
const DAMAGED =
  'The database is damaged: stop Postern, keep the file, and restore the latest backup.'
/** Result codes, primary or extended, that blame the outside, with what to tell and whether trying again can help. */
const OUTSIDE: ReadonlyMap<string, readonly [TroubleCode, string, boolean]> = new Map([
  ['SQLITE_FULL', ['disk-full', DISK_FULL, true]],
  // No room for the shared memory beside the WAL, which every connection needs.
  ['SQLITE_IOERR_SHMSIZE', ['disk-full', DISK_FULL, true]],
  ['SQLITE_BUSY', ['database-busy', BUSY, true]],
  ['SQLITE_LOCKED', ['database-busy', BUSY, true]],
  ['SQLITE_IOERR', ['database', DISK, true]],
  ['SQLITE_NOMEM', ['database', DISK, true]],
  ['SQLITE_PROTOCOL', ['database', DISK, true]],
  ['SQLITE_SCHEMA', ['database', DISK, true]],
  ['SQLITE_NOLFS', ['database', DISK, false]],
  ['SQLITE_CANTOPEN', ['database', PERMISSIONS, false]],
  ['SQLITE_READONLY', ['database', PERMISSIONS, false]],
  ['SQLITE_PERM', ['database', PERMISSIONS, false]],
  ['SQLITE_NOTADB', ['database-corrupt', DAMAGED, false]],
  ['SQLITE_CORRUPT', ['database-corrupt', DAMAGED, false]]
])

/**
 * Runs `work`; what the driver throws becomes `Trouble`, or an `Invariant` where nothing outside is to blame. The driver's
 * messages name tables and columns, never values.
 */
function mapErrors<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError)) throw error
    const primary = /^SQLITE_[A-Z]+/.exec(error.code)?.[0] ?? ''
    const trouble = OUTSIDE.get(error.code) ?? OUTSIDE.get(primary)
    if (trouble === undefined) throw new Invariant(`${error.code}: ${error.message}`)
    const [code, hint, retryable] = trouble
    throw new Trouble(code, hint, { retryable, cause: error })
  }
}
