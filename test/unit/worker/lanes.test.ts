import { describe, expect, it } from 'vitest'
import { createLanes, type Lane } from '../../../src/worker/lanes.ts'

/** Lets everything wait behind one turn, then records who comes in which order. */
async function order(lanes: readonly Lane[]): Promise<string> {
  const turns = createLanes(1)
  const leaveFirst = await turns.enter('bulk')
  let seen = ''
  const all = lanes.map(async (lane) => {
    const leave = await turns.enter(lane)
    seen += lane === 'quick' ? 'q' : 'b'
    leave()
  })
  leaveFirst()
  await Promise.all(all)
  return seen
}

describe('the lanes', () => {
  it('let a quick task pass the pieces of a large job', async () => {
    expect(await order(['bulk', 'bulk', 'bulk', 'quick'])).toBe('qbbb')
  })

  it('do not let a flood of quick tasks starve a large job', async () => {
    const flood = Array<Lane>(9).fill('quick')
    expect(await order([...flood, 'bulk', 'bulk'])).toBe('qqqbqqqbqqq')
  })

  it('never give out more turns than there are threads', async () => {
    const turns = createLanes(3)
    let inside = 0
    let most = 0
    const all = Array.from({ length: 20 }, async (_, index) => {
      const leave = await turns.enter(index % 2 === 0 ? 'quick' : 'bulk')
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside -= 1
      leave()
    })
    await Promise.all(all)
    expect(most).toBe(3)
  })

  it('refuse everybody once closed', async () => {
    const turns = createLanes(1)
    await turns.enter('quick')
    const waiting = turns.enter('bulk').catch((e: unknown) => e)
    turns.close(() => new RangeError('closed'))
    expect(await waiting).toBeInstanceOf(RangeError)
    await expect(turns.enter('quick')).rejects.toThrow('closed')
  })
})
