/** A message whose server announced it smaller than it is: what was not downloaded is never taken for the whole message (G1). */
import { afterEach, expect, it } from 'vitest'
import { takeIn } from '../../src/desk/intake.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World | undefined
afterEach(() => world?.close())

it('a message that proves too large while it is fetched is held, told and never shown as whole (G1)', async () => {
  const grace = await someone('grace', 'grace@acme.example')
  const alice = await someone('alice', 'alice@reporter.example')
  world = await openWorld({ maintainers: [grace] })
  const raw = await world.write(alice, { subject: 'big', text: 'x', as: 'clear' })
  const receivedAt = world.clock.now
  const head = raw.subarray(0, Buffer.from(raw).indexOf('\r\n\r\n') + 2)
  const mailbox: Mailbox = {
    list: () =>
      Promise.resolve({
        uidValidity: '1',
        waiting: [{ uid: 1, size: 10, receivedAt }],
        more: false
      }),
    fetch: () => Promise.resolve({ raw: head, part: 'header' }),
    move: () => Promise.resolve(),
    waitForChange: () => Promise.resolve(false),
    close: () => Promise.resolve()
  }
  const { signal } = new AbortController()

  await takeIn(world.desk, mailbox, {
    inbox: 'INBOX',
    signal,
    stored: () => undefined,
    failures: new Map(),
    from: null
  })
  await world.settle()

  expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
    { state: 'held', disposition: 'too-large' }
  ])
  expect(world.rows('SELECT began_in_clear AS clear FROM case_reporters')).toEqual([{ clear: 0 }])
})
