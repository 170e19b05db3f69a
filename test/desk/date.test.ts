/** The date is put to the reporter when it is proposed, and the answer is shown to the maintainers as a suggestion (B19). */

import { expect, it } from 'vitest'
import { aboutCase, BY_OPERATOR, event, NO_EVIDENCE } from '../../src/domain/event.ts'
import * as events from '../../src/store/events.ts'
import * as notices from '../../src/store/notices.ts'
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
  code,
  DAY,
  DISCLOSURE,
  days,
  debian,
  FIELDS,
  FIRST,
  givenMessage,
  givenNotices,
  givenReport,
  givenReporter,
  grace,
  HOUR,
  keyOf,
  kindsTo,
  lastTo,
  linus,
  MINUTE,
  members,
  noticed,
  noticeStates,
  preset,
  recorded,
  SECOND,
  says,
  textsTo,
  UNTIL_DUE,
  world,
  writes
} from '../support/desk.ts'
import { bounceOf } from '../support/mail-parts.ts'
import { type Someone, someone } from '../support/world.ts'
import { POLICY } from '../unit/policy/samples.ts'

/** A case that Grace accepted with a date, and what Alice read of it last. */
async function dated(as: 'encrypted' | 'clear', autocrypt = as === 'encrypted'): Promise<string> {
  const policy = { reporters: { cleartext: 'allow' }, close: { internal: 'allow' } } as const
  await givenReport({ policy, as, autocrypt })
  for (const text of ['/accept\n', `/embargo ${DISCLOSURE}\n`]) await writes(grace, text)
  return lastTo(alice)
}

const LATER = '/embargo 2026-12-07T12:00:00Z because later\n'

/** A case of Alice, who began encrypted and gave no key, with a date that was moved since. */
async function datedWithoutKey(): Promise<void> {
  await dated('encrypted', false)
  await writes(grace, LATER)
}

/** A case with this date, under the promises of a policy. */
async function datedWithPromises(): Promise<void> {
  const { clocks } = await preset('dispatch')
  await givenReport({ policy: { clocks, close: { internal: 'allow' } } })
  await writes(grace, `/accept\n/embargo ${DISCLOSURE} because we test\n`)
}

/** Grace writes, and what the desk makes of it cannot leave yet; how much had left before. */
async function writesInVain(text: string): Promise<number> {
  const mark = world.accepted.length
  world.replies.push('deferred', 'deferred', 'deferred')
  await writes(grace, text)
  return mark
}

/** The list was told the date of Alice's case. */
async function released(autocrypt: boolean): Promise<void> {
  await givenNotices({ autocrypt })
  await world.wait(UNTIL_DUE)
}

function answer(text: string): Promise<string> {
  return writes(alice, text, answering(alice))
}

/** Somebody sends their key, and once more. */
async function giveKey(person: Someone): Promise<void> {
  const letter = { subject: 'Re: x', autocrypt: true, ...answering(person) }
  for (const text of ['My key.\n', 'Again.\n']) await givenMessage(person, { ...letter, text })
}

/** Grace accepts the key of Alice; what she is answered. */
function acceptKey(): Promise<string> {
  return writes(grace, `/key accept ${keyOf(alice)}\n`, attachedKey(alice))
}

const PASSES = checked('reporter.example')
/** Less than the first wait of a message that could not leave. */
const SECONDS = 20_000

/** How many alarms the maintainers got about a reporter who could not be told the date. */
function rung(): number {
  return world.rows("SELECT 1 FROM rings WHERE clock = 'date-untold'").length
}

it('(B19) the reporter is asked about the date when it is proposed, encrypted, and that is on the record', async () => {
  const said = await dated('encrypted')
  expect(said).toContain(
    'We would like to make the issue that you reported (ACME-2026-0001) public on Fri 4 Dec 2026'
  )
  expect(said).not.toContain('not encrypted')
  const told = [{ date: '2026-12-04T12:00:00.000Z', how: 'encrypted' }]
  expect(recorded('date-asked')).toMatchObject(told)
})

it('(B19, G3) a reporter who began in clear and has no key is asked in clear, marked', async () => {
  const said = await dated('clear')
  expect(said).toContain('[This message is not encrypted, because we have no key of yours.]')
  expect(recorded('date-asked')).toMatchObject([{ how: 'in-clear' }])
})

it('(B19) /status says who has not answered, and the offered /embargo names no other date', async () => {
  await dated('encrypted')
  expect(await writes(grace, '/status\n')).toContain(
    `Date: no AGREE or OBJECT from ${alice.address}; we wrote to them Mon 23 Nov 2026`
  )
  const offers = (await textsTo(grace)).filter((text) => text.includes('/embargo 2'))
  expect(offers.join()).toContain('sets the disclosure date')
  expect(offers.join()).not.toContain('for example')
})

