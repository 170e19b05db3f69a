/** Commands on a case and its notice: all or nothing, who may, what is missing, what an approval covers (M-10 to M-29, G7). */
import { describe, expect, it } from 'vitest'
import { type Decision } from '../../../src/domain/decision.ts'
import { type NoticeCopies, type NoticeRecord } from '../../../src/domain/notice.ts'
import {
  preview as previewMessage,
  transcript as transcriptMessage
} from '../../../src/messages/to-maintainers.ts'
import { type CommandContext } from '../../../src/policy/draft.ts'
import { approvedText } from '../../../src/policy/notice-content.ts'
import { type BoundCase } from '../../../src/policy/situation.ts'
import { rows } from '../../support/rows.ts'
import {
  ADA,
  at,
  bound,
  caseRecord,
  commandContext,
  file,
  GRACE,
  happened,
  keysOf,
  LINUS,
  member,
  NOW,
  noticeRecord,
  only,
  POLICY,
  PRODUCT,
  productWith,
  rendered,
  runText,
  SETTINGS,
  sends,
  sent,
  sha256
} from './samples.ts'

function run(text: string, change: Partial<CommandContext> = {}) {
  const result = runText(text, commandContext(change))
  const [message] = sent(result.decisions, 'transcript').map((one) => one.message)
  const { lines = [] } = (message?.params ?? {}) as Partial<Parameters<typeof transcriptMessage>[0]>
  return { ...result, said: lines.map(({ says }) => says).join('\n') }
}

/** Nothing is done, and the answer says these words. */
function refuses(text: string, words: string, change: Partial<CommandContext> = {}): void {
  const { ran, said } = run(text, change)
  expect([ran, said]).toEqual([false, expect.stringContaining(words)])
}

const kindsOf = (decisions: readonly Decision[]) => sends(decisions).map((one) => one.message.kind)

const DISCLOSURE = at('2026-12-04T12:00:00Z')
const CONFIRMED = { bound: bound({ case: caseRecord({ state: 'accepted' }) }) }
const dated = caseRecord({ state: 'planned', disclosureAt: DISCLOSURE })
const members = bound().members

function digest(notice: NoticeRecord, list = members) {
  return sha256(approvedText(notice, { case: dated, product: PRODUCT, settings: SETTINGS }, list))
}
function withNotice(change: Partial<NoticeRecord> = {}, more: Partial<BoundCase> = {}) {
  return bound({ case: dated, notice: noticeRecord(change), ...more })
}
const preview = { code: 'secretcode', digest: digest(noticeRecord()), issuedAt: NOW, eventId: 7 }
function withPreview(change: Partial<NoticeRecord> = {}, list = members) {
  return { bound: withNotice({ previews: [preview], ...change }, { members: list }), author: LINUS }
}

describe('a command mail', () => {
  it('runs whole or not at all', () => {
    const { ran, decisions } = run('/take\n/accept\n/frobnicate')
    expect(ran).toBe(false)
    expect(decisions.map(({ kind }) => kind)).toEqual(['send-sealed'])
  })

  it('above the limit of commands does nothing', () => {
    expect(run('/status\n'.repeat(21)).ran).toBe(false)
  })

  it('needs the role of every verb (G4)', () => {
    expect(run('/accept', { author: ADA }).said).toContain('role committer')
    expect(run('/take', { author: ADA }).ran).toBe(false)
    expect(run('/note\nwords', { author: ADA }).ran).toBe(true)
  })
})

