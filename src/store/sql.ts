/**
 * The small SQL surface that every store module works with: a handle that reads and a handle that also writes. A store
 * function that writes takes a `Tx`, so a write outside a transaction does not compile. Must never know the driver, which lives
 * in database.ts alone.
 */

import { Trouble } from '../domain/trouble.ts'

/** A value to store or to compare with. Booleans are written as 0 and 1, lists and objects as JSON, instants are text. */
export type SqlValue = string | number | bigint | boolean | null | object

/** Positional (`?`) or named (`@name`) parameters. Never put a value into the SQL text itself. */
export type SqlParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>

/** SQL text that yields rows of type `Row`; any string literal is one. The row type is a promise of its author. */
export type Sql<Row> = string & { readonly __row?: Row }

/** What a write did. `id` is the rowid of the last insert. */
type SqlChange = { readonly changes: number; readonly id: number }

/**
 * Reads one consistent snapshot. Statements that write are refused with `Invariant`. A column `case_id` is `caseId` in a row. One
 * whose name begins with `is_`, `was_`, `has_`, `had_` or `began_` is a boolean, and `about_json` is `about`, parsed.
 */
export type Read = {
  /** The first row, or null. */
  get<Row>(sql: Sql<Row>, params?: SqlParams): Row | null
  all<Row>(sql: Sql<Row>, params?: SqlParams): Row[]
  /** The first column of the first row; null when there is no row. */
  value<Value>(sql: Sql<Value>, params?: SqlParams): Value | null
  /** The first column of every row. */
  column<Value>(sql: Sql<Value>, params?: SqlParams): Value[]
}

/** An open write transaction. Usable only until the function that received it returns; later use throws `Invariant`. */
export type Tx = Read & { run(sql: string, params?: SqlParams): SqlChange }

/** Somebody else wrote first. */
export function conflict(): Trouble {
  return new Trouble('conflict', 'It was changed at the same moment; it is tried again.', {
    retryable: true
  })
}

/** A row by its columns, named as in {@link Read}. */
type RowValues = Readonly<Record<string, SqlValue>>

/** Inserts one row. `clause` is what follows, for example ON CONFLICT. */
export function insert(tx: Tx, table: string, row: RowValues, clause = ''): SqlChange {
  const names = Object.keys(row)
  const values = names.map((name) => `@${name}`).join()
  return tx.run(
    `INSERT INTO ${table} (${names.map(columnOf).join()}) VALUES (${values}) ${clause}`,
    row
  )
}

const BLOCK_BYTES = 2 ** 20

/** Bytes as they are stored in rows, at least one, with their numbers from 0 on: SQLite holds each row several times. */
export function blocksOf(
  bytes: Uint8Array
): { readonly block: number; readonly raw: Uint8Array }[] {
  const count = Math.max(Math.ceil(bytes.length / BLOCK_BYTES), 1)
  return Array.from({ length: count }, (_, block) => {
    const at = block * BLOCK_BYTES
    return { block, raw: bytes.subarray(at, at + BLOCK_BYTES) }
  })
}

/** Inserts one row, or gives the one with the same `key` these values. */
export function upsert(tx: Tx, table: string, key: RowValues, values: RowValues): void {
  const set = Object.keys(values).map((name) => `${columnOf(name)} = excluded.${columnOf(name)}`)
  const found = Object.keys(key).map(columnOf)
  const clause = `ON CONFLICT (${found.join()}) DO UPDATE SET ${set.join()}`
  insert(tx, table, { ...key, ...values }, clause)
}

/** Changes the row with this key, unless somebody has changed it since that version was read: then `Trouble` `conflict`. */
export function updateVersion(
  tx: Tx,
  table: string,
  { version, ...key }: RowValues & { readonly version: number },
  values: RowValues
): void {
  const { changes } = tx.run(
    `UPDATE ${table} SET ${assignments(values)}, version = version + 1
     WHERE ${assignments(key)} AND version = @version`,
    { ...values, ...key, version }
  )
  if (changes !== 1) throw conflict()
}

/** Each column beside its parameter: for SET, or for a condition on one of them. */
export function assignments(row: RowValues): string {
  return Object.keys(row)
    .map((name) => `${columnOf(name)} = @${name}`)
    .join()
}

const columns = new Map<string, string>()

function columnOf(name: string): string {
  const known = columns.get(name)
  if (known !== undefined) return known
  const column = `"${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}"`
  columns.set(name, column)
  return column
}
