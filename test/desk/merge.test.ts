/**
 * /merge: two reports become one case, and both numbers still lead to it (B14). Reporters of one case neither speak for each other
 * nor hold each other's keys, and read nothing that was for another (G3, G5).
 */

import { generateKey, readPrivateKey } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { record } from '../../src/desk/commit.ts'
import { aboutCase, BY_DESK, event } from '../../src/domain/event.ts'
import { caseTag } from '../../src/domain/ids.ts'
import {
  AUTHENTICATION,
  alice,
  allTo,
  answering,
  bob,
  checked,
  DAY,
  days,
  FIRST,
  forwarded,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenRef,
  givenReport,
  givenReporter,
  grace,
  HOUR,
  keyOf,
  lastTo,
  latest,
  linus,
  MINUTE,
  onTheWay,
  preset,
  quoted,
  recorded,
  SECOND,
  says,
  sentSince,
  THIRD,
  textsTo,
  world,
  writes
} from '../support/desk.ts'
import { clearMail, DESK_ADDRESS } from '../support/desk-world.ts'
import { bounceOf } from '../support/mail-parts.ts'
import { type Letter, type Someone, someone } from '../support/world.ts'

const { clocks } = await preset('dragonfly')
const CLOCKS = { policy: { clocks } }
const REJECT = `/reject upstream\n${'This was looked into and it works as we describe it. '.repeat(4)}`

/** Somebody reports and gives their key. */
async function reports(from: Someone, subject: string, text: string): Promise<void> {
  world.pass(MINUTE)
  await givenMessage(from, { subject, text, autocrypt: true })
}

/** A desk, and a report of each of these. */
async function givenReports(...from: readonly Someone[]): Promise<void> {
  await givenDesk([grace], CLOCKS)
  for (const who of from) await reports(who, `of ${who.id}`, `${who.id.toUpperCase()} found it`)
}

/** Alice and Bob reported; their reports are one case. */
async function givenMerged(
  letters: Partial<Record<'ofAlice' | 'ofBob', Partial<Letter>>> = {},
  options: Parameters<typeof givenDesk>[1] = CLOCKS
): Promise<void> {
  await givenDesk([grace], options)
  const usual = { autocrypt: true }
  const [one, two] = [
    { ...usual, subject: 'the parser', text: 'ALICE found it', ...letters.ofAlice },
    { ...usual, subject: 'the lexer', text: 'BOB found it', ...letters.ofBob }
  ]
  await givenMessage(alice, one)
  world.pass(MINUTE)
  await givenMessage(bob, two)
  await says(`/merge ${FIRST}`, SECOND)
}

/** Grace answers the forwarded report of the reporter with this number, quoting it; what the desk answers her. */
async function answers(reporter: string, text: string): Promise<string> {
  const relay = forwarded(`reporter:${reporter}`)
  const tag = /\[(ACME-\d+-\d+)\]/.exec(await world.read(grace, relay))?.[1] ?? ''
  const letter = { autocrypt: true, ...answering(grace, relay) }
  return says(`${text}\n\n${await quoted(grace, relay)}`, tag, letter)
}

/** Everything that somebody was sent, as read, with what stands outside: random letters of the armor can make a name. */
async function everythingTo(person: Someone): Promise<string> {
  const outside = onTheWay(world.sentTo(person))
  return `${await allTo(person)}${outside.replaceAll(/-----BEGIN PGP [^]*?-----END PGP /g, '')}`
}

const states = () => world.rows('SELECT tag, state, merged_into AS into_ FROM cases ORDER BY id')

