/** A certificate keeps only its own, verified signatures, and a flood of others causes no work. */
import { enums, type PrivateKey, reformatKey, revokeKey, SignaturePacket } from 'openpgp'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import { classifyKey, inspectKey, readCertificate } from '../../../src/openpgp/keyring.ts'
import { joined, type Packet, splitPackets } from '../../fuzz/packets.ts'
import { withForgedSignatures } from '../../support/forged-signatures.ts'
import { withGpg } from '../../support/gpg-home.ts'
import { freshKey } from '../../support/keys.ts'
import { describeWith } from '../../support/requires.ts'

const YEAR = 365 * 86_400
const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const ALICE = { name: 'Alice', email: 'alice@x.example' }
const config = CONFIG

let key: PrivateKey
let plain: Uint8Array

beforeAll(async () => {
  key = await freshKey({ date: new Date(Date.UTC(2000, 0, 1)) })
  plain = key.toPublic().write()
})
afterEach(() => {
  vi.restoreAllMocks()
})

/** The same key, its end moved once a year. */
async function extended(years: number): Promise<Buffer> {
  const all = splitPackets(plain)
  const found = [all.slice(0, 3), all.slice(3)] as const
  for (let year = 1; year <= years; year += 1) {
    const { publicKey } = await reformatKey({
      privateKey: key,
      userIDs: [ALICE],
      date: new Date(Date.UTC(2000 + year, 0, 1)),
      keyExpirationTime: (year + 2) * YEAR,
      format: 'object',
      config
    })
    const packets = splitPackets(publicKey.write())
    found[0].push(...packets.slice(2, 3))
    found[1].push(...packets.slice(4))
  }
  return joined(found.flat())
}

/** The same signature with a notation of one byte among its unsigned subpackets. */
function withUnsignedBytes({ tag, body }: Packet, byte: number): Packet {
  const at = 6 + body.readUInt16BE(4)
  const [length, notation] = [Buffer.alloc(2), Buffer.of(11, 20, 0, 0, 0, 0, 0, 1, 0, 1, 97, byte)]
  length.writeUInt16BE(body.readUInt16BE(at) + notation.length)
  return {
    tag,
    body: Buffer.concat([body.subarray(0, at), length, notation, body.subarray(at + 2)])
  }
}

/** How often the library verifies a signature while `work` is done. */
async function checksDuring(work: () => Promise<unknown>): Promise<number> {
  const verify = vi.spyOn(SignaturePacket.prototype, 'verify')
  await work()
  const { calls } = verify.mock
  verify.mockRestore()
  return calls.length
}

describe('the signatures of a certificate', () => {
  it('are not verified by the thousand: a key full of forged ones is refused unseen', async () => {
    const poisoned = withForgedSignatures(plain, 2000)
    expect(poisoned.length).toBeLessThan(256 * 1024)
    expect(classifyKey(poisoned)).toBe('public')
    const checks = await checksDuring(async () => {
      expect(await inspectKey(poisoned, NOW)).toBeNull()
      expect(await inspectKey(poisoned, NOW, ALICE.email as Address)).toBeNull()
    })
    expect(checks).toBe(0)
    const merging = await inspectKey(plain, NOW, null, [poisoned])
    expect(Buffer.from(merging?.keyData ?? []).equals(plain)).toBe(true)
  })

  it('that are forged are left out, and no later work meets them', async () => {
    const facts = await inspectKey(withForgedSignatures(plain, 100), NOW)
    expect(facts?.state).toBe('usable')
    expect(Buffer.from(facts?.keyData ?? []).equals(plain)).toBe(true)
  })

  it('that were copied with other unsigned bytes are kept once, so nobody else can fill a key with them', async () => {
    const [primary, userId, own, ...rest] = splitPackets(plain)
    if (primary === undefined || userId === undefined || own === undefined) throw new Error('?')
    const copies = Array.from({ length: 250 }, (_, index) => withUnsignedBytes(own, index))
    const filled = joined([primary, userId, ...copies, ...rest])
    const { key: read } = (await readCertificate(filled)) ?? {}
    expect(read?.users[0]?.selfCertifications).toHaveLength(1)
    expect((await inspectKey(plain, NOW, null, [filled]))?.keyData.length).toBeLessThan(1000)
  })

  it('that extend a key once a year for 20 years leave it good: the newest counts', async () => {
    const many = await extended(20)
    const facts = await inspectKey(many, NOW)
    expect(facts).toMatchObject({ state: 'expired', expiresAt: '2021-12-26T00:00:00.000Z' })
    expect(await inspectKey(many, instantFromMs(Date.UTC(2021, 5, 1)))).toMatchObject({
      state: 'usable'
    })
  })
})

