/**
 * What the desk notices by itself: mails given up, a key that works again, and a clock that jumps. Alarms only; decides
 * nothing about content.
 */
import { type Instant } from '../domain/time.ts'
import { alert } from '../messages/to-maintainers.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { clockJumpMs } from '../policy/embargo.ts'
import { findCaseById } from '../store/cases.ts'
import { lastOpenJump } from '../store/clock-jumps.ts'
import { listGivenUpUntold, markTold, type OutboxRow } from '../store/outbox.ts'
import { adoptClock, recordJump } from './clock-jumps.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { type MakeUp } from './missed.ts'
import { prepare } from './prepare.ts'

const TOLD_AT_ONCE = 20
const NOTHING = { attachments: [], original: null }

/**
 * Tells the maintainers of mails that the desk has given up, and one whose key works again of what was not sealed to them.
 * Returns whether there was anything.
 */
export async function tellMaintainers(desk: Desk, makeUp: MakeUp): Promise<boolean> {
  const missed = await makeUp.tell()
  return (await tellFailed(desk)) || missed
}

async function tellFailed(desk: Desk): Promise<boolean> {
  const rows = desk.db.read((read) => listGivenUpUntold(read, TOLD_AT_ONCE))
  if (rows.length === 0) return false
  const now = desk.clock.now()
  // An alarm about an alarm would ring for ever; the log and `postern outbox list` have it.
  const alerts = rows
    .filter(({ kind }) => kind !== alert.kind)
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
  const isNamed = row.recipientId !== '' && row.audience !== 'reporter'
  const who = isNamed ? `${row.audience} ${row.recipientId}` : `the ${row.audience}`
  const code =
    row.lastCode === null || row.lastCode === 0
      ? 'the server could not be reached'
      : `the server said ${row.lastCode}`
  return alertMaintainers(desk.settings, now, {
    once: `gave-up:${row.id}:${row.attempts}`,
    tag,
    title: 'A message could not be delivered',
    what: `A message (${row.kind}) to ${who} was not delivered: ${code}. The desk tried ${row.attempts === 1 ? 'once' : `${row.attempts} times`} and has stopped trying.`,
    doNext: `Please reach the person another way. Once the cause is mended, the operator sends it again with: postern outbox retry ${row.id}`,
    facts: []
  })
}

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
