/**
 * The *dispatch* step, the only sender: claims due messages, records the attempt before the network is touched, sends finished
 * bytes and records the outcome. One slow delivery delays no other. Knows nothing of cases and holds no keys.
 */

import { nextAttemptMs } from '../domain/outgoing.ts'
import { type Sender } from '../effects/effects.ts'
import * as outbox from '../store/outbox.ts'
import { recordLeft, recordUndelivered } from './commit.ts'
import { type Desk } from './desk.ts'

/** Messages handed to the sender at a time; it opens fewer connections, so that each always has its next message. */
const IN_FLIGHT_MAX = 32
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
/** A commit waits for the disk, longer than a message takes to send: outcomes close together share one commit. */
const RECORDED_TOGETHER = 16
const RECORDED_WITHIN_MS = 10

/** Sends messages for the life of a run. */
export type Dispatcher = {
  /** Records finished deliveries and starts due ones. Returns whether there was anything to do. */
  step(): boolean
  /** How many messages are being sent. */
  inFlight(): number
  /** Waits for the messages that are being sent and records their outcomes. */
  end(): Promise<void>
}

/** Calls `ended` whenever the outcome of a message is known and a further {@link Dispatcher.step} is useful. */
export function createDispatcher(
  desk: Desk,
  sender: Sender,
  options: { readonly signal: AbortSignal; readonly ended: () => void }
): Dispatcher {
  const sending = new Map<number, Promise<void>>()
  let finished: outbox.SendResult[] = []

  /** One commit for finished and starting deliveries. */
  function settle(limit: number): boolean {
    const ended = finished
    if (ended.length === 0 && limit <= 0) return false
    const now = desk.clock.now()
    const { rows, claimed } = desk.db.transact((tx) => {
      const rows = outbox.recordOutcomes(tx, ended, now)
      for (const row of rows) {
        if (row.state === 'sent') recordLeft(tx, row, { now })
        if (row.state !== 'given-up') continue
        const because = row.lastOutcome === 'rejected' ? 'rejected' : 'unreachable'
        const how = { because, code: row.lastCode ?? 0 } as const
        recordUndelivered(tx, row, how, { now })
      }
      if (limit <= 0) return { rows, claimed: [] }
      const claimed = outbox.claimDue(tx, now, {
        limit,
        // A message that waits for a slow server is not due again before its outcome is recorded.
        except: [...sending.keys()],
        bytesMax: IN_FLIGHT_BYTES_MAX,
        delayMs: nextAttemptMs
      })
      return { rows, claimed }
    })
    finished = finished.filter((result) => !ended.includes(result))
    for (const row of rows) report(desk, row)
    for (const row of claimed) sending.set(row.id, begin(row))
    return ended.length + claimed.length > 0
  }

  async function begin({ id, messageId, envelopeFrom, envelopeTo, raw }: outbox.Claimed) {
    const mail = { messageId, from: envelopeFrom, to: envelopeTo, raw }
    const outcome = await sender.send(mail, options.signal)
    finished.push({ id, ...outcome })
    sending.delete(id)
    announce()
  }

  function announce(): void {
    if (sending.size === 0 || finished.length >= RECORDED_TOGETHER) options.ended()
    else if (finished.length === 1) setTimeout(options.ended, RECORDED_WITHIN_MS).unref()
  }

  return {
    step: () => settle(options.signal.aborted ? 0 : IN_FLIGHT_MAX - sending.size),
    inFlight: () => sending.size,
    end: async () => {
      await Promise.allSettled(sending.values())
      settle(0)
    }
  }
}

/** Logs an outcome, except that of a notice's copy: the lines would show how long the list is (G5). Clocks tell of failures. */
function report(
  desk: Desk,
  { kind, attempts, noticeId, state, lastCode: code }: outbox.OutboxRow
): void {
  if (noticeId !== null) return
  if (state === 'sent') desk.log({ event: 'outbox.accepted', kind, attempts })
  else
    desk.log({
      event: state === 'given-up' ? 'outbox.gave-up' : 'outbox.deferred',
      ...{ kind, attempts, code: code ?? 0 }
    })
}
