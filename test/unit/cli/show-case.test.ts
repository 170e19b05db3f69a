/** What `postern show` says of a date that holds no more, and of a maintainer's message: to whom, and whether it left. */
import { expect, it } from 'vitest'
import { page } from '../../../src/cli/page.ts'
import { type Address } from '../../../src/domain/address.ts'
import { type Instant } from '../../../src/domain/time.ts'
import { dateAnswer } from '../../../src/policy/status.ts'
import { caseRecord, reporter as sample } from '../policy/samples.ts'

const AT = '2026-11-22T12:00:00.000Z'
const LATER = '2026-11-23T12:00:00.000Z'
const NAMES: Readonly<Record<string, string>> = { a: 'Alice <a@x.example>', b: 'Bob <b@x.example>' }

const said = (kind: string, reporter: string, at: string, about = {}) => ({
  kind,
  at,
  about: { reporter, ...about }
})
const waits = [said('words-wait', 'a', AT), said('words-wait', 'a', AT)]
const after = { writtenAt: AT }
const alice = { ...sample({ id: 'a' }), contact: { name: '', address: 'a@x.example' as Address } }
const now = AT as Instant
const DATED = caseRecord({ state: 'planned', disclosureAt: LATER as Instant, reporters: [alice] })

function shownCase(change: object, state = 'accepted'): string {
  const record = { tag: 'ACME-2026-0001', product: 'x', subject: 'x', reporters: [{ id: 'a' }] }
  const date = { disclosureAt: LATER, disclosureZone: null, disclosureReason: '' }
  const value = {
    case: { ...record, ...date, state, owner: null, receivedAt: AT },
    ...{ history: [], messages: [], notice: null, due: null, clockJump: null, outbox: [] },
    ...change
  }
  const text = (one: unknown = '') => (typeof one === 'string' ? one : '')
  const reporter = (id = '') => NAMES[id] ?? 'not known'
  const filters = { state: text, noticeState: text, maintainer: text, reporter, author: text }
  return page('show-case', value, 'UTC', {
    ...{ ...filters, promise: text, said: text, unsent: () => value.outbox },
    dates: (events: never[]) =>
      [dateAnswer({ record: DATED, events, now }, alice, 'UTC')].filter(Boolean)
  })
}

const DISCLOSED = { kind: 'disclosed', at: LATER, about: { date: LATER, reason: 'a leak' } }
it.each([
  ['accepted', [], true],
  ['rejected', [], false],
  ['closed', [], false],
  ['closed', [DISCLOSED], true]
] as const)(
  '(B6) a case that ended without disclosure shows no date: %s %j',
  (state, history, is) => {
    const shown = shownCase({ history }, state)
    expect(shown.includes('Disclosure: ')).toBe(is)
    expect(shown.includes(', because: a leak')).toBe(history.length > 0)
  }
)

it.each([
  [null, 'acknowledgement to reporter x: held, 0 attempts'],
  [AT, 'acknowledgement to reporter x: held and will not leave, 0 attempts']
])('(A5) says which acknowledgement will never leave: overtaken at %s', (notAfter, says) => {
  const whom = { kind: 'acknowledgement', audience: 'reporter', recipientId: 'x' }
  const outbox = [{ ...whom, id: 1, state: 'held', attempts: 0, notAfter, noticeId: null }]
  expect(shownCase({ outbox })).toContain(says)
})

const asked = said('date-asked', 'a', AT, { date: LATER })
it.each([
  ['asked', [], /^Date: +no AGREE or OBJECT from a@x\.example; we wrote to them/m],
  [
    'answered',
    [said('date-answered', 'a', AT, { date: LATER, answer: 'agree' })],
    /^Date: .* agreed/m
  ],
  ['not asked, because the question never left', [said('embargo-set', '', AT)], /^(?![^]*^Date:)/m]
])(
  '(B19) postern show says the same of the reporter and the date as /status: %s',
  (_, history, shown) => {
    expect(shownCase({ history: [asked, ...history] })).toMatch(shown)
  }
)

it('(B14, B19) postern show counts what a reporter answered under any of their numbers', () => {
  const again = { ...alice, id: 'a2' }
  const record = { ...DATED, reporters: [alice, again] }
  const objected = said('date-answered', 'a2', AT, { date: LATER, answer: 'object' })
  const events = [asked, objected] as never[]
  expect(dateAnswer({ record, events, now }, alice, 'UTC')).toContain('a@x.example OBJECTED')
})

it('(B6, B16) of a change that has not left, the page says which revision and date the list has', () => {
  const listHas = { revision: 1, disclosureAt: AT, disclosureZone: null }
  const notice = { revision: 2, state: 'drafting', approvals: [], listHas }
  const has =
    'Notice:     revision 2, drafting; the list has revision 1, disclosure Sun 22 Nov 2026'
  expect(shownCase({ notice })).toContain(has)
})

it.each([
  ['sent', [said('answered', 'a', AT)], 'to Alice <a@x.example>)'],
  ['waiting', waits, 'to Alice <a@x.example>; waits for a key)'],
  ['sent later', [...waits, said('answered', 'a', LATER, after)], 'to Alice <a@x.example>)'],
  [
    'withdrawn',
    [...waits, said('words-dropped', 'a', LATER, after)],
    'to Alice <a@x.example>; withdrawn, never sent)'
  ],
  [
    'sent to one and waiting for the other',
    [said('answered', 'b', AT), ...waits],
    'to Bob <b@x.example>, Alice <a@x.example>; waits for a key of Alice <a@x.example>)'
  ],
  ['sent because of a merge', [said('merged-in', 'b', AT)], 'to Bob <b@x.example>)']
])(
  'words to a reporter are shown as such, whether they left or not: %s (B10)',
  (_, history, shown) => {
    const message = {
      at: AT,
      author: 'maintainer',
      authorId: 'grace',
      audience: 'reporter',
      text: 'x'
    }
    expect(
      shownCase({ history: [...history, said('answered', 'b', LATER)], messages: [message] })
    ).toContain(shown)
  }
)
