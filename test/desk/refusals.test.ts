/** What a real SMTP server refuses at RCPT or DATA, and whom the desk takes that to be about (15). */
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSender } from '../../src/transport/smtp-sender.ts'
import * as desk from '../support/desk.ts'
import { type SinkOptions, startSink } from '../support/smtp-sink.ts'
import { address } from '../unit/policy/samples.ts'

/** A real server, and the sender for a desk that sends through it. */
async function givenServer(options: SinkOptions = {}) {
  const sink = await startSink(options)
  const ours = { address: address('security@acme.example'), reply_seconds: 60 }
  const sender = createSender(
    { host: sink.host, port: sink.port, tls: 'none', ...ours },
    () => undefined
  )
  onTestFinished(async () => {
    sender.close()
    await sink.close()
  })
  return { sink, sender }
}

const states = () => desk.world.column("SELECT DISTINCT state FROM outbox WHERE state <> 'sent'")
const toldOfRefusal = () => desk.recorded('sending-refused').length

describe('(15) a quota of ours', () => {
  it.each([
    ['at RCPT', 'rcpt', '452 4.5.3 too many recipients today'],
    ['at RCPT by a rule', 'rcpt', '450 4.7.1 policy rejection'],
    ['at DATA', 'data', '451 4.4.5 daily quota exceeded'],
    ['at DATA for good', 'data', '550 5.4.5 Daily user sending limit exceeded']
  ] as const)(
    'told %s makes messages wait for days, is told once a day, and costs no message a try',
    async (_where, at, reply) => {
      const { sink, sender } = await givenServer()
      sink.fail({ at, reply }, { after: 2, times: Infinity })
      await desk.givenReport({ by: [desk.alice, desk.bob], sender })
      for (let hours = 0; hours < 3 * 24 - 1; hours += 1) await desk.world.wait(desk.HOUR)
      expect(sink.taken).toHaveLength(2)
      expect(states()).toEqual(['queued'])
      expect(desk.recorded('undelivered')).toEqual([])
      expect(toldOfRefusal()).toBe(3)

      sink.mend()
      await desk.world.wait(desk.HOUR)
      expect(states()).toEqual([])
    }
  )

  it('is no greylisting: that is put off for minutes, and nobody is told', async () => {
    const { sink, sender } = await givenServer()
    for (const { address: to } of [desk.alice, desk.bob, desk.grace, desk.linus])
      sink.fail({ at: 'rcpt', reply: '451 4.7.1 please come back later' }, { to, times: 2 })
    await desk.givenReport({ by: [desk.alice, desk.bob], sender })
    for (let minutes = 0; minutes < 10; minutes += 1) await desk.world.wait(desk.MINUTE)
    expect(states()).toEqual([])
    expect(toldOfRefusal()).toBe(0)
  })

  it('is no recipient whom the server alone refuses: that is given up within the hour and told', async () => {
    const { sink, sender } = await givenServer()
    const reply = '554 5.7.1 recipient blocked'
    sink.fail({ at: 'rcpt', reply }, { to: desk.alice.address, times: Infinity })
    await desk.givenReport({ sender })
    for (let minutes = 0; minutes < 60; minutes += 1) {
      if (minutes % 4 === 0) await desk.givenMessage(desk.bob, { subject: 'x', text: `${minutes}` })
      await desk.world.wait(desk.MINUTE)
    }
    expect(states()).toEqual(['given-up'])
    expect(desk.recorded('undelivered')).toMatchObject([{ recipient: desk.FIRST, code: 554 }])
    expect(toldOfRefusal()).toBe(0)
  })
})

