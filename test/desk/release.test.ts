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
import * as desk from '../support/desk.ts'
import { type Someone, someone } from '../support/world.ts'
import { POLICY, PRODUCT } from '../unit/policy/samples.ts'

/** Members who are on the list where the third one is not yet. */
const TWO = desk.members.slice(0, 2)
const signal = new AbortController().signal
const ignored = () => undefined

function state(): string {
  return desk.noticeStates()[0] ?? ''
}
function deliveries(): string[] {
  const all = desk.world.desk.db.read((read) => deliveryStore.list(read, 1))
  return all.map(({ memberId, revision, state: how }) => `${memberId} ${revision} ${how}`)
}
function stored() {
  return desk.world.desk.db.read((read) => noticeStore.findById(read, 1))
}
function remove(id: string): void {
  desk.world.desk.db.transact((tx) => memberStore.remove(tx, id, desk.world.clock.now))
}
/** A hold is handled, and nothing else: no release step, no sending. */
async function heldBeforeSending(): Promise<void> {
  const raw = await desk.world.write(desk.grace, {
    subject: `Re: [${desk.FIRST}] x`,
    text: '/notice hold\n'
  })
  const place = { mailbox: 'INBOX', uidValidity: '1', uid: 900, part: 'whole' } as const
  const { now } = desk.world.clock
  const arrival = { ...place, receivedAt: now, arrivedAt: now, size: raw.length, raw }
  desk.world.desk.db.transact((tx) => arrivals.add(tx, arrival, now))
  await handlePending(desk.world.desk, signal, ignored)
  expect(state()).toBe('held')
}
/** From now on the desk has a bug that shows at the notice of one case alone. */
function failAt(tag: string): void {
  desk.world.workers.failSeal = (said) =>
    said.includes(`[${tag}] Notice`) ? new TypeError('a bug at this notice') : null
}
/** From now on the desk has a bug that shows at messages about the date of the disclosure to one person. */
function failDateTo({ address }: Someone): void {
  desk.world.workers.failSeal = (said) =>
    said.includes('] About the disclosure') && said.includes(address)
      ? new TypeError('a bug at the date')
      : null
}
/** The program is replaced by one with another text of the notice, and started. */
function upgrade(text: (old: string) => string): void {
  const { settings } = desk.world.desk
  Object.assign(settings, { noticeTemplate: text(settings.noticeTemplate) })
  desk.world.restart()
}
/** Nobody on the list gets it at its instant. */
async function staysHere(as = 'held'): Promise<void> {
  await desk.world.wait(desk.UNTIL_DUE)
  expect(await desk.noticed()).toEqual([])
  expect(state()).toBe(as)
}

