/**
 * Which key answers are encrypted to (G3): first use, renewal, a different key, the hand-over by the old key, and what a
 * maintainer accepts.
 */
import { describe, expect, it } from 'vitest'
import { type OpenedMail, type SenderTrace, type Signature } from '../../../src/domain/mail.ts'
import { type Settings } from '../../../src/domain/settings.ts'
import { senderDoubt } from '../../../src/policy/authentication.ts'
import { reporterPath } from '../../../src/policy/recipients.ts'
import { decideReporterKey } from '../../../src/policy/reporter-key.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import * as samples from './samples.ts'

const { only } = samples

const TAG = samples.caseRecord().tag
const OTHER = samples.fingerprint('9')
const THIRD = samples.fingerprint('8')

function decide(
  change: Partial<OpenedMail>,
  facts: Partial<Situation> = {},
  settings: Settings = samples.SETTINGS
) {
  const opened = samples.openedMail(change)
  const of = { tag: TAG, reporter: TAG, doubt: senderDoubt(opened, settings) }
  return decideReporterKey(samples.situation({ opened, settings, ...facts }), of)
}
/** A signature of the known key. */
function byKnown(change: Partial<Signature> = {}): Signature {
  return samples.signature({ fingerprint: samples.ALICE_KEY.fingerprint, ...change })
}

describe('the key of a reporter', () => {
  const path = (text: string) => ({ address: samples.address(text), below: 0 })
  /** SPF passes for this address, from which the message came. */
  const spf = (text: string) => {
    const sender = { address: samples.address(text), domain: text.split('@').at(-1) ?? '' }
    return { results: [samples.found({ method: 'spf', ...sender })], returnPaths: [path(text)] }
  }
  it.each<[string, string, Partial<SenderTrace>]>([
    ['waits', 'DMARC fails', { results: [samples.found({ result: 'fail' })] }],
    ['waits', 'our mail server says nothing', {}],
    ['waits', 'SPF passes for another address alone', spf('m@evil.example')],
    ['is used', 'DMARC passes', { results: [samples.found({})] }],
    ['is used', 'SPF passes for exactly its address', spf(samples.ALICE.address)]
  ])('%s at its first sight where %s', (becomes, _said, trace) => {
    const opened = {
      candidateKeys: [samples.candidate(OTHER)],
      signatures: [samples.signature({ fingerprint: OTHER })],
      trace: { received: 1, returnPaths: [], results: [], ...trace }
    }
    const { key, decisions, warnings } = decide(opened, {}, samples.CHECKED)

    const isUsed = becomes === 'is used'
    expect(key?.fingerprint ?? null).toBe(isUsed ? OTHER : null)
    expect(only(decisions, 'pin-reporter-key')).toHaveLength(isUsed ? 1 : 0)
    expect(only(decisions, 'offer-reporter-key')).toHaveLength(isUsed ? 0 : 1)
    expect(warnings.join()).toContain(isUsed ? 'First use' : 'not verified')
  })

  it('is not chosen among several that come at once: all wait for a maintainer', () => {
    const candidateKeys = [samples.candidate(OTHER), samples.candidate(THIRD)]
    const { key, decisions, warnings } = decide({ candidateKeys })

    expect(key).toBeNull()
    expect(only(decisions, 'pin-reporter-key')).toEqual([])
    expect(only(decisions, 'offer-reporter-key')).toHaveLength(2)
    expect(warnings.join()).toContain('2 new keys came')
  })

  it.each([true, false])(
    'is never replaced by a different one by itself (the known one usable: %s); the difference is told',
    (isUsable) => {
      const senderKey = { ...samples.ALICE_KEY, isUsable }
      const brought = { candidateKeys: [samples.candidate(OTHER)] }
      const { key, decisions, warnings } = decide(brought, { senderKey })

      expect(key).toBe(senderKey)
      expect(decisions.map(({ kind }) => kind)).toEqual(['offer-reporter-key', 'record'])
      expect(warnings.join()).toContain('a different key')
      // Without a usable key, the sentence about replies names the commands.
      expect(warnings.join().includes(`/key accept ${OTHER.toUpperCase()}`)).toBe(isUsable)
    }
  )

  it('stays the known one but is not used when the message brings its revocation; that is told', () => {
    const mergedKey = { ...samples.ALICE_KEY, keyData: new Uint8Array([7]), isUsable: false }
    const facts = { senderKey: samples.ALICE_KEY, mergedKey }
    const { key, decisions, warnings } = decide({}, facts)

    expect(key).toEqual(mergedKey)
    expect(only(decisions, 'pin-reporter-key')).toHaveLength(1)
    expect(warnings.join()).toContain('cannot be used')
    const candidateKeys = [samples.candidate(OTHER, 'attached')]
    expect(decide({ candidateKeys, signatures: [byKnown()] }, facts).key).toEqual(mergedKey)
  })

  it('does not permit unencrypted answers when it cannot be used any more, even where the policy allows clear text (G3)', () => {
    const alice = { ...samples.reporter({ beganInClear: true }), contact: samples.ALICE }

    expect(reporterPath(alice, samples.keysOf(null), samples.ALLOW).kind).toBe('in-clear')
    const ended = samples.keysOf({ ...samples.ALICE_KEY, isUsable: false })
    expect(reporterPath(alice, ended, samples.ALLOW).kind).toBe('no-key')
  })
})

