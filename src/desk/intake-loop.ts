/**
 * The loop that talks to IMAP: connects, lists, stores, moves and waits, and reconnects when the connection breaks. Its memory
 * of the inbox ends with each connection; the server's list is the truth. Must never wait for the work.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Mailbox } from '../effects/effects.ts'
import { type Desk, type Edges } from './desk.ts'
import { type Cursor, type FetchFailures, moveHandled, takeIn } from './intake.ts'
import { judgeError, persist } from './persistence.ts'
import { type Bells } from './wake.ts'

/** IDLE wakes the intake; without any news it lists again at least this often. */
const LIST_AGAIN_MS = 5 * 60_000
/** Collects processed messages for a while before moving them: each MOVE interrupts IDLE. */
const MOVED_WITHIN_MS = 500

/** What the server may still take for the last moves; stopping takes at most 10 s altogether. */
const LAST_COMMANDS_MS = 2000

/** Why a wait ended: new mail was announced, processed messages can be moved, or it is time to list the whole inbox. */
type Woken = 'news' | 'handled' | 'list'

/** Runs until `signal` is aborted; reconnects after every loss. Throws trouble that waiting cannot solve. */
export async function intakeLoop(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  signal: AbortSignal
): Promise<void> {
  const failures: FetchFailures = new Map()
  const connect = async (worked: () => void): Promise<void> => {
    const mailbox = await edges.openMailbox(signal)
    const end = closeWhenStopped(mailbox, signal)
    try {
      await useMailbox(desk, edges, bells, { mailbox, failures, signal, worked })
    } finally {
      end()
      await mailbox.close()
    }
  }
  await persist(desk, signal, connect, judgeError(desk, 'intake'))
}

/** Aborts anything that still waits for the server shortly after the desk is stopped. Returns a function that cancels this. */
function closeWhenStopped(mailbox: Mailbox, signal: AbortSignal): () => void {
  let timer: NodeJS.Timeout | undefined
  const begin = (): void => {
    timer = setTimeout(() => {
      mailbox.close().catch(nothing)
    }, LAST_COMMANDS_MS)
  }
  if (signal.aborted) begin()
  else signal.addEventListener('abort', begin, { once: true })
  return () => {
    signal.removeEventListener('abort', begin)
    clearTimeout(timer)
  }
}

/** Lists, stores, moves and waits on one connection until it breaks or the desk stops. */
async function useMailbox(
  desk: Desk,
  edges: Edges,
  bells: Bells,
  use: {
    readonly mailbox: Mailbox
    readonly failures: FetchFailures
    readonly signal: AbortSignal
    readonly worked: () => void
  }
): Promise<void> {
  const { mailbox, signal } = use
  let cursor: Cursor | null = null
  let woken: Woken = 'list'
  let listAgainAt = 0
  while (!signal.aborted) {
    if (desk.clock.monotonicMs() >= listAgainAt) woken = 'list'
    if (woken === 'list') listAgainAt = desk.clock.monotonicMs() + LIST_AGAIN_MS
    if (woken !== 'handled' || cursor === null) {
      cursor = await takeIn(desk, mailbox, {
        inbox: edges.inbox,
        signal,
        stored: bells.work.ring,
        failures: use.failures,
        // New messages have higher UIDs (RFC 9051 §2.3.1.1); the full list finds what announcements missed.
        from: woken === 'list' ? null : cursor
      })
    }
    await moveHandled(desk, mailbox, cursor)
    use.worked()
    woken = await waitForMail(bells, mailbox, listAgainAt - desk.clock.monotonicMs(), signal)
  }
  // Moves what was processed while stopping; the rest is moved after the next start.
  if (cursor !== null) await moveHandled(desk, mailbox, cursor)
}

/** Sleeps until the server announces mail, processed messages must be moved, or it is time to list everything. */
async function waitForMail(
  bells: Bells,
  mailbox: Mailbox,
  timeoutMs: number,
  signal: AbortSignal
): Promise<Woken> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const news = mailbox.waitForChange(timeoutMs, either)
  const list = bells.intake.wait(timeoutMs, either)
  // Longer than the others: its own timeout would be mistaken for processed messages.
  const handled = bells.handled.wait(2 * LIST_AGAIN_MS, either)
  const moves = handled.then(() => delay(MOVED_WITHIN_MS, null, { signal: either })).catch(nothing)
  let woken: Woken = 'list'
  try {
    woken = await Promise.race([
      news.then((): Woken => 'news'),
      list.then((): Woken => 'list'),
      moves.then((): Woken => 'handled')
    ])
  } finally {
    ended.abort()
    await Promise.allSettled([news, list, moves])
  }
  // Mail announced while something else woke us must not wait for the next announcement.
  return (await news) && woken === 'handled' ? 'news' : woken
}

function nothing(): void {
  // The wait was ended by something else.
}
