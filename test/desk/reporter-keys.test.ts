/**
 * Which key answers are encrypted to, on the real steps of the desk with real certificates.
 */

import { type PublicKey, readKey, reformatKey, revokeKey, type SecretKeyPacket } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { msOf } from '../../src/domain/time.ts'
import { type Workers } from '../../src/effects/effects.ts'
import * as desk from '../support/desk.ts'
import { type Someone, START, someone } from '../support/world.ts'

const renewed = await desk.givenReporter('alice')
const mallory = await someone('mallory', 'mallory@evil.example')
/** Her key is known from her first report. */
const REPORT = { subject: 'a hole', text: 'Here.', as: 'signed', autocrypt: true } as const

const SIGNING = { type: 'ecc', curve: 'ed25519Legacy', sign: true } as const

/** As the database has it. */
function printOf({ secret }: Someone): string {
  return secret.getFingerprint()
}

/** Alice's public key as she has just revoked it. */
async function revokedKey() {
  const date = new Date(msOf(desk.world.clock.now))
  const { publicKey } = await revokeKey({ key: desk.alice.secret, date, format: 'object' })
  return { key: publicKey, patch: { filename: 'revoked.asc', content: publicKey.armor() } }
}

/** Alice, whose client sends this copy of her key along. */
function withCopy(key: PublicKey): Someone {
  return { ...desk.alice, keyData: key.write() }
}

function pinned(): string[] {
  return desk.world.column('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')
}