describe('/accept and /reject (M-10, M-16)', () => {
  it('the words of its code are the whole decision in a rejection (M-16)', () => {
    const { decisions } = run('/reject upstream')
    const decision = 'Thank you for the time you put into this. It is elsewhere.'
    expect(JSON.stringify(decisions)).toContain(`"decision":"${decision}"`)
  })

  it('takes one of the policy’s codes, and a reason as long as the policy wants', () => {
    expect(run('/reject').said).toContain(
      '\n      not-a-vulnerability\n          It is none.\n      upstream\n'
    )
    expect(run('/reject nonsense').ran).toBe(false)
    expect(run('/reject upstream').ran).toBe(true)
    const strict = productWith({ reject: { ...POLICY.reject, reason_length: 40 } })
    expect(run('/reject upstream <<short>>', { product: strict }).said).toContain('at least 40')
    expect(run(`/reject upstream <<${'long '.repeat(10)}>>`, { product: strict }).ran).toBe(true)
  })

  it('(A1, B9) the reason behind /reject CODE because stays on the record and is shown to the maintainers; the reporter reads the text below alone', () => {
    const { said, decisions } = run('/reject upstream because it is theirs\n\nPlease ask them.')
    expect(said).toContain('Rejected (upstream), because: it is theirs.')
    const [rejected] = only(decisions, 'record').filter(
      ({ event: { kind } }) => kind === 'rejected'
    )
    expect(rejected?.event.about).toMatchObject({ code: 'upstream', reason: 'it is theirs' })
    expect(JSON.stringify(sent(decisions, 'activity'))).toContain('because: it is theirs')
    const toReporter = JSON.stringify(sent(decisions, 'rejected'))
    expect(toReporter).toContain('Please ask them.')
    expect(toReporter).not.toContain('theirs')
    const { said: alone, ran } = run('/reject upstream because it is theirs')
    expect([ran, alone]).toEqual([true, expect.stringContaining('because: it is theirs.')])
  })

  it.each([
    '/reject upstream Please ask them, because it is theirs',
    '/reject upstream beacuse Alice reported it first',
    '/reject upstream —because it’s theirs',
    '/reject upstream because'
  ])('(A1) %s leaves open what the reporter reads or the record says, and does nothing', (line) => {
    refuses(line, 'because')
  })

  it.each(['/reject upstream', '/close because it is old'])(
    '(B13) tells nobody in one message that the report is accepted and that its case has ended: %s',
    (end) => {
      const product = productWith({ close: { internal: 'allow' } })
      refuses(`/accept\n${end}`, 'Please send one of the two.', { product })
    }
  )

  it.each([keysOf(null), bound().reporterKeys])(
    '(B10, B13) a message that tells the reporter of an end does not open the case again',
    (reporterKeys) => {
      const text = '/reject upstream\n/reopen because wrong button'
      refuses(text, 'leave out both lines', { bound: bound({ reporterKeys }) })
    }
  )

  it('(B6) /status shows the case as the whole message leaves it, wherever it stands', () => {
    const shown = JSON.stringify(sent(run('/status\n/accept').decisions, 'transcript'))
    expect(shown).toContain('(ACME Parser): accepted')
    expect(shown).not.toContain('(ACME Parser): new')
  })

  it.each(['scheduled', 'releasing'] as const)(
    'refuses /reject and /close while a notice is %s',
    (state) => {
      const on = { bound: withNotice({ state, releaseAt: NOW }) }
      expect(run('/reject upstream', on).said).toContain('Stop it first with /notice hold')
      expect(run('/close because old', on).said).toContain('Stop it first with /notice hold')
    }
  )
})

describe('/reply and what it quotes', () => {
  it.each(rows`
    /reply           | Mine.\n\nVan: ACME Security Team\nAan: Grace\n\nQUOTED
    /reply           | Mine.\n\nAihe: [ACME-2026-0001] QUOTED
    /reply           | Mine.\n\nBob kirjoitti:\n> QUOTED
    /ask             | > QUOTED
    /reject upstream | Mine.\n\nBob <security@acme.example>\n\nQUOTED
    /reject upstream | Mine.\n\nBob kirjoitti:\n> QUOTED
    /reject upstream | > QUOTED
  `)('%s refuses what may be the head of a copied mail, and sends nothing: %j', (verb, text) => {
    const { ran, decisions, said: says } = run(`${verb} <<\n${text}\n>>`)
    expect([ran, kindsOf(decisions)]).toEqual([false, ['transcript']])
    expect(says).toMatch(/the name of the desk|cannot tell|is your own/)
  })

  it.each(
    ['/reply', '/ask', '/accept', '/reject upstream', '/plan'].flatMap((verb) =>
      ['> not mine', '--\nPart two.', '____________________\nPart two.'].map((more) => [verb, more])
    )
  )('(B7) %s says when lines of a block stayed here: %j', (verb, more) => {
    const says = (text: string): string =>
      run(`${verb}${verb === '/plan' ? '\nworkarounds: none known\nplan:' : ''} <<\n${text}\n>>`)
        .said
    expect(says(`Mine.\n${more}`)).toContain('were left out')
    expect(says('Mine.')).not.toContain('were left out')
  })
})

