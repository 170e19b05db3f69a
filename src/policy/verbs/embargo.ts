/**
 * `/embargo`: the date of the disclosure, which is part of what an approval covers (M-22, G7).
 */
import { isListTold } from '../../domain/notice.ts'
import {
  addMs,
  DAY_MS,
  dayOff,
  formatInstant,
  type Instant,
  readInstant,
  spanWords,
  startBefore
} from '../../domain/time.ts'
import { proposeDate } from '../date-talk.ts'
import {
  accepted,
  type CommandContext,
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  Refusal,
  refuseIf,
  splitReason,
  withActivity
} from '../draft.ts'
import { plannedRelease, willLeave } from '../notice-content.ts'
import { AUTHORS, editedWords, reopenedNotice } from './notice.ts'
import { type Verb } from './verb.ts'

const embargo: Handler = (draft, command, context) => {
  const { timezone } = context.settings.desk
  const { before: instant, reason } = splitReason(command.words)
  const read = readInstant(instant, timezone)
  if (typeof read === 'string') throw new Refusal(read)
  if (reason === '') throw new Refusal('Please give the reason after "because".')
  const { instant: disclosureAt, zone: disclosureZone } = read
  const said = formatInstant(disclosureAt, timezone, disclosureZone)
  if (disclosureAt <= context.now) throw new Refusal(`${said} has passed already.`)
  if (disclosureAt === draft.case.disclosureAt && reason === null)
    return accepted(draft, `The disclosure is set to ${said} already; nothing is changed.`)
  refuseIf(changeComplaint(draft))
  const moved = { ...draft, case: { ...draft.case, disclosureAt, disclosureZone } }
  const unusual = reason === null ? [...whatIsUnusual(moved, disclosureAt, context)] : []
  if (unusual.length > 0)
    throw new Refusal(`${unusual.join(' ')} If you mean it, add to the line: because REASON.`)
  const releaseAt = plannedRelease(moved, context)
  const done = decided(moved, context, 'embargo-set', {
    oldDate: draft.case.disclosureAt,
    date: disclosureAt,
    written: instant,
    reason: reason ?? '',
    leaveBy: draft.known.isListTold ? null : releaseAt
  })
  const asked = proposeDate(done, context)
  const reopened = reopenedNotice(asked.draft, context)
  const why = reason === null ? '' : `, because: ${reason}`
  return accepted(
    withActivity(reopened, `set the disclosure to ${said}${why}`),
    `Disclosure: ${said}${why}.${asked.says}${leavesWords(draft, releaseAt, context)}${editedWords(draft, context)}`
  )
}

function leavesWords({ notice }: Draft, at: Instant | null, context: CommandContext): string {
  return at === null || isListTold(notice) ? '' : ` ${willLeave(at, context)}`
}

/** The first usual date that keeps the lead of the policy and leaves three days to write and approve the notice. */
function proposedEmbargo(draft: Draft, context: CommandContext): string | null {
  if (context.product.policy.notice === null) return null
  for (let days = 4; days < 60; days += 1) {
    const written = `${addMs(context.now, days * DAY_MS).slice(0, 10)}T13:00:00Z`
    const read = readInstant(written, 'UTC')
    if (typeof read === 'string') return null
    const { instant: disclosureAt } = read
    const dated = { ...draft, case: { ...draft.case, disclosureAt } }
    const releaseAt = plannedRelease(dated, context)
    const isSoon = releaseAt === null || releaseAt < addMs(context.now, 3 * DAY_MS)
    if (!isSoon && [...whatIsUnusual(dated, disclosureAt, context)].length === 0)
      return `/embargo ${written}`
  }
  return null
}

export const EMBARGO: readonly Verb[] = [
  {
    name: 'embargo',
    arguments: 'INSTANT [because REASON]',
    roles: AUTHORS,
    help: 'sets the disclosure date',
    more: 'For example 2027-03-01 14:00 Europe/Berlin. Without a zone or an offset the time is in the zone of the desk. The answer and the notice say it in your zone, that of the desk and UTC. For a weekend, a holiday or a lead that the policy does not promise, add because REASON.',
    run: embargo,
    next: {
      happens: 'embargo-set',
      writes: (draft, context) =>
        draft.case.disclosureAt === null && changeComplaint(draft) === null
          ? proposedEmbargo(draft, context)
          : null
    }
  }
]

/** Why this disclosure instant needs a reason, a sentence each (M-24, practice.md §4.3). */
function* whatIsUnusual(draft: Draft, at: Instant, context: CommandContext): Iterable<string> {
  const { calendar, policy, name } = context.product
  const says = (instant: Instant): string => formatInstant(instant, context.settings.desk.timezone)
  const off = dayOff(at, calendar)
  if (off !== null)
    yield `${says(at)} is ${off === 'weekend' ? 'on a weekend' : 'on a holiday'} of ${name}.`
  const releaseAt = plannedRelease(draft, context)
  if (policy.notice === null || releaseAt === null) return
  // The lead counts from the first notice: a change is not the first that members hear.
  const first = context.bound.notice
  const told = first?.told?.at ?? first?.releasedAt ?? releaseAt
  const { min, max } = policy.notice.tolerance
  if (told > startBefore(at, min, calendar))
    yield `The list would be told ${says(told)}, which is less than ${spanWords(min)} before the disclosure.`
  if (told < startBefore(at, max, calendar))
    yield `The list has known since ${says(told)}, which is more than ${spanWords(max)} before the disclosure.`
}
