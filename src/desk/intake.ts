/**
 * The loop that takes mail out of the inbox: the list of UIDs is the truth; it stores each message before anything else, and
 * moves it only after its disposition is committed (G1). Its memory of the inbox ends with each connection. Never deletes, never
 * sets a flag, never relies on what the server announced, and must never wait for the work.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Fetched, type Listed } from '../domain/mail.ts'
import { type Instant, msBetween } from '../domain/time.ts'
import { type Mailbox, type MailboxState } from '../effects/effects.ts'
import * as arrivals from '../store/arrivals.ts'
import * as meta from '../store/meta.ts'
import { type Read } from '../store/sql.ts'
import { noteAccount } from './account.ts'
import { type Desk, type Edges } from './desk.ts'
import { type Bells, judgeError, persist } from './faults.ts'
import { moveAtOnce, moveHandled, nothingStays } from './moves.ts'
import { type Admission, admit, createRoom, type Room } from './room.ts'
import { type PlaceOf } from './turns.ts'

const PAGE = 200
/** Broken downloads of one message before only its header is fetched, and broken header downloads before it is held unread. */
const WHOLE_TRIES_MAX = 5
const HEADER_TRIES_MAX = 3
const TRIES_MAX = WHOLE_TRIES_MAX + HEADER_TRIES_MAX
/** IDLE wakes the intake; without any news it lists the whole inbox at least this often. */
const LIST_AGAIN_MS = 5 * 60_000
/** When a message that the server listed and gave nothing of is looked for again. */
const UNANSWERED_MS = 5000
/** Collects processed messages for a while before moving them: each MOVE interrupts IDLE. */
const MOVED_WITHIN_MS = 500
/** The server gets this long for the last moves; stopping takes at most 10 s altogether. */
const LAST_COMMANDS_MS = 2000

/** A message whose download broke the connection is left alone for so long, doubled each time, while others are served. */
const RESTS_MS = 5000
const RESTS_MS_MAX = 5 * 60_000

/** How often nothing of a message came, and until when it rests, by generation and UID; kept across connections. */
export type FetchFailures = Map<string, { readonly times: number; readonly restsUntil: number }>

/** How far one connection has listed a folder: everything up to this UID is stored or gone, or the next whole list finds it. */
export type Place = { readonly uidValidity: string; readonly uid: number }

/** How far a pass came. `isPartial`: the server gave nothing of a message that it had listed. */
export type Taken = Place & { readonly isPartial: boolean }

/** Why a wait ended: new mail was announced, processed messages can be moved, or it is time to list the whole inbox. */
type Woken = 'news' | 'handled' | 'list'

/** Runs until `signal` is aborted; reconnects after every loss. Throws trouble that waiting cannot solve. */
export async function intakeLoop(
  desk: Desk,
  edges: Edges,
  { bells, placeOf }: { readonly bells: Bells; readonly placeOf: PlaceOf },
  signal: AbortSignal
): Promise<void> {
  const failures: FetchFailures = new Map()
  const stays = nothingStays()
  moveAtOnce(desk)
  /** A clock tells of an inbox that stays closed. */
  const open = async (): Promise<Mailbox> => {
    const opening = edges.openMailbox(signal)
    const failed = await opening.then(
      () => null,
      (error: unknown) => error
    )
    if (!signal.aborted) noteAccount(desk, failed, bells.duties.ring)
    return opening
  }
  const connect = async (worked: () => void): Promise<void> => {
    const mailbox = await open()
    using _ = closeWhenStopped(mailbox, signal)
    await useMailbox(mailbox, worked).finally(() => mailbox.close())
  }
  /** Lists, stores, moves and waits on one connection until it breaks or the desk stops. */
  const useMailbox = async (mailbox: Mailbox, worked: () => void): Promise<void> => {
    const stored = (): void => {
      worked()
      bells.work.ring()
    }
    const taking = { inbox: edges.inbox, signal, stored, failures, placeOf }
    let place: Place | null = null
    let woken: Woken = 'list'
    let listAgainAt = 0
    while (!signal.aborted) {
      if (desk.clock.monotonicMs() >= listAgainAt) woken = 'list'
      if (woken === 'list') listAgainAt = desk.clock.monotonicMs() + LIST_AGAIN_MS
      // New messages have higher UIDs (RFC 9051 §2.3.1.1); the full list finds what announcements missed.
      const from: Place | null = woken === 'list' ? null : place
      if (woken !== 'handled' || place === null) {
        const taken = await takeIn(desk, mailbox, { ...taking, from })
        if (taken.isPartial) listAgainAt = desk.clock.monotonicMs() + UNANSWERED_MS
        place = taken
      }
      await moveHandled(desk, mailbox, { ...place, mailbox: edges.inbox }, stays)
      worked()
      woken = await waitForMail(bells, mailbox, listAgainAt - desk.clock.monotonicMs(), signal)
    }
    // Moves what was processed while stopping; the rest is moved after the next start.
    if (place !== null) await moveHandled(desk, mailbox, { ...place, mailbox: edges.inbox }, stays)
  }
  await persist(desk, signal, connect, judgeError(desk, 'intake'))
}

