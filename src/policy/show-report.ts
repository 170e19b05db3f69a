/** A stored report, forwarded once more to the maintainer who asks for it, as its case stands now. Pure. */
import { type Decision, type DecisionOf } from '../domain/decision.ts'
import { productNamed } from '../domain/settings.ts'
import { dueOf } from './clocks.ts'
import { claimWarnings } from './ownership.ts'
import { relay } from './relay.ts'
import { judged } from './report.ts'
import { type BoundCase, type Situation } from './situation.ts'
import { decideThread } from './threading.ts'

/** `received`: the report as if it came now. */
export function showReport(
  received: Situation,
  bound: BoundCase,
  { number, to, once }: Pick<DecisionOf<'show-report'>, 'number' | 'to' | 'once'>
): Decision[] {
  const situation = judged(received)
  const { withheld, settings } = situation
  const { case: record, events, reporterKeys, heldAnswerTo } = bound
  const by = settings.maintainers.find(({ id }) => id === to.id)
  if (by === undefined) return []
  const product = productNamed(record.product, settings)
  const { joined, warnings } = decideThread(situation)
  const value = `NOT YET: it is on hold. /acknowledge sends it to ${heldAnswerTo}`
  return relay({
    ...situation,
    ...{ record, product, reporterKeys },
    due: dueOf(record, events, [], situation),
    isReport: true,
    isWithheld: withheld !== null,
    writer: { author: 'reporter', authorId: number },
    facts: heldAnswerTo === null ? [] : [{ label: 'Acknowledged', value }],
    warnings: [
      ...(joined === null ? warnings : []),
      ...(withheld === null ? claimWarnings(situation) : [withheld])
    ],
    asked: { by, once }
  })
}