describe('(B8) a new key with which its owner signs beside the old one', () => {
  const byOther = samples.signature({ fingerprint: OTHER, sha256: samples.sha256('other') })
  const handedOver: Partial<OpenedMail> = {
    candidateKeys: [samples.candidate(OTHER, 'attached')],
    signatures: [byKnown(), byOther]
  }
  const facts = { senderKey: samples.ALICE_KEY }

  it('takes its place, is told loudly, and the signature serves once', () => {
    const { key, decisions, warnings } = decide(handedOver, facts)

    expect(key?.fingerprint).toBe(OTHER)
    expect(decisions.map(({ kind }) => kind)).toEqual([
      'pin-reporter-key',
      'record',
      'remember-signature',
      'remember-signature'
    ])
    expect(only(decisions, 'record')).toMatchObject([
      { event: { kind: 'key-pinned', about: { replaced: expect.any(String) } } }
    ])
    expect(warnings.join()).toContain('has changed')
    const withOld = [
      samples.candidate(samples.ALICE_KEY.fingerprint),
      samples.candidate(OTHER, 'attached')
    ]
    expect(decide({ ...handedOver, candidateKeys: withOld }, facts).key?.fingerprint).toBe(OTHER)
  })

  it('does not when a maintainer refused it, even if the old key signs for it', () => {
    const { keyData, fingerprint, source } = samples.candidate(OTHER, 'attached')
    const key = { keyData, fingerprint, source, firstSeenAt: samples.NOW, wasInUse: false }
    const waitingKeys = [{ ...key, refusedAt: samples.NOW, refusedBy: samples.ADA.id }]
    const { key: used, decisions } = decide(handedOver, { ...facts, waitingKeys })

    expect(used).toBe(samples.ALICE_KEY)
    expect(decisions).toEqual([])
  })

  const to = (...texts: string[]) => ({
    protected: samples.headers({
      to: texts.map((text) => ({ name: '', address: samples.address(text) }))
    })
  })
  const two = [samples.candidate(OTHER, 'attached'), samples.candidate(THIRD, 'attached')]
  const stale = byKnown({ createdAt: samples.at('2026-11-19T11:00:00Z') })
  const ahead = byKnown({ createdAt: samples.at('2026-11-22T13:00:00Z') })
  const refused: readonly [string, Partial<OpenedMail>, Partial<Situation>?][] = [
    [
      'in the unsigned Autocrypt header',
      { candidateKeys: [samples.candidate(OTHER, 'autocrypt')] }
    ],
    ['beside another new one', { candidateKeys: two }],
    ['unsigned', { signatures: [] }],
    ['signed by itself', { signatures: [samples.signature({ fingerprint: OTHER })] }],
    [
      'signed by the old one alone, as evidence that somebody forged it',
      { signatures: [byKnown()] }
    ],
    ['under a bad signature', { signatures: [byKnown({ state: 'bad' }), byOther] }],
    ['under an expired old key', { signatures: [byKnown({ state: 'expired-key' }), byOther] }],
    ['beside what is signed', { signatures: [byKnown({ coversWhole: false }), byOther] }],
    ['under a bad signature of its own', { signatures: [byKnown(), { ...byOther, state: 'bad' }] }],
    [
      'under two signatures of others',
      { signatures: [byKnown(), samples.signature({ sha256: samples.sha256('2') })] }
    ],
    [
      'under a third signature',
      { signatures: [byKnown(), byOther, samples.signature({ sha256: samples.sha256('2') })] }
    ],
    ['in a stale mail', { signatures: [stale, byOther] }],
    ['in a message dated an hour ahead', { signatures: [ahead, byOther] }],
    ['in a message without a protected header', { protected: null }],
    ['in a message whose protected header names nobody', to()],
    ['in a message to somebody else', to('bob@elsewhere.example')],
    ['in a replayed mail', {}, { signatureSeen: true }],
    ['in a message repaired from pieces', { structure: 'pgp-mime-mangled' }],
    ['in a message with text outside', { warnings: ['outside-text'] }],
    ['in a message from somebody else inside', { warnings: ['from-mismatch'] }]
  ]
  it.each(refused)('does not when it comes %s', (_name, change, more = {}) => {
    const { key, decisions } = decide({ ...handedOver, ...change }, { ...facts, ...more })

    expect(key).toBe(samples.ALICE_KEY)
    expect(only(decisions, 'pin-reporter-key')).toEqual([])
    expect(only(decisions, 'offer-reporter-key').length).toBeGreaterThan(0)
  })
})

