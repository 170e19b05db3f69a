/**
 * Copies of a notice after its instant: what a mail server puts off, what an edit or a hold stops, what no approval covers, and
 * changes after the list was told (B16, B22, G2, G5, G7).
 */

import { expect, it } from 'vitest'
import { record } from '../../src/desk/commit.ts'
import { aboutCase, BY_DESK, event } from '../../src/domain/event.ts'
import { addMs, formatInstant } from '../../src/domain/time.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import { type LogEvent } from '../../src/effects/events.ts'
import * as memberStore from '../../src/store/members.ts'
import { type Tx } from '../../src/store/sql.ts'
import * as desk from '../support/desk.ts'
import { bounceOf } from '../support/mail-parts.ts'
import { factsOf, someone } from '../support/world.ts'

const late = await someone('late', 'security@late.example')
const LATER = '/embargo 2026-12-07T12:00:00Z because a distribution needs three days more\n'
const UNAPPROVED = 'A change of the advance notice is not approved'

/** The list was told. */
async function givenReleased(): Promise<void> {
  await desk.givenNotices()
  await desk.world.wait(desk.UNTIL_DUE)
  expect(await desk.noticed()).toEqual(desk.ALL)
  desk.world.accepted.length = 0
}

async function reminders(): Promise<number> {
  return (await desk.textsTo(desk.linus)).filter(
    (text) => text.includes(UNAPPROVED) && text.includes(' can approve it.')
  ).length
}
function until(instant: string): number {
  return Date.parse(instant) - Date.parse(desk.world.clock.now)
}

it('(B16) a new date leaves at once when it is approved, to everybody who had the notice, and says first what changed', async () => {
  await givenReleased()
  await desk.writes(desk.grace, LATER)
  for (const member of desk.members) expect(await desk.textsTo(member)).toEqual([])
  expect(desk.recorded('change-proposed')).toEqual([
    {
      oldDate: '2026-12-04T12:00:00.000Z',
      date: '2026-12-07T12:00:00.000Z',
      approveBy: '2026-12-04T12:00:00.000Z'
    }
  ])
  await desk.approve()
  for (const member of desk.members) {
    const [copy = '', ...more] = await desk.textsTo(member)
    expect(more).toEqual([])
    const change = copy.indexOf('WHAT CHANGED SINCE REVISION 1')
    expect(change).toBeGreaterThan(0)
    expect(change).toBeLessThan(copy.indexOf('Product:'))
    expect(copy).toMatch(/was Fri 4 Dec 2026.*is now Mon 7 Dec 2026/)
  }
  const [ofChange = ''] = (await desk.alarmsTo(desk.linus)).filter((text) =>
    text.includes('is leaving')
  )
  expect(ofChange).toContain(
    'This was the change of the notice, revision 2. The disclosure is now Mon 7 Dec 2026'
  )
  expect(ofChange).toContain('it was Fri 4 Dec 2026')
})

it('(B17) members and the reporter read both dates of a change in the zones in which they were written, too', async () => {
  await givenReleased()
  const inNewYork = '/embargo 2026-12-07 14:00 America/New_York because a distribution needs it\n'
  await desk.writes(desk.grace, inNewYork)
  await desk.approve()
  desk.world.accepted.length = 0
  await desk.writes(desk.grace, LATER.replace('12-07', '12-08'))
  await desk.approve()
  for (const person of [...desk.members, desk.alice]) {
    const said = await desk.allTo(person)
    expect(said).toMatch(/[Ww]as Mon 7 Dec 2026, 19:00 UTC \(14:00 New York\)/)
    expect(said).toMatch(/is now Tue 8 Dec 2026, 12:00 UTC/)
  }
})

it('(B16) the reporter is told what changed: the names of the fields, and the new date beside the old one', async () => {
  await givenReleased()
  const severity = '/notice draft\nseverity: high, in every version\n'
  await desk.writes(desk.grace, severity, { patch: { filename: 'more.patch', content: '-' } })
  await desk.approve()
  const [change = '', ...more] = await desk.textsTo(desk.alice)
  expect(more).toEqual([])
  expect(change).toMatch(
    /What changed in the notice: Severity and Patches\. The date stays the same: the issue becomes public on Fri 4 Dec 2026/
  )
  expect(change).not.toMatch(/every version|more\.patch/)
  expect((await desk.alarmsTo(desk.linus)).at(-1)).toContain(
    'We write to alice@reporter.example about the change'
  )
  desk.world.accepted.length = 0
  await desk.writes(desk.grace, `${LATER}/notice draft\nmitigations: none\n`)
  await desk.approve()
  expect(await desk.allTo(desk.alice)).toMatch(
    /What else changed in the notice: Mitigations\. The date was Fri 4 Dec 2026.*It is now Mon 7 Dec 2026/
  )
})

it('(B16) the reporter is told nothing when nothing changed for those who read the notice', async () => {
  await givenReleased()
  await desk.world.addMember(late)
  await desk.approve()
  await desk.writes(desk.grace, '/notice draft\nseverity: high\n')
  expect(await desk.writes(desk.grace, '/notice draft\nseverity:\n')).toContain(
    'This is what the list has'
  )
  await desk.approve()
  expect(await desk.textsTo(late)).toHaveLength(1)
  expect(await desk.textsTo(desk.alice)).toEqual([])
  expect(desk.recorded('date-told')).toHaveLength(1)
})

