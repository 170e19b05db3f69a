/** Whose key answers go to, on the real steps of the desk, with real certificates in the database (issue 3, E; mail.md §2.12). */
import { reformatKey, revokeKey } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { msOf } from '../../src/domain/time.ts'
import {
  attachedKey,
  givenDesk,
  givenMaintainer,
  givenMessage,
  givenReporter,
  lastTo,
  textsTo
} from '../support/given.ts'
import { type Letter, type Someone, someone, type World } from '../support/world.ts'

const grace = await givenMaintainer('grace')
const alice = await givenReporter('alice')
const renewed = await givenReporter('alice')
const mallory = await someone('mallory', 'mallory@evil.example')
let world: World

function name({ secret }: Someone): string {
  return secret.getFingerprint()
}

/** Alice's public key as she has just revoked it. */
async function revokedAlice() {
  const date = new Date(msOf(world.clock.now))
  return (await revokeKey({ key: alice.secret, date, format: 'object' })).publicKey
}

function send(from: Someone, letter: Letter): Promise<void> {
  return givenMessage(world, from, letter)
}

async function command(text: string, letter: Partial<Letter> = {}): Promise<void> {
  await send(grace, { subject: 'Re: [ACME-2026-0001] a hole', text, ...letter })
}

function pinned() {
  return world.rows<{ fingerprint: string }>(
    'SELECT fingerprint FROM reporter_keys WHERE is_used = 1'
  )
}

