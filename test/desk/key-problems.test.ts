/** A held copy is known to every maintainer, also to those whose own key cannot be used: at once or later (G3). */
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import { givenMessage } from '../support/given.ts'
import {
  type NoticeWorld,
  noticeWorld,
  type People,
  people,
  UNTIL_DUE
} from '../support/notice-world.ts'
import { type Someone, someone } from '../support/world.ts'

const ONE = 'ACME-2026-0001'
let cast: People
let brief: { grace: Someone; linus: Someone; alice: Someone; suse: Someone }
let renewed: Someone
let desk: NoticeWorld

beforeAll(async () => {
  cast = await people()
  // They end before the notice is due.
  brief = {
    grace: await someone('grace', 'grace@acme.example', 26),
    linus: await someone('linus', 'linus@acme.example', 26),
    alice: await someone('alice', 'alice@reporter.example', 24),
    suse: await someone('suse', 'security@suse.example', 25)
  }
  renewed = await someone('linus', 'linus@acme.example')
})
afterEach(() => {
  desk.world.close()
})

/** Whom an alarm about a held copy could not be encrypted to. */
function missedBy(): string[] {
  return desk.world
    .rows<{ id: string }>(
      `SELECT DISTINCT about ->> 'recipient' AS id FROM events
       WHERE kind = 'not-encrypted' AND about ->> 'message' = 'alert' ORDER BY id`
    )
    .map(({ id }) => id)
}
function heldOnRecord(recipient: string): number {
  return desk.world.rows(
    "SELECT id FROM events WHERE kind = 'not-encrypted' AND about ->> 'recipient' = ?",
    [recipient]
  ).length
}
async function release(): Promise<void> {
  desk.world.pass(UNTIL_DUE)
  await desk.world.settle()
  expect(desk.states()).toEqual(['released'])
}

describe('a notice whose copy to a member is held', () => {
  it('is made up for to a maintainer whose key has ended too, and is on the record', async () => {
    const members = [...cast.members.slice(0, 1), brief.suse]
    desk = await noticeWorld({ ...cast, linus: brief.linus, members }, { count: 1 })
    await release()
    expect(desk.alarms('key:member:suse')).toBe(1)
    expect(missedBy()).toEqual(['linus'])
    // The alarm about suse, and how the release went.
    expect(heldOnRecord('linus')).toBe(2)

    const { world } = desk
    const facts = await inspectKey(renewed.keyData, world.clock.now)
    if (facts === null) throw new Error('bad test data')
    const { fingerprint, keyData } = facts
    const maintainers = world.desk.settings.maintainers.map((one) =>
      one.id === 'linus' ? { ...one, fingerprint, keyData } : one
    )
    Object.assign(world.desk.settings, { maintainers })
    world.restart()
    await world.settle()
    const last = world.accepted.filter(({ to }) => to === renewed.address).at(-1)
    if (last === undefined) throw new Error('nothing was sent')
    expect(await world.read(renewed, last)).toContain('Not sent: 2 alert')
  })

  it('is known to somebody later when no maintainer can be reached', async () => {
    const { grace, linus, suse } = brief
    desk = await noticeWorld({ ...cast, grace, linus, members: [suse] }, { count: 1 })
    await release()
    expect([desk.alarms('key:'), desk.alarms('notice-')]).toEqual([0, 0])
    expect(missedBy()).toEqual(['grace', 'linus'])
    // No alarm about an alarm: each of them has a word in clear instead.
    expect([heldOnRecord('grace'), heldOnRecord('linus')]).toEqual([2, 2])
    const words = desk.world.rows("SELECT id FROM outbox WHERE once LIKE 'key-problem:%'")
    expect(words).toHaveLength(2)
  })
})

describe('the date for the reporter that is held', () => {
  it('is made up for to a maintainer whose key has ended too', async () => {
    const { linus, alice } = brief
    desk = await noticeWorld({ ...cast, linus, alice }, { count: 1 })
    const { world } = desk
    const letter = { subject: `Re: [${ONE}] x`, text: 'more', as: 'encrypted', autocrypt: true }
    await givenMessage(world, alice, { ...letter, as: 'encrypted' })
    await release()
    expect(desk.alarms('key:reporter')).toBe(1)
    expect(missedBy()).toEqual(['linus'])
  })
})