it('(B16) a date that is moved back to what the list was told is no change: nothing leaves to the list, nobody is reminded, and the answer says that the list has it', async () => {
  await givenReleased()
  await desk.writes(desk.grace, LATER)
  expect(await desk.lastTo(desk.alice)).toContain('We now propose Mon 7 Dec 2026')
  const back = '/embargo 2026-12-04T14:00:00+02:00 because it was a mistake\n'
  const mark = desk.world.accepted.length
  expect(await desk.writes(desk.grace, back)).toContain('This is what the list has')
  expect(await desk.lastTo(desk.alice)).toMatch(
    /We are telling the private list .* public on Fri 4 Dec 2026/
  )
  expect(desk.noticeStates()).toEqual(['released'])
  expect(await desk.writes(desk.grace, '/notice preview\n')).toContain('Nothing has changed since')
  await desk.world.wait(2 * desk.DAY)
  for (const member of desk.members) expect(await desk.textsTo(member)).toEqual([])
  expect(await desk.allTo(desk.linus, mark)).not.toContain(UNAPPROVED)
  // The next change is compared with what the list has.
  await desk.writes(desk.grace, LATER)
  await desk.approve()
  expect((await desk.textsTo(desk.debian))[0]).toMatch(/was Fri 4 Dec 2026.*is now Mon 7 Dec 2026/)
  expect((await desk.textsTo(desk.debian))[0]).toContain('revision 2')
})

it('(B16) a date that is moved and moved back in one message tells the list nothing, and the reporter no other date', async () => {
  await givenReleased()
  const back = '/embargo 2026-12-04T12:00:00Z because it was a mistake\n'
  expect(await desk.writes(desk.grace, `${LATER}${back}`)).toContain('This is what the list has')
  await desk.world.wait(desk.DAY)
  for (const member of desk.members) expect(await desk.textsTo(member)).toEqual([])
  expect(await desk.allTo(desk.alice)).not.toContain('7 Dec')
})

it('(B16) a member who had no notice yet gets the present revision as the first one, without what changed', async () => {
  await givenReleased()
  await desk.world.addMember(late)
  await desk.writes(desk.grace, '/notice draft\nseverity: high\n')
  await desk.approve()
  const [copy = ''] = await desk.textsTo(late)
  expect(copy).toContain('revision 2')
  expect(copy).not.toContain('WHAT CHANGED')
  expect((await desk.textsTo(desk.debian))[0]).toContain('- Severity: new, see below')
})

it('(B6) a notice that has left unchanged can be neither previewed nor approved, and the answer says since when', async () => {
  await givenReleased()
  for (const line of ['/notice preview\n', `/notice approve ${desk.code()}\n`])
    expect(await desk.writes(desk.linus, line)).toMatch(
      /refused: Nothing has changed since the notice was sent, Fri 27 Nov 2026/
    )
  await desk.world.addMember(late)
  await desk.approve()
  expect(await desk.textsTo(late)).toHaveLength(1)
})

it('(B16, B9) a change that was on hold still says what changed when it is approved; until then /status says what the list has, and who holds the change and why', async () => {
  await givenReleased()
  await desk.writes(desk.grace, LATER)
  await desk.writes(desk.grace, '/notice hold because the patch is wrong\n')
  const held = await desk.writes(desk.linus, '/status\n')
  for (const says of [
    'revision 2, on hold by Grace, because: the patch is wrong; the list has revision 1 (3 copies sent, disclosure Fri 4 Dec 2026, 12:00 UTC)',
    'Due: Fri 4 Dec 2026, 12:00 UTC: The list has to know the change by then.'
  ])
    expect(held).toContain(says)
  const mark = desk.world.accepted.length
  await desk.approve()
  // The update for Grace is written when the change is approved and has not left yet.
  const updates = await desk.textsTo(desk.grace, mark)
  const [approved = ''] = updates.filter((text) => text.includes('scheduled the notice'))
  expect(approved).toContain('it leaves at once')
  expect(approved).not.toContain('as soon as it is approved')
  expect((await desk.textsTo(desk.debian))[0]).toContain('WHAT CHANGED SINCE REVISION 1')
})

it('(B16) with an earlier new date they are reminded every hour before that one, and read both dates and what else changed', async () => {
  await givenReleased()
  await desk.writes(desk.grace, `/embargo 2026-12-01T12:00Z because exploited\n${EDIT}`)
  await desk.world.wait(until('2026-12-01T09:30:00Z'))
  const before = await reminders()
  for (const hour of [1, 2]) {
    await desk.world.wait(desk.HOUR)
    expect(await reminders()).toBe(before + hour)
  }
  const alarm = (await desk.alarmsTo(desk.linus)).at(-1)
  expect(alarm).toMatch(
    /The disclosure is now Tue 1 Dec 2026, 12:00 UTC; the list still goes by Fri 4 Dec 2026, 12:00 UTC\. It does not know yet what else has changed in the notice: Severity\. Please approve the change before Tue 1 Dec 2026, 12:00 UTC\./
  )
  expect(alarm).toContain(
    'has to know the change by then. To approve it: /notice preview, then /notice approve'
  )
  await desk.world.wait(desk.HOUR / 2)
  expect((await desk.alarmsTo(desk.linus)).at(-1)).toContain(
    'The disclosure date has passed. What to do: Please record the disclosure'
  )
})

