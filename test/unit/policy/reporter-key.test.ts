/**
 * Whose key answers are sealed to (mail.md §1.7, §2.12; G3): first use, renewal, a different key, and one that came to its end.
 */
import { describe, expect, it } from 'vitest'
import { reporterPath } from '../../../src/policy/recipients.ts'
import { decideReporterKey } from '../../../src/policy/reporter-key.ts'
import {
  ALICE_KEY,
  caseRecord,
  fingerprint,
  NOW,
  openedMail,
  SETTINGS,
  situation
} from './samples.ts'

const TAG = caseRecord().tag
const OTHER = fingerprint('9')

function decide(known: typeof ALICE_KEY | null, offered: string, bytes = [1, 2, 3]) {
  const candidate = {
    fingerprint: offered as typeof OTHER,
    source: 'autocrypt' as const,
    keyData: new Uint8Array(bytes)
  }
  const opened = openedMail({ candidateKeys: [candidate] })
  return decideReporterKey(situation({ opened, senderKey: known }), TAG, NOW)
}

describe('the key of a reporter', () => {
  it('is the first one seen, and its first use is recorded and told', () => {
    const { key, decisions, warnings } = decide(null, OTHER)

    expect(key?.fingerprint).toBe(OTHER)
    expect(decisions.map(({ kind }) => kind)).toEqual(['pin-reporter-key', 'audit'])
    expect(warnings.join()).toContain('First use')
  })

  it('is never replaced by a different one while it can be used, and the difference is told', () => {
    const { key, decisions, warnings } = decide(ALICE_KEY, OTHER)

    expect(key?.fingerprint).toBe(ALICE_KEY.fingerprint)
    expect(decisions.map(({ kind }) => kind)).toEqual(['audit'])
    expect(warnings.join()).toContain('DIFFERENT')
  })

  it('is replaced, loudly, once it can no longer be used', () => {
    const { key, decisions, warnings } = decide({ ...ALICE_KEY, isUsable: false }, OTHER)

    expect(key).toMatchObject({ fingerprint: OTHER, isUsable: true })
    expect(decisions[0]).toMatchObject({ kind: 'pin-reporter-key', key: { fingerprint: OTHER } })
    expect(warnings.join()).toContain('ANOTHER')
  })

  it('that can be used is not replaced by another copy of it, which may be older or stripped', () => {
    const { key, decisions, warnings } = decide(ALICE_KEY, ALICE_KEY.fingerprint, [7])

    expect(key).toEqual(ALICE_KEY)
    expect([decisions, warnings]).toEqual([[], []])
  })

  it('that came to its end is renewed by a copy of itself, on the record and with a word', () => {
    const { key, decisions, warnings } = decide(
      { ...ALICE_KEY, isUsable: false },
      ALICE_KEY.fingerprint,
      [7]
    )

    expect(key?.isUsable).toBe(true)
    expect(decisions.map(({ kind }) => kind)).toEqual(['pin-reporter-key', 'audit'])
    expect(warnings).toHaveLength(1)
  })

  it('that came to its end is no leave to write in clear, even where the policy allows clear text (G3)', () => {
    const [product] = SETTINGS.products
    if (product === undefined) throw new Error('no product')
    const policy = { ...product.policy, reporters: { cleartext: 'allow' as const } }
    const record = caseRecord({ beganInClear: true })

    expect(reporterPath(record, null, { ...product, policy }).kind).toBe('clear')
    expect(
      reporterPath(record, { ...ALICE_KEY, isUsable: false }, { ...product, policy }).kind
    ).toBe('no-key')
  })
})
