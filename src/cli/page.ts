/**
 * Pages for people: each is a Liquid file beside this one. What `show` prints is filled with the value that `--json` prints, so
 * that both say the same.
 */
import { readFileSync } from 'node:fs'
import { formatFingerprint } from '../domain/ids.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { liquid } from '../messages/render.ts'

/** Filters of every page. */
const FILTERS = { count, listed, fingerprint: formatFingerprint }

/** Fills NAME.liquid with `value`; instants are in `timezone`. */
export function page(
  name: string,
  value: object,
  timezone: string,
  filters: Readonly<Record<string, (...args: never[]) => unknown>> = {}
): string {
  const engine = liquid()
  const instant = (at: Instant, zone?: string | null): string => formatInstant(at, timezone, zone)
  for (const [filter, apply] of Object.entries({ ...FILTERS, instant, ...filters }))
    engine.registerFilter(filter, apply)
  const source = readFileSync(new URL(`./${name}.liquid`, import.meta.url), 'utf8')
  return String(engine.parseAndRenderSync(source, value)).trimEnd()
}

/** The lines of NAME.liquid, filled with `value`. */
export function linesOf(name: string, value: object, timezone = 'UTC'): string[] {
  return page(name, value, timezone).split('\n').filter(Boolean)
}
