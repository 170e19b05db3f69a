/**
 * What stands outside the encryption, and how messages hang together in a mail client (B2, B5). Reads the outer headers as
 * everybody on the way does.
 */

import { beforeEach, expect, it } from 'vitest'
import { givenDesk, givenMessage } from '../support/given.ts'
import { decodeWords, headerOf, splitPart } from '../support/mail-parts.ts'
import { type Someone, someone, type World } from '../support/world.ts'

const grace = await someone('grace', 'grace@acme.example')
const linus = await someone('linus', 'linus@acme.example')
const alice = await someone('alice', 'alice@reporter.example')
const TAG = '[ACME-2026-0001]'
let world: World

beforeEach(async () => {
  world = await givenDesk([grace, linus])
  await say(alice, { subject: 'Heap overflow', text: 'Here.\n', autocrypt: true })
  await say(grace, { subject: `Re: ${TAG} Report`, text: 'I can reproduce it.\n' })
  await say(grace, { subject: `Re: ${TAG} Report`, text: '/take\n/reply\nThank you.\n' })
  await say(alice, { subject: `Re: ${TAG} About your report`, text: 'More.\n' })
})

async function say(from: Someone, letter: Parameters<World['write']>[1]): Promise<void> {
  world.pass(60_000)
  await givenMessage(world, from, letter)
}

const sentTo = (person: Someone) => world.sentTo(person).map(({ raw }) => splitPart(raw))

it('outside stands the name of the desk and nobody else’s (B2)', () => {
  const senders = world.accepted.map(({ raw }) => decodeWords(headerOf(splitPart(raw), 'from')))
  expect(new Set(senders)).toEqual(new Set(['ACME Security Team <security@acme.example>']))
})

it('inside stands whom the desk speaks for (B2)', async () => {
  const [relay] = world.sentTo(grace)
  expect(relay && (await world.read(grace, relay))).toContain('From: Alice via ACME Security Team')
})

it('the outer subject to maintainers and reporters is the case number alone (B5)', () => {
  for (const person of [grace, linus, alice])
    expect(new Set(sentTo(person).map((mail) => headerOf(mail, 'subject')))).toEqual(new Set([TAG]))
})

it('the subject of the report stands in no subject of the desk, inside or outside (B5)', async () => {
  for (const person of [grace, linus, alice])
    for (const mail of world.sentTo(person)) {
      const subjects = (await world.read(person, mail)).match(/^Subject: .*$/gim) ?? []
      expect(subjects.filter((line) => line.includes('[ACME')).join()).not.toContain('Heap')
    }
})

it('threads are flat: the root, then at most the message answered (B5)', () => {
  for (const person of [grace, linus, alice]) {
    const references = sentTo(person).map((mail) => headerOf(mail, 'references').split(/\s+/))
    expect(new Set(references.map(([root]) => root)).size).toBe(1)
    for (const ids of references) expect(ids.length).toBeLessThanOrEqual(2)
  }
})
