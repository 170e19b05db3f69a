/** The answer to commands says what happened, in the order of the message, and what could come next (B6, B7, B14). */
import { describe, expect, it } from 'vitest'
import { type CaseRecord, type CaseState } from '../../../src/domain/case.ts'
import { type Decision } from '../../../src/domain/decision.ts'
import { aboutCase, BY_DESK, event, NO_EVIDENCE } from '../../../src/domain/event.ts'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { DESK_RULE } from '../../../src/domain/message.ts'
import { NOTICE_TEXT_FIELDS } from '../../../src/domain/notice.ts'
import { type Maintainer } from '../../../src/domain/settings.ts'
import { addMs } from '../../../src/domain/time.ts'
import { type CommandContext, startDraft } from '../../../src/policy/draft.ts'
import { noticeDigest } from '../../../src/policy/notice-content.ts'
import { type BoundCase } from '../../../src/policy/situation.ts'
import { standing, statusLines } from '../../../src/policy/status.ts'
import {
  ADA,
  ALLOW,
  address,
  arrive,
  at,
  BEGAN_IN_CLEAR,
  bound,
  caseRecord,
  commandContext,
  file,
  GRACE,
  headers,
  keysOf,
  LINUS,
  maintainerMail,
  member,
  messageId,
  NOW,
  noticeRecord,
  only,
  POLICY,
  parse,
  productWith,
  rendered,
  reporter,
  runText,
  sent,
  sentTo,
  signature,
  TAG,
  tag
} from './samples.ts'

/** A case with everything but a notice. */
const PLANNED = caseRecord({
  state: 'planned',
  owner: 'grace',
  reporters: [reporter({ answeredAt: NOW })],
  disclosureAt: at('2026-12-04T12:00:00Z')
})

