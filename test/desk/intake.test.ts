/**
 * How the desk talks to IMAP and runs its loops, with a server of the test's own: what wakes it, what it lists and stores, what it
 * does about a message that cannot be fetched, about numbers that change and about a key that cannot sign, and how it stops.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { type Bells, createBells } from '../../src/desk/faults.ts'
import {
  type FetchFailures,
  intakeLoop,
  type Place,
  type Taken,
  takeIn
} from '../../src/desk/intake.ts'
import { runLoops, runOnce } from '../../src/desk/loop.ts'
import { createHandler, handlePending } from '../../src/desk/work.ts'
import { type SendOutcome } from '../../src/domain/outgoing.ts'
import { type Instant } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import {
  alarms,
  alice,
  DAY,
  givenDesk,
  grace,
  HOUR,
  kindsTo,
  lastTo,
  MINUTE,
  recorded,
  unhandledIn,
  world
} from '../support/desk.ts'
import { folderOf, type Letter } from '../support/world.ts'

const YEAR = 365 * DAY
const broken = () => Promise.reject(new Trouble('imap', 'lost', { retryable: true }))
const silence = new Promise<never>(() => undefined)
const signal = new AbortController().signal
const ignored = () => undefined

/** A server with these messages, which announces nothing; what differs is given. */
function serverWith(messages: ReadonlyMap<number, Uint8Array>, changes: Partial<Mailbox> = {}) {
  const asked: number[] = []
  const folder = folderOf(messages, () => world.clock.now)
  const mailbox: Mailbox = {
    ...folder,
    list: (range) => {
      asked.push(range.afterUid)
      return folder.list(range)
    },
    waitForChange: (_ms, stop) =>
      new Promise((resolve) => {
        stop.addEventListener('abort', () => {
          resolve(false)
        })
      }),
    ...changes
  }
  return { asked, mailbox }
}
function messages(...uids: readonly number[]): Map<number, Uint8Array> {
  return new Map(uids.map((uid) => [uid, Buffer.from(`Subject: ${uid}\r\n\r\n`)]))
}
/** One pass over the inbox. */
function pass(
  mailbox: Mailbox,
  from: Place | null = null,
  failures: FetchFailures = new Map()
): Promise<Taken> {
  const { placeOf } = createHandler(world.desk)
  const taking = { inbox: 'INBOX', signal, stored: ignored, failures, from, placeOf }
  return takeIn(world.desk, mailbox, taking)
}
function edgesOf(mailbox: Mailbox, send: Edges['sender']['send']): Edges {
  const openMailbox = () => Promise.resolve(mailbox)
  const sender = { room: () => 8, send, close: () => Promise.resolve() }
  return { inbox: 'INBOX', openJunk: null, openMailbox, sender }
}
async function written(letter: Partial<Letter> = {}): Promise<Buffer> {
  return Buffer.from(await world.write(alice, { subject: 'x', text: 'y', as: 'clear', ...letter }))
}
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await delay(5)
}
const stored = () => world.column<number>('SELECT uid FROM arrivals ORDER BY id')
const handled = () => world.column("SELECT state || ' ' || disposition FROM arrivals ORDER BY uid")

