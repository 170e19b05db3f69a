/**
 * `postern outbox list|retry`: the messages that Postern sends, without their content.
 */
import { aboutCase, BY_OPERATOR, DESK, event } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
import { nounOf } from '../messages/catalogue.ts'
import * as outbox from '../store/outbox.ts'
import { type Call, record, requireNumber, withDatabase, withoutMemberAddress } from './context.ts'
import { CommandError, print, printRows } from './output.ts'
import { page } from './page.ts'

export async function listTheOutbox(
  call: Call<{ readonly state?: outbox.OutboxState }>
): Promise<void> {
  const { state } = call.options
  const which = state === undefined ? {} : { state }
  await withDatabase(call, (db) => {
    const rows = db.read((read) => outbox.list(read, which))
    printRows(call, rows.map(withoutMemberAddress), {
      NUMBER: (row) => row.id,
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
  const id = requireNumber(call, '"postern outbox list" shows the numbers.')
  await withDatabase(call, (db) => {
    const at = systemClock.now()
    const said = db.transact((tx) => {
      const row = outbox.find(tx, id)
      const retried = outbox.retry(tx, id, at)
      const noun = row === null ? '' : nounOf(row.kind)
      const says = page('retried', { id, row, noun, retried }, 'UTC')
      if (row === null || retried !== 'queued') throw new CommandError(says)
      const { caseNow, audience, recipientId: recipient, kind: message } = row
      const subject = caseNow === null ? DESK : aboutCase(caseNow)
      const reporter = audience === 'reporter' ? recipient : ''
      const about = { audience, recipient, message, outbox: id, reporter }
      record(tx, event('retried', subject, BY_OPERATOR, about), at)
      return says
    })
    print(call, { outbox: id, state: 'queued' }, said)
  })
}
