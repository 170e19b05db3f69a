/**
 * The one machine for cases: which event moves a case from which state to which, under which guards. Pure data and one total
 * function; handlers name events and never set a state. A refusal says why and what would make the event legal. Nothing ends
 * without a disposition and the reporter told, or the recorded reason why not.
 */
import { type CaseState } from './case.ts'
import { type EventKind, type NewEvent } from './event.ts'
import { type NoticeState } from './notice.ts'
import { type Instant } from './time.ts'

/** What a guard may know of the case beside the event. */
export type CaseFacts = {
  readonly notice: NoticeState | null
  readonly disclosureAt: Instant | null
  readonly wasDisclosed: boolean
  /** Whether a rejection stands. A reporter's new message opens the case again and does not take the rejection back. */
  readonly wasRejected: boolean
  /** Numbers of the reporters who were asked for something and have not written since. */
  readonly asked: readonly string[]
  /** Whether the policy lets a case end without disclosure or rejection. */
  readonly mayEndInternally: boolean
  readonly now: Instant
}

/** What the record says of a case, beyond its state. */
export type CaseHistory = Pick<CaseFacts, 'wasDisclosed' | 'wasRejected' | 'asked'>

/** What the machine looks at in an event. */
export type Happening = Pick<NewEvent, 'kind' | 'about'>

/** The history of a case with these events on its record, oldest first. */
export function historyOf(events: readonly Happening[]): CaseHistory {
  const none = { wasDisclosed: false, wasRejected: false, asked: [] }
  return events.reduce<CaseHistory>(historyAfter, none)
}

/** The history with one more event. No rejection covers a report that is merged into its case later. */
export function historyAfter(history: CaseHistory, happening: Happening): CaseHistory {
  const { kind } = happening
  const isTakenBack = kind === 'accepted' || kind === 'reopened' || kind === 'merged-in'
  return {
    wasDisclosed: history.wasDisclosed || kind === 'disclosed',
    wasRejected: kind === 'rejected' || (history.wasRejected && !isTakenBack),
    asked: askedAfter(history.asked, happening as NewEvent)
  }
}

function askedAfter(before: readonly string[], { kind, about }: NewEvent): readonly string[] {
  if (kind !== 'info-asked' && kind !== 'reporter-wrote' && kind !== 'merged-in') return before
  const others = before.filter((id) => id !== about.reporter)
  return kind === 'info-asked' ? [...others, about.reporter] : others
}

type Guard<K extends EventKind> = {
  readonly holds: (facts: CaseFacts, about: NewEvent<K>['about']) => boolean
  readonly says: string
}

/** `same`: legal there, and the case stays where it is. `unless`: the row does not apply while this holds. */
type Row<K extends EventKind> = {
  readonly from: readonly CaseState[]
  readonly to: CaseState | 'same'
  readonly unless?: (facts: CaseFacts, about: NewEvent<K>['about']) => boolean
  readonly guards?: readonly Guard<K>[]
}

type Machine = { readonly [K in EventKind]?: readonly Row<K>[] }

export const UNDECIDED: readonly CaseState[] = ['received', 'triaging', 'needs-info']
export const ACTIVE: readonly CaseState[] = ['accepted', 'planned', 'noticed']
const OPEN: readonly CaseState[] = [...UNDECIDED, ...ACTIVE, 'disclosed']
const UNTOLD: readonly CaseState[] = [...UNDECIDED, 'accepted', 'planned']

/** A message of one reporter does not answer what another one was asked. */
const ANSWERS: Row<'reporter-wrote' | 'merged-in'> = {
  from: ['needs-info'],
  to: 'triaging',
  unless: ({ asked }, { reporter }) => !asked.includes(reporter)
}
/** A message about a merge tells its reporter something, too; and an ended case may be opened again. */
const TELLS: readonly Row<'answered' | 'plan-told'>[] = [
  { from: ['received'], to: 'triaging' },
  { from: [...OPEN, 'rejected', 'closed', 'merged'], to: 'same' }
]

