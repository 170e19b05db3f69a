/**
 * Makes up for mails that could not be sealed to a maintainer: as soon as the key that is configured for them can be used,
 * they learn what they missed (G3). Must never send what was refused, nor anything in clear.
 */
import { type Maintainer } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { errorName } from '../effects/events.ts'
import { missedMail } from '../policy/missed.ts'
import { findCaseById } from '../store/cases.ts'
import { clearMissed, listMissed, listMissing } from '../store/missed.ts'
import { commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { prepare } from './prepare.ts'

const NOTHING = { attachments: [], original: null }

/** Tells each maintainer whose key works again. Returns whether anybody was told; a failure at one keeps nothing else up. */
export async function tellMissed(desk: Desk): Promise<boolean> {
  const missing = desk.db.read(listMissing)
  let worked = false
  for (const maintainer of desk.settings.maintainers) {
    if (!missing.includes(maintainer.id)) continue
    try {
      worked = (await tellOne(desk, maintainer, desk.clock.now())) || worked
    } catch (error) {
      if (!isOfOneThing(error)) throw error
      desk.log({ event: 'bug', where: 'missed', error: errorName(error) })
    }
  }
  return worked
}

async function tellOne(desk: Desk, maintainer: Maintainer, now: Instant): Promise<boolean> {
  const facts = await desk.workers.inspectKey(maintainer.keyData, now, null)
  if (facts?.state !== 'usable') return false
  const missed = desk.db.read((read) =>
    listMissed(read, maintainer.id).map((one) => ({
      ...one,
      record: one.caseId === null ? null : findCaseById(read, one.caseId)
    }))
  )
  const mails = missed.flatMap((one) => missedMail(desk.settings, maintainer, one, now) ?? [])
  const prepared = await prepare(desk, mails, NOTHING, now)
  // Refused all the same: nothing is told, and it stays to be told.
  if (prepared.refused.length > 0) return false
  desk.db.transact((tx) => {
    commit(tx, mails, prepared, { arrivalId: null, mailSha256: null, now })
    for (const one of missed) clearMissed(tx, maintainer.id, one)
  })
  return mails.length > 0
}
