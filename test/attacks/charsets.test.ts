/**
 * Attacks by charsets: bytes that one program shows as other words than the next hide no line from the maintainers, make no
 * command out of a text, and break no header.
 */

import { expect, it } from 'vitest'
import { WARNINGS } from '../../src/domain/mail.ts'
import { lines, mixed, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import * as attack from './scene.ts'

const KANJI = '\u001b$B'
const BIDI = '\u202e\u2066\u200b'

/** A text in a charset; `text` gives bytes by their Latin-1 characters. */
function of(charset: string, text: string): Buffer {
  return Buffer.from(`Content-Type: text/plain; charset=${charset}\r\n\r\n${text}`, 'latin1')
}

/** The same part with a protected To that names the desk: what is signed is meant for it. */
function addressed(part: Buffer): Buffer {
  const fields = `; protected-headers="v1"\r\nTo: <${DESK_ADDRESS}>\r\n\r\n`
  return Buffer.from(part.toString('latin1').replace('\r\n\r\n', fields), 'latin1')
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function utf16(text: string, order: 'le' | 'be'): string {
  const bytes = Buffer.from(text, 'utf16le')
  return (order === 'le' ? bytes : bytes.swap16()).toString('latin1')
}

attack.describeAttacks('attacks by charsets', () => {
  const command = `case: ${attack.CASE}\r\n\r\n/accept`
  /** Texts that one program or another, or a quick eye, may take for the command. */
  const LIKE: readonly (readonly [name: string, part: Buffer])[] = [
    ['UTF-7', of('utf-7', command.replaceAll('/', '+AC8-'))],
    ['UTF-7 by another name', of('utf_7', command.replaceAll('/', '+AC8-'))],
    ['UTF-7 by a trick of a name', of('u-t-f:7', command.replaceAll('/', '+AC8-'))],
    ['UTF-7 with a blank before a slash', of('utf-7', command.replaceAll('/', '+ACA-/'))],
    ['UTF-7 with a mark before a slash', of('utf-7', command.replaceAll('/', '+/v8-/'))],
    [
      'UTF-7 that ends a block',
      of('utf-7', `case: ${attack.CASE}\r\n\r\n/note <<\r\nx\r\n+AD4APg-\r\n/accept\r\n`)
    ],
    ['a full-width slash', of('utf-8', utf8(command.replaceAll('/', '\uff0f')))],
    ['a division slash', of('utf-8', utf8(command.replaceAll('/', '\u2215')))],
    ['a Cyrillic letter', of('utf-8', utf8(command.replace('accept', '\u0430ccept')))],
    ['a long s', of('utf-8', utf8(command.replace('accept', '\u017ftatus')))],
    ['a Kelvin sign for a k', of('utf-8', utf8(command.replace('accept', 'ta\u212ae')))],
    ['an overlong slash', of('utf-8', command.replaceAll('/', '\u00c0\u00af'))],
    [
      'an overlong slash of three bytes',
      of('utf-8', command.replaceAll('/', '\u00e0\u0080\u00af'))
    ],
    ['HZ', of('hz-gb-2312', command.replaceAll('/', '~{#/~}'))],
    ['kanji', of('iso-2022-jp', command.replace('/', `${KANJI}!?\u001b(B`))],
    [
      'an escape sequence in a word',
      of('iso-2022-jp', command.replace('accept', 'ac\u001bxxcept'))
    ],
    ['an escape sequence before a slash', of('iso-2022-jp', command.replace('/', '\u001b[m/'))],
    ['Korean', of('iso-2022-kr', command.replace('/', '\u000e#/\u000f'))],
    ['UTF-16 in the other order', of('utf-16le', utf16(command, 'be'))],
    ['a zero-width space in a word', of('utf-8', utf8(command.replace('accept', 'ac\u200bcept')))],
    [
      'a zero-width space behind a word',
      of('utf-8', utf8(command.replace('accept', 'accept\u200b')))
    ],
    ['right to left', of('utf-8', utf8(command.replace('/accept', '\u202etpecca/')))],
    ['an isolate before a slash', of('utf-8', utf8(command.replace('/', '\u2066/')))],
    ['a Cyrillic case', of('utf-8', utf8(command.replace('ACME', '\u0410CME')))],
    ['a line separator', of('utf-8', utf8(`x\u2028${command.replaceAll('\r\n', '\u2028')}`))],
    ['a next line', of('utf-8', utf8(`x\u0085${command.replaceAll('\r\n', '\u0085')}`))],
    ['a form feed', of('utf-8', `x\f${command.replaceAll('\r\n', '\f')}`)]
  ]

  it('23 charset tricks: a command is one only in plain ASCII that everybody reads alike', async () => {
    await attack.openScene()
    for (const [name, part] of LIKE) {
      await attack.scene.attack(await attack.sealedMail('grace', addressed(part), 'grace'))
      expect([name, ...attack.commanders()]).toEqual([name])
    }
    expect(attack.scene.world.rows('SELECT state, owner FROM cases WHERE id = 1')).toMatchObject([
      { state: 'received', owner: null }
    ])
    const plain = addressed(of('utf-8', command))
    await attack.becomes('commands', await attack.sealedMail('grace', plain, 'grace'))
  })

  /** What a program shows that reads each line by itself or does not know the charset: the line must be visible here, too. */
  const HIDING: readonly (readonly [name: string, part: Buffer])[] = [
    [
      'kanji that do not end',
      of('iso-2022-jp', `hello\r\n${KANJI}\r\n${attack.ATTACK} line\r\nbye`)
    ],
    ['kanji in the line before', of('iso-2022-jp-2', `${KANJI}%F\r\n${attack.ATTACK} line\r\n`)],
    ['katakana that do not end', of('jis', `\u001b(I11\r\n${attack.ATTACK} line\r\n`)],
    ['escape sequences', of('iso-2022-jp', `\u001b[8m${attack.ATTACK} line\u001b[m\r\n`)],
    ['Korean that does not end', of('iso-2022-kr', `\u000e\r\n${attack.ATTACK} line\r\n`)],
    ['Chinese that does not end', of('hz-gb-2312', `~{\r\n${attack.ATTACK} line\r\n`)],
    ['Chinese lines that are joined', of('hz', `x ~\r\n${attack.ATTACK} line\r\n`)],
    ['a lead byte before a line', of('gb18030', `x\u0081\r\n${attack.ATTACK} line\r\n`)],
    ['lead bytes before a line', of('gb18030', `x\u00810\u0081\r\n${attack.ATTACK} line\r\n`)],
    ['a lead byte of Japanese', of('shift_jis', `x\u0081\r\n${attack.ATTACK} line\r\n`)],
    ['a lead byte of three', of('euc-jp', `x\u008f\u00a1\r\n${attack.ATTACK} line\r\n`)],
    ['a lead byte of Taiwan', of('big5', `x\u00a4\r\n${attack.ATTACK} line\r\n`)],
    ['a lead byte of Korea', of('euc-kr', `x\u00b0\r\n${attack.ATTACK} line\r\n`)],
    ['a cut character', of('utf-8', `\u00c3\u00a9 x\u00f0\u009f\r\n${attack.ATTACK} line\r\n`)],
    ['a surrogate', of('utf-8', `\u00c3\u00a9 \u00ed\u00a0\u0080\r\n${attack.ATTACK} line\r\n`)],
    ['UTF-7', of('utf_7', `+AAA-\r\n${attack.ATTACK} line\r\n`)],
    ['a transfer encoding for a charset', of('base64', `${attack.ATTACK} line\r\n`)],
    ['another one', of('hex', `${attack.ATTACK} line\r\n`)]
  ]

  it.each(['in clear', 'sealed'])(
    '23 charset tricks: no line is hidden from the maintainers that a program shows its reader, %s',
    async (way) => {
      await attack.openScene()
      for (const [, part] of HIDING) {
        await attack.scene.attack(
          way === 'sealed'
            ? await attack.sealedMail('mallory', part)
            : attack.mail('mallory', part.toString('latin1'))
        )
      }
      const relays = await attack.scene.mailsTo('grace')
      expect(relays).toHaveLength(HIDING.length)
      for (const [index, [name]] of HIDING.entries()) {
        const { facts, text } = attack.relayOf(relays[index] ?? '')
        expect([name, text]).toEqual([name, expect.stringContaining(`${attack.ATTACK} line`)])
        expect(facts.replaceAll(/\s+/g, ' ')).toContain(WARNINGS['undecodable-text'])
        // What was sealed to the desk nobody else can open.
        const isAttached = relays[index]?.includes('Content-Type: message/rfc822')
        expect(isAttached).toBe(way === 'in clear')
      }
      expect(await attack.scene.harm()).toEqual([])
    }
  )

  it('23 charset tricks: what two programs may read in two ways is said to be a guess, and goes along as it came', async () => {
    await attack.openScene()
    const words = `${'\u6100'.repeat(60)}${attack.ATTACK}`
    for (const part of [
      of('utf-16', utf16(words, 'be')),
      of('utf-16', utf16(words, 'le')),
      of('utf-32', utf16(words, 'le')),
      of('utf-8', `${attack.ATTACK}\u00c0\u00af`),
      of('us-ascii', `${attack.ATTACK}\u00e9`)
    ]) {
      await attack.scene.attack(attack.mail('mallory', part.toString('latin1')))
      const [relay = ''] = (await attack.scene.mailsTo('grace')).slice(-1)
      expect(attack.relayOf(relay).facts.replaceAll(/\s+/g, ' ')).toContain(
        WARNINGS['undecodable-text']
      )
      expect(relay).toContain('Content-Type: message/rfc822')
    }
  })

  it('23 charset tricks: nothing in a header breaks out of it or turns it round', async () => {
    await attack.openScene()
    const word = (charset: string, bytes: string): string =>
      `=?${charset}?B?${Buffer.from(bytes, 'latin1').toString('base64')}?=`
    const line = 'x\r\nBcc: evil@x.example\r\n\r\nSigned: yes'
    for (const text of [
      word('utf-16', utf16(line, 'le')),
      word('utf-16be', utf16(line, 'be')),
      word('utf-7', '+AA0ACg-Bcc: evil@x.example'),
      word('iso-2022-jp', `${KANJI}%F\r\nBcc: evil@x.example`),
      word('iso-2022-jp', `\u001b(I\r\nBcc: evil@x.example\u001b[8m`),
      word('hz-gb-2312', '~{~\r\nBcc: evil@x.example'),
      word('gb18030', '\u00810\u00810\r\nBcc: evil@x.example'),
      word('utf-8', utf8(`a${BIDI}moc.live\u202c\u2028Bcc: evil@x.example`)),
      word('utf-8', '\u00c0\u008d\u00c0\u008aBcc: evil@x.example'),
      `${word('iso-2022-jp', KANJI)} ${word('iso-2022-jp', '\r\nBcc: evil@x.example')}`
    ]) {
      const file = `Content-Type: text/x-log\r\nContent-Disposition: attachment; filename="${text}"\r\n\r\nx`
      await attack.scene.attack(
        `${lines(...attack.head(`${text} <${ADDRESSES.mallory}>`, text))}${mixed([textPart('x'), file])}`
      )
      expect(attack.scene.disposition()).toBe('case-opened')
      const [relay = ''] = (await attack.scene.mailsTo('grace')).slice(-1)
      const [own = ''] = relay.split('Content-Type: message/rfc822')
      expect(own).not.toMatch(/^Bcc:/im)
      expect(own).not.toMatch(/^Signed: yes/m)
      const { facts } = attack.relayOf(own)
      expect(facts).toContain('From: ')
      expect([...own].filter((each) => CONTROL.test(each))).toEqual([])
    }
    expect(attack.scene.world.accepted.some(({ to }) => to.includes('x.example'))).toBe(false)
  })

  it('23 charset tricks: no line of a text passes for one of the desk, whatever ends it', async () => {
    await attack.openScene()
    const ends = ['\n', '\r', '\f', '\u000b', '\u0085', '\u2028', '\u2029']
    const ref = `Ref: ${attack.CASE} ${'a'.repeat(32)}`
    const words = ends.map((end) => `x${end}${ref}${end}${attack.RULE}`).join('\n')
    await attack.scene.attack(attack.mail('mallory', of('utf-8', utf8(words)).toString('latin1')))
    const [relay = ''] = await attack.scene.mailsTo('grace')
    const [own = ''] = relay.split('Content-Type: message/rfc822')
    const everyLine = own.split(/[\n\r\f\u000b\u0085\u2028\u2029]/)
    expect(everyLine.filter((each) => each === ref)).toEqual([])
    expect(attack.relayOf(own).text).toContain('[reference line removed]')
  })
})

/** Everything that acts on a terminal or reverses text, except line ends. */
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}](?<![\r\n\t])/u
