/**
 * The five policies that ship, each from a report to its acceptance, with a promise that is missed and escalated on the way:
 * the built daemon, Dovecot, an SMTP server and GnuPG. One desk has a product for each policy; half of the reporters have no
 * OpenPGP key.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { DESK_ADDRESS, mailboxOf, ofKind, type Received, says } from '../support/desk-world.ts'
import { ADA, closing, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson, type Person } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const HOUR = 3_600_000
/** `dueHours` is after the latest instant at which the promise can be due: business days stop over a weekend. */
const SCENARIOS = [
  { policy: 'dispatch', product: 'Dispatch', hasKey: true, dueHours: 49 },
  { policy: 'dispatch-platform', product: 'Platform', hasKey: false, dueHours: 49 },
  { policy: 'consoleme', product: 'ConsoleMe', hasKey: true, dueHours: 49 },
  { policy: 'dragonfly', product: 'Dragonfly', hasKey: false, dueHours: 25 },
  { policy: 'template', product: 'Template', hasKey: false, dueHours: 145 }
] as const
type Scenario = (typeof SCENARIOS)[number]

describeWith(['dovecot', 'gpg'], 'the policies that ship', async () => {
  const reporters = new Map<string, Person>()
  const forwarded = new Map<string, Received>()

  const is = (kind: string, words?: string) => ofKind(desk, kind, words)
  const reporterOf = ({ policy }: Scenario): Person => {
    const person = reporters.get(policy)
    if (person === undefined) throw new Error(`nobody reports for ${policy}`)
    return person
  }
  const flat = ({ read }: Received): string => read.text.replaceAll(/\s+/g, ' ')

  const { dovecot, user, sink, desk, grace, ada } = await givenOffice(
    { grace: gpgPerson(GRACE), ada: gpgPerson(ADA) },
    {
      changes: {
        // The wall clock of the daemon goes days ahead of that of the maintainers.
        limits: { signature_age_hours: 168 },
        products: SCENARIOS.map(({ policy, product }) => ({ id: policy, name: product, policy }))
      }
    }
  )
  for (const { policy } of SCENARIOS) {
    const who = { name: `Reporter ${policy}`, address: `${policy}@reporter.example` }
    const person = closing(await gpgPerson(who))
    await person.importKey(desk.publicKey)
    reporters.set(policy, person)
  }
  let daemon = await desk.start(desk.clock.env)
  for (const scenario of SCENARIOS) {
    const { product, hasKey } = scenario
    const draft = {
      to: DESK_ADDRESS,
      subject: `A hole in ${product}`,
      text: `Hello, there is a hole in ${product}.\n`
    }
    const sending = hasKey ? {} : { sign: false, encrypt: false, autocrypt: false }
    await dovecot.append(user, await reporterOf(scenario).write(draft, sending))
  }
  afterAll(() => daemon.stop())

  it.each(SCENARIOS)(
    '$policy: the report is acknowledged with its promise and forwarded',
    async (scenario) => {
      const mine = mailboxOf(reporterOf(scenario), sink)
      const acknowledged = await mine.find(is('acknowledgement'), 'acknowledgement')
      const report = await mailboxOf(grace, sink).find(
        is('relay', `there is a hole in ${scenario.product}.`),
        'forwarded report'
      )
      forwarded.set(scenario.policy, report)

      expect(flat(acknowledged)).toMatch(/A member of our team (will|aims to) reply by /)
      expect(flat(report)).toContain(`(policy ${scenario.policy})`)
      // Who cannot be written to encrypted is told what to expect, and so is who answers (B10).
      expect(says(acknowledged, 'Our answer will come unencrypted')).toBe(!scenario.hasKey)
      expect(says(report, 'UNENCRYPTED and readable on the way')).toBe(!scenario.hasKey)
    }
  )

  it.each([...SCENARIOS].sort((a, b) => a.dueHours - b.dueHours))(
    '$policy: the promise that nobody kept is escalated by name to every maintainer (A3)',
    async ({ policy, dueHours }) => {
      desk.clock.set(Math.max(desk.clock.now() - Date.now(), dueHours * HOUR))
      const tag = /ACME-\d+-\d+/.exec(forwarded.get(policy)?.read.subject ?? '')?.[0] ?? 'none'
      const isEscalation = (mail: Received): boolean =>
        mail.read.subject.includes(tag) &&
        says(mail, 'No person has answered the reporter yet. Overdue since')

      const first = await mailboxOf(grace, sink).find(isEscalation, 'escalation')
      const second = await mailboxOf(ada, sink).find(isEscalation, 'escalation')

      for (const mail of [first, second])
        expect(flat(mail)).toMatch(
          /Nobody has the case[.] We now ask (Grace Hopper and Ada Lovelace|Ada Lovelace and Grace Hopper)[.]/
        )
    }
  )

  it.each(SCENARIOS)(
    '$policy: /take and /accept reach the reporter, in one message, as the reporter can read it (G3)',
    async (scenario) => {
      const report = forwarded.get(scenario.policy)
      const words = `Thank you, we fix it in ${scenario.product}.`
      const commands = `/take\n/accept\n${words}`
      await dovecot.append(user, await grace.reply(report?.taken.raw ?? Buffer.alloc(0), commands))
      const reporter = reporterOf(scenario)
      const told = await mailboxOf(reporter, sink).find(is('accepted', words), 'decision')

      expect(told.read.encrypted).toBe(scenario.hasKey)
      expect(says(told, 'This message is not encrypted')).toBe(!scenario.hasKey)
      const rows = desk.rows<{ state: string; owner: string }>(
        `SELECT state, owner FROM cases WHERE product = '${scenario.policy}'`
      )
      expect(rows).toEqual([{ state: 'accepted', owner: 'grace' }])
    }
  )

  it('once answered, no promise of a case rings any more (A3)', async () => {
    const rangOf = (clock: string): number =>
      desk.rows(`SELECT id FROM events WHERE kind = 'rang' AND about ->> 'clock' = '${clock}'`)
        .length
    const before = rangOf('answer')
    desk.clock.set(desk.clock.now() - Date.now() + 26 * HOUR)
    // A plan was promised and has not been sent: that clock goes on, and shows that all of them were looked at.
    const plans = rangOf('feedback')
    for (const end = Date.now() + 30_000; rangOf('feedback') === plans; await delay(100))
      if (Date.now() > end) throw new Error('the clocks were not looked at')

    expect(rangOf('answer')).toBe(before)
  })
})
