/** One telling of a clock, and the facts that its message ends with. Changes nothing. */
import { type CaseRecord, reporterWith } from '../domain/case.ts'
import { type Clock, type Ring } from '../domain/clock.ts'
import { type SealedRecipient } from '../domain/decision.ts'
import { type DeskEvent, type Subject } from '../domain/event.ts'
import { type FactLine } from '../domain/message.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
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

/** What the clock of this machine says. */
export function timeFact({ settings }: Desk, { now }: Occasion): FactLine {
  return { label: 'Time of this machine', value: formatInstant(now, settings.desk.timezone) }
}

/** The disclosure instant. */
export function disclosureFacts({ settings }: Desk, { record }: Occasion): FactLine[] {
  const at = record?.disclosureAt ?? null
  if (at === null) return []
  const value = formatInstant(at, settings.desk.timezone, record?.disclosureZone)
  return [{ label: 'Disclosure', value }]
}

/** So many starts are shown; of the others only the number. */
const FACTS_MAX = 5

/** Who owns it and who is told, so that everybody knows whose turn it is. */
export function factsOf(desk: Desk, { record, recipients, clock, starts }: Occasion): FactLine[] {
  const owner = desk.settings.maintainers.find(({ id }) => id === record?.owner)
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
    // A maintainer whose key has expired does not get it.
    { label: 'For', value: recipients.map(({ name }) => name).join(', ') },
    ...(clock.quote === '' ? [] : [{ label: 'Our policy says', value: clock.quote }])
  ]
}

/** The reporter that it is about, where the case has several. */
function whoWaits({ about }: DeskEvent, record: CaseRecord | null): FactLine[] {
  const isToReporter = 'recipient' in about && about.audience === 'reporter'
  const id = 'reporter' in about ? about.reporter : isToReporter ? about.recipient : null
  if (record === null || record.reporters.length < 2 || id === null) return []
  return [{ label: 'Reporter', value: reporterWith(record, id)?.contact?.address ?? '' }]
}

/** What one event adds to its alarm: how to find the message that it is about. */
function factsOfStart({ settings }: Desk, { kind, at, subject, about }: DeskEvent): FactLine[] {
  const received = { label: 'Received', value: formatInstant(at, settings.desk.timezone) }
  if (kind === 'bounce-unmatched') return [received]
  if (kind === 'ciphertext-reused')
    return [received, ...about.cases.map((tag) => ({ label: 'Came before into', value: tag }))]
  if (kind === 'message-unread') return [received, { label: 'Size', value: `${about.bytes} bytes` }]
  if (kind === 'date-untold') return [{ label: 'Because', value: UNTOLD[about.because] }]
  if (kind === 'desk-failed') return [{ label: 'Failed at', value: `${about.at} (${about.error})` }]
  if (kind !== 'refused-unanswered') return []
  const name = settings.maintainers.find(({ id }) => id === subject.id)?.name ?? subject.id
  return [{ label: 'In the name of', value: name }]
}

const UNTOLD = {
  'no-key': 'we have no usable key of the reporter',
  'no-address': 'the report names no address'
} as const
