/** A team of one, or one whose policy wants no second person: a notice leaves on its author's approval alone, and says so (A5). */

import { describe, expect, it } from 'vitest'
import { givenDesk, givenMessage, previewCode } from '../support/given.ts'
import { FIELDS, people, UNTIL_DUE } from '../support/notice-world.ts'
import { type Someone, type World } from '../support/world.ts'
import { POLICY, TAG } from '../unit/policy/samples.ts'

const them = await people()
let world: World

/** What Grace reads after her command. */
async function command(text: string): Promise<string> {
  world.accepted.length = 0
  await givenMessage(world, them.grace, { subject: `Re: [${TAG}] x`, text })
  return textsTo(them.grace)
}
async function textsTo(person: Someone): Promise<string> {
  const mails = world.sentTo(person)
  const texts = await Promise.all(mails.map((mail) => world.read(person, mail)))
  return texts.join('\n').replaceAll(/\s+/g, ' ')
}
/** A case of Grace's with a date, on a desk whose policy wants so many approvals. */
async function dated(approvals: number, maintainers: readonly Someone[]): Promise<void> {
  const { notice } = POLICY
  if (notice === null) throw new Error('bad test data')
  world = await givenDesk(maintainers, { policy: { notice: { ...notice, approvals } } })
  for (const member of them.members) await world.addMember(member)
  await givenMessage(world, them.alice, {
    subject: 'x',
    text: 'x',
    as: 'encrypted',
    autocrypt: true
  })
  await command(`/accept\n/embargo 2026-12-04T12:00:00Z\n/notice draft\n${FIELDS}`)
}

describe.each([
  ['one maintainer', () => [them.grace]],
  ['two maintainers', () => [them.grace, them.linus]]
])('(A5) approvals: 0 with %s', (_, team) => {
  it('the author drafts, previews and approves, and the notice leaves at its instant', async () => {
    await dated(0, team())
    expect(await command('/notice preview\n')).toContain(
      'One approver can let it go, the author included.'
    )
    expect(await command(`/notice approve ${previewCode(world)}\n`)).toContain(
      'Approved. The notice leaves Fri 27 Nov 2026, 12:00 UTC.'
    )
    world.accepted.length = 0
    for (const member of them.members) expect(await textsTo(member)).toBe('')
    await world.wait(UNTIL_DUE)
    for (const member of them.members)
      expect(await textsTo(member)).toContain('ADVANCE NOTICE UNDER EMBARGO')
  })

  it('nothing leaves without the code of a preview', async () => {
    await dated(0, team())
    await world.wait(UNTIL_DUE)
    for (const member of them.members) expect(await textsTo(member)).toBe('')
  })
})

it('(A5) a team of one under approvals: 1 cannot approve its own notice, and is told that nobody can, and what the operator can do', async () => {
  await dated(1, [them.grace])
  const nobody =
    'An approver who did not write the notice must approve it, and there is nobody: as it stands it cannot leave. The operator can give another maintainer the role approver, or set approvals: 0 in the policy'
  const said = await command('/notice preview\n')
  expect(said).toContain(nobody)
  expect(said).not.toContain('can approve it')
  expect(await command(`/notice approve ${previewCode(world)}\n`)).toContain(nobody)
})

it('(A5) a team of two under approvals: 2 is told that one approver is too few', async () => {
  await dated(2, [them.grace, them.linus])
  expect(await command('/notice preview\n')).toContain(
    '2 approvers who did not write the notice must approve it, and there is only 1: as it stands it cannot leave.'
  )
})

it('(A5) a team of two under approvals: 1 is told who can approve', async () => {
  await dated(1, [them.grace, them.linus])
  expect(await command('/notice preview\n')).toContain(
    'An approver who did not write the notice can approve it.'
  )
})
