/** Notices, deliveries, members and what is remembered of reporters, on disk. */
import { beforeEach, describe, expect, it } from 'vitest'
import { type SaveNotice } from '../../../src/domain/decision.ts'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import * as arrivals from '../../../src/store/arrivals.ts'
import * as cases from '../../../src/store/cases.ts'
import * as people from '../../../src/store/correspondents.ts'
import * as deliveries from '../../../src/store/deliveries.ts'
import * as members from '../../../src/store/members.ts'
import * as notices from '../../../src/store/notices.ts'
import * as outbox from '../../../src/store/outbox.ts'
import * as samples from '../policy/samples.ts'
import { DRAFT, useDatabase } from './given.ts'
import { ARRIVAL, mail, NOON, plansOf } from './support.ts'

const db = useDatabase()
const KEY = new Uint8Array([1])
const MINUTE_MS = 60_000
const ALL = { messages: 10, bytes: 1e9, busy: [] }
const WORDS = samples.sha256('the approved words')
const PLAN = { id: 1, revision: 1, product: 'parser', digest: WORDS }
const ELSEWHERE = { address: samples.address('new@debian.example') }
const COPY = { once: 'notice:1:1:debian', digest: WORDS }

beforeEach(() => {
  db.transact((tx) => cases.open(tx, samples.caseRecord(), samples.ROOTS))
})

function save(change: Partial<SaveNotice> = {}): number {
  return db.transact((tx) => notices.save(tx, 1, { ...DRAFT, ...change }))
}
function notice() {
  return db.read((read) => notices.find(read, samples.TAG))
}
function add(id: string, digit: string, change: Partial<Parameters<typeof members.add>[1]> = {}) {
  return db.transact((tx) =>
    members.add(tx, { ...samples.member(id, digit), keyData: KEY, signingKeys: [], ...change })
  )
}
/** The members that wait, by id: they leave in random order. */
function waiting(revision = 1): string[] {
  return inOrder(revision).map(({ id }) => id)
}
function inOrder(revision = 1) {
  const listed = db.read((read) => deliveries.listWaiting(read, 1, revision, 10))
  return listed.sort((a, b) => (a.id < b.id ? -1 : 1))
}

describe('copies of a notice', () => {
  it('(B4) leave in random order, not in that of the member ids', () => {
    save()
    for (const [index, id] of ['alpine', 'debian', 'freebsd', 'gentoo'].entries())
      add(id, String(index + 1))
    const orders = Array.from({ length: 30 }, (_, index) => {
      const revision = index + 1
      return db.transact((tx) => {
        deliveries.plan(tx, { ...PLAN, revision }, NOON)
        return deliveries.listWaiting(tx, 1, revision, 10).map(({ id }) => id)
      })
    })
    expect(new Set(orders.map((order) => order.join())).size).toBeGreaterThan(1)
    expect(new Set(orders.map((order) => order.sort().join()))).toEqual(
      new Set(['alpine,debian,freebsd,gentoo'])
    )
  })

  it('that are late, wait or are missing are found without a look at all that ever left, at every turn of the desk', () => {
    const plans = plansOf(db, (read) => {
      deliveries.listLateCopies(read, NOON, 10)
      deliveries.listWaitingCopies(read)
      deliveries.listMissing(read, NOON)
      deliveries.listWaiting(read, 1, 1, 10)
    })

    expect(plans.join()).toContain('deliveries_by_outbox')
    expect(
      plans.filter((step) => /^SCAN (?:cases|deliveries|events|notices|outbox)/.test(step))
    ).toEqual([])
  })
})

describe('notices', () => {
  it('that leave next are found without a look at all notices there ever were', () => {
    expect(plansOf(db, notices.nextReleaseAt)).toEqual([expect.stringContaining('notices_next')])
  })

  it('refuse to be written over an older version, or twice for one case', () => {
    save()
    save({ version: 1 })
    expect(() => {
      save({ version: 1 })
    }).toThrow(expect.objectContaining({ code: 'conflict' }))
    const stop = () =>
      db.transact((tx) => notices.stop(tx, { id: 1, version: 1 }, 'withdraw', NOON))
    expect(stop).toThrow(expect.objectContaining({ code: 'conflict' }))
    expect(() => {
      save({ version: 0 })
    }).toThrow()
  })

  it('replace patches whole, or leave them', () => {
    const file = {
      filename: 'a.patch',
      contentType: 'text/x-diff',
      content: KEY,
      sha256: samples.sha256(KEY)
    }
    save({ patches: [file, { ...file, filename: 'b.patch' }] })
    save({ version: 1 })
    expect(notice()?.patches.map(({ filename }) => filename)).toEqual(['a.patch', 'b.patch'])
    save({ version: 2, patches: [file] })
    expect(notice()?.patches.map(({ filename }) => filename)).toEqual(['a.patch'])
  })
})