describe("a reporter's key", () => {
  it('changes when the old key signs for the new one, and /key accept takes the change back', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    expect(await lastTo(world, grace)).toContain('First use of the key')
    await send(alice, {
      subject: '[ACME-2026-0001] new key',
      text: 'Mine.',
      ...attachedKey(renewed)
    })

    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
    expect(await lastTo(world, grace)).toContain('has changed')
    await command('/reply\nTo the new key.\n')
    expect(await lastTo(world, renewed)).toContain('To the new key.')

    await command(`/key accept ${name(alice)}\n/reply\nTo the old key.\n`)
    expect(pinned()).toEqual([{ fingerprint: name(alice) }])
    expect(await lastTo(world, alice)).toContain('To the old key.')
    expect(
      world.rows(
        "SELECT actor_kind, actor_id FROM events WHERE kind = 'key-pinned' AND actor_kind = 'maintainer'"
      )
    ).toEqual([{ actorKind: 'maintainer', actorId: 'grace' }])
  })

  it.each([null, 'mallory@evil.example'])(
    'is not replaced by one that its owner signed for somebody else and that is sent on to the desk (protected To: %s)',
    async (to) => {
      world = await givenDesk([grace])
      await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
      // Mallory got it within the hour, and seals it to the desk anew, signature and all.
      await send(alice, { subject: 'my new key', text: 'Mine.', to, ...attachedKey(renewed) })

      expect(pinned()).toEqual([{ fingerprint: name(alice) }])
      expect(world.rows('SELECT disposition FROM arrivals WHERE id = 2')).toEqual([
        { disposition: to === null ? 'case-opened' : 'contradicts-sender' }
      ])
      if (to === null)
        expect(await lastTo(world, grace)).toContain(`/key accept ${name(renewed).toUpperCase()}`)
    }
  )

  it('is never replaced by one that another person signs for, until a maintainer accepts it', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    await send(
      { ...alice, secret: renewed.secret, keyData: renewed.keyData },
      {
        subject: '[ACME-2026-0001] my new key',
        text: 'Use this one.',
        ...attachedKey(renewed)
      }
    )

    expect(pinned()).toEqual([{ fingerprint: name(alice) }])
    expect(await lastTo(world, grace)).toContain('a different key')
    await command('/reply\nStill to the old one.\n')
    expect(await lastTo(world, alice)).toContain('Still to the old one.')
    await command(`/key accept ${name(renewed)}\n`)
    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
  })

  it('is pinned from a key that a maintainer attaches, where none is known, and only if it names the reporter', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', as: 'encrypted' })
    expect(pinned()).toEqual([])
    await command(`/key accept ${name(mallory)}\n`, attachedKey(mallory))
    expect(pinned()).toEqual([])
    await command(`/key accept ${name(alice)}\n/reply\nHello Alice.\n`, attachedKey(alice))

    expect(pinned()).toEqual([{ fingerprint: name(alice) }])
    expect(await lastTo(world, alice)).toContain('Hello Alice.')
  })

  it('loses nothing to an older copy of itself in a message that nobody signed (G3)', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    const before = world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    const { publicKey: longer } = await reformatKey({
      privateKey: alice.secret,
      userIDs: [{ name: 'Alice', email: alice.address }],
      keyExpirationTime: 9 * 365 * 86_400,
      date: new Date(msOf(world.clock.now)),
      format: 'object'
    })
    const longerAlice = { ...alice, keyData: longer.write() }
    await send(longerAlice, { subject: 'b', text: 'b', as: 'clear', autocrypt: true })
    const renewedCopy = world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    expect(renewedCopy).not.toEqual(before)
    await send(alice, { subject: 'c', text: 'c', as: 'clear', autocrypt: true })

    expect(world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')).toEqual(renewedCopy)
    expect(
      world.rows(
        "SELECT actor_kind FROM events WHERE kind = 'key-pinned' AND id > (SELECT min(id) FROM events WHERE kind = 'key-pinned')"
      )
    ).toEqual([{ actorKind: 'desk' }])
  })

  it('that its owner revoked is used no more, and the maintainers are told', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    const patch = { filename: 'revoked.asc', content: (await revokedAlice()).armor() }
    await send(alice, { subject: '[ACME-2026-0001] stolen', text: 'Do not use it.', patch })

    expect(pinned()).toEqual([{ fingerprint: name(alice) }])
    expect(await lastTo(world, grace)).toContain('cannot be used')
    const before = world.sentTo(alice).length
    await command('/reply\nA secret.\n')
    expect(await lastTo(world, alice)).not.toContain('A secret.')
    await send(alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await command('/reply\nA secret.\n')
    for (const mail of world.sentTo(alice).slice(before)) {
      expect(await world.read(alice, mail)).not.toContain('A secret.')
    }
  })

  it.each(['revoked', 'expired'])(
    'that is %s when it comes for the first time is not used, and the maintainers are told',
    async (state) => {
      world = await givenDesk([grace])
      const old = await someone('alice', alice.address, 3)
      const key = state === 'revoked' ? await revokedAlice() : old.secret.toPublic()
      const patch = { filename: 'key.asc', content: key.armor() }
      await send(alice, { subject: 'a hole', text: 'Here.', as: 'encrypted', patch })

      expect(pinned()).toEqual([])
      expect(await lastTo(world, grace)).toContain('cannot be used')
      expect(await lastTo(world, grace)).toContain(
        `because it ${state === 'revoked' ? 'is' : 'has'} ${state}`
      )
    }
  )

  it('that was revoked does not come back by an older copy of itself, from whomever', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    const patch = { filename: 'revoked.asc', content: (await revokedAlice()).armor() }
    await send(alice, { subject: '[ACME-2026-0001] stolen', text: 'Do not use it.', patch })
    await command(`/key accept ${name(renewed)}\n`, attachedKey(renewed))
    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
    await send(alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await command(`/key accept ${name(alice)}\n`)
    await command(`/key accept ${name(alice)}\n`, attachedKey(alice))

    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
  })

  it('that only lay in a message does not make the real owner look like an impostor, and signing proves it', async () => {
    world = await givenDesk([grace])
    const forged = { ...alice, keyData: renewed.keyData }
    await send(forged, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
    await send(alice, { subject: 'a hole', text: 'Words of Alice.' })
    expect(await lastTo(world, grace)).toContain('Words of Alice.')
    expect(await lastTo(world, grace)).toContain('has never signed a message')

    await send(renewed, { subject: 'b', text: 'b' })
    expect(world.rows('SELECT is_proved FROM reporter_keys WHERE is_used = 1')).toEqual([
      { isProved: true }
    ])
    await send(alice, { subject: 'c', text: 'More words.' })
    expect(world.dispositions()).toEqual([
      'case-opened',
      'case-opened',
      'case-opened',
      'contradicts-sender'
    ])
  })

  it('proves the sender of a message that only names its case; without it and without DMARC it is a case of its own', async () => {
    const mx = 'mx.acme.example'
    world = await givenDesk([grace], { authentication: { servers: [mx], receivedHops: 1 } })
    const says = (result: string) => ({
      headers: [
        `Authentication-Results: ${mx}; dmarc=${result} header.from=reporter.example`,
        `Received: from x by ${mx}; Mon, 23 Nov 2026 12:00:00 +0000`
      ]
    })
    const again = { subject: '[ACME-2026-0001] more', text: 'More.' }
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true, ...says('pass') })
    await send(alice, { ...again, as: 'encrypted', ...says('fail') })
    expect(await lastTo(world, grace)).toContain('The message names the case ACME-2026-0001')
    expect(await lastTo(world, grace)).toContain('It was opened as a new case')
    await send(alice, { ...again, as: 'encrypted', ...says('pass') })
    await send(alice, { ...again, ...says('fail') })

    expect(world.rows('SELECT disposition, case_id FROM arrivals ORDER BY id')).toEqual([
      { disposition: 'case-opened', caseId: 1 },
      { disposition: 'case-opened', caseId: 2 },
      { disposition: 'case-joined', caseId: 1 },
      { disposition: 'case-joined', caseId: 1 }
    ])
  })

  it('never comes from the person inside when another stands outside', async () => {
    world = await givenDesk([grace])
    const mail = await world.write(mallory, { subject: 'x', text: 'x', ...attachedKey(mallory) })
    const forged = Buffer.from(mail)
      .toString('latin1')
      .replace(/^From: .*$/m, `From: <${alice.address}>`)
    await world.receive(Buffer.from(forged, 'latin1'))

    expect(pinned()).toEqual([])
  })

  it('that a flood of others pushed out is accepted where it is attached: only the newest eight wait', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    await send(renewed, { subject: 'my new key', text: 'x', as: 'clear', autocrypt: true })
    const genuine = await lastTo(world, grace)
    expect(genuine).toContain(
      `then write /key accept ${name(renewed).toUpperCase()} (or /key refuse`
    )
    let forger = await someone('alice', alice.address)
    for (let count = 0; count < 9; count += 1) {
      forger = await someone('alice', alice.address)
      world.pass(1000)
      await send(forger, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    }

    expect(world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toHaveLength(8)
    await command(`/key accept ${name(renewed)}\n`)
    expect(pinned()).toEqual([{ fingerprint: name(alice) }])
    await command(`/key accept ${name(renewed)}\n`, attachedKey(renewed))
    expect(pinned()).toEqual([{ fingerprint: name(renewed) }])
  })

  it('that was in use waits with at most seven others that were', async () => {
    world = await givenDesk([grace])
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: true })
    let old = alice
    for (let count = 0; count < 10; count += 1) {
      const next = await someone('alice', alice.address)
      world.pass(1000)
      await send(old, { subject: '[ACME-2026-0001] new key', text: 'Mine.', ...attachedKey(next) })
      old = next
    }

    expect(pinned()).toEqual([{ fingerprint: name(old) }])
    expect(world.rows('SELECT was_in_use FROM reporter_keys WHERE is_used = 0')).toEqual(
      Array.from({ length: 8 }, () => ({ wasInUse: true }))
    )
  })
})

