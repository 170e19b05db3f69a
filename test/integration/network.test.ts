/**
 * The network and the clock misbehave: servers go away and come back, answer 4xx and 5xx or not at all, and the wall clock
 * jumps. The daemon goes on by itself, loses nothing and sends nothing twice or early (G1, G2, G7).
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Daemon } from '../support/daemon.ts'
import {
  clearMail,
  DESK_ADDRESS,
  type Desk,
  type DeskOptions,
  mailboxOf,
  makeDesk,
  ofKind
} from '../support/desk-world.ts'
import { type Dovecot, startDovecot } from '../support/dovecot.ts'
import { ADA, ALICE, addMember, GRACE } from '../support/office.ts'
import { gpgPerson, type Person } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { type Sink, startSink, type Taken } from '../support/smtp-sink.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const REPLY_TIMEOUT = 1500

/** Drops every connection before this one, then takes one and says nothing on it. */
async function startSilentServer(
  connection: number
): Promise<{ readonly port: number; readonly taken: Promise<void>; close(): void }> {
  const sockets: Socket[] = []
  let take = (): void => undefined
  const taken = new Promise<void>((resolve) => (take = resolve))
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    if (sockets.length < connection) socket.destroy()
    else take()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    taken,
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

describeWith(['dovecot', 'gpg'], 'a network and a clock that misbehave', () => {
  let dovecot: Dovecot
  let grace: Person
  let ada: Person
  let alice: Person
  let count = 0
  const open: { readonly desk: Desk; readonly sink: Sink }[] = []

  beforeAll(async () => {
    dovecot = await startDovecot()
    alice = await gpgPerson(ALICE)
    grace = await gpgPerson(GRACE)
    ada = await gpgPerson(ADA)
  })
  afterEach(async () => {
    for (const { desk, sink } of open.splice(0)) {
      await desk.close()
      await sink.close()
    }
  })
  afterAll(async () => {
    for (const person of [alice, grace, ada]) await person.close()
    await dovecot.close()
  })

  /** A desk with one maintainer (Grace), or two, with an inbox and an SMTP server of its own. */
  async function fresh(
    options: {
      readonly both?: boolean
      readonly sink?: Sink
      readonly servers?: (user: string, sink: Sink) => Pick<DeskOptions, 'imap' | 'smtp'>
    } = {}
  ): Promise<{ desk: Desk; sink: Sink; user: string }> {
    count += 1
    const user = `network${count}`
    const sink = options.sink ?? (await startSink())
    const plain = { imap: { port: dovecot.port, user }, smtp: { port: sink.port } }
    const desk = await makeDesk({
      maintainers: [
        { id: 'grace', person: grace },
        ...(options.both === true ? [{ id: 'ada', person: ada }] : [])
      ],
      ...(options.servers?.(user, sink) ?? plain),
      replyTimeoutMs: REPLY_TIMEOUT
    })
    open.push({ desk, sink })
    return { desk, sink, user }
  }

  const report = (name: string): Buffer =>
    clearMail(
      [
        `From: ${name} <${name}@people.example>`,
        `To: ${DESK_ADDRESS}`,
        `Subject: About ${name}`,
        `Message-ID: <${name}@people.example>`,
        'Content-Type: text/plain; charset=utf-8'
      ],
      `This is the report of ${name}.\n`
    )
  const isTo = (address: string) => (taken: Taken) => taken.to === address
  const reached = (sink: Sink, name: string): Promise<readonly Taken[]> =>
    sink.waitFor((taken) => taken.some(isTo(`${name}@people.example`)), 60_000)
  const deferred = (daemon: Daemon) => daemon.waitForLog('outbox.deferred')

  it('goes on after the IMAP server was away, with the message that came meanwhile (G1)', async () => {
    const { desk, sink, user } = await fresh()
    await dovecot.append(user, report('before'))
    const daemon = await desk.start()
    await reached(sink, 'before')

    await dovecot.kill()
    await daemon.waitForLog('imap.lost')
    await delay(5000)
    // Half a second, one and two at least between the tries, whatever rings meanwhile.
    expect(daemon.lines.filter(({ event }) => event === 'imap.lost').length).toBeLessThan(5)
    await dovecot.start()
    await dovecot.append(user, report('meanwhile'))
    await reached(sink, 'meanwhile')
    await sink.waitFor(4, 60_000)

    expect((await daemon.stop()).status).toBe(0)
    expect(sink.taken).toHaveLength(4)
    expect(await dovecot.messages(user)).toEqual([])
  })

  it('handles nothing twice after the server has renumbered the inbox (UIDVALIDITY, G2)', async () => {
    const { desk, sink, user } = await fresh()
    const names = ['one', 'two', 'three', 'four', 'five', 'six']
    await dovecot.seed(user, names.map(report))
    const first = desk.spawn()
    // Handled, perhaps not yet moved: what still lies in the inbox comes back under other numbers.
    await first.waitForLog('arrival.done')
    await first.kill9()
    await dovecot.stop()
    dovecot.changeUidValidity(user)
    await dovecot.start()
    await dovecot.append(user, report('one'))
    // What was on its way when the process died is due again after a minute.
    desk.clock.set(2 * MINUTE)
    const second = await desk.start(desk.clock.env)
    await second.waitForLog('imap.uidvalidity-changed')
    await dovecot.append(user, report('last'))
    await reached(sink, 'last')
    await sink.waitFor(
      (taken) => new Set(taken.map(({ raw }) => raw.toString('latin1'))).size >= 14,
      60_000
    )
    expect((await second.stop()).status).toBe(0)

    expect(desk.rows('SELECT id FROM cases')).toHaveLength(7)
    for (const name of [...names, 'last']) {
      const answers = sink.taken.filter(isTo(`${name}@people.example`))
      expect(new Set(answers.map(({ raw }) => raw.toString('latin1'))).size).toBe(1)
    }
    expect(await dovecot.messages(user)).toEqual([])
  })

  it('tries again after a 4xx, by the ladder and not before (RFC 5321 §4.5.4)', async () => {
    const { desk, sink, user } = await fresh()
    const to = 'patient@people.example'
    sink.fail({ at: 'rcpt', reply: 451 }, { to })
    const daemon = await desk.start(desk.clock.env)
    await dovecot.append(user, report('patient'))
    expect(await deferred(daemon)).toMatchObject({
      kind: 'acknowledgement',
      attempts: 1,
      code: 451
    })
    await delay(2500)
    expect(sink.attempts(to)).toBe(1)

    desk.clock.set(61_000)
    await reached(sink, 'patient')
    expect(sink.attempts(to)).toBe(2)
    expect(daemon.lines.some(({ event }) => event === 'clock.jumped')).toBe(false)
  })

  it('gives up after a 5xx, tells the maintainers, and sends again when the operator says so (G1)', async () => {
    const { desk, sink, user } = await fresh({ both: true })
    const to = 'refused@people.example'
    sink.fail({ at: 'rcpt', reply: 550 }, { to })
    const daemon = await desk.start()
    await dovecot.append(user, report('refused'))
    const given = await daemon.waitForLog('outbox.gave-up')
    expect(given).toMatchObject({ kind: 'acknowledgement', attempts: 1, code: 550 })

    const alarm = await mailboxOf(grace, sink).find(
      ofKind(desk, 'alert', 'could not be delivered'),
      'alarm'
    )
    expect(alarm.read.text).toContain('550')
    expect(alarm.read.text).not.toContain(to)
    await mailboxOf(ada, sink).find(ofKind(desk, 'alert', 'could not be delivered'), 'alarm')
    expect(sink.taken.some(isTo(to))).toBe(false)

    const listed = await desk.cli('outbox', 'list', '--state', 'given-up', '--json')
    const [{ id } = { id: 0 }] = JSON.parse(listed.stdout) as { id: number }[]
    expect(await desk.cli('outbox', 'retry', String(id))).toMatchObject({ status: 0, stderr: '' })
    await reached(sink, 'refused')
  })

  it('sends the same bytes again when the server fell silent or dropped after DATA (G2, RFC 1047)', async () => {
    const { desk, sink, user } = await fresh()
    sink.fail({ at: 'data', drop: 'after-storing' }, { to: 'dropped@people.example' })
    sink.fail({ at: 'data', hang: true }, { to: 'silent@people.example' })
    const daemon = await desk.start(desk.clock.env)
    await dovecot.append(user, report('dropped'))
    await dovecot.append(user, report('silent'))
    const isDeferred = (line: { event: string }): boolean => line.event === 'outbox.deferred'
    await daemon.waitForLog(() => daemon.lines.filter(isDeferred).length === 2)

    desk.clock.set(61_000)
    const copies = (taken: readonly Taken[], name: string) =>
      taken.filter(isTo(`${name}@people.example`))
    await sink.waitFor(
      (taken) => copies(taken, 'dropped').length === 2 && copies(taken, 'silent').length === 1,
      30_000
    )
    await daemon.stop()
    const [first, again] = copies(sink.taken, 'dropped')
    expect(again?.raw.equals(first?.raw ?? Buffer.alloc(0))).toBe(true)
    expect(sink.attempts('silent@people.example')).toBe(2)
    expect(desk.rows("SELECT 1 FROM outbox WHERE state <> 'sent'")).toEqual([])
  })

  it('holds a notice whose instant a clock jump passed over, tells the maintainers, never sends it early (G7)', async () => {
    const { desk, sink, user } = await fresh({ both: true })
    for (const person of [alice, grace, ada]) await person.importKey(desk.publicKey)
    await addMember(desk, 'alpha', alice, await alice.exportPublicKey())
    const daemon = await desk.start(desk.clock.env)
    await dovecot.append(user, report('timed'))
    const relayed = await mailboxOf(grace, sink).find(() => true, 'relay')
    const disclosure = new Date(Date.now() + 7 * DAY + HOUR).toISOString()
    const draft = [
      '/accept',
      '/notice draft',
      'title: x',
      'description: words',
      'affected_versions: all',
      'remedy_steps: none',
      'no_patches: there are none',
      `/embargo ${disclosure} because the day may be a weekend`,
      '/notice preview'
    ]
    await dovecot.append(user, await grace.reply(relayed.taken.raw, draft.join('\n')))
    const previewed = await mailboxOf(ada, sink).find(ofKind(desk, 'preview'), 'preview')
    const code = /\/notice approve (\S+)/.exec(previewed.read.text)?.[1] ?? ''
    await dovecot.append(user, await ada.reply(previewed.taken.raw, `/notice approve ${code}`))
    await mailboxOf(ada, sink).find(ofKind(desk, 'transcript', 'The notice leaves'), 'transcript')

    desk.clock.set(3 * HOUR)
    await daemon.waitForLog('clock.jumped')
    expect(await daemon.waitForLog('notice.held')).toMatchObject({ because: 'clock' })
    const alarm = await mailboxOf(grace, sink).find(
      ofKind(desk, 'alert', 'The advance notice is on hold'),
      'alarm'
    )
    expect(alarm.read.text).toContain('clock')
    desk.clock.set(0)
    await delay(2500)
    expect(sink.taken.some(isTo(alice.address))).toBe(false)
    const listed = await desk.cli('notice', 'list', '--json')
    expect(JSON.parse(listed.stdout)).toMatchObject([{ state: 'held' }])
  })

  it('sends nothing twice and waits no longer than the ladder after the clock was set back (G2)', async () => {
    const { desk, sink, user } = await fresh()
    desk.clock.set(12 * HOUR)
    const to = 'late@people.example'
    sink.fail({ at: 'rcpt', reply: 451 }, { to })
    const daemon = await desk.start(desk.clock.env)
    await dovecot.append(user, report('early'))
    await reached(sink, 'early')
    await dovecot.append(user, report('late'))
    await deferred(daemon)

    desk.clock.set(0)
    await dovecot.append(user, report('after'))
    await daemon.waitForLog('clock.jumped')
    await reached(sink, 'after')
    // The retry was planned for a time that is now twelve hours away: it must not wait that long.
    await reached(sink, 'late')
    await sink.waitFor(6, 30_000)
    await daemon.stop()
    expect(sink.taken).toHaveLength(6)
    expect(desk.rows('SELECT id FROM cases')).toHaveLength(3)
  })

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
