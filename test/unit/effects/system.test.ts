/** The real clock, randomness and ticks. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { startTicks, systemClock, systemRandomness } from '../../../src/effects/system.ts'

describe('system effects', () => {
  it('tells the time as an instant and never goes backwards on the monotonic clock', () => {
    const before = systemClock.monotonicMs()

    expect(systemClock.now()).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before)
  })

  it('makes tokens of the asked length from 32 characters, all of them used, none repeated', () => {
    const tokens = Array.from({ length: 200 }, () => systemRandomness.token(26))

    expect(tokens.every((token) => /^[a-z2-7]{26}$/.test(token))).toBe(true)
    expect(new Set(tokens).size).toBe(200)
    expect(new Set(tokens.join('')).size).toBe(32)
  })

  it('draws every number under the limit and none at it', () => {
    const drawn = new Set(Array.from({ length: 500 }, () => systemRandomness.below(4)))

    expect([...drawn].sort()).toEqual([0, 1, 2, 3])
  })

  it('ticks until disposed', async () => {
    let ticks = 0
    const ticked = new Promise<void>((resolve) => {
      const ticker = startTicks('* * * * * *', 'Europe/Berlin', () => {
        ticks += 1
        ticker[Symbol.dispose]()
        resolve()
      })
    })

    await ticked
    await delay(1200)

    expect(ticks).toBe(1)
  })
})
