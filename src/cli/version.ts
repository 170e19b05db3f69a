/**
 * Which release of Postern this is.
 */
import { readFileSync } from 'node:fs'

/** The version in package.json, which stands beside `src` and `dist`. */
export function version(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  )
  const named =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : null
  return typeof named === 'string' ? named : 'unknown'
}
