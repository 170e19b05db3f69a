/**
 * Attacks with the names of keys (mail.md §2.12): two keys may have one key id, a signature may name any issuer, and anybody can
 * hang another person's key below a key of theirs. Only a full fingerprint finds a key, and only a key that agreed signs for its
 * owner.
 */
import { createMessage, encrypt, generateKey, type PrivateKey, readKey } from 'openpgp'
import { expect, it } from 'vitest'
import { addMs, msOf } from '../../src/domain/time.ts'
import { type Verdict, verifyDetached } from '../../src/openpgp/verify.ts'
import { joined, type Packet, splitPackets } from '../fuzz/packets.ts'
import { autocrypt, deskCertificate, START } from '../support/world.ts'
import { encryptedMail, signedEntity, textPart } from '../unit/reading/material.ts'
import { ADDRESSES } from './cast.ts'
import { armor } from './ciphertext.ts'
import {
  becomes,
  CASE,
  COMMANDS,
  cast,
  commandMail,
  describeAttacks,
  head,
  mail,
  nobodyReads,
  openEmpty,
  openScene,
  SECRET,
  scene,
  sealedMail,
  wordsTo
} from './scene.ts'
import {
  type Binding,
  type Issuer,
  oldSignatureBy,
  signatureBy,
  withStolenSubkey
} from './signature-packets.ts'

const AT = new Date(msOf(START))
const PART = textPart(COMMANDS)

