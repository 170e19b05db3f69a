/**
 * Writes LogEvents as JSON lines with pino: static names, fixed levels and only the fields of the closed union. The only
 * sentence among them is that of a trouble, so nothing of a message and no secret can get in.
 */
import { pino, stdTimeFunctions } from 'pino'
import { type Log } from './effects.ts'
import { type LogEvent } from './events.ts'

/** Events that need a look, and those that need a person; any other is `info`. */
const WARNINGS: readonly LogEvent['event'][] = [
  'junk.missing',
  'arrival.retry',
  'worker.killed',
  'outbox.deferred',
  'notice.held',
  'clock.jumped',
  'trouble'
]
const ERRORS: readonly LogEvent['event'][] = ['arrival.quarantined', 'outbox.gave-up', 'bug']

/** A log that writes lines `{"level","time","event",…}` to `destination`, time in UTC, each with its line end. */
export function createLog(destination: { write(line: string): void }): Log {
  const lines = pino(
    {
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) }
    },
    destination
  )
  return (event) => {
    const { event: name } = event
    lines[ERRORS.includes(name) ? 'error' : WARNINGS.includes(name) ? 'warn' : 'info'](event)
  }
}
