/** Clocks ring: from the record, once for each person, never before their time, and again when what they said did not arrive. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { readPolicy } from '../../src/config/policy-file.ts'
import { type Clock } from '../../src/domain/clock.ts'
import {
  aboutCase,
  BY_DESK,
  BY_OPERATOR,
  BY_SOMEBODY,
  byMaintainer,
  DESK,
  event,
  type NewEvent,
  NO_EVIDENCE
} from '../../src/domain/event.ts'
import { type CaseTag, type Sha256 } from '../../src/domain/ids.ts'
import { addMs, formatInstant, type Instant, msBetween } from '../../src/domain/time.ts'
import * as eventStore from '../../src/store/events.ts'
import { OF_CASES } from '../support/built-in-clocks.ts'
import {
  alarmsTo,
  alice,
  answering,
  attachedKey,
  bob,
  DAY,
  DISCLOSURE,
  days,
  FIRST,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReport,
  grace,
  HOUR,
  jumps,
  keyOf,
  lastTo,
  latest,
  linus,
  MINUTE,
  members,
  onTheWay,
  preset,
  type ReportOptions,
  recorded,
  restarts,
  SECOND,
  sentSince,
  world,
  writes
} from '../support/desk.ts'
import { bounceOf, headerOf, splitPart } from '../support/mail-parts.ts'
import { tempFolder } from '../support/temp.ts'
import { type Someone, START, someone } from '../support/world.ts'
import { POLICY, PRODUCT } from '../unit/policy/samples.ts'

const CASE = aboutCase(FIRST)
const GRACE = byMaintainer('grace')

/** As a policy states it. */
const ANSWER: Clock = {
  id: 'answer',
  subjects: ['case'],
  starts: ['opened'],
  stops: ['answered', 'rejected'],
  counts: 'first',
  key: null,
  since: [],
  until: null,
  from: 'receivedAt',
  due: { within: { hours: 48 } },
  firmness: 'hard',
  steps: [
    { at: { percent: 50 }, tell: ['owner'] },
    { at: { percent: 80 }, tell: ['everybody'] },
    { at: { after: { hours: 0 }, every: { days: 1 } }, tell: ['everybody'] }
  ],
  message: 'reminder',
  title: 'The reporter waits for an answer',
  risk: 'No person has answered the reporter yet.',
  remedy: 'Please answer with /reply.',
  quote: 'Within 48 hours.'
}

async function givenCase(more: ReportOptions = {}): Promise<void> {
  const maintainers = [grace, { ...linus, roles: ['committer' as const] }]
  const policy = { clocks: [...OF_CASES, ANSWER] }
  await givenReport({ maintainers, policy, autocrypt: false, ...more })
}

/** Puts events on the record as those who make them do. */
async function given(...events: readonly NewEvent[]): Promise<void> {
  world.desk.db.transact((tx) => {
    for (const one of events)
      eventStore.append(tx, one, { at: world.clock.now, evidence: NO_EVIDENCE })
  })
  await world.settle()
}

