/** The desk is stopped while mail is on its way and the IMAP server has fallen silent (G2). */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { runLoops } from '../../src/desk/loop.ts'
import { createBells } from '../../src/desk/persistence.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox, type SendOutcome } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World
afterEach(() => world.close())

/** An IMAP server with one message that answers nothing after that, until its connection is closed. */
function silentServer(raw: Buffer, closed: () => void): Mailbox {
  let fail = (_error: Trouble): void => undefined
  const silence = new Promise<never>((_, reject) => (fail = reject))
  const receivedAt = world.clock.now
  return {
    list: () =>
      Promise.resolve({
        uidValidity: '1',
        waiting: [{ uid: 1, size: raw.length, receivedAt }],
        more: false
      }),
    fetch: () => Promise.resolve({ raw, part: 'whole' }),
    move: () => silence,
    waitForChange: () => silence,
    close: () => {
      closed()
      fail(new Trouble('imap', 'closed', { retryable: true }))
      return Promise.resolve()
    }
  }
}

it('what the SMTP server accepts while the desk stops is recorded, also when IMAP answers nothing (G2)', async () => {
  world = await openWorld({ maintainers: [await someone('grace', 'grace@acme.example')] })
  const alice = await someone('alice', 'alice@reporter.example')
  const raw = Buffer.from(await world.write(alice, { subject: 'x', text: 'y', as: 'clear' }))
  const stop = new AbortController()
  const states = () => world.rows('SELECT DISTINCT state FROM outbox')
  let atClose: unknown
  const mailbox = silentServer(raw, () => {
    atClose ??= states()
  })
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
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

it('an outcome that cannot be recorded while the desk stops ends it with that trouble, not with a crash (G2)', async () => {
  world = await openWorld({ maintainers: [await someone('grace', 'grace@acme.example')] })
  const alice = await someone('alice', 'alice@reporter.example')
  const raw = Buffer.from(await world.write(alice, { subject: 'x', text: 'y', as: 'clear' }))
  const stop = new AbortController()
  const { db } = world.desk
  const full: typeof db.transact = () => {
    throw new Trouble('disk-full', 'The disk is full.', { retryable: true })
  }
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
    openMailbox: () => Promise.resolve(silentServer(raw, () => undefined)),
    sender: {
      send: async () => {
        stop.abort()
        await delay(50)
        Object.assign(world.desk, { db: { ...db, transact: full } })
        return { kind: 'accepted', code: 250 }
      },
      close: () => Promise.resolve()
    }
  }
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    await expect(runLoops(world.desk, edges, createBells(), stop.signal)).rejects.toThrow('full')
  } finally {
    process.off('unhandledRejection', note)
    Object.assign(world.desk, { db })
  }
  expect(unhandled).toEqual([])
})
