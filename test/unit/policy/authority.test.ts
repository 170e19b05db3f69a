/** Who may act (G4): every way to be refused, and which case the signed bytes name. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { relay as relayMessage } from '../../../src/messages/to-maintainers.ts'
import { findBinding, judgeAuthority, missingRole } from '../../../src/policy/authority.ts'
import { VERBS } from '../../../src/policy/verbs/index.ts'
import {
  ADA,
  ALICE,
  at,
  builtInRender,
  DESK,
  fingerprint,
  GRACE,
  headers,
  LINUS,
  maintainerMail,
  NOW,
  openedMail,
  parse,
  SETTINGS,
  signature,
  TAG
} from './samples.ts'

const from = { from: { name: 'Grace', address: GRACE.address } }
function signed(change: Parameters<typeof signature>[0]): Partial<OpenedMail> {
  return { signatures: [signature(change)] }
}

describe('authority (G4)', () => {
  it('is a valid, fresh, whole, single signature by a pinned key over an encrypted mail', () => {
    expect(judgeAuthority(maintainerMail('/take'), SETTINGS, NOW, false)).toMatchObject({
      kind: 'maintainer',
      maintainer: { id: 'grace' }
    })
  })

  it('belongs to the key, not to the From address', () => {
    const mail = maintainerMail('/take', GRACE, { outer: headers({ from: ALICE }) })
    expect(judgeAuthority(mail, SETTINGS, NOW, false)).toMatchObject({
      kind: 'maintainer',
      maintainer: { id: 'grace' }
    })
    const posing = maintainerMail('/take', LINUS, { outer: headers(from) })
    expect(judgeAuthority(posing, SETTINGS, NOW, false)).toMatchObject({
      kind: 'maintainer',
      maintainer: { id: 'linus' }
    })
  })

  it.each<[string, Partial<OpenedMail>]>([
    ['not-opened', { failure: 'damaged' }],
    ['not-encrypted', { encrypted: false, decrypted: false, structure: 'clear' }],
    ['not-pgp-mime', { structure: 'inline' }],
    ['not-pgp-mime', { structure: 'pgp-mime-mangled' }],
    ['not-pgp-mime', { structure: 'attachment' }],
    ['unsigned', { signatures: [] }],
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
    ['stale', signed({ createdAt: at('2026-11-20T11:59:59Z') })],
    ['stale', signed({ createdAt: null })],
    ['for-another', { protected: headers({ ...from, to: [ALICE], subject: `[${TAG}]` }) }],
    ['from-the-future', signed({ createdAt: at('2026-11-22T12:10:01Z') })]
  ])('is refused as %s', (because, change) => {
    const mail = maintainerMail('/take', GRACE, change)
    expect(judgeAuthority(mail, SETTINGS, NOW, false)).toMatchObject({ kind: 'refused', because })
  })

  it('is refused as replayed when the signature was seen before', () => {
    expect(judgeAuthority(maintainerMail('/take'), SETTINGS, NOW, true)).toMatchObject({
      kind: 'refused',
      because: 'replayed'
    })
  })

  it('is nobody when neither key nor address is a maintainer', () => {
    expect(judgeAuthority(openedMail(), SETTINGS, NOW, false)).toEqual({ kind: 'none' })
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
        const verdict = judgeAuthority(opened, SETTINGS, NOW, seen)
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
        expect(verdict.kind === 'maintainer').toBe(deserved)
      }),
      { numRuns: 500 }
    )
  })
})

describe('the case that signed bytes name', () => {
  function binding(mail: OpenedMail) {
    return findBinding(mail, parse(mail.text), SETTINGS)
  }
  const other = `Ref: ACME-2026-0099 ${DESK}`

  it('is named by the protected subject, a quoted Ref line or a case: line', () => {
    expect(binding(maintainerMail('/take'))).toEqual({ kind: 'case', tag: TAG })
    const bare = { protected: headers({ ...from, subject: 'Re: hello' }) }
    expect(binding(maintainerMail(`ok\n> > Ref: ${TAG} ${DESK}\n`, GRACE, bare))).toEqual({
      kind: 'case',
      tag: TAG
    })
    expect(binding(maintainerMail(`case: ${TAG}\n/take`, GRACE, bare))).toEqual({
      kind: 'case',
      tag: TAG
    })
    expect(binding(maintainerMail('/take', GRACE, bare))).toEqual({ kind: 'none' })
  })

  it('is never named by an outer subject', () => {
    const outer = headers({ ...from, subject: `Re: [${TAG}] x` })
    expect(
      binding(maintainerMail('/take', GRACE, { outer, protected: null, subjectProtected: false }))
    ).toEqual({ kind: 'none' })
  })

  it('is ambiguous when subject and Ref differ, unless a case: line decides', () => {
    expect(binding(maintainerMail(`/take\n\n> ${other}`))).toEqual({ kind: 'ambiguous' })
    expect(binding(maintainerMail(`case: ${TAG}\n/take\n\n> ${other}`))).toEqual({
      kind: 'case',
      tag: TAG
    })
  })

  it('is not named by a Ref line of another desk', () => {
    expect(binding(maintainerMail('/take\n> Ref: ACME-2026-0099 other@desk.example'))).toEqual({
      kind: 'case',
      tag: TAG
    })
  })

  // A reporter writes the text that a maintainer quotes: nothing in it may name another case.
  it.each([
    ['a line', other],
    ['an indented line', `   ${other}`],
    ['a quoted line', `> > ${other}`],
    ['a line separator', `x\u2028${other}`],
    ['a paragraph separator', `x\u2029${other}`],
    ['a next-line character', `x\u0085${other}`],
    ['a lone CR', `x\r${other}`],
    ['a form feed', `x\f${other}`]
  ])('cannot be changed by a reporter with %s in the relayed text', (_name, text) => {
    const relayed = builtInRender()(
      relayMessage({
        facts: [{ label: 'From', value: `${'x'.repeat(60)} ${other} ${'y'.repeat(60)}` }],
        details: [],
        warnings: [],
        text,
        outsideText: text,
        files: [`${'x'.repeat(60)} ${other} ${'y'.repeat(60)}`],
        reach: '',
        isAnswerable: false
      }),
      { tag: TAG, inClear: false }
    )
    const quoted = relayed.split(/[\n\r\f\u0085\u2028\u2029]/).map((line) => `> ${line}`)
    expect(binding(maintainerMail(`/take\n\n${quoted.join('\n')}`))).toEqual({
      kind: 'case',
      tag: TAG
    })
    const raw = relayed.split('\n').map((line) => `> ${line}`)
    expect(binding(maintainerMail(`/take\n\n${raw.join('\n')}`))).toEqual({
      kind: 'case',
      tag: TAG
    })
  })

  it('is found at once in 256 KiB of blank lines (G9)', () => {
    expect(binding(maintainerMail('\n'.repeat(262_144)))).toEqual({ kind: 'case', tag: TAG })
  })
})

describe('roles', () => {
  const rolesOf = (name: string) => VERBS.find((verb) => verb.name === name)?.roles ?? []

  it('let an advisor read and note, and do nothing else (A5)', () => {
    const open = VERBS.filter(({ name }) => missingRole(ADA, rolesOf(name)) === null)

    expect(open.map(({ name }) => name).sort()).toEqual(['cases', 'help', 'note', 'status'])
  })
})
