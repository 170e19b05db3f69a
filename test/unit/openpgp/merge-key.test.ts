/** Two copies of one certificate become one that has lost nothing, whoever brought the other copy. */
import * as openpgp from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type KeyFacts } from '../../../src/domain/outgoing.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import { inspectKey, readCertificate } from '../../../src/openpgp/keyring.ts'
import { freshKey } from '../../support/keys.ts'

const LATER = new Date(Date.UTC(2026, 5, 1))
const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const YEAR = 365 * 86_400
const config = CONFIG
const ALICE = { name: 'Alice', email: 'alice@x.example' }

let key: openpgp.PrivateKey
let known: Uint8Array

const make = (): Promise<openpgp.PrivateKey> =>
  freshKey({ keyExpirationTime: 2 * YEAR, subkeys: [{}, { sign: true }] })

/** The same key with other user ids or another end. */
async function again(users: (typeof ALICE)[], lifetime: number): Promise<openpgp.PublicKey> {
  const { publicKey } = await openpgp.reformatKey({
    privateKey: key,
    userIDs: users,
    date: LATER,
    keyExpirationTime: lifetime,
    format: 'object',
    config
  })
  return publicKey
}

/** Facts of the known copy with another one; null when that adds nothing. */
async function merge(one: Uint8Array, other: Uint8Array): Promise<KeyFacts | null> {
  const facts = await inspectKey(one, NOW, null, [other])
  const own = (await parsed(one)).write()
  return facts === null || Buffer.from(own).equals(facts.keyData) ? null : facts
}

async function parsed(data: Uint8Array): Promise<openpgp.Key> {
  const certificate = await readCertificate(data)
  if (certificate === null) throw new Error('unreadable')
  return certificate.key
}

/** A copy of the key that somebody changed. */
async function changed(change: (copy: openpgp.Key) => void): Promise<Uint8Array> {
  const copy = await parsed(known)
  change(copy)
  return copy.write()
}

function forge(signature: openpgp.SignaturePacket | undefined): openpgp.SignaturePacket {
  if (signature === undefined) throw new Error('bad test data')
  const copy = Object.assign(
    Object.create(Object.getPrototypeOf(signature) as object),
    signature
  ) as openpgp.SignaturePacket
  const data = Uint8Array.from(copy.signatureData ?? [])
  copy.signatureData = data
  copy.created = LATER
  // The creation time is the first hashed subpacket: critical, type 2, five bytes long. Later ones hold random bytes.
  const four = Buffer.from(data).indexOf(Buffer.from([5, 0x82])) + 2
  Buffer.from(data.buffer).writeUInt32BE(LATER.getTime() / 1000, four)
  return copy
}

beforeAll(async () => {
  key = await make()
  known = key.toPublic().write()
})

describe('copies of one key', () => {
  it('remove nothing: a stripped or an equal copy adds nothing', async () => {
    const stripped = await changed((copy) => {
      copy.subkeys = []
    })
    expect((await inspectKey(stripped, NOW))?.state).toBe('cannot-encrypt')
    expect(await merge(known, stripped)).toBeNull()
    expect(await merge(known, known)).toBeNull()
    expect((await merge(stripped, known))?.state).toBe('usable')
  })

  it('are not copies when they are another key, or no key at all', async () => {
    expect(await merge(known, (await make()).toPublic().write())).toBeNull()
    expect(await merge(known, Buffer.from('no key'))).toBeNull()
    expect(await merge(known, key.write())).toBeNull()
  })

  it('bring a new expiry date, in either order', async () => {
    const longer = (await again([ALICE], 9 * YEAR)).write()
    const both = await merge(known, longer)
    const turned = await merge(longer, known)

    expect(both?.expiresAt).toBe((await inspectKey(longer, NOW))?.expiresAt)
    expect(both?.expiresAt).not.toBe((await inspectKey(known, NOW))?.expiresAt)
    expect(turned?.expiresAt).toBe(both?.expiresAt)
    const { users, subkeys } = await parsed(both?.keyData ?? known)
    expect(users[0]?.selfCertifications).toHaveLength(2)
    expect(subkeys.map(({ bindingSignatures }) => bindingSignatures.length)).toEqual([1, 1])
  })

  it('do not bring a revocation by another key', async () => {
    const { publicKey } = await openpgp.revokeKey({
      key: await make(),
      date: LATER,
      format: 'object',
      config
    })
    const forged = await changed((copy) => {
      copy.revocationSignatures = publicKey.revocationSignatures
    })

    expect(await merge(known, forged)).toBeNull()
  })

  it('do not bring a signature that was altered to look newer', async () => {
    const forged = await changed((copy) => {
      for (const subkey of copy.subkeys)
        subkey.bindingSignatures = subkey.bindingSignatures.map(forge)
      for (const user of copy.users) user.selfCertifications = user.selfCertifications.map(forge)
    })
    const { subkeys } = await openpgp.readKey({ binaryKey: forged, config })
    expect(subkeys[0]?.bindingSignatures[0]?.created).toEqual(LATER)

    expect(await merge(known, forged)).toBeNull()
  })

  it('do not bring a subkey or user id that the owner did not sign, nor one with another address', async () => {
    const other = await make()
    const forged = await changed((copy) => {
      copy.subkeys = [...copy.subkeys, ...other.toPublic().subkeys]
      copy.users = [...copy.users, ...other.toPublic().users]
    })
    expect(await merge(known, forged)).toBeNull()
    const named = await again(
      [ALICE, { ...ALICE, name: 'A.' }, { name: 'B', email: 'b@x.example' }],
      0
    )
    const merged = await merge(known, named.write())
    expect((await parsed(merged?.keyData ?? known)).getUserIDs().sort()).toEqual([
      'A. <alice@x.example>',
      'Alice <alice@x.example>'
    ])
  })

  it('heal each other: a signature that is broken in the known one is whole again', async () => {
    const whole = (await parsed(known)).write()
    // The last packet is the binding signature of the last subkey.
    const broken = Uint8Array.from(whole)
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
    const healed = await merge(broken, whole)

    expect(Buffer.from(healed?.keyData ?? broken).equals(whole)).toBe(true)
  })
})
