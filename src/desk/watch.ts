/**
 * Watches the wall clock against the time since the machine was started, also over restarts of the desk: where they go apart
 * by more than five minutes, nobody knows which time is right, and the record says so. Must never decide what follows for a
 * notice: policy/embargo.ts does. Watches the disk of the database, too.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { RETRY_DELAY_MS_MAX } from '../domain/outgoing.ts'
import { DAY_MS, type Instant, msBetween } from '../domain/time.ts'
import { CLOCK_JUMP_MS, clockJumpMs } from '../policy/embargo.ts'
import * as arrivals from '../store/arrivals.ts'
import * as people from '../store/correspondents.ts'
import * as events from '../store/events.ts'
import * as looks from '../store/looks.ts'
import * as meta from '../store/meta.ts'
import * as outbox from '../store/outbox.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { hasHappenedToday, record } from './commit.ts'
import { type Desk } from './desk.ts'

/** How often a look at which nothing was wrong is stored: the next ones are compared with it. */
const STORED_EVERY_MS = 60_000

/** Both clocks at one moment; `offMs` is how far the wall clock is from where it was last trusted. */
type Look = {
  readonly now: Instant
  readonly bootMs: number
  readonly bootId: string
  readonly offMs: number
}

/** Looks at both clocks; must be called at every tick. */
export function lookAtClock(desk: Desk): void {
  const stored = desk.db.read((read) => meta.read(read, 'clock-look'))
  const before = stored === null ? null : (JSON.parse(stored) as Look)
  const next = {
    now: desk.clock.now(),
    bootMs: desk.clock.bootMs(),
    bootId: desk.clock.bootId(),
    offMs: before?.offMs ?? 0
  }
  const isSameBoot = before !== null && before.bootId === next.bootId
  const ms = isSameBoot ? clockJumpMs(before, next) : desk.db.read((read) => setBack(read, next))
  if (ms === 0 && isSameBoot && next.bootMs - before.bootMs < STORED_EVERY_MS) return
  desk.db.transact((tx) => {
    meta.write(tx, 'clock-look', JSON.stringify(settle(tx, next, ms)))
    if (ms !== 0) trustNow(tx, next.now)
  })
  if (ms !== 0) desk.log({ event: 'clock.jumped', ms })
}

/** Below this, or a tenth of a smaller disk, there is little room left. */
const LOW_BYTES = 1024 ** 3

/** Puts on the record that the disk of the database is nearly full, once a day, while something can still be written (A1). */
export function lookAtDisk(desk: Desk): void {
  const { free, total } = desk.db.disk()
  if (free >= Math.min(LOW_BYTES, total / 10)) return
  const now = desk.clock.now()
  if (desk.db.read((read) => hasHappenedToday(read, 'disk-low', now))) return
  desk.db.transact((tx) => record(tx, event('disk-low', DESK, BY_DESK, { free }), { now }))
}

/** How far the wall clock was set back while the machine was off, as far as that can be known. */
function setBack(read: Read, { now }: Look): number {
  const newest = events.newestAt(read)
  const ms = newest === null ? 0 : msBetween(newest, now)
  return ms < -CLOCK_JUMP_MS ? ms : 0
}

/** Puts on the record what a movement of the clock means; one that undoes the others brings the trust back. */
function settle(tx: Tx, next: Look, moved: number): Look {
  if (moved === 0) return next
  const offMs = next.offMs + moved
  const isBack = Math.abs(offMs) <= CLOCK_JUMP_MS
  const what = isBack
    ? event('clock-trusted', DESK, BY_DESK, {})
    : event('clock-doubted', DESK, BY_DESK, { ms: offMs })
  record(tx, what, { now: next.now })
  return { ...next, offMs: isBack ? 0 : offMs }
}

/** Trusts `now` for all that waits: nothing waits longer than its longest wait because the clock was wrong before. */
export function trustNow(tx: Tx, now: Instant): void {
  outbox.pullBack(tx, now, RETRY_DELAY_MS_MAX)
  arrivals.pullBack(tx, now, RETRY_DELAY_MS_MAX)
  people.pullBack(tx, now, DAY_MS)
  looks.markAll(tx, now)
}
