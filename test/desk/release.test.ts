/**
 * Advance notices on the real steps of the desk: who may approve them, at what they stay here, how they are released in pieces, and
 * what a crash, a bug or a key of no use does to that (G2, G4, G5, G7, G9).
 */

import { describe, expect, it } from 'vitest'
import { sendPieces } from '../../src/desk/release.ts'
import { handlePending } from '../../src/desk/work.ts'
import { type Address } from '../../src/domain/address.ts'
import { Trouble } from '../../src/domain/trouble.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as deliveryStore from '../../src/store/deliveries.ts'
import * as memberStore from '../../src/store/members.ts'
import * as noticeStore from '../../src/store/notices.ts'
import {
  ALL,
  alarms,
  alarmsTo,
  alice,
  allTo,
  approve,
  attachedKey,
  bob,
  caseStates,
  code,
  DAY,
  DISCLOSURE,
  debian,
  diesAtEveryStep,
  FIELDS,
  FIRST,
  forwarded,
  givenMaintainer,
  givenMessage,
  givenNotices,
  givenReport,
  givenReporter,
  grace,
  HOUR,
  jumps,
  keyOf,
  kindsTo,
  lastTo,
  linus,
  MINUTE,
  members,
  noticed,
  noticeStates,
  onTheWay,
  quoted,
  readBy,
  recorded,
  restarts,
  SECOND,
  suse,
  textsTo,
  UNTIL_DUE,
  unhandledIn,
  world,
  writes
} from '../support/desk.ts'
import { type Someone, someone } from '../support/world.ts'
import { POLICY, PRODUCT } from '../unit/policy/samples.ts'

/** Members who are on the list where the third one is not yet. */
const TWO = members.slice(0, 2)
const signal = new AbortController().signal
const ignored = () => undefined

function state(): string {
  return noticeStates()[0] ?? ''
}
function deliveries(): string[] {
  const all = world.desk.db.read((read) => deliveryStore.list(read, 1))
  return all.map(({ memberId, revision, state: how }) => `${memberId} ${revision} ${how}`)
}
function stored() {
  return world.desk.db.read((read) => noticeStore.findById(read, 1))
}
function remove(id: string): void {
  world.desk.db.transact((tx) => memberStore.remove(tx, id, world.clock.now))
}
/** A hold is handled, and nothing else: no release step, no sending. */
async function heldBeforeSending(): Promise<void> {
  const raw = await world.write(grace, { subject: `Re: [${FIRST}] x`, text: '/notice hold\n' })
  const place = { mailbox: 'INBOX', uidValidity: '1', uid: 900, part: 'whole' } as const
  const { now } = world.clock
  const arrival = { ...place, receivedAt: now, size: raw.length, raw }
  world.desk.db.transact((tx) => arrivals.add(tx, arrival, now))
  await handlePending(world.desk, signal, ignored)
  expect(state()).toBe('held')
}
/** From now on the desk has a bug that shows at the notice of one case alone. */
function failAt(tag: string): void {
  world.workers.failSeal = (said) =>
    said.includes(`[${tag}] Notice`) ? new TypeError('a bug at this notice') : null
}
/** From now on the desk has a bug that shows at messages about the date of the disclosure to one person. */
function failDateTo({ address }: Someone): void {
  world.workers.failSeal = (said) =>
    said.includes('] About the disclosure') && said.includes(address)
      ? new TypeError('a bug at the date')
      : null
}
/** The program is replaced by one with another text of the notice, and started. */
function upgrade(text: (old: string) => string): void {
  const { settings } = world.desk
  Object.assign(settings, { noticeTemplate: text(settings.noticeTemplate) })
  world.restart()
}
/** Nobody on the list gets it at its instant. */
async function staysHere(as = 'held'): Promise<void> {
  await world.wait(UNTIL_DUE)
  expect(await noticed()).toEqual([])
  expect(state()).toBe(as)
}

