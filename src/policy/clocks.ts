/**
 * Which clocks a subject has: a case those of its policy, any other those of the configuration; both begin with the built-in ones
 * (policies/shared/built-in-clocks.yaml). Whom a step tells. Pure; what a clock tells is made in desk/reminders.ts.
 */
import { type CaseRecord } from '../domain/case.ts'
import {
  type Clock,
  type ClockRun,
  type Due,
  firstDue,
  kindsOf,
  openRuns
} from '../domain/clock.ts'
import {
  type DeskEvent,
  type EventKind,
  type NewEvent,
  NO_EVIDENCE,
  type Subject
} from '../domain/event.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type Calendar, formatInstant, type Instant } from '../domain/time.ts'

/** The clocks of a kind of subject. `product` is that of a case; null where the configuration has it no more. */
export function clocksOf(
  kind: Subject['kind'],
  product: Product | null,
  settings: Pick<Settings, 'clocks'>
): readonly Clock[] {
  const { clocks, notice } = product?.policy ?? { clocks: settings.clocks, notice: null }
  const isDateTold = product === null || notice?.reporter_date_mail === 'with-notice'
  return clocks.filter(
    ({ id, subjects }) => subjects.includes(kind) && (isDateTold || !OF_THE_DATE.includes(id))
  )
}

/** Clocks of the promise that the reporter learns the date together with the list. */
const OF_THE_DATE: readonly string[] = ['date-message', 'date-untold']

/** The calendar that a subject's clocks count in. */
export function calendarOf(product: Product | null, { desk }: Settings): Calendar {
  return product?.calendar ?? { timezone: desk.timezone, weekend: [6, 7], holidays: [] }
}

/** Everything that decides when a clock rings and whom it reaches: when it changes, every subject is looked at anew. */
export function clocksFingerprint({ clocks, products, maintainers, desk }: Settings): string {
  return JSON.stringify([
    clocks,
    products.map(({ id, policy, calendar }) => [id, policy.clocks, policy.notice, calendar]),
    maintainers.map(({ id, roles, address, fingerprint, keyExpiresAt }) => [
      id,
      roles,
      address,
      fingerprint,
      keyExpiresAt
    ]),
    [desk.timezone, desk.fingerprint, desk.keyExpiresAt]
  ])
}

/** Ids of those whom a step tells; '' is the member itself that the clock is about. */
export function whomToTell(
  tell: Clock['steps'][number]['tell'],
  about: {
    readonly maintainers: Settings['maintainers']
    readonly owner: string | null
    /** The event that started the run. */
    readonly start: DeskEvent | null
  }
): readonly string[] {
  const { maintainers, owner, start } = about
  const everybody = maintainers.map(({ id }) => id)
  const told = tell.flatMap((who) => {
    if (typeof who === 'object') return everybody.filter((id) => id === who.maintainer)
    if (who === 'everybody') return everybody
    if (who === 'member') return ['']
    if (who === 'recipient') return everybody.filter((id) => id === addressee(start))
    if (who === 'others') {
      const others = everybody.filter((id) => id !== addressee(start))
      return others.length > 0 ? others : everybody
    }
    if (who === 'owner') return owner !== null && everybody.includes(owner) ? [owner] : everybody
    return maintainers.flatMap(({ id, roles }) => (roles.includes(who) ? [id] : []))
  })
  return [...new Set(told)]
}

/** The maintainer whom an event's message was for; null when it was for nobody of them. */
export function addressee(event: DeskEvent | null): string | null {
  const isAbout = event?.kind === 'not-encrypted' || event?.kind === 'undelivered'
  return isAbout && event.about.audience === 'maintainer' ? event.about.recipient : null
}

/** The clocks of a case that promise something. */
function promises(product: Product | null, settings: Settings): Clock[] {
  return clocksOf('case', product, settings).filter(({ counts }) => counts !== 'each')
}

/** Kinds of events that decide what is due of a case, whatever its product. */
export function promiseKinds(settings: Settings): EventKind[] {
  return kindsOf([null, ...settings.products].flatMap((product) => promises(product, settings)))
}

type At = { readonly settings: Settings; readonly now: Instant }

/** What is due first of a case with these events on its record, and `more` that happen now. */
export function dueOf(
  record: Pick<CaseRecord, 'product'>,
  events: readonly DeskEvent[],
  more: readonly NewEvent[],
  at: At
): Due | null {
  return firstDue(promisesOpen(record, events, more, at))
}

/** The promises of a case that wait to be kept. */
export function promisesOpen(
  record: Pick<CaseRecord, 'product'>,
  events: readonly DeskEvent[],
  more: readonly NewEvent[],
  { settings, now }: At
): ClockRun[] {
  const product = settings.products.find(({ id }) => id === record.product) ?? null
  const id = (events.at(-1)?.id ?? 0) + 1
  const happening = more.map((one) => ({ ...one, id, at: now, evidence: NO_EVIDENCE }))
  return openRuns(
    promises(product, settings),
    [...events, ...happening],
    calendarOf(product, settings)
  )
}

type Of = {
  readonly case: Pick<CaseRecord, 'product'>
  readonly settings: Pick<Settings, 'clocks' | 'products'> & {
    readonly desk: Pick<Settings['desk'], 'timezone'>
  }
  readonly now: Instant
}

/** What is due of a case and when, in one line. */
export function promiseWords(due: Due, of: Of): string {
  const { when, what } = promiseParts(due, of)
  return `${when}: ${what}`
}

/** When something is due of a case, and what. */
export function promiseParts(
  { at, clock }: Due,
  { case: record, settings, now }: Of
): { readonly when: string; readonly what: string } {
  const product = settings.products.find(({ id }) => id === record.product) ?? null
  const risk = clocksOf('case', product, settings).find(({ id }) => id === clock)?.risk
  const late = at < now ? ' (OVERDUE)' : ''
  return { when: `${formatInstant(at, settings.desk.timezone)}${late}`, what: risk ?? clock }
}
