/**
 * The *dispatch* step, the only sender: claims due mails, records the attempt before the network is touched, sends finished
 * bytes and records what came of it. One slow delivery holds up no other. Knows nothing of cases and holds no keys.
 */
import { type Sender, type SendOutcome } from '../effects/effects.ts'
import { nextAttemptMs } from '../policy/retry.ts'
import { type Claimed, claimDue, recordOutcomes, type SendResult } from '../store/outbox.ts'
import { type Desk } from './desk.ts'

/** Mails handed to the sender at a time; it opens fewer connections, so that each always has its next mail. */
const IN_FLIGHT_MAX = 32
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024
/** A commit waits for the disk, which takes longer than sending a mail: outcomes that come close together share one. */
const RECORDED_TOGETHER = 16
const RECORDED_WITHIN_MS = 10

/** Sends over and over; one object for the life of a run. */
export type Dispatcher = {
  /** Records what ended, starts what is due. Returns whether there was anything to do. */
  step(): boolean
  /** How many mails are on their way. */
  inFlight(): number
  /** Waits for what is on its way and records it. */
  end(): Promise<void>
}

/** `ended` is called whenever a mail's outcome is known and a further {@link Dispatcher.step} is useful. */
export function createDispatcher(
  desk: Desk,
  sender: Sender,
  options: { readonly signal: AbortSignal; readonly ended: () => void }
): Dispatcher {
  const sending = new Map<number, Promise<void>>()
  let finished: { readonly row: Claimed; readonly result: SendResult }[] = []

  /** One commit for what ended and what begins. */
  function settle(limit: number): boolean {
    const ended = finished
    if (ended.length === 0 && limit <= 0) return false
    const now = desk.clock.now()
    const claimed = desk.db.transact((tx) => {
      recordOutcomes(
        tx,
        ended.map(({ result }) => result),
        now
      )
      if (limit <= 0) return []
      return claimDue(tx, now, {
        limit,
        // A mail that waits for a slow server is not due again before its outcome is recorded.
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

  async function begin(row: Claimed): Promise<void> {
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

async function sendOne(sender: Sender, row: Claimed, signal: AbortSignal): Promise<SendResult> {
  const mail = {
    messageId: row.messageId,
    from: row.envelopeFrom,
    to: row.envelopeTo,
    raw: row.raw
  }
  const outcome = await sender.send(mail, signal)
  return { id: row.id, kind: outcome.kind, code: codeOf(outcome) }
}

function codeOf(outcome: SendOutcome): number {
  return outcome.kind === 'uncertain' ? 0 : outcome.code
}

function report(desk: Desk, row: Claimed, result: SendResult): void {
  const common = { outbox: row.id, kind: row.kind, attempts: row.attempts }
  if (result.kind === 'accepted') {
    // One line a member would tell whoever reads the log how long the list is (G5).
    if (row.kind !== 'notice') desk.log({ event: 'outbox.accepted', ...common })
  } else if (result.kind === 'rejected' || nextAttemptMs(row.attempts) === null) {
    desk.log({ event: 'outbox.gave-up', ...common, code: result.code })
  } else {
    desk.log({ event: 'outbox.deferred', ...common, code: result.code })
  }
}