describe('a pass over the inbox', () => {
  it('lists after news only what came later, however much waits in the inbox', async () => {
    await givenDesk()
    const inbox = messages(1, 2, 3)
    const { asked, mailbox } = serverWith(inbox)
    const cursor = await pass(mailbox)
    inbox.set(4, Buffer.from('Subject: 4\r\n\r\n'))
    const next = await pass(mailbox, cursor)
    expect(asked).toEqual([0, 3])
    expect([cursor.uid, next.uid]).toEqual([3, 4])
    expect(stored()).toHaveLength(4)
  })

  it('that begins anew finds what a cursor passed over (G1)', async () => {
    await givenDesk()
    const inbox = messages(5)
    const { mailbox } = serverWith(inbox)
    const cursor = await pass(mailbox)
    // A server that breaks the rule of ascending UIDs, or a message that was put back.
    inbox.set(2, Buffer.from('Subject: 2\r\n\r\n'))
    await pass(mailbox, cursor)
    expect(stored()).toHaveLength(1)
    await pass(mailbox)
    expect(stored()).toHaveLength(2)
  })

  it('under a new UIDVALIDITY takes a cursor for worthless: everything is listed again (G1)', async () => {
    await givenDesk()
    const { asked, mailbox } = serverWith(messages(7, 8))
    const cursor = await pass(mailbox)
    const renumbered: Mailbox = {
      ...mailbox,
      list: async (from) => ({ ...(await mailbox.list(from)), uidValidity: '2' }),
      fetch: (uid) => Promise.resolve({ raw: Buffer.from(`Subject: 2-${uid}`), part: 'whole' })
    }
    const next = await pass(renumbered, cursor)
    expect(asked).toEqual([0, 8, 0])
    expect(next).toMatchObject({ uidValidity: '2', uid: 8 })
    const numbers = "SELECT uid_validity || ' ' || uid FROM arrivals ORDER BY id"
    expect(world.column(numbers)).toEqual(['1 7', '1 8', '2 7', '2 8'])
  })

  it('walks the pages of a long inbox once each, and fetches no known message again', async () => {
    await givenDesk()
    const many = messages(...Array.from({ length: 450 }, (_, index) => index + 1))
    const { asked, mailbox } = serverWith(many)
    await pass(mailbox)
    expect(asked).toEqual([0, 200, 400])
    await pass({ ...mailbox, fetch: broken })
    expect(stored()).toHaveLength(450)
  })

  it('holds and tells each message that breaks every download, and handles the message behind it (G1, G9)', async () => {
    await givenDesk([grace])
    // The second one that is broken has the same size: it is no duplicate of the first.
    const inbox = messages(1, 3).set(2, await written())
    const { mailbox } = serverWith(inbox)
    const failing: Mailbox = {
      ...mailbox,
      fetch: (uid, part) => (uid === 2 ? mailbox.fetch(uid, part) : broken())
    }
    const failures: FetchFailures = new Map()
    for (let tries = 0; tries < 16; tries += 1) {
      await expect(pass(failing, null, failures)).rejects.toThrow(Trouble)
      await world.wait(10 * MINUTE)
    }
    await pass(failing, null, failures)
    await world.settle()
    expect(world.column('SELECT state FROM arrivals ORDER BY uid')).toEqual([
      'held',
      'done',
      'held'
    ])
    expect(kindsTo(grace).filter((kind) => kind === 'relay')).toHaveLength(3)
  })

  it('(11) a message whose download breaks the connection rests, and the next connection serves those behind it', async () => {
    await givenDesk()
    const { mailbox } = serverWith(messages(1, 2, 3))
    const failing: Mailbox = {
      ...mailbox,
      fetch: (uid, part) => (uid === 1 ? broken() : mailbox.fetch(uid, part))
    }
    const failures: FetchFailures = new Map()
    await expect(pass(failing, null, failures)).rejects.toThrow(Trouble)
    expect(await pass(failing, null, failures)).toMatchObject({ uid: 3, isPartial: true })
    expect(stored()).toEqual([2, 3])
    await world.wait(MINUTE)
    await expect(pass(failing, null, failures)).rejects.toThrow(Trouble)
  })

  it('(11) a single run goes on behind messages at which the connection breaks, answers the others, and holds and tells those at last', async () => {
    await givenDesk([grace])
    const { mailbox } = serverWith(messages(1, 3).set(2, await written()))
    let opened = 0
    const failing: Mailbox = {
      ...mailbox,
      fetch: (uid, part) => (uid === 2 ? mailbox.fetch(uid, part) : broken())
    }
    const send = () => Promise.resolve({ kind: 'accepted', code: 250 } satisfies SendOutcome)
    const edges = edgesOf(failing, send)
    const openMailbox = (): Promise<Mailbox> => {
      opened += 1
      return Promise.resolve(failing)
    }
    const run = () => runOnce(world.desk, { ...edges, openMailbox }, signal)
    await expect(run()).rejects.toThrow(/^2 messages in INBOX could not be fetched whole: .* broke/)
    expect(handled()).toEqual(['held too-large', 'done case-opened', 'held too-large'])
    expect(kindsTo(grace)).toEqual(['relay', 'relay', 'relay'])
    expect(opened).toBe(17)
    // Nothing is left to tell.
    await run()
    expect(kindsTo(grace)).toHaveLength(3)
  })

  it('(11) a single run is done where what broke the connection came in the end, and the log has it', async () => {
    await givenDesk([grace])
    const raw = await written()
    const { mailbox } = serverWith(messages().set(1, raw))
    const answers = [broken, broken]
    const failing: Mailbox = {
      ...mailbox,
      fetch: (uid, part) => answers.pop()?.() ?? mailbox.fetch(uid, part)
    }
    const send = () => Promise.resolve({ kind: 'accepted', code: 250 } satisfies SendOutcome)
    await runOnce(world.desk, edgesOf(failing, send), signal)
    expect(handled()).toEqual(['done case-opened'])
    expect(world.log.filter(({ event }) => event === 'trouble')).toHaveLength(2)
  })

  it('(11) a message that breaks every download is held and told also while strangers have no room', async () => {
    await givenDesk([grace], { limits: { strangers_per_day: 1 } })
    const { mailbox } = serverWith(messages(1))
    const failures: FetchFailures = new Map()
    await pass(serverWith(messages().set(9, await written())).mailbox)
    for (let tries = 0; tries < 8; tries += 1) {
      await expect(pass({ ...mailbox, fetch: broken }, null, failures)).rejects.toThrow(Trouble)
      await world.wait(10 * MINUTE)
    }
    await pass({ ...mailbox, fetch: broken }, null, failures)
    expect(stored()).toContain(1)
  })

  it('(11) takes nothing at all for no answer: a message that the server gives empty is not read as one without text', async () => {
    await givenDesk([grace])
    const empty = () => Promise.resolve({ raw: new Uint8Array(), part: 'whole' } as const)
    const { mailbox } = serverWith(messages(1), { fetch: empty })
    const failures: FetchFailures = new Map()
    while ((await pass(mailbox, null, failures)).isPartial) expect(stored()).toEqual([])
    await world.settle()
    expect(handled()).toEqual(['held too-large'])
    expect(await lastTo(grace)).toContain('UID 1 in INBOX')
    expect(await lastTo(grace)).toContain('or the mail server did not give it whole')
  })

  it('(11) holds and tells a message that the server lists and gives nothing of, and serves the one behind it at once', async () => {
    await givenDesk([grace])
    const inbox = messages(1, 3).set(2, await written())
    const { mailbox } = serverWith(inbox)
    const isGone = new Set<number>()
    const silent: Mailbox = {
      ...mailbox,
      fetch: (uid, part) => (uid === 2 ? mailbox.fetch(uid, part) : Promise.resolve(null)),
      list: async (range) => {
        const page = await mailbox.list(range)
        return { ...page, waiting: page.waiting.filter(({ uid }) => !isGone.has(uid)) }
      }
    }
    const failures: FetchFailures = new Map()
    expect(await pass(silent, null, failures)).toMatchObject({ uid: 3, isPartial: true })
    expect(stored()).toEqual([2])
    // One of them was really gone.
    isGone.add(3)
    let passes = 1
    for (; (await pass(silent, null, failures)).isPartial; passes += 1) continue
    expect([passes, stored()]).toEqual([8, [2, 1]])
    await world.settle()
    expect(handled()).toEqual(['held too-large', 'done case-opened'])
    expect(await lastTo(grace)).toContain('UID 1 in INBOX')
  })

  it('holds and tells a message that proves too large while it is fetched, and never shows it as whole (G1)', async () => {
    await givenDesk([grace])
    const raw = await written()
    const head = raw.subarray(0, raw.indexOf('\r\n\r\n') + 2)
    const { mailbox } = serverWith(messages(1), {
      fetch: () => Promise.resolve({ raw: head, part: 'header' })
    })
    await pass(mailbox)
    await world.settle()
    expect(handled()).toEqual(['held too-large'])
    expect(world.column('SELECT began_in_clear FROM case_reporters')).toEqual([false])
  })
})

