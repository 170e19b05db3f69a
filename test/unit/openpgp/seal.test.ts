import {
  decrypt,
  enums,
  type PrivateKey,
  type PublicKey,
  readMessage,
  revokeKey,
  type SecretKeyPacket,
  type SubkeyOptions
} from 'openpgp'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Fingerprint } from '../../../src/domain/ids.ts'
import { addMs, type Instant, instantFromMs, msOf } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import { readCertificate, type SecretKey } from '../../../src/openpgp/keyring.ts'
import { sealMessage, signDetached } from '../../../src/openpgp/seal.ts'
import { testDesk } from '../../support/desk-identity.ts'
import { freshKey } from '../../support/keys.ts'

const now = instantFromMs(Date.now() - 60_000)
const DAY = 86_400_000
const payload = Buffer.from('Content-Type: text/plain\r\n\r\nthe secret text\r\n')

async function keyPair({
  at = addMs(now, -10 * DAY),
  ...options
}: {
  keyExpirationTime?: number
  subkeys?: SubkeyOptions[]
  at?: Instant
} = {}) {
  const privateKey = await freshKey({ ...options, date: new Date(msOf(at)) })
  return { privateKey, publicKey: privateKey.toPublic() }
}

const target = (key: PublicKey): { fingerprint: Fingerprint; keyData: Uint8Array } => ({
  fingerprint: key.getFingerprint() as Fingerprint,
  keyData: key.write()
})

type Changed = { hash?: number; cipher?: number; form?: number; point?: Buffer }

/** A key whose owner bound such a Curve25519 subkey. */
async function rebound({ hash, cipher, form, point }: Changed): Promise<PrivateKey> {
  const { privateKey } = await keyPair()
  const [subkey] = privateKey.subkeys
  const [binding] = subkey?.bindingSignatures ?? []
  if (subkey === undefined || binding === undefined) throw new Error('a key without a subkey')
  const { Q, kdfParams } = subkey.keyPacket.publicParams as {
    Q: Uint8Array
    kdfParams: { hash: number; cipher: number }
  }
  Object.assign(kdfParams, { hash: hash ?? kdfParams.hash, cipher: cipher ?? kdfParams.cipher })
  if (form !== undefined) Q[0] = form
  if (point !== undefined) Q.set(point, 1)
  // The library's types know of neither.
  const packet = subkey.keyPacket as unknown as { computeFingerprintAndKeyID: () => Promise<void> }
  await packet.computeFingerprintAndKeyID()
  binding.rawNotations = []
  const sign = binding.sign.bind(binding) as (...args: unknown[]) => Promise<void>
  const signed = { key: privateKey.keyPacket, bind: subkey.keyPacket }
  const date = new Date(msOf(addMs(now, -9 * DAY)))
  await sign(privateKey.keyPacket, signed, date, false, CONFIG)
  return privateKey
}

/** Why nothing is encrypted to this key; null where it is. */
async function refusal(to: ReturnType<typeof target>, at = now): Promise<string | null> {
  const sealed = await sealMessage([payload], to, desk, at)
  return sealed.kind === 'sealed' ? null : sealed.because
}

let desk: SecretKey
beforeAll(async () => {
  desk = (await testDesk(addMs(now, -30 * DAY))).keys.desk.signer
})

