/** (B9) Every maintainer learns of a held copy, also those whose own key cannot be used: at once, or when it can (G3). */
import { beforeAll, describe, expect, it } from 'vitest'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import { givenMessage, lastTo } from '../support/given.ts'
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

async function release(): Promise<void> {
  await desk.world.wait(UNTIL_DUE)
  expect(desk.states()).toEqual(['released'])
}

describe('a notice whose copy to a member is held', () => {
  it('is told to a maintainer whose key has expired, too, once it can be used again', async () => {
    const members = [...cast.members.slice(0, 1), brief.suse]
    desk = await noticeWorld({ ...cast, linus: brief.linus, members }, { count: 1 })
    await release()
    // To Grace; what Linus could not be told is kept for him.
    expect([desk.alarms('key-refused:'), desk.alarms('notice-left:')]).toEqual([1, 1])

    const { world } = desk
    const before = world.accepted.length
    const facts = await inspectKey(renewed.keyData, world.clock.now)
    if (facts === null) throw new Error('bad test data')
    const { fingerprint, keyData } = facts
    const maintainers = world.desk.settings.maintainers.map((one) =>
      one.id === 'linus' ? { ...one, fingerprint, keyData } : one
    )
    Object.assign(world.desk.settings, { maintainers })
    world.restart()
    await world.settle()
    const now = world.accepted.slice(before).filter(({ to }) => to === renewed.address)
    const texts = await Promise.all(now.map((mail) => world.read(renewed, mail)))
    expect(texts.join()).toContain('List member suse did not get the notice: it was not sent')
    expect(texts.join()).toContain('The notice has left')
    expect([desk.alarms('key-refused:'), desk.alarms('notice-left:')]).toEqual([2, 2])
  })

  it('is told to nobody in clear, and waits, when no maintainer can be reached', async () => {
    const { grace, linus, suse } = brief
    desk = await noticeWorld({ ...cast, grace, linus, members: [suse] }, { count: 1 })
    await release()
    expect([desk.alarms('key-refused:'), desk.alarms('notice-')]).toEqual([0, 0])
    const { world } = desk
    expect(world.rows("SELECT clock FROM rings WHERE clock = 'key-refused'")).toEqual([])
  })
})

describe('a message that a maintainer’s key refuses', () => {
  it('is told to the others, and to that one in clear, once a day, however many cases it concerns', async () => {
    const { linus, suse } = brief
    desk = await noticeWorld({ ...cast, linus, members: [suse] }, { count: 1 })
    const { world } = desk
    world.pass(UNTIL_DUE)
    const before = desk.alarms('key-refused:')
    for (const text of ['one', 'two'])
      await givenMessage(world, cast.alice, { subject: 'x', text, as: 'encrypted' })
    const words = (): number =>
      world.rows("SELECT id FROM outbox WHERE once LIKE 'key-problem:%'").length
    expect([desk.alarms('key-refused:') - before, words()]).toEqual([3, 1])
    world.pass(25 * 3_600_000)
    await givenMessage(world, cast.alice, { subject: 'x', text: 'three', as: 'encrypted' })
    expect(words()).toBe(2)
  })
})

it('(B19, M-30) a reporter whose key has expired at the release is an alarm, and is told the date when a new key is in use', async () => {
  const { alice } = brief
  desk = await noticeWorld({ ...cast, alice }, { count: 1 })
  const { world } = desk
  const letter = { subject: `Re: [${ONE}] x`, text: 'more', as: 'encrypted', autocrypt: true }
  await givenMessage(world, alice, { ...letter, as: 'encrypted' })
  await release()
  const rung = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
  expect(world.rows(rung)).toHaveLength(2)
  const newKey = await someone('alice', alice.address)
  const patch = { filename: 'alice.asc', content: newKey.secret.toPublic().armor() }
  const text = `/key accept ${newKey.secret.getFingerprint()}`
  await givenMessage(world, cast.grace, { subject: `Re: [${ONE}] x`, text, patch })
  expect(await lastTo(world, newKey)).toMatch(
    /We have told the private list .* It becomes public on Fri 4 Dec 2026/
  )
})
