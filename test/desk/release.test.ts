/** Advance notices on the real steps of the desk: released in pieces, held, voided, crashed and resumed (G2, G5, G7). */

import { describe, expect, it } from 'vitest'
import { handlePending } from '../../src/desk/work.ts'
import * as arrivals from '../../src/store/arrivals.ts'
import * as deliveryStore from '../../src/store/deliveries.ts'
import * as memberStore from '../../src/store/members.ts'
import * as noticeStore from '../../src/store/notices.ts'
import { givenDesk, givenMessage, lastTo, previewCode, textsTo } from '../support/given.ts'
import {
  FIELDS,
  type NoticeWorld,
  noticeWorld,
  people,
  UNTIL_DUE
} from '../support/notice-world.ts'
import { type Someone, someone, type World } from '../support/world.ts'
import { POLICY } from '../unit/policy/samples.ts'

const DISCLOSURE = '2026-12-04T12:00:00Z'
const TAG = 'ACME-2026-0001'
const cast = await people()
const { grace, linus, alice, members } = cast
let notices: NoticeWorld
let world: World

async function command(from: Someone, text: string): Promise<void> {
  await givenMessage(world, from, { subject: `Re: [${TAG}] x`, text })
}

/** A case with an approved notice for these members, due in four days. */
async function scheduled(list: readonly Someone[] = members): Promise<void> {
  notices = await noticeWorld({ ...cast, members: list }, { count: 1 })
  world = notices.world
  expect(state()).toBe('scheduled')
}

function state(): string {
  return world.rows<{ state: string }>('SELECT state FROM notices')[0]?.state ?? ''
}
function noticed(): string[] {
  const ids = new Map(members.map(({ address, id }) => [address as string, id]))
  return world.accepted.flatMap(({ to }) => ids.get(to) ?? [])
}
function deliveries() {
  return world.desk.db
    .read((read) => deliveryStore.list(read, 1))
    .map(({ memberId, revision, state: how }) => `${memberId} ${revision} ${how}`)
}
/** A hold is handled, and nothing else: no release step, no sending. */
async function heldBeforeSending(): Promise<void> {
  const raw = await world.write(grace, { subject: `Re: [${TAG}] x`, text: '/notice hold\n' })
  const place = { mailbox: 'INBOX', uidValidity: '1', uid: 900, part: 'whole' } as const
  const { now } = world.clock
  world.desk.db.transact((tx) =>
    arrivals.add(tx, { ...place, receivedAt: now, size: raw.length, raw }, now)
  )
  await handlePending(world.desk, new AbortController().signal, () => undefined)
}

