/**
 * What maintainers decide and write while no key of the reporter is known (B10): it waits, the reporter is asked for a key, and
 * everything leaves when one comes, encrypted. Until then nobody was answered.
 */
import { expect, it } from 'vitest'
import {
  answering,
  attachedKey,
  givenCommand,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReporter,
  kindsTo,
  lastTo,
  recorded,
  textsTo
} from '../support/given.ts'
import { type Letter, type World } from '../support/world.ts'
import { PRODUCT, TAG } from '../unit/policy/samples.ts'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
const REPLY = 'Rainfall is heavy today.'
const PLAN = 'Fixed in version nine.'
const QUESTION = 'Which compiler was it?'

/** Alice reported without giving a key: encrypted, or in clear where the policy answers nobody so. */
async function givenKeylessCase(as: 'encrypted' | 'clear' = 'encrypted'): Promise<World> {
  const world = await givenDesk([grace, linus], {
    policy: { reporters: { cleartext: 'deny' } }
  })
  await givenMessage(world, alice, { subject: 'Heap overflow', text: 'Here.\n', as })
  return world
}

/** Grace writes to the case; what the desk answers her. */
function said(world: World, text: string, more: Partial<Letter> = {}): Promise<string> {
  return givenCommand(world, grace, text, more)
}

/** Alice answers with her key. */
function withKey(world: World): Letter {
  const letter = { subject: `Re: [${TAG}] About your report`, text: 'My key.\n', autocrypt: true }
  return { ...letter, ...answering(world, alice) }
}

async function giveKey(world: World): Promise<void> {
  world.pass(60_000)
  await givenMessage(world, alice, withKey(world))
}

const onRecord = (world: World, ...kinds: readonly string[]): string[] =>
  world
    .rows<{ kind: string; actor: string }>('SELECT kind, actor_id AS actor FROM events ORDER BY id')
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ kind, actor }) => `${kind} by ${actor}`)

const theCase = (world: World) =>
  world.rows<{ state: string; answeredAt: string | null }>(
    'SELECT state, answered_at AS answeredAt FROM cases JOIN case_reporters ON case_id = cases.id ORDER BY cases.id LIMIT 1'
  )[0]

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
    const world = await givenKeylessCase(as)
    const first = await said(world, WORDS[0] ?? '')
    expect(first).toContain('Done: 1 command.')
    expect(first).toContain(
      'alice@reporter.example cannot be answered yet: we have no usable key of theirs. What you sent waits and leaves, encrypted, when a key of theirs is in use. We asked alice@reporter.example for a key'
    )
    for (const text of WORDS.slice(1))
      expect(await said(world, text)).toContain('was asked for a key earlier today')
    expect(kindsTo(world, alice)).toEqual(['acknowledgement', 'key-request'])
    expect(theCase(world)).toEqual({ state: 'accepted', answeredAt: null })
    expect(onRecord(world, ...LEFT)).toEqual([])
    expect(onRecord(world, 'words-wait')).toHaveLength(4)
    expect(await said(world, '/status\n')).toContain(
      'Waiting for a key of the reporter: 4 messages'
    )
    const all = world.accepted.map(({ raw }) => Buffer.from(raw).toString('utf8')).join('\n')
    for (const word of [REPLY, PLAN, QUESTION]) expect(all).not.toContain(word)
    world.pass(86_400_000)
    await said(world, `/reply\n${REPLY}\n`)
    expect(kindsTo(world, alice).slice(1)).toEqual(['key-request', 'key-request'])
  }
)

it('(B10) what waits leaves with the key of the reporter’s next message, encrypted, in order, also after a restart', async () => {
  const world = await givenKeylessCase()
  for (const text of WORDS) await said(world, text)
  world.restart()
  await giveKey(world)
  expect(kindsTo(world, alice).slice(2)).toEqual(['reply', 'reply', 'reply', 'accepted'])
  const texts = (await textsTo(world, alice)).slice(2)
  const expected = [REPLY, PLAN, QUESTION, 'We confirmed the issue']
  for (const [index, words] of expected.entries()) expect(texts[index]).toContain(words)
  const raw = world.accepted.map((mail) => Buffer.from(mail.raw).toString('utf8')).join('\n')
  for (const words of expected) expect(raw).not.toContain(words)
  expect(onRecord(world, 'reporter-wrote', ...LEFT)).toEqual([
    'reporter-wrote by ACME-2026-0001',
    'answered by grace',
    'answered by grace',
    'plan-told by grace',
    'info-asked by grace',
    'answered by grace'
  ])
  expect(theCase(world)?.answeredAt).toBe(world.clock.now)
  expect(world.rows('SELECT id FROM waiting_words')).toEqual([])
  expect(await lastTo(world, linus)).toContain(
    'Sent now, after waiting for a key: 4 messages to the reporter, encrypted (ACME-2026-0001)'
  )
})

