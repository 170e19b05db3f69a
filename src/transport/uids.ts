/** Sets of IMAP UIDs as the protocol writes them, `1:3,7` (RFC 9051 §9, sequence-set). Pure. */

/** The smallest `limit` UIDs above `after` in a sequence set, without expanding the rest, and whether there are more. */
export function firstUids(
  set: string,
  after: number,
  limit: number
): { readonly uids: readonly number[]; readonly more: boolean } {
  const ranges = parseRanges(set)
    .map(([from, to]): [number, number] => [Math.max(from, after + 1), to])
    .filter(([from, to]) => from <= to)
    .sort(([a], [b]) => a - b)
  const uids: number[] = []
  for (const [from, to] of ranges) {
    for (let uid = Math.max(from, (uids.at(-1) ?? 0) + 1); uid <= to; uid += 1) {
      if (uids.length === limit) return { uids, more: true }
      uids.push(uid)
    }
  }
  return { uids, more: false }
}

/** Ascending UIDs as a sequence set with ranges: `[1,2,3,7]` is `1:3,7`. */
export function packUids(uids: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && uid <= last[1] + 1) last[1] = uid
    else ranges.push([uid, uid])
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}:${to}`)).join(',')
}

function parseRanges(set: string): [number, number][] {
  const ranges: [number, number][] = []
  for (const piece of set.split(',')) {
    const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(piece)
    if (match === null) continue
    const a = Number(match[1])
    const b = match[2] === undefined ? a : Number(match[2])
    ranges.push([Math.min(a, b), Math.max(a, b)])
  }
  return ranges
}
