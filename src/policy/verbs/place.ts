/** The verbs that say where a report belongs: to which product and to which case. */
import * as cases from '../../domain/case.ts'
import { type ClockRun } from '../../domain/clock.ts'
import { type Decision, recorded } from '../../domain/decision.ts'
import { aboutCase, byMaintainer, type EventKind } from '../../domain/event.ts'
import { type CaseTag, parseCaseTag } from '../../domain/ids.ts'
import { productNamed } from '../../domain/settings.ts'
import { clocksOf, promisesOpen } from '../clocks.ts'
import { tellEach } from '../date-talk.ts'
import * as drafts from '../draft.ts'
import { plannedRelease } from '../notice-content.ts'
import { decisionMail } from '../reporter-mail.ts'
import { announceEdit } from './notice.ts'
import { textFor } from './talk.ts'
import { TEXT_BELOW_DECISION, type Verb } from './verb.ts'

const product: drafts.Handler = (draft, command) => {
  const { products } = draft.settings
  const wanted = command.words.join(' ')
  const to = products.find(({ id }) => id.toLowerCase() === wanted.toLowerCase())
  if (to === undefined) {
    const known = products.map(({ id, name }) => `${id} (${name})`).join(', ')
    const what = wanted === '' ? 'Which product?' : 'There is no product with this id.'
    throw new drafts.Refusal(`${what} One of: ${known}.`)
  }
  const from = draft.case.product
  if (from === to.id) return `The case belongs to ${to.name} already.`
  const isAbove = drafts.hasHappened(draft, 'embargo-set', 'notice-drafted')
  drafts.refuseIf(isAbove ? NOTICE_ABOVE : draft.notice && drafts.changeComplaint(draft))
  const edited = announceEdit(draft)
  draft.product = to
  const leaveBy = plannedRelease(draft)
  drafts.decided(draft, 'moved-product', { from, to: to.id, leaveBy })
  draft.case = { ...draft.case, product: to.id }
  // The approval covers the recipients, and the list changes with the product.
  draft.notice &&= { ...draft.notice, product: to.id }
  draft.activity.push(`moved the case to ${to.name}`)
  const also = `${draft.notice === null ? '' : SEE_STATUS}${stillWaits(draft)}`
  return `The case belongs to ${to.name} now, and its deadlines follow the policy of that product.${edited}${also}`
}

const NOTICE_ABOVE =
  'Earlier lines of this message are about the notice or its date, by the policy of the product before. Please send them in a separate message after /product.'
const SEE_STATUS = ' /status in a new message shows where the notice stands.'

/** What the policy of another product does not change about words that wait; '' where none wait. */
function stillWaits({ waitingWords, case: { tag } }: drafts.Draft): string {
  return waitingWords.some((words) => words.tag === tag) ? GOES_ON_WAITING : ''
}

const GOES_ON_WAITING =
  ' What waits for a key was written to leave encrypted and goes on waiting, also where the policy allows answers in clear. /unsend withdraws it; then you can write it anew.'

const merge: drafts.Handler = (draft, command) => {
  drafts.requireLegal(draft, 'merged')
  const into = parseCaseTag(command.words.join(' '))
  if (into === null)
    throw new drafts.Refusal('Please name the case to merge this one into: /merge CASE.')
  const target = draft.openCases.find(
    (one) => cases.isOpen(one.state) && cases.numbersOf(one).includes(into)
  )
  if (cases.numbersOf(draft.case).includes(into))
    throw new drafts.Refusal(`${into} is a number of this case; it cannot be merged into itself.`)
  if (target === undefined)
    throw new drafts.Refusal(
      `There is no open case ${into}. If it has ended, open it again first: /reopen because REASON, in a message to that case.`
    )
  const { tag } = target
  const isPublic = target.state === 'disclosed'
  const isOther = `${into} was merged into ${tag}. If you mean that case, write /merge ${tag}.`
  drafts.refuseIf(tag === into ? null : isOther)
  const { case: from } = draft
  drafts.refuseIf(lossComplaint(draft, target))
  const isLeft = from.owner !== null && target.owner === null
  const says = decisionMail(draft, (told) => drafts.decided(draft, 'merged', { into, told }), {
    mail: 'merged',
    text: textFor(command.text ?? '', draft),
    decision: (reporter) => togetherWords(reporter, from, target),
    why: ` into ${into}${isPublic ? ', which is public already' : ''}${isLeft ? NOT_TAKEN : ''}`
  })
  const merging: Decision = { kind: 'merge-case', tag: draft.case.tag, into }
  const moved = [merging, ...movedIn(draft, target)]
  draft.decisions = [...draft.decisions.map((one) => waitsIn(into, one)), ...moved]
  draft.case = { ...draft.case, mergedInto: into }
  askAbout(target, draft)
  const drafted = draft.notice === null ? '' : NOTICE_STAYS
  return `${says}${drafted}${from.product === target.product ? '' : stillWaits(draft)}`
}

const NOT_TAKEN = '; nobody has taken that case yet (/take)'

const NOTICE_STAYS =
  ' The notice of this case does not leave and was not copied: write what the list has to know with /notice draft in the other case.'

