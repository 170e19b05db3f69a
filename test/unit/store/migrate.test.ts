import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Trouble } from '../../../src/domain/trouble.ts'
import { type Database, openDatabase } from '../../../src/store/database.ts'
import { readMigrations } from '../../../src/store/migrate.ts'
import { type TempFolder, tempFolder } from '../../support/temp.ts'
import { at, MIGRATIONS, NOON, RAW_KEY } from './support.ts'

let folder: TempFolder
let sqlDir: string
beforeEach(() => {
  folder = tempFolder()
  sqlDir = join(folder.path, 'sql')
  mkdirSync(sqlDir)
  addMigration('0001-first', 'CREATE TABLE one (n INTEGER) STRICT;')
})
afterEach(() => {
  folder.remove()
})

function addMigration(name: string, sql: string): void {
  writeFileSync(join(sqlDir, `${name}.sql`), sql)
}

function open(now = NOON): Database {
  return openDatabase({
    path: join(folder.path, 'postern.db'),
    passphrase: RAW_KEY,
    migrationsDir: sqlDir,
    now
  })
}

function refusal(): Trouble {
  try {
    open().close()
  } catch (error) {
    if (error instanceof Trouble) return error
    throw error
  }
  throw new Error('the database was opened')
}

function applied(): unknown[] {
  using db = open()
  return db.read((read) =>
    read.all('SELECT number, name, applied_at FROM migrations ORDER BY number')
  )
}

describe('migrations', () => {
  it('are applied in order, once, each with its instant', () => {
    const later = at('2026-12-01T00:00:00Z')
    open().close()
    addMigration(
      '0002-second',
      'ALTER TABLE one ADD COLUMN m INTEGER; INSERT INTO one VALUES (1, 2);'
    )
    open(later).close()

    expect(applied()).toEqual([
      { number: 1, name: 'first', applied_at: NOON },
      { number: 2, name: 'second', applied_at: later }
    ])
    using db = open()
    expect(db.read((read) => read.all('SELECT * FROM one'))).toEqual([{ n: 1, m: 2 }])
  })

  it('leave nothing of one that fails, and everything before it', () => {
    addMigration('0002-bad', 'CREATE TABLE two (n INTEGER) STRICT; INSERT INTO nowhere VALUES (1);')

    expect(() => open()).toThrow(/no such table: nowhere/)

    rmSync(join(sqlDir, '0002-bad.sql'))
    using db = open()
    expect(
      db.read((read) => read.all("SELECT name FROM sqlite_schema WHERE name IN ('one', 'two')"))
    ).toEqual([{ name: 'one' }])
  })

  it('refuse a database made by a newer program, and change nothing in it', () => {
    addMigration('0002-second', 'CREATE TABLE two (n INTEGER) STRICT;')
    open().close()
    rmSync(join(sqlDir, '0002-second.sql'))
    const before = readFileSync(join(folder.path, 'postern.db'))

    const trouble = refusal()

    expect([trouble.code, trouble.retryable]).toEqual(['database-newer', false])
    expect(trouble.message).toContain('newer version')
    expect(readFileSync(join(folder.path, 'postern.db')).equals(before)).toBe(true)
  })

  it('refuse a released file that was changed', () => {
    open().close()
    appendFileSync(join(sqlDir, '0001-first.sql'), '-- changed\n')

    expect(refusal().message).toContain('migration 1')
  })

  it('refuse a gap in the folder', () => {
    addMigration('0003-third', 'CREATE TABLE three (n INTEGER) STRICT;')

    expect(refusal().message).toContain('gap before number 3')
  })

  it('refuse two files of one number, a misnamed file, an empty and a missing folder', () => {
    addMigration('0001-other', 'SELECT 1;')
    expect(refusal().message).toContain('gap')
    renameSync(join(sqlDir, '0001-other.sql'), join(sqlDir, 'other.sql'))
    expect(refusal().message).toContain('other.sql')
    for (const file of ['other.sql', '0001-first.sql']) rmSync(join(sqlDir, file))
    expect(refusal().message).toContain('empty')
    rmSync(sqlDir, { recursive: true })
    expect(refusal().message).toContain('cannot be read (ENOENT)')
  })

  it('refuse a file that ends its own transaction', () => {
    addMigration('0002-sly', 'CREATE TABLE two (n INTEGER) STRICT; COMMIT;')

    expect(() => open()).toThrow('ended its own transaction')
  })

  it('of the program are numbered without gaps and make STRICT tables only', () => {
    cpSync(MIGRATIONS, sqlDir, { recursive: true })
    rmSync(join(sqlDir, '0001-first.sql'))

    using db = open()

    const loose = db.read((read) =>
      read.all(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'"
      )
    )
    expect(loose).toEqual([])
    expect(readMigrations(MIGRATIONS)[0]?.name).toBe('schema')
  })
})
