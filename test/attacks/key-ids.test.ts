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
import {
  becomes,
  CASE,
  COMMANDS,
  cast,
  commanders,
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

const AT = new Date(msOf(START))
const PART = textPart(COMMANDS)

describeAttacks('attacks with the names of keys', () => {
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
    await openScene()
    const { grace, mallory } = cast
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
    expect(await scene.harm()).toEqual([])
  })

  it('12 key ids: a signature has the authority of the key that made it, whatever it says of its issuer', async () => {
    await openScene()
    const { grace, mallory } = cast
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
    expect(await scene.harm()).toEqual([])
  })

  it('12 key ids: /key accept takes a whole fingerprint and nothing less', async () => {
    await openScene()
    const whole = fingerprintOf(cast.mallory.secret)
    const id = whole.slice(24)
    for (const part of [id, whole.slice(32), `0x${id}`, whole.slice(0, 39)]) {
      const command = `case: ${CASE}\r\n\r\n/key accept ${part}`
      await becomes('commands-refused', await commandMail('grace', command))
    }
    expect(scene.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')).toEqual([
      { fingerprint: fingerprintOf(cast.alice.secret) }
    ])
  })

  /** In clear and sealed: nothing runs, and the message is put away as one without authority. */
  async function isRefused(signature: Uint8Array): Promise<void> {
    const entity = signedEntity(PART, armor(signature, 'SIGNATURE'))
    for (const raw of [mail('grace', entity, `Re: [${CASE}]`), await sealedMail('grace', entity)]) {
      await becomes('refused', raw)
    }
  }

  /** Mallory's certificate with the primary key of another person below it. */
  const hungBy = (victim: PrivateKey, binding: Binding): Promise<Uint8Array> =>
    withHungKey(cast.mallory.secret, victim.toPublic().keyPacket, 0, binding)

  it.each(['bare', 'signed back by the thief'] as const)(
    '12 stolen subkeys: what Alice signed and sealed is not taken for that of a thief who hung her key below his own, %s',
    async (binding) => {
      await openEmpty()
      const field = autocrypt(await hungBy(cast.alice.secret, binding), ADDRESSES.mallory)
      const stolen = await cast.seal(textPart(`The ${SECRET} of Alice.`), 'alice')
      await becomes('contradicts-sender', encryptedMail(stolen, head('mallory', '...', [field])))
      await nobodyReads()
      // Nor does it keep Alice from being recognised.
      const own = autocrypt(cast.alice.keyData, ADDRESSES.alice)
      await becomes('case-opened', encryptedMail(stolen, head('alice', '...', [own])))
      expect(await wordsTo('grace')).toContain(`The ${SECRET} of Alice.`)
    }
  )

  it('12 stolen subkeys: a maintainer keeps the authority of the key, and the thief gets none', async () => {
    await openScene()
    const field = autocrypt(
      await hungBy(cast.grace.secret, 'signed back by the thief'),
      ADDRESSES.mallory
    )
    const fields = head('mallory', 'hello', [field]).join('\r\n')
    await becomes('case-opened', `${fields}\r\n${textPart('A report.')}\r\n`)
    const words = textPart(`case: ${CASE}\r\n\r\n/take\r\n\r\n> ${await scene.ref('grace')}`)
    const entity = signedEntity(words, await cast.sign(words, 'grace'))
    await scene.attack(await sealedMail('mallory', entity))
    expect(commanders()).toEqual(['grace'])
    expect(scene.world.rows('SELECT owner FROM cases WHERE id = 1')).toEqual([{ owner: 'grace' }])
    await scene.attack(await commandMail('mallory'))
    expect(commanders()).toEqual(['grace'])
  })
})