describe('/merge CASE (B14)', () => {
  it('moves messages and reporter, tells the reporter once, which is the first answer in the other case, too (A3, B6), and is on the record of both', async () => {
    await givenReports(alice, alice)
    const before = world.accepted.length
    await says(`/merge ${FIRST}\nBoth are one bug.`, SECOND)

    expect(states()).toEqual([
      { tag: FIRST, state: 'received', into_: null },
      { tag: SECOND, state: 'merged', into_: FIRST }
    ])
    expect(world.rows('SELECT DISTINCT case_id AS id FROM messages')).toEqual([{ id: 1 }])
    expect(world.rows('SELECT id, case_id AS into_ FROM case_reporters ORDER BY id')).toEqual([
      { id: FIRST, into_: 1 },
      { id: SECOND, into_: 1 }
    ])
    const about = "SELECT subject_id FROM events WHERE kind IN ('merged', 'merged-in') ORDER BY id"
    expect(world.column(about)).toEqual([SECOND, FIRST])
    expect(recorded('merged', 'merged-in')).toEqual([
      { into: FIRST, told: 'told' },
      {
        ...{ from: SECOND, reporter: FIRST, receivedAt: null },
        ...{ promised: { answer: null }, isAnswered: true }
      }
    ])
    const [text, ...more] = await textsTo(alice, before)
    expect(more).toEqual([])
    expect(text).toContain(`We handle your report ${SECOND} together with ${FIRST}.`)
    expect(text).toContain('Both are one bug.')
    expect(await says('/status')).toMatch(/first answer by a person .* Due: nothing /)
  })

  it.each(['the reporter', 'somebody else'])(
    'answers nothing that waits in the case that goes on: a question of %s (A3)',
    async (who) => {
      await givenReports(alice, alice)
      const [acknowledged] = world.sentTo(alice)
      const asked = { tag: FIRST, autocrypt: true, ...answering(alice, acknowledged) }
      // What is sealed quotes her message, so nobody on the way chose the case (B6).
      const text = `May I give a talk?\n\n> ${await givenRef(alice, acknowledged)}\n`
      await writes(who === 'the reporter' ? alice : bob, text, asked)
      await says(`/merge ${FIRST}`, SECOND)
      expect(await says('/status')).toMatch(/first answer by a person .* Due: \w+ \d/)
    }
  )

  it('answers nobody while its message waits for a key, though an earlier message answered the other report (A3, B10)', async () => {
    await givenReports(alice)
    await says('/reply\nThanks.')
    await reports(alice, 'more', 'Another one.')
    await says(`/key refuse ${keyOf(alice)} because it is lost\n/merge ${SECOND}`)
    await says('/unsend because she has no key any more', SECOND)
    expect(await says('/status', SECOND)).toMatch(/not answered by a person Due: \w+ \d/)
  })

  it('has what leaves later on the record of the case that goes on (A1)', async () => {
    await givenReports(alice, bob)
    world.replies.push('deferred', 'deferred')
    await reports(bob, 'third', 'BOB found more')
    await says(`/merge ${FIRST}`, THIRD)
    await world.wait(HOUR)
    const sql = `SELECT DISTINCT subject_id FROM events JOIN outbox ON message_id = about ->> 'id'
      WHERE events.kind = 'told' AND case_id = (SELECT id FROM cases WHERE tag = '${THIRD}')`
    expect(world.column(sql)).toContain(FIRST)
  })

  it('brings a message that names the old number or answers its thread into the other case', async () => {
    await givenReports(alice, alice)
    const { headers } = answering(alice)
    await says(`/merge ${FIRST}`, SECOND)
    await reports(alice, `Re: [${SECOND}]`, 'by its number')
    await givenMessage(alice, { subject: 'Re: it', text: 'by its thread', headers })
    expect(world.column('SELECT case_id FROM arrivals WHERE id > 3')).toEqual([1, 1])
    expect(states()).toHaveLength(2)
  })

  it('answers /status under the old number with the case that it goes on in, and refuses a decision there with the case that it would hit', async () => {
    await givenReports(alice, alice)
    await says(`/merge ${FIRST}`, SECOND)
    const merged = `${SECOND} was merged into ${FIRST}`
    expect(await says('/status', SECOND)).toContain(`${merged}; please go on there.`)
    expect(await says('/accept', SECOND)).toContain(`refused: ${merged}.`)
    expect(states()).toMatchObject([{ state: 'received' }, { state: 'merged' }])
  })

  it('is refused for itself and for an unknown or ended case, which /reopen opens', async () => {
    await givenReports(bob, alice, alice)
    world.change("UPDATE cases SET state = 'closed' WHERE tag = 'ACME-2026-0003'")
    for (const [to, refusal] of [
      [SECOND, 'cannot be merged into itself'],
      ['ACME-2026-0009', 'There is no open case ACME-2026-0009.'],
      [THIRD, 'There is no open case ACME-2026-0003. If it has ended, open it again first: /reopen']
    ] as const)
      expect(await says(`/merge ${to}`, SECOND)).toContain(refusal)
    expect(world.rows('SELECT id FROM cases WHERE merged_into IS NOT NULL')).toEqual([])
  })
})

