/** Watches the wall clock. Decides nothing about content. */
import { clockJumpMs } from '../policy/embargo.ts'
import { lastOpenJump } from '../store/clock-jumps.ts'
import { adoptClock, recordJump } from './clock-jumps.ts'
import { type Desk } from './desk.ts'

/** Watches the wall clock against the monotonic one between calls. */
export type ClockWatch = {
  /** Looks at both clocks; must be called at every tick. */
  look(): void
  /** False from a forward jump until it is set back: older previews do not tell whether an instant has really come. */
  isTrusted(): boolean
}

export function watchClock(desk: Desk): ClockWatch {
  let last = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
  // The clock may have been set while no process looked.
  desk.db.transact((tx) => {
    adoptClock(tx, last.now)
  })
  return {
    look: () => {
      const next = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
      const ms = clockJumpMs(last, next)
      // Recorded first: a jump that cannot be written down is seen again at the next look.
      if (ms !== 0) recordJump(desk, ms, next.now)
      last = next
    },
    isTrusted: () => desk.db.read(lastOpenJump) === null
  }
}
