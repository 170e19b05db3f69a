/**
 * `postern outbox list|retry`: the messages that Postern sends, without their content.
 */
import { BY_OPERATOR, DESK, event, NO_EVIDENCE } from '../domain/event.ts'
import { systemClock } from '../effects/system.ts'
import { appendEvent } from '../store/events.ts'
import { listOutbox, type OutboxState, retryOutbox } from '../store/outbox.ts'
import { type Call, withDatabase, withoutMemberAddress } from './context.ts'
import { CommandError, printJson, printTable, UsageError } from './output.ts'

const ROWS_MAX = 1000
const STATES: readonly OutboxState[] = ['queued', 'sending', 'sent', 'given-up', 'held']

export async function listTheOutbox(
  call: Call,
  options: { readonly state?: string }
): Promise<void> {
  const state = STATES.find((candidate) => candidate === options.state)
  if (options.state !== undefined && state === undefined) {
    throw new UsageError(
      `--state: "${options.state}" is not a state; the states are ${STATES.join(', ')}.`
    )
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
    throw new UsageError(
      `"${text}" is not the number of a message; "postern outbox list" shows the numbers.`
    )
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
    if (result === 'unknown')
      throw new CommandError(`There is no message ${id}; "postern outbox list" shows the numbers.`)
    if (result === 'not-waiting')
      throw new CommandError(
        `Message ${id} was neither given up nor held, so it cannot be sent again.`
      )
    if (result === 'not-approved')
      throw new CommandError(
        `Message ${id} is a copy of a notice that is no longer approved in this wording for this member; send /notice preview and /notice approve again by mail.`
      )
    if (call.json) printJson(call.streams, { outbox: id, state: 'queued' })
    else call.streams.out(`Message ${id} is queued again.\n`)
  })
}
