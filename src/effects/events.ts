/**
 * Everything that may be logged, as a closed union. Fields are ids, counts, sizes, codes and durations: these types have no
 * place for a body, a subject, an address or a key, so none can be logged (mail.md §2.25). Copies of a notice have no line
 * each, whether accepted, deferred or rejected, and no number of an outgoing message grows with them (G5). Messages to
 * maintainers about a failed copy or its bounce are logged like any other message.
 */
import { type CaseTag } from '../domain/ids.ts'
import { type TroubleCode } from '../domain/trouble.ts'

export type LogEvent =
  | { readonly event: 'desk.started'; readonly version: string; readonly pid: number }
  | { readonly event: 'desk.stopping'; readonly because: 'signal' | 'once' | 'trouble' }
  | { readonly event: 'desk.stopped' }
  | { readonly event: 'imap.connected' }
  | {
      readonly event: 'imap.lost'
      readonly code: TroubleCode
      readonly says: string
      readonly retryInMs: number
    }
  | { readonly event: 'imap.uidvalidity-changed' }
  /** One message in the junk folder was for the desk. */
  | { readonly event: 'junk.taken' }
  | { readonly event: 'junk.missing' }
  | { readonly event: 'arrival.stored'; readonly arrival: number; readonly bytes: number }
  | {
      readonly event: 'arrival.done'
      readonly arrival: number
      readonly disposition: string
      readonly case: CaseTag | null
      readonly ms: number
    }
  | {
      readonly event: 'arrival.retry'
      readonly arrival: number
      readonly tries: number
      readonly code: string
    }
  | { readonly event: 'arrival.quarantined'; readonly arrival: number; readonly code: string }
  | { readonly event: 'arrival.moved'; readonly count: number; readonly to: 'processed' | 'held' }
  | {
      readonly event: 'worker.killed'
      readonly task: string
      readonly code: 'worker-limit' | 'worker-crash'
    }
  | {
      readonly event: 'outbox.accepted'
      readonly kind: string
      readonly attempts: number
    }
  | {
      readonly event: 'outbox.deferred'
      readonly kind: string
      readonly attempts: number
      readonly code: number
    }
  | {
      readonly event: 'outbox.gave-up'
      readonly kind: string
      readonly attempts: number
      readonly code: number
    }
  | {
      /** Copies of a notice that the server deferred or rejected; at most once a minute each. */
      readonly event: 'notice.deferred' | 'notice.gave-up'
      readonly notice: number
      readonly code: number
    }
  | {
      readonly event: 'notice.releasing'
      readonly notice: number
      /** How long after its due time. */
      readonly lateMs: number
    }
  | { readonly event: 'notice.released'; readonly notice: number }
  | { readonly event: 'notice.held'; readonly notice: number; readonly because: string }
  | { readonly event: 'clock.jumped'; readonly ms: number }
  | {
      readonly event: 'trouble'
      readonly code: TroubleCode
      readonly where: string
      /** The sentence of the trouble, for the operator: it names server and port, and no secret. */
      readonly says?: string
      /** Absent when the component that reports the trouble does not decide when to try again. */
      readonly retryInMs?: number
    }
  | { readonly event: 'bug'; readonly where: string; readonly error: string }

/** What {@link LogEvent} may say about a caught error: its class and its code, if any. Never its message. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const name = /^[A-Za-z]\w{0,60}$/.test(error.constructor.name) ? error.constructor.name : 'Error'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return /^[\w.-]{1,60}$/.test(code) ? `${name}/${code}` : name
}