describe('(13) the age of a signature', () => {
  /** One pass over an inbox with this command of Grace's, which the server says it received then. */
  async function take(raw: Uint8Array | null, receivedAt: Instant): Promise<void> {
    const inbox = new Map(raw === null ? [] : [[1, raw]])
    const { mailbox } = serverWith(inbox)
    const dated: Mailbox = {
      ...mailbox,
      list: async (range) => {
        const page = await mailbox.list(range)
        return { ...page, waiting: page.waiting.map((one) => ({ ...one, receivedAt })) }
      }
    }
    await pass(dated)
    await world.settle()
  }
  const help = () => world.write(grace, { subject: 'x', text: '/help\n' })

  it('and what is promised count from now where the clock of the server is ahead', async () => {
    await givenDesk([grace])
    const { mailbox } = serverWith(messages(1))
    const ahead: Mailbox = {
      ...mailbox,
      list: async (range) => {
        const page = await mailbox.list(range)
        const receivedAt = '9999-01-01T00:00:00.000Z' as Instant
        return { ...page, waiting: page.waiting.map((one) => ({ ...one, receivedAt })) }
      }
    }
    const { now } = world.clock
    await pass(ahead)
    expect(world.column('SELECT received_at FROM arrivals')).toEqual([now])
  })

  it('counts up to when the server received it: a message that waited for the desk is not too old', async () => {
    await givenDesk([grace])
    await take(null, world.clock.now)
    world.pass(HOUR)
    const [raw, receivedAt] = [await help(), world.clock.now]
    world.pass(4 * DAY)
    await take(raw, receivedAt)
    expect(world.dispositions()).toEqual(['commands'])
    expect(kindsTo(grace)).toEqual(['transcript'])
  })

  it('does not stop at what the server says of one that was not in the inbox when that was listed last', async () => {
    await givenDesk([grace])
    const [raw, receivedAt] = [await help(), world.clock.now]
    world.pass(4 * DAY)
    await take(null, world.clock.now)
    world.pass(MINUTE)
    await take(raw, receivedAt)
    expect(kindsTo(grace)).toEqual(['refusal'])
  })
})

