/** Who may act (G4): every way to be refused and what is said then, which case the signed bytes name, and for whom they are (B20). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseTag } from '../../../src/domain/ids.ts'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type NamedMessage } from '../../../src/domain/message.ts'
import { claimedMaintainer, findBinding, refusalOf } from '../../../src/policy/authority.ts'
import { isMeantForDesk } from '../../../src/policy/conversation.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import { VERBS } from '../../../src/policy/verbs/index.ts'
import { missingRoles } from '../../../src/policy/verbs/verb.ts'
import { rows } from '../../support/rows.ts'
import {
  ADA,
  ALICE,
  arrive,
  at,
  DESK,
  fingerprint,
  GRACE,
  headers,
  issued,
  LINUS,
  maintainerMail,
  NOW,
  only,
  openedMail,
  parse,
  rendered,
  SETTINGS,
  sent,
  signature,
  situation,
  TAG
} from './samples.ts'

/** The maintainer for whom a message speaks that quotes no message of the desk, or why it does not. */
function judge(opened: OpenedMail, signatureSeen = false): string | null {
  const author = claimedMaintainer(opened, SETTINGS)
  const known = situation({ opened, signatureSeen })
  return author && (refusalOf(known, author) ?? author.id)
}
const from = { from: { name: 'Grace', address: GRACE.address } }
function signed(change: Parameters<typeof signature>[0]): Partial<OpenedMail> {
  return { signatures: [signature(change)] }
}

describe('authority (G4)', () => {
  it('is a valid, fresh, whole, single signature by a pinned key over an encrypted mail', () => {
    expect(judge(maintainerMail('/take'))).toBe('grace')
  })

  it('belongs to the key, not to the From address', () => {
    expect(judge(maintainerMail('/take', GRACE, { outer: headers({ from: ALICE }) }))).toBe('grace')
    expect(judge(maintainerMail('/take', LINUS, { outer: headers(from) }))).toBe('linus')
  })

  it.each<[string, Partial<OpenedMail>]>([
    ['not-opened', { failure: 'damaged' }],
    ['not-encrypted', { encrypted: false, decrypted: false, structure: 'clear' }],
    ['not-pgp-mime', { structure: 'inline' }],
    ['not-pgp-mime', { structure: 'pgp-mime-mangled' }],
    ['not-pgp-mime', { structure: 'attachment' }],
    ['unsigned', { signatures: [] }],
    // By a part that only a copy of the key in a message has.
    ['unknown-key', { signatures: [signature({ issuer: fingerprint('9') })] }],
    [
      'several-signatures',
      { signatures: [signature(), signature({ fingerprint: LINUS.fingerprint })] }
    ],
    ['not-covered', signed({ coversWhole: false })],
    ['bad-signature', signed({ state: 'bad', fingerprint: null })],
    ['unknown-key', signed({ state: 'unknown-key', fingerprint: null })],
    ['unknown-key', signed({ state: 'valid', fingerprint: fingerprint('9') })],
    ['expired-key', signed({ state: 'expired-key' })],
    ['revoked-key', signed({ state: 'revoked-key' })],
    ['repeated-header', { warnings: ['repeated-header'] }],
    ['too-long', { warnings: ['text-truncated'] }],
    ['stale', signed({ createdAt: at('2026-11-20T11:59:59Z') })],
    ['stale', signed({ createdAt: null })],
    ['for-another', { protected: headers({ ...from, to: [ALICE], subject: `[${TAG}]` }) }],
    ['from-the-future', signed({ createdAt: at('2026-11-22T12:10:01Z') })]
  ])('is refused as %s', (because, change) => {
    expect(judge(maintainerMail('/take', GRACE, change))).toBe(because)
  })

  it('is refused as replayed when the signature was seen before', () => {
    expect(judge(maintainerMail('/take'), true)).toBe('replayed')
  })

  it('is nobody when neither key nor address is a maintainer', () => {
    expect(judge(openedMail())).toBe(null)
  })

  it('is never given without every one of the conditions (property)', () => {
    const mail = fc.record({
      failure: fc.constantFrom(null, 'damaged' as const),
      encrypted: fc.boolean(),
      decrypted: fc.boolean(),
      structure: fc.constantFrom('pgp-mime', 'inline', 'clear', 'attachment', 'pgp-mime-mangled'),
      signatures: fc.array(
        fc.record({
          state: fc.constantFrom('valid', 'bad', 'unknown-key', 'expired-key', 'revoked-key'),
          fingerprint: fc.constantFrom(null, GRACE.fingerprint, fingerprint('9')),
          coversWhole: fc.boolean(),
          createdAt: fc.constantFrom(null, NOW, at('2026-11-01T00:00:00Z'))
        }),
        { maxLength: 2 }
      )
    })
    fc.assert(
      fc.property(mail, fc.boolean(), (made, seen) => {
        const signatures = made.signatures.map((entry) =>
          signature(entry as Parameters<typeof signature>[0])
        )
        const opened = maintainerMail('/take', GRACE, {
          ...made,
          signatures
        } as Partial<OpenedMail>)
        const [first, ...others] = signatures
        const deserved =
          made.failure === null &&
          made.encrypted &&
          made.decrypted &&
          made.structure === 'pgp-mime' &&
          others.length === 0 &&
          first?.state === 'valid' &&
          first.fingerprint === GRACE.fingerprint &&
          first.coversWhole &&
          first.createdAt === NOW &&
          !seen
        expect(judge(opened, seen) === 'grace').toBe(deserved)
      }),
      { numRuns: 500 }
    )
  })
})

