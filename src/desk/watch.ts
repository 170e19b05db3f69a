/**
 * What the desk notices by itself: mails given up, and a clock that jumps. Alarms only; decides nothing about content.
 */
import { type Instant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { clockJumpMs } from '../policy/embargo.ts'
import { RETRY_DELAY_MS_MAX } from '../policy/retry.ts'
import { pullBackArrivals } from '../store/arrivals.ts'
import { appendAudit } from '../store/audit.ts'
import { findCaseById } from '../store/cases.ts'
import {
  listGivenUpUntold,
  markTold,
  type OutboxRow,
  pullBackAfterClockStep
} from '../store/outbox.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { prepare } from './prepare.ts'

const TOLD_AT_ONCE = 20
const NOTHING = { attachments: [], original: null }
/** After a forward jump releases are held for as long as the clock may still be wrong without anybody knowing. */
const DISTRUST_MS = 60 * 60_000

/** Tells the maintainers of mails that the desk has given up. Returns whether there were any. */
export async function tellGivenUp(desk: Desk): Promise<boolean> {
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
  /** False while a forward jump makes it doubtful whether an instant has really come. */
  isTrusted(): boolean
}

export function watchClock(desk: Desk): ClockWatch {
  pullBack(desk, desk.clock.now())
  let last = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
  let distrustedSince: number | null = null
  return {
    look: () => {
      const next = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
      const ms = clockJumpMs(last, next)
      last = next
      if (ms !== 0) distrustedSince = ms > 0 ? next.monotonicMs : distrustedSince
      if (distrustedSince !== null && next.monotonicMs - distrustedSince > DISTRUST_MS)
        distrustedSince = null
      if (ms !== 0) onJump(desk, ms, next.now)
    },
    isTrusted: () => distrustedSince === null
  }
}

function onJump(desk: Desk, ms: number, now: Instant): void {
  desk.log({ event: 'clock.jumped', ms })
  desk.db.transact((tx) => {
    appendAudit(tx, {
      at: now,
      actor: 'desk',
      action: 'clock.jumped',
      caseTag: null,
      detail: { ms },
      mailSha256: null
    })
  })
  pullBack(desk, now)
}

/** What a wrong clock had put off into the future is due now; also at the start, because the clock may have been set since. */
function pullBack(desk: Desk, now: Instant): void {
  desk.db.transact((tx) => {
    pullBackAfterClockStep(tx, now, RETRY_DELAY_MS_MAX)
    pullBackArrivals(tx, now, RETRY_DELAY_MS_MAX)
  })
}