describe('(15) a full mailbox of which the server says that it is ours (RFC 3463, 5.2.2)', () => {
  const FULL = [
    ['by its code', '552 5.2.2 Mailbox full: your account has exceeded its quota'],
    ['by another', '554 5.2.2 Quota exceeded: your mailbox is full'],
    ['without a code', '552 your account has exceeded its quota']
  ] as const

  it.each(FULL)(
    'is that of its recipient where others get through: tried for two days, then told (%s)',
    async (_how, reply) => {
      const { sink, sender } = await givenServer()
      sink.fail({ at: 'data', reply }, { to: desk.alice.address, times: Infinity })
      await desk.givenReport({ sender })
      const hours = async (count: number): Promise<void> => {
        for (let passed = 0; passed < count; passed += 1) {
          if (passed % 4 === 0)
            await desk.givenMessage(desk.bob, { subject: 'x', text: `${count}` })
          await desk.world.wait(desk.HOUR)
        }
      }
      await hours(40)
      expect(states()).toEqual(['queued'])
      await hours(12)
      expect(states()).toEqual(['given-up'])
      const [told] = desk.recorded('undelivered')
      expect(told).toMatchObject({ recipient: desk.FIRST, code: Number(reply.slice(0, 3)) })
      expect(toldOfRefusal()).toBe(0)
    }
  )

  it.each(FULL)(
    'is ours where nobody gets anything: it waits and is told (%s)',
    async (_how, reply) => {
      const { sink, sender } = await givenServer()
      sink.fail({ at: 'data', reply }, { after: 2, times: Infinity })
      await desk.givenReport({ by: [desk.alice, desk.bob], sender })
      for (let hours = 0; hours < 3 * 24 - 1; hours += 1) await desk.world.wait(desk.HOUR)
      expect([sink.taken.length, states()]).toEqual([2, ['queued']])
      expect(desk.recorded('undelivered')).toEqual([])
      expect(toldOfRefusal()).toBeGreaterThan(0)
    }
  )
})

describe('(15) a refusal in words of the recipient', () => {
  it.each([
    ['an address', '550 <x/day@evil.example>: Recipient address rejected: User unknown'],
    [
      'the server that ours asked',
      '550 5.1.1 <x@evil.example>: undeliverable address: host mx.evil.example said: 550 sender quota exceeded'
    ],
    ['a callout', '550 Callout verification failed: 550 your account sent too many messages']
  ])('that %s holds makes nobody believe that we are refused', async (_whose, reply) => {
    const { sink, sender } = await givenServer()
    sink.fail({ at: 'rcpt', reply }, { to: desk.alice.address, times: Infinity })
    await desk.givenReport({ sender })
    await desk.world.wait(desk.HOUR)
    expect(states()).toEqual(['given-up'])
    expect(desk.recorded('undelivered')).toMatchObject([{ recipient: desk.FIRST, code: 550 }])
    expect(toldOfRefusal()).toBe(0)
  })
})

describe('(14) a reporter whose address has a local part in UTF-8', () => {
  const raw = Buffer.from(
    'From: Jörg <jörg@bücher.example>\r\nTo: security@acme.example\r\nSubject: x\r\nMessage-ID: <1@bücher.example>\r\n\r\nA hole.\r\n'
  )

  it('is acknowledged and answered through a server that takes such addresses', async () => {
    const { sink, sender } = await givenServer({ utf8: true })
    await desk.givenDesk([desk.grace, desk.linus], { sender })
    await desk.world.receive(raw)
    await desk.world.wait(desk.MINUTE)
    const mine = sink.taken.filter(({ to }) => to.startsWith('jörg@'))
    expect(mine).toHaveLength(1)
    expect(mine[0]?.raw.toString('utf8')).toMatch(/^To: .*jörg@xn--bcher-kva\.example>?\r$/m)
    expect(states()).toEqual([])
  })

  it('has a case with a server that takes none, and the maintainers are told why nothing left', async () => {
    const { sink, sender } = await givenServer()
    await desk.givenDesk([desk.grace, desk.linus], { sender })
    await desk.world.receive(raw)
    await desk.world.wait(desk.MINUTE)
    expect(desk.caseStates()).toEqual(['received'])
    expect(states()).toEqual(['given-up'])
    const texts = sink.taken.filter(({ to }) => to === desk.grace.address)
    const read = await Promise.all(texts.map((mail) => desk.world.read(desk.grace, mail as never)))
    expect(read.join(' ').replaceAll(/\s+/g, ' ')).toContain(
      'takes no address with letters beyond US-ASCII'
    )
  })
})
