/**
 * Promises that nobody watched: after an undecided turn of a case, a move to another product, a merge or a hold, somebody is
 * reminded until the promise is kept (A3, B10, B12, B16).
 */

import { expect, it } from 'vitest'
import {
  AUTHENTICATION,
  alarmsTo,
  alice,
  allTo,
  answering,
  approve,
  attachedKey,
  bob,
  caseStates,
  checked,
  DAY,
  days,
  FIRST,
  givenMessage,
  givenNotices,
  givenRef,
  givenReport,
  givenReporter,
  grace,
  keyOf,
  lastTo,
  linus,
  MINUTE,
  preset,
  type ReportOptions,
  recorded,
  SECOND,
  says,
  THIRD,
  textsTo,
  UNTIL_DUE,
  world,
  writes
} from '../support/desk.ts'
import { PRODUCT } from '../unit/policy/samples.ts'
import { lines } from '../unit/reading/material.ts'

/** A report, or several, to a desk of this policy. */
async function givenReportUnder(name: string, more: ReportOptions = {}): Promise<void> {
  await givenReport({ text: 'Here.\n', policy: await preset(name), ...more })
}

/** How often each clock rang since the last question, by its id. */
function rangSince(mark = 0): Record<string, number> {
  const sql =
    "SELECT about ->> 'clock' AS clock FROM events WHERE kind = 'rang' AND id > ? ORDER BY id"
  const clocks = world.column(sql, [mark])
  return Object.fromEntries(
    [...new Set(clocks)].map((id) => [id, clocks.filter((clock) => clock === id).length])
  )
}

/** The newest event so far. */
const mark = (): number => world.column<number>('SELECT max(id) FROM events')[0] ?? 0

const REJECT = '/reject not-a-vulnerability\nIt needs root, which may do all of this anyway.\n'
const KEYLESS = { subject: 'x', text: 'Here.\n', as: 'encrypted' } as const

it.each([REJECT, `/accept\n/disclosed because it is public\n/close\n`])(
  '(B10) a reporter without a key who cannot be told the end of their case counts as unanswered: the promise of an answer stays due when it was, maintainers are reminded of it daily by that clock alone, and the digest lists the case, until the end is told or a reason is on record (%s)',
  async (end) => {
    await givenReportUnder('dispatch', { digest: true, autocrypt: false })
    const due = 'Wed 25 Nov 2026, 12:00 UTC'
    expect(await says('/status\n')).toContain(`Due: ${due}: Please answer`)
    expect(await says(end)).toContain('Done')
    const ended = mark()
    expect(await says('/status\n')).toContain(`Due: ${due}: The reporter has not been told`)
    await days(5)
    // At 80 %, when it is due, and daily; the first warning is for the owner alone where there is one.
    expect(rangSince(ended)).toEqual({ answer: 5, digest: 5 })
    const alarm = (await alarmsTo(linus)).at(-1)
    expect(alarm).toContain(`No person has answered the reporter yet. Overdue since ${due}`)
    expect(alarm).toContain('by Grace to alice@reporter.example, Mon 23 Nov 2026')
    expect(alarm).toContain('/unsend because REASON')
    expect(await says('/unsend\n')).toContain('the reporter must learn')
    expect(await says('/unsend because Alice knows it from Bob\n')).toContain('Done')
    const silent = mark()
    await days(2)
    expect(rangSince(silent)).toEqual({})
    const reason = 'Alice knows it from Bob'
    expect(recorded('words-dropped')).toContainEqual(expect.objectContaining({ reason }))
  }
)

it.each([['/reply\nThank you again.\n'], [REJECT]])(
  '(A3, B10) what a reporter wrote after the first answer has no answer while one waits for a key: one clock tells it, also after the end of the case (%s)',
  async (words) => {
    await givenReportUnder('dispatch')
    await says('/reply\nThank you.\n')
    await says(`/key refuse ${keyOf(alice)} because it is lost\n`)
    await givenMessage(alice, { ...KEYLESS, ...answering(alice) })
    const wrote = mark()
    expect(await says(words)).toContain('waits and leaves')
    await days(8)
    expect(Object.keys(rangSince(wrote))).toEqual(['conversation'])
    expect((await alarmsTo(linus)).at(-1)).toContain('Waiting for a key: ')
  }
)

