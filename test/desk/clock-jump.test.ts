/** A clock that jumps while notices are scheduled: never early, told at once, and no longer in doubt than it must be (G7). */
import { describe, expect, it } from 'vitest'
import { RETRY_DELAY_MS_MAX } from '../../src/domain/outgoing.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { lastTo, previewCode } from '../support/given.ts'
import {
  type NoticeWorld,
  noticeWorld,
  type People,
  people,
  UNTIL_DUE
} from '../support/notice-world.ts'
import { someone } from '../support/world.ts'

const cast = await people()
const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY
const ONE = 'ACME-2026-0001'
let desk: NoticeWorld

/** One notice, three minutes before its instant if the clock is to be believed. */
async function jumpedNearly(): Promise<void> {
  desk = await noticeWorld(cast, { count: 1 })
  desk.world.jump(UNTIL_DUE - 3 * 60_000)
  await desk.world.settle()
}

describe('after a forward jump of the clock', () => {
  it('a notice approved before it is held at its instant, never early', async () => {
    await jumpedNearly()
    expect(desk.states()).toEqual(['scheduled'])
    await desk.world.wait(3 * 60_000)
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
    expect(desk.alarms('notice-held')).toBe(2)
  })

  it('a notice approved after it leaves at its instant, within the hour and not a second before', async () => {
    await jumpedNearly()
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    expect(desk.states()).toEqual(['scheduled'])
    await desk.world.wait(3 * 60_000 - 3000)
    expect(desk.states()).toEqual(['scheduled'])
    await desk.world.wait(1000)
    expect(desk.states()).toEqual(['released'])
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('a notice that was held for it leaves once it is approved again, without any waiting', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(UNTIL_DUE)
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    await desk.approve(ONE)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('a restart does not make an approval from before it count', async () => {
    await jumpedNearly()
    desk.world.restart()
    await desk.world.wait(3 * 60_000)
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })

  it('and back again, an approval given since counts although the clock has shown later times', async () => {
    await jumpedNearly()
    desk.world.jump(-30 * 60_000)
    await desk.world.settle()
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    await desk.world.wait(33 * 60_000)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it.each([0, 1])(
    'no time and no restart (%i) makes an older approval count again: silence makes no clock right',
    async (restarts) => {
      desk = await noticeWorld(cast, { count: 1 })
      desk.world.jump(UNTIL_DUE - 2 * DAY)
      await desk.world.settle()
      await desk.world.wait(DAY)
      for (let count = 0; count < restarts; count += 1) desk.world.restart()
      expect(desk.states()).toEqual(['scheduled'])
      await desk.world.wait(DAY)
      expect(desk.states()).toEqual(['held'])
      expect(await desk.noticed(ONE)).toEqual([])
    }
  )

  it.each([0, 1])(
    'the older approval counts again once the clock was set back by about as much (%i restarts)',
    async (restarts) => {
      desk = await noticeWorld(cast, { count: 1 })
      desk.world.jump(2 * DAY)
      await desk.world.settle()
      desk.world.pass(DAY)
      for (let count = 0; count < restarts; count += 1) desk.world.restart()
      desk.world.jump(-2 * DAY + 60_000)
      await desk.world.settle()
      await desk.world.wait(3 * DAY - 60_000 - 3000)
      expect(desk.states()).toEqual(['scheduled'])
      await desk.world.wait(60_000)
      expect(desk.states()).toEqual(['released'])
      expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
    }
  )

  it('it does not count again when the clock was set back by less', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(2 * DAY)
    await desk.world.settle()
    desk.world.jump(-DAY)
    await desk.world.settle()
    await desk.world.wait(3 * DAY)
    expect(desk.states()).toEqual(['held'])
  })

  it('an approval given on a wrong clock does not count at the next wrong jump, however late it says it was given', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    const ahead = UNTIL_DUE - 40 * 60_000
    desk.world.jump(ahead)
    await desk.world.settle()
    desk.world.pass(10 * 60_000)
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    desk.world.jump(-ahead)
    await desk.world.settle()
    expect(desk.states()).toEqual(['scheduled'])
    desk.world.pass(3 * HOUR)
    // The same fault again: its wall clock is earlier than the one the approval was given at.
    desk.world.jump(ahead - 3 * HOUR - 10 * 60_000)
    await desk.world.settle()
    const sql = "SELECT at FROM events WHERE kind = 'notice-approved' ORDER BY id DESC"
    const [given] = desk.world.rows<{ at: string }>(sql)
    expect(given !== undefined && given.at > desk.world.clock.now).toBe(true)
    await desk.world.wait(45 * 60_000)
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })
})

describe('an approval that was on its way while the clock jumped', () => {
  /** Linus signs it before the jump, for a preview of before; it arrives after. */
  async function approvedAcross(count: number): Promise<string> {
    desk = await noticeWorld(cast, { count })
    await desk.command(cast.grace, ONE, '/notice hold\n')
    desk.world.pass(UNTIL_DUE - 12 * HOUR)
    await desk.command(cast.grace, ONE, '/notice preview\n')
    const code = previewCode(desk.world)
    const letter = { subject: `Re: [${ONE}] x`, text: `/notice approve ${code}\n` }
    const raw = await desk.world.write(cast.linus, letter)
    desk.world.jump(11 * HOUR)
    await desk.world.settle()
    await desk.world.receive(raw)
    return lastTo(desk.world, cast.linus)
  }

  it.each([
    ['nothing else is scheduled', 1],
    ['another notice is scheduled', 2]
  ])(
    'is refused with the reason, and the maintainers know of the jump, where %s (G7)',
    async (_name, count) => {
      expect(await approvedAcross(count)).toContain('clock of the desk jumped after that preview')
      expect(desk.alarms('clock-jumped')).toBe(2)
      await desk.world.wait(HOUR)
      expect(desk.states()[0]).toBe('held')
      expect(await desk.noticed(ONE)).toEqual([])
    }
  )

  it('can be given to a new preview, which shows the time and the doubt, and then counts', async () => {
    await approvedAcross(1)
    const before = desk.world.accepted.length
    await desk.approve(ONE)
    const mails = desk.world.accepted.slice(before).filter(({ to }) => to === cast.linus.address)
    const texts = await Promise.all(mails.map((mail) => desk.world.read(cast.linus, mail)))
    const preview = texts.find((text) => text.includes('To approve exactly this'))
    expect(preview).toContain('Time of this machine: ')
    expect(preview).toContain('in doubt; an approval says that the time above is right')
    await desk.world.wait(HOUR)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })
})

describe('the alarm about a jump', () => {
  it('names what the clock has to be set back by, not what was set back already', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(24 * HOUR)
    await desk.world.settle()
    desk.world.jump(-24 * HOUR)
    await desk.world.settle()
    // A day after the first alarm, so that there is another one (B9).
    desk.world.jump(54 * HOUR)
    await desk.world.settle()
    const text = await lastTo(desk.world, cast.grace)
    expect(text).toContain('jumped 2 days forward')
  })

  it('comes once a day, however often the clock is in doubt (B9)', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    for (const hours of [1, 2, 3]) {
      desk.world.jump(hours * HOUR)
      await desk.world.settle()
    }
    expect(
      desk.world.rows("SELECT id FROM events WHERE kind = 'clock-doubted'").length
    ).toBeGreaterThan(1)
    expect(desk.alarms('clock-jumped')).toBe(2)
  })

  it('reaches the maintainers at once, once for all notices, with the time to compare and nothing of the list (G5)', async () => {
    desk = await noticeWorld(cast, { count: 2 })
    desk.world.jump(24 * HOUR)
    await desk.world.settle()
    await desk.world.wait(60_000)
    expect(desk.alarms('clock-jumped')).toBe(2)
    const mails = desk.world.sentTo(cast.grace)
    const read = await Promise.all(mails.map((mail) => desk.world.read(cast.grace, mail)))
    const text = read.find((one) => one.includes('is in doubt')) ?? ''
    expect(text).toContain('The clock of this machine is in doubt')
    expect(text).toContain('24 hours')
    expect(text).toContain('Time of this machine: Tue 24 Nov 2026, 12:00 UTC')
    for (const tag of [ONE, 'ACME-2026-0002'])
      expect(text).toContain(`${tag}: leaves Fri 27 Nov 2026, 12:00 UTC`)
    for (const { id, address } of cast.members) {
      expect(text).not.toContain(address)
      expect(text.toLowerCase()).not.toContain(id)
    }
    expect(desk.states()).toEqual(['scheduled', 'scheduled'])
  })

  it('is made up for after a crash before it was stored, and rings no second time', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(24 * HOUR)
    // The jump is on the record (two effects), then the process dies in the middle of sealing the alarm.
    for (const step of [3, 4, 5, 6]) {
      desk.world.dieAt(step)
      await desk.world.releaseOnce().catch(() => undefined)
      desk.world.restart()
    }
    await desk.world.settle()
    expect(desk.alarms('clock-jumped')).toBe(2)
  })

  it.each([
    ['forward', 24 * HOUR],
    ['backward', -24 * HOUR]
  ])('does not ring for a jump %s without any notice', async (_name, ms) => {
    desk = await noticeWorld(cast, { count: 0 })
    desk.world.jump(ms)
    await desk.world.settle()
    expect(desk.alarms('clock-jumped')).toBe(0)
    expect(desk.world.rows("SELECT id FROM events WHERE kind = 'clock-doubted'")).toHaveLength(1)
  })
})

