/**
 * Whose turn it is (A3, A4): what is due waits for no reading, and what a message costs, its own sender pays.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { createBells } from '../../src/desk/faults.ts'
import { runLoops } from '../../src/desk/loop.ts'
import { createHandler, handlePending } from '../../src/desk/work.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Mailbox, type Workers } from '../../src/effects/effects.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as desk from '../support/desk.ts'
import { folderOf } from '../support/world.ts'
import { address } from '../unit/policy/samples.ts'

const never = new Promise<never>(() => undefined)

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await delay(5)
}

/** The real loops over an inbox of the test's own. */
function givenRunning() {
  const { world } = desk
  const inbox = new Map<number, Uint8Array>()
  const bells = createBells()
  const stop = new AbortController()
  const mailbox: Mailbox = {
    ...folderOf(inbox, () => world.clock.now),
    waitForChange: (_ms, stopped) =>
      new Promise((resolve) => {
        stopped.addEventListener('abort', () => {
          resolve(false)
        })
      })
  }
  const accepted: string[] = []
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
    openMailbox: () => Promise.resolve(mailbox),
    sender: {
      room: () => 8,
      send: ({ to }) => {
        accepted.push(to)
        return Promise.resolve({ kind: 'accepted', code: 250 })
      },
      close: () => undefined
    }
  }
  const running = runLoops(world.desk, edges, bells, stop.signal)
  running.catch(() => undefined)
  onTestFinished(() => {
    stop.abort()
  })
  const ring = (): void => {
    for (const bell of [bells.intake, bells.work, bells.duties, bells.dispatch]) bell.ring()
  }
  let uid = 1000
  return {
    accepted,
    ring,
    receive: (raw: Uint8Array): void => {
      uid += 1
      inbox.set(uid, raw)
      ring()
    }
  }
}

/** Opening takes for ever where `isHard` says so of the bytes. Returns what was begun. */
function givenHard(isHard: (raw: string) => boolean) {
  const { workers } = desk.world.desk
  const begun: string[] = []
  const hard: Workers = {
    ...workers,
    inTurn: () => hard,
    open: (raw, options) => {
      const text = Buffer.from(raw).toString('latin1')
      begun.push(text)
      return isHard(text) ? never : workers.open(raw, options)
    }
  }
  Object.assign(desk.world.desk, { workers: hard })
  return begun
}

/** A report in clear by somebody whom the desk does not know. */
function strange(name: string, text = 'x'): Buffer {
  const head = `From: ${name}@strange.example\r\nTo: security@acme.example\r\nSubject: x\r\nMessage-ID: <${name}@strange.example>`
  return Buffer.from(`${head}\r\n\r\n${text}\r\n`)
}

describe('what is due', () => {
  it('(A3) leaves at its instant while a message is being read that takes for ever', async () => {
    await desk.givenNotices()
    const begun = givenHard((raw) => raw.includes('HARD'))
    const { receive, ring, accepted } = givenRunning()
    receive(strange('eve', 'HARD'))
    await until(() => begun.length === 1)
    desk.world.pass(desk.UNTIL_DUE)
    ring()
    await until(() => desk.noticeStates()[0] === 'released')
    await until(() => desk.members.every(({ address }) => accepted.includes(address)))
  })

  it('(A3, G7) is decided anew by a message that was read before it began to leave', async () => {
    await desk.givenNotices()
    await desk.world.wait(desk.UNTIL_DUE - desk.MINUTE)
    const { seal } = desk.world.desk.workers
    let begun = 0
    // A maintainer's message is prepared for as long as the notice takes to leave.
    Object.assign(desk.world.desk.workers, {
      seal: async (...args: Parameters<typeof seal>) => {
        if (args[0].text.includes('a note of then')) {
          begun += 1
          if (begun === 1) {
            desk.world.pass(desk.MINUTE)
            await desk.world.releaseOnce()
          }
        }
        return seal(...args)
      }
    })
    await desk.writes(desk.grace, 'a note of then\n')
    // It was prepared twice, and that it was is not charged to it.
    expect(begun).toBe(2)
    expect(desk.recorded('noted')).toHaveLength(1)
    expect(desk.world.rows('SELECT starts FROM arrivals ORDER BY id DESC LIMIT 1')).toEqual([
      { starts: 1 }
    ])
  })
})

/** What became of each message, by its place in the inbox, in the order in which they were done. */
const done = () =>
  desk.world.column<string>(
    "SELECT uid || ' ' || disposition FROM arrivals WHERE state <> 'pending' AND uid > 1000 ORDER BY done_at, id"
  )
