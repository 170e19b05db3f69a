/**
 * Takes handled messages out of the inbox (G1). Where the server refuses that (a folder that cannot be made, a mailbox without
 * write permission, a full quota) or the connection breaks at it each time, they stay, marked for people, one alarm tells of it,
 * and it is tried again after a while, with one message first: a copy whose answer is lost is made anew each time. What stays is
 * never handled twice: the database knows its UID.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Mailbox } from '../effects/effects.ts'
import * as arrivals from '../store/arrivals.ts'
import * as meta from '../store/meta.ts'
import { noteChange } from './commit.ts'
import { type Desk } from './desk.ts'

const MOVES = ['mail-moves', 'mail-stays'] as const
const MOVE_PAGE = 100
/** How often in a row the connection may break at a move before mail stays. */
const BROKEN_MAX = 3

/** Up to which arrival what stays is marked; a process begins anew. */
export type Stays = { markedTo: number }

export function nothingStays(): Stays {
  return { markedTo: 0 }
}

/** How often in a row moving failed, and until when nothing is moved; kept, since a single run remembers nothing else. */
type Failed = { readonly times: number; readonly until: Instant }

function readFailed({ db }: Desk): Failed | null {
  const stored = db.read((read) => meta.read(read, 'moves-failed')) ?? ''
  return stored === '' ? null : (JSON.parse(stored) as Failed)
}

/** Who mends the mailbox starts the daemon anew. */
export function moveAtOnce(desk: Desk): void {
  const failed = readFailed(desk)
  if (failed !== null) writeFailed(desk, { ...failed, until: desk.clock.now() })
}

function writeFailed({ db }: Desk, failed: Failed): void {
  db.transact((tx) => meta.write(tx, 'moves-failed', JSON.stringify(failed)))
}

function isResting(desk: Desk): boolean {
  const [now, until = ''] = [desk.clock.now(), readFailed(desk)?.until]
  // Not after the clock was set back.
  return now < until && until <= addMs(now, DAY_MS)
}

/** Moves processed messages. After a crash between commit and move, only this is left to do. */
export async function moveHandled(
  desk: Desk,
  mailbox: Mailbox,
  generation: arrivals.Generation,
  stays: Stays = nothingStays()
): Promise<void> {
  if (!isResting(desk)) await takeOutRetried(desk, mailbox)
  let after = isResting(desk) ? stays.markedTo : 0
  for (;;) {
    const limit = isResting(desk) || readFailed(desk) === null ? MOVE_PAGE : 1
    const unmoved = desk.db.read((read) => arrivals.listUnmoved(read, generation, { after, limit }))
    const last = unmoved.at(-1)
    if (last === undefined) return
    for (const to of ['processed', 'held'] as const) {
      const rows = unmoved.filter((row) => row.to === to)
      if (rows.length === 0 || (await movePage(desk, mailbox, { rows, to }))) continue
      const unmarked = rows.filter(({ id }) => id > stays.markedTo)
      if (unmarked.length > 0) await mailbox.mark(uidsOf(unmarked), to)
      after = last.id
    }
    stays.markedTo = Math.max(stays.markedTo, after)
  }
}

type Page = {
  readonly rows: ReturnType<typeof arrivals.listUnmoved>
  readonly to: 'processed' | 'held'
}

/** What the operator had handled again leaves the folder for held mail once it is handled (13). */
async function takeOutRetried(desk: Desk, mailbox: Mailbox): Promise<void> {
  for (const { id, ...held } of desk.db.read(arrivals.listToTakeOut))
    if (!(await moveOrStay(desk, [id], () => mailbox.takeOut(held)))) return
}

/** False when these messages stay. */
async function movePage(desk: Desk, mailbox: Mailbox, { rows, to }: Page): Promise<boolean> {
  const ids = rows.map(({ id }) => id)
  return !isResting(desk) && moveOrStay(desk, ids, () => mailbox.move(uidsOf(rows), to))
}

async function moveOrStay(
  desk: Desk,
  ids: readonly number[],
  move: () => Promise<void>
): Promise<boolean> {
  const before = readFailed(desk)
  try {
    await move()
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    noteFailed(desk, (before?.times ?? 0) + 1, error)
    if (error.code !== 'imap-moves') throw error
    return false
  }
  desk.db.transact((tx) => {
    arrivals.markMoved(tx, ids)
    if (before !== null) meta.write(tx, 'moves-failed', '')
  })
  noteChange(desk, event('mail-moves', DESK, BY_DESK, {}), MOVES)
  return true
}

function noteFailed(desk: Desk, failures: number, { code, message }: Trouble): void {
  const isRefused = code === 'imap-moves'
  const times = isRefused ? Math.max(failures, BROKEN_MAX) : failures
  const retryInMs =
    times < BROKEN_MAX ? 0 : Math.min(HOUR_MS * 2 ** Math.min(times - BROKEN_MAX, 9), DAY_MS)
  writeFailed(desk, { times, until: addMs(desk.clock.now(), retryInMs) })
  if (times < BROKEN_MAX) return
  const says = isRefused ? message : `The connection broke each time mail was moved. ${message}`
  desk.log({ event: 'trouble', code: 'imap-moves', where: 'intake', says, retryInMs })
  noteChange(desk, event('mail-stays', DESK, BY_DESK, {}), MOVES)
}

function uidsOf(rows: Page['rows']): number[] {
  return rows.map(({ uid }) => uid)
}