const NOTHING_LEAVES = {
  holds: ({ notice }: CaseFacts) => notice !== 'scheduled' && notice !== 'releasing',
  says: 'An advance notice is scheduled or leaving. Stop it first with /notice hold.'
}
/** Before the list is told, copies of what was released may still be on their way. */
const NOTHING_IS_OUT = {
  ...NOTHING_LEAVES,
  holds: (facts: CaseFacts) => NOTHING_LEAVES.holds(facts) && facts.notice !== 'released'
}
const HAS_DATE = {
  holds: ({ disclosureAt }: CaseFacts) => disclosureAt !== null,
  says: 'There is no disclosure date yet. Set it with /embargo.'
}
const MAY_END_INTERNALLY = {
  holds: ({ mayEndInternally, wasRejected }: CaseFacts) => mayEndInternally || wasRejected,
  says: 'The policy of this product does not let a case end without disclosure or rejection. Reject it with /reject CODE, or record the disclosure with /disclosed.'
}
const SAYS_WHY = {
  holds: (_facts: CaseFacts, { reason }: { readonly reason: string }) => reason !== '',
  says: 'Please add the reason to the line, for the record: because REASON.'
}
/** Where nobody tells the reporter, the record says why. */
const TELLS_OR_SAYS_WHY = {
  holds: (
    { mayEndInternally }: CaseFacts,
    { told, reason }: NewEvent<'closed'>['about']
  ): boolean => told !== 'silent-by-policy' || (mayEndInternally && reason !== ''),
  says: 'The reporter would not learn that the case is closed. The policy must allow that, and you must give a reason: /close internal because REASON. Otherwise please leave out internal.'
}
const MUST_TELL = {
  holds: (_facts: CaseFacts, { told }: NewEvent<'rejected' | 'merged'>['about']): boolean =>
    told !== 'silent-by-policy',
  says: 'The reporter would not learn of this decision.'
}

/** The whole machine. A kind of event that is not in it happens in every state and moves no case. */
export const MACHINE: Machine = {
  opened: [{ from: [], to: 'received' }],
  'reporter-wrote': [
    ANSWERS,
    { from: OPEN, to: 'same' },
    // A reporter who writes into an ended case is heard. Before they knew of the end, they said nothing about it.
    {
      from: ['rejected', 'closed'],
      to: 'same',
      unless: (_facts, { effect }) => effect !== 'brings-key'
    },
    { from: ['rejected', 'closed'], to: 'triaging', unless: ({ wasDisclosed }) => wasDisclosed },
    { from: ['rejected', 'closed'], to: 'disclosed' },
    { from: ['merged'], to: 'same' }
  ],
  taken: [
    { from: ['received'], to: 'triaging' },
    { from: OPEN, to: 'same' }
  ],
  answered: TELLS,
  'plan-told': TELLS,
  // It promises an answer.
  'acknowledgement-released': [{ from: OPEN, to: 'same' }],
  'info-asked': [
    { from: ['received', 'triaging'], to: 'needs-info' },
    { from: OPEN, to: 'same' }
  ],
  accepted: [
    { from: UNDECIDED, to: 'accepted', unless: ({ disclosureAt }) => disclosureAt !== null },
    { from: UNDECIDED, to: 'planned' }
  ],
  rejected: [{ from: UNTOLD, to: 'rejected', guards: [NOTHING_IS_OUT, MUST_TELL] }],
  merged: [{ from: UNTOLD, to: 'merged', guards: [NOTHING_IS_OUT, MUST_TELL] }],
  // The answer may have come as a report of its own.
  'merged-in': [ANSWERS, { from: OPEN, to: 'same' }],
  'moved-product': [{ from: UNTOLD, to: 'same', guards: [NOTHING_IS_OUT] }],
  'embargo-set': [
    { from: ['accepted', 'planned'], to: 'planned' },
    { from: ['noticed'], to: 'same' }
  ],
  'notice-drafted': [{ from: ACTIVE, to: 'same' }],
  'notice-previewed': [{ from: ACTIVE, to: 'same' }],
  'notice-approved': [{ from: ['planned', 'noticed'], to: 'same', guards: [HAS_DATE] }],
  'notice-scheduled': [{ from: ['planned', 'noticed'], to: 'same', guards: [HAS_DATE] }],
  'notice-leaving': [{ from: ['planned', 'noticed'], to: 'same', guards: [HAS_DATE] }],
  // Even if the others are stopped. A copy that was on its way when it was held may leave after the end of the case.
  'list-told': [
    { from: ['planned'], to: 'noticed' },
    { from: [...OPEN, 'rejected', 'closed', 'merged'], to: 'same' }
  ],
  disclosed: [
    {
      from: ACTIVE,
      to: 'disclosed',
      guards: [
        NOTHING_LEAVES,
        {
          holds: ({ disclosureAt, now }, { reason }) =>
            reason !== '' || (disclosureAt !== null && disclosureAt <= now),
          says: 'No disclosure date has come yet. If the issue is public already, add: because REASON.'
        }
      ]
    }
  ],
  closed: [
    { from: ['disclosed', 'rejected'], to: 'closed', guards: [TELLS_OR_SAYS_WHY] },
    {
      from: UNTOLD,
      to: 'closed',
      guards: [NOTHING_IS_OUT, MAY_END_INTERNALLY, SAYS_WHY, TELLS_OR_SAYS_WHY]
    }
  ],
  reopened: [
    {
      from: ['rejected', 'closed'],
      to: 'triaging',
      unless: ({ wasDisclosed }) => wasDisclosed,
      guards: [SAYS_WHY]
    },
    { from: ['closed'], to: 'disclosed', guards: [SAYS_WHY] }
  ]
}