/** Aborts anything that still waits for the server shortly after the desk is stopped, until disposed of. */
function closeWhenStopped(mailbox: Mailbox, signal: AbortSignal): Disposable {
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    timer = setTimeout(() => void mailbox.close().catch(nothing), LAST_COMMANDS_MS)
  }
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener('abort', begin)
      clearTimeout(timer)
    }
  }
}

/** Sleeps until the server announces mail, processed messages must be moved, or it is time to list everything. */
async function waitForMail(
  bells: Bells,
  mailbox: Mailbox,
  timeoutMs: number,
  signal: AbortSignal
): Promise<Woken> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const news = mailbox.waitForChange(timeoutMs, either)
  const list = bells.intake.wait(timeoutMs, either)
  // Longer than the others: its own timeout would be mistaken for processed messages.
  const handled = bells.handled.wait(2 * LIST_AGAIN_MS, either)
  const moves = handled.then(() => delay(MOVED_WITHIN_MS, null, { signal: either })).catch(nothing)
  let woken: Woken = 'list'
  try {
    woken = await Promise.race([
      news.then((): Woken => 'news'),
      list.then((): Woken => 'list'),
      moves.then((): Woken => 'handled')
    ])
  } finally {
    ended.abort()
    await Promise.allSettled([news, list, moves])
  }
  // Mail announced while something else woke us must not wait for the next announcement.
  return (await news) && woken === 'handled' ? 'news' : woken
}

/** What a pass over the inbox works with. */
export type Taking = {
  readonly inbox: string
  readonly signal: AbortSignal
  /** Called after each message that was taken in. */
  readonly stored?: () => void
  readonly failures: FetchFailures
  readonly from: Place | null
  readonly placeOf: PlaceOf
}

/**
 * One pass over the whole inbox or over what came after `from`. A message of which the server gives nothing delays none behind
 * it; what strangers sent stays in the inbox while they have no room. Returns how far it came.
 */
