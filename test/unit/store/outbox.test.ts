import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { Invariant } from '../../../src/domain/assert.ts'
import {
  bytesOnWay,
  nextAttemptMs,
  ON_WAY_BYTES_MAX,
  RETRY_DELAY_MS_MAX
} from '../../../src/domain/outgoing.ts'
import { addMs, DAY_MS, type Instant, msBetween, msOf } from '../../../src/domain/time.ts'
import * as cases from '../../../src/store/cases.ts'
import * as deliveries from '../../../src/store/deliveries.ts'
import * as members from '../../../src/store/members.ts'
import * as notices from '../../../src/store/notices.ts'
import * as outbox from '../../../src/store/outbox.ts'
import { address, caseRecord, member, ROOTS, sha256, TAG } from '../policy/samples.ts'
import { DRAFT, useDatabase } from './given.ts'
import { mail, NOON } from './support.ts'

const MINUTE = 60_000
const db = useDatabase()

function queue(once: string, change: Partial<outbox.NewOutbox> = {}, now = NOON): string {
  return db.transact((tx) => outbox.queue(tx, mail(once, change), now))
}

/** Queues a copy of notice 1, which is released, to one of its members; the notice is made with its first copy. */
function queueCopy(once: string, change: Partial<outbox.NewOutbox> = {}): void {
  const digest = sha256('the approved words')
  const listed = member(once, '1')
  const copy = { noticeId: 1, recipientId: once, envelopeTo: listed.address, ...change }
  db.transact((tx) => {
    if (cases.find(tx, TAG) === null) {
      cases.open(tx, caseRecord(), ROOTS)
      notices.save(tx, 1, DRAFT)
      notices.setState(tx, { id: 1, version: 1 }, { state: 'released', releasedDigest: digest })
    }
    members.add(tx, { ...listed, keyData: new Uint8Array([1]), signingKeys: [] })
    deliveries.plan(tx, { id: 1, revision: 1, product: 'parser', digest }, NOON)
    outbox.queue(tx, mail(once, copy), NOON)
    for (const { deliveryId } of deliveries.listWaiting(tx, 1, 1, 1))
      deliveries.markQueued(tx, deliveryId, { once, digest }, NOON)
  })
}
function states(): string[] {
  return db.all<{ state: string }>('SELECT state FROM outbox').map(({ state }) => state)
}
function claim(now: Instant, messages = 10, bytes = 1e9, busy: Address[] = []): outbox.Claimed[] {
  return db.transact((tx) => outbox.claimDue(tx, now, { messages, bytes, busy }))
}
function takeUpLost(now = NOON): void {
  db.transact((tx) => {
    outbox.takeUpLost(tx, now)
  })
}

function record(
  kind: outbox.SendResult['kind'],
  now: Instant,
  ...rows: readonly { id: number }[]
): void {
  db.transact((tx) => {
    for (const { id } of rows)
      outbox.recordOutcome(tx, { id, kind, code: kind === 'accepted' ? 250 : 451 }, now)
  })
}

function stateOf(id: number): string | undefined {
  return db.read((read) => outbox.find(read, id))?.state
}

