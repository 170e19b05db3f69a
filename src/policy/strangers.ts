/**
 * What is forwarded one by one, and what comes in a list (A5). A stranger is whoever is not proved to be a reporter whom a
 * maintainer has answered: how many of their reports, and of their further messages in cases in which no maintainer has acted,
 * are forwarded is limited as acknowledgements are, fair by domain. Depends on nothing that shows who is on the list of members
 * (G5).
 */

import { type DecisionOf } from '../domain/decision.ts'
import { type CaseTag } from '../domain/ids.ts'
import { addMs, HOUR_MS, type Instant, MINUTE_MS } from '../domain/time.ts'
import { hoursOff } from './acknowledgement.ts'
import { claimedMaintainer } from './authority.ts'
import { type Situation } from './situation.ts'
import { isProvedSender } from './threading.ts'

/** Counts the report or further message of a stranger; null for what is forwarded in any case. */
export function strangersMail(
  situation: Situation,
  { tag, isReport }: { readonly tag: CaseTag; readonly isReport: boolean }
): DecisionOf<'count-stranger'> | null {
  const { opened, settings, strangers, ownThread } = situation
  // Somebody works on the case, or the operator has the message handled once more.
  if (!isReport && (!strangers.isUntouched || ownThread?.by === 'again')) return null
  const isProved = isProvedSender(situation)
  // A maintainer's message comes here only if it is proved to be theirs.
  const isMaintainers = claimedMaintainer(opened, settings) !== null
  if (isMaintainers || (isProved && strangers.wasAnswered)) return null
  const forwarded = isProved ? strangers.proved : strangers.unproved
  const isForwarded = hoursOff(forwarded, settings.forwarding) === 0
  const sender = opened.outer.from?.address ?? null
  return { kind: 'count-stranger', tag, isReport, sender, isProved, isForwarded }
}

/** From the first report to the list: what comes in one burst stands in one list. */
const FIRST_MS = 5 * MINUTE_MS

/** When the next list comes, which is the first since `last`: soon, and at most one in an hour. */
export function nextListAt(now: Instant, last: Instant | null): Instant {
  const [soon, hourly] = [addMs(now, FIRST_MS), addMs(last ?? now, HOUR_MS)]
  // Planned while the clock was ahead.
  return last === null || last > addMs(now, HOUR_MS) || hourly < soon ? soon : hourly
}
