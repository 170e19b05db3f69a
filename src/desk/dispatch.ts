/**
 * The *dispatch* step, the only sender: claims due messages, records the attempt before the network is touched, sends finished
 * bytes and records the outcome. One slow delivery delays no other. Knows nothing of cases and holds no keys.
 */

import { type Sender } from '../effects/effects.ts'
import * as outbox from '../store/outbox.ts'
import { recordLeft, recordUndelivered } from './commit.ts'
import { type Desk } from './desk.ts'
import { noteFailure } from './faults.ts'

/** Messages handed to the sender at a time; it opens fewer connections, so that each always has its next message. */
const IN_FLIGHT_MAX = 32
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
/** A commit waits for the disk, longer than a message takes to send: outcomes close together share one commit. */
const RECORDED_TOGETHER = 16
const RECORDED_WITHIN_MS = 10

export type Dispatcher = ReturnType<typeof createDispatcher>

/** Sends messages for the life of a run. Calls `ended` whenever outcomes are known and a further `step` is useful. */
export function createDispatcher(
  desk: Desk,
  sender: Sender,
  options: { readonly signal: AbortSignal; readonly ended: () => void }
) {
  const sending = new Map<number, Promise<void>>()
  let finished: outbox.SendResult[] = []
  desk.db.transact(outbox.takeUpLost)

  /** One commit for finished and starting deliveries; an outcome that cannot be recorded stops no other (G9). */
  function settle(limit: number, ended = finished): boolean {
    const [first] = ended
    if (first === undefined && limit <= 0) return false
    const most = { limit, bytesMax: IN_FLIGHT_BYTES_MAX }
    let begun = 0
    try {
      const now = desk.clock.now()
      const { rows, claimed } = desk.db.transact((tx) => {
        const rows = ended.map((result) => outbox.recordOutcome(tx, result, now))
        for (const row of rows) {
          if (row.state === 'sent') recordLeft(tx, row, { now })
          if (row.state === 'given-up') recordUndelivered(tx, row, { now })
        }
        return { rows, claimed: limit <= 0 ? [] : outbox.claimDue(tx, now, most) }
      })
      for (const row of rows) report(desk, row)
      for (const row of claimed) sending.set(row.id, begin(row))
      begun = claimed.length
    } catch (error) {
      if (first === undefined) throw error
      if (ended.length > 1 || limit > 0) return ended.every((one) => settle(0, [one]))
      // The next process sends it again.
      noteFailure(desk, 'dispatch', `outcome of message ${first.id}`, error)
    }
    finished = finished.filter((result) => !ended.includes(result))
    return ended.length + begun > 0
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
    /** Records finished deliveries and starts due ones. Returns whether there was anything to do. */
    step: () => settle(options.signal.aborted ? 0 : IN_FLIGHT_MAX - sending.size),
    inFlight: () => sending.size,
    /** Waits for the messages that are being sent and records their outcomes. */
    end: async () => {
      await Promise.allSettled(sending.values())
      settle(0)
    }
  }
}

/** Logs an outcome, except of mail to members: the lines would show how long the list is (G5). Clocks tell of failures. */
function report(
  desk: Desk,
  { kind, attempts, audience, state, lastCode: code }: outbox.OutboxRow
): void {
  if (audience === 'member') return
  const event = state === 'given-up' ? 'outbox.gave-up' : 'outbox.deferred'
  if (state === 'sent') desk.log({ event: 'outbox.accepted', kind, attempts })
  else desk.log({ event, kind, attempts, code: code ?? 0 })
}
