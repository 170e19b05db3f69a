/** What an RSA desk key says of a message that it did not open: whether that is sound, whatever the key and the packets. */
import { createMessage, encrypt, encryptSessionKey, generateKey, type PrivateKey } from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { hasUnopenedRsa } from '../../../src/openpgp/rsa-cipher.ts'

/** Key lengths in bytes. */
const CIPHERS = [
  ['tripledes', 24, true],
  ['cast5', 16, true],
  ['blowfish', 16, true],
  ['twofish', 32, true],
  ['aes128', 16, false],
  ['aes256', 32, false]
] as const

describe('a session key that an RSA desk key did not open', () => {
  let key: PrivateKey
  let desk: SecretKey
  beforeAll(async () => {
    key = (
      await generateKey({
        type: 'rsa',
        rsaBits: 2048,
        userIDs: [{ email: 'x@x.example' }],
        format: 'object'
      })
    ).privateKey
  })
  beforeAll(async () => {
    const unlocked = await unlockSecretKey(key.armor(), '')
    if (unlocked.kind !== 'unlocked') throw new Error('does not unlock')
    desk = unlocked.key
  })
  const sealed = async (algorithm: string, size: number): Promise<Uint8Array> =>
    encryptSessionKey({
      data: Buffer.alloc(size, 7),
      algorithm: algorithm as 'aes256',
      encryptionKeys: key.toPublic(),
      format: 'binary'
    })
  /** The desk's key with some of its numbers changed. */
  const changed = (numbers: Record<string, Uint8Array>): SecretKey => {
    const keys = desk.privateKey.getKeys().map(({ keyPacket }) => ({
      keyPacket: {
        algorithm: keyPacket.algorithm,
        publicParams: Object(keyPacket.publicParams),
        privateParams: { ...Object(Reflect.get(keyPacket, 'privateParams')), ...numbers }
      }
    }))
    return { ...desk, privateKey: { getKeys: () => keys } as never }
  }

  it.each(CIPHERS)('is sound for %s with %i bytes: %s', async (algorithm, size, isSound) => {
    expect(hasUnopenedRsa(await sealed(algorithm, size), [desk])).toBe(isSound)
  })

  it('is not valid when one of its bytes was changed, and no other message is', async () => {
    const damaged = Uint8Array.from(await sealed('tripledes', 24))
    damaged[100] = (damaged[100] ?? 0) ^ 1
    expect(hasUnopenedRsa(damaged, [desk])).toBe(false)
    expect(hasUnopenedRsa(new Uint8Array(0), [desk])).toBe(false)
    expect(hasUnopenedRsa(await sealed('tripledes', 24), [])).toBe(false)
    const whole = await encrypt({
      message: await createMessage({ binary: Buffer.from('x') }),
      encryptionKeys: key.toPublic(),
      format: 'binary'
    })
    expect(hasUnopenedRsa(whole, [desk])).toBe(false)
  })

  it.each<[string, Record<string, Uint8Array>]>([
    ['a prime that is one', { p: Uint8Array.of(1) }],
    ['a prime without a byte', { q: new Uint8Array(0) }]
  ])('is unknown for a key that node:crypto refuses: %s', async (_, numbers) => {
    const message = await sealed('tripledes', 24)
    expect(hasUnopenedRsa(message, [changed({})])).toBe(true)
    expect(hasUnopenedRsa(message, [changed(numbers)])).toBe(false)
  })
})
