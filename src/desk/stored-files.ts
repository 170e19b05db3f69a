/**
 * Opens a stored message once more for its files, where a maintainer asks for them. What fails at that costs no other message.
 */
import { assert } from '../domain/assert.ts'
import { type Decision } from '../domain/decision.ts'
import { type Instant } from '../domain/time.ts'
import { filesOf, sendFiles } from '../policy/files.ts'
import * as arrivals from '../store/arrivals.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'

/** The decisions with the messages that bring files in place of what asks for them. */
export async function withFiles(
  desk: Desk,
  decisions: readonly Decision[],
  now: Instant
): Promise<readonly Decision[]> {
  const all: Decision[] = []
  for (const decision of decisions) {
    if (decision.kind !== 'send-files') all.push(decision)
    else all.push(...sendFiles(decision, await storedFiles(desk, decision, now)))
  }
  return all
}

async function storedFiles(
  desk: Desk,
  { of, isSenderHidden }: { readonly of: number; readonly isSenderHidden: boolean },
  now: Instant
) {
  const raw = rawOf(desk, of)
  if (raw === null) return []
  // Nobody's signature matters for its files.
  const opened = await desk.workers.open(raw(), { now, knownKeys: [] }).catch((error: unknown) => {
    if (isOfOneThing(error)) return null
    throw error
  })
  return filesOf(opened, raw, isSenderHidden)
}

/**
 * Reads the bytes of a stored message, each time anew; null where there are none any more. A large message is in memory only
 * while it is needed.
 */
export function rawOf(desk: Desk, id: number): (() => Uint8Array) | null {
  if (!desk.db.read((read) => arrivals.hasRaw(read, id))) return null
  return () => {
    const raw = desk.db.read((read) => arrivals.readRaw(read, id))
    assert(raw !== null, 'the bytes of a message went while it was handled')
    return raw
  }
}