it('(B10) the alarm that the reporter waits for an answer says that an answer waits for a key, not to write one, and is the only one', async () => {
  await givenReportUnder('dispatch', { autocrypt: false })
  await says('/take\n/reply\nThank you.\n')
  await days(3)
  const alarm = await lastTo(linus)
  expect(alarm).toContain('The reporter waits for an answer')
  expect(alarm).toContain('Waiting for a key: answer by Grace to alice@reporter.example')
  expect(alarm).not.toContain('Please answer with /reply')
  expect(alarm).toContain('/unsend')
  expect(rangSince()).not.toHaveProperty('words-wait')
})

it('(A3, B10) a reminder about two reporters says which one to answer if the answer to the other waits for a key', async () => {
  await givenReportUnder('dispatch', { autocrypt: false })
  await says('/reply\nThank you.\n')
  await givenMessage(bob, KEYED)
  await says(`/merge ${FIRST}\n`, SECOND)
  await givenMessage(bob, { ...KEYED, ...answering(bob) })
  world.pass(6 * DAY)
  await world.settle()
  const alarm = await lastTo(linus)
  expect(alarm).toContain('Waiting for a key: answer by Grace to alice@reporter.example')
  expect(alarm).toContain(`For reporter ${bob.address}: Please answer with /reply.`)
  expect(alarm).not.toContain(`For reporter ${alice.address}`)
})

it('(B6, B10) what is due names the reporter who waits among several, and no /reply to one for whom an answer waits for a key', async () => {
  await givenReportUnder('dispatch', { autocrypt: false })
  const due = /Due: Wed 25 Nov 2026, 12:00 UTC: The reporter has not been told what we wrote;/
  expect(await says('/reply <<\nThank you.\n>>\n/status\n')).toMatch(due)
  expect(await lastTo(linus)).toMatch(due)
  expect(await says('/status\n')).toMatch(due)
  await givenMessage(bob, KEYED)
  await says(`/merge ${FIRST}\n`, SECOND)
  const whose = (address: string) => `UTC (reporter ${address}): `
  expect(await says('/status\n')).toContain(`${whose(alice.address)}The reporter has not been told`)
  await givenMessage(bob, { ...KEYED, ...answering(bob) })
  await givenMessage(alice, { ...KEYED, ...answering(alice) })
  expect(await says('/status\n')).toContain(`${whose(bob.address)}Please answer with /reply`)
})

it('(A3, B14) an answer to an alarm about one of several reporters is for that reporter', async () => {
  await givenReportUnder('dispatch', { by: [alice, bob] })
  for (const tag of [FIRST, SECOND]) await says('/reply\nWe look.\n', tag)
  await says(`/merge ${FIRST}\n`, SECOND)
  await givenMessage(bob, { ...KEYED, ...answering(bob) })
  await days(4)
  const reply = `/reply\nThank you.\n\n> ${await givenRef(grace)}\n`
  expect(await says(reply, FIRST, answering(grace))).toContain('Done')
  expect([await lastTo(bob), await allTo(alice)]).toEqual([
    expect.stringContaining('Thank you.'),
    expect.not.stringContaining('Thank you.')
  ])
})

it('(B14) an answer to an alarm about a new report decides for all reporters of its case', async () => {
  await givenReportUnder('dispatch', { by: [alice, bob] })
  await says('/reply\nWe look.\n', SECOND)
  await says(`/merge ${FIRST}\n`, SECOND)
  await days(3)
  const reply = `/reject upstream\nPlease ask them.\n\n> ${await givenRef(grace)}\n`
  expect(await says(reply, FIRST, answering(grace))).toContain('Done')
  for (const one of [alice, bob]) expect(await lastTo(one)).toContain('Please ask them.')
})

