/** Reporters of one case neither speak for each other nor hold each other's keys, and read nothing that was for another (B14). */
import { generateKey, readPrivateKey } from 'openpgp'
import { expect, it } from 'vitest'
import {
  answering,
  givenCommand,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenRef,
  givenReporter,
  lastTo,
  textsTo
} from '../support/given.ts'
import { type Letter, type Someone, someone, type World } from '../support/world.ts'

const grace = await givenMaintainer('grace')
const alice = await givenReporter('alice')
const bob = await givenReporter('bob')
const [FIRST, SECOND, THIRD] = ['ACME-2026-0001', 'ACME-2026-0002', 'ACME-2026-0003']

/** Alice and Bob reported; their reports are one case. */
async function givenMerged(
  letters: Partial<Record<'ofAlice' | 'ofBob', Partial<Letter>>> = {},
  options: Parameters<typeof givenDesk>[1] = {}
) {
  const world = await givenDesk([grace], options)
  const usual = { text: 'a report', autocrypt: true }
  await givenMessage(world, alice, { ...usual, subject: 'one', ...letters.ofAlice })
  await givenMessage(world, bob, { ...usual, subject: 'two', ...letters.ofBob })
  await says(world, `/merge ${FIRST}`, SECOND)
  return world
}

/** Grace answers the forwarded report of the reporter with this number; what the desk answers her. */
async function answers(world: World, reporter: string, text: string): Promise<string> {
  const sql = "SELECT message_id AS id FROM outbox WHERE kind = 'relay' AND conversation = ?"
  const [relay] = world.rows<{ id: string }>(sql, [`reporter:${reporter}`])
  const mail = world.accepted.find(({ messageId }) => messageId === relay?.id)
  const headers = [`In-Reply-To: <${relay?.id ?? ''}>`]
  const quoted = await givenRef(world, grace, mail)
  return givenCommand(world, grace, `${text}\n\n> ${quoted}`, { tag: reporter, headers })
}

/** Grace writes about a case; what the desk answers her. */
function says(world: World, text: string, tag = FIRST): Promise<string> {
  return givenCommand(world, grace, text, { tag })
}

function bounceOf(id: string): string {
  return [
    'Return-Path: <>',
    'From: MAILER-DAEMON <mailer-daemon@people.example>',
    'To: security@acme.example',
    'Subject: Undelivered Mail',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
    '',
    '--b\r\nContent-Type: text/plain\r\n\r\nIt failed.',
    '--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x.example\r\n',
    'Final-Recipient: rfc822; x@people.example\r\nAction: failed\r\nStatus: 5.1.1\r\n',
    `--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <${id}>\r\n`,
    '--b--\r\n'
  ].join('\r\n')
}

it('a message under the name of one reporter that answers what another one was sent is not that reporter’s, and its key gets nothing (B14, G3)', async () => {
  const world = await givenMerged({ ofAlice: { as: 'encrypted', autocrypt: false } })
  await says(world, '/accept\nFor her alone.')
  const forger = await someone('alice', alice.address)
  const forged = { subject: 'Re: it', text: 'Here is my key.', autocrypt: true }
  await givenMessage(world, forger, { ...forged, ...answering(world, bob) })

  const pinned = 'SELECT address FROM reporter_keys WHERE is_used = 1 ORDER BY address'
  expect(world.rows(pinned)).toEqual([{ address: bob.address }])
  expect(world.rows('SELECT reporter_id AS id FROM waiting_words')).toEqual([{ id: FIRST }])
  expect(world.rows('SELECT author FROM messages').at(-1)).toEqual({ author: 'other' })
  expect(await lastTo(world, grace)).toContain(
    'the sender is NOT PROVED: it answers a message that we sent to somebody else'
  )
  await givenMessage(world, alice, { ...forged, ...answering(world, alice) })
  expect(world.rows('SELECT author FROM messages WHERE author_id = ?', [FIRST])).toHaveLength(2)
})

it('a text below a decision that answers one of several reporters reaches no other: it is refused, and below /reply it is for that one alone (B7, G5)', async () => {
  const world = await givenMerged()
  const sent = world.accepted.length
  const words = 'Your file crashes it, Alice.'
  await answers(world, FIRST, `/accept\n${words}`)
  expect(world.accepted.slice(sent).map(({ to }) => to)).toEqual([grace.address])
  expect(await lastTo(world, grace)).toContain('every reporter of this case would read the text')
  await answers(world, FIRST, `/accept\n/reply\n${words}`)
  expect(await lastTo(world, alice)).toContain('Your file crashes it')
  expect(await lastTo(world, bob)).toContain('We confirmed the issue')
  expect(await lastTo(world, bob)).not.toContain('Your file')
})

