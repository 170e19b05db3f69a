/**
 * The date that `/embargo` sets: what about it asks for a reason (M-24, practice.md §4.3). Only asks: a
 * maintainer with a reason may set any instant.
 */
import { dayOff, formatInstant, type Instant, spanWords, startBefore } from '../domain/time.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { releasePlan } from './notice-content.ts'

/** What about a disclosure instant asks for a reason, a sentence each (M-24, practice.md §4.3). */
export function whatIsUnusual(
  draft: Draft,
  disclosureAt: Instant,
  context: CommandContext
): string[] {
  const { product, settings } = context
  const { calendar, policy } = product
  const says = (instant: Instant): string => formatInstant(instant, settings.desk.timezone)
  const unusual: string[] = []
  const off = dayOff(disclosureAt, calendar)
  if (off !== null)
    unusual.push(
      `${says(disclosureAt)} is ${off === 'weekend' ? 'on a weekend' : 'on a holiday'} of ${product.name}.`
    )
  const { releaseAt } = releasePlan(draft, context)
  if (policy.notice === null || releaseAt === null) return unusual
  // The lead is that of the first notice: who was told already is not told anew.
  const first = context.bound.notice
  const told = first?.told?.at ?? first?.releasedAt ?? releaseAt
  const { min, max } = policy.notice.tolerance
  if (told > startBefore(disclosureAt, min, calendar))
    unusual.push(
      `The list would be told ${says(told)}, which is less than ${spanWords(min)} before the disclosure.`
    )
  if (told < startBefore(disclosureAt, max, calendar))
    unusual.push(
      `The list has known since ${says(told)}, which is more than ${spanWords(max)} before the disclosure.`
    )
  return unusual
}
