/**
 * Sealed words of one person that somebody else sends on, or that come again, on the real steps of the desk (G6, mail.md §2.4).
 */

import { generateKey } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { alice, givenDesk, givenMessage, grace, textsTo, world } from '../support/desk.ts'
import { type Someone, someone } from '../support/world.ts'
import { encryptedParts, lines, mixed, signedEntity, textPart } from '../unit/reading/material.ts'

const mallory = await someone('mallory', 'mallory@evil.example')
const eve = await someone('eve', 'eve@third.example')

function change(raw: Uint8Array, field: RegExp, value: string): Buffer {
  return Buffer.from(Buffer.from(raw).toString('latin1').replace(field, value), 'latin1')
}

/** The same message under another person's name, byte for byte otherwise. */
function from(mail: Uint8Array, { name, address }: Someone): Buffer {
  return change(mail, /^From: .*$/m, `From: ${name} <${address}>`)
}

/** The armored block of an encrypted mail. */
function armorOf(mail: Uint8Array): string {
  const text = Buffer.from(mail).toString('latin1')
  return /-----BEGIN PGP MESSAGE-----[^]*-----END PGP MESSAGE-----/.exec(text)?.[0] ?? ''
}

/** A message of Mallory's own making; the headers of its body stand first in `body`. */
function fromMallory(body: string): Buffer {
  const head = [
    `From: Mallory <${mallory.address}>`,
    'To: security@acme.example',
    'Subject: hello',
    'Message-ID: <mine@evil.example>',
    'MIME-Version: 1.0'
  ]
  return Buffer.from(lines(...head) + body, 'latin1')
}

const BESIDE: readonly (readonly [string, (armored: string) => string])[] = [
  ['alone', (armored) => `\r\n${armored}`],
  ['with words below', (armored) => `\r\n${armored}\r\n\r\nMy words.\r\n`],
  [
    'with a file beside it',
    (armored) => mixed([textPart(armored), 'Content-Type: image/png\r\n\r\nx\r\n'])
  ],
  [
    'as a file beside words',
    (armored) =>
      mixed([
        textPart('My words.'),
        `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="report.txt.pgp"\r\n\r\n${armored}`
      ])
  ]
]

async function toGrace(): Promise<string> {
  return (await textsTo(grace)).join(' ')
}

