/**
 * Which threads there are, and who has a turn on one. A thread takes up to a second to start: a turn is one on a thread that
 * has started, another is started for whom waits longer, and behind a mail that takes long one stands by, so that the next
 * mail finds it when the thread of that mail has to be ended (G9). Must never look into a task.
 */
import { createLanes, type Lane } from './lanes.ts'

/** What is to be known of a thread. */
type Endable = { isAlive(): boolean; end(): Promise<void> }

/** The use of one thread; `leave` ends it, to be called once. */
export type Turn<T> = { readonly thread: T; readonly leave: () => void }

/** Turns on threads that have started. */
export type Threads<T> = {
  /** Rejects when they are closed, or with the reason when there is no thread and none could be started. */
  enter(lane: Lane): Promise<Turn<T>>
  /** Ends all threads and refuses everybody who waits or comes later, with an error made by `refusal`. */
  close(refusal: () => Error): Promise<void>
}

export type ThreadsOptions<T> = {
  /** Turns at a time. One more thread may stand by. */
  readonly most: number
  /** Milliseconds after which a thread without work is ended and its memory given back. */
  readonly idleMs: number
  readonly start: (signal: AbortSignal) => Promise<T>
}

type Waiting<T> = {
  readonly take: (turn: Turn<T>) => void
  readonly refuse: (error: unknown) => void
}

/** One mail is many short tasks: another thread is worth its start only to whom waits longer than this. */
const WAIT_MS = 100
/** Whoever takes longer than this may come to a bad end. No limit of time is below a second. */
const LONG_MS = 300

export function createThreads<T extends Endable>(options: ThreadsOptions<T>): Threads<T> {
  return new ThreadsOf(options)
}

class ThreadsOf<T extends Endable> implements Threads<T> {
  private readonly options: ThreadsOptions<T>
  private readonly waiting = createLanes<Waiting<T>>()
  /** Without work, the one that worked last at the end. */
  private idle: { readonly thread: T; readonly timer: NodeJS.Timeout }[] = []
  private readonly busy = new Set<T>()
  private readonly starts = new Set<Promise<void>>()
  /** Turns that are long by now. */
  private long = 0
  private readonly closing = new AbortController()
  private refusal: (() => Error) | null = null

  constructor(options: ThreadsOptions<T>) {
    this.options = options
  }

  async enter(lane: Lane): Promise<Turn<T>> {
    if (this.refusal !== null) throw this.refusal()
    const { most } = this.options
    const turn = new Promise<Turn<T>>((take, refuse) => {
      this.waiting.add(lane, { take, refuse })
    })
    this.serve()
    // A large job is worth another thread at once.
    if (lane === 'bulk') this.startWithin(most)
    const timer = setTimeout(() => {
      this.startWithin(most)
    }, WAIT_MS)
    try {
      const { thread, leave } = await turn
      return { thread, leave: lane === 'quick' ? this.watched(leave) : leave }
    } finally {
      clearTimeout(timer)
    }
  }

  async close(refusal: () => Error): Promise<void> {
    this.refusal = refusal
    this.closing.abort()
    for (let next = this.waiting.next(); next !== undefined; next = this.waiting.next())
      next.refuse(refusal())
    const threads = [...this.idle.map(({ thread }) => thread), ...this.busy]
    for (const { timer } of this.idle) clearTimeout(timer)
    this.idle = []
    await Promise.all([...this.starts, ...threads.map((thread) => thread.end())])
  }

  /** Gives turns while somebody waits and a thread is free; where there is no thread at all, starts one. */
  private serve(): void {
    while (this.busy.size < this.options.most && this.waiting.size() > 0) {
      const thread = this.free()
      if (thread === undefined) break
      this.busy.add(thread)
      this.waiting.next()?.take({
        thread,
        leave: () => {
          this.busy.delete(thread)
          this.rest(thread)
          this.serve()
        }
      })
    }
    const isNone = this.busy.size + this.idle.length + this.starts.size === 0
    if (isNone && this.waiting.size() > 0) this.startOne()
  }

  /** The one that worked last: its code is compiled, and the others come to their end. */
  private free(): T | undefined {
    for (let last = this.idle.pop(); last !== undefined; last = this.idle.pop()) {
      clearTimeout(last.timer)
      if (last.thread.isAlive()) return last.thread
    }
    return undefined
  }

  private rest(thread: T): void {
    if (!thread.isAlive() || this.refusal !== null) return
    const timer = setTimeout(() => {
      this.idle = this.idle.filter((each) => each.thread !== thread)
      const isSpare = this.long > 0 && this.idle.length === 0
      if (isSpare) this.rest(thread)
      else void thread.end()
    }, this.options.idleMs).unref()
    this.idle.push({ thread, timer })
  }

  /** A turn behind which a thread stands by as soon as it is long. */
  private watched(leave: () => void): () => void {
    let isLong = false
    const timer = setTimeout(() => {
      isLong = true
      this.long += 1
      this.startWithin(this.options.most + 1)
    }, LONG_MS)
    return () => {
      clearTimeout(timer)
      if (isLong) this.long -= 1
      leave()
    }
  }

  /** One more thread, where all have work and there are fewer than `atMost`. */
  private startWithin(atMost: number): void {
    this.idle = this.idle.filter(({ thread }) => thread.isAlive())
    const isEnough = this.busy.size + this.starts.size >= atMost
    if (this.refusal === null && this.idle.length === 0 && !isEnough) this.startOne()
  }

  private startOne(): void {
    const start = this.options
      .start(this.closing.signal)
      .then(
        async (thread) => {
          if (this.refusal === null) this.rest(thread)
          else await thread.end()
        },
        (error: unknown) => {
          // Whoever would else wait for nothing; the others find a thread, or try anew.
          if (this.busy.size + this.idle.length === 0) this.waiting.next()?.refuse(error)
        }
      )
      .finally(() => {
        this.starts.delete(start)
        if (this.refusal === null) this.serve()
      })
    this.starts.add(start)
  }
}