export type Move =
  | { readonly kind: 'moved'; readonly to: CaseState }
  | { readonly kind: 'refused'; readonly says: string }

/** Whether events of this kind may move a case or be refused in one of its states. */
export function concernsState(kind: EventKind): boolean {
  return kind in MACHINE
}

/** Where `event` takes a case that is in `state`; why not, and what would make it legal, where it is refused. */
export function moveCase<K extends EventKind>(
  state: CaseState,
  { kind, about }: NewEvent<K>,
  facts: CaseFacts
): Move {
  const rows: readonly Row<K>[] | undefined = MACHINE[kind]
  if (rows === undefined) return { kind: 'moved', to: state }
  const row = rows.find(
    ({ from, unless }) => from.includes(state) && unless?.(facts, about) !== true
  )
  if (row === undefined) return { kind: 'refused', says: STANDS[state] }
  const broken = row.guards?.find(({ holds }) => !holds(facts, about))
  if (broken !== undefined) return { kind: 'refused', says: broken.says }
  return { kind: 'moved', to: row.to === 'same' ? state : row.to }
}

const UNDECIDED_STANDS =
  'The case is open, and the report is not accepted yet. Next is /accept or /reject CODE.'
const STANDS: Readonly<Record<CaseState, string>> = {
  received: UNDECIDED_STANDS,
  triaging: UNDECIDED_STANDS,
  'needs-info': UNDECIDED_STANDS,
  accepted: 'The case is accepted and has no disclosure date yet. Next is /embargo DATE.',
  planned:
    'The case is accepted and has a disclosure date. Next is the notice, or /disclosed when it is public.',
  noticed:
    'The list has had the advance notice of this case. Next is /disclosed when it is public. If it is not a vulnerability after all, tell the list with /notice draft, or end the embargo with /disclosed because REASON.',
  disclosed: 'The case is disclosed. Next is /close.',
  rejected: 'The case is rejected. To go on with it: /reopen because REASON.',
  merged:
    'Another line of this message merges the case into another one. Please send this line in a message to that case.',
  closed: 'The case is closed. To go on with it: /reopen because REASON.'
}
