/** The verb that asks for reports in full, which a list only named (A5). */
import { numbersOf } from '../../domain/case.ts'
import { recorded } from '../../domain/decision.ts'
import { aboutCase, byMaintainer } from '../../domain/event.ts'
import { type CaseTag, caseTag, parseCaseTag } from '../../domain/ids.ts'
import { type Settings } from '../../domain/settings.ts'
import { type Instant, yearIn } from '../../domain/time.ts'
import { count, listed } from '../../domain/words.ts'
import { type Command, type DeskContext, Refusal } from '../draft.ts'
import { type DeskAnswer, type Verb } from './verb.ts'

/** So many reports, or with their further messages so many messages, in one command: each is opened once more. */
const REPORTS_MAX = 20

/** The cases that the words behind /show name: whole numbers, the last part of one of this year, or a range of these. */
export function casesIn(
  words: readonly string[],
  { settings: { desk }, now }: { readonly settings: Settings; readonly now: Instant }
): { readonly tags: readonly CaseTag[]; readonly unread: string | null; readonly isCut: boolean } {
  const year = yearIn(now, desk.timezone)
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
        tags.add(caseTag(desk.casePrefix, year, number))
        if (tags.size > REPORTS_MAX) break
      }
    isCut ||= tags.size > REPORTS_MAX
  }
  return { tags: [...tags].slice(0, REPORTS_MAX), unread, isCut }
}

function show({ words, at }: Command, context: DeskContext): DeskAnswer {
  const { author, arrivalId, shown, unforwarded } = context
  const { tags, unread, isCut } = casesIn(words, context)
  if (unread !== null) throw new Refusal(`${HOW} This names no case: "${unread}".`)
  if (tags.length === 0) throw new Refusal(HOW)
  if (isCut)
    throw new Refusal(
      `One command shows at most ${REPORTS_MAX} reports. Please write more commands, one a line.`
    )
  const room = Math.floor(REPORTS_MAX / tags.length) - 1
  const named = tags.map((number) =>
    unforwarded.flatMap(({ tag, arrivalId: id }) => (tag === number ? id : []))
  )
  const decisions = tags.flatMap((number, index) => {
    const record = shown.find((one) => numbersOf(one).includes(number))
    if (record === undefined)
      throw new Refusal(
        `There is no case ${number}; /cases lists the open ones. A case of another year is named by its whole number.`
      )
    const asked = { reporter: number, to: author.id }
    const once = `${arrivalId}:${at}:${number}`
    return [
      recorded('forwarded', aboutCase(record.tag), byMaintainer(author.id), asked),
      {
        kind: 'show-report',
        number,
        further: named[index]?.slice(0, room) ?? [],
        to: author,
        once
      } as const
    ]
  })
  const [what, are] =
    tags.length === 1 ? ['The report', 'is'] : [`The ${tags.length} reports`, 'are']
  const says = `${what} of ${listed(tags)} ${are} on the way to you, encrypted.`
  return { says: `${says}${furtherWords(named, room)}`, decisions }
}

/** What becomes of the further messages that only a list told of. */
function furtherWords(named: readonly (readonly number[])[], room: number): string {
  const along = named.reduce((sum, ids) => sum + Math.min(ids.length, room), 0)
  const left = named.flat().length - along
  const goes =
    along === 0 ? '' : ` ${count(along, 'further message goes', 'further messages go')} along.`
  const stays = `${count(left, 'further message does', 'further messages do')} not go along`
  const how = `/show with one number forwards up to ${REPORTS_MAX - 1}, and the operator reads all with "postern show CASE"`
  return left === 0 ? goes : `${goes} ${stays}: ${how}.`
}

const HOW = 'Please name the cases: /show 12, /show 12 15-18, or /show CASE with the whole number.'

export const SHOW: readonly Verb[] = [
  {
    name: 'show',
    arguments: 'NUMBERS',
    binds: 'desk',
    roles: [],
    help: 'forwards the reports of these cases to you, in full',
    more: 'For example /show 12 15-18: at most 20 reports in one command, by the last part of their numbers in this year, or by the whole number. Further messages of strangers that only a list told of go along, while there are at most 20 messages in all. Your reply to one goes where a reply to any forwarded report goes. Works in any signed and encrypted message to the desk, also without a case.',
    run: show
  }
]
