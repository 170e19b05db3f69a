/** The date is put to the reporter when it is proposed, and the answer is shown to the maintainers as a suggestion (B19). */

import { expect, it } from 'vitest'
import * as notices from '../../src/store/notices.ts'
import {
  answering,
  givenDesk,
  givenMessage,
  givenReporter,
  lastTo,
  recorded,
  textsTo
} from '../support/given.ts'
import { FIELDS, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { type Someone, type World } from '../support/world.ts'
import { TAG } from '../unit/policy/samples.ts'

const them = await people()
let world: World

/** A case that Grace accepted with a date, and what Alice read of it last. */
async function dated(as: 'encrypted' | 'clear', autocrypt = as === 'encrypted'): Promise<string> {
  world = await givenDesk([them.grace, them.linus], {
    policy: { reporters: { cleartext: 'allow' } }
  })
  await givenMessage(world, them.alice, { subject: 'x', text: 'x', as, autocrypt })
  for (const text of ['/accept\n', '/embargo 2026-12-04T12:00:00Z\n'])
    await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text })
  return lastTo(world, them.alice)
}
async function answer(text: string): Promise<void> {
  const letter = { subject: `Re: [${TAG}] x`, text, ...answering(world, them.alice) }
  await givenMessage(world, them.alice, letter)
}

it('(B19) the reporter is asked about the date when it is proposed, encrypted, and that is on the record', async () => {
  const said = await dated('encrypted')
  expect(said).toContain(
    'We would like to make the issue that you reported (ACME-2026-0001) public on Fri 4 Dec 2026'
  )
  expect(said).not.toContain('not encrypted')
  expect(recorded(world, 'date-told')).toMatchObject([
    { date: '2026-12-04T12:00:00.000Z', how: 'encrypted' }
  ])
})

it('(B19, G3) a reporter who began in clear and has no key is asked in clear, marked', async () => {
  const said = await dated('clear')
  expect(said).toContain('[This message is not encrypted, because we have no key of yours.]')
  expect(recorded(world, 'date-told')).toMatchObject([{ how: 'in-clear' }])
})

it('(B19) /status says who has not answered, and the offered /embargo names no other date', async () => {
  await dated('encrypted')
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text: '/status\n' })
  expect(await lastTo(world, them.grace)).toContain(
    `Date: ${them.alice.address} has not answered; told Mon 23 Nov 2026`
  )
  const offers = (await textsTo(world, them.grace)).filter((text) => text.includes('/embargo 2'))
  expect(offers.join()).toContain('sets the disclosure date')
  expect(offers.join()).not.toContain('for example')
})

it('(B14, M-30) a reporter without an address who is moved to a case of which the list was told is an alarm', async () => {
  const notices = await noticeWorld(them, { count: 1 })
  await notices.world.wait(UNTIL_DUE)
  await notices.world.receive(Buffer.from('To: security@acme.example\r\nSubject: x\r\n\r\nx\r\n'))
  await notices.command(them.grace, 'ACME-2026-0002', `/merge ${TAG}\n`)
  expect(notices.world.rows("SELECT about FROM events WHERE kind = 'date-untold'")).toEqual([
    { about: JSON.stringify({ reporter: 'ACME-2026-0002', because: 'no-address' }) }
  ])
  await notices.world.settle()
  expect(await lastTo(notices.world, them.linus)).toContain(
    'The reporter could not be told the date'
  )
})

it.each([
  ['agree', 'Agree, that is fine.\n\n> OBJECT\n', 'the reporter AGREES'],
  [
    'agree',
    '> If the date suits you, please reply with the word\n> OBJECT\n\nAGREE\n',
    'the reporter AGREES'
  ],
  ['object', 'Hello,\nOBJECT: my talk is later.\n', 'the reporter OBJECTS']
])('(B19) %s in the answer is shown to the maintainers and recorded', async (word, text, shown) => {
  await dated('encrypted')
  await answer(text)
  expect(await lastTo(world, them.grace)).toContain(`About the date: ${shown}`)
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text: '/status\n' })
  expect(await lastTo(world, them.grace)).toContain(
    `Date: ${them.alice.address} ${word === 'agree' ? 'agreed' : 'OBJECTED'} Mon 23 Nov 2026`
  )
  expect(recorded(world, 'date-answered')).toMatchObject([
    { answer: word, date: '2026-12-04T12:00:00.000Z' }
  ])
})

