/**
 * The watched inbox on an IMAP server (RFC 9051, IDLE RFC 2177, MOVE RFC 6851, UIDPLUS RFC 4315). One object is one
 * connection; after any Trouble the caller closes it and connects again. Flags are never read or written as state, mail is
 * never deleted without a copy, and nothing of a mail or an address is logged.
 */
import { ImapFlow, type ImapFlowError, type ImapFlowOptions } from 'imapflow'
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  type Fetched,
  type Listed,
  type Log,
  type Mailbox,
  type MailboxState
} from '../effects/effects.ts'
import { refused, troubleOf } from './imap-errors.ts'
import { type ServerOptions, tlsOptions } from './server.ts'
import { firstUids, packUids } from './uids.ts'

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

const HEADER_BYTES = 128 * 1024
const MEBIBYTE = 1024 * 1024
/** Room for the answer to a search of about a million mails where the server lacks ESEARCH (RFC 4731). */
const LINE_BYTES = 8 * MEBIBYTE
/** Servers and NAT boxes forget quiet connections from 5 minutes on (RFC 2177 allows 29). */
const IDLE_MS = 240_000
/** How long the server may take to say goodbye. */
const LOGOUT_MS = 1000
/** Longer than {@link IDLE_MS}: a living server answers at least each renewal of IDLE. */
const SILENCE_MS = 300_000
const FETCH_BATCH = 500
const MOVE_BATCH = 200

type Session = {
  readonly options: MailboxOptions
  readonly client: ImapFlow
  readonly folders: Set<string>
  readonly listeners: Set<() => void>
  /** Checks for signs of life; ended by `close`. */
  readonly watchdog: NodeJS.Timeout
  received: number
  changed: boolean
  lost: ImapFlowError | null
}

/**
 * Connects, logs in and opens the inbox, which must exist; the two other folders are made when first needed. Rejects with
 * `Trouble`, also at once when `signal` is aborted before the inbox is open; later it does nothing.
 */