describe('a scheduled notice', () => {
  it('leaves at its instant and not a second before, one sealed message a member that names no other, and the reporter is told the date in the same job, whatever was restarted (M-24, M-28, M-30, G5)', async () => {
    await givenNotices()
    upgrade((old) => old)
    await world.wait(UNTIL_DUE - MINUTE)
    expect(await noticed()).toEqual([])
    await world.wait(MINUTE)
    expect(await noticed()).toEqual(ALL)
    expect(state()).toBe('released')
    expect(await lastTo(alice)).toContain('4 Dec 2026, 12:00 UTC')
    expect(caseStates()).toEqual(['noticed'])
    for (const member of members) {
      const [mail, ...more] = world.sentTo(member)
      expect(more).toEqual([])
      const all = `${await readBy(member, mail)}${onTheWay(mail === undefined ? [] : [mail])}`
      expect(all).toContain('the hole')
      expect(onTheWay(mail === undefined ? [] : [mail])).toContain('\nSubject: [...]\r\n')
      for (const { id, address } of members)
        if (id !== member.id) expect(all).not.toContain(address)
    }
  })

  it('leaves nothing in the log that tells how many got it (G5)', async () => {
    await givenNotices()
    const before = world.log.length
    await world.wait(UNTIL_DUE + MINUTE)
    expect(await noticed()).toHaveLength(3)
    const lines = world.log.slice(before)
    expect(lines.filter((line) => 'kind' in line && line.kind === 'notice')).toEqual([])
    expect(lines.filter(({ event }) => event.startsWith('notice.'))).toEqual([
      { event: 'notice.releasing', notice: 1, lateMs: 61_000 },
      { event: 'notice.released', notice: 1 }
    ])
  })

  it('loses its approval and its code when a member is added or removed (M-27, G7)', async () => {
    await givenNotices({ list: TWO })
    const old = code()
    await world.addMember(suse)
    await world.settle()
    expect(state()).toBe('held')
    expect(stored()).toMatchObject({ approvals: [], previews: [] })
    remove('suse')
    await writes(linus, `/notice approve ${old}\n`)
    await staysHere()
  })

  it('holds the copy for a member whose key has expired and tells the maintainers; no other member waits (G3)', async () => {
    const old = await someone('oldco', 'security@oldco.example', 24)
    await givenNotices({ list: [...members, old] })
    await world.wait(UNTIL_DUE)
    expect(await noticed()).toEqual(ALL)
    expect(deliveries()).toContain('oldco 1 held')
    // That the key ends, and nothing else.
    expect(new Set(kindsTo(old))).toEqual(new Set(['key-expires']))
    expect(alarms('key-refused:')).toBe(2)
  })

  it('leaves late with one alarm after downtime, and none that it has not left (G7, B6)', async () => {
    await givenNotices()
    const mark = world.accepted.length
    world.pass(UNTIL_DUE + HOUR)
    await restarts()
    expect(await noticed()).toHaveLength(3)
    expect(alarms('notice-late')).toBe(2)
    expect((await alarmsTo(linus, mark)).join()).not.toMatch(/has not left|Is everything ready/)
  })

  it('is judged by a clock that was checked at that very moment', async () => {
    await givenNotices()
    world.jump(UNTIL_DUE)
    // Nothing has looked at the clock since it jumped.
    await world.releaseOnce()
    expect(state()).toBe('held')
  })

  it('is held with an alarm, never silently late, when its product is gone from the configuration', async () => {
    await givenNotices()
    const [product] = world.desk.settings.products
    Object.assign(world.desk.settings, { products: [{ ...product, id: 'renamed' }] })
    await staysHere()
    expect(alarms('notice-held')).toBe(2)
  })

  it('is held with an alarm when its words changed after the approval, and leaves with the new ones once these are approved (G7, M-27)', async () => {
    await givenNotices()
    upgrade((old) => old.replace('tell nobody outside', 'tell somebody outside'))
    await staysHere()
    expect(alarms('notice-held')).toBe(2)
    await approve()
    expect(await noticed()).toEqual(ALL)
  })
})

