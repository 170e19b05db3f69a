/**
 * The worker threads behind {@link Workers}: one task a thread, the most urgent turn first, and in it first come, first served.
 * Messages of strangers leave a thread to the others, and a release has one that nobody else gets (A3). A thread whose task
 * exceeds its time or memory is terminated, and another is started for the next task (G9). Loads neither the crypto nor the
 * parsers, and must never look into what it passes on: hostile bytes never meet the main thread. What crosses is plain data.
 */
import { Worker } from 'node:worker_threads'
import { Invariant } from '../domain/assert.ts'
import { Trouble } from '../domain/trouble.ts'
import { type Log, type Turn, type Workers } from '../effects/effects.ts'
import type * as tasks from './tasks.ts'

const LIMITS = {
  /** Most tasks at a time, each in its own thread. */
  maxThreads: 2,
  /** JavaScript heap of one thread in MiB. Buffers are outside the heap; the message size limits them. */
  memoryMegabytes: 768,
  /** Time limit for one task in milliseconds, without waiting. */
  taskMs: 60_000,
  /** Milliseconds until an idle thread is terminated to free its memory. Starting one again takes up to a second. */
  idleMs: 30_000,
  /** The worker's entry file. */
  workerFile: new URL('./worker.js', import.meta.url)
}

export type WorkerOptions = Partial<typeof LIMITS> & {
  readonly start: tasks.WorkerStart
  /** The first thread, from {@link startAhead}. */
  readonly first?: Worker
  /** Called for every worker that was terminated or died. */
  readonly onEvent: Log
}

/** Shortest time limit for a thread to start and unlock the keys: this does not depend on any message. */
const START_MS_MIN = 60_000

/**
 * Starts the pool and waits until a first worker has unlocked the desk's keys. Throws {@link Trouble} `desk-key` when they
 * cannot be unlocked, `worker-start` when no worker can be started; after `close`, every task throws `stopping`.
 */
export async function createWorkers(options: WorkerOptions): Promise<Workers> {
  const closing = new AbortController()
  const settings: Settings = { ...LIMITS, ...options, closing: closing.signal }
  const lanes = Array.from({ length: settings.maxThreads + 1 }, () => new Lane(settings))
  const queue = new Queue(lanes)
  // The worker runs the task of exactly this name, so its answer has the type of that task.
  const task = <Name extends tasks.TaskName>(name: Name, turn: Turn): tasks.Tasks[Name] =>
    ((...args: unknown[]) =>
      queue.use({ name, turn }, (lane) =>
        lane.run({ name, args } as tasks.TaskCall)
      )) as tasks.Tasks[Name]
  const inTurn = (turn: Turn): Workers => ({
    inTurn,
    open: task('open', turn),
    openHeaders: task('openHeaders', turn),
    seal: task('seal', turn),
    signClear: task('signClear', turn),
    inspectKey: task('inspectKey', turn),
    close: async () => {
      closing.abort()
      await Promise.all(lanes.map((lane) => lane.end()))
    }
  })
  await queue.use({ name: null, turn: 'known' }, (lane) => lane.run(null, options.first))
  return inTurn('known')
}

/**
 * A thread that loads its code and unlocks the keys while it is not known yet what else it needs, for a pool to come. Until then,
 * whoever started it has to end it.
 */
export function startAhead(
  keys: tasks.LockedKeys,
  {
    memoryMegabytes,
    workerFile = LIMITS.workerFile
  }: Pick<WorkerOptions, 'workerFile'> & Pick<Settings, 'memoryMegabytes'>
): Worker {
  return newThread({ memoryMegabytes, workerFile }, keys)
}

function newThread(
  { workerFile, memoryMegabytes }: Pick<Settings, 'workerFile' | 'memoryMegabytes'>,
  start: tasks.WorkerStart | tasks.LockedKeys
): Worker {
  const worker = new Worker(workerFile, {
    workerData: start,
    resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes },
    stdout: true,
    stderr: true
  })
  // A library may write content there (G10).
  worker.stdout.resume()
  worker.stderr.resume()
  // An uncaught error is followed by the exit.
  worker.on('error', () => undefined)
  return worker
}

