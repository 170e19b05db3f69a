/**
 * Decisions and words of maintainers while no key of the reporter is known (B10): they wait, the reporter is asked for a key, and
 * everything leaves when one comes, encrypted; until then nobody was answered. And `/key refuse`: a maintainer says that a key is
 * not the reporter's. A forged report must not silence the answers to a reporter who began in clear, and nobody who began
 * encrypted is answered in clear because of it (G3).
 */

import { expect, it } from 'vitest'
import * as desk from '../support/desk.ts'
import { type Letter, type Someone } from '../support/world.ts'
import { PRODUCT } from '../unit/policy/samples.ts'

const REPLY = 'Rainfall is heavy today.'

/** A message that waits, or several. */
const waiting = () => desk.world.rows('SELECT id FROM waiting_words')
const reply = () => desk.says(`/reply\n${REPLY}\n`)

const PLAN = 'Fixed in version nine.'
const QUESTION = 'Which compiler was it?'

/** Alice reported without giving a key, to a desk that answers in clear or does not. */
async function givenKeylessCase(
  as: 'encrypted' | 'clear' = 'encrypted',
  cleartext: 'allow' | 'deny' = 'deny',
  text = 'Here.\n'
): Promise<void> {
  const policy = { reporters: { cleartext } }
  await desk.givenReport({ policy, subject: 'Heap overflow', text, as, autocrypt: false })
}

/** Alice answers with her key. */
const withKey = () => ({
  subject: 'Re: x',
  text: 'My key.\n',
  autocrypt: true,
  ...desk.answering(desk.alice)
})

async function giveKey(): Promise<void> {
  desk.world.pass(desk.MINUTE)
  await desk.givenMessage(desk.alice, withKey())
}

/** Alice, or who says to be her, reports once more and sends a key. */
async function another(from = desk.alice, letter: Partial<Letter> = {}): Promise<void> {
  desk.world.pass(desk.MINUTE)
  await desk.givenMessage(from, { subject: 'Another', text: 'M.\n', autocrypt: true, ...letter })
}

function onRecord(...kinds: readonly string[]): string[] {
  const sql = `SELECT kind || ' by ' || actor_id FROM events
    WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY id`
  return desk.world.column(sql, [JSON.stringify(kinds)])
}

const theCase = () =>
  desk.world.rows<{ state: string; answeredAt: string | null }>(
    'SELECT state, answered_at FROM cases JOIN reporters ON case_id = cases.id ORDER BY cases.id'
  )[0]

const PROVED = desk.checked('reporter.example')
const authentication = desk.AUTHENTICATION
const LEFT = ['answered', 'plan-told', 'info-asked']
const WORDS = [
  `/reply\n${REPLY}\n`,
  `/plan\nplan: ${PLAN}\nworkarounds: none known\n`,
  `/ask\n${QUESTION}\n`,
  '/accept\n'
]

it.each(['encrypted', 'clear'] as const)(
  '(B10, G3) words to a reporter who began %s, has no key and is not answered in clear wait; a key is asked for once a day',
  async (as) => {
    await givenKeylessCase(as)
    expect((await desk.textsTo(desk.grace))[0]).toContain(
      'alice@reporter.example cannot be answered yet: we have no usable key of theirs. Text under a first line /reply waits and leaves, encrypted, when a key of theirs is in use'
    )
    const first = await reply()
    expect(first).toContain('Done: 1 command.')
    expect(first).toContain(
      'alice@reporter.example cannot be answered yet: we have no usable key of theirs. Your text waits and leaves, encrypted, when a key of theirs is in use. We asked alice@reporter.example for a key'
    )
    for (const text of WORDS.slice(1))
      expect(await desk.says(text)).toContain('was asked for a key earlier today')
    expect(desk.kindsTo(desk.alice)).toEqual(['acknowledgement', 'key-request'])
    expect(theCase()).toEqual({ state: 'accepted', answeredAt: null })
    expect(onRecord(...LEFT)).toEqual([])
    expect(onRecord('words-wait')).toHaveLength(4)
    expect(await desk.says('/status\n')).toContain('Waiting for a key: 4 messages')
    const all = desk.onTheWay()
    for (const word of [REPLY, PLAN, QUESTION]) expect(all).not.toContain(word)
    desk.world.pass(86_400_000)
    await reply()
    expect(desk.kindsTo(desk.alice).slice(1)).toEqual(['key-request', 'key-request'])
  }
)

