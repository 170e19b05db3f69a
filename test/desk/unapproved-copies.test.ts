/**
 * No copy of a notice leaves that the approvals do not cover: none to somebody who came to the list at the last moment, none
 * with the words of before (G5, G7).
 */
import { describe, expect, it } from 'vitest'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import * as members from '../../src/store/members.ts'
import * as outbox from '../../src/store/outbox.ts'
import { type Tx } from '../../src/store/sql.ts'
import { type NoticeWorld, noticeWorld, people, UNTIL_DUE } from '../support/notice-world.ts'
import { someone } from '../support/world.ts'

const cast = await people()
const newcomer = await someone('newcomer', 'security@newcomer.example')
const ONE = 'ACME-2026-0001'
const HOUR = 3_600_000
let desk: NoticeWorld

describe('a list that changes between the judging of a notice and its first step', () => {
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
  async function newMember(): Promise<(tx: Tx) => void> {
    const { keyData, id, name, address } = newcomer
    const { now } = desk.world.clock
    const facts = await inspectKey(keyData, now)
    if (facts === null) throw new Error('bad test data')
    const { fingerprint, expiresAt, signingKeys } = facts
    const on = { products: ['parser'], state: 'active', addedAt: now, signingKeys } as const
    return (tx) => {
      members.add(tx, { ...on, id, name, address, keyData, fingerprint, keyExpiresAt: expiresAt })
    }
  }

  it.each([
    ['on time', 0],
    ['late', 2 * HOUR]
  ])(
    'holds a notice that is due %s: a member nobody approved gets nothing (G5, G7)',
    async (_when, lateMs) => {
      desk = await noticeWorld(cast, { count: 1 })
      desk.world.pass(UNTIL_DUE + lateMs)
      justBefore(await newMember())
      await desk.world.releaseOnce()
      expect(desk.states()).toEqual(['scheduled'])
      expect(desk.world.rows('SELECT id FROM deliveries')).toEqual([])
      await desk.world.settle()
      expect(desk.states()).toEqual(['held'])
      expect([desk.alarms('notice-held'), desk.alarms('notice-late')]).toEqual([2, 0])
      expect(desk.world.sentTo(newcomer)).toEqual([])
      expect(await desk.noticed(ONE)).toEqual([])
    }
  )

  it('holds the notice when a member was taken off, as at any time before (M-27)', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.pass(UNTIL_DUE)
    justBefore((tx) => members.remove(tx, 'suse', desk.world.clock.now))
    await desk.world.settle()
    expect(desk.states()).toEqual(['held'])
    expect(await desk.noticed(ONE)).toEqual([])
  })
})

describe('copies that wait here while the notice is held and its words change', () => {
  /** Settings that are read at each start: what an operator may have changed before the restart. */
  const changes: readonly (readonly [string, string, () => void])[] = [
    [
      'the template',
      'One more line.',
      () => {
        const { settings, render } = desk.world.desk
        const noticeTemplate = `${settings.noticeTemplate}One more line.\n`
        Object.assign(settings, { noticeTemplate })
        const longer: typeof render = (message, occasion) =>
          render(message, occasion) + (message.kind === 'notice' ? 'One more line.\n' : '')
        Object.assign(desk.world.desk, { render: longer })
      }
    ],
    [
      'the name of the desk',
      'The Other Team',
      () => Object.assign(desk.world.desk.settings.desk, { name: 'The Other Team' })
    ],
    [
      'the time zone',
      '4 Dec 2026, 21:00',
      () => Object.assign(desk.world.desk.settings.desk, { timezone: 'Asia/Tokyo' })
    ],
    [
      'the TLP mark',
      'TLP:RED',
      () => {
        const [product] = desk.world.desk.settings.products
        if (product?.policy.notice == null) throw new Error('bad test data')
        const policy = { ...product.policy, notice: { ...product.policy.notice, tlp: 'TLP:RED' } }
        Object.assign(desk.world.desk.settings, { products: [{ ...product, policy }] })
      }
    ]
  ]

  it.each(changes)(
    'never leave: with %s changed each member gets one copy of the approved words (G7)',
    async (_what, words, change) => {
      desk = await noticeWorld(cast, { count: 1 })
      desk.world.pass(UNTIL_DUE)
      // SMTP takes nothing.
      desk.world.replies.push(...Array.from({ length: 40 }, () => 'deferred' as const))
      await desk.world.settle()
      desk.world.replies.length = 0
      expect(new Set(copies())).toEqual(new Set(['queued']))
      await desk.command(cast.grace, ONE, '/notice hold\n')
      expect(desk.states()).toEqual(['held'])
      change()
      desk.world.restart()
      await desk.approve(ONE)
      await later()
      expect(desk.states()).toEqual(['released'])
      await eachReads(words)
    }
  )

  it('leave byte for byte when the same words are approved again', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.pass(UNTIL_DUE)
    await desk.world.releaseOnce()
    const hashes = 'SELECT recipient_id, raw_sha256 FROM outbox WHERE notice_id = 1 ORDER BY id'
    const before = desk.world.rows(hashes)
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await desk.approve(ONE)
    await later()
    expect(desk.world.rows(hashes)).toEqual(before)
    expect(await desk.noticed(ONE)).toEqual(['debian', 'freebsd', 'suse'])
  })

  it('never leave either when a crash left one on its way: it is held, not tried again (G7)', async () => {
    desk = await noticeWorld(cast, { count: 1 })
    desk.world.pass(UNTIL_DUE)
    await desk.world.releaseOnce()
    // The process dies before SMTP heard of what it claimed.
    const { db } = desk.world.desk
    const once = { limit: 1, except: [], bytesMax: 1e9, delayMs: () => 60_000 }
    db.transact((tx) => outbox.claimDue(tx, desk.world.clock.now, once))
    desk.world.restart()
    expect(copies()).toContain('sending')
    await desk.command(cast.grace, ONE, '/notice hold\n')
    await later()
    expect(new Set(copies())).toEqual(new Set(['held']))
    expect(await desk.noticed(ONE)).toEqual([])
    Object.assign(desk.world.desk.settings.desk, { name: 'The Other Team' })
    desk.world.restart()
    await desk.approve(ONE)
    await later()
    await eachReads('The Other Team')
  })

  function copies(): string[] {
    return desk.world
      .rows<{ state: string }>("SELECT state FROM outbox WHERE audience = 'member'")
      .map(({ state }) => state)
  }
  async function later(): Promise<void> {
    await desk.world.wait(HOUR)
  }
  async function eachReads(words: string): Promise<void> {
    for (const member of cast.members) {
      const mine = desk.world.sentTo(member)
      expect(mine).toHaveLength(1)
      for (const mail of mine) expect(await desk.world.read(member, mail)).toContain(words)
    }
  }
})
