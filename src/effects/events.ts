/**
 * Everything that may be logged, as a closed union. Fields are ids, counts, sizes, codes, durations and the sentence of a
 * trouble: no body, subject, address or key has a place there, so none can be logged. The copies of a notice are not logged one
 * by one, whether accepted, deferred or rejected, and no logged number or time reveals how many there are (G5): neither are what
 * tells reporters the date and the alarms, which leave when a release ends.
 */
import { type CaseTag } from '../domain/ids.ts'
import { type TroubleCode } from '../domain/trouble.ts'

type LogFields = {
  readonly 'desk.started': { readonly version: string; readonly pid: number }
  readonly 'desk.stopping': { readonly because: 'signal' | 'once' | 'trouble' }
  readonly 'desk.stopped': unknown
  readonly 'imap.connected': unknown
  /** One message in the junk folder was for the desk. */
  readonly 'junk.taken': unknown
  readonly 'junk.missing': unknown
  readonly 'arrival.stored': { readonly arrival: number; readonly bytes: number }
  readonly 'arrival.done': {
    readonly arrival: number
    readonly disposition: string
    readonly case: CaseTag | null
    readonly ms: number
  }
  readonly 'arrival.retry': {
    readonly arrival: number
    readonly tries: number
    readonly code: string
  }
  readonly 'arrival.quarantined': { readonly arrival: number; readonly code: string }
  readonly 'worker.killed': {
    readonly task: string
    readonly code: 'worker-limit' | 'worker-crash'
  }
  readonly 'outbox.accepted': { readonly kind: string; readonly attempts: number }
  readonly 'outbox.deferred': Undelivered
  readonly 'outbox.gave-up': Undelivered
  /** `lateMs` after its due time. */
  readonly 'notice.releasing': { readonly notice: number; readonly lateMs: number }
  readonly 'notice.held': { readonly notice: number; readonly because: string }
  readonly 'clock.jumped': { readonly ms: number }
  readonly trouble: {
    readonly code: TroubleCode
    readonly where: string
    /** Its sentence, for the operator. It may quote the server's answer to a login, and holds no secret. */
    readonly says: string
    /** Missing where the component that reports it does not decide when to try again. */
    readonly retryInMs?: number
  }
  readonly bug: { readonly where: string; readonly error: string }
}

type Undelivered = { readonly kind: string; readonly attempts: number; readonly code: number }

export type LogEvent = {
  readonly [Name in keyof LogFields]: { readonly event: Name } & LogFields[Name]
}[keyof LogFields]

/** What {@link LogEvent} may say about a caught error: its class and its code, if any. Never its message. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const name = /^[A-Za-z]\w{0,60}$/.test(error.constructor.name) ? error.constructor.name : 'Error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return /^[\w.-]{1,60}$/.test(code) ? `${name}/${code}` : name
}
