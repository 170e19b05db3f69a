/**
 * The *dispatch* step, the only sender: claims due mails, records the attempt before the network is touched, sends finished
 * bytes and records what came of it. One slow delivery holds up no other. Knows nothing of cases and holds no keys.
 */
import { type Sender, type SendOutcome } from '../effects/effects.ts'
import { nextAttemptMs } from '../policy/retry.ts'
import { type Claimed, claimDue, recordOutcomes, type SendResult } from '../store/outbox.ts'
import { type Desk } from './desk.ts'

/** Mails handed to the sender at a time; it opens fewer connections, so that each always has its next mail. */
const IN_FLIGHT_MAX = 16
const IN_FLIGHT_BYTES_MAX = 64 * 1024 * 1024

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

  function record(): boolean {
    const ended = finished
    if (ended.length === 0) return false
    const at = desk.clock.now()
    desk.db.transact((tx) => {
      recordOutcomes(
        tx,
        ended.map(({ result }) => result),
        at
      )
    })
    finished = finished.filter((entry) => !ended.includes(entry))
    for (const { row, result } of ended) report(desk, row, result)
    return true
  }

  function start(): boolean {
    const limit = IN_FLIGHT_MAX - sending.size
    if (limit <= 0 || options.signal.aborted) return false
    const now = desk.clock.now()
    const claimed = desk.db.transact((tx) =>
      claimDue(tx, now, {
        limit,
        // A mail that waits for a slow server is not due again before its outcome is recorded.
        except: [...sending.keys(), ...finished.map(({ row }) => row.id)],
        bytesMax: IN_FLIGHT_BYTES_MAX,
        delayMs: nextAttemptMs
      })
    )
    for (const row of claimed) {
      const done = sendOne(sender, row, options.signal).then((result) => {
        finished.push({ row, result })
        sending.delete(row.id)
        options.ended()
      })
      sending.set(row.id, done)
    }
    return claimed.length > 0
  }

  return {
    step: () => {
      const recorded = record()
      return start() || recorded
    },
    inFlight: () => sending.size,
    end: async () => {
      await Promise.allSettled(sending.values())
      record()
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
    desk.log({ event: 'outbox.accepted', ...common })
  } else if (result.kind === 'rejected' || nextAttemptMs(row.attempts) === null) {
    desk.log({ event: 'outbox.gave-up', ...common, code: result.code })
  } else {
    desk.log({ event: 'outbox.deferred', ...common, code: result.code })
  }
}
