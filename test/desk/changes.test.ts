/** A new date or new content after the list was told is a change: approved, it leaves at once and says what changed (B16). */
import { beforeEach, expect, it } from 'vitest'
import { previewCode, recorded } from '../support/given.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { type Someone, someone } from '../support/world.ts'
import { TAG } from '../unit/policy/samples.ts'

const them = await people()
const late = await someone('late', 'security@late.example')
let notices: NoticeWorld
beforeEach(async () => {
  notices = await noticeWorld(them, { count: 1 })
  await notices.world.wait(UNTIL_DUE)
  expect(await notices.noticed(TAG)).toEqual(['debian', 'freebsd', 'suse'])
  notices.world.accepted.length = 0
})

async function readBy(person: Someone): Promise<string[]> {
  const mails = notices.world.sentTo(person)
  return Promise.all(mails.map((mail) => notices.world.read(person, mail)))
}
const LATER = '/embargo 2026-12-07T12:00:00Z because a distribution needs three days more\n'

it('(B16) a new date leaves at once when it is approved, to everybody who had the notice, and says first what changed', async () => {
  await notices.command(them.grace, TAG, LATER)
  for (const member of them.members) expect(await readBy(member)).toEqual([])
  expect(recorded(notices.world, 'change-proposed')).toEqual([
    { oldDate: '2026-12-04T12:00:00.000Z', date: '2026-12-07T12:00:00.000Z' }
  ])
  await notices.approve(TAG)
  for (const member of them.members) {
    const [copy = '', ...more] = await readBy(member)
    expect(more).toEqual([])
    const change = copy.indexOf('WHAT CHANGED SINCE REVISION 1')
    expect(change).toBeGreaterThan(0)
    expect(change).toBeLessThan(copy.indexOf('Product:'))
    expect(copy.replaceAll(/\s+/g, ' ')).toMatch(/was Fri 4 Dec 2026.*is now Mon 7 Dec 2026/)
  }
})

it('(B17) members and the reporter read both dates of a change in the zones in which they were written, too', async () => {
  const date = '/embargo 2026-12-07 14:00 America/New_York because a distribution needs it\n'
  await notices.command(them.grace, TAG, date)
  await notices.approve(TAG)
  notices.world.accepted.length = 0
  await notices.command(them.grace, TAG, LATER.replace('12-07', '12-08'))
  await notices.approve(TAG)
  for (const person of [...them.members, them.alice]) {
    const said = (await readBy(person)).join('\n').replaceAll(/\s+/g, ' ')
    expect(said).toMatch(/[Ww]as Mon 7 Dec 2026, 19:00 UTC \(14:00 New York\)/)
    expect(said).toMatch(/is now Tue 8 Dec 2026, 12:00 UTC/)
  }
})

it('(B16) the reporter is told the new date beside the old one, and nothing when only the content changed', async () => {
  await notices.command(them.grace, TAG, '/notice draft\nseverity: high\n')
  await notices.approve(TAG)
  expect(await readBy(them.alice)).toEqual([])
  await notices.command(them.grace, TAG, LATER)
  await notices.approve(TAG)
  const said = (await readBy(them.alice)).join('\n').replaceAll(/\s+/g, ' ')
  expect(said).toMatch(/It was Fri 4 Dec 2026.*It is now Mon 7 Dec 2026/)
})

it('(B16) a member who had no notice yet gets the present revision as the first one, without what changed', async () => {
  await notices.world.addMember(late)
  await notices.command(them.grace, TAG, '/notice draft\nseverity: high\n')
  await notices.approve(TAG)
  const [copy = ''] = await readBy(late)
  expect(copy).toContain('revision 2')
  expect(copy).not.toContain('WHAT CHANGED')
  const [first] = them.members
  expect((await readBy(first ?? late))[0]).toContain('- Severity: new, see below')
})

it('(B6) a notice that has left unchanged can be neither previewed nor approved, and the answer says since when', async () => {
  const says = /refused: Nothing has changed since the notice was sent, Fri 27 Nov 2026/
  const code = previewCode(notices.world)
  for (const line of ['/notice preview\n', `/notice approve ${code}\n`]) {
    await notices.command(them.linus, TAG, line)
    expect((await readBy(them.linus)).at(-1)?.replaceAll(/\s+/g, ' ')).toMatch(says)
  }
  await notices.world.addMember(late)
  await notices.approve(TAG)
  expect(await readBy(late)).toHaveLength(1)
})

it('(B16) a change that was on hold still says what changed when it is approved', async () => {
  await notices.command(them.grace, TAG, LATER)
  await notices.command(them.grace, TAG, '/notice hold\n')
  await notices.approve(TAG)
  const [first] = them.members
  expect((await readBy(first ?? late))[0]).toContain('WHAT CHANGED SINCE REVISION 1')
})

const HOUR = 3_600_000
const UNAPPROVED = 'A change of the advance notice is not approved'
async function reminders(): Promise<number> {
  return (await readBy(them.linus)).filter((text) => text.includes(UNAPPROVED)).length
}

it('(B16) maintainers are reminded of a change every hour in the last 48 hours before the old date', async () => {
  const { world, command } = notices
  await command(them.grace, TAG, LATER)
  await world.wait(Date.parse('2026-12-02T12:30:00Z') - Date.parse(world.clock.now))
  const before = await reminders()
  for (let hour = 1; hour <= 3; hour += 1) {
    await world.wait(HOUR)
    expect(await reminders()).toBe(before + hour)
  }
})

it('(B16, G7) a desk that was down over the old date sends nobody the change before it is approved, tells the maintainers, and then sends it at once', async () => {
  const { world, command, approve } = notices
  await command(them.grace, TAG, LATER)
  world.accepted.length = 0
  world.pass(Date.parse('2026-12-04T18:00:00Z') - Date.parse(world.clock.now))
  world.restart()
  await world.settle()
  for (const person of [...them.members, them.alice]) expect(await readBy(person)).toEqual([])
  expect(await reminders()).toBe(1)
  await approve(TAG)
  for (const person of [...them.members, them.alice]) {
    const [said = '', ...more] = (await readBy(person)).map((text) => text.replaceAll(/\s+/g, ' '))
    expect(more).toEqual([])
    expect(said).toMatch(/[Ww]as Fri 4 Dec 2026.*is now Mon 7 Dec 2026/)
  }
})
