/** A fixed number of slots, granted in the order of requests; limits the connections of a sender. */

export type Slots = {
  /** Resolves to a function that releases the slot, or to null when aborted or closed first. */
  take(signal: AbortSignal): Promise<(() => void) | null>
  /** Grants no further slots; resolves when the last one was released. */
  close(): Promise<void>
}

/** `count` slots, at least one. */
export function createSlots(count: number): Slots {
  const total = Math.max(1, count)
  let free = total
  let isClosed = false
  const waiting: (() => void)[] = []
  const closers: (() => void)[] = []

  const giver = (): (() => void) => {
    let isGiven = false
    return () => {
      if (isGiven) return
      isGiven = true
      free += 1
      waiting.shift()?.()
      if (free === total) for (const resolve of closers.splice(0)) resolve()
    }
  }
  return {
    take: (signal) =>
      new Promise((resolve) => {
        if (isClosed || signal.aborted) {
          resolve(null)
          return
        }
        if (free > 0) {
          free -= 1
          resolve(giver())
          return
        }
        const leave = (): void => {
          waiting.splice(waiting.indexOf(turn), 1)
          resolve(null)
        }
        const turn = (): void => {
          signal.removeEventListener('abort', leave)
          if (isClosed) {
            resolve(null)
            return
          }
          free -= 1
          resolve(giver())
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(turn)
      }),
    close: () => {
      isClosed = true
      for (const turn of waiting.splice(0)) turn()
      return free === total
        ? Promise.resolve()
        : new Promise((resolve) => {
            closers.push(resolve)
          })
    }
  }
}