describe('/embargo', () => {
  it('that names the date that is set already changes nothing and asks nobody again (B19)', () => {
    const result = run('/embargo 2026-12-04T12:00:00Z', { bound: bound({ case: dated }) })
    expect(result.said).toMatch(/already; nothing is changed\.$/)
    expect(result.decisions.map(({ kind }) => kind)).toEqual(['send-sealed'])
  })

  it.each(['', 'tomorrow', '2026-12-04', '2026-10-25T02:30', '2026-11-01T00:00:00Z'])(
    'refuses %j',
    (words) => {
      expect(run(`/embargo ${words}`).ran).toBe(false)
    }
  )

  it.each(rows`
    a lead below the minimum             | 2026-11-25T12:00:00Z | less than 5 days before the disclosure
    a weekend                            | 2026-12-05T12:00:00Z | Sat 5 Dec 2026, 13:00 Berlin (12:00 UTC) falls on a weekend
    a weekend in the zone of the product | 2026-12-04T23:30:00Z | falls on a weekend
    a holiday                            | 2026-12-25T12:00:00Z | falls on a holiday in the calendar of ACME Parser
  `)('asks for a reason for %s (B17)', (_name, instant, sentence) => {
    for (const words of [sentence, 'because REASON'])
      refuses(`/embargo ${instant}`, words, CONFIRMED)
    expect(run(`/embargo ${instant} because`, CONFIRMED).ran).toBe(false)
    const reasoned = run(`/embargo ${instant} because it is exploited`, CONFIRMED)
    expect(reasoned.ran).toBe(true)
    expect(reasoned.said).toContain('because: it is exploited')
  })

  it('asks for a reason where the list has known for longer than the maximum (B17)', () => {
    const told = withNotice({ state: 'released', releasedAt: NOW, hasLeft: true })
    const moved = (words: string) => run(`/embargo ${words}`, { bound: told })

    expect(moved('2026-12-01T11:00:00Z').ran).toBe(true)
    expect(moved('2026-12-02T12:00:00Z').said).toContain(
      'more than 9 days before the disclosure. The policy allows 5 days to 9 days.'
    )
    expect(moved('2026-12-02T12:00:00Z because it is hard').ran).toBe(true)
  })

  it('says what the fields of the notice say against the new date', () => {
    const early = (fields: object) =>
      run('/embargo 2026-12-01T12:00:00Z', {
        bound: withNotice({ fields: { ...noticeRecord().fields, ...fields } })
      }).said
    for (const field of ['patch_available_at', 'release_at'])
      expect(early({ [field]: '2026-12-03T12:00Z' })).toContain(`${field} is after the disclosure`)
    expect(early({})).not.toContain('after the disclosure')
  })

  it('counts a lead in business days back in the calendar of the product (A5)', () => {
    const lead = { business_days: 5 }
    const { policy } = productWith({}, { lead, tolerance: { min: lead, max: lead } })
    const said = (instant: string, calendar = PRODUCT.calendar) =>
      run(`/embargo ${instant}`, { ...CONFIRMED, product: { ...PRODUCT, policy, calendar } }).said

    expect(said('2026-12-29T12:00:00Z')).toContain('leaves Mon 21 Dec 2026, 13:00 Berlin')
    expect(said('2026-12-29T12:00:00Z', { ...PRODUCT.calendar, holidays: [] })).toContain(
      'leaves Tue 22 Dec 2026, 13:00 Berlin'
    )
    expect(said('2026-11-27T13:00:00Z')).toContain('less than 5 business days before')
  })
})