describe('a case with several reporters (B14)', () => {
  /** The promise of the first case that is due first. */
  function due(): unknown {
    return (
      world.column("SELECT due_json ->> 'clock' FROM looks WHERE subject_id = ?", [FIRST])[0] ??
      null
    )
  }

  it('tells each of every decision in a message of their own, under their own number', async () => {
    await givenMerged()
    await says('/accept\nWe are on it.')
    for (const [person, own, other] of [
      [alice, FIRST, SECOND],
      [bob, SECOND, FIRST]
    ] as const) {
      const last = await lastTo(person)
      expect(last).toContain('We confirmed the issue that you reported')
      expect(last).toContain('We are on it.')
      expect(last).toContain(`[${own}]`)
      expect(last).not.toContain(other)
    }
    const said = await lastTo(grace)
    expect(said).toContain(
      `On its way to ${alice.address}, encrypted. On its way to ${bob.address}, encrypted.`
    )
    const sql = "SELECT count(*) AS n FROM messages WHERE text LIKE '%on it%'"
    expect(world.rows(sql)).toEqual([{ n: 1 }])
  })

  it('lets no reporter learn of another: no name, address, text or number', async () => {
    await givenMerged()
    await says('/accept')
    await says('/embargo 2027-01-15T12:00:00Z because it is ready')
    await says('/reject upstream\nit is known to everybody and was known before')
    const [ofAlice, ofBob] = [await everythingTo(alice), await everythingTo(bob)]
    for (const word of ['Bob', bob.address, SECOND, 'lexer']) expect(ofAlice).not.toContain(word)
    for (const word of ['Alice', alice.address, FIRST, 'parser']) expect(ofBob).not.toContain(word)
  })

  it('sends a /reply to the reporter whose message it answers, also in a thread from before the merge', async () => {
    await givenMerged()
    await answers(SECOND, '/reply\nHello, this is for one.')
    expect(await lastTo(bob)).toContain('Hello, this is for one.')
    expect(await allTo(alice)).not.toContain('this is for one')
    await answers(FIRST, '/reply\nThis is for the other.')
    expect(await lastTo(alice)).toContain('This is for the other.')
    expect(await allTo(bob)).not.toContain('for the other')
  })

  it('refuses a /reply that answers no reporter with how to say whom it is for', async () => {
    await givenMerged()
    const before = world.accepted.length
    expect(await says('/reply\nHello.')).toMatch(/reply to a message .* To write to all of them/)
    expect(sentSince(before)).toEqual([grace.address])
  })

  it('names the key that was offered under the address of one, and takes it into use for that one', async () => {
    await givenMerged()
    const other = await givenReporter('bob')
    await givenMessage(other, { subject: 'x', text: 'new key', autocrypt: true })
    const came = `Answers go to ${bob.address}, encrypted. 1 key has come for this address and is not in use: /key accept ${keyOf(other)} or`
    expect(await says('/status')).toContain(came)
    const bare = (await says('/key accept')).replaceAll(' ', '')
    expect(bare).toContain(`digits;wehave:${keyOf(other)}(for${bob.address}).`)
    expect(await says(`/key accept ${keyOf(other)}\n/status`)).not.toContain('1 key has come')
    expect(await says('/status')).not.toContain('1 key has come')
    await says('/accept')
    const sealed = world.sentTo(bob).at(-1)
    if (sealed === undefined) throw new Error('nobody wrote to Bob')
    expect(await world.read(other, sealed)).toContain('We confirmed')
    expect(await lastTo(alice)).toContain('We confirmed')
  })

  it('owes each an answer of their own: an answer to one ends no promise to another (A3), and /status shows how answers reach each', async () => {
    await givenMerged()
    await answers(SECOND, '/reply\nHello, this is for one.')
    expect(due()).toBe('answer')
    await says('/status')
    const said = await lastTo(grace)
    expect(said).toContain(`Reporter: ${alice.address}, not answered by a person`)
    expect(said).toContain(`Reporter: ${bob.address}, first answer by a person`)
    const ways = [alice, bob].map(({ address }) => `Answers go to ${address}, encrypted`)
    expect(said).toContain(ways.join('. '))
    expect(said).not.toContain('Due: nothing')
    await answers(FIRST, '/reply\nThis is for the other.')
    expect(due()).toBeNull()
    await reports(alice, `[${FIRST}]`, 'ALICE has a question')
    await reports(bob, `[${SECOND}]`, 'BOB has a question')
    await answers(SECOND, '/reply\nAn answer to one.')
    expect(due()).not.toBeNull()
    await answers(FIRST, '/reply\nAn answer to the other.')
    expect(due()).toBeNull()
  })

  it('goes on owing an answer to a reporter who could not be told of the merge (A3, B10)', async () => {
    await givenReports(alice)
    await says('/reply\nThank you.')
    expect(due()).toBeNull()
    await givenMessage(bob, { subject: 'two', text: 'two', as: 'encrypted' })
    await says(`/merge ${FIRST}`, SECOND)
    expect(due()).toBe('words-wait')
    await writes(bob, 'k', { subject: 'Re: key', autocrypt: true, ...answering(bob) })
    expect(await lastTo(bob)).toContain('We handle your report in one case')
    expect(due()).toBeNull()
  })

  it('is told to its reporter: /unsend withdraws that only for a recorded reason (B10)', async () => {
    await givenReports(alice)
    await givenMessage(bob, { subject: 'two', text: 'two', as: 'encrypted' })
    await says(`/merge ${FIRST}`, SECOND)
    const withdrawn = await answers(SECOND, '/unsend')
    expect(withdrawn).toContain('Not withdrawn: the reporter must learn that the case was merged.')
    expect(await answers(SECOND, '/unsend because by phone')).toContain('will not leave')
  })

  /** The instants of receipt, as the clocks of the first case count them. */
  function waits(tag: string): unknown[] {
    const sql = `SELECT kind, about ->> 'reporter' AS who, about ->> 'receivedAt' AS since FROM events
      WHERE subject_id = ? AND kind IN ('merged-in', 'reporter-wrote') ORDER BY id`
    return world.rows(sql, [tag])
  }
  const sealed = async (from: Someone, subject: string) => {
    world.pass(MINUTE)
    await givenMessage(from, { subject, text: subject, as: 'encrypted' })
  }

  it('counts the waiting of a reporter who is moved twice from their own report (A3, B14)', async () => {
    await givenDesk([grace], CLOCKS)
    await sealed(bob, 'one')
    await sealed(alice, 'two')
    const [since] = world.column('SELECT received_at FROM cases WHERE id = 2')
    await sealed(bob, 'three')
    await says(`/merge ${FIRST}`, SECOND)
    await says(`/merge ${THIRD}`)
    expect(waits(THIRD)).toContainEqual({ kind: 'merged-in', who: SECOND, since })
  })

  it('goes on owing an answer to a reporter who was answered, wrote again and could not be told of the merge (A3, B14)', async () => {
    await givenReports(bob)
    await says('/reply\nThank you.')
    await reports(alice, 'two', 'ALICE found it')
    await says('/reply\nThank you.', SECOND)
    await writes(alice, 'And?', { after: MINUTE, subject: 'Re: two', ...answering(alice) })
    const [{ since } = {}] = waits(SECOND) as { since?: string }[]
    expect(due()).toBeNull()
    await says(`/key refuse ${keyOf(alice)}\n/merge ${FIRST}`, SECOND)
    expect(due()).not.toBeNull()
    expect(waits(FIRST)).toEqual([
      { kind: 'merged-in', who: SECOND, since: null },
      { kind: 'reporter-wrote', who: SECOND, since }
    ])
  })

  it('goes on reminding of an answer that was lost, of words that wait and of a message that may be the reporter’s (A3)', async () => {
    await givenDesk([grace], { ...CLOCKS, authentication: AUTHENTICATION })
    const headers = checked('reporter.example')
    await givenMessage(alice, { subject: 'one', text: 'one', autocrypt: true, headers })
    await givenMessage(bob, { subject: 'two', text: 'two', autocrypt: true, headers })
    await says('/reply\nThese words are lost.', SECOND)
    await world.receive(Buffer.from(bounceOf(latest(bob).messageId)))
    const failed = [...answering(bob).headers, ...checked('reporter.example', 'fail')]
    const now = `Now!\n\n> ${await givenRef(bob)}`
    await givenMessage(bob, { subject: 'Re: two', text: now, as: 'encrypted', headers: failed })
    const carol = await givenReporter('carol')
    await givenMessage(carol, { subject: 'three', text: 'three', as: 'encrypted', headers })
    await says('/reply\nThese words wait.', THIRD)
    await says(`/merge ${FIRST}`, SECOND)
    await says(`/merge ${FIRST}`, THIRD)
    const from = world.accepted.length
    for (let day = 0; day < 5; day += 1) await world.wait(DAY)
    const text = await allTo(grace, from)
    expect(text).toContain('What we wrote to the reporter could not be delivered. Overdue')
    expect(text).toContain('though nothing proves it, has no answer. Overdue')
    const waits = `SELECT about ->> 'with' FROM events WHERE subject_id = '${FIRST}' AND kind = 'words-wait'`
    expect(world.column(waits).sort()).toEqual(['merged', 'reply'])
  })

  it('asks nobody about a date that has passed (B14, B19)', async () => {
    await givenReports(bob)
    await says('/accept\n/embargo 2026-11-25 13:00 UTC because we must')
    await world.wait(3 * DAY)
    await reports(alice, 'two', 'ALICE found it')
    await says(`/merge ${FIRST}`, SECOND)
    expect(states()).toContainEqual({ tag: SECOND, state: 'merged', into_: FIRST })
    expect(await allTo(alice)).not.toContain('AGREE')
  })

  it('sends nobody else what names a merged case whose reporter has no address', async () => {
    await givenReports(alice)
    const head = ['From: undisclosed', `To: <${DESK_ADDRESS}>`, 'Message-ID: <x@people.example>']
    await world.receive(clearMail(head, 'found'))
    await says(`/merge ${FIRST}`, SECOND)
    expect(await says('/reply\nFOR THE OTHER', SECOND)).toContain('The report names no address')
    expect(await allTo(alice)).not.toContain('FOR THE OTHER')
  })

  it('sends a plan to the reporter whose message it answers, else to all of them (M-08)', async () => {
    await givenMerged()
    const forOne = '/plan\nplan: for one\nworkarounds: none known'
    // Only the header outside or the number of a merged case names the reporter: that is refused.
    await says(forOne, FIRST, answering(grace, forwarded(`reporter:${SECOND}`)))
    expect(await says(forOne, SECOND)).toContain('does not show which of them you mean')
    expect(await allTo(bob)).not.toContain('for one')
    await answers(SECOND, forOne)
    expect(await lastTo(bob)).toContain('Plan: for one')
    expect(await allTo(alice)).not.toContain('for one')
    await says('/plan\nplan: a fix\nworkarounds: none known')
    for (const person of [alice, bob]) expect(await lastTo(person)).toContain('Plan: a fix')
    const told = [SECOND, FIRST, SECOND].map((reporter) => ({ reporter }))
    expect(recorded('plan-told')).toMatchObject(told)
  })

  it('a reporter whose own further report is merged into it learns that, and reads of no decision again', async () => {
    await givenMerged()
    await says('/accept')
    await reports(bob, 'again', 'one more')
    await says(`/merge ${FIRST}`, THIRD)
    expect(await lastTo(bob)).toContain(`your report ${THIRD} together with ${SECOND}.`)
    expect(await lastTo(bob)).not.toMatch(/confirmed|ACME-2026-0001/)
    // Its number alone leads nowhere where nothing proves who wrote (B6).
    expect(await lastTo(bob)).toContain('To add something, please reply to this message.')
    await givenMessage(bob, { subject: `${THIRD}: more`, text: 'x', as: 'clear' })
    expect(await lastTo(grace)).toContain(`names the case ${THIRD}, which was merged into ${FIRST}`)
  })

  it("does not show a reporter that somebody else's number leads to their own case: it opens a new one, as before", async () => {
    await givenMerged()
    await reports(bob, `Re: [${FIRST}]`, 'is this mine, too?')
    expect(await lastTo(bob)).toContain('ACME-2026-0003')
    await reports(bob, `Re: [${SECOND}]`, 'this is mine')
    expect(world.column('SELECT case_id FROM arrivals ORDER BY id').at(-1)).toBe(1)
  })

  it('lets no alarm that was told ring again because its reporter got another first number (A3)', async () => {
    // An alarm that cannot be encrypted to somebody keeps all that may ring in sight.
    await givenDesk([grace, await givenMaintainer('linus', 1)])
    await world.wait(2 * DAY)
    for (const who of [alice, alice, bob]) await reports(who, 'x', `a report of ${who.id}`)
    await says(`/merge ${THIRD}`, SECOND)
    const about = { audience: 'reporter', recipient: SECOND, message: 'reply' } as const
    const refused = { ...about, because: 'expired' } as const
    world.desk.db.transact((tx) => {
      const happened = event('not-encrypted', aboutCase(caseTag('ACME', 2026, 3)), BY_DESK, refused)
      record(tx, happened, { now: world.clock.now })
    })
    const told = () =>
      world.rows(`SELECT at FROM rings WHERE clock = 'key-refused' AND "key" = '${SECOND}'`)
    await world.wait(MINUTE)
    const before = told()
    expect(before).toHaveLength(1)
    await says(`/merge ${THIRD}`)
    await world.wait(3 * DAY)
    expect(told()).toEqual(before)
  })
})

