/** What happens to one message: exactly one disposition, and nothing sent that could give a report away (G1, G3, G6). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseRecord } from '../../../src/domain/case.ts'
import { type Decision } from '../../../src/domain/decision.ts'
import { formatFingerprint } from '../../../src/domain/ids.ts'
import { type AutomaticKind, type OpenedMail } from '../../../src/domain/mail.ts'
import { msBetween } from '../../../src/domain/time.ts'
import { decideArrival } from '../../../src/policy/inbound.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import {
  ALICE,
  ALICE_KEY,
  address,
  arrive,
  bound,
  CHECKED,
  candidate,
  caseRecord,
  DESK,
  EVIL,
  fingerprint,
  found,
  GRACE,
  happened,
  headers,
  issued,
  keysOf,
  maintainerMail,
  member,
  messageId,
  only,
  openedMail,
  productWith,
  rendered,
  reporter,
  SETTINGS,
  sends,
  sent,
  signature,
  situation
} from './samples.ts'

const CONTENT_FREE = ['acknowledgement', 'refusal', 'key-request', 'resend-request', 'key-problem']

/** Often enough as usual that commands run. */
const rarely = fc.integer({ min: 0, max: 9 }).map((chance) => chance === 9)

const anyOpened: fc.Arbitrary<OpenedMail> = fc
  .record({
    from: fc.constantFrom(null, ALICE, EVIL, GRACE, GRACE, GRACE, { name: '', address: DESK }),
    structure: fc.constantFrom('pgp-mime', 'pgp-mime', 'pgp-mime', 'inline', 'clear'),
    failure: fc.constantFrom(null, null, null, null, null, 'damaged', 'not-for-us', 'limit'),
    text: fc.constantFrom(
      ...['SECRET', '/accept\n', '/reply\nSECRET', '/reject upstream', '/status', '']
    ),
    unsigned: rarely,
    isAutomatic: rarely,
    automatic: fc.subarray<AutomaticKind>([
      ...(['bounce', 'auto-replied', 'list', 'receipt', 'loop', 'null-path'] as const)
    ]),
    key: fc.boolean(),
    messageId: fc.constantFrom(null, messageId('x@y.example')),
    large: fc.boolean()
  })
  .map((made) => {
    const encrypted = made.structure !== 'clear'
    const outer = headers({
      from: made.from,
      replyTo: EVIL,
      cc: [EVIL],
      messageId: made.messageId,
      subject: encrypted ? '...' : 'SECRET'
    })
    return maintainerMail(made.text, GRACE, {
      outer,
      structure: made.structure as OpenedMail['structure'],
      encrypted,
      decrypted: encrypted && made.failure === null,
      failure: made.failure as OpenedMail['failure'],
      sealedTo: encrypted ? 'desk' : 'nobody',
      signatures: made.unsigned ? [] : [signature()],
      protected: headers({ subject: 'SECRET [ACME-2026-0001]' }),
      automatic: made.isAutomatic ? made.automatic : [],
      candidateKeys: made.key ? [candidate(fingerprint('f'), 'autocrypt')] : [],
      warnings: made.large ? ['too-large'] : []
    })
  })

const anySituation: fc.Arbitrary<Situation> = fc
  .record({
    opened: anyOpened,
    quarantined: rarely,
    answered: fc.boolean(),
    bounced: rarely,
    known: fc.boolean(),
    isBound: fc.boolean(),
    isMember: fc.boolean(),
    seen: rarely,
    recently: fc.boolean(),
    inClear: fc.boolean(),
    refusals: fc.constantFrom(0, 100)
  })
  .map((made) => {
    const record = caseRecord({ reporters: [reporter({ beganInClear: made.inClear })] })
    const reporterKey = made.known ? ALICE_KEY : null
    return situation({
      opened: made.opened,
      quarantined: made.quarantined,
      answers: made.answered ? issued({ case: record }) : null,
      tagged: made.isBound ? record : null,
      bounced: made.bounced ? issued({ case: record }) : null,
      bound: made.isBound ? bound({ case: record, reporterKeys: keysOf(reporterKey) }) : null,
      member: made.isMember ? { record: member('debian', '1'), signed: false } : null,
      senderKey: reporterKey,
      signatureSeen: made.seen,
      history: {
        proved: { toSender: 0, toDomain: 0, toOthers: [] },
        unproved: { toSender: made.recently ? 5 : 0, toDomain: 0, toOthers: [] },
        refusalsLastHour: made.refusals
      }
    })
  })

