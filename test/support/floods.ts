/**
 * Flood days in small, one for each seed: hostile and clumsy mail among honest reports, a notice due in the middle and another that
 * is held just before its instant, a process that dies, an SMTP server that fails, a clock that is set. `npm test` takes a few
 * dozen of them, `npm run nightly` hundreds; `npm run simulate` plays the whole day on real servers.
 */
import { expect, it } from 'vitest'
import { addMs, type Instant, msBetween } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type Random, randomOf } from '../fuzz/random.ts'
import * as mails from '../simulate/mails.ts'
import * as desk from './desk.ts'
import { deskCertificate, type Someone, START, someone } from './world.ts'

const HOSTILE = 24
const CLUMSY = 8
/** From the first message to the instant of the notice, and as long after it. */
const HALF_A_DAY = 12 * desk.HOUR
/** A message that the server puts off twice leaves within this. */
const SERVABLE = 10 * desk.MINUTE
const DUE = addMs(START, desk.UNTIL_DUE)

const strangers = [await someone('eve', 'eve@outside.example')]
const reporters = await Promise.all(
  ['carol', 'dave', 'erin'].map((id) => someone(id, `${id}@${id}.example`))
)
const deskKey = await deskCertificate()
const now = (): Instant => desk.world.clock.now
const kinds = mails.hostileKinds({
  ...{ now, deskKey, strangers, maintainers: [desk.grace, desk.linus] }
})

/** An honest report on its way. */
type Sent = { readonly mark: string; readonly at: Instant }
type Act = { readonly after: number; readonly run: () => void | Promise<void> }

/** What happens in a day, in order; it notes the honest reports. */
function actsOf(random: Random, sent: Map<Someone, Sent>): Act[] {
  const { world } = desk
  const any = (run: Act['run']): Act => ({ after: random.int(2 * HALF_A_DAY), run })
  const many = (count: number, run: (number: number) => void | Promise<void>): Act[] =>
    Array.from({ length: count }, (_, number) => any(() => run(number)))
  const acts = [
    ...many(HOSTILE, async (number) => {
      world.deliver(mails.arrived(await random.pick(kinds)(random, number), now()))
    }),
    ...many(CLUMSY, (number) => {
      world.deliver(mails.arrived(mails.clumsy(random, number), now()))
    }),
    ...reporters.map((from, number) =>
      any(async () => {
        const mark = `mark-${number}-${random.int(1e9)}`
        sent.set(from, { mark, at: now() })
        world.deliver(await mails.honest(from, mark, number % 2 === 0, deskKey, now()))
      })
    ),
    ...many(4, () => {
      world.replies.push(random.pick(['deferred', 'uncertain'] as const))
    }),
    ...many(8, () => {
      world.dieAt(1 + random.int(120))
    }),
    any(() => {
      world.jump(random.int(3) * 1000 - 1000)
    }),
    {
      after: HALF_A_DAY - 10_000,
      run: async () => {
        world.deliver(await mails.commands(desk.linus, desk.SECOND, '/notice hold', deskKey, now()))
      }
    }
  ]
  return acts.sort((one, other) => one.after - other.after)
}

/** Time passes, first in small steps, then at once; a process that dies is started again. */
async function live(ms: number): Promise<void> {
  const steps = [1, 1, 5, 15].map((minutes) => minutes * desk.MINUTE)
  for (let left = ms; left >= 0; ) {
    const step = Math.min(left, steps.shift() ?? left)
    desk.world.pass(step)
    while (!(await comesToRest())) desk.world.restart()
    left -= Math.max(step, 1)
  }
}

async function comesToRest(): Promise<boolean> {
  try {
    await desk.world.settle()
    return true
  } catch (error) {
    if (error instanceof Trouble && error.code === 'stopping') return false
    throw error
  }
}

/** When messages of a kind left, with their readers. */
function left(kind: string, more = ''): { readonly to: string; readonly at: Instant }[] {
  return desk.world.rows(
    `SELECT envelope_to AS "to", sent_at AS at FROM outbox WHERE kind = '${kind}' AND state = 'sent' ${more} ORDER BY id`
  )
}

/** One test for each seed. */
export function itFloods(first: number, count: number): void {
  it.each(Array.from({ length: count }, (_, seed) => first + seed))(
    '(G1 to G9) on a flood day honest reports are acknowledged and read, and notices leave when they are due or not at all: seed %i',
    async (seed) => {
      const random = randomOf(seed, 7)
      await desk.givenNotices({
        ...{ count: 2, authentication: desk.AUTHENTICATION },
        // Most strangers' reports come in lists.
        forwarding: { per_hour: 1, per_domain_hour: 1 }
      })
      const before = desk.world.column('SELECT id FROM arrivals').length
      await live(msBetween(now(), addMs(DUE, -HALF_A_DAY)))
      const sent = new Map<Someone, Sent>()
      let passed = 0
      const acts = actsOf(random, sent)
      for (const { after, run } of acts) {
        await live(after - passed)
        passed = after
        await run()
      }
      await live(desk.DAY)
      // Nothing fails any more.
      desk.world.replies.length = 0
      desk.world.dieAt(Number.MAX_SAFE_INTEGER)
      await live(desk.DAY)

      const came = HOSTILE + CLUMSY + reporters.length + 1
      const states = desk.world.column('SELECT state FROM arrivals').slice(before)
      expect(states).toHaveLength(came)
      expect(states).not.toContain('pending')
      const waiting = "SELECT kind FROM outbox WHERE state IN ('queued', 'sending')"
      expect(desk.world.column(waiting)).toEqual([])
      const acknowledged = left('acknowledgement')
      const texts = [await desk.textsTo(desk.grace), await desk.textsTo(desk.linus)].flat()
      const read = texts.join('\n')
      for (const [from, { mark, at }] of sent) {
        const first = acknowledged.find(({ to }) => to === from.address)
        expect(msBetween(at, first?.at ?? addMs(at, desk.DAY)), mark).toBeLessThan(SERVABLE)
        expect(read).toContain(mark)
      }
      const copies = left('notice', 'AND notice_id = 1')
      expect(copies.map(({ to }) => to).sort()).toEqual(
        desk.members.map(({ address }) => address).sort()
      )
      for (const { at } of copies) {
        expect(msBetween(DUE, at)).toBeGreaterThanOrEqual(0)
        expect(msBetween(DUE, at)).toBeLessThan(SERVABLE)
      }
      expect(left('notice', 'AND notice_id = 2')).toEqual([])
    }
  )
}
