/**
 * The serial worker of the desk: handles arrivals one after the other. No message can stop the next one: after three failed
 * attempts it is quarantined (G9).
 */
import { Invariant } from '../domain/assert.ts'
import { dispose, recorded } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK } from '../domain/event.ts'
import { addMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import * as arrivals from '../store/arrivals.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { prepare } from './prepare.ts'
import { openArrival } from './read-situation.ts'
import { type Handled, receive } from './receive.ts'

const TRIES_MAX = 3
/** A message whose handling crashed the process this often is quarantined, too. */
const STARTS_MAX = 12
const RETRY_MS = 2000
/** How long arrivals are handled before the other duties get their turn. */
const SLICE_MS = 3000

/**
 * Handles due arrivals, for a few seconds at most: notices and alarms get their turn however much mail waits (G7). Returns how
 * many were completed.
 */
export async function handlePending(
  desk: Desk,
  signal: AbortSignal,
  done: () => void
): Promise<number> {
  const startedAt = desk.clock.monotonicMs()
  let handled = 0
  while (!signal.aborted && desk.clock.monotonicMs() - startedAt < SLICE_MS) {
    const [next] = desk.db.read((read) => arrivals.listPending(read, desk.clock.now(), 1))
    if (next === undefined) break
    if (!(await handleOne(desk, next))) continue
    handled += 1
    done()
  }
  return handled
}

/**
 * True when the arrival was completed. Throws trouble with the database, the desk key or shutdown: the message is not its
 * cause.
 */
async function handleOne(desk: Desk, arrival: arrivals.Arrival): Promise<boolean> {
  const startedAt = desk.clock.monotonicMs()
  const quarantined = arrival.tries >= TRIES_MAX || arrival.starts >= STARTS_MAX
  desk.db.transact((tx) => arrivals.countStart(tx, arrival.id))
  try {
    const mail = await open(desk, arrival, quarantined)
    const { disposition, tag } = await receive(desk, arrival, mail)
    const ms = Math.round(desk.clock.monotonicMs() - startedAt)
    const about = { arrival: arrival.id, disposition: disposition ?? 'none', case: tag, ms }
    desk.log({ event: 'arrival.done', ...about })
    if (quarantined) desk.log({ event: 'arrival.quarantined', arrival: arrival.id, code: 'tries' })
    return true
  } catch (error) {
    if (isOfTheMoment(error)) forgetStart(desk, arrival.id)
    if (!isOfOneThing(error)) throw error
    const code = error instanceof Trouble ? error.code : 'bug'
    if (quarantined) return holdUnread(desk, arrival, code)
    const tries = desk.db.transact((tx) =>
      arrivals.countTry(tx, arrival.id, addMs(desk.clock.now(), RETRY_MS))
    )
    desk.log({ event: 'arrival.retry', arrival: arrival.id, tries, code })
    return false
  }
}

async function open(desk: Desk, arrival: arrivals.Arrival, quarantined: boolean): Promise<Handled> {
  const raw = desk.db.read((read) => arrivals.readRaw(read, arrival.id))
  if (raw === null) throw new Invariant('a pending arrival without its bytes')
  const begunAt = desk.clock.now()
  const opened =
    quarantined || arrival.part === 'header'
      ? await desk.workers.openHeaders(raw)
      : await openArrival(desk, raw, begunAt)
  const isRelayed = arrival.size <= desk.settings.limits.originalBytes
  return { opened, begunAt, raw: isRelayed ? raw : null, quarantined }
}

/** Temporary trouble that is unrelated to the message: it would be the same with any other. */
function isOfTheMoment(error: unknown): boolean {
  return error instanceof Trouble && (error.code === 'desk-key' || error.code === 'stopping')
}

/** A message that the desk could not handle for other reasons does not count as started. */
function forgetStart(desk: Desk, id: number): void {
  try {
    desk.db.transact((tx) => arrivals.countStart(tx, id, -1))
  } catch (error) {
    // The trouble that ended the round is thrown on; another error here would hide it.
    const code = error instanceof Trouble ? error.code : errorName(error)
    desk.log({ event: 'bug', where: 'work', error: code })
  }
}

/** Not even its header could be handled: the bytes stay, a person is told, the next message is served. */
async function holdUnread(desk: Desk, arrival: arrivals.Arrival, code: string): Promise<boolean> {
  const now = desk.clock.now()
  const decisions = [
    recorded('message-unread', DESK, BY_SOMEBODY, { bytes: arrival.size }),
    dispose('held', 'quarantined', code)
  ]
  const prepared = await prepare(desk, decisions, now)
  desk.db.transact((tx) => {
    commit(tx, decisions, prepared, { arrivalId: arrival.id, mailSha256: arrival.sha256, now })
  })
  desk.log({ event: 'arrival.quarantined', arrival: arrival.id, code })
  return true
}
