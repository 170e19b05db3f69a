/**
 * The header outside the encryption, which everybody on the way sees, and how mail clients thread the messages (B2, B5).
 * A subject that came hidden stays hidden (RFC 9788 §6.1): in every message that the desk sends about it, to whomever and for
 * whatever reason, no word of it can be read on the way.
 */

import { expect, it } from 'vitest'
import {
  alice,
  allTo,
  answering,
  FIRST,
  givenDesk,
  givenMessage,
  givenReport,
  grace,
  linus,
  MINUTE,
  sentSince,
  textsTo,
  world,
  writes
} from '../support/desk.ts'
import { decodeWords, headerOf, splitPart } from '../support/mail-parts.ts'
import { type Someone } from '../support/world.ts'

const SUBJECT = 'Pufferueberlauf in parse'

/** A whole case of Alice, whose subject came hidden. */
async function givenTalk(autocrypt = true): Promise<void> {
  await givenReport({ subject: SUBJECT, autocrypt })
  for (const text of [
    '/accept\n/reply\nThank you.\n',
    'a note\n',
    '/status\n',
    '/reply\nAs you wrote.\n',
    '/no-such-command\n',
    '/embargo 2027-01-15T12:00:00Z\n',
    '/ask\nWhich version?\n',
    '/close\n'
  ])
    await writes(grace, text, { subject: `Re: [${FIRST}] ${SUBJECT}`, after: MINUTE })
  const again = { subject: `Re: ${SUBJECT}`, text: 'More.\n', as: 'encrypted' } as const
  await givenMessage(alice, { ...again, ...answering(alice) })
}
const sentTo = (person: Someone) => world.sentTo(person).map(({ raw }) => splitPart(raw))

/** Bodies in base64 or quoted-printable as words, whatever part they stand in. */
function decoded(raw: string): string {
  const runs = raw.match(/(?:[A-Za-z0-9+/]{4,76}\r\n)+/g) ?? []
  const base64 = runs.map((run) => Buffer.from(run, 'base64').toString('latin1')).join('\n')
  return `${base64}\n${raw.replaceAll(/=\r\n/g, '')}`
}
/** The messages accepted so far that hold a word of the subject outside the encryption. */
const shownOnTheWay = (): string[] =>
  world.accepted
    .map(({ raw }) => Buffer.from(raw).toString('latin1'))
    .filter((raw) => decodeWords(`${raw}\n${decoded(raw)}`).includes('Pufferueberlauf'))

it.each([
  ['with a key', true],
  ['without one', false]
])(
  'a hidden subject stays hidden in everything about the case of a reporter %s',
  async (_, autocrypt) => {
    await givenTalk(autocrypt)
    expect(shownOnTheWay()).toEqual([])
    expect(await allTo(grace)).toContain(SUBJECT)
    expect(sentSince(0)).toContain(alice.address)
    expect(world.accepted.length).toBeGreaterThan(10)
  }
)

it('a hidden subject stays hidden where the message cannot be opened or is refused', async () => {
  await givenDesk()
  const letter = { subject: SUBJECT, text: 'x', as: 'encrypted' } as const
  const raw = Buffer.from(await world.write(alice, letter))
  const at = raw.indexOf('-----END PGP MESSAGE') - 40
  raw[at] = raw[at] === 65 ? 66 : 65
  world.deliver(raw)
  // A maintainer's command that is not signed: refused in clear.
  await givenMessage(grace, { subject: SUBJECT, text: '/accept\n', as: 'encrypted' })
  expect(world.accepted.length).toBeGreaterThan(1)
  expect(shownOnTheWay()).toEqual([])
})

it('the outer header names the desk alone, with the case number alone as subject; the protected one says whom the desk speaks for (B2, B5)', async () => {
  await givenTalk()
  for (const part of [grace, linus, alice].flatMap(sentTo)) {
    const from = decodeWords(headerOf(part, 'from'))
    expect([from, headerOf(part, 'subject')]).toEqual([
      'ACME Security Team <security@acme.example>',
      `[${FIRST}]`
    ])
  }
  expect((await textsTo(grace))[0]).toContain('From: Alice via ACME Security Team')
})

it('no subject of the desk, outer or protected, repeats the subject of the report (B5)', async () => {
  await givenTalk()
  for (const person of [grace, linus, alice])
    for (const mail of world.sentTo(person)) {
      const subjects = (await world.read(person, mail)).match(/^Subject: .*$/gim) ?? []
      expect(subjects.filter((line) => line.includes('[ACME')).join()).not.toContain('Puffer')
    }
})

it('only what opened the case is forwarded as a report, anything later as a message (B5)', async () => {
  await givenTalk()
  const sent = await Promise.all(world.sentTo(grace).map((mail) => world.read(grace, mail)))
  const forwarded = sent.filter((text) => text.includes('From: Alice via ACME Security Team'))
  const subjects = forwarded.map((text) => /^Subject: (\[ACME.*)$/im.exec(text)?.[1])
  expect(subjects).toEqual([`[${FIRST}] Report`, `[${FIRST}] Message`])
})

it('threads are flat: the root, then at most the message answered (B5)', async () => {
  await givenTalk()
  for (const person of [grace, linus, alice]) {
    const references = sentTo(person).map((mail) => headerOf(mail, 'references').split(/\s+/))
    expect(new Set(references.map(([root]) => root)).size).toBe(1)
    for (const ids of references) expect(ids.length).toBeLessThanOrEqual(2)
  }
})
