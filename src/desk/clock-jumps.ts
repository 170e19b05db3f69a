/**
 * What a jump of the clock leaves behind, in the database, so that a restart forgets none of it: from when on approvals count
 * again, and whether the maintainers know. Must never say who is on the list.
 */
import { formatInstant, type Instant, msBetween, parseInstant } from '../domain/time.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { appendAudit } from '../store/audit.ts'
import { clearMeta, readMeta, writeMeta } from '../store/meta.ts'
import { listActiveNotices } from '../store/notices.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { prepare } from './prepare.ts'

const NOTHING = { attachments: [], original: null }

/** After a forward jump older approvals do not count for as long as the clock may be wrong without anybody knowing. */
export const DISTRUST_MS = 60 * 60_000

/** Puts a jump that was seen at `now` on the record; a forward one is to be told. */
export function recordJump(desk: Desk, ms: number, now: Instant): void {
  desk.db.transact((tx) => {
    const detail = { ms }
    const about = { actor: 'desk', action: 'clock.jumped', caseTag: null, mailSha256: null }
    appendAudit(tx, { ...about, at: now, detail })
    if (ms > 0) {
      writeMeta(tx, 'clock-distrusted-before', now)
      writeMeta(tx, 'clock-jump-untold', String(ms))
    } else lowerBoundary(tx, now)
  })
  desk.log({ event: 'clock.jumped', ms })
}

/** Approvals given before this instant are from before the last forward jump; null when there was none. */
export function distrustedBefore(read: Read): Instant | null {
  const stored = readMeta(read, 'clock-distrusted-before')
  return stored === null ? null : parseInstant(stored)
}

/** Whether a former process saw a forward jump so short a time ago that its approvals are still in doubt. */
export function isJumpRecent(desk: Desk): boolean {
  const now = desk.clock.now()
  const before = desk.db.read(distrustedBefore)
  if (before === null) return false
  if (before > now)
    desk.db.transact((tx) => {
      lowerBoundary(tx, now)
    })
  return msBetween(before, now) <= DISTRUST_MS
}

/** The clock was set back: what is approved from now on is approved after the jump, whatever the clock showed in between. */
function lowerBoundary(tx: Tx, now: Instant): void {
  const before = distrustedBefore(tx)
  if (before !== null && before > now) writeMeta(tx, 'clock-distrusted-before', now)
}

/** Tells the maintainers of a forward jump, once, if notices wait for their instant. Returns whether it did. */
export async function tellOfJump(desk: Desk): Promise<boolean> {
  const { untold, before, notices } = desk.db.read((read) => ({
    untold: readMeta(read, 'clock-jump-untold'),
    before: distrustedBefore(read),
    notices: listActiveNotices(read).filter(({ state }) => state === 'scheduled')
  }))
  if (untold === null) return false
  const now = desk.clock.now()
  const { timezone } = desk.settings.desk
  const alert = alertMaintainers(desk.settings, now, {
    once: `clock-jumped:${before ?? now}`,
    tag: null,
    title: 'The clock JUMPED while notices are scheduled',
    what: `The clock of this machine went forward by ${words(Number(untold))} at once. Nobody knows yet whether it was wrong before or is wrong now. In the next hour no notice leaves on an approval from before the jump: one that comes due is held.`,
    doNext:
      'Compare the time below with a clock that you trust. If it is wrong, have the operator set it right. If it is right, give each notice that is due within the hour a new approval: /notice hold and /notice preview, then /notice approve CODE.',
    facts: [
      { label: 'Time of this machine', value: formatInstant(now, timezone) },
      ...notices.flatMap(({ caseTag, releaseAt }) =>
        releaseAt === null
          ? []
          : [{ label: caseTag, value: `leaves ${formatInstant(releaseAt, timezone)}` }]
      )
    ]
  })
  const alerts = notices.length === 0 ? [] : [alert]
  const prepared = await prepare(desk, alerts, NOTHING, now)
  desk.db.transact((tx) => {
    commit(tx, alerts, prepared, { arrivalId: null, mailSha256: null, now })
    clearMeta(tx, 'clock-jump-untold')
  })
  return alerts.length > 0
}

/** A length of time as people say it. */
function words(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