describe('/notice hold (G7)', () => {
  const NONE = { revision: 1, here: 0, onTheWay: 0, givenUp: 0, left: 3 }
  const on = (state: NoticeRecord['state'], copies: Partial<NoticeCopies>) => ({
    bound: withNotice({ state, releasedAt: NOW }, { copies: { ...NONE, ...copies } })
  })

  const COUNTS = '3 copies had left already. 2 copies had not left and will not leave.'
  it.each<[string, Partial<NoticeCopies>, string]>([
    ['is queued', { here: 2 }, COUNTS],
    ['is being handed over', { onTheWay: 2 }, '2 copies may be leaving at this moment'],
    ['was given up and could be sent again', { givenUp: 1 }, '1 copy could not be delivered']
  ])('is accepted while a copy %s, and withdraws it', (_name, copies, says) => {
    const result = run('/notice hold — because of a bug', on('released', copies))
    expect(result.said).toContain('On hold, because: of a bug.')
    expect(result.said).toContain(says)
    expect(only(result.decisions, 'save-notice')[0]).toMatchObject({ copies: 'withdraw' })
  })

  it.each([
    ['/notice approve secretcode\n/embargo 2026-12-10T12:00:00Z', 'approve then embargo'],
    ['/notice approve secretcode\n/notice draft\nseverity: high', 'approve then draft'],
    ['/notice preview\n/notice draft\nseverity: high', 'preview then draft']
  ])('a change after what showed the notice as it was takes a message of its own: %j', (text) => {
    refuses(text, 'Please send this command in a separate message.', withPreview())
    expect(happened(run(text, withPreview()).decisions, 'notice-approved')).toEqual([])
  })

  it('makes nobody read another text than the one their code approves, in whatever order', () => {
    const text = '/notice preview\n/notice hold\n/notice draft\nseverity: low\n/notice preview'
    for (const mail of [text, text.replace('/notice draft\nseverity: low\n', '')]) {
      const result = run(mail, withPreview())
      expect(result.ran).toBe(false)
      expect(happened(result.decisions, 'notice-previewed')).toEqual([])
      expect(kindsOf(result.decisions)).toEqual(['transcript'])
    }
  })

  it.each(['/take', '/reply\nThank you.'])(
    'no command about something else stores it: %j',
    (text) => {
      const { ran, decisions } = run(text, on('releasing', { here: 2 }))
      expect(ran).toBe(true)
      expect(only(decisions, 'save-notice')).toEqual([])
    }
  )

  it('is refused below a preview, whose code it would void, and taken above it', () => {
    refuses('/notice preview\n/notice hold', 'or above /notice preview', withPreview())
    const { decisions } = run('/notice hold\n/notice preview', withPreview())
    const saved = { state: 'held', previews: [{ code: 'abcdefghij' }] }
    expect(only(decisions, 'save-notice')).toMatchObject([saved])
  })

  it('is refused once nothing of it is here', () => {
    refuses('/notice hold', 'left already', on('released', {}))
    refuses('/notice hold', '/disclosed because REASON', on('released', {}))
  })

  it('takes back the approval of the same message, and no old code lifts it there', () => {
    const held = run('/notice approve SECRETCODE\n/notice hold', withPreview())
    const saved = { state: 'held', previews: [], approvals: [] }
    expect(only(held.decisions, 'save-notice')).toMatchObject([saved])
    expect(run('/notice hold\n/notice approve secretcode', withPreview()).ran).toBe(false)
  })
})

