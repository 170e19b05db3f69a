/**
 * One connection to an IMAP server with one open folder, the inbox or the junk folder: connects and closes. Must never log
 * content or addresses.
 */
import { setTimeout } from 'node:timers/promises'
import { ImapFlow, type ImapFlowError, type ImapFlowOptions } from 'imapflow'
import { Trouble } from '../domain/trouble.ts'
import { connectionTrouble, isTlsCode, type ServerOptions, tlsOptions } from './server.ts'

/** The account, and how much is fetched at once. */
export type MailboxOptions = ServerOptions & {
  readonly user: string
  readonly password: string
  readonly inbox: string
  readonly processed: string
  readonly held: string
  /** The largest message that is downloaded whole, in bytes. */
  readonly mailBytes: number
  /** Default 30 s. */
  readonly connectTimeoutMs?: number
  /** How long the server may be silent before the connection counts as dead. Default 5 min. */
  readonly silenceMs?: number
}

const MEBIBYTE = 1024 * 1024
/** Room for the answer to a search of about a million messages. */
const LINE_BYTES = 8 * MEBIBYTE
/** Servers and NAT boxes drop idle connections from 5 minutes on (RFC 2177 allows 29). */
export const IDLE_MS = 240_000
const LOGOUT_MS = 1000
/** Longer than {@link IDLE_MS}: a working server answers at least each renewal of IDLE. */
const SILENCE_MS = 300_000

export type Session = {
  readonly options: MailboxOptions
  /** The folder that is open. */
  readonly folder: string
  readonly client: ImapFlow
  /** Folders that are known to exist. */
  readonly folders: Set<string>
  /** Ends a waiting in IDLE. */
  wake: () => void
  changed: boolean
  lost: ImapFlowError | null
}

/**
 * Connects, logs in and opens `folder`, which must exist. Rejects with `Trouble`, also at once when `signal` is aborted before
 * the folder is open; later the signal has no effect.
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
    // INBOX always exists, whatever the server answers to CREATE (RFC 9051 §5.1).
    folders: new Set([options.inbox]),
    wake: () => undefined,
    changed: false,
    lost: null
  }
  watch(session)
  const breakOff = (): void => client.close()
  signal.addEventListener('abort', breakOff, { once: true })
  try {
    signal.throwIfAborted()
    await client.connect()
    await client.mailboxOpen(folder)
  } catch (error) {
    client.close()
    throw troubleOf(error, session)
  } finally {
    signal.removeEventListener('abort', breakOff)
  }
  return session
}

/** Logs out within the time allowed, and closes the connection. */
export async function closeSession(session: Session): Promise<void> {
  // LOGOUT waits for the command before it, which may never end.
  if (session.client.usable) {
    await Promise.race([
      session.client.logout().catch(() => undefined),
      setTimeout(LOGOUT_MS, undefined, { ref: false })
    ])
  }
  session.client.close()
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
    socketTimeout: options.silenceMs ?? SILENCE_MS,
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

/** Set before connecting, because an `error` without a listener ends the process. */
function watch(session: Session): void {
  session.client.on('error', (error: ImapFlowError) => {
    session.lost ??= error
  })
  session.client.on('close', () => {
    session.lost ??= new Error('closed')
    session.wake()
  })
  session.client.on('exists', ({ count, prevCount }) => {
    if (count <= prevCount) return
    session.changed = true
    session.wake()
  })
}

/** One unit of work on the connection; turns a failure into Trouble. */
export async function attempt<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (session.lost !== null) throw troubleOf(session.lost, session)
  try {
    return await work()
  } catch (error) {
    throw troubleOf(error, session)
  }
}

// Failures of an IMAP connection as Trouble, with one sentence for the operator and whether waiting helps. After the login the
// server's text is never repeated: it may hold an address or a part of a message.

/** The server answered NO or BAD to a command that it must support. */
export function refused({ options: { host, port } }: Session): Trouble {
  const hint = `The IMAP server ${host}, port ${port}, refused a command. Postern connects again.`
  return new Trouble('imap', hint, { retryable: true })
}

/** Turns any error on the connection into Trouble; returns Trouble unchanged. */
export function troubleOf(error: unknown, session: Session): Trouble {
  const { options, folder } = session
  if (error instanceof Trouble) return error
  const known: Partial<ImapFlowError> = error instanceof Error ? error : {}
  if (known.authenticationFailed === true && !BUSY.includes(known.serverResponseCode ?? '')) {
    return connectionTrouble('imap', 'auth', options, error)
  }
  if (known.tlsFailed === true || isTlsCode(known.code ?? '')) {
    return connectionTrouble('imap', 'tls', options, error)
  }
  if (known.mailboxMissing === true) {
    const hint = `The IMAP server ${options.host}, port ${options.port}, has no folder "${folder}". Please check imap.${folder === options.inbox ? 'inbox' : 'junk'}.`
    return new Trouble('imap-mailbox', hint, { retryable: false, cause: error })
  }
  return known.responseStatus === undefined
    ? connectionTrouble('imap', 'network', options, error)
    : refused(session)
}

/** A busy server gives a response code of RFC 5530 §3; the password may be correct. */
const BUSY: readonly string[] = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG']
