/**
 * One connection to an IMAP server with one folder open, the inbox or the junk folder: how it is made, watched for signs of
 * life and ended. Must never log anything of a mail or an address.
 */
import { ImapFlow, type ImapFlowError, type ImapFlowOptions } from 'imapflow'
import { Trouble } from '../domain/trouble.ts'
import { connectionTrouble, isTlsCode, type ServerOptions, tlsOptions } from './server.ts'

/** Where the mail is and how much of it is taken at once. */
export type MailboxOptions = ServerOptions & {
  readonly user: string
  readonly password: string
  readonly inbox: string
  readonly processed: string
  readonly held: string
  /** The largest mail that will be downloaded whole, in bytes. */
  readonly mailBytes: number
  /** Default 30 s. */
  readonly connectTimeoutMs?: number
  /** How long the server may say nothing at all before the connection counts as dead. Default 5 min. */
  readonly silenceMs?: number
}

const MEBIBYTE = 1024 * 1024
/** Room for the answer to a search of about a million mails where the server lacks ESEARCH (RFC 4731). */
const LINE_BYTES = 8 * MEBIBYTE
/** Servers and NAT boxes forget quiet connections from 5 minutes on (RFC 2177 allows 29). */
export const IDLE_MS = 240_000
/** How long the server may take to say goodbye. */
const LOGOUT_MS = 1000
/** Longer than {@link IDLE_MS}: a living server answers at least each renewal of IDLE. */
const SILENCE_MS = 300_000

export type Session = {
  readonly options: MailboxOptions
  /** The folder that is open. */
  readonly folder: string
  readonly client: ImapFlow
  /** Folders that are known to exist. */
  readonly folders: Set<string>
  readonly listeners: Set<() => void>
  /** Checks for signs of life; ended by `close`. */
  readonly watchdog: NodeJS.Timeout
  received: number
  changed: boolean
  lost: ImapFlowError | null
}

/**
 * Connects, logs in and opens `folder`, which must exist. Rejects with `Trouble`, also at once when `signal` is aborted
 * before the folder is open; later it does nothing.
 */
export async function openSession(
  options: MailboxOptions,
  folder: string,
  signal: AbortSignal
): Promise<Session> {
  const client = new ImapFlow(clientOptions(options))
  const session: Session = {
    options,
    folder,
    client,
    // It exists whatever the server says to its making (RFC 9051 §5.1).
    folders: new Set([options.inbox]),
    listeners: new Set(),
    watchdog: setInterval(() => {
      checkLife(session)
    }, options.silenceMs ?? SILENCE_MS),
    received: 0,
    changed: false,
    lost: null
  }
  watch(session)
  const breakOff = (): void => {
    end(session)
  }
  signal.addEventListener('abort', breakOff, { once: true })
  try {
    signal.throwIfAborted()
    await client.connect()
    await client.mailboxOpen(folder)
  } catch (error) {
    end(session)
    throw troubleOf(error)
  } finally {
    signal.removeEventListener('abort', breakOff)
  }
  return session
}

/** Says goodbye, for as long as the server may take, and ends the connection. */
export async function closeSession(session: Session): Promise<void> {
  clearInterval(session.watchdog)
  // LOGOUT waits for the command before it, which may never end.
  if (session.client.usable) {
    await Promise.race([session.client.logout().catch(() => undefined), soon()])
  }
  end(session)
}

function clientOptions(options: MailboxOptions): ImapFlowOptions {
  return {
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    ...(options.tls === 'implicit' ? {} : { doSTARTTLS: options.tls === 'starttls' }),
    auth: { user: options.user, pass: options.password },
    tls: tlsOptions(options),
    logger: false,
    disableCompression: true,
    clientInfo: { name: 'postern' },
    maxIdleTime: IDLE_MS,
    connectionTimeout: options.connectTimeoutMs ?? 30_000,
    greetingTimeout: options.connectTimeoutMs ?? 30_000,
    maxLineLength: LINE_BYTES,
    maxLiteralSize: literalLimit(options) + MEBIBYTE,
    maxResponseSize: literalLimit(options) + MEBIBYTE + LINE_BYTES
  }
}

/** Servers that only estimate RFC822.SIZE may send more than they announced. */
export function literalLimit(options: MailboxOptions): number {
  return Math.ceil(options.mailBytes * 1.25) + MEBIBYTE
}

/** Before connecting, because an `error` without a listener ends the process. */
function watch(session: Session): void {
  session.watchdog.unref()
  session.client.on('error', (error: ImapFlowError) => {
    session.lost ??= error
  })
  session.client.on('close', () => {
    clearInterval(session.watchdog)
    session.lost ??= new Error('closed')
    wake(session)
  })
  session.client.on('exists', ({ count, prevCount }) => {
    if (count <= prevCount) return
    session.changed = true
    wake(session)
  })
}

export function wake(session: Session): void {
  for (const listener of session.listeners) listener()
}

function end(session: Session): void {
  clearInterval(session.watchdog)
  session.client.close()
}

/** Half-dead connections are closed, so that whatever waits on them fails and the caller connects again. */
function checkLife(session: Session): void {
  const { received } = session.client.stats()
  if (received === session.received) session.client.close()
  session.received = received
}

/** One unit of work on the connection; failure becomes Trouble. */
export async function attempt<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (session.lost !== null) throw troubleOf(session.lost)
  try {
    return await work()
  } catch (error) {
    throw error instanceof Trouble ? error : troubleOf(error)
  }
}

function soon(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOGOUT_MS).unref()
  })
}

// What went wrong on an IMAP connection, as Trouble with one sentence for the operator: what passes by waiting and what does
// not. Must never repeat what the server said: it may hold an address or a part of a mail.

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