it('(B6, M-30) nobody is reminded to tell a date to a reporter who named no address, nor to one who is moved to their case', async () => {
  const form = await someone('form', 'security@acme.example')
  await givenNotices({ reporter: form, autocrypt: false })
  await world.wait(UNTIL_DUE)
  await world.receive(Buffer.from('To: security@acme.example\r\nSubject: x\r\n\r\nx\r\n'))
  await writes(grace, `/merge ${FIRST}\n`, { tag: SECOND })
  await days(2)
  expect((await alarmsTo(linus)).join()).not.toMatch(/not (?:be )?told the date/)
})

const ASKED = '> If the date suits you, please reply with the word\n> OBJECT\n\n'
it.each([
  ['agree', 'Agree.\n\nThat is fine.\n> OBJECT\n', 'AGREES', 'agreed'],
  ['agree', `${ASKED}AGREE\n`, 'AGREES', 'agreed'],
  ['agree', 'Thanks!\nAGREE, fine for me\n', 'AGREES', 'agreed'],
  ['object', 'Hello,\nOBJECT: my talk is later.\n', 'OBJECTS', 'OBJECTED'],
  ['object', 'Object - my talk is later.\n', 'OBJECTS', 'OBJECTED']
])(
  '(B19) %s in the answer is shown to the maintainers and recorded',
  async (word, text, shown, status) => {
    await dated('encrypted')
    await answer(text)
    const [facts] = (await lastTo(grace)).split('Commands: ')
    expect(facts).toContain(`About the date: the reporter ${shown}`)
    expect(await writes(grace, '/status\n')).toContain(
      `Date: ${alice.address} ${status} Mon 23 Nov 2026`
    )
    const answered = [{ answer: word, date: '2026-12-04T12:00:00.000Z' }]
    expect(recorded('date-answered')).toMatchObject(answered)
  }
)

it('(B14, B19) who came from a merged case, with a date of its own, and names no message about it has not answered the present date', async () => {
  await dated('encrypted')
  await givenMessage(bob, { subject: 'two', text: 'x', as: 'encrypted', autocrypt: true })
  await writes(grace, `/accept\n${LATER}`, { tag: SECOND })
  await writes(grace, `/merge ${FIRST}\n`, { tag: SECOND, after: MINUTE })
  const told = [{ reporter: FIRST }, { reporter: SECOND }, { reporter: SECOND }]
  expect(recorded('date-asked')).toMatchObject(told)
  const last = answering(bob)
  await writes(bob, 'AGREE\n', { after: MINUTE, ...answering(bob, world.sentTo(bob)[0]) })
  expect(await lastTo(linus)).toContain('nothing tells to which date')
  expect(recorded('date-answered')).toEqual([])
  await writes(bob, 'AGREE\n', { after: MINUTE, ...last })
  expect(recorded('date-answered')).toMatchObject([{ reporter: SECOND }])
})

it.each(['AGREE', 'OBJECT'])(
  '(B19) %s to an earlier date, or without telling to which, is shown and leaves the question about the present date open',
  async (word) => {
    await dated('encrypted')
    const first = answering(alice)
    const text = `${word}\n`
    const early = await world.write(alice, { subject: 'Re: x', text, ...first })
    const moved = '/embargo 2027-01-12T12:00:00Z because later\n'
    await writes(grace, moved, { after: MINUTE })
    const second = answering(alice)
    await world.receive(early)
    await writes(alice, text, { after: MINUTE })
    const shown = (await textsTo(linus)).filter((said) => said.includes(`the reporter ${word}S`))
    expect(shown).toHaveLength(2)
    expect(shown[0]).toContain(`${word}S to an earlier date`)
    expect(shown[1]).toContain('nothing tells to which date')
    expect(await writes(grace, '/status\n')).toContain('no AGREE or OBJECT from')
    expect([recorded('date-answered').length, recorded('reporter-wrote').length]).toEqual([0, 2])
    await writes(alice, text, { after: MINUTE, ...second })
    expect(await lastTo(linus)).not.toContain('the present one')
    expect(recorded('date-answered')).toMatchObject([{ date: '2027-01-12T12:00:00.000Z' }])
  }
)

