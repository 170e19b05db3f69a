import { createMessage, type PrivateKey, reformatKey, revokeKey, sign } from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
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
const publicOf = (key: PrivateKey): Uint8Array => key.toPublic().write()

describe('a verdict', () => {
  let key: PrivateKey
  let other: PrivateKey
  beforeAll(async () => {
    key = await makeKey()
    other = await makeKey()
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
