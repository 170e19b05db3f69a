/**
 * A folder of the mail account that the desk watches on an IMAP server (RFC 9051, IDLE RFC 2177): the inbox, or the junk folder
 * on its own connection. One object is one connection; after any Trouble but `imap-moves` the caller closes it and reconnects.
 * Never uses flags as state, and never logs content or addresses.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ImapFlow, type ImapFlowError, type ImapFlowOptions } from 'imapflow'
import { type Fetched, type Listed } from '../domain/mail.ts'
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Mailbox, type MailboxState } from '../effects/effects.ts'
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
  /** How long it may take to acknowledge IDLE. Default 15 s. */
  readonly idleAnswerMs?: number
  /** What all connections to the server know of it. */
  readonly known?: KnownServer
}

/** `isDeafInIdle`: it announces IDLE and does not acknowledge it; nothing can be asked then, so it is asked for news instead. */
export type KnownServer = { isDeafInIdle: boolean }

const MEBIBYTE = 1024 * 1024
/** Room for the answer to a search of about a million messages. */
const LINE_BYTES = 8 * MEBIBYTE
/** Servers and NAT boxes drop idle connections from 5 minutes on (RFC 2177 allows 29). */
const IDLE_MS = 240_000
const IDLE_ANSWER_MS = 15_000
/** How often a server that does not acknowledge IDLE is asked for news. */
const POLL_MS = 30_000
const LOGOUT_MS = 1000
const GONE_WITHIN_MS = 2000
/** Longer than {@link IDLE_MS}: a working server answers at least each renewal of IDLE. */
const SILENCE_MS = 300_000
const HEADER_BYTES = 128 * 1024
const OVERLAP_BYTES = 64
const MORE_BYTES = 1024
const BY_UID = { uid: true }

type Session = {
  readonly options: MailboxOptions
  folder: string
  /** Where the configuration names the folder. */
  readonly key: 'inbox' | 'junk'
  readonly client: ImapFlow
  readonly folders: Set<string>
  readonly known: KnownServer
  hasIdled: boolean
  /** Ends a waiting in IDLE. */
  wake: () => void
  changed: boolean
  lost: ImapFlowError | null
}

/** The folder that the server marks as that for spam (RFC 6154), else the one of this name. */
export const JUNK = { use: '\\Junk', name: 'Junk' } as const

/**
 * Connects, logs in and opens `folder`, which must exist; other folders are created when first needed. Names are written with
 * "/" between folders, whatever the server has there and in front of them (RFC 2342). Rejects with `Trouble`, also at once when
 * `signal` is aborted before the folder is open; later the signal has no effect.
 */
export async function connectMailbox(
  options: MailboxOptions,
  folder: string | typeof JUNK,
  signal: AbortSignal
): Promise<Mailbox> {
  const session = await openSession(options, folder, signal)
  return {
    list: (range) => attempt(session, () => list(session, range)),
    fetch: (uid, part) => attempt(session, () => fetch(session, uid, part)),
    move: (uids, to) => attempt(session, () => move(session, uids, options[to])),
    takeOut: (held) => attempt(session, () => takeOut(session, held)),
    mark: (uids, as) => attempt(session, () => mark(session, uids, as)),
    waitForChange: (timeoutMs, stop) =>
      attempt(session, () => waitForChange(session, timeoutMs, stop)),
    close: () => close(session)
  }
}

async function openSession(
  options: MailboxOptions,
  folder: string | typeof JUNK,
  signal: AbortSignal
): Promise<Session> {
  const client = new ImapFlow(clientOptions(options))
  const session: Session = {
    options,
    folder: typeof folder === 'string' ? folder : folder.name,
    key: folder === options.inbox ? 'inbox' : 'junk',
    client,
    // INBOX always exists, whatever the server answers to CREATE (RFC 9051 §5.1).
    folders: new Set([options.inbox]),
    known: options.known ?? { isDeafInIdle: false },
    hasIdled: false,
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
    session.folder = pathIn(client, await nameOf(client, folder))
    await client.mailboxOpen(session.folder)
  } catch (error) {
    client.close()
    throw troubleOf(error, session)
  } finally {
    signal.removeEventListener('abort', breakOff)
  }
  return session
}

async function nameOf(client: ImapFlow, folder: string | typeof JUNK): Promise<string> {
  if (typeof folder === 'string') return folder
  const marked = (await client.list()).find(({ specialUse }) => specialUse === folder.use)
  return marked?.path ?? folder.name
}

/** The library puts the prefix of the account's own namespace in front. */
function pathIn(client: ImapFlow, name: string): string {
  const { delimiter = '/' } = client.namespace ?? {}
  return delimiter === '' || delimiter === null || name.includes(delimiter)
    ? name
    : name.replaceAll('/', delimiter)
}

