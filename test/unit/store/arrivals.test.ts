import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Invariant } from '../../../src/domain/assert.ts'
import { addMs } from '../../../src/domain/time.ts'
import * as arrivals from '../../../src/store/arrivals.ts'
import { type Read, type Sql } from '../../../src/store/sql.ts'
import { useDatabase } from './given.ts'
import { NOON, plansOf } from './support.ts'

const INBOX = { mailbox: 'INBOX', uidValidity: '7' }
const DONE: arrivals.Outcome = {
  state: 'done',
  disposition: 'case-opened',
  reason: '',
  caseId: null
}
const HELD: arrivals.Outcome = {
  ...DONE,
  state: 'held',
  disposition: 'quarantined',
  reason: 'three-tries'
}
const db = useDatabase()

function store(uid: number, change: Partial<arrivals.NewArrival> = {}): arrivals.Arrival {
  const raw = Buffer.from(`Subject: ${uid}\r\n\r\nbody\r\n`)
  const at = { receivedAt: NOON, arrivedAt: NOON }
  const given = { ...INBOX, uid, ...at, size: raw.length, raw, part: 'whole' as const }
  return db.transact((tx) => arrivals.add(tx, { ...given, ...change }, NOON))
}

function finish(id: number, outcome: arrivals.Outcome): void {
  db.transact((tx) => arrivals.markDone(tx, id, outcome, NOON))
}

function attempt(id: number, next = NOON): number {
  return db.transact((tx) => arrivals.countTry(tx, id, next))
}

function pending(now = NOON): arrivals.Arrival[] {
  const due = "state = 'pending' AND (next_try_at IS NULL OR next_try_at <= ?)"
  const sql: Sql<arrivals.Arrival> = `SELECT * FROM arrivals WHERE ${due} ORDER BY id`
  return db.read((read) => read.all(sql, [now]))
}

function bytesOf(id: number): Uint8Array | null {
  return db.read((read) => arrivals.readRaw(read, id))
}