it('a message under the name of one reporter that answers what another one was sent is not that reporter’s, and its key gets nothing (B6, B14, G3)', async () => {
  await givenMerged({ ofAlice: { as: 'encrypted', autocrypt: false } })
  await says('/accept\nFor her alone.')
  const hers = world.sentTo(alice).at(-1)
  const forger = await someone('alice', alice.address)
  const forged = { subject: 'Re: it', text: 'Here is my key.', autocrypt: true }
  await givenMessage(forger, { ...forged, ...answering(bob) })

  const pinned = 'SELECT address FROM reporter_keys WHERE is_used = 1 ORDER BY address'
  expect(world.rows(pinned)).toEqual([{ address: bob.address }])
  expect(world.rows('SELECT reporter_id AS id FROM waiting_words')).toEqual([{ id: FIRST }])
  expect(world.column('SELECT tag FROM cases ORDER BY id').at(-1)).toBe(THIRD)
  expect(await lastTo(grace)).toContain(`reply with /merge ${FIRST}`)
  await givenMessage(alice, { ...forged, ...answering(alice, hers) })
  expect(world.rows('SELECT author FROM messages WHERE author_id = ?', [FIRST])).toHaveLength(2)
})

it('a text below a decision that answers one of several reporters reaches no other: it is refused, and below /reply it is for that one alone (B7, G5)', async () => {
  await givenMerged()
  const sent = world.accepted.length
  const words = 'Your file crashes it, Alice.'
  await answers(FIRST, `/accept\n${words}`)
  expect(world.accepted.slice(sent).map(({ to }) => to)).toEqual([grace.address])
  expect(await lastTo(grace)).toContain('Every reporter of this case would read the text')
  await answers(FIRST, `/accept\n/reply\n${words}`)
  expect(await lastTo(alice)).toContain('Your file crashes it')
  expect(await lastTo(bob)).toContain('We confirmed the issue')
  expect(await lastTo(bob)).not.toContain('Your file')
})