describe('a scheduled notice', () => {
  it('leaves at its instant and not a second before, one sealed message a member (M-24, M-28, G5)', async () => {
    await scheduled()
    await world.wait(UNTIL_DUE - 60_000)
    expect(noticed()).toEqual([])
    await world.wait(60_000)
    expect(noticed().sort()).toEqual(['debian', 'freebsd', 'suse'])
    expect(state()).toBe('released')
    for (const member of members) {
      const mine = world.sentTo(member)
      const [mail] = mine
      expect(mine).toHaveLength(1)
      const text = mail === undefined ? '' : await world.read(member, mail)
      expect(text).toContain('the hole')
      for (const other of members.filter(({ id }) => id !== member.id)) {
        expect(text).not.toContain(other.address)
        expect(Buffer.from(mail?.raw ?? []).toString()).not.toContain(other.address)
      }
    }
  })

  it('leaves nothing in the log that tells how many got it (G5)', async () => {
    await scheduled()
    const before = world.log.length
    await world.wait(UNTIL_DUE + 60_000)
    expect(noticed()).toHaveLength(3)
    const lines = world.log.slice(before)
    expect(lines.filter((line) => 'kind' in line && line.kind === 'notice')).toEqual([])
    expect(lines.filter(({ event }) => event.startsWith('notice.'))).toEqual([
      { event: 'notice.releasing', notice: 1, lateMs: 61_000 },
      { event: 'notice.released', notice: 1 }
    ])
  })

  it('tells the reporter the date in the same job (M-30)', async () => {
    await scheduled()
    await world.wait(UNTIL_DUE)
    const mine = world.sentTo(alice).at(-1)
    expect(mine && (await world.read(alice, mine))).toContain('4 Dec 2026, 12:00 UTC')
    expect(world.rows('SELECT state FROM cases')).toEqual([{ state: 'noticed' }])
  })

  it('loses its approval when a member is added or removed (M-27)', async () => {
    await scheduled(members.slice(0, 2))
    const [, , third] = members
    if (third !== undefined) await world.addMember(third)
    await world.settle()
    expect(state()).toBe('held')
    expect(world.desk.db.read((read) => noticeStore.findById(read, 1))?.approvals).toEqual([])
    await world.wait(UNTIL_DUE)
    expect(noticed()).toEqual([])
  })

  it('holds a member whose key has expired, tells the maintainers, and nobody else waits (G3)', async () => {
    const old = await someone('oldco', 'security@oldco.example', 24)
    await scheduled([...members, old])
    await world.wait(UNTIL_DUE)
    expect(noticed().sort()).toEqual(['debian', 'freebsd', 'suse'])
    expect(deliveries()).toContain('oldco 1 held')
    expect(world.accepted.some(({ to }) => to === old.address)).toBe(false)
    const alarms = world.rows("SELECT once FROM outbox WHERE once LIKE 'alert:key-refused:%'")
    expect(alarms).toHaveLength(2)
  })

  it('is held after the clock jumped to its instant, and its approval is void', async () => {
    await scheduled()
    world.jump(UNTIL_DUE)
    await world.settle()
    expect(noticed()).toEqual([])
    expect(state()).toBe('held')
    expect(world.rows("SELECT kind FROM events WHERE kind = 'clock-doubted'")).toHaveLength(1)
  })

  it('leaves late with one alarm after downtime (G7)', async () => {
    await scheduled()
    world.pass(UNTIL_DUE + 3_600_000)
    world.restart()
    await world.settle()
    expect(noticed()).toHaveLength(3)
    expect(world.rows("SELECT once FROM outbox WHERE once LIKE 'alert:notice-late%'")).toHaveLength(
      2
    )
  })

  it('held by itself cannot be scheduled again with the code of before (G7)', async () => {
    await scheduled(members.slice(0, 2))
    const old = previewCode(world)
    const [, , third] = members
    if (third !== undefined) await world.addMember(third)
    await world.settle()
    expect(state()).toBe('held')
    expect(world.desk.db.read((read) => noticeStore.findById(read, 1))?.previews).toEqual([])
    world.desk.db.transact((tx) => memberStore.remove(tx, 'suse', world.clock.now))
    await command(linus, `/notice approve ${old}\n`)
    expect(state()).toBe('held')
  })

  it('held by a maintainer cannot be scheduled again with the code of before (G7)', async () => {
    await scheduled()
    const old = previewCode(world)
    await command(grace, '/notice hold\n')
    await command(linus, `/notice approve ${old}\n`)
    expect(state()).toBe('held')
  })

  it('does not leave when its approver is no maintainer any more (G4)', async () => {
    await scheduled()
    const maintainers = world.desk.settings.maintainers.filter(({ id }) => id !== 'linus')
    Object.assign(world.desk.settings, { maintainers })
    await world.wait(UNTIL_DUE)
    expect(noticed()).toEqual([])
    expect(state()).toBe('held')
  })

  it('is judged on a clock looked at that very moment', async () => {
    await scheduled()
    world.jump(UNTIL_DUE)
    // Nothing has looked at the clock since it jumped.
    await world.releaseOnce()
    expect(state()).toBe('held')
  })

  it('cannot leave for a case that is rejected or closed meanwhile', async () => {
    await scheduled()
    await command(grace, '/reject upstream\n')
    await command(grace, '/close\n')
    expect(world.rows('SELECT state FROM cases')).toEqual([{ state: 'planned' }])
    expect(state()).toBe('scheduled')
  })

  it('is held with an alarm, never silently late, when its product is gone from the configuration', async () => {
    await scheduled()
    const [product] = world.desk.settings.products
    Object.assign(world.desk.settings, { products: [{ ...product, id: 'renamed' }] })
    await world.wait(UNTIL_DUE)
    expect(state()).toBe('held')
    expect(world.rows("SELECT once FROM outbox WHERE once LIKE 'alert:notice-held%'")).toHaveLength(
      2
    )
  })
})

