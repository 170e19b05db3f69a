/**
 * What the desk notices by itself: mails given up, a key that works again, and a clock that jumps. Alarms only; decides
 * nothing about content.
 */
import { type Instant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { clockJumpMs } from '../policy/embargo.ts'
import { RETRY_DELAY_MS_MAX } from '../policy/retry.ts'
import { pullBackArrivals } from '../store/arrivals.ts'
import { findCaseById } from '../store/cases.ts'
import {
  listGivenUpUntold,
  markTold,
  type OutboxRow,
  pullBackAfterClockStep
} from '../store/outbox.ts'
import { DISTRUST_MS, isJumpRecent, recordJump } from './clock-jumps.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { tellMissed } from './missed.ts'
import { prepare } from './prepare.ts'

const TOLD_AT_ONCE = 20
const NOTHING = { attachments: [], original: null }

/**
 * Tells the maintainers of mails that the desk has given up, and one whose key works again of what was not sealed to them.
 * Returns whether there was anything.
 */
export async function tellMaintainers(desk: Desk): Promise<boolean> {
  const missed = await tellMissed(desk)
  return (await tellFailed(desk)) || missed
}

async function tellFailed(desk: Desk): Promise<boolean> {
  const rows = desk.db.read((read) => listGivenUpUntold(read, TOLD_AT_ONCE))
  if (rows.length === 0) return false
  const now = desk.clock.now()
  // An alarm about an alarm would ring for ever; the log and `postern outbox list` have it.
  const alerts = rows
    .filter(({ kind }) => kind !== 'alert')
    .map((row) => givenUpAlert(desk, row, now))
  const prepared = await prepare(desk, alerts, NOTHING, now)
  desk.db.transact((tx) => {
    commit(tx, alerts, prepared, { arrivalId: null, mailSha256: null, now })
    markTold(
      tx,
      rows.map(({ id }) => id),
      now
    )
  })
  return true
}

function givenUpAlert(desk: Desk, row: OutboxRow, now: Instant) {
  const tag =
    row.caseId === null
      ? null
      : desk.db.read((read) => findCaseById(read, row.caseId ?? 0)?.tag ?? null)
  const who = row.recipientId === '' ? `the ${row.audience}` : `${row.audience} ${row.recipientId}`
  const code =
    row.lastCode === null || row.lastCode === 0
      ? 'the server could not be reached'
      : `the server said ${row.lastCode}`
  return alertMaintainers(desk.settings, now, {
    once: `gave-up:${row.id}:${row.attempts}`,
    tag,
    title: 'A mail could NOT be delivered',
    what: `A mail of the kind ${row.kind} to ${who} was given up after ${row.attempts} attempts: ${code}.`,
    doNext: `Reach the person another way. When the cause is gone, the operator sends it again with: postern outbox retry ${row.id}`,
    facts: []
  })
}

/** Watches the wall clock against the monotonic one between calls. */
export type ClockWatch = {
  /** Looks at both clocks; must be called at every tick. */
  look(): void
  /** False for an hour after a forward jump: approvals from before it do not tell whether an instant has really come. */
  isTrusted(): boolean
}

export function watchClock(desk: Desk): ClockWatch {
  pullBack(desk, desk.clock.now())
  let last = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
  let distrustedSince = isJumpRecent(desk) ? last.monotonicMs : null
  return {
    look: () => {
      const next = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
      const ms = clockJumpMs(last, next)
      // Recorded first: a jump that cannot be written down is seen again at the next look.
      if (ms !== 0) recordJump(desk, ms, next.now)
      last = next
      if (ms !== 0) distrustedSince = ms > 0 ? next.monotonicMs : distrustedSince
      if (distrustedSince !== null && next.monotonicMs - distrustedSince > DISTRUST_MS)
        distrustedSince = null
      if (ms !== 0) pullBack(desk, next.now)
    },
    isTrusted: () => distrustedSince === null
  }
}

/** What a wrong clock had put off into the future is due now; also at the start, because the clock may have been set since. */
function pullBack(desk: Desk, now: Instant): void {
  desk.db.transact((tx) => {
    pullBackAfterClockStep(tx, now, RETRY_DELAY_MS_MAX)
    pullBackArrivals(tx, now, RETRY_DELAY_MS_MAX)
  })
}