describe('any mail in any situation', () => {
  type Rule = (decisions: readonly Decision[], given: Situation, cleartext: string) => void
  const always = (holds: Rule) => () => {
    const policies = fc.constantFrom('allow' as const, 'deny' as const)
    const property = fc.property(anySituation, policies, (given, cleartext) => {
      const settings = { ...SETTINGS, products: [productWith({ reporters: { cleartext } })] }
      holds(decideArrival({ ...given, settings }), given, cleartext)
    })
    fc.assert(property, { numRuns: 500 })
  }

  const endsOnce = always((decisions) => {
    expect(only(decisions, 'dispose')).toHaveLength(1)
    expect(decisions.at(-1)?.kind).toBe('dispose')
    const names = sends(decisions).map(({ once }) => once)
    expect(new Set(names).size).toBe(names.length)
  })
  it('ends in exactly one disposition, the last decision (G1)', endsOnce)

  const isSealed = always((decisions, { bound: known }, cleartext) => {
    for (const mail of only(decisions, 'send-clear')) {
      const excepted =
        ['reply', 'accepted', 'rejected'].includes(mail.message.kind) &&
        cleartext === 'allow' &&
        known?.case.reporters[0]?.beganInClear === true &&
        known.reporterKeys.size === 0
      expect(CONTENT_FREE.includes(mail.message.kind) || excepted).toBe(true)
      if (!excepted) expect(JSON.stringify(mail)).not.toContain('SECRET')
    }
    for (const { recipients } of only(decisions, 'send-sealed'))
      for (const { fingerprint: to, keyData } of recipients) {
        expect(to).toMatch(/^[0-9a-f]{40}$/)
        expect(keyData.length).toBeGreaterThan(0)
      }
  })
  it(
    'never sends content in clear except a maintainer’s own words where the policy allows it, and never seals to anybody without a full fingerprint and a key (G3)',
    isSealed
  )

  const answersSender = always((decisions, { opened }) => {
    for (const mail of sends(decisions))
      for (const to of mail.kind === 'send-clear' ? [mail.to] : mail.recipients)
        if (to.address === EVIL.address) expect(opened.outer.from).toEqual(EVIL)
  })
  it('never writes to an address that only Reply-To or Cc names', answersSender)

  const needsAuthority = always((decisions) => {
    if (only(decisions, 'remember-signature').length > 0) return
    expect(only(decisions, 'update-case')).toEqual([])
    expect(only(decisions, 'save-notice')).toEqual([])
  })
  it('never changes a case without a maintainer’s authority (G4)', needsAuthority)
})