it.each([
  ['AGREE\n', 0],
  [`${ASKED}Agree.\n`, 0],
  ['OBJECT\n', 1],
  ['AGREE\n\nDoes my name stand in it?\n', 1]
])(
  '(A3, B19) of the answers to the date, a mere AGREE waits for no reply: %j',
  async (text, waits) => {
    await datedWithPromises()
    await answer(text)
    expect(recorded('date-answered')).toHaveLength(1)
    expect(recorded('reporter-wrote')).toHaveLength(waits)
    await days(6)
    const asks = (await textsTo(linus)).filter((said) => said.includes('nobody has answered'))
    expect(asks.length > 0).toBe(waits > 0)
  }
)

it('(W2) a new date answers an OBJECT: nobody is told or reminded to reply to it, unless the same message closes the case', async () => {
  await datedWithPromises()
  await answer('OBJECT\n')
  const later = '/embargo 2026-12-08T12:00:00Z because she objects\n'
  const closed = await writes(grace, `${later}/close because we wait no longer\n`)
  expect(closed).toContain(`Nobody has answered the last message of ${alice.address}`)
  const said = await writes(grace, later, { after: HOUR })
  expect(said).toMatch(/We asked alice@\S+ about the date/)
  expect([said, await lastTo(linus)].join()).not.toMatch(/waits for an answer|\/reply/)
  await answer('AGREE\n')
  await days(6)
  expect((await textsTo(linus)).join()).not.toContain('nobody has answered')
})

it('(A3, B19) an AGREE with a file waits for a reply', async () => {
  await dated('encrypted')
  const patch = { filename: 'second.py', content: 'a second hole' }
  await writes(alice, 'AGREE\n', { ...answering(alice), patch })
  expect(recorded('date-answered')).toHaveLength(1)
  expect(recorded('reporter-wrote')).toHaveLength(1)
})

it('(B19) the answer to an approval says who objected to the date, also after the preview', async () => {
  await givenNotices()
  await writes(linus, '/notice hold\n')
  await writes(grace, '/notice preview\n')
  await answer('OBJECT\n')
  expect(await writes(linus, `/notice approve ${code()}\n`)).toMatch(
    /leaves [^.]*[.] Date: alice@reporter.example OBJECTED/
  )
})

it('a disclosure before the date tells the reporter, who was asked to wait for it, at once; with /close in one message', async () => {
  const early = '/disclosed because it leaked\n'
  expect(await dated('encrypted')).toContain('AGREE')
  expect(await writes(grace, early)).toContain(
    'We told alice@reporter.example that it is public, encrypted.'
  )
  const isPublic =
    /About the disclosure[^]+is public[.] We had planned \w+ \d Dec 2026, 12:00 UTC[.] It has been public since/
  expect(await lastTo(alice)).toMatch(isPublic)
  expect(recorded('date-told')).toHaveLength(1)

  await datedWithoutKey()
  const mark = world.accepted.length
  await writes(grace, early)
  expect((await textsTo(grace, mark)).join()).toContain('is told that it is public when a key of')
  expect(await writes(grace, '/status\n')).toContain(
    'Message about the disclosure: waits for a key'
  )
  await world.wait(DAY)
  const rings = "SELECT 1 FROM rings WHERE clock = 'disclosure-untold'"
  expect(world.rows(rings)).toHaveLength(4)
  await giveKey(alice)
  expect(await lastTo(alice)).toContain('It has been public since')
  await world.wait(DAY)
  expect(world.rows(rings)).toHaveLength(4)

  await dated('encrypted')
  const before = world.accepted.length
  await writes(grace, `${early}/close\n`)
  expect(await textsTo(alice, before)).toEqual([expect.stringContaining('is public now')])
})

it.each([true, false])(
  '(B19) after the date, a reporter to whom our message about it came back is told that it is public, and nobody else: %s',
  async (cameBack) => {
    await released(true)
    const id = world.sentTo(alice).at(-1)?.messageId ?? ''
    if (cameBack) await world.receive(Buffer.from(bounceOf(id)))
    expect(recorded('date-unreached')).toHaveLength(cameBack ? 1 : 0)
    await days(12)
    const mark = world.accepted.length
    expect((await writes(grace, '/disclosed\n')).includes('that it is public')).toBe(cameBack)
    expect((await textsTo(alice, mark)).join().includes('It has been public since')).toBe(cameBack)
  }
)

