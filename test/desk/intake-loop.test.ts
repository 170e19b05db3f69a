/** The loop that talks to IMAP, with a server of the test's own: what wakes it, what it lists, and how it stops. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { intakeLoop } from '../../src/desk/intake.ts'
import { createBells } from '../../src/desk/persistence.ts'
import { handlePending } from '../../src/desk/work.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World
let raw: Buffer
let stop: AbortController
let loop: Promise<void>
beforeEach(async () => {
  world = await openWorld({ maintainers: [await someone('grace', 'grace@acme.example')] })
  const alice = await someone('alice', 'alice@reporter.example')
  raw = Buffer.from(await world.write(alice, { subject: 'x', text: 'y', as: 'clear' }))
  stop = new AbortController()
})
afterEach(async () => {
  stop.abort()
  await loop
  await world.close()
})

/** One inbox behind any number of connections. */
type Server = {
  readonly inbox: Set<number>
  readonly listed: number[]
  readonly moved: number[]
  connections: number
  /** Called in the middle of a MOVE. */
  moving: () => Promise<void>
  announce: () => void
}

function serverWith(...uids: number[]): Server {
  return {
    inbox: new Set(uids),
    listed: [],
    moved: [],
    connections: 0,
    moving: () => Promise.resolve(),
    announce: () => undefined
  }
}

function connect(server: Server): Mailbox {
  server.connections += 1
  let isChanged = false
  let wake = (): void => undefined
  let fail = (_error: Trouble): void => undefined
  const broken = new Promise<never>((_, reject) => (fail = reject))
  broken.catch(() => undefined)
  server.announce = () => {
    isChanged = true
    wake()
  }
  return {
    list: ({ afterUid }) => {
      server.listed.push(afterUid)
      isChanged = false
      const waiting = [...server.inbox]
        .filter((uid) => uid > afterUid)
        .map((uid) => ({ uid, size: raw.length, receivedAt: world.clock.now }))
      return Promise.resolve({ uidValidity: '1', waiting, more: false })
    },
    fetch: (uid) =>
      Promise.resolve({
        raw: Buffer.concat([Buffer.from(`X-No: ${uid}\r\n`), raw]),
        part: 'whole'
      }),
    move: async (uids) => {
      await Promise.race([server.moving(), broken])
      for (const uid of uids) {
        server.inbox.delete(uid)
        server.moved.push(uid)
      }
    },
    waitForChange: (_timeoutMs, signal) =>
      new Promise((resolve) => {
        wake = () => {
          resolve(isChanged)
        }
        signal.addEventListener('abort', wake, { once: true })
        if (isChanged || signal.aborted) wake()
      }),
    // As with a real connection, a command that waits for its answer fails when the connection is closed.
    close: () => {
      fail(new Trouble('imap', 'closed', { retryable: true }))
      return Promise.resolve()
    }
  }
}

function begin(openMailbox: Edges['openMailbox']): ReturnType<typeof createBells> {
  const bells = createBells()
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
    openMailbox,
    sender: {
      send: () => Promise.reject(new Error('nothing is sent')),
      close: () => Promise.resolve()
    }
  }
  loop = intakeLoop(world.desk, edges, bells, stop.signal)
  return bells
}

const stored = () => world.rows('SELECT uid FROM arrivals ORDER BY id')
const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await delay(5)
}
const handle = async (bells: ReturnType<typeof createBells>): Promise<void> => {
  await handlePending(world.desk, new AbortController().signal, bells.handled.ring)
}

it('handled mail is moved without the inbox being listed again', async () => {
  const server = serverWith(1, 2)
  const bells = begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 2)

  await handle(bells)
  await until(() => server.moved.length === 2)

  expect(server.listed).toEqual([0])
})

it('mail that is announced in the middle of a move is taken in at once, and only it is listed', async () => {
  const server = serverWith(1)
  server.moving = () => {
    server.inbox.add(2)
    server.announce()
    return Promise.resolve()
  }
  const bells = begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 1)

  await handle(bells)
  await until(() => stored().length === 2)

  expect(server.listed).toEqual([0, 1])
})

it('a move that fails breaks the connection, and the next one lists everything and moves it (G1)', async () => {
  const server = serverWith(1)
  let failures = 1
  server.moving = () => {
    failures -= 1
    server.inbox.add(2)
    return failures < 0
      ? Promise.resolve()
      : Promise.reject(new Trouble('imap', 'refused', { retryable: true }))
  }
  const bells = begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 1)

  await handle(bells)
  await until(() => server.moved.includes(1) && stored().length === 2)

  expect(server.connections).toBe(2)
  expect(server.listed.filter((after) => after === 0)).toHaveLength(2)
})

it('the poll lists the whole inbox, whatever the announcements were', async () => {
  const server = serverWith(5)
  const bells = begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 1)
  server.inbox.add(3)

  bells.intake.ring()
  await until(() => stored().length === 2)

  expect(server.listed).toEqual([0, 0])
})

it('what is handled while the desk stops is moved before the connection ends', async () => {
  const server = serverWith(1)
  begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 1)
  await handlePending(world.desk, new AbortController().signal, () => undefined)

  stop.abort()
  await loop

  expect(server.moved).toEqual([1])
})

it('a server that never answers a move does not keep the desk from stopping, and nothing is lost (G1)', async () => {
  const server = serverWith(1)
  let isMoving = false
  server.moving = () => {
    isMoving = true
    return new Promise(() => undefined)
  }
  const bells = begin(() => Promise.resolve(connect(server)))
  await until(() => stored().length === 1)
  await handle(bells)
  await until(() => isMoving)

  stop.abort()
  await loop

  expect(world.rows('SELECT moved FROM arrivals')).toEqual([{ moved: 0 }])
})

it('a connection that is still being made is broken off when the desk stops', async () => {
  let brokenOff: AbortSignal | null = null
  begin(
    (signal) =>
      new Promise((_, reject) => {
        brokenOff = signal
        signal.addEventListener('abort', () => {
          reject(new Trouble('imap', 'broken off', { retryable: true }))
        })
      })
  )

  stop.abort()
  await loop
  expect(brokenOff).toBe(stop.signal)
  expect(world.log).toEqual([])
})