it('(B10) what waits leaves with the key of the reporter’s next message, encrypted, in order, also after a restart', async () => {
  await givenKeylessCase()
  for (const text of WORDS) await desk.says(text)
  desk.world.restart()
  await giveKey()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['reply', 'reply', 'reply', 'accepted'])
  const texts = (await desk.textsTo(desk.alice)).slice(2)
  const expected = [REPLY, PLAN, QUESTION, 'We confirmed the issue']
  for (const [index, words] of expected.entries()) expect(texts[index]).toContain(words)
  const raw = desk.onTheWay()
  for (const words of expected) expect(raw).not.toContain(words)
  expect(onRecord('reporter-wrote', ...LEFT)).toEqual([
    'reporter-wrote by ACME-2026-0001',
    'answered by grace',
    'answered by grace',
    'plan-told by grace',
    'answered by grace',
    'info-asked by grace',
    'answered by grace'
  ])
  expect(theCase()?.answeredAt).toBe(desk.world.clock.now)
  expect(waiting()).toEqual([])
  const forwarded = await desk.lastTo(desk.linus)
  expect(forwarded).toContain(
    'Sent now, after waiting for a key: 4 messages to the reporter, encrypted (ACME-2026-0001)'
  )
  expect(forwarded).toContain('Reporter: first answer by a person Mon 23 Nov 2026')
  expect(forwarded).not.toContain('answered the reporter yet')
})

it('(B10, G8) words that waited are on the record with the signed message of the maintainer who wrote them', async () => {
  await givenKeylessCase()
  await reply()
  await giveKey()
  const evidence = desk.world.rows<object>(
    `SELECT arrival_id, message_sha256, signature_sha256 FROM events WHERE kind IN ('words-wait', 'answered')`
  )
  expect(evidence).toHaveLength(2)
  expect(evidence[1]).toEqual(evidence[0])
})

it('(B10, G2) a process that dies at any step of the message with the key sends what waits once', async () => {
  await givenKeylessCase()
  await reply()
  desk.world.deliver(await desk.world.write(desk.alice, withKey()))
  for (let step = 1; step < 12; step += 1) {
    desk.world.dieAt(step)
    await desk.world.settle().catch(() => undefined)
    desk.world.restart()
  }
  await desk.world.settle()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['reply'])
  expect(onRecord('answered')).toEqual(['answered by grace'])
})

it('(B10) a key that a maintainer accepts lets leave what waits, before what that message says', async () => {
  await desk.givenReport({ authentication, headers: desk.checked('reporter.example', 'fail') })
  await reply()
  const accept = `/key accept ${desk.keyOf(desk.alice)}\n`
  expect(await desk.says(`/reply <<\nSecond.\n>>\n${accept}`)).toContain(
    'Please put /key accept above'
  )
  const answer = await desk.says(`${accept}/reply\nSecond.\n`)
  expect(answer).toContain(
    '1 message to alice@reporter.example that had waited leaves now, encrypted.'
  )
  const texts = (await desk.textsTo(desk.alice)).slice(-2)
  expect(texts[0]).toContain(REPLY)
  expect(texts[1]).toContain('Second.')
  expect(theCase()).toEqual({ state: 'triaging', answeredAt: desk.world.clock.now })
})

