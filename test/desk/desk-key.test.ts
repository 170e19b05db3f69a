/** The desk's own key on a clock that is far ahead: it looks expired, and only a running desk sees the clock set right (G7). */
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, it } from 'vitest'
import { type Edges } from '../../src/desk/desk.ts'
import { runLoops } from '../../src/desk/loop.ts'
import { type Bells, createBells } from '../../src/desk/persistence.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { givenDesk } from '../support/given.ts'
import { someone, type World } from '../support/world.ts'

const YEAR = 365 * 86_400_000
let world: World
let bells: Bells
let stop: AbortController
let waiting: Buffer[]

beforeEach(async () => {
  world = await givenDesk([await someone('grace', 'grace@acme.example')])
  bells = createBells()
  stop = new AbortController()
  waiting = []
})

/** The real loops, with an inbox of the test's own. */
function run(): Promise<void> {
  const edges: Edges = {
    inbox: 'INBOX',
    openJunk: null,
    openMailbox: () =>
      Promise.resolve({
        list: ({ afterUid }) =>
          Promise.resolve({
            uidValidity: '1',
            waiting: waiting.flatMap((raw, index) =>
              index < afterUid
                ? []
                : [{ uid: index + 1, size: raw.length, receivedAt: world.clock.now }]
            ),
            more: false
          }),
        fetch: (uid) =>
          Promise.resolve({ raw: waiting[uid - 1] ?? Buffer.alloc(0), part: 'whole' }),
        move: () => Promise.resolve(),
        waitForChange: (_ms, signal) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              resolve(false)
            })
          }),
        close: () => Promise.resolve()
      }),
    sender: {
      send: () => Promise.resolve({ kind: 'accepted', code: 250 }),
      close: () => Promise.resolve()
    }
  }
  return runLoops(world.desk, edges, bells, stop.signal)
}

/** No mail can be signed; returns how to mend it. */
function breakKey(): () => void {
  const { workers } = world.desk
  const { seal, signClear } = workers
  const refuse = () =>
    Promise.reject(new Trouble('desk-key', 'the key cannot sign', { retryable: false }))
  Object.assign(workers, { seal: refuse, signClear: refuse })
  return () => {
    Object.assign(workers, { seal, signClear })
  }
}
async function receive(): Promise<void> {
  const alice = await someone('alice', 'alice@reporter.example')
  waiting.push(Buffer.from(await world.write(alice, { subject: 'x', text: 'y' })))
  for (const bell of [bells.intake, bells.work]) bell.ring()
}
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await delay(10)
}
const isTroubled = () => world.log.some((line) => line.event === 'trouble' && line.where === 'work')

it('after a jump a message that cannot be signed waits, and is answered once the clock is set right', async () => {
  const running = run()
  world.jump(3 * YEAR)
  const mend = breakKey()
  await receive()
  await until(isTroubled)
  world.jump(-3 * YEAR)
  mend()
  for (const bell of [bells.intake, bells.work]) bell.ring()
  await until(() => world.rows("SELECT id FROM arrivals WHERE state = 'done'").length === 1)
  stop.abort()
  await running
  const doubts = "SELECT kind FROM events WHERE kind LIKE 'clock-%' ORDER BY id DESC LIMIT 1"
  expect(world.rows(doubts)).toEqual([{ kind: 'clock-trusted' }])
})

it('however long that takes, the message is not mistaken for one that kills the process (G1, G9)', async () => {
  const mend = breakKey()
  const alice = await someone('alice', 'alice@reporter.example')
  world.deliver(await world.write(alice, { subject: 'x', text: 'y', as: 'encrypted' }))
  for (let round = 0; round < 15; round += 1)
    await expect(world.settle()).rejects.toMatchObject({ code: 'desk-key' })
  expect(world.rows('SELECT starts, tries FROM arrivals')).toEqual([{ starts: 0, tries: 0 }])
  mend()
  await world.settle()
  expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
    { state: 'done', disposition: 'case-opened' }
  ])
})

it('without a jump a key that cannot sign ends the desk with its trouble: waiting mends nothing', async () => {
  breakKey()
  const running = run()
  running.catch(() => undefined)
  await receive()
  await expect(running).rejects.toMatchObject({ code: 'desk-key' })
})