it('(B10, G8) words that waited are on the record with the signed message of the maintainer who wrote them', async () => {
  const world = await givenKeylessCase()
  await said(world, WORDS[0] ?? '')
  await giveKey(world)
  const evidence = world.rows<object>(
    `SELECT arrival_id, message_sha256, signature_sha256 FROM events WHERE kind IN ('words-wait', 'answered')`
  )
  expect(evidence).toHaveLength(2)
  expect(evidence[1]).toEqual(evidence[0])
})

it('(B10, G2) a process that dies at any step of the message with the key sends what waits once', async () => {
  const world = await givenKeylessCase()
  await said(world, WORDS[0] ?? '')
  world.deliver(await world.write(alice, withKey(world)))
  for (let step = 1; step < 12; step += 1) {
    world.dieAt(step)
    await world.settle().catch(() => undefined)
    world.restart()
  }
  await world.settle()
  expect(kindsTo(world, alice).slice(2)).toEqual(['reply'])
  expect(onRecord(world, 'answered')).toEqual(['answered by grace'])
})

it('(B10) a key that a maintainer accepts lets leave what waits, before what that message says', async () => {
  const world = await givenDesk([grace, linus], {
    authentication: { servers: ['mx.acme.example'], receivedHops: 1 }
  })
  await givenMessage(world, alice, {
    subject: 'Heap overflow',
    text: 'Here.\n',
    as: 'encrypted',
    autocrypt: true,
    headers: ['Authentication-Results: mx.acme.example; dmarc=fail header.from=reporter.example']
  })
  await said(world, `/reply\n${REPLY}\n`)
  const [offered] = world.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM reporter_keys WHERE is_used = 0'
  )
  const accept = `/key accept ${offered?.fingerprint ?? ''}\n`
  expect(await said(world, `/reply <<\nSecond.\n>>\n${accept}`)).toContain(
    'Please put /key accept above'
  )
  const answer = await said(world, `${accept}/reply\nSecond.\n`)
  expect(answer).toContain(
    '1 message to alice@reporter.example that had waited leaves now, encrypted.'
  )
  const texts = (await textsTo(world, alice)).slice(-2)
  expect(texts[0]).toContain(REPLY)
  expect(texts[1]).toContain('Second.')
  expect(theCase(world)).toEqual({ state: 'triaging', answeredAt: world.clock.now })
})

it('(B10) a rejection and an end of a case are told when a key comes, and the record says so', async () => {
  const world = await givenKeylessCase()
  await said(world, '/reject not-a-vulnerability\n')
  await said(world, '/close\n')
  const told = { told: 'waits-for-key' }
  expect(recorded(world, 'rejected', 'closed')).toMatchObject([told, told])
  await giveKey(world)
  expect(kindsTo(world, alice).slice(2)).toEqual(['rejected', 'closed'])
})

const PROVED = 'Authentication-Results: mx.acme.example; dmarc=pass header.from=reporter.example'
const authentication = { servers: ['mx.acme.example'], receivedHops: 1 }

it('(B10) what waits in one case leaves with the key of a new report whose sender is proved', async () => {
  const world = await givenDesk([grace, linus], { authentication })
  const headers = [
    PROVED,
    'Received: from there by mx.acme.example; Mon, 23 Nov 2026 12:00:00 +0000'
  ]
  await givenMessage(world, alice, { subject: 'x', text: 'Here.\n', as: 'encrypted', headers })
  await said(world, WORDS[0] ?? '')
  world.pass(60_000)
  await givenMessage(world, alice, { subject: 'Another', text: 'M.\n', autocrypt: true, headers })
  expect((await textsTo(world, alice)).some((text) => text.includes(REPLY))).toBe(true)
  expect(theCase(world)).toEqual({ state: 'triaging', answeredAt: world.clock.now })
})

it('(B10) files do not wait: a reply with files is refused and says so', async () => {
  const world = await givenKeylessCase()
  const patch = { filename: 'fix.patch', content: 'diff' }
  const answer = await said(world, `/reply\n${REPLY}\n`, { patch })
  expect(answer).toContain('Text waits for one, but files do not.')
  expect(world.rows('SELECT id FROM waiting_words')).toEqual([])
})

