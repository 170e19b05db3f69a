/**
 * The parts that every step of the desk works with: the database, the settings and the effects. Built once by app.ts; has no
 * other state.
 */
import { type Sha256 } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import type * as effects from '../effects/effects.ts'
import { type Render } from '../messages/render.ts'
import { type Database } from '../store/database.ts'

export type Desk = {
  readonly db: Database
  readonly settings: Settings
  readonly workers: effects.Workers
  readonly render: Render
  readonly clock: effects.Clock
  readonly randomness: effects.Randomness
  readonly sha256: (data: string | Uint8Array) => Sha256
  readonly log: effects.Log
  /** The next matches of `schedule.digest` after now; empty when it never matches. */
  readonly nextDigestsAt: () => readonly Instant[]
}

/** The network edges; a folder is opened anew after every loss. */
export type Edges = {
  /** Breaks off at once and rejects when `signal` is aborted before it is open. */
  readonly openMailbox: (signal: AbortSignal) => Promise<effects.Mailbox>
  /** The same for the junk folder; null where none is watched. */
  readonly openJunk: ((signal: AbortSignal) => Promise<effects.Mailbox>) | null
  readonly sender: effects.Sender
  /** Name of the inbox, part of an arrival's identity. */
  readonly inbox: string
}