describe('the outbox', () => {
  it('queues a decision that is taken twice once, whatever has become of its message (G2)', () => {
    expect([queue('ack:1'), queue('ack:1', { messageId: mail('other').messageId })]).toEqual([
      'queued',
      'already'
    ])
    record('accepted', NOON, ...claim(NOON))

    expect(queue('ack:1')).toBe('already')
    expect(states()).toEqual(['sent'])
  })

  it('refuses two messages with one Message-ID', () => {
    queue('a')

    expect(() => queue('b', { messageId: mail('a').messageId })).toThrow(Invariant)
  })

  it('hands out exactly the bytes that were queued, on every attempt', () => {
    const raw = Buffer.from(Array.from({ length: 512 }, (_, n) => n % 256))
    queue('a', { raw })
    const [first] = claim(NOON)
    record('uncertain', NOON, ...(first ? [first] : []))
    const [second] = claim(addMs(NOON, MINUTE))

    expect([first?.raw, second?.raw]).toEqual([raw, raw])
    expect(second?.messageId).toBe(first?.messageId)
  })

  it('hands out the longest due first, within the limits of number and size', () => {
    queue('c', { notBefore: addMs(NOON, 2) })
    queue('a', { notBefore: NOON, raw: Buffer.alloc(2 ** 20, 'a') })
    queue('b', { notBefore: addMs(NOON, 1), raw: Buffer.alloc(2 ** 20, 'b') })
    const later = addMs(NOON, 10)

    const names = [claim(later, 1, 2 ** 20), claim(later, 10, 2 ** 20), claim(later)].map((rows) =>
      rows.map(({ once }) => once)
    )

    expect(names).toEqual([['a'], ['b', 'c'], []])
  })

  it('(14) what was on its way at a crash is due again at once, and costs it no place on the ladder (G2)', () => {
    queue('a')
    const [before] = claim(NOON)
    expect(claim(addMs(NOON, MINUTE))).toEqual([])
    for (let kill = 0; kill < 10; kill += 1) {
      db.reopen()
      takeUpLost()
      const [after] = claim(NOON)
      expect(after).toMatchObject({ id: before?.id, attempts: kill + 2, rung: 1 })
      expect(after).toMatchObject({ raw: before?.raw, messageId: before?.messageId })
    }
  })

  it('(14) what goes to the list comes first, and no address has two messages on their way', () => {
    const to = { envelopeTo: address('grace@acme.example') }
    queue('g1', to)
    queue('g2', to)
    queue('other')
    queue('suse', { audience: 'member', notBefore: addMs(NOON, 1) })
    const names = (rows: readonly outbox.Claimed[]) => rows.map(({ once }) => once)
    const later = addMs(NOON, 1)
    expect(names(claim(later, 1))).toEqual(['suse'])
    expect(names(claim(later))).toEqual(['g1', 'other'])
    expect(claim(later, 10, 1e9, [to.envelopeTo])).toEqual([])
    expect(names(claim(later))).toEqual(['g2'])
  })

  it('(A1) large messages wait until those on their way leave room, and nothing small waits for them', () => {
    const large = { raw: Buffer.alloc(2 ** 20, 'a') }
    queue('large', large)
    queue('larger', large)
    for (let count = 0; count < 3; count += 1) queue(`small${count}`, { notBefore: addMs(NOON, 1) })
    const names = (rows: readonly outbox.Claimed[]) => rows.map(({ once }) => once)
    const later = addMs(NOON, 1)
    expect(names(claim(later, 2, 2 ** 20))).toEqual(['large', 'small0'])
    expect(names(claim(later, 1, 0))).toEqual(['small1'])
    expect(names(claim(later, 1, 2 ** 20))).toEqual(['larger'])
  })

  it('(A1) a message larger than all room leaves beside small ones, and beside no large one', () => {
    expect([2 ** 30, 1000].map(bytesOnWay)).toEqual([ON_WAY_BYTES_MAX, 0])
  })

  it('(15) a try that never reached the server costs nothing and is due again at once', () => {
    queue('a')
    for (let tries = 0; tries < 30; tries += 1) {
      const [row] = claim(NOON)
      expect(row).toMatchObject({ attempts: 1, rung: 1 })
      record('untried', NOON, ...(row ? [row] : []))
    }
    expect(db.read((read) => outbox.find(read, 1))).toMatchObject({
      attempts: 0,
      lastOutcome: null
    })
  })

  /** Whether the first message is given up after so many days, if each gets this answer and another is taken every so many minutes. */
  const isGivenUp = (
    kind: 'ours' | 'unclear',
    { code = 550, days = 7, from = NOON, takenEvery = Infinity } = {}
  ): boolean => {
    let taken: Instant | null = takenEvery < Infinity ? from : null
    for (let now = from; now < addMs(NOON, days * DAY_MS); now = addMs(now, MINUTE)) {
      if (taken !== null && msBetween(taken, now) >= takenEvery * MINUTE) taken = now
      for (const { id } of claim(now))
        db.transact((tx) => outbox.recordOutcome(tx, { id, kind, code }, now, taken))
    }
    return stateOf(1) === 'given-up'
  }

  it.each([
    ['of our limits, though others get through', 'ours', 452, 1, 1],
    ['of a rule, while nothing gets through', 'unclear', 550, Infinity, 1],
    ['of a rule, and of others alike, while nothing gets through', 'unclear', 451, Infinity, 2]
  ] as const)(
    '(15) what is refused because %s is tried every hour and never given up',
    (_why, kind, code, takenEvery, count) => {
      for (let number = 1; number <= count; number += 1) queue(`m${number}`)
      expect(isGivenUp(kind, { code, takenEvery })).toBe(false)
      expect(db.read((read) => outbox.find(read, 1))?.attempts).toBeGreaterThan(7 * 23)
    }
  )

  it.each([
    ['several recipients alike, though others get through', 2, 1, 1.9],
    ['one recipient, where nothing but our daily alarm gets through', 1, 24 * 60, 1]
  ] as const)(
    '(15) what a rule refuses %s is tried for a day or two, and then given up',
    (_whom, count, takenEvery, days) => {
      for (let number = 1; number <= count; number += 1) queue(`m${number}`)
      const facts = { code: 550, takenEvery }
      expect(isGivenUp('unclear', { ...facts, days })).toBe(false)
      expect(isGivenUp('unclear', { ...facts, days: 3, from: addMs(NOON, days * DAY_MS) })).toBe(
        true
      )
    }
  )

  it('(15) one recipient alone who is refused by a rule is given up: for good within the hour, for now after the ladder', () => {
    queue('a')
    expect(isGivenUp('unclear', { code: 451, days: 1, takenEvery: 1 })).toBe(false)
    expect(isGivenUp('unclear', { code: 550, days: 2, takenEvery: 1 })).toBe(true)
    queue('b')
    for (let now = NOON; now < addMs(NOON, 52 * MINUTE); now = addMs(now, MINUTE))
      for (const { id } of claim(now))
        db.transact((tx) => outbox.recordOutcome(tx, { id, kind: 'unclear', code: 550 }, now, now))
    expect(stateOf(2)).toBe('given-up')
  })

  it('makes a last attempt that a crash lost once more', () => {
    queue('a')
    let now = NOON
    for (let attempts = 1; nextAttemptMs(attempts) !== null; attempts += 1) {
      record('deferred', now, ...claim(now))
      now = addMs(now, nextAttemptMs(attempts) ?? 0)
    }
    expect(nextAttemptMs(claim(now)[0]?.attempts ?? 0)).toBeNull()
    takeUpLost()

    const again = claim(addMs(now, 15 * MINUTE))

    expect(again).toHaveLength(1)
    record('deferred', now, ...again)
    expect(stateOf(again[0]?.id ?? 0)).toBe('given-up')
  })

  it('keeps the bytes of what is not sent, whoever asks to delete or change them (G1)', () => {
    queue('a')
    const change = () => db.transact((tx) => tx.run("UPDATE outbox_bytes SET raw = x'00'"))
    expect(change).toThrow('never changes')
    expect(() => db.transact((tx) => tx.run('DELETE FROM outbox_bytes'))).toThrow('keeps its bytes')
    expect(claim(NOON)).toHaveLength(1)
  })

  it('(E20, A1) has what several messages share once, until the last of them has left or goes without it', () => {
    const bytes = Buffer.alloc(2 ** 21 + 5, 'shared ')
    const shared = { id: 's', bytes, at: 3 }
    const raw = Buffer.from('abcdef')
    const smaller = Buffer.from('small')
    for (const once of ['a', 'b', 'c'])
      queue(once, { raw, shared, ...(once === 'c' ? { smaller } : {}) })
    queue('d', { raw })
    const blocks = () => db.all('SELECT length(raw) AS bytes FROM outbox_shared ORDER BY block')
    const once = [{ bytes: 2 ** 20 }, { bytes: 2 ** 20 }, { bytes: 5 }]
    expect(blocks()).toEqual(once)
    expect(() => db.run('DELETE FROM outbox_shared')).toThrow('keeps its bytes')
    expect(() => db.run("UPDATE outbox_shared SET raw = x'00'")).toThrow('never changes')

    const [a, b, c, d] = claim(NOON)
    if (a === undefined || b === undefined || c === undefined) throw new Error('nothing is due')
    const block = (number: number) => db.read((read) => outbox.readShared(read, 's', number))
    expect(Buffer.concat([0, 1, 2].map(block)).equals(bytes)).toBe(true)
    expect(() => block(3)).toThrow('lacks what it shares')
    const own = { raw, shared: { id: 's', at: 3 }, size: raw.length + bytes.length }
    expect([a, b, c]).toMatchObject([own, own, own])
    expect(d).toMatchObject({ raw, shared: null })
    record('accepted', NOON, a)
    record('rejected', NOON, b)
    record('too-large', NOON, c)
    expect(stateOf(b.id)).toBe('given-up')
    expect(blocks()).toEqual(once)

    // What is given up can be sent once more.
    db.transact((tx) => outbox.retry(tx, b.id, NOON))
    const again = claim(NOON)
    expect(again).toMatchObject([own, { raw: smaller, shared: null, size: 5 }])
    record('accepted', NOON, b)
    expect(blocks()).toEqual([])
  })

  it('(A1) lets go what given-up messages share when their bytes go', () => {
    queue('a', { raw: Buffer.from('ab'), shared: { id: 's', bytes: Buffer.from('shared'), at: 1 } })
    record('rejected', NOON, ...claim(NOON))
    const late = addMs(NOON, 31 * 24 * 60 * MINUTE)
    db.transact((tx) => {
      outbox.dropOld(tx, late)
    })
    expect(db.all('SELECT 1 FROM outbox_shared')).toEqual([])
  })

  it('drops the bytes once accepted and keeps who, when and which bytes', () => {
    queue('a')
    const rows = claim(NOON)
    record('accepted', NOON, ...rows)

    const kept = db.read((read) =>
      read.get<{ raws: number; size: number; hash: number }>(
        'SELECT (SELECT count(*) FROM outbox_bytes) AS raws, size, length(raw_sha256) AS hash FROM outbox'
      )
    )
    expect(kept).toEqual({ raws: 0, size: rows[0]?.raw.length, hash: 64 })
    expect(db.read((read) => outbox.list(read))[0]).toMatchObject({
      state: 'sent',
      sentAt: NOON,
      lastCode: 250,
      lastOutcome: 'accepted'
    })
  })

  it('gives up what the server rejects, and keeps it for another try', () => {
    queue('a')
    const rows = claim(NOON)
    record('rejected', NOON, ...rows)
    expect(stateOf(1)).toBe('given-up')
    expect(db.transact((tx) => outbox.retry(tx, rows[0]?.id ?? 0, NOON))).toBe('queued')
    const [again] = claim(NOON)
    expect(again).toMatchObject({ once: 'a', attempts: 1 })
    expect(again?.raw).toEqual(rows[0]?.raw)
    record('rejected', NOON, ...(again ? [again] : []))
    expect(stateOf(1)).toBe('given-up')
  })

  it('retries only what waits for a human', () => {
    queue('a')
    queue('b', { noticeId: 1, notBefore: addMs(NOON, MINUTE) })
    const retry = (id: number): string => db.transact((tx) => outbox.retry(tx, id, NOON))

    expect([retry(1), retry(99)]).toEqual(['not-waiting', 'unknown'])
    db.run("UPDATE outbox SET state = 'held' WHERE notice_id = 1 AND state = 'queued'")
    expect(claim(addMs(NOON, MINUTE)).map(({ once }) => once)).toEqual(['a'])
    // No delivery of an approved notice names it.
    expect(retry(2)).toBe('not-approved')
    db.transact((tx) => tx.run('UPDATE outbox SET notice_id = NULL WHERE id = 2'))
    expect(retry(2)).toBe('queued')
    expect(db.read((read) => outbox.find(read, 2))?.nextAttemptAt).toBe(addMs(NOON, MINUTE))
  })

  it('holds what was being sent to a list member who was removed meanwhile, whether or not its outcome is known (G5)', () => {
    const suse = member('suse', '1')
    const answer = { audience: 'member', recipientId: 'suse', envelopeTo: suse.address } as const
    db.transact((tx) => members.add(tx, { ...suse, keyData: new Uint8Array(1), signingKeys: [] }))
    queue('answer', answer)
    queue('lost', answer)
    const [first] = claim(NOON)
    db.transact((tx) => members.remove(tx, 'suse', NOON))
    record('deferred', NOON, ...(first ? [first] : []))
    takeUpLost()
    expect(states()).toEqual(['held', 'held'])
    expect(db.transact((tx) => outbox.retry(tx, 1, NOON))).toBe('not-approved')
  })

  it('says when the next message is due, and waits for none whose last instant has passed (B22)', () => {
    const next = () => db.read((read) => outbox.nextDueAt(read, NOON))
    const due = next()
    queue('late', { notBefore: addMs(NOON, -MINUTE), notAfter: NOON })
    queue('b', { notBefore: addMs(NOON, MINUTE), notAfter: addMs(NOON, 2 * MINUTE) })
    queue('a')

    expect([due, next()]).toEqual([null, NOON])
    record('accepted', NOON, ...claim(NOON))
    expect(next()).toBe(addMs(NOON, MINUTE))
  })

  it('is found by Message-ID and remembers one bounce', () => {
    queue('a', { caseId: 4 })
    const ids = [mail('b').messageId, mail('a').messageId] as const

    expect(db.read((read) => outbox.listNamed(read, ids))).toMatchObject([{ messageId: ids[1] }])
    const bounced = ids.map((id) => db.transact((tx) => outbox.markBounced(tx, id, NOON)?.caseId))
    expect(bounced).toEqual([undefined, 4])
    expect(db.transact((tx) => outbox.markBounced(tx, ids[1], NOON))).toBeNull()
  })

  it('is listed newest first by state or case, without bytes', () => {
    queue('a', { caseId: 1 })
    queue('b', { caseId: 1 })
    queue('c', { caseId: 2 })
    const names = (filter: object): string[] =>
      db.read((read) => outbox.list(read, filter)).map(({ once }) => once)

    expect(names({})).toEqual(['c', 'b', 'a'])
    expect(names({ caseId: 1 })).toEqual(['b', 'a'])
    expect(names({ state: 'queued' })).toEqual(['c', 'b', 'a'])
    expect(names({ state: 'sent' })).toEqual([])
    expect(db.read((read) => outbox.list(read))[0]).not.toHaveProperty('raw')
  })
})

