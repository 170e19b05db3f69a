import { describe, expect, it } from 'vitest'
import { type Audience, type NamedMessage } from '../../../src/domain/message.ts'
import { TURNS, turnOf } from '../../../src/policy/turn.ts'
import { ALICE, CHECKED, found, GRACE, headers, issued, openedMail, SETTINGS } from './samples.ts'

/** A message of the desk to somebody. */
function ours(audience: Audience): NamedMessage {
  return { ...issued(), tag: null, audience }
}
const GRACES = { name: GRACE.name, address: GRACE.address }
const acme = found({ domain: 'acme.example' })

describe('(A3) the turn of a message', () => {
  it.each<[string, keyof typeof TURNS, object]>([
    ['a maintainer, whom our mail server proves', 'maintainer', { from: GRACES, dmarc: acme }],
    [
      'a maintainer who answers what maintainers get',
      'maintainer',
      { from: GRACES, named: 'maintainer' }
    ],
    ['encrypted, in a maintainer’s name', 'claimed', { from: GRACES, sealed: true }],
    [
      'the same, where that name was forged before',
      'stranger',
      { from: GRACES, sealed: true, isDoubted: true }
    ],
    [
      'the same, answering what a reporter gets',
      'claimed',
      { from: GRACES, sealed: true, named: 'reporter' }
    ],
    ['in clear, in a maintainer’s name', 'stranger', { from: GRACES }],
    ['a known reporter, proved', 'known', { isKnown: true, dmarc: found() }],
    ['a known reporter, not proved', 'stranger', { isKnown: true, sealed: true }],
    ['proved, and not known', 'stranger', { dmarc: found() }],
    ['somebody who answers a message of ours', 'known', { named: 'reporter' }],
    ['somebody', 'stranger', { sealed: true }]
  ])('of %s is that of %s', (_who, turn, given) => {
    const one = { from: ALICE, sealed: false, isKnown: false, isDoubted: false, ...given } as {
      readonly from: typeof ALICE
      readonly sealed: boolean
      readonly isKnown: boolean
      readonly isDoubted: boolean
      readonly dmarc?: ReturnType<typeof found>
      readonly named?: Audience
    }
    const results = one.dmarc === undefined ? [] : [one.dmarc]
    const opened = openedMail({
      encrypted: one.sealed,
      outer: headers({ from: one.from }),
      trace: { received: 1, returnPaths: [], results }
    })
    const named = one.named === undefined ? [] : [ours(one.named)]
    const { isKnown, isDoubted } = one
    expect(turnOf({ opened, named, isKnown, isDoubted }, CHECKED)).toBe(TURNS[turn])
  })

  it('gives nothing for what the message says of itself where no mail server of ours is asked', () => {
    const trace = { received: 1, returnPaths: [], results: [acme] }
    const opened = openedMail({ encrypted: false, outer: headers({ from: GRACES }), trace })
    const facts = { opened, named: [], isKnown: true, isDoubted: false }
    expect(turnOf(facts, SETTINGS)).toBe(TURNS.stranger)
  })
})
