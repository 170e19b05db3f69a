import { describe, expect, it } from 'vitest'
import { Invariant } from '../../../src/domain/assert.ts'
import { addMs } from '../../../src/domain/time.ts'
import {
  type Arrival,
  countStarts,
  countTry,
  findArrival,
  type Generation,
  insertArrival,
  listPending,
  listUnmoved,
  markDone,
  markMoved,
  type NewArrival,
  nextTryAt,
  type Outcome,
  pullBackArrivals,
  readRaw,
  type Stored,
  storedUids
} from '../../../src/store/arrivals.ts'
import { useDatabase } from './given.ts'
import { NOON } from './support.ts'

const INBOX = { mailbox: 'INBOX', uidValidity: '7' }
const DONE: Outcome = { state: 'done', disposition: 'case-opened', reason: null, caseId: null }
const HELD: Outcome = {
  state: 'held',
  disposition: 'quarantined',
  reason: 'three-tries',
  caseId: null
}
const db = useDatabase()

function arrival(uid: number, change: Partial<NewArrival> = {}): NewArrival {
  const raw = Buffer.from(`Subject: ${uid}\r\n\r\nbody\r\n`)
  return { ...INBOX, uid, receivedAt: NOON, size: raw.length, raw, part: 'whole', ...change }
}

function store(uid: number, change: Partial<NewArrival> = {}): Stored {
  return db.transact((tx) => insertArrival(tx, arrival(uid, change), NOON))
}

function finish(id: number, outcome: Outcome): void {
  db.transact((tx) => {
    markDone(tx, id, outcome, NOON)
  })
}

function pending(now = NOON): Arrival[] {
  return db.read((read) => listPending(read, now, 100))
}

