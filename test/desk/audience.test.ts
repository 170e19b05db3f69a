/** A signature is meant for somebody: what a maintainer signed for another person does nothing at this desk (B20). */
import { beforeEach, expect, it } from 'vitest'
import { givenDesk, givenMaintainer, givenMessage, givenReporter } from '../support/given.ts'
import { type World } from '../support/world.ts'

const CASE = 'ACME-2026-0001'
const WORDS = 'Between us: we will not fix this one.'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
let world: World

beforeEach(async () => {
  world = await givenDesk([grace, linus], { policy: { replies: 'reporter' } })
  await givenMessage(world, alice, { subject: 'hole', text: 'a hole', autocrypt: true })
})

/** What Grace signed for somebody, as that person encrypts it to the desk, in answer to the report that was forwarded. */
async function sentOn(text: string, to: string | null): Promise<void> {
  const relay = world.accepted.findLast(({ to: whom }) => whom === grace.address)
  const headers = [`In-Reply-To: <${relay?.messageId ?? ''}>`]
  await givenMessage(world, grace, { subject: `Re: [${CASE}] hole`, text, to, headers })
}
function states(): unknown[] {
  return world.rows('SELECT state FROM cases')
}
async function aliceRead(): Promise<string> {
  const mails = world.accepted.filter(({ to }) => to === alice.address)
  return (await Promise.all(mails.map((mail) => world.read(alice, mail)))).join('\n')
}

it.each([
  ['to a third person', 'mallory@evil.example'],
  ['to nobody by name, and quotes no message of the desk', null]
])(
  '(B20) commands that a maintainer signed %s do nothing, and the maintainer is told',
  async (_title, to) => {
    await sentOn('/accept', to)
    expect(states()).toEqual([{ state: 'received' }])
    expect(world.rows("SELECT reason FROM arrivals WHERE disposition = 'refused'")).toEqual([
      { reason: 'for-another' }
    ])
    const last = world.accepted.findLast(({ to: whom }) => whom === grace.address)
    const told = last === undefined ? '' : await world.read(grace, last)
    expect(told.replaceAll(/\s+/g, ' ')).toContain('says that it is meant for this desk')
  }
)

it('(B20) words that a maintainer signed to a third person reach nobody under replies: reporter', async () => {
  const ref = `> Ref: ${CASE} security@acme.example relay`
  const before = world.accepted.length
  await sentOn(`${WORDS}\n\n${ref}`, 'mallory@evil.example')
  expect(await aliceRead()).not.toContain(WORDS)
  const after = world.accepted.slice(before)
  expect(after.map(({ to }) => to)).toEqual([grace.address])
  expect(world.rows(`SELECT id FROM messages WHERE text LIKE '%${WORDS}%'`)).toEqual([])
})

it('(B20) the quoted reference line of a message of the desk is enough where a client signs no recipient', async () => {
  await sentOn(`/take\n\n> Ref: ${CASE} security@acme.example`, null)
  expect(states()).toEqual([{ state: 'triaging' }])
})
