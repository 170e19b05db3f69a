/** A clock that jumps while notices are scheduled: never early, told at once, and no longer in doubt than it must be (G7). */

import { describe, expect, it } from 'vitest'
import { RETRY_DELAY_MS_MAX } from '../../src/domain/outgoing.ts'
import { addMs } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import {
  ALL,
  alarms,
  alarmsTo,
  alice,
  allTo,
  answering,
  approve,
  code,
  DAY,
  days,
  FIELDS,
  FIRST,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenNotices,
  givenReport,
  grace,
  HOUR,
  jumps,
  kindsTo,
  lastTo,
  linus,
  MINUTE,
  members,
  noticed,
  noticeStates,
  preset,
  recorded,
  restarts,
  SECOND,
  says,
  textsTo,
  UNTIL_DUE,
  world,
  writes
} from '../support/desk.ts'
import { type Someone } from '../support/world.ts'

const YEAR = 365 * DAY

/** A notice, three minutes before its instant if the clock is to be believed. */
async function jumpedNearly(): Promise<void> {
  await givenNotices()
  await jumps(UNTIL_DUE - 3 * MINUTE)
}
/** One that is on hold, previewed and approved anew. */
async function heldAndApproved(): Promise<void> {
  await writes(grace, '/notice hold\n')
  await approve()
}
async function isHeldAfter(ms: number): Promise<void> {
  await world.wait(ms)
  expect(noticeStates()[0]).toBe('held')
  expect(await noticed()).toEqual([])
}
/** Not a second before. */
async function leavesAfter(ms: number): Promise<void> {
  await world.wait(ms - 1000)
  expect(noticeStates()).toEqual(['scheduled'])
  await world.wait(1000)
  expect(noticeStates()).toEqual(['released'])
  expect(await noticed()).toEqual(ALL)
}
function doubts(): object[] {
  return recorded('clock-doubted')
}

describe('after a forward jump of the clock', () => {
  it('a scheduled notice is approved again by a new preview; until then /status says that it will be held', async () => {
    await jumpedNearly()
    const held = 'does not count: it is put on hold Fri 27 Nov 2026, 12:00 UTC'
    expect(await writes(grace, '/status\n')).toContain(held)
    await approve()
    expect(await lastTo(linus)).toContain('Approved. The notice leaves')
    expect(await writes(grace, '/status\n')).toContain('approved; it leaves Fri 27 Nov')
    await leavesAfter(3 * MINUTE - 2000)
  })

  it('a notice that was held for it leaves once it is approved again, without any waiting', async () => {
    await givenNotices()
    await jumps(UNTIL_DUE)
    await isHeldAfter(0)
    await approve()
    expect(await noticed()).toEqual(ALL)
  })

  it('and back again, an approval given since counts although the clock has shown later times', async () => {
    await jumpedNearly()
    await jumps(-30 * MINUTE)
    await heldAndApproved()
    await world.wait(33 * MINUTE)
    expect(await noticed()).toEqual(ALL)
  })

  it.each([0, 1])(
    'no time and no restart (%i) makes an older approval count again: silence makes no clock right',
    async (count) => {
      await givenNotices()
      await jumps(UNTIL_DUE - 2 * DAY)
      await world.wait(DAY)
      if (count > 0) world.restart()
      expect(noticeStates()).toEqual(['scheduled'])
      await isHeldAfter(DAY)
    }
  )

  it.each([0, 1])(
    'the older approval counts again once the clock was set back by about as much (%i restarts)',
    async (count) => {
      await givenNotices()
      await jumps(2 * DAY)
      world.pass(DAY)
      if (count > 0) world.restart()
      await jumps(-2 * DAY + MINUTE)
      await leavesAfter(3 * DAY - MINUTE - 1000)
    }
  )

  it('the older approval does not count again when the clock was set back by less', async () => {
    await givenNotices()
    await jumps(2 * DAY)
    await jumps(-DAY)
    await isHeldAfter(3 * DAY)
  })

  it('an approval given on a wrong clock does not count at the next wrong jump, however late it says it was given', async () => {
    await givenNotices()
    const ahead = UNTIL_DUE - 40 * MINUTE
    await jumps(ahead)
    world.pass(10 * MINUTE)
    await heldAndApproved()
    await jumps(-ahead)
    expect(noticeStates()).toEqual(['scheduled'])
    world.pass(3 * HOUR)
    // The same fault again: its wall clock is earlier than the one the approval was given at.
    await jumps(ahead - 3 * HOUR - 10 * MINUTE)
    const [given = ''] = world.column(
      "SELECT at FROM events WHERE kind = 'notice-approved' ORDER BY id DESC"
    )
    expect(given > world.clock.now).toBe(true)
    await isHeldAfter(45 * MINUTE)
  })
})

