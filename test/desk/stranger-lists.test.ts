/** What strangers report beyond the limit of an hour comes in one list, and can be seen with /show (A5). */
import { describe, expect, it } from 'vitest'
import * as desk from '../support/desk.ts'
import { type Someone, type WorldOptions } from '../support/world.ts'

const FLOOD = 60
const LIMITS = { per_hour: 5, per_domain_hour: 3 }
/** The list comes so long after the first report that is in it. */
const SOON = 5 * desk.MINUTE
const tagOf = (number: number): string => `ACME-2026-${String(number).padStart(4, '0')}`

let made = 0

/** A report in clear of somebody whom nobody knows; `top` stands above its header. */
function stranger(
  number: number,
  domain = `s${number}.example`,
  top: readonly string[] = [],
  name = `eve${number}`
) {
  made += 1
  const head = [
    ...top,
    `From: ${name}@${domain}`,
    'To: security@acme.example',
    `Subject: Hole number ${number}`,
    `Message-ID: <made${made}@${domain}>`
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\nThe text of report ${number}.\r\n`)
}

async function givenFlood(count = FLOOD, digest = false): Promise<void> {
  const policy = { clocks: (await desk.preset('dispatch')).clocks }
  await desk.givenDesk([desk.grace, desk.linus], { forwarding: LIMITS, policy, digest })
  for (let number = 1; number <= count; number += 1) desk.world.deliver(stranger(number))
  await desk.world.settle()
}

/** So many more cases like the second one, which no test has the time to receive. */
function givenCopies(copies: number): void {
  const numbers = `(WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < ${copies}) SELECT n FROM some)`
  const second = `JOIN ${numbers} WHERE tag = '${tagOf(2)}'`
  desk.world.desk.db.transact((tx) => {
    tx.run(`INSERT INTO cases (tag, product, state, subject, received_at, opened_at, maintainer_root)
      SELECT 'ACME-2026-' || (1000 + n), product, state, subject, received_at, opened_at, maintainer_root FROM cases ${second}`)
    tx.run(`INSERT INTO case_reporters (id, case_id, address, began_in_clear, root)
      SELECT tag, cases.id, 'eve@a.example', 1, '' FROM cases WHERE tag LIKE 'ACME-2026-1%'`)
    const about = 'uid_validity, received_at, arrived_at, size, sha256, part, state, disposition'
    tx.run(`INSERT INTO arrivals (id, mailbox, uid, stored_at, done_at, ${about})
      SELECT 10000 + n, 'copies', n, stored_at, done_at, ${about} FROM arrivals JOIN ${numbers} WHERE arrivals.id = 2`)
    tx.run(`INSERT INTO stranger_mail (arrival_id, case_id, is_report, at, domain, is_proved, is_forwarded)
      SELECT 9000 + substr(tag, 11), id, 1, received_at, 'a.example', 0, 0 FROM cases WHERE tag LIKE 'ACME-2026-1%'`)
  })
}

function count(kind: string, person: Someone): number {
  return desk.kindsTo(person).filter((one) => one === kind).length
}

const people = [desk.grace, desk.linus]

/** How often these texts say something; each holds the message twice, as it came and as it is shown. */
function timesIn(texts: readonly string[], words: string): number {
  return (texts.join(' ').split(words).length - 1) / 2
}

describe('a flood of strangers', () => {
  it('(A5) sends each maintainer as many reports as an hour takes, and one list that names all others', async () => {
    await givenFlood()
    await desk.world.wait(SOON)
    expect(desk.caseStates()).toHaveLength(FLOOD)
    expect(desk.kindsTo({ ...desk.grace, address: 'eve60@s60.example' as never })).toEqual([
      'acknowledgement'
    ])
    for (const person of people) {
      expect(count('relay', person)).toBe(LIMITS.per_hour)
      expect(count('report-list', person)).toBe(1)
      const list = await desk.lastTo(person)
      expect(list).toContain('55 reports were not forwarded and are listed here')
      for (let number = 6; number <= FLOOD; number += 1)
        expect(list).toContain(
          `${tagOf(number)} eve${number}@s${number}.example: Hole number ${number}`
        )
    }
    expect(desk.recorded('list-planned', 'list-taken')).toHaveLength(2)
  })

  it('(A5) makes at most one list an hour, and each report stands in one', async () => {
    await givenFlood(8)
    await desk.world.wait(SOON)
    for (let number = 9; number <= 20; number += 1) {
      desk.world.deliver(stranger(number))
      await desk.world.wait(4 * desk.MINUTE)
    }
    expect(count('report-list', desk.grace)).toBe(1)
    await desk.world.wait(13 * desk.MINUTE)
    expect(count('report-list', desk.grace)).toBe(2)
    const lists = (await desk.textsTo(desk.grace)).filter((one) => one.includes('listed here'))
    expect(lists).toHaveLength(2)
    for (let number = 6; number <= 20; number += 1)
      expect(timesIn(lists, `${tagOf(number)} eve`), tagOf(number)).toBe(1)
    expect(lists[1]).toContain('Nobody has acted on 3 reports in earlier lists.')
  })

  it('(A5) makes no alarm and no reminder of its own for each case: one message a day reminds of all', async () => {
    await givenFlood(20)
    await desk.world.wait(SOON)
    const before = desk.world.accepted.length
    await desk.days(10)
    const later = desk.world.accepted.slice(before).filter(({ to }) => to === desk.linus.address)
    const texts = await desk.textsTo(desk.linus, before)
    const ofList = texts.filter((one) => one.includes('Nobody has acted on 15 reports'))
    expect(ofList).toHaveLength(10)
    expect(ofList[0]).toContain('Subject: [ACME] Reports on which nobody has acted')
    const others = texts.filter((one) => !ofList.includes(one)).join(' ')
    expect(later.length).toBeGreaterThan(10)
    for (let number = 6; number <= 20; number += 1) expect(others).not.toContain(tagOf(number))
    for (let number = 1; number < 6; number += 1) expect(others).toContain(tagOf(number))
  })

  it('(A5) tells of each promise to a reporter in a list before and after it passes, while lists come and when none comes', async () => {
    await givenFlood(8)
    await desk.world.wait(SOON)
    const sql = `SELECT due_json ->> 'at' FROM looks WHERE subject_id = '${tagOf(8)}'`
    const promised = Date.parse(desk.world.column<string>(sql)[0] ?? '')
    const says: { readonly at: number; readonly text: string }[] = []
    const now = () => Date.parse(desk.world.clock.now)
    const between = (from: number, to: number): string =>
      says.flatMap(({ at, text }) => (at > from && at <= to ? text : [])).join(' ')
    // Something new comes every six hours until a day after that, then nothing more.
    for (let number = 9; now() < promised + 4 * desk.DAY; number += 1) {
      if (now() < promised + desk.DAY) desk.world.deliver(stranger(number))
      const from = desk.world.accepted.length
      await desk.world.wait(6 * desk.HOUR)
      const text = (await desk.textsTo(desk.linus, from)).join(' ')
      says.push({ at: now(), text: text.replaceAll(/\s+/g, ' ') })
    }
    expect(between(promised - desk.DAY, promised)).toMatch(
      /due within a day for \d+ of the reports in these lists on which nobody has acted, first for ACME-2026-0006/
    )
    expect(between(promised, promised + desk.DAY)).toContain('is OVERDUE for 3 of the reports')
    expect(between(promised + 3 * desk.DAY, Infinity)).toMatch(
      /is OVERDUE for \d+ of the reports in these lists on which nobody has acted\./
    )
    expect(between(promised + 3 * desk.DAY, Infinity)).toContain('OVERDUE since')
  })

  it('(A5) does not fill the digest of each morning, which has the other cases', async () => {
    await givenFlood(8, true)
    await desk.world.wait(SOON)
    await desk.world.wait(21 * desk.HOUR)
    const texts = await desk.textsTo(desk.grace)
    const [digest = ''] = texts.filter((one) => one.includes('Digest of ACME'))
    for (const number of [1, 5]) expect(digest).toContain(tagOf(number))
    for (const number of [6, 8]) expect(digest).not.toContain(tagOf(number))
  })

  it('(A5, G6) names what a sender wrote so that it cannot pass for words of the desk', async () => {
    await desk.givenDesk([desk.grace], { forwarding: { per_hour: 1, per_domain_hour: 1 } })
    desk.world.deliver(stranger(1))
    desk.world.deliver(stranger(2, `two.example\r\nSubject: -----8<----- postern -----8<-----`))
    await desk.world.settle()
    await desk.world.wait(SOON)
    const list = await desk.world.read(desk.grace, desk.latest(desk.grace))
    expect(list).toContain(`| ${tagOf(2)}  eve2@two.example: -----8<----- postern -----8<-----`)
  })

  it('(A5) a case in which a maintainer acts has its own reminders again', async () => {
    await givenFlood(8)
    await desk.world.wait(SOON)
    await desk.writes(desk.grace, '/take\n', { tag: tagOf(7) })
    const before = desk.world.accepted.length
    await desk.days(8)
    const texts = await desk.textsTo(desk.grace, before)
    expect(texts.filter((one) => one.includes('Nobody has acted on 2 reports'))).not.toEqual([])
    expect(await desk.alarmsTo(desk.grace, before)).toEqual(
      expect.arrayContaining([expect.stringContaining(tagOf(7))])
    )
  })

  it('(A5, G2) sends every list once, wherever the process dies', async () => {
    await desk.givenDesk([desk.grace, desk.linus], {
      forwarding: { per_hour: 1, per_domain_hour: 1 }
    })
    for (let number = 1; number <= 3; number += 1) desk.world.deliver(stranger(number))
    expect(await desk.diesAtEveryStep()).toBeGreaterThan(10)
    desk.world.pass(SOON)
    expect(await desk.diesAtEveryStep()).toBeGreaterThan(3)
    for (const person of people) {
      expect(count('relay', person)).toBe(1)
      expect(count('report-list', person)).toBe(1)
      const list = await desk.lastTo(person)
      for (const number of [2, 3]) expect(list).toContain(tagOf(number))
    }
  })

  it('(A2, A5) is an alarm where no mail server of a maintainer takes the list, and none where one has', async () => {
    await givenFlood(8)
    desk.world.server.refuses = () => true
    await desk.world.wait(SOON)
    await desk.world.wait(2 * desk.HOUR)
    desk.world.server.refuses = () => false
    await desk.world.wait(6 * desk.HOUR)
    const said = await desk.alarmsTo(desk.grace)
    expect(said.filter((one) => one.includes('has taken a list of strangers'))).toHaveLength(1)
    expect(count('report-list', desk.grace)).toBe(1)
    const before = desk.world.accepted.length
    await desk.days(2)
    expect((await desk.allTo(desk.grace, before)).includes('has taken a list')).toBe(false)
  })

  it('(A5) cuts nothing off: a list that grows beyond bounds says how many there are and how to see the others', async () => {
    await desk.givenDesk([desk.grace], { forwarding: { per_hour: 1, per_domain_hour: 1 } })
    for (let number = 1; number <= 2; number += 1) desk.world.deliver(stranger(number))
    await desk.world.settle()
    givenCopies(509)
    await desk.world.wait(SOON)
    const list = await desk.lastTo(desk.grace)
    expect(list).toContain('510 reports were not forwarded')
    expect(list).toContain('and 10 more: /cases lists all open cases')
    expect(timesIn([list], 'Hole number')).toBe(500)
  })
})

describe('an honest report in the flood', () => {
  it('(A5) is forwarded at once where our servers prove its sender', async () => {
    await desk.givenDesk([desk.grace, desk.linus], {
      forwarding: LIMITS,
      authentication: desk.AUTHENTICATION
    })
    for (let number = 1; number <= 20; number += 1) desk.world.deliver(stranger(number))
    desk.world.deliver(stranger(21, 'honest.example', desk.checked('honest.example')))
    await desk.world.settle()
    expect(await desk.lastTo(desk.grace)).toContain('The text of report 21.')
  })

  it('(A5) stands on top of the list, marked, where proved strangers are too many, too', async () => {
    await desk.givenDesk([desk.grace], { forwarding: LIMITS, authentication: desk.AUTHENTICATION })
    for (let number = 1; number <= 10; number += 1) desk.world.deliver(stranger(number))
    for (let number = 11; number <= 16; number += 1) {
      const domain = `p${number}.example`
      desk.world.deliver(stranger(number, domain, desk.checked(domain)))
    }
    await desk.world.settle()
    await desk.world.wait(SOON)
    const list = await desk.lastTo(desk.grace)
    const [first] = /ACME-2026-\d+ /.exec(list) ?? []
    expect(first).toBe(`${tagOf(16)} `)
    expect(list).toContain('eve16@p16.example (verified): Hole number 16')
  })

  it('(A5) is forwarded where a maintainer has answered an earlier one and the sender is proved', async () => {
    await desk.givenDesk([desk.grace], {
      forwarding: { per_hour: 1, per_domain_hour: 1 },
      authentication: desk.AUTHENTICATION
    })
    const [one, two] = [1, 2].map((number) =>
      stranger(number, 'known.example', desk.checked('known.example'), 'carol')
    )
    await desk.world.receive(one as Buffer)
    await desk.writes(desk.grace, '/accept\n')
    await desk.world.receive(two as Buffer)
    expect(await desk.lastTo(desk.grace)).toContain('The text of report 2.')
  })
})

const shows = (who: Someone, text: string) =>
  desk.writes(who, text, { subject: 'Show', tag: 'NONE' })

describe('the further messages of a stranger in a case on which nobody has acted', () => {
  /** So many messages of the sender of the report that was made as this one, which name it. */
  async function goesOn(times: number, of: { readonly number: number; readonly id: string }) {
    for (let time = 1; time <= times; time += 1) {
      made += 1
      const { number, id } = of
      const head = `From: eve${number}@s${number}.example\r\nTo: security@acme.example\r\nSubject: More`
      const names = `Message-ID: <more${made}@s${number}.example>\r\nIn-Reply-To: <${id}>`
      desk.world.deliver(
        Buffer.from(`${head}\r\n${names}\r\n\r\nFurther text ${time} of ${number}.\r\n`)
      )
    }
    await desk.world.settle()
  }

  /** Reports of these numbers, each with its Message-ID. */
  async function givenReports(numbers: readonly number[], per_hour: number) {
    const policy = { clocks: (await desk.preset('dispatch')).clocks }
    const forwarding = { per_hour, per_domain_hour: per_hour }
    await desk.givenDesk([desk.grace, desk.linus], { forwarding, policy })
    const reports = numbers.map((number) => {
      desk.world.deliver(stranger(number))
      return { number, id: `made${made}@s${number}.example` }
    })
    await desk.world.settle()
    return reports as [(typeof reports)[number], ...typeof reports]
  }

  it('(A5) count against the limit of the hour with the reports; beyond it the list says how many there are, by case', async () => {
    const [one, two] = await givenReports([1, 2], 2)
    await goesOn(60, one)
    if (two !== undefined) await goesOn(1, two)
    expect(desk.caseStates()).toHaveLength(2)
    for (const person of people) expect(count('relay', person)).toBe(2)
    desk.world.deliver(stranger(3))
    await desk.world.settle()
    await goesOn(2, { number: 3, id: `made${made}@s3.example` })
    await desk.world.wait(SOON)
    for (const person of people) {
      expect(count('relay', person)).toBe(2)
      expect(count('report-list', person)).toBe(1)
    }
    const list = await desk.lastTo(desk.linus)
    expect(list).toContain('1 report and 63 further messages were not forwarded and are listed')
    expect(list).toContain(`60 further messages in ${tagOf(1)} eve1@s1.example: Hole number 1`)
    expect(list).toContain(`1 further message in ${tagOf(2)} eve2@s2.example: Hole number 2`)
    expect(list).toContain(`${tagOf(3)} and 2 further messages eve3@s3.example: Hole number 3`)
  })

  it('(A5) are forwarded one by one as soon as a maintainer acts in the case, not because one looks at it', async () => {
    const [one] = await givenReports([1], 1)
    await shows(desk.grace, '/show 1\n')
    const before = count('relay', desk.linus)
    await goesOn(2, one)
    expect(count('relay', desk.linus)).toBe(before)
    await desk.writes(desk.grace, 'A note.\n')
    await goesOn(3, one)
    expect(count('relay', desk.linus)).toBe(before + 3)
  })

  it('(A5) leave a report that was forwarded its own reminders, and stand in one list', async () => {
    const [one] = await givenReports([1], 1)
    await goesOn(3, one)
    await desk.days(8)
    expect(count('report-list', desk.grace)).toBe(1)
    expect((await desk.alarmsTo(desk.grace)).join(' ')).toContain(tagOf(1))
  })

  it('(A5) come with the report to whoever sends /show, as many as one command shows, and it says what stays', async () => {
    const [one] = await givenReports([1, 2], 1)
    await goesOn(25, one)
    const before = desk.world.accepted.length
    await shows(desk.grace, '/show 1\n')
    const texts = (await desk.textsTo(desk.grace, before)).join(' ')
    expect(texts).toContain('The text of report 1.')
    for (let time = 1; time <= 25; time += 1)
      expect(texts.includes(`Further text ${time} of 1.`)).toBe(time <= 19)
    expect(texts).toContain('19 further messages go along. 6 further messages do not go along:')
    expect(count('relay', desk.linus)).toBe(1)
    const later = desk.world.accepted.length
    await shows(desk.grace, '/show 1 2\n')
    expect(await desk.allTo(desk.grace, later)).toContain('9 further messages go along.')
  })
})

it('(A5) a plain reply to a list is told that only the case is missing, and what to type', async () => {
  await givenFlood(8)
  await desk.world.wait(SOON)
  const letter = { subject: 'Re: list', ...desk.answering(desk.grace) }
  const ref = await desk.givenRef(desk.grace)
  await desk.givenMessage(desk.grace, { ...letter, text: `The sixth one is real.\n> ${ref}\n` })
  const told = await desk.lastTo(desk.grace)
  expect(told).toContain('Only the case is missing: what you signed names none.')
  expect(told).toContain('case: ACME-YEAR-NUMBER')
  expect(told).toContain('in the folder for held mail')
  expect(told).not.toMatch(/send it again|signed and encrypted\./)
  await desk.givenMessage(desk.grace, { ...letter, text: `> ${ref}\n` })
  expect(await desk.lastTo(desk.grace)).toContain('Your message holds no text of your own')
  expect(await desk.lastTo(desk.grace)).toContain('in the folder for handled mail')
  expect(desk.world.heldMails).toHaveLength(1)
})

describe('/show', () => {
  /** Grace answers the report of this number as it was forwarded to her. */
  async function answersShown(number: number, text: string): Promise<void> {
    const mail = desk.forwarded(`reporter:${tagOf(number)}`)
    await desk.givenMessage(desk.grace, {
      subject: 'Re',
      text: `${text}\n${await desk.quoted(desk.grace, mail)}`,
      ...desk.answering(desk.grace, mail)
    })
  }

  it('(A5) forwards the reports that it names in full to whoever asks, and a reply reaches their reporters', async () => {
    await givenFlood(12)
    await desk.world.wait(SOON)
    const before = desk.world.accepted.length
    await shows(desk.grace, '/show 7 9-11\n')
    const texts = await desk.textsTo(desk.grace, before)
    for (const number of [7, 9, 10, 11])
      expect(texts.join(' ')).toContain(`The text of report ${number}.`)
    expect(texts.join(' ')).toContain(
      'The 4 reports of ACME-2026-0007, ACME-2026-0009, ACME-2026-0010 and ACME-2026-0011 are on the way to you, encrypted.'
    )
    expect(desk.sentSince(before)).not.toContain(desk.linus.address)
    expect(desk.recorded('shown').at(-1)).toEqual({ reporter: tagOf(11), message: 0 })
    await answersShown(9, '/reply\nThank you.\n')
    expect(desk.recorded('words-wait', 'answered')).toEqual([
      expect.objectContaining({ reporter: tagOf(9) })
    ])
  })

  it('(A5, B6) shows the report of somebody unproved without a proposal to merge it into its own case', async () => {
    await desk.givenDesk([desk.grace], { forwarding: LIMITS, authentication: desk.AUTHENTICATION })
    for (let number = 1; number <= 8; number += 1) desk.world.deliver(stranger(number))
    await desk.world.settle()
    const before = desk.world.accepted.length
    await shows(desk.grace, '/show 7\n')
    const text = (await desk.textsTo(desk.grace, before)).join(' ')
    expect(text).toContain('The text of report 7.')
    expect(text).not.toContain('/merge')
  })

  it.each<[string, Partial<WorldOptions>, string]>([
    [
      'is not verified',
      { authentication: desk.AUTHENTICATION },
      'the sender is not verified, the address may be forged'
    ],
    [
      'came when too many were waiting',
      { acknowledgement: { per_domain_hour: 0.005 } },
      'too many other acknowledgements were waiting for the hourly limit when it came'
    ]
  ])(
    '(A5) says why the acknowledgement of a report is on hold whose sender %s',
    async (_why, options, says) => {
      await desk.givenDesk([desk.grace], {
        forwarding: { per_hour: 1, per_domain_hour: 1 },
        ...options
      })
      for (let number = 1; number <= 2; number += 1)
        desk.world.deliver(stranger(number, 'one.example'))
      await desk.world.settle()
      await desk.world.wait(2 * desk.HOUR)
      await shows(desk.grace, '/show 2\n')
      const text = await desk.readBy(desk.grace, desk.forwarded(`reporter:${tagOf(2)}`))
      expect(text).toContain(`! The acknowledgement has not left: ${says}`)
      expect(text).toContain('/acknowledge sends it to eve2@one.example.')
    }
  )

  it('(A5) shows a case as the message leaves it that asks for it', async () => {
    await desk.givenDesk([desk.grace], { forwarding: LIMITS, authentication: desk.AUTHENTICATION })
    for (let number = 1; number <= 8; number += 1) desk.world.deliver(stranger(number))
    await desk.world.settle()
    await shows(desk.grace, '/reject not-a-vulnerability 7\n/show 7\n')
    const ended = await desk.readBy(desk.grace, desk.forwarded(`reporter:${tagOf(7)}`))
    expect(ended).toContain(`Case: ${tagOf(7)}, rejected (not-a-vulnerability)`)
    expect(ended).not.toContain('/acknowledge')
    expect(ended).not.toContain('Due:')
    await desk.writes(desk.grace, '/take\n/acknowledge\n/show 8\n', { tag: tagOf(8) })
    const taken = await desk.readBy(desk.grace, desk.forwarded(`reporter:${tagOf(8)}`))
    expect(taken).toContain('Owner: Grace')
    expect(taken).not.toContain('/acknowledge sends')
  })

  it('(A5) gives the files of a shown report with /files, as of any forwarded one', async () => {
    await desk.givenDesk([desk.grace], { forwarding: { per_hour: 1, per_domain_hour: 1 } })
    desk.world.deliver(stranger(1))
    await desk.world.settle()
    await desk.givenMessage(desk.bob, {
      subject: 'With a file',
      text: 'See it.',
      patch: { filename: 'proof.txt', content: 'the proof' }
    })
    await shows(desk.grace, '/show 2\n')
    await answersShown(2, '/files\n')
    expect(desk.kindsTo(desk.grace)).toContain('files')
  })

  it('(A5) forwards those that there are, and names the numbers that no case has', async () => {
    await givenFlood(8)
    await desk.world.wait(SOON)
    const before = desk.world.accepted.length
    await shows(desk.grace, '/show 7-10\n')
    const texts = (await desk.textsTo(desk.grace, before)).join(' ')
    for (const number of [7, 8]) expect(texts).toContain(`The text of report ${number}.`)
    expect(texts).toContain('The 2 reports of ACME-2026-0007 and ACME-2026-0008 are on the way')
    expect(texts).toContain('There is no case ACME-2026-0009 or ACME-2026-0010;')
  })

  it('(A5) mistyped outside a case is answered, and is on hold only where it holds more than the command', async () => {
    await desk.givenDesk([desk.grace])
    const held = (): unknown[] =>
      desk.world.desk.db.read((read) => read.all("SELECT id FROM arrivals WHERE state = 'held'"))
    expect(await shows(desk.grace, '/show 12 all\n')).toContain('This names no case: "all".')
    expect(await shows(desk.grace, '/shwo 12\n')).toContain('There is no command "/shwo"')
    expect(held()).toEqual([])
    expect(await shows(desk.grace, '/shwo 12\n\nA long text.\n')).toContain('Nothing was done')
    expect(await shows(desk.grace, '/reply\nDear Alice.\n')).toContain('names no case')
    expect(held()).toHaveLength(2)
  })

  it.each([
    ['/show 99\n', 'There is no case ACME-2026-0099'],
    ['/show\n', 'Please name the cases'],
    ['/show all\n', 'This names no case: "all".'],
    ['/show 1-500\n', 'One command shows at most 20 reports.']
  ])('(A5) says what is wrong with %j, and sends nothing', async (text, says) => {
    await givenFlood(8)
    const before = count('relay', desk.grace)
    expect(await shows(desk.grace, text)).toContain(says)
    expect(count('relay', desk.grace)).toBe(before)
  })

  it('(A5, G4) does nothing for anybody but a maintainer', async () => {
    await givenFlood(8)
    await desk.world.wait(SOON)
    const before = desk.world.accepted.length
    await desk.givenMessage(desk.alice, { subject: 'x', text: '/show 7\n' })
    const eve = { ...desk.alice, address: desk.grace.address }
    await desk.givenMessage(eve, { subject: 'x', text: '/show 7\n' })
    await desk.world.wait(SOON)
    const sent = desk.world.accepted.slice(before)
    expect(desk.onTheWay(sent)).not.toContain('The text of report 7.')
    for (const person of people)
      expect(await desk.allTo(person, before)).not.toContain('The text of report 7.')
  })
})
