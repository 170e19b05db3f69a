/** Limits are no weapon: no forger keeps from a maintainer that a message of their own did nothing (mail.md §2.10). */

import { describe, expect, it } from 'vitest'
import { givenDesk, givenMessage } from '../support/given.ts'
import { type Someone, someone, type World, type WorldOptions } from '../support/world.ts'

const grace = await someone('grace', 'grace@acme.example')
const linus = await someone('linus', 'linus@acme.example')
const MX = 'mx.acme.example'
const CHECKED = { authentication: { servers: [MX], receivedHops: 1 } }
const ON_TOP = [
  `Authentication-Results: ${MX}; dmarc=pass header.from=acme.example`,
  `Received: from client by ${MX}; Mon, 23 Nov 2026 12:00:00 +0000`
]

let world: World

async function open(options: Partial<WorldOptions> = {}): Promise<void> {
  world = await givenDesk([grace, linus], options)
}
/** Mails that anybody can write, in this name. */
async function forge(who: Someone, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1)
    await givenMessage(world, who, { subject: 'x', text: '/take', as: 'clear' })
}
/** The subjects of what the desk wrote to somebody while `work` went on. */
async function mailsTo(who: Someone, work: () => Promise<void>): Promise<string[]> {
  const before = world.accepted.length
  await work()
  const sent = world.accepted.slice(before).filter(({ to }) => to === who.address)
  const texts = await Promise.all(sent.map((mail) => world.read(who, mail)))
  return texts.map((text) =>
    text.includes('did not act on')
      ? 'refusal'
      : text.includes('Many messages in a maintainer')
        ? 'alarm'
        : 'other'
  )
}
/** A command that was not signed, on the way that mail servers prove. */
async function holdUnsigned(from: Someone): Promise<void> {
  const letter = {
    subject: 'Re: [ACME-2026-0001] x',
    text: '/notice hold',
    as: 'encrypted'
  } as const
  const raw = await world.write(from, letter)
  await world.receive(Buffer.concat([Buffer.from(`${ON_TOP.join('\r\n')}\r\n`), raw]))
}

describe('refusals to a maintainer', () => {
  it('end after 10 an hour for messages that anybody can have written, with an alarm once a day', async () => {
    await open()
    expect(await mailsTo(grace, () => forge(grace, 12))).toEqual([
      ...Array.from({ length: 10 }, () => 'refusal'),
      'alarm'
    ])
    expect(await mailsTo(linus, () => forge(linus, 1))).toEqual(['alarm'])
  })

  it('for what the mail server proves go on whatever a forger does in the same name', async () => {
    await open(CHECKED)
    await forge(linus, 10)
    for (let mail = 0; mail < 2; mail += 1)
      expect(await mailsTo(linus, () => holdUnsigned(linus))).toEqual(['refusal'])
  })

  it('for a signature that is new go on, and for one that somebody repeats they do not', async () => {
    await open({ limits: { signatureAgeHours: 1 } })
    const old = await world.write(linus, { subject: 'x', text: '/notice hold' })
    world.pass(2 * 3_600_000)
    await forge(grace, 10)
    const deliver = async (): Promise<void> => {
      await world.receive(old)
    }
    expect(await mailsTo(linus, deliver)).toEqual(['refusal'])
    const again = Buffer.from(
      Buffer.from(old).toString('latin1').replace('letter-', 'again-'),
      'latin1'
    )
    world.deliver(again)
    expect(await mailsTo(linus, () => world.settle())).toEqual(['alarm'])
  })
})
