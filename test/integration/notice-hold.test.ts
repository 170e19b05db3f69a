/**
 * `postern notice hold`: the operator's brake on an advance notice (G7). What is still here stays here, whatever the clock
 * says; what has left is counted; all of it is on the record.
 */

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import {
  aboutCase,
  BY_DESK,
  byMaintainer,
  DESK,
  event,
  NO_EVIDENCE
} from '../../src/domain/event.ts'
import { type NoticeRecord } from '../../src/domain/notice.ts'
import { addMs, type Instant } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { type Database, type Tx } from '../../src/store/database.ts'
import * as deliveries from '../../src/store/deliveries.ts'
import * as events from '../../src/store/events.ts'
import * as notices from '../../src/store/notices.ts'
import * as outbox from '../../src/store/outbox.ts'
import { type CliResult } from '../support/daemon.ts'
import { PASSPHRASE } from '../support/desk-world.ts'
import { ADA, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedCase, seedMember, seedNotice, settingsOf } from '../support/seeded.ts'
import { sha256 } from '../unit/policy/samples.ts'
import { mail } from '../unit/store/support.ts'

const HOUR_MS = 3_600_000
const MEMBERS = ['alpha', 'beta', 'gamma'] as const
const ALLOWED_LATENESS_MS = 3000
const WORDS = sha256('the approved words')

const person = (id: string) => gpgPerson({ name: `Person ${id}`, address: `${id}@people.example` })

