import { describe, expect, it } from 'vitest'
import { detachable, shareable } from '../../../src/worker/buffers.ts'

describe('bytes between threads', () => {
  it('hands over large arrays that own their memory', () => {
    const content = new Uint8Array(100_000)
    const { value, transfer } = detachable({ list: [{ content }] })
    expect(transfer).toEqual([content.buffer])
    expect(value.list[0]?.content).toBe(content)
  })

  it('copies a part out of its block, so that the block does not travel with it', () => {
    const block = new Uint8Array(300_000).fill(5)
    const { value, transfer } = detachable({ part: block.subarray(0, 100_000) })
    expect(value.part.buffer.byteLength).toBe(100_000)
    expect(transfer).toEqual([value.part.buffer])
    structuredClone(value, { transfer })
    expect(block.byteLength).toBe(300_000)
  })

  it('keeps every byte and every other value', () => {
    const block = new Uint8Array(300_000).map((_, index) => index)
    const original = {
      a: block.subarray(1000, 200_000),
      again: [block, block],
      small: Buffer.from('small'),
      text: 'text',
      nothing: null,
      number: 7
    }
    const { value, transfer } = detachable(structuredClone(original))
    const arrived = structuredClone(value, { transfer })
    expect(Buffer.from(arrived.a).equals(original.a)).toBe(true)
    for (const copy of arrived.again) expect(Buffer.from(copy).equals(block)).toBe(true)
    expect(arrived).toMatchObject({ text: 'text', nothing: null, number: 7 })
    expect(Buffer.from(arrived.small).toString()).toBe('small')
  })

  it('shares large arrays and leaves small ones alone', () => {
    const large = new Uint8Array(200_000).fill(3)
    const shared = shareable(large)
    expect(shared.buffer).toBeInstanceOf(SharedArrayBuffer)
    expect(Buffer.from(shared).equals(large)).toBe(true)
    const small = new Uint8Array(10)
    expect(shareable(small)).toBe(small)
  })
})
