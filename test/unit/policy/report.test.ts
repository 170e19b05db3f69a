/** What a reporter's next message does to the case (B13, practice.md §4.2.1). */
import { expect, it } from 'vitest'
import { type CaseRecord } from '../../../src/domain/case.ts'
import { historyOf } from '../../../src/domain/case-machine.ts'
import { type BoundCase } from '../../../src/policy/situation.ts'
import { arrive, bound, caseRecord, issued, only, openedMail, TAG } from './samples.ts'

/** Alice writes into a case. */
function aliceWrites(state: CaseRecord['state'], on: Partial<BoundCase> = {}) {
  const record = caseRecord({ state })
  const decisions = arrive(openedMail(), {
    answers: issued({ kind: 'acknowledgement', case: record }),
    bound: bound({ case: record, ...on })
  })
  return {
    state: only(decisions, 'update-case')[0]?.set.state ?? null,
    forwarded: JSON.stringify(only(decisions, 'send-sealed').map(({ message }) => message)),
    events: only(decisions, 'record').map(({ event: { kind } }) => kind)
  }
}

it('a reporter’s answer ends the waiting for it (B13)', () => {
  const history = { ...historyOf([]), asked: [TAG] }
  expect(aliceWrites('needs-info', { history })).toMatchObject({
    state: 'triaging',
    events: ['reporter-wrote']
  })
})

it.each([
  ['rejected', 'rejected (upstream)'],
  ['closed', 'closed']
] as const)(
  'a reporter who writes into a %s case is heard: it is open again, and the forwarded report says so (B13)',
  (state, words) => {
    const { state: after, forwarded } = aliceWrites(state)
    expect(after).toBe('triaging')
    expect(forwarded).toContain(`The case was ${words}, and the reporter wrote again.`)
  }
)

it('a reporter who writes into a closed case that was disclosed does not make it undecided', () => {
  const history = { isListTold: true, wasDisclosed: true, wasRejected: false, asked: [] }
  expect(aliceWrites('closed', { history }).state).toBe('disclosed')
})

it.each(['triaging', 'accepted', 'planned', 'noticed', 'disclosed', 'merged'] as const)(
  'a reporter who writes into a case that is %s leaves it where it is',
  (state) => {
    const { state: after, forwarded } = aliceWrites(state)
    expect(after).toBeNull()
    expect(forwarded).not.toContain('wrote again')
  }
)
