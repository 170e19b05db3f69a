/** A signature is meant for somebody: what a maintainer signed for another person does nothing at this desk (B20). */
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import {
  answering,
  attachedKey,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenRef,
  givenReporter,
  lastTo,
  textsTo
} from '../support/given.ts'
import { noticeWorld, UNTIL_DUE } from '../support/notice-world.ts'
import { someone, type World } from '../support/world.ts'

const CASE = 'ACME-2026-0001'
const WORDS = 'Between us: we will not fix this one.'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
const debian = await someone('debian', 'security@debian.example')
let world: World

beforeEach(async () => {
  world = await givenDesk([grace, linus], { policy: { replies: 'reporter' } })
  await givenMessage(world, alice, { subject: 'hole', text: 'a hole', autocrypt: true })
})

/** What Grace signed for somebody, as that person encrypts it to the desk, in answer to the report that was forwarded. */
async function sentOn(text: string, to: string | null): Promise<void> {
  const letter = { subject: `Re: [${CASE}] hole`, text, to }
  await givenMessage(world, grace, { ...letter, ...answering(world, grace) })
}
function states(): unknown[] {
  return world.rows('SELECT state FROM cases')
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
    const told = await lastTo(world, grace)
    expect(told).toContain('says that it is meant for this desk')
  }
)

it('(B20) words that a maintainer signed to a third person reach nobody under replies: reporter', async () => {
  const ref = `> Ref: ${CASE} security@acme.example relay`
  const before = world.accepted.length
  await sentOn(`${WORDS}\n\n${ref}`, 'mallory@evil.example')
  expect((await textsTo(world, alice)).join()).not.toContain(WORDS)
  const after = world.accepted.slice(before)
  expect(after.map(({ to }) => to)).toEqual([grace.address])
  expect(world.rows(`SELECT id FROM messages WHERE text LIKE '%${WORDS}%'`)).toEqual([])
})

it('(B20) the quoted reference line of a message that the desk sent to her is enough where a client signs no recipient', async () => {
  await sentOn(`/take\n\n> ${await givenRef(world, grace)}`, null)
  expect(states()).toEqual([{ state: 'triaging' }])
})

it.each<[string, () => string | Promise<string>]>([
  ['that anybody can guess', () => `Ref: ${CASE} security@acme.example`],
  ['like that of a notice', () => `Reference:   ${CASE}, revision 1`],
  ['of a message to her colleague', () => givenRef(world, linus)],
  ['of a message to the reporter', () => givenRef(world, alice)]
])(
  '(B20) commands that she signed for nobody by name do nothing beside a line %s',
  async (_title, ref) => {
    await sentOn(`/accept\n\n> ${await ref()}`, null)
    expect(states()).toEqual([{ state: 'received' }])
  }
)

it.each<[string, string, () => string | Promise<string>]>([
  ['a message that the desk sent to him', 'member', () => givenRef(world, debian)],
  ['a line that anybody can guess', 'somebody', () => `Reference:   ${CASE}, revision 1`],
  ['a message that the desk sent to a maintainer', 'somebody', () => givenRef(world, grace)]
])(
  "(B20) a list member's signed words count as his for this desk by quoting %s: written by a %s",
  async (_title, by, ref) => {
    const desk = await noticeWorld({ grace, linus, alice, members: [debian] }, { count: 1 })
    onTestFinished(() => {
      desk.world.close()
    })
    world = desk.world
    await world.wait(UNTIL_DUE)
    const letter = { subject: 'Re: x', text: `ready\n\n> ${await ref()}`, to: null }
    await givenMessage(world, debian, { ...letter, ...answering(world, debian) })
    const written = "SELECT actor_kind AS by FROM events WHERE kind = 'member-wrote'"
    expect(world.rows(written)).toEqual([{ by }])
  }
)

it.each<[string, boolean, () => string | Promise<string>]>([
  ['a message that the desk sent to her', true, () => givenRef(world, alice)],
  ['a line that anybody can guess', false, () => `Ref: ${CASE} security@acme.example`],
  ['a message that the desk sent to a maintainer', false, () => givenRef(world, grace)]
])('(B20) a reporter hands her key over by quoting %s: %s', async (_title, isTaken, ref) => {
  const next = await givenReporter('alice')
  const text = `My new key.\n\n> ${await ref()}`
  world.pass(1000)
  const letter = { subject: `Re: [${CASE}]`, text, to: null }
  await givenMessage(world, alice, { ...letter, ...attachedKey(next) })
  const [pinned] = world.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM reporter_keys WHERE is_used = 1'
  )
  expect(pinned?.fingerprint === next.secret.getFingerprint()).toBe(isTaken)
})
