/**
 * What went wrong on an IMAP connection, as Trouble with one sentence for the operator: what passes by waiting and what does
 * not. Must never repeat what the server said: it may hold an address or a part of a mail.
 */
import { type ImapFlowError } from 'imapflow'
import { Trouble } from '../domain/trouble.ts'
import { connectionTrouble, isTlsCode } from './server.ts'

/** The server said NO or BAD to a command that it has to understand. */
export function refused(): Trouble {
  return new Trouble('imap', 'The IMAP server refused a command. Postern connects again.', {
    retryable: true
  })
}

/** Anything that was thrown on the connection; Trouble is returned as it is. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Trouble) return error
  const known: Partial<ImapFlowError> = error instanceof Error ? error : {}
  if (known.authenticationFailed === true && !BUSY.includes(known.serverResponseCode ?? '')) {
    return connectionTrouble('imap', 'auth', error)
  }
  if (known.tlsFailed === true || isTlsCode(known.code ?? '')) {
    return connectionTrouble('imap', 'tls', error)
  }
  if (known.mailboxMissing === true) {
    return new Trouble('imap-mailbox', 'The IMAP folder named by imap.inbox does not exist.', {
      retryable: false,
      cause: error
    })
  }
  return known.responseStatus === undefined
    ? connectionTrouble('imap', 'network', error)
    : refused()
}

/** A server that is busy says so with a code of RFC 5530 §3; the password may be right. */
const BUSY: readonly string[] = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG']
