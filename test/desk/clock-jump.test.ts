/** A clock that jumps while notices are scheduled: never early, told at once, and no longer in doubt than it must be (G7). */

import { describe, expect, it } from 'vitest'
import { RETRY_DELAY_MS_MAX } from '../../src/domain/outgoing.ts'
import { addMs } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import * as desk from '../support/desk.ts'
import { type Someone } from '../support/world.ts'

const YEAR = 365 * desk.DAY

/** A notice, three minutes before its instant if the clock is to be believed. */
async function jumpedNearly(): Promise<void> {
  await desk.givenNotices()
  await desk.jumps(desk.UNTIL_DUE - 3 * desk.MINUTE)
}
/** One that is on hold, previewed and approved anew. */
async function heldAndApproved(): Promise<void> {
  await desk.writes(desk.grace, '/notice hold\n')
  await desk.approve()
}
async function isHeldAfter(ms: number): Promise<void> {
  await desk.world.wait(ms)
  expect(desk.noticeStates()[0]).toBe('held')
  expect(await desk.noticed()).toEqual([])
}
/** Not a second before. */
async function leavesAfter(ms: number): Promise<void> {
  await desk.world.wait(ms - 1000)
  expect(desk.noticeStates()).toEqual(['scheduled'])
  await desk.world.wait(1000)
  expect(desk.noticeStates()).toEqual(['released'])
  expect(await desk.noticed()).toEqual(desk.ALL)
}
function doubts(): object[] {
  return desk.recorded('clock-doubted')
}

describe('after a forward jump of the clock', () => {
  it('a scheduled notice is approved again by a new preview; until then /status says that it will be held', async () => {
    await jumpedNearly()
    const held = 'does not count: it is put on hold Fri 27 Nov 2026, 12:00 UTC'
    expect(await desk.writes(desk.grace, '/status\n')).toContain(held)
    await desk.approve()
    expect(await desk.lastTo(desk.linus)).toContain('Approved. The notice leaves')
    expect(await desk.writes(desk.grace, '/status\n')).toContain('approved; it leaves Fri 27 Nov')
    await leavesAfter(3 * desk.MINUTE - 2000)
  })

  it('a notice that was held for it leaves once it is approved again, without any waiting', async () => {
    await desk.givenNotices()
    await desk.jumps(desk.UNTIL_DUE)
    await isHeldAfter(0)
    await desk.approve()
    expect(await desk.noticed()).toEqual(desk.ALL)
  })

  it('and back again, an approval given since counts although the clock has shown later times', async () => {
    await jumpedNearly()
    await desk.jumps(-30 * desk.MINUTE)
    await heldAndApproved()
    await desk.world.wait(33 * desk.MINUTE)
    expect(await desk.noticed()).toEqual(desk.ALL)
  })

  it.each([0, 1])(
    'no time and no restart (%i) makes an older approval count again: silence makes no clock right',
    async (count) => {
      await desk.givenNotices()
      await desk.jumps(desk.UNTIL_DUE - 2 * desk.DAY)
      await desk.world.wait(desk.DAY)
      if (count > 0) desk.world.restart()
      expect(desk.noticeStates()).toEqual(['scheduled'])
      await isHeldAfter(desk.DAY)
    }
  )

  it.each([0, 1])(
    'the older approval counts again once the clock was set back by about as much (%i desk.restarts)',
    async (count) => {
      await desk.givenNotices()
      await desk.jumps(2 * desk.DAY)
      desk.world.pass(desk.DAY)
      if (count > 0) desk.world.restart()
      await desk.jumps(-2 * desk.DAY + desk.MINUTE)
      await leavesAfter(3 * desk.DAY - desk.MINUTE - 1000)
    }
  )

  it('the older approval does not count again when the clock was set back by less', async () => {
    await desk.givenNotices()
    await desk.jumps(2 * desk.DAY)
    await desk.jumps(-desk.DAY)
    await isHeldAfter(3 * desk.DAY)
  })

  it('an approval given on a wrong clock does not count at the next wrong jump, however late it says it was given', async () => {
    await desk.givenNotices()
    const ahead = desk.UNTIL_DUE - 40 * desk.MINUTE
    await desk.jumps(ahead)
    desk.world.pass(10 * desk.MINUTE)
    await heldAndApproved()
    await desk.jumps(-ahead)
    expect(desk.noticeStates()).toEqual(['scheduled'])
    desk.world.pass(3 * desk.HOUR)
    // The same fault again: its wall clock is earlier than the one the approval was given at.
    await desk.jumps(ahead - 3 * desk.HOUR - 10 * desk.MINUTE)
    const [given = ''] = desk.world.column(
      "SELECT at FROM events WHERE kind = 'notice-approved' ORDER BY id DESC"
    )
    expect(given > desk.world.clock.now).toBe(true)
    await isHeldAfter(45 * desk.MINUTE)
  })
})

