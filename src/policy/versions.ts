/**
 * Reads what a notice says of versions (B18): ranges, single versions and branches by name, so that two fields cannot
 * contradict each other unseen. Never guesses: it returns what it cannot read.
 */

/** An example of what the fields affected_versions and not_affected may say. */
export const VERSIONS_EXAMPLE = '>= 4.0, < 4.2.7; 4.3.0 to 4.3.2'

/** A place between versions: the numbers of one, its suffix in numbers, and 0 for right before it or 1 for right behind it. */
type Place = readonly number[]
type Span = { readonly from: Place; readonly to: Place }
/** The versions between two places; `branch` is a name without a number, apart from all versions. */
type Range = Span & { readonly written: string; readonly branch: string }

/** Two fields are compared range by range. What is beyond them counts as unread. */
const RANGES_MAX = 1000

/** The ranges of one field, and the first parts that are none or hold no version. `supported` are the product's branches. */
export function readVersions(text: string, supported: readonly string[]) {
  const parts = text
    .split(/[;\n]/u)
    .map((part) => part.replace(/^\s*[-*]\s+/u, '').trim())
    .filter((part) => part !== '')
    .flatMap(alternatives)
  const read = parts.slice(0, RANGES_MAX).map((part) => readRange(part, supported))
  const ranges = read.flatMap((range) => range ?? [])
  const unread = parts.find((_part, index) => (read[index] ?? null) === null)
  return { ranges, unread, empty: ranges.find(isEmpty)?.written }
}

/** The first two ranges that share a version; null when none do. */
export function sharedVersions(
  these: readonly Range[],
  those: readonly Range[]
): readonly [string, string] | null {
  for (const a of these) {
    const b = those.find((other) => doShare(a, other))
    if (b !== undefined) return [a.written, b.written]
  }
  return null
}

const ALL = { from: [-1], to: [Number.POSITIVE_INFINITY] }
const SERIES = /\.[x*]$/iu
const BOUND = /^(>=|<=|<|>|≥|≤)\s*(\S+)$/u

/** Commas join the bounds of one range, and separate whole versions. */
function alternatives(part: string): string[] {
  const pieces = part.split(',').map((piece) => piece.trim())
  return pieces.some((piece) => BOUND.test(piece)) ? [part] : pieces
}

function readRange(written: string, supported: readonly string[]): Range | null {
  const branch = supported.find((name) => name.toLowerCase() === written.toLowerCase())
  const span = spanBetween(boundsOf(written, branch !== undefined))
  if (span !== null) return { written, branch: '', ...span }
  return branch === undefined ? null : { written, branch, ...ALL }
}

/** `4.2.x` and a branch 4.2 are everything from 4.2 on that is before 4.3. */
function boundsOf(written: string, isBranch: boolean): readonly string[] {
  if (/^all(?: versions)?$/iu.test(written)) return []
  if (/^[<>≤≥]/u.test(written)) return written.split(',').map((bound) => bound.trim())
  if (SERIES.test(written) || (isBranch && /\d$/u.test(written))) {
    const series = written.replace(SERIES, '')
    return [
      `>= ${series}`,
      `< ${series.replace(/(?<!\d)\d+$/u, (last) => String(Number(last) + 1))}`
    ]
  }
  const [first = '', last = first] = written.split(/(?<!\s)\s+(?:to|through|[-–])\s+/iu)
  return [`>= ${first}`, `<= ${last}`]
}

function spanBetween(bounds: readonly string[]): Span | null {
  let span: Span = ALL
  for (const bound of bounds) {
    const [, sign = '', named = ''] = BOUND.exec(bound) ?? []
    const end = /^[>≥]/u.test(sign) ? 'from' : 'to'
    const place = placeOf(named, sign === '>' || sign === '<=' || sign === '≤' ? 1 : 0)
    if (place === null || span[end] !== ALL[end]) return null
    span = { ...span, [end]: place }
  }
  return span
}

const VERSION = /^v?(\d{1,9}(?:\.\d{1,9}){0,7})[-.~+]?([a-z][a-z0-9.-]{0,40})?$/iu
const NUMBERS_MAX = 8
const BEFORE_RELEASE = /^(?:a|b|alpha|beta|c|dev|m|nightly|pre|rc|snapshot)[-.\d]*$/u

/** A release candidate is older than its version. Any other suffix is newer, and so is a letter right behind a number: `1.1.1b`. */
function placeOf(text: string, side: 0 | 1): Place | null {
  const [, written, suffix = ''] = VERSION.exec(text.toLowerCase()) ?? []
  if (written === undefined) return null
  const numbers = written.split('.').map(Number)
  const older = BEFORE_RELEASE.test(suffix) && !/\d[a-z]$/iu.test(text) ? -1 : 1
  return [
    ...numbers,
    ...Array.from({ length: NUMBERS_MAX - numbers.length }, () => 0),
    suffix === '' ? 0 : older,
    suffix.codePointAt(0) ?? 0,
    Number(/\d+/u.exec(suffix)?.[0] ?? 0),
    side
  ]
}

function compare(a: Place, b: Place): number {
  const at = a.findIndex((number, index) => number !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

function isEmpty({ from, to }: Span): boolean {
  return compare(from, to) >= 0
}

function doShare(a: Range, b: Range): boolean {
  const isAll = [a, b].some(
    (one) => one.branch === '' && one.from === ALL.from && one.to === ALL.to
  )
  if (a.branch !== b.branch && !isAll) return false
  const from = compare(a.from, b.from) > 0 ? a.from : b.from
  return !isEmpty({ from, to: compare(a.to, b.to) < 0 ? a.to : b.to })
}
