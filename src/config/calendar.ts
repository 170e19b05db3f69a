/**
 * Calendars of policies and products: zone, weekend and holidays, as a list or as an iCalendar file (RFC 5545) of all-day
 * events. Must never skip what it does not understand in such a file: a missed holiday makes a promise too short.
 */
import { resolve } from 'node:path'
import { z } from 'zod'
import { DAY_MS } from '../domain/time.ts'
import { list, path, reading, timezone, whole } from './fields.ts'
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
  zone: timezone.nullable().describe('IANA time zone of the business days; null: desk.timezone.'),
  weekend: list(whole(1, 7))
    .max(6, 'must leave at least one working day')
    .describe('Days off each week, 1 is Monday.'),
  holidays: reading(
    z.union([z.array(z.iso.date(NOT_A_LIST)), path], NOT_A_LIST),
    async (given): Promise<Holidays | string> => {
      if (typeof given !== 'string') return holidaysOf(given, [])
      const bytes = await readLimited(resolve(folder, given), FILE_BYTES_MAX)
      return typeof bytes === 'string' ? bytes : parseHolidays(bytes.toString('utf8'))
    }
  ).describe('Dates off: a list, or an iCalendar file (.ics) with all-day events.')
})

/** A calendar after reading. */
export type ReadCalendar = {
  readonly zone: string | null
  readonly weekend: readonly number[]
  readonly holidays: Holidays
}

type Line = { readonly name: string; readonly value: string }

/** The holidays in the text of an iCalendar file; a sentence when it has a mistake. */
export function parseHolidays(text: string): Holidays | string {
  // RFC 5545 §3.1: a line that begins with a blank continues the line before.
  const unfolded = text.replaceAll(/\r?\n[ \t]/g, '')
  if (!/^\s*BEGIN:VCALENDAR\s/i.test(unfolded))
    return 'is not an iCalendar file: it does not begin with BEGIN:VCALENDAR'
  const events = [...unfolded.matchAll(/^BEGIN:VEVENT\s*$([^]*?)^END:VEVENT\s*$/gim)].map(
    ([, inside = '']) => inside.split(/\r?\n/).map(lineOf)
  )
  const begun = unfolded.match(/^BEGIN:VEVENT\s*$/gim) ?? []
  if (begun.length !== events.length)
    return 'ends in the middle of an event: download or export it again'
  const read = events.map(daysOf)
  const complaint = read.find((days) => typeof days === 'string')
  if (complaint !== undefined) return complaint
  const days = read.filter((found) => typeof found !== 'string')
  return holidaysOf(
    days.flatMap(({ single }) => single),
    days.flatMap(({ yearly }) => yearly)
  )
}

function lineOf(line: string): Line {
  const [, name = '', value = ''] =
    /^([A-Za-z0-9-]+)(?:;(?:[^":]|"[^"]*")*)?:(.*)$/.exec(line) ?? []
  return { name: name.toUpperCase(), value: value.trim() }
}

type Days = { readonly single: readonly string[]; readonly yearly: readonly string[] }

function daysOf(event: readonly Line[]): Days | string {
  const find = (name: string): Line | undefined => event.find((line) => line.name === name)
  if (find('STATUS')?.value.toUpperCase() === 'CANCELLED') return { single: [], yearly: [] }
  const which = `the event of ${find('DTSTART')?.value ?? 'no day'}`
  const other = event.find(({ name }) => ['RDATE', 'EXDATE', 'DURATION'].includes(name))
  if (other !== undefined)
    return `${which} has ${other.name}, which Postern does not read; write its days as events of their own`
  const rule = find('RRULE')
  if (rule !== undefined && !/^FREQ=YEARLY;?$/i.test(rule.value))
    return `${which} has an RRULE other than FREQ=YEARLY; write its days as events of their own`
  const days = daysBetween(find('DTSTART'), find('DTEND'))
  if (typeof days === 'string') return `${which} ${days}`
  return rule === undefined ? { single: days, yearly: [] } : { single: [], yearly: days }
}

function daysBetween(first: Line | undefined, last: Line | undefined): string[] | string {
  const start = dateOf(first)
  if (start === null)
    return 'does not start with a day (DTSTART;VALUE=DATE:20261225); make it an all-day event'
  const end = last === undefined ? nextDay(start) : dateOf(last)
  // RFC 5545 §3.6.1: the end is the first day that does not belong to the event.
  if (end === null || end <= start || Date.parse(end) - Date.parse(start) > 366 * DAY_MS)
    return 'has an end (DTEND;VALUE=DATE) that is not 1 to 366 days after its start'
  const days: string[] = []
  for (let day = start; day < end; day = nextDay(day)) days.push(day)
  return days
}

/** `20261225` as `2026-12-25`; null for anything that is not a date. */
function dateOf(line: Line | undefined): string | null {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)$/.exec(line?.value ?? '') ?? []
  const text = `${year}-${month}-${day}`
  return year !== undefined && isDay(text) ? text : null
}

function isDay(text: string): boolean {
  return z.iso.date().safeParse(text).success
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
