/** One line of a maintainer that rejects several reports, as each would be rejected in a message to its own case (A5). */
import { describe, expect, it } from 'vitest'
import { type Policy } from '../../src/domain/settings.ts'
import * as desk from '../support/desk.ts'
import { type WorldOptions } from '../support/world.ts'

const tagOf = (number: number): string => `ACME-2026-${String(number).padStart(4, '0')}`
const CODE = 'unsupported-version'
const SAYS = 'no longer gets security fixes'

/** So many reports in clear, of one stranger each; our mail server verifies those of senders who are not `forged`. */
async function givenReports(
  count: number,
  people = [desk.grace, desk.linus],
  {
    forged = [],
    reject,
    ...options
  }: Pick<WorldOptions, 'acknowledgement' | 'authentication'> &
    Partial<Pick<Policy, 'reject'>> & { forged?: readonly number[] } = {}
): Promise<void> {
  await desk.givenDesk(people, {
    forwarding: { per_hour: 2, per_domain_hour: 2 },
    policy: { ...(await desk.preset('dispatch')), clocks: [], ...(reject && { reject }) },
    authentication: desk.AUTHENTICATION,
    ...options
  })
  for (let number = 1; number <= count; number += 1) {
    const domain = `s${number}.example`
    const head = [
      ...desk.checked(domain, forged.includes(number) ? 'none' : 'pass'),
      `From: eve${number}@${domain}`,
      'To: security@acme.example',
      `Subject: Hole ${number}`,
      `Message-ID: <${number}@${domain}>`
    ]
    desk.world.deliver(Buffer.from(`${head.join('\r\n')}\r\n\r\nText ${number}.\r\n`))
  }
  await desk.world.settle()
}

/** A message of grace that names no case. */
const sends = (text: string): Promise<string> =>
  desk.writes(desk.grace, text, { subject: 'Junk', tag: 'NONE' })

const to = (number: number): number =>
  desk
    .kindsTo({ ...desk.grace, address: `eve${number}@s${number}.example` as never })
    .filter((kind) => kind === 'rejected').length