it('(B10) the forwarded report of a reporter without a key says that a reply waits', async () => {
  const world = await givenKeylessCase()
  expect((await textsTo(world, grace))[0]).toContain(
    'alice@reporter.example cannot be answered yet: we have no usable key of theirs. Text under a first line /reply waits and leaves, encrypted, when a key of theirs is in use'
  )
})

it('(G3, B10) a key that came with a new report whose sender nothing proves gets nothing, waiting or new, until a maintainer accepts it', async () => {
  const world = await givenKeylessCase()
  await said(world, WORDS[0] ?? '')
  world.pass(60_000)
  await givenMessage(world, alice, { subject: 'Another', text: 'M.\n', autocrypt: true })
  expect(await lastTo(world, grace)).toContain('It is not used until you accept it.')
  expect(await said(world, `/take\n/reply\n${PLAN}\n`)).toContain('What you sent waits')
  await givenMessage(world, alice, { subject: 'Third', text: 'M.\n' })
  expect(kindsTo(world, alice)).not.toContain('reply')
  const [offered] = world.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM reporter_keys WHERE is_used = 0'
  )
  const answer = await said(world, `/key accept ${offered?.fingerprint ?? ''}\n`)
  expect(answer).toContain(
    '2 messages to alice@reporter.example that had waited leave now, encrypted.'
  )
  expect(kindsTo(world, alice)).toContain('reply')
})

it.each(['offered', 'expired'] as const)(
  '(B10, G3) an %s key is a known key: words to a reporter who began in clear wait',
  async (which) => {
    const bob = await givenReporter('bob', which === 'expired' ? 1 : 0)
    const world = await givenDesk([grace, linus], {
      policy: { reporters: { cleartext: 'allow' } },
      ...(which === 'offered' ? { authentication } : {})
    })
    const letter = { subject: 'x', text: 'Here.\n', as: 'clear', autocrypt: true } as const
    await givenMessage(world, bob, letter)
    expect((await textsTo(world, grace))[0]).toContain('cannot be answered yet')
    expect(await said(world, `/reply\n${REPLY}\n`)).toContain('What you sent waits')
    expect(kindsTo(world, bob)).not.toContain('reply')
  }
)

it('(G3) words that wait do not leave in clear because a later line of the message moves the case', async () => {
  const [open, closed] = (['allow', 'deny'] as const).map((cleartext) => ({
    reporters: { cleartext }
  }))
  const other = { ...PRODUCT, id: 'other', policy: { ...PRODUCT.policy, ...open } }
  const world = await givenDesk([grace], { policy: closed ?? {}, moreProducts: [other] })
  await givenMessage(world, alice, { subject: 'x', text: 'Here.\n', as: 'clear' })
  const both = `/reply <<\n${REPLY}\n>>\n/product other\n/reply\nSecond.\n`
  expect(await said(world, both)).toContain('would leave in different ways')
  expect(kindsTo(world, alice)).toEqual(['acknowledgement'])
})

it('(G8) /key accept of a key in use that has expired is refused: nothing could leave with it', async () => {
  const brief = await givenReporter('alice', 300)
  const world = await givenDesk([grace, linus])
  await givenMessage(world, brief, {
    subject: 'x',
    text: 'Here.\n',
    as: 'encrypted',
    autocrypt: true
  })
  world.pass(400 * 86_400_000)
  await said(world, `/reply\n${REPLY}\n`)
  const [pinned] = world.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM reporter_keys WHERE is_used = 1'
  )
  const answer = await said(world, `/key accept ${pinned?.fingerprint ?? ''}\n`)
  expect(answer).toContain('Nothing can be encrypted to this key')
  expect(answer).not.toContain('leaves now')
  expect(kindsTo(world, brief)).not.toContain('reply')
})

const WAITED = 'answer by Grace to alice@reporter.example, Mon 23 Nov 2026'