it('a signed message that quotes the desk from before and after a merge names one case (B7, B14)', async () => {
  const world = await givenDesk([grace])
  for (const who of [alice, bob])
    await givenMessage(world, who, { subject: 'it', text: 'a report', autocrypt: true })
  const toGrace = () => world.accepted.findLast(({ to }) => to === grace.address)
  const before = await givenRef(world, grace, toGrace())
  await says(world, `/merge ${FIRST}`, SECOND)
  const { headers } = answering(world, bob)
  await givenMessage(world, bob, { subject: 'Re: it', text: 'More.', headers })
  const quotes = `> ${await givenRef(world, grace, toGrace())}\n>> ${before}`
  const quoting = (subject: string, text: string) =>
    givenMessage(world, grace, { subject, text: `${text}\n\n${quotes}` })
  await quoting('Re: it', '/reply\nHello to you.')
  expect(await lastTo(world, bob)).toContain('Hello to you.')
  // What could be meant for the case that is no more decides nothing about the other one.
  await quoting('Re: it', '/accept')
  expect(await lastTo(world, grace)).toContain(`${SECOND} was merged into ${FIRST}`)
  await quoting(`Re: [${FIRST}] it`, '/accept')
  expect(world.rows('SELECT state FROM cases WHERE id = 1')).toEqual([{ state: 'accepted' }])
})

it('a message that its sender repeats after a merge is no stranger’s copy (B14)', async () => {
  const world = await givenDesk([grace])
  await givenMessage(world, alice, { subject: 'one', text: 'a report', autocrypt: true })
  const raw = await world.write(bob, { subject: 'two', text: 'a report', autocrypt: true })
  await world.receive(raw)
  await says(world, `/merge ${FIRST}`, SECOND)
  const answers = `${answering(world, bob).headers.join()}\r\nMIME-Version`
  await world.receive(Buffer.from(raw.toString().replace('MIME-Version', answers)))
  expect(world.dispositions().at(-1)).toBe('case-joined')
})

it('an acknowledgement that was on hold before a merge is sent by /acknowledge after it (B14, G1)', async () => {
  const servers = { servers: ['mx.acme.example'], receivedHops: 1 }
  const world = await givenMerged({}, { authentication: servers })
  for (const { address } of [alice, bob]) {
    expect(await says(world, '/acknowledge')).toContain(`The acknowledgement goes to ${address}.`)
  }
  expect(await says(world, '/acknowledge')).toContain('No acknowledgement of this case is on hold.')
})

it('a reporter who is on the list, too, and answers what was written to the reporter writes as the reporter (B13, G5)', async () => {
  const linus = { ...(await givenMaintainer('linus')), roles: ['committer'] as const }
  const world = await givenDesk([grace, linus])
  await world.addMember(bob)
  await givenMessage(world, bob, { subject: 'one', text: 'a report' })
  await says(world, '/ask\nWhich version?')
  const { headers } = answering(world, bob)
  await givenMessage(world, bob, { subject: 'Re: it', text: 'Version 3.', headers })
  expect(world.rows('SELECT state FROM cases')).toEqual([{ state: 'triaging' }])
  expect(await lastTo(world, linus)).toContain(`/reply reaches ${bob.address} alone`)
  expect(await lastTo(world, linus)).not.toContain('list member')
})

it('a case that waits for one of several reporters goes on waiting when another one writes, and no longer when that one does (B13, B14)', async () => {
  const world = await givenDesk([grace])
  const merge = (number: string) => says(world, `/merge ${FIRST}`, number)
  const writes = async (who: Someone) => {
    const { headers } = answering(world, who)
    await givenMessage(world, who, { subject: 'Re: it', text: 'Version 3.', headers })
    return world.rows<{ state: string }>('SELECT state FROM cases WHERE id = 1')[0]?.state
  }
  for (const who of [alice, bob, bob])
    await givenMessage(world, who, { subject: 'it', text: 'a report', autocrypt: true })
  await merge(THIRD)
  await answers(world, THIRD, '/ask\nWhich version?')
  expect(await writes(alice)).toBe('needs-info')
  // With this Bob is known by another number than the one under which he was asked.
  await merge(SECOND)
  expect(await writes(bob)).toBe('triaging')
  await answers(world, FIRST, '/ask\nWhich version?')
  expect(await writes(bob)).toBe('needs-info')
  expect(await writes(alice)).toBe('triaging')
})

it('the record of a decision says that a report of the case names nobody who could be told (A2, B14)', async () => {
  const world = await givenMerged()
  world.desk.db.transact((tx) => {
    tx.run('UPDATE case_reporters SET address = NULL WHERE id = ?', [SECOND])
  })
  const text = `/reject upstream\n${'It is known already. '.repeat(5)}`
  await says(world, text)
  expect(await lastTo(world, alice)).toContain('decided not to take it further')
  const about = world.rows<{ about: string }>("SELECT about FROM events WHERE kind = 'rejected'")
  expect(about.map((one) => one.about)).toEqual([
    JSON.stringify({ code: 'upstream', told: 'no-address' })
  ])
})