it('(B10) a rejection and an end of a case are told when a key comes, and the record says so', async () => {
  await givenKeylessCase()
  await desk.says('/reject not-a-vulnerability\n')
  await desk.says('/close\n')
  const told = { told: 'waits-for-key' }
  expect(desk.recorded('rejected', 'closed')).toMatchObject([told, told])
  await giveKey()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['rejected', 'closed'])
  // Nobody knew of the end when the key was sent, so it opens nothing; what comes after that does.
  expect(theCase()?.state).toBe('closed')
  const forwarded = await desk.lastTo(desk.linus)
  expect(forwarded).toContain('My key.')
  expect(forwarded).not.toContain('open again')
  await giveKey()
  expect(theCase()?.state).toBe('triaging')
})

it('(B10, B15) a case that ended is listed with the open ones while words of its end wait for a key', async () => {
  await givenKeylessCase()
  await desk.givenMessage(desk.bob, {
    subject: 'Another',
    text: 'M.\n',
    as: 'encrypted',
    autocrypt: true
  })
  const listed = `${desk.FIRST} rejected (not-a-vulnerability)`
  expect(await desk.says('/reject not-a-vulnerability\n/cases\n')).toContain(listed)
  expect(await desk.says('/cases\n', desk.SECOND)).toContain(listed)
  expect(await desk.says(`/merge ${desk.FIRST}\n`, desk.SECOND)).toContain('There is no open case')
  await giveKey()
  expect(await desk.says('/cases\n')).not.toContain(`${desk.FIRST} rejected`)
})

it('(B10) what waits in one case leaves with the key of a new report whose sender is proved', async () => {
  await desk.givenReport({ authentication, autocrypt: false, headers: PROVED })
  await reply()
  await another(desk.alice, { headers: PROVED })
  expect(await desk.allTo(desk.alice)).toContain(REPLY)
  expect(theCase()).toEqual({ state: 'triaging', answeredAt: desk.world.clock.now })
})

it('(B10) files do not wait: a reply with files is refused and says so', async () => {
  await givenKeylessCase()
  const patch = { filename: 'fix.patch', content: 'diff' }
  const answer = await desk.says(`/reply\n${REPLY}\n`, desk.FIRST, { patch })
  expect(answer).toContain('Not sent: files leave encrypted only')
  expect(waiting()).toEqual([])
})

it('(G3, B10) a key that came with a new report whose sender nothing proves gets nothing, waiting or new, until a maintainer accepts it', async () => {
  await givenKeylessCase()
  await reply()
  await another()
  expect(await desk.lastTo(desk.grace)).toContain('not used until you accept it')
  expect(await desk.says(`/take\n/reply\n${PLAN}\n`)).toContain('Your text waits')
  await another(desk.alice, { autocrypt: false })
  expect(desk.kindsTo(desk.alice)).not.toContain('reply')
  expect(await desk.says(`/key accept ${desk.keyOf(desk.alice)}\n`)).toContain(
    '2 messages to alice@reporter.example that had waited leave now, encrypted.'
  )
  expect(desk.kindsTo(desk.alice)).toContain('reply')
})

it.each(['offered', 'expired'] as const)(
  '(B10, G3) an %s key is a known key: words to a reporter who began in clear wait',
  async (which) => {
    const writer = await desk.givenReporter('bob', which === 'expired' ? 1 : 0)
    const trust = which === 'offered' ? { authentication } : {}
    await desk.givenReport({ by: [writer], policy: ALLOW, as: 'clear', ...trust })
    expect((await desk.textsTo(desk.grace))[0]).toContain('cannot be answered yet')
    expect(await reply()).toContain('Your text waits')
    expect(desk.kindsTo(writer)).not.toContain('reply')
  }
)

/** Alice wrote in clear about a product that is not answered in clear; another product is. */
async function givenOtherProduct(): Promise<void> {
  const open = { ...PRODUCT.policy, reporters: { cleartext: 'allow' } } as const
  const other = { ...PRODUCT, id: 'other', policy: open }
  const policy = { reporters: { cleartext: 'deny' } } as const
  await desk.givenReport({ as: 'clear', autocrypt: false, policy, moreProducts: [other] })
}