it('(B16) a date that is moved again is reminded of anew only if that changes until when the list must know it', async () => {
  await givenReleased()
  const moves = (instant: string) =>
    desk.writes(desk.grace, `/embargo ${instant} because we test\n`)
  for (const [instant, count] of [
    ['2026-12-07T12:00Z', 1],
    ['2026-12-08T12:00Z', 1],
    ['2026-12-01T12:00Z', 2],
    ['2026-12-07T12:00Z', 3]
  ] as const) {
    await moves(instant)
    await desk.world.wait(0)
    expect([instant, await reminders()]).toEqual([instant, count])
  }
  expect((await desk.alarmsTo(desk.linus)).at(-1)).toContain(
    'is now Mon 7 Dec 2026, 12:00 UTC; the list still goes by Fri 4 Dec 2026, 12:00 UTC. Please approve the change before Fri 4 Dec 2026, 12:00 UTC.'
  )
})

it('(B16, G7) a desk that was down over the old date sends nobody the change before it is approved, tells the maintainers, and then sends it at once', async () => {
  await givenReleased()
  await desk.writes(desk.grace, LATER)
  desk.world.accepted.length = 0
  desk.world.pass(until('2026-12-04T18:00:00Z'))
  await desk.restarts()
  for (const person of [...desk.members, desk.alice]) expect(await desk.textsTo(person)).toEqual([])
  expect(await reminders()).toBe(1)
  await desk.approve()
  const change = expect.stringMatching(/[Ww]as Fri 4 Dec 2026.*is now Mon 7 Dec 2026/)
  for (const person of [...desk.members, desk.alice])
    expect(await desk.textsTo(person)).toEqual([change])
})

/** Notices whose copies are all put off at the first attempt, approved anew after a jump of the clock where one is given. */
async function givenPutOff(count: number, more = '', jump = 0): Promise<void> {
  await desk.givenNotices({ count, fields: `${desk.FIELDS}${more}` })
  if (jump > 0) {
    await desk.jumps(jump)
    await desk.writes(desk.grace, '/notice hold\n')
    await desk.approve()
  }
  desk.world.pass(desk.UNTIL_DUE - jump)
  // Copies of several notices to one member leave one after the other, with other messages between them.
  putOff(count === 1 ? 3 : 99)
  await desk.world.settle()
  desk.world.replies.length = 0
  expect(await desk.noticed()).toEqual([])
}

function putOff(count: number): void {
  desk.world.replies.push(...Array.from({ length: count }, () => 'deferred' as const))
}
function whose(kind: string): string[] {
  const sql = "SELECT about ->> 'member' AS member FROM events WHERE kind = ? ORDER BY member"
  return desk.world.column(sql, [kind])
}

it('(B22) a copy that still waits when it counts as late is an alarm that names the member by id, once; when it leaves after all, that is on the record, and no alarm follows', async () => {
  await givenPutOff(1)
  await desk.world.wait(16 * desk.MINUTE)
  expect(whose('copy-waits')).toEqual(desk.ALL)
  expect(desk.alarms('copy-waits:')).toBe(2)
  expect(await desk.allTo(desk.grace)).toContain('in time: debian, freebsd, suse.')
  expect(await desk.noticed()).toEqual(desk.ALL)
  expect(whose('copy-left')).toEqual(desk.ALL)
  await desk.world.wait(9 * desk.DAY)
  expect([desk.alarms('copy-waits:'), desk.alarms('copy-late:')]).toEqual([2, 0])
})

it('(B22) after the disclosure no copy leaves, on a clock that an approval settled, too: the member is told that the embargo is over, and at its next end anew; the maintainers that it was late', async () => {
  await givenPutOff(1, 'title: Heap overflow\ncve: CVE-2026-12345\n', 10 * desk.MINUTE)
  await desk.world.wait(9 * desk.DAY)
  expect(await desk.noticed()).toEqual([])
  expect(whose('copy-dropped')).toEqual(desk.ALL)
  for (const member of desk.members) {
    const said = await desk.allTo(member)
    expect(said).toContain('did not reach you before the issue became public')
    expect(said).toMatch(
      /What is public now: Heap overflow, CVE-2026-12345\. If you reply, please name our case/
    )
    expect(said).not.toContain('EMBARGO, ')
  }
  expect(desk.alarms('copy-late:')).toBe(2)
  expect(await desk.allTo(desk.grace)).toContain('never got their copy: ')
  await desk.writes(desk.grace, '/embargo 2027-01-04T12:00:00Z because the release slipped\n')
  await desk.approve()
  // Nobody on the list had the notice: it is no change, and leaves by its lead.
  await desk.world.wait(until('2026-12-28T13:00Z'))
  expect(await desk.noticed()).toEqual(desk.ALL)
  await desk.writes(desk.grace, '/disclosed because it leaked\n', { after: desk.HOUR })
  const told = ['notice', 'embargo-ended']
  for (const member of desk.members) expect(desk.kindsTo(member)).toEqual([...told, ...told])
})