/** Why the merge would silently take the acceptance or the date from reporters who were told of it; null where it does not. */
function lossComplaint({ case: from, now }: drafts.Draft, target: cases.CaseRecord): string | null {
  if (isAccepted(from.state) && !isAccepted(target.state))
    return `${target.tag} is not accepted yet, and this case is. Accept that case first, or merge it into this one.`
  const isDateLost = cases.comingDate(from, now) !== null && cases.comingDate(target, now) === null
  return isDateLost ? `${target.tag} has no date to come, and this case has one. ${SET_DATE}` : null
}

const SET_DATE =
  'Set one there first with /embargo, or merge that case into this one. If the issue is public already, record that here with /disclosed.'

/** Words that wait for a reporter of the merged case go on waiting in the other case. */
function waitsIn(into: CaseTag, decision: Decision): Decision {
  return decision.kind === 'record' && decision.event.kind === 'words-wait'
    ? { kind: 'record', event: { ...decision.event, subject: aboutCase(into) } }
    : decision
}

/** Reporters who are merged into a case with a date are asked about it or told it, as the others were. */
function askAbout(into: cases.ListedCase, draft: drafts.Draft): void {
  const { disclosureAt: date, disclosureZone, state, isListTold, tag } = into
  const reporters = draft.case.reporters.filter(
    (one) => !into.reporters.some((other) => cases.isSamePerson(one, other))
  )
  if (state === 'disclosed' || date === null || date <= draft.now) return
  const asking = {
    ...draft,
    case: { ...draft.case, disclosureAt: date, disclosureZone, reporters },
    product: productNamed(into.product, draft.settings)
  }
  const word = isListTold === true ? 'date' : 'question'
  const owed = cases.everybodyOf(asking.case).map((reporter) => ({ reporter, word, date }) as const)
  draft.asked = tellEach(owed, asking, tag)
}

/**
 * Puts every reporter on the record of the other case. Those who wait go on waiting there, counted from the same message: for a
 * first answer, or because they wrote again and this merge does not answer them. A promise that was kept is not made anew, and
 * what a merge alone makes good in no way goes on waiting.
 */
function movedIn(draft: drafts.Draft, into: cases.CaseRecord): Decision[] {
  const { tag, reporters } = draft.case
  const together = { reporters: [...into.reporters, ...reporters] }
  const more = drafts.happening(draft).filter(({ kind }) => kind !== 'merged')
  const runs = promisesOpen(into, draft.bound.events, more, draft)
  const subject = aboutCase(into.tag)
  const begun = clocksOf('case', productNamed(into.product, draft.settings), draft.settings).filter(
    ({ starts, counts }) => starts.includes('opened') && counts !== 'each'
  )
  const waits = promisesOpen(into, draft.bound.events, [], draft).flatMap(({ start }) =>
    STILL_WAITS.includes(start.kind)
      ? recorded(start.kind, subject, start.actor, start.about as never)
      : []
  )
  const moved = reporters.flatMap(({ id, contact }) => {
    const own = cases.reporterWith(draft.case, id)?.id
    const runOf = (kind: EventKind): ClockRun | undefined =>
      runs.find(({ clock, key }) => key === own && clock.starts.includes(kind))
    const reporter = cases.reporterWith(together, id)?.id ?? id
    const [first, again] = contact === null ? [] : [runOf('opened'), runOf('reporter-wrote')]
    const promised = Object.fromEntries(
      begun.map(({ id: clock }) => [
        clock,
        runs.find((run) => run.clock.id === clock && run.key === own)?.dueAt ?? null
      ])
    )
    const isAnswered = more.some(({ kind, about }) => kind === 'answered' && about.reporter === own)
    const promise = { receivedAt: first?.startedAt ?? null, promised, isAnswered }
    const about = { from: tag, reporter, ...promise }
    const joined = recorded('merged-in', subject, byMaintainer(draft.author.id), about)
    if (again === undefined || own !== id) return [joined]
    const wrote = { reporter, receivedAt: again.startedAt, effect: 'none' } as const
    return [joined, recorded('reporter-wrote', subject, { kind: 'reporter', id: reporter }, wrote)]
  })
  return [...moved, ...waits]
}

/** What starts a clock that telling a reporter of a merge does not stop. */
const STILL_WAITS: readonly EventKind[] = ['other-wrote', 'reporter-unreached', 'words-wait']

/** What a reporter reads of a merge: no number but their own, because people must not learn of others. */
function togetherWords(
  reporter: cases.Addressed,
  from: cases.CaseRecord,
  into: cases.CaseRecord
): string {
  const own = into.reporters.find((one) => cases.isSamePerson(one, reporter))
  if (own !== undefined)
    return `We handle your report ${reporter.id} together with ${own.id}. To add something, please reply to this message.`
  const isNews = isAccepted(into.state) && !isAccepted(from.state)
  const news = isNews ? 'We confirmed the issue and treat it as a security issue. ' : ''
  const isPublic = into.state === 'disclosed' && from.state !== 'disclosed'
  return `${news}${isPublic ? 'The issue is public now. ' : ''}We handle your report in one case with everything else that we have about this problem. Your case number stays the same.`
}

const isAccepted = (state: cases.CaseState): boolean =>
  ['accepted', 'planned', 'noticed', 'disclosed'].includes(state)

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
    more: `${TEXT_BELOW_DECISION} Messages that name the old number or answer its messages go to the other case from then on. Every reporter keeps their own number, and the desk tells none of them about the others.`,
    run: merge
  }
]
