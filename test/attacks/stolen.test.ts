/**
 * Attacks with what another person had sealed to the desk and the thief took on the way (mail.md §2.4): whatever is put around
 * it, nobody reads it as the thief's, and its author does not lose it to a message that nobody read (G6).
 */
import { generateKey } from 'openpgp'
import { beforeAll, expect, it } from 'vitest'
import { withHungKey } from '../support/hung-key.ts'
import { describeWith } from '../support/requires.ts'
import { openWorld } from '../support/world.ts'
import { encryptedMail, lines, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, type Cast, DESK_ADDRESS, makeCast } from './cast.ts'
import { head, payload, plainMail, type Scene, SECRET, sceneOf } from './scene.ts'

const WORDS = `Another ${SECRET}.`
const autocrypt = (key: Uint8Array): string =>
  `Autocrypt: addr=${ADDRESSES.mallory}; keydata=${Buffer.from(key).toString('base64').replaceAll(/.{70}/g, '$&\r\n ')}`

/** What stands behind the header of a message that was encrypted whole. */
const WHOLE: readonly (readonly [string, string])[] = [
  ['a mail with MIME fields', textPart(WORDS)],
  ['a mail without', `\r\n${WORDS}\r\n`],
  [
    'a signed mail',
    lines(
      'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s',
      '',
      `--s\r\n${textPart(WORDS)}\r\n--s`,
      'Content-Type: application/pgp-signature\r\n\r\nnone\r\n--s--'
    )
  ]
]

describeWith(['gpg'], 'attacks with a stolen ciphertext', () => {
  let cast: Cast
  let scene: Scene
  beforeAll(async () => {
    cast = await makeCast()
    return cast.close
  })

  /** A desk that knows nobody but its maintainers. */
  async function openEmpty(): Promise<Scene> {
    return sceneOf(await openWorld({ maintainers: [cast.grace, cast.linus] }), cast)
  }
  async function isRead(): Promise<boolean> {
    const read = [...(await scene.mailsTo('grace')), ...(await scene.mailsTo('linus'))]
    return read.join('\n').includes(WORDS)
  }

  it("4 replayed ciphertext: a maintainer's signature that does not hold yet is still no thief's (G6)", async () => {
    scene = await openEmpty()
    const sealing = ['--armor', '--encrypt', '-r', `<${DESK_ADDRESS}>`]
    const signing = ['--sign', '-u', `<${ADDRESSES.grace}>`]
    const ahead = await cast.gpg([...sealing, ...signing], textPart(WORDS), '20261123T121000')
    await scene.attack(encryptedMail(ahead.toString(), head('mallory')))
    expect(scene.disposition()).toBe('contradicts-sender')
    expect(await isRead()).toBe(false)
  })

  it("4 replayed ciphertext: a forged first key with the owner's hung on it does not keep the desk from doubting it (G6)", async () => {
    scene = await openEmpty()
    const { privateKey } = await generateKey({
      userIDs: [{ email: ADDRESSES.alice }],
      date: new Date('2026-11-01T00:00:00Z'),
      format: 'object'
    })
    const forged = await withHungKey(privateKey, cast.alice.secret.toPublic().keyPacket)
    const key = autocrypt(forged).replace(ADDRESSES.mallory, ADDRESSES.alice)
    await scene.attack(
      plainMail('alice', 'forged').replace('MIME-Version', `${key}\r\nMIME-Version`)
    )
    await scene.attack(encryptedMail(await cast.seal(textPart(WORDS), 'alice'), head('alice')))
    const words = (await scene.mailsTo('grace')).join('\n').replaceAll(/\s+/g, ' ')
    expect(words).toContain('signed with another key than the one that answers are encrypted to')
  })

  it('4 replayed ciphertext: an automatic answer that nobody is shown takes nothing from its writer (G6)', async () => {
    scene = await openEmpty()
    await scene.attack(plainMail('mallory', 'a hole'))
    const [answer] = scene.world.accepted.filter(({ to }) => to === ADDRESSES.mallory)
    const fields = [`In-Reply-To: <${answer?.messageId ?? ''}>`, 'Auto-Submitted: auto-replied']
    const armored = await cast.seal(payload('alice', 'mine', WORDS))
    const nameless = await cast.seal(textPart(WORDS))
    for (const each of [armored, nameless]) {
      await scene.attack(encryptedMail(each, head('mallory', '...', fields)))
      expect(scene.disposition()).toBe('auto-reply')
    }
    await scene.attack(encryptedMail(nameless, head('alice')))
    expect(scene.disposition()).toBe('contradicts-sender')
    const told = (await scene.mailsTo('grace')).join('\n').replaceAll(/\s+/g, ' ')
    expect(told).toContain('another sender sent the same encrypted content before')
    await scene.attack(encryptedMail(armored, head('alice')))
    expect(scene.disposition()).toBe('case-opened')
  })

  const mailOf = (from: string, to: string): string =>
    lines(
      `From: <${from}>`,
      `To: <${to}>`,
      'Subject: x',
      'Date: Mon, 23 Nov 2026 11:00:00 +0000',
      'Message-ID: <whole@reporter.example>'
    )
  it.each(WHOLE)(
    '4 replayed ciphertext: the names in a whole mail that was encrypted as it was are not the thief’s (G6), %s',
    async (_, rest) => {
      scene = await openEmpty()
      const whole = `${mailOf(ADDRESSES.alice, DESK_ADDRESS)}${rest}`
      for (const wrap of [
        (armored: string) => encryptedMail(armored, head('mallory')),
        (armored: string) => `${lines(...head('mallory'))}\r\n${armored}`
      ]) {
        await scene.attack(wrap(await cast.seal(whole)))
        expect(scene.disposition()).toBe('contradicts-sender')
      }
      const meant = `${mailOf(ADDRESSES.mallory, 'bob@elsewhere.example')}${rest}`
      await scene.attack(encryptedMail(await cast.seal(meant), head('mallory')))
      expect(scene.disposition()).toBe('contradicts-sender')
      expect(await isRead()).toBe(false)
      await scene.attack(encryptedMail(await cast.seal(whole), head('alice')))
      expect(scene.disposition()).toBe('case-opened')
      expect(await isRead()).toBe(true)
    }
  )
})