it('(B22) after an early /disclosed no copy leaves either, whatever the clock says: the members are told when the embargo ended, the maintainers that it was late', async () => {
  await givenPutOff(1)
  putOff(40)
  await desk.jumps(10 * desk.MINUTE)
  desk.world.replies.length = 0
  await desk.writes(desk.grace, '/disclosed because it leaked\n', { after: desk.MINUTE })
  expect(await desk.allTo(desk.grace)).toContain(
    '3 copies of the notice had not left and will not leave; we tell their members'
  )
  const said = formatInstant(desk.world.clock.now, desk.world.desk.settings.desk.timezone)
  await desk.world.wait(6 * desk.HOUR)
  expect(await desk.noticed()).toEqual([])
  expect(whose('copy-dropped')).toEqual(desk.ALL)
  for (const member of desk.members) {
    expect(await desk.allTo(member)).toContain('did not reach you before the issue became public')
    expect(await desk.allTo(member)).toContain(`The embargo ended on ${said}`)
  }
  const alarm = await desk.allTo(desk.grace)
  expect(alarm).toContain('never got their copy: ')
  // Nobody says that a notice of which no copy left was sent.
  expect(alarm).not.toContain('advance notice sent')
  expect(await desk.writes(desk.grace, '/status\n')).toMatch(/Advance notice: revision 1, not sent/)
  // Nobody says that a date has come which lies ahead.
  expect(alarm).not.toContain('date in the notice has come')
  expect(desk.alarms('copy-late:')).toBe(2)
})

it.each([
  ['', 'without a change', true],
  [
    '/embargo 2026-12-01T12:00Z because exploited\n',
    'after an earlier date that was not approved',
    true
  ],
  ['/embargo 2026-11-27T20:00Z because exploited\n', 'after an earlier date that came', false]
])(
  '(B22) "%s/disclosed" %s tells the members who had the notice at once that the embargo is over, where they go by a later date: %s',
  async (change, _when, isTold) => {
    await givenReleased()
    await desk.world.addMember(late)
    if (change !== '') await desk.writes(desk.grace, change)
    if (!isTold) await desk.approve()
    await desk.world.wait(until('2026-12-01T13:00Z'))
    const before = desk.world.accepted.length
    // Perhaps for one of several readers: it counts as sent.
    desk.world.change("UPDATE outbox SET bounced_at = sent_at WHERE recipient_id = 'suse'")
    const answer = await desk.writes(desk.grace, '/disclosed because it leaked\n')
    const said = formatInstant(desk.world.clock.now, desk.world.desk.settings.desk.timezone)
    for (const member of desk.members)
      expect(await desk.textsTo(member, before)).toEqual(
        isTold
          ? [
              expect.stringMatching(
                `before the date in the notice. The embargo ended on ${said.replace(/[()]/g, '.')} .*The notice had no patches`
              )
            ]
          : []
      )
    expect(await desk.textsTo(late, before)).toEqual([])
    // As with copies, their lines would tell how long the list is (G5).
    expect(JSON.stringify(desk.world.log)).not.toContain('embargo-ended')
    const words = '3 members of the list, to whom we sent the notice, that the embargo is over'
    expect(answer.includes(`We tell ${words}.`)).toBe(isTold)
    expect((await desk.allTo(desk.linus, before)).includes(`told ${words}`)).toBe(isTold)
    await desk.world.wait(9 * desk.DAY)
    expect(await desk.textsTo(desk.debian, before)).toHaveLength(isTold ? 1 : 0)
  }
)

it.each([
  ['takes', 'an early end', '/disclosed because it leaked\n', ['notice', 'embargo-ended']],
  ['puts off', 'an early end', '/disclosed because it leaked\n', ['notice', 'embargo-ended']],
  ['takes', 'the date in it', 'a note\n', ['notice']]
])(
  '(B22) a copy on its way is not late: what SMTP %s after %s is told of in true words, and other mail goes on',
  async (does, end, text, kinds) => {
    await desk.givenNotices()
    desk.world.isSlowTo(desk.members.map(({ address }) => address))
    await desk.world.wait(desk.UNTIL_DUE)
    await desk.writes(desk.grace, text, {
      after: end === 'an early end' ? 2 * desk.MINUTE : 8 * desk.DAY
    })
    expect(desk.recorded('copy-dropped')).toEqual([])
    if (does === 'puts off') putOff(3)
    await desk.world.answersAtLast()
    await desk.world.wait(desk.DAY)
    expect(await desk.noticed()).toEqual(does === 'puts off' ? [] : desk.ALL)
    expect(whose('copy-dropped')).toEqual(does === 'puts off' ? desk.ALL : [])
    for (const member of desk.members) {
      expect(desk.kindsTo(member)).toEqual(kinds)
      expect(await desk.allTo(member)).not.toMatch(/It did not reach you|You have our/)
    }
    expect(desk.world.rows("SELECT id FROM outbox WHERE state IN ('queued', 'sending')")).toEqual(
      []
    )
  }
)