/** What a place is asked for; null is a start. */
type Asked = { readonly name: tasks.TaskName | null; readonly turn: Turn }
type Place = { readonly lane: Lane; readonly home: Lane[] }
type Waiting = Asked & { readonly begin: (place: Place) => void }

/** Gives places to tasks: the next one that is free goes to the most urgent task that may have it. */
class Queue {
  /** The lane that was used last is the first to be used again. */
  private readonly free: Lane[]
  /** The place of what a release needs where every other one is taken. */
  private readonly spare: Lane[]
  private readonly waiting: Waiting[] = []
  /** Messages of strangers that are being read, and how many may be at a time. */
  private strangers = 0
  private readonly strangersMax: number

  constructor([spare, ...free]: readonly Lane[]) {
    this.spare = spare === undefined ? [] : [spare]
    this.free = free
    this.strangersMax = Math.max(free.length - 1, 1)
  }

  async use<T>(asked: Asked, work: (lane: Lane) => Promise<T>): Promise<T> {
    const { lane, home } = this.placeFor(asked) ?? (await this.waitFor(asked))
    try {
      return await work(lane)
    } finally {
      if (isStrangers(asked)) this.strangers -= 1
      home.push(lane)
      this.serve()
    }
  }

  private waitFor(asked: Asked): Promise<Place> {
    return new Promise((begin) => {
      const after = this.waiting.findIndex(({ turn }) => isBefore(asked.turn, turn))
      this.waiting.splice(after < 0 ? this.waiting.length : after, 0, { ...asked, begin })
    })
  }

  private serve(): void {
    for (const next of [...this.waiting]) {
      if (this.free.length + this.spare.length === 0) return
      const place = this.placeFor(next)
      if (place === null) continue
      this.waiting.splice(this.waiting.indexOf(next), 1)
      next.begin(place)
    }
  }

  private placeFor(asked: Asked): Place | null {
    if (isStrangers(asked) && this.strangers >= this.strangersMax) return null
    for (const home of asked.turn === 'release' ? [this.free, this.spare] : [this.free]) {
      const lane = home.pop()
      if (lane === undefined) continue
      if (isStrangers(asked)) this.strangers += 1
      return { lane, home }
    }
    return null
  }
}

const TURNS: readonly Turn[] = ['release', 'maintainer', 'known', 'stranger']

function isBefore(turn: Turn, other: Turn): boolean {
  return TURNS.indexOf(turn) < TURNS.indexOf(other)
}

/** Whether it reads what a stranger wrote, and so may take all the time that it is given. */
function isStrangers({ name, turn }: Asked): boolean {
  return turn === 'stranger' && (name === 'open' || name === 'openHeaders' || name === 'inspectKey')
}

type Settings = Required<Omit<WorkerOptions, 'first'>> & { readonly closing: AbortSignal }
type Killed = 'worker-limit' | 'worker-crash'

/** A place for one thread, empty until a task needs it. Its owner gives it one task at a time. */
class Lane {
  private readonly settings: Settings
  private worker: Worker | null = null
  private settle: ((answer: tasks.TaskAnswer | Killed) => void) | null = null
  private idle?: NodeJS.Timeout

  constructor(settings: Settings) {
    this.settings = settings
  }

  /** The result of `call`; without one, only starts the thread, or takes `ahead`. */
  async run(call: tasks.TaskCall | null, ahead?: Worker): Promise<unknown> {
    clearTimeout(this.idle)
    try {
      const worker = this.worker ?? (await this.start(ahead))
      return call === null ? null : await this.ask(worker, call)
    } finally {
      this.idle = setTimeout(() => void this.end(), this.settings.idleMs).unref()
    }
  }

