/**
 * Reads what a notice says of versions (B18): ranges, single versions and branches by name, so that two fields cannot
 * contradict each other unseen. Never guesses: what it cannot read, it says.
 */

/** What both fields of versions may look like. */
export const VERSIONS_EXAMPLE = '>= 4.0, < 4.2.7; 4.3.0 to 4.3.2'

type Version = { readonly numbers: readonly number[]; readonly suffix: string }
type End = { readonly version: Version; readonly isIn: boolean }
/** The versions between two ends, null where there is none; `branch` is a name without a number, apart from all versions. */
type Range = {
  readonly written: string
  readonly branch: string | null
  readonly isAll: boolean
  readonly from: End | null
  readonly to: End | null
}

export type WrittenVersions = {
  readonly ranges: readonly Range[]
  /** Parts that are no range, and ranges that hold no version. */
  readonly unread: readonly string[]
  readonly empty: readonly string[]
}

/** The ranges of one field. `supported` are the names of the product's branches. */
export function readVersions(text: string, supported: readonly string[]): WrittenVersions {
  const parts = text
    .split(/[;\n]/u)
    .map((part) => part.replace(/^\s*[-*]\s+/u, '').trim())
    .filter((part) => part !== '')
  const read = parts
    .flatMap(alternatives)
    .map((part) => ({ part, range: readRange(part, supported) }))
  const ranges = read.flatMap(({ range }) => range ?? [])
  return {
    ranges,
    unread: read.filter(({ range }) => range === null).map(({ part }) => part),
    empty: ranges.filter((range) => isEmpty(range)).map(({ written }) => written)
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

/** Commas join the bounds of one range, and separate whole versions. */
function alternatives(part: string): string[] {
  const pieces = part.split(',').map((piece) => piece.trim())
  return pieces.some((piece) => BOUND.test(piece)) ? [part] : pieces
}

function readRange(written: string, supported: readonly string[]): Range | null {
  const whole = { written, branch: null, isAll: false, from: null, to: null }
  if (/^all(?: versions)?$/iu.test(written)) return { ...whole, isAll: true }
  const branch = supported.find((name) => name.toLowerCase() === written.toLowerCase())
  if (branch !== undefined || SERIES.test(written)) {
    const version = readVersion(written.replace(SERIES, ''))
    if (version !== null) return { ...whole, ...seriesEnds(version) }
    return branch === undefined ? null : { ...whole, branch: branch.toLowerCase() }
  }
  return readSpan(written, whole) ?? readBounds(written, whole)
}

/** `4.0 to 4.2.6`, or one version. */
function readSpan(written: string, whole: Range): Range | null {
  const [, first, last] = /^(\S+)\s+(?:to|through|[-–])\s+(\S+)$/iu.exec(written) ?? []
  const [from, to] = [readVersion(first ?? written), readVersion(last ?? written)]
  return from === null || to === null
    ? null
    : { ...whole, from: { version: from, isIn: true }, to: { version: to, isIn: true } }
}

/** Everything from 4.2 on that is before 4.3. */
function seriesEnds(version: Version): Pick<Range, 'from' | 'to'> {
  const numbers = version.numbers.map((number, at, { length }) =>
    at === length - 1 ? number + 1 : number
  )
  return { from: { version, isIn: true }, to: { version: { numbers, suffix: '' }, isIn: false } }
}

function readBounds(written: string, whole: Range): Range | null {
  let range = whole
  for (const piece of written.split(',')) {
    const [, sign = '', named = ''] = BOUND.exec(piece.trim()) ?? []
    const version = readVersion(named)
    if (version === null) return null
    const end = sign.startsWith('>') || sign === '≥' ? 'from' : 'to'
    if (range[end] !== null) return null
    range = { ...range, [end]: { version, isIn: !/^[<>]$/u.test(sign) } }
  }
  return range
}

const VERSION = /^v?(\d{1,9}(?:\.\d{1,9}){0,7})[-.~+]?([a-z][a-z0-9.-]{0,40})?$/iu

function readVersion(text: string): Version | null {
  const [, numbers, suffix = ''] = VERSION.exec(text) ?? []
  return numbers === undefined
    ? null
    : { numbers: numbers.split('.').map(Number), suffix: suffix.toLowerCase() }
}

const BY_NUMBER = new Intl.Collator('en', { numeric: true })

/** Below 0 when `a` is older. A release candidate is older than its version, any other suffix newer. */
function compare(a: Version, b: Version): number {
  for (let at = 0; at < Math.max(a.numbers.length, b.numbers.length); at += 1) {
    const difference = (a.numbers[at] ?? 0) - (b.numbers[at] ?? 0)
    if (difference !== 0) return difference
  }
  const rank = ({ suffix }: Version): number =>
    suffix === ''
      ? 0
      : /^(?:a|b|alpha|beta|c|dev|m|nightly|pre|rc|snapshot)[-.\d]*$/u.test(suffix)
        ? -1
        : 1
  return rank(a) - rank(b) || BY_NUMBER.compare(a.suffix, b.suffix)
}

function isEmpty({ from, to }: Pick<Range, 'from' | 'to'>): boolean {
  if (from === null || to === null) return false
  const order = compare(from.version, to.version)
  return order > 0 || (order === 0 && !(from.isIn && to.isIn))
}

function doShare(a: Range, b: Range): boolean {
  if (a.isAll || b.isAll) return true
  if (a.branch !== null || b.branch !== null) return a.branch === b.branch
  const from = compareEnds(a.from, b.from, -1) > 0 ? a.from : b.from
  const to = compareEnds(a.to, b.to, 1) < 0 ? a.to : b.to
  return !isEmpty({ from, to })
}

/** Compares two ends of the same side. `null` lies at `open` times infinity; an excluded version lies further inside. */
function compareEnds(a: End | null, b: End | null, open: 1 | -1): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? open : -open
  return compare(a.version, b.version) || (Number(b.isIn) - Number(a.isIn)) * -open
}
