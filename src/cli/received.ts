/**
 * `postern received list|show|retry`: messages that came, what became of them and why, and the way back for one on hold. Prints
 * nothing that a message says; `--out` writes it into a file, for `postern open`.
 */
import { writeFileSync } from 'node:fs'
import { BY_OPERATOR, DESK, event } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import { type Read } from '../store/database.ts'
import { type Call, record, withDatabase } from './context.ts'
import { CommandError, print, printRows, UsageError } from './output.ts'
import { page } from './page.ts'

export async function listReceived(
  call: Call<{ readonly state: arrivals.Arrival['state'] }>
): Promise<void> {
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      arrivals.listIn(read, call.options.state).map((one) => shown(read, one))
    )
    printRows(call, rows, {
      NUMBER: (row) => row.number,
      RECEIVED: (row) => row.receivedAt,
      STATE: (row) => row.state,
      DISPOSITION: (row) => row.disposition ?? '-',
      CASE: (row) => row.case ?? '-',
      BYTES: (row) => row.size,
      TRIES: (row) => row.tries
    })
  })
}

export async function showReceived(call: Call<{ readonly out?: string }>): Promise<void> {
  const id = numberOf(call)
  await withDatabase(call, (db, config) => {
    const { row, raw } = db.read((read) => ({ row: found(read, id), raw: bytesOf(read, id) }))
    const { out } = call.options
    if (out !== undefined) write(out, raw)
    const value = { ...row, stored: raw.length }
    print(
      call,
      value,
      page('show-received', { ...value, ...config.imap, out: out ?? null }, config.desk.timezone)
    )
  })
}

/** The message is handled anew, as it came; a copy of it stays in the folder for held mail. */
export async function retryReceived(call: Call): Promise<void> {
  const id = numberOf(call)
  await withDatabase(call, (db, { imap, desk }) => {
    const at = systemClock.now()
    const again = db.transact((tx) => {
      const row = found(tx, id)
      const retried = arrivals.retry(tx, id, at)
      if (typeof retried === 'string')
        throw new CommandError(page('received-again', { ...row, ...imap, retried }, desk.timezone))
      record(tx, event('handled-again', DESK, BY_OPERATOR, { number: id, again: retried.id }), at)
      return retried.id
    })
    const said = page('received-again', { number: id, again, ...imap, retried: 'pending' }, 'UTC')
    print(call, { number: id, again, state: 'pending' }, said)
  })
}

function numberOf({ argument }: Call<unknown>): number {
  const id = Number(argument)
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError(
      `"${argument}" is not the number of a message; "postern received list" shows the numbers.`
    )
  return id
}

function found(read: Read, id: number) {
  const row = arrivals.find(read, id)
  if (row === null)
    throw new CommandError(
      `There is no message ${id}; "postern received list" shows those that are on hold.`
    )
  return shown(read, row)
}

function shown(read: Read, { id, turn: _turn, sender: _sender, caseId, ...row }: arrivals.Arrival) {
  return { number: id, case: caseId === null ? null : cases.findTag(read, caseId), ...row }
}

function bytesOf(read: Read, id: number): Uint8Array {
  const { duplicateOf = null } = arrivals.find(read, id) ?? {}
  return duplicateOf === null
    ? (arrivals.readRaw(read, id) ?? new Uint8Array())
    : bytesOf(read, duplicateOf)
}

function write(file: string, raw: Uint8Array): void {
  try {
    writeFileSync(file, raw, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new CommandError(
      code === 'EEXIST'
        ? `${file} is there already, and is not overwritten.`
        : `${file} cannot be written (${code}); check its folder.`
    )
  }
}
