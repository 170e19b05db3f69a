/**
 * Puts the messages that wait into an order (A3, A4). Each gets its place by its header, which a worker reads. Strangers have one
 * lane and everybody else another, so that a message that takes long delays messages of its own kind of sender only. What it
 * remembers of senders is lost when the process ends, and is not needed.
 */
import { addressKey } from '../domain/address.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Turn, type Workers } from '../effects/effects.ts'
import { shareOf, TURNS, turnOf } from '../policy/turn.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import * as members from '../store/members.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { isSignedByMaintainer, returnedIds } from './read-situation.ts'

export const LANES = ['known', 'strangers'] as const
export type Lane = (typeof LANES)[number]

/** From which turn to which a lane serves. */
export const LANE_TURNS = {
  known: { from: TURNS.maintainer, to: TURNS.claimed },
  strangers: { from: TURNS.stranger, to: Number.MAX_SAFE_INTEGER }
} as const satisfies Record<Lane, arrivals.TurnRange>

/** Headers read before the next message is opened. */
const SORTED_TOGETHER = 50

export type Turns = ReturnType<typeof createTurns>

/** The place of a message with this beginning, if it were taken in now. */
export type PlaceOf = (head: Uint8Array) => Promise<arrivals.Place>

/** Gives turns and takes them away, for the life of a run. */
export function createTurns(desk: Desk) {
  desk.db.transact((tx) => arrivals.putBackCrashed(tx, TURNS.stranger + 1))
  /** Maintainers' addresses in whose name somebody else wrote. */
  const doubted = new Set<string>()
  let sorting: Promise<boolean> | null = null

  async function sortSome(): Promise<boolean> {
    const ids = desk.db.read((read) => arrivals.listUnsorted(read, SORTED_TOGETHER))
    const read = await Promise.all(
      ids.map(async (id) => {
        const head = desk.db.read((each) => arrivals.readHead(each, id))
        return { id, ...(await headerOf(desk, head)) }
      })
    )
    if (read.length === 0) return false
    desk.db.transact((tx) => {
      for (const { id, ...head } of read) arrivals.setTurn(tx, id, place(desk, head, doubted, tx))
    }, 'later')
    return true
  }

  const placeOf: PlaceOf = async (head) => {
    const beginning = await headerOf(desk, head)
    return desk.db.read((read) => place(desk, beginning, doubted, read))
  }

  return {
    placeOf,
    /** Gives messages that have none their turns. Both lanes wait for it, and it is done once. Returns whether there were any. */
    sort: (): Promise<boolean> => {
      sorting ??= sortSome().finally(() => {
        sorting = null
      })
      return sorting
    },
    /** A worker died of a message: what its sender wrote waits behind what all others wrote (A4). */
    putBack: ({ id, turn, sender }: arrivals.Arrival): void => {
      const last = Math.max(turn, TURNS.stranger) + 1
      desk.db.transact((tx) => {
        if (sender === '') arrivals.setTurn(tx, id, { turn: last, sender, share: 'unproved' })
        // What is proved to be theirs does not pay for what claims to be.
        else arrivals.moveTurns(tx, sender, { from: turn, to: last, turn: last })
      })
    },
    /** One in a maintainer's name was opened, or a worker died of it: what else waits in that name loses its turn or keeps it. */
    judge: ({ id, turn, sender }: arrivals.Arrival, opened: OpenedMail | null): void => {
      const isTheirs = opened !== null && isSignedByMaintainer(desk, opened)
      if (isTheirs) doubted.delete(sender)
      if (isTheirs || turn !== TURNS.claimed) return
      doubted.add(sender)
      const others = { from: TURNS.claimed, to: TURNS.claimed, turn: TURNS.stranger, but: id }
      desk.db.transact((tx) => arrivals.moveTurns(tx, sender, others))
    }
  }
}

/** What is read of a message for its place; `opened` is null where the worker dies of it. */
type Beginning = { readonly opened: OpenedMail | null; readonly isWhole: boolean }

function place(
  desk: Desk,
  { opened, isWhole }: Beginning,
  doubted: ReadonlySet<string>,
  read: Read
): arrivals.Place {
  const address = opened?.outer.from?.address ?? null
  const sender = address === null ? '' : addressKey(address)
  if (opened === null) return { turn: TURNS.stranger, sender, share: 'unproved' }
  const isKnown =
    address !== null &&
    (cases.wasAnswered(read, address) || members.findByAddress(read, address) !== null)
  // A bounce may name the message in its text, or in its own recipient alone.
  const returned = outbox.listNamed(read, returnedIds(desk, opened))
  const answered = outbox.listNamed(read, opened.outer.references)
  const facts = { opened, isWhole, answered, returned, isKnown, isDoubted: doubted.has(sender) }
  const turn = turnOf(facts, desk.settings)
  const last = turn < TURNS.stranger || sender === '' ? turn : arrivals.lastTurnOf(read, sender)
  return { turn: Math.max(turn, last), sender, share: shareOf(opened, turn, desk.settings) }
}

async function headerOf({ workers }: Desk, head: Uint8Array): Promise<Beginning> {
  const isWhole = head.length < arrivals.HEAD_BYTES
  try {
    return { opened: await workers.inTurn('maintainer').openHeaders(head), isWhole }
  } catch (error) {
    if (!isOfOneThing(error)) throw error
    return { opened: null, isWhole }
  }
}

/** The workers for a message of this turn. */
export function workersFor({ workers }: Desk, turn: number): Workers {
  const turns: readonly Turn[] = ['maintainer', 'known', 'maintainer']
  return workers.inTurn(turns[turn] ?? 'stranger')
}