it('a signed message that quotes the desk from before and after a merge names one case (B7, B14)', async () => {
  await givenReport({ by: [alice, bob] })
  const toGrace = () => world.accepted.findLast(({ to }) => to === grace.address)
  const before = await givenRef(grace, toGrace())
  await says(`/merge ${FIRST}`, SECOND)
  await writes(bob, 'More.', { subject: 'Re: it', ...answering(bob) })
  const quotes = `> ${await givenRef(grace, toGrace())}\n>> ${before}`
  const quoting = (subject: string, text: string) =>
    givenMessage(grace, { subject, text: `${text}\n\n${quotes}` })
  await quoting('Re: it', '/reply\nHello to you.')
  expect(await lastTo(bob)).toContain('Hello to you.')
  // Commands that may be meant for the merged case decide nothing about the other one.
  await quoting('Re: it', '/accept')
  expect(await lastTo(grace)).toContain(`${SECOND} was merged into ${FIRST}`)
  await quoting(`Re: [${FIRST}] it`, '/accept')
  expect(world.rows('SELECT state FROM cases WHERE id = 1')).toEqual([{ state: 'accepted' }])
})

it('a message that its sender repeats after a merge is no stranger’s copy (B14)', async () => {
  await givenReport()
  const raw = await world.write(bob, { subject: 'two', text: 'a report', autocrypt: true })
  await world.receive(raw)
  await says(`/merge ${FIRST}`, SECOND)
  const answers = `${answering(bob).headers.join()}\r\nMIME-Version`
  await world.receive(Buffer.from(raw.toString().replace('MIME-Version', answers)))
  expect(world.dispositions().at(-1)).toBe('duplicate')
})

it('an acknowledgement that was on hold before a merge is sent by /acknowledge after it, unless the merge told its reporter something (B14, G1, M-02)', async () => {
  await givenReport({ by: [alice, bob], authentication: AUTHENTICATION })
  await says(`/merge ${SECOND}`, FIRST)
  expect(await says('/acknowledge', SECOND)).toContain(`acknowledgement goes to ${bob.address}.`)
  expect(await says('/acknowledge', SECOND)).toContain(
    'No acknowledgement of this case is on hold.'
  )
})

it('(A2, B6) an acknowledgement on hold never leaves after the end of the case, also where the reporter is not told of that', async () => {
  await givenDesk([grace], { authentication: AUTHENTICATION, policy: await preset('template') })
  await givenMessage(alice, { subject: 'x', text: 'x', as: 'clear' })
  expect(await says('/close internal because spam\n/acknowledge')).toContain('is closed. To go on')
  expect(await says('/close internal because spam')).toContain('on hold will not leave. Before')
  expect(await says('/acknowledge')).toContain('refused: ')
  await givenMessage(bob, { subject: 'y', text: 'y', as: 'clear' })
  expect(await says('/reply\nThank you.', SECOND)).toContain('that was on hold will not leave.')
  expect(world.sentTo(alice)).toEqual([])
})

it('an acknowledgement that an hourly limit puts off never leaves after an answer (M-02)', async () => {
  await givenReport({ by: [alice, alice], acknowledgement: { per_domain_hour: 1 } })
  await says('/reply\nWe have read it.', SECOND)
  world.pass(120 * MINUTE)
  await world.settle()
  expect(
    world.rows("SELECT kind, state FROM outbox WHERE audience = 'reporter' ORDER BY id")
  ).toEqual([
    { kind: 'acknowledgement', state: 'sent' },
    { kind: 'acknowledgement', state: 'held' },
    { kind: 'reply', state: 'sent' }
  ])
})

