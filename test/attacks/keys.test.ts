/** Attacks on keys: no mail puts another key in the place of a reporter's, and no key stops the desk. */
import { beforeAll, expect, it } from 'vitest'
import { joined, type Packet, splitPackets } from '../fuzz/packets.ts'
import { withForgedSignatures } from '../support/forged-signatures.ts'
import { autocrypt, type Someone, someone } from '../support/world.ts'
import { encryptedMail, lines, mixed, signedEntity, textPart } from '../unit/reading/material.ts'
import { ADDRESSES } from './cast.ts'
import { armor } from './ciphertext.ts'
import {
  becomes,
  CASE,
  cast,
  commandMail,
  describeAttacks,
  head,
  mail,
  openScene,
  scene,
  sealedMail
} from './scene.ts'

const ANSWER = 'The answer is for Alice alone.'

function keyFile(armored: string): string {
  return `Content-Type: application/pgp-keys; name=key.asc\r\n\r\n${armored.trimEnd()}`
}

describeAttacks('attacks on keys', () => {
  /** Made by the attacker, under Alice's name and address. */
  let forged: Someone
  beforeAll(async () => {
    forged = await someone('alice', ADDRESSES.alice)
  })

  const pinned = (): unknown[] =>
    scene.world.rows(
      'SELECT address, fingerprint FROM reporter_keys WHERE is_used = 1 ORDER BY address'
    )

  it("12 key substitution: the answer is sealed to Alice's own key, whatever came in her name", async () => {
    await openScene()
    const before = pinned()
    expect(before).toEqual([
      { address: ADDRESSES.alice, fingerprint: cast.alice.secret.getFingerprint() }
    ])
    await cast.gpg(['--quick-add-uid', `<${ADDRESSES.mallory}>`, `Alice <${ADDRESSES.alice}>`])
    const stranger = (await cast.gpg(['--armor', '--export', `<${ADDRESSES.mallory}>`])).toString()
    const own = forged.secret.toPublic().armor()
    const field = autocrypt(forged.keyData, ADDRESSES.alice)
    const gossip = field.replace('Autocrypt', 'Autocrypt-Gossip')
    const subject = `Re: [${CASE}]`
    const words = textPart('My new key.')
    const withKeys = mixed([words, keyFile(own), keyFile(stranger)])
    const sealed = async (entity: string, signer: 'mallory' | null): Promise<string> =>
      encryptedMail(await cast.seal(entity, signer), head('alice', subject, [field]))
    for (const raw of [
      `${lines(...head('alice', subject, [field]))}${words}\r\n`,
      mail('alice', withKeys, subject),
      mail('alice', signedEntity(withKeys, await cast.sign(withKeys, 'mallory')), subject),
      await sealed(withKeys, null),
      await sealed(withKeys, 'mallory'),
      await sealed(lines(gossip, words), null),
      await sealed(
        lines('Content-Type: text/plain; protected-headers="v1"', field, '', 'My new key.'),
        null
      )
    ]) {
      await scene.attack(raw)
      expect(pinned()).toEqual(before)
    }
    await scene.attack(
      await commandMail('grace', `case: ${CASE}\r\n\r\n/reply <<\r\n${ANSWER}\r\n>>`)
    )
    const toAlice = scene.world.accepted.filter(({ to }) => to === ADDRESSES.alice)
    const last = toAlice.at(-1)
    if (last === undefined) throw new Error('nobody answered Alice')
    expect(await scene.world.read(cast.alice, last)).toContain(ANSWER)
    for (const thief of [forged, cast.mallory]) {
      await expect(scene.world.read(thief, last)).rejects.toThrow()
    }
  })

  it('12 key substitution: keys of maintainers never come by mail', async () => {
    await openScene()
    const fake = await someone('grace', ADDRESSES.grace)
    const entity = mixed([textPart('My new key.'), keyFile(fake.secret.toPublic().armor())])
    const field = autocrypt(fake.keyData, ADDRESSES.grace)
    await scene.attack(`${lines(...head('grace', 'key', [field]))}${entity}`)
    await scene.attack(await sealedMail('grace', entity, 'mallory'))
    await scene.attack(mail('mallory', textPart('hello')))
    for (const sent of scene.world.accepted.filter(({ to }) => to === ADDRESSES.grace)) {
      await expect(scene.world.read(fake, sent)).rejects.toThrow()
      await expect(scene.world.read(cast.grace, sent)).resolves.not.toBe('')
    }
    expect(pinned()).toHaveLength(1)
  })

  it('13 poisoned and giant keys: none is taken up, none stops the desk, the message is read', async () => {
    await openScene({ limits: { mail_size: 4_000_000 } })
    const packets = splitPackets(await cast.gpg(['--export', `<${ADDRESSES.mallory}>`]))
    const [primary, userId, certification] = packets
    // The last packets of the key: its subkey and the signature that binds it.
    const rest = packets.slice(-2)
    if (primary === undefined || userId === undefined || certification === undefined) {
      throw new Error('gpg exported no key')
    }
    const many = <T>(count: number, ...each: readonly T[]): T[] =>
      Array.from({ length: count }, () => each).flat()
    const attach = async (key: readonly Packet[]): Promise<number> => {
      const armored = armor(joined(key), 'PUBLIC KEY BLOCK')
      await becomes(
        'case-opened',
        mail('mallory', mixed([textPart('A report.'), keyFile(armored)]))
      )
      return armored.length
    }
    for (const key of [
      [primary, userId, ...many(3000, certification), ...rest],
      [primary, ...many(2000, userId, certification), ...rest],
      [...packets, ...many(2000, ...rest)],
      [primary, { tag: 17, body: Buffer.alloc(300_000, 1) }, userId, certification, ...rest]
    ]) {
      expect(await attach(key)).toBeGreaterThan(256 * 1024)
    }
    // Small files, but with more in them than is allowed.
    for (const key of [
      [primary, ...many(21, userId, certification), ...rest],
      [primary, userId, certification, ...many(21, ...rest)]
    ]) {
      expect(await attach(key)).toBeLessThan(256 * 1024)
    }
    // Small enough to be read, ten times in one message: each signature claims to be the key's own.
    const count = Math.floor(220_000 / certification.body.length)
    const forged = keyFile(armor(withForgedSignatures(joined(packets), count), 'PUBLIC KEY BLOCK'))
    expect(forged.length).toBeGreaterThan(150_000)
    await becomes(
      'case-opened',
      mail('mallory', mixed([textPart('A report.'), ...many(10, forged)]))
    )
    expect(pinned()).toHaveLength(1)
    expect(scene.world.rows("SELECT text FROM messages WHERE text = 'A report.\n'")).toHaveLength(7)
    const toGrace = scene.world.accepted.filter(({ to }) => to === ADDRESSES.grace)
    expect(toGrace).toHaveLength(8)
    const offered = () =>
      scene.world.rows('SELECT fingerprint FROM reporter_keys WHERE is_used = 0')
    expect(offered()).toEqual([])
    // With as many signatures as are allowed, the same key is read, and waits: nothing proves who sent the report.
    await attach([primary, ...many(20, userId, certification), ...many(20, ...rest)])
    expect(offered()).toHaveLength(1)
  })
})
