import { generateKey, type PrivateKey, readKey } from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { addMs, instantFromMs } from '../../../src/domain/time.ts'
import { pgpConfig } from '../../../src/openpgp/config.ts'
import { generateDeskKey } from '../../../src/openpgp/generate.ts'
import {
  addressOfUserId,
  classifyKey,
  inspectKey,
  readCertificate,
  unlockSecretKey
} from '../../../src/openpgp/keyring.ts'
import { makeGnupg } from '../../support/people-gpg.ts'
import { run } from '../../support/programs.ts'
import { describeWith } from '../../support/requires.ts'
import { tempFolder } from '../../support/temp.ts'

const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const DATE = new Date(Date.UTC(2026, 0, 1))

async function makeKey(
  options: {
    readonly names?: readonly string[]
    readonly lifetime?: number
    readonly subkeys?: number
  } = {}
): Promise<PrivateKey> {
  const names = options.names ?? ['alice@x.example']
  const { privateKey } = await generateKey({
    userIDs: names.map((email) => ({ name: 'Somebody', email })),
    date: DATE,
    keyExpirationTime: options.lifetime ?? 0,
    ...(options.subkeys === undefined
      ? {}
      : { subkeys: Array.from({ length: options.subkeys }, () => ({})) }),
    format: 'object',
    config: pgpConfig(false)
  })
  return privateKey
}

describe('a certificate', () => {
  it('is told from a private key and from anything else', async () => {
    const { privateArmored, publicArmored } = await generateDeskKey(
      { name: 'X', address: 'x@x.example' as Address, passphrase: 'p', lifetimeSeconds: null },
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
    expect((await unlockSecretKey(publicArmored, 'p')).kind).toBe('public')
    expect((await unlockSecretKey('junk', 'p')).kind).toBe('unreadable')
    expect((await unlockSecretKey(privateArmored, 'q')).kind).toBe('wrong-passphrase')
  })

  it('is refused with more than 20 user ids or subkeys, before it is parsed', async () => {
    const names = (count: number): string[] =>
      Array.from({ length: count }, (_, index) => `a${index}@x.example`)
    const of = async (key: Promise<PrivateKey>): Promise<boolean> =>
      (await readCertificate((await key).toPublic().write())) !== null
    expect(await of(makeKey({ names: names(20) }))).toBe(true)
    expect(await of(makeKey({ names: names(21) }))).toBe(false)
    expect(await of(makeKey({ subkeys: 20 }))).toBe(true)
    expect(await of(makeKey({ subkeys: 21 }))).toBe(false)
  })

  it('is refused above 256 KiB', async () => {
    const key = (await makeKey()).toPublic().write()
    const padding = Buffer.concat([Buffer.from([0xd5, 0xff, 0, 4, 0, 0]), Buffer.alloc(256 * 1024)])
    expect(await readCertificate(Buffer.concat([key, padding]))).toBeNull()
  })

  it('expires at the instant that its facts say', async () => {
    const data = (await makeKey({ lifetime: 86_400 })).toPublic().write()
    const end = addMs(instantFromMs(DATE.getTime()), 86_400_000)
    expect(await inspectKey(data, addMs(end, -1000))).toMatchObject({
      state: 'usable',
      expiresAt: end
    })
    expect(await inspectKey(data, end)).toMatchObject({ state: 'expired', expiresAt: end })
  })

  it('keeps only the user ids of the address that is asked for', async () => {
    const data = (await makeKey({ names: ['mallory@evil.example', 'alice@x.example'] }))
      .toPublic()
      .write()
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
  const folder = tempFolder('kr-')
  const base = [
    '--homedir',
    folder.path,
    '--batch',
    '--no-tty',
    '--quiet',
    '--passphrase',
    '',
    '--pinentry-mode',
    'loopback'
  ]
  let armored: string
  beforeAll(async () => {
    for (const name of ['Alice <alice@x.example>', 'Mallory <m@x.example>']) {
      await run('gpg', [...base, '--quick-generate-key', name, 'default', 'default', 'never'])
    }
    await run('gpg', [
      ...base,
      '--default-key',
      'm@x.example',
      '--quick-sign-key',
      await fingerprintOf('alice@x.example')
    ])
    armored = (await run('gpg', [...base, '-a', '--export', 'alice@x.example'])).stdout.toString()
    return async () => {
      await run('gpgconf', ['--homedir', folder.path, '--kill', 'all'])
      folder.remove()
    }
  })
  const fingerprintOf = async (name: string): Promise<string> => {
    const listing = (
      await run('gpg', [...base, '--with-colons', '--list-keys', name])
    ).stdout.toString()
    return /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? ''
  }

  it('loses third-party certifications and stays good', async () => {
    const config = pgpConfig(false)
    const before = await readKey({ armoredKey: armored, config })
    expect(before.users[0]?.otherCertifications).toHaveLength(1)

    const soon = instantFromMs(Date.now() + 60_000)
    const facts = await inspectKey(armored, soon)

    const after = await readKey({ binaryKey: facts?.keyData ?? new Uint8Array(), config })
    expect(after.users[0]?.otherCertifications).toHaveLength(0)
    expect(facts).toMatchObject({ state: 'usable', addresses: ['alice@x.example'] })
    expect(facts?.fingerprint).toBe((await fingerprintOf('alice@x.example')).toLowerCase())
  })

  it('with its secret key opens with its passphrase only', async () => {
    const person = await makeGnupg({ name: 'Locked', address: 'l@x.example', passphrase: 'sesame' })
    expect(
      await inspectKey(await person.exportPublicKey(), instantFromMs(Date.now() + 60_000))
    ).toMatchObject({
      fingerprint: person.fingerprint
    })
    await person.close()
    const secret = (await run('gpg', [...base, '-a', '--export-secret-keys', 'alice@x.example']))
      .stdout
    expect(await unlockSecretKey(secret, 'any')).toMatchObject({
      kind: 'unlocked',
      key: { wasLocked: false, isRsa: true }
    })
  })
})