it('a reporter whose report is merged into a case with a date is asked about it; before that, nothing they write counts as an answer, and they read of no date that they were never told (B19, B14)', async () => {
  const world = await givenDesk([grace])
  const report = { text: 'a report', autocrypt: true }
  await givenMessage(world, alice, { ...report, subject: 'one' })
  const date = '/accept\n/embargo 2027-01-15T12:00:00Z because it is ready'
  await says(world, date)
  await givenMessage(world, bob, { ...report, subject: 'two', as: 'encrypted', autocrypt: false })
  expect(await says(world, `/merge ${FIRST}`, SECOND)).toContain(
    `${bob.address} is asked when a key of theirs is in use`
  )
  const { headers } = answering(world, bob)
  const eager = { subject: 'Re: it', text: 'Agree with all.', headers }
  await givenMessage(world, bob, { ...eager, autocrypt: true })
  expect(await lastTo(world, grace)).not.toContain('AGREES')
  // The question waited for the key that Bob sends here.
  expect(await lastTo(world, bob)).toContain(`(${SECOND}) public on Fri 15 Jan 2027`)
  const moved = '/embargo 2027-01-20T12:00:00Z because it is late'
  await says(world, moved)
  expect(await lastTo(world, alice)).toContain('It was Fri 15 Jan 2027')
  expect(await lastTo(world, bob)).toMatch(/It was Fri 15 Jan 2027.*Wed 20 Jan 2027/)
  await givenMessage(world, bob, eager)
  expect(await lastTo(world, grace)).toContain('About the date: the reporter AGREES')

  const carol = await givenReporter('carol')
  await givenMessage(world, carol, { ...report, subject: 'three' })
  await says(world, `/merge ${FIRST}`, THIRD)
  expect(await lastTo(world, carol)).toContain('(ACME-2026-0003) public on Wed 20 Jan 2027')
  expect(await lastTo(world, grace)).toContain(`We asked ${carol.address} about the date`)
})

it('a key that names two reporters is taken for the one whose message the maintainer answers, and for nobody where none is (G3, B14)', async () => {
  const world = await givenMerged({
    ofAlice: { as: 'encrypted', autocrypt: false },
    ofBob: { as: 'encrypted', autocrypt: false }
  })
  await says(world, '/accept')
  const { privateKey } = await generateKey({
    userIDs: [bob, alice].map(({ name, address: email }) => ({ name, email })),
    date: new Date('2026-11-01T00:00:00Z'),
    format: 'armored'
  })
  const secret = await readPrivateKey({ armoredKey: privateKey })
  for (const { name, address } of [alice, bob]) {
    const thief = { ...bob, name, address, secret, keyData: secret.toPublic().write() }
    await givenMessage(world, thief, { subject: 'x', text: 'my key', autocrypt: true })
  }
  const accept = `/key accept ${secret.getFingerprint().toUpperCase()}`
  expect(await says(world, accept)).toContain(`came for ${alice.address} and for ${bob.address}`)
  expect(await answers(world, SECOND, accept)).toContain(
    `Answers to ${bob.address} are encrypted to`
  )
  expect(world.rows('SELECT address FROM reporter_keys WHERE is_used = 1')).toEqual([
    { address: bob.address }
  ])
  expect(world.rows('SELECT DISTINCT reporter_id AS id FROM waiting_words')).toEqual([
    { id: FIRST }
  ])
})

it('/key accept twice in one message lets what waited leave once (G2)', async () => {
  const world = await givenDesk([grace])
  await givenMessage(world, bob, { subject: 'one', text: 'x', as: 'encrypted' })
  await says(world, '/accept')
  await givenMessage(world, bob, { subject: 'two', text: 'x', autocrypt: true })
  const accept = `/key accept ${bob.secret.getFingerprint().toUpperCase()}\n`
  await says(world, accept.repeat(2))
  expect(world.dispositions().at(-1)).toBe('commands')
  expect(await lastTo(world, bob)).toContain('We confirmed the issue')
})

it('a reporter who sent one of several reports encrypted is answered in clear in none of them (G3, B14)', async () => {
  const world = await givenDesk([grace])
  await givenMessage(world, bob, { subject: 'one', text: 'x', as: 'clear' })
  await givenMessage(world, bob, { subject: 'two', text: 'x', as: 'encrypted' })
  await says(world, `/merge ${FIRST}`, SECOND)
  await answers(world, SECOND, '/reply\nAbout what you sealed.')
  expect((await textsTo(world, bob)).join()).not.toContain('About what you sealed')
  await says(world, '/accept\nMore of it.')
  expect((await textsTo(world, bob)).join()).not.toContain('More of it')
})

