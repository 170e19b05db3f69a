/**
 * Watches the wall clock against the time since the machine was started, also over restarts of the desk: where they go apart
 * by more than five minutes, nobody knows which time is right, and the record says so. Must never decide what follows for a
 * notice: policy/embargo.ts does.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { RETRY_DELAY_MS_MAX } from '../domain/outgoing.ts'
import { type Instant, msBetween } from '../domain/time.ts'
import { CLOCK_JUMP_MS, clockJumpMs } from '../policy/embargo.ts'
import { pullBackArrivals } from '../store/arrivals.ts'
import { newestEventAt, openDoubt } from '../store/events.ts'
import { markAllLooks } from '../store/looks.ts'
import { readMeta, writeMeta } from '../store/meta.ts'
import { listApprovalsAfter } from '../store/notices.ts'
import { pullBackAfterClockStep } from '../store/outbox.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { ofNoMail, record } from './commit.ts'
import { type Desk } from './desk.ts'

/** How often the last look is stored: what was set while no process looked is found by it. */
const STORED_EVERY_MS = 60_000

export type ClockWatch = {
  /** Looks at both clocks; must be called at every tick. */
  look(): void
  /** False while the wall clock is in doubt: older previews do not tell whether an instant has really come. */
  isTrusted(): boolean
}

/** Both clocks at one moment; `offMs` is how far the wall clock is from where it was last trusted. */
type Look = {
  readonly now: Instant
  readonly bootMs: number
  readonly bootId: string
  readonly offMs: number
}

export function watchClock(desk: Desk): ClockWatch {
  const reading = (offMs: number): Look => ({
    now: desk.clock.now(),
    bootMs: desk.clock.bootMs(),
    bootId: desk.clock.bootId(),
    offMs
  })
  let last = desk.db.transact((tx) => {
    const before = storedLook(tx)
    const next = reading(before?.offMs ?? 0)
    const after = settle(tx, next, movedWhileDown(tx, before, next))
    // The clock may have been set while no process looked.
    adoptClock(tx, after.now)
    store(tx, after)
    return after
  })
  let stored = last
  return {
    look: () => {
      const next = reading(last.offMs)
      const ms = clockJumpMs(last, next)
      // Recorded first: a jump that cannot be written down is seen again at the next look.
      if (ms !== 0) {
        last = desk.db.transact((tx) => {
          const after = settle(tx, next, ms)
          adoptClock(tx, after.now)
          store(tx, after)
          return after
        })
        stored = last
        desk.log({ event: 'clock.jumped', ms })
        return
      }
      last = next
      if (next.bootMs - stored.bootMs < STORED_EVERY_MS) return
      desk.db.transact((tx) => store(tx, next))
      stored = next
    },
    isTrusted: () => desk.db.read(openDoubt) === null
  }
}

/** How far the wall clock moved while no process looked, as far as that can be known; 0 when nothing speaks against it. */
function movedWhileDown(read: Read, before: Look | null, next: Look): number {
  if (before !== null && before.bootId !== '' && before.bootId === next.bootId)
    return clockJumpMs(before, next)
  const newest = newestEventAt(read)
  const ms = newest === null ? 0 : msBetween(newest, next.now)
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
  record(tx, what, ofNoMail(next.now))
  return { ...next, offMs: isBack ? 0 : offMs }
}

/** Trusts `now` for all that waits: nothing waits longer than its longest wait because the clock was wrong before. */
function adoptClock(tx: Tx, now: Instant): void {
  pullBackAfterClockStep(tx, now, RETRY_DELAY_MS_MAX)
  pullBackArrivals(tx, now, RETRY_DELAY_MS_MAX)
  markAllLooks(tx, now)
}

function storedLook(read: Read): Look | null {
  const text = readMeta(read, 'clock-look')
  return text === null ? null : (JSON.parse(text) as Look)
}

function store(tx: Tx, look: Look): void {
  writeMeta(tx, 'clock-look', JSON.stringify(look))
}

/**
 * The approvals of a notice whose previews are from after the last doubt about the clock; null when there is none. The doubt
 * lasts until the clock was set right, however long that takes: nobody's silence makes a clock right.
 */
export function approvedSinceDoubt(
  read: Read,
  notice: NoticeRecord
): NoticeRecord['approvals'] | null {
  const doubt = openDoubt(read)
  return doubt === null ? null : listApprovalsAfter(read, notice.id, doubt)
}
