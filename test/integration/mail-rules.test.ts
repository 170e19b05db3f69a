/**
 * Messages of every kind over one running daemon and a real Dovecot: what is answered, what becomes a case, and what strange mail
 * cannot do (G1, G6, G8, G9). What gives a message authority and what an attacker tries is proved without servers.
 */
import { expect, it } from 'vitest'
import { seeded } from '../fuzz/random.ts'
import {
  clearMail,
  DESK_ADDRESS,
  mailboxOf,
  ofKind,
  type Received,
  withHeaders
} from '../support/desk-world.ts'
import { ADA, ALICE, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const SECRET = 'zanzibar-4711'

describeWith(['dovecot', 'gpg'], 'mail of every kind', async () => {
  let names = 0
  const { dovecot, user, sink, desk, handled, alice, grace, ada } = await givenOffice(
    { grace: gpgPerson(GRACE), alice: gpgPerson(ALICE), ada: gpgPerson(ADA) },
    { roles: { ada: ['committer'] } }
  )
  await alice.importKey(await ada.exportPublicKey())
  await dovecot.append(user, plain('first@people.example', 'waiting before the first start'))
  const readByPeople = plain('second@people.example', 'read by a human client')
  await dovecot.append(user, readByPeople, { flags: ['\\Seen', '\\Flagged'] })
  const daemon = await desk.start()
  await daemon.waitForLog((line) => line.event === 'arrival.done' && line['arrival'] === 2)

  function plain(from: string, text: string): Buffer {
    names += 1
    const head = [
      `From: Somebody <${from}>`,
      `To: ${DESK_ADDRESS}`,
      `Subject: ${SECRET} subject ${names}`,
      `Message-ID: <m${names}@people.example>`,
      'Content-Type: text/plain; charset=utf-8'
    ]
    return clearMail(head, `${text}\nThe password is ${SECRET}.\n`)
  }

  /** Puts a message into the inbox, which becomes a case: its number and, as `kind recipient`, what was made for it. */
  async function becomesCase(raw: Uint8Array): Promise<{ tag: string; made: readonly string[] }> {
    const line = await handled(daemon, raw)
    expect(line['disposition']).toBe('case-opened')
    const tag = String(line['case'])
    return { tag, made: madeFor(tag) }
  }
  function madeFor(tag: string): readonly string[] {
    const rows = desk.rows<{ made: string }>(
      `SELECT kind || ' ' || recipient_id AS made FROM outbox
       JOIN cases ON cases.id = outbox.case_id WHERE cases.tag = '${tag}' ORDER BY made`
    )
    return rows.map(({ made }) => made)
  }
  const RELAYS = ['relay ada', 'relay grace']
  const answeredAs = (tag: string) => [`acknowledgement ${tag}`, ...RELAYS]
  /** The answer in clear to somebody, as Grace's client shows it. */
  async function answerTo(address: string) {
    const taken = await sink.waitFor((all) => all.some(({ to }) => to === address))
    const raw = taken.find(({ to }) => to === address)?.raw
    return grace.decryptMail(raw ?? Buffer.alloc(0))
  }

  it('handles mail that was there before the first start, also what a human client has read (G1)', async () => {
    for (const address of ['first@people.example', 'second@people.example'])
      await sink.waitFor((taken) => taken.filter(({ to }) => to === address).length === 1)
    const arrivals = desk.rows('SELECT disposition FROM arrivals')
    expect(arrivals).toEqual([{ disposition: 'case-opened' }, { disposition: 'case-opened' }])
  })

  it('answers a clear message in clear, without one word of it (G6)', async () => {
    const { tag } = await becomesCase(plain('carol@people.example', 'I found something.'))
    const answer = await answerTo('carol@people.example')
    expect(answer.encrypted).toBe(false)
    expect(answer.verified).not.toBeNull()
    expect(answer.subject).toBe(`[${tag}] We received your report`)
    expect(answer.text).toContain('was not encrypted')
    expect(answer.outer.raw.toString('latin1')).not.toMatch(/zanzibar|I found something|Somebody/)
    expect(answer.header('in-reply-to')).toMatch(/^<m\d+@people\.example>$/)
  })

  it('makes a case of a message that cannot be opened, answers it like any other and says why (G6, G9)', async () => {
    const written = await alice.write(
      { to: ada.address, subject: 'x', text: SECRET },
      { autocrypt: false, sign: false }
    )
    const changes = { To: DESK_ADDRESS, From: 'Eve <eve@people.example>', Autocrypt: '' }
    const { tag, made } = await becomesCase(withHeaders(written, changes))
    expect(made).toEqual(answeredAs(tag))
    const relayed = await mailboxOf(grace, sink).find(ofKind(desk, 'relay', tag), 'relay')
    expect(relayed.read.text).toMatch(/not.*(?:key|opened|decrypt)/i)
    const answer = await answerTo('eve@people.example')
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
    expect((await becomesCase(Buffer.from(text))).made).toEqual(RELAYS)
  })

  it('takes a message without Message-ID like any other', async () => {
    const raw = withHeaders(plain('fay@people.example', 'no id'), { 'Message-ID': '' })
    const { tag, made } = await becomesCase(raw)
    expect(made).toEqual(answeredAs(tag))
  })

  it('keeps two different messages with one Message-ID apart (G1)', async () => {
    const first = plain('gil@people.example', 'one')
    const one = await becomesCase(first)
    const two = await becomesCase(withHeaders(first, { Subject: 'another' }))
    expect(two.tag).not.toBe(one.tag)
  })

  it('survives 8-bit junk, and serves the next message (G9)', async () => {
    const random = seeded(4711)
    const junk = Buffer.from(Array.from({ length: 50_000 }, () => 1 + Math.floor(random() * 255)))
    await becomesCase(junk)
    const { tag, made } = await becomesCase(
      Buffer.concat([plain('jo@people.example', 'then junk'), junk])
    )
    expect(made).toEqual(answeredAs(tag))
  })

  it('lets one of two maintainers win a race and tells the other; the reporter hears it once (G2)', async () => {
    const words = 'report for a race'
    const written = await alice.write({ to: DESK_ADDRESS, subject: 'Report', text: words })
    const { tag } = await becomesCase(written)
    const accepts = await Promise.all(
      [grace, ada].map(async (person) => {
        const find = mailboxOf(person, sink).find(ofKind(desk, 'relay', words), 'relay')
        const { taken }: Received = await find
        return person.reply(taken.raw, '/accept', { quote: 'none' })
      })
    )
    const from = daemon.lines.length
    await Promise.all(accepts.map((raw) => dovecot.append(user, raw)))
    const ends = () => daemon.lines.slice(from).filter(({ event }) => event === 'arrival.done')
    await daemon.waitForLog(() => ends().length === 2, { from })
    const dispositions = ends().map((line) => line['disposition'])
    expect(dispositions.sort()).toEqual(['commands', 'commands-refused'])
    expect(madeFor(tag).filter((made) => made.startsWith('accepted'))).toHaveLength(1)
    const state = desk.rows(`SELECT state FROM cases WHERE tag = '${tag}'`)
    expect(state).toEqual([{ state: 'accepted' }])
  })

  it('has given every message one disposition, and left none in the inbox (G1, G8)', async () => {
    const arrivals = desk.rows<{ state: string }>('SELECT state FROM arrivals')
    expect(arrivals.filter(({ state }) => state === 'pending')).toEqual([])
    await daemon.stop()
    const folders = ['INBOX', 'Postern/Processed', 'Postern/Held']
    const kept = await Promise.all(folders.map((folder) => dovecot.messages(user, folder)))
    expect(kept.flat()).toHaveLength(arrivals.length)
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0, stderr: '' })
    // Nothing of any mail, and nobody's address, is in the log (G5, G6).
    expect(daemon.output()).not.toMatch(/zanzibar|@people|@reporter|@acme/)
    expect(daemon.output()).not.toContain('"bug"')
  })
})
