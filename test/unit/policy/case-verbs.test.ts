/** The verbs that move a case: what they record, and random ones in random order (practice.md §4.2.1). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseRecord, type CaseState } from '../../../src/domain/case.ts'
import { historyAfter, moveCase } from '../../../src/domain/case-machine.ts'
import { type CommandContext } from '../../../src/policy/draft.ts'
import { type BoundCase } from '../../../src/policy/situation.ts'
import {
  at,
  bound,
  caseRecord,
  commandContext,
  GRACE,
  NOW,
  only,
  POLICY,
  PRODUCT,
  runText
} from './samples.ts'

const DENY: CommandContext['product'] = {
  ...PRODUCT,
  policy: { ...POLICY, close: { internal: 'deny' } }
}
const PAST = at('2026-11-20T12:00:00Z')
const FUTURE = at('2026-12-04T12:00:00Z')

function run(text: string, change: Partial<CaseRecord> = {}, on: Partial<BoundCase> = {}) {
  const result = runText(
    text,
    commandContext({ bound: bound({ case: caseRecord(change), ...on }), author: GRACE })
  )
  return {
    ran: result.ran,
    state: only(result.decisions, 'update-case')[0]?.set.state ?? null,
    events: only(result.decisions, 'record').map(({ event: { kind, about } }) => ({ kind, about }))
  }
}

describe('/disclosed', () => {
  it('records the disclosure once the date has come', () => {
    expect(run('/disclosed', { state: 'noticed', disclosureAt: PAST })).toEqual({
      ran: true,
      state: 'disclosed',
      events: [{ kind: 'disclosed', about: { date: NOW, reason: '' } }]
    })
  })

  it('records an earlier instant', () => {
    const { events } = run('/disclosed 2026-11-21T10:00:00Z', {
      state: 'planned',
      disclosureAt: PAST
    })
    expect(events[0]?.about).toEqual({ date: '2026-11-21T10:00:00.000Z', reason: '' })
  })

  it('asks for a reason before the date, and keeps it', () => {
    const early = { state: 'planned', disclosureAt: FUTURE } as const
    expect(run('/disclosed', early).ran).toBe(false)
    expect(run('/disclosed because', early).ran).toBe(false)
    expect(run('/disclosed because it leaked', early).events[0]?.about).toEqual({
      date: NOW,
      reason: 'it leaked'
    })
  })

  it('refuses an instant that has not come', () => {
    const planned = { state: 'planned', disclosureAt: PAST } as const
    expect(run('/disclosed 2026-12-04T12:00:00Z because we plan so', planned).ran).toBe(false)
  })

  it('refuses a case that nobody accepted', () => {
    expect(run('/disclosed because it leaked', { state: 'triaging' }).ran).toBe(false)
  })
})

describe('/reopen', () => {
  it.each(['rejected', 'closed'] as const)('opens a %s case again, with the reason', (state) => {
    expect(run('/reopen because new facts came', { state })).toEqual({
      ran: true,
      state: 'triaging',
      events: [{ kind: 'reopened', about: { reason: 'new facts came' } }]
    })
    expect(run('/reopen', { state }).ran).toBe(false)
  })

  it('brings a case that was disclosed back to its disclosure', () => {
    const history = { isListTold: true, wasDisclosed: true, wasRejected: false }
    const { state } = run('/reopen because a part is missing', { state: 'closed' }, { history })
    expect(state).toBe('disclosed')
  })

  it('refuses an open or merged case', () => {
    expect(run('/reopen because I say so', { state: 'planned' }).ran).toBe(false)
    expect(run('/reopen because I say so', { state: 'merged' }).ran).toBe(false)
  })
})

describe('/take', () => {
  it('of somebody’s case records from whom (B14)', () => {
    const { events } = run('/take', { state: 'accepted', owner: 'linus' })
    expect(events).toEqual([{ kind: 'taken', about: { from: 'linus' } }])
  })
})

it.each(['rejected', 'merged', 'closed', 'disclosed'] as const)(
  '/accept and /embargo change nothing about a %s case (A2)',
  (state) => {
    expect(run('/accept', { state }).ran).toBe(false)
    expect(run('/embargo 2026-12-04T12:00:00Z', { state }).ran).toBe(false)
  }
)

it.each(['accepted', 'planned', 'noticed'] as const)(
  'a question does not demote a case that is %s (B13)',
  (state) => {
    expect(run('/ask\nWhich version?', { state })).toMatchObject({ ran: true, state: null })
  }
)

const LINES = [
  '/take',
  '/accept',
  '/reject upstream',
  '/close',
  '/close nothing to do',
  '/close internal nothing to do',
  '/disclosed',
  '/disclosed because it leaked',
  '/reopen because new facts came',
  '/embargo 2026-12-04T12:00:00Z',
  '/reply <<words>>',
  '/ask <<which version?>>',
  '/note <<words>>',
  '/notice hold',
  '/status'
]

describe('random commands in random messages', () => {
  const messages = fc.array(fc.array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 4 }), {
    maxLength: 12
  })

  it('change a state by events that the machine allows, and by nothing else (A2)', () => {
    fc.assert(
      fc.property(messages, fc.boolean(), (mails, isDenied) => {
        const product = isDenied ? DENY : PRODUCT
        let here = bound({ case: caseRecord() })
        for (const [index, lines] of mails.entries()) {
          const context = commandContext({ product, bound: here, arrivalId: index + 1 })
          const { decisions } = runText(lines.join('\n'), context)
          let state: CaseState = here.case.state
          let { history } = here
          // A date that a later line of the same message sets is not there for an earlier one.
          let { disclosureAt } = here.case
          for (const { event } of only(decisions, 'record')) {
            if (event.kind === 'embargo-set') disclosureAt = event.about.date
            const mayEndInternally = !isDenied
            const facts = { ...history, notice: null, disclosureAt, mayEndInternally, now: NOW }
            const move = moveCase(state, event, facts)
            expect(move, lines.join('\n')).toMatchObject({ kind: 'moved' })
            if (move.kind === 'moved') state = move.to
            history = historyAfter(history, event.kind)
          }
          const set = only(decisions, 'update-case')[0]?.set ?? {}
          expect(set.state ?? here.case.state, lines.join('\n')).toBe(state)
          here = { ...here, history, case: { ...here.case, ...set } }
        }
      }),
      { numRuns: 300 }
    )
  })
})
