/**
 * Promises that nobody watched: after an undecided turn of a case, a move to another product, a merge or a hold, somebody is
 * reminded until the promise is kept (A3, B10, B12, B16).
 */
import { expect, it } from 'vitest'
import { readPolicy } from '../../src/config/policy-file.ts'
import { builtInPoliciesDir } from '../../src/config/policy-sources.ts'
import { type Policy } from '../../src/domain/policy.ts'
import {
  answering,
  givenCommand,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenRef,
  givenReporter,
  lastTo
} from '../support/given.ts'
import { noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { type Someone, type World, type WorldOptions } from '../support/world.ts'
import { PRODUCT, TAG } from '../unit/policy/samples.ts'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
const DAY = 86_400_000

async function preset(name: string): Promise<Policy> {
  return (await readPolicy(name, '.', builtInPoliciesDir())).policy
}

async function deskOf(name: string, more: Partial<WorldOptions> = {}): Promise<World> {
  return givenDesk([grace, linus], { policy: await preset(name), ...more })
}

/** Grace writes about a case; what the desk answers her. */
function says(world: World, text: string, tag: string = TAG): Promise<string> {
  return givenCommand(world, grace, text, { tag })
}

async function days(world: World, count: number): Promise<void> {
  for (let day = 0; day < count; day += 1) await world.wait(DAY)
}

/** How often each clock rang since the last question, by its id. */
function rangSince(world: World, mark = 0): Record<string, number> {
  const sql =
    "SELECT about ->> 'clock' AS clock FROM events WHERE kind = 'rang' AND id > ? ORDER BY id"
  const clocks = world.rows<{ clock: string }>(sql, [mark]).map(({ clock }) => clock)
  return Object.fromEntries(
    [...new Set(clocks)].map((id) => [id, clocks.filter((clock) => clock === id).length])
  )
}

/** The newest event so far. */
const mark = (world: World): number =>
  world.rows<{ id: number }>('SELECT max(id) AS id FROM events')[0]?.id ?? 0

const REJECT = '/reject not-a-vulnerability\nIt needs root, which may do all of this anyway.\n'
const KEYLESS = { subject: 'x', text: 'Here.\n', as: 'encrypted' } as const

it.each([REJECT, `/accept\n/disclosed because it is public\n/close\n`])(
  '(B10) a reporter without a key who cannot be told the end of their case counts as unanswered: maintainers are reminded daily, and the digest lists the case, until the end is told or a reason is on record (%s)',
  async (end) => {
    const world = await deskOf('dispatch', { digest: true })
    await givenMessage(world, alice, KEYLESS)
    expect(await says(world, end)).toContain('Done')
    const ended = mark(world)
    await days(world, 4)
    expect(rangSince(world, ended)).toMatchObject({ 'words-wait': 4, digest: 4 })
    expect(rangSince(world, ended)).not.toHaveProperty('answer')
    const alarm = (await Promise.all(world.sentTo(linus).map((mail) => world.read(linus, mail))))
      .filter((text) => text.includes('What to do:'))
      .at(-1)
      ?.replaceAll(/\s+/g, ' ')
    expect(alarm).toContain('What we wrote to the reporter waits for a key')
    expect(alarm).toContain('by Grace to alice@reporter.example, Mon 23 Nov 2026')
    expect(alarm).toContain('/unsend because REASON')
    expect(await says(world, '/unsend\n')).toContain('the reporter must learn')
    expect(await says(world, '/unsend because Alice knows it from Bob\n')).toContain('Done')
    const silent = mark(world)
    await days(world, 2)
    expect(rangSince(world, silent)).toEqual({})
    expect(
      world.rows("SELECT about ->> 'reason' AS reason FROM events WHERE kind = 'words-dropped'")
    ).toContainEqual({ reason: 'Alice knows it from Bob' })
  }
)

it('(B10) the alarm that the reporter waits for an answer says that an answer waits for a key, not to write one, and is the only one', async () => {
  const world = await deskOf('dispatch')
  await givenMessage(world, alice, KEYLESS)
  await says(world, '/take\n/reply\nThank you.\n')
  await days(world, 3)
  const alarm = await lastTo(world, linus)
  expect(alarm).toContain('The reporter waits for an answer')
  expect(alarm).toContain('Waiting for a key: answer by Grace to alice@reporter.example')
  expect(alarm).not.toContain('Please answer with /reply')
  expect(alarm).toContain('/unsend')
  expect(rangSince(world)).not.toHaveProperty('words-wait')
})

it('(B10, B14) what waits for a reporter whose case was merged is watched in the case that they belong to now', async () => {
  const world = await deskOf('dispatch')
  const bob = await givenReporter('bob')
  await givenMessage(world, alice, { ...KEYLESS, autocrypt: true })
  await says(world, '/reply\nThank you.\n')
  await givenMessage(world, bob, KEYLESS)
  await says(world, `/merge ${TAG}\n`, 'ACME-2026-0002')
  const merged = mark(world)
  await days(world, 4)
  const told = world.rows<{ tag: string; clock: string }>(
    "SELECT DISTINCT subject_id AS tag, about ->> 'clock' AS clock FROM events WHERE kind = 'rang' AND id > ?",
    [merged]
  )
  expect(told).toEqual([{ tag: TAG, clock: 'answer' }])
})

const KEYED = { ...KEYLESS, autocrypt: true }
const DATED = '/accept\n/embargo 2026-12-09T12:00:00Z because we test\n'

it('(A3) a rejection that is taken back lets the clocks of the date run again: notice, preflight and dead-man', async () => {
  const world = await deskOf('dispatch')
  await givenMessage(world, alice, KEYED)
  await says(world, DATED)
  await says(world, REJECT)
  const rejected = mark(world)
  await days(world, 3)
  expect(rangSince(world, rejected)).toEqual({})
  await says(world, '/reopen because I was wrong\n')
  expect(await says(world, '/accept\n/status\n')).not.toContain('Due: nothing')
  await days(world, 20)
  const rang = rangSince(world, rejected)
  for (const clock of ['notice-draft', 'notice-overdue', 'dead-man'])
    expect([clock, (rang[clock] ?? 0) > 3]).toEqual([clock, true])
  const late = "SELECT 1 FROM events WHERE kind = 'rang' AND about ->> 'isLate' <> 0"
  expect(world.rows(late)).toEqual([])
})

it.each([
  ['template', ['answer', 'feedback']],
  ['dispatch-platform', ['answer', 'triage']]
])(
  '(A3) in a case that is opened again, whoever was not answered is waited for again (%s)',
  async (name, clocks) => {
    const world = await deskOf(name)
    await givenMessage(world, alice, KEYLESS)
    await says(world, REJECT)
    await days(world, 3)
    await says(world, '/reopen because I was wrong\n')
    const reopened = mark(world)
    await days(world, 5)
    expect(Object.keys(rangSince(world, reopened)).sort()).toEqual(clocks)
  }
)

it.each([
  ['template', 'dispatch', ['notice-draft', 'preflight', 'notice-overdue', 'dead-man']],
  ['dispatch', 'template', ['dead-man']]
])(
  '(B12) /product takes the clocks of the notice along: from %s to %s they are those of the new policy',
  async (from, to, clocks) => {
    const other = { ...PRODUCT, id: 'other', name: 'ACME Other', policy: await preset(to) }
    const world = await deskOf(from, { moreProducts: [other] })
    await givenMessage(world, alice, KEYED)
    await says(world, '/plan\nplan: x\nworkarounds: none\n')
    await says(world, '/accept\n/embargo 2026-12-14T12:00:00Z because we test\n')
    await says(world, '/product other\n')
    const moved = mark(world)
    await days(world, 23)
    expect(Object.keys(rangSince(world, moved)).sort()).toEqual(clocks.sort())
  }
)

it('(B16) a change that nobody approves is reminded of after the old date, too, daily until it is approved', async () => {
  const them = await people()
  const { world, command } = await noticeWorld(them, {
    count: 1,
    policy: { clocks: (await preset('dispatch')).clocks }
  })
  await world.wait(UNTIL_DUE)
  await command(them.grace, TAG, '/embargo 2026-12-18T12:00:00Z because the fix needs longer\n')
  await world.wait(8 * DAY)
  const passed = mark(world)
  await days(world, 5)
  expect(rangSince(world, passed)).toEqual({ change: 5 })
})

it.each([1, 0])(
  '(A3) a notice that is held when %i of 3 copies have left is reminded of daily until it goes on',
  async (left) => {
    const them = await people()
    const { world, command, approve } = await noticeWorld(them, {
      count: 1,
      policy: { clocks: (await preset('dispatch')).clocks }
    })
    world.pass(UNTIL_DUE)
    const deferred = Array.from({ length: 3 - left }, () => 'deferred' as const)
    world.replies.push(...Array.from({ length: left }, () => 'accepted' as const), ...deferred)
    await world.settle()
    await command(them.grace, TAG, '/notice hold\n')
    const held = mark(world)
    await days(world, 4)
    expect(rangSince(world, held)['notice-withheld']).toBe(4)
    await approve(TAG)
    const goesOn = mark(world)
    await days(world, 2)
    expect(rangSince(world, goesOn)).not.toHaveProperty('notice-withheld')
  }
)

/** Alice was answered in case 1; Bob reported cases 2 and 3, half a day apart, and case 3 was merged first. */
async function givenBobsCases(bob: Someone, letter: typeof KEYLESS): Promise<World> {
  const world = await deskOf('dragonfly')
  await givenMessage(world, alice, KEYED)
  await says(world, '/reply\nThank you.\n')
  await givenMessage(world, bob, letter)
  await world.wait(DAY / 3)
  await givenMessage(world, bob, letter)
  await says(world, `/merge ${TAG}\n`, 'ACME-2026-0003')
  return world
}

it('(A3, B14) an answer to a reporter stops the clocks of all their numbers, in whichever order their cases were merged', async () => {
  const bob = await givenReporter('bob')
  const world = await givenBobsCases(bob, KEYED)
  const more = { subject: 'Re: [ACME-2026-0003] x', text: 'More.\n' }
  await givenMessage(world, bob, { ...more, ...answering(world, bob) })
  const ref = await givenRef(world, grace)
  await says(world, `/merge ${TAG}\n`, 'ACME-2026-0002')
  const answer = `/reply\nThank you as well.\n\n> ${ref}\n`
  expect(await says(world, answer)).toContain('Sent to bob@reporter.example')
  const answered = mark(world)
  await days(world, 8)
  expect(rangSince(world, answered)).toEqual({})
})

it('(A3, B14) the earliest promise holds where one person sent several reports', async () => {
  const world = await givenBobsCases(await givenReporter('bob'), KEYLESS)
  await world.wait(DAY / 2)
  await says(world, `/merge ${TAG}\n`, 'ACME-2026-0002')
  expect(await says(world, '/status\n')).toContain('Due: Tue 24 Nov 2026, 12:0')
})

it('(B13, B14) an answer that came as a new case ends needs-info when it is merged', async () => {
  const world = await deskOf('dispatch')
  const letter = { subject: 'x', text: 'Here.\n', as: 'clear' } as const
  await givenMessage(world, alice, letter)
  await says(world, '/ask\nWhich version?\n')
  await givenMessage(world, alice, { ...letter, text: 'It is 4.2.\n' })
  await says(world, `/merge ${TAG}\n`, 'ACME-2026-0002')
  expect(world.rows('SELECT state FROM cases ORDER BY id')).toEqual([
    { state: 'triaging' },
    { state: 'merged' }
  ])
})

it('(B10) the acknowledgement of a report in clear promises no answer in clear where a key came that cannot be used', async () => {
  const world = await deskOf('dispatch')
  const brief = await givenReporter('brief', 1)
  await givenMessage(world, brief, { subject: 'x', text: 'Here.\n', as: 'clear', autocrypt: true })
  const acknowledgement = await lastTo(world, brief)
  expect(acknowledgement).not.toContain('will come unencrypted')
  expect(acknowledgement).toContain('We have no usable OpenPGP public key of yours.')
})

it('(A1) a key on the record says whose it is', async () => {
  const world = await deskOf('dispatch')
  await givenMessage(world, alice, KEYED)
  await givenMessage(world, await givenReporter('brief', 1), { ...KEYED, as: 'clear' })
  const sql =
    "SELECT kind, about ->> 'reporter' AS reporter FROM events WHERE kind IN ('key-pinned', 'key-offered')"
  expect(world.rows(sql)).toEqual([
    { kind: 'key-pinned', reporter: TAG },
    { kind: 'key-offered', reporter: 'ACME-2026-0002' }
  ])
})