it('a reporter who is on the list, too, and answers what was written to the reporter writes as the reporter (B13, G5)', async () => {
  const committer = { ...linus, roles: ['committer'] as const }
  await givenReport({ maintainers: [grace, committer], list: [bob], by: [bob] })
  await says('/ask\nWhich version?')
  await writes(bob, 'Version 3.', { subject: 'Re: it', ...answering(bob) })
  expect(world.rows('SELECT state FROM cases')).toEqual([{ state: 'triaging' }])
  expect(await lastTo(grace)).toContain(`/reply goes to ${bob.address}`)
  expect(await lastTo(linus)).not.toContain('list member')
})

it('a case that waits for one of several reporters goes on waiting when another one writes, and no longer when that one does (B13, B14)', async () => {
  await givenReport({ by: [alice, bob, bob] })
  const merge = (number: string) => says(`/merge ${FIRST}`, number)
  const answersBack = async (who: Someone) => {
    await writes(who, 'Version 3.', { subject: 'Re: it', ...answering(who) })
    return world.rows<{ state: string }>('SELECT state FROM cases WHERE id = 1')[0]?.state
  }
  await merge(THIRD)
  await answers(THIRD, '/ask\nWhich version?')
  expect(await answersBack(alice)).toBe('needs-info')
  // With this Bob is known by another number than the one under which he was asked.
  await merge(SECOND)
  expect(await answersBack(bob)).toBe('triaging')
  await answers(FIRST, '/ask\nWhich version?')
  expect(await answersBack(bob)).toBe('needs-info')
  expect(await answersBack(alice)).toBe('triaging')
})

it('the answer to commands says which of several reporters waits, and offers /reply only where it reaches that one (B6, B14)', async () => {
  await givenMerged()
  const more = { subject: 'Re: it', text: 'It is in 4.1, too.', headers: answering(bob).headers }
  await givenMessage(bob, more)
  const taken = await answers(SECOND, '/take')
  expect(taken).toContain(`; ${alice.address} and ${bob.address} wait for an answer`)
  expect(taken).toMatch(/Next you could write: [^8]*\/reply /)
  const said = await answers(FIRST, '/reply\nThank you.')
  expect(said).toMatch(new RegExp(`After: [^;]*; [^;]*; ${bob.address} waits for an answer `))
  expect(said).not.toMatch(/Next you could write: [^8]*\/reply /)
})

it('the record of a decision says that a report of the case names nobody who could be told (A2, B14)', async () => {
  await givenMerged()
  world.change('UPDATE case_reporters SET address = NULL WHERE id = ?', [SECOND])
  await says(REJECT)
  expect(await lastTo(alice)).toContain('It is elsewhere')
  const about = world.rows<{ about: string }>("SELECT about FROM events WHERE kind = 'rejected'")
  expect(about.map((one) => one.about)).toEqual([
    JSON.stringify({ code: 'upstream', reason: '', told: 'no-address' })
  ])
})

it('a reporter whose report is merged into a case with a date is asked about it; before that, nothing they write counts as an answer, and they read of no date that they were never told (B19, B14)', async () => {
  await givenReport()
  const date = '/accept\n/embargo 2027-01-15T12:00:00Z because it is ready'
  await says(date)
  await givenMessage(bob, { subject: 'two', text: 'a report', as: 'encrypted' })
  expect(await says(`/merge ${FIRST}`, SECOND)).toContain(
    `${bob.address} is asked about the date Fri 15 Jan 2027, 12:00 UTC when a key of theirs is in use`
  )
  const { headers } = answering(bob)
  const eager = { subject: 'Re: it', text: 'Agree.\nWith all of it.', headers }
  await givenMessage(bob, { ...eager, autocrypt: true })
  expect(await lastTo(grace)).not.toContain('AGREES')
  expect((await allTo(bob)).replaceAll(/\s+/g, ' ')).toContain('We confirmed the issue')
  // The question waited for the key that Bob sends here.
  expect(await lastTo(bob)).toContain(`(${SECOND}) public on Fri 15 Jan 2027`)
  const moved = '/embargo 2027-01-20T12:00:00Z because it is late'
  await says(moved)
  expect(await lastTo(alice)).toContain('It was Fri 15 Jan 2027')
  expect(await lastTo(bob)).toMatch(/It was Fri 15 Jan 2027.*Wed 20 Jan 2027/)
  await givenMessage(bob, { ...eager, ...answering(bob) })
  expect(await lastTo(grace)).toContain('About the date: the reporter AGREES')

  const carol = await givenReporter('carol')
  await givenMessage(carol, { subject: 'three', text: 'a report', autocrypt: true })
  await says(`/merge ${FIRST}`, THIRD)
  expect(await lastTo(carol)).toContain('(ACME-2026-0003) public on Wed 20 Jan 2027')
  expect(await lastTo(grace)).toContain(`We asked ${carol.address} about the date`)
})

it('a reporter whom a second merge gives another first number has been asked about the date all the same (B14, B19)', async () => {
  await givenReport({ by: [bob, alice, alice] })
  await says(`/merge ${FIRST}`, THIRD)
  await says('/accept\n/embargo 2026-12-04T12:00:00Z because we test')
  await says(`/merge ${FIRST}`, SECOND)
  await says('/embargo 2026-12-07T12:00:00Z because it is late')
  expect(await lastTo(alice)).toContain('It was Fri 4 Dec 2026')
})