describeWith(['dovecot', 'gpg'], 'a notice held by the operator', async () => {
  const { sink, desk, ...office } = await givenOffice({
    grace: gpgPerson(GRACE),
    ada: gpgPerson(ADA),
    ...{ alpha: person('alpha'), beta: person('beta'), gamma: person('gamma') }
  })
  const settings = await settingsOf(desk)
  {
    using db = databaseOf(desk)
    for (const id of MEMBERS) await seedMember(db, id, office[id])
  }

  function inDatabase<T>(work: (tx: Tx) => T): T {
    using db: Database = databaseOf(desk)
    return db.transact(work)
  }
  /** An approved notice that leaves in an hour. */
  function scheduled(): NoticeRecord {
    return inDatabase((tx) => seedNotice(tx, settings, addMs(systemClock.now(), HOUR_MS)))
  }
  const hold = (tag: string, ...more: readonly string[]): Promise<CliResult> =>
    desk.cli('notice', 'hold', tag, ...more)
  const listed = async (tag: string): Promise<unknown> => {
    const rows = JSON.parse((await desk.cli('notice', 'list', '--json')).stdout) as {
      case: string
    }[]
    return rows.find((row) => row.case === tag)
  }
  const recordOf = (tag: string): readonly unknown[] =>
    desk
      .rows<{ actor: string; kind: string; about: string }>(
        `SELECT actor_kind AS actor, kind, about FROM events WHERE subject_id = '${tag}' AND kind = 'notice-held' ORDER BY id`
      )
      .map((row) => ({ ...row, about: JSON.parse(row.about) as unknown }))
  const copiesOf = (notice: NoticeRecord): readonly string[] =>
    desk
      .rows<{ copy: string }>(
        `SELECT recipient_id || ' ' || state AS copy FROM outbox WHERE notice_id = ${notice.id} ORDER BY id`
      )
      .map(({ copy }) => copy)
  function expectRefused(result: CliResult, status: number, says: RegExp): void {
    expect(result.stderr).toMatch(says)
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(result).toMatchObject({ status, stdout: '' })
  }

  it('takes its instant, its approvals and its codes, and is on the record as the operator’s', async () => {
    const notice = scheduled()
    const result = await hold(notice.caseTag)

    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(result.stdout).toBe(
      `The notice of ${notice.caseTag} is on hold.\n` +
        'To release it, send /notice preview and /notice approve again by mail.\n'
    )
    const held = { state: 'held', releaseAt: null, approvals: [] }
    expect(await listed(notice.caseTag)).toMatchObject(held)
    expect(inDatabase((tx) => notices.find(tx, notice.caseTag)?.previews)).toEqual([])
    const copies = { revision: 0, left: 0, here: 0, onTheWay: 0, givenUp: 0 }
    const about = { revision: 1, because: 'operator', reason: '', copies, withheldSince: null }
    expect(recordOf(notice.caseTag)).toEqual([{ actor: 'operator', kind: 'notice-held', about }])
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0 })
  })

  it('(A3) waits for its turn while another program writes for longer than a daemon would', async () => {
    const notice = scheduled()
    const other = new Sqlite(join(desk.folder, 'data/postern.db'))
    other.pragma("cipher = 'aegis'")
    other.pragma(`key = '${PASSPHRASE}'`)
    other.exec('BEGIN IMMEDIATE')
    const holding = hold(notice.caseTag)
    await delay(6500)
    other.exec('ROLLBACK')
    other.close()
    expect(await holding).toMatchObject({ status: 0, stderr: '' })
  })

  /** A notice in the middle of its release: alpha has it, beta's copy is queued, gamma's is not sealed yet. */
  function halfReleased(): NoticeRecord {
    const notice = scheduled()
    inDatabase((tx) => {
      const now = systemClock.now()
      notices.setState(tx, notice, { state: 'releasing', releasedDigest: WORDS })
      deliveries.plan(tx, { ...notice, digest: WORDS }, now)
      for (const recipientId of ['alpha', 'beta']) {
        const once = `notice:${notice.id}:1:${recipientId}`
        const to = { audience: 'member', recipientId, notBefore: now } as const
        outbox.queue(tx, mail(once, { kind: 'notice', noticeId: notice.id, ...to }), now)
        const sql = 'SELECT id FROM deliveries WHERE notice_id = ? AND member_id = ?'
        const [id = 0] = tx.column<number>(sql, [notice.id, recipientId])
        deliveries.markQueued(tx, id, { once, digest: WORDS }, now)
      }
      const sent = "UPDATE outbox SET state = 'sent', sent_at = created_at"
      tx.run(`${sent} WHERE notice_id = ? AND recipient_id = 'alpha'`, [notice.id])
    })
    return notice
  }

  it('keeps the copies that are queued or not sealed yet until a new approval, and counts the ones that have left', async () => {
    const notice = halfReleased()
    const result = await hold(notice.caseTag, '--json')

    expect(result).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(result.stdout)).toEqual({
      case: notice.caseTag,
      state: 'held',
      copies: { revision: 1, here: 2, onTheWay: 0, givenUp: 0, left: 1 }
    })
    expect(copiesOf(notice)).toEqual(['alpha sent', 'beta held'])
    expect(await listed(notice.caseTag)).toMatchObject({
      state: 'held',
      deliveries: { sent: 1, held: 2, queued: 0, waiting: 0 }
    })
    expect(recordOf(notice.caseTag)).toMatchObject([{ about: { copies: { here: 2, left: 1 } } }])
    const sql = `SELECT id FROM outbox WHERE notice_id = ${notice.id} AND state = 'held'`
    const [copy] = desk.rows<{ id: number }>(sql)
    const retried = await desk.cli('outbox', 'retry', String(copy?.id))
    expectRefused(retried, 1, /no longer approved .*send \/notice preview/)
    expect(retried.stderr).toContain(`Message ${copy?.id}, the notice to member beta, cannot be`)
    expect(copiesOf(notice)).toEqual(['alpha sent', 'beta held'])
    const shown = await desk.cli('notice', 'show', notice.caseTag)
    expect(shown.stdout).toMatch(/^Disclosure: .+\nOn hold: since .+/m)
    expect(shown.stdout).toMatch(/^beta +1 +held +no longer approved /m)
    // One copy sent, one not sealed, and one refused by the server.
    inDatabase((tx) => tx.run("UPDATE outbox SET state = 'given-up' WHERE id = ?", [copy?.id ?? 0]))
    const { stdout } = await desk.cli('notice', 'list')
    expect(stdout).toMatch(/STATE +LIST HAS .*SENT +HELD +FAILED/)
    expect(stdout).toMatch(new RegExp(`^${notice.caseTag} +1 +on hold +1 +- +- +1 +1 +1$`, 'm'))
  })

  it('is refused in one line when all of it has left, or there is none, and changes nothing', async () => {
    const { caseTag, ...notice } = scheduled()
    const { tag } = inDatabase((tx) => {
      notices.setState(tx, notice, { state: 'released', releasedAt: systemClock.now() })
      return seedCase(tx, 'no notice')
    })
    const before = desk.rows('SELECT id FROM events').length

    expectRefused(await hold(caseTag), 1, /was sent already; no copy is left to hold/)
    expectRefused(
      await hold(tag),
      1,
      new RegExp(`^postern: Case ${tag} has no notice; "postern notice list"`)
    )
    expectRefused(await hold('ACME-2020-0001'), 1, /^postern: Case ACME-2020-0001 has no notice/)
    expect(await listed(caseTag)).toMatchObject({ state: 'released' })
    expect(desk.rows('SELECT id FROM events')).toHaveLength(before)
  })

  it('does not leave at its instant while another, not held, does: the daemon runs on', async () => {
    const daemon = await desk.start()
    const releaseAt = addMs(systemClock.now(), 10_000)
    const [held, free] = inDatabase(
      (tx) => [seedNotice(tx, settings, releaseAt), seedNotice(tx, settings, releaseAt)] as const
    )
    expect(await hold(held.caseTag)).toMatchObject({ status: 0 })
    expect(systemClock.now() < releaseAt).toBe(true)
    await sink.waitFor(
      (taken) => MEMBERS.every((id) => taken.some(({ to }) => to === `${id}@people.example`)),
      60_000
    )
    await delay(ALLOWED_LATENESS_MS)

    expect(copiesOf(free)).toHaveLength(MEMBERS.length)
    expect(copiesOf(held)).toEqual([])
    expect(await listed(held.caseTag)).toMatchObject({ state: 'held' })
    expect((await daemon.stop()).status).toBe(0)
    for (const id of MEMBERS)
      expect(sink.taken.filter(({ to }) => to === `${id}@people.example`)).toHaveLength(1)
  })

  it('lists an approval from before a doubt about the clock as one that does not count', async () => {
    const { caseTag } = scheduled()
    inDatabase((tx) => {
      const doubt = event('clock-doubted', DESK, BY_DESK, { ms: HOUR_MS })
      events.append(tx, doubt, { at: systemClock.now(), evidence: NO_EVIDENCE })
    })
    const uncounted = /pproved by Ada.*\(does not count: the clock jumped since\)/
    for (const command of [['show'], ['notice', 'show']])
      expect((await desk.cli(...command, caseTag)).stdout).toMatch(uncounted)
  })

  it('(B6, B16) lists and shows of a change that has not left which revision and date the list has', async () => {
    const { caseTag, id } = scheduled()
    const date = { disclosureAt: '2026-11-30T13:00:00.000Z', disclosureZone: null }
    const told = JSON.stringify({
      revision: 1,
      fields: {},
      patches: [],
      at: systemClock.now(),
      ...date
    })
    const sql =
      "UPDATE notices SET revision = 2, state = 'drafting', release_at = NULL, told = ? WHERE id = ?"
    inDatabase((tx) => tx.run(sql, [told, id]))
    const listHas = { revision: 1, ...date }
    expect(await listed(caseTag)).toMatchObject({ revision: 2, listHas })
    const shown = await desk.cli('notice', 'show', caseTag)
    expect(shown.stdout).toMatch(
      /^The list has: revision 1, disclosure Mon 30 Nov 2026, .*13:00 UTC/m
    )
    expect((await desk.cli('notice', 'list')).stdout).toMatch(/LIST HAS/)
  })

  it('says since when the issue is public', async () => {
    const { caseTag } = scheduled()
    const since = async () =>
      /^Public: .+$/m.exec((await desk.cli('notice', 'show', caseTag)).stdout)
    expect(await since()).toBeNull()
    inDatabase((tx) => {
      const about = { date: '2026-11-30T13:00:00.000Z' as Instant, reason: '' }
      const disclosed = event('disclosed', aboutCase(caseTag), byMaintainer('grace'), about)
      events.append(tx, disclosed, { at: systemClock.now(), evidence: NO_EVIDENCE })
    })
    expect((await since())?.[0]).toMatch(/^Public: since Mon 30 Nov 2026, .*13:00 UTC/)
  })

  it('of a member who is taken off the list: what stays here is counted, and the notices that others have to approve anew are named', async () => {
    const { caseTag } = scheduled()
    halfReleased()
    const { stdout } = await desk.cli('members', 'remove', 'beta')
    expect(stdout).toContain(
      'Member beta was removed from the list. 1 message that had not left will not leave.\n'
    )
    expect(stdout).toMatch(new RegExp(`notice of .*${caseTag}.* changed: the desk puts it on hold`))
  })
})
