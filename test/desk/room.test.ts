/** What strangers make the database grow by in a day has a limit, at which their mail waits in the inbox (A1). */
import { describe, expect, it } from 'vitest'
import * as arrivals from '../../src/store/arrivals.ts'
import * as desk from '../support/desk.ts'
import { bounceOf } from '../support/mail-parts.ts'

const LONG = 'x '.repeat(20_000)
const room = { limits: { strangers_per_day: 30_000 } }

/** The states of what came, oldest first. */
function states(): string[] {
  return desk.world.column('SELECT state FROM arrivals ORDER BY uid')
}

function grown(): number {
  const now = desk.world.clock.now
  const since = desk.world.clock.now.replace(/^2026/, '2025') as typeof now
  return desk.world.desk.db.read((read) =>
    arrivals.grownByStrangers(read, { since, until: now, which: 'all', by: 'all' })
  )
}

/** A desk whose strangers have used up their room with one report, which is case FIRST. */
async function givenFull(): Promise<void> {
  await desk.givenDesk([desk.grace, desk.linus], room)
  await desk.givenMessage(desk.alice, { subject: 'x', text: LONG, as: 'clear' })
  expect(states()).toEqual(['done'])
  expect(grown()).toBeGreaterThan(30_000)
}

describe('a message of a stranger who has no room left today', () => {
  it('(A1) stays in the inbox without an effect, and comes in by itself, the oldest first, when there is room', async () => {
    await givenFull()
    const before = desk.world.accepted.length
    await desk.givenMessage(desk.bob, { subject: 'x', text: `ONE ${LONG}`, as: 'clear' })
    await desk.givenMessage(desk.suse, { subject: 'x', text: `TWO ${LONG}`, as: 'clear' })
    expect(states()).toEqual(['done', 'left', 'left'])
    expect([...desk.world.inbox.keys()]).toEqual([2, 3])
    expect(desk.caseStates()).toHaveLength(1)
    expect(desk.world.column('SELECT count(*) FROM arrival_bytes')).toEqual([1])
    expect(await desk.allTo(desk.grace, before)).not.toContain('ONE')
    await desk.world.wait(23 * desk.HOUR)
    expect(states()).toEqual(['done', 'left', 'left'])
    await desk.world.wait(2 * desk.HOUR)
    expect(states()).toEqual(['done', 'done', 'left'])
    expect(await desk.allTo(desk.grace, before)).toContain('ONE')
    expect(desk.world.sentTo(desk.bob)).toHaveLength(1)
    // It says when the message came, and that this answer is late.
    const answer = (await desk.lastTo(desk.bob)).replaceAll(/\s+/g, ' ')
    expect(answer).toContain('We received it on Mon 23 Nov 2026')
    expect(answer).toContain('We are sorry that this message comes late.')
    await desk.world.wait(desk.DAY)
    expect(states()).toEqual(['done', 'done', 'done'])
    expect(desk.world.column('SELECT id FROM arrivals ORDER BY uid')).toEqual([1, 2, 3])
    expect(desk.world.dispositions()).toEqual(['case-opened', 'case-opened', 'case-opened'])
  })

  it('(A1) is told once a day, with how many wait and what to type, while the mail of others comes in', async () => {
    await givenFull()
    for (const text of ['a', 'b'])
      await desk.givenMessage(desk.bob, { subject: text, text, as: 'clear' })
    await desk.world.wait(desk.MINUTE)
    expect(desk.alarms('strangers-wait:')).toBe(2)
    const says = (await desk.allTo(desk.linus)).replaceAll(/\s+/g, ' ')
    expect(says).toMatch(/Waiting: 1 message, \d+ bytes/)
    expect(says).toContain('"postern received retry NUMBER"')
    await desk.world.wait(desk.HOUR)
    expect(desk.alarms('strangers-wait:')).toBe(2)
    // A maintainer's signed command, and a reporter who answers a maintainer.
    await desk.says('/reply\nThank you.\n')
    const answer = desk.answering(desk.alice)
    await desk.givenMessage(desk.alice, { subject: 'Re: x', text: 'More.', as: 'clear', ...answer })
    expect(desk.world.dispositions()).toEqual([
      'case-opened',
      'no-room',
      'no-room',
      'commands',
      'case-joined'
    ])
    expect(states()).toEqual(['done', 'left', 'left', 'done', 'done'])
  })

  it('(A1) waits where its sender reported before and is proved, or answers the acknowledgement', async () => {
    const headers = desk.checked('reporter.example')
    await desk.givenDesk([desk.grace], { ...room, authentication: desk.AUTHENTICATION })
    const more = async (text: string, top: readonly string[]) =>
      desk.givenMessage(desk.alice, { subject: 'x', text, as: 'clear', headers: top })
    await more(LONG, headers)
    await more('proved', headers)
    await more('an answer', desk.answering(desk.alice).headers)
    expect(states()).toEqual(['done', 'left', 'left'])
    await desk.says('/accept\n')
    await more('proved', headers)
    expect(states()).toEqual(['done', 'left', 'left', 'done', 'done'])
  })

  it('(A1) comes in where it is a bounce of what the desk sent: of an answer by itself once, and short', async () => {
    await givenFull()
    const bounces = async (id: string | undefined, text = '') =>
      desk.world.receive(
        Buffer.from(
          bounceOf(id ?? '', '5.1.1', 'failed').replace('It failed.', `It failed. ${text}`)
        )
      )
    const acknowledgement = desk.world.sentTo(desk.alice).at(-1)?.messageId
    await bounces(acknowledgement, LONG.repeat(5))
    expect(states()).toEqual(['done', 'left'])
    await bounces(acknowledgement)
    await bounces(acknowledgement, 'again')
    await bounces('nothing.of.ours@acme.example')
    expect(states()).toEqual(['done', 'left', 'done', 'left', 'left'])
    await bounces(desk.forwarded('reporter:%')?.messageId)
    expect(states().slice(5)).toEqual(['done'])
    expect(desk.world.dispositions().filter((one) => one === 'bounce')).toHaveLength(2)
  })

  it('(A1, 13) comes in at once where the operator wants it', async () => {
    await givenFull()
    for (const text of ['a', 'b'])
      await desk.givenMessage(desk.bob, { subject: text, text, as: 'clear' })
    const { db } = desk.world.desk
    const { now } = desk.world.clock
    expect(db.transact((tx) => arrivals.retry(tx, 3, now))).toEqual({ id: 3 })
    await desk.world.wait(desk.MINUTE)
    expect(states()).toEqual(['done', 'left', 'done'])
    expect(desk.world.dispositions()).toEqual(['case-opened', 'no-room', 'case-opened'])
  })

  it('(A1) does not wait any more once a person has taken it out of the inbox', async () => {
    await givenFull()
    for (const text of ['a', 'b'])
      await desk.givenMessage(desk.bob, { subject: text, text, as: 'clear' })
    expect(states()).toEqual(['done', 'left', 'left'])
    desk.world.inbox.delete(2)
    await desk.world.settle()
    expect(desk.world.column('SELECT uid FROM arrivals')).toEqual([1, 3])
    expect(states()).toEqual(['done', 'left'])
  })

  it("(A1) cannot come in in a maintainer's name: one is opened, and the others wait", async () => {
    await givenFull()
    const forged = { ...desk.bob, address: desk.grace.address, id: 'forged' }
    const raws = await Promise.all(
      ['a', 'b', 'c'].map((text) =>
        desk.world.write(forged, { subject: text, text, as: 'encrypted' })
      )
    )
    for (const raw of raws) desk.world.deliver(raw)
    await desk.world.settle()
    expect(states().slice(2)).toEqual(['left', 'left'])
    expect(states()[1]).not.toBe('left')
    await desk.says('/take\n')
    expect(desk.world.dispositions().at(-1)).toBe('commands')
  })
})

