import {
  createMessage,
  enums,
  PacketList,
  type PrivateKey,
  reformatKey,
  revokeKey,
  type SecretKeyPacket,
  SignaturePacket,
  sign
} from 'openpgp'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { addMs, type Instant, instantFromMs } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import { type Verdict, verifyDetached } from '../../../src/openpgp/verify.ts'
import { withHungKey } from '../../support/hung-key.ts'
import { freshKey, KEY_MADE } from '../../support/keys.ts'

const MADE = KEY_MADE.getTime()
const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const DATA = Buffer.from('I agree.\r\n')
const config = CONFIG

const makeKey = (keyExpirationTime = 0, subkeyLifetime = 0): Promise<PrivateKey> =>
  freshKey({ keyExpirationTime, subkeys: [{ sign: true, keyExpirationTime: subkeyLifetime }] })

/** The same key with self-signatures that set no end. */
async function unlimitedCopy(privateKey: PrivateKey): Promise<PrivateKey> {
  const { privateKey: copy } = await reformatKey({
    privateKey,
    userIDs: [{ email: 'alice@x.example' }],
    date: KEY_MADE,
    format: 'object',
    config
  })
  return copy
}

async function signBy(
  key: PrivateKey,
  at = MADE + 3_600_000,
  data: Uint8Array = DATA
): Promise<Uint8Array> {
  const date = new Date(at)
  const message = await createMessage({ binary: data, date })
  return sign({ message, signingKeys: key, detached: true, format: 'binary', date, config })
}

async function judge(
  signature: Uint8Array,
  certificates: readonly Uint8Array[],
  now: Instant = NOW,
  data: Uint8Array = DATA
): Promise<readonly Verdict[]> {
  return (await verifyDetached(data, signature, { certificates, now })) ?? []
}
type Signer = { sign(...of: readonly unknown[]): Promise<void> }
const publicOf = (key: PrivateKey): Uint8Array => key.toPublic().write()