describe('when nobody can read an alarm, because keys look expired on the jumped clock', () => {
  /** Both maintainers' keys last a year. */
  async function mortal(): Promise<People> {
    const [grace, linus] = await Promise.all([
      someone('grace', 'grace@acme.example', 365),
      someone('linus', 'linus@acme.example', 365)
    ])
    return { ...cast, grace, linus }
  }
  async function texts(person: People['grace'], from: number): Promise<string[]> {
    const mine = desk.world.accepted.slice(from).filter(({ to }) => to === person.address)
    return Promise.all(mine.map((mail) => desk.world.read(person, mail)))
  }

  it.each([0, 1])(
    'the jump and the hold are told as soon as keys work again, once (%i restarts)',
    async (restarts) => {
      const who = await mortal()
      desk = await noticeWorld(who, { count: 1 })
      const before = desk.world.accepted.length
      desk.world.jump(3 * YEAR)
      await desk.world.settle()
      expect(desk.states()).toEqual(['held'])
      expect([desk.alarms('clock-jumped'), desk.alarms('notice-held')]).toEqual([0, 0])
      for (let count = 0; count < restarts; count += 1) desk.world.restart()
      desk.world.jump(-3 * YEAR)
      await desk.world.wait(60_000)
      await desk.world.wait(HOUR)
      expect([desk.alarms('clock-jumped'), desk.alarms('notice-held')]).toEqual([2, 2])
      for (const person of [who.grace, who.linus]) {
        const read = (await texts(person, before)).join('\n').replaceAll(/\s+/g, ' ')
        expect(read).toContain('The advance notice is on hold')
        expect(read).toContain('because the clock of this machine jumped')
        expect(read).toContain('1095 days')
        expect(read).toContain('came back since')
        expect(read).not.toContain('they have it')
      }
    }
  )

  it('they are told on the wrong clock too, once one maintainer has a key that works', async () => {
    const who = await mortal()
    desk = await noticeWorld(who, { count: 1 })
    desk.world.jump(3 * YEAR)
    await desk.world.settle()
    const renewed = await someone('grace', 'grace@acme.example')
    Object.assign(desk.world.desk.settings, {
      maintainers: desk.world.desk.settings.maintainers.map((one) =>
        one.id === 'grace'
          ? { ...one, keyData: renewed.keyData, fingerprint: renewed.secret.getFingerprint() }
          : one
      )
    })
    const before = desk.world.accepted.length
    desk.world.restart()
    await desk.world.settle()
    const read = (await texts(renewed, before)).join('\n')
    expect(read).toContain('The advance notice is on hold')
    expect(read).toContain('The clock of this machine is in doubt')
    expect([desk.alarms('clock-jumped'), desk.alarms('notice-held')]).toEqual([1, 1])
  })

  it('they are not sealed anew at every round, and leave no row behind meanwhile', async () => {
    desk = await noticeWorld(await mortal(), { count: 1 })
    desk.world.jump(3 * YEAR)
    await desk.world.settle()
    const { workers } = desk.world.desk
    const real = workers.seal.bind(workers)
    let seals = 0
    Object.assign(workers, {
      seal: (...args: Parameters<typeof real>) => {
        seals += 1
        return real(...args)
      }
    })
    for (let round = 0; round < 30; round += 1) {
      await desk.world.wait(60_000)
    }
    // One try every ten minutes for each cause: the jump, and the dates of the case that have passed; two copies each.
    expect(seals).toBeLessThanOrEqual(36)
  })

  it('a desk key that looks expired ends neither the watch nor a hold, and all is told later', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    const { workers } = desk.world.desk
    const real = workers.seal.bind(workers)
    let isExpired = true
    Object.assign(workers, {
      seal: (...args: Parameters<typeof real>) =>
        isExpired
          ? Promise.reject(
              new Trouble('desk-key', 'the desk key cannot sign', { retryable: false })
            )
          : real(...args)
    })
    desk.world.jump(UNTIL_DUE)
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(desk.world.log).toContainEqual({ event: 'trouble', code: 'desk-key', where: 'clock' })
    isExpired = false
    await desk.world.wait(11 * 60_000)
    expect([desk.alarms('clock-jumped'), desk.alarms('notice-held')]).toEqual([2, 2])
  })
})

