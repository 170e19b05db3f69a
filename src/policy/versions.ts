/**
 * Reads what a notice says of versions (B18): ranges, single versions and branches by name, so that two fields cannot
 * contradict each other unseen. Never guesses: it returns what it cannot read.
 */

/** An example of what the fields affected_versions and not_affected may say. */
export const VERSIONS_EXAMPLE = '>= 4.0, < 4.2.7; 4.3.0 to 4.3.2'

/** A place between versions: the numbers of one, its suffix in numbers, and 0 for right before it or 1 for right behind it. */
type Place = readonly number[]
/** The versions between two places; `branch` is a name without a number, apart from all versions. */
type Range = {
  readonly written: string
  readonly branch: string
  readonly from: Place
  readonly to: Place
}

export type WrittenVersions = {
  readonly ranges: readonly Range[]
  /** Parts that are no range. */
  readonly unread: readonly string[]
  /** Ranges that hold no version. */
  readonly empty: readonly string[]
}

/** The ranges of one field. `supported` are the names of the product's branches. */
export function readVersions(text: string, supported: readonly string[]): WrittenVersions {
  const parts = text
    .split(/[;\n]/u)
    .map((part) => part.replace(/^\s*[-*]\s+/u, '').trim())
    .filter((part) => part !== '')
    .flatMap(alternatives)
  const ranges = parts.flatMap((part) => readRange(part, supported) ?? [])
  return {
    ranges,
    unread: parts.filter((part) => !ranges.some(({ written }) => written === part)),
    empty: ranges.filter(isEmpty).map(({ written }) => written)
  }
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

const SERIES = /\.[x*]$/iu
const BOUND = /^(>=|<=|<|>|≥|≤)\s*(\S+)$/u
const SPAN = /^(\S+)\s+(?:to|through|[-–])\s+(\S+)$/iu
const FIRST = [-1]
const LAST = [Number.POSITIVE_INFINITY]

/** Commas join the bounds of one range, and separate whole versions. */
function alternatives(part: string): string[] {
  const pieces = part.split(',').map((piece) => piece.trim())
  return pieces.some((piece) => BOUND.test(piece)) ? [part] : pieces
}

function readRange(written: string, supported: readonly string[]): Range | null {
  const all: Range = { written, branch: '', from: FIRST, to: LAST }
  if (/^all(?: versions)?$/iu.test(written)) return all
  const branch = supported.find((name) => name.toLowerCase() === written.toLowerCase())
  if (branch !== undefined || SERIES.test(written)) {
    const series = written.replace(SERIES, '')
    // 4.2.x is everything from 4.2 on that is before 4.3.
    const next = series.replace(/\d+$/u, (last) => String(Number(last) + 1))
    const [from, to] = [placeOf(series, 0), placeOf(next, 0)]
    if (from !== null && to !== null) return { ...all, from, to }
    return branch === undefined ? null : { ...all, branch: branch.toLowerCase() }
  }
  // `4.0 to 4.2.6`, or one version.
  const [, first = written, last = written] = SPAN.exec(written) ?? []
  const [from, to] = [placeOf(first, 0), placeOf(last, 1)]
  return from !== null && to !== null ? { ...all, from, to } : readBounds(all)
}

function readBounds(all: Range): Range | null {
  let range = all
  for (const piece of all.written.split(',')) {
    const [, sign = '', named = ''] = BOUND.exec(piece.trim()) ?? []
    const end = /^[>≥]/u.test(sign) ? 'from' : 'to'
    const place = placeOf(named, sign === '>' || sign === '<=' || sign === '≤' ? 1 : 0)
    if (place === null || range[end] !== all[end]) return null
    range = { ...range, [end]: place }
  }
  return range
}

const VERSION = /^v?(\d{1,9}(?:\.\d{1,9}){0,7})[-.~+]?([a-z][a-z0-9.-]{0,40})?$/iu
const NUMBERS_MAX = 8
const BEFORE_RELEASE = /^(?:a|b|alpha|beta|c|dev|m|nightly|pre|rc|snapshot)[-.\d]*$/u

/** A release candidate is older than its version, any other suffix newer. */
function placeOf(text: string, side: 0 | 1): Place | null {
  const [, written, suffix = ''] = VERSION.exec(text.toLowerCase()) ?? []
  if (written === undefined) return null
  const numbers = written.split('.').map(Number)
  const older = BEFORE_RELEASE.test(suffix) ? -1 : 1
  return [
    ...numbers,
    ...Array.from({ length: NUMBERS_MAX - numbers.length }, () => 0),
    suffix === '' ? 0 : older,
    suffix.codePointAt(0) ?? 0,
    Number(/\d+/u.exec(suffix)?.[0] ?? 0),
    side
  ]
}

/** Below 0 when `a` is earlier. */
function compare(a: Place, b: Place): number {
  const at = a.findIndex((number, index) => number !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

function isEmpty({ from, to }: Pick<Range, 'from' | 'to'>): boolean {
  return compare(from, to) >= 0
}

function doShare(a: Range, b: Range): boolean {
  const isAll = [a, b].some((one) => one.branch === '' && one.from === FIRST && one.to === LAST)
  if (a.branch !== b.branch && !isAll) return false
  return !isEmpty({
    from: compare(a.from, b.from) > 0 ? a.from : b.from,
    to: compare(a.to, b.to) < 0 ? a.to : b.to
  })
}