it('(G3) words that wait do not leave in clear because a later line of the message moves the case', async () => {
  await givenOtherProduct()
  const both = `/reply <<\n${REPLY}\n>>\n/product other\n/reply\nSecond.\n`
  expect(await desk.says(both)).toContain('would leave in different ways')
  expect(desk.kindsTo(desk.alice)).toEqual(['acknowledgement'])
})

it('(G3, B10) words that wait to leave encrypted go on waiting after /product, whose answer says so', async () => {
  await givenOtherProduct()
  await reply()
  const answer = await desk.says('/product other\n')
  expect(answer).toContain('What waits for a key was written to leave encrypted')
  expect(desk.kindsTo(desk.alice)).toEqual(['acknowledgement', 'key-request'])
  await desk.says(`/unsend\n/reply\n${REPLY}\n`)
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['reply'])
  expect(await desk.says('/product parser\n')).not.toContain('What waits')
})

it.each([
  ['other', true],
  ['parser', false]
])(
  '(G3, B10, B14) words that wait go on waiting after /merge, whose answer says so where the product is another: %s',
  async (into, isSaid) => {
    await givenOtherProduct()
    await reply()
    await desk.givenMessage(desk.bob, { subject: 'y', text: 'There.\n', as: 'clear' })
    await desk.says(`/product ${into}\n`, desk.SECOND)
    const answer = await desk.says(`/merge ${desk.SECOND}\n`)
    expect(answer.includes('What waits for a key was written to leave encrypted')).toBe(isSaid)
    expect(desk.kindsTo(desk.alice)).toEqual(['acknowledgement', 'key-request'])
  }
)

it('(G8) /key accept of a key in use that has expired is refused: nothing could leave with it', async () => {
  const brief = await desk.givenReporter('alice', 300)
  await desk.givenReport({ by: [brief] })
  desk.world.pass(400 * desk.DAY)
  expect(await reply()).toContain(`${brief.address} cannot be answered yet: their key has expired.`)
  const ways = `Answers cannot go to ${brief.address} yet: their key has expired, and what you`
  expect(await desk.says('/status\n')).toContain(ways)
  const answer = await desk.says(`/key accept ${desk.keyOf(brief)}\n`)
  expect(answer).toContain('Nothing can be encrypted to this key')
  expect(answer).not.toContain('leaves now')
  expect(desk.kindsTo(brief)).not.toContain('reply')
})

it('(B10) a reporter whose key in use has expired is asked for a key, unless one waits that can be used', async () => {
  const [brief, former] = [
    await desk.givenReporter('alice', 300),
    await desk.givenReporter('alice', 200)
  ]
  await desk.givenReport({ by: [former] })
  await desk.says(`/key accept ${desk.keyOf(brief)}\n`, desk.FIRST, desk.attachedKey(brief))
  desk.world.pass(400 * desk.DAY)
  expect(await reply()).toContain(`We asked ${brief.address} for a key`)
  expect(desk.kindsTo(brief)).toContain('key-request')
  desk.world.pass(desk.DAY)
  await another(desk.alice)
  expect(await reply()).toContain(`/key accept ${desk.keyOf(desk.alice)}`)
  expect(desk.kindsTo(brief).filter((kind) => kind === 'key-request')).toHaveLength(1)
})

const WAITED = 'answer by Grace to alice@reporter.example, Mon 23 Nov 2026'