async function close({ client }: Session): Promise<void> {
  // LOGOUT waits for the command before it, which may never end.
  if (client.usable) {
    await Promise.race([
      client.logout().catch(() => undefined),
      delay(LOGOUT_MS, undefined, { ref: false })
    ])
  }
  client.close()
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
    disableAutoIdle: options.known?.isDeafInIdle === true,
    socketTimeout: options.silenceMs ?? SILENCE_MS,
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

/** Set before connecting, because an `error` without a listener ends the process. */
function watch(session: Session): void {
  session.client.on('error', (error: ImapFlowError) => {
    const isDeaf = error.code === 'ETIMEOUT' && error.command === 'IDLE'
    session.lost ??= isDeaf ? deafInIdle(session) : error
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

/**
 * Selects the folder each time: one round trip, and the count, UIDVALIDITY and UIDNEXT are current even if notifications were
 * lost. Costs SELECT, one UID SEARCH (about 7 bytes a waiting message, held only here) and one UID FETCH.
 */
async function list(
  session: Session,
  { afterUid, limit }: { readonly afterUid: number; readonly limit: number }
): Promise<MailboxState> {
  const { client } = session
  session.changed = false
  const box = await client.mailboxOpen(session.folder)
  const uidValidity = String(box.uidValidity)
  // Without it, whatever the types say, a UID may name another message than the one that is stored under it.
  if (!/^\d+$/.test(uidValidity)) throw refused(session)
  if (box.exists === 0) return { uidValidity, waiting: [], more: false }
  const found = await search(session, `${afterUid + 1}:*`)
  // The range always holds the last message of a folder that is not empty: "OK" without any is no answer.
  if (found.length === 0) throw refused(session)
  // `*` is the last message, also when its UID is lower.
  const all = [...new Set(found)].filter((uid) => uid > afterUid).sort((a, b) => a - b)
  const uids = all.slice(0, limit)
  const waiting = new Map<number, Listed>()
  const query = { uid: true, size: true, internalDate: true }
  // One of which the server says nothing more is there all the same, until it is not listed any more.
  for (const uid of uids) waiting.set(uid, { uid, size: 0, receivedAt: null })
  for (const row of uids.length === 0 ? [] : await client.fetchAll(uids, query, BY_UID)) {
    // A server may insert flag updates for any message (RFC 9051 §7.5.2): those rows have no size.
    if (row.size === undefined) continue
    const ms = new Date(row.internalDate ?? '').getTime()
    const receivedAt = ms > 0 ? instantFromMs(ms) : null
    waiting.set(row.uid, { uid: row.uid, size: row.size, receivedAt })
  }
  const listed = [...waiting.values()].sort((a, b) => a.uid - b.uid)
  return { uidValidity, waiting: listed, more: all.length > limit }
}

async function search(session: Session, uid: string): Promise<number[]> {
  const found = await session.client.search({ uid }, BY_UID)
  if (found === false || found === undefined) throw refused(session)
  return found
}

/**
 * BODY.PEEK of the message or the beginning of it; null when the server gives nothing, or not all that it has: it is gone, or the
 * server does not answer. Gives only the beginning of a message that is much larger than the server announced: a part must never
 * pass for the whole.
 */
async function fetch(
  session: Session,
  uid: number,
  part: Fetched['part']
): Promise<Fetched | null> {
  const { client } = session
  if (client.mailbox === false) await client.mailboxOpen(session.folder)
  const limit = literalLimit(session.options)
  const most = part === 'whole' ? limit + 1 : HEADER_BYTES
  const { raw, size } = await fetchFrom(session, uid, { start: 0, maxLength: most })
  if (raw === null) return null
  if (part === 'whole' && raw.length <= limit)
    return raw.length >= size || (await isAll(session, uid, raw)) ? { raw, part } : null
  // A copy, so that the rest of a large message is not kept for its header.
  return { raw: Buffer.from(raw.subarray(0, HEADER_BYTES)), part: 'header' }
}

/** These bytes of a message, null for no answer, and how many it has in all as the server says. */
async function fetchFrom(
  { client }: Session,
  uid: number,
  source: { readonly start: number; readonly maxLength: number }
) {
  const rows = await client.fetchAll(String(uid), { uid: true, size: true, source }, BY_UID)
  const own = rows.filter((row) => row.uid === uid)
  // NIL, for one that was expunged or cannot be read, comes as no bytes at all, whatever the types say.
  const found = own.map((row): unknown => row.source).find((bytes) => bytes instanceof Uint8Array)
  const size = own.find((row) => row.size !== undefined)?.size ?? Number.POSITIVE_INFINITY
  return { raw: found ?? null, size }
}

/**
 * Whether these bytes are all that the server has of a message, although it announced more: some only estimate the size. It is
 * asked for the last bytes once more and for those behind them, so that no answer is not taken for the end.
 */
async function isAll(session: Session, uid: number, raw: Uint8Array): Promise<boolean> {
  const start = Math.max(0, raw.length - OVERLAP_BYTES)
  const { raw: end } = await fetchFrom(session, uid, { start, maxLength: MORE_BYTES })
  return end !== null && Buffer.compare(end, raw.subarray(start)) === 0
}

/** Waits in IDLE, which the library renews; it only wakes the caller, and {@link list} finds out what is new. */
async function waitForChange(
  session: Session,
  timeoutMs: number,
  signal: AbortSignal
): Promise<boolean> {
  const { client, known } = session
  // A wait may have run out already, and a monotonic clock counts in fractions, which a timeout refuses.
  const stop = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, Math.ceil(timeoutMs)))])
  if (!session.changed && !stop.aborted && !known.isDeafInIdle && !session.hasIdled)
    await tryIdle(session)
  if (session.changed || stop.aborted) return session.changed
  const poll = (): void => void client.noop().catch(() => undefined)
  const polling = known.isDeafInIdle ? setInterval(poll, POLL_MS) : undefined
  // The next command ends IDLE; a failure shows as `close` or in that command.
  if (!known.isDeafInIdle) client.idle().catch(() => undefined)
  await new Promise<void>((resolve) => {
    session.wake = resolve
    stop.addEventListener('abort', () => resolve())
  })
  clearInterval(polling)
  if (session.lost !== null) throw session.lost
  return session.changed
}

