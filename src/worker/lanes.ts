/**
 * Who may use a worker next. In charge of fairness: opening a mail must not wait behind a notice to a thousand members,
 * and the notice must not wait for ever behind a flood of mail. The pool's own queue is first come, first served and
 * its time limits would count the waiting, so nothing is given to it before a thread is free.
 */

/** `quick`: one mail or key. `bulk`: one of many pieces of a larger job. */
export type Lane = 'quick' | 'bulk'

/** Turns for a fixed number of threads. */
export type Lanes = {
  /** Resolves with the function that ends the turn, to be called once; rejects when the lanes are closed. */
  enter(lane: Lane): Promise<() => void>
  /** Refuses everybody who waits and everybody who comes later, with an error made by `refusal`. */
  close(refusal: () => Error): void
}

type Waiting = { readonly go: () => void; readonly refuse: (error: Error) => void }

/** After this many quick turns in a row a waiting bulk turn comes first. */
const QUICK_IN_A_ROW = 3

/** Lanes for `width` turns at a time (at least 1). */
export function createLanes(width: number): Lanes {
  const waiting = { quick: [] as Waiting[], bulk: [] as Waiting[] }
  let free = Math.max(1, width)
  let quickInARow = 0
  let refusal: (() => Error) | null = null

  function next(): Waiting | undefined {
    const isBulkDue = quickInARow >= QUICK_IN_A_ROW && waiting.bulk.length > 0
    const lane = waiting.quick.length > 0 && !isBulkDue ? 'quick' : 'bulk'
    quickInARow = lane === 'quick' ? quickInARow + 1 : 0
    return waiting[lane].shift()
  }

  function fill(): void {
    while (free > 0 && waiting.quick.length + waiting.bulk.length > 0) {
      free -= 1
      next()?.go()
    }
  }

  function leave(): void {
    free += 1
    fill()
  }

  return {
    enter: (lane) =>
      new Promise((resolve, reject) => {
        if (refusal !== null) {
          reject(refusal())
          return
        }
        waiting[lane].push({
          go: () => {
            resolve(leave)
          },
          refuse: reject
        })
        fill()
      }),
    close: (makeError) => {
      refusal = makeError
      for (const { refuse } of [...waiting.quick.splice(0), ...waiting.bulk.splice(0)]) {
        refuse(makeError())
      }
    }
  }
}