describe('the acknowledgement (M-02, RFC 3834)', () => {
  function acknowledgement(change: Partial<OpenedMail>, more: Partial<Situation> = {}) {
    return sent(arrive(openedMail(change), more), 'acknowledgement')[0] ?? null
  }

  it.each<AutomaticKind>([
    ...(['auto-replied', 'auto-generated', 'list', 'bulk', 'null-path', 'loop'] as const),
    ...(['no-reply-address', 'asks-for-silence'] as const)
  ])('never answers a message that is %s, but opens its case', (kind) => {
    const decisions = arrive(openedMail({ automatic: [kind] }))
    expect(sent(decisions, 'acknowledgement')).toEqual([])
    expect(only(decisions, 'open-case')).toHaveLength(1)
  })

  it.each([
    ['by blind copy', { to: [] }],
    ['to somebody else', { to: [{ name: '', address: address('list@elsewhere.example') }] }]
  ])(
    'waits for /acknowledge when the mail came %s, and the report is a case (RFC 3834 §2)',
    (_name, change) => {
      const decisions = arrive(openedMail({ outer: headers(change) }))
      expect(only(decisions, 'open-case')).toHaveLength(1)
      expect(sent(decisions, 'acknowledgement')).toMatchObject([{ isHeld: true }])
      const [forwarded] = sent(decisions, 'relay')
      expect(JSON.stringify(forwarded)).toContain('neither its To nor its Cc names the desk')
      const copied = headers({ to: [], cc: [{ name: '', address: DESK }] })
      expect(acknowledgement({ outer: copied })).toMatchObject({ isHeld: false })
    }
  )

  it('says the same whatever opening gave (property, G6)', () => {
    const inside = fc.record({
      decrypted: fc.boolean(),
      failure: fc.constantFrom(null, ...(['damaged', 'not-for-us', 'no-integrity'] as const)),
      text: fc.string(),
      subjectProtected: fc.boolean(),
      signatures: fc.constantFrom([], [signature({ fingerprint: null, state: 'bad' })])
    })
    const [usual] = [acknowledgement({})].map((mail) => mail && rendered(mail))
    fc.assert(
      fc.property(inside, fc.string(), (change, subject) => {
        const mail = acknowledgement({ ...change, protected: headers({ subject }) })
        expect(mail && rendered(mail)).toBe(usual)
        expect(mail?.message.subject).toBe('We received your report')
      })
    )
  })

  it('(A5) is held for its turn only where a week has no room; the share is fair by domain, and proved senders have their own', () => {
    const settings = {
      ...CHECKED,
      acknowledgement: { jitter: 0, per_hour: 20, per_domain_hour: 10 }
    }
    const open = { ...settings, authentication: { servers: [], receivedHops: 1 } }
    const none = { toSender: 0, toDomain: 0, toOthers: [] }
    const trace = { received: 1, returnPaths: [], results: [found()] }
    const hours = (unproved: object, proved: object = none, isProved = false): number | null => {
      const base = situation()
      const history = {
        ...base.history,
        unproved: { ...none, ...unproved },
        proved: { ...none, ...proved }
      }
      const mail = acknowledgement(isProved ? { trace } : {}, {
        history,
        settings: isProved ? settings : open
      })
      const leaves = mail?.notBefore ?? base.now
      return mail?.isHeld === true ? null : Math.round(msBetween(base.now, leaves) / 3_600_000)
    }
    // One domain sent 500.
    expect(hours({ toOthers: [500] })).toBe(0)
    expect(hours({ toDomain: 500 })).toBe(50)
    // 500 domains sent one each.
    const many = Array.from({ length: 500 }, () => 1)
    expect(hours({ toOthers: many })).toBe(25)
    expect(hours({ toOthers: many }, none, true)).toBe(0)
    expect(hours({ toDomain: 10_000 })).toBeNull()
  })

  it('never says that a message came in clear when nobody looked inside (G6)', () => {
    const words = (sealedTo: OpenedMail['sealedTo']): string => {
      const mail = acknowledgement({ sealedTo })
      return mail === null ? '' : rendered(mail)
    }
    expect(words('nobody')).toContain('Your message was not encrypted')
    expect(words('unknown')).not.toContain('not encrypted')
    expect(words('unknown')).toMatch(/cannot tell whether your message was encrypted/)
  })

  it('(B7) is sealed to a key that came with the message or is known of a proved sender, which it names, and in clear otherwise, with the same words', () => {
    const signatures = [signature({ fingerprint: ALICE_KEY.fingerprint })]
    const sealed = acknowledgement({ signatures }, { senderKey: ALICE_KEY })
    const clear = acknowledgement({})
    expect(sealed?.kind).toBe('send-sealed')
    // Whoever only claims the address learns nothing of what is known of it.
    expect(acknowledgement({}, { senderKey: ALICE_KEY })).toEqual(clear)
    const trace = { received: 1, returnPaths: [], results: [found()] }
    const proved = { senderKey: ALICE_KEY, settings: CHECKED }
    expect(acknowledgement({ trace }, proved)?.kind).toBe('send-sealed')
    const brought = candidate(fingerprint('f'))
    const own = acknowledgement({ candidateKeys: [brought] }, { senderKey: ALICE_KEY })
    expect(own).toMatchObject({ recipients: [{ fingerprint: brought.fingerprint }] })
    expect(clear?.kind).toBe('send-clear')
    const yourKey = formatFingerprint(ALICE_KEY.fingerprint)
    const params = { ...clear?.message.params, yourKey }
    expect(sealed?.message).toEqual({ ...clear?.message, params })
  })
})

