/**
 * How many messages may be handed to the submission server now: as many as it takes connections, which is found out by trying;
 * none for a while after it could not be reached or refused our account; further ones beside those that wait long for an answer.
 */
import { type Line } from './smtp-line.ts'

/** One message on its way, since when, and on which connection. */
export type Job = { readonly since: number; line: Line | null; begun: () => boolean }

export type RoomOptions = {
  /** Most connections at a time; default 8. */
  readonly maxConnections?: number
  /** When a connection on which no answer comes is slow, and when it may be given up for others; defaults 5 s and 60 s. */
  readonly slowMs?: number
  readonly patienceMs?: number
  /** The first pause after the server was not reached; default 1 s, doubled each time up to a minute. */
  readonly pauseMs?: number
}

const CONNECTIONS = 8
/** Slow ones beside them. */
const SLOW_MAX = 12
const PAUSE_MS_MAX = 60_000
/** After a refused password or sender: further attempts would only lock the account. */
const REFUSED_PAUSE_MS = 60_000
const REFUSED_PAUSE_MS_MAX = 30 * 60_000
/** When one more connection is tried after the server refused one. */
const GROW_MS = 10 * 60_000

export const nothingBegun = (): boolean => false

export function createRoom(options: RoomOptions, idle: () => number) {
  const { maxConnections: most = CONNECTIONS } = options
  const { slowMs = 5000, patienceMs = 60_000, pauseMs = 1000 } = options
  const busy = new Set<Job>()
  /** As many connections as the server is known to take, and when one more is tried. */
  let allowed = most
  let growAt = 0
  let pausedUntil = 0
  let pauses = 0

  function free(now: number): number {
    if (allowed < most && now >= growAt) {
      allowed += 1
      growAt = now + GROW_MS
    }
    if (allowed < most) return allowed - busy.size
    const slow = [...busy].filter(({ since }) => now - since >= slowMs).length
    return most + Math.min(slow, SLOW_MAX) - busy.size
  }

  /** Nothing of its message has left, and others wait for its connection. */
  function dropSlowest(now: number): void {
    const [oldest] = [...busy].filter(({ since, begun }) => now - since >= patienceMs && !begun())
    oldest?.line?.close()
  }

  return {
    busy,
    isPaused: () => performance.now() < pausedUntil,
    count: (): number => {
      const now = performance.now()
      if (now < pausedUntil) return 0
      // One message tries whether it is over; another one, where the server only hangs at its recipient.
      if (pauses > 0 && ![...busy].some(({ begun }) => begun())) {
        dropSlowest(now)
        return busy.size === 0 ? 1 : 0
      }
      const places = free(now)
      if (places <= 0) dropSlowest(now)
      return Math.max(places, 0)
    },
    /** Whether a message that has waited so long is slow. */
    isSlow: ({ since }: Job) => performance.now() - since >= slowMs,
    /** Nothing is tried for a while, longer each time. */
    pause: (isRefused: boolean): void => {
      const now = performance.now()
      // Others failed at the same moment.
      if (now < pausedUntil) return
      const [first, longest] = isRefused
        ? [REFUSED_PAUSE_MS, REFUSED_PAUSE_MS_MAX]
        : [pauseMs, PAUSE_MS_MAX]
      pausedUntil = now + Math.min(first * 2 ** Math.min(pauses, 16), longest)
      pauses += 1
    },
    /** The server takes messages of ours. */
    worked: (): void => {
      pauses = 0
    },
    /** Whether another connection stands. */
    hasOpen: () => idle() > 0 || [...busy].some(({ begun }) => begun !== nothingBegun),
    /** The server took no further connection beside the others; false where there are none. */
    isTooMany: (): boolean => {
      const others = busy.size - 1 + idle()
      if (others <= 0) return false
      allowed = Math.min(allowed, others)
      growAt = performance.now() + GROW_MS
      return true
    }
  }
}
