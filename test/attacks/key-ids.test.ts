/**
 * Attacks with the names of keys: two keys may have one key id, a signature may name any issuer, and anybody can hang another
 * person's key below a key of theirs. Only a full fingerprint finds a key, and only a key that agreed signs for its owner.
 */
import { enums, type KeyID, PacketList, type PrivateKey, SignaturePacket } from 'openpgp'
import { expect, it } from 'vitest'
import { msOf } from '../../src/domain/time.ts'
import { CONFIG } from '../../src/openpgp/config.ts'
import { type Verdict, verifyDetached } from '../../src/openpgp/verify.ts'
import { type Binding, type Signing, withHungKey } from '../support/hung-key.ts'
import { autocrypt, START } from '../support/world.ts'
import { encryptedMail, signedEntity, textPart } from '../unit/reading/material.ts'
import { ADDRESSES } from './cast.ts'
import { armor } from './ciphertext.ts'
import * as attack from './scene.ts'

const AT = new Date(msOf(START))
const PART = textPart(attack.COMMANDS)

attack.describeAttacks('attacks with the names of keys', () => {
  const fingerprintOf = (key: PrivateKey): string => key.getFingerprint()
  const idOf = (key: PrivateKey): string => key.getFingerprint().slice(24)
  /** The fingerprint of a key that nobody has, with the key id of this one. */
  const twinOf = (key: PrivateKey): string => `${'ab'.repeat(12)}${idOf(key)}`
  /** A signature over {@link PART} by the primary key of `by` that names another key as its issuer. */
  async function signatureBy(
    { keyPacket }: PrivateKey,
    { fingerprint = null, keyId }: { readonly fingerprint?: string | null; readonly keyId: string }
  ): Promise<Uint8Array> {
    const packet = new SignaturePacket()
    Object.assign(packet, {
      signatureType: enums.signature.binary,
      publicKeyAlgorithm: keyPacket.algorithm,
      hashAlgorithm: enums.hash.sha512
    })
    const id = Object.create(keyPacket.getKeyID()) as KeyID & { bytes: string }
    id.bytes = Buffer.from(keyId, 'hex').toString('latin1')
    const print = fingerprint === null ? null : Buffer.from(fingerprint, 'hex')
    const named = Object.create(keyPacket, {
      getKeyID: { value: () => id },
      getFingerprintBytes: { value: () => print }
    }) as object
    const signed = { text: null, getBytes: () => Buffer.from(PART) }
    const { sign } = packet as unknown as Signing
    await sign.call(packet, named, signed, AT, true, CONFIG)
    const list = new PacketList<SignaturePacket>()
    list.push(packet)
    return list.write()
  }
  const verdictsOf = async (
    signature: Uint8Array,
    certificates: readonly Uint8Array[]
  ): Promise<readonly Verdict[]> => {
    const context = { certificates, now: START }
    return (await verifyDetached(Buffer.from(PART), signature, context)) ?? []
  }

  it('12 key ids: what names a fingerprint is not verified with another key of the same key id', async () => {
    await attack.openScene()
    const { grace, mallory } = attack.cast
    const issuer = { fingerprint: twinOf(grace.secret), keyId: idOf(grace.secret) }
    const own = { ...issuer, fingerprint: fingerprintOf(grace.secret) }
    expect(await verdictsOf(await signatureBy(grace.secret, own), [grace.keyData])).toMatchObject([
      { state: 'valid', fingerprint: own.fingerprint }
    ])
    // Made with the registered key itself, so that a reader that goes by the key id finds it valid.
    for (const by of [grace.secret, mallory.secret]) {
      const signature = await signatureBy(by, issuer)
      expect(await verdictsOf(signature, [grace.keyData, mallory.keyData])).toMatchObject([
        { state: 'unknown-key', fingerprint: null }
      ])
      await isRefused(signature)
    }
    expect(await attack.scene.harm()).toEqual([])
  })

  it('12 key ids: a signature has the authority of the key that made it, whatever it says of its issuer', async () => {
    await attack.openScene()
    const { grace, mallory } = attack.cast
    const [graceId, graceName] = [idOf(grace.secret), fingerprintOf(grace.secret)]
    const [malloryId, malloryName] = [idOf(mallory.secret), fingerprintOf(mallory.secret)]
    const claims = [
      { keyId: graceId },
      { fingerprint: graceName, keyId: graceId },
      { fingerprint: malloryName, keyId: graceId },
      { fingerprint: graceName, keyId: malloryId },
      { keyId: '0000000000000000' }
    ]
    for (const claim of claims) {
      const signature = await signatureBy(mallory.secret, claim)
      for (const certificates of [
        [grace.keyData],
        [grace.keyData, mallory.keyData],
        [mallory.keyData, grace.keyData]
      ]) {
        for (const { state, fingerprint } of await verdictsOf(signature, certificates)) {
          expect([null, malloryName]).toContain(fingerprint)
          if (fingerprint === null) expect(['bad', 'unknown-key']).toContain(state)
        }
      }
      await isRefused(signature)
    }
    expect(await attack.scene.harm()).toEqual([])
  })

  it('12 key ids: /key accept takes a whole fingerprint and nothing less', async () => {
    await attack.openScene()
    const whole = fingerprintOf(attack.cast.mallory.secret)
    const id = whole.slice(24)
    for (const part of [id, whole.slice(32), `0x${id}`, whole.slice(0, 39)]) {
      const command = `case: ${attack.CASE}\r\n\r\n/key accept ${part}`
      await attack.becomes('commands-refused', await attack.commandMail('grace', command))
    }
    expect(
      attack.scene.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')
    ).toEqual([{ fingerprint: fingerprintOf(attack.cast.alice.secret) }])
  })

  /** In clear and sealed: nothing runs, and the message is put away as one without authority. */
  async function isRefused(signature: Uint8Array): Promise<void> {
    const entity = signedEntity(PART, armor(signature, 'SIGNATURE'))
    for (const raw of [
      attack.mail('grace', entity, `Re: [${attack.CASE}]`),
      await attack.sealedMail('grace', entity)
    ]) {
      await attack.becomes('refused', raw)
    }
  }

  /** Mallory's certificate with the primary key of another person below it. */
  const hungBy = (victim: PrivateKey, binding: Binding): Promise<Uint8Array> =>
    withHungKey(attack.cast.mallory.secret, victim.toPublic().keyPacket, 0, binding)

  it.each(['bare', 'signed back by the thief'] as const)(
    '12 stolen subkeys: what Alice signed and sealed is not taken for that of a thief who hung her key below his own, %s',
    async (binding) => {
      await attack.openEmpty()
      const field = autocrypt(await hungBy(attack.cast.alice.secret, binding), ADDRESSES.mallory)
      const stolen = await attack.cast.seal(textPart(`The ${attack.SECRET} of Alice.`), 'alice')
      await attack.becomes(
        'contradicts-sender',
        encryptedMail(stolen, attack.head('mallory', '...', [field]))
      )
      await attack.nobodyReads()
      // Nor does it keep Alice from being recognised.
      const own = autocrypt(attack.cast.alice.keyData, ADDRESSES.alice)
      await attack.becomes('case-opened', encryptedMail(stolen, attack.head('alice', '...', [own])))
      expect(await attack.wordsTo('grace')).toContain(`The ${attack.SECRET} of Alice.`)
    }
  )

  it('12 stolen subkeys: a maintainer keeps the authority of the key, and the thief gets none', async () => {
    await attack.openScene()
    const field = autocrypt(
      await hungBy(attack.cast.grace.secret, 'signed back by the thief'),
      ADDRESSES.mallory
    )
    const fields = attack.head('mallory', 'hello', [field]).join('\r\n')
    await attack.becomes('case-opened', `${fields}\r\n${textPart('A report.')}\r\n`)
    const words = textPart(
      `case: ${attack.CASE}\r\n\r\n/take\r\n\r\n> ${await attack.scene.ref('grace')}`
    )
    const entity = signedEntity(words, await attack.cast.sign(words, 'grace'))
    await attack.scene.attack(await attack.sealedMail('mallory', entity))
    expect(attack.commanders()).toEqual(['grace'])
    expect(attack.scene.world.rows('SELECT owner FROM cases WHERE id = 1')).toEqual([
      { owner: 'grace' }
    ])
    await attack.scene.attack(await attack.commandMail('mallory'))
    expect(attack.commanders()).toEqual(['grace'])
  })
})
