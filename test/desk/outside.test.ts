/**
 * The header outside the encryption, which everybody on the way sees, and how mail clients thread the messages (B2, B5).
 * A subject that came hidden stays hidden (RFC 9788 §6.1): in every message that the desk sends about it, to whomever and for
 * whatever reason, no word of it can be read on the way.
 */

import { expect, it } from 'vitest'
import * as desk from '../support/desk.ts'
import { decodeWords, headerOf, splitPart } from '../support/mail-parts.ts'
import { type Someone } from '../support/world.ts'

const SUBJECT = 'Pufferueberlauf in parse'

/** A whole case of Alice, whose subject came hidden. */
async function givenTalk(autocrypt = true): Promise<void> {
  await desk.givenReport({ subject: SUBJECT, autocrypt })
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
    await desk.writes(desk.grace, text, {
      subject: `Re: [${desk.FIRST}] ${SUBJECT}`,
      after: desk.MINUTE
    })
  const again = { subject: `Re: ${SUBJECT}`, text: 'More.\n', as: 'encrypted' } as const
  await desk.givenMessage(desk.alice, { ...again, ...desk.answering(desk.alice) })
}
const sentTo = (person: Someone) => desk.world.sentTo(person).map(({ raw }) => splitPart(raw))

/** Bodies in base64 or quoted-printable as words, whatever part they stand in. */
function decoded(raw: string): string {
  const runs = raw.match(/(?:[A-Za-z0-9+/]{4,76}\r\n)+/g) ?? []
  const base64 = runs.map((run) => Buffer.from(run, 'base64').toString('latin1')).join('\n')
  return `${base64}\n${raw.replaceAll(/=\r\n/g, '')}`
}
/** The messages accepted so far that hold a word of the subject outside the encryption. */
const shownOnTheWay = (): string[] =>
  desk.world.accepted
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
    expect(await desk.allTo(desk.grace)).toContain(SUBJECT)
    expect(desk.sentSince(0)).toContain(desk.alice.address)
    expect(desk.world.accepted.length).toBeGreaterThan(10)
  }
)

it('a hidden subject stays hidden where the message cannot be opened or is refused', async () => {
  await desk.givenDesk()
  const letter = { subject: SUBJECT, text: 'x', as: 'encrypted' } as const
  const raw = Buffer.from(await desk.world.write(desk.alice, letter))
  const at = raw.indexOf('-----END PGP MESSAGE') - 40
  raw[at] = raw[at] === 65 ? 66 : 65
  desk.world.deliver(raw)
  // A maintainer's command that is not signed: refused in clear.
  await desk.givenMessage(desk.grace, { subject: SUBJECT, text: '/accept\n', as: 'encrypted' })
  expect(desk.world.accepted.length).toBeGreaterThan(1)
  expect(shownOnTheWay()).toEqual([])
})

it('the outer header names the desk alone, with the case number alone as subject; the protected one says whom the desk speaks for (B2, B5)', async () => {
  await givenTalk()
  for (const part of [desk.grace, desk.linus, desk.alice].flatMap(sentTo)) {
    const from = decodeWords(headerOf(part, 'from'))
    expect([from, headerOf(part, 'subject')]).toEqual([
      'ACME Security Team <security@acme.example>',
      `[${desk.FIRST}]`
    ])
  }
  expect((await desk.textsTo(desk.grace))[0]).toContain('From: Alice via ACME Security Team')
})

it('no subject of the desk, outer or protected, repeats the subject of the report (B5)', async () => {
  await givenTalk()
  for (const person of [desk.grace, desk.linus, desk.alice])
    for (const mail of desk.world.sentTo(person)) {
      const subjects = (await desk.world.read(person, mail)).match(/^Subject: .*$/gim) ?? []
      expect(subjects.filter((line) => line.includes('[ACME')).join()).not.toContain('Puffer')
    }
})

it('only what opened the case is forwarded as a report, anything later as a message (B5)', async () => {
  await givenTalk()
  const sent = await Promise.all(
    desk.world.sentTo(desk.grace).map((mail) => desk.world.read(desk.grace, mail))
  )
  const forwarded = sent.filter((text) => text.includes('From: Alice via ACME Security Team'))
  const subjects = forwarded.map((text) => /^Subject: (\[ACME.*)$/im.exec(text)?.[1])
  expect(subjects).toEqual([`[${desk.FIRST}] Report`, `[${desk.FIRST}] Message`])
})

it('threads are flat: the root, then at most the message answered (B5)', async () => {
  await givenTalk()
  for (const person of [desk.grace, desk.linus, desk.alice]) {
    const references = sentTo(person).map((mail) => headerOf(mail, 'references').split(/\s+/))
    expect(new Set(references.map(([root]) => root)).size).toBe(1)
    for (const ids of references) expect(ids.length).toBeLessThanOrEqual(2)
  }
})
