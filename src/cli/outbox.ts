/**
 * `postern outbox list|retry`: mails on their way and mails given up, without their content.
 */
import { BY_OPERATOR, DESK, event, NO_EVIDENCE } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
import { appendEvent } from '../store/events.ts'
import { listOutbox, type OutboxState, retryOutbox } from '../store/outbox.ts'
import { type Call, withDatabase } from './context.ts'
import { withoutMemberAddress } from './names.ts'
import { CommandError, printJson, printTable, UsageError } from './output.ts'

const ROWS_MAX = 1000
const STATES: readonly OutboxState[] = ['queued', 'sending', 'sent', 'given-up', 'held']

export async function listTheOutbox(
  call: Call,
  options: { readonly state?: string }
): Promise<void> {
  const state = STATES.find((candidate) => candidate === options.state)
  if (options.state !== undefined && state === undefined) {
    throw new UsageError(`--state is one of: ${STATES.join(', ')}.`)
  }
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      listOutbox(read, { ...(state === undefined ? {} : { state }), limit: ROWS_MAX })
    )
    if (call.json) {
      printJson(call.streams, rows.map(withoutMemberAddress))
      return
    }
    printTable(
      call.streams,
      ['ID', 'KIND', 'TO', 'STATE', 'ATTEMPTS', 'LAST', 'NEXT'],
      rows.map((row) => [
        String(row.id),
        row.kind,
        `${row.audience} ${row.recipientId}`.trim(),
        row.state,
        String(row.attempts),
        row.lastCode === null ? '-' : String(row.lastCode),
        row.state === 'queued' || row.state === 'sending' ? row.nextAttemptAt : '-'
      ])
    )
  })
}

export async function retryTheOutbox(call: Call, text: string): Promise<void> {
  const id = Number(text)
  if (!Number.isSafeInteger(id) || id < 1)
    throw new UsageError('Name the mail by its number from "postern outbox list".')
  await withDatabase(call, (db) => {
    const at = systemClock.now()
    const result = db.transact((tx) => {
      const retried = retryOutbox(tx, id, at)
      if (retried === 'queued') {
        const retry = event('retried', DESK, BY_OPERATOR, { outbox: id })
        appendEvent(tx, retry, { at, evidence: NO_EVIDENCE })
      }
      return retried
    })
    if (result === 'unknown') throw new CommandError(`There is no mail ${id} in the outbox.`)
    if (result === 'not-waiting')
      throw new CommandError(
        `Mail ${id} is neither given up nor held; only such mails can be sent again.`
      )
    if (result === 'not-approved')
      throw new CommandError(
        `Mail ${id} is a copy of a notice that is not approved now with this wording for this member; it needs a new /notice preview and /notice approve by mail.`
      )
    if (call.json) printJson(call.streams, { outbox: id, state: 'queued' })
    else call.streams.out(`mail ${id} is queued again\n`)
  })
}
