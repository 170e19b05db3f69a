/**
 * `/embargo`: the date of the disclosure, which is part of what an approval covers (M-22, G7).
 */
import { isListTold } from '../../domain/notice.ts'
import * as time from '../../domain/time.ts'
import {
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  Refusal,
  refuseIf,
  requireLegal,
  splitReason
} from '../draft.ts'
import { plannedRelease, willLeave } from '../notice-content.ts'
import { AUTHORS, announceEdit, editWords, reopenNotice } from './notice.ts'
import { type Verb } from './verb.ts'

const embargo: Handler = (draft, command) => {
  const { now, settings } = draft
  const { timezone } = settings.desk
  requireLegal(draft, 'embargo-set')
  const { before: written, reason, why } = splitReason(command.words)
  const read = time.readInstant(written, timezone)
  if (typeof read === 'string') throw new Refusal(read)
  const { instant: date, zone } = read
  const said = time.formatInstant(date, timezone, zone)
  if (date <= now) throw new Refusal(`${said} has passed already.`)
  const { disclosureAt: oldDate } = draft.case
  if (date === oldDate) {
    const kept = reason === null ? '' : ' The reason is not kept; /note keeps one.'
    return `The disclosure is set to ${said} already; nothing is changed.${kept}`
  }
  refuseIf(changeComplaint(draft))
  const disclosureReason = reason ?? ''
  const edited = announceEdit(draft)
  draft.case = { ...draft.case, disclosureAt: date, disclosureZone: zone, disclosureReason }
  const unusual = reason === null ? [...whatIsUnusual(draft, date)] : []
  if (unusual.length > 0)
    throw new Refusal(`${unusual.join(' ')} If you mean it, add to the line: because REASON.`)
  const leaveBy = isListTold(draft.notice) ? null : plannedRelease(draft)
  decided(draft, 'embargo-set', { oldDate, date, written, reason: disclosureReason, leaveBy })
  draft.activity.push(`set the disclosure to ${said}${why}`)
  if (draft.notice !== null) reopenNotice(draft, draft.notice)
  const leaves = leaveBy === null ? '' : ` ${willLeave(leaveBy, draft)}`
  return `Disclosure: ${said}${why}.${leaves}${editWords(draft, edited)}`
}

/** The first usual date that keeps the lead of the policy and leaves three days to write and approve the notice. */
function proposedEmbargo(draft: Draft): string | null {
  const { now, settings } = draft
  for (let days = 4; days < 60; days += 1) {
    const written = `${time.addMs(now, days * time.DAY_MS).slice(0, 10)} 14:00`
    const read = time.readInstant(written, settings.desk.timezone)
    if (typeof read === 'string') return null
    const { instant: disclosureAt } = read
    const dated = { ...draft, case: { ...draft.case, disclosureAt } }
    const releaseAt = plannedRelease(dated)
    const isSoon = releaseAt !== null && releaseAt < time.addMs(now, 3 * time.DAY_MS)
    if (!isSoon && [...whatIsUnusual(dated, disclosureAt)].length === 0)
      return `/embargo ${written}`
  }
  return null
}

export const EMBARGO: readonly Verb[] = [
  {
    name: 'embargo',
    arguments: 'INSTANT [because REASON]',
    binds: 'notice',
    roles: AUTHORS,
    help: 'sets the disclosure date and asks the reporter about it',
    more: 'For example 2027-03-01 14:00 Europe/Berlin. Without a zone or an offset the time is in the zone of the desk. The answer and the notice say it in your zone, that of the desk and UTC. For a weekend, a holiday, or a time until then that is shorter or longer than the policy allows, add because REASON.',
    run: embargo,
    next: {
      happens: 'embargo-set',
      writes: (draft) =>
        draft.case.disclosureAt === null && changeComplaint(draft) === null
          ? proposedEmbargo(draft)
          : null
    }
  }
]

/** Why this disclosure instant needs a reason, a sentence each (M-24). */
function* whatIsUnusual(draft: Draft, at: time.Instant): Iterable<string> {
  const { calendar, policy, name } = draft.product
  const says = (instant: time.Instant): string =>
    time.formatInstant(instant, draft.settings.desk.timezone)
  const off = time.dayOff(at, calendar)
  if (off !== null) yield `${says(at)} falls on a ${off} in the calendar of ${name}.`
  const releaseAt = plannedRelease(draft)
  if (policy.notice === null || releaseAt === null) return
  // The lead counts from the first notice: a change is not the first that members hear.
  const first = draft.bound.notice
  const told = first?.told?.at ?? first?.releasedAt ?? releaseAt
  const { min, max } = policy.notice.tolerance
  const allowed = `The policy allows ${time.spanWords(min)} to ${time.spanWords(max)}.`
  if (told > time.startBefore(at, min, calendar))
    yield `The list ${told < draft.now ? 'was' : 'would be'} told ${says(told)}, which is less than ${time.spanWords(min)} before the disclosure. ${allowed}`
  if (told < time.startBefore(at, max, calendar))
    yield `The list has known since ${says(told)}, which is more than ${time.spanWords(max)} before the disclosure. ${allowed}`
}
