/**
 * Copies of a notice that wait too long (B22). After the disclosure no copy under embargo leaves: its member is told that the
 * embargo is over, the maintainers that the notice was late. Before it, copies that still wait are an alarm. Must never take back
 * a copy, nor say that an embargo is over, while the clock of the machine is in doubt.
 */
import { type SendSealed } from '../domain/decision.ts'
import { aboutCase, BY_DESK, event } from '../domain/event.ts'
import { addMs, formatInstant, type Instant } from '../domain/time.ts'
import { embargoEnded } from '../messages/to-members.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { sealedTo } from '../policy/send.ts'
import {
  dropLateCopy,
  type LateCopy,
  listLateCopies,
  listTriedCopies,
  type WaitingCopy
} from '../store/deliveries.ts'
import { openDoubt } from '../store/events.ts'
import { hasOnce } from '../store/outbox.ts'
import { commit, record } from './commit.ts'
import { type Desk } from './desk.ts'
import { prepare } from './prepare.ts'

const AT_ONCE = 64
const NOTHING = { attachments: [], original: null }

/** Takes back what is late and raises the alarms. Returns whether there was anything to do. */
export async function lookAfterCopies(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const seen = desk.db.read((read) => ({
    isClockInDoubt: openDoubt(read) !== null,
    late: listLateCopies(read, now, AT_ONCE),
    waiting: newlyWaiting(desk, listTriedCopies(read), now).filter(
      ({ once }) => !hasOnce(read, `alert:${once}`)
    )
  }))
  if (seen.isClockInDoubt) return false
  for (const copies of byNotice(seen.late)) await drop(desk, copies, now)
  let worked = seen.late.length > 0
  for (const copies of seen.waiting) worked = (await alarm(desk, copies, now)) || worked
  return worked
}

async function drop(desk: Desk, copies: readonly LateCopy[], now: Instant): Promise<void> {
  const [first] = copies
  if (first === undefined) return
  const { noticeId, revision, caseTag, disclosureAt, product } = first
  const says = (at: Instant): string => formatInstant(at, desk.settings.desk.timezone)
  // A date that was moved to later and is not approved yet: then nothing is public, and only the maintainers are told.
  const isOver = disclosureAt !== null && disclosureAt <= now
  const name = desk.settings.products.find(({ id }) => id === product)?.name ?? product
  const decisions: SendSealed[] = [
    ...(isOver
      ? [
          sealedTo(
            copies.filter(({ isListed }) => isListed === 1).map(asRecipient),
            now,
            embargoEnded({ product: name, disclosure: says(disclosureAt) }),
            { once: `${noticeId}`, tag: caseTag }
          )
        ]
      : []),
    alertMaintainers(desk.settings, now, {
      once: `copies-late:${noticeId}:${revision}:${first.id}`,
      tag: caseTag,
      title: 'The notice came too late for members',
      what: `The date in the notice has come, and these members did not have their copy yet: ${namesOf(copies)}. It does not leave any more.${isOver ? ' They are told that the embargo is over.' : ' They are told nothing: the new date is not approved yet.'}`,
      doNext: isOver
        ? 'Tell these members what is public now, if they need more than that.'
        : 'Approve the change of the date now: it reaches these members as their first notice.',
      facts: disclosureAt === null ? [] : [{ label: 'Disclosure', value: says(disclosureAt) }]
    })
  ]
  const prepared = await prepare(desk, decisions, NOTHING, now)
  const work = { arrivalId: null, mailSha256: null, now }
  desk.db.transact((tx) => {
    for (const copy of copies) {
      if (!dropLateCopy(tx, copy, now)) continue
      const about = { member: copy.memberId, because: 'disclosed' }
      record(tx, event('copy-dropped', aboutCase(caseTag), BY_DESK, about), work)
    }
    commit(tx, decisions, prepared, work)
  })
}

type Overdue = {
  readonly once: string
  readonly copies: readonly WaitingCopy[]
  readonly minutes: number
}

/** Copies that wait longer than their policy takes for late, by revision. */
function newlyWaiting(desk: Desk, copies: readonly WaitingCopy[], now: Instant): Overdue[] {
  return byNotice(copies).flatMap((group) => {
    const [first] = group
    const product = desk.settings.products.find(({ id }) => id === first?.product)
    const minutes = product?.policy.notice?.late_after_minutes
    if (first === undefined || minutes === undefined) return []
    const late = group.filter(({ since }) => addMs(since, minutes * 60_000) <= now)
    const once = `copies-wait:${first.noticeId}:${first.revision}`
    return late.length === 0 ? [] : [{ once, copies: late, minutes }]
  })
}

/** Returns whether anybody could be told; if nobody could, it is tried again at the next tick. */
async function alarm(
  desk: Desk,
  { once, copies, minutes }: Overdue,
  now: Instant
): Promise<boolean> {
  const [first] = copies
  if (first === undefined) return false
  const decisions = [
    alertMaintainers(desk.settings, now, {
      once,
      tag: first.caseTag,
      title: 'Copies of the notice still wait',
      what: `More than ${minutes} minutes after their instant, the copies of these members have not left: ${namesOf(copies)}. Their mail servers put them off.`,
      doNext:
        'Reach these members another way if the disclosure is near. The desk goes on trying until then.',
      facts: []
    })
  ]
  const prepared = await prepare(desk, decisions, NOTHING, now)
  if (prepared.mails.length === 0) return false
  const work = { arrivalId: null, mailSha256: null, now }
  desk.db.transact((tx) => {
    for (const { memberId: member, since: leavesAt } of copies)
      record(tx, event('copy-waits', aboutCase(first.caseTag), BY_DESK, { member, leavesAt }), work)
    commit(tx, decisions, prepared, work)
  })
  return true
}

function byNotice<C extends { readonly noticeId: number; readonly revision: number }>(
  copies: readonly C[]
): C[][] {
  const groups = new Map<string, C[]>()
  for (const copy of copies) {
    const key = `${copy.noticeId}:${copy.revision}`
    groups.set(key, [...(groups.get(key) ?? []), copy])
  }
  return [...groups.values()]
}

function namesOf(copies: readonly { readonly memberId: string }[]): string {
  return copies.map(({ memberId }) => memberId).join(', ')
}

function asRecipient({ memberId: id, name, address, fingerprint, keyData }: LateCopy) {
  return { id, name, address, fingerprint, keyData }
}
