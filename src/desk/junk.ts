/**
 * Looks through the junk folder: moves messages for the desk into the inbox, which takes them in as usual, and notes the rest
 * for the digest. Must never delete anything, answer anybody, or open a message again at which the process died.
 */
import { type Fetched, isForDesk, type Listed, type OpenedMail } from '../domain/mail.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Mailbox } from '../effects/effects.ts'
import * as arrivals from '../store/arrivals.ts'
import { insertJunk } from '../store/junk.ts'
import * as meta from '../store/meta.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import { noteAccount } from './account.ts'
import { type Desk, type Edges } from './desk.ts'
import { isOfOneThing, isStopped, type Judge, judgeError, persist } from './faults.ts'
import {
  counted,
  type FetchFailures,
  fetchOne,
  NOTHING_FETCHED,
  nameOf,
  type Place,
  pages,
  timesOf
} from './intake.ts'

/**
 * Empty answers about a message that is listed, or broken connections at it, before it is moved unread into the inbox, which lets
 * it rest while others are served. After as many broken moves it is taken in from here: what is behind it never waits for long.
 */
const UNANSWERED_MAX = 3
/** So often a single run opens the folder: the next one goes on. */
const PASSES_MAX = 20
/** IDLE wakes it; without any news it lists again at least this often. */
const LOOK_AGAIN_MS = 5 * 60_000
/** How long to wait before looking again for a folder that does not exist. */
const MISSING_MS = 60 * 60_000

type Looking = { readonly failures: FetchFailures; readonly signal: AbortSignal }

/** Watches the folder until `signal` is aborted; returns at once when none is configured. */
export async function junkLoop(
  desk: Desk,
  { openJunk, ...edges }: Edges,
  signal: AbortSignal,
  noted: () => void = () => undefined
): Promise<void> {
  if (openJunk === null) return
  const looking = { failures: new Map(), signal }
  // A login that is refused here is refused for the inbox, too.
  const open = (stop: AbortSignal): Promise<Mailbox> =>
    openJunk(stop).catch((error: unknown) => {
      const isRefused = error instanceof Trouble && error.code === 'imap-auth'
      if (isRefused && !stop.aborted) noteAccount(desk, error, noted)
      throw error
    })
  const connect = (worked: () => void): Promise<void> =>
    withJunk({ ...edges, openJunk: open }, signal, async (junk) => {
      while (!isStopped(signal)) {
        await lookAtJunk(desk, junk, looking)
        worked()
        await junk.waitForChange(LOOK_AGAIN_MS, signal)
      }
    })
  await persist(desk, signal, connect, judgeTrouble(desk))
}

/**
 * A single pass (`postern run --once`), which goes on at a message at which the connection breaks; trouble with the folder does
 * not stop other work.
 */
export async function lookAtJunkOnce(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  const looking = { failures: new Map(), signal }
  for (let passes = 0; passes < PASSES_MAX && !isStopped(signal); passes += 1)
    try {
      await withJunk(edges, signal, (junk) => lookAtJunk(desk, junk, looking))
      return
    } catch (error) {
      if (!isStopped(signal)) judgeTrouble(desk)(error, 0)
      if (looking.failures.size === 0) return
    }
}

async function withJunk(
  { openJunk }: Edges,
  signal: AbortSignal,
  use: (junk: Mailbox) => Promise<void>
): Promise<void> {
  const junk = await openJunk?.(signal)
  if (junk !== undefined) await use(junk).finally(() => junk.close())
}

/** The folder may be missing for long, which does not end the desk. */
function judgeTrouble(desk: Desk): Judge {
  const others = judgeError(desk, 'junk')
  return (error, retryInMs) => {
    if (!(error instanceof Trouble && error.code === 'imap-mailbox' && !error.retryable))
      return others(error, retryInMs)
    desk.log({ event: 'junk.missing' })
    return MISSING_MS
  }
}

/** One pass over the messages that came since the last pass. */
export async function lookAtJunk(desk: Desk, junk: Mailbox, looking: Looking): Promise<void> {
  for await (const { uidValidity, waiting } of pages(junk, desk.db.read(seenPlace)))
    for (const listed of waiting) {
      if (looking.signal.aborted) return
      await lookAtOne(desk, junk, { uidValidity, ...listed }, looking.failures)
    }
}

