/** When a scheduled notice leaves (G7, M-28): never early, never unapproved, never on a doubtful clock; the retry ladder. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type NoticeRecord } from '../../../src/domain/notice.ts'
import { nextAttemptMs, RETRY_DELAY_MS_MAX } from '../../../src/domain/outgoing.ts'
import { type Policy, type Settings } from '../../../src/domain/settings.ts'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import { clockJumpMs, decideRelease } from '../../../src/policy/embargo.ts'
import { at, caseRecord, NOW, noticeRecord, productWith, SETTINGS, sha256 } from './samples.ts'

const DIGEST = sha256('content')
const RELEASE = at('2026-11-24T13:00:00Z')
const DISCLOSURE = at('2026-12-01T13:00:00Z')
const APPROVERS = SETTINGS.maintainers.map((person) => ({
  ...person,
  roles: ['approver' as const]
}))
const VOID = { kind: 'hold', because: 'approval-void' }
const approval = { maintainerId: 'linus', digest: DIGEST, at: NOW, eventId: 1 }
const AFTER = { ...approval, eventId: 3 }

function release(
  now: Instant,
  change: Partial<NoticeRecord> = {},
  options: {
    readonly policy?: Partial<Policy['notice']>
    readonly clockJump?: number
    readonly maintainers?: Settings['maintainers']
  } = {}
) {
  return decideRelease({
    notice: noticeRecord({
      state: 'scheduled',
      releaseAt: RELEASE,
      approvals: [approval],
      ...change
    }),
    case: caseRecord({ state: 'planned', disclosureAt: DISCLOSURE }),
    policy: productWith(options.policy === null ? { notice: null } : {}, options.policy ?? {})
      .policy,
    maintainers: options.maintainers ?? APPROVERS,
    digest: DIGEST,
    clockJump: options.clockJump ?? null,
    now
  })
}

describe('a scheduled notice (G7)', () => {
  it('never leaves before its instant, whatever else is true (property)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 10 }), fc.boolean(), (ms, jumped) => {
        const options = jumped ? { clockJump: 1 } : {}
        expect(release(addMs(RELEASE, -ms), {}, options).kind).not.toBe('release')
      })
    )
  })

  it.each<[string, Partial<NoticeRecord>]>([
    ['there is none', { approvals: [] }],
    ['it is over other content', { approvals: [{ ...approval, digest: sha256('other') }] }],
    ['it is by the author', { approvals: [{ ...approval, maintainerId: 'grace' }] }]
  ])('is held when its approval does not count: %s', (_name, change) => {
    expect(release(RELEASE, change)).toEqual(VOID)
    expect(release(addMs(RELEASE, -10_000), change)).toEqual(VOID)
  })

  it('leaves on the approval of its author alone under approvals: 0, and never on none (A5)', () => {
    const policy = { approvals: 0 }
    const mine = [{ ...approval, maintainerId: 'grace' }]
    const other = [{ ...approval, maintainerId: 'grace', digest: sha256('other') }]
    expect(release(RELEASE, { approvals: mine }, { policy }).kind).toBe('release')
    for (const approvals of [[], other])
      expect(release(RELEASE, { approvals }, { policy })).toEqual(VOID)
  })

  it('counts one maintainer once, however many approvals they gave', () => {
    expect(
      release(RELEASE, { approvals: [approval, approval] }, { policy: { approvals: 2 } })
    ).toEqual(VOID)
    const two = [approval, { ...approval, maintainerId: 'ada' }]
    expect(release(RELEASE, { approvals: two }, { policy: { approvals: 2 } }).kind).toBe('release')
  })

  it('counts no approval by somebody who is no maintainer, or no approver, any more (G4)', () => {
    const gone = APPROVERS.filter(({ id }) => id !== 'linus')
    const demoted = APPROVERS.map((person) =>
      person.id === 'linus' ? { ...person, roles: ['committer' as const] } : person
    )
    for (const maintainers of [gone, demoted])
      expect(release(RELEASE, {}, { maintainers })).toEqual(VOID)
    expect(release(RELEASE).kind).toBe('release')
  })

  it('leaves late with a mark, or is held, as the policy says', () => {
    const late = addMs(RELEASE, 16 * 60_000)
    expect(release(late)).toEqual({ kind: 'release', lateMs: 960_000, isLate: true })
    expect(release(late, {}, { policy: { late: 'hold' } })).toEqual({
      kind: 'hold',
      because: 'too-late'
    })
    expect(release(addMs(RELEASE, 15 * 60_000), {}, { policy: { late: 'hold' } }).kind).toBe(
      'release'
    )
  })

  it('needs as many approvals from after a jump as the policy wants, and one at least', () => {
    const mixed = { approvals: [approval, { ...AFTER, maintainerId: 'ada' }] }
    const options = (approvals: number) => ({ clockJump: 2, policy: { approvals } })
    expect(release(RELEASE, mixed, options(1)).kind).toBe('release')
    expect(release(RELEASE, mixed, options(2))).toEqual({ kind: 'hold', because: 'clock' })
    expect(release(RELEASE, mixed, options(0)).kind).toBe('release')
    expect(release(RELEASE, {}, options(0))).toEqual({ kind: 'hold', because: 'clock' })
  })

  it('is held when the policy has no list any more', () => {
    const hold = { kind: 'hold', because: 'no-notice' }
    expect(release(RELEASE, {}, { policy: null })).toEqual(hold)
  })
})

describe('the clock watch', () => {
  it('takes drift for drift and a jump for a jump, both ways', () => {
    const before = { now: NOW, bootMs: 1000 }
    const later = (wallMs: number, bootMs: number) =>
      clockJumpMs(before, { now: addMs(NOW, wallMs), bootMs: 1000 + bootMs })
    expect(later(60_000, 60_000)).toBe(0)
    expect(later(60_000 + 300_000, 60_000)).toBe(0)
    expect(later(60_000 + 300_001, 60_000)).toBe(300_001)
    expect(later(-3_600_000, 60_000)).toBe(-3_660_000)
  })
})

describe('the retry ladder (RFC 5321 4.5.4.1)', () => {
  it('grows, never waits longer than its ceiling, and ends after 47 hours or more', () => {
    const delays: number[] = []
    for (let attempts = 1; ; attempts += 1) {
      const delay = nextAttemptMs(attempts)
      if (delay === null) break
      delays.push(delay)
    }
    expect([...delays].sort((a, b) => a - b)).toEqual(delays)
    expect(Math.max(...delays)).toBe(RETRY_DELAY_MS_MAX)
    const sum = delays.reduce((total, delay) => total + delay, 0)
    expect(sum).toBeGreaterThanOrEqual(47 * 3_600_000)
    expect(nextAttemptMs(delays.length + 1)).toBe(null)
  })
})