const stranger = (who: string, domain: string, text: string, proof: readonly string[] = []) =>
  Buffer.from(
    [
      ...proof,
      ...[`From: ${who}@${domain}`, 'To: security@acme.example', 'Subject: x', 'MIME-Version: 1.0'],
      ...[`Message-ID: <${who}@${domain}>`, '', text, '']
    ].join('\r\n')
  )

async function take(...raws: readonly Buffer[]): Promise<void> {
  for (const raw of raws) desk.world.deliver(raw)
  await desk.world.settle()
}

describe('the room of strangers', () => {
  describe('where our mail server proves senders', () => {
    const flood = (day: number) =>
      Array.from({ length: 8 }, (_, number) =>
        stranger('bob', `f${10 * day + number}.example`, `${10 * day + number} ${LONG}`)
      )

    it('(A1) is not filled in forged names: a proved stranger comes in at once, days into a flood', async () => {
      const limits = { strangers_per_day: 250_000 }
      await desk.givenDesk([desk.grace], { limits, authentication: desk.AUTHENTICATION })
      for (let day = 0; day < 3; day += 1) {
        await take(...flood(day))
        const domain = `honest${day}.example`
        await take(stranger('carol', domain, `A hole ${day}.`, desk.checked(domain)))
        expect(states().at(-1)).toBe('done')
        expect(states()).toContain('left')
        expect(desk.alarms('strangers-wait:')).toBe(day + 1)
        await desk.world.wait(desk.DAY)
      }
    })

    it('(A1) is shared by domain: one that is proved fills no more than it leaves to the others', async () => {
      const limits = { strangers_per_day: 250_000 }
      await desk.givenDesk([desk.grace], { limits, authentication: desk.AUTHENTICATION })
      const own = (number: number) =>
        stranger(`m${number}`, `h${number}.evil.example`, `${number} ${LONG}`, [
          ...desk.checked(`h${number}.evil.example`)
        ])
      for (const number of [1, 2, 3, 4, 5]) await take(own(number))
      expect(states()).toEqual(['done', 'done', 'left', 'left', 'left'])
      await take(stranger('carol', 'honest.example', 'A hole.', desk.checked('honest.example')))
      expect(states().at(-1)).toBe('done')
    })
  })
})

