/**
 * Tells the cause of an error: the outside world (database, disk, stopping), or the item at hand (a bug that it triggers, a
 * worker that dies of it), and puts the latter on the record, so that a clock tells a human. Must never stop the other items.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { DAY_MS, msBetween } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { errorName } from '../effects/events.ts'
import { latestOfKinds } from '../store/events.ts'
import { record } from './commit.ts'
import { type Desk } from './desk.ts'

/** At most this many failures a day are put on the record: one bug can affect every case. */
const FAILURES_A_DAY = 20

/** Whether the item at hand caused the error, so that the next one may well succeed (G9). */
export function isOfOneThing(error: unknown): boolean {
  return (
    !(error instanceof Trouble) || error.code === 'worker-limit' || error.code === 'worker-crash'
  )
}

/** The desk failed at one thing and goes on with the others: in the log each time, on the record once a day. */
export function noteFailure(desk: Desk, where: string, at: string, error: unknown): void {
  const name = errorName(error)
  desk.log({ event: 'bug', where, error: name })
  const now = desk.clock.now()
  desk.db.transact((tx) => {
    const today = latestOfKinds(tx, DESK, ['desk-failed'], FAILURES_A_DAY).filter(
      (one) => Math.abs(msBetween(one.at, now)) < DAY_MS
    )
    const isKnown = today.some(({ about }) => about.at === at)
    if (isKnown || today.length >= FAILURES_A_DAY) return
    record(tx, event('desk-failed', DESK, BY_DESK, { at, error: name }), { now })
  })
}

/** Does what concerns one thing; a bug at it is noted, and stops nothing else (G9). Null when it failed. */
export async function attempt<T>(
  desk: Desk,
  { where, at }: { readonly where: string; readonly at: string },
  work: () => T | Promise<T>
): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (!isOfOneThing(error)) throw error
    noteFailure(desk, where, at, error)
    return null
  }
}
