/**
 * `postern outbox list|retry`: the messages that Postern sends, without their content.
 */
import { aboutCase, BY_OPERATOR, DESK, event } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
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
    db.transact((tx) => {
      const retried = outbox.retry(tx, id, at)
      if (retried !== 'queued') throw new CommandError(NOT_QUEUED[retried](id))
      const { caseNow = null, audience, recipientId = '' } = outbox.find(tx, id) ?? {}
      const subject = caseNow === null ? DESK : aboutCase(caseNow)
      const reporter = audience === 'reporter' ? recipientId : ''
      record(tx, event('retried', subject, BY_OPERATOR, { outbox: id, reporter }), at)
    })
    print(call, { outbox: id, state: 'queued' }, `Message ${id} is queued again.`)
  })
}

const NOT_QUEUED = {
  unknown: (id: number) => `There is no message ${id}; "postern outbox list" shows the numbers.`,
  'not-waiting': (id: number) =>
    `Message ${id} was neither given up nor held, so it cannot be sent again.`,
  'not-approved': (id: number) =>
    `Message ${id} cannot be sent again: a later message has taken its place, it is for somebody who is not on the list any more, or it is a copy of a notice that is no longer approved in this wording for this member; then send /notice preview and /notice approve again by mail.`
}