it('(A3) /reply is offered while the reporter wrote last, though a person has answered them before', async () => {
  await givenReportUnder('dispatch')
  await says('/take\n/reply\nThank you.\n')
  await givenMessage(alice, { ...KEYED, ...answering(alice) })
  expect(await says('/status\n')).toMatch(/Next you could write: \/reply/)
})

it('(B10, B14) what waits for a reporter whose case was merged is watched in the case that they belong to now', async () => {
  await givenReportUnder('dispatch')
  await says('/reply\nThank you.\n')
  await givenMessage(bob, KEYLESS)
  await says(`/merge ${FIRST}\n`, SECOND)
  const merged = mark()
  await days(4)
  const told = world.rows<{ tag: string; clock: string }>(
    "SELECT DISTINCT subject_id AS tag, about ->> 'clock' AS clock FROM events WHERE kind = 'rang' AND id > ?",
    [merged]
  )
  expect(told).toEqual([{ tag: FIRST, clock: 'answer' }])
})

it('(A3) the digest lists a case whose reporter wrote again, until somebody answers', async () => {
  await givenReportUnder('dispatch', { digest: true })
  await says('/accept\n/reply\nThank you.\n')
  await days(2)
  const digests = async () => (await textsTo(grace)).filter((text) => text.includes('Digest of'))
  expect(await digests()).toEqual([])
  await writes(alice, 'It also happens in 4.1.\n', answering(alice))
  await days(1)
  expect(await digests()).toEqual([expect.stringContaining(`waits to hear from us: ${FIRST}`)])
  await says('/reply\nWe see it, too.\n')
  await days(2)
  expect(await digests()).toHaveLength(1)
})

it('(A3, M-10) a case in which the reporter wrote last is closed with words to the reporter, and for a reason of its own', async () => {
  await givenReportUnder('dispatch')
  await says(REJECT)
  await writes(alice, 'I disagree.\n', answering(alice))
  expect(await lastTo(grace)).toContain('and below it /close because REASON')
  const unread = await says('/close because we looked again\n')
  expect(unread).toContain(`the last message of ${alice.address}. Please`)
  expect(unread).not.toMatch(/^ *\/close$/m)
  expect(await says('/close because REASON\n\nIt needs root.\n')).toContain('your own reason')
  expect(await says('/close because we looked again\n\nIt needs root.\n')).toContain('Done')
  expect(await allTo(alice)).toContain('It needs root.')
})

it('(B12, M-10) a case of several reporters is not closed without a word while one of them waits for an answer', async () => {
  await givenReportUnder('dispatch', { by: [alice, bob] })
  await says('/accept\n')
  await says(`/merge ${FIRST}\n`, SECOND)
  await says('/disclosed because it is out\n')
  await givenMessage(bob, { ...KEYED, ...answering(bob) })
  expect(await says('/close\n')).toContain(`the last message of ${bob.address}. Please`)
  expect(await says('/status\n')).toContain(`Reporters who wrote last: ${bob.address};`)
  expect(await caseStates()).toContain('disclosed')
  expect(await says('/close\nThank you both.\n')).toContain('Done')
})

it('(B13, B15) an ended case is among the open ones while an answer to its reporter is due, and /reply is offered', async () => {
  await givenReportUnder('dispatch', { autocrypt: false })
  await says(REJECT)
  await writes(alice, 'I disagree.\n', { ...answering(alice), autocrypt: true, after: DAY })
  expect(caseStates()).toEqual(['rejected'])
  await world.wait(MINUTE)
  expect(world.rows('SELECT 1 FROM waiting_words')).toEqual([])
  expect(await says('/status\n')).toMatch(/Next you could write: \/reply/)
  await givenMessage(bob, KEYED)
  for (const tag of [FIRST, SECOND])
    expect(await says('/cases\n', tag)).toContain('2 cases are listed')
})

