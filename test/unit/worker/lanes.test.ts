import { describe, expect, it } from 'vitest'
import { createLanes, type Lane } from '../../../src/worker/lanes.ts'

/** In which order those come to their turn that wait. */
function order(waiting: readonly Lane[]): string {
  const lanes = createLanes<Lane>()
  for (const lane of waiting) lanes.add(lane, lane)
  let seen = ''
  for (let next = lanes.next(); next !== undefined; next = lanes.next())
    seen += next === 'quick' ? 'q' : 'b'
  return seen
}

describe('the lanes', () => {
  it('let a quick task pass the pieces of a large job', () => {
    expect(order(['bulk', 'bulk', 'bulk', 'quick'])).toBe('qbbb')
  })

  it('do not let a flood of quick tasks starve a large job', () => {
    const flood = Array<Lane>(9).fill('quick')
    expect(order([...flood, 'bulk', 'bulk'])).toBe('qqqbqqqbqqq')
  })

  it('keep the order within a lane, and count who waits', () => {
    const lanes = createLanes<number>()
    for (const each of [1, 2, 3]) lanes.add('quick', each)
    expect([lanes.next(), lanes.size(), lanes.next(), lanes.next(), lanes.next()]).toEqual([
      ...[1, 2, 2, 3],
      undefined
    ])
  })
})
