import { execFileSync } from 'node:child_process'
import fs, {
  chmodSync,
  copyFileSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Invariant } from '../../../src/domain/assert.ts'
import { type Database, openDatabase, type Tx } from '../../../src/store/database.ts'
import { requireFile } from '../../../src/store/files.ts'
import * as meta from '../../../src/store/meta.ts'
import { useFolder } from '../../support/folder.ts'
import { troubleOf, useDatabase } from './given.ts'
import { openIn, PASSPHRASE, RAW_KEY } from './support.ts'

const PLANTED = 'planted-plaintext-0123456789'
const folder = useFolder()

function plant(db: Pick<Database, 'transact'>): void {
  db.transact((tx) => meta.write(tx, 'clock-look', PLANTED))
}

function openWith(passphrase: string): Database {
  return openIn(folder.path, { passphrase })
}

/** Whether the file opens, past Postern's own code, with the passphrase and exactly this derivation of its key. */
function opensWith(derivation: Readonly<Record<string, number>>): boolean {
  const connection = new Sqlite(join(folder.path, 'postern.db'), { readonly: true })
  try {
    connection.pragma("cipher = 'aegis'")
    for (const [name, value] of Object.entries(derivation)) connection.pragma(`${name} = ${value}`)
    connection.pragma(`key = '${PASSPHRASE.replaceAll("'", "''")}'`)
    connection.pragma('schema_version')
    return true
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code === 'SQLITE_NOTADB') return false
    throw error
  } finally {
    connection.close()
  }
}

