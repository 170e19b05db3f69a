/** The way back of a message on hold (13): it is handled anew, in its own case, and what it lacked is there. */
import { describe, expect, it } from 'vitest'
import { builtInTexts } from '../../src/config/texts.ts'
import { takeIn } from '../../src/desk/intake.ts'
import { moveAtOnce, moveHandled, nothingStays } from '../../src/desk/moves.ts'
import { createHandler, handlePending } from '../../src/desk/work.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { createRender } from '../../src/messages/render.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as desk from '../support/desk.ts'
import { folderOf } from '../support/world.ts'

const KILLED = new Trouble('worker-limit', 'over its limit', { retryable: true })

function retry(id: number) {
  const { db } = desk.world.desk
  return db.transact((tx) => arrivals.retry(tx, id, desk.world.clock.now))
}
/** A message at which a worker dies, which is on hold then. */
async function givenQuarantined(write: () => Promise<Uint8Array>): Promise<void> {
  await desk.givenDesk([desk.grace])
  desk.world.workers.fail = (_raw, call) => (call === 'open' ? KILLED : null)
  desk.world.deliver(await write())
  for (let tries = 0; tries < 4; tries += 1) await desk.world.wait(desk.MINUTE)
  expect(desk.world.column('SELECT state FROM arrivals')).toEqual(['held'])
  desk.world.workers.fail = null
}

describe('a fault of the desk', () => {
  it('(12) in a wording is not charged to a message, which waits while others are handled, and is handled once it is mended', async () => {
    await desk.givenDesk([desk.grace])
    const { world } = desk
    const { render } = world.desk
    const broken = new Map(builtInTexts())
    const relay = broken.get('relay')
    if (relay !== undefined) broken.set('relay', { ...relay, source: '{{ nothing }}' })
    Object.assign(world.desk, { render: createRender(broken, world.desk.settings.desk) })
    await world.send(desk.alice, { subject: 'x', text: 'THE HOLE', as: 'clear' })
    await desk.says('/help\n')
    for (let tries = 0; tries < 15; tries += 1) await world.wait(10 * desk.MINUTE)
    expect(world.dispositions()).toEqual([null, 'commands'])
    const [first] = world.rows('SELECT starts, tries, state FROM arrivals')
    expect(first).toEqual({ starts: 0, tries: 0, state: 'pending' })
    expect(await desk.allTo(desk.grace)).toContain('Failed at: message 1')
    Object.assign(world.desk, { render })
    await world.wait(10 * desk.MINUTE)
    expect(world.dispositions()).toEqual(['case-opened', 'commands'])
    expect(await desk.lastTo(desk.grace)).toContain('THE HOLE')
  })
})

