/** What a benchmark found: lines of a table with their aims, printed for people and written as JSON. */

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

export function table(figures: readonly Figure[]): string {
  const rows = figures.map(({ part, what, value, unit, aim, met, note }) => [
    part,
    what,
    String(value),
    unit,
    aim === null ? '' : `${aim} ${met === true ? 'met' : 'MISSED'}`,
    note
  ])
  const all = [['PART', 'WHAT', 'VALUE', 'UNIT', 'AIM', 'NOTE'], ...rows]
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0))
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 2 ? cell.padStart(widths[2] ?? 0) : cell.padEnd(widths[column] ?? 0)
      )
      .join('  ')
      .trimEnd()
  return `${all.map(line).join('\n')}\n`
}

function round(value: number): number {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return Number(value.toFixed(digits))
}
