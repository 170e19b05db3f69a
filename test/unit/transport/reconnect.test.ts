/** How long to wait before connecting again. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reconnectDelayMs } from '../../../src/transport/reconnect.ts'

const longest = { below: (limit: number) => limit - 1 }

describe('reconnectDelayMs', () => {
  it('doubles its ceiling from 1 s and ends at 5 min', () => {
    const ceilings = [1, 2, 3, 9, 10, 1000].map((attempts) => reconnectDelayMs(attempts, longest))

    expect(ceilings).toEqual([1000, 2000, 4000, 256_000, 300_000, 300_000])
  })

  it('stays between 1 s and 5 min for every attempt and every random number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -5, max: 1e9 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, part) => {
          const delay = reconnectDelayMs(attempts, { below: (limit) => Math.floor(limit * part) })

          expect(delay).toBeGreaterThanOrEqual(1000)
          expect(delay).toBeLessThanOrEqual(300_000)
        }
      )
    )
  })

  it('spreads clients that lost the same server', () => {
    const [early, late] = [{ below: () => 1500 }, longest]

    expect(reconnectDelayMs(8, early)).toBe(1500)
    expect(reconnectDelayMs(8, late)).toBe(128_000)
  })
})
