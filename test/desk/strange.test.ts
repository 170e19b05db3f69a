/** Messages of every kind: what is answered, what becomes a case, and what strange mail cannot do (G1, G2, G6, G9). */
import { createCleartextMessage, sign } from 'openpgp'
import { expect, it } from 'vitest'
import { msOf } from '../../src/domain/time.ts'
import { seeded } from '../fuzz/random.ts'
import {
  alarmsTo,
  alice,
  answering,
  bob,
  caseStates,
  days,
  FIRST,
  givenDesk,
  givenMessage,
  givenReport,
  grace,
  kindsTo,
  lastTo,
  linus,
  onTheWay,
  preset,
  readBy,
  world,
  writes
} from '../support/desk.ts'
import { clearMail, DESK_ADDRESS, withHeaders } from '../support/desk-world.ts'
import { write } from '../support/world.ts'

const SECRET = 'zanzibar-4711'
const RELAYS = ['relay grace', 'relay linus']
const answeredAs = (tag: string) => [`acknowledgement ${tag}`, ...RELAYS]
let names = 0

function plain(from: string, text: string): Buffer {
  names += 1
  const head = [
    `From: Somebody <${from}@people.example>`,
    `To: ${DESK_ADDRESS}`,
    `Subject: ${SECRET} subject ${names}`,
    `Message-ID: <m${names}@people.example>`,
    'Content-Type: text/plain; charset=utf-8'
  ]
  return clearMail(head, `${text}\nThe password is ${SECRET}.\n`)
}

/** A message comes, which becomes a case: its number and, as `kind recipient`, what was made for it. The log says nothing of it. */
async function becomesCase(raw: Uint8Array): Promise<{ tag: string; made: readonly string[] }> {
  await world.receive(raw)
  expect(world.dispositions().at(-1)).toBe('case-opened')
  expect(JSON.stringify(world.log)).not.toMatch(/zanzibar|@people|@reporter|@acme|"bug"/)
  const made = `SELECT kind || ' ' || recipient_id AS made FROM outbox
    WHERE case_id = (SELECT max(id) FROM cases) ORDER BY made`
  const [tag = ''] = world.column('SELECT tag FROM cases ORDER BY id DESC')
  return { tag, made: world.column(made) }
}

it('(B6) a report that a web form sends in the name of the desk has no reporter who could be answered, and nobody is asked to', async () => {
  await givenDesk([grace])
  const head = [`From: Contact form <${DESK_ADDRESS}>`, `To: <${DESK_ADDRESS}>`, 'Subject: hole']
  await world.receive(clearMail([...head, 'Message-ID: <form@www.acme.example>'], 'a hole'))
  expect(await lastTo(grace)).toContain('The report names no address')
  expect(await writes(grace, '/reply\nThank you.')).toContain('names no address')
  expect(await writes(grace, '/status')).toContain('because the report names no address')
  expect(await writes(grace, '/accept')).toContain('Accepted. The reporter was not told')
  await days(9)
  expect(await alarmsTo(grace)).toEqual([])
  expect(world.accepted.filter(({ to }) => to === DESK_ADDRESS)).toEqual([])
})

it('(A3) a report that names no address is not forgotten: somebody is reminded of it daily until it is decided', async () => {
  await givenDesk([grace], { policy: await preset('dispatch') })
  const head = [`From: <${DESK_ADDRESS}>`, `To: <${DESK_ADDRESS}>`, 'Subject: hole']
  await world.receive(clearMail([...head, 'Message-ID: <form@www.acme.example>'], 'a hole'))
  const remedy = 'decide with /accept or /reject CODE.'
  expect(await lastTo(grace)).toContain(remedy)
  expect(await writes(grace, '/take\n/status')).toContain(remedy)
  expect(world.rows('SELECT * FROM unanswered_cases')).toHaveLength(1)
  await givenMessage(alice, { subject: 'hole', text: 'a hole', autocrypt: true })
  await writes(grace, `/merge ${FIRST}`, { tag: 'ACME-2026-0002' })
  await days(7)
  const alarms = await alarmsTo(grace)
  expect(alarms.length).toBeGreaterThan(3)
  for (const text of alarms) {
    expect(text).toContain(`What to do: Please ${remedy}`)
    expect(text).toContain('Nobody has decided yet, and a report in this case names no address')
    expect(text).not.toMatch(/\/reply|\/ask/)
  }
  expect(await writes(grace, '/reject upstream')).toContain('done')
  await days(3)
  expect(await alarmsTo(grace)).toEqual(alarms)
})

