/**
 * Which key answers are encrypted to, on the real steps of the desk with real certificates.
 */

import { reformatKey, revokeKey } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { msOf } from '../../src/domain/time.ts'
import {
  AUTHENTICATION,
  alice,
  allTo,
  answering,
  attachedKey,
  bob,
  checked,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReport,
  givenReporter,
  grace,
  keyOf,
  lastTo,
  latest,
  MINUTE,
  says,
  world,
  writes
} from '../support/desk.ts'
import { type Someone, someone } from '../support/world.ts'

const renewed = await givenReporter('alice')
const mallory = await someone('mallory', 'mallory@evil.example')
/** Her key is known from her first report. */
const REPORT = { subject: 'a hole', text: 'Here.', as: 'signed', autocrypt: true } as const

/** As the database has it. */
function printOf({ secret }: Someone): string {
  return secret.getFingerprint()
}

/** Alice's public key as she has just revoked it. */
async function revokedKey() {
  const date = new Date(msOf(world.clock.now))
  const { publicKey } = await revokeKey({ key: alice.secret, date, format: 'object' })
  return { patch: { filename: 'revoked.asc', content: publicKey.armor() } }
}

function pinned(): string[] {
  return world.column('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')
}

describe("a reporter's key", () => {
  it('changes when the old key signs for the new one, and /key accept takes the change back', async () => {
    await givenReport(REPORT)
    expect(await lastTo(grace)).toMatch(/First use of the key .*The message is signed with it/)
    await writes(alice, 'Mine.', attachedKey(renewed))

    expect(pinned()).toEqual([printOf(renewed)])
    expect(await lastTo(grace)).toContain('has changed')
    await writes(grace, '/reply\nTo the new key.\n')
    expect(await lastTo(renewed)).toContain('To the new key.')

    const spaced = keyOf(alice).match(/.{4}/g)?.join(' ') ?? ''
    await writes(grace, `/key accept ${spaced}\n/reply\nTo the old key.\n`)
    expect(pinned()).toEqual([printOf(alice)])
    expect(await lastTo(alice)).toContain('To the old key.')
    const pinnedBy = "SELECT actor_id FROM events WHERE kind = 'key-pinned' ORDER BY id DESC"
    expect(world.column(pinnedBy)[0]).toBe('grace')
  })

  it('is pinned from a key that a maintainer attaches, where none is known, and only if it names the reporter', async () => {
    await givenReport({ autocrypt: false })
    expect(pinned()).toEqual([])
    await writes(grace, `/key accept ${printOf(mallory)}\n`, attachedKey(mallory))
    expect(pinned()).toEqual([])
    await writes(grace, `/key accept ${printOf(alice)}\n/reply\nHello Alice.\n`, attachedKey(alice))

    expect(pinned()).toEqual([printOf(alice)])
    expect(world.column('SELECT is_proved FROM reporter_keys WHERE is_used = 1')).toEqual([true])
    expect(await lastTo(alice)).toContain('Hello Alice.')
  })

  it('loses nothing to an older copy of itself in a message that nobody signed (G3)', async () => {
    await givenReport(REPORT)
    const before = world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    const { publicKey: longer } = await reformatKey({
      privateKey: alice.secret,
      userIDs: [{ name: 'Alice', email: alice.address }],
      keyExpirationTime: 9 * 365 * 86_400,
      date: new Date(msOf(world.clock.now)),
      format: 'object'
    })
    const longerAlice = { ...alice, keyData: longer.write() }
    await givenMessage(longerAlice, { subject: 'b', text: 'b', as: 'clear', autocrypt: true })
    const renewedCopy = world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    expect(renewedCopy).not.toEqual(before)
    await givenMessage(alice, { subject: 'c', text: 'c', as: 'clear', autocrypt: true })

    expect(world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')).toEqual(renewedCopy)
    const isRenewed = "about ->> 'replaced' = about ->> 'fingerprint'"
    const pinnedBy = `SELECT actor_kind FROM events WHERE kind = 'key-pinned' AND ${isRenewed}`
    expect(world.column(pinnedBy)).toEqual(['desk'])
  })

  it('that its owner revoked is used no more, and the maintainers are told', async () => {
    await givenReport(REPORT)
    await writes(alice, 'Do not use it.', await revokedKey())

    expect(pinned()).toEqual([printOf(alice)])
    expect(await lastTo(grace)).toContain('cannot be used')
    await writes(grace, '/reply\nA secret.\n')
    await givenMessage(alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await writes(grace, '/reply\nA secret.\n')
    expect(await allTo(alice)).not.toContain('A secret.')
  })

  it.each(['revoked', 'expired'])(
    'that is %s when it comes for the first time is not used, and the maintainers are told',
    async (state) => {
      await givenDesk([grace])
      const old = attachedKey(await givenReporter('alice', 3))
      const key = state === 'revoked' ? await revokedKey() : old
      await givenMessage(alice, { subject: 'a hole', text: 'Here.', as: 'encrypted', ...key })

      expect(pinned()).toEqual([])
      expect(await lastTo(grace)).toContain('cannot be used')
      expect(await lastTo(grace)).toContain(
        `because the key ${state === 'revoked' ? 'is' : 'has'} ${state}`
      )
    }
  )

  it('that was revoked does not come back by an older copy of itself, whoever sends it', async () => {
    await givenReport(REPORT)
    await writes(alice, 'Do not use it.', await revokedKey())
    await writes(grace, `/key accept ${printOf(renewed)}\n`, attachedKey(renewed))
    expect(pinned()).toEqual([printOf(renewed)])
    await givenMessage(alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await writes(grace, `/key accept ${printOf(alice)}\n`)
    await writes(grace, `/key accept ${printOf(alice)}\n`, attachedKey(alice))

    expect(pinned()).toEqual([printOf(renewed)])
  })

  it('that only lay in a message does not make the real owner look like an impostor, and signing proves it', async () => {
    await givenDesk([grace])
    const forged = { ...alice, keyData: renewed.keyData }
    await givenMessage(forged, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    expect(pinned()).toEqual([printOf(renewed)])
    expect(await lastTo(grace)).toContain('not signed with it')
    await givenMessage(alice, { subject: 'a hole', text: 'Words of Alice.' })
    expect(await lastTo(grace)).toContain('Words of Alice.')
    expect(await lastTo(grace)).toContain('has never signed a message')

    await givenMessage(renewed, { subject: 'b', text: 'b' })
    expect(world.rows('SELECT is_proved FROM reporter_keys WHERE is_used = 1')).toEqual([
      { isProved: true }
    ])
    await givenMessage(alice, { subject: 'c', text: 'More words.' })
    expect(world.dispositions()).toEqual([
      'case-opened',
      'case-opened',
      'case-opened',
      'contradicts-sender'
    ])
  })

  it('proves the sender of a message that only names its case; without it and without DMARC it is a case of its own', async () => {
    await givenDesk([grace], { authentication: AUTHENTICATION })
    const says = (dmarc: string) => ({ headers: checked('reporter.example', dmarc) })
    const again = { subject: '[ACME-2026-0001] more', text: 'More.' }
    await givenMessage(alice, {
      subject: 'a hole',
      text: 'Here.',
      autocrypt: true,
      ...says('pass')
    })
    await givenMessage(alice, { ...again, as: 'encrypted', ...says('fail') })
    expect(await lastTo(grace)).toContain('The message names the case ACME-2026-0001')
    const forwarded = await lastTo(grace)
    expect(forwarded).toContain('It was opened as a new case')
    expect(forwarded).toContain('reply with /merge ACME-2026-0001')
    expect(forwarded).not.toContain('If this message belongs to')
    await givenMessage(alice, { ...again, as: 'encrypted', ...says('pass') })
    await givenMessage(alice, { ...again, ...says('fail') })

    const became = "SELECT disposition || ' ' || case_id FROM arrivals ORDER BY id"
    expect(world.column(became)).toEqual([
      ...['case-opened 1', 'case-opened 2', 'case-joined 1', 'case-joined 1']
    ])
  })

  it('that a flood of others pushed out is accepted where it is attached: only the newest eight wait', async () => {
    await givenReport(REPORT)
    await givenMessage(renewed, { subject: 'my new key', text: 'x', as: 'clear', autocrypt: true })
    const genuine = await lastTo(grace)
    expect(genuine).toContain(`then write /key accept ${keyOf(renewed)} (or /key refuse`)
    let forger = await givenReporter('alice')
    for (let count = 0; count < 9; count += 1) {
      forger = await givenReporter('alice')
      world.pass(1000)
      await givenMessage(forger, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    }

    expect(world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toHaveLength(8)
    await writes(grace, `/key accept ${printOf(renewed)}\n`)
    expect(pinned()).toEqual([printOf(alice)])
    await writes(grace, `/key accept ${printOf(renewed)}\n`, attachedKey(renewed))
    expect(pinned()).toEqual([printOf(renewed)])
  })

  it('that was in use is kept with at most seven other former keys', async () => {
    await givenReport(REPORT)
    const letter = { subject: '[ACME-2026-0001] new key', text: 'Mine.' }
    let old = alice
    for (let count = 0; count < 10; count += 1) {
      const next = await givenReporter('alice')
      world.pass(1000)
      await givenMessage(old, { ...letter, ...attachedKey(next) })
      old = next
    }

    expect(pinned()).toEqual([printOf(old)])
    const wereInUse = world.column('SELECT was_in_use FROM reporter_keys WHERE is_used = 0')
    expect(wereInUse).toEqual(Array.from({ length: 8 }, () => true))
  })
})

describe("a maintainer's key, and a member's", () => {
  it('stays the registered one when a maintainer reports, whatever the message brings, and nobody can accept another', async () => {
    await givenDesk([grace])
    const other = await givenMaintainer('grace')
    await givenMessage(grace, { subject: 'a hole', text: 'Mine.', ...attachedKey(other) })
    expect(await lastTo(grace)).toContain('We received it on')
    expect(pinned()).toEqual([])
    expect(world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toEqual([])
    await writes(grace, `/key accept ${printOf(other)}\n`, attachedKey(other))
    expect(await lastTo(grace)).toContain('whose key the operator sets')
    expect(pinned()).toEqual([])
  })

  it('of a list member serves for a report of theirs only if a message brings it, as for anybody (G5, G6)', async () => {
    const roles = ['committer'] as const
    await givenDesk([{ ...grace, roles }], { policy: { reporters: { cleartext: 'allow' } } })
    await world.addMember(alice)
    const seen = []
    for (const person of [alice, bob]) {
      await givenMessage(person, { subject: 'a hole', text: 'Here.', as: 'clear' })
      const wire = Buffer.from(latest(person).raw).toString()
      const toGrace = (await lastTo(grace)).replaceAll('alice', 'bob')
      seen.push([
        wire.includes('multipart/encrypted'),
        /\/reply goes to .*? copy/.exec(toGrace)?.[0]
      ])
    }
    expect(seen[0]).toEqual(seen[1])
    await writes(alice, 'And.', { subject: 'Re: it', autocrypt: true, ...answering(alice) })
    expect(pinned()).toEqual([printOf(alice)])
  })

  it('of the first of two messages that come together proves the second one, too', async () => {
    await givenDesk([grace])
    world.deliver(await world.write(alice, REPORT))
    world.deliver(await world.write(alice, { subject: 'more', text: 'And.' }))
    await world.settle()
    expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
    expect(await lastTo(grace)).toMatch(/Signed: yes\./)
  })
})

it('(G3) the key of a new report that nothing proves waits, also while all cases of the same sender are ended', async () => {
  await givenReport({ autocrypt: false })
  await says('/reject not-a-vulnerability\n')
  world.pass(MINUTE)
  await givenMessage(renewed, { ...REPORT, as: 'encrypted' })
  expect(pinned()).toEqual([])
  expect(await lastTo(grace)).toContain('not used until you accept it')
})

it('(G3) a key that came for a reporter who began in clear stops answers in clear, also where our mail server refutes the sender', async () => {
  const policy = { reporters: { cleartext: 'allow' } } as const
  const letter = { as: 'clear', autocrypt: false, headers: checked('reporter.example') } as const
  await givenReport({ ...letter, policy, authentication: AUTHENTICATION })
  await givenMessage(renewed, { ...REPORT, headers: checked('reporter.example', 'fail') })
  expect(await says('/reply\nThanks, please wait.')).toContain('/key accept')
  expect(await allTo(alice)).not.toContain('please wait')
})