/** Tried once a connection: a server that never acknowledges IDLE would keep all that is asked behind it waiting for minutes. */
async function tryIdle(session: Session): Promise<void> {
  const { client, options } = session
  client.idle().catch(() => undefined)
  // Ends IDLE once that is acknowledged, and is answered then.
  const answered = client.noop().then(() => true)
  const given = delay(options.idleAnswerMs ?? IDLE_ANSWER_MS, false, { ref: false })
  session.hasIdled = await Promise.race([answered, given])
  if (session.lost !== null) throw session.lost
  if (!session.hasIdled) throw deafInIdle(session)
}

/**
 * Moves those of `uids` that still exist (MOVE RFC 6851, UIDPLUS RFC 4315); creates the other folder when first needed. Must
 * never delete a message without a copy.
 */
async function move(session: Session, uids: readonly number[], name: string): Promise<void> {
  const { client } = session
  const box = client.mailbox === false ? await client.mailboxOpen(session.folder) : client.mailbox
  const folder = pathIn(client, name)
  // Copies without the right to take the messages out of here would pile up there.
  if (box.readOnly === true || box.permanentFlags?.has('\\Deleted') === false)
    throw unmoved(`nothing may be taken out of ${session.folder}`)
  const present = await search(session, uids.join(','))
  if (present.length === 0) return
  await makeFolder(session, folder)
  await moveAll(session, present, folder)
}

async function makeFolder(session: Session, folder: string): Promise<void> {
  const { client, folders } = session
  if (folders.has(folder)) return
  try {
    const made = await client.mailboxCreate(folder)
    if (made.created) await client.mailboxSubscribe(folder)
  } catch (error) {
    // Some servers refuse to create an existing folder without naming that reason (RFC 9051 §6.3.4 knows only NO).
    const there = await client.status(folder, { messages: true }).catch(() => false as const)
    if (session.lost !== null) throw error
    if (there === false) throw unmoved(`the folder ${folder} cannot be made`)
  }
  folders.add(folder)
}

/**
 * Without MOVE, the library copies, marks only the copied messages as deleted, and expunges exactly those, which needs UIDPLUS.
 * Without UIDPLUS too, the marked messages stay: a plain EXPUNGE would also destroy what people marked in their own clients.
 */
async function moveAll(session: Session, uids: number[], folder: string): Promise<void> {
  const { client } = session
  // Capabilities implied by IMAP4rev2 count only if the library enabled it.
  const isRev2 = client.enabled.has('IMAP4REV2')
  const moves = isRev2 || client.capabilities.has('MOVE') || client.capabilities.has('UIDPLUS')
  const copied = moves
    ? await client.messageMove(uids, folder, BY_UID)
    : await client.messageCopy(uids, folder, BY_UID)
  if (!copied) {
    // The folder may have been deleted since, so it is looked up again next time.
    session.folders.delete(folder)
    if (session.lost !== null) throw troubleOf(session.lost, session)
    throw unmoved(`nothing may be moved to ${folder}`)
  }
  if (!moves && !(await client.messageFlagsAdd(uids, ['\\Deleted'], BY_UID))) throw refused(session)
  if (moves && !(await areGone(session, uids)))
    throw unmoved(`the server says that messages were moved to ${folder}, and does not move them`)
}

