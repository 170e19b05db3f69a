/** Copies of a notice that a mail server puts off: an alarm while they wait, and none leaves after the disclosure (B22). */
import { beforeEach, expect, it } from 'vitest'
import { record } from '../../src/desk/commit.ts'
import { aboutCase, BY_DESK, event } from '../../src/domain/event.ts'
import { addMs, formatInstant } from '../../src/domain/time.ts'
import * as memberStore from '../../src/store/members.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { TAG } from '../unit/policy/samples.ts'

const them = await people()
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
let notices: NoticeWorld
/** A notice whose copies are all put off at the first attempt. */
beforeEach(async () => {
  notices = await noticeWorld(them, { count: 1 })
  notices.world.pass(UNTIL_DUE)
  notices.world.replies.push('deferred', 'deferred', 'deferred')
  await notices.world.settle()
  expect(await notices.noticed(TAG)).toEqual([])
})

function members(kind: string): string[] {
  return notices.world
    .rows<{ member: string }>(
      "SELECT about ->> 'member' AS member FROM events WHERE kind = ? ORDER BY member",
      [kind]
    )
    .map(({ member }) => member)
}
async function readBy(address: string): Promise<string> {
  const person = [...them.members, them.grace].find((one) => one.address === address)
  const mails = notices.world.accepted.filter(({ to }) => to === address)
  if (person === undefined) throw new Error('bad test data')
  const texts = await Promise.all(mails.map((mail) => notices.world.read(person, mail)))
  return texts.join('\n').replaceAll(/\s+/g, ' ')
}

it('(B22) a copy that still waits when it counts as late is an alarm that names the member by id, once', async () => {
  await notices.world.wait(16 * MINUTE)
  expect(members('copy-waits')).toEqual(['debian', 'freebsd', 'suse'])
  expect(notices.alarms('copy-waits:')).toBe(2)
  expect(await readBy(them.grace.address)).toContain('in time: debian, freebsd, suse.')
  expect(await notices.noticed(TAG)).toEqual(['debian', 'freebsd', 'suse'])
  await notices.world.wait(DAY)
  expect(notices.alarms('copy-waits:')).toBe(2)
})

it('(B22) after the disclosure no copy leaves: the member is told that the embargo is over, the maintainers that it was late', async () => {
  await notices.world.wait(9 * DAY)
  expect(await notices.noticed(TAG)).toEqual([])
  expect(members('copy-dropped')).toEqual(['debian', 'freebsd', 'suse'])
  for (const { address } of them.members) {
    const said = await readBy(address)
    expect(said).toContain('did not reach you before the issue became public')
    expect(said).not.toContain('EMBARGO, ')
  }
  expect(notices.alarms('copy-late:')).toBe(2)
  expect(await readBy(them.grace.address)).toContain('never got their copy: ')
})

it('(B22) after an early /disclosed no copy leaves either: the members are told when the embargo ended, the maintainers that it was late', async () => {
  const { world } = notices
  world.pass(MINUTE)
  await notices.command(them.grace, TAG, '/disclosed because it leaked\n')
  expect(await readBy(them.grace.address)).toContain(
    '3 copies of the notice had not left and will not leave; we tell their members'
  )
  const said = formatInstant(world.clock.now, world.desk.settings.desk.timezone)
  await world.wait(6 * 60 * MINUTE)
  expect(await notices.noticed(TAG)).toEqual([])
  expect(members('copy-dropped')).toEqual(['debian', 'freebsd', 'suse'])
  for (const { address } of them.members) {
    expect(await readBy(address)).toContain('did not reach you before the issue became public')
    expect(await readBy(address)).toContain(`The embargo ended on ${said}`)
  }
  const alarm = await readBy(them.grace.address)
  expect(alarm).toContain('never got their copy: ')
  // Nobody says that a date has come which lies ahead.
  expect(alarm).not.toContain('date in the notice has come')
  expect(notices.alarms('copy-late:')).toBe(2)
})

it('(B22) a copy that leaves late after all is on the record, and no alarm follows for it', async () => {
  await notices.world.wait(16 * MINUTE)
  expect(members('copy-left')).toEqual(['debian', 'freebsd', 'suse'])
})

it('(B22) a copy that becomes late after the first alarm of its revision is an alarm, too', async () => {
  const { world } = notices
  // As one that was made an hour later, with another key.
  world.desk.db.transact((tx) => {
    tx.run("UPDATE outbox SET created_at = ? WHERE recipient_id = 'suse'", [
      addMs(world.clock.now, 60 * MINUTE)
    ])
  })
  for (const late of [16, 60]) {
    world.pass(late * MINUTE)
    world.replies.push('deferred', 'deferred', 'deferred')
    await world.settle()
  }
  expect(notices.alarms('copy-waits:')).toBe(4)
  const said = await readBy(them.grace.address)
  expect(said).toContain('in time: debian, freebsd.')
  expect(said).toContain('in time: suse.')
})

