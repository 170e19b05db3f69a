import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type Database } from '../../../src/store/database.ts'
import { useFolder } from '../../support/folder.ts'
import { troubleOf } from './given.ts'
import { MIGRATIONS, openIn } from './support.ts'

const folder = useFolder()
let sqlDir: string
beforeEach(() => {
  sqlDir = join(folder.path, 'sql')
  mkdirSync(sqlDir)
  addMigration('0001-first', 'CREATE TABLE one (n INTEGER) STRICT;')
})

function addMigration(name: string, sql: string): void {
  writeFileSync(join(sqlDir, `${name}.sql`), sql)
}

function open(ifMissing: 'create' | 'refuse' = 'create'): Database {
  return openIn(folder.path, { migrationsDir: sqlDir, ifMissing })
}

describe('migrations', () => {
  it('are applied in order, once', () => {
    open().close()
    addMigration(
      '0002-second',
      'ALTER TABLE one ADD COLUMN m INTEGER; INSERT INTO one VALUES (1, 2);'
    )
    addMigration('0003-third', 'UPDATE one SET m = m + 1;')
    open().close()

    using db = open()
    expect(db.read((read) => read.all('SELECT * FROM one'))).toEqual([{ n: 1, m: 3 }])
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

  it('are not applied by a command that only looks, which leaves an older database as it is', () => {
    open().close()
    addMigration('0002-second', 'CREATE TABLE two (n INTEGER) STRICT;')

    expect(troubleOf(() => open('refuse')).message).toContain('start the daemon once to migrate')
    rmSync(join(sqlDir, '0002-second.sql'))
    open('refuse').close()
  })

  it('are refused when their folder is missing', () => {
    rmSync(sqlDir, { recursive: true })
    expect(troubleOf(open).message).toContain('(ENOENT)')
  })

  it('refuse a file that ends its own transaction', () => {
    addMigration('0002-sly', 'CREATE TABLE two (n INTEGER) STRICT; COMMIT;')

    expect(() => open()).toThrow('ended its own transaction')
  })

  it('of the program make STRICT tables only', () => {
    cpSync(MIGRATIONS, sqlDir, { recursive: true })
    rmSync(join(sqlDir, '0001-first.sql'))

    using db = open()

    const loose = db.read((read) =>
      read.all(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'"
      )
    )
    expect(loose).toEqual([])
  })
})
