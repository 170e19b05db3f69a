/**
 * The verbs that say where a report belongs: to which product and to which case. Each takes a draft and returns a new one with
 * its decisions, or the reason why not.
 */
import { addresseesOf, type CaseRecord, isSamePerson, reporterWith } from '../../domain/case.ts'
import { type ClockRun } from '../../domain/clock.ts'
import { type Decision, recorded } from '../../domain/decision.ts'
import { aboutCase, byMaintainer, type EventKind, type ReporterTold } from '../../domain/event.ts'
import { type CaseTag, parseCaseTag } from '../../domain/ids.ts'
import { productNamed } from '../../domain/settings.ts'
import { promisesOpen } from '../clocks.ts'
import { proposeDate } from '../date-talk.ts'
import {
  accepted,
  type CommandContext,
  changeComplaint,
  type Draft,
  decided,
  type Handler,
  happening,
  Refusal,
  refuseIf,
  withActivity
} from '../draft.ts'
import { plannedRelease } from '../notice-content.ts'
import { decisionMail } from '../reporter-mail.ts'
import { textFor } from './talk.ts'
import { type Verb } from './verb.ts'

const product: Handler = (draft, command, context) => {
  const { products } = context.settings
  const wanted = command.words.join(' ')
  const to = products.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())
  if (to === undefined) {
    const known = products.map(({ id, name }) => `${id} (${name})`).join(', ')
    const what = wanted === '' ? 'Which product?' : 'There is no product with this id.'
    throw new Refusal(`${what} One of: ${known}.`)
  }
  const from = draft.case.product
  if (from === to.id) return accepted(draft, `The case belongs to ${to.name} already.`)
  refuseIf(draft.notice === null ? null : changeComplaint(draft))
  const leaveBy = plannedRelease(draft, { product: to, now: context.now })
  const done = decided(draft, context, 'moved-product', { from, to: to.id, leaveBy })
  const next: Draft = {
    ...done,
    case: { ...done.case, product: to.id },
    known: { ...done.known, mayEndInternally: to.policy.close.internal === 'allow' }
  }
  // The approval covers the recipients, and the list changes with the product.
  const moved = { ...next, notice: next.notice && { ...next.notice, product: to.id } }
  return accepted(
    withActivity(moved, `moved the case to ${to.name}`),
    `The case belongs to ${to.name} now, and its deadlines follow the policy of that product.`
  )
}

const merge: Handler = (draft, command, context) => {
  const into = parseCaseTag(command.words.join(' ').toUpperCase())
  const target = context.openCases.find((listed) => listed.case.tag === into)?.case
  if (into === null) throw new Refusal('Please name the case to merge this one into: /merge CASE.')
  if (into === draft.case.tag) throw new Refusal('A case cannot be merged into itself.')
  if (target === undefined) throw new Refusal(`There is no open case ${into}.`)
  const text = textFor(command.text ?? '', context)
  const { tag } = draft.case
  const decide = (to: Draft, told: ReporterTold): Draft =>
    decided(to, context, 'merged', { into, told })
  const step = decisionMail(draft, context, decide, {
    mail: 'merged',
    text,
    decision: togetherWords(draft.case, target),
    why: ` into ${into}`
  })
  const decisions: readonly Decision[] = [
    ...step.draft.decisions.map((one) => waitsIn(into, one)),
    { kind: 'merge-case', tag, into },
    ...movedIn(step.draft, target, context)
  ]
  // The date that an earlier line set holds for nobody any more.
  const draftNow = { ...step.draft, decisions, question: null }
  const asked = askedNow(draftNow, target, context)
  return accepted(asked.draft, `${step.says}${asked.says}`)
}

/** Words that wait for a reporter of the merged case go on waiting in the other case. */
function waitsIn(into: CaseTag, decision: Decision): Decision {
  return decision.kind === 'record' && decision.event.kind === 'words-wait'
    ? { kind: 'record', event: { ...decision.event, subject: aboutCase(into) } }
    : decision
}

