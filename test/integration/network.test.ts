/**
 * The network and the clock misbehave: servers go away and come back, answer 4xx and 5xx or not at all, and the wall clock
 * jumps. The daemon goes on by itself, loses nothing and sends nothing twice or early (G1, G2, G7).
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { addMs } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import * as desks from '../support/desk-world.ts'
import { startDovecot } from '../support/dovecot.ts'
import { ADA, closing, GRACE } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedMember, seedNotice, settingsOf } from '../support/seeded.ts'
import { type Sink, startSink, type Taken } from '../support/smtp-sink.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'

const MINUTE = 60_000
const REPLY_TIMEOUT = 1500

/** Drops every connection before this one, then takes one and says nothing on it. */
async function startSilentServer(connection: number) {
  const sockets: Socket[] = []
  let take = (): void => undefined
  const taken = new Promise<void>((resolve) => (take = resolve))
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    if (sockets.length < connection) socket.destroy()
    else take()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    taken,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

describeWith(['dovecot', 'gpg'], 'a network and a clock that misbehave', async () => {
  const dovecot = closing(await startDovecot())
  const [grace, ada] = [closing(await gpgPerson(GRACE)), closing(await gpgPerson(ADA))]
  const member = closing(await gpgPerson({ name: 'Member', address: 'member@people.example' }))
  let count = 0

  /** A desk with one maintainer (Grace), or two, with an inbox and an SMTP server of its own. */
  async function fresh(
    options: {
      readonly both?: boolean
      readonly servers?: (user: string, sink: Sink) => Pick<desks.DeskOptions, 'imap' | 'smtp'>
    } = {}
  ): Promise<{ desk: desks.Desk; sink: Sink; user: string }> {
    count += 1
    const user = `network${count}`
    const sink = await startSink()
    const plain = { imap: { port: dovecot.port, user }, smtp: { port: sink.port } }
    const desk = await desks.makeDesk({
      maintainers: [
        { id: 'grace', person: grace },
        ...(options.both === true ? [{ id: 'ada', person: ada }] : [])
      ],
      ...(options.servers?.(user, sink) ?? plain),
      replyTimeoutMs: REPLY_TIMEOUT
    })
    onTestFinished(async () => {
      await desk.close()
      await sink.close()
    })
    return { desk, sink, user }
  }

  const report = (name: string): Buffer =>
    desks.clearMail(
      [
        `From: ${name} <${name}@people.example>`,
        `To: ${desks.DESK_ADDRESS}`,
        `Subject: About ${name}`,
        `Message-ID: <${name}@people.example>`,
        'Content-Type: text/plain; charset=utf-8'
      ],
      `This is the report of ${name}.\n`
    )
  const isTo = (address: string) => (taken: Taken) => taken.to === address
  const reached = (sink: Sink, name: string): Promise<readonly Taken[]> =>
    sink.waitFor((taken) => taken.some(isTo(`${name}@people.example`)), 60_000)

  it('goes on after the IMAP server was away, with the message that came meanwhile (G1)', async () => {
    const { desk, sink, user } = await fresh()
    await dovecot.append(user, report('before'))
    const daemon = await desk.start()
    await reached(sink, 'before')
    // The connection that proves the configuration is the one that is used.
    expect(daemon.lines.filter(({ event }) => event === 'imap.connected')).toHaveLength(1)

    const from = daemon.lines.length
    await dovecot.kill()
    const isLoss = (line: { event?: unknown; where?: unknown }): boolean =>
      line.event === 'trouble' && line.where === 'intake'
    await daemon.waitForLog(isLoss, { from })
    await delay(5000)
    await dovecot.start()
    const lost = daemon.lines.slice(from).filter(isLoss)
    const [first = 0, ...again] = lost.map(({ time }) => Date.parse(String(time)))
    // Half a second, one and two at least between the tries, whatever rings meanwhile.
    expect(again.filter((time) => time < first + 5000).length).toBeLessThan(4)
    await dovecot.append(user, report('meanwhile'))
    await reached(sink, 'meanwhile')
    await sink.waitFor(4, 60_000)

    expect((await daemon.stop()).status).toBe(0)
    expect(sink.taken).toHaveLength(4)
    expect(await dovecot.messages(user)).toEqual([])
  })

  it('gives up after a 5xx, tells the maintainers, and sends again when the operator says so (G1)', async () => {
    const { desk, sink, user } = await fresh({ both: true })
    const to = 'refused@people.example'
    sink.fail({ at: 'rcpt', reply: 550 }, { to })
    const daemon = await desk.start()
    await dovecot.append(user, report('refused'))
    const given = await daemon.waitForLog('outbox.gave-up')
    expect(given).toMatchObject({ kind: 'acknowledgement', attempts: 1, code: 550 })

    const isAlarm = desks.ofKind(desk, 'alert', 'could not be delivered')
    for (const person of [grace, ada]) {
      const { read } = await desks.mailboxOf(person, sink).find(isAlarm, 'alarm')
      expect(read.text).toContain('550')
      expect(read.text).not.toContain(to)
    }
    expect(sink.taken.some(isTo(to))).toBe(false)

    const listed = await desk.cli('outbox', 'list', '--state', 'given-up', '--json')
    const [{ id } = { id: 0 }] = JSON.parse(listed.stdout) as { id: number }[]
    expect(await desk.cli('outbox', 'retry', String(id))).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /^Message \d+, the acknowledgement about ACME-\d{4}-0001, is queued again\.\n$/
      ) as string
    })
    expect((await desk.cli('audit', 'export')).stdout).toMatch(
      /The operator had the desk try again to send the acknowledgement to .* \(message \d+\)\.\n/
    )
    const retried = `SELECT subject_kind AS kind, subject_id = about ->> 'reporter' AS isOfReporter
      FROM events WHERE kind = 'retried'`
    expect(desk.rows(retried)).toEqual([{ kind: 'case', isOfReporter: 1 }])
    await reached(sink, 'refused')
  })

  it('says in one line that the IMAP server refuses the password, runs on, and tries it again only later (A7, 16)', async () => {
    const { desk } = await fresh()
    const daemon = desk.spawn({ POSTERN_IMAP_PASSWORD: 'wrong-password' })
    await daemon.waitForLog('desk.started')
    const refused = await daemon.waitForLog('trouble', {})
    expect(refused).toMatchObject({ code: 'imap-auth', where: 'intake' })
    // Which server, which port, what it answered, what to do.
    expect(daemon.stderr()).toMatch(
      /^postern: [^\n]*: "[^"]*[Aa]uth[^"]*"\. Please check imap\.user.*\n$/
    )
    await delay(4000)
    expect(daemon.lines.filter(({ event }) => event === 'trouble')).toHaveLength(1)
    expect(daemon.stderr()).toContain(`127.0.0.1, port ${dovecot.port}, refused`)
    expect(daemon.stderr()).not.toMatch(/wrong-password|node_modules/)
    expect(daemon.stderr()).not.toContain(desks.PASSPHRASE)
  })

  it.each([
    [
      'a certificate that is not trusted',
      { tls: 'starttls' },
      /^postern: TLS with the IMAP server/
    ],
    ['an inbox that is not there', { inbox: 'Team/Inbox' }, /^postern: [^\n]* has no folder "Team/]
  ] as const)(
    '(16) %s does not end a start: it is told, and a notice leaves at its instant',
    async (_what, changes, says) => {
      const { desk, sink } = await fresh({ both: true })
      const imap = { ...(desk.config['imap'] as object), ...changes }
      desk.write({ ...desk.config, imap })
      const settings = await settingsOf(desk)
      {
        using db = databaseOf(desk)
        await seedMember(db, 'member', member)
        db.transact((tx) => seedNotice(tx, settings, addMs(systemClock.now(), 4000)))
      }
      const daemon = desk.spawn()
      await sink.waitFor((taken) => taken.some(isTo(member.address)), 30_000)
      expect(daemon.stderr()).toMatch(says)
      expect(daemon.stderr()).toMatch(/ The desk runs and tries again later\.\n$/)
      expect(await daemon.stop()).toEqual({ status: 0, signal: null })
    }
  )

  it('ends within ten seconds of SIGTERM in the middle of a busy run and loses nothing (G1)', async () => {
    const { desk, sink, user } = await fresh()
    const names = Array.from({ length: 12 }, (_, index) => `busy${index}`)
    await dovecot.seed(user, names.map(report))
    const first = desk.spawn()
    await first.waitForLog((line) => line.event === 'arrival.done')
    expect(await first.stop()).toEqual({ status: 0, signal: null })
    expect(first.lines.at(-1)?.event).toBe('desk.stopped')

    desk.clock.set(2 * MINUTE)
    const second = await desk.start(desk.clock.env)
    for (const name of names) await reached(sink, name)
    await sink.waitFor(24, 30_000)
    await second.stop()
    const distinct = new Set(sink.taken.map(({ raw }) => raw.toString('latin1')))
    expect(distinct.size).toBe(24)
    expect(desk.rows('SELECT id FROM cases')).toHaveLength(12)
  })

  it.each<[string, string[], number]>([
    ['while it starts', [], 1],
    ['in a single run', ['--once'], 1],
    ['while it connects again', [], 2]
  ])(
    'ends cleanly %s where the IMAP server takes the connection and says nothing',
    async (_when, flags, connection) => {
      const silent = await startSilentServer(connection)
      try {
        const { desk } = await fresh({
          servers: (user, sink) => ({
            imap: { port: silent.port, user },
            smtp: { port: sink.port }
          })
        })
        const daemon = desk.spawn({}, [], flags)
        await silent.taken
        expect(await daemon.stop()).toEqual({ status: 0, signal: null })
        expect(daemon.lines.at(-1)?.event).toBe('desk.stopped')
      } finally {
        silent.close()
      }
    }
  )

  it('(11) in a single run holds and tells a message at which the connection breaks each time, handles the others, and exits with 1', async () => {
    const proxy = await startTcpProxy(dovecot.port, (chunk) =>
      chunk.includes('POISON') ? null : chunk
    )
    onTestFinished(proxy.close)
    const { desk, sink, user } = await fresh({
      servers: (user, sink) => ({
        imap: { port: proxy.port, user, junk: 'Junk' },
        smtp: { port: sink.port }
      })
    })
    const poison = desks.clearMail(['From: eve@strange.example', 'Subject: x'], 'POISON\n')
    await dovecot.append(user, poison)
    await dovecot.append(user, poison, { folder: 'Junk' })
    await dovecot.append(user, report('paul'))
    const end = async () => {
      const daemon = desk.spawn({}, [], ['--once'])
      return { ...(await daemon.waitForExit(60_000)), says: daemon.stderr() }
    }
    const first = await end()
    expect(first.status).toBe(1)
    expect(first.says).toMatch(
      /^postern: 2 messages in INBOX could not be fetched whole: .* Please see "postern received list"\.\n$/
    )
    const states = desk.rows<{ state: string }>('SELECT state FROM arrivals ORDER BY state')
    expect(states.map(({ state }) => state)).toEqual(['done', 'held', 'held'])
    await reached(sink, 'paul')
    expect(await end()).toMatchObject({ status: 0, says: '' })
    expect(await dovecot.messages(user)).toEqual([])
  })

  it('(11) makes no copy without end where the answer to each move is lost, marks what stays, and says so', async () => {
    const bare = await startDovecot({ capability: 'IMAP4rev1 IDLE UIDPLUS' })
    onTestFinished(bare.close)
    const proxy = await startTcpProxy(bare.port, (chunk) =>
      chunk.includes('COPYUID') ? null : chunk
    )
    onTestFinished(proxy.close)
    const { desk, sink, user } = await fresh({
      servers: (user, sink) => ({
        imap: { port: proxy.port, user },
        smtp: { port: sink.port }
      })
    })
    await bare.append(user, report('paul'))
    const daemon = await desk.start()
    await daemon.waitForLog(({ code }) => code === 'imap-moves')
    // The next connection serves as before.
    await bare.append(user, report('mary'))
    await reached(sink, 'mary')
    await daemon.waitForLog(({ event, arrival }) => event === 'arrival.done' && arrival === 2)
    await delay(1500)
    expect(await daemon.stop()).toMatchObject({ status: 0 })
    expect(await bare.messages(user, 'Postern/Processed')).toHaveLength(3)
    const left = await bare.messages(user)
    expect(left.map(({ flags }) => flags.includes('\\Seen'))).toEqual([true, true])
    expect(sink.taken.some(({ to }) => to === GRACE.address)).toBe(true)
  })

  it('ends at once at the second SIGTERM', async () => {
    const { desk, sink, user } = await fresh()
    sink.fail({ at: 'data', hang: true }, { times: 9 })
    const daemon = await desk.start()
    await dovecot.append(user, report('stuck'))
    for (let waits = 0; waits < 300 && sink.hanging() === 0; waits += 1) await delay(50)
    expect(sink.hanging()).toBeGreaterThan(0)
    daemon.signal('SIGTERM')
    await daemon.waitForLog('desk.stopping')
    daemon.signal('SIGTERM')
    const exit = await daemon.waitForExit(2000)
    expect(exit.signal === 'SIGTERM' || exit.status === 0).toBe(true)
  })
})
