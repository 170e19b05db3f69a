/** Words for numbers, spans of time and lists, with the right singular and plural; how wide they are. */

/** `1 patch`, `2 patches`; the caller leaves out a count of zero. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}

/** `a`, `a and b`, `a, b and c`; or with another word than `and`. */
export function listed(items: readonly (string | number)[], word = 'and'): string {
  const last = items.at(-1) ?? ''
  return items.length < 2 ? String(last) : `${items.slice(0, -1).join(', ')} ${word} ${last}`
}

/** A span of time, in the unit that says it best. */
export function spanWords(ms: number): string {
  const minutes = Math.round(Math.abs(ms) / 60_000)
  const hours = Math.round(minutes / 60)
  if (minutes < 120) return count(minutes, 'minute', 'minutes')
  return hours < 48 ? count(hours, 'hour', 'hours') : count(Math.round(hours / 24), 'day', 'days')
}

/** An amount of bytes, in the unit that says it best. */
export function sizeWords(bytes: number): string {
  let [amount, unit] = [bytes, '']
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB'])
    if (Math.round(amount) >= 1024) [amount, unit] = [amount / 1024, larger]
  if (unit === '') return count(bytes, 'byte', 'bytes')
  return `${amount < 10 ? Math.round(amount * 10) / 10 : Math.round(amount)} ${unit}`
}

/** Columns of a line of text: from the Hangul letters on, a character may take two; punctuation takes one. */
export function columns(line: string): number {
  return line.replaceAll(/[\u1100-\u1fff\u2070-\u{10ffff}]/gu, '  ').length
}

/** Several sentences, each on a line of its own below the one that goes before. */
export function oneALine(says: readonly string[]): string {
  return says.length < 2 ? says.join('') : says.map((one) => `\n      - ${one}`).join('')
}