/** Stands for a message of the desk that its recipient quotes. */
function relayOf(tag: string | null): NamedMessage {
  return { ...issued(), tag: tag as CaseTag | null }
}

describe('the case that signed bytes name', () => {
  function binding(
    mail: OpenedMail,
    quoted: readonly NamedMessage[] = [],
    answers: Situation['answers'] = null
  ) {
    const known = { opened: mail, quoted, answers }
    return findBinding(known, parse(mail.text), SETTINGS, (tag) => tag)
  }
  const OTHER = 'ACME-2026-0099'

  it('is named by the protected subject, a message of the desk that is quoted, or a case: line', () => {
    expect(binding(maintainerMail('/take'))).toBe(TAG)
    const bare = { protected: headers({ ...from, subject: 'Re: hello' }) }
    expect(binding(maintainerMail('/take', GRACE, bare), [relayOf(TAG)])).toBe(TAG)
    expect(binding(maintainerMail(`case: ${TAG}\n/take`, GRACE, bare))).toBe(TAG)
    expect(binding(maintainerMail('/take', GRACE, bare), [relayOf(null)])).toBe(null)
  })

  it('is never named by an outer subject', () => {
    const outer = headers({ ...from, subject: `Re: [${TAG}] x` })
    const unprotected = { outer, protected: null, subjectProtected: false }
    expect(binding(maintainerMail('/take', GRACE, unprotected))).toBe(null)
  })

  it('is ambiguous when the subject, a quoted message and a case: line differ', () => {
    expect(binding(maintainerMail('/take'), [relayOf(OTHER)])).toBe('conflict')
    expect(binding(maintainerMail(`case: ${TAG}\n/take`), [relayOf(OTHER)])).toBe('conflict')
    expect(binding(maintainerMail(`case: ${OTHER}\n/take`))).toBe('conflict')
  })

  it('is ambiguous when a case: line names another case than the answered message', () => {
    const answered = issued()
    const bare = { protected: headers({ ...from, subject: 'Re: hello' }) }
    const to = (tag: string) =>
      binding(maintainerMail(`case: ${tag}\n/take`, GRACE, bare), [], answered)
    expect(to(OTHER)).toBe('conflict')
    expect(to(TAG)).toBe(TAG)
  })

  it('is found at once in 256 KiB of blank lines (G9)', () => {
    expect(binding(maintainerMail('\n'.repeat(262_144)))).toBe(TAG)
  })
})

it('forgers cannot use up the refusals that answer a maintainer’s own signature', () => {
  const many = { history: { ...situation().history, refusalsLastHour: 100 } }
  const signatures = [signature({ createdAt: at('2026-11-01T12:00:00Z') })]
  const stale = maintainerMail('/take', GRACE, { signatures })
  expect(sent(arrive(stale, many), 'refusal')).toHaveLength(1)
  expect(sent(arrive(stale, { ...many, signatureSeen: true }), 'refusal')).toEqual([])
})

it('roles let an advisor read and note, and do nothing else (A5)', () => {
  const open = VERBS.filter((verb) => missingRoles(ADA, verb.roles).length === 0)
  expect(open.map(({ name }) => name).sort()).toEqual([
    ...['cases', 'files', 'help', 'note', 'show', 'status']
  ])
})

