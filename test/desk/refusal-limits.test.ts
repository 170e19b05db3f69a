/** Refusals have a limit, above which a clock tells of them (mail.md §2.10). */

import { describe, expect, it } from 'vitest'
import { givenDesk, givenMessage, grace, linus, world } from '../support/desk.ts'
import { type Someone } from '../support/world.ts'

/** Mails that anybody can write, in this name. */
async function forge(who: Someone, count: number): Promise<void> {
  for (let made = 0; made < count; made += 1)
    await givenMessage(who, { subject: 'x', text: '/take', as: 'clear' })
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
describe('refusals to a maintainer', () => {
  it('end after 10 an hour in one name, with an alarm once a day', async () => {
    await givenDesk([grace, linus])
    expect(await mailsTo(grace, () => forge(grace, 12))).toEqual([
      ...Array.from({ length: 10 }, () => 'refusal'),
      'alarm'
    ])
    expect(await mailsTo(linus, () => forge(linus, 1))).toEqual(['refusal'])
  })
})