describe('a scheduled notice', () => {
  it('leaves at its instant and not a second before, one sealed message a member that names no other, and the reporter is told the date in the same job, whatever was restarted (M-24, M-28, M-30, G5)', async () => {
    await desk.givenNotices()
    upgrade((old) => old)
    await desk.world.wait(desk.UNTIL_DUE - desk.MINUTE)
    expect(await desk.noticed()).toEqual([])
    await desk.world.wait(desk.MINUTE)
    expect(await desk.noticed()).toEqual(desk.ALL)
    expect(state()).toBe('released')
    expect(await desk.lastTo(desk.alice)).toContain('4 Dec 2026, 12:00 UTC')
    expect(desk.caseStates()).toEqual(['noticed'])
    for (const member of desk.members) {
      const [mail, ...more] = desk.world.sentTo(member)
      expect(more).toEqual([])
      const all = `${await desk.readBy(member, mail)}${desk.onTheWay(mail === undefined ? [] : [mail])}`
      expect(all).toContain('the hole')
      expect(desk.onTheWay(mail === undefined ? [] : [mail])).toContain('\nSubject: [...]\r\n')
      for (const { id, address } of desk.members)
        if (id !== member.id) expect(all).not.toContain(address)
    }
  })

  it('(B10) leaves nothing in the log that tells how many got it, or when its last copy was made (G5)', async () => {
    await desk.givenNotices()
    await desk.world.wait(desk.UNTIL_DUE - desk.MINUTE)
    const before = desk.world.log.length
    const sent = desk.world.accepted.length
    await desk.world.wait(2 * desk.MINUTE)
    expect(await desk.noticed()).toHaveLength(3)
    // The reporter is told the date, and the maintainers that the notice leaves.
    const to = [desk.alice, desk.grace].map(({ address }) => address)
    expect(desk.sentSince(sent)).toEqual(expect.arrayContaining(to))
    expect(desk.world.log.slice(before)).toEqual([
      { event: 'notice.releasing', notice: 1, lateMs: 61_000 }
    ])
  })

  it('(10) bears one time in all copies and in what tells the reporter the date, however long it takes to make them (G5)', async () => {
    // More than are made at a time.
    const list = await Promise.all(
      Array.from({ length: 66 }, (_, index) => someone(`m${index}`, `m${index}@list.example`))
    )
    await desk.givenNotices({ list })
    const before = desk.world.accepted.length
    desk.world.pass(desk.UNTIL_DUE)
    desk.world.workers.failSeal = () => {
      desk.world.pass(1000)
      return null
    }
    await desk.world.settle()
    const dates = desk.world.accepted.slice(before).flatMap(({ to, raw }) => {
      const date = /^Date: .*$/m.exec(Buffer.from(raw).toString('latin1'))?.[0] ?? ''
      return to.endsWith('@list.example') || to === desk.alice.address ? date : []
    })
    expect(dates).toHaveLength(67)
    expect(new Set(dates).size).toBe(1)
  })

  it('loses its approval and its code when a member is added or removed (M-27, G7)', async () => {
    await desk.givenNotices({ list: TWO })
    const old = desk.code()
    await desk.world.addMember(desk.suse)
    await desk.world.settle()
    expect(state()).toBe('held')
    expect(stored()).toMatchObject({ approvals: [], previews: [] })
    remove('suse')
    await desk.writes(desk.linus, `/notice approve ${old}\n`)
    await staysHere()
  })

  it('holds the copy for a member whose key has expired and tells the maintainers; no other member waits (G3)', async () => {
    const old = await someone('oldco', 'security@oldco.example', 24)
    await desk.givenNotices({ list: [...desk.members, old] })
    await desk.world.wait(desk.UNTIL_DUE)
    expect(await desk.noticed()).toEqual(desk.ALL)
    expect(deliveries()).toContain('oldco 1 held')
    // That the key ends, and nothing else.
    expect(new Set(desk.kindsTo(old))).toEqual(new Set(['key-expires']))
    expect(desk.alarms('key-refused:')).toBe(2)
  })

  it('leaves late with one alarm after downtime, and none that it has not left (G7, B6)', async () => {
    await desk.givenNotices()
    const mark = desk.world.accepted.length
    desk.world.pass(desk.UNTIL_DUE + desk.HOUR)
    await desk.restarts()
    expect(await desk.noticed()).toHaveLength(3)
    expect(desk.alarms('notice-late')).toBe(2)
    expect((await desk.alarmsTo(desk.linus, mark)).join()).not.toMatch(
      /has not left|Is everything ready/
    )
  })

  it('is judged by a clock that was checked at that very moment', async () => {
    await desk.givenNotices()
    desk.world.jump(desk.UNTIL_DUE)
    // Nothing has looked at the clock since it jumped.
    await desk.world.releaseOnce()
    expect(state()).toBe('held')
  })

  it('is held with an alarm, never silently late, when its product is gone from the configuration', async () => {
    await desk.givenNotices()
    const [product] = desk.world.desk.settings.products
    Object.assign(desk.world.desk.settings, { products: [{ ...product, id: 'renamed' }] })
    await staysHere()
    expect(desk.alarms('notice-held')).toBe(2)
  })

  it('is held with an alarm when its words changed after the approval, and leaves with the new ones once these are approved (G7, M-27)', async () => {
    await desk.givenNotices()
    upgrade((old) => old.replace('tell nobody outside', 'tell somebody outside'))
    await staysHere()
    expect(desk.alarms('notice-held')).toBe(2)
    await desk.approve()
    expect(await desk.noticed()).toEqual(desk.ALL)
  })
})