describe('after the clock was set back', () => {
  it('a retry waits no longer than the ladder’s longest wait', () => {
    queue('a')
    record('deferred', NOON, ...claim(NOON))
    const before = addMs(NOON, -365 * 86_400_000)

    // The notBefore of an ordinary mail was an instant of the wrong clock too.
    db.transact((tx) => outbox.pullBack(tx, before, RETRY_DELAY_MS_MAX))
    expect(claim(before)).toHaveLength(1)
  })

  it('a retry planned by the wrong clock is due now, one planned by the right clock is left alone', () => {
    const wrong = addMs(NOON, 365 * 86_400_000)
    const right = addMs(NOON, 60 * MINUTE)
    queue('a')
    record('deferred', wrong, ...claim(wrong))

    db.transact((tx) => outbox.pullBack(tx, right, RETRY_DELAY_MS_MAX))
    const rows = claim(right)
    expect(rows).toHaveLength(1)
    record('deferred', right, ...rows)
    db.transact((tx) => outbox.pullBack(tx, right, RETRY_DELAY_MS_MAX))
    expect(claim(right)).toEqual([])
  })

  it('an acknowledgement queued in what is now the future leaves at once', () => {
    queue('ack', { notBefore: addMs(NOON, 20_000) })
    const before = addMs(NOON, -86_400_000)

    db.transact((tx) => outbox.pullBack(tx, before, RETRY_DELAY_MS_MAX))

    expect(claim(before)).toHaveLength(1)
  })

  it('a notice still never leaves before its instant (G7)', () => {
    queueCopy('n1', { notBefore: addMs(NOON, MINUTE) })
    queueCopy('n2')
    record('deferred', NOON, ...claim(NOON))
    const before = addMs(NOON, -86_400_000)

    db.transact((tx) => outbox.pullBack(tx, before, RETRY_DELAY_MS_MAX))

    expect(claim(addMs(NOON, -1))).toEqual([])
    expect(claim(NOON).map(({ once }) => once)).toEqual(['n2'])
  })
})

