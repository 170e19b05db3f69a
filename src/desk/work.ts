/**
 * Handles arrivals, each from its bytes to its disposition: read → decide → prepare → commit. Two are opened at a time, one of
 * them a stranger's; what follows is done for one after the other, while the next one is opened. A failed attempt leaves nothing
 * behind, and no message can stop the next one: after three of them it is quarantined (G9).
 */
import { parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type Decision, dispose, recorded } from '../domain/decision.ts'
import { BY_SOMEBODY, DESK } from '../domain/event.ts'
import { allFilesOf, type OpenedMail } from '../domain/mail.ts'
import { addMs, type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { relay } from '../messages/to-maintainers.ts'
import { decideArrival } from '../policy/inbound.ts'
import { type Situation } from '../policy/situation.ts'
import { TURNS } from '../policy/turn.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import * as notices from '../store/notices.ts'
import { conflict, type Tx } from '../store/sql.ts'
import { type Committed, commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing, noteFailure } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { keysOf } from './read-keys.ts'
import { openArrival, readSituation } from './read-situation.ts'
import { fullShares } from './room.ts'
import { withShown } from './shown-reports.ts'
import { rawOf, withFiles } from './stored-files.ts'
import { createTurns, LANE_TURNS, LANES, type Lane, type Turns, workersFor } from './turns.ts'

const TRIES_MAX = 3
/** A message that crashed the process or met another writer this often is quarantined, too: none is tried for ever. */
const STARTS_MAX = 12
const RETRY_MS = 2000
/** When a message at which the desk itself failed is tried again. */
const FAULT_MS = 5 * 60_000
/** How long arrivals are handled before the caller hears of it. */
const SLICE_MS = 3000

export type Handler = ReturnType<typeof createHandler>

/** Handles messages for the life of a run: each lane opens one at a time, and what follows is done for one after the other. */
export function createHandler(desk: Desk) {
  const turns = createTurns(desk)
  let last: Promise<unknown> = Promise.resolve()
  /** Between reading what decides and writing what was decided, no other message changes anything. */
  async function alone<T>(work: () => Promise<T>): Promise<T> {
    const before = last
    const mine = before.then(work, work)
    last = mine.catch(() => undefined)
    return mine
  }
  const parts = { desk, turns, alone }
  return {
    placeOf: turns.placeOf,
    /** Handles what a lane has due, for a few seconds at most. Returns how many were completed, calling `done` for each. */
    handle: (lane: Lane, signal: AbortSignal, done: () => void): Promise<number> =>
      handleLane(parts, lane, signal, done),
    /** When a lane has something due next, possibly in the past. */
    nextAt: (lane: Lane): Instant | null => {
      const wanted = wantedIn(desk, lane)
      return desk.db.read((read) => arrivals.nextTryIn(read, wanted))
    }
  }
}

/** A message that is being handled: it is `opened` before its `end`, and then it has so many bytes. */
type Underway = {
  readonly arrival: arrivals.Arrival
  readonly opened: Promise<number>
  readonly end: Promise<void>
}

async function handleLane(
  parts: Parts,
  lane: Lane,
  signal: AbortSignal,
  done: () => void
): Promise<number> {
  const { desk, turns } = parts
  const endsAt = desk.clock.monotonicMs() + SLICE_MS
  const ends: Promise<void>[] = []
  let handled = 0
  const begin = (arrival: arrivals.Arrival): Underway => {
    let isOpened = (_bytes: number): void => undefined
    const opened = new Promise<number>((resolve) => (isOpened = resolve))
    const end = handleOne(parts, arrival, isOpened).then((isDone) => {
      if (!isDone) return
      handled += 1
      done()
    })
    ends.push(end)
    // What it threw is thrown where it is waited for.
    void end
      .catch(() => undefined)
      .then(() => {
        isOpened(0)
      })
    return { arrival, opened, end }
  }
  let before: Underway | null = null
  let beforeBytes = 0
  // One is opened while what follows the opening of the one before goes on.
  try {
    while (!signal.aborted && desk.clock.monotonicMs() < endsAt) {
      const hasSorted = await turns.sort()
      const next = nextIn(desk, lane, before && { ...before.arrival, size: beforeBytes })
      if (next === null && before === null && !hasSorted) break
      const one = next === null ? null : begin(next)
      beforeBytes = (await one?.opened) ?? 0
      await before?.end
      before = one
    }
    await before?.end
  } finally {
    await Promise.allSettled(ends)
  }
  return handled
}

/** What a lane opens next, if one is not handled to its end yet. */
function nextIn(desk: Desk, lane: Lane, before: arrivals.Arrival | null): arrivals.Arrival | null {
  const wanted = { ...wantedIn(desk, lane), but: before?.id ?? 0 }
  const now = desk.clock.now()
  const next = desk.db.read((read) => arrivals.nextPending(read, wanted, now))
  return next === null || before === null || mayBeOpenedBeside(next, before) ? next : null
}

/** Large messages, also such as are large once they are opened, are in memory one at a time (A1). */
const BESIDE_BYTES_MAX = 256 * 1024

/**
 * Whether a message may be opened while what follows the opening of the one before goes on. Not if both have one sender: what the
 * first one does may decide what the second one is. Nor one that may have ended a process.
 */
function mayBeOpenedBeside(next: arrivals.Arrival, before: arrivals.Arrival): boolean {
  const isOrdinary = [next, before].every(
    ({ size, starts }) => size <= BESIDE_BYTES_MAX && starts === 0
  )
  return isOrdinary && next.sender !== before.sender
}

/** What a lane handles: what strangers have no room for waits (A1). */
function wantedIn(desk: Desk, lane: Lane): arrivals.Wanted {
  return { ...LANE_TURNS[lane], full: fullFor(desk, LANE_TURNS[lane].from) }
}

function fullFor(desk: Desk, turn: number): readonly arrivals.Share[] {
  return turn < TURNS.stranger ? [] : fullShares(desk)
}

/** Handles what is due in every lane, once. Returns how many were completed. */
export async function handlePending(
  desk: Desk,
  signal: AbortSignal,
  done: () => void,
  handler = createHandler(desk)
): Promise<number> {
  const ends = await Promise.allSettled(LANES.map((lane) => handler.handle(lane, signal, done)))
  return ends.reduce((handled, end) => {
    if (end.status === 'rejected') throw end.reason
    return handled + end.value
  }, 0)
}

type Parts = {
  readonly desk: Desk
  readonly turns: Turns
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>
}

/**
 * True when the arrival was completed. Throws trouble with the database, the desk key or shutdown: the message is not its cause.
 */
async function handleOne(
  parts: Parts,
  arrival: arrivals.Arrival,
  isOpened: (bytes: number) => void
): Promise<boolean> {
  const { desk, turns } = parts
  const startedAt = desk.clock.monotonicMs()
  const { id } = arrival
  const quarantined = arrival.tries >= TRIES_MAX || arrival.starts >= STARTS_MAX
  desk.db.transact((tx) => arrivals.countStart(tx, id), 'later')
  try {
    const { disposition, tag } = await receive(parts, { arrival, quarantined, isOpened })
    const ms = Math.round(desk.clock.monotonicMs() - startedAt)
    desk.log({
      event: 'arrival.done',
      ...{ arrival: id, disposition: disposition ?? 'none', case: tag, ms }
    })
    if (quarantined) desk.log({ event: 'arrival.quarantined', arrival: id, code: 'tries' })
    return true
  } catch (error) {
    const code = error instanceof Trouble ? error.code : 'bug'
    // Another writer took the case number or changed the case between read and commit: it is tried again at once.
    const isConflict = code === 'conflict'
    if (isConflict || !isOfOneThing(error)) {
      // Not of this message, which therefore does not count as started.
      desk.db.transact((tx) => arrivals.countStart(tx, id, -1))
      if (isConflict) return false
      throw error
    }
    if (code === 'desk-fault') return putOff(desk, arrival, error)
    if (quarantined) return holdUnread(desk, arrival, code)
    const nextTryAt = addMs(desk.clock.now(), RETRY_MS)
    const tries = desk.db.transact((tx) => arrivals.countTry(tx, id, nextTryAt))
    turns.judge(arrival, null)
    turns.putBack(arrival)
    desk.log({ event: 'arrival.retry', arrival: id, tries, code })
    return false
  }
}

async function receive(
  { desk: own, turns, alone }: Parts,
  given: Pick<Read, 'arrival' | 'quarantined'> & {
    readonly isOpened: (bytes: number) => void
  }
): Promise<Committed> {
  const { arrival, quarantined } = given
  const desk = { ...own, workers: workersFor(own, arrival.turn) }
  const raw = rawOf(desk, arrival.id)
  assert(raw !== null, 'a pending arrival without its bytes')
  const begunAt = desk.clock.now()
  const sender = parseAddress(arrival.sender)
  /** For which keys it looked, and which it found. */
  const lookUps: { readonly again: () => readonly Uint8Array[]; readonly found: string }[] = []
  const open = () =>
    openArrival(desk.workers, raw, { now: begunAt, sender }, (from, issuers) => {
      const again = () => desk.db.read((read) => keysOf(read, from, issuers))
      const keys = again()
      lookUps.push({ again, found: idOf(desk, keys) })
      return keys
    })
  const isHeaderOnly = quarantined || arrival.part === 'header'
  const opened = isHeaderOnly ? await desk.workers.openHeaders(raw()) : await open()
  turns.judge(arrival, opened)
  given.isOpened((arrival.part === 'whole' ? arrival.size : 0) + bytesOf(opened))
  return alone(async () => {
    // One that was handled meanwhile may have left no room for this one (A1), or brought a key.
    if (fullFor(desk, arrival.turn).includes(arrival.share)) throw conflict()
    const isAsBefore = lookUps.every(({ again, found }) => idOf(desk, again()) === found)
    const read = { arrival, raw, opened: isAsBefore ? opened : await open() }
    return carryOut(desk, { ...read, begunAt, quarantined })
  })
}

function bytesOf(opened: OpenedMail): number {
  return allFilesOf(opened).reduce((sum, { content }) => sum + content.length, opened.text.length)
}

function idOf({ sha256 }: Desk, keys: readonly Uint8Array[]): string {
  return keys.map((key) => sha256(key)).join()
}

type Read = Pick<Situation, 'opened' | 'begunAt' | 'quarantined'> & {
  readonly arrival: arrivals.Arrival
  /** Read only where they are needed: a large message is held in memory once. */
  readonly raw: () => Uint8Array
}

async function carryOut(desk: Desk, read: Read): Promise<Committed> {
  const { arrival, raw, opened, begunAt, quarantined } = read
  const now = desk.clock.now()
  const moment = {
    settings: desk.settings,
    now,
    begunAt,
    jitter: desk.randomness.below(1_000_000) / 1_000_000,
    tools: { sha256: desk.sha256, code: desk.randomness.token(10) }
  }
  const bodyMarks = arrival.part === 'whole' ? opened.bodyMarks : []
  const facts = { ...moment, quarantined, bodyMarks }
  const situation = await readSituation(desk, arrival, opened, facts)
  const decisions = await withFiles(desk, decideArrival(situation), now)
  const source = { arrivalId: arrival.id, attachments: allFilesOf(opened), original: raw }
  const own = await prepare(desk, decisions, now, source)
  const prepared = await withShown(desk, decisions, { ...moment, prepared: own })
  const work = { arrivalId: arrival.id, mailSha256: arrival.sha256, now }
  return desk.db.transact((tx) => {
    requireUnchanged(tx, situation)
    return commit(tx, heldIfUnseen(decisions, prepared), prepared, work)
  })
}

/** A release, or a command of the program, may have changed the case or its notice since: it is decided anew then. */
function requireUnchanged(tx: Tx, { bound }: Situation): void {
  if (bound === null) return
  const { case: record, notice } = bound
  const isCase = cases.findNow(tx, bound.named)?.version === record.version
  if (!isCase || notices.find(tx, record.tag, [])?.version !== notice?.version) throw conflict()
}

/** A report that could be encrypted to no maintainer was seen by nobody: it stays in the held folder (G1). */
function heldIfUnseen(decisions: readonly Decision[], prepared: Prepared): readonly Decision[] {
  const isRelayed = decisions.some(
    (decision) => decision.kind === 'send-sealed' && decision.message.kind === relay.kind
  )
  if (!isRelayed || prepared.messages.some(({ kind }) => kind === relay.kind)) return decisions
  return decisions.map((decision) =>
    decision.kind === 'dispose'
      ? { ...decision, state: 'held', reason: 'no maintainer has a usable key' }
      : decision
  )
}

/** The desk failed at what it had to write: the message is not the cause, waits, and is not charged for it (12). */
function putOff(desk: Desk, { id }: arrivals.Arrival, error: unknown): false {
  const nextTryAt = addMs(desk.clock.now(), FAULT_MS)
  desk.db.transact((tx) => arrivals.putOff(tx, id, nextTryAt))
  noteFailure(desk, 'work', `message ${id}`, error)
  return false
}

/** Not even its header could be handled: the bytes stay, a person is told, the next message is served. */
async function holdUnread(
  desk: Desk,
  { id, size, sha256 }: arrivals.Arrival,
  code: string
): Promise<boolean> {
  const now = desk.clock.now()
  const decisions = [
    recorded('message-unread', DESK, BY_SOMEBODY, { bytes: size }),
    dispose('held', 'quarantined', code)
  ]
  const prepared = await prepare(desk, decisions, now)
  const work = { arrivalId: id, mailSha256: sha256, now }
  desk.db.transact((tx) => commit(tx, decisions, prepared, work))
  desk.log({ event: 'arrival.quarantined', arrival: id, code })
  return true
}