describe("a reporter's key", () => {
  it('(B8) changes when both keys sign, not when the old one alone shows another, and /key accept takes the change back', async () => {
    await desk.givenReport(REPORT)
    expect(await desk.lastTo(desk.grace)).toMatch(
      /First use of the key .*The message is signed with it/
    )
    await desk.writes(desk.alice, 'Somebody forged this key.', desk.attachedKey(renewed))
    expect(pinned()).toEqual([printOf(desk.alice)])
    expect(await desk.lastTo(desk.grace)).toContain('both keys sign')
    const both = { ...desk.attachedKey(renewed), alsoBy: renewed }
    await desk.writes(desk.alice, 'Mine.', both)

    expect(pinned()).toEqual([printOf(renewed)])
    expect(await desk.lastTo(desk.grace)).toContain('has changed')
    await desk.writes(desk.grace, '/reply\nTo the new key.\n')
    expect(await desk.lastTo(renewed)).toContain('To the new key.')

    const spaced = desk.keyOf(desk.alice).match(/.{4}/g)?.join(' ') ?? ''
    await desk.writes(desk.grace, `/key accept ${spaced}\n/reply\nTo the old key.\n`)
    expect(pinned()).toEqual([printOf(desk.alice)])
    expect(await desk.lastTo(desk.alice)).toContain('To the old key.')
    const pinnedBy = "SELECT actor_id FROM events WHERE kind = 'key-pinned' ORDER BY id DESC"
    expect(desk.world.column(pinnedBy)[0]).toBe('grace')
  })

  it('(E21) is found before a message is opened: in its header or among the known ones, so that one opening is enough', async () => {
    await desk.givenDesk()
    const { world } = desk
    const { workers } = world.desk
    const opened: number[] = []
    const open: Workers['open'] = (raw, options) => {
      opened[opened.length - 1] = (opened.at(-1) ?? 0) + 1
      return workers.open(raw, options)
    }
    Object.assign(world.desk, { workers: { ...workers, inTurn: () => ({ ...workers, open }) } })
    for (const letter of [REPORT, { ...REPORT, autocrypt: false }]) {
      opened.push(0)
      await desk.givenMessage(desk.alice, letter)
    }
    // A key that comes as a file is found inside.
    opened.push(0)
    await desk.givenMessage(mallory, { ...REPORT, autocrypt: false, ...desk.attachedKey(mallory) })

    expect(opened).toEqual([1, 1, 2])
    expect(pinned()).toEqual([printOf(desk.alice), printOf(mallory)])
    expect(desk.world.column('SELECT is_proved FROM reporter_keys')).toEqual([true, true])
  })

  it('is pinned from a key that a maintainer attaches, where none is known, and only if it names the reporter', async () => {
    await desk.givenReport({ autocrypt: false })
    expect(pinned()).toEqual([])
    await desk.writes(desk.grace, `/key accept ${printOf(mallory)}\n`, desk.attachedKey(mallory))
    expect(pinned()).toEqual([])
    await desk.writes(
      desk.grace,
      `/key accept ${printOf(desk.alice)}\n/reply\nHello Alice.\n`,
      desk.attachedKey(desk.alice)
    )

    expect(pinned()).toEqual([printOf(desk.alice)])
    expect(desk.world.column('SELECT is_proved FROM reporter_keys WHERE is_used = 1')).toEqual([
      true
    ])
    expect(await desk.lastTo(desk.alice)).toContain('Hello Alice.')
  })

  it('loses nothing to an older copy of itself in a message that nobody signed (G3)', async () => {
    await desk.givenReport(REPORT)
    const before = desk.world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    const { publicKey: longer } = await reformatKey({
      privateKey: desk.alice.secret,
      userIDs: [{ name: 'Alice', email: desk.alice.address }],
      keyExpirationTime: 9 * 365 * 86_400,
      date: new Date(msOf(desk.world.clock.now)),
      format: 'object'
    })
    const longerAlice = { ...desk.alice, keyData: longer.write() }
    await desk.givenMessage(longerAlice, { subject: 'b', text: 'b', as: 'clear', autocrypt: true })
    const renewedCopy = desk.world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')
    expect(renewedCopy).not.toEqual(before)
    await desk.givenMessage(desk.alice, { subject: 'c', text: 'c', as: 'clear', autocrypt: true })

    expect(desk.world.rows('SELECT key_data FROM reporter_keys WHERE is_used = 1')).toEqual(
      renewedCopy
    )
    const isRenewed = "about ->> 'replaced' = about ->> 'fingerprint'"
    const pinnedBy = `SELECT actor_kind FROM events WHERE kind = 'key-pinned' AND ${isRenewed}`
    expect(desk.world.column(pinnedBy)).toEqual(['desk'])
  })

  it.each<[string, () => Promise<Someone>]>([
    ['its owner revoked', async () => withCopy((await revokedKey()).key)],
    [
      'has no part to encrypt to any more since its owner revoked that',
      async () => {
        const key = await readKey({ binaryKey: desk.alice.keyData })
        const [part] = key.subkeys
        const keyPacket = desk.alice.secret.keyPacket as SecretKeyPacket
        const date = new Date(msOf(desk.world.clock.now))
        if (part !== undefined) key.subkeys = [await part.revoke(keyPacket, {}, date)]
        return withCopy(key)
      }
    ]
  ])(
    'that %s is used no more, though the copy that says so stands in the header alone (G3)',
    async (_what, give) => {
      await desk.givenReport(REPORT)
      desk.world.pass(desk.DAY)
      const now = await give()
      await desk.givenMessage(now, {
        subject: 'y',
        text: 'It was stolen.',
        as: 'clear',
        autocrypt: true
      })
      expect(await desk.lastTo(desk.grace)).toContain('cannot be used any more')
      await desk.writes(desk.grace, '/reply\nA secret.\n')
      expect(await desk.allTo(desk.alice)).not.toContain('A secret.')
    }
  )

  it('that its owner revoked is used no more, and the maintainers are told', async () => {
    await desk.givenReport(REPORT)
    await desk.writes(desk.alice, 'Do not use it.', await revokedKey())

    expect(pinned()).toEqual([printOf(desk.alice)])
    expect(await desk.lastTo(desk.grace)).toContain('cannot be used')
    await desk.writes(desk.grace, '/reply\nA secret.\n')
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await desk.writes(desk.grace, '/reply\nA secret.\n')
    expect(await desk.allTo(desk.alice)).not.toContain('A secret.')
  })

  it.each(['revoked', 'expired'])(
    'that is %s when it comes for the first time is not used, and the maintainers are told',
    async (state) => {
      await desk.givenDesk([desk.grace])
      const old = desk.attachedKey(await desk.givenReporter('alice', 3))
      const key = state === 'revoked' ? await revokedKey() : old
      await desk.givenMessage(desk.alice, {
        subject: 'a hole',
        text: 'Here.',
        as: 'encrypted',
        ...key
      })

      expect(pinned()).toEqual([])
      expect(await desk.lastTo(desk.grace)).toContain('cannot be used')
      expect(await desk.lastTo(desk.grace)).toContain(
        `because the key ${state === 'revoked' ? 'is' : 'has'} ${state}`
      )
    }
  )

  it('that was revoked does not come back by an older copy of itself, whoever sends it', async () => {
    await desk.givenReport(REPORT)
    await desk.writes(desk.alice, 'Do not use it.', await revokedKey())
    await desk.writes(desk.grace, `/key accept ${printOf(renewed)}\n`, desk.attachedKey(renewed))
    expect(pinned()).toEqual([printOf(renewed)])
    await desk.givenMessage(desk.alice, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    await desk.writes(desk.grace, `/key accept ${printOf(desk.alice)}\n`)
    await desk.writes(
      desk.grace,
      `/key accept ${printOf(desk.alice)}\n`,
      desk.attachedKey(desk.alice)
    )

    expect(pinned()).toEqual([printOf(renewed)])
  })

  it.each([false, true])(
    'that was revoked proves nothing, though a stranger brings a copy of it in the header, with a new part to sign with: %s (E21)',
    async (isNewPart) => {
      await desk.givenReport(REPORT)
      await desk.writes(desk.alice, 'Do not use it.', await revokedKey())
      const date = new Date(msOf(desk.world.clock.now))
      const { privateKey } = await reformatKey({
        privateKey: desk.alice.secret,
        userIDs: [{ email: mallory.address }],
        date,
        format: 'object'
      })
      const secret = isNewPart ? await privateKey.addSubkey({ ...SIGNING, date }) : privateKey
      const thief = { ...mallory, secret, keyData: secret.toPublic().write() }
      await desk.givenMessage(thief, { subject: 'y', text: 'Words of a thief.', autocrypt: true })

      expect(await desk.lastTo(desk.grace)).toContain('has been revoked')
    }
  )

  it('that only lay in a message does not make the real owner look like an impostor, and signing proves it', async () => {
    await desk.givenDesk([desk.grace])
    const forged = { ...desk.alice, keyData: renewed.keyData }
    await desk.givenMessage(forged, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    expect(pinned()).toEqual([printOf(renewed)])
    expect(await desk.lastTo(desk.grace)).toContain('not signed with it')
    await desk.givenMessage(desk.alice, { subject: 'a hole', text: 'Words of Alice.' })
    expect(await desk.lastTo(desk.grace)).toContain('Words of Alice.')
    expect(await desk.lastTo(desk.grace)).toContain('has never signed a message')

    await desk.givenMessage(renewed, { subject: 'b', text: 'b' })
    expect(desk.world.rows('SELECT is_proved FROM reporter_keys WHERE is_used = 1')).toEqual([
      { isProved: true }
    ])
    await desk.givenMessage(desk.alice, { subject: 'c', text: 'More words.' })
    expect(desk.world.dispositions()).toEqual([
      'case-opened',
      'case-opened',
      'case-opened',
      'contradicts-sender'
    ])
  })

  it('proves the sender of a message that only names its case; without it and without DMARC it is a case of its own', async () => {
    await desk.givenDesk([desk.grace], { authentication: desk.AUTHENTICATION })
    const says = (dmarc: string) => ({ headers: desk.checked('reporter.example', dmarc) })
    const again = { subject: '[ACME-2026-0001] more', text: 'More.' }
    await desk.givenMessage(desk.alice, {
      subject: 'a hole',
      text: 'Here.',
      autocrypt: true,
      ...says('pass')
    })
    await desk.givenMessage(desk.alice, { ...again, as: 'encrypted', ...says('fail') })
    expect(await desk.lastTo(desk.grace)).toContain('The message names the case ACME-2026-0001')
    const forwarded = await desk.lastTo(desk.grace)
    expect(forwarded).toContain('It was opened as a new case')
    expect(forwarded).toContain('reply with /merge ACME-2026-0001')
    expect(forwarded).not.toContain('If this message belongs to')
    await desk.givenMessage(desk.alice, { ...again, as: 'encrypted', ...says('pass') })
    await desk.givenMessage(desk.alice, { ...again, ...says('fail') })

    const became = "SELECT disposition || ' ' || case_id FROM arrivals ORDER BY id"
    expect(desk.world.column(became)).toEqual([
      ...['case-opened 1', 'case-opened 2', 'case-joined 1', 'case-joined 1']
    ])
  })

  it('that a flood of others pushed out is accepted where it is attached: only the newest eight wait', async () => {
    await desk.givenReport(REPORT)
    await desk.givenMessage(renewed, {
      subject: 'my new key',
      text: 'x',
      as: 'clear',
      autocrypt: true
    })
    const genuine = await desk.lastTo(desk.grace)
    expect(genuine).toContain(`then write /key accept ${desk.keyOf(renewed)} (or /key refuse`)
    let forger = await desk.givenReporter('alice')
    for (let count = 0; count < 9; count += 1) {
      forger = await desk.givenReporter('alice')
      desk.world.pass(1000)
      await desk.givenMessage(forger, { subject: 'x', text: 'x', as: 'clear', autocrypt: true })
    }

    expect(desk.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toHaveLength(
      8
    )
    await desk.writes(desk.grace, `/key accept ${printOf(renewed)}\n`)
    expect(pinned()).toEqual([printOf(desk.alice)])
    await desk.writes(desk.grace, `/key accept ${printOf(renewed)}\n`, desk.attachedKey(renewed))
    expect(pinned()).toEqual([printOf(renewed)])
  })

  it('that was in use is kept with at most seven other former keys', async () => {
    await desk.givenReport(REPORT)
    const letter = { subject: '[ACME-2026-0001] new key', text: 'Mine.' }
    let old = desk.alice
    for (let count = 0; count < 10; count += 1) {
      const next = await desk.givenReporter('alice')
      desk.world.pass(1000)
      await desk.givenMessage(old, { ...letter, ...desk.attachedKey(next), alsoBy: next })
      old = next
    }

    expect(pinned()).toEqual([printOf(old)])
    const wereInUse = desk.world.column('SELECT was_in_use FROM reporter_keys WHERE is_used = 0')
    expect(wereInUse).toEqual(Array.from({ length: 8 }, () => true))
  })
})

describe("a maintainer's key, and a member's", () => {
  it('(G4) of a maintainer that was revoked commands nothing by a new part in a copy that the message brings', async () => {
    const date = new Date(msOf(START) - desk.DAY)
    const { publicKey } = await revokeKey({ key: desk.linus.secret, date, format: 'object' })
    const revoked = { ...desk.linus, keyData: publicKey.write() }
    await desk.givenReport({ maintainers: [desk.grace, revoked] })
    const secret = await desk.linus.secret.addSubkey({
      ...SIGNING,
      date: new Date(msOf(desk.world.clock.now))
    })
    desk.world.pass(desk.MINUTE)
    const thief = { ...desk.linus, secret, keyData: secret.toPublic().write() }
    await desk.givenMessage(thief, { subject: `[${desk.FIRST}]`, text: '/take\n', autocrypt: true })
    expect(desk.world.dispositions()).toEqual(['case-opened', 'refused'])
    expect(desk.caseStates()).toEqual(['received'])
  })

  it('stays the registered one when a maintainer reports, whatever the message brings, and nobody can accept another', async () => {
    await desk.givenDesk([desk.grace])
    const other = await desk.givenMaintainer('grace')
    await desk.givenMessage(desk.grace, {
      subject: 'a hole',
      text: 'Mine.',
      ...desk.attachedKey(other)
    })
    expect(await desk.lastTo(desk.grace)).toContain('We received it on')
    expect(pinned()).toEqual([])
    expect(desk.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')).toEqual([])
    await desk.writes(desk.grace, `/key accept ${printOf(other)}\n`, desk.attachedKey(other))
    expect(await desk.lastTo(desk.grace)).toContain('whose key the operator sets')
    expect(pinned()).toEqual([])
  })

  it('of a list member serves for a report of theirs only if a message brings it, as for anybody (G5, G6)', async () => {
    const roles = ['committer'] as const
    await desk.givenDesk([{ ...desk.grace, roles }], {
      policy: { reporters: { cleartext: 'allow' } }
    })
    await desk.world.addMember(desk.alice)
    const seen = []
    for (const person of [desk.alice, desk.bob]) {
      await desk.givenMessage(person, { subject: 'a hole', text: 'Here.', as: 'clear' })
      const wire = Buffer.from(desk.latest(person).raw).toString()
      const toGrace = (await desk.lastTo(desk.grace)).replaceAll('alice', 'bob')
      seen.push([
        wire.includes('multipart/encrypted'),
        /\/reply goes to .*? copy/.exec(toGrace)?.[0]
      ])
    }
    expect(seen[0]).toEqual(seen[1])
    await desk.writes(desk.alice, 'And.', {
      subject: 'Re: it',
      autocrypt: true,
      ...desk.answering(desk.alice)
    })
    expect(pinned()).toEqual([printOf(desk.alice)])
  })

  it('of the first of two messages that come together proves the second one, too', async () => {
    await desk.givenDesk([desk.grace])
    desk.world.deliver(await desk.world.write(desk.alice, REPORT))
    desk.world.deliver(await desk.world.write(desk.alice, { subject: 'more', text: 'And.' }))
    await desk.world.settle()
    expect(desk.world.dispositions()).toEqual(['case-opened', 'case-opened'])
    expect(await desk.lastTo(desk.grace)).toMatch(/Signed: yes\./)
  })
})

it('(G3) the key of a new report that nothing proves waits, also while all cases of the same sender are ended', async () => {
  await desk.givenReport({ autocrypt: false })
  await desk.says('/reject not-a-vulnerability\n')
  desk.world.pass(desk.MINUTE)
  await desk.givenMessage(renewed, { ...REPORT, as: 'encrypted' })
  expect(pinned()).toEqual([])
  expect(await desk.lastTo(desk.grace)).toContain('not used until you accept it')
})

it('(G3) a key that came for a reporter who began in clear stops answers in clear, also where our mail server refutes the sender', async () => {
  const policy = { reporters: { cleartext: 'allow' } } as const
  const letter = {
    as: 'clear',
    autocrypt: false,
    headers: desk.checked('reporter.example')
  } as const
  await desk.givenReport({ ...letter, policy, authentication: desk.AUTHENTICATION })
  await desk.givenMessage(renewed, { ...REPORT, headers: desk.checked('reporter.example', 'fail') })
  expect(await desk.says('/reply\nThanks, please wait.')).toContain('/key accept')
  expect(await desk.allTo(desk.alice)).not.toContain('please wait')
})
