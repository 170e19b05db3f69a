/**
 * Who of those that wait for a thread is next. In charge of fairness: opening a mail must not wait behind a notice to a
 * thousand members, and the notice must not wait for ever behind a flood of mail.
 */

/** `quick`: one mail or key. `bulk`: one of many pieces of a larger job. */
export type Lane = 'quick' | 'bulk'

/** Two queues, and the order in which they are served. */
export type Lanes<T> = {
  add(lane: Lane, who: T): void
  /** Takes out whoever is next. */
  next(): T | undefined
  /** How many wait. */
  size(): number
}

/** After this many quick ones in a row a bulk one that waits comes first. */
const QUICK_IN_A_ROW = 3

export function createLanes<T>(): Lanes<T> {
  const waiting: Readonly<Record<Lane, T[]>> = { quick: [], bulk: [] }
  let quickInARow = 0
  return {
    add: (lane, who) => {
      waiting[lane].push(who)
    },
    next: () => {
      const isBulkDue = quickInARow >= QUICK_IN_A_ROW && waiting.bulk.length > 0
      const lane = waiting.quick.length > 0 && !isBulkDue ? 'quick' : 'bulk'
      quickInARow = lane === 'quick' ? quickInARow + 1 : 0
      return waiting[lane].shift()
    },
    size: () => waiting.quick.length + waiting.bulk.length
  }
}
