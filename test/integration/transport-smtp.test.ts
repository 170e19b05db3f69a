/** The sender against a real SMTP server that fails in every way the outbox must tell apart (mail.md §1.13). */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import { type MessageId, parseMessageId } from '../../src/domain/ids.ts'
import { type Envelope, type Sender } from '../../src/effects/effects.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import { createSender, type SenderOptions } from '../../src/transport/smtp-sender.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { type Sink, type SinkOptions, startSink } from '../support/smtp-sink.ts'

const never = new AbortController().signal
const address = (text: string): Address => parseAddress(text) ?? ('' as Address)
const messageId = parseMessageId('<m1@desk.example>') as MessageId
const RAW = Buffer.from('Message-ID: <m1@desk.example>\r\nSubject: x\r\n\r\n.dot\r\nline\r\n')

const mail = (to = 'a@example.org', changes: Partial<Envelope> = {}): Envelope => ({
  messageId,
  from: address('desk@example.org'),
  to: address(to),
  raw: RAW,
  ...changes
})

describe('SMTP sender', () => {
  let certificates: Certificates
  const sinks: Sink[] = []
  const senders: Sender[] = []
  const events: LogEvent[] = []

  beforeAll(async () => {
    certificates = await makeCertificates()
  })
  afterEach(async () => {
    for (const sender of senders.splice(0)) await sender.close()
    for (const sink of sinks.splice(0)) await sink.close()
    events.length = 0
  })
  afterAll(() => {
    certificates.remove()
  })

  const sinkWith = async (options: SinkOptions = {}): Promise<Sink> => {
    const sink = await startSink({ certificates, ...options })
    sinks.push(sink)
    return sink
  }
  const senderTo = (
    sink: Pick<Sink, 'host' | 'port'>,
    changes: Partial<SenderOptions> = {}
  ): Sender => {
    const sender = createSender(
      { host: sink.host, port: sink.port, tls: 'none', connectTimeoutMs: 5000, ...changes },
      (event) => events.push(event)
    )
    senders.push(sender)
    return sender
  }

  it('delivers the bytes unchanged to exactly one recipient', async () => {
    const sink = await sinkWith()

    const outcome = await senderTo(sink).send(mail(), never)

    expect(outcome).toEqual({ kind: 'accepted', code: 250 })
    expect(sink.taken).toMatchObject([
      { from: 'desk@example.org', to: 'a@example.org', attempt: 1 }
    ])
    expect(sink.taken[0]?.raw).toEqual(RAW)
  })

  it('sends with the null sender', async () => {
    const sink = await sinkWith()

    await senderTo(sink).send(mail('a@example.org', { from: '' }), never)

    expect(sink.taken[0]?.from).toBe('')
  })

  it('keeps a connection for the next message', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)

    for (let count = 0; count < 20; count += 1) await sender.send(mail(), never)

    expect(sink.taken).toHaveLength(20)
    expect(sink.connections()).toBe(1)
  })

  it('sends 300 messages at once over no more connections than allowed', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 3 })

    const outcomes = await Promise.all(
      Array.from({ length: 300 }, (_, index) => sender.send(mail(`r${index}@example.org`), never))
    )

    expect(outcomes.every(({ kind }) => kind === 'accepted')).toBe(true)
    expect(new Set(sink.taken.map(({ to }) => to)).size).toBe(300)
    expect(sink.taken).toHaveLength(300)
    expect(sink.connections()).toBeLessThanOrEqual(6)
  })

  it.each([true, false])(
    'tells 4xx from 5xx at every step and goes on afterwards (pipelining: %s)',
    async (pipelining) => {
      const sink = await sinkWith({ pipelining })
      const sender = senderTo(sink, { maxConnections: 1 })

      for (const at of ['mail', 'rcpt', 'data'] as const) {
        sink.fail({ at, reply: 451 })
        expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 451 })
        sink.fail({ at, reply: 550 })
        expect(await sender.send(mail(), never)).toEqual({ kind: 'rejected', code: 550 })
        expect(await sender.send(mail(), never)).toMatchObject({ kind: 'accepted' })
      }

      expect(sink.taken).toHaveLength(3)
      expect(sink.connections()).toBe(1)
    }
  )

  it('rejects for one recipient only', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    sink.fail({ at: 'rcpt', reply: 550 }, { to: 'b@example.org', times: 9 })

    const outcomes = await Promise.all(
      ['a@example.org', 'b@example.org', 'c@example.org'].map((to) => sender.send(mail(to), never))
    )

    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'rejected', 'accepted'])
  })

  it('treats a message over the size of the server as rejected', async () => {
    const sink = await sinkWith({ size: 1000 })

    const outcome = await senderTo(sink).send(
      mail('a@example.org', { raw: Buffer.concat([RAW, Buffer.alloc(2000, 'a\r\n')]) }),
      never
    )

    expect(outcome).toEqual({ kind: 'rejected', code: 552 })
    expect(sink.taken).toEqual([])
  })

  it.each([
    ['after-storing', 1],
    ['before-storing', 0]
  ] as const)('is uncertain when the connection is lost after DATA (%s)', async (when, copies) => {
    const sink = await sinkWith()
    sink.fail({ at: 'data', drop: when })

    const outcome = await senderTo(sink).send(mail(), never)

    expect(outcome).toEqual({ kind: 'uncertain' })
    expect(sink.taken).toHaveLength(copies)
    expect(sink.attempts('a@example.org')).toBe(1)
  })

  it('is uncertain when the connection is lost after DATA on a kept connection, and sends once', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    await sender.send(mail('first@example.org'), never)
    sink.fail({ at: 'data', drop: 'after-storing' })

    expect(await sender.send(mail(), never)).toEqual({ kind: 'uncertain' })
    expect(sink.attempts('a@example.org')).toBe(1)
    expect(sink.taken).toHaveLength(2)
  })

  it('is uncertain when no reply to the message ever comes', async () => {
    const sink = await sinkWith()
    sink.fail({ at: 'data', hang: true })

    const outcome = await senderTo(sink, { replyTimeoutMs: 300 }).send(mail(), never)

    expect(outcome).toEqual({ kind: 'uncertain' })
  })

  it.each([
    { at: 'mail', drop: true },
    { at: 'rcpt', drop: true },
    { at: 'mail', hang: true },
    { at: 'rcpt', hang: true },
    { at: 'connect', hang: true },
    { at: 'connect', reply: 554 }
  ] as const)('is deferred without a code before the mail began to leave: %o', async (fault) => {
    const sink = await sinkWith()
    sink.fail(fault)

    const outcome = await senderTo(sink, { replyTimeoutMs: 300, connectTimeoutMs: 300 }).send(
      mail(),
      never
    )

    expect(outcome).toEqual({ kind: 'deferred', code: 0 })
    expect(sink.taken).toEqual([])
  })

  it('uses a fresh connection when the server closed the kept one', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 1 })
    await sender.send(mail(), never)

    sink.dropConnections()

    expect(await sender.send(mail(), never)).toMatchObject({ kind: 'accepted' })
    expect(sink.taken).toHaveLength(2)
  })

  it('defers when the server is not there, and logs it once', async () => {
    const sender = senderTo({ host: '127.0.0.1', port: 1 })

    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(events).toEqual([
      {
        event: 'trouble',
        code: 'smtp',
        where: 'smtp',
        says: expect.stringContaining('cannot be reached') as unknown
      }
    ])
  })

  it.each(['implicit', 'starttls'] as const)(
    'logs in over %s TLS with a private CA',
    async (tls) => {
      const sink = await sinkWith({ tls, auth: { user: 'desk', password: 'right' } })
      const account = { user: 'desk', password: 'right', tls, ca: certificates.ca }

      const outcome = await senderTo(sink, account).send(mail(), never)

      expect(outcome).toMatchObject({ kind: 'accepted' })
      expect(sink.taken).toMatchObject([{ secure: true, user: 'desk' }])
    }
  )

  it.each(['implicit', 'starttls'] as const)(
    'sends nothing over %s TLS to an unknown certificate',
    async (tls) => {
      const sink = await sinkWith({ tls })

      expect(await senderTo(sink, { tls }).send(mail(), never)).toEqual({
        kind: 'deferred',
        code: 0
      })
      expect(sink.taken).toEqual([])
      expect(events).toEqual([
        {
          event: 'trouble',
          code: 'smtp-tls',
          where: 'smtp',
          says: expect.stringContaining('TLS with') as unknown
        }
      ])
    }
  )

  it('sends nothing when STARTTLS was stripped', async () => {
    const sink = await sinkWith({ tls: 'none' })
    const sender = senderTo(sink, { tls: 'starttls', ca: certificates.ca })

    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(sink.taken).toEqual([])
    expect(events).toMatchObject([{ code: 'smtp-tls' }])
  })

  it('refuses a certificate for another name', async () => {
    const other = await makeCertificates('DNS:other.example')
    const sink = await sinkWith({ tls: 'implicit', certificates: other })

    const outcome = await senderTo(sink, { tls: 'implicit', ca: other.ca }).send(mail(), never)
    other.remove()

    expect(outcome).toEqual({ kind: 'deferred', code: 0 })
    expect(events).toMatchObject([{ code: 'smtp-tls' }])
  })

  it('defers after a refused password and does not try it again at once', async () => {
    const sink = await sinkWith({ auth: { user: 'desk', password: 'right' } })
    const sender = senderTo(sink, { user: 'desk', password: 'wrong' })

    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(sink.connections()).toBe(1)
    expect(events).toEqual([
      {
        event: 'trouble',
        code: 'smtp-auth',
        where: 'smtp',
        says: expect.stringContaining('535 fault of the test') as unknown
      }
    ])
  })

  it('calls it a login trouble, not a rejected mail, when the server wants a login that is not configured', async () => {
    const sink = await sinkWith({ auth: { user: 'desk', password: 'right' } })

    expect(await senderTo(sink).send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(events).toMatchObject([{ code: 'smtp-auth' }])
  })

  it('stops at once when aborted: before the message left it is deferred, afterwards uncertain', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    sink.fail({ at: 'rcpt', hang: true })
    const stuck = sender.send(mail(), first.signal)
    const queued = sender.send(mail('q@example.org'), first.signal)
    await vi.waitUntil(() => sink.hanging() === 1)
    first.abort()
    expect(await stuck).toEqual({ kind: 'deferred', code: 0 })
    expect(await queued).toEqual({ kind: 'deferred', code: 0 })

    sink.fail({ at: 'data', hang: true })
    const begun = sender.send(mail(), second.signal)
    await vi.waitUntil(() => sink.hanging() === 2)
    second.abort()
    expect(await begun).toEqual({ kind: 'uncertain' })
    expect(await sender.send(mail(), second.signal)).toEqual({ kind: 'deferred', code: 0 })
    expect(sink.taken).toEqual([])
    expect(events).toEqual([])
  })

  it('refuses an address that was never checked, before anything is sent', async () => {
    const sink = await sinkWith()
    const injected = 'a@b.example\r\nRCPT TO:<evil@example.org>' as Address

    await expect(senderTo(sink).send(mail('x@y.example', { to: injected }), never)).rejects.toThrow(
      'the recipient is a checked address'
    )
    expect(sink.connections()).toBe(0)
  })

  it('refuses clear text to another machine', () => {
    expect(() =>
      createSender({ host: 'mail.example.org', port: 25, tls: 'none' }, () => undefined)
    ).toThrow(expect.objectContaining({ code: 'config' }))
  })

  it('lets the message on its way finish when closed, and sends no further one', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    const last = sender.send(mail(), never)

    await sender.close()

    expect(await last).toMatchObject({ kind: 'accepted' })
    expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 0 })
    expect(sink.taken).toHaveLength(1)
  })
})
