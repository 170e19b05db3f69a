/** A maintainer whose key was of no use learns what they missed as soon as there is a current one, and only then (G2, G3). */

import { beforeEach, describe, expect, it } from 'vitest'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import {
  alice,
  givenDesk,
  givenMaintainer,
  givenMessage,
  grace,
  restarts,
  world
} from '../support/desk.ts'

const DAY = 86_400_000
const ONE = 'ACME-2026-0001'
const TWO = 'ACME-2026-0002'
const linus = await givenMaintainer('linus', 24)
const renewed = await givenMaintainer('linus')

/** Linus' key ends; then two reports and a note come, and one of the two cases is over. */
beforeEach(async () => {
  await givenDesk([grace, linus])
  world.pass(3 * DAY)
  for (const text of ['the first', 'the second']) {
    await givenMessage(alice, { subject: 'x', text, as: 'encrypted' })
  }
  await tell(ONE, 'a note for you\n')
  await tell(TWO, '/reject upstream\n')
})

async function tell(tag: string, text: string): Promise<void> {
  await givenMessage(grace, { subject: `Re: [${tag}] x`, text })
}
/** The operator puts the new key into the configuration and starts the desk again. */
async function renew(): Promise<void> {
  const facts = await inspectKey(renewed.keyData, world.clock.now)
  if (facts === null) throw new Error('bad test data')
  const { fingerprint, keyData } = facts
  const maintainers = world.desk.settings.maintainers.map((one) =>
    one.id === 'linus' ? { ...one, fingerprint, keyData } : one
  )
  Object.assign(world.desk.settings, { maintainers })
  world.restart()
}
async function told(): Promise<string[]> {
  const texts: string[] = []
  for (const mail of world.accepted) {
    if (mail.to !== linus.address || !Buffer.from(mail.raw).includes('BEGIN PGP MESSAGE')) continue
    texts.push(await world.read(renewed, mail))
  }
  return texts
}
/** What the case that is not over has on record as not encrypted and told to nobody. */
function missed() {
  const sql = `SELECT about ->> 'message' AS kind FROM events WHERE kind = 'not-encrypted' AND subject_id = ?
    AND NOT EXISTS (SELECT 1 FROM rings WHERE clock = 'missed' AND events.id BETWEEN "first" AND generation) ORDER BY id`
  return world.column(sql, [ONE])
}

describe('a maintainer whose key could not be used', () => {
  it('is sent nothing sealed while it cannot, restart or not', async () => {
    await restarts()
    expect(await told()).toEqual([])
    expect(missed()).toEqual(['relay', 'note'])
  })

  it('gets one sealed message for each open case once there is a current key, with what was missed', async () => {
    await renew()
    await world.settle()
    const [mail = '', ...more] = await told()
    expect(more).toEqual([])
    expect(mail).toContain(`[${ONE}] What you missed while your key could not be used`)
    expect(mail).toContain('Not sent: forwarded message (1), note (1)')
    expect(mail).toContain(`Ref: ${ONE} `)
    expect(missed()).toEqual([])
  })

  it('is told alone: the others had it all', async () => {
    const before = world.sentTo(grace).length
    await renew()
    await world.settle()
    expect(world.sentTo(grace)).toHaveLength(before)
  })

  it('is told once, and gets what comes from then on as everybody does', async () => {
    await renew()
    await world.settle()
    await restarts()
    await tell(ONE, 'another note\n')
    const texts = await told()
    expect(texts).toHaveLength(2)
    expect(texts[1]).toContain('another note')
  })

  it('is told once also when the process dies at any effect', async () => {
    await renew()
    for (let step = 1; ; step += 1) {
      world.dieAt(step)
      const died = await world.settle().then(
        () => false,
        () => true
      )
      if (!died) break
      world.restart()
    }
    world.restart()
    await world.wait(20 * 60_000)
    const sent = world.sentTo(linus)
    const sealed = sent.filter(({ raw }) => Buffer.from(raw).includes('BEGIN PGP MESSAGE'))
    expect(new Set(sealed.map(({ messageId }) => messageId)).size).toBe(1)
    expect(missed()).toEqual([])
  })

  it('is not forgotten when the message about it shows a bug: the work goes on, and people are told of the bug (G9)', async () => {
    await renew()
    const { workers } = world.desk
    const seal = workers.seal.bind(workers)
    const broken: typeof seal = (...args) =>
      JSON.stringify(args).includes('What you missed')
        ? Promise.reject(new TypeError('a bug at this mail'))
        : seal(...args)
    Object.assign(workers, { seal: broken })
    await tell(ONE, 'another note\n')
    const meanwhile = await told()
    expect(meanwhile).toHaveLength(2)
    expect(meanwhile.join()).toContain('another note')
    expect(meanwhile.join()).toContain(`Failed at: reminder missed ${ONE} (TypeError)`)
    Object.assign(workers, { seal })
    await world.wait(20 * 60_000)
    expect(await told()).toHaveLength(3)
    expect(missed()).toEqual([])
  })
})
