/** The verbs that move a case: what they record, and random ones in random order. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CaseRecord, type CaseState } from '../../../src/domain/case.ts'
import { historyAfter, moveCase } from '../../../src/domain/case-machine.ts'
import { type CommandContext } from '../../../src/policy/draft.ts'
import { type BoundCase } from '../../../src/policy/situation.ts'
import { noticeAfter, objection } from '../../support/case-model.ts'
import { rows } from '../../support/rows.ts'
import {
  at,
  BEGAN_IN_CLEAR,
  bound,
  caseRecord,
  commandContext,
  file,
  NOW,
  noticeRecord,
  only,
  PRODUCT,
  productWith,
  promiseWithin,
  rendered,
  runText,
  SETTINGS,
  sent,
  sentTo,
  tag
} from './samples.ts'

const ALLOW = productWith({ close: { internal: 'allow' }, reporters: { cleartext: 'allow' } })
const PAST = at('2026-11-20T12:00:00Z')
const FUTURE = at('2026-12-04T12:00:00Z')

function run(
  text: string,
  change: Partial<CaseRecord> = {},
  on: Partial<BoundCase> = {},
  around: Partial<CommandContext> = {}
) {
  const here = bound({ case: caseRecord(change), ...on })
  const { ran, decisions } = runText(text, commandContext({ bound: here, ...around }))
  return {
    ran,
    decisions,
    toReporter: sentTo(decisions, 'reporter'),
    told: (kind: string) =>
      sentTo(decisions, 'maintainer')
        .filter(({ message }) => message.kind === kind)
        .map(rendered)
        .join(),
    kept: only(decisions, 'add-message').map(({ message }) => message),
    state: only(decisions, 'update-case')[0]?.set.state ?? null,
    events: only(decisions, 'record').map(({ event: { kind, about } }) => ({ kind, about }))
  }
}

describe('/disclosed', () => {
  it.each([
    ['', 'noticed', PAST, { date: PAST, reason: '' }],
    ['2026-11-21T10:00Z', 'planned', PAST, { date: '2026-11-21T10:00:00.000Z', reason: '' }],
    ['because: it leaked', 'planned', FUTURE, { date: NOW, reason: 'it leaked' }]
  ] as const)(
    '%s records the disclosure of a case that is %s until %s',
    (words, state, date, about) => {
      // Nobody told the reporter a date.
      const told = [{ kind: 'date-told' }]
      expect(run(`/disclosed ${words}`, { state, disclosureAt: date })).toMatchObject({
        ran: true,
        state: 'disclosed',
        events: [{ kind: 'disclosed', about }, ...told]
      })
    }
  )

  it.each([
    ['', 'planned', FUTURE],
    ['because', 'planned', FUTURE],
    ['2026-12-04T12:00:00Z because we plan so', 'planned', PAST],
    ['because it leaked', 'triaging', null]
  ] as const)('%s is refused for a case that is %s until %s', (words, state, disclosureAt) => {
    expect(run(`/disclosed ${words}`, { state, disclosureAt }).ran).toBe(false)
  })

  it.each([true, false])('says of a notice that never left who had it (B6): %s', (hasLeft) => {
    const dated = { state: 'planned', disclosureAt: PAST } as const
    const { told } = run('/disclosed', dated, { notice: noticeRecord({ hasLeft }) })
    for (const kind of ['transcript', 'activity'])
      expect(told(kind).includes('obody on the list had the advance notice')).toBe(!hasLeft)
  })
})

describe('/reopen', () => {
  it.each(['rejected', 'closed'] as const)('opens a %s case again, with the reason', (state) => {
    expect(run('/reopen because new facts came', { state })).toMatchObject({
      ran: true,
      state: 'triaging',
      events: [{ kind: 'reopened', about: { reason: 'new facts came' } }]
    })
    expect(run('/reopen', { state }).ran).toBe(false)
  })
})

it('a report that the list has been told is not rejected, and the refusal says how to take it back (A1)', () => {
  const { ran, told } = run('/reject upstream', { state: 'noticed', disclosureAt: FUTURE })
  expect(ran).toBe(false)
  expect(told('transcript').replaceAll(/\s+/g, ' ')).toContain('tell the list with /notice draft')
})

it('(B6) a reporter who read a rejection reads, when the report is accepted or merged, that we looked at it again', () => {
  const other = { ...caseRecord({ id: 5, tag: tag('ACME-2026-0005') }), reporters: [], due: null }
  const history = { wasDisclosed: false, wasRejected: true, asked: [] }
  const read = { kind: 'answered', about: { reporter: caseRecord().tag, with: 'rejected' } }
  const inCase = { history, events: [read as never] }
  for (const text of ['/accept', `/merge ${other.tag}`]) {
    const { toReporter } = run(text, { state: 'triaging' }, inCase, { openCases: [other] })
    expect(toReporter.map(rendered).join()).toMatch(/^We have looked at your report again\. /)
  }
})

it('the update to the other maintainers has no line about a date that nobody was told', () => {
  const reporters = caseRecord().reporters.map((one) => ({ ...one, contact: null }))
  const change = { state: 'planned', disclosureAt: FUTURE, reporters } as const
  const { told } = run('/disclosed because it leaked', change)
  expect(told('activity')).toContain('- recorded that the issue has been public')
  expect(told('activity')).not.toMatch(/^- *$/m)
})

it('the other maintainers read that a reporter was asked about the date, and in what way (B19)', () => {
  const { told } = run('/embargo 2026-12-04T12:00:00Z', { state: 'accepted' })
  expect(told('activity')).toMatch(/- We asked .* about the date .*, encrypted\./s)
})

it.each(['/reject not-a-vulnerability', '/close internal because: gone'])(
  'nobody is asked about the date of a case that ends in the same message (B19): %s',
  (end) => {
    const { ran, toReporter } = run(
      `/embargo 2026-12-04T12:00:00Z\n${end}`,
      { state: 'accepted' },
      {},
      { product: ALLOW }
    )
    expect(ran).toBe(true)
    expect(toReporter.map(({ message }) => message.kind)).not.toContain('date-proposed')
  }
)

describe('a decision and a reply in one message (B13)', () => {
  it.each(['/accept\n/reply <<We fix it this week.>>', '/reply <<We fix it this week.>>\n/accept'])(
    'are one message to the reporter: %j',
    (text) => {
      const { toReporter, kept, events, told } = run(text)
      // The maintainers read of one message, with the words that the reporter reads.
      expect(told('transcript').match(/On its way to|goes along in the same message/g)).toEqual([
        'On its way to',
        'goes along in the same message'
      ])
      expect(told('activity')).toMatch(
        /To alice@reporter\.example \(encrypted\):\s[^:]*\sWe fix it this week\./
      )
      expect(told('activity').match(/^To /gm)).toHaveLength(1)
      expect(toReporter).toMatchObject([
        { message: { kind: 'accepted', params: { text: 'We fix it this week.' } } }
      ])
      expect(kept.map(({ audience }) => audience)).toEqual(['reporter'])
      expect(events.filter(({ kind }) => kind === 'answered')).toHaveLength(1)
    }
  )
})

describe('files of a /reply (B13)', () => {
  const files = [file('fix.patch')]

  it('go along, encrypted', () => {
    const { toReporter } = run('/reply\nPlease try this.', {}, {}, { files })
    expect(toReporter).toMatchObject([
      { kind: 'send-sealed', files: { from: 'list', files: [{ filename: 'fix.patch' }] } }
    ])
  })

  it.each(['/reply\nPlease try this.', '/notice draft\ntitle: x'])(
    'are refused if one of them is a message, which may hold what others wrote (B1, B7): %j',
    (text) => {
      const ran = (name: string, contentType: string) =>
        run(text, { state: 'accepted' }, {}, { files: [{ ...file(name), contentType }] }).ran
      expect([ran('a', 'message/rfc822'), ran('a', 'text/plain')]).toEqual([false, true])
      for (const name of ['a.eml', 'a.MSG', 'a.mbox'])
        expect(ran(name, 'application/octet-stream')).toBe(false)
    }
  )

  it('are refused where the reply would leave in clear', () => {
    const ran = (around: Partial<CommandContext>) =>
      run('/reply\nPlease try this.', {}, BEGAN_IN_CLEAR, { product: ALLOW, ...around }).ran
    expect([ran({ files }), ran({})]).toEqual([false, true])
  })

  it.each([
    '/reply <<Please try this.>>\n/notice draft\ntitle: x',
    '/notice draft\ntitle: x\n/reply <<Please try this.>>'
  ])('are refused beside a notice that could take them: %j', (text) => {
    expect(run(text, { state: 'accepted' }, {}, { files }).ran).toBe(false)
  })
})

describe('/plan (M-08)', () => {
  const told = (text: string): boolean => run(text).events.some(({ kind }) => kind === 'plan-told')

  it.each([
    '/plan\nplan: We fix it in 4.2.\nworkarounds: Turn it off.',
    '/plan\nplan: <<\nWe fix it in 4.2.\n>>\nworkarounds: <<\nTurn it off.\n>>'
  ])('sends both as one message and records that: %j', (text) => {
    const { ran, toReporter, events } = run(text)
    expect(ran).toBe(true)
    expect(toReporter.map(({ message }) => message)).toMatchObject([
      { params: { text: 'Plan:\nWe fix it in 4.2.\n\nWorkarounds:\nTurn it off.' } }
    ])
    expect(events.map(({ kind }) => kind)).toEqual(['answered', 'plan-told'])
  })

  it.each(['/plan', '/plan\nplan: We fix it.', '/plan\nplan: We fix it.\nworkarounds:'])(
    'needs both: %j',
    (text) => {
      expect(run(text)).toMatchObject({ ran: false, toReporter: [] })
    }
  )

  it('is told by a reply that holds both headings, and by no other', () => {
    expect(told('/reply\nHello,\n\nPlan: we fix it.\n\nWorkarounds:\nTurn it off.')).toBe(true)
    expect(told('/reply\nThanks.')).toBe(false)
    expect(told('/reply\nPlan: we fix it.')).toBe(false)
    expect(told('/reply\nPlan:\n\nWorkarounds:\nTurn it off.')).toBe(false)
  })
})

describe('/close', () => {
  const closed = (text: string, state: CaseState, product = ALLOW) => {
    const { ran, toReporter, events } = run(text, { state }, {}, { product })
    const about = events.find(({ kind }) => kind === 'closed')?.about
    return { ran, sent: toReporter.length, about }
  }

  it.each(['disclosed', 'rejected'] as const)(
    'of a %s case tells the reporter, also without a text',
    (state) => {
      expect(closed('/close', state, PRODUCT)).toEqual({
        ran: true,
        sent: 1,
        about: { disposition: state, reason: '', told: 'told' }
      })
    }
  )

  it.each(rows`
    because: duplicate of our ticket because of the audit. | duplicate of our ticket because of the audit
    internal because it is a duplicate                     | it is a duplicate
  `)('(B9) %s is recorded without its full stop', (words, reason) => {
    expect(closed(`/close ${words}`, 'accepted').about).toMatchObject({ reason })
  })

  it.each(['Dear Alice, thanks.', 'Dear Alice, thanks because it is fixed', 'internal it is old'])(
    '(B9) takes no reason without "because": %s may be meant for the reporter',
    (words) => {
      expect(closed(`/close ${words}`, 'accepted')).toMatchObject({ ran: false, sent: 0 })
    }
  )

  it('without telling the reporter needs a policy that allows it, and a reason, which is recorded', () => {
    expect(closed('/close internal', 'accepted').ran).toBe(false)
    expect(closed('/close internal because it is a duplicate', 'accepted')).toEqual({
      ran: true,
      sent: 0,
      about: { disposition: 'internal', reason: 'it is a duplicate', told: 'silent-by-policy' }
    })
    expect(closed('/close internal because we are done', 'disclosed', PRODUCT).ran).toBe(false)
  })

  it.each(rows`
    /close internal | disclosed | /close internal because REASON. Otherwise please leave out internal.
    /disclosed      | accepted  | No disclosure date has come yet.
  `)('(B6) the refusal of %s in a case that is %s says what would work', (text, state, says) => {
    const { told } = run(text, { state: state as CaseState }, {}, { product: ALLOW })
    expect(told('transcript').replaceAll(/\s+/g, ' ')).toContain(says)
  })
})

const LINES = [
  '/take',
  '/accept',
  '/reject upstream',
  '/close',
  '/close because nothing is to do',
  '/close internal because nothing is to do',
  '/disclosed',
  '/disclosed because it leaked',
  '/reopen because new facts came',
  '/embargo 2026-12-04T12:00:00Z',
  '/reply <<words>>',
  '/ask <<which version?>>',
  '/note <<words>>',
  '/notice hold',
  '/plan <<\nplan: x\nworkarounds: y\n>>',
  '/status'
]

const NOTICES = [null, 'drafting', 'scheduled', 'releasing', 'released', 'held'] as const

describe('random commands in random messages', () => {
  const notices = fc.constantFrom(...NOTICES)
  const messages = fc.array(fc.array(fc.constantFrom(...LINES), { minLength: 1, maxLength: 4 }), {
    maxLength: 12
  })

  it('change a state by events that are allowed, and by nothing else (A2)', () => {
    fc.assert(
      fc.property(messages, fc.boolean(), notices, (mails, isDenied, noticeState) => {
        const product = isDenied ? PRODUCT : ALLOW
        const stored = noticeState === null ? null : noticeRecord({ state: noticeState })
        let here = bound({ case: caseRecord(), notice: stored })
        for (const [index, lines] of mails.entries()) {
          const context = commandContext({ product, bound: here, arrivalId: index + 1 })
          const { decisions } = runText(lines.join('\n'), context)
          let notice = here.notice?.state ?? null
          let state: CaseState = here.case.state
          let { history } = here
          // A date that a later line of the same message sets is not there for an earlier one.
          let { disclosureAt } = here.case
          for (const { event } of only(decisions, 'record')) {
            if (event.kind === 'embargo-set') disclosureAt = event.about.date
            const mayEndInternally = !isDenied
            const facts = { ...history, notice, disclosureAt, mayEndInternally, now: NOW }
            const { kind, about } = event
            expect(objection({ before: state, kind, about, facts }), lines.join('\n')).toBeNull()
            const move = moveCase(state, event, facts)
            if (move.kind === 'moved') state = move.to
            history = historyAfter(history, event)
            notice = noticeAfter(notice, kind)
          }
          const set = only(decisions, 'update-case')[0]?.set ?? {}
          expect(set.state ?? here.case.state, lines.join('\n')).toBe(state)
          here = {
            ...{ ...here, history, case: { ...here.case, ...set } },
            notice: here.notice && notice && { ...here.notice, state: notice }
          }
        }
      }),
      { numRuns: 300 }
    )
  })
})

describe('/product (B12)', () => {
  const clocks = promiseWithin({ hours: 1 })
  const RENDERER = { ...productWith({ clocks }), id: 'renderer', name: 'ACME Renderer' }
  const settings = { ...SETTINGS, products: [ALLOW, RENDERER] }
  const moves = (text: string, on: Partial<BoundCase> = {}) =>
    run(text, { state: 'accepted' }, on, { product: ALLOW, settings })

  it('moves the case and says so on the record', () => {
    const { ran, decisions, events } = moves('/product Renderer')
    expect(ran).toBe(true)
    expect(only(decisions, 'update-case')[0]?.set).toEqual({ product: 'renderer' })
    const about = { from: 'parser', to: 'renderer', leaveBy: null }
    expect(events).toEqual([{ kind: 'moved-product', about }])
  })

  it('refuses an unknown product and names the configured ones', () => {
    for (const text of ['/product', '/product kernel']) {
      const { ran, decisions } = moves(text)
      expect(ran).toBe(false)
      const named = 'One of: parser (ACME Parser), renderer (ACME Renderer).'
      expect(JSON.stringify(decisions)).toContain(named)
    }
  })

  it('puts the lines below under the policy of the new product', () => {
    expect(moves('/close internal because it is nothing').ran).toBe(true)
    expect(moves('/product renderer\n/close internal because it is nothing').ran).toBe(false)
  })

  it('(B6) says of the notice only that /status shows where it stands: the members of the new product are not read yet', () => {
    const { decisions } = moves('/product renderer\n/status', { notice: noticeRecord() })
    const [answer] = sent(decisions, 'transcript')
    const said = JSON.stringify(answer?.message.params)
    expect(said).toContain('/status in a new message shows where the notice stands.')
    for (const untrue of ['can approve', '/notice', 'Missing for the notice'])
      expect(said).not.toContain(untrue)
  })

  it('voids the approvals of a notice, whose other commands need a message of their own, and stops at one that is scheduled', () => {
    const drafted = { notice: noticeRecord() }
    const { decisions } = moves('/product renderer', drafted)
    expect(only(decisions, 'save-notice')).toMatchObject([{ product: 'renderer', approvals: [] }])
    for (const line of ['/notice preview', '/embargo 2026-12-04 14:00']) {
      expect(moves(`/product renderer\n${line}`, drafted).ran).toBe(false)
    }
    expect(moves('/embargo 2026-12-04 14:00\n/product renderer', drafted).ran).toBe(false)
    const scheduled = { notice: noticeRecord({ state: 'scheduled' }) }
    expect(moves('/product renderer', scheduled).ran).toBe(false)
  })
})
