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
  const isTried = !isResting(desk)
  const round: Round = { inARow: { processed: 0, held: 0 }, hasMoved: false, isRefused: false }
  let limit = isTried && readFailed(desk) !== null ? 1 : MOVE_PAGE
  if (isTried) await takeOutRetried(desk, mailbox, round)
  for (let after = isTried ? 0 : stays.markedTo; ; limit = MOVE_PAGE) {
    const unmoved = desk.db.read((read) => arrivals.listUnmoved(read, generation, { after, limit }))
    const last = unmoved.at(-1)
    if (last === undefined) break
    for (const to of ['processed', 'held'] as const) {
      const all = unmoved.filter((row) => row.to === to)
      const rows = isTried ? await moveRows(desk, mailbox, { rows: all, to }, round) : all
      await mark(mailbox, { rows: rows.filter(({ id }) => id > stays.markedTo), to })
    }
    after = last.id
    stays.markedTo = Math.max(stays.markedTo, after)
  }
  if (round.hasMoved && !round.isRefused) noteMoving(desk)
}

type Page = {
  readonly rows: ReturnType<typeof arrivals.listUnmoved>
  readonly to: 'processed' | 'held'
}

async function mark(mailbox: Mailbox, { rows, to }: Page): Promise<void> {
  if (rows.length > 0) await mailbox.mark(uidsOf(rows), to)
}

/** How often in a row the server has refused, by folder; after so many it is asked for nothing of that folder until later. */
type Round = {
  readonly inARow: Record<Page['to'], number>
  hasMoved: boolean
  isRefused: boolean
}
const REFUSED_MAX = 4

/** Those that stay. What the server refuses together is tried one by one: a single message keeps no other in the inbox. */
async function moveRows(
  desk: Desk,
  mailbox: Mailbox,
  { rows, to }: Page,
  round: Round
): Promise<Page['rows']> {
  const ids = rows.map(({ id }) => id)
  const move = (): Promise<void> => mailbox.move(uidsOf(rows), to)
  if (ids.length === 0 || (await isMoved(desk, { ids, to, move }, round))) return []
  if (ids.length === 1) return rows
  const stay: (typeof rows)[number][] = []
  for (const row of rows) stay.push(...(await moveRows(desk, mailbox, { rows: [row], to }, round)))
  return stay
}

/** What the operator had handled again leaves the folder for held mail once it is handled (13). */
async function takeOutRetried(desk: Desk, mailbox: Mailbox, round: Round): Promise<void> {
  for (const { id, ...held } of desk.db.read(arrivals.listToTakeOut))
    await isMoved(desk, { ids: [id], to: 'held', move: () => mailbox.takeOut(held) }, round)
}

/** False when these messages stay. */
async function isMoved(
  desk: Desk,
  {
    ids,
    to,
    move
  }: Pick<Page, 'to'> & {
    readonly ids: readonly number[]
    readonly move: () => Promise<void>
  },
  round: Round
): Promise<boolean> {
  if (round.inARow[to] >= REFUSED_MAX) return false
  const times = readFailed(desk)?.times ?? 0
  try {
    await move()
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    if (!round.isRefused) noteFailed(desk, times + 1, error)
    if (error.code !== 'imap-moves') throw error
    round.isRefused = true
    round.inARow[to] += 1
    return false
  }
  round.inARow[to] = 0
  round.hasMoved = true
  desk.db.transact((tx) => {
    arrivals.markMoved(tx, ids)
    if (times < BROKEN_MAX) meta.write(tx, 'moves-failed', '')
  })
  return true
}

/** The server moves what it is asked to. */
function noteMoving(desk: Desk): void {
  if (readFailed(desk) !== null) desk.db.transact((tx) => meta.write(tx, 'moves-failed', ''))
  noteChange(desk, event('mail-moves', DESK, BY_DESK, {}), MOVES)
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
