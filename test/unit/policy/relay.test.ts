/** What the relay says of a signature: never more than it covers of what the relay shows (G6). */
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { relay as relayMessage } from '../../../src/messages/to-maintainers.ts'
import { relay } from '../../../src/policy/relay.ts'
import * as samples from './samples.ts'

function signedFact(opened: Partial<OpenedMail>): string {
  const [decision] = relay({
    arrivalId: 1,
    record: samples.caseRecord(),
    product: samples.PRODUCT,
    opened: samples.openedMail(opened),
    receivedAt: samples.NOW,
    place: { mailbox: 'INBOX', uid: 1 },
    due: null,
    size: 1,
    reporterKeys: samples.keysOf(samples.ALICE_KEY),
    isReport: true,
    quarantined: false,
    isWithheld: false,
    facts: [],
    writer: { author: 'reporter', authorId: samples.TAG },
    member: null,
    warnings: [],
    settings: samples.SETTINGS,
    now: samples.NOW
  })
  if (decision?.kind !== 'send-sealed') throw new Error()
  const { details } = decision.message.params as Parameters<typeof relayMessage>[0]
  return details.find(({ label }) => label === 'Signed')?.value ?? ''
}

describe('the relay of a message with a valid signature', () => {
  it('says yes where the signature covers all that the relay shows', () => {
    const signatures = [samples.signature({ fingerprint: samples.ALICE_KEY.fingerprint })]
    expect(signedFact({ signatures })).toMatch(/^yes\. .*the key used for this reporter/)
  })

  it.each([
    [2, /; 1 more signature\)$/],
    [3, /; 2 more signatures\)$/]
  ])('counts the others of %i signatures', (number, expected) => {
    const signatures = Array.from({ length: number }, () => samples.signature())
    expect(signedFact({ signatures })).toMatch(expected)
  })

  it.each([
    ['text stands outside', true, 'Wire the bounty to account 666.', 'not the text outside'],
    ['it does not cover all', false, '', 'not the whole message'],
    ['it does neither', false, 'x', 'not the whole message']
  ])('does not say yes where %s', (_, coversWhole, outsideText, what) => {
    const said = signedFact({ signatures: [samples.signature({ coversWhole })], outsideText })
    expect(said).toMatch(new RegExp(`^in part, ${what}\\. The signature is valid\\.`))
  })

  it('says "not proved" of any other signature, whatever it covers', () => {
    for (const coversWhole of [true, false]) {
      const signatures = [samples.signature({ state: 'bad', coversWhole })]
      expect(signedFact({ signatures, outsideText: 'x' })).toMatch(/^not proved\. /)
    }
    expect(signedFact({})).toBe('no')
  })
})
