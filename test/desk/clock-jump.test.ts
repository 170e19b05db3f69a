/** A clock that jumps while notices are scheduled: never early, told at once, and no longer in doubt than it must be (G7). */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  type NoticeWorld,
  noticeWorld,
  type People,
  people,
  UNTIL_DUE
} from '../support/notice-world.ts'

const HOUR = 3_600_000
const ONE = 'ACME-2026-0001'
let cast: People
let desk: NoticeWorld

beforeAll(async () => {
  cast = await people()
})
afterEach(() => {
  desk.world.close()
})

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
    desk.world.pass(3 * 60_000)
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
    expect(desk.alarms('notice-held')).toBe(2)
  })

  it('a notice approved after it leaves at its instant, within the hour and not a second before', async () => {
    await jumpedNearly()
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    expect(desk.states()).toEqual(['scheduled'])
    desk.world.pass(3 * 60_000 - 3000)
    await desk.world.settle()
    expect(desk.states()).toEqual(['scheduled'])
    desk.world.pass(1000)
    await desk.world.settle()
    expect(desk.states()).toEqual(['released'])
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('a notice that was held for it leaves once it is approved again, without an hour of waiting', async () => {
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
    desk.world.pass(3 * 60_000)
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })

  it('and back again, an approval given since counts although the clock has shown later times', async () => {
    await jumpedNearly()
    desk.world.jump(-30 * 60_000)
    await desk.world.settle()
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    // Still within the hour of distrust.
    desk.world.pass(33 * 60_000)
    await desk.world.settle()
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('an hour of running later an older approval counts again', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.jump(UNTIL_DUE - 2 * HOUR)
    await desk.world.settle()
    desk.world.pass(2 * HOUR)
    await desk.world.settle()
    expect(desk.states()).toEqual(['released'])
  })
})

describe('the alarm about a jump', () => {
  it('reaches the maintainers at once, once for all notices, with the time to compare and nothing of the list (G5)', async () => {
    desk = await noticeWorld(cast, { count: 2 })
    desk.world.jump(24 * HOUR)
    await desk.world.settle()
    desk.world.pass(60_000)
    await desk.world.settle()
    expect(desk.alarms('clock-jumped')).toBe(2)
    const mail = desk.world.accepted.filter(({ to }) => to === cast.grace.address).at(-1)
    const text = mail === undefined ? '' : await desk.world.read(cast.grace, mail)
    expect(text).toContain('The clock JUMPED while notices are scheduled')
    expect(text).toContain('24 hours')
    expect(text).toContain('Time of this machine: Tue 2026-11-24 12:00 UTC')
    for (const tag of [ONE, 'ACME-2026-0002'])
      expect(text).toContain(`${tag}: leaves Fri 2026-11-27 12:00 UTC`)
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
    expect(desk.world.rows("SELECT key FROM meta WHERE key = 'clock-jump-untold'")).toEqual([])
  })

  it.each([
    ['without scheduled notices', 0, 24 * HOUR],
    ['for a jump backward', 1, -24 * HOUR]
  ])('does not ring %s', async (_name, count, ms) => {
    desk = await noticeWorld(cast, { count })
    desk.world.jump(ms)
    await desk.world.settle()
    expect(desk.alarms('clock-jumped')).toBe(0)
    expect(desk.world.rows("SELECT id FROM audit WHERE action = 'clock.jumped'")).toHaveLength(1)
  })
})