export async function takeIn(desk: Desk, mailbox: Mailbox, taking: Taking): Promise<Taken> {
  const { inbox, signal, from } = taking
  let place: Taken = { uidValidity: '', uid: 0, ...from, isPartial: false }
  const begunAt = desk.clock.now()
  const listedAt = desk.db.read(listedBefore)
  const there: number[] = []
  for await (const { uidValidity, waiting } of pages(mailbox, from)) {
    const generation = { mailbox: inbox, uidValidity }
    if (place.uidValidity !== uidValidity) place = { ...place, uidValidity, uid: 0 }
    const uids = waiting.map(({ uid }) => uid)
    const { known, left } = desk.db.read((read) => ({
      known: arrivals.storedUids(read, generation, uids),
      left: arrivals.listLeft(read, generation, uids)
    }))
    there.push(...uids)
    const room = createRoom(desk)
    for (const listed of waiting) {
      if (signal.aborted) return place
      place = { ...place, uidValidity, uid: listed.uid }
      const { uid } = listed
      const was = left.get(uid) ?? null
      if (was === null && known.has(uid)) continue
      const one = { ...generation, ...listed }
      const isTaken = await takeOne(desk, mailbox, { one, listedAt, room, was }, taking)
      if (!isTaken) place = { ...place, isPartial: true }
    }
  }
  if (from === null && !place.isPartial) {
    noteListed(desk, begunAt, listedAt)
    const generation = { mailbox: inbox, uidValidity: place.uidValidity }
    if (desk.db.read(arrivals.hasLeft))
      desk.db.transact((tx) => arrivals.forgetLeft(tx, generation, there))
  }
  return place
}

type Here = {
  readonly one: arrivals.Generation & Listed
  /** When the inbox was listed last. */
  readonly listedAt: Instant | null
  readonly room: Room
  /** Its place, if it was left in the mailbox. */
  readonly was: arrivals.Place | null
}

/** Stores one message, or that it stays in the mailbox. False where it is looked at again soon. */
async function takeOne(
  desk: Desk,
  mailbox: Mailbox,
  { one, listedAt, room, was }: Here,
  { failures, stored, placeOf }: Taking
): Promise<boolean> {
  if (isResting(desk, one, failures)) return false
  const placed = async () => {
    if (was !== null || timesOf(one, failures) >= TRIES_MAX) return was
    const head = await ask(desk, mailbox, { ...one, part: 'header' }, failures)
    return head && placeOf(head.raw)
  }
  const { to, place } = room.isOpen() ? OPEN : await admit(desk, room, one.size, placed)
  if (to === 'soon') return false
  if (to === 'leave' && was !== null) return true
  const fetched = to === 'now' ? await fetchOne(desk, mailbox, one, failures) : NOTHING_FETCHED
  if (fetched === null) return false
  const now = desk.clock.now()
  const at = instantsOf(one, listedAt, now)
  const row = { ...one, ...fetched, ...at }
  if (to === 'leave' && place !== null) {
    desk.db.transact((tx) => arrivals.leave(tx, { ...row, ...place }, now))
    return true
  }
  // Without it the message would be in the inbox all the same.
  const { id } = desk.db.transact((tx) => arrivals.add(tx, row, now), 'later')
  desk.log({ event: 'arrival.stored', arrival: id, bytes: fetched.raw.length })
  room.add(fetched.raw.length, place)
  stored?.()
  return true
}

const OPEN: Admission = { to: 'now', place: null }
export const NOTHING_FETCHED: Fetched = { raw: new Uint8Array(), part: 'header' }

/** How often it is noted that the inbox was listed: a message counts as no younger than that. */
const NOTED_EVERY_MS = 60_000

function listedBefore(read: Read): Instant | null {
  return meta.read(read, 'inbox-listed') as Instant | null
}

function noteListed(desk: Desk, at: Instant, before: Instant | null): void {
  const ms = before === null ? NOTED_EVERY_MS : Math.abs(msBetween(before, at))
  if (ms >= NOTED_EVERY_MS) desk.db.transact((tx) => meta.write(tx, 'inbox-listed', at))
}

function instantsOf(one: Listed, listedAt: Instant | null, now: Instant) {
  // A server whose clock is ahead would put off what is promised from then on.
  const receivedAt = one.receivedAt === null || one.receivedAt > now ? now : one.receivedAt
  return { receivedAt, arrivedAt: earliest(receivedAt, listedAt, now) }
}

/**
 * When it came at the earliest: as the server says, but not before the inbox was listed without it. So a message counts from its
 * receipt, however long the desk was down, and who puts an old one into the mailbox while the desk runs makes it no younger.
 */
