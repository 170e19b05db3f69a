/** The machine for cases walked at random: what must hold whatever happens in whatever order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseState } from '../../../src/domain/case.ts'
import {
  type CaseHistory,
  historyAfter,
  historyOf,
  moveCase
} from '../../../src/domain/case-machine.ts'
import { type NewEvent } from '../../../src/domain/event.ts'
import { type Instant } from '../../../src/domain/time.ts'
import { type Step as ModelStep, objection } from '../../support/case-model.ts'

const BEFORE = '2026-11-22T12:00:00.000Z' as Instant
const NOW = '2026-11-23T12:00:00.000Z' as Instant
const LATER = '2026-11-24T12:00:00.000Z' as Instant

const ALICE = { reporter: 'ACME-2026-0001' }
const told = fc.constantFrom('told', 'waits-for-key', 'no-address', 'silent-by-policy')
const reason = fc.constantFrom('', 'a reason')

const UNGUARDED = [
  ...(['opened', 'reporter-wrote', 'member-wrote', 'taken', 'answered', 'plan-told'] as const),
  ...(['info-asked', 'accepted', 'merged-in', 'moved-product', 'embargo-set'] as const),
  ...(['notice-drafted', 'notice-previewed', 'notice-approved', 'notice-scheduled'] as const),
  ...(['notice-leaving', 'list-told', 'notice-held'] as const)
]
/** Kinds with what guards look at; everything else about an event is of no concern to the machine. */
const happening = fc.oneof(
  fc.constantFrom(...UNGUARDED).map((kind) => ({ kind, about: ALICE })),
  fc.record({ kind: fc.constant('accepted' as const), about: fc.constant({}) }),
  fc.constant({ kind: 'reporter-wrote' as const, about: { ...ALICE, effect: 'brings-key' } }),
  fc.record({
    kind: fc.constantFrom('rejected' as const, 'merged' as const),
    about: fc.record({ told })
  }),
  fc.record({
    kind: fc.constantFrom('disclosed' as const, 'reopened' as const),
    about: fc.record({ reason })
  }),
  fc.record({ kind: fc.constant('closed' as const), about: fc.record({ told, reason }) })
)

const circumstances = fc.record({
  notice: fc.constantFrom(null, 'drafting', 'scheduled', 'releasing', 'released', 'held'),
  disclosureAt: fc.constantFrom(null, BEFORE, LATER)
})

type Step = ModelStep & {
  readonly after: CaseState
  readonly isRefused: boolean
  /** Whether a copy of the notice had left. */
  readonly isListTold: boolean
  readonly about: { readonly told?: string; readonly reason?: string; readonly effect?: string }
}

const walks = fc
  .record({
    mayEndInternally: fc.boolean(),
    steps: fc.array(fc.tuple(happening, circumstances), { minLength: 1, maxLength: 40 })
  })
  .map(({ mayEndInternally, steps }) => {
    let state: CaseState = 'received'
    let history: CaseHistory = historyOf([])
    let isListTold = false
    return steps.map(([{ kind, about }, around]): Step => {
      const facts = { ...history, ...around, mayEndInternally, now: NOW }
      const move = moveCase(state, { kind, about } as unknown as NewEvent, facts)
      const was = { before: state, isListTold }
      if (move.kind === 'moved') {
        state = move.to
        history = historyAfter(history, { kind, about } as unknown as NewEvent)
        isListTold ||= state === 'noticed'
      } else expect(move.says).toMatch(/\.$/)
      return { ...was, after: state, isRefused: move.kind === 'refused', kind, about, facts }
    })
  })

/** States a step at a time; `changes` alone where the state changed. */
function holds(claim: (step: Step) => boolean, of: 'steps' | 'changes' = 'changes'): void {
  fc.assert(
    fc.property(walks, (steps) => {
      for (const step of steps) {
        if (of === 'steps' || step.before !== step.after) {
          expect(claim(step), JSON.stringify(step)).toBe(true)
        }
      }
    }),
    { numRuns: 3000 }
  )
}