describe('an arrival', () => {
  it('(A3) that has no turn yet is due in every lane, so that none sleeps over it', () => {
    const { id } = store(1)
    const next = (from: number) =>
      db.read((read) => arrivals.nextTryIn(read, { from, to: from, full: [] }))
    expect([next(0), next(3)]).toEqual([NOON, NOON])
    db.transact((tx) => arrivals.setTurn(tx, id, { turn: 3, sender: '', share: 'unproved' }))
    expect([next(0), next(3)]).toEqual([null, NOON])
  })

  it('keeps its bytes exactly, whatever they are', () => {
    const raw = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256))
    const stored = store(1, { raw })

    expect(bytesOf(stored.id)).toEqual(raw)
    expect(pending()).toEqual([stored])
    expect(stored).not.toHaveProperty('raw')
  })

  it('(E21) is kept in blocks where it is large, and given back byte for byte, as a copy and when it is handled again', () => {
    const raw = randomBytes(2 ** 21 + 5)
    const { id } = store(1, { raw })
    const copy = store(2, { raw })
    const blocks = (of: number) =>
      db.all('SELECT length(raw) AS bytes FROM arrival_bytes WHERE arrival_id = ? ORDER BY block', [
        of
      ])
    const stored = [{ bytes: 2 ** 20 }, { bytes: 2 ** 20 }, { bytes: 5 }]
    expect([blocks(id), blocks(copy.id)]).toEqual([stored, []])
    const head = db.read((read) => arrivals.readHead(read, id))
    expect(raw.subarray(0, arrivals.HEAD_BYTES).equals(head)).toBe(true)
    finish(id, HELD)
    const again = db.transact((tx) => arrivals.retry(tx, id, NOON))
    if (typeof again === 'string') throw new Error(again)
    expect([blocks(id), blocks(again.id)]).toEqual([[], stored])
    for (const each of [id, copy.id, again.id])
      expect(raw.equals(bytesOf(each) ?? raw.subarray(1))).toBe(true)
  })

  it('is stored once under one UID, also after it is done', () => {
    const { id } = store(1)
    finish(id, DONE)

    expect(store(1, { raw: Buffer.from('other bytes') })).toMatchObject({ id, state: 'done' })
    expect(db.all('SELECT state FROM arrivals')).toEqual([{ state: 'done' }])
  })

  it('known by its header alone is a duplicate only of the same header and size', () => {
    const raw = Buffer.from('Subject: large\r\n\r\n')
    const { id } = store(1, { part: 'header', raw, size: 90_000_000 })

    expect([
      store(2, { part: 'header', raw, size: 90_000_001 }).duplicateOf,
      store(3, { part: 'header', raw, size: 90_000_000 }).duplicateOf,
      store(4, { part: 'whole', raw, size: raw.length }).duplicateOf
    ]).toEqual([null, id, null])
  })

  it('of which nothing could be fetched is a duplicate of no other, but itself under its UID (G1)', () => {
    const raw = Buffer.alloc(0)
    const header = { part: 'header', raw, size: 4096 } as const
    const whole = { part: 'whole', raw, size: 0 } as const
    const ids = [
      store(1, header),
      store(2, header),
      store(2, header),
      store(3, whole),
      store(4, whole)
    ]

    expect(ids.map(({ id }) => id)).toEqual([1, 2, 2, 3, 4])
    expect(pending()).toHaveLength(4)
  })

  it('is never handled twice', () => {
    const { id } = store(1)
    finish(id, DONE)

    expect(() => finish(id, DONE)).toThrow(Invariant)
    expect(() => finish(id, HELD)).toThrow(Invariant)
    expect(() => attempt(id)).toThrow(Invariant)
  })

  it('that is held may still be done by a human, and is not pending meanwhile', () => {
    const { id } = store(1)
    finish(id, HELD)

    expect(pending()).toEqual([])
    finish(id, DONE)
    expect(db.read((read) => arrivals.find(read, id))).toMatchObject({
      state: 'done',
      reason: null
    })
  })

  it('counts the starts of its handling, so that one that kills the process is found out', () => {
    const { id } = store(1)
    db.transact((tx) => arrivals.countStart(tx, id))
    db.reopen()

    expect(pending()).toMatchObject([{ starts: 1, tries: 0 }])
    db.transact((tx) => {
      arrivals.countStart(tx, id, -1)
      arrivals.countStart(tx, id, -1)
    })
    expect(pending()).toMatchObject([{ starts: 0 }])
  })

  it('says when the next may be handled', () => {
    const nextTry = (read: Read) => arrivals.nextTryIn(read, { from: 0, to: 9, full: [] })
    expect(db.read(nextTry)).toBeNull()
    const { id } = store(1)
    expect(db.read(nextTry)).toBe(NOON)
    attempt(id, addMs(NOON, 5000))
    expect(db.read(nextTry)).toBe(addMs(NOON, 5000))
    finish(id, DONE)
    expect(db.read(nextTry)).toBeNull()
  })

  it('(A1) adds up by indexes what strangers sent lately, and finds what was left: the age of the database costs nothing', () => {
    const span = { since: NOON, until: NOON }
    for (const which of ['all', 'handled'] as const) {
      const asked = { ...span, which, by: 'unproved' } as const
      const plans = [
        ...plansOf(db, (read) => arrivals.grownByStrangers(read, asked)),
        ...plansOf(db, (read) => arrivals.grownByDomain(read, span))
      ]
      expect(plans.join('\n')).toMatch(/COVERING INDEX arrivals_of_strangers \(stored_at>/)
      expect(plans.join('\n')).toContain('INDEX outbox_forwards')
      expect(plans.join('\n')).not.toMatch(/SCAN arrivals/)
    }
    const left = plansOf(db, (read) => arrivals.listLeft(read, INBOX, [1]))
    expect(left[0]).toContain('INDEX arrivals_left')
    const waiting = plansOf(db, (read) =>
      arrivals.countWaiting({ ...read, get: read.all as never }, 3)
    )
    expect(waiting.filter((step) => /arrivals/.test(step))).toEqual([
      expect.stringContaining('INDEX arrivals_left'),
      expect.stringContaining('INDEX arrivals_pending')
    ])
  })

  it('does not wait for a clock that was set back', () => {
    attempt(store(1).id, addMs(NOON, 86_400_000))

    db.transact((tx) => arrivals.pullBack(tx, NOON, 3_600_000))
    expect(pending()).toHaveLength(1)
  })

  it('is moved by IMAP to where it belongs, once, and only in its own generation', () => {
    const [a, b, c] = [store(1).id, store(2).id, store(3).id] as const
    finish(a, DONE)
    finish(b, HELD)
    const unmoved = (uidValidity: string): unknown =>
      db.read((read) =>
        arrivals.listUnmoved(read, { mailbox: 'INBOX', uidValidity }, { after: 0, limit: 10 })
      )

    expect(unmoved('7')).toEqual([
      { id: a, uid: 1, to: 'processed' },
      { id: b, uid: 2, to: 'held' }
    ])
    expect(unmoved('8')).toEqual([])
    db.transact((tx) => arrivals.markMoved(tx, [a, b]))
    expect(unmoved('7')).toEqual([])
    expect(pending()).toMatchObject([{ id: c }])
  })

  it('is known by mailbox, generation and UID together', () => {
    store(5)
    const known = (generation: arrivals.Generation): number[] =>
      db.read((read) => [...arrivals.storedUids(read, generation, [4, 5])])

    expect(known(INBOX)).toEqual([5])
    expect(known({ ...INBOX, uidValidity: '8' })).toEqual([])
    expect(known({ ...INBOX, mailbox: 'Junk' })).toEqual([])
  })

  it('keeps the bytes of what waits, whoever asks to delete them (G1)', () => {
    const { id } = store(1)
    expect(() => db.run('DELETE FROM arrival_bytes')).toThrow('keeps its bytes')
    expect(() => db.run("UPDATE arrival_bytes SET raw = x'00'")).toThrow('never changes')
    expect(bytesOf(id)).not.toBeNull()
  })

  it('never gets the id of a deleted one', () => {
    const { id } = store(1)
    finish(id, DONE)
    db.run('DELETE FROM arrival_bytes')
    db.run('DELETE FROM arrivals')

    expect(store(2).id).toBe(id + 1)
  })
})