/** The transcript among these decisions, as its author reads it. */
function read(decisions: readonly Decision[]): string {
  const [mail] = sent(decisions, 'transcript')
  if (mail === undefined) throw new Error('no transcript')
  return rendered(mail)
}
function answer(text: string, change: Partial<CommandContext> = {}): string {
  return read(runText(text, commandContext(change)).decisions)
}
/** Lines of the transcript up to the first empty one below the commands. */
function lines(text: string): string[] {
  const above = text.split('\n\nThe case:')[0] ?? ''
  return above.split('\n').filter((line) => /^\d+ {2}\/|^ {4}(?:done|refused|not run)/.test(line))
}
/** The commands that a transcript offers. */
function next(text: string): string[] {
  return (text.split('Next you could write:')[1] ?? '')
    .split('\n')
    .filter((line) => /^\//.test(line))
}

describe('the answer to commands (B6)', () => {
  it('begins with the outcome and the date of the message that it answers', () => {
    const [, first, second] = answer('/take\n/accept\n/note x').split('\n')
    expect(first).toBe('Done: 3 commands.')
    expect(second).toMatch(/^Your message of Sun/)
    for (const text of ['/take', '/take\nA line for the others.'])
      expect(answer(text).split('\n')[1]).toBe('Done: 1 command.')
    const refused = answer('/acceptt\n\n/take\nA line for the others.')
    expect(refused).toContain('+  (the rest of your text)\n    not sent')
    const nothing = (text: string) => answer(text).split('Nothing was done: ')[1]?.split('\n')[0]
    expect(nothing('/take\n/frobnicate')).toBe('line 2 has a problem.')
    expect(nothing('/acceptt\n\n/take\n/reject nonsense')).toBe('2 lines have problems.')
  })

  it('names every line in the order of the message, and calls nothing done that was not run', () => {
    const text = answer('/take\n/acceptt\n/accept\n/reject nonsense\n/status')
    expect(lines(text).map((line) => line.trim().replace(/: .*/, ''))).toEqual([
      ...['1  /take', 'not run', '2  /acceptt', 'refused', '3  /accept', 'not run'],
      ...['4  /reject nonsense', 'refused', '5  /status', 'not run']
    ])
    expect(text).not.toMatch(/\bok\b|^ +done:|On its way|is yours/m)
    // A line says how the ones above leave the case.
    expect(answer('/accept\n/take')).toContain('The case is yours already.')
  })

  it('/merge names the case, also where the one that was meant had been merged itself', () => {
    const other = caseRecord({ id: 5, tag: tag('ACME-2026-0005') })
    const inside = { ...reporter(), id: 'ACME-2026-0004', contact: null }
    const openCases = [{ ...other, reporters: [inside], due: null }]
    const says = (into: string) => answer(`/merge ACME-2026-000${into}`, { openCases })
    expect(says('5')).toContain('After:  merged into ACME-2026-0005; no owner')
    expect(says('5\n/take')).toContain('Another line of this message merges the case')
    expect(says('4')).toContain('ACME-2026-0004 was merged into ACME-2026-0005.')
    const drafted = { openCases, bound: bound({ notice: noticeRecord() }) }
    expect(answer('/merge ACME-2026-0005', drafted)).toContain('The notice of this case does not')
    expect(says('5')).not.toContain('The notice of this case')
    const rejected = answer('/merge ACME-2026-0004', {
      openCases,
      bound: bound({ case: caseRecord({ state: 'rejected' }) })
    })
    expect(rejected).toContain('The case is rejected. To go on with it: /reopen')
  })

  it('/merge into a public case says so to the maintainers and to the reporter who joins (B14)', () => {
    const contact = { name: 'Bob', address: address('bob@reporter.example') }
    const other = caseRecord({
      ...{ id: 5, tag: tag('ACME-2026-0005'), state: 'disclosed' },
      reporters: [reporter({ id: 'ACME-2026-0005', contact })]
    })
    const merged = (into: CaseRecord) => {
      const openCases = [{ ...into, due: null }]
      const { decisions } = runText('/merge ACME-2026-0005', commandContext({ openCases }))
      return ['transcript', 'activity', 'merged'].map((kind) =>
        sent(decisions, kind).map(rendered).join().replaceAll(/\s+/g, ' ')
      )
    }
    const [toAuthor, toOthers, toReporter] = merged(other)
    expect(toAuthor).toContain('merged into ACME-2026-0005, which is public already.')
    expect(toOthers).toContain('merged the case into ACME-2026-0005, which is public already')
    expect(toReporter).toContain('We confirmed the issue and treat it as a security issue.')
    expect(toReporter).toContain('The issue is public now.')
    expect(merged({ ...other, state: 'accepted' }).join()).not.toContain('public')
  })

  it('/cases begins with the case that the message names', () => {
    const other = { ...caseRecord({ id: 5, tag: tag('ACME-2026-0005') }), due: null }
    const all = answer('/cases', { openCases: [other, { ...caseRecord(), due: null }] })
    expect(all.match(/^ACME-\d+-\d+ {2}/gm)).toEqual([`${TAG}  `, 'ACME-2026-0005  '])
  })

  it('does not try a line that was not understood whole', () => {
    const text = answer('/reply <<\nno end')
    expect(text.match(/refused:/g)).toHaveLength(1)
    expect(text).not.toContain('There is no text')
  })

  it('shows at most 40 lines, and counts the rest', () => {
    const text = answer('/x\n'.repeat(50))
    expect(text).toContain('and 10 more')
    expect(text.match(/refused:/g)).toHaveLength(40)
  })

  it('says to whom a message went, and how', () => {
    const way = 'done: On its way to alice@reporter.example,'
    expect(answer('/reply\nHello')).toContain(`${way} encrypted.`)
    const clear = { product: ALLOW, bound: bound(BEGAN_IN_CLEAR) }
    expect(answer('/reply\nHello', clear)).toContain(`${way} NOT encrypted.`)
  })

  it('says where the case stood and stands, in words, and to an advisor that the commands are for others (A5)', () => {
    const text = answer('/take\n/accept')
    expect(text).toContain('Before: new; no owner')
    expect(text).toContain('After:  accepted; owner Grace Tester')
    expect(answer('/status')).toContain('The case: new; no owner')
    for (const author of [GRACE, ADA])
      expect(answer('/status', { author }).includes('need a role')).toBe(author === ADA)
  })

  it('counts one thing, two and none right', () => {
    const accepted = bound({ case: caseRecord({ state: 'accepted' }) })
    const stored = (...names: string[]) =>
      answer('/notice draft\ntitle: x', { bound: accepted, files: names.map(file) })
    expect(stored('a')).toContain('Stored revision 1 of the notice. 1 patch stored')
    expect(stored('a', 'b')).toContain('2 patches stored')
    expect(stored()).not.toContain('patch stored')
    const notice = noticeRecord({ patches: [{ ...file('old'), filename: 'fix.patch' }] })
    const again = {
      bound: bound({ case: caseRecord({ state: 'accepted' }), notice }),
      files: [file('a')]
    }
    expect(answer('/notice draft', again)).toMatch(/1 patch stored, in place of\s+fix\.patch\./)
    const released = noticeRecord({ state: 'released', releasedAt: NOW })
    const copies = { revision: 1, here: 1, onTheWay: 0, givenUp: 0, left: 0 }
    const held = answer('/notice hold', { bound: bound({ notice: released, copies }) })
    expect(held).toContain('1 copy had not left')
    expect(held).not.toMatch(/\b0\b/)
  })

  it('writes out the next two sensible commands, which the desk would take', () => {
    expect(next(answer('/status'))).toEqual(['/take', '/reply'])
    expect(next(answer('/take'))).toEqual(['/reply', '/accept'])
    const unread = { bound: bound({ case: caseRecord(), reported: ['\n'] }) }
    expect(next(answer('/take', unread))).toEqual(['/reply'])
    expect(next(answer('/status', { author: ADA }))).toEqual([])
    expect(answer('/help', { author: ADA })).not.toMatch(/\/(?:take|accept|reply|embargo|notice)/)
    expect(next(answer('/accept'))).toEqual(['/embargo 2026-12-02 14:00', '/notice draft'])
    const listless = productWith({ notice: null })
    expect(next(answer('/accept', { product: listless }))).toContain('/embargo 2026-11-26 14:00')
    const offered = (here: Partial<BoundCase>) => next(answer('/status', { bound: bound(here) }))
    expect(offered({ case: PLANNED })).toEqual(['/notice draft'])
    expect(offered({ case: PLANNED, notice: noticeRecord() })).toEqual(['/notice preview'])
    const rejected = caseRecord({ state: 'rejected', reporters: PLANNED.reporters })
    expect(offered({ case: rejected })).toEqual(['/close'])
    for (const line of ['/take', '/reply\nx', '/accept', '/embargo 2026-12-02T13:00:00Z'])
      expect(parse(line).problems).toEqual([])
  })

  it('says from whom a case was taken (B14)', () => {
    const linuses = bound({ case: caseRecord({ owner: 'linus', state: 'triaging' }) })
    expect(answer('/take', { bound: linuses })).toContain('its owner was Linus Tester')
    const { decisions } = runText('/take', commandContext({ bound: linuses }))
    expect(JSON.stringify(decisions)).toContain('took the case from Linus Tester')
  })

  it('says that text below commands that take none became a note', () => {
    expect(answer('/take\nMaybe a duplicate.')).toContain('Kept as a note for the maintainers.')
  })
})

describe('/status (B6)', () => {
  const status = (change: Parameters<typeof bound>[0], now = NOW): string => {
    const context = commandContext({ bound: bound(change), now })
    return [...statusLines(startDraft(context))].join('\n')
  }
  const STATES: Readonly<Record<CaseState, string>> = {
    received: 'new',
    triaging: 'being examined',
    'needs-info': 'waiting for the reporter',
    accepted: 'accepted',
    planned: 'accepted, with a disclosure date',
    noticed: 'accepted, and the list has been told',
    disclosed: 'disclosed',
    rejected: 'rejected (upstream)',
    merged: 'merged into another case',
    closed: 'closed'
  }
  const NOTICES = {
    drafting: 'not approved',
    scheduled: 'approved; it leaves Fri',
    releasing: 'leaving now',
    released: 'released Sun',
    held: 'on hold'
  } as const
  const ENDED: readonly CaseState[] = ['rejected', 'merged', 'closed']
  const DATED: readonly CaseState[] = ['planned', 'noticed', 'disclosed']
  const states = Object.keys(STATES) as CaseState[]
  const notices = [null, ...(Object.keys(NOTICES) as (keyof typeof NOTICES)[])]
  const situations = states.flatMap((state) => notices.map((notice) => [state, notice] as const))
  const here = (state: CaseState, notice: keyof typeof NOTICES | null, date: string) =>
    bound({
      case: caseRecord({ state, disclosureAt: DATED.includes(state) ? at(date) : null }),
      // Before the list is told, what was released is on its way.
      ...(notice === 'released' && {
        copies: {
          ...{ revision: 1, onTheWay: 0, givenUp: 0 },
          ...(state === 'planned' ? { here: 3, left: 0 } : { here: 0, left: 3 })
        }
      }),
      notice:
        notice === null
          ? null
          : noticeRecord({
              state: notice,
              releaseAt: notice === 'scheduled' ? at('2026-11-27T12:00:00Z') : null,
              releasedAt: notice === 'released' ? NOW : null
            })
    })

  it.each(situations)(
    'says where a case stands that is %s with the notice %s: state, owner, what is due and what is missing',
    (state, notice) => {
      const text = status(here(state, notice, '2026-12-04T12:00:00Z'))
      const said = text.split('\n')
      expect(said[0]).toBe(`${TAG} (ACME Parser): ${STATES[state]}`)
      expect(said).toContain('Owner: nobody')
      expect(text).not.toMatch(/triaging|noticed|needs-info|\b0\b|undefined|null/)
      const isOver = ENDED.includes(state)
      expect(text.includes('Missing: an owner (/take)')).toBe(!isOver)
      expect(text).toContain('Reporter: not answered by a person')
      expect(text.includes('Disclosure: due Fri')).toBe(['planned', 'noticed'].includes(state))
      expect(text.includes('recorded as public')).toBe(state === 'disclosed')
      expect(text.includes('Missing: a disclosure date')).toBe(state === 'accepted')
      const shown = notice === 'released' && state === 'planned' ? 'releasing' : notice
      if (shown !== null) expect(text).toContain(`Advance notice: revision 1, ${NOTICES[shown]}`)
      const isWritten = notice === 'drafting' || notice === 'held'
      const isAhead = ['accepted', 'planned', 'noticed'].includes(state)
      expect(text.includes('Missing for the notice')).toBe(isWritten && isAhead)
    }
  )

  it('says since when a case is public (A1)', () => {
    const planned = here('noticed', null, '2026-11-22T10:00:00Z')
    const text = answer('/disclosed 2026-11-22 11:30 UTC\n/status', { bound: planned })
    expect(text).toMatch(/^ *Public since: Sun 22 Nov 2026, .*11:30 UTC/m)
  })

  it('calls a disclosure overdue until it is recorded', () => {
    for (const state of ['planned', 'noticed', 'disclosed'] as const) {
      const text = status(here(state, null, '2026-11-21T12:00:00Z'))
      expect(text.includes('Disclosure: OVERDUE since')).toBe(state !== 'disclosed')
      expect(text).not.toContain('not written yet')
    }
  })

  it.each(situations)(
    'offers only commands that run as they are written, when a case is %s with the notice %s (A2)',
    (state, notice) => {
      for (const author of [GRACE, LINUS, ADA])
        for (const date of ['2026-11-21T12:00:00Z', '2026-12-04T12:00:00Z'])
          for (const more of [{}, { owner: 'grace', reporters: PLANNED.reporters }]) {
            const base = here(state, notice, date)
            const record = { ...base.case, ...more }
            const change = { author, bound: { ...base, case: record } }
            const offered = next(answer('/status', change))
            expect(offered.length).toBeLessThanOrEqual(2)
            for (const command of offered) {
              const text = command === '/reply' ? '/reply\nHello' : command
              const { ran } = runText(text, commandContext(change))
              expect(ran, `${author.id} ${text}`).toBe(true)
            }
          }
    }
  )

  it('offers an approver the approval without its code, which the preview alone holds (G7), and an author no second preview; what is missing stands there once', () => {
    const notice = noticeRecord()
    const base = bound({ case: PLANNED, notice })
    const context = commandContext({ bound: base })
    const digest = noticeDigest(startDraft(context), notice)
    const previews = [{ code: 'k7m2p9qd', digest, issuedAt: NOW, eventId: 1 }]
    const previewed = { ...base, notice: { ...notice, previews } }
    const isBy = (author: Maintainer) => notice.authors.ids.includes(author.id)
    for (const author of [GRACE, LINUS])
      expect(next(answer('/status', { author, bound: previewed }))).toEqual(
        isBy(author) ? [] : ['/notice approve CODE']
      )
    expect(status(previewed)).toContain('Missing for the notice: 1 approval')
    expect(next(answer('/status', { bound: base }))).toEqual(['/notice preview'])
    expect(status(base)).toContain('Missing for the notice: a preview')
    const empty = { ...base, notice: noticeRecord({ fields: {} }) }
    for (const text of ['/status', '/note x'])
      expect(answer(text, { bound: empty }).split('Missing for the notice')).toHaveLength(2)
    // No text mends an empty list.
    const unlisted = { ...base, members: [] }
    expect(next(answer('/status', { bound: unlisted }))).toEqual([])
  })

  it('says of a notice what is true in its state', () => {
    const notice = (change: Parameters<typeof noticeRecord>[0], more = {}): string =>
      status({ case: PLANNED, notice: noticeRecord(change), ...more })
    expect(notice({})).toContain('Once approved, the notice leaves')
    const scheduled = notice({ state: 'scheduled', releaseAt: at('2026-11-27T12:00:00Z') })
    expect(scheduled).toContain('approved; it leaves Fri')
    expect(scheduled).not.toContain('Once approved')
    const copies = { revision: 1, here: 0, onTheWay: 0, givenUp: 1, left: 1 }
    const sent = notice({ state: 'released', releasedAt: NOW }, { copies })
    expect(sent).toContain('1 copy sent, 1 copy not accepted')
    expect(sent).not.toMatch(/Once approved|Missing for the notice/)
    const about = { revision: 1, because: 'too-late', reason: '', copies, withheldSince: null }
    const stopped = { ...event('notice-held', aboutCase(TAG), BY_DESK, about as never), at: NOW }
    const events = [{ ...stopped, id: 1, evidence: NO_EVIDENCE }]
    expect(notice({ state: 'held' }, { events })).toContain(
      'revision 1, on hold by the desk, because its instant was missed while the desk was down'
    )
    expect(notice({}, { members: [member('debian', '1')] })).toContain('to 1 member')
    const unlisted = notice({}, { members: [] })
    expect(unlisted).toContain('Nobody is on the list of this product')
    expect(unlisted).not.toContain('the notice leaves')
  })

  it('says whether answers can reach the reporter', () => {
    expect(status({})).toContain('Answers go to alice@reporter.example, encrypted')
    expect(status({ reporterKeys: keysOf(null) })).toContain('we have no usable key')
  })

  it.each([
    ['received', 'new; owner gone; advance notice not approved'],
    ['disclosed', 'disclosed; owner gone'],
    ['closed', 'closed; owner gone']
  ] as const)('agrees with the line above and below the commands when it is %s', (state, line) => {
    const about = { case: caseRecord({ state, owner: 'gone' }), notice: noticeRecord() }
    const context = commandContext({ bound: bound(about) })
    expect(standing(startDraft(context))).toBe(line)
  })
})

describe('text below a decision (B7)', () => {
  const ENDED = { bound: bound({ case: caseRecord({ state: 'rejected' }) }) }
  const told = (text: string, change: Partial<CommandContext> = {}) => {
    const { decisions, ran } = runText(text, commandContext(change))
    const kept = only(decisions, 'add-message')
    const notes = kept.filter(({ message }) => message.audience === 'internal')
    return { ran, toReporter: sentTo(decisions, 'reporter'), notes }
  }

  it.each([
    ['/accept\nWell found.', /confirmed the issue/],
    ['/reject upstream\nWell found.', /for the time you put into this. It is elsewhere\.$/],
    ['/close\nWell found.', /closed the case/],
    ['/close because it was fixed long ago\n\nWell found.', /closed the case/]
  ])('goes to the reporter in one message with it: %j', (text, decision) => {
    const { ran, toReporter, notes } = told(text, text.startsWith('/close') ? ENDED : {})
    expect(ran).toBe(true)
    const params = { text: 'Well found.', decision: expect.stringMatching(decision) }
    expect(toReporter).toMatchObject([{ message: { params } }])
    expect(notes).toEqual([])
  })

  it('keeps what stands behind /close on its line from the reporter', () => {
    for (const text of ['', '\n\nBye.']) {
      const { toReporter } = told(`/close because SECRET reason${text}`, ENDED)
      expect(toReporter).toHaveLength(1)
      expect(JSON.stringify(toReporter)).not.toContain('SECRET')
    }
  })

  it('becomes a note where the reporter cannot be reached, and the author is told', () => {
    const nobody = caseRecord({ reporters: [reporter({ contact: null })] })
    const none = { bound: bound({ case: nobody, reporterKeys: keysOf(null) }) }
    const { ran, toReporter, notes } = told('/accept\nWell found.', none)
    expect(ran).toBe(true)
    expect(JSON.stringify(toReporter)).not.toContain('Well found')
    expect(notes.map(({ message }) => message.text)).toEqual(['Well found.'])
    const said = answer('/accept\nWell found.', none).replaceAll(/\s+/g, ' ')
    expect(said).toContain('Your text was kept as a note.')
  })

  it.each([
    '/reject upstream inline reason\nand one below',
    '/close internal\nwords for nobody',
    '/accept\n/take\n\nFor whom?',
    '/note\n/accept\nFor whom?',
    '/accept\n> only a quotation\n',
    `/close\nMine.\n\nBob <security@acme.example>\n\nquoted`
  ])('is refused where it is not clear what is meant: %j', (text) => {
    const result = told(text, { product: productWith({ close: { internal: 'allow' } }) })
    if (text.includes('only a quotation')) expect(result.toReporter[0]?.message).toBeDefined()
    else expect(result).toMatchObject({ ran: false, toReporter: [] })
    expect(JSON.stringify(result.toReporter)).not.toContain('only a quotation')
  })
})

describe('/notice draft without fields (A4)', () => {
  it('answers with a form: what the policy wants, and what is there already', () => {
    const credit = 'Alice and her colleagues '.repeat(8).trim()
    const notice = noticeRecord({
      fields: { description: 'A hole.\nA deep one.', cve: 'CVE-1', credit }
    })
    const context = commandContext({ bound: bound({ case: PLANNED, notice }) })
    const { ran, decisions } = runText('/notice draft', context)
    expect(ran).toBe(true)
    expect(only(decisions, 'save-notice')).toEqual([])
    const text = read(decisions)
    for (const field of POLICY.notice?.required ?? [])
      expect(text).toMatch(new RegExp(`^  ${field}: \\S`, 'm'))
    const [form = ''] = text.slice(text.lastIndexOf('\n/notice draft\n')).split('-----8<')
    // To be copied, so that its lines are whole.
    expect(form).toContain(`\ncredit: ${credit}\n`)
    const parsed = parse(form.replace('affected_versions:', 'affected_versions: 1.0'))
    expect(parsed.problems).toEqual([])
    expect(parsed.commands[0]?.fields).toEqual([
      { key: 'description', value: 'A hole.\nA deep one.' },
      { key: 'affected_versions', value: '1.0' },
      { key: 'remedy_steps', value: '' },
      { key: 'cve', value: 'CVE-1' },
      { key: 'credit', value: credit }
    ])
  })

  it('says of every field that nobody has written what it asks for', () => {
    const form = answer('/notice draft', { bound: bound({ case: PLANNED }) })
    const isGiven = (key: string): boolean => form.includes(`\n${key}:`)
    for (const key of NOTICE_TEXT_FIELDS.filter((one) => !isGiven(one)))
      expect(form).toMatch(new RegExp(`^  ${key}: \\S`, 'm'))
    for (const key of POLICY.notice?.required ?? [])
      expect(form).toMatch(new RegExp(`^  ${key}: \\S`, 'm'))
  })

  it('lets no value of the form pass for a line of the desk', () => {
    const fields = { description: 'x\nRef: ACME-2026-0009 security@acme.example' }
    const notice = noticeRecord({ fields })
    const form = answer('/notice draft', { bound: bound({ case: PLANNED, notice }) })
    expect(form).toContain('| Ref: ACME-2026-0009')
  })
})

describe('without a case (B14)', () => {
  const opened = (number: string, change: Partial<CaseRecord> = {}) =>
    caseRecord({ tag: tag(`ACME-2026-000${number}`), ...change })
  const date = { at: at('2026-12-04T12:00:00Z'), clock: 'dead-man' }
  const overdue = { at: addMs(NOW, -1000), clock: 'notice-draft' }
  const examined = { subject: 'SECRET', owner: 'linus', state: 'triaging' } as const
  const open = [
    { ...opened('2', { state: 'planned' }), due: date },
    { ...opened('3', examined), due: overdue },
    { ...opened('4'), due: null }
  ]
  const decide = (text: string, subject = 'hello'): Decision[] => {
    const mail = maintainerMail(text, GRACE, {
      outer: headers({ from: GRACE }),
      protected: headers({ from: GRACE, subject })
    })
    return arrive(mail, { openCases: open })
  }

  it('/help and /cases are answered', () => {
    const text = read(decide('/help take\n/cases'))
    expect(text).toContain('Done: 2 commands.')
    expect(text).toContain('makes the case yours')
    expect(text).toContain('ACME-2026-0003  being examined; owner Linus Tester')
    expect(only(decide('/cases'), 'dispose')).toMatchObject([{ state: 'done' }])
  })

  it('/cases lists all open cases with reporter, subject and what is due first by the clocks (A3, B15)', () => {
    const text = read(decide('/cases')).replaceAll(/\s+/g, ' ')
    expect(text).toContain('(OVERDUE): The advance notice is not written yet')
    expect(text).toContain(
      'Fri 4 Dec 2026, 13:00 Berlin (12:00 UTC): Please record with /disclosed'
    )
    expect(text).toContain('nothing is due')
    expect(text).toMatch(/alice@\S+: SECRET/)
  })

  it('in a case, it shows that case as the lines above leave it (B6)', () => {
    const text = answer('/take\n/status\n/cases')
    expect(text).toContain('1 case is listed below.')
    expect(text).toContain(`${TAG}  being examined; owner Grace Tester`)
    const none = answer('/reject upstream\n/cases')
    expect(none).toContain('No case is open.')
    expect(none.split(DESK_RULE)).toHaveLength(3)
  })

  it('anything else is refused, and then nothing runs', () => {
    const text = read(decide('/cases\n/take'))
    expect(text).toContain('Nothing was done: line 2 has a problem.')
    expect(text.replaceAll(/\s+/g, ' ')).toContain('names no case')
    expect(text).not.toContain('ACME-2026-0003')
    expect(read(decide('/take\nwords', '[ACME-2026-0099]'))).toContain(
      'There is no case ACME-2026-0099'
    )
  })

  it('a wrong number is refused at the line that names it, and /cases is offered', () => {
    const text = read(decide('/cases\ncase: ACME-2026-0099\n/take\nwords'))
    expect(text).toContain('Nothing was done: line 2 has a problem.')
    expect(text).toContain('refused: There is no case ACME-2026-0099; /cases lists the open ones.')
    expect(text).toMatch(/3 {2}\/take\n {4}not run\n/)
  })

  it('a case: line beside the number of another case is refused, and says how to write about that case', () => {
    const [named, other] = ['ACME-2026-0003', 'ACME-2026-0002'].map((number) => `[${number}]`)
    const text = read(decide(`case: ${other?.slice(1, -1)}\n/accept`, `Re: ${named}`))
    expect(text).toContain('Nothing was done: line 1 has a problem.')
    expect(text).toMatch(/begins\s+with these lines:\n {8}to: \S+\n {8}case: ACME-YEAR-NUMBER\n/)
  })
})

describe('threads (B8)', () => {
  const id = messageId('theirs@acme.example')

  it('every answer to a message of a maintainer answers exactly that message, and names its date', () => {
    const date = at('2026-11-22T11:58:00Z')
    const outer = headers({ from: GRACE, messageId: id })
    const written = headers({ from: GRACE, subject: `Re: [${TAG}] a hole in the parser`, date })
    const mails: Partial<OpenedMail>[] = [
      { text: '/take' },
      { text: '/frobnicate' },
      { text: 'x\n/take' },
      { signatures: [] },
      { encrypted: false, structure: 'clear' },
      { signatures: [signature({ state: 'bad' })] }
    ]
    for (const change of mails)
      for (const here of [bound(), null]) {
        const opened = maintainerMail('/take', GRACE, { outer, protected: written, ...change })
        const decisions = arrive(opened, { bound: here })
        const [mail] = only(decisions, 'send-sealed').filter(({ message }) =>
          ['transcript', 'refusal'].includes(message.kind)
        )
        expect(mail?.inReplyTo).toBe(id)
        expect(mail === undefined ? '' : rendered(mail)).toMatch(/Sun[^]*11:58/)
      }
  })
})