it('an accepted case is merged into none that is undecided, nor one with a date to come into one without: its reporter would keep what holds no more, and reads nothing twice (B14, B19)', async () => {
  await givenReports(alice, bob)
  expect(await says(`/accept\n/merge ${SECOND}`)).toContain(`${SECOND} is not accepted yet, and`)
  for (const tag of [FIRST, SECOND]) await says('/accept', tag)
  await says('/embargo 2027-01-15T12:00:00Z')
  expect(await says(`/merge ${SECOND}`)).toContain(`${SECOND} has no date to come`)
  expect(await says('/status')).toContain('Fri 15 Jan 2027')
  await says('/embargo 2027-01-20T12:00:00Z', SECOND)
  const before = world.accepted.length
  expect(await says(`/merge ${SECOND}`)).toContain(`We asked ${alice.address} about the date`)
  expect(await allTo(alice, before)).toContain('We now propose Wed 20 Jan 2027')
  expect(await allTo(alice, before)).not.toContain('We confirmed the issue')
})

it('a key that names two reporters is taken for the one whose message the maintainer answers, and for nobody where none is (G3, B14)', async () => {
  await givenMerged({
    ofAlice: { as: 'encrypted', autocrypt: false },
    ofBob: { as: 'encrypted', autocrypt: false }
  })
  await says('/accept')
  const { privateKey } = await generateKey({
    userIDs: [bob, alice].map(({ name, address: email }) => ({ name, email })),
    date: new Date('2026-11-01T00:00:00Z'),
    format: 'armored'
  })
  const secret = await readPrivateKey({ armoredKey: privateKey })
  for (const { name, address } of [alice, bob]) {
    const thief = { ...bob, name, address, secret, keyData: secret.toPublic().write() }
    await givenMessage(thief, { subject: 'x', text: 'my key', autocrypt: true })
  }
  const accept = `/key accept ${secret.getFingerprint().toUpperCase()}`
  expect(await says(accept)).toContain(`came for ${alice.address} and for ${bob.address}`)
  expect(await answers(SECOND, accept)).toContain(`Answers to ${bob.address} are encrypted to`)
  expect(world.rows('SELECT address FROM reporter_keys WHERE is_used = 1')).toEqual([
    { address: bob.address }
  ])
  expect(world.rows('SELECT DISTINCT reporter_id AS id FROM waiting_words')).toEqual([
    { id: FIRST }
  ])
})

it('/key accept twice in one message lets what waited leave once (G2)', async () => {
  await givenReport({ by: [bob], autocrypt: false })
  await says('/accept')
  await givenMessage(bob, { subject: 'two', text: 'x', autocrypt: true })
  await says(`/key accept ${keyOf(bob)}\n`.repeat(2))
  expect(world.dispositions().at(-1)).toBe('commands')
  expect(await lastTo(bob)).toContain('We confirmed the issue')
})

it('a reporter who sent one of several reports encrypted is answered in clear in none of them (G3, B14)', async () => {
  await givenReport({ by: [bob], as: 'clear', autocrypt: false })
  await givenMessage(bob, { subject: 'two', text: 'x', as: 'encrypted' })
  await says(`/merge ${FIRST}`, SECOND)
  await answers(SECOND, '/reply\nAbout what you sealed.')
  expect(await allTo(bob)).not.toContain('About what you sealed')
  await says('/accept\nMore of it.')
  expect(await allTo(bob)).not.toContain('More of it')
})

it('a rejection does not cover a report that is merged into its case later: that one is rejected with a code, or it goes on (A2)', async () => {
  await givenReport()
  await says(REJECT)
  await writes(alice, 'Not so.', { subject: 'Re: one', ...answering(alice) })
  await givenMessage(bob, { subject: 'two', text: 'a report', autocrypt: true })
  await says(`/merge ${FIRST}`, SECOND)
  expect(await says('/close because we are tired')).toContain('Nothing was done')
  expect(world.rows('SELECT state FROM cases WHERE id = 1')).toEqual([{ state: 'triaging' }])
})

it('/unsend does not make a rejection silent: what tells the reporter of it goes only with the decision (A2, B10)', async () => {
  await givenReport({ by: [bob], autocrypt: false })
  for (const [text, waiting, said] of [
    [REJECT, 1, 'Your text waits'],
    ['/unsend', 1, 'the reporter must learn that the case has ended'],
    ['/reopen because we were wrong', 0, 'Never sent'],
    ['/unsend', 0, 'Nothing waits']
  ] as const) {
    expect(await says(text)).toContain(said)
    expect(world.rows('SELECT id FROM waiting_words')).toHaveLength(waiting)
  }
})

it('a message whose subject alone names a case, open or ended, is a new case, and the maintainers read where it may belong', async () => {
  await givenReports(alice)
  const names = `The subject names the case ${FIRST}.`
  await reports(bob, `Re: [${FIRST}]`, 'here is more')
  expect(await lastTo(grace)).toContain(names)
  expect(await lastTo(grace)).toContain(`If it belongs there, reply with /merge`)
  await says(REJECT)
  await givenMessage(alice, { subject: `Re: [${FIRST}]`, text: 'I disagree', as: 'clear' })
  expect(await lastTo(grace)).toContain(names)
  expect(await lastTo(grace)).toContain('first send /reopen because REASON there')
})

