/** Sorts things into groups by a name, in the order in which they come. Pure. */
export function groupBy<T>(
  all: readonly T[],
  nameOf: (one: T) => string
): Map<string, [T, ...T[]]> {
  const groups = new Map<string, [T, ...T[]]>()
  for (const one of all) {
    const name = nameOf(one)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [one])
    else group.push(one)
  }
  return groups
}