describe('a notice that is leaving', { timeout: 60_000 }, () => {
  /** Begins the release and dies before the first piece is committed, so that everything still waits. */
  async function leaving(): Promise<void> {
    await scheduled()
    world.pass(UNTIL_DUE)
    // transact (begin): two effects; then it dies inside the first seal.
    world.dieAt(3)
    await expect(world.releaseOnce()).rejects.toThrow()
    world.restart()
    expect(state()).toBe('releasing')
  }

  it('goes on after a crash at any effect, nobody twice and nobody left out (G2)', async () => {
    await scheduled()
    world.pass(UNTIL_DUE)
    let crashes = 0
    for (let step = 1; ; step += 1) {
      world.dieAt(step)
      const died = await world.settle().then(
        () => false,
        () => true
      )
      if (!died) break
      crashes += 1
      world.restart()
    }
    // Mails that were on their way when the process died are due again.
    world.restart()
    for (let round = 0; round < 3; round += 1) {
      await world.wait(20 * 60_000)
    }
    expect(crashes).toBeGreaterThan(5)
    expect(state()).toBe('released')
    const sent = new Map<string, Set<string>>()
    for (const { to, messageId, raw } of world.accepted) {
      if (!members.some(({ address }) => address === to)) continue
      const key = `${messageId} ${Buffer.from(raw).toString('base64').length}`
      sent.set(to, (sent.get(to) ?? new Set()).add(key))
    }
    expect([...sent.keys()].sort()).toEqual(members.map(({ address }) => address).sort())
    for (const bytes of sent.values()) expect(bytes.size).toBe(1)
    expect(deliveries()).toEqual(['debian 1 sent', 'freebsd 1 sent', 'suse 1 sent'])
  })

  it('held before it was sealed leaves nobody with it; approved again it reaches all', async () => {
    await leaving()
    await heldBeforeSending()
    expect(state()).toBe('held')
    await world.settle()
    expect(noticed()).toEqual([])
    expect(deliveries().every((row) => row.endsWith('held'))).toBe(true)
    await notices.approve(TAG)
    expect(noticed().sort()).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('does not reach a member who was taken off the list before the copy was sealed (G5)', async () => {
    await leaving()
    world.desk.db.transact((tx) => memberStore.remove(tx, 'suse', world.clock.now))
    await world.settle()
    expect(noticed().sort()).toEqual(['debian', 'freebsd'])
    expect(state()).toBe('released')
  })

  it('leaves nobody waiting for ever when members are removed between two pieces (G7)', async () => {
    await leaving()
    // 70 more members wait: the second piece is sealed while the first is there.
    const [debian] = members
    if (debian === undefined) throw new Error('no member')
    world.desk.db.transact((tx) => {
      for (let n = 0; n < 70; n += 1) {
        const id = `extra-${String(n).padStart(2, '0')}`
        tx.run(
          `INSERT INTO members (id, name, address, address_key, products, state, fingerprint, key_data, added_at)
           SELECT ?, name, ? || '@extra.example', ? || '@extra.example', products, state, fingerprint, key_data, added_at
           FROM members WHERE id = 'debian'`,
          [id, id, id]
        )
        tx.run(
          "INSERT INTO deliveries (notice_id, revision, member_id, state, changed_at) VALUES (1, 1, ?, 'waiting', ?)",
          [id, world.clock.now]
        )
      }
    })
    const { workers } = world.desk
    const seal = workers.seal.bind(workers)
    let removed = false
    Object.assign(workers, {
      seal: async (...args: Parameters<typeof seal>) => {
        // Another process takes somebody out of the piece that is being sealed.
        if (!removed) {
          removed = true
          world.desk.db.transact((tx) => memberStore.remove(tx, 'suse', world.clock.now))
        }
        return await seal(...args)
      }
    })
    await world.settle()
    expect(state()).toBe('released')
    expect(world.rows("SELECT id FROM deliveries WHERE state = 'waiting'")).toEqual([])
    expect(world.accepted.filter(({ to }) => to.endsWith('@extra.example'))).toHaveLength(70)
  })

  it('that the desk fails at is held after three tries with an alarm; mail and other notices go on (G9)', async () => {
    await leaving()
    const { workers } = world.desk
    const seal = workers.seal.bind(workers)
    const broken: typeof seal = (...args) =>
      JSON.stringify(args).includes('] Notice')
        ? Promise.reject(new TypeError('a bug at this notice'))
        : seal(...args)
    Object.assign(workers, { seal: broken })
    await world.releaseOnce()
    await world.releaseOnce()
    expect(state()).toBe('releasing')
    await givenMessage(world, alice, { subject: 'y', text: 'another', as: 'clear' })
    expect(world.rows('SELECT id FROM cases')).toHaveLength(2)
    expect(state()).toBe('held')
    expect(world.rows("SELECT id FROM deliveries WHERE state = 'waiting'")).toEqual([])
    expect(world.rows("SELECT once FROM outbox WHERE once LIKE 'alert:notice-held%'")).toHaveLength(
      2
    )
    expect(world.log.filter(({ event }) => event === 'bug')).toHaveLength(3)
    expect(noticed()).toEqual([])
  })

  it('can be held while all copies are queued and none is sent; approved again each gets one (G2, G7)', async () => {
    await scheduled()
    world.pass(UNTIL_DUE)
    await world.releaseOnce()
    expect(state()).toBe('released')
    const found = world.desk.db.read((read) => noticeStore.findById(read, 1))
    expect(found?.hasLeft).toBe(true)
    await heldBeforeSending()
    expect(state()).toBe('held')
    await world.settle()
    expect(noticed()).toEqual([])
    await notices.approve(TAG)
    expect(noticed().sort()).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('makes an edit after partial delivery a new revision that reaches everybody', async () => {
    await leaving()
    // The first piece is queued and one copy accepted; the process dies before the release ends.
    world.replies.push('accepted', 'deferred', 'deferred')
    const { sendPieces } = await import('../../src/desk/release-pieces.ts')
    const notice = world.desk.db.read((read) => noticeStore.findById(read, 1))
    if (notice === null) throw new Error('no notice')
    world.dieAt(8)
    await expect(
      sendPieces(world.desk, notice, {
        signal: new AbortController().signal,
        queued: () => undefined
      })
    ).rejects.toThrow()
    world.restart()
    const queued = world.rows("SELECT id FROM deliveries WHERE state = 'queued'")
    expect(queued).toHaveLength(3)
    world.desk.db.transact((tx) => {
      const now = noticeStore.findById(tx, 1)
      if (now !== null) noticeStore.setState(tx, now, { state: 'held' })
      tx.run("UPDATE outbox SET state = 'held' WHERE notice_id = 1 AND state = 'queued'")
    })
    await command(grace, '/notice draft\nseverity: high\n')
    expect(world.rows('SELECT revision FROM notices')).toEqual([{ revision: 2 }])
    await notices.approve(TAG)
    expect(noticed().sort()).toEqual(['debian', 'freebsd', 'suse'])
    const [first] = members
    const mail = world.accepted.find(({ to }) => to === first?.address)
    expect(first && mail && (await world.read(first, mail))).toContain('revision 2')
  })
})

describe('two approvals', () => {
  let ada: Someone
  /** The notice as it is now, previewed and approved by these. */
  async function approvedBy(...approvers: readonly Someone[]): Promise<void> {
    world.pass(1000)
    await command(grace, '/notice preview\n')
    for (const one of approvers) await command(one, `/notice approve ${previewCode(world)}\n`)
  }
  /** The policy wants two people beside the author; Linus has approved the notice for these members. */
  async function approvedOnce(list: readonly Someone[]): Promise<void> {
    if (POLICY.notice === null) throw new Error('bad test data')
    ada = await someone('ada', 'ada@acme.example')
    const policy = { notice: { ...POLICY.notice, approvals: 2 } }
    world = await givenDesk([grace, linus, ada], { policy })
    for (const member of list) await world.addMember(member)
    await givenMessage(world, alice, { subject: 'x', text: 'x', as: 'clear' })
    await command(grace, `/accept\n/embargo ${DISCLOSURE}\n/notice draft\n${FIELDS}`)
    await approvedBy(linus)
    expect(state()).toBe('drafting')
  }

  /** Linus approves, the clock goes an hour forward, and Ada approves a new preview. */
  async function approvedAcrossJump(): Promise<void> {
    await approvedOnce(members)
    world.jump(3_600_000)
    await world.settle()
    await approvedBy(ada)
  }

  it('one of which is from before a jump of the clock are one: the same person gives it anew (G7)', async () => {
    await approvedAcrossJump()
    expect(state()).toBe('drafting')
    world.pass(1000)
    await command(linus, `/notice approve ${previewCode(world)}\n`)
    expect(state()).toBe('scheduled')
    await world.wait(UNTIL_DUE)
    expect(noticed()).toHaveLength(3)
  })

  it('a release without a key of the reporter puts on the record that the date could not be told, and why (M-30)', async () => {
    await approvedAcrossJump()
    world.pass(1000)
    await command(linus, `/notice approve ${previewCode(world)}\n`)
    await world.wait(UNTIL_DUE)
    expect(world.rows("SELECT about FROM events WHERE kind = 'date-untold'")).toEqual([
      { about: '{"reporter":"ACME-2026-0001","because":"no-key"}' }
    ])
    const told = "SELECT DISTINCT recipient FROM rings WHERE clock = 'date-untold'"
    expect(world.rows(told)).toHaveLength(3)
  })

  it('that count again after the clock was set back schedule it with a repeat of one', async () => {
    await approvedAcrossJump()
    world.jump(-3_600_000)
    await world.settle()
    expect(state()).toBe('drafting')
    world.pass(7_200_000)
    await command(linus, `/notice approve ${previewCode(world)}\n`)
    expect(state()).toBe('scheduled')
  })

  it('can be given again by the same maintainer after the list changed', async () => {
    await approvedOnce(members.slice(0, 2))
    const [, , third] = members
    if (third !== undefined) await world.addMember(third)
    await approvedBy(linus, ada)
    expect(state()).toBe('scheduled')
  })
})

it('(M-30, G3) a list member or maintainer who reported learns the date encrypted to their registered key', async () => {
  const [reporting] = members
  if (reporting === undefined) throw new Error('no members')
  const given = await noticeWorld({ ...cast, alice: reporting }, { count: 1 })
  world = given.world
  await world.wait(UNTIL_DUE)
  const [date] = world.rows<{ id: string }>(
    "SELECT message_id AS id FROM outbox WHERE kind = 'date-notice'"
  )
  const sent = world.accepted.find(({ messageId }) => messageId === date?.id)
  expect(sent?.to).toBe(reporting.address)
  expect(Buffer.from(sent?.raw ?? []).toString('utf8')).toContain('BEGIN PGP MESSAGE')
})

it('(B6, B13) a notice that nobody on the list would get is neither previewed nor approved, and the reporter is told nothing', async () => {
  const empty = await noticeWorld({ grace, linus, alice, members: [] }, { count: 1 })
  await empty.command(grace, 'ACME-2026-0001', '/status\n')
  expect(await lastTo(empty.world, grace)).toContain('Nobody is on the list of this product')
  await empty.command(grace, 'ACME-2026-0001', '/notice preview\n')
  expect(await lastTo(empty.world, grace)).toContain('Nothing was done: line 1 has a problem.')
  await empty.world.wait(UNTIL_DUE)
  expect(empty.states()).toEqual(['drafting'])
  expect((await textsTo(empty.world, alice)).join()).not.toContain('We have told the private list')
})
