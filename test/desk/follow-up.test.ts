/**
 * A notice that was released and is edited while copies of it have not left: an edit stops none, a hold stops all, and
 * whoever edits is told which (G2, G7).
 */
import { beforeEach, expect, it } from 'vitest'
import { Trouble } from '../../src/domain/trouble.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import * as memberStore from '../../src/store/members.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'

const cast = await people()
const ONE = 'ACME-2026-0001'
const DAY = 86_400_000
let desk: NoticeWorld

beforeEach(async () => {
  desk = await noticeWorld(cast, { count: 1 })
})

/** The notice leaves; the server takes the first copy and asks to try the others later. */
async function leaveGreylisted(): Promise<void> {
  desk.world.pass(UNTIL_DUE)
  await desk.world.releaseOnce()
  desk.world.replies.push('accepted', 'deferred', 'deferred')
  await desk.world.settle()
  expect(desk.states()).toEqual(['released'])
  expect(await desk.noticed(ONE)).toHaveLength(1)
}

/** What Grace reads in answer to this message. */
async function answerTo(text: string): Promise<string> {
  await desk.command(cast.grace, ONE, text)
  const mine = desk.world.sentTo(cast.grace).slice(-3)
  const texts = await Promise.all(mine.map((mail) => desk.world.read(cast.grace, mail)))
  // A change is reminded of at once, too.
  const answers = texts.filter((read) => !read.includes('What to do:'))
  return (answers.at(-1) ?? '').replaceAll(/\s+/g, ' ')
}

it.each([
  ['/notice draft', '/notice draft\nseverity: high\n'],
  ['/embargo', '/embargo 2026-12-04T15:00:00Z\n']
])(
  '%s lets deferred copies go on and says so: nobody is left without the notice',
  async (_, text) => {
    await leaveGreylisted()
    expect(await answerTo(text)).toContain(
      '2 copies of revision 1 will still leave; /notice hold stops that.'
    )
    await desk.world.wait(DAY)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  }
)

it.each([
  ['in two mails', ['/notice hold\n', '/notice draft\nseverity: high\n']],
  ['in one mail', ['/notice hold\n/notice draft\nseverity: high\n']],
  ['the draft first', ['/notice draft\nseverity: high\n', '/notice hold\n']]
])('a hold and a draft, %s, stop what has not left, for good (G7)', async (_, mails) => {
  await leaveGreylisted()
  let answer = ''
  for (const text of mails) answer = await answerTo(text)
  expect(answer).not.toContain('still leave')
  await desk.world.wait(3 * DAY)
  expect(await desk.noticed(ONE)).toHaveLength(1)
})

it('a hold by the desk of the next revision stops none of the copies that were promised to go on', async () => {
  await leaveGreylisted()
  await answerTo(
    '/notice draft\nseverity: high\n/embargo 2026-12-18T12:00:00Z because the patch takes longer\n'
  )
  const members = ['debian', 'freebsd', 'suse']
  const had = await desk.noticed(ONE)
  const gone = members.find((id) => !had.includes(id)) ?? ''
  // The change would leave at once (B16): a member goes between its approval and its first copy.
  const { db, log } = desk.world.desk
  const approved = "SELECT 1 FROM notices WHERE state = 'scheduled'"
  let isRemoved = false
  Object.assign(desk.world.desk, {
    log: (entry: LogEvent) => {
      log(entry)
      if (isRemoved || desk.world.rows(approved).length === 0) return
      isRemoved = true
      db.transact((tx) => {
        memberStore.remove(tx, gone, desk.world.clock.now)
      })
    }
  })
  await desk.approve(ONE)
  expect([isRemoved, desk.states()]).toEqual([true, ['held']])
  const mine = desk.world.sentTo(cast.grace)
  const texts = await Promise.all(mine.map((mail) => desk.world.read(cast.grace, mail)))
  const text = texts.findLast((each) => each.includes('The advance notice is on hold')) ?? ''
  expect(text.replaceAll(/\s+/g, ' ')).toMatch(
    / 1 copy of revision 1, released before, will still leave/
  )
  await desk.world.wait(DAY)
  expect(await desk.noticed(ONE)).toEqual(members.filter((id) => id !== gone))
})

it('copies that the server puts off leave no line in the log, which would tell their number (G5)', async () => {
  const before = desk.world.log.length
  await leaveGreylisted()
  const lines = desk.world.log.slice(before).filter(({ event }) => event.includes('deferred'))
  expect(lines).toEqual([])
})

it('the next revision, once released, is the only one that still leaves: nobody reads the old one after it', async () => {
  await leaveGreylisted()
  await answerTo('/notice draft\nseverity: high\n')
  await desk.approve(ONE)
  await desk.world.wait(DAY)
  const late = cast.members.filter(({ address }) => {
    const mine = desk.world.accepted.filter(({ to }) => to === address)
    return mine.length === 1
  })
  expect(late).toHaveLength(2)
  for (const member of late) {
    const [mail] = desk.world.sentTo(member)
    expect(mail && (await desk.world.read(member, mail))).toMatch(/revision\s+2/)
  }
})

it('a hold is made although its alarm cannot be: no copy leaves, and it is told later (G7)', async () => {
  desk.world.pass(UNTIL_DUE)
  await desk.world.releaseOnce()
  // The wording of the configuration changes in the middle of the release, and a worker dies of the alarm.
  desk.world.desk.db.transact((tx) => tx.run("UPDATE notices SET state = 'releasing'"))
  Object.assign(desk.world.desk.settings, { noticeTemplate: 'other words' })
  const { workers } = desk.world.desk
  const seal = workers.seal.bind(workers)
  const dies: typeof seal = () =>
    Promise.reject(new Trouble('worker-crash', 'a worker died', { retryable: true }))
  Object.assign(workers, { seal: dies })
  await desk.world.settle()
  expect(desk.states()).toEqual(['held'])
  expect(await desk.noticed(ONE)).toEqual([])
  Object.assign(workers, { seal })
  await desk.world.wait(11 * 60_000)
  expect(desk.alarms('notice-held')).toBe(2)
})