it.each([
  ['Objects in memory are freed twice.\nThanks\n> please reply AGREE\n> AGREE\n', false],
  ['Object files are rebuilt, so the old ones do no harm.\nObject.prototype is clean.\n', false],
  ['Agree? No, that is too early.\n', false],
  ['I cannot say that yet, so I do not\nAGREE.\n', true],
  ['If you wait until May,\nAGREE\n', true],
  ['AGREE\nNo, wait:\nOBJECT\n', true]
])(
  '(B19) a quoted or longer word, a part of a sentence and two words are no answer: %j',
  async (text, isSeen) => {
    await dated('encrypted')
    await answer(text)
    const [facts = ''] = (await lastTo(linus)).split('Commands: ')
    expect(facts.includes('About the date: we cannot tell')).toBe(isSeen)
    expect(recorded('date-answered')).toEqual([])
    expect(recorded('reporter-wrote')).toHaveLength(1)
  }
)

it('(B19) two dates in one message ask the reporter once, about the last, and the answer says so', async () => {
  await dated('encrypted')
  world.accepted.length = 0
  const dates = [7, 8].map((day) => `/embargo 2026-12-0${day}T12:00:00Z because later\n`)
  const answered = await writes(grace, dates.join(''))
  expect(world.sentTo(alice)).toHaveLength(1)
  expect(await lastTo(alice)).toMatch(/Tue 8 Dec 2026.*Fri 4 Dec 2026/)
  expect(recorded('date-asked').slice(1)).toMatchObject([{ date: '2026-12-08T12:00:00.000Z' }])
  expect(answered).toContain(`We asked ${alice.address} about the date Tue 8 Dec 2026`)
  expect(answered).not.toContain('about the date Mon')
})

it('(A6, A10) a message about a date never leaves once a newer one is made, and only the newest is owed if it is lost, whatever else is sent again', async () => {
  await dated('encrypted')
  const mark = await writesInVain(LATER)
  await writes(grace, '/embargo 2026-12-08T12:00:00Z because later\n', { after: SECONDS })
  await world.wait(HOUR)
  expect(await textsTo(alice, mark)).toEqual([expect.stringContaining('Tue 8 Dec 2026')])
  const ids = world.sentTo(alice).map(({ messageId }) => messageId)
  await world.receive(Buffer.from(bounceOf(ids.at(-2) ?? '')))
  expect(recorded('date-unreached')).toEqual([])
  await world.receive(Buffer.from(bounceOf(ids.at(-1) ?? '')))
  expect(recorded('date-unreached')).toHaveLength(1)
  const retried = { audience: 'reporter', recipient: FIRST, reporter: FIRST, outbox: 1 } as const
  const another = event('retried', aboutCase(FIRST), BY_OPERATOR, { ...retried, message: 'reply' })
  world.desk.db.transact((tx) => {
    events.append(tx, another, { at: world.clock.now, evidence: NO_EVIDENCE })
  })
  expect(await writes(grace, '/status\n')).toMatch(
    /no AGREE or OBJECT from \S+; what we wrote to them on [^;]* could not be delivered/
  )
  await writes(grace, '/embargo 2026-12-09T12:00:00Z because later\n')
  expect(await writes(grace, '/status\n')).toContain('; we wrote to them')
})

it.each([
  ['/reject upstream\n', 'rejected'],
  ['/close because it is a duplicate\n', 'closed']
])(
  '(B19) a question about the date that has not left never leaves after %j, and is asked when the case is reopened and accepted',
  async (end, state) => {
    await dated('encrypted')
    const mark = await writesInVain(LATER)
    await writes(grace, end, { after: SECONDS })
    expect(caseStates()).toEqual([state])
    await world.wait(HOUR)
    await writes(grace, '/reopen because we were wrong\n')
    expect(await writes(grace, '/status\n')).not.toContain('AGREE')
    expect(await allTo(alice, mark)).not.toContain('AGREE')
    expect(await writes(grace, '/accept\n')).toContain(`We asked ${alice.address} about the date`)
    expect(await lastTo(alice)).toMatch(/It was Fri 4 Dec .* now propose Mon 7 Dec .* AGREE/)
    expect(await writes(grace, '/status\n')).toContain('no AGREE or OBJECT')
  }
)

it.each([
  ['a question about the date that has not left never leaves after /disclosed', 'encrypted'],
  ['the reporter of a date that nobody could ask about has no key at /disclosed', 'no-key']
])('(B19) %s: the reporter is told that the issue is public', async (_title, how) => {
  await dated('encrypted', how === 'encrypted')
  const mark = await writesInVain('/embargo 2026-11-23T12:00:10Z because it is exploited\n')
  await writes(grace, '/disclosed\n', { after: SECONDS })
  expect(caseStates()).toEqual(['disclosed'])
  await world.wait(HOUR)
  expect(recorded('disclosure-untold')).toHaveLength(how === 'encrypted' ? 0 : 1)
  if (how === 'no-key') await giveKey(alice)
  expect(await allTo(alice, mark)).not.toContain('AGREE')
  expect(await lastTo(alice)).toContain('It has been public since Mon 23 Nov 2026')
})