describe('a revocation', () => {
  /** The packet by which the owner or a thief revokes the key from `year` on. */
  async function revocation(flag: number, year: number): Promise<Packet> {
    const { publicKey } = await revokeKey({
      key,
      date: new Date(Date.UTC(year, 0, 1)),
      reasonForRevocation: { flag },
      format: 'object',
      config
    })
    const [, packet] = splitPackets(publicKey.write())
    if (packet === undefined) throw new Error('no revocation')
    return packet
  }
  function withRevocations(...packets: readonly Packet[]): Buffer {
    const [primary, ...rest] = splitPackets(plain)
    return joined([...(primary === undefined ? [] : [primary]), ...packets, ...rest])
  }
  const { keyCompromised, keySuperseded } = enums.reasonForRevocation
  async function future(count: number): Promise<Packet[]> {
    const years = Array.from({ length: count }, (_, index) => 2099 - index)
    return Promise.all(years.map((year) => revocation(keySuperseded, year)))
  }

  it('of a stolen key is not pushed out by others that the thief dates into the future', async () => {
    const owners = await revocation(keyCompromised, 2020)
    const thiefs = await future(17)
    for (const all of [
      [...thiefs, owners],
      [owners, ...thiefs]
    ]) {
      expect((await inspectKey(withRevocations(...all), NOW))?.state).toBe('revoked')
    }
    const known = withRevocations(owners)
    const merged = await inspectKey(known, NOW, null, [withRevocations(...(await future(16)))])
    expect((await inspectKey(merged?.keyData ?? known, NOW))?.state).toBe('revoked')
    const turned = await inspectKey(withRevocations(...(await future(16))), NOW, null, [known])
    expect(turned?.state).toBe('revoked')
  })

  it('counts where a thief filled the known copy with as many signatures as a key may have (G3)', async () => {
    const full = await extended(149)
    expect((await inspectKey(full, NOW))?.state).not.toBe('revoked')
    const owners = withRevocations(await revocation(keyCompromised, 2020))
    const merged = await inspectKey(full, NOW, null, [owners])
    expect(merged?.state).toBe('revoked')
    expect((await inspectKey(merged?.keyData ?? full, NOW))?.state).toBe('revoked')
  })
})

describe('numbers of a key', () => {
  const RSA = 1
  const DSA = 17
  const keyOf = (algorithm: number, ...bitLengths: readonly number[]): Buffer => {
    const number = (bits: number): Buffer => {
      const bytes = Buffer.alloc(2 + Math.ceil(bits / 8), 0xff)
      bytes.writeUInt16BE(bits)
      return bytes
    }
    const head = Buffer.of(4, 0, 0, 0, 1, algorithm)
    const body = Buffer.concat([head, ...bitLengths.map(number)])
    return joined([{ tag: 6, body }, ...splitPackets(plain).slice(1)])
  }

  it.each([
    [RSA, [4096, 17], 'read'],
    [RSA, [8192, 32], 'read'],
    [RSA, [8200, 17], 'unreadable'],
    [RSA, [4096, 40], 'unreadable'],
    [RSA, [65_528, 65_528], 'unreadable'],
    [DSA, [3072, 256, 3072, 3072], 'read'],
    [DSA, [16_384, 256, 3072, 3072], 'unreadable']
  ])(
    'of algorithm %i and %j bits: %s, so that its signatures are no work for minutes',
    async (algorithm, bitLengths, expected) => {
      const facts = await inspectKey(keyOf(algorithm, ...bitLengths), NOW)
      expect(facts === null).toBe(expected === 'unreadable')
    }
  )
})

describeWith(['gpg'], 'a key of an algorithm that is accepted from nobody', () => {
  it('is not usable, and its signatures cost nothing', async () => {
    const exported = await withGpg('', async (gpg) => {
      await gpg('--quick-generate-key', 'alice@x.example', 'dsa1024', 'sign', 'never')
      return gpg('--export', 'alice@x.example')
    })
    const now = instantFromMs(Date.now() + 60_000)
    expect(classifyKey(exported)).toBe('public')
    const checks = await checksDuring(async () => {
      expect((await inspectKey(exported, now))?.state).toBe('cannot-encrypt')
      expect(await inspectKey(exported, now, ALICE.email as Address)).toBeNull()
    })
    expect(checks).toBe(0)
  })

  it('binds no subkey: its signature is not verified (G9)', async () => {
    const exported = await withGpg('', async (gpg) => {
      await gpg('--quick-generate-key', 'bob@x.example', 'ed25519', 'sign', 'never')
      const list = (await gpg('--list-keys', '--with-colons', 'bob@x.example')).toString()
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(list)?.[1] ?? ''
      await gpg('--quick-add-key', fingerprint, 'dsa2048', 'sign')
      return gpg('--export', 'bob@x.example')
    })
    const checks = await checksDuring(async () => {
      expect((await readCertificate(exported))?.key.subkeys).toEqual([])
    })
    // That of the user id.
    expect(checks).toBe(1)
  })
})