const KILLED = new Trouble('worker-limit', 'over its limit', { retryable: true })

describe('a message of somebody else', () => {
  it('(A4) is served while one of a stranger takes for ever, be it a maintainer’s, or an answer of a known reporter', async () => {
    const headers = desk.checked('reporter.example')
    await desk.givenReport({ authentication: desk.AUTHENTICATION, headers })
    await desk.says('/reply\nThank you.\n')
    const begun = givenHard((raw) => raw.includes('HARD'))
    const { receive } = givenRunning()
    const { world } = desk
    receive(strange('eve', 'HARD'))
    await until(() => begun.length === 1)
    const more = { subject: `[${desk.FIRST}] x`, text: '/take\n' }
    receive(await world.write(desk.grace, { ...more, headers: desk.checked('acme.example') }))
    await until(() => done().length === 1)
    const answer = {
      subject: 'x',
      text: 'more',
      as: 'clear',
      ...desk.answering(desk.alice)
    } as const
    receive(await world.write(desk.alice, answer))
    await until(() => done().length === 2)
    const proved = { ...answer, headers }
    receive(await world.write(desk.alice, proved))
    await until(() => done().length === 3)
    // Strangers have one lane.
    receive(strange('mallory'))
    receive(await world.write(desk.alice, { subject: 'x', text: 'x', as: 'clear' }))
    await delay(100)
    expect(done()).toHaveLength(3)
    expect(begun.filter((raw) => raw.includes('strange.example'))).toHaveLength(1)
  })

  it('(A3) comes first where a maintainer has answered its sender, not where the desk has by itself', async () => {
    const headers = desk.checked('reporter.example')
    await desk.givenReport({ authentication: desk.AUTHENTICATION, headers })
    const turns = () => desk.world.column('SELECT turn FROM arrivals ORDER BY id')
    const more = async (given: readonly string[]) =>
      desk.givenMessage(desk.alice, { subject: 'x', text: `${given.length}`, headers: given })
    const toAcknowledgement = desk.answering(desk.alice).headers
    await more(headers)
    await more(toAcknowledgement)
    expect(turns()).toEqual([3, 3, 3])
    await desk.says('/reply\nThank you.\n')
    const toReply = desk.answering(desk.alice).headers
    await more(headers)
    await more(toAcknowledgement)
    await more(toReply)
    expect(turns().slice(4)).toEqual([1, 3, 1])
  })

  it('(A3) who only claims to be a maintainer is one of the strangers; encrypted mail in that name has a turn until it proves to be forged', async () => {
    await desk.givenDesk()
    const { world } = desk
    const handler = createHandler(world.desk)
    let uid = 0
    const put = (raw: Uint8Array): void => {
      uid += 1
      const place = { mailbox: 'INBOX', uidValidity: '1', uid, part: 'whole' } as const
      const at = { receivedAt: world.clock.now, arrivedAt: world.clock.now }
      const arrival = { ...place, ...at, size: raw.length, raw }
      world.desk.db.transact((tx) => arrivals.add(tx, arrival, world.clock.now))
    }
    const forge = async (text: string, as: 'clear' | 'encrypted' = 'encrypted') => {
      put(await world.write(desk.grace, { subject: 'x', text, as }))
    }
    const turns = async () => {
      await handlePending(world.desk, new AbortController().signal, () => undefined, handler)
      return world.column('SELECT turn FROM arrivals ORDER BY uid')
    }
    put(strange('eve'))
    await forge('in clear', 'clear')
    for (const text of ['one', 'two', 'three']) await forge(text)
    expect(await turns()).toEqual([3, 3, 2, 3, 3])
    await forge('late')
    expect((await turns()).slice(5)).toEqual([3])
    // Her own one clears her name.
    put(await world.write(desk.grace, { subject: 'x', text: '/help\n' }))
    expect((await turns()).slice(6)).toEqual([3])
    await forge('four')
    expect((await turns()).slice(7)).toEqual([2])
  })

  it('(A4) comes before what is left of a sender whose message was killed, and a forger does not cost a maintainer a proved turn', async () => {
    await desk.givenDesk(undefined, { authentication: desk.AUTHENTICATION })
    const { world } = desk
    world.workers.fail = (raw, call) =>
      call === 'open' && Buffer.from(raw).includes('HARD') ? KILLED : null
    const order: string[] = []
    const { workers } = world.desk
    const open: Workers['open'] = (raw, options) => {
      order.push(/^From: (\w+)/m.exec(Buffer.from(raw).toString('latin1'))?.[1] ?? '')
      return workers.open(raw, options)
    }
    Object.assign(world.desk, { workers: { ...workers, inTurn: () => ({ ...workers, open }) } })
    for (const text of ['HARD', 'x', 'y']) world.deliver(strange('eve', `${text} ${order.length}`))
    for (const name of ['mallory', 'trudy']) world.deliver(strange(name))
    await world.settle()
    expect(order).toEqual(['eve', 'mallory', 'trudy', 'eve', 'eve'])
    world.deliver(await world.write(desk.grace, { subject: 'HARD', text: 'x', as: 'clear' }))
    const headers = desk.checked('acme.example')
    world.deliver(await world.write(desk.grace, { subject: 'x', text: '/help\n', headers }))
    await world.settle()
    expect(world.column('SELECT turn FROM arrivals ORDER BY uid DESC LIMIT 2')).toEqual([0, 4])
  })

  it('(A4, G9) comes before one at which the process died twice', async () => {
    await desk.givenDesk()
    const { world } = desk
    for (const name of ['eve', 'mallory']) world.deliver(strange(name))
    await world.settle()
    world.change(
      "UPDATE arrivals SET state = 'pending', disposition = NULL, done_at = NULL, starts = 2 - uid % 2"
    )
    world.restart()
    await world.settle()
    expect(world.column('SELECT turn FROM arrivals ORDER BY uid')).toEqual([3, 4])
  })
})

