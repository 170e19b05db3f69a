/** What a benchmark found: lines of a table with their aims, printed and written as JSON. */

/** One line. `aim` is the design's aim in words, `met` whether it was reached; null where there is none. */
export type Figure = {
  readonly part: string
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly aim: string | null
  readonly met: boolean | null
  readonly note: string
}

/** A figure of `part`; `aim` compares the value with a limit. */
export function figure(
  part: string,
  what: string,
  value: number,
  more: {
    readonly unit: string
    readonly below?: number
    readonly above?: number
    readonly note?: string
  }
): Figure {
  const { below, above, unit } = more
  const aim =
    below !== undefined ? `< ${below} ${unit}` : above !== undefined ? `≥ ${above} ${unit}` : null
  const met = below !== undefined ? value < below : above !== undefined ? value >= above : null
  return { part, what, value: round(value), unit, aim, met, note: more.note ?? '' }
}

/** The value below which `share` (0 to 1) of `values` lie, nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

function round(value: number): number {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return Number(value.toFixed(digits))
}