const isAnyOf = <T>(value: T, ...all: readonly T[]): boolean => all.includes(value)
const isLeaving = ({ facts: { notice } }: Step): boolean =>
  notice === 'scheduled' || notice === 'releasing'

it('(A2) the machine takes the steps of a case that are allowed, whether they move it or not, and refuses all others', () => {
  holds((step) => (objection(step) === null) === !step.isRefused, 'steps')
})

describe('no walk of events, in whatever order (A2)', () => {
  it('leaves a merged case', () => {
    holds(({ before }) => before !== 'merged')
  })

  it('leaves a rejected or closed case but by a maintainer who opens it again or a reporter who writes and knew of the end', () => {
    holds(
      ({ before, after, kind, about }) =>
        !isAnyOf(before, 'rejected', 'closed') ||
        (isAnyOf(kind, 'reopened', 'reporter-wrote') && about.effect === undefined) ||
        (kind === 'closed' && before === 'rejected' && after === 'closed')
    )
  })

  it('ends a case whose reporter learns nothing, unless the policy allows it and the reason is recorded', () => {
    holds(({ after, kind, about, facts }) => {
      if (!isAnyOf(after, 'rejected', 'merged', 'closed')) return true
      if (about.told !== 'silent-by-policy') return about.told !== undefined
      return kind === 'closed' && facts.mayEndInternally && about.reason !== ''
    })
  })

  it('closes a case without disclosure, rejection, or the policy’s leave and a reason', () => {
    holds(({ before, after, about, facts }) => {
      if (after !== 'closed' || isAnyOf(before, 'disclosed', 'rejected')) return true
      return (facts.mayEndInternally || facts.wasRejected) && about.reason !== ''
    })
  })

  it('ends a case whose notice is scheduled or leaving', () => {
    holds(
      (step) =>
        !isAnyOf(step.after, 'rejected', 'merged', 'disclosed', 'closed') ||
        !isLeaving(step) ||
        isAnyOf(step.before, 'rejected', 'disclosed', 'closed')
    )
  })

  it('takes a case that the list knows of anywhere but to disclosure', () => {
    holds(
      ({ after, isListTold }) => !isListTold || isAnyOf(after, 'noticed', 'disclosed', 'closed'),
      'steps'
    )
  })

  it('tells the list of a case without a date, or of one that nobody accepted', () => {
    holds(
      ({ before, after, kind }) =>
        after !== 'noticed' || (kind === 'list-told' && before === 'planned')
    )
  })

  it('discloses a case that nobody accepted, or before its date without a reason', () => {
    holds(({ before, after, kind, about, facts }) => {
      if (after !== 'disclosed' || kind !== 'disclosed') return true
      const isDue = facts.disclosureAt !== null && facts.disclosureAt <= facts.now
      return isAnyOf(before, 'accepted', 'planned', 'noticed') && (isDue || about.reason !== '')
    })
  })

  it('demotes a decided case to a question', () => {
    holds(({ before, after }) => after !== 'needs-info' || isAnyOf(before, 'received', 'triaging'))
  })

  it('makes a disclosed case undecided again', () => {
    holds(
      ({ after, facts }) => !facts.wasDisclosed || isAnyOf(after, 'disclosed', 'closed'),
      'steps'
    )
  })
})

describe('a rejection', () => {
  const plain = (kind: NewEvent['kind']) => ({ kind, about: {} }) as NewEvent

  it('that was taken back lets no accepted case end without disclosure', () => {
    const facts = { notice: null, disclosureAt: null, mayEndInternally: false, now: NOW }
    const about = { disposition: 'internal', reason: 'a reason', told: 'told' } as const
    const close = (...kinds: readonly NewEvent['kind'][]) =>
      moveCase('accepted', { kind: 'closed', about } as NewEvent, {
        ...facts,
        ...historyOf(kinds.map(plain))
      })
    expect(close('rejected', 'reopened', 'accepted').kind).toBe('refused')
  })

  it('stands when its reporter writes once more, so that the case can be closed again', () => {
    expect(historyOf((['rejected', 'reporter-wrote'] as const).map(plain)).wasRejected).toBe(true)
  })
})