describe('/key accept FINGERPRINT', () => {
  const offered = {
    ...samples.candidate(OTHER, 'attached'),
    firstSeenAt: samples.NOW,
    isUsable: true,
    isProved: false,
    address: samples.ALICE.address
  }
  function run(text: string, change: Parameters<typeof samples.bound>[0] = {}) {
    return samples.runText(
      text,
      samples.commandContext({ bound: samples.bound({ offeredKeys: [offered], ...change }) })
    )
  }

  it('(B10) does not count waiting words as an answer: only the commit knows whether they could be encrypted', () => {
    const waiting = {
      id: 1,
      tag: TAG,
      mail: 'reply' as const,
      params: { author: 'Grace', text: 'Rain.', decision: '' },
      events: ['answered' as const],
      product: samples.PRODUCT.id,
      reporter: { id: TAG, contact: samples.ALICE, beganInClear: false },
      authorId: 'grace',
      arrivalId: 1,
      at: samples.NOW
    }
    const around = { reporterKeys: samples.keysOf(null), waitingWords: [waiting] }
    const { decisions } = run(`/key accept ${OTHER}`, around)
    expect(only(decisions, 'words-leave')).toHaveLength(1)
    expect(only(decisions, 'update-case')).toEqual([])
  })

  it.each([
    ['/key accept', {}],
    ['/key accept 9999999999999999', {}],
    ['/key accept zz', {}],
    [`/key accept ${THIRD}`, {}],
    [`/key accept ${OTHER}`, { offeredKeys: [{ ...offered, isUsable: false }] }],
    [
      `/key accept ${OTHER}`,
      { case: samples.caseRecord({ reporters: [samples.reporter({ contact: null })] }) }
    ],
    ['/key', {}]
  ])('refuses %j where the key is not named in full, not known or not usable', (text, change) => {
    const { ran, decisions } = run(text, change)

    expect(ran).toBe(false)
    expect(only(decisions, 'pin-reporter-key')).toEqual([])
  })
})