describe('a notice that is leaving', { timeout: 60_000 }, () => {
  /** Begins the release and dies before the first piece is committed, so that everything still waits. */
  async function leaving(): Promise<void> {
    await desk.givenNotices()
    desk.world.pass(desk.UNTIL_DUE)
    // transact (begin): two effects; then it dies inside the first seal.
    desk.world.dieAt(3)
    await expect(desk.world.releaseOnce()).rejects.toThrow()
    desk.world.restart()
    expect(state()).toBe('releasing')
  }
  const waiting = () => deliveries().filter((row) => row.endsWith(' waiting'))

  it('goes on after a crash at any effect, and every member gets it once (G2)', async () => {
    await desk.givenNotices()
    desk.world.pass(desk.UNTIL_DUE)
    expect(await desk.diesAtEveryStep()).toBeGreaterThan(5)
    // Mails that were on their way when the process died are due again.
    for (let round = 0; round < 3; round += 1) await desk.world.wait(20 * desk.MINUTE)
    expect(state()).toBe('released')
    for (const member of desk.members) {
      const copies = desk.world.sentTo(member)
      const forms = copies.map(({ messageId, raw }) => `${messageId} ${raw.length}`)
      expect(new Set(forms).size).toBe(1)
    }
    expect(deliveries()).toEqual(['debian 1 sent', 'freebsd 1 sent', 'suse 1 sent'])
  })

  it('reaches nobody when it is held before it is sealed, and everybody when it is approved again', async () => {
    await leaving()
    await heldBeforeSending()
    await desk.world.settle()
    expect(await desk.noticed()).toEqual([])
    expect(deliveries().every((row) => row.endsWith('held'))).toBe(true)
    await desk.approve()
    expect(await desk.noticed()).toEqual(desk.ALL)
  })

  it('is reminded of when it is held before it is sealed, and no more than any other once it has a later date (A3)', async () => {
    await leaving()
    await heldBeforeSending()
    await desk.writes(desk.grace, '/embargo 2026-12-28T12:00:00Z because the fix is late\n')
    await desk.writes(desk.grace, '/notice hold\n')
    await desk.approve()
    await desk.writes(desk.grace, '/notice hold\n')
    const [withheld, ...later] = desk.recorded('notice-held')
    expect(withheld).toMatchObject({ withheldSince: expect.any(String) })
    expect(later).toMatchObject([{ withheldSince: null }, { withheldSince: null }])
  })

  it('stops when its words change in the middle, so that members do not read different ones', async () => {
    await leaving()
    upgrade((old) => `${old}One more line.\n`)
    await desk.world.settle()
    expect(state()).toBe('held')
    expect(await desk.noticed()).toEqual([])
  })

  it('does not reach a member who was taken off the list before the copy was sealed (G5)', async () => {
    await leaving()
    remove('suse')
    await desk.world.settle()
    expect(await desk.noticed()).toEqual(['debian', 'freebsd'])
    expect(state()).toBe('released')
  })

  it('leaves nobody waiting for ever when members are removed between two pieces (G7)', async () => {
    await leaving()
    // 70 more members wait: the second piece is sealed while the first is there.
    for (let n = 0; n < 70; n += 1) {
      const id = `extra-${String(n).padStart(2, '0')}`
      desk.world.change(
        `INSERT INTO members (id, name, address, address_key, products, state, fingerprint, key_data, added_at)
         SELECT ?, name, ? || '@extra.example', ? || '@extra.example', products, state, fingerprint, key_data, added_at
         FROM members WHERE id = 'debian'`,
        [id, id, id]
      )
      desk.world.change(
        "INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at) VALUES (1, 1, ?, 'waiting', ?)",
        [id, desk.world.clock.now]
      )
    }
    // Another process takes somebody out of the piece that is being sealed.
    desk.world.workers.failSeal = () => {
      desk.world.workers.failSeal = null
      remove('suse')
      return null
    }
    await desk.world.settle()
    expect(state()).toBe('released')
    expect(waiting()).toEqual([])
    expect(desk.world.accepted.filter(({ to }) => to.endsWith('@extra.example'))).toHaveLength(70)
  })

  it('is held with an alarm after the desk has failed at it three times; mail and other notices go on (G9)', async () => {
    await leaving()
    failAt(desk.FIRST)
    await desk.world.releaseOnce()
    await desk.world.releaseOnce()
    expect(state()).toBe('releasing')
    await desk.givenMessage(desk.alice, { subject: 'y', text: 'another', as: 'clear' })
    expect(desk.caseStates()).toHaveLength(2)
    expect(state()).toBe('held')
    expect(waiting()).toEqual([])
    expect(desk.alarms('notice-held')).toBe(2)
    expect(desk.world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
    expect(await desk.noticed()).toEqual([])
  })

  it('is sent when no message about the date can be made: the alarms say that the reporter was not told, until they are answered (A3, G9)', async () => {
    await desk.givenNotices()
    failDateTo(desk.alice)
    await desk.world.wait(desk.UNTIL_DUE)
    expect(state()).toBe('released')
    expect(await desk.noticed()).toEqual(desk.ALL)
    expect(desk.recorded('desk-failed')).toMatchObject([{ at: `date message of ${desk.FIRST}` }])
    expect(await desk.allTo(desk.linus)).toContain('The reporter could not be told the date')
    expect(await desk.allTo(desk.linus)).not.toContain('tries this again')
    const mark = desk.world.accepted.length
    await desk.world.wait(desk.DAY)
    await desk.writes(desk.grace, '/reply\nThe date is near.\n')
    await desk.world.wait(2 * desk.DAY)
    expect(await desk.alarmsTo(desk.linus, mark)).toHaveLength(1)
  })

  it('is an alarm for the one of two reporters to whom the message about the date fails; the other is told, and an answer to the other does not end it (M-30, A3, G9)', async () => {
    await desk.givenNotices()
    await desk.givenMessage(desk.bob, {
      subject: 'two',
      text: 'x',
      as: 'encrypted',
      autocrypt: true
    })
    await desk.writes(desk.grace, `/merge ${desk.FIRST}`, { tag: desk.SECOND })
    failDateTo(desk.bob)
    await desk.world.wait(desk.UNTIL_DUE)
    expect(state()).toBe('released')
    expect(await desk.lastTo(desk.alice)).toContain('We are telling the private list')
    expect(await desk.allTo(desk.bob)).not.toContain('We are telling the private list')
    expect(desk.recorded('date-untold')).toMatchObject([
      { reporter: desk.SECOND, because: 'failed' }
    ])
    const mark = desk.world.accepted.length
    const answers = async (reporter: string) => {
      const text = `/reply\nThe date is near.\n${await desk.quoted(desk.grace, desk.forwarded(`reporter:${reporter}`))}`
      await desk.writes(desk.grace, text, { after: desk.MINUTE })
    }
    const rung = async () =>
      (await desk.alarmsTo(desk.linus, mark)).filter((text) =>
        text.includes('could not be told the date')
      )
    await answers(desk.FIRST)
    expect(await desk.lastTo(desk.alice)).toContain('The date is near.')
    await desk.world.wait(desk.DAY)
    expect(await rung()).toHaveLength(1)
    expect((await rung())[0]).toMatch(/Reporter: bob@\S+ Because: the message could not be made/)
    await answers(desk.SECOND)
    expect(await desk.lastTo(desk.bob)).toContain('The date is near.')
    await desk.world.wait(2 * desk.DAY)
    expect(await rung()).toHaveLength(1)
  })

  it('is an alarm, too, when the reporter cannot be told what a change changed: it is on the record as that (B16, M-30, G9)', async () => {
    await desk.givenNotices()
    await desk.world.wait(desk.UNTIL_DUE)
    failDateTo(desk.alice)
    await desk.writes(desk.grace, '/notice draft\nseverity: high\n')
    const mark = desk.world.accepted.length
    await desk.approve()
    expect(desk.recorded('change-untold')).toMatchObject([
      { reporter: desk.FIRST, because: 'failed' }
    ])
    expect(desk.recorded('date-untold')).toEqual([])
    const said = await desk.allTo(desk.linus, mark)
    expect(said).toContain('The reporter could not be told what changed')
    expect(said).not.toContain('could not be told the date')
    expect(said).not.toContain('tries this again')
    expect(await desk.textsTo(desk.alice, mark)).toEqual([])
  })

  it('is over when a crash has kept it from ending until its date has passed: the reporter is asked to keep nothing that was to be public by then (M-30, G2)', async () => {
    await leaving()
    // The copies are queued and one leaves; the process dies before the release ends.
    const notice = stored()
    if (notice === null) throw new Error('no notice')
    desk.world.dieAt(8)
    await expect(sendPieces(desk.world.desk, notice, { signal, queued: ignored })).rejects.toThrow()
    desk.world.restart()
    desk.world.replies.push('accepted', 'deferred', 'deferred')
    await desk.world.sendOnce()
    desk.world.pass(8 * desk.DAY)
    const mark = desk.world.accepted.length
    await desk.restarts()
    expect(state()).toBe('released')
    const [said, ...more] = await desk.textsTo(desk.alice, mark)
    expect(more).toEqual([])
    expect(said).toMatch(/was to become public has passed\. It was Fri 4 Dec 2026, 12:00 UTC/)
    expect(said).not.toMatch(/please keep|We have told|becomes public/)
  })

  it('is withheld from nobody when it is held after every copy has left (A3)', async () => {
    await desk.givenNotices()
    await desk.world.wait(desk.UNTIL_DUE)
    expect(await desk.noticed()).toEqual(desk.ALL)
    desk.world.change("UPDATE notices SET state = 'releasing', released_at = NULL")
    upgrade((old) => `${old}One more line.\n`)
    await desk.world.settle()
    expect(desk.recorded('notice-held')).toMatchObject([{ withheldSince: null }])
  })

  it('can be held while all copies are queued and none is sent; approved again each gets one (G2, G7)', async () => {
    await desk.givenNotices()
    desk.world.pass(desk.UNTIL_DUE)
    await desk.world.releaseOnce()
    expect(stored()).toMatchObject({ state: 'released', hasLeft: true })
    expect(desk.caseStates()).toEqual(['planned'])
    await heldBeforeSending()
    await desk.world.settle()
    expect(await desk.noticed()).toEqual([])
    expect([desk.caseStates(), stored()?.hasLeft]).toEqual([['planned'], false])
    await desk.approve()
    expect(await desk.noticed()).toEqual(desk.ALL)
  })

  it('becomes a new revision, which reaches everybody, when it is edited after some copies have left', async () => {
    await leaving()
    desk.world.replies.push('accepted', 'deferred', 'deferred')
    await desk.world.settle()
    await desk.writes(desk.grace, '/notice hold\n')
    expect(desk.caseStates()).toEqual(['noticed'])
    await desk.writes(desk.grace, '/notice draft\nseverity: high\n')
    expect(desk.world.column('SELECT revision FROM notices')).toEqual([2])
    await desk.approve()
    for (const member of desk.members) expect(await desk.lastTo(member)).toContain('revision 2')
  })

  it('whose piece fails while the one before it still waits for alarms does not end the process (G9)', async () => {
    const expired = await someone('aaa', 'security@aaa.example', 1)
    const many = Array.from({ length: 80 }, (_, index) => {
      const id = `m${100 + index}`
      return { ...desk.debian, id, address: `${id}@many.example` as Address }
    })
    await desk.givenNotices({ list: [expired, ...many] })
    desk.world.workers.failSeal = (said) =>
      said.includes('m170@many.example')
        ? new Trouble('worker-crash', 'x', { retryable: true })
        : null
    desk.world.pass(desk.UNTIL_DUE)
    const unhandled = await desk.unhandledIn(async () => {
      for (let tries = 0; tries < 3; tries += 1) await desk.world.settle()
    })
    expect(unhandled).toEqual([])
    expect(state()).toBe('held')
    expect(desk.alarms('notice-held')).toBe(2)
  })
})

it.each([
  ['first', desk.FIRST, desk.SECOND],
  ['second', desk.SECOND, desk.FIRST]
])(
  'of two notices due at once the %s may fail and be held; the other leaves in full at the first try (G7, G9)',
  async (_name, bad, good) => {
    await desk.givenNotices({ count: 2 })
    failAt(bad)
    desk.world.pass(desk.UNTIL_DUE)
    await desk.world.releaseOnce()
    expect(
      desk.world.column(
        "SELECT tag FROM outbox JOIN cases ON cases.id = case_id WHERE kind = 'notice'"
      )
    ).toEqual(Array(3).fill(good))
    await desk.world.settle()
    expect(desk.noticeStates()).toEqual(
      bad === desk.FIRST ? ['held', 'released'] : ['released', 'held']
    )
    expect(desk.world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
    expect(desk.alarms('notice-held')).toBe(2)
    expect(await desk.noticed(good)).toEqual(desk.ALL)
    expect(await desk.noticed(bad)).toEqual([])
  }
)

/** A case with the draft of a notice, on a desk whose policy wants so many approvals. */
async function drafted(
  approvals: number,
  maintainers: readonly Someone[],
  { list = desk.members, autocrypt = true, text = 'x' } = {}
): Promise<void> {
  if (POLICY.notice === null) throw new Error('bad test data')
  const policy = { notice: { ...POLICY.notice, approvals } }
  await desk.givenReport({ maintainers, policy, list, text, autocrypt })
  await desk.writes(
    desk.grace,
    `/accept\n/embargo ${desk.DISCLOSURE}\n/notice draft\n${desk.FIELDS}`
  )
}

describe('two approvals', () => {
  const ada = desk.givenMaintainer('ada')

  /** Linus has approved the notice for these members. */
  async function approvedOnce(list: readonly Someone[]): Promise<void> {
    await drafted(2, [desk.grace, desk.linus, await ada], { list, autocrypt: false })
    await desk.approve()
    expect(state()).toBe('drafting')
  }
  /** Linus approves, the clock goes an hour forward, and Ada approves a new preview. */
  async function approvedAcrossJump(): Promise<void> {
    await approvedOnce(desk.members)
    await desk.jumps(desk.HOUR)
    await desk.approve(desk.FIRST, [desk.grace, await ada])
  }

  it('count as one when one of them is from before a jump of the clock: the same person gives it anew, and the release puts on record that a reporter without a key could not be told the date, and why (G7, M-30)', async () => {
    await approvedAcrossJump()
    expect(state()).toBe('drafting')
    await desk.writes(desk.linus, `/notice approve ${desk.code()}\n`, { after: 1000 })
    expect(state()).toBe('scheduled')
    await desk.world.wait(desk.UNTIL_DUE)
    expect(await desk.noticed()).toHaveLength(3)
    expect(desk.recorded('date-untold')).toMatchObject([
      { reporter: desk.FIRST, because: 'no-key' }
    ])
    const told = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
    expect(desk.world.rows(told)).toHaveLength(3)
  })

  it('schedule the notice once the clock was set back and one person has given theirs again', async () => {
    await approvedAcrossJump()
    await desk.jumps(-desk.HOUR)
    expect(state()).toBe('drafting')
    await desk.writes(desk.linus, `/notice approve ${desk.code()}\n`, { after: 2 * desk.HOUR })
    expect(state()).toBe('scheduled')
  })

  it('can be given again by the same maintainer after the list changed', async () => {
    await approvedOnce(TWO)
    await desk.world.addMember(desk.suse)
    await desk.approve(desk.FIRST, [desk.grace, desk.linus, await ada])
    expect(state()).toBe('scheduled')
  })
})

describe.each([
  ['one maintainer', [desk.grace]],
  ['two maintainers', [desk.grace, desk.linus]]
])('(A5) approvals: 0 with %s', (_, team) => {
  it('the author drafts, previews and approves, and the notice leaves at its instant', async () => {
    await drafted(0, team)
    expect(await desk.writes(desk.grace, '/notice preview\n')).toContain('Done: 1 command.')
    const names = team.map(({ name }) => name).join(' or ')
    expect(await desk.allTo(desk.grace)).toContain(`${names} can approve it.`)
    expect(await desk.writes(desk.grace, `/notice approve ${desk.code()}\n`)).toContain(
      'Approved. The notice leaves Fri 27 Nov 2026, 12:00 UTC.'
    )
    for (const member of desk.members) expect(await desk.textsTo(member)).toEqual([])
    await desk.world.wait(desk.UNTIL_DUE)
    for (const member of desk.members)
      expect(await desk.allTo(member)).toContain('ADVANCE NOTICE UNDER EMBARGO')
  })

  it('nothing leaves without the code of a preview', async () => {
    await drafted(0, team)
    await staysHere('drafting')
  })
})

it('(A5) a team of one under approvals: 1 cannot approve its own notice, and is told that nobody can, and what the operator can do', async () => {
  await drafted(1, [desk.grace])
  const nobody =
    'It needs 1 approver besides its authors, and there is nobody: as it stands it cannot leave. The operator can give another maintainer the role approver, or set approvals: 0 in the policy'
  const before = desk.world.accepted.length
  await desk.writes(desk.grace, '/embargo 2026-12-08T12:00:00Z because later\n/notice preview\n')
  // The preview and the answer say it, once.
  for (const said of await desk.textsTo(desk.grace, before)) {
    expect(said).toContain(nobody)
    expect(said).not.toMatch(/can approve it|Nothing is missing|exactly this is|code[.] It needs/)
  }
  expect(await desk.writes(desk.grace, '/status\n')).toContain(nobody)
  expect(await desk.writes(desk.grace, `/notice approve ${desk.code()}\n`)).toContain(nobody)
  await desk.world.wait(desk.DAY)
  expect((await desk.alarmsTo(desk.grace)).at(-1)).toContain(nobody)
})

it.each([
  [
    2,
    'one approver is too few',
    'It needs 2 approvers besides its authors, and there is only Linus: as it stands it cannot leave.'
  ],
  [1, 'who can approve', 'Linus can approve it.']
])('(A5) a team of two under approvals: %i is told %s', async (approvals, _what, says) => {
  await drafted(approvals, [desk.grace, desk.linus])
  await desk.writes(desk.grace, '/notice preview\n')
  expect(await desk.allTo(desk.grace)).toContain(says)
})

/** The maintainers who wrote the notice since it was approved last. */
function authors(): readonly string[] | undefined {
  return desk.world.desk.db.read((read) => noticeStore.find(read, desk.FIRST))?.authors.ids
}

it('(B3) the maintainer who wrote it stays its author while it is approved, and every act is on the record', async () => {
  await desk.givenNotices()
  expect(authors()).toEqual(['grace'])
  const sql = "SELECT kind FROM events WHERE kind GLOB 'notice-*' OR kind = 'embargo-set'"
  expect(desk.world.column(`${sql} ORDER BY id`)).toEqual([
    ...['embargo-set', 'notice-drafted', 'notice-previewed'],
    ...['notice-approved', 'notice-scheduled']
  ])
})

it('(B3) a maintainer who edits it after an approval is its only author, so the first one may approve that', async () => {
  await desk.givenNotices()
  await desk.writes(desk.linus, '/notice draft\nseverity: high\n')
  expect(authors()).toEqual(['linus'])
  await desk.approve()
  expect(state()).toBe('drafting')
  await desk.approve(desk.FIRST, [desk.grace, desk.grace])
  expect(state()).toBe('scheduled')
})

it('(B3) a second author cannot approve what the first one wrote beside a new date', async () => {
  await desk.givenNotices()
  await desk.writes(desk.linus, '/notice draft\nseverity: low\n')
  await desk.writes(desk.grace, '/embargo 2026-12-03T12:00:00Z because it is ready\n')
  expect(authors()).toEqual(['linus', 'grace'])
  await desk.approve(desk.FIRST, [desk.grace, desk.grace, desk.linus])
  expect(state()).toBe('drafting')
})

it('(B3, A5) an answer says at once that nobody is left to approve; whoever set a date that another one replaced may approve', async () => {
  await drafted(1, [desk.grace, desk.linus])
  const date = (day: number) => `/embargo 2026-12-0${day}T12:00:00Z because it is exploited\n`
  const nobody =
    '1 approver besides its authors, and there is nobody: as it stands it cannot leave.'
  expect(await desk.writes(desk.linus, date(9))).toContain(
    `${nobody} If somebody else sets another date with /embargo, Linus can approve it.`
  )
  expect(await desk.writes(desk.grace, date(8))).toContain('Linus can approve it.')
  expect(authors()).toEqual(['grace'])
  await desk.approve()
  expect(state()).toBe('scheduled')
  expect(await desk.writes(desk.linus, date(9))).toContain('The approval it had is void.')
  expect(desk.recorded('approvals-voided')).toEqual([{ of: ['linus'] }])
})

it('(B3, B16) the same instant in another zone or with a reason changes nothing: nobody is asked again, and its author stays one', async () => {
  await desk.givenNotices()
  await desk.writes(desk.linus, '/embargo 2026-12-03T12:00:00Z because it is ready\n')
  const asked = desk.recorded('date-asked').length
  const again = '/embargo 2026-12-03 13:00 Europe/Berlin because of their users\n'
  expect(await desk.writes(desk.grace, again)).toContain(
    'nothing is changed. The reason is not kept'
  )
  expect([authors(), desk.recorded('date-asked').length]).toEqual([['linus'], asked])
})

it('(B16) what is held because its disclosure has passed is let go by no approval: the alarm names /disclosed and /embargo', async () => {
  await desk.givenNotices()
  desk.world.pass(12 * desk.DAY)
  await desk.world.settle()
  expect(state()).toBe('held')
  const [alarm = ''] = (await desk.alarmsTo(desk.grace)).filter((text) =>
    text.includes('was not sent')
  )
  expect(alarm).toContain(
    'no approval lets it go on. Please record the disclosure with /disclosed. If the issue is not public yet, set a new date with /embargo'
  )
})

it('(B3) a hold makes nobody an author and lets no author approve', async () => {
  await desk.givenNotices()
  await desk.writes(desk.linus, '/notice hold\n')
  expect(authors()).toEqual(['grace'])
  await desk.approve()
  expect(state()).toBe('scheduled')
})

it('(B3, G7) a maintainer who moves a notice to the list of another product is its author, and cannot approve it', async () => {
  const library = { ...PRODUCT, id: 'library', name: 'ACME Library' }
  await desk.givenNotices({ moreProducts: [library] })
  desk.world.change(`UPDATE members SET products = '["parser","library"]'`)
  await desk.writes(desk.grace, '/notice draft\nseverity: high\n')
  await desk.writes(desk.linus, '/product library\n')
  await desk.approve()
  expect(state()).toBe('drafting')
  expect(await desk.lastTo(desk.linus)).toContain(
    'You wrote the notice, set its date or moved it to another product since it was last approved. So did Grace.'
  )
})

const REPEATED = 'one two three four five six seven eight nine ten'

it('(B6, B18) a field that repeats what the reporter wrote is named at the draft and in /status, and there is no preview', async () => {
  await drafted(1, [desk.grace, desk.linus], { text: REPEATED })
  const field = `/notice draft\ndescription: ${REPEATED}\n`
  for (const text of [field, '/notice preview\n', '/status\n'])
    expect(await desk.writes(desk.grace, text)).toContain('description repeats 10 or more words')
  expect(await desk.lastTo(desk.grace)).not.toContain('/notice preview')
  expect(desk.code()).toBe('')
})

it('(M-30, G3) a list member or maintainer who reported learns the date encrypted to their registered key', async () => {
  await desk.givenNotices({ reporter: desk.debian })
  await desk.world.wait(desk.UNTIL_DUE)
  const [id] = desk.world.column("SELECT message_id FROM outbox WHERE kind = 'date-notice'")
  const sent = desk.world.accepted.filter(({ messageId }) => messageId === id)
  expect(sent.map(({ to }) => to)).toEqual([desk.debian.address])
  expect(desk.onTheWay(sent)).toContain('BEGIN PGP MESSAGE')
})

it('(B6, B13) a notice that nobody on the list would get is neither previewed nor approved, and the reporter is told nothing', async () => {
  await desk.givenNotices({ list: [] })
  expect(await desk.writes(desk.grace, '/status\n')).toContain(
    'Nobody is on the list of this product'
  )
  expect(await desk.writes(desk.grace, '/notice preview\n')).toContain(
    'Nothing was done: line 1 has a problem.'
  )
  await staysHere('drafting')
  expect(await desk.allTo(desk.alice)).not.toContain('We are telling the private list')
})

describe('(B9) where keys have expired', () => {
  /** Their keys end before the notice is due. */
  const brief = (id: string) => desk.givenMaintainer(id, 26)
  const expired = someone('suse', 'security@suse.example', 25)
  const kept = () => [desk.alarms('key-refused:'), desk.alarms('notice-left:')]

  it('a copy held for its member is told to a maintainer whose key has expired, too, once there is a key that can be used', async () => {
    const list = [desk.debian, await expired]
    await desk.givenNotices({ maintainers: [desk.grace, await brief('linus')], list })
    await desk.world.wait(desk.UNTIL_DUE)
    expect(state()).toBe('released')
    // To Grace; what Linus could not be told is kept for him.
    expect(kept()).toEqual([1, 1])
    const before = desk.world.accepted.length
    await desk.world.renewKey(desk.linus)
    await desk.restarts()
    const said = await desk.allTo(desk.linus, before)
    expect(said).toContain('List member suse did not get the notice: it was not sent')
    // It says where the copies are and whom the desk told the date.
    expect(said.replaceAll(/\s+/g, ' ')).toContain('The notice is leaving')
    expect(said.replaceAll(/\s+/g, ' ')).toMatch(
      /encrypted: 1 sent, 1 on hold\. We write to alice@reporter\.example about the date, too\./
    )
    expect(kept()).toEqual([2, 2])
  })

  it('a copy held for its member is told to nobody in clear, and waits, when no maintainer can be reached (G3)', async () => {
    await desk.givenNotices({
      maintainers: [await brief('grace'), await brief('linus')],
      list: [await expired]
    })
    await desk.world.wait(desk.UNTIL_DUE)
    expect(state()).toBe('held')
    expect([desk.alarms('key-refused:'), desk.alarms('notice-')]).toEqual([0, 0])
    expect(desk.world.rows("SELECT clock FROM rings WHERE clock = 'key-refused'")).toEqual([])
  })

  it('a message that cannot be encrypted to a maintainer is told to the others, and to that one in clear, once a day, however many cases it concerns', async () => {
    await desk.givenNotices({
      maintainers: [desk.grace, await brief('linus')],
      list: [await expired]
    })
    desk.world.pass(desk.UNTIL_DUE)
    const before = desk.alarms('key-refused:')
    const report = (text: string) =>
      desk.givenMessage(desk.alice, { subject: 'x', text, as: 'encrypted' })
    for (const text of ['one', 'two']) await report(text)
    const words = () =>
      desk.world.rows("SELECT id FROM outbox WHERE once LIKE 'key-problem:%'").length
    expect([desk.alarms('key-refused:') - before, words()]).toEqual([3, 1])
    desk.world.pass(25 * desk.HOUR)
    await report('three')
    expect(words()).toBe(2)
  })
})

it('(B19, M-30) a reporter whose key has expired at the release is an alarm, and is told the date when a new key is in use', async () => {
  const reporter = await desk.givenReporter('alice', 24)
  await desk.givenNotices({ reporter })
  await desk.world.wait(desk.UNTIL_DUE)
  const rung = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
  expect(desk.world.rows(rung)).toHaveLength(2)
  await desk.writes(
    desk.grace,
    `/key accept ${desk.keyOf(desk.alice)}`,
    desk.attachedKey(desk.alice)
  )
  expect(await desk.lastTo(desk.alice)).toMatch(
    /We are telling the private list .* It becomes public on Fri 4 Dec 2026/
  )
})
