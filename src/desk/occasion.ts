/**
 * One telling of a clock, and what all messages of clocks are made from: the facts, the count of repeats, the word that it is
 * late. Changes nothing.
 */
import { type CaseRecord, reporterWith } from '../domain/case.ts'
import { type Clock, type Ring } from '../domain/clock.ts'
import { type SealedRecipient, type SendClear, type SendSealed } from '../domain/decision.ts'
import { type DeskEvent, type Subject } from '../domain/event.ts'
import { type FactLine } from '../domain/message.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { alert } from '../messages/to-maintainers.ts'
import { addressOf } from '../policy/recipients.ts'
import { sealedTo } from '../policy/send.ts'
import { type Desk } from './desk.ts'

/** One telling: a clock, what of it rings, and whom it reaches. */
export type Occasion = {
  readonly subject: Subject
  readonly clock: Clock
  readonly rings: readonly Ring[]
  /** The events that started these runs, oldest first. */
  readonly starts: readonly DeskEvent[]
  readonly record: CaseRecord | null
  readonly product: Product | null
  readonly recipients: readonly SealedRecipient[]
  /** The member that the clock is about is told, too. */
  readonly isMemberTold: boolean
  /** Names the telling: one made twice is sent once (G2). */
  readonly once: string
  readonly now: Instant
}

type Words = {
  readonly title: string
  readonly what: string
  readonly doNext: string
  readonly facts: readonly FactLine[]
}
export type Telling = SendSealed | SendClear

export function message(occasion: Occasion, words: Words): SendSealed {
  const { recipients, record, once, now } = occasion
  return sealedTo(recipients, now, alert(words), { once, tag: record?.tag ?? null })
}

export function repeated(desk: Desk, { starts, clock }: Occasion): string[] {
  const [first] = starts
  if (first === undefined || starts.length < 2 || clock.counts !== 'each') return []
  const since = formatInstant(first.at, desk.settings.desk.timezone)
  return [`This happened ${starts.length} times since ${since}.`]
}

export function late({ rings }: Occasion): string[] {
  return rings.some(({ isLate }) => isLate)
    ? ['This message is late: the desk could not send it in time.']
    : []
}

/** The disclosure instant as a fact line. */
export function disclosureFacts(
  { settings }: Desk,
  { disclosureAt, disclosureZone }: CaseRecord
): FactLine[] {
  if (disclosureAt === null) return []
  const value = formatInstant(disclosureAt, settings.desk.timezone, disclosureZone)
  return [{ label: 'Disclosure', value }]
}

/** Who owns it and who is told, so that everybody knows whose turn it is. */
export function factsOf(desk: Desk, { record, recipients, clock, starts }: Occasion): FactLine[] {
  const { maintainers } = desk.settings
  const owner = maintainers.find(({ id }) => id === record?.owner)
  const names = recipients.map(({ name }) => name).join(', ')
  const shown = starts
    .map((start) => [...whoWaits(start, record), ...factsOfStart(desk, start)])
    .filter(({ length }) => length > 0)
  return [
    ...(record === null
      ? []
      : [{ label: 'Owner', value: owner?.name ?? 'nobody; /take makes it yours' }]),
    ...shown.slice(0, FACTS_MAX).flat(),
    ...(shown.length > FACTS_MAX
      ? [{ label: 'Not shown here', value: `${shown.length - FACTS_MAX} more like these` }]
      : []),
    { label: 'Sent to', value: names },
    ...(clock.quote === '' ? [] : [{ label: 'Our policy says', value: clock.quote }])
  ]
}

/** The reporter that it is about, where the case has several. */
function whoWaits({ about }: DeskEvent, record: CaseRecord | null): FactLine[] {
  const isToReporter = 'recipient' in about && about.audience === 'reporter'
  const id = 'reporter' in about ? about.reporter : isToReporter ? about.recipient : null
  if (record === null || record.reporters.length < 2 || id === null) return []
  return [{ label: 'Reporter', value: addressOf(reporterWith(record, id)) }]
}

/** Of a cause that came more often, the first ones are shown, and how many more there are. */
const FACTS_MAX = 5

/** What one event adds to its alarm: how to find the message that it is about. */
function factsOfStart(desk: Desk, start: DeskEvent): FactLine[] {
  const cases = start.kind === 'ciphertext-reused' ? start.about.cases : []
  const isHeldMessage = ['ciphertext-reused', 'bounce-unmatched', 'message-unread']
  return [
    ...(isHeldMessage.includes(start.kind) ? [received(desk, start)] : []),
    ...cases.map((tag) => ({ label: 'Came before into', value: tag })),
    ...(start.kind === 'message-unread'
      ? [{ label: 'Size', value: `${start.about.bytes} bytes` }]
      : []),
    ...(start.kind === 'date-untold'
      ? [{ label: 'Because', value: UNTOLD[start.about.because] }]
      : []),
    ...(start.kind === 'refused-unanswered' ? [forged(desk, start)] : []),
    ...(start.kind === 'desk-failed'
      ? [{ label: 'Failed at', value: `${start.about.at} (${start.about.error})` }]
      : [])
  ]
}

function forged(desk: Desk, { subject, about }: DeskEvent<'refused-unanswered'>): FactLine {
  const maintainer = desk.settings.maintainers.find(({ id }) => id === subject.id)
  const name = maintainer?.name ?? subject.id
  return { label: 'In the name of', value: `${name}, ${STANDINGS[about.standing]}` }
}

function received(desk: Desk, { at }: DeskEvent): FactLine {
  return { label: 'Received', value: formatInstant(at, desk.settings.desk.timezone) }
}

const UNTOLD = {
  'no-key': 'we have no usable key of the reporter',
  'no-address': 'the report names no address'
} as const

const STANDINGS = {
  proved: 'from the registered address, as our mail server says',
  signed: 'with a signature of the registered key',
  unproved: 'without proof'
} as const