describe('the loop that talks to IMAP', () => {
  /** One inbox behind any number of connections. */
  type Server = {
    readonly inbox: Map<number, Uint8Array>
    readonly listed: number[]
    readonly moved: number[]
    connections: number
    /** Called in the middle of a MOVE. */
    moving: () => Promise<void>
    announce: () => void
  }
  type Running = { readonly bells: Bells; readonly stop: () => Promise<void> }

  async function givenServer(...uids: readonly number[]): Promise<Server> {
    await givenDesk([grace])
    const raw = await written()
    const inbox = new Map(
      [...messages(...uids)].map(([uid, head]) => [uid, Buffer.concat([head.subarray(0, -2), raw])])
    )
    const none = { connections: 0, moving: () => Promise.resolve(), announce: ignored }
    return { inbox, listed: [], moved: [], ...none }
  }
  function connect(server: Server): Mailbox {
    server.connections += 1
    let isChanged = false
    let wake = (): void => undefined
    let fail = (_error: Trouble): void => undefined
    const lost = new Promise<never>((_, reject) => (fail = reject))
    lost.catch(ignored)
    server.announce = () => {
      isChanged = true
      wake()
    }
    const { mailbox } = serverWith(server.inbox)
    return {
      ...mailbox,
      list: (from) => {
        server.listed.push(from.afterUid)
        isChanged = false
        return mailbox.list(from)
      },
      move: async (uids) => {
        await Promise.race([server.moving(), lost])
        for (const uid of uids) {
          server.inbox.delete(uid)
          server.moved.push(uid)
        }
      },
      waitForChange: (_timeoutMs, stop) =>
        new Promise((resolve) => {
          wake = () => {
            resolve(isChanged)
          }
          stop.addEventListener('abort', wake, { once: true })
          if (isChanged || stop.aborted) wake()
        }),
      // As with a real connection, a command that waits for its answer fails when the connection is closed.
      close: () => {
        fail(new Trouble('imap', 'closed', { retryable: true }))
        return Promise.resolve()
      }
    }
  }
  /** Runs until the test has finished, or is stopped before. */
  function begin(openMailbox: Edges['openMailbox']): Running {
    const bells = createBells()
    const ending = new AbortController()
    const nothing = serverWith(new Map()).mailbox
    const edges = { ...edgesOf(nothing, () => Promise.reject(new Error('no'))), openMailbox }
    const { placeOf } = createHandler(world.desk)
    const loop = intakeLoop(world.desk, edges, { bells, placeOf }, ending.signal)
    const stop = async (): Promise<void> => {
      ending.abort()
      await loop
    }
    onTestFinished(stop)
    return { bells, stop }
  }
  /** It runs and has stored the first message. */
  async function givenRunning(server: Server): Promise<Running> {
    const waiting = server.inbox.size
    const running = begin(() => Promise.resolve(connect(server)))
    await until(() => stored().length === waiting)
    return running
  }
  const handle = ({ handled }: Bells) => handlePending(world.desk, signal, handled.ring)

  it('(16) an inbox that stays closed is told by mail after half an hour, daily until it opens, and a moment of it never', async () => {
    const server = await givenServer(1)
    let isClosed = true
    const down = new Trouble('imap', 'cannot be reached', { retryable: true })
    begin(() => (isClosed ? Promise.reject(down) : Promise.resolve(connect(server))))
    const told = () => recorded('inbox-closed', 'inbox-opened')
    await until(() => told().length === 1)
    await world.wait(29 * MINUTE)
    expect(alarms('inbox-closed')).toBe(0)
    await world.wait(2 * MINUTE)
    await world.wait(25 * HOUR)
    expect(alarms('inbox-closed')).toBe(2)
    expect(await lastTo(grace)).toContain('the mail server cannot be reached')
    isClosed = false
    await until(() => stored().length === 1)
    await world.wait(48 * HOUR)
    expect(alarms('inbox-closed')).toBe(2)
    expect(told()).toEqual([{ because: 'imap' }, {}])
  })

  it('(16) a login that is refused again is told by mail at once, with the words of the server, daily until the inbox opens', async () => {
    const server = await givenServer(1)
    let refusals = 0
    const refused = () => {
      refusals += 1
      return Promise.reject(new Trouble('imap-auth', 'Refused: "[AUTHENTICATIONFAILED] No."'))
    }
    let isRefused = true
    begin(() => (isRefused ? refused() : Promise.resolve(connect(server))))
    await until(() => refusals > 2)
    await world.settle()
    expect(alarms('login-refused')).toBe(1)
    const told = await lastTo(grace)
    expect(told).toContain('Refused: "[AUTHENTICATIONFAILED] No."')
    expect(told).toContain('This has been going on since')
    expect(told).not.toContain('Overdue')
    isRefused = false
    await until(() => stored().length === 1)
    await world.wait(48 * HOUR)
    expect(alarms('login-refused')).toBe(1)
    expect(alarms('inbox-closed')).toBe(0)
    expect(recorded('inbox-closed', 'login-refused', 'inbox-opened')).toHaveLength(3)
  })

  it('(16) a login that is refused for a moment at the start is told nobody', async () => {
    const server = await givenServer(1)
    let refusals = 0
    begin(() => {
      refusals += 1
      const error = new Trouble('imap-auth', 'refused')
      return refusals === 1 ? Promise.reject(error) : Promise.resolve(connect(server))
    })
    await until(() => stored().length === 1)
    await world.wait(48 * HOUR)
    expect(alarms('login-refused') + alarms('inbox-closed')).toBe(0)
  })

  it('moves handled mail without listing the inbox again', async () => {
    const server = await givenServer(1, 2)
    const { bells } = await givenRunning(server)
    await handle(bells)
    await until(() => server.moved.length === 2)
    expect(server.listed).toEqual([0])
  })

  it('takes in at once what is announced in the middle of a move, and lists only that', async () => {
    const server = await givenServer(1)
    const second = [...(await givenServer(2)).inbox]
    server.moving = () => {
      for (const [uid, raw] of second) server.inbox.set(uid, raw)
      server.announce()
      return Promise.resolve()
    }
    const { bells } = await givenRunning(server)
    await handle(bells)
    await until(() => stored().length === 2)
    expect(server.listed).toEqual([0, 1])
  })

  it('breaks the connection at a move that fails; the next one lists everything and moves it (G1)', async () => {
    const server = await givenServer(1)
    const second = [...(await givenServer(2)).inbox]
    let failures = 1
    server.moving = () => {
      failures -= 1
      for (const [uid, raw] of second) server.inbox.set(uid, raw)
      return failures < 0 ? Promise.resolve() : broken()
    }
    const { bells } = await givenRunning(server)
    await handle(bells)
    await until(() => server.moved.includes(1) && stored().length === 2)
    expect(server.connections).toBe(2)
    expect(server.listed.filter((after) => after === 0)).toHaveLength(2)
  })

  it('lists the whole inbox at a poll, whatever the announcements were', async () => {
    const server = await givenServer(3, 5)
    const [earlier = new Uint8Array()] = [server.inbox.get(3)]
    server.inbox.delete(3)
    const { bells } = await givenRunning(server)
    server.inbox.set(3, earlier)
    bells.intake.ring()
    await until(() => stored().length === 2)
    expect(server.listed).toEqual([0, 0])
  })

  it('moves what is handled while the desk stops before the connection ends', async () => {
    const server = await givenServer(1)
    const { stop } = await givenRunning(server)
    await handlePending(world.desk, signal, ignored)
    await stop()
    expect(server.moved).toEqual([1])
  })

  it('stops although the server never answers a move, and nothing is lost (G1)', async () => {
    const server = await givenServer(1)
    let isMoving = false
    server.moving = () => {
      isMoving = true
      return silence
    }
    const { bells, stop } = await givenRunning(server)
    await handle(bells)
    await until(() => isMoving)
    await stop()
    expect(world.column('SELECT moved FROM arrivals')).toEqual([0])
  })

  it('breaks off a connection that is still being made when the desk stops', async () => {
    await givenDesk([grace])
    let isBrokenOff = false
    const { stop } = begin(
      (stopping) =>
        new Promise((_, reject) => {
          stopping.addEventListener('abort', () => {
            isBrokenOff = true
            reject(new Trouble('imap', 'broken off', { retryable: true }))
          })
        })
    )
    await stop()
    expect(isBrokenOff).toBe(true)
    expect(world.log).toEqual([])
  })
})

