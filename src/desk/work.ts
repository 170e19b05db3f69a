/**
 * The serial worker of the desk: opens arrivals a little ahead in the workers and handles them one after the other. No message
 * can stop the next one: after three failed attempts it is quarantined (G9).
 */
import { Invariant } from '../domain/assert.ts'
import { BY_SOMEBODY, DESK, event } from '../domain/event.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { type Arrival, countStarts, countTry, listPending, readRaw } from '../store/arrivals.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { prepare } from './prepare.ts'
import { isOutdated, openArrival } from './read-situation.ts'
import { receive } from './receive.ts'

const TRIES_MAX = 3
/** A message whose handling crashed the process this often is quarantined, too. */
const STARTS_MAX = 12
const RETRY_MS = 2000
/** Messages opened ahead while one is handled, and their total size in bytes at most. */
const AHEAD = 6
const AHEAD_BYTES_MAX = 16 * 1024 * 1024

/** How long arrivals are handled before the other duties get their turn. */
const SLICE_MS = 3000

/** A message and when opening it began. */
type Begun = { readonly opened: OpenedMail; readonly begunAt: Instant }
type Opening = Promise<Begun | { readonly error: unknown }>

/**
 * Handles due arrivals, for a few seconds at most: notices and alarms get their turn however much mail waits (G7). Returns how
 * many were completed.
 */
export async function handlePending(
  desk: Desk,
  signal: AbortSignal,
  done: () => void
): Promise<number> {
  const ahead = new Map<number, Opening>()
  try {
    return await handleInTurn(desk, { signal, done, ahead })
  } finally {
    // Messages opened ahead have had no effect yet; waits for them before the workers close.
    await Promise.all(ahead.values())
    forgetStarts(desk, [...ahead.keys()])
  }
}

async function handleInTurn(
  desk: Desk,
  options: {
    readonly signal: AbortSignal
    readonly done: () => void
    readonly ahead: Map<number, Opening>
  }
): Promise<number> {
  const { signal, done, ahead } = options
  const startedAt = desk.clock.monotonicMs()
  let handled = 0
  while (!signal.aborted) {
    const pending = desk.db.read((read) => listPending(read, desk.clock.now(), AHEAD))
    const [first] = pending
    if (first === undefined) break
    // Messages opened ahead are still handled; nothing new is started.
    if (desk.clock.monotonicMs() - startedAt < SLICE_MS) beginOpening(desk, pending, ahead)
    else if (!ahead.has(first.id)) break
    try {
      if (await handleOne(desk, first, ahead.get(first.id))) {
        handled += 1
        done()
      }
    } catch (error) {
      // This message may be the cause of other trouble each time, so its start counts.
      if (!isOfTheMoment(error)) ahead.delete(first.id)
      throw error
    }
    ahead.delete(first.id)
  }
  return handled
}

/** Temporary trouble that is unrelated to the message: it would be the same with any other. */
function isOfTheMoment(error: unknown): boolean {
  return error instanceof Trouble && (error.code === 'desk-key' || error.code === 'stopping')
}

/**
 * Messages opened ahead and not handled do not count as started, nor does one that the desk could not handle for other reasons.
 */
function forgetStarts(desk: Desk, ids: readonly number[]): void {
  if (ids.length === 0) return
  try {
    desk.db.transact((tx) => countStarts(tx, ids, -1))
  } catch (error) {
    // The trouble that ended the round is thrown on; another error here would hide it.
    const code = error instanceof Trouble ? error.code : errorName(error)
    desk.log({ event: 'bug', where: 'work', error: code })
  }
}

/** Messages tried before go alone, so that a message that crashes the process is not mistaken for its neighbours. */
function beginOpening(desk: Desk, pending: readonly Arrival[], ahead: Map<number, Opening>): void {
  const fresh: Arrival[] = []
  let bytes = 0
  for (const [index, arrival] of pending.entries()) {
    bytes += arrival.size
    if (ahead.has(arrival.id)) continue
    const goesAhead = arrival.starts === 0 && arrival.tries === 0 && bytes <= AHEAD_BYTES_MAX
    if (index > 0 && !goesAhead) break
    fresh.push(arrival)
    if (!goesAhead) break
  }
  if (fresh.length === 0) return
  desk.db.transact((tx) =>
    countStarts(
      tx,
      fresh.map(({ id }) => id)
    )
  )
  for (const arrival of fresh) ahead.set(arrival.id, open(desk, arrival))
}