it('(B10) /status shows what waits and from whom, and /unsend withdraws it: it never leaves, and the record says so', async () => {
  await givenKeylessCase()
  await reply()
  const status = await desk.says('/status\n')
  expect(status).toContain('1 message; /unsend withdraws what waits')
  expect(status).toContain(WAITED)
  const answer = await desk.says('/unsend\n/status\n/reply\nBetter words.\n')
  expect(answer).toContain('1 message that waited for a key of alice@reporter.example will not')
  expect(answer).toContain(`Never sent: ${WAITED}`)
  expect(answer).not.toContain('/unsend withdraws it')
  expect(answer).not.toContain(REPLY)
  expect(await desk.lastTo(desk.linus)).toContain(
    'withdrew 1 message to the reporter that waited for a key'
  )
  expect(onRecord('words-dropped')).toEqual(['words-dropped by grace'])
  await giveKey()
  const texts = (await desk.textsTo(desk.alice)).slice(2)
  expect(texts).toEqual([expect.stringContaining('Better words.')])
})

it('(B10) /unsend says that a reporter was not told of an acceptance that it withdraws', async () => {
  await givenKeylessCase()
  expect(await desk.says(`/accept\n`)).toContain('The decision waits and leaves, encrypted')
  await reply()
  const answer = await desk.says('/unsend\n')
  expect(answer).toContain(
    'the desk has not told the reporter that the report is accepted. If they do not know, please'
  )
  expect(answer).toMatch(/Never sent: acceptance by Grace to \S+ .*; answer by Grace to/)
})

it('(B10) words that /unsend withdraws do not leave by a key that the same message accepts', async () => {
  await givenKeylessCase()
  await reply()
  const both = `/unsend\n/key accept ${desk.keyOf(desk.alice)}\n`
  expect(await desk.says(both, desk.FIRST, desk.attachedKey(desk.alice))).toContain(
    'Done: 2 commands.'
  )
  expect(desk.kindsTo(desk.alice)).not.toContain('reply')
})

it('(B10) a case that is opened again withdraws what waits, and the answer says so', async () => {
  await givenKeylessCase()
  await desk.says('/reject not-a-vulnerability\n')
  const answer = await desk.says('/reopen because we were wrong\n')
  expect(answer).toContain(`Never sent: rejection by Grace to alice@reporter.example, Mon`)
  expect(desk.recorded('words-dropped')).toMatchObject([{ because: 'reopened' }])
  await giveKey()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual([])
})

it('(B6, B10) a rejection withdraws an acceptance that waits, and nothing else', async () => {
  await givenKeylessCase()
  await desk.says('/accept\n')
  await reply()
  const answer = await desk.says('/reject not-a-vulnerability\n')
  expect(answer).toContain('Never sent: acceptance by Grace to alice@reporter.example, Mon')
  await giveKey()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['reply', 'rejected'])
})

it('(B10, M-10) a message of the reporter that opens the case again withdraws a rejection that waits, and nothing else', async () => {
  await givenKeylessCase()
  const keyless = { text: 'Please look again.\n', as: 'encrypted', autocrypt: false } as const
  for (const isReplyWaiting of [false, true]) {
    if (isReplyWaiting) await reply()
    await desk.says('/reject not-a-vulnerability\n')
    await desk.givenMessage(desk.alice, { ...withKey(), ...keyless })
    const told = await desk.lastTo(desk.grace)
    expect(told).toContain('Never sent: rejection by Grace')
    expect(told.includes('please reach them another way')).toBe(isReplyWaiting)
  }
  expect(desk.recorded('words-dropped')[1]).toMatchObject({ with: 'rejected', because: 'reopened' })
  await desk.says('/accept\n')
  await giveKey()
  expect(desk.kindsTo(desk.alice).slice(2)).toEqual(['reply', 'accepted'])
  expect(await desk.lastTo(desk.alice)).not.toContain('looked at your report again')
})