it('a rejection does not cover a report that is merged into its case later: that one is rejected with a code, or it goes on (A2)', async () => {
  const world = await givenDesk([grace])
  const report = { text: 'a report', autocrypt: true }
  await givenMessage(world, alice, { ...report, subject: 'one' })
  const why = 'This was looked into and it works as we describe it. '.repeat(4)
  await says(world, `/reject upstream\n${why}`)
  const { headers } = answering(world, alice)
  await givenMessage(world, alice, { subject: 'Re: one', text: 'Not so.', headers })
  await givenMessage(world, bob, { ...report, subject: 'two' })
  await says(world, `/merge ${FIRST}`, SECOND)
  expect(await says(world, '/close because we are tired')).toContain('Nothing was done')
  expect(world.rows('SELECT state FROM cases WHERE id = 1')).toEqual([{ state: 'triaging' }])
})

it('/unsend does not make a rejection silent: what tells the reporter of it goes only with the decision (A2, B10)', async () => {
  const world = await givenDesk([grace])
  await givenMessage(world, bob, { subject: 'one', text: 'x', as: 'encrypted' })
  const why = 'This was looked into and it works as we describe it. '.repeat(4)
  for (const [text, waiting, said] of [
    [`/reject upstream\n${why}`, 1, 'What you sent waits'],
    ['/unsend', 1, 'the reporter must learn that the case has ended'],
    ['/reopen because we were wrong', 0, 'Never sent'],
    ['/unsend', 0, 'Nothing waits']
  ] as const) {
    expect(await says(world, text)).toContain(said)
    expect(world.rows('SELECT id FROM waiting_words')).toHaveLength(waiting)
  }
})

it('/reopen tells the reporter who was told of the end, once, and nobody who was told of none', async () => {
  const world = await givenDesk([grace], { policy: { close: { internal: 'allow' } } })
  await givenMessage(world, bob, { subject: 'one', text: 'x', as: 'encrypted', autocrypt: true })
  const why = 'This was looked into and it works as we describe it. '.repeat(4)
  const lines = [`/reject upstream\n${why}`, '/reopen because we were wrong', '/accept']
  for (const text of [...lines, '/close internal because it is old', '/reopen because it is not'])
    await says(world, text)
  expect(await lastTo(world, grace)).toContain('done: The case is open again.')
  const toBob = await textsTo(world, bob)
  expect(toBob.filter((text) => text.includes('opened your case again'))).toHaveLength(1)
  expect(toBob.join()).not.toContain('we were wrong')
})

it('/reopen of a case that was disclosed offers more than to close it again', async () => {
  const world = await givenDesk([grace])
  await givenMessage(world, bob, { subject: 'one', text: 'x', as: 'encrypted', autocrypt: true })
  const lines = [
    '/accept',
    '/disclosed because it leaked',
    '/close',
    '/reopen because more is wrong'
  ]
  for (const text of lines) await says(world, text)
  expect(await lastTo(world, grace)).toMatch(/Next you could write: \/reply .* \/close /)
})

it('an alarm names the one of several reporters who did not get a message (B6, B14)', async () => {
  const world = await givenMerged()
  world.replies.push('rejected')
  await answers(world, SECOND, '/reply\nHello.')
  expect((await textsTo(world, grace)).join()).toContain(`did not get the answer about ${FIRST}`)
  expect((await textsTo(world, grace)).join()).toContain(`Reporter: ${bob.address}`)
})

it('an alarm about a message from before a merge that came back names its reporter and the case that it belongs to now (B6, B14)', async () => {
  const world = await givenMerged()
  const sql =
    "SELECT message_id AS id FROM outbox WHERE kind = 'acknowledgement' AND envelope_to = ?"
  const [sent] = world.rows<{ id: string }>(sql, [bob.address])
  await world.receive(Buffer.from(bounceOf(sent?.id ?? '')))
  const told = (await textsTo(world, grace)).join()
  expect(told).toContain(`did not get the acknowledgement about ${FIRST}`)
  expect(told).toContain(`Reporter: ${bob.address}`)
})

it('the other maintainers read to which of several reporters a colleague wrote (B14)', async () => {
  const linus = await givenMaintainer('linus')
  const world = await givenDesk([grace, linus])
  for (const reporter of [alice, bob])
    await givenMessage(world, reporter, { subject: 'one', text: 'a report', autocrypt: true })
  await says(world, `/merge ${FIRST}`, SECOND)
  await answers(world, SECOND, '/reply\nHello.')
  expect(await lastTo(world, linus)).toContain(`answered ${bob.address} (encrypted)`)
  expect(await lastTo(world, linus)).toContain(`not yet: ${alice.address}`)
})
