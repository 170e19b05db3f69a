/**
 * The *dispatch* step, the only sender: claims due messages, records the attempt before the network is touched, sends finished
 * bytes and records the outcome. One slow delivery delays no other. Knows nothing of cases and holds no keys.
 */

import { type Address } from '../domain/address.ts'
import { type MessageKind } from '../domain/message.ts'
import { bytesOnWay, ON_WAY_BYTES_MAX } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { type Sender } from '../effects/effects.ts'
import { alert } from '../messages/to-maintainers.ts'
import { DATE_MAIL } from '../policy/date-talk.ts'
import * as outbox from '../store/outbox.ts'
import { type Tx } from '../store/sql.ts'
import { recordLeft, recordSendingRefused, recordUndelivered } from './commit.ts'
import { type Desk } from './desk.ts'
import { judgeError, noteFailure } from './faults.ts'

/** A refusal for now, or by a rule that may concern the recipient alone, raises the alarm about our account from this try on. */
const LASTING_TRIES = 5
/** A commit waits for the disk, longer than a message takes to send: outcomes close together share one commit. */
const RECORDED_WITHIN_MS = 3

export type Dispatcher = ReturnType<typeof createDispatcher>

type DispatchOptions = {
  readonly signal: AbortSignal
  /** Called whenever outcomes are known and a further `step` is useful. */
  readonly ended: () => void
  /** Called when a message was not taken. */
  readonly failed?: () => void
}

/** Sends messages for the life of a run. */
export function createDispatcher(desk: Desk, sender: Sender, options: DispatchOptions) {
  const sending = new Map<number, Sending>()
  /** Outcomes that are not recorded. */
  let finished: outbox.SendResult[] = []
  /** When the server last took a message. */
  let takenAt: Instant | null = null
  desk.db.transact((tx) => {
    outbox.takeUpLost(tx, desk.clock.now())
    outbox.dropOld(tx, desk.clock.now())
  })

  /** An outcome that cannot be recorded stops no other (G9); while none can, all are kept. */
  function write(ended: readonly outbox.SendResult[], room: outbox.Room): Claims {
    const [first] = ended
    try {
      const now = desk.clock.now()
      const { rows, claimed } = writeTogether(desk, { ended, room, now, takenAt })
      finished = finished.filter((one) => !ended.includes(one))
      if (rows.some(({ state }) => state === 'sent')) takenAt = now
      if (rows.some(({ state }) => state !== 'sent')) options.failed?.()
      report(desk, rows, ended)
      return claimed
    } catch (error) {
      if (first === undefined) throw error
      if (ended.length > 1 || room !== NO_ROOM) for (const one of ended) write([one], NO_ROOM)
      // The next process sends it again.
      else noteFailure(desk, 'dispatch', `outcome of message ${first.id}`, error)
      finished = finished.filter((one) => !ended.includes(one))
      return []
    }
  }

  /** Nothing leaves before the disk has that it may have left. What ends while this waits for the disk is written together. */
  async function step(room: outbox.Room): Promise<boolean> {
    const ended = [...finished]
    const claimed = ended.length === 0 && room.messages <= 0 ? [] : write(ended, room)
    if (ended.length + claimed.length === 0) return false
    try {
      await desk.db.flush()
    } catch (error) {
      finished.push(...claimed.map(({ id }) => ({ ...UNTRIED, id })))
      throw error
    }
    for (const row of claimed)
      sending.set(row.id, { to: row.envelopeTo, size: row.size, done: begin(row) })
    return true
  }

  async function begin(row: outbox.Claimed) {
    const { id, messageId, envelopeFrom: from, envelopeTo: to, size } = row
    const mail = { messageId, from, to, size, pieces: () => told(desk, piecesOf(desk, row)) }
    const outcome = await sender.send(mail, options.signal)
    finished.push({ id, ...outcome })
    sending.delete(id)
    if (sending.size === 0) options.ended()
    else if (finished.length === 1) setTimeout(options.ended, RECORDED_WITHIN_MS).unref()
  }

  return {
    /** Records finished deliveries and starts due ones. Returns whether there was anything to do. */
    step: () => step(options.signal.aborted ? NO_ROOM : roomBeside(sending, sender.room())),
    inFlight: () => sending.size,
    /** Whether there is no connection for another message, or the server is not to be tried yet. */
    isFull: () => sender.room() <= 0,
    /** Waits for the messages that are being sent and records their outcomes. */
    end: async () => {
      await Promise.allSettled([...sending.values()].map(({ done }) => done))
      await step(NO_ROOM)
    }
  }
}