describe('an approval that was on its way while the clock jumped', () => {
  /** Linus signs it before the jump, for a preview of before; it arrives after. */
  async function approvedAcross(count: number): Promise<string> {
    await desk.givenNotices({ count })
    await desk.writes(desk.grace, '/notice hold\n')
    await desk.writes(desk.grace, '/notice preview\n', { after: desk.UNTIL_DUE - 12 * desk.HOUR })
    const letter = {
      subject: `Re: [${desk.FIRST}] x`,
      text: `/notice approve ${desk.code()}\n`
    }
    const raw = await desk.world.write(desk.linus, letter)
    await desk.jumps(11 * desk.HOUR)
    await desk.world.receive(raw)
    return desk.lastTo(desk.linus)
  }

  it.each([
    ['nothing else is scheduled', 1],
    ['another notice is scheduled', 2]
  ])(
    'is refused with the reason, and the maintainers know of the jump, where %s (G7)',
    async (_name, count) => {
      expect(await approvedAcross(count)).toContain('clock of the desk jumped after that preview')
      expect(desk.alarms('clock-jumped')).toBe(2)
      await isHeldAfter(desk.HOUR)
    }
  )

  it('can be given to a new preview, which shows the time and the doubt, and then counts', async () => {
    await approvedAcross(1)
    const before = desk.world.accepted.length
    await desk.approve()
    const texts = await desk.textsTo(desk.linus, before)
    const preview = texts.find((text) => text.includes('To approve exactly this'))
    expect(preview).toContain('Time of this machine: ')
    expect(preview).toContain('in doubt; an approval says that the time above is right')
    await desk.world.wait(desk.HOUR)
    expect(await desk.noticed()).toEqual(desk.ALL)
  })
})

describe('the alarm about a jump', () => {
  it('names by how much the clock still has to be set back, without what was set back already', async () => {
    await desk.givenNotices()
    await desk.jumps(desk.DAY)
    await desk.jumps(-desk.DAY)
    // A day after the first alarm, so that there is another one (B9).
    await desk.jumps(54 * desk.HOUR)
    expect(await desk.lastTo(desk.grace)).toContain('jumped 2 days forward')
  })

  it('comes once a day, however often the clock is in doubt (B9)', async () => {
    await desk.givenNotices()
    for (const hours of [1, 2, 3]) await desk.jumps(hours * desk.HOUR)
    expect(doubts().length).toBeGreaterThan(1)
    expect(desk.alarms('clock-jumped')).toBe(2)
  })

  it('reaches the maintainers at once, once for all notices, with the time to compare and nothing of the list (G5)', async () => {
    await desk.givenNotices({ count: 2 })
    await desk.jumps(desk.DAY)
    await desk.world.wait(desk.MINUTE)
    expect(desk.alarms('clock-jumped')).toBe(2)
    const text = (await desk.textsTo(desk.grace)).find((one) => one.includes('is in doubt')) ?? ''
    expect(text).toContain('The clock of this machine is in doubt')
    expect(text).toContain('24 hours')
    expect(text).toContain('Time of this machine: Tue 24 Nov 2026, 12:00 UTC')
    for (const tag of [desk.FIRST, desk.SECOND])
      expect(text).toContain(`${tag}: leaves Fri 27 Nov 2026, 12:00 UTC`)
    for (const { id, address } of desk.members) {
      expect(text).not.toContain(address)
      expect(text.toLowerCase()).not.toContain(id)
    }
    expect(desk.noticeStates()).toEqual(['scheduled', 'scheduled'])
  })

  it('is made up for after a crash before it was stored, and rings no second time', async () => {
    await desk.givenNotices()
    desk.world.jump(desk.DAY)
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
    ['forward', desk.DAY],
    ['backward', -desk.DAY]
  ])('does not ring for a jump %s without any notice', async (_name, ms) => {
    await desk.givenNotices({ count: 0 })
    await desk.jumps(ms)
    expect(desk.alarms('clock-jumped')).toBe(0)
    expect(doubts()).toHaveLength(1)
  })
})