it('(B19) nobody whom a message told the date is told once more at /disclosed after it', async () => {
  await dated('encrypted')
  await writes(grace, '/embargo 2026-11-23T12:00:10Z because it is exploited\n')
  const mark = world.accepted.length
  await writes(grace, '/disclosed\n', { after: SECONDS })
  expect(await textsTo(alice, mark)).toEqual([])
})

it('(A6, B19) a date that left nobody is not the date before: the question names none', async () => {
  await givenReport()
  await writes(grace, '/accept\n')
  await writesInVain(`/embargo ${DISCLOSURE}\n`)
  await writes(grace, LATER, { after: SECONDS })
  expect(await lastTo(alice)).toContain('AGREE')
  expect(await lastTo(alice)).not.toContain('Fri 4 Dec')
  await writes(alice, 'AGREE\n', answering(alice, world.sentTo(alice).at(-2)))
  expect(recorded('date-answered')).toMatchObject([{ date: '2026-12-07T12:00:00.000Z' }])
})

it('(B19) the question about a date that its case has lost by /merge never leaves', async () => {
  await dated('encrypted')
  const mark = world.accepted.length
  await givenMessage(alice, { subject: 'two', text: 'x', as: 'encrypted', autocrypt: true })
  await writes(grace, '/accept\n/embargo 2026-12-09T12:00:00Z because later\n', { tag: SECOND })
  await writesInVain(LATER)
  await writes(grace, `/merge ${SECOND}\n`, { after: SECONDS })
  await world.wait(HOUR)
  expect(await allTo(alice, mark)).toContain('Wed 9 Dec 2026')
  expect(await allTo(alice, mark)).not.toContain('Mon 7 Dec 2026')
})

it('(B19) what tells a reporter that the issue is public leaves also after the case was closed', async () => {
  await dated('encrypted')
  const mark = await writesInVain('/disclosed because it leaked\n')
  await writes(grace, '/close internal\n', { after: SECONDS })
  await world.wait(HOUR)
  expect(await allTo(alice, mark)).toContain('It has been public since')
})

it('(B16, B19, G7) the date that the case has, with a reason, asks no reporter again, and approvals stand', async () => {
  await givenNotices({ autocrypt: true })
  const mark = world.accepted.length
  expect(await writes(grace, `/embargo ${DISCLOSURE} because it is exploited\n`)).toContain(
    'nothing is changed. The reason is not kept; /note keeps one.'
  )
  expect((await allTo(alice, mark)).trim()).toBe('')
  expect(recorded('approvals-voided')).toEqual([])
  await world.wait(UNTIL_DUE)
  expect(recorded('notice-left')).toHaveLength(1)
})

it('(B17) a date is said in the zone in which it was written, too: to its author, the reporter and in the notice that is approved', async () => {
  await dated('encrypted')
  for (const member of members) await world.addMember(member)
  const writesAnew = async (text: string): Promise<void> => {
    world.accepted.length = 0
    await writes(grace, text)
  }
  const tokyo = 'Mon 7 Dec 2026, 12:00 UTC (21:00 Tokyo)'
  const moved = '/embargo 2026-12-07 21:00 Asia/Tokyo because later\n'
  await writesAnew(`${moved}/notice draft\n${FIELDS}`)
  expect(await allTo(grace)).toContain(`Disclosure: ${tokyo}`)
  expect(await allTo(alice)).toContain(tokyo)
  await writesAnew('/notice preview\n')
  expect(await allTo(linus)).toContain(`Disclosure: ${tokyo}`)
  const approvable = () => world.desk.db.read((read) => notices.find(read, FIRST))?.previews ?? []
  const [inTokyo] = approvable()
  await writesAnew('/embargo 2026-12-08 12:00 UTC because later\n')
  await writesAnew('/embargo 2026-12-07 12:00 UTC because later\n/notice preview\n')
  expect(approvable()).toHaveLength(1)
  expect(approvable()[0]?.digest).not.toBe(inTokyo?.digest)
})

it('(B19) the preview in the message that sets the date says that the reporter was asked about it', async () => {
  await givenReport({ list: members })
  await writes(grace, `/accept\n/embargo ${DISCLOSURE}\n/notice draft\n${FIELDS}/notice preview\n`)
  expect(kindsTo(alice)).toContain('date-proposed')
  expect(await allTo(linus)).toContain(
    `Date: no AGREE or OBJECT from ${alice.address}; we wrote to`
  )
})

