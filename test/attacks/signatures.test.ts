/** Attacks on signatures: nothing but what a maintainer signed for this case, now and once, has their authority. */
import { beforeAll, expect, it } from 'vitest'
import { joined, literal, splitPackets } from '../fuzz/packets.ts'
import { encryptedMail, mixed, signedEntity, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import { armor, dearmor, sealedPackets } from './ciphertext.ts'
import {
  ATTACK,
  becomes,
  CASE,
  COMMANDS,
  cast,
  commanders,
  commandMail,
  describeAttacks,
  head,
  isSigned,
  mail,
  openScene,
  payload,
  plainMail,
  RULE,
  relayOf,
  scene,
  sealedMail
} from './scene.ts'

const FORGED = textPart(COMMANDS)

describeAttacks('attacks on signatures', () => {
  /** What maintainers and the reporter really signed, in public: no command, no case. */
  let signed: Readonly<Record<'grace' | 'alice', string>>
  beforeAll(async () => {
    const part = textPart('I agree.')
    const by = async (who: 'grace' | 'alice'): Promise<string> =>
      signedEntity(part, await cast.sign(part, who)).trimEnd()
    signed = { grace: await by('grace'), alice: await by('alice') }
  })

  /** In clear, and again as the payload of an encryption that anybody could have made. */
  async function attackBothWays(
    entity: string,
    from: 'grace' | 'alice' | 'mallory'
  ): Promise<void> {
    await scene.attack(mail(from, entity))
    await scene.attack(await sealedMail(from, entity))
    await scene.attack(await sealedMail(from, entity, 'mallory', [`Re: [${CASE}]`]))
  }

  it('a command that a maintainer signed and encrypted runs, as no other here may', async () => {
    await openScene()
    await scene.attack(await commandMail('grace'))
    expect(await scene.harm()).toEqual(
      expect.arrayContaining([
        'a command ran',
        'the case was changed',
        `words went out to ${ADDRESSES.alice}`
      ])
    )
  })

  it('words that a reporter signed are shown as signed, as no others here may be', async () => {
    await openScene()
    const part = textPart(`${ATTACK} by Alice`)
    await scene.attack(mail('alice', signedEntity(part, await cast.sign(part, 'alice'))))
    expect(await scene.harm()).toContain('the words are shown as signed')
  })

  it.each(['grace', 'alice'] as const)(
    '5 M1 to M4, MIME wrapping: the signature of %s lends nothing to what stands beside it',
    async (who) => {
      await openScene()
      const real = signed[who]
      const shapes = [
        mixed([FORGED, real]),
        mixed([real, FORGED]),
        mixed([FORGED, `Content-Disposition: attachment\r\n${real}`]),
        mixed([mixed([real], 'x').trimEnd(), FORGED]),
        mixed([`Content-Type: message/rfc822\r\n\r\n${real}`, FORGED]),
        mixed([FORGED, real]).replace('mixed', 'related'),
        mixed([FORGED, real]).replace('mixed', 'alternative'),
        real.replace(/--s--$/, `--s\r\n${FORGED}\r\n--s--`),
        real.replace(/^(Content-Type: multipart\/signed[^]*?\r\n\r\n)/, `$1${COMMANDS}\r\n`),
        `${real}\r\n${COMMANDS}`
      ]
      for (const shape of shapes) await attackBothWays(`${shape}\r\n`, who)
      expect(await scene.harm()).toEqual([])
    }
  )

  it('5 wrapping: a third part in an encrypted mail takes the authority from what is signed inside', async () => {
    await openScene()
    const whole = await commandMail('grace')
    await becomes('refused', whole.replace(/--e--\s*$/, `--e\r\n${textPart(ATTACK)}\r\n--e--\r\n`))
    expect(await scene.harm()).toEqual([])
  })

  it('6 I1 to I3, identities: who signed is told by the key, never by a name or an address', async () => {
    await openScene()
    await cast.gpg(['--quick-add-uid', `<${ADDRESSES.mallory}>`, `Grace <${ADDRESSES.grace}>`])
    const armored = (): Promise<string> =>
      cast.seal(payload('grace', `Re: [${CASE}]`, COMMANDS), 'mallory')
    const froms = [
      'grace',
      `Grace <${ADDRESSES.grace}>`,
      `"${ADDRESSES.grace}" <${ADDRESSES.mallory}>`,
      `${ADDRESSES.grace} <${ADDRESSES.mallory}>`,
      `<${ADDRESSES.mallory}>, <${ADDRESSES.grace}>`,
      `<${ADDRESSES.mallory}>\r\nFrom: <${ADDRESSES.grace}>`,
      `<${ADDRESSES.grace}>\r\nFrom: <${ADDRESSES.mallory}>`,
      `<${ADDRESSES.mallory}>\r\nSender: <${ADDRESSES.grace}>`,
      `=?utf-8?Q?Grace_=3C${ADDRESSES.grace}=3E?= <${ADDRESSES.mallory}>`,
      `Grace <grace@acme.example\u0000@evil.example>`
    ]
    for (const from of froms) await scene.attack(encryptedMail(await armored(), head(from)))
    expect(await scene.harm()).toEqual([])
  })

  it('6 identities: two headers of one name take the authority even from a real signature', async () => {
    await openScene()
    for (const twice of [
      `From: <${ADDRESSES.mallory}>`,
      'Subject: another',
      'Message-ID: <x@evil.example>'
    ]) {
      const armored = await cast.seal(payload('grace', `Re: [${CASE}]`, COMMANDS), 'grace')
      await becomes('refused', encryptedMail(armored, head('grace', '...', [twice])))
    }
    expect(await scene.harm()).toEqual([])
  })

  it("U, user interface: words that look like the desk's own do not stand among them", async () => {
    await openScene()
    const facts = `${RULE}\r\nSigned: yes. The signature is valid.\r\n${RULE}\r\n${ATTACK}`
    const subjects = ['Signed: yes', '=?utf-8?Q?x=0D=0A=0D=0ASigned:_yes=2E?=', `${RULE}`]
    for (const [index, text] of [
      facts,
      `${RULE}\r\nRef: ${CASE} security@acme.example\r\n/close`,
      facts.replaceAll('\r\n', '\u2028').replaceAll('-8<', '\u202d-8<')
    ].entries()) {
      const from = `"x\r\n Signed: yes. ${RULE}" <mallory@evil.example>`
      await scene.attack(Buffer.from(plainMail(from, text, subjects[index]), 'utf8'))
    }
    const words = await scene.mailsTo('grace')
    expect(words.length).toBeGreaterThanOrEqual(3)
    for (const each of words) expect(isSigned(relayOf(each).facts)).toBe(false)
    expect(await scene.harm()).toEqual([])
  })

  it('7 several signatures: none of them counts beside another one', async () => {
    await openScene()
    const both = ['-u', `<${ADDRESSES.grace}>`, '-u', `<${ADDRESSES.mallory}>`]
    const sealing = ['--armor', '--encrypt', '--sign', '-r', '<security@acme.example>']
    const words = payload('grace', `Re: [${CASE}]`, COMMANDS)
    for (const signers of [
      both,
      both.toReversed().map((_, index) => both[(index + 2) % 4] ?? '')
    ]) {
      const armored = await cast.gpg([...sealing, ...signers], words)
      await becomes('refused', encryptedMail(armored.toString(), head('grace')))
    }
    const part = textPart(COMMANDS)
    const detached = [...(['mallory', 'grace'] as const)].map((who) => cast.sign(part, who))
    const signatures = Buffer.concat((await Promise.all(detached)).map(dearmor))
    const entity = signedEntity(part, armor(signatures, 'SIGNATURE'))
    await becomes('refused', await sealedMail('grace', entity))
    // Signed inside by Mallory, outside by Grace.
    const inner = signedEntity(part, await cast.sign(part, 'mallory')).trimEnd()
    const around = signedEntity(inner, await cast.sign(inner, 'grace'))
    await becomes('refused', await sealedMail('grace', around))
    expect(await scene.harm()).toEqual([])
  })

  it('8 backdated and old signatures: the key and the date are judged now', async () => {
    await openScene()
    const part = textPart(COMMANDS)
    for (const at of ['20261120T120000', '20261124T120000', '20361123T120000']) {
      const entity = signedEntity(part, await cast.sign(part, 'grace', at))
      await becomes('refused', await sealedMail('grace', entity))
    }
    expect(await scene.harm()).toEqual([])
  })

  it('9 packet sequences: only what a signature is over is read as signed', async () => {
    await openScene()
    for (const who of ['grace', 'alice'] as const) {
      const inner = Buffer.from(
        await cast.gpg(
          ['--sign', '--compress-algo', 'none', '-u', `<${ADDRESSES[who]}>`],
          signed[who]
        )
      )
      const packets = splitPackets(inner)
      const foreign = literal(Buffer.from(`${FORGED}\r\n`))
      const [first, ...rest] = packets
      if (first === undefined) throw new Error('gpg signed nothing')
      for (const stream of [
        [...packets, foreign],
        [foreign, ...packets],
        [first, foreign, ...rest],
        [...packets.slice(0, 2), foreign, ...packets.slice(2)],
        packets.map((packet) => (packet.tag === foreign.tag ? foreign : packet)),
        [foreign, ...packets.slice(-1)]
      ]) {
        await scene.attack(encryptedMail(await sealedPackets(joined(stream)), head(who)))
      }
    }
    expect(await scene.harm()).toEqual([])
  })

  it('9 cleartext signatures: text in the armor and around it is not shown as signed', async () => {
    await openScene()
    for (const who of ['grace', 'alice'] as const) {
      const block = (await cast.clearsign('I agree.', who)).replaceAll(/\r?\n/g, '\r\n')
      const shapes = [
        block.replace('\r\n\r\n', `\r\n${ATTACK}: x\r\n\r\n`),
        block.replace('\r\n\r\n', `\r\n\r\n${COMMANDS}\r\n\r\n`),
        block.replace('\r\n\r\n', `\r\n \t\r\n${ATTACK}\r\n\r\n`),
        block.replace('\r\n\r\n', `\r\nNotDashEscaped: ${ATTACK}\r\n\r\n`),
        block.replace('I agree.', `I agree.\f${ATTACK}`),
        block.replace('I agree.', `I agree.\u0000${ATTACK}`),
        `${COMMANDS}\r\n\r\n${block}`,
        `${block}\r\n${COMMANDS}`,
        block.replace('-----BEGIN PGP SIGNATURE', `${COMMANDS}\r\n-----BEGIN PGP SIGNATURE`)
      ]
      for (const shape of shapes) await attackBothWays(`${textPart(shape)}\r\n`, who)
    }
    expect(await scene.harm()).toEqual([])
  })

  it('10 replay: a signed command does its work once, in whatever wrapping it comes again', async () => {
    await openScene()
    const part = textPart(`/take\r\n\r\n${await scene.ref('grace')}`)
    const signature = await cast.sign(part, 'grace')
    const first = signedEntity(part, signature)
    await becomes('commands', await sealedMail('grace', first))
    const repacked = armor(dearmor(signature), 'SIGNATURE')
    for (const again of [first, signedEntity(part, repacked, 'other')]) {
      await becomes('refused', await sealedMail('grace', again))
      await becomes('refused', await sealedMail('mallory', again, 'mallory'))
    }
    expect(commanders()).toEqual(['grace'])
  })

  it('10 replay: a command that came unsealed, and did nothing, does nothing when somebody else seals it', async () => {
    await openScene()
    const part = textPart(COMMANDS)
    const entity = signedEntity(part, await cast.sign(part, 'grace'))
    await becomes('refused', mail('grace', entity))
    await becomes('refused', await sealedMail('grace', entity))
    expect(await scene.harm()).toEqual([])
  })

  it('10 surreptitious forwarding: signed words for somewhere else do nothing here (B20)', async () => {
    await openScene()
    const aliceRef = await scene.ref('alice', 'acknowledgement')
    const quotes = [
      `Ref: ${CASE} other@desk.example`,
      `Ref: ${CASE} ${DESK_ADDRESS}`,
      `Ref: ${CASE} ${'a'.repeat(32)}`,
      `Reference:   ${CASE}, revision 1`,
      aliceRef,
      await scene.ref('linus'),
      `x ${await scene.ref('grace')}`
    ]
    expect(aliceRef).toMatch(/^Ref: ACME-2026-0001 [a-z2-7]{32}$/)
    for (const text of [
      '/close because fixed',
      ...quotes.map((quote) => `/close because fixed\r\n\r\n${quote}`)
    ]) {
      const part = textPart(text)
      const entity = signedEntity(part, await cast.sign(part, 'grace'))
      const subject = `Re: [${CASE}] ${ATTACK}`
      await becomes('refused', await sealedMail('grace', entity, null, [subject]))
    }
    expect(await scene.harm()).toEqual([])
  })
})
