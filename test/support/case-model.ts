/**
 * What may happen to a case, written a second time and independently of the machine: what is legal in each state, and what else
 * has to hold. Tests ask it whether every step that the machine took was allowed.
 */
import { type CaseState } from '../../src/domain/case.ts'
import { type CaseFacts } from '../../src/domain/case-machine.ts'
import { type EventKind } from '../../src/domain/event.ts'
import { type NoticeState } from '../../src/domain/notice.ts'

/** One event that meets a case. */
export type Step = {
  readonly before: CaseState
  readonly kind: EventKind
  readonly about: object
  readonly facts: CaseFacts
}

const HEARD: readonly EventKind[] = ['reporter-wrote', 'answered', 'plan-told']
const TALK: readonly EventKind[] = [...HEARD, 'taken', 'info-asked', 'merged-in']
const WAYS_OUT: readonly EventKind[] = ['rejected', 'merged', 'closed', 'moved-product']
const WRITING: readonly EventKind[] = ['embargo-set', 'notice-drafted', 'notice-previewed']
const SENDING: readonly EventKind[] = ['notice-approved', 'notice-scheduled', 'notice-leaving']

/** Kinds that happen in every state are not listed. */
const LEGAL: Readonly<Record<CaseState, readonly EventKind[]>> = {
  received: [...TALK, ...WAYS_OUT, 'accepted'],
  triaging: [...TALK, ...WAYS_OUT, 'accepted'],
  'needs-info': [...TALK, ...WAYS_OUT, 'accepted'],
  accepted: [...TALK, ...WAYS_OUT, ...WRITING, 'disclosed'],
  planned: [...TALK, ...WAYS_OUT, ...WRITING, ...SENDING, 'disclosed'],
  noticed: [...TALK, ...WRITING, ...SENDING, 'disclosed'],
  disclosed: [...TALK, 'closed'],
  rejected: [...HEARD, 'closed', 'reopened'],
  closed: [...HEARD, 'reopened'],
  merged: HEARD
}
const OF_STATES = new Set([...Object.values(LEGAL).flat(), 'opened'])

/** What is wrong with a step; null where it is allowed. */
export function objection(step: Step): string | null {
  const { before, kind, about, facts } = step
  if (!OF_STATES.has(kind)) return null
  if (!LEGAL[before].includes(kind)) return `${kind} is not for a case that is ${before}`
  const isOver = before === 'disclosed' || before === 'rejected'
  const isLeaving = facts.notice === 'scheduled' || facts.notice === 'releasing'
  if (isLeaving && kind === 'disclosed') return 'disclosed while a notice leaves'
  if ((isLeaving || facts.notice === 'released') && !isOver && WAYS_OUT.includes(kind))
    return `${kind} while a notice leaves`
  if (SENDING.includes(kind) && facts.disclosureAt === null) return `${kind} without a date`
  const isSilent = 'told' in about && about.told === 'silent-by-policy'
  const saysWhy = 'reason' in about && about.reason !== ''
  if (kind === 'reopened' && !saysWhy) return 'reopened without a reason'
  const isPublic = facts.disclosureAt !== null && facts.disclosureAt <= facts.now
  if (kind === 'disclosed' && !isPublic && !saysWhy) return 'disclosed early, no reason'
  if (isSilent && kind !== 'closed') return `${kind} in silence`
  // Nothing ends without a disposition, or in silence where the policy and a reason do not allow it.
  const { mayEndInternally, wasRejected } = facts
  if (isSilent && !(mayEndInternally && saysWhy)) return 'closed in silence'
  const hasOutcome = isOver || (saysWhy && (mayEndInternally || wasRejected))
  return kind === 'closed' && !hasOutcome ? 'closed with no outcome' : null
}

const NOTICE_BECOMES: Readonly<Partial<Record<EventKind, NoticeState>>> = {
  'notice-drafted': 'drafting',
  'notice-scheduled': 'scheduled',
  'notice-leaving': 'releasing',
  'notice-left': 'released',
  'notice-held': 'held'
}
/** What changes what a notice says, so that it has to be approved anew. */
const CHANGES: readonly EventKind[] = ['embargo-set', 'moved-product']

/** The state of the notice of a case after one more event. */
export function noticeAfter(before: NoticeState | null, kind: EventKind): NoticeState | null {
  return before !== null && CHANGES.includes(kind) ? 'drafting' : (NOTICE_BECOMES[kind] ?? before)
}
