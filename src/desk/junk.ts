/**
 * Looks through the junk folder: moves messages for the desk into the inbox, which takes them in as usual, and notes the rest
 * for the digest. Must never delete anything, answer anybody, or open a message again at which the process died.
 */
import { isForDesk, type OpenedMail } from '../domain/mail.ts'
import { Trouble } from '../domain/trouble.ts'
import { type JunkFolder, type Listed } from '../effects/effects.ts'
import { insertJunk } from '../store/junk.ts'
import * as meta from '../store/meta.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import { type Desk, type Edges } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { type FetchFailures, fetchOne } from './intake.ts'
import { isStopped, type Judge, judgeError, persist } from './persistence.ts'

const PAGE = 200
/** IDLE wakes it; without any news it lists again at least this often. */
const LOOK_AGAIN_MS = 5 * 60_000
/** How long to wait before looking again for a folder that does not exist. */
const MISSING_MS = 60 * 60_000

/** A message in one generation of the folder. */
type Place = { readonly uidValidity: string; readonly uid: number }

/** Watches the folder until `signal` is aborted; returns at once when none is configured. */
export async function junkLoop(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  const { openJunk } = edges
  if (openJunk === null) return
  const failures: FetchFailures = new Map()
  const connect = async (worked: () => void): Promise<void> => {
    const junk = await openJunk(signal)
    try {
      while (!isStopped(signal)) {
        await lookAtJunk(desk, junk, { failures, signal })
        worked()
        await junk.waitForChange(LOOK_AGAIN_MS, signal)
      }
    } finally {
      await junk.close()
    }
  }
  await persist(desk, signal, connect, judgeTrouble(desk))
}

/** A single pass (`postern run --once`); trouble with the folder does not stop other work. */
export async function lookAtJunkOnce(desk: Desk, edges: Edges, signal: AbortSignal): Promise<void> {
  if (edges.openJunk === null) return
  try {
    const junk = await edges.openJunk(signal)
    try {
      await lookAtJunk(desk, junk, { failures: new Map(), signal })
    } finally {
      await junk.close()
    }
  } catch (error) {
    if (!isStopped(signal)) judgeTrouble(desk)(error, 0)
  }
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
export async function lookAtJunk(
  desk: Desk,
  junk: JunkFolder,
  options: { readonly failures: FetchFailures; readonly signal: AbortSignal }
): Promise<void> {
  for (;;) {
    const seen = desk.db.read(seenPlace)
    const first = await junk.list({ afterUid: seen?.uid ?? 0, limit: PAGE })
    const isSame = seen === null || seen.uidValidity === first.uidValidity
    // The UIDs now name other messages.
    const page = isSame ? first : await junk.list({ afterUid: 0, limit: PAGE })
    for (const listed of page.waiting) {
      if (options.signal.aborted) return
      await lookAtOne(desk, junk, { uidValidity: page.uidValidity, listed, ...options })
    }
    if (!page.more || page.waiting.length === 0) return
  }
}

async function lookAtOne(
  desk: Desk,
  junk: JunkFolder,
  look: {
    readonly uidValidity: string
    readonly listed: Listed
    readonly failures: FetchFailures
  }
): Promise<void> {
  const { listed, uidValidity } = look
  const place = { uidValidity, uid: listed.uid }
  const opened = await openJunkMail(desk, junk, { place, listed, failures: look.failures })
  if (opened === 'gone') {
    desk.db.transact((tx) => meta.write(tx, 'junk-seen', textOf(place)))
    return
  }
  const isTaken = opened === 'dangerous' || isForDesk(opened, answersCase(desk, opened))
  if (isTaken) {
    await junk.moveToInbox([listed.uid])
    desk.log({ event: 'junk.taken' })
  }
  desk.db.transact((tx) => {
    meta.write(tx, 'junk-seen', textOf(place))
    meta.clear(tx, 'junk-trying')
    if (isTaken) return
    const { from, subject } = opened.outer
    const { receivedAt, size } = listed
    insertJunk(tx, { receivedAt, sender: from?.address ?? '', subject, size })
  })
}

/**
 * `dangerous` is a message that crashed its worker or the process: the inbox counts that, can hold it and tell somebody (G9).
 */
async function openJunkMail(
  desk: Desk,
  junk: JunkFolder,
  mail: { readonly place: Place; readonly listed: Listed; readonly failures: FetchFailures }
): Promise<OpenedMail | 'gone' | 'dangerous'> {
  const { place, listed, failures } = mail
  if (desk.db.read((read) => meta.read(read, 'junk-trying')) === textOf(place)) return 'dangerous'
  const isTooLarge = listed.size > desk.settings.limits.mailBytes
  const fetched = await fetchOne(junk, listed.uid, isTooLarge, { failures, key: textOf(place) })
  if (fetched === null) return 'gone'
  const now = desk.clock.now()
  desk.db.transact((tx) => meta.write(tx, 'junk-trying', textOf(place)))
  try {
    return fetched.part === 'header'
      ? await desk.workers.openHeaders(fetched.raw)
      : await desk.workers.open(fetched.raw, { now, knownKeys: [] })
  } catch (error) {
    if (isOfOneThing(error)) return 'dangerous'
    // This message was not the cause.
    desk.db.transact((tx) => meta.clear(tx, 'junk-trying'))
    throw error
  }
}

/** Whether it refers to a message that the desk sent in a case, as an answer or a bounce does. */
function answersCase(desk: Desk, { outer, bounce }: OpenedMail): boolean {
  const ids = [...outer.references, ...(bounce?.returnedMessageIds ?? [])]
  return desk.db.read((read) => ids.some((id) => outbox.findByMessageId(read, id)?.caseId != null))
}

function textOf({ uidValidity, uid }: Place): string {
  return `${uidValidity} ${uid}`
}

function seenPlace(read: Read): Place | null {
  const [, uidValidity, uid] = /^(\d+) (\d+)$/.exec(meta.read(read, 'junk-seen') ?? '') ?? []
  return uidValidity === undefined ? null : { uidValidity, uid: Number(uid) }
}
