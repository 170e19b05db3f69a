/**
 * Makes up for mails that could not be sealed to a maintainer: as soon as the key that is configured for them can be used,
 * they learn what they missed (G3). Must never send what was refused, nor anything in clear.
 */
import { type Maintainer } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { errorName } from '../effects/events.ts'
import { clockJumpMs } from '../policy/embargo.ts'
import { missedMail } from '../policy/missed.ts'
import { findCaseById } from '../store/cases.ts'
import {
  clearMissed,
  findMissed,
  forgetMissedBy,
  listMissedBy,
  listMissedCases
} from '../store/missed.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { prepare } from './prepare.ts'

/** Cases told at a time: other work has its turn in between. */
const TOLD_AT_ONCE = 20
/** From one look at a key that is of no use to the next; twice as long after each further failure. */
const PAUSE_MS = 15 * 60_000
const PAUSE_MS_MAX = 24 * 60 * 60_000
const NOTHING = { attachments: [], original: null }

/** Tells each maintainer whose key works again. */
export type MakeUp = {
  /** Returns whether anything was done. Trouble at one maintainer keeps nothing else up. */
  tell(): Promise<boolean>
}

type Reading = { readonly now: Instant; readonly monotonicMs: number }

/** How it went with one maintainer so far; forgotten when there is nothing to tell. */
type Look = {
  /** Both clocks at the last look that came to nothing; null after one that did not. */
  readonly pausedAt: Reading | null
  readonly failures: number
  /** The case tried last: one that fails must not keep the others from their turn. */
  readonly after: number
}

/**
 * What is to be told is in the database. How long to leave a key alone is kept in memory only: another key comes with a
 * restart, and is looked at at once.
 */
export function createMakeUp(desk: Desk): MakeUp {
  const looks = new Map<string, Look>()
  let haveStrangersGone = false
  return {
    tell: async () => {
      if (!haveStrangersGone) forgetStrangers(desk)
      haveStrangersGone = true
      let worked = false
      for (const maintainer of desk.settings.maintainers)
        worked = (await lookAt(desk, maintainer, looks)) || worked
      return worked
    }
  }
}

/** Nobody is told what a former bearer of their id missed: the person is known by the address or by the key. */
function forgetStrangers(desk: Desk): void {
  const { maintainers } = desk.settings
  const strangers = desk.db.read(listMissedBy).filter((missed) => {
    const bearer = maintainers.find(({ id }) => id === missed.maintainerId)
    return (
      bearer?.address.toLowerCase() !== missed.address && bearer?.fingerprint !== missed.fingerprint
    )
  })
  if (strangers.length === 0) return
  desk.db.transact((tx) => {
    for (const stranger of strangers) forgetMissedBy(tx, stranger)
  })
}

async function lookAt(
  desk: Desk,
  maintainer: Maintainer,
  looks: Map<string, Look>
): Promise<boolean> {
  const { id } = maintainer
  const reading = { now: desk.clock.now(), monotonicMs: desk.clock.monotonicMs() }
  const look = looks.get(id) ?? { pausedAt: null, failures: 0, after: -1 }
  if (isPaused(look, reading)) return false
  const page = { after: look.after, limit: TOLD_AT_ONCE }
  const cases = desk.db.read((read) => listMissedCases(read, id, page))
  if (cases.length === 0) {
    looks.delete(id)
    return false
  }
  const key = await attempt(desk, () => lookAtKey(desk, maintainer, reading.now))
  if (key !== 'done') {
    const failures = look.failures + (key === 'failed' ? 1 : 0)
    looks.set(id, { ...look, failures, pausedAt: reading })
    return false
  }
  for (const [told, caseId] of cases.entries()) {
    const after = caseId ?? 0
    const outcome = await attempt(desk, () => tellOfCase(desk, maintainer, caseId))
    if (outcome !== 'done') {
      looks.set(id, { after, failures: look.failures + 1, pausedAt: reading })
      return told > 0
    }
    looks.set(id, { ...look, after, pausedAt: null })
  }
  return true
}

/** A jump of the wall clock ends the pause: it changes which keys can be used. */
function isPaused({ pausedAt, failures }: Look, reading: Reading): boolean {
  if (pausedAt === null || clockJumpMs(pausedAt, reading) !== 0) return false
  const pauseMs = Math.min(PAUSE_MS * 2 ** Math.max(failures - 1, 0), PAUSE_MS_MAX)
  return reading.monotonicMs - pausedAt.monotonicMs < pauseMs
}

type Outcome = 'done' | 'refused' | 'failed'

/** What one thing does to the desk ends with it (G9); trouble of the outside is thrown on. */
async function attempt(desk: Desk, work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (!isOfOneThing(error)) throw error
    desk.log({ event: 'bug', where: 'missed', error: errorName(error) })
    return 'failed'
  }
}

async function lookAtKey(desk: Desk, { keyData }: Maintainer, now: Instant): Promise<Outcome> {
  const facts = await desk.workers.inspectKey(keyData, now, null)
  return facts?.state === 'usable' ? 'done' : 'refused'
}

/** One case, or what was about none, in a transaction of its own. */
async function tellOfCase(
  desk: Desk,
  maintainer: Maintainer,
  caseId: number | null
): Promise<Outcome> {
  const now = desk.clock.now()
  const { missed, record } = desk.db.read((read) => ({
    missed: findMissed(read, maintainer.id, caseId),
    record: caseId === null ? null : findCaseById(read, caseId)
  }))
  if (missed === null) return 'done'
  const mail = missedMail(desk.settings, maintainer, { ...missed, record }, now)
  const mails = mail === null ? [] : [mail]
  const prepared = await prepare(desk, mails, NOTHING, now)
  // Refused all the same: nothing is told, and it stays to be told.
  if (prepared.refused.length > 0) return 'refused'
  desk.db.transact((tx) => {
    commit(tx, mails, prepared, { arrivalId: null, mailSha256: null, now })
    clearMissed(tx, maintainer.id, missed)
  })
  return 'done'
}