describe('when nobody can read an alarm, because keys look expired on the jumped clock', () => {
  const counted = () => [desk.alarms('clock-jumped'), desk.alarms('notice-held')]

  /** A notice of maintainers whose keys last a year, three years later by the clock. */
  async function givenExpired(): Promise<readonly Someone[]> {
    const maintainers = [
      await desk.givenMaintainer('grace', 365),
      await desk.givenMaintainer('linus', 365)
    ] as const
    await desk.givenNotices({ maintainers })
    await desk.jumps(3 * YEAR)
    return maintainers
  }

  it.each([0, 1])(
    'the jump and the hold are told as soon as keys work again, once (%i desk.restarts)',
    async (count) => {
      const maintainers = await givenExpired()
      const before = desk.world.accepted.length
      expect(desk.noticeStates()).toEqual(['held'])
      expect(counted()).toEqual([0, 0])
      if (count > 0) desk.world.restart()
      desk.world.jump(-3 * YEAR)
      await desk.world.wait(desk.MINUTE)
      await desk.world.wait(desk.HOUR)
      expect(counted()).toEqual([2, 2])
      for (const person of maintainers) {
        const read = await desk.allTo(person, before)
        expect(read).toContain('The advance notice is on hold')
        expect(read).toContain('because the clock of this machine jumped')
        expect(read).toContain('1095 days')
        expect(read).toContain('has come back since')
        expect(read).not.toContain('they have it')
      }
    }
  )

  it('they are told on the wrong clock too, once one maintainer has a key that works', async () => {
    await givenExpired()
    await desk.world.renewKey(desk.grace)
    const before = desk.world.accepted.length
    await desk.restarts()
    const read = await desk.allTo(desk.grace, before)
    expect(read).toContain('The advance notice is on hold')
    expect(read).toContain('The clock of this machine is in doubt')
    expect(counted()).toEqual([1, 1])
  })

  it('they are not sealed anew at every round, and leave no row behind meanwhile', async () => {
    await givenExpired()
    let seals = 0
    desk.world.workers.failSeal = () => {
      seals += 1
      return null
    }
    for (let round = 0; round < 30; round += 1) await desk.world.wait(desk.MINUTE)
    // One try every ten minutes for each cause: the jump, and the dates of the case that have passed; two copies each.
    expect(seals).toBeLessThanOrEqual(36)
    expect(seals).toBeGreaterThan(0)
  })

  it('a desk key that looks expired ends neither the watch nor a hold, and all is told later', async () => {
    await desk.givenNotices()
    desk.world.workers.failSeal = () => new Trouble('desk-key', 'the desk key cannot sign')
    // The loop waits and tries again while the clock is in doubt.
    await expect(desk.jumps(desk.UNTIL_DUE)).rejects.toThrow('the desk key cannot sign')
    expect(desk.noticeStates()).toEqual(['held'])
    desk.world.workers.failSeal = null
    await desk.world.wait(11 * desk.MINUTE)
    expect(counted()).toEqual([2, 2])
  })
})

