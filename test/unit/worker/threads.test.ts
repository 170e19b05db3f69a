import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Lane } from '../../../src/worker/lanes.ts'
import { createThreads, type Threads } from '../../../src/worker/threads.ts'

const IDLE_MS = 10_000

/** A thread that does nothing and ends when it is told to. */
class FakeThread {
  private alive = true
  private tell: () => void = () => undefined
  readonly name: number
  readonly ended = new Promise<void>((resolve) => {
    this.tell = resolve
  })
  constructor(name: number) {
    this.name = name
  }
  isAlive(): boolean {
    return this.alive
  }
  async end(): Promise<void> {
    this.alive = false
    this.tell()
    await this.ended
  }
}

type Start = { readonly resolve: (thread: FakeThread) => void; readonly reject: (e: Error) => void }

/** Every start that was asked for, and what came of it. */
let asked: FakeThread[] = []
let pending: Start[] = []
let threads: Threads<FakeThread>

function begin(most: number): void {
  asked = []
  pending = []
  threads = createThreads({
    most,
    idleMs: IDLE_MS,
    start: () =>
      new Promise((resolve, reject) => {
        pending.push({ resolve, reject })
      })
  })
}

async function settled(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

/** How many are starting. */
function starting(): number {
  return pending.length
}

async function started(): Promise<FakeThread> {
  const thread = new FakeThread(asked.length)
  asked.push(thread)
  pending.shift()?.resolve(thread)
  await settled()
  return thread
}

async function failed(): Promise<void> {
  pending.shift()?.reject(new RangeError('no thread'))
  await settled()
}

/** One who enters, and what became of it. */
function comer(lane: Lane = 'quick') {
  const state = {
    thread: null as FakeThread | null,
    error: null as unknown,
    leave: async (): Promise<void> => settled()
  }
  threads.enter(lane).then(
    ({ thread, leave }) => {
      state.thread = thread
      state.leave = async () => {
        leave()
        await settled()
      }
    },
    (error: unknown) => {
      state.error = error
    }
  )
  return state
}

/** One who has the only thread there is. */
async function holder(lane: Lane = 'quick') {
  const first = comer(lane)
  await settled()
  await started()
  expect(first.thread).not.toBeNull()
  return first
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('turns on threads', () => {
  it('are given only when a thread has started', async () => {
    begin(2)
    const first = comer()
    await settled(50)
    expect([starting(), first.thread]).toEqual([1, null])
    await started()
    expect(first.thread?.name).toBe(0)
  })

  it('go on with the thread that worked last, and start no other for a short wait', async () => {
    begin(2)
    const first = await holder()
    const second = comer()
    await settled(99)
    expect([starting(), second.thread]).toEqual([0, null])
    await first.leave()
    expect(second.thread?.name).toBe(0)
    await settled(5)
    expect(starting()).toBe(0)
  })

  it('start another thread for whom waits longer, and never wait for it while one is free sooner', async () => {
    begin(2)
    const first = await holder()
    const second = comer()
    await settled(101)
    expect([starting(), second.thread]).toEqual([1, null])
    await first.leave()
    expect(second.thread?.name).toBe(0)
    const third = comer()
    await started()
    expect(third.thread?.name).toBe(1)
  })

  it('are never more than allowed, whatever stands by', async () => {
    begin(1)
    await holder()
    const second = comer('bulk')
    await settled(301)
    await started()
    await settled(5000)
    expect([second.thread, starting()]).toEqual([null, 0])
  })

  it('of a large job start another thread at once, and give none of it to whom has not started', async () => {
    begin(2)
    const first = await holder()
    await first.leave()
    const pieces = Array.from({ length: 4 }, () => comer('bulk'))
    const quick = comer()
    await settled()
    expect(starting()).toBe(1)
    expect(pieces.map(({ thread }) => thread?.name)).toEqual([0, ...Array<undefined>(3)])
    await pieces[0]?.leave()
    expect(quick.thread?.name).toBe(0)
  })

  it('of a large job have nothing stand by behind them', async () => {
    begin(1)
    await holder('bulk')
    await settled(5000)
    expect(starting()).toBe(0)
  })

  it('that are long have a started thread behind them, which serves the next when theirs is ended (G9)', async () => {
    begin(1)
    const long = await holder()
    await settled(299)
    expect(starting()).toBe(0)
    await settled(2)
    expect(starting()).toBe(1)
    await started()
    const next = comer()
    await settled()
    expect(next.thread).toBeNull()
    await long.thread?.end()
    await long.leave()
    expect(next.thread?.name).toBe(1)
    expect(starting()).toBe(0)
  })

  it('that are long need no other thread where one is free', async () => {
    begin(2)
    await holder()
    const second = comer()
    await settled(101)
    await started()
    await second.leave()
    await settled(1000)
    expect(starting()).toBe(0)
  })

  it('that are all long have one thread behind them', async () => {
    begin(2)
    await holder()
    comer()
    await settled(101)
    await started()
    await settled(301)
    expect(starting()).toBe(1)
    await started()
    await settled(5000)
    expect(starting()).toBe(0)
  })

  it('never count a thread that was ended', async () => {
    begin(2)
    const first = await holder()
    const second = comer()
    await settled(101)
    await started()
    const [third, fourth] = [comer(), comer()]
    await second.thread?.end()
    await second.leave()
    expect([third.thread, fourth.thread]).toEqual([null, null])
    await first.leave()
    expect([third.thread?.name, fourth.thread]).toEqual([0, null])
  })

  it('that are long get another thread behind them when theirs was taken for something else (G9)', async () => {
    begin(2)
    const long = await holder()
    await settled(301)
    await started()
    const piece = comer('bulk')
    await settled()
    expect([piece.thread?.name, starting()]).toEqual([1, 1])
    const next = comer()
    await settled(301)
    expect([next.thread, starting()]).toEqual([null, 1])
    await started()
    expect(next.thread).toBeNull()
    await long.thread?.end()
    await long.leave()
    expect(next.thread?.name).toBe(2)
  })

  it('start a thread for whom has waited long as soon as there is room for one', async () => {
    begin(2)
    const first = await holder('bulk')
    const second = comer('bulk')
    await settled()
    await started()
    const next = comer()
    await settled(5000)
    expect([next.thread, starting()]).toEqual([null, 0])
    await first.thread?.end()
    await first.leave()
    expect(starting()).toBe(1)
    await second.leave()
    expect(next.thread?.name).toBe(1)
  })

  it('start one thread for one who waits', async () => {
    begin(2)
    comer()
    await settled(1000)
    expect(starting()).toBe(1)
  })

  it('are refused only when no other start may succeed', async () => {
    begin(2)
    const [first, second] = [comer(), comer()]
    await settled(101)
    expect(starting()).toBe(2)
    await failed()
    expect([first.error, second.error]).toEqual([null, null])
    await started()
    expect(first.thread?.name).toBe(0)
  })

  it('that are long get another thread behind them when the first dies', async () => {
    begin(1)
    await holder()
    await settled(301)
    const spare = await started()
    await spare.end()
    await settled()
    expect(starting()).toBe(1)
  })

  it('do not try for ever what fails at once', async () => {
    begin(1)
    await holder()
    await settled(301)
    await failed()
    await settled(5000)
    expect(starting()).toBe(0)
  })

  it('start a thread for whom waits when the only one was ended', async () => {
    begin(1)
    const first = await holder()
    const next = comer()
    await first.thread?.end()
    await first.leave()
    expect(starting()).toBe(1)
    await started()
    expect(next.thread?.name).toBe(1)
  })

  it('are refused with the reason when no thread starts, each with its own', async () => {
    begin(2)
    const [first, second] = [comer(), comer()]
    await settled()
    await failed()
    expect(first.error).toBeInstanceOf(RangeError)
    expect([second.error, starting()]).toEqual([null, 1])
    await started()
    expect(second.thread?.name).toBe(0)
  })

  it('go on when the thread behind a long one cannot be started', async () => {
    begin(1)
    const long = await holder()
    await settled(301)
    const next = comer()
    await failed()
    expect(next.error).toBeNull()
    await long.leave()
    expect(next.thread?.name).toBe(0)
  })

  it('never go to a thread that died while it had nothing to do', async () => {
    begin(1)
    const first = await holder()
    await first.leave()
    await first.thread?.end()
    const next = comer()
    await settled()
    expect([next.thread, starting()]).toEqual([null, 1])
  })
})

describe('threads without work', () => {
  it('are ended after a while', async () => {
    begin(1)
    const first = await holder()
    await first.leave()
    await settled(IDLE_MS - 1)
    expect(first.thread?.isAlive()).toBe(true)
    await settled(1)
    expect(first.thread?.isAlive()).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('stay as long as one stands by behind a long turn, and are ended after it', async () => {
    begin(1)
    const long = await holder()
    await settled(301)
    const spare = await started()
    await settled(5 * IDLE_MS)
    expect([spare.isAlive(), starting()]).toEqual([true, 0])
    await long.leave()
    await settled(2 * IDLE_MS)
    expect([spare.isAlive(), long.thread?.isAlive()]).toEqual([false, false])
  })
})

describe('closed threads', () => {
  it('are ended, busy or idle, and refuse everybody', async () => {
    begin(2)
    const first = await holder()
    const second = comer()
    await settled(101)
    const idle = await started()
    await second.leave()
    const waiting = [comer(), comer()]
    await settled()
    await threads.close(() => new RangeError('closed'))
    await settled()
    expect([first.thread?.isAlive(), idle.isAlive()]).toEqual([false, false])
    expect(waiting[1]?.error).toBeInstanceOf(RangeError)
    const late = [comer(), comer('bulk')]
    await settled(1000)
    for (const { error } of late) expect(error).toBeInstanceOf(RangeError)
    expect(starting()).toBe(0)
  })

  it('wait for one that is starting, and end it', async () => {
    begin(1)
    comer()
    await settled()
    let isClosed = false
    const closing = threads.close(() => new RangeError('closed')).then(() => (isClosed = true))
    await settled()
    expect(isClosed).toBe(false)
    const thread = await started()
    await closing
    expect(thread.isAlive()).toBe(false)
  })
})
