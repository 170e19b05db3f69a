/** The sender against a real SMTP server that fails in every way the outbox must tell apart. */
import { setTimeout as delay } from 'node:timers/promises'
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
    for (const sender of senders.splice(0)) sender.close()
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
      {
        host: sink.host,
        port: sink.port,
        tls: 'none',
        connectTimeoutMs: 5000,
        reply_seconds: 600,
        ...changes
      },
      (event) => events.push(event)
    )
    senders.push(sender)
    return sender
  }

  type Case = {
    readonly sink?: SinkOptions
    readonly fault?: Parameters<Sink['fail']>[0]
    readonly sender?: Partial<SenderOptions>
    readonly mail?: Partial<Envelope>
    readonly outcome: object
    /** What the server took; by default nothing. */
    readonly taken?: readonly object[]
    /** The code of the trouble that is logged, and words of it; by default none is. */
    readonly logs?: readonly [code: string, says: string]
  }
  const TAKEN = { from: 'desk@example.org', to: 'a@example.org', attempt: 1, raw: RAW }
  const ACCEPTED = { kind: 'accepted', code: 250 }
  const DEFERRED = { kind: 'deferred', code: 0 }
  const UNCERTAIN = { outcome: { kind: 'uncertain', code: 0 }, sender: { reply_seconds: 0.3 } }
  const NOT_BEGUN = { outcome: DEFERRED, sender: { reply_seconds: 0.3, connectTimeoutMs: 300 } }
  const LOGIN = { user: 'desk', password: 'right' }
  const LOGGED_IN = [{ secure: true, user: 'desk' }]
  const TLS: Case['logs'] = ['smtp-tls', 'TLS with']
  const LARGE = Buffer.concat([RAW, Buffer.alloc(2000, 'a\r\n')])

  it.each<[string, Case | ((trusted: Certificates) => Case)]>([
    ['delivers the bytes unchanged to one recipient', { outcome: ACCEPTED, taken: [TAKEN] }],
    [
      'sends with the null sender',
      { mail: { from: '' }, outcome: ACCEPTED, taken: [{ from: '' }] }
    ],
    [
      'is rejected by a server for which the message is too large',
      { sink: { size: 1000 }, mail: { raw: LARGE }, outcome: { kind: 'rejected', code: 552 } }
    ],
    [
      'is uncertain when the connection is lost after the message was stored',
      { ...UNCERTAIN, fault: { at: 'data', drop: 'after-storing' }, taken: [TAKEN] }
    ],
    [
      'is uncertain when the connection is lost before the message was stored',
      { ...UNCERTAIN, fault: { at: 'data', drop: 'before-storing' } }
    ],
    ['is uncertain when no reply ever comes', { ...UNCERTAIN, fault: { at: 'data', hang: true } }],
    [
      'is deferred when MAIL ends the connection',
      { ...NOT_BEGUN, fault: { at: 'mail', drop: true } }
    ],
    [
      'is deferred when RCPT ends the connection',
      { ...NOT_BEGUN, fault: { at: 'rcpt', drop: true } }
    ],
    ['is deferred when MAIL has no answer', { ...NOT_BEGUN, fault: { at: 'mail', hang: true } }],
    ['is deferred when RCPT has no answer', { ...NOT_BEGUN, fault: { at: 'rcpt', hang: true } }],
    [
      'is deferred when the server says nothing',
      { ...NOT_BEGUN, fault: { at: 'connect', hang: true }, logs: ['smtp', 'cannot be reached'] }
    ],
    [
      'is deferred when the server turns us away',
      { ...NOT_BEGUN, fault: { at: 'connect', reply: 554 }, logs: ['smtp', 'cannot be reached'] }
    ],
    ...(['implicit', 'starttls'] as const).flatMap(
      (tls): [string, Case | ((trusted: Certificates) => Case)][] => [
        [
          `logs in over ${tls} TLS with a private CA`,
          ({ ca: text }) => ({
            ...{ sink: { tls, auth: LOGIN }, sender: { ...LOGIN, tls, ca: { text } } },
            ...{ outcome: ACCEPTED, taken: LOGGED_IN }
          })
        ],
        [
          `sends nothing over ${tls} TLS to an unknown certificate`,
          { sink: { tls }, sender: { tls }, outcome: DEFERRED, logs: TLS }
        ]
      ]
    ),
    [
      'sends nothing when STARTTLS was stripped',
      ({ ca: text }) => ({
        sender: { tls: 'starttls', ca: { text } },
        outcome: DEFERRED,
        logs: TLS
      })
    ],
    [
      'calls it a login trouble when the server wants a login that is not configured',
      { sink: { auth: LOGIN }, outcome: DEFERRED, logs: ['smtp-auth', 'refused the user name'] }
    ]
  ])('%s', async (_title, given) => {
    const { taken = [], logs, ...one } = typeof given === 'function' ? given(certificates) : given
    const sink = await sinkWith(one.sink)
    if (one.fault !== undefined) sink.fail(one.fault)

    expect(await senderTo(sink, one.sender).send(mail('a@example.org', one.mail), never)).toEqual(
      one.outcome
    )
    expect(sink.taken).toMatchObject(taken)
    expect(sink.attempts('a@example.org')).toBeLessThanOrEqual(1)
    expectLogged(logs)
  })

  /** This trouble was logged, once, or nothing. */
  function expectLogged(logs: Case['logs']): void {
    expect(events.map((event) => ('says' in event ? [event.code, event.says] : event))).toEqual(
      logs === undefined ? [] : [[logs[0], expect.stringContaining(logs[1])]]
    )
  }

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

  it('uses a fresh connection when the server closed the kept one', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 1 })
    await sender.send(mail(), never)

    sink.dropConnections()
    await delay(100)

    expect(await sender.send(mail(), never)).toMatchObject({ kind: 'accepted' })
    expect(sink.taken).toHaveLength(2)
  })

  it('defers when the server is not there, and logs it once', async () => {
    const sender = senderTo({ host: '127.0.0.1', port: 1 })

    for (const _ of [1, 2]) expect(await sender.send(mail(), never)).toEqual(DEFERRED)
    expectLogged(['smtp', 'cannot be reached'])
    expect(events).toMatchObject([{ event: 'trouble', where: 'smtp' }])
  })

  it('refuses a certificate for another name', async () => {
    const other = await makeCertificates('DNS:other.example')
    const sink = await sinkWith({ tls: 'implicit', certificates: other })

    const outcome = await senderTo(sink, { tls: 'implicit', ca: { text: other.ca } }).send(
      mail(),
      never
    )
    other.remove()

    expect(outcome).toEqual({ kind: 'deferred', code: 0 })
    expect(events).toMatchObject([{ code: 'smtp-tls' }])
  })

  it('defers after a refused password and does not try it again at once', async () => {
    const sink = await sinkWith({ auth: { user: 'desk', password: 'right' } })
    const sender = senderTo(sink, { user: 'desk', password: 'wrong' })

    for (const _ of [1, 2]) expect(await sender.send(mail(), never)).toEqual(DEFERRED)
    expect(sink.connections()).toBe(1)
    expectLogged(['smtp-auth', '535 fault of the test'])
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
    expect(await begun).toEqual({ kind: 'uncertain', code: 0 })
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
      createSender(
        { host: 'mail.example.org', port: 25, tls: 'none', reply_seconds: 600 },
        () => undefined
      )
    ).toThrow(expect.objectContaining({ code: 'config' }))
  })
})
