/** (A3) Whatever happens to a case, to the process and to its wall clock: nothing is told twice, early, or out of date. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BUILT_IN_CLOCKS } from '../../../src/config/clock-schema.ts'
import { lookAtRun, openRuns, type Told } from '../../../src/domain/clock.ts'
import {
  aboutCase,
  BY_DESK,
  type DeskEvent,
  event,
  type NewEvent,
  NO_EVIDENCE
} from '../../../src/domain/event.ts'
import { type CaseTag } from '../../../src/domain/ids.ts'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import { clocksOf, standingOf, whomToTell } from '../../../src/policy/clocks.ts'
import { GRACE, LINUS } from './samples.ts'

const HOUR = 3_600_000
const CASE = aboutCase('ACME-2026-0001' as CaseTag)
// Two days before the clocks of Berlin change.
const START = '2026-10-23T12:00:00.000Z' as Instant
const CALENDAR = { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: [] }
const COPIES = { revision: 0, here: 0, onTheWay: 0, gone: 0 } as never

type Step =
  | { readonly hours: number }
  | { readonly happens: (now: Instant) => NewEvent }
  | { readonly restarts: true }

const happens = fc.oneof(
  fc.integer({ min: 1, max: 1500 }).map((hours) => (now: Instant) => {
    const date = addMs(now, hours * HOUR)
    const leaveBy = addMs(date, -72 * HOUR)
    return event('embargo-set', CASE, BY_DESK, {
      ...{ oldDate: null, date, written: '', reason: '', leaveBy }
    })
  }),
  fc
    .constantFrom<NewEvent>(
      event('opened', CASE, BY_DESK, { product: 'parser', reporter: '1', receivedAt: START }),
      event('notice-drafted', CASE, BY_DESK, { revision: 1, fields: [], patches: [] }),
      event('notice-held', CASE, BY_DESK, {
        revision: 1,
        because: 'maintainer',
        reason: '',
        copies: COPIES,
        withheldSince: null
      }),
      event('disclosed', CASE, BY_DESK, { date: START, reason: '' }),
      event('reopened', CASE, BY_DESK, { reason: '' }),
      ...['grace', 'linus'].map((recipient) =>
        event('undelivered', CASE, BY_DESK, {
          ...{ audience: 'maintainer', recipient, message: 'relay' },
          ...{ outbox: 1, because: 'rejected', code: 550, attempts: 1 }
        } as const)
      )
    )
    .map((one) => () => one)
)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.integer({ min: 1, max: 60 }).map((hours) => ({ hours })),
  // A desk that was down, and a wall clock that is set back.
  fc.integer({ min: 60, max: 2000 }).map((hours) => ({ hours })),
  fc.integer({ min: -300, max: -1 }).map((hours) => ({ hours })),
  happens.map((happen) => ({ happens: happen })),
  fc.constant({ restarts: true } as const)
)

/** What the database keeps of one case. */
type Stored = { events: DeskEvent[]; told: Told[] }

/** One look, as the desk makes it: every telling is kept with the message that tells it. */
function look(stored: Stored, now: Instant): void {
  const clocks = clocksOf('case', null, { clocks: BUILT_IN_CLOCKS, products: [] })
  const last = stored.events.at(-1)?.id ?? 0
  const { events, told } = stored
  const known = {
    ...{ clocks, events, calendar: CALENDAR, eachFrom: 0, last, now },
    whom: () => ['grace', 'linus']
  }
  const before = [...told]
  for (const { recipient, rings } of standingOf({ ...known, told: before }).tellings) {
    for (const { run, step: name, repeat, at } of rings) {
      const { key, start, clock } = run
      const ring = { clock: clock.id, generation: start.id, step: name, repeat, recipient }
      // Never before its time, and only the highest step that has passed.
      expect(at <= now).toBe(true)
      const following = lookAtRun(run, CALENDAR, at).next
      expect(following === null || following > now).toBe(true)
      // What was told while the clock was days ahead is told again at its true time.
      const heard = told.filter((one) => one.at === null || one.at < addMs(now, 24 * HOUR))
      expect(heard).not.toContainEqual(expect.objectContaining(ring))
      told.push({ ...ring, key, at: now })
    }
  }
}

it('each step reaches each person at most once, never before its time, and only the highest that has passed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let stored: Stored = { events: [], told: [] }
      let now = START
      for (const one of steps) {
        if ('hours' in one) now = addMs(now, one.hours * HOUR)
        else if ('restarts' in one) stored = JSON.parse(JSON.stringify(stored)) as Stored
        else {
          const id = stored.events.length + 1
          const kept = { ...one.happens(now), id, at: now, evidence: NO_EVIDENCE } as DeskEvent
          stored.events.push(kept)
        }
        look(stored, now)
        const count = stored.told.length
        look(stored, now)
        expect(stored.told).toHaveLength(count)
      }
    }),
    { numRuns: 200 }
  )
})

it('(A3) over the end of daylight saving a day of a clock has 24 hours, and a business day ends when it ends in the calendar', () => {
  const date = '2026-11-03T12:00:00.000Z' as Instant
  const leaveBy = '2026-10-27T12:00:00.000Z' as Instant
  const about = { oldDate: null, date, written: '', reason: '', leaveBy }
  const set = { ...event('embargo-set', CASE, BY_DESK, about), id: 1, at: START }
  const events = [{ ...set, evidence: NO_EVIDENCE } as DeskEvent]
  const draft = clocksOf('case', null, { clocks: BUILT_IN_CLOCKS, products: [] }).filter(
    ({ id }) => id === 'notice-draft'
  )
  const inBusinessDays = draft.map((one) => ({ ...one, due: { before: { business_days: 3 } } }))
  const runs = [...draft, ...inBusinessDays].flatMap((one) =>
    openRuns([one], events, CALENDAR, START)
  )

  // Tuesday, one o'clock of Berlin: 72 hours before, and the Thursday before at one o'clock of its summer time.
  expect(runs.map(({ dueAt }) => dueAt)).toEqual([
    '2026-10-24T12:00:00.000Z',
    '2026-10-22T11:00:00.000Z'
  ])
})

it.each([
  ['release', ['grace']],
  ['advisor', ['grace', 'linus']],
  [{ maintainer: 'linus' }, ['linus']],
  [{ maintainer: 'nobody' }, ['grace', 'linus']]
] as const)(
  '(A3) a step for %j tells everybody where there is nobody of that role or id',
  (who, expected) => {
    const about = { maintainers: [GRACE, LINUS], owner: null, start: null }

    expect(whomToTell([who], about)).toEqual(expected)
  }
)