describe('the desk is stopped while mail is on its way and the IMAP server has fallen silent (G2)', () => {
  /** It answers nothing after its one message, until its connection is closed. */
  async function givenSilent(closed: () => void): Promise<Mailbox> {
    await givenDesk([grace])
    let fail = (_error: Trouble): void => undefined
    const silent = new Promise<never>((_, reject) => (fail = reject))
    const never = () => silent
    const close = () => {
      closed()
      fail(new Trouble('imap', 'closed', { retryable: true }))
      return Promise.resolve()
    }
    const changes = { move: never, waitForChange: never, close }
    return serverWith(new Map([[1, await written()]]), changes).mailbox
  }

  it('what the SMTP server accepts meanwhile is recorded', async () => {
    let atClose: unknown
    const states = () => world.column('SELECT DISTINCT state FROM outbox')
    const mailbox = await givenSilent(() => {
      atClose ??= states()
    })
    const stop = new AbortController()
    // The server says yes only after the desk was told to stop.
    const send = async (): Promise<SendOutcome> => {
      stop.abort()
      await delay(50)
      return { kind: 'accepted', code: 250 }
    }
    await runLoops(world.desk, edgesOf(mailbox, send), createBells(), stop.signal)
    expect(atClose).toEqual(['sent'])
  })

  it('an outcome that cannot be recorded ends it with that trouble, not with a crash', async () => {
    const mailbox = await givenSilent(ignored)
    const stop = new AbortController()
    const { db } = world.desk
    const full: typeof db.transact = () => {
      throw new Trouble('disk-full', 'The disk is full.', { retryable: true })
    }
    const send = async (): Promise<SendOutcome> => {
      stop.abort()
      await delay(50)
      Object.assign(world.desk, { db: { ...db, transact: full } })
      return { kind: 'accepted', code: 250 }
    }
    const unhandled = await unhandledIn(async () => {
      const running = runLoops(world.desk, edgesOf(mailbox, send), createBells(), stop.signal)
      await expect(running).rejects.toThrow('full')
    })
    Object.assign(world.desk, { db })
    expect(unhandled).toEqual([])
  })
})

