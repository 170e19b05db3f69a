import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createThreads, type Threads } from '../../../src/worker/threads.ts'

/** A pool whose threads start and end when the test says so. */
class Pool extends EventEmitter {
  private readonly threads: { destroyed: boolean }[] = []
  private waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  /** How many starts were asked for. */
  asked = 0

  readonly start = (): Promise<void> => {
    this.asked += 1
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject })
    })
  }

  async started(): Promise<void> {
    const thread = { destroyed: false }
    this.threads.push(thread)
    this.emit('workerCreate', thread)
    this.waiting.shift()?.resolve()
    await settled()
  }

  async failed(): Promise<void> {
    this.waiting.shift()?.reject(new RangeError('no thread'))
    await settled()
  }

  /** The one that started first is ended. */
  async ended(): Promise<void> {
    const thread = this.threads.shift()
    if (thread === undefined) throw new Error('no thread runs')
    thread.destroyed = true
    this.emit('workerDestroy', thread)
    await settled()
  }
}

let pool: Pool

async function settled(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0)
}

beforeEach(() => {
  vi.useFakeTimers()
  pool = new Pool()
})

afterEach(() => {
  vi.useRealTimers()
})

function threadsFor(most: number): Threads {
  return createThreads(pool, { most, start: pool.start })
}

/** Enters and says whether it has a turn. */
function comer(threads: Threads, lane: 'quick' | 'bulk' = 'quick') {
  const state = { hasTurn: false, error: null as unknown, leave: () => undefined as void }
  threads.enter(lane).then(
    (leave) => {
      Object.assign(state, { hasTurn: true, leave })
    },
    (error: unknown) => {
      state.error = error
    }
  )
  return state
}

/** One who holds the only thread there is. */
async function holder(threads: Threads, lane: 'quick' | 'bulk' = 'quick') {
  const first = comer(threads, lane)
  await settled()
  await pool.started()
  expect(first.hasTurn).toBe(true)
  return first
}

describe('turns on threads', () => {
  it('are given only when a thread has started', async () => {
    const threads = threadsFor(2)
    const first = comer(threads)
    await settled()
    expect(first.hasTurn).toBe(false)
    await pool.started()
    expect(first.hasTurn).toBe(true)
    expect(pool.asked).toBe(1)
  })

  it('go to the next when the thread is free, without another being started for a short wait', async () => {
    const threads = threadsFor(2)
    const first = await holder(threads)
    const second = comer(threads)
    await vi.advanceTimersByTimeAsync(99)
    expect(second.hasTurn).toBe(false)
    first.leave()
    await settled()
    expect(second.hasTurn).toBe(true)
    expect(pool.asked).toBe(1)
  })

  it('are more for whom waits longer, and only once the other thread has started', async () => {
    const threads = threadsFor(2)
    await holder(threads)
    const second = comer(threads)
    await vi.advanceTimersByTimeAsync(250)
    expect(pool.asked).toBe(2)
    expect(second.hasTurn).toBe(false)
    await pool.started()
    expect(second.hasTurn).toBe(true)
  })

  it('are never more than allowed', async () => {
    const threads = threadsFor(1)
    await holder(threads, 'bulk')
    const second = comer(threads)
    await vi.advanceTimersByTimeAsync(1000)
    expect(second.hasTurn).toBe(false)
    expect(pool.asked).toBe(1)
  })

  it('of a large job bring all threads to work at once', async () => {
    const threads = threadsFor(2)
    await holder(threads, 'bulk')
    comer(threads, 'bulk')
    await settled()
    expect(pool.asked).toBe(2)
  })

  it('that are long have a started thread behind them, which serves the next when theirs is ended (G9)', async () => {
    const threads = threadsFor(1)
    const long = await holder(threads)
    await vi.advanceTimersByTimeAsync(301)
    expect(pool.asked).toBe(2)
    await pool.started()
    const next = comer(threads)
    await settled()
    expect(next.hasTurn).toBe(false)
    await pool.ended()
    long.leave()
    await settled()
    expect(next.hasTurn).toBe(true)
    expect(pool.asked).toBe(2)
  })

  it('that are all long have one thread behind them, and another when it is gone', async () => {
    const threads = threadsFor(2)
    await holder(threads)
    comer(threads)
    await vi.advanceTimersByTimeAsync(150)
    await pool.started()
    await vi.advanceTimersByTimeAsync(1000)
    expect(pool.asked).toBe(3)
    await pool.started()
    await vi.advanceTimersByTimeAsync(5000)
    expect(pool.asked).toBe(3)
    await pool.ended()
    await vi.advanceTimersByTimeAsync(301)
    expect(pool.asked).toBe(4)
  })

  it('that are over bring about no thread any more', async () => {
    const threads = threadsFor(2)
    const first = await holder(threads)
    first.leave()
    await vi.advanceTimersByTimeAsync(5000)
    expect(pool.asked).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are refused with the reason when no thread starts, and the next tries anew', async () => {
    const threads = threadsFor(2)
    const first = comer(threads)
    await settled()
    await pool.failed()
    expect(first.error).toBeInstanceOf(RangeError)
    const second = comer(threads)
    await settled()
    await pool.started()
    expect(second.hasTurn).toBe(true)
    expect(vi.getTimerCount()).toBe(1)
  })

  it('go on when the thread behind a long task cannot be started', async () => {
    const threads = threadsFor(1)
    const long = await holder(threads)
    await vi.advanceTimersByTimeAsync(301)
    await pool.failed()
    const next = comer(threads)
    long.leave()
    await settled()
    expect(next.hasTurn).toBe(true)
  })

  it('are refused once closed', async () => {
    const threads = threadsFor(1)
    await holder(threads)
    const waiting = comer(threads)
    threads.close(() => new RangeError('closed'))
    await settled()
    expect(waiting.error).toBeInstanceOf(RangeError)
  })
})
