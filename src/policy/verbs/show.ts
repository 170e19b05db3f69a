/** The verb that asks for reports in full, which a list only named (A5). */
import { numbersOf } from '../../domain/case.ts'
import { recorded } from '../../domain/decision.ts'
import { aboutCase, byMaintainer } from '../../domain/event.ts'
import { type CaseTag } from '../../domain/ids.ts'
import { count, listed } from '../../domain/words.ts'
import { casesIn, type NamedCases } from '../case-numbers.ts'
import { type Command, type DeskContext, Refusal } from '../draft.ts'
import { type DeskAnswer, type Verb } from './verb.ts'

/** So many reports, or with their further messages so many messages, in one command: each is opened once more. */
const REPORTS_MAX = 20

/** The cases that the words behind /show name. */
export function casesToShow(
  words: readonly string[],
  context: Parameters<typeof casesIn>[2]
): NamedCases {
  return casesIn(words, REPORTS_MAX, context)
}

function show({ words, at }: Command, context: DeskContext): DeskAnswer {
  const { author, arrivalId, shown, unforwarded } = context
  const { tags: numbers, unread, isCut } = casesToShow(words, context)
  if (unread !== null) throw new Refusal(`${HOW} This names no case: "${unread}".`)
  if (numbers.length === 0) throw new Refusal(HOW)
  if (isCut)
    throw new Refusal(
      `One command shows at most ${REPORTS_MAX} reports. Please write more commands, one a line.`
    )
  const { there, missing } = sorted(numbers, shown)
  if (there.length === 0) throw new Refusal(missing)
  const tags = there.map(({ number }) => number)
  const room = Math.floor(REPORTS_MAX / tags.length) - 1
  const named = tags.map((number) =>
    unforwarded.flatMap(({ tag, arrivalId: id }) => (tag === number ? id : []))
  )
  const decisions = there.flatMap(({ number, record }, index) => {
    const asked = { reporter: number, to: author.id, message: 0 }
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
  return { says: `${says}${furtherWords(named, room)}${missing && ` ${missing}`}`, decisions }
}

/** The cases with these numbers, and what is said of the numbers that no case has; '' where there are none. */
function sorted(numbers: readonly CaseTag[], shown: DeskContext['shown']) {
  const there = numbers.flatMap((number) => {
    const record = shown.find((one) => numbersOf(one).includes(number))
    return record === undefined ? [] : { number, record }
  })
  const none = numbers.filter((number) => there.every((one) => one.number !== number))
  const missing = `There is no case ${listed(none, 'or')}; /cases lists the open ones. A case of another year is named by its whole number.`
  return { there, missing: none.length === 0 ? '' : missing }
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
