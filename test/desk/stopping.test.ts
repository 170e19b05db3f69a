/** The desk is stopped while mail is on its way and the IMAP server has fallen silent (G2). */
import { afterEach, expect, it } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { runLoops } from '../../src/desk/loop.ts'
import { createBells } from '../../src/desk/wake.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox, type SendOutcome } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World
afterEach(() => world.close())

it('what the SMTP server accepts while the desk stops is recorded, also when IMAP answers nothing (G2)', async () => {
  world = await openWorld({ maintainers: [await someone('grace', 'grace@acme.example')] })
  const alice = await someone('alice', 'alice@reporter.example')
  const raw = Buffer.from(await world.write(alice, { subject: 'x', text: 'y', as: 'clear' }))
  const stop = new AbortController()
  const states = () => world.rows('SELECT DISTINCT state FROM outbox')
  let atClose: unknown
  let fail = (_error: Trouble): void => undefined
  const silence = new Promise<never>((_, reject) => (fail = reject))
  const receivedAt = world.clock.now
  const mailbox: Mailbox = {
    list: () =>
      Promise.resolve({
        uidValidity: '1',
        waiting: [{ uid: 1, size: raw.length, receivedAt }],
        more: false
      }),
    fetch: () => Promise.resolve({ raw, part: 'whole' }),
    fetchHeaders: () => silence,
    move: () => silence,
    waitForChange: () => silence,
    close: () => {
      atClose ??= states()
      fail(new Trouble('imap', 'closed', { retryable: true }))
      return Promise.resolve()
    }
  }
  const edges: Edges = {
    inbox: 'INBOX',
    openMailbox: () => Promise.resolve(mailbox),
    sender: {
      // The server says yes only after the desk was told to stop.
      send: (_mail, signal) =>
        new Promise<SendOutcome>((resolve) => {
          const accept = (): void => {
            resolve({ kind: 'accepted', code: 250 })
          }
          if (signal.aborted) setTimeout(accept, 50)
          else signal.addEventListener('abort', () => setTimeout(accept, 50), { once: true })
          stop.abort()
        }),
      close: () => Promise.resolve()
    }
  }
  const bells = createBells()

  await runLoops(world.desk, edges, bells, stop.signal)

  expect(atClose).toEqual([{ state: 'sent' }])
})