async function open(desk: Desk, arrival: Arrival): Opening {
  try {
    const raw = rawOf(desk, arrival)
    const now = desk.clock.now()
    const isQuarantined = arrival.tries >= TRIES_MAX || arrival.starts >= STARTS_MAX
    const opened =
      isQuarantined || arrival.part === 'header'
        ? await desk.workers.openHeaders(raw, now)
        : await openArrival(desk, raw, now)
    return { opened, begunAt: now }
  } catch (error) {
    return { error }
  }
}

/**
 * True when the arrival was completed. Throws trouble with the database, the desk key or shutdown: the message is not its
 * cause.
 */
async function handleOne(
  desk: Desk,
  arrival: Arrival,
  opening: Opening | undefined
): Promise<boolean> {
  const startedAt = desk.clock.monotonicMs()
  const quarantined = arrival.tries >= TRIES_MAX || arrival.starts >= STARTS_MAX
  try {
    const mail = await openedNow(desk, arrival, opening)
    const isRelayed = arrival.size <= desk.settings.limits.originalBytes
    const raw = isRelayed ? rawOf(desk, arrival) : null
    const { disposition, tag } = await receive(desk, arrival, { ...mail, raw, quarantined })
    const ms = Math.round(desk.clock.monotonicMs() - startedAt)
    desk.log({
      event: 'arrival.done',
      arrival: arrival.id,
      disposition: disposition ?? 'none',
      case: tag,
      ms
    })
    if (quarantined) desk.log({ event: 'arrival.quarantined', arrival: arrival.id, code: 'tries' })
    return true
  } catch (error) {
    if (!isOfTheMail(error)) throw error
    const code = error instanceof Trouble ? error.code : 'bug'
    if (quarantined) return holdUnread(desk, arrival, code)
    const tries = desk.db.transact((tx) =>
      countTry(tx, arrival.id, addMs(desk.clock.now(), RETRY_MS))
    )
    desk.log({ event: 'arrival.retry', arrival: arrival.id, tries, code })
    return false
  }
}

/** The message as opened ahead, or opened again when that result is outdated. */
async function openedNow(
  desk: Desk,
  arrival: Arrival,
  opening: Opening | undefined
): Promise<Begun> {
  const ahead = await (opening ?? open(desk, arrival))
  if ('error' in ahead) throw ahead.error
  if (opening === undefined || !isOutdated(desk, ahead.opened)) return ahead
  const anew = await open(desk, arrival)
  if ('error' in anew) throw anew.error
  return { opened: anew.opened, begunAt: ahead.begunAt }
}

function isOfTheMail(error: unknown): boolean {
  if (error instanceof Trouble)
    return error.code === 'worker-limit' || error.code === 'worker-crash'
  return error instanceof Error
}

/** Not even its header could be handled: the bytes stay, a person is told, the next message is served. */
async function holdUnread(desk: Desk, arrival: Arrival, code: string): Promise<boolean> {
  const now = desk.clock.now()
  const decisions = [
    {
      kind: 'record',
      event: event('message-unread', DESK, BY_SOMEBODY, { bytes: arrival.size })
    } as const,
    { kind: 'dispose', state: 'held', disposition: 'quarantined', reason: code, tag: null } as const
  ]
  const prepared = await prepare(desk, decisions, now)
  desk.db.transact((tx) => {
    commit(tx, decisions, prepared, { arrivalId: arrival.id, mailSha256: arrival.sha256, now })
  })
  desk.log({ event: 'arrival.quarantined', arrival: arrival.id, code })
  return true
}

function rawOf(desk: Desk, arrival: Arrival): Uint8Array {
  const raw = desk.db.read((read) => readRaw(read, arrival.id))
  if (raw === null) throw new Invariant('a pending arrival without its bytes')
  return raw
}
