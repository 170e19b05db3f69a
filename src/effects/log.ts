/**
 * Writes LogEvents as JSON lines with pino: static names, fixed levels and only the fields of the closed union. There is no
 * free text, so nothing of a message can get in; masking secrets is a second safeguard (mail.md §2.25).
 */
import { pino, stdTimeFunctions } from 'pino'
import { type Log } from './effects.ts'
import { type LogEvent } from './events.ts'

/** Events that need a look, and those that need a person; any other is `info`. */
const WARNINGS: readonly LogEvent['event'][] = [
  'imap.lost',
  'junk.missing',
  'arrival.retry',
  'worker.killed',
  'outbox.deferred',
  'notice.held',
  'clock.jumped',
  'trouble'
]
const ERRORS: readonly LogEvent['event'][] = ['arrival.quarantined', 'outbox.gave-up', 'bug']
const SHORTEST_SECRET = 8

/**
 * A log that writes lines `{"level","time","event",…}` to `destination`, time in UTC, each with its line end. Writes `[secret]`
 * in place of each of `secrets` that has at least 8 characters: a shorter one could be any word.
 */
export function createLog(
  destination: { write(line: string): unknown },
  secrets: readonly string[]
): Log {
  const masked = secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    // Longest first, so that a secret that contains another is masked completely.
    .sort((a, b) => b.length - a.length)
  const mask = (line: string): string =>
    masked.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line)
  const lines = pino(
    {
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) }
    },
    { write: (line: string) => destination.write(mask(line)) }
  )
  return (event) => {
    const { event: name } = event
    lines[ERRORS.includes(name) ? 'error' : WARNINGS.includes(name) ? 'warn' : 'info'](event)
  }
}