describe('what the database grows by for strangers', () => {
  it('(A1) is the message with its text, however small it came', async () => {
    await desk.givenReport({ text: '0'.repeat(200_000), isCompressed: true })
    const [size = 0] = desk.world.column<number>('SELECT size FROM arrivals')
    expect(size).toBeLessThan(10_000)
    expect(grown()).toBe(size + 200_001)
  })

  it('(A1) counts forwarded copies until they have left, and nothing of maintainers who are proved', async () => {
    await desk.givenDesk()
    desk.world.server.refuses = () => true
    await desk.givenMessage(desk.alice, { subject: 'x', text: LONG, as: 'clear' })
    const [waiting] = desk.world.column<number>("SELECT sum(size) FROM outbox WHERE kind = 'relay'")
    const [kept = 0] = desk.world.column<number>('SELECT grown FROM arrivals')
    expect([grown(), kept > 2 * LONG.length]).toEqual([waiting, true])
    desk.world.server.refuses = () => false
    await desk.world.wait(desk.HOUR)
    expect(grown()).toBe(kept)
    const answer = desk.answering(desk.grace, desk.forwarded('reporter:%'))
    await desk.givenMessage(desk.grace, { subject: 'Re: x', text: LONG, ...answer })
    expect(grown()).toBe(kept)
  })
})

describe('a maintainer whose mailbox takes nothing', () => {
  it('(A1) keeps new reports out for a day at most', async () => {
    await desk.givenDesk([desk.grace, desk.linus], { limits: { strangers_per_day: 200_000 } })
    desk.world.server.refuses = ({ to }) => to === desk.linus.address
    for (let day = 0; day < 6; day += 1) {
      await desk.givenMessage(desk.bob, { subject: `${day}`, text: `${day} ${LONG}`, as: 'clear' })
      await desk.world.wait(desk.DAY)
    }
    expect(states()).toEqual(Array.from({ length: 6 }, () => 'done'))
  })
})

describe('messages of strangers that are stored already', () => {
  it('(A1) wait while what was handled has filled the room, are told, and are handled when there is room', async () => {
    await desk.givenDesk([desk.grace, desk.linus], room)
    const text = '0'.repeat(25_000)
    const raws = await Promise.all(
      [desk.alice, desk.bob, desk.suse].map((from) =>
        desk.world.write(from, { subject: 'x', text, as: 'encrypted', isCompressed: true })
      )
    )
    for (const raw of raws) desk.world.deliver(raw)
    await desk.world.settle()
    expect(states()).toEqual(['done', 'done', 'pending'])
    await desk.world.wait(desk.MINUTE)
    expect((await desk.allTo(desk.linus)).replaceAll(/\s+/g, ' ')).toContain('Waiting: 1 message')
    await desk.says('/take\n')
    expect(states()).toEqual(['done', 'done', 'pending', 'done'])
    await desk.world.wait(desk.DAY)
    expect(states()).toEqual(['done', 'done', 'done', 'done'])
  })
})
