/** For whom the desk asks directories of keys, and what it does with what it finds (issue 3, E; mail.md §1.8, §2.27). */
import { beforeEach, describe, expect, it } from 'vitest'
import { type FoundKey } from '../../src/effects/effects.ts'
import { givenDesk, givenMaintainer, givenReporter, lastTo } from '../support/given.ts'
import { type Letter, type Someone, someone, type World } from '../support/world.ts'

const MX = 'mx.acme.example'
const grace = await givenMaintainer('grace')
const alice = await givenReporter('alice')
const other = await givenReporter('alice')
const mallory = await someone('mallory', 'mallory@evil.example')
let world: World
let asked: string[]
let has: readonly FoundKey[]

beforeEach(async () => {
  asked = []
  has = [{ source: 'wkd', data: alice.keyData }]
  world = await givenDesk([grace], {
    authentication: { servers: [MX], receivedHops: 1 },
    directory: {
      find: (address) => {
        asked.push(address)
        return Promise.resolve(has)
      }
    }
  })
})

/** A message with what our own server says of its sender on top. */
async function send(from: Someone, dmarc: string, letter: Partial<Letter> = {}): Promise<void> {
  const written = await world.write(from, { subject: 'a hole', text: 'Here.', ...letter })
  const top = [
    `Authentication-Results: ${MX}; dmarc=${dmarc} header.from=${from.address.split('@')[1] ?? ''}`,
    `Received: from outside.example by ${MX}; Sun, 22 Nov 2026 10:00:00 +0000`
  ]
  world.deliver(Buffer.concat([Buffer.from(`${top.join('\r\n')}\r\n`), written]))
}
function pinned() {
  return world.rows<{ fingerprint: string; source: string }>(
    'SELECT fingerprint, source FROM reporter_keys WHERE is_used = 1'
  )
}
function name({ secret }: Someone): string {
  return secret.getFingerprint()
}
const relayed = (): Promise<string> => lastTo(world, grace)

describe('a directory of keys', () => {
  it('gives the key that a proved reporter is answered with, and its first use is shown', async () => {
    await send(alice, 'pass', { as: 'encrypted' })
    await world.settle()
    expect(pinned()).toEqual([{ fingerprint: name(alice), source: 'wkd' }])
    expect(await relayed()).toContain('First use of the key')
    const answer = world.accepted.find(({ to }) => to === alice.address)
    if (answer === undefined) throw new Error('no answer')
    expect(await world.read(alice, answer)).toContain('We received it on')
  })

  it('proves the signature of the message, too, which is nobody else’s then (G6)', async () => {
    await send(alice, 'pass')
    await world.settle()
    expect(world.dispositions()).toEqual(['case-opened'])
    expect(await relayed()).toMatch(/Signed: yes\./)
  })

  it('is not asked for a sender whom nothing proves', async () => {
    await send(alice, 'fail', { as: 'encrypted' })
    await world.settle()
    expect([asked, pinned()]).toEqual([[], []])
  })

  it('is not asked when the message brings a key, or one is known', async () => {
    await send(alice, 'pass', { autocrypt: true })
    await world.settle()
    await send(alice, 'pass', { as: 'encrypted' })
    await world.settle()
    expect(asked).toEqual([])
  })

  it('is not asked for a maintainer, nor for what a program sent', async () => {
    await send(grace, 'pass', { as: 'encrypted' })
    await send(alice, 'pass', { as: 'clear', headers: ['Auto-Submitted: auto-replied'] })
    await world.settle()
    expect(asked).toEqual([])
  })

  it('that has a key for another address, or no key at all, changes nothing', async () => {
    has = [
      { source: 'wkd', data: mallory.keyData },
      { source: 'vks', data: Buffer.from('<html>') }
    ]
    await send(alice, 'pass', { as: 'encrypted' })
    await world.settle()
    expect(asked).toEqual([alice.address])
    expect(pinned()).toEqual([])
    expect(world.dispositions()).toEqual(['case-opened'])
  })

  it('and another that contradicts it leave the choice to a maintainer', async () => {
    has = [
      { source: 'wkd', data: alice.keyData },
      { source: 'vks', data: other.keyData }
    ]
    await send(alice, 'pass', { as: 'encrypted' })
    await world.settle()
    expect(pinned()).toEqual([])
    expect(await relayed()).toContain(`/key accept ${name(other).toUpperCase()}`)
  })
})

describe('two messages of one reporter that come together', () => {
  it('are both judged by the key that only the first one brings', async () => {
    await send(alice, 'pass', { autocrypt: true })
    has = []
    await send(alice, 'pass', { text: 'And one more.' })
    await world.settle()
    expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
    expect(await relayed()).toMatch(/Signed: yes\./)
  })
})