describe('the file at rest (G10)', () => {
  it('holds no plain text in the database, the WAL or the shared-memory file', () => {
    using db = openWith(PASSPHRASE)
    plant(db)

    const files = readdirSync(folder.path)
    const found = files.filter((name) => readFileSync(join(folder.path, name)).includes(PLANTED))

    expect(files.sort()).toEqual(['postern.db', 'postern.db-shm', 'postern.db-wal'])
    expect(found).toEqual([])
    expect(readFileSync(join(folder.path, 'postern.db-wal')).length).toBeGreaterThan(4096)
    expect(readFileSync(join(folder.path, 'postern.db')).includes('CREATE TABLE')).toBe(false)
  })

  it('is keyed by Argon2id over the passphrase in 19 MiB of memory, and no less', () => {
    openWith(PASSPHRASE).close()

    expect(opensWith({ mcost: 19_456, tcost: 2, pcost: 1 })).toBe(true)
    expect(opensWith({ mcost: 4096, tcost: 2, pcost: 1 })).toBe(false)
  })

  it('is readable by its owner alone, also when it was not before', () => {
    openIn(folder.path).close()
    chmodSync(join(folder.path, 'postern.db'), 0o644)
    using db = openIn(folder.path)
    plant(db)

    const modes = readdirSync(folder.path).map(
      (name) => statSync(join(folder.path, name)).mode & 0o777
    )

    expect(modes).toEqual([0o600, 0o600, 0o600])
  })

  it('makes the last folder of its path with mode 0700 and refuses to make more', () => {
    using _db = openIn(folder.path, { path: join(folder.path, 'data', 'postern.db') })

    expect(statSync(join(folder.path, 'data')).mode & 0o777).toBe(0o700)
    expect(
      troubleOf(() => openIn(folder.path, { path: join(folder.path, 'no', 'such', 'postern.db') }))
        .message
    ).toContain('no/such (ENOENT): check its folder')
  })

  it.each(['create', 'refuse'] as const)(
    'is refused when its file is empty, to %s',
    (ifMissing) => {
      const path = join(folder.path, 'postern.db')
      writeFileSync(path, '')

      const trouble = troubleOf(() => openIn(folder.path, { ifMissing }))

      expect(trouble.code).toBe('database-corrupt')
      expect(trouble.message).toContain('is empty')
      expect(statSync(path).size).toBe(0)
    }
  )

  it('is put in its place whole, so that a process that dies while it is made leaves none', () => {
    requireFile(join(folder.path, 'postern.db'), 'create', (draft) => {
      expect(readdirSync(folder.path)).not.toContain('postern.db')
      writeFileSync(draft, 'a database')
    })

    expect(readdirSync(folder.path)).toEqual(['postern.db'])
  })

  it('stays as another process put it there meanwhile', () => {
    const path = join(folder.path, 'postern.db')
    requireFile(path, 'create', (draft) => {
      writeFileSync(draft, 'ours')
      writeFileSync(path, 'theirs')
    })

    expect(readFileSync(path, 'utf8')).toBe('theirs')
    expect(readdirSync(folder.path)).toEqual(['postern.db'])
  })

  it('is refused on a file system without hard links, in words that say so', () => {
    const link = vi.spyOn(fs, 'linkSync').mockImplementation(() => {
      throw Object.assign(new Error('not permitted'), { code: 'EPERM' })
    })
    syncBuiltinESMExports()
    const trouble = troubleOf(() => openIn(folder.path))
    link.mockRestore()
    syncBuiltinESMExports()

    expect(trouble.message).toMatch(/postern\.db \(EPERM\): .* its file system has hard links\.$/)
    expect(readdirSync(folder.path)).toEqual([])
  })

  it('is not made anew beside what is left of another one', () => {
    writeFileSync(join(folder.path, 'postern.db-wal'), 'a journal')

    const trouble = troubleOf(() => openIn(folder.path))

    expect(trouble.message).toContain('postern.db-wal is beside it')
    expect(readdirSync(folder.path)).toEqual(['postern.db-wal'])
  })

  it('is opened by a command that only looks while another program writes', () => {
    using db = openIn(folder.path)

    db.transact(() => openIn(folder.path, { ifMissing: 'refuse' }).close())
  })

  it('is written with full durability and foreign keys', () => {
    using db = openIn(folder.path)

    const names = ['journal_mode', 'synchronous', 'foreign_keys', 'secure_delete', 'trusted_schema']
    const settings = db.transact((read) => names.map((name) => read.value(`PRAGMA ${name}`)))

    expect(settings).toEqual(['wal', 2, 1, 2, 0])
  })

  it('(E21) waits for the disk at every transaction but those that say otherwise', () => {
    using db = openIn(folder.path)
    const waits = (onDisk?: 'later'): boolean =>
      db.transact((tx) => tx.value('PRAGMA synchronous'), onDisk) === 2

    expect([waits(), waits('later'), waits('later'), waits()]).toEqual([true, false, false, true])
  })
})

/** What all open files have in common. */
async function fileHandles(): Promise<FileHandle> {
  await using file = await open(join(folder.path, 'another'), 'w')
  return Object.getPrototypeOf(file) as FileHandle
}

describe('a flush', () => {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('(E21) waits for the disk once for all that ask at a time, and anew for who asks while it waits', async () => {
    using db = openIn(folder.path)
    plant(db)
    const waits = vi.spyOn(await fileHandles(), 'datasync')

    const first = [db.flush(), db.flush()]
    await vi.waitFor(() => expect(waits).toHaveBeenCalled())
    await Promise.all([...first, db.flush(), db.flush()])

    expect(waits).toHaveBeenCalledTimes(2)
  })

  it('(G2) writes into the database itself what the disk could not say that it has, and asks the disk again the next time', async () => {
    using db = openIn(folder.path)
    plant(db)
    const waits = vi.spyOn(await fileHandles(), 'datasync')
    waits.mockRejectedValueOnce(new Error('EIO'))
    await db.flush()

    const copy = join(folder.path, 'without-wal')
    copyFileSync(join(folder.path, 'postern.db'), copy)
    using alone = openDatabase({ path: copy, passphrase: RAW_KEY })
    expect(alone.read((read) => meta.read(read, 'clock-look'))).toBe(PLANTED)
    await db.flush()
    expect(waits).toHaveBeenCalledTimes(2)
  })

  it('(G2) tells that it does not know while it cannot do that either, and goes on once it can', async () => {
    using db = openIn(folder.path, { waitMs: 50 })
    plant(db)
    vi.spyOn(await fileHandles(), 'datasync').mockRejectedValueOnce(new Error('EIO'))
    const reader = new Sqlite(join(folder.path, 'postern.db'))
    reader.pragma("cipher = 'aegis'")
    reader.pragma(`key = '${RAW_KEY.replaceAll("'", "''")}'`)
    reader.exec('BEGIN; SELECT count(*) FROM meta')
    await expect(db.flush()).rejects.toMatchObject({ code: 'database-busy', retryable: true })
    await expect(db.flush()).rejects.toMatchObject({ code: 'database-busy' })

    reader.close()
    await db.flush()
  })
})

