/**
 * Copies of a notice that wait too long (B22). After the disclosure no copy under embargo leaves, and its member is told that the
 * embargo is over; before it, a copy that still waits is put on the record. The copy of a member who left the list is taken
 * back. Clocks tell the maintainers of both. Must never take back a copy, nor say that an embargo is over, while the clock of the
 * machine is in doubt.
 */
import { type SendSealed } from '../domain/decision.ts'
import { aboutCase, BY_DESK, event, type NewEvent, type Particulars } from '../domain/event.ts'
import { addMs, formatInstant, type Instant } from '../domain/time.ts'
import { embargoEnded } from '../messages/to-members.ts'
import { sealedTo } from '../policy/send.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import { type Read } from '../store/sql.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { prepare } from './prepare.ts'

const AT_ONCE = 64

/** Takes back what is late and records what waits. Returns whether there was anything to do. */
export async function lookAfterCopies(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const { isClockInDoubt, late, waiting } = desk.db.read((read) => ({
    isClockInDoubt: events.openDoubt(read) !== null,
    late: deliveries.listLateCopies(read, now, AT_ONCE),
    waiting: newlyWaiting(desk, read, now)
  }))
  if (isClockInDoubt) return false
  let worked = waiting.length > 0
  if (worked) desk.db.transact((tx) => waiting.forEach((one) => record(tx, one, { now })))
  for (const copy of late) {
    const at = `copies of the notice of ${copy.caseTag}`
    const done = await attempt(desk, { where: 'copies', at }, () => drop(desk, copy, now))
    worked = worked || done !== null
  }
  return worked
}

async function drop(desk: Desk, copy: deliveries.LateCopy, now: Instant): Promise<void> {
  const { noticeId, caseTag: tag, id: member, disclosureAt, disclosureZone } = copy
  const decisions: SendSealed[] = []
  let because: Particulars['copy-dropped']['because'] = 'not-listed'
  // A date that was moved to later and is not approved yet: then nothing is public, and only the maintainers are told.
  if (copy.isListed) because = 'date-moved'
  if (copy.isListed && disclosureAt !== null && disclosureAt <= now) {
    because = 'public'
    const product = desk.settings.products.find(({ id }) => id === copy.product)
    const disclosure = formatInstant(disclosureAt, desk.settings.desk.timezone, disclosureZone)
    const message = embargoEnded({ product: product?.name ?? copy.product, disclosure })
    decisions.push(sealedTo([copy], message, { once: `${noticeId}`, tag }))
  }
  const prepared = await prepare(desk, decisions, now)
  desk.db.transact((tx) => {
    // A copy that left meanwhile was not late after all: its member is told nothing.
    if (!deliveries.dropLateCopy(tx, copy, now)) return
    record(tx, event('copy-dropped', aboutCase(tag), BY_DESK, { member, because }), { now })
    commit(tx, decisions, prepared, { now })
  })
}

/** The events of copies that wait longer than their policy takes for late, and are not on the record as such. */
function newlyWaiting({ settings }: Desk, read: Read, now: Instant): NewEvent[] {
  return deliveries.listWaitingCopies(read).flatMap((copy) => {
    const { product: name, since: leavesAt, caseTag, memberId: member, revision } = copy
    const notice = settings.products.find(({ id }) => id === name)?.policy.notice ?? null
    if (notice === null || addMs(leavesAt, notice.late_after_minutes * 60_000) > now) return []
    return event('copy-waits', aboutCase(caseTag), BY_DESK, { member, revision, leavesAt })
  })
}