/** The rings, in the columns of `what`: `answer percent 50 grace`. */
function rings(what: string, where: string): string[] {
  const sql = `SELECT ${what} FROM rings WHERE ${where} ORDER BY at, recipient`
  return world.column(sql).map((one) => one.replaceAll(/[ {}":,]+/g, ' ').trim())
}
function rung(): string[] {
  const where = "subject_kind = 'case' AND at IS NOT NULL"
  return rings("clock || ' ' || step || ' ' || recipient", where)
}

/** The rings of one clock. */
function rungOf(clock: string, who = ''): string[] {
  return rung().filter((told) => told.startsWith(`${clock} `) && told.endsWith(who))
}
/** When a clock says that a key ends. */
const KEY_STEPS = ['before days 30', 'before days 14', 'before days 7', 'before days 1']
const both = (told: string) => [`${told} grace`, `${told} linus`]

/** A reporter was answered; the list is told; the reporter is told the date. */
const ANSWERED = event('answered', CASE, GRACE, {
  ...{ reporter: CASE.id, with: 'reply', how: 'encrypted' }
})
const DIGEST = 'a'.repeat(64) as Sha256
/** The list is told now, and the reporter is owed the date, too. */
const leaving = (isDateOwed = true): NewEvent[] => {
  const began = { revision: 1, digest: DIGEST, lateMs: 0, isDateOwed }
  const told = { revision: 1, dateOwed: isDateOwed ? world.clock.now : null }
  return [event('notice-leaving', CASE, BY_DESK, began), event('list-told', CASE, BY_DESK, told)]
}
const DATE = {
  reporter: CASE.id,
  date: START,
  zone: null,
  how: 'encrypted',
  writtenAt: START
} as const
const DATE_TOLD = event('date-told', CASE, BY_DESK, DATE)

/** Stopped while it was leaving. */
const HELD = event('notice-held', CASE, GRACE, {
  ...{ revision: 1, because: 'maintainer', reason: '', withheldSince: START },
  copies: { revision: 1, here: 3, onTheWay: 0, givenUp: 0, left: 0 }
})

function embargo(days: number, leadDays = 7): NewEvent {
  const date = addMs(world.clock.now, days * DAY)
  return event('embargo-set', CASE, GRACE, {
    oldDate: null,
    date,
    written: date,
    reason: '',
    leaveBy: addMs(date, -leadDays * DAY)
  })
}

/** A later date by so many days, after the list was told of one in four days. */
function proposed(daysLater: number): NewEvent {
  const oldDate = addMs(world.clock.now, 4 * DAY)
  const date = addMs(oldDate, daysLater * DAY)
  return event('change-proposed', CASE, GRACE, { oldDate, date, approveBy: oldDate })
}

describe('(A3) the promise of an answer', () => {
  const ASKED = /Grace has the case, but this is still not done.\s+We now ask Grace and\s+Linus[.]/
  it('warns the owner at half of the time, everybody at 80 %, escalates when it is due and then daily until a person has answered (M-03)', async () => {
    await givenCase()
    await given(event('taken', CASE, GRACE, { from: null }))
    world.change("UPDATE cases SET owner = 'grace'")
    await world.wait(24 * HOUR - 1)
    expect(rung()).toEqual([])
    await world.wait(1)
    expect(rung()).toEqual(['answer percent 50 grace'])
    await world.wait(14.4 * HOUR)
    expect(rung().slice(1)).toEqual(both('answer percent 80'))
    const [warning] = await alarmsTo(linus)
    expect(warning).not.toContain('We now ask')
    const mark = world.accepted.length
    await world.wait(9.6 * HOUR)
    const [due] = await alarmsTo(linus, mark)
    expect(due).toMatch(ASKED)
    expect(due).toContain('No person has answered the reporter yet. Overdue since')
    expect(due).toContain('Owner: Grace')
    expect(due).toContain('Sent to: Grace, Linus')
    expect(due).toContain('Our policy says: Within 48 hours.')
    await world.wait(DAY)
    await world.wait(DAY)
    expect(await alarmsTo(linus, mark)).toHaveLength(3)
    await given(ANSWERED)
    await world.wait(3 * DAY)
    expect(await alarmsTo(linus, mark)).toHaveLength(3)
  })

  it('tells only the highest step after downtime, and says that it is late', async () => {
    await givenCase()
    world.pass(40 * HOUR)
    await restarts()
    expect(rung()).toEqual(both('answer percent 80'))
    expect((await alarmsTo(grace)).at(-1)).toContain('This message is late')
  })

  it('is told to everybody at half of the time while nobody has taken the case, and on the record once for all (G8)', async () => {
    await givenCase()
    await world.wait(24 * HOUR)
    expect(rung()).toEqual(both('answer percent 50'))
    expect(recorded('rang')).toEqual([
      {
        clock: 'answer',
        title: 'The reporter waits for an answer',
        to: ['grace', 'linus'],
        generation: expect.any(Number),
        step: '{"percent":50}',
        dueAt: addMs(START, 48 * HOUR),
        isLate: false
      }
    ])
  })
})

it('(A3, B6) the forwarded report, /status and what the others read of a decision say what the clocks say is due', async () => {
  await givenCase()
  const due = 'Due: Wed 25 Nov 2026, 12:00 UTC: Please answer with /reply.'
  expect(await lastTo(linus)).toContain(due)
  expect(await writes(grace, '/status\n')).toContain(due)
  await world.wait(49 * HOUR)
  expect(await writes(grace, '/status\n')).toMatch(
    /Due: .* \(OVERDUE\): No person has answered the reporter yet\./
  )
  expect(await writes(grace, '/reject not-a-vulnerability\n/status\n')).toContain(
    'The reporter has not been told'
  )
  expect(await lastTo(linus)).toContain('The reporter has not been told')
})

it('(B9) the code of a rejection stands beside the state, also when the reporter writes again', async () => {
  await givenCase()
  await writes(grace, '/reject upstream\nPlease tell the project.\n')
  expect(await writes(grace, '/status\n')).toContain('rejected (upstream)')
  await givenMessage(alice, { subject: 'Re: x', text: 'Look again.', ...answering(alice) })
  expect(await lastTo(linus)).toContain('The case was rejected (upstream), and the reporter wrote')
})

it('(A3) what was not told rings again to a person whose key could not be used, and to nobody else', async () => {
  await givenCase()
  const { workers } = world.desk
  const real = workers.seal.bind(workers)
  let isBroken = true
  Object.assign(workers, {
    seal: async (...[body, copies, now]: Parameters<typeof real>) => {
      const sealed = await real(body, copies, now)
      const isRefused = (index: number) => copies[index]?.headers.to.address === linus.address
      const refused = { kind: 'refused', because: 'expired' }
      return sealed.map((one, index) => (isBroken && isRefused(index) ? refused : one))
    }
  })
  await world.wait(24 * HOUR)
  expect(rung()).toEqual(['answer percent 50 grace'])
  await world.wait(HOUR)
  expect(rung()).toEqual(['answer percent 50 grace'])
  isBroken = false
  await world.wait(HOUR)
  expect(rung()).toEqual(both('answer percent 50'))
})

it('(A3) an alarm that the server refuses rings again for that person, at the latest after six hours', async () => {
  await givenCase()
  world.replies.push('rejected')
  await world.wait(24 * HOUR)
  expect(rung()).toHaveLength(1)
  await world.wait(6 * HOUR)
  expect(rung()).toHaveLength(2)
  const [one, two] = [await alarmsTo(grace), await alarmsTo(linus)]
  expect(one.length + two.length).toBe(2)
})

describe('(A3) the dates of a case', () => {
  it('a notice that is not drafted three days before it must leave is told, also when its date moves; a draft ends it; what is refused while a report is undecided is asked of nobody (B6)', async () => {
    await givenCase({ policy: {} })
    await given(embargo(14))
    await world.wait(4 * DAY - 1)
    expect(rungOf('notice-draft')).toEqual([])
    await world.wait(1)
    expect(rungOf('notice-draft')).toEqual(both('notice-draft after hours 0'))
    await given(embargo(9))
    expect(rungOf('notice-draft')).toHaveLength(4)
    await given(event('notice-drafted', CASE, GRACE, { revision: 1, fields: [], patches: [] }))
    await world.wait(2 * DAY)
    expect(rungOf('notice-draft')).toHaveLength(4)
    await given(HELD)
    await world.wait(DAY)
    expect((await alarmsTo(linus)).join()).toMatch(
      /not gone to the whole list .* What to do: Please decide/
    )
    expect((await alarmsTo(linus)).join()).not.toContain('/notice')
  })

  it('(B9) a date whose notice must be written already is one alarm to each, however many clocks it concerns', async () => {
    await givenCase({ policy: {} })
    world.change("UPDATE cases SET state = 'planned'")
    await given(embargo(9))
    expect(rung().sort()).toEqual([
      ...both('notice-draft after days 1'),
      ...both('preflight before days 3')
    ])
    const [alarm, ...more] = await alarmsTo(linus)
    expect(more).toEqual([])
    const leaves = formatInstant(addMs(START, 2 * DAY), 'UTC')
    expect(alarm).toContain(`The advance notice must leave by ${leaves}. Nobody is on the list`)
    expect(alarm).toContain('please write it with /notice draft')
    expect(alarm).not.toMatch(/Overdue|late/)
    await world.wait(DAY)
    expect(await alarmsTo(linus)).toHaveLength(2)
    await world.wait(DAY)
    expect(await alarmsTo(linus)).toHaveLength(2)
    await world.wait(30 * MINUTE)
    const [overdue, ...others] = (await alarmsTo(linus)).slice(2)
    expect(others).toEqual([])
    for (const says of ['has not left', 'postern members add', 'write it with /notice draft'])
      expect(overdue).toContain(says)
    expect(overdue).not.toContain('/notice approve')
    await given(HELD)
    // From the date on no copy under embargo can leave, so nobody is asked for a notice.
    await world.wait(7 * DAY)
    const mark = rung().length
    await world.wait(2 * DAY)
    expect(
      new Set(
        rung()
          .slice(mark)
          .map((one) => one.split(' ')[0])
      )
    ).toEqual(new Set(['dead-man']))
    expect(await writes(grace, '/status\n')).toMatch(/Due: .*: Nobody has recorded/)
  })

  it('(B9) a date that leaves no time for the lead of the policy is told as such: nothing was due before it was set', async () => {
    await givenCase({ policy: {} })
    await given(embargo(7))
    const [alarm, ...more] = await alarmsTo(linus)
    expect(more).toEqual([])
    expect(alarm).toContain('should leave as soon as possible: the time that the policy wants')
    expect(alarm).not.toMatch(/must leave by|\/notice|\/embargo/)
    expect(alarm).toContain('What to do: Please decide first with /accept or /reject.')
    expect(await writes(grace, '/accept\n/status\n')).toContain(
      `Due: ${formatInstant(START, 'UTC')}: Please write the advance notice with /notice draft`
    )
    for (const rang of recorded('rang')) expect(rang).toMatchObject({ dueAt: START })
  })

  it('(A3, B18) the alarm about a notice that lacks fields or that members could misread names both, and proposes no preview that would be refused', async () => {
    await givenReport({ list: members })
    const draft = '/notice draft\ntitle: x\nscope: Not before tomorrow.\n'
    await writes(grace, `/accept\n/embargo ${DISCLOSURE}\n${draft}`)
    await world.wait(2 * DAY)
    const said = (await alarmsTo(linus)).at(-1)
    expect(said).toMatch(
      /correct it with \/notice draft\. Missing for the notice: .*description.*\. scope says "tomorrow": please write the date, .*\. After that, to approve it: \/notice/
    )
  })

  it('preflight tells everybody counts, and list admins alone who is blocked and why (G5)', async () => {
    await givenCase({ policy: {} })
    world.change("UPDATE cases SET state = 'planned'")
    const [debian, suse] = await Promise.all([
      someone('debian', 'security@debian.example', 25),
      someone('suse', 'security@suse.example')
    ])
    await world.addMember(debian)
    await world.addMember(suse)
    // What the clock of their keys says.
    await world.settle()
    const mark = world.accepted.length
    await given(embargo(15))
    await world.wait(DAY)
    const [[ofGrace], [ofLinus]] = [await alarmsTo(grace, mark), await alarmsTo(linus, mark)]
    for (const text of [ofGrace, ofLinus]) {
      expect(text).toContain('1 ready, 1 blocked (1 has a key that expires before then)')
      expect(text).toContain('The notice is not written yet')
    }
    expect(ofGrace).toContain('Blocked: debian')
    expect(ofLinus).not.toContain('debian')
    expect(rung().filter((told) => told.endsWith('grace'))).toEqual([
      'preflight before days 7 grace'
    ])
    await world.wait(4 * DAY)
    await world.wait(2 * DAY)
    expect(rungOf('preflight', 'grace')).toEqual(
      ['before days 7', 'before days 3', 'before days 1'].map((step) => `preflight ${step} grace`)
    )
  })

  it.each([
    ['no-key', 'we have no usable key of the reporter'],
    ['failed', 'the message could not be made']
  ] as const)(
    'a reporter who cannot be told the date (%s) is an alarm at once that says why, then one a day, until the date is told (M-30)',
    async (because, why) => {
      await givenCase({ policy: {} })
      const untold = { reporter: CASE.id, date: START, because, changed: [] }
      await given(...leaving(), event('date-untold', CASE, BY_DESK, untold))
      const [alarm] = await alarmsTo(linus)
      expect(alarm).toContain(`Because: ${why}`)
      expect(alarm?.includes('/ask')).toBe(because === 'no-key')
      await world.wait(HOUR)
      expect(rung()).toEqual(both('date-untold after hours 0'))
      await world.wait(DAY)
      expect(await alarmsTo(linus)).toHaveLength(2)
      await given(DATE_TOLD)
      await world.wait(2 * DAY)
      expect(await alarmsTo(linus)).toHaveLength(2)
    }
  )

  it('a reporter who is not told the date within 15 minutes of what tells the list is an alarm: of the first notice or of a new date, no longer once it is told, and not of new content (M-30, B16)', async () => {
    await givenCase({ policy: {} })
    const mine = () => rungOf('date-message', 'grace')
    const rings = 'date-message after hours 0 grace'
    // They were asked about it before, and after; that tells nobody that the list goes by it.
    await given(embargo(14), DATE_TOLD, ...leaving(), event('date-asked', CASE, BY_DESK, DATE))
    await world.wait(15 * MINUTE)
    expect(mine()).toEqual([rings])
    // New content under the old date, then a new date.
    await given(DATE_TOLD, ...leaving(false))
    await world.wait(HOUR)
    expect(mine()).toEqual([rings])
    await given(embargo(20), ...leaving())
    await world.wait(15 * MINUTE)
    expect(mine()).toEqual([rings, rings])
    await given(ANSWERED)
    await world.wait(3 * DAY)
    expect(mine()).toEqual([rings, rings])
  })

  it('a disclosure date that passes without a record of the disclosure rings after an hour, then daily, until it is recorded', async () => {
    await givenCase({ policy: {} })
    const set = { oldDate: null, written: '', reason: '', leaveBy: null }
    await given(event('embargo-set', CASE, GRACE, { ...set, date: addMs(world.clock.now, DAY) }))
    await world.wait(DAY + HOUR - 1)
    expect(rung()).toEqual([])
    await world.wait(1)
    expect(rung()).toEqual(both('dead-man after hours 1'))
    const date = formatInstant(addMs(START, DAY), 'UTC')
    expect((await alarmsTo(linus)).at(-1)).toContain(`The disclosure date was ${date}. Nobody has`)
    const mark = world.accepted.length
    await world.wait(DAY)
    await world.wait(DAY)
    expect(await alarmsTo(grace, mark)).toHaveLength(2)
    await given(event('disclosed', CASE, GRACE, { date: START, reason: '' }))
    await world.wait(3 * DAY)
    expect(await alarmsTo(grace, mark)).toHaveLength(2)
  })
})

/** When the key of Linus ends. */
function endOfKey(): Instant {
  const { maintainers } = world.desk.settings
  return maintainers.find(({ id }) => id === 'linus')?.keyExpiresAt ?? world.clock.now
}

/** The key of the desk ends when that of Linus does; the desk knows it at its next start. */
async function givenDeskKeyEnds(): Promise<void> {
  Object.assign(world.desk.settings.desk, { keyExpiresAt: endOfKey() })
  await restarts()
}

it('(A3) certificates of desk and maintainers are told 30, 14, 7 and 1 days before they end, and once more at the end', async () => {
  const mortal = await givenMaintainer('linus', 60)
  await givenDesk([grace, mortal], { keyEnds: true })
  await givenDeskKeyEnds()
  await days(40)
  for (const [kind, whose] of [
    ['maintainer', 'Linus'],
    ['desk', 'the desk']
  ]) {
    const at = rings('step', `subject_kind = '${kind}' AND recipient = 'grace'`)
    expect(at).toEqual([...KEY_STEPS, 'after hours 0'])
    const read = (await alarmsTo(grace)).filter((text) => text.includes(`The key of ${whose} `))
    expect(read.map((text) => text.includes(`The key of ${whose} expires on`))).toEqual([
      ...KEY_STEPS.map(() => true),
      false
    ])
    expect(read.at(-1)).toContain(`The key of ${whose} expired on`)
  }
})

/** A list member whose key ends so many days after it was made, 22 days ago, of a desk where Grace has this role. */
async function givenMortal(role: 'committer' | 'list-admin', lasts: number): Promise<Someone> {
  const member = await someone('delta', 'security@delta.example', lasts)
  await givenDesk([
    { ...grace, roles: [role] },
    { ...linus, roles: ['committer'] }
  ])
  await world.addMember(member)
  await world.settle()
  return member
}

it('(A3, B18) where nobody is list-admin, everybody is told by id that the key of a list member ends', async () => {
  const member = await givenMortal('committer', 25)
  await days(3)
  for (const person of [grace, linus]) {
    const said = (await alarmsTo(person)).join()
    expect(said).toContain('The key of list member delta expired on')
    expect(said).not.toContain(member.address)
  }
})

it('(A3) a list member whose key ends is told 30, 14, 7 and 1 days before, alone and encrypted, without a word of product or case; list admins are told too, and outside no name stands (B5, B21, G5)', async () => {
  const member = await givenMortal('list-admin', 60)
  await days(40)
  expect(rings("step || ' ' || recipient", "subject_kind = 'member'")).toEqual([
    ...KEY_STEPS.flatMap((step) => [step, `${step} grace`]),
    'after hours 0 grace'
  ])
  const mine = world.sentTo(member)
  expect(mine).toHaveLength(4)
  for (const mail of mine) {
    expect(onTheWay([mail])).toContain('multipart/encrypted')
    const text = await world.read(member, mail)
    expect(text).toContain('expires on')
    expect(text).not.toMatch(/parser|ACME-2026|delta\b(?!\.example|")/)
    expect(text).not.toContain(grace.address)
  }
  const bound = "SELECT DISTINCT audience || ' ' || recipient_id FROM outbox WHERE envelope_to = ?"
  expect(world.column(bound, [member.address])).toEqual(['member delta'])
  expect(world.sentTo(linus)).toEqual([])
  const outside = world.sentTo(grace).map(({ raw }) => headerOf(splitPart(raw), 'subject'))
  expect(outside).toEqual([
    ...KEY_STEPS.map(() => '[ACME] A key expires soon'),
    '[ACME] A key has expired'
  ])
})

const LOST = "SELECT about ->> 'outbox' FROM events WHERE kind = 'reporter-unreached'"

describe('(A3) the clocks of the presets', () => {
  const PLAN = '/plan\nplan: a fix in 4.3\nworkarounds: none known\n'
  const givenPreset = async (name: string) => givenCase({ policy: await preset(name) })
  it('an update names no promise as due once the answer that waited for a key has left (B10)', async () => {
    await givenPreset('dispatch')
    await writes(grace, '/reply\nThank you.\n')
    expect(await lastTo(linus)).toContain('Due: ')
    await writes(grace, `/key accept ${keyOf(alice)}\n`, attachedKey(alice))
    const update = await lastTo(linus)
    expect(update).toContain('that had waited for a key')
    expect(update).not.toContain('Due: ')
  })

  it('feedback: half way, at 80 %, when it is due, then daily; an answer does not stop it, a plan does (M-08)', async () => {
    await givenPreset('template')
    await given(ANSWERED)
    for (let half = 0; half < 12; half += 1) await world.wait(DAY / 2)
    const before = rungOf('feedback', 'grace')
    expect(before.slice(0, 3)).toEqual([
      'feedback percent 50 grace',
      'feedback percent 80 grace',
      'feedback after hours 0 every days 1 grace'
    ])
    expect(rungOf('answer', 'grace')).toEqual([])
    await given(event('plan-told', CASE, GRACE, { reporter: CASE.id, how: 'encrypted' }))
    const mark = world.accepted.length
    await world.wait(3 * DAY)
    expect((await alarmsTo(grace, mark)).join()).not.toContain('The reporter waits for a plan')
  })

  it('feedback: /plan is among the next commands while the reporter waits for a plan, and no longer, also where the case ended in between (M-08)', async () => {
    await givenPreset('template')
    await givenMessage(bob, { subject: 'y', text: 'y', autocrypt: true })
    const said = async (text: string): Promise<string> => {
      await writes(grace, text, { tag: SECOND })
      return world.read(grace, latest(grace))
    }
    expect(await said('/take\n')).toMatch(/Next you could write:[^]*^\/plan\s*$/m)
    expect(await said('/reply\nThanks.\n')).toMatch(/Next you could write:[^]*^\/plan\s*$/m)
    await said('/reject unsafe-defaults\nIt is as we want it, and everybody knows it.\n')
    expect(await said(PLAN)).toContain('On its way')
    expect(await said('/reopen because it is not\n/status')).not.toMatch(/^\/plan\s*$|with \/plan/m)
  })

  it('feedback: a plan counts although another message that left at the same time came back (M-08)', async () => {
    await givenPreset('template')
    await writes(grace, PLAN)
    await writes(grace, '/reply\nAlso.\n')
    await writes(grace, `/key accept ${keyOf(alice)}\n`, attachedKey(alice))
    await world.receive(Buffer.from(bounceOf(world.sentTo(alice).at(-1)?.messageId ?? '')))
    expect(recorded('reporter-unreached')).toHaveLength(1)
    expect(await writes(grace, '/reply\nAlso, again.\n')).not.toContain('/plan sends the')
  })

  it('feedback: a plan that did not arrive is still promised, whatever else does, until it is sent again (M-08)', async () => {
    await givenCase({ policy: await preset('template'), autocrypt: true })
    world.replies.push('rejected')
    await writes(grace, PLAN)
    world.pass(MINUTE)
    expect(await writes(grace, '/reply\nThanks.\n')).toContain('/plan sends the')
    for (let half = 0; half < 8; half += 1) await world.wait(DAY / 2)
    expect(rungOf('feedback', 'grace')).toContain('feedback after hours 0 every days 1 grace')
    const [outbox = 0] = world.column<number>(LOST)
    const again = { audience: 'reporter', recipient: FIRST, message: 'reply' } as const
    await given(event('retried', CASE, BY_OPERATOR, { ...again, reporter: FIRST, outbox }))
    const mark = world.accepted.length
    await world.wait(3 * DAY)
    expect((await alarmsTo(grace, mark)).join()).not.toContain('The reporter waits for a plan')
  })

  it('conversation: at 80 % of three business days, when they are over, then daily, until somebody answers; restarts and downtime change nothing', async () => {
    await givenPreset('dispatch')
    await given(ANSWERED)
    await world.wait(HOUR)
    const receivedAt = world.clock.now
    await given(
      event('reporter-wrote', CASE, GRACE, { reporter: CASE.id, receivedAt, effect: 'none' })
    )
    world.restart()
    await world.wait(2 * DAY)
    expect(rungOf('conversation', 'grace')).toEqual([])
    await world.wait(0.8 * DAY)
    await restarts()
    expect(rungOf('conversation', 'grace')).toEqual(['conversation percent 80 grace'])
    await world.wait(3 * DAY)
    expect(rungOf('conversation', 'grace')).toContain(
      'conversation after hours 0 every days 1 grace'
    )
    await given(ANSWERED)
    const mark = world.accepted.length
    await world.wait(5 * DAY)
    expect((await alarmsTo(grace, mark)).join()).not.toContain('nobody has answered')
  })

  it('triage: until an act of triage; words to the reporter alone are none', async () => {
    await givenPreset('consoleme')
    await given(ANSWERED)
    await world.wait(25 * HOUR)
    expect(rungOf('triage', 'grace')).toEqual(['triage percent 50 grace'])
    await given(event('taken', CASE, GRACE, { from: null }))
    await world.wait(5 * DAY)
    expect(rungOf('triage', 'grace')).toEqual(['triage percent 50 grace'])
  })
})

it('(A3) one more clock in a policy file alone, which extends a preset, rings', async () => {
  const folder = tempFolder()
  const file = [
    'extends: dragonfly',
    'id: own',
    'title: Our own policy',
    'clocks:',
    '  severity:',
    '    starts: [accepted]',
    '    stops: [noted]',
    '    due: { within: { hours: 6 } }',
    '    steps:',
    '      - { at: { after: { hours: 0 } }, tell: [{ maintainer: linus }] }',
    '    title: No severity was stated',
    '    risk: Nobody knows yet how bad it is.',
    '    remedy: Please state it with /note.'
  ]
  writeFileSync(join(folder.path, 'own.yaml'), file.join('\n'))
  const result = await readPolicy('own.yaml', folder.path)
  folder.remove()
  await givenCase({ policy: result.policy })
  await given(event('accepted', CASE, GRACE, {}))
  await world.wait(6 * HOUR - 1)
  expect(rung()).toEqual([])
  await world.wait(1)
  expect(rung()).toEqual(['severity after hours 0 linus'])
  expect((await alarmsTo(linus)).at(-1)).toContain('No severity was stated')
})

it('(A3) changed clocks are looked at anew at the next start, without any event', async () => {
  await givenCase({ policy: {} })
  await world.wait(30 * HOUR)
  expect(rung()).toEqual([])
  const products = world.desk.settings.products.map((one) => ({
    ...one,
    policy: { ...one.policy, clocks: [...OF_CASES, ANSWER] }
  }))
  Object.assign(world.desk.settings, { products })
  await restarts()
  expect(rung()).toEqual(both('answer percent 50'))
  const look = world.column(
    "SELECT due_json ->> 'at' FROM looks WHERE due_json ->> 'clock' = 'answer'"
  )
  expect(look).toEqual([addMs(START, 48 * HOUR)])
})

it('(B16) a change after the list was told reminds everybody at once, then daily, in the last 48 hours hourly, until it leaves', async () => {
  await givenCase({ policy: {} })
  const change = proposed(3)
  await given(change)
  const mine = async (): Promise<number> =>
    (await alarmsTo(linus)).filter((text) => text.includes('A change of the advance notice is not'))
      .length
  expect(await mine()).toBe(1)
  await given(change)
  await world.wait(HOUR)
  expect(await mine()).toBe(1)
  await world.wait(DAY - HOUR)
  expect(await mine()).toBe(2)
  await world.wait(DAY)
  expect(await mine()).toBe(3)
  await world.wait(HOUR)
  await world.wait(HOUR)
  expect(await mine()).toBe(5)
  await given(...leaving())
  await world.wait(2 * HOUR)
  expect(await mine()).toBe(5)
})

describe('(B9) one alarm a cause, person and day', () => {
  it.each([
    ['dispatch-platform', 48 * HOUR, 'The report has no owner and no decision yet'],
    ['consoleme', 48 * HOUR, 'The report has no owner and no decision yet'],
    ['template', 3 * DAY, 'The reporter has no plan and no workarounds yet']
  ])(
    'the promises of %s that ring together stand in one reminder, each with its time',
    async (name, time, other) => {
      await givenCase({ policy: await preset(name) })
      await world.wait(time)
      await world.wait(4 * DAY)
      const alarms = await alarmsTo(linus)
      const moments = alarms.map((text) => /Date: [^+]*/.exec(text)?.[0])
      expect(moments).toEqual([...new Set(moments)])
      const words = alarms.at(-1)
      expect(words).toMatch(/No person has answered the reporter yet. Overdue since [^.]*[.]/)
      expect(words).toMatch(new RegExp(`${other}. Overdue since [^.]*[.]`))
      expect(words?.match(/Nobody has the case. We now ask Grace and Linus[.]/g)).toHaveLength(2)
      const rang = recorded('rang').map((about) => 'clock' in about && about.clock === 'answer')
      expect(rang).toEqual([true, false, true, false])
    }
  )

  it('a date that moves repeats no step of its clocks that was told that day', async () => {
    await givenCase({ policy: {} })
    for (const daysAhead of [9.9, 9.6, 9.3]) await given(embargo(daysAhead))
    expect(await alarmsTo(linus)).toHaveLength(1)
    await world.wait(DAY)
    expect(await alarmsTo(linus)).toHaveLength(2)
  })

  const lost = (message: 'acknowledgement' | 'reply', outbox: number): NewEvent =>
    event('undelivered', CASE, BY_DESK, {
      ...{ audience: 'reporter', recipient: '1', message, outbox },
      ...{ because: 'rejected', code: 550, attempts: 1 }
    })

  it('says of each message that did not arrive to whom, once; what fails again that day is counted in the next one', async () => {
    await givenCase({ policy: {} })
    await given(lost('reply', 1))
    for (let hour = 0; hour < 3; hour += 1) {
      world.pass(HOUR)
      await given(lost('reply', 2 + hour))
    }
    const first = await alarmsTo(grace)
    expect(first).toHaveLength(1)
    expect(first[0]).toContain(
      'The reporter did not get the answer about ACME-2026-0001: the mail server refused it (code 550).'
    )
    await world.wait(DAY)
    const next = (await alarmsTo(grace)).slice(1)
    expect(next).toEqual([expect.stringContaining('This happened 3 times since')])
    await world.wait(3 * DAY)
    expect(await alarmsTo(grace)).toHaveLength(2)
  })

  it('tells of another message to the same person at once: it is another cause', async () => {
    await givenCase({ policy: {} })
    for (const message of ['acknowledgement', 'reply'] as const) await given(lost(message, 1))
    expect((await alarmsTo(grace)).at(-1)).toContain('did not get the answer about ACME-2026-0001')
    expect(await alarmsTo(grace)).toHaveLength(2)
  })

  const ofLinus = { kind: 'maintainer', id: 'linus' } as const
  it.each([
    ['of a delivery report about nothing of ours', 'bounce-unmatched', DESK, {}],
    ['of a message that could not be read', 'message-unread', DESK, { bytes: 9 }],
    ['of too many forged messages', 'refused-unanswered', ofLinus, { because: 'unsigned' }],
    ['of a bug at one thing', 'desk-failed', DESK, { at: 'one thing', error: 'TypeError' }]
  ] as const)(
    'holds for the alarm %s: repeats are counted in the one of the next day',
    async (_, kind, subject, about) => {
      const one = event(kind, subject, BY_SOMEBODY, about as never)
      await givenCase({ policy: {} })
      const from = world.accepted.length
      for (let times = 0; times < 4; times += 1) await given(one)
      expect(sentSince(from)).toEqual([grace.address, linus.address])
      await world.wait(DAY)
      const [, second, ...more] = await alarmsTo(grace, from)
      expect(more).toEqual([])
      expect(second).toContain('This happened 3 times since ')
      await world.wait(2 * DAY)
      expect(await alarmsTo(grace, from)).toHaveLength(2)
    }
  )

  it.each([
    ['five of them: all are shown', 5, ''],
    ['six: so is how many more there are', 6, 'Not shown here: 1 more like these']
  ])('shows the first facts of what repeats, %s', async (_title, times, more) => {
    await givenCase({ policy: {} })
    const one = event('message-unread', DESK, BY_SOMEBODY, { bytes: 9 })
    await given(one)
    const from = world.accepted.length
    await given(...Array.from({ length: times }, () => one))
    await world.wait(DAY)
    const [said = ''] = await alarmsTo(grace, from)
    // The text is written twice, as it came and decoded.
    expect(said.split('Size: 9 bytes')).toHaveLength(2 * 5 + 1)
    expect(said).toContain(more)
    expect(said.includes('Not shown here')).toBe(more !== '')
  })

  it('holds for thousands of repeats, and one row a person remembers them (G9)', async () => {
    await givenCase({ policy: {} })
    const one = event('bounce-unmatched', DESK, BY_SOMEBODY, {})
    await given(...Array.from({ length: 3000 }, () => one))
    await world.wait(DAY)
    expect(
      world.rows("SELECT recipient FROM rings WHERE clock = 'bounce-unmatched' ORDER BY recipient")
    ).toEqual([{ recipient: 'grace' }, { recipient: 'linus' }])
  })

  it('a message to a maintainer that is given up is told to the others, an alarm that is given up to nobody', async () => {
    await givenCase({ policy: {} })
    world.replies.push('rejected')
    await givenMessage(alice, { subject: 'y', text: 'y', as: 'encrypted' })
    const lost = { audience: 'maintainer', recipient: 'grace', message: 'relay' }
    expect(recorded('undelivered')).toMatchObject([lost])
    expect(await alarmsTo(grace)).toEqual([])
    expect(await alarmsTo(linus)).toEqual([expect.stringContaining('(code 550)')])
    world.replies.push('rejected')
    await given(event('message-unread', DESK, BY_SOMEBODY, { bytes: 9 }))
    expect(recorded('undelivered')).toMatchObject([lost, { message: 'alert' }])
    await world.wait(HOUR)
    expect(await alarmsTo(grace)).toEqual([])
    expect(await alarmsTo(linus)).toHaveLength(2)
  })
})

describe('(A2, A3) an answer that is lost, or what tells the end of the case', () => {
  const lose = async (how: string): Promise<void> => {
    if (how === 'refused') world.replies.push('rejected')
    await writes(grace, '/reply\nHello.\n')
    const id = world.sentTo(alice).at(-1)?.messageId ?? ''
    if (how === 'bounced') await world.receive(Buffer.from(bounceOf(id)))
  }
  const dues = () =>
    world.column("SELECT due_json ->> 'clock' FROM looks WHERE subject_kind = 'case'")
  const times = () =>
    world.rows("SELECT 1 FROM events WHERE about ->> 'clock' = 'reporter-unreached'").length

  it.each(['refused', 'bounced'])(
    'rings at once, the next day and daily until the next answer: %s',
    async (how) => {
      await givenCase({ policy: {}, autocrypt: true })
      await lose(how)
      const [lost = ''] = await alarmsTo(grace)
      expect(lost).toContain('The reporter did not get the answer')
      expect(recorded('reporter-unreached')).toMatchObject([{ reporter: FIRST, message: 'reply' }])
      expect(dues()).toEqual(['reporter-unreached'])
      await world.wait(DAY - MINUTE)
      expect(times()).toBe(0)
      await world.wait(MINUTE)
      expect(await alarmsTo(grace)).toEqual([
        lost,
        expect.stringContaining('What we wrote to the reporter could not be delivered. Overdue')
      ])
      await world.wait(DAY)
      expect([times(), rungOf('reporter-unreached').length]).toEqual([2, 2])
      await writes(grace, '/reply\nHello again.\n')
      await world.wait(3 * DAY)
      expect([times(), ...dues()]).toEqual([2, null])
    }
  )

  it.each(['refused', 'bounced'])(
    'is no first answer: /status, /cases and the lists of the operator go by one that was not lost (B6): %s',
    async (how) => {
      await givenCase({ policy: {}, autocrypt: true })
      await lose(how)
      const answeredAt = () => world.column('SELECT answered_at FROM reporters')
      expect(await writes(grace, '/status\n')).toContain('Reporter: not answered by a person')
      expect(answeredAt()).toEqual([null])
      expect(world.rows('SELECT * FROM unanswered_cases')).toHaveLength(1)
      await world.wait(DAY)
      await writes(grace, '/reply\nHello again.\n')
      const second = world.sentTo(alice).at(-1)?.messageId ?? ''
      const first = 'Reporter: first answer by a person Tue 24 Nov 2026'
      expect(await writes(grace, '/status\n')).toContain(first)
      expect(world.rows('SELECT * FROM unanswered_cases')).toEqual([])
      await writes(grace, '/reply\nOnce more.\n')
      await world.wait(DAY)
      await world.receive(Buffer.from(bounceOf(second)))
      expect(answeredAt()).toEqual([expect.stringContaining('2026-11-24')])
      await writes(grace, '/reject upstream\n')
      await world.receive(Buffer.from(bounceOf(world.sentTo(alice).at(-2)?.messageId ?? '')))
      await world.receive(Buffer.from(bounceOf(world.sentTo(alice).at(-1)?.messageId ?? '')))
      expect(await writes(grace, '/status\n')).toContain('Reporter: not answered by a person')
    }
  )

  it('is no longer owed when the operator sends it again, nor when the case ends', async () => {
    await givenCase({ policy: {}, autocrypt: true })
    await lose('refused')
    const [outbox = 0] = world.column<number>(LOST)
    // Another message to this reporter says nothing of what was lost.
    const again = {
      audience: 'reporter',
      recipient: FIRST,
      message: 'reply',
      reporter: FIRST
    } as const
    await given(event('retried', CASE, BY_OPERATOR, { ...again, outbox: outbox + 1 }))
    await given(DATE_TOLD)
    expect(dues()).toEqual(['reporter-unreached'])
    await given(event('retried', CASE, BY_OPERATOR, { ...again, outbox }))
    expect(dues()).toEqual([null])
    await lose('refused')
    expect(dues()).toEqual(['reporter-unreached'])
    await writes(grace, `/reject upstream\n${'It works as we say. '.repeat(12)}\n`)
    expect(dues()).toEqual([null])
  })

  it('is owed in a case that has ended: it stands in /cases and rings daily until an answer', async () => {
    await givenCase({ policy: {}, autocrypt: true })
    world.replies.push('rejected')
    await writes(grace, `/reject upstream\n${'It works as we say. '.repeat(12)}\n`)
    expect(await writes(grace, '/cases')).toContain('Please answer again with /reply')
    for (const _ of [1, 2]) await world.wait(DAY)
    expect(times()).toBe(2)
    await writes(grace, '/reply\nIt is not ours.\n')
    expect(dues()).toEqual([null])
  })

  it('(A2) is no longer owed when it is on the record why the reporter is not told by us', async () => {
    await givenCase({ policy: {}, autocrypt: true })
    world.replies.push('rejected')
    await writes(grace, '/reject upstream\n')
    await world.wait(DAY)
    expect((await alarmsTo(grace)).at(-1)?.replaceAll(/\s+/g, ' ')).toContain(
      'another way or cannot be told, record that with /unsend because REASON.'
    )
    expect(await writes(grace, '/unsend')).toContain('refused: Nothing waits')
    const done = await writes(grace, '/unsend because we told her by phone')
    expect(done).toContain(`Nobody is reminded any more of what did not reach ${alice.address}`)
    expect(recorded('told-otherwise')).toEqual([
      { reporter: FIRST, reason: 'we told her by phone' }
    ])
    await world.wait(3 * DAY)
    expect([times(), ...dues()]).toEqual([1, null])
    expect(await writes(grace, '/unsend because again')).toContain('While you are reminded of')
  })

  it.each(['date-untold', 'change-untold', 'disclosure-untold'] as const)(
    '(A2) is no longer owed (%s) when it is on the record that the reporter was told another way',
    async (kind) => {
      await givenCase({ policy: {}, autocrypt: true })
      const untold = { reporter: FIRST, date: START, because: 'no-key', changed: [] } as const
      await given(event(kind, CASE, BY_DESK, untold))
      expect((await alarmsTo(grace)).at(-1)?.replaceAll(/\s+/g, ' ')).toContain(
        'another way or cannot be told, record that with /unsend because REASON.'
      )
      await writes(grace, '/unsend because we told her by phone')
      await world.wait(3 * DAY)
      expect([rungOf(kind).length, ...dues()]).toEqual([2, null])
    }
  )

  it('is no longer owed, if it said the date, when another message says it', async () => {
    await givenCase({ policy: {}, autocrypt: true })
    await writes(grace, '/reply\nHello.\n')
    world.replies.push('rejected')
    await writes(grace, '/accept\n/embargo 2026-12-14T12:00:00Z because we test\n')
    expect(recorded('date-unreached').concat(recorded('reporter-unreached'))).toHaveLength(1)
    await given(DATE_TOLD)
    await world.wait(2 * DAY)
    expect(rungOf('date-unreached')).toEqual([])
  })

  it('is none if nobody waits for it: the acknowledgement', async () => {
    await givenDesk([grace])
    world.replies.push('rejected', 'rejected')
    await givenMessage(alice, { subject: 'x', text: 'x', autocrypt: true })
    const lost = expect.objectContaining({ message: 'acknowledgement' }) as unknown
    expect(recorded('undelivered')).toContainEqual(lost)
    expect(recorded('reporter-unreached')).toEqual([])
  })
})

it('(B12) a case that moves to another product is reminded of by the clocks of that product alone, but for a shorter promise that the reporter was given', async () => {
  const slow: Clock = { ...ANSWER, due: { within: { hours: 96 } } }
  const other = {
    id: 'renderer',
    name: 'ACME Renderer',
    policy: { ...POLICY, clocks: [...OF_CASES, slow] },
    calendar: PRODUCT.calendar,
    supported: []
  }
  await givenCase({ moreProducts: [other], subject: 'ACME Parser', as: 'clear' })
  await writes(grace, '/take\n/product renderer\n')
  expect(world.rows('SELECT product FROM cases')).toEqual([{ product: 'renderer' }])
  await world.wait(23 * HOUR)
  expect(rung()).toEqual([])
  await world.wait(HOUR)
  expect(rung()).toEqual(['answer percent 50 grace'])
})

it('(B12) a plan that the acknowledgement promised is owed still where the case moves to a product whose policy promises none', async () => {
  const other = { ...PRODUCT, id: 'renderer', name: 'ACME Renderer', policy: POLICY }
  const letter = { subject: 'ACME Parser', as: 'clear' } as const
  await givenReport({ ...letter, policy: await preset('template'), moreProducts: [other] })
  await writes(grace, '/reply\nThank you.\n')
  expect(await writes(grace, '/product renderer\n/status\n')).toMatch(/Due: [^.]*with \/plan\./)
})

describe('(A3) each clock rings once, at its time,', () => {
  const wrote = (): NewEvent => {
    const about = { reporter: FIRST, receivedAt: world.clock.now, effect: 'none' } as const
    return event('reporter-wrote', CASE, GRACE, about)
  }
  const untilCertificate = (): number => msBetween(world.clock.now, endOfKey()) - 30 * DAY
  /** Clock, when it rings, by the length of three business days, and what starts it. */
  const CLOCKS: readonly (readonly [
    string,
    (threeDays: number) => number,
    () => readonly NewEvent[]
  ])[] = [
    ['answer', () => DAY, () => []],
    ['feedback', (threeDays) => threeDays / 2, () => []],
    ['conversation', (threeDays) => threeDays * 0.8, () => [wrote()]],
    ['triage', () => DAY, () => []],
    ['notice-draft', () => 4 * DAY, () => [embargo(14)]],
    ['preflight', () => DAY, () => [embargo(15)]],
    ['notice-overdue', () => DAY + 30 * MINUTE, () => [embargo(8)]],
    // For the second time: the first is at once.
    ['change', () => DAY, () => [proposed(1)]],
    ['date-message', () => 15 * MINUTE, () => leaving()],
    ['dead-man', () => 2 * DAY + HOUR, () => [embargo(2)]],
    ['desk-certificate', untilCertificate, () => []],
    ['maintainer-certificate', untilCertificate, () => []],
    ['member-certificate', untilCertificate, () => []]
  ]
  /** From Monday, 13:00 of Berlin, to the end of Thursday. */
  const THREE_DAYS = 3 * DAY + 11 * HOUR - 1000
  /** Friday, 13:00 of Berlin; the clocks go forward on Sunday, and the third business day is Wednesday. */
  const SPRING = '2027-03-26T12:00:00.000Z' as Instant

  /** A maintainer for each start and a list member, whose keys end together some weeks after it, as the desk's does. */
  const mortals = new Map<Instant, readonly [maintainer: Someone, member: Someone]>()
  beforeAll(async () => {
    for (const [start, lasts] of [
      [START, 60],
      [SPRING, 190]
    ] as const) {
      const member = await someone('delta', 'security@delta.example', lasts)
      mortals.set(start, [await givenMaintainer('linus', lasts), member])
    }
  })
  /** A case with the clocks of every preset. */
  const givenClocks = async (start: () => readonly NewEvent[], startsAt = START): Promise<void> => {
    const read = await Promise.all(['template', 'consoleme'].map(preset))
    const all = read.flatMap((policy) => policy.clocks).filter(({ id }) => id !== 'answer')
    const clocks = [...new Map([...all, ANSWER].map((clock) => [clock.id, clock])).values()]
    const [maintainer, member] = mortals.get(startsAt) ?? []
    const maintainers = [grace, maintainer ?? linus]
    await givenCase({ policy: { clocks }, maintainers, keyEnds: true, startsAt })
    await givenDeskKeyEnds()
    if (member !== undefined) await world.addMember(member)
    // The year of the start is in the number of the case.
    const subject = aboutCase(world.column<CaseTag>('SELECT tag FROM cases')[0] ?? FIRST)
    await given(...start().map((one) => ({ ...one, subject })))
  }
  /** How often the clock rang, and whether late. */
  const rang = (clock: string): number[] =>
    world.column<number>(
      "SELECT about ->> 'isLate' AS late FROM events WHERE kind = 'rang' AND about ->> 'clock' = ?",
      [clock]
    )

  it.each(CLOCKS)('over restarts: %s', async (clock, ms, events) => {
    await givenClocks(events)
    const before = rang(clock)
    world.pass(ms(THREE_DAYS) - 1)
    await restarts()
    expect(rang(clock)).toEqual(before)
    await world.wait(1)
    await restarts()
    expect(rang(clock)).toEqual([...before, 0])
  })

  it.each(CLOCKS)('after downtime, and says that it is late: %s', async (clock, ms, events) => {
    await givenClocks(events)
    const before = rang(clock)
    world.pass(ms(THREE_DAYS) + 20 * MINUTE)
    await restarts()
    expect(rang(clock)).toEqual([...before, 1])
  })

  it.each(CLOCKS)('however the wall clock is set: %s', async (clock, ms, events) => {
    await givenClocks(events)
    const before = rang(clock)
    await world.wait(ms(THREE_DAYS))
    for (const jump of [-3 * HOUR, 3 * HOUR]) {
      await jumps(jump)
      await restarts()
    }
    expect(rang(clock)).toEqual([...before, 0])
  })

  it.each(CLOCKS)('over the start of summer time: %s', async (clock, ms, events) => {
    await givenClocks(events, SPRING)
    const before = rang(clock)
    const due = ms(5 * DAY + 10 * HOUR - 1000)
    await world.wait(due - 1)
    expect(rang(clock)).toEqual(before)
    await world.wait(1)
    expect(rang(clock)).toEqual([...before, 0])
  })
})
