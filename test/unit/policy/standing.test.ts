/** (A3) Whatever happens to the process and to its wall clock: nothing is told twice or early. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  aboutCase,
  BY_DESK,
  type DeskEvent,
  event,
  NO_EVIDENCE
} from '../../../src/domain/event.ts'
import { type CaseTag } from '../../../src/domain/ids.ts'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import { clocksOf } from '../../../src/policy/clocks.ts'
import { standingOf, type Told } from '../../../src/policy/standing.ts'

const HOUR = 3_600_000
const CASE = aboutCase('ACME-2026-0001' as CaseTag)
// Two days before the clocks of Berlin change.
const START = '2026-10-23T12:00:00.000Z' as Instant
const CALENDAR = { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: [] }

it('each step reaches each person at most once and never before its time', () => {
  const move = fc.oneof(
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 1, max: 2000 }),
    fc.integer({ min: -300, max: -1 })
  )
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 40 }),
      fc.integer({ min: 1, max: 1500 }),
      (moves, days) => {
        const date = addMs(START, days * HOUR)
        const about = {
          oldDate: null,
          date,
          written: '',
          reason: '',
          leaveBy: addMs(date, -72 * HOUR)
        }
        const set = event('embargo-set', CASE, BY_DESK, about)
        const events = [{ ...set, id: 1, at: START, evidence: NO_EVIDENCE } as DeskEvent]
        const told: Told[] = []
        let now = START
        for (const hours of moves) {
          now = addMs(now, hours * HOUR)
          const { tellings } = standingOf({
            ...{ clocks: clocksOf(CASE, null), events, told, calendar: CALENDAR, last: 1, now },
            whom: () => ['grace', 'linus'],
            isSilent: () => false
          })
          for (const { clock, recipient, rings } of tellings) {
            for (const { run, step, repeat, at } of rings) {
              expect(at <= now).toBe(true)
              const before = told.filter(
                (one) => one.clock === clock.id && one.recipient === recipient
              )
              expect(before.some((one) => one.step === step && one.repeat >= repeat)).toBe(false)
              told.push({
                clock: clock.id,
                generation: run.generation,
                step,
                repeat,
                recipient,
                key: '',
                at: now
              })
            }
          }
        }
      }
    ),
    { numRuns: 200 }
  )
})
