/** What `postern show` says of a message that a maintainer wrote: to whom, and whether it left. */
import { expect, it } from 'vitest'
import { page } from '../../../src/cli/page.ts'

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
    'to Bob <b@x.example>, Alice <a@x.example>; waits for a key)'
  ]
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
    const record = { tag: 'ACME-2026-0001', product: 'x', subject: 'x', reporters: [{ id: 'a' }] }
    const date = { disclosureAt: LATER, disclosureZone: null, disclosureReason: '' }
    const other = { kind: 'taken', at: LATER, about: { from: null } }
    const value = {
      case: { ...record, owner: null, receivedAt: AT, ...date },
      ...{
        history: [...history, said('answered', 'b', LATER), other],
        messages: [message],
        notice: null,
        due: null,
        clockJump: null,
        outbox: []
      }
    }
    const text = (one: unknown = '') => String(one)
    const named = (id = '') => NAMES[id] ?? 'not known'
    const filters = {
      state: text,
      noticeState: text,
      maintainer: text,
      reporter: named,
      author: text
    }
    const more = { promise: text, said: text, unsent: () => [] }
    expect(page('show-case', value, 'UTC', { ...filters, ...more })).toContain(shown)
  }
)
