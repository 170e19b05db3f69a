/**
 * Copies of a notice that wait too long (B22). After the disclosure no copy under embargo leaves, and its member is told that the
 * embargo is over; before it, a copy that still waits is put on the record. The copy of a member who left the list is taken
 * back. Clocks tell the maintainers of both. Must never take back a copy, nor say that an embargo is over, while the clock of the
 * machine is in doubt.
 */
import { aboutCase, BY_DESK, event, type Particulars } from '../domain/event.ts'
import { groupBy } from '../domain/group.ts'
import { addMs, formatInstant, type Instant } from '../domain/time.ts'
import { embargoEnded } from '../messages/to-members.ts'
import { sealedTo } from '../policy/send.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import { type Read } from '../store/sql.ts'
import { commit, ofNoMail, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { attempt } from './faults.ts'
import { prepare } from './prepare.ts'
import { recipientOf } from './release-pieces.ts'

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
  const done: unknown[] = []
  for (const [tag, copies] of groupBy(late, ({ caseTag }) => caseTag))
    done.push(await attempt(desk, ofNotice(tag), () => drop(desk, copies, now)))
  for (const [tag, copies] of groupBy(waiting, ({ caseTag }) => caseTag))
    done.push(await attempt(desk, ofNotice(tag), () => putOnRecord(desk, copies, now)))
  return done.some((one) => one !== null)
}

function ofNotice(tag: string) {
  return { where: 'copies', at: `copies of the notice of ${tag}` }
}

async function drop(
  desk: Desk,
  copies: readonly [deliveries.LateCopy, ...deliveries.LateCopy[]],
  now: Instant
): Promise<void> {
  const { noticeId, caseTag, disclosureAt, disclosureZone, product } = copies[0]
  // A date that was moved to later and is not approved yet: then nothing is public, and only the maintainers are told.
  const isPublic = disclosureAt !== null && disclosureAt <= now
  const name = desk.settings.products.find(({ id }) => id === product)?.name ?? product
  const disclosure = formatInstant(disclosureAt ?? now, desk.settings.desk.timezone, disclosureZone)
  const because = ({ isListed }: deliveries.LateCopy): Particulars['copy-dropped']['because'] =>
    !isListed ? 'not-listed' : isPublic ? 'public' : 'date-moved'
  const told = copies.filter((copy) => because(copy) === 'public').map(recipientOf)
  const sending = { once: `${noticeId}`, tag: caseTag }
  const message = embargoEnded({ product: name, disclosure })
  const decisions = told.length === 0 ? [] : [sealedTo(told, message, sending)]
  const prepared = await prepare(desk, decisions, now)
  const work = ofNoMail(now)
  desk.db.transact((tx) => {
    // A copy that left meanwhile was not late after all: its member is told nothing.
    const dropped = copies.filter((copy) => deliveries.dropLateCopy(tx, copy, now))
    for (const copy of dropped) {
      const about = { member: copy.memberId, because: because(copy) }
      record(tx, event('copy-dropped', aboutCase(caseTag), BY_DESK, about), work)
    }
    const isDropped = (id: string): boolean => dropped.some(({ memberId }) => memberId === id)
    const messages = prepared.messages.filter(({ recipientId }) => isDropped(recipientId))
    const refused = prepared.refused.filter(({ recipient }) => isDropped(recipient.id))
    commit(tx, decisions, { ...prepared, messages, refused }, work)
  })
}

/** Copies that wait longer than their policy takes for late, and are not on the record as such. */
function newlyWaiting(desk: Desk, read: Read, now: Instant): deliveries.WaitingCopy[] {
  return deliveries.listWaitingCopies(read).filter(({ product: name, since }) => {
    const product = desk.settings.products.find(({ id }) => id === name)
    const minutes = product?.policy.notice?.late_after_minutes
    return minutes !== undefined && addMs(since, minutes * 60_000) <= now
  })
}

function putOnRecord(desk: Desk, copies: readonly deliveries.WaitingCopy[], now: Instant): boolean {
  const work = ofNoMail(now)
  desk.db.transact((tx) => {
    for (const { caseTag, memberId: member, revision, since: leavesAt } of copies) {
      const about = { member, revision, leavesAt }
      record(tx, event('copy-waits', aboutCase(caseTag), BY_DESK, about), work)
    }
  })
  return true
}
