/**
 * Holds a notice by the desk's own judgement, and sees to it that a maintainer learns of it: a hold that nobody could be told
 * of is told later (G7). Must never let a notice go because its alarm cannot be made.
 */
import { type SendSealed } from '../domain/decision.ts'
import { aboutCase, BY_DESK, event } from '../domain/event.ts'
import { type HoldBecause, type NoticeCopies, type NoticeRecord } from '../domain/notice.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { HOLD_SENTENCES } from '../policy/embargo.ts'
import { findCase } from '../store/cases.ts'
import { countCopies } from '../store/deliveries.ts'
import { listUntoldHolds, setUntoldHold, stopNotice } from '../store/notices.ts'
import { disclosureFacts } from './about-notice.ts'
import { isAlarmDue, postponeAlarms, prepareAlarm } from './alarms.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'

const TOLD_AT_ONCE = 20
const UNTOLD_BEFORE = 'Nobody could be told at that time: no alarm could be made.'

/** Stops a notice and, where it was leaving, what is still here. Deferred copies of a release before go on. */
export async function hold(desk: Desk, notice: NoticeRecord, because: HoldBecause): Promise<void> {
  const now = desk.clock.now()
  const isLeaving = notice.state === 'releasing'
  const copies = desk.db.read((read) => countCopies(read, notice.id))
  const what = `${happened(notice, copies)}, because ${HOLD_SENTENCES[because]}.${goingOn(notice, copies)}`
  const alarm = heldAlarm(desk, notice, what, now)
  const prepared = await prepareAlarm(desk, alarm, now)
  const work = { arrivalId: null, mailSha256: null, now }
  desk.db.transact((tx) => {
    const stop = { because: 'notice-held', copies: isLeaving ? 'withdraw' : 'go-on' } as const
    stopNotice(tx, notice, stop, now)
    record(
      tx,
      event('notice-held', aboutCase(notice.caseTag), BY_DESK, {
        revision: notice.revision,
        because,
        copies
      }),
      work
    )
    if (prepared === null) {
      setUntoldHold(tx, notice.id, what)
      postponeAlarms(tx, now)
    } else commit(tx, [alarm], prepared, work)
  })
  desk.log({ event: 'notice.held', notice: notice.id, because })
}

function happened({ state, revision }: NoticeRecord, copies: NoticeCopies): string {
  const what = `Revision ${revision} of the advance notice`
  if (state === 'releasing') return `${what} was stopped while it was leaving`
  return copies.revision === revision
    ? `${what} did not leave again for those who lack it`
    : `${what} was not sent`
}

/** A hold of what has not begun to leave stops no copy of what was released before. */
function goingOn({ state }: NoticeRecord, { revision, here, onTheWay }: NoticeCopies): string {
  return state === 'releasing' || here + onTheWay === 0
    ? ''
    : ` ${count(here + onTheWay, 'copy', 'copies')} of revision ${revision}, released before, will still leave; /notice hold stops that.`
}

/** Tells the maintainers of holds of which nobody could be told before. Returns whether it did. */
export async function tellOfHolds(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const untold = desk.db.read((read) =>
    isAlarmDue(read, now) ? listUntoldHolds(read, TOLD_AT_ONCE) : []
  )
  let worked = false
  for (const { notice, what } of untold) {
    const alarm = heldAlarm(desk, notice, `${what} ${UNTOLD_BEFORE}`, now)
    const prepared = await prepareAlarm(desk, alarm, now)
    desk.db.transact((tx) => {
      if (prepared === null) {
        postponeAlarms(tx, now)
        return
      }
      setUntoldHold(tx, notice.id, null)
      commit(tx, [alarm], prepared, { arrivalId: null, mailSha256: null, now })
    })
    if (prepared === null) return worked
    worked = true
  }
  return worked
}

function heldAlarm(desk: Desk, notice: NoticeRecord, what: string, now: Instant): SendSealed {
  const record = desk.db.read((read) => findCase(read, notice.caseTag))
  const { timezone } = desk.settings.desk
  return alertMaintainers(desk.settings, now, {
    once: `notice-held:${notice.id}:${notice.version}`,
    tag: notice.caseTag,
    title: 'The notice is HELD',
    what,
    doNext:
      'Look at it with /notice preview. Another maintainer than its author lets it go with /notice approve CODE; a new date is set with /embargo.',
    facts: [
      ...(record === null ? [] : disclosureFacts(desk, record)),
      { label: 'Time of this machine', value: formatInstant(now, timezone) }
    ]
  })
}
