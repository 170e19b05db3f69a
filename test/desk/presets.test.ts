/** The five policies that ship, each from a report to its acceptance, with a promise that is missed and escalated on the way. */
import { expect, it } from 'vitest'
import {
  alice,
  days,
  givenDesk,
  givenMessage,
  grace,
  HOUR,
  lastTo,
  latest,
  linus,
  onTheWay,
  preset,
  textsTo,
  world,
  writes
} from '../support/desk.ts'

/** `dueHours` is after the latest instant at which the promise can be due: business days stop over a weekend. */
it.each([
  { policy: 'dispatch', hasKey: true, dueHours: 49 },
  { policy: 'dispatch-platform', hasKey: false, dueHours: 49 },
  { policy: 'consoleme', hasKey: true, dueHours: 49 },
  { policy: 'dragonfly', hasKey: false, dueHours: 25 },
  { policy: 'template', hasKey: false, dueHours: 145 }
])(
  '$policy: a report is acknowledged with its promise, a missed one is escalated by name to every maintainer, and the decision reaches the reporter as they can read it (A3, B10, G3)',
  async ({ policy, hasKey, dueHours }) => {
    await givenDesk([grace, linus], { policy: await preset(policy) })
    const report = { subject: 'A hole', text: 'There is a hole.', autocrypt: hasKey }
    await givenMessage(alice, { ...report, as: hasKey ? 'encrypted' : 'clear' })
    const [acknowledged, relayed] = [await lastTo(alice), await lastTo(grace)]
    expect(acknowledged).toMatch(/A member of our team (will|aims to) reply by /)
    expect(relayed).toContain(`(policy ${policy})`)
    // Who cannot be written to encrypted is told what to expect, and so is who answers (B10).
    expect(acknowledged.includes('Our answer will come unencrypted')).toBe(!hasKey)
    expect(relayed.includes('UNENCRYPTED and readable on the way')).toBe(!hasKey)

    await world.wait(dueHours * HOUR)
    for (const person of [grace, linus]) {
      const said = 'No person has answered the reporter yet. Overdue since'
      const escalation = (await textsTo(person)).find((text) => text.includes(said))
      expect(escalation).toContain('For: Grace, Linus')
    }

    await writes(grace, '/take\n/accept\nThank you, we fix it.')
    const told = await lastTo(alice)
    expect(told).toContain('Thank you, we fix it.')
    expect(told.includes('This message is not encrypted')).toBe(!hasKey)
    expect(onTheWay([latest(alice)]).includes('multipart/encrypted')).toBe(hasKey)
    expect(world.rows('SELECT state, owner FROM cases')).toEqual([
      { state: 'accepted', owner: 'grace' }
    ])
    const rang = "SELECT id FROM events WHERE kind = 'rang' AND about ->> 'clock' = 'answer'"
    const before = world.rows(rang).length
    await days(2)
    expect(world.rows(rang)).toHaveLength(before)
  }
)