async function lookAtOne(
  desk: Desk,
  junk: Mailbox,
  mail: Place & Listed,
  failures: FetchFailures
): Promise<void> {
  const opened = await openJunkMail(desk, junk, mail, failures)
  const isTaken =
    opened === 'dangerous' || (opened !== null && isForDesk(opened, answersCase(desk, opened)))
  if (isTaken) await take(desk, junk, mail, failures)
  desk.db.transact((tx) => {
    meta.write(tx, 'junk-seen', nameOf(mail))
    meta.write(tx, 'junk-trying', '')
    if (isTaken || opened === null) return
    const { from, subject } = opened.outer
    const { receivedAt, size } = mail
    insertJunk(tx, {
      receivedAt: receivedAt ?? desk.clock.now(),
      sender: from?.address ?? '',
      subject,
      size
    })
  })
}

/** Moves it into the inbox; where the server refuses that or breaks at it, it is taken in from here, and stays. */
async function take(
  desk: Desk,
  junk: Mailbox,
  mail: Place & Listed,
  failures: FetchFailures
): Promise<void> {
  const moving = { ...mail, uidValidity: `move ${mail.uidValidity}` }
  const isMoved =
    timesOf(moving, failures) < UNANSWERED_MAX &&
    (await isDone(counted(desk, moving, failures, () => junk.move([mail.uid], 'inbox'))))
  if (!isMoved) {
    const isBroken = timesOf(mail, failures) >= UNANSWERED_MAX
    const fetched = isBroken ? null : await fetchOne(desk, junk, mail, failures)
    const now = desk.clock.now()
    const at = { receivedAt: mail.receivedAt ?? now, arrivedAt: now }
    const { uidValidity, uid, size } = mail
    const place = { mailbox: 'junk', uidValidity, uid, size, ...at }
    const bytes = fetched ?? NOTHING_FETCHED
    desk.db.transact((tx) => arrivals.add(tx, { ...place, ...bytes }, now))
  }
  for (const one of [mail, moving]) failures.delete(nameOf(one))
  desk.log({ event: 'junk.taken' })
}

/** False where the server refuses the move. */
async function isDone(move: Promise<void>): Promise<boolean> {
  try {
    await move
    return true
  } catch (error) {
    if (!(error instanceof Trouble && error.code === 'imap-moves')) throw error
    return false
  }
}

/**
 * Null when it is gone. `dangerous` is a message that crashed its worker or the process: the inbox counts that, can hold it and
 * tell somebody (G9).
 */
async function openJunkMail(
  desk: Desk,
  junk: Mailbox,
  mail: Place & Listed,
  failures: FetchFailures
): Promise<OpenedMail | 'dangerous' | null> {
  if (desk.db.read((read) => meta.read(read, 'junk-trying')) === nameOf(mail)) return 'dangerous'
  const fetched = await fetchListed(desk, junk, mail, failures)
  if (fetched === null || fetched === 'dangerous') return fetched
  desk.db.transact((tx) => meta.write(tx, 'junk-trying', nameOf(mail)))
  const workers = desk.workers.inTurn('stranger')
  try {
    return fetched.part === 'header'
      ? await workers.openHeaders(fetched.raw)
      : await workers.open(fetched.raw, { now: desk.clock.now(), knownKeys: [] })
  } catch (error) {
    if (isOfOneThing(error)) return 'dangerous'
    // This message was not the cause.
    desk.db.transact((tx) => meta.write(tx, 'junk-trying', ''))
    throw error
  }
}

/** Null when it is not listed any more; of one that is, and of which the server gives nothing, the inbox tells somebody (G1). */
async function fetchListed(
  desk: Desk,
  junk: Mailbox,
  mail: Place & Listed,
  failures: FetchFailures
): Promise<Fetched | 'dangerous' | null> {
  while (timesOf(mail, failures) < UNANSWERED_MAX) {
    const fetched = await fetchOne(desk, junk, mail, failures)
    if (fetched !== null) return fetched
    const { uidValidity, waiting } = await junk.list({ afterUid: mail.uid - 1, limit: 1 })
    if (uidValidity !== mail.uidValidity || waiting[0]?.uid !== mail.uid) return null
  }
  return 'dangerous'
}

/** Whether it refers to a message that the desk sent in a case, as an answer or a bounce does. */
function answersCase(desk: Desk, { outer, bounce }: OpenedMail): boolean {
  const ids = [...outer.references, ...(bounce?.returnedMessageIds ?? [])]
  return desk.db.read((read) => outbox.listNamed(read, ids).some(({ tag }) => tag !== null))
}

function seenPlace(read: Read): Place | null {
  const [, uidValidity, uid] = /^(\d+) (\d+)$/.exec(meta.read(read, 'junk-seen') ?? '') ?? []
  return uidValidity === undefined ? null : { uidValidity, uid: Number(uid) }
}