it('(B22) copies of a change that wait on the same day are an alarm of their own', async () => {
  const { world, command, approve } = notices
  await world.wait(16 * MINUTE)
  expect(notices.alarms('copy-waits:')).toBe(2)
  await world.wait(60 * MINUTE)
  await command(them.grace, TAG, '/embargo 2026-11-27T20:00Z because exploited\n')
  const isCopy = (): boolean =>
    world.rows("SELECT id FROM outbox WHERE state = 'sending' AND kind = 'notice'").length > 0
  Object.assign(world.replies, { shift: () => (isCopy() ? 'deferred' : 'accepted') })
  await approve(TAG)
  for (let quarter = 0; quarter < 3; quarter += 1) {
    await world.wait(15 * MINUTE)
  }
  expect(notices.alarms('copy-waits:')).toBe(4)
})

function freeze(id: string): void {
  notices.world.desk.db.transact((tx) => {
    tx.run("UPDATE members SET state = 'frozen' WHERE id = ?", [id])
  })
}
function dropped(): unknown[] {
  return notices.world.rows(
    "SELECT about ->> 'member' AS member, about ->> 'because' AS because FROM events WHERE kind = 'copy-dropped' ORDER BY 1"
  )
}

it.each<[string, (id: string) => void]>([
  ['is frozen', freeze],
  [
    'is taken off the list',
    (id) =>
      notices.world.desk.db.transact((tx) => memberStore.remove(tx, id, notices.world.clock.now))
  ]
])(
  '(G8) the record says that the copy of a member who %s while it waits does not leave; nobody is alarmed',
  async (_title, leave) => {
    leave('suse')
    await notices.world.wait(20 * MINUTE)
    expect(dropped()).toEqual([{ member: 'suse', because: 'not-listed' }])
    expect(await notices.noticed(TAG)).toEqual(['debian', 'freebsd'])
    await notices.world.wait(9 * DAY)
    expect(dropped()).toHaveLength(1)
    expect(notices.alarms('copy-late:')).toBe(0)
    expect(await readBy('security@suse.example')).toBe('')
  }
)

it('(B22) the alarm of late copies says of each member what the member was told, and why others were told nothing', async () => {
  freeze('suse')
  await notices.world.wait(9 * DAY)
  const work = { now: notices.world.clock.now }
  const said = await readBy(them.grace.address)
  expect(said).toContain('Told that the embargo is over: debian, freebsd.')
  expect(said).toContain('Told nothing, because not active on the list any more: suse.')
  expect(said).not.toContain('the new date is not approved yet')
  await notices.world.wait(DAY)
  notices.world.accepted.length = 0
  const moved = { member: 'fedora', because: 'date-moved' } as const
  const over = { member: 'gentoo', because: 'public' } as const
  notices.world.desk.db.transact((tx) => {
    for (const about of [moved, over])
      record(tx, event('copy-dropped', aboutCase(TAG), BY_DESK, about), work)
  })
  await notices.world.wait(DAY)
  const mixed = await readBy(them.grace.address)
  expect(mixed).toContain('Told that the embargo is over: gentoo.')
  expect(mixed).toContain('Told nothing, because the new date is not approved yet: fedora.')
  expect(mixed).toContain('it reaches fedora as their first notice.')
})

it('(G9) a notice whose late copies show a bug stops those of no other, and people are told', async () => {
  notices.world.close()
  notices = await noticeWorld(them, { count: 2 })
  const { world } = notices
  world.pass(UNTIL_DUE)
  world.replies.push(...Array.from({ length: 6 }, () => 'deferred' as const))
  await world.settle()
  world.pass(9 * DAY)
  const { workers } = world.desk
  const seal = workers.seal.bind(workers)
  let failed = 0
  const broken: typeof seal = (...args) => {
    const isFirst = JSON.stringify(args).includes('did not reach you') && failed < 1
    if (!isFirst) return seal(...args)
    failed += 1
    return Promise.reject(new TypeError('a bug at this notice'))
  }
  Object.assign(workers, { seal: broken })
  await world.settle()
  const dropped = world.rows<{ id: string }>(
    "SELECT DISTINCT subject_id AS id FROM events WHERE kind = 'copy-dropped'"
  )
  expect(dropped.length).toBeGreaterThan(0)
  expect(await readBy(them.grace.address)).toContain('copies of the notice of ACME-2026-000')
})

it('(G7) a doubted clock takes no copy back and tells nobody that an embargo is over', async () => {
  notices.world.jump(9 * DAY)
  await notices.world.settle()
  expect(members('copy-dropped')).toEqual([])
  expect(await notices.noticed(TAG)).toEqual([])
})
