/** Reads the date of a message (RFC 5322 §3.3 and the obsolete forms of §4.3). It is only a claim of the sender. */
import { type Instant, instantFromMs } from '../domain/time.ts'

const DATE =
  /^(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})[\s-]([A-Za-z]{3})[A-Za-z]{0,6}[\s-](\d{2,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:\s+([+-]\d{4}|[A-Za-z]{1,5}))?/
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** Hours east of UTC of the obsolete zone names; military letters count as unknown, which means UTC (RFC 5322 §4.3). */
const ZONES: Readonly<Record<string, number>> = {
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7
}

/** The instant of a Date field value; null when it is malformed. */
export function readMailDate(value: string): Instant | null {
  const plain = value
    .slice(0, 200)
    .replaceAll(/\([^()]*\)/g, ' ')
    .trim()
  const found = DATE.exec(plain)
  if (found === null) return null
  const text = (index: number): string => found.at(index) ?? ''
  const month = MONTHS.indexOf(text(2).toLowerCase())
  const clock = { day: Number(text(1)), hour: Number(text(4)), minute: Number(text(5)) }
  const isDay = month >= 0 && clock.day >= 1 && clock.day <= 31
  if (!isDay || clock.hour > 23 || clock.minute > 59) return null
  const second = Math.min(Number(text(6)), 59)
  const utc = Date.UTC(fullYear(text(3)), month, clock.day, clock.hour, clock.minute, second)
  return instantFromMs(utc - offsetMs(text(7)))
}

/** RFC 5322 §4.3: two digits up to 49 are 20xx, the rest and three digits count from 1900. */
function fullYear(text: string): number {
  const year = Number(text)
  if (text.length === 2) return year < 50 ? 2000 + year : 1900 + year
  return text.length === 3 ? 1900 + year : year
}

function offsetMs(zone: string): number {
  const match = /^([+-])(\d{2})(\d{2})$/.exec(zone)
  if (match === null) return (ZONES[zone.toUpperCase()] ?? 0) * 3_600_000
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return (match[1] === '-' ? -1 : 1) * minutes * 60_000
}