describe('an approval that was on its way while the clock jumped', () => {
  /** Linus signs it before the jump, for a preview of before; it arrives after. */
  async function approvedAcross(count: number): Promise<string> {
    await givenNotices({ count })
    await writes(grace, '/notice hold\n')
    await writes(grace, '/notice preview\n', { after: UNTIL_DUE - 12 * HOUR })
    const letter = { subject: `Re: [${FIRST}] x`, text: `/notice approve ${code()}\n` }
    const raw = await world.write(linus, letter)
    await jumps(11 * HOUR)
    await world.receive(raw)
    return lastTo(linus)
  }

  it.each([
    ['nothing else is scheduled', 1],
    ['another notice is scheduled', 2]
  ])(
    'is refused with the reason, and the maintainers know of the jump, where %s (G7)',
    async (_name, count) => {
      expect(await approvedAcross(count)).toContain('clock of the desk jumped after that preview')
      expect(alarms('clock-jumped')).toBe(2)
      await isHeldAfter(HOUR)
    }
  )

  it('can be given to a new preview, which shows the time and the doubt, and then counts', async () => {
    await approvedAcross(1)
    const before = world.accepted.length
    await approve()
    const texts = await textsTo(linus, before)
    const preview = texts.find((text) => text.includes('To approve exactly this'))
    expect(preview).toContain('Time of this machine: ')
    expect(preview).toContain('in doubt; an approval says that the time above is right')
    await world.wait(HOUR)
    expect(await noticed()).toEqual(ALL)
  })
})

describe('the alarm about a jump', () => {
  it('names by how much the clock still has to be set back, without what was set back already', async () => {
    await givenNotices()
    await jumps(DAY)
    await jumps(-DAY)
    // A day after the first alarm, so that there is another one (B9).
    await jumps(54 * HOUR)
    expect(await lastTo(grace)).toContain('jumped 2 days forward')
  })

  it('comes once a day, however often the clock is in doubt (B9)', async () => {
    await givenNotices()
    for (const hours of [1, 2, 3]) await jumps(hours * HOUR)
    expect(doubts().length).toBeGreaterThan(1)
    expect(alarms('clock-jumped')).toBe(2)
  })

  it('reaches the maintainers at once, once for all notices, with the time to compare and nothing of the list (G5)', async () => {
    await givenNotices({ count: 2 })
    await jumps(DAY)
    await world.wait(MINUTE)
    expect(alarms('clock-jumped')).toBe(2)
    const text = (await textsTo(grace)).find((one) => one.includes('is in doubt')) ?? ''
    expect(text).toContain('The clock of this machine is in doubt')
    expect(text).toContain('24 hours')
    expect(text).toContain('Time of this machine: Tue 24 Nov 2026, 12:00 UTC')
    for (const tag of [FIRST, SECOND])
      expect(text).toContain(`${tag}: leaves Fri 27 Nov 2026, 12:00 UTC`)
    for (const { id, address } of members) {
      expect(text).not.toContain(address)
      expect(text.toLowerCase()).not.toContain(id)
    }
    expect(noticeStates()).toEqual(['scheduled', 'scheduled'])
  })

  it('is made up for after a crash before it was stored, and rings no second time', async () => {
    await givenNotices()
    world.jump(DAY)
    // The jump is on the record (two effects), then the process dies in the middle of sealing the alarm.
    for (const step of [3, 4, 5, 6]) {
      world.dieAt(step)
      await world.releaseOnce().catch(() => undefined)
      world.restart()
    }
    await world.settle()
    expect(alarms('clock-jumped')).toBe(2)
  })

  it.each([
    ['forward', DAY],
    ['backward', -DAY]
  ])('does not ring for a jump %s without any notice', async (_name, ms) => {
    await givenNotices({ count: 0 })
    await jumps(ms)
    expect(alarms('clock-jumped')).toBe(0)
    expect(doubts()).toHaveLength(1)
  })
})

