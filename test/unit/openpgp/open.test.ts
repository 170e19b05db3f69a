import { randomBytes } from 'node:crypto'
import {
  type AnyPacket,
  CompressedDataPacket,
  createMessage,
  encrypt,
  enums,
  Message,
  PacketList,
  type PrivateKey,
  readKey,
  UnparseablePacket
} from 'openpgp'
import { beforeAll, describe, expect, it } from 'vitest'
import { instantFromMs } from '../../../src/domain/time.ts'
import { CONFIG } from '../../../src/openpgp/config.ts'
import { type SecretKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { openMessage } from '../../../src/openpgp/open.ts'
import { walkPackets } from '../../../src/openpgp/packets.ts'
import { testDesk } from '../../support/desk-identity.ts'
import { freshKey } from '../../support/keys.ts'

const NOW = instantFromMs(Date.UTC(2026, 10, 22))
const DATE = new Date(Date.UTC(2026, 10, 22))

describe('opening a message', () => {
  let secret: SecretKey
  let publicArmored: string
  beforeAll(async () => {
    const desk = await testDesk(instantFromMs(Date.UTC(2026, 0, 1)))
    publicArmored = desk.publicArmored
    secret = desk.keys.desk.signer
  })
  const seal = async (data: Uint8Array, wildcard = false): Promise<Uint8Array> =>
    encrypt({
      message: await createMessage({ binary: data, date: DATE }),
      encryptionKeys: await readKey({ armoredKey: publicArmored, config: CONFIG }),
      wildcard,
      date: DATE,
      format: 'binary',
      config: { ...CONFIG, preferredCompressionAlgorithm: enums.compression.zlib }
    })
  const context = (): Parameters<typeof openMessage>[1] => ({
    secretKeys: [secret],
    certificates: [],
    now: NOW
  })

  it('returns the exact bytes', async () => {
    const data = Buffer.from([0, 13, 10, 10, 255])
    const opened = await openMessage(await seal(data), context())
    expect('data' in opened && Buffer.from(opened.data)).toEqual(data)
    expect(opened).toMatchObject({ verdicts: [], sealing: { sealedTo: 'desk' } })
  })

  it('(A1) reads what grows a hundredfold or to four megabytes, and nothing that grows further', async () => {
    const grown = async (bytes: number, noise = 0) => {
      const sealed = await seal(Buffer.concat([randomBytes(noise), Buffer.alloc(bytes)]))
      return openMessage(sealed, context())
    }
    expect(await grown(4_000_000)).toHaveProperty('data')
    expect(await grown(6_000_000)).toMatchObject({ because: 'limit' })
    expect(await grown(6_000_000, 60_000)).toHaveProperty('data')
  })

  /** Packets as they are, sealed to the desk. */
  const sealPackets = async (...packets: readonly AnyPacket[]): Promise<Uint8Array> => {
    const list = new PacketList<AnyPacket>()
    list.push(...packets)
    const config = CONFIG
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
  it('refuses thousands of packets inside, plain or compressed', async () => {
    const flood = Array.from({ length: 5001 }, () =>
      Object.assign(new UnparseablePacket(), { tag: 60, rawContent: new Uint8Array(0) })
    )
    for (const hostile of [[...flood, literal], [compressed(...flood, literal)]]) {
      const opened = await openMessage(await sealPackets(...hostile), context())
      expect(opened).toMatchObject({ because: 'limit' })
    }
  })

  it('is refused for compressions in each other', async () => {
    const nested = (depth: number): AnyPacket =>
      depth === 0 ? literal : compressed(nested(depth - 1))
    expect(await openMessage(await sealPackets(nested(1)), context())).toHaveProperty('data')
    expect(await openMessage(await sealPackets(nested(2)), context())).toHaveProperty('because')
  })

  it('decrypts for hidden recipients, and is not for us when none of them is ours', async () => {
    const hidden = await seal(Buffer.from('x'), true)
    expect(await openMessage(hidden, context())).toMatchObject({
      sealing: { sealedTo: 'hidden' }
    })
    const other = (await testDesk(NOW)).keys.desk.signer
    expect(await openMessage(hidden, { ...context(), secretKeys: [other] })).toMatchObject({
      because: 'not-for-us'
    })
    expect(await openMessage(hidden, { ...context(), secretKeys: [] })).toHaveProperty('because')
  })

  it('(E21) returns the exact bytes of a large message, and nothing of it with anything beside or cut off', async () => {
    const data = randomBytes(200_001)
    const sealed = await seal(data)
    const opened = await openMessage(sealed, context())
    expect('data' in opened && Buffer.from(opened.data).equals(data)).toBe(true)
    const literal = Buffer.from('\xcb\x07b\0\0\0\0\0x', 'latin1')
    for (const other of [Buffer.concat([sealed, literal]), Buffer.concat([literal, sealed])])
      expect(await openMessage(other, context())).toMatchObject({ because: 'damaged' })
    const [head, packet] = walkPackets(sealed, 2).spans
    for (const bytes of [1, 19, 20, 21, 39, 40, 41, 200]) {
      const short = sealed.subarray(packet?.body, (packet?.body ?? 0) + bytes)
      const parts = [sealed.subarray(0, head?.end), Buffer.of(0xd2, bytes), short]
      if (bytes > 191) parts[1] = Buffer.of(0xd2, 192, bytes - 192)
      const cut = await openMessage(Buffer.concat(parts), context())
      expect(cut).toMatchObject({ because: 'damaged' })
    }
  })

  it('returns nothing of a message that was changed anywhere', async () => {
    const sealed = await seal(Buffer.from('a secret of some length'))
    for (let at = 0; at < sealed.length; at += 3) {
      const changed = Uint8Array.from(sealed)
      changed[at] = (changed[at] ?? 0) ^ 0x10
      const opened = await openMessage(changed, context())
      expect(opened, `byte ${at}`).not.toHaveProperty('data')
    }
  })
})

describe('a desk with an RSA key', () => {
  let desk: SecretKey
  let mine: PrivateKey
  let stranger: PrivateKey
  const make = () => freshKey({ type: 'rsa', rsaBits: 2048 })
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
    if (typeof unlocked === 'string') throw new Error('does not unlock')
    desk = unlocked
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

  it('is not a recipient of a message to other hidden recipients, but as one of several', async () => {
    expect(await open(await seal(stranger))).toMatchObject({ because: 'not-for-us' })
    expect(await open(await seal(stranger, mine))).toMatchObject({
      sealing: { sealedTo: 'hidden' }
    })
  })
})