it.each([
  ['nobody', true],
  ['unknown', false]
] as const)(
  'a case whose report was visibly sealed to %s began in clear: %s (G3)',
  (sealedTo, isClear) => {
    const [opening] = only(arrive(openedMail({ sealedTo })), 'open-case')
    expect(opening?.case.reporters[0]?.beganInClear).toBe(isClear)
  }
)

describe('bounces', () => {
  it('that name no message of the desk change no delivery: they are held and recorded, and a clock tells of them', () => {
    const bounce = {
      returnedMessageIds: [messageId('a@b.example')],
      hasFailed: true,
      isTooLarge: false,
      hasArrived: false
    } as const
    const opened = openedMail({ automatic: ['bounce'], bounce })
    expect(arrive(opened)).toMatchObject([
      { kind: 'record', event: { kind: 'bounce-unmatched' } },
      { kind: 'dispose', state: 'held', disposition: 'bounce-unmatched' }
    ])
    const known = arrive(opened, { bounced: issued() })
    expect(known.map(({ kind }) => kind)).toEqual(['bounce', 'dispose'])
  })

  it('that only look like it, and name no message of the desk, are reports (G1)', () => {
    const bounce = {
      returnedMessageIds: [],
      hasFailed: true,
      isTooLarge: false,
      hasArrived: false
    } as const
    const opened = openedMail({ automatic: ['no-reply-address'], bounce })
    expect(only(arrive(opened), 'open-case')).toHaveLength(1)
    expect(only(arrive(opened, { bounced: issued() }), 'bounce')).toHaveLength(1)
  })
})

// What a reporter's next message does to the case (B13).
/** Alice writes into a case. */
function aliceWrites(state: CaseRecord['state']) {
  const record = caseRecord({ state })
  const decisions = arrive(openedMail(), {
    answers: issued({ kind: 'acknowledgement', case: record }),
    bound: bound({ case: record })
  })
  return {
    state: only(decisions, 'update-case')[0]?.set.state ?? null,
    forwarded: JSON.stringify(only(decisions, 'send-sealed').map(({ message }) => message)),
    wrote: happened(decisions, 'reporter-wrote')
  }
}

it.each([
  ['rejected', 'rejected (upstream)'],
  ['closed', 'closed']
] as const)(
  'a reporter who writes into a %s case is heard: it is open again, and the forwarded report says so (B13)',
  (state, words) => {
    const { state: after, forwarded, wrote } = aliceWrites(state)
    expect(after).toBe('triaging')
    expect(wrote).toMatchObject([{ about: { effect: 'reopens' } }])
    expect(forwarded).toContain(`The case was ${words}, and the reporter wrote again.`)
  }
)

it.each(['triaging', 'accepted', 'planned', 'noticed', 'disclosed', 'merged'] as const)(
  'a reporter who writes into a case that is %s leaves it where it is',
  (state) => {
    const { state: after, forwarded } = aliceWrites(state)
    expect(after).toBeNull()
    expect(forwarded).not.toContain('wrote again')
  }
)
