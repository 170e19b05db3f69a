/** Attacks on what the desk does by itself: answers, threads, logs, look-ups. */
import dns from 'node:dns'
import { readdirSync, readFileSync } from 'node:fs'
import net from 'node:net'
import { basename, dirname, join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { AUTHENTICATION, checked } from '../support/desk.ts'
import { tempFolder } from '../support/temp.ts'
import { encryptedMail, lines, mixed, signedEntity, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS, type Who } from './cast.ts'
import {
  ATTACK,
  becomes,
  CASE,
  cast,
  commandMail,
  describeAttacks,
  head,
  isSigned,
  mail,
  openScene,
  payload,
  plainMail,
  relayOf,
  SECRET,
  scene,
  sealedMail,
  wordsTo
} from './scene.ts'

describeAttacks('attacks on what the desk does by itself', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
  })

  const clear = (from: string, more: readonly string[], text = ATTACK): string =>
    `${lines(...head(from, 'hello', more))}${textPart(text)}\r\n`
  const answered = (): string[] =>
    scene.world.accepted.map(({ to }) => to as string).filter((to) => to.endsWith('robot.example'))

  it('20 loops and backscatter: no robot, list or empty sender is answered', async () => {
    await openScene()
    // All that marks a message so: unit/mime/automatic.test.ts.
    const marks = ['Auto-Submitted: auto-replied', 'List-Id: <x.robot.example>', 'Return-Path: <>']
    for (const [index, mark] of marks.entries())
      await scene.attack(clear(`<a${index}@robot.example>`, [mark]))
    await scene.attack(clear('<mailer-daemon@robot.example>', []))
    expect(answered()).toEqual([])
    // Each of them is shown to the maintainers all the same.
    const relays = await scene.mailsTo('grace')
    expect(relays.filter((words) => words.includes(ATTACK))).toHaveLength(4)
    expect(await scene.harm()).toEqual([])
  })

  it('20 loops: the desk does not answer itself, nor its own answer when that comes back', async () => {
    await openScene()
    await scene.attack(clear(`<a@robot.example>`, []))
    const answer = scene.world.accepted.at(-1)
    if (answer === undefined) throw new Error('nobody was answered')
    expect(answered()).toHaveLength(1)
    const count = scene.world.accepted.length
    await scene.attack(answer.raw)
    await scene.attack(clear(`<${DESK_ADDRESS}>`, []))
    const toDesk = scene.world.accepted.slice(count).filter(({ to }) => to === DESK_ADDRESS)
    expect(toDesk).toEqual([])
    expect(answered()).toHaveLength(1)
  })

  it('20 backscatter: where our mail server proves no sender, the answer waits for a maintainer', async () => {
    await openScene()
    Object.assign(scene.world.desk.settings, { authentication: AUTHENTICATION })
    const [claim, ours] = checked('robot.example')
    // What proves a sender, and what does not: unit/policy/authentication.test.ts.
    for (const fields of [[ours, claim], [claim]])
      await scene.attack(`${fields.join('\r\n')}\r\n${clear('<a@robot.example>', [])}`)
    expect(answered()).toEqual([])
    expect(await wordsTo('grace')).toContain('/acknowledge sends it to a@robot.example')
    await scene.attack(`${claim}\r\n${ours}\r\n${clear('<a@robot.example>', [])}`)
    expect(answered()).toEqual(['a@robot.example'])
  })

  it('21 forged additions: a tag, a name or a guessed reference joins no case, and nobody reads it there', async () => {
    await openScene()
    const [root] = scene.world.rows<{ messageId: string }>(
      "SELECT message_id FROM outbox WHERE kind = 'acknowledgement'"
    )
    expect(root).toBeDefined()
    const guesses = [`In-Reply-To: <${CASE}@acme.example>`, 'References: <attack-1@evil.example>']
    const re = `Re: [${CASE}]`
    const sealed = async (inside: Who, signer: Who | null, outside: Who): Promise<string> =>
      await sealedMail(outside, payload(inside, re, ATTACK), signer)
    const shapes: readonly (readonly [disposition: string, raw: string])[] = [
      [
        'case-opened',
        clear(`<${ADDRESSES.alice}>`, []).replace('Subject: hello', `Subject: ${re} hello`)
      ],
      ['case-opened', clear(`<${ADDRESSES.mallory}>`, guesses)],
      ['case-opened', await sealed('mallory', null, 'mallory')],
      ['contradicts-sender', await sealed('alice', null, 'mallory')],
      // No mail server vouches for From here, and anybody could have sealed this, so it does not count as hers.
      ['case-opened', await sealed('alice', null, 'alice')],
      ['contradicts-sender', await sealed('alice', 'mallory', 'alice')]
    ]
    for (const [disposition, raw] of shapes) {
      await becomes(disposition, raw)
      expect(scene.world.rows('SELECT id FROM messages WHERE case_id = 1')).toHaveLength(1)
    }
    const told = (await scene.mailsTo('grace')).map((words) => words.replaceAll(/\s+/g, ' '))
    expect(
      told.filter((words) => words.includes(`The message names the case ${CASE} and says`))
    ).toHaveLength(1)
    // A stranger who knows a Message-ID of the case does not get into it, either (B6).
    const knowing = [`In-Reply-To: <${root?.messageId ?? ''}>`]
    const other = clear(`<${ADDRESSES.mallory}>`, knowing).replace('Subject: hello', 'Subject: b')
    await becomes('case-opened', other)
    expect(await wordsTo('grace')).toContain('its sender is not a reporter of that case')
    expect(
      scene.world.rows("SELECT author FROM messages WHERE case_id = 1 AND author = 'reporter'")
    ).toHaveLength(1)
    const toMallory = scene.world.accepted.filter(({ to }) => to === ADDRESSES.mallory)
    await scene.attack(
      await commandMail('grace', `case: ${CASE}\r\n\r\n/reply <<\r\n${SECRET}\r\n>>`)
    )
    expect(scene.world.accepted.filter(({ to }) => to === ADDRESSES.mallory)).toEqual(toMallory)
    expect(await wordsTo('mallory')).not.toContain(SECRET)
    // The rule does not shut her out: what her known key signed goes on in her case.
    await becomes('case-joined', await sealed('alice', 'alice', 'alice'))
  })

  it('22 mangling on the way: a broken signature is no proof and no reason to lose the message', async () => {
    await openScene()
    const part = textPart(`${ATTACK} trailing  \r\nFrom me`)
    const whole = signedEntity(part, await cast.sign(part, 'alice'))
    for (const mangled of [
      whole.replace('trailing  ', 'trailing'),
      whole.replace('\r\nFrom me', '\r\n>From me'),
      whole.replace(part, part.replace('utf-8', 'us-ascii')),
      mixed([whole.replace('trailing', 'changed').trimEnd(), textPart('list footer')])
    ]) {
      await becomes('case-opened', mail('alice', mangled))
    }
    const relays = await scene.mailsTo('grace')
    expect(relays).toHaveLength(4)
    for (const words of relays) {
      expect(isSigned(relayOf(words).facts)).toBe(false)
      expect(words).toContain(ATTACK)
    }
    expect(await scene.harm()).toEqual([])
  })

  it('25 logs: nothing of any mail and no address of anybody stands in them', async () => {
    await openScene()
    for (const raw of [
      plainMail('mallory', ATTACK, ATTACK),
      encryptedMail(await cast.seal(payload('mallory', ATTACK, SECRET)), head('mallory', ATTACK)),
      encryptedMail(
        `-----BEGIN PGP MESSAGE-----\r\n\r\n${SECRET}\r\n-----END PGP MESSAGE-----`,
        head('mallory')
      ),
      await commandMail('grace')
    ]) {
      await scene.attack(raw)
    }
    const log = JSON.stringify(scene.world.log)
    expect(scene.world.log.length).toBeGreaterThan(4)
    for (const word of [ATTACK, SECRET, ...Object.values(ADDRESSES), 'evil.example']) {
      expect(log).not.toContain(word)
    }
  })

  it('26 what is left behind: no plaintext lies in any file, and none is written beside the database', async () => {
    await openScene()
    const elsewhere = tempFolder()
    vi.stubEnv('TMPDIR', elsewhere.path)
    const words = mixed([textPart(`${SECRET} ${ATTACK}`), textPart('x')])
    await scene.attack(await sealedMail('mallory', words))
    await scene.attack(plainMail('mallory', `${SECRET} ${ATTACK}`))
    expect(
      scene.world.rows('SELECT id FROM messages WHERE text LIKE ?', [`%${ATTACK}%`])
    ).toHaveLength(2)

    const [main] = scene.world.rows<{ file: string }>('PRAGMA database_list')
    const folder = dirname(main?.file ?? '')
    const files = readdirSync(folder)
    expect(files).toContain(basename(main?.file ?? ''))
    for (const file of files) {
      const bytes = readFileSync(join(folder, file))
      for (const word of [SECRET, ATTACK, ADDRESSES.mallory])
        expect(bytes.includes(word)).toBe(false)
    }
    expect(readdirSync(elsewhere.path)).toEqual([])
    elsewhere.remove()
  })

  it('27 look-ups: reading, answering and relaying a message asks nobody anything', async () => {
    await openScene()
    const spies = [
      vi.spyOn(dns, 'lookup'),
      vi.spyOn(dns, 'resolve'),
      vi.spyOn(dns.promises, 'lookup'),
      vi.spyOn(net.Socket.prototype, 'connect'),
      vi.spyOn(globalThis, 'fetch')
    ]
    const html = lines(
      'Content-Type: text/html',
      '',
      '<img src="http://beacon.example/x.png"><link rel=stylesheet href="https://beacon.example/c">'
    )
    const external = lines(
      'Content-Type: message/external-body; access-type=URL; URL="http://beacon.example/"',
      '',
      'Content-Type: text/plain',
      '',
      ''
    )
    const more = [
      'OpenPGP: id=0123456789ABCDEF; url=http://beacon.example/key.asc',
      'Disposition-Notification-To: <mallory@evil.example>',
      'Return-Receipt-To: <mallory@evil.example>'
    ]
    await scene.attack(`${lines(...head('mallory', 'x', more))}${mixed([html, external])}`)
    await scene.attack(await sealedMail('mallory', mixed([html, external]), 'mallory'))
    expect(await scene.mailsTo('grace')).toHaveLength(2)
    for (const spy of spies) expect(spy).not.toHaveBeenCalled()
  })
})