/** Waiting messages whose next attempt is further ahead than the ladder ever waits. */
function putOff(): unknown[] {
  const latest = addMs(desk.world.clock.now, RETRY_DELAY_MS_MAX)
  const sql = "SELECT id FROM outbox WHERE state = 'queued' AND next_attempt_at > ?"
  return desk.world.rows(sql, [latest])
}

it.each([
  ['before it neither is there', 1, 0],
  ['after it both are', 2, 1]
])('a jump and what it makes due are one write: %s', async (_name, step, trusted) => {
  await desk.givenNotices()
  await desk.jumps(3 * desk.DAY)
  desk.world.replies.push('deferred', 'deferred')
  await desk.writes(desk.grace, 'a note\n')
  desk.world.jump(-3 * desk.DAY)
  expect(putOff().length).toBeGreaterThan(0)
  desk.world.dieAt(step)
  await desk.world.releaseOnce().catch(() => undefined)
  expect(desk.recorded('clock-trusted')).toHaveLength(trusted)
  expect(putOff().length > 0).toBe(trusted === 0)
})

describe('a clock that was set while the desk did not run', () => {
  it('is in doubt at the start: a notice approved before is held at its instant', async () => {
    await desk.givenNotices()
    desk.world.jump(desk.UNTIL_DUE)
    await desk.restarts()
    await isHeldAfter(0)
  })

  it('is in doubt after another start of the machine when it is behind the record', async () => {
    await desk.givenNotices()
    Object.assign(desk.world.desk.clock, { bootId: () => 'another' })
    desk.world.jump(-desk.HOUR)
    await desk.restarts()
    expect(doubts()).toHaveLength(1)
    expect(desk.alarms('clock-jumped')).toBe(2)
  })
})

describe('once a clock that was ahead for 30 days is set right', () => {
  async function givenPromises(): Promise<void> {
    const { clocks } = await desk.preset('dragonfly')
    await desk.givenReport({ policy: { clocks } })
  }
  async function overdueAlarms(): Promise<number> {
    await desk.jumps(30 * desk.DAY)
    await desk.jumps(-30 * desk.DAY)
    const mark = desk.world.accepted.length
    await desk.days(10)
    return (await desk.alarmsTo(desk.grace, mark)).filter((text) => text.includes('Overdue since'))
      .length
  }

  it('maintainers are told every day of a first answer that was missed', async () => {
    await givenPromises()
    expect(await overdueAlarms()).toBeGreaterThan(5)
  })

  it('maintainers are told every day of a reporter who wrote last and is not answered', async () => {
    await givenPromises()
    await desk.says('/reply\nhello')
    await desk.writes(desk.alice, 'more', { autocrypt: true, ...desk.answering(desk.alice) })
    expect(await overdueAlarms()).toBeGreaterThan(3)
  })

  it('the daily list of further reports leaves (B11)', async () => {
    await desk.givenDesk([desk.grace])
    await desk.jumps(30 * desk.DAY)
    for (let count = 0; count < 7; count += 1) {
      desk.world.pass(desk.MINUTE)
      await desk.givenMessage(desk.alice, { subject: `n ${count}`, text: 'x', as: 'clear' })
    }
    await desk.jumps(-30 * desk.DAY)
    await desk.days(2)
    expect(desk.kindsTo(desk.alice)).toContain('further-reports')
  })

  it('a preview of that time can no longer be approved (G7)', async () => {
    await desk.givenReport({ list: desk.members })
    await desk.says(
      `/accept\n/embargo 2027-02-01T12:00:00Z because x\n/notice draft\n${desk.FIELDS}`
    )
    await desk.jumps(30 * desk.DAY)
    await desk.writes(desk.grace, '/notice preview\n', { after: 1000 })
    const preview = desk.code()
    await desk.jumps(-30 * desk.DAY)
    expect(await desk.writes(desk.linus, `/notice approve ${preview}\n`)).toContain(
      'the clock was ahead'
    )
  })
})