describe('a file that cannot be used', () => {
  it('is refused with a wrong passphrase, naming the remedy and not the passphrase, and stays as it was', () => {
    const db = openWith(PASSPHRASE)
    plant(db)
    db.close()
    const before = readFileSync(join(folder.path, 'postern.db'))

    const trouble = troubleOf(() => openWith('wrong-horse'))

    expect(trouble.code).toBe('database-key')
    expect(trouble.retryable).toBe(false)
    expect(trouble.message).toContain('desk.passphrase')
    expect(trouble.message).not.toContain('wrong-horse')
    expect(trouble.message).not.toContain('\n')
    expect(readFileSync(join(folder.path, 'postern.db')).equals(before)).toBe(true)
    openWith(PASSPHRASE).close()
  })

  it.each(['', 'a\0b'])('is never keyed with an empty or cut passphrase', (passphrase) => {
    expect(troubleOf(() => openWith(passphrase)).code).toBe('database-key')
  })

  it('is reported damaged when it was cut short', () => {
    const db = openIn(folder.path)
    plant(db)
    db.close()
    const file = join(folder.path, 'postern.db')
    truncateSync(file, Math.floor(statSync(file).size / 2 / 4096) * 4096)

    const trouble = troubleOf(() => openIn(folder.path))

    expect(trouble.code).toBe('database-corrupt')
    expect(trouble.message).toContain('backup')
  })

  it.each([
    ['one bit of any page after the first has changed', 4096 * 3 + 777, 1, 'database-corrupt'],
    ['its head is written over', 10, 4000, 'database-key']
  ])('is reported damaged when %s', (_, at, length, code) => {
    openIn(folder.path).close()
    const file = join(folder.path, 'postern.db')
    const bytes = readFileSync(file)
    bytes.fill((bytes[at] ?? 0) ^ 1, at, at + length)
    writeFileSync(file, bytes)

    const trouble = troubleOf(() => openIn(folder.path))
    expect(trouble.code).toBe(code)
    expect(trouble.message).toContain('damaged')
  })
})