it.each([
  ['encrypted', 'Here.\n', 'key-request', 'for a key'],
  ['clear', 'Here.\n', 'key-request', 'for a key'],
  ['encrypted', '\n', 'resend-request', 'to send the report again']
] as const)(
  '(B6) /ask alone to a reporter who wrote %s and %j sends a %s, once a day, and the others read only of what has left',
  async (as, text, kind, what) => {
    await givenKeylessCase(as, 'deny', text)
    expect(await desk.says('/ask\n')).toContain(`We asked ${desk.alice.address} ${what}`)
    expect(await desk.lastTo(desk.linus)).toContain(`asked the reporter ${what}`)
    const toLinus = desk.world.sentTo(desk.linus).length
    const second = await desk.says('/ask\n')
    expect(second).toContain(`was asked ${what} earlier today. The desk asks once a day.`)
    expect(second).toContain('Nothing was done: line 1 has a problem.')
    expect(desk.world.sentTo(desk.linus)).toHaveLength(toLinus)
    expect(desk.kindsTo(desk.alice).slice(1)).toEqual([kind])
    // What it asks for, the reporter can do.
    expect(await desk.allTo(desk.alice)).not.toContain('tell us so')
    const record = kind === 'key-request' ? ['key-asked by grace'] : ['info-asked by grace']
    expect(onRecord('key-asked', 'info-asked')).toEqual(record)
  }
)

it('(B6) /ask alone sends nothing where the report was read and a key is known', async () => {
  await givenKeylessCase()
  await giveKey()
  const before = desk.kindsTo(desk.alice).length
  expect(await desk.says('/ask\n')).toContain('There is nothing to ask for')
  expect(desk.kindsTo(desk.alice)).toHaveLength(before)
})

// Keys that anybody can make in her name.
const forger = await desk.givenReporter('alice')
const stranger = await desk.givenReporter('alice')
const forged = (from: Someone) => another(from, { as: 'clear' })
const REFUSE = `/key refuse ${desk.keyOf(forger)}`
const ALLOW = { reporters: { cleartext: 'allow' } } as const

/** Alice reported, then somebody wrote in her name and offered a key. */
async function givenForgedOffer(as: 'clear' | 'encrypted'): Promise<void> {
  await givenKeylessCase(as, 'allow')
  await forged(forger)
}

/** Kind of everything that went to Alice after the acknowledgements. */
const toAlice = (): string[] =>
  desk.kindsTo(desk.alice).filter((kind) => kind !== 'acknowledgement')

const toAliceOnTheWay = () => desk.onTheWay(desk.world.sentTo(desk.alice))

it('(G3) words that wait because of a forged key leave unencrypted, marked, when a maintainer refuses it; everything says so', async () => {
  await givenForgedOffer('clear')
  const choice = `1 key has come for this address and is not in use: /key accept ${desk.keyOf(forger)} or ${REFUSE}. If it is refused, what waits leaves UNENCRYPTED.`
  expect(await desk.lastTo(desk.grace)).toContain(choice)
  const waits = await reply()
  expect(waits).toContain('alice@reporter.example cannot be answered yet')
  expect(waits).toContain(choice)
  expect(await desk.says('/status\n')).toContain(choice)
  expect(toAlice()).toEqual([])

  const answer = await desk.says(`${REFUSE} because she never had one\n`)
  expect(answer).toContain('is not used for alice@reporter.example, even if it comes again.')
  expect(answer).toContain(
    '1 message to alice@reporter.example that had waited leaves now, NOT encrypted.'
  )
  expect(toAlice()).toEqual(['reply'])
  const clear = toAliceOnTheWay()
  expect(clear).toContain(REPLY)
  expect(clear).toContain('not encrypted')
  expect(await desk.lastTo(desk.linus)).toContain(
    'sent 1 message to alice@reporter.example, NOT encrypted, that had waited for a key'
  )
  const fingerprint = desk.keyOf(forger).toLowerCase()
  expect(onRecord('key-refused')).toEqual(['key-refused by grace'])
  expect(desk.recorded('key-refused')).toEqual([
    { reporter: desk.FIRST, fingerprint, reason: 'she never had one' }
  ])
  expect(desk.recorded('answered')).toMatchObject([{ how: 'in-clear' }])
  expect(waiting()).toEqual([])
})