it('(B7) a message of a maintainer that only quotes is answered: nothing was done', async () => {
  await givenReportUnder('dispatch')
  const relayed = mark()
  expect(await says('> /accept\n')).toContain('Your message holds no text of your own')
  expect([caseStates(), rangSince(relayed)]).toEqual([['received'], {}])
})

it('(A2, M-10) what the policy forbids is refused with that reason, before a text is asked for', async () => {
  await givenReportUnder('dispatch')
  await says('/accept\n')
  await writes(alice, 'It also happens in 4.1.\n', answering(alice))
  const refused = await says('/close because nobody uses it\n')
  expect(refused).toContain('does not let a case end without disclosure or rejection')
  expect(refused).not.toContain('wrote last')
  expect(await says('/disclosed because it leaked\n')).toContain('Done')
  const late = await says('/reject not-a-vulnerability\nNo.\n')
  expect(late).toContain('The case is disclosed. Next is /close.')
})

it.each([
  ['Auto-Submitted: auto-generated', 'X-Auto-Response-Suppress: All'],
  ['Content-Type: multipart/report; report-type=disposition-notification; boundary=r']
])(
  '(A3, G1) what a program sends in answer to the desk is shown, and neither opens the case again nor asks for an answer (%s)',
  async (...marks) => {
    await givenReportUnder('dispatch', { as: 'clear', autocrypt: false })
    await says(REJECT)
    const receipt =
      '--r\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: x\r\n--r--'
    const head = ['From: alice@reporter.example', ...answering(alice).headers, ...marks]
    await world.receive(
      Buffer.from(`${head.join('\r\n')}\r\nSubject: Read: x\r\n\r\n${receipt}\r\n`)
    )
    expect(caseStates()).toEqual(['rejected'])
    expect(await lastTo(linus)).toContain('A program sent this message')
    const shown = mark()
    await days(5)
    expect(rangSince(shown)).toEqual({})
    await writes(alice, 'I disagree.\n', answering(alice))
    expect(caseStates()).toEqual(['triaging'])
  }
)

it('(G1, G6) what is signed is shown and counts, whatever mark of a program somebody put into the header outside', async () => {
  await givenReport()
  await says('/reply\nWhich version?\n')
  const marks = ['Auto-Submitted: auto-replied', 'X-Autoreply: yes']
  const headers = [...answering(alice).headers, ...marks]
  await writes(alice, 'It is exploited NOW.\n', { headers })
  expect(await lastTo(linus)).toContain('It is exploited NOW.')
  expect(recorded('reporter-wrote')).toHaveLength(1)
})

const KEYED = { ...KEYLESS, autocrypt: true }
const DATED = '/accept\n/embargo 2026-12-09T12:00:00Z because we test\n'

it('(A3) a rejection that is taken back lets the clocks of the date run again: notice, preflight and dead-man', async () => {
  await givenReportUnder('dispatch')
  await says(DATED)
  await says(REJECT)
  const rejected = mark()
  await days(3)
  expect(rangSince(rejected)).toEqual({})
  await says('/reopen because I was wrong\n')
  expect(await says('/accept\n/status\n')).not.toContain('Due: nothing')
  await days(20)
  const rang = rangSince(rejected)
  for (const clock of ['notice-draft', 'notice-overdue', 'dead-man'])
    expect([clock, (rang[clock] ?? 0) > 2]).toEqual([clock, true])
  const late = "SELECT 1 FROM events WHERE kind = 'rang' AND about ->> 'isLate' <> 0"
  expect(world.rows(late)).toEqual([])
})

