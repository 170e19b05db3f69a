import { describe, expect, it } from 'vitest'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import { decideArrival } from '../../../src/policy/inbound.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import { nextListAt } from '../../../src/policy/strangers.ts'
import { casesToShow } from '../../../src/policy/verbs/show.ts'
import { ALICE, found, NOW, openedMail, SETTINGS, situation } from './samples.ts'

const MINUTE = 60_000
const NONE = { toDomain: 0, toOthers: [] as number[] }
const PROVED = {
  opened: openedMail({ trace: { received: 1, returnPaths: [], results: [found()] } }),
  settings: { ...SETTINGS, authentication: { servers: ['mx.acme.example'], receivedHops: 1 } }
}

/** What becomes of a new report: forwarded or listed, and whether it counts. */
function becomes(
  strangers: Partial<Situation['strangers']>,
  change: Partial<Situation> = {}
): string {
  const facts = {
    proved: NONE,
    unproved: NONE,
    wasAnswered: false,
    isUntouched: false,
    ...strangers
  }
  const decisions = decideArrival(situation({ ...change, strangers: facts }))
  const counted = decisions.some(({ kind }) => kind === 'count-stranger')
  const relayed = decisions.some(
    (one) => 'message' in one && one.kind === 'send-sealed' && one.message.kind === 'relay'
  )
  const listed = decisions.some((one) => one.kind === 'record' && one.event.kind === 'listed')
  expect(relayed).toBe(!listed)
  expect(decisions.some(({ kind }) => kind === 'open-case')).toBe(true)
  return `${listed ? 'listed' : 'forwarded'}${counted ? '' : ', known'}`
}

describe('the report of a stranger', () => {
  it('(A5) is forwarded while there is room in the hour for all and for its domain, fair by domain', () => {
    expect(becomes({})).toBe('forwarded')
    expect(becomes({ unproved: { toDomain: 9, toOthers: [] } })).toBe('forwarded')
    expect(becomes({ unproved: { toDomain: 10, toOthers: [] } })).toBe('listed')
    // One other domain sent 500, or 500 others sent one each.
    expect(becomes({ unproved: { toDomain: 0, toOthers: [500] } })).toBe('forwarded')
    expect(becomes({ unproved: { toDomain: 0, toOthers: Array<number>(500).fill(1) } })).toBe(
      'listed'
    )
  })

  it('(A5) uses up nothing that proved senders have, and the other way round', () => {
    const full = { toDomain: 10, toOthers: [] }
    expect(becomes({ unproved: full }, PROVED)).toBe('forwarded')
    expect(becomes({ proved: full }, PROVED)).toBe('listed')
    expect(becomes({ proved: full })).toBe('forwarded')
  })

  it('(A5) of whom a maintainer has answered is always forwarded, but only where the sender is proved', () => {
    const full = { toDomain: 500, toOthers: [500] }
    const strangers = { proved: full, unproved: full, wasAnswered: true }
    expect(becomes(strangers, PROVED)).toBe('forwarded, known')
    expect(becomes(strangers)).toBe('listed')
  })

  it('(A5, G5) depends on no list of members', () => {
    const full = { unproved: { toDomain: 10, toOthers: [] } }
    const record = { id: 'debian', name: 'Debian', address: ALICE.address } as never
    expect(becomes(full, { member: { record, signed: false } })).toBe('listed')
  })
})

describe('the next list', () => {
  it('(A5) comes five minutes after the first report, and no earlier than an hour after the last one', () => {
    const after = (minutes: number | null): number =>
      Date.parse(nextListAt(NOW, minutes === null ? null : addMs(NOW, -minutes * MINUTE))) -
      Date.parse(NOW)
    expect(after(null)).toBe(5 * MINUTE)
    expect(after(10)).toBe(50 * MINUTE)
    expect(after(58)).toBe(5 * MINUTE)
    expect(after(3000)).toBe(5 * MINUTE)
    // The clock was days ahead when the last one was planned.
    expect(after(-3000)).toBe(5 * MINUTE)
  })
})

describe('what /show names', () => {
  const read = (text: string, now: Instant = NOW) =>
    casesToShow(text.split(' '), { settings: SETTINGS, now })

  it.each([
    ['12', ['ACME-2026-0012']],
    ['#12, 15-17', ['ACME-2026-0012', 'ACME-2026-0015', 'ACME-2026-0016', 'ACME-2026-0017']],
    ['acme-2025-0007 12 12', ['ACME-2025-0007', 'ACME-2026-0012']]
  ])('(A5) %s', (text, tags) => {
    expect(read(text)).toEqual({ tags, unread: null, isCut: false })
  })

  it('(A5) is at most 20 reports, however large the range is', () => {
    expect(read('1-20')).toMatchObject({ isCut: false })
    const { tags, isCut } = read('1-9999999 1-9999999')
    expect([tags.length, isCut]).toEqual([20, true])
  })

  it('(A5) is nothing but numbers', () => {
    expect(read('12 13;drop')).toMatchObject({ unread: 'drop' })
    expect(read('all')).toMatchObject({ unread: 'all', tags: [] })
    expect(read('17-15')).toMatchObject({ unread: '17-15', tags: [] })
  })
})