it('(G9) an outcome that cannot be recorded stops no other, and people are told', async () => {
  await desk.givenNotices()
  desk.world.isSlowTo(desk.members.map(({ address }) => address))
  await desk.world.wait(desk.UNTIL_DUE)
  desk.world.change("UPDATE outbox SET state = 'held' WHERE recipient_id = 'suse'")
  await desk.world.answersAtLast()
  expect(copies().sort()).toEqual(['held', 'sent', 'sent'])
  expect(await desk.allTo(desk.grace)).toContain('Failed at: outcome of message')
})

it('(B22) a copy that becomes late after the first alarm of its revision is an alarm, too', async () => {
  await givenPutOff(1)
  // As one that was made an hour later, with another key.
  const made = addMs(desk.world.clock.now, desk.HOUR)
  desk.world.change("UPDATE outbox SET created_at = ? WHERE recipient_id = 'suse'", [made])
  for (const late of [16, 60]) {
    putOff(3)
    await desk.world.wait(late * desk.MINUTE)
  }
  expect(desk.alarms('copy-waits:')).toBe(4)
  const said = await desk.allTo(desk.grace)
  expect(said).toContain('in time: debian, freebsd.')
  expect(said).toContain('in time: suse.')
})

it('(B22) copies of a change that wait on the same day are an alarm of their own', async () => {
  await givenPutOff(1)
  await desk.world.wait(16 * desk.MINUTE)
  expect(desk.alarms('copy-waits:')).toBe(2)
  await desk.world.wait(desk.HOUR)
  await desk.writes(desk.grace, '/embargo 2026-11-27T20:00Z because exploited\n')
  const isCopy = (): boolean =>
    desk.world.rows("SELECT id FROM outbox WHERE state = 'sending' AND kind = 'notice'").length > 0
  Object.assign(desk.world.replies, { shift: () => (isCopy() ? 'deferred' : 'accepted') })
  await desk.approve()
  const mark = desk.world.accepted.length
  expect(await desk.writes(desk.grace, '/status\n')).toContain('revision 2, leaving now')
  for (let quarter = 0; quarter < 3; quarter += 1) await desk.world.wait(15 * desk.MINUTE)
  expect(desk.alarms('copy-waits:')).toBe(4)
  // It is approved, and nobody says otherwise.
  expect(await desk.allTo(desk.linus, mark)).not.toContain(UNAPPROVED)
})

it('(A3, B6, B16) a change of which no copy could leave is on hold, and said to be, also if one of the earlier revision leaves meanwhile: nobody reads that the list was told, everybody is reminded daily, and a new approval sends it again', async () => {
  await desk.givenNotices()
  desk.world.isSlowTo([desk.suse.address])
  await desk.world.wait(desk.UNTIL_DUE)
  await desk.writes(desk.grace, LATER)
  desk.world.isSlowTo(desk.members.map(({ address }) => address))
  const mark = desk.world.accepted.length
  await desk.approve()
  desk.world.replies.push('accepted', 'rejected', 'rejected', 'rejected')
  await desk.world.answersAtLast()
  expect([await desk.noticed(), desk.noticeStates()]).toEqual([desk.ALL, ['held']])
  expect(desk.recorded('list-told')).toMatchObject([{ revision: 1 }])
  const said = await desk.allTo(desk.linus, mark)
  expect(said).toContain(
    'Revision 2 of the advance notice has reached nobody: no copy of it could be sent to any member'
  )
  // Its approval is void, so the operator cannot send a copy again.
  expect(said).toContain('did not get the notice')
  expect(said).not.toMatch(/outbox retry (?!.*While the notice is on hold)|did not leave again/)
  expect(await desk.lastTo(desk.alice)).toContain(
    'becomes public on another date, and we are telling the private list'
  )
  const status = await desk.writes(desk.grace, '/status\n')
  expect(status).toContain('revision 2, on hold by the desk, because no copy of it could be sent')
  expect(status).not.toContain('notice sent')
  const held = desk.world.accepted.length
  for (let day = 0; day < 2; day += 1) await desk.world.wait(desk.DAY)
  const reminded = (await desk.alarmsTo(desk.linus, held)).filter((text) =>
    text.includes(UNAPPROVED)
  )
  expect(reminded).toHaveLength(2)
  await desk.approve()
  for (const member of desk.members)
    expect(await desk.lastTo(member)).toContain('WHAT CHANGED SINCE REVISION 1')
})

it('(G8) the record says that the copy of a member who is taken off the list while it waits does not leave; nobody is alarmed', async () => {
  await givenPutOff(1)
  desk.world.desk.db.transact((tx) => memberStore.remove(tx, 'suse', desk.world.clock.now))
  await desk.world.wait(20 * desk.MINUTE)
  expect(desk.recorded('copy-dropped')).toMatchObject([{ member: 'suse', because: 'not-listed' }])
  expect(await desk.noticed()).toEqual(['debian', 'freebsd'])
  await desk.world.wait(9 * desk.DAY)
  expect(desk.recorded('copy-dropped')).toHaveLength(1)
  expect(desk.alarms('copy-late:')).toBe(0)
  expect(await desk.textsTo(desk.suse)).toEqual([])
})