it('(B19) the question about the date waits for a key and leaves once when the reporter sends it, with the date that holds then; /status says so meanwhile', async () => {
  await datedWithoutKey()
  expect(await allTo(grace)).toContain(
    'is asked about the date Mon 7 Dec 2026, 12:00 UTC when a key of theirs is in use'
  )
  expect(await writes(grace, '/status')).toContain(
    `Message about the disclosure: waits for a key of ${alice.address}`
  )
  expect(recorded('date-asked')).toEqual([])
  await giveKey(alice)
  const told = [{ date: '2026-12-07T12:00:00.000Z', how: 'encrypted' }]
  expect(recorded('date-asked')).toMatchObject(told)
  expect(await lastTo(alice)).toContain('public on Mon 7 Dec 2026')
})

it.each([
  ['accepted', [FIRST, SECOND]],
  ['proved', [SECOND, FIRST]],
  ['unproved', [SECOND]]
])(
  '(A3, B19) a key opens the way for the question of each case of its reporter, unless nothing proves that they sent it: %s',
  async (how, asked) => {
    const proof = how === 'proved' ? { authentication: AUTHENTICATION } : {}
    await givenReport({ by: [bob, bob], autocrypt: false, ...proof })
    for (const tag of [FIRST, SECOND])
      await writes(grace, `/accept\n/embargo ${DISCLOSURE} because we test\n`, { tag })
    const headers = [...answering(bob).headers, ...(how === 'proved' ? PASSES : [])]
    if (how !== 'accepted') await writes(bob, 'My key.\n', { headers, autocrypt: true })
    else
      expect(await writes(grace, `/key accept ${keyOf(bob)}\n`, attachedKey(bob))).toMatch(
        /We asked bob@.* ACME-2026-0002: We asked bob@/
      )
    expect(recorded('date-asked')).toMatchObject(asked.map((reporter) => ({ reporter })))
    expect(kindsTo(bob).filter((kind) => kind === 'date-proposed')).toHaveLength(asked.length)
  }
)

it.each([
  ['at the end of a release', 0],
  ['while no copy of it has left yet', 3]
])(
  '(B19, M-30) a reporter without a key %s is told the date once, encrypted, when their key is in use, and not asked; the daily alarm says so and ends',
  async (_when, deferred) => {
    await givenNotices({ autocrypt: false })
    world.pass(UNTIL_DUE)
    for (let copy = 0; copy < deferred; copy += 1) world.replies.push('deferred')
    await world.settle()
    expect(caseStates()).toEqual([deferred > 0 ? 'planned' : 'noticed'])
    expect(rung()).toBe(2)
    expect(await allTo(linus)).toContain(
      'we tell them, encrypted, when one is in use, and /ask asks for one'
    )
    const owed = `Message about the disclosure: waits for a key of ${alice.address}`
    expect(await writes(grace, '/status')).toContain(owed)
    await giveKey(alice)
    expect(recorded('date-told')).toMatchObject([{ reporter: FIRST, how: 'encrypted' }])
    expect(await lastTo(alice)).toMatch(
      /We are telling the private list .* It becomes public on Fri 4 Dec 2026/
    )
    expect(await writes(grace, '/status')).not.toContain(owed)
    await world.wait(2 * DAY)
    expect(caseStates()).toEqual(['noticed'])
    expect([rung(), recorded('date-told').length, recorded('date-asked')]).toEqual([2, 1, []])
  }
)

it('(B16, B19, M-30) a reporter without a key is told all that changed in the notice since, once their key is in use; the daily alarm says so and ends', async () => {
  await givenNotices({ reporter: await givenReporter('alice', 28) })
  await world.wait(UNTIL_DUE)
  await world.wait(2 * DAY)
  for (const field of ['severity: high', 'mitigations: none']) {
    await writes(grace, `/notice draft\n${field}\n`, { after: HOUR })
    await approve()
  }
  const untold = [
    { because: 'no-key', changed: ['Severity'] },
    { changed: ['Severity', 'Mitigations'] }
  ]
  expect(recorded('change-untold')).toMatchObject(untold)
  expect(await allTo(linus)).toMatch(
    /could not be told what changed.* we tell them, encrypted, when/
  )
  expect(await writes(grace, '/status\n')).toContain(
    'Message about the disclosure: waits for a key'
  )
  await acceptKey()
  expect(await lastTo(alice)).toMatch(
    /What changed in the notice: .*Severity and Mitigations[.] The date stays the same/
  )
  const mark = world.accepted.length
  await world.wait(2 * DAY)
  expect(await allTo(linus, mark)).not.toContain('could not be told what changed')
})