describe('for every run of outcomes, crashes and clock steps', () => {
  type Step =
    | { readonly do: 'claim'; readonly outcome: outbox.SendResult['kind'] | 'crash' }
    | { readonly do: 'wait'; readonly ms: number }
  const steps = fc.array(
    fc.oneof(
      fc.record({
        do: fc.constant('claim' as const),
        outcome: fc.constantFrom(
          ...(['accepted', 'deferred', 'rejected', 'uncertain'] as const),
          ...(['too-large', 'ours', 'unclear', 'untried', 'crash'] as const)
        )
      }),
      fc.record({
        do: fc.constant('wait' as const),
        ms: fc.integer({ min: -90 * MINUTE, max: 90 * MINUTE })
      })
    ),
    { maxLength: 30 }
  ) as fc.Arbitrary<Step[]>

  it('a message is accepted at most once, waits at least its ladder step, and never leaves early', () => {
    let run = 0
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 60 * MINUTE }), (plan, delay) => {
        run += 1
        const notBefore = addMs(NOON, delay)
        db.transact((tx) => {
          tx.run('DELETE FROM deliveries')
          tx.run('DELETE FROM members')
          tx.run("UPDATE outbox SET state = 'sent', sent_at = created_at")
          tx.run('DELETE FROM outbox_bytes')
          tx.run('DELETE FROM outbox')
        })
        queueCopy(`run${run}`, { notBefore })
        let now = NOON
        let accepted = 0
        for (const step of plan) {
          if (step.do === 'wait') {
            now = addMs(now, step.ms)
            if (step.ms < 0) db.transact((tx) => outbox.pullBack(tx, now, RETRY_DELAY_MS_MAX))
            continue
          }
          for (const row of claim(now)) {
            expect(accepted).toBe(0)
            expect(msOf(now)).toBeGreaterThanOrEqual(msOf(notBefore))
            const wait = nextAttemptMs(row.rung) ?? RETRY_DELAY_MS_MAX
            expect(row.nextAttemptAt).toBe(addMs(now, wait))
            if (step.outcome === 'crash') continue
            record(step.outcome, now, row)
            if (step.outcome === 'accepted') accepted += 1
          }
        }
        const all = states()
        expect(all).toHaveLength(1)
        expect(all.includes('sent')).toBe(accepted === 1)
      }),
      { numRuns: 60 }
    )
  })
})

