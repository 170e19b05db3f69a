/**
 * Attacks with what another person had sealed to the desk and the thief took on the way: whatever is put around it, nobody
 * reads it as the thief's, and its author does not lose it to a message that nobody read (G6).
 */
import { expect, it } from 'vitest'
import { TAG } from '../../src/openpgp/packets.ts'
import { withHungKey } from '../support/hung-key.ts'
import { freshKey } from '../support/keys.ts'
import { autocrypt } from '../support/world.ts'
import { encryptedMail, lines, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import { changed } from './ciphertext.ts'
import {
  becomes,
  cast,
  describeAttacks,
  head,
  openEmpty,
  payload,
  plainMail,
  SECRET,
  scene,
  sealedMail,
  wordsTo
} from './scene.ts'

const WORDS = `Another ${SECRET}.`

/** What stands behind the header of a message that was encrypted whole. */
const WHOLE: readonly (readonly [string, string])[] = [
  ['a message with MIME fields', textPart(WORDS)],
  ['a message without', `\r\n${WORDS}\r\n`],
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

describeAttacks('attacks with a stolen ciphertext', () => {
  async function isRead(): Promise<boolean> {
    const read = [...(await scene.mailsTo('grace')), ...(await scene.mailsTo('linus'))]
    return read.join('\n').includes(WORDS)
  }
  it("4 replayed ciphertext: a maintainer's signature that does not hold yet is still no thief's (G6)", async () => {
    await openEmpty()
    const sealing = ['--armor', '--encrypt', '-r', `<${DESK_ADDRESS}>`]
    const signing = ['--sign', '-u', `<${ADDRESSES.grace}>`]
    const ahead = await cast.gpg([...sealing, ...signing], textPart(WORDS), '20261123T121000')
    await becomes('contradicts-sender', encryptedMail(ahead.toString(), head('mallory')))
    expect(await isRead()).toBe(false)
  })

  it("4 replayed ciphertext: a forged first key with the owner's hung on it does not keep the desk from doubting it (G6)", async () => {
    await openEmpty()
    const first = await freshKey({ userIDs: [{ email: ADDRESSES.alice }] })
    const forged = await withHungKey(first, cast.alice.secret.toPublic().keyPacket)
    const key = autocrypt(forged, ADDRESSES.alice)
    await scene.attack(
      plainMail('alice', 'forged').replace('MIME-Version', `${key}\r\nMIME-Version`)
    )
    await scene.attack(await sealedMail('alice', textPart(WORDS), 'alice'))
    const words = await wordsTo('grace')
    expect(words).toContain('signed with another key than the one that answers are encrypted to')
  })

  it('4 replayed ciphertext: a thief who marks it as an automatic answer takes nothing from its writer (G6)', async () => {
    await openEmpty()
    await scene.attack(plainMail('mallory', 'a hole'))
    const [answer] = scene.world.accepted.filter(({ to }) => to === ADDRESSES.mallory)
    const fields = [`In-Reply-To: <${answer?.messageId ?? ''}>`, 'Auto-Submitted: auto-replied']
    const armored = await cast.seal(payload('alice', 'mine', WORDS))
    const nameless = await cast.seal(textPart(WORDS))
    await becomes('contradicts-sender', encryptedMail(armored, head('mallory', '...', fields)))
    await becomes('case-joined', encryptedMail(nameless, head('mallory', '...', fields)))
    await becomes('case-opened', encryptedMail(nameless, head('alice')))
    const told = await wordsTo('grace')
    expect(told).toContain('Another sender sent the same encrypted content before')
    await becomes('case-opened', encryptedMail(armored, head('alice')))
  })

  it.each<[string, (armored: string) => string]>([
    ['as inline PGP', (armored) => `${lines(...head('alice'))}\r\n${armored}`],
    [
      'with a session key that opens nothing',
      (armored) => {
        const broken = changed(armored, ({ tag, body }) => {
          const isKey = tag === TAG.publicKeySession
          return [{ tag, body: isKey ? Buffer.from(body).fill(1, body.length - 8) : body }]
        })
        return encryptedMail(broken, head('alice'))
      }
    ]
  ])(
    '4 replayed ciphertext: a quicker thief under the name of its writer takes nothing from them, %s (G1, G6)',
    async (_, stolen) => {
      await openEmpty()
      const armored = await cast.seal(payload('alice', 'mine', WORDS), 'alice')
      await scene.attack(stolen(armored))
      expect(await isRead()).toBe(false)
      await becomes('case-opened', encryptedMail(armored, head('alice')))
      expect(await isRead()).toBe(true)
    }
  )

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
      await openEmpty()
      const whole = `${mailOf(ADDRESSES.alice, DESK_ADDRESS)}${rest}`
      for (const wrap of [
        (armored: string) => encryptedMail(armored, head('mallory')),
        (armored: string) => `${lines(...head('mallory'))}\r\n${armored}`
      ]) {
        await becomes('contradicts-sender', wrap(await cast.seal(whole)))
      }
      const meant = `${mailOf(ADDRESSES.mallory, 'bob@elsewhere.example')}${rest}`
      await becomes('contradicts-sender', await sealedMail('mallory', meant))
      expect(await isRead()).toBe(false)
      await becomes('case-opened', await sealedMail('alice', whole))
      expect(await isRead()).toBe(true)
    }
  )
})