it('a clear message is answered in clear, without one word of it (G6)', async () => {
  await givenDesk()
  const { tag } = await becomesCase(plain('carol', 'I found something.'))
  const answer = await readBy(
    bob,
    world.accepted.find(({ to }) => to === 'carol@people.example')
  )
  expect(answer).not.toContain('multipart/encrypted')
  expect(answer).toContain(`Subject: [${tag}] We received your report`)
  expect(answer).toContain('was not encrypted')
  expect(answer).not.toMatch(/zanzibar|I found something|Somebody/)
  expect(answer).toMatch(/In-Reply-To: <m\d+@people\.example>/i)
})

it('(B10) a clear report with an S/MIME signature is answered like any that came in clear', async () => {
  await givenDesk([grace], { policy: { reporters: { cleartext: 'allow' } } })
  const head = ['From: <carol@people.example>', `To: ${DESK_ADDRESS}`, 'Subject: hole']
  const type = 'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b'
  const text = '--b\n\nHere.\n--b\nContent-Type: application/pkcs7-signature\n\nMII=\n--b--\n'
  await world.receive(clearMail([...head, 'Message-ID: <s@people.example>', type], text))
  expect(await lastTo(grace)).toContain('It has an S/MIME signature')
  expect(await writes(grace, '/reply\nThank you.')).toContain('NOT encrypted')
  expect(onTheWay()).toContain('Our answer will come unencrypted')
})

it('a message that cannot be opened becomes a case, is answered like any other and learns why (G6, G9)', async () => {
  await givenDesk()
  const letter = { subject: 'x', text: SECRET, as: 'encrypted' } as const
  const raw = await write(bob, letter, linus.secret.toPublic().armor(), world.clock.now)
  const { tag, made } = await becomesCase(raw)
  expect(made).toEqual(answeredAs(tag))
  expect(await lastTo(grace)).toMatch(/not.*(?:key|opened|decrypt)/i)
  expect(await lastTo(bob)).toContain('Your message was encrypted to another key (')
})

it.each([
  ['an empty mail', 'X-Nothing: at all\r\n\r\n'],
  ['a message without From', `To: ${DESK_ADDRESS}\r\nMessage-ID: <nf@p.example>\r\n\r\ntext\r\n`],
  ['a message that is no mail', '\r\n\r\n\r\n']
])('%s becomes a case, and nobody is answered (G1)', async (_, text) => {
  await givenDesk()
  expect((await becomesCase(Buffer.from(text))).made).toEqual(RELAYS)
})

it('a message without Message-ID is taken like any other', async () => {
  await givenDesk()
  const { tag, made } = await becomesCase(withHeaders(plain('fay', 'no id'), { 'Message-ID': '' }))
  expect(made).toEqual(answeredAs(tag))
})

it('two different messages with one Message-ID are kept apart (G1)', async () => {
  await givenDesk()
  const first = plain('gil', 'one')
  const one = await becomesCase(first)
  const two = await becomesCase(withHeaders(first, { Subject: 'another' }))
  expect(two.tag).not.toBe(one.tag)
})

it('8-bit junk is survived, and the next message is served (G9)', async () => {
  await givenDesk()
  const random = seeded(4711)
  const junk = Buffer.from(Array.from({ length: 50_000 }, () => 1 + Math.floor(random() * 255)))
  await becomesCase(junk)
  const { tag, made } = await becomesCase(Buffer.concat([plain('jo', 'then junk'), junk]))
  expect(made).toEqual(answeredAs(tag))
})

it('one of two maintainers wins a race and the other is told; the reporter hears it once (G2)', async () => {
  await givenReport()
  for (const person of [grace, linus]) {
    const accept = { subject: `Re: [${FIRST}] x`, text: '/accept\n', ...answering(person) }
    world.deliver(await world.write(person, accept))
  }
  await world.settle()
  expect(world.dispositions().slice(1).sort()).toEqual(['commands', 'commands-refused'])
  expect(world.rows("SELECT id FROM outbox WHERE kind = 'accepted'")).toHaveLength(1)
  expect(caseStates()).toEqual(['accepted'])
})

it('a report that holds what a maintainer once signed in clear is a report (G1, B10)', async () => {
  await givenDesk([grace, linus])
  const message = await createCleartextMessage({ text: 'Release 1.2 is out.' })
  const date = new Date(msOf(world.clock.now))
  const signed = await sign({ message, signingKeys: grace.secret, date })
  const head = [`From: Alice <${alice.address}>`, 'To: security@acme.example', 'Subject: hole']
  await world.receive(
    clearMail(
      [...head, 'Message-ID: <a2@x.example>', 'Content-Type: text/plain'],
      `${signed}\n\nThe release announced above has a hole.\n`
    )
  )
  expect(caseStates()).toEqual(['received'])
  expect(kindsTo(alice)).toEqual(['acknowledgement'])
  expect(await lastTo(linus)).toContain('The release announced above has a hole.')
})
