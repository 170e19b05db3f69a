/** A stored report, or a further message in its case, forwarded once more to whoever asks, as the case stands now. Pure. */
import { addressKey } from '../domain/address.ts'
import { type CaseRecord } from '../domain/case.ts'
import { type Decision, type DecisionOf } from '../domain/decision.ts'
import { type EventKind } from '../domain/event.ts'
import { isFrom } from '../domain/mail.ts'
import { productNamed } from '../domain/settings.ts'
import { type Instant } from '../domain/time.ts'
import { whyOnHold } from './acknowledgement.ts'
import { dueOf } from './clocks.ts'
import { caseAfter, happening } from './draft.ts'
import { claimWarnings, copyElsewhere } from './ownership.ts'
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

/** What a forwarded message shows of a case, as it is after these decisions. */
function afterAll(
  { case: before, reporterKeys, heldAnswerTo }: BoundCase,
  decisions: readonly Decision[],
  now: Instant
) {
  const happens = happening({ case: before, decisions })
  let record = happens.reduce((one, event) => caseAfter(one, event, now), before)
  const keys = new Map(reporterKeys)
  for (const one of decisions) {
    if (one.kind === 'update-case' && one.tag === before.tag) record = { ...record, ...one.set }
    // A maintainer accepts only a key that can be used.
    if (one.kind === 'pin-reporter-key')
      keys.set(addressKey(one.address), { ...one.key, isUsable: true })
  }
  const isGone = happens.some(({ kind }) => ENDS_HOLD.includes(kind))
  return { record, happens, reporterKeys: keys, heldAnswerTo: isGone ? null : heldAnswerTo }
}

/** After these an acknowledgement is on hold no longer: it leaves, or never will. */
const ENDS_HOLD: readonly EventKind[] = [
  'acknowledgement-released',
  'answered',
  'words-wait',
  'rejected',
  'closed'
]

/** `received`: the message as if it came now. `decisions`: all that the message does that asks for it; none runs without the others. */
export function showReport(
  received: Situation,
  bound: BoundCase,
  {
    number,
    to,
    once,
    isReport
  }: Pick<DecisionOf<'show-report'>, 'number' | 'to' | 'once'> & { readonly isReport: boolean },
  decisions: readonly Decision[]
): Decision[] {
  const situation = judged(received)
  const { withheld, settings } = situation
  const { events } = bound
  const after = afterAll(bound, decisions, situation.now)
  const { record, happens, reporterKeys, heldAnswerTo } = after
  const by = settings.maintainers.find(({ id }) => id === to.id)
  if (by === undefined) return []
  const product = productNamed(record.product, settings)
  const { joined } = decideThread(situation)
  const sender = joined?.case.tag === record.tag ? joined.sender : ({ kind: 'other' } as const)
  const writing = isReport
    ? { writer: { author: 'reporter', authorId: number } as const, warnings: [] }
    : writingOf(situation, record.tag, sender)
  // A merged case has reports of others, too.
  const isTheirs = heldAnswerTo !== null && isFrom(received.opened.outer, heldAnswerTo)
  const because = isTheirs ? whyOnHold(received) : 'it is on hold'
  const value = `NOT YET: ${because}. /acknowledge sends it to ${heldAnswerTo}`
  return relay({
    ...situation,
    ...{ record, product, reporterKeys },
    due: dueOf(record, events, happens, situation),
    isReport,
    isWithheld: withheld !== null,
    writer: writing.writer,
    facts: heldAnswerTo === null || !isReport ? [] : [{ label: 'Acknowledged', value }],
    warnings: [
      ...writing.warnings,
      ...(joined === null ? decideThread(besides(situation, record)).warnings : []),
      ...copyElsewhere(received, record.tag),
      ...(withheld === null ? claimWarnings(situation) : [withheld])
    ],
    asked: { by, once: isReport ? once : `${once}:${situation.arrivalId}` }
  })
}