it('(E21) what many messages ring for is looked at together', async () => {
  await givenDesk([grace])
  const { db } = world.desk
  let looks = 0
  const disk: typeof db.disk = () => {
    looks += 1
    return db.disk()
  }
  Object.assign(world.desk, { db: { ...db, disk } })
  const accept = () => Promise.resolve({ kind: 'accepted', code: 250 } as const)
  const [bells, stop, begunAt] = [createBells(), new AbortController(), performance.now()]
  const edges = edgesOf(serverWith(new Map()).mailbox, accept)
  const running = runLoops(world.desk, edges, bells, stop.signal)
  for (let messages = 0; messages < 200; messages += 1) {
    bells.duties.ring()
    await delay(1)
  }
  stop.abort()
  await running
  // Two, because a look at which something was done is followed by another one.
  expect(looks).toBeLessThanOrEqual(2 * (1 + Math.ceil((performance.now() - begunAt) / 100)))
  expect(looks).toBeGreaterThan(0)
})

it('(G9) a message is not quarantined because the disk was full of something else', async () => {
  await givenDesk([grace])
  const { db } = world.desk
  // What a start writes still fits, what a whole report writes does not.
  const transact: typeof db.transact = (work) => {
    if (/\bcommit\)?\(/.test(String(work))) throw new Trouble('disk-full', 'full')
    return db.transact(work)
  }
  Object.assign(world.desk, { db: { ...db, transact } })
  world.deliver(await world.write(alice, { subject: 'x', text: 'THE REPORT', autocrypt: true }))
  for (let count = 0; count < 13; count += 1) {
    await expect(world.settle()).rejects.toThrow('full')
    world.pass(MINUTE)
  }
  Object.assign(world.desk, { db })
  await world.wait(MINUTE)
  expect(world.dispositions()).toEqual(['case-opened'])
  expect(await lastTo(grace)).toContain('THE REPORT')
})

