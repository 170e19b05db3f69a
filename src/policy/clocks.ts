/**
 * Which clocks a subject has: a case those of its policy, which begins with the built-in ones and may change or remove them by
 * id. Whom a step tells. Pure; what a clock tells is made in desk/reminders.ts.
 */
import { OF_CASES, OF_DESK, OF_MAINTAINERS, OF_MEMBERS } from '../domain/built-in-clocks.ts'
import { type CaseRecord } from '../domain/case.ts'
import { type Clock, type Due, firstDue, kindsOf, openRuns } from '../domain/clock.ts'
import {
  type DeskEvent,
  type EventKind,
  type NewEvent,
  NO_EVIDENCE,
  type Subject
} from '../domain/event.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type Calendar, formatInstant, type Instant } from '../domain/time.ts'

/** The clocks of a subject. `product` is that of a case; null where the configuration has it no more. */
export function clocksOf(subject: Subject, product: Product | null): readonly Clock[] {
  if (subject.kind === 'desk') return OF_DESK
  if (subject.kind === 'maintainer') return OF_MAINTAINERS
  return subject.kind === 'member' ? OF_MEMBERS : caseClocks(product)
}

function caseClocks(product: Product | null): readonly Clock[] {
  if (product === null) return OF_CASES
  const { clocks: all, notice } = product.policy
  const isDateTold = notice?.reporter_date_mail === 'with-notice'
  return all.filter(
    ({ id, subject }) => subject === 'case' && (id !== 'date-message' || isDateTold)
  )
}

/** The calendar that a subject's clocks count in. */
export function calendarOf(product: Product | null, { desk }: Settings): Calendar {
  return product?.calendar ?? { timezone: desk.timezone, weekend: [6, 7], holidays: [] }
}

/** Everything that decides when a clock rings and whom it reaches: when it changes, every subject is looked at anew. */
export function clocksFingerprint({ products, maintainers, desk }: Settings): string {
  return JSON.stringify([
    [OF_MEMBERS, OF_MAINTAINERS, OF_DESK],
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
function promises(product: Product | null): Clock[] {
  return caseClocks(product).filter(({ counts }) => counts !== 'each')
}

/** Kinds of events that decide what is due of a case, whatever its product. */
export function promiseKinds({ products }: Settings): EventKind[] {
  return kindsOf([null, ...products].flatMap(promises))
}

/** What is due first of a case with these events on its record, and `more` that happen now. */
export function dueOf(
  record: Pick<CaseRecord, 'product'>,
  events: readonly DeskEvent[],
  more: readonly NewEvent[],
  { settings, now }: { readonly settings: Settings; readonly now: Instant }
): Due | null {
  const product = settings.products.find(({ id }) => id === record.product) ?? null
  const id = (events.at(-1)?.id ?? 0) + 1
  const happening = more.map((one) => ({ ...one, id, at: now, evidence: NO_EVIDENCE }))
  return firstDue(
    openRuns(promises(product), [...events, ...happening], calendarOf(product, settings))
  )
}

type At = {
  readonly product: Product | null
  readonly timezone: string
  readonly now: Instant
}

/** What is due of a case and when, in one line. */
export function promiseWords(due: Due, about: At): string {
  const { when, what } = promiseParts(due, about)
  return `${when}: ${what}`
}

/** When something is due of a case, and what. */
export function promiseParts(
  { at, clock }: Due,
  about: At
): { readonly when: string; readonly what: string } {
  const { product, timezone, now } = about
  const risk = caseClocks(product).find(({ id }) => id === clock)?.risk
  const late = at < now ? ' (OVERDUE)' : ''
  return { when: `${formatInstant(at, timezone)}${late}`, what: risk ?? clock }
}