it('/reopen tells the reporter who was told of the end, once, and nobody who was told of none', async () => {
  await givenReport({ by: [bob], policy: { close: { internal: 'allow' } } })
  const lines = [REJECT, '/reopen because we were wrong', '/accept']
  for (const text of [...lines, '/close internal because it is old', '/reopen because it is not'])
    await says(text)
  expect(await lastTo(grace)).toContain('done: The case is open again, because: it is not.')
  const toBob = await textsTo(bob)
  expect(toBob.filter((text) => text.includes('opened your case again'))).toHaveLength(1)
  expect(toBob.join()).not.toContain('we were wrong')
  // A text below goes along, or is refused where nobody gets the news (B7).
  await says('/close because it is old')
  await says('/reopen because it is not\n\nPlease test again.')
  expect(await lastTo(bob)).toMatch(/opened your case again\. If you know more, .* test again\./)
  await says('/close internal because it is old')
  const refused = await says('/reopen because it is not\n\nPlease test again.')
  expect(refused).toContain('Please put the text under a line /reply.')
})

it('a reporter who knows that the case is closed is told so again only if they wrote or were told that it is open again (B14)', async () => {
  await givenMerged({}, { policy: { close: { internal: 'allow' } } })
  await says('/close because it is old')
  await writes(alice, 'It is not.\n', answering(alice))
  const closedTo = async (person: Someone) =>
    (await textsTo(person)).filter((text) => text.includes('closed the case of your report'))
  await says('/close because we looked again')
  expect([(await closedTo(alice)).length, (await closedTo(bob)).length]).toEqual([2, 1])
  await says('/reopen because we were wrong')
  expect(await lastTo(bob)).toContain('opened your case again')
  await says('/close because we were right')
  expect([(await closedTo(alice)).length, (await closedTo(bob)).length]).toEqual([3, 2])
})

it('a closed case that one of two reporters opens again is closed by the lines that the forwarded message offers', async () => {
  await givenMerged()
  await says(REJECT)
  await writes(bob, 'It is none of that.', { tag: SECOND, ...answering(bob) })
  expect(await lastTo(grace)).toContain(
    '/reply with its text between << and >>, and below it /close'
  )
  const text = '/reply <<\nNothing has changed.\n>>\n/close because nothing new\n\n'
  const done = await says(text + (await quoted(grace, latest(grace))), FIRST, answering(grace))
  expect(done).toContain('Done: 2 commands.')
  expect(await lastTo(bob)).toContain('Nothing has changed.')
})

it('/reopen of a case that was disclosed offers more than to close it again', async () => {
  await givenReport({ by: [bob] })
  const lines = [
    '/accept',
    '/disclosed because it leaked',
    '/close',
    '/reopen because more is wrong'
  ]
  for (const text of lines) await says(text)
  expect(await lastTo(grace)).toMatch(/Next you could write: \/reply .* \/close /)
})

it('an alarm names the one of several reporters who did not get a message (B6, B14)', async () => {
  await givenMerged()
  world.replies.push('rejected')
  await answers(SECOND, '/reply\nHello.')
  const lost = `Reporter ${bob.address} did not get the answer about ${FIRST}`
  expect(await allTo(grace)).toContain(lost)
  expect(await allTo(grace)).toContain(`Reporter: ${bob.address}`)
})

it('an alarm about a message from before a merge that came back names its reporter and the case that it belongs to now (B6, B14)', async () => {
  await givenMerged()
  const sql =
    "SELECT message_id AS id FROM outbox WHERE kind = 'acknowledgement' AND envelope_to = ?"
  const [sent] = world.rows<{ id: string }>(sql, [bob.address])
  await world.receive(Buffer.from(bounceOf(sent?.id ?? '')))
  const told = await allTo(grace)
  expect(told).toContain(`did not get the acknowledgement about ${FIRST}`)
  expect(told).toContain(`Reporter: ${bob.address}`)
})

it('a delivery failure of the old form, from a postmaster with a return path, is one if it returns a message of the desk, else a report (G1)', async () => {
  await givenReport()
  const [sent] = world.sentTo(alice)
  const failure = (id: string) =>
    ['Return-Path: <postmaster@people.example>', 'From: postmaster@people.example'].join('\r\n') +
    `\r\nSubject: Undeliverable Mail\r\n\r\nNo such user.\r\n\r\nMessage-ID: <${id}>\r\n`
  for (const id of ['unknown@acme.example', sent?.messageId ?? ''])
    await world.receive(Buffer.from(failure(id)))
  expect(world.dispositions()).toEqual(['case-opened', 'case-opened', 'bounce'])
  expect(await allTo(grace)).toContain(`did not get the acknowledgement about ${FIRST}`)
})

it('the other maintainers read that nobody has the case into which a case with an owner was merged, and to which of several reporters a colleague wrote (A1, B14)', async () => {
  await givenReport({ by: [alice, bob] })
  await writes(linus, '/take', { tag: SECOND })
  const left = `into ${FIRST}; nobody has taken that case yet (/take)`
  expect(await says(`/merge ${FIRST}`, SECOND)).toContain(left)
  expect(await lastTo(linus)).toContain(left)
  await answers(SECOND, '/reply\nHello.')
  expect(await lastTo(linus)).toContain(`answered ${bob.address} (encrypted)`)
  expect(await lastTo(linus)).toMatch(
    /Reporter: alice@reporter.example, not answered by a person;\s+bob@reporter.example, first answer by a person Mon 23/
  )
})

it('a first answer that was given before a merge is not asked for again after it (B14)', async () => {
  const { clocks } = await preset('template')
  await givenReport({ by: [alice, bob], policy: { clocks } })
  for (const tag of [FIRST, SECOND]) await says('/reply\nThanks.', tag)
  await says(`/merge ${FIRST}`, SECOND)
  const mark = world.accepted.length
  await days(8)
  const alarms = (await textsTo(grace, mark)).join()
  expect(alarms).toContain('plan')
  expect(alarms).not.toContain('No person has answered')
})
