/**
 * Sends the daily list to somebody whose reports are too many for an acknowledgement each (B11). What it names stands in the
 * database until the list is queued. Must never send one person two lists in a day.
 */
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { listReports } from '../policy/acknowledgement.ts'
import * as people from '../store/correspondents.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { prepare } from './prepare.ts'
import { knownKey } from './read-keys.ts'

/** Named in one list; more wait for the next. */
const LISTED_MAX = 1000
/** When a list at which the desk failed is tried again. */
const RETRY_MS = HOUR_MS

/** Returns whether one was made. */
export async function listFurtherReports(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const span = { since: addMs(now, -DAY_MS), until: now }
  const due = desk.db.read((read) => people.dueFurtherReports(read, span, LISTED_MAX))
  if (due === null) return false
  const at = `list of the further reports of one sender (${due.tags[0] ?? ''})`
  const sent = await attempt(desk, { where: 'further-reports', at }, () => send(desk, due, now))
  // The other senders do not wait for this one.
  if (sent === null)
    desk.db.transact((tx) => people.putOffFurtherReports(tx, due.address, addMs(now, RETRY_MS)))
  return true
}

async function send(
  desk: Desk,
  due: NonNullable<ReturnType<typeof people.dueFurtherReports>>,
  now: Instant
): Promise<void> {
  const key = await knownKey(desk, due.address, now)
  const decisions = listReports(due.tags, due.address, key)
  const prepared = await prepare(desk, decisions, now)
  desk.db.transact((tx) => {
    commit(tx, decisions, prepared, { now })
  })
}