function earliest(receivedAt: Instant, listedAt: Instant | null, now: Instant): Instant {
  if (listedAt === null) return now
  const at = receivedAt > listedAt ? receivedAt : listedAt
  return at < now ? at : now
}

/** The messages of a folder after `from`, by the page; all of them when the UIDs now name other messages. */
export async function* pages(
  folder: Pick<Mailbox, 'list'>,
  from: Place | null
): AsyncGenerator<MailboxState> {
  let place = from
  for (;;) {
    const page = await folder.list({ afterUid: place?.uid ?? 0, limit: PAGE })
    const { uidValidity, waiting } = page
    if (place !== null && place.uidValidity !== uidValidity) {
      place = null
      continue
    }
    yield page
    const last = waiting.at(-1)
    if (!page.more || last === undefined) return
    place = { uidValidity, uid: last.uid }
  }
}

/**
 * The message; after repeated broken or empty downloads its header; at last only the fact that it is there, so that one message
 * that cannot be fetched delays no other and a person is told of it (G1, G9). Null when the server gives nothing.
 */
export async function fetchOne(
  desk: Desk,
  folder: Pick<Mailbox, 'fetch'>,
  one: Omit<Place & Listed, 'receivedAt'>,
  failures: FetchFailures
): Promise<Fetched | null> {
  const times = timesOf(one, failures)
  if (times >= TRIES_MAX) return NOTHING_FETCHED
  const isWhole = one.size <= desk.settings.limits.mail_size && times < WHOLE_TRIES_MAX
  const part = isWhole ? 'whole' : 'header'
  const fetched = await ask(desk, folder, { ...one, part }, failures)
  if (fetched !== null && times < WHOLE_TRIES_MAX) failures.delete(nameOf(one))
  return fetched
}

const NONE = { times: 0, restsUntil: 0 }

/** How often in a row nothing of a message came, or the connection broke at it. */
export function timesOf(one: Place, failures: FetchFailures): number {
  return (failures.get(nameOf(one)) ?? NONE).times
}

async function ask(
  desk: Desk,
  folder: Pick<Mailbox, 'fetch'>,
  { part, ...one }: Place & Pick<Fetched, 'part'>,
  failures: FetchFailures
): Promise<Fetched | null> {
  const before = failures.get(nameOf(one)) ?? NONE
  const fetched = await counted(desk, one, failures, () => folder.fetch(one.uid, part))
  // A message has bytes: none of it is no answer either.
  const isAnswer = fetched !== null && fetched.raw.length > 0
  if (isAnswer) failures.set(nameOf(one), before)
  return isAnswer ? fetched : null
}

/** Does something with a message that counts as a failure, after which it rests if the connection breaks at it. */
export async function counted<T>(
  { clock }: Desk,
  one: Place,
  failures: FetchFailures,
  work: () => Promise<T>
): Promise<T> {
  const before = timesOf(one, failures)
  const times = before + 1
  const rests = Math.min(RESTS_MS * 2 ** before, RESTS_MS_MAX)
  failures.set(nameOf(one), { times, restsUntil: clock.monotonicMs() + rests })
  const done = await work()
  failures.set(nameOf(one), { times, restsUntil: 0 })
  return done
}

/** Lets those that rest be tried at once. Returns how many have not come whole after all tries. */
export function wakeResting(failures: FetchFailures): number {
  for (const [name, { times }] of failures) failures.set(name, { times, restsUntil: 0 })
  return [...failures.values()].filter(({ times }) => times >= WHOLE_TRIES_MAX).length
}

/** Whether its download broke the last connection a moment ago. */
function isResting({ clock }: Desk, one: Place, failures: FetchFailures): boolean {
  return clock.monotonicMs() < (failures.get(nameOf(one)) ?? NONE).restsUntil
}

/** The message in the folder. */
export function nameOf({ uidValidity, uid }: Place): string {
  return `${uidValidity} ${uid}`
}

function nothing(): void {
  // The wait was ended by something else.
}