describe('a notice that is leaving', { timeout: 60_000 }, () => {
  /** Begins the release and dies before the first piece is committed, so that everything still waits. */
  async function leaving(): Promise<void> {
    await givenNotices()
    world.pass(UNTIL_DUE)
    // transact (begin): two effects; then it dies inside the first seal.
    world.dieAt(3)
    await expect(world.releaseOnce()).rejects.toThrow()
    world.restart()
    expect(state()).toBe('releasing')
  }
  const waiting = () => deliveries().filter((row) => row.endsWith(' waiting'))

  it('goes on after a crash at any effect, and every member gets it once (G2)', async () => {
    await givenNotices()
    world.pass(UNTIL_DUE)
    expect(await diesAtEveryStep()).toBeGreaterThan(5)
    // Mails that were on their way when the process died are due again.
    for (let round = 0; round < 3; round += 1) await world.wait(20 * MINUTE)
    expect(state()).toBe('released')
    for (const member of members) {
      const copies = world.sentTo(member)
      const forms = copies.map(({ messageId, raw }) => `${messageId} ${raw.length}`)
      expect(new Set(forms).size).toBe(1)
    }
    expect(deliveries()).toEqual(['debian 1 sent', 'freebsd 1 sent', 'suse 1 sent'])
  })

  it('reaches nobody when it is held before it is sealed, and everybody when it is approved again', async () => {
    await leaving()
    await heldBeforeSending()
    await world.settle()
    expect(await noticed()).toEqual([])
    expect(deliveries().every((row) => row.endsWith('held'))).toBe(true)
    await approve()
    expect(await noticed()).toEqual(ALL)
  })

  it('is reminded of when it is held before it is sealed, and no more than any other once it is approved for a later date (A3)', async () => {
    await leaving()
    await heldBeforeSending()
    await writes(grace, '/embargo 2026-12-28T12:00:00Z because the fix is late\n')
    await approve()
    await writes(grace, '/notice hold\n')
    expect(recorded('notice-held')).toMatchObject([
      { withheldSince: expect.any(String) },
      { withheldSince: null }
    ])
  })

  it('stops when its words change in the middle, so that members do not read different ones', async () => {
    await leaving()
    upgrade((old) => `${old}One more line.\n`)
    await world.settle()
    expect(state()).toBe('held')
    expect(await noticed()).toEqual([])
  })

  it('does not reach a member who was taken off the list before the copy was sealed (G5)', async () => {
    await leaving()
    remove('suse')
    await world.settle()
    expect(await noticed()).toEqual(['debian', 'freebsd'])
    expect(state()).toBe('released')
  })

  it('leaves nobody waiting for ever when members are removed between two pieces (G7)', async () => {
    await leaving()
    // 70 more members wait: the second piece is sealed while the first is there.
    for (let n = 0; n < 70; n += 1) {
      const id = `extra-${String(n).padStart(2, '0')}`
      world.change(
        `INSERT INTO members (id, name, address, address_key, products, state, fingerprint, key_data, added_at)
         SELECT ?, name, ? || '@extra.example', ? || '@extra.example', products, state, fingerprint, key_data, added_at
         FROM members WHERE id = 'debian'`,
        [id, id, id]
      )
      world.change(
        "INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at) VALUES (1, 1, ?, 'waiting', ?)",
        [id, world.clock.now]
      )
    }
    // Another process takes somebody out of the piece that is being sealed.
    world.workers.failSeal = () => {
      world.workers.failSeal = null
      remove('suse')
      return null
    }
    await world.settle()
    expect(state()).toBe('released')
    expect(waiting()).toEqual([])
    expect(world.accepted.filter(({ to }) => to.endsWith('@extra.example'))).toHaveLength(70)
  })

  it('is held with an alarm after the desk has failed at it three times; mail and other notices go on (G9)', async () => {
    await leaving()
    failAt(FIRST)
    await world.releaseOnce()
    await world.releaseOnce()
    expect(state()).toBe('releasing')
    await givenMessage(alice, { subject: 'y', text: 'another', as: 'clear' })
    expect(caseStates()).toHaveLength(2)
    expect(state()).toBe('held')
    expect(waiting()).toEqual([])
    expect(alarms('notice-held')).toBe(2)
    expect(world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
    expect(await noticed()).toEqual([])
  })

  it('is sent when no message about the date can be made: the alarms say that the reporter was not told, until they are answered (A3, G9)', async () => {
    await givenNotices()
    failDateTo(alice)
    await world.wait(UNTIL_DUE)
    expect(state()).toBe('released')
    expect(await noticed()).toEqual(ALL)
    expect(recorded('desk-failed')).toMatchObject([{ at: `date message of ${FIRST}` }])
    expect(await allTo(linus)).toContain('The reporter could not be told the date')
    expect(await allTo(linus)).not.toContain('tries this again')
    const mark = world.accepted.length
    await world.wait(DAY)
    await writes(grace, '/reply\nThe date is near.\n')
    await world.wait(2 * DAY)
    expect(await alarmsTo(linus, mark)).toHaveLength(1)
  })

  it('is an alarm for the one of two reporters to whom the message about the date fails; the other is told, and an answer to the other does not end it (M-30, A3, G9)', async () => {
    await givenNotices()
    await givenMessage(bob, { subject: 'two', text: 'x', as: 'encrypted', autocrypt: true })
    await writes(grace, `/merge ${FIRST}`, { tag: SECOND })
    failDateTo(bob)
    await world.wait(UNTIL_DUE)
    expect(state()).toBe('released')
    expect(await lastTo(alice)).toContain('We tell the private list')
    expect(await allTo(bob)).not.toContain('We tell the private list')
    expect(recorded('date-untold')).toMatchObject([{ reporter: SECOND, because: 'failed' }])
    const mark = world.accepted.length
    const answers = async (reporter: string) => {
      const text = `/reply\nThe date is near.\n${await quoted(grace, forwarded(`reporter:${reporter}`))}`
      await writes(grace, text, { after: MINUTE })
    }
    const rung = async () =>
      (await alarmsTo(linus, mark)).filter((text) => text.includes('could not be told the date'))
    await answers(FIRST)
    expect(await lastTo(alice)).toContain('The date is near.')
    await world.wait(DAY)
    expect(await rung()).toHaveLength(1)
    expect((await rung())[0]).toMatch(/Reporter: bob@\S+ Because: the message could not be made/)
    await answers(SECOND)
    expect(await lastTo(bob)).toContain('The date is near.')
    await world.wait(2 * DAY)
    expect(await rung()).toHaveLength(1)
  })

  it('is an alarm, too, when the reporter cannot be told what a change changed: it is on the record as that (B16, M-30, G9)', async () => {
    await givenNotices()
    await world.wait(UNTIL_DUE)
    failDateTo(alice)
    await writes(grace, '/notice draft\nseverity: high\n')
    const mark = world.accepted.length
    await approve()
    expect(recorded('change-untold')).toMatchObject([{ reporter: FIRST, because: 'failed' }])
    expect(recorded('date-untold')).toEqual([])
    const said = await allTo(linus, mark)
    expect(said).toContain('The reporter could not be told what changed')
    expect(said).not.toContain('could not be told the date')
    expect(said).not.toContain('tries this again')
    expect(await textsTo(alice, mark)).toEqual([])
  })

  it('is over when a crash has kept it from ending until its date has passed: the reporter is asked to keep nothing that was to be public by then (M-30, G2)', async () => {
    await leaving()
    // The copies are queued and one leaves; the process dies before the release ends.
    const notice = stored()
    if (notice === null) throw new Error('no notice')
    world.dieAt(8)
    await expect(sendPieces(world.desk, notice, { signal, queued: ignored })).rejects.toThrow()
    world.restart()
    world.replies.push('accepted', 'deferred', 'deferred')
    await world.sendOnce()
    world.pass(8 * DAY)
    const mark = world.accepted.length
    await restarts()
    expect(state()).toBe('released')
    const [said, ...more] = await textsTo(alice, mark)
    expect(more).toEqual([])
    expect(said).toMatch(/was to become public has passed\. It was Fri 4 Dec 2026, 12:00 UTC/)
    expect(said).not.toMatch(/please keep|We have told|becomes public/)
  })

  it('is withheld from nobody when it is held after every copy has left (A3)', async () => {
    await givenNotices()
    await world.wait(UNTIL_DUE)
    expect(await noticed()).toEqual(ALL)
    world.change("UPDATE notices SET state = 'releasing', released_at = NULL")
    upgrade((old) => `${old}One more line.\n`)
    await world.settle()
    expect(recorded('notice-held')).toMatchObject([{ withheldSince: null }])
  })

  it('can be held while all copies are queued and none is sent; approved again each gets one (G2, G7)', async () => {
    await givenNotices()
    world.pass(UNTIL_DUE)
    await world.releaseOnce()
    expect(stored()).toMatchObject({ state: 'released', hasLeft: true })
    expect(caseStates()).toEqual(['planned'])
    await heldBeforeSending()
    await world.settle()
    expect(await noticed()).toEqual([])
    expect([caseStates(), stored()?.hasLeft]).toEqual([['planned'], false])
    await approve()
    expect(await noticed()).toEqual(ALL)
  })

  it('becomes a new revision, which reaches everybody, when it is edited after some copies have left', async () => {
    await leaving()
    world.replies.push('accepted', 'deferred', 'deferred')
    await world.settle()
    await writes(grace, '/notice hold\n')
    expect(caseStates()).toEqual(['noticed'])
    await writes(grace, '/notice draft\nseverity: high\n')
    expect(world.column('SELECT revision FROM notices')).toEqual([2])
    await approve()
    for (const member of members) expect(await lastTo(member)).toContain('revision 2')
  })

  it('whose piece fails while the one before it still waits for alarms does not end the process (G9)', async () => {
    const expired = await someone('aaa', 'security@aaa.example', 1)
    const many = Array.from({ length: 80 }, (_, index) => {
      const id = `m${100 + index}`
      return { ...debian, id, address: `${id}@many.example` as Address }
    })
    await givenNotices({ list: [expired, ...many] })
    world.workers.failSeal = (said) =>
      said.includes('m170@many.example')
        ? new Trouble('worker-crash', 'x', { retryable: true })
        : null
    world.pass(UNTIL_DUE)
    const unhandled = await unhandledIn(async () => {
      for (let tries = 0; tries < 3; tries += 1) await world.settle()
    })
    expect(unhandled).toEqual([])
    expect(state()).toBe('held')
    expect(alarms('notice-held')).toBe(2)
  })
})

it.each([
  ['first', FIRST, SECOND],
  ['second', SECOND, FIRST]
])(
  'of two notices due at once the %s may fail and be held; the other leaves in full at the first try (G7, G9)',
  async (_name, bad, good) => {
    await givenNotices({ count: 2 })
    failAt(bad)
    world.pass(UNTIL_DUE)
    await world.releaseOnce()
    expect(
      world.column("SELECT tag FROM outbox JOIN cases ON cases.id = case_id WHERE kind = 'notice'")
    ).toEqual(Array(3).fill(good))
    await world.settle()
    expect(noticeStates()).toEqual(bad === FIRST ? ['held', 'released'] : ['released', 'held'])
    expect(world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
    expect(alarms('notice-held')).toBe(2)
    expect(await noticed(good)).toEqual(ALL)
    expect(await noticed(bad)).toEqual([])
  }
)

/** A case with the draft of a notice, on a desk whose policy wants so many approvals. */
async function drafted(
  approvals: number,
  maintainers: readonly Someone[],
  { list = members, autocrypt = true, text = 'x' } = {}
): Promise<void> {
  if (POLICY.notice === null) throw new Error('bad test data')
  const policy = { notice: { ...POLICY.notice, approvals } }
  await givenReport({ maintainers, policy, list, text, autocrypt })
  await writes(grace, `/accept\n/embargo ${DISCLOSURE}\n/notice draft\n${FIELDS}`)
}

describe('two approvals', () => {
  const ada = givenMaintainer('ada')

  /** Linus has approved the notice for these members. */
  async function approvedOnce(list: readonly Someone[]): Promise<void> {
    await drafted(2, [grace, linus, await ada], { list, autocrypt: false })
    await approve()
    expect(state()).toBe('drafting')
  }
  /** Linus approves, the clock goes an hour forward, and Ada approves a new preview. */
  async function approvedAcrossJump(): Promise<void> {
    await approvedOnce(members)
    await jumps(HOUR)
    await approve(FIRST, [grace, await ada])
  }

  it('count as one when one of them is from before a jump of the clock: the same person gives it anew, and the release puts on record that a reporter without a key could not be told the date, and why (G7, M-30)', async () => {
    await approvedAcrossJump()
    expect(state()).toBe('drafting')
    await writes(linus, `/notice approve ${code()}\n`, { after: 1000 })
    expect(state()).toBe('scheduled')
    await world.wait(UNTIL_DUE)
    expect(await noticed()).toHaveLength(3)
    expect(recorded('date-untold')).toMatchObject([{ reporter: FIRST, because: 'no-key' }])
    const told = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
    expect(world.rows(told)).toHaveLength(3)
  })

  it('schedule the notice once the clock was set back and one person has given theirs again', async () => {
    await approvedAcrossJump()
    await jumps(-HOUR)
    expect(state()).toBe('drafting')
    await writes(linus, `/notice approve ${code()}\n`, { after: 2 * HOUR })
    expect(state()).toBe('scheduled')
  })

  it('can be given again by the same maintainer after the list changed', async () => {
    await approvedOnce(TWO)
    await world.addMember(suse)
    await approve(FIRST, [grace, linus, await ada])
    expect(state()).toBe('scheduled')
  })
})

describe.each([
  ['one maintainer', [grace]],
  ['two maintainers', [grace, linus]]
])('(A5) approvals: 0 with %s', (_, team) => {
  it('the author drafts, previews and approves, and the notice leaves at its instant', async () => {
    await drafted(0, team)
    expect(await writes(grace, '/notice preview\n')).toContain('Done: 1 command.')
    const names = team.map(({ name }) => name).join(' or ')
    expect(await allTo(grace)).toContain(`${names} can approve it.`)
    expect(await writes(grace, `/notice approve ${code()}\n`)).toContain(
      'Approved. The notice leaves Fri 27 Nov 2026, 12:00 UTC.'
    )
    for (const member of members) expect(await textsTo(member)).toEqual([])
    await world.wait(UNTIL_DUE)
    for (const member of members)
      expect(await allTo(member)).toContain('ADVANCE NOTICE UNDER EMBARGO')
  })

  it('nothing leaves without the code of a preview', async () => {
    await drafted(0, team)
    await staysHere('drafting')
  })
})

it('(A5) a team of one under approvals: 1 cannot approve its own notice, and is told that nobody can, and what the operator can do', async () => {
  await drafted(1, [grace])
  const nobody =
    'It needs 1 approver besides its authors, and there is nobody: as it stands it cannot leave. The operator can give another maintainer the role approver, or set approvals: 0 in the policy'
  const before = world.accepted.length
  await writes(grace, '/embargo 2026-12-08T12:00:00Z because later\n/notice preview\n')
  // The preview and the answer say it, once.
  for (const said of await textsTo(grace, before)) {
    expect(said).toContain(nobody)
    expect(said).not.toMatch(/can approve it|Nothing is missing|exactly this is|code[.] It needs/)
  }
  expect(await writes(grace, '/status\n')).toContain(nobody)
  expect(await writes(grace, `/notice approve ${code()}\n`)).toContain(nobody)
  await world.wait(DAY)
  expect((await alarmsTo(grace)).at(-1)).toContain(nobody)
})

it.each([
  [
    2,
    'one approver is too few',
    'It needs 2 approvers besides its authors, and there is only Linus: as it stands it cannot leave.'
  ],
  [1, 'who can approve', 'Linus can approve it.']
])('(A5) a team of two under approvals: %i is told %s', async (approvals, _what, says) => {
  await drafted(approvals, [grace, linus])
  await writes(grace, '/notice preview\n')
  expect(await allTo(grace)).toContain(says)
})

/** The maintainers who wrote the notice since it was approved last. */
function authors(): readonly string[] | undefined {
  return world.desk.db.read((read) => noticeStore.find(read, FIRST))?.authors.ids
}

it('(B3) the maintainer who wrote it stays its author while it is approved, and every act is on the record', async () => {
  await givenNotices()
  expect(authors()).toEqual(['grace'])
  const sql = "SELECT kind FROM events WHERE kind GLOB 'notice-*' OR kind = 'embargo-set'"
  expect(world.column(`${sql} ORDER BY id`)).toEqual([
    ...['embargo-set', 'notice-drafted', 'notice-previewed'],
    ...['notice-approved', 'notice-scheduled']
  ])
})

it('(B3) a maintainer who edits it after an approval is its only author, so the first one may approve that', async () => {
  await givenNotices()
  await writes(linus, '/notice draft\nseverity: high\n')
  expect(authors()).toEqual(['linus'])
  await approve()
  expect(state()).toBe('drafting')
  await approve(FIRST, [grace, grace])
  expect(state()).toBe('scheduled')
})

it('(B3) a second author cannot approve what the first one wrote beside a new date', async () => {
  await givenNotices()
  await writes(linus, '/notice draft\nseverity: low\n')
  await writes(grace, '/embargo 2026-12-03T12:00:00Z because it is ready\n')
  expect(authors()).toEqual(['linus', 'grace'])
  await approve(FIRST, [grace, grace, linus])
  expect(state()).toBe('drafting')
})

it('(B3, A5) an answer says at once that nobody is left to approve; whoever set a date that another one replaced may approve', async () => {
  await drafted(1, [grace, linus])
  const date = (day: number) => `/embargo 2026-12-0${day}T12:00:00Z because it is exploited\n`
  const nobody =
    '1 approver besides its authors, and there is nobody: as it stands it cannot leave.'
  expect(await writes(linus, date(9))).toContain(
    `${nobody} If somebody else sets another date with /embargo, Linus can approve it.`
  )
  expect(await writes(grace, date(8))).toContain('Linus can approve it.')
  expect(authors()).toEqual(['grace'])
  await approve()
  expect(state()).toBe('scheduled')
  expect(await writes(linus, date(9))).toContain('The approval it had is void.')
  expect(recorded('approvals-voided')).toEqual([{ of: ['linus'] }])
})

it('(B3, B16) the same instant in another zone or with a reason changes nothing: nobody is asked again, and its author stays one', async () => {
  await givenNotices()
  await writes(linus, '/embargo 2026-12-03T12:00:00Z because it is ready\n')
  const asked = recorded('date-asked').length
  const again = '/embargo 2026-12-03 13:00 Europe/Berlin because of their users\n'
  expect(await writes(grace, again)).toContain('nothing is changed. The reason is not kept')
  expect([authors(), recorded('date-asked').length]).toEqual([['linus'], asked])
})

it('(B16) what is held because its disclosure has passed is let go by no approval: the alarm names /disclosed and /embargo', async () => {
  await givenNotices()
  world.pass(12 * DAY)
  await world.settle()
  expect(state()).toBe('held')
  const [alarm = ''] = (await alarmsTo(grace)).filter((text) => text.includes('was not sent'))
  expect(alarm).toContain(
    'no approval lets it go on. Please record the disclosure with /disclosed. If the issue is not public yet, set a new date with /embargo'
  )
})

it('(B3) a hold makes nobody an author and lets no author approve', async () => {
  await givenNotices()
  await writes(linus, '/notice hold\n')
  expect(authors()).toEqual(['grace'])
  await approve()
  expect(state()).toBe('scheduled')
})

it('(B3, G7) a maintainer who moves a notice to the list of another product is its author, and cannot approve it', async () => {
  const library = { ...PRODUCT, id: 'library', name: 'ACME Library' }
  await givenNotices({ moreProducts: [library] })
  world.change(`UPDATE members SET products = '["parser","library"]'`)
  await writes(grace, '/notice draft\nseverity: high\n')
  await writes(linus, '/product library\n')
  await approve()
  expect(state()).toBe('drafting')
  expect(await lastTo(linus)).toContain(
    'You wrote the notice, set its date or moved it to another product since it was last approved. So did Grace.'
  )
})

const REPEATED = 'one two three four five six seven eight nine ten'

it('(B6, B18) a field that repeats what the reporter wrote is named at the draft and in /status, and there is no preview', async () => {
  await drafted(1, [grace, linus], { text: REPEATED })
  const field = `/notice draft\ndescription: ${REPEATED}\n`
  for (const text of [field, '/notice preview\n', '/status\n'])
    expect(await writes(grace, text)).toContain('description repeats 10 or more words')
  expect(await lastTo(grace)).not.toContain('/notice preview')
  expect(code()).toBe('')
})

it('(M-30, G3) a list member or maintainer who reported learns the date encrypted to their registered key', async () => {
  await givenNotices({ reporter: debian })
  await world.wait(UNTIL_DUE)
  const [id] = world.column("SELECT message_id FROM outbox WHERE kind = 'date-notice'")
  const sent = world.accepted.filter(({ messageId }) => messageId === id)
  expect(sent.map(({ to }) => to)).toEqual([debian.address])
  expect(onTheWay(sent)).toContain('BEGIN PGP MESSAGE')
})

it('(B6, B13) a notice that nobody on the list would get is neither previewed nor approved, and the reporter is told nothing', async () => {
  await givenNotices({ list: [] })
  expect(await writes(grace, '/status\n')).toContain('Nobody is on the list of this product')
  expect(await writes(grace, '/notice preview\n')).toContain(
    'Nothing was done: line 1 has a problem.'
  )
  await staysHere('drafting')
  expect(await allTo(alice)).not.toContain('We tell the private list')
})

describe('(B9) where keys have expired', () => {
  /** Their keys end before the notice is due. */
  const brief = (id: string) => givenMaintainer(id, 26)
  const expired = someone('suse', 'security@suse.example', 25)
  const kept = () => [alarms('key-refused:'), alarms('notice-left:')]

  it('a copy held for its member is told to a maintainer whose key has expired, too, once there is a key that can be used', async () => {
    const list = [debian, await expired]
    await givenNotices({ maintainers: [grace, await brief('linus')], list })
    await world.wait(UNTIL_DUE)
    expect(state()).toBe('released')
    // To Grace; what Linus could not be told is kept for him.
    expect(kept()).toEqual([1, 1])
    const before = world.accepted.length
    await world.renewKey(linus)
    await restarts()
    const said = await allTo(linus, before)
    expect(said).toContain('List member suse did not get the notice: it was not sent')
    // It says where the copies are and whom the desk told the date.
    expect(said.replaceAll(/\s+/g, ' ')).toContain('The notice is leaving')
    expect(said.replaceAll(/\s+/g, ' ')).toMatch(
      /encrypted: 1 sent, 1 on hold\. We write to alice@reporter\.example about the date, too\./
    )
    expect(kept()).toEqual([2, 2])
  })

  it('a copy held for its member is told to nobody in clear, and waits, when no maintainer can be reached (G3)', async () => {
    await givenNotices({
      maintainers: [await brief('grace'), await brief('linus')],
      list: [await expired]
    })
    await world.wait(UNTIL_DUE)
    expect(state()).toBe('held')
    expect([alarms('key-refused:'), alarms('notice-')]).toEqual([0, 0])
    expect(world.rows("SELECT clock FROM rings WHERE clock = 'key-refused'")).toEqual([])
  })

  it('a message that cannot be encrypted to a maintainer is told to the others, and to that one in clear, once a day, however many cases it concerns', async () => {
    await givenNotices({ maintainers: [grace, await brief('linus')], list: [await expired] })
    world.pass(UNTIL_DUE)
    const before = alarms('key-refused:')
    const report = (text: string) => givenMessage(alice, { subject: 'x', text, as: 'encrypted' })
    for (const text of ['one', 'two']) await report(text)
    const words = () => world.rows("SELECT id FROM outbox WHERE once LIKE 'key-problem:%'").length
    expect([alarms('key-refused:') - before, words()]).toEqual([3, 1])
    world.pass(25 * HOUR)
    await report('three')
    expect(words()).toBe(2)
  })
})

it('(B19, M-30) a reporter whose key has expired at the release is an alarm, and is told the date when a new key is in use', async () => {
  const reporter = await givenReporter('alice', 24)
  await givenNotices({ reporter })
  await world.wait(UNTIL_DUE)
  const rung = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
  expect(world.rows(rung)).toHaveLength(2)
  await writes(grace, `/key accept ${keyOf(alice)}`, attachedKey(alice))
  expect(await lastTo(alice)).toMatch(
    /We tell the private list .* It becomes public on Fri 4 Dec 2026/
  )
})
