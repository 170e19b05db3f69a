/**
 * Trouble: the outside world failed in an expected way (network, disk, key, configuration). Thrown by adapters, caught
 * only by the loop and the process entry. Must never carry content, addresses of list members or secrets.
 */

/** What failed outside. Never about content; the code may be logged. */
export type TroubleCode =
  | 'imap'
  | 'imap-auth'
  | 'imap-tls'
  | 'imap-mailbox'
  | 'imap-moves'
  | 'smtp'
  | 'smtp-auth'
  | 'smtp-tls'
  | 'smtp-account'
  | 'worker-limit'
  | 'worker-crash'
  | 'worker-start'
  | 'database'
  | 'database-busy'
  | 'disk-full'
  | 'database-key'
  | 'database-newer'
  | 'database-corrupt'
  | 'database-locked'
  | 'conflict'
  | 'desk-key'
  /** A wording that cannot be filled in, or a message that cannot be sealed: not the fault of who wrote to the desk. */
  | 'desk-fault'
  | 'config'
  | 'stopping'

/** An expected failure of the outside world. `hint` is one clear sentence for the operator, free of secrets and content. */
export class Trouble extends Error {
  override readonly name = 'Trouble'
  readonly code: TroubleCode
  readonly retryable: boolean
  constructor(
    code: TroubleCode,
    hint: string,
    options: { readonly retryable?: boolean; readonly cause?: unknown } = {}
  ) {
    super(hint, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
  }
}