describe('/reject CODE NUMBERS', () => {
  it('(A5, G4) rejects each of the cases that it names, tells their reporters, and answers once', async () => {
    await givenReports(9)
    const before = desk.world.accepted.length
    const answer = await sends(`/reject ${CODE} 3 5-7 because junk of a flood\n`)
    expect(answer).toContain('Done: 1 command.')
    for (const number of [3, 5, 6, 7]) {
      expect(answer).toContain(`${tagOf(number)} Rejected (${CODE}), because: junk of a flood.`)
      expect(to(number)).toBe(1)
    }
    expect([1, 2, 4, 8, 9].map(to)).toEqual([0, 0, 0, 0, 0])
    const states = [...'rrxrxxxrr'].map((one) => (one === 'x' ? 'rejected' : 'received'))
    expect(desk.caseStates()).toEqual(states)
    expect(desk.recorded('rejected')).toHaveLength(4)
    const others = await desk.textsTo(desk.linus, before)
    expect(others).toHaveLength(1)
    expect(others[0]).toContain(
      `in ${tagOf(3)}, ${tagOf(5)}, ${tagOf(6)} and ${tagOf(7)}: rejected the case (${CODE}), because: junk of a flood`
    )
    expect(others[0]).toContain('To 4 reporters')
    expect(others[0]).toContain(SAYS)
  })

  it('(A5) after /show, in the same message as /cases, leaves only the others open', async () => {
    await givenReports(4)
    await sends('/show 3\n')
    const answer = await sends(`/reject ${CODE} 2-4\n/cases\n`)
    expect(answer).toContain('Done: 2 commands.')
    expect(answer).toContain(`${tagOf(1)} new;`)
    expect(answer).not.toContain(`${tagOf(3)} new;`)
  })

  it('(A5) sends a text below it to each of the reporters', async () => {
    await givenReports(3)
    const before = desk.world.accepted.length
    await sends(`/reject ${CODE} 2-3\nPlease try the new version.\n`)
    const sent = desk.onTheWay(desk.world.accepted.slice(before))
    expect(sent.split('Please try the new version.')).toHaveLength(3)
  })

  it.each([
    ['unknown numbers', `/reject ${CODE} 2 77\n`, `${tagOf(77)}: There is no such case`],
    ['words that name no case', `/reject ${CODE} 2 all\n`, 'This names no case: "all".'],
    ['a wrong code', '/reject junk 2-3\n', 'Please give one of these codes'],
    ['more than a hundred', `/reject ${CODE} 1-200\n`, 'at most 100 cases'],
    [
      'twice the same case',
      `/reject ${CODE} 2\n/reject ${CODE} 2-3\n`,
      `${tagOf(2)}: An earlier line`
    ],
    ['no number', `/reject ${CODE}\n`, 'the numbers of the cases, such as /reject CODE 12 15-18'],
    ['no code', '/reject 2-3\n', `These codes tell the reporter: not-a-vulnerability`],
    ['a range backwards', `/reject ${CODE} 3-2\n`, 'This names no case: "3-2". Please write'],
    ['a wrong code in many cases', '/reject junk 1-3\n', 'All 3 cases: There is no code "junk".']
  ])('(A5) does nothing where one thing is wrong: %s', async (_, text, says) => {
    await givenReports(3)
    expect(await sends(text)).toContain(says)
    expect(desk.recorded('rejected')).toEqual([])
    expect([1, 2, 3].map(to)).toEqual([0, 0, 0])
  })

  it('(A5) rejects no case in which a maintainer has acted: one wrong number ends no work of somebody', async () => {
    await givenReports(3)
    await desk.writes(desk.linus, '/take\n', { tag: tagOf(2) })
    expect(await sends(`/reject ${CODE} 1-3\n`)).toContain(
      `${tagOf(2)}: A maintainer has acted in the case. Please leave its number out`
    )
    expect(desk.recorded('rejected')).toEqual([])
    await sends(`/reject ${CODE} 3\n`)
    expect(await sends(`/reject ${CODE} 1 3\n`)).toContain(
      `${tagOf(3)}: The case is rejected (${CODE}). Please leave its number out.`
    )
    expect(desk.recorded('rejected')).toHaveLength(1)
  })

  it('(A5) gives back the line without the numbers that it refuses, so that it can be copied', async () => {
    await givenReports(8)
    await desk.writes(desk.linus, '/take\n', { tag: tagOf(3) })
    const answer = await sends(`/reject ${CODE} 1-6 8 77 because junk of a flood\n`)
    const line = `/reject ${CODE} 1-2 4-6 8 because junk of a flood`
    expect(answer).toContain(`Without them, the line is: ${line}`)
    expect(JSON.stringify(desk.recorded('commands-refused'))).not.toContain('junk of a flood')
    expect(await sends(`${line}\n`)).toContain('Done: 1 command.')
    const one = await sends(`/reject ${CODE} 3 7\n`)
    expect(one).toContain(`Without it, the line is: /reject ${CODE} 7`)
    expect(await sends(`/reject ${CODE} 3\n`)).not.toContain('the line is')
  })

  it('(A5) in a message to a case names that case, too', async () => {
    await givenReports(4)
    const wrong = await desk.writes(desk.grace, `/reject ${CODE} 3-4\n`, { tag: tagOf(1) })
    expect(wrong).toContain(`Your message is about ${tagOf(1)}, which is not among these cases.`)
    const left = await desk.writes(desk.grace, `/reject ${CODE} 1 3 9\n`, { tag: tagOf(1) })
    expect(left).toContain(`Without it, the line is: /reject ${CODE} 1 3`)
    const backwards = await desk.writes(desk.grace, `/reject ${CODE} 4-1\n`, { tag: tagOf(1) })
    expect(backwards).toContain('numbers of cases such as 12 15-18')
    expect(desk.recorded('rejected')).toEqual([])
    const right = await desk.writes(desk.grace, `/reject ${CODE} 1 3-4\n`, { tag: tagOf(1) })
    expect(right).toContain('Done: 1 command.')
    expect(desk.caseStates()).toEqual(['rejected', 'received', 'rejected', 'rejected'])
    expect([1, 2, 3, 4].map(to)).toEqual([1, 0, 1, 1])
  })

  it('(A5) writes to nobody whose address is not verified, and says to whom it did not', async () => {
    await givenReports(4, undefined, { forged: [2, 3] })
    const before = desk.world.accepted.length
    const answer = await sends(`/reject ${CODE} 1-3 because junk <<Please try the new version.>>\n`)
    expect(answer).toContain(
      'No message went to 2 senders, whose addresses are not verified. To write to such a sender all the same, use /reply in a message to that case.'
    )
    expect(answer).toContain(
      `${tagOf(2)} Rejected (${CODE}), because: junk. No message went to eve2@s2.example: the address is not verified. The acknowledgement that was on hold will not leave. Your text was kept as a note.`
    )
    expect(answer).toContain(`${tagOf(1)} Rejected (${CODE}), because: junk. On its way to eve1@`)
    expect([1, 2, 3].map(to)).toEqual([1, 0, 0])
    const [update = ''] = await desk.textsTo(desk.linus, before)
    expect(update).toContain(
      `in ${tagOf(2)} and ${tagOf(3)}: did not write to the sender, whose address is not verified`
    )
    expect(update).toMatch(/Note: (\| )?Please try the new version\./)
    expect(desk.recorded('rejected')).toEqual(
      ['told', 'unverified', 'unverified'].map((told) => ({ code: CODE, reason: 'junk', told }))
    )
    await desk.days(8)
    expect(desk.sentSince(before)).not.toContain('eve2@s2.example')
    expect(await desk.alarmsTo(desk.grace, before)).toEqual([])
  })

  it('(A5) where no server verifies senders, writes to nobody, not even what was put off before', async () => {
    const limits = {
      authentication: { servers: [], receivedHops: 1 },
      acknowledgement: { per_hour: 1, per_domain_hour: 1 }
    }
    await givenReports(4, undefined, limits)
    const before = desk.world.accepted.length
    expect(await sends(`/reject ${CODE} 1-4\n`)).toContain(
      'not verified (the configuration names no server that verifies any: imap.authserv_ids).'
    )
    await desk.days(2)
    expect(desk.sentSince(before).filter((one) => one.startsWith('eve'))).toEqual([])
    await desk.writes(desk.grace, '/reply\nSorry, what was it?\n', { tag: tagOf(2) })
    expect(desk.sentSince(before).filter((one) => one.startsWith('eve'))).toEqual([
      'eve2@s2.example'
    ])
  })

  it('(A5) ends spam without a text that nobody would read, where the policy wants one for reporters', async () => {
    const { reject } = await desk.preset('template')
    await givenReports(3, [desk.grace], { forged: [2, 3], reject })
    expect(await sends('/reject not-a-report 2-3\n')).toContain('Done: 1 command.')
    expect(await sends('/reject not-a-report 1\n')).toContain('at least 40 characters')
    const text = 'It offers a service and tells us of nothing that is wrong in the parser.'
    expect(await sends(`/reject not-a-report 1 <<${text}>>\n`)).toContain('Done: 1 command.')
    const mail = desk.world.accepted.findLast((one) => one.to === 'eve1@s1.example')
    expect(desk.onTheWay(mail === undefined ? [] : [mail])).toContain('We see no report about the')
  })

  it('(A5, G2) rejects each once, wherever the process dies', async () => {
    await givenReports(2, [desk.grace])
    const letter = { subject: 'x', text: `/reject ${CODE} 1-2\n` }
    desk.world.deliver(await desk.world.write(desk.grace, letter))
    expect(await desk.diesAtEveryStep()).toBeGreaterThan(6)
    expect(desk.recorded('rejected')).toHaveLength(2)
    expect([1, 2].map(to)).toEqual([1, 1])
  })
})