describe('when nobody can read an alarm, because keys look expired on the jumped clock', () => {
  const counted = () => [alarms('clock-jumped'), alarms('notice-held')]

  /** A notice of maintainers whose keys last a year, three years later by the clock. */
  async function givenExpired(): Promise<readonly Someone[]> {
    const maintainers = [
      await givenMaintainer('grace', 365),
      await givenMaintainer('linus', 365)
    ] as const
    await givenNotices({ maintainers })
    await jumps(3 * YEAR)
    return maintainers
  }

  it.each([0, 1])(
    'the jump and the hold are told as soon as keys work again, once (%i restarts)',
    async (count) => {
      const maintainers = await givenExpired()
      const before = world.accepted.length
      expect(noticeStates()).toEqual(['held'])
      expect(counted()).toEqual([0, 0])
      if (count > 0) world.restart()
      world.jump(-3 * YEAR)
      await world.wait(MINUTE)
      await world.wait(HOUR)
      expect(counted()).toEqual([2, 2])
      for (const person of maintainers) {
        const read = await allTo(person, before)
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
    await world.renewKey(grace)
    const before = world.accepted.length
    await restarts()
    const read = await allTo(grace, before)
    expect(read).toContain('The advance notice is on hold')
    expect(read).toContain('The clock of this machine is in doubt')
    expect(counted()).toEqual([1, 1])
  })

  it('they are not sealed anew at every round, and leave no row behind meanwhile', async () => {
    await givenExpired()
    let seals = 0
    world.workers.failSeal = () => {
      seals += 1
      return null
    }
    for (let round = 0; round < 30; round += 1) await world.wait(MINUTE)
    // One try every ten minutes for each cause: the jump, and the dates of the case that have passed; two copies each.
    expect(seals).toBeLessThanOrEqual(36)
    expect(seals).toBeGreaterThan(0)
  })

  it('a desk key that looks expired ends neither the watch nor a hold, and all is told later', async () => {
    await givenNotices()
    world.workers.failSeal = () => new Trouble('desk-key', 'the desk key cannot sign')
    // The loop waits and tries again while the clock is in doubt.
    await expect(jumps(UNTIL_DUE)).rejects.toThrow('the desk key cannot sign')
    expect(noticeStates()).toEqual(['held'])
    world.workers.failSeal = null
    await world.wait(11 * MINUTE)
    expect(counted()).toEqual([2, 2])
  })
})

/** Waiting messages whose next attempt is further ahead than the ladder ever waits. */
function putOff(): unknown[] {
  const latest = addMs(world.clock.now, RETRY_DELAY_MS_MAX)
  const sql = "SELECT id FROM outbox WHERE state = 'queued' AND next_attempt_at > ?"
  return world.rows(sql, [latest])
}

it.each([
  ['before it neither is there', 1, 0],
  ['after it both are', 2, 1]
])('a jump and what it makes due are one write: %s', async (_name, step, trusted) => {
  await givenNotices()
  await jumps(3 * DAY)
  world.replies.push('deferred', 'deferred')
  await writes(grace, 'a note\n')
  world.jump(-3 * DAY)
  expect(putOff().length).toBeGreaterThan(0)
  world.dieAt(step)
  await world.releaseOnce().catch(() => undefined)
  expect(recorded('clock-trusted')).toHaveLength(trusted)
  expect(putOff().length > 0).toBe(trusted === 0)
})

describe('a clock that was set while the desk did not run', () => {
  it('is in doubt at the start: a notice approved before is held at its instant', async () => {
    await givenNotices()
    world.jump(UNTIL_DUE)
    await restarts()
    await isHeldAfter(0)
  })

  it('is in doubt after another start of the machine when it is behind the record', async () => {
    await givenNotices()
    Object.assign(world.desk.clock, { bootId: () => 'another' })
    world.jump(-HOUR)
    await restarts()
    expect(doubts()).toHaveLength(1)
    expect(alarms('clock-jumped')).toBe(2)
  })
})

describe('once a clock that was ahead for 30 days is set right', () => {
  async function givenPromises(): Promise<void> {
    const { clocks } = await preset('dragonfly')
    await givenReport({ policy: { clocks } })
  }
  async function overdueAlarms(): Promise<number> {
    await jumps(30 * DAY)
    await jumps(-30 * DAY)
    const mark = world.accepted.length
    await days(10)
    return (await alarmsTo(grace, mark)).filter((text) => text.includes('Overdue since')).length
  }

  it('maintainers are told every day of a first answer that was missed', async () => {
    await givenPromises()
    expect(await overdueAlarms()).toBeGreaterThan(5)
  })

  it('maintainers are told every day of a reporter who wrote last and is not answered', async () => {
    await givenPromises()
    await says('/reply\nhello')
    await writes(alice, 'more', { autocrypt: true, ...answering(alice) })
    expect(await overdueAlarms()).toBeGreaterThan(3)
  })

  it('the daily list of further reports leaves (B11)', async () => {
    await givenDesk([grace])
    await jumps(30 * DAY)
    for (let count = 0; count < 7; count += 1) {
      world.pass(MINUTE)
      await givenMessage(alice, { subject: `n ${count}`, text: 'x', as: 'clear' })
    }
    await jumps(-30 * DAY)
    await days(2)
    expect(kindsTo(alice)).toContain('further-reports')
  })

  it('a preview of that time can no longer be approved (G7)', async () => {
    await givenReport({ list: members })
    await says(`/accept\n/embargo 2027-02-01T12:00:00Z because x\n/notice draft\n${FIELDS}`)
    await jumps(30 * DAY)
    await writes(grace, '/notice preview\n', { after: 1000 })
    const preview = code()
    await jumps(-30 * DAY)
    expect(await writes(linus, `/notice approve ${preview}\n`)).toContain('the clock was ahead')
  })
})