/** What cannot be read ends the connection before the message is whole, and it is tried again: only the log can say why. */
function* told(desk: Desk, pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  try {
    yield* pieces
  } catch (error) {
    judgeError(desk, 'dispatch')(error, 0)
    throw error
  }
}

/** What is shared is read block by block while it is sent: none of it is held. */
function* piecesOf(desk: Desk, { raw, shared, size }: outbox.Claimed): Generator<Uint8Array> {
  if (shared !== null) {
    yield raw.subarray(0, shared.at)
    for (let [block, left] = [0, size - raw.length]; left > 0; block += 1) {
      const bytes = desk.db.read((read) => outbox.readShared(read, shared.id, block))
      yield bytes
      left -= bytes.length
    }
  }
  yield raw.subarray(shared?.at)
}

type Claims = readonly outbox.Claimed[]

/** One message on its way. */
type Sending = { readonly to: Address; readonly size: number; readonly done: Promise<void> }

const UNTRIED = { kind: 'untried', code: 0 } as const
const NO_ROOM: outbox.Room = { messages: 0, bytes: 0, busy: [] }

/** As many messages as there are connections for, and what those on their way leave of the bytes. */
function roomBeside(sending: ReadonlyMap<number, Sending>, messages: number): outbox.Room {
  const all = [...sending.values()]
  const bytes = all.reduce((sum, { size }) => sum + bytesOnWay(size), 0)
  return { messages, bytes: ON_WAY_BYTES_MAX - bytes, busy: all.map(({ to }) => to) }
}

type Moment = { readonly now: Instant; readonly takenAt: Instant | null }

/** One transaction for finished and starting deliveries, which the disk has once it is flushed. */
function writeTogether(
  { db }: Desk,
  {
    ended,
    room,
    ...moment
  }: Moment & { readonly ended: readonly outbox.SendResult[]; readonly room: outbox.Room }
) {
  return db.transact((tx) => {
    outbox.dropOld(tx, moment.now)
    const rows = ended.map((result) => recordOutcome(tx, result, moment))
    return { rows, claimed: room.messages <= 0 ? [] : outbox.claimDue(tx, moment.now, room) }
  }, 'later')
}

function recordOutcome(
  tx: Tx,
  result: outbox.SendResult,
  { now, takenAt }: Moment
): outbox.RowInCase {
  const row = outbox.recordOutcome(tx, result, now, takenAt)
  if (row.state === 'sent') recordLeft(tx, row, { now })
  if (row.state === 'given-up') recordUndelivered(tx, row, { now })
  const { kind, code } = result
  const isRefused = kind === 'untried' || row.whom !== 'others'
  const isLasting = (code >= 500 && kind !== 'unclear') || row.attempts >= LASTING_TRIES
  if (isRefused && code > 0 && isLasting)
    recordSendingRefused(tx, { code, isCertain: row.whom !== 'perhaps-us' }, { now })
  return row
}

/** What leaves when a release ends. An alarm that the mail server does not take is on the record, and clocks tell of it. */
const AT_END_OF_RELEASE: readonly MessageKind[] = [...DATE_MAIL, alert.kind]

/**
 * Logs outcomes, except of mail to members, and of what a release that has ended sends: the lines and their times would show how
 * long the list is (G5). Clocks tell of failures.
 */
function report(
  desk: Desk,
  rows: readonly outbox.OutboxRow[],
  results: readonly outbox.SendResult[]
): void {
  for (const [index, { kind, attempts, audience, state, lastCode: code }] of rows.entries()) {
    if (results[index]?.kind === 'untried' || isOfRelease({ kind, audience })) continue
    const event = state === 'given-up' ? 'outbox.gave-up' : 'outbox.deferred'
    if (state === 'sent') desk.log({ event: 'outbox.accepted', kind, attempts })
    else desk.log({ event, kind, attempts, code: code ?? 0 })
  }
}

function isOfRelease({ kind, audience }: Pick<outbox.OutboxRow, 'kind' | 'audience'>): boolean {
  return audience === 'member' || AT_END_OF_RELEASE.includes(kind)
}