export async function connectMailbox(
  options: MailboxOptions,
  log: Log,
  signal: AbortSignal
): Promise<Mailbox> {
  const client = new ImapFlow(clientOptions(options))
  const session: Session = {
    options,
    client,
    folders: new Set(),
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
    await client.mailboxOpen(options.inbox)
  } catch (error) {
    end(session)
    throw troubleOf(error)
  } finally {
    signal.removeEventListener('abort', breakOff)
  }
  log({ event: 'imap.connected' })
  return {
    list: (range) => attempt(session, () => list(session, range)),
    fetch: (uid) => attempt(session, () => fetchWhole(session, uid)),
    fetchHeaders: (uid) => attempt(session, () => fetchHeaders(session, uid)),
    move: (uids, to) => attempt(session, () => move(session, uids, options[to])),
    waitForChange: (timeoutMs, signal) => waitForChange(session, timeoutMs, signal),
    close: async () => {
      clearInterval(session.watchdog)
      // LOGOUT waits for the command before it, which may never end.
      if (client.usable) await Promise.race([client.logout().catch(() => undefined), soon()])
      end(session)
    }
  }
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
function literalLimit(options: MailboxOptions): number {
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

function wake(session: Session): void {
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
async function attempt<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (session.lost !== null) throw troubleOf(session.lost)
  try {
    return await work()
  } catch (error) {
    throw error instanceof Trouble ? error : troubleOf(error)
  }
}

/**
 * Selects anew each time: one round trip, and the count, UIDVALIDITY and UIDNEXT are the server's present ones whatever
 * notifications were lost. Costs SELECT, one UID SEARCH (a range set where the server has ESEARCH, else about 7 bytes a
 * waiting mail, held only here) and one UID FETCH per 500 listed mails.
 */
async function list(
  session: Session,
  range: { readonly afterUid: number; readonly limit: number }
): Promise<MailboxState> {
  session.changed = false
  const box = await session.client.mailboxOpen(session.options.inbox)
  const uidValidity = String(box.uidValidity)
  if (box.exists === 0) return { uidValidity, waiting: [], more: false }
  const { uids, more } = await waitingUids(session, range)
  const waiting = new Map<number, Listed>()
  for (let start = 0; start < uids.length; start += FETCH_BATCH) {
    const batch = packUids(uids.slice(start, start + FETCH_BATCH))
    const query = { uid: true, size: true, internalDate: true }
    for (const row of await session.client.fetchAll(batch, query, { uid: true })) {
      // A server may slip in news about flags of any mail (RFC 9051 §7.5.2): those rows have no size.
      if (row.size === undefined) continue
      const receivedAt = instantFromMs(new Date(row.internalDate ?? 0).getTime())
      waiting.set(row.uid, { uid: row.uid, size: row.size, receivedAt })
    }
  }
  return { uidValidity, waiting: [...waiting.values()].sort((a, b) => a.uid - b.uid), more }
}

async function waitingUids(
  session: Session,
  range: { readonly afterUid: number; readonly limit: number }
): Promise<{ readonly uids: readonly number[]; readonly more: boolean }> {
  const found = await session.client.search(
    { uid: `${range.afterUid + 1}:*` },
    { uid: true, returnOptions: ['ALL'] }
  )
  if (found === false || found === undefined) throw refused()
  const set = Array.isArray(found) ? packUids(found) : (found.all ?? '')
  return firstUids(set, range.afterUid, range.limit)
}

/** A mail beyond the limit was announced too small by more than a quarter and a mebibyte: no part of it passes for whole. */
async function fetchWhole(session: Session, uid: number): Promise<Fetched | null> {
  const limit = literalLimit(session.options)
  const raw = await fetchBytes(session, uid, limit + 1)
  if (raw === null || raw.length <= limit) return raw && { raw, part: 'whole' }
  return { raw: Buffer.from(cutHeaders(raw.subarray(0, HEADER_BYTES))), part: 'header' }
}

/** BODY.PEEK of at most `limit` bytes; null when the UID is gone. */
async function fetchBytes(session: Session, uid: number, limit: number): Promise<Buffer | null> {
  if (session.client.mailbox === false) await session.client.mailboxOpen(session.options.inbox)
  const query = { uid: true, source: { start: 0, maxLength: limit } }
  const rows = await session.client.fetchAll(String(uid), query, { uid: true })
  return rows.find((row) => row.uid === uid && row.source !== undefined)?.source ?? null
}

async function fetchHeaders(session: Session, uid: number): Promise<Buffer | null> {
  const start = await fetchBytes(session, uid, HEADER_BYTES)
  return start && cutHeaders(start)
}

/** The header block with its line ends, without the empty line; all of it when there is none. */
function cutHeaders(start: Buffer): Buffer {
  const crlf = start.indexOf('\r\n\r\n')
  const lf = start.indexOf('\n\n')
  const ends = [crlf === -1 ? Infinity : crlf + 2, lf === -1 ? Infinity : lf + 1]
  return start.subarray(0, Math.min(...ends, start.length))
}

async function move(session: Session, uids: readonly number[], folder: string): Promise<void> {
  if (session.client.mailbox === false) await session.client.mailboxOpen(session.options.inbox)
  for (let start = 0; start < uids.length; start += MOVE_BATCH) {
    const present = await session.client.search(
      { uid: packUids(uids.slice(start, start + MOVE_BATCH)) },
      { uid: true }
    )
    if (present === false || present === undefined) throw refused()
    if (present.length === 0) continue
    await makeFolder(session, folder)
    await moveBatch(session, packUids(present), folder)
  }
}

async function makeFolder(session: Session, folder: string): Promise<void> {
  if (session.folders.has(folder)) return
  const made = await session.client.mailboxCreate(folder)
  if (made.created) await session.client.mailboxSubscribe(folder)
  session.folders.add(folder)
}

/**
 * Without MOVE: copy, mark as deleted only what was copied, and expunge exactly that. Without UIDPLUS too, the marked mails
 * stay: a plain EXPUNGE would also destroy what people marked in their own clients.
 */
async function moveBatch(session: Session, set: string, folder: string): Promise<void> {
  const { client } = session
  const byUid = { uid: true }
  const has = (capability: string): boolean => client.capabilities.has(capability)
  if (has('MOVE') || has('IMAP4rev2')) {
    if (!(await client.messageMove(set, folder, byUid))) throw moveRefused(session, folder)
    return
  }
  if (!(await client.messageCopy(set, folder, byUid))) throw moveRefused(session, folder)
  const done = has('UIDPLUS')
    ? await client.messageDelete(set, byUid)
    : await client.messageFlagsAdd(set, ['\\Deleted'], byUid)
  if (!done) throw refused()
}

/** Waits in IDLE, which is only a wake-up: what is there is for {@link list} to say. */
async function waitForChange(
  session: Session,
  timeoutMs: number,
  signal: AbortSignal
): Promise<boolean> {
  const isDone = (): boolean => session.changed || signal.aborted
  for (let left = timeoutMs; left > 0 && !isDone(); left -= IDLE_MS) {
    await attempt(session, () => idle(session, Math.min(left, IDLE_MS), signal))
    // A round trip proves that the quiet connection still lives.
    if (left > IDLE_MS && !isDone()) await attempt(session, () => session.client.noop())
  }
  return session.changed
}

async function idle(session: Session, ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = withResolvers()
  const timer = setTimeout(resolve, ms)
  session.listeners.add(resolve)
  signal.addEventListener('abort', resolve)
  // It ends when the next command breaks it; a failure shows as `close` or in that command.
  session.client.idle().catch(() => undefined)
  await promise
  clearTimeout(timer)
  session.listeners.delete(resolve)
  signal.removeEventListener('abort', resolve)
  if (session.lost !== null) throw troubleOf(session.lost)
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

function soon(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, LOGOUT_MS).unref()
  })
}

function moveRefused(session: Session, folder: string): Trouble {
  // The folder may have been deleted since: look again next time.
  session.folders.delete(folder)
  return new Trouble(
    'imap-mailbox',
    'The IMAP server refused to move mail. Check imap.processed, imap.held and the quota of the account.',
    { retryable: true }
  )
}
