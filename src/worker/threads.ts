/**
 * Which threads there are, and who has a turn on one. A thread takes up to a second to start: a turn is one on a thread that
 * has started, another is started for whom waits longer, and behind a mail that takes long one stands by, so that the next
 * mail finds it when the thread of that mail has to be ended (G9). Must never look into a task.
 */
import { createLanes, type Lane } from './lanes.ts'

/** What is to be known of a thread. */
type Endable = { isAlive(): boolean; end(): Promise<void>; readonly ended: Promise<void> }

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
  /** Whether another thread is worth its start to them. */
  isEager: boolean
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
  private readonly lanes = createLanes<Waiting<T>>()
  private readonly waiting = new Set<Waiting<T>>()
  /** Without work, the one that worked last at the end. */
  private idle: { readonly thread: T; readonly timer: NodeJS.Timeout }[] = []
  private readonly busy = new Set<T>()
  private readonly starts = new Set<Promise<void>>()
  /** Turns that are long by now. */
  private long = 0
  /** Since the last start failed nobody has asked for more: what fails at once would be tried for ever. */
  private isFailing = false
  private readonly closing = new AbortController()
  private refusal: (() => Error) | null = null

  constructor(options: ThreadsOptions<T>) {
    this.options = options
  }

  async enter(lane: Lane): Promise<Turn<T>> {
    if (this.refusal !== null) throw this.refusal()
    let who: Waiting<T> | null = null
    const turn = new Promise<Turn<T>>((take, refuse) => {
      // A large job is worth another thread at once.
      who = { take, refuse, isEager: lane === 'bulk' }
      this.lanes.add(lane, who)
      this.waiting.add(who)
    })
    const timer = setTimeout(() => {
      if (who !== null) who.isEager = true
      this.ask()
    }, WAIT_MS)
    this.ask()
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
    for (let next = this.next(); next !== undefined; next = this.next()) next.refuse(refusal())
    const threads = [...this.idle.map(({ thread }) => thread), ...this.busy]
    for (const { timer } of this.idle) clearTimeout(timer)
    this.idle = []
    await Promise.all([...this.starts, ...threads.map((thread) => thread.end())])
  }

  private next(): Waiting<T> | undefined {
    const who = this.lanes.next()
    if (who !== undefined) this.waiting.delete(who)
    return who
  }

  /** Somebody has come or waits longer now, or a turn is long. */
  private ask(): void {
    this.isFailing = false
    this.serve()
  }

  /** Gives turns while somebody waits and a thread is free, and starts threads where they are wanted. After each change. */
  private serve(): void {
    if (this.refusal !== null) return
    while (this.busy.size < this.options.most && this.waiting.size > 0) {
      const thread = this.free()
      if (thread === undefined) break
      this.busy.add(thread)
      this.next()?.take({
        thread,
        leave: () => {
          this.busy.delete(thread)
          if (thread.isAlive()) this.rest(thread)
          this.serve()
        }
      })
    }
    if (this.isWanted()) this.startOne()
  }

  /** Whether one more thread is wanted than run or start. */
  private isWanted(): boolean {
    if (this.idle.length > 0) return false
    const { most } = this.options
    const all = this.busy.size + this.starts.size
    if (this.waiting.size > 0 && all === 0) return true
    if (this.isFailing) return false
    const eager = [...this.waiting].filter(({ isEager }) => isEager).length
    if (eager > this.starts.size && all < most) return true
    return this.long > 0 && this.starts.size === 0 && all <= most
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
    const timer = setTimeout(() => {
      this.drop(thread)
      if (this.long > 0 && this.idle.length === 0) this.rest(thread)
      else void thread.end()
    }, this.options.idleMs).unref()
    this.idle.push({ thread, timer })
  }

  private drop(thread: T): void {
    for (const each of this.idle) if (each.thread === thread) clearTimeout(each.timer)
    this.idle = this.idle.filter((each) => each.thread !== thread)
  }

  /** A turn behind which a thread stands by as soon as it is long. */
  private watched(leave: () => void): () => void {
    let isLong = false
    const timer = setTimeout(() => {
      isLong = true
      this.long += 1
      this.ask()
    }, LONG_MS)
    return () => {
      clearTimeout(timer)
      if (isLong) this.long -= 1
      leave()
    }
  }

  private startOne(): void {
    const start = this.options.start(this.closing.signal).then(
      async (thread) => {
        this.starts.delete(start)
        if (this.refusal !== null) {
          await thread.end()
          return
        }
        void thread.ended.then(() => {
          this.drop(thread)
          this.serve()
        })
        this.rest(thread)
        this.serve()
      },
      (error: unknown) => {
        this.starts.delete(start)
        this.isFailing = true
        // Whoever would else wait for nothing; the others find a thread, or try anew.
        const isNone = this.busy.size + this.idle.length + this.starts.size === 0
        if (isNone) this.next()?.refuse(error)
        this.serve()
      }
    )
    this.starts.add(start)
    // Several may be wanted at once.
    if (this.isWanted()) this.startOne()
  }
}