it('(B10) a reporter is asked for no key while one of theirs waits for a maintainer: the answers and the alarm name /key accept', async () => {
  await desk.givenReport({ policy: await desk.preset('dispatch'), autocrypt: false })
  await forged(forger)
  const choice = `1 key has come for this address and is not in use: /key accept ${desk.keyOf(forger)} or ${REFUSE}.`
  expect(await reply()).toContain(`is in use. ${choice}`)
  expect(await desk.says('/ask\n')).toContain(`Not sent: ${choice}`)
  expect(await desk.says('/accept\n/embargo 2026-12-14 14:00\n')).toContain(
    `${desk.alice.address} is asked about the date Mon 14 Dec 2026, 14:00 UTC when a key of theirs is in use. ${choice}`
  )
  await desk.days(3)
  const alarm = (await desk.alarmsTo(desk.linus)).find((text) =>
    text.includes('Waiting for a key:')
  )
  expect(alarm).toContain(`/key accept ${desk.keyOf(forger)}; /status says more.`)
  expect(alarm).not.toContain('/ask')
  expect(toAlice()).toEqual([])
  await desk.says(`${REFUSE}\n/ask\n`)
  expect(toAlice()).toEqual(['key-request'])
})

it('(G3) a refused key that comes again holds up nothing; another key asks anew, and refusing that one sends on', async () => {
  await givenForgedOffer('clear')
  await desk.says(`${REFUSE}\n`)
  await forged(forger)
  expect(await desk.says('/reply\nOne.\n')).toContain(
    'On its way to alice@reporter.example, NOT encrypted.'
  )
  await forged(stranger)
  expect(await desk.says('/reply\nTwo.\n')).toContain(`/key refuse ${desk.keyOf(stranger)}`)
  await desk.says(`/key refuse ${desk.keyOf(stranger)}\n`)
  expect(toAlice()).toEqual(['reply', 'reply'])
})

it('(G3) nothing leaves unencrypted to a reporter who began encrypted, whatever key is refused', async () => {
  await givenForgedOffer('encrypted')
  await reply()
  const answer = await desk.says(`${REFUSE}\n/status\n`)
  expect(answer).toContain(
    '1 message to alice@reporter.example still waits: we have no usable key of theirs.'
  )
  await desk.says('/reply\nAnother.\n')
  expect(toAlice()).toEqual(['key-request'])
  expect(waiting()).toHaveLength(2)
})

it('(G3) words of the case that began encrypted stay when the forged key is refused in the case that began in clear', async () => {
  await desk.givenReport({ policy: ALLOW, autocrypt: false })
  await reply()
  await forged(forger)
  await desk.says('/reply\nTo the second case.\n', desk.SECOND)
  const answer = await desk.says(`${REFUSE}\n`, desk.SECOND)
  expect(answer).toContain('1 message to alice@reporter.example that had waited leaves now, NOT')
  expect(answer).toContain('1 message to alice@reporter.example still waits')
  expect(toAliceOnTheWay()).toContain('To the second case.')
  expect(toAliceOnTheWay()).not.toContain(REPLY)
})

it('(G3) words leave encrypted where one message refuses the forged key and accepts the right one', async () => {
  await givenForgedOffer('clear')
  await reply()
  const both = `${REFUSE}\n/key accept ${desk.keyOf(desk.alice)}\n`
  expect(await desk.says(both, desk.FIRST, desk.attachedKey(desk.alice))).toContain(
    'that had waited leaves now, encrypted.'
  )
  expect(toAliceOnTheWay()).not.toContain(REPLY)
  expect(await desk.lastTo(desk.alice)).toContain(REPLY)
})

it.each([
  [
    'a key that never came',
    () => desk.keyOf(stranger),
    'We have no such key for alice@reporter.example'
  ],
  ['what is no fingerprint', () => 'ABCD', 'Write its whole fingerprint']
])('/key refuse of %s is refused and says why', async (_what, written, reason) => {
  await givenForgedOffer('clear')
  expect(await desk.says(`/key refuse ${written()}\n`)).toContain(reason)
})

