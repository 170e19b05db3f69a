/**
 * Instants, durations and calendars. The one core file that knows Temporal; it converts and never reads the clock.
 * Instants are stored and compared as UTC text of fixed width. A date without an offset is refused (practice.md F14).
 */
import { Temporal } from 'temporal-polyfill'

declare const instantBrand: unique symbol
/** `2026-12-01T13:00:00.000Z`: always UTC, always three decimals, so text order is time order. Years 1970 to 9999. */
export type Instant = string & { readonly [instantBrand]: 'Instant' }

/** A length of time as policies write it: wall-clock hours and days, or business days of a calendar. */
export type Span =
  | { readonly hours: number }
  | { readonly days: number }
  | { readonly business_days: number }

/** When a project works. Days are ISO weekdays, 1 = Monday; holidays are ISO dates in `timezone`. */
export type Calendar = {
  readonly timezone: string
  readonly weekend: readonly number[]
  readonly holidays: readonly string[]
}

const MAX_MS = 253_402_300_799_999
const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)$/

/** The instant of a count of milliseconds since 1970; values outside 1970…9999 are clamped. */
export function instantFromMs(ms: number): Instant {
  const clamped = Number.isFinite(ms) ? Math.min(Math.max(Math.trunc(ms), 0), MAX_MS) : 0
  // The same text as Temporal's, a hundred times faster; a backlog formats many.
  return new Date(clamped).toISOString() as Instant
}

/** Milliseconds since 1970. */
export function msOf(instant: Instant): number {
  return Date.parse(instant)
}

/** RFC 3339 text *with an offset* (`Z` or `±HH:MM`; seconds may be left out) as an instant, or null. */
export function parseInstant(text: string): Instant | null {
  const trimmed = text.trim()
  if (!RFC3339.test(trimmed)) return null
  try {
    return instantFromMs(
      Temporal.Instant.from(trimmed.toUpperCase().replace(' ', 'T')).epochMilliseconds
    )
  } catch {
    return null
  }
}

/** `instant` moved by `ms` milliseconds. */
export function addMs(instant: Instant, ms: number): Instant {
  return instantFromMs(msOf(instant) + ms)
}

/** Milliseconds from `a` to `b`; negative when `b` is earlier. */
export function msBetween(a: Instant, b: Instant): number {
  return msOf(b) - msOf(a)
}

/** The year of an instant in a time zone, for case numbers. */
export function yearIn(instant: Instant, timezone: string): number {
  return Temporal.Instant.from(instant).toZonedDateTimeISO(timezone).year
}

/** Whether `name` is an IANA time zone that this machine knows. */
export function isTimezone(name: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name)
    return true
  } catch {
    return false
  }
}

/**
 * The end of `span` counted from `start`. Hours and days are wall clock, 24 h a day. N business days end at the last
 * second of the N-th business day after day 0; day 0 is the business day of the start or, outside one, the next
 * (practice.md §4.3).
 */
export function dueAt(start: Instant, span: Span, calendar: Calendar): Instant {
  if ('hours' in span) return addMs(start, span.hours * 3_600_000)
  if ('days' in span) return addMs(start, span.days * 86_400_000)
  let day = Temporal.Instant.from(start).toZonedDateTimeISO(calendar.timezone).toPlainDate()
  while (!isBusinessDay(day, calendar)) day = day.add({ days: 1 })
  for (let left = span.business_days; left > 0; left -= 1) {
    day = day.add({ days: 1 })
    while (!isBusinessDay(day, calendar)) day = day.add({ days: 1 })
  }
  const midnight = day.add({ days: 1 }).toZonedDateTime({ timeZone: calendar.timezone })
  return instantFromMs(midnight.epochMilliseconds - 1000)
}

function isBusinessDay(day: Temporal.PlainDate, calendar: Calendar): boolean {
  return !calendar.weekend.includes(day.dayOfWeek) && !calendar.holidays.includes(day.toString())
}

/** `Tue 2026-12-01 13:00 UTC`, followed by the project's own time when its zone is not UTC. */
export function formatInstant(instant: Instant, timezone: string): string {
  const utc = wallClock(instant, 'UTC')
  return timezone === 'UTC'
    ? `${utc} UTC`
    : `${utc} UTC (${wallClock(instant, timezone)} ${timezone})`
}

function wallClock(instant: Instant, timezone: string): string {
  const at = Temporal.Instant.from(instant).toZonedDateTimeISO(timezone)
  const weekday = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][at.dayOfWeek - 1] ?? ''
  const clock = `${String(at.hour).padStart(2, '0')}:${String(at.minute).padStart(2, '0')}`
  return `${weekday} ${at.toPlainDate().toString()} ${clock}`
}

/** RFC 5322 §3.3 date-time in UTC: `Tue, 01 Dec 2026 13:00:00 +0000`. */
export function formatMailDate(instant: Instant): string {
  return new Date(msOf(instant)).toUTCString().replace('GMT', '+0000')
}
