/**
 * Flood days in small, one for each seed: hostile and clumsy mail among honest reports, a notice due in the middle and another that
 * is held just before its instant, a process that dies, an SMTP server that fails, a clock that is set. `npm test` takes a few
 * dozen of them, `npm run nightly` hundreds; `npm run simulate` plays the whole day on real servers.
 */
import { expect, it } from 'vitest'
import { addMs, type Instant, msBetween } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { verify } from '../../src/store/events.ts'
import { type Random, randomOf } from '../fuzz/random.ts'
import * as mails from '../simulate/mails.ts'
import * as desk from './desk.ts'
import { type Accepted, deskCertificate, type Someone, START, someone } from './world.ts'

const HOSTILE = 24
const CLUMSY = 8
const KILLERS = 2
/** Times that the process dies, and that the server puts off a message or leaves it in doubt. */
const DEATHS = 8
const DOUBTS = 4
/** From the first message to the instant of the notice, and as long after it. */
const HALF_A_DAY = 12 * desk.HOUR
/** A message that the server puts off twice leaves within this. */
const SERVABLE = 10 * desk.MINUTE
/** A message whose last character is this one cannot be opened. */
const KILLS = 0x21
const KILLED = new Trouble('worker-crash', 'killed', { retryable: true })
const DUE = addMs(START, desk.UNTIL_DUE)

const strangers = [await someone('eve', 'eve@outside.example')]
const reporters = await Promise.all(
  ['carol', 'dave', 'erin'].map((id) => someone(id, `${id}@${id}.example`))
)
const deskKey = await deskCertificate()
const now = (): Instant => desk.world.clock.now
const kinds = mails.hostileKinds({
  ...{ now, deskKey, strangers, members: desk.members, maintainers: [desk.grace, desk.linus] }
})

/** An honest report on its way. */
type Sent = { readonly mark: string; readonly at: Instant }
type Act = { readonly after: number; readonly run: () => void | Promise<void> }

/** What happens in a day, in order; it notes the honest reports. */
function actsOf(random: Random, sent: Map<Someone, Sent>): Act[] {
  const { world } = desk
  const sometime = (): number => random.int(2 * HALF_A_DAY)
  const wave = sometime()
  const any = (run: Act['run']): Act => ({ after: sometime(), run })
  const many = (count: number, run: (number: number) => void | Promise<void>): Act[] =>
    Array.from({ length: count }, (_, number) => any(() => run(number)))
  const acts = [
    // Half of them at once.
    ...many(HOSTILE, async (number) => {
      world.deliver(mails.arrived(await random.pick(kinds)(random, number), now()))
    }).map((act, number) => (number % 2 === 0 ? act : { ...act, after: wave })),
    ...many(CLUMSY, (number) => {
      world.deliver(mails.arrived(mails.clumsy(random, number), now()))
    }),
    ...reporters.map((from, number) => ({
      after: number === 0 ? wave + desk.MINUTE : sometime(),
      run: async () => {
        const mark = `mark-${number}-${random.int(1e9)}`
        sent.set(from, { mark, at: now() })
        world.deliver(await mails.honest(from, mark, number % 2 === 0, deskKey, now()))
      }
    })),
    ...many(KILLERS, () => {
      world.deliver(mails.arrived(mails.plain('k@killer.example', 'x', 'x!'), now()))
    }),
    ...many(DOUBTS, () => {
      world.replies.push(random.pick(['deferred', 'uncertain'] as const))
    }),
    ...many(DEATHS, () => {
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

/** G2: a message that the server took twice is the same one, and was in doubt or lost with the process in between. */
function expectNoneTwice(doubts: number): void {
  const first = new Map<string, Accepted>()
  const again: boolean[] = []
  for (const mail of desk.world.accepted) {
    const before = first.get(mail.messageId)
    if (before === undefined) first.set(mail.messageId, mail)
    else again.push(mail.to === before.to && Buffer.from(mail.raw).equals(before.raw))
  }
  expect(again).not.toContain(false)
  expect(again.length).toBeLessThanOrEqual(doubts)
}

/** G3, G5: what is written, and who is on the list, is readable in no message. */
function expectNothingShown(secrets: readonly string[]): void {
  for (const { to, raw } of desk.world.accepted) {
    const text = Buffer.from(raw).toString('latin1')
    expect(secrets.filter((secret) => secret !== to && text.includes(secret))).toEqual([])
  }
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
      const [asked = 0] = desk.world.column<number>('SELECT max(id) FROM events')
      await live(msBetween(now(), addMs(DUE, -HALF_A_DAY)))
      const sent = new Map<Someone, Sent>()
      // Every way of opening some messages ends the thread.
      desk.world.workers.fail = (raw, call) =>
        call === 'open' && raw.at(-3) === KILLS ? KILLED : null
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

      const came = HOSTILE + CLUMSY + KILLERS + reporters.length + 1
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
      expectNoneTwice(DEATHS + DOUBTS)
      expectNothingShown([
        ...[...sent.values()].map(({ mark }) => mark),
        ...desk.members.map(({ address }) => address)
      ])
      // G4: of all who claimed to be a maintainer, only the one who signed was obeyed.
      const obeyed = `SELECT kind FROM events WHERE actor_kind = 'maintainer' AND id > ${asked}`
      expect(desk.world.column(obeyed)).toEqual(['notice-held', 'commands-ran'])
      expect(desk.world.desk.db.read(verify)).toMatchObject({ ok: true })
    }
  )
}