describe('a message on hold that is handled again', () => {
  it('(13) joins the case that it opened, and is forwarded as what it is', async () => {
    const letter = { subject: 'x', text: 'THE HOLE', as: 'encrypted', autocrypt: true } as const
    await givenQuarantined(() => desk.world.write(desk.alice, letter))
    expect(await desk.lastTo(desk.grace)).toContain('postern received show 1')
    expect(retry(1)).toEqual({ id: 2 })
    await desk.world.wait(desk.MINUTE)
    expect(desk.world.dispositions()).toEqual(['quarantined', 'case-joined'])
    expect(desk.world.column('SELECT state FROM arrivals')).toEqual(['done', 'done'])
    expect(desk.caseStates()).toHaveLength(1)
    expect(await desk.lastTo(desk.grace)).toContain('THE HOLE')
    const place = desk.world.desk.db.read((read) => {
      const again = arrivals.find(read, 2)
      return again && arrivals.inMailbox(read, again)
    })
    expect(place).toMatchObject({ id: 1, mailbox: 'INBOX' })
    expect([retry(1), retry(2), retry(9)]).toEqual(['not-held', 'not-held', 'not-held'])
  })

  it('(13) leaves the folder for held mail once it is handled, and not before', async () => {
    const letter = { subject: 'x', text: 'x', as: 'clear' } as const
    await givenQuarantined(() => desk.world.write(desk.alice, letter))
    const { world } = desk
    const inbox = new Map<number, Uint8Array>()
    const out: number[] = []
    let isAllowed = true
    const folder: Mailbox = {
      ...folderOf(inbox, () => world.clock.now),
      takeOut: ({ size }) => {
        if (!isAllowed)
          return Promise.reject(new Trouble('imap-moves', 'refused', { retryable: true }))
        out.push(size)
        return Promise.resolve()
      }
    }
    const folderNow = () =>
      world.desk.db.read((read) => {
        const row = arrivals.find(read, 1)
        return row && arrivals.movedTo(read, row)
      })
    const moves = () =>
      moveHandled(world.desk, folder, { mailbox: 'INBOX', uidValidity: '1' }, nothingStays())
    await moves()
    expect([out.length, folderNow()]).toEqual([0, 'held'])
    retry(1)
    await moves()
    expect([out.length, folderNow()]).toEqual([0, 'held'])
    await handlePending(world.desk, new AbortController().signal, () => undefined)
    isAllowed = false
    await moves()
    expect(folderNow()).toBe('held')
    isAllowed = true
    world.pass(desk.HOUR)
    await moves()
    await moves()
    expect([out.length, folderNow()]).toEqual([1, 'processed'])
  })

  it('(13, G4) acts by its signature, however long it was on hold', async () => {
    await givenQuarantined(() =>
      desk.world.write(desk.grace, { subject: 'x', text: '/take\ncase: ACME-2026-0001\n' })
    )
    // Days later: its age counts up to its receipt.
    await desk.days(4)
    expect(retry(1)).toEqual({ id: 2 })
    const raw = desk.world.desk.db.read((read) => arrivals.readRaw(read, 2))
    await desk.world.settle()
    const [state] = desk.world.column(
      "SELECT state || ' ' || disposition FROM arrivals WHERE id = 2"
    )
    expect(state).toMatch(/commands/)
    // The bytes again are the same message.
    await desk.world.receive(raw ?? new Uint8Array())
    expect(desk.world.dispositions().at(-1)).toBe('duplicate')
  })

  it('(13, A2) is no copy of itself, however often it was handled again: it is forwarded once there is a key', async () => {
    await desk.givenDesk([await desk.givenMaintainer('linus', 24)])
    desk.world.pass(3 * desk.DAY)
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'THE HOLE', as: 'encrypted' })
    for (const id of [1, 2]) {
      expect(retry(id)).toEqual({ id: id + 1 })
      await desk.world.settle()
    }
    await desk.world.renewKey(desk.linus)
    desk.world.restart()
    expect(retry(3)).toEqual({ id: 4 })
    await desk.world.settle()
    const [first, ...again] = desk.world.dispositions()
    expect([first, new Set(again)]).toEqual(['case-opened', new Set(['case-joined'])])
    expect(desk.world.column('SELECT DISTINCT state FROM arrivals')).toEqual(['done'])
    expect(await desk.allTo(desk.linus)).toContain('THE HOLE')
  })

  it('(13) keeps its bytes once, and one of which only the header is here cannot', async () => {
    await desk.givenDesk([desk.grace], { limits: { mail_size: 100 } })
    desk.world.deliver(Buffer.from(`From: a@b.example\r\n\r\n${'x'.repeat(500)}`))
    await desk.world.settle()
    expect([desk.world.dispositions(), retry(1)]).toEqual([['too-large'], 'in-part'])
    desk.world.change("UPDATE arrivals SET part = 'whole'")
    expect(retry(1)).toEqual({ id: 2 })
    expect(desk.world.column('SELECT arrival_id FROM arrival_bytes')).toEqual([2])
  })
})

describe('(16) a mailbox out of which nothing can be moved', () => {
  it('is worked in as before, nothing is handled twice, one alarm tells of it, and what stayed moves once that is allowed', async () => {
    await desk.givenDesk([desk.grace])
    const { world } = desk
    const inbox = new Map<number, Uint8Array>()
    const [marked, moved]: [string[], number[]] = [[], []]
    let isAllowed = false
    const folder: Mailbox = {
      ...folderOf(inbox, () => world.clock.now),
      move: (uids) => {
        if (!isAllowed)
          return Promise.reject(new Trouble('imap-moves', 'refused', { retryable: true }))
        for (const uid of uids) if (inbox.delete(uid)) moved.push(uid)
        return Promise.resolve()
      },
      mark: (uids, as) => {
        marked.push(...uids.map((uid) => `${uid} ${as}`))
        return Promise.resolve()
      }
    }
    const stays = nothingStays()
    const round = async (): Promise<void> => {
      const { placeOf } = createHandler(world.desk)
      const { signal } = new AbortController()
      const taking = { inbox: 'SHARED', signal, failures: new Map(), placeOf }
      const place = await takeIn(world.desk, folder, { ...taking, from: null })
      await world.settle()
      await moveHandled(world.desk, folder, { ...place, mailbox: 'SHARED' }, stays)
      world.pass(desk.MINUTE)
    }
    for (const uid of [1, 2]) {
      const report = { subject: `x${uid}`, text: 'x', as: 'clear' } as const
      inbox.set(uid, await world.write(desk.alice, report))
      for (let rounds = 0; rounds < 3; rounds += 1) await round()
    }
    expect([marked, world.dispositions()]).toEqual([
      ['1 processed', '2 processed'],
      ['case-opened', 'case-opened']
    ])
    await world.settle()
    expect(desk.alarms('mail-stays')).toBe(1)
    isAllowed = true
    world.pass(desk.HOUR)
    await round()
    expect([moved, [...inbox.keys()]]).toEqual([[1, 2], []])
    expect(desk.recorded('mail-stays', 'mail-moves')).toHaveLength(2)
  })
})

