/**
 * Seeded simulations: random messages, SMTP outcomes, crashes and clock steps, with the guarantees checked after every step.
 * `npm test` plays one (desk/simulation.test.ts), `npm run nightly` many.
 */
import { afterEach, describe, expect, it } from 'vitest'
import * as events from '../../src/store/events.ts'
import { alice, bob, DAY, debian, grace, HOUR, linus, MINUTE } from './desk.ts'
import { openWorld, type World } from './world.ts'

let world: World

/** Describes one test for each seed. */
export function describeHistories(seeds: readonly number[]): void {
  describe('any history', () => {
    afterEach(() => {
      world.close()
    })
    it.each(seeds)(
      'keeps G1, G2, G3, G7 and G8 after every step (seed %i)',
      { timeout: 60_000 },
      play
    )
  })
}

const TEXTS = [
  'just a note',
  '/take',
  '/accept',
  '/reply\nhello',
  '/reject upstream\n',
  '/nonsense',
  '/embargo 2026-12-10T12:00:00Z',
  '/notice draft\ndescription: SECRET\naffected_versions: all\nremedy_steps: r\nno_patches: n\n',
  '/notice preview',
  '/notice hold'
]

function checkInvariants(delivered: number): void {
  // G1: every message taken in has a disposition or waits; none is lost.
  const arrivals = world.rows<{
    id: number
    state: string
    raw: Uint8Array | null
    dup: number | null
  }>(
    'SELECT id, state, raw, duplicate_of AS dup FROM arrivals LEFT JOIN arrival_bytes ON arrival_id = id'
  )
  for (const { raw, dup } of arrivals) expect(raw !== null || dup !== null).toBe(true)
  const known = new Set(
    world.rows<{ uid: number }>('SELECT uid FROM arrivals').map(({ uid }) => uid)
  )
  for (let uid = 1; uid <= delivered; uid += 1)
    expect(known.has(uid) || world.inbox.has(uid)).toBe(true)
  // G2: what SMTP accepted was queued, and twice only with the same bytes.
  const forms = new Map<string, string>()
  for (const { messageId, raw } of world.accepted) {
    const bytes = Buffer.from(raw).toString('latin1')
    expect(forms.get(messageId) ?? bytes).toBe(bytes)
    forms.set(messageId, bytes)
  }
  // G3: content never in clear.
  for (const { raw } of world.accepted) expect(Buffer.from(raw).toString()).not.toContain('SECRET')
  // G7: no copy of a notice without an approval on the record, none before its instant.
  const early = world.rows(
    "SELECT id FROM outbox WHERE kind = 'notice' AND attempts > 0 AND not_before > ?",
    [world.clock.now]
  )
  expect(early).toEqual([])
  // G8: the record is whole.
  expect(world.desk.db.read((read) => events.verify(read)).ok).toBe(true)
}

async function play(seed: number): Promise<void> {
  let state = seed * 7919
  const below = (limit: number): number => {
    state = (state * 48_271) % 2_147_483_647
    return state % limit
  }
  const pick = <T>(all: readonly T[]): T => {
    const chosen = all[below(all.length)]
    if (chosen === undefined) throw new Error('nothing to pick')
    return chosen
  }
  world = await openWorld({ maintainers: [grace, linus], acknowledgement: { jitter: 30 } })
  await world.addMember(debian)
  let delivered = 0
  for (let round = 0; round < 40; round += 1) {
    switch (below(8)) {
      case 0:
      case 1:
        delivered = world.deliver(
          await world.write(pick([alice, bob]), {
            subject: 'report',
            text: 'SECRET',
            as: pick(['signed', 'encrypted'] as const),
            autocrypt: below(2) === 0
          })
        )
        break
      case 2:
      case 3:
      case 4: {
        const as = pick(['signed', 'signed', 'signed', 'encrypted', 'clear'] as const)
        const subject = `Re: [ACME-2026-000${1 + below(3)}]`
        // What a maintainer sends in clear is not the desk's secret.
        const text = as === 'clear' ? '/take' : pick(TEXTS)
        delivered = world.deliver(await world.write(pick([grace, linus]), { subject, text, as }))
        break
      }
      case 5:
        world.replies.push(pick(['deferred', 'rejected', 'uncertain'] as const))
        break
      case 6:
        world.pass(pick([1000, MINUTE, HOUR, DAY]))
        break
      default:
        world.dieAt(1 + below(30))
    }
    await world.settle().catch(() => {
      world.restart()
    })
    checkInvariants(delivered)
  }
  world.restart()
  world.replies.length = 0
  for (let round = 0; round < 6; round += 1) {
    await world.wait(9 * HOUR)
  }
  checkInvariants(delivered)
  expect(world.rows("SELECT id FROM arrivals WHERE state = 'pending' OR moved = 0")).toEqual([])
  expect(world.rows("SELECT id FROM outbox WHERE state IN ('queued', 'sending')")).toEqual([])
  const untold = `SELECT id FROM outbox WHERE state = 'given-up'
    AND NOT EXISTS (SELECT 1 FROM events WHERE kind = 'undelivered' AND about ->> 'outbox' = outbox.id)`
  expect(world.rows(untold)).toEqual([])
  expect(world.inbox.size).toBe(0)
}
