/**
 * Takes handled messages out of the inbox (G1). Where the server refuses that (a folder that cannot be made, a mailbox without
 * write permission, a full quota), they stay, marked for people, one alarm tells of it, and it is tried again after a while. What
 * stays is never handled twice: the database knows its UID.
 */
import { BY_DESK, DESK, event } from '../domain/event.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Mailbox } from '../effects/effects.ts'
import * as arrivals from '../store/arrivals.ts'
import { noteChange } from './commit.ts'
import { type Desk } from './desk.ts'

const MOVES = ['mail-moves', 'mail-stays'] as const
const MOVE_PAGE = 100
const AGAIN_MS = 60 * 60_000

/** Until when nothing is moved, on the monotonic clock, and up to which arrival it is marked; a process begins anew. */
export type Stays = { until: number; markedTo: number }

export function nothingStays(): Stays {
  return { until: 0, markedTo: 0 }
}

/** Moves processed messages. After a crash between commit and move, only this is left to do. */
export async function moveHandled(
  desk: Desk,
  mailbox: Mailbox,
  generation: arrivals.Generation,
  stays: Stays = nothingStays()
): Promise<void> {
  if (desk.clock.monotonicMs() >= stays.until) await takeOutRetried(desk, mailbox, stays)
  let after = desk.clock.monotonicMs() < stays.until ? stays.markedTo : 0
  for (;;) {
    const unmoved = desk.db.read((read) =>
      arrivals.listUnmoved(read, generation, { after, limit: MOVE_PAGE })
    )
    const last = unmoved.at(-1)
    if (last === undefined) return
    for (const to of ['processed', 'held'] as const) {
      const rows = unmoved.filter((row) => row.to === to)
      if (rows.length === 0 || (await movePage(desk, mailbox, { rows, to }, stays))) continue
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
async function takeOutRetried(desk: Desk, mailbox: Mailbox, stays: Stays): Promise<void> {
  for (const { id, ...held } of desk.db.read(arrivals.listToTakeOut))
    if (!(await moveOrStay(desk, stays, [id], () => mailbox.takeOut(held)))) return
}

/** False when these messages stay. */
async function movePage(
  desk: Desk,
  mailbox: Mailbox,
  { rows, to }: Page,
  stays: Stays
): Promise<boolean> {
  if (desk.clock.monotonicMs() < stays.until) return false
  const ids = rows.map(({ id }) => id)
  return moveOrStay(desk, stays, ids, () => mailbox.move(uidsOf(rows), to))
}

async function moveOrStay(
  desk: Desk,
  stays: Stays,
  ids: readonly number[],
  move: () => Promise<void>
): Promise<boolean> {
  try {
    await move()
  } catch (error) {
    if (!(error instanceof Trouble && error.code === 'imap-moves')) throw error
    const { code, message: says } = error
    stays.until = desk.clock.monotonicMs() + AGAIN_MS
    desk.log({ event: 'trouble', code, where: 'intake', says, retryInMs: AGAIN_MS })
    noteChange(desk, event('mail-stays', DESK, BY_DESK, {}), MOVES)
    return false
  }
  desk.db.transact((tx) => arrivals.markMoved(tx, ids))
  noteChange(desk, event('mail-moves', DESK, BY_DESK, {}), MOVES)
  return true
}

function uidsOf(rows: Page['rows']): number[] {
  return rows.map(({ uid }) => uid)
}
