/**
 * `postern received list|show|retry`: messages that came, what became of them and why, and the way back for one on hold. Prints
 * nothing that a message says; `--out` writes it into a file, for `postern open`.
 */
import { BY_OPERATOR, DESK, event } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { systemClock } from '../effects/system.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import { type Read } from '../store/database.ts'
import { type Call, record, requireNumber, withDatabase } from './context.ts'
import { writeNew } from './new-files.ts'
import { CommandError, print, printRows } from './output.ts'
import { page } from './page.ts'

const WHERE = '"postern received list" shows the numbers.'

export async function listReceived(
  call: Call<{ readonly state: arrivals.Arrival['state'] }>
): Promise<void> {
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      arrivals
        .listIn(read, call.options.state)
        .map(({ caseTag, ...one }) => shown(read, one, caseTag))
    )
    printRows(call, rows, {
      NUMBER: (row) => row.number,
      RECEIVED: (row) => row.receivedAt,
      STATE: (row) => row.state,
      DISPOSITION: (row) => row.disposition ?? '-',
      CASE: (row) => row.case ?? '-',
      UID: (row) => (row.movedTo === null ? row.uid : '-'),
      BYTES: (row) => row.size,
      TRIES: (row) => row.tries
    })
  })
}

export async function showReceived(call: Call<{ readonly out?: string }>): Promise<void> {
  const id = requireNumber(call, WHERE)
  await withDatabase(call, async (db, config) => {
    const { row, raw } = db.read((read) => ({
      row: found(read, id),
      raw: arrivals.readRaw(read, id)
    }))
    const { out } = call.options
    const stored = raw?.length ?? 0
    if (out !== undefined) {
      if (raw === null || stored === 0)
        throw new CommandError(
          `Nothing of message ${id} is here; the mailbox has it: UID ${row.uid} in ${row.mailbox}.`
        )
      await writeNew([out, raw, 0o600])
    }
    const value = { ...row, stored }
    print(
      call,
      value,
      page('show-received', { ...value, ...config.imap, out: out ?? null }, config.desk.timezone)
    )
  })
}

/** The message is handled anew, as it came. */
export async function retryReceived(call: Call): Promise<void> {
  const id = requireNumber(call, WHERE)
  await withDatabase(call, (db, { imap, desk }) => {
    const at = systemClock.now()
    const { again, state } = db.transact((tx) => {
      const row = found(tx, id)
      const retried = arrivals.retry(tx, id, at)
      if (typeof retried === 'string')
        throw new CommandError(
          page(
            'received-again',
            { ...row, ...imap, retried, other: otherOf(tx, row) },
            desk.timezone
          )
        )
      record(tx, event('handled-again', DESK, BY_OPERATOR, { number: id, again: retried.id }), at)
      return { again: retried.id, state: retried.id === id ? 'left' : 'pending' }
    })
    const said = page('received-again', { number: id, again, ...imap, retried: state }, 'UTC')
    print(call, { number: id, again, state }, said)
  })
}

/** The message that this one is a copy of, or that it became when it was handled again. */
function otherOf(read: Read, { duplicateOf }: Pick<arrivals.Arrival, 'duplicateOf'>) {
  return duplicateOf === null ? null : found(read, duplicateOf)
}

function found(read: Read, id: number) {
  const row = arrivals.find(read, id)
  if (row === null)
    throw new CommandError(
      `There is no message ${id}; "postern received list" shows those that are on hold.`
    )
  return shown(read, row, row.caseId === null ? null : cases.findTag(read, row.caseId))
}

function shown(read: Read, arrival: arrivals.Arrival, tag: CaseTag | null) {
  const { id, turn: _turn, sender: _sender, caseId: _caseId, grown: _grown, ...all } = arrival
  const { moved: _moved, ...row } = all
  const { mailbox, uidValidity, uid } = arrivals.inMailbox(read, arrival)
  const movedTo = arrivals.movedTo(read, arrival)
  // Of one that was left in the mailbox nothing was fetched.
  const sha256 = row.state === 'left' ? null : row.sha256
  return { number: id, case: tag, ...row, mailbox, uidValidity, uid, movedTo, sha256 }
}