describe('a verdict', () => {
  let key: PrivateKey
  let other: PrivateKey
  beforeAll(async () => {
    key = await makeKey()
    other = await makeKey()
  })

  it('over a text is for its lines, whatever ends them, also between the pieces in which it is read', async () => {
    const text = `${'x'.repeat(2 ** 16 - 1)}\r\nb\n\nc\r\r\n`
    const date = new Date(MADE + 3_600_000)
    const message = await createMessage({ text, date })
    const how = { signingKeys: key, detached: true, format: 'binary', date, config } as const
    const signature = await sign({ message, ...how })
    const states = async (said: string) =>
      (await judge(signature, [publicOf(key)], NOW, Buffer.from(said))).map(({ state }) => state)
    expect(await states(text)).toEqual(['valid'])
    expect(await states(text.replaceAll(/(?<!\r)\n/g, '\r\n'))).toEqual(['valid'])
    expect(await states(text.replace('b', 'B'))).toEqual(['bad'])
  })

  it('is valid under the one certificate that made it, and names its primary key', async () => {
    const verdicts = await judge(await signBy(key), [publicOf(other), publicOf(key)])
    expect(verdicts).toMatchObject([
      { state: 'valid', fingerprint: key.getFingerprint(), createdAt: '2026-01-01T01:00:00.000Z' }
    ])
    expect(verdicts[0]?.issuer).not.toBe(key.getFingerprint()) // a subkey signed
  })

  it('is unknown, bad or unreadable otherwise', async () => {
    const signature = await signBy(key)
    expect(await judge(signature, [publicOf(other)])).toMatchObject([
      { state: 'unknown-key', fingerprint: null }
    ])
    expect(
      await judge(signature, [publicOf(key)], NOW, Buffer.from('I disagree.\r\n'))
    ).toMatchObject([{ state: 'bad', fingerprint: null }])
    expect(await judge(Buffer.from('junk'), [publicOf(key)])).toMatchObject([
      { state: 'bad', issuer: '' }
    ])
    expect(await judge(signature.subarray(0, 40), [publicOf(key)])).toMatchObject([
      { state: 'bad' }
    ])
  })

  it('(A4) is verified once where its digest is strong, also when it does not match', async () => {
    const signature = await signBy(key)
    const verify = vi.spyOn(SignaturePacket.prototype, 'verify')
    await judge(signature, [publicOf(key)], NOW, Buffer.from('I disagree.\r\n'))
    const ofData = verify.mock.calls.filter(([, type]) => type === enums.signature.binary)
    expect(ofData).toHaveLength(1)
    verify.mockRestore()
  })

  it('is unknown to a certificate to which its key was merely attached', async () => {
    for (const signer of [key.keyPacket, key.getSubkeys()[0]?.keyPacket ?? key.keyPacket]) {
      for (const endsAfter of [0, 60]) {
        const hung = await withHungKey(other, signer, endsAfter)
        const signature = await signBy(key)
        const unknown = [{ state: 'unknown-key', fingerprint: null }]
        expect(await judge(signature, [hung])).toMatchObject(unknown)
        const fingerprint = key.getFingerprint()
        expect(await judge(signature, [hung, publicOf(key)])).toMatchObject([
          { state: 'valid', fingerprint }
        ])
      }
    }
  })

  it('is bad when the signature is from the future', async () => {
    expect(await judge(await signBy(key, Date.UTC(2026, 10, 23)), [publicOf(key)])).toMatchObject([
      { state: 'bad' }
    ])
  })

  it('judges every signature separately', async () => {
    const both = Buffer.concat([await signBy(key), await signBy(other)])
    const verdicts = await judge(both, [publicOf(key)])
    expect(verdicts.map((each) => each.state)).toEqual(['valid', 'unknown-key'])
  })

  it('is refused for more than eight signatures', async () => {
    const one = await signBy(key)
    const many = Buffer.concat(Array.from({ length: 9 }, () => one))
    expect(await verifyDetached(DATA, many, { certificates: [], now: NOW })).toBeNull()
  })

  it('is expired when the key or its signing subkey has expired since', async () => {
    for (const expiring of [await makeKey(86_400), await makeKey(0, 86_400)]) {
      const signature = await signBy(expiring)
      const data = publicOf(expiring)
      const end = addMs(instantFromMs(MADE), 86_400_000)
      expect(await judge(signature, [data], addMs(end, -1000))).toMatchObject([{ state: 'valid' }])
      expect(await judge(signature, [data], addMs(end, 1000))).toMatchObject([
        { state: 'expired-key', stateThen: 'valid', fingerprint: expiring.getFingerprint() }
      ])
    }
  })

  it('is not valid at its own date either when the key had expired before', async () => {
    const expiring = await makeKey(86_400)
    const unlimited = await unlimitedCopy(expiring)
    const signature = await signBy(unlimited, MADE + 2 * 86_400_000)
    const now = addMs(instantFromMs(MADE), 3 * 86_400_000)
    expect(await judge(signature, [publicOf(unlimited)], now)).toMatchObject([{ state: 'valid' }])
    expect(await judge(signature, [publicOf(expiring)], now)).toMatchObject([
      { state: 'expired-key', stateThen: 'expired-key' }
    ])
  })

  it.each([
    [1, 'valid'],
    [3, 'valid'],
    [2, 'revoked-key'],
    [0, 'revoked-key']
  ] as const)('is revoked for every reason (%i), and by its own date %s', async (flag, then) => {
    const { privateKey } = await revokeKey({
      key,
      reasonForRevocation: { flag },
      date: new Date(MADE + 7_200_000),
      format: 'object',
      config
    })
    expect(await judge(await signBy(key), [publicOf(privateKey)])).toMatchObject([
      { state: 'revoked-key', stateThen: then, fingerprint: key.getFingerprint() }
    ])
    const later = await signBy(key, MADE + 10_800_000)
    expect(await judge(later, [publicOf(privateKey)])).toMatchObject([
      { state: 'revoked-key', stateThen: 'revoked-key' }
    ])
  })

  it.each([
    [1, 'valid'],
    [3, 'valid'],
    [2, 'revoked-key'],
    [0, 'revoked-key']
  ] as const)(
    '(D19) is of a revoked key, not a mismatch, when the subkey was revoked for reason %i, and by its own date %s',
    async (flag, then) => {
      const owner = await makeKey(0, 0)
      const keyPacket = owner.keyPacket as SecretKeyPacket
      const revoked = owner.toPublic()
      revoked.subkeys = await Promise.all(
        revoked.subkeys.map((part) => part.revoke(keyPacket, { flag }, new Date(MADE + 7_200_000)))
      )
      const data = revoked.write()
      const later = await signBy(owner, MADE + 10_800_000)
      expect(await judge(later, [data])).toMatchObject([
        { state: 'revoked-key', stateThen: 'revoked-key' }
      ])
      const fingerprint = owner.getFingerprint()
      for (const signature of [await signBy(owner), await signBy(owner)])
        expect(await judge(signature, [data])).toMatchObject([
          { state: 'revoked-key', stateThen: then, fingerprint }
        ])
    }
  )

  it('(G4) is of a revoked key, though a copy without the revocation brings the part that made it', async () => {
    const { privateKey: stolen } = await revokeKey({
      key,
      date: new Date(MADE),
      format: 'object',
      config
    })
    const more = await key.addSubkey({ sign: true, date: new Date(MADE + 1000), config })
    const signature = await signBy(more)
    expect(await judge(signature, [publicOf(more)])).toMatchObject([{ state: 'valid' }])
    const fingerprint = key.getFingerprint()
    // What the desk knows goes first.
    expect(await judge(signature, [publicOf(stolen), publicOf(more)])).toMatchObject([
      { state: 'revoked-key', fingerprint }
    ])
  })

  it('(D19) is valid when its owner has extended the key since: all self-signatures are newer', async () => {
    const extended = await reformatKey({
      privateKey: key,
      userIDs: [{ email: 'alice@x.example' }],
      date: new Date(MADE + 86_400_000),
      format: 'object',
      config
    })
    expect(await judge(await signBy(key), [publicOf(extended.privateKey)])).toMatchObject([
      { state: 'valid', stateThen: 'valid' }
    ])
  })

  it('(D19) dated when the key was expired is of an expired key, not a mismatch', async () => {
    const expiring = await makeKey(86_400)
    const unlimited = await unlimitedCopy(expiring)
    const signature = await signBy(unlimited, MADE + 2 * 86_400_000)
    const renewed = await reformatKey({
      privateKey: expiring,
      userIDs: [{ email: 'alice@x.example' }],
      date: new Date(MADE + 3 * 86_400_000),
      format: 'object',
      config
    })
    const both = await expiring.toPublic().update(renewed.privateKey.toPublic(), undefined, config)
    expect(await judge(signature, [both.write()])).toMatchObject([
      { state: 'expired-key', stateThen: 'expired-key' }
    ])
  })

  it('(D19) names the first address among the user ids of its key', async () => {
    const [verdict] = await judge(await signBy(key), [publicOf(key)])
    expect(verdict?.signer).toMatch(/^[^@]+@[^@]+$/)
    const [unknown] = await judge(await signBy(other), [publicOf(key)])
    expect(unknown?.signer).toBe('')
  })

  it('(D19) with a digest that can be forged is weak where it matches, and bad where it does not', async () => {
    const rsa = await freshKey({ type: 'rsa', rsaBits: 2048, subkeys: [] })
    // The library makes none, so that its packet is filled by hand.
    const { signature: types, hash } = enums
    const packet = Object.assign(new SignaturePacket(), {
      signatureType: types.binary,
      publicKeyAlgorithm: rsa.keyPacket.algorithm,
      hashAlgorithm: hash.sha1
    })
    const [literal] = (await createMessage({ binary: DATA, date: KEY_MADE })).packets
    const made = new Date(MADE + 3_600_000)
    await (packet as unknown as Signer).sign(rsa.keyPacket, literal, made, true, {
      ...config,
      nonDeterministicSignaturesViaNotation: false
    })
    const packets = new PacketList<SignaturePacket>()
    packets.push(packet)
    const signature = packets.write()
    const states = async (data: Uint8Array): Promise<unknown> =>
      (await judge(signature, [publicOf(rsa)], NOW, data)).map(({ state }) => state)
    expect(await states(DATA)).toEqual(['weak-digest'])
    expect(await states(Buffer.from('other'))).toEqual(['bad'])
  })

  it('(D19) by a short RSA key is weak', async () => {
    const short = { ...config, minRSABits: 1024 }
    const rsa = await freshKey({ type: 'rsa', rsaBits: 1024, subkeys: [], config: short })
    const message = await createMessage({ binary: DATA, date: KEY_MADE })
    const made = await sign({
      message,
      signingKeys: rsa,
      detached: true,
      format: 'binary',
      date: new Date(MADE + 3_600_000),
      config: short
    })
    expect(await judge(made, [publicOf(rsa)])).toMatchObject([{ state: 'weak-key' }])
    expect(await judge(made, [publicOf(rsa)], NOW, Buffer.from('other'))).toMatchObject([
      { state: 'bad' }
    ])
  })

  it.each([
    ['version 3', [3, 5, 0, 0, 0, 0, 0], 'old-version'],
    ['a version to come', [9, 0, 22, 8], 'unsupported'],
    ['an algorithm to come', [4, 0, 99, 8, 0, 0, 0, 0, 0, 0], 'unsupported'],
    ['broken numbers', [4, 0, 22, 8, 0, 0, 0, 0, 0, 0], 'bad']
  ])('(D19) of %s has a state of its own', async (_, body, state) => {
    const packet = Buffer.from([0xc2, body.length, ...body])
    expect(await judge(packet, [publicOf(key)])).toMatchObject([{ state }])
  })

  it('has a different identity for every signature and every content', async () => {
    const identities = new Set<string>()
    for (const data of [DATA, Buffer.from('other')]) {
      const [verdict] = await judge(
        await signBy(key, MADE + 3_600_000, data),
        [publicOf(key)],
        NOW,
        data
      )
      expect(verdict?.state).toBe('valid')
      identities.add(verdict?.sha256 ?? '')
    }
    expect(identities.size).toBe(2)
  })
})