it('(B19) a quoted or longer word is no answer', async () => {
  await dated('encrypted')
  await answer('Objects in memory are freed twice.\nThanks\n> please reply AGREE\n> AGREE\n')
  expect(recorded(world, 'date-answered')).toEqual([])
})

it('(B19) two dates in one message ask the reporter once, about the last, and the answer says so', async () => {
  await dated('encrypted')
  world.accepted.length = 0
  const text =
    '/embargo 2026-12-07T12:00:00Z because later\n/embargo 2026-12-08T12:00:00Z because later\n'
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text })
  expect(world.sentTo(them.alice)).toHaveLength(1)
  expect(await lastTo(world, them.alice)).toMatch(/Tue 8 Dec 2026.*Fri 4 Dec 2026/)
  expect(recorded(world, 'date-told').slice(1)).toMatchObject([
    { date: '2026-12-08T12:00:00.000Z' }
  ])
  const answered = await lastTo(world, them.grace)
  expect(answered).toContain(`We asked ${them.alice.address} about the date Tue 8 Dec 2026`)
  expect(answered).not.toContain('about the date Mon')
})

it('(B17) a date is said in the zone in which it was written, too: to its author, the reporter and in the notice that is approved', async () => {
  await dated('encrypted')
  for (const member of them.members) await world.addMember(member)
  const command = async (from: Someone, text: string): Promise<void> => {
    world.accepted.length = 0
    await givenMessage(world, from, { subject: `Re: [${TAG}] x`, text })
  }
  const saidTo = async (person: Someone): Promise<string> => {
    const mails = world.sentTo(person)
    const texts = await Promise.all(mails.map((mail) => world.read(person, mail)))
    return texts.join().replaceAll(/\s+/g, ' ')
  }
  const tokyo = 'Mon 7 Dec 2026, 12:00 UTC (21:00 Tokyo)'
  const moved = '/embargo 2026-12-07 21:00 Asia/Tokyo because later\n'
  await command(them.grace, `${moved}/notice draft\n${FIELDS}`)
  expect(await saidTo(them.grace)).toContain(`Disclosure: ${tokyo}`)
  expect(await saidTo(them.alice)).toContain(tokyo)
  await command(them.grace, '/notice preview\n')
  expect(await saidTo(them.linus)).toContain(`Disclosure: ${tokyo}`)
  const approvable = () => world.desk.db.read((read) => notices.find(read, TAG))?.previews ?? []
  const [inTokyo] = approvable()
  await command(them.grace, '/embargo 2026-12-07 12:00 UTC because later\n/notice preview\n')
  expect(approvable()).toHaveLength(1)
  expect(approvable()[0]?.digest).not.toBe(inTokyo?.digest)
})

/** A case of Alice, who began encrypted and gave no key, with a date that was moved since. */
async function datedWithoutKey(): Promise<void> {
  await dated('encrypted', false)
  await givenMessage(world, them.grace, {
    subject: `Re: [${TAG}] x`,
    text: '/embargo 2026-12-07T12:00:00Z because later\n'
  })
}

it('(B19) the question about the date waits for a key and leaves once when the reporter sends it, with the date that holds then', async () => {
  await datedWithoutKey()
  const answers = world.accepted.filter(({ to }) => to === them.grace.address)
  const texts = await Promise.all(answers.map((mail) => world.read(them.grace, mail)))
  expect(texts.join().replaceAll(/\s+/g, ' ')).toContain('is asked when a key of theirs is in use')
  expect(recorded(world, 'date-told')).toEqual([])
  const key = { subject: `Re: [${TAG}] x`, autocrypt: true, ...answering(world, them.alice) }
  for (const text of ['My key.\n', 'Again.\n'])
    await givenMessage(world, them.alice, { ...key, text })
  expect(recorded(world, 'date-told')).toMatchObject([
    { date: '2026-12-07T12:00:00.000Z', how: 'encrypted' }
  ])
  expect(await lastTo(world, them.alice)).toContain('public on Mon 7 Dec 2026')
})