describe('sealing', () => {
  it('refuses a certificate that is not the pinned one', async () => {
    const [mine, other] = [await keyPair(), await keyPair()]
    const swapped = { ...target(mine.publicKey), keyData: other.publicKey.write() }
    expect(await refusal(swapped)).toBe('wrong-fingerprint')
  })

  it('refuses an expired key, but uses it until then', async () => {
    const { publicKey } = await keyPair({ keyExpirationTime: 20 * 86_400 })
    const to = target(publicKey)
    expect(await refusal(to, addMs(now, 9 * DAY))).toBeNull()
    expect(await refusal(to, addMs(now, 11 * DAY))).toBe('expired')
  })

  it('refuses a key whose encryption subkey has expired', async () => {
    const { publicKey } = await keyPair({ subkeys: [{ keyExpirationTime: 86_400 }] })
    expect(await refusal(target(publicKey))).toBe('expired')
  })

  it.each([0, 1, 2, 3])('refuses a revoked key (reason %i)', async (flag) => {
    const { privateKey } = await keyPair()
    const { publicKey } = await revokeKey({
      key: privateKey,
      reasonForRevocation: { flag },
      date: new Date(msOf(addMs(now, -DAY))),
      format: 'object'
    })
    expect(await refusal(target(publicKey))).toBe('revoked')
  })

  it('refuses anything but exactly one public key', async () => {
    const { privateKey, publicKey } = await keyPair()
    const { fingerprint, keyData } = target(publicKey)
    const bad = [
      Buffer.from('no key at all'),
      keyData.subarray(0, keyData.length / 2),
      privateKey.write(),
      Buffer.concat([keyData, target((await keyPair()).publicKey).keyData])
    ]
    for (const data of bad) {
      expect(await refusal({ fingerprint, keyData: data })).toBe('unreadable')
    }
    const nothing = { fingerprint, keyData: new Uint8Array(0) }
    expect(await refusal(nothing)).toBe('no-key')
  })

  it('refuses a key that is not valid yet', async () => {
    const { publicKey } = await keyPair({ at: addMs(now, DAY) })
    expect((await sealMessage([payload], target(publicKey), desk, now)).kind).toBe('refused')
  })

  it('is trouble, not a refusal, when the desk itself cannot sign', async () => {
    const { publicKey } = await keyPair()
    const { privateKey } = await keyPair({ keyExpirationTime: 86_400 })
    const ended = { ...desk, privateKey }
    const trouble = { name: 'Trouble', code: 'desk-key' }
    await expect(sealMessage([payload], target(publicKey), ended, now)).rejects.toMatchObject(
      trouble
    )
    await expect(signDetached(payload, ended, now)).rejects.toMatchObject(trouble)
  })

  it('E20: does not verify a known certificate again, but judges its time at each use', async () => {
    const { publicKey } = await keyPair({ keyExpirationTime: 20 * 86_400 })
    const { keyData } = (await readCertificate(publicKey.write())) ?? {}
    const to = { ...target(publicKey), keyData: keyData ?? Buffer.alloc(0) }
    const verify = vi.spyOn(crypto.subtle, 'verify')
    await refusal(target((await keyPair()).publicKey))
    verify.mockClear()
    expect(await refusal(to, addMs(now, 9 * DAY))).toBeNull()
    expect(await refusal(to, addMs(now, 11 * DAY))).toBe('expired')
    expect(verify).not.toHaveBeenCalled()
    verify.mockRestore()
  })

  it.each([0, 1, 100, 191, 192, 8378, 8383, 8384, 70_000])(
    'E20: writes packets of every length (%i bytes)',
    async (size) => {
      const { privateKey, publicKey } = await keyPair()
      const bytes = Buffer.alloc(size, 'a line\r\n')
      const pieces = [bytes.subarray(0, size / 2), bytes.subarray(size / 2)]
      const sealed = await sealMessage(pieces, target(publicKey), desk, now)
      if (sealed.kind !== 'sealed') throw new Error(sealed.because)
      const { data, signatures } = await decrypt({
        message: await readMessage({ binaryMessage: Buffer.concat([...sealed.ciphertext.chunks]) }),
        decryptionKeys: privateKey,
        verificationKeys: desk.privateKey.toPublic(),
        expectSigned: true,
        format: 'binary',
        date: new Date(msOf(now))
      })
      expect(Buffer.from(data)).toEqual(bytes)
      expect((await signatures[0]?.signature)?.packets[0]?.hashAlgorithm).toBe(enums.hash.sha512)
    }
  )

  it.each([
    ['SHA-256 and AES-128', 'sealed', { hash: enums.hash.sha256, cipher: enums.symmetric.aes128 }],
    [
      'SHA3-256 and AES-256',
      'sealed',
      { hash: enums.hash.sha3_256, cipher: enums.symmetric.aes256 }
    ],
    [
      'SHA-1, too short for AES-256',
      'refused',
      { hash: enums.hash.sha1, cipher: enums.symmetric.aes256 }
    ],
    ['a point in no known form', 'refused', { form: 0x41 }],
    ['a point of low order', 'refused', { point: Buffer.alloc(32) }]
  ])('E20: a key that names %s is %s', async (_what, outcome, changes: Changed) => {
    const privateKey = await rebound(changes)
    const sealed = await sealMessage([payload], target(privateKey.toPublic()), desk, now)
    expect(sealed.kind).toBe(outcome)
    if (sealed.kind !== 'sealed') return
    const { data } = await decrypt({
      message: await readMessage({ binaryMessage: Buffer.concat([...sealed.ciphertext.chunks]) }),
      decryptionKeys: privateKey,
      date: new Date(msOf(now)),
      format: 'binary'
    })
    expect(Buffer.from(data)).toEqual(payload)
  })

  it('E20: signs with SHA-256 for a key that does not name SHA-512', async () => {
    const { privateKey, publicKey } = await keyPair()
    const [certification] = publicKey.users[0]?.selfCertifications ?? []
    const primary = privateKey.keyPacket as SecretKeyPacket
    if (certification === undefined) throw new Error('a key without a certification')
    certification.preferredHashAlgorithms = [enums.hash.sha256]
    const signed = { userID: publicKey.users[0]?.userID, key: primary }
    const date = new Date(msOf(addMs(now, -9 * DAY)))
    certification.rawNotations = []
    // The library's types know of no user ids here, and of no configuration.
    const sign = certification.sign.bind(certification) as (...args: unknown[]) => Promise<void>
    await sign(primary, signed, date, false, CONFIG)
    const sealed = await sealMessage([payload], target(publicKey), desk, now)
    if (sealed.kind !== 'sealed') throw new Error(sealed.because)
    const read = await decrypt({
      message: await readMessage({ binaryMessage: Buffer.concat([...sealed.ciphertext.chunks]) }),
      decryptionKeys: privateKey,
      verificationKeys: desk.privateKey.toPublic(),
      expectSigned: true,
      date: new Date(msOf(now))
    })
    const [signature] = (await read.signatures[0]?.signature)?.packets ?? []
    expect(signature?.hashAlgorithm).toBe(enums.hash.sha256)
  })
})
