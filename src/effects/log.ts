/**
 * Writes LogEvents as JSON lines with pino: static names, fixed levels and only the fields of the closed union. There is no
 * free text, so nothing of a message can get in; masking registered secrets is a second safeguard (mail.md §2.25).
 */
import { pino, stdTimeFunctions } from 'pino'
import { type Log } from './effects.ts'
import { type LogEvent } from './events.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Takes whole lines, each with its line end. */
export type LogDestination = { write(line: string): unknown }

/** A log that also masks every registered secret. */
export type DeskLog = Log & {
  /** From now on these texts (of 8 characters or more: a shorter one could be any word) appear as `[secret]` in every field. */
  registerSecrets(secrets: readonly string[]): void
}

const LEVELS: Readonly<Record<LogEvent['event'], LogLevel>> = {
  'desk.started': 'info',
  'desk.stopping': 'info',
  'desk.stopped': 'info',
  'imap.connected': 'info',
  'imap.lost': 'warn',
  'imap.uidvalidity-changed': 'warn',
  'junk.taken': 'info',
  'junk.missing': 'warn',
  'arrival.stored': 'info',
  'arrival.done': 'info',
  'arrival.retry': 'warn',
  'arrival.quarantined': 'error',
  'arrival.moved': 'debug',
  'worker.killed': 'warn',
  'outbox.accepted': 'info',
  'outbox.deferred': 'warn',
  'outbox.gave-up': 'error',
  'notice.releasing': 'info',
  'notice.released': 'info',
  'notice.held': 'warn',
  'clock.jumped': 'warn',
  trouble: 'warn',
  bug: 'error'
}
const SHORTEST_SECRET = 8
const MASK = '[secret]'

/** A log that writes events of `level` and above to `destination` as lines `{"level","time","event",…}`, time in UTC. */
export function createLog(options: {
  readonly level: LogLevel
  readonly destination: LogDestination
}): DeskLog {
  const secrets = new Set<string>()
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) }
    },
    { write: (line: string) => options.destination.write(mask(line, secrets)) }
  )
  const log: Log = (event) => lines[LEVELS[event.event]](event)
  return Object.assign(log, {
    registerSecrets: (added: readonly string[]) => {
      for (const secret of added) {
        if (secret.length < SHORTEST_SECRET) continue
        secrets.add(secret)
        secrets.add(JSON.stringify(secret).slice(1, -1))
      }
    }
  })
}

/** Longest first, so that a secret that contains another is masked completely. */
function mask(line: string, secrets: ReadonlySet<string>): string {
  let masked = line
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    masked = masked.replaceAll(secret, MASK)
  }
  return masked
}
