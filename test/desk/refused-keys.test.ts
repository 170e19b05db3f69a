/**
 * `/key refuse`: a maintainer says that a key which came is not the reporter's. A forged report must not silence the answers to a
 * reporter who began in clear (G3), and nobody who began encrypted is answered in clear because of it.
 */
import { expect, it } from 'vitest'
import {
  attachedKey,
  givenCommand,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReporter,
  kindsTo,
  lastTo,
  recorded
} from '../support/given.ts'
import { type Letter, type Someone, type World } from '../support/world.ts'
import { TAG } from '../unit/policy/samples.ts'

const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus')
const alice = await givenReporter('alice')
// Keys that anybody can make in her name.
const forger = await givenReporter('alice')
const another = await givenReporter('alice')
const ALLOW = { reporters: { cleartext: 'allow' } } as const
const REPLY = 'Rainfall is heavy today.'

/** Alice reported, then somebody wrote in her name and offered a key. */
async function givenForgedOffer(as: 'clear' | 'encrypted'): Promise<World> {
  const world = await givenDesk([grace, linus], { policy: ALLOW })
  await givenMessage(world, alice, { subject: 'Heap overflow', text: 'Here.\n', as })
  await forged(world, forger)
  return world
}

async function forged(world: World, person: Someone): Promise<void> {
  world.pass(60_000)
  await givenMessage(world, person, { subject: 'Hi', text: 'M.\n', as: 'clear', autocrypt: true })
}

/** Grace writes to the case; what the desk answers her. */
function said(world: World, text: string, more: Partial<Letter> = {}): Promise<string> {
  return givenCommand(world, grace, text, more)
}

const name = ({ secret }: Someone): string => secret.getFingerprint().toUpperCase()

/** Kind of everything that went to Alice after the acknowledgements. */
const toAlice = (world: World): string[] =>
  kindsTo(world, alice).filter((kind) => kind !== 'acknowledgement')

const onTheWay = (world: World): string =>
  world
    .sentTo(alice)
    .map(({ raw }) => Buffer.from(raw).toString('utf8'))
    .join('\n')

it('(G3) words that wait because of a forged key leave unencrypted, marked, when a maintainer refuses it; everything says so', async () => {
  const world = await givenForgedOffer('clear')
  const choice = `1 key has come for this address and nobody has accepted or refused it: /key accept ${name(forger)} or /key refuse ${name(forger)}. If it is refused, what waits leaves UNENCRYPTED.`
  expect(await lastTo(world, grace)).toContain(choice)
  const waits = await said(world, `/reply\n${REPLY}\n`)
  expect(waits).toContain('alice@reporter.example cannot be answered yet')
  expect(waits).toContain(choice)
  expect(await said(world, '/status\n')).toContain(choice)
  expect(toAlice(world)).toEqual(['key-request'])

  const answer = await said(world, `/key refuse ${name(forger)} because she never had one\n`)
  expect(answer).toContain('is not used for alice@reporter.example, even if it comes again.')
  expect(answer).toContain(
    '1 message to alice@reporter.example that had waited leaves now, NOT encrypted.'
  )
  expect(toAlice(world)).toEqual(['key-request', 'reply'])
  const clear = onTheWay(world)
  expect(clear).toContain(REPLY)
  expect(clear).toContain('not encrypted')
  expect(await lastTo(world, linus)).toContain(
    'sent 1 message to the reporter, NOT encrypted, that had waited for a key'
  )
  expect(world.rows("SELECT actor_id, about FROM events WHERE kind = 'key-refused'")).toEqual([
    {
      actorId: 'grace',
      about: JSON.stringify({
        reporter: TAG,
        fingerprint: name(forger).toLowerCase(),
        reason: 'she never had one'
      })
    }
  ])
  expect(recorded(world, 'answered')).toMatchObject([{ how: 'in-clear' }])
  expect(world.rows('SELECT id FROM waiting_words')).toEqual([])
})

it('(G3) a refused key that comes again holds up nothing; another key asks anew, and refusing that one sends on', async () => {
  const world = await givenForgedOffer('clear')
  await said(world, `/key refuse ${name(forger)}\n`)
  await forged(world, forger)
  expect(await lastTo(world, grace)).toContain(
    'which a maintainer refused for this reporter. It is not used.'
  )
  expect(await said(world, '/reply\nOne.\n')).toContain(
    'Sent to alice@reporter.example, NOT encrypted.'
  )
  await forged(world, another)
  expect(await said(world, '/reply\nTwo.\n')).toContain(`/key refuse ${name(another)}`)
  await said(world, `/key refuse ${name(another)}\n`)
  expect(toAlice(world)).toEqual(['reply', 'key-request', 'reply'])
})

