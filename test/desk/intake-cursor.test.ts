/** How the intake walks through an inbox: what it lists, what it stores, and what it does when the numbers change. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Place, takeIn } from '../../src/desk/intake.ts'
import { instantFromMs } from '../../src/domain/time.ts'
import { type Mailbox } from '../../src/effects/effects.ts'
import { openWorld, someone, type World } from '../support/world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld({ maintainers: [await someone('grace', 'grace@acme.example')] })
})
afterEach(() => world.close())

/** A server with these UIDs; it notes from where it was asked to list. */
function server(uids: number[], state: { uidValidity: string }, asked: number[]): Mailbox {
  const receivedAt = instantFromMs(1_700_000_000_000)
  return {
    list: ({ afterUid, limit }) => {
      asked.push(afterUid)
      const above = uids.filter((uid) => uid > afterUid).sort((a, b) => a - b)
      const waiting = above.slice(0, limit).map((uid) => ({ uid, size: 10, receivedAt }))
      const { uidValidity } = state
      return Promise.resolve({ uidValidity, waiting, more: above.length > limit })
    },
    fetch: (uid) =>
      Promise.resolve({
        raw: Buffer.from(`Subject: ${state.uidValidity}-${uid}\r\n\r\n`),
        part: 'whole'
      }),
    move: () => Promise.resolve(),
    waitForChange: () => Promise.resolve(false),
    close: () => Promise.resolve()
  }
}

function pass(mailbox: Mailbox, from: Place | null): Promise<Place> {
  const { signal } = new AbortController()
  return takeIn(world.desk, mailbox, {
    inbox: 'INBOX',
    signal,
    stored: () => undefined,
    failures: new Map(),
    from
  })
}

function stored(): unknown[] {
  return world.rows('SELECT uid_validity AS generation, uid FROM arrivals ORDER BY id')
}

it('after news only what came later is listed, however much waits in the inbox', async () => {
  const uids = [1, 2, 3]
  const asked: number[] = []
  const mailbox = server(uids, { uidValidity: '1' }, asked)

  const cursor = await pass(mailbox, null)
  uids.push(4)
  const next = await pass(mailbox, cursor)

  expect(asked).toEqual([0, 3])
  expect([cursor.uid, next.uid]).toEqual([3, 4])
  expect(stored()).toHaveLength(4)
})

it('a full list finds what a cursor passed over (G1)', async () => {
  const uids = [5]
  const mailbox = server(uids, { uidValidity: '1' }, [])
  const cursor = await pass(mailbox, null)
  // A server that breaks the rule of ascending UIDs, or a message that was put back.
  uids.push(2)

  await pass(mailbox, cursor)
  expect(stored()).toHaveLength(1)
  await pass(mailbox, null)
  expect(stored()).toHaveLength(2)
})

it('a new UIDVALIDITY makes the cursor worthless: everything is listed again (G1)', async () => {
  const state = { uidValidity: '1' }
  const asked: number[] = []
  const mailbox = server([7, 8], state, asked)
  const cursor = await pass(mailbox, null)
  state.uidValidity = '2'

  const next = await pass(mailbox, cursor)

  expect(asked).toEqual([0, 8, 0])
  expect(next).toMatchObject({ uidValidity: '2', uid: 8 })
  expect(stored()).toEqual([
    { generation: '1', uid: 7 },
    { generation: '1', uid: 8 },
    { generation: '2', uid: 7 },
    { generation: '2', uid: 8 }
  ])
})

it('pages of a long inbox are walked once each, and known mail is not fetched again', async () => {
  const asked: number[] = []
  const uids = Array.from({ length: 450 }, (_, index) => index + 1)
  const mailbox = server(uids, { uidValidity: '1' }, asked)
  await pass(mailbox, null)
  expect(asked).toEqual([0, 200, 400])
  let fetched = 0
  await pass({ ...mailbox, fetch: (...args) => ((fetched += 1), mailbox.fetch(...args)) }, null)
  expect(fetched).toBe(0)
  expect(stored()).toHaveLength(450)
})