it('(A3, M-10) a reporter who writes into a rejected case lets the clocks of its date run again, which ask for a decision first', async () => {
  await givenReportUnder('dispatch')
  const first = 'Please decide first with /accept or /reject.'
  expect(await says(`${DATED}/status\n`)).not.toContain('/reject')
  await says(REJECT)
  await writes(alice, 'No, please look again.\n', answering(alice))
  expect(await says('/reply <<\nYou are right, we look again.\n>>\n/status\n')).toContain(first)
  const answered = mark()
  await days(20)
  expect(rangSince(answered)['dead-man'] ?? 0).toBeGreaterThan(2)
  // Until the case is accepted again, /disclosed and /embargo are refused.
  expect((await alarmsTo(linus)).filter((text) => text.includes(first)).length).toBeGreaterThan(2)
  expect(await says('/status\n')).toContain('; decide with /accept or /reject')
})

it('(A3, B10) a reporter without a key, whose rejection waited, is waited for again when another reporter opens the case', async () => {
  await givenReportUnder('dispatch')
  await givenMessage(bob, { ...KEYED, autocrypt: false })
  await says(`/merge ${FIRST}\n`, SECOND)
  await says(REJECT)
  await writes(alice, 'No, please look again.\n', answering(alice))
  const opened = mark()
  await days(8)
  expect(rangSince(opened)['answer'] ?? 0).toBeGreaterThan(2)
})

it('(B10, B19) a date that a reporter without a key is not asked about is no answer to them, and one that they are asked about is', async () => {
  const rang = []
  for (const autocrypt of [false, true]) {
    await givenReportUnder('dispatch', { autocrypt })
    await writes(alice, 'Is there a date?\n', { ...answering(alice), after: MINUTE })
    const wrote = mark()
    await says(DATED)
    await days(5)
    rang.push((rangSince(wrote)['conversation'] ?? 0) > 0)
  }
  expect(rang).toEqual([true, false])
})

it.each(['in the mail', 'by /key accept'])(
  '(A3, B10, B19) a question about the date that a key lets leave is no answer to what its reporter wrote: %s',
  async (how) => {
    await givenReportUnder('dispatch', { autocrypt: false })
    await says(DATED)
    const reply = { ...answering(alice), autocrypt: how === 'in the mail', after: DAY }
    await writes(alice, 'My key. Is 4.1 affected, too?\n', reply)
    const wrote = mark()
    if (how !== 'in the mail')
      await says(`/key accept ${keyOf(alice)}\n`, FIRST, attachedKey(alice))
    expect(recorded('date-asked')).toHaveLength(1)
    await days(5)
    expect(rangSince(wrote)['conversation'] ?? 0).toBeGreaterThan(0)
  }
)

it.each([
  ['template', ['answer', 'feedback']],
  ['dispatch-platform', ['answer', 'triage']]
])(
  '(A3) in a case that is opened again, whoever was not answered is waited for again (%s)',
  async (name, clocks) => {
    await givenReportUnder(name, { autocrypt: false })
    await says(REJECT)
    await days(3)
    await says('/reopen because I was wrong\n')
    const reopened = mark()
    await days(5)
    expect(Object.keys(rangSince(reopened)).sort()).toEqual(clocks)
  }
)

it.each([
  ['template', 'dispatch', ['notice-draft', 'preflight', 'notice-overdue', 'dead-man']],
  ['dispatch', 'template', ['dead-man']]
])(
  '(B12) /product takes the clocks of the notice along: from %s to %s they are those of the new policy',
  async (from, to, clocks) => {
    const other = { ...PRODUCT, id: 'other', name: 'ACME Other', policy: await preset(to) }
    await givenReportUnder(from, { moreProducts: [other] })
    await says('/plan\nplan: x\nworkarounds: none\n')
    await says('/accept\n/embargo 2026-12-14T12:00:00Z because we test\n')
    await says('/product other\n')
    const moved = mark()
    await days(23)
    expect(Object.keys(rangSince(moved)).sort()).toEqual(clocks.sort())
  }
)