it.each([true, false])(
  '(B22, G5) a member who was taken off and comes back with another key, the desk looking in between: %s, is named by id until a new approval sends a copy for that key',
  async (isLookedAt) => {
    await givenPutOff(1)
    desk.world.desk.db.transact((tx) => memberStore.remove(tx, 'suse', desk.world.clock.now))
    if (isLookedAt) await desk.world.settle()
    const back = { ...(await someone('suse', desk.suse.address)), id: 'suse' }
    desk.world.pass(1000)
    await desk.world.addMember(back)
    await desk.world.wait(desk.HOUR)
    expect(desk.alarms('copy-missing:')).toBe(2)
    expect(await desk.allTo(desk.grace)).toContain(
      'after the notice had left, and do not have it: suse.'
    )
    expect(await desk.writes(desk.grace, '/status\n')).toContain(
      '1 member of the list does not have it'
    )
    await desk.approve()
    await desk.world.wait(desk.HOUR)
    expect(desk.recorded('notice-left')).toMatchObject([
      { sent: 3, held: 0 },
      { sent: 3, held: 0 }
    ])
    expect(await desk.textsTo(back)).toEqual([expect.stringContaining('EMBARGO')])
    expect(await desk.writes(desk.grace, '/status\n')).not.toContain('not have it')
    expect(desk.alarms('copy-missing:')).toBe(2)
  }
)

it('(B22) a copy that came back did not reach its member: the alarm offers what works, and a new approval sends another one', async () => {
  await givenReleased()
  const copy = desk.world.rows<{ id: string }>(
    "SELECT message_id AS id FROM outbox WHERE recipient_id = 'suse'"
  )
  await desk.world.receive(Buffer.from(bounceOf(copy[0]?.id ?? '')))
  const alarm = (await desk.alarmsTo(desk.linus)).at(-1)
  expect(alarm).toMatch(
    /What to do: Please reach the person another way\. For another copy .* CODE/
  )
  expect(alarm).not.toContain('outbox retry')
  await desk.approve()
  expect(await desk.textsTo(desk.suse)).toHaveLength(1)
  expect(await desk.textsTo(desk.debian)).toEqual([])
})

it('(A2) a copy that came back because it was too large goes again without its patches, once, and counts as sent', async () => {
  await givenReleased()
  const patch = { filename: 'big.patch', content: 'NOT SMALL '.repeat(60_000) }
  await desk.writes(desk.grace, '/notice draft\nseverity: high\n', { patch, isCompressed: true })
  await desk.approve()
  const [id] = desk.world.column<string>(
    "SELECT message_id FROM outbox WHERE recipient_id = 'suse' AND form = 'spare'"
  )
  desk.world.accepted.length = 0
  await desk.world.receive(Buffer.from(bounceOf(id ?? '', '5.3.4')))
  const [says = '', ...more] = await desk.textsTo(desk.suse)
  expect(more).toEqual([])
  expect(says).toMatch(/PATCHES \(not attached\)\s+A mail server takes no message of that size\./)
  expect(says).toMatch(/big\.patch, 600000 bytes\s+SHA-256/)
  expect(says).toContain('Severity')
  expect(desk.world.accepted.map(({ to }) => to)).toEqual([desk.suse.address])
  expect(await desk.writes(desk.grace, '/status\n')).not.toContain('not have it')
  await desk.world.receive(Buffer.from(bounceOf(id ?? '', '5.3.4 again')))
  expect(await desk.textsTo(desk.suse)).toHaveLength(1)
  expect(desk.recorded('undelivered')).toHaveLength(1)
})

it('(B22) the alarm of late copies says of each member what the member was told, and why others were told nothing', async () => {
  await givenPutOff(1)
  desk.world.change("UPDATE members SET state = 'removed' WHERE id = 'suse'", [])
  await desk.world.wait(9 * desk.DAY)
  const work = { now: desk.world.clock.now }
  const said = await desk.allTo(desk.grace)
  expect(said).toContain('Told that the embargo is over: debian, freebsd.')
  expect(said).toContain('Told nothing, because not active on the list any more: suse.')
  expect(said).not.toContain('the new date is not approved yet')
  await desk.world.wait(desk.DAY)
  const before = desk.world.accepted.length
  const moved = { member: 'fedora', because: 'date-moved' } as const
  const over = { member: 'gentoo', because: 'public' } as const
  desk.world.desk.db.transact((tx) => {
    for (const about of [moved, over])
      record(tx, event('copy-dropped', aboutCase(desk.FIRST), BY_DESK, about), work)
  })
  await desk.world.wait(desk.DAY)
  const mixed = await desk.allTo(desk.grace, before)
  expect(mixed).toContain('Told that the embargo is over: gentoo.')
  expect(mixed).toContain('Told nothing, because the new date is not approved yet: fedora.')
  expect(mixed).toContain('it reaches fedora as their first notice.')
})

