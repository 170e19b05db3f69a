/**
 * Attacks on encryption: nobody gets out of the desk what another person had sealed to it.
 */
import { expect, it } from 'vitest'
import { TAG } from '../../src/openpgp/packets.ts'
import { armorIn } from '../support/world.ts'
import { encryptedMail, lines, mixed, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import { changed } from './ciphertext.ts'
import * as attack from './scene.ts'

attack.describeAttacks('attacks on encryption', () => {
  /** What Alice sealed for the desk, taken on the way: it never arrived. Each has a session key of its own. */
  const steal = (): Promise<string> =>
    attack.cast.seal(
      attack.payload('alice', `new ${attack.SECRET}`, `Another ${attack.SECRET}.`),
      'alice'
    )

  async function nobodyLearns(): Promise<void> {
    expect(await attack.scene.harm()).toEqual([])
    await attack.nobodyReads()
  }
  it('2 EFAIL, malleability: changed ciphertext gives no plaintext at all', async () => {
    await attack.openScene()
    const flip = async (at: number): Promise<string> =>
      changed(await steal(), (packet) => {
        if (packet.tag !== TAG.encryptedIntegrity) return [packet]
        const body = Buffer.from(packet.body)
        // A known beginning exchanged for another one, as the CFB gadget does.
        for (let index = 0; index < 4; index += 1) body[at + index] = (body.at(at + index) ?? 0) ^ 5
        return [{ tag: packet.tag, body }]
      })
    const withBody = async (tag: number, from: number, to?: number): Promise<string> =>
      changed(await steal(), (packet) =>
        packet.tag === TAG.encryptedIntegrity
          ? [{ tag, body: packet.body.subarray(from, to) }]
          : [packet]
      )
    for (const armored of [
      await flip(20),
      await flip(60),
      await flip(90),
      // Without the integrity code, its last 22 bytes, and in the kind of packet that has none.
      await withBody(TAG.encryptedIntegrity, 0, -22),
      await withBody(TAG.encryptedNoIntegrity, 1, -22),
      await withBody(TAG.encryptedNoIntegrity, 1)
    ]) {
      await attack.becomes('case-opened', encryptedMail(armored, attack.head('mallory')))
    }
    await nobodyLearns()
    expect(await attack.wordsTo('grace')).toContain('could NOT be opened')
    expect(await attack.wordsTo('grace')).toContain('! We could not open this message;')
  })

  it('4 replayed ciphertext: what Alice sealed is withheld in the name of another person', async () => {
    await attack.openScene()
    const [arrived] = attack.scene.world.rows<{ raw: Uint8Array }>('SELECT raw FROM arrival_bytes')
    const armored = armorIn(arrived?.raw ?? new Uint8Array())
    expect(armored).not.toBe('')
    await attack.becomes('contradicts-sender', encryptedMail(armored, attack.head('mallory')))
    // The same session key packet twice, in another framing.
    await attack.scene.attack(
      encryptedMail(
        changed(armored, (packet) =>
          packet.tag === TAG.publicKeySession ? [packet, packet] : [packet]
        ),
        attack.head('mallory')
      )
    )
    expect(attack.scene.disposition()).toBe('contradicts-sender')
    await nobodyLearns()
  })

  it('4 replayed ciphertext: it is known again by its data, and broken data gives nobody anything', async () => {
    await attack.openScene()
    const armored = await steal()
    await attack.scene.attack(encryptedMail(armored, attack.head('alice')))
    const damaged = (tag: number): string =>
      changed(armored, (packet) => [
        packet.tag === tag ? { tag, body: packet.body.subarray(0, -3) } : packet
      ])
    await attack.scene.attack(encryptedMail(damaged(TAG.publicKeySession), attack.head('mallory')))
    await attack.scene.attack(
      encryptedMail(damaged(TAG.encryptedIntegrity), attack.head('mallory'))
    )
    expect(await attack.wordsTo('grace')).toContain('could NOT be opened')
    expect(await attack.wordsTo('mallory')).not.toContain(attack.SECRET)
  })

  it('4 replayed ciphertext: before it arrives, its inside contradicts its new sender', async () => {
    await attack.openScene()
    await attack.becomes('contradicts-sender', encryptedMail(await steal(), attack.head('mallory')))
    const reply = await attack.cast.seal(
      attack.payload(
        'grace',
        'Re: [ACME-2026-0002]',
        'case: ACME-2026-0002\r\n\r\n/reply <<\r\nWhat is it?\r\n>>'
      ),
      'grace'
    )
    await attack.scene.attack(encryptedMail(reply, attack.head('grace')))
    await attack.nobodyReads()
  })

  it.each(['PGP/MIME', 'inline PGP'])(
    '4 replayed ciphertext: the key that came inside tells that its signer is not the thief, as %s',
    async (form) => {
      await attack.openEmpty()
      // As mail programs attach it; without protected headers, from somebody whom the desk does not know.
      const key = await attack.cast.gpg(['--armor', '--export', `<${ADDRESSES.alice}>`])
      const file = `Content-Type: application/pgp-keys; name="OpenPGP_0xA.asc"\r\nContent-Transfer-Encoding: base64\r\n\r\n${key.toString('base64')}`
      const entity = mixed([textPart(`The ${attack.SECRET} of Alice.`), file])
      const armored = await attack.cast.seal(entity, 'alice')
      const inline = `${lines(...attack.head('mallory'))}\r\n${armored}`
      await attack.becomes(
        'contradicts-sender',
        form === 'inline PGP' ? inline : encryptedMail(armored, attack.head('mallory'))
      )
      await attack.nobodyReads()
      await attack.becomes('case-opened', encryptedMail(armored, attack.head('alice')))
      expect(await attack.wordsTo('grace')).toContain(`The ${attack.SECRET} of Alice.`)
    }
  )

  it('4 replayed ciphertext: what a maintainer sealed and the desk refused is no thief’s: maintainers are told that two claim it (14)', async () => {
    await attack.openScene()
    const note = textPart(`case: ACME-2026-0001\r\n\r\nThe internal ${attack.SECRET}.`)
    const armored = await attack.cast.seal(note, null)
    await attack.becomes('refused', encryptedMail(armored, attack.head('grace')))
    await attack.becomes('case-opened', encryptedMail(armored, attack.head('mallory')))
    const told = await attack.wordsTo('linus')
    expect(told).toContain('Another sender sent the same encrypted content before')
    const outside = (await attack.scene.mailsTo('mallory')).join('\n')
    expect(outside).not.toContain(attack.SECRET)
  })

  it('4 replayed ciphertext: an inner From that cannot be read is not that of the thief', async () => {
    await attack.openScene()
    for (const from of [
      '"alice b"@reporter.example',
      'Alice <alice@reporter.example>, Bob <bob@reporter.example>',
      '<alice@reporter.example>\r\nFrom: <mallory@evil.example>'
    ]) {
      const inside = `Content-Type: text/plain; protected-headers="v1"\r\nFrom: ${from}\r\nTo: <${DESK_ADDRESS}>\r\nSubject: x\r\n\r\nThe ${attack.SECRET}.`
      await attack.becomes(
        'contradicts-sender',
        await attack.sealedMail('mallory', inside, 'mallory')
      )
    }
    await nobodyLearns()
  })

  it('11 signing oracle: nothing that the desk signs repeats what a stranger wrote', async () => {
    await attack.openScene()
    const more = [`Reply-To: "${attack.ATTACK}" <victim@x.example>`, `X-Loop: ${attack.ATTACK}`]
    const fields = attack.head(`"${attack.ATTACK}" <mallory@evil.example>`, attack.ATTACK, more)
    await attack.scene.attack(`${lines(...fields)}${textPart(attack.ATTACK)}\r\n`)
    const answers = attack.scene.world.accepted.filter(({ to }) => to === ADDRESSES.mallory)
    expect(answers.map(({ raw }) => /multipart\/signed/.test(raw.toString()))).toEqual([true])
    expect(await attack.scene.harm()).toEqual([])
    expect(attack.scene.world.accepted.some(({ to }) => to.includes('victim'))).toBe(false)
  })

  it('14 compression bomb: it is not opened, and the next message is served', async () => {
    await attack.openScene({ limits: { mail_size: 2_000_000 } })
    const zeros = Buffer.alloc(80 * 2 ** 20, 'a')
    const bomb = await attack.cast.gpg(
      ['--compress-algo', 'zlib', '-z', '9', '--armor', '--encrypt', '-r', `<${DESK_ADDRESS}>`],
      zeros
    )
    await attack.becomes('case-opened', encryptedMail(bomb.toString(), attack.head('mallory')))
    expect(await attack.wordsTo('grace')).toContain('could NOT be opened')
    await attack.nextIsServed()
  })

  it('15 flood of session keys: none of them is tried, and the next message is served', async () => {
    await attack.openScene({ limits: { mail_size: 4_000_000 } })
    const flood = changed(await steal(), (packet) =>
      packet.tag === TAG.publicKeySession ? Array.from({ length: 5000 }, () => packet) : [packet]
    )
    await attack.becomes('case-opened', encryptedMail(flood, attack.head('mallory')))
    await nobodyLearns()
    expect(await attack.wordsTo('grace')).toContain('could NOT be opened')
    await attack.nextIsServed()
  })
})