describe("a maintainer's key, and a member's", () => {
  it('are the registered ones also when they report, whatever the message brings, and nobody accepts another', async () => {
    world = await givenDesk([grace])
    const other = await someone('grace', grace.address)
    await send(grace, { subject: 'a hole', text: 'Mine.', ...attachedKey(other) })
    expect(await lastTo(world, grace)).toContain('We received it on')
    const relay = (await textsTo(world, grace)).join(' ')
    expect(relay).toContain('It is not used: the operator decides about keys of this sender.')
    expect(pinned()).toEqual([])
    expect(world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toEqual([])
    await command(`/key accept ${name(other)}\n`, attachedKey(other))
    expect(await lastTo(world, grace)).toContain('The operator decides which key is used')
    expect(pinned()).toEqual([])
  })

  it('of a member serves for a report of theirs', async () => {
    world = await givenDesk([grace])
    await world.addMember(alice)
    await send(alice, { subject: 'a hole', text: 'Here.', autocrypt: false, as: 'encrypted' })
    expect(await lastTo(world, alice)).toContain('We received it on')
    await send(alice, {
      subject: 'another',
      text: 'Here.',
      as: 'encrypted',
      ...attachedKey(renewed)
    })
    expect(pinned()).toEqual([])
    // (G5) Not even that there is such a person do maintainers learn who are no list admins.
    await command(`/key accept ${name(renewed)}\n`, attachedKey(renewed))
    expect((await textsTo(world, grace)).join(' ')).not.toMatch(/on the list|list member/)
  })
})