it('(B12) a first answer that was promised is watched on after /product to a policy that promises none', async () => {
  const policy = await preset('template')
  const silent = { ...policy, clocks: policy.clocks.filter(({ id }) => id !== 'answer') }
  const other = { ...PRODUCT, id: 'other', name: 'ACME Other', policy: silent }
  const letter = { subject: 'ACME Parser', as: 'clear' } as const
  await givenReportUnder('dispatch', { ...letter, moreProducts: [other] })
  const due = 'Due: Wed 25 Nov 2026, 12:00 UTC: Please answer with /reply'
  expect(await says('/status\n')).toContain(due)
  expect(await says('/product other\n/status\n')).toContain(due)
  const moved = mark()
  await days(3)
  expect(rangSince(moved)['answer']).toBe(3)
  await says('/reply\nThank you.\n')
  const answered = mark()
  await days(2)
  expect(rangSince(answered)).not.toHaveProperty('answer')
})

it('(B16) a change that nobody approves is reminded of after the old date, too, daily until it is approved', async () => {
  await givenNotices({ policy: { clocks: (await preset('dispatch')).clocks } })
  await world.wait(UNTIL_DUE)
  await writes(grace, '/embargo 2026-12-18T12:00:00Z because the fix needs longer\n')
  await world.wait(8 * DAY)
  const passed = mark()
  await days(5)
  expect(rangSince(passed)).toEqual({ change: 5 })
})

it.each([
  ['deferred', 1],
  ['deferred', 0],
  ['rejected', 0]
] as const)(
  '(A3) a notice that is held when copies are %s and %i have left is reminded of daily, with the reason of the hold, until it goes on',
  async (how, left) => {
    await givenNotices({ policy: { clocks: (await preset('dispatch')).clocks } })
    world.pass(UNTIL_DUE)
    const others = Array.from({ length: 3 - left }, () => how)
    world.replies.push(...Array.from({ length: left }, () => 'accepted' as const), ...others)
    await world.settle()
    const reason = 'a distribution found another hole'
    if (how === 'deferred') {
      await writes(grace, `/notice hold because ${reason}\n`)
      expect(recorded('notice-held')).toMatchObject([{ because: 'maintainer', reason }])
      expect(await lastTo(linus)).toContain(`put the notice on hold, because: ${reason}`)
      // Another hold ends no reminder.
      await writes(grace, '/notice hold because we wait for it\n')
    }
    const held = mark()
    const from = world.accepted.length
    await days(4)
    expect(rangSince(held)).toEqual({ 'notice-withheld': 4 })
    const title = 'The advance notice has not gone to the whole list'
    const reminders = (await alarmsTo(linus, from)).filter((text) => text.includes(title))
    expect(reminders).toHaveLength(4)
    const why = how === 'deferred' ? `because: ${reason}` : 'because no copy of it could be sent'
    for (const text of reminders) expect(text).toContain(`Put on hold ${why}`)
    await approve()
    const goesOn = mark()
    await days(2)
    expect(rangSince(goesOn)).not.toHaveProperty('notice-withheld')
  }
)

/** Alice was answered in case 1; Bob reported cases 2 and 3, half a day apart, and case 3 was merged first. */
async function givenBobsCases(letter: typeof KEYLESS): Promise<void> {
  await givenReportUnder('dragonfly')
  await says('/reply\nThank you.\n')
  await givenMessage(bob, letter)
  await world.wait(DAY / 3)
  await givenMessage(bob, letter)
  await says(`/merge ${FIRST}\n`, THIRD)
}

it('(A3, B14) an answer to a reporter stops the clocks of all their numbers, in whichever order their cases were merged', async () => {
  await givenBobsCases(KEYED)
  const more = { subject: 'Re: [ACME-2026-0003] x', text: 'More.\n' }
  await givenMessage(bob, { ...more, ...answering(bob) })
  const ref = await givenRef(grace)
  await says(`/merge ${FIRST}\n`, SECOND)
  const answer = `/reply\nThank you as well.\n\n> ${ref}\n`
  expect(await says(answer)).toContain('On its way to bob@reporter.example')
  const answered = mark()
  await days(8)
  expect(rangSince(answered)).toEqual({})
})

