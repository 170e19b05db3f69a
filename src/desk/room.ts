/**
 * The room that the messages of strangers have in the database (A1): so many bytes within 24 hours. When it is used up, their
 * further messages stay in the inbox, and a row says so, until there is room again or the operator wants one. Everybody else's
 * mail comes in as before.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { addMs, DAY_MS } from '../domain/time.ts'
import { TURNS } from '../policy/turn.ts'
import * as arrivals from '../store/arrivals.ts'
import { hasHappenedToday, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { registrableDomain } from './registrable.ts'

type Which = 'all' | 'handled'

/** How many bytes the database grew by within 24 hours for all strangers, or for those whom nothing proves. */
function grown({ db, clock }: Desk, which: Which, by: 'all' | 'unproved'): number {
  const until = clock.now()
  const span = { since: addMs(until, -DAY_MS), until }
  return db.read((read) => arrivals.grownByStrangers(read, { ...span, which, by }))
}

/**
 * What everybody together may fill: a half, where our mail server proves senders. The other half is for those who are proved, and
 * fair by domain, so that nobody keeps all others out with a few large messages in any name.
 */
function openPart({ settings: { limits, authentication } }: Desk): number {
  return authentication.servers.length === 0
    ? limits.strangers_per_day
    : limits.strangers_per_day / 2
}

/** The shares that have no room today. `all` and `unproved` are the bytes that the database grew by. */
function full(desk: Desk, all: number, unproved: number): readonly arrivals.Share[] {
  if (all >= desk.settings.limits.strangers_per_day) return ['proved', 'unproved']
  return unproved >= openPart(desk) ? ['unproved'] : []
}

/** The shares of which no stored message is handled now: what was handled leaves no room for its text. */
export function fullShares(desk: Desk): readonly arrivals.Share[] {
  const all = grown(desk, 'handled', 'all')
  // Most days.
  return all < openPart(desk) ? [] : full(desk, all, grown(desk, 'handled', 'unproved'))
}

export type Room = ReturnType<typeof createRoom>

/** The room that is left for what comes next; {@link Room.add} counts what was taken in since. */
export function createRoom(desk: Desk) {
  const most = desk.settings.limits.strangers_per_day
  let all = grown(desk, 'all', 'all')
  let unproved = all < openPart(desk) ? 0 : grown(desk, 'all', 'unproved')
  let domains: Map<string, number> | null = null
  return {
    /** Whether a message comes in whoever sent it. */
    isOpen: () => all < openPart(desk),
    /** Whether a stranger's message comes in beyond that: no domain fills more than it leaves to others. */
    has: ({ share, sender }: arrivals.Place, size: number): boolean => {
      if (full(desk, all, unproved).includes(share)) return false
      domains ??= grownByDomain(desk)
      return share !== 'proved' || (domains.get(domainOfSender(sender)) ?? 0) + size < most - all
    },
    add: (bytes: number, place: arrivals.Place | null): void => {
      all += bytes
      if (place?.share !== 'proved') unproved += bytes
      else if (domains !== null) count(domains, domainOfSender(place.sender), bytes)
    }
  }
}

function grownByDomain({ db, clock }: Desk): Map<string, number> {
  const until = clock.now()
  const span = { since: addMs(until, -DAY_MS), until }
  const found = new Map<string, number>()
  for (const { domain, bytes } of db.read((read) => arrivals.grownByDomain(read, span)))
    count(found, registrableDomain(domain), bytes)
  return found
}

function count(found: Map<string, number>, domain: string, bytes: number): void {
  found.set(domain, (found.get(domain) ?? 0) + bytes)
}

function domainOfSender(sender: string): string {
  return registrableDomain(sender.slice(sender.lastIndexOf('@') + 1))
}

/** Takes the message in now; looks at it again soon; or leaves it in the mailbox. */
export type Admission = {
  readonly to: 'now' | 'soon' | 'leave'
  readonly place: arrivals.Place | null
}

/** Whether a message of this size comes in though the open part is full, and its place; `placed` finds that. */
export async function admit(
  { db }: Desk,
  room: Room,
  size: number,
  placed: () => Promise<arrivals.Place | null>
): Promise<Admission> {
  const place = await placed()
  // Nobody knows whose it is; there is nothing to store either.
  if (place === null || place.share === 'free') return { to: 'now', place }
  if (place.share !== 'claimed') return { to: room.has(place, size) ? 'now' : 'leave', place }
  // Only opening it shows whose it is: one at a time, so that a flood in a maintainer's name does not come in before that.
  return { to: db.read((read) => arrivals.hasPending(read, place.sender)) ? 'soon' : 'now', place }
}

/** Puts on the record that messages of strangers wait for room, once a day (A1). */
export function lookAtRoom(desk: Desk): void {
  const { db, clock } = desk
  const now = clock.now()
  const { messages, left, bytes } = db.read((read) => arrivals.countWaiting(read, TURNS.stranger))
  const isLeft = left > 0 && !createRoom(desk).isOpen()
  if (!isLeft && (messages === 0 || fullShares(desk).length === 0)) return
  if (db.read((read) => hasHappenedToday(read, 'strangers-wait', now))) return
  const waits = event('strangers-wait', DESK, BY_DESK, { messages, bytes })
  db.transact((tx) => record(tx, waits, { now }))
}