describe("the desk's own key that cannot sign, as on a clock that is far ahead (G7)", () => {
  /** No message can be signed; returns how to mend it. */
  function breakKey(): () => void {
    const { workers } = world.desk
    const { seal, signClear } = workers
    const refuse = () => Promise.reject(new Trouble('desk-key', 'the key cannot sign'))
    Object.assign(workers, { seal: refuse, signClear: refuse })
    return () => {
      Object.assign(workers, { seal, signClear })
    }
  }
  /** The real loops, with one signed message in the inbox. */
  async function givenRunning() {
    await givenDesk([grace])
    const inbox = new Map<number, Uint8Array>()
    const bells = createBells()
    const stop = new AbortController()
    const accept = () => Promise.resolve({ kind: 'accepted', code: 250 } as const)
    const edges = edgesOf(serverWith(inbox).mailbox, accept)
    const running = runLoops(world.desk, edges, bells, stop.signal)
    running.catch(ignored)
    const receive = async (): Promise<void> => {
      inbox.set(1, await written({ as: 'signed' }))
      for (const bell of [bells.intake, bells.work]) bell.ring()
    }
    return { bells, stop, running, receive }
  }

  it('keeps a message waiting after a jump, which is answered once the clock is set right', async () => {
    const { bells, stop, running, receive } = await givenRunning()
    world.jump(3 * YEAR)
    const mend = breakKey()
    await receive()
    await until(() => world.log.some((line) => line.event === 'trouble' && line.where === 'work'))
    world.jump(-3 * YEAR)
    mend()
    for (const bell of [bells.intake, bells.work]) bell.ring()
    await until(() => world.rows("SELECT id FROM arrivals WHERE state = 'done'").length === 1)
    stop.abort()
    await running
    const doubts = "SELECT kind FROM events WHERE kind LIKE 'clock-%' ORDER BY id DESC"
    expect(world.column(doubts)[0]).toBe('clock-trusted')
  })

  it('however long that takes, the message is not mistaken for one that kills the process (G1, G9)', async () => {
    await givenDesk([grace])
    const mend = breakKey()
    world.deliver(await written({ as: 'encrypted' }))
    for (let round = 0; round < 15; round += 1)
      await expect(world.settle()).rejects.toMatchObject({ code: 'desk-key' })
    expect(world.rows('SELECT starts, tries FROM arrivals')).toEqual([{ starts: 0, tries: 0 }])
    mend()
    await world.settle()
    expect(handled()).toEqual(['done case-opened'])
  })

  it('ends the desk with its trouble where no clock jumped: waiting mends nothing', async () => {
    const { running, receive } = await givenRunning()
    breakKey()
    await receive()
    await expect(running).rejects.toMatchObject({ code: 'desk-key' })
  })
})
