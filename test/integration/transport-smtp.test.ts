/** The sender against a real SMTP server that fails in every way the outbox must tell apart. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import { type MessageId, parseMessageId } from '../../src/domain/ids.ts'
import { type SendOutcome } from '../../src/domain/outgoing.ts'
import { type Envelope, type Sender } from '../../src/effects/effects.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import { createSender, type SenderOptions } from '../../src/transport/smtp-sender.ts'
import { type Certificates, makeCertificates } from '../support/certificates.ts'
import { inOnePiece, type Sink, type SinkOptions, startSink } from '../support/smtp-sink.ts'

const never = new AbortController().signal
const address = (text: string): Address => parseAddress(text) ?? ('' as Address)
const messageId = parseMessageId('<m1@desk.example>') as MessageId
const RAW = Buffer.from('Message-ID: <m1@desk.example>\r\nSubject: x\r\n\r\n.dot\r\nline\r\n')

const mail = (to = 'a@example.org', changes: Partial<Envelope> = {}): Envelope => ({
  messageId,
  from: address('desk@example.org'),
  to: address(to),
  ...inOnePiece(RAW),
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
        address: address('desk@example.org'),
        ...changes
      },
      (event) => events.push(event)
    )
    senders.push(sender)
    return sender
  }

  it('(E21) a large message arrives as it is, with dots and line ends at any place of it', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    const line = `${'a'.repeat(62)}\r\n`
    const wanted: string[] = []
    for (const odd of ['\r\n.\r\n', '\n.\r\n', '\r.\r\n', '\n', '\r', '.'])
      for (let cut = 0; cut <= odd.length; cut += 1) {
        // Its place is the end of the second piece of 64 KiB, and where the desk reads the next one.
        const filled = line.repeat(2048).slice(0, 128 * 1024 - cut)
        const raw = `${filled}${odd}${line.repeat(1500)}`
        wanted.push(raw.replaceAll(/\r(?!\n)|(?<!\r)\n/g, '\r\n'))
        const outcome = await sender.send(mail(undefined, inOnePiece(Buffer.from(raw))), never)
        expect(outcome).toEqual({ kind: 'accepted', code: 250 })
      }
    expect(sink.taken.map(({ raw }) => raw.toString() === wanted.shift())).not.toContain(false)
    expect(wanted).toEqual([])
  })

  it('(E21) a small message arrives as it is, whatever it begins with', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    for (const odd of ['.', '..', '.\r\n', '\n.', '\r.', '\r\n.', '']) {
      const raw = Buffer.from(`${odd}a\r\nb\r\n`)
      const outcome = await sender.send(mail(undefined, inOnePiece(raw)), never)
      expect(outcome).toEqual({ kind: 'accepted', code: 250 })
      expect(sink.taken.at(-1)?.raw.toString()).toBe(
        `${odd.replaceAll(/\r(?!\n)|(?<!\r)\n/g, '\r\n')}a\r\nb\r\n`
      )
    }
  })

  it('(E21) a message whose pieces cannot all be read does not arrive in part, and the next one does', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    const piece = Buffer.alloc(2 ** 20, `${'a'.repeat(62)}\r\n`)
    const broken = function* () {
      yield piece
      throw new Error('the disk cannot be read')
    }
    const inPart = mail(undefined, { size: 2 * piece.length, pieces: broken })
    expect(await sender.send(inPart, never)).toEqual({ kind: 'uncertain', code: 0 })
    const inPieces = mail(undefined, { size: 2 * piece.length, pieces: () => [piece, piece] })
    expect(await sender.send(inPieces, never)).toEqual({ kind: 'accepted', code: 250 })
    expect(sink.taken.map(({ raw }) => raw.equals(Buffer.concat([piece, piece])))).toEqual([true])
  })

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
  const UNTRIED = { kind: 'untried', code: 0 }
  const UNCERTAIN = { outcome: { kind: 'uncertain', code: 0 }, sender: { reply_seconds: 0.3 } }
  const NOT_BEGUN = { outcome: DEFERRED, sender: { reply_seconds: 0.3, connectTimeoutMs: 300 } }
  const UNREACHED = { ...NOT_BEGUN, outcome: UNTRIED }
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
      '(A2) is too large for a server that announced less',
      { sink: { size: 1000 }, mail: inOnePiece(LARGE), outcome: { kind: 'too-large', code: 552 } }
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
      'is untried when the server says nothing',
      { ...UNREACHED, fault: { at: 'connect', hang: true }, logs: ['smtp', 'cannot be reached'] }
    ],
    [
      'is untried when the server turns us away',
      { ...UNREACHED, fault: { at: 'connect', reply: 554 }, logs: ['smtp', 'cannot be reached'] }
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
          { sink: { tls }, sender: { tls }, outcome: UNTRIED, logs: TLS }
        ]
      ]
    ),
    [
      'sends nothing when STARTTLS was stripped',
      ({ ca: text }) => ({
        sender: { tls: 'starttls', ca: { text } },
        outcome: UNTRIED,
        logs: TLS
      })
    ],
    [
      'calls it a login trouble when the server wants a login that is not configured',
      {
        sink: { auth: LOGIN },
        outcome: { kind: 'untried', code: 530 },
        logs: ['smtp-auth', 'refused the user name']
      }
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

  /** Sends to each of these as the dispatcher does: one for each connection there is room for, again and again what was not tried. */
  async function sendAll(sender: Sender, to: readonly string[]): Promise<SendOutcome['kind'][]> {
    const [waiting, kinds] = [[...to], [] as SendOutcome['kind'][]]
    let inFlight = 0
    while (waiting.length + inFlight > 0) {
      for (const next of waiting.splice(0, Math.max(sender.room(), 0))) {
        inFlight += 1
        void sender.send(mail(next), never).then(({ kind }) => {
          inFlight -= 1
          if (kind === 'untried') waiting.push(next)
          else kinds.push(kind)
        })
      }
      await delay(1)
    }
    return kinds
  }

  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => `r${index}@example.org`)

  it('sends 300 messages at once over no more connections than allowed', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 3 })

    const kinds = await sendAll(sender, many(300))

    expect(new Set(kinds)).toEqual(new Set(['accepted']))
    expect(new Set(sink.taken.map(({ to }) => to)).size).toBe(300)
    expect(sink.taken).toHaveLength(300)
    expect(sink.connections()).toBeLessThanOrEqual(6)
  })

  it('(15) finds out that the server allows one connection, and 60 messages all leave over it, none of them tried twice', async () => {
    const sink = await sinkWith({ connections: 1 })
    const kinds = await sendAll(senderTo(sink), many(60))

    expect(kinds).toEqual(Array.from({ length: 60 }, () => 'accepted'))
    expect(sink.taken).toHaveLength(60)
    expect(sink.connections()).toBeLessThanOrEqual(8)
    expect(events).toEqual([])
  })

  it.each(['432 4.3.2 thread limit exceeded', '421 4.7.0 too many connections'])(
    '(15) takes "%s" during a message for too many connections, if there are others',
    async (reply) => {
      const sink = await sinkWith()
      const sender = senderTo(sink)
      sink.fail({ at: 'data', reply }, { to: 'r1@example.org' })
      const kinds = await sendAll(sender, many(20))
      expect(kinds.filter((kind) => kind !== 'accepted')).toEqual([])
      // Alone, it is about the message.
      const alone = senderTo(sink, { maxConnections: 1 })
      sink.fail({ at: 'data', reply })
      expect(await alone.send(mail(), never)).toMatchObject({ kind: 'deferred' })
    }
  )

  it.each([
    ['a sender that is not ours', 'mail', '553 5.7.1 not owned by user', 'untried'],
    ['a daily limit', 'data', '550 5.4.5 daily sending limit exceeded', 'ours'],
    ['a quota at RCPT', 'rcpt', '452 4.5.3 too many recipients', 'ours'],
    ['a quota at DATA', 'data', '452 4.4.5 quota exceeded', 'ours'],
    ['a sender', 'rcpt', '450 4.1.8 sender address rejected', 'ours'],
    ['a limit, by a rule', 'rcpt', '450 4.7.1 your hourly sending limit is reached', 'ours'],
    ['a limit without a code', 'data', '550 over the limit of 100 emails per hour', 'ours'],
    ['a full mailbox, as ours', 'data', '452 4.2.2 your mailbox is full', 'unclear'],
    ['a full mailbox for good, as ours', 'data', '552 5.2.2 your account is full', 'unclear'],
    ['a full account without a code', 'rcpt', '552 over the quota of your account', 'unclear'],
    ['an address in our words', 'rcpt', '550 5.1.1 your account is closed', 'unclear'],
    ['a limit without a code, as storage', 'data', '552 daily sending quota exceeded', 'ours'],
    ['our account without a code', 'data', '550 your account is closed', 'ours'],
    ['by a rule', 'rcpt', '554 5.7.1 relay access denied', 'unclear'],
    ['by a rule for now', 'data', '451 4.7.1 later', 'unclear'],
    ['for a state of its own', 'data', '451 4.3.0 queue file write error', 'unclear'],
    ['a greylisted recipient', 'rcpt', '451 4.7.1 greylisted', 'deferred'],
    ['a mailbox that is full for now', 'rcpt', '452 4.2.2 mailbox quota exceeded', 'deferred'],
    ['a content', 'data', '554 5.6.0 malformed', 'rejected'],
    ['a full mailbox', 'rcpt', '552 5.2.2 mailbox full', 'deferred'],
    ['a full mailbox without a code', 'rcpt', '552 exceeded storage allocation', 'deferred'],
    ['a small message, of which the mailbox is full', 'data', '552 over quota', 'deferred'],
    ['an unknown recipient', 'rcpt', '550 5.1.1 no such user', 'rejected'],
    ['a message of that size', 'data', '552 5.3.4 message too big', 'too-large'],
    ['a message of that size, for the mailbox', 'rcpt', '554 5.2.3 too long', 'too-large'],
    ['everything for now', 'mail', '451 4.7.1 later', 'ours']
  ] as const)('(15) tells that the server refuses %s', async (_what, at, reply, kind) => {
    const sink = await sinkWith()
    sink.fail({ at, reply })
    const code = Number(reply.slice(0, 3))
    const { passes: _, ...outcome } = await senderTo(sink).send(mail(), never)
    expect(outcome).toEqual({ kind, code })
    expectLogged(kind === 'untried' ? ['smtp-account', 'refuses our account'] : undefined)
  })

  it('(15) while our account is refused one message tries again, and none is refused for it', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink)
    sink.fail({ at: 'mail', reply: '550 5.7.1 blocked' })
    expect(await sender.send(mail(), never)).toEqual({ kind: 'untried', code: 550 })
    expect(sender.room()).toBe(0)
    expect(await sender.send(mail(), never)).toEqual(UNTRIED)
    expect(sink.mails).toHaveLength(1)
  })

  it('(15) sends automatic messages from our address where the null sender is refused', async () => {
    const sink = await sinkWith({ refusesNull: { at: 'mail' } })
    const sender = senderTo(sink)
    for (const _ of [1, 2])
      expect(await sender.send(mail('a@example.org', { from: '' }), never)).toEqual(ACCEPTED)
    expect(sink.taken.map(({ from }) => from)).toEqual(['desk@example.org', 'desk@example.org'])
    expect(sink.mails).toHaveLength(3)
    expect(events).toEqual([])
  })

  it.each([
    { at: 'rcpt', reply: '553 5.7.1 <>: Sender address rejected: not owned by user desk' },
    { at: 'rcpt', reply: '550 Sender <> rejected' },
    {
      at: 'data',
      reply: '550 5.7.60 SMTP; Client does not have permissions to send as this sender'
    }
  ] as const)(
    '(15) sends them so, too, where it is refused only at $at: $reply',
    async (refusesNull) => {
      const sink = await sinkWith({ refusesNull })
      const sender = senderTo(sink)
      expect(await sender.send(mail('a@example.org', { from: '' }), never)).toEqual(ACCEPTED)
      expect(sink.taken).toMatchObject([{ from: 'desk@example.org', raw: RAW }])
      // What is refused because of the recipient is not sent again.
      sink.fail({ at: 'rcpt', reply: '550 5.1.1 no such user' }, { to: 'b@example.org' })
      const refused = await sender.send(mail('b@example.org'), never)
      expect(refused).toEqual({ kind: 'rejected', code: 550 })
      expect(sink.mails).toHaveLength(3)
    }
  )

  it.each([
    ['EHLO', 'untried'],
    ['RCPT', 'deferred'],
    ['.', 'uncertain']
  ])(
    '(15) waits no longer for an answer to %s that comes byte by byte and never ends',
    async (step, kind) => {
      const drips = createServer((socket) => {
        socket.write('220 mx\r\n')
        let isData = false
        socket
          .on('error', () => undefined)
          .on('data', (chunk: Buffer) => {
            const line = chunk.toString('latin1')
            const isEnd = isData && line.endsWith('.\r\n')
            if (isEnd ? step === '.' : !isData && line.startsWith(step)) {
              const drip = setInterval(() => socket.write('250-x\r\n'), 50)
              socket.on('close', () => clearInterval(drip))
            } else if (line.startsWith('DATA')) {
              isData = true
              socket.write('354 go on\r\n')
            } else if (!isData) socket.write('250 ok\r\n')
          })
      })
      await once(drips.listen(0, '127.0.0.1'), 'listening')
      const { port } = drips.address() as AddressInfo
      const sender = senderTo({ host: '127.0.0.1', port }, { reply_seconds: 0.5 })
      expect(await sender.send(mail(), never)).toEqual({ kind, code: 0 })
      drips.close()
    }
  )

  it('(15) says the size where the server announces that, and asks for no extension that no message of ours needs', async () => {
    const sink = await sinkWith({ size: 10_240_000 })
    await senderTo(sink).send(mail(), never)
    expect(sink.mails).toEqual([{ SIZE: String(RAW.length) }])
  })

  it.each([true, false])(
    '(14) sends to a local part in UTF-8 where the server announces SMTPUTF8 (%s), and says so where it does not',
    async (utf8) => {
      const sink = await sinkWith({ utf8 })
      const sender = senderTo(sink)
      const outcome = await sender.send(mail('jörg@example.org'), never)
      expect(outcome).toEqual(utf8 ? ACCEPTED : { kind: 'no-utf8', code: 0 })
      expect(sink.taken).toMatchObject(utf8 ? [{ to: 'jörg@example.org', raw: RAW }] : [])
      expect(sink.mails).toMatchObject(utf8 ? [{ SMTPUTF8: true, BODY: '8BITMIME' }] : [])
      // The others are sent as before.
      expect(await sender.send(mail(), never)).toEqual(ACCEPTED)
      expect(sink.mails.at(-1)).toEqual({})
    }
  )

  it('(14) five recipients at whom the server hangs do not keep the others waiting', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { slowMs: 100 })
    for (const index of [0, 1, 2, 3, 4])
      sink.fail({ at: 'rcpt', hang: true }, { to: `r${index}@example.org` })
    void sendAll(sender, many(40))
    expect(await sink.waitFor(35)).toHaveLength(35)
    expect(sink.hanging()).toBe(5)
  })

  it('(14) a hanging recipient gives way to others where the server allows one connection', async () => {
    const sink = await sinkWith({ connections: 1 })
    const sender = senderTo(sink, { slowMs: 50, patienceMs: 200 })
    sink.fail({ at: 'rcpt', hang: true }, { to: 'r0@example.org', times: 99 })
    sink.fail({ at: 'rcpt', hang: true }, { to: 'r1@example.org', times: 99 })
    expect((await sendAll(sender, many(13))).sort()).toEqual([
      ...Array.from({ length: 11 }, () => 'accepted'),
      'deferred',
      'deferred'
    ])
  })

  it.each(['rcpt', 'data'] as const)(
    '(14) a recipient at whom the server hangs at %s stops nobody when the server is back',
    async (at) => {
      const sink = await sinkWith()
      const sender = senderTo(sink, { slowMs: 50, patienceMs: 200, pauseMs: 1 })
      sink.fail({ at: 'connect', reply: 454 })
      expect(await sender.send(mail(), never)).toEqual(UNTRIED)
      sink.fail({ at, hang: true }, { to: 'r0@example.org' })
      await vi.waitFor(() => expect(sender.room()).toBe(1))
      const stop = new AbortController()
      const hangs = sender.send(mail('r0@example.org'), stop.signal)
      await vi.waitFor(() => expect(sink.hanging()).toBe(1), 10_000)
      await vi.waitFor(() => expect(sender.room()).toBeGreaterThan(0), 10_000)
      expect(await sender.send(mail(), never)).toEqual(ACCEPTED)
      stop.abort()
      await hangs
    }
  )

  it.each([true, false])(
    'tells 4xx from 5xx at every step and goes on afterwards (pipelining: %s)',
    async (pipelining) => {
      const sink = await sinkWith({ pipelining })
      const sender = senderTo(sink, { maxConnections: 1 })

      for (const at of ['rcpt', 'data'] as const) {
        sink.fail({ at, reply: 451 })
        expect(await sender.send(mail(), never)).toEqual({ kind: 'deferred', code: 451 })
        sink.fail({ at, reply: 550 })
        expect(await sender.send(mail(), never)).toEqual({ kind: 'rejected', code: 550 })
        expect(await sender.send(mail(), never)).toMatchObject({ kind: 'accepted' })
      }

      expect(sink.taken).toHaveLength(2)
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

  it('(15) has room for one message when it tries the server again that was not there, and logs it once', async () => {
    const sender = senderTo({ host: '127.0.0.1', port: 1 }, { pauseMs: 20 })

    for (const _ of [1, 2]) {
      expect(await sender.send(mail(), never)).toEqual(UNTRIED)
      expect(sender.room()).toBe(0)
      await vi.waitUntil(() => sender.room() === 1)
    }
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

    expect(outcome).toEqual(UNTRIED)
    expect(events).toMatchObject([{ code: 'smtp-tls' }])
  })

  it('does not try a refused password again at once', async () => {
    const sink = await sinkWith({ auth: { user: 'desk', password: 'right' } })
    const sender = senderTo(sink, { user: 'desk', password: 'wrong' })

    expect(await sender.send(mail(), never)).toEqual({ kind: 'untried', code: 535 })
    expect(await sender.send(mail(), never)).toEqual(UNTRIED)
    expect(sink.connections()).toBe(1)
    expectLogged(['smtp-auth', '535 fault of the test'])
  })

  it('stops at once when aborted: before the message left it is untried, afterwards uncertain', async () => {
    const sink = await sinkWith()
    const sender = senderTo(sink, { maxConnections: 1 })
    const [first, second] = [new AbortController(), new AbortController()]
    sink.fail({ at: 'rcpt', hang: true })
    const stuck = sender.send(mail(), first.signal)
    await vi.waitUntil(() => sink.hanging() === 1)
    first.abort()
    expect(await stuck).toEqual(UNTRIED)

    sink.fail({ at: 'data', hang: true })
    const begun = sender.send(mail(), second.signal)
    await vi.waitUntil(() => sink.hanging() === 2)
    second.abort()
    expect(await begun).toEqual({ kind: 'uncertain', code: 0 })
    expect(await sender.send(mail(), second.signal)).toEqual(UNTRIED)
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
        {
          ...{ host: 'mail.example.org', port: 25, tls: 'none', reply_seconds: 600 },
          address: address('desk@example.org')
        },
        () => undefined
      )
    ).toThrow(expect.objectContaining({ code: 'config' }))
  })
})