/** Reporters who are merged into a case with a date are asked about the date, as the others were. */
function askedNow(
  draft: Draft,
  into: CaseRecord,
  context: CommandContext
): { readonly draft: Draft; readonly says: string } {
  const { disclosureAt, disclosureZone } = into
  const reporters = draft.case.reporters.filter(
    (one) => !into.reporters.some((other) => isSamePerson(one, other))
  )
  const isOver =
    into.state === 'disclosed' || (disclosureAt !== null && disclosureAt <= context.now)
  if (isOver || reporters.length === 0) return { draft, says: '' }
  const product = productNamed(into.product, context.settings)
  const asking = { ...draft, case: { ...draft.case, disclosureAt, disclosureZone, reporters } }
  const asked = proposeDate(asking, { ...context, product }, into.tag)
  const by = byMaintainer(context.author.id)
  // The list knows the date already: a clock rings until the reporter does.
  const unreached = reporters.filter(
    ({ id, contact }) => contact === null || asked.unasked.some((one) => one.id === id)
  )
  const untold = (into.state === 'noticed' ? unreached : []).map(({ id, contact }): Decision => {
    const about = { reporter: id, because: contact === null ? 'no-address' : 'no-key' } as const
    return recorded('date-untold', aboutCase(into.tag), by, about)
  })
  const decisions = [...asked.draft.decisions, ...untold]
  return { says: asked.says, draft: { ...asked.draft, case: draft.case, decisions } }
}

/**
 * Puts every reporter on the record of the other case. Those who wait go on waiting there, counted from the same message: for a
 * first answer, or because they wrote again and this merge does not answer them.
 */
function movedIn(draft: Draft, into: CaseRecord, context: CommandContext): Decision[] {
  const { tag, reporters } = draft.case
  const together = { reporters: [...into.reporters, ...reporters] }
  const more = happening(draft).filter(({ kind }) => kind !== 'merged')
  const runs = promisesOpen(into, context.bound.events, more, context)
  const subject = aboutCase(into.tag)
  return reporters.flatMap(({ id, contact }) => {
    const own = reporterWith(draft.case, id)?.id
    const runOf = (kind: EventKind): ClockRun | undefined =>
      runs.find(({ clock, key }) => key === own && clock.starts.includes(kind))
    const reporter = reporterWith(together, id)?.id ?? id
    const [first, again] = contact === null ? [] : [runOf('opened'), runOf('reporter-wrote')]
    const promised = first && { promised: { [first.clock.id]: first.dueAt } }
    const about = { from: tag, reporter, receivedAt: first?.startedAt ?? null, ...promised }
    const moved = recorded('merged-in', subject, byMaintainer(context.author.id), about)
    if (again === undefined || own !== id) return [moved]
    const wrote = { reporter, receivedAt: again.startedAt }
    return [moved, recorded('reporter-wrote', subject, { kind: 'reporter', id: reporter }, wrote)]
  })
}

/** What a reporter reads of a merge. Only the reporter of both cases learns the other number: people must not learn of others. */
function togetherWords(from: CaseRecord, into: CaseRecord): string {
  const everybody = addresseesOf({ reporters: [...from.reporters, ...into.reporters] })
  return everybody.length === 1
    ? `We handle your report ${from.tag} together with ${into.tag}. You may use either number when you write to us.`
    : 'We handle your report in one case with everything else that we have about this problem. Your case number stays the same.'
}

export const PLACE: readonly Verb[] = [
  {
    name: 'product',
    arguments: 'ID',
    help: 'moves the case to another product and its deadlines',
    more: 'From then on the policy of that product holds. A time that the reporter was promised is kept.',
    run: product
  },
  {
    name: 'merge',
    arguments: 'CASE',
    text: { goesTo: 'reporter', isOptional: true },
    help: 'merges the case into another one and tells its reporters',
    more: 'Messages that name the old number or answer its messages go to the other case from then on. Every reporter keeps their own number, and the desk tells none of them about the others.',
    run: merge
  }
]
