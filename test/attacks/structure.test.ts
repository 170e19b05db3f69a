/** Attacks with the structure of a message: headers, parts, addresses, queries. */
import { expect, it } from 'vitest'
import { joined, literal } from '../fuzz/packets.ts'
import { encryptedMail, lines, mixed, textPart } from '../unit/reading/material.ts'
import { ADDRESSES } from './cast.ts'
import { sealedPackets } from './ciphertext.ts'
import * as attack from './scene.ts'

const ROOMY = { limits: { mail_size: 4_000_000, original: 4_000_000 } }

attack.describeAttacks('attacks with the structure of a message', () => {
  const numbered = (word: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${word} ${index}`)

  /** Everything that left, as it stood on the wire and as its reader sees it. */
  async function sentWords(): Promise<string[]> {
    const wire = attack.scene.world.accepted.map(({ raw }) => raw.toString())
    return [
      ...wire,
      ...(await attack.scene.mailsTo('grace')),
      ...(await attack.scene.mailsTo('mallory'))
    ]
  }

  it('16 MIME bombs: each becomes a case, told to the maintainers, and the next message is served', async () => {
    await attack.openScene(ROOMY)
    const nested = Array.from(
      { length: 5000 },
      (_, depth) => `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n`
    ).join('')
    const worded = Array.from(
      { length: 40 },
      (_, depth) =>
        `Content-Type: multipart/mixed; boundary=w${depth}\r\n\r\n--w${depth}\r\n${textPart(`depth ${depth}`)}\r\n--w${depth}\r\n`
    ).join('')
    const wide = mixed(Array.from({ length: 5000 }, (_, index) => textPart(`part ${index}`)))
    const mails = [
      attack.mail('mallory', nested),
      attack.mail('mallory', worded),
      attack.mail('mallory', wide),
      await attack.sealedMail('mallory', nested),
      `${lines(...attack.head('mallory'), ...Array.from({ length: 20_000 }, (_, n) => `X-${n}: y`))}\r\nhi`,
      `${lines(...attack.head('mallory'), `References: ${'<a@b.example> '.repeat(60_000)}`)}\r\nhi`,
      `${lines(...attack.head('mallory'), `Cc: ${'a@x.example, '.repeat(80_000)}`)}\r\nhi`,
      `${lines(...attack.head('mallory', '=?utf-8?Q?'.repeat(50_000)))}\r\nhi`
    ]
    for (const raw of mails) {
      await attack.becomes('case-opened', raw)
    }
    await attack.nextIsServed()
    const relays = await attack.scene.mailsTo('grace')
    expect(relays).toHaveLength(mails.length + 1)
    // 20 levels, and 200 parts: the whole message is the first of them, and the last holds all the rest, unread.
    const read = (index: number, words: RegExp): string[] =>
      attack.relayOf(relays[index] ?? '').text.match(words) ?? []
    expect(read(1, /^depth \d+$/gm)).toEqual(numbered('depth', 20))
    expect(read(2, /^part \d+$/gm)).toEqual(numbered('part', 198))
    expect(attack.scene.world.accepted.some(({ to }) => to === 'a@x.example')).toBe(false)
  })

  it('18 header injection: a decoded line end makes no header of anything that leaves', async () => {
    await attack.openScene()
    const injected = '=0D=0ABcc:_evil@x.example=0D=0A=0D=0Ainjected'
    const literalName = Buffer.from('b\u0010a\r\nBcc: evil@\u0000\u0000\u0000\u0000', 'latin1')
    const named = {
      tag: literal(Buffer.alloc(0)).tag,
      body: Buffer.concat([literalName, Buffer.from(textPart('x'))])
    }
    const entity = lines(
      `Content-Type: text/plain; protected-headers="v1"`,
      `From: <${ADDRESSES.mallory}>`,
      `Subject: =?utf-8?Q?a${injected}?=`,
      '',
      'hello'
    )
    const file = lines(
      'Content-Type: application/octet-stream',
      `Content-Disposition: attachment; filename*=utf-8''a%0D%0ABcc:%20evil@x.example%E2%80%AE..%2F..%2Fx`,
      '',
      'x'
    )
    for (const raw of [
      attack.plainMail(
        `=?utf-8?Q?a${injected}?= <mallory@evil.example>`,
        'x',
        `=?utf-8?Q?a${injected}?=`
      ),
      attack.plainMail(`"a\r\n\tBcc: evil@x.example" <mallory@evil.example>`, 'x'),
      `${lines(...attack.head('mallory').map((field) => field.replace(/^Message-ID: .*/, 'Message-ID: <a\r\n\tBcc:evil@x.example>')))}\r\nx`,
      attack.mail('mallory', mixed([textPart('x'), file])),
      await attack.sealedMail('mallory', entity),
      encryptedMail(await sealedPackets(joined([named])), attack.head('mallory'))
    ]) {
      await attack.scene.attack(raw)
    }
    for (const words of await sentWords()) {
      // The original is forwarded as it came, inside its own part.
      const [own = ''] = words.split('Content-Type: message/rfc822')
      expect(own).not.toMatch(/^Bcc:/im)
      expect(own).not.toMatch(/^injected/m)
      expect(own).not.toMatch(/filename\*?=[^\n]*(?:\/|%2F|\u202e)/i)
    }
    const reached = new Set<string>(attack.scene.world.accepted.map(({ to }) => to))
    expect([...reached].toSorted()).toEqual(Object.values(ADDRESSES).toSorted())
  })

  it('19 recipient injection: mail goes to addresses in strict form alone, one at a time', async () => {
    await attack.openScene()
    for (const from of [
      '"x@good.example x"@internal.example',
      '<a@b.example\r\n\tRCPT TO:<evil@x.example>>',
      '<mallory@evil.example,evil@x.example>',
      '<mallory@evil.example> <evil@x.example>',
      '<@relay.example:evil@x.example>',
      'group: evil@x.example, mallory@evil.example;',
      '<mallory@[127.0.0.1]>',
      '<mallory@evil.example\u0000evil@x.example>',
      '=?utf-8?Q?evil=40x.example?= <>',
      '<m\u00e4llory@evil.example>'
    ]) {
      await attack.scene.attack(attack.plainMail(from, attack.ATTACK))
    }
    const strict = /^[a-zä0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/
    for (const { to } of attack.scene.world.accepted) {
      expect(to).toMatch(strict)
      expect(to).not.toContain('x.example')
    }
    expect(await attack.scene.harm()).toEqual([])
  })

  it('24 queries: words of a message are values for the database, never a part of its questions', async () => {
    await attack.openScene()
    const hostile = `'); DROP TABLE cases; -- " OR 1=1 NEAR( * ^ CVE-2026-1 %_\\`
    for (const raw of [
      attack.plainMail(`"${hostile.replaceAll('"', '')}" <mallory@evil.example>`, hostile, hostile),
      await attack.sealedMail('mallory', attack.payload('mallory', hostile, hostile)),
      `${lines(...attack.head('mallory', 'x', [`In-Reply-To: <${hostile.replaceAll(/[\s"]/g, '')}@x.example>`]))}\r\nx`
    ]) {
      await attack.becomes('case-opened', raw)
    }
    await attack.scene.attack(
      await attack.commandMail('grace', `case: ACME-2026-0001' OR '1'='1\r\n\r\n/close`)
    )
    expect(await attack.scene.harm()).toEqual([])
    expect(attack.scene.world.rows('SELECT state FROM cases')).toHaveLength(4)
  })
})
