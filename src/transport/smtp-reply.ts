/**
 * What a refusal of the submission server means (RFC 5321 §4.2, RFC 3463, RFC 4954 §6): whether it is about this message and its
 * recipient, about our account, or about how many connections there are. Servers differ: the enhanced code counts where there
 * is one.
 */
import { type SMTPError } from 'nodemailer/lib/smtp-connection'
import { type SendOutcome } from '../domain/outgoing.ts'
import { isTlsCode } from './server.ts'

/** What a refusal is about; about the `account` or the `auth`, no message can leave. */
export type Meaning =
  | { readonly about: 'message'; readonly outcome: SendOutcome }
  | { readonly about: 'auth' | 'account' | 'connections' }

const LOGIN_CODES = [530, 534, 535, 538]
/** Too large for the server, or for the mailbox of the recipient. */
const TOO_LARGE = ['5.3.4', '5.2.3']
/** Policy about us, a daily limit, or a sender that we may not use; and what Exchange says of a limit and of a sender. */
const OF_ACCOUNT = /^5\.(?:7\.\d+|4\.5|1\.[78]|1\.90|2\.25\d)$/
const BUSY_CODES = [421, 432]

/** The meaning of a refusal in a transaction; null where the server has not answered. */
export function meaningOf(error: SMTPError): Meaning | null {
  const { responseCode: code = 0, command } = error
  const isSender = command === 'MAIL FROM'
  if (code === 0) return isUnsaid(error) ? ofMessage({ kind: 'too-large', code: 552 }) : null
  const enhanced = enhancedCode(error)
  if (LOGIN_CODES.includes(code)) return { about: 'auth' }
  if (BUSY_CODES.includes(code) || (isSender && enhanced === '4.7.0'))
    return { about: 'connections' }
  if (isTooLarge(code, enhanced, command)) return ofMessage({ kind: 'too-large', code })
  return isSender ? ofSender(code) : ofMessage({ kind: ofRecipient(code, enhanced), code })
}

function ofSender(code: number): Meaning {
  return code < 500 ? ofMessage({ kind: 'ours', code }) : { about: 'account' }
}

function ofRecipient(code: number, enhanced: string): SendOutcome['kind'] {
  // 503 concerns the order of commands on this connection, not the message.
  if (code < 500 || code === 503) return 'deferred'
  return OF_ACCOUNT.test(enhanced) ? 'ours' : 'rejected'
}

/** RFC 3463; '' for none. */
function enhancedCode({ response = '' }: SMTPError): string {
  return /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response)?.[1] ?? ''
}

function ofMessage(outcome: SendOutcome): Meaning {
  return { about: 'message', outcome }
}

/** The library itself knows which size the server has announced (RFC 1870). */
function isUnsaid({ code, command }: SMTPError): boolean {
  return code === 'EMESSAGE' && command === 'MAIL FROM'
}

/** Without an enhanced code, 552 at RCPT says that the mailbox is full. */
function isTooLarge(code: number, enhanced: string, command: string | undefined): boolean {
  return TOO_LARGE.includes(enhanced) || (code === 552 && enhanced === '' && command !== 'RCPT TO')
}

/** Why there is no connection, and whether the server itself has answered. */
export function failedConnection(error: unknown) {
  const known: Partial<SMTPError> = error instanceof Error ? error : {}
  const { code = '', originalCode = '', responseCode = 0 } = known
  const isAuth = code === 'EAUTH' && (responseCode === 0 || responseCode >= 500)
  const isTls = isTlsCode(code) || isTlsCode(originalCode)
  return { kind: isAuth ? 'auth' : isTls ? 'tls' : 'network', code: responseCode } as const
}