it('(B10) /status shows what waits and from whom, and /unsend withdraws it: it never leaves, and the record says so', async () => {
  const world = await givenKeylessCase()
  await said(world, `/reply\n${REPLY}\n`)
  const status = await said(world, '/status\n')
  expect(status).toContain('1 message; /unsend withdraws it')
  expect(status).toContain(WAITED)
  const answer = await said(world, '/unsend\n/status\n/reply\nBetter words.\n')
  expect(answer).toContain('1 message that waited for a key of alice@reporter.example will not')
  expect(answer).toContain(`Never sent: ${WAITED}`)
  expect(answer).not.toContain('/unsend withdraws it')
  expect(answer).not.toContain(REPLY)
  expect(await lastTo(world, linus)).toContain(
    'withdrew 1 message to the reporter that waited for a key'
  )
  expect(onRecord(world, 'words-dropped')).toEqual(['words-dropped by grace'])
  await giveKey(world)
  const texts = (await textsTo(world, alice)).slice(2)
  expect(texts).toHaveLength(1)
  expect(texts[0]).toContain('Better words.')
})

it('(B10) /unsend says so where nothing waits', async () => {
  const world = await givenKeylessCase()
  expect(await said(world, '/unsend\n')).toContain('Nothing waits for alice@reporter.example')
})

it('(B10) /unsend says that a reporter was not told of an acceptance that it withdraws', async () => {
  const world = await givenKeylessCase()
  await said(world, `/accept\n`)
  await said(world, `/reply\n${REPLY}\n`)
  const answer = await said(world, '/unsend\n')
  expect(answer).toContain('has not been told that the report is accepted: please say it with')
  expect(answer).toMatch(/Never sent: acceptance by Grace to \S+ .*; answer by Grace to/)
})

it('(B10) words that /unsend withdraws do not leave by a key that the same message accepts', async () => {
  const world = await givenKeylessCase()
  await said(world, `/reply\n${REPLY}\n`)
  const both = `/unsend\n/key accept ${alice.secret.getFingerprint()}\n`
  expect(await said(world, both, attachedKey(alice))).toContain('Done: 2 commands.')
  expect(kindsTo(world, alice)).not.toContain('reply')
})

it('(B10) a case that is opened again withdraws what waits, and the answer says so', async () => {
  const world = await givenKeylessCase()
  await said(world, '/reject not-a-vulnerability\n')
  const answer = await said(world, '/reopen because we were wrong\n')
  expect(answer).toContain(`Never sent: rejection by Grace to alice@reporter.example, Mon`)
  expect(
    world.rows("SELECT about ->> 'because' AS why FROM events WHERE kind = 'words-dropped'")
  ).toEqual([{ why: 'reopened' }])
  await giveKey(world)
  expect(kindsTo(world, alice).slice(2)).toEqual([])
})

it('(B10) an accepted case withdraws a rejection that waits, and nothing else', async () => {
  const world = await givenKeylessCase()
  await said(world, `/reply\n${REPLY}\n`)
  await said(world, '/reject not-a-vulnerability\n')
  const keyless = { ...withKey(world), autocrypt: false }
  await givenMessage(world, alice, { ...keyless, text: 'Please look again.\n', as: 'encrypted' })
  const answer = await said(world, '/accept\n')
  expect(answer).toContain('Never sent')
  await giveKey(world)
  expect(kindsTo(world, alice).slice(2)).toEqual(['reply', 'accepted'])
})

it.each([
  ['encrypted', 'Here.\n', 'key-request', 'for a key'],
  ['clear', 'Here.\n', 'key-request', 'for a key'],
  ['encrypted', '\n', 'resend-request', 'to send the report again']
] as const)(
  '(B6) /ask alone to who wrote %s and %j is a %s, once a day, and the others read of what left alone',
  async (as, text, kind, what) => {
    const world = await givenDesk([grace, linus], { policy: { reporters: { cleartext: 'deny' } } })
    await givenMessage(world, alice, { subject: 'Heap overflow', text, as })
    expect(await said(world, '/ask\n')).toContain(`We asked ${alice.address} ${what}`)
    expect(await lastTo(world, linus)).toContain(`asked the reporter ${what}`)
    const toLinus = world.sentTo(linus).length
    expect(await said(world, '/ask\n')).toContain(`was asked ${what} earlier today`)
    expect(world.sentTo(linus)).toHaveLength(toLinus)
    expect(kindsTo(world, alice).slice(1)).toEqual([kind])
    const record = kind === 'key-request' ? ['key-asked by grace'] : ['info-asked by grace']
    expect(onRecord(world, 'key-asked', 'info-asked')).toEqual(record)
  }
)

it('(B6) /ask alone sends nothing where the report was read and a key is known', async () => {
  const world = await givenKeylessCase()
  await giveKey(world)
  const before = kindsTo(world, alice).length
  expect(await said(world, '/ask\n')).toContain('There is nothing to ask for')
  expect(kindsTo(world, alice)).toHaveLength(before)
})