it('(G9) a notice whose late copies show a bug stops those of no other, and people are told', async () => {
  await givenPutOff(2)
  desk.world.pass(9 * desk.DAY)
  desk.world.workers.failSeal = (said) =>
    said.includes('The embargo is over') && said.includes(desk.FIRST)
      ? new TypeError('a bug at this notice')
      : null
  await desk.world.settle()
  const dropped = "SELECT DISTINCT subject_id FROM events WHERE kind = 'copy-dropped'"
  expect(desk.world.column(dropped)).toEqual([desk.SECOND])
  expect(await desk.allTo(desk.grace)).toContain(`copies of the notice of ${desk.FIRST}`)
})

it('(G7, B22) a doubted clock takes no copy back and tells nobody that an embargo is over; people are told of the doubt and of the copies that wait', async () => {
  await givenPutOff(1)
  putOff(3)
  await desk.jumps(9 * desk.DAY)
  expect(desk.alarms('clock-jumped:')).toBe(2)
  expect(whose('copy-waits')).toEqual(desk.ALL)
  expect(desk.alarms('copy-waits:')).toBe(2)
  expect(whose('copy-dropped')).toEqual([])
  expect(await desk.noticed()).toEqual([])
})

/** The notice leaves; the server takes the first copy and asks to try the others later. */
async function leaveGreylisted(): Promise<void> {
  await desk.givenNotices()
  desk.world.pass(desk.UNTIL_DUE)
  await desk.world.releaseOnce()
  desk.world.replies.push('accepted', 'deferred', 'deferred')
  await desk.world.settle()
  expect(desk.noticeStates()).toEqual(['released'])
  expect(await desk.noticed()).toHaveLength(1)
}
const EDIT = '/notice draft\nseverity: high\n'

/** The answer that Grace reads to this message; a change makes a reminder at once, too. */
async function answerTo(text: string): Promise<string> {
  await desk.writes(desk.grace, text)
  const texts = (await desk.textsTo(desk.grace)).slice(-3)
  return texts.findLast((read) => !read.includes('What to do:')) ?? ''
}

it.each([EDIT, '/embargo 2026-12-04T15:00:00Z\n'])(
  '%j lets deferred copies go on and says so: nobody is left without the notice (G2), and no line in the log tells their number (G5)',
  async (text) => {
    await leaveGreylisted()
    expect(desk.world.log.filter(({ event }) => event.includes('deferred'))).toEqual([])
    expect(await answerTo(text)).toContain(
      '2 copies of revision 1 will still leave; /notice hold stops that.'
    )
    await desk.world.wait(desk.DAY)
    expect(await desk.noticed()).toEqual(desk.ALL)
  }
)

it('(G7, B16) while no copy of a notice has left, only a hold stops it, and the date that is set then is no change: it leaves by its lead', async () => {
  await givenPutOff(1)
  for (const text of [EDIT, LATER, `/notice hold\n${LATER}`])
    expect(await answerTo(text)).toContain('The notice is leaving at this moment. Please try')
  await desk.writes(desk.grace, '/notice hold\n')
  expect(await answerTo(LATER)).toContain('Once approved, the notice leaves Mon 30 Nov 2026')
  await desk.approve()
  await desk.world.wait(until('2026-11-30T11:00Z'))
  expect(await desk.noticed()).toEqual([])
  await desk.world.wait(2 * desk.HOUR)
  expect(await desk.noticed()).toEqual(desk.ALL)
  expect(await desk.allTo(desk.debian)).not.toContain('WHAT CHANGED')
})

it.each([true, false])(
  '(G7, B22) no deferred copy leaves after an earlier date that is not approved yet; it goes on when the date is moved back (%s), or is taken back with the date in it, and its member told what is public',
  async (isBack) => {
    await leaveGreylisted()
    await desk.writes(desk.grace, '/embargo 2026-11-27T12:01:00Z because it is exploited\n')
    await desk.world.wait(desk.DAY)
    expect(await desk.noticed()).toHaveLength(1)
    if (isBack)
      await desk.writes(desk.grace, '/embargo 2026-12-04T12:00:00Z because it was a mistake\n')
    await desk.world.wait(7 * desk.DAY)
    expect(await desk.noticed()).toHaveLength(isBack ? 3 : 1)
    const lost = { because: 'public' }
    expect(desk.recorded('copy-dropped')).toMatchObject(isBack ? [] : [lost, lost])
  }
)

it.each([
  ['in two mails', ['/notice hold\n', EDIT]],
  ['in one message', [`/notice hold\n${EDIT}`]],
  ['the draft first', [EDIT, '/notice hold\n']]
])('a hold and a draft, %s, stop what has not left, for good (G7)', async (_, mails) => {
  await leaveGreylisted()
  let answer = ''
  for (const text of mails) answer = await answerTo(text)
  expect(answer).not.toContain('still leave')
  await desk.world.wait(3 * desk.DAY)
  expect(await desk.noticed()).toHaveLength(1)
})