  async end(): Promise<void> {
    const { worker } = this
    this.worker = null
    this.settle?.('worker-crash')
    await worker?.terminate()
  }

  private async start(ahead?: Worker): Promise<Worker> {
    const worker = this.newWorker(ahead)
    // A thread that cannot unlock the keys is of no use.
    await this.ask(worker, null).catch((error: unknown) => {
      void this.end()
      throw error
    })
    return worker
  }

  private newWorker(ahead?: Worker): Worker {
    const { start, closing, onEvent } = this.settings
    if (closing.aborted) throw ended('stopping')
    // One that has died has no number any more.
    const isThere = ahead !== undefined && ahead.threadId >= 0
    const worker = isThere ? ahead : newThread(this.settings, start)
    if (isThere) worker.postMessage(start)
    worker.on('message', (answer: tasks.TaskAnswer) => {
      // A thread that was ended may still answer; another task may be waiting by then.
      if (this.worker === worker) this.settle?.(answer)
    })
    worker.on('exit', () => {
      if (this.worker !== worker) return
      this.worker = null
      if (this.settle === null)
        onEvent({ event: 'worker.killed', task: 'idle', code: 'worker-crash' })
      else this.settle('worker-crash')
    })
    this.worker = worker
    return worker
  }

  /** The thread's answer to `call`, or to its start. Terminates a thread that exceeds its time. */
  private async ask(worker: Worker, call: tasks.TaskCall | null): Promise<unknown> {
    const { taskMs, closing, onEvent } = this.settings
    const ms = call === null ? Math.max(taskMs, START_MS_MIN) : taskMs
    let timer: NodeJS.Timeout | undefined
    // Keeps the process alive while a task runs, but not for an idle thread.
    worker.ref()
    try {
      const answer = await new Promise<tasks.TaskAnswer | Killed>((resolve) => {
        this.settle = resolve
        timer = setTimeout(() => resolve('worker-limit'), ms)
        if (call !== null) worker.postMessage(call, handedOver(call))
      })
      if (typeof answer !== 'string') return valueOf(answer, call)
      void this.end()
      if (closing.aborted) throw ended('stopping')
      onEvent({ event: 'worker.killed', task: call?.name ?? 'start', code: answer })
      // A thread that did not start says nothing of the task that waits for it.
      throw ended(call === null ? 'worker-start' : answer)
    } finally {
      clearTimeout(timer)
      this.settle = null
      worker.unref()
    }
  }
}

/** More than any key. */
const LARGE_BYTES = 2 ** 20

/** A large message that is opened is not copied. */
function handedOver({ name, args: [raw] }: tasks.TaskCall): ArrayBuffer[] {
  if (name !== 'open' || !(raw instanceof Uint8Array) || raw.length < LARGE_BYTES) return []
  return raw.buffer instanceof ArrayBuffer && raw.buffer.byteLength === raw.length
    ? [raw.buffer]
    : []
}

/** What fails while a message of the desk is made, or a thread starts, is no fault of a message that came (12). */
function valueOf(answer: tasks.TaskAnswer, call: tasks.TaskCall | null): unknown {
  if (answer.kind === 'done') return answer.value
  if (answer.kind === 'bug') {
    if (call === null) throw ended('worker-start')
    const says = `a worker task failed: ${answer.error}`
    if (call.name !== 'seal' && call.name !== 'signClear') throw new Invariant(says)
    throw new Trouble('desk-fault', says, { retryable: true })
  }
  throw new Trouble(answer.code, answer.message, { retryable: answer.retryable })
}

const HINTS = {
  stopping: 'the workers are being stopped',
  'worker-limit': 'a worker thread was ended: a task took longer than limits.open_seconds allows',
  'worker-crash': 'a worker thread died, for example for lack of memory',
  'worker-start': 'a worker thread did not start, for example for lack of memory'
}

function ended(code: keyof typeof HINTS): Trouble {
  return new Trouble(code, HINTS[code], { retryable: true })
}
