/**
 * Sealed words of one person that somebody else sends on, or that come again, on the real steps of the desk (G6).
 */

import { generateKey } from 'openpgp'
import { describe, expect, it } from 'vitest'
import { alice, allTo, bob, givenDesk, givenMessage, grace, world } from '../support/desk.ts'
import { armorIn, type Someone, someone } from '../support/world.ts'
import { lines } from '../unit/reading/material.ts'

const mallory = await someone('mallory', 'mallory@evil.example')
const eve = await someone('eve', 'eve@third.example')
const SECRET = 'The SECRET of Alice.'
/** From somebody whose key is known from then on. */
const KNOWN = { subject: 'a', text: 'a', autocrypt: true }

function change(raw: Uint8Array, field: RegExp, value: string): Buffer {
  return Buffer.from(Buffer.from(raw).toString('latin1').replace(field, value), 'latin1')
}

/** The same message under another person's name, byte for byte otherwise. */
function from(mail: Uint8Array, { name, address }: Someone): Buffer {
  return change(mail, /^From: .*$/m, `From: ${name} <${address}>`)
}

/** The text that somebody sealed to the desk, without any header. */
function sealed(by: Someone, payload: string): Promise<Uint8Array> {
  return world.write(by, { subject: '', text: '', payload })
}

/** A message of Mallory's own making; the headers of its body stand first in `body`. */
function fromMallory(body: string): Promise<void> {
  const head = [
    ...[`From: Mallory <${mallory.address}>`, 'To: security@acme.example', 'Subject: hello'],
    ...['Message-ID: <mine@evil.example>', 'MIME-Version: 1.0']
  ]
  return world.receive(Buffer.from(lines(...head) + body, 'latin1'))
}

/** What became of the messages, and that Grace read nothing of the secret. */
async function isWithheld(...dispositions: readonly string[]): Promise<void> {
  expect(world.dispositions()).toEqual([...dispositions, 'contradicts-sender'])
  expect(await allTo(grace)).not.toContain('SECRET')
}

describe('a message that another person had sealed', () => {
  it('is shown where its own sender puts words beside it', async () => {
    await givenDesk([grace])
    await givenMessage(mallory, KNOWN)
    const block = await sealed(mallory, 'Words of mine.\n')
    await fromMallory(`\r\n${armorIn(block)}\r\n\r\nMy words.\r\n`)
    expect(await allTo(grace)).toContain('Words of mine.')
  })

  it('by a list member is withheld when a stranger sends on what the member signed, and nobody reads whose it is (G5)', async () => {
    await givenDesk([grace])
    await world.addMember(alice)
    const block = await sealed(alice, `Content-Type: text/plain\r\n\r\n${SECRET}\r\n`)
    await world.receive(from(block, mallory))
    await isWithheld()
    expect((await allTo(grace)).toLowerCase()).not.toContain('alice')
  })

  it.each([
    ['in the name of its sender', `Mallory <${mallory.address}>`],
    ['in the name of somebody else', 'Max <max@evil.example>'],
    ['in two names', 'max@evil.example, mia@evil.example']
  ])(
    'is withheld as an attached message whose header somebody rewrote, %s (D17)',
    async (_, name) => {
      await givenDesk([grace])
      const whole = await world.write(alice, { subject: 'a', text: SECRET })
      const forged = change(whole, /^From: .*$/m, `From: ${name}`)
      const attached = `Content-Type: message/rfc822\r\n\r\n${forged.toString('latin1')}`
      await fromMallory(
        `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n${attached}\r\n--m--\r\n`
      )
      await isWithheld()
    }
  )

  it.each([
    ['as it was', /^From/m, 'From'],
    [
      'with the From of a list',
      /^From: .*$/m,
      `List-Id: <l.example>\r\nX-Original-From: ${alice.address}\r\nFrom: l@l.example`
    ]
  ])('is shown as an attached message of its writer, %s (D17)', async (_, field, value) => {
    await givenDesk([grace])
    const whole = await world.write(alice, { subject: 'a', text: SECRET })
    const attached = `Content-Type: message/rfc822\r\n\r\n${change(whole, field, value).toString('latin1')}`
    await fromMallory(
      `Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n${attached}\r\n--m--\r\n`
    )
    expect(await allTo(grace)).toContain(SECRET)
  })

  it('is withheld when it is signed with a subkey of a key that is known for another person', async () => {
    await givenDesk([grace])
    const { privateKey: secret } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: 'Bob', email: bob.address }],
      subkeys: [{ sign: true }, {}],
      date: new Date('2026-11-01T00:00:00Z'),
      format: 'object'
    })
    const signer = { ...bob, secret, keyData: secret.toPublic().write() }
    await givenMessage(signer, KNOWN)
    await world.receive(from(await sealed(signer, lines('', 'The SECRET of Bob.')), mallory))
    await isWithheld('case-opened')
    const plan = world.rows<{ detail: string }>(
      'EXPLAIN QUERY PLAN SELECT address FROM signing_keys WHERE fingerprint = ? OR key_id = ?',
      ['a', 'a']
    )
    expect(plan.map(({ detail }) => detail).join()).not.toContain('SCAN')
  })

  it.each<[string, (whole: Uint8Array) => Uint8Array, string]>([
    ['withheld', (whole) => from(whole, mallory), 'contradicts-sender'],
    ['refused as a forged mail of a maintainer', (whole) => from(whole, grace), 'refused'],
    [
      'damaged and not opened',
      (whole) => from(change(whole, /.(?=\r\n=....\r\n-----END)/, '+'), mallory),
      'case-opened'
    ]
  ])(
    "stays its writer's after a thief's copy that was %s, and nobody else's",
    async (_name, stolen, disposition) => {
      await givenDesk([grace])
      const whole = await world.write(alice, { subject: 'a', text: SECRET })
      for (const copy of [stolen(whole), whole, from(whole, eve)]) await world.receive(copy)
      expect(world.dispositions()).toEqual([disposition, 'case-opened', 'contradicts-sender'])
      expect(await allTo(grace)).toContain(SECRET)
      expect(world.sentTo(alice)).toHaveLength(1)
    }
  )

  it("without a protected header stays its writer's where the writer's key was known", async () => {
    await givenDesk([grace])
    const own = await world.write(alice, KNOWN)
    const block = await sealed(alice, lines('', SECRET))
    for (const copy of [own, from(block, mallory), block, from(block, eve)])
      await world.receive(copy)
    expect(world.dispositions()).toEqual([
      ...['case-opened', 'contradicts-sender', 'case-opened', 'contradicts-sender']
    ])
    expect(await allTo(grace)).toContain(SECRET)
  })

  it('is one when it comes again in the name of the same sender, whether it could be opened or not: nothing shows which (G6, 14)', async () => {
    await givenDesk([grace])
    const whole = Buffer.from(await world.write(alice, { subject: 'a', text: SECRET }))
    const damaged = Buffer.from(whole)
    // One sign of a line of base64: the encrypted data is damaged.
    const at = damaged.indexOf('\r\n\r\n', damaged.indexOf('BEGIN PGP MESSAGE')) + 504
    damaged[at] = damaged[at] === 65 ? 66 : 65
    for (const raw of [whole, damaged]) {
      await world.receive(raw)
      await world.receive(change(raw, /^Message-ID: .*$/m, 'Message-ID: <x@y.example>'))
    }
    const twice = ['case-opened', 'duplicate']
    expect(world.dispositions()).toEqual([...twice, ...twice])
    expect(world.sentTo(alice)).toHaveLength(2)
  })
})
