/**
 * Byte arrays on their way between threads: what can be handed over or shared instead of being copied. Must never hand
 * over memory that the sender still uses or that other values share.
 */

/** Below this many bytes a copy is cheaper than the bookkeeping. */
const WORTH_IT = 64 * 1024
const DEPTH_MAX = 6

/** A value whose large byte arrays own their memory, and that memory, ready for a transfer list. */
export type Detachable<T> = { readonly value: T; readonly transfer: ArrayBuffer[] }

/**
 * `value` (plain data, which the caller gives up) with every large byte array in memory of its own. A view of a part of
 * a larger block is copied out, so that the block itself does not travel with it.
 */
export function detachable<T>(value: T): Detachable<T> {
  const transfer = new Set<ArrayBuffer>()
  return { value: walk(value, transfer, 0) as T, transfer: [...transfer] }
}

/** `bytes` in memory that any number of threads can read without a copy; small arrays are returned as they are. */
export function shareable(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength < WORTH_IT) return bytes
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  shared.set(bytes)
  return shared
}

function walk(value: unknown, transfer: Set<ArrayBuffer>, depth: number): unknown {
  if (value instanceof Uint8Array) return own(value, transfer)
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value
  if (Array.isArray(value)) return value.map((item: unknown) => walk(item, transfer, depth + 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, walk(item, transfer, depth + 1)])
  )
}

function own(bytes: Uint8Array, transfer: Set<ArrayBuffer>): Uint8Array {
  const { buffer } = bytes
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength
  const isUsed = buffer instanceof ArrayBuffer && transfer.has(buffer)
  if (isWhole && !isUsed) {
    if (bytes.byteLength >= WORTH_IT) transfer.add(buffer)
    return bytes
  }
  const copy = new Uint8Array(bytes)
  if (copy.byteLength >= WORTH_IT) transfer.add(copy.buffer)
  return copy
}