it('(B19) the question about the date leaves when a maintainer accepts a key, and the answer says so', async () => {
  await datedWithoutKey()
  const patch = { filename: 'alice.asc', content: them.alice.secret.toPublic().armor() }
  const text = `/key accept ${them.alice.secret.getFingerprint()}\n`
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text, patch })
  expect(await lastTo(world, them.grace)).toContain(
    `We asked ${them.alice.address} about the date Mon 7 Dec 2026`
  )
  expect(recorded(world, 'date-told')).toHaveLength(1)
})

/** How many alarms the maintainers got about a reporter who could not be told the date. */
function rung(): number {
  return world.rows("SELECT 1 FROM rings WHERE clock = 'date-untold'").length
}

const DAY = 86_400_000

it('(B19, M-30) a reporter without a key at the end of a release is told the date once, encrypted, when their key is in use; the daily alarm says so and ends', async () => {
  const given = await noticeWorld(them, { count: 1, autocrypt: false })
  world = given.world
  await world.wait(UNTIL_DUE)
  expect(rung()).toBe(2)
  const alarms = await textsTo(world, them.linus)
  expect(alarms.join()).toContain(
    'We tell the reporter, encrypted, when a key of theirs is in use. Please ask for one with /ask.'
  )
  await given.command(them.grace, TAG, '/status')
  const owed = `Message that says the date: waits for a key of ${them.alice.address}`
  expect(await lastTo(world, them.grace)).toContain(owed)
  const key = { subject: 'Re: x', autocrypt: true, ...answering(world, them.alice) }
  for (const text of ['My key.\n', 'Again.\n'])
    await givenMessage(world, them.alice, { ...key, text })
  expect(recorded(world, 'date-told')).toMatchObject([{ reporter: TAG, how: 'encrypted' }])
  expect(await lastTo(world, them.alice)).toMatch(
    /We have told the private list .* It becomes public on Fri 4 Dec 2026/
  )
  await given.command(them.grace, TAG, '/status')
  expect(await lastTo(world, them.grace)).not.toContain(owed)
  await world.wait(2 * DAY)
  expect(rung()).toBe(2)
})

it('(B19, M-30) after a release, a date that is moved again is asked about when the key comes, for the list does not know it yet', async () => {
  const given = await noticeWorld(them, { count: 1, autocrypt: false })
  world = given.world
  await world.wait(UNTIL_DUE)
  await given.command(them.grace, TAG, '/embargo 2026-12-08T12:00:00Z because later')
  const filename = 'alice.asc'
  const patch = { filename, content: them.alice.secret.toPublic().armor() }
  const text = `/key accept ${them.alice.secret.getFingerprint()}\n`
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text, patch })
  expect(await lastTo(world, them.alice)).toContain('public on Tue 8 Dec 2026')
  expect(await lastTo(world, them.alice)).toContain('reply with the word AGREE')
  expect(await lastTo(world, them.grace)).toContain(`We asked ${them.alice.address} about the date`)
})

it('(B19, M-30) who comes without a key into a case whose list was told the date is an alarm every day, until their key is in use and they are told', async () => {
  const given = await noticeWorld(them, { count: 1 })
  world = given.world
  await world.wait(UNTIL_DUE)
  expect(rung()).toBe(0)
  const bob = await givenReporter('bob')
  const report = { subject: 'two', text: 'x', as: 'encrypted', autocrypt: false } as const
  await givenMessage(world, bob, report)
  await given.command(them.grace, 'ACME-2026-0002', `/merge ${TAG}`)
  expect(recorded(world, 'date-untold')).toEqual([
    { reporter: 'ACME-2026-0002', because: 'no-key' }
  ])
  await world.wait(DAY)
  expect(rung()).toBe(4)
  const key = { subject: 'Re: two', text: 'My key.', autocrypt: true }
  await givenMessage(world, bob, { ...key, ...answering(world, bob) })
  expect(await lastTo(world, bob)).toContain('It becomes public on Fri 4 Dec 2026')
  await world.wait(DAY)
  expect(rung()).toBe(4)
})

it('(B19) /status names the reporter whom a question about the date waits for', async () => {
  await datedWithoutKey()
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text: '/status' })
  expect(await lastTo(world, them.grace)).toContain(
    `Question about the date: waits for a key of ${them.alice.address}`
  )
})
