import { type PrivateKey, readKey, readPrivateKey, reformatKey } from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { addMs, instantFromMs } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import {
  addressOfUserId,
  classifyKey,
  generateDeskKey,
  inspectKey,
  readCertificate,
  unlockSecretKey
} from '../../../src/openpgp/keyring.ts'
import { withGpg } from '../../support/gpg-home.ts'
import { freshKey, KEY_MADE } from '../../support/keys.ts'
import { describeWith } from '../../support/requires.ts'

const NOW = instantFromMs(Date.UTC(2026, 10, 22))

describe('a certificate', () => {
  it('is told from a private key, which only its passphrase opens, and from anything else (G10)', async () => {
    const { privateArmored, publicArmored, fingerprint } = await generateDeskKey(
      { name: 'X', address: 'x@x.example' as Address, passphrase: 'p' },
      NOW
    )
    expect(classifyKey(publicArmored)).toBe('public')
    expect(classifyKey(privateArmored)).toBe('private')
    for (const junk of ['', 'hello', publicArmored + publicArmored, publicArmored.slice(0, 200)]) {
      expect(classifyKey(junk)).toBe('unreadable')
      expect(await inspectKey(junk, NOW)).toBeNull()
    }
    expect(await inspectKey(privateArmored, NOW)).toBeNull()
    expect(classifyKey(publicArmored.replaceAll('PUBLIC KEY', 'PRIVATE KEY'))).toBe('unreadable')
    expect(await unlockSecretKey(publicArmored, 'p')).toBe('public')
    expect(await unlockSecretKey('junk', 'p')).toBe('unreadable')
    expect(await unlockSecretKey(privateArmored, 'q')).toBe('wrong-passphrase')
    const unlocked = { fingerprint, wasLocked: true, isRsa: false }
    expect(await unlockSecretKey(privateArmored, 'p')).toMatchObject(unlocked)
  })

  it('is refused with more than 20 user ids or subkeys, before it is parsed', async () => {
    const userIDs = Array.from({ length: 21 }, (_, index) => ({ email: `a${index}@x.example` }))
    const subkeys = Array.from({ length: 21 }, () => ({}))
    const of = async (key: Promise<PrivateKey>): Promise<boolean> =>
      (await readCertificate((await key).toPublic().write())) !== null
    expect(await of(freshKey({ userIDs: userIDs.slice(1) }))).toBe(true)
    expect(await of(freshKey({ userIDs }))).toBe(false)
    expect(await of(freshKey({ subkeys: subkeys.slice(1) }))).toBe(true)
    expect(await of(freshKey({ subkeys }))).toBe(false)
  })

  it('(E21) is judged once at a moment, and anew at another and with another copy', async () => {
    const data = (await freshKey()).toPublic().write()
    const copy = (await freshKey()).toPublic().write()
    const first = await inspectKey(data, NOW)
    expect(first?.state).toBe('usable')
    expect(await inspectKey(data, NOW)).toBe(first)
    expect(await inspectKey(data, addMs(NOW, 1))).not.toBe(first)
    expect(await inspectKey(data, NOW, null, [copy])).not.toBe(first)
    expect(await inspectKey(data, NOW, 'nobody@x.example' as Address)).toBeNull()
  })

  it('is refused above 256 KiB', async () => {
    const key = (await freshKey()).toPublic().write()
    const padding = Buffer.concat([Buffer.from([0xd5, 0xff, 0, 4, 0, 0]), Buffer.alloc(256 * 1024)])
    expect(await readCertificate(Buffer.concat([key, padding]))).toBeNull()
  })

  it('expires at the instant that its facts say', async () => {
    const data = (await freshKey({ keyExpirationTime: 86_400 })).toPublic().write()
    const end = addMs(instantFromMs(KEY_MADE.getTime()), 86_400_000)
    expect(await inspectKey(data, addMs(end, -1000))).toMatchObject({
      state: 'usable',
      expiresAt: end
    })
    expect(await inspectKey(data, end)).toMatchObject({ state: 'expired', expiresAt: end })
  })

  it('is usable only if something can be encrypted to it: to no bad point, however well it is signed (B6, B10)', async () => {
    const key = await freshKey({ type: 'ecc', curve: 'curve25519Legacy' })
    const Q = Buffer.concat([Buffer.of(0x40), Buffer.alloc(32)])
    for (const { keyPacket } of key.subkeys) Object.assign(keyPacket.publicParams, { Q })
    const privateKey = await readPrivateKey({ binaryKey: key.write() })
    const signed = { privateKey, userIDs: [{ email: 'alice@x.example' }], date: KEY_MADE }
    const { publicKey } = await reformatKey({ ...signed, format: 'object' })
    expect((await inspectKey(publicKey.write(), NOW))?.state).toBe('cannot-encrypt')
  })

  it('keeps only the user ids of the address that is asked for', async () => {
    const userIDs = [{ email: 'mallory@evil.example' }, { email: 'alice@x.example' }]
    const data = (await freshKey({ userIDs })).toPublic().write()
    const only = await readCertificate(data, 'Alice@x.example' as Address)
    expect((await inspectKey(only?.keyData ?? data, NOW))?.addresses).toEqual(['alice@x.example'])
    expect(await readCertificate(data, 'bob@x.example' as Address)).toBeNull()
  })
})

describe('the address of a user id', () => {
  it.each([
    ['Alice <alice@x.example>', 'alice@x.example'],
    ['alice@X.example', 'alice@x.example'],
    ['<a@münchen.example>', 'a@xn--mnchen-3ya.example'],
    ['Alice <alice@x.example> <bob@x.example>', null],
    ['Alice <alice@x.example> x', null],
    ['alice@x.example bob@x.example', null],
    ['A\nB <alice@x.example>', null],
    ['\u202eA <alice@x.example>', null],
    ['"a b"@x.example', null],
    ['Alice', null]
  ])('%j is %s', (userId, expected) => {
    expect(addressOfUserId(userId)).toBe(expected)
  })
})

describeWith(['gpg'], 'a certificate of GnuPG', () => {
  let armored: Buffer
  let secret: Buffer
  let fingerprint: string
  beforeAll(async () => {
    await withGpg('', async (gpg) => {
      for (const name of ['Alice <alice@x.example>', 'Mallory <m@x.example>'])
        await gpg('--quick-generate-key', name, 'default', 'default', 'never')
      const listing = (await gpg('--with-colons', '--list-keys', 'alice@x.example')).toString()
      fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? ''
      await gpg('--default-key', 'm@x.example', '--quick-sign-key', fingerprint)
      armored = await gpg('--export', 'alice@x.example')
      secret = await gpg('--export-secret-keys', 'alice@x.example')
    })
  })

  it('loses third-party certifications and stays good', async () => {
    const config = CONFIG
    const before = await readKey({ armoredKey: armored.toString(), config })
    expect(before.users[0]?.otherCertifications).toHaveLength(1)

    const soon = instantFromMs(Date.now() + 60_000)
    const facts = await inspectKey(armored, soon)

    const after = await readKey({ binaryKey: facts?.keyData ?? new Uint8Array(), config })
    expect(after.users[0]?.otherCertifications).toHaveLength(0)
    expect(facts).toMatchObject({ state: 'usable', addresses: ['alice@x.example'] })
    expect(facts?.fingerprint).toBe(fingerprint.toLowerCase())
  })

  it('with its secret key is opened, and known to be RSA and to have had no passphrase', async () => {
    expect(await unlockSecretKey(secret, 'any')).toMatchObject({ wasLocked: false, isRsa: true })
  })
})