/** Waiting messages whose next attempt is further ahead than the ladder ever waits. */
function putOff(): unknown[] {
  const sql = "SELECT next_attempt_at AS at FROM outbox WHERE state = 'queued'"
  const latest = addMs(desk.world.clock.now, RETRY_DELAY_MS_MAX)
  return desk.world.rows<{ at: Instant }>(sql).filter(({ at }) => at > latest)
}

it.each([
  ['before it neither is there', 1, 0],
  ['after it both are', 2, 1]
])('a jump and what it makes due are one write: %s', async (_name, step, jumps) => {
  desk = await noticeWorld(cast, { count: 1 })
  const { world } = desk
  const back = "SELECT id FROM events WHERE kind = 'clock-trusted'"
  world.jump(3 * DAY)
  await world.settle()
  world.replies.push('deferred', 'deferred')
  await desk.command(cast.grace, ONE, 'a note\n')
  world.jump(-3 * DAY)
  expect(putOff().length).toBeGreaterThan(0)
  world.dieAt(step)
  await world.releaseOnce().catch(() => undefined)
  expect(world.rows(back)).toHaveLength(jumps)
  expect(putOff().length > 0).toBe(jumps === 0)
})

describe('a clock that was set while the desk did not run', () => {
  it('is in doubt at the start: a notice approved before is held at its instant', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(UNTIL_DUE)
    desk.world.restart()
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })

  it('is in doubt after another start of the machine when it is behind the record', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    Object.assign(desk.world.desk.clock, { bootId: () => 'another' })
    desk.world.jump(-HOUR)
    desk.world.restart()
    await desk.world.settle()
    expect(desk.world.rows("SELECT id FROM events WHERE kind = 'clock-doubted'")).toHaveLength(1)
    expect(desk.alarms('clock-jumped')).toBe(2)
  })
})