describe('(E21) the next message is opened while what follows the opening of the one before goes on', () => {
  /** Which messages were opened, and with how many keys of people; nothing is encrypted before `release` is called. */
  function givenSlow() {
    const { workers } = desk.world.desk
    const opened: string[] = []
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    const slow: Workers = {
      ...workers,
      inTurn: () => slow,
      open: async (raw, options) => {
        const mail = await workers.open(raw, options)
        opened.push(`${mail.outer.from?.address ?? ''} ${options.knownKeys.length}`)
        return mail
      },
      seal: async (...args) => {
        await released
        return workers.seal(...args)
      }
    }
    Object.assign(desk.world.desk, { workers: slow })
    return { opened, release }
  }
  it('two of them, and they are done in their order', async () => {
    await desk.givenDesk()
    const { opened, release } = givenSlow()
    const { receive } = givenRunning()
    const names = ['eve', 'mallory', 'trudy']
    for (const name of names) receive(strange(name))
    await until(() => opened.length === 2)
    await delay(50)
    expect(opened).toEqual(['eve@strange.example 0', 'mallory@strange.example 0'])
    release()
    await until(() => done().length === 3)
    expect(desk.world.column('SELECT sender FROM arrivals ORDER BY case_id')).toEqual(
      names.map((name) => `${name}@strange.example`)
    )
  })

  it('but not of one sender, whose first message may decide what the second one is', async () => {
    await desk.givenDesk()
    const { opened, release } = givenSlow()
    const { receive } = givenRunning()
    for (const text of ['x', 'y']) receive(strange('eve', text))
    await until(() => opened.length === 1)
    await delay(50)
    expect(opened).toHaveLength(1)
    release()
    await until(() => done().length === 2)
    expect(opened).toHaveLength(2)
  })

  it('nor beside one that is large once it is opened (A1)', async () => {
    await desk.givenDesk()
    const { opened, release } = givenSlow()
    const { receive } = givenRunning()
    const text = '0'.repeat(300_000)
    const large = await desk.world.write(desk.alice, { subject: 'x', text, isCompressed: true })
    expect(large.length).toBeLessThan(10_000)
    for (const raw of [large, strange('eve')]) receive(raw)
    await until(() => opened.length === 1)
    await delay(50)
    expect(opened).toHaveLength(1)
    release()
    await until(() => done().length === 2)
  })

  it('and once more if that one has brought a key by which it is signed', async () => {
    await desk.givenDesk()
    const { world, alice } = desk
    const { opened, release } = givenSlow()
    const { receive } = givenRunning()
    const elsewhere = { ...alice, address: address('alice@elsewhere.example') }
    const both = [
      await world.write(alice, { subject: 'x', text: 'x', autocrypt: true }),
      await world.write(elsewhere, { subject: 'y', text: 'y' })
    ]
    both.forEach(receive)
    await until(() => opened.length === 2)
    release()
    await until(() => done().length === 2)
    expect(opened).toEqual([
      // Her key is in the header.
      `${alice.address} 0`,
      ...[0, 0, 1].map((keys) => `${elsewhere.address} ${keys}`)
    ])
  })
})