it('(A3) a question by a person is a first answer to the reporter, and not the plan that the policy promises', async () => {
  await givenReportUnder('template')
  expect(await says('/ask\nWhich version?\n')).toContain('On its way to alice@reporter.example')
  const answered = world.column('SELECT answered_at FROM reporters')
  expect(answered).toEqual([expect.stringContaining('2026-11-23')])
  const asked = mark()
  await days(8)
  expect(Object.keys(rangSince(asked))).toEqual(['feedback'])
})

it('(A3, B14) the earliest promise holds where one person sent several reports', async () => {
  await givenBobsCases(KEYLESS)
  await world.wait(DAY / 2)
  await says(`/merge ${FIRST}\n`, SECOND)
  expect(await says('/status\n')).toContain('Due: Tue 24 Nov 2026, 12:0')
})

it('(B13, B14) an answer that came as a new case ends needs-info when it is merged', async () => {
  await givenReportUnder('dispatch', { as: 'clear', autocrypt: false })
  await says('/ask\nWhich version?\n')
  await givenMessage(alice, { subject: 'x', text: 'It is 4.2.\n', as: 'clear' })
  await says(`/merge ${FIRST}\n`, SECOND)
  expect(caseStates()).toEqual(['triaging', 'merged'])
})

it('(B10) the acknowledgement of a report in clear promises no answer in clear where a key came that cannot be used', async () => {
  const brief = await givenReporter('brief', 1)
  await givenReportUnder('dispatch', { by: [brief], as: 'clear' })
  const acknowledgement = await lastTo(brief)
  expect(acknowledgement).not.toContain('will come unencrypted')
  expect(acknowledgement).toContain('We found no usable OpenPGP public key of yours in it.')
})

it('(A1) a key on the record says whose it is', async () => {
  await givenReportUnder('dispatch')
  await givenMessage(await givenReporter('brief', 1), { ...KEYED, as: 'clear' })
  const sql =
    "SELECT kind, about ->> 'reporter' AS reporter FROM events WHERE kind IN ('key-pinned', 'key-offered')"
  expect(world.rows(sql)).toEqual([
    { kind: 'key-pinned', reporter: FIRST },
    { kind: 'key-offered', reporter: SECOND }
  ])
})

it.each([
  ['/reject not-a-vulnerability', 'I called her.'],
  ['/plan\nplan: x\nworkarounds: none known', '/note I called her.'],
  ['/accept', '/take\n\nI called her.']
])(
  '(A3) what nothing proves to be the reporter’s is reminded of until a maintainer acts, also after %j, for example by %j; what a program sent is not',
  async (decision, act) => {
    const { clocks } = await preset('dragonfly')
    const policy = { clocks, reporters: { cleartext: 'allow' } } as const
    const headers = checked('reporter.example', 'none')
    const letter = { as: 'clear', autocrypt: false, headers } as const
    await givenReport({ ...letter, authentication: AUTHENTICATION, policy })
    await says(decision)
    const again = async (text: string, more: readonly string[] = []): Promise<string[]> => {
      const all = [...headers, ...answering(alice).headers, ...more]
      // What is protected names the case, so nobody on the way chose it (B6).
      const inside = [
        'Content-Type: text/plain; protected-headers="v1"',
        ...answering(alice).headers
      ]
      const sealed = { as: 'encrypted', payload: lines(...inside, '', text) } as const
      const how = more.length > 0 ? ({ as: 'clear' } as const) : sealed
      await givenMessage(alice, { subject: `Re: [${FIRST}]`, text, ...how, headers: all })
      const mark = world.accepted.length
      await days(7)
      return alarmsTo(grace, mark)
    }
    expect(await again('Receipt.', ['Auto-Submitted: auto-generated'])).toEqual([])
    expect((await again('It is exploited NOW.')).join()).toContain('Somebody wrote into the case')
    await says(act)
    const mark = world.accepted.length
    await days(7)
    expect(await alarmsTo(grace, mark)).toEqual([])
  }
)