describe('(16) a server that refuses to move some messages', () => {
  it.each([
    ['all that are held', (_uid: number, to: string) => to === 'held', [2, 3]],
    ['a single one', (uid: number) => uid === 2, [2]]
  ])('keeps no others in the inbox: %s', async (_what, isRefused, stay) => {
    await desk.givenDesk([desk.grace])
    const { world } = desk
    const inbox = new Map<number, Uint8Array>()
    const deliver = async (uid: number): Promise<void> => {
      const as = uid === 2 || uid === 3 ? 'encrypted' : 'clear'
      const letter = { subject: `x${uid}`, text: `/accept ${uid}\n`, as } as const
      // A command in a maintainer's name that is not signed is held.
      const from = as === 'clear' ? desk.alice : desk.grace
      inbox.set(uid, await world.write(from, letter))
    }
    for (const uid of [1, 2, 3, 4]) await deliver(uid)
    const folder: Mailbox = {
      ...folderOf(inbox, () => world.clock.now),
      move: (uids, to) => {
        if (uids.some((uid) => isRefused(uid, to)))
          return Promise.reject(new Trouble('imap-moves', 'refused', { retryable: true }))
        for (const uid of uids) inbox.delete(uid)
        return Promise.resolve()
      },
      mark: () => Promise.resolve()
    }
    const { signal } = new AbortController()
    const { placeOf } = createHandler(world.desk)
    const taking = { inbox: 'SHARED', signal, failures: new Map(), placeOf, from: null }
    for (let hours = 0; hours < 5; hours += 1) {
      await deliver(10 + hours)
      const place = await takeIn(world.desk, folder, taking)
      await world.settle()
      await moveHandled(world.desk, folder, { ...place, mailbox: 'SHARED' })
      world.pass(desk.DAY)
    }
    expect([...inbox.keys()]).toEqual(stay)
    expect(desk.recorded('mail-stays', 'mail-moves')).toHaveLength(1)
  })
})

describe('(11) an inbox at whose moves the connection breaks each time', () => {
  it.each(['the daemon', 'a single run each time'])(
    'is told once, and %s asks ever more rarely, for one message first, until a move is answered',
    async (how) => {
      await desk.givenDesk([desk.grace])
      const { world } = desk
      const letter = (subject: string) => ({ subject, text: 'x', as: 'clear' }) as const
      const inbox = new Map<number, Uint8Array>()
      for (const uid of [1, 2, 3]) inbox.set(uid, await world.write(desk.alice, letter(`x${uid}`)))
      const asked: number[] = []
      let isAnswered = false
      const folder: Mailbox = {
        ...folderOf(inbox, () => world.clock.now),
        move: (uids) => {
          asked.push(uids.length)
          if (!isAnswered) return Promise.reject(new Trouble('imap', 'lost', { retryable: true }))
          for (const uid of uids) inbox.delete(uid)
          return Promise.resolve()
        }
      }
      const { signal } = new AbortController()
      const { placeOf } = createHandler(world.desk)
      const taking = { inbox: 'SHARED', signal, failures: new Map(), placeOf, from: null }
      const place = await takeIn(world.desk, folder, taking)
      await world.settle()
      const stays = nothingStays()
      const round = () => {
        const memory = how === 'the daemon' ? stays : nothingStays()
        const generation = { ...place, mailbox: 'SHARED' }
        return moveHandled(world.desk, folder, generation, memory).catch(() => undefined)
      }
      for (let minutes = 0; minutes < 59; minutes += 1) {
        await round()
        world.pass(desk.MINUTE)
      }
      expect(asked).toEqual([3, 1, 1])
      for (let hours = 0; hours < 10 * 24; hours += 1) {
        await round()
        world.pass(desk.HOUR)
      }
      // After 1, 2, 4, 8 and 16 hours, then once a day.
      expect(asked).toHaveLength(3 + 5 + 8)
      expect(new Set(asked.slice(1))).toEqual(new Set([1]))
      expect(desk.recorded('mail-stays')).toHaveLength(1)
      await world.settle()
      expect(desk.alarms('mail-stays')).toBe(1)
      // The operator mends it and starts the daemon.
      isAnswered = true
      if (how === 'the daemon') moveAtOnce(world.desk)
      else world.pass(desk.DAY)
      await round()
      expect([asked.slice(-2), inbox.size]).toEqual([[1, 2], 0])
      expect(desk.recorded('mail-stays', 'mail-moves')).toHaveLength(2)
    }
  )
})

describe('(12) a message that others change the case of, again and again', () => {
  it('is not taken for one that kills the process', async () => {
    await desk.givenDesk()
    let conflicts = 0
    desk.world.workers.failSeal = () => {
      conflicts += 1
      return conflicts > 40 ? null : new Trouble('conflict', 'somebody wrote first')
    }
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'a hole', as: 'encrypted' })
    expect(desk.world.dispositions()).toEqual(['case-opened'])
    expect(await desk.lastTo(desk.grace)).toContain('a hole')
  })
})
