/** Cases on disk: numbers that never come back, changes over an old version refused, messages in order. */
import { describe, expect, it } from 'vitest'
import { type CaseRecord, type Reporter } from '../../../src/domain/case.ts'
import { aboutCase } from '../../../src/domain/event.ts'
import { addMs } from '../../../src/domain/time.ts'
import * as arrivals from '../../../src/store/arrivals.ts'
import * as cases from '../../../src/store/cases.ts'
import * as looks from '../../../src/store/looks.ts'
import { at, caseRecord, ROOTS, reporter, tag } from '../policy/samples.ts'
import { useDatabase } from './given.ts'
import { ARRIVAL, NOON } from './support.ts'

const db = useDatabase()

function open(change: Partial<CaseRecord> = {}, by: Partial<Reporter> = {}) {
  const reporters = [reporter(by)]
  const next = db.read((read) => cases.nextTag(read, 'ACME', NOON, 'UTC'))
  db.transact((tx) => cases.open(tx, caseRecord({ tag: next, reporters, ...change }), ROOTS))
  return next
}

describe('cases', () => {
  it('come back as they were stored', () => {
    const stored = open({}, { contact: null, beganInClear: true })
    expect(db.read((read) => cases.find(read, stored))).toEqual(
      caseRecord({
        tag: stored,
        reporters: [reporter({ id: stored, contact: null, beganInClear: true })],
        decided: null,
        mergedInto: null,
        maintainerRoot: ROOTS.maintainer
      })
    )
  })

  it('are numbered per year without a gap, beyond four digits, too', () => {
    expect([open(), open()]).toEqual(['ACME-2026-0001', 'ACME-2026-0002'])
    expect([open({ tag: tag('ACME-2026-9999') }), open(), open()].slice(1)).toEqual([
      'ACME-2026-10000',
      'ACME-2026-10001'
    ])
    expect(db.read((read) => cases.nextTag(read, 'ACME', at('2027-01-01T00:00:00Z'), 'UTC'))).toBe(
      'ACME-2027-0001'
    )
  })

  it('refuse a change over an older version', () => {
    const stored = open()
    const change = {
      kind: 'update-case',
      tag: stored,
      version: 1,
      set: { owner: 'grace' }
    } as const
    db.transact((tx) => cases.update(tx, change))
    expect(() =>
      db.transact((tx) => cases.update(tx, { ...change, set: { owner: 'linus' } }))
    ).toThrow(expect.objectContaining({ code: 'conflict' }))
    expect(db.read((read) => cases.find(read, stored))).toMatchObject({
      owner: 'grace',
      version: 2
    })
  })

  it('are listed by what is due first, then newest first, the finished ones only when asked for', () => {
    const first = open()
    for (const [tag, dueAt] of [
      [open(), NOON],
      [first, addMs(NOON, 1)]
    ] as const) {
      const due = { at: dueAt, clock: 'triage' }
      db.transact((tx) => looks.write(tx, aboutCase(tag), { nextLookAt: null, due, eachFrom: 0 }))
    }
    open({ state: 'closed' })
    open({ state: 'rejected' })
    const list = (which: 'open' | 'all') =>
      db.read((read) => cases.list(read, which)).map(({ id }) => id)
    expect(list('open')).toEqual([2, 1])
    expect(list('all')).toEqual([2, 1, 4, 3])
  })

  it('keep their messages in order', () => {
    open()
    const message = {
      at: NOON,
      author: 'reporter',
      authorId: '',
      audience: 'reporter',
      subject: 's',
      messageId: null,
      arrivalId: 1
    } as const
    db.transact((tx) => {
      arrivals.add(tx, ARRIVAL, NOON)
      cases.insertMessage(tx, 1, { ...message, text: 'one' })
      cases.insertMessage(tx, 1, { ...message, text: 'two' })
    })
    expect(db.read((read) => cases.listMessages(read, 1)).map(({ text }) => text)).toEqual([
      'one',
      'two'
    ])
  })
})