describeAttacks('attacks with the names of keys', () => {
  const fingerprintOf = (key: PrivateKey): string => key.getFingerprint()
  const idOf = (key: PrivateKey): string => key.getFingerprint().slice(24)
  /** The fingerprint of a key that nobody has, with the key id of this one. */
  const twinOf = (key: PrivateKey): string => `${'ab'.repeat(12)}${idOf(key)}`
  const detached = (packet: Packet): string =>
    armor(joined([packet]), 'SIGNATURE').replaceAll('\r', '')
  const verdictsOf = async (
    packet: Packet,
    certificates: readonly Uint8Array[]
  ): Promise<readonly Verdict[]> => {
    const context = { certificates, now: START }
    return (await verifyDetached(Buffer.from(PART), joined([packet]), context)) ?? []
  }

  it('12 key ids: what names a fingerprint is not verified with another key of the same key id', async () => {
    await openScene()
    const { grace, mallory } = cast
    for (const [by, issuer] of [
      // Made with the registered key itself, so that a reader that goes by the key id finds it valid.
      [grace.secret, { fingerprint: twinOf(grace.secret), keyId: idOf(grace.secret) }],
      [grace.secret, { fingerprint: twinOf(grace.secret) }],
      [grace.secret, { unhashedFingerprint: twinOf(grace.secret) }],
      [mallory.secret, { fingerprint: twinOf(grace.secret), keyId: idOf(grace.secret) }]
    ] as const) {
      const packet = signatureBy(by, PART, issuer, AT)
      expect(await verdictsOf(packet, [grace.keyData, mallory.keyData])).toMatchObject([
        { state: 'unknown-key', fingerprint: null }
      ])
      await isRefused(packet)
    }
    expect(await scene.harm()).toEqual([])
  })

  it('12 key ids: a signature has the authority of the key that made it, whatever it says of its issuer', async () => {
    await openScene()
    const { grace, mallory } = cast
    const [graceId, graceName] = [idOf(grace.secret), fingerprintOf(grace.secret)]
    const [malloryId, malloryName] = [idOf(mallory.secret), fingerprintOf(mallory.secret)]
    const claims: readonly Issuer[] = [
      { keyId: graceId },
      { fingerprint: graceName },
      { fingerprint: graceName, keyId: graceId },
      { fingerprint: malloryName, keyId: graceId },
      { fingerprint: graceName, keyId: malloryId },
      { fingerprint: malloryName, unhashedFingerprint: graceName, keyId: graceId },
      { unhashedFingerprint: graceName },
      { keyId: '0000000000000000' },
      {}
    ]
    for (const claim of claims) {
      const packet = signatureBy(mallory.secret, PART, claim, AT)
      for (const certificates of [
        [grace.keyData],
        [grace.keyData, mallory.keyData],
        [mallory.keyData, grace.keyData]
      ]) {
        for (const { state, fingerprint } of await verdictsOf(packet, certificates)) {
          expect([null, malloryName]).toContain(fingerprint)
          if (fingerprint === null) expect(['bad', 'unknown-key']).toContain(state)
        }
      }
      await isRefused(packet)
    }
    expect(await scene.harm()).toEqual([])
  })

  it('12 key ids: a signature of version 3 that names the key id of a maintainer proves nothing', async () => {
    await openScene()
    const { grace, mallory } = cast
    for (const by of [mallory.secret, grace.secret]) {
      const packet = oldSignatureBy(by, PART, idOf(grace.secret), AT)
      expect(await verdictsOf(packet, [grace.keyData])).toMatchObject([
        { state: 'bad', fingerprint: null }
      ])
      await isRefused(packet)
    }
    expect(await scene.harm()).toEqual([])
  })

  it('12 key ids: without a fingerprint the key id finds the keys, and the signature says which it was', async () => {
    await openScene()
    const { grace } = cast
    const packet = signatureBy(grace.secret, PART, { keyId: idOf(grace.secret) }, AT)
    const thief = await certificateWith(grace.secret, 'bare')
    for (const certificates of [[grace.keyData], [thief, grace.keyData], [grace.keyData, thief]]) {
      expect(await verdictsOf(packet, certificates)).toMatchObject([
        { state: 'valid', fingerprint: fingerprintOf(grace.secret) }
      ])
    }
    expect(await verdictsOf(packet, [thief])).toMatchObject([
      { state: 'unknown-key', fingerprint: null }
    ])
    // The signature made by hand is one like any other: with everything else right, it has its effect.
    const entity = signedEntity(PART, detached(packet))
    await becomes('commands', await sealedMail('grace', entity))
  })

  it('12 key ids: /key accept takes a whole fingerprint and nothing less', async () => {
    await openScene()
    const whole = fingerprintOf(cast.mallory.secret)
    for (const part of [
      whole.slice(24),
      whole.slice(32),
      `0x${whole.slice(24)}`,
      whole.slice(0, 39)
    ]) {
      await scene.attack(await commandMail('grace', `case: ${CASE}\r\n\r\n/key accept ${part}`))
      expect(scene.disposition()).toBe('commands-refused')
    }
    expect(scene.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')).toEqual([
      { fingerprint: fingerprintOf(cast.alice.secret) }
    ])
  })

  /** In clear and sealed: nothing runs, and the message is put away as one without authority. */
  async function isRefused(packet: Packet): Promise<void> {
    const entity = signedEntity(PART, detached(packet))
    for (const raw of [mail('grace', entity, `Re: [${CASE}]`), await sealedMail('grace', entity)]) {
      await becomes('refused', raw)
    }
  }

  /** Mallory's certificate with the primary key of another person below it. */
  async function certificateWith(stolen: PrivateKey, binding: Binding): Promise<Buffer> {
    const own = splitPackets(await cast.gpg(['--export', `<${ADDRESSES.mallory}>`]))
    const [key] = splitPackets(stolen.toPublic().write())
    if (key === undefined) throw new Error('no key')
    return withStolenSubkey(
      cast.mallory.secret,
      own,
      key.body,
      binding,
      new Date(msOf(addMs(START, -86_400_000)))
    )
  }

  /** With the signing subkey of another person and the back signature that it made for its true owner. */
  async function certificateWithSubkeyOf(victim: PrivateKey): Promise<Buffer> {
    const own = splitPackets(await cast.gpg(['--export', `<${ADDRESSES.mallory}>`]))
    const [subkey] = victim.getSubkeys()
    const back = subkey?.bindingSignatures[0]?.embeddedSignature
    const key = splitPackets(victim.toPublic().write()).find(({ tag }) => tag === 14)
    if (key === undefined || back == null) throw new Error('no subkey that signs')
    return withStolenSubkey(
      cast.mallory.secret,
      own,
      key.body,
      Buffer.from(back.write()),
      new Date(msOf(addMs(START, -86_400_000)))
    )
  }

  it.each(['bare', 'signed back by the thief'] as const)(
    '12 stolen subkeys: what Alice signed and sealed is not taken for that of a thief who hung her key below his own, %s',
    async (binding) => {
      await openEmpty()
      const field = autocrypt(await certificateWith(cast.alice.secret, binding), ADDRESSES.mallory)
      const stolen = await cast.seal(textPart(`The ${SECRET} of Alice.`), 'alice')
      await becomes('contradicts-sender', encryptedMail(stolen, head('mallory', '...', [field])))
      await nobodyReads()
      // Nor does it keep Alice from being recognised.
      const own = autocrypt(cast.alice.keyData, ADDRESSES.alice)
      await becomes('case-opened', encryptedMail(stolen, head('alice', '...', [own])))
      expect(await wordsTo('grace')).toContain(`The ${SECRET} of Alice.`)
    }
  )

  it('12 stolen subkeys: nor is what Bob signed with a subkey that agreed to his own key alone', async () => {
    await openEmpty()
    const address = 'bob@reporter.example'
    const { privateKey } = await generateKey({
      type: 'ecc',
      curve: 'curve25519Legacy',
      userIDs: [{ name: 'Bob', email: address }],
      subkeys: [{ sign: true }, {}],
      date: new Date('2026-11-01T00:00:00Z'),
      format: 'object'
    })
    const sealed = await encrypt({
      message: await createMessage({ binary: Buffer.from(textPart(`The ${SECRET} of Bob.`)) }),
      encryptionKeys: await readKey({ armoredKey: await deskCertificate() }),
      signingKeys: privateKey,
      date: AT
    })
    const field = autocrypt(await certificateWithSubkeyOf(privateKey), ADDRESSES.mallory)
    await becomes('contradicts-sender', encryptedMail(sealed, head('mallory', '...', [field])))
    await nobodyReads()
    const own = autocrypt(privateKey.toPublic().write(), address)
    await becomes('case-opened', encryptedMail(sealed, head(`<${address}>`, '...', [own])))
    expect(await wordsTo('grace')).toContain(`The ${SECRET} of Bob.`)
  })

  it('12 stolen subkeys: a maintainer keeps the authority of the key, and the thief gets none', async () => {
    await openScene()
    const field = autocrypt(
      await certificateWith(cast.grace.secret, 'signed back by the thief'),
      ADDRESSES.mallory
    )
    await scene.attack(
      `${head('mallory', 'hello', [field]).join('\r\n')}\r\n${textPart('A report.')}\r\n`
    )
    expect(scene.disposition()).toBe('case-opened')
    const words = textPart(`case: ${CASE}\r\n\r\n/take\r\n\r\n> ${await scene.ref('grace')}`)
    const entity = signedEntity(words, await cast.sign(words, 'grace'))
    const sealed = await cast.seal(entity)
    await scene.attack(encryptedMail(sealed, head('mallory')))
    expect(
      scene.world.rows("SELECT DISTINCT actor_id AS actor FROM events WHERE kind = 'commands-ran'")
    ).toEqual([{ actor: 'grace' }])
    expect(scene.world.rows('SELECT owner FROM cases WHERE id = 1')).toEqual([{ owner: 'grace' }])
    await scene.attack(await commandMail('mallory'))
    expect(scene.world.rows("SELECT id FROM events WHERE kind = 'commands-ran'")).toHaveLength(1)
  })
})
