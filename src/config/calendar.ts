/**
 * Calendars of policies and products: zone, weekend and holidays, as a list or as an iCalendar file (RFC 5545) of all-day
 * events. Must never pass over what it does not understand in such a file: a holiday that is missed makes a promise too short.
 */
import { z } from 'zod'
import { type Calendar } from '../domain/time.ts'
import { path, timezone, whole } from './fields.ts'
import { readLimited } from './secrets.ts'

const NOT_A_LIST =
  'must be a list of dates in quotes, like ["2026-12-25"], or the path of an .ics file'
const FILE_BYTES_MAX = 4 * 1024 * 1024
/** A day of every year is written out up to this one. */
const YEAR_MAX = 2099

/** Holidays with the last day that is listed by itself; null where every one comes back each year, or there is none. */
export type Holidays = { readonly dates: readonly string[]; readonly end: string | null }

/** A calendar as it is after reading; `timezone` null stands for the desk's. */
export type ReadCalendar = Omit<Calendar, 'timezone' | 'holidays'> & {
  readonly timezone: string | null
  readonly holidays: Holidays
}

/** The keys of a calendar, as a policy gives them all and a product those that differ. */
export const calendarKeys = {
  zone: timezone.nullable().describe('IANA time zone of the business days; null: desk.timezone.'),
  weekend: z
    .array(whole(1, 7), 'must be a list')
    .max(6, 'must leave a working day')
    .describe('Days off each week, 1 is Monday.'),
  holidays: z
    .union([z.array(z.iso.date(NOT_A_LIST)), path], NOT_A_LIST)
    .describe('Dates off: a list, or an iCalendar file (.ics) with all-day events.')
}

/** The holidays of a list or of the file at an absolute path, or the sentence that says what is wrong with it. */
export async function readHolidays(given: readonly string[] | string): Promise<Holidays | string> {
  if (typeof given !== 'string') return holidaysOf([...given], [])
  const bytes = await readLimited(given, FILE_BYTES_MAX)
  return typeof bytes === 'string' ? bytes : parseHolidays(bytes.toString('utf8'))
}

type Line = { readonly name: string; readonly parameters: string; readonly value: string }

/** The holidays in the text of an iCalendar file, or the sentence that says what is wrong with it. */
export function parseHolidays(text: string): Holidays | string {
  // RFC 5545 §3.1: a line that begins with a blank goes on from the one before.
  const lines = text
    .replaceAll(/\r?\n[ \t]/g, '')
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map(lineOf)
  if (lines[0]?.name !== 'BEGIN' || lines[0].value.toUpperCase() !== 'VCALENDAR')
    return 'is no iCalendar file: it does not begin with BEGIN:VCALENDAR'
  const single: string[] = []
  const yearly: string[] = []
  let event: Line[] | null = null
  for (const line of lines) {
    const isEvent = line.value.toUpperCase() === 'VEVENT'
    if (line.name === 'BEGIN' && isEvent) event = []
    else if (line.name === 'END' && isEvent && event !== null) {
      const read = daysOf(event)
      if (typeof read === 'string') return read
      ;(read.isYearly ? yearly : single).push(...read.days)
      event = null
    } else event?.push(line)
  }
  return event === null ? holidaysOf(single, yearly) : 'ends in the middle of an event'
}

function lineOf(line: string): Line {
  const [, name = '', parameters = '', value = ''] =
    /^([A-Za-z0-9-]+)((?:;(?:[^":]|"[^"]*")*)?):(.*)$/.exec(line) ?? []
  return { name: name.toUpperCase(), parameters, value: value.trim() }
}

function daysOf(event: readonly Line[]): { days: string[]; isYearly: boolean } | string {
  const find = (name: string): Line | undefined => event.find((line) => line.name === name)
  const refused = (what: string): string => `the event of ${find('DTSTART')?.value ?? '?'} ${what}`
  if (find('STATUS')?.value.toUpperCase() === 'CANCELLED') return { days: [], isYearly: false }
  const start = dateOf(find('DTSTART'))
  if (start === null)
    return refused(
      'has no day as its start (DTSTART;VALUE=DATE:20261225); only all-day events count'
    )
  const other = event.find(({ name }) => ['RDATE', 'EXDATE', 'DURATION'].includes(name))
  if (other !== undefined)
    return refused(`has ${other.name}, which is not read; write its days as events of their own`)
  const rule = find('RRULE')?.value.toUpperCase().replace(/;$/, '')
  if (rule !== undefined && rule !== 'FREQ=YEARLY')
    return refused('has an RRULE other than FREQ=YEARLY; write its days as events of their own')
  const end = find('DTEND') === undefined ? nextDay(start) : dateOf(find('DTEND'))
  // RFC 5545 §3.6.1: the end is the first day that does not belong to the event.
  if (end === null || end <= start || Date.parse(end) - Date.parse(start) > 366 * DAY_MS)
    return refused('has an end (DTEND;VALUE=DATE) that is not 1 to 366 days after its start')
  const days: string[] = []
  for (let day = start; day < end; day = nextDay(day)) days.push(day)
  return { days, isYearly: rule !== undefined }
}

const DAY_MS = 86_400_000

/** `20261225` as `2026-12-25`; null for anything that is no day of the calendar. */
function dateOf(line: Line | undefined): string | null {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(line?.value ?? '') ?? []
  const text = `${year}-${month}-${day}`
  return year !== undefined && isDay(text) ? text : null
}

function isDay(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
}

function nextDay(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10)
}

function holidaysOf(single: readonly string[], yearly: readonly string[]): Holidays {
  const repeated = yearly.flatMap((day) => {
    const first = Number(day.slice(0, 4))
    return Array.from(
      { length: Math.max(YEAR_MAX - first + 1, 1) },
      (_, index) => `${first + index}${day.slice(4)}`
    ).filter(isDay)
  })
  return {
    dates: [...new Set([...single, ...repeated])].sort(),
    end: [...single].sort().at(-1) ?? null
  }
}