describe('an arrival', () => {
  it('keeps its bytes exactly, whatever they are', () => {
    const raw = Buffer.from(Array.from({ length: 1024 }, (_, n) => n % 256))
    const { arrival: stored } = store(1, { raw })

    expect(db.read((read) => readRaw(read, stored.id))).toEqual(raw)
    expect(pending()[0]).toEqual(stored)
    expect(stored).not.toHaveProperty('raw')
  })

  it('is stored once under one UID, also after it is done', () => {
    const first = store(1)
    finish(first.arrival.id, DONE)

    const again = store(1, { raw: Buffer.from('other bytes') })

    expect([first.kind, again.kind]).toEqual(['stored', 'known'])
    expect(again.arrival).toMatchObject({ id: first.arrival.id, state: 'done' })
    expect(db.all('SELECT state FROM arrivals')).toEqual([{ state: 'done' }])
  })

  it('is done at once when its bytes are stored already, as after a new UIDVALIDITY', () => {
    const first = store(1)
    const raw = arrival(1).raw

    const second = store(900, { uidValidity: '8', raw })
    const third = store(901, { uidValidity: '8', raw })

    expect(second).toMatchObject({
      kind: 'duplicate',
      arrival: { state: 'done', disposition: 'duplicate', duplicateOf: first.arrival.id }
    })
    expect(third.arrival.duplicateOf).toBe(first.arrival.id)
    expect(db.read((read) => readRaw(read, second.arrival.id))).toBeNull()
    expect(pending().map(({ id }) => id)).toEqual([first.arrival.id])
  })

  it('known by its header alone is a duplicate only of the same header and size', () => {
    const raw = Buffer.from('Subject: large\r\n\r\n')
    store(1, { part: 'header', raw, size: 90_000_000 })

    const kinds = [
      store(2, { part: 'header', raw, size: 90_000_001 }),
      store(3, { part: 'header', raw, size: 90_000_000 }),
      store(4, { part: 'whole', raw, size: raw.length })
    ].map(({ kind }) => kind)

    expect(kinds).toEqual(['stored', 'duplicate', 'stored'])
  })

  it('of which nothing could be fetched is a duplicate of no other, but itself under its UID (G1)', () => {
    const raw = Buffer.alloc(0)
    const kinds = [
      store(1, { part: 'header', raw, size: 4096 }),
      store(2, { part: 'header', raw, size: 4096 }),
      store(2, { part: 'header', raw, size: 4096 }),
      store(3, { part: 'whole', raw, size: 0 }),
      store(4, { part: 'whole', raw, size: 0 })
    ].map(({ kind }) => kind)

    expect(kinds).toEqual(['stored', 'stored', 'known', 'stored', 'stored'])
  })

  it('is never handled twice', () => {
    const { id } = store(1).arrival
    finish(id, DONE)

    expect(() => {
      finish(id, DONE)
    }).toThrow(Invariant)
    expect(() => {
      finish(id, HELD)
    }).toThrow(Invariant)
    expect(() => db.transact((tx) => countTry(tx, id, NOON))).toThrow(Invariant)
  })

  it('that is held may still be done by a human, and is not pending meanwhile', () => {
    const { id } = store(1).arrival
    finish(id, HELD)

    expect(pending()).toEqual([])
    finish(id, DONE)
    expect(db.read((read) => findArrival(read, id))).toMatchObject({ state: 'done', reason: null })
  })

  it('counts the starts of its handling, so that one that kills the process is found out', () => {
    const { id } = store(1).arrival
    db.transact((tx) => {
      countStarts(tx, [id])
    })
    db.reopen()

    expect(pending()[0]).toMatchObject({ starts: 1, tries: 0 })
    finish(id, DONE)
    expect(() => {
      db.transact((tx) => {
        countStarts(tx, [id])
      })
    }).toThrow(Invariant)
  })

  it('says when the next may be handled', () => {
    expect(db.read(nextTryAt)).toBeNull()
    const { id } = store(1).arrival
    expect(db.read(nextTryAt)).toBe(NOON)
    db.transact((tx) => countTry(tx, id, addMs(NOON, 5000)))
    expect(db.read(nextTryAt)).toBe(addMs(NOON, 5000))
    finish(id, DONE)
    expect(db.read(nextTryAt)).toBeNull()
  })

  it('counts its failed tries and waits between them', () => {
    const { id } = store(1).arrival
    const later = addMs(NOON, 60_000)

    const tries = [1, 2, 3].map(() => db.transact((tx) => countTry(tx, id, later)))

    expect(tries).toEqual([1, 2, 3])
    expect([pending().length, pending(later).length]).toEqual([0, 1])
  })

  it('does not wait for a clock that was set back', () => {
    const { id } = store(1).arrival
    db.transact((tx) => countTry(tx, id, addMs(NOON, 86_400_000)))

    expect(db.transact((tx) => pullBackArrivals(tx, NOON, 3_600_000))).toBe(1)
    expect(pending()).toHaveLength(1)
  })

  it('is moved by IMAP to where it belongs, once, and only in its own generation', () => {
    const [a, b, c] = [store(1), store(2), store(3)].map((stored) => stored.arrival.id)
    finish(a ?? 0, DONE)
    finish(b ?? 0, HELD)
    const unmoved = (uidValidity: string): unknown =>
      db.read((read) => listUnmoved(read, { mailbox: 'INBOX', uidValidity }, 10))

    expect(unmoved('7')).toEqual([
      { id: a, uid: 1, to: 'processed' },
      { id: b, uid: 2, to: 'held' }
    ])
    expect(unmoved('8')).toEqual([])
    db.transact((tx) => {
      markMoved(tx, [a ?? 0, b ?? 0])
    })
    expect(unmoved('7')).toEqual([])
    expect(pending().map(({ id }) => id)).toEqual([c])
  })

  it('is known by mailbox, generation and UID together', () => {
    store(5)

    const known = (generation: Generation): number[] =>
      db.read((read) => [...storedUids(read, generation, [4, 5])])

    expect(known(INBOX)).toEqual([5])
    expect(known({ ...INBOX, uidValidity: '8' })).toEqual([])
    expect(known({ ...INBOX, mailbox: 'Junk' })).toEqual([])
  })

  it('keeps the bytes of what waits, whoever asks to delete them (G1)', () => {
    const { id } = store(1).arrival
    expect(() => db.transact((tx) => tx.run('DELETE FROM arrival_bytes'))).toThrow(
      'keeps its bytes'
    )
    expect(() => db.transact((tx) => tx.run("UPDATE arrival_bytes SET raw = x'00'"))).toThrow(
      'never changes'
    )
    expect(db.read((read) => readRaw(read, id))).not.toBeNull()
  })

  it('never gets the id of a deleted one', () => {
    const first = store(1).arrival.id
    db.transact((tx) => {
      tx.run("UPDATE arrivals SET state = 'done', disposition = 'case', done_at = stored_at")
      tx.run('DELETE FROM arrival_bytes')
      tx.run('DELETE FROM arrivals')
    })

    expect(store(2).arrival.id).toBe(first + 1)
  })
})
