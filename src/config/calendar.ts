/**
 * Calendars of policies and products: zone, weekend and holidays, as a list or as an iCalendar file (RFC 5545) of all-day
 * events. Must never skip what it does not understand in such a file: a missed holiday makes a promise too short.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { DAY_MS } from '../domain/time.ts'
import { list, path, reading, timezone, whole } from './fields.ts'
import { refusedConfig } from './problems.ts'
import { readLimited } from './secrets.ts'

const NOT_A_LIST =
  'must be a list of dates in quotes, like ["2026-12-25"], or the path of an .ics file'
const FILE_BYTES_MAX = 4 * 1024 * 1024
/** A yearly holiday is written out up to this year. */
const YEAR_MAX = 2099

/** Holidays; `end` is the last one listed for a single year, null when all are yearly or there are none. */
export type Holidays = { readonly dates: readonly string[]; readonly end: string | null }

/** The keys of a calendar: a policy gives all of them, a product those that differ. A null `zone` means the desk's. */
export const calendarKeys = (folder: string) => ({
  zone: timezone.nullable(),
  weekend: list(whole(1, 7)).max(6, 'must leave at least one working day'),
  holidays: reading(
    z.union([z.array(z.iso.date(NOT_A_LIST)), path], NOT_A_LIST),
    async (given): Promise<Holidays> => {
      if (typeof given !== 'string') return { dates: given, end: [...given].sort().at(-1) ?? null }
      return parseHolidays((await readLimited(resolve(folder, given), FILE_BYTES_MAX)).toString())
    }
  )
})

/** A calendar after reading. */
export type ReadCalendar = z.output<z.ZodObject<ReturnType<typeof calendarKeys>>>

/** The holidays in the text of an iCalendar file; throws `Trouble` `config` when it has a mistake. */
export function parseHolidays(text: string): Holidays {
  // RFC 5545 §3.1: a line that begins with a blank continues the line before.
  const unfolded = text.replaceAll(/\r?\n[ \t]/g, '')
  if (!/^\s*BEGIN:VCALENDAR\s/i.test(unfolded))
    throw refusedConfig('is not an iCalendar file: it does not begin with BEGIN:VCALENDAR')
  const events = unfolded.split(/^BEGIN:VEVENT\s*$/im).slice(1)
  const read = events.map(readEvent)
  const single = read.flatMap(({ days, isYearly }) => (isYearly ? [] : days)).sort()
  const yearly = read.flatMap(({ days, isYearly }) => (isYearly ? days.flatMap(everyYear) : []))
  return { dates: [...single, ...yearly], end: single.at(-1) ?? null }
}

function readEvent(event: string): { readonly days: string[]; readonly isYearly: boolean } {
  const [inside = '', ...rest] = event.split(/^END:VEVENT\s*$/im)
  if (rest.length === 0)
    throw refusedConfig('ends in the middle of an event: download or export it again')
  const valueOf = (name: string): string | undefined =>
    new RegExp(`^${name}(?:;(?:[^":\\r\\n]|"[^"\\r\\n]*")*)?:(.*)$`, 'im').exec(inside)?.[1]?.trim()
  if (valueOf('STATUS')?.toUpperCase() === 'CANCELLED') return { days: [], isYearly: false }
  const refused = (why: string) =>
    refusedConfig(`the event of ${valueOf('DTSTART') ?? 'no day'} ${why}`)
  const other = ['RDATE', 'EXDATE', 'DURATION'].find((name) => valueOf(name) !== undefined)
  if (other !== undefined)
    throw refused(
      `has ${other}, which Postern does not read; write its days as events of their own`
    )
  const rule = valueOf('RRULE')
  if (rule !== undefined && !/^FREQ=YEARLY;?$/i.test(rule))
    throw refused('has an RRULE other than FREQ=YEARLY; write its days as events of their own')
  const days = daysBetween(dayOf(valueOf('DTSTART')), dayOf(valueOf('DTEND')))
  if (typeof days === 'string') throw refused(days)
  return { days, isYearly: rule !== undefined }
}

function daysBetween(start: string, end: string): string[] | string {
  if (!isDay(start))
    return 'does not start with a day (DTSTART;VALUE=DATE:20261225); make it an all-day event'
  // RFC 5545 §3.6.1: the end is the first day that does not belong to the event.
  const count = end === '' ? 1 : (Date.parse(end) - Date.parse(start)) / DAY_MS
  if (!isDay(end || start) || count < 1 || count > 366)
    return 'has an end (DTEND;VALUE=DATE) that is not 1 to 366 days after its start'
  return Array.from({ length: count }, (_, index) =>
    new Date(Date.parse(start) + index * DAY_MS).toISOString().slice(0, 10)
  )
}

/** `20261225` as `2026-12-25`. */
function dayOf(value = ''): string {
  return value.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')
}

function isDay(text: string): boolean {
  return z.iso.date().safeParse(text).success
}

function everyYear(day: string): string[] {
  const first = Number(day.slice(0, 4))
  const years = Array.from(
    { length: Math.max(YEAR_MAX - first + 1, 1) },
    (_, index) => first + index
  )
  return years.map((year) => `${year}${day.slice(4)}`).filter(isDay)
}