describe('/notice (M-24 to M-29)', () => {
  it('preview says so where the policy has no advance notice, and offers no /notice draft', () => {
    const product = productWith({ notice: null })
    const { said } = run('/notice preview', { bound: bound({ case: dated }), product })
    expect(said).toBe('The policy of this product has no advance notice.')
  })

  it('(B18, G5) preview tells list admins alone that a field names a member, by id, and everybody where nobody is one', () => {
    const fields = { ...noticeRecord().fields, description: 'As SUSE Inc. found out.' }
    const named = withNotice({ fields }, { members: [member('suse', '3'), member('us', '2')] })
    const { decisions } = run('/notice preview', { bound: named })
    const told = (id: string, from = decisions): string => {
      const mine = only(from, 'send-sealed').filter(
        ({ message, recipients }) =>
          message.kind === previewMessage.kind && recipients.some((one) => one.id === id)
      )
      return JSON.stringify(mine.map(({ message }) => message))
    }
    expect(told('grace')).toContain('description names list member suse')
    expect(told('grace')).not.toContain('list member us,')
    expect(told('linus')).toContain('As SUSE Inc.')
    expect(told('linus')).not.toContain('list member')
    const maintainers = SETTINGS.maintainers.map((one) => ({
      ...one,
      roles: ['committer' as const]
    }))
    const settings = { ...SETTINGS, maintainers }
    const withoutAdmin = run('/notice preview', { bound: named, settings }).decisions
    for (const id of ['grace', 'linus'])
      expect(told(id, withoutAdmin)).toContain('description names list member suse')
  })

  it('names what is missing and what is wrong in one refusal, each on a line of its own', () => {
    const fields = { description: 'Fixed tomorrow.', release_at: 'soon' }
    const { said } = run('/notice preview', { bound: withNotice({ fields }) })
    expect(said.split('\n').map((line) => line.trim())).toEqual([
      '',
      expect.stringMatching('- Missing for the notice: .*affected_versions'),
      expect.stringMatching('- description says "tomorrow"'),
      expect.stringMatching('- release_at: ')
    ])
  })

  it('(A3) an empty form is refused, and of a filled one only what was filled in or emptied is on the record', () => {
    const written = { bound: withNotice({ fields: { title: 'x', scope: 'y' } }) }
    const empty = 'All fields of this form are empty. Please write at least one of them.'
    refuses('/notice draft\ndescription:\ncve:', empty, written)
    const { decisions, said } = run('/notice draft\ntitle: z\nscope:\ncve:', written)
    const what = 'and took out the text of scope'
    expect(said).toContain(`Changed revision 1 of the notice, ${what}.`)
    expect(JSON.stringify(sent(decisions, 'activity'))).toContain(`revision 1, ${what}"`)
    expect(only(decisions, 'save-notice')[0]?.fields).toEqual({ title: 'z' })
    expect(happened(decisions, 'notice-drafted')).toMatchObject([
      { about: { fields: ['title', 'scope'] } }
    ])
  })

  it.each([
    '/embargo 2026-12-24 12:00',
    ...['/notice draft', '/notice preview', '/notice approve abc', '/notice hold'],
    ...['/disclosed because', '/reject', '/reopen']
  ])('%s in a case that does not allow it asks for nothing more', (text) => {
    const record = caseRecord({ state: 'disclosed', disclosureAt: DISCLOSURE })
    const on = { bound: bound({ case: record, notice: noticeRecord() }) }
    refuses(text, 'The case is disclosed.', on)
  })

  it('names the supported versions where the affected ones are missing, and in the preview (A5)', () => {
    const { said } = run('/notice preview', { bound: withNotice({ fields: {} }) })
    expect(said).toContain('affected_versions (supported: main)')
    const [mail] = only(run('/notice preview', withPreview()).decisions, 'send-sealed')
    expect(mail && rendered(mail)).toContain('Supported versions: main\n')
  })

  it.each<[string, Partial<CommandContext>]>([
    ['its author', { ...withPreview(), author: GRACE }],
    ['anybody after an edit', withPreview({ fields: { ...noticeRecord().fields, cve: 'x' } })],
    ['anybody after the list grew', withPreview({}, [...members, member('new', '3')])],
    ['anybody after the list shrank', withPreview({}, members.slice(1))],
    ['anybody 72 hours later', { ...withPreview(), now: at('2026-11-25T12:00:01Z') }],
    ['anybody after the disclosure', { ...withPreview(), now: at('2026-12-05T12:00:00Z') }],
    ['anybody while it leaves', withPreview({ state: 'releasing' })]
  ])('cannot be approved by %s', (_name, change) => {
    const result = run('/notice approve secretcode', change)
    expect(result.ran).toBe(false)
    expect(happened(result.decisions, 'notice-approved')).toEqual([])
  })

  it('is not previewed once its disclosure has passed: no preview shows what no approval may let go', () => {
    const later = { ...withPreview(), now: at('2026-12-05T12:00:00Z') }
    refuses('/notice preview', 'The disclosure instant has passed', later)
  })

  it('takes an instant without a zone in the zone of the desk, and keeps it with that zone (B17)', () => {
    const draft = '/notice draft\nrelease_at: 2026-12-04 10:00'
    const [saved] = only(run(draft, { bound: bound({ case: dated }) }).decisions, 'save-notice')
    expect(saved?.fields.release_at).toBe('2026-12-04 10:00 Europe/Berlin')
  })

  it.each([
    ['', 'Please add the code that stands in the preview'],
    [' CODE', 'Please add the code that stands in the preview'],
    [' othercode', 'mistyped, or the notice was changed or put on hold after its preview']
  ])('cannot be approved with "%s", and the answer says why', (code, why) => {
    expect(run(`/notice approve${code}`, withPreview()).said).toContain(why)
  })

  it('is not scheduled without a disclosure instant, whatever the policy requires', () => {
    const product = productWith({}, { required: [] })
    const about = { case: caseRecord(), product, settings: SETTINGS }
    const digest = sha256(approvedText(noticeRecord(), about, members))
    const notice = noticeRecord({ previews: [{ ...preview, digest }] })
    const undated = bound({ case: caseRecord({ state: 'accepted' }), notice })
    const around = { bound: undated, product, author: LINUS }
    refuses('/notice approve secretcode', '/embargo', around)
  })

  it('takes patches by safe, different names only, and says which name is not', () => {
    const draft = (...names: string[]) =>
      run('/notice draft\ntitle: x', { bound: bound({ case: dated }), files: names.map(file) })
    for (const names of [['../x'], ['a b'], ['-x'], ['a', 'a']])
      expect(draft(...names).ran).toBe(false)
    expect(draft('a.patch').ran).toBe(true)
    expect(draft('a b').said).toContain('Please rename "a b"')
  })

  it('(B13) says that a key which is attached does not go along', () => {
    expect(run('/reply\nOur key.', { hasClientFiles: true }).said).toContain(
      'keys and visiting cards'
    )
    expect(run('/reply\nOur key.').said).not.toContain('visiting cards')
  })

  it('(A3) a plan and workarounds below a decision keep the promise of a plan', () => {
    const { decisions } = run('/accept\nPlan: we fix it.\nWorkarounds: none known')
    expect(only(decisions, 'record').map(({ event }) => event.kind)).toContain('plan-told')
  })

  it('(B13) files below a decision leave with a /reply below it, and the other maintainers read of them', () => {
    const { ran, decisions } = run('/accept\n/reply\nSee the log.', { files: [file('a.log')] })
    expect(ran).toBe(true)
    expect(JSON.stringify(sent(decisions, 'activity'))).toContain('(encrypted, with 1 file)')
  })

  it.each(['/take', '/accept\nSee the log.', '/ask\nIs it this?', '/note See the log.'])(
    '(B13) files that no command takes are refused, and nothing is lost without a word: %s',
    (text) => {
      refuses(text, 'None of these commands takes files.', { files: [file('a.log')] })
    }
  )

  it('(B6) files beside a command that is refused are no fault of their own', () => {
    const { ran, said } = run('/reply\n', { files: [file('a.log')] })
    expect(ran).toBe(false)
    expect(said).not.toContain('takes files')
  })

  it('(A2) draft takes a case that is accepted, and says how to get there', () => {
    for (const text of ['/notice draft', '/notice draft\ntitle: x'])
      refuses(text, 'Next is /accept or /reject CODE.')
  })
})