it('(B19, M-30) the alarm about a reporter without a key ends when they are told, also if they wrote between the date and its release', async () => {
  await givenNotices({ autocrypt: false })
  await writes(alice, 'Any news?\n', { ...answering(alice), after: HOUR })
  await world.wait(UNTIL_DUE)
  await acceptKey()
  expect(recorded('date-told')).toHaveLength(1)
  const before = rung()
  await world.wait(2 * DAY)
  expect(rung()).toBe(before)
})

it('(B19, M-30) a reporter whose key comes after the date that the list had is told that it has passed', async () => {
  await released(false)
  await world.wait(8 * DAY)
  await giveKey(alice)
  expect(await lastTo(alice)).toContain('was to become public has passed')
})

it('(B19, M-30) after a release, a date that is moved again is asked about when the key comes, for the list does not know it yet', async () => {
  await released(false)
  await writes(grace, '/embargo 2026-12-08T12:00:00Z because later')
  expect(await acceptKey()).toContain(`We asked ${alice.address} about the date`)
  expect(await lastTo(alice)).toContain('public on Tue 8 Dec 2026')
  expect(await lastTo(alice)).toContain('reply with the word AGREE')
})

it('(B19, M-30) a reporter who comes without a key into a case whose list was told the date is an alarm every day, until their key is in use and they are told', async () => {
  await released(true)
  expect(rung()).toBe(0)
  await givenMessage(bob, { subject: 'two', text: 'x', as: 'encrypted' })
  await writes(grace, `/merge ${FIRST}`, { tag: SECOND })
  expect(recorded('date-untold')).toMatchObject([{ reporter: SECOND, because: 'no-key' }])
  await world.wait(DAY)
  expect(rung()).toBe(4)
  await giveKey(bob)
  expect(await lastTo(bob)).toContain('It becomes public on Fri 4 Dec 2026')
  await world.wait(DAY)
  expect(rung()).toBe(4)
})

it('(A3, M-30) where the policy promises no message about the date, no alarm says that it is missing', async () => {
  const notice = { ...POLICY.notice, reporter_date_mail: 'none' } as typeof POLICY.notice
  await givenNotices({ policy: { notice } })
  await world.wait(UNTIL_DUE)
  await givenMessage(bob, { subject: 'two', text: 'x', as: 'encrypted' })
  await writes(grace, `/merge ${FIRST}`, { tag: SECOND })
  await world.wait(DAY)
  expect(world.rows("SELECT 1 FROM rings WHERE clock GLOB 'date-*'")).toEqual([])
})

it('(B19, M-30) a reporter whose key comes when the date was moved and moved back is told the date that the list has', async () => {
  await released(false)
  await writes(grace, '/embargo 2026-12-08T12:00:00Z because later\n')
  await writes(grace, `/embargo ${DISCLOSURE} because not later\n`)
  await giveKey(alice)
  expect([recorded('date-asked').length, recorded('date-told').length]).toEqual([0, 1])
})

it('(B14, B19, M-30) a reporter who comes into a case whose list was told the date is told it, too, not asked', async () => {
  await released(true)
  await givenMessage(bob, { subject: 'two', text: 'x', autocrypt: true })
  expect(await writes(grace, `/merge ${FIRST}`, { tag: SECOND })).toContain(
    `We told ${bob.address} the date`
  )
  expect(await lastTo(bob)).toContain('We are telling the private list')
  expect(recorded('date-told').at(-1)).toMatchObject({ reporter: SECOND })
})

it.each([
  {
    commands: '/reject upstream because it is theirs',
    answer: 'Rejected (upstream), because: it is theirs. On its way',
    update: 'rejected the case (upstream), because: it is theirs',
    title: `To ${alice.address} (encrypted):`,
    stands: 'rejected (upstream, because: it is theirs)'
  },
  {
    commands: '/close internal because it was a test',
    answer: 'The case is closed, because: it was a test.',
    update: 'closed the case, because: it was a test; the reporter was not told',
    stands: 'closed (because: it was a test)'
  },
  {
    commands: '/close internal because old\n/reopen because new facts came',
    answer: 'The case is open again, because: new facts came.',
    update: 'reopened the case, because: new facts came',
    stands: 'being examined (reopened because: new facts came)'
  },
  {
    commands: '/accept\n/embargo 2026-12-18T12:00:00Z because it is exploited',
    answer: 'Disclosure: Fri 18 Dec 2026, 12:00 UTC, because: it is exploited.',
    update: 'set the disclosure to Fri 18 Dec 2026, 12:00 UTC, because: it is exploited',
    stands: 'Fri 18 Dec 2026, 12:00 UTC (set because: it is exploited)'
  }
])(
  '(B9) reason and code stand wherever the decision does, but never for the reporter: $stands',
  async ({ commands, answer, update, title = '', stands }) => {
    await givenReport({ policy: { close: { internal: 'allow' } } })
    const says = await writes(grace, `${commands}\n/status\n`)
    expect(says).toContain(answer)
    expect(says.slice(says.indexOf('(ACME Parser): '))).toContain(stands)
    const read = await lastTo(linus)
    for (const words of [update, title, stands]) expect(read).toContain(words)
    await givenMessage(alice, { subject: 'Re: x', text: 'Why?', ...answering(alice) })
    expect(await lastTo(linus)).toContain(stands)
    expect(await allTo(alice)).not.toMatch(/because:|theirs|a test|new facts|exploited/)
  }
)