describe('deliveries', () => {
  beforeEach(() => {
    save()
    add('debian', '1')
    add('suse', '2')
    plan()
  })

  it('wait for each active member once, however often they are planned', () => {
    plan()
    expect(waiting()).toEqual(['debian', 'suse'])
  })

  it('that are held wait again, those queued do not, and the notice knows that copies have left (G2)', () => {
    expect(notice()?.hasLeft).toBe(false)
    sealed()
    const [suse] = inOrder()
    db.transact((tx) =>
      deliveries.holdWaiting(tx, { id: suse?.deliveryId ?? 0 }, 'the key has expired', NOON)
    )
    expect(db.read((read) => deliveries.count(read, 1, 1))).toMatchObject({
      queued: 1,
      held: 1,
      waiting: 0
    })
    expect(notice()?.hasLeft).toBe(true)
    plan()
    expect(waiting()).toEqual(['suse'])
  })

  /** Debian's copy is sealed and queued. */
  function sealed(): void {
    const [debian] = inOrder()
    const to = { recipientId: 'debian', envelopeTo: samples.address('security@debian.example') }
    db.transact((tx) => {
      outbox.queue(tx, mail(COPY.once, { noticeId: 1, audience: 'member', ...to }), NOON)
      deliveries.markQueued(tx, debian?.deliveryId ?? 0, COPY, NOON)
    })
  }
  /** The same, then held. */
  function sealedAndHeld(): void {
    sealed()
    db.run("UPDATE outbox SET state = 'held' WHERE state = 'queued'")
  }
  function drop(id = 'debian'): void {
    db.transact((tx) => members.remove(tx, id, NOON))
  }
  function plan(change: Partial<typeof PLAN> = {}): void {
    db.transact((tx) => deliveries.plan(tx, { ...PLAN, ...change }, NOON))
  }
  /** The release of a revision begins, with these words. */
  function release(digest = WORDS, revision = 1): void {
    db.transact((tx) => {
      tx.run("UPDATE notices SET revision = ?, release_at = '2026-12-01T00:00:00.000Z'", [revision])
      const { id = 0, version = 0 } = notices.find(tx, samples.TAG) ?? {}
      notices.setState(tx, { id, version }, { state: 'releasing', releasedDigest: digest })
      deliveries.plan(tx, { ...PLAN, digest, revision }, NOON)
    })
  }
  function hold(): void {
    const { id = 0, version = 0 } = notice() ?? {}
    db.transact((tx) => notices.stop(tx, { id, version }, 'withdraw', NOON))
  }
  /** A maintainer writes the next revision. */
  function draft(): void {
    save({ version: notice()?.version ?? 0, state: 'drafting', revision: 2 })
  }
  /** What `/notice hold` and `/notice draft` in one message leave. */
  function holdAndDraft(): void {
    draft()
    db.transact((tx) => notices.withdrawCopies(tx, 1, NOON))
  }
  const retry = () => db.transact((tx) => outbox.retry(tx, 1, NOON))
  const copy = () => db.read((read) => outbox.find(read, 1))

  it.each<[string, string, Parameters<typeof add>[2], string, string[]]>([
    ['the same address and key goes on', '1', {}, 'queued', ['suse']],
    ['other products only never leaves (G5)', '1', { products: ['other'] }, 'held', ['suse']],
    ['another key never leaves (G3)', '9', {}, 'held', ['debian', 'suse']],
    ['another address never leaves (G5)', '1', ELSEWHERE, 'held', ['debian', 'suse']]
  ])('of a member who came back for %s', (_what, digit, change, state, expected) => {
    sealedAndHeld()
    drop()
    expect(add('debian', digit, change)).toBe('added')
    plan()
    expect([copy()?.state, waiting()]).toEqual([state, expected])
    const fresh = mail('notice:1:1:debian', { messageId: samples.messageId('fresh@acme.example') })
    const isFree = expected.includes('debian')
    const queued = db.transact((tx) => outbox.queue(tx, fresh, NOON))
    expect(queued).toBe(isFree ? 'queued' : 'already')
  })

  it('cannot be sent again by hand unless their notice is approved and the member the same (G7)', () => {
    sealedAndHeld()
    expect(retry()).toBe('not-approved')
    release()
    hold()
    expect(retry()).toBe('not-approved')
    draft()
    expect(retry()).toBe('not-approved')
    release(samples.sha256('other words'), 2)
    expect(retry()).toBe('not-approved')
    release()
    db.run("UPDATE outbox SET state = 'held' WHERE state = 'queued'")
    drop()
    expect(retry()).toBe('not-approved')
    add('debian', '9')
    expect(retry()).toBe('not-approved')
    drop()
    add('debian', '1', { products: ['other'] })
    expect(retry()).toBe('not-approved')
    drop()
    add('debian', '1')
    expect(retry()).toBe('queued')
  })

  const claim = (now: Instant): number[] =>
    db.transact((tx) => outbox.claimDue(tx, now, ALL)).map(({ id }) => id)
  const defer = (): void => {
    db.transact((tx) => outbox.recordOutcome(tx, { id: 1, kind: 'deferred', code: 451 }, NOON))
  }
  const dies = (): void => {
    db.transact((tx) => {
      outbox.takeUpLost(tx, NOON)
    })
  }
  /** Whether Debian's copy, which is with SMTP at the beginning, is tried again in the end. */
  function isTriedAgain(...happens: readonly (() => void)[]): boolean {
    sealedAndHeld()
    release()
    expect(claim(NOON)).toEqual([1])
    for (const happen of happens) happen()
    return claim(addMs(NOON, MINUTE_MS)).includes(1)
  }
  const others = (): void => {
    release(samples.sha256('other words'))
  }
  const next = (): void => {
    release(samples.sha256('the next revision'), 2)
  }

  it.each<[string, (() => void)[]]>([
    ['nothing else', [defer]],
    ['a draft of the next revision before the outcome', [draft, defer]],
    ['a draft of the next revision after the outcome', [defer, draft]],
    ['a hold that a new approval of the same words ended', [hold, defer, release]],
    ['such a hold before the outcome', [hold, release, defer]],
    ['the death of the process', [dies]],
    ['the death of the process and a draft', [dies, draft]]
  ])('on their way are tried again after %s', (_what, happens) => {
    expect(isTriedAgain(...happens)).toBe(true)
  })

  it.each<[string, (() => void)[]]>([
    ['a hold before the outcome', [hold, defer]],
    ['a hold after the outcome', [defer, hold]],
    ['a hold, then a draft, before the outcome', [hold, draft, defer]],
    ['a hold before and a draft after the outcome', [hold, defer, draft]],
    ['a hold and a draft by one message', [holdAndDraft, defer]],
    ['a draft, then a hold', [draft, hold, defer]],
    ['the death of the process, a hold and a draft', [hold, draft, dies]],
    ['a release of other words', [others, defer]],
    ['the release of the next revision', [draft, next, defer]],
    ['the release of the next revision after the outcome', [defer, draft, next]]
  ])('on their way are not tried again after %s (G7)', (_what, happens) => {
    expect(isTriedAgain(...happens)).toBe(false)
    expect(copy()?.state).toBe('held')
  })

  it('of the revision before, queued and never tried, give way to those of the next (G7)', () => {
    sealedAndHeld()
    release()
    draft()
    expect(copy()?.state).toBe('queued')
    next()
    expect(copy()?.state).toBe('held')
    expect(waiting(2)).toEqual(['debian', 'suse'])
  })
})