describe('a transaction', () => {
  const db = useDatabase()

  it('is undone whole when its function throws', () => {
    expect(() =>
      db.transact((tx) => {
        meta.write(tx, 'clock-look', 'half')
        throw new Error('stop')
      })
    ).toThrow('stop')

    expect(db.all('SELECT * FROM meta')).toEqual([])
  })

  it('refuses a function that returns a promise, and undoes it', async () => {
    const late: Promise<unknown>[] = []

    expect(() =>
      db.transact((tx) => {
        meta.write(tx, 'clock-look', 'half')
        const promise = Promise.resolve(1)
        late.push(promise)
        return promise
      })
    ).toThrow(Invariant)

    await Promise.all(late)
    expect(db.all('SELECT * FROM meta')).toEqual([])
  })

  it('(E20) has a statement prepared once, whatever limit it is given: SQLite plans with one that is a parameter alone', () => {
    using db = openWith(PASSPHRASE)
    const prepare = vi.spyOn(Sqlite.prototype, 'prepare')
    const keys = (limit: number): number[] =>
      db.read((read) =>
        read.column<number>('SELECT value FROM json_each(?) LIMIT ?', [[1, 2], limit])
      )

    expect([keys(1), keys(2), keys(0)]).toEqual([[1], [1, 2], []])
    expect(prepare.mock.calls).toEqual([['SELECT value FROM json_each(?) LIMIT (? + 0)']])
    prepare.mockRestore()
  })

  it('cannot be used after it ended', () => {
    let kept: Tx | null = null
    db.transact((tx) => {
      kept = tx
    })

    const late = (): void => meta.write(kept as unknown as Tx, 'clock-look', 'late')
    expect(late).toThrow(Invariant)
  })

  it('does not nest', () => {
    expect(() => db.transact(() => db.transact(() => 1))).toThrow(Invariant)
    expect(db.transact(() => db.read((read) => read.get<{ n: number }>('SELECT 1 AS n')))).toEqual({
      n: 1
    })
  })

  it('names a broken constraint without its values', () => {
    const insert = (tx: Tx): unknown =>
      tx.run("INSERT INTO meta (key, value) VALUES ('twice', 'secret-value')")
    db.transact(insert)

    expect(() => db.transact(insert)).toThrow(/^SQLITE_CONSTRAINT_PRIMARYKEY: [^']*$/)
    expect(() => db.transact(insert)).not.toThrow(/secret-value/)
  })

  it('is told from a read, which cannot write even with RETURNING', () => {
    plant(db)

    expect(() => db.read((read) => read.all('DELETE FROM meta RETURNING key'))).toThrow(Invariant)
    expect(db.all('SELECT key FROM meta')).toHaveLength(1)
  })

  it('is trouble of the disk, not a bug, when the file may not grow', () => {
    db.read((read) => read.get('PRAGMA max_page_count = 40'))

    const trouble = troubleOf(() =>
      db.transact((tx) => {
        for (let n = 0; n < 200; n += 1) {
          tx.run('INSERT INTO meta (key, value) VALUES (?, ?)', [`k${n}`, 'x'.repeat(4000)])
        }
      })
    )

    expect([trouble.code, trouble.retryable]).toEqual(['disk-full', true])
    expect(db.all('SELECT * FROM meta')).toEqual([])
    plant(db)
  })

  it('waits for another writer and then says that the database is busy', () => {
    using first = openIn(folder.path)
    using second = openIn(folder.path)
    second.read((read) => read.get('PRAGMA busy_timeout = 20'))

    const trouble = first.transact(() => troubleOf(() => second.transact(() => 1)))

    expect([trouble.code, trouble.retryable]).toEqual(['database-busy', true])
  })
})

describe('a process that is killed', () => {
  it('leaves every committed row and no half of a transaction', () => {
    const script = join(folder.path, 'writer.ts')
    writeFileSync(
      script,
      `import { openIn } from ${JSON.stringify(join(import.meta.dirname, 'support.ts'))}
       const db = openIn(${JSON.stringify(folder.path)})
       for (let n = 0; n < 50; n += 1) {
         db.transact((tx) => { tx.run('INSERT INTO meta (key, value) VALUES (?, ?)', ['k' + n, 'x']) })
       }
       db.transact((tx) => {
         tx.run("INSERT INTO meta (key, value) VALUES ('half', 'x')")
         process.kill(process.pid, 'SIGKILL')
         for (;;) tx.get('SELECT 1')
       })`
    )

    expect(() =>
      execFileSync(process.execPath, ['--import', 'tsx', script], { stdio: 'pipe' })
    ).toThrow()

    using db = openIn(folder.path)
    expect(
      db.read((read) =>
        read.get<{ n: number; half: number }>(
          "SELECT count(*) AS n, sum(key = 'half') AS half FROM meta"
        )
      )
    ).toEqual({ n: 50, half: 0 })
  })
})
