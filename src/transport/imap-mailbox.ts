/**
 * The folders of the mail account that the desk watches on an IMAP server (RFC 9051, IDLE RFC 2177): the inbox, and the junk
 * folder on its own connection. One object is one connection; after any Trouble the caller closes it and reconnects. Never uses
 * flags as state, and never logs content or addresses.
 */
import { instantFromMs } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import {
  type Fetched,
  type JunkFolder,
  type Listed,
  type Log,
  type Mailbox,
  type MailboxState
} from '../effects/effects.ts'
import {
  attempt,
  closeSession,
  IDLE_MS,
  literalLimit,
  type MailboxOptions,
  openSession,
  refused,
  type Session,
  troubleOf
} from './imap-session.ts'

const HEADER_BYTES = 128 * 1024
const FETCH_BATCH = 500

/**
 * Connects, logs in and opens the inbox, which must exist; the two other folders are created when first needed. Rejects with
 * `Trouble`, also at once when `signal` is aborted before the inbox is open; later the signal has no effect.
 */
export async function connectMailbox(
  options: MailboxOptions,
  log: Log,
  signal: AbortSignal
): Promise<Mailbox> {
  const session = await openSession(options, options.inbox, signal)
  log({ event: 'imap.connected' })
  return {
    ...watchedFolder(session),
    move: (uids, to) => attempt(session, () => move(session, uids, options[to]))
  }
}

/** The same for the junk folder `junk`; rejects with `Trouble` `imap-mailbox` when it does not exist. */
export async function connectJunk(
  options: MailboxOptions,
  junk: string,
  signal: AbortSignal
): Promise<JunkFolder> {
  const session = await openSession(options, junk, signal)
  return {
    ...watchedFolder(session),
    moveToInbox: (uids) => attempt(session, () => move(session, uids, options.inbox))
  }
}

function watchedFolder(session: Session): Omit<Mailbox, 'move'> {
  return {
    list: (range) => attempt(session, () => list(session, range)),
    fetch: (uid) => attempt(session, () => fetchWhole(session, uid)),
    fetchHeaders: (uid) => attempt(session, () => fetchHeaders(session, uid)),
    waitForChange: (timeoutMs, signal) => waitForChange(session, timeoutMs, signal),
    close: () => closeSession(session)
  }
}

/**
 * Selects the folder each time: one round trip, and the count, UIDVALIDITY and UIDNEXT are current even if notifications were
 * lost. Costs SELECT, one UID SEARCH (about 7 bytes a waiting message, held only here) and one UID FETCH per 500 listed messages.
 */
async function list(
  session: Session,
  range: { readonly afterUid: number; readonly limit: number }
): Promise<MailboxState> {
  session.changed = false
  const box = await session.client.mailboxOpen(session.folder)
  const uidValidity = String(box.uidValidity)
  if (box.exists === 0) return { uidValidity, waiting: [], more: false }
  const { uids, more } = await waitingUids(session, range)
  const waiting = new Map<number, Listed>()
  for (let start = 0; start < uids.length; start += FETCH_BATCH) {
    const batch = uids.slice(start, start + FETCH_BATCH)
    const query = { uid: true, size: true, internalDate: true }
    for (const row of await session.client.fetchAll(batch, query, { uid: true })) {
      // A server may insert flag updates for any message (RFC 9051 §7.5.2): those rows have no size.
      if (row.size === undefined) continue
      const receivedAt = instantFromMs(new Date(row.internalDate ?? 0).getTime())
      waiting.set(row.uid, { uid: row.uid, size: row.size, receivedAt })
    }
  }
  return { uidValidity, waiting: [...waiting.values()].sort((a, b) => a.uid - b.uid), more }
}

async function waitingUids(
  session: Session,
  { afterUid, limit }: { readonly afterUid: number; readonly limit: number }
): Promise<{ readonly uids: readonly number[]; readonly more: boolean }> {
  const found = await session.client.search({ uid: `${afterUid + 1}:*` }, { uid: true })
  if (found === false || found === undefined) throw refused(session)
  // `*` is the last message, also when its UID is lower.
  const uids = [...new Set(found)].filter((uid) => uid > afterUid).sort((a, b) => a - b)
  return { uids: uids.slice(0, limit), more: uids.length > limit }
}

/**
 * The server announced the message too small by more than a quarter and a mebibyte: a part of it must not pass for the whole.
 */
