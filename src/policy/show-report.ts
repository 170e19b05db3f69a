/** A stored report, or a further message in its case, forwarded once more to whoever asks, as the case stands now. Pure. */
import { type CaseRecord } from '../domain/case.ts'
import { type Decision, type DecisionOf } from '../domain/decision.ts'
import { productNamed } from '../domain/settings.ts'
import { dueOf } from './clocks.ts'
import { claimWarnings } from './ownership.ts'
import { relay } from './relay.ts'
import { judged, writingOf } from './report.ts'
import { type BoundCase, type Situation } from './situation.ts'
import { decideThread } from './threading.ts'

/** The situation without the case in which the message is: where it should go instead is no question any more. */
function besides(situation: Situation, { tag }: CaseRecord): Situation {
  const other = <Named extends { readonly case: CaseRecord }>(one: Named | null): Named | null =>
    one?.case.tag === tag ? null : one
  const { answers, answersInside, ownThread, tagged, subjectCase } = situation
  return {
    ...situation,
    answers: other(answers),
    answersInside: other(answersInside),
    ownThread: other(ownThread),
    tagged: tagged?.tag === tag ? null : tagged,
    subjectCase: subjectCase?.tag === tag ? null : subjectCase
  }
}

/** `received`: the message as if it came now. */
export function showReport(
  received: Situation,
  bound: BoundCase,
  {
    number,
    to,
    once,
    isReport
  }: Pick<DecisionOf<'show-report'>, 'number' | 'to' | 'once'> & { readonly isReport: boolean }
): Decision[] {
  const situation = judged(received)
  const { withheld, settings } = situation
  const { case: record, events, reporterKeys, heldAnswerTo } = bound
  const by = settings.maintainers.find(({ id }) => id === to.id)
  if (by === undefined) return []
  const product = productNamed(record.product, settings)
  const { joined } = decideThread(situation)
  const sender = joined?.case.tag === record.tag ? joined.sender : ({ kind: 'other' } as const)
  const writing = isReport
    ? { writer: { author: 'reporter', authorId: number } as const, warnings: [] }
    : writingOf(situation, record.tag, sender)
  const value = `NOT YET: it is on hold. /acknowledge sends it to ${heldAnswerTo}`
  return relay({
    ...situation,
    ...{ record, product, reporterKeys },
    due: dueOf(record, events, [], situation),
    isReport,
    isWithheld: withheld !== null,
    writer: writing.writer,
    facts: heldAnswerTo === null || !isReport ? [] : [{ label: 'Acknowledged', value }],
    warnings: [
      ...writing.warnings,
      ...(joined === null ? decideThread(besides(situation, record)).warnings : []),
      ...(withheld === null ? claimWarnings(situation) : [withheld])
    ],
    asked: { by, once: isReport ? once : `${once}:${situation.arrivalId}` }
  })
}