it('a hold by the desk of the next revision stops none of the copies that were promised to go on', async () => {
  await leaveGreylisted()
  await answerTo(`${EDIT}/embargo 2026-12-18T12:00:00Z because the patch takes longer\n`)
  const had = await desk.noticed()
  const gone = desk.ALL.find((id) => !had.includes(id)) ?? ''
  // The change would leave at once (B16): a member goes between its approval and its first copy.
  const { db, log } = desk.world.desk
  let isRemoved = false
  Object.assign(desk.world.desk, {
    log: (entry: LogEvent) => {
      log(entry)
      if (isRemoved || desk.noticeStates()[0] !== 'scheduled') return
      isRemoved = true
      db.transact((tx) => memberStore.remove(tx, gone, desk.world.clock.now))
    }
  })
  await desk.approve()
  expect([isRemoved, desk.noticeStates()]).toEqual([true, ['held']])
  const texts = await desk.textsTo(desk.grace)
  const text = texts.findLast((each) => each.includes('The advance notice is on hold')) ?? ''
  expect(text).toMatch(/ 1 copy of revision 1, released before, will still leave/)
  await desk.world.wait(desk.DAY)
  expect(await desk.noticed()).toEqual(desk.ALL.filter((id) => id !== gone))
})

it('a notice is held although its alarm cannot be made: no copy leaves, and the alarm follows later (G7)', async () => {
  await desk.givenNotices()
  desk.world.pass(desk.UNTIL_DUE)
  await desk.world.releaseOnce()
  // The wording of the configuration changes in the middle of the release, and a worker dies of the alarm.
  desk.world.change("UPDATE notices SET state = 'releasing'")
  Object.assign(desk.world.desk.settings, { noticeTemplate: 'other words' })
  desk.world.workers.failSeal = () =>
    new Trouble('worker-crash', 'a worker died', { retryable: true })
  await desk.world.settle()
  expect(desk.noticeStates()).toEqual(['held'])
  expect(await desk.noticed()).toEqual([])
  desk.world.workers.failSeal = null
  await desk.world.wait(11 * desk.MINUTE)
  expect(desk.alarms('notice-held')).toBe(2)
})

/** `postern members` commits just before the release begins; everything that was judged is read already. */
function justBefore(change: (tx: Tx) => void): void {
  const { db } = desk.world.desk
  const { transact } = db
  const meanwhile: typeof transact = (work) => {
    Object.assign(db, { transact })
    transact(change)
    return transact(work)
  }
  Object.assign(db, { transact: meanwhile })
}

it.each([
  ['comes', 0],
  ['comes', 2 * desk.HOUR],
  ['was taken off', 0]
])(
  'a notice is held when a member %s between its judging and its first step, %d ms after its time: nobody gets what nobody approved (G5, G7, M-27)',
  async (what, lateMs) => {
    await desk.givenNotices()
    desk.world.pass(desk.UNTIL_DUE + lateMs)
    const { keyData, id, name, address } = late
    const { now } = desk.world.clock
    const { fingerprint, expiresAt: keyExpiresAt, signingKeys } = await factsOf(keyData, now)
    const on = { products: ['parser'], state: 'active', addedAt: now, signingKeys } as const
    justBefore((tx) => {
      if (what === 'was taken off') memberStore.remove(tx, 'suse', now)
      else memberStore.add(tx, { ...on, id, name, address, keyData, fingerprint, keyExpiresAt })
    })
    await desk.world.settle()
    expect(desk.noticeStates()).toEqual(['held'])
    expect(desk.world.rows('SELECT id FROM deliveries')).toEqual([])
    expect([desk.alarms('notice-held'), desk.alarms('notice-late')]).toEqual([2, 0])
    expect(desk.world.sentTo(late)).toEqual([])
    expect(await desk.noticed()).toEqual([])
  }
)

/** The states of the copies that wait here. */
function copies(): string[] {
  return desk.world.column("SELECT state FROM outbox WHERE audience = 'member'")
}

it('copies that wait while the notice is held never leave with the old words: each member gets one copy of the approved ones (G7)', async () => {
  await givenPutOff(1)
  expect(new Set(copies())).toEqual(new Set(['queued']))
  await desk.writes(desk.grace, '/notice hold\n')
  expect(desk.noticeStates()).toEqual(['held'])
  Object.assign(desk.world.desk.settings.desk, { name: 'The Other Team' })
  desk.world.restart()
  await desk.approve()
  await desk.world.wait(desk.HOUR)
  expect(desk.noticeStates()).toEqual(['released'])
  const renamed = expect.stringContaining('The Other Team')
  for (const member of desk.members) expect(await desk.textsTo(member)).toEqual([renamed])
})

it('copies that wait while the notice is held leave byte for byte when the same words are approved again', async () => {
  await desk.givenNotices()
  desk.world.pass(desk.UNTIL_DUE)
  await desk.world.releaseOnce()
  const hashes = 'SELECT recipient_id, raw_sha256 FROM outbox WHERE notice_id = 1 ORDER BY id'
  const before = desk.world.rows(hashes)
  await desk.writes(desk.grace, '/notice hold\n')
  await desk.approve()
  await desk.world.wait(desk.HOUR)
  expect(desk.world.rows(hashes)).toEqual(before)
  expect(await desk.noticed()).toEqual(desk.ALL)
})
