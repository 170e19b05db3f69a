/**
 * What a refusal of the submission server means (RFC 5321 §4.2, RFC 3463, RFC 4954 §6): whether it is about this message and its
 * recipient, about our account, or about how many connections there are. Servers differ: the enhanced code counts where there
 * is one.
 */
import { type SMTPError } from 'nodemailer/lib/smtp-connection'
import { withoutAddresses } from '../domain/address.ts'
import { type SendOutcome, SMALL_BYTES } from '../domain/outgoing.ts'
import { isTlsCode } from './server.ts'

/** What a refusal is about; about the `account` or the `auth`, no message can leave. */
export type Meaning =
  | { readonly about: 'message'; readonly outcome: SendOutcome }
  | { readonly about: 'auth' | 'account' | 'connections' }

const LOGIN_CODES = [530, 534, 535, 538]
/** Too large for the server, or for the mailbox of the recipient. */
const TOO_LARGE = ['5.3.4', '5.2.3']
/** How much or to how many we may send, or a sender that we may not use; and what Exchange says of a limit and of a sender. */
const OF_ACCOUNT = /^[45]\.(?:4\.5|5\.3|1\.[78]|1\.90|2\.25\d)$/
/** The mailbox of the recipient is full, which passes (RFC 3463: "a persistent transient failure"). */
const FULL = '5.2.2'
/** The mailbox of the recipient (RFC 3463: its address, its state) or the content of the message. */
const OF_MESSAGE = /^[45]\.(?:[126]\.\d+|3\.4)$/
/** A rule or a state of the server. For good, only the rule: servers say everything else with `5.3.0`, too. */
const OF_SERVER = /^(?:[45]\.7|4\.3)\.\d+$/
/** Where the code leaves open whom it is about, ordinary servers say it in words. */
const SAYS_LIMIT =
  /\b(?:sending|outgoing|outbound|submission|hourly|daily|rate|relay|messages?|e?mails?) (?!size)(?:\w+ )?(?:limit|quota)|too many (?:messages|recipients|e?mails?)\b|(?:\bper |\/)(?:hour|day)\b/i
const SAYS_OURS = /\b(?:your|sender(?:'s)?) (?:account|mailbox|quota)\b/i
const SAYS_GREYLISTED = /gr[ea]y.?list/i
const BUSY_CODES = [421, 432]
/** From here on it repeats the server of the recipient, which a server asks before it takes a message for that one. */
const QUOTES = /(?:\b(?:said|says|responded|response)\b|\bverif\w+ failed\b)[^]*/i

/** The meaning of a refusal in a transaction of so many bytes; null where the server has not answered. */
export function meaningOf(error: SMTPError, bytes: number): Meaning | null {
  const { responseCode: code = 0, command } = error
  const isSender = command === 'MAIL FROM'
  if (code === 0) return isUnsaid(error) ? ofMessage({ kind: 'too-large', code: 552 }) : null
  const enhanced = enhancedCode(error)
  if (LOGIN_CODES.includes(code)) return { about: 'auth' }
  if (BUSY_CODES.includes(code) || (isSender && enhanced === '4.7.0'))
    return { about: 'connections' }
  if (isTooLarge(error, enhanced, bytes)) return ofMessage({ kind: 'too-large', code })
  if (isSender) return code < 500 ? ofMessage({ kind: 'ours', code }) : { about: 'account' }
  const kind = ofRecipient(code, enhanced, error.response)
  return ofMessage({ kind, code, ...(isFull(code, enhanced) && { passes: true }) })
}

/** RCPT and DATA are refused for reasons of the recipient, of the message, and of our own (15). */
function ofRecipient(code: number, enhanced: string, response = ''): SendOutcome['kind'] {
  // A reply repeats the address, which is anybody's choice: `x/day@example.org`.
  const said = withoutAddresses(response.replaceAll(/<[^<>]*>/g, ''), '')
  const words = said.replace(QUOTES, '')
  const usual = isForNow(code, enhanced) ? 'deferred' : 'rejected'
  // 503 concerns the order of commands on this connection, not the message.
  if (code === 503 || SAYS_GREYLISTED.test(said)) return usual
  if (OF_ACCOUNT.test(enhanced)) return 'ours'
  // Many a server of a recipient says it to us as to its own user.
  if (SAYS_OURS.test(words))
    return OF_MESSAGE.test(enhanced) || isFull(code, enhanced) ? 'unclear' : 'ours'
  if (OF_MESSAGE.test(enhanced)) return usual
  if (SAYS_LIMIT.test(words)) return 'ours'
  return OF_SERVER.test(enhanced) ? 'unclear' : usual
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

/** Whether the message is too large. 552 alone says so of a large one; to a small one it says that a mailbox is full. */
function isTooLarge({ responseCode = 0, command }: SMTPError, enhanced: string, bytes: number) {
  if (TOO_LARGE.includes(enhanced)) return true
  return is552(responseCode, enhanced) && command !== 'RCPT TO' && bytes > SMALL_BYTES
}

function isForNow(code: number, enhanced: string): boolean {
  return code < 500 || code === 503 || isFull(code, enhanced)
}

function isFull(code: number, enhanced: string): boolean {
  return enhanced === FULL || is552(code, enhanced)
}

/** "Exceeded storage allocation" (RFC 5321 §4.2.3), and nothing more. */
function is552(code: number, enhanced: string): boolean {
  return code === 552 && enhanced === ''
}

/** Why there is no connection, and whether the server itself has answered. */
export function failedConnection(error: unknown) {
  const known: Partial<SMTPError> = error instanceof Error ? error : {}
  const { code = '', originalCode = '', responseCode = 0 } = known
  const isAuth = code === 'EAUTH' && (responseCode === 0 || responseCode >= 500)
  const isTls = isTlsCode(code) || isTlsCode(originalCode)
  return { kind: isAuth ? 'auth' : isTls ? 'tls' : 'network', code: responseCode } as const
}
