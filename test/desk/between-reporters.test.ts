/** Reporters of one case neither speak for each other nor hold each other's keys, and read nothing that was for another (B14). */
import { beforeAll, expect, it } from 'vitest'
import {
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReporter,
  textsTo
} from '../support/given.ts'
import { type Letter, type Someone, someone, type World } from '../support/world.ts'

const [FIRST, SECOND] = ['ACME-2026-0001', 'ACME-2026-0002']

let grace: Someone
let alice: Someone
let bob: Someone

beforeAll(async () => {
  ;[grace, alice, bob] = await Promise.all([
    givenMaintainer('grace'),
    givenReporter('alice'),
    givenReporter('bob')
  ])
})

/** Alice and Bob reported; their reports are one case. */
async function givenMerged(letters: Partial<Record<'ofAlice' | 'ofBob', Partial<Letter>>> = {}) {
  const world = await givenDesk([grace])
  const usual = { text: 'a report', autocrypt: true }
  await givenMessage(world, alice, { ...usual, subject: 'one', ...letters.ofAlice })
  await givenMessage(world, bob, { ...usual, subject: 'two', ...letters.ofBob })
  await givenMessage(world, grace, { subject: `[${SECOND}]`, text: `/merge ${FIRST}` })
  return world
}

/** The Message-ID of the newest message to somebody. */
function newestTo(world: World, { address }: Someone): string {
  return world.accepted.findLast(({ to }) => to === address)?.messageId ?? ''
}

it('a message under the name of one reporter that answers what another one was sent is not that reporter’s, and its key gets nothing (B14, G3)', async () => {
  const world = await givenMerged({ ofAlice: { as: 'encrypted', autocrypt: false } })
  await givenMessage(world, grace, { subject: `[${FIRST}]`, text: '/accept\nFor her alone.' })
  const forger = await someone('alice', alice.address)
  const forged = { subject: 'Re: it', text: 'Here is my key.', autocrypt: true }
  const answering = (id: string) => ({ ...forged, headers: [`In-Reply-To: <${id}>`] })
  await givenMessage(world, forger, answering(newestTo(world, bob)))

  const pinned = 'SELECT address FROM reporter_keys ORDER BY address'
  expect(world.rows(pinned)).toEqual([{ address: bob.address }])
  expect(world.rows('SELECT reporter_id AS id FROM waiting_words')).toEqual([{ id: FIRST }])
  expect(world.rows('SELECT author FROM messages').at(-1)).toEqual({ author: 'other' })
  expect((await textsTo(world, grace)).at(-1)).toContain(
    'the sender is NOT PROVED: it answers a message that we sent to somebody else'
  )
  await givenMessage(world, alice, answering(newestTo(world, alice)))
  expect(world.rows('SELECT author FROM messages WHERE author_id = ?', [FIRST])).toHaveLength(2)
})