it.each(['no key of the list could be used', 'the mail server refused all of them'])(
  '(A3, B6) a release of which no copy could leave, because %s, tells nobody: that is said, everybody is reminded daily, no reporter reads later that the list was told, and a new approval sends it again',
  async (why) => {
    const expired = [await givenReporter('old', 26)]
    const isRefused = why.includes('server')
    await givenNotices({ list: isRefused ? [debian] : expired })
    await isNotTold(() => {
      if (isRefused) world.replies.push('rejected')
    }, 'no copy of it could be sent to any member of the list')
    await givenMessage(bob, { subject: 'y', text: 'y', as: 'encrypted', autocrypt: true })
    await says(`/merge ${FIRST}\n`, SECOND)
    expect(await allTo(bob)).toContain('Does this date suit you?')
    for (const reporter of isRefused ? [bob] : [alice, bob])
      expect(await allTo(reporter)).not.toContain('the private list')
    expect(await allTo(linus)).toContain('Revision 1 of the advance notice has reached nobody: no')
    expect(await allTo(linus)).not.toMatch(/outbox retry|did not leave again|stopped while/)
    const again = await says('/embargo 2026-12-04T13:00:00Z')
    expect(again).not.toMatch(/this is a change|has known since/)
    if (!isRefused) return
    await approve()
    expect([await noticed(), caseStates()]).toEqual([['debian'], ['noticed', 'merged']])
    expect(await lastTo(alice)).toContain('we are telling the private list')
  }
)

it('(A3, B6) a release that fails before the first copy is sealed tells nobody: everybody is reminded daily, and a new date makes the notice leave by its lead', async () => {
  await givenNotices()
  await isNotTold(() => {
    world.workers.failSeal = (said) =>
      said.includes('Notice') && said.includes('debian') ? new TypeError('a bug') : null
  }, 'the desk failed at it three times; the log says where')
  world.workers.failSeal = null
  const said = await says('/embargo 2026-12-14T12:00:00Z')
  expect(said).toContain('Once approved, the notice leaves Mon 7 Dec 2026, 12:00 UTC.')
  expect(said).not.toContain('this is a change')
  const mark = world.accepted.length
  await days(9)
  expect(await allTo(linus, mark)).toContain('must leave by Mon 7 Dec 2026, 12:00 UTC')
  expect(await allTo(linus, mark)).toContain('The advance notice should leave as soon as possible')
})

/** The notice comes due and nobody gets it, for a reason that is said. */
async function isNotTold(prepare: () => void, because: string): Promise<void> {
  world.pass(UNTIL_DUE)
  prepare()
  for (let round = 0; round < 3; round += 1) await world.wait(MINUTE)
  expect([await noticed(), noticeStates(), caseStates()]).toEqual([[], ['held'], ['planned']])
  const status = await says('/status\n')
  expect(status).toContain(`on hold by the desk, because ${because}`)
  expect(status).not.toMatch(/list has been told|notice sent/)
  const mark = world.accepted.length
  await days(2)
  const alarms = await alarmsTo(linus, mark)
  expect(alarms.filter((text) => text.includes(`Put on hold because ${because}`))).toHaveLength(2)
  for (const text of alarms) expect(text).not.toContain('The list knows')
}

it('(B9) a preview shows why the disclosure has its date, and the members never read it', async () => {
  const fields = `${FIELDS}/embargo 2026-12-04T12:01:00Z because it is exploited\n`
  await givenNotices({ fields })
  for (const person of [grace, linus])
    expect(await allTo(person)).toMatch(
      /Preview of the notice.*Disclosure: due Fri 4 Dec 2026, 12:01 UTC \(set because: it is exploited\)/
    )
  await world.wait(UNTIL_DUE + MINUTE)
  for (const person of [alice, ...members]) expect(await allTo(person)).not.toContain('exploited')
})
