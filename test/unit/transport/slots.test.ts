/** Connection slots. */
import { describe, expect, it } from 'vitest'
import { createSlots } from '../../../src/transport/slots.ts'

const never = new AbortController().signal
const settled = async (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setImmediate(resolve, false))
  ])

describe('slots', () => {
  it('hands out no more than there are, and the next in the order asked for', async () => {
    const slots = createSlots(1)
    const first = await slots.take(never)
    const second = slots.take(never)
    const third = slots.take(never)

    expect(await settled(second)).toBe(false)
    first?.()
    first?.()

    expect(await second).not.toBeNull()
    expect(await settled(third)).toBe(false)
    ;(await second)?.()
    expect(await third).not.toBeNull()
  })

  it('skips requests that were aborted', async () => {
    const slots = createSlots(1)
    const first = await slots.take(never)
    const stop = new AbortController()
    const gone = slots.take(stop.signal)
    const next = slots.take(never)

    stop.abort()
    first?.()

    expect(await gone).toBeNull()
    expect(await next).not.toBeNull()
    expect(await slots.take(AbortSignal.abort())).toBeNull()
  })

  it('closes when the last slot is back and gives none afterwards', async () => {
    const slots = createSlots(2)
    const held = await slots.take(never)
    const closed = slots.close()

    expect(await settled(closed)).toBe(false)
    expect(await slots.take(never)).toBeNull()
    held?.()

    await closed
    await slots.close()
  })
})
