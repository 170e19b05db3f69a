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
  let finished: { readonly row: outbox.Claimed; readonly result: outbox.SendResult }[] = []

  /** One commit for finished and starting deliveries. */
  function settle(limit: number): boolean {
    const ended = finished
    if (ended.length === 0 && limit <= 0) return false
    const now = desk.clock.now()
    const claimed = desk.db.transact((tx) => {
      outbox.recordOutcomes(
        tx,
        ended.map(({ result }) => result),
        now
      )
      for (const { row, result } of ended) {
        if (result.kind === 'accepted') recordLeft(tx, row, { now })
        if (!isGivenUp(row, result)) continue
        const because = result.kind === 'rejected' ? 'rejected' : 'unreachable'
        recordUndelivered(tx, row, { because, code: result.code }, { now })
      }
      if (limit <= 0) return []
      return outbox.claimDue(tx, now, {
        limit,
        // A message that waits for a slow server is not due again before its outcome is recorded.
        except: [...sending.keys()],
        bytesMax: IN_FLIGHT_BYTES_MAX,
        delayMs: nextAttemptMs
      })
    })
    finished = finished.filter((entry) => !ended.includes(entry))
    for (const { row, result } of ended) report(desk, row, result)
    for (const row of claimed) sending.set(row.id, begin(row))
    return ended.length + claimed.length > 0
  }

  async function begin(row: outbox.Claimed): Promise<void> {
    const result = await sendOne(sender, row, options.signal)
    finished.push({ row, result })
    sending.delete(row.id)
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

async function sendOne(
  sender: Sender,
  row: outbox.Claimed,
  signal: AbortSignal
): Promise<outbox.SendResult> {
  const mail = {
    messageId: row.messageId,
    from: row.envelopeFrom,
    to: row.envelopeTo,
    raw: row.raw
  }
  const outcome = await sender.send(mail, signal)
  return { id: row.id, kind: outcome.kind, code: 'code' in outcome ? outcome.code : 0 }
}

/** Whether there will be no further automatic attempt. */
function isGivenUp({ attempts }: outbox.Claimed, { kind }: outbox.SendResult): boolean {
  return kind === 'rejected' || (kind !== 'accepted' && nextAttemptMs(attempts) === null)
}

/** Logs an outcome, except that of a notice's copy: the lines would show how long the list is (G5). Clocks tell of failures. */
function report(desk: Desk, row: outbox.Claimed, result: outbox.SendResult): void {
  const { kind, attempts, noticeId } = row
  if (noticeId !== null) return
  if (result.kind === 'accepted') {
    desk.log({ event: 'outbox.accepted', kind, attempts })
    return
  }
  const isOver = isGivenUp(row, result)
  const { code } = result
  desk.log({ event: isOver ? 'outbox.gave-up' : 'outbox.deferred', kind, attempts, code })
}
