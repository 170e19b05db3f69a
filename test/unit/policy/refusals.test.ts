/** How sure it is who wrote a refused message: what a forger can write is counted apart (mail.md §2.10). */
import { expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { refusalStanding, refuseMail } from '../../../src/policy/refusals.ts'
import {
  address,
  CHECKED,
  fingerprint,
  found,
  GRACE,
  headers,
  maintainerMail,
  NOW,
  only,
  SETTINGS,
  signature,
  situation
} from './samples.ts'

/** DMARC passes for this domain, as our mail server says. */
function passes(domain: string): Pick<OpenedMail, 'trace'> {
  return { trace: { received: 1, returnPaths: [], results: [found({ domain })] } }
}
function standing(change: Partial<OpenedMail>, signatureSeen = false, settings = CHECKED) {
  const opened = maintainerMail('/take', GRACE, { signatures: [], ...change })
  return refusalStanding({ opened, signatureSeen }, GRACE, settings)
}
const domain = GRACE.address.split('@').at(-1) ?? ''
const KINDS = [
  ['proved', passes(domain), false],
  ['signed', { signatures: [signature()] }, false],
  ['unproved', {}, false]
] as const
const elsewhere = headers({ from: { name: 'Grace', address: address('grace@evil.example') } })

it('is sure by the word of our mail servers about the maintainer’s own address', () => {
  expect(standing(passes(domain))).toBe('proved')
  expect(standing({})).toBe('unproved')
  expect(standing(passes(domain), false, SETTINGS)).toBe('unproved')
  expect(standing({ ...passes('evil.example'), outer: elsewhere })).toBe('unproved')
})

it('is sure by a signature of the registered key, but only the first time', () => {
  const signed = { signatures: [signature()] }
  expect(standing(signed)).toBe('signed')
  expect(standing({ signatures: [signature({ state: 'expired-key' })] })).toBe('signed')
  expect(standing(signed, true)).toBe('unproved')
})

it.each([
  ['wrong', signature({ state: 'bad' })],
  ['of a revoked key', signature({ state: 'revoked-key' })],
  ['of another key', signature({ fingerprint: fingerprint('9') })]
])('is not sure by a signature that is %s', (_, only) => {
  expect(standing({ signatures: [only] })).toBe('unproved')
})

it.each(KINDS)('refusals of %s messages are counted alone', (kind, change, seen) => {
  const opened = maintainerMail('/take', GRACE, { signatures: [], ...change })
  const about = { maintainer: GRACE, because: 'unsigned' } as const
  const used = { proved: 10, signed: 10, unproved: 10 }
  const decided = (refusalsLastHour: typeof used) => {
    const history = { ...situation().history, refusalsLastHour }
    return refuseMail(situation({ opened, signatureSeen: seen, history }), about, CHECKED, NOW)
  }
  expect(only(decided({ ...used, [kind]: 9 }), 'send-sealed')).toMatchObject([
    { message: { kind: 'refusal' } }
  ])
  // One clock tells of all of them: no message of its own for each.
  expect(decided({ proved: 0, signed: 0, unproved: 0, [kind]: 10 })).toMatchObject([
    { kind: 'record', event: { kind: 'refused-unanswered', about: { standing: kind } } }
  ])
})
