import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addMs, type Instant } from '../../../src/domain/time.ts'
import { earliestRoom, TAKEN_MAX } from '../../../src/policy/rate-limits.ts'
import { at, NOW } from './samples.ts'

const HOUR = 3_600_000
const LATER = addMs(NOW, 1000 * HOUR)

/** Whether no hour holds more than `most`. */
function keeps(leaves: readonly Instant[], most: number): boolean {
  const sorted = leaves.map((one) => Date.parse(one)).toSorted((a, b) => a - b)
  return sorted.every((first, index) => (sorted[index + most] ?? Infinity) - first >= HOUR)
}

describe('hourly limits of automatic answers (RFC 3834)', () => {
  it('let answers leave at once until the hour is full, and the others in the hours after it', () => {
    const leaves: Instant[] = []
    for (let count = 0; count < 25; count += 1) {
      leaves.push(earliestRoom([{ taken: leaves, perHour: 10 }], NOW, LATER) ?? LATER)
    }
    const inHour = (hour: number) => leaves.filter((one) => one === addMs(NOW, hour * HOUR)).length
    expect([inHour(0), inHour(1), inHour(2)]).toEqual([10, 10, 5])
  })

  it('keep every limit in every hour, whatever waits already (property)', () => {
    const times = fc.array(fc.integer({ min: -HOUR + 1, max: 5 * HOUR }), { maxLength: 30 })
    fc.assert(
      fc.property(times, times, fc.integer({ min: 1, max: 4 }), (one, two, most) => {
        const desk: Instant[] = []
        const domain: Instant[] = []
        for (const [into, list] of [
          [desk, one],
          [domain, two]
        ] as const) {
          for (const ms of list.toSorted((a, b) => a - b)) {
            const next = addMs(NOW, ms)
            if (keeps([...into, next], most)) into.push(next)
          }
        }
        const limits = [
          { taken: desk, perHour: most },
          { taken: domain, perHour: most }
        ]
        const leaves = earliestRoom(limits, NOW, LATER) ?? LATER
        expect(keeps([...desk, leaves], most)).toBe(true)
        expect(keeps([...domain, leaves], most)).toBe(true)
      })
    )
  })

  it('let a flood from one domain keep nobody else’s answer waiting', () => {
    const flood: Instant[] = []
    for (let count = 0; count < 100; count += 1) {
      const limits = [
        { taken: flood, perHour: 20 },
        { taken: flood, perHour: 10 }
      ]
      const leaves = earliestRoom(limits, NOW, LATER)
      if (leaves !== null) flood.push(leaves)
    }
    expect(
      earliestRoom(
        [
          { taken: flood, perHour: 20 },
          { taken: [], perHour: 10 }
        ],
        NOW,
        LATER
      )
    ).toBe(NOW)
  })

  it('have no room where more answers wait than are looked at', () => {
    const past = Array.from({ length: TAKEN_MAX }, () => addMs(NOW, -2 * HOUR))
    expect(earliestRoom([{ taken: past.slice(1), perHour: 1 }], NOW, LATER)).toBe(NOW)
    expect(earliestRoom([{ taken: past, perHour: 1 }], NOW, LATER)).toBeNull()
  })

  it('have no room when it would be too late', () => {
    const until = at('2026-11-22T12:30:00Z')
    expect(earliestRoom([{ taken: [NOW], perHour: 1 }], NOW, until)).toBeNull()
  })
})
