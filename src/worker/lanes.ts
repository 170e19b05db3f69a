/**
 * Who may use a worker next. In charge of fairness: opening a mail must not wait behind a notice to a thousand members,
 * and the notice must not wait for ever behind a flood of mail. The pool's own queue is first come, first served and
 * its time limits would count the waiting, so nothing is given to it before a thread is free.
 */

/** `quick`: one mail or key. `bulk`: one of many pieces of a larger job. */
export type Lane = 'quick' | 'bulk'

/** Turns for a number of threads. */
export type Lanes = {
  /** Resolves with the function that ends the turn, to be called once; rejects when the lanes are closed. */
  enter(lane: Lane): Promise<() => void>
  /** How many turns are being used. */
  taken(): number
  /** From now on so many turns at a time (at least 1); nobody loses a turn. */
  resize(width: number): void
  /** Refuses everybody who waits and everybody who comes later, with an error made by `refusal`. */
  close(refusal: () => Error): void
}

type Waiting = { readonly go: () => void; readonly refuse: (error: Error) => void }

/** After this many quick turns in a row a waiting bulk turn comes first. */
const QUICK_IN_A_ROW = 3

/** Lanes for `first` turns at a time (at least 1). */
export function createLanes(first: number): Lanes {
  const waiting = { quick: [] as Waiting[], bulk: [] as Waiting[] }
  let width = Math.max(1, first)
  let taken = 0
  let quickInARow = 0
  let refusal: (() => Error) | null = null

  function next(): Waiting | undefined {
    const isBulkDue = quickInARow >= QUICK_IN_A_ROW && waiting.bulk.length > 0
    const lane = waiting.quick.length > 0 && !isBulkDue ? 'quick' : 'bulk'
    quickInARow = lane === 'quick' ? quickInARow + 1 : 0
    return waiting[lane].shift()
  }

  function fill(): void {
    while (taken < width && waiting.quick.length + waiting.bulk.length > 0) {
      taken += 1
      next()?.go()
    }
  }

  function leave(): void {
    taken -= 1
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
    taken: () => taken,
    resize: (to) => {
      width = Math.max(1, to)
      fill()
    },
    close: (makeError) => {
      refusal = makeError
      for (const { refuse } of [...waiting.quick.splice(0), ...waiting.bulk.splice(0)]) {
        refuse(makeError())
      }
    }
  }
}
