import { describe, expect, it } from 'vitest'
import { Invariant } from '../../../src/domain/assert.ts'
import { aboutCase, byMaintainer, DESK, type EventKind, event } from '../../../src/domain/event.ts'
import { parseCaseTag, type Sha256 } from '../../../src/domain/ids.ts'
import { addMs } from '../../../src/domain/time.ts'
import * as events from '../../../src/store/events.ts'
import * as looks from '../../../src/store/looks.ts'
import { useDatabase } from './given.ts'
import { NOON, plansOf } from './support.ts'

const db = useDatabase()

const WORK = {
  at: addMs(NOON, 1),
  evidence: { arrivalId: null, messageSha256: 'a'.repeat(64) as Sha256, signatureSha256: null }
}

function append(kind: EventKind, tag: string | null = null): void {
  const named = tag === null ? null : parseCaseTag(tag)
  const subject = named === null ? DESK : aboutCase(named)
  const about = { code: 'unsafe-defaults', reason: 'a reason', told: 'told' } as never
  db.transact((tx) => events.append(tx, event(kind, subject, byMaintainer('grace'), about), WORK))
}

/** What somebody with the passphrase could do to the file. */
function tamper(sql: string): void {
  db.transact((tx) => {
    for (const trigger of ['events_no_update', 'events_no_delete', 'events_only_append'])
      tx.run(`DROP TRIGGER ${trigger}`)
    tx.run(sql)
  })
}

describe('the record (G8)', () => {
  it('is whole when empty and after every entry, each with a hash of its own', () => {
    expect(db.read(events.verify)).toEqual({ ok: true, count: 0, firstBad: null })
    for (const kind of ['opened', 'accepted', 'rejected'] as const) append(kind)

    expect(db.read(events.verify)).toEqual({ ok: true, count: 3, firstBad: null })
    const hashes = db.read((read) => read.column<string>('SELECT hash FROM events'))
    expect(new Set(hashes).size).toBe(3)
  })

  it('finds events of some kinds without a look at the others, which grow with the age of the database', () => {
    const plans = plansOf(db, (read) => {
      events.openDoubt(read)
      events.list(read, DESK, { kinds: ['opened'], from: 1 })
    })

    expect(plans.filter((step) => step.startsWith('SEARCH events'))).toEqual([
      expect.stringContaining('AND kind=?'),
      expect.stringContaining('AND kind=?')
    ])
  })

  it('finds the newest event that clocks go by without a look at the messages that were sent since', () => {
    expect(plansOf(db, (read) => events.lastOf(read, DESK))).toEqual([
      expect.stringMatching(/^SEARCH events USING INDEX events_of_clocks/)
    ])
  })

  it('finds the next look at a clock without a read of all cases that are over', () => {
    expect(plansOf(db, looks.nextAt)).toEqual([expect.stringContaining('INDEX looks_next')])
  })

  it.each([
    "UPDATE events SET actor_id = 'mallory' WHERE id = 1",
    'DELETE FROM events WHERE id = 2',
    `INSERT OR REPLACE INTO events SELECT id, at, kind, subject_kind, subject_id, actor_kind, 'mallory', about, arrival_id, message_sha256,
       signature_sha256, previous_hash, hash
     FROM events WHERE id = 1`,
    `INSERT INTO events SELECT 9, at, kind, subject_kind, subject_id, actor_kind, actor_id, about, arrival_id, message_sha256,
       signature_sha256, hash, hash FROM events WHERE id = 2`,
    `INSERT INTO events SELECT 3, at, kind, subject_kind, subject_id, actor_kind, actor_id, about, arrival_id, message_sha256,
       signature_sha256, previous_hash, hash
     FROM events WHERE id = 1`
  ])('refuses to be changed: %s', (sql) => {
    append('opened')
    append('accepted')

    expect(() => db.transact((tx) => tx.run(sql))).toThrow(Invariant)
    expect(db.read(events.verify)).toEqual({ ok: true, count: 2, firstBad: null })
  })

  it.each([
    ['at', "'2026-11-22T12:00:00.002Z'"],
    ['actor_id', "'mallory'"],
    ['kind', "'other'"],
    ['subject_id', "'ACME-2026-0009'"],
    ['actor_kind', "'desk'"],
    ['about', "'{}'"],
    ['message_sha256', 'NULL'],
    ['signature_sha256', `'${'b'.repeat(64)}'`],
    ['previous_hash', `'${'b'.repeat(64)}'`],
    ['hash', `'${'b'.repeat(64)}'`]
  ])('shows that %s of an entry became %s', (column, value) => {
    for (const kind of ['opened', 'accepted', 'rejected'] as const) append(kind, 'ACME-2026-0001')

    tamper(`UPDATE events SET ${column} = ${value} WHERE id = 2`)

    expect(db.read(events.verify)).toEqual({ ok: false, count: 1, firstBad: 2 })
  })

  it.each([
    [1, 1],
    [2, 2],
    [3, 3]
  ])('shows that entry %i of three is gone', (gone, firstBad) => {
    for (const kind of ['opened', 'accepted', 'rejected'] as const) append(kind)

    tamper(`DELETE FROM events WHERE id = ${gone}`)

    expect(db.read(events.verify)).toMatchObject({ ok: false, firstBad })
  })

  it('is read oldest first: whole, of one case, of some kinds, from an event on', () => {
    append('accepted', 'ACME-2026-0001')
    append('accepted', 'ACME-2026-0002')
    append('rejected', 'ACME-2026-0001')
    const tag = parseCaseTag('ACME-2026-0001')
    const subject = tag === null ? DESK : aboutCase(tag)
    const ids = (options: Parameters<typeof events.list>[2]): number[] =>
      db.read((read) => events.list(read, subject, options)).map(({ id }) => id)

    expect(db.read((read) => [...events.iterate(read)]).map(({ id }) => id)).toEqual([1, 2, 3])
    expect(ids({})).toEqual([1, 3])
    expect(ids({ kinds: ['rejected'] })).toEqual([3])
    expect(ids({ from: 2 })).toEqual([3])
  })
})