describe('members', () => {
  it('have an id and an address of their own, in whatever case', () => {
    expect(add('debian', '1')).toBe('added')
    expect(add('debian', '1')).toBe('id-taken')
    expect(add('other', '1', { address: samples.address('SECURITY@debian.example') })).toBe(
      'address-taken'
    )
  })

  it('that were removed get nothing, and free their id and their address', () => {
    add('debian', '1')
    expect(db.transact((tx) => members.remove(tx, 'debian', NOON))).toBe(0)
    expect(db.transact((tx) => members.remove(tx, 'debian', NOON))).toBe(null)
    expect(db.read((read) => members.listActive(read, 'parser'))).toEqual([])
    expect(db.read(members.list)).toEqual([])
    expect(add('debian2', '1', { address: samples.address('security@debian.example') })).toBe(
      'added'
    )
    expect(
      db.read((read) => members.findByAddress(read, samples.address('security@debian.example')))?.id
    ).toBe('debian2')
    expect(add('debian', '3', ELSEWHERE)).toBe('added')
  })

  it('get notices of their products only', () => {
    add('debian', '1', { products: ['other'] })
    add('suse', '2')
    const ids = (product: string) =>
      db.read((read) => members.listActive(read, product)).map(({ id }) => id)
    expect([ids('parser'), ids('other')]).toEqual([['suse'], ['debian']])
  })
})

describe('correspondents', () => {
  it('have one key an address, whatever its letter case: the one that was decided last', () => {
    const pin = (change: Partial<typeof samples.ALICE_KEY>) => {
      db.transact((tx) =>
        people.saveReporterKey(tx, samples.ALICE.address, { ...samples.ALICE_KEY, ...change })
      )
    }
    pin({})
    pin({ fingerprint: samples.fingerprint('9'), keyData: new Uint8Array([9]) })
    const found = db.read((read) =>
      people.findReporterKey(read, samples.address('ALICE@reporter.example'))
    )
    expect(found?.fingerprint).toBe(samples.fingerprint('9'))
    expect([...(found?.keyData ?? [])]).toEqual([9])
  })

  it('never let a signature count twice (G4)', () => {
    db.transact((tx) => arrivals.add(tx, ARRIVAL, NOON))
    const use = () => {
      db.transact((tx) => people.insertUsedSignature(tx, samples.sha256('s'), 1))
    }
    use()
    expect(use).toThrow()
  })
})
