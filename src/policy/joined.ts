/**
 * What a message that continues a case does to the case: one event, and what the machine for cases makes of it. What comes in
 * is never refused.
 */
import { type CaseMessage, type CaseRecord } from '../domain/case.ts'
import { historyOf, moveCase } from '../domain/case-machine.ts'
import { aboutCase, BY_SOMEBODY, event, type NewEvent } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type Situation } from './situation.ts'
import { stateWords } from './status.ts'

/** Who wrote a message, for the record of the case. */
export type Writer = Pick<CaseMessage, 'author' | 'authorId'>

/** The event that somebody wrote in a case. */
export function joinedEvent(
  tag: CaseTag,
  { author, authorId: id }: Writer,
  { receivedAt, member }: Situation
): NewEvent {
  const subject = aboutCase(tag)
  if (author === 'reporter') {
    const by = { kind: 'reporter', id } as const
    const about = { reporter: by.id, receivedAt }
    return event('reporter-wrote', subject, by, about)
  }
  if (author === 'other' || member === null) {
    return event('other-wrote', subject, BY_SOMEBODY, {})
  }
  const { record, signed } = member
  const by = signed ? ({ kind: 'member', id: record.id } as const) : BY_SOMEBODY
  const about = { member: record.id, isSigned: signed }
  return event('member-wrote', subject, by, about)
}

/** The case as a message of this kind leaves it. */
export function moved(
  record: CaseRecord,
  joined: NewEvent,
  { bound }: Pick<Situation, 'bound'>,
  now: Instant
): CaseRecord {
  const move = moveCase(record.state, joined, {
    ...(bound?.history ?? historyOf([])),
    notice: bound?.notice?.state ?? null,
    disclosureAt: record.disclosureAt,
    mayEndInternally: false,
    now
  })
  // What comes in is never refused: it happened.
  return move.kind === 'moved' ? { ...record, state: move.to } : record
}

/** A reporter who writes into an ended case is heard, and the maintainers learn that it stands open again (M-10). */
export function endedWarnings({ state: before }: CaseRecord, { tag, state }: CaseRecord): string[] {
  if (before === 'merged')
    return [`The case ${tag} was merged into another one. Please answer in that case.`]
  return before === state || (before !== 'rejected' && before !== 'closed')
    ? []
    : [
        `The case was ${stateWords(before)}, and the reporter wrote again. It is open again (${stateWords(state)}). Please answer, or close it again with /close because REASON.`
      ]
}
