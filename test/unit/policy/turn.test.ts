import { describe, expect, it } from 'vitest'
import { type Audience, type NamedMessage } from '../../../src/domain/message.ts'
import { TURNS, turnOf } from '../../../src/policy/turn.ts'
import {
  ALICE,
  CHECKED,
  found,
  GRACE,
  headers,
  issued,
  NOW,
  openedMail,
  SETTINGS
} from './samples.ts'

/** A message of the desk to somebody. */
function ours(audience: Audience, kind: string): NamedMessage {
  return { ...issued(), tag: null, audience, kind }
}
const READ = { isWhole: true, answered: [], returned: [], isKnown: false, isDoubted: false }
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
    ['somebody who answers what a maintainer wrote', 'known', { named: 'reporter' }],
    [
      'somebody who answers an acknowledgement',
      'stranger',
      { named: 'reporter', kind: 'acknowledgement' }
    ],
    [
      'somebody who answers a list of further reports',
      'stranger',
      { named: 'reporter', kind: 'further-reports', dmarc: found() }
    ],
    [
      'somebody whom a maintainer’s decision asked for a key',
      'known',
      { named: 'reporter', kind: 'key-request' }
    ],
    ['somebody who answers a notice', 'known', { named: 'member', kind: 'notice' }],
    ['somebody', 'stranger', { sealed: true }]
  ])('of %s is that of %s', (_who, turn, given) => {
    const one = { from: ALICE, sealed: false, isKnown: false, isDoubted: false, ...given } as {
      readonly from: typeof ALICE
      readonly sealed: boolean
      readonly isKnown: boolean
      readonly isDoubted: boolean
      readonly dmarc?: ReturnType<typeof found>
      readonly named?: Audience
      readonly kind?: string
    }
    const results = one.dmarc === undefined ? [] : [one.dmarc]
    const opened = openedMail({
      encrypted: one.sealed,
      outer: headers({ from: one.from }),
      trace: { received: 1, returnPaths: [], results }
    })
    const answered = one.named === undefined ? [] : [ours(one.named, one.kind ?? 'reply')]
    const { isKnown, isDoubted } = one
    const facts = { ...READ, opened, answered, isKnown, isDoubted }
    expect(turnOf(facts, CHECKED)).toBe(TURNS[turn])
  })

  it('gives nothing for what the message says of itself where no mail server of ours is asked', () => {
    const trace = { received: 1, returnPaths: [], results: [acme] }
    const opened = openedMail({ encrypted: false, outer: headers({ from: GRACES }), trace })
    const facts = { ...READ, opened, isKnown: true }
    expect(turnOf(facts, SETTINGS)).toBe(TURNS.stranger)
  })

  it.each<[string, keyof typeof TURNS, object]>([
    ['for the first time', 'known', {}],
    ['a second time', 'stranger', { bouncedAt: NOW }],
    ['in a long message, whose end may return another one', 'stranger', { isWhole: false }],
    ['and says that it is only late', 'stranger', { hasFailed: false }],
    ['in the name of the desk, which ends as its own message', 'stranger', { isLoop: true }],
    [
      'which a person wrote, in a long message, again',
      'known',
      { kind: 'reply', bouncedAt: NOW, isWhole: false }
    ]
  ])('(A1) of a bounce that returns an acknowledgement %s is that of %s', (_how, turn, given) => {
    const one = {
      kind: 'acknowledgement',
      bouncedAt: null,
      isWhole: true,
      hasFailed: true,
      isLoop: false,
      ...given
    }
    const { kind, bouncedAt, isWhole, hasFailed, isLoop } = one
    const opened = openedMail({
      encrypted: false,
      automatic: isLoop ? ['bounce', 'loop'] : ['bounce'],
      bounce: { returnedMessageIds: [], hasFailed, isTooLarge: false, hasArrived: false }
    })
    const returned = [{ ...issued(), kind, bouncedAt }]
    expect(turnOf({ ...READ, opened, isWhole, returned }, CHECKED)).toBe(TURNS[turn])
  })
})