/** Some servers say "OK" and move nothing, or a moment later. */
async function areGone(session: Session, uids: readonly number[]): Promise<boolean> {
  for (const waitMs of [0, GONE_WITHIN_MS]) {
    await delay(waitMs)
    if ((await search(session, uids.join(','))).length === 0) return true
  }
  return false
}

/** So many messages of one size are compared. */
const ALIKE_MAX = 50

/**
 * Moves one message of these bytes out of the folder for held mail, where it has a UID that nobody knows. The session leaves its
 * folder for that time.
 */
async function takeOut(
  session: Session,
  { size, sha256 }: { readonly size: number; readonly sha256: string }
): Promise<void> {
  const { client, options } = session
  const folder = pathIn(client, options.held)
  if (!(await client.status(folder, { messages: true }).catch(() => false as const))) return
  const away: Session = { ...session, folder }
  await client.mailboxOpen(folder)
  try {
    const alike = await client.search(
      { larger: size - 1, smaller: size + 1, deleted: false },
      BY_UID
    )
    for (const uid of (alike || []).slice(0, ALIKE_MAX)) {
      const found = await fetch(away, uid, 'whole')
      const digest = found && createHash('sha256').update(found.raw).digest('hex')
      if (digest !== sha256) continue
      await move(away, [uid], options.processed)
      return
    }
  } finally {
    if (session.lost === null) await client.mailboxOpen(session.folder)
  }
}

/** A sign for people in the place of a move, where the server takes it. */
async function mark(
  session: Session,
  uids: readonly number[],
  as: 'processed' | 'held'
): Promise<void> {
  const { client } = session
  const box = client.mailbox === false ? await client.mailboxOpen(session.folder) : client.mailbox
  if (box.readOnly === true) return
  await client.messageFlagsAdd([...uids], [as === 'held' ? '\\Flagged' : '\\Seen'], BY_UID)
}

async function attempt<T>(session: Session, work: () => Promise<T>): Promise<T> {
  if (session.lost !== null) throw troubleOf(session.lost, session)
  try {
    return await work()
  } catch (error) {
    throw troubleOf(error, session)
  }
}

// Failures of an IMAP connection as Trouble, with one sentence for the operator and whether waiting helps. After the login the
// server's text is never repeated: it may hold an address or a part of a message.

/** The connection is as good as before; what should have been moved stays where it is. */
function unmoved(because: string): Trouble {
  const hint = `The IMAP server refused to move mail: ${because}. Check the folders under imap, the rights and the quota of the account.`
  return new Trouble('imap-moves', hint, { retryable: true })
}

/** The server answered NO or BAD to a command that it must support. */
function refused({ options: { host, port } }: Session): Trouble {
  const hint = `The IMAP server ${host}, port ${port}, refused a command. Postern connects again.`
  return new Trouble('imap', hint, { retryable: true })
}

function deafInIdle({ options: { host, port }, known }: Session): Trouble {
  known.isDeafInIdle = true
  const hint = `The IMAP server ${host}, port ${port}, announces IDLE but does not answer it. From now on Postern asks for new mail every ${POLL_MS / 1000} seconds instead.`
  return new Trouble('imap', hint, { retryable: true })
}

/** A busy server gives a response code of RFC 5530 §3; the password may be correct. */
const BUSY: readonly string[] = ['UNAVAILABLE', 'INUSE', 'LIMIT', 'SERVERBUG']

function troubleOf(error: unknown, session: Session): Trouble {
  const { options, folder, key } = session
  if (error instanceof Trouble) return error
  const known: Partial<ImapFlowError> = error instanceof Error ? error : {}
  if (known.authenticationFailed === true && !BUSY.includes(known.serverResponseCode ?? ''))
    return connectionTrouble('imap', 'auth', options, error)
  if (known.tlsFailed === true || isTlsCode(known.code ?? ''))
    return connectionTrouble('imap', 'tls', options, error)
  if (known.mailboxMissing === true) {
    const hint = `The IMAP server ${options.host}, port ${options.port}, has no folder "${folder}". Please check imap.${key}.`
    return new Trouble('imap-mailbox', hint, { cause: error })
  }
  return known.responseStatus === undefined
    ? connectionTrouble('imap', 'network', options, error)
    : refused(session)
}
