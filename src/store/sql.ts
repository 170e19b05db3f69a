/**
 * The small SQL surface that every store module works with: a handle that reads and a handle that also writes. A store
 * function that writes takes a `Tx`, so a write outside a transaction does not compile. Types only; must never know the
 * driver, which lives in database.ts alone.
 */

/** A value that SQLite stores. Booleans are written as 0 and 1, instants as text. */
export type SqlValue = string | number | bigint | null | Uint8Array

/** Positional (`?`) or named (`@name`) parameters. Never put a value into the SQL text itself. */
export type SqlParams = readonly SqlValue[] | Readonly<Record<string, SqlValue>>

/** SQL text that yields rows of type `Row`; any string literal is one. The row type is a promise of its author. */
export type Sql<Row> = string & { readonly __row?: Row }

/** What a write did. `id` is the rowid of the last insert. */
export type SqlChange = { readonly changes: number; readonly id: number }

/** Reads one consistent snapshot. Statements that write are refused with `Invariant`. */
export type Read = {
  /** The first row, or undefined. */
  get<Row>(sql: Sql<Row>, params?: SqlParams): Row | undefined
  all<Row>(sql: Sql<Row>, params?: SqlParams): Row[]
  /** Rows one at a time, in constant memory. Nothing may be written until the loop has ended. */
  iterate<Row>(sql: Sql<Row>, params?: SqlParams): IterableIterator<Row>
}

declare const txBrand: unique symbol

/** An open write transaction. Usable only until the function that received it returns; later use throws `Invariant`. */
export type Tx = Read & {
  run(sql: string, params?: SqlParams): SqlChange
  readonly [txBrand]: true
}
