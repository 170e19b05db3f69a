/** A message that the server lists but cannot deliver: it holds up no other and ends as a held case that people see (G1, G9). */
import { afterEach, expect, it } from 'vitest'
import { type FetchFailures, takeIn } from '../../src/desk/intake.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World | undefined
afterEach(() => world?.close())

it('messages that break every download are each held and told, and the message behind them is handled (G1, G9)', async () => {
  const grace = await someone('grace', 'grace@acme.example')
  const alice = await someone('alice', 'alice@reporter.example')
  world = await openWorld({ maintainers: [grace] })
  const raw = await world.write(alice, { subject: 'fine', text: 'x', as: 'clear' })
  const receivedAt = world.clock.now
  const broken = () => Promise.reject(new Trouble('imap', 'lost', { retryable: true }))
  const mailbox: Mailbox = {
    list: () =>
      Promise.resolve({
        uidValidity: '1',
        waiting: [
          { uid: 1, size: 10, receivedAt },
          { uid: 2, size: raw.length, receivedAt },
          { uid: 3, size: 10, receivedAt }
        ],
        more: false
      }),
    fetch: (uid) => (uid !== 2 ? broken() : Promise.resolve({ raw, part: 'whole' })),
    move: () => Promise.resolve(),
    waitForChange: () => Promise.resolve(false),
    close: () => Promise.resolve()
  }
  const { signal } = new AbortController()
  const failures: FetchFailures = new Map()
  const pass = () =>
    takeIn(world?.desk as World['desk'], mailbox, {
      inbox: 'INBOX',
      signal,
      stored: () => undefined,
      failures,
      from: null
    })

  // The second one that is broken has the same size: it is no duplicate of the first.
  for (let tries = 0; tries < 16; tries += 1) await expect(pass()).rejects.toThrow(Trouble)
  await pass()
  await world.settle()

  expect(world.rows('SELECT uid, state FROM arrivals ORDER BY uid')).toEqual([
    { uid: 1, state: 'held' },
    { uid: 2, state: 'done' },
    { uid: 3, state: 'held' }
  ])
  expect(world.rows("SELECT count(*) AS relays FROM outbox WHERE kind = 'relay'")).toEqual([
    { relays: 3 }
  ])
})
