/** Which case a message continues: no tag lets anybody in whom nothing proves. */
import { describe, expect, it } from 'vitest'
import { type OpenedMail, type Signature } from '../../../src/domain/mail.ts'
import { decideArrival } from '../../../src/policy/inbound.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import {
  ALICE_KEY,
  CHECKED,
  caseRecord,
  EVIL,
  found,
  headers,
  issued,
  only,
  openedMail,
  SETTINGS,
  signature,
  situation
} from './samples.ts'

const BY_ALICE = { fingerprint: ALICE_KEY.fingerprint, issuer: ALICE_KEY.fingerprint }

describe('threads by their tag', () => {
  const tagged = caseRecord()
  const answers = issued()
  /** A message whose sender our server proves by DMARC, if it is asked. */
  function proved(change: Partial<OpenedMail> = {}): OpenedMail {
    const opened = openedMail(change)
    const domain = opened.outer.from?.address.split('@').at(-1) ?? ''
    return { ...opened, trace: { received: 1, returnPaths: [], results: [found({ domain })] } }
  }
  function disposition(change: Partial<Situation>, settings = CHECKED) {
    const decisions = decideArrival(situation({ settings, ...change }))
    return only(decisions, 'dispose')[0]?.disposition
  }

  const signed = (change: Partial<Signature> = {}) =>
    openedMail({ signatures: [signature({ ...BY_ALICE, ...change })] })
  const older = { ...ALICE_KEY, firstSeenAt: tagged.openedAt }

  it('by a Message-ID are the reporter’s only where our servers or the known key say so (G4)', () => {
    const SILENT = { received: 1, returnPaths: [], results: [] }
    const of = (change: Partial<Situation>, settings = CHECKED) => {
      const decisions = decideArrival(situation({ settings, answers, ...change }))
      const [mail] = only(decisions, 'send-sealed')
      return {
        author: only(decisions, 'add-message')[0]?.message.author,
        follows: only(decisions, 'update-reporter').length,
        isTold: JSON.stringify(mail).includes('says that it comes from the reporter')
      }
    }
    const reporter = { author: 'reporter', follows: 1, isTold: false }
    expect(of({}, SETTINGS)).toEqual(reporter)
    expect(of({ opened: proved() })).toEqual(reporter)
    expect(of({ opened: signed(), senderKey: ALICE_KEY })).toEqual(reporter)

    const other = { author: 'other', follows: 0, isTold: true }
    expect(of({ opened: openedMail({ trace: SILENT }) })).toEqual(other)
    const unproved = { ...ALICE_KEY, isProved: false }
    expect(of({ opened: signed(), senderKey: unproved })).toEqual(other)
  })

  it('join by a Message-ID that the desk issued, or by the protected tag of a proved reporter', () => {
    expect(disposition({ answers }, SETTINGS)).toBe('case-joined')
    expect(disposition({ tagged, opened: proved() })).toBe('case-joined')
    const registered = { ...ALICE_KEY, source: 'registered' } as const
    for (const senderKey of [older, registered])
      expect(disposition({ tagged, senderKey, opened: signed() }, SETTINGS)).toBe('case-joined')
    expect(disposition({ tagged, senderKey: ALICE_KEY, opened: signed() })).toBe('case-joined')
  })

  it.each<[string, Partial<Situation>]>([
    ['a message without a signature', { senderKey: ALICE_KEY }],
    [
      'a signature by a key that was pinned after the case was opened',
      { senderKey: ALICE_KEY, opened: signed() }
    ],
    [
      'a signature by a key that is not proved theirs',
      { senderKey: { ...older, isProved: false }, opened: signed() }
    ],
    ['a signature over a part of it', { senderKey: older, opened: signed({ coversWhole: false }) }],
    [
      'a signature that is not valid now',
      { senderKey: older, opened: signed({ state: 'expired-key' }) }
    ],
    ['a result of DMARC that nobody asked for', { opened: proved() }]
  ])(
    'never join by a tag where no mail server is asked, with %s; the relay says so',
    (_, change) => {
      const decisions = decideArrival(situation({ tagged, ...change }))
      expect(only(decisions, 'dispose')).toMatchObject([{ disposition: 'case-opened' }])
      expect(JSON.stringify(only(decisions, 'send-sealed'))).toContain(
        `The message names the case ${tagged.tag}`
      )
    }
  )

  it('never join by a tag alone: clear, unprotected or from a stranger', () => {
    expect(disposition({ tagged, opened: proved({ subjectProtected: false }) })).toBe('case-opened')
    expect(disposition({ tagged, opened: proved({ encrypted: false }) })).toBe('case-opened')
    const stranger = headers({ from: EVIL, subject: 'a hole' })
    expect(disposition({ tagged, opened: proved({ outer: stranger, protected: stranger }) })).toBe(
      'case-opened'
    )
  })
})
