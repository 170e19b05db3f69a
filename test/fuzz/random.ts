/** Random choices from a seed, so that a run of the fuzzer can be made again. Never a source of secrets. */

/** A stream of choices; the same seed gives the same stream. */
export type Random = {
  /** A whole number from 0 to below `end`. */
  int(end: number): number
  /** True in `share` (0 to 1) of the calls. */
  chance(share: number): boolean
  /** One of the list; throws on an empty one. */
  pick<T>(list: readonly T[]): T
  bytes(count: number): Buffer
}

/** The stream of `index` under `seed`: every message has its own, so that one can be made without the others. */
export function randomOf(seed: number, index: number): Random {
  const state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0
  const next = seeded(state)
  const int = (end: number): number => Math.floor(next() * end)
  return {
    int,
    chance: (share) => next() < share,
    pick: <T>(list: readonly T[]): T => {
      const [chosen] = list.slice(int(list.length)) as [T?]
      if (list.length === 0) throw new RangeError('nothing to pick from')
      return chosen as T
    },
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => int(256)))
  }
}

/** Numbers from 0 (included) to 1 (excluded), the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