describe('a message that another person had sealed', () => {
  it('is withheld from everybody when somebody sends it as theirs before it arrives', async () => {
    await givenDesk([grace])
    const sealed = await world.write(alice, { subject: 'a SECRET', text: 'The SECRET of Alice.' })
    await world.receive(from(sealed, mallory))

    expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
      { state: 'held', disposition: 'contradicts-sender' }
    ])
    expect(await toGrace()).toContain('WITHHELD')
    expect(await toGrace()).not.toContain('SECRET')
    const stored = JSON.stringify(world.rows('SELECT subject, text FROM messages'))
    expect(stored).not.toContain('SECRET')
    expect(world.sentTo(mallory)).toHaveLength(1)
  })

  it.each(['as inline PGP', 'with a footer behind it'])(
    'is withheld when somebody puts it into a mail of theirs %s',
    async (form) => {
      await givenDesk([grace])
      const sealed = await world.write(alice, { subject: 'a SECRET', text: 'The SECRET of Alice.' })
      const armored = armorOf(sealed)
      const entity = `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e\r\n\r\n${encryptedParts(armored)}`
      const wrapped = form === 'as inline PGP' ? `\r\n${armored}` : mixed([entity, textPart('x')])
      await world.receive(fromMallory(wrapped))

      expect(world.rows('SELECT state, disposition FROM arrivals')).toEqual([
        { state: 'held', disposition: 'contradicts-sender' }
      ])
      expect(await toGrace()).toContain('WITHHELD')
      expect(await toGrace()).not.toContain('SECRET')
      expect(JSON.stringify(world.rows('SELECT subject, text FROM messages'))).not.toContain(
        'SECRET'
      )
    }
  )

  it.each(BESIDE)(
    'and signed is withheld, if its signer is known, when somebody puts it into a mail of theirs %s',
    async (_form, wrapped) => {
      await givenDesk([grace])
      await givenMessage(alice, { subject: 'a', text: 'a', autocrypt: true })
      const block = await world.write(alice, {
        subject: '',
        text: '',
        payload: 'The SECRET of Alice.\n'
      })
      await world.receive(fromMallory(wrapped(armorOf(block))))

      expect(world.dispositions()).toEqual(['case-opened', 'contradicts-sender'])
      expect(await toGrace()).not.toContain('SECRET')
    }
  )

  it('with a signature in a MIME entity is withheld when it comes as inline PGP', async () => {
    await givenDesk([grace])
    const payload = signedEntity(textPart('The SECRET of Alice.'), 'any')
    const block = await world.write(alice, { subject: '', text: '', as: 'encrypted', payload })
    await world.receive(fromMallory(`\r\n${armorOf(block)}`))

    expect(world.dispositions()).toEqual(['contradicts-sender'])
    expect(await toGrace()).not.toContain('SECRET')
  })

  it('is shown where its own sender puts words beside it', async () => {
    await givenDesk([grace])
    await givenMessage(mallory, { subject: 'a', text: 'a', autocrypt: true })
    const block = await world.write(mallory, { subject: '', text: '', payload: 'Words of mine.\n' })
    await world.receive(fromMallory(`\r\n${armorOf(block)}\r\n\r\nMy words.\r\n`))

    expect(await toGrace()).toContain('Words of mine.')
  })

  it('by a list member is withheld when a stranger sends on what the member signed, and says of whom to nobody (G5)', async () => {
    await givenDesk([grace])
    await world.addMember(alice)
    const block = await world.write(alice, {
      subject: '',
      text: '',
      payload: 'Content-Type: text/plain\r\n\r\nThe SECRET of Alice.\r\n'
    })
    await world.receive(from(block, mallory))

    expect(world.dispositions()).toEqual(['contradicts-sender'])
    expect(await toGrace()).not.toContain('SECRET')
    expect((await toGrace()).toLowerCase()).not.toContain('alice')
  })

  it('is withheld when it is signed with a subkey of a key that is known for another person', async () => {
    await givenDesk([grace])
    const { privateKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: 'Bob', email: 'bob@reporter.example' }],
      subkeys: [{ sign: true }, {}],
      date: new Date('2026-11-01T00:00:00Z'),
      format: 'object'
    })
    const keyData = privateKey.toPublic().write()
    const bob = { ...(await someone('bob', 'bob@reporter.example')), secret: privateKey, keyData }
    await givenMessage(bob, { subject: 'a', text: 'a', autocrypt: true })
    const payload = lines('', 'The SECRET of Bob.')
    await world.receive(from(await world.write(bob, { subject: '', text: '', payload }), mallory))

    expect(world.dispositions()).toEqual(['case-opened', 'contradicts-sender'])
    const plan = world.rows<{ detail: string }>(
      'EXPLAIN QUERY PLAN SELECT address FROM signing_keys WHERE fingerprint = ? OR key_id = ?',
      ['a', 'a']
    )
    expect(plan.map(({ detail }) => detail).join()).not.toContain('SCAN')
  })

  it('is withheld when a pinned key should have signed it and another one did', async () => {
    await givenDesk([grace])
    await givenMessage(alice, { subject: 'a', text: 'a', autocrypt: true })
    const forged = { ...alice, secret: mallory.secret }
    await givenMessage(forged, { subject: 'b', text: 'The SECRET of Mallory.' })

    expect(world.dispositions()).toEqual(['case-opened', 'contradicts-sender'])
    expect(await toGrace()).not.toContain('SECRET')
  })

  const copies: readonly (readonly [string, (sealed: Uint8Array) => Uint8Array, string])[] = [
    ['withheld', (sealed) => from(sealed, mallory), 'contradicts-sender'],
    ['refused as a forged mail of a maintainer', (sealed) => from(sealed, grace), 'refused'],
    [
      'damaged and not opened',
      (sealed) => from(change(sealed, /.(?=\r\n=....\r\n-----END)/, '+'), mallory),
      'case-opened'
    ]
  ]
  it.each(copies)(
    "stays its writer's after a thief's copy that was %s, and nobody else's",
    async (_name, stolen, disposition) => {
      await givenDesk([grace])
      const sealed = await world.write(alice, { subject: 'a', text: 'The SECRET of Alice.' })
      for (const copy of [stolen(sealed), sealed, from(sealed, eve)]) {
        await world.receive(copy)
      }

      expect(world.rows('SELECT disposition FROM arrivals ORDER BY id')).toEqual([
        { disposition },
        { disposition: 'case-opened' },
        { disposition: 'reused-ciphertext' }
      ])
      expect(await toGrace()).toContain('The SECRET of Alice.')
      const answers = world.sentTo(alice)
      expect(answers).toHaveLength(1)
    }
  )

  it("without a protected header stays its writer's where the writer's key was known", async () => {
    await givenDesk([grace])
    const own = await world.write(alice, { subject: 'a', text: 'a', autocrypt: true })
    const letter = { subject: '', text: '', payload: lines('', 'The SECRET of Alice.') }
    const sealed = await world.write(alice, letter)
    for (const copy of [own, from(sealed, mallory), sealed, from(sealed, eve)]) {
      await world.receive(copy)
    }

    expect(world.dispositions()).toEqual([
      'case-opened',
      'contradicts-sender',
      'case-opened',
      'reused-ciphertext'
    ])
    expect(await toGrace()).toContain('The SECRET of Alice.')
  })

  it('is quarantined when it comes again from the same sender as another case', async () => {
    await givenDesk([grace])
    const sealed = await world.write(alice, { subject: 'a', text: 'Once.' })
    await world.receive(sealed)
    await world.receive(change(sealed, /^Message-ID: .*$/m, 'Message-ID: <again@reporter.example>'))

    expect(world.rows('SELECT state, disposition FROM arrivals ORDER BY id')).toEqual([
      { state: 'done', disposition: 'case-opened' },
      { state: 'held', disposition: 'reused-ciphertext' }
    ])
    expect(world.rows('SELECT id FROM cases')).toHaveLength(1)
    expect(await toGrace()).toContain('into another case')
  })
})