describe('automatic answers', () => {
  it('that left since then or will leave are counted for the desk, a domain and an address; one on hold does not count', () => {
    const later = addMs(NOON, 3_600_000)
    const to = (name: string, notBefore: Instant, change: Partial<outbox.NewOutbox> = {}) =>
      mail(name, { envelopeTo: address(`${name}.example`), notBefore, ...change })
    db.transact((tx) => {
      for (const row of [
        to('Early@other', addMs(NOON, -3_600_001)),
        to('Bob@other', NOON),
        to('alice@reporter', later),
        to('eve@reporter', later, { isHeld: true }),
        to('grace@acme', later, { kind: 'refusal' }),
        to('late@other', addMs(later, 1))
      ])
        outbox.queue(tx, row, NOON)
    })
    const since = addMs(NOON, -3_600_000)
    const kind = 'acknowledgement'
    expect(db.read((read) => outbox.countLeaving(read, kind, since))).toEqual([
      { domain: 'other.example', isProved: false, count: 2 },
      { domain: 'reporter.example', isProved: false, count: 1 }
    ])
    const toBob = (until: Instant) =>
      db.read((read) =>
        outbox.countAnswers(read, { kind, to: address('bob@other.example') }, { since, until })
      )
    // What a clock that ran ahead has left says nothing.
    expect([toBob(NOON), toBob(addMs(NOON, -1))]).toEqual([1, 0])
    const bob = claim(later).find(({ once }) => once === 'Bob@other')?.id ?? 0
    db.transact((tx) => {
      outbox.recordOutcome(tx, { id: bob, kind: 'accepted', code: 250 }, addMs(later, 2))
    })
    expect([toBob(addMs(later, 1)), toBob(addMs(later, 2))]).toEqual([0, 1])
  })
})
