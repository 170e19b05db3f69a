/**
 * Instants, durations and calendars. The one core file that knows Temporal; it converts and never reads the clock.
 * Instants are stored and compared as UTC text of fixed width; what people write is read in the zone that they name.
 */
import { Temporal } from 'temporal-polyfill'

declare const instantBrand: unique symbol
/** `2026-12-01T13:00:00.000Z`: always UTC, always three decimals, so text order is time order. Years 1970 to 9999. */
export type Instant = string & { readonly [instantBrand]: 'Instant' }

/** A length of time as policies write it: wall-clock hours and days, or business days of a calendar. */
export type Span =
  | { readonly minutes: number }
  | { readonly hours: number }
  | { readonly days: number }
  | { readonly business_days: number }

/** When a project works. Days are ISO weekdays, 1 = Monday; holidays are ISO dates in `timezone`. */
export type Calendar = {
  readonly timezone: string
  readonly weekend: readonly number[]
  readonly holidays: readonly string[]
}

export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
const MAX_MS = 253_402_300_799_999

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

/** An instant that a person wrote, and the zone or offset in which they did. */
export type WrittenInstant = { readonly instant: Instant; readonly zone: string }

const WRITTEN =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?: ?([Zz]|[+-]\d\d:\d\d)| ?\[([^[\]]+)\]| ([A-Za-z].*))?$/
/** With a slash: `CET` and `EST` mean one thing to people and another to the database of zones. */
const ZONE_NAME = /^(?:UTC|[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+)$/i

/** Reads `2026-12-01T14:00+01:00`, `… 14:00[ZONE]`, `… 14:00 ZONE` or a bare local time; else says what to write. */
export function readInstant(text: string, timezone: string): WrittenInstant | string {
  const [, day = '', clock = '', ...rest] = WRITTEN.exec(text.trim()) ?? []
  if (day === '')
    return 'Write a date with a time, for example 2026-12-01 14:00, 2026-12-01 14:00 Europe/Berlin or 2026-12-01T14:00+01:00.'
  const written = rest.find(Boolean) ?? timezone
  const zone = written.replace(/^(?:Z|[+-]00:00)$/i, 'UTC')
  const isClear = zone === timezone || /^[+-]/.test(zone) || ZONE_NAME.test(zone)
  if (!isClear || !isTimezone(zone))
    return `"${written}" is not a time zone that we know. Write its IANA name, for example Europe/Berlin, or an offset such as +01:00.`
  try {
    return localInstant(Temporal.PlainDateTime.from(`${day}T${clock}`), zone)
  } catch {
    return `There is no ${day} ${clock} in the calendar. Check the date and the time.`
  }
}

/** The same text with the zone in which readInstant reads it, so that nothing later changes what it means (B17). */
export function withZone(text: string, timezone: string): string {
  const [written, , , ...zones] = WRITTEN.exec(text.trim()) ?? []
  return written === undefined || zones.some(Boolean) ? text : `${written} ${timezone}`
}

function localInstant(local: Temporal.PlainDateTime, zone: string): WrittenInstant | string {
  const first = local.toZonedDateTime(zone, { disambiguation: 'earlier' })
  const last = local.toZonedDateTime(zone, { disambiguation: 'later' })
  if (first.equals(last))
    return { instant: instantFromMs(first.epochMilliseconds), zone: first.timeZoneId }
  const bare = local.toString({ smallestUnit: 'minute' })
  return `${localWords(local).join(', ')} is skipped or comes twice in ${zone}, because the clocks change. Write ${bare}${first.offset} or ${bare}${last.offset}.`
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

/** The end of `span`. A day has 24 h; N business days end with the N-th after the day of the start. */
export function dueAt(start: Instant, span: Span, calendar: Calendar): Instant {
  if (!('business_days' in span)) return addMs(start, spanMs(span))
  const first = Temporal.Instant.from(start).toZonedDateTimeISO(calendar.timezone).toPlainDate()
  const day = businessDay(first, span, 1, calendar)
  const midnight = day.add({ days: 1 }).toZonedDateTime({ timeZone: calendar.timezone })
  return instantFromMs(midnight.epochMilliseconds - 1000)
}

/** The start from which `span` ends at `end`: at the same time of the day, N business days before, as dueAt counts. */
export function startBefore(end: Instant, span: Span, calendar: Calendar): Instant {
  if (!('business_days' in span)) return addMs(end, -spanMs(span))
  const there = Temporal.Instant.from(end).toZonedDateTimeISO(calendar.timezone)
  const day = businessDay(there.toPlainDate(), span, -1, calendar)
  const start = day.toZonedDateTime({ timeZone: calendar.timezone, plainTime: there.toPlainTime() })
  return instantFromMs(start.epochMilliseconds)
}

/** The business day so many after or before `day`, which counts as the next one in that direction where it is none. */
function businessDay(
  day: Temporal.PlainDate,
  span: Span,
  step: 1 | -1,
  calendar: Calendar
): Temporal.PlainDate {
  let [at, left] = [day, 'business_days' in span ? span.business_days : 0]
  while (left > 0 || !isBusinessDay(at, calendar)) {
    if (isBusinessDay(at, calendar)) left -= 1
    at = at.add({ days: step })
  }
  return at
}

/** `7 days`, `1 business day`: a span for people. */
export function spanWords(span: Span): string {
  const [unit, count] = Object.entries(span)[0] ?? ['hours', 0]
  const words = unit.replace('_', ' ')
  return `${count} ${count === 1 ? words.slice(0, -1) : words}`
}

/** Why the project does not work on the day of `instant`; null when it is a business day. */
export function dayOff(instant: Instant, calendar: Calendar): 'weekend' | 'holiday' | null {
  const day = Temporal.Instant.from(instant).toZonedDateTimeISO(calendar.timezone).toPlainDate()
  if (isBusinessDay(day, calendar)) return null
  return calendar.holidays.includes(day.toString()) ? 'holiday' : 'weekend'
}

/** Milliseconds of a span on a wall clock, where five business days are seven days. */
export function spanMs(span: Span): number {
  const length = 'business_days' in span ? { minutes: (span.business_days * 7 * 1440) / 5 } : span
  return Temporal.Duration.from(length).total('milliseconds')
}

function isBusinessDay(day: Temporal.PlainDate, calendar: Calendar): boolean {
  return !calendar.weekend.includes(day.dayOfWeek) && !calendar.holidays.includes(day.toString())
}

/** `Mon 30 Nov 2026, 23:44 Berlin (22:44 UTC; 17:44 New York)`: the desk, UTC and the zone of the author, each once. */
export function formatInstant(
  instant: Instant,
  timezone: string,
  writtenIn: string | null = null
): string {
  const own = Temporal.Instant.from(instant).toZonedDateTimeISO(timezone)
  const [today] = localWords(own.toPlainDateTime())
  const zones = new Set([timezone, 'UTC', writtenIn ?? 'UTC'])
  const [first = '', ...others] = [...zones].map((zone) => {
    const [day, clock] = localWords(own.withTimeZone(zone).toPlainDateTime())
    const isDaySaid = zone !== timezone && day === today
    return `${isDaySaid ? '' : `${day}, `}${clock} ${placeOf(zone)}`
  })
  return others.length === 0 ? first : `${first} (${others.join('; ')})`
}

/** `America/New_York` is `New York`; a zone that names no place keeps its name. */
function placeOf(timezone: string): string {
  return timezone.startsWith('Etc/')
    ? timezone
    : timezone.slice(timezone.lastIndexOf('/') + 1).replaceAll('_', ' ')
}

/** `Mon 30 Nov 2026` and `23:44`. */
function localWords(local: Temporal.PlainDateTime): [string, string] {
  const words = new Date(`${local.toString({ smallestUnit: 'minute' })}Z`).toUTCString()
  const [, weekday = '', date = '', clock = ''] = /^(\w+), 0?(\d+ \w+ \d+) (.{5})/.exec(words) ?? []
  return [`${weekday} ${date}`, clock]
}

/** RFC 5322 §3.3 date-time in UTC: `Tue, 01 Dec 2026 13:00:00 +0000`. */
export function formatMailDate(instant: Instant): string {
  return new Date(msOf(instant)).toUTCString().replace('GMT', '+0000')
}
