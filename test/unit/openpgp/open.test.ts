import {
  type AnyPacket,
  CompressedDataPacket,
  createMessage,
  encrypt,
  enums,
  generateKey,
  Message,
  PacketList,
  type PrivateKey,
  readKey,
  UnparseablePacket
} from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { instantFromMs } from '../../../src/domain/time.ts'
import { fullPgpConfig, pgpConfig } from '../../../src/openpgp/config.ts'
import { generateDeskKey } from '../../../src/openpgp/generate.ts'
import { type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { openMessage, ownKeyIds } from '../../../src/openpgp/open.ts'

const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const DATE = new Date(Date.UTC(2026, 10, 22))

describe('opening a message', () => {
  let secret: SecretKey
  let publicArmored: string
  beforeAll(async () => {
    const request = {
      name: 'X',
      address: 'x@x.example' as Address,
      passphrase: 'p',
      lifetimeSeconds: null
    }
    const keys = await generateDeskKey(request, instantFromMs(Date.UTC(2026, 0, 1)))
    publicArmored = keys.publicArmored
    const unlocked = await unlockSecretKey(keys.privateArmored, 'p')
    if (unlocked.kind !== 'unlocked') throw new Error('does not unlock')
    secret = unlocked.key
  })
  const seal = async (data: Uint8Array, wildcard = false): Promise<Uint8Array> =>
    encrypt({
      message: await createMessage({ binary: data, date: DATE }),
      encryptionKeys: await readKey({ armoredKey: publicArmored, config: pgpConfig(false) }),
      wildcard,
      date: DATE,
      format: 'binary',
      config: { ...pgpConfig(false), preferredCompressionAlgorithm: enums.compression.zlib }
    })
  const context = (): Parameters<typeof openMessage>[1] => ({
    secretKeys: [secret],
    certificates: [],
    now: NOW
  })

  it('returns the exact bytes', async () => {
    const data = Buffer.from([0, 13, 10, 10, 255])
    const opened = await openMessage(await seal(data), context())
    expect(opened.kind === 'opened' && Buffer.from(opened.data)).toEqual(data)
    expect(opened).toMatchObject({ verdicts: [], sealing: { sealedTo: 'desk' } })
  })

  /** Packets as they are, sealed to the desk. */
  const sealPackets = async (...packets: readonly AnyPacket[]): Promise<Uint8Array> => {
    const list = new PacketList<AnyPacket>()
    list.push(...packets)
    const config = fullPgpConfig(false)
    const key = await readKey({ armoredKey: publicArmored, config })
    const keys = [key] as unknown as PrivateKey[]
    const sealed = await new Message(list).encrypt(keys, [], undefined, false, [], DATE, [], config)
    return sealed.packets.write()
  }
  let literal: AnyPacket
  beforeAll(async () => {
    const { packets } = await createMessage({ binary: Buffer.from('x'), date: DATE })
    literal = packets[0] as AnyPacket
  })
  const compressed = (...packets: readonly AnyPacket[]): AnyPacket => {
    const packet = new CompressedDataPacket()
    const list = new PacketList<AnyPacket>()
    list.push(...packets)
    return Object.assign(packet, { packets: list, algorithm: enums.compression.zip })
  }
  const many = (tag: number): AnyPacket[] =>
    Array.from({ length: 300 }, () =>
      Object.assign(new UnparseablePacket(), { tag, rawContent: new Uint8Array(0) })
    )

  it('refuses hundreds of packets inside, plain or compressed', async () => {
    const { marker, padding, onePassSignature } = enums.packet
    for (const tag of [60, marker, padding, onePassSignature]) {
      for (const hostile of [[...many(tag), literal], [compressed(...many(tag), literal)]]) {
        expect(await openMessage(await sealPackets(...hostile), context())).toMatchObject({
          kind: 'failed',
          because: 'limit'
        })
      }
    }
    const few = [...many(60).slice(0, 100), compressed(...many(60).slice(0, 98), literal)]
    expect(await openMessage(await sealPackets(...few), context())).toMatchObject({
      kind: 'opened'
    })
  })

  it('is refused for compressions in each other', async () => {
    const nested = (depth: number): AnyPacket =>
      depth === 0 ? literal : compressed(nested(depth - 1))
    expect(await openMessage(await sealPackets(nested(1)), context())).toMatchObject({
      kind: 'opened'
    })
    expect(await openMessage(await sealPackets(nested(2)), context())).toMatchObject({
      kind: 'failed'
    })
  })

  it('decrypts for hidden recipients, and is not for us when none of them is ours', async () => {
    const hidden = await seal(Buffer.from('x'), true)
    expect(await openMessage(hidden, context())).toMatchObject({
      kind: 'opened',
      sealing: { sealedTo: 'hidden' }
    })
    const request = {
      name: 'Y',
      address: 'y@x.example' as Address,
      passphrase: 'p',
      lifetimeSeconds: null
    }
    const other = await unlockSecretKey((await generateDeskKey(request, NOW)).privateArmored, 'p')
    expect(
      await openMessage(hidden, {
        ...context(),
        secretKeys: other.kind === 'unlocked' ? [other.key] : []
      })
    ).toMatchObject({ kind: 'failed', because: 'not-for-us' })
    expect(await openMessage(hidden, { ...context(), secretKeys: [] })).toMatchObject({
      kind: 'failed'
    })
  })

  it('decrypts with any of several keys', async () => {
    const request = {
      name: 'Y',
      address: 'y@x.example' as Address,
      passphrase: 'p',
      lifetimeSeconds: null
    }
    const other = await unlockSecretKey((await generateDeskKey(request, NOW)).privateArmored, 'p')
    const keys = [...(other.kind === 'unlocked' ? [other.key] : []), secret]
    expect(ownKeyIds(keys).size).toBe(4)
    const sealed = await seal(Buffer.from('x'))
    expect(await openMessage(sealed, { ...context(), secretKeys: keys })).toMatchObject({
      kind: 'opened'
    })
  })

  it('returns nothing of a message that was changed anywhere', async () => {
    const sealed = await seal(Buffer.from('a secret of some length'))
    for (let at = 0; at < sealed.length; at += 3) {
      const changed = Uint8Array.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const opened = await openMessage(changed, context())
      expect(opened.kind, `byte ${at}`).toBe('failed')
      expect(opened).not.toHaveProperty('data')
    }
  })
})

describe('a desk with an RSA key', () => {
  let desk: SecretKey
  let mine: PrivateKey
  let stranger: PrivateKey
  const make = async (): Promise<PrivateKey> => {
    const { privateKey } = await generateKey({
      type: 'rsa',
      rsaBits: 2048,
      userIDs: [{ email: 'x@x.example' }],
      date: new Date(Date.UTC(2026, 0, 1)),
      format: 'object'
    })
    return privateKey
  }
  beforeAll(async () => {
    mine = await make()
  })
  beforeAll(async () => {
    stranger = await make()
  })
  beforeAll(async () => {
    // The desk's modulus is larger, so its key accepts the number that was encrypted to the stranger.
    const size = (key: PrivateKey): string =>
      Buffer.from(Object(key.getKeys()[1]?.keyPacket.publicParams).n).toString('hex')
    if (size(mine) < size(stranger)) [mine, stranger] = [stranger, mine]
    const unlocked = await unlockSecretKey(mine.armor(), '')
    if (unlocked.kind !== 'unlocked') throw new Error('does not unlock')
    desk = unlocked.key
  })
  const seal = async (...to: readonly PrivateKey[]): Promise<Uint8Array> =>
    encrypt({
      message: await createMessage({ binary: Buffer.from('a secret of some length'), date: DATE }),
      encryptionKeys: to.map((key) => key.toPublic()),
      wildcard: true,
      date: DATE,
      format: 'binary'
    })
  const open = (message: Uint8Array): ReturnType<typeof openMessage> =>
    openMessage(message, { secretKeys: [desk], certificates: [], now: NOW })

  it('is not a recipient of a message to other hidden recipients, and marks only the ciphertext', async () => {
    const sealed = await seal(stranger)
    const [first, second] = [await open(sealed), await open(sealed)]
    expect(first).toMatchObject({ kind: 'failed', because: 'not-for-us' })
    expect(first.sealing.marks).toHaveLength(1)
    expect(second.sealing.marks).toEqual(first.sealing.marks)
  })

  it('opens as one of several hidden recipients; each mark is the same one every time (G6)', async () => {
    const sealed = await seal(stranger, mine)
    const [first, second] = [await open(sealed), await open(sealed)]
    expect(first).toMatchObject({ kind: 'opened', sealing: { sealedTo: 'hidden' } })
    expect(first.sealing.marks).toHaveLength(2)
    expect(second.sealing.marks).toEqual(first.sealing.marks)
  })

  it('recognises a damaged message to it, also as hidden recipient, by its session key', async () => {
    const sealed = Uint8Array.from(await seal(mine))
    const whole = await open(sealed)
    sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
    const opened = await open(sealed)
    expect(opened).toMatchObject({ kind: 'failed', because: 'damaged' })
    expect(opened.sealing.strayMarks).toEqual([whole.sealing.marks[1]])
  })
})
