/**
 * When the next digest comes, and what it is made from. The clock `digest` tells it; must never forget what nobody was told.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { type Message } from '../domain/message.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { digest } from '../messages/to-maintainers.ts'
import { caseLines } from '../policy/status.ts'
import * as cases from '../store/cases.ts'
import * as events from '../store/events.ts'
import { listJunk } from '../store/junk.ts'
import * as looks from '../store/looks.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { record } from './commit.ts'
import { type Desk } from './desk.ts'

/** At most this many are listed one by one; the others are counted. */
const TOLD_MAX = 100

/**
 * Puts on the record when the next digest comes: when the last one has come, at the first start, after a change of the
 * schedule, and when the clock was set back. An instant that was told is not planned again.
 */
export function planDigest(desk: Desk, tx: Tx, now: Instant): void {
  const nexts = desk.nextDigestsAt()
  const last = events.lastOfKinds(tx, DESK, ['digest-planned', 'digest-dropped'])
  const planned = last?.kind === 'digest-planned' && last.about.date > now ? last.about.date : null
  // In the usual case, what was told need not be read.
  if (planned !== null && planned === nexts[0]) return
  const told = looks
    .listRings(tx, DESK)
    .flatMap(({ clock, key }) => (clock === 'digest' ? key : []))
  const next = nexts.find((at) => !told.includes(at)) ?? nexts[0] ?? null
  if (next === planned) return
  if (planned !== null)
    record(tx, event('digest-dropped', DESK, BY_DESK, { date: planned }), { now })
  if (next !== null) record(tx, event('digest-planned', DESK, BY_DESK, { date: next }), { now })
}

/** What a digest says now: what people must look at and are not told of at once. Null when there is nothing. */
export function digestMessage(
  read: Read,
  { now, settings, isLate }: { now: Instant; settings: Settings; isLate: boolean }
): Message | null {
  const { messages, total } = listJunk(read, TOLD_MAX)
  const unanswered = cases.listUnanswered(read, TOLD_MAX)
  const unansweredTotal = cases.countUnanswered(read)
  if (unansweredTotal === 0 && total === 0) return null
  return digest({
    isLate,
    unanswered: unanswered.map((one) => caseLines(one, { settings, now })),
    moreUnanswered: unansweredTotal - unanswered.length,
    junk: messages.map(({ receivedAt, ...mail }) => ({
      ...mail,
      received: formatInstant(receivedAt, settings.desk.timezone)
    })),
    moreJunk: total - messages.length
  })
}
