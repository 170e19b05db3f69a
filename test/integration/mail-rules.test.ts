/**
 * What the desk does with mail of every kind, over one running daemon: what is answered and what never is, what becomes a
 * case, what has authority, and what strange mail cannot do (G1, G4, G6, G9; issue "Bad input").
 */
import { expect, it } from 'vitest'
import { withGpgAt } from '../support/clock.ts'
import {
  clearMail,
  DESK_ADDRESS,
  mailboxOf,
  ofKind,
  type Received,
  withHeaders
} from '../support/desk-world.ts'
import { seeded } from '../support/faults.ts'
import { ADA, ALICE, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const HOUR = 3_600_000
const SECRET = 'zanzibar-4711'

type Handled = { readonly arrival: number; readonly disposition: string; readonly tag: string }
type OutboxRow = { readonly kind: string; readonly audience: string; readonly recipient: string }

describeWith(['dovecot', 'gpg'], 'mail of every kind', async () => {
  let names = 0
  const { dovecot, user, sink, desk, alice, grace, ada } = await givenOffice(
    {
      // Old enough to have signed something that is stale now.
      grace: await withGpgAt(new Date(Date.now() - 120 * HOUR), () => gpgPerson(GRACE)),
      alice: gpgPerson(ALICE),
      ada: gpgPerson(ADA)
    },
    { roles: { ada: ['committer'] }, changes: { limits: { mail_size: '1 MiB' } } }
  )
  await alice.importKey(await ada.exportPublicKey())
  await dovecot.append(user, plain('first@people.example', 'waiting before the first start'))
  await dovecot.append(user, plain('second@people.example', 'read by a human client'), {
    flags: ['\\Seen', '\\Flagged']
  })
  let daemon = await desk.start()
  await daemon.waitForLog((line) => line.event === 'arrival.done' && line['arrival'] === 2)

  function plain(from: string, text: string, headers: readonly string[] = []): Buffer {
    names += 1
    return clearMail(
      [
        ...headers,
        `From: Somebody <${from}>`,
        `To: ${DESK_ADDRESS}`,
        `Subject: ${SECRET} subject ${names}`,
        `Message-ID: <m${names}@people.example>`,
        'Content-Type: text/plain; charset=utf-8'
      ],
      `${text}\nThe password is ${SECRET}.\n`
    )
  }

  const handled = async (from: number, timeoutMs = 30_000): Promise<Handled> => {
    const line = await daemon.waitForLog('arrival.done', { from, timeoutMs })
    return {
      arrival: Number(line['arrival']),
      disposition: String(line['disposition']),
      tag: line['case'] === null ? '' : String(line['case'])
    }
  }
  const send = async (raw: Buffer): Promise<Handled> => {
    const from = daemon.lines.length
    await dovecot.append(user, raw)
    return handled(from)
  }
  const outboxOf = (tag: string): readonly OutboxRow[] =>
    desk.rows<OutboxRow>(
      `SELECT kind, audience, recipient_id AS recipient FROM outbox
       JOIN cases ON cases.id = outbox.case_id WHERE cases.tag = '${tag}'`
    )
  const stateOf = (tag: string): string =>
    desk.rows<{ state: string }>(`SELECT state FROM cases WHERE tag = '${tag}'`)[0]?.state ?? ''
  const has =
    (kind: string, words: string, after = 0) =>
    (mail: Received): boolean =>
      mail.taken.at >= after && ofKind(desk, kind, words)(mail)
  const acknowledgements = (tag: string): number =>
    outboxOf(tag).filter(({ kind }) => kind === 'acknowledgement').length
  const relays = (tag: string): readonly string[] =>
    outboxOf(tag)
      .filter(({ kind }) => kind === 'relay')
      .map(({ recipient }) => recipient)
      .sort()

  /** A new encrypted report by Alice and the copy of it that Grace has. */
  async function report(text: string): Promise<{ tag: string; relayed: Received }> {
    const { tag } = await send(await alice.write({ to: DESK_ADDRESS, subject: 'Report', text }))
    const relayed = await mailboxOf(grace, sink).find(has('relay', text), 'relay')
    return { tag, relayed }
  }

  it('handles mail that was there before the first start, also what a human client has read (G1)', async () => {
    for (const address of ['first@people.example', 'second@people.example']) {
      await sink.waitFor((taken) => taken.filter(({ to }) => to === address).length === 1)
    }
    const arrivals = desk.rows<{ disposition: string }>('SELECT disposition FROM arrivals')
    expect(arrivals).toEqual([{ disposition: 'case-opened' }, { disposition: 'case-opened' }])
  })

  it('answers a clear message in clear, without one word of it (G6)', async () => {
    const { tag } = await send(plain('carol@people.example', 'I found something.'))
    const taken = await sink.waitFor((all) => all.some(({ to }) => to === 'carol@people.example'))
    const answer = await grace.decryptMail(
      taken.find(({ to }) => to === 'carol@people.example')?.raw ?? Buffer.alloc(0)
    )
    expect(answer.encrypted).toBe(false)
    expect(answer.verified).not.toBeNull()
    expect(answer.subject).toBe(`[${tag}] We received your report`)
    expect(answer.text).toContain('was not encrypted')
    expect(answer.outer.raw.toString('latin1')).not.toMatch(/zanzibar|I found something|Somebody/)
    expect(answer.header('in-reply-to')).toMatch(/^<m\d+@people\.example>$/)
  })

  it.each([
    ['an auto-submitted mail', ['Auto-Submitted: auto-generated']],
    ['an automatic reply', ['Auto-Submitted: auto-replied']],
    ['a mail of a list', ['List-Id: <users.example.org>']],
    ['a bulk mail', ['Precedence: bulk']],
    ['a mail with the null return path', ['Return-Path: <>']],
    ['a mail that asks for silence', ['X-Auto-Response-Suppress: All']]
  ])(
    'never acknowledges %s, and shows it to the maintainers all the same (RFC 3834)',
    async (_, headers) => {
      const { tag, disposition } = await send(
        plain(`robot${names}@people.example`, 'beep', headers)
      )
      expect(disposition).toBe('case-opened')
      expect(acknowledgements(tag)).toBe(0)
      expect(relays(tag)).toEqual(['ada', 'grace'])
    }
  )

  it('never answers a bounce, and makes no case of one', async () => {
    const bounce = clearMail(
      [
        'Return-Path: <>',
        'From: MAILER-DAEMON <mailer-daemon@people.example>',
        `To: ${DESK_ADDRESS}`,
        'Subject: Undelivered Mail',
        'Content-Type: multipart/report; report-type=delivery-status; boundary=b'
      ],
      '--b\nContent-Type: text/plain\n\nIt failed.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; people.example\n\nFinal-Recipient: rfc822; x@people.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n'
    )
    const before = sink.taken.length
    expect(await send(bounce)).toMatchObject({ disposition: 'bounce-unmatched', tag: '' })
    expect(sink.taken.slice(before).some(({ to }) => to.startsWith('mailer-daemon'))).toBe(false)
  })

  it('(B11) acknowledges a second report of one sender like the first (M-02)', async () => {
    const one = await send(plain('dora@people.example', 'first'))
    const two = await send(plain('dora@people.example', 'second'))
    expect(two.tag).not.toBe(one.tag)
    expect([acknowledgements(one.tag), acknowledgements(two.tag)]).toEqual([1, 1])
    expect(relays(two.tag)).toEqual(['ada', 'grace'])
  })

  it('makes a case of a message that cannot be opened, answers it like any other and says why (G6, G9)', async () => {
    const written = await alice.write(
      { to: ada.address, subject: 'x', text: SECRET },
      { autocrypt: false, sign: false }
    )
    const from = 'Eve <eve@people.example>'
    const { tag, disposition } = await send(
      withHeaders(written, { To: DESK_ADDRESS, From: from, Autocrypt: '' })
    )
    expect(disposition).toBe('case-opened')
    expect(acknowledgements(tag)).toBe(1)
    const relayed = await mailboxOf(grace, sink).find(has('relay', `Case: ${tag}`), 'relay')
    expect(relayed.read.text).toMatch(/not.*(?:key|opened|decrypt)/i)
    const taken = await sink.waitFor((all) => all.some(({ to }) => to === 'eve@people.example'))
    const answer = await grace.decryptMail(
      taken.find(({ to }) => to === 'eve@people.example')?.raw ?? Buffer.alloc(0)
    )
    expect(answer.text).toContain('Your message was encrypted, but not to our key')
  })

  it.each([
    ['an empty mail', 'X-Nothing: at all\r\n\r\n'],
    [
      'a mail without From',
      `To: ${DESK_ADDRESS}\r\nSubject: x\r\nMessage-ID: <nf@p.example>\r\n\r\ntext\r\n`
    ],
    ['a mail that is no mail', '\r\n\r\n\r\n']
  ])('makes a case of %s without answering anybody (G1)', async (_, text) => {
    const { tag, disposition } = await send(Buffer.from(text))
    expect(disposition).toBe('case-opened')
    expect(acknowledgements(tag)).toBe(0)
    expect(relays(tag)).toEqual(['ada', 'grace'])
  })

  it('takes a message without Message-ID like any other', async () => {
    const raw = withHeaders(plain('fay@people.example', 'no id'), { 'Message-ID': '' })
    const { tag } = await send(raw)
    expect(acknowledgements(tag)).toBe(1)
    expect(relays(tag)).toEqual(['ada', 'grace'])
  })

  it('keeps two different messages with one Message-ID apart (G1)', async () => {
    const first = plain('gil@people.example', 'one')
    const second = withHeaders(first, { Subject: 'another' })
    const one = await send(first)
    const two = await send(second)
    expect(one.disposition).toBe('case-opened')
    expect(two.disposition).toBe('case-opened')
    expect(two.tag).not.toBe(one.tag)
  })

  it('survives ten thousand headers, and serves the next message (G9)', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `X-Filler-${index}: ${index}`)
    const strange = await send(plain('hal@people.example', 'many headers', many))
    expect(strange.tag).not.toBe('')
    expect(relays(strange.tag)).toEqual(['ada', 'grace'])
    const next = await send(plain('ian@people.example', 'next'))
    expect(acknowledgements(next.tag)).toBe(1)
  })

  it('survives 8-bit junk, and serves the next message (G9)', async () => {
    const random = seeded(4711)
    const junk = Buffer.from(Array.from({ length: 50_000 }, () => 1 + Math.floor(random() * 255)))
    const strange = await send(junk)
    expect(strange.tag).not.toBe('')
    const half = await send(Buffer.concat([plain('jo@people.example', 'then junk'), junk]))
    expect(acknowledgements(half.tag)).toBe(1)
    expect((await send(plain('kim@people.example', 'next'))).disposition).toBe('case-opened')
  })

  it('holds a message above the size limit without downloading it, and tells the maintainers (G9)', async () => {
    const large = plain('lou@people.example', `start\n${'x'.repeat(70)}\n`.repeat(20_000))
    const { arrival, tag, disposition } = await send(large)
    expect(disposition).toBe('too-large')
    const [row] = desk.rows<{ kept: number; size: number }>(
      `SELECT length(raw) AS kept, size FROM arrivals JOIN arrival_bytes ON arrival_id = id WHERE id = ${arrival}`
    )
    expect(row?.size).toBe(large.length)
    expect(row?.kept).toBeLessThan(10_000)
    const told = await mailboxOf(ada, sink).find(has('relay', `Case: ${tag}`), 'relay')
    expect(told.read.text).toMatch(/large|size/i)
    const daemonMoved = async (): Promise<boolean> =>
      (await dovecot.messages(user, 'Postern/Held')).some(({ raw }) => raw.equals(large))
    for (let tries = 0; tries < 50 && !(await daemonMoved()); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(await daemonMoved()).toBe(true)
  })

  it.each([
    ['unsigned', { sign: false }, 'It was not signed.'],
    ['unencrypted', { encrypt: false }, 'It was not encrypted.']
  ])(
    'does nothing on an %s mail of a maintainer and answers without content (G4, G6)',
    async (kind, how, says) => {
      const { tag, relayed } = await report(`report for ${kind}`)
      const since = Date.now()
      const { disposition } = await send(
        await grace.reply(relayed.taken.raw, `/accept\n/reply\n${SECRET}`, {
          ...how,
          quote: 'none'
        })
      )
      expect(disposition).toBe('refused')
      expect(stateOf(tag)).toBe('received')
      const answer = await mailboxOf(grace, sink).find(has('refusal', says, since), 'refusal')
      expect(answer.read.encrypted).toBe(true)
      expect(`${answer.read.subject}${answer.read.text}`).not.toMatch(/zanzibar|accept|report for/)
      expect(outboxOf(tag).filter(({ audience }) => audience === 'reporter').length).toBeLessThan(2)
    }
  )

  it('obeys a signed message once: the same signature in another envelope does nothing (G4)', async () => {
    const { tag, relayed } = await report('report for a replay')
    const command = await grace.reply(relayed.taken.raw, '/take', { quote: 'none' })
    expect(await send(command)).toMatchObject({ disposition: 'commands', tag })
    const since = Date.now()
    const replayed = withHeaders(command, { 'Message-ID': '<another@acme.example>' })
    expect((await send(replayed)).disposition).toBe('refused')
    const answer = await mailboxOf(grace, sink).find(
      has('refusal', 'Its signature was used before.', since),
      'refusal'
    )
    expect(answer.read.text).not.toContain('/take')
    const ran = desk.rows(
      `SELECT 1 FROM events WHERE subject_id = '${tag}' AND kind = 'commands-ran'`
    )
    expect(ran).toHaveLength(1)
  })

  it('never becomes an oracle: ciphertext that another sender reuses is quarantined and nobody answered (G6)', async () => {
    const draft = { to: DESK_ADDRESS, subject: SECRET, text: `stolen words ${SECRET}\n` }
    const original = await alice.encryptSignedMime(desk.publicKey, draft, {
      sign: true,
      encrypt: true
    })
    expect((await send(original)).disposition).toBe('case-opened')
    const since = Date.now()
    const stolen = withHeaders(original, {
      From: 'Mallory <mallory@thief.example>',
      'Message-ID': '<stolen@thief.example>',
      Autocrypt: ''
    })

    expect(await send(stolen)).toMatchObject({ disposition: 'reused-ciphertext', tag: '' })

    const alarm = await mailboxOf(ada, sink).find(
      has('alert', 'carries encrypted content that came to the desk before', since),
      'the alarm'
    )
    expect(alarm.read.text).not.toContain(SECRET)
    expect(sink.taken.some(({ to }) => to === 'mallory@thief.example')).toBe(false)
  })

  it('does nothing on a signature older than 48 hours (G4)', async () => {
    const { tag, relayed } = await report('report for a stale mail')
    const stale = await withGpgAt(new Date(Date.now() - 49 * HOUR), () =>
      grace.reply(relayed.taken.raw, '/accept', { quote: 'none' })
    )
    const since = Date.now()
    expect((await send(stale)).disposition).toBe('refused')
    await mailboxOf(grace, sink).find(has('refusal', 'too old', since), 'refusal')
    expect(stateOf(tag)).toBe('received')
    const fresh = await withGpgAt(new Date(Date.now() - 47 * HOUR), () =>
      grace.reply(relayed.taken.raw, '/accept', { quote: 'none' })
    )
    expect((await send(fresh)).disposition).toBe('commands')
    expect(stateOf(tag)).toBe('accepted')
  })

  it('runs no command of a message with one bad line, and sends one transcript (M-10)', async () => {
    const { tag, relayed } = await report('report for a bad line')
    const since = Date.now()
    const { disposition } = await send(
      await grace.reply(relayed.taken.raw, '/take\n/frobnicate now\n/accept', { quote: 'none' })
    )
    expect(disposition).toBe('commands-refused')
    expect(stateOf(tag)).toBe('received')
    const transcript = await mailboxOf(grace, sink).find(
      has('transcript', 'Nothing was done', since),
      'transcript'
    )
    expect(transcript.read.text).toContain('2  /frobnicate now\n    refused:')
    const kinds = outboxOf(tag).map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'transcript')).toHaveLength(1)
    expect(kinds).not.toContain('accepted')
    expect(kinds).not.toContain('activity')
  })

  it.each([
    ['without a time', '2027-03-01', 'Write a date with a time'],
    ['in the past', '2020-03-01T13:00:00Z', 'passed already'],
    ['that is no date', 'tomorrow', 'Write a date with a time']
  ])('refuses a disclosure instant %s (M-22)', async (kind, instant, says) => {
    const { tag, relayed } = await report(`report for an instant ${kind}`)
    const since = Date.now()
    const { disposition } = await send(
      await grace.reply(relayed.taken.raw, `/embargo ${instant}`, { quote: 'none' })
    )
    expect(disposition).toBe('commands-refused')
    const transcript = await mailboxOf(grace, sink).find(
      has('transcript', 'Nothing was done', since),
      'transcript'
    )
    expect(transcript.read.text.replaceAll(/\s+/g, ' ')).toContain(says)
    expect(
      desk.rows(`SELECT 1 FROM cases WHERE tag = '${tag}' AND disclosure_at IS NULL`)
    ).toHaveLength(1)
  })

  it('lets one of two maintainers win a race and tells the other; the reporter hears it once (G2)', async () => {
    const { tag, relayed } = await report('report for a race')
    const hers = await mailboxOf(ada, sink).find(has('relay', 'report for a race'), 'relay')
    const [one, two] = await Promise.all([
      grace.reply(relayed.taken.raw, '/accept', { quote: 'none' }),
      ada.reply(hers.taken.raw, '/accept', { quote: 'none' })
    ])
    const from = daemon.lines.length
    await Promise.all([dovecot.append(user, one), dovecot.append(user, two)])
    const isEnd = (line: { event: string }): boolean => line.event === 'arrival.done'
    await daemon.waitForLog(() => daemon.lines.slice(from).filter(isEnd).length === 2, { from })
    const ends = daemon.lines.slice(from).filter(isEnd)
    expect(ends.map((line) => line['disposition']).sort()).toEqual(['commands', 'commands-refused'])
    expect(outboxOf(tag).filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
    expect(stateOf(tag)).toBe('accepted')
  })

  it('has given every message one disposition, and left none in the inbox (G1, G8)', async () => {
    const arrivals = desk.rows<{ state: string; disposition: string | null }>(
      'SELECT state, disposition FROM arrivals'
    )
    expect(arrivals.filter(({ state }) => state === 'pending')).toEqual([])
    await daemon.stop()
    const moved = [
      ...(await dovecot.messages(user, 'Postern/Processed')),
      ...(await dovecot.messages(user, 'Postern/Held'))
    ]
    expect((await dovecot.messages(user)).length + moved.length).toBe(arrivals.length)
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0, stderr: '' })
    // Nothing of any mail, and nobody's address, is in the log (G5, G6).
    expect(daemon.output()).not.toMatch(/zanzibar|@people|@reporter|@acme/)
    expect(daemon.output()).not.toContain('"bug"')
  })
})