it.each([
  ['clear', 'go to alice@reporter.example, NOT encrypted, because we have no key.', ['reply']],
  [
    'encrypted',
    'cannot go to alice@reporter.example yet: we have no usable key of theirs, and what you write waits for a key.',
    ['key-request']
  ]
] as const)(
  '(G3) /key refuse takes the key in use out of use; the answers to a report that began %s then go as those of a reporter without a key, also when the key comes again',
  async (as, way, left) => {
    await desk.givenReport({ by: [forger], policy: ALLOW, as })
    expect(await desk.says('/status\n')).toContain('Answers go to alice@reporter.example, enc')
    const answer = await desk.says(`${REFUSE}\n/status\n`)
    expect(answer).toContain(`even if it comes again. Answers ${way}`)
    expect(await desk.lastTo(desk.linus)).toContain(`Answers ${way}`)
    await forged(forger)
    await reply()
    expect(toAlice()).toEqual(left)
    expect(toAliceOnTheWay().includes(REPLY)).toBe(as === 'clear')
    await desk.says(`/key accept ${desk.keyOf(forger)}\n/reply\nOnce more.\n`)
    expect(await desk.lastTo(forger)).toContain('Once more.')
  }
)

it('(G3) the key in use is refused and the one before taken back in one message', async () => {
  await desk.givenReport({ policy: ALLOW })
  await forged(forger)
  await desk.says(`/key accept ${desk.keyOf(forger)}\n`)
  const both = `${REFUSE}\n/key accept ${desk.keyOf(desk.alice)}\n/reply\n${REPLY}\n`
  expect(await desk.says(both)).toContain('On its way to alice@reporter.example, encrypted.')
  expect(await desk.lastTo(desk.alice)).toContain(REPLY)
})

it('(A3, B10) what waits is reminded of until it leaves or is withdrawn itself, whatever else its reporter is sent', async () => {
  const policy = await desk.preset('dispatch')
  await desk.givenReport({ by: [desk.alice, desk.alice], autocrypt: false, policy })
  await desk.says(`/ask\n${QUESTION}\n`)
  await desk.says('/accept\n')
  // Her key comes in the other case, and nothing proves it for this one.
  await desk.givenMessage(desk.alice, {
    ...withKey(),
    ...desk.answering(desk.alice, desk.world.sentTo(desk.alice)[1])
  })
  await desk.says('/reply\nMore words.\n')
  expect(desk.kindsTo(desk.alice).slice(3)).toEqual(['reply'])
  const mark = desk.world.accepted.length
  await desk.days(4)
  const waits = 'What we wrote to the reporter waits for a key'
  expect((await desk.alarmsTo(desk.grace, mark)).join()).toContain(waits)
  await desk.says(`/key accept ${desk.keyOf(desk.alice)}\n`)
  expect(desk.kindsTo(desk.alice).slice(4)).toEqual(['reply', 'accepted'])
  const after = desk.world.accepted.length
  await desk.days(4)
  expect((await desk.alarmsTo(desk.grace, after)).join()).not.toContain(waits)
})

it('(B10) words that waited do not answer what the reporter wrote after them', async () => {
  const { clocks } = await desk.preset('dragonfly')
  await desk.givenReport({ policy: { clocks, reporters: { cleartext: 'deny' } }, autocrypt: false })
  await reply()
  await giveKey()
  expect(desk.kindsTo(desk.alice)).toContain('reply')
  expect(await desk.lastTo(desk.grace)).toMatch(
    /Due: \w{3} \d+ \w{3} [^:]*:\d\d[^:]*: Please answer with \/reply\./
  )
  expect(desk.world.rows('SELECT * FROM unanswered_cases')).toHaveLength(1)
  const mark = desk.world.accepted.length
  await desk.days(7)
  const text = (await desk.alarmsTo(desk.grace, mark)).join()
  expect(text).toContain('The reporter wrote and nobody has answered')
})