it('(G3) a key that was refused can be accepted later', async () => {
  const world = await givenForgedOffer('clear')
  await said(world, `/key refuse ${name(forger)}\n`)
  await said(world, `/key accept ${name(forger)}\n/reply\n${REPLY}\n`)
  expect(toAlice(world)).toEqual(['reply'])
  expect(onTheWay(world)).not.toContain(REPLY)
})

it('(G3) nothing leaves unencrypted to a reporter who began encrypted, whatever key is refused', async () => {
  const world = await givenForgedOffer('encrypted')
  await said(world, `/reply\n${REPLY}\n`)
  const answer = await said(world, `/key refuse ${name(forger)}\n/status\n`)
  expect(answer).toContain(
    '1 message to alice@reporter.example still waits: we have no usable key of theirs.'
  )
  await said(world, '/reply\nAnother.\n')
  expect(toAlice(world)).toEqual(['key-request'])
  expect(world.rows('SELECT id FROM waiting_words')).toHaveLength(2)
})

it('(G3) words of the case that began encrypted stay when the forged key is refused in the case that began in clear', async () => {
  const world = await givenDesk([grace], { policy: ALLOW })
  await givenMessage(world, alice, { subject: 'One', text: 'Here.\n', as: 'encrypted' })
  await said(world, `/reply\n${REPLY}\n`)
  await forged(world, forger)
  const second = { subject: 'Re: [ACME-2026-0002] Report' }
  await said(world, '/reply\nTo the second case.\n', second)
  const answer = await said(world, `/key refuse ${name(forger)}\n`, second)
  expect(answer).toContain('1 message to alice@reporter.example that had waited leaves now, NOT')
  expect(answer).toContain('1 message to alice@reporter.example still waits')
  expect(onTheWay(world)).toContain('To the second case.')
  expect(onTheWay(world)).not.toContain(REPLY)
})

it('(G3) words leave encrypted where one message refuses the forged key and accepts the right one', async () => {
  const world = await givenForgedOffer('clear')
  await said(world, `/reply\n${REPLY}\n`)
  const both = `/key refuse ${name(forger)}\n/key accept ${name(alice)}\n`
  expect(await said(world, both, attachedKey(alice))).toContain(
    'that had waited leaves now, encrypted.'
  )
  expect(onTheWay(world)).not.toContain(REPLY)
  expect(await lastTo(world, alice)).toContain(REPLY)
})

it.each([
  ['a key that never came', () => name(another), 'No such key waits for alice@reporter.example'],
  ['what is no fingerprint', () => 'ABCD', 'Write its whole fingerprint']
])('/key refuse of %s is refused and says why', async (_what, written, says) => {
  const world = await givenForgedOffer('clear')
  expect(await said(world, `/key refuse ${written()}\n`)).toContain(says)
})

it.each([
  ['clear', 'go to alice@reporter.example, NOT encrypted, because we have no key.', ['reply']],
  [
    'encrypted',
    'cannot go to alice@reporter.example yet: we have no usable key, and what you write waits for one.',
    ['key-request']
  ]
] as const)(
  '(G3) /key refuse takes the key in use out of use; the answers to a report that began %s then go as those of a reporter without a key, also when the key comes again',
  async (as, says, left) => {
    const world = await givenDesk([grace, linus], { policy: ALLOW })
    const letter = { subject: 'x', text: 'Here.\n', autocrypt: true, as }
    await givenMessage(world, forger, letter)
    expect(await said(world, '/status\n')).toContain('Answers: go to alice@reporter.example, enc')
    const answer = await said(world, `/key refuse ${name(forger)}\n/status\n`)
    expect(answer).toContain(`even if it comes again. Answers ${says}`)
    expect(answer).toContain(`Answers: ${says}`)
    expect(await lastTo(world, linus)).toContain(`Answers ${says}`)
    await forged(world, forger)
    await said(world, `/reply\n${REPLY}\n`)
    expect(toAlice(world)).toEqual(left)
    expect(onTheWay(world).includes(REPLY)).toBe(as === 'clear')
    await said(world, `/key accept ${name(forger)}\n/reply\nOnce more.\n`)
    expect(await lastTo(world, forger)).toContain('Once more.')
  }
)

it('(G3) the key in use is refused and the one before taken back in one message', async () => {
  const world = await givenDesk([grace], { policy: ALLOW })
  await givenMessage(world, alice, { subject: 'x', text: 'Here.\n', autocrypt: true })
  await forged(world, forger)
  await said(world, `/key accept ${name(forger)}\n`)
  const both = `/key refuse ${name(forger)}\n/key accept ${name(alice)}\n/reply\n${REPLY}\n`
  expect(await said(world, both)).toContain('Sent to alice@reporter.example, encrypted.')
  expect(await lastTo(world, alice)).toContain(REPLY)
})
