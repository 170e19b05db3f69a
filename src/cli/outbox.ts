/**
 * `postern outbox list|retry`: the messages that Postern sends, without their content.
 */
import { aboutCase, BY_OPERATOR, DESK, event } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
import { nounOf } from '../messages/catalogue.ts'
import * as outbox from '../store/outbox.ts'
import { type Call, record, withDatabase, withoutMemberAddress } from './context.ts'
import { CommandError, print, printRows, UsageError } from './output.ts'

const ROWS_MAX = 1000

export async function listTheOutbox(
  call: Call<{ readonly state?: outbox.OutboxState }>
): Promise<void> {
  const { state } = call.options
  const which = { ...(state === undefined ? {} : { state }), limit: ROWS_MAX }
  await withDatabase(call, (db) => {
    const rows = db.read((read) => outbox.list(read, which))
    printRows(call, rows.map(withoutMemberAddress), {
      ID: (row) => row.id,
      KIND: (row) => row.kind,
      TO: (row) => `${row.audience} ${row.recipientId}`.trim(),
      STATE: (row) => row.state,
      ATTEMPTS: (row) => row.attempts,
      'SERVER CODE': (row) => row.lastCode ?? '-',
      NEXT: (row) => (row.state === 'queued' || row.state === 'sending' ? row.nextAttemptAt : '-')
    })
  })
}

export async function retryTheOutbox(call: Call): Promise<void> {
  const id = Number(call.argument)
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError(
      `"${call.argument}" is not the number of a message; "postern outbox list" shows the numbers.`
    )
  await withDatabase(call, (db) => {
    const at = systemClock.now()
    const name = db.transact((tx) => {
      const row = outbox.find(tx, id)
      const retried = outbox.retry(tx, id, at)
      if (row === null || retried !== 'queued')
        throw new CommandError(`${nameOf(id, row)} ${SAYS[retried]}`)
      const { caseNow, audience, recipientId: recipient, kind: message } = row
      const subject = caseNow === null ? DESK : aboutCase(caseNow)
      const reporter = audience === 'reporter' ? recipient : ''
      const about = { audience, recipient, message, outbox: id, reporter }
      record(tx, event('retried', subject, BY_OPERATOR, about), at)
      return nameOf(id, row)
    })
    print(call, { outbox: id, state: 'queued' }, `${name} ${SAYS.queued}`)
  })
}

/** `Message 56, the notice about ACME-2026-0001 to member example-linux,` without the name of anybody (G5). */
function nameOf(id: number, row: outbox.RowInCase | null): string {
  if (row === null) return `Message ${id}`
  const about = row.caseNow === null ? '' : ` about ${row.caseNow}`
  const to = row.audience === 'member' ? ` to member ${row.recipientId}` : ''
  return `Message ${id}, the ${nounOf(row.kind)}${about}${to},`
}

const SAYS = {
  queued: 'is queued again.',
  unknown: 'does not exist; "postern outbox list" shows the numbers.',
  'not-waiting': 'was neither given up nor held, so it cannot be sent again.',
  'not-approved':
    'cannot be sent again: a later message has taken its place, it is for somebody who is not on the list any more, or it is a copy of a notice that is no longer approved in this wording for this member; then send /notice preview and /notice approve again by mail.'
}
