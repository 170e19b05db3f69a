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

    // Else it is a case of its own, unless what is protected inside names the case, too (B6).
    const unproved = { ...ALICE_KEY, isProved: false }
    const doubtful: Partial<Situation>[] = [
      { opened: openedMail({ trace: SILENT }) },
      { opened: signed(), senderKey: unproved }
    ]
    const confirmed = { ...answers, isConfirmed: true }
    for (const change of doubtful) {
      expect(disposition({ answers, ...change })).toBe('case-opened')
      const other = { author: 'other', follows: 0, isTold: true }
      expect(of({ ...change, answers: confirmed })).toEqual(other)
    }
  })

  it('(B6) a header outside only proposes a case: a sealed report that names another person’s is one of its own', () => {
    const eve = headers({ from: EVIL, subject: '...' })
    const stolen = proved({ outer: eve, protected: headers({ from: EVIL, subject: 'x' }) })
    const decisions = decideArrival(situation({ settings: CHECKED, answers, opened: stolen }))
    expect(only(decisions, 'open-case')).toHaveLength(1)
    expect(JSON.stringify(only(decisions, 'send-sealed'))).toContain(
      `If you know that it belongs there, reply with /merge ${tagged.tag}`
    )
    // A protected header is the writer's own: with one that names the case nobody on the way chose it.
    expect(disposition({ answers: { ...answers, isConfirmed: true }, opened: stolen })).toBe(
      'case-joined'
    )
    expect(disposition({ answersInside: answers, opened: stolen })).toBe('case-opened')
    expect(disposition({ answersInside: answers, opened: proved() })).toBe('case-joined')
    const program = { ...stolen, encrypted: false, automatic: ['auto-generated'] as const }
    expect(disposition({ answers, opened: program })).toBe('case-joined')
  })

  it('(14) what answers the sender’s own message joins where our servers or the key prove them, or where none is asked', () => {
    const own = { case: tagged, by: 'message-id' } as const
    expect(disposition({ ownThread: own, opened: proved() })).toBe('case-joined')
    expect(disposition({ ownThread: own })).toBe('case-opened')
    expect(disposition({ ownThread: own, opened: signed(), senderKey: ALICE_KEY })).toBe(
      'case-joined'
    )
    expect(disposition({ ownThread: own }, SETTINGS)).toBe('case-joined')
    const bySubject = { ...own, by: 'subject' } as const
    const inClear = openedMail({ encrypted: false, decrypted: false, protected: null })
    expect(disposition({ ownThread: bySubject, opened: inClear }, SETTINGS)).toBe('case-joined')
    // Whether it was opened must not show in whether it is acknowledged (G6).
    expect(disposition({ ownThread: bySubject }, SETTINGS)).toBe('case-opened')
    const eve = headers({ from: EVIL })
    expect(disposition({ ownThread: own, opened: openedMail({ outer: eve }) }, SETTINGS)).not.toBe(
      'case-joined'
    )
  })

  it('(14) a number in the subject of an answer joins where our servers prove the reporter', () => {
    const outer = headers({ subject: `Re: [${tagged.tag}] a hole` })
    const clear = { outer, protected: null, subjectProtected: false, encrypted: false }
    expect(disposition({ subjectCase: tagged, opened: proved(clear) })).toBe('case-joined')
    expect(disposition({ subjectCase: tagged, opened: openedMail(clear) })).toBe('case-opened')
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
