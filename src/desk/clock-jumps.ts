/**
 * What a jump of the clock leaves behind, in the database, so that a restart forgets none of it: which approvals count, and
 * whether the maintainers know. Must never say who is on the list.
 */
import { type SendSealed } from '../domain/decision.ts'
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { jumpsLeft } from '../policy/embargo.ts'
import { RETRY_DELAY_MS_MAX } from '../policy/retry.ts'
import { pullBackArrivals } from '../store/arrivals.ts'
import {
  findUntoldJumps,
  insertClockJump,
  lastOpenJump,
  listOpenJumps,
  markJumpsTold,
  setLeftOfJump,
  sumOpenJumps
} from '../store/clock-jumps.ts'
import { hasUnreleasedNotice, listActiveNotices, listApprovalsAfter } from '../store/notices.ts'
import { pullBackAfterClockStep } from '../store/outbox.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { isAlarmDue, postponeAlarms, prepareAlarm, tryAlarmsAgain } from './alarms.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'

/**
 * Puts a jump that was seen at `now` on the record, with everything that follows from it: what a wrong clock had put off is
 * due now, and the maintainers are to be told of a forward one while there are notices that have not left.
 */
export function recordJump(desk: Desk, ms: number, now: Instant): void {
  desk.db.transact((tx) => {
    const work = { arrivalId: null, mailSha256: null, now }
    const eventId = record(tx, event('clock-doubted', DESK, BY_DESK, { ms }), work)
    if (ms > 0) insertClockJump(tx, { eventId, ms, isTold: !hasUnreleasedNotice(tx) })
    else for (const left of jumpsLeft(listOpenJumps(tx), -ms)) setLeftOfJump(tx, left)
    adoptClock(tx, now)
  })
  desk.log({ event: 'clock.jumped', ms })
}

/** Trusts `now` for all that waits: nothing waits longer than its longest wait because the clock was wrong before. */
export function adoptClock(tx: Tx, now: Instant): void {
  pullBackAfterClockStep(tx, now, RETRY_DELAY_MS_MAX)
  pullBackArrivals(tx, now, RETRY_DELAY_MS_MAX)
  tryAlarmsAgain(tx)
}

/**
 * The approvals of a notice whose previews are from after the last forward jump of the clock; null when none is in doubt. One
 * is in doubt until the clock was set back by as much, however long that takes: nobody's silence makes a clock right.
 */
export function approvedSinceJump(
  read: Read,
  notice: NoticeRecord
): NoticeRecord['approvals'] | null {
  const jump = lastOpenJump(read)
  return jump === null ? null : listApprovalsAfter(read, notice.id, jump)
}

/** Tells the maintainers of forward jumps at which notices waited for their instant. Returns whether it did. */
export async function tellOfJump(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const { untold, open, notices } = desk.db.read((read) => ({
    untold: isAlarmDue(read, now) ? findUntoldJumps(read) : null,
    open: sumOpenJumps(read),
    notices: listActiveNotices(read).filter(({ state }) => state === 'scheduled')
  }))
  if (untold === null) return false
  const alarm = jumpAlarm(desk, { ...untold, openMs: open?.leftMs ?? null, notices }, now)
  const prepared = await prepareAlarm(desk, alarm, now)
  desk.db.transact((tx) => {
    if (prepared === null) {
      postponeAlarms(tx, now)
      return
    }
    commit(tx, [alarm], prepared, { arrivalId: null, mailSha256: null, now })
    markJumpsTold(tx, untold.eventId)
  })
  return prepared !== null
}

function jumpAlarm(
  desk: Desk,
  about: {
    readonly eventId: number
    readonly longestMs: number
    /** By how much the clock is ahead of where it would be without jumps; null when they are all undone. */
    readonly openMs: number | null
    readonly notices: readonly NoticeRecord[]
  },
  now: Instant
): SendSealed {
  const { timezone } = desk.settings.desk
  return alertMaintainers(desk.settings, now, {
    once: `clock-jumped:${about.eventId}`,
    tag: null,
    title: 'The clock JUMPED while notices have not left',
    what:
      about.openMs !== null
        ? `The clock of this machine is ${words(about.openMs)} further forward than time has passed. Nobody knows yet whether it was wrong before or is wrong now. Until it is set back by as much, no notice leaves on a preview from before the jump: one that comes due is held.`
        : `The clock of this machine went forward by ${words(about.longestMs)} at once and was set back since. Nobody could be told before: no alarm could be made. Notices that came due meanwhile are held; the others stand as they were approved.`,
    doNext:
      about.openMs !== null
        ? 'Compare the time below with a clock that you trust. If it is wrong, have the operator set it right while the desk runs: then the approvals count again. If it is right, give each notice a new approval before it is due: /notice hold and /notice preview, then /notice approve CODE.'
        : 'Compare the time below with a clock that you trust, and have the operator find out why the clock jumped.',
    facts: [
      { label: 'Time of this machine', value: formatInstant(now, timezone) },
      ...about.notices.flatMap(({ caseTag, releaseAt }) =>
        releaseAt === null
          ? []
          : [{ label: caseTag, value: `leaves ${formatInstant(releaseAt, timezone)}` }]
      )
    ]
  })
}

/** A length of time as people say it. */
function words(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
