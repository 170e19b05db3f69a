import { describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { type ReporterKey } from '../../../src/domain/case.ts'
import { type Decision } from '../../../src/domain/decision.ts'
import {
  aboutCase,
  BY_DESK,
  type DeskEvent,
  event,
  NO_EVIDENCE
} from '../../../src/domain/event.ts'
import { type AuthenticationResult, type OpenedMail } from '../../../src/domain/mail.ts'
import { judgeSender } from '../../../src/policy/authentication.ts'
import {
  ALICE,
  ALICE_KEY,
  address,
  arrive,
  at,
  bound,
  CHECKED,
  commandContext,
  found,
  happened,
  MX,
  only,
  openedMail,
  rendered,
  runText,
  SETTINGS,
  sent,
  TAG
} from './samples.ts'

const BOUNCES = address('alice@mailer.example')

const SPF = found({ method: 'spf', address: BOUNCES, domain: 'mailer.example' })

const path = (of: Address, below = 0) => ({ address: of, below })
function mail(
  results: readonly AuthenticationResult[],
  received = 2,
  returnPaths = [path(BOUNCES)]
): OpenedMail {
  return openedMail({ trace: { received, returnPaths, results } })
}

function kind(opened: OpenedMail, settings = CHECKED): string {
  const { says } = judgeSender(opened, settings)
  if (says.startsWith('verified')) return 'dmarc'
  return says.includes('(SPF)') ? 'spf' : 'none'
}

describe('who is writing (RFC 8601)', () => {
  it.each<[string, OpenedMail, string]>([
    ['DMARC passes for the domain in From', mail([found({})]), 'dmarc'],
    ['DMARC passes for another domain', mail([found({ domain: 'evil.example' })]), 'none'],
    ['DMARC passes for a parent of the domain', mail([found({ domain: 'example' })]), 'none'],
    ['DMARC passes without a domain', mail([found({ domain: '' })]), 'none'],
    ['another server says so', mail([found({ server: 'mx.evil.example' })]), 'none'],
    ['it stands below our own Received field', mail([found({ below: 1 })]), 'none'],
    ['the mail did not come through our server', mail([found({})], 0), 'none'],
    ['our servers contradict each other', mail([found({}), found({ result: 'fail' })]), 'none'],
    ['only DKIM passes', mail([found({ method: 'dkim' })]), 'none'],
    ['nothing was said', mail([]), 'none'],
    ['SPF alone passes for the return path', mail([SPF]), 'spf'],
    ['SPF passes and there is no DMARC policy', mail([SPF, found({ result: 'none' })]), 'spf'],
    ['SPF passes and DMARC fails', mail([SPF, found({ result: 'fail' })]), 'none'],
    ['SPF fails', mail([{ ...SPF, result: 'softfail' }]), 'none'],
    ['SPF passes for HELO only', mail([{ ...SPF, address: null, domain: '' }]), 'none'],
    ['SPF passes for the domain of the return path', mail([{ ...SPF, address: null }]), 'spf'],
    ['SPF passes for another address', mail([{ ...SPF, address: ALICE.address }]), 'none'],
    ['the return path was in the mail already', mail([SPF], 2, [path(BOUNCES, 1)]), 'none'],
    ['there are two return paths', mail([SPF], 2, [path(BOUNCES), path(ALICE.address)]), 'none']
  ])('%s', (_, opened, expected) => {
    expect(kind(opened)).toBe(expected)
  })

  it('counts further down where the operator’s servers add more Received fields', () => {
    const settings = { ...CHECKED, authentication: { servers: [MX], receivedHops: 2 } }
    expect(kind(mail([found({ below: 1 })]), settings)).toBe('dmarc')
    expect(kind(mail([found({ below: 2 })]), settings)).toBe('none')
  })

  it('gives nobody authority: a maintainer’s address that DMARC proves commands nothing (G4)', () => {
    const from = { name: 'Grace', address: address('grace@acme.example') }
    const proved = { ...mail([found({ domain: 'acme.example' })]), text: '/take\n' }
    const opened = { ...proved, outer: { ...proved.outer, from } }
    expect(kind(opened)).toBe('dmarc')
    const decisions = arrive(opened, { bound: bound() }, CHECKED)
    expect(only(decisions, 'update-case')).toEqual([])
  })
})

describe('the acknowledgement of a message whose sender was checked (RFC 3834 §4)', () => {
  const decide = (opened: OpenedMail, settings = CHECKED, senderKey: ReporterKey | null = null) =>
    arrive(opened, { senderKey }, settings)
  const answerOf = (decisions: readonly Decision[]) => {
    const [one] = sent(decisions, 'acknowledgement')
    if (one === undefined) return null
    const to = one.kind === 'send-clear' ? one.to : one.recipients[0]
    return { kind: one.kind, to: to?.address, isHeld: one.isHeld ?? false }
  }
  const relayOf = (decisions: readonly Decision[]) =>
    sent(decisions, 'relay').map(rendered).join().replaceAll(/\s+/g, ' ')

  it('goes to From when DMARC passes, sealed when the key is known', () => {
    const usual = { to: ALICE.address, isHeld: false }
    const checked = mail([found({})])
    expect(answerOf(decide(checked))).toEqual({ kind: 'send-clear', ...usual })
    expect(answerOf(decide(checked, CHECKED, ALICE_KEY))).toEqual({ kind: 'send-sealed', ...usual })
  })

  it.each([
    ['DMARC fails', found({ result: 'fail' })],
    [`the message came from ${BOUNCES} (SPF)`, SPF]
  ])(
    'is held when %s; the report is taken and the maintainers read how to let it go',
    (why, result) => {
      const decisions = decide(mail([result]))
      expect(answerOf(decisions)).toEqual({ kind: 'send-clear', to: ALICE.address, isHeld: true })
      expect(only(decisions, 'open-case')).toHaveLength(1)
      expect(relayOf(decisions)).toContain(why)
      expect(relayOf(decisions)).toContain(`/acknowledge sends it to ${ALICE.address}`)
      expect(relayOf(decisions)).toContain(
        '! The acknowledgement has not left: the sender is not verified'
      )
    }
  )

  it('leaves as ever where no server is configured, and the relay says so', () => {
    const decisions = decide(mail([found({ result: 'fail' })]), SETTINGS)
    expect(answerOf(decisions)).toMatchObject({ to: ALICE.address, isHeld: false })
    expect(relayOf(decisions)).toContain('names no mail server that checks')
  })
})

const RECEIVED = at('2026-11-21T12:00:00Z')

describe('/acknowledge', () => {
  const run = (heldAnswerTo: ReturnType<typeof address> | null, text = '/acknowledge') =>
    runText(text, commandContext({ bound: bound({ heldAnswerTo }) }))

  it('(G8) lets a held acknowledgement go, once, and puts on the record who let it go', () => {
    const { ran, decisions } = run(ALICE.address, '/acknowledge\n/acknowledge')
    expect(ran).toBe(true)
    expect(happened(decisions, 'acknowledgement-released')).toMatchObject([
      { subject: { id: TAG }, actor: { id: 'grace' } }
    ])
  })

  it.each([
    ['has passed', '2026-11-22T11:00:00Z', false],
    ['passed before the report came', '2026-11-21T11:00:00Z', true],
    ['lies ahead', '2026-11-24T12:00:00Z', true]
  ])('says nothing that is not true any more: its time for an answer %s', (_when, due, ran) => {
    const about = {
      product: 'parser',
      reporter: TAG,
      receivedAt: RECEIVED,
      promised: { answer: at(due) }
    }
    const opened = event('opened', aboutCase(TAG), BY_DESK, about)
    const events = [{ ...opened, id: 1, at: RECEIVED, evidence: NO_EVIDENCE } as DeskEvent]
    const known = bound({ heldAnswerTo: ALICE.address, events })
    expect(runText('/acknowledge', commandContext({ bound: known })).ran).toBe(ran)
  })

  it('sends to nobody to whom the same message writes that nobody has read the report', () => {
    expect(JSON.stringify(run(ALICE.address, '/reply << Hello. >>\n/acknowledge'))).toContain(
      'nobody has read'
    )
  })

  it('does nothing where none is held', () => {
    const { ran, decisions } = run(null)
    expect(ran).toBe(false)
    expect(happened(decisions, 'acknowledgement-released')).toEqual([])
  })
})