async function fetchWhole(session: Session, uid: number): Promise<Fetched | null> {
  const limit = literalLimit(session.options)
  const raw = await fetchBytes(session, uid, limit + 1)
  if (raw === null || raw.length <= limit) return raw && { raw, part: 'whole' }
  return { raw: Buffer.from(cutHeaders(raw.subarray(0, HEADER_BYTES))), part: 'header' }
}

/** BODY.PEEK of at most `limit` bytes; null when the UID is gone. */
async function fetchBytes(session: Session, uid: number, limit: number): Promise<Buffer | null> {
  if (session.client.mailbox === false) await session.client.mailboxOpen(session.folder)
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

/** Waits in IDLE, which only wakes the caller; {@link list} finds out what is new. */
async function waitForChange(
  session: Session,
  timeoutMs: number,
  signal: AbortSignal
): Promise<boolean> {
  const isDone = (): boolean => session.changed || signal.aborted
  for (let left = timeoutMs; left > 0 && !isDone(); left -= IDLE_MS) {
    await attempt(session, () => idle(session, Math.min(left, IDLE_MS), signal))
    // A round trip proves that the idle connection still works.
    if (left > IDLE_MS && !isDone()) await attempt(session, () => session.client.noop())
  }
  return session.changed
}

async function idle(session: Session, ms: number, signal: AbortSignal): Promise<void> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(ms)])
  // The next command ends IDLE; a failure shows as `close` or in that command.
  session.client.idle().catch(() => undefined)
  await new Promise<void>((resolve) => {
    session.wake = resolve
    stop.addEventListener('abort', () => resolve())
  })
  if (session.lost !== null) throw troubleOf(session.lost, session)
}

// Moves messages out of the open folder (MOVE RFC 6851, UIDPLUS RFC 4315). Must never delete a message without a copy.

const MOVE_BATCH = 200

/** Moves those of `uids` that still exist; creates the other folder when first needed. */
export async function move(
  session: Session,
  uids: readonly number[],
  folder: string
): Promise<void> {
  if (session.client.mailbox === false) await session.client.mailboxOpen(session.folder)
  for (let start = 0; start < uids.length; start += MOVE_BATCH) {
    const present = await session.client.search(
      { uid: uids.slice(start, start + MOVE_BATCH).join(',') },
      { uid: true }
    )
    if (present === false || present === undefined) throw refused(session)
    if (present.length === 0) continue
    await makeFolder(session, folder)
    await moveBatch(session, present, folder)
  }
}

async function makeFolder(session: Session, folder: string): Promise<void> {
  if (session.folders.has(folder)) return
  try {
    const made = await session.client.mailboxCreate(folder)
    if (made.created) await session.client.mailboxSubscribe(folder)
  } catch (error) {
    // Some servers refuse to create an existing folder without naming that reason (RFC 9051 §6.3.4 knows only NO).
    const there = await session.client
      .status(folder, { messages: true })
      .catch(() => false as const)
    if (there === false || session.lost !== null) throw error
  }
  session.folders.add(folder)
}

/**
 * Without MOVE, the library copies, marks only the copied messages as deleted, and expunges exactly those, which needs UIDPLUS.
 * Without UIDPLUS too, the marked messages stay: a plain EXPUNGE would also destroy what people marked in their own clients.
 */
async function moveBatch(session: Session, uids: number[], folder: string): Promise<void> {
  const { client } = session
  const byUid = { uid: true }
  // Capabilities implied by IMAP4rev2 count only if the library enabled it.
  const isRev2 = client.enabled.has('IMAP4REV2')
  if (isRev2 || client.capabilities.has('MOVE') || client.capabilities.has('UIDPLUS')) {
    if (!(await client.messageMove(uids, folder, byUid))) throw moveRefused(session, folder)
    return
  }
  if (!(await client.messageCopy(uids, folder, byUid))) throw moveRefused(session, folder)
  if (!(await client.messageFlagsAdd(uids, ['\\Deleted'], byUid))) throw refused(session)
}

function moveRefused(session: Session, folder: string): Trouble {
  // The folder may have been deleted since, so it is looked up again next time.
  session.folders.delete(folder)
  return new Trouble(
    'imap-mailbox',
    'The IMAP server refused to move mail. Check the folders under imap and the quota of the account.',
    { retryable: true }
  )
}
