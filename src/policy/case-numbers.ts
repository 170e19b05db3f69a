/** Numbers of cases as maintainers write them on the line of a command: `12 15-18`, or whole. Pure. */
import { type CaseTag, caseTag, parseCaseTag } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { type Instant, yearIn } from '../domain/time.ts'
import { type Command } from './draft.ts'
import { type Verb } from './verbs/verb.ts'

type Now = { readonly settings: Settings; readonly now: Instant }

/** `unread`: the first word that names no case; `isCut`: more than `max` were named, and only so many are here. */
export type NamedCases = {
  readonly tags: readonly CaseTag[]
  readonly unread: string | null
  readonly isCut: boolean
}

/** The cases that these words name: whole numbers, the last part of one of this year, or a range of these. */
export function casesIn(words: readonly string[], max: number, { settings, now }: Now): NamedCases {
  const { casePrefix, timezone } = settings.desk
  const year = yearIn(now, timezone)
  const tags = new Set<CaseTag>()
  let [unread, isCut]: [string | null, boolean] = [null, false]
  for (const word of words.join(' ').split(/[\s,;]+/)) {
    const whole = parseCaseTag(word)
    const [, first, last = first] = /^#?(\d{1,7})(?:-(\d{1,7}))?$/.exec(word) ?? []
    if (whole !== null) tags.add(whole)
    else if (first === undefined || Number(first) > Number(last))
      unread ??= word === '' ? null : word
    else
      for (let number = Number(first); number <= Number(last); number += 1) {
        tags.add(caseTag(casePrefix, year, number))
        if (tags.size > max) break
      }
    isCut ||= tags.size > max
  }
  return { tags: [...tags].slice(0, max), unread, isCut }
}

/** These cases as {@link casesIn} reads them: `12 15-18`. */
export function numbersFor(tags: readonly CaseTag[], { settings, now }: Now): string {
  const { casePrefix, timezone } = settings.desk
  const ours = caseTag(casePrefix, yearIn(now, timezone), 0).slice(0, -4)
  const runs: { first: string; last: string }[] = []
  for (const tag of tags) {
    const number = tag.startsWith(ours) ? String(Number(tag.slice(ours.length))) : tag
    const before = runs.at(-1)
    if (before !== undefined && Number(number) === Number(before.last) + 1) before.last = number
    else runs.push({ first: number, last: number })
  }
  return runs.map(({ first, last }) => (first === last ? first : `${first}-${last}`)).join(' ')
}

/** In so many cases one command may run. */
export const LISTED_MAX = 100

/** The cases in which a command is to run, and the command as in a message to one of them; null where it takes none. */
export function splitCases(
  command: Command,
  verb: Pick<Verb, 'casesAfter'> | undefined,
  now: Now
): (NamedCases & { readonly own: Command }) | null {
  if (verb?.casesAfter === undefined) return null
  const { words } = command
  const because = words.findIndex((word) => /^because:?$/i.test(word))
  const end = because < 0 ? words.length : because
  const named = casesIn(words.slice(verb.casesAfter, end), LISTED_MAX, now)
  const own = [...words.slice(0, verb.casesAfter), ...words.slice(end)]
  return { ...named, own: { ...command, words: own } }
}
