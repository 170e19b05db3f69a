/**
 * The room that the messages of strangers have in the database (A1): so many bytes within 24 hours. When it is used up, their
 * further messages stay in the inbox, and a row says so, until there is room again or the operator wants one. Everybody else's
 * mail comes in as before.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { type Fetched } from '../domain/mail.ts'
import { addMs, DAY_MS } from '../domain/time.ts'
import { TURNS } from '../policy/turn.ts'
import * as arrivals from '../store/arrivals.ts'
import { hasHappenedToday, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { type PlaceOf } from './turns.ts'

/**
 * How many bytes strangers have left today; none when it is 0 or less. Before a message is taken in, `all` counts; one that is
 * stored is handled while what was handled leaves room for its text.
 */
export function roomLeft({ db, clock, settings }: Desk, which: 'all' | 'handled'): number {
  const until = clock.now()
  const span = { since: addMs(until, -DAY_MS), until }
  const grown = db.read((read) => arrivals.grownByStrangers(read, { ...span, which }))
  return settings.limits.strangers_per_day - grown
}

/** Takes the message in now; looks at it again soon; or leaves it in the mailbox. */
export type Admission = 'now' | 'soon' | { readonly leave: arrivals.Place }

/** Whether a message comes in while strangers have no room left. `head` fetches its header. */
export async function admit(
  { db }: Desk,
  head: () => Promise<Fetched | null>,
  placeOf: PlaceOf
): Promise<Admission> {
  const fetched = await head()
  // Nobody knows whose it is; there is nothing to store either.
  if (fetched === null) return 'now'
  const place = await placeOf(fetched.raw)
  if (place.turn >= TURNS.stranger) return { leave: place }
  // Only opening it shows whose it is: one at a time, so that a flood in a maintainer's name does not come in before that.
  const isUnproved = place.turn === TURNS.claimed
  const isOneWaiting = isUnproved && db.read((read) => arrivals.hasPending(read, place.sender))
  return isOneWaiting ? 'soon' : 'now'
}

/** Puts on the record that messages of strangers wait for room, once a day (A1). */
export function lookAtRoom(desk: Desk): void {
  const { db, clock } = desk
  const now = clock.now()
  const { messages, bytes } = db.read((read) => arrivals.countWaiting(read, TURNS.stranger))
  if (messages === 0 || (roomLeft(desk, 'handled') > 0 && roomLeft(desk, 'all') > 0)) return
  if (db.read((read) => hasHappenedToday(read, 'strangers-wait', now))) return
  const waits = event('strangers-wait', DESK, BY_DESK, { messages, bytes })
  db.transact((tx) => record(tx, waits, { now }))
}
