/**
 * Sends the digest when its time has come. When that is stands in the database, so that one that fell into a time without a
 * running desk is sent at the next start. Must never forget what nobody was told.
 */
import { type Instant, msBetween, parseInstant } from '../domain/time.ts'
import { digestMail } from '../policy/digest.ts'
import { countUnanswered, listUnanswered } from '../store/cases.ts'
import { forgetJunk, listJunk } from '../store/junk.ts'
import { readMeta, writeMeta } from '../store/meta.ts'
import { type Read, type Tx } from '../store/sql.ts'
import { prepareAlarm } from './alarms.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'

/** Told one by one; of more only the number. */
const TOLD_MAX = 100

/** Returns whether one was made. */
export async function sendDigest(desk: Desk): Promise<boolean> {
  const now = desk.clock.now()
  const next = desk.nextDigestAt()
  if (next === null) return false
  const dueAt = desk.db.read(storedDue)
  // At the first start, after a change of the schedule, and when the clock was set back.
  const isStale = dueAt === null || msBetween(dueAt, next) < 0
  if (isStale || msBetween(dueAt, now) < 0) {
    if (isStale)
      desk.db.transact((tx) => {
        writeMeta(tx, 'digest-next', next)
      })
    return false
  }
  const { facts, lastId } = desk.db.read(gather)
  const mail = digestMail(desk.settings, facts, { now, dueAt, lastId })
  // What no key could be used for waits for the next one.
  const prepared = mail === null ? null : await prepareAlarm(desk, mail, now)
  desk.db.transact((tx) => {
    writeMeta(tx, 'digest-next', next)
    if (mail === null || prepared === null) return
    commit(tx, [mail], prepared, { arrivalId: null, mailSha256: null, now })
    forget(tx, lastId)
  })
  return prepared !== null
}

function storedDue(read: Read): Instant | null {
  const stored = readMeta(read, 'digest-next')
  return stored === null ? null : parseInstant(stored)
}

function gather(read: Read) {
  const { mails, total, lastId } = listJunk(
    read,
    Number(readMeta(read, 'junk-told') ?? 0),
    TOLD_MAX
  )
  const facts = {
    unanswered: listUnanswered(read, TOLD_MAX),
    unansweredTotal: countUnanswered(read),
    junk: mails,
    junkTotal: total
  }
  return { facts, lastId }
}

function forget(tx: Tx, lastId: number): void {
  forgetJunk(tx, lastId)
  writeMeta(tx, 'junk-told', String(lastId))
}
