/**
 * A subject that came hidden stays hidden (RFC 9788 §6.1): in every message that the desk sends about it, to
 * whomever and for whatever reason, no word of it can be read on the way.
 */
import { expect, it } from 'vitest'
import { givenDesk, givenMaintainer, givenMessage, givenReporter } from '../support/given.ts'
import { decodeWords } from '../support/mail-parts.ts'
import { type World } from '../support/world.ts'

const SUBJECT = 'Pufferueberlauf in parse'
const WORDS = /Pufferueberlauf/

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
let world: World

/** The messages accepted so far that hold a word of the subject outside the encryption. */
const shownOnTheWay = (): string[] =>
  world.accepted
    .map(({ raw }) => Buffer.from(raw).toString('latin1'))
    .filter((raw) => WORDS.test(decodeWords(raw)) || WORDS.test(decodeWords(decoded(raw))))

/** Bodies in base64 or quoted-printable as words, whatever part they stand in. */
function decoded(raw: string): string {
  const runs = raw.match(/(?:[A-Za-z0-9+/]{4,76}\r\n)+/g) ?? []
  const base64 = runs.map((run) => Buffer.from(run, 'base64').toString('latin1')).join('\n')
  return `${base64}\n${raw.replaceAll(/=\r\n/g, '')}`
}

it.each([
  ['a reporter with a key', true],
  ['a reporter without one', false]
])('a hidden subject stays hidden in everything about the case of %s', async (_, autocrypt) => {
  world = await givenDesk([grace, linus])
  await givenMessage(world, alice, {
    subject: SUBJECT,
    text: 'Here.\n',
    as: 'encrypted',
    autocrypt
  })
  for (const text of [
    '/accept\n/reply\nThank you.\n',
    'a note\n',
    '/status\n',
    '/reply quote\nAs you wrote.\n',
    '/no-such-command\n',
    '/embargo 2027-01-15T12:00:00Z\n',
    '/ask\nWhich version?\n',
    '/close\n'
  ]) {
    world.deliver(await world.write(grace, { subject: `Re: [ACME-2026-0001] ${SUBJECT}`, text }))
    await world.wait(60_000)
  }
  const again = { subject: `Re: ${SUBJECT}`, text: 'More.\n', as: 'encrypted' } as const
  await givenMessage(world, alice, again)

  expect(shownOnTheWay()).toEqual([])
  const mine = world.sentTo(grace)
  const letters = await Promise.all(mine.map((mail) => world.read(grace, mail)))
  expect(letters.some((letter) => letter.includes(SUBJECT))).toBe(true)
  expect(world.accepted.some(({ to }) => to === alice.address)).toBe(true)
  expect(world.accepted.length).toBeGreaterThan(10)
})

it('a hidden subject stays hidden where the message cannot be opened or is refused', async () => {
  world = await givenDesk([grace, linus])
  const raw = Buffer.from(
    await world.write(alice, { subject: SUBJECT, text: 'x', as: 'encrypted' })
  )
  const at = raw.indexOf('-----END PGP MESSAGE') - 40
  raw[at] = raw[at] === 65 ? 66 : 65
  world.deliver(raw)
  // A maintainer's command that is not signed: refused in clear.
  await givenMessage(world, grace, { subject: SUBJECT, text: '/accept\n', as: 'encrypted' })
  expect(world.accepted.length).toBeGreaterThan(1)
  expect(shownOnTheWay()).toEqual([])
})