/** Whom the protected header names. */
const INSIDE: Readonly<Record<string, Parameters<typeof headers>[0]>> = {
  desk: {},
  alice: { to: [ALICE] },
  'alice, cc desk': { to: [ALICE], cc: [{ name: '', address: DESK }] },
  nobody: { to: [] },
  unreadable: { to: [], hasUnreadableRecipient: true }
}
const KEYS: Readonly<Record<string, string>> = {
  desk: SETTINGS.desk.fingerprint,
  retired: fingerprint('9'),
  grace: GRACE.fingerprint
}

// Columns: what names the desk, whether it is meant; the protected To, whom the signature names, the text, what it quotes.
it.each(rows`
  the protected To                              | yes | desk           |             |                  |
  the protected Cc beside others                | yes | alice, cc desk |             |                  |
  the recipients in the signature               | yes | no header      | grace, desk |                  |
  a retired key of the desk in the signature    | yes | desk           | retired     |                  |
  a quoted message of the desk                  | yes | nobody         |             |                  | relay
  the number and revision of a notice alone     | no  | no header      |             | > Reference:   ${TAG}, revision 2 |
  a reference line that no message has          | no  | no header      |             | > Ref: ${TAG} ${DESK} |
  a first line to:                              | yes | nobody         |             | \nTo: <${DESK}>\n\n/help |
  a line to: below a line case:                 | yes | nobody         |             | case: ${TAG}\nto: ${DESK}\n/help |
  two lines to: of which one is somebody else's | no  | nobody         |             | to: ${DESK}\n\nto: a@b.example |
  a line to: below other text                   | no  | nobody         |             | /help\nto: ${DESK} |
  a quoted line to:                             | no  | nobody         |             | > to: ${DESK}    |
  a first line to: beside a protected To of others | no | alice        |             | to: ${DESK}      |
  a first line to: somebody else above a quoted message of the desk | no | nobody | | to: a@b.example | relay
  nothing                                       | no  | nobody         |             |                  |
  a quoted message of the desk beside a protected To of others | no | alice |       |                  | relay
  a quoted message of the desk beside an unreadable To | no | unreadable |          |                  | relay
  a protected To beside a signature for others  | no  | desk           | grace       |                  |
  a signature for the desk beside a protected To of others | no | alice | desk      |                  |
`)(
  '(B20) a signed message that names the desk by %s is meant for it: %s',
  (_title, is, inside = '', keys = '', text = '', quotes = '') => {
    const named = INSIDE[inside]
    const intendedRecipients = keys.split(', ').flatMap((who) => KEYS[who] ?? [])
    const opened = maintainerMail(text, GRACE, {
      protected: named === undefined ? null : headers(named),
      signatures: [signature({ intendedRecipients })]
    })
    const quoted = quotes === '' ? [] : [relayOf(TAG)]
    expect(isMeantForDesk(opened, quoted, SETTINGS)).toBe(is === 'yes')
  }
)

/** What they read of a message in their name that had no effect. */
function refuse(change: Parameters<typeof maintainerMail>[2], around: Partial<Situation> = {}) {
  const opened = maintainerMail('/take', GRACE, change)
  return arrive(opened, around)
}

it.each<[string, string, ReturnType<typeof refuse>]>([
  [
    'because it was not signed.',
    'send it again, signed with your registered key',
    refuse({ signatures: [] })
  ],
  [
    'because its signature was used before.',
    'If you did not write it, somebody used your name',
    refuse({}, { signatureSeen: true })
  ],
  [
    'because the key that signed it has expired.',
    'Extend your key',
    refuse({ signatures: [signature({ state: 'expired-key' })] })
  ],
  [
    'because nothing in its signed part says that it is meant for this desk.',
    `to: ${SETTINGS.desk.address}`,
    refuse({ protected: null })
  ]
])('says why and what to do, and nothing of the message (G6): %s', (why, remedy, decisions) => {
  const [message] = only(decisions, 'send-sealed')
  const text = message === undefined ? '' : rendered(message).replaceAll(/\s+/g, ' ')
  expect(text).toMatch(
    /^We received a message in your name, dated Sun 22 Nov 2026, .*, and did not/
  )
  expect(text).toContain(why)
  expect(text).toContain(remedy)
  expect(`${message?.message.subject ?? ''} ${text}`).not.toMatch(/hole in the parser|\/take/)
})
